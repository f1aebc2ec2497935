//! Everything that moves: prices, volatilities, indexes. Written by cranks, read by every health check.

use crate::{
    ASSETS_MAX, FEEDS_MAX, Feed, NONE, SETTLEMENT_COVERAGE_MIN_S, SETTLEMENT_PATIENCE_S,
    SETTLEMENT_WINDOW_S, StateError, StoredI80F48, TENORS, UNDERLYINGS_MAX, Underlying,
    next_expiry,
};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::numbers::{mul_price_int, product_q32, sqrt_q32};
use ballast_risk::planted::{Bug, planted};
use ballast_risk::surface::Surface;
use ballast_risk::time::DAY_S;
use ballast_risk::volatility::{next_average, next_variance_q32, price_ratio_q32, scan_range_q32};
use fixed::types::I80F48;
use solana_pubkey::Pubkey;

layout! {
    /// The price board of one exchange. Created by the client with the program as owner, initialised once.
    account Board [34352] b"board\0\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Prices, by feed.
        pub prices: [PriceEntry; FEEDS_MAX],
        /// Volatilities, by underlying.
        pub underlyings: [UnderlyingState; UNDERLYINGS_MAX],
        /// Interest indexes, by asset.
        pub assets: [AssetIndexes; ASSETS_MAX],
        /// Funding of perpetuals, by underlying.
        pub perpetuals: [FundingState; UNDERLYINGS_MAX],
        /// Room.
        pub reserved: [u64; 2],
    }
}

/// Whether and how a price may be used. Recomputed at every use, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Recent, certain, in agreement with its second source.
    Fresh,
    /// Recent, but its confidence interval is wider than its feed allows.
    Wide,
    /// Too old, or apart from its second source.
    Stale,
    /// Never written.
    NeverSet,
}

layout! {
    /// One feed's price. Prices are quote units per native unit (10^-decimals of the token or underlying).
    part PriceEntry [368] {
        /// The price.
        pub price: StoredI80F48,
        /// Its confidence interval, same unit.
        pub confidence: StoredI80F48,
        /// The oracle's own average price.
        pub ema: StoredI80F48,
        /// The slow price: an average over the feed's half-life that a short manipulation hardly moves.
        pub slow: StoredI80F48,
        /// Settlement window: sum of price times seconds.
        pub settlement_sum: StoredI80F48,
        /// Settlement window: seconds summed.
        pub settlement_seconds: u64,
        /// Settlement window: expiry it belongs to.
        pub settlement_expiry: i64,
        /// When the oracle published the price, unix seconds; 0 before the first.
        pub publish_time: i64,
        /// When the board took it, slot.
        pub updated_slot: u64,
        /// Confidence over price, Q32.
        pub confidence_ratio_q32: u64,
        /// 1 when apart from its second source; says nothing while the feed is compared with none, see [`PriceEntry::is_divergent`].
        pub divergent: u8,
        /// Fills the word.
        pub padding: [u8; 7],
        /// Settlement window: up to when the present price is summed, unix seconds.
        pub settlement_until: i64,
        /// Averages of the last windows that fresh prices covered, each in the place of its day.
        pub settled: [SettledWindow; SETTLED_WINDOWS],
        /// Room.
        pub reserved: [u64; 5],
    }
}

layout! {
    /// The average price over one settlement window that has been covered.
    #[derive(Debug, Default, PartialEq, Eq)]
    part SettledWindow [24] {
        /// The expiry at its end, unix seconds; 0 for none.
        pub expiry: i64,
        /// The price.
        pub price: StoredI80F48,
    }
}

/// How many of the last covered windows the board remembers, a day each: positions are settled long before.
pub const SETTLED_WINDOWS: usize = 8;

impl PriceEntry {
    /// How far it may be trusted at `now` (unix seconds).
    pub fn validity(&self, feed: &Feed, now: i64) -> Validity {
        if self.publish_time <= 0 || self.price.get().to_bits() <= 0 {
            Validity::NeverSet
        } else if now.saturating_sub(self.publish_time) > feed.age_max_s()
            || self.is_divergent(feed)
        {
            Validity::Stale
        } else if self.confidence_ratio_q32 > feed.max_confidence_q32 {
            Validity::Wide
        } else {
            Validity::Fresh
        }
    }

    /// Whether it was apart from its second source when they were last compared. A feed that is compared with none never is.
    pub fn is_divergent(&self, feed: &Feed) -> bool {
        self.divergent != 0 && feed.compare_with != NONE
    }

    /// Marks it as apart from, or in agreement with, its second source. A source that cannot be used says nothing.
    pub fn compare(&mut self, feed: &Feed, other: &PriceEntry, other_feed: &Feed, now: i64) {
        // What it was until now is what counts for the time until now.
        self.accumulate_settlement(feed, now);
        let usable = other.publish_time > 0
            && now.saturating_sub(other.publish_time) <= other_feed.age_max_s();
        let (price, reference) = (self.price.get(), other.price.get());
        let apart = usable
            && price_ratio_q32((price - reference).abs(), reference) > feed.max_divergence_q32;
        self.divergent = apart.into();
    }

    /// Takes a newer price. The caller has checked it: positive, not older than the stored one, not in the future. One of the same second as
    /// the stored one changes nothing, so that nobody chooses among several; returned is whether it was taken.
    pub fn update(
        &mut self,
        feed: &Feed,
        price: I80F48,
        confidence: I80F48,
        ema: I80F48,
        publish_time: i64,
        slot: u64,
    ) -> bool {
        if publish_time <= self.publish_time && !planted(Bug::PriceReplayed) {
            return false;
        }
        self.accumulate_settlement(feed, publish_time);
        let slow = if self.publish_time == 0 || feed.slow_price_half_life_s == 0 {
            price
        } else if self.is_divergent(feed) {
            // What stood until now was doubted.
            self.slow.get()
        } else {
            // The price that stood until now gets the weight of the time it stood; a new one gets none yet, so that a
            // single spike after a quiet hour moves nothing.
            let elapsed_s = publish_time.saturating_sub(self.publish_time);
            next_average(
                self.slow.get(),
                self.price.get(),
                elapsed_s.unsigned_abs(),
                feed.slow_price_half_life_s,
            )
        };
        self.slow.set(slow);
        self.price.set(price);
        self.confidence.set(confidence);
        self.ema.set(ema);
        self.confidence_ratio_q32 = price_ratio_q32(confidence, price);
        self.publish_time = publish_time;
        self.updated_slot = slot;
        true
    }
}

impl PriceEntry {
    /// The underlying's average price over the settlement window of an expiry, as soon as nothing that comes can change it. Where less than half
    /// of that window was covered by fresh prices, it is that of the first later window that was, and where a week has brought none, the slow
    /// price, with an expiry of 0.
    pub fn settlement(&self, feed: &Feed, expiry: i64, now: i64) -> Option<SettledWindow> {
        let mut entry = *self;
        // A price that nothing has followed yet may be the window's last.
        entry.accumulate_settlement(feed, now);
        let end = entry.settlement_expiry;
        let is_complete = self.publish_time >= end || now > end.saturating_add(feed.age_max_s());
        let present = is_complete.then(|| entry.present_window()).flatten();
        let windows = self.settled.iter().copied().chain(present);
        let first = windows
            .filter(|window| window.expiry >= expiry)
            .min_by_key(|window| window.expiry);
        let given_up = now > expiry.saturating_add(SETTLEMENT_PATIENCE_S);
        let slow = (given_up && self.publish_time > 0).then_some(SettledWindow {
            expiry: 0,
            price: self.slow,
        });
        first.or(slow)
    }

    /// The window that is being summed up, if it is covered.
    fn present_window(&self) -> Option<SettledWindow> {
        if self.settlement_seconds < SETTLEMENT_COVERAGE_MIN_S {
            return None;
        }
        // At most 1,800 seconds.
        let sum = self.settlement_sum.get();
        let price = sum.checked_div_int(self.settlement_seconds as i128)?;
        Some(SettledWindow {
            expiry: self.settlement_expiry,
            price: price.into(),
        })
    }

    /// Adds the price that stood until `until` (unix seconds) to the average of the settlement window it stood in. It counts as long as it
    /// was fresh: certain, in agreement with its second source, not older than its feed allows.
    fn accumulate_settlement(&mut self, feed: &Feed, until: i64) {
        let from = self.publish_time;
        let begin = from.max(self.settlement_until);
        let last = from.saturating_add(feed.age_max_s());
        self.settlement_until = self.settlement_until.max(until);
        if from <= 0 || self.validity(feed, from) != Validity::Fresh {
            return;
        }
        let expiry = next_expiry(from);
        let start = expiry.saturating_sub(SETTLEMENT_WINDOW_S).max(begin);
        let seconds = until.min(last).min(expiry).saturating_sub(start);
        if seconds <= 0 {
            return;
        }
        if self.settlement_expiry != expiry {
            if let Some(covered) = self.present_window() {
                let day = covered.expiry.div_euclid(DAY_S as i64);
                self.settled[day.rem_euclid(SETTLED_WINDOWS as i64) as usize] = covered;
            }
            self.settlement_expiry = expiry;
            self.settlement_sum.set(I80F48::ZERO);
            self.settlement_seconds = 0;
        }
        // At most 1,800 seconds: a price that overflows here overflows everywhere else, and then leaves the average as it is.
        let seconds = seconds.unsigned_abs();
        let added = mul_price_int(self.price.get(), seconds).ok();
        let sum = added.and_then(|added| self.settlement_sum.get().checked_add(added));
        if let Some(sum) = sum {
            self.settlement_sum.set(sum);
            self.settlement_seconds += seconds;
        }
    }
}

layout! {
    /// Volatility of one underlying, realised and implied.
    part UnderlyingState [216] {
        /// Price at the last sample of the return.
        pub sample_price: StoredI80F48,
        /// Time of the last sample, unix seconds; 0 before the first.
        pub sample_time: i64,
        /// Realised variance, annualised, Q32.
        pub variance_q32: u64,
        /// Its root, Q32.
        pub volatility_q32: u64,
        /// At-the-money implied volatility at 1, 7, 30, 90, 180 and 365 days, Q32.
        pub atm_volatility_q32: [u64; TENORS],
        /// Skew coefficient of the surface, Q32.
        pub skew_q32: i64,
        /// Smile coefficient of the surface, Q32.
        pub smile_q32: i64,
        /// Yearly carry of the forward, Q32.
        pub carry_q32: i64,
        /// When the surface was posted, unix seconds.
        pub surface_time: i64,
        /// The levels from which a day's change is measured, Q32.
        pub anchor_volatility_q32: [u64; TENORS],
        /// Likewise the skew, Q32.
        pub anchor_skew_q32: i64,
        /// Likewise the smile, Q32.
        pub anchor_smile_q32: i64,
        /// Likewise the carry, Q32.
        pub anchor_carry_q32: i64,
        /// Since when, unix seconds.
        pub anchor_time: i64,
        /// Room.
        pub reserved: [u64; 2],
    }
}

impl UnderlyingState {
    /// Samples the return once the sampling interval has passed. `time` is the price's publish time.
    ///
    /// # Errors
    /// [`StateError::Overflow`] for a price that is not positive.
    pub fn sample(
        &mut self,
        underlying: &Underlying,
        price: I80F48,
        time: i64,
    ) -> Result<(), StateError> {
        if self.sample_time == 0 {
            self.sample_price.set(price);
            self.sample_time = time;
            return Ok(());
        }
        let elapsed_s = time.saturating_sub(self.sample_time).max(0) as u64;
        if elapsed_s < underlying.volatility_interval_s.max(1) {
            return Ok(());
        }
        self.variance_q32 = next_variance_q32(
            self.variance_q32,
            self.sample_price.get(),
            price,
            elapsed_s,
            underlying.volatility_half_life_s,
        )?;
        self.volatility_q32 = sqrt_q32(self.variance_q32);
        self.sample_price.set(price);
        self.sample_time = time;
        Ok(())
    }

    /// The posted surface, and whether it is stale at `now` (unix seconds).
    pub fn surface(&self, underlying: &Underlying, now: i64) -> (Surface, bool) {
        let surface = Surface {
            atm_q32: self.atm_volatility_q32,
            skew_q32: self.skew_q32,
            smile_q32: self.smile_q32,
            floor_q32: underlying.surface_floor_q32,
            cap_q32: underlying.surface_cap_q32,
        };
        let age_s = now.saturating_sub(self.surface_time).max(0).unsigned_abs();
        (surface, age_s > underlying.surface_max_age_s)
    }

    /// The posted surface, and the at-the-money level that it must not go below at `now` (unix seconds), Q32: while it is stale, the realised
    /// volatility times a multiplier.
    pub fn surface_in_use(&self, underlying: &Underlying, now: i64) -> (Surface, u64) {
        let (surface, is_stale) = self.surface(underlying, now);
        let realised = product_q32(self.volatility_q32, underlying.surface_stale_multiplier_q32);
        (surface, if is_stale { realised } else { 0 })
    }

    /// The scan range at the present volatility and price confidence, Q32.
    pub fn scan_range_q32(&self, underlying: &Underlying, confidence_ratio_q32: u64) -> u64 {
        scan_range_q32(
            &underlying.range_parameters(),
            self.volatility_q32,
            confidence_ratio_q32,
        )
    }
}

layout! {
    /// Interest of one asset: an amount is shares times index.
    #[derive(Default)]
    part AssetIndexes [72] {
        /// Native units per deposit share.
        pub deposit: StoredI80F48,
        /// Native units per loan share.
        pub borrow: StoredI80F48,
        /// When interest was last accrued, unix seconds.
        pub accrued_at: i64,
        /// All deposits, native units, for the size term of haircuts: after the last deposit, withdrawal, accrual or write-off. What moves only
        /// between accounts, or between an account's cash and a market's pool, is seen at the next of these.
        pub deposits_total: u64,
        /// All loans at that time, native units.
        pub loans_total: u64,
        /// Room.
        pub reserved: [u64; 2],
    }
}

layout! {
    /// Funding of one perpetual.
    #[derive(Default)]
    part FundingState [48] {
        /// Quote units paid by one long lot since the beginning.
        pub index: StoredI80F48,
        /// When the rate was last updated, unix seconds; 0 before the first time.
        pub updated_at: i64,
        /// Until when the rate stands, unix seconds.
        pub stands_until: i64,
        /// The rate: by how much the index grows in a second.
        pub per_second: StoredI80F48,
    }
}

impl FundingState {
    /// The index at `now` (unix seconds).
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn index_at(&self, now: i64) -> Result<I80F48, StateError> {
        let index = self.index.get();
        if self.per_second.is_zero() {
            return Ok(index);
        }
        let rate = self.per_second.get();
        let until = now.min(self.stands_until);
        let elapsed_s = until.saturating_sub(self.updated_at).max(0).unsigned_abs();
        let size = mul_price_int(rate.saturating_abs(), elapsed_s)?;
        let change = if rate < 0 { -size } else { size };
        index.checked_add(change).ok_or(StateError::Overflow)
    }
}

impl Board {
    /// The price entry of a feed.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn price(&self, feed: u8) -> Result<&PriceEntry, StateError> {
        self.prices
            .get(usize::from(feed))
            .ok_or(StateError::UnknownIndex)
    }

    /// The volatilities of an underlying.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn underlying(&self, index: u8) -> Result<&UnderlyingState, StateError> {
        self.underlyings
            .get(usize::from(index))
            .ok_or(StateError::UnknownIndex)
    }

    /// The indexes of an asset.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn indexes(&self, asset: u8) -> Result<&AssetIndexes, StateError> {
        self.assets
            .get(usize::from(asset))
            .ok_or(StateError::UnknownIndex)
    }
}

impl Board {
    /// The indexes of an asset, to be changed.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn indexes_mut(&mut self, asset: u8) -> Result<&mut AssetIndexes, StateError> {
        self.assets
            .get_mut(usize::from(asset))
            .ok_or(StateError::UnknownIndex)
    }
}

offsets!(Board {
    exchange: 0,
    prices: 32,
    underlyings: 23584,
    assets: 30496,
    perpetuals: 32800,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EXPIRY_TIME_OF_DAY_S;
    use bytemuck::Zeroable;

    /// 08:00 UTC of a day.
    const EXPIRY: i64 = 1_760_000_000 / 86_400 * 86_400 + EXPIRY_TIME_OF_DAY_S;

    fn feed() -> Feed {
        Feed {
            max_age_s: 60,
            max_confidence_q32: 1 << 26,
            ..Feed::zeroed()
        }
    }

    /// A price at so many seconds before the expiry.
    fn publish(entry: &mut PriceEntry, before_s: i64, price: i64) {
        let price = I80F48::from_num(price);
        entry.update(&feed(), price, I80F48::ZERO, price, EXPIRY - before_s, 1);
    }

    fn average(entry: &PriceEntry) -> (f64, u64) {
        let seconds = entry.settlement_seconds;
        let sum: f64 = entry.settlement_sum.get().to_num();
        (sum / seconds.max(1) as f64, seconds)
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // 100 stands for the window's first 20 minutes, 130 for the last 10, refreshed every 30 seconds: 110 on average.
        let mut entry = PriceEntry::zeroed();
        for before_s in (-30..=1_860).rev().step_by(30) {
            publish(&mut entry, before_s, if before_s > 600 { 100 } else { 130 });
        }
        assert_eq!(entry.settlement_expiry, EXPIRY);
        assert_eq!(average(&entry), (110.0, 1_800));
        // Half an hour later nothing has changed; the next day's window begins anew.
        publish(&mut entry, -1_800, 500);
        publish(&mut entry, -1_860, 500);
        assert_eq!(average(&entry), (110.0, 1_800));
        publish(&mut entry, 600 - 86_400, 70);
        publish(&mut entry, 560 - 86_400, 80);
        assert_eq!(entry.settlement_expiry, EXPIRY + 86_400);
        assert_eq!(average(&entry), (70.0, 40));
    }

    #[test]
    fn a_price_counts_only_while_it_is_fresh() {
        let mut entry = PriceEntry::zeroed();
        publish(&mut entry, 1_000, 100);
        // It may be 60 seconds old: of 400 those count.
        publish(&mut entry, 600, 200);
        assert_eq!(average(&entry), (100.0, 60));
        entry.divergent = 1;
        publish(&mut entry, 580, 300);
        assert_eq!(average(&entry), (100.0, 60));
        entry.divergent = 0;
        entry.confidence_ratio_q32 = 1 << 27;
        publish(&mut entry, 560, 300);
        assert_eq!(average(&entry), (100.0, 60));
        publish(&mut entry, 540, 300);
        assert_eq!(average(&entry).1, 80);
    }

    #[test]
    fn no_second_counts_twice() {
        let (mut entry, source) = (PriceEntry::zeroed(), PriceEntry::zeroed());
        publish(&mut entry, 600, 100);
        for (published, now) in [(590, 580), (590, 580), (585, 575), (584, 560), (584, 560)] {
            // Compared at the cluster's time, which is ahead of the time of the price; as often as anybody likes.
            for _ in 0..60 {
                publish(&mut entry, published, 100);
                entry.compare(&feed(), &source, &feed(), EXPIRY - now);
            }
            assert_eq!(average(&entry), (100.0, 600 - now as u64));
        }
        // A price that is published ahead of the cluster's time does not count before it.
        publish(&mut entry, 550, 100);
        entry.compare(&feed(), &source, &feed(), EXPIRY - 555);
        assert_eq!(average(&entry), (100.0, 50));
        publish(&mut entry, 540, 100);
        assert_eq!(average(&entry), (100.0, 60));
    }

    #[test]
    fn of_one_second_only_the_first_price_is_taken() {
        let mut entry = PriceEntry::zeroed();
        publish(&mut entry, 600, 100);
        let before = entry;
        publish(&mut entry, 600, 130);
        publish(&mut entry, 601, 130);
        assert_eq!(bytemuck::bytes_of(&entry), bytemuck::bytes_of(&before));
    }

    #[test]
    fn a_divergent_price_moves_no_slow_price() {
        let feed = Feed {
            slow_price_half_life_s: 60,
            ..feed()
        };
        let mut entry = PriceEntry::zeroed();
        let mut publish = |before_s: i64, price: i64, divergent: u8| {
            let price = I80F48::from_num(price);
            entry.update(&feed, price, I80F48::ZERO, price, EXPIRY - before_s, 1);
            entry.divergent = divergent;
            entry.slow.get().to_num::<f64>()
        };
        assert_eq!(publish(600, 100, 0), 100.0);
        assert_eq!(publish(540, 200, 1), 100.0);
        assert_eq!(publish(480, 100, 0), 100.0);
        assert_eq!(publish(420, 200, 0), 100.0);
        assert!((publish(360, 100, 0) - 150.0).abs() < 1e-6);
    }

    #[test]
    fn without_a_half_life_the_slow_price_is_the_present_one() {
        let feed = Feed {
            slow_price_half_life_s: 0,
            ..feed()
        };
        let mut entry = PriceEntry::zeroed();
        for (before_s, price) in [(600, 100), (599, 130), (500, 90)] {
            let price = I80F48::from_num(price);
            entry.update(&feed, price, I80F48::ZERO, price, EXPIRY - before_s, 1);
            assert_eq!(entry.slow.get(), price);
        }
    }

    #[test]
    fn a_feed_that_is_compared_with_none_is_never_divergent() {
        let mut entry = PriceEntry::zeroed();
        publish(&mut entry, 600, 100);
        entry.divergent = 1;
        let (compared, now) = (feed(), EXPIRY - 600);
        let alone = Feed {
            compare_with: NONE,
            ..compared
        };
        assert_eq!(entry.validity(&compared, now), Validity::Stale);
        assert_eq!(entry.validity(&alone, now), Validity::Fresh);
    }

    #[test]
    fn a_window_settles_when_it_is_over_and_covered() {
        let settled = |entry: &PriceEntry, expiry, after_s| {
            let window = entry.settlement(&feed(), expiry, EXPIRY + after_s);
            window.map(|window| window.price.get().to_num::<f64>())
        };
        let mut entry = PriceEntry::zeroed();
        for before_s in (30..=1_830).rev().step_by(30) {
            publish(&mut entry, before_s, 100);
        }
        // A newer price may still come: the last one is 30 seconds old at the expiry and may be 60.
        assert_eq!(settled(&entry, EXPIRY, 0), None);
        assert_eq!(settled(&entry, EXPIRY, 60), None);
        assert_eq!(settled(&entry, EXPIRY, 61), Some(100.0));
        publish(&mut entry, 10, 190);
        publish(&mut entry, -5, 500);
        assert_eq!(settled(&entry, EXPIRY, 5), Some(100.5));
        assert_eq!(settled(&entry, EXPIRY - 86_400, 5), Some(100.5));
        assert_eq!(settled(&entry, EXPIRY + 86_400, 5), None);

        // Less than half of a window: the next one that is covered settles it.
        let mut entry = PriceEntry::zeroed();
        for before_s in (-30..=899).rev().step_by(30) {
            publish(&mut entry, before_s, 100);
        }
        assert_eq!(entry.settlement_seconds, 899);
        assert_eq!(settled(&entry, EXPIRY, 5_000), None);
        for before_s in (-30..=2_000).rev().step_by(30) {
            assert_eq!(settled(&entry, EXPIRY, 86_400 - before_s), None);
            publish(&mut entry, before_s - 86_400, 70);
        }
        assert_eq!(settled(&entry, EXPIRY, 86_400 + 40), Some(70.0));
    }

    #[test]
    fn a_funding_rate_stands_for_a_bounded_time() {
        let state = FundingState {
            index: I80F48::from_num(7).into(),
            updated_at: 1_000,
            stands_until: 1_100,
            per_second: I80F48::from_num(-0.5).into(),
        };
        let at = |now| state.index_at(now).unwrap().to_num::<f64>();
        assert_eq!(
            [at(900), at(1_000), at(1_010), at(1_100), at(9_000)],
            [7.0, 7.0, 2.0, -43.0, -43.0]
        );
    }
}
