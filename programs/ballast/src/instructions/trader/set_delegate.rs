use crate::error::BallastError;
use crate::events::DelegateSet;
use anchor_lang::prelude::*;
use ballast_state::MarginAccount;

#[derive(Accounts)]
pub struct SetDelegate<'info> {
    #[account(mut, has_one = owner @ BallastError::NotOwner)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub owner: Signer<'info>,
}

impl SetDelegate<'_> {
    /// Lets another key deposit and trade for the account, never withdraw; the default key takes that back.
    pub fn handle(ctx: Context<Self>, delegate: Pubkey) -> Result<()> {
        let mut account = ctx.accounts.margin_account.load_mut()?;
        account.delegate = delegate;
        emit!(DelegateSet {
            margin_account: ctx.accounts.margin_account.key(),
            delegate,
        });
        Ok(())
    }
}
