//! Calls of keepers.

use super::{Call, Entry, Person, Scene};
use crate::SOL;
use ballast_client::args::{OrderArgs, SurfaceArgs};
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketTerms, Side, TENORS};
use ballast_client::units::q32;
use ballast_sim::Venue;
use solana_signer::Signer;

pub(super) const ENTRIES: &[Entry] = &entries![
    accrue_interest,
    refresh_prices,
    list_series,
    post_surface,
    update_funding,
    prune_order,
    finalize_settlement,
    settle_position,
    collect_fees,
    close_market,
    settle_pnl,
];

/// The trader owes SOL.
fn accrue_interest(scene: &mut Scene) -> Call {
    let trader = Person::Trader.key();
    let borrow = scene.stage.withdraw(&trader, SOL, 10_000_000_000, true);
    scene.send(borrow, &[&trader]);
    scene.stage.world.advance(3_600);
    Call::new(scene.stage.accrue(SOL), &[])
}

/// SOL has a new price.
fn refresh_prices(scene: &mut Scene) -> Call {
    scene.stage.world.advance(60);
    let price = scene.stage.venue.stub_price(&scene.stage.world, SOL, 201.0);
    let write = scene
        .stage
        .venue
        .write_price(&scene.stage.world, SOL, &price);
    scene.send(write, &[]);
    let venue = &scene.stage.venue;
    let accounts = [venue.price_account(SOL)];
    Call::new(
        instructions::refresh_prices(&venue.addresses, &accounts),
        &[],
    )
}

fn list_series(scene: &mut Scene) -> Call {
    let (creator, venue) = (Person::Keeper.key(), &scene.stage.venue);
    let terms = MarketTerms {
        kind: MarketKind::Call as u8,
        strike: venue.price_per_lot(SOL, 200.0),
        ..scene.future()
    };
    let list = instructions::list_series(&venue.addresses, &terms, &creator.pubkey());
    Call::new(list, &[&creator])
}

fn post_surface(scene: &mut Scene) -> Call {
    let authority = Person::Surfaces.key();
    let args = SurfaceArgs {
        underlying: SOL as u8 - 1,
        atm_volatility_q32: [q32(0.8); TENORS],
        skew_q32: 0,
        smile_q32: 0,
        carry_q32: 0,
    };
    let addresses = &scene.stage.venue.addresses;
    let post = instructions::post_surface(addresses, &authority.pubkey(), args);
    Call::new(post, &[&authority])
}

fn update_funding(scene: &mut Scene) -> Call {
    scene.wait(3_600);
    let addresses = &scene.stage.venue.addresses;
    Call::new(instructions::update_funding(addresses, SOL as u8 - 1), &[])
}

/// An order of the trader has lapsed.
fn prune_order(scene: &mut Scene) -> Call {
    let price = scene.stage.venue.price_per_lot(SOL, 200.0);
    let lapsing = OrderArgs {
        expires_at: scene.stage.world.now() as u32 + 1,
        ..Venue::limit(Side::Bid, price, 1)
    };
    let trader = Person::Trader.key();
    let placed = scene
        .stage
        .venue
        .place(&mut scene.stage.world, &trader, SOL, lapsing);
    let id = placed.expect("an order");
    scene.wait(1);
    let (addresses, account) = (&scene.stage.venue.addresses, scene.account(Person::Trader));
    Call::new(instructions::prune_order(addresses, &account, id), &[])
}

fn finalize_settlement(scene: &mut Scene) -> Call {
    let terms = scene.future();
    scene.list(&terms);
    scene.expire(&terms);
    let addresses = &scene.stage.venue.addresses;
    Call::new(instructions::finalize_settlement(addresses, &terms), &[])
}

/// The trader and the maker hold an expired future.
fn settle_position(scene: &mut Scene) -> Call {
    let terms = scene.future();
    scene.list(&terms);
    let order = Venue::limit(Side::Bid, scene.stage.venue.price_per_lot(SOL, 200.0), 100);
    let (maker, trader) = (Person::Maker.key(), Person::Trader.key());
    let stage = &mut scene.stage;
    let traded = stage
        .venue
        .trade_in(&mut stage.world, &maker, &trader, &terms, order);
    traded.expect("a trade");
    scene.expire(&terms);
    scene.finalize(&terms);
    let (addresses, account) = (&scene.stage.venue.addresses, scene.account(Person::Trader));
    Call::new(
        instructions::settle_position(addresses, &terms, &account),
        &[],
    )
}

/// The trader's loss in the perpetual on SOL is in its pool, fees included.
fn collect_fees(scene: &mut Scene) -> Call {
    let settle = settle_pnl(scene);
    scene.send(settle.instruction, &[]);
    let venue = &scene.stage.venue;
    let terms = Venue::perpetual(SOL);
    Call::new(
        instructions::collect_fees(&venue.addresses, &terms, &venue.mints[0]),
        &[],
    )
}

/// A future in which nobody traded has its settlement price; the keeper paid its rent.
fn close_market(scene: &mut Scene) -> Call {
    let terms = scene.future();
    scene.list(&terms);
    scene.expire(&terms);
    scene.finalize(&terms);
    let (venue, creator) = (&scene.stage.venue, Person::Keeper.key().pubkey());
    let usdc = &venue.mints[0];
    Call::new(
        instructions::close_market(&venue.addresses, &terms, &creator, usdc),
        &[],
    )
}

/// The trader has lost.
fn settle_pnl(scene: &mut Scene) -> Call {
    scene.stage.world.advance(10);
    scene.stage.set_price(SOL, 199.0);
    let account = scene.account(Person::Trader);
    Call::new(scene.stage.settle(&account, SOL), &[])
}
