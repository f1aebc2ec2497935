import { address, type Address, type Signature } from "@solana/kit";
import { describe, expect, it } from "vitest";
import type { BallastEvent } from "@/client";
import type { HistoryEntry } from "@/chain/history";
import { ofExchange } from "./rows";

const EXCHANGE: Address = address("11111111111111111111111111111112");
const ANOTHER: Address = address("11111111111111111111111111111113");
const ME: Address = address("11111111111111111111111111111114");
const THEIRS: Address = address("11111111111111111111111111111115");
const MARKET: Address = address("11111111111111111111111111111116");
const CLOSED: Address = address("11111111111111111111111111111117");

const entry = (...events: BallastEvent[]): HistoryEntry => ({
  signature: "" as Signature,
  slot: 1n,
  time: null,
  failed: false,
  truncated: false,
  events,
});
const price = (exchange: Address): BallastEvent => ({
  name: "priceUpdated",
  data: { exchange, feed: 0, priceBits: 1n, confidenceBits: 0n, publishTime: 1n },
});
const ended = (marginAccount: Address): BallastEvent => ({
  name: "liquidationEnded",
  data: { marginAccount },
});
const collected = (market: Address): BallastEvent => ({
  name: "feesCollected",
  data: { market, amount: 1n },
});
const moved = (from: Address, to: Address): BallastEvent => ({
  name: "transferred",
  data: { from, to, asset: 0, amount: 1n },
});
const deposited = (marginAccount: Address, depositor: Address): BallastEvent => ({
  name: "deposited",
  data: { marginAccount, asset: 0, amount: 1n, depositor },
});

const kept = (...events: BallastEvent[]) =>
  ofExchange([entry(...events)], {
    exchange: EXCHANGE,
    markets: new Set([MARKET]),
    accounts: new Set([ME]),
  }).flatMap(({ events }) => events);

describe("the events of an exchange", () => {
  it("are those that tell it", () => {
    expect(kept(price(EXCHANGE), price(ANOTHER))).toEqual([price(EXCHANGE)]);
  });

  it("are those of its markets and accounts, in whatever transaction", () => {
    expect(kept(ended(ME), ended(THEIRS))).toEqual([ended(ME)]);
    expect(kept(collected(MARKET), collected(THEIRS))).toEqual([collected(MARKET)]);
    expect(kept(moved(THEIRS, ME), moved(THEIRS, THEIRS))).toEqual([moved(THEIRS, ME)]);
  });

  it("are those of its accounts in markets that are gone", () => {
    const settled: BallastEvent = {
      name: "positionSettled",
      data: { marginAccount: ME, market: THEIRS, baseLots: 1n, payoff: 1n },
    };
    expect(kept(settled)).toEqual([settled]);
  });

  it("are those of accounts that it has closed", () => {
    const closed = (exchange: Address): BallastEvent => ({
      name: "accountClosed",
      data: { exchange, marginAccount: CLOSED, owner: ME },
    });
    expect(kept(closed(EXCHANGE), ended(CLOSED))).toHaveLength(2);
    expect(kept(closed(ANOTHER), ended(CLOSED))).toEqual([]);
  });

  it("are not those that only name an account as a wallet", () => {
    expect(kept(deposited(THEIRS, ME))).toEqual([]);
  });
});
