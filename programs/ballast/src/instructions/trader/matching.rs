//! Two orders that trade with each other: what they agree on, how it is booked, and what it does to margin.

use super::order::{fillable, require_open, require_within_band};
use crate::error::{BallastError, Coded};
use crate::events::OrderFilled;
use anchor_lang::prelude::*;
use ballast_risk::funding::premium_q32;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{FeeRates, FillMargin, MarginAccount, Market, MarketTerms, Order, Side};
use fixed::types::I80F48;

/// A market while fills are booked in it.
pub(super) struct Desk<'a> {
    pub view: &'a View<'a>,
    pub market: &'a mut Market,
    pub rates: &'a FeeRates,
    slot: u64,
}

/// What is traded.
pub(super) struct Fill {
    pub lots: i64,
    pub price: u64,
    pub quote: i64,
    pub maker_fee: u64,
    pub taker_fee: u64,
    pub taker_side: Side,
    /// Whether the maker's order has rested long enough for its price to say something.
    has_rested: bool,
}

impl<'a> Desk<'a> {
    pub fn new(view: &'a View<'a>, market: &'a mut Market, slot: u64) -> Result<Self> {
        let rates = &view.exchange.fees[market.terms.kind().coded()? as usize];
        Ok(Self {
            view,
            market,
            rates,
            slot,
        })
    }

    /// A resting order of this market that may trade now.
    pub fn live(&self, account: &MarginAccount, id: u64) -> Result<Order> {
        let order = account.order(id).ok_or(BallastError::OrderNotFound)?;
        require!(order.terms == self.market.terms, BallastError::WrongMarket);
        require!(!order.is_expired(self.view.now), BallastError::OrderExpired);
        let reduce_only = order.reduce_only != 0;
        require_open(self.market, reduce_only, self.view.now)?;
        require!(
            reduce_only || !account.in_liquidation(),
            BallastError::InLiquidation
        );
        Ok(*order)
    }

    /// What a maker's resting order and a taker's order trade with each other: at the maker's price, at most `lots_max`.
    pub fn agree(
        &self,
        (maker, resting): (&MarginAccount, &Order),
        (taker, crossing): (&MarginAccount, &Order),
        lots_max: u64,
    ) -> Result<Fill> {
        let crosses = match (resting.side(), crossing.side()) {
            (Side::Ask, Side::Bid) => crossing.price >= resting.price,
            (Side::Bid, Side::Ask) => crossing.price <= resting.price,
            _ => return err!(BallastError::SameSide),
        };
        require!(crosses, BallastError::OrdersDoNotCross);
        require_within_band(self.view, self.market, resting.price)?;
        let lots = fillable(maker, resting)?
            .min(fillable(taker, crossing)?)
            .min(lots_max);
        require_gt!(lots, 0, BallastError::ZeroAmount);
        let fee = |is_maker| {
            let terms = &self.market.terms;
            self.view.fee(terms, lots, resting.price, is_maker).coded()
        };
        let (maker_fee, taker_fee) = (fee(true)?, fee(false)?);
        let lots = i64::try_from(lots).map_err(|_| BallastError::Overflow)?;
        let price = i64::try_from(resting.price).map_err(|_| BallastError::Overflow)?;
        let quote = lots.checked_mul(price).ok_or(BallastError::Overflow)?;
        let fill = Fill {
            lots,
            price: resting.price,
            quote,
            maker_fee,
            taker_fee,
            taker_side: crossing.side(),
            has_rested: self.slot.saturating_sub(resting.placed_slot) >= PREMIUM_REST_SLOTS,
        };
        let trades = [(maker, fill.of_maker()), (taker, -fill.of_maker())];
        let holds = self.market.keeps_cap(trades).coded()?;
        require!(holds, BallastError::OpenInterestCapExceeded);
        Ok(fill)
    }

    /// Books one side of a fill in its position and in the market's totals, and returns the funding that was settled before.
    pub fn book(
        &mut self,
        account: &mut MarginAccount,
        lots: i64,
        fill: &Fill,
        fee: u64,
    ) -> Result<i64> {
        let value = if lots > 0 { -fill.quote } else { fill.quote };
        let fee = i64::try_from(fee).map_err(|_| BallastError::Overflow)?;
        let quote = value.checked_sub(fee).ok_or(BallastError::Overflow)?;
        let view = self.view;
        view.change_position(self.market, account, lots, quote)
            .coded()
    }

    /// Lets a fill move the premium from which funding is worked out: one above the mark when the maker was a bid, which anybody could have sold to,
    /// one below it when he was an ask. An ask above the mark says nothing about what anybody would pay. Nor does a trade without a fresh price, or
    /// with an order that has just been placed. What the rate could not use does not count.
    pub fn note_premium(&mut self, fill: &Fill) -> Result<()> {
        let terms = self.market.terms;
        if !terms.is_perpetual() || !fill.has_rested {
            return Ok(());
        }
        if let Ok(mark) = self.view.fresh_mark(terms.underlying) {
            let listed = self.view.exchange.underlying(terms.underlying).coded()?;
            let maximum = i64::try_from(listed.funding_maximum_q32).unwrap_or(i64::MAX);
            let premium = premium_q32(I80F48::from_num(fill.price), mark);
            let offered = match fill.taker_side {
                Side::Ask => premium >= 0,
                Side::Bid => premium <= 0,
            };
            if !offered {
                return Ok(());
            }
            self.market.note_premium(
                premium.clamp(-maximum, maximum),
                fill.quote.unsigned_abs(),
                listed.funding_impact_value,
                self.view.now,
                listed.funding_interval_s,
            );
        }
        Ok(())
    }

    /// The exchange's part of a fill's fees.
    pub fn earn(&mut self, fill: &Fill, filler_fee: u64) -> Result<()> {
        let fees = fill.maker_fee.checked_add(fill.taker_fee);
        let earned = fees.and_then(|fees| fees.checked_sub(filler_fee));
        let total = earned.and_then(|earned| self.market.fees.checked_add(earned));
        self.market.fees = total.ok_or(BallastError::Overflow)?;
        Ok(())
    }
}

impl Fill {
    /// The maker's lots, signed; the taker's are the opposite.
    pub fn of_maker(&self) -> i64 {
        match self.taker_side {
            Side::Bid => -self.lots,
            Side::Ask => self.lots,
        }
    }

    /// The event, without what differs between the instructions.
    pub fn event(&self, market: Pubkey, [maker, taker]: [(Pubkey, u64, i64); 2]) -> OrderFilled {
        OrderFilled {
            market,
            maker: maker.0,
            taker: taker.0,
            maker_order_id: maker.1,
            taker_order_id: taker.1,
            taker_side: self.taker_side as u8,
            price: self.price,
            lots: self.lots.unsigned_abs(),
            maker_fee: self.maker_fee,
            taker_fee: self.taker_fee,
            maker_funding: maker.2,
            taker_funding: taker.2,
            filler: None,
        }
    }
}

/// Slots for which a maker's order must have rested before its fill moves the premium, about ten seconds: long enough for anyone to take it, so
/// that nobody sets a price by trading with himself within a transaction.
const PREMIUM_REST_SLOTS: u64 = 25;

/// Requires that an account's margin allows its fills.
pub(super) fn require_margin(
    view: &View,
    terms: &MarketTerms,
    before: &MarginAccount,
    account: &MarginAccount,
    report: &mut Report,
    refusal: BallastError,
) -> Result<()> {
    let margin = view.fill_margin(terms, before, account, Purpose::AddRisk, report);
    match margin.coded()? {
        FillMargin::Met => Ok(()),
        FillMargin::StaleSurface => err!(BallastError::StaleSurface),
        FillMargin::Below => Err(refusal.into()),
    }
}
