//! What an order says, and whether an account may have it.

use crate::error::{BallastError, Coded};
use anchor_lang::prelude::*;
use ballast_state::health::{Report, View};
use ballast_state::{MarginAccount, Market, MarketStatus, MarketTerms, Order};

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

/// How many of an order's lots may trade now; refused for a reduce-only order that would not reduce.
pub(super) fn fillable(account: &MarginAccount, order: &Order) -> Result<u64> {
    let lots = account.fillable(order);
    require!(
        order.reduce_only == 0 || lots > 0,
        BallastError::WouldNotReduce
    );
    Ok(lots)
}

/// Requires that the account can afford the order filled whole at its price, unless that only reduces.
pub(super) fn require_affordable(
    view: &View,
    account: &MarginAccount,
    order: &Order,
    report: &mut Report,
) -> Result<()> {
    if account.only_reduces(order) {
        return Ok(());
    }
    require!(order.reduce_only == 0, BallastError::WouldNotReduce);
    require_surface(view, &order.terms)?;
    let health = view.health_if_filled(account, order, report).coded()?;
    require_gte!(health, 0, BallastError::BelowInitialMargin);
    Ok(())
}

/// Requires a recent volatility surface to open an option.
fn require_surface(view: &View, terms: &MarketTerms) -> Result<()> {
    let lacking = view.lacks_surface(terms).coded()?;
    require!(!lacking, BallastError::StaleSurface);
    Ok(())
}

/// Rests an order that has been checked.
pub(super) fn rest(account: &mut MarginAccount, order: &Order) -> Result<()> {
    *account.free_order_mut().coded()? = *order;
    Ok(())
}
