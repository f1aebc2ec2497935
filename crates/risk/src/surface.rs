//! The volatility surface of one underlying and the shocks to it.
//!
//! At-the-money volatility at six tenors, linear in total variance between them and flat outside;
//! `vol = atm·(1 + skew·z + smile·z²)` with `z = ln(K/F)/(atm·√T)` clamped to ±3, then floor and cap.

use crate::numbers::{Q32_ONE, SECONDS_PER_YEAR, exp_q32, ln_q32, sqrt_q32};

/// Number of tenors.
pub const TENORS: usize = 6;

/// The tenors, seconds: 1, 7, 30, 90, 180 and 365 days.
pub const TENOR_SECONDS: [u64; TENORS] = [
    86_400,
    7 * 86_400,
    30 * 86_400,
    90 * 86_400,
    180 * 86_400,
    365 * 86_400,
];

/// Seconds by which every scenario looks ahead: one day of time decay.
pub const LOOK_AHEAD_S: u64 = 86_400;

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

/// Largest volatility that any surface can give, Q32: 3,200%.
pub const VOLATILITY_MAX_Q32: u64 = 32 << 32;

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
        // Variances are below 2^42 in Q32 and times below 2^25, so total variances stay below 2^67 before the shift.
        let total = |index: usize| {
            let variance = (u128::from(atm(index)) * u128::from(atm(index))) >> 32;
            (variance * u128::from(TENOR_SECONDS[index])) as i128
        };
        let (below, above) = (above - 1, above);
        let span = (TENOR_SECONDS[above] - TENOR_SECONDS[below]) as i128;
        let along = (seconds - TENOR_SECONDS[below]) as i128;
        let mixed = total(below) + (total(above) - total(below)) * along / span;
        sqrt_q32((mixed.max(0) / i128::from(seconds)) as u64)
    }

    /// Volatility at a log moneyness `ln(K/F)` (Q32), given the at-the-money level for its expiry and `atm·√T`.
    pub fn volatility_q32(
        &self,
        atm_q32: u64,
        atm_deviation_q32: u64,
        ln_strike_over_forward_q32: i64,
    ) -> u64 {
        let deviation = i64::try_from(atm_deviation_q32).unwrap_or(i64::MAX);
        let limit = 3 * Q32_ONE as i64;
        // Beyond ±3 deviations z is clamped; below, |ln| < 2^37 keeps the product in 63 bits.
        let z = if deviation <= 0 || ln_strike_over_forward_q32.unsigned_abs() >> 37 != 0 {
            ln_strike_over_forward_q32.signum() * limit
        } else {
            let scaled = i128::from(ln_strike_over_forward_q32) << 32;
            (scaled / i128::from(deviation)).clamp(-i128::from(limit), i128::from(limit)) as i64
        };
        let mul = |a: i64, b: i64| ((i128::from(a) * i128::from(b)) >> 32) as i64;
        let bend = mul(self.skew_q32, z).saturating_add(mul(self.smile_q32, mul(z, z)));
        let factor = (Q32_ONE as i64).saturating_add(bend).max(0);
        let volatility = u64::try_from((u128::from(atm_q32) * factor as u128) >> 32);
        volatility
            .unwrap_or(u64::MAX)
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
const SHOCK_TENOR_MIN_S: u64 = 3_600;

impl VolatilityShocks {
    /// Factors on volatility, Q32, for a time to expiry: down, unchanged, up.
    pub fn factors_q32(&self, seconds: u64) -> [u64; 3] {
        let tenor = seconds.clamp(SHOCK_TENOR_MIN_S, SECONDS_PER_YEAR * 2);
        let exponent = self.exponents_q32[usize::from(tenor > TENOR_SECONDS[2])].min(Q32_ONE);
        let ratio_q32 = (TENOR_SECONDS[2] << 32) / tenor;
        let ln = i128::from(ln_q32(ratio_q32).unwrap_or(0));
        let scale = exp_q32(((ln * i128::from(exponent)) >> 32) as i64);
        let grown = |shock: u64, limit: u64| {
            let product = (u128::from(shock) * u128::from(scale)) >> 32;
            u64::try_from(product).unwrap_or(u64::MAX).min(limit)
        };
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
