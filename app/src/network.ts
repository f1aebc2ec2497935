/** Which cluster and which exchange the page talks to. */
import { address, type Address } from "@solana/kit";
import { createContext, use } from "react";

/** A cluster and an exchange on it. */
export interface Network {
  /** What people call it. */
  name: string;
  /** As wallets name clusters. */
  chain: `solana:${string}`;
  rpcUrl: string;
  wsUrl: string;
  exchange: Address;
  /** With `{kind}` (`tx` or `address`) and `{id}`. */
  explorer: string;
  /** Where test tokens are given out; only on local clusters. */
  faucet?: string;
  /** Where prices are set by hand; only on local clusters. */
  prices?: string;
  /** Time stands still at these unix seconds: for looking at accounts as they were. */
  frozenAt?: number;
}

const STORED = "ballast.network";

/** The websocket that belongs to an RPC URL: on local clusters one port above, elsewhere the same place. */
export function websocketOf(rpcUrl: string): string {
  const url = new URL(rpcUrl);
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (isLocal && url.port) url.port = String(Number(url.port) + 1);
  return url.href.replace(/\/$/, "");
}

const GENESIS: Record<string, { chain: Network["chain"]; name: string; query: string }> = {
  "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d": {
    chain: "solana:mainnet",
    name: "mainnet",
    query: "",
  },
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: {
    chain: "solana:devnet",
    name: "devnet",
    query: "?cluster=devnet",
  },
  "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY": {
    chain: "solana:testnet",
    name: "testnet",
    query: "?cluster=testnet",
  },
};

/** Asks an RPC which cluster it belongs to. Whatever is not one of the public ones is local. */
export async function networkOf(rpcUrl: string, exchange: Address): Promise<Network> {
  const response = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "getGenesisHash" }),
  });
  const { result } = (await response.json()) as { result?: unknown };
  if (typeof result !== "string") throw new Error("This is no Solana RPC");
  const known = GENESIS[result];
  const query = known?.query ?? `?cluster=custom&customUrl=${encodeURIComponent(rpcUrl)}`;
  return {
    name: known?.name ?? "local",
    chain: known?.chain ?? "solana:localnet",
    rpcUrl,
    wsUrl: websocketOf(rpcUrl),
    exchange,
    explorer: `https://explorer.solana.com/{kind}/{id}${query}`,
  };
}

/** What the user has chosen, else what the server of the page says in `network.json`. */
export async function loadNetwork(): Promise<Network> {
  const chosen = localStorage.getItem(STORED);
  if (chosen) return JSON.parse(chosen) as Network;
  const response = await fetch("/network.json", { cache: "no-store" });
  if (!response.ok || !response.headers.get("content-type")?.includes("json")) {
    throw new Error("The server of this page has no network.json");
  }
  const served = (await response.json()) as Network;
  return { ...served, exchange: address(served.exchange) };
}

/** Remembers a choice, or forgets it, and begins anew with it. */
export function chooseNetwork(network: Network | null) {
  if (network) localStorage.setItem(STORED, JSON.stringify(network));
  else localStorage.removeItem(STORED);
  location.reload();
}

/** Whether the user has chosen one. */
export function hasChosenNetwork(): boolean {
  return localStorage.getItem(STORED) !== null;
}

/** A transaction or an address in the explorer. */
export function explorerUrl(network: Network, kind: "tx" | "address", id: string): string {
  return network.explorer.replace("{kind}", kind).replace("{id}", id);
}

const NetworkContext = createContext<Network | null>(null);
export const NetworkProvider = NetworkContext.Provider;

export function useNetwork(): Network {
  const network = use(NetworkContext);
  if (!network) throw new Error("outside of a network");
  return network;
}
