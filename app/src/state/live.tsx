/** What is live: the mirror of the chain and the engine over it, for everything below. */
import {
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import type { Address } from "@solana/kit";
import { bookOf, type Book } from "@/chain/book";
import { QUOTE_ASSET, termsKey } from "@/chain/layout";
import { Mirror, type ListedMarket, type Status, type Topic } from "@/chain/mirror";
import { Engine } from "@/engine/engine";
import wasmUrl from "@/engine/ballast_risk.wasm?url";
import type { Assessment, Terms, Venue } from "@/engine/types";
import { useNetwork } from "@/network";
import { Risk } from "./risk";

interface Live {
  mirror: Mirror;
  risk: Risk;
}

const LiveContext = createContext<Live | null>(null);

/** Follows the exchange of the network. Shows `loading` until engine and exchange are there. */
export function LiveProvider({
  loading,
  children,
}: {
  loading: (status: Status, error: string | null) => ReactNode;
  children: ReactNode;
}) {
  const network = useNetwork();
  const [engine, setEngine] = useState<Engine | null>(null);
  const [error, setError] = useState<string | null>(null);
  const mirror = useMemo(() => new Mirror(network), [network]);
  const live = useMemo(
    () => (engine ? { mirror, risk: new Risk(engine, mirror) } : null),
    [engine, mirror],
  );
  useEffect(() => {
    Engine.start(wasmUrl).then(setEngine, (problem: unknown) => setError(String(problem)));
  }, []);
  useEffect(() => {
    mirror.start();
    return () => mirror.stop();
  }, [mirror]);
  const topics: Topic[] = ["exchange", "board", "status"];
  const subscribe = useCallback((call: () => void) => mirror.subscribe(topics, call), [mirror]); // eslint-disable-line react-hooks/exhaustive-deps -- constant
  useSyncExternalStore(subscribe, () => mirror.version(topics));
  if (!live || !live.risk.isReady) return <>{loading(mirror.status, error)}</>;
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = use(LiveContext);
  if (!live) throw new Error("outside of a live exchange");
  return live;
}

/** Renders again when one of these topics changes; gives a number that stands for their state. */
export function useVersion(...topics: Topic[]): number {
  const { mirror } = useLive();
  const key = topics.join(" ");
  const subscribe = useCallback(
    (call: () => void) => mirror.subscribe(key.split(" ") as Topic[], call),
    [mirror, key],
  );
  return useSyncExternalStore(subscribe, () => mirror.version(key.split(" ") as Topic[]));
}

/** Cluster time in unix seconds, renewed every so many milliseconds. */
export function useNow(everyMs = 1000): number {
  const { mirror } = useLive();
  const [now, setNow] = useState(() => mirror.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(mirror.now()), everyMs);
    return () => clearInterval(timer);
  }, [mirror, everyMs]);
  return now;
}

/** How often figures are renewed when nothing but time has changed. */
const CALM_MS = 5_000;

/** Everything about exchange and board. */
export function useVenue(): Venue {
  const { risk } = useLive();
  const version = useVersion("exchange", "board", "banks");
  const now = useNow(CALM_MS);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- what the engine reads has this version and this time
  return useMemo(() => risk.venue(), [risk, version, now]);
}

/** Something worked out by the engine from the accounts as they are, whenever they or `inputs` change, and every five seconds. */
export function useRisk<T>(work: (risk: Risk) => T, inputs: readonly unknown[]): T {
  const { risk } = useLive();
  const version = useVersion("exchange", "board", "banks", "accounts");
  const now = useNow(CALM_MS);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the caller names what `work` depends on
  return useMemo(() => work(risk), [risk, version, now, ...inputs]);
}

/** The figures of an account; nothing while it is not known. */
export function useAssessment(account: Address | null): Assessment | null {
  const { mirror } = useLive();
  return useRisk(
    (risk) => (account && mirror.accounts.has(account) ? risk.assess(account) : null),
    [account],
  );
}

/** All markets, perpetuals first, then by expiry and strike. */
export function useMarkets(): ListedMarket[] {
  const { mirror } = useLive();
  const version = useVersion("markets");
  return useMemo(() => {
    const order = (market: ListedMarket) => [
      market.terms.underlying,
      market.terms.expiry,
      Number(market.terms.strike),
      market.terms.kind === "put" ? 1 : 0,
    ];
    return [...mirror.markets.values()].sort((a, b) => {
      const [left, right] = [order(a), order(b)];
      const at = left.findIndex((value, index) => value !== right[index]);
      return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the mirror has this version
  }, [mirror, version]);
}

/** One market, if it is listed. */
export function useMarket(terms: Terms | null): ListedMarket | null {
  const { mirror } = useLive();
  useVersion("markets");
  return (terms && mirror.markets.get(termsKey(terms))) ?? null;
}

/** The book of a market. */
export function useBook(terms: Terms | null): Book {
  const { mirror } = useLive();
  const version = useVersion("accounts");
  const now = useNow(CALM_MS);
  const key = terms && termsKey(terms);
  return useMemo(
    () => (terms ? bookOf(mirror.orders.values(), terms, now) : { bids: [], asks: [] }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the mirror has this version, the terms this key
    [mirror, version, now, key],
  );
}

/** How the copy is kept up to date. */
export function useStatus(): Status {
  const { mirror } = useLive();
  useVersion("status");
  return mirror.status;
}

/** The feeds whose prices decide over what an account holds. */
export function feedsOfAccount(risk: Risk, venue: Venue, account: Address): number[] {
  const { balances, positions } = risk.assess(account, "reduceRisk");
  const feeds = [QUOTE_ASSET, ...balances.map(({ asset }) => asset)].map(
    (asset) => venue.assets[asset]?.feed,
  );
  const underlyings = positions.map(({ terms }) => venue.underlyings[terms.underlying]?.feed);
  return [...new Set([...feeds, ...underlyings])].filter((feed) => feed !== undefined);
}
