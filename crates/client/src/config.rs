//! A network's configuration as TOML: what the exchange lists and with which parameters, in units that people use.
//!
//! Fractions are written as 0.05, amounts in whole tokens or USDC, times in seconds. [`plan`] compares it with what is on
//! chain and gives the instructions that make up the difference.
//!
//! A key or feed id may be `$NAME`, which [`Config::fill`] replaces: addresses that are different wherever it is deployed.

mod field;
mod plan;
mod wanted;

pub use plan::{Change, Mint, Plan, Signatory, State, plan};

use field::{Scale, Unit, WEEK_S, YEAR_S, section};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

use crate::args::{
    AssetParameters, FeeArgs, FeedParameters, FundingParameters, LiquidationArgs, MarginArgs,
    MarketParameters, OptionParameters, SurfaceParameters, UnderlyingParameters,
};

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field, such as `assets.SOL.deposit_cap`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl ConfigError {
    fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// A table whose keys are names, in the order of the file.
#[derive(Clone, Debug)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|index| &self.0[index].1)
    }

    /// The entry of a name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.position(name).map(|index| &mut self.0[index].1)
    }

    /// Where a name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(key, _)| key == name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table with one entry for each name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// A network's configuration.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the exchange.
    pub exchange: String,
    /// Address of its board.
    pub board: String,
    /// Who may change what.
    pub authorities: Authorities,
    /// Parameters of the whole portfolio.
    pub margin: Margin,
    /// Parameters of liquidation.
    pub liquidation: Liquidation,
    /// Trading fees.
    pub fees: Fees,
    /// Price feeds by name, such as `SOL/USD`.
    pub feeds: Named<Feed>,
    /// Underlyings by ticker. Their order is that of listing and never changes; new ones come last.
    pub underlyings: Named<Underlying>,
    /// Assets by ticker, the quote asset first. Their order likewise.
    pub assets: Named<Asset>,
    /// Markets by name, such as `SOL-PERP`. One that has expired is left alone and may go from the file.
    pub markets: Named<Market>,
}

/// The exchange's authorities.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorities {
    /// Lists assets, underlyings and markets.
    pub admin: String,
    /// Changes risk parameters.
    pub risk: String,
    /// May pause.
    pub guardian: String,
}

/// Trading fees by kind of market.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the kinds of market")]
pub struct Fees {
    pub perpetual: FeeSchedule,
    pub future: FeeSchedule,
    pub call: FeeSchedule,
    pub put: FeeSchedule,
}

/// Which layout a feed's prices arrive in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedSource {
    /// `PriceUpdateV2` of Pyth's receiver program, by feed id.
    PythPull = 1,
    /// Pyth's legacy price account, by address.
    PythPush = 2,
}

/// What may be done with an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everything.
    #[default]
    Active = 0,
    /// Deposits only repay, and nothing more is lent.
    ReduceOnly = 1,
    /// Deposits no longer count for initial margin either.
    Closing = 2,
}

/// What may be done in a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything.
    #[default]
    Active = 0,
    /// Only orders that reduce a position.
    ReduceOnly = 1,
}

/// What a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Never expires.
    Perpetual = 0,
    /// Settles in cash at expiry.
    Future = 1,
    /// European call, settled in cash.
    Call = 2,
    /// European put, settled in cash.
    Put = 3,
}

/// Estimates of the correlation of two underlyings.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// The low estimate, where the two offset.
    pub low: f64,
    /// The high estimate, where they add.
    pub high: f64,
}

section! {
    /// Portfolio margin, as [`MarginArgs`].
    Margin writes MarginArgs {}
    initial_factor = initial_factor_q32: Times(1.0, 10.0);
    max_offset = max_offset_q32: Percent(0.0, 1.0);
    depeg_multiplier = depeg_multiplier_q32: Times(0.0, 100.0);
    wide_confidence_multiplier = wide_confidence_multiplier_q32: Times(0.0, 10.0);
}

section! {
    /// Liquidation, as [`LiquidationArgs`].
    Liquidation writes LiquidationArgs {}
    discount_start = discount_start_q32: Percent(0.0, 0.5);
    discount_first = discount_first_q32: Percent(0.0, 0.5);
    first_s = first_s: Seconds(60.0, YEAR_S);
    zero_s = zero_s: Seconds(120.0, YEAR_S);
    premium_full_s = premium_full_s: Seconds(120.0, YEAR_S);
    premium = premium_q32: Percent(0.0, 1.0);
    buffer = buffer_q32: Percent(0.0, 1.0);
    insurance_share = insurance_share_q32: Percent(0.0, 1.0);
    dust_value = dust_value: Usdc(0.0, 1_000.0);
    observation_gap_max_s = observation_gap_max_s: Seconds(1.0, YEAR_S);
    insurance_floor = insurance_floor: Usdc(0.0, 1e13);
    loss_maximum = loss_maximum_q32: Percent(0.0, 0.5);
}

section! {
    /// Fees of one kind of market, as [`FeeArgs`].
    FeeSchedule writes FeeArgs {}
    maker = maker_q32: Percent(0.0, 0.1);
    taker = taker_q32: Percent(0.0, 0.1);
    filler_share = filler_share_q32: Percent(0.0, 1.0);
    premium_cap = premium_cap_q32: Percent(0.0, 1.0);
}

section! {
    /// A price feed, as [`FeedParameters`].
    Feed writes FeedParameters {
        /// Layout of its prices.
        source: FeedSource,
        /// Feed id in hexadecimal (pull) or address of the account (push).
        id: String,
        /// Another feed to compare with.
        #[serde(default)]
        compare_with: Option<String>,
    }
    max_age_s = max_age_s: Seconds(1.0, 86_400.0);
    max_confidence = max_confidence_q32: Percent(0.0, 1.0);
    max_divergence = max_divergence_q32: Percent(0.0, 1.0);
    slow_price_half_life_s = slow_price_half_life_s: Seconds(0.0, YEAR_S);
}

section! {
    /// An underlying, as [`UnderlyingParameters`].
    Underlying writes UnderlyingParameters {
        /// Name of its feed.
        feed: String,
        /// Decimals of the base unit.
        decimals: u8,
        /// Whole tokens in a lot.
        lot_size: f64,
        /// Volatility to start from; counts only when it is listed.
        initial_volatility: f64,
        /// Funding of the perpetual.
        funding: Funding,
        /// Option series and their margin.
        options: Options,
        /// The volatility surface and who posts it.
        surface: Surface,
        /// With each underlying that stands before it.
        #[serde(default)]
        correlations: Named<Correlation>,
    }
    range_volatility_multiplier = range_volatility_multiplier_q32: Times(0.0, 10.0);
    range_minimum = range_minimum_q32: Percent(1e-9, 0.99);
    range_maximum = range_maximum_q32: Percent(1e-9, 0.99);
    range_confidence_multiplier = range_confidence_multiplier_q32: Times(0.0, 100.0);
    volatility_half_life_s = volatility_half_life_s: Seconds(1.0, YEAR_S);
    volatility_interval_s = volatility_interval_s: Seconds(1.0, YEAR_S);
    size_lambda = size_lambda_q32: Percent(0.0, 10.0);
    size_depth = size_depth: Usdc(0.0, 1e13);
    size_cap = size_cap_q32: Percent(0.0, 1.0);
    unsettled_profit_cap = unsettled_profit_cap: Usdc(0.0, 1e13);
    price_band = price_band_q32: Percent(0.0, 1.0);
}

section! {
    /// Funding, as [`FundingParameters`].
    Funding writes FundingParameters {}
    period_s = period_s: Seconds(3_600.0, WEEK_S);
    interval_s = interval_s: Seconds(60.0, WEEK_S);
    maximum = maximum_q32: Percent(0.0, 0.1);
    impact_value = impact_value: Usdc(1e-6, 1e12);
}

section! {
    /// Option series, as [`OptionParameters`].
    Options writes OptionParameters {}
    strike_step = strike_step: Price(0, 1 << 50);
    strike_span = strike_span_q32: Times(1.0, 64.0);
    tick_size = tick_size: Price(1, 1 << 40);
    open_interest_cap = open_interest_cap_lots: Lots(0, 1 << 50);
    price_band = price_band_q32: Percent(0.0, 1.0);
    short_minimum = short_minimum_q32: Percent(0.0, 1.0);
    long_discount = long_discount_q32: Percent(0.0, 1.0);
    shock_up = shock_up_q32: Percent(0.0, 4.0);
    shock_down = shock_down_q32: Percent(0.0, 0.9);
    shock_exponent_below_30_days = shock_exponents_q32[0]: Times(0.0, 1.0);
    shock_exponent_above_30_days = shock_exponents_q32[1]: Times(0.0, 1.0);
}

section! {
    /// A volatility surface, as [`SurfaceParameters`].
    Surface writes SurfaceParameters {
        /// Who posts it; the system program's address, all ones, for nobody.
        authority: String,
    }
    floor = floor_q32: Percent(1e-9, 32.0);
    cap = cap_q32: Percent(1e-9, 32.0);
    step = step_q32: Percent(0.0, 1.0);
    interval_s = interval_s: Seconds(1.0, WEEK_S);
    max_age_s = max_age_s: Seconds(60.0, WEEK_S);
    distance = distance_q32: Times(1.0, 100.0);
    day = day_q32: Percent(0.0, 1.0);
    carry_maximum = carry_maximum_q32: Percent(0.0, 1.0);
    stale_multiplier = stale_multiplier_q32: Times(0.0, 10.0);
}

section! {
    /// An asset, as [`AssetParameters`].
    Asset writes AssetParameters {
        /// Its mint.
        mint: String,
        /// Decimals of the mint.
        decimals: u8,
        /// Name of its feed.
        feed: String,
        /// Ticker of its underlying; the quote asset has none.
        #[serde(default)]
        underlying: Option<String>,
        /// What may be done with it.
        #[serde(default)]
        mode: Mode,
    }
    deposit_haircut_maintenance = deposit_haircut_maintenance_q32: Percent(0.0, 1.0);
    deposit_haircut_initial = deposit_haircut_initial_q32: Percent(0.0, 1.0);
    loan_haircut_maintenance = loan_haircut_maintenance_q32: Percent(0.0, 10.0);
    loan_haircut_initial = loan_haircut_initial_q32: Percent(0.0, 10.0);
    haircut_range_multiplier = haircut_range_multiplier_q32: Times(0.0, 10.0);
    haircut_size_start = haircut_size_start: Usdc(0.0, 1e13);
    interest_first_kink = interest_kinks_q32[0]: Percent(0.0, 1.0);
    interest_second_kink = interest_kinks_q32[1]: Percent(0.0, 1.0);
    interest_at_zero = interest_rates_q32[0]: Percent(0.0, 10.0);
    interest_at_first_kink = interest_rates_q32[1]: Percent(0.0, 10.0);
    interest_at_second_kink = interest_rates_q32[2]: Percent(0.0, 10.0);
    interest_at_full = interest_rates_q32[3]: Percent(0.0, 10.0);
    interest_fee_share = interest_fee_share_q32: Percent(0.0, 1.0);
    interest_insurance_share = interest_insurance_share_q32: Percent(0.0, 1.0);
    origination_fee = origination_fee_q32: Percent(0.0, 0.05);
    deposit_cap = deposit_cap: Tokens;
    borrow_cap = borrow_cap: Tokens;
    outflow_limit = outflow_limit: Tokens;
    outflow_window_s = outflow_window_s: Seconds(60.0, YEAR_S);
}

section! {
    /// A market, as [`MarketParameters`].
    Market writes MarketParameters {
        /// Ticker of its underlying.
        underlying: String,
        /// What it trades.
        kind: Kind,
        /// The day on which it expires, at 08:00 UTC, such as `2026-12-25`; a perpetual never does.
        #[serde(default)]
        expiry: Option<String>,
        /// Strike in USDC per whole token, of calls and puts.
        #[serde(default)]
        strike: Option<f64>,
        /// What may be done in it.
        #[serde(default)]
        status: Status,
    }
    tick_size = tick_size: Price(1, 1 << 40);
    order_minimum = order_minimum_lots: Lots(1, 1 << 40);
    open_interest_cap = open_interest_cap_lots: Lots(0, 1 << 50);
}

impl Config {
    /// Reads a file's text. Values are checked later, by [`plan`].
    ///
    /// # Errors
    /// Not TOML, a field that is missing, unknown or of another type.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let document = toml::Deserializer::parse(text)
            .map_err(|error| ConfigError::at("file", error.to_string().trim_end()))?;
        serde_path_to_error::deserialize(document)
            .map_err(|error| ConfigError::at(error.path().to_string(), error.inner().message()))
    }

    /// Puts values in the place of `$NAME`; what `value` does not know stays.
    pub fn fill(&mut self, value: impl Fn(&str) -> Option<String>) {
        let authorities = &mut self.authorities;
        let mut texts = vec![
            &mut self.exchange,
            &mut self.board,
            &mut authorities.admin,
            &mut authorities.risk,
            &mut authorities.guardian,
        ];
        texts.extend(self.feeds.0.iter_mut().map(|(_, feed)| &mut feed.id));
        let underlyings = self.underlyings.0.iter_mut();
        texts.extend(underlyings.map(|(_, underlying)| &mut underlying.surface.authority));
        texts.extend(self.assets.0.iter_mut().map(|(_, asset)| &mut asset.mint));
        for text in texts {
            if let Some(filled) = text.strip_prefix('$').and_then(&value) {
                *text = filled;
            }
        }
    }
}
