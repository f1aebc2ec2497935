/** What would become of the order: what is filled at once, what rests, what it costs. */
import { Side } from "@/chain/layout";
import { MAKERS_MAX } from "@/chain/book";
import { exactUsd, percent, price, usd } from "@/format/format";
import { formatLots, formatTick, underlyingName, unitPrice } from "@/format/names";
import { Figure, Figures } from "@/ui/card";
import { Notice } from "@/ui/feedback";
import { averagePrice, type Plan } from "./ticket";
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
        <Figure
          name={rules ? `Fee (taker ${percent(rules.takerQ32, { digits: 3 })})` : "Fee"}
          title={
            rules
              ? `What rests pays ${percent(rules.makerQ32, { digits: 3 })} when it is filled`
              : undefined
          }
          inline
        >
          <span data-testid="ticket-fee" data-value={fee.toString()} title={exactUsd(fee)}>
            {usd(fee, { digits: fee < 10_000n ? 6 : 2 })}
          </span>
        </Figure>
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
