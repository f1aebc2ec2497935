use super::end_if_recovered;
use super::insurance::uninsured_deficit;
use crate::error::{BallastError, Coded};
use crate::events::Deleveraged;
use crate::instructions::{part_ceil, require_not_paused};
use anchor_lang::prelude::*;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Market, MarketTerms, Pausable};

#[derive(Accounts)]
pub struct AutoDeleverage<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    /// The insolvent account.
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = margin_account.key() != counterparty.key() @ BallastError::SameAccount,
        constraint = margin_account.key() != insurance_fund.key() @ BallastError::SameAccount
    )]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Holds an opposite position in profit.
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = counterparty.key() != insurance_fund.key() @ BallastError::SameAccount
    )]
    pub counterparty: AccountLoader<'info, MarginAccount>,
    #[account(
        constraint = insurance_fund.key() == exchange.load()?.insurance_fund @ BallastError::NotInsuranceFund
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
}

/// Two opposite positions as they are, and what closes of them.
struct Closing {
    /// Lots of the insolvent account that close, signed.
    lots: i64,
    /// What they are worth at their mark.
    value: i64,
    /// What the counterparty gives up of his profit.
    given_up: i64,
}

impl AutoDeleverage<'_> {
    /// Closes lots of an insolvent account against those of a counterparty at the bankruptcy price: the mark less the part of what is missing
    /// that falls on these lots, by their share of the value of all open positions, so that every counterparty of a market bears the same per lot and the order
    /// does not matter. The counterparty gives up no more than his profit on these lots; without one he is closed at the mark, and only once the
    /// auction has run to its end.
    pub fn handle(ctx: Context<Self>, lots_max: u64) -> Result<()> {
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let board = accounts.board.load()?;
        let mut market = accounts.market.load_mut()?;
        let mut account = accounts.margin_account.load_mut()?;
        let mut counterparty = accounts.counterparty.load_mut()?;
        let fund = accounts.insurance_fund.load()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::AutoDeleverage, view.now)?;
        let terms = market.terms;
        require!(!terms.is_expired(view.now), BallastError::MarketExpired);
        require!(!counterparty.in_liquidation(), BallastError::InLiquidation);
        // At an uncertain price the two would not agree on the mark.
        view.fresh_mark(terms.underlying).coded()?;
        let mut report = Report::boxed();
        let deficit = uninsured_deficit(&view, &account, &fund, &mut report)?;
        let equity_mark = report.equity_mark;
        let closing = agree(
            &account,
            &counterparty,
            &terms,
            deficit,
            lots_max,
            &mut report,
            &view,
        )?;
        let before = report.risk_mark();

        let paid = closing
            .value
            .checked_add(closing.given_up)
            .ok_or(BallastError::Overflow)?;
        let lots = closing.lots;
        let mut change = |party, lots, quote| {
            view.change_position(&mut market, party, lots, quote)
                .coded()
        };
        let funding = [
            change(&mut account, -lots, paid)?,
            change(&mut counterparty, lots, -paid)?,
        ];

        view.assess(&counterparty, Purpose::ReduceRisk, &mut report)
            .coded()?;
        let stands = !report.is_liquidatable() || report.risk_mark().is_no_riskier_than(&before);
        require!(stands, BallastError::CounterpartyWouldFall);
        let key = accounts.margin_account.key();
        end_if_recovered(&view, &mut account, &key, &mut report);
        emit!(Deleveraged {
            market: accounts.market.key(),
            margin_account: key,
            counterparty: accounts.counterparty.key(),
            base_lots: lots,
            quote: paid,
            given_up: closing.given_up,
            equity_mark,
            funding,
        });
        Ok(())
    }
}

/// How much closes and at what price. `report` is the insolvent account's, afterwards the counterparty's.
fn agree(
    account: &MarginAccount,
    counterparty: &MarginAccount,
    terms: &MarketTerms,
    deficit: i64,
    lots_max: u64,
    report: &mut Report,
    view: &View,
) -> Result<Closing> {
    let (held, lots_value, _) = valued(account, report, terms)?;
    let values = report.positions().iter();
    let all_values = values.fold(0i64, |sum, valued| {
        sum.saturating_add(valued.value.saturating_abs())
    });
    view.assess(counterparty, Purpose::ReduceRisk, report)
        .coded()?;
    let (opposite, _, profit) = valued(counterparty, report, terms)?;
    require!(held.signum() == -opposite.signum(), BallastError::SameSide);
    let lots = held
        .unsigned_abs()
        .min(opposite.unsigned_abs())
        .min(lots_max);
    require_gt!(lots, 0, BallastError::ZeroAmount);
    let lots = i64::try_from(lots).map_err(|_| BallastError::Overflow)? * held.signum();
    let value = part_ceil(lots_value, lots, held)?;
    let share = part_ceil(deficit, value.saturating_abs(), all_values)?.min(deficit);
    let profit = -part_ceil(-profit, lots, opposite)?;
    // Otherwise a winner could send others ahead whose small profit spares his. In the end, so that nobody stays insolvent for ever, anyone
    // will do, for what his profit bears.
    let covers = profit > 0 && profit >= share;
    require!(
        covers || account.auction_has_ended(&view.exchange.liquidation),
        BallastError::CounterpartyNotInProfit
    );
    Ok(Closing {
        lots,
        value,
        given_up: share.min(profit).max(0),
    })
}

/// Lots of an account in a market, their value at the mark, and the position's profit, from its report.
fn valued(
    account: &MarginAccount,
    report: &Report,
    terms: &MarketTerms,
) -> Result<(i64, i64, i64)> {
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    let (position, valued) = positions
        .zip(report.positions())
        .find(|(position, _)| position.terms == *terms && position.base_lots != 0)
        .ok_or(BallastError::PositionNotFound)?;
    Ok((position.base_lots, valued.value, valued.profit))
}
