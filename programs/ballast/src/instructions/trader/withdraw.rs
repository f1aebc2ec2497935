use crate::error::{BallastError, Coded};
use crate::events::Withdrawn;
use crate::instructions::{
    Payment, end_if_recovered, require_accrued, require_margin_to_leave, require_not_paused,
};
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use ballast_risk::Q32_ONE;
#[cfg(feature = "planted-bugs")]
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Report, View};
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, ledger};

/// What a new loan costs, rounded up.
fn origination_fee(borrowed: u64, fee_q32: u64) -> Result<u64> {
    let fee = (u128::from(borrowed) * u128::from(fee_q32)).div_ceil(u128::from(Q32_ONE));
    u64::try_from(fee).map_err(|_| BallastError::Overflow.into())
}

#[derive(Accounts)]
pub struct Withdraw<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[cfg_attr(
        not(feature = "planted-bugs"),
        account(
            mut,
            has_one = exchange @ BallastError::WrongExchange,
            has_one = owner @ BallastError::NotOwner
        )
    )]
    #[cfg_attr(
        feature = "planted-bugs",
        account(
            mut,
            has_one = exchange @ BallastError::WrongExchange,
            constraint = margin_account.load()?.owner == owner.key()
                || (planted(Bug::DelegateWithdraws) && margin_account.load()?.may_trade(&owner.key()))
                @ BallastError::NotOwner
        )
    )]
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
    /// Any token account of the mint but the vault itself, from which nothing would leave.
    #[account(
        mut,
        constraint = destination.mint == mint.key() @ BallastError::WrongTokenAccount,
        constraint = destination.key() != vault.key() @ BallastError::WrongTokenAccount
    )]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    #[cfg(not(feature = "planted-bugs"))]
    pub owner: Signer<'info>,
    /// CHECK: signs, unless the bug is awake.
    #[cfg(feature = "planted-bugs")]
    #[account(
        constraint = owner.is_signer || planted(Bug::MissingSigner)
            @ anchor_lang::error::ErrorCode::AccountNotSigner
    )]
    pub owner: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl Withdraw<'_> {
    pub fn handle(ctx: Context<Self>, amount: u64, allow_borrow: bool) -> Result<()> {
        let accounts = ctx.accounts;
        let amount = accounts.debit(amount, allow_borrow)?;
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

    /// Books the withdrawal and returns its amount.
    fn debit(&self, amount: u64, allow_borrow: bool) -> Result<u64> {
        let exchange = self.exchange.load()?;
        let mut board = self.board.load_mut()?;
        let mut bank = self.bank.load_mut()?;
        let mut account = self.margin_account.load_mut()?;
        let now = Clock::get()?.unix_timestamp;
        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        require_not_paused(&exchange, Pausable::Withdraw, now)?;
        let mut report = Report::boxed();
        end_if_recovered(&view, &mut account, &self.margin_account.key(), &mut report);
        require!(!account.in_liquidation(), BallastError::InLiquidation);

        let asset = bank.asset;
        let indexes = board.indexes(asset).coded()?;
        let listed = exchange.asset(asset).coded()?;
        let deposit = ledger::deposit(&account, asset, indexes).coded()?;
        let amount = if amount == u64::MAX { deposit } else { amount };
        require_gt!(amount, 0, BallastError::ZeroAmount);
        let borrowed = amount.saturating_sub(deposit);
        require_accrued(&view, &bank, borrowed > 0)?;
        require!(
            allow_borrow || borrowed == 0,
            BallastError::InsufficientDeposit
        );
        require!(
            listed.is_active() || borrowed == 0,
            BallastError::AssetReduceOnly
        );
        require_gte!(
            self.vault.amount,
            amount,
            BallastError::InsufficientVaultLiquidity
        );
        bank.count_outflow(amount, now).coded()?;
        let indexes = board.indexes_mut(asset).coded()?;
        let balance = account.balance_mut(asset).coded()?;
        ledger::debit(balance, &mut bank, indexes, amount).coded()?;
        let mut fee = 0;
        if borrowed > 0 {
            fee = origination_fee(borrowed, listed.origination_fee_q32)?;
            ledger::debit(balance, &mut bank, indexes, fee).coded()?;
            bank.fees = bank.fees.checked_add(fee).ok_or(BallastError::Overflow)?;
        }
        bank.write_totals(indexes).coded()?;
        require!(
            borrowed == 0 || indexes.loans_total <= bank.borrow_cap,
            BallastError::BorrowCapExceeded
        );

        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        require_margin_to_leave(&view, &account, &mut report)?;
        emit!(Withdrawn {
            margin_account: self.margin_account.key(),
            asset,
            amount,
            borrowed,
            fee,
        });
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fee_rounds_up() {
        let fees = [0, 1, Q32_ONE / 1_000, Q32_ONE / 20 - 1, Q32_ONE / 20];
        for fee_q32 in fees {
            for borrowed in (0..2_000).chain([u64::MAX - 1, u64::MAX]) {
                let fee = origination_fee(borrowed, fee_q32).unwrap();
                let exact = u128::from(borrowed) * u128::from(fee_q32);
                assert!(u128::from(fee) << 32 >= exact);
                assert!(fee == 0 || u128::from(fee - 1) << 32 < exact);
            }
        }
        assert_eq!(origination_fee(u64::MAX, Q32_ONE).unwrap(), u64::MAX);
        assert!(origination_fee(u64::MAX, Q32_ONE + 1).is_err());
    }
}
