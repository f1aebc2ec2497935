//! A perpetual, a dated future or an option series.

use crate::StateError;
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use solana_pubkey::Pubkey;

/// What a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarketKind {
    /// Never expires; funding keeps it near spot.
    Perpetual = 0,
    /// Settles in cash at expiry.
    Future = 1,
    /// European call, settled in cash.
    Call = 2,
    /// European put, settled in cash.
    Put = 3,
}

layout! {
    /// What identifies a market: its address derives from these 24 bytes, and positions and orders carry them.
    #[derive(Debug, Default, PartialEq, Eq)]
    part MarketTerms [24] {
        /// Unix seconds; 0 for a perpetual.
        pub expiry: i64,
        /// Quote units per lot; 0 for perpetuals and futures.
        pub strike: u64,
        /// Index of the underlying.
        pub underlying: u8,
        /// A [`MarketKind`].
        pub kind: u8,
        /// Fills the word.
        pub padding: [u8; 6],
    }
}

impl MarketTerms {
    /// Terms of the perpetual on an underlying.
    pub fn perpetual(underlying: u8) -> Self {
        Self {
            underlying,
            kind: MarketKind::Perpetual as u8,
            ..Self::default()
        }
    }

    /// The kind.
    ///
    /// # Errors
    /// [`StateError::UnsupportedInstrument`] for a byte that no kind has.
    pub fn kind(&self) -> Result<MarketKind, StateError> {
        match self.kind {
            0 => Ok(MarketKind::Perpetual),
            1 => Ok(MarketKind::Future),
            2 => Ok(MarketKind::Call),
            3 => Ok(MarketKind::Put),
            _ => Err(StateError::UnsupportedInstrument),
        }
    }
}

/// What may be done in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarketStatus {
    /// Everything.
    Active = 0,
    /// Only orders that reduce a position.
    ReduceOnly = 1,
    /// Expired, waiting for its settlement price.
    Settling = 2,
    /// Settled.
    Closed = 3,
}

layout! {
    /// One market. The sum of its positions' `quote` plus its fees equals its settlement pool, always.
    account Market [248] b"market\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Who paid the rent.
        pub creator: Pubkey,
        /// Its terms.
        pub terms: MarketTerms,
        /// Prices are multiples of this, quote units per lot.
        pub tick_size: u64,
        /// Smallest order, lots.
        pub order_minimum_lots: u64,
        /// Sum of all long positions, lots.
        pub open_interest_lots: u64,
        /// Largest open interest, lots.
        pub open_interest_cap_lots: u64,
        /// Cash that losers paid in and winners have not taken yet, quote units.
        pub settlement_pool: u64,
        /// Trading fees that belong to the exchange, quote units, part of the pool once settled.
        pub fees: u64,
        /// Funding: sum of premium times seconds since the last update, Q32.
        pub premium_sum_q32: i64,
        /// Funding: when the premium was last sampled, unix seconds.
        pub premium_time: i64,
        /// Price at which it settled, quote units per lot; 0 before.
        pub settlement_price: u64,
        /// Room.
        pub reserved: [u64; 10],
        /// A [`MarketStatus`].
        pub status: u8,
        /// Bump of its address.
        pub bump: u8,
        /// Fills the word.
        pub padding: [u8; 6],
    }
}

impl Market {
    /// Books the change of one side's position in the open interest.
    ///
    /// # Errors
    /// [`StateError::Overflow`] when the totals do not match the positions.
    pub fn move_open_interest(
        &mut self,
        before_lots: i64,
        after_lots: i64,
    ) -> Result<(), StateError> {
        let long = |lots: i64| lots.max(0).unsigned_abs();
        self.open_interest_lots = self
            .open_interest_lots
            .checked_add(long(after_lots))
            .and_then(|sum| sum.checked_sub(long(before_lots)))
            .ok_or(StateError::Overflow)?;
        Ok(())
    }
}

offsets!(Market {
    exchange: 0,
    creator: 32,
    terms: 64,
    tick_size: 88,
    open_interest_lots: 104,
    settlement_pool: 120,
    fees: 128,
    status: 240,
});
