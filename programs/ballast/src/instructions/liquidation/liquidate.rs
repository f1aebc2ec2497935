use super::flag::end_if_assessed_recovered;
use super::insurance::{fund_cash, is_exhausted};
use super::slice::{Netting, Slice, in_whole_lots_q32};
use crate::error::{BallastError, Coded};
use crate::events::Liquidated;
use crate::instructions::{require_accrued, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::liquidation::{auction_price, fraction_to_buffer_q32};
use ballast_risk::numbers::{mul_q32_ceil, mul_q32_floor, signed_value_ceil};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    Bank, Board, Exchange, MarginAccount, Pausable, QUOTE_ASSET, StateError, ledger,
};

/// What the liquidator accepts.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct LiquidateArgs {
    /// Largest fraction of the portfolio it takes, Q32, in (0, 1].
    pub fraction_max_q32: u64,
    /// Highest price of the whole portfolio it accepts, quote units; the insurance fund's share of the discount comes on top.
    pub price_max: i64,
}

#[derive(Accounts)]
pub struct Liquidate<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = margin_account.key() != liquidator.key() @ BallastError::SameAccount,
        constraint = margin_account.key() != insurance_fund.key() @ BallastError::SameAccount
    )]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Margin account of the liquidator: takes the slice, pays from its cash.
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = liquidator.key() != insurance_fund.key() @ BallastError::SameAccount
    )]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = insurance_fund.key() == exchange.load()?.insurance_fund @ BallastError::NotInsuranceFund
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub quote_bank: AccountLoader<'info, Bank>,
    /// Owner or delegate of the liquidator's account.
    pub signer: Signer<'info>,
    // Remaining accounts: banks and markets, writable, where the liquidator's own holdings are netted.
}

/// The price and size of a liquidation.
struct Terms {
    /// Price of the whole portfolio.
    price: i64,
    /// Fraction that is taken, Q32.
    fraction_q32: u64,
    /// Mark-to-market equity of the whole.
    equity_mark: i64,
}

/// Who pays what, quote units.
struct Payments {
    /// Liquidator to account; negative when rounding to lots makes the account pay.
    to_account: i64,
    /// Liquidator to insurance fund.
    insurance_fee: u64,
}

impl<'info> Liquidate<'info> {
    pub fn handle(ctx: Context<'info, Self>, args: LiquidateArgs) -> Result<()> {
        let valid = (1..=Q32_ONE).contains(&args.fraction_max_q32);
        require!(valid, BallastError::InvalidFraction);
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let board = accounts.board.load()?;
        let mut account = accounts.margin_account.load_mut()?;
        let mut liquidator = accounts.liquidator.load_mut()?;
        let mut fund = accounts.insurance_fund.load_mut()?;
        let mut bank = accounts.quote_bank.load_mut()?;
        require_eq!(bank.asset, QUOTE_ASSET, BallastError::NotQuoteBank);
        require!(
            liquidator.may_trade(&accounts.signer.key()),
            BallastError::NotOwnerOrDelegate
        );
        // The owner may not buy it from himself at a discount. His delegate may: anyone can be named as one, a keeper who is about to liquidate too.
        let owner = account.owner;
        let independent = owner != liquidator.owner && owner != accounts.signer.key();
        require!(independent, BallastError::SameAccount);
        require!(!liquidator.in_liquidation(), BallastError::InLiquidation);
        require!(
            account.in_liquidation(),
            BallastError::LiquidationNotStarted
        );

        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::Liquidate, view.now)?;
        // Payments may borrow.
        require_accrued(&view, &bank, true)?;
        let mut report = Report::boxed();
        view.assess(&account, Purpose::Liquidate, &mut report)
            .coded()?;
        let key = accounts.margin_account.key();
        if end_if_assessed_recovered(&mut account, &key, &report) {
            return Ok(());
        }
        let before = report.risk_mark();
        let gap_max_s = exchange.liquidation.observation_gap_max_s;
        account.observe_auction(report.is_liquidatable(), view.now, gap_max_s);
        let terms = agree(&args, &view, &report, &account, &fund)?;

        let netting = Netting {
            exchange: accounts.exchange.key(),
            accounts: ctx.remaining_accounts,
        };
        let slice = Slice::take(
            &view,
            &report,
            &mut account,
            &mut liquidator,
            terms.fraction_q32,
            &mut bank,
            &netting,
        )?;
        let payments = settle(
            &terms,
            slice.value,
            exchange.liquidation.insurance_share_q32,
        )?;
        let mut cash = Cash {
            view: &view,
            bank: &mut bank,
        };
        cash.pay(&mut liquidator, &mut account, payments.to_account)?;
        cash.pay(
            &mut liquidator,
            &mut fund,
            to_signed(payments.insurance_fee)?,
        )?;

        view.assess(&account, Purpose::Liquidate, &mut report)
            .coded()?;
        let margins = [before.maintenance_margin, report.maintenance_margin];
        let insurance_payment =
            insurance_payment(terms.price, terms.equity_mark, terms.fraction_q32, margins)?;
        cash.pay(&mut fund, &mut liquidator, to_signed(insurance_payment)?)?;
        if !end_if_assessed_recovered(&mut account, &key, &report) {
            let keeps = report.risk_mark().keeps_ratio_of(&before);
            require!(keeps, BallastError::RatioWouldFall);
        }
        view.assess(&liquidator, Purpose::TakeOver, &mut report)
            .coded()?;
        require_gte!(report.health_initial(), 0, BallastError::BelowInitialMargin);

        emit!(Liquidated {
            margin_account: key,
            liquidator: accounts.liquidator.key(),
            fraction_q32: terms.fraction_q32,
            price: terms.price,
            payment: payments.to_account,
            insurance_fee: payments.insurance_fee,
            insurance_payment,
            equity_mark: terms.equity_mark,
            balances: slice.balances,
            positions: slice.positions,
        });
        Ok(())
    }
}

/// The auction's price now, and the largest fraction that buffer, liquidator and insurance fund allow.
fn agree(
    args: &LiquidateArgs,
    view: &View,
    report: &Report,
    account: &MarginAccount,
    fund: &MarginAccount,
) -> Result<Terms> {
    let parameters = &view.exchange.liquidation;
    let mut price = auction_price(
        &parameters.auction(),
        report.equity_mark,
        report.maintenance_margin,
        account.auction_elapsed_s,
    )
    .coded()?;
    let available = fund_cash(view, fund)?;
    if report.equity_mark >= 0 {
        // A solvent account can always be taken for nothing, whatever premium the fund could still add.
        price = price.max(-to_signed(available)?);
    }
    require_gte!(args.price_max, price, BallastError::WorsePriceThanAccepted);
    let is_dust = report.gross_value.unsigned_abs() < parameters.dust_value;
    let needed = if is_dust {
        Q32_ONE
    } else {
        // What rounding may cost comes on top of what is missing and off what is paid.
        let allowance = rounding_allowance(view, account)?;
        let target = report.buffer_margin.checked_add(allowance);
        let least = fraction_to_buffer_q32(
            target.ok_or(BallastError::Overflow)?,
            report.equity_maintenance,
            price.saturating_sub(allowance),
        );
        in_whole_lots_q32(account, report, least)
    };
    let mut fraction_q32 = needed.min(args.fraction_max_q32);
    if price < 0 {
        let cost = price.unsigned_abs();
        let exhausted = is_exhausted(view, available, cost);
        require!(!exhausted, BallastError::InsuranceFundEmpty);
        let affordable = (u128::from(available) << 32) / u128::from(cost);
        fraction_q32 = fraction_q32.min(u64::try_from(affordable).unwrap_or(u64::MAX));
        require_gt!(fraction_q32, 0, BallastError::InsuranceFundEmpty);
    }
    Ok(Terms {
        price,
        fraction_q32,
        equity_mark: report.equity_mark,
    })
}

/// What rounding may cost an account in a slice at most, quote units: balances count in whole native units, and every value
/// and margin is rounded against the account. Without it an account could be left under its buffer by less than any
/// further slice can make up, and stay flagged.
fn rounding_allowance(view: &View, account: &MarginAccount) -> Result<i64> {
    /// Roundings of one entry's value and haircut, and of the totals.
    const ENTRY: i64 = 4;
    const TOTALS: i64 = 16;
    let mut allowance = TOTALS;
    for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
        let owned = balance.shares.get() > 0;
        let unit = view.liquidation_price(balance.asset, owned).coded()?;
        // A unit at most is lost in rounding; its haircut and its margin are less than another.
        let units = signed_value_ceil(2, unit).coded()?;
        allowance = allowance.saturating_add(units).saturating_add(ENTRY);
    }
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    Ok(allowance.saturating_add(ENTRY * positions.count() as i64))
}

/// Splits the money for a slice worth `value` at marks. Had every part been divisible, `value` would be the fraction of
/// mark-to-market equity; the difference, from rounding to lots, is paid at marks, so that it benefits nobody.
fn settle(terms: &Terms, value: i64, insurance_share_q32: u64) -> Result<Payments> {
    let fraction = terms.fraction_q32;
    let pro_rata = mul_q32_floor(terms.equity_mark, fraction).coded()?;
    let rounding = value.checked_sub(pro_rata).ok_or(BallastError::Overflow)?;
    let paid = mul_q32_ceil(terms.price.max(0), fraction).coded()?;
    let to_account = rounding.checked_add(paid).ok_or(BallastError::Overflow)?;
    let discount = terms.equity_mark.max(0) - terms.price.max(0);
    let discount = mul_q32_floor(discount.max(0), fraction).coded()?;
    let insurance_fee = mul_q32_floor(discount, insurance_share_q32).coded()?;
    Ok(Payments {
        to_account,
        insurance_fee: insurance_fee.unsigned_abs(),
    })
}

/// What the insurance fund pays the liquidator for a fraction (Q32) at a price of the whole: the fraction of what an insolvent account lacks, and of
/// the premium as much as of its maintenance margin (before and after) has left, at most the fraction. Lots on which it loses may stay, and nobody is
/// paid for taking them over who does not.
pub fn insurance_payment(
    price: i64,
    equity_mark: i64,
    fraction_q32: u64,
    [margin_before, margin_after]: [i64; 2],
) -> Result<u64> {
    let whole = price.min(0).saturating_neg();
    let lacks = equity_mark.min(0).saturating_neg().min(whole);
    let mut premium_q32 = fraction_q32;
    if lacks > 0 && margin_before > 0 {
        let left = margin_before.saturating_sub(margin_after).max(0);
        let left_q32 = (i128::from(left) << 32) / i128::from(margin_before);
        premium_q32 = premium_q32.min(u64::try_from(left_q32).unwrap_or(Q32_ONE));
    }
    let lacking = mul_q32_floor(lacks, fraction_q32).coded()?;
    let premium = mul_q32_floor(whole - lacks, premium_q32).coded()?;
    let payment = lacking.checked_add(premium).ok_or(BallastError::Overflow)?;
    Ok(payment.unsigned_abs())
}

fn to_signed(amount: u64) -> Result<i64> {
    i64::try_from(amount).map_err(|_| BallastError::Overflow.into())
}

/// Payments in the quote asset between margin accounts.
struct Cash<'a> {
    view: &'a View<'a>,
    bank: &'a mut Bank,
}

impl Cash<'_> {
    /// Moves `amount` quote units, the other way when it is negative.
    fn pay(&mut self, from: &mut MarginAccount, to: &mut MarginAccount, amount: i64) -> Result<()> {
        let (from, to) = if amount >= 0 { (from, to) } else { (to, from) };
        let size = amount.unsigned_abs();
        if size == 0 {
            return Ok(());
        }
        let indexes = self.view.board.indexes(QUOTE_ASSET).coded()?;
        let mut move_cash = || -> std::result::Result<(), StateError> {
            ledger::debit(from.balance_mut(QUOTE_ASSET)?, self.bank, indexes, size)?;
            ledger::credit(to.balance_mut(QUOTE_ASSET)?, self.bank, indexes, size)
        };
        move_cash().coded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_premium_follows_the_margin_that_leaves() {
        let quarter = Q32_ONE / 4;
        let payment = |equity, fraction, margins| {
            insurance_payment(-1_200, equity, fraction, margins).unwrap()
        };
        // Lacking 1,000, and 200 of premium: the account's margin falls with the fraction, not at all, by half of it, by more.
        assert_eq!(payment(-1_000, quarter, [800, 600]), 250 + 50);
        assert_eq!(payment(-1_000, quarter, [800, 800]), 250);
        assert_eq!(payment(-1_000, quarter, [800, 700]), 250 + 25);
        assert_eq!(payment(-1_000, quarter, [800, 0]), 250 + 50);
        assert_eq!(payment(-1_000, quarter, [800, 900]), 250);
        assert_eq!(payment(-1_000, Q32_ONE, [800, 0]), 1_200);
        // Without margin, and for a solvent account, the fraction decides.
        assert_eq!(payment(-1_000, quarter, [0, 0]), 300);
        assert_eq!(payment(5, quarter, [800, 800]), 300);
        assert_eq!(insurance_payment(7, -5, Q32_ONE, [1, 0]).unwrap(), 0);
    }
}
