//! What must stand before an instruction for it to go through: fresh prices and interest accrued up to now.

use crate::oracle::PricePoint;
use crate::{Mirror, instructions};
use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::instruction;
use ballast_state::{MarginAccount, NONE, QUOTE_ASSET};
use std::collections::BTreeSet;

/// A price on the board is refreshed when more than this part of the age that its feed allows has passed.
const REFRESH_PART: i64 = 4;

/// Puts before `instructions` what they need at `now` (unix seconds): `accrue_interest` for every bank that they pass, and one `refresh_prices` for
/// the feeds that the margin accounts and markets among their accounts depend on and that are old on the board while `prices` has
/// newer ones. What the caller has put there himself is not put there twice.
pub fn prepare(
    mirror: &Mirror,
    now: i64,
    prices: &[PricePoint],
    instructions: &[Instruction],
) -> Vec<Instruction> {
    let own = |instruction: &&Instruction| instruction.program_id == ballast::ID;
    let has = |discriminator: &[u8], key: &Pubkey| {
        instructions.iter().filter(own).any(|instruction| {
            instruction.data.starts_with(discriminator)
                && instruction.accounts.iter().any(|meta| meta.pubkey == *key)
        })
    };
    let mut prepared = Vec::new();
    let accounts = refreshing(mirror, now, prices, instructions);
    let refreshes = has(
        instruction::RefreshPrices::DISCRIMINATOR,
        &mirror.addresses.board,
    );
    if !accounts.is_empty() && !refreshes {
        prepared.push(instructions::refresh_prices(&mirror.addresses, &accounts));
    }
    for asset in lent_assets(mirror, instructions) {
        let bank = &mirror.banks[&asset];
        if has(
            instruction::AccrueInterest::DISCRIMINATOR,
            &mirror.addresses.bank(&bank.mint),
        ) {
            continue;
        }
        prepared.push(instructions::accrue_interest(&mirror.addresses, &bank.mint));
    }
    prepared.extend_from_slice(instructions);
    prepared
}

/// Feeds whose prices decide over what these instructions do.
pub fn feeds(mirror: &Mirror, instructions: &[Instruction]) -> BTreeSet<u8> {
    let exchange = &mirror.exchange;
    let mut feeds = BTreeSet::new();
    let add_asset = |feeds: &mut BTreeSet<u8>, asset: u8| {
        if let Ok(listed) = exchange.asset(asset) {
            feeds.insert(listed.feed);
        }
    };
    let add_underlying = |feeds: &mut BTreeSet<u8>, underlying: u8| {
        if let Ok(listed) = exchange.underlying(underlying) {
            feeds.insert(listed.feed);
        }
    };
    for key in keys(instructions) {
        if let Some(account) = mirror.accounts.get(key) {
            add_asset(&mut feeds, QUOTE_ASSET);
            for_each_holding(account, |asset, underlying| {
                asset.inspect(|asset| add_asset(&mut feeds, *asset));
                underlying.inspect(|underlying| add_underlying(&mut feeds, *underlying));
            });
        } else if let Some(asset) = mirror.asset_of_bank(key) {
            add_asset(&mut feeds, asset);
        } else if let Some(terms) = mirror.terms_of_market(key) {
            add_underlying(&mut feeds, terms.underlying);
        }
    }
    feeds.remove(&NONE);
    feeds
}

fn for_each_holding(account: &MarginAccount, mut visit: impl FnMut(Option<u8>, Option<u8>)) {
    for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
        visit(Some(balance.asset), None);
    }
    for position in account.positions.iter().filter(|slot| !slot.is_free()) {
        visit(None, Some(position.terms.underlying));
    }
}

/// The price accounts to refresh.
fn refreshing(
    mirror: &Mirror,
    now: i64,
    prices: &[PricePoint],
    instructions: &[Instruction],
) -> Vec<Pubkey> {
    let mut accounts = Vec::new();
    for index in feeds(mirror, instructions) {
        let (Ok(feed), Ok(entry)) = (mirror.exchange.feed(index), mirror.board.price(index)) else {
            continue;
        };
        if now.saturating_sub(entry.publish_time) <= feed.age_max_s() / REFRESH_PART {
            continue;
        }
        let news = prices
            .iter()
            .filter(|point| point.is_news(feed, entry.publish_time, now));
        if let Some(newest) = news.max_by_key(|point| point.price.publish_time)
            && !accounts.contains(&newest.account)
        {
            accounts.push(newest.account);
        }
    }
    accounts
}

/// Assets that bear interest and whose banks the instructions pass.
fn lent_assets(mirror: &Mirror, instructions: &[Instruction]) -> BTreeSet<u8> {
    let passed = keys(instructions).filter_map(|key| mirror.asset_of_bank(key));
    passed
        .filter(|asset| {
            let listed = mirror.exchange.asset(*asset);
            listed.is_ok_and(|listed| listed.interest_rates_q32 != [0; 4])
        })
        .collect()
}

/// Every account that an instruction of Ballast passes.
fn keys(instructions: &[Instruction]) -> impl Iterator<Item = &Pubkey> {
    instructions
        .iter()
        .filter(|instruction| instruction.program_id == ballast::ID)
        .flat_map(|instruction| instruction.accounts.iter().map(|meta| &meta.pubkey))
}
