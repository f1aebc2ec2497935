use crate::error::{BallastError, Coded};
use crate::events::Terms;
use crate::instructions::{MarketParameters, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::numbers::mul_price_q32_floor;
use ballast_state::health::View;
use ballast_state::{
    Board, Exchange, Market, MarketStatus, MarketTerms, Pausable, is_on_expiry_grid, seeds,
};
use fixed::types::I80F48;

#[derive(Accounts)]
#[instruction(terms: Terms)]
pub struct ListSeries<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(
        init,
        payer = creator,
        space = Market::ACCOUNT_LEN,
        seeds = [
            seeds::MARKET,
            exchange.key().as_ref(),
            bytemuck::bytes_of(&MarketTerms::from(terms)),
        ],
        bump
    )]
    pub market: AccountLoader<'info, Market>,
    /// Pays the rent and gets it back when the series is closed.
    #[account(mut)]
    pub creator: Signer<'info>,
    pub system_program: Program<'info, System>,
}

impl ListSeries<'_> {
    /// Opens an option series on the grid of expiries and strikes, with the underlying's parameters for series.
    pub fn handle(ctx: Context<Self>, terms: Terms) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::ListSeries, view.now)?;
        let market_terms = MarketTerms::from(terms);
        market_terms.kind().coded()?;
        require!(
            market_terms.is_option(),
            BallastError::UnsupportedInstrument
        );
        require!(
            is_on_expiry_grid(terms.expiry, view.now),
            BallastError::ExpiryNotOnGrid
        );
        let listed = exchange.underlying(terms.underlying).coded()?;
        // Without a step no series are listed on this underlying.
        let on_step = listed.strike_step > 0
            && terms.strike > 0
            && terms.strike.is_multiple_of(listed.strike_step);
        require!(on_step, BallastError::StrikeNotOnGrid);
        let mark = view.fresh_mark(terms.underlying).coded()?;
        let strike = I80F48::from_num(terms.strike);
        let span = |price| mul_price_q32_floor(price, listed.strike_span_q32).coded();
        let near = strike <= span(mark)? && mark <= span(strike)?;
        require!(near, BallastError::StrikeNotOnGrid);

        let parameters = MarketParameters {
            tick_size: listed.option_tick_size,
            order_minimum_lots: 1,
            open_interest_cap_lots: listed.option_open_interest_cap_lots,
            status: MarketStatus::Active as u8,
        };
        parameters.open(
            &ctx.accounts.market,
            ctx.accounts.exchange.key(),
            ctx.accounts.creator.key(),
            terms,
            ctx.bumps.market,
        )
    }
}
