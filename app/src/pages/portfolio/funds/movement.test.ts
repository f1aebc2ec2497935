import { describe, expect, it } from "vitest";
import { toQ32 } from "@/engine/engine";
import { ALL } from "@/transactions/actions";
import { changeOf, isRefusalOf, repayable, repayMax, sentAmount } from "./movement";

describe("movements of money", () => {
  it("are changes of the account", () => {
    expect(changeOf("repay", 2, 5n)).toEqual({ kind: "deposit", asset: 2, amount: 5n });
    expect(changeOf("withdraw", 2, 5n)).toMatchObject({ kind: "withdraw", borrow: false });
    expect(changeOf("transfer", 2, 5n)).toMatchObject({ kind: "withdraw", borrow: false });
    expect(changeOf("borrow", 2, 5n)).toMatchObject({ kind: "withdraw", borrow: true });
  });

  it("take all of a deposit, so that no dust stays", () => {
    expect(sentAmount("withdraw", 10n, 10n)).toBe(ALL);
    expect(sentAmount("transfer", 10n, 10n)).toBe(ALL);
    expect(sentAmount("withdraw", 9n, 10n)).toBe(9n);
    expect(sentAmount("borrow", 10n, 10n)).toBe(10n);
    expect(sentAmount("repay", 10n, 10n)).toBe(10n);
  });

  it("repay with the interest that comes until then", () => {
    const year = 31_536_000;
    const asset = { accruedAt: 1_000, borrowRateQ32: toQ32(0.1) };
    const later = repayable(1_000_000n, asset, 1_000 + year);
    expect(later).toBeGreaterThanOrEqual(1_100_001n);
    expect(later).toBeLessThan(1_100_030n);
    expect(repayable(1_000n, { accruedAt: 0, borrowRateQ32: 0n }, 0)).toBe(1_010n);
  });

  it("repay no more than is owed where nothing may be deposited", () => {
    expect(repayMax(1_010n, 1_000n)).toBe(1_000n);
    expect(repayMax(1_010n, 5_000n)).toBe(1_010n);
    expect(repayMax(1_010n, null)).toBe(1_010n);
  });

  it("move between accounts whatever is in the vault", () => {
    expect(isRefusalOf("transfer", "OutflowLimitExceeded")).toBe(false);
    expect(isRefusalOf("transfer", "BelowInitialMargin")).toBe(true);
    expect(isRefusalOf("withdraw", "OutflowLimitExceeded")).toBe(true);
  });
});
