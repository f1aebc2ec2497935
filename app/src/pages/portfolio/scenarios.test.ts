import { describe, expect, it } from "vitest";
import { toQ32 } from "@/engine/engine";
import { scenarioWords } from "./scenarios";

const SHOCKS = { volatilityShockUpQ32: toQ32(0.4), volatilityShockDownQ32: toQ32(0.25) };

describe("a scenario in words", () => {
  it("names the move of the price and of the volatility", () => {
    const words = (move: number, volatility: "up" | "down" | "unchanged") =>
      scenarioWords({ priceMoveQ32: toQ32(move), volatility }, SHOCKS);
    expect(words(-0.157, "up")).toBe("price −15.7%, volatility +40%");
    expect(words(0.05, "down")).toBe("price +5%, volatility −25%");
    expect(words(-0.3, "unchanged")).toBe("price −30%");
    expect(words(0, "up")).toBe("price unchanged, volatility +40%");
  });
});
