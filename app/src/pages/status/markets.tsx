/** Every market: open interest, status, settlement pool. */
import { useMemo } from "react";
import { MarketStatus, termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { Venue } from "@/engine/types";
import { price, span, usd } from "@/format/format";
import { formatLots, marketName, unitPrice } from "@/format/names";
import { useMarkets, useNow } from "@/state/live";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { Bar } from "./bar";
import { capUsedQ32 } from "./words";

interface Row extends ListedMarket {
  name: string;
  openInterest: string;
  cap: string;
  /** Quote units per whole unit; nothing before. */
  settledAt: bigint | null;
  now: number;
}

function State({ row: { status, terms, settledAt, now } }: { row: Row }) {
  if (settledAt !== null) return <Badge>Settled at ${price(settledAt)}</Badge>;
  if (terms.expiry !== 0 && terms.expiry <= now) return <Badge tone="warn">Expired</Badge>;
  if (status === MarketStatus.ReduceOnly) return <Badge tone="warn">Reduce only</Badge>;
  if (status === MarketStatus.Closed) return <Badge tone="down">Closed</Badge>;
  return <Badge tone="up">Active</Badge>;
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", header: "Market", sort: ({ name }) => name, cell: ({ name }) => name },
  { id: "status", header: "Status", cell: (row) => <State row={row} /> },
  {
    id: "interest",
    header: "Open interest",
    align: "right",
    sort: ({ openInterestLots }) => openInterestLots,
    cell: ({ openInterest }) => openInterest,
  },
  {
    id: "cap",
    header: "Cap used",
    align: "right",
    cell: ({ name, openInterestLots, openInterestCapLots, cap }) => {
      const used = capUsedQ32(openInterestLots, openInterestCapLots);
      if (used === null) return <span className="text-soft">No cap</span>;
      return (
        <span title={`Of at most ${cap}`}>
          <Bar label={`Open interest of ${name} over its cap of ${cap}`} valueQ32={used} />
        </span>
      );
    },
  },
  {
    id: "pool",
    header: "Settlement pool",
    align: "right",
    sort: ({ settlementPool }) => settlementPool,
    cell: ({ settlementPool }) => usd(settlementPool),
  },
  {
    id: "fees",
    header: "Fees to collect",
    align: "right",
    sort: ({ fees }) => fees,
    cell: ({ fees }) => usd(fees),
  },
  {
    id: "expiry",
    header: "Expires",
    align: "right",
    sort: ({ terms }) => terms.expiry || Number.MAX_SAFE_INTEGER,
    cell: ({ terms, now }) =>
      terms.expiry === 0
        ? "Never"
        : terms.expiry > now
          ? `in ${span(terms.expiry - now)}`
          : `${span(now - terms.expiry)} ago`,
  },
];

export function MarketsCard({ venue }: { venue: Venue }) {
  const markets = useMarkets();
  const now = useNow(5_000);
  const rows = useMemo(
    () =>
      markets.map((market): Row => {
        const { terms, openInterestLots, openInterestCapLots, settlementPrice } = market;
        const { underlying } = terms;
        return {
          ...market,
          name: marketName(venue, terms),
          openInterest: formatLots(venue, underlying, openInterestLots),
          cap: formatLots(venue, underlying, openInterestCapLots),
          settledAt: settlementPrice > 0n ? unitPrice(venue, underlying, settlementPrice) : null,
          now,
        };
      }),
    [markets, venue, now],
  );
  return (
    <Card title={`Markets (${rows.length})`} flush>
      <DataTable
        caption="Markets"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ terms }) => termsKey(terms)}
        empty={<Empty title="There are no markets" />}
      />
    </Card>
  );
}
