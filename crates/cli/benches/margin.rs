//! How fast the engine margins accounts and values options on the host.

use std::{fs, hint::black_box, path::PathBuf};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_risk::pricing::{OptionInput, OptionKind};
use ballast_state::health::Report;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixed::types::I80F48;
use serde_json::Value;

/// The portfolios of the golden table: from a single position to every slot in use, of all kinds mixed.
fn portfolios() -> Vec<Portfolio> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/portfolios.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let parse = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        Portfolio::parse(&row["portfolio"].to_string()).unwrap()
    };
    text.lines().map(parse).collect()
}

fn health(criterion: &mut Criterion) {
    let all = portfolios();
    let mut report = Report::boxed();
    let mut group = criterion.benchmark_group("health");
    group.throughput(Throughput::Elements(all.len() as u64));
    group.bench_function("mixed", |bencher| {
        bencher.iter(|| {
            for portfolio in &all {
                let view = portfolio.view();
                view.assess(&portfolio.account, portfolio.purpose, &mut report)
                    .unwrap();
                black_box(&report);
            }
        });
    });
    group.finish();
}

fn option_value(criterion: &mut Criterion) {
    let option = OptionInput {
        kind: OptionKind::Call,
        spot: I80F48::from_num(100),
        strike: I80F48::from_num(110),
        expiry_s: 7 * 86_400,
        volatility_q32: (4 << 32) / 5,
        carry_q32: 0,
    };
    let mut group = criterion.benchmark_group("option");
    group.throughput(Throughput::Elements(1));
    group.bench_function("value", |bencher| {
        bencher.iter(|| black_box(&option).value());
    });
    group.bench_function("value_and_greeks", |bencher| {
        bencher.iter(|| black_box(&option).report());
    });
    group.finish();
}

criterion_group!(benches, health, option_value);
criterion_main!(benches);
