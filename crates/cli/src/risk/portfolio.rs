//! A portfolio with its parameters and prices as people write them (`docs/examples/README.md`), and as the engine reads them.

use std::ops::RangeInclusive;

use super::price::{CARRY, LONGEST_S, VOLATILITY, check_ratios, q32, signed_q32};
use crate::input::{Fields, InputError, Node, Read, from_to, plain};
use ballast_risk::margin::size_coefficient_q80;
use ballast_risk::surface::COEFFICIENT_MAX_Q32;
use ballast_risk::time::YEAR_S;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    ASSETS_MAX, BALANCES_MAX, Board, Exchange, MarginAccount, MarketKind, MarketTerms, NONE,
    POSITIONS_MAX, Position, QUOTE_DECIMALS, StateError, TENORS, UNDERLYINGS_MAX, Validity,
    correlation_index,
};
use bytemuck::{Zeroable, allocation::zeroed_box};
use fixed::types::I80F48;

/// The clock when a portfolio does not say what time it is.
const NOW: u64 = 1_700_000_000;
/// This century, with room for every age before and every expiry after.
const CLOCK: RangeInclusive<u64> = 946_684_800..=4_102_444_800;
/// Age from which a price is stale, seconds.
const PRICE_AGE_MAX_S: u64 = 60;
/// Confidence over price from which a price is uncertain.
const CONFIDENCE_MAX: f64 = 0.02;
/// Most smallest units of an amount: a little less than the engine can hold.
const UNITS_MAX: f64 = 9e18;
/// Prices in quote units per native unit: within what the program takes from an oracle.
const NATIVE_PRICES: RangeInclusive<f64> = 1e-9..=1e12;

/// Largest scan range, as the engine has it.
const RANGE_MAX: f64 = 0.99;

const DECIMALS: RangeInclusive<u64> = 0..=18;
const SECONDS: RangeInclusive<u64> = 0..=LONGEST_S;
const RATES: RangeInclusive<f64> = 0.0..=1e4;
const FRACTIONS: RangeInclusive<f64> = 0.0..=1.0;
const CORRELATIONS: RangeInclusive<f64> = -1.0..=1.0;
const COEFFICIENTS: RangeInclusive<f64> = {
    let most = (COEFFICIENT_MAX_Q32 >> 32) as f64;
    -most..=most
};

const PURPOSES: [(&str, Purpose); 4] = [
    ("add_risk", Purpose::AddRisk),
    ("reduce_risk", Purpose::ReduceRisk),
    ("liquidate", Purpose::Liquidate),
    ("take_over", Purpose::TakeOver),
];

const KINDS: [(&str, MarketKind); 4] = [
    ("perpetual", MarketKind::Perpetual),
    ("future", MarketKind::Future),
    ("call", MarketKind::Call),
    ("put", MarketKind::Put),
];

/// An underlying's names and units.
#[derive(Clone, Debug)]
pub struct UnderlyingNames {
    /// Name.
    pub name: String,
    /// Units of the underlying in a lot.
    pub lot: f64,
    has_surface: bool,
}

/// A position as it was written.
#[derive(Clone, Debug)]
pub struct PositionNames {
    /// Kind.
    pub kind: MarketKind,
    /// Index of the underlying.
    pub underlying: usize,
    /// Seconds to expiry.
    pub expiry_s: Option<u32>,
    /// Strike per unit of the underlying.
    pub strike: Option<f64>,
    /// Units of the underlying.
    pub size: f64,
    /// Line on which it begins.
    line: usize,
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    let named = names.iter().find(|(_, known)| *known == value);
    named.map_or("", |(name, _)| name)
}

impl PositionNames {
    /// Name of the kind.
    pub fn kind_name(&self) -> &'static str {
        name_of(&KINDS, self.kind)
    }

    /// Whether it is an option.
    pub fn is_option(&self) -> bool {
        matches!(self.kind, MarketKind::Call | MarketKind::Put)
    }
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
    /// Prices and surfaces that are stale or uncertain, so that they may not count as they stand.
    pub doubts: Vec<InputError>,
}

/// An amount as a number of smallest units, rounded.
fn native(node: &Node, amounts: RangeInclusive<f64>, decimals: u8) -> Read<i64> {
    let unit = 10f64.powi(decimals.into());
    let most = UNITS_MAX / unit;
    let amount = node.number(amounts.start().max(-most)..=amounts.end().min(most))?;
    let units = (amount * unit).round();
    if units == 0.0 && amount != 0.0 {
        return Err(node.error(format!(
            "must be 0 or at least the smallest unit, {}",
            plain(unit.recip())
        )));
    }
    Ok(units as i64)
}

/// An amount owned.
const OWNED: RangeInclusive<f64> = 0.0..=f64::MAX;
/// An amount owned or owed.
const ANY: RangeInclusive<f64> = f64::MIN..=f64::MAX;

/// A required amount owned.
fn amount(fields: &mut Fields, name: &'static str, decimals: u8) -> Read<u64> {
    native(&fields.required(name)?, OWNED, decimals).map(i64::unsigned_abs)
}

/// An amount owned, 0 when it is missing.
fn amount_or_0(fields: &mut Fields, name: &'static str, decimals: u8) -> Read<u64> {
    let units = fields
        .optional(name)
        .map(|node| native(&node, OWNED, decimals));
    Ok(units.transpose()?.unwrap_or(0).unsigned_abs())
}

fn fraction(fields: &mut Fields, name: &'static str) -> Read<u64> {
    fields.number(name, FRACTIONS).map(q32)
}

fn rate(fields: &mut Fields, name: &'static str) -> Read<u64> {
    fields.number(name, RATES).map(q32)
}

fn fraction_or_0(fields: &mut Fields, name: &'static str) -> Read<u64> {
    fields.number_or_0(name, FRACTIONS).map(q32)
}

fn rate_or_0(fields: &mut Fields, name: &'static str) -> Read<u64> {
    fields.number_or_0(name, RATES).map(q32)
}

fn seconds_or_0(fields: &mut Fields, name: &'static str) -> Read<i64> {
    let seconds = fields.optional(name).map(|node| node.whole(SECONDS));
    Ok(seconds.transpose()?.unwrap_or(0) as i64)
}

/// Exactly so many values.
fn tuple<'a, const N: usize>(node: &Node<'a>, what: &str) -> Read<[Node<'a>; N]> {
    let wrong = |_| node.error(format!("must be a list of {N} {what}"));
    node.list()?.try_into().map_err(wrong)
}

/// How many times a unit a number is: a whole number, but for what decimal fractions lose in floating point.
fn multiples(node: &Node, unit: f64, counts: RangeInclusive<f64>) -> Read<f64> {
    let exact = node.number(ANY).unwrap_or(f64::NAN) / unit;
    let count = exact.round();
    if (exact - count).abs() <= 1e-6 + 8.0 * f64::EPSILON * exact.abs() && counts.contains(&count) {
        return Ok(count);
    }
    let range = from_to(&(counts.start() * unit..=counts.end() * unit));
    Err(node.mismatch(format_args!("a multiple of {} {range}", plain(unit))))
}

impl Portfolio {
    /// Reads a portfolio from JSON.
    ///
    /// # Errors
    /// What is wrong with it and on which line.
    pub fn parse(json: &str) -> Read<Self> {
        let mut portfolio = Self {
            exchange: zeroed_box(),
            board: zeroed_box(),
            account: Box::new(MarginAccount::zeroed()),
            now: 0,
            purpose: Purpose::AddRisk,
            assets: Vec::new(),
            underlyings: Vec::new(),
            positions: Vec::new(),
            doubts: Vec::new(),
        };
        Node::parse(json, 1)?.object(|file| portfolio.read(file))?;
        Ok(portfolio)
    }

    /// Name of the purpose.
    pub fn purpose_name(&self) -> &'static str {
        name_of(&PURPOSES, self.purpose)
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
    pub fn assess(&self) -> Read<Box<Report>> {
        let mut report = Report::boxed();
        let assessed = self.view().assess(&self.account, self.purpose, &mut report);
        let (line, reason) = match assessed {
            Ok(()) => return self.check_forwards(&report).map(|()| report),
            Err(StateError::StalePrice) => {
                let doubts: Vec<&str> = self
                    .doubts
                    .iter()
                    .map(|doubt| doubt.reason.as_str())
                    .collect();
                let line = self.doubts.first().map_or(0, |doubt| doubt.line);
                (
                    line,
                    format!("a price is too old for the purpose: {}", doubts.join("; ")),
                )
            }
            Err(StateError::Overflow) => {
                let reason = "values are out of range: at most 36 billion for an option and 9,000 billion in all";
                (0, reason.to_owned())
            }
            Err(error) => (0, format!("the portfolio cannot be margined: {error}")),
        };
        Err(InputError { line, reason })
    }

    /// Refuses futures and options that the engine would value as others.
    fn check_forwards(&self, report: &Report) -> Read<()> {
        let positions = self.positions.iter().zip(report.positions());
        for (index, (names, position)) in positions.enumerate() {
            let Some(expiry_s) = names.expiry_s.filter(|_| names.size != 0.0) else {
                continue;
            };
            let listed = &self.exchange.underlyings[names.underlying];
            let price = self.board.prices[usize::from(listed.feed)].price.get();
            let spot = price.to_num::<f64>() * listed.lot_size as f64;
            let forward = position.forward.get().to_num::<f64>();
            let lot = self.underlyings[names.underlying].lot;
            let strike = names.strike.map_or(forward, |strike| strike * lot * 1e6);
            let years = f64::from(expiry_s) / YEAR_S as f64;
            let volatility = position.volatility_q32 as f64 / 2f64.powi(32);
            check_ratios(forward / spot, strike / forward, volatility * years.sqrt()).map_err(
                |reason| InputError {
                    line: names.line,
                    reason: format!("positions[{index}]: {reason}"),
                },
            )?;
        }
        Ok(())
    }

    fn read(&mut self, file: &mut Fields) -> Read<()> {
        let now = file.optional("now").map(|node| node.whole(CLOCK));
        self.now = now.transpose()?.unwrap_or(NOW) as i64;
        if let Some(node) = file.optional("purpose") {
            self.purpose = node.choice(&PURPOSES)?;
        }
        let parameters = file.required("parameters")?;
        parameters.object(|fields| self.read_parameters(fields))?;
        self.read_quote(file.optional("quote"))?;
        for node in file.list("underlyings")? {
            node.object(|fields| self.read_underlying(fields))?;
        }
        self.read_correlations(&file.list("correlations")?)?;
        for node in file.list("assets")? {
            node.object(|fields| self.read_asset(fields))?;
        }
        if let Some(balances) = file.optional("balances") {
            self.read_balances(&balances)?;
        }
        for node in file.list("positions")? {
            node.object(|fields| self.read_position(fields))?;
        }
        Ok(())
    }

    fn read_parameters(&mut self, fields: &mut Fields) -> Read<()> {
        let margin = &mut self.exchange.margin;
        margin.initial_factor_q32 = q32(fields.number("initial_factor", 1.0..=100.0)?);
        margin.max_offset_q32 = fraction(fields, "max_offset")?;
        margin.depeg_multiplier_q32 = rate(fields, "depeg_multiplier")?;
        margin.wide_confidence_multiplier_q32 = rate_or_0(fields, "wide_confidence_multiplier")?;
        self.exchange.liquidation.buffer_q32 = fraction(fields, "buffer")?;
        Ok(())
    }

    fn read_quote(&mut self, node: Option<Node>) -> Read<()> {
        let (mut symbol, mut price) = ("USDC".to_owned(), I80F48::ONE);
        if let Some(node) = node {
            node.object(|fields| {
                if let Some(node) = fields.optional("symbol") {
                    symbol = node.name()?;
                }
                if let Some(node) = fields.optional("price") {
                    price = native_price(&node, QUOTE_DECIMALS)?;
                }
                Ok(())
            })?;
        }
        for indexes in &mut self.board.assets {
            indexes.deposit.set(I80F48::ONE);
            indexes.borrow.set(I80F48::ONE);
        }
        let feed = self
            .add_feed(QUOTE_DECIMALS, price, I80F48::ZERO, price, 0)
            .0;
        let quote = &mut self.exchange.assets[0];
        quote.feed = feed;
        quote.decimals = QUOTE_DECIMALS;
        quote.underlying = NONE;
        self.exchange.asset_count = 1;
        self.assets.push((symbol, QUOTE_DECIMALS));
        Ok(())
    }

    /// Defines a feed and its price; returns its index and what the price is good for.
    fn add_feed(
        &mut self,
        decimals: u8,
        price: I80F48,
        confidence: I80F48,
        slow: I80F48,
        age_s: i64,
    ) -> (u8, Validity) {
        let index = self.exchange.feed_count;
        self.exchange.feed_count += 1;
        let feed = &mut self.exchange.feeds[usize::from(index)];
        feed.max_age_s = PRICE_AGE_MAX_S;
        feed.max_confidence_q32 = q32(CONFIDENCE_MAX);
        feed.unit_decimals = decimals;
        feed.compare_with = NONE;
        let entry = &mut self.board.prices[usize::from(index)];
        entry.update(feed, price, confidence, price, self.now - age_s, 0);
        entry.slow.set(slow);
        (index, entry.validity(feed, self.now))
    }

    /// Defines the feed of an underlying or an asset; returns its index.
    fn read_feed(&mut self, fields: &mut Fields, price: &Node, decimals: u8) -> Read<u8> {
        let spot = native_price(price, decimals)?;
        let human = price.number(ANY)?;
        let confidence = fields.number_or_0("confidence", 0.0..=human)?;
        let slow = fields
            .optional("slow_price")
            .map(|node| native_price(&node, decimals));
        let slow = slow.transpose()?.unwrap_or(spot);
        let age_s = seconds_or_0(fields, "price_age_s")?;
        let confidence_native = I80F48::from_num(confidence * native_unit(decimals));
        let (index, validity) = self.add_feed(decimals, spot, confidence_native, slow, age_s);
        match validity {
            Validity::Stale => {
                let doubt = format!("is {age_s} s old, stale after {PRICE_AGE_MAX_S} s");
                self.doubts.push(price.error(doubt));
            }
            Validity::Wide => {
                let doubt = format!(
                    "is uncertain, its confidence above {}%",
                    CONFIDENCE_MAX * 100.0
                );
                self.doubts.push(price.error(doubt));
            }
            Validity::Fresh | Validity::NeverSet => {}
        }
        Ok(index)
    }

    fn underlying(&self, node: &Node) -> Read<usize> {
        let names = self.underlyings.iter().map(|known| known.name.as_str());
        let choices: Vec<(&str, usize)> = names.zip(0..).collect();
        node.choice(&choices)
    }

    fn read_underlying(&mut self, fields: &mut Fields) -> Read<()> {
        let index = self.underlyings.len();
        if index == UNDERLYINGS_MAX {
            return Err(fields.error(format!("there can be {UNDERLYINGS_MAX} underlyings")));
        }
        let name = fields.required("name")?;
        if self.underlying(&name).is_ok() {
            return Err(name.error("is the name of two underlyings"));
        }
        let decimals = fields.required("decimals")?.whole(DECIMALS)? as u8;
        let price = fields.required("price")?;
        let feed = self.read_feed(fields, &price, decimals)?;
        let lot = fields.required("lot")?;
        let lot_size = multiples(&lot, 10f64.powi(-i32::from(decimals)), 1.0..=1e18)?;
        self.board.underlyings[index].volatility_q32 = rate(fields, "volatility")?;

        let underlying = &mut self.exchange.underlyings[index];
        underlying.feed = feed;
        underlying.lot_size = lot_size as u64;
        fields.required("range")?.object(|range| {
            let minimum = range.number("minimum", 0.0..=RANGE_MAX)?;
            underlying.range_minimum_q32 = q32(minimum);
            underlying.range_maximum_q32 = q32(range.number("maximum", minimum..=*RATES.end())?);
            underlying.range_volatility_multiplier_q32 = rate(range, "volatility_multiplier")?;
            underlying.range_confidence_multiplier_q32 = rate_or_0(range, "confidence_multiplier")?;
            Ok(())
        })?;
        if let Some(node) = fields.optional("size") {
            node.object(|size| {
                underlying.size_lambda_q32 = rate(size, "lambda")?;
                underlying.size_depth = amount(size, "depth", QUOTE_DECIMALS)?;
                underlying.size_cap_q32 = rate(size, "cap")?;
                Ok(())
            })?;
            if underlying.size_lambda_q32 > 0 {
                underlying.size_coefficient_q80 =
                    size_coefficient_q80(underlying.size_lambda_q32, underlying.size_depth)
                        .ok_or_else(|| node.error("the depth is too small for lambda"))?;
            }
        }
        underlying.unsettled_profit_cap = amount(fields, "unsettled_profit_cap", QUOTE_DECIMALS)?;
        underlying.short_option_minimum_q32 = fraction_or_0(fields, "short_option_minimum")?;
        underlying.long_option_discount_q32 = fraction_or_0(fields, "long_option_discount")?;
        if let Some(node) = fields.optional("shocks") {
            node.object(|shocks| {
                underlying.volatility_shock_up_q32 = rate(shocks, "up")?;
                underlying.volatility_shock_down_q32 = rate(shocks, "down")?;
                let exponents = tuple::<2>(&shocks.required("exponents")?, "numbers")?;
                for (stored, node) in underlying
                    .volatility_shock_exponents_q32
                    .iter_mut()
                    .zip(exponents)
                {
                    *stored = q32(node.number(FRACTIONS)?);
                }
                Ok(())
            })?;
        }
        let surface = fields.optional("surface");
        self.exchange.underlying_count += 1;
        self.underlyings.push(UnderlyingNames {
            name: name.name()?,
            lot: lot.number(ANY)?,
            has_surface: surface.is_some(),
        });
        if let Some(node) = surface {
            node.object(|fields| self.read_surface(index, fields))?;
        }
        Ok(())
    }

    fn read_surface(&mut self, index: usize, fields: &mut Fields) -> Read<()> {
        let underlying = &mut self.exchange.underlyings[index];
        let state = &mut self.board.underlyings[index];
        let atm = tuple::<TENORS>(&fields.required("atm")?, "volatilities")?;
        for (stored, node) in state.atm_volatility_q32.iter_mut().zip(atm) {
            *stored = q32(node.number(VOLATILITY)?);
        }
        state.skew_q32 = signed_q32(fields.number_or_0("skew", COEFFICIENTS)?);
        state.smile_q32 = signed_q32(fields.number_or_0("smile", COEFFICIENTS)?);
        state.carry_q32 = signed_q32(fields.number_or_0("carry", CARRY)?);
        let floor = fields.number("floor", VOLATILITY)?;
        underlying.surface_floor_q32 = q32(floor);
        underlying.surface_cap_q32 = q32(fields.number("cap", floor..=*VOLATILITY.end())?);
        let age_s = seconds_or_0(fields, "age_s")?;
        state.surface_time = self.now - age_s;
        underlying.surface_max_age_s = fields.required("max_age_s")?.whole(SECONDS)?;
        underlying.surface_stale_multiplier_q32 = rate_or_0(fields, "stale_multiplier")?;
        if state.surface(underlying, self.now).1 {
            let doubt = format!(
                "is {age_s} s old and stale: at the money it counts at least stale_multiplier times realised volatility"
            );
            self.doubts.push(fields.error(doubt));
        }
        Ok(())
    }

    fn read_correlations(&mut self, nodes: &[Node]) -> Read<()> {
        for pair in &mut self.exchange.correlations {
            pair.high_bps = 10_000;
        }
        let mut known = Vec::new();
        for node in nodes {
            node.object(|fields| {
                let between = fields.required("between")?;
                let names = tuple::<2>(&between, "underlyings")?;
                let (first, second) = (self.underlying(&names[0])?, self.underlying(&names[1])?);
                let index = correlation_index(first, second);
                if first == second {
                    return Err(between.error("must be two different underlyings"));
                }
                if known.contains(&index) {
                    return Err(between.error("is there twice"));
                }
                known.push(index);
                let low = fields.number("low", CORRELATIONS)?;
                let high = fields.number("high", low..=1.0)?;
                let pair = &mut self.exchange.correlations[index];
                pair.low_bps = (low * 1e4).round() as i16;
                pair.high_bps = (high * 1e4).round() as i16;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn asset(&self, symbol: &str) -> Option<usize> {
        self.assets.iter().position(|(known, _)| known == symbol)
    }

    fn read_asset(&mut self, fields: &mut Fields) -> Read<()> {
        let index = self.assets.len();
        if index == ASSETS_MAX {
            return Err(fields.error(format!(
                "there can be {} assets beside the quote asset",
                ASSETS_MAX - 1
            )));
        }
        let symbol = fields.required("symbol")?;
        let name = symbol.name()?;
        if self.asset(&name).is_some() {
            return Err(symbol.error("is the symbol of two assets"));
        }
        let node = fields.required("decimals")?;
        let decimals = node.whole(DECIMALS)? as u8;
        let underlying = match fields.optional("underlying") {
            Some(node) => Some(self.underlying(&node)?),
            None => None,
        };
        let feed = match (fields.optional("price"), underlying) {
            (Some(price), _) => self.read_feed(fields, &price, decimals)?,
            (None, None) => return Err(fields.error("`price` or `underlying` is missing")),
            (None, Some(underlying)) => {
                for name in ["confidence", "slow_price", "price_age_s"] {
                    if let Some(node) = fields.optional(name) {
                        return Err(node.error(
                            "must not be there without a `price`: the underlying's counts",
                        ));
                    }
                }
                let feed = self.exchange.underlyings[underlying].feed;
                if self.exchange.feeds[usize::from(feed)].unit_decimals != decimals {
                    return Err(
                        node.error("must be those of the underlying, or `price` must be there")
                    );
                }
                feed
            }
        };
        let asset = &mut self.exchange.assets[index];
        asset.feed = feed;
        asset.decimals = decimals;
        asset.underlying = underlying.map_or(NONE, |underlying| underlying as u8);
        fields.required("deposit_haircut")?.object(|haircut| {
            asset.deposit_haircut_maintenance_q32 = fraction(haircut, "maintenance")?;
            asset.deposit_haircut_initial_q32 = fraction(haircut, "initial")?;
            Ok(())
        })?;
        fields.required("loan_haircut")?.object(|haircut| {
            asset.loan_haircut_maintenance_q32 = rate(haircut, "maintenance")?;
            asset.loan_haircut_initial_q32 = rate(haircut, "initial")?;
            Ok(())
        })?;
        asset.haircut_range_multiplier_q32 = rate_or_0(fields, "range_multiplier")?;
        asset.haircut_size_start = amount_or_0(fields, "size_start", QUOTE_DECIMALS)?;
        let indexes = &mut self.board.assets[index];
        indexes.deposits_total = amount_or_0(fields, "total_deposits", decimals)?;
        indexes.loans_total = amount_or_0(fields, "total_loans", decimals)?;
        self.exchange.asset_count += 1;
        self.assets.push((name, decimals));
        Ok(())
    }

    fn read_balances(&mut self, balances: &Node) -> Read<()> {
        let mut amounts = Vec::new();
        for (symbol, node) in balances.entries()? {
            let asset = self
                .asset(&symbol)
                .ok_or_else(|| node.error("is no asset of this file"))?;
            let units = native(&node, ANY, self.assets[asset].1)?;
            amounts.push((asset as u8, units, node));
        }
        amounts.sort_by_key(|(asset, ..)| *asset);
        for (asset, units, node) in amounts.into_iter().filter(|(_, units, _)| *units != 0) {
            let full = |_| {
                node.error(format!(
                    "there can be {} balances beside the quote asset's",
                    BALANCES_MAX - 1
                ))
            };
            let balance = self.account.balance_mut(asset).map_err(full)?;
            balance.shares.set(I80F48::from_num(units));
        }
        Ok(())
    }

    fn read_position(&mut self, fields: &mut Fields) -> Read<()> {
        let kind = fields.required("kind")?.choice(&KINDS)?;
        let named = fields.required("underlying")?;
        let underlying = self.underlying(&named)?;
        let UnderlyingNames {
            lot, has_surface, ..
        } = self.underlyings[underlying];
        let node = fields.required("size")?;
        let lots = multiples(&node, lot, -1e15..=1e15)?;
        let quote = fields
            .optional("quote")
            .map(|quote| native(&quote, ANY, QUOTE_DECIMALS));
        let quote = quote.transpose()?.unwrap_or(0);
        if lots == 0.0 && quote == 0 {
            return Err(node.error("is 0, and `quote` too: there is no position"));
        }
        let (mut expiry_s, mut strike, mut strike_per_lot) = (None, None, 0);
        if kind != MarketKind::Perpetual {
            expiry_s = Some(fields.required("expiry_s")?.whole(SECONDS)? as u32);
        }
        let names = PositionNames {
            kind,
            underlying,
            expiry_s,
            strike,
            size: node.number(ANY)?,
            line: fields.error("").line,
        };
        if names.is_option() {
            if !has_surface {
                return Err(named.error("must have a `surface`, because this is an option"));
            }
            let node = fields.required("strike")?;
            // A lot's strike is a whole number of quote units.
            strike_per_lot = multiples(&node, 1e-6 / lot, 1.0..=1e15)? as u64;
            strike = Some(node.number(ANY)?);
        }
        let terms = MarketTerms {
            expiry: expiry_s.map_or(0, |seconds| self.now + i64::from(seconds)),
            strike: strike_per_lot,
            underlying: underlying as u8,
            kind: kind as u8,
            padding: [0; 6],
        };
        if self.account.position(&terms).is_some() {
            return Err(fields.error("is the same instrument as another position"));
        }
        let full = |_| fields.error(format!("there can be {POSITIONS_MAX} positions"));
        *self.account.position_mut(&terms).map_err(full)? = Position {
            base_lots: lots as i64,
            quote,
            terms,
            ..Position::default()
        };
        self.positions.push(PositionNames { strike, ..names });
        Ok(())
    }
}

/// Quote units per native unit for a price of 1 per token.
fn native_unit(decimals: u8) -> f64 {
    10f64.powi(i32::from(QUOTE_DECIMALS) - i32::from(decimals))
}

/// A price in quote units per native unit.
fn native_price(node: &Node, decimals: u8) -> Read<I80F48> {
    let unit = native_unit(decimals);
    let range = NATIVE_PRICES.start() / unit..=NATIVE_PRICES.end() / unit;
    let price = node.number(range.clone()).map_err(|_| {
        node.mismatch(format_args!(
            "a price {} at {decimals} decimals",
            from_to(&range)
        ))
    })?;
    Ok(I80F48::from_num(price * unit))
}
