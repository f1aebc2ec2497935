/** Deposits, loans and rates of every asset. */
import { useMemo } from "react";
import type { AssetFigures, Mode, Venue } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { percent, span } from "@/format/format";
import { assetName } from "@/format/names";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { Bar } from "./bar";
import { capUsedQ32 } from "./words";

interface Row extends AssetFigures {
  name: string;
}

const MODES: Record<Mode, string> = {
  active: "Active",
  reduceOnly: "Reduce only",
  closing: "Closing",
};

/** An amount of a row's asset, and how much of a cap it is. */
function Total({ row, amount, cap }: { row: Row; amount: bigint; cap: bigint | undefined }) {
  const used = cap === undefined ? null : capUsedQ32(amount, cap);
  return (
    <span>
      {formatDecimal(amount, row.decimals, { max: 4 })}
      <span className="block text-xs text-soft">
        {used === null || cap === undefined
          ? "no cap"
          : `${percent(used)} of ${formatDecimal(cap, row.decimals, { max: 0 })}`}
      </span>
    </span>
  );
}

function Outflow({ row: { bank, decimals } }: { row: Row }) {
  if (!bank || bank.outflowLimit === null || bank.outflowLeft === null) {
    return <span className="text-soft">No limit</span>;
  }
  return (
    <span>
      {formatDecimal(bank.outflowLeft, decimals, { max: 2 })}
      <span className="block text-xs text-soft">
        of {formatDecimal(bank.outflowLimit, decimals, { max: 2 })} per {span(bank.outflowWindow)}
      </span>
    </span>
  );
}

/** Haircuts for maintenance and initial margin. */
function Haircuts({ maintenance, initial }: { maintenance: bigint; initial: bigint }) {
  return (
    <span>
      {percent(maintenance)}
      <span className="block text-xs text-soft">initial {percent(initial)}</span>
    </span>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "name",
    header: "Asset",
    sort: ({ name }) => name,
    cell: ({ name, mode }) => (
      <span className="inline-flex items-center gap-1.5">
        {name}
        {mode !== "active" && <Badge tone="warn">{MODES[mode]}</Badge>}
      </span>
    ),
  },
  {
    id: "deposits",
    header: "Deposits",
    align: "right",
    cell: (row) => (
      <Total
        row={row}
        amount={row.bank?.deposits ?? row.depositsTotal}
        cap={row.bank?.depositCap}
      />
    ),
  },
  {
    id: "loans",
    header: "Loans",
    align: "right",
    cell: (row) => (
      <Total row={row} amount={row.bank?.loans ?? row.loansTotal} cap={row.bank?.borrowCap} />
    ),
  },
  {
    id: "utilisation",
    header: "Utilisation",
    align: "right",
    sort: ({ utilisationQ32 }) => utilisationQ32,
    cell: ({ name, utilisationQ32 }) => (
      <Bar label={`Utilisation of ${name}`} valueQ32={utilisationQ32} />
    ),
  },
  {
    id: "depositRate",
    header: "Deposit rate",
    align: "right",
    sort: ({ depositRateQ32 }) => depositRateQ32,
    cell: ({ depositRateQ32 }) => `${percent(depositRateQ32)} a year`,
  },
  {
    id: "borrowRate",
    header: "Borrow rate",
    align: "right",
    sort: ({ borrowRateQ32 }) => borrowRateQ32,
    cell: ({ borrowRateQ32 }) => `${percent(borrowRateQ32)} a year`,
  },
  {
    id: "outflow",
    header: "May leave now",
    align: "right",
    cell: (row) => <Outflow row={row} />,
  },
  {
    id: "depositHaircut",
    header: "Deposit haircut",
    align: "right",
    cell: (row) => (
      <Haircuts
        maintenance={row.depositHaircutMaintenanceQ32}
        initial={row.depositHaircutInitialQ32}
      />
    ),
  },
  {
    id: "loanHaircut",
    header: "Loan haircut",
    align: "right",
    cell: (row) => (
      <Haircuts maintenance={row.loanHaircutMaintenanceQ32} initial={row.loanHaircutInitialQ32} />
    ),
  },
];

export function BanksCard({ venue }: { venue: Venue }) {
  const rows = useMemo(
    () => venue.assets.map((asset) => ({ ...asset, name: assetName(venue, asset.index) })),
    [venue],
  );
  return (
    <Card title="Banks" flush>
      <DataTable
        caption="Banks"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ index }) => String(index)}
        empty={<Empty title="There are no assets" />}
      />
    </Card>
  );
}
