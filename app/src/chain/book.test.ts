import { address, type Address } from "@solana/kit";
import { describe, expect, it } from "vitest";
import type { Terms } from "@/engine/types";
import { bookOf, match, orderKey, tradable } from "./book";
import { fillableLots, Side, termsKey, termsOfKey, type Orders, type Resting } from "./layout";

const TERMS: Terms = { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n };
const OWNERS = ["11111111111111111111111111111112", "11111111111111111111111111111113"].map(
  address,
);
const [ME, OTHER] = OWNERS as [Address, Address];

function account(owner: Address, orders: Partial<Resting>[], inLiquidation = false): Orders {
  const resting = orders.map((order, index) => ({
    terms: TERMS,
    price: 100n,
    lots: 1n,
    id: BigInt(index),
    clientId: 0n,
    placedSlot: 1n,
    expiresAt: 0,
    side: Side.Bid,
    reduceOnly: 0,
    postOnly: 0,
    padding: 0,
    account: owner,
    owner,
    fillable: order.lots ?? 1n,
    ...order,
  }));
  return { owner, delegate: owner, subAccount: 0, inLiquidation, orders: resting };
}

describe("book", () => {
  it("adds up levels, best first, oldest first within one", () => {
    const accounts = [
      account(ME, [
        { price: 99n, lots: 5n },
        { price: 101n, side: Side.Ask },
      ]),
      account(OTHER, [
        { price: 100n, lots: 2n, placedSlot: 9n },
        { price: 100n, lots: 3n, placedSlot: 4n },
        { price: 103n, side: Side.Ask },
      ]),
    ];
    const { bids, asks } = bookOf(accounts, TERMS, 1000);
    expect(bids.map(({ price, lots, total }) => [price, lots, total])).toEqual([
      [100n, 5n, 5n],
      [99n, 5n, 10n],
    ]);
    expect(bids[0]?.orders.map(({ lots }) => lots)).toEqual([3n, 2n]);
    expect(asks.map(({ price }) => price)).toEqual([101n, 103n]);
  });

  it("leaves out what cannot trade", () => {
    const lapsed = account(ME, [{ expiresAt: 999 }, { expiresAt: 1001 }]);
    const other = account(ME, [{ terms: { ...TERMS, underlying: 1 } }]);
    const flagged = account(OTHER, [{}, { reduceOnly: 1 }], true);
    const { bids } = bookOf([lapsed, other, flagged], TERMS, 1000);
    expect(bids[0]?.orders.length).toBe(2);
  });

  it("matches up to the limit and never with oneself", () => {
    const book = bookOf(
      [
        account(ME, [{ side: Side.Ask, price: 100n, lots: 9n }]),
        account(OTHER, [
          { side: Side.Ask, price: 101n, lots: 4n },
          { side: Side.Ask, price: 102n, lots: 4n },
          { side: Side.Ask, price: 110n, lots: 4n },
        ]),
      ],
      TERMS,
      0,
    );
    const found = match(book, Side.Bid, 6n, 105n, ME);
    expect(found).toMatchObject({ lots: 6n, value: 4n * 101n + 2n * 102n, worst: 102n });
    expect(match(book, Side.Bid, 100n, 105n, ME).lots).toBe(8n);
    expect(match(book, Side.Bid, 100n, null, ME).lots).toBe(12n);
    expect(match(book, Side.Bid, 6n, 99n, OTHER).worst).toBe(null);
    expect(match(book, Side.Ask, 6n, null, ME).lots).toBe(0n);
  });

  it("counts of reduce-only orders what their account still holds", () => {
    const asks = { side: Side.Ask, price: 100n, reduceOnly: 1, fillable: 3n };
    const book = bookOf(
      [
        account(OTHER, [
          { ...asks, lots: 9n },
          { ...asks, lots: 3n },
          { ...asks, fillable: 0n },
        ]),
      ],
      TERMS,
      0,
    );
    expect(match(book, Side.Bid, 9n, null, ME)).toMatchObject({ lots: 3n, fills: [3n] });
    expect(fillableLots({ side: Side.Ask, lots: 9n, reduceOnly: 1 }, 4n)).toBe(4n);
    expect(fillableLots({ side: Side.Bid, lots: 9n, reduceOnly: 1 }, 4n)).toBe(0n);
    expect(fillableLots({ side: Side.Bid, lots: 9n, reduceOnly: 1 }, -40n)).toBe(9n);
    expect(fillableLots({ side: Side.Bid, lots: 9n, reduceOnly: 0 }, 0n)).toBe(9n);
  });

  it("leaves out what the market or the program passes over", () => {
    const at = (id: bigint, price: bigint, reduceOnly = 0) => ({ id, price, reduceOnly });
    const book = bookOf([account(OTHER, [at(1n, 90n), at(2n, 100n), at(3n, 110n, 1)])], TERMS, 0);
    const ids = (...[rules, passed]: [{ reducesOnly: boolean }, Set<string>?]) =>
      tradable(book, { bandLow: 95n, bandHigh: 120n, ...rules }, passed).bids.flatMap(
        ({ orders }) => orders.map(({ id }) => id),
      );
    expect(ids({ reducesOnly: false })).toEqual([3n, 2n]);
    expect(ids({ reducesOnly: true })).toEqual([3n]);
    expect(ids({ reducesOnly: false }, new Set([orderKey(OTHER, 3n)]))).toEqual([2n]);
  });

  it("writes terms as keys and reads them back", () => {
    const option: Terms = { underlying: 2, kind: "put", expiry: 1_800_000_000, strike: 1_500_000n };
    expect(termsOfKey(termsKey(option))).toEqual(option);
    expect(termsOfKey("0-perpetual-0-0")).toEqual(TERMS);
    expect(termsOfKey("0-swap-0-0")).toBe(null);
    expect(termsOfKey("0-put--")).toBe(null);
  });
});
