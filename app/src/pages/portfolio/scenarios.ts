import type { ScenarioFigures, VenueUnderlying } from "@/engine/types";
import { percent } from "@/format/format";

type Shocks = Pick<VenueUnderlying, "volatilityShockUpQ32" | "volatilityShockDownQ32">;

/** A scenario as people say it: `price −15.7%, volatility +40%`. The volatility is that of 30 days. */
export function scenarioWords(
  { priceMoveQ32, volatility }: Pick<ScenarioFigures, "priceMoveQ32" | "volatility">,
  { volatilityShockUpQ32, volatilityShockDownQ32 }: Shocks,
): string {
  const price =
    priceMoveQ32 === 0n
      ? "price unchanged"
      : `price ${percent(priceMoveQ32, { digits: 1, sign: true })}`;
  if (volatility === "unchanged") return price;
  const shock = volatility === "up" ? volatilityShockUpQ32 : -volatilityShockDownQ32;
  return `${price}, volatility ${percent(shock, { digits: 0, sign: true })}`;
}
