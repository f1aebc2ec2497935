//! A portfolio with its parameters and prices as people write them, and as the engine reads them.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::input::InputError;
use ballast_risk::margin::size_coefficient_q80;
use ballast_risk::numbers::SECONDS_PER_YEAR;
use ballast_risk::volatility::RANGE_LIMIT_Q32;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    ASSETS_MAX, Board, Exchange, MarginAccount, MarketKind, MarketTerms, NONE, Position,
    QUOTE_ASSET, QUOTE_DECIMALS, TENORS, UNDERLYINGS_MAX, correlation_index,
};
use bytemuck::{Zeroable, allocation::zeroed_box};
use fixed::types::I80F48;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The clock when a portfolio does not say what time it is.
const NOW: i64 = 1_700_000_000;
/// Age from which a price is stale, seconds.
const PRICE_AGE_MAX_S: u64 = 60;
/// Confidence over price from which a price is uncertain.
const CONFIDENCE_MAX: f64 = 0.02;

/// What a file may hold. Amounts and prices in human units, rates and haircuts as fractions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_now")]
    now: i64,
    #[serde(default)]
    purpose: PurposeName,
    parameters: Parameters,
    #[serde(default)]
    quote: Quote,
    #[serde(default)]
    underlyings: Vec<UnderlyingFile>,
    #[serde(default)]
    correlations: Vec<CorrelationFile>,
    #[serde(default)]
    assets: Vec<AssetFile>,
    #[serde(default)]
    balances: Map<String, Value>,
    #[serde(default)]
    positions: Vec<PositionFile>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PurposeName {
    #[default]
    AddRisk,
    ReduceRisk,
    Liquidate,
    TakeOver,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    initial_factor: f64,
    max_offset: f64,
    depeg_multiplier: f64,
    #[serde(default)]
    wide_confidence_multiplier: f64,
    buffer: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Quote {
    symbol: String,
    price: f64,
}

impl Default for Quote {
    fn default() -> Self {
        Self {
            symbol: "USDC".to_owned(),
            price: 1.0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnderlyingFile {
    name: String,
    price: f64,
    #[serde(default)]
    confidence: f64,
    slow_price: Option<f64>,
    #[serde(default)]
    price_age_s: u32,
    decimals: u8,
    lot: f64,
    volatility: f64,
    range: RangeFile,
    #[serde(default)]
    size: SizeFile,
    unsettled_profit_cap: f64,
    #[serde(default)]
    short_option_minimum: f64,
    #[serde(default)]
    long_option_discount: f64,
    #[serde(default)]
    shocks: ShocksFile,
    surface: Option<SurfaceFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeFile {
    volatility_multiplier: f64,
    minimum: f64,
    maximum: f64,
    #[serde(default)]
    confidence_multiplier: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeFile {
    lambda: f64,
    depth: f64,
    cap: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShocksFile {
    up: f64,
    down: f64,
    exponents: [f64; 2],
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SurfaceFile {
    atm: [f64; TENORS],
    #[serde(default)]
    skew: f64,
    #[serde(default)]
    smile: f64,
    floor: f64,
    cap: f64,
    #[serde(default)]
    carry: f64,
    #[serde(default)]
    age_s: u32,
    max_age_s: u32,
    #[serde(default)]
    stale_multiplier: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CorrelationFile {
    between: [String; 2],
    low: f64,
    high: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetFile {
    symbol: String,
    underlying: Option<String>,
    price: Option<f64>,
    #[serde(default)]
    confidence: f64,
    slow_price: Option<f64>,
    #[serde(default)]
    price_age_s: u32,
    decimals: u8,
    deposit_haircut: Haircut,
    loan_haircut: Haircut,
    #[serde(default)]
    range_multiplier: f64,
    #[serde(default)]
    size_start: f64,
    #[serde(default)]
    total_deposits: f64,
    #[serde(default)]
    total_loans: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Haircut {
    maintenance: f64,
    initial: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionFile {
    kind: KindName,
    underlying: String,
    expiry_s: Option<u32>,
    strike: Option<f64>,
    size: f64,
    #[serde(default)]
    quote: f64,
}

/// Kind of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// [`MarketKind::Perpetual`].
    Perpetual,
    /// [`MarketKind::Future`].
    Future,
    /// [`MarketKind::Call`].
    Call,
    /// [`MarketKind::Put`].
    Put,
}

fn default_now() -> i64 {
    NOW
}

/// An underlying's names and units.
#[derive(Clone, Debug)]
pub struct UnderlyingNames {
    /// Name.
    pub name: String,
    /// Units of the underlying in a lot.
    pub lot: f64,
}

/// A position's name and size.
#[derive(Clone, Debug)]
pub struct PositionNames {
    /// Kind.
    pub kind: KindName,
    /// Index of the underlying.
    pub underlying: usize,
    /// Seconds to expiry.
    pub expiry_s: Option<u32>,
    /// Strike per unit of the underlying.
    pub strike: Option<f64>,
    /// Units of the underlying.
    pub size: f64,
}

/// The three accounts of a portfolio, and what its parts are called.
pub struct Portfolio {
    /// Configuration.
    pub exchange: Box<Exchange>,
    /// Prices and volatilities.
    pub board: Box<Board>,
    /// Balances and positions.
    pub account: Box<MarginAccount>,
    /// The clock, unix seconds.
    pub now: i64,
    /// What the figures are for.
    pub purpose: Purpose,
    /// Symbol and decimals of every asset, the quote asset first.
    pub assets: Vec<(String, u8)>,
    /// Every underlying.
    pub underlyings: Vec<UnderlyingNames>,
    /// Every position.
    pub positions: Vec<PositionNames>,
}

/// A number times 2^32, for what is a fraction or a rate.
fn q32(x: f64) -> u64 {
    (x * 2f64.powi(32)).round() as u64
}

fn signed_q32(x: f64) -> i64 {
    (x * 2f64.powi(32)).round() as i64
}

/// The reading of one file: every conversion names the place in the file that it comes from.
struct Reader<'a> {
    json: &'a str,
    portfolio: Portfolio,
}

type Read<T> = Result<T, InputError>;

/// Largest amount, price or value: far beyond what exists, far within the engine's range.
const LARGEST: f64 = 1e15;
const RATES: RangeInclusive<f64> = 0.0..=1e4;
const FRACTIONS: RangeInclusive<f64> = 0.0..=1.0;

impl Reader<'_> {
    fn error(&self, path: &str, reason: impl std::fmt::Display) -> InputError {
        InputError::at(self.json, path, reason)
    }

    fn within(&self, path: &str, x: f64, range: RangeInclusive<f64>) -> Read<f64> {
        if range.contains(&x) {
            return Ok(x);
        }
        let (low, high) = (range.start(), range.end());
        Err(self.error(path, format!("must lie between {low} and {high}, is {x}")))
    }

    fn rate(&self, path: &str, x: f64) -> Read<u64> {
        self.within(path, x, RATES).map(q32)
    }

    fn fraction(&self, path: &str, x: f64) -> Read<u64> {
        self.within(path, x, FRACTIONS).map(q32)
    }

    /// A number of smallest units, rounded.
    fn native(&self, path: &str, x: f64, decimals: u8) -> Read<i64> {
        let x = self.within(path, x, -LARGEST..=LARGEST)?;
        let units = (x * 10f64.powi(i32::from(decimals))).round();
        if units.abs() < i64::MAX as f64 {
            Ok(units as i64)
        } else {
            Err(self.error(path, format!("{x} has too many smallest units")))
        }
    }

    fn amount(&self, path: &str, x: f64, decimals: u8) -> Read<u64> {
        self.within(path, x, 0.0..=LARGEST)?;
        self.native(path, x, decimals).map(i64::unsigned_abs)
    }

    fn decimals(&self, path: &str, decimals: u8) -> Read<u8> {
        self.within(path, f64::from(decimals), 0.0..=18.0)?;
        Ok(decimals)
    }

    /// A price in quote units per native unit.
    fn price(&self, path: &str, x: f64, decimals: u8) -> Read<I80F48> {
        let native = I80F48::checked_from_num(
            x * 10f64.powi(i32::from(QUOTE_DECIMALS) - i32::from(decimals)),
        );
        match native {
            Some(price) if price > 0 && x <= LARGEST => Ok(price),
            _ => Err(self.error(path, format!("must be a positive price, is {x}"))),
        }
    }

    fn underlying(&self, path: &str, name: &str) -> Read<usize> {
        let known = &self.portfolio.underlyings;
        known
            .iter()
            .position(|known| known.name == name)
            .ok_or_else(|| self.error(path, format!("there is no underlying {name}")))
    }

    /// Defines the next feed and its price; returns its index.
    fn feed(&mut self, path: &str, price: &PriceFile, decimals: u8) -> Read<u8> {
        let spot = self.price(&format!("{path}.price"), price.price, decimals)?;
        let slow = price.slow_price.unwrap_or(price.price);
        let slow = self.price(&format!("{path}.slow_price"), slow, decimals)?;
        let path = format!("{path}.confidence");
        self.within(&path, price.confidence, 0.0..=price.price)?;
        let confidence = if price.confidence == 0.0 {
            I80F48::ZERO
        } else {
            self.price(&path, price.confidence, decimals)?
        };
        let Portfolio {
            exchange,
            board,
            now,
            ..
        } = &mut self.portfolio;
        let index = exchange.feed_count;
        exchange.feed_count += 1;
        let feed = &mut exchange.feeds[usize::from(index)];
        feed.max_age_s = PRICE_AGE_MAX_S;
        feed.max_confidence_q32 = q32(CONFIDENCE_MAX);
        feed.unit_decimals = decimals;
        feed.compare_with = NONE;
        let entry = &mut board.prices[usize::from(index)];
        let published = *now - i64::from(price.age_s);
        entry.update(feed, spot, confidence, spot, published, 0);
        entry.slow.set(slow);
        Ok(index)
    }
}

/// A price as files give it.
struct PriceFile {
    price: f64,
    confidence: f64,
    slow_price: Option<f64>,
    age_s: u32,
}

impl Portfolio {
    /// Reads a portfolio from JSON.
    ///
    /// # Errors
    /// What is wrong with it and on which line.
    pub fn parse(json: &str) -> Result<Self, InputError> {
        let file: File = serde_json::from_str(json)
            .map_err(|error| InputError::from_json(&error, error.line()))?;
        let mut reader = Reader {
            json,
            portfolio: Self {
                exchange: zeroed_box(),
                board: zeroed_box(),
                account: Box::new(MarginAccount::zeroed()),
                now: file.now,
                purpose: match file.purpose {
                    PurposeName::AddRisk => Purpose::AddRisk,
                    PurposeName::ReduceRisk => Purpose::ReduceRisk,
                    PurposeName::Liquidate => Purpose::Liquidate,
                    PurposeName::TakeOver => Purpose::TakeOver,
                },
                assets: Vec::new(),
                underlyings: Vec::new(),
                positions: Vec::new(),
            },
        };
        // Room for every age before and every expiry after it.
        reader.within("now", file.now as f64, 1e10f64.recip()..=1e15)?;
        if file.now <= i64::from(u32::MAX) / 4 {
            return Err(reader.error("now", "must be unix seconds of this century"));
        }
        reader.parameters(&file)?;
        for (index, underlying) in file.underlyings.iter().enumerate() {
            reader.add_underlying(&format!("underlyings[{index}]"), underlying)?;
        }
        reader.correlations(&file.correlations)?;
        for (index, asset) in file.assets.iter().enumerate() {
            reader.add_asset(&format!("assets[{index}]"), asset)?;
        }
        reader.balances(&file.balances)?;
        for (index, position) in file.positions.iter().enumerate() {
            reader.add_position(&format!("positions[{index}]"), position)?;
        }
        Ok(reader.portfolio)
    }

    /// The engine's view of it.
    pub fn view(&self) -> View<'_> {
        View {
            exchange: &self.exchange,
            board: &self.board,
            now: self.now,
        }
    }

    /// The engine's report.
    ///
    /// # Errors
    /// Why no figure can be given.
    pub fn assess(&self) -> Result<Box<Report>, InputError> {
        let mut report = Report::boxed();
        let assessed = self.view().assess(&self.account, self.purpose, &mut report);
        assessed.map(|()| report).map_err(|error| InputError {
            line: 0,
            reason: format!("the portfolio cannot be margined: {error}"),
        })
    }
}

impl Reader<'_> {
    fn parameters(&mut self, file: &File) -> Read<()> {
        let given = &file.parameters;
        let at = |name: &str| format!("parameters.{name}");
        self.within(&at("initial_factor"), given.initial_factor, 1.0..=100.0)?;
        let margin = ballast_state::MarginParameters {
            initial_factor_q32: q32(given.initial_factor),
            max_offset_q32: self.fraction(&at("max_offset"), given.max_offset)?,
            depeg_multiplier_q32: self.rate(&at("depeg_multiplier"), given.depeg_multiplier)?,
            wide_confidence_multiplier_q32: self.rate(
                &at("wide_confidence_multiplier"),
                given.wide_confidence_multiplier,
            )?,
            ..Default::default()
        };
        let buffer_q32 = self.fraction(&at("buffer"), given.buffer)?;
        let price = PriceFile {
            price: file.quote.price,
            confidence: 0.0,
            slow_price: None,
            age_s: 0,
        };
        self.feed("quote", &price, QUOTE_DECIMALS)?;
        let portfolio = &mut self.portfolio;
        portfolio.exchange.margin = margin;
        portfolio.exchange.liquidation.buffer_q32 = buffer_q32;
        let quote = &mut portfolio.exchange.assets[0];
        quote.decimals = QUOTE_DECIMALS;
        quote.underlying = NONE;
        portfolio.exchange.asset_count = 1;
        for indexes in &mut portfolio.board.assets {
            indexes.deposit.set(I80F48::ONE);
            indexes.borrow.set(I80F48::ONE);
        }
        let name = (file.quote.symbol.clone(), QUOTE_DECIMALS);
        portfolio.assets.push(name);
        Ok(())
    }

    fn add_underlying(&mut self, path: &str, given: &UnderlyingFile) -> Read<()> {
        let at = |name: &str| format!("{path}.{name}");
        let index = self.portfolio.underlyings.len();
        if index == UNDERLYINGS_MAX {
            return Err(self.error(path, format!("more than {UNDERLYINGS_MAX} underlyings")));
        }
        if self.underlying("", &given.name).is_ok() {
            return Err(self.error(&at("name"), format!("{} is there twice", given.name)));
        }
        let decimals = self.decimals(&at("decimals"), given.decimals)?;
        let lot_size = given.lot * 10f64.powi(i32::from(decimals));
        if !(1.0..=1e15).contains(&lot_size) || !is_whole(lot_size) {
            return Err(self.error(&at("lot"), "must be a whole number of smallest units"));
        }
        let price = PriceFile {
            price: given.price,
            confidence: given.confidence,
            slow_price: given.slow_price,
            age_s: given.price_age_s,
        };
        let feed = self.feed(path, &price, decimals)?;
        let limit = RANGE_LIMIT_Q32 as f64 / 2f64.powi(32);
        let range = &given.range;
        let minimum = self.within(&at("range.minimum"), range.minimum, 0.0..=limit)?;
        let maximum = self.within(&at("range.maximum"), range.maximum, minimum..=1e4)?;
        let size = &given.size;
        let lambda_q32 = self.rate(&at("size.lambda"), size.lambda)?;
        let depth = self.amount(&at("size.depth"), size.depth, QUOTE_DECIMALS)?;
        let coefficient = match size_coefficient_q80(lambda_q32, depth) {
            Some(coefficient) => coefficient,
            None if lambda_q32 == 0 => 0,
            None => return Err(self.error(&at("size.depth"), "is too small for lambda")),
        };
        let shocks = &given.shocks;
        let exponent = |index: usize| {
            let path = at(&format!("shocks.exponents[{index}]"));
            self.fraction(&path, shocks.exponents[index])
        };
        let exponents = [exponent(0)?, exponent(1)?];
        let (up, down) = (
            self.rate(&at("shocks.up"), shocks.up)?,
            self.rate(&at("shocks.down"), shocks.down)?,
        );
        let volatility_q32 = self.rate(&at("volatility"), given.volatility)?;
        let volatility_multiplier = self.rate(
            &at("range.volatility_multiplier"),
            range.volatility_multiplier,
        )?;
        let confidence_multiplier = self.rate(
            &at("range.confidence_multiplier"),
            range.confidence_multiplier,
        )?;
        let size_cap = self.rate(&at("size.cap"), size.cap)?;
        let cap = self.amount(
            &at("unsettled_profit_cap"),
            given.unsettled_profit_cap,
            QUOTE_DECIMALS,
        )?;
        let short_minimum =
            self.fraction(&at("short_option_minimum"), given.short_option_minimum)?;
        let long_discount =
            self.fraction(&at("long_option_discount"), given.long_option_discount)?;

        let underlying = &mut self.portfolio.exchange.underlyings[index];
        underlying.feed = feed;
        underlying.lot_size = lot_size.round() as u64;
        underlying.range_volatility_multiplier_q32 = volatility_multiplier;
        underlying.range_minimum_q32 = q32(minimum);
        underlying.range_maximum_q32 = q32(maximum);
        underlying.range_confidence_multiplier_q32 = confidence_multiplier;
        underlying.size_lambda_q32 = lambda_q32;
        underlying.size_depth = depth;
        underlying.size_coefficient_q80 = coefficient;
        underlying.size_cap_q32 = size_cap;
        underlying.unsettled_profit_cap = cap;
        underlying.short_option_minimum_q32 = short_minimum;
        underlying.long_option_discount_q32 = long_discount;
        underlying.volatility_shock_up_q32 = up;
        underlying.volatility_shock_down_q32 = down;
        underlying.volatility_shock_exponents_q32 = exponents;
        self.portfolio.board.underlyings[index].volatility_q32 = volatility_q32;
        self.portfolio.exchange.underlying_count += 1;
        self.portfolio.underlyings.push(UnderlyingNames {
            name: given.name.clone(),
            lot: given.lot,
        });
        match &given.surface {
            Some(surface) => self.surface(&at("surface"), index, surface),
            None => Ok(()),
        }
    }

    fn surface(&mut self, path: &str, index: usize, given: &SurfaceFile) -> Read<()> {
        let at = |name: &str| format!("{path}.{name}");
        let mut atm = [0; TENORS];
        for (tenor, level) in given.atm.iter().enumerate() {
            atm[tenor] = q32(self.within(&at(&format!("atm[{tenor}]")), *level, 0.0..=32.0)?);
        }
        let floor = self.within(&at("floor"), given.floor, 0.0..=32.0)?;
        let cap = self.within(&at("cap"), given.cap, floor..=32.0)?;
        let skew = self.within(&at("skew"), given.skew, -10.0..=10.0)?;
        let smile = self.within(&at("smile"), given.smile, -10.0..=10.0)?;
        let carry = self.within(&at("carry"), given.carry, -10.0..=10.0)?;
        let stale_multiplier = self.rate(&at("stale_multiplier"), given.stale_multiplier)?;
        let portfolio = &mut self.portfolio;
        let underlying = &mut portfolio.exchange.underlyings[index];
        underlying.surface_floor_q32 = q32(floor);
        underlying.surface_cap_q32 = q32(cap);
        underlying.surface_max_age_s = given.max_age_s.into();
        underlying.surface_stale_multiplier_q32 = stale_multiplier;
        let state = &mut portfolio.board.underlyings[index];
        state.atm_volatility_q32 = atm;
        state.skew_q32 = signed_q32(skew);
        state.smile_q32 = signed_q32(smile);
        state.carry_q32 = signed_q32(carry);
        state.surface_time = portfolio.now - i64::from(given.age_s);
        Ok(())
    }

    fn correlations(&mut self, given: &[CorrelationFile]) -> Read<()> {
        let correlations = &mut self.portfolio.exchange.correlations;
        for pair in correlations.iter_mut() {
            pair.high_bps = 10_000;
        }
        for (index, pair) in given.iter().enumerate() {
            let at = |name: &str| format!("correlations[{index}].{name}");
            let [a, b] = &pair.between;
            let (first, second) = (
                self.underlying(&at("between[0]"), a)?,
                self.underlying(&at("between[1]"), b)?,
            );
            if first == second {
                return Err(self.error(&at("between"), "must be two different underlyings"));
            }
            let low = self.within(&at("low"), pair.low, -1.0..=1.0)?;
            let high = self.within(&at("high"), pair.high, low..=1.0)?;
            let place = correlation_index(first, second);
            let stored = &mut self.portfolio.exchange.correlations[place];
            stored.low_bps = (low * 1e4).round() as i16;
            stored.high_bps = (high * 1e4).round() as i16;
        }
        Ok(())
    }

    fn add_asset(&mut self, path: &str, given: &AssetFile) -> Read<()> {
        let at = |name: &str| format!("{path}.{name}");
        let index = self.portfolio.assets.len();
        if index == ASSETS_MAX {
            return Err(self.error(path, format!("more than {} assets", ASSETS_MAX - 1)));
        }
        if self.asset(&given.symbol).is_some() {
            return Err(self.error(&at("symbol"), format!("{} is there twice", given.symbol)));
        }
        let decimals = self.decimals(&at("decimals"), given.decimals)?;
        let underlying = match &given.underlying {
            Some(name) => Some(self.underlying(&at("underlying"), name)?),
            None => None,
        };
        let feed = self.asset_feed(path, given, underlying, decimals)?;
        let (deposit, loan) = (&given.deposit_haircut, &given.loan_haircut);
        let haircuts = [
            self.fraction(&at("deposit_haircut.maintenance"), deposit.maintenance)?,
            self.fraction(&at("deposit_haircut.initial"), deposit.initial)?,
            self.rate(&at("loan_haircut.maintenance"), loan.maintenance)?,
            self.rate(&at("loan_haircut.initial"), loan.initial)?,
        ];
        let range_multiplier = self.rate(&at("range_multiplier"), given.range_multiplier)?;
        let size_start = self.amount(&at("size_start"), given.size_start, QUOTE_DECIMALS)?;
        let deposits = self.amount(&at("total_deposits"), given.total_deposits, decimals)?;
        let loans = self.amount(&at("total_loans"), given.total_loans, decimals)?;

        let asset = &mut self.portfolio.exchange.assets[index];
        asset.feed = feed;
        asset.decimals = decimals;
        asset.underlying = underlying.map_or(NONE, |underlying| underlying as u8);
        asset.deposit_haircut_maintenance_q32 = haircuts[0];
        asset.deposit_haircut_initial_q32 = haircuts[1];
        asset.loan_haircut_maintenance_q32 = haircuts[2];
        asset.loan_haircut_initial_q32 = haircuts[3];
        asset.haircut_range_multiplier_q32 = range_multiplier;
        asset.haircut_size_start = size_start;
        let indexes = &mut self.portfolio.board.assets[index];
        indexes.deposits_total = deposits;
        indexes.loans_total = loans;
        self.portfolio.exchange.asset_count += 1;
        let name = (given.symbol.clone(), decimals);
        self.portfolio.assets.push(name);
        Ok(())
    }

    /// The feed of its underlying, unless its price or its decimals are its own.
    fn asset_feed(
        &mut self,
        path: &str,
        given: &AssetFile,
        underlying: Option<usize>,
        decimals: u8,
    ) -> Read<u8> {
        let Some(price) = given.price else {
            let Some(underlying) = underlying else {
                let reason = "is missing, and there is no underlying to take it from";
                return Err(self.error(&format!("{path}.price"), reason));
            };
            let exchange = &self.portfolio.exchange;
            let feed = exchange.underlyings[underlying].feed;
            if exchange.feeds[usize::from(feed)].unit_decimals != decimals {
                let reason = "must be those of the underlying, or `price` must be given";
                return Err(self.error(&format!("{path}.decimals"), reason));
            }
            return Ok(feed);
        };
        let price = PriceFile {
            price,
            confidence: given.confidence,
            slow_price: given.slow_price,
            age_s: given.price_age_s,
        };
        self.feed(path, &price, decimals)
    }

    fn asset(&self, symbol: &str) -> Option<usize> {
        let known = &self.portfolio.assets;
        known.iter().position(|(known, _)| known == symbol)
    }

    fn balances(&mut self, given: &Map<String, Value>) -> Read<()> {
        let mut amounts = BTreeMap::new();
        for (symbol, amount) in given {
            let path = format!("balances.{symbol}");
            let Some(asset) = self.asset(symbol) else {
                return Err(self.error(&path, "there is no such asset"));
            };
            let amount = amount
                .as_f64()
                .ok_or_else(|| self.error(&path, "must be a number"))?;
            let decimals = self.portfolio.assets[asset].1;
            amounts.insert(asset, (self.native(&path, amount, decimals)?, path));
        }
        for (asset, (amount, path)) in amounts {
            if amount == 0 {
                continue;
            }
            let slot = self.portfolio.account.balance_mut(asset as u8);
            match slot {
                Ok(balance) => balance.shares.set(I80F48::from_num(amount)),
                Err(error) => return Err(self.error(&path, error)),
            }
        }
        debug_assert_eq!(QUOTE_ASSET, 0);
        Ok(())
    }

    fn add_position(&mut self, path: &str, given: &PositionFile) -> Read<()> {
        let at = |name: &str| format!("{path}.{name}");
        let underlying = self.underlying(&at("underlying"), &given.underlying)?;
        let lot = self.portfolio.underlyings[underlying].lot;
        let lots = given.size / lot;
        if !is_whole(lots) || lots.abs() > 1e15 {
            let reason = format!("must be a whole number of lots of {lot}");
            return Err(self.error(&at("size"), reason));
        }
        let is_option = matches!(given.kind, KindName::Call | KindName::Put);
        let strike = match (is_option, given.strike) {
            (true, Some(strike)) => {
                let per_lot = (strike * lot * 1e6).round();
                if !(1.0..=1e15).contains(&per_lot) {
                    return Err(self.error(&at("strike"), "is out of range"));
                }
                per_lot as u64
            }
            (true, None) => return Err(self.error(path, "`strike` is missing")),
            (false, Some(_)) => return Err(self.error(&at("strike"), "only options have one")),
            (false, None) => 0,
        };
        let expiry = match (given.kind, given.expiry_s) {
            (KindName::Perpetual, Some(_)) => {
                return Err(self.error(&at("expiry_s"), "a perpetual has none"));
            }
            (KindName::Perpetual, None) => 0,
            (_, Some(seconds)) => {
                self.within(
                    &at("expiry_s"),
                    seconds.into(),
                    0.0..=10.0 * SECONDS_PER_YEAR as f64,
                )?;
                self.portfolio.now + i64::from(seconds)
            }
            (_, None) => return Err(self.error(path, "`expiry_s` is missing")),
        };
        let quote = self.native(&at("quote"), given.quote, QUOTE_DECIMALS)?;
        let kind = match given.kind {
            KindName::Perpetual => MarketKind::Perpetual,
            KindName::Future => MarketKind::Future,
            KindName::Call => MarketKind::Call,
            KindName::Put => MarketKind::Put,
        };
        let position = Position {
            base_lots: lots.round() as i64,
            quote,
            terms: MarketTerms {
                expiry,
                strike,
                underlying: underlying as u8,
                kind: kind as u8,
                padding: [0; 6],
            },
            ..Position::default()
        };
        if position.is_free() {
            return Err(self.error(&at("size"), "is 0, and nothing is unsettled"));
        }
        if self.portfolio.account.position(&position.terms).is_some() {
            return Err(self.error(path, "another position has the same terms"));
        }
        match self.portfolio.account.position_mut(&position.terms) {
            Ok(slot) => *slot = position,
            Err(error) => return Err(self.error(path, error)),
        }
        self.portfolio.positions.push(PositionNames {
            kind: given.kind,
            underlying,
            expiry_s: given.expiry_s,
            strike: given.strike,
            size: given.size,
        });
        Ok(())
    }
}

fn is_whole(x: f64) -> bool {
    (x - x.round()).abs() <= 1e-6 * x.abs().max(1.0) && x.is_finite()
}
