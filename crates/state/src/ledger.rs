//! Movements of deposits and loans. Every rounding is in the bank's favour, and totals always equal the sum of shares.

use crate::{AssetIndexes, Balance, Bank, MarginAccount, StateError};
use ballast_risk::numbers::{mul_i80f48_ceil, mul_i80f48_floor, whole_product};
use ballast_risk::planted::{Bug, planted};
use fixed::types::I80F48;

/// Native units of a balance: a deposit rounded down, a loan (negative) rounded away from zero.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn amount(balance: &Balance, indexes: &AssetIndexes) -> Result<i64, StateError> {
    let shares = balance.shares.get();
    if shares >= 0 {
        Ok(whole_product(shares, indexes.deposit.get())?.0)
    } else {
        let owed = shares.checked_neg().ok_or(StateError::Overflow)?;
        let (whole, exact) = whole_product(owed, indexes.borrow.get())?;
        let owed = whole.checked_add(i64::from(!exact));
        Ok(-owed.ok_or(StateError::Overflow)?)
    }
}

/// Native units that an account has deposited of an asset, rounded down; 0 for a loan.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn deposit(
    account: &MarginAccount,
    asset: u8,
    indexes: &AssetIndexes,
) -> Result<u64, StateError> {
    match account.balance(asset) {
        Some(balance) => Ok(amount(balance, indexes)?.max(0).unsigned_abs()),
        None => Ok(0),
    }
}

/// Value of signed shares at a price per native unit, quote units, rounded up without rounding to native units first.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn value_ceil(
    shares: I80F48,
    indexes: &AssetIndexes,
    price: I80F48,
) -> Result<i64, StateError> {
    if shares >= 0 {
        let amount = mul_i80f48_ceil(shares, indexes.deposit.get())?;
        let value = mul_i80f48_ceil(amount, price)?.checked_ceil();
        to_amount(value.ok_or(StateError::Overflow)?)
    } else {
        let amount = mul_i80f48_floor(-shares, indexes.borrow.get())?;
        Ok(-to_amount(mul_i80f48_floor(amount, price)?.floor())?)
    }
}

/// Native units worth at least `value` quote units, at a price per native unit.
///
/// # Errors
/// [`StateError::PriceNeverSet`], [`StateError::Overflow`].
pub fn native_ceil(value: i64, price: I80F48) -> Result<u64, StateError> {
    if price <= 0 {
        return Err(StateError::PriceNeverSet);
    }
    // The quotient is rounded down, so what looks whole may be a little more.
    let amount = I80F48::from_num(value).checked_div(price);
    let amount = amount.and_then(|amount| amount.checked_add(I80F48::DELTA)?.checked_ceil());
    amount
        .and_then(I80F48::checked_to_num)
        .ok_or(StateError::Overflow)
}

/// All deposits of a bank in native units, rounded up: what the bank owes depositors at most.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn deposits_total(bank: &Bank, indexes: &AssetIndexes) -> Result<u64, StateError> {
    total_ceil(bank.deposit_shares.get(), indexes.deposit.get())
}

/// All loans of a bank in native units, rounded up.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn loans_total(bank: &Bank, indexes: &AssetIndexes) -> Result<u64, StateError> {
    total_ceil(bank.borrow_shares.get(), indexes.borrow.get())
}

fn total_ceil(shares: I80F48, index: I80F48) -> Result<u64, StateError> {
    mul_i80f48_ceil(shares, index)?
        .checked_ceil()
        .and_then(|total| total.checked_to_num())
        .ok_or(StateError::Overflow)
}

fn to_amount(value: I80F48) -> Result<i64, StateError> {
    value.checked_to_num().ok_or(StateError::Overflow)
}

fn shares_floor(amount: u64, index: I80F48) -> Result<I80F48, StateError> {
    I80F48::from_num(amount)
        .checked_div(index)
        .ok_or(StateError::Overflow)
}

fn shares_ceil(amount: u64, index: I80F48) -> Result<I80F48, StateError> {
    let floor = shares_floor(amount, index)?;
    if mul_i80f48_floor(floor, index)? >= I80F48::from_num(amount) {
        return Ok(floor);
    }
    floor.checked_add(I80F48::DELTA).ok_or(StateError::Overflow)
}

/// Adds `amount` native units to a balance: repays a loan first, deposits the rest.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn credit(
    balance: &mut Balance,
    bank: &mut Bank,
    indexes: &AssetIndexes,
    amount_in: u64,
) -> Result<(), StateError> {
    let mut rest = amount_in;
    let shares = balance.shares.get();
    if shares < 0 {
        let owed = amount(balance, indexes)?.unsigned_abs();
        let repaid = if rest >= owed {
            rest -= owed;
            -shares
        } else {
            let index = match planted(Bug::WrongIndex) {
                true => indexes.deposit,
                false => indexes.borrow,
            };
            let repaid = shares_floor(rest, index.get())?;
            rest = 0;
            repaid
        };
        change_shares(balance, bank, repaid)?;
    }
    if rest > 0 {
        change_shares(balance, bank, shares_floor(rest, indexes.deposit.get())?)?;
    }
    Ok(())
}

/// Takes `amount` native units from a balance: uses up a deposit first, borrows the rest. Returns the part borrowed.
///
/// # Errors
/// [`StateError::Overflow`].
pub fn debit(
    balance: &mut Balance,
    bank: &mut Bank,
    indexes: &AssetIndexes,
    amount_out: u64,
) -> Result<u64, StateError> {
    let mut rest = amount_out;
    let shares = balance.shares.get();
    if shares > 0 {
        let owned = amount(balance, indexes)?.unsigned_abs();
        let used = if rest >= owned {
            rest -= owned;
            shares
        } else {
            let used = shares_ceil(rest, indexes.deposit.get())?.min(shares);
            rest = 0;
            used
        };
        change_shares(balance, bank, -used)?;
    }
    if rest > 0 {
        change_shares(balance, bank, -shares_ceil(rest, indexes.borrow.get())?)?;
    }
    Ok(rest)
}

/// Changes a balance's shares without crossing zero, and the bank's total of that side with it.
fn change_shares(balance: &mut Balance, bank: &mut Bank, change: I80F48) -> Result<(), StateError> {
    let before = balance.shares.get();
    let after = before.checked_add(change).ok_or(StateError::Overflow)?;
    let is_deposit = before > 0 || (before == 0 && after > 0);
    let total = if is_deposit {
        &mut bank.deposit_shares
    } else {
        &mut bank.borrow_shares
    };
    let sum = if is_deposit {
        total.get().checked_add(change)
    } else {
        total.get().checked_sub(change)
    };
    let sum = sum.ok_or(StateError::Overflow)?;
    if sum < 0 {
        return Err(StateError::Overflow);
    }
    total.set(sum);
    balance.shares.set(after);
    Ok(())
}

/// Moves `shares` (same sign as `from` has) from one account's balance to another's and returns the signed native units
/// they stand for. Only when a deposit meets a loan do the totals change, and the bank is needed.
///
/// # Errors
/// [`StateError::BankRequired`] and [`StateError::Overflow`].
pub fn move_shares(
    from: &mut Balance,
    to: &mut Balance,
    shares: I80F48,
    indexes: &AssetIndexes,
    bank: Option<&mut Bank>,
) -> Result<i64, StateError> {
    let moved = Balance {
        shares: shares.into(),
        ..*from
    };
    let moved_amount = amount(&moved, indexes)?;
    let target = to.shares.get();
    if target == 0 || (target > 0) == (shares > 0) {
        from.shares.set(from.shares.get() - shares);
        to.shares
            .set(target.checked_add(shares).ok_or(StateError::Overflow)?);
        return Ok(moved_amount);
    }
    let bank = bank.ok_or(StateError::BankRequired)?;
    change_shares(from, bank, -shares)?;
    if moved_amount >= 0 {
        credit(to, bank, indexes, moved_amount.unsigned_abs())?;
    } else {
        debit(to, bank, indexes, moved_amount.unsigned_abs())?;
    }
    Ok(moved_amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use proptest::prelude::*;

    fn indexes(deposit: f64, borrow: f64) -> AssetIndexes {
        AssetIndexes {
            deposit: I80F48::from_num(deposit).into(),
            borrow: I80F48::from_num(borrow).into(),
            ..AssetIndexes::default()
        }
    }

    #[test]
    fn native_units_are_worth_what_is_missing() {
        let price = I80F48::from_num(3);
        for value in 0..20 {
            let units = native_ceil(value, price).unwrap() as i64;
            assert!(units * 3 >= value && (units - 1) * 3 <= value);
        }
        // A whole quotient may have been rounded down to it.
        assert_eq!(native_ceil(7, I80F48::ONE), Ok(8));
        assert_eq!(native_ceil(7, I80F48::ZERO), Err(StateError::PriceNeverSet));
        assert_eq!(
            native_ceil(i64::MAX, I80F48::DELTA),
            Err(StateError::Overflow)
        );
    }

    #[test]
    fn borrowing_and_repaying_cross_zero_cleanly() {
        let (mut balance, mut bank) = (Balance::default(), Bank::zeroed());
        let indexes = indexes(1.25, 1.5);
        credit(&mut balance, &mut bank, &indexes, 1_000).unwrap();
        assert_eq!(amount(&balance, &indexes), Ok(1_000));
        assert_eq!(debit(&mut balance, &mut bank, &indexes, 1_600), Ok(600));
        assert_eq!(amount(&balance, &indexes), Ok(-600));
        assert!(bank.deposit_shares.is_zero());
        credit(&mut balance, &mut bank, &indexes, 600).unwrap();
        assert!(balance.is_free() && bank.borrow_shares.is_zero());
    }

    /// Indexes around 1 and beyond: neighbours of round ones, and whatever has few bits.
    fn some_indexes() -> impl Iterator<Item = I80F48> + Clone {
        let around = |bits: i128| [bits - 1, bits, bits + 1].map(I80F48::from_bits);
        let round = (32..80).map(|parts_of_32| parts_of_32 << 43);
        round.chain((40..70).map(|k| 1 << k)).flat_map(around)
    }

    #[test]
    fn shares_of_an_amount_are_worth_no_more_and_those_for_it_no_less() {
        let amounts = (0..300).chain((9..64).flat_map(|k| [(1u64 << k) - 1, 1 << k, (1 << k) + 1]));
        for index in some_indexes() {
            let mut last = (I80F48::ZERO, I80F48::ZERO);
            for amount in amounts.clone() {
                let (Ok(floor), Ok(ceil)) =
                    (shares_floor(amount, index), shares_ceil(amount, index))
                else {
                    continue;
                };
                let amount = I80F48::from_num(amount);
                // Exact in both directions: no more than the amount, and one bit more of shares would be; and no less.
                assert!(mul_i80f48_ceil(floor, index).unwrap() <= amount);
                assert!(mul_i80f48_ceil(floor + I80F48::DELTA, index).unwrap() > amount);
                assert!(mul_i80f48_floor(ceil, index).unwrap() >= amount);
                assert!(ceil >= floor && ceil - floor <= I80F48::DELTA);
                assert!(floor >= last.0 && ceil >= last.1);
                last = (floor, ceil);
            }
        }
    }

    /// What a bank's depositors are owed less what its borrowers owe, in units of 2^-96.
    fn claims(bank: &Bank, indexes: &AssetIndexes) -> i128 {
        let product = |shares: I80F48, index: I80F48| shares.to_bits() * index.to_bits();
        product(bank.deposit_shares.get(), indexes.deposit.get())
            - product(bank.borrow_shares.get(), indexes.borrow.get())
    }

    #[test]
    fn no_movement_of_small_amounts_gives_more_than_was_paid() {
        let pairs: Vec<_> = some_indexes()
            .filter(|index| (I80F48::ONE..I80F48::ONE * 4).contains(index))
            .step_by(3)
            .zip(
                some_indexes()
                    .filter(|index| *index >= I80F48::ONE)
                    .skip(4)
                    .step_by(3),
            )
            .collect();
        // Shares of -2 to 2 in quarters, and a bit beside.
        let shares = (-8..=8i128)
            .flat_map(|quarters| [-1, 0, 1].map(|bit| I80F48::from_bits((quarters << 46) + bit)));
        let own = |shares: I80F48| {
            let balance = Balance {
                shares: shares.into(),
                ..Balance::default()
            };
            let mut bank = Bank::zeroed();
            bank.deposit_shares.set(shares.max(I80F48::ZERO));
            bank.borrow_shares.set((-shares).max(I80F48::ZERO));
            (balance, bank)
        };
        for (deposit, borrow) in pairs {
            let indexes = AssetIndexes {
                deposit: deposit.into(),
                borrow: borrow.into(),
                ..AssetIndexes::default()
            };
            for shares in shares.clone() {
                let (before, bank_before) = own(shares);
                let had = amount(&before, &indexes).unwrap();
                let claimed = claims(&bank_before, &indexes);
                for moved in 0..6u64 {
                    let paid = i128::from(moved) << 96;
                    let (mut balance, mut bank) = own(shares);
                    credit(&mut balance, &mut bank, &indexes, moved).unwrap();
                    assert!(amount(&balance, &indexes).unwrap() <= had + moved as i64);
                    assert!(claims(&bank, &indexes) <= claimed + paid);
                    let (mut balance, mut bank) = own(shares);
                    let borrowed = debit(&mut balance, &mut bank, &indexes, moved).unwrap();
                    assert!(amount(&balance, &indexes).unwrap() <= had - moved as i64);
                    assert!(claims(&bank, &indexes) <= claimed - paid);
                    assert_eq!(borrowed, moved.saturating_sub(had.max(0).unsigned_abs()));
                }
            }
        }
    }

    #[test]
    fn shares_that_meet_their_opposite_leave_the_bank_no_poorer() {
        let indexes = indexes(1.25, 1.5);
        let shares = |bits: i128| I80F48::from_bits(bits);
        let steps =
            || (-6..=6i128).flat_map(|thirds| [-1, 0, 1].map(|bit| ((thirds << 48) / 3) + bit));
        for (mine, theirs) in steps().flat_map(|mine| steps().map(move |theirs| (mine, theirs))) {
            let mut bank = Bank::zeroed();
            bank.deposit_shares.set(shares(mine.max(0) + theirs.max(0)));
            bank.borrow_shares
                .set(shares((-mine).max(0) + (-theirs).max(0)));
            let claimed = claims(&bank, &indexes);
            let mut from = Balance {
                shares: shares(mine).into(),
                ..Balance::default()
            };
            let mut to = Balance {
                shares: shares(theirs).into(),
                ..Balance::default()
            };
            let before = amount(&to, &indexes).unwrap();
            let moved =
                move_shares(&mut from, &mut to, shares(mine), &indexes, Some(&mut bank)).unwrap();
            assert!(from.shares.get() == 0 && claims(&bank, &indexes) <= claimed);
            let total = bank.deposit_shares.get() - bank.borrow_shares.get();
            assert_eq!(total, to.shares.get());
            // At most a unit more than it was told: the fractions of two deposits may add up to one.
            assert!(amount(&to, &indexes).unwrap() <= before + moved + 1);
        }
    }

    #[test]
    fn values_of_shares_round_up() {
        // Shares in eighths, indexes in sixteenths, prices in 1/1024: no product loses a bit before the last rounding.
        for (deposit, borrow) in (13..20).flat_map(|a| (16..23).map(move |b| (a, b))) {
            let sixteenths = |index: i128| I80F48::from_bits(index << 44).into();
            let indexes = AssetIndexes {
                deposit: sixteenths(deposit),
                borrow: sixteenths(borrow),
                ..AssetIndexes::default()
            };
            for price in (0..4_000i128).step_by(37) {
                for shares in -40..=40i128 {
                    let index = if shares < 0 { borrow } else { deposit };
                    let exact = -(-shares * index * price).div_euclid(8 * 16 * 1_024);
                    let price = I80F48::from_bits(price << 38);
                    let value =
                        |bits| value_ceil(I80F48::from_bits(bits), &indexes, price).unwrap();
                    assert_eq!(i128::from(value(shares << 45)), exact);
                    // A bit more or less of shares changes it by no more than its rounding.
                    assert!(i128::from(value((shares << 45) + 1)) >= exact);
                    assert!(i128::from(value((shares << 45) - 1)) <= exact);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn dust_cycles_never_profit(
            deposit in 1.0f64..3.0, spread in 1.0f64..1.5, amounts in proptest::collection::vec(1u64..50, 1..40),
        ) {
            // Whatever is put in and taken out, the account never holds more than the difference.
            let indexes = indexes(deposit, deposit * spread);
            let (mut balance, mut bank) = (Balance::default(), Bank::zeroed());
            let mut net = 0i64;
            for (step, &amount_moved) in amounts.iter().enumerate() {
                if step % 2 == 0 {
                    credit(&mut balance, &mut bank, &indexes, amount_moved).unwrap();
                    net += amount_moved as i64;
                } else {
                    debit(&mut balance, &mut bank, &indexes, amount_moved).unwrap();
                    net -= amount_moved as i64;
                }
                prop_assert!(amount(&balance, &indexes).unwrap() <= net);
                let shares = balance.shares.get();
                prop_assert_eq!(bank.deposit_shares.get(), shares.max(I80F48::ZERO));
                prop_assert_eq!(bank.borrow_shares.get(), (-shares).max(I80F48::ZERO));
            }
        }
    }
}
