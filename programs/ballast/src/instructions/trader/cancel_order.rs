use crate::error::BallastError;
use crate::events::OrderCancelled;
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::{MarginAccount, Order};

#[derive(Accounts)]
pub struct CancelOrder<'info> {
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub trader: Signer<'info>,
}

impl CancelOrder<'_> {
    pub fn handle(ctx: Context<Self>, order_id: u64) -> Result<()> {
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require!(
            account.may_trade(&ctx.accounts.trader.key()),
            BallastError::NotOwnerOrDelegate
        );
        let order = account
            .order_mut(order_id)
            .ok_or(BallastError::OrderNotFound)?;
        let lots = order.lots;
        *order = match planted(Bug::SlotHalfEmpty) {
            true => Order { lots: 0, ..*order },
            false => Order::default(),
        };

        emit!(OrderCancelled {
            margin_account: ctx.accounts.margin_account.key(),
            order_id,
            lots,
        });
        Ok(())
    }
}
