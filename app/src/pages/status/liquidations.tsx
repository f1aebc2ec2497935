/** Accounts in liquidation now, and what was liquidated lately. */
import { address, type Address } from "@solana/kit";
import { Link } from "@tanstack/react-router";
import { ExternalLink } from "lucide-react";
import { useMemo } from "react";
import type { Venue } from "@/engine/types";
import { short, span, time, usd } from "@/format/format";
import { explorerUrl, useNetwork } from "@/network";
import { contextOf, rowsOf, useOwnEntries } from "@/pages/history/rows";
import { useHistory } from "@/state/history";
import { useLive, useRisk, useVersion } from "@/state/live";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Badge, Empty, Loading, Notice } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";

/** So many are assessed; there may be more. */
const SHOWN = 50;

interface InLiquidation {
  account: Address;
  elapsed: number;
  equity: bigint;
  margin: bigint;
  health: bigint;
}

const COLUMNS: readonly Column<InLiquidation>[] = [
  {
    id: "account",
    header: "Account",
    cell: ({ account }) => (
      <Link to="/" search={{ account }} title={account} className="text-accent underline">
        {short(account)}
      </Link>
    ),
  },
  {
    id: "elapsed",
    header: "Auction runs for",
    align: "right",
    sort: ({ elapsed }) => elapsed,
    cell: ({ elapsed }) => span(elapsed),
  },
  {
    id: "equity",
    header: "Equity",
    align: "right",
    sort: ({ equity }) => equity,
    cell: ({ equity }) => usd(equity),
  },
  {
    id: "margin",
    header: "Maintenance margin",
    align: "right",
    sort: ({ margin }) => margin,
    cell: ({ margin }) => usd(margin),
  },
  {
    id: "health",
    header: "Health",
    align: "right",
    sort: ({ health }) => health,
    cell: ({ health }) => usd(health, { sign: true }),
  },
];

export function InLiquidationCard() {
  const { mirror } = useLive();
  const version = useVersion("accounts");
  const keys = useMemo(
    () => [...mirror.orders].flatMap(([key, { inLiquidation }]) => (inLiquidation ? [key] : [])),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the mirror has this version
    [mirror, version],
  );
  const rows = useRisk(
    (risk) =>
      keys.slice(0, SHOWN).map((key): InLiquidation => {
        const { account, totals, liquidation } = risk.assess(key, "liquidate");
        const { equityMaintenance, maintenanceMargin, healthMaintenance } = liquidation ?? totals;
        return {
          account: key,
          elapsed: account.auctionElapsed,
          equity: equityMaintenance,
          margin: maintenanceMargin,
          health: healthMaintenance,
        };
      }),
    [keys],
  );
  return (
    <Card title={`In liquidation now (${keys.length})`} flush>
      <DataTable
        caption="Accounts in liquidation now"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ account }) => account}
        empty={<Empty title="No account is in liquidation" />}
      />
    </Card>
  );
}

/** The insurance fund is named in every liquidation: its transactions have all of them. */
export function LiquidationsCard({ venue }: { venue: Venue }) {
  const network = useNetwork();
  const history = useHistory(address(venue.insuranceFund), 50);
  const { entries, hasNextPage, isFetchingNextPage, fetchNextPage } = history;
  const { own, markets } = useOwnEntries(entries, null);
  const rows = useMemo(
    () =>
      rowsOf(own, contextOf(venue, null, markets, own)).flatMap(({ key, entry, told }) =>
        told?.kind === "liquidations" ? [{ key, entry, told }] : [],
      ),
    [own, venue, markets],
  );
  return (
    <Card title="Recent liquidations">
      {history.isError && (
        <Notice tone="down" title="The liquidations could not be read">
          <p>{history.error.message}</p>
          <Button size="sm" className="mt-2" onClick={() => void history.refetch()}>
            Try again
          </Button>
        </Notice>
      )}
      {history.isPending ? (
        <Loading label="Reading the liquidations" />
      ) : rows.length > 0 ? (
        <ol className="grid gap-3">
          {rows.map(({ key, entry, told }) => (
            <li key={key} className="grid gap-0.5">
              <span className="flex flex-wrap items-center gap-2">
                <Badge tone="warn">{told.title}</Badge>
                <span className="text-xs text-soft">
                  {entry.time === null ? "Unknown time" : time(entry.time)}
                </span>
                <a
                  href={explorerUrl(network, "tx", entry.signature)}
                  target="_blank"
                  rel="noreferrer"
                  aria-label={`Transaction ${short(entry.signature)} in the explorer`}
                  className="inline-flex rounded p-1 text-accent"
                >
                  <ExternalLink aria-hidden className="size-3.5" />
                </a>
              </span>
              <span className="wrap-anywhere">{told.text}</span>
            </li>
          ))}
        </ol>
      ) : (
        !history.isError && <Empty title="None among the fund's latest transactions" />
      )}
      {hasNextPage && (
        <p className="mt-3 flex flex-wrap items-center gap-3 text-xs text-soft">
          <Button size="sm" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? "Reading…" : "Look further back"}
          </Button>
          {entries.length} transactions of the fund read
        </p>
      )}
    </Card>
  );
}
