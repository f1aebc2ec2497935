/** Which option series anybody may list: see docs/limits.md. */
import type { VenueUnderlying } from "@/engine/types";
import { mulDiv } from "@/format/decimal";
import { EXPIRY_OF_DAY_S } from "@/format/names";

const DAY_S = 86_400;
/** A series is listed so long before its expiry, seconds. */
const LEAD_S = 3_600;
/** Every day within a week, every Friday within five weeks, the last Friday of a month within 400 days. */
const DAILY_DAYS = 7;
const WEEKLY_DAYS = 35;
const MONTHLY_DAYS = 400;
const FRIDAY = 5;

const dayOf = (unix: number) => new Date(unix * 1000);

/** The expiries of series that may be listed at `now`, unix seconds. */
export function expiryGrid(now: number): number[] {
  const today = Math.floor(now / DAY_S) * DAY_S + EXPIRY_OF_DAY_S;
  return Array.from({ length: MONTHLY_DAYS + 1 }, (_, days) => today + days * DAY_S).filter(
    (expiry) => {
      const ahead = expiry - now;
      if (ahead < LEAD_S || ahead > MONTHLY_DAYS * DAY_S) return false;
      if (ahead <= DAILY_DAYS * DAY_S) return true;
      if (dayOf(expiry).getUTCDay() !== FRIDAY) return false;
      const isLast = dayOf(expiry).getUTCMonth() !== dayOf(expiry + 7 * DAY_S).getUTCMonth();
      return ahead <= WEEKLY_DAYS * DAY_S || isLast;
    },
  );
}

type Strikes = Pick<VenueUnderlying, "markQ32" | "strikeStep" | "strikeSpanQ32">;

/** The lowest and the highest strike on the grid, quote units per lot; nothing without a price or a step. */
export function strikeBounds({
  markQ32,
  strikeStep,
  strikeSpanQ32,
}: Strikes): [bigint, bigint] | null {
  if (markQ32 === null || strikeStep === 0n || strikeSpanQ32 === 0n) return null;
  // With a mark of whole lots: what the program compares, rounded inwards.
  const lowest = -mulDiv(-markQ32, 1n, strikeSpanQ32);
  const highest = mulDiv(markQ32, strikeSpanQ32, 1n << 64n);
  const first = -mulDiv(-lowest, 1n, strikeStep) * strikeStep;
  const last = (highest / strikeStep) * strikeStep;
  const from = first === 0n ? strikeStep : first;
  return from <= last ? [from, last] : null;
}

/** Whether a series of this strike, quote units per lot, may be listed at the present mark. */
export function isOnStrikeGrid(underlying: Strikes, strike: bigint): boolean {
  const bounds = strikeBounds(underlying);
  if (!bounds || strike % underlying.strikeStep !== 0n) return false;
  return bounds[0] <= strike && strike <= bounds[1];
}

/** The strike of the grid next to the mark, quote units per lot; nothing where no series are listed. */
export function strikeAtMark({ markQ32, strikeStep }: Strikes): bigint | null {
  if (markQ32 === null || strikeStep === 0n) return null;
  const stepQ32 = strikeStep << 32n;
  const steps = (markQ32 + stepQ32 / 2n) / stepQ32;
  return (steps > 0n ? steps : 1n) * strikeStep;
}
