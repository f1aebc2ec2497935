//! Interest, funding, expiries and profits, against the real program.

mod common;

use ballast_client::state::{MarketKind, Side};
use ballast_keeper::Policy;
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::{SOL, Stage};
use common::{Keeper, list, lots, publish};
use solana_keypair::Keypair;

fn keeper(stage: &mut Stage) -> Keeper {
    let key = stage.trader(2, 100_000.0);
    Keeper::new(&stage.world, &stage.venue, &key, Policy::default())
}

#[test]
fn funding_and_interest_have_their_hours() {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let mut keeper = keeper(&mut stage);
    let lender = stage.trader(3, 100_000.0);
    let borrower = stage.trader(4, 1.0);
    stage.fund(&borrower, SOL, 100.0);
    let accrue = stage.accrue(0);
    let borrow = stage.withdraw(&borrower, 0, 5_000_000_000, true);
    stage.world.send(&[accrue, borrow], &[&borrower]).unwrap();
    let _ = lender;
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("update funding"), 3);
    keeper.work_for(&mut stage, 3_570, 30);
    assert_eq!(keeper.count("update funding"), 3);
    assert_eq!(keeper.count("accrue interest"), 0);
    keeper.work_for(&mut stage, 60, 30);
    assert_eq!(keeper.count("update funding"), 6);
    // Only what is lent.
    assert_eq!(keeper.count("accrue interest"), 1);
    keeper.work_for(&mut stage, 3_600, 60);
    assert_eq!(keeper.count("update funding"), 9);
    assert_eq!(keeper.count("accrue interest"), 2);
}

#[test]
fn profits_are_paid_once_an_hour_out_of_losses() {
    let mut stage = Stage::steady();
    let mut keeper = keeper(&mut stage);
    let long = stage.trader(3, 100_000.0);
    let short = stage.trader(4, 100_000.0);
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    // Only fees are lost: less than is worth a transaction.
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("settle pnl"), 0);
    stage.prices[SOL] = 210.0;
    keeper.work_for(&mut stage, 1_800, 60);
    assert_eq!(keeper.count("settle pnl"), 0);
    keeper.work_for(&mut stage, 1_860, 60);
    assert_eq!(keeper.count("settle pnl"), 2);
    // 10 on each of 100, less the taker's fee of 10 in his quote.
    assert!((stage.balance(&long, 0) - 100_990_000_000).abs() < 10);
    assert!((stage.balance(&short, 0) - 98_996_000_000).abs() < 10);
    keeper.work_for(&mut stage, 7_200, 120);
    assert_eq!(keeper.count("settle pnl"), 2);
}

#[test]
fn a_price_that_moves_settles_nobody_more_than_once_an_hour() {
    let mut stage = Stage::steady();
    let mut keeper = keeper(&mut stage);
    let long = stage.trader(3, 100_000.0);
    let short = stage.trader(4, 100_000.0);
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    for minute in 0..180 {
        stage.prices[SOL] = if minute % 2 == 0 { 205.0 } else { 195.0 };
        keeper.work_for(&mut stage, 60, 60);
    }
    let settled = keeper.count("settle pnl");
    assert!((2..=8).contains(&settled), "{settled}");
}

/// Moves the clock to so many seconds before a time, prices published.
fn skip_to(stage: &mut Stage, time: i64) {
    stage.world.set_time(time);
    publish(stage);
}

#[test]
fn a_future_and_an_option_expire_and_their_markets_close() {
    let mut stage = Stage::steady();
    let mut keeper = keeper(&mut stage);
    let people: Vec<Keypair> = (0..4).map(|n| stage.trader(10 + n, 100_000.0)).collect();
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.0)
        .unwrap();
    let future = list(&mut stage, MarketKind::Future, SOL, 0, 0);
    let call = list(&mut stage, MarketKind::Call, SOL, 0, 2_000_000);
    let order = Venue::limit(Side::Bid, 2_000_000, 1_000);
    stage
        .venue
        .trade_in(&mut stage.world, &people[0], &people[1], &future, order)
        .unwrap();
    let order = Venue::limit(Side::Bid, 30_000, 1_000);
    stage
        .venue
        .trade_in(&mut stage.world, &people[2], &people[3], &call, order)
        .unwrap();
    skip_to(&mut stage, future.expiry - 1_860);
    keeper.work_alone(&mut stage);
    stage.prices[SOL] = 220.0;
    keeper.work_for(&mut stage, 1_860, 30);
    // Expired; the first price after it makes the average certain.
    keeper.work_for(&mut stage, 120, 30);
    assert_eq!(keeper.count("finalize settlement"), 2);
    assert_eq!(keeper.count("settle position"), 4);
    assert_eq!(keeper.count("close market"), 2);
    for person in &people {
        assert!(
            stage
                .state(person)
                .positions
                .iter()
                .all(|slot| slot.is_free())
        );
    }
    assert_eq!(lots(&stage, &people[0], &future), 0);
    // About 20 on each of 10 SOL, the fee off.
    let won = stage.balance(&people[1], 0) - 100_000_000_000;
    assert!((190_000_000..200_000_000).contains(&won), "{won}");
    let seller = stage.balance(&people[2], 0) - 100_000_000_000;
    assert!((-172_000_000..-165_000_000).contains(&seller), "{seller}");
    assert!(
        keeper
            .mirror
            .markets
            .keys()
            .all(|terms| terms.is_perpetual())
    );
}
