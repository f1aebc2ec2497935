//! Realised volatility and the scan range that follows it.
//!
//! The variance of log returns is an exponentially weighted average over time, so a quiet hour after a storm lowers it
//! only as fast as the half-life says:
//! `variance ← w·variance + (1 - w)·r²·year/Δt`, `w = 2^(-Δt/half_life)`, `r = ln(price/previous price)`.

use crate::numbers::{Overflow, Q32_ONE, decay_q32, ln_q32, mul_q32_ceil};
use crate::time::YEAR_S;
use fixed::types::I80F48;

/// Largest annualised variance that is kept, in Q32: a volatility of 256 (25,600%).
pub const VARIANCE_MAX_Q32: u64 = 1 << 48;

/// The variance after one more sampled price. Annualised, Q32.
///
/// `elapsed_s` is the time since `previous_price` was sampled and must not be 0; prices must be positive; a return
/// beyond the range of Q32 (a factor of 2^32) counts as that range.
pub fn next_variance_q32(
    variance_q32: u64,
    previous_price: I80F48,
    price: I80F48,
    elapsed_s: u64,
    half_life_s: u64,
) -> Result<u64, Overflow> {
    if elapsed_s == 0 || previous_price <= 0 || price <= 0 {
        return Err(Overflow);
    }
    let ratio_q32 = price_ratio_q32(price, previous_price).max(1);
    let log_return = i128::from(ln_q32(ratio_q32).ok_or(Overflow)?);
    // |ln| <= 23 so the square is below 2^74 and times a year (2^25) below 2^99.
    let square_q48 = (log_return * log_return) as u128 >> 16;
    let yearly_q48 = square_q48 * u128::from(YEAR_S) / u128::from(elapsed_s);
    let annualised = yearly_q48 >> 16;
    let sample = annualised.min(u128::from(VARIANCE_MAX_Q32));
    let keep = u128::from(decay_q32(elapsed_s, half_life_s).min(Q32_ONE));
    let mixed = u128::from(variance_q32) * keep + sample * (u128::from(Q32_ONE) - keep);
    Ok(((mixed >> 32) as u64).min(VARIANCE_MAX_Q32))
}

/// `a / b` in Q32, saturating. `b` must be positive, `a` not negative.
pub fn price_ratio_q32(a: I80F48, b: I80F48) -> u64 {
    let numerator = a.to_bits().max(0) as u128;
    let denominator = b.to_bits().max(1) as u128;
    // The usual sizes, by 64-bit divisions in three digits: of the denominator at least 32 bits are kept.
    let drop = if denominator >> 48 == 0 {
        0
    } else if denominator >> 64 == 0 {
        16
    } else {
        32
    };
    let (top, bottom) = (numerator >> drop, denominator >> drop);
    if top >> 64 == 0 && bottom >> 48 == 0 {
        let (top, bottom) = (top as u64, bottom as u64);
        let (whole, rest) = (top / bottom, top % bottom);
        let (high, rest) = ((rest << 16) / bottom, (rest << 16) % bottom);
        let low = (rest << 16) / bottom;
        return if whole >> 32 == 0 {
            whole << 32 | high << 16 | low
        } else {
            u64::MAX
        };
    }
    // Drop low bits of both alike when the shift would leave 128 bits.
    let spare = numerator.leading_zeros();
    let (numerator, denominator) = if spare >= 32 {
        (numerator << 32, denominator)
    } else {
        (numerator << spare, (denominator >> (32 - spare)).max(1))
    };
    u64::try_from(numerator / denominator).unwrap_or(u64::MAX)
}

/// An exponentially weighted average price after `elapsed_s` more seconds at `price`.
pub fn next_average(average: I80F48, price: I80F48, elapsed_s: u64, half_life_s: u64) -> I80F48 {
    let keep = I80F48::from_bits(i128::from(decay_q32(elapsed_s, half_life_s)) << 16);
    price.saturating_add((average.saturating_sub(price)).saturating_mul(keep))
}

/// What turns a volatility into a scan range. All Q32.
#[derive(Clone, Copy, Debug)]
pub struct RangeParameters {
    /// `z·√horizon`, horizon in years: the range per unit of annualised volatility.
    pub volatility_multiplier_q32: u64,
    /// Smallest range, however calm the market.
    pub minimum_q32: u64,
    /// Largest range, however wild the market (without the confidence term).
    pub maximum_q32: u64,
    /// How many confidence intervals of the oracle price widen the range.
    pub confidence_multiplier_q32: u64,
}

/// Largest scan range whatever the parameters: a price can lose at most 99% in a scenario.
pub const RANGE_LIMIT_Q32: u64 = Q32_ONE * 99 / 100;

/// The scan range: `clamp(z·√horizon·σ, minimum, maximum) + k·confidence/price`, at most 99%. Rounded up.
pub fn scan_range_q32(
    parameters: &RangeParameters,
    volatility_q32: u64,
    confidence_ratio_q32: u64,
) -> u64 {
    let product = |a: u64, b: u64| {
        mul_q32_ceil(i64::try_from(a).unwrap_or(i64::MAX), b).map_or(u64::MAX, |v| v as u64)
    };
    let following = product(volatility_q32, parameters.volatility_multiplier_q32);
    let widening = product(confidence_ratio_q32, parameters.confidence_multiplier_q32);
    following
        .min(parameters.maximum_q32)
        .max(parameters.minimum_q32)
        .saturating_add(widening)
        .min(RANGE_LIMIT_Q32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::sqrt_q32;
    use proptest::prelude::*;
    extern crate std;

    fn q32(x: f64) -> u64 {
        (x * Q32_ONE as f64) as u64
    }

    #[test]
    fn steady_returns_converge_to_their_annualised_volatility() {
        // ±0.1% each minute is an annualised volatility of 0.001·√525,600 = 72.5%.
        let (low, high) = (I80F48::from_num(100), I80F48::from_num(100.1));
        let mut variance = 0;
        for step in 0..2_000 {
            let (previous, price) = if step % 2 == 0 {
                (low, high)
            } else {
                (high, low)
            };
            variance = next_variance_q32(variance, previous, price, 60, 3_600).unwrap();
        }
        let volatility = sqrt_q32(variance) as f64 / Q32_ONE as f64;
        assert!((volatility - 0.7246).abs() < 1e-3, "{volatility}");
    }

    #[test]
    fn range_follows_volatility_within_its_bounds() {
        let parameters = RangeParameters {
            volatility_multiplier_q32: q32(0.2),
            minimum_q32: q32(0.08),
            maximum_q32: q32(0.3),
            confidence_multiplier_q32: q32(2.0),
        };
        let range = |vol: f64, conf: f64| {
            scan_range_q32(&parameters, q32(vol), q32(conf)) as f64 / Q32_ONE as f64
        };
        assert!((range(0.1, 0.0) - 0.08).abs() < 1e-9);
        assert!((range(0.9, 0.0) - 0.18).abs() < 1e-9);
        assert!((range(5.0, 0.0) - 0.3).abs() < 1e-9);
        assert!((range(0.9, 0.01) - 0.20).abs() < 1e-9);
        assert!((range(5.0, 1.0) - 0.99).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn nothing_panics(variance: u64, previous: i128, price: i128, elapsed: u64, half_life: u64) {
            let (previous, price) = (I80F48::from_bits(previous), I80F48::from_bits(price));
            let _ = next_variance_q32(variance, previous, price, elapsed, half_life);
            let _ = next_average(previous, price, elapsed, half_life);
            let _ = price_ratio_q32(price, previous);
        }

        #[test]
        fn an_average_stays_between_its_price_and_its_past(
            average in 1i128..1 << 90, price in 1i128..1 << 90, elapsed: u64, half_life in 1u64..1 << 40,
        ) {
            let (average, price) = (I80F48::from_bits(average), I80F48::from_bits(price));
            let next = next_average(average, price, elapsed, half_life);
            prop_assert!(next >= average.min(price) && next <= average.max(price));
        }
    }
}
