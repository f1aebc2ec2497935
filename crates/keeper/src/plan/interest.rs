//! Interest of assets that are lent.

use super::Round;
use crate::job::{Class, JobKey};
use ballast_client::instructions;
use ballast_state::Pausable;

/// One transaction per asset, as often as the policy says.
pub(super) fn plan(round: &mut Round) {
    if round.is_paused(Pausable::AccrueInterest) {
        return;
    }
    let mirror = round.mirror;
    let interval_s = round.policy.interest_interval_s;
    for (asset, bank) in &mirror.banks {
        let (Ok(listed), Ok(indexes)) = (
            round.view.exchange.asset(*asset),
            round.view.board.indexes(*asset),
        ) else {
            continue;
        };
        let is_lent = !bank.borrow_shares.is_zero() && listed.interest_rates_q32 != [0; 4];
        let elapsed_s = round.now().saturating_sub(indexes.accrued_at);
        if is_lent && elapsed_s.max(0).unsigned_abs() >= interval_s.max(1) {
            let accrue = instructions::accrue_interest(&mirror.addresses, &bank.mint);
            round.serve(JobKey::Interest(*asset), Class::Cranking, vec![accrue]);
        }
    }
}
