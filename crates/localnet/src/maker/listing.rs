//! What the market maker trades: perpetuals, futures and options of two expiries, around the money.

use anyhow::{Context, Result};
use ballast_client::state::{
    MarketKind, MarketTerms, SETTLEMENT_COVERAGE_MIN_S, SETTLEMENT_WINDOW_S, next_expiry,
};
use ballast_risk::time;
use std::collections::BTreeMap;

const DAY_S: i64 = time::DAY_S as i64;
/// Nothing is quoted in the last seconds of a market.
const LAST_S: i64 = 60;
/// A settlement window must be so much better covered than it needs to be, seconds.
const COVERAGE_SPARE_S: u64 = 120;
/// Options are quoted at the money, and so far out of it, as a part of the price, but at least one strike away.
const WING: f64 = 0.03;
/// The strike at the money stays the same until the price is so many steps away.
const HYSTERESIS: f64 = 0.75;

/// The two expiries that are quoted: the next one, and the Friday after it, so that what was listed as the far one is quoted until it expires.
/// `is_usable` tells whether the next one may be quoted at all; otherwise the day after takes its place.
pub fn expiries(now: i64, is_usable: impl Fn(i64) -> bool) -> [i64; 2] {
    let mut near = next_expiry(now.saturating_add(LAST_S));
    if !is_usable(near) {
        near += DAY_S;
    }
    let friday = (1..=7)
        .map(|days| near + days * DAY_S)
        .find(|expiry| is_friday(*expiry));
    [near, friday.unwrap_or(near + 7 * DAY_S)]
}

/// Whether prices can still cover enough of an expiry's settlement window at `now`, when so many seconds of it are covered. What is traded without
/// that is settled a day later, and until then its holders may add nothing.
pub fn will_settle(expiry: i64, covered_s: u64, now: i64) -> bool {
    let begin = expiry.saturating_sub(SETTLEMENT_WINDOW_S);
    let left_s = expiry.saturating_sub(now.max(begin)).max(0);
    covered_s.saturating_add(left_s.unsigned_abs()) >= SETTLEMENT_COVERAGE_MIN_S + COVERAGE_SPARE_S
}

/// Whether an expiry is on a Friday: 1 January 1970 was a Thursday.
pub fn is_friday(expiry: i64) -> bool {
    expiry.div_euclid(DAY_S).rem_euclid(7) == 1
}

/// The strikes at the money, which move only when the price has gone well past the next one.
#[derive(Debug, Default)]
pub struct Money {
    /// In steps, by underlying.
    steps: BTreeMap<u8, u64>,
}

impl Money {
    /// The strike at the money of an underlying at a price, and how far the others are from it; everything in quote units per lot.
    ///
    /// # Errors
    /// When no series may be listed on the underlying.
    pub fn strikes(&mut self, underlying: u8, price: f64, step: u64) -> Result<[u64; 3]> {
        let per_step = (step > 0)
            .then_some(step as f64)
            .context("no series are listed on the underlying")?;
        let exact = price / per_step;
        let nearest = (exact.round() as u64).max(1);
        let middle = self.steps.entry(underlying).or_insert(nearest);
        if (exact - *middle as f64).abs() > HYSTERESIS {
            *middle = nearest;
        }
        let away = ((exact * WING).round() as u64).max(1);
        let middle = *middle;
        Ok([middle.saturating_sub(away).max(1), middle, middle + away].map(|steps| steps * step))
    }
}

/// The series of an expiry: puts from the money downwards, calls from it upwards.
pub fn series(underlying: u8, expiry: i64, [low, middle, high]: [u64; 3]) -> [MarketTerms; 4] {
    let terms = |kind: MarketKind, strike| MarketTerms {
        expiry,
        strike,
        underlying,
        kind: kind as u8,
        ..MarketTerms::default()
    };
    [
        terms(MarketKind::Call, middle),
        terms(MarketKind::Put, middle),
        terms(MarketKind::Call, high),
        terms(MarketKind::Put, low),
    ]
}

/// The future of an expiry.
pub fn future(underlying: u8, expiry: i64) -> MarketTerms {
    MarketTerms {
        expiry,
        underlying,
        kind: MarketKind::Future as u8,
        ..MarketTerms::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_client::state::is_on_expiry_grid;

    /// 08:00 UTC of Thursday, 9 October 2025.
    const THURSDAY: i64 = 20_370 * DAY_S + 8 * 3_600;

    #[test]
    fn two_expiries_are_quoted_at_any_time() {
        let fresh = |now| expiries(now, |expiry| is_on_expiry_grid(expiry, now));
        let friday = THURSDAY + DAY_S;
        assert!(is_friday(friday) && !is_friday(THURSDAY));
        assert_eq!(fresh(THURSDAY - 7_200), [THURSDAY, friday]);
        // In its last hour a day can only be quoted when it was listed before, and not in its last minute.
        assert_eq!(fresh(THURSDAY - 1_800), [friday, friday + 7 * DAY_S]);
        assert_eq!(expiries(THURSDAY - 1_800, |_| true), [THURSDAY, friday]);
        assert_eq!(
            expiries(THURSDAY - 30, |_| true),
            [friday, friday + 7 * DAY_S]
        );
        for hour in 0..24 * 30 {
            let now = THURSDAY + hour * 3_600;
            let [near, far] = fresh(now);
            assert!(near < far && is_friday(far));
            assert!(is_on_expiry_grid(near, now) && is_on_expiry_grid(far, now));
        }
    }

    #[test]
    fn what_could_not_be_settled_is_not_quoted() {
        assert!(will_settle(THURSDAY, 0, THURSDAY - 7_200));
        assert!(will_settle(THURSDAY, 0, THURSDAY - 1_100));
        // A localnet that was started ten minutes before.
        assert!(!will_settle(THURSDAY, 0, THURSDAY - 600));
        assert!(will_settle(THURSDAY, 1_200, THURSDAY - 600));
        assert!(will_settle(THURSDAY, 1_700, THURSDAY - 61));
    }

    #[test]
    fn strikes_stay_while_the_price_wavers() {
        let mut money = Money::default();
        let step = 5_000_000;
        let at = |money: &mut Money, price: f64| {
            money
                .strikes(0, price * 1e6, step)
                .unwrap()
                .map(|s| s / 1_000_000)
        };
        assert_eq!(at(&mut money, 150.0), [145, 150, 155]);
        assert_eq!(at(&mut money, 153.0), [145, 150, 155]);
        assert_eq!(at(&mut money, 154.0), [150, 155, 160]);
        assert_eq!(at(&mut money, 152.0), [150, 155, 160]);
        // Far from the next strike where strikes are close together.
        assert_eq!(
            money.strikes(1, 100_000.0, 1_000).unwrap(),
            [97_000, 100_000, 103_000]
        );
        assert!(money.strikes(2, 100.0, 0).is_err());
    }
}
