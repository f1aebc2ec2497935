use crate::error::{BallastError, Coded};
use crate::events::PositionSettled;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::{Exchange, MarginAccount, Market, MarketStatus, Pausable};

#[derive(Accounts)]
pub struct SettlePosition<'info> {
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SettlePosition<'_> {
    /// Turns the lots of a settled market into quote at their payoff, exactly; `settle_pnl` then moves it into cash.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(
            &*ctx.accounts.exchange.load()?,
            Pausable::SettlePosition,
            now,
        )?;
        let mut market = ctx.accounts.market.load_mut()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require!(
            market.status(now) == MarketStatus::Closed,
            BallastError::SettlementPending
        );
        let before = *account
            .position(&market.terms)
            .ok_or(BallastError::PositionNotFound)?;
        let lots = before.base_lots;
        require_neq!(lots, 0, BallastError::NothingToSettle);
        let payoff = market.terms.payoff(market.settlement_price).coded()?;
        let received = i64::try_from(payoff)
            .ok()
            .and_then(|payoff| payoff.checked_mul(lots))
            .ok_or(BallastError::Overflow)?;
        let position = account.position_mut(&market.terms).coded()?;
        position.change(-lots, received).coded()?;
        if !planted(Bug::TotalsForgotten) {
            market.book(&before, position).coded()?;
        }

        emit!(PositionSettled {
            margin_account: ctx.accounts.margin_account.key(),
            market: ctx.accounts.market.key(),
            base_lots: lots,
            payoff,
        });
        Ok(())
    }
}
