/** What becomes of every position and every balance. */
import { useMemo } from "react";
import { termsKey } from "@/chain/layout";
import type { BalanceFigures, PositionFigures, Venue, WhatIfAnswer } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { price, usd } from "@/format/format";
import { assetName, formatLots, marketName, unitPriceQ32 } from "@/format/names";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { BeforeAfter } from "./before-after";

interface Row {
  key: string;
  name: string;
  /** A word about what happens to it; nothing when it only changes its value. */
  fate: string | null;
  size: [before: string, after: string];
  mark: [before: string, after: string];
  value: [before: bigint, after: bigint];
  profit: [before: bigint, after: bigint] | null;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "name",
    header: "Position",
    cell: ({ name, fate }) => (
      <span className="inline-flex items-center gap-2">
        {name}
        {fate !== null && <Badge>{fate}</Badge>}
      </span>
    ),
  },
  {
    id: "size",
    header: "Size",
    align: "right",
    cell: ({ size }) => <BeforeAfter before={size[0]} after={size[1]} />,
  },
  {
    id: "mark",
    header: "Mark",
    align: "right",
    cell: ({ mark }) => <BeforeAfter before={mark[0]} after={mark[1]} />,
  },
  {
    id: "value",
    header: "Value",
    align: "right",
    sort: ({ value }) => value[1],
    cell: ({ value }) => <BeforeAfter before={usd(value[0])} after={usd(value[1])} />,
  },
  {
    id: "profit",
    header: "Profit",
    align: "right",
    sort: ({ profit }) => profit?.[1] ?? 0n,
    cell: ({ profit }) =>
      profit ? (
        <BeforeAfter
          before={usd(profit[0], { sign: true })}
          after={usd(profit[1], { sign: true })}
        />
      ) : (
        "–"
      ),
  },
];

/** Pairs what is before with what is after, in the order of appearance. */
function pairs<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string) {
  const [old, fresh] = [before, after].map((list) => new Map(list.map((it) => [keyOf(it), it])));
  return [...new Set([...before, ...after].map(keyOf))].map((key) => ({
    key,
    before: old?.get(key),
    after: fresh?.get(key),
  }));
}

type Pair<T> = ReturnType<typeof pairs<T>>[number];

function fateOf(
  before: PositionFigures | undefined,
  after: PositionFigures | undefined,
): string | null {
  const [held, left] = [before?.lots ?? 0n, after?.lots ?? 0n];
  if (held === 0n && left !== 0n) return "new";
  if (left !== 0n) return null;
  return (after?.terms.expiry ?? before?.terms.expiry ?? 0) > 0 ? "closed or settled" : "closed";
}

function positionRow(venue: Venue, { key, before, after }: Pair<PositionFigures>): Row | null {
  const terms = (after ?? before)?.terms;
  if (!terms) return null;
  const { underlying } = terms;
  const size = (figures?: PositionFigures) =>
    formatLots(venue, underlying, figures?.lots ?? 0n, true);
  const mark = (figures?: PositionFigures) =>
    figures?.markQ32 ? price(unitPriceQ32(venue, underlying, figures.markQ32)) : "–";
  return {
    key,
    name: marketName(venue, terms),
    fate: fateOf(before, after),
    size: [size(before), size(after)],
    mark: [mark(before), mark(after)],
    value: [before?.value ?? 0n, after?.value ?? 0n],
    profit: [before?.profit ?? 0n, after?.profit ?? 0n],
  };
}

function balanceRow(venue: Venue, { key, before, after }: Pair<BalanceFigures>): Row {
  const asset = (after ?? before)?.asset ?? 0;
  const decimals = venue.assets[asset]?.decimals ?? 0;
  const size = (figures?: BalanceFigures) =>
    formatDecimal(figures?.amount ?? 0n, decimals, { sign: true });
  return {
    key: `asset ${key}`,
    name: assetName(venue, asset),
    fate: (after?.amount ?? 0n) < 0n ? "loan" : before ? null : "new",
    size: [size(before), size(after)],
    mark: ["–", "–"],
    value: [before?.value ?? 0n, after?.value ?? 0n],
    profit: null,
  };
}

export function PositionsCard({ venue, answer }: { venue: Venue; answer: WhatIfAnswer }) {
  const rows = useMemo(() => {
    const { before, after } = answer;
    const positions = pairs(before.positions, after.positions, ({ terms }) => termsKey(terms));
    const balances = pairs(before.balances, after.balances, ({ asset }) => String(asset));
    return [
      ...positions.map((pair) => positionRow(venue, pair)),
      ...balances.map((pair) => balanceRow(venue, pair)),
    ].filter((row) => row !== null);
  }, [venue, answer]);
  return (
    <Card title="Positions and balances" flush>
      <DataTable
        caption="Positions and balances before and after"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ key }) => key}
        empty={
          <Empty title="The account is empty">Add a deposit and a trade to see figures.</Empty>
        }
      />
    </Card>
  );
}
