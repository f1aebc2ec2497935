use super::end_if_recovered;
use crate::error::{BallastError, Coded};
use crate::events::{LiquidationStarted, OrderCancelled};
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Order, Pausable};

#[derive(Accounts)]
pub struct StartLiquidation<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl StartLiquidation<'_> {
    /// On an account that is flagged already it clears the flag or lets the auction's clock see the account: only time that is
    /// observed lowers the price.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::StartLiquidation, view.now)?;
        let mut report = Report::boxed();
        let key = ctx.accounts.margin_account.key();
        if end_if_recovered(&view, &mut account, &key, &mut report) {
            return Ok(());
        }
        view.assess(&account, Purpose::Liquidate, &mut report)
            .coded()?;
        if account.in_liquidation() {
            let gap_max_s = exchange.liquidation.observation_gap_max_s;
            account.observe_auction(report.is_liquidatable(), view.now, gap_max_s);
            return Ok(());
        }
        // Who owes nothing cannot owe too much, whatever the haircuts on his deposits.
        let liquidatable = report.is_liquidatable() && account.has_obligations();
        let liquidatable = liquidatable || planted(Bug::HealthyLiquidated);
        require!(liquidatable, BallastError::NotLiquidatable);

        account.start_liquidation(view.now);
        for order in account.orders.iter_mut().filter(|order| order.lots != 0) {
            emit!(OrderCancelled {
                margin_account: key,
                order_id: order.id,
                lots: order.lots,
            });
            *order = Order::default();
        }
        emit!(LiquidationStarted {
            margin_account: key,
            equity_maintenance: report.equity_maintenance,
            maintenance_margin: report.maintenance_margin,
            started_at: view.now,
        });
        Ok(())
    }
}
