use super::AssetParameters;
use crate::error::{BallastError, Coded};
use crate::events::ParametersChanged;
use anchor_lang::prelude::*;
use ballast_state::{Bank, Board, Exchange};

#[derive(Accounts)]
pub struct UpdateAsset<'info> {
    #[account(
        mut,
        has_one = risk_authority @ BallastError::NotRiskAuthority,
        has_one = board @ BallastError::WrongBoard
    )]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub bank: AccountLoader<'info, Bank>,
    pub risk_authority: Signer<'info>,
}

impl UpdateAsset<'_> {
    /// A new curve counts from now on, so interest must be accrued up to now.
    pub fn handle(ctx: Context<Self>, parameters: AssetParameters) -> Result<()> {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        let board = ctx.accounts.board.load()?;
        let mut bank = ctx.accounts.bank.load_mut()?;
        let index = usize::from(bank.asset);
        let now = Clock::get()?.unix_timestamp;
        // Even where loans cost nothing yet: the new rate must not count for the time before.
        let idle = bank.borrow_shares.is_zero();
        let current = board.indexes(bank.asset).coded()?.accrued_at >= now;
        require!(idle || current, BallastError::AccrueInterestFirst);
        parameters.write(&mut exchange.assets[index], &mut bank)?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 1,
            index: bank.asset,
        });
        Ok(())
    }
}
