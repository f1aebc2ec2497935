use super::end_if_recovered;
use super::insurance::uninsured_deficit;
use crate::error::{BallastError, Coded};
use crate::events::BankruptcyResolved;
use crate::instructions::{require_accrued, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::numbers::mul_q32_ceil;
use ballast_state::health::{Report, View};
use ballast_state::{Bank, Board, Exchange, MarginAccount, Pausable, ledger};

#[derive(Accounts)]
pub struct ResolveBankruptcy<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    /// Of the asset that the insolvent account owes.
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub bank: AccountLoader<'info, Bank>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(
        constraint = insurance_fund.key() == exchange.load()?.insurance_fund @ BallastError::NotInsuranceFund,
        constraint = insurance_fund.key() != margin_account.key() @ BallastError::SameAccount
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
}

impl ResolveBankruptcy<'_> {
    /// Writes off as much of an insolvent account's loan as it lacks, with what a taker of the rest is promised at most, and lowers the deposit index of the asset by as
    /// much: its depositors bear it in proportion, up to a part of all deposits a day. Only after the insurance fund, and after
    /// auto-deleveraging has closed the account's positions or the auction has run to its end without.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let mut board = accounts.board.load_mut()?;
        let mut bank = accounts.bank.load_mut()?;
        let mut account = accounts.margin_account.load_mut()?;
        let fund = accounts.insurance_fund.load()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::ResolveBankruptcy, view.now)?;
        require_accrued(&view, &bank, true)?;
        let mut report = Report::boxed();
        let deficit = uninsured_deficit(&view, &account, &fund, &mut report)?;
        let parameters = &exchange.liquidation;
        // A price of one moment is nothing to share losses by.
        require_gte!(
            account.auction_elapsed_s,
            parameters.first_s,
            BallastError::TooEarly
        );
        let is_open = account.positions.iter().any(|slot| slot.base_lots != 0);
        require!(
            !is_open || account.auction_has_ended(parameters),
            BallastError::PositionsStillOpen
        );

        let premium = mul_q32_ceil(report.maintenance_margin, parameters.premium_q32).coded()?;
        let missing = deficit.checked_add(premium).ok_or(BallastError::Overflow)?;
        let price = view.liquidation_price(bank.asset, false).coded()?;
        let amount = ledger::native_ceil(missing, price).coded()?;
        let asset = bank.asset;
        let now = view.now;
        let indexes = &mut board.assets[usize::from(asset)];
        require!(account.balance(asset).is_some(), BallastError::NoLoan);
        let balance = account.balance_mut(asset).coded()?;
        let maximum_q32 = parameters.loss_maximum_q32;
        let written_off = bank
            .write_off(balance, indexes, amount, maximum_q32, now)
            .coded()?;
        require_gt!(written_off, 0, BallastError::LossLimitReached);
        // The premium is for who takes the rest, from now on for nothing.
        account.auction_elapsed_s = account.auction_elapsed_s.max(parameters.zero_s);

        let deposit_index_bits = indexes.deposit.get().to_bits();
        let equity_mark = report.equity_mark;
        let view = View {
            exchange: &exchange,
            board: &board,
            now,
        };
        let key = accounts.margin_account.key();
        end_if_recovered(&view, &mut account, &key, &mut report);
        emit!(BankruptcyResolved {
            margin_account: key,
            asset,
            written_off,
            deposit_index_bits,
            equity_mark,
        });
        Ok(())
    }
}
