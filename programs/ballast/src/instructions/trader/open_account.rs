use crate::events::AccountOpened;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_state::{Exchange, MarginAccount, Pausable, seeds};

#[derive(Accounts)]
#[instruction(sub_account: u16)]
pub struct OpenAccount<'info> {
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(
        init,
        payer = payer,
        space = MarginAccount::ACCOUNT_LEN,
        seeds = [seeds::MARGIN, exchange.key().as_ref(), owner.key().as_ref(), &sub_account.to_le_bytes()],
        bump
    )]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub owner: Signer<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub system_program: Program<'info, System>,
}

impl OpenAccount<'_> {
    pub fn handle(ctx: Context<Self>, sub_account: u16) -> Result<()> {
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(&*ctx.accounts.exchange.load()?, Pausable::OpenAccount, now)?;
        let mut account = ctx.accounts.margin_account.load_init()?;
        account.exchange = ctx.accounts.exchange.key();
        account.owner = ctx.accounts.owner.key();
        account.sub_account = sub_account;
        account.bump = ctx.bumps.margin_account;

        emit!(AccountOpened {
            exchange: account.exchange,
            margin_account: ctx.accounts.margin_account.key(),
            owner: account.owner,
            sub_account,
        });
        Ok(())
    }
}
