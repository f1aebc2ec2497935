import { describe, expect, it } from "vitest";
import { Q32_ONE } from "@/engine/engine";
import type { SizedLeg } from "./legs";
import { breakEvens, payoffOf, rangeOf } from "./payoff";

const leg = (kind: "call" | "put", side: 0 | 1, strike: bigint): SizedLeg => ({
  terms: { underlying: 0, kind, expiry: 1_800_000_000, strike },
  side,
  lots: 10n,
  limit: 1n,
});

/** What legs pay at expiry for a premium, at marks that include the strikes. */
function points(legs: SizedLeg[], premium: bigint, marks: bigint[]) {
  return marks.map((mark) => {
    const paid = legs.reduce((sum, { terms, side, lots }) => {
      const inside = terms.kind === "call" ? mark - terms.strike : terms.strike - mark;
      const value = inside > 0n ? inside * lots : 0n;
      return sum + (side === 0 ? value : -value);
    }, 0n);
    return { markQ32: mark * Q32_ONE, atExpiry: paid - premium };
  });
}
const MARKS = [10n, 20n, 100n, 120n, 500n, 1000n];
const whole = (q32: bigint[]) => q32.map((value) => Number(value) / 2 ** 32);

describe("payoff", () => {
  it("of a call spread is bounded both ways", () => {
    const legs = [leg("call", 0, 100n), leg("call", 1, 120n)];
    const payoff = payoffOf(points(legs, 50n, MARKS), legs);
    expect(payoff).toMatchObject({ best: 150n, worst: -50n });
    expect(whole(payoff.breakEvensQ32)).toEqual([105]);
  });

  it("of a bought call has no upper bound, of a sold one no lower", () => {
    const bought = [leg("call", 0, 100n)];
    expect(payoffOf(points(bought, 50n, MARKS), bought)).toMatchObject({ best: null, worst: -50n });
    const sold = [leg("call", 1, 100n)];
    expect(payoffOf(points(sold, -50n, MARKS), sold)).toMatchObject({ best: 50n, worst: null });
  });

  it("of a put ends at a price of zero", () => {
    const sold = [leg("put", 1, 100n)];
    const payoff = payoffOf(points(sold, -50n, MARKS), sold);
    expect(payoff).toMatchObject({ best: 50n, worst: -950n });
    expect(whole(payoff.breakEvensQ32)).toEqual([95]);
  });

  it("of a straddle breaks even twice", () => {
    const legs = [leg("call", 0, 100n), leg("put", 0, 100n)];
    expect(whole(payoffOf(points(legs, 150n, MARKS), legs).breakEvensQ32)).toEqual([85, 115]);
  });

  it("breaks even at the ends of a stretch along zero", () => {
    const along = [-1n, 0n, 0n, 0n, 2n].map((atExpiry, index) => ({
      markQ32: BigInt(index),
      atExpiry,
    }));
    expect(breakEvens(along)).toEqual([1n, 3n]);
    expect(breakEvens([])).toEqual([]);
  });
});

describe("range", () => {
  it("holds the strikes, the mark, and room around them", () => {
    const mark = 110n * Q32_ONE;
    const { lowQ32, highQ32, factorsQ32 } = rangeOf(mark, [leg("put", 0, 100n)]);
    expect(lowQ32 < 100n * Q32_ONE && highQ32 > mark).toBe(true);
    expect(factorsQ32).toContain(Q32_ONE);
    expect(factorsQ32).toContain((100n * Q32_ONE + 55n) / 110n);
    expect(factorsQ32.filter((factor) => (factor * mark) / Q32_ONE < lowQ32 / 2n)).toHaveLength(2);
    expect(factorsQ32.filter((factor) => (factor * mark) / Q32_ONE > 2n * highQ32)).toHaveLength(2);
  });
});
