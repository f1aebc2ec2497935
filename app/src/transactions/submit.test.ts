import {
  getBase64Encoder,
  getCompiledTransactionMessageDecoder,
  getTransactionDecoder,
  getTransactionEncoder,
  type Instruction,
} from "@solana/kit";
import { describe, expect, it } from "vitest";
import { orderKey } from "@/chain/book";
import type { Mirror } from "@/chain/mirror";
import { BALLAST_PROGRAM_ADDRESS } from "@/client";
import type { Planned } from "./fills";
import { CALL, filled, leg, MAKER, ME, PUT, skipped } from "./logs.fixture";
import { submit, type Prepared, type Stage } from "./send";

/** Instructions that are told apart by their data. */
const instruction = (byte: number): Instruction => ({
  programAddress: BALLAST_PROGRAM_ADDRESS,
  accounts: [],
  data: new Uint8Array([byte]),
});

interface Answer {
  err: unknown;
  logs: string[];
}

/** Sends to a cluster that answers simulations in this sequence and confirms at once. */
async function run(
  prepared: Prepared,
  answers: Answer[],
  planned: Planned | null = null,
  sign: (bytes: Uint8Array) => Promise<Uint8Array> = (bytes) => Promise.resolve(signed(bytes)),
) {
  const simulated: number[][] = [];
  const asked: string[][] = [];
  const stages: Stage[] = [];
  const now = <T>(value: T) => ({ send: () => Promise.resolve(value) });
  const rpc = {
    getLatestBlockhash: () => now({ value: { blockhash: CALL, lastValidBlockHeight: 100n } }),
    simulateTransaction: (wire: string) => {
      simulated.push(bytesOf(wire));
      const { err, logs } = answers[simulated.length - 1] ?? { err: null, logs: [] };
      const inside = [`Program ${BALLAST_PROGRAM_ADDRESS} invoke [1]`, ...logs];
      return now({ value: { err, logs: inside, unitsConsumed: 1000n } });
    },
    getRecentPrioritizationFees: () => now([]),
    sendTransaction: () => now(""),
    getSignatureStatuses: () =>
      now({ context: { slot: 1n }, value: [{ err: null, confirmationStatus: "confirmed" }] }),
  };
  const isDone = await submit({
    mirror: { rpc, network: { chain: "solana:localnet" } } as unknown as Mirror,
    payer: ME,
    prepared,
    planned,
    again: (passed) => {
      asked.push([...passed]);
      return Promise.resolve({ ...prepared, instructions: [instruction(100 + asked.length)] });
    },
    sign,
    tell: (stage) => {
      stages.push(stage);
      if (stage.stage === "signing" && sign === never) stage.stop();
    },
  });
  const last = stages.at(-1);
  return { isDone, simulated, asked, words: last?.stage === "failed" ? last.words.what : null };
}

const never = () => new Promise<Uint8Array>(() => undefined);

/** With a signature of ones. */
function signed(bytes: Uint8Array): Uint8Array {
  const transaction = getTransactionDecoder().decode(bytes);
  const signatures = { ...transaction.signatures, [ME]: new Uint8Array(64).fill(1) };
  return new Uint8Array(getTransactionEncoder().encode({ ...transaction, signatures } as never));
}

/** First bytes of the instructions after the compute budget's. */
function bytesOf(wire: string): number[] {
  const { messageBytes } = getTransactionDecoder().decode(getBase64Encoder().encode(wire));
  const message = getCompiledTransactionMessageDecoder().decode(messageBytes);
  if (!("instructions" in message)) return [];
  return message.instructions.slice(2).map(({ data: bytes }) => bytes?.[0] ?? -1);
}

const PREPARED: Prepared = {
  before: [instruction(1), instruction(2)],
  instructions: [instruction(9)],
};
const SINGLE: Planned = { taker: ME, legs: [leg(PUT, "Put", 5n)] };
const PACKAGE: Planned = { taker: ME, legs: [leg(CALL, "Call", 5n), leg(PUT, "Put", 5n)] };
const fine = (...logs: string[]): Answer => ({ err: null, logs });

describe("before anything is signed", () => {
  it("leaves out what was put in front when that fails", async () => {
    const failed = { err: { InstructionError: [2n, { Custom: 6000 }] }, logs: [] };
    const { isDone, simulated } = await run(PREPARED, [failed, fine()]);
    expect(simulated).toEqual([
      [1, 2, 9],
      [2, 9],
    ]);
    expect(isDone).toBe(true);
  });

  it("tells what fails by itself", async () => {
    const failed = { err: { InstructionError: [4n, { Custom: 6000 }] }, logs: [] };
    const { isDone, simulated } = await run(PREPARED, [failed]);
    expect([isDone, simulated.length]).toEqual([false, 1]);
  });

  it("builds again without makers that are passed over", async () => {
    const { isDone, asked, simulated } = await run(
      PREPARED,
      [fine(filled(CALL, 5n), skipped), fine(filled(CALL, 5n), filled(PUT, 5n))],
      PACKAGE,
    );
    expect(asked).toEqual([[orderKey(MAKER, 7n)]]);
    expect(simulated.at(-1)).toEqual([1, 2, 101]);
    expect(isDone).toBe(true);
  });

  it("sends no part of a package, but of an order what trades", async () => {
    const short = fine(filled(CALL, 5n), filled(PUT, 2n));
    const stopped = await run(PREPARED, [short, short, short], PACKAGE);
    expect([stopped.isDone, stopped.asked.length]).toEqual([false, 2]);
    expect(stopped.words).toContain("2 of 5");
    expect((await run(PREPARED, [short, short, short], SINGLE)).isDone).toBe(true);
  });

  it("need not wait for a wallet that never answers", async () => {
    const { isDone, words } = await run(PREPARED, [], null, never);
    expect([isDone, words]).toEqual([false, "You have stopped waiting. Nothing was sent."]);
  });
});
