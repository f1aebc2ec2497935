/** What a package pays once it has settled, read off the engine's points. Prices quote units per lot, Q32 where it says so. */
import { isOption } from "@/chain/layout";
import { Q32_ONE } from "@/engine/engine";
import type { PackagePoint } from "@/engine/types";
import { mulDiv } from "@/format/decimal";
import { signedLots, type SizedLeg } from "./legs";

/** Points of the chart between its ends. */
const STEPS = 48n;
/** Part of the mark that the chart shows beyond the outermost strikes, at least. */
const WIDTH = [15n, 100n] as const;
/** How far beyond the strikes the outermost points lie, where every payoff is straight. */
const FAR = 4n;

const least = (values: readonly bigint[]) => values.reduce((a, b) => (b < a ? b : a));
const most = (values: readonly bigint[]) => values.reduce((a, b) => (b > a ? b : a));

export interface Range {
  /** Ends of the chart, marks in Q32. */
  lowQ32: bigint;
  highQ32: bigint;
  /** In rising order: the chart's points, every strike, the present mark, and two points beyond on either side. */
  factorsQ32: bigint[];
}

/** Where a package is to be looked at. */
export function rangeOf(markQ32: bigint, legs: readonly SizedLeg[]): Range {
  const strikes = legs
    .filter(({ terms }) => isOption(terms))
    .map(({ terms }) => terms.strike * Q32_ONE);
  const bends = [markQ32, ...strikes];
  const [lowest, highest] = [least(bends), most(bends)];
  const margin = most([(markQ32 * WIDTH[0]) / WIDTH[1], (highest - lowest) / 2n]);
  const lowQ32 = most([lowest - margin, lowest / 2n]);
  const highQ32 = highest + margin;
  const step = (highQ32 - lowQ32) / STEPS;
  const marks = [
    lowest / FAR / 2n,
    lowest / FAR,
    ...Array.from({ length: Number(STEPS) + 1 }, (_, index) => lowQ32 + BigInt(index) * step),
    ...bends,
    highest * FAR,
    highest * FAR * 2n,
  ];
  const factors = new Set(marks.map((at) => (at * Q32_ONE + markQ32 / 2n) / markQ32));
  return {
    lowQ32,
    highQ32,
    factorsQ32: [...factors].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  };
}

/** Where the profit of a package lies after it has settled, before fees. */
export interface Payoff {
  /** The largest profit, quote units; nothing when there is no bound. */
  best: bigint | null;
  /** The largest loss, negative unless it always gains; nothing when there is no bound. */
  worst: bigint | null;
  /** Marks at which it neither gains nor loses, Q32. */
  breakEvensQ32: bigint[];
}

type Point = Pick<PackagePoint, "markQ32" | "atExpiry">;

/** The payoff at `at`, on the straight line through two points. */
function onLine(a: Point, b: Point, at: bigint): bigint {
  const [width, rise] = [b.markQ32 - a.markQ32, b.atExpiry - a.atExpiry];
  return width === 0n ? a.atExpiry : a.atExpiry + mulDiv(rise, at - a.markQ32, width);
}

/** Reads extremes and break-evens off points that include every strike, two prices below and two above all of them. */
export function payoffOf(points: readonly Point[], legs: readonly SizedLeg[]): Payoff {
  const [first, second] = points;
  if (!first || !second) return { best: 0n, worst: 0n, breakEvensQ32: [] };
  const all = [{ markQ32: 0n, atExpiry: onLine(first, second, 0n) }, ...points];
  const values = all.map(({ atExpiry }) => atExpiry);
  // Above all strikes the package gains and loses with everything but its puts.
  const upside = legs
    .filter(({ terms }) => terms.kind !== "put")
    .reduce((sum, leg) => sum + signedLots(leg), 0n);
  return {
    best: upside > 0n ? null : most(values),
    worst: upside < 0n ? null : least(values),
    breakEvensQ32: breakEvens(all),
  };
}

/** Where a line through points crosses zero; a stretch along zero counts with its ends. */
export function breakEvens(points: readonly Point[]): bigint[] {
  const found: bigint[] = [];
  points.forEach((b, index) => {
    const a = points[index - 1];
    const isEnd = !a || !points[index + 1];
    const touches =
      b.atExpiry === 0n && (isEnd || a.atExpiry !== 0n || points[index + 1]?.atExpiry !== 0n);
    if (touches) found.push(b.markQ32);
    if (a && a.atExpiry !== 0n && b.atExpiry !== 0n && a.atExpiry < 0n !== b.atExpiry < 0n) {
      const width = b.markQ32 - a.markQ32;
      found.push(a.markQ32 + mulDiv(-a.atExpiry, width, b.atExpiry - a.atExpiry));
    }
  });
  return found;
}
