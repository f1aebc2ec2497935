//! Slices of random portfolios against the formulas in double precision.

use super::model::{Model, lots_of, quote_of};
use super::portfolios::Portfolios;
use super::scene::{Scene, WHOLE, near};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::units::from_q32;
use rand::Rng;
use solana_keypair::Keypair;

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    solvent: u32,
    insolvent: u32,
    with_options: u32,
    with_loans: u32,
    ended: u32,
    hardly_too_little: u32,
}

/// Takes a slice and compares everything about it with the model.
fn checked(scene: &mut Scene, key: &Keypair, elapsed_s: u64, part: f64) -> Liquidated {
    scene.wind(key, elapsed_s);
    let before = Model::of(scene, key);
    let (fund, rich) = (scene.fund() as f64, scene.equity(&scene.taker));
    let accepted = (part * WHOLE as f64) as u64;
    let event = scene.take(key, accepted);

    // The clock starts again above the maintenance margin.
    let is_below = before.after_haircuts < before.margin;
    let t = if is_below { elapsed_s as f64 } else { 0.0 };
    let price = before.price(t, fund);
    near(event.equity_mark, before.equity, 0.5);
    near(event.price, price, before.step());
    let (least, most) = before.fractions(price, fund);
    let f = from_q32(event.fraction_q32);
    let limit = from_q32(accepted);
    assert!(
        f >= least.min(limit) && f <= most.min(limit),
        "{f} is not in {least}..{most}"
    );

    // What moved, to the lot and the unit.
    let mut value = 0.0;
    let mut moved = event.positions.iter();
    for &(terms, lots, quote, all) in &before.positions {
        let entry = moved.next().unwrap();
        assert_eq!(entry.terms, terms.into());
        // What an insolvent account loses on stays with it.
        let down = before.equity < 0.0 && all + (quote as f64) < 0.0;
        let expected = lots_of(lots, event.fraction_q32, down);
        assert_eq!((entry.base_lots, entry.funding), (expected, [0, 0]));
        let part = quote_of(quote, expected, lots);
        assert_eq!(entry.quote, part);
        value += all * expected as f64 / lots as f64 + part as f64;
    }
    for ((asset, amount, all), entry) in before.balances.iter().zip(&event.balances) {
        assert_eq!(entry.asset, *asset);
        near(entry.amount, amount * f, 2.0 + amount.abs() * 1e-9);
        value += all * f;
    }
    // Who paid what.
    let (paid, tolerance) = (price.max(0.0), before.rounding + before.step());
    near(
        event.payment,
        value - f * before.equity + f * paid,
        tolerance,
    );
    let discount = (before.equity.max(0.0) - paid).max(0.0);
    near(
        event.insurance_fee as i64,
        0.25 * f * discount,
        before.step(),
    );
    let fund_now = fund + event.insurance_fee as f64 - event.insurance_payment as f64;
    near(scene.fund(), fund_now, 2.0);

    // The account afterwards: what was rounded to lots is paid at marks, so only the margin sees it.
    let after = Model::of(scene, key);
    // The fund's premium follows the margin that has left an insolvent account.
    let (whole, lacks) = ((-price).max(0.0), (-before.equity).max(0.0));
    let left = ((before.margin - after.margin) / before.margin).max(0.0);
    let premium_part = if lacks > 0.0 { f.min(left) } else { f };
    near(
        event.insurance_payment as i64,
        f * lacks.min(whole) + premium_part * (whole - lacks.min(whole)),
        before.step() + 2.0,
    );
    let insolvent = before.equity <= 0.0;
    let kept = (1.0 - f) * before.equity + f * paid;
    near(after.equity as i64, kept, tolerance);
    let kept = (1.0 - f) * before.after_haircuts + f * paid;
    near(after.after_haircuts as i64, kept, tolerance);
    near(
        after.margin as i64,
        (1.0 - f) * before.margin,
        before.one_lot + tolerance,
    );
    let free =
        after.after_haircuts >= after.buffer.ceil() || !scene.stage.state(key).has_obligations();
    if (after.after_haircuts - after.buffer).abs() > 2.0 {
        assert_eq!(scene.is_flagged(key), !free);
    }
    // The ratio never falls, and nobody becomes insolvent by it.
    if before.after_haircuts > 0.0 {
        let scale = before.after_haircuts * before.margin;
        let (now, then) = (
            after.after_haircuts * before.margin,
            before.after_haircuts * after.margin,
        );
        assert!(!scene.is_flagged(key) || now >= then - scale * 1e-12);
    } else {
        assert!(after.after_haircuts >= before.after_haircuts - 1.0 || !scene.is_flagged(key));
    }
    assert!(insolvent || after.equity >= -tolerance, "{}", after.equity);
    // The taker has the stated discount less the fund's share, or the premium.
    let stated = premium_part * (before.equity - price) - event.insurance_fee as f64;
    let gain = scene.equity(&scene.taker) - rich;
    near(gain, stated, tolerance + before.step());
    assert!(gain as f64 <= f * (before.equity - price) + tolerance);
    event
}

/// The auction at many times: each price is the formula's, and none is higher than one before it.
fn price_path(scene: &mut Scene, key: &Keypair) {
    let start = scene.stage.world.svm.clone();
    let mut last = i64::MAX;
    for t in [
        0, 1, 450, 900, 901, 4_000, 7_199, 7_200, 7_201, 9_000, 10_800, 10_801, 50_000,
    ] {
        let event = checked(scene, key, t, 1.0);
        assert!(event.price <= last, "{} after {last}", event.price);
        last = event.price;
        scene.stage.world.svm = start.clone();
    }
}

/// The formula's fraction is enough, but for the lots that rounding to them could need; a thousandth less is not.
fn just_enough(scene: &mut Scene, key: &Keypair, elapsed_s: u64, tally: &mut Tally) {
    let before = Model::of(scene, key);
    let price = before.price(elapsed_s as f64, scene.fund() as f64);
    let exact = before.exact_fraction(price);
    let start = scene.stage.world.svm.clone();
    // A thousandth less leaves this missing; three ranges of a lot of everything may have been rounded away.
    let short = 0.001 * exact * (before.buffer - before.after_haircuts + price);
    if price > 0.0 && short > before.one_lot + 2.0 * before.rounding {
        scene.wind(key, elapsed_s);
        let part = (exact * 0.999 * WHOLE as f64) as u64;
        match scene.try_take(key, part) {
            Ok(_) => {
                assert!(scene.is_flagged(key));
                assert!(!scene.figures(key).is_above_buffer());
            }
            Err(refusal) => assert!(refusal.is(BallastError::RatioWouldFall), "{refusal}"),
        }
        tally.hardly_too_little += 1;
        scene.stage.world.svm = start;
    }
    checked(scene, key, elapsed_s, 1.0);
    let after = Model::of(scene, key);
    let missing = after.buffer - after.after_haircuts;
    assert!(
        !scene.is_flagged(key) || missing <= before.one_lot,
        "{missing}"
    );
    tally.ended += u32::from(!scene.is_flagged(key));
}

#[test]
fn forty_portfolios_to_the_unit() {
    let mut tally = Tally::default();
    let mut portfolios = Portfolios::new(7);
    let prices = portfolios.scene.stage.prices;
    let empty = portfolios.scene.stage.world.svm.clone();
    let mut done = 0;
    for number in 0..60 {
        portfolios.scene.stage.world.svm = empty.clone();
        portfolios.scene.stage.prices = prices;
        let key = portfolios.open(20 + number);
        let liquidatable = |scene: &Scene| {
            scene.figures(&key).is_liquidatable() && scene.stage.state(&key).has_obligations()
        };
        if !portfolios.push(&key, liquidatable) {
            continue;
        }
        done += 1;
        portfolios.scene.start(&key);
        let state = portfolios.scene.stage.state(&key);
        let options = state.positions.iter().any(|slot| slot.terms.is_option());
        let loans = state.balances.iter().any(|slot| slot.shares.get() < 0);
        tally.with_options += u32::from(options);
        tally.with_loans += u32::from(loans);
        if portfolios.random.random_bool(0.7) {
            portfolios.scene.stage.insure(3_000_000.0);
        }
        let flagged = portfolios.scene.stage.world.svm.clone();
        let at = portfolios.scene.stage.prices;
        if portfolios.scene.equity(&key) > 0 {
            tally.solvent += 1;
            let scene = &mut portfolios.scene;
            price_path(scene, &key);
            for elapsed_s in [0, portfolios.random.random_range(1..7_000)] {
                just_enough(&mut portfolios.scene, &key, elapsed_s, &mut tally);
                portfolios.scene.stage.world.svm = flagged.clone();
            }
            // A part of it first, then what is needed.
            let part = portfolios.random.random_range(0.01..0.2);
            if portfolios
                .scene
                .try_take(&key, (part * WHOLE as f64) as u64)
                .is_ok()
            {
                portfolios.scene.stage.world.svm = flagged.clone();
                checked(&mut portfolios.scene, &key, 600, part);
                if portfolios.scene.is_flagged(&key) {
                    checked(&mut portfolios.scene, &key, 700, 1.0);
                }
            }
            portfolios.scene.stage.world.svm = flagged;
            portfolios.scene.stage.prices = at;
        }
        // On it falls, until it is worth less than nothing.
        if portfolios.push(&key, |scene| scene.equity(&key) < 0) {
            if portfolios.scene.fund() == 0 {
                let scene = &mut portfolios.scene;
                let fails = scene.try_take(&key, WHOLE).err().unwrap();
                assert!(fails.is(BallastError::InsuranceFundEmpty));
                // A fund that can pay for a part only.
                let enough = -scene.equity(&key) as f64 / 1e6;
                scene.stage.insure((enough * 0.6).max(200.0).round());
            }
            tally.insolvent += 1;
            price_path(&mut portfolios.scene, &key);
            let elapsed_s = portfolios.random.random_range(0..12_000);
            let part = portfolios.random.random_range(0.05..0.5);
            checked(&mut portfolios.scene, &key, elapsed_s, part);
        }
    }
    println!("{done} {tally:?}");
    assert!(
        done >= 40 && tally.solvent >= 35 && tally.insolvent >= 20,
        "{tally:?}"
    );
    assert!(
        tally.with_options > 20 && tally.with_loans > 15,
        "{tally:?}"
    );
    assert!(
        tally.ended > 60 && tally.hardly_too_little > 30,
        "{tally:?}"
    );
}
