use crate::error::{BallastError, Coded};
use crate::events::FundingUpdated;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_risk::funding::{funding_rate_q32, index_change};
use ballast_state::health::View;
use ballast_state::{Board, Exchange, Market, Pausable};

#[derive(Accounts)]
pub struct UpdateFunding<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
}

impl UpdateFunding<'_> {
    /// Sets a perpetual's funding rate from the average premium since the last time. The rate holds from now on, so that nobody can enter or
    /// leave a position for funding that is in the past already.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let mut board = ctx.accounts.board.load_mut()?;
        let mut market = ctx.accounts.market.load_mut()?;
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(&exchange, Pausable::UpdateFunding, now)?;
        require!(
            market.terms.is_perpetual(),
            BallastError::UnsupportedInstrument
        );
        let underlying = market.terms.underlying;
        let listed = exchange.underlying(underlying).coded()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        let mark = view.fresh_mark(underlying).coded()?;
        let index = view.funding_index(underlying).coded()?;
        let state = &mut board.perpetuals[usize::from(underlying)];
        let elapsed_s = now.saturating_sub(state.updated_at).max(0).unsigned_abs();
        require_gte!(elapsed_s, listed.funding_interval_s, BallastError::TooEarly);
        market.observe_premium(now, listed.funding_interval_s);
        let rate_q32 = funding_rate_q32(
            market.premium_sum_q32,
            elapsed_s,
            listed.funding_maximum_q32,
        );
        let per_second = index_change(rate_q32, mark, 1, listed.funding_period_s).coded()?;
        market.premium_sum_q32 = 0;
        state.index.set(index);
        state.per_second.set(per_second);
        state.updated_at = now;
        state.stands_until = now.saturating_add_unsigned(listed.funding_period_s);

        emit!(FundingUpdated {
            market: ctx.accounts.market.key(),
            rate_q32,
            index_bits: index.to_bits(),
            per_second_bits: per_second.to_bits(),
        });
        Ok(())
    }
}
