//! One pass over all margin accounts: who has to be liquidated, which orders rest where, who holds what has to be settled.

use super::Round;
use crate::job::{Class, Duty, Urgency};
use anchor_lang::prelude::Pubkey;
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, MarketStatus, MarketTerms, Order, Side, StateError};
use std::collections::{BTreeMap, HashMap};

/// An account that is due for liquidation or in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub key: Pubkey,
    pub urgency: Urgency,
    /// Equity at marks, quote units.
    pub equity_mark: i64,
    /// Maintenance margin, quote units.
    pub margin: i64,
    /// Whether it can leave liquidation.
    pub recovered: bool,
    /// Whether it is below its maintenance margin.
    pub is_due: bool,
}

/// A resting order that may trade now, as far as the order itself goes.
#[derive(Clone, Copy)]
pub(super) struct Resting<'a> {
    pub key: &'a Pubkey,
    pub account: &'a MarginAccount,
    pub order: &'a Order,
}

/// Orders of one market, each side the best price first and among equals the oldest.
#[derive(Default)]
pub(super) struct Book<'a> {
    pub bids: Vec<Resting<'a>>,
    pub asks: Vec<Resting<'a>>,
}

impl Book<'_> {
    /// Whether any two orders cross; needs no order among them.
    pub fn crosses(&self) -> bool {
        let bid = self.bids.iter().map(|resting| resting.order.price).max();
        let ask = self.asks.iter().map(|resting| resting.order.price).min();
        bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// Puts both sides in order.
    pub fn sort(&mut self) {
        let age = |resting: &Resting| (resting.order.placed_slot, *resting.key, resting.order.id);
        self.bids
            .sort_unstable_by_key(|bid| (std::cmp::Reverse(bid.order.price), age(bid)));
        self.asks
            .sort_unstable_by_key(|ask| (ask.order.price, age(ask)));
    }
}

/// What a market is to the pass over the accounts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Active,
    ReduceOnly,
    Expired,
}

/// What was found.
#[derive(Default)]
pub(super) struct Index<'a> {
    /// Accounts to liquidate, the most urgent first.
    pub candidates: Vec<Candidate>,
    /// Orders that may trade, by market.
    pub books: HashMap<MarketTerms, Book<'a>>,
    /// Orders that have lapsed with their time or market, or only reduce where there is nothing to reduce.
    pub lapsed: Vec<(Pubkey, u64)>,
    /// Orders that their accounts might not afford.
    pub doubtful: Vec<(Pubkey, u64)>,
    /// Who has a position in a market, by market, in order of address.
    holders: BTreeMap<MarketTerms, Vec<Pubkey>>,
}

impl<'a> Index<'a> {
    /// Passes over all accounts.
    pub fn build(round: &mut Round<'a>) -> Self {
        let mirror = round.mirror;
        let now = round.now();
        let kinds: HashMap<MarketTerms, Kind> = mirror
            .markets
            .iter()
            .map(|(terms, market)| {
                let kind = match market.status(now) {
                    MarketStatus::Active => Kind::Active,
                    MarketStatus::ReduceOnly => Kind::ReduceOnly,
                    MarketStatus::Settling | MarketStatus::Closed => Kind::Expired,
                };
                (*terms, kind)
            })
            .collect();
        let mut index = Self::default();
        let mut report = std::mem::replace(&mut round.report, Report::boxed());
        for (key, account) in &mirror.accounts {
            if *key == mirror.exchange.insurance_fund {
                continue;
            }
            let own = round.is_own(key);
            if !own {
                round.scan.accounts += 1;
                if !round.policy.permits(key) {
                    round.scan.denied += 1;
                    continue;
                }
            }
            for position in account.positions.iter().filter(|slot| !slot.is_free()) {
                index.holders.entry(position.terms).or_default().push(*key);
            }
            let notional = index.note_orders(round, &kinds, key, account);
            let health = if own {
                None
            } else {
                index.assess(round, key, account, notional > 0, &mut report)
            };
            if health.is_some_and(|health| health < notional) {
                let orders = account.orders.iter();
                let orders = orders.filter(|order| order.lots != 0 && order.reduce_only == 0);
                index.doubtful.extend(orders.map(|order| (*key, order.id)));
            }
        }
        round.report = report;
        index.candidates.sort_unstable_by_key(|candidate| {
            (std::cmp::Reverse(candidate.urgency), candidate.key)
        });
        index.lapsed.sort_unstable();
        index.doubtful.sort_unstable();
        for holders in index.holders.values_mut() {
            holders.sort_unstable();
        }
        index
    }

    /// Who has a position in a market.
    pub fn holders(&self, terms: &MarketTerms) -> &[Pubkey] {
        self.holders.get(terms).map_or(&[], Vec::as_slice)
    }

    /// Sorts an account's orders into books and returns the value of those that may open positions, quote units.
    fn note_orders(
        &mut self,
        round: &mut Round<'a>,
        kinds: &HashMap<MarketTerms, Kind>,
        key: &'a Pubkey,
        account: &'a MarginAccount,
    ) -> i64 {
        let now = round.now();
        let mut notional = 0i64;
        for order in account.orders.iter().filter(|order| order.lots != 0) {
            let kind = kinds.get(&order.terms);
            let reduces = order.reduce_only != 0;
            let lapsed = order.is_expired(now) || order.terms.is_expired(now);
            if lapsed || (reduces && !can_reduce(account, order)) {
                self.lapsed.push((*key, order.id));
                continue;
            }
            let trades = match kind {
                Some(Kind::Active) => reduces || !account.in_liquidation(),
                Some(Kind::ReduceOnly) => reduces,
                Some(Kind::Expired) | None => false,
            };
            if trades {
                round.scan.orders += 1;
                let book = self.books.entry(order.terms).or_default();
                let resting = Resting {
                    key,
                    account,
                    order,
                };
                match order.side() {
                    Side::Bid => book.bids.push(resting),
                    Side::Ask => book.asks.push(resting),
                }
            }
            if !reduces {
                let value = i128::from(order.price) * i128::from(order.lots);
                notional = notional.saturating_add(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
        notional
    }

    /// Assesses an account that owes something or has orders that may open positions. Returns its initial health, as far as that is known.
    fn assess(
        &mut self,
        round: &mut Round,
        key: &Pubkey,
        account: &MarginAccount,
        has_orders: bool,
        report: &mut Report,
    ) -> Option<i64> {
        let (owes, flagged) = (account.has_obligations(), account.in_liquidation());
        let scan = &mut round.scan;
        scan.in_liquidation += u64::from(flagged);
        let checks_orders = has_orders && round.policy.does(Duty::Pruning);
        if !owes && !flagged && !checks_orders {
            return None;
        }
        scan.assessed += 1;
        if let Err(error) = round.view.assess(account, Purpose::Liquidate, report) {
            match error {
                StateError::StalePrice | StateError::PriceNeverSet => scan.without_price += 1,
                _ => scan.failed += 1,
            }
            if flagged && !owes {
                self.candidates.push(recovered(key));
            }
            return None;
        }
        let is_due = report.is_liquidatable() && owes;
        if is_due {
            scan.below_maintenance += 1;
            scan.deficit = scan.deficit.saturating_sub(report.health_maintenance());
        }
        if is_due && report.equity_mark < 0 {
            scan.insolvent += 1;
            scan.bad_debt = scan.bad_debt.saturating_sub(report.equity_mark);
        }
        if is_due || flagged {
            self.candidates.push(Candidate {
                key: *key,
                urgency: urgency(report),
                equity_mark: report.equity_mark,
                margin: report.maintenance_margin,
                recovered: flagged && (!owes || report.is_above_buffer()),
                is_due,
            });
        }
        Some(report.health_initial())
    }
}

/// A flagged account that owes nothing any more, whatever the prices.
fn recovered(key: &Pubkey) -> Candidate {
    Candidate {
        key: *key,
        urgency: Class::Watching.into(),
        equity_mark: 0,
        margin: 0,
        recovered: true,
        is_due: false,
    }
}

/// By how many twentieths of its maintenance margin an account is below it, then by how much. Small accounts only by how much: dust never comes
/// before what matters.
fn urgency(report: &Report) -> Urgency {
    /// Room for the amount.
    const BITS: u32 = 52;
    /// Maintenance margin of a small account, quote units.
    const SMALL: u64 = 10_000_000;
    let shortfall = report
        .health_maintenance()
        .saturating_neg()
        .max(0)
        .unsigned_abs();
    let margin = report.maintenance_margin.max(1).unsigned_abs();
    let twentieths = u128::from(shortfall) * 20 / u128::from(margin);
    let twentieths = match margin < SMALL {
        true => 0,
        false => twentieths.min(1 << 10) as u64,
    };
    Urgency {
        class: Class::Liquidating,
        weight: twentieths << BITS | shortfall.min((1 << BITS) - 1),
    }
}

/// Whether a position lies opposite to an order.
fn can_reduce(account: &MarginAccount, order: &Order) -> bool {
    let held = account.lots(&order.terms);
    match order.side() {
        Side::Bid => held < 0,
        Side::Ask => held > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(equity: i64, margin: i64) -> Box<Report> {
        let mut report = Report::boxed();
        report.equity_maintenance = equity;
        report.maintenance_margin = margin;
        report
    }

    #[test]
    fn the_furthest_below_comes_first_then_the_largest() {
        let weight = |equity, margin| urgency(&report(equity, margin)).weight;
        const M: i64 = 1_000_000;
        assert!(weight(50 * M, 100 * M) > weight(900_000 * M, 1_000_000 * M));
        assert!(weight(500_000 * M, 1_000_000 * M) > weight(50 * M, 100 * M));
        assert!(weight(-1_000 * M, 10 * M) > weight(9 * M, 10 * M));
        // Dust comes last, however far below.
        assert!(weight(-M, M) < weight(90 * M, 100 * M));
        assert!(weight(-1_000, 10) > weight(9, 10));
        assert_eq!(weight(20, 10), 0);
        let _ = weight(i64::MIN, i64::MAX);
    }
}
