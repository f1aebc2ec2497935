//! The demo keeps its promises: for several seeds, and when the insurance fund is too small.

use ballast_sim::demo::{Options, check, run};
use ballast_sim::path::PricePath;

/// Ceilings of compute units, each beside the most that the demo has measured with 200 accounts.
const CEILINGS: [(&str, u64); 17] = [
    ("AccrueInterest", 7_600),     // 6,229
    ("CloseAccount", 2_100),       // 1,687
    ("CloseMarket", 3_000),        // 2,382
    ("Deposit", 12_000),           // 9,910
    ("FillOrder", 109_000),        // 87,020
    ("FinalizeSettlement", 3_000), // 2,349
    ("Liquidate", 136_000),        // 108,741
    ("ListSeries", 21_000),        // 14,851, which grows with the search for a bump
    ("OpenAccount", 25_000),       // 15,793, likewise
    ("PlaceOrder", 46_000),        // 36,869
    ("PostSurface", 4_700),        // 3,716
    ("RefreshPrices", 26_000),     // 20,870 for four feeds
    ("SettlePnl", 7_800),          // 6,206
    ("SettlePosition", 3_200),     // 2,528
    ("StartLiquidation", 19_500),  // 15,409
    ("UpdateFunding", 3_400),      // 2,720
    ("Withdraw", 17_700),          // 14,182
];

fn options(seed: u64) -> Options {
    Options {
        seed,
        accounts: 42,
        ..Options::default()
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
        // Everything in one account: what is liquidated, options and futures are part of.
        assert!(summary.accounts_with_options > summary.accounts_with_options_liquidated);
        assert!(summary.accounts_with_options_liquidated > 0);
        assert!(summary.accounts_with_futures > summary.accounts_with_futures_liquidated);
        assert_eq!((summary.futures_settled, summary.series_settled), (3, 6));
        assert!(summary.positions_settled > 9 && summary.settled_quote > 0);
        assert!(summary.funding_paid_by_longs_quote > 0 && summary.surfaces_posted > 300);
        // Implied volatility rose with the fall.
        let steps = &outcome.recording.steps;
        let implied = |step: usize| steps[step].implied_volatilities.clone();
        let rises = implied(0).into_iter().zip(implied(steps.len() - 1));
        assert!(
            rises
                .into_iter()
                .all(|(before, after)| after > before * 1.5)
        );
        let rows = &outcome.recording.liquidation_rows;
        assert!(rows.iter().any(|row| row.holdings.options > 0));
        assert_eq!(summary.steps, outcome.recording.steps.len());
        for (instruction, ceiling) in CEILINGS {
            let measured = &summary.cu[instruction];
            assert!(measured.count > 0, "{instruction} never succeeded");
            assert!(measured.max <= ceiling, "{instruction}: {}", measured.max);
        }
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    let told = || {
        let outcome = run(&quiet_morning(), &options(3)).unwrap();
        let recording = outcome.recording;
        format!("{:?} {:?}", recording.summary, recording.settled_rows)
    };
    assert_eq!(told(), told());
}

/// From an hour before 08:00 UTC, so that expiries are a day away, past the next one.
fn quiet_morning() -> PricePath {
    const START_S: i64 = 1_760_166_060;
    let times = (0..2)
        .chain(1_470..1_501)
        .map(|minute| START_S + minute * 60);
    let lines = times.map(|time| format!("{time},200,4000,100000\n"));
    let text = String::from("time,SOL,ETH,BTC\n") + &lines.collect::<String>();
    PricePath::from_csv(&text, "a quiet morning").unwrap()
}

#[test]
fn an_expiry_within_the_path_is_settled_when_it_comes() {
    let outcome = run(&quiet_morning(), &options(1)).unwrap();
    check(&outcome).unwrap();
    let recording = &outcome.recording;
    assert_eq!(
        (
            recording.summary.futures_settled,
            recording.summary.series_settled
        ),
        (3, 6)
    );
    for row in &recording.settled_rows {
        let prices = [("SOL", 200.0), ("ETH", 4_000.0), ("BTC", 100_000.0)];
        let (_, price) = prices
            .into_iter()
            .find(|(asset, _)| row.asset == *asset)
            .unwrap();
        assert!((row.price / price - 1.0).abs() < 1e-6);
    }
    let [before, after] = [|time| time < 0, |time| time >= 0].map(|of: fn(i64) -> bool| {
        let expiry = recording.settled_rows[0].expiry_s;
        let mut steps = recording.steps.iter();
        steps.find(|step| of(step.time_s - expiry)).unwrap()
    });
    assert!(after.open_interest[3] < before.open_interest[3] && after.open_interest[3] > 0.0);
}

#[test]
fn a_gap_beyond_the_insurance_fund_is_borne_by_those_behind_it() {
    let mut text = String::from("time,SOL,ETH,BTC\n");
    for minute in 0..20 {
        let level = if minute < 10 { 1.0 } else { 0.5 };
        let (sol, eth, btc) = (200.0 * level, 4_000.0 * level, 100_000.0 * level);
        text += &format!("{},{sol},{eth},{btc}\n", minute * 60);
    }
    let path = PricePath::from_csv(&text, "gap").unwrap();
    let outcome = run(&path, &options(1)).unwrap();
    check(&outcome).unwrap();
    let summary = &outcome.recording.summary;
    assert!(summary.bad_debt_quote > summary.bad_debt_paid_quote);
    assert!(summary.bad_debt_paid_quote > 0 && summary.insurance_end_quote < 100_000_000);
    assert!(summary.profit_given_up_quote > 0 && summary.accounts_deleveraged > 0);
    assert!(summary.unborne_quote() <= 0 && summary.in_liquidation_at_the_end == 0);
    assert!(!outcome.recording.loss_rows.is_empty());
}
