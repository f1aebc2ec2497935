//! What comes after the insurance fund: counterparties in profit, then depositors.

use super::index::{Candidate, Index};
use super::slice::{self, part_ceil};
use super::{Round, pnl};
use crate::job::{Claim, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::instructions;
use ballast_risk::numbers::mul_q32_ceil;
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, MarketTerms, Pausable, QUOTE_ASSET, StateError, ledger};
use fixed::types::I80F48;

/// Counterparties of one position that are tried, at most.
const TRIES: usize = 64;
/// How often the lots of a counterparty are halved until he stands afterwards.
const HALVINGS: u32 = 3;

/// Plans the next step for an insolvent account without insurance: deleveraging; when nobody is left for that, turning losses into loans; then
/// writing these off. Returns whether there is one.
pub(super) fn plan(round: &mut Round, index: &Index, candidate: &Candidate) -> bool {
    if candidate.equity_mark >= 0 {
        return false;
    }
    let mut report = std::mem::replace(&mut round.report, Report::boxed());
    let progress = deficit(round, &candidate.key, &mut report).is_some()
        && (deleverage_all(round, index, candidate, &mut report)
            || settle_losses(round, candidate)
            || resolve(round, candidate, &mut report));
    round.report = report;
    if progress {
        round.taken.insert(candidate.key);
    }
    progress
}

/// What the account lacks once neither a taker nor the insurance fund bears it; `report` becomes its figures.
fn deficit(round: &Round, key: &Pubkey, report: &mut Report) -> Option<i64> {
    let view = &round.view;
    let account = round.account(key)?;
    let fund = round.account(&view.exchange.insurance_fund)?;
    view.assess(account, Purpose::Liquidate, report).ok()?;
    if !account.in_liquidation() || report.equity_mark >= 0 {
        return None;
    }
    let price = slice::price(view, account, report).ok()?;
    let available = slice::fund_cash(view, fund).ok()?;
    slice::is_exhausted(view, available, price.unsigned_abs())
        .then(|| report.equity_mark.saturating_neg())
}

fn add(
    round: &mut Round,
    candidate: &Candidate,
    key: JobKey,
    instructions: Vec<Instruction>,
    counterparty: Option<Pubkey>,
    note: String,
) -> bool {
    let value = -round.fee();
    let accounts = [Some(candidate.key), counterparty];
    round.add(Job {
        key,
        urgency: candidate.urgency,
        instructions,
        value,
        claims: accounts.into_iter().flatten().map(Claim::Account).collect(),
        note,
    })
}

/// Closes positions against the most profitable opposite ones, as many as the policy allows at once.
fn deleverage_all(
    round: &mut Round,
    index: &Index,
    candidate: &Candidate,
    report: &mut Report,
) -> bool {
    if round.is_paused(Pausable::AutoDeleverage) {
        return false;
    }
    let account = round.mirror.accounts.get(&candidate.key);
    let slots = account.map_or(&[][..], |account| &account.positions);
    let open = slots.iter().filter(|slot| slot.base_lots != 0);
    let mut planned = 0;
    for terms in open.map(|slot| slot.terms) {
        if terms.is_expired(round.now()) || round.view.fresh_mark(terms.underlying).is_err() {
            continue;
        }
        for counterparty in opposite(round, index, candidate, &terms) {
            if planned >= round.policy.deleverage_maximum {
                return true;
            }
            let key = JobKey::Deleverage(candidate.key, counterparty, terms);
            if !round.is_open(&key) || round.is_claimed(&counterparty) {
                continue;
            }
            let Some(closing) = close_against(round, candidate, &counterparty, &terms, report)
            else {
                continue;
            };
            let deleverage = instructions::auto_deleverage(
                &round.mirror.addresses,
                &terms,
                &candidate.key,
                &counterparty,
                closing.lots.unsigned_abs(),
            );
            let note = format!(
                "{} lots, {:.2} given up",
                closing.lots,
                closing.given_up as f64 / 1e6
            );
            if !add(
                round,
                candidate,
                key,
                vec![deleverage],
                Some(counterparty),
                note,
            ) {
                continue;
            }
            planned += 1;
            round.taken.insert(counterparty);
            let [account, other] = closing.after;
            let recovered = !account.in_liquidation();
            let left = account.lots(&terms);
            round.change(&candidate.key, account);
            round.change(&counterparty, other);
            if recovered {
                return true;
            }
            if left == 0 {
                break;
            }
        }
    }
    planned > 0
}

/// Accounts with an opposite position, the most profitable first by the plain mark.
fn opposite(
    round: &Round,
    index: &Index,
    candidate: &Candidate,
    terms: &MarketTerms,
) -> Vec<Pubkey> {
    let Some(account) = round.account(&candidate.key) else {
        return Vec::new();
    };
    let side = account.lots(terms).signum();
    let ended = account.auction_has_ended(&round.view.exchange.liquidation);
    let mark = round.view.mark(terms).map_or(0.0, I80F48::to_num::<f64>);
    let profit = |key: &Pubkey| {
        let other = round.account(key)?;
        let position = other.position(terms)?;
        let fits = position.base_lots.signum() == -side
            && *key != candidate.key
            && !other.in_liquidation()
            && round.permits(key);
        let profit = position.base_lots as f64 * mark + position.quote as f64;
        (fits && (profit > 0.0 || ended)).then_some((profit, *key))
    };
    let mut found: Vec<(f64, Pubkey)> = index.holders(terms).iter().filter_map(profit).collect();
    found.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    found.truncate(TRIES);
    found.into_iter().map(|(_, key)| key).collect()
}

/// Two positions closed against each other, on copies.
struct Closing {
    /// Of the insolvent account, signed.
    lots: i64,
    given_up: i64,
    after: [Box<MarginAccount>; 2],
}

/// As many lots as the counterparty can bear; `None` when there are none.
fn close_against(
    round: &Round,
    candidate: &Candidate,
    counterparty: &Pubkey,
    terms: &MarketTerms,
    report: &mut Report,
) -> Option<Closing> {
    let account = round.account(&candidate.key)?;
    let other = round.account(counterparty)?;
    let lots = account.lots(terms).unsigned_abs();
    let lots = lots.min(other.lots(terms).unsigned_abs());
    let mut tried = 0;
    for halvings in 0..=HALVINGS {
        let lots = lots >> halvings;
        if lots == 0 || lots == tried {
            break;
        }
        tried = lots;
        if let Ok(Some(closing)) = close_lots(round, candidate, other, terms, lots, report) {
            return Some(closing);
        }
    }
    None
}

fn close_lots(
    round: &Round,
    candidate: &Candidate,
    other: &MarginAccount,
    terms: &MarketTerms,
    lots: u64,
    report: &mut Report,
) -> Result<Option<Closing>, StateError> {
    let view = &round.view;
    let Some(account) = round.account(&candidate.key) else {
        return Ok(None);
    };
    let Some(deficit) = deficit(round, &candidate.key, report) else {
        return Ok(None);
    };
    let Some((held, lots_value, _)) = valued(account, report, terms) else {
        return Ok(None);
    };
    let values = report.positions().iter();
    let all = values.fold(0i64, |sum, valued| {
        sum.saturating_add(valued.value.saturating_abs())
    });
    view.assess(other, Purpose::ReduceRisk, report)?;
    let before = report.risk_mark();
    let Some((opposite, _, profit)) = valued(other, report, terms) else {
        return Ok(None);
    };
    let lots = i64::try_from(lots).map_err(|_| StateError::Overflow)? * held.signum();
    let value = part_ceil(lots_value, lots, held)?;
    let share = part_ceil(deficit, value.saturating_abs(), all)?.min(deficit);
    let profit = -part_ceil(-profit, lots, opposite)?;
    let covers = profit > 0 && profit >= share;
    if !covers && !account.auction_has_ended(&view.exchange.liquidation) {
        return Ok(None);
    }
    let given_up = share.min(profit).max(0);
    let paid = value.checked_add(given_up).ok_or(StateError::Overflow)?;
    let mut after = [account.boxed_copy(), other.boxed_copy()];
    for (account, sign) in after.iter_mut().zip([-1, 1]) {
        let position = account.position_mut(terms)?;
        view.settle_funding(position)?;
        position.change(sign * lots, -sign * paid)?;
    }
    view.assess(&after[1], Purpose::ReduceRisk, report)?;
    if report.is_liquidatable() && !report.risk_mark().is_no_riskier_than(&before) {
        return Ok(None);
    }
    if view.has_recovered(&after[0], report) {
        after[0].end_liquidation();
    }
    Ok(Some(Closing {
        lots,
        given_up,
        after,
    }))
}

/// Lots of an account in a market, their value at the mark, and the position's profit, from its report.
fn valued(
    account: &MarginAccount,
    report: &Report,
    terms: &MarketTerms,
) -> Option<(i64, i64, i64)> {
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    let (position, valued) = positions
        .zip(report.positions())
        .find(|(position, _)| position.terms == *terms && position.base_lots != 0)?;
    Some((position.base_lots, valued.value, valued.profit))
}

/// Turns losses of closed positions into loans, and in the end those of open ones; profits into cash as far as the pools hold it.
fn settle_losses(round: &mut Round, candidate: &Candidate) -> bool {
    let Some(account) = round.account(&candidate.key) else {
        return false;
    };
    let ended = account.auction_has_ended(&round.view.exchange.liquidation);
    let slots = account.positions.iter();
    let settles: Vec<MarketTerms> = slots
        .filter(|slot| !slot.is_free() && (slot.base_lots == 0 || ended))
        .map(|slot| slot.terms)
        .collect();
    let mut planned = false;
    for terms in settles {
        let key = JobKey::SettleLoss(candidate.key, terms);
        if !round.is_open(&key) {
            continue;
        }
        if let Some((instructions, amount)) = pnl::settle(round, &candidate.key, &terms) {
            let note = format!("{:.2}", amount as f64 / 1e6);
            planned |= add(round, candidate, key, instructions, None, note);
        }
    }
    planned
}

/// Has a loan written off, that of the quote asset first.
fn resolve(round: &mut Round, candidate: &Candidate, report: &mut Report) -> bool {
    if round.is_paused(Pausable::ResolveBankruptcy) {
        return false;
    }
    let parameters = &round.view.exchange.liquidation;
    let Some(account) = round.account(&candidate.key) else {
        return false;
    };
    let is_open = account.positions.iter().any(|slot| slot.base_lots != 0);
    let waits = account.auction_elapsed_s < parameters.first_s
        || (is_open && !account.auction_has_ended(parameters));
    if waits {
        return false;
    }
    let loans = account.balances.iter();
    let mut owed: Vec<u8> = loans
        .filter(|balance| balance.shares.get() < 0)
        .map(|balance| balance.asset)
        .collect();
    owed.sort_unstable_by_key(|asset| (*asset != QUOTE_ASSET, *asset));
    for asset in owed {
        let key = JobKey::Resolve(candidate.key, asset);
        let Some(mint) = round.mirror.mint(asset) else {
            continue;
        };
        let possible = round.is_open(&key);
        let written_off = write_off(round, candidate, asset, report).unwrap_or(0);
        let (true, 1.., Some(mut instructions)) = (possible, written_off, round.accrue(asset))
        else {
            continue;
        };
        instructions.push(instructions::resolve_bankruptcy(
            &round.mirror.addresses,
            &mint,
            &candidate.key,
        ));
        let note = format!("{written_off} native units");
        if add(round, candidate, key, instructions, None, note) {
            return true;
        }
    }
    false
}

/// Native units that would be written off.
fn write_off(
    round: &Round,
    candidate: &Candidate,
    asset: u8,
    report: &mut Report,
) -> Result<u64, StateError> {
    let view = &round.view;
    let parameters = &view.exchange.liquidation;
    let (Some(account), Some(bank), Some(deficit)) = (
        round.account(&candidate.key),
        round.mirror.banks.get(&asset),
        deficit(round, &candidate.key, report),
    ) else {
        return Ok(0);
    };
    let premium = mul_q32_ceil(report.maintenance_margin, parameters.premium_q32)?;
    let missing = deficit.checked_add(premium).ok_or(StateError::Overflow)?;
    let amount = ledger::native_ceil(missing, view.liquidation_price(asset, false)?)?;
    let mut bank = *bank;
    let mut indexes = *view.board.indexes(asset)?;
    let mut account = account.boxed_copy();
    bank.write_off(
        account.balance_mut(asset)?,
        &mut indexes,
        amount,
        parameters.loss_maximum_q32,
        view.now,
    )
}
