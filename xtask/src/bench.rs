//! `cargo xtask bench`: what the engine costs and how exact it is, measured, into `docs/performance.md`, and sizes and rents, into `docs/budgets.md`.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    budgets::budgets, build::build, process::run, tasks::in_workspace, validator,
    workspace::Workspace,
};

/// What the rows of `cu.json` measure.
const COSTS: &[(&str, &str)] = &[
    (
        "risk/option_value",
        "one option value, from spot, strike, time, volatility and carry to a price",
    ),
    (
        "peer/solmath_option_value",
        "the same by the crate `solmath` 0.2 in the same program (it gives call and put together)",
    ),
    (
        "risk/option_leg_25_scenarios",
        "one more option position with an expiry of its own in a health check: surface, shocks, value, delta, 25 revaluations",
    ),
    (
        "risk/health_8_deposits_8_perps",
        "health of 8 deposits and 8 perpetuals on 8 underlyings",
    ),
    (
        "risk/health_largest_account",
        "health of the largest account: 16 balances, 32 options with 32 expiries on 4 underlyings",
    ),
    ("program/fill_order", "both sides with a full health check"),
    (
        "program/liquidate",
        "a slice of a loan, cash and three perpetuals",
    ),
    (
        "program/place_and_fill",
        "an option, one maker, the rest rests",
    ),
    ("program/prune_order", "an order that has lapsed"),
    ("program/refresh_prices", "four feeds"),
    ("program/withdraw", "a loan of SOL against cash"),
    (
        "fill/8_perps_each",
        "`fill_order` between two accounts with 8 perpetuals each",
    ),
    (
        "fill/16_options_each",
        "`fill_order` between two accounts with 16 options each",
    ),
    (
        "fill/largest_account",
        "`fill_order` between an account with 16 balances, 32 options and 16 orders and one with 32 options",
    ),
    (
        "liquidate/8_deposits_8_perps",
        "a slice of 8 balances and 8 perpetuals on 8 underlyings",
    ),
    (
        "liquidate/largest_account",
        "half of 16 balances and 32 options",
    ),
    (
        "start_liquidation/largest_account",
        "flags it and cancels its 16 orders",
    ),
    (
        "settle_position/largest_account",
        "one of its options after the expiry",
    ),
    (
        "liquidate/32_underlyings",
        "half of 16 balances and 32 options on 32 underlyings",
    ),
];

/// What the rows of criterion measure, and how many of what an iteration is.
const SPEEDS: &[(&str, &str, f64, &str)] = &[
    (
        "health/mixed",
        "accounts margined per second and core: the 400 portfolios of the golden table, from one position to every slot in use",
        400.0,
        "accounts/s",
    ),
    ("option/value", "option values", 1.0, "values/s"),
    (
        "option/value_and_greeks",
        "option values with delta, gamma, vega and theta",
        1.0,
        "reports/s",
    ),
];

/// Measures everything and writes the pages, or sizes and rents only.
pub fn bench(workspace: &Workspace, only_budgets: bool) -> Result<()> {
    build(workspace, &[])?;
    budgets(workspace)?;
    if only_budgets {
        return Ok(());
    }
    run(in_workspace(
        workspace,
        &["test", "-p", "ballast-tests", "--test", "compute_units"],
    )
    .args(["--", "--nocapture"]))?;
    run(in_workspace(
        workspace,
        &["test", "-p", "ballast-cli", "--test", "golden"],
    )
    .args(["--", "--nocapture"]))?;
    run(&mut in_workspace(
        workspace,
        &[
            "bench",
            "-p",
            "ballast-cli",
            "--no-default-features",
            "--bench",
            "margin",
        ],
    ))?;
    keeper(workspace)?;
    let page = page(&workspace.target)?;
    let path = workspace.path("docs/performance.md");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// The keeper: one look at ten thousand accounts, and a crash of ten thousand accounts on the embedded VM and on a validator.
fn keeper(workspace: &Workspace) -> Result<()> {
    let validator = validator::find_or_install(workspace)?;
    let profile = ["--profile", PROFILE];
    run(in_workspace(
        workspace,
        &["build", "-p", "ballast-cli", "--bin", "ballast"],
    )
    .args(profile))?;
    for bench in ["scan", "load"] {
        let command = ["bench", "-p", "ballast-keeper", "--bench", bench];
        run(in_workspace(workspace, &command)
            .args(profile)
            .env(validator::VARIABLE, &validator)
            .env("CARGO_TARGET_DIR", &workspace.target)
            .env(
                "BALLAST_BIN",
                workspace.target.join(PROFILE).join("ballast"),
            ))?;
    }
    Ok(())
}

/// What the keeper's figures are measured with: optimised, but not linked as one piece, which would take longer than everything else.
const PROFILE: &str = "load";

fn read(path: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// A table that a test or a bench wrote.
pub fn rows(path: &Path) -> Result<Vec<Value>> {
    let value = read(path)?;
    value
        .as_array()
        .cloned()
        .with_context(|| format!("{} is not a list", path.display()))
}

fn page(target: &Path) -> Result<String> {
    let mut page = String::from(
        "# Performance and accuracy\n\n\
         Written by `cargo xtask bench`; every figure is measured by it. Compute units are exact and repeatable for one toolchain; times \
         depend on the machine.\n\n\
         ## Compute units on the VM\n\
         Measured in LiteSVM around the call alone (`tests/tests/compute_units`, which also checks the ceilings in CI). Sizes and rents are in \
         [budgets.md](budgets.md).\n\n\
         | measured | compute units | ceiling | what |\n| --- | ---: | ---: | --- |\n",
    );
    let costs = rows(&target.join("bench/cu.json"))?;
    let units = |name: &str| {
        let row = costs.iter().find(|row| row["name"] == name)?;
        row["cu"].as_f64()
    };
    for row in &costs {
        let name = row["name"].as_str().unwrap_or_default();
        let what = COSTS.iter().find(|(known, _)| *known == name);
        writeln!(
            page,
            "| `{name}` | {} | {} | {} |",
            thousands(row["cu"].as_f64().unwrap_or(f64::NAN)),
            thousands(row["ceiling"].as_f64().unwrap_or(f64::NAN)),
            what.map_or("", |(_, what)| what),
        )?;
    }
    let ratio = units("peer/solmath_option_value")
        .zip(units("risk/option_value"))
        .map(|(peer, ours)| peer / ours)
        .context("cu.json has no option values")?;
    write!(
        page,
        "\nAn option value takes {ratio:.1} times fewer compute units than `solmath`'s. A transaction may use 1,400,000: the largest account is \
         checked within it with room for several more.\n\n\
         ## Speed on the host\n\
         One core, by criterion (`crates/cli/benches/margin.rs`).\n\n\
         | measured | figure | what |\n| --- | ---: | --- |\n",
    )?;
    for (name, what, elements, unit) in SPEEDS {
        let estimates = read(&target.join(format!("criterion/{name}/new/estimates.json")))?;
        let nanoseconds = estimates["mean"]["point_estimate"]
            .as_f64()
            .with_context(|| format!("criterion has no mean of {name}"))?;
        // Three digits: no more can be repeated.
        let speed = elements * 1e9 / nanoseconds;
        let digit = 10f64.powf(speed.log10().floor() - 2.0);
        let speed = thousands((speed / digit).round() * digit);
        writeln!(page, "| `{name}` | {speed} {unit} | {what} |")?;
    }
    keeper_section(&mut page, target)?;
    page.push_str(
        "\n## Accuracy\n\
         Largest differences from an independent implementation in double precision (`crates/cli/tests/golden`: 22,236 options priced by \
         QuantLib, 400 random portfolios), as fractions of the underlying's price, of each sensitivity's own scale, or in USDC.\n\n\
         | figure | largest error | share of its tolerance |\n| --- | ---: | ---: |\n",
    );
    for table in ["options", "portfolios"] {
        for row in rows(&target.join(format!("bench/accuracy_{table}.json")))? {
            writeln!(
                page,
                "| {} | {:.1e} | {:.0}% |",
                row["name"].as_str().unwrap_or_default(),
                row["error"].as_f64().unwrap_or(f64::NAN),
                row["share"].as_f64().unwrap_or(f64::NAN) * 100.0,
            )?;
        }
    }
    page.push_str(
        "\nThe larger absolute errors belong to portfolios of billions: the tolerance is 1e-7 of the value of what stands behind a figure, and \
         a millionth for deltas.\n",
    );
    Ok(page)
}

/// What `benches/scan.rs` and `benches/load.rs` of the keeper measured.
fn keeper_section(page: &mut String, target: &Path) -> Result<()> {
    let estimates = read(&target.join("criterion/keeper/scan/new/estimates.json"))?;
    let scan_ms = estimates["mean"]["point_estimate"]
        .as_f64()
        .context("criterion has no mean of keeper/scan")?
        / 1e6;
    let load = read(&target.join("bench/load.json"))?;
    let number = |part: &Value, name: &str| part[name].as_f64().unwrap_or(f64::NAN);
    write!(
        page,
        "\n## Keeper\n\
         One look of a keeper at 10,000 accounts with four positions on average and 30,000 resting orders, on one core: **{scan_ms:.0} ms** \
         (`crates/keeper/benches/scan.rs`; the aim is 200 ms): every account is margined, every order is in a book, and everything to be done is worked out.\n\n\
         A fall of {:.0}% within one price, with {} margin accounts that hold cash and one or two perpetuals (`crates/keeper/benches/load.rs`). On the embedded VM \
         transactions run one after the other, decisions included; on the validator, `ballast keeper run` is a process of its own beside it, on the \
         same two cores. The auction begins at a discount of 10% there, so that slices pay at once. On the embedded VM prices are published every second, so that realised volatility, and with it margin, rises meanwhile and accounts fall below it again; a round plans up to 256 slices, each tried on copies.\n\n| | embedded VM | validator |\n| --- | ---: | ---: |\n",
        number(&load, "gap") * 100.0,
        thousands(number(&load, "accounts")),
    )?;
    let (embedded, cluster) = (&load["embedded"], &load["cluster"]);
    let rows: &[(&str, &str, usize)] = &[
        (
            "accounts below maintenance margin after the fall",
            "below_maintenance",
            0,
        ),
        ("slices taken", "liquidations", 0),
        (
            "from the price to the keeper's knowing, s",
            "seen_seconds",
            1,
        ),
        ("from the price to the last liquidation, s", "seconds", 1),
        (
            "of these on the cluster's clock (an auction has to fall until a slice pays), s",
            "cluster_seconds",
            0,
        ),
        ("slices per second", "per_second", 0),
        ("transactions of all kinds", "transactions", 0),
        (
            "one look with everything that is planned, mean, ms",
            "scan_ms_mean",
            0,
        ),
        ("accounts left below maintenance margin", "missed", 0),
        ("refused since somebody or something was faster", "raced", 0),
        ("failed", "failed", 0),
        ("keeper's processor time, s", "keeper_cpu_seconds", 1),
        ("keeper's memory at most, MB", "keeper_memory_mb", 0),
    ];
    for (what, name, digits) in rows {
        let cell = |part: &Value| match part[*name].as_f64() {
            Some(value) if *digits == 0 => thousands(value),
            Some(value) => format!("{value:.digits$}"),
            None => String::new(),
        };
        writeln!(page, "| {what} | {} | {} |", cell(embedded), cell(cluster))?;
    }
    Ok(())
}

/// A whole number with thousands apart.
pub fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0.0, 999.0, 1_000.4, 1_234_567.0].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
