//! Every named history end to end: nothing is lost or made, nobody stays in liquidation, everybody can withdraw what the program says is his.

use ballast_sim::demo::{Options, Outcome, check, run};
use ballast_sim::path::{HISTORIES, PUSH_S, PricePath, THIN};
use std::time::Instant;

const ACCOUNTS: usize = 39;

/// Ceilings of compute units behind the insurance fund, each beside the most that the demo has measured.
const CEILINGS: [(&str, u64); 2] = [
    ("AutoDeleverage", 94_000),    // 75,111
    ("ResolveBankruptcy", 25_000), // 19,911
];

fn replay(name: &str, options: &Options) -> Outcome {
    let path = PricePath::named(name, options.seed).unwrap();
    let outcome = run(&path, options).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    check(&outcome).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    let summary = &outcome.recording.summary;
    // What is checked in words too, so that it is clear what the table promises.
    assert_eq!(summary.conservation_violations, 0, "{name}");
    assert_eq!(summary.in_liquidation_at_the_end, 0, "{name}");
    assert_eq!(summary.withdrawals_failed, 0, "{name}");
    assert!(summary.withdrawals > ACCOUNTS, "{name}");
    assert!(summary.unborne_quote() <= 0, "{name}");
    assert_eq!(summary.steps, outcome.recording.steps.len(), "{name}");
    outcome
}

fn options(insurance: u64) -> Options {
    Options {
        accounts: ACCOUNTS,
        insurance,
        ..Options::default()
    }
}

fn dollars(quote: i64) -> String {
    format!("{:.2}", quote as f64 / 1e6)
}

/// One row of the table.
fn row(name: &str, outcome: &Outcome, started: Instant) {
    let summary = &outcome.recording.summary;
    let most = summary.cu.iter().max_by_key(|(_, units)| units.max);
    let (instruction, units) = most.map_or(("", 0), |(name, units)| (name.as_str(), units.max));
    println!(
        "{name:<22} {:>10} {:>9} {:>9} {:>14} {:>14} {:>14} {:>10} {:>8} {:>24} {:>6.1}",
        summary.accounts_liquidated,
        summary.partially_liquidated_and_healthy,
        summary.accounts_insolvent,
        dollars(summary.insurance_paid_quote),
        dollars(summary.profit_given_up_quote),
        dollars(summary.loss_shared_quote),
        summary.conservation_violations,
        summary.in_liquidation_at_the_end,
        format!("{instruction} {units}"),
        started.elapsed().as_secs_f64(),
    );
}

fn header() {
    println!(
        "{:<22} {:>10} {:>9} {:>9} {:>14} {:>14} {:>14} {:>10} {:>8} {:>24} {:>6}",
        "history",
        "liquidated",
        "partially",
        "insolvent",
        "insurance used",
        "profit given",
        "loss shared",
        "violations",
        "flagged",
        "largest compute units",
        "s"
    );
}

#[test]
fn every_history_ends_with_everybody_paid() {
    header();
    for (name, _) in HISTORIES {
        let started = Instant::now();
        let outcome = replay(name, &options(250_000_000_000));
        row(name, &outcome, started);
        let summary = &outcome.recording.summary;
        match name {
            "gap" => {
                assert!(summary.accounts_insolvent > 0 && summary.insurance_paid_quote > 0);
                assert!(summary.insurance_end_quote < summary.insurance_start_quote);
            }
            "manipulation" => {
                let put_in = summary.attacker_put_in_quote.unwrap();
                let end = summary.attacker_end_quote.unwrap();
                println!(
                    "  the attacker: {} in, {} out",
                    dollars(put_in),
                    dollars(end)
                );
                assert!(end <= put_in);
                // Nobody paid for him either.
                assert_eq!(summary.bad_debt_quote, 0);
            }
            // The market was below some accounts before anybody could do anything.
            "outage" => assert!(summary.accounts_insolvent > 0),
            _ => assert_eq!(summary.bad_debt_quote, 0, "{name}"),
        }
        assert!(summary.accounts_liquidated > 0, "{name}");
    }
}

#[test]
fn a_gap_beyond_a_small_fund_is_borne_by_profits_and_then_by_depositors() {
    header();
    let mut shared = Vec::new();
    for (name, seed, winners_first) in [
        ("gap, small fund", 1, false),
        ("gap, small fund", 2, false),
        ("gap, winners first", 2, true),
    ] {
        let started = Instant::now();
        let small = Options {
            seed,
            winners_first,
            ..options(10_000_000_000)
        };
        let outcome = replay("gap", &small);
        row(name, &outcome, started);
        let summary = &outcome.recording.summary;
        assert!(summary.insurance_paid_quote > 9_000_000_000);
        assert!(summary.insurance_end_quote < 1_000_000_000);
        let rows = &outcome.recording.loss_rows;
        let given_up = rows.iter().filter(|row| row.counterparty.is_some());
        let given_up: f64 = given_up.map(|row| row.amount).sum();
        assert!((given_up - summary.profit_given_up_quote as f64 / 1e6).abs() < 0.01);
        assert!(winners_first || summary.profit_given_up_quote > 0);
        for (instruction, ceiling) in CEILINGS {
            let measured = summary.cu.get(instruction).map_or(0, |units| units.max);
            assert!(measured <= ceiling, "{instruction}: {measured}");
        }
        shared.push(summary.loss_shared_quote);
    }
    // Some owe money without positions: no profit stands against that. What winners have settled is nobody's profit any more either.
    assert!(shared[1] > 0 && shared[2] >= shared[1], "{shared:?}");
}

/// The manipulation in one step, in which nobody can liquidate in between. The attacker's short account is insolvent at once, and he takes it over himself: what
/// the insurance fund pays for it at the manipulated price is his when the price falls back, and only that can be.
#[test]
fn a_jump_can_cost_no_more_than_the_insurance_fund() {
    header();
    for fund in [250_000_000_000, 1_000_000_000] {
        let started = Instant::now();
        let options = options(fund);
        let mut path = PricePath::named("manipulation", options.seed).unwrap();
        let thin = path.column(THIN).unwrap();
        for point in &mut path.points {
            if (PUSH_S[0]..PUSH_S[1]).contains(&point.time_s) {
                point.prices[thin] = 1.0;
            }
        }
        let outcome = run(&path, &options).unwrap();
        row("manipulation, a jump", &outcome, started);
        let summary = &outcome.recording.summary;
        let put_in = summary.attacker_put_in_quote.unwrap();
        let end = summary.attacker_end_quote.unwrap();
        let gain = end - put_in;
        println!("  the attacker's gain: {}", dollars(gain));
        assert!(gain < fund as i64 && (fund > 1_000_000_000 || gain < 0));
        assert_eq!(summary.conservation_violations, 0);
        assert_eq!(summary.in_liquidation_at_the_end, 0);
        assert_eq!(summary.withdrawals_failed, 0);
        assert_eq!(summary.loss_shared_quote, 0);
    }
}
