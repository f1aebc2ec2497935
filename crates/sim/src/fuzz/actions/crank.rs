//! What anybody may do.

use super::trader::any_order;
use super::{Plan, Random};
use crate::fuzz::floor::{Floor, Held};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::SurfaceArgs;
use ballast_client::instructions;
use ballast_client::state::{Market, MarketKind, MarketStatus, MarketTerms, TENORS, next_expiry};
use rand::Rng;
use rand::seq::IndexedRandom;

/// No more dated markets than these are open at a time.
const DATED_MAX: usize = 10;

pub fn accrue_interest(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let asset = random.random_range(0..floor.listed().0);
    let accrue = instructions::accrue_interest(floor.addresses(), &floor.mint(asset));
    Plan::only(accrue)
}

/// Publishes what the feeds say, sometimes of some of them only, and refreshes the board.
pub fn refresh_prices(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let feeds = usize::from(floor.exchange().feed_count).min(floor.prices.len());
    let all = random.random_ratio(14, 15);
    let (mut writes, mut accounts) = (vec![], vec![]);
    for index in 0..feeds {
        if !all && random.random() {
            continue;
        }
        let source = floor.home.config.assets[index].source.program();
        let price = floor.publication(index, random);
        let published = price.is_some();
        writes.extend(price.map(|price| oracle_stub::write(&source, &floor.payer, &price)));
        // One bad price refuses all: clients leave those out that they know to be bad.
        let good = floor.oracles[index] == crate::fuzz::floor::Oracle::Good;
        if (good && published) || random.random_ratio(1, 3) {
            accounts.push(floor.home.price_account(index));
        }
    }
    let refresh = instructions::refresh_prices(floor.addresses(), &accounts);
    Plan::of(writes, refresh)
}

pub fn list_series(floor: &Floor, random: &mut Random) -> Option<Plan> {
    if floor.dated().len() >= DATED_MAX {
        return None;
    }
    let (_, underlyings) = floor.listed();
    let underlying = random.random_range(0..underlyings) as u8;
    let kind = match random.random() {
        true => MarketKind::Call,
        false => MarketKind::Put,
    };
    let mark: f64 = floor.view().last_mark(underlying).ok()?.to_num();
    let step = floor.exchange().underlyings[usize::from(underlying)].strike_step;
    let step = step.max(1) as f64;
    let strike = (mark * random.random_range(0.85..1.15) / step).round() * step;
    let terms = MarketTerms {
        expiry: expiry(floor, random),
        strike: strike as u64,
        underlying,
        kind: kind as u8,
        ..MarketTerms::default()
    };
    let creator = floor.actors.anybody(random);
    Plan::only(instructions::list_series(
        floor.addresses(),
        &terms,
        &creator,
    ))
}

/// An expiry within some days, mostly on the grid.
pub fn expiry(floor: &Floor, random: &mut Random) -> i64 {
    let days = *[0, 0, 0, 1, 2, 8].choose(random).unwrap_or(&0);
    let off = if random.random_ratio(1, 20) { 1 } else { 0 };
    next_expiry(floor.now + 4_000) + days * 86_400 + off
}

pub fn post_surface(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (_, underlyings) = floor.listed();
    let index = random.random_range(0..underlyings);
    let listed = &floor.exchange().underlyings[index];
    let state = floor.board().underlying(index as u8).ok()?;
    let mut moved = |value: u64| (value as f64 * random.random_range(0.93..1.07)) as u64;
    let atm_volatility_q32 = match state.surface_time {
        0 => [state.volatility_q32; TENORS],
        _ => state.atm_volatility_q32.map(&mut moved),
    };
    let args = SurfaceArgs {
        underlying: index as u8,
        atm_volatility_q32,
        skew_q32: state.skew_q32 + random.random_range(-(1 << 25)..1 << 25),
        smile_q32: state.smile_q32 + random.random_range(0..1 << 24),
        carry_q32: state.carry_q32 + random.random_range(-(1 << 26)..1 << 26),
    };
    let authority = floor.authority(&listed.surface_authority, random);
    let post = instructions::post_surface(floor.addresses(), &authority, args);
    Plan::only(post)
}

pub fn update_funding(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (_, underlyings) = floor.listed();
    let underlying = random.random_range(0..underlyings) as u8;
    Plan::only(instructions::update_funding(floor.addresses(), underlying))
}

pub fn prune_order(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let mut chosen = any_order(floor, random)?;
    // Those that have lapsed first.
    for held in floor.accounts() {
        let mut orders = held.1.orders.iter().filter(|order| order.lots != 0);
        if let Some(order) = orders.find(|order| order.is_expired(floor.now)) {
            chosen = (held, *order);
        }
    }
    let ((key, _), order) = chosen;
    Plan::only(instructions::prune_order(floor.addresses(), &key, order.id))
}

fn dated_with<'a>(
    floor: &'a Floor,
    status: MarketStatus,
    random: &mut Random,
) -> Option<&'a Market> {
    let mut dated = floor.dated();
    if random.random_ratio(11, 12) {
        dated.retain(|market| market.status(floor.now) == status);
    }
    dated.choose(random).copied()
}

pub fn finalize_settlement(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let market = dated_with(floor, MarketStatus::Settling, random)?;
    let finalize = instructions::finalize_settlement(floor.addresses(), &market.terms);
    Plan::only(finalize)
}

pub fn settle_position(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let market = dated_with(floor, MarketStatus::Closed, random)?;
    let mut holders = floor.holders(&market.terms);
    holders.retain(|(_, account)| account.lots(&market.terms) != 0);
    let (key, _) = *holders.choose(random)?;
    Plan::only(instructions::settle_position(
        floor.addresses(),
        &market.terms,
        &key,
    ))
}

pub fn settle_pnl(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let market = match random.random() {
        true => dated_with(floor, MarketStatus::Closed, random).or(floor.any_market(random))?,
        false => floor.any_market(random)?,
    };
    let holders = floor.holders(&market.terms);
    let quote = |held: &Held| held.1.position(&market.terms).map_or(0, |slot| slot.quote);
    // Winners are paid from what losers paid in.
    let (key, _) = match random.random() {
        true => *holders.iter().min_by_key(|held| quote(held))?,
        false => *holders.choose(random)?,
    };
    let settle = instructions::settle_pnl(floor.addresses(), &market.terms, &floor.mint(0), &key);
    Plan::of(floor.accrue(&[0], random), settle)
}

pub fn collect_fees(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let markets = floor.markets();
    let paid: Vec<&&Market> = markets
        .iter()
        .filter(|market| market.fees.min(market.settlement_pool) > 0)
        .collect();
    let market = match paid.choose(random) {
        Some(market) if random.random_ratio(9, 10) => **market,
        _ => floor.any_market(random)?,
    };
    let collect = instructions::collect_fees(floor.addresses(), &market.terms, &floor.mint(0));
    Plan::only(collect)
}

pub fn close_market(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let mut dated = floor.dated();
    let strange = random.random_ratio(1, 20);
    dated.retain(|market| {
        strange
            || market.status(floor.now) == MarketStatus::Closed
                && floor.holders(&market.terms).is_empty()
    });
    let market = *dated.choose(random)?;
    let creator: Pubkey = match random.random_ratio(1, 20) {
        true => floor.actors.anybody(random),
        false => market.creator,
    };
    Plan::only(instructions::close_market(
        floor.addresses(),
        &market.terms,
        &creator,
        &floor.mint(0),
    ))
}
