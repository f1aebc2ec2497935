import { describe, expect, it } from "vitest";
import { toQ32 } from "@/engine/engine";
import type { Totals } from "@/engine/types";
import { ratioText, standingOf } from "./health";

const totals = (ratio: number | null, isLiquidatable = false) =>
  ({ marginRatioQ32: ratio === null ? null : toQ32(ratio), isLiquidatable }) as Totals;
const calm = { liquidationStartedAt: null };

describe("standing of an account", () => {
  it("follows the margin ratio", () => {
    const of = (ratio: number | null) =>
      standingOf({ account: calm, totals: totals(ratio), liquidation: totals(ratio) });
    expect(of(0)).toBe("healthy");
    expect(of(0.79)).toBe("healthy");
    expect(of(0.8)).toBe("near");
    expect(of(null)).toBe("near");
  });

  it("is liquidatable only when a liquidation sees it so", () => {
    const below = totals(1.1, true);
    expect(standingOf({ account: calm, totals: below, liquidation: below })).toBe("liquidatable");
    expect(standingOf({ account: calm, totals: below, liquidation: totals(0.9) })).toBe("near");
    expect(standingOf({ account: calm, totals: below, liquidation: null })).toBe("near");
  });

  it("says that a liquidation has begun, however healthy the account is", () => {
    const account = { liquidationStartedAt: 1 };
    expect(standingOf({ account, totals: totals(0.1), liquidation: null })).toBe("inLiquidation");
  });

  it("writes the ratio", () => {
    expect(ratioText(totals(0.4215))).toBe("42.1%");
    expect(ratioText(totals(null))).toBe("no equity");
  });
});
