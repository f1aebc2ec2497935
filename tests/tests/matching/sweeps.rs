//! One order against several makers' in one transaction: at whose price, how far, for which fees, and what is left of it.

use super::events::{Event, filled, fills, placed, sent, skipped, steps};
use super::scene::{
    MAKER, MARK, TAKER, TICK, ask, bid, hand_over, immediate, lots, perpetual, position,
    reduce_only, rest, share, take, taken, until,
};
use anchor_lang::prelude::Clock;
use ballast::error::BallastError;
use ballast_client::args::MAKERS_MAX;
use ballast_client::args::OrderArgs;
use ballast_client::instructions;
use ballast_client::state::{Board, MarginAccount, Order, Side};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, SOL, Stage};
use fixed::types::I80F48;

#[test]
fn every_maker_is_filled_at_his_own_price_with_exact_fees() {
    for side in [Side::Bid, Side::Ask] {
        let mut stage = Stage::steady();
        let [a, b, c] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
        let taker = stage.trader(4, 10_000.0);
        // The taker's limit is the worst of the three prices; upwards is worse for who buys.
        let (sign, other) = match side {
            Side::Bid => (1, Side::Ask),
            Side::Ask => (-1, Side::Bid),
        };
        let price = |ticks: i64| (MARK as i64 + sign * ticks * TICK as i64) as u64;
        let resting = |ticks, lots| Venue::limit(other, price(ticks), lots);
        let first = rest(&mut stage, &a, resting(0, 103));
        let second = rest(&mut stage, &b, resting(-3, 57));
        let third = rest(&mut stage, &c, resting(5, 80));
        let order = immediate(Venue::limit(side, price(5), 191));
        let events = taken(&mut stage, &taker, order, &[first, second, third]);

        let parts = [
            (first, price(0), 103),
            (second, price(-3), 57),
            (third, price(5), 31),
        ];
        let expected = parts.map(|(maker, price, lots)| filled(&stage, maker, price, lots));
        assert_eq!(steps(&events), expected);
        let (mut paid, mut fees) = (0, 0);
        for (fill, (maker, price, lots)) in fills(&events).into_iter().zip(parts) {
            let quote = price * lots;
            let (of_maker, of_taker) = (share(quote, MAKER), share(quote, TAKER));
            assert_eq!(
                (
                    fill.maker_fee,
                    fill.taker_fee,
                    fill.filler.map_or(0, |filler| filler.fee)
                ),
                (of_maker, of_taker, 0)
            );
            assert_eq!(
                (fill.market, fill.taker),
                (stage.market(SOL), stage.account(&taker))
            );
            assert_eq!((fill.taker_order_id, fill.taker_side), (0, side as u8));
            assert_eq!((fill.maker_funding, fill.taker_funding), (0, 0));
            let held = position(&stage, maker.0, &perpetual());
            assert_eq!(held.base_lots, -sign * lots as i64);
            assert_eq!(held.quote, sign * quote as i64 - of_maker as i64);
            paid += quote;
            fees += of_taker;
        }
        let held = position(&stage, &taker, &perpetual());
        assert_eq!(held.base_lots, sign * 191);
        assert_eq!(held.quote, -sign * paid as i64 - fees as i64);
        // The last maker's order is filled in part and rests; nothing of the taker's does.
        assert_eq!(stage.state(&c).order(third.1).unwrap().lots, 49);
        let state = stage.state(&taker);
        assert_eq!(state.orders, [Order::default(); 16]);
        assert_eq!(state.next_order_id, 1);
        let market = stage.venue.market(&stage.world, SOL).unwrap();
        assert_eq!(market.open_interest_lots, 191);
    }
}

#[test]
fn the_rest_of_a_limit_order_rests_with_its_number() {
    let mut stage = Stage::steady();
    let [a, b] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let taker = stage.trader(3, 10_000.0);
    let before = rest(&mut stage, &taker, bid(MARK - TICK, 1));
    let maker = rest(&mut stage, &a, ask(MARK, 30));
    let order = OrderArgs {
        client_id: 77,
        ..until(stage.world.now() + 50, bid(MARK + TICK, 100))
    };
    let events = taken(&mut stage, &taker, order, &[maker]);
    assert_eq!(steps(&events), [filled(&stage, maker, MARK, 30)]);
    assert_eq!(fills(&events)[0].taker_order_id, 1);
    let [left] = placed(&events)[..] else {
        panic!("one order rests");
    };
    assert_eq!((left.order_id, left.lots, left.client_id), (1, 70, 77));
    let state = stage.state(&taker);
    let expected = Order {
        terms: perpetual(),
        price: MARK + TICK,
        lots: 70,
        id: 1,
        client_id: 77,
        placed_slot: stage.world.svm.get_sysvar::<Clock>().slot,
        expires_at: order.expires_at,
        ..Order::default()
    };
    assert_eq!([state.orders[0].id, state.next_order_id], [before.1, 2]);
    assert_eq!(state.orders[1], expected);
    // It is a maker's order now, at its own price.
    let events = taken(&mut stage, &b, ask(MARK - TICK, 70), &[(&taker, 1)]);
    assert_eq!(
        steps(&events),
        [filled(&stage, (&taker, 1), MARK + TICK, 70)]
    );
    assert!(placed(&events).is_empty());
    assert_eq!(lots(&stage, &taker), 100);
}

#[test]
fn without_a_maker_to_trade_with_a_limit_order_rests_whole() {
    let mut stage = Stage::steady();
    let [maker, taker] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    let events = taken(&mut stage, &taker, bid(MARK, 10), &[]);
    assert_eq!((steps(&events).len(), placed(&events)[0].lots), (0, 10));
    let far = rest(&mut stage, &maker, ask(MARK + TICK, 10));
    let events = taken(&mut stage, &taker, bid(MARK, 20), &[far, (&maker, 9)]);
    let expected = [
        skipped(&stage, far, BallastError::OrdersDoNotCross),
        skipped(&stage, (&maker, 9), BallastError::OrderNotFound),
    ];
    assert_eq!(steps(&events), expected);
    assert_eq!(
        (placed(&events)[0].order_id, placed(&events)[0].lots),
        (1, 20)
    );
}

#[test]
fn what_is_left_of_an_immediate_order_lapses() {
    let mut stage = Stage::steady();
    let [a, b, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    let near = rest(&mut stage, &a, ask(MARK, 30));
    let far = rest(&mut stage, &b, ask(MARK + TICK, 30));
    // None to trade with, or none that will: as if it had never been sent.
    for makers in [&[][..], &[far], &[far, (&a, 5), (&b, 7)]] {
        let sweep = take(&stage, &taker, immediate(bid(MARK, 10)), makers);
        stage.refused(&[sweep], &[&taker], BallastError::NothingFilled);
    }
    let events = taken(&mut stage, &taker, immediate(bid(MARK, 100)), &[far, near]);
    let expected = [
        skipped(&stage, far, BallastError::OrdersDoNotCross),
        filled(&stage, near, MARK, 30),
    ];
    assert_eq!(steps(&events), expected);
    assert!(placed(&events).is_empty());
    let state = stage.state(&taker);
    assert_eq!(state.orders, [Order::default(); 16]);
    assert_eq!((state.next_order_id, lots(&stage, &taker)), (1, 30));
    // However many lots it asks for: what lapses need not be affordable, nor even a number that fits.
    for size in [1 << 40, u64::MAX] {
        let maker = rest(&mut stage, &b, ask(MARK, 5));
        let events = taken(&mut stage, &taker, immediate(bid(MARK, size)), &[maker]);
        assert_eq!(steps(&events), [filled(&stage, maker, MARK, 5)]);
    }
}

#[test]
fn a_reduce_only_order_stops_at_the_positions_end_whatever_makers_follow() {
    for order in [ask(MARK, 200), immediate(ask(MARK, 200))] {
        let mut stage = Stage::steady();
        let [a, b, c, taker] = [1, 2, 3, 4].map(|number| stage.trader(number, 10_000.0));
        let sweep = take(&stage, &taker, reduce_only(order), &[]);
        stage.refused(&[sweep], &[&taker], BallastError::WouldNotReduce);
        hand_over(&mut stage, &perpetual(), &a, &taker, MARK, 50);
        let wrong_side = take(&stage, &taker, reduce_only(bid(MARK, 1)), &[]);
        stage.refused(&[wrong_side], &[&taker], BallastError::WouldNotReduce);
        let makers = [
            rest(&mut stage, &a, bid(MARK, 30)),
            rest(&mut stage, &b, bid(MARK + TICK, 100)),
            rest(&mut stage, &c, bid(MARK, 10)),
            (&c, 55),
        ];
        let events = taken(&mut stage, &taker, reduce_only(order), &makers);
        let expected = [
            filled(&stage, makers[0], MARK, 30),
            filled(&stage, makers[1], MARK + TICK, 20),
        ];
        assert_eq!(steps(&events), expected);
        assert_eq!(lots(&stage, &taker), 0);
        // What is left could reduce nothing: it lapses, limit order or not.
        assert!(placed(&events).is_empty());
        assert_eq!(stage.state(&taker).orders, [Order::default(); 16]);
        assert_eq!(stage.state(&c).order(makers[2].1).unwrap().lots, 10);
    }
}

#[test]
fn the_rest_of_a_reduce_only_order_rests_while_there_is_something_to_reduce() {
    let mut stage = Stage::steady();
    let [a, taker] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &a, &taker, MARK, 50);
    let maker = rest(&mut stage, &a, bid(MARK, 30));
    let events = taken(&mut stage, &taker, reduce_only(ask(MARK, 200)), &[maker]);
    assert_eq!(steps(&events), [filled(&stage, maker, MARK, 30)]);
    let [left] = placed(&events)[..] else {
        panic!("one order rests");
    };
    assert_eq!((left.lots, left.reduce_only), (170, true));
    let maker = rest(&mut stage, &a, bid(MARK, 100));
    let own = (&taker, left.order_id);
    let events = taken(&mut stage, &a, immediate(bid(MARK, 100)), &[own]);
    assert_eq!(steps(&events), [filled(&stage, own, MARK, 20)]);
    assert_eq!(lots(&stage, &taker), 0);
    let events = taken(&mut stage, &a, bid(MARK, 100), &[own]);
    assert_eq!(
        steps(&events),
        [skipped(&stage, own, BallastError::WouldNotReduce)]
    );
    assert_eq!(stage.state(&a).order(maker.1).unwrap().lots, 100);
}

#[test]
fn several_orders_of_one_maker_are_filled_in_one_sweep() {
    let mut stage = Stage::steady();
    let [maker, other, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    let first = rest(&mut stage, &maker, ask(MARK, 30));
    let second = rest(&mut stage, &maker, ask(MARK + 2 * TICK, 40));
    let third = rest(&mut stage, &other, ask(MARK + TICK, 5));
    // The same order twice: it is gone the second time.
    let makers = [first, third, first, second];
    let events = taken(&mut stage, &taker, bid(MARK + 2 * TICK, 60), &makers);
    let expected = [
        filled(&stage, first, MARK, 30),
        filled(&stage, third, MARK + TICK, 5),
        skipped(&stage, first, BallastError::OrderNotFound),
        filled(&stage, second, MARK + 2 * TICK, 25),
    ];
    assert_eq!(steps(&events), expected);
    assert_eq!((lots(&stage, &maker), lots(&stage, &taker)), (-55, 60));
    assert_eq!(stage.state(&maker).order(second.1).unwrap().lots, 15);
    // Makers after the last lot are not looked at.
    let events = taken(
        &mut stage,
        &taker,
        bid(MARK + 2 * TICK, 15),
        &[second, (&maker, 99)],
    );
    assert_eq!(
        steps(&events),
        [filled(&stage, second, MARK + 2 * TICK, 15)]
    );
}

#[test]
fn funding_is_settled_once_and_told_in_the_first_fill() {
    let mut stage = Stage::steady();
    let [a, b, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &a, &taker, MARK, 100);
    // Each long lot pays 7 units a second.
    let (board, now) = (stage.venue.addresses.board, stage.world.now());
    stage.patch::<Board>(&board, |board| {
        board.perpetuals[0].updated_at = now;
        board.perpetuals[0].stands_until = now + 100;
        board.perpetuals[0].per_second.set(I80F48::from_num(7));
    });
    stage.world.advance(10);
    let first = rest(&mut stage, &a, ask(MARK, 20));
    let second = rest(&mut stage, &b, ask(MARK, 20));
    let third = rest(&mut stage, &a, ask(MARK, 20));
    let order = immediate(bid(MARK, 60));
    let events = taken(&mut stage, &taker, order, &[first, second, third]);
    let funding: Vec<_> = fills(&events)
        .iter()
        .map(|fill| (fill.maker_funding, fill.taker_funding))
        .collect();
    assert_eq!(funding, [(7_000, -7_000), (0, 0), (0, 0)]);
    // A trade at the mark has left no premium; the next tells the funding since then.
    stage.world.advance(1);
    let fourth = rest(&mut stage, &b, bid(MARK, 5));
    let events = taken(&mut stage, &taker, immediate(ask(MARK, 5)), &[fourth]);
    let fill = fills(&events)[0];
    assert_eq!((fill.maker_funding, fill.taker_funding), (140, -1_120));
}

#[test]
fn a_sweep_ends_the_liquidation_of_whoever_recovers_in_it() {
    let mut stage = Stage::steady();
    let rich = stage.trader(1, 1_000_000.0);
    let [maker, taker] = [2, 3].map(|number| stage.trader(number, 3_500.0));
    for owner in [&maker, &taker] {
        hand_over(&mut stage, &perpetual(), &rich, owner, MARK, 10_000);
    }
    stage.set_price(SOL, 180.0);
    let price = 1_800_000;
    for owner in [&maker, &taker] {
        let start = instructions::start_liquidation(&stage.venue.addresses, &stage.account(owner));
        stage.world.send(&[start], &[]).unwrap();
    }
    let ended = |events: &[Event]| -> Vec<_> {
        let ended = events.iter().filter_map(|event| match event {
            Event::Ended(ended) => Some(ended.margin_account),
            _ => None,
        });
        ended.collect()
    };
    // As a maker: a part is not enough, the whole is.
    let closing = rest(&mut stage, &maker, reduce_only(ask(price, 10_000)));
    let events = taken(&mut stage, &rich, immediate(bid(price, 1)), &[closing]);
    assert!(ended(&events).is_empty() && stage.state(&maker).in_liquidation());
    let events = taken(&mut stage, &rich, immediate(bid(price, 10_000)), &[closing]);
    assert_eq!(ended(&events), [stage.account(&maker)]);
    assert!(!stage.state(&maker).in_liquidation());
    // As a taker: only to reduce.
    let buying = rest(&mut stage, &rich, bid(price, 20_000));
    let sweep = take(&stage, &taker, immediate(ask(price, 10_000)), &[buying]);
    stage.refused(&[sweep], &[&taker], BallastError::InLiquidation);
    let order = reduce_only(ask(price, 20_000));
    let sweep = take(&stage, &taker, order, &[buying]);
    let events = sent(&mut stage, &[sweep], &[&taker]);
    assert_eq!(ended(&events), [stage.account(&taker)]);
    assert_eq!(lots(&stage, &taker), 0);
}

#[test]
fn as_many_makers_as_one_instruction_takes() {
    let mut stage = Stage::steady();
    let taker = stage.trader(100, 1_000_000.0);
    let owners: Vec<_> = (1..=MAKERS_MAX as u8)
        .map(|number| stage.trader(number, 1_000.0))
        .collect();
    let makers: Vec<_> = owners
        .iter()
        .map(|owner| rest(&mut stage, owner, ask(MARK, 10)))
        .collect();
    let mut too_many = makers.clone();
    too_many.push(makers[0]);
    let sweep = take(&stage, &taker, bid(MARK, 170), &too_many);
    stage.refused(&[sweep], &[&taker], BallastError::MakersDoNotMatch);
    let events = taken(&mut stage, &taker, bid(MARK, 170), &makers);
    let whole = |maker: &_| filled(&stage, *maker, MARK, 10);
    assert_eq!(steps(&events), makers.iter().map(whole).collect::<Vec<_>>());
    assert_eq!(placed(&events)[0].lots, 10);
    // And when none of them trades: their orders are gone, nobody knows what they can afford, or they are in liquidation.
    let passed_over = |stage: &mut Stage, order, id, error: BallastError| {
        let makers: Vec<_> = owners.iter().map(|owner| (owner, id)).collect();
        let events = taken(stage, &taker, order, &makers);
        let code = error.code();
        let each = |maker: &_| skipped(stage, *maker, Code(code));
        assert_eq!(steps(&events), makers.iter().map(each).collect::<Vec<_>>());
    };
    passed_over(&mut stage, bid(MARK, 1), 0, BallastError::OrderNotFound);
    // They buy more than they are short.
    for owner in &owners {
        rest(&mut stage, owner, bid(MARK, 500));
    }
    stage.world.advance(1_000);
    let order = reduce_only(ask(MARK, 190));
    passed_over(&mut stage, order, 1, BallastError::StalePrice);
    for owner in &owners {
        let account = stage.account(owner);
        stage.patch::<MarginAccount>(&account, |account| account.liquidation_started_at = 1);
    }
    passed_over(&mut stage, order, 1, BallastError::InLiquidation);
}
