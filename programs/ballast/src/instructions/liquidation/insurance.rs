//! What the insurance fund can pay, and whether it is the turn of those behind it.

use crate::error::{BallastError, Coded};
use anchor_lang::prelude::*;
use ballast_risk::liquidation::auction_price;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{MarginAccount, QUOTE_ASSET, ledger};

/// Cash of the fund, quote units.
pub(super) fn fund_cash(view: &View, fund: &MarginAccount) -> Result<u64> {
    let indexes = view.board.indexes(QUOTE_ASSET).coded()?;
    ledger::deposit(fund, QUOTE_ASSET, indexes).coded()
}

/// Whether the fund can pay nothing worth a slice of what a portfolio costs it: a rest that pays for less than a dust account would only move
/// rounding errors about.
pub(super) fn is_exhausted(view: &View, available: u64, cost: u64) -> bool {
    available < cost.min(view.exchange.liquidation.dust_value.max(1))
}

/// What an insolvent account lacks, quote units, once nobody but its counterparties and lenders can bear it: it is in liquidation, its equity at
/// marks is below nothing, and the insurance fund is exhausted.
pub(super) fn uninsured_deficit(
    view: &View,
    account: &MarginAccount,
    fund: &MarginAccount,
    report: &mut Report,
) -> Result<i64> {
    require!(
        account.in_liquidation(),
        BallastError::LiquidationNotStarted
    );
    view.assess(account, Purpose::Liquidate, report).coded()?;
    require_gt!(0, report.equity_mark, BallastError::NotInsolvent);
    let price = auction_price(
        &view.exchange.liquidation.auction(),
        report.equity_mark,
        report.maintenance_margin,
        account.auction_elapsed_s,
    )
    .coded()?;
    let available = fund_cash(view, fund)?;
    require!(
        is_exhausted(view, available, price.unsigned_abs()),
        BallastError::InsuranceFundNotEmpty
    );
    Ok(report.equity_mark.saturating_neg())
}
