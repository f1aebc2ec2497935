//! The demo's result: a page to look at, a file for machines and a table for the terminal.
//!
//! [`write()`] makes `report.html`, one file without scripts or external resources, and `report.json`,
//! the [`Summary`].

use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

mod chart;
mod charts;
mod facts;
mod format;
mod html;
mod scale;
mod svg;
mod terminal;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use terminal::summary_table;

/// The figures of a whole run. Amounts named `_quote` are in quote units, 1e-6 USDC.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Margin accounts of traders and the market maker.
    pub accounts: usize,
    /// Transactions sent to the VM.
    pub transactions: u64,
    /// Price updates; what must hold is checked after each.
    pub steps: usize,
    /// Portfolio slices taken by liquidators.
    pub liquidations: u64,
    /// Accounts of which at least one slice was taken.
    pub accounts_liquidated: usize,
    /// Accounts that liquidation left with nothing.
    pub fully_closed: usize,
    /// Accounts that lost a part and were healthy again at the end.
    pub partially_liquidated_and_healthy: usize,
    /// Equity below zero of insolvent accounts, taken over or left.
    pub bad_debt_quote: i64,
    /// The part of it that the insurance fund paid for.
    pub bad_debt_paid_quote: i64,
    /// Accounts still in liquidation after the last step.
    pub in_liquidation_at_the_end: usize,
    /// The insurance fund's equity before the first step.
    pub insurance_start_quote: i64,
    /// The insurance fund's equity after the last step.
    pub insurance_end_quote: i64,
    /// Times a bank, pool or market did not hold what its accounts are owed.
    pub conservation_violations: usize,
    /// Withdrawals that were tried after the last step.
    pub withdrawals: usize,
    /// Withdrawals that were owed and did not go through.
    pub withdrawals_failed: usize,
    /// Compute units by instruction.
    pub cu: BTreeMap<String, ComputeUnits>,
    /// What all randomness derives from.
    pub seed: u64,
    /// Name of the price path.
    pub path: String,
    /// Where the prices come from.
    pub note: String,
}

/// Compute units of one kind of instruction.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ComputeUnits {
    /// Successful calls.
    pub count: u64,
    /// Median of them.
    pub median: u64,
    /// Largest of them.
    pub max: u64,
}

/// The state after one price update and everything the keeper did about it.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Unix seconds, or seconds from 0.
    pub time_s: i64,
    /// USD, one for each asset of the recording.
    pub prices: Vec<f64>,
    /// Sum over all accounts, USDC.
    pub total_equity: f64,
    /// Equity of the insurance fund, USDC.
    pub insurance: f64,
    /// The 5th, 25th, 50th, 75th and 95th percentile of equity by maintenance margin over accounts
    /// with positions. May be infinite: charts draw that at their edge.
    pub ratio_percentiles: [f64; 5],
    /// Accounts below maintenance margin.
    pub liquidatable: u32,
    /// Accounts whose liquidation has started and not ended.
    pub in_liquidation: u32,
    /// Slices taken in this step.
    pub liquidations: u32,
    /// Gross value of these slices, USDC.
    pub liquidated_value: f64,
    /// Scan range of each asset, as a fraction of its price.
    pub scan_ranges: Vec<f64>,
}

/// One slice that a liquidator took. Amounts are USDC.
#[derive(Clone, Debug, Default)]
pub struct LiquidationRow {
    /// Unix seconds, or seconds from 0.
    pub time_s: i64,
    /// Address of the margin account.
    pub account: String,
    /// Part of the portfolio that was taken, 0 to 1.
    pub fraction: f64,
    /// Mark-to-market equity before.
    pub equity_before: f64,
    /// What the liquidator paid into the account; negative when the account paid.
    pub payment: f64,
    /// What the liquidator paid to the insurance fund.
    pub insurance_fee: f64,
    /// What the insurance fund paid to the liquidator.
    pub insurance_payment: f64,
    /// Equity by maintenance margin before; infinite without positions.
    pub ratio_before: f64,
    /// Equity by maintenance margin after; infinite without positions.
    pub ratio_after: f64,
}

/// Everything a run leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Symbols, in the order of every step's prices and scan ranges.
    pub assets: Vec<String>,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Figures of the whole run.
    pub summary: Summary,
    /// In order of time.
    pub liquidation_rows: Vec<LiquidationRow>,
}

/// Writes `report.html` and `report.json` into `directory`, which is created if missing.
///
/// # Errors
/// When the directory or a file cannot be written.
pub fn write(recording: &Recording, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let json = serde_json::to_string_pretty(&recording.summary)? + "\n";
    for (name, text) in [
        ("report.html", html::page(recording)),
        ("report.json", json),
    ] {
        let file = directory.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
