//! Why something cannot be answered, or would be refused.

use ballast_state::StateError;

answer! {
    /// Why a request has no answer, or why the program would refuse an action.
    pub struct Failure {
        /// The program's error code, or 1 to 3 for what only this engine says.
        pub code: u32,
        /// The error's name: the program's, or `MalformedRequest`, `MalformedAccount`, `NotLoaded`.
        pub name: &'static str,
        /// What it means.
        pub message: String,
    }
}

impl Failure {
    /// A request that cannot be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            name: "MalformedRequest",
            message: message.into(),
        }
    }

    /// Data that is not the account it should be.
    pub fn account(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            name: "MalformedAccount",
            message: message.into(),
        }
    }

    /// An account that is needed and was not given.
    pub fn not_loaded(what: &str) -> Self {
        Self {
            code: 3,
            name: "NotLoaded",
            message: format!("load the {what} first"),
        }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $message:literal;)*) => {
        /// Errors of the program that the engine foresees.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $(#[doc = $message] $name,)*
        }

        impl Refusal {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What is shown of it.
            pub fn failure(self) -> Failure {
                let (code, name, message) = match self {
                    $(Self::$name => ($code, stringify!($name), $message),)*
                };
                Failure { code, name, message: message.into() }
            }
        }
    };
}

refusals! {
    Overflow = 6000, "A number left its range";
    StalePrice = 6001, "A price needed for this is stale or diverges from its second source: refresh the prices first";
    UncertainPrice = 6002, "A price needed for this has too wide a confidence interval";
    PriceNeverSet = 6003, "A price needed for this was never set: refresh the prices first";
    BalanceSlotsFull = 6004, "All 16 balance slots of the margin account are in use";
    PositionSlotsFull = 6005, "All 32 position slots of the margin account are in use";
    OrderSlotsFull = 6006, "All 16 order slots of the margin account are in use: cancel one first";
    UnknownIndex = 6007, "An asset, underlying or feed with this index is not listed";
    BankRequired = 6009, "The liquidator's loan meets a deposit (or the reverse): pass the bank of that asset";
    UnsupportedInstrument = 6011, "The market's kind is unknown, or does not have this";
    WrongExchange = 6012, "The account belongs to another exchange";
    Paused = 6042, "The instruction is paused";
    MarketExpired = 6046, "The market has expired";
    SettlementPending = 6049, "An expired market or position waits for finalize_settlement and settle_position";
    StaleSurface = 6053, "The volatility surface is too old to open options: it must be posted first";
    ZeroAmount = 6065, "The amount is zero";
    InsufficientDeposit = 6067, "The deposit is smaller than the amount, and borrowing was not allowed";
    InsufficientVaultLiquidity = 6068, "The vault holds less than the amount: the rest is lent out";
    DepositCapExceeded = 6069, "The bank's deposit cap would be exceeded";
    BorrowCapExceeded = 6070, "The bank's borrow cap would be exceeded";
    OutflowLimitExceeded = 6073, "More would leave the bank than its outflow limit allows for now: try less or later";
    AssetReduceOnly = 6074, "The asset takes no new deposits and lends no more";
    BelowInitialMargin = 6076, "The account would be below its initial margin";
    InLiquidation = 6079, "The account is in liquidation: only deposits, repayments and reducing orders are allowed";
    PriceOutsideBand = 6083, "The price is outside the band around the mark";
    TakerBelowInitialMargin = 6078, "The taker would be below its initial margin";
    WouldNotReduce = 6094, "A reduce-only order would not reduce the position";
    NoLoan = 6111, "The account owes nothing of this asset: settle its losses first";
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Overflow => Self::Overflow,
            StateError::StalePrice => Self::StalePrice,
            StateError::UncertainPrice => Self::UncertainPrice,
            StateError::PriceNeverSet => Self::PriceNeverSet,
            StateError::BalanceSlotsFull => Self::BalanceSlotsFull,
            StateError::PositionSlotsFull => Self::PositionSlotsFull,
            StateError::OrderSlotsFull => Self::OrderSlotsFull,
            StateError::UnknownIndex => Self::UnknownIndex,
            StateError::BankRequired => Self::BankRequired,
            StateError::UnsupportedInstrument => Self::UnsupportedInstrument,
            StateError::SettlementPending => Self::SettlementPending,
            StateError::NoLoan => Self::NoLoan,
            StateError::OutflowLimitExceeded => Self::OutflowLimitExceeded,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure()
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Refusal::from(error).failure()
    }
}
