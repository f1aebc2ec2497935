/** Every price feed: how old and how certain it is. */
import { useMemo } from "react";
import type { FeedFigures, Venue } from "@/engine/types";
import { percent, price, span } from "@/format/format";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { shareQ32, sourceWords, VALIDITY } from "./words";

interface Row extends FeedFigures {
  /** Name of the feed compared with. */
  second: string | null;
}

/** Quote units per whole token. */
const whole = (q32: bigint) => `$${price(q32 >> 32n)}`;
const known = (row: Row) => row.validity !== "never";

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", header: "Feed", cell: ({ name }) => name, sort: ({ name }) => name },
  {
    id: "validity",
    header: "State",
    sort: ({ validity }) => validity,
    cell: ({ validity, divergent }) => (
      <span className="inline-flex gap-1">
        <Badge tone={VALIDITY[validity].tone}>{VALIDITY[validity].word}</Badge>
        {divergent && <Badge tone="down">Divergent</Badge>}
      </span>
    ),
  },
  {
    id: "price",
    header: "Price",
    align: "right",
    cell: (row) => (known(row) ? whole(row.priceQ32) : "None"),
  },
  {
    id: "confidence",
    header: "Confidence",
    align: "right",
    cell: (row) =>
      known(row) && (
        <span>
          ±{whole(row.confidenceQ32)}
          <span className="block text-xs text-soft">
            {percent(shareQ32(row.confidenceQ32, row.priceQ32))} of at most{" "}
            {percent(row.confidenceMaxQ32)}
          </span>
        </span>
      ),
  },
  {
    id: "slow",
    header: "Slow price",
    align: "right",
    cell: (row) => known(row) && whole(row.slowQ32),
  },
  {
    id: "age",
    header: "Age",
    align: "right",
    sort: ({ age }) => age ?? Number.MAX_SAFE_INTEGER,
    cell: ({ age, ageMax }) => (
      <span>
        {age === null ? "Never" : span(age)}
        <span className="block text-xs text-soft">of at most {span(ageMax)}</span>
      </span>
    ),
  },
  {
    id: "second",
    header: "Compared with",
    cell: ({ second, divergent, divergenceMaxQ32 }) =>
      second === null ? (
        <span className="text-soft">Nothing</span>
      ) : (
        <span>
          {second}
          <span className="block text-xs text-soft">
            {divergent ? "apart by more than" : "within"} {percent(divergenceMaxQ32)}
          </span>
        </span>
      ),
  },
  {
    id: "source",
    header: "Source",
    cell: ({ source }) => {
      const { word, detail } = sourceWords(source);
      return (
        <span title={detail} className="text-soft">
          {word}
        </span>
      );
    },
  },
  {
    id: "slot",
    header: "Last slot",
    align: "right",
    cell: ({ updatedSlot }) => updatedSlot.toLocaleString("en"),
  },
];

export function FeedsCard({ venue }: { venue: Venue }) {
  const rows = useMemo(
    () =>
      venue.feeds.map((feed) => ({
        ...feed,
        second:
          feed.compareWith === null
            ? null
            : (venue.feeds[feed.compareWith]?.name ?? `#${feed.compareWith}`),
      })),
    [venue],
  );
  return (
    <Card title="Prices" flush>
      <DataTable
        caption="Price feeds"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ index }) => String(index)}
        empty={<Empty title="There are no price feeds" />}
      />
    </Card>
  );
}
