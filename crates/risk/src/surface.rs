//! The volatility surface of one underlying and the shocks to it.
//!
//! At-the-money volatility at six tenors, linear in total variance between them and flat outside;
//! `vol = atm·(1 + skew·z + smile·z²)` with `z = ln(K/F)/(atm·√T)` clamped to ±3, then floor and cap.

use crate::numbers::{Q32_ONE, exp_q32, ln_q32, product_q32, sqrt_q32};
use crate::time::{DAY_S, HOUR_S, YEAR_S};
use crate::word::Word;

/// Number of tenors.
pub const TENORS: usize = 6;

/// The tenors, days.
pub const TENOR_DAYS: [u64; TENORS] = [1, 7, 30, 90, 180, 365];

/// The tenors, seconds.
pub const TENOR_SECONDS: [u64; TENORS] = {
    let mut seconds = TENOR_DAYS;
    let mut index = 0;
    while index < TENORS {
        seconds[index] *= DAY_S;
        index += 1;
    }
    seconds
};

/// Seconds by which every scenario looks ahead: one day of time decay.
pub const LOOK_AHEAD_S: u64 = DAY_S;

/// A posted surface. Everything Q32.
#[derive(Clone, Copy, Debug)]
pub struct Surface {
    /// At-the-money volatility at the tenors.
    pub atm_q32: [u64; TENORS],
    /// Skew coefficient.
    pub skew_q32: i64,
    /// Smile coefficient.
    pub smile_q32: i64,
    /// Lowest volatility.
    pub floor_q32: u64,
    /// Highest volatility, at most 2^37 (32 = 3,200%).
    pub cap_q32: u64,
}

/// Largest size of the skew and smile coefficients, Q32; larger ones count as this.
pub const COEFFICIENT_MAX_Q32: i64 = 4 << 32;

/// Largest volatility that any surface can give, Q32: 3,200%.
pub const VOLATILITY_MAX_Q32: u64 = 32 << 32;

/// Largest z that is told apart: 3, Q27.
pub(crate) const Z_MAX_Q27: u64 = 3 << 27;

/// `1 + skew·z + smile·z²`, Q32, of coefficients in Q32 and a z in Q27.
#[inline(always)]
pub(crate) fn factor_q32<W: Word>(skew: W, smile: W, z: W) -> W {
    // Coefficients of at most 2^34 times z below 2^29, and times z² (as Q24, below 2^28).
    let linear = skew.exact_mul(z) >> 27;
    let square = z.exact_mul(z) >> 30;
    let bend = smile.exact_mul(square) >> 24;
    W::of(Q32_ONE as i64).exact_add(linear).exact_add(bend)
}

impl Surface {
    /// At-the-money volatility for a time to expiry, Q32.
    pub fn at_the_money_q32(&self, seconds: u64) -> u64 {
        let atm = |index: usize| self.atm_q32[index].min(VOLATILITY_MAX_Q32);
        let Some(above) = TENOR_SECONDS.iter().position(|tenor| seconds <= *tenor) else {
            return atm(TENORS - 1);
        };
        if above == 0 {
            return atm(0);
        }
        // Total variance in Q32 times days: at most 2^42·365 < 2^51.
        let total = |index: usize| {
            let variance = product_q32(atm(index), atm(index));
            variance.exact_mul(TENOR_DAYS[index])
        };
        let (below, above) = (above - 1, above);
        let span = TENOR_SECONDS[above] - TENOR_SECONDS[below];
        let along_q32 = ((seconds - TENOR_SECONDS[below]) << 32) / span;
        let mixed =
            product_q32(total(below), Q32_ONE - along_q32) + product_q32(total(above), along_q32);
        // Days over the time, Q40: at most 1, because shorter times are flat.
        let per_time_q40 = (DAY_S << 40) / seconds;
        sqrt_q32(((u128::from(mixed) * u128::from(per_time_q40)) >> 40) as u64)
    }

    /// Volatility at a log moneyness `ln(K/F)` (Q32), given the at-the-money level for its expiry and `atm·√T`.
    pub fn volatility_q32(
        &self,
        atm_q32: u64,
        atm_deviation_q32: u64,
        ln_strike_over_forward_q32: i64,
    ) -> u64 {
        // z in Q27, clamped to ±3. |ln| below 2^36 keeps its shift in 63 bits.
        let size = ln_strike_over_forward_q32.unsigned_abs();
        let z = match (size << 27).checked_div(atm_deviation_q32) {
            Some(z) if size >> 36 == 0 => z.min(Z_MAX_Q27) as i64,
            _ => Z_MAX_Q27 as i64,
        };
        let z = if ln_strike_over_forward_q32 < 0 {
            -z
        } else {
            z
        };
        let coefficient = |x: i64| x.clamp(-COEFFICIENT_MAX_Q32, COEFFICIENT_MAX_Q32);
        let factor = factor_q32(coefficient(self.skew_q32), coefficient(self.smile_q32), z).max(0);
        product_q32(atm_q32, factor.unsigned_abs())
            .max(self.floor_q32)
            .min(self.cap_q32)
            .min(VOLATILITY_MAX_Q32)
    }
}

/// Relative shocks to implied volatility at 30 days and how they grow for shorter expiries:
/// `shock(T) = shock·(30 days/T)^p`, after Derive's portfolio margin. Everything Q32.
#[derive(Clone, Copy, Debug)]
pub struct VolatilityShocks {
    /// Rise at 30 days.
    pub up_q32: u64,
    /// Fall at 30 days.
    pub down_q32: u64,
    /// Exponents below and above 30 days.
    pub exponents_q32: [u64; 2],
}

/// Largest relative rise, Q32: 4, so that a shocked volatility is at most five times the present one.
const RISE_MAX_Q32: u64 = 4 << 32;
/// Largest relative fall, Q32: 90%.
const FALL_MAX_Q32: u64 = Q32_ONE * 9 / 10;
/// Shortest time that the growth of shocks tells apart: an hour.
const SHOCK_TENOR_MIN_S: u64 = HOUR_S;

impl VolatilityShocks {
    /// Factors on volatility, Q32, for a time to expiry: down, unchanged, up.
    pub fn factors_q32(&self, seconds: u64) -> [u64; 3] {
        let tenor = seconds.clamp(SHOCK_TENOR_MIN_S, YEAR_S * 2);
        let exponent = self.exponents_q32[usize::from(tenor > TENOR_SECONDS[2])].min(Q32_ONE);
        let ratio_q32 = (TENOR_SECONDS[2] << 32) / tenor;
        let ln = ln_q32(ratio_q32).unwrap_or(0);
        // |ln| is below 7 for the times above.
        let power = product_q32(ln.unsigned_abs(), exponent) as i64;
        let scale = exp_q32(if ln < 0 { -power } else { power });
        let grown = |shock: u64, limit: u64| product_q32(shock, scale).min(limit);
        [
            Q32_ONE - grown(self.down_q32, FALL_MAX_Q32),
            Q32_ONE,
            Q32_ONE + grown(self.up_q32, RISE_MAX_Q32),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;

    fn q32(x: f64) -> u64 {
        (x * 2f64.powi(32)).round() as u64
    }

    fn float(x: u64) -> f64 {
        x as f64 / 2f64.powi(32)
    }

    fn surface() -> Surface {
        Surface {
            atm_q32: [0.9, 0.85, 0.8, 0.75, 0.7, 0.65].map(q32),
            skew_q32: -(q32(0.05) as i64),
            smile_q32: q32(0.02) as i64,
            floor_q32: q32(0.1),
            cap_q32: q32(4.0),
        }
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // 60 days: variance 0.5·(0.64·30 + 0.5625·90)/60 = 0.581875, volatility 76.28%.
        let atm = float(surface().at_the_money_q32(60 * 86_400));
        assert!((atm - 0.581_875f64.sqrt()).abs() < 1e-8, "{atm}");
        assert!((float(surface().at_the_money_q32(60)) - 0.9).abs() < 1e-9);
        assert!((float(surface().at_the_money_q32(900 * 86_400)) - 0.65).abs() < 1e-9);
    }

    #[test]
    fn skew_and_smile_bend_within_three_deviations() {
        let seconds = 30 * 86_400;
        let atm = surface().at_the_money_q32(seconds);
        let s = 0.8 * (30f64 / 365.0).sqrt();
        let at =
            |z: f64| float(surface().volatility_q32(atm, q32(s), (z * s * 2f64.powi(32)) as i64));
        assert!((at(0.0) - 0.8).abs() < 1e-8);
        assert!((at(-1.0) - 0.8 * 1.07).abs() < 1e-6);
        assert!((at(2.0) - 0.8 * (1.0 - 0.1 + 0.08)).abs() < 1e-6);
        assert!((at(9.0) - at(3.0)).abs() < 1e-9);
    }

    #[test]
    fn shocks_grow_for_short_expiries() {
        let shocks = VolatilityShocks {
            up_q32: q32(0.6),
            down_q32: q32(0.3),
            exponents_q32: [q32(0.3), q32(0.13)],
        };
        let at = |days: f64| shocks.factors_q32((days * 86_400.0) as u64).map(float);
        for (days, exponent) in [(7.0, 0.3), (30.0, 0.3), (180.0, 0.13)] {
            let scale = (30.0f64 / days).powf(exponent);
            let [down, unchanged, up] = at(days);
            assert!((up - (1.0 + 0.6 * scale)).abs() < 1e-7, "{up}");
            assert!((down - (1.0 - 0.3 * scale)).abs() < 1e-7, "{down}");
            assert_eq!(unchanged, 1.0);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(
            atm_q32: [u64; 6], skew_q32: i64, smile_q32: i64, floor_q32: u64, cap_q32: u64, ln: i64, seconds: u64, level: u64,
        ) {
            let surface = Surface { atm_q32, skew_q32, smile_q32, floor_q32, cap_q32 };
            let atm = surface.at_the_money_q32(seconds);
            prop_assert!(atm <= VOLATILITY_MAX_Q32);
            let _ = surface.volatility_q32(level, seconds, ln);
            let shocks = VolatilityShocks { up_q32: level, down_q32: floor_q32, exponents_q32: [cap_q32, level] };
            let [down, _, up] = shocks.factors_q32(seconds);
            prop_assert!(down >= Q32_ONE / 10 && up <= 5 * Q32_ONE);
        }

        #[test]
        fn total_variance_lies_between_its_neighbours(a in 0.05f64..3.0, b in 0.05f64..3.0, along in 0.0f64..1.0) {
            let mut surface = surface();
            surface.atm_q32[2] = q32(a);
            surface.atm_q32[3] = q32(b);
            let days = 30.0 + 60.0 * along;
            let seconds = (days * 86_400.0) as u64;
            let exact = ((a * a * 30.0 * (1.0 - along) + b * b * 90.0 * along) / days).sqrt();
            prop_assert!((float(surface.at_the_money_q32(seconds)) - exact).abs() < 1e-5);
        }
    }
}
