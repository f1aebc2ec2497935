//! The risk engine on the VM gives the same bits as on the host.

use std::{fs, path::PathBuf};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_client::state::health::Report;
use ballast_risk::pricing::{OptionInput, OptionKind};
use ballast_tests::probe::Probe;
use fixed::types::I80F48;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sbf_probe::engine;
use serde_json::Value;

/// Any bits at all, and a range in which figures are ordinary.
fn random_option(random: &mut ChaCha8Rng) -> OptionInput {
    let kind = if random.random() {
        OptionKind::Call
    } else {
        OptionKind::Put
    };
    if random.random_ratio(1, 4) {
        return OptionInput {
            kind,
            spot: I80F48::from_bits(random.random::<i128>() >> random.random_range(0..128)),
            strike: I80F48::from_bits(random.random::<i128>() >> random.random_range(0..128)),
            expiry_s: random.random::<u64>() >> random.random_range(0..64),
            volatility_q32: random.random::<u64>() >> random.random_range(0..64),
            carry_q32: random.random::<i64>() >> random.random_range(0..64),
        };
    }
    let spot = 10f64.powf(random.random_range(-4.0..9.0));
    OptionInput {
        kind,
        spot: I80F48::from_num(spot),
        strike: I80F48::from_num(spot * random.random_range(-3.0f64..3.0).exp()),
        expiry_s: random.random_range(0..70_000_000),
        volatility_q32: random.random_range(0..20 << 32),
        carry_q32: random.random_range(-(1 << 32)..1 << 32),
    }
}

#[test]
fn options_have_the_same_bits() {
    let mut probe = Probe::new();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut figures = 0;
    for _ in 0..250 {
        let options = [(); engine::OPTIONS_MAX].map(|()| random_option(&mut random));
        let mut data = vec![engine::OPTIONS];
        for option in &options {
            data.extend(engine::encode_option(option));
        }
        let answer = probe
            .call(&data, options.len() * engine::FIGURES_BYTES)
            .unwrap();
        let answers = answer.bytes.chunks_exact(engine::FIGURES_BYTES);
        for (option, on_vm) in options.iter().zip(answers) {
            let report = option.report();
            figures += u32::from(report.is_ok());
            assert_eq!(on_vm, engine::encode_figures(report), "{option:?}");
        }
    }
    assert!(figures > 2_000, "only {figures} options have figures");
    println!("{figures} options have the same bits");
}

#[test]
fn reports_have_the_same_bits() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/cli/tests/golden/portfolios.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let mut probe = Probe::new();
    let mut margined = 0;
    for (index, line) in text.lines().enumerate() {
        let row: Value = serde_json::from_str(line).unwrap();
        let mut portfolio = Portfolio::parse(&row["portfolio"].to_string()).unwrap();
        let number = index % engine::PURPOSES.len();
        portfolio.purpose = engine::PURPOSES[number];
        // Some with a price that is uncertain or too old, for every purpose.
        if let Some(entry) = portfolio.board.prices.get_mut(1 + index / 4 % 3) {
            match index % 5 {
                0 => entry.confidence_ratio_q32 = 1 << 30,
                1 => entry.publish_time -= 61,
                _ => {}
            }
        }
        let view = portfolio.view();
        let mut report = Report::boxed();
        let outcome = view.assess(&portfolio.account, portfolio.purpose, &mut report);
        margined += u32::from(outcome.is_ok());
        let on_host = engine::digest(outcome.map(|()| &*report));
        let (on_vm, _) = probe.health(&view, &portfolio.account, number as u8);
        assert_eq!(on_vm, on_host, "portfolio {index}: {outcome:?}");
    }
    assert!(margined > 300, "only {margined} portfolios have figures");
    println!("{margined} reports have the same bits");
}
