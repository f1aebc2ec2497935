use crate::error::BallastError;
use crate::events::{OrderCancelled, Terms};
use anchor_lang::prelude::*;
use ballast_state::{MarginAccount, MarketTerms, Order};

/// Which orders are meant: those that fit everything that is given, all of them when nothing is.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default)]
pub struct OrderFilter {
    /// Of this market.
    pub terms: Option<Terms>,
    /// With this number of the owner's own.
    pub client_id: Option<u64>,
}

impl OrderFilter {
    fn fits(&self, order: &Order) -> bool {
        let of_market = |terms| order.terms == MarketTerms::from(terms);
        order.lots != 0
            && self.terms.is_none_or(of_market)
            && self.client_id.is_none_or(|id| order.client_id == id)
    }
}

#[derive(Accounts)]
pub struct CancelAll<'info> {
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub trader: Signer<'info>,
}

impl CancelAll<'_> {
    /// Cancelling nothing is no error: the orders may have been filled meanwhile.
    pub fn handle(ctx: Context<Self>, filter: OrderFilter) -> Result<()> {
        let key = ctx.accounts.margin_account.key();
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require!(
            account.may_trade(&ctx.accounts.trader.key()),
            BallastError::NotOwnerOrDelegate
        );
        for order in account.orders.iter_mut().filter(|order| filter.fits(order)) {
            emit!(OrderCancelled {
                margin_account: key,
                order_id: order.id,
                lots: order.lots,
            });
            *order = Order::default();
        }
        Ok(())
    }
}
