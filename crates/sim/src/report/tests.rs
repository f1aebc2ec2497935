use super::*;

const JSON_NAMES: [&str; 40] = [
    "accounts",
    "transactions",
    "steps",
    "liquidations",
    "accounts_liquidated",
    "fully_closed",
    "partially_liquidated_and_healthy",
    "bad_debt_quote",
    "bad_debt_paid_quote",
    "accounts_insolvent",
    "insurance_paid_quote",
    "accounts_deleveraged",
    "profit_given_up_quote",
    "loans_written_off",
    "loss_shared_quote",
    "attacker_put_in_quote",
    "attacker_end_quote",
    "in_liquidation_at_the_end",
    "insurance_start_quote",
    "insurance_end_quote",
    "accounts_with_futures",
    "accounts_with_futures_liquidated",
    "accounts_with_options",
    "accounts_with_options_liquidated",
    "markets_listed",
    "futures_settled",
    "series_settled",
    "positions_settled",
    "settled_quote",
    "funding_updates",
    "funding_paid_by_longs_quote",
    "funding_paid_by_shorts_quote",
    "surfaces_posted",
    "conservation_violations",
    "withdrawals",
    "withdrawals_failed",
    "cu",
    "seed",
    "path",
    "note",
];
const CHARTS: [&str; 10] = [
    "prices",
    "ratios",
    "below-maintenance",
    "liquidations",
    "value-taken",
    "scan-range",
    "implied-volatility",
    "open-interest",
    "equity",
    "insurance",
];

#[test]
fn json_has_the_names_that_others_rely_on() {
    let json = serde_json::to_value(sample::recording().summary).unwrap();
    for name in JSON_NAMES {
        assert!(json.get(name).is_some(), "{name} is missing");
    }
    assert_eq!(json["insurance_start_quote"], 250_000_000_000i64);
    assert_eq!(json["cu"]["deposit"]["median"], 21_304);
    assert_eq!(json["cu"]["deposit"]["count"], 655);
    assert_eq!(json["cu"]["deposit"]["max"], 24_911);
}

#[test]
fn page_has_every_chart_with_texts_and_stands_alone() {
    let page = html::page(&sample::recording());
    for id in CHARTS.into_iter().chain([
        "prices-close",
        "below-maintenance-close",
        "liquidations-close",
    ]) {
        for screen in ["large", "small"] {
            assert!(
                page.contains(&format!("<figure id=\"{id}\"")),
                "{id} is missing"
            );
            assert!(
                page.contains(&format!("<title id=\"{id}-{screen}-title\">")),
                "{id} has no title"
            );
            assert!(
                page.contains(&format!("<desc id=\"{id}-{screen}-text\">")),
                "{id} has no text"
            );
        }
    }
    assert!(page.contains("reconstructed"));
    assert!(page.contains("∞"));
    assert!(!page.contains("NaN") && !page.contains("inf "));
    for external in ["<script", "<link", "src=", "url(", "@import"] {
        assert!(!page.contains(external), "{external}");
    }
}

#[test]
fn page_tells_kinds_of_positions_apart() {
    let page = html::page(&sample::recording());
    for text in [
        "Covered call",
        "BTC future",
        "BTC 122,000 put",
        "11 Oct 08:00",
        "2 deposits, 1 option",
        "1,514.75",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    let empty = html::page(&Recording::default());
    assert!(empty.contains("Nobody traded") && empty.contains("Nothing expired"));
}

#[test]
fn page_tells_who_bore_a_loss() {
    let page = html::page(&sample::recording());
    for text in ["SOL positions of", "depositors of USDC", "The attacker"] {
        assert!(page.contains(text), "{text} is missing");
    }
    assert!(html::page(&Recording::default()).contains("The insurance fund was enough"));
}

#[test]
fn text_from_outside_is_escaped() {
    let mut recording = sample::recording();
    recording.summary.path = "<b>&\"".into();
    recording.assets[0] = "</svg>".into();
    let page = html::page(&recording);
    assert!(page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"));
    assert!(page.contains("&lt;/svg&gt;"));
}

#[test]
fn long_tables_are_cut_in_the_middle() {
    let mut recording = sample::recording();
    recording.liquidation_rows = vec![LiquidationRow::default(); 1_234];
    assert!(html::page(&recording).contains("1,034 more"));
}

#[test]
fn broken_promises_are_marked() {
    let mut recording = sample::recording();
    assert!(!html::page(&recording).contains("not as promised"));
    recording.summary.bad_debt_quote += 1;
    assert!(html::page(&recording).contains("not as promised"));
    recording = sample::recording();
    recording.summary.attacker_end_quote = Some(400_000_000_001);
    let page = html::page(&recording);
    assert!(page.contains("not as promised") && page.contains("0.000001"));
}

#[test]
fn recordings_without_much_in_them_are_still_written() {
    let infinite = Step {
        prices: vec![0.0, f64::INFINITY],
        total_equity: f64::NAN,
        insurance: f64::NEG_INFINITY,
        ratio_percentiles: [
            f64::NEG_INFINITY,
            f64::NAN,
            0.0,
            f64::INFINITY,
            f64::INFINITY,
        ],
        liquidated_value: f64::INFINITY,
        scan_ranges: vec![f64::NAN],
        liquidations: u32::MAX,
        ..Step::default()
    };
    let assets = vec!["SOL".to_owned(), "ETH".to_owned(), "BTC".to_owned()];
    let end = Step {
        time_s: 1 << 40,
        ..infinite.clone()
    };
    for steps in [
        vec![],
        vec![Step::default()],
        vec![infinite.clone()],
        vec![infinite.clone(); 2],
        vec![infinite, end],
    ] {
        let recording = Recording {
            assets: assets.clone(),
            steps,
            ..Recording::default()
        };
        let page = html::page(&recording);
        assert!(
            CHARTS
                .iter()
                .all(|id| page.contains(&format!("<figure id=\"{id}\"")))
        );
        assert!(!page.contains("NaN"));
    }
    assert!(html::page(&Recording::default()).contains("nothing recorded"));
}

#[test]
fn many_steps_do_not_make_a_large_page() {
    let mut recording = sample::recording();
    let last = recording.steps.last().unwrap().clone();
    let more = (1..100_000).map(|second| Step {
        time_s: last.time_s + second,
        ..last.clone()
    });
    recording.steps.extend(more);
    assert!(html::page(&recording).len() < 3_000_000);
}

#[test]
fn writes_both_files() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("demo");
    write(&sample::recording(), &directory).unwrap();
    let json = std::fs::read(directory.join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["accounts"], 215);
    let page = std::fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));

    let file = directory.join("report.json");
    let error = write(&sample::recording(), &file).unwrap_err();
    assert!(error.to_string().contains("cannot create"), "{error}");
}

#[test]
fn terminal_table_names_the_promises() {
    let table = summary_table(&sample::recording().summary);
    for text in [
        "Bad debt",
        "1,150.00 USDC",
        "300.00 USDC by 2 accounts",
        "50.00 USDC in 1 loans",
        "−148,500.00 USDC on 400,000.00",
        "63 of 215",
        "17 of 66",
        "3 futures, 6 option series",
        "366",
        "10 October 2025",
        "97,815",
    ] {
        assert!(table.contains(text), "{text} is missing in\n{table}");
    }
    assert!(!summary_table(&Summary::default()).contains("Instruction"));
}
