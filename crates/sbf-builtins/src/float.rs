//! Double-precision arithmetic by integers (IEEE 754, rounding to nearest, ties to even). sBPF has no floating point; the
//! only users are a few lines of runtime code such as rent, so clarity comes before speed.
//!
//! LLVM passes a double as its 64-bit pattern in one register, so the functions take and return `u64`.

use crate::bits::{divide_normalised, leading_zeros, multiply_wide};

const SIGN: u64 = 1 << 63;
const MANTISSA_BITS: u32 = 52;
const HIDDEN: u64 = 1 << MANTISSA_BITS;
const MANTISSA: u64 = HIDDEN - 1;
const INFINITY: u64 = 0x7ff << MANTISSA_BITS;
const NAN: u64 = INFINITY | HIDDEN >> 1;
const BIAS: i64 = 1023;

/// Significands in flight have their leading one here, which leaves ten bits for rounding.
const LEADING_BIT: u32 = 62;
const ROUND_BITS: u32 = LEADING_BIT - MANTISSA_BITS;

/// Splits the magnitude of a finite non-zero double into its biased exponent and a significand whose leading one is the
/// hidden bit; denormal numbers are normalised, so the exponent may be zero or negative.
fn unpack(magnitude: u64) -> (i64, u64) {
    let exponent = (magnitude >> MANTISSA_BITS) as i64;
    let mantissa = magnitude & MANTISSA;
    if exponent != 0 {
        return (exponent, mantissa | HIDDEN);
    }
    let shift = leading_zeros(mantissa) - (63 - MANTISSA_BITS);
    (1 - i64::from(shift), mantissa << shift)
}

/// Shifts right; the last bit of the result also says whether any one was lost.
fn shift_right_sticky(x: u64, by: i64) -> u64 {
    match by {
        ..=0 => x,
        64.. => u64::from(x != 0),
        _ => x >> by | u64::from(x << (64 - by) != 0),
    }
}

/// Rounds and packs a non-zero significand with its leading one at [`LEADING_BIT`].
fn round(sign: u64, exponent: i64, significand: u64) -> u64 {
    let (significand, field) = if exponent <= 0 {
        (shift_right_sticky(significand, 1 - exponent), 0)
    } else if exponent >= 0x7ff {
        return sign | INFINITY;
    } else {
        // The hidden bit adds one to the exponent field below.
        (significand, exponent as u64 - 1)
    };
    let half = 1 << (ROUND_BITS - 1);
    let lost = significand & ((1 << ROUND_BITS) - 1);
    let mut rounded = significand >> ROUND_BITS;
    if lost > half || (lost == half && rounded & 1 == 1) {
        rounded += 1;
    }
    // A carry out of the mantissa lands in the exponent field, which is what it means; past the largest, infinity.
    let magnitude = (field << MANTISSA_BITS) + rounded;
    sign | magnitude.min(INFINITY)
}

fn is_nan(x: u64) -> bool {
    x & !SIGN > INFINITY
}

/// `a + b`
#[unsafe(no_mangle)]
pub extern "C" fn __adddf3(a: u64, b: u64) -> u64 {
    let (sign_a, sign_b) = (a & SIGN, b & SIGN);
    let (a, b) = (a & !SIGN, b & !SIGN);
    if a >= INFINITY || b >= INFINITY {
        let opposite_infinities = a == b && sign_a != sign_b;
        return if a > INFINITY || b > INFINITY || opposite_infinities {
            NAN
        } else if a == INFINITY {
            sign_a | a
        } else {
            sign_b | b
        };
    }
    if b == 0 {
        // Zeros of opposite sign make +0.
        return if a == 0 { sign_a & sign_b } else { sign_a | a };
    }
    if a == 0 {
        return sign_b | b;
    }
    let (sign, large, small) = if a >= b {
        (sign_a, a, b)
    } else {
        (sign_b, b, a)
    };
    let (exponent, large) = unpack(large);
    let (exponent_small, small) = unpack(small);
    // One bit below the leading position, so that a carry has room.
    let large = large << (ROUND_BITS - 1);
    let small = shift_right_sticky(small << (ROUND_BITS - 1), exponent - exponent_small);
    let sum = if sign_a == sign_b {
        large + small
    } else {
        large - small
    };
    if sum == 0 {
        return 0;
    }
    let shift = leading_zeros(sum) - (63 - LEADING_BIT);
    round(sign, exponent + 1 - i64::from(shift), sum << shift)
}

/// `a - b`
#[unsafe(no_mangle)]
pub extern "C" fn __subdf3(a: u64, b: u64) -> u64 {
    __adddf3(a, b ^ SIGN)
}

/// `-a`
#[unsafe(no_mangle)]
pub extern "C" fn __negdf2(a: u64) -> u64 {
    a ^ SIGN
}

/// `a * b`
#[unsafe(no_mangle)]
pub extern "C" fn __muldf3(a: u64, b: u64) -> u64 {
    let sign = (a ^ b) & SIGN;
    let (a, b) = (a & !SIGN, b & !SIGN);
    if a >= INFINITY || b >= INFINITY {
        return if a > INFINITY || b > INFINITY || a == 0 || b == 0 {
            NAN
        } else {
            sign | INFINITY
        };
    }
    if a == 0 || b == 0 {
        return sign;
    }
    let (exponent_a, a) = unpack(a);
    let (exponent_b, b) = unpack(b);
    let (high, low) = multiply_wide(a << ROUND_BITS, b << (ROUND_BITS + 1));
    let product = high | u64::from(low != 0);
    let exponent = exponent_a + exponent_b - BIAS;
    if product >> LEADING_BIT != 0 {
        round(sign, exponent + 1, product)
    } else {
        round(sign, exponent, product << 1)
    }
}

/// `a / b`
#[unsafe(no_mangle)]
pub extern "C" fn __divdf3(a: u64, b: u64) -> u64 {
    let sign = (a ^ b) & SIGN;
    let (a, b) = (a & !SIGN, b & !SIGN);
    if a > INFINITY || b > INFINITY || a == b && (a == 0 || a == INFINITY) {
        return NAN;
    }
    if a == INFINITY || b == 0 {
        return sign | INFINITY;
    }
    if a == 0 || b == INFINITY {
        return sign;
    }
    let (exponent_a, mut a) = unpack(a);
    let (exponent_b, b) = unpack(b);
    let mut exponent = exponent_a - exponent_b + BIAS;
    if a < b {
        a <<= 1;
        exponent -= 1;
    }
    // Now 1 <= a / b < 2, so a * 2^62 / b has its leading one at bit 62. Both are scaled by 2^11 to normalise b.
    let (quotient, remainder) = divide_normalised(a << 9, 0, b << 11);
    round(sign, exponent, quotient | u64::from(remainder != 0))
}

/// Order of two doubles that are not NaN.
fn compare(a: u64, b: u64) -> i32 {
    let key = |x: u64| {
        let magnitude = (x & !SIGN) as i64;
        if x & SIGN == 0 { magnitude } else { -magnitude }
    };
    let (a, b) = (key(a), key(b));
    i32::from(a > b) - i32::from(a < b)
}

/// Defines comparisons: `order` says what NaN gives, so that the caller's test fails.
macro_rules! comparisons {
    ($($name:ident $unordered:literal)*) => {$(
        /// Compared with zero, the result answers the question in the name; false for NaN.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(a: u64, b: u64) -> i32 {
            if is_nan(a) || is_nan(b) { $unordered } else { compare(a, b) }
        }
    )*};
}
comparisons! { __eqdf2 1 __nedf2 1 __ltdf2 1 __ledf2 1 __gtdf2 -1 __gedf2 -1 }

/// Not zero when either is NaN.
#[unsafe(no_mangle)]
pub extern "C" fn __unorddf2(a: u64, b: u64) -> i32 {
    i32::from(is_nan(a) || is_nan(b))
}

/// Nearest double of an unsigned integer.
#[unsafe(no_mangle)]
pub extern "C" fn __floatundidf(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let zeros = leading_zeros(x);
    let significand = if zeros == 0 {
        x >> 1 | x & 1
    } else {
        x << (zeros - 1)
    };
    round(0, BIAS + 63 - i64::from(zeros), significand)
}

/// Nearest double of a signed integer.
#[unsafe(no_mangle)]
pub extern "C" fn __floatdidf(x: i64) -> u64 {
    __floatundidf(x.unsigned_abs()) | x as u64 & SIGN
}

/// Truncates towards zero; beyond the range the nearest `u64`, for NaN zero.
#[unsafe(no_mangle)]
pub extern "C" fn __fixunsdfdi(x: u64) -> u64 {
    if x & SIGN != 0 || is_nan(x) {
        return 0;
    }
    let exponent = (x >> MANTISSA_BITS) as i64 - BIAS;
    let significand = x & MANTISSA | HIDDEN;
    match exponent {
        ..0 => 0,
        0..=52 => significand >> (52 - exponent),
        53..=63 => significand << (exponent - 52),
        _ => u64::MAX,
    }
}

/// Truncates towards zero; beyond the range the nearest `i64`, for NaN zero.
#[unsafe(no_mangle)]
pub extern "C" fn __fixdfdi(x: u64) -> i64 {
    let magnitude = __fixunsdfdi(x & !SIGN);
    if x & SIGN == 0 {
        magnitude.min(i64::MAX as u64) as i64
    } else {
        magnitude.min(1 << 63).wrapping_neg() as i64
    }
}
