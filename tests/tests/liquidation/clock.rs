//! The auction's clock counts only time for which somebody saw the account below its margin.

use crate::scene::{Scene, WHOLE, close};
use ballast::error::BallastError;
use ballast::events::{LiquidationEnded, LiquidationStarted};
use ballast_client::events::decode_all;
use ballast_tests::SOL;

/// Lets time pass and publishes the prices again.
fn wait(scene: &mut Scene, seconds: i64, dollars: f64) {
    scene.stage.world.advance(seconds);
    if seconds > 0 {
        scene.stage.set_price(SOL, dollars);
    }
}

#[test]
fn observed_time_counts_and_a_gap_counts_once() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let start = scene.start_instruction(&key);
    let mut expected = 0;
    for (seconds, counts) in [
        (7, 7),
        (0, 0),
        (113, 113),
        (120, 120),
        (121, 120),
        (9_000, 120),
    ] {
        wait(&mut scene, seconds, 180.0);
        let done = scene
            .stage
            .world
            .send(std::slice::from_ref(&start), &[])
            .unwrap();
        assert!(decode_all(&done.logs).is_empty());
        expected += counts;
        let state = scene.stage.state(&key);
        assert_eq!(state.auction_elapsed_s, expected);
        assert_eq!(state.auction_seen_at, scene.stage.world.now());
    }
    // A slice sees the account, too: 480 s have passed, 1% + 14%·20/900 more.
    wait(&mut scene, 20, 180.0);
    let taken = scene.take(&key, WHOLE / 100);
    let discount = 0.01 + 0.14 * 500.0 / 900.0;
    close(taken.event.price, 1_490.0 * (1.0 - discount), 5.0);
    assert_eq!(scene.stage.state(&key).auction_elapsed_s, 500);
}

#[test]
fn above_its_margin_the_clock_starts_again() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    scene.wind(&key, 5_000);
    // At 185 equity is 1,990: above the margin of 1,850, below the buffer of 2,081.
    wait(&mut scene, 60, 185.0);
    scene.start(&key);
    assert!(scene.is_flagged(&key));
    assert_eq!(scene.stage.state(&key).auction_elapsed_s, 0);
    // It may still be taken, at the first price.
    scene.wind(&key, 5_000);
    let taken = scene.take(&key, WHOLE / 1_000);
    close(taken.event.price, 1_990.0 * 0.99, 5.0);
    wait(&mut scene, 60, 180.0);
    scene.start(&key);
    assert_eq!(scene.stage.state(&key).auction_elapsed_s, 60);
}

#[test]
fn a_recovered_account_is_released_by_whoever_comes() {
    for by_liquidator in [true, false] {
        let mut scene = Scene::steady();
        let key = scene.flagged_long(10);
        let before = scene.stage.state(&key);
        wait(&mut scene, 30, 199.0);
        // Whatever the taker asks for.
        let taker = scene.taker.insecure_clone();
        let done = if by_liquidator {
            let liquidate = scene.liquidate_with(&key, 1, i64::MIN, &[]);
            scene.stage.world.send(&[liquidate], &[&taker]).unwrap()
        } else {
            let start = scene.start_instruction(&key);
            scene.stage.world.send(&[start], &[]).unwrap()
        };
        let events = decode_all(&done.logs);
        assert_eq!(events.len(), 1);
        let ended = events[0].parse::<LiquidationEnded>().unwrap();
        assert_eq!(ended.margin_account, scene.stage.account(&key));
        // Nothing else has changed.
        let mut after = scene.stage.state(&key);
        assert!(!after.in_liquidation());
        after.liquidation_started_at = before.liquidation_started_at;
        after.auction_seen_at = before.auction_seen_at;
        assert_eq!(bytemuck::bytes_of(&*before), bytemuck::bytes_of(&*after));

        // The next auction is a new one.
        let start = scene.start_instruction(&key);
        scene.stage.refused(
            std::slice::from_ref(&start),
            &[],
            BallastError::NotLiquidatable,
        );
        wait(&mut scene, 30, 180.0);
        let done = scene.stage.world.send(&[start], &[]).unwrap();
        let events = decode_all(&done.logs);
        assert!(events[0].parse::<LiquidationStarted>().is_some());
        let state = scene.stage.state(&key);
        assert_eq!(state.auction_elapsed_s, 0);
        assert_eq!(state.liquidation_started_at, scene.stage.world.now());
    }
}

#[test]
fn stale_prices_stop_the_auction() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    scene.stage.world.advance(121);
    let liquidate = scene.liquidate_instruction(&key);
    scene.refused(liquidate, BallastError::StalePrice);
    let start = scene.start_instruction(&key);
    scene.stage.refused(&[start], &[], BallastError::StalePrice);
}
