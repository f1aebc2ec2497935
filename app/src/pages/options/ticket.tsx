/** The ticket of a package: legs, size, what it would do, and sending it as one transaction. */
import { useId, useState, type ReactNode } from "react";
import { booksOf } from "@/chain/book";
import { MarketStatus, Side, termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { Assessment, Terms, Venue } from "@/engine/types";
import { price } from "@/format/format";
import {
  formatLots,
  lotsToSize,
  marketName,
  sizeDecimals,
  sizeToLots,
  unitPriceQ32,
} from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useLiquidationMarks } from "@/state/liquidation";
import { useLive } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty, Notice } from "@/ui/feedback";
import { AmountField, amountFrom, amountOf, Choice, SelectField } from "@/ui/field";
import { Projection } from "../portfolio/projection";
import { LegRow } from "./leg-row";
import { addLeg, fill, inOrder, legOf, usable, type Leg } from "./legs";
import { PackageFigures } from "./package-figures";
import { PayoffChart } from "./payoff-chart";
import { PRESETS, type Listing, type Preset } from "./presets";
import { useMost, usePackage, type Mode } from "./use-package";

interface Props {
  venue: Venue;
  underlying: number;
  /** Of the chain, for strategies. */
  expiry: number;
  listed: readonly ListedMarket[];
  legs: readonly Leg[];
  onLegs: (legs: readonly Leg[]) => void;
  children: ReactNode;
}

/** A size that is worth some hundred dollars, whatever the price. */
function usualSize(unitMark: bigint): string {
  return unitMark < 1_000_000_000n ? "1" : unitMark < 10_000_000_000n ? "0.1" : "0.01";
}

/** With `children`, the chain, beside it and the payoff below that. */
export function Ticket({ venue, underlying, expiry, listed, legs, onLegs, children }: Props) {
  const { selected, role, owner } = useAccounts();
  const { mirror } = useLive();
  const { send, isBusy, obstacle } = useTransact();
  const reasonId = useId();
  const markQ32 = venue.underlyings[underlying]?.markQ32 ?? null;
  const decimals = sizeDecimals(venue, underlying);
  const [size, setSize] = useState(() =>
    amountOf(usualSize(unitPriceQ32(venue, underlying, markQ32 ?? 0n)), decimals),
  );
  const [wish, setWish] = useState<Mode>("now");
  const mode: Mode = legs.length === 1 ? wish : "now";
  const lots = size.value === null ? null : sizeToLots(venue, underlying, size.value);
  const state = usePackage(venue, underlying, selected, owner, legs, lots, mode);
  const most = useMost(selected, owner, state.legs, mode);
  const before = useLiquidationMarks(selected);
  const after = useLiquidationMarks(selected, state.changes);

  const strikes = (kind: Terms["kind"]) =>
    listed
      .filter(({ terms }) => terms.kind === kind && terms.expiry === expiry)
      .map(({ terms }) => terms.strike);
  const listing: Listing = {
    underlying,
    expiry,
    calls: strikes("call"),
    puts: strikes("put"),
    perpetual: listed.find(({ terms }) => terms.kind === "perpetual")?.terms ?? null,
    money: (markQ32 ?? 0n) >> 32n,
  };
  const hedges = listed.filter(
    ({ terms }) =>
      (terms.kind === "perpetual" || terms.kind === "future") &&
      legs.every((leg) => termsKey(leg.terms) !== termsKey(terms)),
  );
  const delta = state.answer?.package.alone.underlyings[0]?.deltaUnits ?? 0n;

  const sizeError =
    size.value === null
      ? null
      : size.value <= 0n
        ? "The size must be above 0."
        : lots === null
          ? `Sizes are multiples of ${formatLots(venue, underlying, 1n)}.`
          : null;
  const short = state.fills?.filter((leg) => mode === "now" && leg.match.lots < leg.lots) ?? [];
  const { answer, failure } = state;
  const reason =
    legs.length === 0
      ? "Choose a leg first."
      : (obstacle ??
        (role === "viewer"
          ? selected
            ? "You are looking at an account that is not yours."
            : "Open an account and deposit on the Portfolio page first."
          : state.legs.some(({ problem }) => problem !== null)
            ? "Complete every leg."
            : !state.fills
              ? "Type a size."
              : short.length > 0
                ? "The book has less than you want: reduce the size, move the limit, or rest a single leg."
                : failure
                  ? failure.what
                  : answer && !answer.whatIf.allowed
                    ? "The account cannot take this now, see above."
                    : null));

  const submit = async () => {
    const { fills } = state;
    if (!selected || !fills) return;
    const [first] = fills;
    const title =
      fills.length === 1 && first
        ? `${first.side === Side.Bid ? "Buy" : "Sell"} ${formatLots(venue, underlying, first.lots)} ${marketName(venue, first.terms)}`
        : `Trade a package of ${fills.length} legs`;
    const makers = [...new Set(fills.flatMap(({ match }) => match.makers.map((at) => at.account)))];
    const keys = fills.map(({ terms }) => termsKey(terms));
    const places = state.legs.map(({ leg: { terms }, market, figures }) => ({
      terms,
      market,
      figures,
    }));
    const marketOf = (terms: Terms) =>
      listed.find((found) => termsKey(found.terms) === termsKey(terms));
    const isDone = await send(
      title,
      async (actions, passed) => {
        // Makers replace their orders all the time: those that stand now are the ones to trade with.
        await mirror.read(makers);
        const books = usable(booksOf(mirror.orders.values(), keys, mirror.now()), places, passed);
        return Promise.all(
          inOrder(fill(fills, books, owner)).map(({ terms, side, limit, lots: wanted, match }) => {
            return actions.order(selected, {
              terms,
              side,
              price: limit,
              lots: wanted,
              reduceOnly: marketOf(terms)?.status === MarketStatus.ReduceOnly,
              type: mode === "rest" ? "limit" : "immediateOrCancel",
              makers: match.makers,
            });
          }),
        );
      },
      [selected, ...makers],
      {
        taker: selected,
        legs: fills.flatMap(({ terms, lots: wanted, match }) => {
          const market = marketOf(terms)?.address;
          const traded = mode === "now" ? wanted : match.lots;
          const write = (some: bigint) => formatLots(venue, underlying, some);
          return market ? [{ market, name: marketName(venue, terms), lots: traded, write }] : [];
        }),
      },
    );
    if (isDone) onLegs([]);
  };

  const marksOf = (marks: typeof before, { underlyings }: Assessment) => {
    if (underlyings.every((figures) => figures.underlying !== underlying)) return "none";
    const found = marks.get(underlying);
    if (!found) return "…";
    const at = (q32: bigint) => price(unitPriceQ32(venue, underlying, q32));
    const texts = [
      ...(found.belowQ32 === null ? [] : [`below ${at(found.belowQ32)}`]),
      ...(found.aboveQ32 === null ? [] : [`above ${at(found.aboveQ32)}`]),
    ];
    return texts.length === 0 ? "none" : texts.join(", ");
  };

  return (
    <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_25rem] xl:grid-rows-[auto_1fr] xl:items-start">
      {children}
      <Card
        title="Package"
        flush
        className="xl:row-span-2"
        actions={
          legs.length > 0 && (
            <Button size="sm" variant="ghost" onClick={() => onLegs([])}>
              Clear
            </Button>
          )
        }
      >
        <Strategies
          listing={listing}
          onPreset={(preset) => {
            const found = preset.legs(listing);
            if (found) onLegs(found.map(({ terms, side }) => legOf(venue, terms, side)));
          }}
        />
        {legs.length === 0 ? (
          <Empty title="No legs yet">
            Press a bid, an ask or a mark in the chain, or begin with a strategy.
          </Empty>
        ) : (
          <>
            <ul aria-label="Legs">
              {state.legs.map((checked, index) => (
                <LegRow
                  key={termsKey(checked.leg.terms)}
                  venue={venue}
                  checked={checked}
                  isSized={lots !== null}
                  onLeg={(leg) => onLegs(legs.with(index, leg))}
                  onRemove={() => onLegs(legs.filter((_, at) => at !== index))}
                />
              ))}
            </ul>
            <div className="grid gap-3 p-4">
              <div className="grid grid-cols-2 items-end gap-2">
                <Button
                  disabled={legs.every(({ followsBook }) => followsBook)}
                  onClick={() => onLegs(legs.map((leg) => ({ ...leg, followsBook: true })))}
                >
                  Limits from the book
                </Button>
                <SelectField
                  label="Add a hedge leg"
                  value=""
                  disabled={hedges.length === 0 || legs.length >= 4}
                  onChange={(event) => {
                    const hedge = hedges.find(
                      ({ terms }) => termsKey(terms) === event.target.value,
                    );
                    const next =
                      hedge &&
                      addLeg(legs, legOf(venue, hedge.terms, delta > 0n ? Side.Ask : Side.Bid));
                    if (next) onLegs(next);
                  }}
                >
                  <option value="">Choose…</option>
                  {hedges.map(({ terms }) => (
                    <option key={termsKey(terms)} value={termsKey(terms)}>
                      {marketName(venue, terms)}
                    </option>
                  ))}
                </SelectField>
              </div>
              <AmountField
                label="Size of the package"
                amount={size}
                decimals={decimals}
                unit={venue.underlyings[underlying]?.name ?? ""}
                error={sizeError}
                max={most && lotsToSize(venue, underlying, most.lots)}
                aside={
                  most &&
                  `Max ${formatLots(venue, underlying, most.lots)}, by the ${most.limit === "book" ? "book" : "margin"}`
                }
                onAmount={setSize}
              />
              {legs.length === 1 && (
                <Choice
                  label="How to trade"
                  value={wish}
                  options={[
                    { value: "now", text: "Trade now" },
                    { value: "rest", text: "Rest as limit order" },
                  ]}
                  onChange={setWish}
                />
              )}
              {answer && (
                <>
                  {selected && (
                    <Projection
                      before={answer.whatIf.before.totals}
                      after={answer.whatIf.after.totals}
                      refusals={answer.whatIf.refusals}
                      rows={[
                        {
                          name: "Liquidation price",
                          before: marksOf(before, answer.whatIf.before),
                          after: marksOf(after, answer.whatIf.after),
                        },
                      ]}
                    />
                  )}
                </>
              )}
              {failure && (
                <Notice tone="down" title="No figures for this package">
                  <p>
                    {failure.what} {failure.advice}
                  </p>
                </Notice>
              )}
              {short.length > 0 && (
                <ShortBook
                  venue={venue}
                  underlying={underlying}
                  rows={short}
                  reduced={
                    state.legs.reduce<bigint | null>((least, { leg, fill }) => {
                      if (!fill) return least;
                      const has = fill.match.lots / leg.ratio;
                      return least === null || has < least ? has : least;
                    }, null) ?? 0n
                  }
                  onReduce={(to) =>
                    setSize(amountFrom(lotsToSize(venue, underlying, to), decimals))
                  }
                />
              )}
              <Button
                variant="primary"
                size="lg"
                disabled={reason !== null || isBusy}
                aria-describedby={reasonId}
                onClick={() => void submit()}
              >
                {mode === "rest"
                  ? "Place the limit order"
                  : legs.length === 1
                    ? "Trade"
                    : `Trade all ${legs.length} legs`}
              </Button>
              <p id={reasonId} className="text-xs text-soft">
                {reason ??
                  (mode === "now" && legs.length > 1
                    ? "One transaction, bought legs first, sent only if all of it would trade. Where the book has shrunk before it arrives a leg trades less and what is missing lapses; if a leg finds nothing, none trades."
                    : "")}
              </p>
            </div>
          </>
        )}
      </Card>
      {answer && (
        <Card title="Payoff of the package">
          <div className="grid gap-4">
            <PayoffChart venue={venue} underlying={underlying} answer={answer} />
            <PackageFigures venue={venue} underlying={underlying} answer={answer} />
          </div>
        </Card>
      )}
    </div>
  );
}

/** Packages that begin with a press of a button, and what the others need. */
function Strategies({
  listing,
  onPreset,
}: {
  listing: Listing;
  onPreset: (preset: Preset) => void;
}) {
  const lacking = PRESETS.filter((preset) => preset.legs(listing) === null);
  return (
    <div className="grid gap-2 border-b p-3">
      <div role="group" aria-label="Strategies" className="flex flex-wrap gap-1.5">
        {PRESETS.map((preset) => (
          <Button
            key={preset.id}
            size="sm"
            title={preset.about}
            disabled={lacking.includes(preset)}
            onClick={() => onPreset(preset)}
          >
            {preset.name}
          </Button>
        ))}
      </div>
      {lacking.length > 0 && (
        <p className="text-xs text-soft">
          {lacking.map(({ name, needs }) => `${name} needs ${needs}`).join("; ")}.
        </p>
      )}
    </div>
  );
}

/** Which legs the book cannot fill, and the size that it can. */
function ShortBook({
  venue,
  underlying,
  rows,
  reduced,
  onReduce,
}: {
  venue: Venue;
  underlying: number;
  rows: readonly { terms: Terms; lots: bigint; match: { lots: bigint } }[];
  reduced: bigint;
  onReduce: (lots: bigint) => void;
}) {
  const text = (lots: bigint) => formatLots(venue, underlying, lots);
  return (
    <Notice tone="warn" title="The book has less">
      {rows.map(({ terms, lots, match }) => (
        <p key={termsKey(terms)}>
          {marketName(venue, terms)}: {text(match.lots)} of {text(lots)} at your limit or better.
        </p>
      ))}
      {reduced > 0n && (
        <Button size="sm" className="mt-2" onClick={() => onReduce(reduced)}>
          Reduce the size to {text(reduced)}
        </Button>
      )}
    </Notice>
  );
}
