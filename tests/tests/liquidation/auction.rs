//! Solvent accounts: what a slice takes and what it costs at each stage of the auction.

use crate::scene::{Scene, WHOLE, close};
use ballast::error::BallastError;
use ballast::events::{LiquidationStarted, OrderCancelled};
use ballast_client::events::decode_all;
use ballast_client::state::Side;
use ballast_client::units::from_q32;
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL};

/// Figures of [`Scene::flagged_long`] in dollars.
const EQUITY: f64 = 1_490.0;
const MARGIN: f64 = 18_000.0 * 0.1;
const BUFFER: f64 = MARGIN * 1.125;

/// The discount after `t` seconds: 1% rising to 15% at 900 s and to all at 7,200 s.
fn discount(t: f64) -> f64 {
    if t <= 900.0 {
        0.01 + 0.14 * t / 900.0
    } else {
        (0.15 + 0.85 * (t - 900.0) / 6_300.0).min(1.0)
    }
}

/// The formula's fraction, in whole lots of the 10,000.
fn fraction(price: f64) -> f64 {
    let exact = (BUFFER - EQUITY) / (BUFFER - EQUITY + price);
    (exact * 1e4).ceil() / 1e4
}

#[test]
fn a_start_flags_the_account_and_cancels_its_orders() {
    let mut scene = Scene::steady();
    let key = scene.trader(10, 3_500.0, SOL, 100.0);
    let account = scene.stage.account(&key);
    let mut ids = Vec::new();
    for (side, dollars) in [(Side::Ask, 210.0), (Side::Bid, 190.0)] {
        let stage = &mut scene.stage;
        let order = Venue::limit(side, stage.venue.price_per_lot(SOL, dollars), 7);
        let id = stage.venue.place(&mut stage.world, &key, SOL, order);
        ids.push(id.unwrap());
    }
    let start = scene.start_instruction(&key);
    scene.stage.refused(
        std::slice::from_ref(&start),
        &[],
        BallastError::NotLiquidatable,
    );

    scene.stage.world.advance(5);
    scene.stage.set_price(SOL, 180.0);
    let done = scene.stage.world.send(&[start], &[]).unwrap();
    let events = decode_all(&done.logs);
    assert_eq!(events.len(), 3);
    for (event, id) in events.iter().zip(ids) {
        let cancelled = event.parse::<OrderCancelled>().unwrap();
        assert_eq!((cancelled.order_id, cancelled.lots), (id, 7));
        assert_eq!(cancelled.margin_account, account);
    }
    let started = events[2].parse::<LiquidationStarted>().unwrap();
    assert_eq!(started.margin_account, account);
    assert_eq!(started.started_at, scene.stage.world.now());
    close(started.equity_maintenance, EQUITY, 5.0);
    close(started.maintenance_margin, MARGIN, 10.0);
    let state = scene.stage.state(&key);
    assert_eq!(state.liquidation_started_at, started.started_at);
    assert!(state.orders.iter().all(|order| order.lots == 0));
}

#[test]
fn a_slice_is_just_enough_and_costs_what_the_formula_says() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let (before, rich) = (scene.stage.state(&key), scene.equity(&scene.taker));
    let taken = scene.take(&key, WHOLE);
    let event = &taken.event;

    // Price and fraction in double precision, the payment in whole units.
    let price = EQUITY * 0.99;
    let part = fraction(price);
    close(event.equity_mark, EQUITY, 5.0);
    close(event.price, price, 5.0);
    let exact = from_q32(event.fraction_q32);
    assert!((exact - part).abs() < 1e-7, "{exact} {part}");
    let q32 = i128::from(event.fraction_q32);
    let lots = (10_000 * q32 + (1 << 32) - 1) >> 32;
    let quote = i128::from(before.positions[0].quote) * lots / 10_000;
    let cash = (3_500_000_000 * q32) >> 32;
    assert_eq!(i128::from(event.positions[0].base_lots), lots);
    assert_eq!(i128::from(event.positions[0].quote), quote);
    assert_eq!(i128::from(event.balances[0].amount), cash);
    let value = lots * 1_800_000 + quote + cash;
    let share = |whole: i64| (i128::from(whole) * q32) >> 32;
    let payment = value - share(event.equity_mark) + share(event.price);
    assert!((i128::from(event.payment) - payment).abs() <= 3);
    let fee = share(event.equity_mark - event.price) / 4;
    assert!((i128::from(event.insurance_fee) - fee).abs() <= 1);
    assert_eq!(event.insurance_payment, 0);
    assert_eq!(scene.fund() as u64, event.insurance_fee);
    close(scene.fund(), EQUITY * 0.01 * part / 4.0, 2.0);

    // The account is at its buffer, hardly above, and lives on.
    let after = scene.figures(&key);
    assert!(after.is_above_buffer());
    // A lot more than the fraction sets at most 10% of 1.80 USDC free.
    assert!(after.equity_maintenance - after.buffer_margin < 210_000);
    close(after.equity_maintenance, BUFFER * (1.0 - part), 210_000.0);
    assert!(taken.ended && !scene.is_flagged(&key));
    assert_eq!(
        i128::from(scene.stage.state(&key).positions[0].base_lots),
        10_000 - lots
    );
    assert!(lots < 3_000);
    // The taker has the discount less the insurance fund's share.
    let gain = scene.equity(&scene.taker) - rich;
    close(gain, EQUITY * 0.01 * part * 0.75, 5.0);
    scene.stage.check_books();

    // Nothing is left to take.
    let again = scene.liquidate_instruction(&key);
    scene.refused(again, BallastError::LiquidationNotStarted);
}

#[test]
fn a_hundredth_less_is_not_enough() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let enough = fraction(EQUITY * 0.99);
    let taken = scene.take(&key, (enough * 0.99 * WHOLE as f64) as u64);
    assert!(!taken.ended && scene.is_flagged(&key));
    assert!(!scene.figures(&key).is_above_buffer());
    assert!((from_q32(taken.event.fraction_q32) - enough * 0.99).abs() < 1e-7);
    // The rest is small, and enough.
    let rest = scene.take(&key, WHOLE);
    assert!(rest.ended && from_q32(rest.event.fraction_q32) < 0.02);
    scene.stage.check_books();
}

#[test]
fn the_price_falls_to_nothing_and_below() {
    for t in [
        0,
        450,
        900,
        901,
        4_050,
        7_199,
        7_200,
        9_000,
        10_800,
        1 << 40,
    ] {
        let mut scene = Scene::steady();
        scene.stage.insure(1_000.0);
        let key = scene.flagged_long(10);
        scene.wind(&key, t);
        let late = ((t as f64 - 7_200.0) / 3_600.0).clamp(0.0, 1.0);
        let price = EQUITY * (1.0 - discount(t as f64)) - 0.05 * MARGIN * late;
        // A taker who wants it for a hundredth of a cent less must wait.
        let cheap = (price * 1e6) as i64 - 100;
        let early = scene.liquidate_with(&key, WHOLE, cheap, &[]);
        scene.refused(early, BallastError::WorsePriceThanAccepted);
        let rich = scene.equity(&scene.taker);
        let taken = scene.take(&key, WHOLE);
        let event = &taken.event;
        close(event.price, price, 5.0);
        let part = if price > 0.001 { fraction(price) } else { 1.0 };
        assert!((from_q32(event.fraction_q32) - part).abs() < 1e-6, "{t}");
        let premium = (-price).max(0.0);
        let fee = (EQUITY - price.max(0.0)) * part / 4.0;
        close(event.insurance_payment as i64, premium, 5.0);
        // The slice is larger than the formula's by what rounding may cost, some 30 units of equity.
        close(event.insurance_fee as i64, fee, 40.0);
        close(scene.fund(), 1_000.0 + fee - premium, 40.0);
        let gain = (EQUITY - price) * part - fee;
        close(scene.equity(&scene.taker) - rich, gain, 100.0);
        assert!(taken.ended && scene.figures(&key).is_above_buffer(), "{t}");
        if part == 1.0 {
            close(scene.equity(&key), 0.0, 5.0);
        }
        scene.stage.check_books();
    }
}

#[test]
fn a_solvent_account_is_taken_for_nothing_when_the_insurance_fund_is_empty() {
    for insurance in [0u64, 1_000_000] {
        let mut scene = Scene::steady();
        let key = scene.flagged_long(10);
        if insurance > 0 {
            scene.stage.insure(insurance as f64 / 1e6);
        }
        scene.wind(&key, 20_000);
        let taken = scene.take(&key, WHOLE);
        let event = &taken.event;
        assert_eq!(event.price, -(insurance as i64));
        assert_eq!(event.insurance_payment, insurance);
        assert_eq!(event.fraction_q32, WHOLE);
        assert!(taken.ended);
        close(scene.fund(), EQUITY / 4.0, 5.0);
        scene.stage.check_books();
    }
}

#[test]
fn dust_is_taken_whole() {
    let mut scene = Scene::steady();
    // 0.4 SOL; at 177 worth 70.8, with 0.96 USDC of equity against a margin of 7.08.
    let key = scene.trader(10, 10.2, SOL, 0.4);
    scene.stage.set_price(SOL, 177.0);
    scene.start(&key);
    let taken = scene.take(&key, WHOLE);
    assert_eq!(taken.event.fraction_q32, WHOLE);
    close(taken.event.equity_mark, 0.96, 2.0);
    close(taken.event.payment, 0.96 * 0.99, 3.0);
    assert!(taken.ended);
    // What it was paid is all that is left.
    let state = scene.stage.state(&key);
    assert!(state.positions.iter().all(|position| position.is_free()));
    close(scene.equity(&key), 0.96 * 0.99, 3.0);
    scene.stage.check_books();
    // A gross value of 100 USDC is dust no longer.
    scene.stage.set_price(SOL, 200.0);
    let key = scene.trader(11, 15.0, SOL, 0.57);
    scene.stage.set_price(SOL, 180.0);
    scene.start(&key);
    assert!(scene.figures(&key).gross_value > 100_000_000);
    assert!(scene.take(&key, WHOLE).event.fraction_q32 < WHOLE);
}

#[test]
fn hedges_stay_hedged() {
    let mut scene = Scene::steady();
    // 100 SOL deposited and sold forward, 14,000 USDC borrowed, and 8 ETH that fall.
    let key = scene.stage.trader(10, 1.0);
    scene.stage.fund(&key, SOL, 100.0);
    scene.trade(&key, SOL, -100.0);
    scene.trade(&key, ETH, 8.0);
    let stage = &mut scene.stage;
    stage
        .venue
        .withdraw(&mut stage.world, &key, 0, 14_000_000_000, true)
        .unwrap();
    scene.stage.set_price(ETH, 3_600.0);
    scene.start(&key);
    let account = scene.stage.account(&key);
    let mut left = 1.0;
    for (slices, part) in [(1, 0.1), (2, 0.013), (3, 1.0)] {
        let taken = scene.take(&key, (part * WHOLE as f64) as u64);
        left *= 1.0 - from_q32(taken.event.fraction_q32);
        let spot = scene.amount(&account, SOL);
        let perpetual = scene.stage.state(&key).lots(&Venue::perpetual(SOL)) * 10_000_000;
        // Every slice rounds to a lot.
        let open = (spot + perpetual).abs();
        assert!(open <= 10_000_000 * slices, "{spot} {perpetual}");
        assert!((spot as f64 - 1e11 * left).abs() < 100.0);
        scene.stage.check_books();
    }
    // The lots that the hedge is off by need margin, too: cents that a second slice makes up.
    if scene.is_flagged(&key) {
        assert!(scene.take(&key, WHOLE).event.fraction_q32 < WHOLE / 10_000);
    }
    assert!(!scene.is_flagged(&key));
    assert!(left > 0.1 && left < 0.9, "{left}");
}
