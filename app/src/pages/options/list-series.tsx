/** Lists a strike and an expiry that nobody has listed yet. */
import { expiryGrid, strikeBounds } from "@/chain/series";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { getMarketDecoder } from "@/client";
import { termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { Terms, Venue } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { day, price, QUOTE_DECIMALS, span } from "@/format/format";
import { formatTick, lotPrice, marketName, unitPrice } from "@/format/names";
import { useNetwork } from "@/network";
import { useLive, useNow } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { AmountField, Choice, NO_AMOUNT, SelectField } from "@/ui/field";

const KINDS = [
  { value: "both", text: "Call and put" },
  { value: "call", text: "Call" },
  { value: "put", text: "Put" },
] as const;
/** Days left need no finer clock. */
const CLOCK_MS = 60_000;
const SOL_DECIMALS = 9;

interface Props {
  venue: Venue;
  underlying: number;
  listed: readonly ListedMarket[];
}

export function ListSeries(props: Props) {
  const [isOpen, setOpen] = useState(false);
  const name = props.venue.underlyings[props.underlying]?.name ?? "";
  return (
    <>
      <Button onClick={() => setOpen(true)}>List a series</Button>
      <Dialog
        open={isOpen}
        onOpenChange={setOpen}
        title={`List options on ${name}`}
        description="Anybody may open a market for a strike and an expiry on the grid. It begins without orders."
      >
        <Form {...props} onDone={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

/** What a market costs to list, lamports each. It comes back when the series is closed. */
function useRent() {
  const network = useNetwork();
  const { mirror } = useLive();
  return useQuery({
    queryKey: ["market-rent", network.rpcUrl],
    queryFn: () =>
      mirror.rpc.getMinimumBalanceForRentExemption(BigInt(getMarketDecoder().fixedSize)).send(),
    staleTime: Infinity,
  });
}

function Form({ venue, underlying, listed, onDone }: Props & { onDone: () => void }) {
  const { send, isBusy, obstacle } = useTransact();
  const now = useNow(CLOCK_MS);
  const rent = useRent();
  const reasonId = useId();
  const expiries = expiryGrid(now);
  const [expiry, setExpiry] = useState(expiries[0] ?? 0);
  const [kind, setKind] = useState<(typeof KINDS)[number]["value"]>("both");
  const [strike, setStrike] = useState(NO_AMOUNT);
  const figures = venue.underlyings[underlying];
  const bounds = figures ? strikeBounds(figures) : null;
  const validity = venue.feeds[figures?.feed ?? -1]?.validity;
  const isPaused = venue.paused.includes("listSeries");

  const at = strike.value === null ? null : lotPrice(venue, underlying, strike.value);
  const step = figures?.strikeStep ?? 0n;
  const text = (perLot: bigint) => price(unitPrice(venue, underlying, perLot));
  const strikeError =
    strike.value === null || !bounds
      ? null
      : at === null || at % step !== 0n
        ? `Strikes are multiples of ${formatTick(venue, underlying, step)}.`
        : at < bounds[0] || at > bounds[1]
          ? `Strikes lie between ${text(bounds[0])} and ${text(bounds[1])} now.`
          : null;
  const wanted: Terms[] =
    at === null
      ? []
      : (["call", "put"] as const)
          .filter((each) => kind === "both" || kind === each)
          .map((each) => ({ underlying, expiry, kind: each, strike: at }));
  const known = new Set(listed.map(({ terms }) => termsKey(terms)));
  const missing = wanted.filter((terms) => !known.has(termsKey(terms)));
  const cost =
    rent.data === undefined
      ? "the rent of its account"
      : `${formatDecimal(rent.data * BigInt(Math.max(1, missing.length)), SOL_DECIMALS, { max: 6 })} SOL`;
  const reason = !bounds
    ? "Nobody but the admin lists options on this underlying, or it has no price yet."
    : isPaused
      ? "Listing is paused."
      : (obstacle ??
        (validity !== "fresh"
          ? "Listing needs a fresh price."
          : strike.value === null
            ? "Type a strike."
            : (strikeError ?? (missing.length === 0 ? "That is listed already." : null))));

  const submit = async () => {
    const names = missing.map((terms) => marketName(venue, terms)).join(" and ");
    const isDone = await send(
      `List ${names}`,
      (actions) => Promise.all(missing.map((terms) => actions.listSeries(terms))),
      [],
    );
    if (isDone) onDone();
  };

  return (
    <div className="grid gap-4">
      <Choice label="Kind" value={kind} options={KINDS} onChange={setKind} />
      <SelectField
        label="Expiry"
        value={expiry}
        onChange={(event) => setExpiry(Number(event.target.value))}
        hint="08:00 UTC; every day for a week, Fridays for five weeks, last Fridays of a month for 400 days"
      >
        {expiries.map((each) => (
          <option key={each} value={each}>
            {day(each)}, {span(each - now)} left
          </option>
        ))}
      </SelectField>
      <AmountField
        label="Strike"
        amount={strike}
        decimals={QUOTE_DECIMALS}
        unit="USDC"
        error={strikeError}
        hint={
          bounds &&
          `Multiples of ${formatTick(venue, underlying, step)} from ${text(bounds[0])} to ${text(bounds[1])}`
        }
        onAmount={setStrike}
      />
      <p className="text-sm text-soft">
        You pay {cost} of rent for {missing.length > 1 ? "both accounts" : "the account"}. It comes
        back to your wallet when the series is closed after its expiry.
      </p>
      <Button
        variant="primary"
        size="lg"
        disabled={reason !== null || isBusy}
        aria-describedby={reasonId}
        onClick={() => void submit()}
      >
        List
      </Button>
      <p id={reasonId} className="text-xs text-soft">
        {reason ?? missing.map((terms) => marketName(venue, terms)).join(", ")}
      </p>
    </div>
  );
}
