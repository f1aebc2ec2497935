/** The history of an address, page by page. */
import type { Address, Signature } from "@solana/kit";
import {
  useInfiniteQuery,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { fetchHistory, type HistoryEntry, type HistoryPage } from "@/chain/history";
import type { Mirror } from "@/chain/mirror";
import { useLive, useVersion } from "./live";

/** Transactions do not change: each is read once. */
const read = new WeakMap<Mirror, Map<Signature, HistoryEntry>>();

function knownOf(mirror: Mirror): Map<Signature, HistoryEntry> {
  const known = read.get(mirror) ?? new Map<Signature, HistoryEntry>();
  read.set(mirror, known);
  return known;
}

/** Several changes of an account in a row are one reason to look. */
const CALM_MS = 1_500;

/** Pages with what is newer in front; nothing when there may be more between the two. */
export function withNewest(
  pages: readonly HistoryPage[],
  newest: HistoryPage,
): HistoryPage[] | null {
  const [first, ...older] = pages;
  const fresh = new Set(newest.entries.map(({ signature }) => signature));
  if (
    !first ||
    !(newest.next === null || first.entries.some((entry) => fresh.has(entry.signature)))
  )
    return null;
  const known = first.entries.filter(({ signature }) => !fresh.has(signature));
  return [{ ...first, entries: [...newest.entries, ...known] }, ...older];
}

/** Reads what is newer than the pages that are there. Says whether that is done: not while pages are being read. */
async function refresh(
  queries: QueryClient,
  key: readonly unknown[],
  read: () => Promise<HistoryPage>,
): Promise<boolean> {
  const newest = await read().catch(() => null);
  const state = queries.getQueryState<InfiniteData<HistoryPage>>(key);
  if (!state) return true;
  if (state.fetchStatus === "fetching") return false;
  const pages = newest && state.data ? withNewest(state.data.pages, newest) : null;
  if (pages) queries.setQueryData(key, { ...state.data, pages });
  else await queries.invalidateQueries({ queryKey: key });
  return true;
}

/** The transactions that name an address, newest first; what is new is read when its account changes. */
export function useHistory(address: Address | null, limit = 25) {
  const { mirror } = useLive();
  const queries = useQueryClient();
  const key = useMemo(
    () => ["history", mirror.network.rpcUrl, address, limit] as const,
    [mirror, address, limit],
  );
  const query = useInfiniteQuery({
    queryKey: key,
    enabled: address !== null,
    initialPageParam: null as Signature | null,
    queryFn: ({ pageParam, signal }) =>
      fetchHistory(mirror.rpc, address as Address, {
        before: pageParam,
        limit,
        known: knownOf(mirror),
        signal,
      }),
    getNextPageParam: ({ next }) => next,
  });

  useVersion("accounts");
  const bytes = address && mirror.accounts.get(address);
  const seen = useRef({ address, bytes });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const current = useRef<readonly unknown[] | null>(null);
  useEffect(() => {
    const before = seen.current;
    seen.current = { address, bytes };
    if (!address || before.address !== address || before.bytes === bytes || timer.current) return;
    const look = () => {
      timer.current = undefined;
      const newest = () => fetchHistory(mirror.rpc, address, { limit, known: knownOf(mirror) });
      void refresh(queries, key, newest).then((isDone) => {
        if (!isDone && current.current === key) timer.current ??= setTimeout(look, CALM_MS);
      });
    };
    timer.current = setTimeout(look, CALM_MS);
  }, [address, bytes, key, queries, mirror, limit]);
  useEffect(() => {
    current.current = key;
    return () => {
      current.current = null;
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [key]);

  const entries = useMemo(
    () => query.data?.pages.flatMap((page) => page.entries) ?? [],
    [query.data],
  );
  return { ...query, entries };
}
