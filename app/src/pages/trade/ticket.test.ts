import { address } from "@solana/kit";
import { describe, expect, it } from "vitest";
import type { Book, Level } from "@/chain/book";
import { Side, type Resting } from "@/chain/layout";
import { Q32_ONE } from "@/engine/engine";
import type { Terms } from "@/engine/types";
import {
  averagePrice,
  changesOf,
  feeOf,
  largestLots,
  makersNow,
  nearestTicks,
  objectionTo,
  phaseOf,
  planOrder,
  slippagePrice,
  templateOf,
  type Draft,
  type Plan,
  type Rules,
} from "./ticket";

const TERMS: Terms = { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n };
const MAKER = address("11111111111111111111111111111113");
const ME = address("11111111111111111111111111111112");
const RULES: Rules = {
  terms: TERMS,
  tick: 10n,
  minimum: 2n,
  bandLow: 905n,
  bandHigh: 1095n,
  reducesOnly: false,
  takerQ32: Q32_ONE / 1000n,
  makerQ32: 0n,
};
const DRAFT: Draft = {
  side: Side.Bid,
  type: "limit",
  price: 1010n,
  lots: 10n,
  reduceOnly: false,
  slippageBps: 50n,
};
const NOBODY = { owner: ME, held: 0n };

let nextId = 0n;
function level(side: 0 | 1, price: bigint, ...lots: bigint[]): Level {
  const orders = lots.map<Resting>((each) => ({
    terms: TERMS,
    price,
    lots: each,
    id: (nextId += 1n),
    clientId: 0n,
    placedSlot: 1n,
    expiresAt: 0,
    side,
    reduceOnly: 0,
    postOnly: 0,
    padding: 0,
    account: MAKER,
    owner: MAKER,
    fillable: each,
  }));
  return { price, lots: lots.reduce((sum, each) => sum + each, 0n), total: 0n, orders };
}

const BOOK: Book = {
  bids: [level(Side.Bid, 990n, 4n), level(Side.Bid, 980n, 100n)],
  asks: [level(Side.Ask, 1000n, 3n), level(Side.Ask, 1010n, 2n), level(Side.Ask, 1020n, 50n)],
};

function plan(changes: Partial<Draft>, book = BOOK, held = 0n): Plan {
  const found = planOrder({ ...DRAFT, ...changes }, RULES, book, { owner: ME, held });
  if (!found) throw new Error("no plan");
  return found;
}

describe("prices", () => {
  it("puts the limit of a market order on the tick, beyond its tolerance at most by one", () => {
    expect(slippagePrice(Side.Bid, 1000n, 50n, RULES)).toBe(1010n);
    expect(slippagePrice(Side.Bid, 1000n, 0n, RULES)).toBe(1000n);
    expect(slippagePrice(Side.Ask, 1000n, 50n, RULES)).toBe(990n);
  });

  it("keeps it within the band", () => {
    expect(slippagePrice(Side.Bid, 1080n, 500n, RULES)).toBe(1090n);
    expect(slippagePrice(Side.Ask, 920n, 500n, RULES)).toBe(910n);
  });

  it("names the ticks around a price", () => {
    expect(nearestTicks(1005n * 7n, 7n, 10n)).toEqual([1000n, 1010n]);
    expect(nearestTicks(7001n, 7n, 10n)).toEqual([1000n, 1010n]);
    expect(nearestTicks(7000n, 7n, 10n)).toEqual([1000n, 1000n]);
  });
});

describe("fees", () => {
  it("are rounded up, once per fill", () => {
    expect(feeOf(1n, 1n)).toBe(1n);
    expect(feeOf(0n, Q32_ONE)).toBe(0n);
    expect(feeOf(1000n, Q32_ONE / 2n)).toBe(500n);
    expect(feeOf(1001n, Q32_ONE / 2n)).toBe(501n);
    // 3,000 and 2,020 at just under a thousandth: 3 and 3, not 6 of 5,020 by chance.
    expect(plan({}).fee).toBe(3n + 3n);
  });
});

describe("orders", () => {
  it("trades what crosses and rests the others", () => {
    const { match, rest, lapses, request, isCutOff } = plan({});
    expect([match.lots, match.value, rest, lapses]).toEqual([5n, 5020n, 5n, 0n]);
    expect(request).toMatchObject({ type: "limit", price: 1010n, lots: 10n });
    expect(request.makers).toHaveLength(2);
    expect(isCutOff).toBe(false);
    expect(averagePrice(Side.Bid, match)).toBe(1004n);
  });

  it("lets what an immediate order does not get lapse", () => {
    const { match, rest, lapses } = plan({ type: "immediateOrCancel" });
    expect([match.lots, rest, lapses]).toEqual([5n, 0n, 5n]);
  });

  it("makes a market order immediate with a limit beyond its worst fill", () => {
    const { request, match } = plan({ type: "market", price: null });
    expect(match.worst).toBe(1020n);
    expect(request).toMatchObject({ type: "immediateOrCancel", price: 1030n, lots: 10n });
  });

  it("rests a post-only order whole and names no makers", () => {
    const { rest, request } = plan({ type: "postOnly" });
    expect(rest).toBe(10n);
    expect(request.makers).toEqual([]);
  });

  it("trades no more than the position when it only reduces", () => {
    const { match, rest, lapses, request } = plan({ reduceOnly: true }, BOOK, -4n);
    expect([match.lots, rest, lapses, request.lots]).toEqual([4n, 0n, 6n, 10n]);
    expect(plan({ reduceOnly: true }, BOOK, 4n).match.lots).toBe(0n);
  });

  it("says when five makers are not enough", () => {
    const asks = [level(Side.Ask, 1000n, 1n, 1n, 1n, 1n, 1n, 1n)];
    const cut = plan({ type: "immediateOrCancel" }, { bids: [], asks });
    expect([cut.isCutOff, cut.match.lots]).toEqual([true, 5n]);
    expect(plan({ lots: 5n }, { bids: [], asks }).isCutOff).toBe(false);
  });

  it("passes over what rests outside of the band", () => {
    const asks = [level(Side.Ask, 900n, 9n), level(Side.Ask, 1000n, 1n)];
    expect(plan({}, { bids: [], asks }).match.value).toBe(1000n);
  });

  it("takes its makers from the newest book, at the limit that was decided on", () => {
    const decided = plan({ type: "market", lots: 4n });
    const later = { bids: [], asks: [level(Side.Ask, 1010n, 1n), level(Side.Ask, 1050n, 9n)] };
    const makers = makersNow(decided, RULES, later, NOBODY);
    expect(decided.request.price).toBe(1020n);
    expect(makers.map(({ price }) => price)).toEqual([1010n]);
    expect(makersNow(plan({ type: "postOnly" }), RULES, later, NOBODY)).toEqual([]);
  });

  it("is told to the engine as its trades and the order that rests", () => {
    expect(changesOf(plan({}))).toEqual([
      { kind: "trade", terms: TERMS, lots: 3n, price: 1000n, fee: "taker" },
      { kind: "trade", terms: TERMS, lots: 2n, price: 1010n, fee: "taker" },
      { kind: "order", terms: TERMS, side: "bid", lots: 5n, price: 1010n, reduceOnly: false },
    ]);
    const sell = changesOf(plan({ side: Side.Ask, type: "market", lots: 4n }));
    expect(sell).toEqual([{ kind: "trade", terms: TERMS, lots: -4n, price: 990n, fee: "taker" }]);
  });
});

describe("the largest order", () => {
  it("is judged as an order while it rests, and as a trade when it crosses", () => {
    const of = (changes: Partial<Draft>) =>
      templateOf({ ...DRAFT, ...changes }, RULES, BOOK, NOBODY);
    expect(of({ price: 950n })).toMatchObject({ kind: "order", price: 950n, side: "bid" });
    expect(of({ price: 1010n })).toMatchObject({ kind: "trade", price: 1010n, lots: 1n });
    expect(of({ type: "market" })).toMatchObject({ kind: "trade", price: 1020n });
    expect(of({ type: "immediateOrCancel", price: 950n })).toBeNull();
    expect(of({ price: null })).toBeNull();
  });

  it("is limited by margin, makers and position", () => {
    const of = (changes: Partial<Draft>, affordable: bigint | null, held = 0n) =>
      largestLots({ ...DRAFT, ...changes }, RULES, BOOK, { owner: ME, held }, affordable);
    expect(of({}, 100n)).toBe(100n);
    expect(of({ type: "immediateOrCancel" }, 100n)).toBe(5n);
    expect(of({ reduceOnly: true }, null, -7n)).toBe(7n);
    expect(of({}, null)).toBeNull();
  });
});

describe("objections", () => {
  const to = (changes: Partial<Draft>, held = 0n, phase = phaseOf(0, 0, 1)) => {
    const draft = { ...DRAFT, ...changes };
    return objectionTo(draft, plan(changes, BOOK, held), RULES, phase, BOOK, { owner: ME, held });
  };

  it("are about the market's rules", () => {
    expect(to({})).toBeNull();
    expect(to({ lots: 1n })).toBe("tooSmall");
    expect(to({ price: 1100n })).toBe("aboveBand");
    expect(to({ price: 900n })).toBe("belowBand");
    expect(to({}, 0n, phaseOf(1, 0, 1))).toBe("reduceOnlyMarket");
    expect(to({}, 0n, phaseOf(0, 5, 5))).toBe("marketOver");
  });

  it("are about orders that do nothing", () => {
    expect(to({ type: "postOnly", price: 1000n })).toBe("wouldCross");
    expect(to({ type: "postOnly", price: 990n })).toBeNull();
    expect(to({ side: Side.Ask, type: "postOnly", price: 990n })).toBe("wouldCross");
    expect(to({ reduceOnly: true }, 5n)).toBe("nothingToReduce");
    expect(to({ type: "immediateOrCancel", price: 990n })).toBe("nothingAtOnce");
  });
});
