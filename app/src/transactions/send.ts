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
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Blockhash,
  type Instruction,
  type Signature,
} from "@solana/kit";
import {
  getSetComputeUnitLimitInstruction,
  getSetComputeUnitPriceInstruction,
} from "@solana-program/compute-budget";
import type { Mirror } from "@/chain/mirror";
import { failureWords, type Words } from "./words";

/** Where a transaction is. */
export type Stage =
  | { stage: "checking" }
  | { stage: "signing" }
  | { stage: "sent"; signature: Signature }
  | { stage: "confirmed"; signature: Signature }
  | { stage: "failed"; words: Words; signature?: Signature };

/** Signs the bytes of a transaction; rejects when its owner does not want to. */
export type Sign = (transaction: Uint8Array) => Promise<Uint8Array>;

export interface Submission {
  mirror: Mirror;
  payer: Address;
  sign: Sign;
  /** Prepared already. */
  instructions: readonly Instruction[];
  tell: (stage: Stage) => void;
}

const COMMITMENT = "confirmed" as const;
const UNITS_MAX = 1_400_000;
/** On top of what the simulation used, which time and others' transactions change a little. */
const UNITS_MARGIN = 1.15;
const UNITS_EXTRA = 10_000;
/** A fee per compute unit that recent transactions on the same accounts have paid, within bounds (millionths of a lamport). */
const UNIT_PRICE_MAX = 1_000_000n;
const POLL_MS = 700;
const TIMEOUT_MS = 15_000;
const inTime = () => ({ abortSignal: AbortSignal.timeout(TIMEOUT_MS) });
/** A packet's size: what is larger cannot be sent. */
const SIZE_MAX = 1232;

/** Sends; returns whether it was confirmed. Every outcome is told, none is thrown. */
export async function submit(submission: Submission): Promise<boolean> {
  const { mirror, payer, tell } = submission;
  let signature: Signature | undefined;
  try {
    tell({ stage: "checking" });
    const { value: lifetime } = await mirror.rpc
      .getLatestBlockhash({ commitment: COMMITMENT })
      .send(inTime());
    const draft = compile(payer, submission.instructions, lifetime, UNITS_MAX, 0n);
    if (getTransactionEncoder().encode(draft).length > SIZE_MAX) {
      tell({
        stage: "failed",
        words: {
          what: "This is too much for one transaction.",
          advice: "Trade fewer legs, or with fewer counterparties, at once.",
        },
      });
      return false;
    }
    const [{ value: simulated }, fees] = await Promise.all([
      mirror.rpc
        .simulateTransaction(getBase64EncodedWireTransaction(draft), {
          encoding: "base64",
          commitment: COMMITMENT,
          sigVerify: false,
        })
        .send(inTime()),
      mirror.rpc
        .getRecentPrioritizationFees(writable(submission.instructions))
        .send(inTime())
        .catch(() => []),
    ]);
    if (simulated.err) {
      const words = failureWords({ error: simulated.err, logs: simulated.logs ?? [] });
      tell({ stage: "failed", words });
      return false;
    }
    const used = Number(simulated.unitsConsumed ?? UNITS_MAX);
    const units = Math.min(UNITS_MAX, Math.ceil(used * UNITS_MARGIN) + UNITS_EXTRA);
    const unitPrice = median(fees.map((fee) => fee.prioritizationFee));
    const transaction = compile(payer, submission.instructions, lifetime, units, unitPrice);

    tell({ stage: "signing" });
    let signed: Uint8Array;
    try {
      signed = await submission.sign(new Uint8Array(getTransactionEncoder().encode(transaction)));
    } catch (error) {
      tell({ stage: "failed", words: rejection(error) });
      return false;
    }
    const decoded = getTransactionDecoder().decode(signed);
    signature = getSignatureFromTransaction(decoded);
    const wire = getBase64EncodedWireTransaction(decoded);
    const send = () =>
      mirror.rpc
        .sendTransaction(wire, {
          encoding: "base64",
          skipPreflight: true,
          preflightCommitment: COMMITMENT,
          maxRetries: 0n,
        })
        .send(inTime());
    await send();
    tell({ stage: "sent", signature });
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const [status, height] = await Promise.all([
        mirror.rpc.getSignatureStatuses([signature]).send(inTime()),
        mirror.rpc.getBlockHeight({ commitment: COMMITMENT }).send(inTime()),
      ]).catch(() => [null, null] as const);
      const found = status?.value[0];
      if (found?.err) {
        const logs = await mirror.rpc
          .getTransaction(signature, {
            commitment: COMMITMENT,
            encoding: "json",
            maxSupportedTransactionVersion: 0,
          })
          .send(inTime())
          .then((transaction) => transaction?.meta?.logMessages ?? [])
          .catch(() => []);
        tell({ stage: "failed", words: failureWords({ error: found.err, logs }), signature });
        return false;
      }
      if (found && found.confirmationStatus !== "processed") {
        tell({ stage: "confirmed", signature });
        return true;
      }
      if (height !== null && height > lifetime.lastValidBlockHeight) {
        tell({
          stage: "failed",
          signature,
          words: {
            what: "The cluster has not taken the transaction in time. Nothing has changed.",
            advice: "Send it again.",
          },
        });
        return false;
      }
      await send().catch(() => undefined);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell({
      stage: "failed",
      words: signature
        ? {
            what: `It was signed, and the connection failed (${reason}).`,
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

function compile(
  payer: Address,
  instructions: readonly Instruction[],
  lifetime: { blockhash: Blockhash; lastValidBlockHeight: bigint },
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

function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0n;
  return middle > UNIT_PRICE_MAX ? UNIT_PRICE_MAX : middle;
}

function rejection(error: unknown): Words {
  const message = error instanceof Error ? error.message : String(error);
  const isRejected = /reject|declin|denied|cancel/i.test(message);
  return isRejected
    ? { what: "You have rejected the transaction in your wallet. Nothing was sent." }
    : { what: `Your wallet could not sign: ${message}.`, advice: "Nothing was sent." };
}
