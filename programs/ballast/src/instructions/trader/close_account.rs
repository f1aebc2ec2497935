use crate::error::BallastError;
use crate::events::AccountClosed;
use anchor_lang::prelude::*;
use ballast_state::MarginAccount;

#[derive(Accounts)]
pub struct CloseAccount<'info> {
    #[account(mut, close = owner, has_one = owner @ BallastError::NotOwner)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Gets the rent.
    #[account(mut)]
    pub owner: Signer<'info>,
}

impl CloseAccount<'_> {
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let account = ctx.accounts.margin_account.load()?;
        require!(account.is_empty(), BallastError::AccountNotEmpty);

        emit!(AccountClosed {
            exchange: account.exchange,
            margin_account: ctx.accounts.margin_account.key(),
            owner: account.owner,
        });
        Ok(())
    }
}
