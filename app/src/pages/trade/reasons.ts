/** Why an order cannot be sent, in words. */
import { Side } from "@/chain/layout";
import type { ChangeRefusal, Venue, WhatIfAnswer } from "@/engine/types";
import { QUOTE_DECIMALS } from "@/format/format";
import { editDecimal } from "@/format/decimal";
import { formatLots, formatTick, lotPrice, unitPrice, underlyingName } from "@/format/names";
import type { Amount } from "@/ui/field";
import { ceilTo, floorTo, nearestTicks, type Objection, type OrderSide, type Plan } from "./ticket";
import type { MarketView } from "./view";

/** What is wrong with a price that was typed; nothing when it lies on the tick. */
export function priceError({ venue, market }: MarketView, { value, error }: Amount): string | null {
  if (error || value === null) return error;
  if (value <= 0n) return "Above zero";
  const { underlying } = market.terms;
  const perLot = lotPrice(venue, underlying, value);
  if (perLot !== null && perLot % market.tickSize === 0n) return null;
  const listed = venue.underlyings[underlying];
  if (!listed) return null;
  const ticks = nearestTicks(
    value * listed.lotSize,
    10n ** BigInt(listed.decimals),
    market.tickSize,
  );
  const texts = ticks
    .filter((tick) => tick > 0n)
    .map((tick) => editDecimal(unitPrice(venue, underlying, tick), QUOTE_DECIMALS));
  return `Prices are multiples of ${formatTick(venue, underlying, market.tickSize)}: ${texts.join(" or ")}`;
}

/** What is wrong with a size that was typed. */
export function sizeError(
  { venue, market }: MarketView,
  { value, error }: Amount,
  lots: bigint | null,
): string | null {
  if (error || value === null) return error;
  if (value <= 0n) return "Above zero";
  const { underlying } = market.terms;
  return lots === null
    ? `Sizes are multiples of ${formatLots(venue, underlying, 1n)} ${underlyingName(venue, underlying)}`
    : null;
}

export function objectionWords(
  objection: Objection,
  view: MarketView,
  side: OrderSide,
  best: bigint | null,
): string {
  const { venue, market, rules } = view;
  const { underlying } = market.terms;
  const at = (perLot: bigint) => formatTick(venue, underlying, perLot);
  switch (objection) {
    case "marketOver":
      return "This market has expired: it takes no more orders.";
    case "reduceOnlyMarket":
      return "This market only takes orders that reduce a position: tick “reduce only”.";
    case "tooSmall":
      return `The smallest order is ${formatLots(venue, underlying, market.orderMinimumLots)} ${underlyingName(venue, underlying)}.`;
    case "aboveBand":
      return `The price band ends at ${rules ? at(floorTo(rules.bandHigh, rules.tick)) : "–"}: choose a price nearer to the mark.`;
    case "belowBand":
      return `The price band begins at ${rules ? at(ceilTo(rules.bandLow, rules.tick)) : "–"}: choose a price nearer to the mark.`;
    case "wouldCross":
      return side === Side.Bid
        ? `A post-only order must not trade at once: buy below the best ask of ${best === null ? "–" : at(best)}.`
        : `A post-only order must not trade at once: sell above the best bid of ${best === null ? "–" : at(best)}.`;
    case "nothingToReduce":
      return side === Side.Bid
        ? "There is no short position that this could reduce."
        : "There is no long position that this could reduce.";
    case "nothingAtOnce":
      return "Nobody's order can be traded with at this price now: a limit order would rest.";
  }
}

/** Whether what the order needs is paused. */
export function isPaused(venue: Venue, { request }: Plan): boolean {
  const isImmediate = request.makers.length > 0 || request.type === "immediateOrCancel";
  return venue.paused.includes(isImmediate ? "placeAndFill" : "placeOrder");
}

/** What the program would refuse. Pauses of other instructions than the one that is sent are none of it. */
export function refusalsOf({ refusals }: WhatIfAnswer): ChangeRefusal[] {
  return refusals.filter(({ failure }) => failure.name !== "Paused");
}
