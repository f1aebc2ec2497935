import type { Address } from "@solana/kit";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { isOption, MarketStatus, termsKey } from "@/chain/layout";
import type { Assessment, FeedFigures, PositionFigures, Terms, Venue } from "@/engine/types";
import { abs, formatDecimal } from "@/format/decimal";
import { day, exactUsd, percent, price, span, usd } from "@/format/format";
import { formatLots, marketName, unitPriceQ32 } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useLive, useMarkets, useNow, useVenue } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Badge, Empty, Signed } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { PriceState } from "./price-state";
import { settlementOf, type Settlement } from "./settlement";

interface Row {
  account: Address;
  position: PositionFigures;
  venue: Venue;
  name: string;
  feed: FeedFigures | undefined;
  /** Whether its market has its settlement price. */
  isSettled: boolean;
  /** Nothing while its market is not known. */
  settlement: Settlement | null;
  mayTrade: boolean;
}

const perUnit = ({ venue, position }: Row, value: bigint | null) =>
  value === null ? "–" : price(unitPriceQ32(venue, position.terms.underlying, value));

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "market",
    header: "Market",
    sort: ({ name }) => name,
    cell: ({ name, position, isSettled }) => (
      <span className="grid">
        <span className="font-medium">{name}</span>
        <Expiry terms={position.terms} isExpired={position.expired} isSettled={isSettled} />
      </span>
    ),
  },
  {
    id: "size",
    header: "Size",
    align: "right",
    cell: ({ venue, position: { terms, lots } }) =>
      lots === 0n ? (
        <Badge>Closed</Badge>
      ) : (
        <span className="inline-flex items-center gap-2">
          <Badge tone={lots > 0n ? "up" : "down"}>{lots > 0n ? "Long" : "Short"}</Badge>
          {formatLots(venue, terms.underlying, abs(lots))}
        </span>
      ),
  },
  {
    id: "mark",
    header: "Mark",
    align: "right",
    cell: (row) => (
      <span className="inline-flex items-center gap-2">
        <PriceState feed={row.feed} />
        {perUnit(row, row.position.markQ32)}
      </span>
    ),
  },
  {
    id: "entry",
    header: "Break-even",
    align: "right",
    wide: true,
    cell: (row) => perUnit(row, row.position.breakEvenQ32),
  },
  {
    id: "value",
    header: "Value",
    align: "right",
    wide: true,
    sort: ({ position }) => position.value,
    cell: ({ position }) => usd(position.value),
  },
  {
    id: "profit",
    header: "PnL",
    align: "right",
    sort: ({ position }) => position.profit,
    cell: ({ position: { profit } }) => (
      <Signed value={profit}>
        <span title={exactUsd(profit)}>{usd(profit, { sign: true })}</span>
      </Signed>
    ),
  },
  {
    id: "funding",
    header: "Funding",
    align: "right",
    wide: true,
    sort: ({ position }) => position.funding,
    cell: ({ position: { terms, funding } }) =>
      terms.kind === "perpetual" ? usd(funding, { sign: true }) : "–",
  },
  {
    id: "delta",
    header: "Delta",
    align: "right",
    wide: true,
    sort: ({ position }) => position.delta,
    cell: ({ venue, position: { terms, delta, deltaUnits } }) => (
      <span title={usd(delta, { sign: true })}>
        {formatDecimal(deltaUnits, venue.underlyings[terms.underlying]?.decimals ?? 0, {
          max: 4,
          sign: true,
        })}
      </span>
    ),
  },
  ...(["gamma", "vega", "theta"] as const).map<Column<Row>>((greek) => ({
    id: greek,
    header: { gamma: "Gamma", vega: "Vega", theta: "Theta" }[greek],
    align: "right",
    wide: true,
    cell: ({ position }) => (isOption(position.terms) ? usd(position[greek], { sign: true }) : "–"),
  })),
  {
    id: "volatility",
    header: "IV",
    align: "right",
    wide: true,
    cell: ({ position: { volatilityQ32 } }) =>
      volatilityQ32 === null ? "–" : percent(volatilityQ32, { digits: 1 }),
  },
  {
    id: "actions",
    header: <span className="sr-only">Actions</span>,
    align: "right",
    cell: (row) => <Actions row={row} />,
  },
];

/** When a dated market ends, or how far its settlement is. */
function Expiry({
  terms,
  isExpired,
  isSettled,
}: {
  terms: Terms;
  isExpired: boolean;
  isSettled: boolean;
}) {
  const now = useNow();
  if (terms.kind === "perpetual") return null;
  if (isExpired)
    return (
      <span>
        <Badge tone="warn">{isSettled ? "Expired: settle it" : "Expired, price pending"}</Badge>
      </span>
    );
  return (
    <span className="text-xs text-soft" title={`${day(terms.expiry)}, UTC`}>
      {span(terms.expiry - now)} left
    </span>
  );
}

function Actions({ row }: { row: Row }) {
  const { account, position, name, isSettled, settlement, mayTrade } = row;
  const { terms, lots, profit, expired } = position;
  const { send, isBusy, obstacle } = useTransact();
  const isDisabled = obstacle !== null || isBusy;
  if (!mayTrade) return null;
  const maySettlePnl = profit !== 0n && (!isOption(terms) || lots === 0n) && !expired;
  return (
    <span className="inline-flex gap-1">
      {expired && (
        <Button
          size="sm"
          disabled={isDisabled || !isSettled || settlement?.obstacle !== null}
          title={
            obstacle ??
            (isSettled
              ? (settlement?.obstacle ?? undefined)
              : "Its settlement price is not there yet.")
          }
          aria-label={`Settle ${name}`}
          onClick={() =>
            void send(
              `Settle ${name}`,
              async (actions) => [
                ...(settlement?.position ? [await actions.settlePosition(account, terms)] : []),
                ...(settlement?.pnl ? [await actions.settlePnl(account, terms)] : []),
              ],
              [account],
            )
          }
        >
          Settle
        </Button>
      )}
      {maySettlePnl && (
        <Button
          size="sm"
          disabled={isDisabled}
          title={
            obstacle ?? "Moves profit into cash, as far as losers have paid in, or pays a loss"
          }
          aria-label={`Settle PnL of ${name}`}
          onClick={() =>
            void send(
              `Settle PnL of ${name}`,
              async (actions) => [await actions.settlePnl(account, terms)],
              [account],
            )
          }
        >
          Settle PnL
        </Button>
      )}
      {!expired && lots !== 0n && (
        <Button size="sm" asChild>
          {isOption(terms) ? (
            <Link
              to="/options"
              search={(before) => ({
                ...before,
                underlying: terms.underlying,
                expiry: terms.expiry,
              })}
              aria-label={`Close ${name}`}
            >
              Close
            </Link>
          ) : (
            <Link
              to="/trade"
              search={(before) => ({ ...before, market: termsKey(terms) })}
              aria-label={`Close ${name}`}
            >
              Close
            </Link>
          )}
        </Button>
      )}
    </span>
  );
}

/** Positions, and profit that is not in cash yet. */
export function Positions({ account, assessment }: { account: Address; assessment: Assessment }) {
  const venue = useVenue();
  const markets = useMarkets();
  const { mirror } = useLive();
  const { role } = useAccounts();
  const { positions } = assessment;
  const rows = useMemo(
    () =>
      positions.map<Row>((position) => {
        const { terms } = position;
        const market = mirror.markets.get(termsKey(terms));
        return {
          account,
          position,
          venue,
          name: marketName(venue, terms),
          feed: venue.feeds[venue.underlyings[terms.underlying]?.feed ?? -1],
          isSettled: market?.status === MarketStatus.Closed,
          settlement: market ? settlementOf(position, market, venue) : null,
          mayTrade: role !== "viewer",
        };
      }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a status has changed when the markets have
    [account, positions, venue, mirror, markets, role],
  );
  return (
    <Card title="Positions" flush>
      <DataTable
        caption="What is held and owed in markets"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ position }) => termsKey(position.terms)}
        empty={
          <Empty title="No positions">
            {role !== "viewer" && "Trade a perpetual or a future, or buy an option."}
          </Empty>
        }
      />
    </Card>
  );
}
