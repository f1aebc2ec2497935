//! What an order says, and whether an account may have it.

use crate::error::{BallastError, Coded};
use anchor_lang::prelude::*;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{MarginAccount, Market, MarketStatus, Order, Position, Side};

/// How an order trades.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderType {
    /// What cannot be filled at once rests.
    #[default]
    Limit,
    /// Rests, and only trades as the older of two orders.
    PostOnly,
    /// What cannot be filled at once lapses; for `place_and_fill` only.
    ImmediateOrCancel,
}

/// An order.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct OrderArgs {
    /// 0 buys, 1 sells.
    pub side: u8,
    /// Limit price, quote units per lot.
    pub price: u64,
    /// Size, lots.
    pub lots: u64,
    /// The owner's own number, for his records and for `cancel_all`.
    pub client_id: u64,
    /// Unix seconds; 0 for never.
    pub expires_at: u32,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// What happens when it cannot be filled at once.
    pub order_type: OrderType,
}

impl OrderArgs {
    /// The order, once everything about it but its margin has been checked: the signer, the market's rules, the price band.
    pub(super) fn check(
        &self,
        market: &Market,
        account: &MarginAccount,
        trader: &Pubkey,
        view: &View,
        slot: u64,
    ) -> Result<Order> {
        require!(account.may_trade(trader), BallastError::NotOwnerOrDelegate);
        require_open(market, self.reduce_only, view.now)?;
        require!(
            self.reduce_only || !account.in_liquidation(),
            BallastError::InLiquidation
        );
        require_gte!(
            self.lots,
            market.order_minimum_lots,
            BallastError::OrderTooSmall
        );
        let on_tick = self.price > 0 && self.price.is_multiple_of(market.tick_size);
        require!(on_tick, BallastError::PriceNotOnTick);
        require_within_band(view, market, self.price)?;
        let lapsed = self.expires_at != 0 && i64::from(self.expires_at) <= view.now;
        require!(!lapsed, BallastError::OrderExpired);
        require_gte!(1, self.side, BallastError::ParameterOutOfBounds);
        Ok(Order {
            terms: market.terms,
            price: self.price,
            lots: self.lots,
            id: account.next_order_id,
            client_id: self.client_id,
            placed_slot: slot,
            expires_at: self.expires_at,
            side: self.side,
            reduce_only: self.reduce_only.into(),
            post_only: (self.order_type == OrderType::PostOnly).into(),
            ..Order::default()
        })
    }
}

/// Requires that a market takes orders that may open positions, or at least those that only reduce.
pub(super) fn require_open(market: &Market, reduce_only: bool, now: i64) -> Result<()> {
    match market.status(now) {
        MarketStatus::Active => Ok(()),
        MarketStatus::ReduceOnly if reduce_only => Ok(()),
        MarketStatus::ReduceOnly => err!(BallastError::MarketNotActive),
        MarketStatus::Settling | MarketStatus::Closed => err!(BallastError::MarketExpired),
    }
}

/// Requires that a price lies in the band around the market's mark.
pub(super) fn require_within_band(view: &View, market: &Market, price: u64) -> Result<()> {
    let within = view.is_within_band(&market.terms, price).coded()?;
    require!(within, BallastError::PriceOutsideBand);
    Ok(())
}

/// How many of an order's lots may trade now: a reduce-only order never takes more than the position it reduces.
pub(super) fn fillable(account: &MarginAccount, order: &Order) -> Result<u64> {
    if order.reduce_only == 0 {
        return Ok(order.lots);
    }
    let reducible = reducible(account, order);
    require_gt!(reducible, 0, BallastError::WouldNotReduce);
    Ok(order.lots.min(reducible))
}

/// The lots of the position that lies opposite to an order.
fn reducible(account: &MarginAccount, order: &Order) -> u64 {
    let held = account.lots(&order.terms);
    match order.side() {
        Side::Bid => held.min(0).unsigned_abs(),
        Side::Ask => held.max(0).unsigned_abs(),
    }
}

/// Whether no fill of the order can do anything but reduce the account's position.
pub fn only_reduces(account: &MarginAccount, order: &Order) -> bool {
    let reducible = reducible(account, order);
    reducible > 0 && (order.reduce_only != 0 || order.lots <= reducible)
}

/// Initial health if the order were filled whole at its price.
fn health_if_filled(
    view: &View,
    account: &MarginAccount,
    order: &Order,
    report: &mut Report,
) -> Result<i64> {
    let filled = filled_whole(view, order)?;
    view.assess_with(account, Some(&filled), Purpose::AddRisk, report)
        .coded()?;
    Ok(report.health_initial())
}

/// The same as a stranger may judge it; below 0 anybody may prune the order.
pub fn health_for_pruning(
    view: &View,
    account: &MarginAccount,
    order: &Order,
    report: &mut Report,
) -> Result<i64> {
    let filled = filled_whole(view, order)?;
    view.assess_for_stranger(account, &filled, report).coded()?;
    Ok(report.health_initial())
}

/// The position that an order becomes when it is filled whole at its price.
fn filled_whole(view: &View, order: &Order) -> Result<Position> {
    let lots = i64::try_from(order.lots).map_err(|_| BallastError::Overflow)?;
    let price = i64::try_from(order.price).map_err(|_| BallastError::Overflow)?;
    let quote = lots.checked_mul(price).ok_or(BallastError::Overflow)?;
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
        let index = view.funding_index(order.terms.underlying).coded()?;
        filled.funding_index.set(index);
    }
    Ok(filled)
}

/// Requires that the account can afford the order filled whole at its price, unless that only reduces.
pub(super) fn require_affordable(
    view: &View,
    account: &MarginAccount,
    order: &Order,
    report: &mut Report,
) -> Result<()> {
    if only_reduces(account, order) {
        return Ok(());
    }
    require!(order.reduce_only == 0, BallastError::WouldNotReduce);
    require_surface(view, &order.terms)?;
    let health = health_if_filled(view, account, order, report)?;
    require_gte!(health, 0, BallastError::BelowInitialMargin);
    Ok(())
}

/// Requires a recent volatility surface to open an option.
pub(super) fn require_surface(view: &View, terms: &ballast_state::MarketTerms) -> Result<()> {
    let stale = terms.is_option() && view.surface_is_stale(terms.underlying).coded()?;
    require!(!stale, BallastError::StaleSurface);
    Ok(())
}

/// Rests an order that has been checked.
pub(super) fn rest(account: &mut MarginAccount, order: &Order) -> Result<()> {
    *account.free_order_mut().coded()? = *order;
    Ok(())
}
