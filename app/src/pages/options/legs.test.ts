import { address } from "@solana/kit";
import { describe, expect, it } from "vitest";
import type { Level, Match } from "@/chain/book";
import { MarketStatus, termsKey, type Resting } from "@/chain/layout";
import type { Kind, Terms, Venue } from "@/engine/types";
import {
  addLeg,
  fillPrice,
  inOrder,
  legOf,
  onTick,
  restingOf,
  sizeLeg,
  tradesOf,
  usable,
  type Fill,
  type Place,
} from "./legs";
import type { ListedMarket } from "@/chain/mirror";

/** SOL: nine decimals, lots of a hundredth. */
const VENUE = {
  underlyings: [{ index: 0, name: "SOL", decimals: 9, lotSize: 10_000_000n }],
} as unknown as Venue;
const MARKET = { status: 0, tickSize: 500n, orderMinimumLots: 5n } as ListedMarket;

const terms = (kind: Kind, strike = 1_500_000n): Terms => ({
  underlying: 0,
  kind,
  expiry: kind === "perpetual" ? 0 : 1_800_000_000,
  strike: kind === "call" || kind === "put" ? strike : 0n,
});

const NO_MATCH: Match = { makers: [], fills: [], lots: 0n, value: 0n, worst: null };
const filled = (over: Partial<Fill>): Fill => ({
  terms: terms("call"),
  side: 0,
  lots: 100n,
  limit: 50_000n,
  match: NO_MATCH,
  ...over,
});
const MAKER = address("11111111111111111111111111111112");

describe("legs", () => {
  it("are at most four, each market once", () => {
    const strikes = [1n, 2n, 3n, 4n].map((strike) => terms("call", strike * 500_000n));
    const full = strikes.reduce(
      (legs, each) => addLeg(legs, legOf(VENUE, each, 0, 50_000n)) ?? legs,
      [] as ReturnType<typeof legOf>[],
    );
    expect(full).toHaveLength(4);
    expect(addLeg(full, legOf(VENUE, terms("put"), 0, null))).toBeNull();
    const [first = terms("call")] = strikes;
    const changed = addLeg(full, legOf(VENUE, first, 1, 40_000n));
    expect(changed?.map(({ side }) => side)).toEqual([1, 0, 0, 0]);
  });

  it("show prices per whole unit and mean prices per lot", () => {
    const leg = legOf(VENUE, terms("call"), 0, 52_500n);
    expect(leg.limit.text).toBe("5.25");
    expect(sizeLeg(VENUE, leg, MARKET, null, 100n)).toEqual({
      terms: leg.terms,
      side: 0,
      lots: 100n,
      limit: 52_500n,
    });
  });

  it("say what is missing", () => {
    const leg = legOf(VENUE, terms("call"), 0, 52_500n);
    const at = (price: bigint | null) => legOf(VENUE, terms("call"), 0, price);
    const band = { bandLow: 60_000n, bandHigh: 70_000n } as never;
    expect(sizeLeg(VENUE, leg, undefined, null, 100n)).toMatch(/not listed/);
    expect(sizeLeg(VENUE, at(null), MARKET, null, 100n)).toMatch(/limit price/);
    expect(at(null).followsBook).toBe(true);
    expect(sizeLeg(VENUE, at(52_600n), MARKET, null, 100n)).toMatch(/multiple of 0.05/);
    expect(sizeLeg(VENUE, leg, MARKET, band, 100n)).toMatch(/between 6 and 7/);
    expect(sizeLeg(VENUE, leg, MARKET, null, 4n)).toMatch(/smallest order/);
  });

  it("go out bought before sold, with the hedge in between", () => {
    const legs = [
      { terms: terms("call"), side: 1 },
      { terms: terms("perpetual"), side: 1 },
      { terms: terms("future"), side: 0 },
      { terms: terms("put"), side: 0 },
    ];
    expect(inOrder(legs).map(({ terms: { kind } }) => kind)).toEqual([
      "put",
      "future",
      "perpetual",
      "call",
    ]);
  });

  it("round prices to the tick in favour of who waits", () => {
    expect(onTick(52_700n, 500n, 0)).toBe(52_500n);
    expect(onTick(52_700n, 500n, 1)).toBe(53_000n);
    expect(onTick(52_500n, 500n, 1)).toBe(52_500n);
  });

  it("cost the average of the book, rounded against the trader, or the limit", () => {
    const match = { ...NO_MATCH, lots: 3n, value: 100n };
    expect(fillPrice(filled({ lots: 3n, match }))).toBe(34n);
    expect(fillPrice(filled({ lots: 3n, side: 1, match }))).toBe(33n);
    expect(fillPrice(filled({ lots: 4n, match }))).toBe(50_000n);
  });

  it("trade within the band, and with who only reduces where the market asks for it", () => {
    const at = (price: bigint, reduceOnly: number): Level => ({
      price,
      lots: 1n,
      total: 0n,
      orders: [{ account: MAKER, id: price, reduceOnly, fillable: 1n } as Resting],
    });
    const call = terms("call");
    const books = new Map([
      [termsKey(call), { bids: [], asks: [at(40n, 0), at(50n, 0), at(60n, 1)] }],
    ]);
    const prices = (status: number, figures: Place["figures"]) =>
      usable(books, [{ terms: call, market: { status }, figures }])
        .get(termsKey(call))
        ?.asks.map(({ price }) => price);
    const band = { bandLow: 45n, bandHigh: 70n };
    expect(prices(MarketStatus.Active, band)).toEqual([50n, 60n]);
    expect(prices(MarketStatus.ReduceOnly, band)).toEqual([60n]);
    expect(prices(MarketStatus.Active, null)).toBeUndefined();
  });

  it("trade what the book has and rest what it has not", () => {
    const match: Match = {
      makers: [{ account: MAKER } as never],
      fills: [40n],
      lots: 40n,
      value: 40n * 49_000n,
      worst: 49_000n,
    };
    const leg = filled({ side: 1, match });
    expect(tradesOf([leg])).toMatchObject([{ kind: "trade", lots: -100n, fee: "taker" }]);
    expect(restingOf([leg])).toMatchObject([
      { kind: "trade", lots: -40n, price: 49_000n },
      { kind: "order", side: "ask", lots: 60n, price: 50_000n },
    ]);
  });
});
