import { describe, expect, it } from "vitest";
import { address, type Address, type Signature } from "@solana/kit";
import type { HistoryEntry } from "@/chain/history";
import { getPriceUpdatedDecoder, getPriceUpdatedEncoder } from "@/client";
import { merged, pricesOf } from "./price-history";

const EXCHANGE: Address = address("11111111111111111111111111111112");
const ANOTHER: Address = address("11111111111111111111111111111113");

function entry(
  feed: number,
  priceBits: bigint,
  publishTime: bigint,
  exchange = EXCHANGE,
): HistoryEntry {
  const data = getPriceUpdatedDecoder().decode(
    getPriceUpdatedEncoder().encode({
      exchange,
      feed,
      priceBits,
      confidenceBits: 0n,
      publishTime,
    }),
  );
  return {
    signature: "" as Signature,
    slot: 1n,
    time: null,
    failed: false,
    truncated: false,
    events: [{ name: "priceUpdated", data }],
  };
}

describe("prices of a feed", () => {
  it("are per whole unit, of this feed and exchange only", () => {
    // 150.5 USDC per SOL is 0.1505 quote units per native unit.
    const bits = (1505n << 48n) / 10_000n;
    const entries = [entry(1, bits + 1n, 7n), entry(2, 1n, 8n), entry(1, bits * 5n, 9n, ANOTHER)];
    const points = pricesOf(entries, EXCHANGE, { index: 1, decimals: 9 });
    expect(points).toEqual([{ time: 7, value: 150.5 }]);
  });

  it("are in order, one for each second, the later list's", () => {
    const first = [
      { time: 3, value: 1 },
      { time: 1, value: 2 },
    ];
    expect(merged(first, [{ time: 3, value: 9 }])).toEqual([
      { time: 1, value: 2 },
      { time: 3, value: 9 },
    ]);
  });
});
