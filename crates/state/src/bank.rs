//! One asset's tokens: totals, caps and where the vault is.

use crate::{Asset, AssetIndexes, Balance, StateError, StoredI80F48, ledger};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::interest::{Lending, accrue};
use ballast_risk::numbers::{mul_i80f48_floor, mul_q32_floor};
use fixed::types::I80F48;
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
        /// Losses that depositors have borne within the last day, native units; they lapse evenly.
        pub losses: u64,
        /// When `losses` was last brought up to date, unix seconds.
        pub losses_time: i64,
        /// Room.
        pub reserved: [u64; 11],
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

    /// Writes `amount` native units of a loan off at the cost of all deposits, whose index falls; returned is what was written off: no more than is
    /// owed, and with what was written off within a day before no more than the part `maximum_q32` of all deposits.
    ///
    /// # Errors
    /// [`StateError::Overflow`], [`StateError::NoLoan`].
    pub fn write_off(
        &mut self,
        loan: &mut Balance,
        indexes: &mut AssetIndexes,
        amount: u64,
        maximum_q32: u64,
        now: i64,
    ) -> Result<u64, StateError> {
        let owed = ledger::amount(loan, indexes)?.min(0).unsigned_abs();
        if owed == 0 {
            return Err(StateError::NoLoan);
        }
        // Rounded down, so that they bear at least what is written off.
        let deposits = ledger::deposits_total(self, indexes)?.saturating_sub(1);
        let most = mul_q32_floor(
            i64::try_from(deposits).map_err(|_| StateError::Overflow)?,
            maximum_q32,
        )?
        .unsigned_abs();
        self.forget_losses(now);
        let amount = amount.min(owed).min(most.saturating_sub(self.losses));
        if amount == 0 {
            return Ok(0);
        }
        let kept = I80F48::from_num(deposits - amount)
            .checked_div(I80F48::from_num(deposits))
            .ok_or(StateError::Overflow)?;
        let index = mul_i80f48_floor(indexes.deposit.get(), kept)?;
        indexes.deposit.set(index);
        ledger::credit(loan, self, indexes, amount)?;
        indexes.deposits_total = ledger::deposits_total(self, indexes)?;
        indexes.loans_total = ledger::loans_total(self, indexes)?;
        self.losses = self.losses.saturating_add(amount);
        Ok(amount)
    }

    /// Lets losses lapse evenly over a day, rounded against those who would bear new ones less.
    fn forget_losses(&mut self, now: i64) {
        const DAY_S: u64 = 86_400;
        let elapsed_s = now.saturating_sub(self.losses_time).max(0).unsigned_abs();
        let kept = u128::from(self.losses) * u128::from(DAY_S.saturating_sub(elapsed_s));
        self.losses = kept.div_ceil(u128::from(DAY_S)) as u64;
        self.losses_time = self.losses_time.max(now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_risk::Q32_ONE;
    use bytemuck::Zeroable;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn depositors_bear_what_is_written_off_within_bounds(
            deposits in 1_000u64..1 << 50, part in 0.01f64..1.0, amount in 1u64..1 << 50, maximum in 0.0f64..0.5,
            deposit_index in 0.5f64..3.0, borrow_index in 0.5f64..3.0, later_s in 0i64..200_000,
        ) {
            let mut bank = Bank::zeroed();
            let mut indexes = AssetIndexes {
                deposit: I80F48::from_num(deposit_index).into(),
                borrow: I80F48::from_num(borrow_index).into(),
                ..AssetIndexes::default()
            };
            let (mut lender, mut loan) = (Balance::default(), Balance::default());
            ledger::credit(&mut lender, &mut bank, &indexes, deposits).unwrap();
            let lent = ((deposits as f64 * part) as u64).max(1);
            ledger::debit(&mut loan, &mut bank, &indexes, lent).unwrap();
            let exact = |bank: &Bank, indexes: &AssetIndexes| {
                let deposits = bank.deposit_shares.get() * indexes.deposit.get();
                deposits - bank.borrow_shares.get() * indexes.borrow.get()
            };
            let maximum_q32 = (maximum * Q32_ONE as f64) as u64;
            let mut all = 0;
            for now in [1_000, 1_000, 1_000 + later_s] {
                let (claims, owed) = (exact(&bank, &indexes), ledger::amount(&loan, &indexes).unwrap());
                let Ok(written_off) = bank.write_off(&mut loan, &mut indexes, amount, maximum_q32, now) else {
                    prop_assert_eq!(owed, 0);
                    break;
                };
                // Deposits never exceed what covers them by more than before, and the debtor gets no more than that.
                prop_assert!(exact(&bank, &indexes) <= claims);
                prop_assert!(ledger::amount(&loan, &indexes).unwrap() - owed <= written_off as i64);
                prop_assert!(written_off <= amount && written_off <= owed.unsigned_abs());
                if now == 1_000 {
                    all += written_off;
                    prop_assert!(all as f64 <= deposits as f64 * maximum + 1.0);
                }
                prop_assert!(indexes.deposit.get() > 0);
            }
        }
    }

    #[test]
    fn losses_lapse_within_a_day() {
        let mut bank = Bank {
            losses: 1_000,
            losses_time: 100,
            ..Bank::zeroed()
        };
        bank.forget_losses(100 + 21_600);
        assert_eq!((bank.losses, bank.losses_time), (750, 21_700));
        bank.forget_losses(0);
        assert_eq!((bank.losses, bank.losses_time), (750, 21_700));
        bank.forget_losses(i64::MAX);
        assert_eq!(bank.losses, 0);
    }
}
