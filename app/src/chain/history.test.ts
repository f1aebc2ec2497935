import {
  address,
  getBase64Decoder,
  signature,
  SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR,
  SolanaError,
  type ReadonlyUint8Array,
  type Signature,
} from "@solana/kit";
import { describe, expect, it } from "vitest";
import {
  BALLAST_EVENTS,
  BALLAST_PROGRAM_ADDRESS,
  getDepositedEncoder,
  getLiquidationEndedEncoder,
  type BallastEvent,
} from "@/client";
import { fetchHistory, readEvents, type HistoryEntry, type HistoryRpc } from "./history";

const PROGRAM = BALLAST_PROGRAM_ADDRESS;
const TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const ROUTER = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4";
const ACCOUNT = address("11111111111111111111111111111112");

function data(name: BallastEvent["name"], bytes: ReadonlyUint8Array): string {
  const tag = BALLAST_EVENTS.find((event) => event.name === name)?.discriminator ?? [];
  return `Program data: ${getBase64Decoder().decode(new Uint8Array([...tag, ...bytes]))}`;
}

const deposited = (amount: bigint) =>
  data(
    "deposited",
    getDepositedEncoder().encode({ marginAccount: ACCOUNT, asset: 1, amount, depositor: ACCOUNT }),
  );
const ended = data(
  "liquidationEnded",
  getLiquidationEndedEncoder().encode({ marginAccount: ACCOUNT }),
);

describe("events in logs", () => {
  it("reads them before and after a call of another program", () => {
    const { events, truncated } = readEvents([
      "Program ComputeBudget111111111111111111111111111111 invoke [1]",
      "Program ComputeBudget111111111111111111111111111111 success",
      `Program ${PROGRAM} invoke [1]`,
      "Program log: Instruction: Deposit",
      ended,
      `Program ${TOKEN} invoke [2]`,
      "Program log: Instruction: TransferChecked",
      `Program ${TOKEN} consumed 6200 of 180000 compute units`,
      `Program ${TOKEN} success`,
      deposited(5n),
      `Program ${PROGRAM} consumed 41234 of 200000 compute units`,
      `Program ${PROGRAM} success`,
    ]);
    expect(truncated).toBe(false);
    expect(events).toEqual([
      { name: "liquidationEnded", data: { marginAccount: ACCOUNT } },
      {
        name: "deposited",
        data: { marginAccount: ACCOUNT, asset: 1, amount: 5n, depositor: ACCOUNT },
      },
    ]);
  });

  it("reads them when another program calls ours, and believes only ours", () => {
    const { events } = readEvents([
      `Program ${ROUTER} invoke [1]`,
      deposited(1n),
      `Program ${PROGRAM} invoke [2]`,
      deposited(2n),
      `Program ${TOKEN} invoke [3]`,
      deposited(3n),
      `Program ${TOKEN} success`,
      deposited(4n),
      `Program ${PROGRAM} success`,
      deposited(5n),
      `Program log: Program ${PROGRAM} invoke [1]`,
      deposited(6n),
      `Program ${ROUTER} success`,
    ]);
    expect(events.map((event) => event.name === "deposited" && event.data.amount)).toEqual([
      2n,
      4n,
    ]);
  });

  it("leaves our program when it fails", () => {
    const { events } = readEvents([
      `Program ${PROGRAM} invoke [1]`,
      `Program ${PROGRAM} failed: custom program error: 0x1771`,
      deposited(1n),
    ]);
    expect(events).toEqual([]);
  });

  it("skips what it does not know and what is broken", () => {
    const whole = deposited(7n);
    const { events } = readEvents([
      `Program ${PROGRAM} invoke [1]`,
      "Program data: AAAAAAAAAAAAAAAA",
      "Program data: no base64!",
      whole.slice(0, -24),
      "Program data: ",
      whole,
      `Program ${PROGRAM} success`,
    ]);
    expect(events).toHaveLength(1);
  });

  it("says when logs are cut off", () => {
    const { events, truncated } = readEvents([
      `Program ${PROGRAM} invoke [1]`,
      deposited(1n),
      "Log truncated",
    ]);
    expect(events).toHaveLength(1);
    expect(truncated).toBe(true);
  });
});

const SIGNATURES = ["2", "3", "4"].map((end) => signature(`${"1".repeat(63)}${end}`));
const LOGS = [`Program ${PROGRAM} invoke [1]`, deposited(1n), `Program ${PROGRAM} success`];

/** An RPC with three transactions, the second of them failed; refuses the first requests. */
function fakeRpc(refusals = 0, logs: readonly string[] | null = LOGS) {
  const asked: string[] = [];
  const answer = <T>(what: string, value: T) => ({
    send: () => {
      asked.push(what);
      if (asked.length > refusals) return Promise.resolve(value);
      return Promise.reject(
        new SolanaError(SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR, {
          statusCode: 429,
          message: "Too Many Requests",
          headers: new Headers(),
        }),
      );
    },
  });
  const rpc = {
    getSignaturesForAddress: (
      _: unknown,
      { before, limit }: { before?: Signature; limit: number },
    ) => {
      const from = before ? SIGNATURES.indexOf(before) + 1 : 0;
      const listed = SIGNATURES.slice(from, from + limit).map((one) => ({
        signature: one,
        slot: 9n,
        blockTime: 1_700_000_000n,
        err: one === SIGNATURES[1] ? { InstructionError: [0, { Custom: 6001 }] } : null,
      }));
      return answer("list", listed);
    },
    getTransaction: (one: Signature) => answer(one, logs && { meta: { logMessages: logs } }),
  };
  return { rpc: rpc as unknown as HistoryRpc, asked };
}

describe("pages of transactions", () => {
  it("reads one after the other, each transaction once", async () => {
    const { rpc, asked } = fakeRpc();
    const known = new Map<Signature, HistoryEntry>();
    const first = await fetchHistory(rpc, ACCOUNT, { limit: 2, known });
    expect(first.entries.map(({ failed, events }) => [failed, events.length])).toEqual([
      [false, 1],
      [true, 0],
    ]);
    expect(first.entries[0]).toMatchObject({ slot: 9n, time: 1_700_000_000, truncated: false });
    expect(first.next).toBe(SIGNATURES[1]);
    const second = await fetchHistory(rpc, ACCOUNT, { limit: 2, known, before: first.next });
    expect(second.entries.map((entry) => entry.signature)).toEqual([SIGNATURES[2]]);
    expect(second.next).toBeNull();
    await fetchHistory(rpc, ACCOUNT, { limit: 2, known });
    expect(asked).toEqual(["list", SIGNATURES[0], "list", SIGNATURES[2], "list"]);
  });

  it("is patient with a busy RPC", async () => {
    const { rpc } = fakeRpc(1);
    expect((await fetchHistory(rpc, ACCOUNT, { limit: 5 })).entries).toHaveLength(3);
  });

  it("marks what the cluster does not have, and asks for it again", async () => {
    const known = new Map<Signature, HistoryEntry>();
    const page = await fetchHistory(fakeRpc(0, null).rpc, ACCOUNT, { known });
    expect(page.entries[0]?.truncated).toBe(true);
    const again = await fetchHistory(fakeRpc().rpc, ACCOUNT, { known });
    expect(again.entries[0]).toMatchObject({ truncated: false, events: [{ name: "deposited" }] });
  });
});
