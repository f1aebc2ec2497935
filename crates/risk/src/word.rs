//! Arithmetic that cannot overflow, because of bounds that are proved.
//!
//! On the on-chain VM a check after every operation costs compute units. Where the operands' bounds make it needless, `exact_mul` and
//! its like wrap instead. Builds with debug assertions, so every test, check each of them; and what is generic over [`Word`] also runs on
//! intervals, which proves that no input within the bounds leaves the type, and on small words, on which every input is tried
//! (`proofs.rs`, `docs/proofs.md`).

use core::ops::Shr;

/// A whole number of fixed width: a machine word, or in proofs an interval of such.
pub(crate) trait Word: Copy + Shr<u32, Output = Self> {
    /// Half of its bits.
    const HALF: u32;

    /// A constant, which must fit.
    fn of(constant: i64) -> Self;

    /// `self + other`, which must fit.
    fn exact_add(self, other: Self) -> Self;

    /// `self - other`, which must fit.
    fn exact_sub(self, other: Self) -> Self;

    /// `self × other`, which must fit.
    fn exact_mul(self, other: Self) -> Self;

    /// The lower half of its bits, not negative.
    fn low(self) -> Self;
}

/// A signed word.
pub(crate) trait Signed: Word {
    /// The unsigned word of the same width.
    type Unsigned: Word;

    /// A word that fits in the signed type.
    fn signed(word: Self::Unsigned) -> Self;

    /// The same number, which is not negative.
    fn unsigned(self) -> Self::Unsigned;
}

macro_rules! word {
    ($($type:ty),+) => {$(
        impl Word for $type {
            const HALF: u32 = <$type>::BITS / 2;

            #[inline(always)]
            fn of(constant: i64) -> Self {
                debug_assert!(<$type>::try_from(constant).is_ok());
                constant as $type
            }

            #[inline(always)]
            fn low(self) -> Self {
                self & ((1 << Self::HALF) - 1)
            }

            #[inline(always)]
            fn exact_add(self, other: Self) -> Self {
                debug_assert!(self.checked_add(other).is_some());
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn exact_sub(self, other: Self) -> Self {
                debug_assert!(self.checked_sub(other).is_some());
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn exact_mul(self, other: Self) -> Self {
                debug_assert!(self.checked_mul(other).is_some());
                self.wrapping_mul(other)
            }
        }
    )+};
}

macro_rules! signed {
    ($($type:ty => $unsigned:ty),+) => {$(
        impl Signed for $type {
            type Unsigned = $unsigned;

            #[inline(always)]
            fn signed(word: $unsigned) -> Self {
                debug_assert!(<$type>::try_from(word).is_ok());
                word as $type
            }

            #[inline(always)]
            fn unsigned(self) -> $unsigned {
                debug_assert!(self >= 0);
                self as $unsigned
            }
        }
    )+};
}

word!(i64, u64, u128);
signed!(i64 => u64);
#[cfg(test)]
word!(i8, u8, i16, u16);
#[cfg(test)]
signed!(i8 => u8, i16 => u16);
