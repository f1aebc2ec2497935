import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { isOption } from "@/chain/layout";
import type { Venue } from "@/engine/types";
import { day, price, span } from "@/format/format";
import { unitPriceQ32 } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useNow, useVenue } from "@/state/live";
import { Card } from "@/ui/card";
import { Badge, Empty, Notice } from "@/ui/feedback";
import { SelectField } from "@/ui/field";
import { ChainTable, type Pick } from "./chain-table";
import { addLeg, legOf, LEGS_MAX, onTick, type Leg } from "./legs";
import { ListSeries } from "./list-series";
import { Ticket } from "./ticket";
import { useChain, useListed } from "./use-chain";

/** A minute: days left need no more. */
const CLOCK_MS = 60_000;

export function OptionsPage() {
  const venue = useVenue();
  const { underlying: wanted } = useSearch({ from: "/options" });
  const navigate = useNavigate({ from: "/options" });
  const underlying = venue.underlyings.find(({ index }) => index === wanted)?.index ?? 0;
  return (
    <>
      <h1 className="sr-only">Options</h1>
      {venue.underlyings.length === 0 ? (
        <Empty title="Nothing is traded on this exchange yet" />
      ) : (
        <Desk
          key={underlying}
          venue={venue}
          underlying={underlying}
          onUnderlying={(index) =>
            void navigate({
              search: ({ account }) => ({ ...(account ? { account } : {}), underlying: index }),
            })
          }
        />
      )}
    </>
  );
}

/** Chain and ticket of one underlying. */
function Desk({
  venue,
  underlying,
  onUnderlying,
}: {
  venue: Venue;
  underlying: number;
  onUnderlying: (underlying: number) => void;
}) {
  const { expiry: wanted } = useSearch({ from: "/options" });
  const navigate = useNavigate({ from: "/options" });
  const { selected } = useAccounts();
  const now = useNow(CLOCK_MS);
  const listed = useListed(underlying);
  const expiries = useMemo(
    () => [
      ...new Set(listed.filter(({ terms }) => isOption(terms)).map(({ terms }) => terms.expiry)),
    ],
    [listed],
  );
  const expiry = expiries.find((found) => found === wanted) ?? expiries[0] ?? 0;
  const rows = useChain(venue, listed, underlying, expiry, selected);
  const [legs, setLegs] = useState<readonly Leg[]>([]);
  const [isFull, setFull] = useState(false);
  const figures = venue.underlyings[underlying];
  const validity = venue.feeds[figures?.feed ?? -1]?.validity;

  const change = (next: readonly Leg[]) => {
    setFull(false);
    setLegs(next);
  };
  const pick: Pick = (option, side, at) => {
    const limit = at === null ? null : onTick(at, option.market.tickSize, side);
    const next = addLeg(legs, legOf(venue, option.terms, side, limit));
    if (next) change(next);
    else setFull(true);
  };

  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SelectField
          label="Underlying"
          value={underlying}
          onChange={(event) => onUnderlying(Number(event.target.value))}
          className="w-28"
        >
          {venue.underlyings.map(({ index, name }) => (
            <option key={index} value={index}>
              {name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="Expiry"
          value={expiry}
          disabled={expiries.length === 0}
          onChange={(event) => {
            const chosen = Number(event.target.value);
            void navigate({ search: (before) => ({ ...before, underlying, expiry: chosen }) });
          }}
          className="w-72 max-w-full"
        >
          {expiries.length === 0 && <option value={0}>None is listed</option>}
          {expiries.map((at) => (
            <option key={at} value={at}>
              {day(at)}, {span(at - now)} left
            </option>
          ))}
        </SelectField>
        <dl className="pb-1">
          <dt className="text-xs text-soft">Mark of {figures?.name}</dt>
          <dd className="flex items-center gap-2 text-base font-semibold">
            {figures && figures.markQ32 !== null
              ? price(unitPriceQ32(venue, underlying, figures.markQ32))
              : "No price yet"}
            {validity !== undefined && validity !== "fresh" && (
              <Badge tone="warn">{validity === "wide" ? "uncertain" : validity}</Badge>
            )}
            {figures?.surface.stale && <Badge tone="warn">stale volatility</Badge>}
          </dd>
        </dl>
        <div className="ml-auto">
          <ListSeries venue={venue} underlying={underlying} listed={listed} />
        </div>
      </div>
      {figures?.surface.stale && (
        <Notice tone="warn" title="The volatility surface is too old">
          {figures.surface.age === null
            ? "None has been posted yet. "
            : `It was posted ${span(figures.surface.age)} ago. `}
          Options on {figures.name} cannot be opened until the next one; what you hold can be
          reduced.
        </Notice>
      )}
      {isFull && (
        <Notice tone="warn">A package has at most {LEGS_MAX} legs: remove one first.</Notice>
      )}
      <Ticket
        venue={venue}
        underlying={underlying}
        expiry={expiry}
        listed={listed}
        legs={legs}
        onLegs={change}
      >
        <Card title={expiry === 0 ? "Option chain" : `Option chain, ${day(expiry)}`} flush>
          {rows.length === 0 ? (
            <Empty title="No options are listed">
              Anybody can list a series: choose a strike and an expiry with “List a series”.
            </Empty>
          ) : (
            <ChainTable
              venue={venue}
              underlying={underlying}
              caption={`Options on ${figures?.name ?? ""} that expire on ${day(expiry)}`}
              rows={rows}
              onPick={pick}
            />
          )}
        </Card>
      </Ticket>
    </>
  );
}
