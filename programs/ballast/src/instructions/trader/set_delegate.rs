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
    /// Lets another key deposit and trade for the account, never withdraw; the default key takes that back. An account in liquidation names
    /// nobody new: a delegate cannot liquidate it.
    pub fn handle(ctx: Context<Self>, delegate: Pubkey) -> Result<()> {
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let takes_back = delegate == Pubkey::default();
        require!(
            takes_back || !account.in_liquidation(),
            BallastError::InLiquidation
        );
        account.delegate = delegate;
        emit!(DelegateSet {
            margin_account: ctx.accounts.margin_account.key(),
            delegate,
        });
        Ok(())
    }
}
