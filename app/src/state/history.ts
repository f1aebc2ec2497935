/** The history of an address, page by page. */
import type { Address, Signature } from "@solana/kit";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { fetchHistory, type HistoryEntry } from "@/chain/history";
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

/** The transactions that name an address, newest first; read again when its account changes. */
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
  useEffect(() => {
    const before = seen.current;
    seen.current = { address, bytes };
    if (before.address !== address || before.bytes === bytes || timer.current) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: key });
    }, CALM_MS);
  }, [address, bytes, key, queries]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [key],
  );

  const entries = useMemo(
    () => query.data?.pages.flatMap((page) => page.entries) ?? [],
    [query.data],
  );
  return { ...query, entries };
}
