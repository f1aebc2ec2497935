use crate::error::{BallastError, Coded};
use crate::events::PnlSettled;
use crate::instructions::{require_accrued, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::numbers::signed_value_floor;
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    Bank, Board, Exchange, MarginAccount, Market, Pausable, Position, QUOTE_ASSET, ledger,
};

#[derive(Accounts)]
pub struct SettlePnl<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[cfg_attr(
        not(feature = "planted-bugs"),
        account(mut, has_one = exchange @ BallastError::WrongExchange)
    )]
    #[cfg_attr(
        feature = "planted-bugs",
        account(
            mut,
            constraint = quote_bank.load()?.exchange == exchange.key()
                || planted(Bug::MissingExchangeCheck)
                @ BallastError::WrongExchange
        )
    )]
    pub quote_bank: AccountLoader<'info, Bank>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SettlePnl<'_> {
    /// A loss goes from the account's cash into the market's pool, borrowing what is missing unless the account is insolvent; a profit comes out of
    /// the pool, never more than it holds. Equity stays the same.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let mut market = ctx.accounts.market.load_mut()?;
        let mut bank = ctx.accounts.quote_bank.load_mut()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require_eq!(bank.asset, QUOTE_ASSET, BallastError::NotQuoteBank);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };

        require_not_paused(&exchange, Pausable::SettlePnl, view.now)?;
        let before = *account
            .position(&market.terms)
            .ok_or(BallastError::PositionNotFound)?;
        let mut position = before;
        let funding = view.settle_funding(&mut position).coded()?;
        let profit = profit(&view, &position)?;
        require_neq!(profit, 0, BallastError::NothingToSettle);
        let pool = i64::try_from(market.settlement_pool).map_err(|_| BallastError::Overflow)?;
        let mut settled = match planted(Bug::PoolOverdrawn) {
            true => profit,
            false => profit.min(pool),
        };
        require_neq!(settled, 0, BallastError::SettlementPoolEmpty);
        let indexes = board.indexes(QUOTE_ASSET).coded()?;
        let owned = ledger::amount(account.balance_mut(QUOTE_ASSET).coded()?, indexes).coded()?;
        if owned.saturating_add(settled) < 0
            && position.base_lots != 0
            && is_insolvent(&view, &account)?
        {
            settled = -owned.max(0);
            require_neq!(settled, 0, BallastError::LossNotCovered);
        }

        position.change(0, -settled).coded()?;
        *account.position_mut(&market.terms).coded()? = position;
        market.book(&before, &position).coded()?;
        let cash = account.balance_mut(QUOTE_ASSET).coded()?;
        require_accrued(&view, &bank, owned.saturating_add(settled) < 0)?;
        if settled > 0 {
            ledger::credit(cash, &mut bank, indexes, settled.unsigned_abs()).coded()?;
        } else {
            ledger::debit(cash, &mut bank, indexes, settled.unsigned_abs()).coded()?;
        }
        let after = |total: u64| {
            if planted(Bug::PoolOverdrawn) {
                return Ok(total.saturating_add_signed(-settled));
            }
            total
                .checked_add_signed(-settled)
                .ok_or(BallastError::Overflow)
        };
        market.settlement_pool = after(market.settlement_pool)?;
        bank.settlement_pools = after(bank.settlement_pools)?;

        emit!(PnlSettled {
            margin_account: ctx.accounts.margin_account.key(),
            market: ctx.accounts.market.key(),
            amount: settled,
            funding,
        });
        Ok(())
    }
}

/// Whether an account has lost more than it had and its auction has not run to its end. Until then its open positions' losses do not become
/// loans: winners would be paid in full by lenders instead of bearing their part (`auto_deleverage`).
fn is_insolvent(view: &View, account: &MarginAccount) -> Result<bool> {
    let mut report = Report::boxed();
    view.assess(account, Purpose::ReduceRisk, &mut report)
        .coded()?;
    Ok(report.equity_mark < 0 && !account.auction_has_ended(&view.exchange.liquidation))
}

/// The profit that may move into cash. A perpetual's is at the board's price. A future's is what that and its forward agree on, so that a
/// posted carry pays nobody. An option's is known once it is closed or expired: a posted volatility never moves cash.
fn profit(view: &View, position: &Position) -> Result<i64> {
    let (terms, lots) = (&position.terms, position.base_lots);
    if lots == 0 {
        return Ok(position.quote);
    }
    require!(!terms.is_option(), BallastError::OptionNotClosed);
    require!(!terms.is_expired(view.now), BallastError::SettlementPending);
    let at = |mark| {
        let value = signed_value_floor(lots, mark).coded()?;
        let profit = value.checked_add(position.quote);
        profit.ok_or(error!(BallastError::Overflow))
    };
    let spot = at(view.fresh_mark(terms.underlying).coded()?)?;
    let mark = at(view.mark(terms).coded()?)?;
    Ok(if (spot > 0) == (mark > 0) {
        if spot > 0 {
            spot.min(mark)
        } else {
            spot.max(mark)
        }
    } else {
        0
    })
}
