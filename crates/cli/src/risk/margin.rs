//! `ballast risk margin`: the report with names and in human units.

use std::io::{self, Write};

use super::portfolio::Portfolio;
use ballast_risk::scenarios::{MOVES_THIRDS, SCENARIOS, VolatilityShock};
use ballast_state::health::{Report, UnderlyingReport};
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use serde::Serialize;

/// A report with names, in units of the quote asset.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    purpose: &'static str,
    equity_mark: f64,
    equity_maintenance: f64,
    equity_initial: f64,
    gross_value: f64,
    directional_loss: f64,
    residual_loss: f64,
    contingencies: f64,
    depeg_factor: f64,
    maintenance_margin: f64,
    initial_margin: f64,
    buffer_margin: f64,
    health_initial: f64,
    health_maintenance: f64,
    /// Equity over margin; nothing without margin.
    ratio: Option<f64>,
    /// Prices and surfaces that may not count as they stand.
    notes: Vec<String>,
    balances: Vec<NamedBalance>,
    positions: Vec<NamedPosition>,
    underlyings: Vec<NamedUnderlying>,
}

#[derive(Clone, Debug, Serialize)]
struct NamedBalance {
    asset: String,
    amount: f64,
    value: f64,
    maintenance: f64,
    initial: f64,
}

#[derive(Clone, Debug, Serialize)]
struct NamedPosition {
    kind: &'static str,
    underlying: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strike: Option<f64>,
    size: f64,
    /// Price of the underlying for delivery at the expiry.
    forward: f64,
    mark: f64,
    volatility: Option<f64>,
    value: f64,
    delta: f64,
    profit: f64,
}

#[derive(Clone, Debug, Serialize)]
struct NamedUnderlying {
    name: String,
    mark: f64,
    range: f64,
    delta: f64,
    option_delta: f64,
    profit: f64,
    scan_loss: f64,
    worst_scenario: u8,
    worst: String,
    directional: f64,
    residual: f64,
    size_contingency: f64,
    option_contingency: f64,
    long_option_value: f64,
    option_profits: Vec<f64>,
}

/// Quote units in units of the quote asset.
fn quote(value: i64) -> f64 {
    value as f64 / 1e6
}

fn ratio(q32: u64) -> f64 {
    q32 as f64 / 2f64.powi(32)
}

/// The worst scenario of an underlying in words; its volatility matters to options only.
pub(crate) fn describe(entry: &UnderlyingReport) -> String {
    if entry.scan_loss == 0 {
        return "none".to_owned();
    }
    let scenario = &SCENARIOS[usize::from(entry.worst_scenario) % SCENARIOS.len()];
    let thirds = MOVES_THIRDS[usize::from(scenario.move_index)];
    let price = match (thirds, thirds % 3) {
        (0, _) => "no move".to_owned(),
        (-3 | 3, _) => format!("{:+} range", thirds / 3),
        (_, 0) => format!("{:+} ranges", thirds / 3),
        _ => format!("{thirds:+}/3 range"),
    };
    let volatility = match scenario.volatility {
        _ if entry.option_legs == 0 => "",
        VolatilityShock::Down => ", vol down",
        VolatilityShock::Unchanged => "",
        VolatilityShock::Up => ", vol up",
    };
    format!("{price}{volatility}")
}

impl Named {
    /// Puts the names of a portfolio to its report.
    pub fn new(portfolio: &Portfolio, report: &Report) -> Self {
        let balances = report.balances().iter().map(|balance| {
            let (symbol, decimals) = &portfolio.assets[usize::from(balance.asset)];
            NamedBalance {
                asset: symbol.clone(),
                amount: balance.amount as f64 / 10f64.powi(i32::from(*decimals)),
                value: quote(balance.value),
                maintenance: quote(balance.maintenance),
                initial: quote(balance.initial),
            }
        });
        let named = portfolio.positions.iter().zip(report.positions());
        let positions = named.map(|(names, position)| {
            let underlying = &portfolio.underlyings[names.underlying];
            let is_option = names.is_option();
            let forward = position.forward.get().to_num::<f64>() / 1e6 / underlying.lot;
            let mark = if is_option && names.size != 0.0 {
                quote(position.value) / names.size
            } else {
                forward
            };
            NamedPosition {
                kind: names.kind_name(),
                underlying: underlying.name.clone(),
                expiry_s: names.expiry_s,
                strike: names.strike,
                size: names.size,
                forward,
                mark,
                volatility: is_option.then_some(ratio(position.volatility_q32)),
                value: quote(position.value),
                delta: quote(position.delta),
                profit: quote(position.profit),
            }
        });
        let underlyings = report.underlyings().iter().map(|entry| {
            let names = &portfolio.underlyings[usize::from(entry.underlying)];
            NamedUnderlying {
                name: names.name.clone(),
                mark: entry.mark.get().to_num::<f64>() / 1e6 / names.lot,
                range: ratio(entry.range_q32),
                delta: quote(entry.delta),
                option_delta: quote(entry.option_delta),
                profit: quote(entry.profit),
                scan_loss: quote(entry.scan_loss),
                worst_scenario: entry.worst_scenario,
                worst: describe(entry),
                directional: quote(entry.directional),
                residual: quote(entry.residual()),
                size_contingency: quote(entry.size_contingency),
                option_contingency: quote(entry.option_contingency),
                long_option_value: quote(entry.long_option_value),
                option_profits: entry.option_profits.iter().copied().map(quote).collect(),
            }
        });
        let margin = report.maintenance_margin;
        Self {
            purpose: portfolio.purpose_name(),
            equity_mark: quote(report.equity_mark),
            equity_maintenance: quote(report.equity_maintenance),
            equity_initial: quote(report.equity_initial),
            gross_value: quote(report.gross_value),
            directional_loss: quote(report.directional_loss),
            residual_loss: quote(report.residual_loss),
            contingencies: quote(report.contingencies),
            depeg_factor: ratio(report.depeg_factor_q32),
            maintenance_margin: quote(margin),
            initial_margin: quote(report.initial_margin),
            buffer_margin: quote(report.buffer_margin),
            health_initial: quote(report.health_initial()),
            health_maintenance: quote(report.health_maintenance()),
            ratio: (margin > 0).then(|| report.equity_maintenance as f64 / margin as f64),
            notes: portfolio
                .doubts
                .iter()
                .map(|doubt| doubt.reason.clone())
                .collect(),
            balances: balances.collect(),
            positions: positions.collect(),
            underlyings: underlyings.collect(),
        }
    }

    /// Prints it as tables.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print(&self, output: &mut impl Write) -> io::Result<()> {
        let balances = self.balances.iter().map(|balance| {
            vec![
                balance.asset.clone(),
                figure(balance.amount),
                money(balance.value),
                money(balance.maintenance),
                money(balance.initial),
            ]
        });
        let heads = ["balance", "amount", "value", "maintenance", "initial"];
        print_table(output, &heads, 1, balances)?;

        let positions = self.positions.iter().map(|position| {
            let volatility = position.volatility.map_or(String::new(), percent);
            let mut row = vec![position.describe(), figure(position.size)];
            row.extend(match position.size {
                0.0 => [String::new(), String::new()],
                _ => [figure(position.mark), volatility],
            });
            row.extend([position.value, position.delta, position.profit].map(money));
            row
        });
        let heads = [
            "position", "size", "mark", "vol", "value", "delta", "profit",
        ];
        print_table(output, &heads, 1, positions)?;

        let underlyings = self.underlyings.iter().map(|entry| {
            let mut row = vec![
                entry.name.clone(),
                percent(entry.range),
                entry.worst.clone(),
            ];
            let figures = [
                entry.delta + entry.option_delta,
                entry.directional,
                entry.residual,
                entry.size_contingency,
                entry.option_contingency,
            ];
            row.extend(figures.map(money));
            row
        });
        let heads = [
            "underlying",
            "range",
            "worst scenario",
            "delta",
            "directional",
            "residual",
            "size",
            "short options",
        ];
        print_table(output, &heads, 3, underlyings)?;

        let totals = [
            ("equity", self.equity_maintenance, self.equity_initial),
            ("margin", self.maintenance_margin, self.initial_margin),
            ("health", self.health_maintenance, self.health_initial),
        ];
        let totals = totals.map(|(name, maintenance, initial)| {
            vec![name.to_owned(), money(maintenance), money(initial)]
        });
        print_table(output, &["account", "maintenance", "initial"], 1, totals)?;

        writeln!(
            output,
            "maintenance margin: de-peg {:.4} × (directional {} + residual {} + contingencies {})",
            self.depeg_factor,
            money(self.directional_loss),
            money(self.residual_loss),
            money(self.contingencies),
        )?;
        if let Some(ratio) = self.ratio {
            writeln!(output, "equity is {} of it", percent(ratio))?;
        }
        let (state, consequence) = if self.health_maintenance < 0.0 {
            ("below its maintenance margin", "can be liquidated")
        } else if self.health_initial < 0.0 {
            ("below its initial margin", "may only reduce risk")
        } else {
            ("above its initial margin", "may add risk")
        };
        // Prices that are stale or uncertain count differently for every purpose.
        if self.notes.is_empty() {
            writeln!(output, "the account is {state}: it {consequence}")?;
        } else {
            let purpose = self.purpose.replace('_', " ");
            writeln!(
                output,
                "the account is {state}, as prices count to {purpose}"
            )?;
        }
        for note in &self.notes {
            writeln!(output, "note: {note}")?;
        }
        Ok(())
    }
}

impl NamedPosition {
    fn describe(&self) -> String {
        let mut text = format!("{} {}", self.underlying, self.kind);
        if let Some(strike) = self.strike {
            text.push_str(&format!(" {strike}"));
        }
        match self.expiry_s.map(f64::from) {
            Some(seconds) if seconds < 86_400.0 => {
                text.push_str(&format!(" {}h", to_a_tenth(seconds / 3_600.0)));
            }
            Some(seconds) => text.push_str(&format!(" {}d", to_a_tenth(seconds / 86_400.0))),
            None => {}
        }
        text
    }
}

fn to_a_tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// Prints a table, unless it has no rows; so many columns on the left are words.
fn print_table(
    output: &mut impl Write,
    heads: &[&str],
    words: usize,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header(heads);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < heads.len() { 2 } else { 0 }));
        if index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    match table.row_count() {
        0 => Ok(()),
        _ => writeln!(output, "{table}\n"),
    }
}

/// A number with so many decimals, thousands apart.
fn grouped(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, part) = digits.split_at(digits.len() - decimals - 1);
    let is_zero = !digits.contains(|digit| ('1'..='9').contains(&digit));
    let mut text = String::from(if value < 0.0 && !is_zero { "-" } else { "" });
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + part
}

fn money(value: f64) -> String {
    grouped(value, 2)
}

/// As many decimals as tell something.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size == 0.0 || size >= 100.0 => 2,
        size if size >= 1.0 => 4,
        size if size >= 1e-4 => 8,
        _ => 14,
    };
    grouped(value, decimals)
}

fn percent(fraction: f64) -> String {
    format!("{:.2}%", fraction * 100.0)
}

/// The report as JSON.
pub fn json_report(named: &Named) -> serde_json::Value {
    serde_json::to_value(named).unwrap_or_default()
}
