/** Which option series anybody may list (docs/limits.md, Markets). Times are unix seconds. */
import { mulDiv } from "@/format/decimal";
import type { VenueUnderlying } from "@/engine/types";

const DAY_S = 86_400;
const EXPIRY_OF_DAY_S = 8 * 3600;
/** An expiry lies ahead by so much at least. */
const LEAD_S = 3600;
const [DAILY_DAYS, WEEKLY_DAYS, MONTHLY_DAYS] = [7, 35, 400] as const;
/** Day 0, 1 January 1970, was a Thursday. */
const isFriday = (day: number) => day % 7 === 1;
const monthOf = (day: number) => new Date(day * DAY_S * 1000).getUTCMonth();

/** 08:00 UTC of every day within a week, of Fridays within five weeks, of last Fridays of a month within 400 days. */
export function listableExpiries(now: number): number[] {
  const today = Math.floor(now / DAY_S);
  const found: number[] = [];
  for (let day = today; day <= today + MONTHLY_DAYS; day += 1) {
    const expiry = day * DAY_S + EXPIRY_OF_DAY_S;
    const ahead = expiry - now;
    const isLast = monthOf(day) !== monthOf(day + 7);
    const isWithin = (days: number) => ahead <= days * DAY_S;
    const isOnGrid =
      isWithin(DAILY_DAYS) ||
      (isFriday(day) && (isWithin(WEEKLY_DAYS) || (isLast && isWithin(MONTHLY_DAYS))));
    if (ahead >= LEAD_S && isOnGrid) found.push(expiry);
  }
  return found;
}

/** The lowest and the highest strike on the grid, quote units per lot; nothing without a price or a step. */
export function strikeBounds({
  markQ32,
  strikeStep,
  strikeSpanQ32,
}: Pick<VenueUnderlying, "markQ32" | "strikeStep" | "strikeSpanQ32">): [bigint, bigint] | null {
  if (markQ32 === null || strikeStep === 0n || strikeSpanQ32 === 0n) return null;
  // With a mark of whole lots: what the program compares, rounded inwards.
  const lowest = -mulDiv(-markQ32, 1n, strikeSpanQ32);
  const highest = mulDiv(markQ32, strikeSpanQ32, 1n << 64n);
  const first = -mulDiv(-lowest, 1n, strikeStep) * strikeStep;
  const last = (highest / strikeStep) * strikeStep;
  const from = first === 0n ? strikeStep : first;
  return from <= last ? [from, last] : null;
}
