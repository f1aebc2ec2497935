/** What settling an expired position takes now. */
import type { ListedMarket } from "@/chain/mirror";
import type { PositionFigures, Venue } from "@/engine/types";

export interface Settlement {
  /** Turns its lots into a profit or a loss. */
  position: boolean;
  /** Moves that into cash, or out of it. */
  pnl: boolean;
  /** Why neither can be done. */
  obstacle: string | null;
}

/**
 * A profit comes out of its market's pool, which may still be empty: the program then refuses to move it, so that a transaction with both would
 * undo the first.
 */
export function settlementOf(
  { lots, profit }: Pick<PositionFigures, "lots" | "profit">,
  market: Pick<ListedMarket, "settlementPool">,
  { paused }: Pick<Venue, "paused">,
): Settlement {
  const position = lots !== 0n && !paused.includes("settlePosition");
  const isEmpty = profit > 0n && market.settlementPool === 0n;
  const isOpen = lots !== 0n && !position;
  const pnl = !isOpen && profit !== 0n && !isEmpty && !paused.includes("settlePnl");
  const obstacle =
    position || pnl
      ? null
      : isOpen || paused.includes("settlePnl")
        ? "Settling is paused now."
        : isEmpty
          ? "Losers have not paid in yet: the profit stays in the position until then."
          : "There is nothing to settle.";
  return { position, pnl, obstacle };
}
