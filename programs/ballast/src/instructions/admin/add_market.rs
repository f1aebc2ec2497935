use super::bounds::within;
use crate::error::{BallastError, Coded};
use crate::events::{MarketAdded, Terms};
use anchor_lang::prelude::*;
use ballast_state::{Exchange, Market, MarketKind, MarketTerms, seeds};

/// A new market; see [`Market`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct MarketArgs {
    pub terms: Terms,
    /// Quote units per lot.
    pub tick_size: u64,
    pub order_minimum_lots: u64,
    pub open_interest_cap_lots: u64,
}

impl From<Terms> for MarketTerms {
    fn from(terms: Terms) -> Self {
        Self {
            expiry: terms.expiry,
            strike: terms.strike,
            underlying: terms.underlying,
            kind: terms.kind,
            padding: [0; 6],
        }
    }
}

impl MarketArgs {
    fn validate(&self, exchange: &Exchange) -> Result<()> {
        exchange.underlying(self.terms.underlying).coded()?;
        let terms = MarketTerms::from(self.terms);
        require!(
            terms.kind().coded()? == MarketKind::Perpetual,
            BallastError::UnsupportedInstrument
        );
        within("expiry", terms.expiry, 0, 0)?;
        within("strike", terms.strike, 0, 0)?;
        within("tick_size", self.tick_size, 1, 1 << 40)?;
        within("order_minimum_lots", self.order_minimum_lots, 1, 1 << 40)?;
        within(
            "open_interest_cap_lots",
            self.open_interest_cap_lots,
            0,
            1 << 50,
        )
    }
}

#[derive(Accounts)]
#[instruction(args: MarketArgs)]
pub struct AddMarket<'info> {
    #[account(has_one = admin @ BallastError::NotAdmin)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(
        init,
        payer = payer,
        space = Market::ACCOUNT_LEN,
        seeds = [
            seeds::MARKET,
            exchange.key().as_ref(),
            bytemuck::bytes_of(&MarketTerms::from(args.terms)),
        ],
        bump
    )]
    pub market: AccountLoader<'info, Market>,
    pub admin: Signer<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub system_program: Program<'info, System>,
}

impl AddMarket<'_> {
    pub fn handle(ctx: Context<Self>, args: MarketArgs) -> Result<()> {
        args.validate(&*ctx.accounts.exchange.load()?)?;
        let mut market = ctx.accounts.market.load_init()?;
        market.exchange = ctx.accounts.exchange.key();
        market.creator = ctx.accounts.payer.key();
        market.terms = args.terms.into();
        market.tick_size = args.tick_size;
        market.order_minimum_lots = args.order_minimum_lots;
        market.open_interest_cap_lots = args.open_interest_cap_lots;
        market.bump = ctx.bumps.market;

        emit!(MarketAdded {
            exchange: ctx.accounts.exchange.key(),
            market: ctx.accounts.market.key(),
            terms: args.terms,
        });
        Ok(())
    }
}
