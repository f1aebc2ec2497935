import { describe, expect, it } from "vitest";
import { settlementOf } from "./settlement";

const FULL = { settlementPool: 5n };
const EMPTY = { settlementPool: 0n };
const OPEN = { paused: [] };

describe("the settlement of an expired position", () => {
  it("moves a profit into cash as far as there is any in the pool", () => {
    expect(settlementOf({ lots: 1n, profit: 9n }, FULL, OPEN)).toMatchObject({
      position: true,
      pnl: true,
    });
    expect(settlementOf({ lots: 1n, profit: 9n }, EMPTY, OPEN)).toMatchObject({
      position: true,
      pnl: false,
      obstacle: null,
    });
    expect(settlementOf({ lots: 0n, profit: 9n }, EMPTY, OPEN)).toMatchObject({
      position: false,
      pnl: false,
      obstacle: expect.stringContaining("Losers") as string,
    });
  });

  it("pays a loss whatever is in the pool, and nothing of nothing", () => {
    expect(settlementOf({ lots: 0n, profit: -9n }, EMPTY, OPEN)).toMatchObject({ pnl: true });
    expect(settlementOf({ lots: 1n, profit: 0n }, FULL, OPEN)).toMatchObject({
      position: true,
      pnl: false,
    });
    expect(settlementOf({ lots: 0n, profit: 0n }, FULL, OPEN).obstacle).not.toBeNull();
  });

  it("leaves out what is paused", () => {
    expect(settlementOf({ lots: 1n, profit: 9n }, FULL, { paused: ["settlePnl"] })).toMatchObject({
      position: true,
      pnl: false,
    });
    expect(settlementOf({ lots: 1n, profit: -9n }, FULL, { paused: ["settlePosition"] })).toEqual({
      position: false,
      pnl: false,
      obstacle: "Settling is paused now.",
    });
  });
});
