use crate::error::{BallastError, Coded};
use crate::events::InterestAccrued;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, ledger};

#[derive(Accounts)]
pub struct AccrueInterest<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub bank: AccountLoader<'info, Bank>,
    #[account(
        mut,
        constraint = insurance_fund.key() == exchange.load()?.insurance_fund @ BallastError::NotInsuranceFund
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
}

impl AccrueInterest<'_> {
    /// Brings one asset's interest up to now. A second call within the same second accrues nothing more.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let mut board = ctx.accounts.board.load_mut()?;
        let mut bank = ctx.accounts.bank.load_mut()?;
        let mut fund = ctx.accounts.insurance_fund.load_mut()?;
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(&exchange, Pausable::AccrueInterest, now)?;

        let asset = bank.asset;
        let listed = exchange.asset(asset).coded()?;
        let indexes = board.indexes_mut(asset).coded()?;
        let fees_before = bank.fees;
        let mut insurance = bank.accrue(listed, indexes, now).coded()?;
        match fund.balance_mut(asset) {
            Ok(balance) => ledger::credit(balance, &mut bank, indexes, insurance).coded()?,
            // No slot is left for this asset: the exchange keeps it for the fund.
            Err(_) => {
                bank.fees = bank
                    .fees
                    .checked_add(insurance)
                    .ok_or(BallastError::Overflow)?;
                insurance = 0;
            }
        }
        bank.write_totals(indexes).coded()?;

        emit!(InterestAccrued {
            exchange: ctx.accounts.exchange.key(),
            asset,
            deposit_index_bits: indexes.deposit.get().to_bits(),
            borrow_index_bits: indexes.borrow.get().to_bits(),
            deposits: indexes.deposits_total,
            loans: indexes.loans_total,
            fees: bank.fees - fees_before,
            insurance,
        });
        Ok(())
    }
}
