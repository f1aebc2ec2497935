//! Removing orders that cannot trade any more, by anyone.

use super::events::{Event, sent};
use super::scene::{
    MARK, ask, bid, dated, hand_over, list, perpetual, reduce_only, rest, rest_in, until,
};
use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::state::{Board, Exchange, MarketKind, Order, Pausable};
use ballast_sim::CodedError;
use ballast_tests::{Code, ETH, SOL, Stage, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

fn prune(stage: &Stage, order: (&Keypair, u64)) -> Instruction {
    instructions::prune_order(&stage.venue.addresses, &stage.account(order.0), order.1)
}

#[track_caller]
fn still_good(stage: &mut Stage, order: (&Keypair, u64)) {
    let prune = prune(stage, order);
    stage.refused(&[prune], &[], BallastError::OrderStillGood);
}

/// Anyone prunes the order, and only that.
#[track_caller]
fn pruned(stage: &mut Stage, order: (&Keypair, u64)) {
    let lots = stage.state(order.0).order(order.1).unwrap().lots;
    let prune = prune(stage, order);
    let events = sent(stage, &[prune.clone()], &[]);
    let [Event::Pruned(event)] = &events[..] else {
        panic!("one order is pruned");
    };
    assert_eq!(event.margin_account, stage.account(order.0));
    assert_eq!((event.order_id, event.lots), (order.1, lots));
    assert!(stage.state(order.0).order(order.1).is_none());
    stage.refused(&[prune], &[], BallastError::OrderNotFound);
}

#[test]
fn an_order_that_has_expired() {
    let mut stage = Stage::steady();
    let owner = stage.trader(1, 10_000.0);
    let now = stage.world.now();
    let order = rest(&mut stage, &owner, until(now + 10, bid(MARK, 33)));
    let other = rest(&mut stage, &owner, bid(MARK, 34));
    still_good(&mut stage, order);
    stage.world.advance(9);
    still_good(&mut stage, order);
    stage.world.advance(1);
    pruned(&mut stage, order);
    still_good(&mut stage, other);
    let state = stage.state(&owner);
    assert_eq!(
        (state.orders[0], state.orders[1].lots),
        (Order::default(), 34)
    );
}

#[test]
fn an_expired_order_at_stale_prices_and_one_that_would_reduce() {
    let mut stage = Stage::steady();
    let [rich, owner] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &rich, &owner, MARK, 100);
    let now = stage.world.now();
    let opening = rest(&mut stage, &owner, until(now + 10, bid(MARK, 10)));
    let reducing = rest(&mut stage, &owner, until(now + 10, ask(MARK, 10)));
    stage.world.advance(1_000);
    pruned(&mut stage, opening);
    pruned(&mut stage, reducing);
}

#[test]
fn an_order_that_has_nothing_to_reduce() {
    let mut stage = Stage::steady();
    let [rich, owner] = [1, 2].map(|number| stage.trader(number, 10_000.0));
    hand_over(&mut stage, &perpetual(), &rich, &owner, MARK, 100);
    let closing = rest(&mut stage, &owner, reduce_only(ask(MARK, 500)));
    still_good(&mut stage, closing);
    hand_over(&mut stage, &perpetual(), &owner, &rich, MARK, 99);
    still_good(&mut stage, closing);
    hand_over(&mut stage, &perpetual(), &owner, &rich, MARK, 1);
    // Closed, or turned to the other side: at whatever prices.
    let prune_it = prune(&stage, closing);
    stage.simulate(&[prune_it], &[]).unwrap();
    hand_over(&mut stage, &perpetual(), &owner, &rich, MARK, 5);
    stage.world.advance(1_000);
    pruned(&mut stage, closing);
}

#[test]
fn an_order_that_its_account_cannot_afford_any_more() {
    // 1,300 of cash is the initial margin of 51 SOL at 200.
    let mut stage = Stage::steady();
    let rich = stage.trader(1, 100_000.0);
    let owner = stage.trader(2, 1_300.0);
    let small = rest(&mut stage, &owner, bid(MARK, 500));
    let large = rest(&mut stage, &owner, bid(MARK, 3_000));
    // Each by itself, as if it were filled whole.
    still_good(&mut stage, small);
    still_good(&mut stage, large);
    hand_over(&mut stage, &perpetual(), &rich, &owner, MARK, 3_000);
    still_good(&mut stage, small);
    let prune_it = prune(&stage, large);
    stage.simulate(&[prune_it], &[]).unwrap();
    let reducing = rest(&mut stage, &owner, ask(MARK, 3_000));
    let turning = rest(&mut stage, &owner, ask(MARK, 3_500));
    // He has lost 450 of his 1,300. Five more SOL, dear as they are, he cannot afford; five to the other side he can.
    stage.set_price(SOL, 185.0);
    still_good(&mut stage, reducing);
    still_good(&mut stage, turning);
    pruned(&mut stage, large);
    pruned(&mut stage, small);
    // Without prices nobody knows what an account can afford.
    let other = rest(&mut stage, &rich, ask(1_850_000, 10));
    stage.world.advance(1_000);
    for order in [other, turning] {
        let prune_it = prune(&stage, order);
        stage.refused(&[prune_it], &[], BallastError::StalePrice);
    }
    still_good(&mut stage, reducing);
    let board = stage.venue.addresses.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    let prune_it = prune(&stage, other);
    stage.refused(&[prune_it], &[], BallastError::PriceNeverSet);
}

#[test]
fn orders_of_who_margins_in_tokens_stay_while_their_prices_say_nothing() {
    let mut stage = Stage::steady();
    let owner = stage.trader(1, 1.0);
    stage.fund(&owner, ETH, 10.0);
    let order = rest(&mut stage, &owner, bid(MARK, 500));
    let soon = stage.world.now() + 130;
    let until_then = rest(&mut stage, &owner, until(soon, bid(MARK, 10)));
    still_good(&mut stage, order);
    // All prices but that of ETH are published: uncertain, stale, and in disagreement with another source, ETH counts nothing for its owner.
    let publish = |stage: &mut Stage, asset: usize, confidence: u64| {
        let dollars = stage.prices[asset];
        let mut price = stage.venue.stub_price(&stage.world, asset, dollars);
        price.confidence = price.price.unsigned_abs() * confidence / 100;
        let write = stage.venue.write_price(&stage.world, asset, &price);
        let key = stage.venue.price_account(asset);
        let refresh = instructions::refresh_prices(&stage.venue.addresses, &[key]);
        stage.world.send(&[write, refresh], &[]).unwrap();
    };
    publish(&mut stage, ETH, 3);
    let prune_it = prune(&stage, order);
    stage.refused(&[prune_it.clone()], &[], BallastError::UncertainPrice);
    stage.world.advance(125);
    publish(&mut stage, SOL, 0);
    stage.refused(&[prune_it.clone()], &[], BallastError::StalePrice);
    publish(&mut stage, ETH, 0);
    still_good(&mut stage, order);
    let (exchange, board) = (stage.venue.addresses.exchange, stage.venue.addresses.board);
    stage.patch::<Exchange>(&exchange, |exchange| exchange.feeds[ETH].compare_with = 0);
    stage.patch::<Board>(&board, |board| board.prices[ETH].divergent = 1);
    stage.refused(&[prune_it], &[], BallastError::StalePrice);
    // What has lapsed goes all the same.
    stage.world.advance(5);
    pruned(&mut stage, until_then);
}

#[test]
fn nobody_prunes_by_making_a_token_scarce_or_plenty() {
    let mut stage = Stage::steady();
    let owner = stage.trader(1, 1.0);
    stage.fund(&owner, ETH, 10.0);
    let order = rest(&mut stage, &owner, bid(MARK, 500));
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        exchange.assets[ETH].haircut_size_start = 40_000_000_000;
    });
    // So much of it that what he has counts next to nothing for what he does next.
    let whale = stage.trader(2, 1.0);
    stage.fund(&whale, ETH, 1_000_000.0);
    let more = stage.place(&owner, SOL, bid(MARK, 500));
    stage.refused(&[more], &[&owner], BallastError::BelowInitialMargin);
    still_good(&mut stage, order);
}

#[test]
fn an_order_of_a_market_that_has_expired() {
    let mut stage = Stage::steady();
    let [rich, owner] = [1, 2].map(|number| stage.trader(number, 100_000.0));
    let markets = [
        (dated(MarketKind::Future, 0, 0), MARK),
        (dated(MarketKind::Call, 0, 200), 40_000),
        (dated(MarketKind::Put, 0, 200), 40_000),
    ];
    list(&mut stage, &markets.map(|(terms, _)| terms));
    let mut orders = Vec::new();
    for (terms, price) in markets {
        orders.push(rest_in(&mut stage, &terms, &owner, bid(price, 10)));
        hand_over(&mut stage, &terms, &rich, &owner, price, 10);
        orders.push(rest_in(
            &mut stage,
            &terms,
            &owner,
            reduce_only(ask(price, 10)),
        ));
    }
    let rolling = rest(&mut stage, &owner, bid(MARK, 10));
    let expiry = markets[0].0.expiry;
    let seconds = expiry - 1 - stage.world.now();
    stage.world.advance(seconds);
    stage.set_price(SOL, 200.0);
    for order in &orders {
        still_good(&mut stage, *order);
    }
    stage.world.advance(1);
    for order in orders {
        pruned(&mut stage, order);
    }
    // What still holds expired positions cannot be assessed before they are settled.
    let prune_it = prune(&stage, rolling);
    stage.refused(&[prune_it], &[], BallastError::SettlementPending);
}

#[test]
fn only_accounts_that_belong_together() {
    let mut stage = Stage::steady();
    let owner = stage.trader(1, 10_000.0);
    let other = stage.other_venue();
    let foreign = other.open_account(&mut stage.world, &owner).unwrap();
    let now = stage.world.now();
    let order = rest(&mut stage, &owner, until(now + 10, bid(MARK, 10)));
    stage.world.advance(10);
    let right = prune(&stage, order);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (account, market) = (stage.account(&owner), stage.market(SOL));
    let mint = stage.venue.mints[0];
    for (from, to, code) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (account, foreign, BallastError::WrongExchange.code()),
        (
            account,
            here.insurance_fund(),
            BallastError::OrderNotFound.code(),
        ),
        (
            account,
            market,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (account, mint, ErrorCode::AccountOwnedByWrongProgram.code()),
        (
            here.board,
            market,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
    ] {
        let wrong = with(right.clone(), &from, &to);
        stage.refused(&[wrong], &[], Code(code));
    }
    let mut fixed = right.clone();
    fixed.accounts.last_mut().unwrap().is_writable = false;
    stage.refused(&[fixed], &[], ErrorCode::ConstraintMut);
    for id in [1, u64::MAX] {
        let nothing = prune(&stage, (&owner, id));
        stage.refused(&[nothing], &[], BallastError::OrderNotFound);
    }
    let admin = stage.venue.admin.insecure_clone();
    let bit = 1 << Pausable::PruneOrder as u64;
    let pause = instructions::set_pause(&here, &admin.pubkey(), bit, 100);
    stage.world.send(&[pause], &[&admin]).unwrap();
    stage.refused(&[right], &[], BallastError::Paused);
    stage.world.advance(100);
    pruned(&mut stage, order);
}
