//! A fill as the program would book it, on copies of the accounts: what two orders trade, their fees, and whether both sides may.

use super::Round;
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::{mul_q32_ceil, mul_q32_floor, value_ceil};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    FeeRates, MarginAccount, Market, MarketTerms, Order, Pausable, Position, Side, StateError,
};

/// Who may not trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// These two not with each other.
    Pair,
    /// The older order with nobody.
    Maker,
    /// The younger order with nobody.
    Taker,
}

/// What is traded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// The maker's lots, signed.
    pub of_maker: i64,
    /// Price times lots, quote units.
    pub quote: i64,
    pub maker_fee: i64,
    pub taker_fee: i64,
    /// The filler's part of both.
    pub filler_fee: i64,
}

impl Fill {
    /// What a maker's order and a taker's trade with each other at the maker's price, at most `lots_max`.
    pub fn agree(
        view: &View,
        market: &Market,
        (maker, resting): (&MarginAccount, &Order),
        (taker, crossing): (&MarginAccount, &Order),
        lots_max: u64,
    ) -> Result<Self, Blocked> {
        if maker.owner == taker.owner {
            return Err(Blocked::Pair);
        }
        let (bid, ask) = match resting.side() {
            Side::Bid => (resting, crossing),
            Side::Ask => (crossing, resting),
        };
        if resting.side == crossing.side || bid.price < ask.price {
            return Err(Blocked::Pair);
        }
        let within = view.is_within_band(&market.terms, resting.price);
        if !within.unwrap_or(false) {
            return Err(Blocked::Maker);
        }
        let of_maker = fillable(maker, resting);
        let of_taker = fillable(taker, crossing);
        if of_maker == 0 {
            return Err(Blocked::Maker);
        }
        if of_taker == 0 {
            return Err(Blocked::Taker);
        }
        let lots = of_maker.min(of_taker).min(lots_max);
        let fill = Self::of(view, market, resting, lots)
            .ok()
            .ok_or(Blocked::Pair)?;
        let holds = fill.keeps_cap(market, maker, taker);
        if lots == 0 || !holds {
            return Err(Blocked::Pair);
        }
        Ok(fill)
    }

    fn of(view: &View, market: &Market, resting: &Order, lots: u64) -> Result<Self, StateError> {
        let rates = &view.exchange.fees[market.terms.kind()? as usize];
        let lots = i64::try_from(lots).map_err(|_| StateError::Overflow)?;
        let price = i64::try_from(resting.price).map_err(|_| StateError::Overflow)?;
        let quote = lots.checked_mul(price).ok_or(StateError::Overflow)?;
        let maker_fee = fee(view, &market.terms, rates, lots, quote, rates.maker_q32)?;
        let taker_fee = fee(view, &market.terms, rates, lots, quote, rates.taker_q32)?;
        let share_q32 = rates.filler_share_q32.min(Q32_ONE);
        Ok(Self {
            of_maker: match resting.side() {
                Side::Bid => lots,
                Side::Ask => -lots,
            },
            quote,
            maker_fee,
            taker_fee,
            filler_fee: mul_q32_floor(maker_fee.saturating_add(taker_fee), share_q32)?,
        })
    }

    /// Above its cap open interest may only fall.
    fn keeps_cap(&self, market: &Market, maker: &MarginAccount, taker: &MarginAccount) -> bool {
        let grown = |account: &MarginAccount, lots: i64| {
            let held = account.lots(&market.terms);
            i128::from(held.saturating_add(lots).max(0)) - i128::from(held.max(0))
        };
        let grows = grown(maker, self.of_maker) + grown(taker, -self.of_maker);
        let after = i128::from(market.open_interest_lots) + grows;
        grows <= 0 || after <= i128::from(market.open_interest_cap_lots)
    }

    /// Lots traded.
    pub fn lots(&self) -> u64 {
        self.of_maker.unsigned_abs()
    }

    /// Books the maker's side.
    pub fn book_maker(
        &self,
        view: &View,
        market: &mut Market,
        maker: &mut MarginAccount,
    ) -> Result<(), StateError> {
        self.book(view, market, maker, self.of_maker, self.maker_fee)
    }

    /// Books the taker's side.
    pub fn book_taker(
        &self,
        view: &View,
        market: &mut Market,
        taker: &mut MarginAccount,
    ) -> Result<(), StateError> {
        self.book(view, market, taker, -self.of_maker, self.taker_fee)
    }

    fn book(
        &self,
        view: &View,
        market: &mut Market,
        account: &mut MarginAccount,
        lots: i64,
        fee: i64,
    ) -> Result<(), StateError> {
        let value = if lots > 0 { -self.quote } else { self.quote };
        let quote = value.checked_sub(fee).ok_or(StateError::Overflow)?;
        change_position(view, market, account, lots, quote)
    }
}

/// Changes an account's position in a market, its funding settled first.
pub(super) fn change_position(
    view: &View,
    market: &mut Market,
    account: &mut MarginAccount,
    lots: i64,
    quote: i64,
) -> Result<(), StateError> {
    let position = account.position_mut(&market.terms)?;
    let before = *position;
    view.settle_funding(position)?;
    position.change(lots, quote)?;
    market.book(&before, position)
}

/// Takes so many lots off a resting order.
pub(super) fn use_up(account: &mut MarginAccount, order_id: u64, lots: u64) {
    if let Some(order) = account.order_mut(order_id) {
        order.lots = order.lots.saturating_sub(lots);
        if order.lots == 0 {
            *order = Order::default();
        }
    }
}

/// A fee, rounded up.
fn fee(
    view: &View,
    terms: &MarketTerms,
    rates: &FeeRates,
    lots: i64,
    quote: i64,
    rate_q32: u64,
) -> Result<i64, StateError> {
    if !terms.is_option() {
        return Ok(mul_q32_ceil(quote, rate_q32)?);
    }
    let notional = value_ceil(lots.unsigned_abs(), view.last_mark(terms.underlying)?)?;
    let cap = mul_q32_ceil(quote, rates.premium_cap_q32)?;
    Ok(mul_q32_ceil(notional, rate_q32)?.min(cap))
}

/// How many of an order's lots may trade now.
fn fillable(account: &MarginAccount, order: &Order) -> u64 {
    if order.reduce_only == 0 {
        return order.lots;
    }
    let held = account.lots(&order.terms);
    let reducible = match order.side() {
        Side::Bid => held.min(0).unsigned_abs(),
        Side::Ask => held.max(0).unsigned_abs(),
    };
    order.lots.min(reducible)
}

/// Whether an account may trade in a market as it did: it has its initial margin, or has only reduced its position without more risk than
/// before.
pub(super) fn stands(
    view: &View,
    terms: &MarketTerms,
    before: &MarginAccount,
    after: &MarginAccount,
    report: &mut Report,
) -> bool {
    let reduced = has_reduced(before.position(terms), after.position(terms));
    let stale = terms.is_option() && view.surface_is_stale(terms.underlying).unwrap_or(true);
    if !reduced && stale {
        return false;
    }
    let strict = view.assess(after, Purpose::AddRisk, report);
    if strict.is_ok() && report.health_initial() >= 0 {
        return true;
    }
    if !reduced || view.assess(before, Purpose::ReduceRisk, report).is_err() {
        return false;
    }
    let mark = report.risk_mark();
    view.assess(after, Purpose::ReduceRisk, report).is_ok()
        && report.risk_mark().is_no_riskier_than(&mark)
}

/// Whether a position has become smaller on the same side.
fn has_reduced(before: Option<&Position>, after: Option<&Position>) -> bool {
    let lots = |position: Option<&Position>| position.map_or(0, |position| position.base_lots);
    let (before, after) = (lots(before), lots(after));
    after.unsigned_abs() < before.unsigned_abs() && (after == 0 || (after > 0) == (before > 0))
}

/// Where the keeper's part of a fill's fees may be booked: its own account when that has the position or more free slots than are reserved.
pub(super) fn can_be_paid(round: &Round, terms: &MarketTerms) -> bool {
    round.own().is_some_and(|own| {
        let free = own.positions.iter().filter(|slot| slot.is_free()).count();
        own.position(terms).is_some() || free > round.policy.slots_reserved
    })
}

/// Whether fills are paused.
pub(super) fn is_paused(round: &Round) -> bool {
    round.is_paused(Pausable::FillOrder)
}
