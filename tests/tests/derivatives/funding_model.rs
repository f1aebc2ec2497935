//! Funding worked out apart from the program, in whole numbers, from docs/funding.md and what the fields of `Market` say: premium, rate and
//! index are rounded towards 0, premiums and rates count in 2^-32, the index in 2^-48.

const ONE: i128 = 1 << 32;

/// Parameters of the reference venue.
const PERIOD_S: i128 = 8 * 3_600;
const INTERVAL_S: i128 = 3_600;
const IMPACT_VALUE: i128 = 10_000_000_000;

/// The largest rate, 0.75%.
pub fn maximum() -> i128 {
    (0.0075 * ONE as f64).round() as i128
}

/// One perpetual's funding.
#[derive(Clone, Copy, Default)]
pub struct Funding {
    /// What trades have left behind, and when, in the mean.
    pub premium: i128,
    pub set_at: i128,
    /// Sum of premium times seconds, and up to when.
    sum: i128,
    summed_to: i128,
    index: i128,
    per_second: i128,
    updated_at: i128,
}

impl Funding {
    /// A premium stands for an interval at most.
    fn observe(&mut self, now: i128) {
        let until = now.min(self.set_at + INTERVAL_S);
        if until > self.summed_to {
            self.sum += self.premium * (until - self.summed_to);
        }
        self.summed_to = self.summed_to.max(now);
    }

    /// Lots trade at a price (quote units per lot) while the mark is this (bits of 2^-48). An offer to buy above the mark counts, and one to sell
    /// below it; within what the rate can be.
    pub fn trade(&mut self, bid: bool, lots: u64, price: u64, mark_bits: i128, now: i64) {
        let now = i128::from(now);
        let above = (i128::from(price) << 48) - mark_bits;
        let premium = (above * ONE / mark_bits).clamp(-maximum(), maximum());
        if (bid && premium < 0) || (!bid && premium > 0) {
            return;
        }
        self.observe(now);
        let lapsed = now > self.set_at + INTERVAL_S;
        if lapsed {
            self.premium = 0;
        }
        let value = i128::from(lots) * i128::from(price);
        let weight = if value < IMPACT_VALUE {
            value * ONE / IMPACT_VALUE
        } else {
            ONE
        };
        self.premium += (premium - self.premium) * weight / ONE;
        if lapsed {
            self.set_at = now;
        } else {
            self.set_at += (now - self.set_at) * weight / ONE;
        }
    }

    /// Sets the rate and returns it, per period in 2^-32.
    pub fn update(&mut self, mark_bits: i128, now: i64) -> i64 {
        let index = self.index_at(now);
        let now = i128::from(now);
        self.observe(now);
        let average = self.sum / (now - self.updated_at);
        let rate = average.clamp(-maximum(), maximum());
        self.sum = 0;
        self.index = index;
        // The part of the mark that is paid in a second, in 2^-48.
        let part = (rate << 16) / PERIOD_S;
        self.per_second = (mark_bits * part) / (1 << 48);
        self.updated_at = now;
        rate as i64
    }

    /// The index; a rate stands for a period at most.
    pub fn index_at(&self, now: i64) -> i128 {
        let elapsed = (i128::from(now) - self.updated_at).clamp(0, PERIOD_S);
        self.index + self.per_second * elapsed
    }

    pub fn per_second(&self) -> i128 {
        self.per_second
    }

    /// Whether the next update would be too early.
    pub fn is_early(&self, now: i64) -> bool {
        i128::from(now) - self.updated_at < INTERVAL_S
    }
}

/// What a position receives between two values of the index, whole units, rounded down.
pub fn payment(lots: i64, then: i128, now: i128) -> i64 {
    (i128::from(-lots) * (now - then)).div_euclid(1 << 48) as i64
}

/// A rate in parts of one.
pub fn fraction(rate_q32: i64) -> f64 {
    rate_q32 as f64 / ONE as f64
}
