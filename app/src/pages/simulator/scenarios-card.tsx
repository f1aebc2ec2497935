/** The scenarios of the margin that hurt the most, by underlying. */
import { useMemo } from "react";
import type { ScenarioFigures, Venue, WhatIfAnswer } from "@/engine/types";
import { percent, usd } from "@/format/format";
import { underlyingName } from "@/format/names";
import { Card } from "@/ui/card";
import { Empty, Signed } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { BeforeAfter } from "./before-after";

/** So many of each underlying. */
const WORST = 3;
const VOLATILITY = { up: "up", unchanged: "unchanged", down: "down" } as const;

interface Row {
  key: string;
  name: string;
  scenario: ScenarioFigures;
  /** What the same scenario counts now. */
  lossBefore: bigint;
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "underlying", header: "Underlying", cell: ({ name }) => name },
  {
    id: "price",
    header: "Price",
    align: "right",
    cell: ({ scenario }) => percent(scenario.priceMoveQ32, { digits: 1, sign: true }),
  },
  {
    id: "volatility",
    header: "Volatility",
    cell: ({ scenario }) => VOLATILITY[scenario.volatility],
  },
  {
    id: "profit",
    header: "Result",
    align: "right",
    cell: ({ scenario: { profit } }) => (
      <Signed value={profit}>{usd(profit, { sign: true })}</Signed>
    ),
  },
  {
    id: "loss",
    header: "Loss that counts",
    align: "right",
    sort: ({ scenario }) => scenario.loss,
    cell: ({ scenario, lossBefore }) => (
      <BeforeAfter before={usd(lossBefore)} after={usd(scenario.loss)} />
    ),
  },
];

export function ScenariosCard({ venue, answer }: { venue: Venue; answer: WhatIfAnswer }) {
  const rows = useMemo(() => {
    const { before, after } = answer;
    return after.underlyings.flatMap(({ underlying, scenarios }) => {
      const old = before.underlyings.find((figures) => figures.underlying === underlying);
      return scenarios
        .map((scenario, index) => ({ scenario, index }))
        .filter(({ scenario }) => scenario.loss > 0n)
        .sort((a, b) => (a.scenario.loss > b.scenario.loss ? -1 : 1))
        .slice(0, WORST)
        .map<Row>(({ scenario, index }) => ({
          key: `${underlying}-${index}`,
          name: underlyingName(venue, underlying),
          scenario,
          lossBefore: old?.scenarios[index]?.loss ?? 0n,
        }));
    });
  }, [venue, answer]);
  return (
    <Card title="Worst scenarios" flush>
      <DataTable
        caption="Worst scenarios by underlying"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ key }) => key}
        empty={<Empty title="No scenario loses anything" />}
      />
    </Card>
  );
}
