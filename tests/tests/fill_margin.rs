//! Fills and margin: who may trade below initial margin, at stale prices, in liquidation, and only to reduce.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use ballast::error::BallastError;
use ballast::events::LiquidationEnded;
use ballast_client::args::OrderArgs;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{MarginAccount, Market, Side};
use ballast_client::{events, instructions};
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;

/// Quote units per lot of SOL (0.01) at 200.
const MARK: u64 = 2_000_000;

fn at(price: u64, lots: u64, side: Side) -> OrderArgs {
    Venue::limit(side, price, lots)
}

fn reduce_only(args: OrderArgs) -> OrderArgs {
    OrderArgs {
        reduce_only: true,
        ..args
    }
}

#[track_caller]
fn place(stage: &mut Stage, owner: &Keypair, args: OrderArgs) -> u64 {
    stage
        .venue
        .place(&mut stage.world, owner, SOL, args)
        .unwrap()
}

fn lots(stage: &Stage, owner: &Keypair) -> i64 {
    stage.state(owner).lots(&Venue::perpetual(SOL))
}

fn sol_trade(stage: &mut Stage, maker: &Keypair, taker: &Keypair, side: Side, lots: u64) {
    stage
        .trade(maker, taker, SOL, side, lots as f64 / 100.0, 200.0)
        .unwrap();
}

/// A trader who is long 100 SOL from 200 on 3,400 of cash, and a rich one who is short them.
fn long_and_short(stage: &mut Stage) -> (Keypair, Keypair) {
    let (owner, rich) = (stage.trader(1, 3_400.0), stage.trader(2, 1_000_000.0));
    sol_trade(stage, &rich, &owner, Side::Bid, 10_000);
    (owner, rich)
}

fn report(stage: &Stage, owner: &Keypair) -> Box<Report> {
    let account = stage.account(owner);
    stage
        .venue
        .assess(&stage.world, &account, Purpose::ReduceRisk)
        .unwrap()
}

#[test]
fn each_side_must_have_its_initial_margin_after_the_fill() {
    for (poor_side, refusal) in [
        (0, BallastError::MakerBelowInitialMargin),
        (1, BallastError::TakerBelowInitialMargin),
    ] {
        // 20 SOL are affordable, twice 20 are not: resting orders bind no margin.
        let mut stage = Stage::new();
        let cash = [[1_000.0, 100_000.0], [100_000.0, 1_000.0]][poor_side];
        let (maker, taker) = (stage.trader(1, cash[0]), stage.trader(2, cash[1]));
        for _ in 0..2 {
            place(&mut stage, &maker, at(MARK, 2_000, Side::Ask));
            place(&mut stage, &taker, at(MARK, 2_000, Side::Bid));
        }
        let first = stage.fill(SOL, (&maker, 0), (&taker, 0), 2_000);
        stage.world.send(&[first], &[]).unwrap();
        let second = stage.fill(SOL, (&maker, 1), (&taker, 1), 2_000);
        stage.refused(&[second], &[], refusal);
        // As much as is affordable still goes through.
        let part = stage.fill(SOL, (&maker, 1), (&taker, 1), 500);
        stage.world.send(&[part], &[]).unwrap();
        let poor = [&maker, &taker][poor_side];
        let account = stage.account(poor);
        let strict = stage
            .venue
            .assess(&stage.world, &account, Purpose::AddRisk)
            .unwrap();
        assert!(strict.health_initial() >= 0);
        stage.check_books();
    }
}

#[test]
fn below_initial_margin_a_fill_may_only_reduce_and_not_at_a_price_that_ruins() {
    let mut stage = Stage::new();
    let (owner, rich) = long_and_short(&mut stage);
    let adding = place(&mut stage, &owner, at(MARK - 100_000, 1, Side::Bid));
    stage.set_price(SOL, 192.0);
    let before = report(&stage, &owner);
    assert!(before.health_initial() < 0 && before.health_maintenance() >= 0);
    let selling = place(&mut stage, &rich, at(MARK - 100_000, 1, Side::Ask));
    let add = stage.fill(SOL, (&owner, adding), (&rich, selling), 1);
    stage.refused(&[add], &[], BallastError::MakerBelowInitialMargin);
    let buying = place(&mut stage, &rich, at(1_920_000, 20_000, Side::Bid));
    let reducing = place(&mut stage, &owner, at(1_920_000, 10, Side::Ask));
    let reduce = stage.fill(SOL, (&rich, buying), (&owner, reducing), 10);
    stage.world.send(&[reduce], &[]).unwrap();
    let after = report(&stage, &owner);
    assert!(after.health_initial() < 0, "still below");
    assert!(after.maintenance_margin < before.maintenance_margin);

    // Equity is 9% of the position now: selling 7% below the mark helps, nearly 10% below does not.
    stage.set_price(SOL, 183.0);
    assert!(report(&stage, &owner).health_maintenance() < 0);
    for (price, allowed) in [(1_700_000, true), (1_650_000, false)] {
        let buying = place(&mut stage, &rich, at(price, 1_000, Side::Bid));
        let selling = place(&mut stage, &owner, at(price, 1_000, Side::Ask));
        let taken = stage.fill(SOL, (&rich, buying), (&owner, selling), 1_000);
        // Placed in the same slot, either may be the maker.
        let made = stage.fill(SOL, (&owner, selling), (&rich, buying), 1_000);
        if allowed {
            stage.simulate(&[taken], &[]).unwrap();
            stage.simulate(&[made], &[]).unwrap();
        } else {
            stage.refused(&[taken], &[], BallastError::TakerBelowInitialMargin);
            stage.refused(&[made], &[], BallastError::MakerBelowInitialMargin);
        }
    }
    stage.check_books();
}

#[test]
fn stale_prices_stop_what_adds_risk_and_nothing_else() {
    let mut stage = Stage::new();
    let (owner, rich) = long_and_short(&mut stage);
    let third = stage.trader(3, 100_000.0);
    let buying = place(&mut stage, &third, at(MARK, 10, Side::Bid));
    let selling = place(&mut stage, &third, at(MARK, 10, Side::Ask));
    stage.world.advance(10_000);
    let closing = place(&mut stage, &owner, at(MARK, 10_000, Side::Ask));
    let covering = place(&mut stage, &rich, reduce_only(at(MARK, 10_000, Side::Bid)));
    for (maker, taker) in [
        ((&third, buying), (&owner, closing)),
        ((&third, selling), (&rich, covering)),
    ] {
        let opens = stage.fill(SOL, maker, taker, 10);
        stage.refused(&[opens], &[], BallastError::StalePrice);
    }
    let closes = stage.fill(SOL, (&owner, closing), (&rich, covering), 10_000);
    stage.world.send(&[closes], &[]).unwrap();
    assert_eq!((lots(&stage, &owner), lots(&stage, &rich)), (0, 0));
    stage.check_books();
}

#[test]
fn in_liquidation_only_reduce_only_orders_are_filled_and_may_end_it() {
    let mut stage = Stage::new();
    let (owner, rich) = long_and_short(&mut stage);
    stage.set_price(SOL, 180.0);
    let account = stage.account(&owner);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
    let selling = place(
        &mut stage,
        &owner,
        reduce_only(at(1_800_000, 10_000, Side::Ask)),
    );
    let buying = place(&mut stage, &rich, at(1_800_000, 10_000, Side::Bid));
    let close = stage.fill(SOL, (&owner, selling), (&rich, buying), 10_000);
    // Starting cancels every order and no other kind is taken: written past the program.
    stage.patch::<MarginAccount>(&account, |account| account.orders[0].reduce_only = 0);
    stage.refused(&[close.clone()], &[], BallastError::InLiquidation);
    let taken = stage.fill(SOL, (&rich, buying), (&owner, selling), 10_000);
    stage.refused(&[taken], &[], BallastError::InLiquidation);
    stage.patch::<MarginAccount>(&account, |account| account.orders[0].reduce_only = 1);
    let some = stage.fill(SOL, (&owner, selling), (&rich, buying), 1);
    stage.world.send(&[some], &[]).unwrap();
    assert!(stage.state(&owner).in_liquidation());
    let done = stage.world.send(&[close], &[]).unwrap();
    assert!(!stage.state(&owner).in_liquidation());
    let ended = events::decode_all(&done.logs)[0]
        .parse::<LiquidationEnded>()
        .unwrap();
    assert_eq!(ended.margin_account, account);
    stage.check_books();
}

#[test]
fn totals_that_would_overflow_refuse_the_fill() {
    let mut stage = Stage::new();
    let (maker, taker) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    place(&mut stage, &maker, at(MARK, 10, Side::Ask));
    place(&mut stage, &taker, at(MARK, 10, Side::Bid));
    let both = stage.fill(SOL, (&maker, 0), (&taker, 0), 10);
    let (key, account) = (stage.market(SOL), stage.account(&taker));
    stage.patch::<Market>(&key, |market| market.fees = u64::MAX);
    stage.refused(&[both.clone()], &[], BallastError::Overflow);
    stage.patch::<Market>(&key, |market| {
        (market.fees, market.open_interest_lots) = (0, u64::MAX)
    });
    stage.refused(&[both.clone()], &[], BallastError::OpenInterestCapExceeded);
    stage.patch::<Market>(&key, |market| market.open_interest_lots = 0);
    stage.patch::<MarginAccount>(&account, |account| {
        account.positions[0].terms = Venue::perpetual(SOL);
        account.positions[0].quote = i64::MIN;
    });
    stage.refused(&[both], &[], BallastError::Overflow);
}

#[test]
fn a_market_fills_the_orders_of_its_status() {
    let mut stage = Stage::new();
    let (long, short) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    sol_trade(&mut stage, &short, &long, Side::Bid, 50);
    let plain = [
        place(&mut stage, &long, at(MARK, 10, Side::Ask)),
        place(&mut stage, &short, at(MARK, 10, Side::Bid)),
    ];
    let closing = [
        place(&mut stage, &long, reduce_only(at(MARK, 10, Side::Ask))),
        place(&mut stage, &short, reduce_only(at(MARK, 10, Side::Bid))),
    ];
    let key = stage.market(SOL);
    let reduce_only = Some(BallastError::MarketNotActive);
    let expired = Some(BallastError::MarketExpired);
    for (status, orders, refusal) in [
        (0, plain, None),
        (0, closing, None),
        (1, closing, None),
        (1, plain, reduce_only),
        (1, [plain[0], closing[1]], reduce_only),
        (1, [closing[0], plain[1]], reduce_only),
        (2, closing, expired),
        (3, closing, expired),
    ] {
        stage.patch::<Market>(&key, |market| market.status = status);
        let both = stage.fill(SOL, (&long, orders[0]), (&short, orders[1]), 10);
        match refusal {
            None => stage.simulate(&[both], &[]).unwrap(),
            Some(refusal) => stage.refused(&[both], &[], refusal),
        }
    }
}

#[test]
fn a_reduce_only_order_never_flips_a_position() {
    let mut stage = Stage::new();
    let (owner, other) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    sol_trade(&mut stage, &other, &owner, Side::Bid, 30);
    let closing = place(&mut stage, &owner, reduce_only(at(MARK, 100, Side::Ask)));
    let taking = place(&mut stage, &other, at(MARK, 100, Side::Bid));
    let part = stage.fill(SOL, (&owner, closing), (&other, taking), 20);
    stage.world.send(&[part], &[]).unwrap();
    assert_eq!(lots(&stage, &owner), 10);
    let rest = stage.fill(SOL, (&owner, closing), (&other, taking), 100);
    stage.world.send(&[rest.clone()], &[]).unwrap();
    assert_eq!((lots(&stage, &owner), lots(&stage, &other)), (0, 0));
    // What is left of it rests, and must not open the other side.
    assert_eq!(stage.state(&owner).order(closing).unwrap().lots, 70);
    stage.refused(&[rest.clone()], &[], BallastError::WouldNotReduce);
    sol_trade(&mut stage, &other, &owner, Side::Ask, 5);
    stage.refused(&[rest], &[], BallastError::WouldNotReduce);
    stage.check_books();
}
