//! A fill as the program would book it, on copies of the accounts: what two orders trade, their fees, and whether both sides may.

use super::Round;
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::mul_q32_floor;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    FillMargin, MarginAccount, Market, MarketTerms, Order, Pausable, Side, StateError,
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
        let of_maker = maker.fillable(resting);
        let of_taker = taker.fillable(crossing);
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
        let trades = [(maker, fill.of_maker), (taker, -fill.of_maker)];
        if lots == 0 || !market.keeps_cap(trades).unwrap_or(false) {
            return Err(Blocked::Pair);
        }
        Ok(fill)
    }

    fn of(view: &View, market: &Market, resting: &Order, lots: u64) -> Result<Self, StateError> {
        let rates = &view.exchange.fees[market.terms.kind()? as usize];
        let fee = |is_maker| {
            let fee = view.fee(&market.terms, lots, resting.price, is_maker)?;
            i64::try_from(fee).map_err(|_| StateError::Overflow)
        };
        let (maker_fee, taker_fee) = (fee(true)?, fee(false)?);
        let lots = i64::try_from(lots).map_err(|_| StateError::Overflow)?;
        let price = i64::try_from(resting.price).map_err(|_| StateError::Overflow)?;
        let quote = lots.checked_mul(price).ok_or(StateError::Overflow)?;
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
        view.change_position(market, account, lots, quote)?;
        Ok(())
    }
}

/// Whether an account's margin allows its fills in a market.
pub(super) fn stands(
    view: &View,
    terms: &MarketTerms,
    before: &MarginAccount,
    after: &MarginAccount,
    report: &mut Report,
) -> bool {
    view.fill_margin(terms, before, after, Purpose::AddRisk, report) == Ok(FillMargin::Met)
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
