//! Why a ledger or health operation is refused.

use ballast_risk::Overflow;

/// The program turns each into the error code of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateError {
    /// A number left its range.
    Overflow,
    /// A price needed for this action is older than its feed allows, or diverges from its second source.
    StalePrice,
    /// A price needed for this action has too wide a confidence interval.
    UncertainPrice,
    /// A price needed for this action was never written to the board.
    PriceNeverSet,
    /// All balance slots of the account are in use.
    BalanceSlotsFull,
    /// All position slots of the account are in use.
    PositionSlotsFull,
    /// All order slots of the account are in use.
    OrderSlotsFull,
    /// An index points outside its table.
    UnknownIndex,
    /// A loan and a deposit meet, so the bank of that asset must be passed.
    BankRequired,
    /// The market's kind is unknown, or does not have what was asked for: a perpetual never settles.
    UnsupportedInstrument,
    /// An expired position must be settled before the account may take risk or let anything leave.
    SettlementPending,
    /// The account owes nothing of the asset.
    NoLoan,
    /// More would leave the bank than its limit allows for now.
    OutflowLimitExceeded,
}

impl From<Overflow> for StateError {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

impl core::fmt::Display for StateError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{self:?}")
    }
}

impl core::error::Error for StateError {}
