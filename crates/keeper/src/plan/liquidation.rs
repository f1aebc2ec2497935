//! Flags, slices and auctions that have to be watched.

use super::index::{Candidate, Index};
use super::slice::{self, Moved, Parties, Terms};
use super::{Round, fraction_q32, waterfall};
use crate::job::{Claim, Class, Job, JobKey, Urgency};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::units::from_q32;
use ballast_risk::Q32_ONE;
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, MarketTerms, Pausable, QUOTE_ASSET, StateError};

/// By how much more than what is needed the keeper lets a slice be, where its own margin allows: prices move until it lands.
const ROOM_Q32: u64 = Q32_ONE + Q32_ONE / 4;

/// How often a slice is halved until it fits the keeper's margin.
const HALVINGS: u32 = 7;

/// Flags those that are due, takes slices that pay, hands the insolvent without insurance on, and lets auctions see the rest.
pub(super) fn plan(round: &mut Round, index: &Index) {
    for candidate in &index.candidates {
        let key = &candidate.key;
        let Some(account) = round.account(key) else {
            continue;
        };
        let flagged = account.in_liquidation();
        if round.is_claimed(key) {
            continue;
        }
        if !flagged || candidate.recovered {
            flag(round, candidate, flagged);
            continue;
        }
        let progress = take_slice(round, candidate) || waterfall::plan(round, index, candidate);
        if !progress && is_unseen(round, candidate) {
            flag(round, candidate, true);
        }
    }
}

/// Flags an account, or lets its auction see it, which also takes the flag off again.
fn flag(round: &mut Round, candidate: &Candidate, flagged: bool) {
    if round.is_paused(Pausable::StartLiquidation) {
        return;
    }
    let (key, class) = match flagged {
        true => (JobKey::Observe(candidate.key), Class::Watching),
        false => (JobKey::Flag(candidate.key), Class::Liquidating),
    };
    if !round.is_open(&key) {
        return;
    }
    let start = instructions::start_liquidation(&round.mirror.addresses, &candidate.key);
    let value = -round.fee();
    round.taken.insert(candidate.key);
    round.add(Job {
        key,
        urgency: Urgency {
            class,
            ..candidate.urgency
        },
        instructions: vec![start],
        value,
        claims: vec![Claim::Account(candidate.key)],
        note: String::new(),
    });
}

/// Whether the auction's clock would lose time, or has to start again, unless it sees the account.
fn is_unseen(round: &Round, candidate: &Candidate) -> bool {
    let Some(account) = round.account(&candidate.key) else {
        return false;
    };
    if !candidate.is_due && account.auction_elapsed_s == 0 {
        return false;
    }
    let parameters = &round.view.exchange.liquidation;
    // Its price falls no further: somebody takes it, or it stays.
    if candidate.is_due && account.auction_has_ended(parameters) {
        return false;
    }
    if is_dust(round, candidate) {
        return false;
    }
    let gap_s = round.view.exchange.liquidation.observation_gap_max_s as f64;
    let unseen_s = round.now().saturating_sub(account.auction_seen_at);
    unseen_s as f64 >= (gap_s * round.policy.observation_part).max(1.0)
}

/// Whether a solvent account is too small to pay for being watched. It can do nobody harm before it is insolvent or has grown.
fn is_dust(round: &Round, candidate: &Candidate) -> bool {
    let size = candidate.equity_mark.max(candidate.margin);
    candidate.equity_mark >= 0 && size < round.policy.observation_minimum
}

/// An account that is worth less than this, quote units, gains nobody much.
const SMALL: i64 = 1_000_000;

/// What a slice of an account has to gain. A small one that never gains as much as the policy wants is taken for what watching it to the end would
/// cost, and once its auction has ended as soon as that covers its costs.
fn profit_minimum(round: &Round, candidate: &Candidate, account: &MarginAccount) -> i64 {
    let wanted = round.policy.profit_minimum;
    if !(0..SMALL).contains(&candidate.equity_mark) || is_dust(round, candidate) {
        return wanted;
    }
    let parameters = &round.view.exchange.liquidation;
    if account.auction_has_ended(parameters) {
        return wanted.min(0);
    }
    if candidate.equity_mark.saturating_sub(round.fee()) >= wanted {
        return wanted;
    }
    let left_s = parameters
        .premium_full_s
        .saturating_sub(account.auction_elapsed_s) as f64;
    let gap_s = parameters.observation_gap_max_s as f64 * round.policy.observation_part;
    let looks = (left_s / gap_s.max(1.0)).ceil() as i64;
    round
        .fee()
        .saturating_mul(looks)
        .saturating_neg()
        .min(wanted)
}

/// A slice that fits.
struct Fitting {
    fraction_q32: u64,
    moved: Moved,
    after: Parties,
    /// What the keeper gains after all costs, quote units.
    profit: i64,
}

/// Plans a slice when there is one that pays and that the keeper can carry.
fn take_slice(round: &mut Round, candidate: &Candidate) -> bool {
    let key = JobKey::Liquidate(candidate.key);
    let possible = round.scan.own.above_floor
        && round.is_open(&key)
        && !round.is_paused(Pausable::Liquidate)
        // What is in flight may change the keeper's own margin.
        && !round.is_claimed(&round.identity.margin_account);
    if !possible {
        return false;
    }
    let mut report = std::mem::replace(&mut round.report, Report::boxed());
    let job = slice_job(round, candidate, &mut report).ok().flatten();
    round.report = report;
    let Some((job, after)) = job else {
        return false;
    };
    let fund = round.view.exchange.insurance_fund;
    if !round.add(job) {
        return false;
    }
    let own = round.identity.margin_account;
    round.taken.insert(candidate.key);
    round.change(&candidate.key, after.account);
    round.change(&own, after.liquidator);
    round.change(&fund, after.fund);
    true
}

fn slice_job(
    round: &Round,
    candidate: &Candidate,
    report: &mut Report,
) -> Result<Option<(Job, Parties)>, StateError> {
    let view = &round.view;
    let (Some(account), Some(own), Some(fund)) = (
        round.account(&candidate.key),
        round.own(),
        round.account(&view.exchange.insurance_fund),
    ) else {
        return Ok(None);
    };
    // The owner may not buy it from himself.
    if [own.owner, round.identity.signer].contains(&account.owner) {
        return Ok(None);
    }
    let mut parties = Parties {
        account: account.boxed_copy(),
        liquidator: own.boxed_copy(),
        fund: fund.boxed_copy(),
    };
    let terms = slice::agree(view, &mut parties.account, &parties.fund, report)?;
    if terms.exhausted {
        return Ok(None);
    }
    let figures = report.clone();
    let most_q32 = fraction_q32(round.policy.slice_maximum);
    let least_q32 = fraction_q32(round.policy.slice_minimum);
    let wanted = profit_minimum(round, candidate, account);
    let mut tried = 0;
    for halvings in 0..HALVINGS {
        let wanted_q32 = terms.needed_q32.min(most_q32) >> halvings;
        let fraction = slice::in_whole_lots_q32(&parties.account, &figures, wanted_q32);
        let fraction = fraction.min(terms.needed_q32);
        let worth_it = wanted_q32 >= (terms.needed_q32 as f64 * from_q32(least_q32)) as u64;
        if !worth_it || fraction == 0 {
            break;
        }
        if fraction == tried {
            continue;
        }
        tried = fraction;
        report.clone_from(&figures);
        let Ok(Some(fitting)) = fit(round, &parties, &terms, fraction, report) else {
            continue;
        };
        if fitting.profit < wanted {
            // A smaller one gains less.
            break;
        }
        let fraction_max_q32 = with_room(round, &parties, &terms, &fitting, &figures, report);
        return job(round, candidate, &terms, fitting, fraction_max_q32, wanted).map(Some);
    }
    Ok(None)
}

/// How much the slice may grow until it lands: as far as the keeper's margin goes.
fn with_room(
    round: &Round,
    parties: &Parties,
    terms: &Terms,
    fitting: &Fitting,
    figures: &Report,
    report: &mut Report,
) -> u64 {
    let fraction = fitting.fraction_q32;
    if fraction < terms.needed_q32 {
        return fraction;
    }
    let roomy = ((u128::from(fraction) * u128::from(ROOM_Q32)) >> 32) as u64;
    let most_q32 = fraction_q32(round.policy.slice_maximum);
    let roomy = slice::in_whole_lots_q32(&parties.account, figures, roomy.min(most_q32));
    report.clone_from(figures);
    match fit(round, parties, terms, roomy, report) {
        Ok(Some(_)) => roomy,
        _ => fraction,
    }
}

/// Takes a fraction on copies; `None` when the program would refuse it, or it would leave the keeper below its floor.
fn fit(
    round: &Round,
    parties: &Parties,
    terms: &Terms,
    fraction: u64,
    report: &mut Report,
) -> Result<Option<Fitting>, StateError> {
    let view = &round.view;
    let mut after = parties.clone();
    let Some(moved) = slice::take(view, &mut after, terms, fraction, report)? else {
        return Ok(None);
    };
    view.assess(&after.liquidator, Purpose::TakeOver, report)?;
    if !round.is_above_floor(report) {
        return Ok(None);
    }
    // The gain at plain marks: in a liquidation uncertain prices count in the account's favour.
    view.assess(&after.liquidator, Purpose::ReduceRisk, report)?;
    let worth = report.equity_mark;
    view.assess(&parties.liquidator, Purpose::ReduceRisk, report)?;
    let gain = worth.saturating_sub(report.equity_mark);
    let profit = gain
        .saturating_sub(unwind_cost(round, &moved))
        .saturating_sub(round.fee());
    Ok(Some(Fitting {
        fraction_q32: fraction,
        moved,
        after,
        profit,
    }))
}

/// What it is estimated to cost to trade away what was taken.
fn unwind_cost(round: &Round, moved: &Moved) -> i64 {
    let policy = round.policy;
    let taker = |kind: usize| from_q32(round.view.exchange.fees[kind].taker_q32);
    let [tokens, options, others] = moved.sizes.map(|size| size as f64);
    let cost = tokens * policy.unwind_cost_token
        + options * policy.unwind_cost_option
        + others * (policy.unwind_cost + taker(0).max(taker(1)));
    cost.ceil() as i64
}

fn job(
    round: &Round,
    candidate: &Candidate,
    terms: &Terms,
    fitting: Fitting,
    fraction_max_q32: u64,
    wanted: i64,
) -> Result<(Job, Parties), StateError> {
    let addresses = &round.mirror.addresses;
    let own = round.identity.margin_account;
    let mut accruals = round.accrue(QUOTE_ASSET);
    let mut netting: Vec<Pubkey> = Vec::new();
    for asset in &fitting.moved.netted_assets {
        let mint = round.mirror.mint(*asset).ok_or(StateError::UnknownIndex)?;
        netting.push(addresses.bank(&mint));
        accruals = match (accruals, round.accrue(*asset)) {
            (Some(all), Some(one)) => Some([all, one].concat()),
            _ => None,
        };
    }
    let market = |terms: &MarketTerms| addresses.market(terms);
    netting.extend(fitting.moved.netted_markets.iter().map(market));
    let mut instructions = accruals.ok_or(StateError::BankRequired)?;
    let mint = round.quote_mint().ok_or(StateError::UnknownIndex)?;
    // The price at which the slice would still gain the least that the keeper wants.
    let spare = fitting.profit.saturating_sub(wanted);
    let spare = (spare as f64 / from_q32(fitting.fraction_q32)) as i64;
    instructions.push(instructions::liquidate(
        addresses,
        &mint,
        &candidate.key,
        &own,
        &round.identity.signer,
        &netting,
        LiquidateArgs {
            fraction_max_q32,
            price_max: terms.price.saturating_add(spare.max(0)),
        },
    ));
    let job = Job {
        key: JobKey::Liquidate(candidate.key),
        urgency: candidate.urgency,
        instructions,
        value: fitting.profit,
        claims: vec![Claim::Account(candidate.key), Claim::Account(own)],
        note: format!(
            "{:.2}% at {:.2} for the whole, gains {:.2}",
            from_q32(fitting.fraction_q32) * 100.0,
            terms.price as f64 / 1e6,
            fitting.profit as f64 / 1e6
        ),
    };
    Ok((job, fitting.after))
}
