import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { Engine, EngineError, Q32_ONE, fromJson, fromQ32, toJson, toQ32 } from "./engine";
import type { Change, Purpose, Terms, Totals } from "./engine";

/** What `cargo xtask build wasm` leaves here. */
const MODULE = new URL("./ballast_risk.wasm", import.meta.url);
/** Portfolios with the figures that the program's engine gives on the VM. */
const VECTORS = new URL("../../../crates/risk-wasm/vectors/portfolios.json", import.meta.url);

interface Portfolio {
  board: number;
  account: string;
  figures: Record<Purpose, Partial<Totals> | { error: string }>;
}

const vectors = fromJson(readFileSync(VECTORS, "utf8")) as {
  now: number;
  exchange: string;
  boards: string[];
  portfolios: Portfolio[];
};
const { now } = vectors;

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

let engine: Engine;

function load(board: number, account: string | null): void {
  engine.loadExchange(bytes(vectors.exchange));
  engine.loadBoard(bytes(vectors.boards[board] ?? ""));
  engine.loadAccount(account === null ? null : bytes(account));
}

beforeAll(async () => {
  engine = await Engine.start(readFileSync(MODULE));
});

describe("the figures of the program", () => {
  it.each(vectors.portfolios.map((portfolio, index) => ({ index, portfolio })))(
    "portfolio $index",
    ({ portfolio }) => {
      load(portfolio.board, portfolio.account);
      for (const [purpose, figures] of Object.entries(portfolio.figures)) {
        const { totals, refusal } = engine.assess({ now, purpose: purpose as Purpose });
        if ("error" in figures) {
          expect(refusal?.name).toBe(figures.error);
        } else {
          expect(refusal).toBeNull();
          expect(totals).toMatchObject(figures);
        }
      }
    },
  );
});

const PERPETUAL: Terms = { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n };
const CALL: Terms = { underlying: 0, kind: "call", expiry: now + 2_592_000, strike: 2_000_000n };
const DEPOSIT: Change = { kind: "deposit", asset: 0, amount: 10_000_000_000n };

describe("an empty account", () => {
  beforeAll(() => load(0, null));

  it("may trade as much as its margin allows, and not one lot more", () => {
    const trade = (lots: bigint): Change => ({ kind: "trade", terms: PERPETUAL, lots });
    const { size, limit } = engine.largest({ now, changes: [DEPOSIT], template: trade(1n) });
    expect(size).toBeGreaterThan(0n);
    expect(limit?.name).toBe("TakerBelowInitialMargin");
    const after = (lots: bigint) =>
      engine.whatIf({ now, purpose: "addRisk", changes: [DEPOSIT, trade(lots)] });
    expect(after(size).allowed).toBe(true);
    expect(after(size + 1n)).toMatchObject({ allowed: false, refusals: [{ change: 1 }] });
    expect(after(size).before.totals.equityMark).toBe(0n);
  });

  it("withdraws what it has without margin", () => {
    const withdraw: Change = { kind: "withdraw", asset: 0, amount: 1n, borrow: false };
    const { size, limit } = engine.largest({ now, changes: [DEPOSIT], template: withdraw });
    // A deposit is rounded down to shares.
    expect(size).toBe(9_999_999_999n);
    expect(limit?.name).toBe("InsufficientDeposit");
  });

  it("knows what a call pays at its expiry", () => {
    const factorsQ32 = [Q32_ONE / 2n, Q32_ONE, 2n * Q32_ONE];
    const { cost, points, alone } = engine.legs({
      now,
      legs: [{ terms: CALL, lots: 10n }],
      underlying: 0,
      factorsQ32,
    });
    const [quote] = engine.quotes({ now, markets: [CALL] });
    expect(Number(cost)).toBeCloseTo(10 * fromQ32(quote?.figures?.markQ32 ?? 0n), -1);
    for (const { markQ32, atExpiry } of points) {
      const payoff = 10 * Math.max(0, fromQ32(markQ32) - Number(CALL.strike));
      expect(Math.abs(Number(atExpiry + cost) - payoff)).toBeLessThanOrEqual(10);
    }
    expect(alone.positions[0]?.vega).toBeGreaterThan(0n);
    expect(alone.positions[0]?.theta).toBeLessThan(0n);
  });

  it("loses on a short perpetual as the price rises", () => {
    const changes: Change[] = [DEPOSIT, { kind: "trade", terms: PERPETUAL, lots: -10_000n }];
    const factorsQ32 = [Q32_ONE, toQ32(1.1)];
    const [here, above] = engine.curve({ now, changes, underlying: 0, factorsQ32 });
    const mark = fromQ32(here?.markQ32 ?? 0n);
    expect(Math.abs(Number(here?.profit))).toBeLessThan(20_000);
    expect(Number(above?.profit)).toBeCloseTo(-10_000 * mark * 0.1, -5);
    const { aboveQ32, markQ32 } = engine.liquidationMarks({ now, changes, underlying: 0 });
    expect(aboveQ32).toBeGreaterThan(markQ32);
  });
});

describe("what makes no sense", () => {
  it("is an error with a name", () => {
    const error = (work: () => unknown) => {
      try {
        work();
      } catch (caught) {
        return caught instanceof EngineError ? caught.name : String(caught);
      }
      return "none";
    };
    expect(error(() => engine.loadBoard(new Uint8Array(8)))).toBe("MalformedAccount");
    const purpose = "none" as Purpose;
    expect(error(() => engine.assess({ now, purpose }))).toBe("MalformedRequest");
    const change: Change = { kind: "deposit", asset: 0, amount: 1n << 64n };
    expect(error(() => engine.whatIf({ now, purpose: "addRisk", changes: [change] }))).toBe(
      "MalformedRequest",
    );
  });
});

describe("numbers", () => {
  it("keep every digit in JSON", () => {
    const value = { a: -(1n << 100n), b: ["12n", 3, null] };
    expect(fromJson(toJson(value))).toEqual({ a: -(1n << 100n), b: [12n, 3, null] });
  });

  it("turn from and into Q32", () => {
    for (const value of [0, 1, -1.5, 0.25, 123_456.75]) {
      expect(fromQ32(toQ32(value))).toBe(value);
    }
  });
});
