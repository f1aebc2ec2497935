/** What has become of a signed transaction: sent again and again until it is certain, or until nobody can say. */

/** A cluster as far as one signed transaction is concerned. Every question may reject. */
export interface Cluster {
  send: () => Promise<unknown>;
  /** Where it is, `null` for nowhere, and the slot up to which the answer knows. `everywhere` looks into what has left the cache. */
  find: (everywhere: boolean) => Promise<{ slot: bigint; found: Found | null }>;
  /** The height of the confirmed chain, and its slot. */
  tip: () => Promise<{ slot: bigint; height: bigint }>;
  /** Whether an error of `send` says that no cluster will ever take it. */
  isRefusal: (error: unknown) => boolean;
  sleep: (milliseconds: number) => Promise<void>;
  /** Milliseconds. */
  now: () => number;
}

export interface Found {
  err: unknown;
  confirmationStatus: string | null;
}

export type Outcome =
  | { is: "confirmed" }
  /** It was executed and has failed. */
  | { is: "failed"; error: unknown }
  /** It is nowhere, and it is too late for it. */
  | { is: "lapsed" }
  /** It was refused before any of it could be executed. */
  | { is: "refused"; error: unknown }
  /** Nobody can say. */
  | { is: "unknown" };

const POLL_MS = 700;
/** Longer than any blockhash lives. */
const GIVE_UP_MS = 180_000;

/** Follows a transaction that can be taken up to a block height. */
export async function follow(cluster: Cluster, lastHeight: bigint): Promise<Outcome> {
  const until = cluster.now() + GIVE_UP_MS;
  while (cluster.now() < until) {
    try {
      await cluster.send();
    } catch (error) {
      if (cluster.isRefusal(error)) return { is: "refused", error };
    }
    await cluster.sleep(POLL_MS);
    const seen = await cluster.find(false).catch(() => null);
    const outcome = outcomeOf(seen?.found);
    if (outcome) return outcome;
    if (seen?.found) continue;
    const tip = await cluster.tip().catch(() => null);
    if (!tip || tip.height <= lastHeight) continue;
    // Asked after the height, of a node that has come as far: what is nowhere now stays so.
    const last = await cluster.find(true).catch(() => null);
    const end = outcomeOf(last?.found);
    if (end) return end;
    if (last && !last.found && last.slot >= tip.slot) return { is: "lapsed" };
  }
  return { is: "unknown" };
}

/** What is certain about it; nothing while it is nowhere or only processed. */
function outcomeOf(found: Found | null | undefined): Outcome | null {
  const isCertain = found && found.confirmationStatus !== "processed";
  if (!isCertain) return null;
  return found.err ? { is: "failed", error: found.err } : { is: "confirmed" };
}
