//! Orders that cannot trade any more.

use super::Round;
use super::index::Index;
use crate::job::{Claim, Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use ballast_client::instructions;
use ballast_state::Pausable;
use ballast_state::health::Report;

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
        let health = round.view.health_for_pruning(account, order, &mut report);
        if !account.only_reduces(order) && health.is_ok_and(|health| health < 0) {
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
