import { describe, expect, it } from "vitest";
import { editDecimal, formatDecimal, mulDiv, parseDecimal } from "./decimal";
import { toQ32 } from "@/engine/engine";
import { percent, price, span, usd } from "./format";

describe("amounts", () => {
  it("reads what people type, exactly", () => {
    expect(parseDecimal("1,234.5", 6)).toBe(1_234_500_000n);
    expect(parseDecimal(" .000001 ", 6)).toBe(1n);
    expect(parseDecimal("-2.", 2)).toBe(-200n);
    expect(parseDecimal("1_000", 0)).toBe(1000n);
    expect(parseDecimal("12 345 678", 0)).toBe(12_345_678n);
    expect(parseDecimal("1.500000000", 2)).toBe(150n);
    // 2^53 + 1 millionths: a float would lose the last digit.
    expect(parseDecimal("9007199254.740993", 6)).toBe(9_007_199_254_740_993n);
  });

  it("says what is wrong", () => {
    expect(() => parseDecimal("", 6)).toThrow("Not a number");
    expect(() => parseDecimal("1e5", 6)).toThrow("Not a number");
    // What somebody may mean as a fraction is never taken for thousands.
    for (const text of [
      "1,5",
      "0,001",
      "0,0015",
      "0,125",
      "1,2345",
      "150,2500",
      "1.5,000",
      "1,23,456",
    ]) {
      expect(() => parseDecimal(text, 6), text).toThrow("with a point");
    }
    expect(() => parseDecimal("1,234 567", 6)).toThrow("with a point");
    expect(() => parseDecimal("0.0000001", 6)).toThrow("At most 6 digits");
    expect(() => parseDecimal("1.5", 0)).toThrow("Whole numbers");
    expect(() => parseDecimal("9223372036854775808", 0)).toThrow("Too large");
  });

  it("writes what it reads", () => {
    for (const units of [0n, 1n, -1n, 123_456_789_012n, -9_007_199_254_740_993n]) {
      expect(parseDecimal(editDecimal(units, 6), 6)).toBe(units);
      expect(parseDecimal(formatDecimal(units, 6).replace("−", "-"), 6)).toBe(units);
    }
    expect(formatDecimal(1_234_567_890n, 6, { max: 2 })).toBe("1,234.57");
    expect(formatDecimal(-5n, 1, { max: 0 })).toBe("−1");
    expect(formatDecimal(-4n, 1, { max: 0 })).toBe("0");
    expect(formatDecimal(5n, 0, { sign: true })).toBe("+5");
  });

  it("divides downwards", () => {
    expect(mulDiv(7n, 1n, 2n)).toBe(3n);
    expect(mulDiv(-7n, 1n, 2n)).toBe(-4n);
    expect(mulDiv(-8n, 1n, 2n)).toBe(-4n);
  });

  it("writes money, prices, rates and spans", () => {
    expect(usd(-1_234_504_999n)).toBe("−$1,234.50");
    expect(usd(-4_999n)).toBe("$0.00");
    expect(usd(1_000_000n, { sign: true })).toBe("+$1.00");
    expect(price(157_123_456n)).toBe("157.12");
    expect(price(1_234_567n)).toBe("1.2346");
    expect(percent(toQ32(0.125))).toBe("12.5%");
    expect(percent(toQ32(-0.005), { sign: true })).toBe("−0.5%");
    expect(span(93_784)).toBe("1d 02h");
    expect(span(65)).toBe("1m 05s");
  });
});
