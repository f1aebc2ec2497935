//! One asset's tokens: totals, caps and where the vault is.

use crate::{Asset, AssetIndexes, Balance, StateError, StoredI80F48, ledger};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::interest::{Lending, accrue};
use ballast_risk::numbers::{mul_i80f48_floor, mul_q32_floor};
use ballast_risk::planted::{Bug, planted};
use ballast_risk::time::DAY_S;
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
        /// Net outflow that has not come back yet, native units; negative when more came in.
        pub outflow: i64,
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
        let outflow = i128::from(self.outflow) + i128::from(amount);
        if outflow > i128::from(self.outflow_bound()) {
            return Err(StateError::OutflowLimitExceeded);
        }
        // Not above the bound, and not below what it was.
        self.outflow = outflow as i64;
        Ok(())
    }

    /// Counts tokens that arrive: they make room for as many to leave, so that who deposits and withdraws in one transaction uses nothing up. Of
    /// what is left a second later at most the limit counts.
    pub fn count_inflow(&mut self, amount: u64, now: i64) {
        self.refill_outflow(now);
        if self.outflow_limit > 0 {
            self.outflow = self.outflow.saturating_sub_unsigned(amount);
        }
    }

    /// What may leave at `now` (unix seconds), native units; nothing where there is no limit.
    pub fn outflow_left(&self, now: i64) -> Option<u64> {
        let mut bank = *self;
        bank.refill_outflow(now);
        let left = i128::from(bank.outflow_bound()) - i128::from(bank.outflow);
        // At most 2^64 - 1.
        (bank.outflow_limit > 0).then_some(left.max(0) as u64)
    }

    /// The limit as far as an outflow can be counted.
    fn outflow_bound(&self) -> i64 {
        i64::try_from(self.outflow_limit).unwrap_or(i64::MAX)
    }

    /// Lets what has come back since the last time come back: the limit over the window, evenly; likewise what came in is forgotten.
    fn refill_outflow(&mut self, now: i64) {
        let bound = self.outflow_bound();
        // What left under a higher limit comes back within one window too.
        self.outflow = self.outflow.min(bound);
        let elapsed_s = now.saturating_sub(self.outflow_time).max(0).unsigned_abs();
        if elapsed_s == 0 {
            return;
        }
        self.outflow_time = now;
        // Parts of the window's seconds: below 2^127, as no window is longer than a year.
        let window = i128::from(self.outflow_window_s.clamp(1, 1 << 32));
        let level = i128::from(self.outflow) * window - i128::from(self.outflow_rest);
        let level = level.max(-i128::from(bound) * window);
        let back = i128::from(bound) * i128::from(elapsed_s);
        let level = if level > 0 {
            level.saturating_sub(back).max(0)
        } else {
            level.saturating_add(back).min(0)
        };
        // Rounded up, against who takes.
        let outflow = -(-level).div_euclid(window);
        self.outflow = outflow as i64;
        self.outflow_rest = (outflow * window - level) as u64;
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
        let most = match planted(Bug::UnboundedLoss) {
            true => deposits.saturating_add(self.losses),
            false => most,
        };
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
        self.write_totals(indexes)?;
        self.losses = self.losses.saturating_add(amount);
        Ok(amount)
    }

    /// Writes all deposits and all loans to the board, for the size term of haircuts.
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn write_totals(&self, indexes: &mut AssetIndexes) -> Result<(), StateError> {
        indexes.deposits_total = ledger::deposits_total(self, indexes)?;
        indexes.loans_total = ledger::loans_total(self, indexes)?;
        Ok(())
    }

    /// Lets losses lapse evenly over a day, rounded against those who would bear new ones less.
    fn forget_losses(&mut self, now: i64) {
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

    fn limited(limit: u64) -> Bank {
        Bank {
            outflow_limit: limit,
            outflow_window_s: 1_000,
            outflow_time: 100,
            ..Bank::zeroed()
        }
    }

    #[test]
    fn who_deposits_and_withdraws_at_once_uses_no_limit_up() {
        for amount in [1, 999, 1_000, 2_000, 1 << 62] {
            let mut bank = limited(1_000);
            for _ in 0..2 {
                bank.count_inflow(amount, 100);
                assert_eq!(bank.outflow_left(100), Some(1_000 + amount));
                bank.count_outflow(amount, 100).unwrap();
            }
            assert_eq!(bank.outflow_left(100), Some(1_000));
            bank.count_outflow(1_000, 100).unwrap();
            assert_eq!(
                bank.count_outflow(1, 100),
                Err(StateError::OutflowLimitExceeded)
            );
            assert_eq!(bank.outflow_left(100), Some(0));
        }
    }

    #[test]
    fn what_came_in_is_forgotten_as_what_left_comes_back() {
        let mut bank = limited(1_000);
        bank.count_inflow(5_000, 100);
        // The limit at most, and that evenly over its window.
        assert_eq!(bank.outflow_left(101), Some(1_999));
        assert_eq!(bank.outflow_left(350), Some(1_750));
        assert_eq!(bank.outflow_left(1_100), Some(1_000));
        bank.count_inflow(0, 350);
        bank.count_outflow(1_750, 350).unwrap();
        assert_eq!(bank.outflow_left(850), Some(500));
        assert_eq!(bank.outflow_left(i64::MAX), Some(1_000));
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut bank = limited(0);
        bank.count_inflow(5_000, 100);
        bank.count_outflow(u64::MAX, 200).unwrap();
        assert_eq!((bank.outflow, bank.outflow_left(200)), (0, None));
        let mut bank = limited(u64::MAX);
        bank.count_inflow(u64::MAX, 100);
        bank.count_inflow(u64::MAX, 100);
        assert_eq!(bank.outflow_left(100), Some(u64::MAX));
        assert!(bank.count_outflow(u64::MAX, 100).is_ok());
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
