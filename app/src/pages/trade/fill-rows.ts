/** Fills of an account, from the events of its transactions. */
import type { Address, Signature } from "@solana/kit";
import type { HistoryEntry } from "@/chain/history";
import type { OrderSide } from "./ticket";

export interface FillRow {
  key: string;
  signature: Signature;
  slot: bigint;
  /** Unix seconds. */
  time: number | null;
  market: Address;
  /** The account's. */
  side: OrderSide;
  lots: bigint;
  /** Quote units per lot. */
  price: bigint;
  /** Quote units that the account paid. */
  fee: bigint;
  role: "maker" | "taker";
}

/** In the entries' order, newest first. */
export function fillsIn(entries: readonly HistoryEntry[], account: Address): FillRow[] {
  return entries.flatMap(({ signature, slot, time, events }) =>
    events.flatMap((event, index): FillRow[] => {
      if (event.name !== "orderFilled") return [];
      const { market, maker, taker, takerSide, price, lots, makerFee, takerFee } = event.data;
      const row = { key: `${signature}-${index}`, signature, slot, time, market, lots, price };
      const takes: OrderSide = takerSide === 0 ? 0 : 1;
      if (taker === account) return [{ ...row, side: takes, fee: takerFee, role: "taker" }];
      const makes: OrderSide = takes === 0 ? 1 : 0;
      return maker === account ? [{ ...row, side: makes, fee: makerFee, role: "maker" }] : [];
    }),
  );
}
