//! A perpetual, a dated future or an option series.

use crate::{Position, StateError};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::Q32_ONE;
use ballast_risk::funding::next_premium_sum;
use solana_pubkey::Pubkey;

/// What a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarketKind {
    /// Never expires; funding keeps it near spot.
    Perpetual = 0,
    /// Settles in cash at expiry.
    Future = 1,
    /// European call, settled in cash.
    Call = 2,
    /// European put, settled in cash.
    Put = 3,
}

layout! {
    /// What identifies a market: its address derives from these 24 bytes, and positions and orders carry them.
    #[derive(Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
    part MarketTerms [24] {
        /// Unix seconds; 0 for a perpetual.
        pub expiry: i64,
        /// Quote units per lot; 0 for perpetuals and futures.
        pub strike: u64,
        /// Index of the underlying.
        pub underlying: u8,
        /// A [`MarketKind`].
        pub kind: u8,
        /// Fills the word.
        pub padding: [u8; 6],
    }
}

impl MarketTerms {
    /// Terms of the perpetual on an underlying.
    pub fn perpetual(underlying: u8) -> Self {
        Self {
            underlying,
            kind: MarketKind::Perpetual as u8,
            ..Self::default()
        }
    }

    /// Whether it is a call or a put.
    pub fn is_option(&self) -> bool {
        self.kind == MarketKind::Call as u8 || self.kind == MarketKind::Put as u8
    }

    /// Whether it is a perpetual.
    pub fn is_perpetual(&self) -> bool {
        self.kind == MarketKind::Perpetual as u8
    }

    /// Whether it has expired at `now` (unix seconds); a perpetual never has.
    pub fn is_expired(&self, now: i64) -> bool {
        !self.is_perpetual() && now >= self.expiry
    }

    /// What a long lot is worth once its underlying has settled at a price, both in quote units per lot.
    ///
    /// # Errors
    /// [`StateError::UnsupportedInstrument`] for a perpetual.
    pub fn payoff(&self, settlement_price: u64) -> Result<u64, StateError> {
        match self.kind()? {
            MarketKind::Perpetual => Err(StateError::UnsupportedInstrument),
            MarketKind::Future => Ok(settlement_price),
            MarketKind::Call => Ok(settlement_price.saturating_sub(self.strike)),
            MarketKind::Put => Ok(self.strike.saturating_sub(settlement_price)),
        }
    }

    /// The kind.
    ///
    /// # Errors
    /// [`StateError::UnsupportedInstrument`] for a byte that no kind has.
    pub fn kind(&self) -> Result<MarketKind, StateError> {
        match self.kind {
            0 => Ok(MarketKind::Perpetual),
            1 => Ok(MarketKind::Future),
            2 => Ok(MarketKind::Call),
            3 => Ok(MarketKind::Put),
            _ => Err(StateError::UnsupportedInstrument),
        }
    }
}

/// What may be done in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarketStatus {
    /// Everything.
    Active = 0,
    /// Only orders that reduce a position.
    ReduceOnly = 1,
    /// Expired, waiting for its settlement price. Follows from the time and is never stored.
    Settling = 2,
    /// Expired, with a settlement price: positions turn into cash.
    Closed = 3,
}

layout! {
    /// One market. The sum of its positions' `quote`, funding up to now included, plus its fees equals its settlement pool, always; for a
    /// perpetual up to the dust of funding, which stays in the pool; once it has settled with the lots at their payoff.
    account Market [248] b"market\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Who paid the rent.
        pub creator: Pubkey,
        /// Its terms.
        pub terms: MarketTerms,
        /// Prices are multiples of this, quote units per lot.
        pub tick_size: u64,
        /// Smallest order, lots.
        pub order_minimum_lots: u64,
        /// Sum of all long positions, lots.
        pub open_interest_lots: u64,
        /// Largest open interest, lots.
        pub open_interest_cap_lots: u64,
        /// Cash that losers paid in and winners have not taken yet, quote units.
        pub settlement_pool: u64,
        /// Trading fees that belong to the exchange, quote units, part of the pool once settled.
        pub fees: u64,
        /// Funding: sum of premium times seconds since the last update, Q32.
        pub premium_sum_q32: i64,
        /// Funding: up to when the sum goes, unix seconds.
        pub premium_time: i64,
        /// Funding: the premium that trades have left behind, Q32.
        pub premium_q32: i64,
        /// Funding: when they left it, unix seconds, weighted as the premium is.
        pub premium_set_at: i64,
        /// Price at which the underlying settled, quote units per lot; 0 before.
        pub settlement_price: u64,
        /// Sum of all short positions, lots; apart from the open interest only while a settled market's positions turn into quote.
        pub short_interest_lots: u64,
        /// Dated markets: sum of all negative `quote`, as a positive number. At 0 with nothing open nobody owes or is owed anything.
        pub debts: u64,
        /// Room.
        pub reserved: [u64; 6],
        /// A [`MarketStatus`], but for [`MarketStatus::Settling`].
        pub status: u8,
        /// Bump of its address.
        pub bump: u8,
        /// Fills the word.
        pub padding: [u8; 6],
    }
}

impl Market {
    /// What may be done at `now` (unix seconds).
    pub fn status(&self, now: i64) -> MarketStatus {
        match self.status {
            0 | 1 if self.terms.is_expired(now) => MarketStatus::Settling,
            0 => MarketStatus::Active,
            1 => MarketStatus::ReduceOnly,
            _ => MarketStatus::Closed,
        }
    }

    /// Books the change of one account's position in the market's totals.
    ///
    /// # Errors
    /// [`StateError::Overflow`] when the totals do not match the positions.
    pub fn book(&mut self, before: &Position, after: &Position) -> Result<(), StateError> {
        let replaced = |total: u64, before: u64, after: u64| {
            total
                .checked_add(after)
                .and_then(|sum| sum.checked_sub(before))
                .ok_or(StateError::Overflow)
        };
        let long = |position: &Position| position.base_lots.max(0).unsigned_abs();
        let short = |position: &Position| position.base_lots.min(0).unsigned_abs();
        self.open_interest_lots = replaced(self.open_interest_lots, long(before), long(after))?;
        self.short_interest_lots = replaced(self.short_interest_lots, short(before), short(after))?;
        if !self.terms.is_perpetual() {
            let debt = |position: &Position| position.quote.min(0).unsigned_abs();
            self.debts = replaced(self.debts, debt(before), debt(after))?;
        }
        Ok(())
    }

    /// Adds the premium that has stood since the last time to the sum. What trades have left behind stands for `stands_s` seconds.
    pub fn observe_premium(&mut self, now: i64, stands_s: u64) {
        let until = self
            .premium_set_at
            .saturating_add_unsigned(stands_s)
            .min(now);
        let stood = until.saturating_sub(self.premium_time).max(0);
        self.premium_sum_q32 =
            next_premium_sum(self.premium_sum_q32, self.premium_q32, stood.unsigned_abs());
        self.premium_time = self.premium_time.max(now);
    }

    /// Lets a trade of some value at some premium over the mark (Q32) move the premium: all the way when its value is at least
    /// `impact_value`, in proportion otherwise, so that small trades far from the mark say little.
    pub fn note_premium(
        &mut self,
        traded_q32: i64,
        value: u64,
        impact_value: u64,
        now: i64,
        stands_s: u64,
    ) {
        self.observe_premium(now, stands_s);
        let lapsed = now > self.premium_set_at.saturating_add_unsigned(stands_s);
        if lapsed {
            self.premium_q32 = 0;
        }
        let weight_q32 = if value >= impact_value {
            Q32_ONE
        } else {
            // Below 2^32.
            ((u128::from(value) << 32) / u128::from(impact_value)) as u64
        };
        let towards = |from: i64, to: i64| {
            let step = i128::from(to.saturating_sub(from)) * i128::from(weight_q32);
            // No larger than the difference.
            from.saturating_add((step / i128::from(Q32_ONE)) as i64)
        };
        self.premium_q32 = towards(self.premium_q32, traded_q32);
        self.premium_set_at = if lapsed {
            now
        } else {
            towards(self.premium_set_at, now)
        };
    }
}

offsets!(Market {
    exchange: 0,
    creator: 32,
    terms: 64,
    tick_size: 88,
    open_interest_lots: 104,
    settlement_pool: 120,
    fees: 128,
    settlement_price: 168,
    status: 240,
});

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    const ONE: i64 = Q32_ONE as i64;

    fn option(kind: MarketKind) -> MarketTerms {
        MarketTerms {
            kind: kind as u8,
            expiry: 1_000,
            strike: 200,
            ..MarketTerms::default()
        }
    }

    #[test]
    fn payoffs() {
        let at = |kind, price| option(kind).payoff(price);
        assert_eq!(at(MarketKind::Future, 250), Ok(250));
        assert_eq!(
            (at(MarketKind::Call, 250), at(MarketKind::Call, 150)),
            (Ok(50), Ok(0))
        );
        assert_eq!(
            (at(MarketKind::Put, 250), at(MarketKind::Put, 150)),
            (Ok(0), Ok(50))
        );
        assert_eq!(
            at(MarketKind::Perpetual, 250),
            Err(StateError::UnsupportedInstrument)
        );
    }

    #[test]
    fn every_payoff_is_exact_and_never_negative() {
        let edges = [0, 1, 2, 1 << 50, u64::MAX - 1, u64::MAX];
        let prices = || (0..64).chain(edges);
        for (strike, price) in
            prices().flat_map(|strike| prices().map(move |price| (strike, price)))
        {
            let terms = |kind| MarketTerms {
                strike,
                ..option(kind)
            };
            let over = (i128::from(price) - i128::from(strike)).max(0);
            let under = (i128::from(strike) - i128::from(price)).max(0);
            let payoff = |kind| terms(kind).payoff(price).map(i128::from);
            assert_eq!(
                (payoff(MarketKind::Call), payoff(MarketKind::Put)),
                (Ok(over), Ok(under))
            );
        }
    }

    #[test]
    fn premiums_never_leave_their_range() {
        let times = [i64::MIN, 0, 1 << 40, i64::MAX];
        let values = [0, 1, 999, 1_000, u64::MAX];
        for (from, to) in [-ONE, -1, 0, 1, ONE]
            .into_iter()
            .flat_map(|from| [-ONE, 0, ONE].map(|to| (from, to)))
        {
            for (set_at, now) in times
                .into_iter()
                .flat_map(|set_at| times.map(|now| (set_at, now)))
            {
                for value in values {
                    let mut market = Market {
                        premium_q32: from,
                        premium_set_at: set_at,
                        premium_time: set_at,
                        ..Market::zeroed()
                    };
                    market.note_premium(to, value, 1_000, now, 3_600);
                    let reached = market.premium_q32;
                    assert!((from.min(to).min(0)..=from.max(to).max(0)).contains(&reached));
                    assert!(value < 1_000 || reached == to);
                    assert!(market.premium_set_at <= now.max(set_at) && market.premium_time >= now);
                }
            }
        }
    }

    #[test]
    fn the_status_follows_the_time() {
        let mut market = Market {
            terms: option(MarketKind::Put),
            ..Market::zeroed()
        };
        assert_eq!(market.status(999), MarketStatus::Active);
        assert_eq!(market.status(1_000), MarketStatus::Settling);
        market.status = MarketStatus::Closed as u8;
        assert_eq!(market.status(1_000), MarketStatus::Closed);
        market = Market::zeroed();
        assert_eq!(market.status(i64::MAX), MarketStatus::Active);
        market.status = MarketStatus::ReduceOnly as u8;
        assert_eq!(market.status(0), MarketStatus::ReduceOnly);
    }

    #[test]
    fn totals_follow_the_positions() {
        let mut market = Market {
            terms: option(MarketKind::Call),
            ..Market::zeroed()
        };
        let position = |base_lots, quote| Position {
            base_lots,
            quote,
            ..Position::default()
        };
        let (none, long, short) = (position(0, 0), position(5, -70), position(-5, 60));
        market.book(&none, &long).unwrap();
        market.book(&none, &short).unwrap();
        assert_eq!((market.open_interest_lots, market.debts), (5, 70));
        assert_eq!(market.short_interest_lots, 5);
        market.book(&long, &position(-1, 20)).unwrap();
        assert_eq!((market.open_interest_lots, market.debts), (0, 0));
        assert_eq!(market.short_interest_lots, 6);
        assert_eq!(market.book(&long, &none), Err(StateError::Overflow));
    }

    #[test]
    fn a_premium_counts_by_size_and_lapses() {
        let mut market = Market {
            premium_time: 100,
            ..Market::zeroed()
        };
        // A trade of half the impact value at 2% moves the premium to 1%, which stands for an hour of two.
        market.note_premium(ONE / 50, 500, 1_000, 10_000, 3_600);
        assert_eq!((market.premium_sum_q32, market.premium_set_at), (0, 10_000));
        assert!((market.premium_q32 - ONE / 100).abs() <= 1);
        market.observe_premium(17_200, 3_600);
        assert_eq!(market.premium_sum_q32, market.premium_q32 * 3_600);
        // It has lapsed; a dust trade at the mark neither brings it back nor lets it stand longer.
        market.note_premium(ONE / 50, 1_000, 1_000, 20_000, 3_600);
        market.note_premium(0, 1, 1_000, 23_000, 3_600);
        assert!(market.premium_q32 > ONE / 51 && market.premium_set_at == 20_002);
        let (sum, time) = (market.premium_sum_q32, market.premium_time);
        market.observe_premium(time - 50, 3_600);
        assert_eq!((market.premium_sum_q32, market.premium_time), (sum, time));
    }
}
