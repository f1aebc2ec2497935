//! The demo keeps its promises: for several seeds, and it tells the truth when the insurance fund is too small.

use ballast_sim::demo::{Options, check, run};
use ballast_sim::path::PricePath;

/// Ceilings of compute units, each beside the most that the demo has measured with 200 accounts.
const CEILINGS: [(&str, u64); 11] = [
    ("AccrueInterest", 7_600),    // 6,237
    ("CloseAccount", 2_000),      // 1,657
    ("Deposit", 12_000),          // 9,894
    ("FillOrder", 40_000),        // 31,971
    ("Liquidate", 58_000),        // 47,995
    ("OpenAccount", 25_000),      // 15,768, which grows with the search for a bump
    ("PlaceOrder", 14_000),       // 10,852
    ("RefreshPrices", 26_000),    // 20,530 for four feeds
    ("SettlePnl", 6_000),         // 4,915
    ("StartLiquidation", 11_000), // 8,908
    ("Withdraw", 17_500),         // 14,127
];

fn options(seed: u64) -> Options {
    Options {
        seed,
        accounts: 42,
        progress: false,
    }
}

#[test]
fn the_crash_of_october_2025_ends_with_everybody_paid() {
    for seed in [1, 2] {
        let outcome = run(&PricePath::october_2025(seed), &options(seed)).unwrap();
        check(&outcome).unwrap();
        let summary = &outcome.recording.summary;
        assert_eq!(summary.conservation_violations, 0);
        assert!(summary.bad_debt_quote <= summary.bad_debt_paid_quote);
        assert!(summary.partially_liquidated_and_healthy > 0);
        assert!(summary.withdrawals > summary.accounts);
        assert_eq!(summary.steps, outcome.recording.steps.len());
        for (instruction, ceiling) in CEILINGS {
            let measured = &summary.cu[instruction];
            assert!(measured.count > 0, "{instruction} never succeeded");
            assert!(measured.max <= ceiling, "{instruction}: {}", measured.max);
        }
    }
}

#[test]
fn a_gap_beyond_the_insurance_fund_is_reported_as_such() {
    let mut text = String::from("time,SOL,ETH,BTC\n");
    for minute in 0..20 {
        let level = if minute < 10 { 1.0 } else { 0.6 };
        let (sol, eth, btc) = (200.0 * level, 4_000.0 * level, 100_000.0 * level);
        text += &format!("{},{sol},{eth},{btc}\n", minute * 60);
    }
    let path = PricePath::from_csv(&text, "gap").unwrap();
    let outcome = run(&path, &options(1)).unwrap();
    let summary = &outcome.recording.summary;
    assert_eq!(summary.conservation_violations, 0);
    assert!(summary.bad_debt_quote > summary.bad_debt_paid_quote);
    assert!(summary.bad_debt_paid_quote > 0 && summary.in_liquidation_at_the_end > 0);
    let message = check(&outcome).unwrap_err().to_string();
    assert!(message.contains("insurance fund ran out"), "{message}");
}
