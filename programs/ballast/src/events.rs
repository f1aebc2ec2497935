//! What the program tells indexers, keepers and traders. Amounts are native units of the asset, prices and values quote
//! units, sizes lots, unless a name says otherwise.

use crate::instructions::SurfaceArgs;
use anchor_lang::prelude::*;
use ballast_state::{MarketTerms, Order};

/// Terms of a market, as events carry them.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub expiry: i64,
    pub strike: u64,
    pub underlying: u8,
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

#[event]
pub struct ExchangeInitialized {
    pub exchange: Pubkey,
    pub board: Pubkey,
    pub insurance_fund: Pubkey,
    pub admin: Pubkey,
}

#[event]
pub struct AssetAdded {
    pub exchange: Pubkey,
    pub asset: u8,
    pub mint: Pubkey,
    pub bank: Pubkey,
    pub feed: u8,
}

#[event]
pub struct UnderlyingAdded {
    pub exchange: Pubkey,
    pub underlying: u8,
    pub feed: u8,
    pub lot_size: u64,
}

#[event]
pub struct MarketAdded {
    pub exchange: Pubkey,
    pub market: Pubkey,
    pub terms: Terms,
    /// Who paid the rent.
    pub creator: Pubkey,
}

#[event]
pub struct MarketClosed {
    pub market: Pubkey,
    pub terms: Terms,
    /// Who got the rent back.
    pub creator: Pubkey,
    /// Fees that went to the quote asset's bank.
    pub fees: u64,
}

#[event]
pub struct FeesCollected {
    pub market: Pubkey,
    pub amount: u64,
}

#[event]
pub struct SurfacePosted {
    pub exchange: Pubkey,
    pub surface: SurfaceArgs,
}

#[event]
pub struct FundingUpdated {
    pub market: Pubkey,
    /// Rate per period from now on, Q32; positive when longs pay.
    pub rate_q32: i64,
    /// Bits of an I80F48: quote units that one long lot has paid so far.
    pub index_bits: i128,
    /// Bits of an I80F48: what it pays in a second from now on.
    pub per_second_bits: i128,
}

#[event]
pub struct SettlementFinalized {
    pub market: Pubkey,
    pub terms: Terms,
    /// Price of the underlying, quote units per lot.
    pub settlement_price: u64,
    /// The expiry over whose window it was averaged, unix seconds; 0 for the slow price.
    pub window: i64,
}

#[event]
pub struct PositionSettled {
    pub margin_account: Pubkey,
    pub market: Pubkey,
    /// Lots that became quote.
    pub base_lots: i64,
    /// Quote units per long lot.
    pub payoff: u64,
}

#[event]
pub struct AccountOpened {
    pub exchange: Pubkey,
    pub margin_account: Pubkey,
    pub owner: Pubkey,
    pub sub_account: u16,
}

#[event]
pub struct AccountClosed {
    pub exchange: Pubkey,
    pub margin_account: Pubkey,
    pub owner: Pubkey,
}

#[event]
pub struct Deposited {
    pub margin_account: Pubkey,
    pub asset: u8,
    /// What arrived in the vault.
    pub amount: u64,
    pub depositor: Pubkey,
}

#[event]
pub struct Withdrawn {
    pub margin_account: Pubkey,
    pub asset: u8,
    pub amount: u64,
    /// The part of the amount that was borrowed.
    pub borrowed: u64,
    /// Origination fee, owed on top of what was borrowed.
    pub fee: u64,
}

#[event]
pub struct Transferred {
    pub from: Pubkey,
    pub to: Pubkey,
    pub asset: u8,
    pub amount: u64,
}

#[event]
pub struct DelegateSet {
    pub margin_account: Pubkey,
    /// All zero for nobody.
    pub delegate: Pubkey,
}

#[event]
pub struct InterestAccrued {
    pub exchange: Pubkey,
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

#[event]
pub struct FeesWithdrawn {
    pub exchange: Pubkey,
    pub asset: u8,
    pub amount: u64,
    pub destination: Pubkey,
}

#[event]
pub struct PauseSet {
    pub exchange: Pubkey,
    /// One bit per instruction.
    pub instructions: u64,
    /// Unix seconds.
    pub ends_at: i64,
    /// Who set it.
    pub authority: Pubkey,
}

#[event]
pub struct AuthorityProposed {
    pub exchange: Pubkey,
    /// 0 admin, 1 risk authority, 2 guardian.
    pub role: u8,
    pub proposed: Pubkey,
}

#[event]
pub struct AuthorityAccepted {
    pub exchange: Pubkey,
    /// 0 admin, 1 risk authority, 2 guardian.
    pub role: u8,
    pub authority: Pubkey,
}

/// Parameters were written: the account holds the new ones.
#[event]
pub struct ParametersChanged {
    pub exchange: Pubkey,
    /// 0 exchange, 1 asset, 2 underlying, 3 feed, 4 market.
    pub table: u8,
    /// Place in the table.
    pub index: u8,
}

#[event]
pub struct PriceUpdated {
    pub exchange: Pubkey,
    pub feed: u8,
    /// Bits of an I80F48: quote units per native unit.
    pub price_bits: i128,
    /// Same unit.
    pub confidence_bits: i128,
    pub publish_time: i64,
}

#[event]
pub struct PriceRefused {
    pub exchange: Pubkey,
    pub account: Pubkey,
    /// The error code.
    pub reason: u32,
}

#[event]
pub struct OrderPlaced {
    pub margin_account: Pubkey,
    pub terms: Terms,
    pub order_id: u64,
    pub client_id: u64,
    /// 0 buys, 1 sells.
    pub side: u8,
    /// Quote units per lot.
    pub price: u64,
    pub lots: u64,
    pub expires_at: u32,
    pub reduce_only: bool,
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
    pub margin_account: Pubkey,
    pub order_id: u64,
    /// Lots that were not filled.
    pub lots: u64,
}

/// A taker has passed over a maker's order.
#[event]
pub struct MakerSkipped {
    pub market: Pubkey,
    pub maker: Pubkey,
    pub order_id: u64,
    /// The error code.
    pub reason: u32,
}

#[event]
pub struct OrderCancelled {
    pub margin_account: Pubkey,
    pub order_id: u64,
    /// Lots that were not filled.
    pub lots: u64,
}

#[event]
pub struct OrderFilled {
    pub market: Pubkey,
    pub maker: Pubkey,
    pub taker: Pubkey,
    pub maker_order_id: u64,
    pub taker_order_id: u64,
    /// Side of the taker: 0 buys, 1 sells.
    pub taker_side: u8,
    /// Quote units per lot.
    pub price: u64,
    pub lots: u64,
    pub maker_fee: u64,
    pub taker_fee: u64,
    /// Funding that the maker received (positive) or paid before.
    pub maker_funding: i64,
    /// Funding that the taker received or paid before.
    pub taker_funding: i64,
    pub filler: Option<FillerPaid>,
}

/// A filler's part of both fees.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillerPaid {
    pub margin_account: Pubkey,
    pub fee: u64,
    /// Funding that the account received (positive) or paid before.
    pub funding: i64,
}

#[event]
pub struct PnlSettled {
    pub margin_account: Pubkey,
    pub market: Pubkey,
    /// Positive: profit paid in cash. Negative: loss taken from cash.
    pub amount: i64,
    /// Funding that was received (positive) or paid before.
    pub funding: i64,
}

#[event]
pub struct LiquidationStarted {
    pub margin_account: Pubkey,
    pub equity_maintenance: i64,
    pub maintenance_margin: i64,
    pub started_at: i64,
}

#[event]
pub struct LiquidationEnded {
    pub margin_account: Pubkey,
}

/// A balance that changed hands: native units, negative for a loan.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedBalance {
    pub asset: u8,
    pub amount: i64,
}

/// A position that changed hands.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedPosition {
    pub terms: Terms,
    pub base_lots: i64,
    pub quote: i64,
    /// Funding that the account and the liquidator received (positive) or paid before.
    pub funding: [i64; 2],
}

#[event]
pub struct Liquidated {
    pub margin_account: Pubkey,
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
    pub balances: Vec<MovedBalance>,
    pub positions: Vec<MovedPosition>,
}

/// Lots of an insolvent account were closed against a counterparty's.
#[event]
pub struct Deleveraged {
    pub market: Pubkey,
    pub margin_account: Pubkey,
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
    pub margin_account: Pubkey,
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
    pub exchange: Pubkey,
    pub asset: u8,
    pub amount: u64,
    pub destination: Pubkey,
}
