/** How an account stands, in words. */
import type { Assessment, Totals } from "@/engine/types";
import { Q32_ONE } from "@/engine/engine";
import { percent } from "@/format/format";

/** From this margin ratio on an account is called near its liquidation. */
const NEAR_Q32 = (Q32_ONE * 4n) / 5n;

export type Standing = "healthy" | "near" | "liquidatable" | "inLiquidation";

export const STANDING_WORDS: Record<Standing, string> = {
  healthy: "Healthy",
  near: "Near liquidation",
  liquidatable: "Can be liquidated",
  inLiquidation: "In liquidation",
};

/** A liquidation looks at the account with uncertainty in its favour: what `totals` alone call liquidatable may still be only near. */
export function standingOf({
  account,
  totals,
  liquidation,
}: Pick<Assessment, "totals" | "liquidation"> & {
  account: Pick<Assessment["account"], "liquidationStartedAt">;
}): Standing {
  if (account.liquidationStartedAt !== null) return "inLiquidation";
  if (liquidation?.isLiquidatable) return "liquidatable";
  const { marginRatioQ32 } = totals;
  return marginRatioQ32 === null || marginRatioQ32 >= NEAR_Q32 ? "near" : "healthy";
}

/** Maintenance margin over equity: `42.1%`. */
export function ratioText({ marginRatioQ32 }: Pick<Totals, "marginRatioQ32">): string {
  return marginRatioQ32 === null ? "no equity" : percent(marginRatioQ32, { digits: 1 });
}
