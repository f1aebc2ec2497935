/** From what a trader wants to the order that is sent, and what becomes of it: exact integers, prices quote units per lot. */
import type { Address } from "@solana/kit";
import { match, MAKERS_MAX, tradable, type Book, type Match, type Tradable } from "@/chain/book";
import { MarketStatus, Side } from "@/chain/layout";
import { abs } from "@/format/decimal";
import { Q32_ONE } from "@/engine/engine";
import type { Change, Terms } from "@/engine/types";
import type { OrderRequest } from "@/transactions/actions";

export type TicketType = "limit" | "market" | "postOnly" | "immediateOrCancel";
export type OrderSide = 0 | 1;

/** What a market allows. */
export interface Rules extends Tradable {
  terms: Terms;
  /** Prices are multiples of this, quote units per lot. */
  tick: bigint;
  /** Smallest order, lots. */
  minimum: bigint;
  /** What a taker pays of the traded value. */
  takerQ32: bigint;
  /** What a maker pays. */
  makerQ32: bigint;
}

/** What has been entered. */
export interface Draft {
  side: OrderSide;
  type: TicketType;
  /** Quote units per lot, on the tick; of no meaning for market orders. */
  price: bigint | null;
  lots: bigint;
  reduceOnly: boolean;
  /** How much worse than the worst fill a market order may become, 1e-4. */
  slippageBps: bigint;
}

/** Whose order it would be. */
export interface Trader {
  owner: Address | null;
  /** Lots of his position in the market. */
  held: bigint;
}

/** What would become of an order. */
export interface Plan {
  /** What it trades with at once. */
  match: Match;
  /** The single trades of that. */
  fills: Fill[];
  /** Lots that rest afterwards. */
  rest: bigint;
  /** Lots that lapse, because nothing more is there to trade with or there is no position left to reduce. */
  lapses: bigint;
  /** Whether more could be traded than one transaction has makers for. */
  isCutOff: boolean;
  /** Taker's fee on what is traded at once, quote units. */
  fee: bigint;
  request: OrderRequest;
}

export interface Fill {
  price: bigint;
  lots: bigint;
}

/** A fee on a traded value, rounded up as the program does. */
export function feeOf(value: bigint, rateQ32: bigint): bigint {
  return (value * rateQ32 + Q32_ONE - 1n) / Q32_ONE;
}

export function floorTo(value: bigint, step: bigint): bigint {
  return value - (value % step);
}

export function ceilTo(value: bigint, step: bigint): bigint {
  return floorTo(value + step - 1n, step);
}

/** The lots of a position that an order of a side could close. */
export function reducible(side: OrderSide, held: bigint): bigint {
  return side === Side.Bid ? (held < 0n ? -held : 0n) : held > 0n ? held : 0n;
}

/** The limit of a market order: the worst price of its fills and a tolerance more, on the tick, within the band. */
export function slippagePrice(
  side: OrderSide,
  worst: bigint,
  toleranceBps: bigint,
  { tick, bandLow, bandHigh }: Pick<Rules, "tick" | "bandLow" | "bandHigh">,
): bigint {
  if (side === Side.Bid) {
    const limit = ceilTo(worst + (worst * toleranceBps) / 10_000n, tick);
    const highest = floorTo(bandHigh, tick);
    return limit < highest ? limit : highest;
  }
  const limit = floorTo(worst - (worst * toleranceBps) / 10_000n, tick);
  const lowest = ceilTo(bandLow, tick);
  return limit > lowest ? limit : lowest;
}

/** The multiples of a tick on either side of a price of `numerator / denominator` quote units per lot. */
export function nearestTicks(
  numerator: bigint,
  denominator: bigint,
  tick: bigint,
): [below: bigint, above: bigint] {
  const below = (numerator / (denominator * tick)) * tick;
  return [below, below * denominator === numerator ? below : below + tick];
}

/** The best price against which an order of a side would trade. */
export function bestAgainst(book: Book, side: OrderSide): bigint | null {
  return (side === Side.Bid ? book.asks : book.bids)[0]?.price ?? null;
}

/** The trades of a match, in their sequence. */
export function fillsOf({ makers, fills }: Match): Fill[] {
  return makers.flatMap(({ price }, index) => {
    const lots = fills[index];
    return lots === undefined ? [] : [{ price, lots }];
  });
}

const NO_MATCH: Match = { makers: [], fills: [], lots: 0n, value: 0n, worst: null };

/** Works out what becomes of an order; nothing while its price is missing. */
export function planOrder(draft: Draft, rules: Rules, book: Book, trader: Trader): Plan | null {
  const { side, type, lots, reduceOnly } = draft;
  const isMarket = type === "market";
  if (!isMarket && draft.price === null) return null;
  const edge = side === Side.Bid ? rules.bandHigh : rules.bandLow;
  const limit = isMarket || draft.price === null ? edge : draft.price;
  const open = reduceOnly ? min(lots, reducible(side, trader.held)) : lots;
  const within = tradable(book, rules);
  const found =
    type === "postOnly" ? NO_MATCH : match(within, side, open, limit, trader.owner, MAKERS_MAX);
  const more =
    found.makers.length < MAKERS_MAX
      ? found
      : match(within, side, open, limit, trader.owner, MAKERS_MAX + 1);
  const price =
    isMarket && found.worst !== null
      ? slippagePrice(side, found.worst, draft.slippageBps, rules)
      : limit;
  const rests = type === "limit" || type === "postOnly";
  const rest = rests ? open - found.lots : 0n;
  const fills = fillsOf(found);
  return {
    match: found,
    fills,
    rest,
    lapses: lots - found.lots - rest,
    isCutOff: more.lots > found.lots,
    fee: fills.reduce((sum, fill) => sum + feeOf(fill.lots * fill.price, rules.takerQ32), 0n),
    request: {
      terms: rules.terms,
      side,
      price,
      lots,
      reduceOnly,
      type: isMarket ? "immediateOrCancel" : type,
      makers: found.makers,
    },
  };
}

/**
 * The makers of an order that has been decided on, from a newer book: at its limit or better, for what may be traded, without orders that the program
 * has passed over.
 */
export function makersNow(
  { request }: Plan,
  rules: Rules,
  book: Book,
  trader: Trader,
  passed?: ReadonlySet<string>,
) {
  if (request.type === "postOnly") return [];
  const { side, price, lots, reduceOnly } = request;
  const open = reduceOnly ? min(lots, reducible(side, trader.held)) : lots;
  return match(tradable(book, rules, passed), side, open, price, trader.owner, MAKERS_MAX).makers;
}

/** What the plan does to the account: every trade, then what rests. */
export function changesOf({ fills, rest, request }: Plan): Change[] {
  const { terms, side, price, reduceOnly } = request;
  const trades = fills.map<Change>((fill) => ({
    kind: "trade",
    terms,
    lots: side === Side.Bid ? fill.lots : -fill.lots,
    price: fill.price,
    fee: "taker",
  }));
  if (rest === 0n) return trades;
  const order: Change = {
    kind: "order",
    terms,
    side: side === Side.Bid ? "bid" : "ask",
    lots: rest,
    price,
    reduceOnly,
  };
  return [...trades, order];
}

/** An order of one lot for finding the largest: as the whole of it would be judged. Nothing while its price is missing. */
export function templateOf(draft: Draft, rules: Rules, book: Book, trader: Trader): Change | null {
  const everything = { ...draft, lots: INFINITE, reduceOnly: false };
  const plan = planOrder(everything, rules, book, trader);
  if (!plan) return null;
  const { terms } = rules;
  const isBid = draft.side === Side.Bid;
  if (plan.match.worst === null) {
    if (plan.rest === 0n) return null;
    const { price } = plan.request;
    return {
      kind: "order",
      terms,
      side: isBid ? "bid" : "ask",
      lots: 1n,
      price,
      reduceOnly: false,
    };
  }
  const price = plan.rest > 0n ? plan.request.price : plan.match.worst;
  return { kind: "trade", terms, lots: isBid ? 1n : -1n, price, fee: "taker" };
}

/** More lots than any book has. */
const INFINITE = (1n << 63n) - 1n;

/** The most lots that an order could have: `affordable` by its margin; at once, no more than the makers have; reducing, no more than the position. */
export function largestLots(
  draft: Draft,
  rules: Rules,
  book: Book,
  trader: Trader,
  affordable: bigint | null,
): bigint | null {
  const limits: bigint[] = [];
  if (draft.reduceOnly) limits.push(reducible(draft.side, trader.held));
  else if (affordable === null) return null;
  else limits.push(affordable);
  if (draft.type === "market" || draft.type === "immediateOrCancel") {
    const plan = planOrder({ ...draft, lots: INFINITE, reduceOnly: false }, rules, book, trader);
    if (!plan) return null;
    limits.push(plan.match.lots);
  }
  return limits.reduce(min);
}

/** Where a market is in its life. */
export type Phase = "active" | "reduceOnly" | "settling" | "closed";

export function phaseOf(status: number, expiry: number, now: number): Phase {
  if (status === MarketStatus.Closed) return "closed";
  if (expiry !== 0 && expiry <= now) return "settling";
  return status === MarketStatus.ReduceOnly ? "reduceOnly" : "active";
}

/** Why the program, or good sense, would not have the order, as far as its numbers alone tell. */
export type Objection =
  | "marketOver"
  | "reduceOnlyMarket"
  | "tooSmall"
  | "aboveBand"
  | "belowBand"
  | "wouldCross"
  | "nothingToReduce"
  | "nothingAtOnce";

export function objectionTo(
  draft: Draft,
  plan: Plan,
  rules: Rules,
  phase: Phase,
  book: Book,
  trader: Trader,
): Objection | null {
  const { side, type, price } = draft;
  if (phase === "settling" || phase === "closed") return "marketOver";
  if (phase === "reduceOnly" && !draft.reduceOnly) return "reduceOnlyMarket";
  if (draft.lots < rules.minimum) return "tooSmall";
  if (type !== "market" && price !== null) {
    if (price > rules.bandHigh) return "aboveBand";
    if (price < rules.bandLow) return "belowBand";
  }
  if (draft.reduceOnly && reducible(side, trader.held) === 0n) return "nothingToReduce";
  if (type === "postOnly" && price !== null) {
    const best = bestAgainst(book, side);
    if (best !== null && (side === Side.Bid ? price >= best : price <= best)) return "wouldCross";
  }
  if ((type === "market" || type === "immediateOrCancel") && plan.match.lots === 0n) {
    return "nothingAtOnce";
  }
  return null;
}

/** Average price of what is traded at once, quote units per lot, rounded to the trader's disadvantage; nothing without a trade. */
export function averagePrice(side: OrderSide, { lots, value }: Match): bigint | null {
  if (lots === 0n) return null;
  return side === Side.Bid ? (value + lots - 1n) / lots : value / lots;
}

/** The order that closes a position. */
export function closing(held: bigint): { side: OrderSide; lots: bigint } {
  return { side: held > 0n ? Side.Ask : Side.Bid, lots: abs(held) };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
