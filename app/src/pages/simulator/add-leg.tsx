/** Any listed market, or any option series that could be listed. */
import { useMemo, useState } from "react";
import { isOption, termsKey } from "@/chain/layout";
import { expiryGrid, isOnStrikeGrid, strikeAtMark } from "@/chain/series";
import type { Kind, Terms, Venue } from "@/engine/types";
import { day, QUOTE_DECIMALS, span } from "@/format/format";
import {
  formatTick,
  lotPrice,
  sizeDecimals,
  sizeToLots,
  underlyingName,
  unitPrice,
} from "@/format/names";
import { useMarkets, useNow } from "@/state/live";
import { Button } from "@/ui/button";
import { AmountField, amountFrom, Choice, NO_AMOUNT, SelectField, type Amount } from "@/ui/field";
import type { SceneLeg } from "./scene";
import { SIDES, type LegSide } from "./words";

const KINDS: readonly { value: Kind; text: string }[] = [
  { value: "perpetual", text: "Perpetual" },
  { value: "future", text: "Future" },
  { value: "call", text: "Call" },
  { value: "put", text: "Put" },
];
/** Expiries come and go by the minute. */
const CALM_MS = 60_000;

interface Props {
  venue: Venue;
  onAdd: (leg: SceneLeg) => void;
}

export function AddLeg({ venue, onAdd }: Props) {
  const markets = useMarkets();
  const now = useNow(CALM_MS);
  const [underlying, setUnderlying] = useState(0);
  const [kind, setKind] = useState<Kind>("perpetual");
  const [expiry, setExpiry] = useState<number | null>(null);
  const [strike, setStrike] = useState<Amount | null>(null);
  const [side, setSide] = useState<LegSide>("buy");
  const [size, setSize] = useState<Amount>(NO_AMOUNT);

  const listed = venue.underlyings[underlying];
  const expiries = useMemo(() => {
    const own = markets
      .map(({ terms }) => terms)
      .filter((terms) => terms.underlying === underlying && terms.expiry > now);
    const dates = own
      .filter((terms) => (kind === "future" ? terms.kind === "future" : isOption(terms)))
      .map((terms) => terms.expiry);
    const grid = kind === "future" || !listed?.strikeStep ? [] : expiryGrid(now);
    return [...new Set([...dates, ...grid])].sort((a, b) => a - b);
  }, [markets, underlying, kind, now, listed?.strikeStep]);

  const atMark = listed ? strikeAtMark(listed) : null;
  const strikeAmount =
    strike ??
    (atMark === null
      ? NO_AMOUNT
      : amountFrom(unitPrice(venue, underlying, atMark), QUOTE_DECIMALS));
  const chosen = expiries.includes(expiry ?? 0) ? expiry : (expiries[0] ?? null);
  const isDated = kind !== "perpetual";
  const hasStrike = kind === "call" || kind === "put";
  const perLot =
    strikeAmount.value === null ? null : lotPrice(venue, underlying, strikeAmount.value);
  const terms: Terms | null =
    (isDated && chosen === null) || (hasStrike && (perLot ?? 0n) <= 0n)
      ? null
      : {
          underlying,
          kind,
          expiry: isDated ? (chosen ?? 0) : 0,
          strike: hasStrike ? (perLot ?? 0n) : 0n,
        };
  const isListed =
    terms !== null && markets.some((market) => termsKey(market.terms) === termsKey(terms));
  const strikeError =
    strikeAmount.error ??
    (hasStrike && !isListed && listed && !isOnStrikeGrid(listed, perLot ?? 0n)
      ? `A multiple of ${formatTick(venue, underlying, listed.strikeStep)} not too far from the price`
      : null);
  const lots = size.value === null ? null : sizeToLots(venue, underlying, size.value);
  const sizeError =
    size.error ?? (size.value !== null && lots === null ? "No whole number of lots" : null);
  const reason =
    isDated && chosen === null
      ? `There is no ${kind} on ${underlyingName(venue, underlying)}`
      : kind === "perpetual" && !isListed
        ? "This perpetual is not listed"
        : hasStrike && strikeError
          ? "Choose a strike of the grid"
          : lots === null || lots <= 0n
            ? "Type a size"
            : null;

  return (
    <form
      aria-label="Another trade"
      className="grid gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (!terms || !lots || reason !== null) return;
        onAdd({ terms, lots: side === "sell" ? -lots : lots, price: null });
        setSize(NO_AMOUNT);
      }}
    >
      <div className="grid grid-cols-2 gap-3">
        <SelectField
          label="Underlying"
          value={underlying}
          onChange={(event) => {
            setUnderlying(Number(event.target.value));
            setStrike(null);
          }}
        >
          {venue.underlyings.map(({ index, name }) => (
            <option key={index} value={index}>
              {name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="Instrument"
          value={kind}
          onChange={(event) =>
            setKind(KINDS.find(({ value }) => value === event.target.value)?.value ?? "perpetual")
          }
        >
          {KINDS.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </SelectField>
        {isDated && (
          <SelectField
            label="Expiry"
            className={hasStrike ? "" : "col-span-2"}
            value={chosen ?? ""}
            onChange={(event) => setExpiry(Number(event.target.value))}
          >
            {expiries.map((date) => (
              <option key={date} value={date}>
                {day(date)} ({span(date - now)})
              </option>
            ))}
          </SelectField>
        )}
        {hasStrike && (
          <AmountField
            label="Strike"
            unit="USDC"
            decimals={QUOTE_DECIMALS}
            amount={strikeAmount}
            error={strikeError}
            onAmount={setStrike}
          />
        )}
      </div>
      <div className="grid grid-cols-2 items-end gap-3">
        <Choice label="Side of another trade" value={side} options={SIDES} onChange={setSide} />
        <AmountField
          label="Size"
          unit={underlyingName(venue, underlying)}
          decimals={sizeDecimals(venue, underlying)}
          amount={size}
          error={sizeError}
          onAmount={setSize}
        />
      </div>
      <Button type="submit" disabled={reason !== null}>
        Add trade
      </Button>
      {reason !== null && <p className="text-xs text-soft">{reason}.</p>}
    </form>
  );
}
