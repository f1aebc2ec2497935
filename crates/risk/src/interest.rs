//! Interest on loans: the rate follows utilisation, and two indexes carry it to every balance.
//!
//! A deposit is worth `shares × deposit index`, a loan `shares × borrow index`. One accrual over `t` seconds:
//! ```text
//! x              = rate(utilisation)·t/year
//! borrow index  ← borrow index·(1 + x)                              rounded up
//! deposit index ← deposit index·(1 + x·utilisation·(1 - shares))    rounded down
//! fees, insurance = share × growth of the loans                     rounded down
//! ```
//! # Conservation
//! With `L` loans and `D` deposits in native units, not rounded: growth of deposits `<= D·x·utilisation·(1 - shares)
//! <= L·x·(1 - shares)`, since utilisation is rounded so that it is at most `L/D`, and growth of loans `>= L·x`. So
//! `growth of deposits + fees + insurance <= growth of loans` holds exactly, and what the bank holds beyond what it owes
//! never falls, in whole units neither. What rounding leaves, and the lenders' part of loans beyond all deposits (of
//! settlement pools' cash), stays in the bank and belongs to nobody.
//!
//! # Simple interest
//! Within one accrual interest is simple; it compounds from one accrual to the next. Compound interest would be more by
//! `e^x - 1 - x <= x²/2·e^x` of the loans: at 150% a year and an hour `x = 0.00017`, so 1.5e-8 of the loans or 0.009% of
//! the interest.

use crate::numbers::{Overflow, Q32_ONE, mul_i80f48_ceil, mul_i80f48_floor, mul_q32_floor};
use crate::time::YEAR_S;
use fixed::types::I80F48;

/// Largest yearly rate of a valid curve: 1,000%.
pub const RATE_LIMIT_Q32: u64 = 10 * Q32_ONE;

/// Yearly borrow rate by utilisation: linear from 0 to the first kink, to the second and to 100%. All Q32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterestCurve {
    /// Utilisations at which the curve bends, rising, within (0, 1).
    pub kinks_q32: [u64; 2],
    /// Yearly rates at utilisation 0, at the kinks and at 100%, not falling.
    pub rates_q32: [u64; 4],
}

impl InterestCurve {
    /// Whether the kinks rise within (0, 1) and the rates do not fall and are at most [`RATE_LIMIT_Q32`].
    pub fn is_valid(&self) -> bool {
        let [first, second] = self.kinks_q32;
        0 < first
            && first < second
            && second < Q32_ONE
            && self.rates_q32.is_sorted()
            && self.rates_q32[3] <= RATE_LIMIT_Q32
    }

    /// The yearly borrow rate, Q32, rounded up. Utilisation above 1 counts as 1.
    ///
    /// Continuous and not falling on a valid curve. A stretch on which the rates fall counts as flat.
    pub fn borrow_rate_q32(&self, utilisation_q32: u64) -> u64 {
        let [first, second] = self.kinks_q32;
        let [at_zero, at_first, at_second, at_full] = self.rates_q32;
        // Every stretch taken ends above the utilisation, so none has length 0, whatever the kinks.
        let (start, end, low, high) = if utilisation_q32 >= Q32_ONE {
            return at_full;
        } else if utilisation_q32 >= second {
            (second, Q32_ONE, at_second, at_full)
        } else if utilisation_q32 >= first {
            (first, second, at_first, at_second)
        } else {
            (0, first, at_zero, at_first)
        };
        let rise = u128::from(high.saturating_sub(low)) * u128::from(utilisation_q32 - start);
        // Below `high - low`, so the sum is at most `high`.
        low + rise.div_ceil(u128::from(end - start)) as u64
    }

    /// The yearly rate that deposits earn, Q32, rounded down: `borrow rate × utilisation × (1 - shares)`. For display.
    ///
    /// # Errors
    /// [`Overflow`] when the shares are more than 1 together.
    pub fn deposit_rate_q32(
        &self,
        utilisation_q32: u64,
        shares: &InterestShares,
    ) -> Result<u64, Overflow> {
        let earning = u128::from(shares.earning_q32(utilisation_q32)?);
        let rate = u128::from(self.borrow_rate_q32(utilisation_q32));
        // The second factor is at most 1.
        Ok(((rate * earning) >> 32) as u64)
    }
}

/// Loans over deposits, native units, in Q32: rounded down, at most 1, and 0 without loans.
pub fn utilisation_q32(loans: u64, deposits: u64) -> u64 {
    if loans == 0 {
        0
    } else if loans >= deposits {
        Q32_ONE
    } else {
        ((u128::from(loans) << 32) / u128::from(deposits)) as u64
    }
}

/// Parts of the interest that lenders do not get. Q32, at most 1 together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterestShares {
    /// For the exchange.
    pub fees_q32: u64,
    /// For the insurance fund.
    pub insurance_q32: u64,
}

impl InterestShares {
    /// `utilisation × (1 - shares)`: the part of the borrow rate that a deposit earns, at most 1, rounded down.
    fn earning_q32(&self, utilisation_q32: u64) -> Result<u64, Overflow> {
        let lenders = Q32_ONE
            .checked_sub(self.fees_q32)
            .and_then(|rest| rest.checked_sub(self.insurance_q32))
            .ok_or(Overflow)?;
        // Both at most 2^32.
        let product = mul_q32_floor(lenders as i64, utilisation_q32.min(Q32_ONE))?;
        Ok(product.unsigned_abs())
    }
}

/// What one bank has lent and borrowed. None of it may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lending {
    /// Native units per deposit share.
    pub deposit_index: I80F48,
    /// Native units per loan share.
    pub borrow_index: I80F48,
    /// Sum of all deposit shares.
    pub deposit_shares: I80F48,
    /// Sum of all loan shares.
    pub borrow_shares: I80F48,
}

/// What an accrual changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accrued {
    /// Native units per deposit share, never less than before.
    pub deposit_index: I80F48,
    /// Native units per loan share, never less than before.
    pub borrow_index: I80F48,
    /// Interest for the exchange, native units, rounded down.
    pub fees: u64,
    /// Interest for the insurance fund, native units, rounded down.
    pub insurance: u64,
    /// All deposits afterwards, native units, rounded up; without the fees and insurance of this accrual.
    pub deposits_total: u64,
    /// All loans afterwards, native units, rounded up.
    pub loans_total: u64,
}

/// Interest over `elapsed_s` seconds at the present utilisation.
///
/// Must run before shares change: whatever the totals are counts for all of the time since the last accrual.
///
/// # Errors
/// [`Overflow`] for a negative index or sum of shares, when the shares of interest are more than 1 together, or when an
/// index, the growth over one accrual (2^16 times) or a total in native units leaves its range.
pub fn accrue(
    lending: &Lending,
    curve: &InterestCurve,
    shares: &InterestShares,
    elapsed_s: u64,
) -> Result<Accrued, Overflow> {
    // Loans down and deposits up, so that utilisation is not above their exact ratio.
    let loans = mul_i80f48_floor(lending.borrow_shares, lending.borrow_index)?;
    let deposits = total_ceil(lending.deposit_shares, lending.deposit_index)?;
    let utilisation = utilisation_q32(units(loans)?, deposits);
    let earning = shares.earning_q32(utilisation)?;

    let growth = growth_q48_ceil(curve.borrow_rate_q32(utilisation), elapsed_s)?;
    let earned = (u128::from(growth) * u128::from(earning)) >> 32;
    let borrow_growth = mul_i80f48_ceil(lending.borrow_index, from_q48(growth.into()))?;
    let deposit_growth = mul_i80f48_floor(lending.deposit_index, from_q48(earned))?;
    let sum = |index: I80F48, growth| index.checked_add(growth).ok_or(Overflow);
    let borrow_index = sum(lending.borrow_index, borrow_growth)?;
    let deposit_index = sum(lending.deposit_index, deposit_growth)?;

    let interest = mul_i80f48_floor(lending.borrow_shares, borrow_growth)?;
    let part = |share_q32: u64| {
        units(mul_i80f48_floor(
            interest,
            from_q48(u128::from(share_q32) << 16),
        )?)
    };
    Ok(Accrued {
        deposit_index,
        borrow_index,
        fees: part(shares.fees_q32)?,
        insurance: part(shares.insurance_q32)?,
        deposits_total: total_ceil(lending.deposit_shares, deposit_index)?,
        loans_total: total_ceil(lending.borrow_shares, borrow_index)?,
    })
}

/// `rate × elapsed/year` in units of 2^-48, rounded up.
fn growth_q48_ceil(rate_q32: u64, elapsed_s: u64) -> Result<u64, Overflow> {
    let product = u128::from(rate_q32) * u128::from(elapsed_s);
    if product >> 112 != 0 {
        return Err(Overflow);
    }
    u64::try_from((product << 16).div_ceil(YEAR_S.into())).map_err(|_| Overflow)
}

/// Of at most 2^96.
fn from_q48(bits: u128) -> I80F48 {
    I80F48::from_bits(bits as i128)
}

fn total_ceil(shares: I80F48, index: I80F48) -> Result<u64, Overflow> {
    units(
        mul_i80f48_ceil(shares, index)?
            .checked_ceil()
            .ok_or(Overflow)?,
    )
}

/// Whole native units, rounded down.
fn units(amount: I80F48) -> Result<u64, Overflow> {
    amount.checked_to_num().ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;
    use std::vec::Vec;

    fn q32(x: f64) -> u64 {
        (x * Q32_ONE as f64).round() as u64
    }

    fn real(x_q32: u64) -> f64 {
        x_q32 as f64 / Q32_ONE as f64
    }

    /// The documentation's defaults for a volatile token.
    fn volatile() -> InterestCurve {
        InterestCurve {
            kinks_q32: [q32(0.7), q32(0.9)],
            rates_q32: [0, q32(0.06), q32(0.2), q32(1.5)],
        }
    }

    /// The documentation's defaults for a stable token.
    fn stable() -> InterestCurve {
        InterestCurve {
            kinks_q32: [q32(0.8), q32(0.92)],
            rates_q32: [0, q32(0.05), q32(0.12), q32(0.6)],
        }
    }

    fn flat(rate_q32: u64) -> InterestCurve {
        InterestCurve {
            rates_q32: [rate_q32; 4],
            ..volatile()
        }
    }

    const SHARES: InterestShares = InterestShares {
        fees_q32: Q32_ONE / 10,
        insurance_q32: Q32_ONE / 20,
    };

    fn lending(deposits: u64, loans: u64) -> Lending {
        Lending {
            deposit_index: I80F48::ONE,
            borrow_index: I80F48::ONE,
            deposit_shares: I80F48::from_num(deposits),
            borrow_shares: I80F48::from_num(loans),
        }
    }

    impl Lending {
        fn with(self, accrued: &Accrued) -> Self {
            Self {
                deposit_index: accrued.deposit_index,
                borrow_index: accrued.borrow_index,
                ..self
            }
        }
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // 1,000 SOL deposited, 800 lent: 80% is half-way from 6% to 20%.
        const SOL: u64 = 1_000_000_000;
        let utilisation = utilisation_q32(800 * SOL, 1_000 * SOL);
        let curve = volatile();
        assert!((real(curve.borrow_rate_q32(utilisation)) - 0.13).abs() < 1e-8);
        let deposit_rate = curve.deposit_rate_q32(utilisation, &SHARES).unwrap();
        assert!((real(deposit_rate) - 0.0884).abs() < 1e-8);
        let month = 30 * 86_400;
        let after = accrue(&lending(1_000 * SOL, 800 * SOL), &curve, &SHARES, month).unwrap();
        // 13%·30/365 of 800 SOL is 8.547945 SOL: 0.854795 fees, 0.427397 insurance, 7.265753 for lenders.
        let near = |ours: u64, exact: f64| (ours as f64 / SOL as f64 - exact).abs() < 1e-6;
        assert!(near(after.loans_total, 808.547945), "{after:?}");
        assert!(near(after.fees, 0.854795), "{after:?}");
        assert!(near(after.insurance, 0.427397), "{after:?}");
        assert!(near(after.deposits_total, 1_007.265753), "{after:?}");
        assert!((after.borrow_index.to_num::<f64>() - 1.010_684_93).abs() < 1e-8);
        assert!((after.deposit_index.to_num::<f64>() - 1.007_265_75).abs() < 1e-8);
    }

    #[test]
    fn the_curve_passes_its_corners() {
        for curve in [volatile(), stable()] {
            assert!(curve.is_valid());
            let [first, second] = curve.kinks_q32;
            for (utilisation, rate) in [0, first, second, Q32_ONE].into_iter().zip(curve.rates_q32)
            {
                assert_eq!(curve.borrow_rate_q32(utilisation), rate);
            }
            assert_eq!(curve.borrow_rate_q32(u64::MAX), curve.rates_q32[3]);
        }
        let half_way = volatile().borrow_rate_q32(q32(0.35));
        assert!((real(half_way) - 0.03).abs() < 1e-9);
    }

    #[test]
    fn curves_that_are_not_valid() {
        let with = |kinks_q32, rates_q32| InterestCurve {
            kinks_q32,
            rates_q32,
        };
        let InterestCurve {
            kinks_q32: kinks,
            rates_q32: rates,
        } = volatile();
        assert!(with(kinks, rates).is_valid());
        assert!(with(kinks, [RATE_LIMIT_Q32; 4]).is_valid());
        assert!(with(kinks, [0; 4]).is_valid());
        assert!(with([1, 2], rates).is_valid());
        assert!(with([Q32_ONE - 2, Q32_ONE - 1], rates).is_valid());
        for bad in [
            [0, kinks[1]],
            [kinks[1], kinks[0]],
            [kinks[0]; 2],
            [kinks[0], Q32_ONE],
            [kinks[0], u64::MAX],
        ] {
            assert!(!with(bad, rates).is_valid(), "{bad:?}");
        }
        for bad in [
            [2, 1, 1, 1],
            [0, 2, 1, 2],
            [0, 1, 3, 2],
            [0, 0, 0, RATE_LIMIT_Q32 + 1],
        ] {
            assert!(!with(kinks, bad).is_valid(), "{bad:?}");
        }
        // A curve that nobody has set charges nothing.
        let unset = with([0; 2], [0; 4]);
        assert!(!unset.is_valid());
        for utilisation in [0, 1, Q32_ONE / 2, Q32_ONE] {
            assert_eq!(unset.borrow_rate_q32(utilisation), 0);
        }
    }

    #[test]
    fn kinks_in_impossible_places_divide_by_nothing() {
        let corners = [0, 1, Q32_ONE - 1, Q32_ONE, u64::MAX];
        for (first, second) in corners.into_iter().flat_map(|a| corners.map(|b| (a, b))) {
            let curve = InterestCurve {
                kinks_q32: [first, second],
                rates_q32: [1, 2, 3, 4],
            };
            for utilisation in corners {
                assert!((1..=4).contains(&curve.borrow_rate_q32(utilisation)));
            }
        }
    }

    #[test]
    fn utilisation_at_its_ends() {
        assert_eq!(utilisation_q32(0, 0), 0);
        assert_eq!(utilisation_q32(0, 7), 0);
        assert_eq!(utilisation_q32(1, 0), Q32_ONE);
        assert_eq!(utilisation_q32(7, 7), Q32_ONE);
        assert_eq!(utilisation_q32(u64::MAX, 7), Q32_ONE);
        assert_eq!(utilisation_q32(1, 2), Q32_ONE / 2);
        assert_eq!(utilisation_q32(1, 3), Q32_ONE / 3);
        assert_eq!(utilisation_q32(u64::MAX - 1, u64::MAX), Q32_ONE - 1);
        assert_eq!(utilisation_q32(1, u64::MAX), 0);
    }

    #[test]
    fn without_time_or_loans_nothing_changes() {
        let idle = lending(1_000, 0);
        let busy = lending(1_000, 800);
        for (lending, elapsed) in [(idle, 1 << 30), (busy, 0)] {
            let after = accrue(&lending, &volatile(), &SHARES, elapsed).unwrap();
            assert_eq!(lending.with(&after), lending);
            assert_eq!((after.fees, after.insurance), (0, 0));
        }
    }

    #[test]
    fn a_lone_small_depositor_gains_no_more_than_the_borrow_rate() {
        // One unit deposited, a trillion lent (of settlement pools): the deposit index follows the borrow index at most.
        let after = accrue(&lending(1, 1_000_000_000_000), &volatile(), &SHARES, YEAR_S).unwrap();
        assert_eq!(after.borrow_index, I80F48::from_num(2.5));
        assert!((after.deposit_index.to_num::<f64>() - 2.275).abs() < 1e-8);
        assert_eq!(after.deposits_total, 3);
    }

    #[test]
    fn what_leaves_its_range_is_refused() {
        let good = lending(1_000, 800);
        let too_much = InterestShares {
            fees_q32: Q32_ONE,
            insurance_q32: 1,
        };
        let refused = |lending: &Lending, shares, elapsed| {
            assert_eq!(accrue(lending, &volatile(), shares, elapsed), Err(Overflow));
        };
        refused(&good, &too_much, 0);
        assert_eq!(volatile().deposit_rate_q32(0, &too_much), Err(Overflow));
        refused(&good, &SHARES, u64::MAX);
        let wrapping = accrue(&good, &flat(1 << 56), &SHARES, 1 << 56);
        assert_eq!(wrapping, Err(Overflow));
        for index in [I80F48::NEG_ONE, I80F48::MAX] {
            refused(
                &Lending {
                    borrow_index: index,
                    ..good
                },
                &SHARES,
                1,
            );
            refused(
                &Lending {
                    deposit_index: index,
                    ..good
                },
                &SHARES,
                1,
            );
        }
        for shares in [I80F48::NEG_ONE, I80F48::MAX] {
            refused(
                &Lending {
                    borrow_shares: shares,
                    ..good
                },
                &SHARES,
                1,
            );
            refused(
                &Lending {
                    deposit_shares: shares,
                    ..good
                },
                &SHARES,
                1,
            );
        }
    }

    #[test]
    fn the_smallest_rate_for_a_second_still_raises_the_borrow_index() {
        let start = lending(1 << 50, 1 << 49);
        let after = accrue(&start, &flat(1), &SHARES, 1).unwrap();
        assert_eq!(after.borrow_index, I80F48::ONE + I80F48::DELTA);
        assert_eq!(after.deposit_index, I80F48::ONE);
    }

    #[test]
    fn fees_of_almost_a_unit_are_none() {
        // 2 - 2^-48 shares grow by half a unit each: 1 - 2^-49 units of interest, all of it fees.
        let all = InterestShares {
            fees_q32: Q32_ONE,
            insurance_q32: 0,
        };
        let mut start = lending(2, 2);
        start.borrow_shares -= I80F48::DELTA;
        let curve = flat(Q32_ONE / 2);
        let after = accrue(&start, &curve, &all, YEAR_S).unwrap();
        assert_eq!(after.fees, 0);
        let after = accrue(&lending(2, 2), &curve, &all, YEAR_S).unwrap();
        assert_eq!((after.fees, after.deposit_index), (1, I80F48::ONE));
    }

    #[test]
    fn a_year_of_hours_is_close_to_compound_interest() {
        let one = |state: &Lending, elapsed| {
            let accrued = accrue(state, &flat(q32(1.5)), &SHARES, elapsed).unwrap();
            state.with(&accrued)
        };
        let start = lending(1 << 50, 1 << 49);
        let hourly = (0..8_760).fold(start, |state, _| one(&state, 3_600));
        let exact = 1.5f64.exp();
        let missing = 1.0 - hourly.borrow_index.to_num::<f64>() / exact;
        assert!((1.27e-4..1.29e-4).contains(&missing), "{missing}");
        assert_eq!(one(&start, YEAR_S).borrow_index, I80F48::from_num(2.5));
    }

    #[test]
    fn accruing_every_second_costs_the_borrower_next_to_nothing() {
        // A day of seconds against one accrual of a day, at 0.1%: rounding up adds at most 2^-47 of the index a second.
        let start = lending(1 << 50, 1 << 49);
        let curve = flat(q32(0.001));
        let state = (0..86_400).fold(start, |state, _| {
            state.with(&accrue(&state, &curve, &SHARES, 1).unwrap())
        });
        let once = start.with(&accrue(&start, &curve, &SHARES, 86_400).unwrap());
        let extra = state.borrow_index - once.borrow_index;
        assert!(
            extra >= 0 && extra.to_num::<f64>() < 86_400.0 * 2f64.powi(-47),
            "{extra}"
        );
        let lost = once.deposit_index - state.deposit_index;
        assert!(lost.abs().to_num::<f64>() < 86_400.0 * 2f64.powi(-47));
    }

    /// A sum of exact products, in units of 2^-96: 256 bits as high and low half.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    struct Exact(u128, u128);

    impl Exact {
        fn product(a: I80F48, b: I80F48) -> Self {
            let (a, b) = (a.to_bits() as u128, b.to_bits() as u128);
            let mut sum = Self::default();
            // By binary digits of `b`, independently of the code under test.
            for bit in (0..127).filter(|bit| b >> bit & 1 == 1) {
                let high = if bit == 0 { 0 } else { a >> (128 - bit) };
                sum = sum.plus(Self(high, a << bit));
            }
            sum
        }

        fn whole(units: u128) -> Self {
            Self(units >> 32, units << 96)
        }

        fn plus(self, other: Self) -> Self {
            let (low, carry) = self.1.overflowing_add(other.1);
            Self(self.0 + other.0 + u128::from(carry), low)
        }
    }

    /// Shares or an index of any size that a bank can have, and some that it cannot.
    fn amount() -> impl Strategy<Value = I80F48> {
        (0u32..127, 0..=i128::MAX).prop_map(|(shift, bits)| I80F48::from_bits(bits >> shift))
    }

    fn any_lending() -> impl Strategy<Value = Lending> {
        let index = (1i128..1 << 16, 0i128..1 << 48)
            .prop_map(|(whole, fraction)| I80F48::from_bits((whole << 48 | fraction) >> 8));
        let plausible = (index.clone(), index, 0u32..110, amount(), amount()).prop_map(
            |(deposit_index, borrow_index, shift, deposits, loans)| Lending {
                deposit_index,
                borrow_index,
                deposit_shares: deposits >> (shift / 2 + 16),
                borrow_shares: loans >> (shift / 2 + 16),
            },
        );
        let wild = (amount(), amount(), amount(), amount()).prop_map(
            |(deposit_index, borrow_index, deposit_shares, borrow_shares)| Lending {
                deposit_index,
                borrow_index,
                deposit_shares,
                borrow_shares,
            },
        );
        prop_oneof![3 => plausible, 1 => wild]
    }

    fn any_curve() -> impl Strategy<Value = InterestCurve> {
        let ends = (1..Q32_ONE - 1, 1..Q32_ONE - 1);
        (ends, proptest::array::uniform4(0..=RATE_LIMIT_Q32)).prop_map(|((a, b), mut rates_q32)| {
            rates_q32.sort_unstable();
            let first = a.min(b);
            InterestCurve {
                kinks_q32: [first, a.max(b).max(first + 1)],
                rates_q32,
            }
        })
    }

    fn any_shares() -> impl Strategy<Value = InterestShares> {
        (0..=Q32_ONE, 0..=Q32_ONE).prop_map(|(a, b)| InterestShares {
            fees_q32: a.min(b),
            insurance_q32: a.max(b) - a.min(b),
        })
    }

    fn check_conservation(
        before: &Lending,
        after: &Accrued,
    ) -> Result<Exact, proptest::test_runner::TestCaseError> {
        prop_assert!(after.deposit_index >= before.deposit_index);
        prop_assert!(after.borrow_index >= before.borrow_index);
        let deposits = Exact::product(before.deposit_shares, before.deposit_index);
        let loans = Exact::product(before.borrow_shares, before.borrow_index);
        let deposits_after = Exact::product(before.deposit_shares, after.deposit_index);
        let loans_after = Exact::product(before.borrow_shares, after.borrow_index);
        let taken = Exact::whole(u128::from(after.fees) + u128::from(after.insurance));
        // deposits_after - deposits + taken <= loans_after - loans
        let claims = deposits_after.plus(taken).plus(loans);
        prop_assert!(claims <= loans_after.plus(deposits));
        // The totals are the exact ones rounded up to whole units.
        for (total, exact) in [
            (after.deposits_total, deposits_after),
            (after.loans_total, loans_after),
        ] {
            prop_assert!(Exact::whole(total.into()) >= exact);
            prop_assert!(total == 0 || Exact::whole(u128::from(total) - 1) < exact);
        }
        Ok(deposits_after)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn nothing_panics(
            indexes: [i128; 4], kinks: [u64; 2], rates: [u64; 4], fees: u64, insurance: u64, elapsed: u64,
            shift in 0u32..127, share_shift in 0u32..64, utilisation: u64, loans: u64,
        ) {
            let [a, b, c, d] = indexes.map(|bits| I80F48::from_bits(bits >> shift));
            let lending = Lending {
                deposit_index: a, borrow_index: b, deposit_shares: c, borrow_shares: d,
            };
            let curve = InterestCurve { kinks_q32: kinks, rates_q32: rates };
            let shares = InterestShares {
                fees_q32: fees >> share_shift, insurance_q32: insurance >> share_shift,
            };
            let _ = curve.is_valid();
            let used = utilisation_q32(loans, utilisation);
            for utilisation in [used, utilisation, utilisation >> 32, kinks[0], kinks[1]] {
                let rate = curve.borrow_rate_q32(utilisation);
                prop_assert!(rate >= *rates.iter().min().unwrap());
                prop_assert!(rate <= *rates.iter().max().unwrap());
                if let Ok(earned) = curve.deposit_rate_q32(utilisation, &shares) {
                    prop_assert!(earned <= rate);
                }
            }
            let _ = accrue(&lending, &curve, &shares, elapsed);
            let _ = accrue(&lending, &curve, &shares, elapsed >> share_shift);
        }

        #[test]
        fn the_rate_never_falls_and_never_jumps(
            curve in any_curve(), a in 0..=Q32_ONE, b in 0..=Q32_ONE, near in 0u64..4,
        ) {
            prop_assert!(curve.is_valid());
            let rate = |utilisation| curve.borrow_rate_q32(utilisation);
            prop_assert!(rate(a.min(b)) <= rate(a.max(b)));
            // From one step of 2^-32 to the next, at kinks too, the rate rises by the slope of one of its stretches.
            let [first, second] = curve.kinks_q32;
            let [r0, r1, r2, r3] = curve.rates_q32;
            let slope = [(r1 - r0, first), (r2 - r1, second - first), (r3 - r2, Q32_ONE - second)]
                .map(|(rise, span)| rise.div_ceil(span)).into_iter().max().unwrap();
            for middle in [a, first, second, Q32_ONE] {
                let utilisation = (middle + near).saturating_sub(2);
                prop_assert!(rate(utilisation + 1) - rate(utilisation) <= slope + 1);
            }
        }

        #[test]
        fn the_rate_matches_double_precision(curve in any_curve(), utilisation in 0..=Q32_ONE) {
            let [first, second] = curve.kinks_q32;
            let points = [0, first, second, Q32_ONE];
            let right = points.iter().position(|&point| utilisation <= point).unwrap().max(1);
            let [(x0, y0), (x1, y1)] =
                [right - 1, right].map(|i| (points[i] as f64, curve.rates_q32[i] as f64));
            let exact = y0 + (y1 - y0) * (utilisation as f64 - x0) / (x1 - x0);
            let ours = curve.borrow_rate_q32(utilisation) as f64;
            prop_assert!((-0.01..1.01).contains(&(ours - exact)), "{ours} {exact}");
        }

        #[test]
        fn utilisation_is_rounded_down(loans: u64, deposits: u64, shift in 0u32..64) {
            let loans = loans >> shift;
            let used = u128::from(utilisation_q32(loans, deposits));
            let (loans, deposits) = (u128::from(loans), u128::from(deposits));
            if loans < deposits {
                prop_assert!(used * deposits <= loans << 32 && (used + 1) * deposits > loans << 32);
            } else {
                prop_assert_eq!(used, u128::from(if loans == 0 { 0 } else { Q32_ONE }));
            }
        }

        #[test]
        fn money_is_conserved_to_the_last_bit(
            lending in any_lending(), curve in any_curve(), shares in any_shares(), elapsed: u64,
            shift in 0u32..64,
        ) {
            let Ok(after) = accrue(&lending, &curve, &shares, elapsed >> shift) else {
                return Ok(());
            };
            check_conservation(&lending, &after)?;
            // A bank that just covers its deposits before still covers them, totals rounded up on both sides.
            let now = accrue(&lending, &curve, &shares, 0).unwrap();
            let loans = Exact::product(lending.borrow_shares, lending.borrow_index);
            let deposits = Exact::product(lending.deposit_shares, lending.deposit_index);
            let mut held = u128::from(now.deposits_total.saturating_sub(now.loans_total));
            while Exact::whole(held).plus(loans) < deposits {
                held += 1;
            }
            prop_assert!(held + u128::from(now.loans_total) >= u128::from(now.deposits_total));
            let owed = u128::from(after.deposits_total) + u128::from(after.fees) + u128::from(after.insurance);
            prop_assert!(held + u128::from(after.loans_total) >= owed);
        }

        #[test]
        fn all_interest_arrives_but_for_dust(
            deposits in 1u64 << 20..1 << 60, used in 0.001f64..1.0, curve in any_curve(), shares in any_shares(),
            elapsed in 0u64..YEAR_S,
        ) {
            // Not only `<=`: what stays in the bank is fractions of units and of 2^-32.
            let before = lending(deposits, (deposits as f64 * used) as u64);
            let after = accrue(&before, &curve, &shares, elapsed).unwrap();
            let growth = |shares: I80F48, now: I80F48| shares.to_num::<f64>() * (now.to_num::<f64>() - 1.0);
            let interest = growth(before.borrow_shares, after.borrow_index);
            let given = growth(before.deposit_shares, after.deposit_index) + after.fees as f64 + after.insurance as f64;
            let dust = 3.0 + interest * 1e-6 + deposits as f64 * 2f64.powi(-46);
            prop_assert!(interest - given <= dust, "{interest} {given}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn many_steps_are_at_least_one_and_at_most_compound(
            rate in 0..=RATE_LIMIT_Q32, steps in proptest::collection::vec(0u64..40_000, 1..60),
            deposits in 0u64..1 << 50, loans in 0u64..1 << 50, curve in any_curve(),
        ) {
            let start = lending(deposits, loans);
            let total: u64 = steps.iter().sum();
            let run = |curve: &InterestCurve| {
                let once = accrue(&start, curve, &SHARES, total).unwrap();
                let mut state = start;
                for &elapsed in &steps {
                    state = state.with(&accrue(&state, curve, &SHARES, elapsed).unwrap());
                }
                (once.borrow_index, state.borrow_index.to_num::<f64>(), state.borrow_index)
            };
            let years = total as f64 / YEAR_S as f64;
            let rounding = 1.0 + steps.len() as f64 * 2f64.powi(-46);
            let (once, many, exact) = run(&flat(rate));
            prop_assert!(exact >= once);
            prop_assert!(many <= (real(rate) * years).exp() * rounding, "{many}");
            // On a curve that bends, utilisation rises with interest, and the rate with it.
            prop_assume!(loans > 1 << 40 && deposits > 1 << 40);
            let (once, many, _) = run(&curve);
            prop_assert!(many >= once.to_num::<f64>() * (1.0 - 1e-9));
            prop_assert!(many <= (real(curve.rates_q32[3]) * years).exp() * rounding);
        }

        #[test]
        fn a_year_matches_an_independent_calculation(
            deposits in 1u64 << 40..1 << 55, used in 0.0f64..1.0, is_stable: bool,
            weights in proptest::collection::vec(1u64..1_000, 10..400),
        ) {
            let (curve, points) = if is_stable {
                (stable(), [(0.0, 0.0), (0.8, 0.05), (0.92, 0.12), (1.0, 0.6)])
            } else {
                (volatile(), [(0.0, 0.0), (0.7, 0.06), (0.9, 0.2), (1.0, 1.5)])
            };
            let mut state = lending(deposits, (deposits as f64 * used) as u64);
            let (mut d, mut l) = (deposits as f64, (deposits as f64 * used).floor());
            let (mut fees, mut insurance) = (0u64, 0u64);
            let (mut fees_f, mut insurance_f) = (0.0, 0.0);
            let sum: u64 = weights.iter().sum();
            let steps: Vec<u64> = weights.iter().map(|w| w * YEAR_S / sum).collect();
            for &elapsed in &steps {
                let after = accrue(&state, &curve, &SHARES, elapsed).unwrap();
                check_conservation(&state, &after)?;
                state = state.with(&after);
                fees += after.fees;
                insurance += after.insurance;

                let u = (l / d).min(1.0);
                let right = points.iter().position(|&(x, _)| u <= x).unwrap().max(1);
                let ((x0, y0), (x1, y1)) = (points[right - 1], points[right]);
                let rate = y0 + (y1 - y0) * (u - x0) / (x1 - x0);
                let interest = l * rate * elapsed as f64 / (365.0 * 86_400.0);
                l += interest;
                d += d * u * rate * elapsed as f64 / (365.0 * 86_400.0) * 0.85;
                fees_f += interest * 0.1;
                insurance_f += interest * 0.05;
            }
            let scale = deposits as f64;
            let close = |ours: f64, exact: f64| (ours - exact).abs() < 1e-8 * scale + 2.0 * steps.len() as f64;
            let total = |shares: I80F48, index: I80F48| shares.to_num::<f64>() * index.to_num::<f64>();
            let loans_after = total(state.borrow_shares, state.borrow_index);
            let deposits_after = total(state.deposit_shares, state.deposit_index);
            prop_assert!(close(loans_after, l), "{loans_after} {l}");
            prop_assert!(close(deposits_after, d), "{deposits_after} {d}");
            prop_assert!(close(fees as f64, fees_f), "{fees} {fees_f}");
            prop_assert!(close(insurance as f64, insurance_f), "{insurance} {insurance_f}");
        }
    }
}
