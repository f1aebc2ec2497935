//! The demo's result: a page to look at, a file for machines and a table for the terminal.
//!
//! [`write()`] makes `report.html`, one file without scripts or external resources, and `report.json`,
//! the [`Summary`].

use anyhow::{Context, Result};
use ballast_client::state::{MarginAccount, MarketKind};
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
    /// Equity below zero of insolvent accounts, whoever bore it, or left.
    pub bad_debt_quote: i64,
    /// The part of it that the insurance fund paid for.
    pub bad_debt_paid_quote: i64,
    /// Accounts that were worth less than nothing when they were dealt with.
    pub accounts_insolvent: usize,
    /// What the insurance fund paid to takers: bad debt and premiums.
    pub insurance_paid_quote: i64,
    /// Accounts whose profitable positions were closed against insolvent ones.
    pub accounts_deleveraged: usize,
    /// Profit that they gave up.
    pub profit_given_up_quote: i64,
    /// Loans of insolvent accounts written off, in whole or in part.
    pub loans_written_off: u64,
    /// What depositors lost by that, at the prices of then.
    pub loss_shared_quote: i64,
    /// What the attacker brought, where there is one, at fair prices.
    pub attacker_put_in_quote: Option<i64>,
    /// What the attacker had at the end, at fair prices.
    pub attacker_end_quote: Option<i64>,
    /// Accounts still in liquidation after the last step.
    pub in_liquidation_at_the_end: usize,
    /// The insurance fund's equity before the first step.
    pub insurance_start_quote: i64,
    /// The insurance fund's equity after the last step.
    pub insurance_end_quote: i64,
    /// Traders who began with futures.
    pub accounts_with_futures: usize,
    /// How many of them were liquidated.
    pub accounts_with_futures_liquidated: usize,
    /// Traders who began with options.
    pub accounts_with_options: usize,
    /// How many of them were liquidated.
    pub accounts_with_options_liquidated: usize,
    /// Perpetuals, futures and option series listed.
    pub markets_listed: usize,
    /// Futures that expired and were settled.
    pub futures_settled: usize,
    /// Option series that expired and were settled.
    pub series_settled: usize,
    /// Positions in them.
    pub positions_settled: usize,
    /// Cash that the winners in them got after the expiry.
    pub settled_quote: i64,
    /// Funding rates set.
    pub funding_updates: u64,
    /// Funding that longs paid to shorts.
    pub funding_paid_by_longs_quote: i64,
    /// Funding that shorts paid to longs.
    pub funding_paid_by_shorts_quote: i64,
    /// Volatility surfaces posted.
    pub surfaces_posted: u64,
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
    /// Implied volatility of each asset, at the money, one day ahead.
    pub implied_volatilities: Vec<f64>,
    /// Open interest in perpetuals, futures, calls and puts at the price of the underlying, USDC.
    pub open_interest: [f64; 4],
}

/// How many things of each kind are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Deposits, of USDC and tokens.
    pub deposits: usize,
    /// Loans.
    pub loans: usize,
    /// Positions in perpetuals.
    pub perpetuals: usize,
    /// Positions in dated futures.
    pub futures: usize,
    /// Positions in option series.
    pub options: usize,
}

impl Summary {
    /// Bad debt that nobody has borne.
    pub fn unborne_quote(&self) -> i64 {
        self.bad_debt_quote
            - self.bad_debt_paid_quote
            - self.profit_given_up_quote
            - self.loss_shared_quote
    }
}

impl Holdings {
    /// What an account holds.
    pub fn of(account: &MarginAccount) -> Self {
        let mut held = Self::default();
        for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
            if balance.shares.get() > 0 {
                held.deposits += 1;
            } else {
                held.loans += 1;
            }
        }
        let open = account.positions.iter().filter(|slot| slot.base_lots != 0);
        for position in open {
            match position.terms.kind() {
                Ok(MarketKind::Perpetual) => held.perpetuals += 1,
                Ok(MarketKind::Future) => held.futures += 1,
                _ => held.options += 1,
            }
        }
        held
    }

    /// Adds another account's.
    pub fn add(&mut self, other: &Self) {
        self.deposits += other.deposits;
        self.loans += other.loans;
        self.perpetuals += other.perpetuals;
        self.futures += other.futures;
        self.options += other.options;
    }
}

/// All accounts of one kind of trader. Amounts are USDC.
#[derive(Clone, Debug, Default)]
pub struct PortfolioRow {
    /// What such a trader is called.
    pub name: &'static str,
    /// What he does.
    pub manner: &'static str,
    /// How many there are.
    pub accounts: usize,
    /// What they began with.
    pub holdings: Holdings,
    /// Accounts of which at least one slice was taken.
    pub liquidated: usize,
    /// Accounts that were taken whole.
    pub closed: usize,
    /// Equity once the positions were opened.
    pub equity_start: f64,
    /// Equity before they were closed.
    pub equity_end: f64,
}

/// One market that expired and was settled. Prices and amounts are USDC.
#[derive(Clone, Debug)]
pub struct SettledRow {
    /// Symbol of the underlying.
    pub asset: String,
    /// A future, a call or a put.
    pub kind: MarketKind,
    /// An option's strike; 0 for a future.
    pub strike: f64,
    /// When it expired, unix seconds.
    pub expiry_s: i64,
    /// Price at which the underlying settled, per token.
    pub price: f64,
    /// What that made a long position worth, per token.
    pub payoff: f64,
    /// Positions settled.
    pub positions: usize,
    /// Open interest, tokens.
    pub tokens: f64,
    /// Cash that the winners got.
    pub received: f64,
}

/// One slice that a liquidator took. Amounts are USDC.
#[derive(Clone, Debug, Default)]
pub struct LiquidationRow {
    /// Unix seconds, or seconds from 0.
    pub time_s: i64,
    /// Address of the margin account.
    pub account: String,
    /// What it held before.
    pub holdings: Holdings,
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

/// A loss that was shared once the insurance fund was exhausted. Amounts are USDC.
#[derive(Clone, Debug, Default)]
pub struct LossRow {
    /// Unix seconds, or seconds from 0.
    pub time_s: i64,
    /// Address of the insolvent margin account.
    pub account: String,
    /// Its mark-to-market equity before.
    pub equity_before: f64,
    /// Who gave profit up; the depositors of the asset where there is none.
    pub counterparty: Option<String>,
    /// Symbol of the positions' underlying, or of the asset owed.
    pub asset: String,
    /// Profit given up, or what depositors lost.
    pub amount: f64,
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
    /// By kind of trader.
    pub portfolios: Vec<PortfolioRow>,
    /// In the order of settlement.
    pub settled_rows: Vec<SettledRow>,
    /// In order of time.
    pub liquidation_rows: Vec<LiquidationRow>,
    /// In order of time.
    pub loss_rows: Vec<LossRow>,
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
