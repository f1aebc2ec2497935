//! The liquidate row of the table in `docs/oracle.md`, each cell: deposit, loan, long and short position, whole or under 1% of the gross value.

use crate::scene::{Raid, WHOLE};
use ballast::error::BallastError;
use ballast::error::BallastError::{NotLiquidatable, PriceNeverSet, StalePrice};
use ballast_client::state::health::Purpose;
use ballast_client::state::{Board, Exchange, PriceEntry, Validity};
use ballast_tests::{BTC, ETH, SOL};
use bytemuck::Zeroable;
use solana_keypair::Keypair;

const STATES: [&str; 5] = ["fresh", "wide", "stale", "divergent", "never set"];

/// What the account has of SOL, whose price changes its state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holding {
    Deposit,
    Loan,
    Long,
    Short,
}

/// An account that ETH ruins, holding SOL of a value in dollars besides.
fn ruined(raid: &mut Raid, number: u8, holding: Holding, dollars: f64) -> Keypair {
    let tokens = dollars / 200.0;
    let cash = match holding {
        Holding::Deposit => 900.0 - dollars * 0.9,
        Holding::Loan => 900.0 + dollars * 1.1,
        Holding::Long | Holding::Short => 900.0 + dollars * 0.1,
    };
    let key = raid.stage.trader(number, cash.max(1.0) + 300.0);
    match holding {
        Holding::Deposit => raid.stage.fund(&key, SOL, tokens),
        Holding::Loan => {
            raid.stage.mint(&key, SOL, 0);
            let borrow = raid.stage.withdraw(&key, SOL, (tokens * 1e9) as u64, true);
            raid.act(&[borrow], &[&key]);
        }
        Holding::Long | Holding::Short => {
            let dealer = raid.dealer.insecure_clone();
            let signed = if holding == Holding::Long {
                tokens
            } else {
                -tokens
            };
            raid.deal(&dealer, &key, SOL, signed, 200.0);
        }
    }
    let dealer = raid.dealer.insecure_clone();
    raid.deal(&dealer, &key, ETH, 1.5, 4_000.0);
    key
}

/// Brings the price of SOL into a state while all others are fresh and ETH has fallen.
fn enter(raid: &mut Raid, state: &str) {
    raid.stage.world.advance(131);
    for asset in [0, ETH, BTC] {
        let refresh = raid.publish(asset, |_| {});
        raid.act(&refresh, &[]);
    }
    if matches!(state, "fresh" | "wide" | "divergent") {
        let refresh = raid.publish(SOL, |price| {
            if state == "wide" {
                price.confidence = price.price.unsigned_abs() * 3 / 100;
            }
        });
        raid.act(&refresh, &[]);
    }
    let addresses = &raid.stage.venue.addresses;
    let (board, exchange) = (addresses.board, addresses.exchange);
    if state == "divergent" {
        raid.stage.patch::<Exchange>(&exchange, |exchange| {
            exchange.feeds[SOL].compare_with = ETH as u8;
        });
    }
    raid.stage.patch::<Board>(&board, |board| match state {
        "divergent" => board.prices[SOL].divergent = 1,
        "never set" => board.prices[SOL] = PriceEntry::zeroed(),
        _ => {}
    });
    let expected = match state {
        "fresh" => Validity::Fresh,
        "wide" => Validity::Wide,
        "never set" => Validity::NeverSet,
        _ => Validity::Stale,
    };
    assert_eq!(raid.validity(SOL), expected);
}

#[test]
fn each_cell_of_the_liquidate_row() {
    let stale = Some(StalePrice);
    let never = Some(PriceNeverSet);
    let holdings = [
        Holding::Deposit,
        Holding::Loan,
        Holding::Long,
        Holding::Short,
    ];
    for (column, state) in STATES.iter().enumerate() {
        for holding in holdings {
            for (is_large, dollars) in [(true, 200.0), (false, 40.0)] {
                let mut raid = Raid::new();
                raid.stage.insure(10_000.0);
                let [fresh, flagged] =
                    [10, 11].map(|number| ruined(&mut raid, number, holding, dollars));
                raid.stage.prices[ETH] = 3_500.0;
                let [usdc, eth] = [0, ETH].map(|asset| raid.publish(asset, |_| {}));
                let all = [usdc, eth].concat();
                raid.act(&all, &[]);
                raid.flag(&flagged);
                enter(&mut raid, state);
                let old = if is_large { stale } else { None };
                let unset = if holding == Holding::Deposit {
                    None
                } else {
                    never
                };
                let expected: Option<BallastError> = [None, None, old, old, unset][column];
                let flag = raid.flag_instruction(&fresh);
                let take = raid.raid(&flagged);
                let by = raid.raider.insecure_clone();
                println!("{state} {holding:?} of {dollars}");
                match expected {
                    Some(error) => {
                        let code = u32::from(error);
                        raid.refused(&[flag], &[], ballast_tests::Code(code));
                        raid.refused(&[take], &[&by], ballast_tests::Code(code));
                    }
                    None => {
                        raid.act(&[flag], &[]);
                        raid.act(&[take], &[&by]);
                        assert!(raid.is_flagged(&fresh));
                    }
                }
            }
        }
    }
}

/// An uncertain price counts at the edge that favours the account, for deposits and longs the upper, for loans and shorts the lower one, and the
/// range is not widened by it.
#[test]
fn a_wide_price_is_the_favourable_edge_for_every_holding() {
    for holding in [
        Holding::Deposit,
        Holding::Loan,
        Holding::Long,
        Holding::Short,
    ] {
        let mut raid = Raid::new();
        let key = ruined(&mut raid, 10, holding, 1_000.0);
        let certain = raid.figures(&key);
        enter(&mut raid, "wide");
        let wide = raid.figures(&key);
        // 3% of 1,000.
        let better = wide.equity_mark - certain.equity_mark;
        assert!((better - 30_000_000).abs() <= 3, "{holding:?} {better}");
        let range = |report: &ballast_client::state::health::Report| {
            let underlying = report.underlyings().iter();
            underlying.map(|entry| entry.range_q32).max().unwrap()
        };
        assert!(range(&wide).abs_diff(WHOLE / 10) < 10, "{}", range(&wide));
        let middle = {
            let (venue, world) = (&raid.stage.venue, &raid.stage.world);
            let account = raid.stage.account(&key);
            venue.assess(world, &account, Purpose::ReduceRisk).unwrap()
        };
        assert!(range(&middle) > range(&wide));
    }
}

/// An account that only the middle of a wide price would ruin.
#[test]
fn the_edge_decides_at_a_hair() {
    for holding in [Holding::Long, Holding::Short] {
        let mut raid = Raid::new();
        let sign = if holding == Holding::Long { 1.0 } else { -1.0 };
        let victim = raid.trader(10, 3_500.0, SOL, 100.0 * sign);
        // Long: 3,490 − 100·(200 − p) = 10·p at 183.44. Short: 3,490 − 100·(p − 200) = 10·p at 213.54.
        let edge = if sign > 0.0 { 183.445 } else { 213.53 };
        for (off, expected) in [(0.02, Some(NotLiquidatable)), (-0.02, None)] {
            let middle = (edge + off * sign) / (1.0 + 0.03 * sign);
            let refresh = raid.publish(SOL, |price| {
                price.price = (middle * 1e8) as i64;
                price.confidence = (middle * 3e6) as u64;
            });
            raid.act(&refresh, &[]);
            let flag = raid.flag_instruction(&victim);
            match expected {
                Some(error) => raid.refused(&[flag], &[], error),
                None => drop(raid.act(&[flag], &[])),
            }
        }
    }
}
