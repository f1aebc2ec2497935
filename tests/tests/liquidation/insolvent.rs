//! Accounts worth less than nothing: the insurance fund pays, exactly and never more than it has.

use crate::scene::{Scene, WHOLE, close};
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::units::from_q32;
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;

/// Equity in dollars of the account that [`gapped`] makes: 3,490 less 60 on each of 100 SOL.
const EQUITY: f64 = -2_510.0;

/// Long 100 SOL with 3,490 USDC at 200, which then falls by 30% at once.
fn gapped(scene: &mut Scene) -> Keypair {
    let key = scene.trader(10, 3_500.0, SOL, 100.0);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    key
}

#[test]
fn the_insurance_fund_pays_the_whole_loss() {
    let mut scene = Scene::steady();
    scene.stage.insure(10_000.0);
    let key = gapped(&mut scene);
    let rich = scene.equity(&scene.taker);
    let cheap = scene.liquidate_with(&key, WHOLE, (EQUITY * 1e6) as i64 - 10, &[]);
    scene.refused(cheap, BallastError::WorsePriceThanAccepted);
    let taken = scene.take(&key, WHOLE);
    let event = &taken.event;
    close(event.equity_mark, EQUITY, 5.0);
    assert_eq!(event.price, event.equity_mark);
    assert_eq!(event.fraction_q32, WHOLE);
    assert_eq!(event.insurance_fee, 0);
    assert_eq!(event.insurance_payment, event.equity_mark.unsigned_abs());
    assert_eq!(scene.fund(), 10_000_000_000 + event.equity_mark);
    // The taker takes the loss over and is paid for it; nobody gains.
    close(scene.equity(&scene.taker) - rich, 0.0, 5.0);
    close(scene.equity(&key), 0.0, 5.0);
    assert!(taken.ended && !scene.is_flagged(&key));
    scene.stage.check_books();
}

#[test]
fn a_premium_grows_from_the_first_second() {
    for (elapsed_s, part) in [(0, 0.0), (5_400, 0.5), (10_800, 1.0), (1 << 40, 1.0)] {
        let mut scene = Scene::steady();
        scene.stage.insure(10_000.0);
        let key = gapped(&mut scene);
        scene.wind(&key, elapsed_s);
        let rich = scene.equity(&scene.taker);
        // 5% of the maintenance margin of 14,000·10%.
        let premium = part * 0.05 * 1_400.0;
        let taken = scene.take(&key, WHOLE);
        close(taken.event.price, EQUITY - premium, 5.0);
        assert_eq!(taken.event.insurance_fee, 0);
        close(scene.fund(), 10_000.0 + EQUITY - premium, 5.0);
        close(scene.equity(&scene.taker) - rich, premium, 5.0);
        assert!(taken.ended);
        scene.stage.check_books();
    }
}

#[test]
fn an_empty_fund_pays_nothing_and_a_small_one_what_it_has() {
    // Also where size costs margin, so that margin falls faster than the loss.
    for stage in [Stage::steady(), Stage::new()] {
        let mut scene = Scene::on(stage);
        let key = gapped(&mut scene);
        let liquidate = scene.liquidate_instruction(&key);
        scene.refused(liquidate, BallastError::InsuranceFundEmpty);

        scene.stage.insure(1_000.0);
        let (before, rich) = (scene.figures(&key), scene.equity(&scene.taker));
        let taken = scene.take(&key, WHOLE);
        let part = 1_000.0 / -EQUITY;
        assert!((from_q32(taken.event.fraction_q32) - part).abs() < 1e-8);
        close(taken.event.insurance_payment as i64, 1_000.0, 2.0);
        close(scene.fund(), 0.0, 2.0);
        close(scene.equity(&scene.taker) - rich, 0.0, 5.0);
        let after = scene.figures(&key);
        close(after.equity_mark, EQUITY + 1_000.0, 5.0);
        assert!(after.health_maintenance() > before.health_maintenance());
        assert!(!taken.ended && scene.is_flagged(&key));
        scene.stage.check_books();

        // Fresh money takes the rest.
        scene.stage.insure(5_000.0);
        let taken = scene.take(&key, WHOLE);
        assert_eq!(taken.event.fraction_q32, WHOLE);
        assert!(taken.ended);
        close(scene.fund(), 6_000.0 + EQUITY, 5.0);
        scene.stage.check_books();
    }
}

#[test]
fn a_taker_may_take_an_insolvent_account_in_parts() {
    for stage in [Stage::steady(), Stage::new()] {
        let mut scene = Scene::on(stage);
        scene.stage.insure(10_000.0);
        let key = gapped(&mut scene);
        for part in [5, 3, 2] {
            assert!(!scene.take(&key, WHOLE / part).ended);
            scene.stage.check_books();
        }
        assert!(scene.take(&key, WHOLE).ended);
        close(scene.fund(), 10_000.0 + EQUITY, 10.0);
        scene.stage.check_books();
    }
}

#[test]
fn haircuts_below_zero_do_not_make_an_account_insolvent() {
    let mut scene = Scene::steady();
    scene.stage.insure(10_000.0);
    // 100 SOL deposited, 15,900 USDC borrowed against them; at 160 worth 16,000, after haircut 15,680.
    let key = scene.stage.trader(10, 1.0);
    scene.stage.fund(&key, SOL, 100.0);
    let stage = &mut scene.stage;
    stage
        .venue
        .withdraw(&mut stage.world, &key, 0, 15_900_000_000, true)
        .unwrap();
    scene.stage.set_price(SOL, 160.0);
    let report = scene.figures(&key);
    close(report.equity_mark, 101.0, 5.0);
    close(report.equity_maintenance, -219.0, 5.0);
    scene.start(&key);
    // Buffer 1,600·1.125.
    let missing = 1_800.0 + 219.0;
    let part = missing / (missing + 101.0 * 0.99);
    let taken = scene.take(&key, WHOLE);
    assert!((from_q32(taken.event.fraction_q32) - part).abs() < 1e-6);
    assert!(taken.ended && taken.event.fraction_q32 < WHOLE);
    assert_eq!(taken.event.insurance_payment, 0);
    assert!(scene.figures(&key).is_above_buffer());
    assert!(scene.equity(&key) > 0);
    scene.stage.check_books();
}

#[test]
fn worked_example_of_deleveraging() {
    let mut scene = Scene::steady();
    // 4,500 USDC and the fee of 10 for 100 SOL from 200; the dealer is short them.
    let key = scene.trader(10, 4_510.0, SOL, 100.0);
    scene.stage.set_price(SOL, 150.0);
    scene.start(&key);
    let (account, dealer) = (
        scene.stage.account(&key),
        scene.stage.account(&scene.dealer),
    );
    close(scene.equity(&key), -500.0, 20.0);
    let rich = scene.equity(&scene.dealer);
    let terms = Venue::perpetual(SOL);
    let addresses = scene.stage.venue.addresses;
    for lots in [2_500, u64::MAX] {
        let deleverage = instructions::auto_deleverage(&addresses, &terms, &account, &dealer, lots);
        scene.stage.world.send(&[deleverage], &[]).unwrap();
        scene.stage.check_books();
    }
    // Sold at 155: 5 a SOL above the mark.
    close(scene.equity(&key), 0.0, 20.0);
    close(scene.equity(&scene.dealer) - rich, -500.0, 20.0);
    assert_eq!(scene.stage.state(&key).lots(&terms), 0);
    let quote = scene.stage.state(&key).position(&terms).unwrap().quote;
    close(quote, -20_010.0 + 15_500.0, 20.0);
}
