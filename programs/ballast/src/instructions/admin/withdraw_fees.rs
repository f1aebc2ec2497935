use crate::error::{BallastError, Coded};
use crate::events::FeesWithdrawn;
use crate::instructions::{Payment, require_not_paused};
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use ballast_state::{Bank, Exchange, Pausable};

#[derive(Accounts)]
pub struct WithdrawFees<'info> {
    #[account(has_one = admin @ BallastError::NotAdmin)]
    pub exchange: AccountLoader<'info, Exchange>,
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

impl WithdrawFees<'_> {
    /// Takes the exchange's part of the interest and origination fees out of a bank; `u64::MAX` takes all.
    pub fn handle(ctx: Context<Self>, amount: u64) -> Result<()> {
        let accounts = ctx.accounts;
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(&*accounts.exchange.load()?, Pausable::Withdraw, now)?;
        let mut bank = accounts.bank.load_mut()?;
        let amount = if amount == u64::MAX {
            bank.fees
        } else {
            amount
        };
        require_gt!(amount, 0, BallastError::ZeroAmount);
        require_gte!(bank.fees, amount, BallastError::InsufficientFees);
        require_gte!(
            accounts.vault.amount,
            amount,
            BallastError::InsufficientVaultLiquidity
        );
        bank.fees -= amount;
        bank.count_outflow(amount, now).coded()?;
        emit!(FeesWithdrawn {
            exchange: accounts.exchange.key(),
            asset: bank.asset,
            amount,
            destination: accounts.destination.key(),
        });

        drop(bank);
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
}
