use super::bounds::within;
use crate::error::BallastError;
use crate::events::PauseSet;
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_risk::time::DAY_S;
use ballast_state::{Exchange, PAUSABLE_ALL};

/// Longest pause, seconds: three days.
pub const PAUSE_MAX_S: u64 = 3 * DAY_S;
/// The guardian's next pause must wait so long after the last one, seconds: a day.
pub const PAUSE_GAP_S: i64 = DAY_S as i64;

#[derive(Accounts)]
pub struct SetPause<'info> {
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The admin or the guardian.
    pub authority: Signer<'info>,
}

impl SetPause<'_> {
    /// Pauses instructions (one bit each) for so many seconds. While a pause lasts the guardian may widen it, shorten it or end it, but not
    /// prolong it nor take an instruction out, and begins another one only after a gap. The admin may do anything within the longest pause.
    pub fn handle(ctx: Context<Self>, instructions: u64, seconds: u64) -> Result<()> {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        let authority = ctx.accounts.authority.key();
        let is_admin = authority == exchange.admin;
        require!(
            is_admin || authority == exchange.guardian || planted(Bug::MissingAuthority),
            BallastError::NotAdminOrGuardian
        );
        within("instructions", instructions, 0, PAUSABLE_ALL)?;
        require_gte!(PAUSE_MAX_S, seconds, BallastError::PauseTooLong);
        let now = Clock::get()?.unix_timestamp;
        let ends_at = now.saturating_add(seconds as i64);
        if !is_admin {
            let lasts = now < exchange.pause_ends_at;
            let rested = now >= exchange.pause_ends_at.saturating_add(PAUSE_GAP_S);
            let keeps = instructions & exchange.paused_instructions == exchange.paused_instructions;
            let within_present = lasts && ends_at <= exchange.pause_ends_at && keeps;
            require!(rested || within_present, BallastError::PauseTooLong);
        }
        exchange.paused_instructions = instructions;
        exchange.pause_ends_at = ends_at;
        emit!(PauseSet {
            exchange: ctx.accounts.exchange.key(),
            instructions,
            ends_at,
            authority,
        });
        Ok(())
    }
}
