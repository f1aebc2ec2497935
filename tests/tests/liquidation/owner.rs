//! What the owner of a flagged account may do, and how he gets rid of the flag himself.

use crate::scene::Scene;
use ballast::error::BallastError;
use ballast_client::args::OrderArgs;
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

fn order(stage: &Stage, side: Side, tokens: f64, reduce_only: bool) -> OrderArgs {
    let price = stage.venue.price_per_lot(SOL, stage.prices[SOL]);
    OrderArgs {
        reduce_only,
        ..Venue::limit(side, price, stage.venue.lots(SOL, tokens))
    }
}

/// The dealer buys tokens from the owner, who only reduces.
fn reduce(scene: &mut Scene, key: &Keypair, tokens: f64) {
    let order = order(&scene.stage, Side::Ask, tokens, true);
    let stage = &mut scene.stage;
    stage
        .venue
        .trade(&mut stage.world, &scene.dealer, key, SOL, order)
        .unwrap();
}

#[test]
fn he_may_deposit_and_reduce_only() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let account = scene.stage.account(&key);
    let stage = &mut scene.stage;
    stage.mint(&key, 0, 1);
    let withdraw = stage.withdraw(&key, 0, 1, false);
    stage.refused(&[withdraw], &[&key], BallastError::InLiquidation);
    for (side, reduce_only, error) in [
        (Side::Bid, false, BallastError::InLiquidation),
        (Side::Ask, false, BallastError::InLiquidation),
        (Side::Bid, true, BallastError::WouldNotReduce),
    ] {
        let place = instructions::place_order(
            &stage.venue.addresses,
            &Venue::perpetual(SOL),
            &account,
            &key.pubkey(),
            order(stage, side, 1.0, reduce_only),
        );
        stage.refused(&[place], &[&key], error);
    }
    stage.fund(&key, 0, 1.0);
    stage.fund(&key, SOL, 0.01);
    reduce(&mut scene, &key, 10.0);
    assert!(scene.is_flagged(&key));
    scene.stage.check_books();
}

#[test]
fn a_deposit_clears_the_flag() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    // 535 USDC are missing.
    scene.stage.fund(&key, 0, 534.9);
    assert!(scene.is_flagged(&key));
    scene.stage.fund(&key, 0, 0.2);
    assert!(!scene.is_flagged(&key) && scene.figures(&key).is_above_buffer());
}

#[test]
fn a_reduction_clears_the_flag() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    // Each SOL closed sets 20.25 USDC of buffer free and costs a fee of 0.09.
    reduce(&mut scene, &key, 26.5);
    assert!(scene.is_flagged(&key));
    reduce(&mut scene, &key, 0.1);
    assert!(!scene.is_flagged(&key) && scene.figures(&key).is_above_buffer());
    scene.stage.check_books();
}

#[test]
fn a_recovered_account_is_free_at_once() {
    let mut scene = Scene::steady();
    for (number, withdraws) in [(10, true), (11, false)] {
        scene.stage.set_price(SOL, 200.0);
        let key = scene.flagged_long(number);
        scene.stage.world.advance(1);
        scene.stage.set_price(SOL, 199.0);
        let stage = &mut scene.stage;
        if withdraws {
            stage.mint(&key, 0, 1);
            let withdraw = stage.withdraw(&key, 0, 1, false);
            stage.world.send(&[withdraw], &[&key]).unwrap();
        } else {
            let order = order(stage, Side::Bid, 1.0, false);
            stage
                .venue
                .place(&mut stage.world, &key, SOL, order)
                .unwrap();
        }
        assert!(!scene.is_flagged(&key));
    }
}
