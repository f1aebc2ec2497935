//! `cargo xtask demo`: replays a crash through an exchange and writes a report.

use anyhow::{Context, Result};
use ballast_sim::demo::{self, Options};
use ballast_sim::path::{HISTORIES, PricePath};
use ballast_sim::report;
use clap::Parser;
use std::path::PathBuf;

/// Replays a crash through a Ballast exchange on an embedded Solana VM and writes a report.
///
/// Traders with portfolios of tokens, loans, perpetuals, futures and options go through a named history, by default the fall of 10 October 2025,
/// or any path of prices from a file. Every price goes in as a Pyth account; a keeper posts volatility surfaces, updates funding, settles what
/// expires and liquidates: slices of portfolios, and once the insurance fund is exhausted at the cost of profitable counterparties and then of
/// depositors; all with ordinary transactions. A path that ends before the first expiry is followed by the half hour before that at its last
/// prices. At the end everybody withdraws what is his.
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo", after_help = histories())]
struct Arguments {
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of traders.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    accounts: u32,
    /// What to replay: a history by its name, or a CSV file with a header `time,SOL,ETH,BTC` (any of the three), then seconds and prices in US
    /// dollars.
    #[arg(long, value_name = "NAME or FILE", default_value = "october")]
    path: String,
    /// What the insurance fund starts with, USDC.
    #[arg(long, default_value_t = 250_000)]
    insurance: u32,
    /// Folder for report.html and report.json; target/demo of the repository by default.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let path = match PricePath::named(&arguments.path, arguments.seed) {
        Some(path) => path,
        None => from_file(&arguments.path)?,
    };
    let outcome = demo::run(
        &path,
        &Options {
            seed: arguments.seed,
            accounts: arguments.accounts as usize,
            progress: true,
            insurance: u64::from(arguments.insurance) * 1_000_000,
            ..Options::default()
        },
    )?;
    let output = arguments.output.unwrap_or_else(default_output);
    report::write(&outcome.recording, &output)?;
    println!("{}", report::summary_table(&outcome.recording.summary));
    println!("Report: {}", output.join("report.html").display());
    demo::check(&outcome)
}

fn from_file(file: &str) -> Result<PricePath> {
    let text = std::fs::read_to_string(file).with_context(|| {
        let names = HISTORIES.map(|(name, _)| name).join(", ");
        format!("{file} is neither a file that can be read nor one of the histories {names}")
    })?;
    PricePath::from_csv(&text, file)
}

/// The named histories, for the help.
fn histories() -> String {
    let mut text = String::from("Histories:");
    for (name, what) in HISTORIES {
        text += &format!("\n  {name:<14}{what}");
    }
    text
}

fn default_output() -> PathBuf {
    let repository = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let repository = repository.canonicalize().unwrap_or(repository);
    repository.join("target/demo")
}
