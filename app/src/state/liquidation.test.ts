import { describe, expect, it } from "vitest";
import { EngineError } from "@/engine/engine";
import type {
  Assessment,
  Change,
  LiquidationMarksAnswer,
  Terms,
  WhatIfAnswer,
} from "@/engine/types";
import { kindOf, marksOf } from "./liquidation";

const TERMS: Terms = { underlying: 1, kind: "call", expiry: 1_700_000_000, strike: 5n };
const trade = (lots: bigint, price: bigint): Change => ({
  kind: "trade",
  terms: TERMS,
  lots,
  price,
  fee: "taker",
});
const MARKS: LiquidationMarksAnswer = { markQ32: 8n, belowQ32: 7n, aboveQ32: null };
const assessment = { underlyings: [{ underlying: 0 }, { underlying: 1 }] } as Assessment;

function refuse(): never {
  throw new EngineError({ code: 2, name: "StalePrice", message: "old" });
}

const risk = {
  assess: () => assessment,
  whatIf: () => ({ after: assessment }) as WhatIfAnswer,
  liquidationMarks: (_: unknown, underlying: number) => (underlying === 0 ? refuse() : MARKS),
};
const wanted = new AbortController().signal;

describe("liquidation prices", () => {
  it("are of the same kind whatever size and price", () => {
    expect(kindOf([trade(1n, 2n)])).toBe(kindOf([trade(3n, 4n)]));
    expect(kindOf([trade(1n, 2n)])).not.toBe(kindOf([trade(-1n, 2n)]));
    expect(kindOf([trade(1n, 2n)])).not.toBe(kindOf([]));
    expect(kindOf([{ kind: "deposit", asset: 1, amount: 1n }])).not.toBe(
      kindOf([{ kind: "deposit", asset: 2, amount: 1n }]),
    );
  });

  it("leave out what cannot be answered", async () => {
    expect(await marksOf(risk, null, [], wanted)).toEqual(new Map([[1, MARKS]]));
    expect(await marksOf(risk, null, [trade(1n, 2n)], wanted)).toEqual(new Map([[1, MARKS]]));
    const overflows = { ...risk, whatIf: refuse };
    expect(await marksOf(overflows, null, [trade(1n, 2n)], wanted)).toEqual(new Map());
  });

  it("are nobody's when they are not wanted any more", async () => {
    expect(await marksOf(risk, null, [], AbortSignal.abort())).toBeNull();
  });
});
