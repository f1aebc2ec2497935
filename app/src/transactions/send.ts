/**
 * The way of a transaction: prepared, simulated, signed by the wallet, sent again and again until it is confirmed or its blockhash has lapsed. What
 * would fail is told before anybody signs.
 */
import {
  appendTransactionMessageInstructions,
  compileTransaction,
  createTransactionMessage,
  getBase64EncodedWireTransaction,
  getSignatureFromTransaction,
  getTransactionDecoder,
  getTransactionEncoder,
  isSolanaError,
  pipe,
  SOLANA_ERROR__JSON_RPC__SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Base64EncodedWireTransaction,
  type Blockhash,
  type Instruction,
  type Signature,
} from "@solana/kit";
import {
  getSetComputeUnitLimitInstruction,
  getSetComputeUnitPriceInstruction,
} from "@solana-program/compute-budget";
import { inTime } from "@/chain/in-time";
import type { Mirror } from "@/chain/mirror";
import { follow, type Cluster } from "./confirm";
import { shortWords, tradedOf, type Planned, type Traded } from "./fills";
import { failureWords, type Words } from "./words";

/** Where a transaction is. */
export type Stage =
  | { stage: "checking" }
  /** `stop` gives up waiting for the wallet: whatever it signs later is not sent. */
  | { stage: "signing"; stop: () => void }
  | { stage: "sent"; signature: Signature }
  | { stage: "confirmed"; signature: Signature }
  | { stage: "failed"; words: Words; signature?: Signature };

/** Signs the bytes of a transaction; rejects when its owner does not want to. */
export type Sign = (transaction: Uint8Array) => Promise<Uint8Array>;

/** Instructions, and what is put in front of them. */
export interface Prepared {
  before: readonly Instruction[];
  instructions: readonly Instruction[];
}

export interface Submission {
  mirror: Mirror;
  payer: Address;
  sign: Sign;
  prepared: Prepared;
  /** What it is to trade at once, if anything. */
  planned: Planned | null;
  /** Puts it together again from what is known now, without these orders of makers. */
  again: (passed: ReadonlySet<string>) => Promise<Prepared>;
  tell: (stage: Stage) => void;
}

const COMMITMENT = "confirmed" as const;
/** Instructions of the compute budget, which come before all others. */
const BUDGET_INSTRUCTIONS = 2;
const UNITS_MAX = 1_400_000;
/** On top of what the simulation used, which time and others' transactions change a little. */
const UNITS_MARGIN = 1.15;
const UNITS_EXTRA = 10_000;
/** Bounds of the fee per compute unit (millionths of a lamport); where others compete it is never nothing. */
const UNIT_PRICE_MAX = 1_000_000n;
const UNIT_PRICE_MIN = 10_000n;
/** The part of recent transactions on the same accounts that have paid less, percent. */
const FEE_PERCENTILE = 75;
/** How often a transaction is put together again because it would trade less than planned. */
const REBUILDS = 2;
/** A packet's size: what is larger cannot be sent. */
const SIZE_MAX = 1232;

/** Words of a failure before anything was sent. */
class Refusal extends Error {
  readonly words: Words;

  constructor(words: Words) {
    super(words.what);
    this.words = words;
  }
}

/** Sends; returns whether it was confirmed. Every outcome is told, none is thrown. */
export async function submit(submission: Submission): Promise<boolean> {
  const { mirror, payer, tell } = submission;
  let signature: Signature | undefined;
  try {
    tell({ stage: "checking" });
    const { value: lifetime } = await mirror.rpc
      .getLatestBlockhash({ commitment: COMMITMENT })
      .send(inTime());
    const [{ instructions, used }, fees] = await Promise.all([
      check(submission, lifetime),
      mirror.rpc
        .getRecentPrioritizationFees(writable(submission.prepared.instructions))
        .send(inTime())
        .catch(() => []),
    ]);
    const units = Math.min(UNITS_MAX, Math.ceil(used * UNITS_MARGIN) + UNITS_EXTRA);
    const price = unitPrice(
      fees.map((fee) => fee.prioritizationFee),
      mirror.network.chain === "solana:localnet",
    );
    const transaction = compile(payer, instructions, lifetime, units, price);

    let signed: Uint8Array | null;
    try {
      const stopped = new Promise<null>((resolve) =>
        tell({ stage: "signing", stop: () => resolve(null) }),
      );
      signed = await Promise.race([
        submission.sign(new Uint8Array(getTransactionEncoder().encode(transaction))),
        stopped,
      ]);
    } catch (error) {
      throw new Refusal(rejection(error));
    }
    if (!signed) throw new Refusal({ what: "You have stopped waiting. Nothing was sent." });
    const decoded = getTransactionDecoder().decode(signed);
    signature = getSignatureFromTransaction(decoded);
    tell({ stage: "sent", signature });
    const outcome = await follow(
      clusterOf(mirror, signature, getBase64EncodedWireTransaction(decoded)),
      lifetime.lastValidBlockHeight,
    );
    if (outcome.is === "confirmed") {
      tell({ stage: "confirmed", signature });
      return true;
    }
    const words =
      outcome.is === "failed"
        ? failureWords({ error: outcome.error, logs: await logsOf(mirror, signature) })
        : OUTCOME_WORDS[outcome.is];
    tell({ stage: "failed", words, signature });
    return false;
  } catch (error) {
    if (error instanceof Refusal) {
      tell({ stage: "failed", words: error.words });
      return false;
    }
    const reason = error instanceof Error ? error.message : String(error);
    tell({
      stage: "failed",
      words: signature
        ? {
            what: `It was signed, and then something failed (${reason}).`,
            advice: "Look at the history before you send it again: it may have gone through.",
          }
        : {
            what: `The cluster cannot be reached (${reason}).`,
            advice: "Nothing was sent. Try again.",
          },
      ...(signature ? { signature } : {}),
    });
    return false;
  }
}

const OUTCOME_WORDS: Record<"lapsed" | "refused" | "unknown", Words> = {
  lapsed: {
    what: "The cluster has not taken the transaction in time. Nothing has changed.",
    advice: "Send it again.",
  },
  refused: { what: "The cluster does not accept the wallet's signature. Nothing has changed." },
  unknown: {
    what: "It was sent, and it is unknown what has become of it.",
    advice: "Look at the history before you send it again: it may have gone through.",
  },
};

type Lifetime = { blockhash: Blockhash; lastValidBlockHeight: bigint };

/**
 * Simulates until it is certain what is signed: without what was put in front where that is what fails, and put together again while it would trade
 * less than planned. Throws a {@link Refusal} when it cannot be sent.
 */
async function check(
  { mirror, payer, prepared, planned, again }: Submission,
  lifetime: Lifetime,
): Promise<{ instructions: readonly Instruction[]; used: number }> {
  let { before, instructions } = prepared;
  const passed = new Set<string>();
  for (let rebuilds = 0; ;) {
    const all = [...before, ...instructions];
    const draft = compile(payer, all, lifetime, UNITS_MAX, 0n);
    if (getTransactionEncoder().encode(draft).length > SIZE_MAX) {
      throw new Refusal({
        what: "This is too much for one transaction.",
        advice: "Trade fewer legs, or with fewer counterparties, at once.",
      });
    }
    const { value: simulated } = await mirror.rpc
      .simulateTransaction(getBase64EncodedWireTransaction(draft), {
        encoding: "base64",
        commitment: COMMITMENT,
        sigVerify: false,
      })
      .send(inTime());
    const logs = simulated.logs ?? [];
    const failed = failedAt(simulated.err);
    if (failed !== null && failed < before.length) {
      before = before.filter((_, index) => index !== failed);
      continue;
    }
    const traded = planned && tradedOf(planned, logs);
    if (traded && isWorthAnother(traded, simulated.err) && rebuilds < REBUILDS) {
      rebuilds += 1;
      for (const key of traded.passed) passed.add(key);
      ({ before, instructions } = await again(passed));
      continue;
    }
    if (simulated.err) throw new Refusal(failureWords({ error: simulated.err, logs }));
    // An order by itself may trade less, as everybody's may between here and the cluster.
    if (planned && planned.legs.length > 1 && traded && traded.short.length > 0) {
      throw new Refusal(shortWords(traded));
    }
    return { instructions: all, used: Number(simulated.unitsConsumed ?? UNITS_MAX) };
  }
}

/** Whether a transaction could trade more when it is put together again: an error matters if makers were passed over before it. */
function isWorthAnother({ short, passed, truncated }: Traded, error: unknown): boolean {
  return error ? passed.length > 0 : short.length > 0 && !truncated;
}

/** Which instruction has failed, counted without those of the compute budget. */
export function failedAt(error: unknown): number | null {
  const at = (error as { InstructionError?: [number | bigint, unknown] } | null)
    ?.InstructionError?.[0];
  return at === undefined || Number(at) < BUDGET_INSTRUCTIONS
    ? null
    : Number(at) - BUDGET_INSTRUCTIONS;
}

function clusterOf(
  mirror: Mirror,
  signature: Signature,
  wire: Base64EncodedWireTransaction,
): Cluster {
  return {
    send: () =>
      mirror.rpc
        .sendTransaction(wire, {
          encoding: "base64",
          skipPreflight: true,
          preflightCommitment: COMMITMENT,
          maxRetries: 0n,
        })
        .send(inTime()),
    find: async (everywhere) => {
      const { context, value } = await mirror.rpc
        .getSignatureStatuses([signature], { searchTransactionHistory: everywhere })
        .send(inTime());
      return { slot: context.slot, found: value[0] ?? null };
    },
    tip: async () => {
      const { absoluteSlot, blockHeight } = await mirror.rpc
        .getEpochInfo({ commitment: COMMITMENT })
        .send(inTime());
      return { slot: absoluteSlot, height: blockHeight };
    },
    isRefusal: (error) =>
      isSolanaError(
        error,
        SOLANA_ERROR__JSON_RPC__SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE,
      ),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    now: () => performance.now(),
  };
}

/** The logs of a transaction that was executed; none when they cannot be read. */
async function logsOf(mirror: Mirror, signature: Signature): Promise<readonly string[]> {
  return mirror.rpc
    .getTransaction(signature, {
      commitment: COMMITMENT,
      encoding: "json",
      maxSupportedTransactionVersion: 0,
    })
    .send(inTime())
    .then((transaction) => transaction?.meta?.logMessages ?? [])
    .catch(() => []);
}

function compile(
  payer: Address,
  instructions: readonly Instruction[],
  lifetime: Lifetime,
  units: number,
  unitPrice: bigint,
) {
  return compileTransaction(
    pipe(
      createTransactionMessage({ version: 0 }),
      (message) => setTransactionMessageFeePayer(payer, message),
      (message) => setTransactionMessageLifetimeUsingBlockhash(lifetime, message),
      (message) =>
        appendTransactionMessageInstructions(
          [
            getSetComputeUnitLimitInstruction({ units }),
            getSetComputeUnitPriceInstruction({ microLamports: unitPrice }),
            ...instructions,
          ],
          message,
        ),
    ),
  );
}

/** The accounts whose fees count: those that are written. */
function writable(instructions: readonly Instruction[]): Address[] {
  const isWritable = (role: number) => (role & 1) === 1;
  const metas = instructions.flatMap(({ accounts = [] }) => accounts);
  return [
    ...new Set(metas.filter(({ role }) => isWritable(role)).map((meta) => meta.address)),
  ].slice(0, 128);
}

/** What is offered per compute unit, by what others have paid; alone on a local cluster it may be nothing. */
export function unitPrice(paid: readonly bigint[], isLocal: boolean): bigint {
  const sorted = [...paid].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const usual = sorted[Math.floor((sorted.length * FEE_PERCENTILE) / 100)] ?? 0n;
  const floor = isLocal ? 0n : UNIT_PRICE_MIN;
  if (usual < floor) return floor;
  return usual > UNIT_PRICE_MAX ? UNIT_PRICE_MAX : usual;
}

function rejection(error: unknown): Words {
  const message = error instanceof Error ? error.message : String(error);
  const isRejected = /reject|declin|denied|cancel/i.test(message);
  return isRejected
    ? { what: "You have rejected the transaction in your wallet. Nothing was sent." }
    : { what: `Your wallet could not sign: ${message}.`, advice: "Nothing was sent." };
}
