//! Proofs that arithmetic without checks never leaves its type, and that every rounding goes where its name says. What proves what is in
//! `docs/proofs.md`.
//!
//! Three kinds. **Intervals**: a kernel that is generic over [`Word`] runs on [`Interval`]s, which hold every value that a number can have; as
//! no end of any of them leaves the type, no input does. **Every input**: the same kernel at 8 and 16 bits, or the function itself where its
//! domain is small, against exact arithmetic. **Edges**: all numbers one below, at and one above a power of two, all pairs of them, against
//! 256-bit arithmetic; every threshold in the code is a power of two, and a product is largest where its factors are, so the worst inputs
//! of each branch are among them.

extern crate std;

use crate::funding::{funding_rate_q32, index_change, next_premium_sum, payment, premium_q32};
use crate::interest::{InterestCurve, InterestShares, RATE_LIMIT_Q32, utilisation_q32};
use crate::liquidation::{Auction, auction_price, buffer_margin, fraction_to_buffer_q32};
use crate::margin::{
    CORRELATION_ONE_BPS, Correlation, PART_BITS, PARTS_MAX, after_haircut_floor,
    aggregate_directional, depeg_factor_q32, deposit_in_proportion_floor, loan_in_proportion_ceil,
    size_coefficient_q80, size_contingency, with_haircut_ceil, with_pair,
};
use crate::normal::{
    HALF_STEP, START, STEP_BITS, TABLE, cdf_q32, pdf_q32, tail_near_q32, tail_q32,
};
use crate::numbers::*;
use crate::pricing::{
    DEVIATION_MAX_Q32, Deviation, FACTOR_MAX_Q32, INVERSE_OF_ONE, Leg, OptionKind, PriceMove, Q30,
    REACH, deviation_q32, difference_q30, forward_factor_q32, sqrt_years_q32,
};
use crate::scenarios::{PRICE_FLOOR_Q32, linear_profit, move_q32};
use crate::surface::{
    COEFFICIENT_MAX_Q32, Surface, TENOR_SECONDS, VOLATILITY_MAX_Q32, VolatilityShocks, Z_MAX_Q27,
    factor_q32,
};
use crate::time::YEAR_S;
use crate::volatility::{
    RANGE_LIMIT_Q32, RangeParameters, VARIANCE_MAX_Q32, next_average, next_variance_q32,
    price_ratio_q32, scan_range_q32,
};
use crate::word::{Signed, Word};
use core::ops::Shr;
use fixed::types::I80F48;
use std::vec::Vec;

const ONE: i64 = Q32_ONE as i64;

/// Every value from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Interval<T> {
    least: T,
    most: T,
}

fn between<T>(least: T, most: T) -> Interval<T> {
    Interval { least, most }
}

macro_rules! interval {
    ($($type:ty),+) => {$(
        impl Interval<$type> {
            /// The results at the ends, or of whatever else the extremes are among.
            fn over(ends: impl IntoIterator<Item = Option<$type>>) -> Self {
                let ends: Vec<_> = ends.into_iter().map(|end| end.expect("leaves its type")).collect();
                between(*ends.iter().min().unwrap(), *ends.iter().max().unwrap())
            }
        }

        impl Shr<u32> for Interval<$type> {
            type Output = Self;

            fn shr(self, by: u32) -> Self {
                between(self.least >> by, self.most >> by)
            }
        }

        impl Word for Interval<$type> {
            const HALF: u32 = <$type>::HALF;

            fn of(constant: i64) -> Self {
                let number = <$type>::try_from(constant).expect("leaves its type");
                between(number, number)
            }

            fn low(self) -> Self {
                if self.least >> Self::HALF == self.most >> Self::HALF {
                    between(self.least.low(), self.most.low())
                } else {
                    between(0, (1 << Self::HALF) - 1)
                }
            }

            fn exact_add(self, other: Self) -> Self {
                Self::over([self.least.checked_add(other.least), self.most.checked_add(other.most)])
            }

            fn exact_sub(self, other: Self) -> Self {
                Self::over([self.least.checked_sub(other.most), self.most.checked_sub(other.least)])
            }

            fn exact_mul(self, other: Self) -> Self {
                let ends = |number: $type| [number.checked_mul(other.least), number.checked_mul(other.most)];
                Self::over([ends(self.least), ends(self.most)].concat())
            }
        }
    )+};
}

interval!(i8, u8, i64, u64, u128);

macro_rules! signed_interval {
    ($($type:ty => $unsigned:ty),+) => {$(
        impl Signed for Interval<$type> {
            type Unsigned = Interval<$unsigned>;

            fn signed(word: Interval<$unsigned>) -> Self {
                Self::over([<$type>::try_from(word.least).ok(), <$type>::try_from(word.most).ok()])
            }

            fn unsigned(self) -> Interval<$unsigned> {
                Interval::<$unsigned>::over([
                    <$unsigned>::try_from(self.least).ok(),
                    <$unsigned>::try_from(self.most).ok(),
                ])
            }
        }
    )+};
}

signed_interval!(i8 => u8, i64 => u64);

/// Numbers one below, at and one above every power of two below `2^bits`, and 0.
fn edges(bits: u32) -> impl Iterator<Item = u128> + Clone {
    let around = move |k: u32| [(1u128 << k) - 1, 1 << k, (1 << k) + 1];
    let largest = u128::MAX >> (128 - bits);
    (0..bits)
        .flat_map(around)
        .chain([largest - 1, largest])
        .filter(move |number| *number <= largest)
}

fn edges_u64() -> impl Iterator<Item = u64> + Clone {
    edges(64).map(|number| number as u64)
}

fn edges_i64() -> impl Iterator<Item = i64> + Clone {
    edges(64).map(|number| number as u64 as i64)
}

fn prices() -> impl Iterator<Item = I80F48> + Clone {
    edges(127).map(|bits| I80F48::from_bits(bits as i128))
}

/// `a × b` as upper and lower 128 bits, bit by bit.
fn wide(a: u128, b: u128) -> (u128, u128) {
    let (mut high, mut low) = (0u128, 0u128);
    for bit in (0..128 - a.leading_zeros()).rev() {
        high = high << 1 | low >> 127;
        low <<= 1;
        if a >> bit & 1 == 1 {
            let (sum, carry) = low.overflowing_add(b);
            low = sum;
            high += u128::from(carry);
        }
    }
    (high, low)
}

/// `a × b / 2^by` rounded down when it fits in `T`, and whether that is exact.
fn shifted<T: TryFrom<u128>>(a: u128, b: u128, by: u32) -> (Option<T>, bool) {
    let (high, low) = wide(a, b);
    let fits = high >> by == 0;
    let value = if by == 0 {
        low
    } else {
        high << (128 - by) | low >> by
    };
    let exact = by == 0 || low << (128 - by) == 0;
    (
        fits.then_some(value)
            .and_then(|value| value.try_into().ok()),
        exact,
    )
}

/// One more where that was not exact.
fn up<T: TryFrom<u128> + TryInto<u128>>((value, exact): (Option<T>, bool)) -> Option<T> {
    let value: u128 = value?.try_into().ok()?;
    (value + u128::from(!exact)).try_into().ok()
}

// The tools themselves.

#[test]
fn intervals_hold_every_result() {
    let ends = [-128i8, -127, -17, -16, -1, 0, 1, 15, 16, 100, 127];
    let all = || {
        ends.into_iter().flat_map(move |a| {
            ends.into_iter()
                .filter(move |b| a <= *b)
                .map(move |b| between(a, b))
        })
    };
    let holds =
        |wide: Interval<i8>, number: i8| assert!((wide.least..=wide.most).contains(&number));
    for a in all() {
        for x in a.least..=a.most {
            holds(a >> 3, x >> 3);
            holds(a.low(), x.low());
        }
        // Where every result fits, the interval's ends fit.
        for b in all() {
            let fits = |f: fn(i16, i16) -> i16| {
                let at = |x: i8, y: i8| (-128..=127).contains(&f(x.into(), y.into()));
                [a.least, a.most]
                    .into_iter()
                    .all(|x| at(x, b.least) && at(x, b.most))
            };
            let points = || {
                [a.least, a.most, (a.least / 2).max(a.least).min(a.most)]
                    .into_iter()
                    .flat_map(|x| (b.least..=b.most).map(move |y| (x, y)))
            };
            if fits(|x, y| x * y) {
                let product = a.exact_mul(b);
                points().for_each(|(x, y)| holds(product, x * y));
            }
            if fits(|x, y| x + y) {
                let sum = a.exact_add(b);
                points().for_each(|(x, y)| holds(sum, x + y));
            }
            if fits(|x, y| x - y) {
                let difference = a.exact_sub(b);
                points().for_each(|(x, y)| holds(difference, x - y));
            }
        }
    }
}

#[test]
#[should_panic(expected = "leaves its type")]
fn an_interval_notices_what_leaves_the_type() {
    // One more than the largest fraction would be too much.
    mul_fraction(
        between(i64::MIN, i64::MAX),
        between(0, Q32_ONE + 1),
        between(0, Q32_ONE - 1),
    );
}

// numbers.rs

#[test]
fn products_of_halves_never_leave_their_word() {
    let words = between(u64::MIN, u64::MAX);
    schoolbook(words, words);
    schoolbook(between(u128::MIN, u128::MAX), between(u128::MIN, u128::MAX));
    part_of(words, between(0, Q32_ONE));
    mul_fraction(
        between(i64::MIN, i64::MAX),
        between(0, Q32_ONE),
        between(0, Q32_ONE - 1),
    );
}

#[test]
fn products_of_halves_are_exact_for_every_input_of_8_bits() {
    for a in 0..=u8::MAX {
        for b in 0..=u8::MAX {
            let [top, other, bottom] = schoolbook(a, b);
            let product = u16::from(top) << 8 | u16::from(other << 4 | bottom.low());
            assert_eq!(product, u16::from(a) * u16::from(b));
        }
    }
}

#[test]
fn wide_products_are_exact_at_the_edges() {
    for a in edges_u64() {
        for b in edges_u64() {
            assert_eq!(wide_product(a, b), u128::from(a) * u128::from(b));
        }
    }
}

/// `(value × fraction + carry) / one`, towards minus infinity.
fn floor(value: i32, fraction: i32, carry: i32, one: i32) -> i32 {
    (value * fraction + carry).div_euclid(one)
}

#[test]
fn fractions_round_exactly_for_every_input_of_8_bits() {
    for fraction in 0..=16u8 {
        for value in 0..=u8::MAX {
            assert_eq!(
                i32::from(part_of(value, fraction)),
                floor(value.into(), fraction.into(), 0, 16)
            );
        }
        for (value, carry) in
            (i8::MIN..=i8::MAX).flat_map(|value| (0..16u8).map(move |carry| (value, carry)))
        {
            let exact = floor(value.into(), fraction.into(), carry.into(), 16);
            assert_eq!(i32::from(mul_fraction(value, fraction, carry)), exact);
        }
    }
}

#[test]
fn fractions_round_exactly_for_every_value_of_16_bits() {
    // Carries of 0 and of all but one are floor and ceiling.
    for fraction in (0..=256u16)
        .step_by(5)
        .chain([1, 2, 127, 128, 129, 254, 256])
    {
        for value in i16::MIN..=i16::MAX {
            for carry in [0, 255u16] {
                let exact = floor(value.into(), fraction.into(), carry.into(), 256);
                assert_eq!(i32::from(mul_fraction(value, fraction, carry)), exact);
            }
        }
    }
}

#[test]
fn q32_products_round_exactly_at_the_edges() {
    for value in edges_i64() {
        for factor in edges_u64() {
            let product = i128::from(value) * i128::from(factor);
            let floor = i64::try_from(product.div_euclid(1 << 32)).ok();
            let ceil = i64::try_from(-(-product).div_euclid(1 << 32)).ok();
            assert_eq!(mul_q32_floor(value, factor).ok(), floor);
            assert_eq!(mul_q32_ceil(value, factor).ok(), ceil);
            let product = u128::from(value as u64) * u128::from(factor) / u128::from(Q32_ONE);
            assert_eq!(
                product_q32(value as u64, factor),
                u64::try_from(product).unwrap_or(u64::MAX)
            );
        }
    }
}

#[test]
fn values_round_exactly_at_the_edges() {
    for price in prices() {
        let bits = price.to_bits() as u128;
        for amount in edges_u64() {
            let exact = shifted::<i64>(bits, amount.into(), 48);
            let (floor, ceil) = (exact.0, up(exact));
            assert_eq!(value_floor(amount, price).ok(), floor);
            assert_eq!(value_ceil(amount, price).ok(), ceil);
            let Ok(signed) = i64::try_from(amount) else {
                continue;
            };
            // Owed: the other direction on the number line.
            assert_eq!(signed_value_floor(signed, price).ok(), floor);
            assert_eq!(signed_value_ceil(signed, price).ok(), ceil);
            if signed > 0 {
                assert_eq!(
                    signed_value_floor(-signed, price).ok(),
                    ceil.map(|value| -value)
                );
                assert_eq!(
                    signed_value_ceil(-signed, price).ok(),
                    floor.map(|value| -value)
                );
            }
        }
    }
    let largest = I80F48::from_bits((1 << 48) - 1);
    assert_eq!(signed_value_floor(i64::MIN, I80F48::ONE), Err(Overflow));
    assert_eq!(
        signed_value_floor(i64::MIN, largest),
        Ok(-i64::MAX + (1 << 15) - 1)
    );
    for negative in [I80F48::MIN, -I80F48::DELTA] {
        assert_eq!(value_floor(1, negative), Err(Overflow));
        assert_eq!(value_ceil(0, negative), Err(Overflow));
    }
}

#[test]
fn prices_times_factors_round_exactly_at_the_edges() {
    for price in prices() {
        let bits = price.to_bits() as u128;
        for factor in edges_u64() {
            let floor = shifted::<i128>(bits, factor.into(), 32).0;
            assert_eq!(
                mul_price_q32_floor(price, factor).ok(),
                floor.map(I80F48::from_bits)
            );
            let whole = shifted::<i128>(bits, factor.into(), 0).0;
            assert_eq!(
                mul_price_int(price, factor).ok(),
                whole.map(I80F48::from_bits)
            );
        }
    }
}

#[test]
fn fixed_point_products_round_exactly_at_the_edges() {
    for a in prices() {
        // Every power of two against two of three: half the time.
        for b in prices().step_by(2) {
            let (x, y) = (a.to_bits() as u128, b.to_bits() as u128);
            let exact = shifted::<i128>(x, y, 48);
            assert_eq!(mul_i80f48_floor(a, b).ok(), exact.0.map(I80F48::from_bits));
            assert_eq!(mul_i80f48_ceil(a, b).ok(), up(exact).map(I80F48::from_bits));
            let whole = shifted::<i64>(x, y, 96);
            let expected = whole.0.map(|value| (value, whole.1));
            assert_eq!(whole_product(a, b).ok(), expected, "{a} {b}");
        }
    }
}

#[test]
fn normalising_shifts_every_number_of_a_length_alike() {
    for length in 1..=64u32 {
        // Whether a comparison holds depends on the length alone, so the least and the largest stand for all.
        let (least, most) = (1u64 << (length - 1), u64::MAX >> (64 - length));
        let (leading, shift) = normalise(least);
        assert_eq!((shift, shift % 2), ((64 - length) & !1, 0));
        assert_eq!(
            (leading, normalise(most)),
            (least << shift, (most << shift, shift))
        );
        assert!(leading >> 62 != 0);
    }
}

/// Newton's step from `r` to `(r + x/r)/2` is never below `√x`, rounded down never below its floor, and `e²/2r` above `√x` for an `r` that is
/// `e` away. So a bound on the first error bounds the last.
#[test]
fn the_steps_of_newton_find_every_root() {
    const PIECES: u64 = 3 << 12;
    let width = (1u128 << 62) / u128::from(PIECES / 3);
    for piece in 0..u128::from(PIECES) {
        let (least, most) = (
            (1u128 << 62) + piece * width,
            (1u128 << 62) + (piece + 1) * width - 1,
        );
        // Roots and errors in units of 2^-20.
        let root_least = (least << 40).isqrt();
        let root_most = (most << 40).isqrt() + 1;
        let line = |x: u128| u128::from(root_line(x as u64)) << 20;
        let mut error = line(most)
            .abs_diff(root_least)
            .max(line(least).abs_diff(root_most));
        assert!(
            line(least) <= (1 << 53) && line(most) < 1 << 54,
            "both terms are below 2^34"
        );
        let mut from_least = line(least).min(root_least);
        for step in 1..=ROOT_STEPS {
            error = (error * error).div_ceil(2 * from_least);
            // From now on not below the root's floor, so that rounding takes one at most.
            from_least = root_least - (1 << 20);
            if step < ROOT_STEPS {
                error = error.max(1 << 20);
            }
        }
        // Less than one above the root, so after rounding down at most one above its floor.
        assert!(error < 1 << 20, "{piece} {error}");
    }
    assert_eq!(width * u128::from(PIECES), 3 << 62);
}

#[test]
fn roots_are_exact_at_squares() {
    let near = |root: u64| [root.saturating_sub(1), root, root.saturating_add(1)];
    for root in edges(32)
        .map(|root| root as u64)
        .chain((0..1 << 32).step_by(1 << 18))
    {
        for x in near(root * root)
            .into_iter()
            .chain(near((root * root).saturating_add(2 * root)))
        {
            assert_eq!(sqrt_u64(x), x.isqrt());
            assert_eq!(u128::from(sqrt_q32(x)), (u128::from(x) << 32).isqrt());
            assert_eq!(
                sqrt_u128_ceil(x.into()),
                u128::from(x.isqrt() + u64::from(x.isqrt().pow(2) != x))
            );
        }
    }
    for x in edges(128) {
        let (ours, exact) = (sqrt_u128_ceil(x), x.isqrt());
        let allowed = exact + 2 + if x >> 96 == 0 { 0 } else { exact >> 47 };
        assert!(
            (wide(ours, ours).0 > 0 || ours * ours >= x) && ours <= allowed,
            "{x} {ours}"
        );
    }
}

#[test]
fn small_roots_are_exact() {
    for x in 0..1 << 17 {
        assert_eq!(sqrt_u64(x), x.isqrt());
        assert_eq!(u128::from(sqrt_q32(x)), (u128::from(x) << 32).isqrt());
    }
}

#[test]
fn logarithms_stay_within_their_words() {
    // The largest z of both sides of 1: mantissas from 1/√2 to √2, in Q33.
    let z_q58 = |mantissa_q33: u64| {
        let (size, divisor) = (mantissa_q33.abs_diff(1 << 33), mantissa_q33 + (1 << 33));
        ((u128::from(size) << 58) / u128::from(divisor)) as i64
    };
    let largest = z_q58(SQRT2_Q32).max(z_q58(2 * SQRT2_Q32));
    let artanh = artanh_q58(between(0, largest));
    let exponents = between(-32i64, 32);
    let part = between(-2 * artanh.most, 2 * artanh.most);
    let bound = exponents
        .exact_mul(Interval::<i64>::of(LN2_Q58))
        .exact_add(part);
    assert!(bound.most >> 58 < 23 && bound.least >> 58 >= -23);
    for x in edges_u64().filter(|x| *x > 0) {
        let ours = ln_q32(x).unwrap();
        assert!(ours.abs() < 23 * ONE);
        assert!(ln_q32(x.saturating_add(1)).unwrap() >= ours - 4);
    }
}

#[test]
fn exponentials_stay_within_their_words() {
    let half = LN2_Q32 / 2;
    let rounded = |x: i64| (x + half).div_euclid(LN2_Q32);
    for halvings in -rounded(EXPONENT_MAX_Q32)..=rounded(EXPONENT_MAX_Q32 - 1) {
        // What is left of any x within the range that rounds to so many halvings.
        let least = (-EXPONENT_MAX_Q32).max(halvings * LN2_Q32 - half) - halvings * LN2_Q32;
        let last = halvings * LN2_Q32 + (LN2_Q32 - half - 1);
        let most = (EXPONENT_MAX_Q32 - 1).min(last) - halvings * LN2_Q32;
        assert!(least <= most);
        let power = exp_near_0_q32(between(least, most));
        assert!(power.least > 0);
        if halvings > 0 {
            // Nothing is shifted out.
            assert!(power.most as u64 <= u64::MAX >> halvings, "{halvings}");
        }
        for x in [least, most].map(|rest| rest + halvings * LN2_Q32) {
            assert_eq!(rounded(x), halvings);
            exp_q32(x);
        }
    }
    assert_eq!(
        (exp_q32(i64::MIN), exp_q32(i64::MAX)),
        (0, exp_q32(EXPONENT_MAX_Q32 - 1))
    );
}

#[test]
fn decay_stays_within_one() {
    for elapsed in edges_u64() {
        for half_life in edges_u64() {
            let ours = decay_q32(elapsed, half_life);
            assert!(ours <= Q32_ONE);
            // An average keeps no more than all, whatever the time.
            assert!(half_life == 0 || decay_q32(0, half_life) == Q32_ONE);
        }
    }
}

// normal.rs

/// The tail at every argument that one node and a stretch of distances stand for.
fn tails(node: usize, least: i64, most: i64) -> Interval<i64> {
    tail_near_q32(&TABLE[node], between(least, most))
}

/// Bounds of the tail over all arguments from -4, and over those from 0.
fn tail_bounds() -> [Interval<i64>; 2] {
    let zero = (-START << STEP_BITS) as usize;
    let from = |first: usize| {
        (first..TABLE.len()).map(move |node| {
            let least = if node == first { 0 } else { -HALF_STEP };
            // Beyond the end every distance can occur, as it does here.
            tails(node, least, HALF_STEP - 1)
        })
    };
    let hull =
        |a: Interval<i64>, b: Interval<i64>| between(a.least.min(b.least), a.most.max(b.most));
    [
        from(0).reduce(hull).unwrap(),
        from(zero).reduce(hull).unwrap(),
    ]
}

#[test]
fn tails_stay_within_their_words() {
    let [all, upper] = tail_bounds();
    assert!(all.least >= -1 && all.most <= ONE, "{all:?}");
    assert!(upper.least >= -1 && upper.most <= ONE / 2, "{upper:?}");
    for x in edges_i64() {
        assert!(cdf_q32(x) <= Q32_ONE && pdf_q32(x) < Q32_ONE / 2);
    }
}

#[test]
fn tails_of_negative_arguments_are_found_by_the_nearest_node() {
    // At every node, half-way and just before it.
    for node in 0..TABLE.len() as i64 {
        let x = (START << 32) + (node << (32 - STEP_BITS));
        assert_eq!(tail_q32(x), tails(node as usize, 0, 0).least);
        if node > 0 {
            assert_eq!(
                tail_q32(x - HALF_STEP),
                tails(node as usize, -HALF_STEP, -HALF_STEP).least
            );
            let before = tails(node as usize - 1, HALF_STEP - 1, HALF_STEP - 1).least;
            assert_eq!(tail_q32(x - HALF_STEP - 1), before);
        }
    }
}

// pricing.rs

/// `|ln| < REACH·s` and an inverse of at most `INVERSE_OF_ONE/s`, whatever `s`, so that neither product leaves its word.
const _: () = assert!((REACH as u128 * INVERSE_OF_ONE as u128) < 1 << 63);
const _: () = assert!((REACH as u128 * DEVIATION_MAX_Q32 as u128) < 1 << 63);
/// `u - s/2` is at least minus half the largest deviation, where the table begins.
const _: () = assert!((DEVIATION_MAX_Q32 / 2) as i64 == -START << 32);

#[test]
fn option_values_stay_within_their_words() {
    let [asset, cash] = tail_bounds();
    // Forward and strike are at most 1, and the forward times the largest factor.
    let (low, high) = (
        between(0, 1 << Q30),
        between(0, (FACTOR_MAX_Q32 >> (32 - Q30)) as i64),
    );
    let rounded = difference_q30(low, asset, high, cash);
    assert!(rounded.most <= 1 << Q30, "{rounded:?}");
    for strike in edges_u64() {
        for factor in edges_u64() {
            for (kind, s) in [OptionKind::Call, OptionKind::Put]
                .into_iter()
                .flat_map(|kind| edges(36).step_by(7).map(move |s| (kind, s)))
            {
                let (leg, deviation) = (Leg::new(kind, strike), Deviation::new(s as u64));
                let value = leg.value_q30(&PriceMove::new(factor), &deviation);
                // What the sum over an account's options relies on.
                assert!(
                    (0..1 << 32).contains(&value),
                    "{leg:?} {factor} {s} {value}"
                );
                assert!(leg.delta_q32(&deviation).abs() <= ONE);
            }
        }
    }
}

#[test]
fn times_and_forwards_never_leave_their_words() {
    for seconds in edges_u64() {
        let root = sqrt_years_q32(seconds);
        assert!(sqrt_years_q32(seconds.saturating_add(1)) >= root);
        for size in edges_u64() {
            deviation_q32(size, seconds);
            let grown = u128::from(size) * u128::from(seconds) / u128::from(YEAR_S);
            let grown = u64::try_from(grown).unwrap_or(u64::MAX);
            if let Ok(carry) = i64::try_from(size) {
                assert_eq!(
                    forward_factor_q32(carry, seconds),
                    Q32_ONE.saturating_add(grown)
                );
                if carry > 0 {
                    let fallen = Q32_ONE.saturating_sub(grown).max(Q32_ONE >> 10);
                    assert_eq!(forward_factor_q32(-carry, seconds), fallen);
                }
            }
        }
    }
}

// surface.rs

#[test]
fn volatilities_never_leave_their_words() {
    let coefficients = between(-COEFFICIENT_MAX_Q32, COEFFICIENT_MAX_Q32);
    let distances = between(-(Z_MAX_Q27 as i64), Z_MAX_Q27 as i64);
    factor_q32(coefficients, coefficients, distances);
    let around = |second: u64| [second - 1, second, second + 1];
    let times = || {
        TENOR_SECONDS
            .into_iter()
            .flat_map(around)
            .chain(edges_u64())
    };
    for level in edges_u64() {
        let surface = Surface {
            atm_q32: [level; 6],
            skew_q32: i64::MIN,
            smile_q32: i64::MAX,
            floor_q32: 0,
            cap_q32: u64::MAX,
        };
        for seconds in times() {
            let level = level.min(VOLATILITY_MAX_Q32);
            let atm = surface.at_the_money_q32(seconds);
            assert!(atm <= level, "{level} {atm} {seconds}");
            // Flat between equal levels; below 1% the variance has few bits.
            assert!(level < Q32_ONE / 100 || level - atm <= level / 1_000);
        }
        for (ln, s) in edges_i64()
            .zip(edges_u64())
            .chain(edges_i64().zip(edges_u64().skip(99)))
        {
            assert!(surface.volatility_q32(level, s, ln) <= VOLATILITY_MAX_Q32);
        }
        for seconds in times() {
            let shocks = VolatilityShocks {
                up_q32: level,
                down_q32: level,
                exponents_q32: [level; 2],
            };
            let [down, same, up] = shocks.factors_q32(seconds);
            assert!(0 < down && down <= same && same == Q32_ONE && up >= same && up <= 5 * Q32_ONE);
        }
    }
}

#[test]
fn distances_from_the_money_are_exact_at_the_edges() {
    let surface = Surface {
        atm_q32: [Q32_ONE; 6],
        skew_q32: ONE / 8,
        smile_q32: ONE / 64,
        floor_q32: 0,
        cap_q32: u64::MAX,
    };
    for ln in edges_i64() {
        for s in edges_u64() {
            let size = u128::from(ln.unsigned_abs()) << 27;
            // Beyond all deviations, and without any, as far as is told apart.
            let z = size.checked_div(s.into()).unwrap_or(u128::MAX);
            let z = if ln.unsigned_abs() >> 36 == 0 {
                z
            } else {
                u128::MAX
            };
            let z = z.min(Z_MAX_Q27.into()) as i64 * if ln < 0 { -1 } else { 1 };
            let factor = factor_q32(surface.skew_q32, surface.smile_q32, z);
            let ours = surface.volatility_q32(Q32_ONE, s, ln);
            assert_eq!(ours, factor.max(0).unsigned_abs(), "{ln} {s}");
        }
    }
}

// scenarios.rs

#[test]
fn moves_never_leave_their_words() {
    for range in edges_u64() {
        for thirds in i8::MIN..=i8::MAX {
            let exact = i128::from(range.min(2 * Q32_ONE)) * i128::from(thirds) / 3;
            let floor = i128::from(PRICE_FLOOR_Q32) - i128::from(Q32_ONE);
            assert_eq!(i128::from(move_q32(thirds, range)), exact.max(floor));
        }
    }
}

#[test]
fn profits_round_down_at_the_edges() {
    for delta in edges_i64() {
        for change in edges_i64() {
            let exact = (i128::from(delta) * i128::from(change)).div_euclid(1 << 32);
            // A profit of exactly 2^63 less is refused; nothing else differs.
            let expected = i64::try_from(exact).ok();
            let ours = linear_profit(delta, change).ok();
            assert!(
                ours == expected || (ours.is_none() && expected == Some(i64::MIN)),
                "{delta} {change}"
            );
        }
    }
}

// margin.rs

#[test]
fn rows_of_correlations_never_leave_their_words() {
    let parts = between(-(1i64 << PART_BITS), 1 << PART_BITS);
    let correlations = between(i16::MIN.into(), i16::MAX.into());
    let mut row = parts.exact_mul(Interval::<i64>::of(CORRELATION_ONE_BPS));
    for _ in 1..PARTS_MAX {
        row = with_pair(row, parts, correlations);
    }
    let largest = i128::from(row.most.max(-row.least)) << PART_BITS;
    assert!(largest.checked_mul(PARTS_MAX as i128).is_some());
}

#[test]
fn the_aggregate_lies_between_the_largest_offset_and_the_sum() {
    let extremes = [i16::MIN, -10_000, 0, 10_000, i16::MAX];
    for size in edges_i64().filter(|size| *size >= 0) {
        for (low_bps, high_bps) in extremes
            .into_iter()
            .flat_map(|low| extremes.map(|high| (low, high)))
        {
            for count in [1, 2, 3, PARTS_MAX] {
                let parts: Vec<_> = (0..count)
                    .map(|i| if i % 3 == 1 { -size } else { size })
                    .collect();
                let ours = aggregate_directional(&parts, Q32_ONE / 2, |_, _| Correlation {
                    low_bps,
                    high_bps,
                });
                let Some(total) = size.checked_mul(count as i64) else {
                    assert_eq!(ours, Err(Overflow));
                    continue;
                };
                let Ok(ours) = ours else { continue };
                let least = if count == 1 { total } else { total - total / 2 };
                assert!((least..=total).contains(&ours), "{size} {count} {ours}");
            }
        }
    }
}

#[test]
fn haircuts_round_against_the_account() {
    for value in edges_i64().filter(|value| *value >= 0) {
        for haircut in edges_u64() {
            let rest = u128::from(Q32_ONE.saturating_sub(haircut));
            let kept = (value as u128 * rest) >> 32;
            assert_eq!(
                after_haircut_floor(value, haircut).map(u128::try_from),
                Ok(Ok(kept))
            );
            let factor = Q32_ONE.saturating_add(haircut);
            let owed = i64::try_from((value as u128 * u128::from(factor)).div_ceil(1 << 32));
            assert_eq!(with_haircut_ceil(value, haircut).ok(), owed.ok());
            assert!(depeg_factor_q32(haircut, value as u64) >= Q32_ONE);
        }
    }
}

#[test]
fn proportions_round_against_the_account() {
    let check = |value: i64, total: u64, start: u64| {
        let deposit = deposit_in_proportion_floor(value, || total, start);
        let loan = loan_in_proportion_ceil(value, || total, start).ok();
        if start == 0 || total <= start {
            assert_eq!((deposit, loan), (value, Some(value)));
        } else {
            let (value, total, start) = (value as u128, u128::from(total), u128::from(start));
            assert_eq!(deposit as u128, value * start / total);
            assert_eq!(loan, i64::try_from((value * total).div_ceil(start)).ok());
        }
    };
    for value in 0..40 {
        for total in 0..40 {
            (0..40).for_each(|start| check(value, total, start));
        }
    }
    for value in edges_i64().filter(|value| *value >= 0).step_by(3) {
        for total in edges_u64().step_by(2) {
            edges_u64()
                .step_by(2)
                .for_each(|start| check(value, total, start));
        }
    }
}

#[test]
fn size_contingencies_round_up_and_stay_below_their_cap() {
    for coefficient in edges_u64() {
        let mut last = 0;
        for notional in edges_i64().filter(|notional| *notional >= 0) {
            let ours = size_contingency(notional, coefficient, Q32_ONE).unwrap();
            assert_eq!(size_contingency(-notional, coefficient, Q32_ONE), Ok(ours));
            assert!((last..=notional).contains(&ours));
            last = ours;
            // Not below the exact root: (ours·2^32)² >= notional²·min(1, notional·coefficient/2^80)·2^64.
            let squared_q64 = ((notional as u128 * u128::from(coefficient)) >> 16).min(1 << 64);
            let (left, right) = (
                wide((ours as u128) << 32, (ours as u128) << 32),
                squared_q64,
            );
            let exact = wide(notional as u128 * notional as u128, right);
            assert!(left >= exact, "{notional} {coefficient} {ours}");
        }
        for lambda in edges_u64() {
            let exact = shifted::<u64>(u128::from(lambda) * u128::from(lambda), 1 << 16, 0);
            let Some(ours) = size_coefficient_q80(lambda, coefficient) else {
                continue;
            };
            let (high, low) = wide(ours.into(), coefficient.into());
            let squared = wide(u128::from(lambda) * u128::from(lambda), 1 << 16);
            assert!(
                (high, low) >= squared
                    && (ours == 0 || wide((ours - 1).into(), coefficient.into()) < squared),
                "{exact:?}"
            );
        }
    }
}

// interest.rs

#[test]
fn utilisation_rounds_down_and_never_exceeds_one() {
    let check = |loans: u64, deposits: u64| {
        let exact = (u128::from(loans) << 32).checked_div(deposits.into());
        let expected = exact
            .unwrap_or(if loans == 0 { 0 } else { u128::MAX })
            .min(Q32_ONE.into());
        assert_eq!(u128::from(utilisation_q32(loans, deposits)), expected);
    };
    for loans in 0..300 {
        (0..300).for_each(|deposits| check(loans, deposits));
    }
    for loans in edges_u64() {
        edges_u64().for_each(|deposits| check(loans, deposits));
    }
}

#[test]
fn borrow_rates_round_up_and_never_fall() {
    let kinks = [
        [1, 2],
        [1, Q32_ONE - 1],
        [Q32_ONE / 2, Q32_ONE / 10 * 9],
        [Q32_ONE - 2, Q32_ONE - 1],
    ];
    let rates = [
        [0; 4],
        [0, 1, 2, 3],
        [0, 0, 0, RATE_LIMIT_Q32],
        [RATE_LIMIT_Q32; 4],
        [7, 1 << 30, 1 << 33, 10 << 32],
    ];
    for (kinks_q32, rates_q32) in kinks
        .into_iter()
        .flat_map(|kinks| rates.map(|rates| (kinks, rates)))
    {
        let curve = InterestCurve {
            kinks_q32,
            rates_q32,
        };
        assert!(curve.is_valid());
        let corners = [0, kinks_q32[0], kinks_q32[1], Q32_ONE];
        let mut last = 0;
        let near = corners
            .into_iter()
            .flat_map(|corner| [corner.saturating_sub(1), corner, corner + 1]);
        let mut all: Vec<_> = edges(33).map(|x| x as u64).chain(near).collect();
        all.sort();
        for utilisation in all {
            let rate = curve.borrow_rate_q32(utilisation);
            assert!(rate >= last && rate <= rates_q32[3]);
            last = rate;
            let stretch = (0..3).find(|i| utilisation < corners[i + 1]);
            let Some(i) = stretch else {
                assert_eq!(rate, rates_q32[3]);
                continue;
            };
            let (span, along) = (corners[i + 1] - corners[i], utilisation - corners[i]);
            let rise = u128::from(rates_q32[i + 1] - rates_q32[i]) * u128::from(along);
            assert_eq!(
                u128::from(rate),
                u128::from(rates_q32[i]) + rise.div_ceil(span.into())
            );
            for fees_q32 in [0, Q32_ONE / 3, Q32_ONE] {
                let shares = InterestShares {
                    fees_q32,
                    insurance_q32: 0,
                };
                let earned = curve.deposit_rate_q32(utilisation, &shares).unwrap();
                let exact = u128::from(rate)
                    * u128::from(utilisation.min(Q32_ONE))
                    * u128::from(Q32_ONE - fees_q32);
                assert!(u128::from(earned) << 64 <= exact);
            }
        }
    }
}

// funding.rs

#[test]
fn payments_of_funding_round_down() {
    // Every fraction of three bits, every few lots.
    for then in -40i128..=40 {
        for now in -40i128..=40 {
            let index = |eighths: i128| I80F48::from_bits(eighths << 45);
            for lots in -20i64..=20 {
                let exact = (-i128::from(lots) * (now - then)).div_euclid(8);
                let paid = payment(lots, index(then), index(now)).unwrap();
                assert_eq!(i128::from(paid), exact);
                let other = payment(-lots, index(then), index(now)).unwrap();
                assert!((-1..=0).contains(&(paid + other)));
            }
        }
    }
    for now in prices() {
        for lots in edges_u64().map(|lots| lots as i64) {
            for (then, now) in [(I80F48::ZERO, now), (now, I80F48::ZERO)] {
                let size = lots.unsigned_abs();
                let bits = now.max(then).to_bits() as u128;
                let exact = shifted::<i64>(bits, size.into(), 48);
                let pays = (lots < 0) == (now < then);
                let expected = if pays {
                    up(exact).map(|size| -size)
                } else {
                    exact.0
                };
                assert_eq!(payment(lots, then, now).ok(), expected);
            }
        }
    }
    assert_eq!(payment(1, I80F48::MIN, I80F48::MAX), Err(Overflow));
}

#[test]
fn premiums_and_rates_stay_within_their_range() {
    for price in prices() {
        for mark in prices().step_by(2) {
            assert!((-ONE..=ONE).contains(&premium_q32(price, mark)));
        }
    }
    for rate in edges_i64() {
        for seconds in edges_u64() {
            let size = funding_rate_q32(rate, seconds, Q32_ONE);
            assert!(size.abs() <= ONE && size.signum() * rate.signum() >= 0);
            next_premium_sum(rate, ONE, seconds);
            for period in [0, 1, 3_600, u64::MAX] {
                let mark = I80F48::from_num(70_000);
                let grows = index_change(rate, mark, seconds, period);
                if let Some(opposite) = rate.checked_neg() {
                    // Towards 0 on both sides.
                    assert_eq!(
                        index_change(opposite, mark, seconds, period),
                        grows.map(|size| -size)
                    );
                }
            }
        }
    }
}

// liquidation.rs

#[test]
fn fractions_reach_the_buffer_and_exceed_it_by_two_steps_at_most() {
    let check = |missing: i64, price: i64| {
        let fraction = u128::from(fraction_to_buffer_q32(missing, 0, price));
        let (missing, price) = (missing as u128, price as u128);
        let exact = (missing << 32).div_ceil(missing + price);
        assert!(fraction >= exact && fraction <= exact + 2 && fraction <= u128::from(Q32_ONE));
    };
    for missing in 1..200 {
        (1..200).for_each(|price| check(missing, price));
    }
    for missing in edges_i64().filter(|missing| *missing > 0) {
        edges_i64()
            .filter(|price| *price > 0)
            .for_each(|price| check(missing, price));
    }
    for equity in edges_i64() {
        for price in edges_i64() {
            for buffer in [i64::MIN, 0, i64::MAX] {
                assert!(fraction_to_buffer_q32(buffer, equity, price) <= Q32_ONE);
            }
            let _ = buffer_margin(equity, price, u64::MAX);
        }
    }
}

#[test]
fn auction_prices_fall_at_every_size() {
    let auction = Auction {
        discount_start_q32: 1,
        discount_first_q32: Q32_ONE / 3,
        first_s: 7,
        zero_s: 19,
        premium_full_s: 31,
        premium_q32: Q32_ONE,
    };
    for equity in edges_i64() {
        for margin in edges_i64().step_by(2) {
            let mut last = i64::MAX;
            for elapsed in (0..40).chain([u64::MAX]) {
                // A premium on top of the largest loss may leave the range, and then does so from there on.
                let price = auction_price(&auction, equity, margin, elapsed).unwrap_or(i64::MIN);
                assert!(price <= last);
                last = price;
                assert!(equity <= 0 || elapsed > 19 || (0..=equity).contains(&price));
            }
        }
    }
}

// volatility.rs

#[test]
fn ratios_are_exact_to_31_bits() {
    for a in prices() {
        for b in prices().skip(1) {
            let (x, y) = (a.to_bits() as u128, b.to_bits() as u128);
            let ours = u128::from(price_ratio_q32(a, b));
            // ours·y against x·2^32, as close as 2^-31 and one unit.
            let exact = wide(x, 1 << 32);
            if ours == u128::from(u64::MAX) {
                let most = wide(u128::from(u64::MAX) - (1 << 33), y);
                assert!(exact >= most, "{x} {y}");
                continue;
            }
            let error = (ours >> 31) + 1;
            assert!(wide(ours + error, y) >= exact, "{x} {y} {ours}");
            assert!(
                ours < error || wide(ours - error, y) <= exact,
                "{x} {y} {ours}"
            );
        }
    }
}

#[test]
fn averages_stay_between_their_prices() {
    // Prices of the board are at most 2^40.
    let on_board = || prices().filter(|price| *price > 0 && price.to_bits() <= 1 << 88);
    for average in on_board() {
        for price in on_board() {
            for elapsed in [0, 1, 59, 3_600, u64::MAX] {
                let next = next_average(average, price, elapsed, 3_600);
                assert!((average.min(price)..=average.max(price)).contains(&next));
            }
        }
    }
}

#[test]
fn variances_and_ranges_never_leave_their_words() {
    for price in prices().skip(1) {
        for variance in [0, 1, VARIANCE_MAX_Q32, u64::MAX] {
            for elapsed in [1, 60, YEAR_S, u64::MAX] {
                for (before, now) in [
                    (price, I80F48::ONE),
                    (I80F48::ONE, price),
                    (I80F48::DELTA, price),
                ] {
                    let next = next_variance_q32(variance, before, now, elapsed, 3_600).unwrap();
                    assert!(next <= VARIANCE_MAX_Q32);
                }
            }
        }
    }
    for multiplier in edges_u64() {
        let parameters = RangeParameters {
            volatility_multiplier_q32: multiplier,
            minimum_q32: 1,
            maximum_q32: RANGE_LIMIT_Q32,
            confidence_multiplier_q32: multiplier,
        };
        let mut last = 0;
        let mut sizes: Vec<_> = edges_u64().collect();
        sizes.sort();
        for size in sizes {
            let range = scan_range_q32(&parameters, size, size);
            assert!((1..=RANGE_LIMIT_Q32).contains(&range) && range >= last);
            last = range;
        }
    }
}
