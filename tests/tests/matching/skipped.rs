//! Makers who cannot trade are passed over: the log says why, nothing of theirs changes, and the next is tried.

use super::events::{Event, filled, skipped, steps};
use super::scene::{
    MARK, TICK, ask, bid, bytes, hand_over, immediate, lots, perpetual, reduce_only, rest, rest_in,
    taken, until,
};
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, Market, Side};
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// A maker's order that stands before a good one is passed over.
#[track_caller]
fn passed_over(
    stage: &mut Stage,
    taker: &Keypair,
    bad: (&Keypair, u64),
    good: (&Keypair, u64),
    error: BallastError,
) {
    let before = bytes(stage, bad.0);
    let price = stage.state(good.0).order(good.1).unwrap().price;
    let events = taken(
        stage,
        taker,
        immediate(bid(MARK + 5 * TICK, 2)),
        &[bad, good],
    );
    let expected = [skipped(stage, bad, error), filled(stage, good, price, 2)];
    assert_eq!(steps(&events), expected);
    let Event::Skipped(event) = &events[0] else {
        panic!("the first is passed over");
    };
    assert_eq!(event.market, stage.market(SOL));
    assert!(bytes(stage, bad.0) == before, "the maker has changed");
}

#[test]
fn a_maker_who_cannot_trade_is_passed_over() {
    use BallastError as E;
    let mut stage = Stage::steady();
    let [rich, taker] = [100, 101].map(|number| stage.trader(number, 1_000_000.0));
    let good = rest(&mut stage, &rich, ask(MARK, 1_000));
    let owners: Vec<_> = (1..=9)
        .map(|number| stage.trader(number, 1_000.0))
        .collect();
    let [a, b, c, d, e, f, g, h, i] = &owners[..] else {
        unreachable!()
    };

    let gone = rest(&mut stage, a, ask(MARK, 10));
    let cancel = instructions::cancel_order(&stage.account(a), &a.pubkey(), gone.1);
    stage.world.send(&[cancel], &[a]).unwrap();
    let now = stage.world.now();
    let expired = rest(&mut stage, b, until(now + 10, ask(MARK, 10)));
    stage.world.advance(9);
    // In its last second it still trades.
    let events = taken(&mut stage, &taker, immediate(bid(MARK, 1)), &[expired]);
    assert_eq!(steps(&events), [filled(&stage, expired, MARK, 1)]);
    stage.world.advance(1);
    let far = rest(&mut stage, c, ask(MARK + 6 * TICK, 10));
    let buying = rest(&mut stage, d, bid(MARK, 10));
    let elsewhere = rest_in(&mut stage, &Venue::perpetual(ETH), e, ask(4_000_000, 1));
    let cheap = rest(&mut stage, f, ask(1_810_000, 10));
    let flagged = rest(&mut stage, g, ask(MARK, 10));
    let account = stage.account(g);
    stage.patch::<MarginAccount>(&account, |account| account.liquidation_started_at = now);
    // He closed his position after he had placed the order.
    hand_over(&mut stage, &perpetual(), &rich, h, MARK, 10);
    let closing = rest(&mut stage, h, reduce_only(ask(MARK, 10)));
    hand_over(&mut stage, &perpetual(), h, &rich, MARK, 10);
    let empty = rest(&mut stage, i, ask(MARK, 10));
    stage.mint(i, 0, 0);
    let withdraw = stage.withdraw(i, 0, u64::MAX, false);
    stage.world.send(&[withdraw], &[i]).unwrap();
    // The band goes up to here, and no longer down to the cheap one.
    stage.set_price(SOL, 202.0);

    for (bad, error) in [
        (gone, E::OrderNotFound),
        (expired, E::OrderExpired),
        (far, E::OrdersDoNotCross),
        (buying, E::SameSide),
        (elsewhere, E::WrongMarket),
        (cheap, E::PriceOutsideBand),
        (flagged, E::InLiquidation),
        (closing, E::WouldNotReduce),
        (empty, E::MakerBelowInitialMargin),
    ] {
        passed_over(&mut stage, &taker, bad, good, error);
    }
    let fund = stage.venue.addresses.insurance_fund();
    let makers = [(fund, 0), (stage.account(&rich), good.1)];
    let sweep = instructions::place_and_fill(
        &stage.venue.addresses,
        &perpetual(),
        &stage.account(&taker),
        &taker.pubkey(),
        bid(MARK, 1),
        &makers,
    );
    stage.world.send(&[sweep], &[&taker]).unwrap();
    assert_eq!(lots(&stage, &taker), 20);
    stage.check_books();
}

#[test]
fn a_maker_without_a_free_slot_is_passed_over_unless_he_holds_the_market() {
    let mut stage = Stage::steady();
    let [rich, full, holder, taker] = [1, 2, 3, 4].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &rich, &holder, MARK, 50);
    let good = rest(&mut stage, &rich, ask(MARK, 100));
    let without = rest(&mut stage, &full, ask(MARK, 10));
    let with = rest(&mut stage, &holder, ask(MARK, 10));
    for owner in [&full, &holder] {
        let account = stage.account(owner);
        stage.patch::<MarginAccount>(&account, |account| {
            for (index, slot) in account.positions.iter_mut().enumerate() {
                if slot.is_free() {
                    slot.quote = 1;
                    slot.terms.kind = 1;
                    slot.terms.expiry = 1 + index as i64;
                }
            }
        });
    }
    passed_over(
        &mut stage,
        &taker,
        without,
        good,
        BallastError::PositionSlotsFull,
    );
    let events = taken(
        &mut stage,
        &taker,
        immediate(bid(MARK, 10)),
        &[without, with],
    );
    let expected = [
        skipped(&stage, without, BallastError::PositionSlotsFull),
        filled(&stage, with, MARK, 10),
    ];
    assert_eq!(steps(&events), expected);
    assert_eq!(lots(&stage, &holder), 40);
}

#[test]
fn a_maker_can_afford_each_of_his_orders_but_not_all_of_them() {
    // 600 of cash is the initial margin of 23.7 SOL at 200: a scan range of 10.1%, times 1.25.
    for (side, other, sign) in [(Side::Bid, Side::Ask, -1), (Side::Ask, Side::Bid, 1)] {
        let mut stage = Stage::steady();
        let [rich, taker] = [1, 2].map(|number| stage.trader(number, 1_000_000.0));
        let maker = stage.trader(3, 600.0);
        let resting = |lots| Venue::limit(other, MARK, lots);
        let first = rest(&mut stage, &maker, resting(1_500));
        let second = rest(&mut stage, &maker, resting(1_500));
        let small = rest(&mut stage, &maker, resting(500));
        let good = rest(&mut stage, &rich, resting(5_000));
        let order = |lots| immediate(Venue::limit(side, MARK, lots));
        let events = taken(
            &mut stage,
            &taker,
            order(4_000),
            &[first, second, small, good],
        );
        // What had been booked of the second fill is taken back in the market too.
        let expected = [
            filled(&stage, first, MARK, 1_500),
            skipped(&stage, second, BallastError::MakerBelowInitialMargin),
            filled(&stage, small, MARK, 500),
            filled(&stage, good, MARK, 2_000),
        ];
        assert_eq!(steps(&events), expected);
        assert_eq!(lots(&stage, &maker), sign * 2_000);
        assert_eq!(stage.state(&maker).order(second.1).unwrap().lots, 1_500);
        // A smaller taker may still have a part of it.
        let events = taken(&mut stage, &taker, order(300), &[second]);
        assert_eq!(steps(&events), [filled(&stage, second, MARK, 300)]);
    }
}

#[test]
fn at_stale_prices_who_opens_is_passed_over_and_who_closes_trades() {
    let mut stage = Stage::steady();
    let [holder, opener, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &taker, &holder, MARK, 50);
    let opening = rest(&mut stage, &opener, ask(MARK, 10));
    let closing = rest(&mut stage, &holder, ask(MARK, 10));
    stage.world.advance(1_000);
    let order = reduce_only(immediate(bid(MARK, 20)));
    let events = taken(&mut stage, &taker, order, &[opening, closing]);
    let expected = [
        skipped(&stage, opening, BallastError::StalePrice),
        filled(&stage, closing, MARK, 10),
    ];
    assert_eq!(steps(&events), expected);
}

#[test]
fn the_open_interest_cap_is_kept_by_every_fill_of_a_sweep() {
    let mut stage = Stage::steady();
    let [a, b, holder, taker] = [1, 2, 3, 4].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &a, &holder, MARK, 60);
    let key = stage.market(SOL);
    stage.patch::<Market>(&key, |market| market.open_interest_cap_lots = 100);
    let open = rest(&mut stage, &b, ask(MARK, 30));
    let beyond = rest(&mut stage, &b, ask(MARK, 11));
    let closing = rest(&mut stage, &holder, ask(MARK, 20));
    let last = rest(&mut stage, &a, ask(MARK, 10));
    let makers = [open, beyond, closing, last];
    let events = taken(&mut stage, &taker, immediate(bid(MARK, 100)), &makers);
    let expected = [
        filled(&stage, open, MARK, 30),
        skipped(&stage, beyond, BallastError::OpenInterestCapExceeded),
        // Handed over from one long to another: it does not grow.
        filled(&stage, closing, MARK, 20),
        filled(&stage, last, MARK, 10),
    ];
    assert_eq!(steps(&events), expected);
    let market = stage.venue.market(&stage.world, SOL).unwrap();
    assert_eq!(market.open_interest_lots, 100);
    let events = taken(&mut stage, &taker, bid(MARK, 1), &[beyond]);
    assert_eq!(
        steps(&events),
        [skipped(
            &stage,
            beyond,
            BallastError::OpenInterestCapExceeded
        )]
    );
}
