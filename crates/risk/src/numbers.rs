//! Fixed-point helpers: Q32 products, square roots, logarithm and exponential decay.

use fixed::types::I80F48;

/// 1.0 in Q32.
pub const Q32_ONE: u64 = 1 << 32;

/// Seconds in the 365-day year in which volatilities are annualised.
pub const SECONDS_PER_YEAR: u64 = 365 * 86_400;

/// A result left the range of its type. No figure can be trusted then, so the caller must refuse the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("arithmetic overflow")
    }
}

impl core::error::Error for Overflow {}

/// `value × factor` with the factor in Q32, rounded towards minus infinity.
///
/// # Errors
/// [`Overflow`] when the product does not fit in `i64`.
pub fn mul_q32_floor(value: i64, factor_q32: u64) -> Result<i64, Overflow> {
    let product = i128::from(value) * i128::from(factor_q32);
    i64::try_from(product >> 32).map_err(|_| Overflow)
}

/// `value × factor` with the factor in Q32, rounded towards plus infinity.
///
/// # Errors
/// [`Overflow`] when the product does not fit in `i64`.
pub fn mul_q32_ceil(value: i64, factor_q32: u64) -> Result<i64, Overflow> {
    let product = i128::from(value) * i128::from(factor_q32);
    // At most 2^127 + 2^32 cannot occur: |value| <= 2^63 and factor < 2^64 leave a spare bit.
    i64::try_from((product + i128::from(Q32_ONE - 1)) >> 32).map_err(|_| Overflow)
}

/// Value in quote units of `amount` native units at `price` (quote units per native unit, not negative), rounded down.
///
/// # Errors
/// [`Overflow`] for a negative price or when the value does not fit in `i64`.
pub fn value_floor(amount: u64, price: I80F48) -> Result<i64, Overflow> {
    let (whole, fraction) = value_parts(amount, price)?;
    let total = whole.checked_add(fraction >> 48).ok_or(Overflow)?;
    i64::try_from(total).map_err(|_| Overflow)
}

/// Value in quote units of `amount` native units at `price` (quote units per native unit, not negative), rounded up.
///
/// # Errors
/// [`Overflow`] for a negative price or when the value does not fit in `i64`.
pub fn value_ceil(amount: u64, price: I80F48) -> Result<i64, Overflow> {
    let (whole, fraction) = value_parts(amount, price)?;
    let total = whole
        .checked_add(fraction.div_ceil(1 << 48))
        .ok_or(Overflow)?;
    i64::try_from(total).map_err(|_| Overflow)
}

/// The product as `whole + fraction / 2^48`: the price's bits split in two words keep both products within 128 bits.
fn value_parts(amount: u64, price: I80F48) -> Result<(u128, u128), Overflow> {
    let bits = u128::try_from(price.to_bits()).map_err(|_| Overflow)?;
    let high = (bits >> 64) as u64;
    let low = bits as u64;
    let whole = if high == 0 {
        0
    } else {
        // high < 2^63, so the product is below 2^127, and the shift by 16 is checked.
        let product = u128::from(amount) * u128::from(high);
        if product >> 112 != 0 {
            return Err(Overflow);
        }
        product << 16
    };
    Ok((whole, u128::from(amount) * u128::from(low)))
}

/// Signed form of [`value_floor`] for a position or an amount that may be owed: rounded towards minus infinity.
///
/// # Errors
/// [`Overflow`] as [`value_floor`].
pub fn signed_value_floor(amount: i64, price: I80F48) -> Result<i64, Overflow> {
    if amount >= 0 {
        value_floor(amount.unsigned_abs(), price)
    } else {
        Ok(-value_ceil(amount.unsigned_abs(), price)?)
    }
}

/// Signed form of [`value_ceil`]: rounded towards plus infinity.
///
/// # Errors
/// [`Overflow`] as [`value_ceil`].
pub fn signed_value_ceil(amount: i64, price: I80F48) -> Result<i64, Overflow> {
    if amount >= 0 {
        value_ceil(amount.unsigned_abs(), price)
    } else {
        Ok(-value_floor(amount.unsigned_abs(), price)?)
    }
}

/// `a × b` of numbers that are not negative, rounded down to a multiple of 2^-48.
///
/// # Errors
/// [`Overflow`] for a negative factor or when the product does not fit.
pub fn mul_i80f48_floor(a: I80F48, b: I80F48) -> Result<I80F48, Overflow> {
    product_parts(a, b).map(|(product, _)| product)
}

/// `a × b` of numbers that are not negative, rounded up to a multiple of 2^-48.
///
/// # Errors
/// [`Overflow`] for a negative factor or when the product does not fit.
pub fn mul_i80f48_ceil(a: I80F48, b: I80F48) -> Result<I80F48, Overflow> {
    let (product, exact) = product_parts(a, b)?;
    if exact {
        return Ok(product);
    }
    product.checked_add(I80F48::DELTA).ok_or(Overflow)
}

/// The product rounded down, and whether that is exact.
fn product_parts(a: I80F48, b: I80F48) -> Result<(I80F48, bool), Overflow> {
    let a = u128::try_from(a.to_bits()).map_err(|_| Overflow)?;
    let b = u128::try_from(b.to_bits()).map_err(|_| Overflow)?;
    let word = |x: u128| x & u128::from(u64::MAX);
    // Schoolbook product of two words each; every partial product and carry fits in 128 bits.
    let low = word(a) * word(b);
    let cross = (a >> 64) * word(b) + (low >> 64);
    let cross_low = word(a) * (b >> 64) + word(cross);
    let high = (a >> 64) * (b >> 64) + (cross >> 64) + (cross_low >> 64);
    let bottom = cross_low << 64 | word(low);
    if high >> 47 != 0 {
        return Err(Overflow);
    }
    let bits = high << 80 | bottom >> 48;
    let bits = i128::try_from(bits).map_err(|_| Overflow)?;
    Ok((I80F48::from_bits(bits), bottom << 80 == 0))
}

/// Square root of a Q32 number, rounded down: `√(x)` in Q32.
pub fn sqrt_q32(x_q32: u64) -> u64 {
    // √(x·2^32 · 2^32) = √x · 2^32, below 2^48.
    (u128::from(x_q32) << 32).isqrt() as u64
}

/// Natural logarithm of a positive Q32 number, in Q32; the error is below 2^-30 over the whole domain. `None` for 0.
///
/// `x = 2^k·m` with `m` in [1/√2, √2), and `ln m = 2·artanh((m - 1)/(m + 1))` by its series to the 13th power, whose
/// remainder is below 2·0.1716^15/15 < 1e-12. Wrapping 64-bit arithmetic within the bounds beside it.
pub fn ln_q32(x_q32: u64) -> Option<i64> {
    const LN2_Q58: i64 = 199_786_072_581_291_495;
    const SQRT2_Q32: u64 = 6_074_000_999;
    if x_q32 == 0 {
        return None;
    }
    let top_bit = 63 - x_q32.leading_zeros();
    let mut exponent = i64::from(top_bit) - 32;
    // m in [1, 2), then in [1/√2, √2); a bit more is kept while it is halved.
    let mut mantissa_q33 = if top_bit >= 33 {
        x_q32 >> (top_bit - 33)
    } else {
        x_q32 << (33 - top_bit)
    };
    if mantissa_q33 >= 2 * SQRT2_Q32 {
        mantissa_q33 >>= 1;
        exponent += 1;
    }
    let one = 1u64 << 33;
    let negative = mantissa_q33 < one;
    // z = |m - 1|/(m + 1) <= 0.1716 in Q58 by two 64-bit divisions: the numerator is below 2^32, the divisor below 2^35.
    let (numerator, divisor) = (mantissa_q33.abs_diff(one), mantissa_q33 + one);
    let first = (numerator << 29) / divisor;
    let rest = (numerator << 29) % divisor;
    let z_q58 = (first << 29) + ((rest << 29) / divisor);
    // z < 2^29.5 and z² < 2^27 in Q32; the series is below 0.01.
    let z = (z_q58 >> 26) as i64;
    let square = z.wrapping_mul(z) >> 32;
    let mut series = 0i64;
    for odd in [13, 11, 9, 7, 5, 3] {
        series = (series + Q32_ONE as i64 / odd).wrapping_mul(square) >> 32;
    }
    let artanh_q58 = (z_q58 as i64).wrapping_add(z.wrapping_mul(series) >> 6);
    let ln_m = 2 * if negative { -artanh_q58 } else { artanh_q58 };
    // |exponent| <= 32, so the sum is below 23·2^58.
    Some(exponent.wrapping_mul(LN2_Q58).wrapping_add(ln_m) >> 26)
}

/// `e^x` for `x` in [-22, 22], both Q32, saturating outside; the error is below 2^-29 of the result (and one unit).
///
/// `e^x = 2^k·e^r` with `|r| <= ln 2 / 2` and Taylor's series to the 9th power, remainder below 0.35^10/10! < 1e-11.
pub fn exp_q32(x_q32: i64) -> u64 {
    const LN2_Q32: i64 = 2_977_044_472;
    if x_q32 >= 22 << 32 {
        return exp_q32((22 << 32) - 1);
    }
    if x_q32 <= -22 * (1 << 32) {
        return 0;
    }
    let halvings = (x_q32 + LN2_Q32 / 2).div_euclid(LN2_Q32);
    let rest = x_q32 - halvings * LN2_Q32;
    let one = Q32_ONE as i64;
    let mut power = one;
    for n in (1..=9).rev() {
        power = one + (rest.wrapping_mul(power) >> 32) / n;
    }
    if halvings >= 0 {
        (power as u64) << halvings
    } else {
        (power as u64) >> -halvings
    }
}

/// `2^(-elapsed/half_life)` in Q32: the weight that an exponentially weighted average leaves to its past.
/// A half-life of 0 keeps nothing. Error below 2^-30.
pub fn decay_q32(elapsed_s: u64, half_life_s: u64) -> u64 {
    const LN2_Q62: u128 = 3_196_577_161_300_663_915;
    if half_life_s == 0 {
        return 0;
    }
    let halvings = elapsed_s / half_life_s;
    if halvings >= 32 {
        return 0;
    }
    let rest_q62 = (u128::from(elapsed_s % half_life_s) << 62) / u128::from(half_life_s);
    // exp(-y) for y = rest·ln 2 in [0, ln 2): Horner on Σ (-y)^n/n!, remainder below 0.7^13/13! < 1e-11.
    let y = (rest_q62 * LN2_Q62) >> 62;
    let one: u128 = 1 << 62;
    let mut power = one;
    for n in (1..=12u128).rev() {
        power = one - ((y * power) >> 62) / n;
    }
    ((power >> 30) as u64) >> halvings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;

    #[test]
    fn q32_products_round_as_named() {
        let third = Q32_ONE / 3;
        assert_eq!(mul_q32_floor(10, third), Ok(3));
        assert_eq!(mul_q32_ceil(10, third), Ok(4));
        assert_eq!(mul_q32_floor(-10, third), Ok(-4));
        assert_eq!(mul_q32_ceil(-10, third), Ok(-3));
        assert_eq!(mul_q32_floor(i64::MAX, 2 * Q32_ONE), Err(Overflow));
        assert_eq!(mul_q32_ceil(i64::MIN, u64::MAX), Err(Overflow));
    }

    #[test]
    fn values_of_large_prices_are_refused_not_wrapped() {
        assert_eq!(value_floor(u64::MAX, I80F48::MAX), Err(Overflow));
        assert_eq!(value_ceil(1, I80F48::from_num(-1)), Err(Overflow));
        assert_eq!(value_floor(3, I80F48::from_num(70_000.5)), Ok(210_001));
        assert_eq!(value_ceil(3, I80F48::from_num(70_000.5)), Ok(210_002));
        assert_eq!(signed_value_floor(-3, I80F48::from_num(0.5)), Ok(-2));
        assert_eq!(signed_value_ceil(-3, I80F48::from_num(0.5)), Ok(-1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn ln_matches_double_precision(x in 1u64..) {
            let exact = (x as f64 / Q32_ONE as f64).ln();
            let ours = ln_q32(x).unwrap() as f64 / Q32_ONE as f64;
            prop_assert!((ours - exact).abs() < 2f64.powi(-30), "{ours} {exact}");
        }

        #[test]
        fn exp_matches_double_precision(x in -20.0f64..21.0) {
            let exact = x.exp();
            let ours = exp_q32((x * Q32_ONE as f64) as i64) as f64 / Q32_ONE as f64;
            prop_assert!((ours - exact).abs() < 2f64.powi(-29) * exact + 2f64.powi(-31), "{ours} {exact}");
        }

        #[test]
        fn ln_and_exp_never_panic(x: i64) {
            let _ = exp_q32(x);
            let _ = ln_q32(x as u64);
        }

        #[test]
        fn decay_matches_double_precision(elapsed in 0u64..1_000_000, half_life in 1u64..1_000_000) {
            let exact = (-(elapsed as f64) / half_life as f64).exp2();
            let ours = decay_q32(elapsed, half_life) as f64 / Q32_ONE as f64;
            prop_assert!((ours - exact).abs() < 2f64.powi(-30), "{ours} {exact}");
        }

        #[test]
        fn products_match_the_library_and_round_as_named(a in 0i128.., b in 0i128..) {
            let (a, b) = (I80F48::from_bits(a >> (b % 100)), I80F48::from_bits(b >> (a % 100)));
            let floor = mul_i80f48_floor(a, b).ok();
            prop_assert_eq!(floor, a.checked_mul(b));
            if let (Some(floor), Ok(ceil)) = (floor, mul_i80f48_ceil(a, b)) {
                let exact = a.to_bits().trailing_zeros() + b.to_bits().trailing_zeros() >= 48;
                prop_assert!(ceil == floor || (!exact && ceil == floor + I80F48::DELTA));
            }
        }

        #[test]
        fn values_bracket_the_exact_product(amount: u64, bits in 0i128..1 << 100) {
            let price = I80F48::from_bits(bits);
            if let (Ok(floor), Ok(ceil)) = (value_floor(amount, price), value_ceil(amount, price)) {
                prop_assert!(ceil - floor <= 1);
                let exact = amount as f64 * (bits as f64 / 2f64.powi(48));
                prop_assert!((floor as f64 - exact).abs() <= 1.0 + exact * 1e-12);
            }
        }
    }
}
