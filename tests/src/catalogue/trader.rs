//! Calls of traders.

use super::{Call, Entry, Person, Scene};
use crate::SOL;
use ballast_client::args::{FillArgs, OrderArgs, OrderFilter, OrderType};
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_sim::Venue;
use solana_signer::Signer;

pub(super) const ENTRIES: &[Entry] = &entries![
    open_account,
    close_account,
    deposit,
    withdraw,
    transfer,
    set_delegate,
    place_order,
    cancel_order,
    cancel_all,
    place_and_fill,
    fill_order,
];

fn open_account(scene: &mut Scene) -> Call {
    let (owner, payer) = (Person::Trader.key(), Person::Keeper.key());
    let addresses = &scene.stage.venue.addresses;
    let open = instructions::open_account(addresses, &owner.pubkey(), &payer.pubkey(), 2);
    Call::new(open, &[&owner, &payer])
}

fn close_account(scene: &mut Scene) -> Call {
    let owner = Person::Trader.key();
    let close = instructions::close_account(&scene.stage.venue.addresses, &owner.pubkey(), 1);
    Call::new(close, &[&owner])
}

fn deposit(scene: &mut Scene) -> Call {
    let owner = Person::Trader.key();
    Call::new(scene.stage.deposit(&owner, SOL, 1_000_000_000), &[&owner])
}

/// With a loan, so that margin is checked.
fn withdraw(scene: &mut Scene) -> Call {
    let owner = Person::Trader.key();
    let withdraw = scene.stage.withdraw(&owner, SOL, 1_000_000_000, true);
    Call::new(withdraw, &[&owner])
}

fn transfer(scene: &mut Scene) -> Call {
    let (owner, venue) = (Person::Trader.key(), &scene.stage.venue);
    let [from, to] = [0, 1].map(|number| venue.addresses.margin_account(&owner.pubkey(), number));
    let (addresses, mint) = (&venue.addresses, &venue.mints[0]);
    let transfer = instructions::transfer(addresses, mint, &from, &to, &owner.pubkey(), 1_000_000);
    Call::new(transfer, &[&owner])
}

fn set_delegate(scene: &mut Scene) -> Call {
    let owner = Person::Trader.key();
    let delegate = Person::Keeper.key().pubkey();
    let account = scene.account(Person::Trader);
    let set = instructions::set_delegate(&account, &owner.pubkey(), &delegate);
    Call::new(set, &[&owner])
}

fn place_order(scene: &mut Scene) -> Call {
    let owner = Person::Trader.key();
    let price = scene.stage.venue.price_per_lot(SOL, 200.0);
    let place = scene
        .stage
        .place(&owner, SOL, Venue::limit(Side::Bid, price, 100));
    Call::new(place, &[&owner])
}

fn cancel_order(scene: &mut Scene) -> Call {
    let (id, owner) = (
        scene.rest(Person::Trader, Side::Bid, 1),
        Person::Trader.key(),
    );
    let account = scene.account(Person::Trader);
    Call::new(
        instructions::cancel_order(&account, &owner.pubkey(), id),
        &[&owner],
    )
}

fn cancel_all(scene: &mut Scene) -> Call {
    scene.rest(Person::Trader, Side::Bid, 1);
    let owner = Person::Trader.key();
    let (account, all) = (scene.account(Person::Trader), OrderFilter::default());
    Call::new(
        instructions::cancel_all(&account, &owner.pubkey(), all),
        &[&owner],
    )
}

/// Takes all of the maker's order; nothing is left to rest.
fn place_and_fill(scene: &mut Scene) -> Call {
    let resting = scene.rest(Person::Maker, Side::Ask, 100);
    scene.stage.world.skip_slots(25);
    let owner = Person::Trader.key();
    let venue = &scene.stage.venue;
    let take = instructions::place_and_fill(
        &venue.addresses,
        &Venue::perpetual(SOL),
        &scene.account(Person::Trader),
        &owner.pubkey(),
        OrderArgs {
            order_type: OrderType::ImmediateOrCancel,
            ..Venue::limit(Side::Bid, venue.price_per_lot(SOL, 200.0), 100)
        },
        &[(scene.account(Person::Maker), resting)],
    );
    Call::new(take, &[&owner])
}

/// The keeper fills two orders for a share of the fees.
fn fill_order(scene: &mut Scene) -> Call {
    let maker_order_id = scene.rest(Person::Maker, Side::Ask, 100);
    scene.stage.world.skip_slots(25);
    let taker_order_id = scene.rest(Person::Trader, Side::Bid, 100);
    let filler = Person::Keeper.key();
    let fill = instructions::fill_order(
        &scene.stage.venue.addresses,
        &Venue::perpetual(SOL),
        &scene.account(Person::Maker),
        &scene.account(Person::Trader),
        Some(scene.account(Person::Keeper)),
        &filler.pubkey(),
        FillArgs {
            maker_order_id,
            taker_order_id,
            lots_max: 100,
        },
    );
    Call::new(fill, &[&filler])
}
