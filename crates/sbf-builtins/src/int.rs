//! 128-bit multiplication, division and remainder.

use crate::bits::{divide_normalised, leading_zeros, multiply_wide};

const fn halves(x: u128) -> (u64, u64) {
    ((x >> 64) as u64, x as u64)
}

const fn join(high: u64, low: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

/// Product modulo 2^128, for signed and unsigned factors alike.
#[unsafe(no_mangle)]
pub extern "unadjusted" fn __multi3(a: u128, b: u128) -> u128 {
    let (a_high, a_low) = halves(a);
    let (b_high, b_low) = halves(b);
    let (high, low) = multiply_wide(a_low, b_low);
    let cross = a_high
        .wrapping_mul(b_low)
        .wrapping_add(a_low.wrapping_mul(b_high));
    join(high.wrapping_add(cross), low)
}

/// Unsigned quotient, rounded towards zero.
#[unsafe(no_mangle)]
pub extern "unadjusted" fn __udivti3(numerator: u128, divisor: u128) -> u128 {
    divide(numerator, divisor).0
}

/// Unsigned remainder.
#[unsafe(no_mangle)]
pub extern "unadjusted" fn __umodti3(numerator: u128, divisor: u128) -> u128 {
    divide(numerator, divisor).1
}

/// Signed quotient, rounded towards zero.
#[unsafe(no_mangle)]
pub extern "unadjusted" fn __divti3(numerator: i128, divisor: i128) -> i128 {
    let quotient = divide(numerator.unsigned_abs(), divisor.unsigned_abs()).0 as i128;
    if (numerator ^ divisor) < 0 {
        quotient.wrapping_neg()
    } else {
        quotient
    }
}

/// Signed remainder, with the sign of the numerator.
#[unsafe(no_mangle)]
pub extern "unadjusted" fn __modti3(numerator: i128, divisor: i128) -> i128 {
    let remainder = divide(numerator.unsigned_abs(), divisor.unsigned_abs()).1 as i128;
    if numerator < 0 {
        remainder.wrapping_neg()
    } else {
        remainder
    }
}

/// Quotient and remainder. Callers have refused a zero divisor.
#[inline(always)]
fn divide(numerator: u128, divisor: u128) -> (u128, u128) {
    let (n_high, n_low) = halves(numerator);
    let (d_high, d_low) = halves(divisor);
    if d_high != 0 {
        let (quotient, remainder) = divide_by_long(n_high, n_low, d_high, d_low);
        return (join(0, quotient), remainder);
    }
    if n_high == 0 {
        return (join(0, n_low / d_low), join(0, n_low % d_low));
    }
    // Long division by one 64-bit digit: after the first digit the carry is smaller than the divisor.
    let q_high = n_high / d_low;
    let carry = n_high.wrapping_sub(q_high.wrapping_mul(d_low));
    let (q_low, remainder) = if d_low >> 32 == 0 {
        divide_by_short(carry, n_low, d_low)
    } else {
        let shift = leading_zeros(d_low);
        // A shift by 64 is undefined, hence the two steps.
        let high = carry << shift | n_low >> 1 >> (63 - shift);
        let (q, r) = divide_normalised(high, n_low << shift, d_low << shift);
        (q, r >> shift)
    };
    (join(q_high, q_low), join(0, remainder))
}

/// `(high, low) / divisor` where `high < divisor < 2^32`: two steps with room to spare.
#[inline(always)]
fn divide_by_short(high: u64, low: u64, divisor: u64) -> (u64, u64) {
    let upper = high << 32 | low >> 32;
    let digit_1 = upper / divisor;
    let carry = upper.wrapping_sub(digit_1.wrapping_mul(divisor));
    let lower = carry << 32 | low & 0xffff_ffff;
    let digit_0 = lower / divisor;
    let remainder = lower.wrapping_sub(digit_0.wrapping_mul(divisor));
    (digit_1 << 32 | digit_0, remainder)
}

/// Division by a divisor of more than 64 bits: the quotient fits in 64.
///
/// The divisor's leading 64 bits give an estimate that is, after one is taken off, either right or one too small
/// (Warren, Hacker's Delight, second edition, 9-5).
#[inline(always)]
fn divide_by_long(n_high: u64, n_low: u64, d_high: u64, d_low: u64) -> (u64, u128) {
    let shift = leading_zeros(d_high);
    let d_leading = d_high << shift | d_low >> 1 >> (63 - shift);
    // Half of the numerator keeps the high half below the divisor.
    let half_high = n_high >> 1;
    let half_low = n_high << 63 | n_low >> 1;
    let (estimate, _) = divide_normalised(half_high, half_low, d_leading);
    // The estimate is of numerator / 2 by divisor / 2^(64 - shift).
    let mut quotient = estimate >> (63 - shift);
    quotient = quotient.saturating_sub(1);

    let (product_high, product_low) = multiply_wide(quotient, d_low);
    let product_high = product_high.wrapping_add(quotient.wrapping_mul(d_high));
    let remainder = join(n_high, n_low).wrapping_sub(join(product_high, product_low));
    let divisor = join(d_high, d_low);
    if remainder >= divisor {
        (quotient.wrapping_add(1), remainder.wrapping_sub(divisor))
    } else {
        (quotient, remainder)
    }
}
