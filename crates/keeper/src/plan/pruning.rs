//! Orders that cannot trade any more.

use super::Round;
use super::index::Index;
use crate::job::{Claim, Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use ballast_client::instructions;
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, Order, Pausable, Position, Side, StateError};

/// Removes what has lapsed, and of the orders that their accounts might not afford, some at a time, those that they cannot.
pub(super) fn plan(round: &mut Round, index: &Index) {
    if round.is_paused(Pausable::PruneOrder) || round.is_full() {
        return;
    }
    for (key, id) in &index.lapsed {
        prune(round, key, *id);
    }
    let mut report = std::mem::replace(&mut round.report, Report::boxed());
    for (key, id) in in_turn(round, &index.doubtful) {
        let account = &round.mirror.accounts[&key];
        let Some(order) = account.order(id) else {
            continue;
        };
        let health = health_if_filled(round, account, order, &mut report);
        if !only_reduces(account, order) && health.is_ok_and(|health| health < 0) {
            prune(round, &key, id);
        }
    }
    round.report = report;
}

fn prune(round: &mut Round, account: &Pubkey, id: u64) {
    let key = JobKey::Prune(*account, id);
    let claim = Claim::Order(*account, id);
    // A fill planned in this round may have used it up.
    let changed = round.changed.contains_key(account);
    let busy = round.is_claimed(account) || round.claimed.contains(&claim);
    if !round.is_open(&key) || changed || busy || round.taken.contains(account) {
        return;
    }
    let prune = instructions::prune_order(&round.mirror.addresses, account, id);
    let value = -round.fee();
    round.add(Job {
        key,
        urgency: Class::Tidying.into(),
        instructions: vec![prune],
        value,
        claims: vec![claim],
        note: String::new(),
    });
}

/// The next orders to look at; all of them are looked at in the course of some rounds.
fn in_turn(round: &mut Round, doubtful: &[(Pubkey, u64)]) -> Vec<(Pubkey, u64)> {
    let from = doubtful.partition_point(|order| *order <= round.memory.prune_cursor);
    let (before, after) = doubtful.split_at(from);
    let rotated = after.iter().chain(before);
    let turn: Vec<(Pubkey, u64)> = rotated.take(round.policy.prune_checks).copied().collect();
    round.memory.prune_cursor = turn.last().copied().unwrap_or_default();
    turn
}

/// Whether no fill of the order can do anything but reduce the account's position.
fn only_reduces(account: &MarginAccount, order: &Order) -> bool {
    let held = account.lots(&order.terms);
    let reducible = match order.side() {
        Side::Bid => held.min(0).unsigned_abs(),
        Side::Ask => held.max(0).unsigned_abs(),
    };
    reducible > 0 && (order.reduce_only != 0 || order.lots <= reducible)
}

/// Initial health if the order were filled whole at its price.
fn health_if_filled(
    round: &Round,
    account: &MarginAccount,
    order: &Order,
    report: &mut Report,
) -> Result<i64, StateError> {
    let view = &round.view;
    let lots = i64::try_from(order.lots).map_err(|_| StateError::Overflow)?;
    let price = i64::try_from(order.price).map_err(|_| StateError::Overflow)?;
    let quote = lots.checked_mul(price).ok_or(StateError::Overflow)?;
    let (base_lots, quote) = match order.side() {
        Side::Bid => (lots, -quote),
        Side::Ask => (-lots, quote),
    };
    let mut filled = Position {
        base_lots,
        quote,
        terms: order.terms,
        ..Position::default()
    };
    if order.terms.is_perpetual() {
        let index = view.funding_index(order.terms.underlying)?;
        filled.funding_index.set(index);
    }
    view.assess_with(account, Some(&filled), Purpose::AddRisk, report)?;
    Ok(report.health_initial())
}
