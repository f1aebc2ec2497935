//! Resting orders: placing and cancelling.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{OrderCancelled, OrderPlaced};
use ballast_client::args::{OrderArgs, OrderType};
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{Board, MarginAccount, Market, MarketTerms, Order, Position, Side};
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Quote units per lot of SOL (0.01) at 200.
const MARK: u64 = 2_000_000;
/// Orders in SOL: the tick.
const TICK: u64 = 100;

fn bid(lots: u64) -> OrderArgs {
    Venue::limit(Side::Bid, MARK, lots)
}

fn ask(lots: u64) -> OrderArgs {
    Venue::limit(Side::Ask, MARK, lots)
}

fn reduce_only(args: OrderArgs) -> OrderArgs {
    OrderArgs {
        reduce_only: true,
        ..args
    }
}

fn cancel(stage: &Stage, owner: &Keypair, id: u64) -> Instruction {
    instructions::cancel_order(&stage.account(owner), &owner.pubkey(), id)
}

/// A trader who is long 100 SOL from 200, with this cash besides.
fn long(stage: &mut Stage, usdc: f64) -> Keypair {
    let (maker, owner) = (stage.trader(100, 1_000_000.0), stage.trader(101, usdc));
    stage
        .trade(&maker, &owner, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    owner
}

/// Initial health if these lots were bought at the mark.
fn health_after(stage: &Stage, owner: &Keypair, lots: i64) -> i64 {
    let (exchange, board) = (
        stage.venue.exchange(&stage.world).unwrap(),
        stage.venue.board(&stage.world).unwrap(),
    );
    let view = View {
        exchange: &exchange,
        board: &board,
        now: stage.world.now(),
    };
    let bought = Position {
        base_lots: lots,
        quote: -lots * MARK as i64,
        terms: Venue::perpetual(SOL),
        ..Position::default()
    };
    let mut report = Report::boxed();
    view.assess_with(
        &stage.state(owner),
        Some(&bought),
        Purpose::AddRisk,
        &mut report,
    )
    .unwrap();
    report.health_initial()
}

#[test]
fn an_order_rests_as_it_was_placed_until_it_is_cancelled() {
    let mut stage = Stage::new();
    let (owner, helper) = (stage.trader(1, 10_000.0), Stage::key(2));
    let args = OrderArgs {
        side: Side::Ask as u8,
        price: MARK + 3 * TICK,
        lots: 70,
        client_id: 0xfeed,
        expires_at: stage.world.now() as u32 + 1,
        reduce_only: false,
        order_type: OrderType::Limit,
    };
    let place = stage.place(&owner, SOL, args);
    let done = stage.world.send(&[place], &[&owner]).unwrap();
    let slot = stage
        .world
        .svm
        .get_sysvar::<anchor_lang::prelude::Clock>()
        .slot;
    let expected = Order {
        terms: Venue::perpetual(SOL),
        price: args.price,
        lots: 70,
        id: 0,
        client_id: 0xfeed,
        placed_slot: slot,
        expires_at: args.expires_at,
        side: 1,
        reduce_only: 0,
        ..Order::default()
    };
    let account = stage.state(&owner);
    assert_eq!((account.orders[0], account.next_order_id), (expected, 1));
    assert!(
        account.orders[1..]
            .iter()
            .all(|order| *order == Order::default())
    );
    let event = events::decode_all(&done.logs)[0]
        .parse::<OrderPlaced>()
        .unwrap();
    assert_eq!(event.margin_account, stage.account(&owner));
    assert_eq!(
        (event.terms, event.order_id),
        (Venue::perpetual(SOL).into(), 0)
    );
    assert_eq!(
        (event.client_id, event.side, event.price),
        (0xfeed, 1, args.price)
    );
    let rest = (event.lots, event.expires_at, event.reduce_only);
    assert_eq!(rest, (70, args.expires_at, false));

    // By the delegate; numbers are never used twice, slots are.
    stage.set_delegate(&owner, &helper);
    let place = with(
        stage.place(&owner, ETH, Venue::limit(Side::Bid, 4_000_000, 1)),
        &owner.pubkey(),
        &helper.pubkey(),
    );
    stage.world.send(&[place.clone()], &[&helper]).unwrap();
    let first = with(cancel(&stage, &owner, 0), &owner.pubkey(), &helper.pubkey());
    let done = stage.world.send(&[first.clone()], &[&helper]).unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<OrderCancelled>()
        .unwrap();
    assert_eq!(
        (event.margin_account, event.order_id, event.lots),
        (stage.account(&owner), 0, 70)
    );
    assert_eq!(stage.state(&owner).orders[0], Order::default());
    stage.world.send(&[place], &[&helper]).unwrap();
    let account = stage.state(&owner);
    assert_eq!([account.orders[0].id, account.orders[1].id], [2, 1]);
    assert_eq!(account.orders[0].terms, MarketTerms::perpetual(1));
    stage.refused(&[first], &[&helper], BallastError::OrderNotFound);
    stage.check_books();
}

#[test]
fn only_owner_and_delegate_cancel_and_only_what_rests() {
    let mut stage = Stage::new();
    let (owner, stranger) = (stage.trader(1, 10_000.0), stage.trader(2, 1.0));
    // A free slot says number 0 as well.
    for id in [0, 1, u64::MAX] {
        let nothing = cancel(&stage, &owner, id);
        stage.refused(&[nothing], &[&owner], BallastError::OrderNotFound);
    }
    stage
        .venue
        .place(&mut stage.world, &owner, SOL, bid(1))
        .unwrap();
    let mine = cancel(&stage, &owner, 0);
    let forged = with(mine.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwnerOrDelegate);
    let silent = unsigned(mine.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let wrong = with(mine.clone(), &stage.account(&owner), &stage.market(SOL));
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    stage.refused(&[wrong], &[&owner], mismatch);
    // Whatever the prices.
    stage.world.advance(100_000);
    stage.world.send(&[mine], &[&owner]).unwrap();
    stage.check_books();
}

#[test]
fn an_order_must_be_of_the_exchange_and_of_the_trader() {
    let mut stage = Stage::new();
    let other = stage.other_venue();
    let (owner, stranger) = (stage.trader(1, 10_000.0), Stage::key(2));
    let foreign_account = other.open_account(&mut stage.world, &owner).unwrap();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (account, market) = (stage.account(&owner), stage.market(SOL));
    let place = stage.place(&owner, SOL, bid(1));
    for (right, wrong, code) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (
            market,
            there.market(&Venue::perpetual(SOL)),
            BallastError::WrongExchange.code(),
        ),
        (account, foreign_account, BallastError::WrongExchange.code()),
        (
            market,
            account,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (
            account,
            market,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (
            here.board,
            stage.venue.mints[0],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ] {
        let wrong = with(place.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&owner], Code(code));
    }
    let forged = with(place.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwnerOrDelegate);
    let silent = unsigned(place, &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    stage.check_books();
}

#[test]
fn size_price_side_and_expiry_are_within_their_limits() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 10_000.0);
    let market = stage.market(SOL);
    stage.patch::<Market>(&market, |market| market.order_minimum_lots = 5);
    let now = stage.world.now() as u32;
    let at = |price| OrderArgs { price, ..bid(5) };
    let until = |expires_at| OrderArgs {
        expires_at,
        ..bid(5)
    };
    let on = |side| OrderArgs { side, ..bid(5) };
    for (args, error) in [
        (bid(0), BallastError::OrderTooSmall),
        (bid(4), BallastError::OrderTooSmall),
        (at(0), BallastError::PriceNotOnTick),
        (at(MARK + 1), BallastError::PriceNotOnTick),
        (at(MARK - TICK / 2), BallastError::PriceNotOnTick),
        // The band is 10%.
        (at(MARK / 10 * 11 + TICK), BallastError::PriceOutsideBand),
        (at(MARK / 10 * 9 - TICK), BallastError::PriceOutsideBand),
        (at(TICK), BallastError::PriceOutsideBand),
        (at(u64::MAX / TICK * TICK), BallastError::PriceOutsideBand),
        (until(now), BallastError::OrderExpired),
        (until(1), BallastError::OrderExpired),
        (on(2), BallastError::ParameterOutOfBounds),
        (on(u8::MAX), BallastError::ParameterOutOfBounds),
        (bid(u64::MAX), BallastError::Overflow),
        (ask(1 << 63), BallastError::Overflow),
        (bid((1 << 63) - 1), BallastError::Overflow),
        (ask(i64::MAX as u64 / MARK + 1), BallastError::Overflow),
        (bid(1 << 40), BallastError::BelowInitialMargin),
        (bid(1 << 30), BallastError::BelowInitialMargin),
    ] {
        let place = stage.place(&owner, SOL, args);
        stage.refused(&[place], &[&owner], error);
    }
    let edges = [
        at(MARK / 10 * 11 - TICK),
        at(MARK / 10 * 9 + TICK),
        until(now + 1),
        until(u32::MAX),
    ];
    for args in edges {
        let place = stage.place(&owner, SOL, args);
        stage.world.send(&[place], &[&owner]).unwrap();
    }
    let account = stage.account(&owner);
    stage.patch::<MarginAccount>(&account, |account| account.next_order_id = u64::MAX);
    let place = stage.place(&owner, SOL, bid(5));
    stage.refused(&[place], &[&owner], BallastError::Overflow);
    stage.check_books();
}

#[test]
fn sixteen_orders_fill_an_account() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 10_000.0);
    for _ in 0..16 {
        stage
            .venue
            .place(&mut stage.world, &owner, SOL, bid(1))
            .unwrap();
    }
    let place = stage.place(&owner, SOL, bid(1));
    stage.refused(&[place.clone()], &[&owner], BallastError::OrderSlotsFull);
    let seventh = cancel(&stage, &owner, 6);
    stage.world.send(&[seventh, place], &[&owner]).unwrap();
    assert_eq!(stage.state(&owner).orders[6].id, 16);
}

#[test]
fn an_order_must_be_affordable_to_the_lot() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 1_000.0);
    let (mut affordable, mut beyond) = (0, 1_000_000);
    while beyond - affordable > 1 {
        let lots = (affordable + beyond) / 2;
        if health_after(&stage, &owner, lots) >= 0 {
            affordable = lots;
        } else {
            beyond = lots;
        }
    }
    // 1,000 of cash against a range between 8% and 35% with a factor of 1.25: 2,300 to 10,000 of notional.
    assert!((1_150..5_000).contains(&affordable), "{affordable}");
    let too_large = stage.place(&owner, SOL, bid(beyond as u64));
    stage.refused(&[too_large], &[&owner], BallastError::BelowInitialMargin);
    stage
        .venue
        .place(&mut stage.world, &owner, SOL, bid(affordable as u64))
        .unwrap();
    let poor = stage.trader(2, 0.0001);
    let place = stage.place(&poor, SOL, ask(1));
    stage.refused(&[place], &[&poor], BallastError::BelowInitialMargin);
}

#[test]
fn orders_that_reduce_need_neither_margin_nor_a_fresh_price() {
    let mut stage = Stage::new();
    let owner = long(&mut stage, 3_400.0);
    let flat = stage.trader(1, 10_000.0);
    for (trader, args) in [
        (&flat, reduce_only(bid(1))),
        (&flat, reduce_only(ask(1))),
        (&owner, reduce_only(bid(1))),
    ] {
        let place = stage.place(trader, SOL, args);
        stage.refused(&[place], &[trader], BallastError::WouldNotReduce);
    }
    // Below initial margin, though not in liquidation: only what makes the position smaller.
    stage.set_price(SOL, 192.0);
    assert!(health_after(&stage, &owner, 0) < 0);
    let now_at = |args| OrderArgs {
        price: 1_920_000,
        ..args
    };
    for refused in [bid(1), ask(30_000)] {
        let place = stage.place(&owner, SOL, now_at(refused));
        stage.refused(&[place], &[&owner], BallastError::BelowInitialMargin);
    }
    let reducing = [
        ask(1),
        ask(10_000),
        reduce_only(ask(10_000)),
        reduce_only(ask(1_000_000)),
    ];
    for taken in reducing {
        let place = stage.place(&owner, SOL, now_at(taken));
        stage.simulate(&[place], &[&owner]).unwrap();
    }
    stage.world.advance(10_000);
    for refused in [bid(1), ask(30_000)] {
        let place = stage.place(&owner, SOL, now_at(refused));
        stage.refused(&[place], &[&owner], BallastError::StalePrice);
    }
    for taken in reducing {
        let place = stage.place(&owner, SOL, now_at(taken));
        stage.simulate(&[place], &[&owner]).unwrap();
    }
    let board = stage.venue.addresses.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    let place = stage.place(&owner, SOL, reduce_only(ask(1)));
    stage.refused(&[place], &[&owner], BallastError::PriceNeverSet);
    stage.check_books();
}

#[test]
fn in_liquidation_only_reduce_only_orders_are_taken() {
    let mut stage = Stage::new();
    let owner = long(&mut stage, 3_400.0);
    stage
        .venue
        .place(&mut stage.world, &owner, SOL, ask(10))
        .unwrap();
    stage.set_price(SOL, 180.0);
    let account = stage.account(&owner);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
    assert!(
        stage
            .state(&owner)
            .orders
            .iter()
            .all(|order| order.lots == 0)
    );
    for refused in [bid(1), ask(1), Venue::limit(Side::Ask, 1_800_000, 10_000)] {
        let place = stage.place(&owner, SOL, refused);
        stage.refused(&[place], &[&owner], BallastError::InLiquidation);
    }
    for lots in [1, 10_000, 10_001] {
        let closing = reduce_only(Venue::limit(Side::Ask, 1_800_000, lots));
        stage
            .venue
            .place(&mut stage.world, &owner, SOL, closing)
            .unwrap();
    }
    stage.check_books();
}

#[test]
fn a_market_takes_the_orders_of_its_status() {
    const CLOSING: u64 = 10;
    let mut stage = Stage::new();
    let owner = long(&mut stage, 50_000.0);
    let market = stage.market(SOL);
    let orders = [bid(CLOSING), ask(CLOSING), reduce_only(ask(CLOSING))];
    let (inactive, expired) = (BallastError::MarketNotActive, BallastError::MarketExpired);
    // Active, reduce-only, settling, closed, and a byte that no status has.
    for (status, outcomes) in [
        (0, [Ok(()); 3]),
        (1, [Err(inactive), Err(inactive), Ok(())]),
        (2, [Err(expired); 3]),
        (3, [Err(expired); 3]),
        (9, [Err(expired); 3]),
    ] {
        stage.patch::<Market>(&market, |market| market.status = status);
        for (args, outcome) in orders.into_iter().zip(outcomes) {
            let place = stage.place(&owner, SOL, args);
            match outcome {
                Ok(()) => {
                    stage.simulate(&[place], &[&owner]).unwrap();
                }
                Err(error) => stage.refused(&[place], &[&owner], error),
            }
        }
    }
}

#[test]
fn instruments_without_a_margin_model_stop_everything_that_adds_risk() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 10_000.0);
    let account = stage.account(&owner);
    for (terms, error) in [
        (
            MarketTerms {
                kind: 4,
                ..MarketTerms::default()
            },
            BallastError::UnsupportedInstrument,
        ),
        (
            MarketTerms {
                kind: 77,
                ..MarketTerms::default()
            },
            BallastError::UnsupportedInstrument,
        ),
        (MarketTerms::perpetual(3), BallastError::UnknownIndex),
        (MarketTerms::perpetual(40), BallastError::UnknownIndex),
    ] {
        stage.patch::<MarginAccount>(&account, |account| {
            account.positions[9] = Position {
                base_lots: 1,
                terms,
                ..Position::default()
            };
        });
        let place = stage.place(&owner, SOL, bid(1));
        stage.refused(&[place], &[&owner], error);
    }
}
