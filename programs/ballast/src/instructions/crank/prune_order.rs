use crate::error::{BallastError, Coded};
use crate::events::OrderPruned;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_state::health::{Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Order, Pausable};

#[derive(Accounts)]
pub struct PruneOrder<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl PruneOrder<'_> {
    /// Removes an order that has lapsed with its time or its market, that could not reduce anything any more, or that its account could not
    /// afford. Prices that cannot be used, of its tokens or of the market, say nothing about what an account can
    /// afford, and no stranger decides by what others deposit how much its deposits count.
    pub fn handle(ctx: Context<Self>, order_id: u64) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::PruneOrder, view.now)?;
        let order = *account.order(order_id).ok_or(BallastError::OrderNotFound)?;
        let lapsed = order.is_expired(view.now) || order.terms.is_expired(view.now);
        let useless = if account.only_reduces(&order) {
            false
        } else {
            order.reduce_only != 0
                || !lapsed && {
                    let report = &mut Report::boxed();
                    view.health_for_pruning(&account, &order, report).coded()? < 0
                }
        };
        require!(lapsed || useless, BallastError::OrderStillGood);

        *account
            .order_mut(order_id)
            .ok_or(BallastError::OrderNotFound)? = Order::default();
        emit!(OrderPruned {
            margin_account: ctx.accounts.margin_account.key(),
            order_id,
            lots: order.lots,
        });
        Ok(())
    }
}
