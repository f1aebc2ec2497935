//! The rules of trading: what an order may trade, what a fill does to positions and open interest, and when the margin of its sides allows it.

use crate::health::{Purpose, Report, View};
use crate::{MarginAccount, Market, MarketTerms, Order, Position, Side, StateError};

/// What an account's margin says to its fills.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillMargin {
    /// It allows them.
    Met,
    /// The volatility surface is too old to open options.
    StaleSurface,
    /// The account would be below its initial margin, and its fills do not only reduce risk.
    Below,
}

impl MarginAccount {
    /// Lots of the position opposite to an order.
    pub fn reducible(&self, order: &Order) -> u64 {
        let held = self.lots(&order.terms);
        match order.side() {
            Side::Bid => held.min(0).unsigned_abs(),
            Side::Ask => held.max(0).unsigned_abs(),
        }
    }

    /// How many of an order's lots may trade now: a reduce-only order takes no more than the position it reduces, so 0 when it would not reduce.
    pub fn fillable(&self, order: &Order) -> u64 {
        match order.reduce_only {
            0 => order.lots,
            _ => order.lots.min(self.reducible(order)),
        }
    }

    /// Whether no fill of the order can do anything but reduce the position.
    pub fn only_reduces(&self, order: &Order) -> bool {
        let reducible = self.reducible(order);
        reducible > 0 && (order.reduce_only != 0 || order.lots <= reducible)
    }

    /// Whether the position in a market is smaller than it was `before`, and on the same side.
    pub fn has_reduced(&self, before: &Self, terms: &MarketTerms) -> bool {
        let (held, left) = (before.lots(terms), self.lots(terms));
        left.unsigned_abs() < held.unsigned_abs() && (left == 0 || (left > 0) == (held > 0))
    }

    /// Takes lots off a resting order; an empty one is gone. False when there is no such order or not so many lots.
    #[must_use]
    pub fn use_up(&mut self, order_id: u64, lots: u64) -> bool {
        let Some(order) = self.order_mut(order_id) else {
            return false;
        };
        let Some(left) = order.lots.checked_sub(lots) else {
            return false;
        };
        order.lots = left;
        if left == 0 {
            *order = Order::default();
        }
        true
    }
}

impl Market {
    /// Whether open interest keeps to its cap when these accounts buy so many lots (sell, when negative). Above the cap it may only fall.
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn keeps_cap(&self, trades: [(&MarginAccount, i64); 2]) -> Result<bool, StateError> {
        let mut grows = 0;
        for (account, lots) in trades {
            let held = account.lots(&self.terms);
            let after = held.checked_add(lots).ok_or(StateError::Overflow)?;
            grows += i128::from(after.max(0)) - i128::from(held.max(0));
        }
        let after = i128::from(self.open_interest_lots) + grows;
        Ok(grows <= 0 || after <= i128::from(self.open_interest_cap_lots))
    }
}

impl View<'_> {
    /// Whether options of these terms must not be opened, as the volatility surface is too old.
    ///
    /// # Errors
    /// As [`View::surface_is_stale`].
    pub fn lacks_surface(&self, terms: &MarketTerms) -> Result<bool, StateError> {
        Ok(terms.is_option() && self.surface_is_stale(terms.underlying)?)
    }

    /// Changes an account's position in a market, its funding settled first and returned.
    ///
    /// # Errors
    /// [`StateError::PositionSlotsFull`], [`StateError::Overflow`].
    pub fn change_position(
        &self,
        market: &mut Market,
        account: &mut MarginAccount,
        lots: i64,
        quote: i64,
    ) -> Result<i64, StateError> {
        let position = account.position_mut(&market.terms)?;
        let before = *position;
        let funding = self.settle_funding(position)?;
        position.change(lots, quote)?;
        market.book(&before, position)?;
        Ok(funding)
    }

    /// Initial health if the order were filled whole at its price, quote units.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::AddRisk`].
    pub fn health_if_filled(
        &self,
        account: &MarginAccount,
        order: &Order,
        report: &mut Report,
    ) -> Result<i64, StateError> {
        let filled = self.filled_whole(order)?;
        self.assess_with(account, Some(&filled), Purpose::AddRisk, report)?;
        Ok(report.health_initial())
    }

    /// The same as a stranger may judge it; below 0 anybody may prune the order.
    ///
    /// # Errors
    /// As [`View::assess_for_stranger`].
    pub fn health_for_pruning(
        &self,
        account: &MarginAccount,
        order: &Order,
        report: &mut Report,
    ) -> Result<i64, StateError> {
        let filled = self.filled_whole(order)?;
        self.assess_for_stranger(account, &filled, report)?;
        Ok(report.health_initial())
    }

    /// The position that an order becomes when it is filled whole at its price.
    fn filled_whole(&self, order: &Order) -> Result<Position, StateError> {
        let lots = i64::try_from(order.lots).map_err(|_| StateError::Overflow)?;
        let price = i64::try_from(order.price).map_err(|_| StateError::Overflow)?;
        let quote = lots.checked_mul(price).ok_or(StateError::Overflow)?;
        let (base_lots, quote) = match order.side() {
            Side::Bid => (lots, -quote),
            Side::Ask => (-lots, quote),
        };
        let mut filled = Position {
            base_lots,
            quote,
            terms: order.terms,
            ..Position::default()
        };
        if order.terms.is_perpetual() {
            let index = self.funding_index(order.terms.underlying)?;
            filled.funding_index.set(index);
        }
        Ok(filled)
    }

    /// Whether an account may become `after` by its fills in a market: it has its initial margin or, when they have only reduced its position, no
    /// more risk than before. An insolvent account does not trade at all: closing against an accomplice at the mark would make its loss a loan, and
    /// spare him his part of it.
    ///
    /// The initial margin is that for `purpose`: [`Purpose::AddRisk`] in the program; who knows that stale prices are refreshed before the order
    /// may say [`Purpose::ReduceRisk`].
    ///
    /// # Errors
    /// As [`View::assess`].
    pub fn fill_margin(
        &self,
        terms: &MarketTerms,
        before: &MarginAccount,
        after: &MarginAccount,
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<FillMargin, StateError> {
        let reduced = after.has_reduced(before, terms);
        if !reduced && self.lacks_surface(terms)? {
            return Ok(FillMargin::StaleSurface);
        }
        let strict = self.assess(after, purpose, report);
        if strict.is_ok() && report.health_initial() >= 0 {
            return Ok(FillMargin::Met);
        }
        if !reduced {
            return strict.map(|()| FillMargin::Below);
        }
        self.assess(before, Purpose::ReduceRisk, report)?;
        if report.equity_mark < 0 {
            return Ok(FillMargin::Below);
        }
        let mark = report.risk_mark();
        self.assess(after, Purpose::ReduceRisk, report)?;
        Ok(match report.risk_mark().is_no_riskier_than(&mark) {
            true => FillMargin::Met,
            false => FillMargin::Below,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::{NOW, deposit, perpetual, world};
    use crate::{Board, Exchange};
    use bytemuck::Zeroable;

    /// Of a lot of SOL at 250.
    const PRICE: i64 = 2_500_000;

    fn order(side: Side, lots: u64, reduce_only: bool) -> Order {
        Order {
            terms: MarketTerms::perpetual(0),
            price: PRICE as u64,
            lots,
            id: 7,
            side: side as u8,
            reduce_only: reduce_only.into(),
            ..Order::default()
        }
    }

    /// So much cash, and so many lots bought at the mark.
    fn holder(cash: i64, lots: i64) -> MarginAccount {
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 0, cash);
        perpetual(&mut account, 0, lots, (-lots).saturating_mul(PRICE));
        account
    }

    #[test]
    fn orders_reduce_what_lies_opposite() {
        for held in -3..=3i64 {
            let account = holder(1, held);
            for (side, sign) in [(Side::Bid, 1), (Side::Ask, -1)] {
                let opposite = (-sign * held).max(0).unsigned_abs();
                for lots in 1..=4 {
                    let plain = order(side, lots, false);
                    let reducing = order(side, lots, true);
                    assert_eq!(account.reducible(&plain), opposite);
                    assert_eq!(account.fillable(&plain), lots);
                    assert_eq!(account.fillable(&reducing), lots.min(opposite));
                    assert_eq!(account.only_reduces(&plain), lots <= opposite);
                    assert_eq!(account.only_reduces(&reducing), opposite > 0);
                }
            }
            for left in -3..=3i64 {
                let reduced = held.signum() * left >= 0 && left.abs() < held.abs();
                assert_eq!(
                    holder(1, left).has_reduced(&account, &MarketTerms::perpetual(0)),
                    reduced
                );
            }
        }
    }

    #[test]
    fn orders_are_used_up() {
        let mut account = holder(1, 0);
        *account.free_order_mut().unwrap() = order(Side::Bid, 5, false);
        assert!(!account.use_up(8, 1));
        assert!(!account.use_up(7, 6));
        assert!(account.use_up(7, 2));
        assert_eq!(account.order(7).unwrap().lots, 3);
        assert!(account.use_up(7, 3));
        assert_eq!(account.orders[0], Order::default());
        assert!(!account.use_up(7, 0));
    }

    #[test]
    fn above_its_cap_open_interest_may_only_fall() {
        let market = |open_interest_lots| Market {
            terms: MarketTerms::perpetual(0),
            open_interest_lots,
            open_interest_cap_lots: 10,
            ..Market::zeroed()
        };
        let trade = |open, buyer, seller, lots: i64| {
            let (buyer, seller) = (holder(1, buyer), holder(1, seller));
            market(open).keeps_cap([(&buyer, lots), (&seller, -lots)])
        };
        // Both open: it grows by all of it.
        assert_eq!(trade(5, 0, 0, 5), Ok(true));
        assert_eq!(trade(5, 0, 0, 6), Ok(false));
        // One long takes the place of another.
        assert_eq!(trade(12, 0, 6, 6), Ok(true));
        assert_eq!(trade(12, 0, 6, 7), Ok(false));
        // Both close.
        assert_eq!(trade(12, -3, 3, 3), Ok(true));
        // Both turn around.
        assert_eq!(trade(12, -3, 3, 6), Ok(true));
        assert_eq!(trade(12, -3, 3, 7), Ok(false));
        assert_eq!(trade(0, i64::MAX, 0, 1), Err(StateError::Overflow));
    }

    struct Scene {
        exchange: Box<Exchange>,
        board: Box<Board>,
        now: i64,
    }

    impl Scene {
        fn margin(
            &self,
            before: &MarginAccount,
            after: &MarginAccount,
            purpose: Purpose,
        ) -> Result<FillMargin, StateError> {
            let view = View {
                exchange: &self.exchange,
                board: &self.board,
                now: self.now,
            };
            view.fill_margin(
                &MarketTerms::perpetual(0),
                before,
                after,
                purpose,
                &mut Report::boxed(),
            )
        }
    }

    #[test]
    fn fills_need_initial_margin_or_reduce() {
        use FillMargin::{Below, Met};
        let (exchange, board) = world();
        let mut scene = Scene {
            exchange,
            board,
            now: NOW,
        };
        let cash = 1_000_000_000;
        let [none, few, some, many] = [0, 3_000, 4_000, 5_000].map(|lots| holder(cash, lots));
        let margin = |scene: &Scene, before: &MarginAccount, after: &MarginAccount| {
            scene.margin(before, after, Purpose::AddRisk)
        };
        // 1,000 USDC carry 32 SOL at 12.5%.
        assert_eq!(margin(&scene, &none, &few), Ok(Met));
        assert_eq!(margin(&scene, &none, &some), Ok(Below));
        assert_eq!(margin(&scene, &some, &many), Ok(Below));
        assert_eq!(margin(&scene, &many, &some), Ok(Met));
        // Reducing at a bad price: what it costs is more than what it frees.
        assert_eq!(margin(&scene, &many, &holder(1, 4_999)), Ok(Below));
        // To the other side is no reduction.
        assert_eq!(margin(&scene, &many, &holder(cash, -4_000)), Ok(Below));
        // Nor may anybody who is insolvent trade, whatever that does to his risk.
        let ruined = holder(-1, 4_000);
        assert_eq!(margin(&scene, &ruined, &holder(-1, 100)), Ok(Below));
        // Old prices only let positions become smaller, unless they are known to be refreshed.
        scene.now = NOW + 61;
        let stale = Err(StateError::StalePrice);
        assert_eq!(margin(&scene, &none, &few), stale);
        assert_eq!(margin(&scene, &few, &none), Ok(Met));
        let refreshed = |before, after| scene.margin(before, after, Purpose::ReduceRisk);
        assert_eq!(refreshed(&none, &few), Ok(Met));
        assert_eq!(refreshed(&none, &some), Ok(Below));
    }

    #[test]
    fn an_order_is_judged_as_if_it_were_filled() {
        let (exchange, board) = world();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let report = &mut Report::boxed();
        for held in [-3_000, 0, 2_000] {
            let account = holder(1_000_000_000, held);
            for (side, sign) in [(Side::Bid, 1), (Side::Ask, -1)] {
                let after = holder(1_000_000_000, held + sign * 1_500);
                view.assess(&after, Purpose::AddRisk, report).unwrap();
                let expected = Ok(report.health_initial());
                let order = order(side, 1_500, false);
                assert_eq!(view.health_if_filled(&account, &order, report), expected);
                assert_eq!(view.health_for_pruning(&account, &order, report), expected);
            }
        }
        let large = Order {
            lots: 1 << 62,
            ..order(Side::Bid, 1, false)
        };
        let health = view.health_if_filled(&MarginAccount::zeroed(), &large, report);
        assert_eq!(health, Err(StateError::Overflow));
    }
}
