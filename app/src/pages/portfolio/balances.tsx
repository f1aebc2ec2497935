import { useMemo } from "react";
import type { Assessment, AssetFigures, BalanceFigures, FeedFigures } from "@/engine/types";
import { abs, formatDecimal } from "@/format/decimal";
import { exactUsd, percent, price, usd } from "@/format/format";
import { assetName } from "@/format/names";
import { QUOTE_ASSET } from "@/chain/layout";
import { useAccounts } from "@/state/accounts";
import { useVenue } from "@/state/live";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import type { FundsRequest } from "./funds/funds-dialog";
import { leaves, MOVEMENT_WORDS, type Movement } from "./funds/movement";
import { PriceState } from "./price-state";

interface Row {
  balance: BalanceFigures;
  name: string;
  asset: AssetFigures;
  feed: FeedFigures | undefined;
  movements: readonly Movement[];
  onFunds: (request: FundsRequest) => void;
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "asset", header: "Asset", sort: ({ name }) => name, cell: ({ name }) => name },
  {
    id: "amount",
    header: "Amount",
    align: "right",
    cell: ({ balance, asset }) => (
      <span className="inline-flex items-center gap-2">
        <Badge tone={balance.amount < 0n ? "warn" : "neutral"}>
          {balance.amount < 0n ? "Loan" : "Deposit"}
        </Badge>
        {formatDecimal(abs(balance.amount), asset.decimals)}
      </span>
    ),
  },
  {
    id: "value",
    header: "Value",
    align: "right",
    sort: ({ balance }) => balance.value,
    cell: ({ balance }) => <span title={exactUsd(balance.value)}>{usd(balance.value)}</span>,
  },
  {
    id: "collateral",
    header: "Collateral",
    align: "right",
    wide: true,
    sort: ({ balance }) => balance.initial,
    cell: ({ balance }) => (
      <span
        title={`After haircuts, for initial margin; for maintenance ${exactUsd(balance.maintenance)}`}
      >
        {usd(balance.initial)}
      </span>
    ),
  },
  {
    id: "rate",
    header: "Rate a year",
    align: "right",
    wide: true,
    cell: ({ balance, asset }) =>
      balance.amount < 0n
        ? `pays ${percent(asset.borrowRateQ32)}`
        : `earns ${percent(asset.depositRateQ32)}`,
  },
  {
    id: "price",
    header: "Price",
    align: "right",
    wide: true,
    cell: ({ asset, feed }) => (
      <span className="inline-flex items-center gap-2">
        <PriceState feed={feed} />
        {price(asset.priceQ32 >> 32n)}
      </span>
    ),
  },
  {
    id: "actions",
    header: <span className="sr-only">Actions</span>,
    align: "right",
    cell: ({ movements, asset, name, onFunds }) => (
      <span className="inline-flex gap-1">
        {movements.map((movement) => (
          <Button
            key={movement}
            size="sm"
            aria-label={`${MOVEMENT_WORDS[movement]} ${name}`}
            onClick={() => onFunds({ movement, asset: asset.index })}
          >
            {MOVEMENT_WORDS[movement]}
          </Button>
        ))}
      </span>
    ),
  },
];

/** What can be done without a balance. */
const ALWAYS: readonly Movement[] = ["deposit", "withdraw", "borrow"];

/** Deposits and loans, and how to change them. */
export function Balances({
  assessment,
  onFunds,
}: {
  assessment: Assessment;
  onFunds: (request: FundsRequest) => void;
}) {
  const venue = useVenue();
  const { role, own } = useAccounts();
  const hasOthers = own.filter((account) => account.role === "owner").length > 1;
  const { balances } = assessment;
  const rows = useMemo(
    () =>
      balances.flatMap<Row>((balance) => {
        const asset = venue.assets[balance.asset];
        if (!asset) return [];
        const all: Movement[] =
          balance.amount < 0n
            ? ["repay", "borrow"]
            : ["deposit", "withdraw", ...(hasOthers ? (["transfer"] as const) : [])];
        const movements =
          role === "viewer" ? [] : all.filter((movement) => role === "owner" || !leaves(movement));
        const name = assetName(venue, balance.asset);
        return [{ balance, name, asset, feed: venue.feeds[asset.feed], movements, onFunds }];
      }),
    [balances, venue, role, hasOthers, onFunds],
  );
  const first = (movement: Movement) =>
    (movement === "withdraw" && balances.find(({ amount }) => amount > 0n)?.asset) || QUOTE_ASSET;
  return (
    <Card
      title="Balances"
      flush
      actions={
        role !== "viewer" && (
          <span className="flex gap-1.5">
            {ALWAYS.filter((movement) => role === "owner" || !leaves(movement)).map((movement) => (
              <Button
                key={movement}
                size="sm"
                variant={movement === "deposit" ? "primary" : "secondary"}
                onClick={() => onFunds({ movement, asset: first(movement) })}
              >
                {MOVEMENT_WORDS[movement]}
              </Button>
            ))}
          </span>
        )
      }
    >
      <DataTable
        caption="Deposits and loans"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ balance }) => String(balance.asset)}
        empty={
          <Empty title="Nothing is deposited">
            {role !== "viewer" && "Deposit something to trade, or to earn interest."}
          </Empty>
        }
      />
    </Card>
  );
}
