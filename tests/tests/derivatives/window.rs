//! A settlement window's average, counted second by second.

use crate::scene::{EXPIRY, LOT_SIZE};
use ballast_tests::{SOL, Stage};

/// How long a price counts, seconds, and how long the window is.
const FRESH_S: i64 = 120;
const WINDOW_S: i64 = 1_800;

/// A price of SOL as it was published.
struct Published {
    at: i64,
    dollars: f64,
    /// What the board made of it, bits of 2^-48 quote units per lamport.
    bits: i128,
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
        self.0.push(Published {
            at,
            dollars,
            bits: entry.price.get().to_bits(),
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

    /// The average over the window before an expiry, quote units per lot, rounded down, and how many seconds it covers.
    pub fn average(&self, expiry: i64) -> (u64, i64) {
        let counted = (expiry - WINDOW_S..expiry).filter_map(|second| self.in_second(second));
        let (mut sum, mut dollars, mut seconds) = (0, 0.0, 0);
        for price in counted {
            sum += price.bits;
            dollars += price.dollars;
            seconds += 1;
        }
        let average = ((sum * LOT_SIZE) / (i128::from(seconds) << 48)) as u64;
        // The board's price is rounded down as well, so that whole units may become one less.
        let exact = dollars / seconds as f64 * 10_000.0;
        assert!((exact - 1.001..exact + 0.001).contains(&(average as f64)));
        (average, seconds)
    }
}
