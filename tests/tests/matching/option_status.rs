//! When options are traded: on a recent surface, or to reduce; and until they expire.

use super::events::{filled, sent, skipped, steps};
use super::scene::{
    DAY_S, MARK, ask, bid, dated, fill_in, hand_over, immediate, list, place_in, position,
    post_surface, reduce_only, rest_in, take_in,
};
use ballast::error::BallastError;
use ballast_client::state::MarketKind;
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};

/// A price within the band of the options here.
const PRICE: u64 = 90_000;
/// How old a surface may be, seconds.
const SURFACE_MAX_AGE_S: i64 = 3_600;

#[test]
fn without_a_surface_nobody_opens_an_option() {
    let mut stage = Stage::steady();
    let [a, b] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let (call, future) = (
        dated(MarketKind::Call, 6, 200),
        dated(MarketKind::Future, 6, 0),
    );
    for terms in [call, future] {
        stage.venue.list_market(&mut stage.world, &terms).unwrap();
    }
    for order in [bid(50_000, 1), ask(50_000, 1)] {
        let place = place_in(&stage, &call, &a, order);
        stage.refused(&[place], &[&a], BallastError::StaleSurface);
        let sweep = take_in(&stage, &call, &a, order, &[]);
        stage.refused(&[sweep], &[&a], BallastError::StaleSurface);
    }
    // What is not an option needs none.
    hand_over(&mut stage, &future, &a, &b, MARK, 10);
    post_surface(&mut stage);
    hand_over(&mut stage, &call, &a, &b, PRICE, 10);
}

#[test]
fn on_a_stale_surface_options_are_only_reduced() {
    let mut stage = Stage::steady();
    let [long, short, other] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    let call = dated(MarketKind::Call, 6, 200);
    list(&mut stage, &[call]);
    hand_over(&mut stage, &call, &short, &long, PRICE, 100);
    let [buying, selling] =
        [bid(PRICE, 500), ask(PRICE, 500)].map(|order| rest_in(&mut stage, &call, &other, order));
    let [adding, closing] =
        [bid(PRICE, 10), ask(PRICE, 40)].map(|order| rest_in(&mut stage, &call, &long, order));
    let turning = rest_in(&mut stage, &call, &long, ask(PRICE, 101));
    let covering = rest_in(&mut stage, &call, &short, bid(PRICE, 40));
    stage.world.advance(SURFACE_MAX_AGE_S);
    stage.set_price(SOL, 200.0);
    // The last second.
    for (maker, taker) in [(selling, adding), (closing, buying), (closing, covering)] {
        let fill = fill_in(&stage, &call, maker, taker, 1);
        stage.simulate(&[fill], &[]).unwrap();
    }
    stage.world.advance(1);

    for (owner, order) in [
        (&other, bid(PRICE, 1)),
        (&long, bid(PRICE, 1)),
        (&long, ask(PRICE, 101)),
    ] {
        let place = place_in(&stage, &call, owner, order);
        stage.refused(&[place], &[owner], BallastError::StaleSurface);
    }
    for (maker, taker, lots) in [
        (selling, adding, 1),
        (closing, buying, 1),
        (buying, closing, 1),
        (selling, covering, 1),
        // From long to short.
        (turning, buying, 101),
    ] {
        let fill = fill_in(&stage, &call, maker, taker, lots);
        stage.refused(&[fill], &[], BallastError::StaleSurface);
    }
    // It is what is filled that counts: 40 of its 101 reduce.
    let fill = fill_in(&stage, &call, turning, covering, 101);
    stage.simulate(&[fill], &[]).unwrap();
    // A taker who opens is refused, a maker who opens is passed over.
    for order in [bid(PRICE, 10), immediate(bid(PRICE, 10))] {
        let sweep = take_in(&stage, &call, &other, order, &[closing]);
        stage.refused(&[sweep], &[&other], BallastError::StaleSurface);
    }
    let order = immediate(bid(PRICE, 30));
    let sweep = take_in(&stage, &call, &short, order, &[selling, closing]);
    let events = sent(&mut stage, &[sweep], &[&short]);
    let expected = [
        skipped(&stage, selling, BallastError::StaleSurface),
        filled(&stage, closing, PRICE, 30),
    ];
    assert_eq!(steps(&events), expected);
    let fill = fill_in(&stage, &call, closing, covering, 10);
    sent(&mut stage, &[fill], &[]);
    let reducing = rest_in(&mut stage, &call, &short, bid(PRICE, 20));
    let sweep = take_in(
        &stage,
        &call,
        &long,
        reduce_only(ask(PRICE, 100)),
        &[reducing],
    );
    sent(&mut stage, &[sweep], &[&long]);
    let held = [&long, &short].map(|owner| position(&stage, owner, &call).base_lots);
    assert_eq!(held, [40, -40]);
    // The perpetual on the same underlying goes on; with a new surface so do options.
    hand_over(&mut stage, &Venue::perpetual(SOL), &other, &short, MARK, 1);
    post_surface(&mut stage);
    let fill = fill_in(&stage, &call, selling, adding, 10);
    sent(&mut stage, &[fill], &[]);
}

#[test]
fn nothing_is_traded_after_expiry() {
    for (kind, strike, price) in [
        (MarketKind::Future, 0, MARK),
        (MarketKind::Call, 200, 40_000),
        (MarketKind::Put, 200, 40_000),
    ] {
        let mut stage = Stage::steady();
        let [long, short] = [1, 2].map(|number| stage.trader(number, 10_000.0));
        let terms = dated(kind, 0, strike);
        assert!((0..DAY_S).contains(&(terms.expiry - stage.world.now())));
        list(&mut stage, &[terms]);
        hand_over(&mut stage, &terms, &short, &long, price, 100);
        stage.world.set_time(terms.expiry - 1);
        stage.set_price(SOL, 200.0);
        post_surface(&mut stage);
        let closing = rest_in(&mut stage, &terms, &long, reduce_only(ask(price, 50)));
        let covering = rest_in(&mut stage, &terms, &short, reduce_only(bid(price, 50)));
        let fill = fill_in(&stage, &terms, closing, covering, 10);
        sent(&mut stage, &[fill.clone()], &[]);

        stage.world.advance(1);
        stage.set_price(SOL, 200.0);
        for order in [bid(price, 10), ask(price, 10), reduce_only(ask(price, 10))] {
            let place = place_in(&stage, &terms, &long, order);
            stage.refused(&[place], &[&long], BallastError::MarketExpired);
            for order in [order, immediate(order)] {
                let sweep = take_in(&stage, &terms, &long, order, &[covering]);
                stage.refused(&[sweep], &[&long], BallastError::MarketExpired);
            }
        }
        stage.refused(&[fill], &[], BallastError::MarketExpired);
        stage.check_books();
    }
}
