//! Parameters of what is written on an underlying. Fractions in Q32.

use super::bounds::{fraction, within};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::surface::VOLATILITY_MAX_Q32;
use ballast_risk::time::{HOUR_S, WEEK_S};
use ballast_state::Underlying;

/// Funding of the perpetual; see docs/funding.md.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingParameters {
    /// Time in which the rate is paid once, seconds: an hour to a week.
    pub period_s: u64,
    /// Shortest time between two updates of the rate, seconds: a minute to the period.
    pub interval_s: u64,
    /// Largest rate per period, either way, Q32: 0 to 10%.
    pub maximum_q32: u64,
    /// A trade of this value sets the premium, a smaller one moves it in proportion, quote units: 1 to 2^60.
    pub impact_value: u64,
}

impl FundingParameters {
    pub(super) fn write(&self, underlying: &mut Underlying) -> Result<()> {
        within("funding period_s", self.period_s, HOUR_S, WEEK_S)?;
        within("funding interval_s", self.interval_s, 60, self.period_s)?;
        within("funding maximum", self.maximum_q32, 0, Q32_ONE / 10)?;
        within("funding impact_value", self.impact_value, 1, 1 << 60)?;
        underlying.funding_period_s = self.period_s;
        underlying.funding_interval_s = self.interval_s;
        underlying.funding_maximum_q32 = self.maximum_q32;
        underlying.funding_impact_value = self.impact_value;
        Ok(())
    }
}

impl From<&Underlying> for FundingParameters {
    fn from(underlying: &Underlying) -> Self {
        Self {
            period_s: underlying.funding_period_s,
            interval_s: underlying.funding_interval_s,
            maximum_q32: underlying.funding_maximum_q32,
            impact_value: underlying.funding_impact_value,
        }
    }
}

/// Option series and their margin; see docs/risk.md and docs/markets.md.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionParameters {
    /// Strikes of series are multiples of this, quote units per lot: to 2^50; 0 when nobody but the admin lists series.
    pub strike_step: u64,
    /// Strikes lie between the mark divided and multiplied by this, Q32: 1 to 64.
    pub strike_span_q32: u64,
    /// Tick of new series, quote units per lot: 1 to 2^40.
    pub tick_size: u64,
    /// Largest open interest of a new series, lots: 0 to 2^50.
    pub open_interest_cap_lots: u64,
    /// How far a price may lie from the mark beyond the underlying's band of that, as a fraction of the underlying's mark, Q32: 0 to 1.
    pub price_band_q32: u64,
    /// Least margin of net short options, as a fraction of spot, Q32: 0 to 1.
    pub short_minimum_q32: u64,
    /// Discount on long options for initial margin, Q32: 0 to 1.
    pub long_discount_q32: u64,
    /// Relative rise of implied volatility in scenarios at 30 days, Q32: 0 to 4.
    pub shock_up_q32: u64,
    /// Relative fall of implied volatility in scenarios at 30 days, Q32: 0 to 90%.
    pub shock_down_q32: u64,
    /// Exponents of the shock's dependence on tenor below and above 30 days, Q32: 0 to 1.
    pub shock_exponents_q32: [u64; 2],
}

impl OptionParameters {
    pub(super) fn write(&self, underlying: &mut Underlying) -> Result<()> {
        within("option strike_step", self.strike_step, 0, 1 << 50)?;
        within(
            "option strike_span",
            self.strike_span_q32,
            Q32_ONE,
            64 * Q32_ONE,
        )?;
        within("option tick_size", self.tick_size, 1, 1 << 40)?;
        within(
            "option open_interest_cap_lots",
            self.open_interest_cap_lots,
            0,
            1 << 50,
        )?;
        fraction("option price_band", self.price_band_q32)?;
        fraction("option short_minimum", self.short_minimum_q32)?;
        fraction("option long_discount", self.long_discount_q32)?;
        within("option shock_up", self.shock_up_q32, 0, 4 * Q32_ONE)?;
        within(
            "option shock_down",
            self.shock_down_q32,
            0,
            Q32_ONE * 9 / 10,
        )?;
        for exponent in self.shock_exponents_q32 {
            fraction("option shock_exponents", exponent)?;
        }
        underlying.strike_step = self.strike_step;
        underlying.strike_span_q32 = self.strike_span_q32;
        underlying.option_tick_size = self.tick_size;
        underlying.option_open_interest_cap_lots = self.open_interest_cap_lots;
        underlying.option_price_band_q32 = self.price_band_q32;
        underlying.short_option_minimum_q32 = self.short_minimum_q32;
        underlying.long_option_discount_q32 = self.long_discount_q32;
        underlying.volatility_shock_up_q32 = self.shock_up_q32;
        underlying.volatility_shock_down_q32 = self.shock_down_q32;
        underlying.volatility_shock_exponents_q32 = self.shock_exponents_q32;
        Ok(())
    }
}

impl From<&Underlying> for OptionParameters {
    fn from(underlying: &Underlying) -> Self {
        Self {
            strike_step: underlying.strike_step,
            strike_span_q32: underlying.strike_span_q32,
            tick_size: underlying.option_tick_size,
            open_interest_cap_lots: underlying.option_open_interest_cap_lots,
            price_band_q32: underlying.option_price_band_q32,
            short_minimum_q32: underlying.short_option_minimum_q32,
            long_discount_q32: underlying.long_option_discount_q32,
            shock_up_q32: underlying.volatility_shock_up_q32,
            shock_down_q32: underlying.volatility_shock_down_q32,
            shock_exponents_q32: underlying.volatility_shock_exponents_q32,
        }
    }
}

/// The volatility surface and who posts it; see docs/volatility.md.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceParameters {
    /// All zero for nobody.
    pub authority: Pubkey,
    /// Lowest posted volatility, Q32: above 0, to the highest.
    pub floor_q32: u64,
    /// Highest posted volatility, Q32: above 0, to 3,200%.
    pub cap_q32: u64,
    /// Largest relative change at once, Q32: 0 to 1.
    pub step_q32: u64,
    /// Shortest time between two surfaces, seconds: 1 to the largest age.
    pub interval_s: u64,
    /// After this a surface is stale, seconds: a minute to a week.
    pub max_age_s: u64,
    /// A volatility further than this factor from the realised one may only come back, Q32: 1 to 100.
    pub distance_q32: u64,
    /// Largest change within a day, but towards the realised volatility, Q32: 0 to 1.
    pub day_q32: u64,
    /// Largest yearly carry, either way, Q32: 0 to 1.
    pub carry_maximum_q32: u64,
    /// A stale level is at least so many times the realised volatility, Q32: 0 to 10.
    pub stale_multiplier_q32: u64,
}

impl SurfaceParameters {
    pub(super) fn write(&self, underlying: &mut Underlying) -> Result<()> {
        within("surface cap", self.cap_q32, 1, VOLATILITY_MAX_Q32)?;
        within("surface floor", self.floor_q32, 1, self.cap_q32)?;
        fraction("surface step", self.step_q32)?;
        within("surface max_age_s", self.max_age_s, 60, WEEK_S)?;
        within("surface interval_s", self.interval_s, 1, self.max_age_s)?;
        within(
            "surface distance",
            self.distance_q32,
            Q32_ONE,
            100 * Q32_ONE,
        )?;
        fraction("surface day", self.day_q32)?;
        fraction("surface carry_maximum", self.carry_maximum_q32)?;
        within(
            "surface stale_multiplier",
            self.stale_multiplier_q32,
            0,
            10 * Q32_ONE,
        )?;
        underlying.surface_authority = self.authority;
        underlying.surface_floor_q32 = self.floor_q32;
        underlying.surface_cap_q32 = self.cap_q32;
        underlying.surface_step_q32 = self.step_q32;
        underlying.surface_interval_s = self.interval_s;
        underlying.surface_max_age_s = self.max_age_s;
        underlying.surface_distance_q32 = self.distance_q32;
        underlying.surface_day_q32 = self.day_q32;
        underlying.carry_maximum_q32 = self.carry_maximum_q32;
        underlying.surface_stale_multiplier_q32 = self.stale_multiplier_q32;
        Ok(())
    }
}

impl From<&Underlying> for SurfaceParameters {
    fn from(underlying: &Underlying) -> Self {
        Self {
            authority: underlying.surface_authority,
            floor_q32: underlying.surface_floor_q32,
            cap_q32: underlying.surface_cap_q32,
            step_q32: underlying.surface_step_q32,
            interval_s: underlying.surface_interval_s,
            max_age_s: underlying.surface_max_age_s,
            distance_q32: underlying.surface_distance_q32,
            day_q32: underlying.surface_day_q32,
            carry_maximum_q32: underlying.carry_maximum_q32,
            stale_multiplier_q32: underlying.surface_stale_multiplier_q32,
        }
    }
}
