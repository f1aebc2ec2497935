/** Prices of a whole unit at which a liquidation could begin. */
import type { LiquidationMarksAnswer, Venue } from "@/engine/types";
import { price } from "@/format/format";
import { unitPriceQ32 } from "@/format/names";

/** `marks` is nothing while they are worked out, or there is nothing on the underlying. */
export function LiquidationPrices({
  venue,
  underlying,
  marks,
}: {
  venue: Venue;
  underlying: number;
  marks: LiquidationMarksAnswer | undefined;
}) {
  if (!marks) return "–";
  const { belowQ32, aboveQ32 } = marks;
  const at = (perLotQ32: bigint) => price(unitPriceQ32(venue, underlying, perLotQ32));
  if (belowQ32 === null && aboveQ32 === null) return "none";
  return (
    <>
      {belowQ32 !== null && <span className="block whitespace-nowrap">below {at(belowQ32)}</span>}
      {aboveQ32 !== null && <span className="block whitespace-nowrap">above {at(aboveQ32)}</span>}
    </>
  );
}
