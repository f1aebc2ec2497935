//! What is listed beside the perpetuals: per underlying two futures and six option series, at two expiries.

use crate::{Venue, World};
use anyhow::{Context, Result};
use ballast_client::state::{MarketKind, MarketTerms, is_on_expiry_grid, next_expiry};
use ballast_risk::time;

const DAY_S: i64 = time::DAY_S as i64;
/// The first expiry is at least so far ahead, seconds, and the second so many days after the first.
const NEAR_S: i64 = time::HOUR_S as i64;
const FAR_DAYS: i64 = 20;
/// Strikes as parts of the price at the start: low, at the money, high.
const STRIKES: [f64; 3] = [0.9, 1.0, 1.1];
/// A strike step is about such a part of the price.
const STEPS_IN_PRICE: f64 = 40.0;

/// What can be traded on an underlying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Never expires.
    Perpetual,
    /// Settles at the first expiry, as everything near.
    NearFuture,
    /// At the money.
    NearCall,
    /// At the money.
    NearPut,
    /// Settles at the second expiry, as all that follow.
    Future,
    /// At the money.
    Call,
    /// Strike a tenth above.
    HighCall,
    /// At the money.
    Put,
    /// Strike a tenth below.
    LowPut,
}

impl Contract {
    /// All that expire.
    const DATED: [Self; 8] = [
        Self::NearFuture,
        Self::NearCall,
        Self::NearPut,
        Self::Future,
        Self::Call,
        Self::HighCall,
        Self::Put,
        Self::LowPut,
    ];
}

/// The expiries, and strikes by underlying.
pub struct Listings {
    /// When what is near settles, unix seconds.
    pub near: i64,
    /// When the rest does.
    pub far: i64,
    /// Quote units per lot.
    strikes: Vec<[u64; STRIKES.len()]>,
}

impl Listings {
    /// Lists everything on the first so many underlyings: futures as the admin, series as anybody may.
    pub fn open(world: &mut World, venue: &Venue, underlyings: usize) -> Result<Self> {
        let near = next_expiry(world.now() + NEAR_S);
        let far = (FAR_DAYS..)
            .map(|days| near + days * DAY_S)
            .find(|expiry| is_on_expiry_grid(*expiry, world.now()))
            .context("the grid has Fridays")?;
        let strikes = (1..=underlyings).map(|index| {
            let spec = &venue.config.assets[index];
            let step = venue.price_per_lot(index, spec.strike_step);
            STRIKES.map(|part| step * (spec.price * part / spec.strike_step).round() as u64)
        });
        let listings = Self {
            near,
            far,
            strikes: strikes.collect(),
        };
        for terms in listings.dated() {
            match terms.is_option() {
                true => venue.list_series(world, &terms),
                false => venue.list_market(world, &terms),
            }
            .with_context(|| format!("listing {terms:?}"))?;
        }
        Ok(listings)
    }

    /// Terms of a contract on the `index`th token.
    pub fn terms(&self, index: usize, contract: Contract) -> MarketTerms {
        use Contract as C;
        let [low, middle, high] = self.strikes[index - 1];
        let (kind, expiry, strike) = match contract {
            C::Perpetual => return Venue::perpetual(index),
            C::NearFuture => (MarketKind::Future, self.near, 0),
            C::NearCall => (MarketKind::Call, self.near, middle),
            C::NearPut => (MarketKind::Put, self.near, middle),
            C::Future => (MarketKind::Future, self.far, 0),
            C::Call => (MarketKind::Call, self.far, middle),
            C::HighCall => (MarketKind::Call, self.far, high),
            C::Put => (MarketKind::Put, self.far, middle),
            C::LowPut => (MarketKind::Put, self.far, low),
        };
        MarketTerms {
            expiry,
            strike,
            kind: kind as u8,
            ..Venue::perpetual(index)
        }
    }

    /// On how many underlyings there are listings.
    pub fn underlyings(&self) -> usize {
        self.strikes.len()
    }

    /// Every market that expires.
    pub fn dated(&self) -> impl Iterator<Item = MarketTerms> {
        let indexes = 1..=self.strikes.len();
        indexes.flat_map(|index| Contract::DATED.map(|contract| self.terms(index, contract)))
    }
}

/// A round distance of strikes for a price: 1, 2 or 5 times a power of ten.
pub fn strike_step(price: f64) -> f64 {
    let wanted = price / STEPS_IN_PRICE;
    let power = 10f64.powf(wanted.log10().floor());
    let fits = [5.0, 2.0].into_iter().find(|digit| digit * power <= wanted);
    fits.unwrap_or(1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strike_steps_are_round() {
        let steps = [221.0, 4_363.0, 122_500.0, 0.9].map(strike_step);
        for (step, expected) in steps.into_iter().zip([5.0, 100.0, 2_000.0, 0.02]) {
            assert!((step / expected - 1.0).abs() < 1e-9, "{step}");
        }
    }
}
