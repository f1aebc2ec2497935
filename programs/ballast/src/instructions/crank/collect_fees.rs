use crate::error::BallastError;
use crate::events::FeesCollected;
use anchor_lang::prelude::*;
use ballast_state::{Bank, Exchange, Market, QUOTE_ASSET};

#[derive(Accounts)]
pub struct CollectFees<'info> {
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub quote_bank: AccountLoader<'info, Bank>,
}

impl CollectFees<'_> {
    /// Moves a market's trading fees to the fees of the quote asset's bank, as far as its settlement pool holds them.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let mut market = ctx.accounts.market.load_mut()?;
        let mut bank = ctx.accounts.quote_bank.load_mut()?;
        let amount = collect(&mut market, &mut bank)?;
        require_gt!(amount, 0, BallastError::InsufficientFees);
        emit!(FeesCollected {
            market: ctx.accounts.market.key(),
            amount,
        });
        Ok(())
    }
}

/// Does it and returns the amount.
pub(super) fn collect(market: &mut Market, bank: &mut Bank) -> Result<u64> {
    require_eq!(bank.asset, QUOTE_ASSET, BallastError::NotQuoteBank);
    let amount = market.fees.min(market.settlement_pool);
    let less = |total: u64| total.checked_sub(amount).ok_or(BallastError::Overflow);
    market.fees = less(market.fees)?;
    market.settlement_pool = less(market.settlement_pool)?;
    bank.settlement_pools = less(bank.settlement_pools)?;
    bank.fees = bank
        .fees
        .checked_add(amount)
        .ok_or(BallastError::Overflow)?;
    Ok(amount)
}
