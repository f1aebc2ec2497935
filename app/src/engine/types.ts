// Written by `BALLAST_WRITE_TYPES=1 cargo test -p ballast-risk-wasm`. Do not edit.

/** What an account says about itself. */
export type AccountFacts = {
  /** Address of its exchange. */
  exchange: string,
  /** Who may do everything with it. */
  owner: string,
  /** Who may trade, never withdraw. */
  delegate: string | null,
  /** The owner's number for it. */
  subAccount: number,
  /** Number of the next order. */
  nextOrderId: Integer,
  /** Whether it owes or may come to owe anything. One that does not may always withdraw and is never liquidated. */
  hasObligations: boolean,
  /** When its liquidation started. */
  liquidationStartedAt: Seconds | null,
  /** For how long it has been seen below its margin since, while it is in liquidation. */
  auctionElapsed: Seconds,
};

/** The figures of the account that is loaded. Answered by `Assessment`. */
export type AssessRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What the figures are for. Where the prices do not allow that, they are those for reducing risk, and `refusal` says why. */
  purpose: Purpose,
};

/** Everything about an account. Values are in quote units. */
export type Assessment = {
  /** The account itself. */
  account: AccountFacts,
  /** What the figures are for in fact. */
  purpose: Purpose,
  /** Why it is not the purpose that was asked for; the figures are then those of the last known prices. */
  refusal: Failure | null,
  /** The totals. */
  totals: Totals,
  /** As a liquidation sees them, uncertainty in the account's favour; nothing while its prices allow none. */
  liquidation: Totals | null,
  /** Deposits and loans, in the order of the account's slots. */
  balances: Array<BalanceFigures>,
  /** Positions, in the order of the account's slots. */
  positions: Array<PositionFigures>,
  /** What each underlying contributes, in order of appearance. */
  underlyings: Array<UnderlyingFigures>,
  /** Resting orders. They reserve nothing by themselves. */
  orders: Array<OrderFigures>,
  /** Prices and surfaces that the account depends on and that are not fresh. */
  doubts: Array<Doubt>,
};

/** A token that can be deposited and borrowed. */
export type AssetFigures = {
  /** Its index. */
  index: number,
  /** Its mint. */
  mint: string,
  /** Its decimals. */
  decimals: number,
  /** What may be done with it. */
  mode: Mode,
  /** Its price feed. */
  feed: number,
  /** The underlying whose scenarios it takes part in. */
  underlying: number | null,
  /** Price of a whole token, quote units; of the quote asset 1. */
  priceQ32: Integer,
  /** All deposits when interest was last accrued, native units. */
  depositsTotal: Integer,
  /** All loans at that time, native units. */
  loansTotal: Integer,
  /** When interest was last accrued. */
  accruedAt: Seconds,
  /** Loans over deposits. */
  utilisationQ32: Integer,
  /** Yearly rate that deposits earn now. */
  depositRateQ32: Integer,
  /** Yearly rate that loans pay now. */
  borrowRateQ32: Integer,
  /** Utilisations at which the interest curve bends. */
  interestKinksQ32: Array<Integer>,
  /** Yearly rates at utilisation 0, at the kinks and at 100%. */
  interestRatesQ32: Array<Integer>,
  /** Share of interest that lenders do not get. */
  interestFeeQ32: Integer,
  /** Fee on new loans. */
  originationFeeQ32: Integer,
  /** Haircut on deposits for maintenance. */
  depositHaircutMaintenanceQ32: Integer,
  /** Haircut on deposits for initial margin, now: its base and the part that follows the scan range. */
  depositHaircutInitialQ32: Integer,
  /** Haircut on top of loans for maintenance. */
  loanHaircutMaintenanceQ32: Integer,
  /** Haircut on top of loans for initial margin, now. */
  loanHaircutInitialQ32: Integer,
  /** Worth of all deposits from which on the haircut grows, quote units; nothing for no limit. */
  haircutSizeStart: Integer | null,
  /** Native units per deposit share. */
  depositIndexQ32: Integer,
  /** Native units per loan share. */
  borrowIndexQ32: Integer,
  /** What its bank says, while that is loaded. */
  bank: BankFigures | null,
};

/** A deposit or a loan. Values in quote units, negative for loans. */
export type BalanceFigures = {
  /** Index of the asset. */
  asset: number,
  /** Native units. */
  amount: Integer,
  /** Value without haircut; 0 when its price may not be used. */
  value: Integer,
  /** Value after the maintenance haircut. */
  maintenance: Integer,
  /** Value after the initial haircut, at the worse of price and slow price. */
  initial: Integer,
};

/** A bank, native units. Totals are at the indexes of the board. */
export type BankFigures = {
  /** All deposits. */
  deposits: Integer,
  /** All loans. */
  loans: Integer,
  /** Largest sum of deposits. */
  depositCap: Integer,
  /** Largest sum of loans. */
  borrowCap: Integer,
  /** Largest net outflow at once; nothing for no limit. */
  outflowLimit: Integer | null,
  /** What may leave now by that limit. */
  outflowLeft: Integer | null,
  /** In which time the whole limit comes back. */
  outflowWindow: Seconds,
};

/** Something that happens to an account or to the markets. */
export type Change = { "kind": "deposit",
  /** Index of the asset. */
  asset: number,
  /** Native units. */
  amount: Integer,
} | { "kind": "withdraw",
  /** Index of the asset. */
  asset: number,
  /** Native units. */
  amount: Integer,
  /** Whether it may borrow. */
  borrow: boolean,
} | { "kind": "trade",
  /** What is traded. */
  terms: Terms,
  /** Lots. */
  lots: Integer,
  /** Quote units per lot; the mark when there is none. */
  price?: Integer,
  /** Whose fee is paid; none when nothing is said. */
  fee?: Liquidity,
} | { "kind": "order",
  /** What is traded. */
  terms: Terms,
  /** The side. */
  side: Side,
  /** Lots. */
  lots: Integer,
  /** Quote units per lot. */
  price: Integer,
  /** Whether it may only reduce a position. */
  reduceOnly: boolean,
} | { "kind": "movePrice",
  /** Index of the underlying. */
  underlying: number,
  /** The factor. */
  factorQ32: Integer,
} | { "kind": "moveImpliedVolatility",
  /** Index of the underlying. */
  underlying: number,
  /** The factor. */
  factorQ32: Integer,
} | { "kind": "moveRealisedVolatility",
  /** Index of the underlying. */
  underlying: number,
  /** The factor. */
  factorQ32: Integer,
} | { "kind": "passTime",
  /** How much. */
  seconds: Seconds,
};

/** What a change costs. */
export type ChangeFee = {
  /** Its place in the request. */
  change: number,
  /** Asset in which it is paid; the quote asset for trades. */
  asset: number,
  /** Native units. */
  amount: Integer,
};

/** A change that would be refused. */
export type ChangeRefusal = {
  /** Its place in the request. */
  change: number,
  /** Why. */
  failure: Failure,
};

/** Estimates of the correlation of two underlyings. */
export type CorrelationFigures = {
  /** Indexes of the two. */
  underlyings: [number, number],
  /** The low estimate, 1e-4. */
  lowBps: number,
  /** The high estimate, 1e-4. */
  highBps: number,
};

/** An account at one price of an underlying. Values in quote units. */
export type CurvePoint = {
  /** What the present price is multiplied by. */
  factorQ32: Integer,
  /** Mark of one lot of the underlying. */
  markQ32: Integer,
  /** Equity at marks, less what it is now with the deposits and withdrawals of the request but without its trades. */
  profit: Integer,
  /** Equity less initial margin. */
  healthInitial: Integer,
  /** Equity less maintenance margin: below 0 the account can be liquidated. */
  healthMaintenance: Integer,
};

/** Profit and health of the account along prices of one underlying. Answered by `CurvePoint[]`, in the order of the factors. */
export type CurveRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What happens before. */
  changes: Array<Change>,
  /** Whose price moves, and with it the prices of the assets mapped to it. */
  underlying: number,
  /** What the present price is multiplied by. */
  factorsQ32: Array<Integer>,
  /** How much time passes; what expires until then counts at its payoff. */
  seconds?: Seconds,
  /** What the underlying's implied volatility is multiplied by. */
  volatilityFactorQ32?: Integer,
  /** Instead of letting time pass: every future and option on the underlying counts at its payoff at the moved price, whenever it
   * expires. */
  atExpiry?: boolean,
};

/** What the account depends on and is not fresh. */
export type Doubt = { "kind": "price",
  /** Index of the feed. */
  feed: number,
  /** How far it may be trusted. */
  validity: PriceValidity,
  /** Whether it is apart from its second source. */
  divergent: boolean,
  /** Time since it was published; nothing for one that never was. */
  age: Seconds | null,
} | { "kind": "surface",
  /** Index of the underlying. */
  underlying: number,
};

/** Why a request has no answer, or why the program would refuse an action. */
export type Failure = {
  /** The program's error code, or 1 to 3 for what only this engine says. */
  code: number,
  /** The error's name: the program's, or `MalformedRequest`, `MalformedAccount`, `NotLoaded`. */
  name: string,
  /** What it means. */
  message: string,
};

/** Trading fees of one kind of market: fractions of the traded value, for options of the underlying's value. */
export type FeeFigures = {
  /** Paid by the older order. */
  makerQ32: Integer,
  /** Paid by the younger order. */
  takerQ32: Integer,
  /** Share of both fees that goes to whoever submits the fill. */
  fillerShareQ32: Integer,
  /** Options: largest fee as a share of the premium. */
  premiumCapQ32: Integer,
};

/** A price feed. Prices are quote units per whole token or unit of the underlying, Q32. */
export type FeedFigures = {
  /** Its index. */
  index: number,
  /** Name such as `SOL/USD`. */
  name: string,
  /** Where its prices come from. */
  source: FeedSource,
  /** Decimals of the token or base unit. */
  decimals: number,
  /** The feed compared with. */
  compareWith: number | null,
  /** Oldest price that counts as fresh. */
  ageMax: Seconds,
  /** Largest confidence interval over price that counts as certain. */
  confidenceMaxQ32: Integer,
  /** Largest distance to the feed compared with. */
  divergenceMaxQ32: Integer,
  /** When the price was published; nothing before the first. */
  publishTime: Seconds | null,
  /** How long ago that was. */
  age: Seconds | null,
  /** How far it may be trusted now. */
  validity: PriceValidity,
  /** Whether it is apart from its second source. */
  divergent: boolean,
  /** The price. */
  priceQ32: Integer,
  /** Its confidence interval. */
  confidenceQ32: Integer,
  /** The slow price. */
  slowQ32: Integer,
  /** Slot in which the board took it. */
  updatedSlot: Integer,
};

/** Where a feed's prices come from. */
export type FeedSource = { "kind": "pythPull",
  /** The feed id, 64 hexadecimal digits. */
  feedId: string,
} | { "kind": "pythPush",
  /** Its address. */
  address: string,
} | { "kind": "unknown"
};

/** Trading fees by kind of market. */
export type Fees = {
  /** Of perpetuals. */
  perpetual: FeeFigures,
  /** Of futures. */
  future: FeeFigures,
  /** Of calls. */
  call: FeeFigures,
  /** Of puts. */
  put: FeeFigures,
};

/** Funding of a perpetual. Positive rates are paid by the long side. */
export type FundingFigures = {
  /** Time in which the rate is paid once. */
  period: Seconds,
  /** The rate per period as a part of the mark; 0 once it no longer stands. */
  rateQ32: Integer,
  /** The same for a year. */
  yearlyRateQ32: Integer,
  /** Largest rate per period. */
  maximumQ32: Integer,
  /** When the rate was last updated; nothing before the first time. */
  updatedAt: Seconds | null,
  /** Until when it stands. */
  standsUntil: Seconds,
};

/** An account over prices and implied volatilities of an underlying. */
export type Grid = {
  /** For every price, in the order of the request, one entry for every volatility. */
  rows: Array<Array<CurvePoint>>,
};

/** Profit and health of the account over prices and implied volatilities of one underlying. Answered by `Grid`. */
export type GridRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What happens before. */
  changes: Array<Change>,
  /** Whose price and volatility move. */
  underlying: number,
  /** What the present price is multiplied by. */
  priceFactorsQ32: Array<Integer>,
  /** What implied volatility is multiplied by. */
  volatilityFactorsQ32: Array<Integer>,
  /** How much time passes; what expires until then counts at its payoff. */
  seconds?: Seconds,
};

/** Instructions that can be paused. */
export type Instruction = "deposit" | "withdraw" | "transfer" | "placeOrder" | "fillOrder" | "settlePnl" | "startLiquidation" | "liquidate" | "refreshPrices" | "accrueInterest" | "openAccount" | "placeAndFill" | "pruneOrder" | "updateFunding" | "postSurface" | "listSeries" | "finalizeSettlement" | "settlePosition" | "autoDeleverage" | "resolveBankruptcy";

/** An exact integer, `"123n"` in JSON. In fields whose name ends in `Q32` it is the value times 2^32, rounded down. */
export type Integer = bigint;

/** What a market trades. */
export type Kind = "perpetual" | "future" | "call" | "put";

/** The largest size that is allowed. */
export type LargestAnswer = {
  /** Native units or lots, without sign; 0 when none is. */
  size: Integer,
  /** What stands against one more. */
  limit: Failure | null,
};

/** The largest amount or number of lots of a change that is allowed after others. Answered by `LargestAnswer`. */
export type LargestRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What happens before. */
  changes: Array<Change>,
  /** A withdrawal, a trade or an order; its amount or lots do not matter, of a trade's lots only the sign. */
  template: Change,
};

/** One trade of a package. */
export type Leg = {
  /** What is traded. */
  terms: Terms,
  /** Lots bought, or sold when negative. */
  lots: Integer,
  /** Quote units per lot; the mark when there is none. */
  price?: Integer,
};

/** What a package of trades is worth by itself. The account that is loaded does not matter. Answered by `Package`. */
export type LegsRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What is traded. */
  legs: Array<Leg>,
  /** Whose price moves. */
  underlying: number,
  /** What the present price is multiplied by. */
  factorsQ32: Array<Integer>,
};

/** Parameters of liquidation. */
export type LiquidationFigures = {
  /** Where between maintenance and initial margin an account leaves liquidation. */
  bufferQ32: Integer,
  /** Discount when the auction starts. */
  discountStartQ32: Integer,
  /** Discount at `first`. */
  discountFirstQ32: Integer,
  /** First stretch of the auction. */
  first: Seconds,
  /** When the price of a solvent account reaches 0. */
  zero: Seconds,
  /** When the insurance fund's premium is full. */
  premiumFull: Seconds,
  /** The largest such premium as a part of the maintenance margin. */
  premiumQ32: Integer,
  /** Share of the discount that goes to the insurance fund. */
  insuranceShareQ32: Integer,
  /** Accounts whose gross value is below this are taken whole, quote units. */
  dustValue: Integer,
};

/** Marks of one lot of an underlying at which a liquidation could begin, quote units. Both are the present mark when it could already. */
export type LiquidationMarksAnswer = {
  /** The present mark. */
  markQ32: Integer,
  /** The nearest below; nothing down to a 64th of the present mark. */
  belowQ32: Integer | null,
  /** The nearest above; nothing up to 16 times the present mark. */
  aboveQ32: Integer | null,
};

/** The nearest marks of an underlying at which a liquidation could begin, everything else unchanged. Answered by `LiquidationMarksAnswer`. */
export type LiquidationMarksRequest = {
  /** Cluster time. */
  now: Seconds,
  /** Whose price moves. */
  underlying: number,
  /** What happens before. */
  changes: Array<Change>,
};

/** Which of two crossing orders one is. */
export type Liquidity = "maker" | "taker";

/** What may be done with an asset. */
export type Mode = "active" | "reduceOnly" | "closing";

/** A resting order. */
export type OrderFigures = {
  /** Number within the account. */
  id: Integer,
  /** The owner's own number. */
  clientId: Integer,
  /** What it trades. */
  terms: Terms,
  /** The side. */
  side: Side,
  /** Limit price, quote units per lot. */
  price: Integer,
  /** Lots that are not filled yet. */
  lots: Integer,
  /** When it lapses. */
  expiresAt: Seconds | null,
  /** Whether it has lapsed. */
  lapsed: boolean,
  /** Whether it may only reduce a position. */
  reduceOnly: boolean,
  /** Whether it only trades as the older order. */
  postOnly: boolean,
  /** Slot in which it was placed. */
  placedSlot: Integer,
  /** Initial health if it were filled whole at its price, quote units; nothing when the prices do not allow to add risk. An order that is
   * not affordable any more can be pruned by anybody. */
  healthIfFilled: Integer | null,
};

/** What a package of trades is worth by itself. Values in quote units. */
export type Package = {
  /** What it costs; negative when it pays. */
  cost: Integer,
  /** The figures of an account that holds nothing else: its margin, its positions and their sensitivities. */
  alone: Assessment,
  /** Along prices, in the order of the factors. */
  points: Array<PackagePoint>,
};

/** A package at one price of an underlying. Values in quote units. */
export type PackagePoint = {
  /** What the present price is multiplied by. */
  factorQ32: Integer,
  /** Mark of one lot of the underlying. */
  markQ32: Integer,
  /** Profit if the price moved there now. */
  now: Integer,
  /** Profit once everything dated on the underlying has settled there. */
  atExpiry: Integer,
};

/** A position. Values in quote units. */
export type PositionFigures = {
  /** In what. */
  terms: Terms,
  /** Lots, negative for short. */
  lots: Integer,
  /** Received (positive) or paid so far, fees included, without the funding of `funding`. */
  quote: Integer,
  /** Funding since the last settlement of it: received (positive) or owed. */
  funding: Integer,
  /** Lots at their mark, or at their payoff once that is certain. */
  value: Integer,
  /** Value, quote and funding: what closing at the mark would leave. */
  profit: Integer,
  /** Mark of one lot, quote units; nothing without lots or price. */
  markQ32: Integer | null,
  /** Price of one lot for delivery at the expiry, quote units. */
  forwardQ32: Integer,
  /** Price of one lot at which the position has neither won nor lost; nothing without lots. */
  breakEvenQ32: Integer | null,
  /** An option's implied volatility. */
  volatilityQ32: Integer | null,
  /** Change of value per relative change of the underlying's price. */
  delta: Integer,
  /** The same in base units of the underlying (10^-decimals of one). */
  deltaUnits: Integer,
  /** Change of `delta` per rise of the price by 1%. 0 for what is not an option, like the other two. */
  gamma: Integer,
  /** Change of value per volatility point. */
  vega: Integer,
  /** Change of value per day that passes. */
  theta: Integer,
  /** Whether it has expired. */
  expired: boolean,
};

/** How far a price may be trusted. */
export type PriceValidity = "fresh" | "wide" | "stale" | "never";

/** What figures are for: it decides how prices that are not fresh count. */
export type Purpose = "addRisk" | "reduceRisk" | "liquidate" | "takeOver";

/** A market's mark at the last known price. */
export type Quote = {
  /** Which market. */
  terms: Terms,
  /** Its figures; nothing while the underlying has no price, or for a market that cannot be valued. */
  figures: QuoteFigures | null,
  /** Why there are none. */
  failure: Failure | null,
};

/** Figures of one lot, quote units. */
export type QuoteFigures = {
  /** How far the underlying's price may be trusted. */
  validity: PriceValidity,
  /** Whether options on the underlying cannot be opened because its surface is too old. */
  surfaceStale: boolean,
  /** Mark. */
  markQ32: Integer,
  /** Mark of one lot of the underlying. */
  underlyingMarkQ32: Integer,
  /** Price of one lot of the underlying for delivery at the expiry. */
  forwardQ32: Integer,
  /** What exercising at the underlying's mark would pay; 0 for what is not an option. */
  intrinsicQ32: Integer,
  /** An option's implied volatility. */
  volatilityQ32: Integer | null,
  /** Change of the mark per change of the underlying's mark. */
  deltaQ32: Integer,
  /** Change of that per rise of the price by 1%. */
  gammaQ32: Integer,
  /** Change of the mark per volatility point. */
  vegaQ32: Integer,
  /** Change of the mark per day that passes. */
  thetaQ32: Integer,
  /** Lowest price that an order may have. */
  bandLow: Integer,
  /** Highest price that an order may have. */
  bandHigh: Integer,
};

/** Marks and sensitivities of markets. Answered by `Quote[]`, in the same order. */
export type QuotesRequest = {
  /** Cluster time. */
  now: Seconds,
  /** Which. */
  markets: Array<Terms>,
};

/** One scenario of one underlying. */
export type ScenarioFigures = {
  /** Relative move of the price. */
  priceMoveQ32: Integer,
  /** The move in thirds of the scan range. */
  thirdsOfRange: number,
  /** Where implied volatility goes. */
  volatility: VolatilityMove,
  /** How much of a loss counts. */
  weightQ32: Integer,
  /** Profit of everything on the underlying, not weighted. */
  profit: Integer,
  /** What counts of its loss; 0 for a profit. */
  loss: Integer,
};

/** Unix seconds, or a length of time in seconds. */
export type Seconds = number;

/** Which side of a market an order is on. */
export type Side = "bid" | "ask";

/** A volatility surface. */
export type SurfaceFigures = {
  /** Volatility at the money by tenor. */
  atTheMoney: Array<TenorFigures>,
  /** Skew coefficient. */
  skewQ32: Integer,
  /** Smile coefficient. */
  smileQ32: Integer,
  /** Lowest volatility. */
  floorQ32: Integer,
  /** Highest volatility. */
  capQ32: Integer,
  /** When it was posted; nothing before the first. */
  postedAt: Seconds | null,
  /** How long ago that was. */
  age: Seconds | null,
  /** Whether it is too old to open options on. */
  stale: boolean,
};

/** Volatility at the money of one tenor. */
export type TenorFigures = {
  /** The tenor. */
  days: number,
  /** Its volatility. */
  volatilityQ32: Integer,
};

/** What identifies a market. */
export type Terms = {
  /** Index of the underlying. */
  underlying: number,
  /** What it trades. */
  kind: Kind,
  /** When it expires; 0 for a perpetual. */
  expiry: Seconds,
  /** Quote units per lot; 0 for what has no strike. */
  strike: Integer,
};

/** Equity against margin, quote units. */
export type Totals = {
  /** Equity at marks, without haircuts. */
  equityMark: Integer,
  /** Equity after maintenance haircuts. */
  equityMaintenance: Integer,
  /** Equity after initial haircuts, at the worse of price and slow price, unsettled profit capped. */
  equityInitial: Integer,
  /** Sum of the sizes of all values. */
  grossValue: Integer,
  /** Sum of the sizes of the deltas of all underlyings. */
  exposure: Integer,
  /** Margin, part 1: directional losses after aggregation across underlyings. */
  directionalLoss: Integer,
  /** Margin, part 2: losses that are not directional. */
  residualLoss: Integer,
  /** Margin, part 3: contingencies for size and for short options. */
  contingencies: Integer,
  /** Factor on the three parts for the quote asset's de-peg. */
  depegFactorQ32: Integer,
  /** The three parts times that factor. */
  maintenanceMargin: Integer,
  /** Maintenance margin times the exchange's factor. */
  initialMargin: Integer,
  /** Equity for maintenance at which a liquidation ends. */
  bufferMargin: Integer,
  /** Equity less margin, initial: an action that adds risk needs at least 0 afterwards. */
  healthInitial: Integer,
  /** Equity less margin, maintenance: below 0 the account can be liquidated. */
  healthMaintenance: Integer,
  /** Maintenance margin over equity for maintenance: from 0 without margin to 1, above which the account can be liquidated. Nothing
   * when there is margin and no equity. */
  marginRatioQ32: Integer | null,
  /** Exposure over equity at marks; nothing without equity. */
  leverageQ32: Integer | null,
  /** Whether it can be liquidated by these figures. */
  isLiquidatable: boolean,
};

/** What an underlying contributes to the margin. Values in quote units. */
export type UnderlyingFigures = {
  /** Index of the underlying. */
  underlying: number,
  /** Mark of one lot, quote units. */
  markQ32: Integer,
  /** Scan range. */
  rangeQ32: Integer,
  /** Change of value per relative change of the price: spot deposits and loans, perpetuals and futures. */
  delta: Integer,
  /** Likewise the options. */
  optionDelta: Integer,
  /** Both in base units of the underlying (10^-decimals of one). */
  deltaUnits: Integer,
  /** Change of the delta per rise of the price by 1%. */
  gamma: Integer,
  /** Change of value per volatility point. */
  vega: Integer,
  /** Change of value per day that passes. */
  theta: Integer,
  /** Profit of all positions. */
  profit: Integer,
  /** What it is revalued in. */
  scenarios: Array<ScenarioFigures>,
  /** Index of the worst in `scenarios`; nothing when none loses. */
  worstScenario: number | null,
  /** The worst weighted loss: directional part and residual. */
  scanLoss: Integer,
  /** Directional part, signed as the delta; aggregated across underlyings before it counts. */
  directional: Integer,
  /** The part that is not directional. */
  residual: Integer,
  /** Contingency for size. */
  sizeContingency: Integer,
  /** Minimum for net short options. */
  optionContingency: Integer,
  /** Value of the long options. */
  longOptionValue: Integer,
  /** By how much the maintenance margin would fall without this underlying. Of a hedge it is negative, and because of offsets the sum is not
   * the margin. */
  contribution: Integer,
};

/** Everything about an exchange and its board. */
export type Venue = {
  /** Address of the board. */
  board: string,
  /** Address of the insurance fund, a margin account. */
  insuranceFund: string,
  /** Initial margin over maintenance margin. */
  initialFactorQ32: Integer,
  /** Largest part of the sum of directional losses that offsets across underlyings may take away. */
  offsetMaxQ32: Integer,
  /** Factor on margin per unit that the quote asset's price lies below 0.99. */
  depegMultiplierQ32: Integer,
  /** Parameters of liquidation. */
  liquidation: LiquidationFigures,
  /** Instructions that are paused now. */
  paused: Array<Instruction>,
  /** When the pause ends by itself, if anything is paused now. */
  pauseEndsAt: Seconds | null,
  /** Fees per kind of market. */
  fees: Fees,
  /** Price feeds, by index. */
  feeds: Array<FeedFigures>,
  /** Assets, by index; the first is the quote asset. */
  assets: Array<AssetFigures>,
  /** Underlyings, by index. */
  underlyings: Array<VenueUnderlying>,
  /** Correlations of pairs of underlyings. */
  correlations: Array<CorrelationFigures>,
};

/** Everything about the exchange and its board. Answered by `Venue`. */
export type VenueRequest = {
  /** Cluster time. */
  now: Seconds,
};

/** What perpetuals, futures and options are written on. Prices and marks are quote units per lot. */
export type VenueUnderlying = {
  /** Its index. */
  index: number,
  /** Its ticker. */
  name: string,
  /** Its price feed. */
  feed: number,
  /** Decimals of its base unit. */
  decimals: number,
  /** Base units in a lot. */
  lotSize: Integer,
  /** Mark of a lot; nothing before the first price. */
  markQ32: Integer | null,
  /** Scan range. */
  rangeQ32: Integer,
  /** Realised volatility. */
  realisedVolatilityQ32: Integer,
  /** The volatility surface. */
  surface: SurfaceFigures,
  /** Yearly carry of the forward. */
  carryQ32: Integer,
  /** Funding of the perpetual. */
  funding: FundingFigures,
  /** How far an order's price may lie from the mark. */
  priceBandQ32: Integer,
  /** How far an option's price may lie from its mark beyond that, as a part of the underlying's mark. */
  optionPriceBandQ32: Integer,
  /** Strikes are multiples of this. */
  strikeStep: Integer,
  /** Strikes of a new series lie between the mark divided and multiplied by this. */
  strikeSpanQ32: Integer,
  /** Tick of option series. */
  optionTickSize: Integer,
  /** Largest open interest of an option series that anyone lists, lots. */
  optionOpenInterestCap: Integer,
  /** Minimum margin of a net short option as a part of the mark. */
  shortOptionMinimumQ32: Integer,
  /** Discount on long options for initial margin. */
  longOptionDiscountQ32: Integer,
  /** Relative rise of implied volatility in scenarios, at 30 days. */
  volatilityShockUpQ32: Integer,
  /** Relative fall of implied volatility in scenarios, at 30 days. */
  volatilityShockDownQ32: Integer,
  /** Largest unsettled profit of one account that counts for initial margin, quote units. */
  unsettledProfitCap: Integer,
  /** Depth of the market for the size contingency, quote units. */
  sizeDepth: Integer,
};

/** Where implied volatility goes in a scenario. */
export type VolatilityMove = "down" | "unchanged" | "up";

/** An account before and after changes. */
export type WhatIfAnswer = {
  /** Before. */
  before: Assessment,
  /** After. A change that is not possible at all is left out; one that is only not allowed has happened. */
  after: Assessment,
  /** Whether the program would allow all of it, each step at the time it comes, as far as the loaded accounts tell. Without its bank it says
   * nothing about an asset's caps, and nothing about the open interest of a market. */
  allowed: boolean,
  /** What it would refuse. */
  refusals: Array<ChangeRefusal>,
  /** Trading fees and fees on new loans that are paid, quote units and native units of the borrowed assets apart. */
  fees: Array<ChangeFee>,
};

/** The figures of the account before and after changes, and whether the program would allow them. Answered by `WhatIfAnswer`. */
export type WhatIfRequest = {
  /** Cluster time. */
  now: Seconds,
  /** What the figures are for. */
  purpose: Purpose,
  /** What happens, one after the other. */
  changes: Array<Change>,
};
