use crate::error::{BallastError, Coded, code};
use crate::events::{PriceRefused, PriceUpdated};
use crate::instructions::require_not_paused;
use crate::oracle::{self, OraclePrice};
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::{Board, Exchange, NONE, Pausable};

#[derive(Accounts)]
pub struct RefreshPrices<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    // Remaining accounts: Pyth price accounts of either layout.
}

impl<'info> RefreshPrices<'info> {
    /// Takes what can be taken. A price that must be refused is skipped with an event that names the reason; only when no
    /// feed takes any does the instruction fail, with the first reason.
    pub fn handle(ctx: Context<'info, Self>) -> Result<()> {
        require!(
            !ctx.remaining_accounts.is_empty(),
            BallastError::NoPriceAccounts
        );
        let exchange = ctx.accounts.exchange.load()?;
        let mut board = ctx.accounts.board.load_mut()?;
        let clock = Clock::get()?;
        require_not_paused(&exchange, Pausable::RefreshPrices, clock.unix_timestamp)?;
        let mut prices = Prices {
            exchange: &exchange,
            exchange_key: ctx.accounts.exchange.key(),
            board: &mut board,
            clock,
            taken: false,
            first_refusal: None,
        };
        for account in ctx.remaining_accounts {
            prices.take(account);
        }
        match prices.first_refusal {
            Some(error) if !prices.taken => Err(error),
            _ => Ok(()),
        }
    }
}

/// A refresh in the making.
struct Prices<'a> {
    exchange: &'a Exchange,
    exchange_key: Pubkey,
    board: &'a mut Board,
    clock: Clock,
    /// Whether any feed took a price.
    taken: bool,
    first_refusal: Option<Error>,
}

impl Prices<'_> {
    /// Offers one account's price to every feed it belongs to: one that cannot take it does not hold up the others.
    fn take(&mut self, account: &AccountInfo) {
        let oracle_price = match oracle::read(account) {
            Ok(price) => price,
            Err(error) => return self.refuse(account, error),
        };
        let mut known = false;
        for index in 0..self.exchange.feed_count {
            let offered = self.offer(index, &oracle_price);
            known |= !matches!(offered, Ok(false));
            match offered {
                Ok(taken) => self.taken |= taken,
                Err(error) => self.refuse(account, error),
            }
        }
        if !known {
            self.refuse(account, BallastError::UnknownFeed.into());
        }
    }

    /// Writes the price to a feed; false when it is another feed's. One that the board has already, or another of the same second, is as good as
    /// taken: two keepers may race. It is compared with the second source again, which may have become too old.
    fn offer(&mut self, index: u8, oracle_price: &OraclePrice) -> Result<bool> {
        let feed = self.exchange.feed(index).coded()?;
        if !oracle_price.is_of(feed) {
            return Ok(false);
        }
        let price = oracle_price.for_feed(feed, self.clock.unix_timestamp)?;
        let entry = &mut self.board.prices[usize::from(index)];
        require!(
            oracle_price.publish_time >= entry.publish_time || planted(Bug::PriceReplayed),
            BallastError::PriceReplayed
        );
        let taken = entry.update(
            feed,
            price.price,
            price.confidence,
            price.ema,
            oracle_price.publish_time,
            self.clock.slot,
        );
        compare(self.exchange, self.board, index, self.clock.unix_timestamp)?;
        if !taken {
            return Ok(true);
        }
        sample_volatility(self.exchange, self.board, index)?;
        emit!(PriceUpdated {
            exchange: self.exchange_key,
            feed: index,
            price_bits: price.price.to_bits(),
            confidence_bits: price.confidence.to_bits(),
            publish_time: oracle_price.publish_time,
        });
        Ok(true)
    }

    fn refuse(&mut self, account: &AccountInfo, error: Error) {
        emit!(PriceRefused {
            exchange: self.exchange_key,
            account: account.key(),
            reason: code(&error),
        });
        self.first_refusal.get_or_insert(error);
    }
}

/// Compares a feed with its second source, and every feed whose second source it is with it.
fn compare(exchange: &Exchange, board: &mut Board, changed: u8, now: i64) -> Result<()> {
    for index in 0..exchange.feed_count {
        let feed = exchange.feed(index).coded()?;
        let source = feed.compare_with;
        if source == NONE || (index != changed && source != changed) {
            continue;
        }
        let other = *board.price(source).coded()?;
        let other_feed = exchange.feed(source).coded()?;
        let entry = &mut board.prices[usize::from(index)];
        if entry.publish_time > 0 {
            entry.compare(feed, &other, other_feed, now);
        }
    }
    Ok(())
}

/// Lets the realised volatility of every underlying priced by this feed see the new price.
fn sample_volatility(exchange: &Exchange, board: &mut Board, feed: u8) -> Result<()> {
    let entry = board.prices[usize::from(feed)];
    let listed = exchange.feed(feed).coded()?;
    if entry.confidence_ratio_q32 > listed.max_confidence_q32 || entry.is_divergent(listed) {
        // A price that is uncertain, or that its second source contradicts, says little about the market's movement.
        return Ok(());
    }
    for index in 0..exchange.underlying_count {
        let underlying = exchange.underlying(index).coded()?;
        if underlying.feed == feed {
            board.underlyings[usize::from(index)]
                .sample(underlying, entry.price.get(), entry.publish_time)
                .coded()?;
        }
    }
    Ok(())
}
