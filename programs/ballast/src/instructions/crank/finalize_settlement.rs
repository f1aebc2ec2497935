use crate::error::{BallastError, Coded};
use crate::events::SettlementFinalized;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_state::health::View;
use ballast_state::{Board, Exchange, Market, MarketStatus, Pausable};

#[derive(Accounts)]
pub struct FinalizeSettlement<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
}

impl FinalizeSettlement<'_> {
    /// Gives an expired market its settlement price: the average that `refresh_prices` has taken over the window before the expiry, or, where
    /// too little of that was sampled, over the first later one that was covered, or, where a week brought none, the slow price.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let mut market = ctx.accounts.market.load_mut()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::FinalizeSettlement, view.now)?;
        require!(
            market.status(view.now) == MarketStatus::Settling,
            BallastError::NotSettling
        );
        let (price, window) = view
            .settlement(&market.terms)
            .coded()?
            .ok_or(BallastError::SettlementNotReady)?;
        market.settlement_price = price;
        market.status = MarketStatus::Closed as u8;

        emit!(SettlementFinalized {
            market: ctx.accounts.market.key(),
            terms: market.terms.into(),
            settlement_price: price,
            window,
        });
        Ok(())
    }
}
