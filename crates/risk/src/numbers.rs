//! Fixed-point helpers: Q32 products, square roots, logarithm and exponential decay.

use crate::word::{Signed, Word};
use fixed::types::I80F48;

/// 1.0 in Q32.
pub const Q32_ONE: u64 = 1 << 32;

/// A result left the range of its type. No figure can be trusted then, so the caller must refuse the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("arithmetic overflow")
    }
}

impl core::error::Error for Overflow {}

/// Product of two 64-bit numbers from four of their halves: cheaper than the compiler's 128-bit product on the on-chain VM, where that
/// is a call.
#[inline(always)]
pub(crate) fn wide_product(a: u64, b: u64) -> u128 {
    let [top, other, bottom] = schoolbook(a, b);
    u128::from(top) << 64 | u128::from(other << 32 | bottom.low())
}

/// The upper word of a product, and two words whose lower halves are the upper and the lower half of its lower word.
#[inline(always)]
pub(crate) fn schoolbook<W: Word>(a: W, b: W) -> [W; 3] {
    let (a1, a0, b1, b0) = (a >> W::HALF, a.low(), b >> W::HALF, b.low());
    // A product of two halves leaves room for two more halves in a word.
    let bottom = a0.exact_mul(b0);
    let middle = a1.exact_mul(b0).exact_add(bottom >> W::HALF);
    let other = a0.exact_mul(b1).exact_add(middle.low());
    let top = a1
        .exact_mul(b1)
        .exact_add(middle >> W::HALF)
        .exact_add(other >> W::HALF);
    [top, other, bottom]
}

/// Product of two Q32 numbers, rounded down, saturating.
#[inline]
pub fn product_q32(a: u64, b: u64) -> u64 {
    let (large, small) = if a < b { (b, a) } else { (a, b) };
    if small <= Q32_ONE {
        return part_of(large, small);
    }
    u64::try_from((u128::from(a) * u128::from(b)) >> 32).unwrap_or(u64::MAX)
}

/// `value × fraction / 2^32`, rounded down, for a fraction of at most 1: at most the value, whose halves are multiplied apart, so that 64
/// bits suffice.
#[inline(always)]
pub(crate) fn part_of<W: Word>(value: W, fraction: W) -> W {
    (value >> W::HALF)
        .exact_mul(fraction)
        .exact_add(value.low().exact_mul(fraction) >> W::HALF)
}

/// `value × factor` with the factor in Q32, rounded towards minus infinity.
///
/// # Errors
/// [`Overflow`] when the product does not fit in `i64`.
#[inline]
pub fn mul_q32_floor(value: i64, factor_q32: u64) -> Result<i64, Overflow> {
    if factor_q32 <= Q32_ONE {
        return Ok(mul_fraction(value, factor_q32, 0));
    }
    let product = i128::from(value) * i128::from(factor_q32);
    i64::try_from(product >> 32).map_err(|_| Overflow)
}

/// `value × factor` with the factor in Q32, rounded towards plus infinity.
///
/// # Errors
/// [`Overflow`] when the product does not fit in `i64`.
#[inline]
pub fn mul_q32_ceil(value: i64, factor_q32: u64) -> Result<i64, Overflow> {
    if factor_q32 <= Q32_ONE {
        return Ok(mul_fraction(value, factor_q32, Q32_ONE - 1));
    }
    let product = i128::from(value) * i128::from(factor_q32);
    // At most 2^127 + 2^32 cannot occur: |value| <= 2^63 and factor < 2^64 leave a spare bit.
    i64::try_from((product + i128::from(Q32_ONE - 1)) >> 32).map_err(|_| Overflow)
}

/// `(value × fraction + carry) / 2^32`, rounded down, for a fraction of at most 1 and a carry below 1: the halves of the value are
/// multiplied apart, so that 64 bits suffice.
#[inline]
pub(crate) fn mul_fraction<W: Signed>(value: W, fraction: W::Unsigned, carry: W::Unsigned) -> W {
    // |high| <= 2^31 and low < 2^32; the sums are at most |value| and below 2^64.
    let (high, low) = (value >> W::HALF, value.low().unsigned());
    let rest = low.exact_mul(fraction).exact_add(carry) >> W::HALF;
    high.exact_mul(W::signed(fraction))
        .exact_add(W::signed(rest))
}

/// Value in quote units of `amount` native units at `price` (quote units per native unit, not negative), rounded down.
///
/// # Errors
/// [`Overflow`] for a negative price or when the value does not fit in `i64`.
pub fn value_floor(amount: u64, price: I80F48) -> Result<i64, Overflow> {
    value(amount, price).map(|(value, _)| value)
}

/// Value in quote units of `amount` native units at `price` (quote units per native unit, not negative), rounded up.
///
/// # Errors
/// [`Overflow`] for a negative price or when the value does not fit in `i64`.
pub fn value_ceil(amount: u64, price: I80F48) -> Result<i64, Overflow> {
    let (value, exact) = value(amount, price)?;
    value.checked_add(i64::from(!exact)).ok_or(Overflow)
}

/// The value rounded down, and whether that is exact: the price's bits in two words keep both products within 128 bits.
fn value(amount: u64, price: I80F48) -> Result<(i64, bool), Overflow> {
    let bits = price.to_bits();
    if bits < 0 {
        return Err(Overflow);
    }
    let (high, low) = ((bits >> 64) as u64, bits as u64);
    let product = wide_product(amount, low);
    let mut whole = (product >> 48) as u64;
    let mut fits = product >> 111 == 0;
    if high != 0 {
        let upper = wide_product(amount, high);
        fits &= upper >> 47 == 0;
        let (sum, carried) = whole.overflowing_add((upper as u64) << 16);
        whole = sum;
        fits &= !carried && sum >> 63 == 0;
    }
    if !fits {
        return Err(Overflow);
    }
    Ok((whole as i64, product as u64 & ((1 << 48) - 1) == 0))
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
    let [high, cross, low] = schoolbook(a, b);
    let bottom = cross << 64 | low.low();
    if high >> 47 != 0 {
        return Err(Overflow);
    }
    let bits = high << 80 | bottom >> 48;
    let bits = i128::try_from(bits).map_err(|_| Overflow)?;
    Ok((I80F48::from_bits(bits), bottom << 80 == 0))
}

/// Price times a Q32 factor, rounded down to a multiple of 2^-48. A price that is not negative.
///
/// # Errors
/// [`Overflow`] for a negative price or when the product does not fit.
pub fn mul_price_q32_floor(price: I80F48, factor_q32: u64) -> Result<I80F48, Overflow> {
    let bits = u128::try_from(price.to_bits()).map_err(|_| Overflow)?;
    // The usual sizes fit in one product of 128 bits.
    if bits >> 88 == 0 && factor_q32 >> 40 == 0 {
        return Ok(I80F48::from_bits(
            (bits.exact_mul(factor_q32.into()) >> 32) as i128,
        ));
    }
    mul_i80f48_floor(price, I80F48::from_bits(i128::from(factor_q32) << 16))
}

/// Price times a whole number. A price that is not negative.
///
/// # Errors
/// [`Overflow`] for a negative price or when the product does not fit.
pub fn mul_price_int(price: I80F48, factor: u64) -> Result<I80F48, Overflow> {
    let bits = u128::try_from(price.to_bits()).map_err(|_| Overflow)?;
    let product = if bits >> 79 == 0 && factor >> 48 == 0 {
        bits.exact_mul(factor.into())
    } else {
        bits.checked_mul(factor.into()).ok_or(Overflow)?
    };
    i128::try_from(product)
        .map(I80F48::from_bits)
        .map_err(|_| Overflow)
}

/// Whole units of shares times an index, both not negative, rounded down, and whether that is exact.
///
/// # Errors
/// [`Overflow`] for a negative number or when the result does not fit in `i64`.
pub fn whole_product(shares: I80F48, index: I80F48) -> Result<(i64, bool), Overflow> {
    const FRACTION: u128 = (1 << 48) - 1;
    let (shares, index) = (shares.to_bits(), index.to_bits());
    let a = u128::try_from(shares).map_err(|_| Overflow)?;
    let b = u128::try_from(index).map_err(|_| Overflow)?;
    // Shares as whole and fraction keep both products within 128 bits while the index is below 65,536.
    if a >> 111 != 0 || b >> 64 != 0 {
        let (product, exact) = product_parts(I80F48::from_bits(shares), I80F48::from_bits(index))?;
        let whole = i64::try_from(product.to_bits() >> 48).map_err(|_| Overflow)?;
        return Ok((whole, exact && product.frac() == 0));
    }
    let b = b as u64;
    let rest = wide_product((a & FRACTION) as u64, b);
    let total = wide_product((a >> 48) as u64, b) + (rest >> 48);
    let whole = i64::try_from(total >> 48).map_err(|_| Overflow)?;
    Ok((whole, (total | rest) & FRACTION == 0))
}

/// A number other than 0 shifted left by an even number of bits so that one of its two highest bits is set, and that number of bits.
/// The on-chain VM has no instruction that counts zeros; comparing is cheaper there than what stands in for it.
#[inline]
pub(crate) fn normalise(x: u64) -> (u64, u32) {
    let (mut x, mut shift) = (x, 0);
    for step in [32, 16, 8, 4, 2] {
        if x >> (64 - step) == 0 {
            x <<= step;
            shift += step;
        }
    }
    (x, shift)
}

/// Newton's steps in a square root.
pub(crate) const ROOT_STEPS: u32 = 3;

/// A line that is at most 9% above the square root, for a number from 2^62.
#[inline(always)]
pub(crate) fn root_line(x: u64) -> u64 {
    x / (3 << 31) + (3 << 29)
}

/// Square root of a number from 2^62, rounded down: three of Newton's steps from above, from a line that is at most 9% too high. (Errors
/// 0.4%, 6e-6, 2e-11; a 64-bit division is one instruction on the VM.)
#[inline]
pub(crate) fn sqrt_normalised(x: u64) -> u64 {
    debug_assert!(x >> 62 != 0);
    let mut root = root_line(x);
    for _ in 0..ROOT_STEPS {
        // Both terms are below 2^34.
        root = root.exact_add(x / root) >> 1;
    }
    // Too high by one at most.
    let root = root.min(u64::from(u32::MAX));
    root.exact_sub(u64::from(root.exact_mul(root) > x))
}

/// Square root of any number, rounded down.
pub(crate) fn sqrt_u64(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let (leading, shift) = normalise(x);
    sqrt_normalised(leading) >> (shift / 2)
}

/// Square root of any 128-bit number, not too small, and too large by at most 1 below 2^96 (and by 2^-47 of the result above).
pub(crate) fn sqrt_u128_ceil(x: u128) -> u128 {
    let Ok(small) = u64::try_from(x) else {
        // √x = √(leading·2^32)·2^(cut/2 - 16), with 48 bits of the root.
        let high = normalise((x >> 64) as u64).1;
        let cut = 64 - high;
        let root = u128::from(sqrt_q32((x >> cut) as u64)) + 1;
        return if cut >= 32 {
            root << (cut / 2 - 16)
        } else {
            (root >> (16 - cut / 2)) + 1
        };
    };
    let root = sqrt_u64(small);
    u128::from(root + u64::from(root * root != small))
}

/// Square root of a Q32 number, rounded down: `√(x)` in Q32.
pub fn sqrt_q32(x_q32: u64) -> u64 {
    if x_q32 == 0 {
        return 0;
    }
    // √(x·2^32): the root of the 64 leading bits, to which one division adds 16 bits more.
    let (leading, shift) = normalise(x_q32);
    let root = sqrt_normalised(leading);
    // At most 2·root < 2^33.
    let rest = leading - root.exact_mul(root);
    let finer = (root << 16) + (rest << 15) / root;
    // Not too small, and too large by less than 1.
    let result = finer >> (shift / 2);
    let square = u128::from(result) * u128::from(result);
    result - u64::from(square > u128::from(x_q32) << 32)
}

/// `ln 2` in Q58.
pub(crate) const LN2_Q58: i64 = 199_786_072_581_291_495;
/// `√2` in Q32.
pub(crate) const SQRT2_Q32: u64 = 6_074_000_999;

/// Natural logarithm of a positive Q32 number, in Q32; the error is below 2^-30 over the whole domain. `None` for 0.
///
/// `x = 2^k·m` with `m` in [1/√2, √2), and `ln m = 2·artanh((m - 1)/(m + 1))` by its series to the 13th power, whose
/// remainder is below 2·0.1716^15/15 < 1e-12. Wrapping 64-bit arithmetic within the bounds beside it.
pub fn ln_q32(x_q32: u64) -> Option<i64> {
    if x_q32 == 0 {
        return None;
    }
    // m in [1/2, 2), then in [1/√2, √2).
    let (leading, shift) = normalise(x_q32);
    let mut exponent = 31 - i64::from(shift);
    let mut mantissa_q33 = leading >> 30;
    if mantissa_q33 < SQRT2_Q32 {
        mantissa_q33 = leading >> 29;
        exponent -= 1;
    }
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
    let artanh_q58 = artanh_q58(z_q58 as i64);
    let ln_m = 2 * if negative { -artanh_q58 } else { artanh_q58 };
    // |exponent| <= 32, so the sum is below 23·2^58.
    Some(exponent.exact_mul(LN2_Q58).exact_add(ln_m) >> 26)
}

/// `artanh z` for z in [0, 0.1716], Q58: its series to the 13th power.
#[inline(always)]
pub(crate) fn artanh_q58<W: Word>(z_q58: W) -> W {
    let z = z_q58 >> 26;
    let square = z.exact_mul(z) >> 32;
    let mut series = W::of(0);
    for odd in [13, 11, 9, 7, 5, 3] {
        series = series
            .exact_add(W::of(Q32_ONE as i64 / odd))
            .exact_mul(square)
            >> 32;
    }
    z_q58.exact_add(z.exact_mul(series) >> 6)
}

/// `ln 2` in Q32.
pub(crate) const LN2_Q32: i64 = 2_977_044_472;

/// Beyond this [`exp_q32`] saturates: its result must stay below 2^32, which is `e^22.18`.
pub(crate) const EXPONENT_MAX_Q32: i64 = 22 << 32;

/// `e^x` for `x` in [-22, 22], both Q32, saturating outside; the error is below 2^-29 of the result (and one unit).
///
/// `e^x = 2^k·e^r` with `|r| <= ln 2 / 2` and Taylor's series to the 8th power, remainder below 0.35^9/9! < 3e-10.
pub fn exp_q32(x_q32: i64) -> u64 {
    if x_q32 >= EXPONENT_MAX_Q32 {
        return exp_q32(EXPONENT_MAX_Q32 - 1);
    }
    if x_q32 <= -EXPONENT_MAX_Q32 {
        return 0;
    }
    let halvings = (x_q32 + LN2_Q32 / 2).div_euclid(LN2_Q32);
    let rest = x_q32.exact_sub(halvings.exact_mul(LN2_Q32));
    let power = exp_near_0_q32(rest);
    if halvings >= 0 {
        (power as u64) << halvings
    } else {
        (power as u64) >> -halvings
    }
}

/// `e^x` for `|x| <= ln 2 / 2`, both Q32: Taylor's series to the 8th power.
#[inline(always)]
pub(crate) fn exp_near_0_q32<W: Word>(x: W) -> W {
    let one = W::of(Q32_ONE as i64);
    let mut power = one;
    // 1/n in Q32 instead of divisions.
    const INVERSES: [i64; 8] = [
        1 << 32,
        1 << 31,
        1_431_655_765,
        1 << 30,
        858_993_459,
        715_827_883,
        613_566_757,
        1 << 29,
    ];
    for inverse in INVERSES.iter().rev() {
        // |x·power| < 2^63, and its upper half times an inverse below 2^63.
        let term = (x.exact_mul(power) >> 32).exact_mul(W::of(*inverse)) >> 32;
        power = one.exact_add(term);
    }
    power
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn q32_products_equal_those_of_128_bits(value: i64, factor: u64, by in 0u32..64) {
            let factor = factor >> by;
            let product = i128::from(value) * i128::from(factor);
            prop_assert_eq!(mul_q32_floor(value, factor).ok(), i64::try_from(product >> 32).ok());
            let ceil = (product + i128::from(Q32_ONE - 1)) >> 32;
            prop_assert_eq!(mul_q32_ceil(value, factor).ok(), i64::try_from(ceil).ok());
            prop_assert_eq!(mul_q32_ceil(value, Q32_ONE), Ok(value));
            let other = value.unsigned_abs();
            let product = (u128::from(other) * u128::from(factor)) >> 32;
            prop_assert_eq!(product_q32(other, factor), u64::try_from(product).unwrap_or(u64::MAX));
        }

        #[test]
        fn values_equal_the_exact_product(amount: u64, bits in 0i128.., by in 0u32..64, down in 0u32..100) {
            let (amount, price) = (amount >> by, I80F48::from_bits(bits >> down));
            let parts = (price.to_bits() >> 48, price.to_bits() & ((1 << 48) - 1));
            let exact = parts.0.checked_mul(amount.into());
            let rest = parts.1 * i128::from(amount);
            let floor = exact.and_then(|whole| i64::try_from(whole.checked_add(rest >> 48)?).ok());
            let ceil = exact.and_then(|whole| i64::try_from(whole.checked_add((rest + (1 << 48) - 1) >> 48)?).ok());
            prop_assert_eq!(value_floor(amount, price).ok(), floor);
            prop_assert_eq!(value_ceil(amount, price).ok(), ceil);
        }
    }

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
        fn roots_are_exact(x: u64, shift in 0u32..64) {
            let x = x >> shift;
            prop_assert_eq!(sqrt_q32(x), (u128::from(x) << 32).isqrt() as u64);
            prop_assert_eq!(sqrt_u64(x), x.isqrt());
            let wide = u128::from(x) << (shift % 60) | u128::from(shift);
            let (ours, exact) = (sqrt_u128_ceil(wide), wide.isqrt());
            prop_assert!(ours * ours >= wide, "{wide} {ours}");
            prop_assert!(ours <= exact + 2 + (exact >> 46), "{wide} {ours}");
            let square = x.isqrt().pow(2);
            for edge in [square, square.saturating_sub(1), square.saturating_add(1)] {
                prop_assert_eq!(sqrt_u64(edge), edge.isqrt());
                prop_assert_eq!(sqrt_q32(edge), (u128::from(edge) << 32).isqrt() as u64);
            }
        }

        #[test]
        fn whole_products_match_the_library(a in 0i128.., b in 0i128..) {
            let (a, b) = (I80F48::from_bits(a >> (b % 100)), I80F48::from_bits(b >> (a % 100)));
            let product = product_parts(a, b).ok();
            let ours = whole_product(a, b).ok();
            let whole = product.and_then(|(value, exact)| Some((value.checked_to_num().filter(|_| value >= 0)?, exact && value.frac() == 0)));
            prop_assert_eq!(ours, whole);
        }

        #[test]
        fn prices_times_factors_match_the_library(price in 0i128.., factor: u64, by in 0u32..100) {
            let (price, factor) = (I80F48::from_bits(price >> by), factor >> (by % 64));
            let q32 = I80F48::from_bits(i128::from(factor) << 16);
            prop_assert_eq!(mul_price_q32_floor(price, factor).ok(), mul_i80f48_floor(price, q32).ok());
            prop_assert_eq!(mul_price_int(price, factor).ok(), price.checked_mul_int(factor.into()));
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
