import { describe, expect, it } from "vitest";
import { Q32_ONE } from "@/engine/engine";
import { listableExpiries, strikeBounds } from "./series";

const unix = (text: string) => Date.parse(text) / 1000;
const days = (now: string) =>
  listableExpiries(unix(now)).map((at) => new Date(at * 1000).toISOString().slice(0, 13));

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
