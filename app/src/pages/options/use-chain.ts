/** What is listed on an underlying, with quotes, books and the account's own positions. */
import { useMemo } from "react";
import type { Address } from "@solana/kit";
import { booksOf, type Book, type Level } from "@/chain/book";
import { isOption, termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { QuoteFigures, Terms, Venue } from "@/engine/types";
import { useLive, useMarkets, useNow, useRisk, useVersion } from "@/state/live";
import { nearest } from "./presets";

/** Milliseconds between two looks at which orders have lapsed. */
const LAPSE_MS = 5_000;

/** The books of some markets by the key of their terms. */
export function useBooks(keys: string): ReadonlyMap<string, Book> {
  const { mirror } = useLive();
  const version = useVersion("accounts");
  const now = useNow(LAPSE_MS);
  return useMemo(
    () => booksOf(mirror.orders.values(), keys === "" ? [] : keys.split(" "), now),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the mirror has this version
    [mirror, version, now, keys],
  );
}

/** One option of the chain. */
export interface Quoted {
  terms: Terms;
  market: ListedMarket;
  /** Nothing when it has no quote. */
  figures: QuoteFigures | null;
  /** Why it has none. */
  failure: string | null;
  bid: Level | null;
  ask: Level | null;
  /** Lots of the account, negative when sold. */
  lots: bigint;
}

/** One strike. */
export interface ChainRow {
  strike: bigint;
  call: Quoted | null;
  put: Quoted | null;
  isAtTheMoney: boolean;
}

/** Live markets of an underlying: what has not expired. */
export function useListed(underlying: number): ListedMarket[] {
  const markets = useMarkets();
  const now = useNow(LAPSE_MS);
  return useMemo(
    () =>
      markets.filter(
        ({ terms }) =>
          terms.underlying === underlying && (terms.kind === "perpetual" || terms.expiry > now),
      ),
    [markets, underlying, now],
  );
}

/** The strikes of an expiry in rising order. */
export function useChain(
  venue: Venue,
  listed: readonly ListedMarket[],
  underlying: number,
  expiry: number,
  account: Address | null,
): ChainRow[] {
  const { mirror } = useLive();
  const options = useMemo(
    () => listed.filter(({ terms }) => isOption(terms) && terms.expiry === expiry),
    [listed, expiry],
  );
  const books = useBooks(options.map(({ terms }) => termsKey(terms)).join(" "));
  const figures = useRisk(
    (risk) => {
      const quotes = risk.quotes(options.map(({ terms }) => terms));
      const positions =
        account && mirror.accounts.has(account) ? risk.assess(account).positions : [];
      const lots = new Map(positions.map((position) => [termsKey(position.terms), position.lots]));
      return { quotes, lots };
    },
    [options, account],
  );
  const markQ32 = venue.underlyings[underlying]?.markQ32 ?? null;
  return useMemo(() => {
    const quoted = options.map<Quoted>((market, index) => {
      const key = termsKey(market.terms);
      const quote = figures.quotes[index];
      const book = books.get(key);
      return {
        terms: market.terms,
        market,
        figures: quote?.figures ?? null,
        failure: quote?.failure?.message ?? null,
        bid: book?.bids[0] ?? null,
        ask: book?.asks[0] ?? null,
        lots: figures.lots.get(key) ?? 0n,
      };
    });
    const strikes = [...new Set(options.map(({ terms }) => terms.strike))];
    const middle = markQ32 === null ? undefined : nearest(strikes, markQ32 >> 32n);
    const find = (strike: bigint, kind: Terms["kind"]) =>
      quoted.find(({ terms }) => terms.strike === strike && terms.kind === kind) ?? null;
    return strikes.map((strike) => ({
      strike,
      call: find(strike, "call"),
      put: find(strike, "put"),
      isAtTheMoney: strike === middle,
    }));
  }, [options, figures, books, markQ32]);
}
