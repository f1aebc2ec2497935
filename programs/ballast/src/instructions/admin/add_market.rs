use super::bounds::within;
use crate::error::{BallastError, Coded};
use crate::events::{MarketAdded, ParametersChanged, Terms};
use anchor_lang::prelude::*;
use ballast_state::{
    EXPIRY_MAX_S, Exchange, Market, MarketKind, MarketStatus, MarketTerms, next_expiry, seeds,
};

/// How a market trades; see [`Market`].
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketParameters {
    /// Prices are multiples of this, quote units per lot: 1 to 2^40.
    pub tick_size: u64,
    /// Smallest order, lots: 1 to 2^40.
    pub order_minimum_lots: u64,
    /// Largest open interest after a fill that raises it, lots: 0 to 2^50.
    pub open_interest_cap_lots: u64,
    /// 0 active, 1 only orders that reduce a position.
    pub status: u8,
}

impl MarketParameters {
    /// Opens a market of an exchange with these parameters; its creator has paid its rent.
    pub(in crate::instructions) fn open(
        &self,
        loader: &AccountLoader<Market>,
        exchange: Pubkey,
        creator: Pubkey,
        terms: Terms,
        bump: u8,
    ) -> Result<()> {
        let mut market = loader.load_init()?;
        market.exchange = exchange;
        market.creator = creator;
        market.terms = terms.into();
        market.bump = bump;
        self.write(&mut market)?;
        emit!(MarketAdded {
            exchange,
            market: loader.key(),
            terms,
            creator,
        });
        Ok(())
    }

    /// Checks all bounds and writes.
    fn write(&self, market: &mut Market) -> Result<()> {
        within("tick_size", self.tick_size, 1, 1 << 40)?;
        within("order_minimum_lots", self.order_minimum_lots, 1, 1 << 40)?;
        within(
            "open_interest_cap_lots",
            self.open_interest_cap_lots,
            0,
            1 << 50,
        )?;
        within("status", self.status, 0, MarketStatus::ReduceOnly as u8)?;
        market.tick_size = self.tick_size;
        market.order_minimum_lots = self.order_minimum_lots;
        market.open_interest_cap_lots = self.open_interest_cap_lots;
        market.status = self.status;
        Ok(())
    }
}

impl From<&Market> for MarketParameters {
    fn from(market: &Market) -> Self {
        Self {
            tick_size: market.tick_size,
            order_minimum_lots: market.order_minimum_lots,
            open_interest_cap_lots: market.open_interest_cap_lots,
            status: market.status,
        }
    }
}

/// A new market.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct MarketArgs {
    /// What is traded.
    pub terms: Terms,
    /// How it is traded.
    pub parameters: MarketParameters,
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
    fn validate(&self, exchange: &Exchange, now: i64) -> Result<()> {
        exchange.underlying(self.terms.underlying).coded()?;
        let terms = MarketTerms::from(self.terms);
        if terms.kind().coded()? == MarketKind::Perpetual {
            within("expiry", terms.expiry, 0, 0)?;
        } else {
            // The admin may choose any day.
            let ahead_s = terms.expiry.saturating_sub(now);
            let on_grid =
                next_expiry(terms.expiry) == terms.expiry && (1..=EXPIRY_MAX_S).contains(&ahead_s);
            require!(on_grid, BallastError::ExpiryNotOnGrid);
        }
        let strikes = if terms.is_option() {
            1..=1 << 50
        } else {
            0..=0
        };
        within("strike", terms.strike, *strikes.start(), *strikes.end())
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
        let now = Clock::get()?.unix_timestamp;
        args.validate(&*ctx.accounts.exchange.load()?, now)?;
        args.parameters.open(
            &ctx.accounts.market,
            ctx.accounts.exchange.key(),
            ctx.accounts.payer.key(),
            args.terms,
            ctx.bumps.market,
        )
    }
}

#[derive(Accounts)]
pub struct UpdateMarket<'info> {
    #[account(has_one = risk_authority @ BallastError::NotRiskAuthority)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    pub risk_authority: Signer<'info>,
}

impl UpdateMarket<'_> {
    /// Orders that rest already keep their prices and sizes.
    pub fn handle(ctx: Context<Self>, parameters: MarketParameters) -> Result<()> {
        let mut market = ctx.accounts.market.load_mut()?;
        let status = market.status(Clock::get()?.unix_timestamp);
        let trades = matches!(status, MarketStatus::Active | MarketStatus::ReduceOnly);
        require!(trades, BallastError::MarketExpired);
        parameters.write(&mut market)?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 4,
            index: market.terms.underlying,
        });
        Ok(())
    }
}
