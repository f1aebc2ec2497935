//! What these tests share: orders of all kinds, sweeps, and options.

use super::events::{Event, placed, sent};
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{FillArgs, OrderArgs, OrderType};
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{MarketKind, MarketTerms, Position, Side, next_expiry};
use ballast_client::units::q32;
use ballast_sim::Venue;
use ballast_tests::{SOL, START, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Quote units per lot of SOL (0.01) at 200.
pub const MARK: u64 = 2_000_000;
/// Tick of everything on SOL.
pub const TICK: u64 = 100;
/// One day, seconds.
pub const DAY_S: i64 = 86_400;

pub fn bid(price: u64, lots: u64) -> OrderArgs {
    Venue::limit(Side::Bid, price, lots)
}

pub fn ask(price: u64, lots: u64) -> OrderArgs {
    Venue::limit(Side::Ask, price, lots)
}

pub fn reduce_only(args: OrderArgs) -> OrderArgs {
    OrderArgs {
        reduce_only: true,
        ..args
    }
}

pub fn post_only(args: OrderArgs) -> OrderArgs {
    OrderArgs {
        order_type: OrderType::PostOnly,
        ..args
    }
}

pub fn immediate(args: OrderArgs) -> OrderArgs {
    OrderArgs {
        order_type: OrderType::ImmediateOrCancel,
        ..args
    }
}

pub fn until(expires_at: i64, args: OrderArgs) -> OrderArgs {
    OrderArgs {
        expires_at: expires_at as u32,
        ..args
    }
}

/// The perpetual on SOL.
pub fn perpetual() -> MarketTerms {
    Venue::perpetual(SOL)
}

/// A market on SOL that expires so many days after the first expiry that follows the start of the test; the strike is in dollars.
pub fn dated(kind: MarketKind, days: i64, strike: u64) -> MarketTerms {
    MarketTerms {
        expiry: next_expiry(START) + days * DAY_S,
        strike: strike * (MARK / 200),
        underlying: 0,
        kind: kind as u8,
        ..MarketTerms::default()
    }
}

/// Lists markets and posts a surface of 80% everywhere.
pub fn list(stage: &mut Stage, markets: &[MarketTerms]) {
    post_surface(stage);
    for terms in markets {
        stage.venue.list_market(&mut stage.world, terms).unwrap();
    }
}

pub fn post_surface(stage: &mut Stage) {
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.0)
        .unwrap();
}

pub fn place_in(
    stage: &Stage,
    terms: &MarketTerms,
    owner: &Keypair,
    args: OrderArgs,
) -> Instruction {
    let (addresses, account) = (&stage.venue.addresses, stage.account(owner));
    instructions::place_order(addresses, terms, &account, &owner.pubkey(), args)
}

/// Rests an order and returns it with its owner, as makers are named.
#[track_caller]
pub fn rest_in<'a>(
    stage: &mut Stage,
    terms: &MarketTerms,
    owner: &'a Keypair,
    args: OrderArgs,
) -> (&'a Keypair, u64) {
    let place = place_in(stage, terms, owner, args);
    let events = sent(stage, &[place], &[owner]);
    (owner, placed(&events)[0].order_id)
}

/// The same in the perpetual on SOL.
#[track_caller]
pub fn rest<'a>(stage: &mut Stage, owner: &'a Keypair, args: OrderArgs) -> (&'a Keypair, u64) {
    rest_in(stage, &perpetual(), owner, args)
}

pub fn take_in(
    stage: &Stage,
    terms: &MarketTerms,
    taker: &Keypair,
    args: OrderArgs,
    makers: &[(&Keypair, u64)],
) -> Instruction {
    let makers: Vec<_> = makers
        .iter()
        .map(|(maker, id)| (stage.account(maker), *id))
        .collect();
    let (addresses, account) = (&stage.venue.addresses, stage.account(taker));
    instructions::place_and_fill(addresses, terms, &account, &taker.pubkey(), args, &makers)
}

/// A sweep in the perpetual on SOL.
pub fn take(
    stage: &Stage,
    taker: &Keypair,
    args: OrderArgs,
    makers: &[(&Keypair, u64)],
) -> Instruction {
    take_in(stage, &perpetual(), taker, args, makers)
}

/// A sweep in the perpetual on SOL that goes through.
#[track_caller]
pub fn taken(
    stage: &mut Stage,
    taker: &Keypair,
    args: OrderArgs,
    makers: &[(&Keypair, u64)],
) -> Vec<Event> {
    let sweep = take(stage, taker, args, makers);
    sent(stage, &[sweep], &[taker])
}

/// Fills two orders, at most so many lots.
pub fn fill_in(
    stage: &Stage,
    terms: &MarketTerms,
    maker: (&Keypair, u64),
    taker: (&Keypair, u64),
    lots_max: u64,
) -> Instruction {
    let args = FillArgs {
        maker_order_id: maker.1,
        taker_order_id: taker.1,
        lots_max,
    };
    instructions::fill_order(
        &stage.venue.addresses,
        terms,
        &stage.account(maker.0),
        &stage.account(taker.0),
        None,
        &stage.world.payer.pubkey(),
        args,
    )
}

/// `buyer` buys lots from `seller` at a price.
#[track_caller]
pub fn hand_over(
    stage: &mut Stage,
    terms: &MarketTerms,
    seller: &Keypair,
    buyer: &Keypair,
    price: u64,
    lots: u64,
) {
    let maker = rest_in(stage, terms, seller, ask(price, lots));
    let sweep = take_in(stage, terms, buyer, immediate(bid(price, lots)), &[maker]);
    sent(stage, &[sweep], &[buyer]);
}

pub fn position(stage: &Stage, owner: &Keypair, terms: &MarketTerms) -> Position {
    let state = stage.state(owner);
    state.position(terms).copied().unwrap_or_default()
}

/// Lots of the perpetual on SOL.
pub fn lots(stage: &Stage, owner: &Keypair) -> i64 {
    position(stage, owner, &perpetual()).base_lots
}

/// Bytes of a trader's account.
pub fn bytes(stage: &Stage, owner: &Keypair) -> Vec<u8> {
    let account = stage.world.svm.get_account(&stage.account(owner));
    account.expect("an account").data
}

pub fn report(stage: &Stage, owner: &Keypair, purpose: Purpose) -> Box<Report> {
    let account = stage.account(owner);
    stage.venue.assess(&stage.world, &account, purpose).unwrap()
}

/// Fees of the older and of the younger order, and the largest share of an option's premium.
pub const MAKER: f64 = 0.0002;
pub const TAKER: f64 = 0.0005;
pub const PREMIUM_CAP: f64 = 0.1;

/// A share of an amount, rounded up, in the arithmetic of fractions.
pub fn share(amount: u64, rate: f64) -> u64 {
    (u128::from(amount) * u128::from(q32(rate))).div_ceil(1 << 32) as u64
}
