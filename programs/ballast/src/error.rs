//! Every reason for which the program refuses an instruction.

use anchor_lang::prelude::*;
use ballast_state::StateError;

/// Error codes, from 6000 in this order. A refused instruction changes nothing.
#[error_code]
#[cfg_attr(not(target_os = "solana"), derive(strum::EnumIter))]
pub enum BallastError {
    // Numbers and prices
    #[msg("A number left its range")]
    Overflow,
    #[msg(
        "A price needed for this is stale or diverges from its second source: refresh the prices first"
    )]
    StalePrice,
    #[msg("A price needed for this has too wide a confidence interval")]
    UncertainPrice,
    #[msg("A price needed for this was never set: refresh the prices first")]
    PriceNeverSet,
    // Slots and lookups
    #[msg("All 16 balance slots of the margin account are in use")]
    BalanceSlotsFull,
    #[msg("All 32 position slots of the margin account are in use")]
    PositionSlotsFull,
    #[msg("All 16 order slots of the margin account are in use: cancel one first")]
    OrderSlotsFull,
    #[msg("An asset, underlying or feed with this index is not listed")]
    UnknownIndex,
    #[msg("The margin account has no position in this market")]
    PositionNotFound,
    #[msg("The liquidator's loan meets a deposit (or the reverse): pass the bank of that asset")]
    BankRequired,
    #[msg("The liquidator's position is netted: pass its market")]
    MarketRequired,
    #[msg("The market's kind is unknown, or does not have this")]
    UnsupportedInstrument,
    // Accounts
    #[msg("The account belongs to another exchange")]
    WrongExchange,
    #[msg("The board is not this exchange's")]
    WrongBoard,
    #[msg("The signer is not the exchange's admin")]
    NotAdmin,
    #[msg("The signer is not the exchange's risk authority")]
    NotRiskAuthority,
    #[msg("The signer is neither the exchange's admin nor its guardian")]
    NotAdminOrGuardian,
    #[msg("The signer is not the one who was proposed for this authority")]
    NotProposed,
    #[msg("The signer does not post this underlying's volatility surface")]
    NotSurfaceAuthority,
    #[msg("The account is not the one that paid the market's rent")]
    NotCreator,
    #[msg("The signer is neither owner nor delegate of the margin account")]
    NotOwnerOrDelegate,
    #[msg("The signer is not the owner of the margin account")]
    NotOwner,
    #[msg("The mint is not the bank's")]
    WrongMint,
    #[msg("The vault is not the bank's")]
    WrongVault,
    #[msg("The token account is not the signer's or not of this mint")]
    WrongTokenAccount,
    #[msg("The bank is not the quote asset's")]
    NotQuoteBank,
    #[msg("The account is not the exchange's insurance fund")]
    NotInsuranceFund,
    #[msg("Two of the margin accounts are the same, or have the same owner")]
    SameAccount,
    #[msg("The orders or position are of another market")]
    WrongMarket,
    // Administration
    #[msg("A parameter is out of its bounds")]
    ParameterOutOfBounds,
    #[msg("The table of the exchange is full")]
    TableFull,
    #[msg(
        "The kinks of the interest curve must rise within 0 and 1, its rates must not fall nor exceed 1,000% a year"
    )]
    InvalidInterestCurve,
    #[msg("The first asset is the quote asset: 6 decimals, no haircuts, no underlying")]
    InvalidQuoteAsset,
    #[msg("The mint has an extension that is not known to be safe for a vault")]
    MintExtensionNotSupported,
    #[msg("The mint's transfer hook could block or observe every transfer")]
    MintHasTransferHook,
    #[msg("The mint allows confidential transfers, whose amounts the vault could not see")]
    MintHasConfidentialTransfers,
    #[msg("The mint has a permanent delegate, who could empty the vault")]
    MintHasPermanentDelegate,
    #[msg("The mint's accounts begin frozen, and so would the vault")]
    MintFreezesVault,
    #[msg("Tokens of this mint cannot be transferred")]
    MintNotTransferable,
    #[msg("The mint can be paused, and with it every withdrawal")]
    MintCanBePaused,
    #[msg("One correlation for each underlying already listed is needed")]
    MissingCorrelations,
    #[msg("The feed counts in units of other decimals")]
    FeedDecimalsMismatch,
    #[msg("The instruction is paused")]
    Paused,
    #[msg("A pause is bounded, and another one must wait until a day after it")]
    PauseTooLong,
    // Markets
    #[msg("The expiry is not one of those on which a market may be listed")]
    ExpiryNotOnGrid,
    #[msg("The strike is no multiple of the step, or too far from the mark")]
    StrikeNotOnGrid,
    #[msg("The market has expired")]
    MarketExpired,
    #[msg("The market has not expired, or has its settlement price already")]
    NotSettling,
    #[msg(
        "The settlement price is not certain yet: after the expiry's next price, or the first later expiry whose window was sampled"
    )]
    SettlementNotReady,
    #[msg("An expired market or position waits for finalize_settlement and settle_position")]
    SettlementPending,
    #[msg("Somebody still holds, owes or is owed something in this market")]
    MarketNotEmpty,
    #[msg("It is too early for the next one")]
    TooEarly,
    #[msg("The volatility surface is out of its bounds")]
    SurfaceOutOfBounds,
    #[msg("The volatility surface is too old to open options: it must be posted first")]
    StaleSurface,
    // Oracles
    #[msg("The account is not owned by a Pyth program")]
    WrongOracleOwner,
    #[msg("The account is no valid price account")]
    InvalidOracleAccount,
    #[msg("No feed of the exchange takes its price from this account")]
    UnknownFeed,
    #[msg("The price update is not fully verified")]
    NotFullyVerified,
    #[msg("The price feed is not trading")]
    NotTrading,
    #[msg("The price is zero or negative")]
    PriceNotPositive,
    #[msg("The price cannot be represented with enough precision")]
    PriceOutOfRange,
    #[msg("The price is older than the one on the board")]
    PriceReplayed,
    #[msg("The price is older than its feed allows")]
    PriceTooOld,
    #[msg("The price was published in the future")]
    PriceFromFuture,
    #[msg("No price account was passed")]
    NoPriceAccounts,
    // Deposits and withdrawals
    #[msg("The amount is zero")]
    ZeroAmount,
    #[msg("The token account holds less than the amount")]
    InsufficientTokens,
    #[msg("The deposit is smaller than the amount, and borrowing was not allowed")]
    InsufficientDeposit,
    #[msg("The vault holds less than the amount: the rest is lent out")]
    InsufficientVaultLiquidity,
    #[msg("The bank's deposit cap would be exceeded")]
    DepositCapExceeded,
    #[msg("The bank's borrow cap would be exceeded")]
    BorrowCapExceeded,
    #[msg("The margin account still holds balances, positions or orders")]
    AccountNotEmpty,
    #[msg("Interest is not accrued up to now: put accrue_interest before this in the transaction")]
    AccrueInterestFirst,
    #[msg("More would leave the bank than its outflow limit allows for now: try less or later")]
    OutflowLimitExceeded,
    #[msg("The asset takes no new deposits and lends no more")]
    AssetReduceOnly,
    #[msg("The bank has fewer fees than the amount")]
    InsufficientFees,
    // Risk
    #[msg("The account would be below its initial margin")]
    BelowInitialMargin,
    #[msg("The maker would be below its initial margin")]
    MakerBelowInitialMargin,
    #[msg("The taker would be below its initial margin")]
    TakerBelowInitialMargin,
    #[msg(
        "The account is in liquidation: only deposits, repayments and reducing orders are allowed"
    )]
    InLiquidation,
    // Orders
    #[msg("The market does not take this order in its present status")]
    MarketNotActive,
    #[msg("The order is below the market's minimum size")]
    OrderTooSmall,
    #[msg("The price is not a multiple of the tick size")]
    PriceNotOnTick,
    #[msg("The price is outside the band around the mark")]
    PriceOutsideBand,
    #[msg("The order has expired")]
    OrderExpired,
    #[msg("The margin account has no order with this number")]
    OrderNotFound,
    #[msg("The orders are on the same side")]
    SameSide,
    #[msg("The orders do not cross")]
    OrdersDoNotCross,
    #[msg("The maker's order is younger than the taker's")]
    MakerIsYounger,
    #[msg("A post-only order never takes")]
    PostOnlyWouldTake,
    #[msg("An immediate-or-cancel order never rests: use place_and_fill")]
    ImmediateOrderRests,
    #[msg("One order number for each of the makers' accounts is needed, at most 16")]
    MakersDoNotMatch,
    #[msg("None of the makers' orders could be traded with; the log says why")]
    NothingFilled,
    #[msg("The order is live and its account can afford it")]
    OrderStillGood,
    #[msg("A reduce-only order would not reduce the position")]
    WouldNotReduce,
    #[msg("The market's open interest cap would be exceeded")]
    OpenInterestCapExceeded,
    // Settlement
    #[msg("An option's profit moves into cash once it is closed or expired")]
    OptionNotClosed,
    #[msg("There is no profit or loss to settle")]
    NothingToSettle,
    #[msg("The market's settlement pool is empty: settle losers first")]
    SettlementPoolEmpty,
    // Liquidation
    #[msg("The account is above its maintenance margin")]
    NotLiquidatable,
    #[msg("The account is not in liquidation: start it first")]
    LiquidationNotStarted,
    #[msg("The auction's price is worse than the caller accepts")]
    WorsePriceThanAccepted,
    #[msg("The largest fraction the caller accepts is zero or above one")]
    InvalidFraction,
    #[msg("The insurance fund is empty")]
    InsuranceFundEmpty,
    #[msg("The slice would leave the account with a lower margin ratio")]
    RatioWouldFall,
    #[msg("The account has equity left at marks: liquidate it")]
    NotInsolvent,
    #[msg("The insurance fund can still pay: liquidate the account")]
    InsuranceFundNotEmpty,
    #[msg(
        "The account is insolvent: its open positions' losses become loans only after its auction"
    )]
    LossNotCovered,
    #[msg("The counterparty's profit does not cover his part: others first, or after the auction")]
    CounterpartyNotInProfit,
    #[msg("The counterparty would fall below its maintenance margin")]
    CounterpartyWouldFall,
    #[msg(
        "Positions are open: auto_deleverage them first, or wait until the auction has run to its end"
    )]
    PositionsStillOpen,
    #[msg("The account owes nothing of this asset: settle its losses first")]
    NoLoan,
    #[msg("Depositors of this asset have borne as much as they may within a day")]
    LossLimitReached,
    #[msg("The insurance fund would fall below its floor")]
    BelowInsuranceFloor,
}

impl From<StateError> for BallastError {
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
            StateError::OutflowLimitExceeded => Self::OutflowLimitExceeded,
            StateError::NoLoan => Self::NoLoan,
        }
    }
}

/// Turns the errors of the pure crates into the program's codes.
pub trait Coded<T> {
    /// The value, or the program's error of the same name.
    fn coded(self) -> Result<T>;
}

impl<T, E: Into<StateError>> Coded<T> for std::result::Result<T, E> {
    fn coded(self) -> Result<T> {
        self.map_err(|error| BallastError::from(error.into()).into())
    }
}

/// The number a client would see.
pub fn code(error: &Error) -> u32 {
    match error {
        Error::AnchorError(error) => error.error_code_number,
        Error::ProgramError(_) => u32::MAX,
    }
}
