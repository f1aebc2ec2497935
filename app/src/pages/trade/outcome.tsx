/** What would become of the order: what is filled at once, what rests, what it costs. */
import { Side } from "@/chain/layout";
import { MAKERS_MAX } from "@/chain/book";
import { exactUsd, percent, price, usd } from "@/format/format";
import { formatLots, formatTick, underlyingName, unitPrice } from "@/format/names";
import { Figure, Figures } from "@/ui/card";
import { Notice } from "@/ui/feedback";
import { averagePrice, feeOf, type Plan } from "./ticket";
import type { MarketView } from "./view";

export function Outcome({
  view: { venue, market, rules },
  plan,
}: {
  view: MarketView;
  plan: Plan;
}) {
  const { underlying } = market.terms;
  const unit = underlyingName(venue, underlying);
  const size = (lots: bigint) => `${formatLots(venue, underlying, lots)} ${unit}`;
  const { match, rest, lapses, request, fee, isCutOff } = plan;
  const average = averagePrice(request.side, match);
  const limit = formatTick(venue, underlying, request.price);
  const isImmediate = request.type === "immediateOrCancel";
  return (
    <div className="grid gap-2">
      <Figures className="gap-y-1.5">
        <Figure name="Filled at once" inline>
          <span data-testid="ticket-filled" data-value={match.lots.toString()}>
            {match.lots > 0n ? size(match.lots) : "nothing"}
          </span>
        </Figure>
        {average !== null && (
          <Figure name="Average price" inline>
            {price(unitPrice(venue, underlying, average))}
          </Figure>
        )}
        {isImmediate && match.lots > 0n && (
          <Figure
            name={request.side === Side.Bid ? "At most" : "At least"}
            title="The limit that is sent: nothing is traded at a worse price"
            inline
          >
            {limit}
          </Figure>
        )}
        {rest > 0n && (
          <Figure name="Rests" inline>
            <span data-testid="ticket-rests" data-value={rest.toString()}>
              {size(rest)} at {limit}
            </span>
          </Figure>
        )}
        {lapses > 0n && (
          <Figure name="Lapses" inline>
            {size(lapses)}
          </Figure>
        )}
        {match.lots > 0n && (
          <Figure name={rules ? `Fee (taker ${rate(rules.takerQ32)})` : "Fee"} inline>
            <Money value={fee} testid="ticket-fee" />
          </Figure>
        )}
        {rest > 0n && rules && (
          <Figure name={`Fee of the rest (maker ${rate(rules.makerQ32)})`} inline>
            <Money value={feeOf(rest * request.price, rules.makerQ32)} testid="ticket-maker-fee" />
          </Figure>
        )}
      </Figures>
      {isCutOff && (
        <Notice tone="warn">
          One transaction trades with {MAKERS_MAX} orders at most, and these have {size(match.lots)}
          .{" "}
          {rest > 0n
            ? "The rest will stand in the book and be matched by keepers."
            : "Send the rest as a second order."}
        </Notice>
      )}
    </div>
  );
}

const rate = (q32: bigint) => percent(q32, { digits: 3 });

/** Cents, and more digits where there are none. */
function Money({ value, testid }: { value: bigint; testid: string }) {
  const isTiny = value > 0n && value < 10_000n;
  return (
    <span data-testid={testid} data-value={value.toString()} title={exactUsd(value)}>
      {usd(value, { digits: isTiny ? 6 : 2 })}
    </span>
  );
}
