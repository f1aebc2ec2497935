//! Checks that several instructions share.

use crate::error::{BallastError, Coded};
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Bank, Exchange, MarginAccount, Pausable};

/// Requires that the instruction is not paused.
pub(super) fn require_not_paused(
    exchange: &Exchange,
    instruction: Pausable,
    now: i64,
) -> Result<()> {
    require!(!exchange.is_paused(instruction, now), BallastError::Paused);
    Ok(())
}

/// Requires that interest is accrued before shares of a bank change; `lends` when they may become a loan.
pub(super) fn require_accrued(view: &View, bank: &Bank, lends: bool) -> Result<()> {
    let asset = view.exchange.asset(bank.asset).coded()?;
    let indexes = view.board.indexes(bank.asset).coded()?;
    require!(
        bank.is_accrued(asset, indexes, view.now, lends),
        BallastError::AccrueInterestFirst
    );
    Ok(())
}

/// Requires initial margin of an account from which something has left. Who owes nothing may always leave, whatever the state of the
/// prices.
pub(super) fn require_margin_to_leave(
    view: &View,
    account: &MarginAccount,
    report: &mut Report,
) -> Result<()> {
    if account.has_obligations() && !planted(Bug::MissingMarginCheck) {
        view.assess(account, Purpose::AddRisk, report).coded()?;
        require_gte!(report.health_initial(), 0, BallastError::BelowInitialMargin);
    }
    Ok(())
}
