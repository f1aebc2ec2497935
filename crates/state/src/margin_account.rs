//! A trader's margin account: balances, positions, resting orders.

use alloc::boxed::Box;

use crate::{
    BALANCES_MAX, LiquidationParameters, MarketTerms, ORDERS_MAX, POSITIONS_MAX, QUOTE_ASSET,
    StateError, StoredI80F48,
};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::funding::payment;
use fixed::types::I80F48;
use solana_pubkey::Pubkey;

layout! {
    /// One margin account.
    account MarginAccount [3504] b"margin\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Who may do everything with it.
        pub owner: Pubkey,
        /// Who may trade, never withdraw; all zero for nobody.
        pub delegate: Pubkey,
        /// When liquidation started, unix seconds; 0 when it is not in liquidation.
        pub liquidation_started_at: i64,
        /// Number of the next order.
        pub next_order_id: u64,
        /// Balances; a slot with 0 shares is free. The first is the quote asset's.
        pub balances: [Balance; BALANCES_MAX],
        /// Positions; a slot with 0 lots and 0 quote is free.
        pub positions: [Position; POSITIONS_MAX],
        /// Resting orders; a slot with 0 lots is free.
        pub orders: [Order; ORDERS_MAX],
        /// Seconds for which the account has been seen below its maintenance margin since the auction began.
        pub auction_elapsed_s: u64,
        /// When it was last seen so, unix seconds.
        pub auction_seen_at: i64,
        /// Room.
        pub reserved: [u64; 5],
        /// The owner's number for it.
        pub sub_account: u16,
        /// Bump of its address.
        pub bump: u8,
        /// Fills the word.
        pub padding: [u8; 5],
    }
}

layout! {
    /// A deposit (positive shares) or a loan (negative) of one asset.
    #[derive(Debug, Default, PartialEq, Eq)]
    part Balance [24] {
        /// Shares; times the asset's deposit or borrow index gives native units.
        pub shares: StoredI80F48,
        /// Index of the asset.
        pub asset: u8,
        /// Fills the word.
        pub padding: [u8; 7],
    }
}

layout! {
    /// A position: worth `base_lots × mark + quote`.
    #[derive(Debug, Default, PartialEq, Eq)]
    part Position [56] {
        /// Long (positive) or short (negative) lots of the underlying.
        pub base_lots: i64,
        /// Quote units received (positive) or paid so far, fees included.
        pub quote: i64,
        /// The perpetual's funding index up to which funding is in `quote`.
        pub funding_index: StoredI80F48,
        /// What it is a position in.
        pub terms: MarketTerms,
    }
}

/// Which side of a market an order is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// Buys.
    Bid = 0,
    /// Sells.
    Ask = 1,
}

layout! {
    /// A resting order.
    #[derive(Debug, Default, PartialEq, Eq)]
    part Order [72] {
        /// What it trades.
        pub terms: MarketTerms,
        /// Limit price, quote units per lot.
        pub price: u64,
        /// Lots that are not filled yet; 0 marks a free slot.
        pub lots: u64,
        /// Number within the account, never used twice while the account exists.
        pub id: u64,
        /// The owner's own number, for his records.
        pub client_id: u64,
        /// Slot in which it was placed; the older of two crossing orders sets the price.
        pub placed_slot: u64,
        /// When it lapses, unix seconds; 0 for never.
        pub expires_at: u32,
        /// A [`Side`].
        pub side: u8,
        /// 1 when it may only reduce a position.
        pub reduce_only: u8,
        /// 1 when it only trades as the older order of two.
        pub post_only: u8,
        /// Fills the word.
        pub padding: u8,
    }
}

impl Order {
    /// The side.
    pub fn side(&self) -> Side {
        if self.side == Side::Bid as u8 {
            Side::Bid
        } else {
            Side::Ask
        }
    }

    /// Whether it has lapsed at `now` (unix seconds).
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at != 0 && now >= i64::from(self.expires_at)
    }
}

impl Balance {
    /// Whether the slot is free.
    pub fn is_free(&self) -> bool {
        self.shares.is_zero()
    }
}

impl Position {
    /// Whether the slot is free.
    pub fn is_free(&self) -> bool {
        self.base_lots == 0 && self.quote == 0
    }

    /// Brings the funding of a perpetual up to an index into `quote` and returns what was received (positive) or paid. Must stand before every
    /// change of lots.
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn settle_funding(&mut self, index: I80F48) -> Result<i64, StateError> {
        let then = self.funding_index.get();
        let received = if self.base_lots == 0 || then == index {
            0
        } else {
            payment(self.base_lots, then, index)?
        };
        self.quote = self
            .quote
            .checked_add(received)
            .ok_or(StateError::Overflow)?;
        self.funding_index.set(index);
        Ok(received)
    }

    /// Adds lots and quote; a slot that ends empty is free.
    ///
    /// # Errors
    /// [`StateError::Overflow`].
    pub fn change(&mut self, base_lots: i64, quote: i64) -> Result<(), StateError> {
        self.base_lots = self
            .base_lots
            .checked_add(base_lots)
            .ok_or(StateError::Overflow)?;
        self.quote = self.quote.checked_add(quote).ok_or(StateError::Overflow)?;
        if self.is_free() {
            *self = Self::default();
        }
        Ok(())
    }
}

impl MarginAccount {
    /// A copy on the heap: too large for the stack of the on-chain program.
    pub fn boxed_copy(&self) -> Box<Self> {
        let mut copy: Box<Self> = bytemuck::allocation::zeroed_box();
        *copy = *self;
        copy
    }

    /// Whether `key` may deposit and trade: the owner or the delegate.
    pub fn may_trade(&self, key: &Pubkey) -> bool {
        *key == self.owner || (*key == self.delegate && self.delegate != Pubkey::default())
    }

    /// Whether it is being liquidated.
    pub fn in_liquidation(&self) -> bool {
        self.liquidation_started_at != 0
    }

    /// Whether nothing is left in it.
    pub fn is_empty(&self) -> bool {
        self.balances.iter().all(Balance::is_free)
            && self.positions.iter().all(Position::is_free)
            && self.orders.iter().all(|order| order.lots == 0)
    }

    /// Whether it owes or may come to owe anything: a loan, an open position, or a loss that is not settled.
    pub fn has_obligations(&self) -> bool {
        self.balances.iter().any(|balance| balance.shares.get() < 0)
            || self
                .positions
                .iter()
                .any(|position| position.base_lots != 0 || position.quote < 0)
    }

    /// Lets the auction's clock see the account now. Only time that is observed counts, at most `gap_max_s` at once, and only
    /// while the account is below its maintenance margin: above it the clock starts again. So nobody can wait for an old
    /// flag to make an account cheap that has recovered in between.
    pub fn observe_auction(&mut self, is_below_maintenance: bool, now: i64, gap_max_s: u64) {
        let gap = now
            .saturating_sub(self.auction_seen_at)
            .max(0)
            .unsigned_abs();
        self.auction_elapsed_s = if is_below_maintenance {
            self.auction_elapsed_s.saturating_add(gap.min(gap_max_s))
        } else {
            0
        };
        self.auction_seen_at = now;
    }

    /// Whether its auction has been watched to its end: nobody took it, whatever the insurance fund could add.
    pub fn auction_has_ended(&self, parameters: &LiquidationParameters) -> bool {
        self.auction_elapsed_s >= parameters.premium_full_s
    }

    /// Puts it into liquidation.
    pub fn start_liquidation(&mut self, now: i64) {
        self.liquidation_started_at = now;
        self.auction_elapsed_s = 0;
        self.auction_seen_at = now;
    }

    /// Takes it out of liquidation.
    pub fn end_liquidation(&mut self) {
        self.liquidation_started_at = 0;
        self.auction_elapsed_s = 0;
        self.auction_seen_at = 0;
    }

    /// The balance of an asset, if there is one.
    pub fn balance(&self, asset: u8) -> Option<&Balance> {
        self.balances
            .iter()
            .find(|balance| !balance.is_free() && balance.asset == asset)
    }

    /// The balance of an asset, in a free slot when there is none yet. The first slot is the quote asset's alone: profits,
    /// losses and liquidations must always find room for cash.
    ///
    /// # Errors
    /// [`StateError::BalanceSlotsFull`].
    pub fn balance_mut(&mut self, asset: u8) -> Result<&mut Balance, StateError> {
        let (quote, others) = self
            .balances
            .split_first_mut()
            .ok_or(StateError::BalanceSlotsFull)?;
        if asset == QUOTE_ASSET {
            return Ok(quote);
        }
        let index = others
            .iter()
            .position(|balance| !balance.is_free() && balance.asset == asset)
            .or_else(|| others.iter().position(Balance::is_free))
            .ok_or(StateError::BalanceSlotsFull)?;
        let balance = &mut others[index];
        balance.asset = asset;
        Ok(balance)
    }

    /// The position in a market, if there is one.
    pub fn position(&self, terms: &MarketTerms) -> Option<&Position> {
        self.positions
            .iter()
            .find(|position| !position.is_free() && position.terms == *terms)
    }

    /// Lots held in a market.
    pub fn lots(&self, terms: &MarketTerms) -> i64 {
        self.position(terms)
            .map_or(0, |position| position.base_lots)
    }

    /// The position in a market, in a free slot when there is none yet.
    ///
    /// # Errors
    /// [`StateError::PositionSlotsFull`].
    pub fn position_mut(&mut self, terms: &MarketTerms) -> Result<&mut Position, StateError> {
        let index = self
            .positions
            .iter()
            .position(|position| !position.is_free() && position.terms == *terms)
            .or_else(|| self.positions.iter().position(Position::is_free))
            .ok_or(StateError::PositionSlotsFull)?;
        let position = &mut self.positions[index];
        position.terms = *terms;
        Ok(position)
    }

    /// A free order slot.
    ///
    /// # Errors
    /// [`StateError::OrderSlotsFull`].
    pub fn free_order_mut(&mut self) -> Result<&mut Order, StateError> {
        self.orders
            .iter_mut()
            .find(|order| order.lots == 0)
            .ok_or(StateError::OrderSlotsFull)
    }

    /// A resting order by its number.
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.orders
            .iter()
            .find(|order| order.lots != 0 && order.id == id)
    }

    /// A resting order by its number.
    pub fn order_mut(&mut self, id: u64) -> Option<&mut Order> {
        self.orders
            .iter_mut()
            .find(|order| order.lots != 0 && order.id == id)
    }
}

offsets!(MarginAccount {
    exchange: 0,
    owner: 32,
    delegate: 64,
    liquidation_started_at: 96,
    balances: 112,
    positions: 496,
    orders: 2288,
    sub_account: 3496,
});
