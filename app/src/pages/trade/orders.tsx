/** The account's resting orders, and how to cancel them. */
import { useMemo, useState } from "react";
import { termsKey } from "@/chain/layout";
import type { OrderFigures, Venue } from "@/engine/types";
import { price, time } from "@/format/format";
import { formatLots, marketName, unitPrice } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useAssessment } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Badge, Empty } from "@/ui/feedback";
import { Choice } from "@/ui/field";
import { DataTable, type Column } from "@/ui/table";
import type { MarketView } from "./view";

const SCOPES = [
  { value: "market", text: "This market" },
  { value: "all", text: "All markets" },
] as const;

function columnsOf(
  venue: Venue,
  cancel: ((order: OrderFigures) => void) | null,
): Column<OrderFigures>[] {
  const columns: Column<OrderFigures>[] = [
    {
      id: "market",
      header: "Market",
      sort: ({ terms }) => marketName(venue, terms),
      cell: ({ terms }) => marketName(venue, terms),
    },
    {
      id: "side",
      header: "Side",
      sort: ({ side }) => side,
      cell: ({ side }) => (
        <Badge tone={side === "bid" ? "up" : "down"}>{side === "bid" ? "Buy" : "Sell"}</Badge>
      ),
    },
    {
      id: "price",
      header: "Price",
      align: "right",
      sort: ({ terms, price: perLot }) => unitPrice(venue, terms.underlying, perLot),
      cell: ({ terms, price: perLot }) => price(unitPrice(venue, terms.underlying, perLot)),
    },
    {
      id: "size",
      header: "Size",
      align: "right",
      cell: ({ terms, lots }) => formatLots(venue, terms.underlying, lots),
    },
    {
      id: "kind",
      header: "Kind",
      wide: true,
      cell: ({ postOnly, reduceOnly, lapsed, healthIfFilled, expiresAt }) => (
        <span className="flex gap-1">
          {lapsed ? <Badge tone="warn">Lapsed</Badge> : null}
          {postOnly && <Badge>Post-only</Badge>}
          {reduceOnly && <Badge>Reduce only</Badge>}
          {!reduceOnly && healthIfFilled !== null && healthIfFilled < 0n && (
            <Badge
              tone="warn"
              title="Filled whole it would exceed the initial margin: anybody may remove it"
            >
              Not affordable
            </Badge>
          )}
          {expiresAt !== null && <Badge title={time(expiresAt)}>Expires</Badge>}
        </span>
      ),
    },
  ];
  if (!cancel) return columns;
  return [
    ...columns,
    {
      id: "cancel",
      header: <span className="sr-only">Actions</span>,
      align: "right",
      cell: (order) => (
        <Button
          size="sm"
          aria-label={`Cancel: ${nameOf(venue, order)}`}
          onClick={() => cancel(order)}
        >
          Cancel
        </Button>
      ),
    },
  ];
}

/** `buy 1.5 SOL-PERP at 150.00`. */
function nameOf(venue: Venue, { terms, side, lots, price: perLot }: OrderFigures): string {
  const { underlying } = terms;
  return `${side === "bid" ? "buy" : "sell"} ${formatLots(venue, underlying, lots)} ${marketName(venue, terms)} at ${price(unitPrice(venue, underlying, perLot))}`;
}

export function OpenOrders({ view: { key, name, venue, market } }: { view: MarketView }) {
  const { selected, role } = useAccounts();
  const { send, isBusy, obstacle } = useTransact();
  const [scope, setScope] = useState<"market" | "all">("market");
  const all = useAssessment(selected)?.orders;
  const orders = useMemo(
    () => (all ?? []).filter(({ terms }) => scope === "all" || termsKey(terms) === key),
    [all, scope, key],
  );
  const mayCancel = role !== "viewer";
  const columns = useMemo(() => {
    const cancel = (order: OrderFigures) => {
      if (!selected) return;
      void send(
        `Cancel: ${nameOf(venue, order)}`,
        (actions) => [actions.cancelOrder(selected, order.id)],
        [selected],
      );
    };
    return columnsOf(venue, mayCancel ? cancel : null);
  }, [venue, mayCancel, selected, send]);
  const cancelAll = () => {
    if (!selected) return;
    const terms = scope === "all" ? null : market.terms;
    void send(
      scope === "all" ? "Cancel all orders" : `Cancel all orders in ${name}`,
      (actions) => [actions.cancelAll(selected, terms)],
      [selected],
    );
  };
  return (
    <div>
      <div className="flex flex-wrap items-center justify-between gap-2 p-2">
        <Choice label="Orders of" value={scope} options={SCOPES} onChange={setScope} />
        {mayCancel && orders.length > 0 && (
          <span className="flex items-center gap-2">
            {obstacle && <span className="text-xs text-soft">{obstacle}</span>}
            <Button size="sm" disabled={isBusy || obstacle !== null} onClick={cancelAll}>
              {scope === "all" ? "Cancel all" : `Cancel all in ${name}`}
            </Button>
          </span>
        )}
      </div>
      <DataTable
        caption="Open orders"
        columns={columns}
        rows={orders}
        rowKey={({ id }) => id.toString()}
        empty={<Empty title="No open orders" />}
      />
    </div>
  );
}
