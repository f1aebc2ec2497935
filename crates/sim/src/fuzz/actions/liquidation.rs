//! What liquidators do.

use super::{Plan, Random};
use crate::fuzz::actors;
use crate::fuzz::floor::{Floor, Held};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::health::Purpose;
use rand::Rng;
use rand::seq::IndexedRandom;

pub fn start_liquidation(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let accounts = floor.accounts();
    let bad: Vec<Held> = accounts
        .iter()
        .filter(|(_, account)| {
            account.has_obligations()
                && floor
                    .assess(account, Purpose::Liquidate)
                    .is_some_and(|report| report.is_liquidatable())
        })
        .copied()
        .collect();
    let (key, _) = match bad.choose(random) {
        Some(held) => *held,
        None if random.random_ratio(1, 4) => *accounts.choose(random)?,
        None => return None,
    };
    Plan::only(instructions::start_liquidation(floor.addresses(), &key))
}

fn flagged<'a>(floor: &'a Floor, random: &mut Random) -> Option<Held<'a>> {
    let mut accounts = floor.accounts();
    let strange = random.random_ratio(1, 20);
    accounts.retain(|(_, account)| strange || account.in_liquidation());
    accounts.choose(random).copied()
}

/// A flagged account that has lost more than it had.
fn insolvent<'a>(floor: &'a Floor, random: &mut Random) -> Option<Held<'a>> {
    let strange = random.random_ratio(1, 20);
    let mut accounts = floor.accounts();
    accounts.retain(|(_, account)| {
        strange
            || account.in_liquidation()
                && floor
                    .assess(account, Purpose::Liquidate)
                    .is_some_and(|report| report.equity_mark < 0)
    });
    accounts.choose(random).copied()
}

pub fn liquidate(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (key, account) = flagged(floor, random)?;
    let rich = actors::LIQUIDATORS.map(|actor| floor.actors.key(actor));
    let rich: Vec<Pubkey> = rich.collect();
    let mut takers = floor.accounts();
    let anybody = random.random_ratio(1, 4);
    takers.retain(|(_, taker)| anybody || rich.contains(&taker.owner));
    let (taker_key, taker) = *takers.choose(random)?;
    let mut netting = floor.addresses().netting(floor.exchange(), account, taker);
    if random.random_ratio(1, 20) {
        netting.pop();
    }
    let args = LiquidateArgs {
        fraction_max_q32: match random.random_range(0..3) {
            0 => random.random_range(1..=1 << 32),
            _ => 1 << 32,
        },
        price_max: i64::MAX,
    };
    let liquidate = instructions::liquidate(
        floor.addresses(),
        &floor.mint(0),
        &key,
        &taker_key,
        &floor.trader_of(taker, random),
        &netting,
        args,
    );
    let held = account.balances.iter().filter(|slot| !slot.is_free());
    let mut assets: Vec<usize> = held.map(|slot| usize::from(slot.asset)).collect();
    assets.push(0);
    Plan::of(floor.accrue(&assets, random), liquidate)
}

pub fn auto_deleverage(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (key, account) = insolvent(floor, random)?;
    let open: Vec<_> = account
        .positions
        .iter()
        .filter(|slot| slot.base_lots != 0)
        .collect();
    let position = open.choose(random)?;
    let mut opposite = floor.holders(&position.terms);
    opposite
        .retain(|(_, other)| other.lots(&position.terms).signum() == -position.base_lots.signum());
    let (counterparty, _) = *opposite.choose(random)?;
    let lots = match random.random_range(0..3) {
        0 => random.random_range(0..=position.base_lots.unsigned_abs()),
        _ => u64::MAX,
    };
    Plan::only(instructions::auto_deleverage(
        floor.addresses(),
        &position.terms,
        &key,
        &counterparty,
        lots,
    ))
}

pub fn resolve_bankruptcy(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (key, account) = insolvent(floor, random)?;
    // Mostly when it is its turn.
    let parameters = &floor.exchange().liquidation;
    let open = account.positions.iter().any(|slot| slot.base_lots != 0);
    let fund = floor.books.get(&floor.addresses().insurance_fund())?;
    let funded = floor.owned(fund, 0).unsigned_abs() >= parameters.dust_value;
    let too_early = account.auction_elapsed_s < parameters.first_s
        || (open && !account.auction_has_ended(parameters));
    if (funded || too_early) && random.random_ratio(19, 20) {
        return None;
    }
    let owed = account
        .balances
        .iter()
        .filter(|slot| slot.shares.get() < 0)
        .map(|slot| usize::from(slot.asset));
    let owed: Vec<usize> = owed.collect();
    let asset = *owed.choose(random)?;
    let bank = floor.bank(asset);
    let deposits = floor.board().indexes(asset as u8).ok()?.deposits_total;
    let bound = deposits as f64 * parameters.loss_maximum_q32 as f64 / 2f64.powi(32);
    if bank.losses as f64 > bound * 0.98 && random.random_ratio(19, 20) {
        return None;
    }
    let resolve = instructions::resolve_bankruptcy(floor.addresses(), &floor.mint(asset), &key);
    Plan::of(floor.accrue(&[asset], random), resolve)
}
