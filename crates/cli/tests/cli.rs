//! The command as its users run it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use ballast_cli::risk::portfolio::Portfolio;
use ballast_cli::risk::{Named, json_report};
use serde_json::{Value, json};

const CALL: &str =
    r#"{"kind":"call","spot":100.0,"strike":110.0,"expiry_s":604800,"vol":0.8,"carry":0.0}"#;

fn spawn(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Exit code, standard output, standard error.
fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> (i32, String, String) {
    let mut child = spawn(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // It need not read all.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples")
}

fn example_path() -> String {
    examples()
        .join("portfolio.json")
        .to_str()
        .unwrap()
        .to_owned()
}

fn example() -> Value {
    serde_json::from_str(&fs::read_to_string(example_path()).unwrap()).unwrap()
}

/// The example with another value at a pointer, every value on a line of its own.
fn changed(pointer: &str, value: Value) -> String {
    let mut file = example();
    *file.pointer_mut(pointer).unwrap() = value;
    serde_json::to_string_pretty(&file).unwrap()
}

/// The line on which a text first occurs.
fn line_of(text: &str, part: &str) -> usize {
    1 + text.lines().position(|line| line.contains(part)).unwrap()
}

#[track_caller]
fn refused(command: &str, input: impl AsRef<[u8]>, reason: &str) {
    let (code, _, error) = run(&["risk", command], input);
    assert_eq!(
        (code, error.as_str()),
        (2, format!("error: {reason}\n").as_str())
    );
}

fn near(ours: &Value, exact: f64, tolerance: f64) {
    let ours = ours.as_f64().unwrap();
    assert!((ours - exact).abs() <= tolerance, "{ours} is not {exact}");
}

#[test]
fn options_are_priced_from_standard_input_and_from_files() {
    // The documentation's example: T = 7/365, s = 0.8·√T = 0.110789, d1 = ln(100/110)/s + s/2 = -0.804888, d2 = -0.915677;
    // N(d1) = 0.210441, N(d2) = 0.179918, value 21.0441 - 19.7910 = 1.2532; density φ(d1) = 0.288554,
    // gamma φ/(S·s) = 0.0260454, vega S·φ·√T = 3.99604, theta -S·φ·0.8/(2·√T)/365 = -0.228345.
    // A put at the same inputs by parity: 1.2532 + 10 = 11.2532 and delta 0.2104 - 1.
    let put = CALL.replace("call", "put").replace(r#","carry":0.0"#, "");
    let lines = format!("\u{feff}{CALL}\r\n\r\n{put}\n");
    let (code, output, error) = run(&["risk", "price"], &lines);
    assert_eq!((code, error.as_str()), (0, ""));
    let figures: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(figures.len(), 2);
    let names: Vec<&String> = figures[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["value", "delta", "gamma", "vega", "theta"]);
    near(&figures[0]["value"], 1.2532, 1e-4);
    near(&figures[0]["delta"], 0.21044, 1e-5);
    near(&figures[0]["gamma"], 0.026045, 1e-6);
    near(&figures[0]["vega"], 3.99604, 2e-5);
    near(&figures[0]["theta"], -0.228345, 2e-6);
    near(&figures[1]["value"], 11.2532, 1e-4);
    near(&figures[1]["delta"], -0.78956, 1e-5);

    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("options.jsonl");
    fs::write(&path, &lines).unwrap();
    let from_file = run(&["risk", "price", path.to_str().unwrap()], "");
    assert_eq!(from_file, (0, output.clone(), String::new()));
    assert_eq!(run(&["risk", "price", "-"], &lines).1, output);
    assert_eq!(
        run(&["risk", "price"], "\n"),
        (0, String::new(), String::new())
    );
}

#[test]
fn every_option_is_answered_before_the_next_is_asked() {
    let mut child = spawn(&["risk", "price"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        writeln!(stdin, "{CALL}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert!(answer.starts_with("{\"value\":1.253"), "{answer}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn good_lines_are_printed_before_the_first_bad_one() {
    let (code, output, error) = run(
        &["risk", "price"],
        format!("{CALL}\n\n{CALL}\n{{\n{CALL}\n"),
    );
    assert_eq!((code, output.lines().count()), (2, 2));
    assert_eq!(
        error,
        "error: line 4: is not JSON: EOF while parsing an object at column 1\n"
    );
}

#[test]
fn bad_options_are_refused_by_line_and_field() {
    let with = |old: &str, new: &str| {
        assert!(CALL.contains(old));
        format!("{CALL}\n{}", CALL.replace(old, new))
    };
    let spot = "\"spot\":100.0";
    for (value, shown) in [
        ("0", "0"),
        ("-0.0", "-0.0"),
        ("-1", "-1"),
        ("1e400", "1e400"),
        ("1e-400", "1e-400"),
        ("1e16", "1e16"),
        ("\"100\"", "\"100\""),
        ("null", "null"),
        ("[100]", "[100]"),
    ] {
        let line = with(spot, &format!("\"spot\":{value}"));
        refused(
            "price",
            line,
            &format!("line 2: spot: must be a number from 1e-12 to 1e15, is {shown}"),
        );
    }
    for value in ["NaN", "Infinity", "01", ".5", "0x10", ""] {
        let (code, _, error) = run(&["risk", "price"], with(spot, &format!("\"spot\":{value}")));
        assert_eq!(code, 2);
        assert!(
            error.starts_with("error: line 2: is not JSON: "),
            "{value}: {error}"
        );
    }
    for (old, new, reason) in [
        (
            "\"call\"",
            "\"Call\"",
            "kind: must be one of \"call\", \"put\", is \"Call\"",
        ),
        ("\"strike\":110.0,", "", "`strike` is missing"),
        (
            "604800",
            "1.5",
            "expiry_s: must be a whole number from 0 to 315360000, is 1.5",
        ),
        (
            "604800",
            "1e9",
            "expiry_s: must be a whole number from 0 to 315360000, is 1e9",
        ),
        ("0.8", "33", "vol: must be a number from 0 to 32, is 33"),
        (
            "\"carry\":0.0",
            "\"carry\":11",
            "carry: must be a number from -10 to 10, is 11",
        ),
        (
            "\"carry\"",
            "\"cary\"",
            "cary: is no field here; there are kind, spot, strike, expiry_s, vol, carry",
        ),
        ("\"carry\":0.0", "\"vol\":0.9", "vol: is there twice"),
        // 110,000 over 100.
        (
            "110.0",
            "110000",
            "strike over forward must be from 0.001 to 1000, is 1100",
        ),
        // 1 - 10·1 = -9.
        (
            "604800,\"vol\":0.8,\"carry\":0.0",
            "31536000,\"vol\":0.8,\"carry\":-10",
            "forward over spot (1 + carry·years) must be from 0.01 to 100, is -9",
        ),
        // 10·√4 = 20.
        (
            "604800,\"vol\":0.8",
            "126144000,\"vol\":10",
            "volatility·√years, when not 0, must be from 1e-6 to 8, is 20",
        ),
    ] {
        refused("price", with(old, new), &format!("line 2: {reason}"));
    }
    refused("price", "[1]", "line 1: must be an object, is [1]");
    refused(
        "price",
        CALL.repeat(2),
        "line 1: is not JSON: trailing characters at column 84",
    );
    refused(
        "price",
        [CALL.as_bytes(), b"\n\xff{}"].concat(),
        "line 2: is not UTF-8 text",
    );
    // Nothing is echoed at length, and no escape reaches the terminal.
    let long = format!("{{\"\\u001b[31m{}\":1}}", "x".repeat(1_000_000));
    let (code, _, error) = run(&["risk", "price"], long);
    assert!(
        code == 2 && error.len() < 200 && !error.contains('\u{1b}'),
        "{error}"
    );
    let deep = CALL.replace(
        "100.0",
        &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    );
    assert_eq!(run(&["risk", "price"], deep).0, 2);
}

/// Figures by hand: the range of SOL is 0.8·0.157 + 2·0.1/250 = 0.1264, that of ETH max(0.6·0.157, 0.1) + 2·1/4000 = 0.1005.
/// - 200 SOL: 50,000; maintenance ·0.98 = 49,000; initial 200·248·(1 - 0.05 - 0.25·0.1264) = 45,552.64
/// - 4 ETH owed: -16,000; maintenance ·1.02 = -16,320; initial -4·4,010·(1 + 0.05 + 0.25·0.1005) = -17,245.005
/// - 50 SOL sold as a perpetual: -12,500, and 13,000 received: a profit of 500; the linear delta is 50,000 - 12,500 = 37,500
/// - the call: F = 250·(1 + 0.05·30/365) = 251.0274, √T = 0.286691, z = ln(300/F)/(0.8·√T) = 0.77724,
///   σ = 0.8·(1 - 0.05·z + 0.02·z²) = 0.77858, s = 0.223213, d1 = -0.68702, d2 = -0.91023, F·0.24603 - 300·0.18135 = 7.356
/// - 200 net short calls need 200·250·1% = 500; long and short puts are equal, so they need nothing
#[test]
fn the_example_is_margined_from_a_file_and_from_standard_input() {
    let (code, output, error) = run(&["risk", "margin", "--json", &example_path()], "");
    assert_eq!((code, error.as_str()), (0, ""));
    let file = fs::read(example_path()).unwrap();
    assert_eq!(run(&["risk", "margin", "--json"], &file).1, output);
    let report: Value = serde_json::from_str(&output).unwrap();

    let balances = report["balances"].as_array().unwrap();
    for (balance, (asset, [amount, value, maintenance, initial])) in balances.iter().zip([
        ("USDC", [25_000.0; 4]),
        ("SOL", [200.0, 50_000.0, 49_000.0, 45_552.64]),
        ("ETH", [-4.0, -16_000.0, -16_320.0, -17_245.005]),
    ]) {
        assert_eq!(balance["asset"], asset);
        near(&balance["amount"], amount, 0.0);
        near(&balance["value"], value, 1e-5);
        near(&balance["maintenance"], maintenance, 1e-5);
        near(&balance["initial"], initial, 1e-4);
    }
    let positions = report["positions"].as_array().unwrap();
    assert_eq!((balances.len(), positions.len()), (3, 4));
    near(&positions[0]["forward"], 251.0274, 1e-4);
    near(&positions[0]["volatility"], 0.77858, 1e-5);
    near(&positions[0]["mark"], 7.356, 2e-3);
    near(&positions[3]["value"], -12_500.0, 0.0);
    near(&positions[3]["profit"], 500.0, 0.0);
    assert_eq!(positions[3]["volatility"], Value::Null);
    let [sol, eth] = [0, 1].map(|index| &report["underlyings"][index]);
    assert_eq!((&sol["name"], &eth["name"]), (&json!("SOL"), &json!("ETH")));
    near(&sol["range"], 0.1264, 1e-8);
    near(&eth["range"], 0.1005, 1e-8);
    near(&sol["delta"], 37_500.0, 1e-5);
    near(&sol["option_contingency"], 500.0, 1e-5);
    near(&eth["option_contingency"], 0.0, 0.0);

    // What the totals are made of.
    let sum = |list: &Value, name: &str| -> f64 {
        list.as_array()
            .unwrap()
            .iter()
            .map(|entry| entry[name].as_f64().unwrap())
            .sum()
    };
    let profit = sum(&report["positions"], "profit");
    near(
        &report["equity_maintenance"],
        25_000.0 + 49_000.0 - 16_320.0 + profit,
        1e-4,
    );
    // 10% of the long puts' value does not count.
    let long = positions[1]["value"].as_f64().unwrap();
    near(
        &report["equity_initial"],
        25_000.0 + 45_552.64 - 17_245.005 + profit - 0.1 * long,
        1e-4,
    );
    let number = |name: &str| report[name].as_f64().unwrap();
    // Both directional parts against each other at a correlation of 0.5; √ of the squares is above 40% of the sum.
    let [a, b] = [sol, eth].map(|entry| entry["directional"].as_f64().unwrap());
    assert!(a > 0.0 && b < 0.0);
    near(
        &report["directional_loss"],
        (a * a + b * b + a * b).sqrt(),
        1e-4,
    );
    near(&report["depeg_factor"], 1.0, 0.0);
    let margin = number("directional_loss") + number("residual_loss") + number("contingencies");
    near(&report["maintenance_margin"], margin, 1e-5);
    near(&report["initial_margin"], 1.25 * margin, 1e-5);
    near(&report["buffer_margin"], 1.125 * margin, 1e-5);
    near(
        &report["health_initial"],
        number("equity_initial") - 1.25 * margin,
        1e-5,
    );
    near(
        &report["ratio"],
        number("equity_maintenance") / margin,
        1e-6,
    );
    assert_eq!(
        (&report["purpose"], &report["notes"]),
        (&json!("add_risk"), &json!([]))
    );
}

#[test]
fn the_tables_show_the_report_and_fit_into_a_hundred_and_twenty_columns() {
    let (code, output, error) = run(&["risk", "margin", &example_path()], "");
    assert_eq!((code, error.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = output
        .lines()
        .map(|line| {
            line.split("  ")
                .filter(|cell| !cell.is_empty())
                .map(str::trim)
                .collect()
        })
        .collect();
    let row = |name: &str| rows.iter().find(|row| row.first() == Some(&name)).unwrap();
    assert_eq!(
        *row("ETH"),
        ["ETH", "-4.0000", "-16,000.00", "-16,320.00", "-17,245.01"]
    );
    assert_eq!(
        row("SOL perpetual")[..3],
        ["SOL perpetual", "-50.0000", "250.00"]
    );
    assert_eq!(
        row("SOL call 300 30d")[1..4],
        ["-200.00", "7.3565", "77.86%"]
    );
    assert_eq!(*row("account"), ["account", "maintenance", "initial"]);
    assert!(output.ends_with("the account is above its initial margin: it may add risk\n"));
    // The documentation shows it.
    let documentation = fs::read_to_string(examples().join("README.md")).unwrap();
    assert!(
        documentation.contains(&output),
        "docs/examples/README.md shows another report than\n{output}"
    );

    // A thousand times as much, or a million in USDC.
    let mut large = example();
    for (name, amount) in large["balances"].as_object_mut().unwrap() {
        let factor = if name == "USDC" { 1e6 } else { 1e3 };
        *amount = json!(amount.as_f64().unwrap() * factor);
    }
    for position in large["positions"].as_array_mut().unwrap() {
        for name in ["size", "quote"] {
            position[name] = json!(position[name].as_f64().unwrap() * 1e3);
        }
    }
    let (_, output, _) = run(&["risk", "margin"], large.to_string());
    assert!(output.contains("25,000,000,000.00"));
    let widest = output
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap();
    assert!((100..=120).contains(&widest), "{widest} columns\n{output}");
}

/// 10 SOL long from 2,600 at 250: a loss of 100 and a margin of 2,500·0.1 = 250.
fn long_perpetual(cash: f64, changes: &[(&str, Value)]) -> String {
    let mut file = json!({
        "parameters": {"initial_factor": 1.25, "max_offset": 0.6, "depeg_multiplier": 5, "buffer": 0.5},
        "underlyings": [{
            "name": "SOL", "price": 250, "decimals": 9, "lot": 0.01, "volatility": 0, "unsettled_profit_cap": 0,
            "range": {"volatility_multiplier": 0, "minimum": 0.1, "maximum": 0.4},
        }],
        "balances": {"USDC": cash},
        "positions": [{"kind": "perpetual", "underlying": "SOL", "size": 10, "quote": -2600}],
    });
    for (name, value) in changes {
        file[*name] = value.clone();
    }
    file.to_string()
}

#[test]
fn the_verdict_follows_from_the_margins() {
    for (cash, verdict) in [
        (412.51, "above its initial margin: it may add risk"),
        (412.49, "below its initial margin: it may only reduce risk"),
        (350.01, "below its initial margin: it may only reduce risk"),
        (349.99, "below its maintenance margin: it can be liquidated"),
    ] {
        let (_, output, _) = run(&["risk", "margin"], long_perpetual(cash, &[]));
        assert!(
            output.ends_with(&format!("the account is {verdict}\n")),
            "{cash}: {output}"
        );
        assert!(output.contains("   10.00%   -1 range   "), "{output}");
    }
    // USDC at 0.95: 1 + 5·0.04 = 1.2 times the margin, and equity is 900/300.
    let depegged = long_perpetual(1000.0, &[("quote", json!({"price": 0.95}))]);
    let (_, output, _) = run(&["risk", "margin"], depegged);
    assert!(
        output
            .contains("de-peg 1.2000 × (directional 250.00 + residual 0.00 + contingencies 0.00)")
    );
    assert!(output.contains("equity is 300.00% of it"), "{output}");
}

#[test]
fn prices_that_may_not_count_as_they_stand_are_named() {
    let stale = changed("/underlyings/0/price", json!(250)).replace(
        "\"slow_price\": 248,",
        "\"slow_price\": 248, \"price_age_s\": 61,",
    );
    let line = line_of(&stale, "\"price\": 250");
    let reason = "underlyings[0].price: is 61 s old, stale after 60 s";
    refused(
        "margin",
        &stale,
        &format!("line {line}: a price is too old for the purpose: {reason}"),
    );
    let reduce = stale.replacen('{', "{\"purpose\": \"reduce_risk\",", 1);
    let (code, output, _) = run(&["risk", "margin"], &reduce);
    assert_eq!(code, 0);
    let end = format!(
        "the account is above its initial margin, as prices count to reduce risk\nnote: {reason}\n"
    );
    assert!(output.ends_with(&end), "{output}");
    // 10/250 is 4%: the deposit counts nothing.
    let (code, output, _) = run(
        &["risk", "margin", "--json"],
        changed("/underlyings/0/confidence", json!(10)),
    );
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &report["balances"][1]["value"]), (0, &json!(0.0)));
    assert_eq!(
        report["notes"],
        json!(["underlyings[0].price: is uncertain, its confidence above 2%"])
    );
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let report = |file: String| {
        let portfolio = Portfolio::parse(&file).unwrap_or_else(|error| panic!("{error}"));
        json_report(&Named::new(&portfolio, &portfolio.assess().unwrap()))
    };
    let haircut = json!({"maintenance": 0.02, "initial": 0.05});
    let asset = json!({
        "symbol": "SOL", "underlying": "SOL", "decimals": 9, "deposit_haircut": haircut, "loan_haircut": haircut,
    });
    let balances = json!({"USDC": 1000, "SOL": -3});
    let short: Value = serde_json::from_str(&long_perpetual(
        0.0,
        &[("assets", json!([asset])), ("balances", balances)],
    ))
    .unwrap();
    let mut full = short.clone();
    let give = |object: &mut Value, more: Value| {
        let object = object.as_object_mut().unwrap();
        for (name, value) in more.as_object().unwrap() {
            assert!(
                object.insert(name.clone(), value.clone()).is_none(),
                "{name} is there"
            );
        }
    };
    give(
        &mut full,
        json!({
            "now": 1_700_000_000, "purpose": "add_risk", "quote": {"symbol": "USDC", "price": 1}, "correlations": [],
        }),
    );
    give(
        &mut full["parameters"],
        json!({"wide_confidence_multiplier": 0}),
    );
    give(
        &mut full["underlyings"][0],
        json!({
            "confidence": 0, "slow_price": 250, "price_age_s": 0, "short_option_minimum": 0, "long_option_discount": 0,
            "size": {"lambda": 0, "depth": 0, "cap": 0}, "shocks": {"up": 0, "down": 0, "exponents": [0, 0]},
        }),
    );
    give(
        &mut full["underlyings"][0]["range"],
        json!({"confidence_multiplier": 0}),
    );
    give(
        &mut full["assets"][0],
        json!({
            "price": 250, "confidence": 0, "slow_price": 250, "price_age_s": 0, "range_multiplier": 0, "size_start": 0,
            "total_deposits": 0, "total_loans": 0,
        }),
    );
    assert_eq!(report(full.to_string()), report(short.to_string()));
}

/// 50,000·0.1264 = 6,320 of SOL and 16,000·0.1005 = 1,608 of ETH: they add up when both are deposits, and are independent when one is
/// a loan, √(6,320² + 1,608²) = 6,521.35.
#[test]
fn underlyings_without_a_correlation_never_offset() {
    let mut file = example();
    file.as_object_mut()
        .unwrap()
        .shift_remove("correlations")
        .unwrap();
    file["positions"] = json!([]);
    for (amount, loss) in [(4, 7_928.0), (-4, 6_521.354)] {
        file["balances"]["ETH"] = json!(amount);
        let (_, output, _) = run(&["risk", "margin", "--json"], file.to_string());
        let report: Value = serde_json::from_str(&output).unwrap();
        near(&report["directional_loss"], loss, 0.005);
    }
}

/// Every value of the example in turn becomes something that it cannot be.
#[test]
fn a_wrong_value_anywhere_is_refused_on_its_line() {
    let text = serde_json::to_string_pretty(&example()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let with = |index: usize, line: &str| {
        let mut lines = lines.clone();
        lines[index] = line;
        lines.join("\n")
    };
    let (mut values, mut objects) = (0, 0);
    for (index, line) in lines.iter().enumerate() {
        if let Some(object) = line.strip_suffix('{') {
            objects += 1;
            let error =
                Portfolio::parse(&with(index, &format!("{object}{{\n\"misspelled\": 1,"))).err();
            let error = error.unwrap_or_else(|| panic!("{line} takes any field"));
            assert_eq!(error.line, index + 2, "{line}: {error}");
            assert!(error.reason.contains("misspelled: is no "), "{error}");
            continue;
        }
        let start = line
            .find(": ")
            .map_or(line.len() - line.trim_start().len(), |colon| colon + 2);
        let value = line[start..].trim_end_matches(',');
        if value.ends_with(['[', ']', '}']) {
            continue;
        }
        values += 1;
        let end = &line[start + value.len()..];
        let error = Portfolio::parse(&with(index, &format!("{}true{end}", &line[..start]))).err();
        let error = error.unwrap_or_else(|| panic!("{line} takes anything"));
        assert_eq!(error.line, index + 1, "{line}: {error}");
        assert!(error.reason.ends_with(", is true"), "{line}: {error}");

        // Extreme numbers are either refused there, or for the whole, or margined: never a panic, never a figure that is none.
        for extreme in [
            "0",
            "-0.0",
            "-1",
            "1e-300",
            "1e-9",
            "0.1",
            "1",
            "32",
            "1e4",
            "1e9",
            "1e12",
            "1e15",
            "9007199254740993",
            "9223372036854775808",
            "-9e18",
            "1e300",
            "1e400",
        ] {
            let file = with(index, &format!("{}{extreme}{end}", &line[..start]));
            let Ok(portfolio) = Portfolio::parse(&file) else {
                continue;
            };
            if let Ok(report) = portfolio.assess() {
                let report = json_report(&Named::new(&portfolio, &report));
                for name in ["equity_initial", "maintenance_margin", "health_initial"] {
                    assert!(report[name].is_f64(), "{line} {extreme}: {name}");
                }
            }
        }
    }
    assert!(
        values > 100 && objects > 20,
        "{values} values, {objects} objects"
    );
}

/// The line of what a pointer points to, in a pretty printed file: found by a mark in its place.
fn line_at(text: &str, pointer: &str) -> usize {
    let mut file: Value = serde_json::from_str(text).unwrap();
    *file.pointer_mut(pointer).unwrap() = json!("mark");
    line_of(&serde_json::to_string_pretty(&file).unwrap(), "\"mark\"")
}

/// What is changed in the example | to what | what the error is about, unless that | what it says of it.
const BAD_VALUES: &str = r#"
/now | 5 || must be a whole number from 946684800 to 4102444800, is 5
/purpose | "x" || must be one of "add_risk", "reduce_risk", "liquidate", "take_over", is "x"
/parameters/buffer | 1.5 || must be a number from 0 to 1, is 1.5
/quote/symbol | "a b" || must be a name of 1 to 16 ASCII characters without spaces, is "a b"
/underlyings/1/name | "SOL" || is the name of two underlyings
/underlyings/0/price | 0 || must be a price from 1e-6 to 1e15 at 9 decimals, is 0
/underlyings/0/confidence | 251 || must be a number from 0 to 250, is 251
/underlyings/0/lot | 1.5e-9 || must be a multiple of 1e-9 from 1e-9 to 1000000000, is 1.5e-9
/underlyings/0/range/maximum | 0.05 || must be a number from 0.1 to 10000, is 0.05
/underlyings/0/size/depth | 0 | /underlyings/0/size | the depth is too small for lambda
/underlyings/0/shocks/exponents | [0.3] || must be a list of 2 numbers
/underlyings/0/surface/skew | 4.5 || must be a number from -4 to 4, is 4.5
/correlations/0/low | 0.95 | /correlations/0/high | must be a number from 0.95 to 1, is 0.9
/correlations/0/between | ["SOL", "SOL"] || must be two different underlyings
/correlations/0/between | ["SOL", "X"] | /correlations/0/between/1 | must be one of "SOL", "ETH", is "X"
/correlations/1 | {"between": ["ETH", "SOL"], "low": 0, "high": 0} | /correlations/1/between | is there twice
/assets/0/symbol | "USDC" || is the symbol of two assets
/assets/0/decimals | 6 || must be those of the underlying, or `price` must be there
/assets/0/slow_price | 1 || must not be there without a `price`: the underlying's counts
/balances/BTC | 1 || is no asset of this file
/balances/SOL | 1e-10 || must be 0 or at least the smallest unit, 1e-9
/balances/SOL | 1e10 || must be a number from -9000000000 to 9000000000, is 10000000000.0
/balances/SOL | "5" || must be a number from -9000000000 to 9000000000, is "5"
/positions/0/size | 0.005 || must be a multiple of 0.01 from -1e13 to 1e13, is 0.005
/positions/0/size | 123456.785 || must be a multiple of 0.01 from -1e13 to 1e13, is 123456.785
/positions/0/strike | 300.00005 || must be a multiple of 0.0001 from 0.0001 to 100000000000, is 300.00005
/positions/0/strike | 300000 | /positions/0 | strike over forward must be from 0.001 to 1000, is 1195.08867682
/positions/3/expiry_s | 1 || is no field here; there are kind, underlying, size, quote
/positions/3 | {"kind": "perpetual", "underlying": "SOL", "size": 0} | /positions/3/size | is 0, and `quote` too: there is no position
/positions/4 | {"kind": "perpetual", "underlying": "SOL", "size": 1} || is the same instrument as another position
"#;

#[test]
fn bad_portfolios_are_refused_by_line_and_field() {
    for case in BAD_VALUES.trim().lines() {
        let parts: Vec<&str> = case.split('|').map(str::trim).collect();
        let [pointer, value, place, reason] = parts[..] else {
            panic!("{case}");
        };
        let value: Value = serde_json::from_str(value).unwrap();
        let mut file = example();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match file.pointer_mut(parent).unwrap() {
            Value::Array(list) if name.parse() == Ok(list.len()) => list.push(value),
            Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
            object => object[name] = value,
        }
        let text = serde_json::to_string_pretty(&file).unwrap();
        let place = if place.is_empty() { pointer } else { place };
        let mut path = String::new();
        for step in place[1..].split('/') {
            path += &match step.parse::<usize>() {
                Ok(index) => format!("[{index}]"),
                Err(_) if path.is_empty() => step.to_owned(),
                Err(_) => format!(".{step}"),
            };
        }
        let line = line_at(&text, place);
        refused("margin", &text, &format!("line {line}: {path}: {reason}"));
    }
    // 10^14·200 is beyond everything, and no single line is wrong.
    let reason =
        "values are out of range: at most 36 billion for an option and 9,000 billion in all";
    refused(
        "margin",
        changed("/underlyings/0/price", json!(1e14)),
        reason,
    );

    let mut file = example();
    file["underlyings"][0]
        .as_object_mut()
        .unwrap()
        .shift_remove("surface")
        .unwrap();
    let text = serde_json::to_string_pretty(&file).unwrap();
    let line = line_at(&text, "/positions/0/underlying");
    let reason = "positions[0].underlying: must have a `surface`, because this is an option";
    refused("margin", &text, &format!("line {line}: {reason}"));
}

#[test]
fn an_exchange_and_an_account_have_room_for_so_much() {
    for (list, name, most, reason) in [
        (
            "underlyings",
            "name",
            32,
            "underlyings[32]: there can be 32 underlyings",
        ),
        (
            "assets",
            "symbol",
            31,
            "assets[31]: there can be 31 assets beside the quote asset",
        ),
    ] {
        let mut file = example();
        let entries = file[list].as_array_mut().unwrap();
        while entries.len() < most {
            let mut entry = entries[0].clone();
            entry[name] = json!(format!("X{}", entries.len()));
            entries.push(entry);
        }
        assert!(Portfolio::parse(&file.to_string()).is_ok(), "{most} {list}");
        file[list].as_array_mut().unwrap().push(json!({}));
        assert_eq!(
            Portfolio::parse(&file.to_string()).err().unwrap().reason,
            reason
        );
    }
    let mut file = example();
    for index in 4..=32 {
        assert!(Portfolio::parse(&file.to_string()).is_ok(), "{index}");
        let mut position = file["positions"][0].clone();
        position["expiry_s"] = json!(index);
        file["positions"].as_array_mut().unwrap().push(position);
    }
    let error = Portfolio::parse(&file.to_string()).err().unwrap();
    assert_eq!(error.reason, "positions[32]: there can be 32 positions");
    // Two beside the quote asset are there.
    let mut file = example();
    for index in 3..=16 {
        assert!(Portfolio::parse(&file.to_string()).is_ok(), "{index}");
        let mut asset = file["assets"][0].clone();
        asset["symbol"] = json!(format!("X{index}"));
        file["assets"].as_array_mut().unwrap().push(asset);
        file["balances"][format!("X{index}")] = json!(1);
    }
    let error = Portfolio::parse(&file.to_string()).err().unwrap();
    assert_eq!(
        error.reason,
        "balances.X16: there can be 15 balances beside the quote asset's"
    );
}

#[test]
fn files_that_are_no_portfolio_are_refused() {
    let text = fs::read_to_string(example_path()).unwrap();
    refused("margin", "", "line 1: is empty");
    refused("margin", " \n", "line 2: is empty");
    refused("margin", "[]", "line 1: must be an object, is []");
    refused("margin", "{\n}", "line 1: `parameters` is missing");
    refused(
        "margin",
        "{\n \"now\": 1,}",
        "line 2: is not JSON: key must be a string at column 11",
    );
    refused("margin", b"{\n\"a\xff\":1}", "line 2: is not UTF-8 text");
    refused(
        "margin",
        "{\"a\":".repeat(100_000),
        "line 1: is not JSON: EOF while parsing a value at column 500000",
    );
    let line = line_of(&text, "\"balances\"");
    let twice = text.replace("\"USDC\": 25000", "\"USDC\": 25000, \"USDC\": 1");
    refused(
        "margin",
        twice,
        &format!("line {line}: balances.USDC: is there twice"),
    );
    let line = line_of(&text, "\"buffer\"");
    let twice = text.replace("\"buffer\": 0.5", "\"buffer\": 0.5, \"buffer\": 0.5");
    refused(
        "margin",
        twice,
        &format!("line {line}: parameters.buffer: is there twice"),
    );
    // What editors on Windows add does no harm.
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(
        run(&["risk", "margin"], windows),
        run(&["risk", "margin"], text)
    );
}

#[test]
fn what_cannot_be_read_or_written_is_exit_code_1() {
    for command in ["price", "margin"] {
        let directory = env!("CARGO_TARGET_TMPDIR");
        let (code, output, error) = run(&["risk", command, directory], "");
        assert_eq!((code, output.as_str()), (1, ""));
        assert!(
            error.starts_with(&format!("error: {directory}: ")),
            "{error}"
        );
        let missing = format!("{directory}/there-is-no-such-file");
        let (code, _, error) = run(&["risk", command, &missing], "");
        assert_eq!(code, 1);
        assert!(error.starts_with(&format!("error: {missing}: ")), "{error}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut child = spawn(&["risk", "price"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let lines = format!("{CALL}\n").repeat(1_000);
    let writer = thread::spawn(move || drop(stdin.write_all(lines.as_bytes())));
    let mut error = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut error)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), error.as_str()),
        (Some(0), "")
    );
    writer.join().unwrap();
}

#[test]
fn help_says_what_is_needed() {
    let help = |arguments: &[&str]| {
        let (code, output, _) = run(arguments, "");
        assert_eq!(code, 0, "{arguments:?}");
        output.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let all = help(&["--help"]);
    assert!(all.contains(
        "Exit codes: 0 when all went well, 1 when something could not be read or written, 2 when"
    ));
    let price = help(&["risk", "price", "--help"]);
    for part in [
        "[FILE]",
        CALL,
        "{\"value\":…,\"delta\":…,\"gamma\":…,\"vega\":…,\"theta\":…}",
        "standard input",
    ] {
        assert!(price.contains(part), "{part}: {price}");
    }
    let margin = help(&["risk", "margin", "--help"]);
    for part in [
        "[FILE]",
        "--json",
        "docs/examples/portfolio.json",
        "docs/examples/README.md",
        "standard input",
    ] {
        assert!(margin.contains(part), "{part}: {margin}");
    }
    assert_eq!(run(&["risk"], "").0, 2);
    assert_eq!(run(&["risk", "margin", "--jsn"], "").0, 2);
}
