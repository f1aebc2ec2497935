use crate::error::{BallastError, Coded};
use crate::events::Deposited;
use crate::instructions::{end_if_recovered, require_accrued, require_not_paused};
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{
    Mint, TokenAccount, TokenInterface, TransferChecked, transfer_checked,
};
use ballast_state::health::{Report, View};
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, QUOTE_ASSET, ledger};

#[derive(Accounts)]
pub struct Deposit<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
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
        constraint = source.mint == mint.key() @ BallastError::WrongTokenAccount,
        constraint = source.owner == depositor.key() @ BallastError::WrongTokenAccount,
        constraint = source.key() != vault.key() @ BallastError::WrongTokenAccount
    )]
    pub source: Box<InterfaceAccount<'info, TokenAccount>>,
    pub depositor: Signer<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl Deposit<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, BallastError::ZeroAmount);
        require_gte!(self.source.amount, amount, BallastError::InsufficientTokens);
        // A stranger's dust must not fill balance slots. Cash for the insurance fund is welcome from anyone.
        let account = self.margin_account.load()?;
        let is_insurance_fund = self.margin_account.key() == self.exchange.load()?.insurance_fund;
        let is_gift = is_insurance_fund && self.bank.load()?.asset == QUOTE_ASSET;
        require!(
            is_gift || account.may_trade(&self.depositor.key()),
            BallastError::NotOwnerOrDelegate
        );
        Ok(())
    }

    /// Moves the tokens first: what is credited is what arrived.
    fn transfer(&mut self, amount: u64) -> Result<u64> {
        let before = self.vault.amount;
        let transfer = TransferChecked {
            from: self.source.to_account_info(),
            mint: self.mint.to_account_info(),
            to: self.vault.to_account_info(),
            authority: self.depositor.to_account_info(),
        };
        let context = CpiContext::new(self.token_program.key(), transfer);
        transfer_checked(context, amount, self.mint.decimals)?;
        self.vault.reload()?;
        let arrived = self.vault.amount.saturating_sub(before);
        require_gt!(arrived, 0, BallastError::ZeroAmount);
        Ok(arrived)
    }

    pub fn handle(ctx: Context<Self>, amount: u64) -> Result<()> {
        ctx.accounts.validate(amount)?;
        let arrived = ctx.accounts.transfer(amount)?;
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let mut board = accounts.board.load_mut()?;
        let mut bank = accounts.bank.load_mut()?;
        let mut account = accounts.margin_account.load_mut()?;
        let now = Clock::get()?.unix_timestamp;
        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        require_not_paused(&exchange, Pausable::Deposit, now)?;
        require_accrued(&view, &bank, false)?;

        let asset = bank.asset;
        let indexes = board.indexes_mut(asset).coded()?;
        let balance = account.balance_mut(asset).coded()?;
        ledger::credit(balance, &mut bank, indexes, arrived).coded()?;
        bank.write_totals(indexes).coded()?;
        bank.count_inflow(arrived, now);
        if balance.shares.get() > 0 {
            let is_active = exchange.asset(asset).coded()?.is_active();
            require!(is_active, BallastError::AssetReduceOnly);
            require_gte!(
                bank.deposit_cap,
                indexes.deposits_total,
                BallastError::DepositCapExceeded
            );
        }

        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        let key = accounts.margin_account.key();
        end_if_recovered(&view, &mut account, &key, &mut Report::boxed());
        emit!(Deposited {
            margin_account: accounts.margin_account.key(),
            asset,
            amount: arrived,
            depositor: accounts.depositor.key(),
        });
        Ok(())
    }
}
