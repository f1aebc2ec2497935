/** The program's events in words. */
import { isNone, type Address } from "@solana/kit";
import type { BallastEvent, OrderPlaced } from "@/client";
import { Side, termsOf, type ChainTerms } from "@/chain/layout";
import type { Terms, Venue } from "@/engine/types";
import { abs, formatDecimal, mulDiv } from "@/format/decimal";
import { percent, QUOTE_DECIMALS, short, time, usd } from "@/format/format";
import {
  assetName,
  formatLots,
  lotsToSize,
  marketName,
  sizeDecimals,
  underlyingName,
  unitPrice,
} from "@/format/names";
import { programWords } from "@/transactions/words";

/** What people filter by. */
export const KINDS = {
  funds: "Deposits and withdrawals",
  orders: "Orders",
  trades: "Trades",
  settlements: "Settlements and funding",
  liquidations: "Liquidations",
  account: "Account",
  exchange: "Exchange",
} as const;
export type Kind = keyof typeof KINDS;

/** An amount in its smallest unit, and in whole ones. */
export interface Quantity {
  native: bigint;
  decimals: number;
  unit: string;
}

/** A price per whole unit for people, and per lot as the program has it. Quote units both. */
export interface Price {
  perLot: bigint;
  perUnit: bigint;
}

/** An event as people read it. What does not belong to it is left out. */
export interface Described {
  event: BallastEvent["name"];
  kind: Kind;
  title: string;
  text: string;
  /** The margin accounts that it is about. */
  accounts: Address[];
  market?: string;
  /** Of the account that is looked at. */
  side?: "buy" | "sell";
  role?: "maker" | "taker" | "filler";
  /** Lots as the program has them, negative for short positions. */
  lots?: bigint;
  size?: Quantity;
  price?: Price;
  /** What came in (positive) or went out. */
  amount?: Quantity;
  /** What was paid to trade or to borrow; negative when it was earned. */
  fee?: Quantity;
  /** Funding that was received (positive) or paid. */
  funding?: Quantity;
}

/** What events are described with. */
export interface Context {
  venue: Venue;
  /** From whose view; nothing for a bystander's. */
  account: Address | null;
  /** Markets by their address, those that are closed as far as they are known. */
  markets: ReadonlyMap<Address, Terms>;
  /** Orders as they were placed, by {@link orderKey}. */
  orders: ReadonlyMap<string, OrderPlaced>;
}

export const orderKey = (account: Address, id: bigint) => `${account}/${id}`;

type Data<Name extends BallastEvent["name"]> = Extract<BallastEvent, { name: Name }>["data"];
type Told = Omit<Described, "event">;
type Tellers = { [Name in BallastEvent["name"]]: (data: Data<Name>, context: Context) => Told };

const NOBODY = "11111111111111111111111111111111";
const ROLES = ["admin", "risk authority", "guardian"];
const TABLES = ["exchange", "asset", "underlying", "price feed", "market"];
/** Fraction bits of the program's fixed-point numbers. */
const FIXED_BITS = 48n;

const plain = ({ native, decimals, unit }: Quantity) =>
  `${formatDecimal(native, decimals)} ${unit}`;

const quote = (native: bigint): Quantity => ({ native, decimals: QUOTE_DECIMALS, unit: "USDC" });

function quantity({ venue }: Context, asset: number, native: bigint): Quantity {
  const decimals = venue.assets[asset]?.decimals ?? 0;
  return { native, decimals, unit: assetName(venue, asset) };
}

/** `you` of the account that is looked at, else its short address. */
function who({ account }: Context, other: Address): string {
  return other === account ? "this account" : short(other);
}

function sized({ venue }: Context, terms: Terms, lots: bigint) {
  const { underlying } = terms;
  const size: Quantity = {
    native: lotsToSize(venue, underlying, lots),
    decimals: sizeDecimals(venue, underlying),
    unit: underlyingName(venue, underlying),
  };
  return { market: marketName(venue, terms), lots, size };
}

function priced({ venue }: Context, terms: Terms, perLot: bigint): Price {
  return { perLot, perUnit: unitPrice(venue, terms.underlying, perLot) };
}

const atPrice = ({ perUnit }: Price) => `$${formatDecimal(perUnit, QUOTE_DECIMALS)}`;

/** A size in a market in words; in lots when the market is not known any more. */
function sizeWords(context: Context, market: Address, lots: bigint): string {
  const terms = context.markets.get(market);
  if (!terms) return `${abs(lots)} lots of the market ${short(market)}`;
  return positionWords(context, terms, abs(lots));
}

function positionWords({ venue }: Context, terms: Terms, lots: bigint): string {
  return `${formatLots(venue, terms.underlying, lots)} ${marketName(venue, terms)}`;
}

function marketWords({ venue, markets }: Context, market: Address): string {
  const terms = markets.get(market);
  return terms ? marketName(venue, terms) : `the market ${short(market)}`;
}

function ofTerms({ venue }: Context, terms: ChainTerms): string {
  return marketName(venue, termsOf(terms));
}

/** Market, size and price as far as the market is known. */
function figures(context: Context, market: Address, lots: bigint, price?: bigint): Partial<Told> {
  const terms = context.markets.get(market);
  if (!terms) return { market, lots };
  const sizes = sized(context, terms, lots);
  return price === undefined ? sizes : { ...sizes, price: priced(context, terms, price) };
}

function fundingWords(funding: bigint): string {
  if (funding === 0n) return "";
  return `; ${usd(abs(funding), { digits: QUOTE_DECIMALS })} of funding ${funding > 0n ? "received" : "paid"}`;
}

const fundingOf = (funding: bigint) => (funding === 0n ? {} : { funding: quote(funding) });
const sideName = (side: number) => (side === Side.Bid ? "buy" : "sell");
const opposite = (side: number) => (side === Side.Bid ? Side.Ask : Side.Bid);

/** An order that went away with some of it not filled. */
function orderGone(
  context: Context,
  account: Address,
  id: bigint,
  lots: bigint,
  told: { title: string; text: string },
): Told {
  const placed = context.orders.get(orderKey(account, id));
  const common = { kind: "orders" as const, title: told.title, accounts: [account] };
  if (!placed)
    return { ...common, lots, text: `Order ${id} ${told.text}, ${lots} lots not filled` };
  const terms = termsOf(placed.terms);
  const side = sideName(placed.side);
  const price = priced(context, terms, placed.price);
  return {
    ...common,
    ...sized(context, terms, lots),
    side,
    price,
    text: `Order ${id} to ${side} ${told.text}: ${positionWords(context, terms, lots)} at ${atPrice(price)} not filled`,
  };
}

const exchange = (title: string, text: string, more: Partial<Told> = {}): Told => ({
  kind: "exchange",
  title,
  text,
  accounts: [],
  ...more,
});

const TELLERS: Tellers = {
  deposited: ({ marginAccount, asset, amount, depositor }, context) => {
    const arrived = quantity(context, asset, amount);
    return {
      kind: "funds",
      title: "Deposit",
      text: `${plain(arrived)} deposited by ${short(depositor)}`,
      accounts: [marginAccount],
      amount: arrived,
    };
  },
  withdrawn: ({ marginAccount, asset, amount, borrowed, fee }, context) => {
    const [out, lent, paid] = [amount, borrowed, fee].map((units) =>
      plain(quantity(context, asset, units)),
    );
    const loan = borrowed > 0n ? `, of which ${lent} borrowed for a fee of ${paid}` : "";
    return {
      kind: "funds",
      title: borrowed > 0n ? "Withdrawal with a loan" : "Withdrawal",
      text: `${out} withdrawn${loan}`,
      accounts: [marginAccount],
      amount: quantity(context, asset, -amount),
      ...(fee > 0n ? { fee: quantity(context, asset, fee) } : {}),
    };
  },
  transferred: ({ from, to, asset, amount }, context) => {
    const isOut = from === context.account;
    return {
      kind: "funds",
      title: isOut ? "Transfer out" : "Transfer in",
      text: `${plain(quantity(context, asset, amount))} transferred from ${who(context, from)} to ${who(context, to)}`,
      accounts: [from, to],
      amount: quantity(context, asset, isOut ? -amount : amount),
    };
  },
  orderPlaced: (order, context) => {
    const terms = termsOf(order.terms);
    const price = priced(context, terms, order.price);
    const words = [
      order.postOnly && "post only",
      order.reduceOnly && "reduce only",
      order.expiresAt > 0 && `until ${time(order.expiresAt)}`,
    ].filter((word) => typeof word === "string");
    const side = sideName(order.side);
    return {
      kind: "orders",
      title: "Order placed",
      text: `Order ${order.orderId} rests: ${side} ${positionWords(context, terms, order.lots)} at ${atPrice(price)}${words.length > 0 ? ` (${words.join(", ")})` : ""}`,
      accounts: [order.marginAccount],
      ...sized(context, terms, order.lots),
      side,
      price,
    };
  },
  orderCancelled: ({ marginAccount, orderId, lots }, context) =>
    orderGone(context, marginAccount, orderId, lots, {
      title: "Order cancelled",
      text: "cancelled",
    }),
  orderPruned: ({ marginAccount, orderId, lots }, context) =>
    orderGone(context, marginAccount, orderId, lots, {
      title: "Order removed",
      text: "removed because it could not trade any more",
    }),
  makerSkipped: ({ market, maker, orderId, reason }, context) => ({
    kind: "orders",
    title: "Order passed over",
    text: `Order ${orderId} of ${who(context, maker)} in ${marketWords(context, market)} passed over: ${programWords(reason).what}`,
    accounts: [maker],
    market: marketWords(context, market),
    role: "maker",
  }),
  orderFilled: (fill, context) => {
    const filler = isNone(fill.filler) ? null : fill.filler.value;
    const accounts = [fill.maker, fill.taker, ...(filler ? [filler.marginAccount] : [])];
    const isMaker = fill.maker === context.account;
    const isTaker = fill.taker === context.account;
    const terms = context.markets.get(fill.market);
    const price = terms
      ? atPrice(priced(context, terms, fill.price))
      : `${usd(fill.price, { digits: QUOTE_DECIMALS })} per lot`;
    const what = `${sizeWords(context, fill.market, fill.lots)} at ${price}`;
    const common = {
      kind: "trades" as const,
      accounts,
      ...figures(context, fill.market, fill.lots, fill.price),
    };
    if (!isMaker && !isTaker) {
      const earned = filler !== null && filler.marginAccount === context.account;
      const bought = fill.takerSide === Side.Bid ? "bought" : "sold";
      return {
        ...common,
        title: earned ? "Fill submitted" : "Trade",
        text: `${short(fill.taker)} ${bought} ${what}, order ${fill.makerOrderId} of ${short(fill.maker)}${
          earned
            ? `; ${usd(filler.fee, { digits: QUOTE_DECIMALS })} earned for the fill${fundingWords(filler.funding)}`
            : ""
        }`,
        ...(earned
          ? { role: "filler", fee: quote(-filler.fee), ...fundingOf(filler.funding) }
          : {}),
      };
    }
    const side = isTaker ? fill.takerSide : opposite(fill.takerSide);
    const fee = isTaker ? fill.takerFee : fill.makerFee;
    const funding = isTaker ? fill.takerFunding : fill.makerFunding;
    const role = isTaker ? "taker" : "maker";
    const bought = side === Side.Bid ? "Bought" : "Sold";
    return {
      ...common,
      title: bought,
      text: `${bought} ${what} as ${role}, fee ${usd(fee, { digits: QUOTE_DECIMALS })}${fundingWords(funding)}`,
      side: sideName(side),
      role,
      fee: quote(fee),
      ...fundingOf(funding),
    };
  },
  pnlSettled: ({ marginAccount, market, amount, funding }, context) => ({
    kind: "settlements",
    title: amount < 0n ? "Loss settled" : "Profit settled",
    text: `${usd(abs(amount), { digits: QUOTE_DECIMALS })} of ${amount < 0n ? "loss taken from" : "profit paid to"} cash for ${marketWords(context, market)}${fundingWords(funding)}`,
    accounts: [marginAccount],
    market: marketWords(context, market),
    amount: quote(amount),
    ...fundingOf(funding),
  }),
  positionSettled: ({ marginAccount, market, baseLots, payoff }, context) => {
    const terms = context.markets.get(market);
    const each = terms
      ? atPrice(priced(context, terms, payoff))
      : `${usd(payoff, { digits: QUOTE_DECIMALS })} per lot`;
    return {
      kind: "settlements",
      title: "Position settled",
      text: `${baseLots < 0n ? "Short" : "Long"} ${sizeWords(context, market, baseLots)} settled at a payoff of ${each}`,
      accounts: [marginAccount],
      ...figures(context, market, baseLots, payoff),
    };
  },
  liquidationStarted: ({ marginAccount, equityMaintenance, maintenanceMargin }, context) => ({
    kind: "liquidations",
    title: "Liquidation started",
    text: `Liquidation of ${who(context, marginAccount)} started: equity ${usd(equityMaintenance)} against a maintenance margin of ${usd(maintenanceMargin)}`,
    accounts: [marginAccount],
  }),
  liquidationEnded: ({ marginAccount }, context) => ({
    kind: "liquidations",
    title: "Liquidation ended",
    text: `Liquidation of ${who(context, marginAccount)} ended`,
    accounts: [marginAccount],
  }),
  liquidated: (event, context) => {
    const { marginAccount, liquidator, payment, insuranceFee, insurancePayment } = event;
    const isLiquidator = liquidator === context.account;
    const taken = [
      ...event.balances.map(({ asset, amount }) => {
        const moved = plain(quantity(context, asset, abs(amount)));
        return amount < 0n ? `a loan of ${moved}` : moved;
      }),
      ...event.positions.map(
        ({ terms, baseLots }) =>
          `${baseLots < 0n ? "short" : "long"} ${positionWords(context, termsOf(terms), abs(baseLots))}`,
      ),
    ];
    const ofFund = [
      insuranceFee > 0n && `${usd(insuranceFee)} to the insurance fund`,
      insurancePayment > 0n && `${usd(insurancePayment)} paid by the insurance fund`,
    ].filter((part) => typeof part === "string");
    const price =
      payment < 0n
        ? `the account paid ${usd(-payment)}`
        : `the liquidator paid ${usd(payment)} into the account`;
    const index = isLiquidator ? 1 : 0;
    const funding = event.positions.reduce((sum, moved) => sum + (moved.funding[index] ?? 0n), 0n);
    const cash = isLiquidator ? insurancePayment - payment - insuranceFee : payment;
    return {
      kind: "liquidations",
      title: isLiquidator ? "Liquidated another account" : "Liquidated",
      text: `${percent(event.fractionQ32)} of ${who(context, marginAccount)} taken by ${who(context, liquidator)}${
        taken.length > 0 ? ` (${taken.join(", ")})` : ""
      }: ${[price, ...ofFund].join("; ")}`,
      accounts: [marginAccount, liquidator],
      amount: quote(cash),
      ...(isLiquidator && insuranceFee > 0n ? { fee: quote(insuranceFee) } : {}),
      ...fundingOf(funding),
    };
  },
  deleveraged: (event, context) => {
    const isCounterparty = event.counterparty === context.account;
    const lots = isCounterparty ? -event.baseLots : event.baseLots;
    const funding = event.funding[isCounterparty ? 1 : 0] ?? 0n;
    return {
      kind: "liquidations",
      title: "Deleveraged",
      text: `${sizeWords(context, event.market, lots)} of ${who(context, event.marginAccount)}, which was insolvent, closed against ${who(context, event.counterparty)}, who gave up ${usd(event.givenUp)} of profit${fundingWords(funding)}`,
      accounts: [event.marginAccount, event.counterparty],
      ...figures(context, event.market, lots),
      amount: quote(isCounterparty ? -event.quote : event.quote),
      ...fundingOf(funding),
    };
  },
  bankruptcyResolved: ({ marginAccount, asset, writtenOff }, context) => {
    const loss = quantity(context, asset, writtenOff);
    return {
      kind: "liquidations",
      title: "Loan written off",
      text: `${plain(loss)} that ${who(context, marginAccount)} owed written off at the cost of its depositors`,
      accounts: [marginAccount],
      amount: loss,
    };
  },
  accountOpened: ({ marginAccount, owner, subAccount }) => ({
    kind: "account",
    title: "Account opened",
    text: `Account ${subAccount} of ${short(owner)} opened`,
    accounts: [marginAccount],
  }),
  accountClosed: ({ marginAccount, owner }) => ({
    kind: "account",
    title: "Account closed",
    text: `The account of ${short(owner)} closed`,
    accounts: [marginAccount],
  }),
  delegateSet: ({ marginAccount, delegate }) => ({
    kind: "account",
    title: delegate === NOBODY ? "Delegate removed" : "Delegate set",
    text:
      delegate === NOBODY
        ? "Nobody but the owner may trade now"
        : `${short(delegate)} may trade for the account, and never withdraw`,
    accounts: [marginAccount],
  }),
  priceUpdated: ({ feed, priceBits, publishTime }, { venue }) => {
    const listed = venue.feeds[feed];
    const perUnit = mulDiv(priceBits, 10n ** BigInt(listed?.decimals ?? 0), 1n << FIXED_BITS);
    return exchange(
      "Price updated",
      `${listed?.name ?? `Feed ${feed}`} is $${formatDecimal(perUnit, QUOTE_DECIMALS)}, published ${time(Number(publishTime))}`,
    );
  },
  priceRefused: ({ account, reason }) =>
    exchange(
      "Price refused",
      `The price in ${short(account)} was refused: ${programWords(reason).what}`,
    ),
  interestAccrued: ({ asset, fees, insurance }, context) =>
    exchange(
      "Interest accrued",
      `Interest of ${assetName(context.venue, asset)} accrued: ${plain(quantity(context, asset, fees))} to the exchange, ${plain(quantity(context, asset, insurance))} to the insurance fund`,
    ),
  fundingUpdated: ({ market, rateQ32 }, context) =>
    exchange(
      "Funding updated",
      `Funding of ${marketWords(context, market)} is ${percent(rateQ32, { digits: 6, sign: true })} per period`,
      { market: marketWords(context, market) },
    ),
  surfacePosted: ({ surface }, { venue }) =>
    exchange(
      "Volatility posted",
      `New volatility surface of ${underlyingName(venue, surface.underlying)}`,
    ),
  settlementFinalized: ({ terms, settlementPrice }, context) => {
    const known = termsOf(terms);
    const price = priced(context, known, settlementPrice);
    return exchange("Market settles", `${ofTerms(context, terms)} settles at ${atPrice(price)}`, {
      market: ofTerms(context, terms),
      price,
    });
  },
  marketAdded: ({ terms, creator }, context) =>
    exchange("Market listed", `${ofTerms(context, terms)} listed by ${short(creator)}`, {
      market: ofTerms(context, terms),
    }),
  marketClosed: ({ terms }, context) =>
    exchange("Market closed", `${ofTerms(context, terms)} closed`, {
      market: ofTerms(context, terms),
    }),
  feesCollected: ({ market, amount }, context) =>
    exchange(
      "Fees collected",
      `${usd(amount, { digits: QUOTE_DECIMALS })} of fees collected from ${marketWords(context, market)}`,
      { market: marketWords(context, market) },
    ),
  feesWithdrawn: ({ asset, amount, destination }, context) =>
    exchange(
      "Fees withdrawn",
      `${plain(quantity(context, asset, amount))} of fees sent to ${short(destination)}`,
    ),
  insuranceWithdrawn: ({ asset, amount, destination }, context) =>
    exchange(
      "Insurance withdrawn",
      `${plain(quantity(context, asset, amount))} of the insurance fund sent to ${short(destination)}`,
    ),
  pauseSet: ({ instructions, endsAt, authority }) => {
    const count = instructions.toString(2).replaceAll("0", "").length;
    return exchange(
      count === 0 ? "Pause lifted" : "Paused",
      count === 0
        ? `Everything goes on, by ${short(authority)}`
        : `${count} ${count === 1 ? "instruction" : "instructions"} paused by ${short(authority)} until ${time(Number(endsAt))}`,
    );
  },
  parametersChanged: ({ table, index }, { venue }) => {
    const name =
      table === 1
        ? assetName(venue, index)
        : table === 2
          ? underlyingName(venue, index)
          : table === 3
            ? (venue.feeds[index]?.name ?? `#${index}`)
            : "";
    return exchange(
      "Parameters changed",
      `New parameters of the ${[TABLES[table] ?? "exchange", name].filter(Boolean).join(" ")}`,
    );
  },
  authorityProposed: ({ role, proposed }) =>
    exchange(
      "Authority proposed",
      `${short(proposed)} proposed as ${ROLES[role] ?? `role ${role}`}`,
    ),
  authorityAccepted: ({ role, authority }) =>
    exchange("Authority changed", `${short(authority)} is ${ROLES[role] ?? `role ${role}`} now`),
  exchangeInitialized: ({ admin }) =>
    exchange("Exchange opened", `The exchange was opened by ${short(admin)}`),
  assetAdded: ({ asset }, { venue }) =>
    exchange("Asset listed", `${assetName(venue, asset)} can be deposited and borrowed`),
  underlyingAdded: ({ underlying }, { venue }) =>
    exchange("Underlying listed", `Markets on ${underlyingName(venue, underlying)} can be listed`),
};

/** An event in words. */
export function describe(event: BallastEvent, context: Context): Described {
  const tell = TELLERS[event.name] as (data: BallastEvent["data"], context: Context) => Told;
  return { event: event.name, ...tell(event.data, context) };
}
