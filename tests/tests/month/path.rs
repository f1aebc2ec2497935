//! Prices that walk by the minute.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Annualised volatility of USDC, SOL, ETH and BTC.
const VOLATILITIES: [f64; 4] = [0.0, 0.8, 0.65, 0.45];
const MINUTES_PER_YEAR: f64 = 365.0 * 1_440.0;

/// Prices in dollars for every minute of some days.
pub struct Path {
    start: i64,
    minutes: Vec<[f64; 4]>,
}

impl Path {
    /// Every minute each price goes up or down by the same step, which makes its volatility; two times out of three with the others.
    pub fn new(start: i64, mut prices: [f64; 4], days: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let minutes = (0..=days * 1_440).map(|_| {
            let now = prices.map(|price| (price * 1e4).round() / 1e4);
            let together: bool = random.random();
            for (price, volatility) in prices.iter_mut().zip(VOLATILITIES) {
                let up = if random.random_ratio(2, 3) {
                    together
                } else {
                    random.random()
                };
                let step = volatility / MINUTES_PER_YEAR.sqrt();
                *price *= if up { step } else { -step }.exp();
            }
            now
        });
        Self {
            start,
            minutes: minutes.collect(),
        }
    }

    /// The prices at a time, unix seconds.
    pub fn at(&self, time: i64) -> [f64; 4] {
        let minute = (time - self.start) / 60;
        self.minutes[usize::try_from(minute).unwrap()]
    }
}
