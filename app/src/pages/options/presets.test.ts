import { describe, expect, it } from "vitest";
import { nearest, PRESETS, type Listing } from "./presets";

const PERPETUAL = { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n } as const;
const listing = (calls: bigint[], puts = calls, money = 152n): Listing => ({
  underlying: 0,
  expiry: 1_800_000_000,
  calls,
  puts,
  perpetual: PERPETUAL,
  money,
});

/** `+call 150 −call 155` and the like. */
function legs(id: string, at: Listing): string | null {
  const found = PRESETS.find((preset) => preset.id === id)?.legs(at);
  return (
    found
      ?.map(({ side, terms }) =>
        [side === 0 ? "+" : "−", terms.kind, terms.strike > 0n ? ` ${terms.strike}` : ""].join(""),
      )
      .join(" ") ?? null
  );
}

const WIDE = listing([140n, 145n, 150n, 155n, 160n]);
const NARROW = listing([150n]);

describe("presets", () => {
  it("choose strikes around the money", () => {
    expect(PRESETS.map(({ id }) => [id, legs(id, WIDE)])).toEqual([
      ["call-spread", "+call 150 −call 155"],
      ["put-spread", "+put 150 −put 145"],
      ["straddle", "+call 150 +put 150"],
      ["covered-call", "+perpetual −call 155"],
      ["protective-put", "+perpetual +put 150"],
      ["collar", "+perpetual +put 150 −call 155"],
      ["iron-condor", "+put 145 −put 150 −call 155 +call 160"],
    ]);
  });

  it("take what is listed at the end of the strikes", () => {
    const atTop = listing([140n, 150n]);
    expect(legs("call-spread", atTop)).toBe("+call 140 −call 150");
    expect(legs("covered-call", atTop)).toBe("+perpetual −call 150");
    expect(legs("put-spread", listing([155n, 160n]))).toBe("+put 160 −put 155");
  });

  it("are not offered when something is not listed", () => {
    expect(legs("call-spread", NARROW)).toBeNull();
    expect(legs("put-spread", NARROW)).toBeNull();
    expect(legs("straddle", listing([150n], [155n]))).toBeNull();
    expect(legs("collar", NARROW)).toBeNull();
    expect(legs("iron-condor", listing([145n, 150n, 155n]))).toBeNull();
    for (const { id } of PRESETS) expect(legs(id, listing([]))).toBeNull();
    for (const id of ["covered-call", "protective-put", "collar"]) {
      expect(legs(id, { ...WIDE, perpetual: null })).toBeNull();
    }
  });

  it("take the lower of two strikes that are as near", () => {
    expect(nearest([150n, 155n, 160n], 155n)).toBe(155n);
    expect(nearest([150n, 160n], 155n)).toBe(150n);
    expect(nearest([], 155n)).toBeUndefined();
  });
});
