use crate::error::{BallastError, Coded};
use crate::events::{PriceRefused, PriceUpdated};
use crate::oracle;
use anchor_lang::prelude::*;
use ballast_state::{Board, Exchange};

#[derive(Accounts)]
pub struct RefreshPrices<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    // Remaining accounts: Pyth price accounts of either layout.
}

impl<'info> RefreshPrices<'info> {
    /// Takes what can be taken. An account that must be refused is skipped with an event that names the reason; only when
    /// every one is refused does the instruction fail, with the first reason.
    pub fn handle(ctx: Context<'info, Self>) -> Result<()> {
        require!(
            !ctx.remaining_accounts.is_empty(),
            BallastError::NoPriceAccounts
        );
        let exchange = ctx.accounts.exchange.load()?;
        let mut board = ctx.accounts.board.load_mut()?;
        let clock = Clock::get()?;
        let mut taken = false;
        let mut first_refusal = None;
        for account in ctx.remaining_accounts {
            match take(
                &exchange,
                &mut board,
                account,
                &clock,
                &ctx.accounts.exchange.key(),
            ) {
                Ok(()) => taken = true,
                Err(error) => {
                    emit!(PriceRefused {
                        exchange: ctx.accounts.exchange.key(),
                        account: account.key(),
                        reason: code(&error),
                    });
                    first_refusal.get_or_insert(error);
                }
            }
        }
        match first_refusal {
            Some(error) if !taken => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes one account's price to every feed it belongs to.
fn take(
    exchange: &Exchange,
    board: &mut Board,
    account: &AccountInfo,
    clock: &Clock,
    exchange_key: &Pubkey,
) -> Result<()> {
    let oracle_price = oracle::read(account)?;
    let mut known = false;
    for index in 0..exchange.feed_count {
        let feed = exchange.feed(index).coded()?;
        if !oracle_price.is_of(feed) {
            continue;
        }
        known = true;
        let price = oracle_price.for_feed(feed, clock.unix_timestamp)?;
        let entry = &mut board.prices[usize::from(index)];
        require_gte!(
            oracle_price.publish_time,
            entry.publish_time,
            BallastError::PriceReplayed
        );
        entry.update(
            feed,
            price.price,
            price.confidence,
            price.ema,
            oracle_price.publish_time,
            clock.slot,
        );
        sample_volatility(exchange, board, index)?;
        emit!(PriceUpdated {
            exchange: *exchange_key,
            feed: index,
            price_bits: price.price.to_bits(),
            confidence_bits: price.confidence.to_bits(),
            publish_time: oracle_price.publish_time,
        });
    }
    require!(known, BallastError::UnknownFeed);
    Ok(())
}

/// Lets the realised volatility of every underlying priced by this feed see the new price.
fn sample_volatility(exchange: &Exchange, board: &mut Board, feed: u8) -> Result<()> {
    let entry = board.prices[usize::from(feed)];
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

/// The number a client would see.
fn code(error: &Error) -> u32 {
    match error {
        Error::AnchorError(error) => error.error_code_number,
        Error::ProgramError(_) => u32::MAX,
    }
}
