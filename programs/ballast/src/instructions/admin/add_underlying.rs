use super::bounds::{fraction, within};
use super::{FeedChoice, FundingParameters, OptionParameters, SurfaceParameters};
use crate::error::{BallastError, Coded};
use crate::events::{ParametersChanged, UnderlyingAdded};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::margin::{CORRELATION_ONE_BPS, size_coefficient_q80};
use ballast_risk::time::YEAR_S;
use ballast_risk::volatility::{RANGE_LIMIT_Q32, VARIANCE_MAX_Q32};
use ballast_state::{
    Board, CorrelationPair, Exchange, UNDERLYINGS_MAX, Underlying, correlation_index,
};

/// Largest volatility the first estimate may have, Q32: 1,600%, whose square is within the variance's range.
const INITIAL_VOLATILITY_MAX_Q32: u64 = 16 * Q32_ONE;
const _: () = assert!(16 * 16 * Q32_ONE <= VARIANCE_MAX_Q32);

/// Correlation of two underlyings, in 1e-4.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrelationArgs {
    /// Lowest correlation that scenarios assume, in 1e-4: -10,000 to the highest.
    pub low_bps: i16,
    /// Highest correlation that scenarios assume, in 1e-4: to 10,000.
    pub high_bps: i16,
}

impl CorrelationArgs {
    fn write(self, pair: &mut CorrelationPair) -> Result<()> {
        let limit = CORRELATION_ONE_BPS as i16;
        within("correlation high", self.high_bps, -limit, limit)?;
        within("correlation low", self.low_bps, -limit, self.high_bps)?;
        *pair = CorrelationPair {
            low_bps: self.low_bps,
            high_bps: self.high_bps,
        };
        Ok(())
    }
}

/// How an underlying counts; see [`Underlying`]. Fractions in Q32.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderlyingParameters {
    /// Scan range per unit of annualised volatility, Q32: 0 to 10.
    pub range_volatility_multiplier_q32: u64,
    /// Smallest scan range, Q32: above 0, to the largest.
    pub range_minimum_q32: u64,
    /// Largest scan range, Q32: above 0, to 99%.
    pub range_maximum_q32: u64,
    /// Confidence intervals added to the scan range, Q32: 0 to 100.
    pub range_confidence_multiplier_q32: u64,
    /// Half-life of the realised variance, seconds: 1 to a year.
    pub volatility_half_life_s: u64,
    /// Shortest time between two samples of the return, seconds: 1 to the half-life.
    pub volatility_interval_s: u64,
    /// Size contingency at a notional equal to the depth, Q32: 0 to 10.
    pub size_lambda_q32: u64,
    /// Depth of the market for the size contingency, quote units, above 0.
    pub size_depth: u64,
    /// Largest rate of the size contingency, Q32: 0 to 1.
    pub size_cap_q32: u64,
    /// Largest unsettled profit of one account that counts for initial margin, quote units.
    pub unsettled_profit_cap: u64,
    /// How far an order's price may lie from the mark, Q32: 0 to 1.
    pub price_band_q32: u64,
    /// Funding of its perpetual.
    pub funding: FundingParameters,
    /// Option series and their margin.
    pub options: OptionParameters,
    /// Its volatility surface.
    pub surface: SurfaceParameters,
}

impl UnderlyingParameters {
    /// Checks all bounds and writes.
    fn write(&self, underlying: &mut Underlying) -> Result<()> {
        within("range_maximum", self.range_maximum_q32, 1, RANGE_LIMIT_Q32)?;
        within(
            "range_minimum",
            self.range_minimum_q32,
            1,
            self.range_maximum_q32,
        )?;
        within(
            "range_volatility_multiplier",
            self.range_volatility_multiplier_q32,
            0,
            10 * Q32_ONE,
        )?;
        within(
            "range_confidence_multiplier",
            self.range_confidence_multiplier_q32,
            0,
            100 * Q32_ONE,
        )?;
        within(
            "volatility_half_life_s",
            self.volatility_half_life_s,
            1,
            YEAR_S,
        )?;
        within(
            "volatility_interval_s",
            self.volatility_interval_s,
            1,
            self.volatility_half_life_s,
        )?;
        within("size_lambda", self.size_lambda_q32, 0, 10 * Q32_ONE)?;
        fraction("size_cap", self.size_cap_q32)?;
        fraction("price_band", self.price_band_q32)?;
        underlying.size_coefficient_q80 =
            size_coefficient_q80(self.size_lambda_q32, self.size_depth)
                .ok_or(BallastError::ParameterOutOfBounds)?;
        underlying.range_volatility_multiplier_q32 = self.range_volatility_multiplier_q32;
        underlying.range_minimum_q32 = self.range_minimum_q32;
        underlying.range_maximum_q32 = self.range_maximum_q32;
        underlying.range_confidence_multiplier_q32 = self.range_confidence_multiplier_q32;
        underlying.volatility_half_life_s = self.volatility_half_life_s;
        underlying.volatility_interval_s = self.volatility_interval_s;
        underlying.size_lambda_q32 = self.size_lambda_q32;
        underlying.size_depth = self.size_depth;
        underlying.size_cap_q32 = self.size_cap_q32;
        underlying.unsettled_profit_cap = self.unsettled_profit_cap;
        underlying.price_band_q32 = self.price_band_q32;
        self.funding.write(underlying)?;
        self.options.write(underlying)?;
        self.surface.write(underlying)
    }
}

impl From<&Underlying> for UnderlyingParameters {
    fn from(underlying: &Underlying) -> Self {
        Self {
            range_volatility_multiplier_q32: underlying.range_volatility_multiplier_q32,
            range_minimum_q32: underlying.range_minimum_q32,
            range_maximum_q32: underlying.range_maximum_q32,
            range_confidence_multiplier_q32: underlying.range_confidence_multiplier_q32,
            volatility_half_life_s: underlying.volatility_half_life_s,
            volatility_interval_s: underlying.volatility_interval_s,
            size_lambda_q32: underlying.size_lambda_q32,
            size_depth: underlying.size_depth,
            size_cap_q32: underlying.size_cap_q32,
            unsettled_profit_cap: underlying.unsettled_profit_cap,
            price_band_q32: underlying.price_band_q32,
            funding: underlying.into(),
            options: underlying.into(),
            surface: underlying.into(),
        }
    }
}

/// A new underlying.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug)]
pub struct UnderlyingArgs {
    /// Ticker, zero-padded.
    pub name: [u8; 16],
    /// Where its price comes from.
    pub feed: FeedChoice,
    /// Decimals of the base unit: 0 to 18.
    pub decimals: u8,
    /// Base units in a lot: 1 to 2^50.
    pub lot_size: u64,
    /// Annualised volatility to start from, before anything is realised.
    pub initial_volatility_q32: u64,
    /// How it counts.
    pub parameters: UnderlyingParameters,
    /// One for each underlying listed before, in order.
    pub correlations: Vec<CorrelationArgs>,
}

#[derive(Accounts)]
pub struct AddUnderlying<'info> {
    #[account(mut, has_one = admin @ BallastError::NotAdmin, has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    pub admin: Signer<'info>,
}

impl AddUnderlying<'_> {
    pub fn handle(ctx: Context<Self>, args: UnderlyingArgs) -> Result<()> {
        within("lot_size", args.lot_size, 1, 1 << 50)?;
        within("decimals", args.decimals, 0, 18)?;
        within(
            "initial_volatility",
            args.initial_volatility_q32,
            0,
            INITIAL_VOLATILITY_MAX_Q32,
        )?;
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        let index = usize::from(exchange.underlying_count);
        require_gt!(UNDERLYINGS_MAX, index, BallastError::TableFull);
        require_eq!(
            args.correlations.len(),
            index,
            BallastError::MissingCorrelations
        );
        let feed = args.feed.resolve(&mut exchange, args.decimals)?;

        let underlying = &mut exchange.underlyings[index];
        underlying.name = args.name;
        underlying.feed = feed;
        underlying.lot_size = args.lot_size;
        args.parameters.write(underlying)?;
        for (other, pair) in args.correlations.iter().enumerate() {
            pair.write(&mut exchange.correlations[correlation_index(other, index)])?;
        }
        exchange.underlying_count += 1;

        let mut board = ctx.accounts.board.load_mut()?;
        let state = &mut board.underlyings[index];
        let volatility = u128::from(args.initial_volatility_q32);
        state.volatility_q32 = args.initial_volatility_q32;
        state.variance_q32 = ((volatility * volatility) >> 32) as u64;

        emit!(UnderlyingAdded {
            exchange: ctx.accounts.exchange.key(),
            underlying: index as u8,
            feed,
            lot_size: args.lot_size,
        });
        Ok(())
    }
}

#[derive(Accounts)]
pub struct UpdateUnderlying<'info> {
    #[account(mut, has_one = risk_authority @ BallastError::NotRiskAuthority)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub risk_authority: Signer<'info>,
}

impl UpdateUnderlying<'_> {
    pub fn handle(ctx: Context<Self>, index: u8, parameters: UnderlyingParameters) -> Result<()> {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        exchange.underlying(index).coded()?;
        parameters.write(&mut exchange.underlyings[usize::from(index)])?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 2,
            index,
        });
        Ok(())
    }

    /// The correlation of two different listed underlyings.
    pub fn set_correlation(
        ctx: Context<Self>,
        first: u8,
        second: u8,
        args: CorrelationArgs,
    ) -> Result<()> {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        exchange.underlying(first).coded()?;
        exchange.underlying(second).coded()?;
        require_neq!(first, second, BallastError::ParameterOutOfBounds);
        let place = correlation_index(usize::from(first), usize::from(second));
        args.write(&mut exchange.correlations[place])?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 2,
            index: first.max(second),
        });
        Ok(())
    }
}
