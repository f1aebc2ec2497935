//! A configuration in the program's units, checked.

use super::field::{Scale, Unit};
use super::{
    Asset, Config, ConfigError, FeeSchedule, Feed, FeedSource, Funding, Liquidation, Market,
    Surface, Underlying,
};
use crate::ExchangeAddresses;
use crate::args::{
    AssetParameters, CorrelationArgs, ExchangeParameters, FeedArgs, FeedParameters,
    FundingParameters, MarketParameters, SurfaceParameters, UnderlyingParameters,
};
use crate::units::ticker;
use anchor_lang::prelude::Pubkey;
use ballast_risk::interest::InterestCurve;
use ballast_risk::margin::size_coefficient_q80;
use ballast_state::{
    ASSETS_MAX, Bank, Exchange, FEEDS_MAX, MarketTerms, NONE, QUOTE_DECIMALS, UNDERLYINGS_MAX,
    next_expiry,
};
use bytemuck::Zeroable;
use bytemuck::allocation::zeroed_box;
use jiff::{civil::Date, tz::TimeZone};
use std::collections::BTreeSet;

/// What a configuration asks for. Names are places in the configuration's tables.
pub(super) struct Wanted {
    pub addresses: ExchangeAddresses,
    pub admin: Pubkey,
    pub risk: Pubkey,
    pub guardian: Pubkey,
    pub parameters: ExchangeParameters,
    pub feeds: Vec<WantedFeed>,
    pub underlyings: Vec<WantedUnderlying>,
    pub assets: Vec<WantedAsset>,
    pub markets: Vec<WantedMarket>,
}

pub(super) struct WantedFeed {
    pub name: String,
    /// Compares with none; `compare_with` says with which.
    pub args: FeedArgs,
    pub compare_with: Option<usize>,
    pub decimals: u8,
}

pub(super) struct WantedUnderlying {
    pub name: String,
    pub feed: usize,
    pub scale: Scale,
    pub initial_volatility_q32: u64,
    pub parameters: UnderlyingParameters,
    pub correlations: Vec<CorrelationArgs>,
}

pub(super) struct WantedAsset {
    pub name: String,
    pub mint: Pubkey,
    pub decimals: u8,
    pub feed: usize,
    pub underlying: Option<usize>,
    pub parameters: AssetParameters,
}

pub(super) struct WantedMarket {
    pub name: String,
    pub terms: MarketTerms,
    pub scale: Scale,
    pub parameters: MarketParameters,
}

impl Config {
    /// The addresses of the exchange.
    ///
    /// # Errors
    /// When they are no keys.
    pub fn addresses(&self) -> Result<ExchangeAddresses, ConfigError> {
        Ok(ExchangeAddresses {
            exchange: key("exchange", &self.exchange)?,
            board: key("board", &self.board)?,
        })
    }

    pub(super) fn wanted(&self) -> Result<Wanted, ConfigError> {
        let underlyings = self.wanted_underlyings()?;
        Ok(Wanted {
            addresses: self.addresses()?,
            admin: key("authorities.admin", &self.authorities.admin)?,
            risk: key("authorities.risk", &self.authorities.risk)?,
            guardian: key("authorities.guardian", &self.authorities.guardian)?,
            parameters: self.exchange_parameters()?,
            feeds: self.wanted_feeds()?,
            assets: self.wanted_assets()?,
            markets: self.wanted_markets(&underlyings)?,
            underlyings,
        })
    }

    fn exchange_parameters(&self) -> Result<ExchangeParameters, ConfigError> {
        let mut parameters = ExchangeParameters::from(&*zeroed_box::<Exchange>());
        self.margin
            .write("margin", Scale::NONE, &mut parameters.margin)?;
        self.liquidation.convert(&mut parameters)?;
        for (index, (kind, fees)) in self.fees.by_kind().into_iter().enumerate() {
            let at = format!("fees.{kind}");
            fees.write(&at, Scale::NONE, &mut parameters.fees[index])?;
        }
        Ok(parameters)
    }

    fn wanted_feeds(&self) -> Result<Vec<WantedFeed>, ConfigError> {
        let entries = || self.feeds.0.iter();
        limit("feeds", entries().len(), FEEDS_MAX)?;
        let mut ids = BTreeSet::new();
        entries()
            .map(|(name, feed)| {
                let at = format!("feeds.{name}");
                let args = feed.convert(&at, name)?;
                if !ids.insert((args.kind, args.id)) {
                    let problem = "another feed has it already";
                    return Err(ConfigError::field(&at, "id", problem));
                }
                let compare_with = feed.compare_with.as_deref();
                let compare_with = compare_with
                    .map(|other| self.place(&at, "compare_with", other, |config| &config.feeds))
                    .transpose()?;
                let decimals = self.feed_decimals(&at, name)?;
                if let Some(other) = compare_with {
                    let other_name = &self.feeds.0[other].0;
                    let path = format!("feeds.{other_name}");
                    if other_name == name || self.feed_decimals(&path, other_name)? != decimals {
                        let problem = format!(
                            "{other_name} must be another feed, of a unit with {decimals} decimals too"
                        );
                        return Err(ConfigError::field(&at, "compare_with", problem));
                    }
                }
                Ok(WantedFeed {
                    name: name.clone(),
                    args,
                    compare_with,
                    decimals,
                })
            })
            .collect()
    }

    /// The decimals for which a feed's prices are kept: those of whatever uses it.
    fn feed_decimals(&self, at: &str, feed: &str) -> Result<u8, ConfigError> {
        let underlyings = self.underlyings.0.iter().map(|(name, underlying)| {
            let path = format!("underlyings.{name}.decimals");
            (path, &underlying.feed, underlying.decimals)
        });
        let assets = self.assets.0.iter().map(|(name, asset)| {
            let path = format!("assets.{name}.decimals");
            (path, &asset.feed, asset.decimals)
        });
        let mut users = underlyings.chain(assets).filter(|user| user.1 == feed);
        let Some((first, _, decimals)) = users.next() else {
            let problem =
                "nothing uses it; a feed is defined with the asset or underlying that names it";
            return Err(ConfigError::at(at, problem));
        };
        match users.find(|user| user.2 != decimals) {
            Some((path, _, other)) => {
                let problem = format!(
                    "{other}, but {first} is {decimals}; users of one feed ({feed}) have the same decimals"
                );
                Err(ConfigError::at(path, problem))
            }
            None => Ok(decimals),
        }
    }

    fn wanted_underlyings(&self) -> Result<Vec<WantedUnderlying>, ConfigError> {
        let entries = &self.underlyings.0;
        limit("underlyings", entries.len(), UNDERLYINGS_MAX)?;
        let mut wanted = Vec::new();
        for (index, (name, underlying)) in entries.iter().enumerate() {
            let at = format!("underlyings.{name}");
            short_name(&at, name)?;
            let feed = self.place(&at, "feed", &underlying.feed, |config| &config.feeds)?;
            let before: Vec<&str> = entries[..index]
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            wanted.push(underlying.convert(&at, name, feed, &before)?);
        }
        Ok(wanted)
    }

    fn wanted_assets(&self) -> Result<Vec<WantedAsset>, ConfigError> {
        let entries = &self.assets.0;
        limit("assets", entries.len(), ASSETS_MAX)?;
        let mut wanted: Vec<WantedAsset> = Vec::new();
        for (index, (name, asset)) in entries.iter().enumerate() {
            let at = format!("assets.{name}");
            let mint = key(&format!("{at}.mint"), &asset.mint)?;
            if let Some(other) = wanted.iter().find(|other| other.mint == mint) {
                let problem = format!("{} has it already", other.name);
                return Err(ConfigError::field(&at, "mint", problem));
            }
            let underlying = asset.underlying.as_deref();
            let underlying = underlying
                .map(|other| self.place(&at, "underlying", other, |config| &config.underlyings))
                .transpose()?;
            wanted.push(WantedAsset {
                name: name.clone(),
                mint,
                decimals: asset.decimals,
                feed: self.place(&at, "feed", &asset.feed, |config| &config.feeds)?,
                underlying,
                parameters: asset.convert(&at, index == 0)?,
            });
        }
        Ok(wanted)
    }

    fn wanted_markets(
        &self,
        underlyings: &[WantedUnderlying],
    ) -> Result<Vec<WantedMarket>, ConfigError> {
        let mut wanted: Vec<WantedMarket> = Vec::new();
        for (name, market) in &self.markets.0 {
            let at = format!("markets.{name}");
            let underlying = self.place(&at, "underlying", &market.underlying, |config| {
                &config.underlyings
            })?;
            let scale = underlyings[underlying].scale;
            let terms = market.terms(&at, underlying as u8, scale)?;
            if let Some(other) = wanted.iter().find(|other| other.terms == terms) {
                let problem = format!("{} trades the same already", other.name);
                return Err(ConfigError::at(at, problem));
            }
            wanted.push(WantedMarket {
                name: name.clone(),
                terms,
                scale,
                parameters: market.convert(&at, scale)?,
            });
        }
        Ok(wanted)
    }

    /// Where a name stands in one of the tables.
    fn place<T>(
        &self,
        at: &str,
        field: &str,
        name: &str,
        table: impl Fn(&Self) -> &super::Named<T>,
    ) -> Result<usize, ConfigError> {
        let table = table(self);
        table.position(name).ok_or_else(|| {
            let known: Vec<&str> = table.names().collect();
            let problem = format!("no {name:?} is configured, only {}", known.join(", "));
            ConfigError::field(at, field, problem)
        })
    }
}

impl super::Fees {
    pub(super) fn by_kind(&self) -> [(&'static str, &FeeSchedule); 4] {
        [
            ("perpetual", &self.perpetual),
            ("future", &self.future),
            ("call", &self.call),
            ("put", &self.put),
        ]
    }
}

impl Liquidation {
    fn convert(&self, parameters: &mut ExchangeParameters) -> Result<(), ConfigError> {
        let at = "liquidation";
        self.write(at, Scale::NONE, &mut parameters.liquidation)?;
        not_above(
            at,
            ("discount_start", self.discount_start),
            ("discount_first", self.discount_first),
        )?;
        not_above(
            at,
            ("observation_gap_max_s", self.observation_gap_max_s),
            ("first_s", self.first_s),
        )?;
        if self.zero_s < self.first_s + 60.0 {
            let problem = format!(
                "must be at least {}, first_s and a minute",
                self.first_s + 60.0
            );
            return Err(ConfigError::field(at, "zero_s", problem));
        }
        not_above(
            at,
            ("zero_s", self.zero_s),
            ("premium_full_s", self.premium_full_s),
        )
    }
}

impl Feed {
    fn convert(&self, at: &str, name: &str) -> Result<FeedArgs, ConfigError> {
        let mut parameters = FeedParameters::from(&ballast_state::Feed::zeroed());
        self.write(at, Scale::NONE, &mut parameters)?;
        parameters.compare_with = NONE;
        let path = format!("{at}.id");
        Ok(FeedArgs {
            name: short_name(at, name)?,
            kind: self.source as u8,
            id: match self.source {
                FeedSource::PythPull => feed_id(&path, &self.id)?,
                FeedSource::PythPush => key(&path, &self.id)?.to_bytes(),
            },
            parameters,
        })
    }
}

impl Underlying {
    fn convert(
        &self,
        at: &str,
        name: &str,
        feed: usize,
        before: &[&str],
    ) -> Result<WantedUnderlying, ConfigError> {
        let error = |field: &str, problem: String| ConfigError::field(at, field, problem);
        if self.decimals > 18 {
            return Err(error("decimals", "must be at most 18".into()));
        }
        let token = Scale::token(self.decimals);
        let lot_size = Unit::Lot
            .raw(self.lot_size, token)
            .map_err(|problem| error("lot_size", problem))?;
        let initial_volatility_q32 = Unit::Percent(0.0, 16.0)
            .raw(self.initial_volatility, Scale::NONE)
            .map_err(|problem| error("initial_volatility", problem))?;
        let mut parameters = UnderlyingParameters::from(&ballast_state::Underlying::zeroed());
        let scale = Scale { lot_size, ..token };
        self.write(at, scale, &mut parameters)?;
        self.funding
            .convert(&format!("{at}.funding"), &mut parameters.funding)?;
        self.options
            .write(&format!("{at}.options"), scale, &mut parameters.options)?;
        self.surface
            .convert(&format!("{at}.surface"), &mut parameters.surface)?;
        not_above(
            at,
            ("range_minimum", self.range_minimum),
            ("range_maximum", self.range_maximum),
        )?;
        not_above(
            at,
            ("volatility_interval_s", self.volatility_interval_s),
            ("volatility_half_life_s", self.volatility_half_life_s),
        )?;
        if size_coefficient_q80(parameters.size_lambda_q32, parameters.size_depth).is_none() {
            return Err(error("size_depth", "is too small".into()));
        }
        if let Some(other) = self
            .correlations
            .names()
            .find(|other| !before.contains(other))
        {
            let problem = format!("{other} must be an underlying that stands before {name}");
            return Err(error(&format!("correlations.{other}"), problem));
        }
        let correlations = before
            .iter()
            .map(|other| {
                let field = format!("correlations.{other}");
                let pair = self
                    .correlations
                    .get(other)
                    .ok_or_else(|| error(&field, "is missing".into()))?;
                let path = format!("{at}.{field}");
                let low_bps = bps(&path, "low", pair.low)?;
                let high_bps = bps(&path, "high", pair.high)?;
                not_above(&path, ("low", pair.low), ("high", pair.high))?;
                Ok(CorrelationArgs { low_bps, high_bps })
            })
            .collect::<Result<_, _>>()?;
        Ok(WantedUnderlying {
            name: name.to_owned(),
            feed,
            scale,
            initial_volatility_q32,
            parameters,
            correlations,
        })
    }
}

impl Funding {
    fn convert(&self, at: &str, parameters: &mut FundingParameters) -> Result<(), ConfigError> {
        self.write(at, Scale::NONE, parameters)?;
        let period = ("period_s", self.period_s);
        not_above(at, ("interval_s", self.interval_s), period)
    }
}

impl Surface {
    fn convert(&self, at: &str, parameters: &mut SurfaceParameters) -> Result<(), ConfigError> {
        parameters.authority = key(&format!("{at}.authority"), &self.authority)?;
        self.write(at, Scale::NONE, parameters)?;
        not_above(at, ("floor", self.floor), ("cap", self.cap))?;
        let age = ("max_age_s", self.max_age_s);
        not_above(at, ("interval_s", self.interval_s), age)
    }
}

impl Asset {
    fn convert(&self, at: &str, is_quote: bool) -> Result<AssetParameters, ConfigError> {
        let error = |field: &str, problem: &str| Err(ConfigError::field(at, field, problem));
        if self.decimals > 18 {
            return error("decimals", "must be at most 18");
        }
        let mut parameters = AssetParameters::of(&ballast_state::Asset::zeroed(), &Bank::zeroed());
        self.write(at, Scale::token(self.decimals), &mut parameters)?;
        parameters.mode = self.mode as u8;
        if is_quote {
            if self.decimals != QUOTE_DECIMALS {
                return error("decimals", "must be 6 for the quote asset, the first one");
            }
            if self.underlying.is_some() {
                return error("underlying", "the quote asset, the first one, has none");
            }
            let haircuts = [
                (
                    "deposit_haircut_maintenance",
                    self.deposit_haircut_maintenance,
                ),
                ("deposit_haircut_initial", self.deposit_haircut_initial),
                ("loan_haircut_maintenance", self.loan_haircut_maintenance),
                ("loan_haircut_initial", self.loan_haircut_initial),
                ("haircut_range_multiplier", self.haircut_range_multiplier),
            ];
            if let Some((field, _)) = haircuts.iter().find(|(_, value)| *value != 0.0) {
                return error(field, "must be 0 for the quote asset, the first one");
            }
        }
        not_above(
            at,
            (
                "deposit_haircut_maintenance",
                self.deposit_haircut_maintenance,
            ),
            ("deposit_haircut_initial", self.deposit_haircut_initial),
        )?;
        not_above(
            at,
            ("loan_haircut_maintenance", self.loan_haircut_maintenance),
            ("loan_haircut_initial", self.loan_haircut_initial),
        )?;
        let rates = [
            ("interest_at_zero", self.interest_at_zero),
            ("interest_at_first_kink", self.interest_at_first_kink),
            ("interest_at_second_kink", self.interest_at_second_kink),
            ("interest_at_full", self.interest_at_full),
        ];
        for pair in rates.windows(2) {
            not_above(at, pair[0], pair[1])?;
        }
        let curve = InterestCurve {
            kinks_q32: parameters.interest_kinks_q32,
            rates_q32: parameters.interest_rates_q32,
        };
        if !curve.is_valid() {
            let problem = "the kinks must rise and lie between 0 and 1";
            return error("interest_second_kink", problem);
        }
        if parameters.interest_fee_share_q32 + parameters.interest_insurance_share_q32 > 1 << 32 {
            let problem = "must be at most 1 together with interest_fee_share";
            return error("interest_insurance_share", problem);
        }
        Ok(parameters)
    }
}

impl Market {
    fn terms(&self, at: &str, underlying: u8, scale: Scale) -> Result<MarketTerms, ConfigError> {
        let mut terms = MarketTerms {
            underlying,
            kind: self.kind as u8,
            ..MarketTerms::default()
        };
        let expiry = given_if(!terms.is_perpetual(), self.expiry.as_deref());
        terms.expiry = expiry
            .and_then(|date| date.map_or(Ok(0), expiry_on))
            .map_err(|problem| ConfigError::field(at, "expiry", problem))?;
        let strike = given_if(terms.is_option(), self.strike);
        terms.strike = strike
            .and_then(|strike| strike.map_or(Ok(0), |usdc| STRIKE.raw(usdc, scale)))
            .map_err(|problem| ConfigError::field(at, "strike", problem))?;
        Ok(terms)
    }

    fn convert(&self, at: &str, scale: Scale) -> Result<MarketParameters, ConfigError> {
        let mut parameters = MarketParameters::from(&ballast_state::Market::zeroed());
        self.write(at, scale, &mut parameters)?;
        parameters.status = self.status as u8;
        Ok(parameters)
    }
}

const STRIKE: Unit = Unit::Price(1, 1 << 50);

/// Requires a value exactly where the kind of market has one.
fn given_if<T>(has: bool, value: Option<T>) -> Result<Option<T>, String> {
    match (has, &value) {
        (true, None) => Err("is missing; this kind of market has one".into()),
        (false, Some(_)) => Err("must go; this kind of market has none".into()),
        _ => Ok(value),
    }
}

/// Unix seconds of the expiry on a day.
fn expiry_on(date: &str) -> Result<i64, String> {
    let midnight = Date::strptime("%Y-%m-%d", date).and_then(|day| day.to_zoned(TimeZone::UTC));
    let midnight = midnight.map_err(|_| format!("{date:?} must be a date such as 2026-12-25"))?;
    Ok(next_expiry(midnight.timestamp().as_second()))
}

/// Requires `first <= second`.
fn not_above(at: &str, first: (&str, f64), second: (&str, f64)) -> Result<(), ConfigError> {
    if first.1 > second.1 {
        let problem = format!("{} must be at most {}, {}", first.1, second.0, second.1);
        return Err(ConfigError::field(at, first.0, problem));
    }
    Ok(())
}

fn limit(path: &str, count: usize, limit: usize) -> Result<(), ConfigError> {
    if count > limit {
        let problem = format!("{count} are too many, an exchange has at most {limit}");
        return Err(ConfigError::at(path, problem));
    }
    Ok(())
}

/// A name in the 16 bytes that the program keeps.
fn short_name(at: &str, name: &str) -> Result<[u8; 16], ConfigError> {
    if name.is_empty() || name.len() > 16 {
        return Err(ConfigError::at(at, "a name has 1 to 16 bytes"));
    }
    Ok(ticker(name))
}

fn bps(at: &str, field: &str, value: f64) -> Result<i16, ConfigError> {
    let bps = value * 1e4;
    if !(-1.0..=1.0).contains(&value) || (bps - bps.round()).abs() > 1e-6 {
        let problem = format!("{value} must be a correlation from -1 to 1 with at most 4 decimals");
        return Err(ConfigError::field(at, field, problem));
    }
    Ok(bps.round() as i16)
}

fn key(path: &str, text: &str) -> Result<Pubkey, ConfigError> {
    filled(path, text)?;
    text.parse()
        .map_err(|_| ConfigError::at(path, format!("{text:?} must be an address in base 58")))
}

fn feed_id(path: &str, text: &str) -> Result<[u8; 32], ConfigError> {
    filled(path, text)?;
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8))
        .collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ConfigError::at(path, format!("{text:?} must be 64 hexadecimal digits")))
}

fn filled(path: &str, text: &str) -> Result<(), ConfigError> {
    if text.starts_with('$') {
        return Err(ConfigError::at(path, format!("{text} has no value")));
    }
    Ok(())
}
