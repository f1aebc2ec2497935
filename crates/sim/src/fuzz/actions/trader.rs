//! What traders do.

use super::{Plan, Random, between};
use crate::fuzz::actors;
use crate::fuzz::floor::{Floor, Held};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::{FillArgs, OrderArgs, OrderFilter, OrderType};
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, Market, Order, Side};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

const SUB_ACCOUNTS: u16 = 3;

pub fn open_account(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let owner = floor.actors.anybody(random);
    let number = random.random_range(0..SUB_ACCOUNTS);
    Plan::only(instructions::open_account(
        floor.addresses(),
        &owner,
        &floor.payer,
        number,
    ))
}

pub fn close_account(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let accounts = floor.accounts();
    let empty: Vec<Held> = accounts
        .iter()
        .filter(|(_, account)| account.is_empty())
        .copied()
        .collect();
    let (_, account) = match empty.choose(random) {
        Some(held) => *held,
        None => *accounts.choose(random)?,
    };
    let owner = floor.owner_of(account, random);
    let close = instructions::close_account(floor.addresses(), &owner, account.sub_account);
    Plan::only(close)
}

pub fn deposit(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let asset = floor.any_asset(random);
    let mint = floor.mint(asset);
    let into_fund = random.random_ratio(1, 50);
    let (key, depositor, dollars) = if into_fund {
        let fund = floor.addresses().insurance_fund();
        (
            fund,
            floor.actors.anybody(random),
            between(0.01, 500.0, random),
        )
    } else {
        let (key, account) = floor.any_account(random)?;
        let rich = account.owner == floor.actors.key(actors::MAKERS.start);
        let most = if rich { 100_000.0 } else { 4_000.0 };
        let dollars = between(0.000_01, most, random);
        (key, floor.trader_of(account, random), dollars)
    };
    // A loan is often repaid in whole, or all but a unit.
    let owed = floor
        .books
        .get(&key)
        .map_or(0, |account| -floor.owned(account, asset));
    let amount = match random.random_range(0..4) {
        0 if owed > 0 => owed
            .unsigned_abs()
            .saturating_add_signed(random.random_range(-1..=1)),
        _ => floor.native(asset, dollars),
    };
    let deposit = instructions::deposit(
        floor.addresses(),
        &mint,
        &key,
        &depositor,
        &Floor::wallet(&depositor, &mint),
        amount,
    );
    Plan::of(floor.accrue(&[asset], random), deposit)
}

pub fn withdraw(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (key, account) = floor.any_account(random)?;
    let asset = floor.any_asset(random);
    let mint = floor.mint(asset);
    let owner = floor.owner_of(account, random);
    let deposit = floor.owned(account, asset).max(0).unsigned_abs();
    let equity = floor.equity(account).max(0) as f64 / 1e6;
    let amount = match random.random_range(0..10) {
        0 => u64::MAX,
        1 => deposit,
        2 => deposit.saturating_add(1),
        3..6 => (deposit as f64 * random.random::<f64>()) as u64,
        6 => floor.native(asset, equity * between(0.001, 6.0, random)),
        _ => floor.native(asset, equity * random.random_range(0.4..1.2)),
    };
    let to = match random.random_ratio(1, 6) {
        true => floor.actors.anybody(random),
        false => owner,
    };
    let withdraw = instructions::withdraw(
        floor.addresses(),
        &mint,
        &key,
        &owner,
        &Floor::wallet(&to, &mint),
        amount,
        random.random_ratio(2, 3),
    );
    Plan::of(floor.accrue(&[asset], random), withdraw)
}

pub fn transfer(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let accounts = floor.accounts();
    let pairs: Vec<(Held, Held)> = accounts
        .iter()
        .flat_map(|from| accounts.iter().map(move |to| (*from, *to)))
        .filter(|((one, from), (other, to))| one != other && from.owner == to.owner)
        .collect();
    let rich: Vec<(Held, Held)> = pairs
        .iter()
        .filter(|((_, from), _)| from.balances.iter().any(|slot| slot.shares.get() > 0))
        .copied()
        .collect();
    let strange = random.random_ratio(1, 15);
    let ((from, account), (to, _)) = match (rich.choose(random), pairs.choose(random)) {
        _ if strange => (*accounts.choose(random)?, *accounts.choose(random)?),
        (Some(pair), _) | (None, Some(pair)) => *pair,
        _ => return None,
    };
    let owned = account.balances.iter().filter(|slot| slot.shares.get() > 0);
    let owned: Vec<usize> = owned.map(|slot| usize::from(slot.asset)).collect();
    let asset = match owned.choose(random) {
        Some(asset) if !strange => *asset,
        _ => floor.any_asset(random),
    };
    let deposit = floor.owned(account, asset).max(0) as f64;
    let amount = match random.random_range(0..4) {
        0 => u64::MAX,
        _ => (deposit * random.random_range(0.0..1.02)) as u64,
    };
    let to_owner = floor.books.get::<MarginAccount>(&to)?.owner;
    let owner = match strange && random.random() {
        true => to_owner,
        false => floor.owner_of(account, random),
    };
    let transfer = instructions::transfer(
        floor.addresses(),
        &floor.mint(asset),
        &from,
        &to,
        &owner,
        amount,
    );
    Plan::of(floor.accrue(&[asset], random), transfer)
}

pub fn set_delegate(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (key, account) = floor.any_account(random)?;
    let delegate = match random.random_range(0..3) {
        0 => Pubkey::default(),
        _ => floor.actors.one_of(actors::DELEGATES, random),
    };
    let owner = floor.owner_of(account, random);
    Plan::only(instructions::set_delegate(&key, &owner, &delegate))
}

// Orders.

/// An order somewhere around the mark, mostly of a type that is allowed and a size that the account can bear.
fn order(
    floor: &Floor,
    market: &Market,
    account: Held,
    other: OrderType,
    random: &mut Random,
) -> Option<OrderArgs> {
    let terms = &market.terms;
    let view = floor.view();
    let mark: f64 = view.mark(terms).ok()?.to_num();
    let spot: f64 = view.last_mark(terms.underlying).ok()?.to_num();
    let tick = market.tick_size as f64;
    let width = match (terms.is_option(), random.random_ratio(1, 15)) {
        (_, true) => 0.15,
        (true, false) => 0.02,
        (false, false) => 0.006,
    };
    let price = mark + spot * random.random_range(-width..width);
    let price = (price / tick).round().max(1.0) * tick;
    let equity = floor.equity(account.1).max(1_000_000) as f64;
    let value = match random.random() {
        true => equity * between(0.01, 12.0, random),
        false => equity * random.random_range(2.0..8.0),
    };
    let reduce_only = random.random_ratio(1, 10);
    let held = account.1.lots(terms);
    let side = match random.random_range(0..4) {
        0 if held > 0 => Side::Ask,
        0 if held < 0 => Side::Bid,
        1 => Side::Ask,
        2 => Side::Bid,
        _ if random.random() => Side::Bid,
        _ => Side::Ask,
    };
    Some(OrderArgs {
        side: side as u8,
        price: price as u64,
        lots: ((value / spot) as u64).max(1),
        client_id: random.random_range(0..3),
        expires_at: match random.random_range(0..4) {
            0 => (floor.now + random.random_range(5..1_000)) as u32,
            _ => 0,
        },
        reduce_only,
        order_type: match random.random_range(0..30) {
            0 => OrderType::PostOnly,
            1 => OrderType::ImmediateOrCancel,
            2..7 => other,
            _ => OrderType::Limit,
        },
    })
}

pub fn place_order(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let held = floor.any_account(random)?;
    let market = floor.any_market(random)?;
    let args = order(floor, market, held, OrderType::PostOnly, random)?;
    Plan::only(instructions::place_order(
        floor.addresses(),
        &market.terms,
        &held.0,
        &floor.trader_of(held.1, random),
        args,
    ))
}

pub fn place_and_fill(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let held = floor.any_account(random)?;
    let market = floor.any_market(random)?;
    let mut args = order(floor, market, held, OrderType::ImmediateOrCancel, random)?;
    let mut makers: Vec<(Held, Order)> = floor
        .resting(&market.terms)
        .into_iter()
        .filter(|((_, maker), order)| maker.owner != held.1.owner && order.side != args.side)
        .collect();
    makers.shuffle(random);
    makers.truncate(random.random_range(1..=3));
    // It crosses, mostly.
    if let Some(order) = makers.iter().map(|(_, order)| order).max_by_key(|order| {
        let price = order.price as i64;
        if args.side == Side::Bid as u8 {
            price
        } else {
            -price
        }
    }) && random.random_ratio(9, 10)
    {
        args.price = order.price;
    }
    let makers: Vec<(Pubkey, u64)> = makers
        .iter()
        .map(|((key, _), order)| (*key, order.id))
        .collect();
    Plan::only(instructions::place_and_fill(
        floor.addresses(),
        &market.terms,
        &held.0,
        &floor.trader_of(held.1, random),
        args,
        &makers,
    ))
}

pub fn cancel_order(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let ((key, account), order) = any_order(floor, random)?;
    let trader = floor.trader_of(account, random);
    Plan::only(instructions::cancel_order(&key, &trader, order.id))
}

pub fn cancel_all(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let ((key, account), order) = any_order(floor, random)?;
    let filter = OrderFilter {
        terms: random.random::<bool>().then(|| order.terms.into()),
        client_id: random.random::<bool>().then_some(order.client_id),
    };
    let trader = floor.trader_of(account, random);
    Plan::only(instructions::cancel_all(&key, &trader, filter))
}

/// A resting order with its account.
pub fn any_order<'a>(floor: &'a Floor, random: &mut Random) -> Option<(Held<'a>, Order)> {
    let mut orders = Vec::new();
    for held in floor.accounts() {
        let live = held.1.orders.iter().filter(|order| order.lots != 0);
        orders.extend(live.map(|order| (held, *order)));
    }
    orders.choose(random).copied()
}

pub fn fill_order(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let mut pairs = Vec::new();
    for market in floor.markets() {
        let resting = floor.resting(&market.terms);
        for maker in &resting {
            for taker in &resting {
                let crosses = match taker.1.side() {
                    Side::Bid => taker.1.price >= maker.1.price,
                    Side::Ask => taker.1.price <= maker.1.price,
                };
                let fits = maker.1.side != taker.1.side
                    && maker.0.1.owner != taker.0.1.owner
                    && taker.1.placed_slot >= maker.1.placed_slot;
                if crosses && fits {
                    pairs.push((*maker, *taker));
                }
            }
        }
    }
    let (maker, taker) = match pairs.choose(random) {
        Some(pair) => *pair,
        None if random.random_ratio(1, 3) => (any_order(floor, random)?, any_order(floor, random)?),
        None => return None,
    };
    let accounts = floor.accounts();
    let filler = accounts.choose(random).filter(|_| random.random());
    let signer = match filler {
        Some((_, account)) => floor.trader_of(account, random),
        None => floor.payer,
    };
    let args = FillArgs {
        maker_order_id: maker.1.id,
        taker_order_id: taker.1.id,
        lots_max: match random.random_range(0..3) {
            0 => random.random_range(0..=maker.1.lots),
            _ => u64::MAX,
        },
    };
    Plan::only(instructions::fill_order(
        floor.addresses(),
        &maker.1.terms,
        &maker.0.0,
        &taker.0.0,
        filler.map(|(key, _)| *key),
        &signer,
        args,
    ))
}
