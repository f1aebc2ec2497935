use super::bounds::{fraction, within};
use crate::error::BallastError;
use crate::events::{ExchangeInitialized, ParametersChanged};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::time::YEAR_S;
use ballast_state::{
    Board, Exchange, FeeRates, LiquidationParameters, MarginAccount, MarginParameters, seeds,
};

/// Portfolio margin parameters, all Q32; see [`MarginParameters`].
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginArgs {
    /// Initial over maintenance margin: 1 to 10.
    pub initial_factor_q32: u64,
    /// Largest part of the sum of directional losses that offsets across underlyings take away: 0 to 1.
    pub max_offset_q32: u64,
    /// Factor on margin per unit that the quote asset lies below 0.99: 0 to 100.
    pub depeg_multiplier_q32: u64,
    /// Confidence intervals added to the price of a loan whose price is uncertain: 0 to 10.
    pub wide_confidence_multiplier_q32: u64,
}

/// Liquidation parameters; see [`LiquidationParameters`].
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationArgs {
    /// Discount when the auction starts, Q32: 0 to the one at `first_s`.
    pub discount_start_q32: u64,
    /// Discount at `first_s`, Q32: 0 to 1/2.
    pub discount_first_q32: u64,
    /// First stretch of the auction, seconds: a minute to a year.
    pub first_s: u64,
    /// When the price of a solvent account reaches 0, seconds: a minute after `first_s`, to a year.
    pub zero_s: u64,
    /// When the insurance fund's premium is full, seconds: `zero_s` to a year.
    pub premium_full_s: u64,
    /// Largest premium as a fraction of maintenance margin, Q32: 0 to 1.
    pub premium_q32: u64,
    /// Where between maintenance and initial margin an account leaves liquidation, Q32: 0 to 1.
    pub buffer_q32: u64,
    /// Share of the discount that goes to the insurance fund, Q32: 0 to 1.
    pub insurance_share_q32: u64,
    /// Accounts whose gross value is below this are taken whole, quote units: 0 to 10^9.
    pub dust_value: u64,
    /// Longest time between two observations that counts for the auction's clock, seconds: 1 to `first_s`.
    pub observation_gap_max_s: u64,
    /// Cash below which nobody withdraws from the insurance fund, quote units.
    pub insurance_floor: u64,
    /// Largest part of an asset's deposits that losses take within a day, Q32: 0 to 1/2.
    pub loss_maximum_q32: u64,
}

/// Fees of one kind of market; see [`FeeRates`].
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeArgs {
    /// Paid by the older order, of the traded value, Q32: 0 to 10%.
    pub maker_q32: u64,
    /// Paid by the younger order, of the traded value, Q32: 0 to 10%.
    pub taker_q32: u64,
    /// Share of both fees that goes to whoever submits the fill, Q32: 0 to 1.
    pub filler_share_q32: u64,
    /// Options: largest fee as a share of the premium, Q32: 0 to 1.
    pub premium_cap_q32: u64,
}

/// Parameters of the whole exchange.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeParameters {
    /// Portfolio margin.
    pub margin: MarginArgs,
    /// Liquidation.
    pub liquidation: LiquidationArgs,
    /// Trading fees: perpetual, future, call, put.
    pub fees: [FeeArgs; 4],
}

/// What an exchange starts with.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct InitExchangeArgs {
    /// Changes parameters.
    pub risk_authority: Pubkey,
    /// May pause.
    pub guardian: Pubkey,
    /// The first ones.
    pub parameters: ExchangeParameters,
}

impl ExchangeParameters {
    /// Checks all bounds and writes.
    fn write(&self, exchange: &mut Exchange) -> Result<()> {
        let margin = &self.margin;
        within(
            "initial_factor",
            margin.initial_factor_q32,
            Q32_ONE,
            10 * Q32_ONE,
        )?;
        fraction("max_offset", margin.max_offset_q32)?;
        within(
            "depeg_multiplier",
            margin.depeg_multiplier_q32,
            0,
            100 * Q32_ONE,
        )?;
        within(
            "wide_confidence_multiplier",
            margin.wide_confidence_multiplier_q32,
            0,
            10 * Q32_ONE,
        )?;
        let auction = &self.liquidation;
        within("discount_first", auction.discount_first_q32, 0, Q32_ONE / 2)?;
        within(
            "discount_start",
            auction.discount_start_q32,
            0,
            auction.discount_first_q32,
        )?;
        // An auction that falls to nothing within minutes would give accounts away.
        within("first_s", auction.first_s, 60, YEAR_S)?;
        within(
            "zero_s",
            auction.zero_s,
            auction.first_s.saturating_add(60),
            YEAR_S,
        )?;
        within(
            "observation_gap_max_s",
            auction.observation_gap_max_s,
            1,
            auction.first_s,
        )?;
        within(
            "premium_full_s",
            auction.premium_full_s,
            auction.zero_s,
            YEAR_S,
        )?;
        fraction("premium", auction.premium_q32)?;
        fraction("buffer", auction.buffer_q32)?;
        fraction("insurance_share", auction.insurance_share_q32)?;
        within("dust_value", auction.dust_value, 0, 1_000_000_000)?;
        within("loss_maximum", auction.loss_maximum_q32, 0, Q32_ONE / 2)?;
        for fees in &self.fees {
            within("maker", fees.maker_q32, 0, Q32_ONE / 10)?;
            within("taker", fees.taker_q32, 0, Q32_ONE / 10)?;
            fraction("filler_share", fees.filler_share_q32)?;
            fraction("premium_cap", fees.premium_cap_q32)?;
        }

        exchange.margin = MarginParameters {
            initial_factor_q32: margin.initial_factor_q32,
            max_offset_q32: margin.max_offset_q32,
            depeg_multiplier_q32: margin.depeg_multiplier_q32,
            wide_confidence_multiplier_q32: margin.wide_confidence_multiplier_q32,
            ..MarginParameters::default()
        };
        exchange.liquidation = LiquidationParameters {
            discount_start_q32: auction.discount_start_q32,
            discount_first_q32: auction.discount_first_q32,
            first_s: auction.first_s,
            zero_s: auction.zero_s,
            premium_full_s: auction.premium_full_s,
            premium_q32: auction.premium_q32,
            buffer_q32: auction.buffer_q32,
            insurance_share_q32: auction.insurance_share_q32,
            dust_value: auction.dust_value,
            observation_gap_max_s: auction.observation_gap_max_s,
            insurance_floor: auction.insurance_floor,
            loss_maximum_q32: auction.loss_maximum_q32,
            ..LiquidationParameters::default()
        };
        exchange.fees = self.fees.map(|fees| FeeRates {
            maker_q32: fees.maker_q32,
            taker_q32: fees.taker_q32,
            filler_share_q32: fees.filler_share_q32,
            premium_cap_q32: fees.premium_cap_q32,
        });
        Ok(())
    }
}

impl From<&Exchange> for ExchangeParameters {
    fn from(exchange: &Exchange) -> Self {
        let (margin, auction) = (&exchange.margin, &exchange.liquidation);
        Self {
            margin: MarginArgs {
                initial_factor_q32: margin.initial_factor_q32,
                max_offset_q32: margin.max_offset_q32,
                depeg_multiplier_q32: margin.depeg_multiplier_q32,
                wide_confidence_multiplier_q32: margin.wide_confidence_multiplier_q32,
            },
            liquidation: LiquidationArgs {
                discount_start_q32: auction.discount_start_q32,
                discount_first_q32: auction.discount_first_q32,
                first_s: auction.first_s,
                zero_s: auction.zero_s,
                premium_full_s: auction.premium_full_s,
                premium_q32: auction.premium_q32,
                buffer_q32: auction.buffer_q32,
                insurance_share_q32: auction.insurance_share_q32,
                dust_value: auction.dust_value,
                observation_gap_max_s: auction.observation_gap_max_s,
                insurance_floor: auction.insurance_floor,
                loss_maximum_q32: auction.loss_maximum_q32,
            },
            fees: exchange.fees.map(|fees| FeeArgs {
                maker_q32: fees.maker_q32,
                taker_q32: fees.taker_q32,
                filler_share_q32: fees.filler_share_q32,
                premium_cap_q32: fees.premium_cap_q32,
            }),
        }
    }
}

#[derive(Accounts)]
pub struct InitExchange<'info> {
    /// Empty, created by the client with this program as owner; signs, so that nobody else initialises it.
    #[account(zero, signer)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// Likewise.
    #[account(zero, signer)]
    pub board: AccountLoader<'info, Board>,
    #[account(
        init,
        payer = payer,
        space = MarginAccount::ACCOUNT_LEN,
        seeds = [seeds::MARGIN, exchange.key().as_ref(), insurance_owner.key().as_ref(), &0u16.to_le_bytes()],
        bump
    )]
    pub insurance_fund: AccountLoader<'info, MarginAccount>,
    /// CHECK: an address without a key, so that nobody can act as the insurance fund's owner.
    #[account(seeds = [seeds::INSURANCE, exchange.key().as_ref()], bump)]
    pub insurance_owner: UncheckedAccount<'info>,
    pub admin: Signer<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub system_program: Program<'info, System>,
}

impl InitExchange<'_> {
    pub fn handle(ctx: Context<Self>, args: InitExchangeArgs) -> Result<()> {
        let accounts = ctx.accounts;
        let mut exchange = accounts.exchange.load_init()?;
        exchange.version = 1;
        exchange.board = accounts.board.key();
        exchange.insurance_fund = accounts.insurance_fund.key();
        exchange.admin = accounts.admin.key();
        exchange.risk_authority = args.risk_authority;
        exchange.guardian = args.guardian;
        args.parameters.write(&mut exchange)?;
        accounts.board.load_init()?.exchange = accounts.exchange.key();

        let mut fund = accounts.insurance_fund.load_init()?;
        fund.exchange = accounts.exchange.key();
        fund.owner = accounts.insurance_owner.key();
        fund.bump = ctx.bumps.insurance_fund;

        emit!(ExchangeInitialized {
            exchange: accounts.exchange.key(),
            board: accounts.board.key(),
            insurance_fund: accounts.insurance_fund.key(),
            admin: accounts.admin.key(),
        });
        Ok(())
    }
}

#[derive(Accounts)]
pub struct UpdateExchange<'info> {
    #[account(mut, has_one = risk_authority @ BallastError::NotRiskAuthority)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub risk_authority: Signer<'info>,
}

impl UpdateExchange<'_> {
    pub fn handle(ctx: Context<Self>, parameters: ExchangeParameters) -> Result<()> {
        parameters.write(&mut *ctx.accounts.exchange.load_mut()?)?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 0,
            index: 0,
        });
        Ok(())
    }
}
