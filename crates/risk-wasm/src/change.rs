//! What may happen to an account, and whether the program would allow it.

use ballast_risk::numbers::mul_q32_ceil;
use ballast_state::health::{Purpose, Report, View, WhatIf};
use ballast_state::{
    AssetIndexes, Bank, FillMargin, MarginAccount, MarketTerms, Order, Pausable, StateError, ledger,
};
use fixed::types::I80F48;

use crate::failure::{Failure, Refusal};
use crate::request::Change;
use crate::wire::{Integer, Liquidity, Side};

answer! {
    /// An account before and after changes.
    pub struct WhatIfAnswer {
        /// Before.
        pub before: crate::assess::Assessment,
        /// After. A change that is not possible at all is left out; one that is only not allowed has happened.
        pub after: crate::assess::Assessment,
        /// Whether the program would allow all of it, each step at the time it comes, as far as the loaded accounts tell. Without its bank it says
        /// nothing about an asset's caps, and nothing about the open interest of a market.
        pub allowed: bool,
        /// What it would refuse.
        pub refusals: Vec<ChangeRefusal>,
        /// Trading fees and fees on new loans that are paid, quote units and native units of the borrowed assets apart.
        pub fees: Vec<ChangeFee>,
    }

    /// A change that would be refused.
    pub struct ChangeRefusal {
        /// Its place in the request.
        pub change: u32,
        /// Why.
        pub failure: Failure,
    }

    /// What a change costs.
    pub struct ChangeFee {
        /// Its place in the request.
        pub change: u32,
        /// Asset in which it is paid; the quote asset for trades.
        pub asset: u8,
        /// Native units.
        pub amount: Integer,
    }

    /// The largest size that is allowed.
    pub struct LargestAnswer {
        /// Native units or lots, without sign; 0 when none is.
        pub size: Integer,
        /// What stands against one more.
        pub limit: Option<Failure>,
    }
}

/// Changes one after the other.
#[derive(Clone)]
pub struct Sequence<'a> {
    /// The account and the markets as they would be.
    pub what_if: WhatIf<'a>,
    /// What the program would refuse so far.
    pub refusals: Vec<ChangeRefusal>,
    /// What was paid so far.
    pub fees: Vec<ChangeFee>,
    /// The banks that are known, as they would be.
    banks: Vec<Bank>,
    done: u32,
}

/// The mark of a market rounded to a price, quote units per lot.
///
/// # Errors
/// As [`View::mark`].
pub fn mark_price(view: &View, terms: &MarketTerms) -> Result<u64, StateError> {
    let mark = view.mark(terms)?.checked_round();
    let mark = mark.and_then(I80F48::checked_to_num);
    mark.ok_or(StateError::Overflow)
}

/// Tokens that a bank's vault holds at least.
fn held(bank: &Bank, indexes: &AssetIndexes) -> Result<u64, StateError> {
    let owed = ledger::deposits_total(bank, indexes)?
        .saturating_add(bank.settlement_pools)
        .saturating_add(bank.fees);
    Ok(owed.saturating_sub(ledger::loans_total(bank, indexes)?))
}

/// Lots of a position that a trade can reduce.
fn reducible(account: &MarginAccount, terms: &MarketTerms, lots: i64) -> u64 {
    let side = match lots > 0 {
        true => ballast_state::Side::Bid,
        false => ballast_state::Side::Ask,
    };
    account.reducible(&Order {
        terms: *terms,
        side: side as u8,
        ..Order::default()
    })
}

impl<'a> Sequence<'a> {
    /// Before any change.
    pub fn new(view: &View<'a>, account: &MarginAccount, banks: &[Bank]) -> Self {
        Self {
            what_if: WhatIf::new(view, account),
            refusals: Vec::new(),
            fees: Vec::new(),
            banks: banks.to_vec(),
            done: 0,
        }
    }

    /// Applies changes and notes what the program would refuse.
    ///
    /// # Errors
    /// For a change that makes no sense: numbers out of range, terms that no market has, an underlying that is not listed.
    pub fn apply_all(&mut self, changes: &[Change]) -> Result<(), Failure> {
        changes.iter().try_for_each(|change| self.apply(change))
    }

    /// Applies one change.
    ///
    /// # Errors
    /// As [`Sequence::apply_all`].
    pub fn apply(&mut self, change: &Change) -> Result<(), Failure> {
        match change {
            Change::Deposit { asset, amount } => self.deposit(*asset, amount.to()?),
            Change::Withdraw {
                asset,
                amount,
                borrow,
            } => self.withdraw(*asset, amount.to()?, *borrow),
            Change::Trade {
                terms,
                lots,
                price,
                fee,
            } => self.trade(&terms.parse()?, lots.to()?, *price, *fee)?,
            Change::Order {
                terms,
                side,
                lots,
                price,
                reduce_only,
            } => self.order(&Order {
                terms: terms.parse()?,
                side: *side as u8,
                lots: lots.to()?,
                price: price.to()?,
                reduce_only: (*reduce_only).into(),
                ..Order::default()
            }),
            Change::MovePrice {
                underlying,
                factor_q32,
            } => self.what_if.move_price(*underlying, factor_q32.to()?)?,
            Change::MoveImpliedVolatility {
                underlying,
                factor_q32,
            } => self
                .what_if
                .move_implied_volatility(*underlying, factor_q32.to()?)?,
            Change::MoveRealisedVolatility {
                underlying,
                factor_q32,
            } => self
                .what_if
                .move_realised_volatility(*underlying, factor_q32.to()?)?,
            Change::PassTime { seconds } => pass_time(&mut self.what_if, seconds.0)?,
        }
        self.done += 1;
        Ok(())
    }

    fn refuse(&mut self, refusal: impl Into<Refusal>) {
        self.refusals.push(ChangeRefusal {
            change: self.done,
            failure: refusal.into().failure(),
        });
    }

    /// Notes why something is not allowed.
    fn require(&mut self, holds: bool, refusal: Refusal) {
        if !holds {
            self.refuse(refusal);
        }
    }

    fn pay(&mut self, asset: u8, amount: u64) {
        if amount > 0 {
            self.fees.push(ChangeFee {
                change: self.done,
                asset,
                amount: amount.into(),
            });
        }
    }

    fn require_not_paused(&mut self, instruction: Pausable) {
        let view = self.what_if.view();
        let paused = view.exchange.is_paused(instruction, view.now);
        self.require(!paused, Refusal::Paused);
    }

    /// Whether the account is in liquidation and no action of the program would find it recovered.
    fn in_liquidation(&self) -> bool {
        let account = self.what_if.account();
        let view = self.what_if.view();
        account.in_liquidation() && !view.has_recovered(account, &mut Report::boxed())
    }

    /// Books what the account deposits (positive) or withdraws in the asset's bank, while that is known. Must stand before the account changes.
    fn book(&mut self, asset: u8, amount: i64) -> Result<Option<Bank>, StateError> {
        let view = self.what_if.view();
        let indexes = view.board.indexes(asset)?;
        let held = self.what_if.account().balance(asset).copied();
        let mut balance = held.unwrap_or_default();
        let Some(bank) = self.banks.iter_mut().find(|bank| bank.asset == asset) else {
            return Ok(None);
        };
        if amount >= 0 {
            ledger::credit(&mut balance, bank, indexes, amount.unsigned_abs())?;
            bank.count_inflow(amount.unsigned_abs(), view.now);
        } else {
            ledger::debit(&mut balance, bank, indexes, amount.unsigned_abs())?;
        }
        Ok(Some(*bank))
    }

    fn deposit(&mut self, asset: u8, amount: i64) {
        self.require(amount > 0, Refusal::ZeroAmount);
        self.require_not_paused(Pausable::Deposit);
        if let Err(error) = self.credit(asset, amount.max(0)) {
            self.refuse(error);
        }
    }

    /// Deposits, and requires that the asset takes it if that leaves a deposit.
    fn credit(&mut self, asset: u8, amount: i64) -> Result<(), StateError> {
        let is_active = self.what_if.view().exchange.asset(asset)?.is_active();
        let bank = self.book(asset, amount)?;
        self.what_if.deposit(asset, amount)?;
        self.write_totals(bank.as_ref())?;
        let view = self.what_if.view();
        let indexes = *view.board.indexes(asset)?;
        if ledger::deposit(self.what_if.account(), asset, &indexes)? == 0 {
            return Ok(());
        }
        self.require(is_active, Refusal::AssetReduceOnly);
        if let Some(bank) = bank {
            let deposits = ledger::deposits_total(&bank, &indexes)?;
            self.require(deposits <= bank.deposit_cap, Refusal::DepositCapExceeded);
        }
        Ok(())
    }

    /// Sets the totals on the board to those of the asset's bank, while that is known.
    fn write_totals(&mut self, bank: Option<&Bank>) -> Result<(), StateError> {
        bank.map_or(Ok(()), |bank| self.what_if.write_totals(bank))
    }

    fn withdraw(&mut self, asset: u8, amount: i64, borrow: bool) {
        self.require(amount > 0, Refusal::ZeroAmount);
        self.require_not_paused(Pausable::Withdraw);
        self.require(!self.in_liquidation(), Refusal::InLiquidation);
        if let Err(error) = self.debit(asset, amount.max(0), borrow) {
            return self.refuse(error);
        }
        if self.what_if.account().has_obligations() {
            match self.what_if.assess(Purpose::AddRisk) {
                Ok(report) => {
                    self.require(report.health_initial() >= 0, Refusal::BelowInitialMargin);
                }
                Err(error) => self.refuse(error),
            }
        }
    }

    /// Takes an amount and the fee on what of it is borrowed.
    fn debit(&mut self, asset: u8, amount: i64, borrow: bool) -> Result<(), StateError> {
        let view = self.what_if.view();
        let (listed, indexes) = (*view.exchange.asset(asset)?, *view.board.indexes(asset)?);
        let now = view.now;
        let deposit = ledger::deposit(self.what_if.account(), asset, &indexes)?;
        let borrowed = i64::try_from(amount.unsigned_abs().saturating_sub(deposit))
            .map_err(|_| StateError::Overflow)?;
        let fee = mul_q32_ceil(borrowed, listed.origination_fee_q32)?;
        self.require(borrow || borrowed == 0, Refusal::InsufficientDeposit);
        self.require(
            listed.is_active() || borrowed == 0,
            Refusal::AssetReduceOnly,
        );
        if let Some(bank) = self.banks.iter_mut().find(|bank| bank.asset == asset) {
            let covered = held(bank, &indexes)? >= amount.unsigned_abs();
            let outflow = bank.count_outflow(amount.unsigned_abs(), now);
            self.require(covered, Refusal::InsufficientVaultLiquidity);
            if let Err(error) = outflow {
                self.refuse(error);
            }
        }
        self.book(asset, -amount)?;
        self.what_if.deposit(asset, -amount)?;
        let bank = self.book(asset, -fee)?;
        self.what_if.deposit(asset, -fee)?;
        self.write_totals(bank.as_ref())?;
        if let Some(bank) = bank.filter(|_| borrowed > 0) {
            let loans = ledger::loans_total(&bank, &indexes)?;
            self.require(loans <= bank.borrow_cap, Refusal::BorrowCapExceeded);
        }
        self.pay(asset, fee.unsigned_abs());
        Ok(())
    }

    fn trade(
        &mut self,
        terms: &MarketTerms,
        lots: i64,
        price: Option<Integer>,
        liquidity: Option<Liquidity>,
    ) -> Result<(), Failure> {
        let price = match price {
            Some(price) => price.to()?,
            None => mark_price(&self.what_if.view(), terms)?,
        };
        self.require_tradable(terms, lots, price);
        self.require_not_paused(Pausable::FillOrder);
        let before = *self.what_if.account();
        let fee = self.fee(terms, lots, price, liquidity)?;
        if let Err(error) = self.what_if.trade(terms, lots, price) {
            self.refuse(error);
            return Ok(());
        }
        self.what_if.pay(terms, fee)?;
        self.pay(ballast_state::QUOTE_ASSET, fee);
        if let Err(refusal) = self.require_margin(&before, terms) {
            self.refuse(refusal);
        }
        Ok(())
    }

    fn fee(
        &self,
        terms: &MarketTerms,
        lots: i64,
        price: u64,
        liquidity: Option<Liquidity>,
    ) -> Result<u64, StateError> {
        let Some(liquidity) = liquidity else {
            return Ok(0);
        };
        let is_maker = liquidity == Liquidity::Maker;
        let view = self.what_if.view();
        view.fee(terms, lots.unsigned_abs(), price, is_maker)
    }

    /// Requires what holds for every order and fill: something to trade, a live market, a price within the band, and in liquidation a reduction.
    fn require_tradable(&mut self, terms: &MarketTerms, lots: i64, price: u64) {
        let view = self.what_if.view();
        let (now, within) = (view.now, view.is_within_band(terms, price));
        let reduces = reducible(self.what_if.account(), terms, lots) >= lots.unsigned_abs();
        let may_open = !self.in_liquidation();
        self.require(lots != 0, Refusal::ZeroAmount);
        self.require(!terms.is_expired(now), Refusal::MarketExpired);
        self.require(may_open || reduces, Refusal::InLiquidation);
        match within {
            Ok(within) => self.require(within && price > 0, Refusal::PriceOutsideBand),
            Err(error) => self.refuse(error),
        }
    }

    /// Requires that margin allows a fill.
    fn require_margin(&self, before: &MarginAccount, terms: &MarketTerms) -> Result<(), Refusal> {
        let (view, account) = (self.what_if.view(), self.what_if.account());
        let report = &mut Report::boxed();
        match view.fill_margin(terms, before, account, Purpose::AddRisk, report)? {
            FillMargin::Met => Ok(()),
            FillMargin::StaleSurface => Err(Refusal::StaleSurface),
            FillMargin::Below => Err(Refusal::TakerBelowInitialMargin),
        }
    }

    fn order(&mut self, order: &Order) {
        let terms = &order.terms;
        let Ok(lots) = i64::try_from(order.lots) else {
            return self.refuse(Refusal::Overflow);
        };
        let lots = match order.side() {
            ballast_state::Side::Bid => lots,
            ballast_state::Side::Ask => -lots,
        };
        self.require_not_paused(Pausable::PlaceOrder);
        // A reduce-only order of an account in liquidation may be larger than what it reduces.
        let judged = lots.signum() * self.what_if.account().fillable(order) as i64;
        self.require_tradable(terms, judged, order.price);
        if let Err(refusal) = self.require_affordable(order) {
            self.refuse(refusal);
        }
        let mut account = *self.what_if.account();
        if account.free_order_mut().is_err() {
            self.refuse(Refusal::OrderSlotsFull);
        }
        if let Err(error) = self.what_if.trade(terms, judged, order.price) {
            self.refuse(error);
        }
    }

    /// Requires that the account can afford an order filled whole at its price, unless that only reduces.
    fn require_affordable(&self, order: &Order) -> Result<(), Refusal> {
        let (view, account) = (self.what_if.view(), self.what_if.account());
        if account.only_reduces(order) {
            return Ok(());
        }
        if order.reduce_only != 0 {
            return Err(Refusal::WouldNotReduce);
        }
        if view.lacks_surface(&order.terms)? {
            return Err(Refusal::StaleSurface);
        }
        if view.health_if_filled(account, order, &mut Report::boxed())? < 0 {
            return Err(Refusal::BelowInitialMargin);
        }
        Ok(())
    }

    /// The largest size of a change that is allowed: found by doubling it from 1, or from what it reduces, and bisecting between the last that is
    /// allowed and the first that is not.
    ///
    /// # Errors
    /// As [`Sequence::apply_all`], and [`Failure::malformed`] for a change without size.
    pub fn largest(&self, template: &Change) -> Result<LargestAnswer, Failure> {
        let refusal = |size: i64| -> Result<_, Failure> {
            let mut attempt = Self {
                refusals: Vec::new(),
                ..self.clone()
            };
            attempt.apply(&sized(template, size)?)?;
            Ok(attempt.refusals.into_iter().next())
        };
        let mut allowed = 0;
        let mut next = match self.reduces(template)? {
            0 => 1,
            lots => lots,
        };
        let (mut refused, mut limit) = loop {
            if let Some(found) = refusal(next)? {
                break (next, Some(found.failure));
            }
            allowed = next;
            if next == i64::MAX {
                break (next, None);
            }
            next = next.saturating_mul(2);
        };
        while refused - allowed > 1 {
            let middle = allowed + (refused - allowed) / 2;
            match refusal(middle)? {
                None => allowed = middle,
                Some(found) => {
                    refused = middle;
                    limit = Some(found.failure);
                }
            }
        }
        Ok(LargestAnswer {
            size: allowed.into(),
            limit,
        })
    }

    /// Lots of a position that a trade or an order like this reduces.
    fn reduces(&self, template: &Change) -> Result<i64, Failure> {
        let (terms, lots) = match template {
            Change::Trade { terms, lots, .. } => (terms, lots.to()?),
            Change::Order {
                terms,
                side: Side::Bid,
                ..
            } => (terms, 1),
            Change::Order { terms, .. } => (terms, -1),
            _ => return Ok(0),
        };
        let lots = reducible(self.what_if.account(), &terms.parse()?, lots);
        Ok(lots.min(i64::MAX as u64) as i64)
    }
}

/// A change with another size.
fn sized(template: &Change, size: i64) -> Result<Change, Failure> {
    let mut change = template.clone();
    match &mut change {
        Change::Deposit { amount, .. } | Change::Withdraw { amount, .. } => *amount = size.into(),
        Change::Trade { lots, .. } => *lots = (lots.0.signum() as i64).saturating_mul(size).into(),
        Change::Order { lots, .. } => *lots = size.into(),
        _ => return Err(Failure::malformed("the template has no size")),
    }
    Ok(change)
}

/// Lets time pass; what expires until then turns into its payoff at the present price.
///
/// # Errors
/// As [`WhatIf::settle_at_mark`]; [`Failure::malformed`] for time that runs backwards.
pub fn pass_time(what_if: &mut WhatIf, seconds: i64) -> Result<(), Failure> {
    let passed = u64::try_from(seconds).map_err(|_| Failure::malformed("time only passes"))?;
    let until = what_if.view().now.saturating_add(seconds);
    what_if.settle_at_mark(|terms| terms.expiry <= until)?;
    what_if.pass_time(passed);
    Ok(())
}
