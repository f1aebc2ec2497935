//! Expired markets, from their settlement price to their end.

use super::Round;
use super::index::Index;
use crate::job::{Class, JobKey};
use ballast_client::instructions;
use ballast_state::{Market, MarketStatus, MarketTerms, Pausable};

/// Gives expired markets their price, turns positions into quote at their payoff, and closes markets in which nothing is left. What has been
/// turned into quote is paid by [`super::pnl`].
pub(super) fn plan(round: &mut Round, index: &Index) {
    // A popular series leaves room for everything else.
    let mut room = (round.policy.jobs_maximum / 4).max(1);
    for (terms, market) in &round.mirror.markets {
        match market.status(round.now()) {
            MarketStatus::Settling => finalize(round, terms),
            MarketStatus::Closed if is_empty(market) => close(round, terms, market),
            MarketStatus::Closed => settle_positions(round, index, terms, &mut room),
            MarketStatus::Active | MarketStatus::ReduceOnly => {}
        }
    }
}

fn finalize(round: &mut Round, terms: &MarketTerms) {
    let is_certain = matches!(round.view.settlement(terms), Ok(Some(_)));
    if is_certain && !round.is_paused(Pausable::FinalizeSettlement) {
        let finalize = instructions::finalize_settlement(&round.mirror.addresses, terms);
        round.serve(JobKey::Finalize(*terms), Class::Cranking, vec![finalize]);
    }
}

fn settle_positions(round: &mut Round, index: &Index, terms: &MarketTerms, room: &mut usize) {
    if round.is_paused(Pausable::SettlePosition) {
        return;
    }
    for holder in index.holders(terms) {
        if *room == 0 {
            return;
        }
        if round.is_claimed(holder) || round.taken.contains(holder) {
            continue;
        }
        let account = &round.mirror.accounts[holder];
        if account.lots(terms) != 0 {
            let settle = instructions::settle_position(&round.mirror.addresses, terms, holder);
            let key = JobKey::SettlePosition(*holder, *terms);
            let before = round.jobs.len();
            round.serve(key, Class::Settling, vec![settle]);
            *room -= round.jobs.len() - before;
        }
    }
}

/// Whether nobody holds, owes or is owed anything in a settled market.
fn is_empty(market: &Market) -> bool {
    market.open_interest_lots == 0
        && market.short_interest_lots == 0
        && market.debts == 0
        && market.settlement_pool == market.fees
}

fn close(round: &mut Round, terms: &MarketTerms, market: &Market) {
    let Some(mint) = round.quote_mint() else {
        return;
    };
    let addresses = &round.mirror.addresses;
    let close = instructions::close_market(addresses, terms, &market.creator, &mint);
    round.serve(JobKey::CloseMarket(*terms), Class::Tidying, vec![close]);
}
