/** The ticket: an order, what would become of it, and its way to the cluster. */
import { useMemo } from "react";
import { bookOf, type Book } from "@/chain/book";
import { Side } from "@/chain/layout";
import { toJson } from "@/engine/engine";
import type { WhatIfAnswer } from "@/engine/types";
import { QUOTE_DECIMALS } from "@/format/format";
import { formatLots, lotsToSize, sizeDecimals, underlyingName, unitPrice } from "@/format/names";
import { price as priceText } from "@/format/format";
import { Projection } from "@/pages/portfolio/projection";
import { useAccounts } from "@/state/accounts";
import { useLiquidationMarks } from "@/state/liquidation";
import { useLive, useNow, useRisk } from "@/state/live";
import { engineWords, type Words } from "@/transactions/words";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Notice } from "@/ui/feedback";
import { AmountField, CheckField, Choice, SelectField } from "@/ui/field";
import { useLargest } from "./largest";
import { LiquidationPrices } from "./liquidation-prices";
import { Outcome } from "./outcome";
import { isPaused, objectionWords, priceError, refusalsOf, sizeError } from "./reasons";
import {
  bestAgainst,
  changesOf,
  largestLots,
  makersNow,
  objectionTo,
  planOrder,
  templateOf,
  type OrderSide,
  type Rules,
  type TicketType,
} from "./ticket";
import { draftOf, enteredLots, type Ticket } from "./ticket-state";
import { usePosition, type MarketView } from "./view";

const SIDES = [
  { value: "0", text: "Buy", tone: "buy" },
  { value: "1", text: "Sell", tone: "sell" },
] as const;
const TYPES: readonly { value: TicketType; text: string }[] = [
  { value: "limit", text: "Limit" },
  { value: "market", text: "Market" },
  { value: "postOnly", text: "Post-only" },
  { value: "immediateOrCancel", text: "Immediate or cancel" },
];
/** 1e-4 of the price. */
const SLIPPAGES = [10n, 50n, 100n, 200n];
/** Percent of the largest size. */
const PARTS = [25n, 50n, 75n];

interface Props {
  view: MarketView;
  book: Book;
  ticket: Ticket;
}

export function TicketForm(props: Props) {
  const { view } = props;
  return (
    <Card title="Order ticket">
      {view.rules ? (
        <Form {...props} rules={view.rules} />
      ) : (
        <Notice tone="warn" title="No price">
          {underlyingName(view.venue, view.market.terms.underlying)} has never had a price: nothing
          can be traded.
        </Notice>
      )}
    </Card>
  );
}

function Form({ view, book, ticket, rules }: Props & { rules: Rules }) {
  const { venue, market, key, name } = view;
  const { underlying } = market.terms;
  const { selected, role, owner } = useAccounts();
  const { mirror } = useLive();
  const { send, isBusy, obstacle } = useTransact();
  const position = usePosition(key);
  const held = position?.lots ?? 0n;
  const trader = useMemo(() => ({ owner, held }), [owner, held]);

  const draft = draftOf(view, ticket);
  const lots = enteredLots(view, ticket);
  const plan = lots === null ? null : planOrder(draft, rules, book, trader);
  const changes = plan ? changesOf(plan) : [];
  const scene = toJson(changes);
  const projected = useRisk<WhatIfAnswer | { failure: Words } | null>(
    (risk) => {
      if (!selected || changes.length === 0) return null;
      try {
        return risk.whatIf(selected, changes);
      } catch (error) {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        return { failure: engineWords(name, message) };
      }
    },
    [selected, scene],
  );
  const answer = projected && "after" in projected ? projected : null;

  const scope = `${key} ${draft.side} ${draft.type}`;
  const affordable = useLargest(selected, templateOf(draft, rules, book, trader), scope);
  const largest = largestLots(draft, rules, book, trader, affordable);

  const before = useLiquidationMarks(selected).get(underlying);
  // The prices of single fills move with every change of the book, which moves a liquidation by next to nothing.
  const minute = useNow(60_000);
  const outcome = plan && [minute, draft.side, plan.match.lots, plan.rest].join(" ");
  // eslint-disable-next-line react-hooks/exhaustive-deps -- kept for as long as it comes to the same
  const steady = useMemo(() => changes, [outcome, key, draft.price]);
  const after = useLiquidationMarks(selected, steady).get(underlying);

  const wrongPrice = draft.type === "market" ? null : priceError(view, ticket.price);
  const wrongSize = sizeError(view, ticket.size, lots);
  const objection = plan && objectionTo(draft, plan, rules, view.phase, book, trader);
  const refusals = answer ? refusalsOf(answer) : [];
  const reason = !selected
    ? (obstacle ?? "Open an account on the portfolio page first.")
    : role === "viewer"
      ? "This account is not yours: you can only look at it."
      : (obstacle ??
        (wrongPrice !== null || wrongSize !== null
          ? "Correct what is marked above."
          : draft.type !== "market" && draft.price === null
            ? "Enter a price."
            : lots === null
              ? "Enter a size."
              : objection
                ? objectionWords(objection, view, draft.side, bestAgainst(book, draft.side))
                : plan && isPaused(venue, plan)
                  ? "Orders of this kind are paused now. Cancelling goes on."
                  : projected && "failure" in projected
                    ? [projected.failure.what, projected.failure.advice].join(" ")
                    : refusals.length > 0
                      ? "The program would refuse it, see above."
                      : null));

  const unit = underlyingName(venue, underlying);
  const verb = draft.side === Side.Bid ? "Buy" : "Sell";
  const title = `${verb} ${lots === null ? "" : `${formatLots(venue, underlying, lots)} `}${name}`;
  const submit = async () => {
    if (!selected || !plan || reason !== null) return;
    const touches = [selected, ...plan.request.makers.map(({ account }) => account)];
    const isConfirmed = await send(
      title,
      async (actions, passed) => {
        // Makers replace their orders all the time: those that stand now are the ones to trade with.
        await mirror.read([...new Set(plan.request.makers.map(({ account }) => account))]);
        const newest = bookOf(mirror.orders.values(), market.terms, mirror.now());
        const makers = makersNow(plan, rules, newest, trader, passed);
        return [await actions.order(selected, { ...plan.request, makers })];
      },
      touches,
      {
        taker: selected,
        legs: [
          {
            market: market.address,
            name,
            lots: plan.match.lots,
            write: (some) => formatLots(venue, underlying, some),
          },
        ],
      },
    );
    if (isConfirmed) ticket.change({ size: { text: "", value: null, error: null } });
  };

  return (
    <form
      aria-label="Order ticket"
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Choice
        label="Side"
        value={draft.side === Side.Bid ? "0" : "1"}
        options={SIDES}
        onChange={(value) => ticket.change({ side: Number(value) as OrderSide })}
      />
      <SelectField
        label="Type"
        value={ticket.type}
        onChange={(event) => {
          const type = TYPES.find(({ value }) => value === event.target.value);
          if (type) ticket.change({ type: type.value });
        }}
      >
        {TYPES.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </SelectField>
      {ticket.type === "market" ? (
        <SelectField
          label="Slippage tolerance"
          hint="Beyond the worst price that is expected"
          value={ticket.slippageBps.toString()}
          onChange={(event) => ticket.change({ slippageBps: BigInt(event.target.value) })}
        >
          {SLIPPAGES.map((bps) => (
            <option key={bps.toString()} value={bps.toString()}>
              {Number(bps) / 100}%
            </option>
          ))}
        </SelectField>
      ) : (
        <AmountField
          label="Price"
          unit="USDC"
          amount={ticket.price}
          decimals={QUOTE_DECIMALS}
          error={wrongPrice}
          onAmount={(price) => ticket.change({ price })}
          aside={<BestPrices view={view} book={book} onPrice={ticket.takePrice} />}
        />
      )}
      <AmountField
        label="Size"
        unit={unit}
        amount={ticket.size}
        decimals={sizeDecimals(venue, underlying)}
        error={wrongSize}
        max={largest === null ? null : lotsToSize(venue, underlying, largest)}
        onAmount={(size) => ticket.change({ size })}
      />
      <div role="group" aria-label="Part of the largest size" className="grid grid-cols-3 gap-2">
        {PARTS.map((part) => (
          <Button
            key={part.toString()}
            size="sm"
            disabled={largest === null || largest === 0n}
            onClick={() => largest !== null && ticket.takeLots((largest * part) / 100n)}
          >
            {part.toString()}%
          </Button>
        ))}
      </div>
      <CheckField
        label="Reduce only"
        hint="Trades no more than the position"
        checked={ticket.reduceOnly}
        onChange={(event) => ticket.change({ reduceOnly: event.target.checked })}
      />
      {plan && <Outcome view={view} plan={plan} />}
      {answer && (
        <Projection
          before={answer.before.totals}
          after={answer.after.totals}
          refusals={refusals}
          caption="Health before and after the order"
          rows={[
            {
              name: "Liquidation",
              before: <LiquidationPrices {...{ venue, underlying }} marks={before} />,
              after: <LiquidationPrices {...{ venue, underlying }} marks={after} />,
            },
          ]}
        />
      )}
      <div className="grid gap-1.5">
        <Button
          type="submit"
          size="lg"
          variant={draft.side === Side.Bid ? "buy" : "sell"}
          disabled={reason !== null || isBusy}
          aria-describedby="ticket-reason"
        >
          {title}
        </Button>
        <p id="ticket-reason" role="status" className="min-h-4 text-xs text-soft">
          {reason ?? (isBusy ? "On its way…" : "")}
        </p>
      </div>
    </form>
  );
}

/** Buttons that take the best prices of the book, or the mark on the tick. */
function BestPrices({
  view: { venue, market, quote },
  book,
  onPrice,
}: {
  view: MarketView;
  book: Book;
  onPrice: (perLot: bigint) => void;
}) {
  const { underlying } = market.terms;
  const mark = quote && (quote.markQ32 >> 32n) - ((quote.markQ32 >> 32n) % market.tickSize);
  const places = [
    { name: "Bid", perLot: book.bids[0]?.price },
    { name: "Mark", perLot: mark },
    { name: "Ask", perLot: book.asks[0]?.price },
  ];
  return (
    <span className="flex gap-2">
      {places.map(({ name, perLot }) =>
        perLot ? (
          <button
            key={name}
            type="button"
            title={`${name} ${priceText(unitPrice(venue, underlying, perLot))}`}
            onClick={() => onPrice(perLot)}
            className="rounded bg-raised px-1.5 py-0.5 font-medium text-ink hover:underline"
          >
            {name}
          </button>
        ) : null,
      )}
    </span>
  );
}
