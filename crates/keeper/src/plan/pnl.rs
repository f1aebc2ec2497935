//! Profit and loss into cash: losers pay into a market's pool when winners wait for it, winners are paid out of it.

use super::Round;
use super::index::Index;
use crate::job::{Class, JobKey};
use crate::memory::Pass;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::instructions;
use ballast_risk::numbers::signed_value_floor;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    MarginAccount, Market, MarketStatus, MarketTerms, Pausable, Position, QUOTE_ASSET, StateError,
    ledger,
};

/// Settles open markets as often as the policy says, and closed ones until nobody is owed anything.
pub(super) fn plan(round: &mut Round, index: &Index) {
    if !round.is_paused(Pausable::SettlePnl) {
        settle_all(round, index);
    }
    for terms in round.mirror.markets.keys() {
        collect(round, terms);
    }
}

fn settle_all(round: &mut Round, index: &Index) {
    for (terms, market) in &round.mirror.markets {
        match market.status(round.now()) {
            MarketStatus::Closed => {
                settle_market(round, index, terms, 1);
            }
            // Its lots have no settlement price yet.
            MarketStatus::Settling => {}
            MarketStatus::Active | MarketStatus::ReduceOnly => {
                let interval = i64::try_from(round.policy.settle_interval_s).unwrap_or(i64::MAX);
                let now = round.now();
                let passes = &mut round.memory.passes;
                let pass = passes.entry(*terms).or_insert_with(|| Pass::new(now));
                let mut age = now.saturating_sub(pass.started);
                if age >= interval {
                    (*pass, age) = (Pass::new(now), 0);
                }
                if pass.ended {
                    continue;
                }
                let minimum = round.policy.settle_minimum.max(1);
                // While prices move there is always somebody: half of the interval has to do.
                let is_late = age > interval / 2;
                if (is_late || !settle_market(round, index, terms, minimum))
                    && let Some(pass) = round.memory.passes.get_mut(terms)
                {
                    pass.end();
                }
            }
        }
    }
}

/// What has become of an account whose profit or loss is to be settled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offered {
    /// Planned.
    Now,
    /// In flight, or something else of this account is.
    Busy,
    /// Not for the time being: it waits after a refusal, or nothing would move.
    Not,
}

/// Settles what is at least `minimum` in a market. Returns whether anything was left to do.
fn settle_market(round: &mut Round, index: &Index, terms: &MarketTerms, minimum: i64) -> bool {
    let Some(market) = round.mirror.markets.get(terms) else {
        return false;
    };
    // Settled markets have no passes: what is settled there is settled for good.
    let pass = round.memory.passes.get(terms);
    let settled = pass.filter(|_| !terms.is_expired(round.now()));
    let quick = Quick::new(&round.view, terms);
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for key in index.holders(terms) {
        if settled.is_some_and(|pass| pass.settled.contains(key)) {
            continue;
        }
        let account = &round.mirror.accounts[key];
        let Some(profit) = account.position(terms).and_then(|slot| quick.profit(slot)) else {
            continue;
        };
        // The losses of accounts in liquidation wait: what an insolvent one lacks is its counterparties' first.
        let waits = account.in_liquidation() && !terms.is_expired(round.now());
        if profit >= minimum {
            winners.push((profit, *key));
        } else if profit <= -minimum && !waits {
            losers.push((profit, *key));
        }
    }
    winners.sort_unstable_by_key(|(profit, key)| (std::cmp::Reverse(*profit), *key));
    losers.sort_unstable();
    let claims = winners
        .iter()
        .fold(0i64, |sum, (profit, _)| sum.saturating_add(*profit));
    let pool = i64::try_from(market.settlement_pool).unwrap_or(i64::MAX);
    let mut missing = claims.saturating_sub(pool);
    // A settled market is only closed once nobody owes it anything.
    let all = terms.is_expired(round.now());
    let mut left_to_do = false;
    for (profit, key) in losers {
        if missing <= 0 && !all {
            break;
        }
        let offered = offer(round, &key, terms);
        if offered != Offered::Not {
            missing = missing.saturating_add(profit);
            left_to_do = true;
        }
    }
    // Out of what is there already: what losers pay now is the next round's.
    let mut left = pool;
    let losers_pay = left_to_do;
    for (profit, key) in winners {
        // Paid in one piece, as long as more is about to be paid in.
        if left < minimum || (losers_pay && left < profit) {
            break;
        }
        let offered = offer(round, &key, terms);
        if offered != Offered::Not {
            left = left.saturating_sub(profit);
            left_to_do = true;
        }
    }
    left_to_do
}

fn offer(round: &mut Round, key: &Pubkey, terms: &MarketTerms) -> Offered {
    let job = JobKey::SettlePnl(*key, *terms);
    let busy = round.memory.is_in_flight(&job) || round.is_claimed(key);
    if busy || round.taken.contains(key) {
        return Offered::Busy;
    }
    if !round.is_open(&job) {
        return Offered::Not;
    }
    let Some((instructions, amount)) = settle(round, key, terms) else {
        return Offered::Not;
    };
    round.serve(job, Class::Settling, instructions);
    // What winners get is no longer there; what losers pay in may not be there yet.
    if let Some(mut market) = round.market(terms).copied() {
        market.settlement_pool = market.settlement_pool.saturating_sub_signed(amount.max(0));
        round.changed_markets.insert(*terms, market);
    }
    Offered::Now
}

/// Collects an open market's fees out of what is left in its pool.
fn collect(round: &mut Round, terms: &MarketTerms) {
    let Some(market) = round.market(terms) else {
        return;
    };
    let collectable = market.fees.min(market.settlement_pool);
    let little = collectable < round.policy.collect_minimum.max(1);
    if little || market.status(round.now()) == MarketStatus::Closed {
        return;
    }
    if let Some(mint) = round.quote_mint() {
        let collect = instructions::collect_fees(&round.mirror.addresses, terms, &mint);
        round.serve(JobKey::CollectFees(*terms), Class::Tidying, vec![collect]);
    }
}

/// What a position's profit is reckoned with, worked out once per market.
struct Quick {
    /// Marks at the board's price and at the forward; `None` when lots cannot be settled now.
    marks: Option<[fixed::types::I80F48; 2]>,
    index: fixed::types::I80F48,
}

impl Quick {
    fn new(view: &View, terms: &MarketTerms) -> Self {
        let settles = !terms.is_option() && !terms.is_expired(view.now);
        let spot = view.fresh_mark(terms.underlying).ok();
        let mark = view.mark(terms).ok();
        let index = match terms.is_perpetual() {
            true => view.funding_index(terms.underlying).unwrap_or_default(),
            false => Default::default(),
        };
        Self {
            marks: spot
                .zip(mark)
                .filter(|_| settles)
                .map(|(spot, mark)| [spot, mark]),
            index,
        }
    }

    /// The profit that may move into cash: of a future what the board's price and its forward agree on; `None` when none may.
    fn profit(&self, position: &Position) -> Option<i64> {
        let mut position = *position;
        if position.terms.is_perpetual() {
            position.settle_funding(self.index).ok()?;
        }
        if position.base_lots == 0 {
            return Some(position.quote);
        }
        let [spot, mark] = self.marks?.map(|mark| {
            let value = signed_value_floor(position.base_lots, mark).ok()?;
            value.checked_add(position.quote)
        });
        let (spot, mark) = (spot?, mark?);
        Some(match (spot > 0, mark > 0) {
            (true, true) => spot.min(mark),
            (false, false) => spot.max(mark),
            _ => 0,
        })
    }
}

/// The instructions that settle an account's profit or loss in a market and what would move, quote units; `None` when the program would refuse.
pub(super) fn settle(
    round: &Round,
    key: &Pubkey,
    terms: &MarketTerms,
) -> Option<(Vec<Instruction>, i64)> {
    if round.is_paused(Pausable::SettlePnl) {
        return None;
    }
    let account = round.account(key)?;
    let amount = amount(&round.view, account, round.market(terms)?).ok()??;
    let mut instructions = round.accrue(QUOTE_ASSET)?;
    let mint = round.quote_mint()?;
    instructions.push(instructions::settle_pnl(
        &round.mirror.addresses,
        terms,
        &mint,
        key,
    ));
    Some((instructions, amount))
}

/// What `settle_pnl` would move into an account's cash, quote units; `None` when nothing.
fn amount(
    view: &View,
    account: &MarginAccount,
    market: &Market,
) -> Result<Option<i64>, StateError> {
    let Some(position) = account.position(&market.terms) else {
        return Ok(None);
    };
    let Some(profit) = Quick::new(view, &market.terms).profit(position) else {
        return Ok(None);
    };
    let pool = i64::try_from(market.settlement_pool).map_err(|_| StateError::Overflow)?;
    let settled = profit.min(pool);
    let cash = match account.balance(QUOTE_ASSET) {
        Some(balance) => ledger::amount(balance, view.board.indexes(QUOTE_ASSET)?)?,
        None => 0,
    };
    let short = settled < 0 && cash.saturating_add(settled) < 0 && position.base_lots != 0;
    if short && is_insolvent(view, account)? {
        let covered = -cash.max(0);
        return Ok((covered != 0).then_some(covered));
    }
    Ok((settled != 0).then_some(settled))
}

/// Whether an account has lost more than it had and its auction has not run to its end.
fn is_insolvent(view: &View, account: &MarginAccount) -> Result<bool, StateError> {
    let mut report = Report::boxed();
    view.assess(account, Purpose::ReduceRisk, &mut report)?;
    Ok(report.equity_mark < 0 && !account.auction_has_ended(&view.exchange.liquidation))
}
