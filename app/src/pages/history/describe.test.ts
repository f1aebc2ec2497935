import { address, none, some, type Address } from "@solana/kit";
import { describe as suite, expect, it } from "vitest";
import { BALLAST_EVENTS, type BallastEvent, type OrderPlaced } from "@/client";
import type { Terms, Venue } from "@/engine/types";
import { describe, orderKey, type Context } from "./describe";

const ME: Address = address("4Nd1mYQ1t9nUDxBGFVAPfBvsELkEfrCKUFeTCvqtQz8S");
const OTHER: Address = address("7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2");
const MARKET: Address = address("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4");
const CLOSED: Address = address("So11111111111111111111111111111111111111112");
const NOBODY: Address = address("11111111111111111111111111111111");

const PERPETUAL: Terms = { underlying: 0, kind: "perpetual", expiry: 0, strike: 0n };
const CALL = { underlying: 0, kind: 2, expiry: 1_798_185_600n, strike: 1_500_000n };

// Of the venue only what names and scales are read from: SOL in lots of 0.01, USDC and SOL as assets.
const venue = {
  feeds: [
    { name: "USDC/USD", decimals: 6 },
    { name: "SOL/USD", decimals: 9 },
  ],
  assets: [
    { index: 0, feed: 0, decimals: 6 },
    { index: 1, feed: 1, decimals: 9 },
  ],
  underlyings: [{ index: 0, name: "SOL", decimals: 9, lotSize: 10_000_000n }],
} as unknown as Venue;

const placed: OrderPlaced = {
  marginAccount: ME,
  terms: { underlying: 0, kind: 0, expiry: 0n, strike: 0n },
  orderId: 7n,
  clientId: 0n,
  side: 0,
  price: 1_502_500n,
  lots: 150n,
  expiresAt: 0,
  reduceOnly: false,
  postOnly: true,
};

const context: Context = {
  venue,
  account: ME,
  markets: new Map([[MARKET, PERPETUAL]]),
  orders: new Map([[orderKey(ME, 7n), placed]]),
};

const fill = {
  market: MARKET,
  maker: OTHER,
  taker: ME,
  makerOrderId: 3n,
  takerOrderId: 8n,
  takerSide: 1,
  price: 1_502_500n,
  lots: 150n,
  makerFee: 45_075n,
  takerFee: 112_688n,
  makerFunding: 0n,
  takerFunding: -1_250_000n,
  filler: none<{ marginAccount: Address; fee: bigint; funding: bigint }>(),
};

const liquidated = {
  marginAccount: ME,
  liquidator: OTHER,
  fractionQ32: 1n << 30n,
  price: 900_000_000n,
  payment: 225_000_000n,
  insuranceFee: 1_000_000n,
  insurancePayment: 0n,
  equityMark: 1_000_000_000n,
  balances: [{ asset: 1, amount: -2_000_000_000n }],
  positions: [{ terms: CALL, baseLots: -50n, quote: 0n, funding: [5n, 6n] }],
};

/** An event of every kind, and what is said about it. */
const EXAMPLES: readonly [BallastEvent, string, string | RegExp][] = [
  [
    {
      name: "deposited",
      data: { marginAccount: ME, asset: 0, amount: 1_500_000n, depositor: OTHER },
    },
    "Deposit",
    "1.5 USDC deposited by 7Np4…T4K2",
  ],
  [
    {
      name: "withdrawn",
      data: { marginAccount: ME, asset: 1, amount: 2_000_000_000n, borrowed: 5n, fee: 1n },
    },
    "Withdrawal with a loan",
    "2 SOL withdrawn, of which 0.000000005 SOL borrowed for a fee of 0.000000001 SOL",
  ],
  [
    {
      name: "transferred",
      data: { from: ME, to: OTHER, asset: 0, amount: 9_007_199_254_740_993n },
    },
    "Transfer out",
    "9,007,199,254.740993 USDC transferred from this account to 7Np4…T4K2",
  ],
  [
    { name: "orderPlaced", data: placed },
    "Order placed",
    "Order 7 rests: buy 1.5 SOL-PERP at $150.25 (post only)",
  ],
  [
    { name: "orderCancelled", data: { marginAccount: ME, orderId: 7n, lots: 50n } },
    "Order cancelled",
    "Order 7 to buy cancelled: 0.5 SOL-PERP at $150.25 not filled",
  ],
  [
    { name: "orderPruned", data: { marginAccount: ME, orderId: 9n, lots: 50n } },
    "Order removed",
    "Order 9 removed because it could not trade any more, 50 lots not filled",
  ],
  [
    { name: "makerSkipped", data: { market: MARKET, maker: ME, orderId: 7n, reason: 6001 } },
    "Order passed over",
    /^Order 7 of this account in SOL-PERP passed over: A price needed for this is stale/,
  ],
  [
    { name: "orderFilled", data: fill },
    "Sold",
    "Sold 1.5 SOL-PERP at $150.25 as taker, fee $0.112688; $1.250000 of funding paid",
  ],
  [
    {
      name: "pnlSettled",
      data: { marginAccount: ME, market: CLOSED, amount: -2_500_000n, funding: 0n },
    },
    "Loss settled",
    "$2.500000 of loss taken from cash for the market So11…1112",
  ],
  [
    {
      name: "positionSettled",
      data: { marginAccount: ME, market: MARKET, baseLots: -50n, payoff: 20_000n },
    },
    "Position settled",
    "Short 0.5 SOL-PERP settled at a payoff of $2",
  ],
  [
    {
      name: "liquidationStarted",
      data: {
        marginAccount: ME,
        equityMaintenance: 1_000_000n,
        maintenanceMargin: 2_000_000n,
        startedAt: 1n,
      },
    },
    "Liquidation started",
    "Liquidation of this account started: equity $1.00 against a maintenance margin of $2.00",
  ],
  [
    { name: "liquidationEnded", data: { marginAccount: OTHER } },
    "Liquidation ended",
    "Liquidation of 7Np4…T4K2 ended",
  ],
  [
    { name: "liquidated", data: liquidated },
    "Liquidated",
    "25% of this account taken by 7Np4…T4K2 (a loan of 2 SOL, short 0.5 SOL-20261225-150-C): the liquidator paid $225.00 into the account; $1.00 to the insurance fund",
  ],
  [
    {
      name: "deleveraged",
      data: {
        market: MARKET,
        marginAccount: OTHER,
        counterparty: ME,
        baseLots: 100n,
        quote: -150_000_000n,
        givenUp: 3_000_000n,
        equityMark: -1n,
        funding: [0n, 1_000_000n],
      },
    },
    "Deleveraged",
    "1 SOL-PERP of 7Np4…T4K2, which was insolvent, closed against this account, who gave up $3.00 of profit; $1.000000 of funding received",
  ],
  [
    {
      name: "bankruptcyResolved",
      data: {
        marginAccount: OTHER,
        asset: 1,
        writtenOff: 1_000_000_000n,
        depositIndexBits: 1n,
        equityMark: -5n,
      },
    },
    "Loan written off",
    "1 SOL that 7Np4…T4K2 owed written off at the cost of its depositors",
  ],
  [
    {
      name: "accountOpened",
      data: { exchange: OTHER, marginAccount: ME, owner: OTHER, subAccount: 3 },
    },
    "Account opened",
    "Account 3 of 7Np4…T4K2 opened",
  ],
  [
    { name: "accountClosed", data: { exchange: OTHER, marginAccount: ME, owner: OTHER } },
    "Account closed",
    "The account of 7Np4…T4K2 closed",
  ],
  [
    { name: "delegateSet", data: { marginAccount: ME, delegate: NOBODY } },
    "Delegate removed",
    "Nobody but the owner may trade now",
  ],
  [
    {
      name: "priceUpdated",
      data: {
        exchange: OTHER,
        feed: 1,
        // 0.15 quote units per native unit: $150 per SOL.
        priceBits: (3n << 48n) / 20n + 1n,
        confidenceBits: 0n,
        publishTime: 1n,
      },
    },
    "Price updated",
    /^SOL\/USD is \$150, published /,
  ],
  [
    { name: "priceRefused", data: { exchange: OTHER, account: OTHER, reason: 1 } },
    "Price refused",
    "The price in 7Np4…T4K2 was refused: The program refused it with code 1.",
  ],
  [
    {
      name: "interestAccrued",
      data: {
        exchange: OTHER,
        asset: 1,
        depositIndexBits: 1n,
        borrowIndexBits: 1n,
        deposits: 1n,
        loans: 1n,
        fees: 20n,
        insurance: 10n,
      },
    },
    "Interest accrued",
    "Interest of SOL accrued: 0.00000002 SOL to the exchange, 0.00000001 SOL to the insurance fund",
  ],
  [
    {
      name: "fundingUpdated",
      data: { market: MARKET, rateQ32: -(1n << 22n), indexBits: 0n, perSecondBits: 0n },
    },
    "Funding updated",
    "Funding of SOL-PERP is −0.097656% per period",
  ],
  [
    {
      name: "surfacePosted",
      data: {
        exchange: OTHER,
        surface: { underlying: 0, atmVolatilityQ32: [], skewQ32: 0n, smileQ32: 0n, carryQ32: 0n },
      },
    },
    "Volatility posted",
    "New volatility surface of SOL",
  ],
  [
    {
      name: "settlementFinalized",
      data: { market: MARKET, terms: CALL, settlementPrice: 1_600_000n, window: 0n },
    },
    "Market settles",
    "SOL-20261225-150-C settles at $160",
  ],
  [
    {
      name: "marketAdded",
      data: { exchange: OTHER, market: MARKET, terms: CALL, creator: OTHER },
    },
    "Market listed",
    "SOL-20261225-150-C listed by 7Np4…T4K2",
  ],
  [
    { name: "marketClosed", data: { market: MARKET, terms: CALL, creator: OTHER, fees: 0n } },
    "Market closed",
    "SOL-20261225-150-C closed",
  ],
  [
    { name: "feesCollected", data: { market: MARKET, amount: 1_000_001n } },
    "Fees collected",
    "$1.000001 of fees collected from SOL-PERP",
  ],
  [
    {
      name: "feesWithdrawn",
      data: { exchange: OTHER, asset: 0, amount: 1_000_000n, destination: OTHER },
    },
    "Fees withdrawn",
    "1 USDC of fees sent to 7Np4…T4K2",
  ],
  [
    {
      name: "insuranceWithdrawn",
      data: { exchange: OTHER, asset: 0, amount: 1_000_000n, destination: OTHER },
    },
    "Insurance withdrawn",
    "1 USDC of the insurance fund sent to 7Np4…T4K2",
  ],
  [
    {
      name: "pauseSet",
      data: { exchange: OTHER, instructions: 0b1011n, endsAt: 1n, authority: OTHER },
    },
    "Paused",
    /^3 instructions paused by 7Np4…T4K2 until /,
  ],
  [
    { name: "parametersChanged", data: { exchange: OTHER, table: 2, index: 0 } },
    "Parameters changed",
    "New parameters of the underlying SOL",
  ],
  [
    { name: "authorityProposed", data: { exchange: OTHER, role: 2, proposed: OTHER } },
    "Authority proposed",
    "7Np4…T4K2 proposed as guardian",
  ],
  [
    { name: "authorityAccepted", data: { exchange: OTHER, role: 0, authority: OTHER } },
    "Authority changed",
    "7Np4…T4K2 is admin now",
  ],
  [
    {
      name: "exchangeInitialized",
      data: { exchange: OTHER, board: OTHER, insuranceFund: OTHER, admin: OTHER },
    },
    "Exchange opened",
    "The exchange was opened by 7Np4…T4K2",
  ],
  [
    { name: "assetAdded", data: { exchange: OTHER, asset: 1, mint: OTHER, bank: OTHER, feed: 1 } },
    "Asset listed",
    "SOL can be deposited and borrowed",
  ],
  [
    { name: "underlyingAdded", data: { exchange: OTHER, underlying: 0, feed: 1, lotSize: 1n } },
    "Underlying listed",
    "Markets on SOL can be listed",
  ],
];

suite("events in words", () => {
  it.each(EXAMPLES.map(([event, title, text]) => [event.name, event, title, text] as const))(
    "%s",
    (_, event, title, text) => {
      const told = describe(event, context);
      expect(told.event).toBe(event.name);
      expect(told.title).toBe(title);
      if (typeof text === "string") expect(told.text).toBe(text);
      else expect(told.text).toMatch(text);
    },
  );

  it("leaves none out", () => {
    const described = EXAMPLES.map(([event]) => event.name);
    expect(described.toSorted()).toEqual(BALLAST_EVENTS.map(({ name }) => name).toSorted());
  });

  it("tells a fill from the view of maker, taker, filler and bystander", () => {
    const seen = (account: Address | null, filler = fill.filler) =>
      describe({ name: "orderFilled", data: { ...fill, filler } }, { ...context, account });
    expect(seen(OTHER)).toMatchObject({
      title: "Bought",
      role: "maker",
      side: "buy",
      fee: { native: 45_075n },
    });
    expect(seen(ME)).toMatchObject({
      role: "taker",
      side: "sell",
      lots: 150n,
      size: { native: 1_500_000_000n, unit: "SOL" },
      price: { perLot: 1_502_500n, perUnit: 150_250_000n },
      funding: { native: -1_250_000n },
    });
    expect(seen(NOBODY, some({ marginAccount: NOBODY, fee: 9n, funding: 0n }))).toMatchObject({
      title: "Fill submitted",
      role: "filler",
      fee: { native: -9n },
    });
    const bystander = seen(null);
    expect(bystander).not.toHaveProperty("role");
    expect(bystander.text).toBe("4Nd1…Qz8S sold 1.5 SOL-PERP at $150.25, order 3 of 7Np4…T4K2");
  });

  it("tells what a liquidation has cost either side", () => {
    const seen = (account: Address) =>
      describe({ name: "liquidated", data: liquidated }, { ...context, account });
    expect(seen(ME)).toMatchObject({ amount: { native: 225_000_000n }, funding: { native: 5n } });
    expect(seen(OTHER)).toMatchObject({
      title: "Liquidated another account",
      amount: { native: -226_000_000n },
      fee: { native: 1_000_000n },
      funding: { native: 6n },
    });
  });

  it("counts in lots where a market is not known", () => {
    const told = describe(
      { name: "orderFilled", data: { ...fill, market: CLOSED, takerFunding: 0n } },
      context,
    );
    expect(told.text).toBe(
      "Sold 150 lots of the market So11…1112 at $1.502500 per lot as taker, fee $0.112688",
    );
    expect(told).toMatchObject({ market: CLOSED, lots: 150n });
    expect(told).not.toHaveProperty("size");
  });
});
