//! What the program tells indexers, keepers and traders. Amounts are native units of the asset, prices and values quote
//! units, sizes lots, unless a name says otherwise.
#![warn(missing_docs)]

use crate::instructions::SurfaceArgs;
use anchor_lang::prelude::*;
use ballast_state::{MarketTerms, Order};

/// Terms of a market, as events carry them.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Unix seconds; 0 for a perpetual.
    pub expiry: i64,
    /// Quote units per lot; 0 for perpetuals and futures.
    pub strike: u64,
    /// Index of the underlying.
    pub underlying: u8,
    /// 0 perpetual, 1 future, 2 call, 3 put.
    pub kind: u8,
}

impl From<MarketTerms> for Terms {
    fn from(terms: MarketTerms) -> Self {
        Self {
            expiry: terms.expiry,
            strike: terms.strike,
            underlying: terms.underlying,
            kind: terms.kind,
        }
    }
}

/// An exchange was created.
#[event]
pub struct ExchangeInitialized {
    /// The exchange.
    pub exchange: Pubkey,
    /// Its board.
    pub board: Pubkey,
    /// Its insurance fund.
    pub insurance_fund: Pubkey,
    /// Its admin.
    pub admin: Pubkey,
}

/// A token was listed.
#[event]
pub struct AssetAdded {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Its mint.
    pub mint: Pubkey,
    /// Its bank.
    pub bank: Pubkey,
    /// Index of the price feed.
    pub feed: u8,
}

/// An underlying was listed.
#[event]
pub struct UnderlyingAdded {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the underlying.
    pub underlying: u8,
    /// Index of the price feed.
    pub feed: u8,
    /// Base units in a lot.
    pub lot_size: u64,
}

/// A market was opened.
#[event]
pub struct MarketAdded {
    /// The exchange.
    pub exchange: Pubkey,
    /// The market.
    pub market: Pubkey,
    /// What it trades.
    pub terms: Terms,
    /// Who paid the rent.
    pub creator: Pubkey,
}

/// A settled market in which nothing was left was closed.
#[event]
pub struct MarketClosed {
    /// The market.
    pub market: Pubkey,
    /// What it trades.
    pub terms: Terms,
    /// Who got the rent back.
    pub creator: Pubkey,
    /// Fees that went to the quote asset's bank.
    pub fees: u64,
}

/// A market's fees went to the quote asset's bank.
#[event]
pub struct FeesCollected {
    /// The market.
    pub market: Pubkey,
    /// Quote units.
    pub amount: u64,
}

/// A volatility surface was posted.
#[event]
pub struct SurfacePosted {
    /// The exchange.
    pub exchange: Pubkey,
    /// What was posted.
    pub surface: SurfaceArgs,
}

/// A perpetual's funding rate was set.
#[event]
pub struct FundingUpdated {
    /// The market.
    pub market: Pubkey,
    /// Rate per period from now on, Q32; positive when longs pay.
    pub rate_q32: i64,
    /// Bits of an I80F48: quote units that one long lot has paid so far.
    pub index_bits: i128,
    /// Bits of an I80F48: what it pays in a second from now on.
    pub per_second_bits: i128,
}

/// An expired market has its settlement price.
#[event]
pub struct SettlementFinalized {
    /// The market.
    pub market: Pubkey,
    /// What it trades.
    pub terms: Terms,
    /// Price of the underlying, quote units per lot.
    pub settlement_price: u64,
    /// The expiry over whose window it was averaged, unix seconds; 0 for the slow price.
    pub window: i64,
}

/// Lots of an expired market became quote.
#[event]
pub struct PositionSettled {
    /// The margin account.
    pub margin_account: Pubkey,
    /// The market.
    pub market: Pubkey,
    /// Lots that became quote.
    pub base_lots: i64,
    /// Quote units per long lot.
    pub payoff: u64,
}

/// A margin account was opened.
#[event]
pub struct AccountOpened {
    /// The exchange.
    pub exchange: Pubkey,
    /// The margin account.
    pub margin_account: Pubkey,
    /// Its owner.
    pub owner: Pubkey,
    /// The owner's number for it.
    pub sub_account: u16,
}

/// An empty margin account was closed.
#[event]
pub struct AccountClosed {
    /// The exchange.
    pub exchange: Pubkey,
    /// The margin account.
    pub margin_account: Pubkey,
    /// Its owner.
    pub owner: Pubkey,
}

/// Tokens came in.
#[event]
pub struct Deposited {
    /// The margin account.
    pub margin_account: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// What arrived in the vault, native units.
    pub amount: u64,
    /// Who signed and paid.
    pub depositor: Pubkey,
}

/// Tokens went out to the owner.
#[event]
pub struct Withdrawn {
    /// The margin account.
    pub margin_account: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Native units that left the vault.
    pub amount: u64,
    /// The part of the amount that was borrowed.
    pub borrowed: u64,
    /// Origination fee, owed on top of what was borrowed.
    pub fee: u64,
}

/// A deposit moved between two accounts of one owner.
#[event]
pub struct Transferred {
    /// Margin account that had it.
    pub from: Pubkey,
    /// Margin account that has it.
    pub to: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Native units.
    pub amount: u64,
}

/// An owner named a delegate or took that back.
#[event]
pub struct DelegateSet {
    /// The margin account.
    pub margin_account: Pubkey,
    /// All zero for nobody.
    pub delegate: Pubkey,
}

/// An asset's interest was brought up to now.
#[event]
pub struct InterestAccrued {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Bits of an I80F48: native units per share.
    pub deposit_index_bits: i128,
    /// Same unit.
    pub borrow_index_bits: i128,
    /// All deposits, rounded up.
    pub deposits: u64,
    /// All loans, rounded up.
    pub loans: u64,
    /// What went to the exchange this time.
    pub fees: u64,
    /// What went to the insurance fund this time.
    pub insurance: u64,
}

/// The admin has taken fees out of a bank.
#[event]
pub struct FeesWithdrawn {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Native units.
    pub amount: u64,
    /// Token account that got it.
    pub destination: Pubkey,
}

/// A pause was set, changed or ended.
#[event]
pub struct PauseSet {
    /// The exchange.
    pub exchange: Pubkey,
    /// One bit per instruction.
    pub instructions: u64,
    /// Unix seconds.
    pub ends_at: i64,
    /// Who set it.
    pub authority: Pubkey,
}

/// The admin has proposed an authority.
#[event]
pub struct AuthorityProposed {
    /// The exchange.
    pub exchange: Pubkey,
    /// 0 admin, 1 risk authority, 2 guardian.
    pub role: u8,
    /// All zero takes a proposal back.
    pub proposed: Pubkey,
}

/// An authority has changed hands.
#[event]
pub struct AuthorityAccepted {
    /// The exchange.
    pub exchange: Pubkey,
    /// 0 admin, 1 risk authority, 2 guardian.
    pub role: u8,
    /// Who has it now.
    pub authority: Pubkey,
}

/// Parameters were written: the account holds the new ones.
#[event]
pub struct ParametersChanged {
    /// The exchange.
    pub exchange: Pubkey,
    /// 0 exchange, 1 asset, 2 underlying, 3 feed, 4 market.
    pub table: u8,
    /// Place in the table.
    pub index: u8,
}

/// A feed took a price.
#[event]
pub struct PriceUpdated {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the price feed.
    pub feed: u8,
    /// Bits of an I80F48: quote units per native unit.
    pub price_bits: i128,
    /// Same unit.
    pub confidence_bits: i128,
    /// When it was published, unix seconds.
    pub publish_time: i64,
}

/// A feed did not take the price of an account.
#[event]
pub struct PriceRefused {
    /// The exchange.
    pub exchange: Pubkey,
    /// The price account.
    pub account: Pubkey,
    /// The error code.
    pub reason: u32,
}

/// An order rests.
#[event]
pub struct OrderPlaced {
    /// The margin account.
    pub margin_account: Pubkey,
    /// What it trades.
    pub terms: Terms,
    /// Number of the order in the account.
    pub order_id: u64,
    /// The owner's own number.
    pub client_id: u64,
    /// 0 buys, 1 sells.
    pub side: u8,
    /// Quote units per lot.
    pub price: u64,
    /// Lots that rest.
    pub lots: u64,
    /// Unix seconds; 0 for never.
    pub expires_at: u32,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// Whether it only trades as the older of two.
    pub post_only: bool,
}

impl OrderPlaced {
    /// Of an order that rests now.
    pub fn new(margin_account: Pubkey, order: &Order) -> Self {
        Self {
            margin_account,
            terms: order.terms.into(),
            order_id: order.id,
            client_id: order.client_id,
            side: order.side,
            price: order.price,
            lots: order.lots,
            expires_at: order.expires_at,
            reduce_only: order.reduce_only != 0,
            post_only: order.post_only != 0,
        }
    }
}

/// Anyone has removed an order that could not trade any more.
#[event]
pub struct OrderPruned {
    /// The margin account.
    pub margin_account: Pubkey,
    /// Number of the order in the account.
    pub order_id: u64,
    /// Lots that were not filled.
    pub lots: u64,
}

/// A taker has passed over a maker's order.
#[event]
pub struct MakerSkipped {
    /// The market.
    pub market: Pubkey,
    /// Margin account of the older order.
    pub maker: Pubkey,
    /// Number of the order in the account.
    pub order_id: u64,
    /// The error code.
    pub reason: u32,
}

/// An order was taken back, or cancelled as a liquidation began.
#[event]
pub struct OrderCancelled {
    /// The margin account.
    pub margin_account: Pubkey,
    /// Number of the order in the account.
    pub order_id: u64,
    /// Lots that were not filled.
    pub lots: u64,
}

/// Two orders traded.
#[event]
pub struct OrderFilled {
    /// The market.
    pub market: Pubkey,
    /// Margin account of the older order.
    pub maker: Pubkey,
    /// Margin account of the younger order.
    pub taker: Pubkey,
    /// Number of the maker's order.
    pub maker_order_id: u64,
    /// Number of the taker's order.
    pub taker_order_id: u64,
    /// Side of the taker: 0 buys, 1 sells.
    pub taker_side: u8,
    /// Quote units per lot.
    pub price: u64,
    /// Lots that changed hands.
    pub lots: u64,
    /// Quote units that the maker paid.
    pub maker_fee: u64,
    /// Quote units that the taker paid.
    pub taker_fee: u64,
    /// Funding that the maker received (positive) or paid before.
    pub maker_funding: i64,
    /// Funding that the taker received or paid before.
    pub taker_funding: i64,
    /// What the filler got of both fees, if it takes a share.
    pub filler: Option<FillerPaid>,
}

/// A filler's part of both fees.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillerPaid {
    /// The filler's margin account.
    pub margin_account: Pubkey,
    /// Quote units.
    pub fee: u64,
    /// Funding that the account received (positive) or paid before.
    pub funding: i64,
}

/// An account's profit or loss in a market became cash.
#[event]
pub struct PnlSettled {
    /// The margin account.
    pub margin_account: Pubkey,
    /// The market.
    pub market: Pubkey,
    /// Positive: profit paid in cash. Negative: loss taken from cash.
    pub amount: i64,
    /// Funding that was received (positive) or paid before.
    pub funding: i64,
}

/// An account was flagged; its auction begins.
#[event]
pub struct LiquidationStarted {
    /// The margin account.
    pub margin_account: Pubkey,
    /// Equity after haircuts, quote units.
    pub equity_maintenance: i64,
    /// Quote units.
    pub maintenance_margin: i64,
    /// Unix seconds.
    pub started_at: i64,
}

/// An account is out of liquidation.
#[event]
pub struct LiquidationEnded {
    /// The margin account.
    pub margin_account: Pubkey,
}

/// A balance that changed hands: native units, negative for a loan.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedBalance {
    /// Index of the asset.
    pub asset: u8,
    /// Native units; negative for a loan.
    pub amount: i64,
}

/// A position that changed hands.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedPosition {
    /// The market it is in.
    pub terms: Terms,
    /// Lots; negative when short.
    pub base_lots: i64,
    /// Quote units that went with them: received (positive) or paid so far.
    pub quote: i64,
    /// Funding that the account and the liquidator received (positive) or paid before.
    pub funding: [i64; 2],
}

/// A slice of an account was taken over.
#[event]
pub struct Liquidated {
    /// The account in liquidation.
    pub margin_account: Pubkey,
    /// Margin account that took it.
    pub liquidator: Pubkey,
    /// Fraction of the portfolio that was taken, Q32.
    pub fraction_q32: u64,
    /// Price of the whole portfolio in the auction, quote units.
    pub price: i64,
    /// What the liquidator paid into the account; negative when the account paid (rounding to lots).
    pub payment: i64,
    /// What the liquidator paid to the insurance fund.
    pub insurance_fee: u64,
    /// What the insurance fund paid to the liquidator.
    pub insurance_payment: u64,
    /// Mark-to-market equity before; at or below 0 the account was insolvent.
    pub equity_mark: i64,
    /// Balances that moved to the liquidator.
    pub balances: Vec<MovedBalance>,
    /// Positions that moved to the liquidator.
    pub positions: Vec<MovedPosition>,
}

/// Lots of an insolvent account were closed against a counterparty's.
#[event]
pub struct Deleveraged {
    /// The market.
    pub market: Pubkey,
    /// The insolvent account.
    pub margin_account: Pubkey,
    /// Margin account in profit on the other side.
    pub counterparty: Pubkey,
    /// Lots of the insolvent account that were closed; the counterparty's were opposite.
    pub base_lots: i64,
    /// What the insolvent account's quote grew by and the counterparty's fell by.
    pub quote: i64,
    /// The part of that which the counterparty gave up of his profit.
    pub given_up: i64,
    /// Mark-to-market equity of the insolvent account before.
    pub equity_mark: i64,
    /// Funding that the account and the counterparty received (positive) or paid before.
    pub funding: [i64; 2],
}

/// Depositors of an asset have borne a loss.
#[event]
pub struct BankruptcyResolved {
    /// The insolvent account.
    pub margin_account: Pubkey,
    /// Index of the asset whose depositors bear it.
    pub asset: u8,
    /// Native units of the loan that were written off.
    pub written_off: u64,
    /// Bits of an I80F48: the deposit index afterwards.
    pub deposit_index_bits: i128,
    /// Mark-to-market equity of the account before.
    pub equity_mark: i64,
}

/// Governance has taken cash out of the insurance fund.
#[event]
pub struct InsuranceWithdrawn {
    /// The exchange.
    pub exchange: Pubkey,
    /// Index of the asset.
    pub asset: u8,
    /// Native units.
    pub amount: u64,
    /// Token account that got it.
    pub destination: Pubkey,
}
