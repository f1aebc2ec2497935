//! What fills of options cost, and within which prices they may be.

use super::events::{fills, sent};
use super::scene::{
    MAKER, MARK, PREMIUM_CAP, TAKER, TICK, ask, bid, dated, fill_in, immediate, list, place_in,
    position, rest_in, share, take_in,
};
use ballast::error::BallastError;
use ballast_client::state::health::View;
use ballast_client::state::{MarketKind, MarketTerms};
use ballast_tests::{SOL, Stage};

/// Mark of one lot, quote units.
fn mark(stage: &Stage, terms: &MarketTerms) -> f64 {
    let (exchange, board) = (
        stage.venue.exchange(&stage.world).unwrap(),
        stage.venue.board(&stage.world).unwrap(),
    );
    let view = View {
        exchange: &exchange,
        board: &board,
        now: stage.world.now(),
    };
    view.mark(terms).unwrap().to_num()
}

#[test]
fn an_options_fee_is_a_share_of_the_underlyings_value_up_to_a_share_of_the_premium() {
    let mut stage = Stage::steady();
    let [seller, buyer] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    // Worth 7 cents; within the band are prices up to some 6 dollars.
    let terms = dated(MarketKind::Call, 6, 260);
    list(&mut stage, &[terms]);
    for (dollars, spot) in [(200.0, MARK), (201.37, 2_013_700)] {
        stage.set_price(SOL, dollars);
        // Dearer than either cap, between them, at the taker's to the unit, below both; and the smallest premium there is.
        for (price, lots, capped) in [
            (12_000, 7, [false, false]),
            (9_900, 7, [false, true]),
            (10_100, 1, [false, false]),
            (4_100, 13, [false, true]),
            (3_900, 13, [true, true]),
            (TICK, 1, [true, true]),
        ] {
            let (quote, value) = (price * lots, spot * lots);
            let cap = share(quote, PREMIUM_CAP);
            let uncapped = [MAKER, TAKER].map(|rate| share(value, rate));
            assert_eq!(uncapped.map(|fee| fee > cap), capped, "{price}");
            let expected = uncapped.map(|fee| fee.min(cap));
            let before = [&seller, &buyer].map(|owner| position(&stage, owner, &terms).quote);

            // By a sweep and as two resting orders: the same.
            let maker = rest_in(&mut stage, &terms, &seller, ask(price, 2 * lots));
            let order = immediate(bid(price, lots));
            let sweep = take_in(&stage, &terms, &buyer, order, &[maker]);
            let swept = sent(&mut stage, &[sweep], &[&buyer]);
            let taker = rest_in(&mut stage, &terms, &buyer, bid(price, lots));
            let fill = fill_in(&stage, &terms, maker, taker, lots);
            let filled = sent(&mut stage, &[fill], &[]);
            for events in [swept, filled] {
                let fill = fills(&events)[0];
                assert_eq!([fill.maker_fee, fill.taker_fee], expected, "{price}");
                assert_eq!(
                    (fill.price, fill.lots, fill.maker_funding),
                    (price, lots, 0)
                );
            }
            let after = [&seller, &buyer].map(|owner| position(&stage, owner, &terms).quote);
            let [of_maker, of_taker] = expected.map(|fee| 2 * fee as i64);
            let quote = 2 * quote as i64;
            assert_eq!(after[0] - before[0], quote - of_maker);
            assert_eq!(after[1] - before[1], -quote - of_taker);
        }
    }
}

#[test]
fn a_puts_fee_is_as_a_calls_and_a_futures_as_a_perpetuals() {
    let mut stage = Stage::steady();
    let [seller, buyer] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let (put, future) = (
        dated(MarketKind::Put, 6, 200),
        dated(MarketKind::Future, 6, 0),
    );
    list(&mut stage, &[put, future]);
    for (terms, price, basis) in [(put, 90_000, MARK), (future, MARK - 300, MARK - 300)] {
        let maker = rest_in(&mut stage, &terms, &buyer, bid(price, 37));
        let sweep = take_in(&stage, &terms, &seller, ask(price, 37), &[maker]);
        let events = sent(&mut stage, &[sweep], &[&seller]);
        let fees = [MAKER, TAKER].map(|rate| share(37 * basis, rate));
        assert_eq!(
            [fills(&events)[0].maker_fee, fills(&events)[0].taker_fee],
            fees
        );
    }
}

#[test]
fn an_options_price_lies_in_a_band_around_its_own_mark() {
    let mut stage = Stage::steady();
    let [seller, buyer] = [1, 2].map(|number| stage.trader(number, 100_000.0));
    let (at_money, deep, far) = (
        dated(MarketKind::Call, 6, 200),
        dated(MarketKind::Put, 6, 300),
        dated(MarketKind::Call, 6, 260),
    );
    list(&mut stage, &[at_money, deep, far]);
    // 0.4·S·σ·√T at the money, the strike's distance deep in it, next to nothing far out of it.
    let years = (at_money.expiry - stage.world.now()) as f64 / (365.0 * 86_400.0);
    let rough = 0.4 * MARK as f64 * 0.8 * years.sqrt();
    let marks = [at_money, deep, far].map(|terms| mark(&stage, &terms));
    assert!((marks[0] / rough - 1.0).abs() < 0.01, "{marks:?} {rough}");
    assert!((marks[1] / 1_000_000.0 - 1.0).abs() < 0.01, "{marks:?}");
    assert!((100.0..2_000.0).contains(&marks[2]), "{marks:?}");
    for (terms, mark) in [at_money, deep, far].into_iter().zip(marks) {
        // A tenth of the mark and 3% of the underlying's.
        let width = 0.1 * mark + 0.03 * MARK as f64;
        let on_tick = |price: f64| (price / TICK as f64).floor() as u64 * TICK;
        let highest = on_tick(mark + width);
        let lowest = on_tick((mark - width).max(0.0)) + TICK;
        for price in [lowest, highest] {
            for order in [bid(price, 1), ask(price, 1)] {
                let place = place_in(&stage, &terms, &seller, order);
                stage.simulate(&[place], &[&seller]).unwrap();
            }
        }
        let below = if lowest > TICK {
            lowest - TICK
        } else {
            highest + 2 * TICK
        };
        for price in [highest + TICK, below] {
            let place = place_in(&stage, &terms, &seller, bid(price, 1));
            stage.refused(&[place], &[&seller], BallastError::PriceOutsideBand);
            let sweep = take_in(&stage, &terms, &seller, bid(price, 1), &[]);
            stage.refused(&[sweep], &[&seller], BallastError::PriceOutsideBand);
        }
    }
    // The band moves with the mark: what rests far from it is not filled.
    let maker = rest_in(&mut stage, &deep, &seller, ask(900_000, 5));
    let taker = rest_in(&mut stage, &deep, &buyer, bid(900_000, 5));
    let fill = fill_in(&stage, &deep, maker, taker, 5);
    stage.simulate(&[fill.clone()], &[]).unwrap();
    stage.set_price(SOL, 190.0);
    assert!(mark(&stage, &deep) > 1_090_000.0);
    stage.refused(&[fill], &[], BallastError::PriceOutsideBand);
    stage.check_books();
}
