//! Double-word arithmetic on 64-bit halves. Every sBPF instruction, division included, costs one compute unit, so short
//! code is fast code.

use core::arch::asm;

const LOW_32: u64 = 0xffff_ffff;

/// Leading zeros of every byte value.
static LEADING_ZEROS_OF_BYTE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).leading_zeros() as u8;
        byte += 1;
    }
    table
};

/// Leading zero bits of a non-zero `x`. sBPF has no such instruction, and LLVM's replacement counts ones with long
/// constants, which takes twice as many steps.
#[inline(always)]
pub fn leading_zeros(x: u64) -> u32 {
    let mut x = x;
    let mut zeros = 0;
    if x >> 32 == 0 {
        zeros = 32;
        x <<= 32;
    }
    if x >> 48 == 0 {
        zeros += 16;
        x <<= 16;
    }
    if x >> 56 == 0 {
        zeros += 8;
        x <<= 8;
    }
    zeros + u32::from(LEADING_ZEROS_OF_BYTE[(x >> 56) as usize])
}

/// `x`, about which the optimiser learns nothing; no instruction is spent.
///
/// LLVM recognises the schoolbook product and would turn it into a 128-bit multiplication, which is a call of the very
/// function that it is part of.
#[inline(always)]
fn opaque(x: u64) -> u64 {
    let mut x = x;
    // SAFETY: no instructions.
    unsafe { asm!("/* {} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags)) };
    x
}

/// High and low half of `a * b`.
#[inline(always)]
pub fn multiply_wide(a: u64, b: u64) -> (u64, u64) {
    let (a_high, a_low) = (a >> 32, a & LOW_32);
    let (b_high, b_low) = (b >> 32, b & LOW_32);
    let b_low = opaque(b_low);
    // Neither sum can overflow: (2^32 - 1)^2 + (2^32 - 1) < 2^64.
    let middle = (a_high.wrapping_mul(b_low)).wrapping_add(a_low.wrapping_mul(b_low) >> 32);
    let middle_low = (a_low.wrapping_mul(b_high)).wrapping_add(middle & LOW_32);
    let high = a_high
        .wrapping_mul(b_high)
        .wrapping_add(middle >> 32)
        .wrapping_add(middle_low >> 32);
    (high, a.wrapping_mul(b))
}

/// Quotient and remainder of `(high, low) / divisor`, where the divisor's top bit is set and `high < divisor`.
///
/// Schoolbook division in two 32-bit digits (Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D).
#[inline(always)]
pub fn divide_normalised(high: u64, low: u64, divisor: u64) -> (u64, u64) {
    let divisor_high = divisor >> 32;
    let divisor_low = divisor & LOW_32;
    let (digit_1, remainder) = divide_digit(high, low >> 32, divisor, divisor_high, divisor_low);
    let (digit_0, remainder) =
        divide_digit(remainder, low & LOW_32, divisor, divisor_high, divisor_low);
    (digit_1 << 32 | digit_0, remainder)
}

/// One 32-bit digit of a quotient: `(remainder * 2^32 + next) / divisor`, where `remainder < divisor`.
#[inline(always)]
fn divide_digit(
    remainder: u64,
    next: u64,
    divisor: u64,
    divisor_high: u64,
    divisor_low: u64,
) -> (u64, u64) {
    // The estimate from the divisor's high half is at most two too large.
    let mut digit = remainder / divisor_high;
    let estimate_remainder = remainder.wrapping_sub(digit.wrapping_mul(divisor_high));
    let mut have = estimate_remainder << 32 | next;
    let mut need = digit.wrapping_mul(divisor_low);
    if need > have {
        digit = digit.wrapping_sub(1);
        need = need.wrapping_sub(have);
        if need > divisor {
            digit = digit.wrapping_sub(1);
            have = divisor.wrapping_add(divisor);
        } else {
            have = divisor;
        }
    }
    (digit, have.wrapping_sub(need))
}
