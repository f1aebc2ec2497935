//! Fills: who trades with whom, at which price, for which fee, and who may still afford it.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::OrderFilled;
use ballast_client::args::OrderArgs;
use ballast_client::state::{Board, Exchange, MarginAccount, Market, Position, Side};
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Quote units per lot of SOL (0.01) at 200.
const MARK: u64 = 2_000_000;

fn at(price: u64, lots: u64, side: Side) -> OrderArgs {
    Venue::limit(side, price, lots)
}

/// The same fill with the filler's share credited to one of his accounts.
fn fill_for(mut instruction: Instruction, filler: &Keypair, account: &Pubkey) -> Instruction {
    let places = instruction.accounts.len();
    instruction.accounts[places - 2].pubkey = *account;
    instruction.accounts[places - 2].is_writable = true;
    instruction.accounts[places - 1].pubkey = filler.pubkey();
    instruction
}

/// Two traders with crossing orders of 100 lots, the first a slot older: an ask at the mark, a bid above.
fn crossing(stage: &mut Stage) -> (Keypair, Keypair) {
    let (maker, taker) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    place(stage, &maker, at(MARK, 100, Side::Ask));
    stage.world.advance(1);
    place(stage, &taker, at(MARK + 500, 100, Side::Bid));
    (maker, taker)
}

#[track_caller]
fn place(stage: &mut Stage, owner: &Keypair, args: OrderArgs) -> u64 {
    stage
        .venue
        .place(&mut stage.world, owner, SOL, args)
        .unwrap()
}

/// The fee on an amount of quote units, rounded up, in the arithmetic of fractions.
fn fee(quote: u64, rate_q32: u64) -> i64 {
    (u128::from(quote) * u128::from(rate_q32)).div_ceil(1 << 32) as i64
}

fn rates(stage: &Stage) -> (u64, u64, u64) {
    let fees = stage.venue.exchange(&stage.world).unwrap().fees[0];
    (fees.maker_q32, fees.taker_q32, fees.filler_share_q32)
}

fn position(stage: &Stage, owner: &Keypair) -> Position {
    let terms = Venue::perpetual(SOL);
    stage
        .state(owner)
        .position(&terms)
        .copied()
        .unwrap_or_default()
}

fn lots(stage: &Stage, owner: &Keypair) -> i64 {
    position(stage, owner).base_lots
}

fn market(stage: &Stage) -> Box<Market> {
    stage.venue.market(&stage.world, SOL).unwrap()
}

fn sol_trade(stage: &mut Stage, maker: &Keypair, taker: &Keypair, side: Side, lots: u64) {
    stage
        .trade(maker, taker, SOL, side, lots as f64 / 100.0, 200.0)
        .unwrap();
}

#[test]
fn a_fill_is_at_the_older_orders_price_with_exact_fees() {
    for (older, younger, maker_side) in [
        (MARK, MARK + 700, Side::Ask),
        (MARK, MARK, Side::Ask),
        (MARK, MARK - 700, Side::Bid),
    ] {
        let mut stage = Stage::new();
        let (maker, taker) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
        let taker_side = if maker_side == Side::Ask {
            Side::Bid
        } else {
            Side::Ask
        };
        place(&mut stage, &maker, at(older, 100, maker_side));
        stage.world.advance(1);
        place(&mut stage, &taker, at(younger, 60, taker_side));
        let part = stage.fill(SOL, (&maker, 0), (&taker, 0), 7);
        let done = stage.world.send(&[part], &[]).unwrap();

        let quote = 7 * older;
        let (maker_rate, taker_rate, _) = rates(&stage);
        let (maker_fee, taker_fee) = (fee(quote, maker_rate), fee(quote, taker_rate));
        assert!(maker_fee > 0 && taker_fee > maker_fee);
        let sign = if taker_side == Side::Bid { 1 } else { -1 };
        let expected = |sign: i64, fee: i64| Position {
            base_lots: 7 * sign,
            quote: -sign * quote as i64 - fee,
            terms: Venue::perpetual(SOL),
            ..Position::default()
        };
        assert_eq!(position(&stage, &taker), expected(sign, taker_fee));
        assert_eq!(position(&stage, &maker), expected(-sign, maker_fee));
        let after = market(&stage);
        assert_eq!((after.open_interest_lots, after.settlement_pool), (7, 0));
        assert_eq!(after.fees as i64, maker_fee + taker_fee);
        let event = events::decode_all(&done.logs)[0]
            .parse::<OrderFilled>()
            .unwrap();
        let named = [event.market, event.maker, event.taker];
        assert_eq!(
            named,
            [
                stage.market(SOL),
                stage.account(&maker),
                stage.account(&taker)
            ]
        );
        assert_eq!((event.maker_order_id, event.taker_order_id), (0, 0));
        assert_eq!(
            (event.taker_side, event.price, event.lots),
            (taker_side as u8, older, 7)
        );
        let fees = [
            event.maker_fee,
            event.taker_fee,
            event.filler.map_or(0, |filler| filler.fee),
        ]
        .map(|fee| fee as i64);
        assert_eq!(fees, [maker_fee, taker_fee, 0]);

        // The rest, as far as the smaller order goes.
        assert_eq!(stage.state(&maker).orders[0].lots, 93);
        assert_eq!(stage.state(&taker).orders[0].lots, 53);
        let rest = stage.fill(SOL, (&maker, 0), (&taker, 0), u64::MAX);
        stage.world.send(&[rest.clone()], &[]).unwrap();
        assert_eq!(lots(&stage, &taker), 60 * sign);
        assert_eq!(stage.state(&maker).orders[0].lots, 40);
        assert_eq!(stage.state(&taker).orders[0], Default::default());
        stage.refused(&[rest], &[], BallastError::OrderNotFound);
        stage.check_books();
    }
}

#[test]
fn the_fillers_share_is_credited_to_his_account_in_the_market() {
    let mut stage = Stage::new();
    let (maker, taker) = crossing(&mut stage);
    let (filler, stranger) = (stage.trader(3, 1.0), stage.trader(4, 1.0));
    let own = stage.account(&filler);
    let whole = stage.fill(SOL, (&maker, 0), (&taker, 0), 33);
    for (account, error) in [
        (stage.account(&maker), BallastError::SameAccount),
        (stage.account(&taker), BallastError::SameAccount),
        (stage.account(&stranger), BallastError::NotOwnerOrDelegate),
        (
            stage.venue.addresses.insurance_fund(),
            BallastError::NotOwnerOrDelegate,
        ),
    ] {
        let greedy = fill_for(whole.clone(), &filler, &account);
        stage.refused(&[greedy], &[&filler], error);
    }
    let done = stage
        .world
        .send(&[fill_for(whole.clone(), &filler, &own)], &[&filler])
        .unwrap();
    let (maker_rate, taker_rate, share) = rates(&stage);
    let fees = fee(33 * MARK, maker_rate) + fee(33 * MARK, taker_rate);
    let credit = ((fees as u128 * u128::from(share)) >> 32) as i64;
    let expected = Position {
        quote: credit,
        terms: Venue::perpetual(SOL),
        ..Position::default()
    };
    assert_eq!(position(&stage, &filler), expected);
    assert_eq!(market(&stage).fees as i64, fees - credit);
    let event = events::decode_all(&done.logs)[0]
        .parse::<OrderFilled>()
        .unwrap();
    assert_eq!(event.filler.map_or(0, |filler| filler.fee) as i64, credit);
    // A delegate fills for an account as well.
    stage.set_delegate(&stranger, &filler);
    let theirs = stage.account(&stranger);
    stage
        .world
        .send(&[fill_for(whole, &filler, &theirs)], &[&filler])
        .unwrap();
    assert_eq!(position(&stage, &stranger), expected);
    stage.check_books();
}

#[test]
fn a_fill_takes_only_the_accounts_that_belong_together() {
    let mut stage = Stage::new();
    let (maker, taker) = crossing(&mut stage);
    let other = stage.other_venue();
    let foreign = other.open_account(&mut stage.world, &maker).unwrap();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let filler = stage.trader(3, 1.0);
    let own = stage.account(&filler);
    let (first, second) = (stage.account(&maker), stage.account(&taker));
    let whole = fill_for(
        stage.fill(SOL, (&maker, 0), (&taker, 0), 100),
        &filler,
        &own,
    );
    let (sol, mint) = (stage.market(SOL), stage.venue.mints[0]);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    for (right, wrong, code) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (
            sol,
            there.market(&Venue::perpetual(SOL)),
            BallastError::WrongExchange.code(),
        ),
        (first, foreign, BallastError::WrongExchange.code()),
        (second, foreign, BallastError::WrongExchange.code()),
        (own, foreign, BallastError::WrongExchange.code()),
        (first, second, BallastError::SameAccount.code()),
        (second, first, BallastError::SameAccount.code()),
        (sol, first, mismatch),
        (first, sol, mismatch),
        (own, sol, mismatch),
        (second, mint, ErrorCode::AccountOwnedByWrongProgram.code()),
        (sol, stage.market(ETH), BallastError::WrongMarket.code()),
    ] {
        let wrong = with(whole.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&filler], Code(code));
    }
    let silent = unsigned(whole, &filler.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);

    // Two accounts of one owner do not trade with each other.
    let payer = stage.world.payer.pubkey();
    let open = instructions::open_account(&here, &maker.pubkey(), &payer, 1);
    stage.world.send(&[open], &[&maker]).unwrap();
    let twin = here.margin_account(&maker.pubkey(), 1);
    stage.mint(&maker, 0, 1_000_000_000);
    let fund = with(stage.deposit(&maker, 0, 1_000_000_000), &first, &twin);
    let place = with(
        stage.place(&maker, SOL, at(MARK, 5, Side::Bid)),
        &first,
        &twin,
    );
    stage.world.send(&[fund, place], &[&maker]).unwrap();
    let wash = with(stage.fill(SOL, (&maker, 0), (&taker, 0), 5), &second, &twin);
    stage.refused(&[wash], &[], BallastError::SameAccount);
    stage.check_books();
}

#[test]
fn orders_that_do_not_fit_are_not_filled() {
    let mut stage = Stage::new();
    let (maker, taker) = crossing(&mut stage);
    place(&mut stage, &taker, at(MARK, 10, Side::Ask)); // 1: the maker's own side
    place(&mut stage, &taker, at(MARK - 100, 10, Side::Bid)); // 2: too low
    stage
        .venue
        .place(&mut stage.world, &taker, ETH, at(4_000_000, 1, Side::Bid))
        .unwrap(); // 3
    let expires_at = stage.world.now() as u32 + 10;
    place(
        &mut stage,
        &taker,
        OrderArgs {
            expires_at,
            ..at(MARK, 5, Side::Bid)
        },
    ); // 4
    let expired = place(
        &mut stage,
        &maker,
        OrderArgs {
            expires_at,
            ..at(MARK, 5, Side::Ask)
        },
    );
    let (m, t) = (&maker, &taker);
    for (older, younger, lots, error) in [
        ((m, 7), (t, 0), 1, BallastError::OrderNotFound),
        ((m, 0), (t, 7), 1, BallastError::OrderNotFound),
        ((m, 0), (t, 3), 1, BallastError::WrongMarket),
        ((t, 3), (m, 0), 1, BallastError::WrongMarket),
        ((m, 0), (t, 1), 1, BallastError::SameSide),
        ((m, 0), (t, 2), 1, BallastError::OrdersDoNotCross),
        ((t, 0), (m, 0), 1, BallastError::MakerIsYounger),
        ((m, 0), (t, 0), 0, BallastError::ZeroAmount),
    ] {
        let no = stage.fill(SOL, older, younger, lots);
        stage.refused(&[no], &[], error);
    }
    // Up to the second before it lapses.
    stage.world.advance(9);
    let last = stage.fill(SOL, (m, 0), (t, 4), 1);
    stage.simulate(&[last.clone()], &[]).unwrap();
    stage.world.advance(1);
    stage.refused(&[last], &[], BallastError::OrderExpired);
    let lapsed = stage.fill(SOL, (m, expired), (t, 0), 1);
    // The maker's order is looked at first.
    stage.refused(&[lapsed], &[], BallastError::OrderExpired);
    // The mark has moved away from the price: 10% below 222.3 is above 200.
    stage.set_price(SOL, 222.3);
    let far = stage.fill(SOL, (m, 0), (t, 0), 1);
    stage.refused(&[far.clone()], &[], BallastError::PriceOutsideBand);
    let board = stage.venue.addresses.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    stage.refused(&[far], &[], BallastError::PriceNeverSet);
    stage.check_books();
}

#[test]
fn open_interest_is_the_sum_of_longs() {
    let mut stage = Stage::new();
    let [a, b, c] = [1, 2, 3].map(|number| stage.trader(number, 50_000.0));
    // Buyer, seller, lots; positions of a, b, c; open interest.
    for (buyer, seller, size, held, open_interest) in [
        (&a, &b, 100, [100, -100, 0], 100),
        (&a, &b, 20, [120, -120, 0], 120),
        (&c, &a, 50, [70, -120, 50], 120),
        (&b, &c, 30, [70, -90, 20], 90),
        (&b, &a, 200, [-130, 110, 20], 130),
        (&a, &c, 90, [-40, 110, -70], 110),
        (&a, &b, 110, [70, 0, -70], 70),
        (&c, &a, 70, [0, 0, 0], 0),
    ] {
        sol_trade(&mut stage, seller, buyer, Side::Bid, size);
        assert_eq!([&a, &b, &c].map(|owner| lots(&stage, owner)), held);
        assert_eq!(market(&stage).open_interest_lots, open_interest);
        stage.check_books();
    }
}

#[test]
fn a_position_without_lots_and_quote_frees_its_slot() {
    let mut stage = Stage::new();
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        (exchange.fees[0].maker_q32, exchange.fees[0].taker_q32) = (0, 0);
    });
    let (a, b) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    sol_trade(&mut stage, &a, &b, Side::Bid, 10);
    assert_eq!(stage.state(&b).positions[0].base_lots, 10);
    sol_trade(&mut stage, &a, &b, Side::Ask, 10);
    for owner in [&a, &b] {
        assert!(
            stage
                .state(owner)
                .positions
                .iter()
                .all(|slot| *slot == Position::default())
        );
    }
    // Only the fees are the rest of a round trip at one price.
    assert_eq!(market(&stage).fees, 0);
    stage.check_books();
}

#[test]
fn thirty_two_positions_fill_an_account() {
    let mut stage = Stage::new();
    let (maker, taker) = crossing(&mut stage);
    let filler = stage.trader(3, 1.0);
    let own = stage.account(&filler);
    let whole = fill_for(
        stage.fill(SOL, (&maker, 0), (&taker, 0), 100),
        &filler,
        &own,
    );
    for full in [&maker, &taker, &filler] {
        let account = stage.account(full);
        let before = stage.state(full);
        stage.patch::<MarginAccount>(&account, |account| {
            for (index, slot) in account.positions.iter_mut().enumerate() {
                slot.quote = 1;
                slot.terms.expiry = 1 + index as i64;
            }
        });
        stage.refused(
            &[whole.clone()],
            &[&filler],
            BallastError::PositionSlotsFull,
        );
        stage.patch::<MarginAccount>(&account, |account| *account = *before);
    }
    stage.world.send(&[whole], &[&filler]).unwrap();
    stage.check_books();
}

#[test]
fn the_open_interest_cap_stops_what_adds_to_it() {
    let mut stage = Stage::new();
    let [a, b, c] = [1, 2, 3].map(|number| stage.trader(number, 50_000.0));
    let key = stage.market(SOL);
    stage.patch::<Market>(&key, |market| market.open_interest_cap_lots = 100);
    sol_trade(&mut stage, &b, &a, Side::Bid, 100);
    let trade = |stage: &mut Stage, buyer: &Keypair, seller: &Keypair, size: u64| {
        stage.trade(seller, buyer, SOL, Side::Bid, size as f64 / 100.0, 200.0)
    };
    let one_more = trade(&mut stage, &a, &b, 1).unwrap_err();
    assert!(one_more.is(BallastError::OpenInterestCapExceeded));
    // Below what is open already: hand over and reduce, but add nothing.
    stage.patch::<Market>(&key, |market| market.open_interest_cap_lots = 10);
    trade(&mut stage, &c, &a, 40).unwrap();
    trade(&mut stage, &b, &a, 20).unwrap();
    assert_eq!(market(&stage).open_interest_lots, 80);
    let again = trade(&mut stage, &a, &b, 1).unwrap_err();
    assert!(again.is(BallastError::OpenInterestCapExceeded));
    trade(&mut stage, &b, &a, 40).unwrap();
    stage.check_books();
}
