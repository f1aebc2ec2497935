/** Sensitivities by underlying, before and after. */
import { useMemo } from "react";
import type { UnderlyingFigures, Venue, WhatIfAnswer } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { usd } from "@/format/format";
import { sizeDecimals, underlyingName } from "@/format/names";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { BeforeAfter } from "./before-after";

interface Row {
  underlying: number;
  name: string;
  decimals: number;
  before: UnderlyingFigures | undefined;
  after: UnderlyingFigures | undefined;
}

const money = (at: "delta" | "optionDelta" | "gamma" | "vega" | "theta" | "profit") => {
  const text = (figures: UnderlyingFigures | undefined) => usd(figures?.[at] ?? 0n, { sign: true });
  return ({ before, after }: Row) => <BeforeAfter before={text(before)} after={text(after)} />;
};
const units = (figures: UnderlyingFigures | undefined, decimals: number) =>
  formatDecimal(figures?.deltaUnits ?? 0n, decimals, { max: 4, sign: true });

const COLUMNS: readonly Column<Row>[] = [
  { id: "underlying", header: "Underlying", cell: ({ name }) => name },
  {
    id: "delta",
    header: "Delta",
    align: "right",
    cell: ({ before, after, decimals }) => (
      <BeforeAfter before={units(before, decimals)} after={units(after, decimals)} />
    ),
  },
  { id: "gamma", header: "Gamma per 1%", align: "right", cell: money("gamma") },
  { id: "vega", header: "Vega per point", align: "right", cell: money("vega") },
  { id: "theta", header: "Theta per day", align: "right", cell: money("theta") },
];

export function GreeksCard({ venue, answer }: { venue: Venue; answer: WhatIfAnswer }) {
  const rows = useMemo(() => {
    const { before, after } = answer;
    const held = [...before.underlyings, ...after.underlyings].map(({ underlying }) => underlying);
    const of = (list: UnderlyingFigures[], underlying: number) =>
      list.find((figures) => figures.underlying === underlying);
    return [...new Set(held)]
      .sort((a, b) => a - b)
      .map<Row>((underlying) => ({
        underlying,
        name: underlyingName(venue, underlying),
        decimals: sizeDecimals(venue, underlying),
        before: of(before.underlyings, underlying),
        after: of(after.underlyings, underlying),
      }));
  }, [venue, answer]);
  return (
    <Card title="Greeks" flush>
      <DataTable
        caption="Greeks by underlying"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ underlying }) => String(underlying)}
        empty={<Empty title="Nothing depends on a price" />}
      />
    </Card>
  );
}
