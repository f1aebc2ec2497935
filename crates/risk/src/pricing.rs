//! European options by Black's formula of 1976 on the forward, undiscounted:
//! `call = F·N(d1) - K·N(d2)`, `d1 = ln(F/K)/s + s/2`, `d2 = d1 - s`, with `s = σ·√T`.
//!
//! A [`Leg`] is an option prepared for many scenarios: in each, the forward moves by a factor ([`PriceMove`]) and `s` is
//! another ([`Deviation`]), and the value costs two table look-ups, three products and no division.
//!
//! The value is within 1e-7 of the underlying's price of the exact one for F/K in [1/20, 20] and every `s` up to 5, never
//! negative and never outside the bounds that no arbitrage allows. An error in `d1` hardly matters, because the formula is
//! stationary in it (with `d2 = d1 - s`, `F·φ(d1) = K·φ(d2)`): the effect is `F·φ·s·δ²/2`.
//!
//! Arithmetic here wraps, for speed; the bounds are written beside it, every build with debug assertions, so every test, checks them,
//! and `proofs.rs` proves them.

use crate::normal::{cdf_q32, pdf_q32, tail_q32};
use crate::numbers::{
    Overflow, Q32_ONE, ln_q32, mul_i80f48_floor, normalise, product_q32, sqrt_normalised,
};
use crate::time::YEAR_S;
use crate::volatility::price_ratio_q32;
use crate::word::Word;
use fixed::types::I80F48;

/// Whether an option is the right to buy or to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Pays `max(0, S - K)`.
    Call,
    /// Pays `max(0, K - S)`.
    Put,
}

pub(crate) const Q30: u32 = 30;

/// Largest `σ·√T` that is told apart: 8, Q32. At that, a call is worth 99.99% of the forward.
pub const DEVIATION_MAX_Q32: u64 = 8 << 32;

/// Beyond so many deviations nothing is left but intrinsic value.
pub(crate) const REACH: i64 = 9;

/// Q32 over the unit of a deviation's inverse, which is Q27.
pub(crate) const INVERSE_OF_ONE: u64 = 1 << 59;

/// Largest factor on a forward: just below 4, Q32.
pub(crate) const FACTOR_MAX_Q32: u64 = (4 << 32) - 4;

/// `s = σ·√T` with what its use needs, shared by all legs and moves of a volatility scenario.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    half_q32: i64,
    /// [`REACH`] times s.
    reach_q32: i64,
    inverse_q27: i64,
}

impl Deviation {
    /// From `s` in Q32; above [`DEVIATION_MAX_Q32`] it counts as that.
    pub fn new(value_q32: u64) -> Self {
        let value = value_q32.min(DEVIATION_MAX_Q32);
        Self {
            half_q32: (value >> 1) as i64,
            reach_q32: REACH.exact_mul(value as i64),
            // At most 2^59, for the smallest s.
            inverse_q27: INVERSE_OF_ONE.checked_div(value).unwrap_or(0) as i64,
        }
    }

    /// `ln/s` in Q32, at most [`REACH`] in size: |ln| must be below `reach_q32`.
    #[inline(always)]
    fn divide(&self, ln_q32: i64) -> i64 {
        // |ln| < 9·s and the inverse is at most 2^59/s, so the product is below 9·2^59.
        ln_q32.exact_mul(self.inverse_q27) >> 27
    }
}

/// A move of the forward by a factor of at least 1/1024 and below 4.
#[derive(Clone, Copy, Debug)]
pub struct PriceMove {
    factor_q30: i64,
    ln_q32: i64,
}

impl PriceMove {
    /// No move.
    pub const NONE: Self = Self {
        factor_q30: 1 << Q30,
        ln_q32: 0,
    };

    /// From the factor in Q32, brought into its range.
    pub fn new(factor_q32: u64) -> Self {
        let factor = factor_q32.clamp(1 << 22, FACTOR_MAX_Q32);
        Self {
            factor_q30: (factor >> 2) as i64,
            ln_q32: ln_q32(factor).unwrap_or(0),
        }
    }
}

/// An option prepared for revaluation. Its values are fractions of [`Leg::scale_q32`] forwards, in Q30.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    kind: OptionKind,
    /// Forward and strike over the larger of the two, Q30.
    forward_q30: i64,
    strike_q30: i64,
    ln_forward_over_strike_q32: i64,
    scale_q32: u64,
}

impl Leg {
    /// From strike over forward, Q32, brought into [2^-10, 2^10].
    pub fn new(kind: OptionKind, strike_over_forward_q32: u64) -> Self {
        let strike = strike_over_forward_q32.clamp(1 << 22, 1 << 42);

        let scale_q32 = strike.max(Q32_ONE);
        // The smaller over the larger, rounded to nearest.
        let (forward_q30, strike_q30) = if strike > Q32_ONE {
            (((1u64 << 62) + strike / 2) / strike, 1 << Q30)
        } else {
            (1 << Q30, (strike + 2) >> 2)
        };
        Self {
            kind,
            forward_q30: forward_q30 as i64,
            strike_q30: strike_q30 as i64,
            ln_forward_over_strike_q32: -ln_q32(strike).unwrap_or(0),
            scale_q32,
        }
    }

    /// Log of strike over forward, Q32.
    pub fn ln_strike_over_forward_q32(&self) -> i64 {
        -self.ln_forward_over_strike_q32
    }

    /// Change of value per relative change of the forward, in forwards, without a move: `N(d1)` for a call, `-N(-d1)` for a put.
    /// Q32.
    pub fn delta_q32(&self, deviation: &Deviation) -> i64 {
        let d1 = self.d1_q32(deviation);
        match self.kind {
            OptionKind::Call => cdf_q32(d1) as i64,
            OptionKind::Put => -(cdf_q32(-d1) as i64),
        }
    }

    /// The unit of its values in forwards: the larger of 1 and strike over forward, Q32.
    pub fn scale_q32(&self) -> u64 {
        self.scale_q32
    }

    /// The option after a move of the forward.
    #[inline(always)]
    pub fn moved(&self, price_move: &PriceMove) -> MovedLeg {
        // At most 2^30·2^32 before the shift, so nothing here is above 2^33.
        let forward = self
            .forward_q30
            .exact_mul(price_move.factor_q30)
            .exact_add(1 << 29)
            >> Q30;
        let strike = self.strike_q30;
        let intrinsic = match self.kind {
            OptionKind::Call => forward.exact_sub(strike),
            OptionKind::Put => strike.exact_sub(forward),
        };
        MovedLeg {
            low_q30: forward.min(strike),
            high_q30: forward.max(strike),
            // |ln| <= 6.94 + 6.94 in Q32.
            ln_q32: self
                .ln_forward_over_strike_q32
                .exact_add(price_move.ln_q32)
                .wrapping_abs(),
            intrinsic_q30: intrinsic.max(0),
        }
    }

    /// Value after a move, in Q30 of [`Leg::scale_q32`] forwards (before the move).
    pub fn value_q30(&self, price_move: &PriceMove, deviation: &Deviation) -> i64 {
        self.moved(price_move).value_q30(deviation)
    }

    /// `d1` without a move, Q32, at most [`REACH`] in size beyond `s/2`.
    fn d1_q32(&self, deviation: &Deviation) -> i64 {
        let ln = self.ln_forward_over_strike_q32;
        if ln.abs() >= deviation.reach_q32 {
            return REACH * ln.signum() * Q32_ONE as i64;
        }
        deviation.divide(ln) + deviation.half_q32
    }
}

/// An option after a move of the forward, ready for any volatility.
///
/// The option out of the money is worth `low·N(s/2 - u) - high·N(-s/2 - u)` with `u = |ln(F/K)|/s`, `low` and `high` the smaller and
/// the larger of forward and strike: the same for a call and for a put. Its counterpart in the money follows by parity.
#[derive(Clone, Copy, Debug)]
pub struct MovedLeg {
    low_q30: i64,
    high_q30: i64,
    ln_q32: i64,
    intrinsic_q30: i64,
}

impl MovedLeg {
    /// Value in Q30 of [`Leg::scale_q32`] forwards (before the move).
    #[inline(always)]
    pub fn value_q30(&self, deviation: &Deviation) -> i64 {
        if self.ln_q32 >= deviation.reach_q32 {
            return self.intrinsic_q30;
        }
        let u = deviation.divide(self.ln_q32);
        let half = deviation.half_q32;
        // u - s/2 is at least -4, because s is at most 8.
        let (asset, cash) = (tail_q32(u.exact_sub(half)), tail_q32(u.exact_add(half)));
        let rounded = difference_q30(self.low_q30, asset, self.high_q30, cash);
        let out_of_the_money = rounded.max(0).min(self.low_q30);
        out_of_the_money.exact_add(self.intrinsic_q30)
    }
}

/// `low·asset - high·cash`, the numbers in Q30 and the probabilities in Q32, rounded to nearest.
#[inline(always)]
pub(crate) fn difference_q30<W: Word>(low: W, asset: W, high: W, cash: W) -> W {
    // The smaller is at most 2^30 and its probability 2^32; the larger is below 2^32 and its probability at most 2^31.
    let (asset, cash) = (low.exact_mul(asset), high.exact_mul(cash));
    asset.exact_sub(cash).exact_add(W::of(1 << 31)) >> 32
}

/// What an option is priced from.
#[derive(Clone, Copy, Debug)]
pub struct OptionInput {
    /// Call or put.
    pub kind: OptionKind,
    /// Price of the underlying.
    pub spot: I80F48,
    /// Strike, same unit.
    pub strike: I80F48,
    /// Seconds to expiry.
    pub expiry_s: u64,
    /// Annualised volatility, Q32.
    pub volatility_q32: u64,
    /// Yearly carry of the forward, Q32: `F = S·(1 + c·T)`.
    pub carry_q32: i64,
}

/// Value and sensitivities per unit of underlying, in the unit of the spot price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionReport {
    /// Value.
    pub value: I80F48,
    /// Change of value per unit of spot.
    pub delta: I80F48,
    /// Change of delta per unit of spot.
    pub gamma: I80F48,
    /// Change of value per 1.00 of volatility.
    pub vega: I80F48,
    /// Change of value per day that passes.
    pub theta: I80F48,
}

/// `√(years)` of a time, Q32; the error is below 2^-30, for more than a year relative to the result.
pub fn sqrt_years_q32(seconds: u64) -> u64 {
    /// `2^44/√(seconds per year)`, between 2^31 and 2^32.
    const SCALE: u64 = 3_132_683_400;
    // √(seconds·2^shift) has 32 bits.
    if seconds == 0 {
        return 0;
    }
    let (leading, shift) = normalise(seconds);
    let root = sqrt_normalised(leading);
    root.exact_mul(SCALE) >> (12 + shift / 2)
}

/// `σ·√T` in Q32, saturating.
pub fn deviation_q32(volatility_q32: u64, seconds: u64) -> u64 {
    product_q32(volatility_q32, sqrt_years_q32(seconds))
}

/// Forward over spot, `1 + c·T`, Q32; at least 2^-10.
pub fn forward_factor_q32(carry_q32: i64, seconds: u64) -> u64 {
    // Rounded towards zero.
    let size = carry_q32.unsigned_abs();
    let grown = if size >> 36 == 0 && seconds >> 28 == 0 {
        size.exact_mul(seconds) / YEAR_S
    } else {
        let grown = u128::from(size) * u128::from(seconds) / u128::from(YEAR_S);
        u64::try_from(grown).unwrap_or(u64::MAX)
    };
    if carry_q32 < 0 {
        Q32_ONE.saturating_sub(grown).max(1 << 22)
    } else {
        Q32_ONE.saturating_add(grown)
    }
}

/// Value of a leg without a move, in the unit of the forward.
fn value_of(forward: I80F48, leg: &Leg, deviation: &Deviation) -> Result<I80F48, Overflow> {
    // At most 2^42·2^30: a fraction of forwards, brought to 48 bits.
    let value_q62 =
        u128::from(leg.scale_q32()) * leg.value_q30(&PriceMove::NONE, deviation) as u128;
    let fraction = I80F48::from_bits((value_q62 >> 14) as i128);
    mul_i80f48_floor(forward, fraction)
}

fn from_q32(value: i128) -> I80F48 {
    I80F48::from_bits(value << 16)
}

impl OptionInput {
    fn forward(&self) -> Result<I80F48, Overflow> {
        let factor = forward_factor_q32(self.carry_q32, self.expiry_s);
        self.spot
            .checked_mul(from_q32(i128::from(factor)))
            .ok_or(Overflow)
    }

    /// The forward, the option prepared for it, and `s` in Q32.
    fn prepare(&self) -> Result<(I80F48, Leg, u64), Overflow> {
        if self.spot <= 0 || self.strike <= 0 {
            return Err(Overflow);
        }
        let forward = self.forward()?;
        if forward <= 0 {
            return Err(Overflow);
        }
        let leg = Leg::new(self.kind, price_ratio_q32(self.strike, forward));
        let s_q32 = deviation_q32(self.volatility_q32, self.expiry_s).min(DEVIATION_MAX_Q32);
        Ok((forward, leg, s_q32))
    }

    /// Value per unit of underlying, in the unit of the spot price.
    ///
    /// # Errors
    /// [`Overflow`] for prices that are not positive or too large for the value to fit.
    pub fn value(&self) -> Result<I80F48, Overflow> {
        let (forward, leg, s_q32) = self.prepare()?;
        value_of(forward, &leg, &Deviation::new(s_q32))
    }

    /// Value and sensitivities.
    ///
    /// # Errors
    /// [`Overflow`] for prices that are not positive or too large for a figure to fit.
    pub fn report(&self) -> Result<OptionReport, Overflow> {
        let (forward, leg, s_q32) = self.prepare()?;
        let deviation = Deviation::new(s_q32);
        let value = value_of(forward, &leg, &deviation)?;
        let mul = |a: I80F48, b: I80F48| a.checked_mul(b).ok_or(Overflow);
        let d1 = leg.d1_q32(&deviation);
        let probability = i128::from(leg.delta_q32(&deviation));
        let growth = from_q32(i128::from(forward_factor_q32(
            self.carry_q32,
            self.expiry_s,
        )));
        let delta = mul(from_q32(probability), growth)?;
        let density = from_q32(i128::from(pdf_q32(d1)));
        let root = from_q32(i128::from(sqrt_years_q32(self.expiry_s)));
        let vega = mul(mul(forward, density)?, root)?;
        let (gamma, decay) = if s_q32 == 0 {
            (I80F48::ZERO, I80F48::ZERO)
        } else {
            // growth²·φ/(F·s), and F·φ·σ/(2·√T) per year, with s = σ·√T.
            let spread = mul(forward, from_q32(i128::from(s_q32)))?;
            let density_growth = mul(density, mul(growth, growth)?)?;
            let gamma = density_growth.checked_div(spread).ok_or(Overflow)?;
            let volatility = from_q32(i128::from(self.volatility_q32));
            let yearly = mul(mul(forward, density)?, volatility)?;
            (gamma, yearly.checked_div(root).ok_or(Overflow)? / 2)
        };
        // The forward, too, loses its carry as time passes: ∂F/∂t = -S·c.
        let carry = mul(
            mul(self.spot, from_q32(probability))?,
            from_q32(i128::from(self.carry_q32)),
        )?;
        let theta = -(decay.checked_add(carry).ok_or(Overflow)?) / 365;
        Ok(OptionReport {
            value,
            delta,
            gamma,
            vega,
            theta,
        })
    }

    /// The volatility at which the option has a value, Q32, by bisection to the last bit that the price can tell;
    /// `None` when no volatility up to 2,048% gives it. The `volatility_q32` of the input is ignored.
    pub fn implied_volatility_q32(&self, value: I80F48) -> Option<u64> {
        const HIGHEST_BIT: u32 = 36;
        let priced = |volatility_q32: u64| {
            let input = Self {
                volatility_q32,
                ..*self
            };
            input.value().ok()
        };
        let highest = priced((1 << HIGHEST_BIT) * 20 / 16)?;
        if value < priced(0)? || value > highest {
            return None;
        }
        let mut volatility = 0u64;
        for bit in (0..=HIGHEST_BIT).rev() {
            let higher = volatility | 1 << bit;
            if priced(higher)? <= value {
                volatility = higher;
            }
        }
        Some(volatility)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;
    use std::vec::Vec;

    fn q32(x: f64) -> u64 {
        (x * 2f64.powi(32)) as u64
    }

    /// Standard normal distribution function in double precision, independent of the table.
    fn cdf(x: f64) -> f64 {
        let size = x.abs();
        let density = (-size * size / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let tail = if size > 3.0 {
            density
                / (1..300)
                    .rev()
                    .fold(size, |below, n| size + f64::from(n) / below)
        } else {
            let (mut term, mut sum) = (size, size);
            for n in 1..200 {
                term *= size * size / f64::from(2 * n + 1);
                sum += term;
            }
            0.5 - density * sum
        };
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    fn black(kind: OptionKind, forward: f64, strike: f64, s: f64) -> f64 {
        let d1 = (forward / strike).ln() / s + s / 2.0;
        let (a, b) = (cdf(d1), cdf(d1 - s));
        match kind {
            OptionKind::Call => forward * a - strike * b,
            OptionKind::Put => strike * (1.0 - b) - forward * (1.0 - a),
        }
    }

    fn kinds() -> impl Strategy<Value = OptionKind> {
        prop_oneof![Just(OptionKind::Call), Just(OptionKind::Put)]
    }

    /// Value as a fraction of the forward before the move.
    fn value(kind: OptionKind, strike: f64, factor: f64, s: f64) -> f64 {
        let leg = Leg::new(kind, q32(strike));
        let value = leg.value_q30(&PriceMove::new(q32(factor)), &Deviation::new(q32(s)));
        value as f64 / 2f64.powi(30) * (leg.scale_q32() as f64 / 2f64.powi(32))
    }

    prop_compose! {
        /// From a minute to two years, a spot from 1e-3 to 1e9, a strike from a tenth to ten times that, up to 350% of volatility.
        fn inputs()(
            kind in kinds(), log_spot in -3.0f64..9.0, log_strike in -1.0f64..1.0, expiry_s in 60..2 * YEAR_S,
            log_volatility in -2.0f64..0.544, carry in -0.3f64..0.3,
        ) -> OptionInput {
            let spot = 10f64.powf(log_spot);
            OptionInput {
                kind,
                spot: I80F48::from_num(spot),
                strike: I80F48::from_num(spot * 10f64.powf(log_strike)),
                expiry_s,
                volatility_q32: q32(10f64.powf(log_volatility)),
                carry_q32: (carry * 2f64.powi(32)) as i64,
            }
        }
    }

    /// A price as a fraction of the underlying's.
    fn over_spot(price: I80F48, input: &OptionInput) -> f64 {
        price.to_num::<f64>() / input.spot.to_num::<f64>()
    }

    fn value_over_spot(input: &OptionInput) -> f64 {
        over_spot(input.value().unwrap(), input)
    }

    fn forward_over_spot(input: &OptionInput) -> f64 {
        let years = input.expiry_s as f64 / YEAR_S as f64;
        1.0 + input.carry_q32 as f64 / 2f64.powi(32) * years
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // A week, 80% volatility, spot 100, call at 110: s = 0.8·√(7/365) = 0.110788, value 1.25319.
        let input = OptionInput {
            kind: OptionKind::Call,
            spot: I80F48::from_num(100),
            strike: I80F48::from_num(110),
            expiry_s: 7 * 86_400,
            volatility_q32: q32(0.8),
            carry_q32: 0,
        };
        let report = input.report().unwrap();
        let exact = black(OptionKind::Call, 100.0, 110.0, 0.8 * (7f64 / 365.0).sqrt());
        assert!((report.value.to_num::<f64>() - exact).abs() < 1e-5);
        let implied = input.implied_volatility_q32(report.value).unwrap();
        // Less than with no volatility, more than the underlying is worth.
        for value in [I80F48::NEG_ONE, I80F48::from_num(1e9)] {
            assert_eq!(input.implied_volatility_q32(value), None);
        }
        assert!((implied as f64 / 2f64.powi(32) - 0.8).abs() < 1e-5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn roots_of_years_match_double_precision(seconds in 0u64..1 << 40) {
            let exact = (seconds as f64 / YEAR_S as f64).sqrt();
            let ours = sqrt_years_q32(seconds) as f64 / 2f64.powi(32);
            prop_assert!((ours - exact).abs() < 2f64.powi(-30) * exact.max(1.0), "{ours} {exact}");
        }

        #[test]
        fn no_time_is_too_long(seconds: u64) {
            let _ = sqrt_years_q32(seconds);
        }

        #[test]
        fn values_match_double_precision(
            kind in kinds(), log_moneyness in -2.995f64..2.995, log_s in -6.907f64..1.609,
        ) {
            let (strike, s) = (log_moneyness.exp(), log_s.exp());
            let ours = value(kind, strike, 1.0, s);
            let exact = black(kind, 1.0, strike, s);
            prop_assert!((ours - exact).abs() < 1e-7, "{ours} {exact} {}", ours - exact);
        }

        #[test]
        fn moved_values_match_double_precision(
            kind in kinds(), log_moneyness in -2.995f64..2.995, factor in 0.01f64..3.9, log_s in -6.907f64..1.609,
        ) {
            let (strike, s) = ((factor / log_moneyness.exp()).clamp(0.05, 20.0), log_s.exp());
            let ours = value(kind, strike, factor, s);
            let exact = black(kind, factor, strike, s);
            prop_assert!((ours - exact).abs() < 1e-7 * factor.max(1.0), "{ours} {exact} {}", ours - exact);
        }

        #[test]
        fn nothing_overflows_on_any_input(kind in kinds(), strike: u64, factor: u64, s: u64) {
            let leg = Leg::new(kind, strike);
            let deviation = Deviation::new(s);
            let value = leg.value_q30(&PriceMove::new(factor), &deviation);
            prop_assert!(value >= 0);
            let _ = leg.d1_q32(&deviation);
        }

        #[test]
        fn calls_and_puts_are_in_parity(strike: u64, factor: u64, s: u64) {
            let (price_move, deviation) = (PriceMove::new(factor), Deviation::new(s));
            let call = Leg::new(OptionKind::Call, strike);
            let put = Leg::new(OptionKind::Put, strike);
            let forward = (call.forward_q30 * price_move.factor_q30 + (1 << 29)) >> 30;
            let difference =
                call.value_q30(&price_move, &deviation) - put.value_q30(&price_move, &deviation);
            prop_assert_eq!(difference, forward - call.strike_q30);
        }

        #[test]
        fn values_rise_with_the_deviation(kind in kinds(), strike in 0.05f64..20.0, s in 0.001f64..5.0, more in 0.0f64..1.0) {
            prop_assert!(value(kind, strike, 1.0, s + more) >= value(kind, strike, 1.0, s) - 1e-7);
        }

        #[test]
        fn calls_rise_and_puts_fall_with_spot(strike in 0.05f64..20.0, factor in 0.01f64..3.0, more in 0.0f64..0.9, s in 0.001f64..5.0) {
            let at = |kind, factor| value(kind, strike, factor, s);
            prop_assert!(at(OptionKind::Call, factor + more) >= at(OptionKind::Call, factor) - 1e-7);
            prop_assert!(at(OptionKind::Put, factor + more) <= at(OptionKind::Put, factor) + 1e-7);
        }

        #[test]
        fn reports_never_panic(
            kind in kinds(), spot: i128, strike: i128, expiry_s: u64, volatility_q32: u64, carry_q32: i64,
        ) {
            let input = OptionInput {
                kind,
                spot: I80F48::from_bits(spot),
                strike: I80F48::from_bits(strike),
                expiry_s,
                volatility_q32,
                carry_q32,
            };
            let _ = input.report();
        }

        #[test]
        fn sensitivities_match_differences(
            kind in kinds(), strike in 50.0f64..200.0, seconds in 86_400u64..700 * 86_400, vol in 0.1f64..2.0, carry in -0.2f64..0.2,
        ) {
            let years = seconds as f64 / YEAR_S as f64;
            let exact = |spot: f64, vol: f64, years: f64| {
                black(kind, spot * (1.0 + carry * years), strike, vol * years.sqrt())
            };
            let input = OptionInput {
                kind,
                spot: I80F48::from_num(100),
                strike: I80F48::from_num(strike),
                expiry_s: seconds,
                volatility_q32: q32(vol),
                carry_q32: (carry * 2f64.powi(32)) as i64,
            };
            let report = input.report().unwrap();
            let slope = |up: f64, down: f64, width: f64| (up - down) / width;
            let delta = slope(exact(100.001, vol, years), exact(99.999, vol, years), 0.002);
            let vega = slope(exact(100.0, vol + 1e-5, years), exact(100.0, vol - 1e-5, years), 2e-5);
            let minute = 1.0 / 525_600.0;
            let theta = slope(exact(100.0, vol, years - minute), exact(100.0, vol, years + minute), 2.0 * minute) / 365.0;
            // Differences of second order are too coarse; φ(d1)·(∂F/∂S)²/(F·s).
            let (growth, s) = (1.0 + carry * years, vol * years.sqrt());
            let d1 = (100.0 * growth / strike).ln() / s + s / 2.0;
            let density = (-d1 * d1 / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let gamma = density * growth / (100.0 * s);
            let figures: Vec<(f64, f64, f64)> = std::vec![
                (report.delta.to_num(), delta, 1e-6),
                (report.vega.to_num(), vega, 1e-4),
                (report.theta.to_num(), theta, 1e-4),
                (report.gamma.to_num(), gamma, 1e-6),
            ];
            for (ours, exact, tolerance) in figures {
                prop_assert!((ours - exact).abs() < tolerance, "{ours} {exact}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn calls_fall_and_puts_rise_with_the_strike(input in inputs(), more in 1.0f64..2.0) {
            let higher = OptionInput { strike: input.strike * I80F48::from_num(more), ..input };
            let rise = value_over_spot(&higher) - value_over_spot(&input);
            let gap = over_spot(higher.strike - input.strike, &input);
            // By at most as much as the strike.
            match input.kind {
                OptionKind::Call => prop_assert!(rise <= 1e-7 && rise >= -gap - 1e-7, "{rise} {gap}"),
                OptionKind::Put => prop_assert!(rise >= -1e-7 && rise <= gap + 1e-7, "{rise} {gap}"),
            }
        }

        #[test]
        fn values_rise_with_time_without_carry(input in inputs(), more_s in 0..YEAR_S, shift in 0u32..25) {
            let sooner = OptionInput { carry_q32: 0, ..input };
            let later = OptionInput { expiry_s: input.expiry_s + (more_s >> shift), ..sooner };
            prop_assert!(value_over_spot(&later) >= value_over_spot(&sooner) - 1e-7);
        }

        #[test]
        fn a_call_less_a_put_is_a_forward(input in inputs()) {
            let [call, put] = [OptionKind::Call, OptionKind::Put].map(|kind| value_over_spot(&OptionInput { kind, ..input }));
            let exact = forward_over_spot(&input) - over_spot(input.strike, &input);
            prop_assert!((call - put - exact).abs() < 1e-7, "{call} {put} {exact}");
        }

        #[test]
        fn values_leave_no_arbitrage(input in inputs()) {
            let (value, strike, forward) = (value_over_spot(&input), over_spot(input.strike, &input), forward_over_spot(&input));
            let (least, most) = match input.kind {
                OptionKind::Call => (forward - strike, forward),
                OptionKind::Put => (strike - forward, strike),
            };
            prop_assert!(value >= 0.0 && value >= least - 1e-7 && value <= most + 1e-7, "{value} {least} {most}");
        }
    }
}
