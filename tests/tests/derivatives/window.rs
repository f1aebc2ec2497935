//! A settlement window's average, counted second by second.

use crate::scene::EXPIRY;
use ballast_tests::{SOL, Stage};

/// How long a price counts, seconds, and how long the window is.
const FRESH_S: i64 = 120;
const WINDOW_S: i64 = 1_800;
/// 10^-8 dollars for a SOL in a quote unit for a lot of 0.01.
const MANTISSA_PER_UNIT: i128 = 10_000;

/// A price of SOL as it was published.
struct Published {
    at: i64,
    /// In the oracle's units, 10^-8 dollars.
    mantissa: i128,
    certain: bool,
}

/// Everything that was published.
#[derive(Default)]
pub struct Window(Vec<Published>);

impl Window {
    /// Publishes a price so many seconds before an expiry, after which nobody may look back.
    pub fn publish_for(&mut self, stage: &mut Stage, expiry: i64, before_s: i64, dollars: f64) {
        let at = expiry - before_s;
        assert!(at >= stage.world.now(), "time goes on");
        stage.world.set_time(at);
        stage.set_price(SOL, dollars);
        stage.check_books();
        let entry = stage.venue.board(&stage.world).unwrap().prices[SOL];
        assert_eq!(entry.publish_time, at);
        let mantissa = (dollars * 1e8).round() as i128;
        // Quote units per lamport, rounded down.
        let bits = (mantissa << 48) / 10i128.pow(11);
        assert_eq!(entry.price.get().to_bits(), bits);
        self.0.push(Published {
            at,
            mantissa,
            certain: stage.venue.config.confidence < 0.02,
        });
    }

    /// Publishes before the first expiry.
    pub fn publish(&mut self, stage: &mut Stage, before_s: i64, dollars: f64) {
        self.publish_for(stage, EXPIRY, before_s, dollars);
    }

    /// Publishes a price whose confidence interval is 3% of it.
    pub fn publish_uncertain(&mut self, stage: &mut Stage, before_s: i64, dollars: f64) {
        let confidence = std::mem::replace(&mut stage.venue.config.confidence, 0.03);
        self.publish(stage, before_s, dollars);
        stage.venue.config.confidence = confidence;
    }

    /// Publishes every so many seconds from one time before the expiry to another.
    pub fn publish_every(
        &mut self,
        stage: &mut Stage,
        expiry: i64,
        (from_s, to_s): (i64, i64),
        step_s: usize,
        dollars: f64,
    ) {
        for before_s in (to_s..=from_s).rev().step_by(step_s) {
            self.publish_for(stage, expiry, before_s, dollars);
        }
    }

    /// The price that stands in a second of the window, if it counts.
    fn in_second(&self, second: i64) -> Option<&Published> {
        let last = self.0.iter().rev().find(|price| price.at <= second)?;
        (last.certain && second < last.at + FRESH_S).then_some(last)
    }

    /// The average over the window before an expiry, quote units per lot, and how many seconds it covers. It is exact, and rounded to the
    /// nearest unit only in the end.
    pub fn average(&self, expiry: i64) -> (u64, i64) {
        let counted = (expiry - WINDOW_S..expiry).filter_map(|second| self.in_second(second));
        let (mut sum, mut seconds) = (0, 0);
        for price in counted {
            sum += price.mantissa;
            seconds += 1;
        }
        let divisor = i128::from(seconds) * MANTISSA_PER_UNIT;
        let (whole, rest) = (sum / divisor, sum % divisor);
        // What the board cannot tell from the middle between two units would be no test.
        assert!((2 * rest - divisor).abs() > divisor / 1_000_000);
        let average = whole + i128::from(2 * rest > divisor);
        (average as u64, seconds)
    }
}
