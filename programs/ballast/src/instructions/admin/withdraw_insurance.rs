use crate::error::{BallastError, Coded};
use crate::events::InsuranceWithdrawn;
use crate::instructions::{Payment, require_accrued, require_not_paused};
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use ballast_state::health::View;
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, QUOTE_ASSET, ledger};

#[derive(Accounts)]
pub struct WithdrawInsurance<'info> {
    #[account(has_one = admin @ BallastError::NotAdmin, has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[account(
        mut,
        constraint = insurance_fund.key() == exchange.load()?.insurance_fund @ BallastError::NotInsuranceFund
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        has_one = mint @ BallastError::WrongMint,
        has_one = vault @ BallastError::WrongVault
    )]
    pub bank: AccountLoader<'info, Bank>,
    #[account(mut)]
    pub vault: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    #[account(
        mut,
        constraint = destination.mint == mint.key() @ BallastError::WrongTokenAccount,
        constraint = destination.key() != vault.key() @ BallastError::WrongTokenAccount
    )]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    pub admin: Signer<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl WithdrawInsurance<'_> {
    /// Takes a deposit out of the insurance fund, of the quote asset only what lies above the floor.
    pub fn handle(ctx: Context<Self>, amount: u64) -> Result<()> {
        let accounts = ctx.accounts;
        require_gt!(amount, 0, BallastError::ZeroAmount);
        accounts.debit(amount)?;
        let payment = Payment {
            exchange: accounts.exchange.key(),
            bank: &accounts.bank,
            vault: &accounts.vault,
            mint: &accounts.mint,
            destination: &accounts.destination,
            token_program: &accounts.token_program,
        };
        payment.send(amount)
    }

    fn debit(&self, amount: u64) -> Result<()> {
        let exchange = self.exchange.load()?;
        let mut board = self.board.load_mut()?;
        let mut bank = self.bank.load_mut()?;
        let mut fund = self.insurance_fund.load_mut()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        let now = view.now;
        require_not_paused(&exchange, Pausable::Withdraw, view.now)?;
        require_accrued(&view, &bank, false)?;
        let indexes = board.indexes(bank.asset).coded()?;
        let deposit = ledger::deposit(&fund, bank.asset, indexes).coded()?;
        let rest = deposit
            .checked_sub(amount)
            .ok_or(BallastError::InsufficientDeposit)?;
        let floor = match bank.asset {
            QUOTE_ASSET => exchange.liquidation.insurance_floor,
            _ => 0,
        };
        require_gte!(rest, floor, BallastError::BelowInsuranceFloor);
        require_gte!(
            self.vault.amount,
            amount,
            BallastError::InsufficientVaultLiquidity
        );
        bank.count_outflow(amount, now).coded()?;
        let balance = fund.balance_mut(bank.asset).coded()?;
        let indexes = board.indexes_mut(bank.asset).coded()?;
        ledger::debit(balance, &mut bank, indexes, amount).coded()?;
        bank.write_totals(indexes).coded()?;
        emit!(InsuranceWithdrawn {
            exchange: self.exchange.key(),
            asset: bank.asset,
            amount,
            destination: self.destination.key(),
        });
        Ok(())
    }
}
