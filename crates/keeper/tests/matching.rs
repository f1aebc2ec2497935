//! Crossing orders and orders that cannot trade, against the real program.

mod common;

use ballast_client::args::OrderType;
use ballast_client::state::Side;
use ballast_keeper::{JobKey, Policy, Verdict};
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage};
use common::{Keeper, lots, publish, rest};
use solana_keypair::Keypair;

fn scene() -> (Stage, Keeper) {
    let mut stage = Stage::steady();
    let key = stage.trader(2, 100_000.0);
    let policy = Policy {
        unwind_rests: false,
        ..Policy::default()
    };
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, policy);
    keeper.work_alone(&mut stage);
    (stage, keeper)
}

fn traders(stage: &mut Stage, count: u8) -> Vec<Keypair> {
    (0..count)
        .map(|number| stage.trader(20 + number, 50_000.0))
        .collect()
}

#[test]
fn crossing_orders_are_matched_in_all_markets_for_a_fee() {
    let (mut stage, mut keeper) = scene();
    let people = traders(&mut stage, 4);
    let (sol, eth) = (Venue::perpetual(SOL), Venue::perpetual(ETH));
    let eth_price = stage.venue.price_per_lot(ETH, 4_000.0);
    rest(&mut stage, &people[0], &sol, Side::Ask, 2_001_000, 500);
    rest(&mut stage, &people[1], &sol, Side::Ask, 2_000_000, 300);
    rest(&mut stage, &people[2], &eth, Side::Bid, eth_price, 100);
    stage.world.skip_slots(30);
    // Takes the better ask whole and a part of the other; then nothing crosses.
    rest(&mut stage, &people[3], &sol, Side::Bid, 2_005_000, 600);
    rest(&mut stage, &people[0], &eth, Side::Ask, eth_price, 40);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("fill"), 3);
    assert_eq!(lots(&stage, &people[3], &sol), 600);
    assert_eq!(lots(&stage, &people[1], &sol), -300);
    assert_eq!(lots(&stage, &people[0], &sol), -300);
    assert_eq!(lots(&stage, &people[2], &eth), 40);
    // A fifth of 7 basis points of 300 lots at 2.00 and 300 at 2.001 USDC, less the rounding.
    let state = stage.state(&keeper.key);
    let fee = state.position(&sol).expect("a fee").quote;
    let expected = 0.2 * 0.0007 * 300.0 * (2_000_000.0 + 2_001_000.0);
    assert!((fee as f64 - expected).abs() < 4.0, "{fee} {expected}");
    assert!(state.position(&eth).is_some());
}

#[test]
fn a_refused_pair_waits_and_holds_nobody_up() {
    let (mut stage, mut keeper) = scene();
    let people = traders(&mut stage, 3);
    let sol = Venue::perpetual(SOL);
    let first = rest(&mut stage, &people[0], &sol, Side::Ask, 2_000_000, 100);
    rest(&mut stage, &people[1], &sol, Side::Ask, 2_001_000, 100);
    stage.world.skip_slots(30);
    let taker = rest(&mut stage, &people[2], &sol, Side::Bid, 2_001_000, 200);
    let pair = JobKey::Fill {
        maker: stage.account(&people[0]),
        maker_order: first,
        taker: stage.account(&people[2]),
        taker_order: taker,
    };
    let now = stage.world.now();
    keeper.memory.failed(&pair, Verdict::Failure, now);
    keeper.work_alone(&mut stage);
    assert_eq!(lots(&stage, &people[0], &sol), 0);
    assert_eq!(lots(&stage, &people[1], &sol), -100);
    assert!(!keeper.plans(&stage.world, &pair));
    // After a while it is tried again.
    stage.world.advance(40);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert_eq!(lots(&stage, &people[0], &sol), -100);
}

#[test]
fn what_may_not_trade_is_passed_over() {
    let (mut stage, mut keeper) = scene();
    let people = traders(&mut stage, 3);
    let sol = Venue::perpetual(SOL);
    // Both sides of one owner, in his two accounts, with the best prices.
    rest(&mut stage, &people[0], &sol, Side::Ask, 1_999_000, 50);
    rest(&mut stage, &people[0], &sol, Side::Bid, 2_003_000, 50);
    // The younger one never takes.
    stage.world.skip_slots(1);
    let post_only = ballast_client::args::OrderArgs {
        order_type: OrderType::PostOnly,
        ..Venue::limit(Side::Bid, 2_002_000, 70)
    };
    stage
        .venue
        .place_in(&mut stage.world, &people[1], &sol, post_only)
        .unwrap();
    stage.world.skip_slots(1);
    rest(&mut stage, &people[2], &sol, Side::Ask, 2_002_000, 10);
    keeper.work_alone(&mut stage);
    // The last ask took the best bid.
    assert_eq!(lots(&stage, &people[2], &sol), -10);
    assert_eq!(lots(&stage, &people[0], &sol), 10);
    assert_eq!(lots(&stage, &people[1], &sol), 0);
}

#[test]
fn orders_that_nobody_can_fill_are_removed() {
    let (mut stage, mut keeper) = scene();
    let people = traders(&mut stage, 2);
    let poor = stage.trader(30, 3_000.0);
    let sol = Venue::perpetual(SOL);
    let lapsing = ballast_client::args::OrderArgs {
        expires_at: (stage.world.now() + 5) as u32,
        ..Venue::limit(Side::Bid, 1_990_000, 10)
    };
    stage
        .venue
        .place_in(&mut stage.world, &people[0], &sol, lapsing)
        .unwrap();
    // Long 50 SOL, and an order for 50 more that he cannot afford after a fall.
    stage
        .trade(&people[1], &poor, SOL, Side::Bid, 50.0, 200.0)
        .unwrap();
    let order = rest(&mut stage, &poor, &sol, Side::Bid, 1_900_000, 5_000);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("prune"), 0);
    stage.prices[SOL] = 180.0;
    stage.world.advance(6);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("prune"), 2);
    assert!(stage.state(&poor).order(order).is_none());
    // Neither he nor the other trades with who is left.
    assert!(!stage.state(&poor).in_liquidation());
}

#[test]
fn an_order_that_its_account_cannot_afford_does_not_block_the_book() {
    let (mut stage, mut keeper) = scene();
    let people = traders(&mut stage, 3);
    let poor = stage.trader(30, 3_000.0);
    let sol = Venue::perpetual(SOL);
    stage
        .trade(&people[1], &poor, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    rest(&mut stage, &poor, &sol, Side::Bid, 2_000_000, 1_500);
    rest(&mut stage, &people[0], &sol, Side::Bid, 1_980_000, 200);
    stage.prices[SOL] = 194.0;
    stage.world.advance(10);
    publish(&mut stage);
    keeper.policy.duties.remove(&ballast_keeper::Duty::Pruning);
    keeper.work_alone(&mut stage);
    let seller = &people[2];
    rest(&mut stage, seller, &sol, Side::Ask, 1_980_000, 200);
    keeper.work_alone(&mut stage);
    assert_eq!(lots(&stage, seller, &sol), -200);
    assert_eq!(lots(&stage, &people[0], &sol), 200);
}
