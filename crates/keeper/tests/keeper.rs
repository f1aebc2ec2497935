//! The keeper's decisions against the real program: what it plans on a state goes through, and all of it together leads where it should.

mod common;

use ballast_client::state::Side;
use ballast_client::state::health::Purpose;
use ballast_keeper::{Duty, JobKey, Policy};
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage};
use common::{Keeper, figures, is_flagged, lots, publish, rest};
use solana_keypair::Keypair;

/// The keeper's key, a dealer who trades with everybody, and a stage whose margins can be worked out by hand.
fn scene() -> (Stage, Keypair, Keypair) {
    let mut stage = Stage::steady();
    let dealer = stage.trader(1, 10_000_000.0);
    stage.fund(&dealer, SOL, 10_000.0);
    let key = stage.trader(2, 1_000_000.0);
    (stage, dealer, key)
}

fn keeper(stage: &Stage, key: &Keypair, policy: Policy) -> Keeper {
    Keeper::new(&stage.world, &stage.venue, key, policy)
}

#[test]
fn a_steady_state_needs_nothing() {
    let (mut stage, _, key) = scene();
    let mut keeper = keeper(&stage, &key, Policy::default());
    // The first funding rates and nothing else; then nothing.
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.done.keys().collect::<Vec<_>>(), [&"update funding"]);
    assert_eq!(keeper.round(&mut stage.world), 0);
    stage.world.advance(5);
    assert_eq!(keeper.round(&mut stage.world), 0);
}

#[test]
fn prices_are_refreshed_when_they_move_or_age() {
    let (mut stage, _, key) = scene();
    let mut keeper = keeper(&stage, &key, Policy::default());
    keeper.work_alone(&mut stage);
    stage.world.advance(5);
    publish(&mut stage);
    // Newer, but the same and not old yet.
    assert_eq!(keeper.round(&mut stage.world), 0);
    stage.prices[SOL] = 201.0;
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("refresh prices"), 1);
    let board = stage.venue.board(&stage.world).unwrap();
    let price: f64 = board.prices[SOL].price.get().to_num();
    assert!((price - 0.201).abs() < 1e-9);
    // Only the feed that moved: the others keep their time.
    assert_eq!(board.prices[ETH].publish_time, stage.world.now() - 5);
    stage.world.advance(20);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.prices[ETH].publish_time, stage.world.now());
}

#[test]
fn a_crash_is_liquidated_to_health_and_the_inventory_unwound() {
    let (mut stage, dealer, key) = scene();
    let trader = stage.trader(10, 2_600.0);
    stage
        .trade(&dealer, &trader, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let mut keeper = keeper(&stage, &key, Policy::default());
    keeper.work_alone(&mut stage);
    let before = figures(&stage, &key, Purpose::ReduceRisk).equity_mark;
    stage.prices[SOL] = 192.0;
    stage.world.advance(5);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert!(is_flagged(&stage, &trader));
    assert_eq!(keeper.count("flag"), 1);
    // The dealer makes a market, in which the keeper sells what it takes.
    let bid = stage.venue.price_per_lot(SOL, 191.9);
    rest(
        &mut stage,
        &dealer,
        &Venue::perpetual(SOL),
        Side::Bid,
        bid,
        20_000,
    );
    keeper.work_for(&mut stage, 900, 10);
    assert!(!is_flagged(&stage, &trader), "{:?}", keeper.done);
    let report = figures(&stage, &trader, Purpose::Liquidate);
    assert!(report.is_above_buffer());
    assert!(keeper.count("liquidate") >= 1);
    assert!(keeper.count("unwind") >= 1);
    assert_eq!(lots(&stage, &key, &Venue::perpetual(SOL)), 0);
    let after = figures(&stage, &key, Purpose::ReduceRisk).equity_mark;
    assert!(after > before, "{before} {after}");
}

#[test]
fn denied_accounts_are_not_touched() {
    let (mut stage, dealer, key) = scene();
    let trader = stage.trader(10, 2_600.0);
    stage
        .trade(&dealer, &trader, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let mut policy = Policy::default();
    policy.deny.insert(stage.account(&trader));
    let mut keeper = keeper(&stage, &key, policy);
    stage.prices[SOL] = 185.0;
    stage.world.advance(5);
    publish(&mut stage);
    let before = *stage.state(&trader);
    keeper.work_for(&mut stage, 300, 30);
    assert!(bytemuck::bytes_of(&before) == bytemuck::bytes_of(&*stage.state(&trader)));
    assert_eq!(keeper.plan(&stage.world).scan.denied, 1);
    // Allowed again.
    keeper.policy.deny.clear();
    keeper.work_alone(&mut stage);
    assert!(is_flagged(&stage, &trader));
}

#[test]
fn duties_can_be_switched_off() {
    let (mut stage, dealer, key) = scene();
    let trader = stage.trader(10, 2_600.0);
    stage
        .trade(&dealer, &trader, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let policy = Policy {
        duties: [Duty::Prices].into(),
        ..Policy::default()
    };
    let mut keeper = keeper(&stage, &key, policy);
    stage.prices[SOL] = 185.0;
    stage.world.advance(60);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.done.keys().collect::<Vec<_>>(), [&"refresh prices"]);
    keeper.policy.duties.insert(Duty::Liquidation);
    let flag = JobKey::Flag(stage.account(&trader));
    assert!(keeper.plans(&stage.world, &flag));
}

#[test]
fn a_small_keeper_takes_what_it_can_carry_and_keeps_its_floor() {
    let (mut stage, dealer, _) = scene();
    let key = stage.trader(3, 600.0);
    let trader = stage.trader(10, 2_600.0);
    stage
        .trade(&dealer, &trader, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let policy = Policy {
        unwind_rests: false,
        ..Policy::default()
    };
    let floor = policy.health_floor;
    let mut keeper = keeper(&stage, &key, policy);
    stage.prices[SOL] = 185.0;
    let mut slices = 0;
    for _ in 0..60 {
        stage.world.advance(30);
        publish(&mut stage);
        keeper.work_alone(&mut stage);
        if keeper.count("liquidate") > slices {
            slices = keeper.count("liquidate");
            let report = figures(&stage, &key, Purpose::TakeOver);
            let kept = report.initial_margin as f64 * floor;
            assert!(report.health_initial() as f64 >= kept * 0.999);
        }
    }
    assert!(slices >= 1);
    let held = lots(&stage, &key, &Venue::perpetual(SOL));
    // Of 10,000 lots, 18,500 USDC, it carries a part at an initial margin of 12.6%.
    assert!((1..4_000).contains(&held), "{held}");
    assert!(is_flagged(&stage, &trader));
    // Once somebody takes its inventory it goes on.
    let bid = stage.venue.price_per_lot(SOL, 184.9);
    rest(
        &mut stage,
        &dealer,
        &Venue::perpetual(SOL),
        Side::Bid,
        bid,
        100_000,
    );
    keeper.work_for(&mut stage, 1_800, 30);
    assert!(!is_flagged(&stage, &trader), "{:?}", keeper.done);
    assert_eq!(lots(&stage, &key, &Venue::perpetual(SOL)), 0);
}

#[test]
fn an_inventory_that_nobody_takes_rests_at_the_mark() {
    let (mut stage, dealer, key) = scene();
    stage
        .trade(&dealer, &key, SOL, Side::Bid, 10.0, 200.0)
        .unwrap();
    let mut keeper = keeper(&stage, &key, Policy::default());
    keeper.work_alone(&mut stage);
    let order = |stage: &Stage| {
        let state = stage.state(&key);
        let mut orders = state.orders.iter().filter(|order| order.lots != 0);
        let order = *orders.next().expect("an order");
        assert!(orders.next().is_none());
        (order.price, order.lots, order.reduce_only)
    };
    assert_eq!(order(&stage), (2_000_000, 1_000, 1));
    // It follows the mark.
    stage.prices[SOL] = 203.0;
    stage.world.advance(5);
    publish(&mut stage);
    keeper.work_alone(&mut stage);
    assert_eq!(order(&stage), (2_030_000, 1_000, 1));
    assert_eq!(keeper.count("quote"), 2);
    // And is filled by whoever crosses it.
    let buyer = stage.trader(11, 100_000.0);
    rest(
        &mut stage,
        &buyer,
        &Venue::perpetual(SOL),
        Side::Bid,
        2_030_000,
        400,
    );
    keeper.work_alone(&mut stage);
    assert_eq!(lots(&stage, &key, &Venue::perpetual(SOL)), 600);
}

#[test]
fn an_inventory_is_not_given_away_to_bids_that_wait_for_it() {
    let (mut stage, dealer, key) = scene();
    stage
        .trade(&dealer, &key, SOL, Side::Bid, 10.0, 200.0)
        .unwrap();
    let mut keeper = keeper(&stage, &key, Policy::default());
    let perpetual = Venue::perpetual(SOL);
    let vulture = stage.trader(12, 100_000.0);
    // Within the slippage that a keeper in need would accept, but dearer than what slices were priced at.
    let low = stage.venue.price_per_lot(SOL, 198.2);
    rest(&mut stage, &vulture, &perpetual, Side::Bid, low, 1_000);
    keeper.work_for(&mut stage, 120, 20);
    assert_eq!(lots(&stage, &key, &perpetual), 1_000);
    let fair = stage.venue.price_per_lot(SOL, 199.9);
    let buyer = stage.trader(13, 100_000.0);
    rest(&mut stage, &buyer, &perpetual, Side::Bid, fair, 1_000);
    keeper.work_for(&mut stage, 60, 20);
    assert_eq!(lots(&stage, &key, &perpetual), 0);
    assert_eq!(stage.state(&vulture).lots(&perpetual), 0);
}

#[test]
fn an_account_of_cents_costs_a_few_transactions_and_no_more() {
    let (mut stage, dealer, key) = scene();
    let trader = stage.trader(10, 0.6);
    stage
        .trade(&dealer, &trader, SOL, Side::Bid, 0.01, 200.0)
        .unwrap();
    let mut keeper = keeper(&stage, &key, Policy::default());
    stage.prices[SOL] = 160.0;
    keeper.work_for(&mut stage, 7_200, 60);
    assert!(keeper.count("flag") <= 1, "{:?}", keeper.done);
    assert!(keeper.count("observe") <= 3, "{:?}", keeper.done);
    assert!(keeper.count("liquidate") <= 2, "{:?}", keeper.done);
}
