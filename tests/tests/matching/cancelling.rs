//! Taking many orders back at once.

use super::events::{Event, sent};
use super::scene::{MARK, TICK, ask, bid, hand_over, perpetual, reduce_only, rest, rest_in};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::args::{OrderArgs, OrderFilter};
use ballast_client::instructions;
use ballast_client::state::{MarketTerms, Order, PAUSABLE_ALL};
use ballast_sim::Venue;
use ballast_tests::{BTC, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

fn numbered(client_id: u64, args: OrderArgs) -> OrderArgs {
    OrderArgs { client_id, ..args }
}

fn filter(terms: Option<MarketTerms>, client_id: Option<u64>) -> OrderFilter {
    OrderFilter {
        terms: terms.map(Into::into),
        client_id,
    }
}

fn cancel_all(stage: &Stage, owner: &Keypair, filter: OrderFilter) -> Instruction {
    instructions::cancel_all(&stage.account(owner), &owner.pubkey(), filter)
}

/// The accounts and numbers of cancelled orders, with their lots.
fn cancelled(events: &[Event]) -> Vec<(Pubkey, u64, u64)> {
    let cancelled = events.iter().map(|event| match event {
        Event::Cancelled(gone) => (gone.margin_account, gone.order_id, gone.lots),
        _ => panic!("only cancellations"),
    });
    cancelled.collect()
}

/// Numbers of the orders that rest.
fn resting(stage: &Stage, owner: &Keypair) -> Vec<u64> {
    let orders = stage.state(owner).orders;
    let live = orders.iter().filter(|order| order.lots != 0);
    live.map(|order| order.id).collect()
}

/// An owner of five orders: 0 and 1 on SOL with the numbers 7 and 8, 2 and 3 on ETH with the same, 4 on SOL with 0.
fn five(stage: &mut Stage) -> Keypair {
    let owner = stage.trader(1, 10_000.0);
    let eth = Venue::perpetual(ETH);
    for args in [numbered(7, bid(MARK, 11)), numbered(8, ask(MARK, 12))] {
        rest(stage, &owner, args);
    }
    for args in [
        numbered(7, bid(4_000_000, 13)),
        numbered(8, ask(4_000_000, 14)),
    ] {
        rest_in(stage, &eth, &owner, args);
    }
    rest(stage, &owner, bid(MARK - TICK, 15));
    owner
}

#[test]
fn orders_are_taken_back_by_market_and_by_number() {
    let (sol, eth) = (Some(perpetual()), Some(Venue::perpetual(ETH)));
    let future = MarketTerms {
        kind: 1,
        ..perpetual()
    };
    for (terms, client_id, gone) in [
        (None, None, &[0, 1, 2, 3, 4][..]),
        (sol, None, &[0, 1, 4]),
        (eth, None, &[2, 3]),
        (None, Some(7), &[0, 2]),
        (None, Some(0), &[4]),
        (sol, Some(8), &[1]),
        (eth, Some(7), &[2]),
        (eth, Some(0), &[]),
        (None, Some(9), &[]),
        (Some(Venue::perpetual(BTC)), None, &[]),
        (Some(future), None, &[]),
    ] {
        let mut stage = Stage::steady();
        let owner = five(&mut stage);
        let other = stage.trader(2, 10_000.0);
        rest(&mut stage, &other, numbered(7, bid(MARK, 1)));
        let before = stage.state(&owner);
        let cancel = cancel_all(&stage, &owner, filter(terms, client_id));
        let events = sent(&mut stage, &[cancel], &[&owner]);
        let account = stage.account(&owner);
        let expected: Vec<_> = gone.iter().map(|id| (account, *id, 11 + id)).collect();
        assert_eq!(cancelled(&events), expected, "{terms:?} {client_id:?}");
        let after = stage.state(&owner);
        for (order, was) in after.orders.iter().zip(&before.orders) {
            let is_gone = was.lots != 0 && gone.contains(&was.id);
            assert_eq!(*order, if is_gone { Order::default() } else { *was });
        }
        assert_eq!(after.next_order_id, 5);
        assert_eq!(resting(&stage, &other), [0]);
    }
}

#[test]
fn sixteen_orders_at_once_whatever_the_prices_the_pause_and_the_state() {
    let mut stage = Stage::steady();
    let [rich, owner] = [1, 2].map(|number| stage.trader(number, 3_500.0));
    stage.fund(&rich, 0, 100_000.0);
    hand_over(&mut stage, &perpetual(), &rich, &owner, MARK, 10_000);
    stage.set_price(SOL, 180.0);
    let start = instructions::start_liquidation(&stage.venue.addresses, &stage.account(&owner));
    stage.world.send(&[start], &[]).unwrap();
    for _ in 0..16 {
        rest(&mut stage, &owner, reduce_only(ask(1_800_000, 1)));
    }
    let admin = stage.venue.admin.insecure_clone();
    let pause = instructions::set_pause(
        &stage.venue.addresses,
        &admin.pubkey(),
        PAUSABLE_ALL,
        100_000,
    );
    stage.world.send(&[pause], &[&admin]).unwrap();
    stage.world.advance(50_000);
    let cancel = cancel_all(&stage, &owner, OrderFilter::default());
    let events = sent(&mut stage, &[cancel.clone()], &[&owner]);
    assert_eq!(cancelled(&events).len(), 16);
    assert!(resting(&stage, &owner).is_empty() && stage.state(&owner).in_liquidation());
    // Nothing to cancel is fine.
    assert!(sent(&mut stage, &[cancel], &[&owner]).is_empty());
}

#[test]
fn only_owner_and_delegate_take_orders_back() {
    let mut stage = Stage::steady();
    let owner = five(&mut stage);
    let stranger = stage.trader(2, 10.0);
    let all = cancel_all(&stage, &owner, OrderFilter::default());
    let by_stranger = with(all.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(
        &[by_stranger.clone()],
        &[&stranger],
        BallastError::NotOwnerOrDelegate,
    );
    let silent = unsigned(all.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let account = stage.account(&owner);
    // An account without a delegate has no delegate, not one whose key is all zero; nor is the market an account.
    let fund = with(
        all.clone(),
        &account,
        &stage.venue.addresses.insurance_fund(),
    );
    stage.refused(&[fund], &[&owner], BallastError::NotOwnerOrDelegate);
    let market = with(all.clone(), &account, &stage.market(SOL));
    stage.refused(
        &[market],
        &[&owner],
        ErrorCode::AccountDiscriminatorMismatch,
    );
    let mut fixed = all.clone();
    fixed.accounts[0].is_writable = false;
    stage.refused(&[fixed], &[&owner], ErrorCode::ConstraintMut);
    stage.set_delegate(&owner, &stranger);
    sent(&mut stage, &[by_stranger], &[&stranger]);
    assert!(resting(&stage, &owner).is_empty());
}
