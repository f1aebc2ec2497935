use crate::error::{BallastError, Coded};
use crate::events::{LiquidationStarted, OrderCancelled};
use anchor_lang::prelude::*;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Order};

#[derive(Accounts)]
pub struct StartLiquidation<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl StartLiquidation<'_> {
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require!(
            !account.in_liquidation(),
            BallastError::LiquidationAlreadyStarted
        );
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        let mut report = Report::boxed();
        view.assess(&account, Purpose::Liquidate, &mut report)
            .coded()?;
        require!(report.is_liquidatable(), BallastError::NotLiquidatable);

        account.liquidation_started_at = view.now;
        for order in account.orders.iter_mut().filter(|order| order.lots != 0) {
            emit!(OrderCancelled {
                margin_account: ctx.accounts.margin_account.key(),
                order_id: order.id,
                lots: order.lots,
            });
            *order = Order::default();
        }
        emit!(LiquidationStarted {
            margin_account: ctx.accounts.margin_account.key(),
            equity_maintenance: report.equity_maintenance,
            maintenance_margin: report.maintenance_margin,
            started_at: view.now,
        });
        Ok(())
    }
}
