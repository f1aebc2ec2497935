//! Bugs that are planted on purpose, to see whether the fuzzer finds them. They exist only with the feature `planted-bugs`, in a binary of its own that
//! `cargo xtask build planted-bugs` makes; without it [`planted`] is false wherever it is asked, and nothing is left of them.
//!
//! One binary has all of them, asleep: [`wake`] changes the byte in it that says which one is awake.

/// A mistake that somebody could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// `withdraw` takes the owner's key for his signature.
    MissingSigner = 1,
    /// `transfer` does not ask whose account it takes from.
    MissingOwner = 2,
    /// A delegate withdraws.
    DelegateWithdraws = 3,
    /// `withdraw` does not look at margin afterwards.
    MissingMarginCheck = 4,
    /// `set_pause` takes anybody for the guardian.
    MissingAuthority = 5,
    /// `settle_pnl` takes the bank of any exchange.
    MissingExchangeCheck = 6,
    /// A stale price counts as if it were fresh.
    StalePriceAccepted = 7,
    /// A price takes the place of a newer one.
    PriceReplayed = 8,
    /// A price update that is not fully verified is taken.
    UnverifiedPrice = 9,
    /// Funding is rounded in favour of the trader.
    FundingRoundedUp = 10,
    /// Funding is paid by who should receive it.
    FundingSignReversed = 11,
    /// A repayment is booked at the index of deposits.
    WrongIndex = 12,
    /// A winner is paid more than the market's pool holds.
    PoolOverdrawn = 13,
    /// The filler's share of the fees is paid and kept as well.
    FeePaidTwice = 14,
    /// `settle_position` forgets the market's totals.
    TotalsForgotten = 15,
    /// `start_liquidation` does not look at health.
    HealthyLiquidated = 16,
    /// A slice nets positions without the market's totals.
    NettingForgotten = 17,
    /// A loss is shared without its daily bound.
    UnboundedLoss = 18,
    /// A cancelled order leaves its slot half empty.
    SlotHalfEmpty = 19,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::MissingSigner,
        Self::MissingOwner,
        Self::DelegateWithdraws,
        Self::MissingMarginCheck,
        Self::MissingAuthority,
        Self::MissingExchangeCheck,
        Self::StalePriceAccepted,
        Self::PriceReplayed,
        Self::UnverifiedPrice,
        Self::FundingRoundedUp,
        Self::FundingSignReversed,
        Self::WrongIndex,
        Self::PoolOverdrawn,
        Self::FeePaidTwice,
        Self::TotalsForgotten,
        Self::HealthyLiquidated,
        Self::NettingForgotten,
        Self::UnboundedLoss,
        Self::SlotHalfEmpty,
    ];
}

/// Stands in the binary; the byte after the colon is the bug that is awake, 0 for none.
const MARK: [u8; 24] = *b"Ballast planted bug is:\0";
const AWAKE: usize = MARK.len() - 1;

/// Whether a bug is awake.
#[cfg(feature = "planted-bugs")]
#[inline(never)]
pub fn planted(bug: Bug) -> bool {
    static MARKED: [u8; 24] = MARK;
    // Else the compiler would know what it reads.
    core::hint::black_box(&MARKED)[AWAKE] == bug as u8
}

/// Whether a bug is awake: never, without the feature.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Wakes a bug, or none, in the binary of a program that was built with the feature. False when it was built without it.
pub fn wake(program: &mut [u8], bug: Option<Bug>) -> bool {
    let mark = &MARK[..AWAKE];
    let found = program.windows(AWAKE).position(|window| window == mark);
    let byte = found.and_then(|at| program.get_mut(at + AWAKE));
    byte.map(|byte| *byte = bug.map_or(0, |bug| bug as u8))
        .is_some()
}
