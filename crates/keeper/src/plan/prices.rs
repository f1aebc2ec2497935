//! Prices from Pyth accounts to the board.

use super::Round;
use crate::job::{Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use ballast_client::instructions;
use ballast_client::oracle::PricePoint;
use ballast_state::Pausable;

/// One transaction, or several where it would be too large, for all feeds whose price on the board is old or has moved.
pub(super) fn plan(round: &mut Round) {
    if round.is_paused(Pausable::RefreshPrices) {
        return;
    }
    let mut accounts: Vec<Pubkey> = (0..round.view.exchange.feed_count)
        .filter_map(|feed| news(round, feed))
        .map(|point| point.account)
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    let per_job = round.policy.prices_maximum.clamp(1, 24);
    for (part, accounts) in accounts.chunks(per_job).enumerate() {
        let key = JobKey::Prices(part as u8);
        if !round.is_open(&key) {
            continue;
        }
        let refresh = instructions::refresh_prices(&round.mirror.addresses, accounts);
        let value = -round.fee();
        round.add(Job {
            key,
            urgency: Class::Pricing.into(),
            instructions: vec![refresh],
            value,
            claims: Vec::new(),
            note: format!("{} accounts", accounts.len()),
        });
    }
}

/// The newest price of a feed, when the board is to have it.
fn news<'a>(round: &Round<'a>, index: u8) -> Option<&'a PricePoint> {
    let policy = round.policy;
    let feed = round.view.exchange.feed(index).ok()?;
    let entry = round.view.board.price(index).ok()?;
    let now = round.now();
    let points = round.prices.iter();
    let newest = points
        .filter(|point| point.is_news(feed, entry.publish_time, now))
        .max_by_key(|point| point.price.publish_time)?;
    if entry.publish_time <= 0 {
        return Some(newest);
    }
    let age = now.saturating_sub(entry.publish_time);
    let interval = i64::try_from(policy.price_interval_s).unwrap_or(i64::MAX);
    let price: f64 = newest.price.for_feed(feed, now).ok()?.price.to_num();
    let known: f64 = entry.price.get().to_num();
    let moved = (price / known - 1.0).abs() > policy.price_threshold;
    // Apart from its second source it is of no use to anybody, and a certain price may have followed an uncertain one.
    let doubted = entry.is_divergent(feed) || entry.confidence_ratio_q32 > feed.max_confidence_q32;
    (age >= interval.min(feed.age_max_s() / 2) || moved || doubted).then_some(newest)
}
