/** The account's last fills. */
import type { Address } from "@solana/kit";
import { useMemo } from "react";
import type { HistoryEntry } from "@/chain/history";
import { Side } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import { exactUsd, price, time, usd } from "@/format/format";
import { formatLots, marketName, unitPrice } from "@/format/names";
import { explorerUrl, useNetwork } from "@/network";
import { useAccounts } from "@/state/accounts";
import { useHistory } from "@/state/history";
import { useMarkets, useVenue } from "@/state/live";
import { Button } from "@/ui/button";
import { Badge, Empty, Loading, Notice } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { fillsIn, type FillRow } from "./fill-rows";

function useColumns(markets: ReadonlyMap<string, ListedMarket>): Column<FillRow>[] {
  const venue = useVenue();
  const network = useNetwork();
  return useMemo(() => {
    const at = (address: Address) => markets.get(address)?.terms;
    return [
      {
        id: "time",
        header: "Time",
        sort: ({ slot }) => slot,
        cell: ({ time: at, signature }) => (
          <a
            href={explorerUrl(network, "tx", signature)}
            target="_blank"
            rel="noreferrer"
            className="text-accent underline"
          >
            {at === null ? "Transaction" : time(at)}
          </a>
        ),
      },
      {
        id: "market",
        header: "Market",
        cell: ({ market }) => {
          const terms = at(market);
          return terms ? marketName(venue, terms) : "Closed market";
        },
      },
      {
        id: "side",
        header: "Side",
        cell: ({ side }) => (
          <Badge tone={side === Side.Bid ? "up" : "down"}>
            {side === Side.Bid ? "Bought" : "Sold"}
          </Badge>
        ),
      },
      {
        id: "size",
        header: "Size",
        align: "right",
        cell: ({ market, lots }) => {
          const terms = at(market);
          return terms ? formatLots(venue, terms.underlying, lots) : `${lots} lots`;
        },
      },
      {
        id: "price",
        header: "Price",
        align: "right",
        cell: ({ market, price: perLot }) => {
          const terms = at(market);
          return terms ? price(unitPrice(venue, terms.underlying, perLot)) : "–";
        },
      },
      {
        id: "fee",
        header: "Fee",
        align: "right",
        wide: true,
        cell: ({ fee }) => <span title={exactUsd(fee)}>{usd(fee)}</span>,
      },
      { id: "role", header: "As", wide: true, cell: ({ role }) => role },
    ];
  }, [venue, network, markets]);
}

export function Fills() {
  const { selected } = useAccounts();
  const { entries, isPending, isError, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useHistory(selected);
  const listed = useMarkets();
  const markets = useMemo(
    () => new Map<string, ListedMarket>(listed.map((market) => [market.address, market])),
    [listed],
  );
  const columns = useColumns(markets);
  const rows = useMemo(
    () => (selected ? fillsIn(entries as HistoryEntry[], selected) : []),
    [entries, selected],
  );
  if (!selected) return <Empty title="No account" />;
  if (isPending) return <Loading rows={3} label="Reading fills" />;
  if (isError && rows.length === 0) {
    return (
      <div className="p-4">
        <Notice tone="warn" title="Fills could not be read">
          The RPC does not give the account’s transactions. Positions and orders are not affected.
        </Notice>
      </div>
    );
  }
  return (
    <>
      <DataTable
        caption="Fills"
        columns={columns}
        rows={rows}
        rowKey={({ key }) => key}
        empty={<Empty title="No fills among the last transactions" />}
      />
      {hasNextPage && (
        <p className="p-2 text-center">
          <Button size="sm" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? "Reading…" : "Look further back"}
          </Button>
        </p>
      )}
    </>
  );
}
