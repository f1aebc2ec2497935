/**
 * A copy of an exchange's accounts, kept up to date by the cluster's websocket and healed by readings: it forgets none that are newer. Whoever
 * shows something subscribes to the topics that he reads; changes are told together, once per animation frame.
 */
import {
  createSolanaRpc,
  createSolanaRpcSubscriptions,
  type Address,
  type Rpc,
  type RpcSubscriptions,
  type SolanaRpcApi,
  type SolanaRpcSubscriptionsApi,
} from "@solana/kit";
import { SYSVAR_CLOCK_ADDRESS, getSysvarClockDecoder } from "@solana/sysvars";
import { BALLAST_PROGRAM_ADDRESS, getExchangeDecoder, type Bank } from "@/client";
import type { Network } from "@/network";
import { inTime } from "./in-time";
import { filtersOf, readAccount, termsKey, type Listed, type Orders } from "./layout";

/** What may change. */
export type Topic = "exchange" | "board" | "banks" | "markets" | "accounts" | "status";

/** How the copy is kept up to date. */
export type Status =
  /** The first reading has not come. */
  | { state: "connecting" }
  /** Every change is heard. */
  | { state: "live" }
  /** The websocket is down: read every two seconds. */
  | { state: "polling" }
  /** Nothing has been read since then (unix seconds). */
  | { state: "lost"; since: number; reason: string }
  /** The cluster has no such exchange. */
  | { state: "absent"; reason: string };

/** A market with its address. */
export interface ListedMarket extends Listed {
  address: Address;
}

/** A bank with its address and its raw bytes. */
export interface ListedBank extends Bank {
  address: Address;
  bytes: Uint8Array;
}

/** Name of the measure of every update. */
export const UPDATE = "ballast-update";

const COMMITMENT = "confirmed" as const;
/** Everything small is read again this often, whatever was heard. */
const READ_MS = 10_000;
const READ_WITHOUT_SOCKET_MS = 2_000;
/** Orders and markets of the whole exchange. */
const SNAPSHOT_MS = 60_000;
const SOCKET_RETRY_MS = 3_000;
/** A websocket that brings nothing for so long is dead. */
const SILENCE_MS = 10_000;
/** An RPC that has not answered by then does not answer. */
const TIMEOUT_MS = 8_000;

/** From base64; boards come with every update of a price. */
function bytes([text]: readonly [string, string]): Uint8Array {
  const binary = atob(text);
  const data = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) data[index] = binary.charCodeAt(index);
  return data;
}

export class Mirror {
  readonly network: Network;
  readonly rpc: Rpc<SolanaRpcApi>;
  readonly subscriptions: RpcSubscriptions<SolanaRpcSubscriptionsApi>;

  status: Status = { state: "connecting" };
  /** Raw bytes, for the engine. */
  exchange: Uint8Array | null = null;
  board: Uint8Array | null = null;
  boardAddress: Address | null = null;
  readonly markets = new Map<string, ListedMarket>();
  /** By asset, with raw bytes for the engine. */
  readonly banks = new Map<number, ListedBank>();
  /** Raw bytes of every margin account. */
  readonly accounts = new Map<Address, Uint8Array>();
  readonly orders = new Map<Address, Orders>();
  /** Slot of the last reading. */
  slot = 0n;

  private clock = { unix: 0, at: 0 };
  private readonly slots = new Map<Address, bigint>();
  /** What was read last of banks, markets and margin accounts. */
  private readonly raw = new Map<Address, Uint8Array>();
  private readonly marketKeys = new Map<Address, string>();
  private readonly versions: Record<Topic, number> = {
    exchange: 0,
    board: 0,
    banks: 0,
    markets: 0,
    accounts: 0,
    status: 0,
  };
  private readonly listeners = new Set<{ topics: readonly Topic[]; call: () => void }>();
  private readonly changed = new Set<Topic>();
  private abort = new AbortController();
  private socket: "down" | "up" = "down";
  /** When the websocket last brought anything, in the page's time. */
  private heardAt = 0;

  constructor(network: Network) {
    this.network = network;
    this.rpc = createSolanaRpc(network.rpcUrl);
    this.subscriptions = createSolanaRpcSubscriptions(network.wsUrl);
  }

  /** Unix seconds of the cluster, extrapolated from its last clock. */
  now(): number {
    if (this.network.frozenAt !== undefined) return this.network.frozenAt;
    if (this.clock.at === 0) return Math.floor(Date.now() / 1000);
    return Math.floor(this.clock.unix + (performance.now() - this.clock.at) / 1000);
  }

  /** A number that grows whenever one of the topics changes. */
  version(topics: readonly Topic[]): number {
    return topics.reduce((sum, topic) => sum + this.versions[topic], 0);
  }

  /** Calls whenever one of the topics has changed. */
  subscribe(topics: readonly Topic[], call: () => void): () => void {
    const listener = { topics, call };
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Begins to follow, until {@link Mirror.stop}. */
  start() {
    this.abort = new AbortController();
    void this.keepReading(this.abort.signal);
    void this.keepListening(this.abort.signal);
  }

  stop() {
    this.abort.abort();
  }

  /** Reads the exchange, the board and these accounts now. */
  async read(accounts: readonly Address[] = []): Promise<void> {
    const { exchange } = this.network;
    if (!this.boardAddress) await this.readExchange();
    const fixed = [
      SYSVAR_CLOCK_ADDRESS,
      exchange,
      ...(this.boardAddress ? [this.boardAddress] : []),
    ];
    const keys = [...new Set([...fixed, ...accounts])];
    for (let from = 0; from < keys.length; from += 100) {
      const part = keys.slice(from, from + 100);
      const { context, value } = await this.rpc
        .getMultipleAccounts(part, { encoding: "base64", commitment: COMMITMENT })
        .send(inTime(TIMEOUT_MS));
      part.forEach((key, index) => {
        const found = value[index];
        this.take(key, context.slot, found ? bytes(found.data) : null);
      });
    }
  }

  private async readExchange() {
    const { context, value } = await this.rpc
      .getAccountInfo(this.network.exchange, { encoding: "base64", commitment: COMMITMENT })
      .send(inTime(TIMEOUT_MS));
    if (!value || value.owner !== BALLAST_PROGRAM_ADDRESS) {
      throw new AbsentError(
        value
          ? `${this.network.exchange} is no exchange of Ballast`
          : `There is no exchange ${this.network.exchange} on this cluster`,
      );
    }
    this.take(this.network.exchange, context.slot, bytes(value.data));
  }

  /** Reads every bank, market and margin account of the exchange: what is not there any more is forgotten. */
  private async snapshot() {
    const { context, value } = await this.rpc
      .getProgramAccounts(BALLAST_PROGRAM_ADDRESS, {
        encoding: "base64",
        commitment: COMMITMENT,
        filters: filtersOf(this.network.exchange),
        withContext: true,
      })
      .send(inTime(TIMEOUT_MS));
    for (const { pubkey, account } of value) this.take(pubkey, context.slot, bytes(account.data));
    const seen = new Set(value.map(({ pubkey }) => pubkey));
    for (const key of [...this.accounts.keys(), ...this.marketKeys.keys()]) {
      if (!seen.has(key)) this.take(key, context.slot, null);
    }
  }

  /** Takes an account in, unless it is older than what is known. */
  private take(key: Address, slot: bigint, data: Uint8Array | null) {
    if ((this.slots.get(key) ?? -1n) > slot) return;
    this.slots.set(key, slot);
    if (slot > this.slot) this.slot = slot;
    if (key === SYSVAR_CLOCK_ADDRESS) {
      if (data) {
        const { unixTimestamp } = getSysvarClockDecoder().decode(data);
        this.clock = { unix: Number(unixTimestamp), at: performance.now() };
      }
      return;
    }
    if (key === this.network.exchange) {
      if (data && !same(data, this.exchange)) {
        this.exchange = data;
        this.boardAddress = getExchangeDecoder().decode(data).board;
        this.tell("exchange");
      }
    } else if (key === this.boardAddress) {
      if (data && !same(data, this.board)) {
        this.board = data;
        this.tell("board");
      }
    } else if (data && data.length > 0) {
      this.takeListed(key, data);
    } else {
      this.forget(key);
    }
  }

  private takeListed(key: Address, data: Uint8Array) {
    if (same(data, this.raw.get(key) ?? null)) return;
    this.raw.set(key, data);
    const read = readAccount(key, data);
    if (read.is === "marginAccount") {
      this.accounts.set(key, data);
      this.orders.set(key, read.orders);
      this.tell("accounts");
    } else if (read.is === "market") {
      const name = termsKey(read.market.terms);
      this.marketKeys.set(key, name);
      this.markets.set(name, { ...read.market, address: key });
      this.tell("markets");
    } else if (read.is === "bank") {
      this.banks.set(read.bank.asset, { ...read.bank, address: key, bytes: data });
      this.tell("banks");
    }
  }

  private forget(key: Address) {
    this.raw.delete(key);
    if (this.accounts.delete(key)) {
      this.orders.delete(key);
      this.tell("accounts");
    }
    const name = this.marketKeys.get(key);
    if (name !== undefined) {
      this.marketKeys.delete(key);
      this.markets.delete(name);
      this.tell("markets");
    }
  }

  private tell(topic: Topic) {
    if (this.changed.size === 0) schedule(() => this.flush());
    this.changed.add(topic);
  }

  /** Tells what has changed. Whoever shows it has done so at the end, since these updates are synchronous: the measure is what one costs. */
  private flush() {
    const start = performance.now();
    const changed = new Set(this.changed);
    this.changed.clear();
    for (const topic of changed) this.versions[topic] += 1;
    for (const listener of [...this.listeners]) {
      if (listener.topics.some((topic) => changed.has(topic))) listener.call();
    }
    queueMicrotask(() => {
      performance.clearMeasures(UPDATE);
      performance.measure(UPDATE, { start, detail: [...changed] });
    });
  }

  private setStatus(status: Status) {
    const same = JSON.stringify(status) === JSON.stringify(this.status);
    this.status = status;
    if (!same) this.tell("status");
  }

  private async keepReading(signal: AbortSignal) {
    let snapshotAt = -Infinity;
    while (!signal.aborted) {
      try {
        await this.read();
        if (performance.now() - snapshotAt > SNAPSHOT_MS || this.socket === "down") {
          await this.snapshot();
          snapshotAt = performance.now();
        }
        if (signal.aborted) return;
        this.setStatus({ state: this.socket === "up" ? "live" : "polling" });
      } catch (error) {
        if (signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        const since = this.status.state === "lost" ? this.status.since : this.now();
        this.setStatus(
          error instanceof AbsentError
            ? { state: "absent", reason }
            : { state: "lost", since, reason },
        );
      }
      const isLive = this.status.state === "live";
      await sleep(isLive ? READ_MS : READ_WITHOUT_SOCKET_MS, signal);
    }
  }

  private async keepListening(signal: AbortSignal) {
    while (!signal.aborted) {
      const attempt = new AbortController();
      const stop = () => attempt.abort();
      signal.addEventListener("abort", stop);
      try {
        await this.listen(attempt.signal);
      } catch {
        // The reading loop says what is wrong.
      } finally {
        this.socket = "down";
        attempt.abort();
        signal.removeEventListener("abort", stop);
      }
      if (!signal.aborted && this.status.state === "live") this.setStatus({ state: "polling" });
      await sleep(SOCKET_RETRY_MS, signal);
    }
  }

  /** Hears changes until one of the streams ends. */
  private async listen(abortSignal: AbortSignal) {
    const { exchange } = this.network;
    const account = async (key: Address) => {
      const stream = await this.subscriptions
        .accountNotifications(key, { encoding: "base64", commitment: COMMITMENT })
        .subscribe({ abortSignal });
      return async () => {
        for await (const { context, value } of stream) {
          this.heardAt = performance.now();
          this.take(key, context.slot, bytes(value.data));
        }
      };
    };
    const program = async () => {
      const stream = await this.subscriptions
        .programNotifications(BALLAST_PROGRAM_ADDRESS, {
          encoding: "base64",
          commitment: COMMITMENT,
          filters: filtersOf(exchange),
        })
        .subscribe({ abortSignal });
      return async () => {
        for await (const { context, value } of stream) {
          this.take(value.pubkey, context.slot, bytes(value.account.data));
        }
      };
    };
    const streams = await Promise.all([
      account(exchange),
      account(SYSVAR_CLOCK_ADDRESS),
      program(),
    ]);
    // Streams drop what comes before they are asked for the first time: so they are, before what happened until now is read.
    this.heardAt = performance.now();
    const running = streams.map((stream) => stream());
    const ended = Promise.race([...running, this.silence(abortSignal)]);
    ended.catch(() => undefined);
    await Promise.race([this.snapshot(), ended]);
    this.socket = "up";
    await ended;
  }

  /** Ends when nothing has been heard for some seconds although the clock speaks in every slot: the connection is dead. */
  private async silence(signal: AbortSignal) {
    while (!signal.aborted && performance.now() - this.heardAt < SILENCE_MS) {
      await sleep(1_000, signal);
    }
  }
}

class AbsentError extends Error {}

function same(a: Uint8Array, b: Uint8Array | null): boolean {
  if (b === null || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}

function schedule(call: () => void) {
  if (typeof requestAnimationFrame === "function" && document.visibilityState === "visible") {
    requestAnimationFrame(call);
  } else {
    setTimeout(call, 16);
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
