/** Volatility surfaces and funding of every underlying. */
import { useMemo } from "react";
import type { Venue, VenueUnderlying } from "@/engine/types";
import { percent, price, span } from "@/format/format";
import { unitPriceQ32 } from "@/format/names";
import { useNow } from "@/state/live";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { ago } from "./words";

interface Row extends VenueUnderlying {
  /** Quote units per whole unit. */
  mark: bigint | null;
  now: number;
}

function Funding({ row: { funding, now } }: { row: Row }) {
  if (funding.updatedAt === null) return <span className="text-soft">Never updated</span>;
  const left = funding.standsUntil - now;
  return (
    <span>
      {percent(funding.rateQ32, { digits: 4, sign: true })} per {span(funding.period)}
      <span className="block text-xs text-soft">
        {percent(funding.yearlyRateQ32, { sign: true })} a year; updated{" "}
        {ago(now - funding.updatedAt)}
        {left <= 0 && ", stands no longer"}
      </span>
    </span>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", header: "Underlying", sort: ({ name }) => name, cell: ({ name }) => name },
  {
    id: "mark",
    header: "Mark",
    align: "right",
    cell: ({ mark }) => (mark === null ? "None" : `$${price(mark)}`),
  },
  {
    id: "range",
    header: "Scan range",
    align: "right",
    cell: ({ rangeQ32 }) => `±${percent(rangeQ32)}`,
  },
  {
    id: "realised",
    header: "Realised volatility",
    align: "right",
    cell: ({ realisedVolatilityQ32 }) => percent(realisedVolatilityQ32, { digits: 1 }),
  },
  {
    id: "implied",
    header: "Implied volatility at the money",
    cell: ({ surface }) =>
      surface.atTheMoney.length === 0 ? (
        <span className="text-soft">None</span>
      ) : (
        <ul className="flex gap-3">
          {surface.atTheMoney.map(({ days, volatilityQ32 }) => (
            <li key={days}>
              {percent(volatilityQ32, { digits: 1 })}
              <span className="block text-xs text-soft">{days}d</span>
            </li>
          ))}
        </ul>
      ),
  },
  {
    id: "surface",
    header: "Surface",
    cell: ({ surface }) => (
      <span>
        <Badge tone={surface.stale ? "warn" : "up"}>{surface.stale ? "Stale" : "Fresh"}</Badge>
        <span className="block text-xs text-soft">posted {ago(surface.age)}</span>
      </span>
    ),
  },
  { id: "funding", header: "Funding", align: "right", cell: (row) => <Funding row={row} /> },
];

export function UnderlyingsCard({ venue }: { venue: Venue }) {
  const now = useNow(5_000);
  const rows = useMemo(
    () =>
      venue.underlyings.map((underlying) => ({
        ...underlying,
        mark:
          underlying.markQ32 === null
            ? null
            : unitPriceQ32(venue, underlying.index, underlying.markQ32),
        now,
      })),
    [venue, now],
  );
  return (
    <Card title="Volatility and funding" flush>
      <DataTable
        caption="Volatility surfaces and funding"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ index }) => String(index)}
        empty={<Empty title="There are no underlyings" />}
      />
    </Card>
  );
}
