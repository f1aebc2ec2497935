//! What the risk engine and the program's instructions cost on the VM, with ceilings. Writes the figures to `target/bench/cu.json` for `cargo xtask bench`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_client::args::{AssetParameters, CorrelationArgs, LiquidateArgs, Role};
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_risk::Q32_ONE;
use ballast_risk::pricing::{OptionInput, OptionKind};
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::probe::{Probe, deploy_directory};
use ballast_tests::{BTC, ETH, SOL, Stage};
use fixed::types::I80F48;
use sbf_probe::engine;
use serde_json::{Value, json};
use solana_signer::Signer;

/// One figure.
struct Row {
    name: String,
    units: u64,
    ceiling: u64,
}

/// The dearest of the values of many options, from prices to a price.
fn option_value(probe: &mut Probe, code: u8) -> u64 {
    let mut dearest = 0;
    for kind in [OptionKind::Call, OptionKind::Put] {
        for strike in [60.0, 80.0, 95.0, 100.0, 101.5, 130.0, 220.0] {
            for days in [1, 30, 200] {
                let option = OptionInput {
                    kind,
                    spot: I80F48::from_num(100),
                    strike: I80F48::from_num(strike),
                    expiry_s: days * 86_400,
                    volatility_q32: (4 << 32) / 5,
                    carry_q32: 0,
                };
                let data = [[code].as_slice(), &engine::encode_option(&option)].concat();
                let answer = probe.call(&data, 16).unwrap();
                let value = I80F48::from_le_bytes(answer.bytes.try_into().unwrap());
                let ours = option.value().unwrap();
                assert!(
                    value.abs_diff(ours) <= I80F48::from_num(1e-5),
                    "{value} {ours}"
                );
                dearest = dearest.max(answer.metered_units);
            }
        }
    }
    dearest
}

/// A portfolio on `count` underlyings, each with an asset, a surface and every parameter in use.
fn portfolio(count: usize, balances: Value, positions: Vec<Value>) -> Portfolio {
    let underlying = |index: usize| {
        json!({
            "name": format!("U{index}"), "price": 100.0 + index as f64, "confidence": 0.1, "slow_price": 99.0,
            "decimals": 9, "lot": 0.01, "volatility": 0.9,
            "range": {"volatility_multiplier": 0.157, "minimum": 0.08, "maximum": 0.4, "confidence_multiplier": 2},
            "size": {"lambda": 0.05, "depth": 5_000_000, "cap": 0.1}, "unsettled_profit_cap": 100_000,
            "short_option_minimum": 0.01, "long_option_discount": 0.1,
            "shocks": {"up": 0.4, "down": 0.3, "exponents": [0.3, 0.13]},
            "surface": {"atm": [0.9, 0.85, 0.8, 0.78, 0.76, 0.75], "skew": -0.05, "smile": 0.02, "floor": 0.1, "cap": 4,
                "carry": 0.05, "max_age_s": 3600, "stale_multiplier": 1.2},
        })
    };
    let asset = |name: String, underlying: usize| {
        json!({
            "symbol": name, "underlying": format!("U{underlying}"), "decimals": 9,
            "deposit_haircut": {"maintenance": 0.02, "initial": 0.05}, "loan_haircut": {"maintenance": 0.02, "initial": 0.05},
            "range_multiplier": 0.25, "size_start": 10_000_000, "total_deposits": 50_000, "total_loans": 20_000,
        })
    };
    let mut correlations = Vec::new();
    for high in 0..count {
        for low in 0..high {
            correlations.push(json!({
                "between": [format!("U{low}"), format!("U{high}")], "low": 0.5, "high": 0.9,
            }));
        }
    }
    let file = json!({
        "parameters": {"initial_factor": 1.25, "max_offset": 0.6, "depeg_multiplier": 5, "buffer": 0.5},
        "underlyings": (0..count).map(underlying).collect::<Vec<_>>(),
        "correlations": correlations,
        "assets": (0..15).map(|index| asset(format!("A{index}"), index % count)).collect::<Vec<_>>(),
        "balances": balances,
        "positions": positions,
    });
    Portfolio::parse(&file.to_string()).unwrap()
}

fn health(probe: &mut Probe, portfolio: &Portfolio) -> u64 {
    let report = portfolio.assess().unwrap();
    let (digest, units) = probe.health(&portfolio.view(), &portfolio.account, 0);
    assert_eq!(digest, engine::digest(Ok(&report)));
    units
}

/// Options of alternating kind and side, each with an expiry and a strike of its own.
fn options(count: usize, underlyings: usize) -> Vec<Value> {
    let option = |index: usize| {
        json!({
            "kind": if index.is_multiple_of(2) { "call" } else { "put" }, "underlying": format!("U{}", index % underlyings),
            "expiry_s": 86_400 * (2 + 3 * index), "strike": 80 + 2 * index,
            "size": if index.is_multiple_of(3) { 5 } else { -4 }, "quote": 10,
        })
    };
    (0..count).map(option).collect()
}

/// Further units for each further option, each with an expiry of its own, so that nothing is shared.
fn option_leg(probe: &mut Probe) -> u64 {
    let mut of = |count| {
        health(
            probe,
            &portfolio(1, json!({"USDC": 100_000}), options(count, 1)),
        )
    };
    (of(31) - of(1)).div_ceil(30)
}

/// Eight deposits and eight perpetuals on eight underlyings.
fn eight_deposits_eight_perpetuals(probe: &mut Probe) -> u64 {
    let balances = (0..8).map(|index| (format!("A{index}"), json!(10 + index)));
    let perpetual = |index| {
        let size = if index % 2 == 0 { -12 } else { 9 };
        json!({"kind": "perpetual", "underlying": format!("U{index}"), "size": size, "quote": 100})
    };
    let positions = (0..8).map(perpetual).collect();
    health(
        probe,
        &portfolio(8, Value::Object(balances.collect()), positions),
    )
}

/// Every balance slot and every position slot in use: 16 balances, loans among them, and 32 options on four underlyings.
fn largest_account(probe: &mut Probe) -> u64 {
    let balances = (0..15).map(|index| {
        let amount = if index % 4 == 3 { -5 } else { 20 };
        (format!("A{index}"), json!(amount))
    });
    let quote = [("USDC".to_owned(), json!(50_000))];
    let balances = Value::Object(quote.into_iter().chain(balances).collect());
    let portfolio = portfolio(4, balances, options(32, 4));
    assert!(
        portfolio
            .account
            .balances
            .iter()
            .all(|balance| !balance.is_free())
    );
    assert!(
        portfolio
            .account
            .positions
            .iter()
            .all(|position| !position.is_free())
    );
    health(probe, &portfolio)
}

/// Every instruction of the program once or more, on an exchange of four assets that lends: the most each has taken.
fn every_instruction() -> BTreeMap<String, u64> {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let (owner, maker) = (stage.trader(1, 10_000.0), stage.trader(2, 1_000_000.0));
    let stranger = Stage::key(3);
    stage.fund(&maker, SOL, 1_000.0);
    stage.mint(&owner, SOL, 0);
    stage.insure(100_000.0);
    let addresses = stage.venue.addresses;
    let (usdc, sol) = (stage.venue.mints[0], stage.venue.mints[SOL]);
    let (key, admin) = (owner.pubkey(), stage.venue.admin.insecure_clone());
    let own = |number| addresses.margin_account(&key, number);
    let payer = stage.world.payer.pubkey();

    // A trader borrows, opens a second account, moves cash, and lets another key trade.
    let borrow = stage.withdraw(&owner, SOL, 10_000_000_000, true);
    stage.world.send(&[borrow], &[&owner]).unwrap();
    stage.world.advance(3_600);
    let prices = stage.prices;
    stage.venue.set_prices(&mut stage.world, &prices).unwrap();
    let of_owner = [
        instructions::open_account(&addresses, &key, &payer, 1),
        instructions::transfer(&addresses, &usdc, &own(0), &own(1), &key, 1_000),
        instructions::transfer(&addresses, &usdc, &own(1), &own(0), &key, 1_000),
        instructions::close_account(&addresses, &key, 1),
        instructions::set_delegate(&own(0), &key, &stranger.pubkey()),
    ];
    for instruction in of_owner {
        stage.world.send(&[instruction], &[&owner]).unwrap();
    }
    let price = stage.venue.price_per_lot(SOL, 200.0);
    let order = Venue::limit(Side::Bid, price, 1);
    let id = stage
        .venue
        .place(&mut stage.world, &owner, SOL, order)
        .unwrap();
    let cancel = instructions::cancel_order(&own(0), &key, id);
    stage.world.send(&[cancel], &[&owner]).unwrap();

    // Three perpetuals, a profit settled after a loss, and a fall that takes the account apart.
    for (asset, tokens) in [(SOL, 150.0), (ETH, 1.0), (BTC, 0.04)] {
        let dollars = stage.prices[asset];
        stage
            .trade(&maker, &owner, asset, Side::Bid, tokens, dollars)
            .unwrap();
    }
    stage.set_price(SOL, 199.0);
    for account in [own(0), stage.account(&maker)] {
        let settle = stage.settle(&account, SOL);
        stage.world.send(&[settle], &[]).unwrap();
    }
    stage.set_price(SOL, 150.0);
    let start = instructions::start_liquidation(&addresses, &own(0));
    stage.world.send(&[start], &[]).unwrap();
    let args = LiquidateArgs {
        fraction_max_q32: Q32_ONE,
        price_max: i64::MAX,
    };
    let netting = [SOL, ETH, BTC].map(|asset| stage.market(asset));
    let netting = [netting.as_slice(), &[addresses.bank(&sol)]].concat();
    let liquidate = instructions::liquidate(
        &addresses,
        &usdc,
        &own(0),
        &stage.account(&maker),
        &maker.pubkey(),
        &netting,
        args,
    );
    stage.world.send(&[liquidate], &[&maker]).unwrap();

    // The authorities.
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let bank = stage.venue.bank(&stage.world, SOL).unwrap();
    let market = stage.venue.market(&stage.world, SOL).unwrap();
    let risk = admin.pubkey();
    let pair = CorrelationArgs {
        low_bps: 5_000,
        high_bps: 9_000,
    };
    let wallet = stage.mint(&admin, SOL, 0);
    let of_admin = [
        instructions::update_exchange(&addresses, &risk, (&*exchange).into()),
        instructions::update_asset(
            &addresses,
            &risk,
            &sol,
            AssetParameters::of(&exchange.assets[SOL], &bank),
        ),
        instructions::update_underlying(&addresses, &risk, 0, (&exchange.underlyings[0]).into()),
        instructions::set_correlation(&addresses, &risk, [0, 1], pair),
        instructions::update_feed(&addresses, &risk, 1, (&exchange.feeds[1]).into()),
        instructions::update_market(&addresses, &risk, &Venue::perpetual(SOL), (&*market).into()),
        instructions::withdraw_fees(&addresses, &risk, &sol, &wallet, u64::MAX),
        instructions::set_pause(&addresses, &risk, 1, 60),
        instructions::propose_authority(&addresses, &risk, Role::Guardian, &risk),
        instructions::accept_authority(&addresses, &risk, Role::Guardian),
    ];
    for instruction in of_admin {
        stage.world.send(&[instruction], &[&admin]).unwrap();
    }
    let most = |units: &Vec<u64>| units.iter().copied().max().unwrap_or(0);
    let costs = stage.world.compute_units.iter();
    costs
        .map(|(name, units)| (snake_case(name), most(units)))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The names of all instructions, from the interface that clients use.
fn instruction_names() -> Vec<String> {
    let path = deploy_directory().join("../idl/ballast.json");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let interface: Value = serde_json::from_str(&text).unwrap();
    let instructions = interface["instructions"].as_array().unwrap().iter();
    instructions
        .map(|instruction| instruction["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Ceilings of whole instructions, each beside what it takes. Where an account is created the search for its bump varies.
const CEILINGS: [(&str, u64); 28] = [
    ("init_exchange", 26_000),     // 10,991
    ("add_asset", 46_500),         // 27,541
    ("add_underlying", 4_000),     // 3,146
    ("add_market", 22_500),        // 8,318
    ("update_exchange", 3_000),    // 2,160
    ("update_asset", 3_500),       // 2,772
    ("update_underlying", 2_500),  // 1,759
    ("set_correlation", 2_000),    // 1,344
    ("update_feed", 2_000),        // 1,430
    ("update_market", 2_500),      // 1,740
    ("set_pause", 2_000),          // 1,487
    ("propose_authority", 2_000),  // 1,356
    ("accept_authority", 2_000),   // 1,512
    ("withdraw_fees", 9_000),      // 6,963
    ("accrue_interest", 8_000),    // 6,292
    ("refresh_prices", 26_000),    // 20,414
    ("settle_pnl", 6_500),         // 5,039
    ("open_account", 24_500),      // 9,768
    ("close_account", 2_500),      // 1,657
    ("deposit", 12_500),           // 9,841
    ("withdraw", 16_000),          // 12,566
    ("transfer", 11_000),          // 8,722
    ("set_delegate", 2_000),       // 1,383
    ("place_order", 12_500),       // 9,725
    ("cancel_order", 2_000),       // 1,306
    ("fill_order", 22_000),        // 17,562
    ("start_liquidation", 10_000), // 7,947
    ("liquidate", 55_500),         // 44,252
];

#[test]
fn costs_stay_below_their_ceilings() {
    let mut probe = Probe::new();
    let probe = &mut probe;
    let mut rows = vec![
        Row {
            name: "risk/option_value".to_owned(),
            units: option_value(probe, engine::VALUE),
            ceiling: 2_000,
        },
        Row {
            name: "peer/solmath_option_value".to_owned(),
            units: option_value(probe, engine::PEER_VALUE),
            ceiling: 20_000,
        },
        Row {
            name: "risk/option_leg_25_scenarios".to_owned(),
            units: option_leg(probe),
            ceiling: 6_000,
        },
        Row {
            name: "risk/health_8_deposits_8_perps".to_owned(),
            units: eight_deposits_eight_perpetuals(probe),
            ceiling: 20_000,
        },
        Row {
            name: "risk/health_largest_account".to_owned(),
            units: largest_account(probe),
            ceiling: 250_000,
        },
    ];
    let costs = every_instruction();
    for name in instruction_names() {
        let ceiling = CEILINGS.iter().find(|(known, _)| *known == name);
        let (_, ceiling) = ceiling.unwrap_or_else(|| panic!("{name} has no ceiling"));
        let units = costs
            .get(&name)
            .unwrap_or_else(|| panic!("{name} was not measured"));
        rows.push(Row {
            name: format!("program/{name}"),
            units: *units,
            ceiling: *ceiling,
        });
    }
    let table = rows
        .iter()
        .map(|row| json!({"name": row.name, "cu": row.units, "ceiling": row.ceiling}));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../bench");
    fs::create_dir_all(&folder).unwrap();
    let text = serde_json::to_string_pretty(&table.collect::<Vec<_>>()).unwrap();
    fs::write(folder.join("cu.json"), text + "\n").unwrap();
    for row in &rows {
        println!(
            "{:<32} {:>8} CU, ceiling {:>8}",
            row.name, row.units, row.ceiling
        );
    }
    for row in &rows {
        assert!(
            row.units <= row.ceiling,
            "{} takes {} CU",
            row.name,
            row.units
        );
    }
}
