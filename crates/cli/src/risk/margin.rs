//! `ballast risk margin`: the report with names and in human units.

use std::io::{self, Write};

use super::portfolio::{KindName, Portfolio};
use ballast_risk::scenarios::{MOVES_THIRDS, SCENARIOS, VolatilityShock};
use ballast_state::health::Report;
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;

/// A report with names, in units of the quote asset.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
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
    liquidatable: bool,
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
    kind: KindName,
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

/// A scenario in words.
fn describe(scenario: u8) -> String {
    let scenario = &SCENARIOS[usize::from(scenario) % SCENARIOS.len()];
    let thirds = MOVES_THIRDS[usize::from(scenario.move_index)];
    let price = match (thirds, thirds % 3) {
        (0, _) => "price unchanged".to_owned(),
        (_, 0) => format!("price {:+} ranges", thirds / 3),
        _ => format!("price {thirds:+}/3 range"),
    };
    let volatility = match scenario.volatility {
        VolatilityShock::Down => "down",
        VolatilityShock::Unchanged => "unchanged",
        VolatilityShock::Up => "up",
    };
    format!("{price}, volatility {volatility}")
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
            let is_option = matches!(names.kind, KindName::Call | KindName::Put);
            let forward = position.forward.get().to_num::<f64>() / 1e6 / underlying.lot;
            let mark = if is_option && names.size != 0.0 {
                quote(position.value) / names.size
            } else {
                forward
            };
            NamedPosition {
                kind: names.kind,
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
                worst: describe(entry.worst_scenario),
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
            liquidatable: report.is_liquidatable(),
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
        if !self.balances.is_empty() {
            let mut table = table(&["balance", "amount", "value", "maintenance", "initial"], 1);
            for balance in &self.balances {
                table.add_row([
                    balance.asset.clone(),
                    figure(balance.amount),
                    money(balance.value),
                    money(balance.maintenance),
                    money(balance.initial),
                ]);
            }
            writeln!(output, "{table}\n")?;
        }
        if !self.positions.is_empty() {
            let heads = [
                "position", "size", "mark", "implied", "value", "delta", "profit",
            ];
            let mut table = table(&heads, 1);
            for position in &self.positions {
                table.add_row([
                    position.describe(),
                    figure(position.size),
                    figure(position.mark),
                    position.volatility.map_or(String::new(), percent),
                    money(position.value),
                    money(position.delta),
                    money(position.profit),
                ]);
            }
            writeln!(output, "{table}\n")?;
        }
        if !self.underlyings.is_empty() {
            let heads = [
                "underlying",
                "worst scenario",
                "range",
                "delta",
                "scan loss",
                "directional",
                "residual",
                "size",
                "short options",
            ];
            let mut table = table(&heads, 2);
            for entry in &self.underlyings {
                table.add_row([
                    entry.name.clone(),
                    entry.worst.clone(),
                    percent(entry.range),
                    money(entry.delta + entry.option_delta),
                    money(entry.scan_loss),
                    money(entry.directional),
                    money(entry.residual),
                    money(entry.size_contingency),
                    money(entry.option_contingency),
                ]);
            }
            writeln!(output, "{table}\n")?;
        }
        self.print_totals(output)
    }

    fn print_totals(&self, output: &mut impl Write) -> io::Result<()> {
        let mut table = table(&["", "maintenance", "initial"], 1);
        for (name, maintenance, initial) in [
            ("equity", self.equity_maintenance, self.equity_initial),
            ("margin", self.maintenance_margin, self.initial_margin),
            ("health", self.health_maintenance, self.health_initial),
        ] {
            table.add_row([name.to_owned(), money(maintenance), money(initial)]);
        }
        writeln!(output, "{table}\n")?;
        writeln!(
            output,
            "margin = {:.4} × ({} directional + {} residual + {} contingencies)",
            self.depeg_factor,
            money(self.directional_loss),
            money(self.residual_loss),
            money(self.contingencies),
        )?;
        let state = match (self.liquidatable, self.health_initial < 0.0) {
            (true, _) => "can be liquidated",
            (false, true) => "may only reduce risk",
            (false, false) => "may add risk",
        };
        match self.ratio {
            Some(ratio) => writeln!(
                output,
                "equity is {} of the maintenance margin: the account {state}",
                percent(ratio)
            ),
            None => writeln!(output, "no margin is needed: the account {state}"),
        }
    }
}

impl NamedPosition {
    fn describe(&self) -> String {
        let kind = match self.kind {
            KindName::Perpetual => "perpetual",
            KindName::Future => "future",
            KindName::Call => "call",
            KindName::Put => "put",
        };
        let mut text = format!("{} {kind}", self.underlying);
        if let Some(strike) = self.strike {
            text.push_str(&format!(" {strike}"));
        }
        if let Some(seconds) = self.expiry_s {
            text.push_str(&format!(", {:.1} days", f64::from(seconds) / 86_400.0));
        }
        text
    }
}

fn table(heads: &[&str], left: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    table.set_header(heads.iter().copied());
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Two decimals, thousands apart.
fn money(value: f64) -> String {
    let cents = format!("{:.2}", value.abs());
    let (whole, part) = cents.split_once('.').unwrap_or((&cents, "00"));
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    let is_negative = value < 0.0 && cents.chars().any(|digit| ('1'..='9').contains(&digit));
    format!("{}{text}.{part}", if is_negative { "-" } else { "" })
}

/// As many decimals as tell something.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size == 0.0 || size >= 100.0 => 2,
        size if size >= 1.0 => 4,
        _ => 8,
    };
    format!("{value:.decimals$}")
}

fn percent(fraction: f64) -> String {
    format!("{:.2}%", fraction * 100.0)
}

/// The report as JSON.
pub fn json_report(named: &Named) -> serde_json::Value {
    serde_json::to_value(named).unwrap_or_default()
}
