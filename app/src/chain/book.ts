/** The book of a market, made of the orders that rest in margin accounts. */
import type { Address } from "@solana/kit";
import type { Terms } from "@/engine/types";
import { Side, termsKey, type Orders, type Resting } from "./layout";

/** All orders of one side at one price. */
export interface Level {
  price: bigint;
  lots: bigint;
  /** Lots here and at better prices. */
  total: bigint;
  orders: Resting[];
}

/** Both sides, the best price first. */
export interface Book {
  bids: Level[];
  asks: Level[];
}

/**
 * The orders of some markets (keys of their terms) that can trade at `now`, read in one pass: not lapsed, of accounts that are not in liquidation
 * (unless they only reduce), by age within a price. Every market of `wanted` has its book.
 */
export function booksOf(
  accounts: Iterable<Orders>,
  wanted: Iterable<string>,
  now: number,
): Map<string, Book> {
  const sides = new Map<string, [Resting[], Resting[]]>();
  for (const key of wanted) sides.set(key, [[], []]);
  for (const account of accounts) {
    for (const order of account.orders) {
      const isLive = order.expiresAt === 0 || order.expiresAt > now;
      const mayTrade = !account.inLiquidation || order.reduceOnly !== 0;
      if (isLive && mayTrade) {
        sides.get(termsKey(order.terms))?.[order.side === Side.Bid ? 0 : 1].push(order);
      }
    }
  }
  return new Map(
    [...sides].map(([key, [bids, asks]]) => [
      key,
      { bids: levels(bids, -1), asks: levels(asks, 1) },
    ]),
  );
}

/** The book of one market, see {@link booksOf}. */
export function bookOf(accounts: Iterable<Orders>, terms: Terms, now: number): Book {
  const key = termsKey(terms);
  return booksOf(accounts, [key], now).get(key) ?? { bids: [], asks: [] };
}

function levels(orders: Resting[], direction: 1 | -1): Level[] {
  orders.sort((a, b) => {
    if (a.price !== b.price) return a.price < b.price ? -direction : direction;
    return a.placedSlot < b.placedSlot ? -1 : a.placedSlot > b.placedSlot ? 1 : 0;
  });
  const found: Level[] = [];
  let total = 0n;
  for (const order of orders) {
    total += order.lots;
    const last = found.at(-1);
    if (last?.price === order.price) {
      last.lots += order.lots;
      last.total = total;
      last.orders.push(order);
    } else {
      found.push({ price: order.price, lots: order.lots, total, orders: [order] });
    }
  }
  return found;
}

/** Names a resting order. */
export function orderKey(account: Address, id: bigint): string {
  return `${account} ${id}`;
}

/** What a market lets trade. */
export interface Tradable {
  /** Lowest and highest price that an order may have, quote units per lot. */
  bandLow: bigint;
  bandHigh: bigint;
  /** Whether only orders that reduce a position trade. */
  reducesOnly: boolean;
}

const NO_ORDERS: ReadonlySet<string> = new Set();

/** The book without what the program would pass over, and without orders ({@link orderKey}) that it has passed over. Totals stay as they are. */
export function tradable(
  { bids, asks }: Book,
  { bandLow, bandHigh, reducesOnly }: Tradable,
  passed = NO_ORDERS,
): Book {
  const side = (levels: Level[]) =>
    levels
      .filter(({ price }) => price >= bandLow && price <= bandHigh)
      .map((level) => ({
        ...level,
        orders: level.orders.filter(
          ({ account, id, reduceOnly, fillable }) =>
            fillable > 0n &&
            (!reducesOnly || reduceOnly !== 0) &&
            !passed.has(orderKey(account, id)),
        ),
      }))
      .filter(({ orders }) => orders.length > 0);
  return { bids: side(bids), asks: side(asks) };
}

/** What an order would trade with at once. */
export interface Match {
  makers: Resting[];
  /** Lots that trade with each of them. */
  fills: bigint[];
  /** Lots that the makers have at the limit or better, at most those wanted. */
  lots: bigint;
  /** Sum of lots times price, quote units. */
  value: bigint;
  /** The worst price of them; nothing without makers. */
  worst: bigint | null;
}

/** Makers in one transaction: each costs accounts, bytes and computation. */
export const MAKERS_MAX = 5;

/**
 * Chooses the makers for an order of `owner`: the best prices up to the limit (`null` for any), never his own. What one account trades uses up the
 * position that its reduce-only orders reduce.
 */
export function match(
  book: Book,
  side: 0 | 1,
  lots: bigint,
  limit: bigint | null,
  owner: Address | null,
  makersMax = MAKERS_MAX,
): Match {
  const opposite = side === Side.Bid ? book.asks : book.bids;
  const found: Match = { makers: [], fills: [], lots: 0n, value: 0n, worst: null };
  const tradedBy = new Map<Address, bigint>();
  for (const order of opposite.flatMap((level) => level.orders)) {
    const isWorse =
      limit !== null && (side === Side.Bid ? order.price > limit : order.price < limit);
    if (isWorse || found.lots >= lots || found.makers.length >= makersMax) break;
    if (order.owner === owner) continue;
    const left = lots - found.lots;
    const before = tradedBy.get(order.account) ?? 0n;
    const has = order.reduceOnly === 0 ? order.fillable : order.fillable - before;
    if (has <= 0n) continue;
    const traded = has < left ? has : left;
    tradedBy.set(order.account, before + traded);
    found.makers.push(order);
    found.fills.push(traded);
    found.lots += traded;
    found.value += traded * order.price;
    found.worst = order.price;
  }
  return found;
}
