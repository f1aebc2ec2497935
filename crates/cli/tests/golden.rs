//! The engine against the tables of an independent implementation in double precision, `golden/generate.py`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_cli::risk::{Named, json_report, price};
use serde_json::Value;

fn table(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The largest errors seen, by name, as fractions of what is tolerated.
#[derive(Default)]
struct Errors(BTreeMap<String, (f64, f64, String)>);

impl Errors {
    /// Records an error and what it may be.
    fn see(
        &mut self,
        name: &str,
        ours: f64,
        exact: f64,
        tolerance: f64,
        place: impl Fn() -> String,
    ) {
        let error = (ours - exact).abs();
        let fraction = if error.is_nan() {
            f64::INFINITY
        } else {
            error / tolerance
        };
        let worst = self.0.entry(name.to_owned()).or_default();
        if fraction >= worst.0 {
            *worst = (
                fraction,
                error,
                format!("{} ours {ours} exact {exact}", place()),
            );
        }
    }

    /// Prints all, writes them to `target/bench` for `cargo xtask bench`, and fails if any is beyond its tolerance.
    fn judge(&self, table: &str) {
        let rows = self.0.iter().map(|(name, (share, error, _))| {
            serde_json::json!({"name": name, "error": error, "share": share})
        });
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../bench");
        fs::create_dir_all(&folder).unwrap();
        let rows = serde_json::to_string_pretty(&rows.collect::<Vec<_>>()).unwrap();
        fs::write(folder.join(format!("accuracy_{table}.json")), rows + "\n").unwrap();
        let mut failed = 0;
        for (name, (fraction, error, place)) in &self.0 {
            println!(
                "{name:<28} largest error {error:.3e}, {:.1}% of its tolerance",
                fraction * 100.0
            );
            if *fraction > 1.0 {
                failed += 1;
                println!("    {place}");
            }
        }
        assert_eq!(failed, 0, "figures beyond their tolerance");
    }
}

#[test]
fn options_match_the_reference() {
    let text = table("options.csv");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("kind,spot,strike,expiry_s,vol,carry,value,delta,gamma,vega,theta")
    );
    let mut errors = Errors::default();
    let mut count = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse::<f64>().unwrap();
        let row = serde_json::json!({
            "kind": fields[0], "spot": number(1), "strike": number(2),
            "expiry_s": fields[3].parse::<u64>().unwrap(), "vol": number(4), "carry": number(5),
        });
        let figures = price(&row.to_string(), 1).unwrap_or_else(|error| panic!("{line}: {error}"));
        let spot = number(1);
        let years = number(3) / 31_536_000.0;
        let deviation = number(4) * years.sqrt();
        let place = || line.to_owned();
        errors.see(
            "value / spot",
            figures.value / spot,
            number(6) / spot,
            1e-7,
            place,
        );
        // Sensitivities are for display: a millionth of their own scale. The scale of gamma is 1/(S·s), that of vega S·√T, and that of
        // theta S·s/T a day, with the forward's carry.
        errors.see("delta", figures.delta, number(7), 1e-6, place);
        let scale = spot * deviation;
        errors.see(
            "gamma · S · s",
            figures.gamma * scale,
            number(8) * scale,
            1e-6,
            place,
        );
        let scale = 1.0 / (spot * years.sqrt());
        errors.see(
            "vega / (S · √T)",
            figures.vega * scale,
            number(9) * scale,
            1e-6,
            place,
        );
        let scale = 365.0 / (spot * (deviation / years + number(5).abs()));
        errors.see(
            "theta / (S · s/T)",
            figures.theta * scale,
            number(10) * scale,
            1e-6,
            place,
        );
        count += 1;
    }
    println!("{count} options");
    errors.judge("options");
    assert!(count >= 20_000);
}

/// Every number of the reference's report is compared with ours, by name.
#[test]
fn portfolios_match_the_reference() {
    let text = table("portfolios.jsonl");
    let mut errors = Errors::default();
    let mut count = 0;
    for (index, line) in text.lines().enumerate() {
        let row: Value = serde_json::from_str(line).unwrap();
        let portfolio = Portfolio::parse(&row["portfolio"].to_string())
            .unwrap_or_else(|error| panic!("portfolio {index}: {error}"));
        let report = portfolio
            .assess()
            .unwrap_or_else(|error| panic!("portfolio {index}: {error}"));
        let ours = json_report(&Named::new(&portfolio, &report));
        compare(&mut errors, index, &ours, &row["report"]);
        count += 1;
    }
    println!("{count} portfolios");
    errors.judge("portfolios");
    assert!(count >= 300);
}

/// Tolerance of a value in units of the quote asset: 1e-7 of the value of what stands behind it, and roundings to the smallest
/// unit (1e-6), of which every balance and position makes a few in every scenario.
fn tolerance(behind: f64, parts: usize) -> f64 {
    1e-7 * behind + 1e-6 * (4 * parts + 4) as f64
}

fn compare(errors: &mut Errors, index: usize, ours: &Value, exact: &Value) {
    let list = |report: &Value, name: &str| report[name].as_array().unwrap().clone();
    let place = || format!("portfolio {index}:");
    let mut parts = 0;
    let mut behind_all = 0.0;

    let balances = (list(ours, "balances"), list(exact, "balances"));
    assert_eq!(
        balances.0.len(),
        balances.1.len(),
        "portfolio {index}: balances"
    );
    for (ours, exact) in balances.0.iter().zip(&balances.1) {
        let behind =
            exact["initial"].as_f64().unwrap().abs() + exact["value"].as_f64().unwrap().abs();
        behind_all += behind;
        parts += 1;
        assert_eq!(ours["asset"], exact["asset"], "portfolio {index}");
        for name in ["amount", "value", "maintenance", "initial"] {
            // Deposits and loans know no pricing formula: nearly exact.
            let tolerance = tolerance(behind / 100.0, 1);
            errors.see(
                &format!("balance {name}"),
                number(ours, name),
                number(exact, name),
                tolerance,
                place,
            );
        }
    }
    let positions = (list(ours, "positions"), list(exact, "positions"));
    assert_eq!(
        positions.0.len(),
        positions.1.len(),
        "portfolio {index}: positions"
    );
    for (ours, exact) in positions.0.iter().zip(&positions.1) {
        // What stands behind an option is its underlying.
        let size = number(ours, "size").abs();
        let strike = ours["strike"].as_f64().unwrap_or(0.0);
        let behind = size * number(ours, "forward").max(strike);
        behind_all += behind;
        parts += 1;
        let tolerance = tolerance(behind, 1);
        for name in ["value", "profit"] {
            errors.see(
                &format!("position {name}"),
                number(ours, name),
                number(exact, name),
                tolerance,
                place,
            );
        }
        // A sensitivity: a minute before expiry the last bit of ln(F/K) shows.
        errors.see(
            "position delta",
            number(ours, "delta"),
            number(exact, "delta"),
            1e-6 * behind + 1e-5,
            place,
        );
        let (ours_mark, exact_mark) = (number(ours, "mark"), number(exact, "mark"));
        if size > 0.0 {
            errors.see(
                "position mark",
                ours_mark,
                exact_mark,
                tolerance / size,
                place,
            );
        }
        if let Some(exact) = exact["volatility"].as_f64() {
            errors.see(
                "position volatility",
                number(ours, "volatility"),
                exact,
                1e-7 * exact.max(1.0),
                place,
            );
        }
    }
    let everything = tolerance(behind_all, parts);
    let underlyings = (list(ours, "underlyings"), list(exact, "underlyings"));
    assert_eq!(
        underlyings.0.len(),
        underlyings.1.len(),
        "portfolio {index}: underlyings"
    );
    for exact in &underlyings.1 {
        let ours = underlyings
            .0
            .iter()
            .find(|ours| ours["name"] == exact["name"])
            .unwrap();
        for name in [
            "delta",
            "option_delta",
            "profit",
            "scan_loss",
            "directional",
            "residual",
            "size_contingency",
            "option_contingency",
            "long_option_value",
        ] {
            errors.see(
                &format!("underlying {name}"),
                number(ours, name),
                number(exact, name),
                everything,
                place,
            );
        }
        let mark = number(exact, "mark");
        errors.see(
            "underlying mark",
            number(ours, "mark") / mark,
            1.0,
            1e-9,
            place,
        );
        errors.see(
            "underlying range",
            number(ours, "range"),
            number(exact, "range"),
            1e-8,
            place,
        );
        for (ours, exact) in list(ours, "option_profits")
            .iter()
            .zip(&list(exact, "option_profits"))
        {
            let (ours, exact) = (ours.as_f64().unwrap(), exact.as_f64().unwrap());
            errors.see("underlying option profits", ours, exact, everything, place);
        }
        // The same scenario, or another as bad.
        let losses = list(exact, "weighted_losses");
        let chosen = losses[ours["worst_scenario"].as_u64().unwrap() as usize]
            .as_f64()
            .unwrap();
        let worst = losses.iter().filter_map(Value::as_f64).fold(0.0, f64::max);
        errors.see(
            "underlying worst scenario",
            chosen.max(0.0),
            worst,
            everything,
            place,
        );
    }
    errors.see(
        "depeg_factor",
        number(ours, "depeg_factor"),
        number(exact, "depeg_factor"),
        1e-8,
        place,
    );
    for name in [
        "equity_mark",
        "equity_maintenance",
        "equity_initial",
        "gross_value",
        "directional_loss",
        "residual_loss",
        "contingencies",
        "maintenance_margin",
        "initial_margin",
        "buffer_margin",
        "health_initial",
        "health_maintenance",
    ] {
        errors.see(
            name,
            number(ours, name),
            number(exact, name),
            everything,
            place,
        );
    }
}

fn number(value: &Value, name: &str) -> f64 {
    value[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}
