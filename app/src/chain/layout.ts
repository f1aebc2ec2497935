/** Where things stand in the program's accounts; the rest is read by the engine. */
import {
  getArrayDecoder,
  getBase58Decoder,
  getProgramDerivedAddress,
  getAddressEncoder,
  type Address,
  type Base58EncodedBytes,
  type ReadonlyUint8Array,
} from "@solana/kit";
import {
  BALLAST_PROGRAM_ADDRESS,
  getBankDecoder,
  getBankDiscriminatorBytes,
  getMarginAccountDiscriminatorBytes,
  getMarginAccountDecoder,
  getMarketDecoder,
  getMarketDiscriminatorBytes,
  getMarketTermsEncoder,
  getOrderDecoder,
  getPositionDecoder,
  type Bank,
  type Market,
  type MarketTerms,
  type Order,
} from "@/client";
import type { Terms } from "@/engine/types";

/** Kinds of markets by their number on chain. */
const KINDS = ["perpetual", "future", "call", "put"] as const satisfies readonly Terms["kind"][];
export const Side = { Bid: 0, Ask: 1 } as const;
/** What a market's status may be. */
export const MarketStatus = { Active: 0, ReduceOnly: 1, Closed: 2 } as const;

/** The first asset is the quote asset. */
export const QUOTE_ASSET = 0;
/** Number of what does not exist. */
export const NONE = 255;

export function isOption(terms: Terms): boolean {
  return terms.kind === "call" || terms.kind === "put";
}

/** The same for the same market, whatever object it comes in; stands in addresses of pages. */
export function termsKey(terms: Terms): string {
  return [terms.underlying, terms.kind, terms.expiry, terms.strike].join("-");
}

/** The terms of a key. */
export function termsOfKey(key: string): Terms | null {
  const [underlying = "", kind = "", expiry = "", strike = ""] = key.split("-");
  const known = KINDS.find((name) => name === kind);
  if (!known || ![underlying, expiry, strike].every((part) => /^\d{1,20}$/.test(part))) return null;
  return {
    underlying: Number(underlying),
    kind: known,
    expiry: Number(expiry),
    strike: BigInt(strike),
  };
}

/** Terms as accounts and events have them. */
export interface ChainTerms {
  expiry: bigint;
  strike: bigint;
  underlying: number;
  kind: number;
}

export function termsOf(terms: ChainTerms): Terms {
  const { underlying, strike, expiry } = terms;
  return { underlying, strike, expiry: Number(expiry), kind: KINDS[terms.kind] ?? "perpetual" };
}

/** As the program wants them, with the filling of the account layout. */
export function chainTerms(terms: Terms): MarketTerms {
  return {
    expiry: BigInt(terms.expiry),
    strike: terms.strike,
    underlying: terms.underlying,
    kind: KINDS.indexOf(terms.kind),
    padding: new Uint8Array(6),
  };
}

const MARKET_SEED = new TextEncoder().encode("market");

/** The address of a market. */
export async function findMarket(exchange: Address, terms: Terms): Promise<Address> {
  const [found] = await getProgramDerivedAddress({
    programAddress: BALLAST_PROGRAM_ADDRESS,
    seeds: [
      MARKET_SEED,
      getAddressEncoder().encode(exchange),
      getMarketTermsEncoder().encode(chainTerms(terms)),
    ],
  });
  return found;
}

const base58 = (bytes: ReadonlyUint8Array) =>
  getBase58Decoder().decode(bytes) as Base58EncodedBytes;
const MARGIN_ACCOUNT_TAG = getMarginAccountDiscriminatorBytes();
const MARKET_TAG = getMarketDiscriminatorBytes();
const BANK_TAG = getBankDiscriminatorBytes();

/** Every account begins with an 8-byte tag, margin accounts and markets go on with their exchange. */
const EXCHANGE_OFFSET = 8;
const OWNER_OFFSET = 40;
const DELEGATE_OFFSET = 72;
const LIQUIDATION_OFFSET = 104;
/** Exchange, owner, delegate, two words and 16 balances of 24 bytes stand before the positions. */
const POSITIONS_OFFSET = 8 + 3 * 32 + 2 * 8 + 16 * 24;
/** After 32 positions of 56 bytes come the orders. */
const ORDERS_OFFSET = POSITIONS_OFFSET + 32 * 56;
/** After them come seven words. */
const SUB_ACCOUNT_OFFSET = ORDERS_OFFSET + 16 * 72 + 7 * 8;
const orders = getArrayDecoder(getOrderDecoder(), { size: 16 });
const positions = getArrayDecoder(getPositionDecoder(), { size: 32 });

const memcmp = (offset: number, bytes: ReadonlyUint8Array) => ({
  memcmp: { offset: BigInt(offset), bytes: base58(bytes), encoding: "base58" as const },
});

/** The accounts of the program that belong to one exchange: banks, markets and margin accounts. For `getProgramAccounts` and `programSubscribe`. */
export const filtersOf = (exchange: Address) => [
  memcmp(EXCHANGE_OFFSET, getAddressEncoder().encode(exchange)),
];

/** A resting order with where it rests. */
export interface Resting extends Omit<Order, "terms"> {
  terms: Terms;
  account: Address;
  owner: Address;
  /** Lots that may trade: of a reduce-only order no more than the position that it reduces. */
  fillable: bigint;
}

/** What of a margin account everybody is interested in: who it is of, and its orders. */
export interface Orders {
  /** The owner's number for the account. */
  subAccount: number;
  owner: Address;
  delegate: Address;
  inLiquidation: boolean;
  orders: Resting[];
}

const address58 = (data: Uint8Array, offset: number) =>
  getBase58Decoder().decode(data.subarray(offset, offset + 32)) as Address;

function readOrders(account: Address, data: Uint8Array): Orders {
  const view = new DataView(data.buffer, data.byteOffset);
  const owner = address58(data, OWNER_OFFSET);
  const resting = orders.decode(data, ORDERS_OFFSET).filter((order) => order.lots > 0n);
  const isReducing = resting.some(({ reduceOnly }) => reduceOnly !== 0);
  const held = new Map(
    isReducing
      ? positions
          .decode(data, POSITIONS_OFFSET)
          .filter(({ baseLots }) => baseLots !== 0n)
          .map(({ terms, baseLots }) => [termsKey(termsOf(terms)), baseLots])
      : [],
  );
  return {
    owner,
    delegate: address58(data, DELEGATE_OFFSET),
    subAccount: view.getUint16(SUB_ACCOUNT_OFFSET, true),
    inLiquidation: view.getBigInt64(LIQUIDATION_OFFSET, true) !== 0n,
    orders: resting.map((order) => {
      const terms = termsOf(order.terms);
      return {
        ...order,
        terms,
        account,
        owner,
        fillable: fillableLots(order, held.get(termsKey(terms)) ?? 0n),
      };
    }),
  };
}

/** Lots of an order that may trade while its account holds so many of its market. */
export function fillableLots(
  { side, lots, reduceOnly }: Pick<Order, "side" | "lots" | "reduceOnly">,
  held: bigint,
): bigint {
  if (reduceOnly === 0) return lots;
  const opposite = side === Side.Bid ? -held : held;
  const reducible = opposite > 0n ? opposite : 0n;
  return lots < reducible ? lots : reducible;
}

const begins = (data: Uint8Array, tag: ReadonlyUint8Array) =>
  tag.every((byte, index) => data[index] === byte);
const market = getMarketDecoder();
const bank = getBankDecoder();
const MARGIN_ACCOUNT_SIZE = getMarginAccountDecoder().fixedSize;

/** A market. */
export interface Listed extends Omit<Market, "terms"> {
  terms: Terms;
}

/** An account of the program, as far as this page reads it itself. */
export type Read =
  | { is: "marginAccount"; orders: Orders }
  | { is: "market"; market: Listed }
  | { is: "bank"; bank: Bank }
  | { is: "other" };

export function readAccount(key: Address, data: Uint8Array): Read {
  if (begins(data, MARGIN_ACCOUNT_TAG) && data.length === MARGIN_ACCOUNT_SIZE) {
    return { is: "marginAccount", orders: readOrders(key, data) };
  }
  if (begins(data, MARKET_TAG) && data.length === market.fixedSize) {
    const read = market.decode(data);
    return { is: "market", market: { ...read, terms: termsOf(read.terms) } };
  }
  if (begins(data, BANK_TAG) && data.length === bank.fixedSize) {
    return { is: "bank", bank: bank.decode(data) };
  }
  return { is: "other" };
}
