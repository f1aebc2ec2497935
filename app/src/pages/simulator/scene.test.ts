import { describe, expect, it } from "vitest";
import type { Venue } from "@/engine/types";
import {
  actionsOf,
  changesOf,
  decodeScene,
  encodeScene,
  factorQ32,
  FLAT,
  missingIn,
  moveOf,
  movesOf,
  SceneError,
  withMove,
  type Scene,
} from "./scene";

const EXPIRY = 1_798_185_600;
const scene: Scene = {
  legs: [
    {
      terms: { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n },
      lots: -25n,
      price: null,
    },
    {
      terms: { underlying: 1, kind: "call", expiry: EXPIRY, strike: 3_000_000n },
      lots: 9_007_199_254_740_993n,
      price: 1_234_567n,
    },
  ],
  transfers: [
    { asset: 0, kind: "deposit", amount: 1_000_000_000n },
    { asset: 1, kind: "borrow", amount: 5n },
    { asset: 2, kind: "withdraw", amount: 0n },
  ],
  moves: [
    { underlying: 0, price: -2_000, implied: 10_000, realised: 0 },
    { underlying: 2, price: 1, implied: 0, realised: -5_000 },
  ],
  hours: 49,
};

/** As a link would have it. */
const link = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
const compact = (part: object) => link({ v: 1, l: [], t: [], m: [], h: 0, ...part });

describe("a scene in an address", () => {
  it("comes back as it was", () => {
    const text = encodeScene(scene) ?? "";
    expect(text).toMatch(/^[\w-]+$/);
    expect(decodeScene(text)).toEqual(scene);
  });

  it("is not there when nothing is changed", () => {
    expect(encodeScene(FLAT)).toBeUndefined();
  });

  it.each([
    ["nothing", ""],
    ["no base64", "%%%"],
    ["no JSON", btoa("hello")],
    ["a list", link([])],
    ["null", link(null)],
    ["another version", compact({ v: 2 })],
    ["more parts", compact({ __proto__x: 1 })],
    ["missing parts", link({ v: 1 })],
    ["too much", "a".repeat(20_000)],
    ["too many trades", compact({ l: Array(33).fill(["0-perpetual-0-0", "1", null]) })],
    ["a trade of nothing", compact({ l: [["0-swap-0-0", "1", null]] })],
    ["a perpetual with an expiry", compact({ l: [["0-perpetual-5-0", "1", null]] })],
    ["an option without strike", compact({ l: [[`0-call-${EXPIRY}-0`, "1", null]] })],
    ["a future with a strike", compact({ l: [[`0-future-${EXPIRY}-7`, "1", null]] })],
    ["an underlying beyond a byte", compact({ l: [["256-perpetual-0-0", "1", null]] })],
    ["a huge strike", compact({ l: [[`0-put-${EXPIRY}-99999999999999999999`, "1", null]] })],
    ["a size as a number", compact({ l: [["0-perpetual-0-0", 1, null]] })],
    ["a fraction of a lot", compact({ l: [["0-perpetual-0-0", "1.5", null]] })],
    ["a huge size", compact({ l: [["0-perpetual-0-0", "9999999999999999999", null]] })],
    ["a price of nothing", compact({ l: [["0-perpetual-0-0", "1", "0"]] })],
    ["a negative transfer", compact({ t: [[0, "deposit", "-1"]] })],
    ["an unknown transfer", compact({ t: [[0, "steal", "1"]] })],
    ["a fall below nothing", compact({ m: [[0, -10_000, 0, 0]] })],
    ["a move as a text", compact({ m: [[0, "-20", 0, 0]] })],
    ["no finite move", compact({ m: [[0, null, 0, 0]] })],
    ["two moves of one", compact({ m: [[0, 1, 0, 0], [0, 2, 0, 0]] })], // prettier-ignore
    ["time that runs backwards", compact({ h: -1 })],
    ["half an hour", compact({ h: 0.5 })],
    ["too much time", compact({ h: 1e9 })],
  ])("is refused in words: %s", (_, text) => {
    expect(() => decodeScene(text)).toThrow(SceneError);
  });

  it("may name what this exchange does not have", () => {
    const venue = { underlyings: [{}, {}, {}], assets: [{}, {}, {}] } as unknown as Venue;
    expect(missingIn(scene, venue)).toBeNull();
    expect(missingIn(scene, { ...venue, underlyings: [] })).toBe(
      "this exchange has no underlying 0",
    );
    expect(missingIn(scene, { ...venue, assets: [] })).toBe("this exchange has no asset 0");
  });
});

describe("the changes of a scene", () => {
  it("are transfers, trades, moves and time, without what has no size", () => {
    expect(changesOf(scene).map(({ kind }) => kind)).toEqual([
      "deposit",
      "withdraw",
      "trade",
      "trade",
      "movePrice",
      "moveImpliedVolatility",
      "movePrice",
      "moveRealisedVolatility",
      "passTime",
    ]);
    expect(changesOf(FLAT)).toEqual([]);
  });

  it("say where they come from", () => {
    expect(actionsOf(scene).map(({ part, index }) => `${part} ${index}`)).toEqual([
      "transfer 0",
      "transfer 1",
      "leg 0",
      "leg 1",
    ]);
  });

  it("leave an axis free", () => {
    const kinds = (volatility: boolean) =>
      movesOf(scene, { underlying: 0, volatility }).map(({ kind }) => kind);
    expect(kinds(false)).toEqual(["moveImpliedVolatility", "movePrice", "moveRealisedVolatility"]);
    expect(kinds(true)).toEqual(["movePrice", "moveRealisedVolatility"]);
  });

  it("have factors", () => {
    expect(factorQ32(0)).toBe(1n << 32n);
    expect(factorQ32(-5_000)).toBe(1n << 31n);
    expect(factorQ32(10_000)).toBe(1n << 33n);
  });
});

it("one underlying has one move", () => {
  const moved = withMove(scene, { underlying: 1, price: 5, implied: 0, realised: 0 });
  expect(moved.moves.map(({ underlying }) => underlying)).toEqual([0, 1, 2]);
  expect(moveOf(moved, 1).price).toBe(5);
  const back = withMove(moved, { underlying: 1, price: 0, implied: 0, realised: 0 });
  expect(back).toEqual(scene);
  expect(moveOf(back, 1)).toEqual({ underlying: 1, price: 0, implied: 0, realised: 0 });
});
