/** The events of transactions as rows. */
import type { Address } from "@solana/kit";
import { useEffect, useMemo, useState } from "react";
import type { BallastEvent, OrderPlaced } from "@/client";
import type { HistoryEntry } from "@/chain/history";
import { findMarket, termsKey, termsOf, type ChainTerms } from "@/chain/layout";
import type { Terms, Venue } from "@/engine/types";
import { useLive, useMarkets, useVersion } from "@/state/live";
import { describe, orderKey, type Context, type Kind } from "./describe";
import type { Row } from "./export";

/** What of an account's transactions is shown: what is about it, one kind of that, or also what else they did. */
export type Filter = "own" | "all" | Kind;

/** The terms that an event mentions. */
function termsIn(event: BallastEvent): ChainTerms[] {
  if (event.name === "liquidated") return event.data.positions.map(({ terms }) => terms);
  return "terms" in event.data ? [event.data.terms] : [];
}

/** Markets by address: those that are listed, and closed ones that the events themselves tell about. */
function useMarketTerms(entries: readonly HistoryEntry[]): ReadonlyMap<Address, Terms> {
  const { mirror } = useLive();
  const markets = useMarkets();
  const [closed, setClosed] = useState<ReadonlyMap<Address, Terms>>(new Map());
  const { exchange } = mirror.network;
  useEffect(() => {
    const mentioned = new Map<string, Terms>();
    for (const terms of entries.flatMap(({ events }) => events.flatMap(termsIn)).map(termsOf)) {
      if (!mirror.markets.has(termsKey(terms))) mentioned.set(termsKey(terms), terms);
    }
    if (mentioned.size === 0) return;
    let isCurrent = true;
    const derive = async (terms: Terms) => [await findMarket(exchange, terms), terms] as const;
    void Promise.all([...mentioned.values()].map(derive)).then((found) => {
      if (isCurrent) setClosed(new Map(found));
    });
    return () => {
      isCurrent = false;
    };
  }, [entries, mirror, exchange]);
  return useMemo(
    () => new Map([...closed, ...markets.map(({ address, terms }) => [address, terms] as const)]),
    [closed, markets],
  );
}

/** What is known to belong to one exchange. */
export interface Belonging {
  exchange: Address;
  /** Markets by address. */
  markets: { has(market: Address): boolean };
  /** Margin accounts by address. */
  accounts: { has(account: Address): boolean };
}

/** Where events name margin accounts; other addresses in them are of wallets. */
const ACCOUNT_FIELDS: ReadonlySet<string> = new Set([
  "marginAccount",
  "liquidator",
  "counterparty",
  "from",
  "to",
  "maker",
  "taker",
]);

/**
 * The transactions with the events of one exchange only: anybody may name its board or its insurance fund in a transaction with an exchange of his
 * own. An event that does not tell its exchange belongs to it when it names one of its markets or margin accounts, of which the program mixes none;
 * accounts that have been closed are known by their own events.
 */
export function ofExchange(
  entries: readonly HistoryEntry[],
  { exchange, markets, accounts }: Belonging,
): HistoryEntry[] {
  const closed = new Set(
    entries.flatMap(({ events }) =>
      events.flatMap(({ name, data }) =>
        (name === "accountOpened" || name === "accountClosed") && data.exchange === exchange
          ? [data.marginAccount]
          : [],
      ),
    ),
  );
  const belongs = (event: BallastEvent) => {
    if ("exchange" in event.data) return event.data.exchange === exchange;
    if ("market" in event.data && markets.has(event.data.market)) return true;
    return Object.entries(event.data).some(
      ([field, key]: [string, Address]) =>
        ACCOUNT_FIELDS.has(field) && (accounts.has(key) || closed.has(key)),
    );
  };
  return entries.map((entry) =>
    entry.events.every(belongs) ? entry : { ...entry, events: entry.events.filter(belongs) },
  );
}

/** The transactions with the events of the network's exchange only, and the markets by address that those tell about. */
export function useOwnEntries(entries: readonly HistoryEntry[], account: Address | null) {
  const { mirror } = useLive();
  const markets = useMarketTerms(entries);
  useVersion("accounts");
  const { size } = mirror.accounts;
  const own = useMemo(
    () =>
      ofExchange(entries, {
        exchange: mirror.network.exchange,
        markets,
        accounts: { has: (key) => key === account || mirror.accounts.has(key) },
      }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- accounts come and go, what is in them does not matter
    [entries, mirror, markets, account, size],
  );
  return { own, markets };
}

function ordersIn(entries: readonly HistoryEntry[]): ReadonlyMap<string, OrderPlaced> {
  const placed = entries.flatMap(({ events }) =>
    events.flatMap((event) => (event.name === "orderPlaced" ? [event.data] : [])),
  );
  return new Map(placed.map((order) => [orderKey(order.marginAccount, order.orderId), order]));
}

/** What events of these transactions are described with. */
export function contextOf(
  venue: Venue,
  account: Address | null,
  markets: ReadonlyMap<Address, Terms>,
  entries: readonly HistoryEntry[],
): Context {
  return { venue, account, markets, orders: ordersIn(entries) };
}

/** One row per event, newest first; of a transaction that failed or whose events are not known, one row without. */
export function rowsOf(entries: readonly HistoryEntry[], context: Context): Row[] {
  return entries.flatMap((entry): Row[] => {
    const rows = entry.events.map((event, index) => ({
      key: `${entry.signature}/${index}`,
      entry,
      told: describe(event, context),
      data: event.data as unknown,
    }));
    const silent = { key: entry.signature, entry, told: null, data: null };
    return entry.failed || entry.truncated ? [silent, ...rows.reverse()] : rows.reverse();
  });
}

/** Whether a row passes a filter for this account. */
export function passes({ told }: Row, filter: Filter, account: Address): boolean {
  if (filter === "all") return true;
  if (!told) return filter === "own";
  const isOwn = told.accounts.includes(account);
  if (filter === "own") return isOwn;
  return told.kind === filter && (isOwn || told.kind === "exchange");
}
