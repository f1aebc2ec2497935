//! Portfolios with their margin figures, which the engine for browsers must give too (`crates/risk-wasm/vectors`): the program's engine gives them
//! on the VM, to the unit.
//!
//! With `BALLAST_WRITE_VECTORS=1` they are made anew.

use std::{env, fs, path::PathBuf};

use ballast_client::read_account;
use ballast_client::state::health::{Purpose, Report, View, WhatIf};
use ballast_client::state::{
    Board, Exchange, MarginAccount, MarketKind, MarketTerms, StateError, Tagged,
};
use ballast_tests::probe::Probe;
use ballast_tests::{SOL, START, Stage};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytemuck::Zeroable;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sbf_probe::engine;
use serde_json::{Map, Value, json};

const PORTFOLIOS: usize = 100;
const DAY_S: i64 = 86_400;
/// Names of [`engine::PURPOSES`] in the file.
const PURPOSES: [&str; 4] = ["addRisk", "reduceRisk", "liquidate", "takeOver"];
const UNDERLYINGS: u8 = 3;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/risk-wasm/vectors/portfolios.json")
}

fn data<T: Tagged>(account: &T) -> String {
    BASE64_STANDARD.encode([T::TAG, bytemuck::bytes_of(account)].concat())
}

fn parse<T: Tagged>(value: &Value) -> Box<T> {
    let bytes = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    read_account(&bytes).unwrap()
}

/// The figures that the file has, or the error's name.
fn figures(outcome: Result<&Report, StateError>) -> Value {
    let integer = |value: i64| Value::from(format!("{value}n"));
    match outcome {
        Ok(report) => json!({
            "equityMark": integer(report.equity_mark),
            "equityMaintenance": integer(report.equity_maintenance),
            "equityInitial": integer(report.equity_initial),
            "maintenanceMargin": integer(report.maintenance_margin),
            "initialMargin": integer(report.initial_margin),
            "healthMaintenance": integer(report.health_maintenance()),
            "healthInitial": integer(report.health_initial()),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// An exchange after some hours of trading with smiling surfaces, loans and funding, and its board once with fresh prices and once with an uncertain and a
/// stale one.
fn venue(random: &mut ChaCha8Rng) -> (Box<Exchange>, [Box<Board>; 2], i64) {
    let mut stage = Stage::default();
    for _ in 0..24 {
        stage.world.advance(3_600);
        for price in &mut stage.prices[SOL..] {
            *price *= random.random_range(0.98..1.02);
        }
        let prices = stage.prices;
        stage.venue.set_prices(&mut stage.world, &prices).unwrap();
    }
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let mut board = stage.venue.board(&stage.world).unwrap();
    let now = stage.world.now();
    let q32 = |x: f64| (x * 2f64.powi(32)) as i64;
    for state in &mut board.underlyings[..usize::from(UNDERLYINGS)] {
        let level = random.random_range(0.4..1.2);
        let levels = [1.3, 1.2, 1.0, 0.95, 0.9, 0.85];
        state.atm_volatility_q32 = levels.map(|part| q32(part * level).unsigned_abs());
        state.skew_q32 = q32(random.random_range(-0.15..0.05));
        state.smile_q32 = q32(random.random_range(0.0..0.1));
        state.carry_q32 = q32(random.random_range(-0.05..0.15));
        state.surface_time = now - 600;
    }
    for indexes in &mut board.assets[..4] {
        let grown = fixed::types::I80F48::from_num(random.random_range(1.0..1.1));
        indexes.deposit.set(grown);
        indexes
            .borrow
            .set(grown * fixed::types::I80F48::from_num(1.07));
        indexes.deposits_total = 1 << 45;
        indexes.loans_total = 1 << 44;
    }
    for (funding, underlying) in board.perpetuals.iter_mut().zip(0..UNDERLYINGS) {
        funding.per_second.set(
            fixed::types::I80F48::from_num(random.random_range(-1.0..2.0))
                * fixed::types::I80F48::from_num(1 + underlying),
        );
        funding.updated_at = now - 1_800;
        funding.stands_until = now + 1_800;
    }
    let mut doubtful = board.clone();
    let uncertain = &mut doubtful.prices[SOL];
    uncertain.confidence_ratio_q32 = q32(0.05).unsigned_abs();
    uncertain.confidence.set(uncertain.price.get() / 20);
    doubtful.prices[SOL + 1].publish_time -= 600;
    (exchange, [board, doubtful], now)
}

/// What somebody may hold: the `index` decides on how much.
fn portfolio(view: &View, index: usize, random: &mut ChaCha8Rng) -> MarginAccount {
    let mut account = MarginAccount::zeroed();
    account.exchange = view.board.exchange;
    let mut what_if = WhatIf::new(view, &account);
    let is_large = index.is_multiple_of(10);
    let is_reckless = index % 10 == 5;
    let usd = 10f64.powf(random.random_range(2.0..6.5));
    for asset in 0..4u8 {
        if !random.random_ratio(2, 3) {
            continue;
        }
        let price = match asset {
            0 => 1.0,
            _ => view.board.prices[usize::from(asset)].price.get().to_num(),
        };
        let share = random.random_range(-0.3..1.0) / if is_reckless { 8.0 } else { 1.0 };
        let amount = (usd * 1e6 * share / price) as i64;
        what_if.deposit(asset, amount).unwrap();
    }
    let positions = if is_large {
        32
    } else {
        random.random_range(0..12)
    };
    for _ in 0..positions {
        let terms = terms(view, is_large, random);
        let mark: f64 = view.mark(&terms).unwrap().to_num();
        let spot: f64 = view.last_mark(terms.underlying).unwrap().to_num();
        let value = usd * 1e6 * random.random_range(-1.0..1.0) * if is_large { 0.3 } else { 1.0 };
        let price = (mark * random.random_range(0.8..1.2)).max(1.0) as u64;
        what_if.trade(&terms, (value / spot) as i64, price).unwrap();
    }
    *what_if.account()
}

fn terms(view: &View, only_options: bool, random: &mut ChaCha8Rng) -> MarketTerms {
    const KINDS: [MarketKind; 4] = [
        MarketKind::Call,
        MarketKind::Put,
        MarketKind::Perpetual,
        MarketKind::Future,
    ];
    let kinds = if only_options { &KINDS[..2] } else { &KINDS };
    let kind = *kinds.choose(random).unwrap();
    let underlying = random.random_range(0..UNDERLYINGS);
    let spot: f64 = view.last_mark(underlying).unwrap().to_num();
    let days = *[1i64, 7, 30, 90, 200].choose(random).unwrap();
    MarketTerms {
        expiry: match kind {
            MarketKind::Perpetual => 0,
            _ => view.now / DAY_S * DAY_S + days * DAY_S + 28_800,
        },
        strike: match kind {
            MarketKind::Call | MarketKind::Put => (spot * random.random_range(0.6..1.6)) as u64,
            _ => 0,
        },
        underlying,
        kind: kind as u8,
        ..MarketTerms::default()
    }
}

/// Makes the file.
fn write() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (exchange, boards, now) = venue(&mut random);
    let portfolios = (0..PORTFOLIOS).map(|index| {
        let number = usize::from(index % 4 == 3);
        let view = View {
            exchange: &exchange,
            board: &boards[number],
            now,
        };
        let account = portfolio(&view, index, &mut random);
        let mut report = Report::boxed();
        let by_purpose = PURPOSES
            .iter()
            .zip(engine::PURPOSES)
            .map(|(name, purpose)| {
                let outcome = view.assess(&account, purpose, &mut report);
                ((*name).to_owned(), figures(outcome.map(|()| &*report)))
            });
        json!({
            "board": number,
            "figures": by_purpose.collect::<Map<_, _>>(),
            "account": data(&account),
        })
    });
    let portfolios: Vec<_> = portfolios.collect();
    let vectors = json!({
        "now": now,
        "exchange": data(&*exchange),
        "boards": boards.each_ref().map(|board| data(&**board)),
        "portfolios": portfolios,
    });
    fs::create_dir_all(file().parent().unwrap()).unwrap();
    fs::write(file(), format!("{vectors}\n")).unwrap();
}

#[test]
fn portfolios_have_the_same_figures_on_the_vm() {
    if env::var_os("BALLAST_WRITE_VECTORS").is_some() {
        write();
    }
    let vectors: Value = serde_json::from_slice(&fs::read(file()).unwrap()).unwrap();
    let exchange: Box<Exchange> = parse(&vectors["exchange"]);
    let boards: Vec<Box<Board>> = vectors["boards"]
        .as_array()
        .unwrap()
        .iter()
        .map(parse)
        .collect();
    let now = vectors["now"].as_i64().unwrap();
    assert!(now > START);
    let mut probe = Probe::new();
    let (mut liquidatable, mut refused, mut margined) = (0, 0, 0);
    for (index, row) in vectors["portfolios"].as_array().unwrap().iter().enumerate() {
        let account: Box<MarginAccount> = parse(&row["account"]);
        let view = View {
            exchange: &exchange,
            board: &boards[row["board"].as_u64().unwrap() as usize],
            now,
        };
        for (number, (name, purpose)) in PURPOSES.iter().zip(engine::PURPOSES).enumerate() {
            let mut report = Report::boxed();
            let outcome = view.assess(&account, purpose, &mut report);
            let outcome = outcome.map(|()| &*report);
            assert_eq!(figures(outcome), row["figures"][name], "{index}, {name}");
            refused += u32::from(outcome.is_err());
            margined += u32::from(outcome.is_ok_and(|report| report.maintenance_margin > 0));
            liquidatable += u32::from(
                purpose == Purpose::Liquidate
                    && outcome.is_ok_and(|report| report.is_liquidatable()),
            );
            let (on_vm, _) = probe.health(&view, &account, number as u8);
            assert_eq!(on_vm, engine::digest(outcome), "{index}, {name}");
        }
    }
    println!("{margined} with margin, {liquidatable} liquidatable, {refused} refused");
    assert!(margined > 300 && liquidatable > 10 && refused > 10);
}
