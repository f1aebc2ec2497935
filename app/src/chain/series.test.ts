import { describe, expect, it } from "vitest";
import { Q32_ONE } from "@/engine/engine";
import { expiryGrid, isOnStrikeGrid, strikeAtMark, strikeBounds } from "./series";

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

const unix = (text: string) => Date.parse(text) / 1000;
const days = (now: string) =>
  expiryGrid(unix(now)).map((at) => new Date(at * 1000).toISOString().slice(0, 13));

describe("series", () => {
  it("expire daily for a week, on Fridays for five, and on last Fridays of a month", () => {
    // A Friday.
    const found = days("2025-10-10T08:00:00Z");
    expect(found.slice(0, 7)).toEqual(
      [11, 12, 13, 14, 15, 16, 17].map((day) => `2025-10-${day}T08`),
    );
    expect(found.slice(7, 12)).toEqual([
      "2025-10-24T08",
      "2025-10-31T08",
      "2025-11-07T08",
      "2025-11-14T08",
      "2025-11-28T08",
    ]);
    expect(found.at(-1)).toBe("2026-10-30T08");
  });

  it("expire an hour ahead at least", () => {
    expect(days("2025-10-10T07:00:00Z")[0]).toBe("2025-10-10T08");
    expect(days("2025-10-10T07:00:01Z")[0]).toBe("2025-10-11T08");
  });

  it("have strikes on the step within the span of the mark", () => {
    const figures = { markQ32: 150n * Q32_ONE, strikeStep: 5n, strikeSpanQ32: 4n * Q32_ONE };
    expect(strikeBounds(figures)).toEqual([40n, 600n]);
    expect(strikeBounds({ ...figures, strikeStep: 0n })).toBeNull();
    expect(strikeBounds({ ...figures, markQ32: null })).toBeNull();
    expect(strikeBounds({ ...figures, strikeStep: 700n })).toBeNull();
  });
});
