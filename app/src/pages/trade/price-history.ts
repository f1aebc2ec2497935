/** The board's price of an underlying over time: from the events of the last transactions, and live. For drawing only. */
import { useEffect, useMemo, useState } from "react";
import type { Address } from "@solana/kit";
import type { HistoryEntry } from "@/chain/history";
import type { FeedFigures } from "@/engine/types";
import { useHistory } from "@/state/history";
import { useLive } from "@/state/live";
import { QUOTE_DECIMALS } from "@/format/format";
import { toNumber } from "@/format/decimal";

/** A price of a whole unit, USDC. */
export interface PricePoint {
  /** Unix seconds. */
  time: number;
  value: number;
}

/** Transactions of the board that are looked through at a time. */
const TRANSACTIONS = 100;
/** Live points that are kept. */
const POINTS_MAX = 5_000;
/** Prices in events are fixed-point numbers with so many binary digits. */
const EVENT_FRACTION_BITS = 48n;

/** The prices of a feed of one exchange that transactions have brought; anybody may name its board in a transaction with another exchange. */
export function pricesOf(
  entries: readonly HistoryEntry[],
  exchange: Address,
  { index, decimals }: Pick<FeedFigures, "index" | "decimals">,
): PricePoint[] {
  const points: PricePoint[] = [];
  for (const { events } of entries) {
    for (const { name, data } of events) {
      if (name !== "priceUpdated" || data.exchange !== exchange || data.feed !== index) continue;
      const quoteUnits = (data.priceBits * 10n ** BigInt(decimals)) >> EVENT_FRACTION_BITS;
      points.push({
        time: Number(data.publishTime),
        value: toNumber(quoteUnits, QUOTE_DECIMALS),
      });
    }
  }
  return points;
}

/** By time, one for each second; of two the later one of the list counts. */
export function merged(...lists: readonly (readonly PricePoint[])[]): PricePoint[] {
  const bySecond = new Map(lists.flat().map((point) => [point.time, point]));
  return [...bySecond.values()].sort((a, b) => a.time - b.time);
}

/** The prices of a feed that are known, oldest first. */
export function usePrices(feed: FeedFigures) {
  const { mirror } = useLive();
  const { entries, ...query } = useHistory(mirror.boardAddress, TRANSACTIONS);
  const { index, decimals, publishTime, priceQ32 } = feed;
  const { exchange } = mirror.network;
  const past = useMemo(
    () => pricesOf(entries, exchange, { index, decimals }),
    [entries, exchange, index, decimals],
  );

  const [live, setLive] = useState<{ index: number; points: PricePoint[] }>({ index, points: [] });
  useEffect(() => {
    if (publishTime === null) return;
    const point = { time: publishTime, value: toNumber(priceQ32 >> 32n, QUOTE_DECIMALS) };
    setLive((before) => {
      const points = before.index === index ? before.points : [];
      return { index, points: [...points, point].slice(-POINTS_MAX) };
    });
  }, [index, publishTime, priceQ32]);

  const points = useMemo(
    () => merged(past, live.index === index ? live.points : []),
    [past, live, index],
  );
  return { ...query, points };
}
