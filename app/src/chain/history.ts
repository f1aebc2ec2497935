/** What has happened to an address: its transactions, and what the program told in them. */
import {
  getBase64Encoder,
  isSolanaError,
  SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR,
  type Address,
  type GetSignaturesForAddressApi,
  type GetTransactionApi,
  type Rpc,
  type Signature,
} from "@solana/kit";
import { BALLAST_EVENTS, BALLAST_PROGRAM_ADDRESS, type BallastEvent } from "@/client";

/** A transaction that names an address. */
export interface HistoryEntry {
  signature: Signature;
  slot: bigint;
  /** Unix seconds; nothing when the cluster does not know. */
  time: number | null;
  /** Nothing of it has happened but its fee. */
  failed: boolean;
  /** Its logs are cut off or not kept any more: there may be more events than these. */
  truncated: boolean;
  events: BallastEvent[];
}

/** Some transactions, newest first, and the one before which the next page begins; nothing after the last. */
export interface HistoryPage {
  entries: HistoryEntry[];
  next: Signature | null;
}

export type HistoryRpc = Rpc<GetSignaturesForAddressApi & GetTransactionApi>;

const COMMITMENT = "confirmed" as const;
const DISCRIMINATOR_SIZE = 8;
const INVOKE = /^Program ([1-9A-HJ-NP-Za-km-z]{32,44}) invoke \[(\d+)\]$/;
const RETURN = /^Program [1-9A-HJ-NP-Za-km-z]{32,44} (?:success$|failed: )/;
const DATA = "Program data: ";
const base64 = getBase64Encoder();

function decode(text: string): BallastEvent | null {
  let data;
  try {
    data = base64.encode(text);
  } catch {
    return null;
  }
  const known = BALLAST_EVENTS.find(({ discriminator }) =>
    discriminator.every((byte, index) => data[index] === byte),
  );
  if (!known) return null;
  try {
    // The table pairs every name with its own decoder, which the compiler cannot follow through `find`.
    return {
      name: known.name,
      data: known.decoder.decode(data, DISCRIMINATOR_SIZE),
    } as BallastEvent;
  } catch {
    return null;
  }
}

/** The program's own events among the logs of a transaction; what other programs log as data is not the program's word. */
export function readEvents(logs: readonly string[]): Pick<HistoryEntry, "events" | "truncated"> {
  const events: BallastEvent[] = [];
  const running: string[] = [];
  let truncated = false;
  for (const line of logs) {
    const invoke = INVOKE.exec(line);
    if (invoke) {
      running.length = Number(invoke[2]) - 1;
      running.push(invoke[1] ?? "");
    } else if (RETURN.test(line)) {
      running.pop();
    } else if (line === "Log truncated") {
      truncated = true;
    } else if (line.startsWith(DATA) && running.at(-1) === BALLAST_PROGRAM_ADDRESS) {
      const event = decode(line.slice(DATA.length));
      if (event) events.push(event);
    }
  }
  return { events, truncated };
}

const CONCURRENT = 6;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 400;

/** Tries again, later and later, while the RPC says that there are too many requests. */
async function patiently<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const isTooMany =
        isSolanaError(error, SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR) &&
        error.context.statusCode === 429;
      if (!isTooMany || attempt === ATTEMPTS || signal?.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
    }
  }
}

interface PageOptions {
  /** Older than this one. */
  before?: Signature | null;
  /** Transactions in a page, 1000 at most. */
  limit?: number;
  /** Transactions that were read before; grows. */
  known?: Map<Signature, HistoryEntry>;
  signal?: AbortSignal;
}

/** Reads a page of the transactions that name an address. */
export async function fetchHistory(
  rpc: HistoryRpc,
  address: Address,
  { before, limit = 25, known = new Map(), signal }: PageOptions = {},
): Promise<HistoryPage> {
  const options = signal ? { abortSignal: signal } : {};
  const listed = await patiently(
    () =>
      rpc
        .getSignaturesForAddress(address, {
          commitment: COMMITMENT,
          limit,
          ...(before ? { before } : {}),
        })
        .send(options),
    signal,
  );
  const read = async ({ signature, slot, blockTime, err }: (typeof listed)[number]) => {
    const entry: HistoryEntry = {
      signature,
      slot,
      time: blockTime === null ? null : Number(blockTime),
      failed: err !== null,
      truncated: false,
      events: [],
    };
    const before = known.get(signature);
    if (before) return before;
    if (!entry.failed) {
      const transaction = await patiently(
        () =>
          rpc
            .getTransaction(signature, {
              commitment: COMMITMENT,
              encoding: "base64",
              maxSupportedTransactionVersion: 0,
            })
            .send(options),
        signal,
      );
      const logs = transaction?.meta?.logMessages;
      // Not cached: the cluster may have it a moment later.
      if (!logs) return { ...entry, truncated: true };
      Object.assign(entry, readEvents(logs));
    }
    known.set(signature, entry);
    return entry;
  };
  const entries: HistoryEntry[] = [];
  for (let from = 0; from < listed.length; from += CONCURRENT) {
    entries.push(...(await Promise.all(listed.slice(from, from + CONCURRENT).map(read))));
  }
  return { entries, next: listed.length < limit ? null : (entries.at(-1)?.signature ?? null) };
}
