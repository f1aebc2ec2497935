use super::collect_fees::collect;
use crate::error::BallastError;
use crate::events::MarketClosed;
use anchor_lang::prelude::*;
use ballast_state::{Bank, Exchange, Market, MarketStatus};

#[derive(Accounts)]
pub struct CloseMarket<'info> {
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(
        mut,
        close = creator,
        has_one = exchange @ BallastError::WrongExchange,
        has_one = creator @ BallastError::NotCreator
    )]
    pub market: AccountLoader<'info, Market>,
    /// CHECK: whoever paid the rent gets it back; nothing else is done with it.
    #[account(mut)]
    pub creator: UncheckedAccount<'info>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub quote_bank: AccountLoader<'info, Bank>,
}

impl CloseMarket<'_> {
    /// Closes a settled market in which nobody holds, owes or is owed anything. Its fees go to the quote asset's bank.
    pub fn handle(ctx: Context<Self>) -> Result<()> {
        let mut market = ctx.accounts.market.load_mut()?;
        let mut bank = ctx.accounts.quote_bank.load_mut()?;
        let settled = market.status == MarketStatus::Closed as u8;
        require!(settled, BallastError::SettlementPending);
        // Without lots the quotes sum to the pool less the fees: when none is negative and that is nothing, there are none.
        let empty = market.open_interest_lots == 0
            && market.short_interest_lots == 0
            && market.debts == 0
            && market.settlement_pool == market.fees;
        require!(empty, BallastError::MarketNotEmpty);
        let fees = collect(&mut market, &mut bank)?;
        emit!(MarketClosed {
            market: ctx.accounts.market.key(),
            terms: market.terms.into(),
            creator: market.creator,
            fees,
        });
        Ok(())
    }
}
