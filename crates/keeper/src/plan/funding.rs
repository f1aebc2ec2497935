//! Funding rates of perpetuals.

use super::Round;
use crate::job::{Class, JobKey};
use ballast_client::instructions;
use ballast_state::{MarketTerms, Pausable};

/// One transaction per perpetual as soon as the exchange allows, while its price is fresh.
pub(super) fn plan(round: &mut Round) {
    if round.is_paused(Pausable::UpdateFunding) {
        return;
    }
    for underlying in 0..round.view.exchange.underlying_count {
        if is_due(round, underlying) {
            let update = instructions::update_funding(&round.mirror.addresses, underlying);
            round.serve(JobKey::Funding(underlying), Class::Cranking, vec![update]);
        }
    }
}

fn is_due(round: &Round, underlying: u8) -> bool {
    let terms = MarketTerms::perpetual(underlying);
    let Ok(listed) = round.view.exchange.underlying(underlying) else {
        return false;
    };
    let state = &round.view.board.perpetuals[usize::from(underlying)];
    let elapsed_s = round.now().saturating_sub(state.updated_at).max(0);
    round.mirror.markets.contains_key(&terms)
        && elapsed_s.unsigned_abs() >= listed.funding_interval_s.max(1)
        && round.view.fresh_mark(underlying).is_ok()
}
