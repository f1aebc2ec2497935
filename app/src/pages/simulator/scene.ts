/** What is changed about an account and the markets, and how it stands in an address: base64url of a compact JSON. */
import { termsKey, termsOfKey } from "@/chain/layout";
import { Q32_ONE } from "@/engine/engine";
import type { Change, Terms, Venue } from "@/engine/types";

/** A trade. */
export interface SceneLeg {
  terms: Terms;
  /** Bought, or sold when negative. */
  lots: bigint;
  /** Quote units per lot; `null` is the mark. */
  price: bigint | null;
}

/** Something into or out of the account. */
export interface SceneTransfer {
  asset: number;
  kind: TransferKind;
  /** Native units. */
  amount: bigint;
}

/** A withdrawal takes only what is there, a loan may go below. */
export type TransferKind = (typeof TRANSFER_KINDS)[number];
const TRANSFER_KINDS = ["deposit", "withdraw", "borrow"] as const;

/** Relative moves of one underlying in hundredths of a percent. */
export interface SceneMove {
  underlying: number;
  price: number;
  implied: number;
  realised: number;
}

/** Everything that is changed. */
export interface Scene {
  legs: readonly SceneLeg[];
  transfers: readonly SceneTransfer[];
  /** At most one per underlying. */
  moves: readonly SceneMove[];
  /** How much time passes. */
  hours: number;
}

export const FLAT: Scene = { legs: [], transfers: [], moves: [], hours: 0 };

/** Hundredths of a percent: what a move may be. */
export const MOVE_LIMITS = {
  price: { low: -9_500, high: 40_000 },
  implied: { low: -9_500, high: 90_000 },
  realised: { low: -9_500, high: 90_000 },
} as const satisfies Record<Exclude<keyof SceneMove, "underlying">, { low: number; high: number }>;

/** What of an underlying moves. */
export type MoveKind = keyof typeof MOVE_LIMITS;

/** Two years, as far as options are valued. */
export const HOURS_MAX = 2 * 365 * 24;
/** As many as an account has places for. */
export const LEGS_MAX = 32;
const TRANSFERS_MAX = 32;
const MOVES_MAX = 64;
const TEXT_MAX = 16_384;
const VERSION = 1;
/** Indexes are bytes, amounts signed words. */
const INDEX_MAX = 255;
const AMOUNT_MAX = (1n << 63n) - 1n;

/** Why a text is no scene. */
export class SceneError extends Error {}

function require(holds: boolean, message: string): asserts holds {
  if (!holds) throw new SceneError(message);
}

/** The moves of an underlying: none when it has none. */
export function moveOf(scene: Scene, underlying: number): SceneMove {
  return (
    scene.moves.find((move) => move.underlying === underlying) ?? {
      underlying,
      price: 0,
      implied: 0,
      realised: 0,
    }
  );
}

/** The scene with other moves of an underlying. */
export function withMove(scene: Scene, move: SceneMove): Scene {
  const others = scene.moves.filter(({ underlying }) => underlying !== move.underlying);
  const isFlat = move.price === 0 && move.implied === 0 && move.realised === 0;
  const moves = isFlat ? others : [...others, move];
  return { ...scene, moves: moves.sort((a, b) => a.underlying - b.underlying) };
}

/** 1 + a move, in Q32. */
export function factorQ32(move: number): bigint {
  return (Q32_ONE * BigInt(10_000 + move)) / 10_000n;
}

/** A change of the account with the part of the scene that it comes from. */
export interface Action {
  change: Change;
  part: "leg" | "transfer";
  /** Its place among the legs or the transfers. */
  index: number;
}

/** What is done with the account, at present prices: transfers first. What has no size yet is left out. */
export function actionsOf({ legs, transfers }: Scene): Action[] {
  const moved = transfers.map<Action>(({ asset, kind, amount }, index) => ({
    part: "transfer",
    index,
    change:
      kind === "deposit"
        ? { kind: "deposit", asset, amount }
        : { kind: "withdraw", asset, amount, borrow: kind === "borrow" },
  }));
  const traded = legs.map<Action>(({ terms, lots, price }, index) => ({
    part: "leg",
    index,
    change: {
      kind: "trade",
      terms,
      lots,
      fee: "taker",
      ...(price === null ? {} : { price }),
    },
  }));
  return [...moved, ...traded].filter(({ change }) =>
    change.kind === "trade" ? change.lots !== 0n : "amount" in change && change.amount !== 0n,
  );
}

/** How prices and volatilities move. Along an axis of its own an underlying's price, its implied volatility, or both stay. */
export function movesOf(
  { moves }: Scene,
  axis?: { underlying: number; volatility: boolean },
): Change[] {
  return moves.flatMap(({ underlying, price, implied, realised }) => {
    const isAxis = axis?.underlying === underlying;
    const changes: Change[] = [];
    if (price !== 0 && !isAxis) {
      changes.push({ kind: "movePrice", underlying, factorQ32: factorQ32(price) });
    }
    if (implied !== 0 && !(isAxis && axis.volatility)) {
      changes.push({ kind: "moveImpliedVolatility", underlying, factorQ32: factorQ32(implied) });
    }
    if (realised !== 0) {
      changes.push({ kind: "moveRealisedVolatility", underlying, factorQ32: factorQ32(realised) });
    }
    return changes;
  });
}

/** Everything, one after the other: what is done, how markets move, how much time passes. */
export function changesOf(scene: Scene): Change[] {
  const time: Change[] =
    scene.hours > 0 ? [{ kind: "passTime", seconds: scene.hours * 3_600 }] : [];
  return [...actionsOf(scene).map(({ change }) => change), ...movesOf(scene), ...time];
}

/** Whether nothing is changed. */
export function isFlat(scene: Scene): boolean {
  const { legs, transfers, moves, hours } = scene;
  return legs.length === 0 && transfers.length === 0 && moves.length === 0 && hours === 0;
}

/** The scene for an address; nothing when nothing is changed. */
export function encodeScene(scene: Scene): string | undefined {
  if (isFlat(scene)) return undefined;
  const compact = {
    v: VERSION,
    l: scene.legs.map(({ terms, lots, price }) => [
      termsKey(terms),
      lots.toString(),
      price?.toString() ?? null,
    ]),
    t: scene.transfers.map(({ asset, kind, amount }) => [asset, kind, amount.toString()]),
    m: scene.moves.map(({ underlying, price, implied, realised }) => [
      underlying,
      price,
      implied,
      realised,
    ]),
    h: scene.hours,
  };
  return btoa(JSON.stringify(compact)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The scene of an address.
 * @throws SceneError in words for the reader.
 */
export function decodeScene(text: string): Scene {
  require(text.length <= TEXT_MAX, "it is too long");
  require(/^[\w-]*$/.test(text), "it has characters that do not belong there");
  const read = parse(text);
  require(isObject(read), "it is damaged");
  require(read.v === VERSION, "it was made by another version");
  const known = new Set(["v", "l", "t", "m", "h"]);
  require(Object.keys(read).every((key) => known.has(key)), "it has parts that are not known");
  const scene: Scene = {
    legs: list(read.l, LEGS_MAX, "trades").map(legOf),
    transfers: list(read.t, TRANSFERS_MAX, "transfers").map(transferOf),
    moves: list(read.m, MOVES_MAX, "moves").map(moveFrom),
    hours: within(read.h, 0, HOURS_MAX, "the time"),
  };
  const moved = new Set(scene.moves.map(({ underlying }) => underlying));
  require(moved.size === scene.moves.length, "an underlying moves twice");
  return scene;
}

/** What of a scene this exchange does not have; nothing when it has all. */
export function missingIn(scene: Scene, venue: Venue): string | null {
  const underlyings = [...scene.legs.map(({ terms }) => terms), ...scene.moves];
  const strange = underlyings.find(({ underlying }) => !venue.underlyings[underlying]);
  if (strange) return `this exchange has no underlying ${strange.underlying}`;
  const unlisted = scene.transfers.find(({ asset }) => !venue.assets[asset]);
  return unlisted ? `this exchange has no asset ${unlisted.asset}` : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    throw new SceneError("it is damaged");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown, most: number, what: string): unknown[] {
  require(Array.isArray(value), `its ${what} are damaged`);
  require(value.length <= most, `it has more than ${most} ${what}`);
  return value;
}

function tuple(value: unknown, length: number, what: string): unknown[] {
  require(Array.isArray(value) && value.length === length, `${what} is damaged`);
  return value;
}

function within(value: unknown, low: number, high: number, what: string): number {
  require(typeof value === "number" && Number.isInteger(value), `${what} is no whole number`);
  require(value >= low && value <= high, `${what} is out of range`);
  return value;
}

function amount(value: unknown, low: bigint, what: string): bigint {
  require(typeof value === "string" && /^-?(0|[1-9]\d{0,18})$/.test(value), `${what} is no amount`);
  const read = BigInt(value);
  require(read >= low && read <= AMOUNT_MAX, `${what} is out of range`);
  return read;
}

function legOf(value: unknown): SceneLeg {
  const [key, lots, price] = tuple(value, 3, "a trade");
  const terms = typeof key === "string" ? termsOfKey(key) : null;
  require(terms !== null, "a trade has no market");
  within(terms.underlying, 0, INDEX_MAX, "an underlying");
  require(Number.isSafeInteger(terms.expiry), "an expiry is out of range");
  require(terms.strike <= AMOUNT_MAX, "a strike is out of range");
  require((terms.expiry === 0) === (terms.kind === "perpetual"), "an expiry does not fit");
  const isOption = terms.kind === "call" || terms.kind === "put";
  require(terms.strike > 0n === isOption, "a strike does not fit");
  return {
    terms,
    lots: amount(lots, -AMOUNT_MAX, "a size"),
    price: price === null ? null : amount(price, 1n, "a price"),
  };
}

function transferOf(value: unknown): SceneTransfer {
  const [asset, name, size] = tuple(value, 3, "a transfer");
  const kind = TRANSFER_KINDS.find((known) => known === name);
  require(kind !== undefined, "a transfer is of no known kind");
  return {
    asset: within(asset, 0, INDEX_MAX, "an asset"),
    kind,
    amount: amount(size, 0n, "an amount"),
  };
}

function moveFrom(value: unknown): SceneMove {
  const [underlying, price, implied, realised] = tuple(value, 4, "a move");
  const move = (kind: MoveKind, read: unknown) =>
    within(read, MOVE_LIMITS[kind].low, MOVE_LIMITS[kind].high, "a move");
  return {
    underlying: within(underlying, 0, INDEX_MAX, "an underlying"),
    price: move("price", price),
    implied: move("implied", implied),
    realised: move("realised", realised),
  };
}
