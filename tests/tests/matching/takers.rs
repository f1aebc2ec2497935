//! What a taker must afford after a sweep, and that nothing stays when he cannot.

use super::events::{filled, placed, sent, steps};
use super::scene::{
    MARK, TICK, ask, bid, hand_over, immediate, lots, perpetual, position, reduce_only, report,
    rest, take, taken,
};
use ballast::error::BallastError;
use ballast_client::args::OrderFilter;
use ballast_client::instructions;
use ballast_client::state::MarginAccount;
use ballast_client::state::health::Purpose;
use ballast_tests::{SOL, Stage};
use solana_signer::Signer;

#[test]
fn a_taker_needs_initial_margin_for_what_he_took_and_for_what_rests() {
    // 600 of cash is the initial margin of 23.7 SOL at 200: a scan range of 10.1%, times 1.25.
    let mut stage = Stage::steady();
    let [a, b] = [1, 2].map(|number| stage.trader(number, 100_000.0));
    let taker = stage.trader(3, 600.0);
    let makers = [
        rest(&mut stage, &a, ask(MARK, 2_000)),
        rest(&mut stage, &b, ask(MARK, 2_000)),
    ];
    // The first maker alone would have been affordable: all or nothing.
    for order in [bid(MARK, 2_500), immediate(bid(MARK, 2_500))] {
        let sweep = take(&stage, &taker, order, &makers);
        stage.refused(&[sweep], &[&taker], BallastError::TakerBelowInitialMargin);
    }
    let sweep = take(&stage, &taker, bid(MARK, 2_500), &makers[..1]);
    stage.refused(&[sweep], &[&taker], BallastError::BelowInitialMargin);
    let events = taken(
        &mut stage,
        &taker,
        immediate(bid(MARK, 2_500)),
        &makers[..1],
    );
    assert_eq!(steps(&events), [filled(&stage, makers[0], MARK, 2_000)]);
    // The rest is affordable on top of what has just been bought.
    let events = taken(&mut stage, &taker, bid(MARK, 340), &[makers[0]]);
    assert_eq!(placed(&events)[0].lots, 340);
    let sweep = take(&stage, &taker, bid(MARK, 400), &[makers[1]]);
    stage.refused(&[sweep], &[&taker], BallastError::TakerBelowInitialMargin);
    let events = taken(&mut stage, &taker, bid(MARK, 300), &[makers[1]]);
    assert_eq!(steps(&events), [filled(&stage, makers[1], MARK, 300)]);
    assert!(report(&stage, &taker, Purpose::AddRisk).health_initial() >= 0);
}

#[test]
fn the_last_affordable_lot() {
    let mut stage = Stage::steady();
    let rich = stage.trader(1, 100_000.0);
    let taker = stage.trader(2, 600.0);
    let maker = rest(&mut stage, &rich, ask(MARK, 5_000));
    let (mut affordable, mut beyond) = (0, 5_000);
    while beyond - affordable > 1 {
        let lots = (affordable + beyond) / 2;
        let sweep = take(&stage, &taker, immediate(bid(MARK, lots)), &[maker]);
        match stage.simulate(&[sweep], &[&taker]) {
            Ok(()) => affordable = lots,
            Err(refusal) => {
                assert!(refusal.is(BallastError::TakerBelowInitialMargin));
                beyond = lots;
            }
        }
    }
    // 2 a lot: fees of 0.001 and a margin of 0.2525, a unit more for roundings.
    assert_eq!(affordable, 600_000_000 / 253_500);
    taken(
        &mut stage,
        &taker,
        immediate(bid(MARK, affordable)),
        &[maker],
    );
    let health = report(&stage, &taker, Purpose::AddRisk).health_initial();
    assert!((0..253_500).contains(&health), "{health}");
}

#[test]
fn below_initial_margin_a_sweep_may_only_reduce_and_not_at_a_price_that_ruins() {
    let mut stage = Stage::steady();
    let [rich, buyer] = [1, 2].map(|number| stage.trader(number, 1_000_000.0));
    let taker = stage.trader(3, 2_600.0);
    hand_over(&mut stage, &perpetual(), &rich, &taker, MARK, 10_000);
    // Equity is 1,590 and 83% of the maintenance margin, 19.19 for each SOL: what is sold may lose 15.9.
    stage.set_price(SOL, 190.0);
    assert!(report(&stage, &taker, Purpose::ReduceRisk).health_maintenance() < 0);
    let selling = rest(&mut stage, &rich, ask(1_900_000, 10));
    let near = rest(&mut stage, &buyer, bid(1_850_000, 6_000));
    let ruinous = rest(&mut stage, &buyer, bid(1_720_000, 20_000));
    let adds = take(&stage, &taker, immediate(bid(1_900_000, 1)), &[selling]);
    stage.refused(&[adds], &[&taker], BallastError::TakerBelowInitialMargin);
    // A sweep counts as a whole; turning to the other side is no reduction.
    for (lots, makers, allowed) in [
        (1_000, &[near][..], true),
        (1_000, &[ruinous], false),
        (9_000, &[near, ruinous], true),
        (18_000, &[near, ruinous], false),
    ] {
        let order = immediate(ask(1_720_000, lots));
        let sweep = take(&stage, &taker, order, makers);
        if allowed {
            stage.simulate(&[sweep], &[&taker]).unwrap();
        } else {
            stage.refused(&[sweep], &[&taker], BallastError::TakerBelowInitialMargin);
        }
    }
    let events = taken(&mut stage, &taker, immediate(ask(1_850_000, 100)), &[near]);
    assert_eq!(steps(&events), [filled(&stage, near, 1_850_000, 100)]);
    let after = report(&stage, &taker, Purpose::ReduceRisk);
    assert!(after.health_maintenance() < 0, "still below");
    // Not even fresh prices are needed to close, on either side.
    stage.world.advance(1_000);
    let opens = take(&stage, &buyer, immediate(bid(1_900_000, 1)), &[selling]);
    stage.refused(&[opens], &[&buyer], BallastError::NothingFilled);
    let own = rest(&mut stage, &taker, reduce_only(ask(1_900_000, 10_000)));
    let order = reduce_only(bid(1_900_000, 20_000));
    let events = taken(&mut stage, &rich, order, &[own]);
    assert_eq!(steps(&events), [filled(&stage, own, 1_900_000, 9_900)]);
    assert_eq!(lots(&stage, &taker), 0);
}

#[test]
fn at_stale_prices_a_taker_cannot_open() {
    let mut stage = Stage::steady();
    let [holder, rich, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &rich, &holder, MARK, 100);
    let closing = rest(&mut stage, &holder, ask(MARK, 100));
    stage.world.advance(1_000);
    let opens = take(&stage, &taker, immediate(bid(MARK, 10)), &[closing]);
    stage.refused(&[opens], &[&taker], BallastError::StalePrice);
    // Closing with a part that would open: the rest must not rest.
    let turns = take(&stage, &rich, bid(MARK, 101), &[closing]);
    stage.refused(&[turns], &[&rich], BallastError::StalePrice);
    let events = taken(&mut stage, &rich, immediate(bid(MARK, 101)), &[closing]);
    assert_eq!(steps(&events), [filled(&stage, closing, MARK, 100)]);
    assert_eq!((lots(&stage, &rich), lots(&stage, &holder)), (0, 0));
}

#[test]
fn a_taker_needs_room_for_his_position_and_for_the_rest() {
    let mut stage = Stage::steady();
    let [rich, taker] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let maker = rest(&mut stage, &rich, ask(MARK, 100));
    for _ in 0..16 {
        rest(&mut stage, &taker, bid(MARK - TICK, 1));
    }
    let resting = take(&stage, &taker, bid(MARK, 101), &[maker]);
    stage.refused(&[resting], &[&taker], BallastError::OrderSlotsFull);
    for whole in [bid(MARK, 1), immediate(bid(MARK, 1))] {
        taken(&mut stage, &taker, whole, &[maker]);
    }
    let account = stage.account(&taker);
    let order = take(&stage, &taker, immediate(bid(MARK, 1)), &[maker]);
    stage.patch::<MarginAccount>(&account, |account| account.next_order_id = u64::MAX);
    stage.refused(&[order.clone()], &[&taker], BallastError::Overflow);
    stage.patch::<MarginAccount>(&account, |account| {
        account.next_order_id = 18;
        account.positions[0].terms.underlying = 1;
        for (index, slot) in account.positions.iter_mut().enumerate().skip(1) {
            slot.quote = 1;
            slot.terms.expiry = 1 + index as i64;
        }
    });
    stage.refused(&[order], &[&taker], BallastError::PositionSlotsFull);
}

#[test]
fn orders_are_replaced_in_one_transaction() {
    let mut stage = Stage::steady();
    let [rich, taker] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let maker = rest(&mut stage, &rich, ask(MARK, 100));
    let all = instructions::cancel_all(
        &stage.account(&taker),
        &taker.pubkey(),
        OrderFilter::default(),
    );
    rest(&mut stage, &taker, bid(MARK - TICK, 1));
    let sweep = take(&stage, &taker, bid(MARK, 150), &[maker]);
    // Whatever rested is taken back, and the new order takes and rests.
    let events = sent(&mut stage, &[all, sweep], &[&taker]);
    assert_eq!(placed(&events)[0].lots, 50);
    let orders = stage.state(&taker).orders;
    assert_eq!(orders.iter().filter(|order| order.lots != 0).count(), 1);
    assert_eq!(position(&stage, &taker, &perpetual()).base_lots, 100);
}
