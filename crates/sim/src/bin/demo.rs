//! `cargo xtask demo`: replays a crash through an exchange and writes a report.

use anyhow::{Context, Result};
use ballast_sim::demo::{self, Options};
use ballast_sim::path::PricePath;
use ballast_sim::report;
use clap::Parser;
use std::path::PathBuf;

/// Replays a crash through a Ballast exchange on an embedded Solana VM and writes a report.
///
/// Traders with portfolios of tokens, loans, perpetuals, futures and options go through the fall of 10 October 2025
/// (reconstructed from its published points) or any path of prices from a file. Every price goes in as a Pyth account; a keeper
/// posts volatility surfaces, updates funding, liquidates and settles what expires, with ordinary transactions. A path that
/// ends before the first expiry is followed by the half hour before that at its last prices. At the end everybody
/// withdraws what is his.
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Arguments {
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of traders.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    accounts: u32,
    /// A CSV file to replay: a header `time,SOL,ETH,BTC` (any of the three), then seconds and prices in US dollars.
    #[arg(long)]
    path: Option<PathBuf>,
    /// Folder for report.html and report.json; target/demo of the repository by default.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let path = match &arguments.path {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            PricePath::from_csv(&text, &file.display().to_string())?
        }
        None => PricePath::october_2025(arguments.seed),
    };
    let outcome = demo::run(
        &path,
        &Options {
            seed: arguments.seed,
            accounts: arguments.accounts as usize,
            progress: true,
        },
    )?;
    let output = arguments.output.unwrap_or_else(default_output);
    report::write(&outcome.recording, &output)?;
    println!("{}", report::summary_table(&outcome.recording.summary));
    println!("Report: {}", output.join("report.html").display());
    demo::check(&outcome)
}

fn default_output() -> PathBuf {
    let repository = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let repository = repository.canonicalize().unwrap_or(repository);
    repository.join("target/demo")
}
