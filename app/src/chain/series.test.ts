import { describe, expect, it } from "vitest";
import { Q32_ONE } from "@/engine/engine";
import { expiryGrid, isOnStrikeGrid, strikeAtMark } from "./series";

/** Sunday, 22 November 2026, 09:00 UTC. */
const NOW = Date.UTC(2026, 10, 22, 9) / 1000;
const names = (now: number) =>
  expiryGrid(now).map((expiry) => new Date(expiry * 1000).toISOString().slice(0, 16));

describe("the grid of expiries", () => {
  it("has the days of a week, the Fridays of five and the last Fridays of months", () => {
    expect(names(NOW).slice(0, 12)).toEqual([
      "2026-11-23T08:00",
      "2026-11-24T08:00",
      "2026-11-25T08:00",
      "2026-11-26T08:00",
      "2026-11-27T08:00",
      "2026-11-28T08:00",
      "2026-11-29T08:00",
      "2026-12-04T08:00",
      "2026-12-11T08:00",
      "2026-12-18T08:00",
      "2026-12-25T08:00",
      "2027-01-29T08:00",
    ]);
    expect(names(NOW).at(-1)).toBe("2027-11-26T08:00");
  });

  it("leaves out what expires within the hour", () => {
    expect(names(NOW - 2 * 3600 + 1)[0]).toBe("2026-11-23T08:00");
    expect(names(NOW - 2 * 3600)[0]).toBe("2026-11-22T08:00");
  });
});

describe("the grid of strikes", () => {
  const sol = { markQ32: 152_000n << 32n, strikeStep: 5_000n, strikeSpanQ32: 4n * Q32_ONE };

  it("has multiples of the step within the span", () => {
    expect(isOnStrikeGrid(sol, 150_000n)).toBe(true);
    expect(isOnStrikeGrid(sol, 151_000n)).toBe(false);
    expect(isOnStrikeGrid(sol, 0n)).toBe(false);
    expect([35_000n, 40_000n].map((strike) => isOnStrikeGrid(sol, strike))).toEqual([false, true]);
    expect([605_000n, 610_000n].map((strike) => isOnStrikeGrid(sol, strike))).toEqual([
      true,
      false,
    ]);
  });

  it("has one next to the mark", () => {
    expect(strikeAtMark(sol)).toBe(150_000n);
    expect(strikeAtMark({ ...sol, markQ32: 1n })).toBe(5_000n);
    expect(strikeAtMark({ ...sol, strikeStep: 0n })).toBeNull();
    expect(strikeAtMark({ ...sol, markQ32: null })).toBeNull();
  });
});
