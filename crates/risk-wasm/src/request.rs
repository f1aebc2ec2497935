//! What is asked of the engine.

use crate::wire::{Integer, Liquidity, Purpose, Seconds, Side, Terms};

/// A request: the operation's name in the field `operation`, and its fields beside it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Request {
    /// See [`VenueRequest`].
    Venue(VenueRequest),
    /// See [`AssessRequest`].
    Assess(AssessRequest),
    /// See [`WhatIfRequest`].
    WhatIf(WhatIfRequest),
    /// See [`LiquidationMarksRequest`].
    LiquidationMarks(LiquidationMarksRequest),
    /// See [`QuotesRequest`].
    Quotes(QuotesRequest),
    /// See [`CurveRequest`].
    Curve(CurveRequest),
    /// See [`GridRequest`].
    Grid(GridRequest),
    /// See [`LegsRequest`].
    Legs(LegsRequest),
    /// See [`LargestRequest`].
    Largest(LargestRequest),
}

request! {
    /// Everything about the exchange and its board. Answered by `Venue`.
    pub struct VenueRequest {
        /// Cluster time.
        pub now: Seconds,
    }

    /// The figures of the account that is loaded. Answered by `Assessment`.
    pub struct AssessRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What the figures are for. Where the prices do not allow that, they are those for reducing risk, and `refusal` says why.
        pub purpose: Purpose,
    }

    /// The figures of the account before and after changes, and whether the program would allow them. Answered by `WhatIfAnswer`.
    pub struct WhatIfRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What the figures are for.
        pub purpose: Purpose,
        /// What happens, one after the other.
        pub changes: Vec<Change>,
    }

    /// The nearest marks of an underlying at which a liquidation could begin, everything else unchanged. Answered by `LiquidationMarksAnswer`.
    pub struct LiquidationMarksRequest {
        /// Cluster time.
        pub now: Seconds,
        /// Whose price moves.
        pub underlying: u8,
        /// What happens before.
        pub changes: Vec<Change>,
    }

    /// Marks and sensitivities of markets. Answered by `Quote[]`, in the same order.
    pub struct QuotesRequest {
        /// Cluster time.
        pub now: Seconds,
        /// Which.
        pub markets: Vec<Terms>,
    }

    /// Profit and health of the account along prices of one underlying. Answered by `CurvePoint[]`, in the order of the factors.
    pub struct CurveRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What happens before.
        pub changes: Vec<Change>,
        /// Whose price moves, and with it the prices of the assets mapped to it.
        pub underlying: u8,
        /// What the present price is multiplied by.
        pub factors_q32: Vec<Integer>,
        /// How much time passes; what expires until then counts at its payoff.
        pub seconds: Option<Seconds>,
        /// What the underlying's implied volatility is multiplied by.
        pub volatility_factor_q32: Option<Integer>,
        /// Instead of letting time pass: every future and option on the underlying counts at its payoff at the moved price, whenever it
        /// expires.
        pub at_expiry: Option<bool>,
    }

    /// Profit and health of the account over prices and implied volatilities of one underlying. Answered by `Grid`.
    pub struct GridRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What happens before.
        pub changes: Vec<Change>,
        /// Whose price and volatility move.
        pub underlying: u8,
        /// What the present price is multiplied by.
        pub price_factors_q32: Vec<Integer>,
        /// What implied volatility is multiplied by.
        pub volatility_factors_q32: Vec<Integer>,
        /// How much time passes; what expires until then counts at its payoff.
        pub seconds: Option<Seconds>,
    }

    /// What a package of trades is worth by itself. The account that is loaded does not matter. Answered by `Package`.
    pub struct LegsRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What is traded.
        pub legs: Vec<Leg>,
        /// Whose price moves.
        pub underlying: u8,
        /// What the present price is multiplied by.
        pub factors_q32: Vec<Integer>,
    }

    /// One trade of a package.
    pub struct Leg {
        /// What is traded.
        pub terms: Terms,
        /// Lots bought, or sold when negative.
        pub lots: Integer,
        /// Quote units per lot; the mark when there is none.
        pub price: Option<Integer>,
    }

    /// The largest amount or number of lots of a change that is allowed after others. Answered by `LargestAnswer`.
    pub struct LargestRequest {
        /// Cluster time.
        pub now: Seconds,
        /// What happens before.
        pub changes: Vec<Change>,
        /// A withdrawal, a trade or an order; its amount or lots do not matter, of a trade's lots only the sign.
        pub template: Change,
    }

    /// Something that happens to an account or to the markets.
    #[serde(tag = "kind", rename_all_fields = "camelCase")]
    pub enum Change {
        /// Deposits, and repays a loan of the asset first.
        Deposit {
            /// Index of the asset.
            asset: u8,
            /// Native units.
            amount: Integer,
        },
        /// Withdraws, and borrows what is missing if that is allowed.
        Withdraw {
            /// Index of the asset.
            asset: u8,
            /// Native units.
            amount: Integer,
            /// Whether it may borrow.
            borrow: bool,
        },
        /// Buys lots, or sells them when negative: a fill.
        Trade {
            /// What is traded.
            terms: Terms,
            /// Lots.
            lots: Integer,
            /// Quote units per lot; the mark when there is none.
            price: Option<Integer>,
            /// Whose fee is paid; none when nothing is said.
            fee: Option<Liquidity>,
        },
        /// Places an order. It is judged as the program judges one, and the figures after it are those with the order filled whole
        /// at its price, without fee.
        Order {
            /// What is traded.
            terms: Terms,
            /// The side.
            side: Side,
            /// Lots.
            lots: Integer,
            /// Quote units per lot.
            price: Integer,
            /// Whether it may only reduce a position.
            reduce_only: bool,
        },
        /// Multiplies an underlying's price and that of the assets mapped to it; slow prices stay.
        MovePrice {
            /// Index of the underlying.
            underlying: u8,
            /// The factor.
            factor_q32: Integer,
        },
        /// Multiplies an underlying's implied volatility.
        MoveImpliedVolatility {
            /// Index of the underlying.
            underlying: u8,
            /// The factor.
            factor_q32: Integer,
        },
        /// Multiplies an underlying's realised volatility.
        MoveRealisedVolatility {
            /// Index of the underlying.
            underlying: u8,
            /// The factor.
            factor_q32: Integer,
        },
        /// Lets time pass while prices and surfaces stay as fresh as they are; what expires turns into its payoff at the price of that moment
        /// in the sequence.
        PassTime {
            /// How much.
            seconds: Seconds,
        },
    }
}
