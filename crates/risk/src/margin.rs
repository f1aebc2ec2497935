//! From the scan losses of single underlyings to the margin of a portfolio.

use crate::numbers::{
    Overflow, Q32_ONE, mul_q32_ceil, mul_q32_floor, sqrt_u64, sqrt_u128_ceil, wide_product,
};
use crate::word::Word;

/// The part of an underlying's scan loss that comes from direction: `sign(delta)·min(|delta|·range, scan loss)`.
/// `delta` in quote units; rounded up in size.
///
/// # Errors
/// [`Overflow`] when a product does not fit in `i64`.
pub fn directional_loss(delta: i64, range_q32: u64, scan_loss: i64) -> Result<i64, Overflow> {
    let size = mul_q32_ceil(delta.checked_abs().ok_or(Overflow)?, range_q32)?.min(scan_loss);
    Ok(if delta < 0 { -size } else { size })
}

/// How far two underlyings' returns are believed to move together, in units of 1e-4, each in [-10,000, 10,000].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correlation {
    /// The low estimate, used where two exposures offset each other.
    pub low_bps: i16,
    /// The high estimate, used where they add up.
    pub high_bps: i16,
}

/// 100% in the units of [`Correlation`].
pub const CORRELATION_ONE_BPS: i64 = 10_000;

/// Most parts that [`aggregate_directional`] takes.
pub(crate) const PARTS_MAX: usize = 32;

/// Bits that the parts are rounded to for the root.
pub(crate) const PART_BITS: u32 = 42;

/// A row of the quadratic form with one more pair, which stands on both sides of the diagonal.
#[inline(always)]
pub(crate) fn with_pair<W: Word>(row: W, part: W, correlation: W) -> W {
    row.exact_add(part.exact_mul(W::of(2).exact_mul(correlation)))
}

/// Loss of the directional parts together:
/// `max(√max(0, ΣΣ ρ·D_u·D_v), (1 - max_offset)·Σ|D_u|)`, rounded up, and never more than `Σ|D_u|`.
///
/// `correlation(i, j)` is asked for every pair `i < j`, at most 32 parts. Parts above 2^42 quote units (4.4 million USDC) are
/// rounded to 42 bits for the root, and what that may cost is added.
///
/// # Errors
/// [`Overflow`] when the sum of sizes does not fit in `i64`.
pub fn aggregate_directional(
    directional: &[i64],
    max_offset_q32: u64,
    correlation: impl Fn(usize, usize) -> Correlation,
) -> Result<i64, Overflow> {
    let mut total: i64 = 0;
    let mut largest: i64 = 0;
    for part in directional {
        let size = part.checked_abs().ok_or(Overflow)?;
        largest = largest.max(size);
        total = total.checked_add(size).ok_or(Overflow)?;
    }
    if directional.len() < 2 {
        return Ok(total);
    }
    if directional.len() > PARTS_MAX {
        return Err(Overflow);
    }
    let shift = (i64::BITS - largest.leading_zeros()).saturating_sub(PART_BITS);
    let mut quadratic: i128 = 0;
    for (i, a) in directional.iter().map(|part| part >> shift).enumerate() {
        // At most 2^42·(10^4 + 31·2·2^15) < 2^63.
        let mut row = a.exact_mul(CORRELATION_ONE_BPS);
        for (j, b) in directional[..i].iter().enumerate() {
            let b = b >> shift;
            let pair = correlation(j, i);
            let rho = if (a ^ b) < 0 {
                pair.low_bps
            } else {
                pair.high_bps
            };
            row = with_pair(row, b, rho.into());
        }
        // 32 products below 2^105.
        quadratic += i128::from(row) * i128::from(a);
    }

    // √(x/10^4) = √x/100, below 2^62 / 2^shift. Each part was rounded by less than one unit of its last bit, and no correlation is
    // above 1.
    let squared = quadratic.max(0).unsigned_abs();
    let root = (sqrt_u128_ceil(squared) as u64).div_ceil(100) as i64;
    let rounding = if shift == 0 {
        0
    } else {
        directional.len() as i64
    };
    let root = (root + rounding).checked_mul(1 << shift).ok_or(Overflow)?;
    let least = mul_q32_ceil(total, Q32_ONE.saturating_sub(max_offset_q32))?;
    Ok(root.max(least).min(total))
}

/// Contingency for the size of an exposure: `N·min(cap, λ·√(N/depth))`, rounded up.
///
/// `coefficient_q80 = λ²/depth·2^80` per quote unit ([`size_coefficient_q80`]); `N` the absolute net delta in quote
/// units. The cost of unwinding grows with the square root of size over depth, as market impact does
/// (Almgren et al., "Direct Estimation of Equity Market Impact", 2005).
///
/// # Errors
/// [`Overflow`] when the result does not fit in `i64`.
pub fn size_contingency(
    notional: i64,
    coefficient_q80: u64,
    cap_q32: u64,
) -> Result<i64, Overflow> {
    let notional = notional.checked_abs().ok_or(Overflow)?;
    let squared_q64 = wide_product(notional.unsigned_abs(), coefficient_q80) >> 16;
    let root = match u64::try_from(squared_q64) {
        Ok(below_one) => sqrt_u64(below_one),
        Err(_) => squared_q64.isqrt() as u64,
    };
    mul_q32_ceil(notional, root.saturating_add(1).min(cap_q32))
}

/// `λ²/depth·2^80` for [`size_contingency`], rounded up; `depth` in quote units. `None` for a depth of 0 or one that is too small
/// for λ: `λ²·2^16` or less, which is 0.07 USDC for λ = 1.
pub fn size_coefficient_q80(lambda_q32: u64, depth: u64) -> Option<u64> {
    let squared_q64 = u128::from(lambda_q32) * u128::from(lambda_q32);
    // Below 2^96, so that it can be shifted: λ is below 2^16.
    if depth == 0 || squared_q64 >> 96 != 0 {
        return None;
    }
    u64::try_from((squared_q64 << 16).div_ceil(u128::from(depth))).ok()
}

/// Factor on all margin while the quote asset trades below its peg: `1 + k·max(0, 0.99 - price)`, Q32.
pub fn depeg_factor_q32(price_q32: u64, multiplier_q32: u64) -> u64 {
    const PEG_Q32: u64 = Q32_ONE * 99 / 100;
    let shortfall = PEG_Q32.saturating_sub(price_q32) as i64;
    mul_q32_ceil(shortfall, multiplier_q32).map_or(u64::MAX, |extra| {
        Q32_ONE.saturating_add(extra.unsigned_abs())
    })
}

/// A deposit's value after a haircut, rounded down.
///
/// # Errors
/// [`Overflow`] never for a value that is not negative and a haircut of at most 1.
pub fn after_haircut_floor(value: i64, haircut_q32: u64) -> Result<i64, Overflow> {
    mul_q32_floor(value, Q32_ONE.saturating_sub(haircut_q32))
}

/// A loan's value with its haircut on top, rounded up.
///
/// # Errors
/// [`Overflow`] when the value does not fit in `i64`.
pub fn with_haircut_ceil(value: i64, haircut_q32: u64) -> Result<i64, Overflow> {
    mul_q32_ceil(value, Q32_ONE.saturating_add(haircut_q32))
}

/// What a deposit counts for initial margin in a bank that has grown large: `value·min(1, start/total)`, rounded down. So all
/// deposits of the asset together count as `start` at most. The value is not negative. `total` is the value of all deposits, asked for only when there is a
/// limit; a `start` of 0 means none. Quote units.
pub fn deposit_in_proportion_floor(value: i64, total: impl FnOnce() -> u64, start: u64) -> i64 {
    if start == 0 {
        return value;
    }
    let total = total();
    if total <= start {
        return value;
    }
    // Not above the value itself, because start < total.
    let part = u128::from(value.max(0).unsigned_abs()) * u128::from(start) / u128::from(total);
    part as i64
}

/// What a loan counts for initial margin where much of the asset is lent: `value·max(1, total/start)`, rounded up, so that
/// the larger all loans together, the less of it anyone can still borrow. As [`deposit_in_proportion_floor`] otherwise.
///
/// # Errors
/// [`Overflow`] when the result does not fit in `i64`.
pub fn loan_in_proportion_ceil(
    value: i64,
    total: impl FnOnce() -> u64,
    start: u64,
) -> Result<i64, Overflow> {
    if start == 0 {
        return Ok(value);
    }
    let total = total();
    if total <= start {
        return Ok(value);
    }
    let product = u128::from(value.max(0).unsigned_abs()) * u128::from(total);
    i64::try_from(product.div_ceil(u128::from(start))).map_err(|_| Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;
    use std::vec::Vec;

    const HALF: Correlation = Correlation {
        low_bps: 5_000,
        high_bps: 9_000,
    };

    #[test]
    fn more_parts_than_an_account_can_hold_are_refused() {
        let loss = |count| aggregate_directional(&std::vec![1; count], Q32_ONE, |_, _| HALF);
        assert!(loss(PARTS_MAX).is_ok());
        assert_eq!(loss(PARTS_MAX + 1), Err(Overflow));
    }

    #[test]
    fn hedges_across_underlyings_earn_bounded_credit() {
        // 3,000 long against 3,000 short at a low correlation of 0.5: √(3000² + 3000² - 3000²) = 3,000.
        let loss = aggregate_directional(&[3_000, -3_000], Q32_ONE, |_, _| HALF).unwrap();
        assert_eq!(loss, 3_000);
        // With at most 40% offset, 60% of 6,000 stays.
        let bounded =
            aggregate_directional(&[3_000, -3_000], Q32_ONE * 4 / 10, |_, _| HALF).unwrap();
        assert_eq!(bounded, 3_601);
    }

    #[test]
    fn size_contingency_follows_the_root_until_its_cap() {
        // λ 0.1, depth 4,000,000: a notional of 1,000,000 pays 0.1·√(1/4) = 5%.
        let coefficient = size_coefficient_q80(Q32_ONE / 10, 4_000_000).unwrap();
        let fee = size_contingency(-1_000_000, coefficient, Q32_ONE / 4).unwrap();
        assert!((49_998..=50_002).contains(&fee), "{fee}");
        let capped = size_contingency(1_000_000_000, coefficient, Q32_ONE / 4).unwrap();
        assert_eq!(capped, 250_000_000);
    }

    #[test]
    fn deposits_of_a_large_bank_count_in_proportion() {
        // A bank of 40 million with a limit of 10 million: a quarter counts; loans count four times.
        let (total, start) = (40_000_000, 10_000_000);
        assert_eq!(deposit_in_proportion_floor(1_001, || total, start), 250);
        assert_eq!(loan_in_proportion_ceil(1_001, || total, start), Ok(4_004));
        assert_eq!(loan_in_proportion_ceil(3, || start + 1, start), Ok(4));
        for (total, start) in [(start, start), (total, 0)] {
            assert_eq!(deposit_in_proportion_floor(1_001, || total, start), 1_001);
            assert_eq!(loan_in_proportion_ceil(1_001, || total, start), Ok(1_001));
        }
    }

    #[test]
    fn depeg_factor_starts_below_99_cents() {
        assert_eq!(depeg_factor_q32(Q32_ONE, 5 * Q32_ONE), Q32_ONE);
        let at_90 = depeg_factor_q32(Q32_ONE * 90 / 100, 5 * Q32_ONE) as f64 / Q32_ONE as f64;
        assert!((at_90 - 1.45).abs() < 1e-6, "{at_90}");
    }

    proptest! {
        #[test]
        fn aggregation_lies_between_the_offset_cap_and_the_sum(
            directional in proptest::collection::vec(-(1i64 << 50)..1 << 50, 0..32),
            offset in 0..=Q32_ONE, low in -10_000i16..=10_000, spread in 0i16..=5_000,
        ) {
            let high = low.saturating_add(spread).min(10_000);
            let pair = Correlation { low_bps: low, high_bps: high };
            let loss = aggregate_directional(&directional, offset, |_, _| pair).unwrap();
            let sum: i64 = directional.iter().map(|d| d.abs()).sum();
            let least = mul_q32_floor(sum, Q32_ONE - offset).unwrap();
            prop_assert!(loss <= sum && loss >= least);
        }

        #[test]
        fn one_underlying_keeps_its_own_loss(loss in 0i64..1 << 56) {
            let all = aggregate_directional(&[loss], 0, |_, _| HALF).unwrap();
            prop_assert_eq!(all, loss);
        }

        #[test]
        fn nothing_panics(directional: Vec<i64>, offset: u64, delta: i64, range: u64, loss: i64, cap: u64) {
            let _ = aggregate_directional(&directional, offset, |_, _| HALF);
            let _ = directional_loss(delta, range, loss);
            let _ = size_contingency(delta, range, cap);
            let _ = size_coefficient_q80(range, cap);
            let _ = depeg_factor_q32(range, cap);
            let _ = after_haircut_floor(delta, range);
            let _ = with_haircut_ceil(delta, range);
            let _ = deposit_in_proportion_floor(delta, || range, cap);
            let _ = loan_in_proportion_ceil(delta, || range, cap);
        }
    }
}
