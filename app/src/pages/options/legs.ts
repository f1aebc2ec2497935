/** The legs of a package: what is typed, what it means in lots, and what the book gives for it. Lots are whole, prices quote units per lot. */
import type { Address } from "@solana/kit";
import { match, MAKERS_MAX, tradable, type Book, type Match } from "@/chain/book";
import { isOption, MarketStatus, Side, termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { Change, Leg as EngineLeg, QuoteFigures, Terms, Venue } from "@/engine/types";
import { formatDecimal, mulDiv } from "@/format/decimal";
import { formatTick, lotPrice, unitPrice } from "@/format/names";
import { QUOTE_DECIMALS } from "@/format/format";
import { amountFrom, amountOf, type Amount } from "@/ui/field";

/** Most legs of a package. */
export const LEGS_MAX = 4;

export type Direction = 0 | 1;

/** A leg as it is typed. A market is in a package once. */
export interface Leg {
  terms: Terms;
  /** 0 buys, 1 sells. */
  side: Direction;
  /** Times the size of the package. */
  ratio: bigint;
  /** Limit, USDC per whole unit. */
  limit: Amount;
  /** Whether the limit is what the book asks for, until another one is typed. */
  followsBook: boolean;
}

/** A leg without doubt. */
export interface SizedLeg {
  terms: Terms;
  side: Direction;
  lots: bigint;
  /** The worst price. */
  limit: bigint;
}

/** A new leg of one package size, which follows the book unless there is a price. */
export function legOf(
  venue: Venue,
  terms: Terms,
  side: Direction,
  price: bigint | null = null,
): Leg {
  const limit = limitOf(venue, terms, price);
  return { terms, side, ratio: 1n, limit, followsBook: price === null };
}

/** A price per lot in the field for it. */
export function limitOf(venue: Venue, { underlying }: Terms, price: bigint | null): Amount {
  return price === null
    ? amountOf("", QUOTE_DECIMALS)
    : amountFrom(unitPrice(venue, underlying, price), QUOTE_DECIMALS);
}

/** Adds a leg, in the place of one of the same market if there is one; nothing when there are {@link LEGS_MAX} already. */
export function addLeg(legs: readonly Leg[], leg: Leg): Leg[] | null {
  const key = termsKey(leg.terms);
  const at = legs.findIndex(({ terms }) => termsKey(terms) === key);
  if (at >= 0) return legs.with(at, leg);
  return legs.length < LEGS_MAX ? [...legs, leg] : null;
}

/** The price nearest to `price` on the tick that is no better for the book's other side: down for who buys, up for who sells. */
export function onTick(price: bigint, tick: bigint, side: Direction): bigint {
  const down = (price / tick) * tick;
  return side === Side.Bid || down === price ? down : down + tick;
}

/** What a leg means for a package of so many lots, or why it means nothing yet. */
export function sizeLeg(
  venue: Venue,
  leg: Leg,
  market: ListedMarket | undefined,
  figures: QuoteFigures | null,
  packageLots: bigint,
): SizedLeg | string {
  const { terms, side, ratio, limit } = leg;
  const { underlying } = terms;
  if (!market) return "It is not listed any more.";
  if (market.status === MarketStatus.Closed) return "This market is closed.";
  if (limit.value === null) return "Type a limit price.";
  const price = limit.value > 0n ? lotPrice(venue, underlying, limit.value) : null;
  if (price === null || price % market.tickSize !== 0n) {
    const tick = formatTick(venue, underlying, market.tickSize);
    return `The price must be a multiple of ${tick} USDC.`;
  }
  if (figures && (price < figures.bandLow || price > figures.bandHigh)) {
    const text = (bound: bigint) =>
      formatDecimal(unitPrice(venue, underlying, bound), QUOTE_DECIMALS, { max: 4 });
    return `The price must lie between ${text(figures.bandLow)} and ${text(figures.bandHigh)}.`;
  }
  const lots = ratio * packageLots;
  if (lots < market.orderMinimumLots) return "The size is below the market's smallest order.";
  return { terms, side, lots, limit: price };
}

/**
 * Legs in the order in which they are sent, so that every step is affordable: bought options protect what follows, sold ones come last, and perpetuals
 * and futures stand between, bought before sold.
 */
export function inOrder<T extends { terms: Terms; side: number }>(legs: readonly T[]): T[] {
  const rank = ({ terms, side }: T) => {
    const isBought = side === Side.Bid;
    return isOption(terms) ? (isBought ? 0 : 3) : isBought ? 1 : 2;
  };
  return [...legs].sort((a, b) => rank(a) - rank(b));
}

/** A leg with the resting orders that it would trade with. */
export interface Fill extends SizedLeg {
  match: Match;
}

/** Makers of all legs together: so many fit into a transaction. */
const MAKERS_PER_PACKAGE = 8;
const makersOf = (legs: number) =>
  Math.min(MAKERS_MAX, Math.floor(MAKERS_PER_PACKAGE / Math.max(1, legs)));

/** The worst price of so many lots in the book, or of all there are; without any the mark, on the tick. */
export function bookPrice(
  book: Book | undefined,
  side: Direction,
  lots: bigint,
  owner: Address | null,
  packageOf: number,
  market: Pick<ListedMarket, "tickSize"> | undefined,
  figures: Pick<QuoteFigures, "markQ32"> | null,
): bigint | null {
  const found = book && match(book, side, lots, null, owner, makersOf(packageOf)).worst;
  if (found) return found;
  return market && figures ? onTick(figures.markQ32 >> 32n, market.tickSize, side) : null;
}

/** Where a leg trades, and within which band. */
export interface Place {
  terms: Terms;
  market: Pick<ListedMarket, "status"> | undefined;
  figures: Pick<QuoteFigures, "bandLow" | "bandHigh"> | null;
}

/** The books of some legs without what the program would pass over, or has (see {@link tradable}). A market without figures has none. */
export function usable(
  books: ReadonlyMap<string, Book>,
  places: readonly Place[],
  passed?: ReadonlySet<string>,
): Map<string, Book> {
  const found = new Map<string, Book>();
  for (const { terms, market, figures } of places) {
    const key = termsKey(terms);
    const book = books.get(key);
    if (!book || !market || !figures) continue;
    const reducesOnly = market.status === MarketStatus.ReduceOnly;
    found.set(key, tradable(book, { ...figures, reducesOnly }, passed));
  }
  return found;
}

/** What the books give for legs of one owner, as a package of so many legs. */
export function fill(
  legs: readonly SizedLeg[],
  books: ReadonlyMap<string, Book>,
  owner: Address | null,
  packageOf = legs.length,
): Fill[] {
  const makersMax = makersOf(packageOf);
  return legs.map((leg) => {
    const book = books.get(termsKey(leg.terms)) ?? { bids: [], asks: [] };
    return { ...leg, match: match(book, leg.side, leg.lots, leg.limit, owner, makersMax) };
  });
}

/** Price of a filled leg: the average when the book has all of it, rounded against the trader; the limit otherwise. */
export function fillPrice({ side, lots, limit, match: found }: Fill): bigint {
  if (lots === 0n || found.lots < lots) return limit;
  return side === Side.Bid ? -mulDiv(-found.value, 1n, lots) : mulDiv(found.value, 1n, lots);
}

/** Lots bought, or sold when negative. */
export function signedLots({ side, lots }: Pick<SizedLeg, "side" | "lots">): bigint {
  return side === Side.Bid ? lots : -lots;
}

/** For the payoff of the package. */
export function engineLegs(fills: readonly Fill[]): EngineLeg[] {
  return fills.map((leg) => ({
    terms: leg.terms,
    lots: signedLots(leg),
    price: fillPrice(leg),
  }));
}

/** The package as trades that take from the book, in the order in which they are sent. */
export function tradesOf(fills: readonly Fill[]): Change[] {
  return inOrder(fills).map((leg) => ({
    kind: "trade",
    terms: leg.terms,
    lots: signedLots(leg),
    price: fillPrice(leg),
    fee: "taker",
  }));
}

/** The same when what the book does not have rests. */
export function restingOf(fills: readonly Fill[]): Change[] {
  return inOrder(fills).flatMap((leg) => {
    const { terms, side, limit, match: found } = leg;
    const left = leg.lots - found.lots;
    const taken: Fill = { ...leg, lots: found.lots };
    const order: Change = {
      kind: "order",
      terms,
      side: side === Side.Bid ? "bid" : "ask",
      lots: left,
      price: limit,
      reduceOnly: false,
    };
    return [...(found.lots > 0n ? tradesOf([taken]) : []), ...(left > 0n ? [order] : [])];
  });
}
