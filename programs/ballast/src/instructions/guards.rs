//! Checks that several instructions begin with.

use crate::error::BallastError;
use anchor_lang::prelude::*;
use ballast_state::{AssetIndexes, Bank, Exchange, Pausable};

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
pub(super) fn require_accrued(
    bank: &Bank,
    indexes: &AssetIndexes,
    now: i64,
    lends: bool,
) -> Result<()> {
    require!(
        bank.is_accrued(indexes, now, lends),
        BallastError::AccrueInterestFirst
    );
    Ok(())
}
