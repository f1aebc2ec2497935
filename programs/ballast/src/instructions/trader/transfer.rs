use crate::error::{BallastError, Coded};
use crate::events::Transferred;
use crate::instructions::{
    end_if_recovered, require_accrued, require_margin_to_leave, require_not_paused,
};
use anchor_lang::prelude::*;
#[cfg(feature = "planted-bugs")]
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Report, View};
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, ledger};

#[derive(Accounts)]
pub struct Transfer<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[cfg_attr(
        not(feature = "planted-bugs"),
        account(
            mut,
            has_one = exchange @ BallastError::WrongExchange,
            has_one = owner @ BallastError::NotOwner,
            constraint = from.key() != to.key() @ BallastError::SameAccount
        )
    )]
    #[cfg_attr(
        feature = "planted-bugs",
        account(
            mut,
            has_one = exchange @ BallastError::WrongExchange,
            constraint = from.load()?.owner == owner.key() || planted(Bug::MissingOwner)
                @ BallastError::NotOwner,
            constraint = from.key() != to.key() @ BallastError::SameAccount
        )
    )]
    pub from: AccountLoader<'info, MarginAccount>,
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        has_one = owner @ BallastError::NotOwner
    )]
    pub to: AccountLoader<'info, MarginAccount>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub bank: AccountLoader<'info, Bank>,
    pub owner: Signer<'info>,
}

impl Transfer<'_> {
    /// Moves a deposit between two accounts of one owner, repaying a loan of the receiver first. No token moves.
    pub fn handle(ctx: Context<Self>, amount: u64) -> Result<()> {
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let board = accounts.board.load()?;
        let mut bank = accounts.bank.load_mut()?;
        let mut from = accounts.from.load_mut()?;
        let mut to = accounts.to.load_mut()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::Transfer, view.now)?;
        let mut report = Report::boxed();
        end_if_recovered(&view, &mut from, &accounts.from.key(), &mut report);
        require!(!from.in_liquidation(), BallastError::InLiquidation);

        let asset = bank.asset;
        let indexes = board.indexes(asset).coded()?;
        require_accrued(&view, &bank, false)?;
        let held = from.balance_mut(asset).coded()?;
        let deposit = ledger::amount(held, indexes).coded()?.max(0).unsigned_abs();
        let amount = if amount == u64::MAX { deposit } else { amount };
        require_gt!(amount, 0, BallastError::ZeroAmount);
        require_gte!(deposit, amount, BallastError::InsufficientDeposit);
        ledger::debit(held, &mut bank, indexes, amount).coded()?;
        let received = to.balance_mut(asset).coded()?;
        ledger::credit(received, &mut bank, indexes, amount).coded()?;

        require_margin_to_leave(&view, &from, &mut report)?;
        end_if_recovered(&view, &mut to, &accounts.to.key(), &mut report);
        emit!(Transferred {
            from: accounts.from.key(),
            to: accounts.to.key(),
            asset,
            amount,
        });
        Ok(())
    }
}
