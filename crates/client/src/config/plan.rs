//! From what is on chain to what the configuration says.

use super::field::{Scale, difference};
use super::wanted::{Wanted, WantedAsset, WantedFeed, WantedMarket, WantedUnderlying};
use super::{
    Asset, Config, ConfigError, FeeSchedule, Feed, Funding, Liquidation, Margin, Market, Options,
    Surface, Underlying,
};
use crate::args::{
    AssetArgs, AssetParameters, CorrelationArgs, ExchangeParameters, FeedArgs, FeedChoice,
    FeedParameters, InitExchangeArgs, MarketArgs, MarketParameters, Role, UnderlyingArgs,
    UnderlyingParameters,
};
use crate::{instructions, read_account};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::system_program;
use anchor_spl::{token, token_2022};
use ballast::events::Terms;
use ballast_state::{
    Bank, EXPIRY_MAX_S, Exchange, Market as MarketAccount, MarketTerms, NONE, Tagged,
    correlation_index,
};
use std::collections::BTreeMap;

/// Who must sign a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signatory {
    /// Pays fees and rent.
    Payer,
    /// The new exchange account.
    Exchange,
    /// The new board.
    Board,
    /// The admin.
    Admin,
    /// The risk authority.
    Risk,
}

/// One step towards the configuration: a transaction.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it does, in one line.
    pub description: String,
    /// Its instructions.
    pub instructions: Vec<Instruction>,
    /// Who must sign.
    pub signatories: Vec<Signatory>,
}

/// What leads to the configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps, in order.
    pub changes: Vec<Change>,
    /// What the configuration names but is left alone, a line each.
    pub left_alone: Vec<String>,
}

/// A mint as it is on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mint {
    /// The token program it belongs to.
    pub program: Pubkey,
    /// Its decimals.
    pub decimals: u8,
}

/// What is on chain of what the configuration names.
#[derive(Default)]
pub struct State {
    /// The cluster's time, unix seconds.
    pub now: i64,
    /// The exchange, if it exists.
    pub exchange: Option<Box<Exchange>>,
    /// Banks, by mint.
    pub banks: BTreeMap<Pubkey, Box<Bank>>,
    /// Markets, by address.
    pub markets: BTreeMap<Pubkey, Box<MarketAccount>>,
    /// Mints.
    pub mints: BTreeMap<Pubkey, Mint>,
}

impl State {
    /// Reads it; `account` gives an account's owner and data, or `None` when there is no such account.
    ///
    /// # Errors
    /// What `account` says; a key of the configuration that is none; an account of another type.
    pub fn read<E: From<ConfigError>>(
        config: &Config,
        mut account: impl FnMut(&Pubkey) -> Result<Option<(Pubkey, Vec<u8>)>, E>,
    ) -> Result<Self, E> {
        let wanted = config.wanted()?;
        // An address that somebody has sent lamports to is still nobody's.
        let mut account = |key: &Pubkey| -> Result<_, E> {
            Ok(account(key)?.filter(|(owner, _)| *owner != system_program::ID))
        };
        let now = account(&clock::ID)?.and_then(|(_, data)| time(&data));
        let mut state = Self {
            now: now.ok_or_else(|| ConfigError::at("network", "it has no clock"))?,
            ..Self::default()
        };
        for asset in &wanted.assets {
            if let Some((program, data)) = account(&asset.mint)? {
                let mint = Mint::read(program, &data).ok_or_else(|| {
                    let problem = format!("{} is not a mint", asset.mint);
                    ConfigError::at(format!("assets.{}.mint", asset.name), problem)
                })?;
                state.mints.insert(asset.mint, mint);
            }
        }
        let Some(found) = account(&wanted.addresses.exchange)? else {
            return Ok(state);
        };
        state.exchange = Some(own("exchange", found)?);
        for asset in &wanted.assets {
            if let Some(found) = account(&wanted.addresses.bank(&asset.mint))? {
                let bank = own(&format!("assets.{}", asset.name), found)?;
                state.banks.insert(asset.mint, bank);
            }
        }
        // The perpetual of every underlying, so that one that is missing in the configuration is noticed.
        let underlyings = wanted.underlyings.iter().enumerate();
        let perpetuals = underlyings.map(|(index, underlying)| {
            let terms = MarketTerms::perpetual(index as u8);
            (format!("underlyings.{}", underlying.name), terms)
        });
        let dated = wanted
            .markets
            .iter()
            .filter(|market| !market.terms.is_perpetual());
        let dated = dated.map(|market| (format!("markets.{}", market.name), market.terms));
        for (path, terms) in perpetuals.chain(dated) {
            let address = wanted.addresses.market(&terms);
            if let Some(found) = account(&address)? {
                state.markets.insert(address, own(&path, found)?);
            }
        }
        Ok(state)
    }

    fn is_over(&self, market: &WantedMarket) -> bool {
        market.terms.is_expired(self.now)
    }
}

impl Mint {
    fn read(program: Pubkey, data: &[u8]) -> Option<Self> {
        const DECIMALS: usize = 44;
        const LEN: usize = 82;
        let is_mint = [token::ID, token_2022::ID].contains(&program) && data.len() >= LEN;
        is_mint.then(|| Self {
            program,
            decimals: data[DECIMALS],
        })
    }
}

/// The time in the clock's account.
fn time(data: &[u8]) -> Option<i64> {
    const UNIX_TIMESTAMP: usize = 32;
    let bytes = data.get(UNIX_TIMESTAMP..)?.first_chunk()?;
    Some(i64::from_le_bytes(*bytes))
}

fn own<T: Tagged>(path: &str, (owner, data): (Pubkey, Vec<u8>)) -> Result<Box<T>, ConfigError> {
    let found = (owner == ballast::ID).then(|| read_account(&data));
    found.flatten().ok_or_else(|| {
        let problem = "its address has an account that is not this program's, or of another type";
        ConfigError::at(path, problem)
    })
}

/// What leads from `state` to `config`. `rent` gives the rent-exempt balance of a length.
///
/// # Errors
/// A configuration with a value that the program would refuse, or that differs from `state` in what cannot be changed.
pub fn plan(
    config: &Config,
    state: &State,
    payer: &Pubkey,
    rent: impl Fn(usize) -> u64,
) -> Result<Plan, ConfigError> {
    let wanted = config.wanted()?;
    if let Some(exchange) = &state.exchange {
        check_unchangeable(&wanted, state, exchange)?;
    }
    let mut planner = Planner {
        wanted: &wanted,
        state,
        payer,
        feeds: Vec::new(),
        changes: Vec::new(),
    };
    planner.read_feeds();
    planner.create_exchange(rent);
    let (quote, others) = wanted.assets.split_at(wanted.assets.len().min(1));
    planner.list_assets(quote)?;
    planner.list_underlyings();
    planner.list_assets(others)?;
    planner.list_markets()?;
    planner.update_feeds();
    if let Some(exchange) = &state.exchange {
        planner.update_exchange(exchange);
        planner.update_underlyings(exchange);
        planner.update_assets(exchange)?;
        planner.update_markets();
        planner.update_correlations(exchange);
        planner.propose_authorities(exchange);
    }
    let changes = planner.changes;
    let expired = wanted.markets.iter().filter(|market| state.is_over(market));
    let left_alone = expired
        .map(|market| format!("market {} has expired and is left alone", market.name))
        .collect();
    Ok(Plan {
        changes,
        left_alone,
    })
}

struct Planner<'a> {
    wanted: &'a Wanted,
    state: &'a State,
    payer: &'a Pubkey,
    /// Feeds in the order of the exchange, once the changes so far are made: place in the configuration and parameters.
    feeds: Vec<(usize, FeedParameters)>,
    changes: Vec<Change>,
}

impl Planner<'_> {
    fn push(&mut self, description: String, signers: &[Signatory], instructions: Vec<Instruction>) {
        self.changes.push(Change {
            description,
            instructions,
            signatories: [&[Signatory::Payer], signers].concat(),
        });
    }

    fn admin(&self) -> Pubkey {
        self.state
            .exchange
            .as_ref()
            .map_or(self.wanted.admin, |exchange| exchange.admin)
    }

    fn risk_authority(&self) -> Pubkey {
        self.state
            .exchange
            .as_ref()
            .map_or(self.wanted.risk, |exchange| exchange.risk_authority)
    }

    /// How many of something the exchange lists already.
    fn listed(&self, count: impl Fn(&Exchange) -> u8) -> usize {
        self.state
            .exchange
            .as_ref()
            .map_or(0, |exchange| usize::from(count(exchange)))
    }

    fn read_feeds(&mut self) {
        let Some(exchange) = &self.state.exchange else {
            return;
        };
        let stored = &exchange.feeds[..usize::from(exchange.feed_count)];
        self.feeds.extend(stored.iter().filter_map(|feed| {
            let mut wanted = self.wanted.feeds.iter();
            let place = wanted.position(|wanted| wanted.args.name == feed.name)?;
            Some((place, feed.into()))
        }));
    }

    fn feed_index(&self, place: usize) -> Option<u8> {
        let index = self.feeds.iter().position(|feed| feed.0 == place)?;
        Some(index as u8)
    }

    /// The feed, defined with what is listed now if it does not exist yet.
    fn feed_choice(&mut self, place: usize) -> FeedChoice {
        if let Some(index) = self.feed_index(place) {
            return FeedChoice::Existing(index);
        }
        let wanted = &self.wanted.feeds[place];
        let mut args: FeedArgs = wanted.args;
        let other = wanted.compare_with.and_then(|place| self.feed_index(place));
        args.parameters.compare_with = other.unwrap_or(NONE);
        self.feeds.push((place, args.parameters));
        FeedChoice::New(args)
    }

    fn create_exchange(&mut self, rent: impl Fn(usize) -> u64) {
        if self.state.exchange.is_some() {
            return;
        }
        let Wanted {
            addresses, admin, ..
        } = self.wanted;
        let args = InitExchangeArgs {
            risk_authority: self.wanted.risk,
            guardian: self.wanted.guardian,
            parameters: self.wanted.parameters,
        };
        let init = instructions::init_exchange(addresses, admin, self.payer, rent, args);
        let signers = [Signatory::Exchange, Signatory::Board, Signatory::Admin];
        let description = format!("create exchange {}", addresses.exchange);
        self.push(description, &signers, init);
    }

    fn list_assets(&mut self, assets: &[WantedAsset]) -> Result<(), ConfigError> {
        for asset in assets {
            let index = self
                .wanted
                .assets
                .iter()
                .position(|other| other.mint == asset.mint);
            if index < Some(self.listed(|exchange| exchange.asset_count)) {
                continue;
            }
            let at = format!("assets.{}", asset.name);
            let mint = self.state.mints.get(&asset.mint).ok_or_else(|| {
                let problem = format!("there is no mint {} on this network", asset.mint);
                ConfigError::field(&at, "mint", problem)
            })?;
            if mint.decimals != asset.decimals {
                let problem = format!("{}, but the mint has {}", asset.decimals, mint.decimals);
                return Err(ConfigError::field(&at, "decimals", problem));
            }
            let args = AssetArgs {
                feed: self.feed_choice(asset.feed),
                underlying: asset.underlying.map_or(NONE, |place| place as u8),
                parameters: asset.parameters,
            };
            let token = instructions::Token {
                mint: asset.mint,
                program: mint.program,
            };
            let (addresses, admin) = (&self.wanted.addresses, self.admin());
            let add = instructions::add_asset(addresses, &admin, self.payer, token, args);
            let description = format!("list asset {}", asset.name);
            self.push(description, &[Signatory::Admin], vec![add]);
        }
        Ok(())
    }

    fn list_underlyings(&mut self) {
        let listed = self.listed(|exchange| exchange.underlying_count);
        for underlying in self.wanted.underlyings.iter().skip(listed) {
            let args = UnderlyingArgs {
                name: crate::units::ticker(&underlying.name),
                feed: self.feed_choice(underlying.feed),
                decimals: underlying.scale.decimals,
                lot_size: underlying.scale.lot_size,
                initial_volatility_q32: underlying.initial_volatility_q32,
                parameters: underlying.parameters,
                correlations: underlying.correlations.clone(),
            };
            let add = instructions::add_underlying(&self.wanted.addresses, &self.admin(), args);
            let description = format!("list underlying {}", underlying.name);
            self.push(description, &[Signatory::Admin], vec![add]);
        }
    }

    fn list_markets(&mut self) -> Result<(), ConfigError> {
        for market in &self.wanted.markets {
            let addresses = &self.wanted.addresses;
            let address = addresses.market(&market.terms);
            if self.state.markets.contains_key(&address) || self.state.is_over(market) {
                continue;
            }
            if market.terms.expiry.saturating_sub(self.state.now) > EXPIRY_MAX_S {
                let at = format!("markets.{}", market.name);
                let problem = "must be within two years of when it is listed";
                return Err(ConfigError::field(&at, "expiry", problem));
            }
            let args = MarketArgs {
                terms: Terms::from(market.terms),
                parameters: market.parameters,
            };
            let add = instructions::add_market(addresses, &self.admin(), self.payer, args);
            let description = format!("list market {}", market.name);
            self.push(description, &[Signatory::Admin], vec![add]);
        }
        Ok(())
    }

    /// Also those that could not name the feed they compare with when they were defined.
    fn update_feeds(&mut self) {
        for index in 0..self.feeds.len() {
            let (place, before) = self.feeds[index];
            let feed = &self.wanted.feeds[place];
            let other = feed.compare_with.and_then(|place| self.feed_index(place));
            let after = FeedParameters {
                compare_with: other.unwrap_or(NONE),
                ..feed.args.parameters
            };
            let mut found = Feed::differences(Scale::NONE, &before, &after);
            if before.compare_with != after.compare_with {
                let [old, new] = [before, after].map(|parameters| {
                    let other = self.feeds.get(usize::from(parameters.compare_with));
                    other.map_or("none", |other| self.wanted.feeds[other.0].name.as_str())
                });
                found.push(difference("compare_with", old, new));
            }
            let (addresses, risk) = (&self.wanted.addresses, self.risk_authority());
            let update = instructions::update_feed(addresses, &risk, index as u8, after);
            self.update(&format!("feed {}", feed.name), found, vec![update]);
        }
    }

    /// A change of parameters, if there is a difference.
    fn update(&mut self, what: &str, found: Vec<String>, instructions: Vec<Instruction>) {
        if !found.is_empty() {
            let description = format!("{what}: {}", found.join(", "));
            self.push(description, &[Signatory::Risk], instructions);
        }
    }

    fn update_exchange(&mut self, exchange: &Exchange) {
        let (before, after) = (ExchangeParameters::from(exchange), self.wanted.parameters);
        let mut found = part(
            "margin",
            Margin::differences(Scale::NONE, &before.margin, &after.margin),
        );
        found.extend(part(
            "liquidation",
            Liquidation::differences(Scale::NONE, &before.liquidation, &after.liquidation),
        ));
        for (index, kind) in ["perpetual", "future", "call", "put"].iter().enumerate() {
            let (before, after) = (&before.fees[index], &after.fees[index]);
            found.extend(part(
                &format!("{kind} fees"),
                FeeSchedule::differences(Scale::NONE, before, after),
            ));
        }
        let (addresses, risk) = (&self.wanted.addresses, self.risk_authority());
        let update = instructions::update_exchange(addresses, &risk, after);
        self.update("exchange", found, vec![update]);
    }

    fn update_underlyings(&mut self, exchange: &Exchange) {
        let stored = &exchange.underlyings[..usize::from(exchange.underlying_count)];
        for (index, stored) in stored.iter().enumerate() {
            let underlying: &WantedUnderlying = &self.wanted.underlyings[index];
            let (before, after) = (UnderlyingParameters::from(stored), underlying.parameters);
            let scale = underlying.scale;
            let mut found = Underlying::differences(scale, &before, &after);
            found.extend(part(
                "funding",
                Funding::differences(scale, &before.funding, &after.funding),
            ));
            found.extend(part(
                "options",
                Options::differences(scale, &before.options, &after.options),
            ));
            let [old, new] = [before.surface, after.surface];
            found.extend(part("surface", Surface::differences(scale, &old, &new)));
            if old.authority != new.authority {
                let [old, new] = [old, new].map(|surface| surface.authority.to_string());
                found.push(difference("surface_authority", &old, &new));
            }
            let (addresses, risk) = (&self.wanted.addresses, self.risk_authority());
            let update = instructions::update_underlying(addresses, &risk, index as u8, after);
            self.update(
                &format!("underlying {}", underlying.name),
                found,
                vec![update],
            );
        }
    }

    fn update_assets(&mut self, exchange: &Exchange) -> Result<(), ConfigError> {
        let stored = &exchange.assets[..usize::from(exchange.asset_count)];
        for (index, stored) in stored.iter().enumerate() {
            let asset = &self.wanted.assets[index];
            let bank = self.state.banks.get(&asset.mint).ok_or_else(|| {
                let problem = "it is listed, but its bank was not read";
                ConfigError::at(format!("assets.{}", asset.name), problem)
            })?;
            let (before, after) = (AssetParameters::of(stored, bank), asset.parameters);
            let mut found = Asset::differences(Scale::token(asset.decimals), &before, &after);
            if before.mode != after.mode {
                let [old, new] = [before, after].map(|parameters| mode(parameters.mode));
                found.push(difference("mode", old, new));
            }
            let (addresses, risk) = (&self.wanted.addresses, self.risk_authority());
            // A new curve counts from now on, so interest must be up to date.
            let update = vec![
                instructions::accrue_interest(addresses, &asset.mint),
                instructions::update_asset(addresses, &risk, &asset.mint, after),
            ];
            self.update(&format!("asset {}", asset.name), found, update);
        }
        Ok(())
    }

    fn update_markets(&mut self) {
        let wanted = self.wanted.markets.iter();
        for market in wanted.filter(|market| !self.state.is_over(market)) {
            let addresses = &self.wanted.addresses;
            let Some(stored) = self.state.markets.get(&addresses.market(&market.terms)) else {
                continue;
            };
            let (before, after) = (MarketParameters::from(&**stored), market.parameters);
            let mut found = Market::differences(market.scale, &before, &after);
            if before.status != after.status {
                let [old, new] = [before, after].map(|parameters| mode(parameters.status));
                found.push(difference("status", old, new));
            }
            let risk = self.risk_authority();
            let update = instructions::update_market(addresses, &risk, &market.terms, after);
            self.update(&format!("market {}", market.name), found, vec![update]);
        }
    }

    fn update_correlations(&mut self, exchange: &Exchange) {
        for second in 0..usize::from(exchange.underlying_count) {
            for first in 0..second {
                let stored = exchange.correlations[correlation_index(first, second)];
                let underlyings = &self.wanted.underlyings;
                let wanted: CorrelationArgs = underlyings[second].correlations[first];
                let parts = [
                    ("low", stored.low_bps, wanted.low_bps),
                    ("high", stored.high_bps, wanted.high_bps),
                ];
                let found = parts.iter().filter(|(_, old, new)| old != new);
                let found = found
                    .map(|(name, old, new)| {
                        let [old, new] = [old, new].map(|bps| (f64::from(*bps) / 1e4).to_string());
                        difference(name, &old, &new)
                    })
                    .collect();
                let what = format!(
                    "correlation {} {}",
                    underlyings[first].name, underlyings[second].name
                );
                let (addresses, risk) = (&self.wanted.addresses, self.risk_authority());
                let pair = [first as u8, second as u8];
                let update = instructions::set_correlation(addresses, &risk, pair, wanted);
                self.update(&what, found, vec![update]);
            }
        }
    }

    /// Proposals only: whoever is proposed accepts by their own transaction.
    fn propose_authorities(&mut self, exchange: &Exchange) {
        let wanted = self.wanted;
        let roles = [
            (
                "admin",
                Role::Admin,
                exchange.admin,
                exchange.pending_admin,
                wanted.admin,
            ),
            (
                "risk authority",
                Role::Risk,
                exchange.risk_authority,
                exchange.pending_risk_authority,
                wanted.risk,
            ),
            (
                "guardian",
                Role::Guardian,
                exchange.guardian,
                exchange.pending_guardian,
                wanted.guardian,
            ),
        ];
        for (name, role, present, pending, wanted) in roles {
            let proposed = if wanted == present {
                Pubkey::default()
            } else {
                wanted
            };
            if proposed == pending {
                continue;
            }
            let description = if proposed == Pubkey::default() {
                format!("{name}: take back the proposal of {pending}")
            } else {
                format!("{name}: propose {proposed} in the place of {present}")
            };
            let addresses = &self.wanted.addresses;
            let propose =
                instructions::propose_authority(addresses, &self.admin(), role, &proposed);
            self.push(description, &[Signatory::Admin], vec![propose]);
        }
    }
}

/// Differences of a part, by its name.
fn part(name: &str, found: Vec<String>) -> Vec<String> {
    let found = found.into_iter();
    found
        .map(|difference| format!("{name} {difference}"))
        .collect()
}

/// An asset's mode or a market's status.
fn mode(byte: u8) -> &'static str {
    match byte {
        0 => "active",
        1 => "reduce-only",
        _ => "closing",
    }
}

/// Everything that is fixed once it is listed.
fn check_unchangeable(
    wanted: &Wanted,
    state: &State,
    exchange: &Exchange,
) -> Result<(), ConfigError> {
    let fixed = |at: &str, field: &str, stored: &dyn std::fmt::Display| {
        let problem = format!("is {stored} on chain and cannot be changed");
        Err(ConfigError::field(at, field, problem))
    };
    if exchange.board != wanted.addresses.board {
        let problem = format!("is {} on chain and cannot be changed", exchange.board);
        return Err(ConfigError::at("board", problem));
    }

    for stored in &exchange.feeds[..usize::from(exchange.feed_count)] {
        let name = text(&stored.name);
        let at = format!("feeds.{name}");
        let mut feeds = wanted.feeds.iter();
        let Some(feed): Option<&WantedFeed> = feeds.find(|feed| feed.name == name) else {
            let problem = "is missing; a feed that is defined cannot be removed";
            return Err(ConfigError::at(at, problem));
        };
        if feed.args.kind != stored.kind {
            let source = if stored.kind == 1 {
                "pyth-pull"
            } else {
                "pyth-push"
            };
            return fixed(&at, "source", &source);
        }
        if feed.args.id != stored.id {
            let hexadecimal = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
            let id: String = match stored.kind {
                1 => hexadecimal(&stored.id),
                _ => Pubkey::new_from_array(stored.id).to_string(),
            };
            return fixed(&at, "id", &id);
        }
        if feed.decimals != stored.unit_decimals {
            let problem = format!(
                "prices are kept for a unit with {} decimals, which cannot be changed to {}",
                stored.unit_decimals, feed.decimals
            );
            return Err(ConfigError::at(at, problem));
        }
    }
    let feed_name = |index: u8| text(&exchange.feeds[usize::from(index)].name);

    let stored = &exchange.underlyings[..usize::from(exchange.underlying_count)];
    let names: Vec<String> = stored
        .iter()
        .map(|underlying| text(&underlying.name))
        .collect();
    let configured: Vec<&str> = wanted
        .underlyings
        .iter()
        .map(|underlying| underlying.name.as_str())
        .collect();
    check_order("underlyings", &names, &configured)?;
    for (stored, underlying) in stored.iter().zip(&wanted.underlyings) {
        let at = format!("underlyings.{}", underlying.name);
        if feed_name(stored.feed) != wanted.feeds[underlying.feed].name {
            return fixed(&at, "feed", &feed_name(stored.feed));
        }
        if stored.lot_size != underlying.scale.lot_size {
            let lot = super::Unit::Lot.show(stored.lot_size, underlying.scale);
            return fixed(&at, "lot_size", &lot);
        }
    }

    let stored = &exchange.assets[..usize::from(exchange.asset_count)];
    let lists = |mint: &Pubkey| stored.iter().any(|stored| stored.mint == *mint);
    for (stored, asset) in stored.iter().zip(&wanted.assets) {
        let is_gone = wanted.assets.iter().all(|asset| asset.mint != stored.mint);
        if is_gone && !lists(&asset.mint) {
            return fixed(&format!("assets.{}", asset.name), "mint", &stored.mint);
        }
    }
    let name_of = |mint: &Pubkey| {
        let mut assets = wanted.assets.iter();
        let named = assets.find(|asset| asset.mint == *mint);
        named.map_or_else(|| mint.to_string(), |asset| asset.name.clone())
    };
    let names: Vec<String> = stored.iter().map(|asset| name_of(&asset.mint)).collect();
    let configured: Vec<&str> = wanted
        .assets
        .iter()
        .map(|asset| asset.name.as_str())
        .collect();
    check_order("assets", &names, &configured)?;
    for (stored, asset) in stored.iter().zip(&wanted.assets) {
        let at = format!("assets.{}", asset.name);
        if stored.decimals != asset.decimals {
            return fixed(&at, "decimals", &stored.decimals);
        }
        if feed_name(stored.feed) != wanted.feeds[asset.feed].name {
            return fixed(&at, "feed", &feed_name(stored.feed));
        }
        let underlying = asset.underlying.map_or(NONE, |place| place as u8);
        if stored.underlying != underlying {
            let mut underlyings = wanted.underlyings.iter();
            let name = underlyings.nth(usize::from(stored.underlying));
            let name = name.map_or("none", |underlying| underlying.name.as_str());
            return fixed(&at, "underlying", &name);
        }
    }

    let known: Vec<Pubkey> = wanted
        .markets
        .iter()
        .map(|market| wanted.addresses.market(&market.terms))
        .collect();
    for (address, market) in &state.markets {
        if !known.contains(address) {
            let underlying = &wanted.underlyings[usize::from(market.terms.underlying)].name;
            let problem = format!(
                "the perpetual on {underlying} is missing; a market cannot be removed, only made reduce-only"
            );
            return Err(ConfigError::at("markets", problem));
        }
    }
    Ok(())
}

/// What is listed must be the beginning of what is configured.
fn check_order(path: &str, listed: &[String], configured: &[&str]) -> Result<(), ConfigError> {
    if configured.iter().take(listed.len()).eq(listed.iter()) {
        return Ok(());
    }
    let problem = format!(
        "must begin with {}, the order of listing, which cannot be changed; new ones come after them",
        listed.join(", ")
    );
    Err(ConfigError::at(path, problem))
}

fn text(name: &[u8; 16]) -> String {
    String::from_utf8_lossy(name)
        .trim_end_matches('\0')
        .to_owned()
}
