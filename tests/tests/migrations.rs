//! Configuration files against the real program: what they create, what a difference changes, and what is refused.

use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast_client::args::{
    AssetParameters, ExchangeParameters, FeedParameters, MarketParameters, Role,
    UnderlyingParameters,
};
use ballast_client::config::{
    self, Change, Config, ConfigError, Kind, Mode, Plan, Signatory, State, Status, Underlying, plan,
};
use ballast_client::state::{Bank, Exchange, Market, MarketTerms, NONE};
use ballast_client::{ExchangeAddresses, instructions};
use ballast_sim::{Refusal, VenueConfig, World};
use ballast_tests::{START, Stage};
use fixed::types::I80F48;
use solana_keypair::Keypair;
use solana_signer::Signer;

const LOCALNET: &str = include_str!("../../migrations/localnet.toml");
const DEVNET: &str = include_str!("../../migrations/devnet.toml");

/// An empty cluster with the mints that a configuration names.
struct Network {
    world: World,
    config: Config,
    exchange: Keypair,
    board: Keypair,
    admin: Keypair,
    risk: Keypair,
}

impl Network {
    /// From a file, its `$NAME`s filled in.
    fn new(text: &str) -> Self {
        let mut world = World::new(START).expect("programs are built");
        let parsed = Config::parse(text).unwrap();
        let keys = [1, 2, 3, 4].map(Stage::key);
        let mints: Vec<Keypair> = (100..)
            .map(Stage::key)
            .take(parsed.assets.0.len())
            .collect();
        for (key, (_, asset)) in mints.iter().zip(&parsed.assets.0) {
            world.create_mint(key, asset.decimals).unwrap();
            // A mint that the file knows has its own address.
            if let Ok(address) = asset.mint.parse::<Pubkey>() {
                let account = world.svm.get_account(&key.pubkey()).unwrap();
                world.svm.set_account(address, account).unwrap();
            }
        }
        let config = filled(parsed, &keys, &mints);
        let [exchange, board, admin, risk] = keys;
        Self {
            world,
            config,
            exchange,
            board,
            admin,
            risk,
        }
    }

    /// With everything applied.
    fn applied(text: &str) -> Self {
        let mut network = Self::new(text);
        network.apply();
        network
    }

    fn addresses(&self) -> ExchangeAddresses {
        self.config.addresses().unwrap()
    }

    fn planned(&self) -> Result<Plan, ConfigError> {
        let svm = &self.world.svm;
        let state = State::read(&self.config, |key| {
            let account = svm.get_account(key);
            Ok::<_, ConfigError>(account.map(|account| (account.owner, account.data)))
        })?;
        plan(&self.config, &state, &self.world.payer.pubkey(), |len| {
            svm.minimum_balance_for_rent_exemption(len)
        })
    }

    fn plan(&self) -> Vec<Change> {
        self.planned().unwrap().changes
    }

    fn descriptions(&self) -> Vec<String> {
        let changes = self.plan().into_iter();
        changes.map(|change| change.description).collect()
    }

    fn error(&self) -> String {
        self.planned().expect_err("an error").to_string()
    }

    fn send(&mut self, change: &Change) -> Result<(), Refusal> {
        let signers: Vec<&Keypair> = change
            .signatories
            .iter()
            .filter_map(|signatory| match signatory {
                Signatory::Payer => None,
                Signatory::Exchange => Some(&self.exchange),
                Signatory::Board => Some(&self.board),
                Signatory::Admin => Some(&self.admin),
                Signatory::Risk => Some(&self.risk),
            })
            .collect();
        self.world.send(&change.instructions, &signers).map(|_| ())
    }

    /// Applies the plan, after which there is nothing left to do.
    fn apply(&mut self) {
        for change in self.plan() {
            self.send(&change)
                .unwrap_or_else(|refusal| panic!("{}: {refusal}", change.description));
        }
        assert_eq!(self.descriptions(), [""; 0]);
    }

    /// Edits the configuration; exactly this change follows, and applying it works.
    #[track_caller]
    fn changes(&mut self, edit: impl FnOnce(&mut Config), description: &str) {
        edit(&mut self.config);
        assert_eq!(self.descriptions(), [description]);
        self.apply();
    }

    fn stored(&self) -> Box<Exchange> {
        self.world.read(&self.addresses().exchange).unwrap()
    }

    fn mint(&self, name: &str) -> Pubkey {
        self.config.assets.get(name).unwrap().mint.parse().unwrap()
    }

    fn bank(&self, name: &str) -> Box<Bank> {
        let address = self.addresses().bank(&self.mint(name));
        self.world.read(&address).unwrap()
    }

    fn market(&self, underlying: u8) -> Box<Market> {
        let terms = MarketTerms::perpetual(underlying);
        self.world.read(&self.addresses().market(&terms)).unwrap()
    }
}

/// The configuration with the addresses of this cluster in the place of its `$NAME`s.
fn filled(mut config: Config, keys: &[Keypair; 4], mints: &[Keypair]) -> Config {
    let names: Vec<String> = config.assets.names().map(str::to_owned).collect();
    let place = |name: &str, suffix: &str| {
        let ticker = name.strip_suffix(suffix)?;
        names.iter().position(|name| name == ticker)
    };
    config.fill(|name| match name {
        "EXCHANGE" => Some(keys[0].pubkey().to_string()),
        "BOARD" => Some(keys[1].pubkey().to_string()),
        "ADMIN" => Some(keys[2].pubkey().to_string()),
        "RISK_AUTHORITY" => Some(keys[3].pubkey().to_string()),
        "GUARDIAN" => Some(Stage::key(5).pubkey().to_string()),
        "SURFACE_AUTHORITY" => Some(Stage::key(6).pubkey().to_string()),
        // A legacy feed is an address.
        "BTC_FEED" => Some(Stage::key(60).pubkey().to_string()),
        _ => {
            let mint = place(name, "_MINT").map(|place| mints[place].pubkey().to_string());
            mint.or_else(|| Some(format!("{:02x}", place(name, "_FEED")? + 1).repeat(32)))
        }
    });
    config
}

fn local() -> Network {
    Network::applied(LOCALNET)
}

#[test]
fn the_local_configuration_creates_the_reference_venue_on_an_empty_cluster() {
    let mut network = Network::new(LOCALNET);
    let descriptions = network.descriptions();
    assert_eq!(
        descriptions[0],
        format!("create exchange {}", network.exchange.pubkey())
    );
    let expected = [
        "list asset USDC",
        "list underlying SOL",
        "list underlying ETH",
        "list underlying BTC",
        "list asset SOL",
        "list asset ETH",
        "list asset BTC",
        "list market SOL-PERP",
        "list market ETH-PERP",
        "list market BTC-PERP",
    ];
    assert_eq!(descriptions[1..], expected);
    network.apply();

    let reference = Stage::with_interest(VenueConfig::default()).venue;
    let stored = network.stored();
    let keys = [stored.admin, stored.risk_authority, stored.guardian];
    let expected = [&network.admin, &network.risk, &Stage::key(5)].map(|key| key.pubkey());
    assert_eq!(keys, expected);
    let expected = ballast_sim::Venue::exchange_args(&stored.admin).parameters;
    assert_eq!(ExchangeParameters::from(&*stored), expected);
    let counts = [
        stored.asset_count,
        stored.underlying_count,
        stored.feed_count,
    ];
    assert_eq!(counts, [4, 3, 4]);
    let caps = [100_000_000_000, 1_000_000_000_000, 1_000_000_000_000];
    for (index, name) in ["USDC", "SOL", "ETH", "BTC"].into_iter().enumerate() {
        let (feed, asset) = (&stored.feeds[index], &stored.assets[index]);
        let expected = reference.feed_args(index);
        assert_eq!(FeedParameters::from(feed), expected.parameters);
        assert_eq!((feed.name, feed.kind), (expected.name, expected.kind));
        let expected = &reference.config.assets[index];
        assert_eq!(feed.unit_decimals, expected.decimals);
        assert_eq!(asset.mint, network.mint(name));
        assert_eq!(
            (asset.decimals, asset.feed),
            (expected.decimals, index as u8)
        );
        let feed = ballast_client::args::FeedChoice::Existing(0);
        let expected = reference.asset_args(index, feed);
        assert_eq!(asset.underlying, expected.underlying);
        let parameters = AssetParameters::of(asset, &network.bank(name));
        assert_eq!(parameters, expected.parameters, "{name}");
        if index == 0 {
            continue;
        }
        let underlying = &stored.underlyings[index - 1];
        let mut expected = reference.underlying_args(index);
        expected.parameters.options.open_interest_cap_lots = caps[index - 1];
        expected.parameters.surface.authority = Stage::key(6).pubkey();
        assert_eq!(UnderlyingParameters::from(underlying), expected.parameters);
        assert_eq!(
            (underlying.name, underlying.lot_size, underlying.feed),
            (expected.name, expected.lot_size, index as u8)
        );
        for (other, pair) in expected.correlations.iter().enumerate() {
            let correlation = stored.correlation(other as u8, index as u8 - 1);
            assert_eq!(
                (correlation.low_bps, correlation.high_bps),
                (pair.low_bps, pair.high_bps)
            );
        }
        let expected = MarketParameters {
            open_interest_cap_lots: caps[index - 1],
            ..reference.market_args(index).parameters
        };
        let market = network.market(index as u8 - 1);
        assert_eq!(MarketParameters::from(&*market), expected);
    }
    assert_eq!(stored.feeds[1].id, [2; 32]);
    assert_eq!(stored.feeds[3].id, Stage::key(60).pubkey().to_bytes());
}

#[test]
fn an_exchange_that_is_as_configured_needs_nothing() {
    for text in [LOCALNET, DEVNET] {
        let network = Network::applied(text);
        assert_eq!(network.descriptions(), [""; 0]);
    }
}

#[test]
fn an_application_that_stopped_half_way_goes_on_where_it_stopped() {
    let mut network = Network::new(LOCALNET);
    let all = network.plan();
    for done in 0..all.len() {
        assert_eq!(network.descriptions().len(), all.len() - done);
        let next = &network.plan()[0];
        assert_eq!(next.description, all[done].description);
        network.send(next).unwrap();
    }
    assert_eq!(network.descriptions(), [""; 0]);
}

#[test]
fn every_parameter_that_differs_is_changed_and_nothing_else() {
    let mut network = local();
    network.changes(
        |config| config.margin.max_offset = 0.5,
        "exchange: margin max offset 60% -> 50%",
    );
    network.changes(
        |config| {
            config.liquidation.first_s = 600.0;
            config.fees.call.taker = 0.0006;
        },
        "exchange: liquidation first 900 s -> 600 s, call fees taker 0.05% -> 0.06%",
    );
    network.changes(
        |config| config.feeds.get_mut("SOL/USD").unwrap().max_age_s = 60.0,
        "feed SOL/USD: max age 120 s -> 60 s",
    );
    network.changes(
        |config| {
            let feed = config.feeds.get_mut("ETH/USD").unwrap();
            feed.compare_with = Some("BTC/USD".into());
        },
        "feed ETH/USD: compare with none -> BTC/USD",
    );
    network.changes(
        |config| config.underlyings.get_mut("BTC").unwrap().size_depth = 7e8,
        "underlying BTC: size depth 600000000 USDC -> 700000000 USDC",
    );
    network.changes(
        |config| {
            let underlying = config.underlyings.get_mut("BTC").unwrap();
            underlying.price_band = 0.2;
            underlying.funding.interval_s = 1_800.0;
            underlying.funding.impact_value = 20_000.0;
            underlying.options.strike_step = 0.0;
            underlying.options.open_interest_cap = 2.5;
            underlying.options.shock_exponent_above_30_days = 0.2;
            underlying.surface.cap = 3.0;
        },
        "underlying BTC: price band 10% -> 20%, funding interval 3600 s -> 1800 s, \
         funding impact value 10000 USDC -> 20000 USDC, options strike step 1000 USDC -> 0 USDC, \
         options open interest cap 100000000 -> 2.5, options shock exponent above 30 days 0.13 -> 0.2, \
         surface cap 400% -> 300%",
    );
    let [old, new] = [6, 7].map(|number| Stage::key(number).pubkey().to_string());
    network.changes(
        |config| config.underlyings.get_mut("SOL").unwrap().surface.authority = new.clone(),
        &format!("underlying SOL: surface authority {old} -> {new}"),
    );
    network.changes(
        |config| {
            let asset = config.assets.get_mut("SOL").unwrap();
            asset.deposit_haircut_initial = 0.06;
        },
        "asset SOL: deposit haircut initial 5% -> 6%",
    );
    network.changes(
        |config| {
            let asset = config.assets.get_mut("USDC").unwrap();
            asset.outflow_limit = 0.5;
            asset.interest_at_full = 0.7;
            asset.mode = Mode::ReduceOnly;
        },
        "asset USDC: interest at full 60% -> 70%, outflow limit 0 -> 0.5, mode active -> reduce-only",
    );
    network.changes(
        |config| {
            let market = config.markets.get_mut("SOL-PERP").unwrap();
            market.tick_size = 0.02;
            market.order_minimum = 0.1;
            market.status = Status::ReduceOnly;
        },
        "market SOL-PERP: tick size 0.01 USDC -> 0.02 USDC, order minimum 0.01 -> 0.1, status active -> reduce-only",
    );
    network.changes(
        |config| {
            let underlying = config.underlyings.get_mut("BTC").unwrap();
            underlying.correlations.get_mut("ETH").unwrap().low = -0.25;
        },
        "correlation ETH BTC: low 0.5 -> -0.25",
    );
    let stored = network.stored();
    assert_eq!(stored.feeds[2].compare_with, 3);
    assert_eq!(stored.correlation(2, 1).low_bps, -2_500);
    assert_eq!(network.market(0).tick_size, 200);
    assert_eq!(stored.underlyings[2].option_open_interest_cap_lots, 25_000);
    assert_eq!(network.bank("USDC").outflow_limit, 500_000);
}

#[test]
fn several_differences_are_changed_in_order() {
    let mut network = local();
    let config = &mut network.config;
    config.underlyings.get_mut("SOL").unwrap().price_band = 0.2;
    config.margin.initial_factor = 1.3;
    config
        .markets
        .get_mut("BTC-PERP")
        .unwrap()
        .open_interest_cap = 5.0;
    config.assets.get_mut("ETH").unwrap().borrow_cap = 3.0;
    let expected = [
        "exchange: margin initial factor 1.25 -> 1.3",
        "underlying SOL: price band 10% -> 20%",
        "asset ETH: borrow cap 100000000 -> 3",
        "market BTC-PERP: open interest cap 100000000 -> 5",
    ];
    assert_eq!(network.descriptions(), expected);
    network.apply();
}

#[test]
fn interest_is_accrued_before_the_parameters_of_a_lent_asset_change() {
    let mut network = local();
    let bank = network.addresses().bank(&network.mint("SOL"));
    let mut account = network.world.svm.get_account(&bank).unwrap();
    let mut body = network.bank("SOL");
    body.deposit_shares.set(I80F48::from_num(100_000));
    body.borrow_shares.set(I80F48::from_num(80_000));
    account.data[Bank::TAG.len()..].copy_from_slice(bytemuck::bytes_of(&*body));
    network.world.svm.set_account(bank, account).unwrap();
    network.world.advance(3_600);

    let asset = network.config.assets.get_mut("SOL").unwrap();
    asset.interest_at_full = 2.0;
    let mut change = network.plan().remove(0);
    let accrue = change.instructions.remove(0);
    let refusal = network.send(&change).unwrap_err();
    assert!(refusal.is(BallastError::AccrueInterestFirst));
    change.instructions.insert(0, accrue);
    network.send(&change).unwrap();
    assert_eq!(network.descriptions(), [""; 0]);
}

#[test]
fn what_is_new_in_the_configuration_is_listed_after_what_exists() {
    let mut network = local();
    let mut config = Config::parse(LOCALNET).unwrap();
    let rename = |name: &str| name.replace("SOL", "JUP");
    let (_, mut feed) = config.feeds.0.remove(1);
    feed.id = "0xab".to_owned() + &"cd".repeat(31);
    feed.compare_with = Some("SOL/USD".into());
    let (_, mut underlying) = config.underlyings.0.remove(0);
    underlying.feed = rename(&underlying.feed);
    let btc = network.config.underlyings.get("BTC").unwrap();
    underlying.correlations = btc.correlations.clone();
    underlying.surface.authority = btc.surface.authority.clone();
    let pair = underlying.correlations.0[0].1;
    underlying.correlations.0.push(("BTC".into(), pair));
    let (_, mut asset) = config.assets.0.remove(1);
    let mint = Stage::key(70);
    network.world.create_mint(&mint, 9).unwrap();
    asset.mint = mint.pubkey().to_string();
    asset.feed = rename(&asset.feed);
    asset.underlying = Some("JUP".into());
    let (_, mut market) = config.markets.0.remove(0);
    market.underlying = "JUP".into();

    let config = &mut network.config;
    // The feed that exists is defined before the one it is to compare with.
    config.feeds.get_mut("SOL/USD").unwrap().compare_with = Some("JUP/USD".into());
    config.feeds.0.insert(0, ("JUP/USD".into(), feed));
    config.underlyings.0.push(("JUP".into(), underlying));
    config.assets.0.push(("JUP".into(), asset));
    config.markets.0.insert(0, ("JUP-PERP".into(), market));
    let expected = [
        "list underlying JUP",
        "list asset JUP",
        "list market JUP-PERP",
        "feed SOL/USD: compare with none -> JUP/USD",
    ];
    assert_eq!(network.descriptions(), expected);
    network.apply();
    let stored = network.stored();
    assert_eq!(
        (stored.feeds[1].compare_with, stored.feeds[4].compare_with),
        (4, 1)
    );
    assert_eq!(
        (stored.assets[4].underlying, stored.underlyings[3].feed),
        (3, 4)
    );
}

#[test]
fn a_feed_that_compares_with_a_later_one_gets_it_once_both_are_defined() {
    let mut network = Network::new(LOCALNET);
    let feed = network.config.feeds.get_mut("ETH/USD").unwrap();
    feed.compare_with = Some("BTC/USD".into());
    let descriptions = network.descriptions();
    let last = descriptions.last().unwrap();
    assert_eq!(last, "feed ETH/USD: compare with none -> BTC/USD");
    network.apply();
    let feeds = network.stored().feeds;
    assert_eq!((feeds[2].compare_with, feeds[3].compare_with), (3, NONE));
}

#[test]
fn a_new_authority_is_proposed_and_accepts_by_itself() {
    let mut network = local();
    let (present, next) = (network.risk.pubkey(), Stage::key(80));
    let propose = format!(
        "risk authority: propose {} in the place of {present}",
        next.pubkey()
    );
    network.changes(
        |config| config.authorities.risk = next.pubkey().to_string(),
        &propose,
    );
    let addresses = network.addresses();
    let accept = instructions::accept_authority(&addresses, &next.pubkey(), Role::Risk);
    network.world.send(&[accept], &[&next]).unwrap();
    network.risk = next;
    network.changes(
        |config| config.margin.max_offset = 0.5,
        "exchange: margin max offset 60% -> 50%",
    );

    let present = network.admin.pubkey().to_string();
    let other = Stage::key(81).pubkey();
    let propose = format!("admin: propose {other} in the place of {present}");
    network.changes(
        |config| config.authorities.admin = other.to_string(),
        &propose,
    );
    network.changes(
        |config| config.authorities.admin = present,
        &format!("admin: take back the proposal of {other}"),
    );
}

#[test]
fn what_is_fixed_once_listed_is_an_error() {
    let network = local();
    let keys: [Pubkey; 2] = [network.mint("SOL"), network.mint("ETH")];
    type Edit = fn(&mut Config);
    let edits: Vec<(Edit, String)> = vec![
        (
            |config| config.board = Stage::key(90).pubkey().to_string(),
            format!("board: is {} on chain and cannot be changed", network.board.pubkey()),
        ),
        (
            |config| config.underlyings.get_mut("SOL").unwrap().lot_size = 0.001,
            "underlyings.SOL.lot_size: is 0.01 on chain and cannot be changed".into(),
        ),
        (
            |config| config.feeds.get_mut("SOL/USD").unwrap().id = "ee".repeat(32),
            format!("feeds.SOL/USD.id: is {} on chain and cannot be changed", "02".repeat(32)),
        ),
        (
            |config| {
                let feed = config.feeds.get_mut("BTC/USD").unwrap();
                feed.source = ballast_client::config::FeedSource::PythPull;
                feed.id = "ee".repeat(32);
            },
            "feeds.BTC/USD.source: is pyth-push on chain and cannot be changed".into(),
        ),
        (
            |config| {
                config.assets.get_mut("SOL").unwrap().decimals = 6;
                config.underlyings.get_mut("SOL").unwrap().decimals = 6;
            },
            "feeds.SOL/USD: prices are kept for a unit with 9 decimals, which cannot be changed to 6".into(),
        ),
        (
            |config| config.assets.get_mut("ETH").unwrap().feed = "BTC/USD".into(),
            "assets.ETH.feed: is ETH/USD on chain and cannot be changed".into(),
        ),
        (
            |config| config.assets.get_mut("ETH").unwrap().underlying = None,
            "assets.ETH.underlying: is ETH on chain and cannot be changed".into(),
        ),
        (
            |config| config.assets.get_mut("SOL").unwrap().mint = Stage::key(91).pubkey().to_string(),
            format!("assets.SOL.mint: is {} on chain and cannot be changed", keys[0]),
        ),
        (
            |config| config.assets.0.swap(1, 2),
            "assets: must begin with USDC, SOL, ETH, BTC, the order of listing, which cannot be changed; new ones come after them".into(),
        ),
        (
            |config| {
                config.assets.0.remove(2);
            },
            format!("assets: must begin with USDC, SOL, {}, BTC, the order of listing, which cannot be changed; new ones come after them", keys[1]),
        ),
        (
            |config| {
                let entries = &mut config.underlyings.0;
                let correlations = std::mem::take(&mut entries[1].1.correlations);
                entries.swap(0, 1);
                entries[1].1.correlations = correlations;
                entries[1].1.correlations.0[0].0 = "ETH".into();
            },
            "underlyings: must begin with SOL, ETH, BTC, the order of listing, which cannot be changed; new ones come after them".into(),
        ),
        (
            |config| {
                config.markets.0.remove(0);
            },
            "markets: the perpetual on SOL is missing; a market cannot be removed, only made reduce-only".into(),
        ),
        (
            |config| {
                config.feeds.0[0].0 = "USD".into();
                config.assets.0[0].1.feed = "USD".into();
            },
            "feeds.USDC/USD: is missing; a feed that is defined cannot be removed".into(),
        ),
    ];
    let mut network = network;
    let configured = network.config.clone();
    for (edit, expected) in edits {
        edit(&mut network.config);
        assert_eq!(network.error(), expected);
        network.config = configured.clone();
    }
    assert_eq!(network.descriptions(), [""; 0]);
}

/// A market of SOL as the perpetual is configured, but for its terms.
fn add_dated(config: &mut Config, name: &str, kind: Kind, expiry: &str, strike: Option<f64>) {
    let market = config::Market {
        kind,
        expiry: Some(expiry.into()),
        strike,
        ..config.markets.get("SOL-PERP").unwrap().clone()
    };
    config.markets.0.push((name.into(), market));
}

#[test]
fn dated_markets_are_listed_changed_and_left_alone_once_they_have_expired() {
    let mut network = local();
    // 25 December 2025, 08:00 UTC.
    const EXPIRY: i64 = 1_766_649_600;
    let expected = [(1, 0), (2, 2_500_000), (3, 2_500_000)].map(|(kind, strike)| MarketTerms {
        expiry: EXPIRY,
        strike,
        kind,
        ..MarketTerms::perpetual(0)
    });
    let addresses = expected.map(|terms| network.addresses().market(&terms));
    // Lamports make no market of an address.
    network.world.svm.airdrop(&addresses[0], 1_000_000).unwrap();
    let config = &mut network.config;
    for (name, kind, strike) in [
        ("FUTURE", Kind::Future, None),
        ("CALL", Kind::Call, Some(250.0)),
        ("PUT", Kind::Put, Some(250.0)),
    ] {
        add_dated(config, name, kind, "2025-12-25", strike);
    }
    add_dated(config, "OLD", Kind::Future, "2025-10-09", None);
    assert_eq!(
        network.descriptions(),
        ["list market FUTURE", "list market CALL", "list market PUT"]
    );
    network.apply();
    for (address, terms) in addresses.iter().zip(expected) {
        let market: Box<Market> = network.world.read(address).unwrap();
        assert_eq!((market.terms, market.tick_size), (terms, 100));
    }
    let left_alone = |network: &Network| network.planned().unwrap().left_alone;
    let over = |name| format!("market {name} has expired and is left alone");
    assert_eq!(left_alone(&network), [over("OLD")]);
    network.changes(
        |config| config.markets.get_mut("FUTURE").unwrap().tick_size = 0.05,
        "market FUTURE: tick size 0.01 USDC -> 0.05 USDC",
    );

    network.world.set_time(EXPIRY - 1);
    network.config.markets.get_mut("FUTURE").unwrap().tick_size = 0.01;
    assert_eq!(network.descriptions().len(), 1);
    network.world.set_time(EXPIRY);
    let all = ["FUTURE", "CALL", "PUT", "OLD"].map(over);
    assert_eq!(network.descriptions(), [""; 0]);
    assert_eq!(left_alone(&network), all);
    // Settled and closed.
    for address in &addresses {
        network
            .world
            .svm
            .set_account(*address, Default::default())
            .unwrap();
    }
    assert_eq!(network.descriptions(), [""; 0]);
    assert_eq!(left_alone(&network), all);
    network.config.markets.0.truncate(3);
    assert_eq!(network.descriptions(), [""; 0]);
}

#[test]
fn a_dated_market_is_listed_at_most_two_years_ahead_and_once() {
    let mut network = local();
    // It is 9 October 2025, almost 09:00 UTC.
    add_dated(&mut network.config, "FAR", Kind::Future, "2027-10-10", None);
    let expected = "markets.FAR.expiry: must be within two years of when it is listed";
    assert_eq!(network.error(), expected);
    network.config.markets.0.pop();
    add_dated(&mut network.config, "FAR", Kind::Future, "2027-10-09", None);
    network.apply();
    add_dated(
        &mut network.config,
        "FAR2",
        Kind::Future,
        "2027-10-09",
        None,
    );
    assert_eq!(network.error(), "markets.FAR2: FAR trades the same already");
}

#[test]
fn the_program_takes_what_the_file_may_say_of_funding_options_and_surfaces() {
    type Bound = (fn(&mut Underlying, f64), f64, f64);
    #[rustfmt::skip]
    let bounds: [Bound; 24] = [
        (|u, v| u.funding.period_s = v, 3_600.0, 604_800.0),
        (|u, v| u.funding.interval_s = v, 60.0, 28_800.0),
        (|u, v| u.funding.maximum = v, 0.0, 0.1),
        (|u, v| u.funding.impact_value = v, 1e-6, 1e12),
        (|u, v| u.options.strike_step = v, 0.0, 112_589_990_684.262_4),
        (|u, v| u.options.strike_span = v, 1.0, 64.0),
        (|u, v| u.options.tick_size = v, 0.0001, 109_951_162.777_6),
        (|u, v| u.options.open_interest_cap = v, 0.0, 11_258_999_068_426.24),
        (|u, v| u.options.price_band = v, 0.0, 1.0),
        (|u, v| u.options.short_minimum = v, 0.0, 1.0),
        (|u, v| u.options.long_discount = v, 0.0, 1.0),
        (|u, v| u.options.shock_up = v, 0.0, 4.0),
        (|u, v| u.options.shock_down = v, 0.0, 0.9),
        (|u, v| u.options.shock_exponent_below_30_days = v, 0.0, 1.0),
        (|u, v| u.options.shock_exponent_above_30_days = v, 0.0, 1.0),
        (|u, v| u.surface.floor = v, 1e-9, 4.0),
        (|u, v| u.surface.cap = v, 0.1, 32.0),
        (|u, v| u.surface.step = v, 0.0, 1.0),
        (|u, v| u.surface.interval_s = v, 1.0, 3_600.0),
        (|u, v| u.surface.max_age_s = v, 60.0, 604_800.0),
        (|u, v| u.surface.distance = v, 1.0, 100.0),
        (|u, v| u.surface.day = v, 0.0, 1.0),
        (|u, v| u.surface.carry_maximum = v, 0.0, 1.0),
        (|u, v| u.surface.stale_multiplier = v, 0.0, 10.0),
    ];
    let mut network = local();
    let configured = network.config.clone();
    for (set, minimum, maximum) in bounds {
        for value in [minimum, maximum] {
            set(network.config.underlyings.get_mut("SOL").unwrap(), value);
            network.apply();
        }
        set(
            network.config.underlyings.get_mut("SOL").unwrap(),
            maximum * 1.02,
        );
        network.error();
        network.config = configured.clone();
        network.apply();
    }
}

#[test]
fn a_mint_must_exist_with_the_decimals_of_the_file() {
    let mut network = Network::new(LOCALNET);
    let missing = Stage::key(92).pubkey().to_string();
    let mint = &mut network.config.assets.get_mut("SOL").unwrap().mint;
    let sol = std::mem::replace(mint, missing.clone());
    let expected = format!("assets.SOL.mint: there is no mint {missing} on this network");
    assert_eq!(network.error(), expected);
    let config = &mut network.config;
    config.assets.get_mut("SOL").unwrap().mint = sol;
    config.assets.get_mut("SOL").unwrap().decimals = 8;
    config.underlyings.get_mut("SOL").unwrap().decimals = 8;
    let expected = "assets.SOL.decimals: 8, but the mint has 9";
    assert_eq!(network.error(), expected);
}

#[test]
fn a_mistake_in_a_file_is_named_with_its_path() {
    #[rustfmt::skip]
    let mistakes = [
        // What is read.
        ("max_offset", "max_ofset", "margin.max_ofset: unknown field `max_ofset`, expected one of"),
        ("deposit_cap", "deposit_limit", "assets.USDC.deposit_limit: unknown field `deposit_limit`"),
        ("max_offset = 0.6\n", "", "margin: missing field `max_offset`"),
        ("max_offset = 0.6", "max_offset = \"0.6\"", "margin.max_offset: invalid type: string \"0.6\", expected f64"),
        ("\"perpetual\"", "\"swap\"", "markets.SOL-PERP.kind: unknown variant `swap`, expected one of `perpetual`, `future`, `call`, `put`"),
        ("mode = \"active\"", "mode = \"off\"", "assets.USDC.mode: unknown variant `off`, expected one of"),
        ("[margin]", "[margin", "file: TOML parse error at line"),
        // What it says.
        ("max_offset = 0.6", "max_offset = 1.5", "margin.max_offset: 1.5 must be a fraction from 0 to 1"),
        ("max_offset = 0.6", "max_offset = nan", "margin.max_offset: NaN must be a fraction from 0 to 1"),
        ("initial_factor = 1.25", "initial_factor = 0.9", "margin.initial_factor: 0.9 must be a factor from 1 to 10"),
        ("first_s = 900", "first_s = 900.5", "liquidation.first_s: must be a whole number of whole seconds, not 900.5"),
        ("zero_s = 7200", "zero_s = 910", "liquidation.zero_s: must be at least 960, first_s and a minute"),
        ("discount_start = 0.01", "discount_start = 0.2", "liquidation.discount_start: 0.2 must be at most discount_first, 0.15"),
        ("id = \"$SOL_FEED\"", "id = \"ef0d\"", "feeds.SOL/USD.id: \"ef0d\" must be 64 hexadecimal digits"),
        ("$GUARDIAN", "nobody", "authorities.guardian: \"nobody\" must be an address in base 58"),
        ("$GUARDIAN", "$NOBODY", "authorities.guardian: $NOBODY has no value"),
        ("feed = \"SOL/USD\"", "feed = \"SOL/EUR\"", "underlyings.SOL.feed: no \"SOL/EUR\" is configured, only USDC/USD, SOL/USD, ETH/USD, BTC/USD"),
        ("underlying = \"SOL\"", "underlying = \"SOLANA\"", "assets.SOL.underlying: no \"SOLANA\" is configured, only SOL, ETH, BTC"),
        ("SOL = { low = 0.5, high = 0.95 }\n\n", "", "underlyings.ETH.correlations.SOL: is missing"),
        ("SOL = { low", "DOGE = { low", "underlyings.ETH.correlations.DOGE: DOGE must be an underlying that stands before ETH"),
        ("SOL = { low = 0.5", "SOL = { low = 0.97", "underlyings.ETH.correlations.SOL.low: 0.97 must be at most high, 0.95"),
        ("SOL = { low = 0.5", "SOL = { low = 0.12345", "underlyings.ETH.correlations.SOL.low: 0.12345 must be a correlation from -1 to 1 with at most 4 decimals"),
        ("lot_size = 0.01\n", "lot_size = 0.0123456789\n", "underlyings.SOL.lot_size: must be a whole number of the token's units, not 12345678.9"),
        ("tick_size = 0.01\norder", "tick_size = 0.000001\norder", "markets.SOL-PERP.tick_size: must be a whole number of quote units per lot, not 0.01"),
        ("order_minimum = 0.01", "order_minimum = 0", "markets.SOL-PERP.order_minimum: 0 must be from 0.01 to"),
        ("range_minimum = 0.08", "range_minimum = 0.5", "underlyings.SOL.range_minimum: 0.5 must be at most range_maximum, 0.35"),
        ("shock_up = 0.4\n", "", "underlyings.SOL.options: missing field `shock_up`"),
        ("[underlyings.SOL.surface]", "[underlyings.SOL.vol]", "underlyings.SOL.vol: unknown field `vol`"),
        ("strike_step = 5\n", "strike_step = -5\n", "underlyings.SOL.options.strike_step: -5 must be USDC per whole token not below 0"),
        ("strike_step = 5\n", "strike_step = 0.00001\n", "underlyings.SOL.options.strike_step: must be a whole number of quote units per lot, not 0.1"),
        ("strike_span = 4.0", "strike_span = 0.5", "underlyings.SOL.options.strike_span: 0.5 must be a factor from 1 to 64"),
        ("tick_size = 0.01\nopen", "tick_size = 0\nopen", "underlyings.SOL.options.tick_size: 0 must be from 0.0001 USDC to"),
        ("interval_s = 3600", "interval_s = 30000", "underlyings.SOL.funding.interval_s: 30000 must be at most period_s, 28800"),
        ("impact_value = 10_000", "impact_value = 0", "underlyings.SOL.funding.impact_value: 0 must be USDC from 0.000001 to 1000000000000"),
        ("floor = 0.1", "floor = 5", "underlyings.SOL.surface.floor: 5 must be at most cap, 4"),
        ("max_age_s = 3600", "max_age_s = 60.5", "underlyings.SOL.surface.max_age_s: must be a whole number of whole seconds, not 60.5"),
        ("max_age_s = 3600\ndistance", "max_age_s = 59\ndistance", "underlyings.SOL.surface.max_age_s: 59 must be seconds from 60 to 604800"),
        ("$SURFACE_AUTHORITY", "nobody", "underlyings.SOL.surface.authority: \"nobody\" must be an address in base 58"),
        ("$SURFACE_AUTHORITY", "$NOBODY", "underlyings.SOL.surface.authority: $NOBODY has no value"),
        ("kind = \"perpetual\"", "kind = \"perpetual\"\nexpiry = \"2026-12-25\"", "markets.SOL-PERP.expiry: must go; this kind of market has none"),
        ("kind = \"perpetual\"", "kind = \"perpetual\"\nstrike = 5", "markets.SOL-PERP.strike: must go; this kind of market has none"),
        ("kind = \"perpetual\"", "kind = \"future\"", "markets.SOL-PERP.expiry: is missing; this kind of market has one"),
        ("kind = \"perpetual\"", "kind = \"future\"\nexpiry = 2026-12-25", "markets.SOL-PERP.expiry: invalid type: map, expected a string"),
        ("kind = \"perpetual\"", "kind = \"future\"\nexpiry = \"2026-02-29\"", "markets.SOL-PERP.expiry: \"2026-02-29\" must be a date such as 2026-12-25"),
        ("kind = \"perpetual\"", "kind = \"future\"\nexpiry = \"2026-12-25T09:00\"", "markets.SOL-PERP.expiry: \"2026-12-25T09:00\" must be a date such as 2026-12-25"),
        ("kind = \"perpetual\"", "kind = \"put\"\nexpiry = \"2026-12-25\"", "markets.SOL-PERP.strike: is missing; this kind of market has one"),
        ("kind = \"perpetual\"", "kind = \"put\"\nexpiry = \"2026-12-25\"\nstrike = 0", "markets.SOL-PERP.strike: 0 must be from 0.0001 USDC to"),
        ("deposit_haircut_initial = 0\n", "deposit_haircut_initial = 0.1\n", "assets.USDC.deposit_haircut_initial: must be 0 for the quote asset, the first one"),
        ("interest_at_second_kink = 0.12", "interest_at_second_kink = 0.7", "assets.USDC.interest_at_second_kink: 0.7 must be at most interest_at_full, 0.6"),
        ("interest_second_kink = 0.92", "interest_second_kink = 0.5", "assets.USDC.interest_second_kink: the kinks must rise and lie between 0 and 1"),
        ("deposit_cap = 1_000_000_000", "deposit_cap = 0.0000001", "assets.USDC.deposit_cap: must be a whole number of the token's units"),
        ("deposit_cap = 1_000_000_000", "deposit_cap = 1e18", "assets.USDC.deposit_cap: is too large"),
        ("decimals = 9\nfeed = \"SOL/USD\"\nunderlying", "decimals = 8\nfeed = \"SOL/USD\"\nunderlying", "assets.SOL.decimals: 8, but underlyings.SOL.decimals is 9; users of one feed (SOL/USD) have the same decimals"),
        ("decimals = 6\nfeed", "decimals = 7\nfeed", "assets.USDC.decimals: must be 6 for the quote asset, the first one"),
        ("feed = \"USDC/USD\"", "feed = \"USDC/USD\"\nunderlying = \"SOL\"", "assets.USDC.underlying: the quote asset, the first one, has none"),
        ("decimals = 6\nfeed", "decimals = 19\nfeed", "assets.USDC.decimals: must be at most 18"),
        ("$SOL_MINT", "$USDC_MINT", "assets.SOL.mint: USDC has it already"),
        ("$ETH_FEED", "$SOL_FEED", "feeds.ETH/USD.id: another feed has it already"),
        ("interest_fee_share = 0.1", "interest_fee_share = 0.96", "assets.USDC.interest_insurance_share: must be at most 1 together with interest_fee_share"),
        ("[feeds.\"SOL/USD\"]", "[feeds.\"SOL/USD\"]\ncompare_with = \"SOL/USD\"", "feeds.SOL/USD.compare_with: SOL/USD must be another feed, of a unit with 9 decimals too"),
        ("[feeds.\"SOL/USD\"]", "[feeds.\"SOL/USD\"]\ncompare_with = \"BTC/USD\"", "feeds.SOL/USD.compare_with: BTC/USD must be another feed, of a unit with 9 decimals too"),
    ];
    let mints: Vec<Keypair> = (100..104).map(Stage::key).collect();
    let keys = [1, 2, 3, 4].map(Stage::key);
    for (from, to, expected) in mistakes {
        assert!(LOCALNET.contains(from), "{from}");
        let text = LOCALNET.replacen(from, to, 1);
        let planned = Config::parse(&text).and_then(|config| {
            let config = filled(config, &keys, &mints);
            plan(&config, &State::default(), &keys[0].pubkey(), |_| 0)
        });
        let error = planned.expect_err(to).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_file_for_devnet_names_pyths_own_feeds() {
    let config = Config::parse(DEVNET).unwrap();
    let text = include_str!("../fixtures/pyth/README.md");
    for name in ["USDC/USD", "SOL/USD"] {
        assert!(text.contains(&config.feeds.get(name).unwrap().id));
    }
    let placeholders = ["ETH", "BTC"].map(|name| config.assets.get(name).unwrap().mint.clone());
    assert_eq!(placeholders, ["$ETH_MINT", "$BTC_MINT"]);
}
