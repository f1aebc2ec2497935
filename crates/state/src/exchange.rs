//! Configuration: what is listed and every risk parameter. Written by the admin and the risk authority, pauses by the guardian too.

use crate::{
    ASSETS_MAX, CORRELATIONS_MAX, FEEDS_MAX, StateError, StoredI80F48, TENORS, UNDERLYINGS_MAX,
};
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use ballast_risk::interest::{InterestCurve, InterestShares};
use ballast_risk::liquidation::Auction;
use ballast_risk::margin::Correlation;
use ballast_risk::surface::VolatilityShocks;
use ballast_risk::volatility::RangeParameters;
use solana_pubkey::Pubkey;

layout! {
    /// One deployment's configuration. Created by the client with the program as owner, initialised once.
    account Exchange [31752] b"exchange" {
        /// The board of this exchange; no other is accepted.
        pub board: Pubkey,
        /// The insurance fund, a margin account.
        pub insurance_fund: Pubkey,
        /// Lists assets, underlyings and markets.
        pub admin: Pubkey,
        /// Changes risk parameters.
        pub risk_authority: Pubkey,
        /// May pause, for a bounded time.
        pub guardian: Pubkey,
        /// The admin that was proposed and has not accepted yet.
        pub pending_admin: Pubkey,
        /// The risk authority that was proposed and has not accepted yet.
        pub pending_risk_authority: Pubkey,
        /// The guardian that was proposed and has not accepted yet.
        pub pending_guardian: Pubkey,
        /// One bit per instruction.
        pub paused_instructions: u64,
        /// When the pause ends by itself, unix seconds.
        pub pause_ends_at: i64,
        /// Parameters of the whole portfolio.
        pub margin: MarginParameters,
        /// Parameters of liquidation.
        pub liquidation: LiquidationParameters,
        /// Fees per kind of market, by [`crate::MarketKind`].
        pub fees: [FeeRates; 4],
        /// Room for what the whole exchange may need later.
        pub reserved: [u64; 32],
        /// Listed assets; the first `asset_count` are set.
        pub assets: [Asset; ASSETS_MAX],
        /// Listed underlyings; the first `underlying_count` are set.
        pub underlyings: [Underlying; UNDERLYINGS_MAX],
        /// Price feeds; the first `feed_count` are set.
        pub feeds: [Feed; FEEDS_MAX],
        /// Correlations of pairs of underlyings, see [`Exchange::correlation`].
        pub correlations: [CorrelationPair; CORRELATIONS_MAX],
        /// Number of assets.
        pub asset_count: u8,
        /// Number of underlyings.
        pub underlying_count: u8,
        /// Number of feeds.
        pub feed_count: u8,
        /// Layout version, 1.
        pub version: u8,
        /// Fills the word.
        pub padding: [u8; 4],
    }
}

layout! {
    /// Portfolio margin parameters. All Q32.
    #[derive(Debug, Default)]
    part MarginParameters [64] {
        /// Initial margin over maintenance margin, at least 1.
        pub initial_factor_q32: u64,
        /// Largest part of the sum of directional losses that offsets across underlyings may take away.
        pub max_offset_q32: u64,
        /// Factor on margin per unit that the quote asset's price lies below 0.99.
        pub depeg_multiplier_q32: u64,
        /// How many confidence intervals are added to the price of a loan whose price is uncertain.
        pub wide_confidence_multiplier_q32: u64,
        /// Room.
        pub reserved: [u64; 4],
    }
}

layout! {
    /// Liquidation parameters, see `ballast_risk::liquidation`.
    #[derive(Debug, Default)]
    part LiquidationParameters [112] {
        /// Discount when the auction starts, Q32.
        pub discount_start_q32: u64,
        /// Discount at `first_s`, Q32.
        pub discount_first_q32: u64,
        /// First stretch of the auction, seconds.
        pub first_s: u64,
        /// When the price of a solvent account reaches 0, seconds.
        pub zero_s: u64,
        /// When the insurance premium is full, seconds.
        pub premium_full_s: u64,
        /// Largest insurance premium as a fraction of maintenance margin, Q32.
        pub premium_q32: u64,
        /// Where between maintenance and initial margin an account leaves liquidation, Q32.
        pub buffer_q32: u64,
        /// Share of the discount that goes to the insurance fund, Q32.
        pub insurance_share_q32: u64,
        /// Accounts whose gross value is below this are taken whole, quote units.
        pub dust_value: u64,
        /// Longest time between two observations that counts for the auction's clock, seconds.
        pub observation_gap_max_s: u64,
        /// Cash below which nobody withdraws from the insurance fund, quote units.
        pub insurance_floor: u64,
        /// Largest part of an asset's deposits that losses may take within a day, Q32.
        pub loss_maximum_q32: u64,
        /// Room.
        pub reserved: [u64; 2],
    }
}

impl LiquidationParameters {
    /// The shape of the auction.
    pub fn auction(&self) -> Auction {
        Auction {
            discount_start_q32: self.discount_start_q32,
            discount_first_q32: self.discount_first_q32,
            first_s: self.first_s,
            zero_s: self.zero_s,
            premium_full_s: self.premium_full_s,
            premium_q32: self.premium_q32,
        }
    }
}

layout! {
    /// Trading fees of one kind of market, fractions of the traded value, Q32.
    #[derive(Debug, Default)]
    part FeeRates [32] {
        /// Paid by the older order.
        pub maker_q32: u64,
        /// Paid by the younger order.
        pub taker_q32: u64,
        /// Share of both fees that goes to whoever submits the fill.
        pub filler_share_q32: u64,
        /// Options: largest fee as a share of the premium.
        pub premium_cap_q32: u64,
    }
}

/// What may be done with an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AssetMode {
    /// Everything.
    Active = 0,
    /// Deposits only repay, and nothing more is lent.
    ReduceOnly = 1,
    /// Like reduce-only, and deposits no longer count for initial margin.
    Closing = 2,
}

/// Instructions that can be paused, by their bit in [`Exchange::paused_instructions`]. Cancelling orders, closing accounts, naming delegates,
/// `collect_fees`, `close_market`, and what admin and risk authority do, cannot; `withdraw_fees` and `withdraw_insurance` go with [`Pausable::Withdraw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Pausable {
    /// `deposit`.
    Deposit = 0,
    /// `withdraw`.
    Withdraw = 1,
    /// `transfer`.
    Transfer = 2,
    /// `place_order`.
    PlaceOrder = 3,
    /// `fill_order`.
    FillOrder = 4,
    /// `settle_pnl`.
    SettlePnl = 5,
    /// `start_liquidation`.
    StartLiquidation = 6,
    /// `liquidate`.
    Liquidate = 7,
    /// `refresh_prices`.
    RefreshPrices = 8,
    /// `accrue_interest`.
    AccrueInterest = 9,
    /// `open_account`.
    OpenAccount = 10,
    /// `place_and_fill`.
    PlaceAndFill = 11,
    /// `prune_order`.
    PruneOrder = 12,
    /// `update_funding`.
    UpdateFunding = 13,
    /// `post_surface`.
    PostSurface = 14,
    /// `list_series`.
    ListSeries = 15,
    /// `finalize_settlement`.
    FinalizeSettlement = 16,
    /// `settle_position`.
    SettlePosition = 17,
    /// `auto_deleverage`.
    AutoDeleverage = 18,
    /// `resolve_bankruptcy`.
    ResolveBankruptcy = 19,
}

/// Bits of all [`Pausable`] instructions.
pub const PAUSABLE_ALL: u64 = (1 << 20) - 1;

layout! {
    /// A token that can be deposited and borrowed.
    part Asset [240] {
        /// Its mint.
        pub mint: Pubkey,
        /// Haircut on deposits for maintenance, Q32.
        pub deposit_haircut_maintenance_q32: u64,
        /// Base haircut on deposits for initial margin, Q32.
        pub deposit_haircut_initial_q32: u64,
        /// Haircut on top of loans for maintenance, Q32.
        pub loan_haircut_maintenance_q32: u64,
        /// Base haircut on top of loans for initial margin, Q32.
        pub loan_haircut_initial_q32: u64,
        /// Further initial haircut per unit of the underlying's scan range, Q32: it follows volatility.
        pub haircut_range_multiplier_q32: u64,
        /// Further initial haircut grows once all deposits are worth more than this, quote units.
        pub haircut_size_start: u64,
        /// Utilisations at which the interest curve bends, Q32, rising.
        pub interest_kinks_q32: [u64; 2],
        /// Yearly rates at utilisation 0, at the kinks and at 100%, Q32.
        pub interest_rates_q32: [u64; 4],
        /// Share of interest for the exchange's fees, Q32.
        pub interest_fee_share_q32: u64,
        /// Share of interest for the insurance fund, Q32.
        pub interest_insurance_share_q32: u64,
        /// Fee on new loans, Q32.
        pub origination_fee_q32: u64,
        /// Room.
        pub reserved: [u64; 10],
        /// Decimals of the mint.
        pub decimals: u8,
        /// Its price feed.
        pub feed: u8,
        /// The underlying whose scenarios it takes part in, or [`crate::NONE`].
        pub underlying: u8,
                /// An [`AssetMode`].
        pub mode: u8,
        /// Fills the word.
        pub padding: [u8; 4],
    }
}

impl Asset {
    /// Its interest curve.
    pub fn interest_curve(&self) -> InterestCurve {
        InterestCurve {
            kinks_q32: self.interest_kinks_q32,
            rates_q32: self.interest_rates_q32,
        }
    }

    /// Parts of the interest that lenders do not get.
    pub fn interest_shares(&self) -> InterestShares {
        InterestShares {
            fees_q32: self.interest_fee_share_q32,
            insurance_q32: self.interest_insurance_share_q32,
        }
    }

    /// Whether new deposits and loans are taken.
    pub fn is_active(&self) -> bool {
        self.mode == AssetMode::Active as u8
    }
}

layout! {
    /// What perpetuals, futures and options are written on.
    part Underlying [424] {
        /// Ticker, zero-padded.
        pub name: [u8; 16],
        /// Base units in a lot, the unit in which positions and orders count. Never changes.
        pub lot_size: u64,
        /// Scan range per unit of annualised volatility: `z·√horizon`, Q32.
        pub range_volatility_multiplier_q32: u64,
        /// Smallest scan range, Q32.
        pub range_minimum_q32: u64,
        /// Largest scan range, Q32.
        pub range_maximum_q32: u64,
        /// Confidence intervals added to the scan range, Q32.
        pub range_confidence_multiplier_q32: u64,
        /// Half-life of the realised variance, seconds.
        pub volatility_half_life_s: u64,
        /// Shortest time between two samples of the return, seconds.
        pub volatility_interval_s: u64,
        /// Size contingency at a notional equal to the depth, Q32: λ.
        pub size_lambda_q32: u64,
        /// Depth of the market for the size contingency, quote units.
        pub size_depth: u64,
        /// `λ²/depth·2^80`, derived when the two are written.
        pub size_coefficient_q80: u64,
        /// Largest rate of the size contingency, Q32.
        pub size_cap_q32: u64,
        /// Largest unsettled profit of one account that counts for initial margin, quote units.
        pub unsettled_profit_cap: u64,
        /// How far an order's price may lie from the mark, Q32.
        pub price_band_q32: u64,
        /// Minimum margin of a net short option as a fraction of spot, Q32.
        pub short_option_minimum_q32: u64,
        /// Discount on long options for initial margin, Q32.
        pub long_option_discount_q32: u64,
        /// Relative rise of implied volatility in scenarios, at 30 days, Q32.
        pub volatility_shock_up_q32: u64,
        /// Relative fall of implied volatility in scenarios, at 30 days, Q32.
        pub volatility_shock_down_q32: u64,
        /// Exponents of the shock's dependence on tenor below and above 30 days, Q32.
        pub volatility_shock_exponents_q32: [u64; 2],
        /// Lowest implied volatility of the surface, Q32.
        pub surface_floor_q32: u64,
        /// Highest implied volatility of the surface, Q32.
        pub surface_cap_q32: u64,
        /// Largest relative change of the surface in one update, Q32.
        pub surface_step_q32: u64,
        /// Seconds after which the surface counts as stale.
        pub surface_max_age_s: u64,
        /// While the surface is stale, the at-the-money level is at least this times the realised volatility, Q32.
        pub surface_stale_multiplier_q32: u64,
        /// Who posts the surface.
        pub surface_authority: Pubkey,
        /// Shortest time between two surfaces, seconds.
        pub surface_interval_s: u64,
        /// A volatility further than this factor from the realised one may only come back, Q32.
        pub surface_distance_q32: u64,
        /// Largest change of the surface within a day, away from the realised volatility, Q32.
        pub surface_day_q32: u64,
        /// Largest yearly carry of the forward, either way, Q32.
        pub carry_maximum_q32: u64,
        /// Strikes are multiples of this, quote units per lot.
        pub strike_step: u64,
        /// Strikes of a new series lie between the mark divided and multiplied by this, Q32.
        pub strike_span_q32: u64,
        /// Tick of option series, quote units per lot.
        pub option_tick_size: u64,
        /// Largest open interest of an option series that anyone lists, lots.
        pub option_open_interest_cap_lots: u64,
        /// How far an option's price may lie from its mark beyond `price_band_q32` of that, as a fraction of the underlying's mark, Q32.
        pub option_price_band_q32: u64,
        /// Time in which the funding rate is paid once, seconds; a rate stands for that long at most.
        pub funding_period_s: u64,
        /// Shortest time between two updates of the funding rate, seconds.
        pub funding_interval_s: u64,
        /// Largest funding rate per period, Q32.
        pub funding_maximum_q32: u64,
        /// A trade of this value sets the premium, a smaller one moves it in proportion, quote units.
        pub funding_impact_value: u64,
        /// Room.
        pub reserved: [u64; 9],
        /// Its price feed, which gives the price of one base unit.
        pub feed: u8,
        /// Fills the word.
        pub padding: [u8; 7],
    }
}

impl Underlying {
    /// The shocks to implied volatility in scenarios.
    pub fn volatility_shocks(&self) -> VolatilityShocks {
        VolatilityShocks {
            up_q32: self.volatility_shock_up_q32,
            down_q32: self.volatility_shock_down_q32,
            exponents_q32: self.volatility_shock_exponents_q32,
        }
    }

    /// What turns its volatility into its scan range.
    pub fn range_parameters(&self) -> RangeParameters {
        RangeParameters {
            volatility_multiplier_q32: self.range_volatility_multiplier_q32,
            minimum_q32: self.range_minimum_q32,
            maximum_q32: self.range_maximum_q32,
            confidence_multiplier_q32: self.range_confidence_multiplier_q32,
        }
    }
}

/// Where a feed's prices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FeedKind {
    /// `PriceUpdateV2` of the Pyth receiver program with the given feed id, any account.
    PythPull = 1,
    /// The legacy price account at the given address, of the Pyth oracle program.
    PythPush = 2,
}

layout! {
    /// Where a price comes from and when it may be trusted.
    part Feed [120] {
        /// Name such as `SOL/USD`, zero-padded.
        pub name: [u8; 16],
        /// Feed id ([`FeedKind::PythPull`]) or account address ([`FeedKind::PythPush`]).
        pub id: [u8; 32],
        /// Oldest price that counts as fresh, seconds.
        pub max_age_s: u64,
        /// Largest confidence interval over price that counts as certain, Q32.
        pub max_confidence_q32: u64,
        /// Largest distance to the feed compared with, Q32.
        pub max_divergence_q32: u64,
        /// Half-life of the slow price, seconds.
        pub slow_price_half_life_s: u64,
        /// Room.
        pub reserved: [u64; 4],
        /// A [`FeedKind`].
        pub kind: u8,
        /// Decimals of the token or base unit: prices on the board are quote units per 10^-decimals.
        pub unit_decimals: u8,
        /// The feed to compare with, or [`crate::NONE`].
        pub compare_with: u8,
        /// Fills the word.
        pub padding: [u8; 5],
    }
}

impl Feed {
    /// Oldest price that counts as fresh, seconds, so bounded that times can be added to it.
    pub fn age_max_s(&self) -> i64 {
        self.max_age_s.min(1 << 40) as i64
    }

    /// The source, or `None` for a byte that no source has.
    pub fn kind(&self) -> Option<FeedKind> {
        match self.kind {
            1 => Some(FeedKind::PythPull),
            2 => Some(FeedKind::PythPush),
            _ => None,
        }
    }
}

layout! {
    /// Estimates of the correlation of two underlyings, in 1e-4.
    #[derive(Debug, Default, PartialEq, Eq)]
    part CorrelationPair [4] {
        /// The low estimate.
        pub low_bps: i16,
        /// The high estimate.
        pub high_bps: i16,
    }
}

/// Place of the pair of two different underlyings in [`Exchange::correlations`].
pub const fn correlation_index(a: usize, b: usize) -> usize {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    (high.wrapping_mul(high.wrapping_sub(1)) / 2).wrapping_add(low)
}

impl Exchange {
    /// Whether an instruction is paused at `now` (unix seconds).
    pub fn is_paused(&self, instruction: Pausable, now: i64) -> bool {
        now < self.pause_ends_at && self.paused_instructions >> instruction as u8 & 1 == 1
    }

    /// A listed asset.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn asset(&self, index: u8) -> Result<&Asset, StateError> {
        self.assets[..usize::from(self.asset_count).min(ASSETS_MAX)]
            .get(usize::from(index))
            .ok_or(StateError::UnknownIndex)
    }

    /// A listed underlying.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn underlying(&self, index: u8) -> Result<&Underlying, StateError> {
        self.underlyings[..usize::from(self.underlying_count).min(UNDERLYINGS_MAX)]
            .get(usize::from(index))
            .ok_or(StateError::UnknownIndex)
    }

    /// A feed.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn feed(&self, index: u8) -> Result<&Feed, StateError> {
        self.feeds[..usize::from(self.feed_count).min(FEEDS_MAX)]
            .get(usize::from(index))
            .ok_or(StateError::UnknownIndex)
    }

    /// Correlation of two different underlyings; full and none for indexes out of range, which never offsets.
    pub fn correlation(&self, a: u8, b: u8) -> Correlation {
        let index = correlation_index(usize::from(a), usize::from(b));
        match self.correlations.get(index) {
            Some(pair) if a != b => Correlation {
                low_bps: pair.low_bps,
                high_bps: pair.high_bps,
            },
            _ => Correlation {
                low_bps: 0,
                high_bps: 10_000,
            },
        }
    }
}

offsets!(Exchange {
    board: 0,
    insurance_fund: 32,
    admin: 64,
    margin: 272,
    liquidation: 336,
    fees: 448,
    assets: 832,
    underlyings: 8512,
    feeds: 22080,
    correlations: 29760,
});

// The surface's tenors are part of the board; the constant is used there.
const _: () = assert!(TENORS == 6 && size_of::<StoredI80F48>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_underlyings_has_its_own_place() {
        let mut places = [false; CORRELATIONS_MAX];
        for high in 0..UNDERLYINGS_MAX {
            for low in 0..high {
                let place = correlation_index(low, high);
                assert_eq!(place, correlation_index(high, low));
                assert!(!core::mem::replace(&mut places[place], true));
            }
        }
        assert!(places.iter().all(|taken| *taken));
    }
}
