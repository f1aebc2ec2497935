/** What must stand before instructions for them to go through: fresh prices, and interest accrued up to now. */
import {
  fetchEncodedAccounts,
  getBase16Encoder,
  getProgramDerivedAddress,
  address,
  AccountRole,
  type Address,
  type Instruction,
} from "@solana/kit";
import {
  BALLAST_PROGRAM_ADDRESS,
  BallastInstruction,
  getAccrueInterestInstruction,
  getRefreshPricesInstruction,
  getWithdrawInstructionDataDecoder,
  identifyBallastInstruction,
} from "@/client";
import { inTime } from "@/chain/in-time";
import type { Mirror } from "@/chain/mirror";
import type { FeedFigures, Venue } from "@/engine/types";

/** A price on the board is refreshed when more than this part of the age that its feed allows has passed. */
const REFRESH_PART = 4;

const RECEIVER = address("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
const PUSH_ORACLE = address("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");

/** Where a feed's price may be found: for pulled feeds the sponsored account, and where a local cluster's stub writes it. */
export async function priceAccounts(feed: FeedFigures): Promise<Address[]> {
  if (feed.source.kind === "pythPush") return [address(feed.source.address)];
  if (feed.source.kind !== "pythPull") return [];
  const id = getBase16Encoder().encode(feed.source.feedId);
  const derive = async (programAddress: Address, seed: Uint8Array) =>
    (await getProgramDerivedAddress({ programAddress, seeds: [seed, id] }))[0];
  return Promise.all([
    derive(PUSH_ORACLE, new Uint8Array(2)),
    derive(RECEIVER, new TextEncoder().encode("price")),
  ]);
}

/** When the price in an account was published; both of Pyth's layouts. */
export function publishTime(data: Uint8Array): bigint | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const LEGACY_MAGIC = 0xa1b2c3d4;
  if (data.length >= 104 && view.getUint32(0, true) === LEGACY_MAGIC)
    return view.getBigInt64(96, true);
  // Tag, write authority, verification level (1: full), feed id, price, confidence, exponent.
  const FULL = 1;
  if (data.length >= 101 && data[40] === FULL) return view.getBigInt64(93, true);
  return null;
}

/** Needs neither prices nor interest. */
const NEEDS_NOTHING = new Set([
  BallastInstruction.CancelOrder,
  BallastInstruction.CancelAll,
  BallastInstruction.CloseAccount,
  BallastInstruction.SetDelegate,
  BallastInstruction.OpenAccount,
]);

/** Accounts of instructions by what these need of them. */
export interface Needs {
  /** Their prices decide. */
  priced: Set<Address>;
  /** As far as they are banks: their interest is accrued first. */
  accrued: Set<Address>;
  /** Those of them from which a loan may be taken. */
  lending: Set<Address>;
}

export function needsOf(instructions: readonly Instruction[]): Needs {
  const needs: Needs = { priced: new Set(), accrued: new Set(), lending: new Set() };
  for (const { programAddress, accounts = [], data } of instructions) {
    if (programAddress !== BALLAST_PROGRAM_ADDRESS || !data) continue;
    const kind = identifyBallastInstruction(data);
    if (NEEDS_NOTHING.has(kind)) continue;
    const lends =
      kind === BallastInstruction.SettlePnl ||
      (kind === BallastInstruction.Withdraw &&
        getWithdrawInstructionDataDecoder().decode(data).allowBorrow);
    for (const { address: key } of accounts) {
      needs.accrued.add(key);
      if (kind !== BallastInstruction.Deposit) needs.priced.add(key);
      if (lends) needs.lending.add(key);
    }
  }
  return needs;
}

/** The feeds that decide over these accounts. */
function feedsOf(
  mirror: Mirror,
  venue: Venue,
  feeds: (account: Address) => readonly number[],
  keys: Set<Address>,
) {
  const wanted = new Set<number>();
  for (const key of keys) {
    if (mirror.accounts.has(key)) {
      for (const feed of feeds(key)) wanted.add(feed);
    }
    for (const bank of mirror.banks.values()) {
      const feed = venue.assets[bank.asset]?.feed;
      if (bank.address === key && feed !== undefined) wanted.add(feed);
    }
    for (const market of mirror.markets.values()) {
      const feed = venue.underlyings[market.terms.underlying]?.feed;
      if (market.address === key && feed !== undefined) wanted.add(feed);
    }
  }
  return wanted;
}

/**
 * What goes before `instructions`: one `refresh_prices` for the feeds that decide over them, are old on the board and have newer prices, and
 * `accrue_interest` of every bank among their accounts that has loans or may get one. What is paused is left out: most instructions go through without.
 * `feeds` gives the feeds of what a margin account holds.
 */
export async function prepare(
  mirror: Mirror,
  venue: Venue,
  feeds: (account: Address) => readonly number[],
  instructions: readonly Instruction[],
): Promise<Instruction[]> {
  const { priced, accrued, lending } = needsOf(instructions);
  const { exchange } = mirror.network;
  const board = mirror.boardAddress;
  if (!board) throw new Error("The exchange has not been read yet");
  const before: Instruction[] = [];

  const now = mirror.now();
  const wanted = venue.paused.includes("refreshPrices")
    ? []
    : feedsOf(mirror, venue, feeds, priced);
  const old = [...wanted]
    .map((index) => venue.feeds[index])
    .filter((feed) => feed !== undefined)
    .filter((feed) => now - Number(feed.publishTime ?? 0) > Number(feed.ageMax) / REFRESH_PART);
  const candidates = await Promise.all(
    old.map(async (feed) => (await priceAccounts(feed)).map((key) => ({ feed, key }))),
  );
  const all = candidates.flat();
  if (all.length > 0) {
    const found = await fetchEncodedAccounts(
      mirror.rpc,
      all.map(({ key }) => key),
      { commitment: "confirmed", ...inTime() },
    );
    const newest = new Map<FeedFigures, { key: Address; time: bigint }>();
    all.forEach(({ feed, key }, index) => {
      const account = found[index];
      const time = account?.exists ? publishTime(new Uint8Array(account.data)) : null;
      const isNews =
        time !== null &&
        Number(time) > Number(feed.publishTime ?? 0) &&
        Number(time) <= now + 1 &&
        now - Number(time) <= Number(feed.ageMax);
      if (isNews && time > (newest.get(feed)?.time ?? 0n)) newest.set(feed, { key, time });
    });
    const accounts = [...new Set([...newest.values()].map(({ key }) => key))];
    if (accounts.length > 0) {
      const refresh = getRefreshPricesInstruction({ exchange, board });
      before.push({
        ...refresh,
        accounts: [
          ...refresh.accounts,
          ...accounts.map((key) => ({ address: key, role: AccountRole.READONLY })),
        ],
      });
    }
  }

  for (const bank of mirror.banks.values()) {
    const bears = venue.assets[bank.asset]?.interestRatesQ32.some((rate) => rate > 0n);
    const isLent = bank.borrowShares.words.some((word) => word > 0n) || lending.has(bank.address);
    if (!bears || !isLent || !accrued.has(bank.address)) continue;
    if (venue.paused.includes("accrueInterest")) continue;
    before.push(
      getAccrueInterestInstruction({
        exchange,
        board,
        bank: bank.address,
        insuranceFund: address(venue.insuranceFund),
      }),
    );
  }
  return before;
}
