//! Checks that several instructions begin with.

use crate::error::{BallastError, Coded};
use anchor_lang::prelude::*;
use ballast_state::health::View;
use ballast_state::{Bank, Exchange, Pausable};

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
