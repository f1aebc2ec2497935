import { describe, expect, it } from "vitest";
import { failedAt, unitPrice } from "./send";

describe("the fee per compute unit", () => {
  it("is what three quarters have not exceeded, within bounds", () => {
    const paid = (...values: number[]) => unitPrice(values.map(BigInt), false);
    expect(paid(0, 40_000, 20_000, 30_000)).toBe(40_000n);
    expect(paid(0, 0, 0, 0)).toBe(10_000n);
    expect(paid()).toBe(10_000n);
    expect(paid(9_000_000)).toBe(1_000_000n);
    expect(unitPrice([], true)).toBe(0n);
  });
});

describe("the instruction that has failed", () => {
  it("is counted without the compute budget's", () => {
    expect(failedAt({ InstructionError: [2n, "Custom"] })).toBe(0);
    expect(failedAt({ InstructionError: [4, { Custom: 6000 }] })).toBe(2);
    expect(failedAt({ InstructionError: [1, "ComputationalBudgetExceeded"] })).toBeNull();
    expect(failedAt("AccountNotFound")).toBeNull();
    expect(failedAt(null)).toBeNull();
  });
});
