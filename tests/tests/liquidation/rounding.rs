//! What cannot be divided: lots, native units, shares.

use crate::scene::{Scene, WHOLE};
use ballast::error::BallastError;
use ballast_client::state::health::Report;
use ballast_tests::{BTC, ETH, SOL};

fn ratio(report: &Report) -> f64 {
    report.equity_maintenance as f64 / report.maintenance_margin as f64
}

#[test]
fn slices_for_nothing_leave_the_ratio_as_it_was() {
    for (usdc, tokens, price) in [
        (3_500.0, 100.0, 180.0),
        (3_500.0, 100.0, 183.37),
        (351.7, 10.01, 180.01),
        (81.3, 2.0, 175.77),
    ] {
        let mut scene = Scene::steady();
        let key = scene.trader(10, usdc, SOL, tokens);
        scene.stage.set_price(SOL, price);
        scene.start(&key);
        scene.wind(&key, 7_200);
        for part in [3, 7, 1_000, 2, 37] {
            let before = scene.figures(&key);
            assert!(!scene.take(&key, WHOLE / part).ended);
            // Lots are rounded up and paid at marks, never down.
            assert!(ratio(&scene.figures(&key)) >= ratio(&before));
            scene.stage.check_books();
        }
        assert!(scene.take(&key, WHOLE).ended);
    }
}

#[test]
fn the_smallest_slice_takes_a_lot_at_its_mark() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    for _ in 0..5 {
        let (before, rich) = (scene.figures(&key), scene.equity(&scene.taker));
        let taken = scene.take(&key, 1);
        assert_eq!(taken.event.fraction_q32, 1);
        assert_eq!(taken.event.positions[0].base_lots, 1);
        // Nobody gains by it, and the account is the safer for the lot it no longer holds.
        assert!((scene.equity(&scene.taker) - rich).abs() <= 3);
        let after = scene.figures(&key);
        assert!(after.equity_mark >= before.equity_mark - 1);
        assert!(after.equity_mark <= before.equity_mark + 3);
        assert!(ratio(&after) > ratio(&before));
        scene.stage.check_books();
    }
}

#[test]
fn a_lot_takes_its_part_of_the_hedge_along() {
    let mut scene = Scene::steady();
    // 1 SOL deposited and sold forward at 200, 184 USDC borrowed. At 800 the haircut of 2% leaves nothing, at marks 15.90.
    let key = scene.stage.trader(10, 0.1);
    scene.stage.fund(&key, SOL, 1.0);
    scene.trade(&key, SOL, -1.0);
    let borrow = scene.stage.withdraw(&key, 0, 184_000_000, true);
    scene.stage.world.send(&[borrow], &[&key]).unwrap();
    scene.stage.set_price(SOL, 800.0);
    let report = scene.figures(&key);
    assert!(report.equity_maintenance < 0 && report.equity_mark > 0);
    scene.start(&key);
    // 0.6% would be enough. A lot that leaves without its hundredth of the deposit would open the hedge.
    let liquidate = scene.liquidate_with(&key, WHOLE / 150, i64::MAX, &[]);
    scene.refused(liquidate, BallastError::RatioWouldFall);
    let taken = scene.take(&key, WHOLE);
    assert_eq!(taken.event.fraction_q32, WHOLE / 100);
    assert!(taken.ended);
    scene.stage.check_books();
}

#[test]
fn units_that_are_worth_much_do_not_keep_an_account_flagged() {
    // A native unit of BTC is worth a tenth of a cent; the buffer is reached all the same.
    for (step, asset) in (0..12).flat_map(|step| [(step, BTC), (step, ETH), (step, SOL)]) {
        let mut scene = Scene::steady();
        let price = scene.stage.prices[asset];
        let key = scene.stage.trader(10, 1.0);
        scene.stage.fund(&key, asset, 20_000.0 / price * 1.000_017);
        let borrow = scene.stage.withdraw(&key, 0, 15_900_000_000, true);
        scene.stage.world.send(&[borrow], &[&key]).unwrap();
        let fallen = price * (0.9 - 0.0071 * f64::from(step));
        scene.stage.set_price(asset, fallen);
        scene.start(&key);
        assert!(scene.take(&key, WHOLE).ended, "{asset} at {fallen}");
        let after = scene.figures(&key);
        let surplus = after.equity_maintenance - after.buffer_margin;
        assert!((0..5_000).contains(&surplus), "{surplus}");
        scene.stage.check_books();
    }
}
