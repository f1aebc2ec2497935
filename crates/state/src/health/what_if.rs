//! The figures of an account after hypothetical changes.

use alloc::boxed::Box;

use super::{Purpose, Report, View};
use crate::{Bank, Board, Exchange, FEEDS_MAX, MarginAccount, MarketTerms, StateError, ledger};
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::{mul_price_q32_floor, product_q32};
use bytemuck::Zeroable;
use fixed::types::I80F48;

/// An account and a board to which anything may happen, assessed by the same computation as the real ones.
///
/// ```
/// # use ballast_state::{Board, Exchange, MarginAccount, MarketTerms, health::{Purpose, View, WhatIf}};
/// # fn example(view: View, account: &MarginAccount) -> Result<(), ballast_state::StateError> {
/// let mut what_if = WhatIf::new(&view, account);
/// what_if.deposit(0, 1_000_000_000)?;
/// what_if.trade(&MarketTerms::perpetual(0), -50, 2_600_000)?;
/// what_if.move_price(0, (9 << 32) / 10)?;
/// println!("{}", what_if.assess(Purpose::AddRisk)?.health_initial());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WhatIf<'a> {
    exchange: &'a Exchange,
    board: Box<Board>,
    account: Box<MarginAccount>,
    now: i64,
}

impl<'a> WhatIf<'a> {
    /// Starts from things as they are.
    pub fn new(view: &View<'a>, account: &MarginAccount) -> Self {
        Self {
            exchange: view.exchange,
            board: Box::new(*view.board),
            account: Box::new(*account),
            now: view.now,
        }
    }

    /// Deposits so many native units of an asset or repays with them; when negative, withdraws them and borrows what is missing. The totals of
    /// the asset on the board, which the size term of haircuts is worked out from, change with it; see [`WhatIf::write_totals`].
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::BalanceSlotsFull`], [`StateError::Overflow`].
    pub fn deposit(&mut self, asset: u8, amount: i64) -> Result<(), StateError> {
        self.exchange.asset(asset)?;
        let indexes = self.board.indexes_mut(asset)?;
        let balance = self.account.balance_mut(asset)?;
        // Its totals are the account's.
        let mut bank = Bank::zeroed();
        let shares = balance.shares.get();
        bank.deposit_shares.set(shares.max(I80F48::ZERO));
        bank.borrow_shares
            .set(shares.saturating_neg().max(I80F48::ZERO));
        let mut own = *indexes;
        bank.write_totals(&mut own)?;
        let before = (own.deposits_total, own.loans_total);
        if amount >= 0 {
            ledger::credit(balance, &mut bank, indexes, amount.unsigned_abs())?;
        } else {
            ledger::debit(balance, &mut bank, indexes, amount.unsigned_abs())?;
        }
        bank.write_totals(&mut own)?;
        let moved = |total: u64, after: u64, before: u64| {
            total.saturating_add(after).saturating_sub(before)
        };
        indexes.deposits_total = moved(indexes.deposits_total, own.deposits_total, before.0);
        indexes.loans_total = moved(indexes.loans_total, own.loans_total, before.1);
        Ok(())
    }

    /// Sets the totals of a bank's asset on the board to the bank's own, to the unit.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::Overflow`].
    pub fn write_totals(&mut self, bank: &Bank) -> Result<(), StateError> {
        bank.write_totals(self.board.indexes_mut(bank.asset)?)
    }

    /// Buys so many lots at a price in quote units per lot; sells when negative.
    ///
    /// # Errors
    /// [`StateError::PositionSlotsFull`], [`StateError::Overflow`].
    pub fn trade(&mut self, terms: &MarketTerms, lots: i64, price: u64) -> Result<(), StateError> {
        let paid = i128::from(lots) * i128::from(price);
        let quote = i64::try_from(-paid).map_err(|_| StateError::Overflow)?;
        let view = View {
            exchange: self.exchange,
            board: &self.board,
            now: self.now,
        };
        let position = self.account.position_mut(terms)?;
        view.settle_funding(position)?;
        position.change(lots, quote)
    }

    /// Takes a fee from the position in a market.
    ///
    /// # Errors
    /// [`StateError::PositionSlotsFull`], [`StateError::Overflow`].
    pub fn pay(&mut self, terms: &MarketTerms, fee: u64) -> Result<(), StateError> {
        let fee = i64::try_from(fee).map_err(|_| StateError::Overflow)?;
        if fee == 0 {
            return Ok(());
        }
        self.account.position_mut(terms)?.change(0, -fee)
    }

    /// Multiplies the price of an underlying and of the assets mapped to it by a factor, Q32, at once: slow prices stay.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::Overflow`].
    pub fn move_price(&mut self, underlying: u8, factor_q32: u64) -> Result<(), StateError> {
        let feeds = self.feeds(underlying)?;
        for (entry, _) in self
            .board
            .prices
            .iter_mut()
            .zip(feeds)
            .filter(|(_, is)| *is)
        {
            for value in [&mut entry.price, &mut entry.confidence] {
                value.set(mul_price_q32_floor(value.get(), factor_q32)?);
            }
        }
        Ok(())
    }

    /// The feeds of an underlying and of the assets mapped to it.
    fn feeds(&self, underlying: u8) -> Result<[bool; FEEDS_MAX], StateError> {
        let mut feeds = [false; FEEDS_MAX];
        let listed = usize::from(self.exchange.asset_count);
        let assets = self.exchange.assets.iter().take(listed);
        let mapped = assets.filter(|asset| asset.underlying == underlying);
        for feed in mapped
            .map(|asset| asset.feed)
            .chain([self.exchange.underlying(underlying)?.feed])
        {
            *feeds
                .get_mut(usize::from(feed))
                .ok_or(StateError::UnknownIndex)? = true;
        }
        Ok(feeds)
    }

    /// Multiplies an underlying's implied volatility, at the money of every tenor, by a factor, Q32.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn move_implied_volatility(
        &mut self,
        underlying: u8,
        factor_q32: u64,
    ) -> Result<(), StateError> {
        self.exchange.underlying(underlying)?;
        let state = &mut self.board.underlyings[usize::from(underlying)];
        for level in &mut state.atm_volatility_q32 {
            *level = product_q32(*level, factor_q32);
        }
        Ok(())
    }

    /// Multiplies an underlying's realised volatility, which its scan range and haircuts follow, by a factor, Q32.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn move_realised_volatility(
        &mut self,
        underlying: u8,
        factor_q32: u64,
    ) -> Result<(), StateError> {
        self.exchange.underlying(underlying)?;
        let state = &mut self.board.underlyings[usize::from(underlying)];
        state.volatility_q32 = product_q32(state.volatility_q32, factor_q32);
        Ok(())
    }

    /// Lets time pass: expiries come closer, prices and surfaces stay as fresh as they are. Funding goes on at the present rate while that
    /// stands, interest does not.
    pub fn pass_time(&mut self, seconds: u64) {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.now = self.now.saturating_add(seconds);
        for entry in &mut self.board.prices {
            if entry.publish_time > 0 {
                entry.publish_time = entry.publish_time.saturating_add(seconds);
            }
        }
        for state in &mut self.board.underlyings {
            state.surface_time = state.surface_time.saturating_add(seconds);
        }
    }

    /// Turns the futures and options that are chosen and have not expired yet into quote: at their payoff at the present mark of their underlying,
    /// as if that were the settlement price.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`], [`StateError::Overflow`].
    pub fn settle_at_mark(
        &mut self,
        is_chosen: impl Fn(&MarketTerms) -> bool,
    ) -> Result<(), StateError> {
        let view = View {
            exchange: self.exchange,
            board: &self.board,
            now: self.now,
        };
        for position in &mut self.account.positions {
            let terms = position.terms;
            let is_live = position.base_lots != 0 && !terms.is_perpetual();
            if !is_live || terms.is_expired(view.now) || !is_chosen(&terms) {
                continue;
            }
            let mark = view.last_mark(terms.underlying)?.checked_round();
            let mark = mark.and_then(I80F48::checked_to_num);
            let payoff = terms.payoff(mark.ok_or(StateError::Overflow)?)?;
            let received = i128::from(position.base_lots) * i128::from(payoff);
            let received = i64::try_from(received).map_err(|_| StateError::Overflow)?;
            position.change(-position.base_lots, received)?;
        }
        Ok(())
    }

    /// The account as it would be.
    pub fn account(&self) -> &MarginAccount {
        &self.account
    }

    /// The figures after the changes.
    ///
    /// # Errors
    /// As [`View::assess`].
    pub fn assess(&self, purpose: Purpose) -> Result<Box<Report>, StateError> {
        let mut report = Report::boxed();
        let view = View {
            exchange: self.exchange,
            board: &self.board,
            now: self.now,
        };
        view.assess(&self.account, purpose, &mut report)?;
        Ok(report)
    }

    /// The nearest marks of an underlying at which a liquidation of the account could begin, everything else unchanged: volatilities, the
    /// surface and other prices stay, prices of assets mapped to the underlying move with it.
    ///
    /// With options health may fall and rise again on the way, so it walks outwards from the present price, down to a 64th and up to 16 times
    /// of it, in steps of 1/512 of the price at first and of 1/32 of the distance further out, and halves the step in which it falls down to
    /// `2^-26` of the present price. That takes about 85 assessments to the lower end, 175 to the upper one, and 20 more for each mark found. A dip
    /// narrower than a step is not seen.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::Liquidate`] at the present prices.
    pub fn liquidation_marks(&self, underlying: u8) -> Result<LiquidationMarks, StateError> {
        let mut marks = LiquidationMarks::default();
        if !self.account.has_obligations() {
            return Ok(marks);
        }
        let mut probe = Probe {
            moved: self.clone(),
            board: &self.board,
            feeds: self.feeds(underlying)?,
            report: Report::boxed(),
        };
        let now = probe.is_liquidatable(Q32_ONE)?;
        for (is_rise, found) in [(false, &mut marks.below), (true, &mut marks.above)] {
            let distance = if now {
                Some(0)
            } else {
                probe.first_distance(is_rise)
            };
            if let Some(distance) = distance {
                probe.set(factor(is_rise, distance))?;
                *found = Some(probe.moved.view().last_mark(underlying)?);
            }
        }
        Ok(marks)
    }

    /// Where the account as it would be is assessed.
    pub fn view(&self) -> View<'_> {
        View {
            exchange: self.exchange,
            board: &self.board,
            now: self.now,
        }
    }
}

/// Marks of one lot of an underlying at which an account's liquidation could begin. Both are the present mark when it could already, and nothing
/// where no such mark is within reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiquidationMarks {
    /// The nearest one below the present mark, quote units.
    pub below: Option<I80F48>,
    /// The nearest one above it.
    pub above: Option<I80F48>,
}

/// Distances from the present price are fractions of it, Q32: how near the walk ends below (the price itself is a distance of 1) and above, its
/// first step, which part of the distance a step is further out, and how near the found mark is.
const FARTHEST_BELOW_Q32: u64 = Q32_ONE - Q32_ONE / 64;
const FARTHEST_ABOVE_Q32: u64 = 15 * Q32_ONE;
const STEP_FIRST_Q32: u64 = Q32_ONE / 512;
const STEP_PART: u64 = 32;
const PRECISION_Q32: u64 = 64;

/// What the present price is multiplied by.
fn factor(is_rise: bool, distance_q32: u64) -> u64 {
    if is_rise {
        Q32_ONE.saturating_add(distance_q32)
    } else {
        Q32_ONE.saturating_sub(distance_q32)
    }
}

/// An account at other prices of one underlying.
struct Probe<'a, 'b> {
    moved: WhatIf<'a>,
    /// Where the prices come from.
    board: &'b Board,
    feeds: [bool; FEEDS_MAX],
    report: Box<Report>,
}

impl Probe<'_, '_> {
    fn set(&mut self, factor_q32: u64) -> Result<(), StateError> {
        let entries = self.moved.board.prices.iter_mut().zip(&self.board.prices);
        for ((to, from), _) in entries.zip(self.feeds).filter(|(_, is)| *is) {
            to.price
                .set(mul_price_q32_floor(from.price.get(), factor_q32)?);
            to.confidence
                .set(mul_price_q32_floor(from.confidence.get(), factor_q32)?);
        }
        Ok(())
    }

    fn is_liquidatable(&mut self, factor_q32: u64) -> Result<bool, StateError> {
        self.set(factor_q32)?;
        let view = self.moved.view();
        view.assess(&self.moved.account, Purpose::Liquidate, &mut self.report)?;
        Ok(self.report.is_liquidatable())
    }

    /// The distance to the nearest price that a walk finds the account liquidatable at.
    fn first_distance(&mut self, is_rise: bool) -> Option<u64> {
        let farthest = if is_rise {
            FARTHEST_ABOVE_Q32
        } else {
            FARTHEST_BELOW_Q32
        };
        let mut safe = 0;
        let mut fallen = loop {
            if safe >= farthest {
                return None;
            }
            let next = safe.saturating_add(STEP_FIRST_Q32.max(safe / STEP_PART));
            let next = next.min(farthest);
            match self.is_liquidatable(factor(is_rise, next)) {
                Ok(true) => break next,
                // Nobody could begin a liquidation there: stale prices may be too much of the account.
                Ok(false) | Err(StateError::StalePrice) => safe = next,
                Err(_) => return None,
            }
        };
        while fallen - safe > PRECISION_Q32 {
            let middle = safe + (fallen - safe) / 2;
            match self.is_liquidatable(factor(is_rise, middle)) {
                Ok(true) => fallen = middle,
                _ => safe = middle,
            }
        }
        Some(fallen)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, deposit, option, option_world, perpetual, world};
    use super::*;
    use crate::MarketKind;

    /// In USDC per SOL: a lot is a hundredth of one.
    fn marks(exchange: &Exchange, board: &Board, account: &MarginAccount) -> [Option<f64>; 2] {
        let view = View {
            exchange,
            board,
            now: NOW,
        };
        let found = WhatIf::new(&view, account).liquidation_marks(0).unwrap();
        [found.below, found.above].map(|mark| Some(mark?.to_num::<f64>() / 1e4))
    }

    fn near(mark: Option<f64>, exact: f64) {
        let mark = mark.unwrap();
        assert!((mark / exact - 1.0).abs() < 1e-6, "{mark} is not {exact}");
    }

    #[test]
    fn who_owes_nothing_has_no_liquidation_price() {
        let (exchange, board) = world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 1, 100_000_000_000);
        assert_eq!(marks(&exchange, &board, &account), [None, None]);
        // Nor has he whose loan is so small that it would take a price below a 64th.
        deposit(&mut account, 0, -1_000_000);
        assert_eq!(marks(&exchange, &board, &account), [None, None]);
    }

    #[test]
    fn a_spot_long_falls_below_its_margin() {
        // 100 SOL against a loan of 20,000 USDC: 100·S·(1 - 0.02 - 0.1) = 20,000 at S = 227.2727.
        let (exchange, board) = world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 1, 100_000_000_000);
        deposit(&mut account, 0, -20_000_000_000);
        let [below, above] = marks(&exchange, &board, &account);
        near(below, 20_000.0 / 88.0);
        assert_eq!(above, None);
    }

    #[test]
    fn a_short_perpetual_falls_below_its_margin_above() {
        // 1,000 USDC, 10 SOL sold at 250: 1,000 + 10·(250 - S) = 10·S·0.1 at S = 3,500/11.
        let (exchange, board) = world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 0, 1_000_000_000);
        perpetual(&mut account, 0, -1_000, 2_500_000_000);
        let [below, above] = marks(&exchange, &board, &account);
        assert_eq!(below, None);
        near(above, 3_500.0 / 11.0);
        // What can be liquidated already can be so at the present price.
        deposit(&mut account, 0, 100_000_000);
        assert_eq!(marks(&exchange, &board, &account), [Some(250.0); 2]);
        // The other underlying's price does not matter here.
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        deposit(&mut account, 0, 1_000_000_000);
        let other = WhatIf::new(&view, &account).liquidation_marks(1);
        assert_eq!(other, Ok(LiquidationMarks::default()));
    }

    #[test]
    fn a_short_strangle_has_a_price_on_either_side() {
        let (exchange, board) = option_world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 0, 1_500_000_000);
        option(&mut account, MarketKind::Call, 275, -1_000);
        option(&mut account, MarketKind::Put, 225, -1_000);
        let [below, above] = marks(&exchange, &board, &account).map(Option::unwrap);
        assert!(below < 250.0 && above > 250.0, "{below} {above}");
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        for (mark, sign) in [(below, -1.0), (above, 1.0)] {
            let health = |mark: f64| {
                let mut what_if = WhatIf::new(&view, &account);
                let factor = (mark / 250.0 * Q32_ONE as f64) as u64;
                what_if.move_price(0, factor).unwrap();
                let report = what_if.assess(Purpose::Liquidate).unwrap();
                report.health_maintenance()
            };
            assert!(health(mark * (1.0 + sign * 1e-6)) < 0);
            assert!(health(mark * (1.0 - sign * 1e-6)) >= 0);
        }
    }

    #[test]
    fn what_is_settled_at_the_mark_is_its_payoff() {
        let (exchange, board) = option_world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 0, 1_500_000_000);
        option(&mut account, MarketKind::Call, 275, -1_000);
        option(&mut account, MarketKind::Put, 225, 500);
        perpetual(&mut account, 0, 7, 0);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let equity = |factor: f64| {
            let mut what_if = WhatIf::new(&view, &account);
            what_if
                .move_price(0, (factor * Q32_ONE as f64) as u64)
                .unwrap();
            what_if.settle_at_mark(|terms| terms.strike != 0).unwrap();
            let positions = &what_if.account().positions;
            assert_eq!(
                positions.iter().filter(|held| held.base_lots != 0).count(),
                1
            );
            let report = what_if.assess(Purpose::AddRisk).unwrap();
            report.equity_mark
        };
        let quotes: i64 = account.positions.iter().map(|held| held.quote).sum();
        let cash = 1_500_000_000 + quotes;
        assert_eq!(equity(1.0), cash + 7 * 2_500_000);
        // At 312.5: 37.5 on ten, at 187.5: 37.5 on five.
        assert_eq!(equity(1.25), cash + 7 * 3_125_000 - 375_000_000);
        assert_eq!(equity(0.75), cash + 7 * 1_875_000 + 187_500_000);
    }

    #[test]
    fn a_fee_is_paid_by_its_position() {
        let (exchange, board) = world();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let mut what_if = WhatIf::new(&view, &MarginAccount::zeroed());
        let terms = MarketTerms::perpetual(0);
        what_if.trade(&terms, 1, 2_500_000).unwrap();
        what_if.pay(&terms, 1_250).unwrap();
        assert_eq!(what_if.account().positions[0].quote, -2_501_250);
        assert_eq!(what_if.pay(&terms, u64::MAX), Err(StateError::Overflow));
    }

    #[test]
    fn a_dip_between_two_safe_prices_is_found() {
        // A short butterfly above the market is worth least at its middle strike, and next to nothing far beyond.
        let (exchange, board) = option_world();
        let mut account = MarginAccount::zeroed();
        option(&mut account, MarketKind::Call, 400, -1_000);
        option(&mut account, MarketKind::Call, 500, 2_000);
        option(&mut account, MarketKind::Call, 600, -1_000);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let health = |account: &MarginAccount, price: f64| {
            let mut what_if = WhatIf::new(&view, account);
            let factor = (price / 250.0 * Q32_ONE as f64) as u64;
            what_if.move_price(0, factor).unwrap();
            what_if
                .assess(Purpose::Liquidate)
                .unwrap()
                .health_maintenance()
        };
        let worst = (25..400).map(|tens| health(&account, f64::from(tens * 10)));
        let worst = worst.min().unwrap();
        deposit(&mut account, 0, -worst * 9 / 10);
        assert!(health(&account, 250.0) > 0 && health(&account, 4_000.0) > 0);
        let [below, above] = marks(&exchange, &board, &account);
        assert_eq!(below, None);
        let above = above.unwrap();
        assert!(above > 300.0 && above < 600.0, "{above}");
        assert!(health(&account, above * (1.0 + 1e-6)) < 0);
        assert!(health(&account, above * (1.0 - 1e-6)) >= 0);
    }
}
