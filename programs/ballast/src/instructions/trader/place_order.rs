use super::order::{OrderArgs, OrderType, require_affordable, rest};
use crate::error::BallastError;
use crate::events::OrderPlaced;
use crate::instructions::{end_if_recovered, require_not_paused};
use anchor_lang::prelude::*;
use ballast_state::health::{Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Market, Pausable};

#[derive(Accounts)]
pub struct PlaceOrder<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub trader: Signer<'info>,
}

impl PlaceOrder<'_> {
    pub fn handle(ctx: Context<Self>, args: OrderArgs) -> Result<()> {
        require!(
            args.order_type != OrderType::ImmediateOrCancel,
            BallastError::ImmediateOrderRests
        );
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let market = ctx.accounts.market.load()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let clock = Clock::get()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: clock.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::PlaceOrder, view.now)?;
        let key = ctx.accounts.margin_account.key();
        let mut report = Report::boxed();
        end_if_recovered(&view, &mut account, &key, &mut report);
        let trader = ctx.accounts.trader.key();
        let order = args.check(&market, &account, &trader, &view, clock.slot)?;
        require_affordable(&view, &account, &order, &mut report)?;

        rest(&mut account, &order)?;
        account.next_order_id = order.id.checked_add(1).ok_or(BallastError::Overflow)?;
        emit!(OrderPlaced::new(key, &order));
        Ok(())
    }
}
