//! What the risk engine and the program's instructions cost on the VM, with ceilings. Writes the figures to `target/bench/cu.json` for `cargo xtask bench`.

mod instructions;
mod portfolios;

use std::{fs, path::PathBuf};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_risk::pricing::{OptionInput, OptionKind};
use ballast_tests::probe::Probe;
use fixed::types::I80F48;
use sbf_probe::engine;
use serde_json::{Value, json};

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
    rows.extend(instructions::rows());
    rows.extend(portfolios::rows());
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
