//! One asset's tokens: totals, caps and where the vault is.

use crate::{Asset, AssetIndexes, StateError, StoredI80F48};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::interest::{Lending, accrue};
use solana_pubkey::Pubkey;

layout! {
    /// The bank of one asset. Vault tokens + loans >= deposits + settlement pools + fees, always.
    account Bank [312] b"bank\0\0\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Mint of its tokens.
        pub mint: Pubkey,
        /// Token account that holds them; the bank itself is its authority.
        pub vault: Pubkey,
        /// Sum of all positive shares.
        pub deposit_shares: StoredI80F48,
        /// Sum of all negative shares, as a positive number.
        pub borrow_shares: StoredI80F48,
        /// Quote asset only: sum of the settlement pools of all markets, native units.
        pub settlement_pools: u64,
        /// Fees that belong to the exchange, native units.
        pub fees: u64,
        /// Largest sum of deposits, native units.
        pub deposit_cap: u64,
        /// Largest sum of loans, native units.
        pub borrow_cap: u64,
        /// Largest net outflow at once, native units; it comes back over `outflow_window_s`. 0 for no limit.
        pub outflow_limit: u64,
        /// Seconds in which the whole limit comes back.
        pub outflow_window_s: u64,
        /// When `outflow` was last brought up to date, unix seconds.
        pub outflow_time: i64,
        /// Net outflow that has not come back yet, native units.
        pub outflow: u64,
        /// Part of a unit that has come back, in parts of `outflow_window_s`.
        pub outflow_rest: u64,
        /// Room.
        pub reserved: [u64; 13],
        /// Index of the asset in the exchange.
        pub asset: u8,
        /// Bump of the bank's address.
        pub bump: u8,
        /// Bump of the vault's address.
        pub vault_bump: u8,
        /// Fills the word.
        pub padding: [u8; 5],
    }
}

impl Bank {
    /// Counts tokens that leave.
    ///
    /// # Errors
    /// [`StateError::OutflowLimitExceeded`].
    pub fn count_outflow(&mut self, amount: u64, now: i64) -> Result<(), StateError> {
        self.refill_outflow(now);
        if self.outflow_limit == 0 {
            return Ok(());
        }
        let outflow = self.outflow.saturating_add(amount);
        if outflow > self.outflow_limit {
            return Err(StateError::OutflowLimitExceeded);
        }
        self.outflow = outflow;
        Ok(())
    }

    /// Counts tokens that arrive: they make room, but never more than the limit.
    pub fn count_inflow(&mut self, amount: u64, now: i64) {
        self.refill_outflow(now);
        self.outflow = self.outflow.saturating_sub(amount);
    }

    /// Lets what has come back since the last time come back: the limit over the window, evenly.
    fn refill_outflow(&mut self, now: i64) {
        // What left under a higher limit comes back within one window too.
        self.outflow = self.outflow.min(self.outflow_limit);
        let window = u128::from(self.outflow_window_s.max(1));
        let elapsed_s = now.saturating_sub(self.outflow_time).max(0).unsigned_abs();
        let back = (u128::from(self.outflow_limit) * u128::from(elapsed_s))
            .saturating_add(self.outflow_rest.into());
        self.outflow_time = self.outflow_time.max(now);
        if back / window >= u128::from(self.outflow) {
            self.outflow = 0;
            self.outflow_rest = 0;
        } else {
            // Below the outflow, and below the window.
            self.outflow -= (back / window) as u64;
            self.outflow_rest = (back % window) as u64;
        }
    }

    /// Brings the interest of this bank up to `now` (unix seconds): the indexes on the board and the exchange's fees. Returned is what the
    /// insurance fund gets; the caller books it, and the total of deposits on the board after it.
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn accrue(
        &mut self,
        asset: &Asset,
        indexes: &mut AssetIndexes,
        now: i64,
    ) -> Result<u64, StateError> {
        let elapsed_s = now.saturating_sub(indexes.accrued_at).max(0).unsigned_abs();
        let lending = Lending {
            deposit_index: indexes.deposit.get(),
            borrow_index: indexes.borrow.get(),
            deposit_shares: self.deposit_shares.get(),
            borrow_shares: self.borrow_shares.get(),
        };
        let accrued = accrue(
            &lending,
            &asset.interest_curve(),
            &asset.interest_shares(),
            elapsed_s,
        )?;
        indexes.deposit.set(accrued.deposit_index);
        indexes.borrow.set(accrued.borrow_index);

        indexes.loans_total = accrued.loans_total;
        indexes.accrued_at = now.max(indexes.accrued_at);
        self.fees = self
            .fees
            .checked_add(accrued.fees)
            .ok_or(StateError::Overflow)?;
        Ok(accrued.insurance)
    }

    /// Whether shares may change at `now` (unix seconds) without taking or leaving interest of the time before: interest is accrued up to
    /// now, or nothing is lent and nothing will be, or loans of the asset cost nothing.
    pub fn is_accrued(&self, asset: &Asset, indexes: &AssetIndexes, now: i64, lends: bool) -> bool {
        indexes.accrued_at >= now
            || (self.borrow_shares.is_zero() && !lends)
            || asset.interest_rates_q32 == [0; 4]
    }
}

offsets!(Bank {
    exchange: 0,
    mint: 32,
    vault: 64,
    deposit_shares: 96,
    borrow_shares: 112,
    settlement_pools: 128,
    fees: 136,
    asset: 304,
});
