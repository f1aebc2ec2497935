//! Kinds of orders outside of sweeps: post-only and immediate-or-cancel.

use super::events::{filled, placed, sent, steps};
use super::scene::{
    MARK, TICK, ask, bid, fill_in, immediate, lots, perpetual, place_in, post_only, reduce_only,
    rest, taken,
};
use ballast::error::BallastError;
use ballast_tests::Stage;

#[test]
fn a_post_only_order_rests_and_is_filled_as_the_older_one() {
    let mut stage = Stage::steady();
    let [maker, taker] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let place = place_in(&stage, &perpetual(), &maker, post_only(ask(MARK, 100)));
    let events = sent(&mut stage, &[place], &[&maker]);
    assert!(placed(&events)[0].post_only);
    assert_eq!(stage.state(&maker).orders[0].post_only, 1);
    let resting = (&maker, 0);
    stage.world.advance(1);
    let crossing = rest(&mut stage, &taker, bid(MARK + TICK, 60));
    assert_eq!(stage.state(&taker).orders[0].post_only, 0);
    let fill = fill_in(&stage, &perpetual(), resting, crossing, u64::MAX);
    let events = sent(&mut stage, &[fill], &[]);
    assert_eq!(steps(&events), [filled(&stage, resting, MARK, 60)]);
    let events = taken(&mut stage, &taker, bid(MARK, 40), &[resting]);
    assert_eq!(steps(&events), [filled(&stage, resting, MARK, 40)]);
    assert_eq!(lots(&stage, &maker), -100);
}

#[test]
fn a_post_only_order_never_takes() {
    let mut stage = Stage::steady();
    let [older, younger] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let plain = rest(&mut stage, &older, ask(MARK, 100));
    let also_post_only = rest(&mut stage, &older, post_only(ask(MARK, 100)));
    // In the same slot either may be the older one, a post-only order must be.
    let crossing = rest(&mut stage, &younger, post_only(bid(MARK + TICK, 100)));
    for maker in [plain, also_post_only] {
        let fill = fill_in(&stage, &perpetual(), maker, crossing, 100);
        stage.refused(&[fill], &[], BallastError::PostOnlyWouldTake);
    }
    let fill = fill_in(&stage, &perpetual(), crossing, plain, 30);
    let events = sent(&mut stage, &[fill], &[]);
    assert_eq!(steps(&events), [filled(&stage, crossing, MARK + TICK, 30)]);
    let fill = fill_in(&stage, &perpetual(), crossing, also_post_only, 30);
    stage.refused(&[fill], &[], BallastError::PostOnlyWouldTake);
    stage.world.advance(1);
    let late = rest(&mut stage, &younger, post_only(bid(MARK, 100)));
    for maker in [plain, also_post_only] {
        let fill = fill_in(&stage, &perpetual(), maker, late, 100);
        stage.refused(&[fill], &[], BallastError::PostOnlyWouldTake);
        let turned = fill_in(&stage, &perpetual(), late, maker, 100);
        stage.refused(&[turned], &[], BallastError::MakerIsYounger);
    }
    let newer = rest(&mut stage, &older, ask(MARK, 10));
    let fill = fill_in(&stage, &perpetual(), late, newer, 10);
    let events = sent(&mut stage, &[fill], &[]);
    assert_eq!(steps(&events), [filled(&stage, late, MARK, 10)]);
}

#[test]
fn an_immediate_order_never_rests() {
    let mut stage = Stage::steady();
    let owner = stage.trader(1, 10_000.0);
    // Whatever else is wrong with it.
    for order in [
        bid(MARK, 1),
        ask(MARK, 1),
        bid(MARK, 0),
        reduce_only(bid(MARK, 1)),
    ] {
        let place = place_in(&stage, &perpetual(), &owner, immediate(order));
        stage.refused(&[place], &[&owner], BallastError::ImmediateOrderRests);
    }
}
