//! A made-up but plausible recording, to test and to look at.

use crate::path::PricePath;
use crate::report::{
    ComputeUnits, Holdings, LiquidationRow, LossRow, PortfolioRow, Recording, SettledRow, Step,
    Summary,
};
use ballast_client::state::MarketKind;

/// A run along the path of 10 October 2025 with invented accounts.
pub fn recording() -> Recording {
    let path = PricePath::october_2025(42);
    let start = &path.points[0];
    let mut ranges = vec![0.10, 0.09, 0.07];
    let (mut insurance, mut open) = (250_000.0, 0.0f64);
    let mut steps: Vec<Step> = Vec::new();
    let mut liquidation_rows = Vec::new();
    for point in &path.points {
        let level = point
            .prices
            .iter()
            .zip(&start.prices)
            .map(|(now, start)| now / start)
            .sum::<f64>()
            / 3.0;
        let fall = steps.last().map_or(0.0, |last: &Step| {
            (1.0 - point.prices[0] / last.prices[0]).max(0.0)
        });
        for (asset, range) in ranges.iter_mut().enumerate() {
            let calm = [0.10, 0.09, 0.07][asset];
            *range = (*range + fall * 0.5 + (calm - *range) * 0.002).min(0.4);
        }
        let pressure = (0.93 - level).max(0.0) * fall * 9_000.0;
        let liquidations = pressure.round().min(14.0) as u32;
        open = (open * 0.9 + f64::from(liquidations) * 1.4).min(40.0);
        insurance += f64::from(liquidations) * 61.5 - pressure * 20.0;
        let ratio = |calm: f64| 1.02 + (calm - 1.02) * ((level - 0.72) / 0.28).powf(1.3);
        for slice in 0..liquidations {
            let size = 1.0 + f64::from(slice);
            liquidation_rows.push(LiquidationRow {
                time_s: point.time_s,
                account: format!(
                    "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosg{}",
                    liquidation_rows.len()
                ),
                holdings: Holdings {
                    deposits: 2,
                    options: slice as usize,
                    ..Holdings::default()
                },
                fraction: (0.08 * size).min(1.0),
                equity_before: 1_431.07 * size - 2_000.0,
                payment: 113.5 * size,
                insurance_fee: 2.27 * size,
                insurance_payment: if slice > 8 { 41.0 } else { 0.0 },
                ratio_before: 0.99 - 0.02 * size,
                ratio_after: if liquidation_rows.len() % 40 == 7 {
                    f64::INFINITY
                } else {
                    1.06
                },
            });
        }
        steps.push(Step {
            time_s: point.time_s,
            prices: point.prices.clone(),
            total_equity: 4_200_000.0 + 9_800_000.0 * level,
            insurance,
            ratio_percentiles: [
                ratio(1.35),
                ratio(1.9),
                ratio(3.1),
                ratio(6.4),
                f64::INFINITY,
            ],
            liquidatable: (open * 0.6) as u32,
            in_liquidation: open as u32,
            liquidations,
            liquidated_value: f64::from(liquidations) * 8_400.0,
            scan_ranges: ranges.clone(),
            implied_volatilities: ranges.iter().map(|range| range * 7.0).collect(),
            open_interest: [9e6, 2e6, 1e6, 1.5e6].map(|size| size * level),
        });
    }
    let units = |count, median, max| ComputeUnits { count, median, max };
    let cu = [
        ("deposit", units(655, 21_304, 24_911)),
        ("fill_order", units(1_204, 88_120, 131_440)),
        (
            "liquidate",
            units(liquidation_rows.len() as u64, 97_815, 164_020),
        ),
        ("refresh_prices", units(steps.len() as u64, 46_118, 61_200)),
        ("withdraw", units(214, 39_770, 55_300)),
    ];
    let summary = Summary {
        accounts: 215,
        transactions: 14_873,
        steps: steps.len(),
        liquidations: liquidation_rows.len() as u64,
        accounts_liquidated: 63,
        fully_closed: 9,
        partially_liquidated_and_healthy: 54,
        bad_debt_quote: 1_150_000_000,
        bad_debt_paid_quote: 800_000_000,
        accounts_insolvent: 3,
        insurance_paid_quote: 812_400_000,
        accounts_deleveraged: 2,
        profit_given_up_quote: 300_000_000,
        loans_written_off: 1,
        loss_shared_quote: 50_000_000,
        attacker_put_in_quote: Some(400_000_000_000),
        attacker_end_quote: Some(251_500_000_000),
        in_liquidation_at_the_end: 0,
        insurance_start_quote: 250_000_000_000,
        insurance_end_quote: (insurance * 1e6) as i64,
        accounts_with_futures: 33,
        accounts_with_futures_liquidated: 4,
        accounts_with_options: 66,
        accounts_with_options_liquidated: 17,
        markets_listed: 27,
        futures_settled: 3,
        series_settled: 6,
        positions_settled: 102,
        settled_quote: 431_070_000_000,
        funding_updates: 6,
        funding_paid_by_longs_quote: 1_204_500_000,
        funding_paid_by_shorts_quote: 310_250_000,
        surfaces_posted: 366,
        conservation_violations: 0,
        withdrawals: 214,
        withdrawals_failed: 0,
        cu: cu.map(|(name, units)| (name.to_owned(), units)).into(),
        seed: 42,
        path: path.name,
        note: path.note,
    };
    let settled = |kind, strike, payoff| SettledRow {
        asset: "BTC".into(),
        kind,
        strike,
        expiry_s: 1_760_169_600,
        price: 112_900.0,
        payoff,
        positions: 17,
        tokens: 4.25,
        received: 38_512.33,
    };
    Recording {
        assets: path.assets,
        steps,
        summary,
        portfolios: vec![PortfolioRow {
            name: "Covered call",
            manner: "tokens, calls on them sold",
            accounts: 16,
            holdings: Holdings {
                deposits: 16,
                options: 16,
                ..Holdings::default()
            },
            liquidated: 2,
            closed: 1,
            equity_start: 412_000.0,
            equity_end: 377_000.0,
        }],
        settled_rows: vec![
            settled(MarketKind::Future, 0.0, 112_900.0),
            settled(MarketKind::Put, 122_000.0, 9_100.0),
        ],
        liquidation_rows,
        loss_rows: vec![
            LossRow {
                time_s: 1_760_131_000,
                account: "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".into(),
                equity_before: -350.0,
                counterparty: Some("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU".into()),
                asset: "SOL".into(),
                amount: 300.0,
            },
            LossRow {
                time_s: 1_760_131_000,
                account: "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".into(),
                equity_before: -50.0,
                counterparty: None,
                asset: "USDC".into(),
                amount: 50.0,
            },
        ],
    }
}
