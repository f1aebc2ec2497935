import type { Address } from "@solana/kit";
import { useMemo } from "react";
import { termsKey } from "@/chain/layout";
import type { Assessment, OrderFigures, Venue } from "@/engine/types";
import { price, span, usd } from "@/format/format";
import { formatLots, marketName, unitPrice } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useNow, useVenue } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Badge, Empty } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";

interface Row {
  account: Address;
  order: OrderFigures;
  venue: Venue;
  name: string;
  mayCancel: boolean;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "market",
    header: "Market",
    sort: ({ name }) => name,
    cell: ({ name }) => <span className="font-medium">{name}</span>,
  },
  {
    id: "side",
    header: "Side",
    sort: ({ order }) => order.side,
    cell: ({ order: { side } }) => (
      <Badge tone={side === "bid" ? "up" : "down"}>{side === "bid" ? "Buy" : "Sell"}</Badge>
    ),
  },
  {
    id: "price",
    header: "Price",
    align: "right",
    sort: ({ order }) => order.price,
    cell: ({ venue, order: { terms, price: limit } }) =>
      price(unitPrice(venue, terms.underlying, limit)),
  },
  {
    id: "size",
    header: "Size",
    align: "right",
    sort: ({ order }) => order.lots,
    cell: ({ venue, order: { terms, lots } }) => formatLots(venue, terms.underlying, lots),
  },
  {
    id: "kind",
    header: "Kind",
    wide: true,
    cell: ({ order: { reduceOnly, postOnly } }) =>
      [postOnly && "post-only", reduceOnly && "reduce-only"].filter(Boolean).join(", ") || "limit",
  },
  {
    id: "expires",
    header: "Expires",
    wide: true,
    cell: ({ order }) => <Expires order={order} />,
  },
  {
    id: "health",
    header: "Health if filled",
    align: "right",
    wide: true,
    cell: ({ order: { healthIfFilled, reduceOnly } }) => (
      <span className="inline-flex items-center gap-2">
        {healthIfFilled !== null && healthIfFilled < 0n && !reduceOnly && (
          <Badge tone="warn" title="Anybody may remove it">
            not affordable
          </Badge>
        )}
        {healthIfFilled === null ? "–" : usd(healthIfFilled)}
      </span>
    ),
  },
  {
    id: "actions",
    header: <span className="sr-only">Actions</span>,
    align: "right",
    cell: (row) => row.mayCancel && <Cancel row={row} />,
  },
];

function Expires({ order: { expiresAt, lapsed } }: { order: OrderFigures }) {
  const now = useNow();
  if (lapsed) return <Badge tone="warn">lapsed</Badge>;
  return expiresAt === null ? "never" : `in ${span(expiresAt - now)}`;
}

function Cancel({ row: { account, order, name } }: { row: Row }) {
  const { send, isBusy, obstacle } = useTransact();
  return (
    <Button
      size="sm"
      disabled={isBusy || obstacle !== null}
      title={obstacle ?? undefined}
      aria-label={`Cancel order ${order.id} in ${name}`}
      onClick={() =>
        void send(
          `Cancel order in ${name}`,
          (actions) => [actions.cancelOrder(account, order.id)],
          [account],
        )
      }
    >
      {isBusy ? "Cancelling…" : "Cancel"}
    </Button>
  );
}

/** Orders that wait for somebody to trade with. */
export function Orders({ account, assessment }: { account: Address; assessment: Assessment }) {
  const venue = useVenue();
  const { role } = useAccounts();
  const { send, isBusy, obstacle } = useTransact();
  const { orders } = assessment;
  const mayCancel = role !== "viewer";
  const rows = useMemo(
    () =>
      orders.map<Row>((order) => ({
        account,
        order,
        venue,
        name: marketName(venue, order.terms),
        mayCancel,
      })),
    [account, orders, venue, mayCancel],
  );
  return (
    <Card
      title="Resting orders"
      flush
      actions={
        mayCancel &&
        rows.length > 0 && (
          <Button
            size="sm"
            disabled={isBusy || obstacle !== null}
            title={obstacle ?? undefined}
            onClick={() =>
              void send("Cancel all orders", (actions) => [actions.cancelAll(account, null)], [
                account,
              ])
            }
          >
            Cancel all
          </Button>
        )
      }
    >
      <DataTable
        caption="Orders that wait"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ order }) => `${termsKey(order.terms)} ${order.id}`}
        empty={<Empty title="No resting orders" />}
      />
    </Card>
  );
}
