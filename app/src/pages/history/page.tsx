/** What has happened to the account that is shown, in words. */
import type { Address } from "@solana/kit";
import { Download, ExternalLink } from "lucide-react";
import { useMemo, useState } from "react";
import { toast } from "sonner";
import { formatDecimal } from "@/format/decimal";
import { short, time } from "@/format/format";
import { explorerUrl, useNetwork, type Network } from "@/network";
import { useAccounts } from "@/state/accounts";
import { useHistory } from "@/state/history";
import { useLive, useVenue } from "@/state/live";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Badge, Empty, Loading, Notice } from "@/ui/feedback";
import { SelectField } from "@/ui/field";
import { DataTable, type Column } from "@/ui/table";
import { KINDS, type Kind, type Quantity } from "./describe";
import { download, fileName, toCsv, toJson, type Row } from "./export";
import { contextOf, passes, rowsOf, useOwnEntries, type Filter } from "./rows";

export function HistoryPage() {
  const { selected } = useAccounts();
  return (
    <>
      <h1 className="text-lg font-semibold">History</h1>
      {selected ? (
        <AccountHistory key={selected} account={selected} />
      ) : (
        <Card>
          <Empty title="There is no account to show">
            Connect a wallet and open an account, or add <code>?account=</code> and an address to
            this page&apos;s address to look at any.
          </Empty>
        </Card>
      )}
    </>
  );
}

function AccountHistory({ account }: { account: Address }) {
  const network = useNetwork();
  const venue = useVenue();
  const { mirror } = useLive();
  const history = useHistory(account);
  const { entries, hasNextPage, isFetchingNextPage, fetchNextPage } = history;
  const [filter, setFilter] = useState<Filter>("own");
  const { own, markets } = useOwnEntries(entries, account);
  const rows = useMemo(
    () => rowsOf(own, contextOf(venue, account, markets, own)),
    [own, venue, account, markets],
  );
  const shown = useMemo(
    () => rows.filter((row) => passes(row, filter, account)),
    [rows, filter, account],
  );
  const columns = useMemo(() => columnsFor(network), [network]);

  const save = (ending: "csv" | "json") => {
    const text = ending === "csv" ? toCsv(shown) : toJson(account, shown);
    download(fileName(account, mirror.now(), ending), ending, text);
    if (hasNextPage) toast.info("Older transactions are not in the file: load everything first.");
  };
  const loadAll = async () => {
    let page = await fetchNextPage();
    while (page.hasNextPage && !page.isError) page = await fetchNextPage();
  };

  return (
    <Card
      title={`Account ${short(account)}`}
      flush
      actions={
        <div className="flex flex-wrap gap-2">
          <Button size="sm" disabled={shown.length === 0} onClick={() => save("csv")}>
            <Download aria-hidden className="size-3.5" /> Save as CSV
          </Button>
          <Button size="sm" disabled={shown.length === 0} onClick={() => save("json")}>
            <Download aria-hidden className="size-3.5" /> Save as JSON
          </Button>
        </div>
      }
    >
      <div className="flex flex-wrap items-end justify-between gap-3 px-4 py-3">
        <SelectField
          label="Show"
          value={filter}
          onChange={(event) => setFilter(event.target.value as Filter)}
          className="w-72 max-w-full"
        >
          <option value="own">Everything about this account</option>
          {(Object.keys(KINDS) as Kind[]).map((kind) => (
            <option key={kind} value={kind}>
              {KINDS[kind]}
            </option>
          ))}
          <option value="all">Everything in its transactions</option>
        </SelectField>
        <p role="status" className="text-xs text-soft">
          {entries.length} {entries.length === 1 ? "transaction" : "transactions"} read
          {entries.length > 0 && (hasNextPage ? ", there are older ones" : ", there are no more")}
        </p>
      </div>
      {history.isError && (
        <div className="px-4 pb-3">
          <Notice tone="down" title="The history could not be read">
            <p>{history.error.message}</p>
            <Button size="sm" className="mt-2" onClick={() => void history.refetch()}>
              Try again
            </Button>
          </Notice>
        </div>
      )}
      {history.isPending ? (
        <Loading rows={6} label="Reading the history" />
      ) : (
        <DataTable
          caption={`History of account ${short(account)}`}
          columns={columns}
          rows={shown}
          rowKey={(row) => row.key}
          empty={
            history.isError ? null : (
              <Empty
                title={entries.length === 0 ? "Nothing has happened yet" : "Nothing of this kind"}
              >
                {hasNextPage
                  ? "There may be some in older transactions."
                  : "What is older than the transactions that this cluster keeps is not shown."}
              </Empty>
            )
          }
        />
      )}
      {hasNextPage && (
        <div className="flex flex-wrap justify-center gap-2 border-t p-3">
          <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? "Reading…" : "Load more"}
          </Button>
          <Button variant="ghost" disabled={isFetchingNextPage} onClick={() => void loadAll()}>
            Load everything
          </Button>
        </div>
      )}
    </Card>
  );
}

/** A signed amount with its unit. */
function Moved({ quantity, className }: { quantity: Quantity; className?: string }) {
  const { native, decimals, unit } = quantity;
  return (
    <span className={className}>
      {formatDecimal(native, decimals, { sign: true })} {unit}
    </span>
  );
}

function Figures({ told }: { told: Row["told"] }) {
  if (!told) return null;
  const { amount, fee, funding } = told;
  return (
    <div className="grid justify-items-end">
      {amount && (
        <Moved
          quantity={amount}
          className={amount.native < 0n ? "text-down" : amount.native > 0n ? "text-up" : ""}
        />
      )}
      {fee && fee.native !== 0n && (
        <span className="text-xs text-soft">
          Fee <Moved quantity={{ ...fee, native: -fee.native }} />
        </span>
      )}
      {funding && (
        <span className="text-xs text-soft">
          Funding <Moved quantity={funding} />
        </span>
      )}
    </div>
  );
}

/** What stands in place of events that are not known. */
function Silent({ entry }: Pick<Row, "entry">) {
  return entry.failed
    ? "The transaction failed: nothing of it has happened"
    : "The cluster has not kept all logs of this transaction: more may have happened in it";
}

function columnsFor(network: Network): Column<Row>[] {
  return [
    {
      id: "time",
      header: "Time",
      sort: ({ entry }) => entry.slot,
      cell: ({ entry }) => (
        <span className="text-soft">{entry.time === null ? "Unknown" : time(entry.time)}</span>
      ),
    },
    {
      id: "what",
      header: "What",
      sort: ({ told }) => told?.title ?? "",
      cell: ({ told, entry }) =>
        told ? (
          <Badge tone={told.kind === "liquidations" ? "warn" : "neutral"}>{told.title}</Badge>
        ) : (
          <Badge tone={entry.failed ? "down" : "warn"}>
            {entry.failed ? "Failed" : "Incomplete"}
          </Badge>
        ),
    },
    {
      id: "text",
      header: "Details",
      cell: ({ told, entry }) => (
        <div className="min-w-64 whitespace-normal">{told?.text ?? <Silent entry={entry} />}</div>
      ),
    },
    {
      id: "amount",
      header: "Amount",
      align: "right",
      cell: ({ told }) => <Figures told={told} />,
    },
    {
      id: "link",
      header: <span className="sr-only">Transaction</span>,
      align: "right",
      cell: ({ entry }) => (
        <a
          href={explorerUrl(network, "tx", entry.signature)}
          target="_blank"
          rel="noreferrer"
          aria-label={`Transaction ${short(entry.signature)} in the explorer`}
          className="inline-flex rounded p-1 text-accent"
        >
          <ExternalLink aria-hidden className="size-4" />
        </a>
      ),
    },
  ];
}
