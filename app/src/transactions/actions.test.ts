import { address, type Address } from "@solana/kit";
import { describe, expect, it } from "vitest";
import { identifyBallastInstruction, BallastInstruction, BALLAST_PROGRAM_ADDRESS } from "@/client";
import type { Mirror } from "@/chain/mirror";
import { TOKEN_PROGRAM_ADDRESS } from "@solana-program/token";
import { Actions, depositable, NATIVE_MINT, NATIVE_RESERVE } from "./actions";

const KEY = address("11111111111111111111111111111112");
const OTHER = address("11111111111111111111111111111113");

/** Of an exchange whose only bank has this mint. */
function actionsOf(mint: Address) {
  const rpc = {
    getAccountInfo: (key: Address) => ({
      send: () =>
        Promise.resolve({ value: key === mint ? { owner: TOKEN_PROGRAM_ADDRESS } : null }),
    }),
  };
  const mirror = {
    network: { exchange: KEY },
    boardAddress: KEY,
    banks: new Map([[0, { asset: 0, mint, address: KEY }]]),
    rpc,
  };
  return new Actions(mirror as unknown as Mirror, OTHER);
}

const isOurs = ({ programAddress }: { programAddress: Address }) =>
  programAddress === BALLAST_PROGRAM_ADDRESS;

describe("SOL", () => {
  it("is wrapped before a deposit", async () => {
    const [create, move, sync, deposit] = await actionsOf(NATIVE_MINT).deposit(KEY, 0, 258n);
    expect(move?.data).toEqual(new Uint8Array([2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]));
    expect(move?.accounts?.map((meta) => meta.address)).toEqual([
      OTHER,
      sync?.accounts?.[0]?.address,
    ]);
    expect(create && isOurs(create)).toBe(false);
    expect(deposit?.data && identifyBallastInstruction(deposit.data)).toBe(
      BallastInstruction.Deposit,
    );
  });

  it("is unwrapped after a withdrawal, and other tokens are left alone", async () => {
    const native = await actionsOf(NATIVE_MINT).withdraw(KEY, 0, 1n, false);
    expect(native.map(isOurs)).toEqual([false, true, false]);
    const other = await actionsOf(OTHER).withdraw(KEY, 0, 1n, false);
    expect(other.map(isOurs)).toEqual([false, true]);
    expect(await actionsOf(OTHER).deposit(KEY, 0, 1n)).toHaveLength(1);
  });

  it("can be deposited but for a reserve", () => {
    expect(depositable(NATIVE_MINT, 5n, NATIVE_RESERVE + 7n)).toBe(12n);
    expect(depositable(NATIVE_MINT, 5n, 7n)).toBe(5n);
    expect(depositable(OTHER, 5n, NATIVE_RESERVE + 7n)).toBe(5n);
  });
});
