import { describe, expect, it } from "vitest";
import { Q32_ONE } from "@/engine/engine";
import { ago, capUsedQ32, instructionWords, shareQ32, sourceWords } from "./words";

describe("states in words", () => {
  it("names instructions, sources and ages", () => {
    expect(instructionWords("placeAndFill")).toBe("place and fill");
    expect(sourceWords({ kind: "pythPull", feedId: "ab".repeat(32) })).toEqual({
      word: "Pyth, pulled abab…abab",
      detail: "ab".repeat(32),
    });
    expect(sourceWords({ kind: "unknown" })).toEqual({ word: "Unknown" });
    expect(ago(65)).toBe("1m 05s ago");
    expect(ago(null)).toBe("never");
  });

  it("knows how much of a cap is used", () => {
    expect(shareQ32(1n, 4n)).toBe(Q32_ONE / 4n);
    expect(shareQ32(1n, 0n)).toBe(0n);
    expect(capUsedQ32(1n, 2n)).toBe(Q32_ONE / 2n);
    expect(capUsedQ32(1n, (1n << 64n) - 1n)).toBeNull();
  });
});
