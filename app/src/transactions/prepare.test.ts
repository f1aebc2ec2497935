import { address, createNoopSigner, type Instruction } from "@solana/kit";
import { describe, expect, it } from "vitest";
import {
  BallastInstruction,
  getCancelAllInstruction,
  getOpenAccountInstruction,
  getTransferInstruction,
  identifyBallastInstruction,
} from "@/client";
import type { Mirror } from "@/chain/mirror";
import type { Venue } from "@/engine/types";
import { needsOf, prepare } from "./prepare";

const EXCHANGE = address("11111111111111111111111111111112");
const BOARD = address("11111111111111111111111111111113");
const BANK = address("11111111111111111111111111111114");
const FROM = address("11111111111111111111111111111115");
const TO = address("11111111111111111111111111111116");
const FUND = address("11111111111111111111111111111117");

const owner = createNoopSigner(FROM);
const cancel = getCancelAllInstruction({
  marginAccount: FROM,
  trader: owner,
  terms: null,
  clientId: null,
});
const open = getOpenAccountInstruction({
  exchange: EXCHANGE,
  marginAccount: FROM,
  owner,
  payer: owner,
  subAccount: 0,
});
const transfer = getTransferInstruction({
  exchange: EXCHANGE,
  board: BOARD,
  from: FROM,
  to: TO,
  bank: BANK,
  owner,
  amount: 1n,
});

function before(loans: bigint, paused: Venue["paused"]): Promise<Instruction[]> {
  const mirror = {
    network: { exchange: EXCHANGE },
    boardAddress: BOARD,
    now: () => 0,
    accounts: new Map(),
    markets: new Map(),
    banks: new Map([[0, { asset: 0, address: BANK, borrowShares: { words: [loans, 0n] } }]]),
  } as unknown as Mirror;
  const venue = {
    paused,
    feeds: [],
    underlyings: [],
    assets: [{ feed: 0, interestRatesQ32: [0n, 1n] }],
    insuranceFund: FUND,
  } as unknown as Venue;
  return prepare(mirror, venue, () => [], [transfer]);
}

describe("what goes before", () => {
  it("is nothing for cancelling and opening", () => {
    const { priced, accrued } = needsOf([cancel, open]);
    expect([...priced, ...accrued]).toEqual([]);
  });

  it("is the interest of a bank that has loans", async () => {
    const [accrue, ...more] = await before(1n, []);
    expect(more).toEqual([]);
    expect(accrue?.data && identifyBallastInstruction(accrue.data)).toBe(
      BallastInstruction.AccrueInterest,
    );
    expect(await before(0n, [])).toEqual([]);
  });

  it("leaves out what is paused", async () => {
    expect(await before(1n, ["accrueInterest"])).toEqual([]);
  });
});
