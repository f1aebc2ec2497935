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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Changed, Update};
    use ballast::oracle::OraclePrice;
    use ballast_state::{Bank, Board, Exchange, FeedKind, Market, MarketTerms, Tagged};
    use bytemuck::Zeroable;

    const NOW: i64 = 1_000_000;
    const MAX_AGE_S: i64 = 60;
    const TRADER: Pubkey = Pubkey::new_from_array([9; 32]);

    fn key(byte: u8) -> Pubkey {
        Pubkey::new_from_array([byte; 32])
    }

    fn data<T: Tagged>(account: &T) -> Vec<u8> {
        [T::TAG, bytemuck::bytes_of(account)].concat()
    }

    /// Three assets, each with a feed of its own and prices of now; the second is lent, and an underlying that has a fourth feed has a perpetual.
    fn mirror() -> Mirror {
        let mut exchange = Exchange::zeroed();
        (
            exchange.asset_count,
            exchange.underlying_count,
            exchange.feed_count,
        ) = (3, 1, 4);
        exchange.board = key(2);
        let mut board = Board::zeroed();
        for index in 0..4 {
            let feed = &mut exchange.feeds[index];
            feed.kind = FeedKind::PythPush as u8;
            feed.id = [40 + index as u8; 32];
            feed.max_age_s = MAX_AGE_S as u64;
            board.prices[index].publish_time = NOW;
        }
        for asset in 0..3 {
            exchange.assets[asset].mint = key(20 + asset as u8);
            exchange.assets[asset].feed = asset as u8;
        }
        exchange.assets[1].interest_rates_q32 = [1; 4];
        exchange.underlyings[0].feed = 3;
        let mut mirror = Mirror::new(&key(1), &data(&exchange), &data(&board)).unwrap();
        for asset in 0..3 {
            let mut bank = Bank::zeroed();
            (bank.exchange, bank.asset, bank.mint) = (key(1), asset, key(20 + asset));
            let address = mirror.addresses.bank(&bank.mint);
            assert_eq!(apply(&mut mirror, address, data(&bank)), Changed::Bank);
        }
        let mut market = Market::zeroed();
        (market.exchange, market.terms) = (key(1), MarketTerms::perpetual(0));
        let address = mirror.addresses.market(&market.terms);
        assert_eq!(apply(&mut mirror, address, data(&market)), Changed::Market);
        mirror
    }

    fn apply(mirror: &mut Mirror, key: Pubkey, data: Vec<u8>) -> Changed {
        mirror.apply(&Update { key, slot: 1, data })
    }

    fn point(feed: u8, publish_time: i64) -> PricePoint {
        PricePoint {
            account: key(40 + feed),
            price: OraclePrice {
                source: FeedKind::PythPush,
                id: [40 + feed; 32],
                price: 100,
                confidence: 0,
                ema: 100,
                exponent: 0,
                publish_time,
            },
        }
    }

    fn deposit(mirror: &Mirror, asset: u8) -> Instruction {
        let mint = mirror.mint(asset).unwrap();
        instructions::deposit(&mirror.addresses, &mint, &TRADER, &TRADER, &TRADER, 1)
    }

    #[test]
    fn interest_comes_before_what_passes_a_lent_bank_and_only_once() {
        let mirror = mirror();
        let accrue = instructions::accrue_interest(&mirror.addresses, &key(21));
        let lent = deposit(&mirror, 1);
        let prepared = prepare(&mirror, NOW, &[], std::slice::from_ref(&lent));
        assert_eq!(prepared, [accrue.clone(), lent.clone()]);
        let by_hand = [accrue, lent];
        assert_eq!(prepare(&mirror, NOW, &[], &by_hand), by_hand);
        let not_lent = [deposit(&mirror, 2)];
        assert_eq!(prepare(&mirror, NOW, &[], &not_lent), not_lent);
    }

    #[test]
    fn other_programs_instructions_need_nothing() {
        let mirror = mirror();
        let mut foreign = deposit(&mirror, 1);
        foreign.program_id = key(99);
        let prepared = prepare(&mirror, NOW, &[], std::slice::from_ref(&foreign));
        assert_eq!(prepared, [foreign]);
    }

    #[test]
    fn feeds_are_those_of_banks_markets_and_holdings() {
        let mut mirror = mirror();
        let of = |mirror: &Mirror, instruction| {
            let found = feeds(mirror, &[instruction]);
            found.into_iter().collect::<Vec<u8>>()
        };
        assert_eq!(of(&mirror, deposit(&mirror, 2)), [2]);
        let terms = MarketTerms::perpetual(0);
        let funding = instructions::update_funding(&mirror.addresses, terms.underlying);
        assert_eq!(of(&mirror, funding), [3]);
        // An account's cash, what it holds, and the asset that goes in.
        let mut account = MarginAccount::zeroed();
        account.exchange = key(1);
        account.balances[1].asset = 1;
        account.balances[1].shares = fixed::types::I80F48::ONE.into();
        account.positions[0].terms = terms;
        account.positions[0].base_lots = -1;
        apply(&mut mirror, TRADER, data(&account));
        assert_eq!(of(&mirror, deposit(&mirror, 2)), [0, 1, 2, 3]);
    }

    #[test]
    fn old_prices_are_refreshed_where_there_are_newer_ones() {
        let mirror = mirror();
        let wanted = [deposit(&mirror, 2)];
        let later = NOW + MAX_AGE_S / 4;
        let news = [point(1, NOW + 3), point(2, NOW + 1), point(2, NOW + 2)];
        // Young enough; then old, with and without news.
        assert_eq!(prepare(&mirror, later, &news, &wanted), wanted);
        let later = later + 1;
        let refresh = instructions::refresh_prices(&mirror.addresses, &[key(42)]);
        let expected = [refresh.clone(), wanted[0].clone()];
        assert_eq!(prepare(&mirror, later, &news, &wanted), expected);
        assert_eq!(prepare(&mirror, later, &[point(2, NOW)], &wanted), wanted);
        let by_hand = [refresh, wanted[0].clone()];
        assert_eq!(prepare(&mirror, later, &news, &by_hand), by_hand);
    }
}
