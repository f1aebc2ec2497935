//! A program for tests only: it evaluates arithmetic and the risk engine on the VM, so that a test can compare every
//! result with the host's and count compute units.
//!
//! Instruction data begins with a code. That of an [`Operation`] is followed by pairs of 128-bit operands, little-endian, and the
//! return data holds one 128-bit result for each pair, without any account. The codes of [`engine`] are described there.

pub mod engine;

use ballast_risk::Q32_ONE;
use ballast_risk::funding::payment;
use ballast_risk::interest::{InterestCurve, InterestShares, Lending, accrue};
use ballast_risk::liquidation::{Auction, auction_price};
use ballast_risk::normal::{cdf_q32, pdf_q32};
use ballast_risk::numbers::{decay_q32, exp_q32, ln_q32, sqrt_q32};
use ballast_risk::volatility::next_variance_q32;
use fixed::types::I80F48;

#[cfg(all(target_os = "solana", not(feature = "no-entrypoint")))]
mod entrypoint;

/// Most pairs in one instruction: their results fill the return data.
pub const PAIRS_MAX: usize = 64;
/// Bytes of one pair of operands.
pub const PAIR_BYTES: usize = 32;
/// Bytes of one result.
pub const RESULT_BYTES: usize = 16;

/// Defines [`Operation`] and what goes over all of them.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = |$a:pat_param, $b:pat_param| $result:expr;)*) => {
        /// What to do with each pair of operands `a` and `b`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// Every operation, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Applies the operation to pairs of operands and writes one result for each.
            pub fn apply<'a>(self, pairs: impl Iterator<Item = (u128, u128)>, results: impl Iterator<Item = &'a mut u128>) {
                // The match stands outside of the loop, so that a pair costs the operation and little more.
                match self {
                    $(Self::$name => {
                        let operation = |$a: u128, $b: u128| -> u128 { $result };
                        for ((a, b), result) in pairs.zip(results) {
                            *result = operation(a, b);
                        }
                    })*
                }
            }
        }
    };
}

operations! {
    /// `a`: what reading and writing a pair costs.
    Copy = |a, _| a;
    /// Product of the low 64 bits.
    MultiplyWide = |a, b| u128::from(a as u64) * u128::from(b as u64);
    /// Product modulo 2^128.
    Multiply = |a, b| a.wrapping_mul(b);
    /// Product, or 2^128 - 1 when it overflows.
    MultiplySaturating = |a, b| a.saturating_mul(b);
    /// Quotient, zero when `b` is.
    Divide = |a, b| a.checked_div(b).unwrap_or(0);
    /// Remainder, zero when `b` is.
    Remainder = |a, b| a.checked_rem(b).unwrap_or(0);
    /// Signed product, or zero when it overflows.
    MultiplySigned = |a, b| (a as i128).checked_mul(b as i128).unwrap_or(0) as u128;
    /// Signed quotient, zero when `b` is or when it overflows.
    DivideSigned = |a, b| (a as i128).checked_div(b as i128).unwrap_or(0) as u128;
    /// Signed remainder, zero when `b` is or when the quotient overflows.
    RemainderSigned = |a, b| (a as i128).checked_rem(b as i128).unwrap_or(0) as u128;
    /// Left shift by `b` modulo 128.
    ShiftLeft = |a, b| a.wrapping_shl(b as u32);
    /// Right shift by `b` modulo 128.
    ShiftRight = |a, b| a.wrapping_shr(b as u32);
    /// Right shift by `b` modulo 128 that keeps the sign.
    ShiftRightSigned = |a, b| (a as i128).wrapping_shr(b as u32) as u128;
    /// Number of leading zeros.
    LeadingZeros = |a, _| u128::from(a.leading_zeros());
    /// Square root, rounded down.
    SquareRoot = |a, _| a.isqrt();
    /// Product of two `I80F48`, wrapping.
    FixedMultiply = |a, b| fixed_bits(fixed(a).wrapping_mul(fixed(b)));
    /// Product of two `I80F48`, or zero when it overflows.
    FixedMultiplyChecked = |a, b| fixed_bits(fixed(a).checked_mul(fixed(b)).unwrap_or_default());
    /// Quotient of two `I80F48`, zero when `b` is or when it overflows.
    FixedDivide = |a, b| fixed_bits(fixed(a).checked_div(fixed(b)).unwrap_or_default());
    /// Natural logarithm of a Q32 number, zero for zero.
    Logarithm = |a, _| ln_q32(a as u64).unwrap_or(0) as u128;
    /// Exponential of a signed Q32 number.
    Exponential = |a, _| u128::from(exp_q32(a as i64));
    /// Square root of a Q32 number.
    SquareRootQ32 = |a, _| u128::from(sqrt_q32(a as u64));
    /// What is left of an average after `a` seconds with a half-life of `b`.
    Decay = |a, b| u128::from(decay_q32(a as u64, b as u64));
    /// The normal distribution function and density of a signed Q32 number.
    Normal = |a, _| u128::from(cdf_q32(a as i64)) << 64 | u128::from(pdf_q32(a as i64));
    /// Realised variance after one more price.
    Variance = |a, b| next_variance_q32(a as u64, fixed(a >> 1), fixed(b >> 1), (b as u64) >> 40, (a as u64) >> 40)
        .map_or(0, u128::from);
    /// Digest of an accrual of interest.
    Interest = |a, b| interest_digest(a, b);
    /// Funding of a position between two indexes, zero when it overflows.
    Funding = |a, b| payment(a as i64, fixed(b), fixed(a ^ b)).unwrap_or(0) as u128;
    /// Price of an account in its auction, zero when it overflows.
    AuctionPrice = |a, b| auction_price(&AUCTION, a as i64, b as i64, (b >> 64) as u64 % 20_000).unwrap_or(0) as u128;
    /// Sum of two doubles (as their bit patterns, like all below).
    FloatAdd = |a, b| float_bits(float(a) + float(b));
    /// Difference of two doubles.
    FloatSubtract = |a, b| float_bits(float(a) - float(b));
    /// Product of two doubles.
    FloatMultiply = |a, b| float_bits(float(a) * float(b));
    /// Quotient of two doubles.
    FloatDivide = |a, b| float_bits(float(a) / float(b));
    /// Negated double.
    FloatNegate = |a, _| float_bits(-float(a));
    /// One bit for each of `<`, `<=`, `==`, `!=`, `>=` and `>`.
    FloatCompare = |a, b| compare(float(a), float(b));
    /// Double to `u64`, saturating.
    FloatToUnsigned = |a, _| u128::from(float(a) as u64);
    /// Double to `i64`, saturating.
    FloatToSigned = |a, _| u128::from(float(a) as i64 as u64);
    /// `u64` to double.
    UnsignedToFloat = |a, _| float_bits(a as u64 as f64);
    /// `i64` to double.
    SignedToFloat = |a, _| float_bits(a as i64 as f64);
    /// Digest of the bytes of `a` and `b`, sorted.
    Sort = |a, b| sorted_digest(a, b);
    /// Memory copied, moved, filled and compared, in lengths and at offsets taken from `b`.
    Memory = |a, b| memory_digest(a, b);
}

const AUCTION: Auction = Auction {
    discount_start_q32: Q32_ONE / 100,
    discount_first_q32: Q32_ONE / 7,
    first_s: 900,
    zero_s: 7_200,
    premium_full_s: 10_800,
    premium_q32: Q32_ONE / 20,
};

fn interest_digest(a: u128, b: u128) -> u128 {
    let lending = Lending {
        deposit_index: fixed(a >> 70),
        borrow_index: fixed(b >> 70),
        deposit_shares: fixed(a & u128::from(u64::MAX)),
        borrow_shares: fixed(b & u128::from(u64::MAX)),
    };
    let curve = InterestCurve {
        kinks_q32: [Q32_ONE * 7 / 10, Q32_ONE * 9 / 10],
        rates_q32: [0, Q32_ONE * 6 / 100, Q32_ONE / 5, Q32_ONE * 3 / 2],
    };
    let shares = InterestShares {
        fees_q32: Q32_ONE / 10,
        insurance_q32: Q32_ONE / 20,
    };
    let Ok(accrued) = accrue(&lending, &curve, &shares, (a ^ b) as u64 >> 36) else {
        return 0;
    };
    let words = [
        accrued.deposit_index.to_bits() as u128,
        accrued.borrow_index.to_bits() as u128,
        u128::from(accrued.fees) << 64 | u128::from(accrued.insurance),
        u128::from(accrued.deposits_total) << 64 | u128::from(accrued.loans_total),
    ];
    digest(words.map(u128::to_le_bytes).as_flattened())
}

fn fixed(bits: u128) -> I80F48 {
    I80F48::from_bits(bits as i128)
}

fn fixed_bits(x: I80F48) -> u128 {
    x.to_bits() as u128
}

fn float(bits: u128) -> f64 {
    f64::from_bits(bits as u64)
}

/// The bit pattern, the same for every NaN: its payload is not specified.
fn float_bits(x: f64) -> u128 {
    u128::from(if x.is_nan() {
        f64::NAN.to_bits()
    } else {
        x.to_bits()
    })
}

fn compare(a: f64, b: f64) -> u128 {
    [a < b, a <= b, a == b, a != b, a >= b, a > b]
        .into_iter()
        .fold(0, |bits, answer| bits << 1 | u128::from(answer))
}

/// A number that depends on every byte and its place (FNV-1a).
fn digest(bytes: &[u8]) -> u128 {
    u128::from(extend_digest(EMPTY_DIGEST, bytes))
}

const EMPTY_DIGEST: u64 = 0xcbf2_9ce4_8422_2325;

fn extend_digest(digest: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(digest, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn sorted_digest(a: u128, b: u128) -> u128 {
    let mut words = [0; 16];
    for (index, word) in words.iter_mut().enumerate() {
        let rotated = a.rotate_left(7 * index as u32) ^ b.rotate_right(11 * index as u32);
        *word = rotated as u64 as i64;
    }
    words.sort_unstable();
    let mut bytes = [0; 128];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    digest(&bytes)
}

fn memory_digest(a: u128, b: u128) -> u128 {
    const BYTES: usize = 96;
    let length = b as usize % (BYTES + 1);
    let spare = BYTES - length;
    let place = |bits: u32| (b >> bits) as usize % (spare + 1);
    let (from, to, fill) = (place(16), place(32), (b >> 48) as u8);

    let mut source = [0; BYTES];
    for (index, byte) in source.iter_mut().enumerate() {
        *byte = (a.rotate_left(5 * index as u32) as u8).wrapping_add(index as u8);
    }
    let mut target = source;
    // Overlapping unless the places lie apart.
    target.copy_within(from..from + length, to);
    let moved = digest(&target);
    let order = source[from..from + length].cmp(&target[from..from + length]) as u8;
    let equal = source[..length] == target[..length];
    target[from..from + length].fill(fill);
    let filled = digest(&target);
    target[to..to + length].copy_from_slice(&source[from..from + length]);
    let copied = digest(&target);
    moved
        ^ filled.rotate_left(32)
        ^ copied.rotate_left(64)
        ^ u128::from(order) << 8
        ^ u128::from(equal)
}
