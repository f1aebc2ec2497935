//! The figures of an account after hypothetical changes.

use alloc::boxed::Box;

use super::{Purpose, Report, View};
use crate::{Bank, Board, Exchange, FEEDS_MAX, MarginAccount, MarketTerms, StateError, ledger};
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

    /// Deposits so many native units of an asset or repays with them; when negative, withdraws them and borrows what is missing.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::BalanceSlotsFull`], [`StateError::Overflow`].
    pub fn deposit(&mut self, asset: u8, amount: i64) -> Result<(), StateError> {
        self.exchange.asset(asset)?;
        let indexes = self.board.indexes(asset)?;
        let balance = self.account.balance_mut(asset)?;
        // Its totals are nobody's.
        let mut bank = Bank::zeroed();
        let shares = balance.shares.get();
        bank.deposit_shares.set(shares.max(I80F48::ZERO));
        bank.borrow_shares
            .set(shares.saturating_neg().max(I80F48::ZERO));
        if amount >= 0 {
            ledger::credit(balance, &mut bank, indexes, amount.unsigned_abs())
        } else {
            ledger::debit(balance, &mut bank, indexes, amount.unsigned_abs()).map(|_| ())
        }
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

    /// Multiplies the price of an underlying and of the assets mapped to it by a factor, Q32, at once: slow prices stay.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::Overflow`].
    pub fn move_price(&mut self, underlying: u8, factor_q32: u64) -> Result<(), StateError> {
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
}
