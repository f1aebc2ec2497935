//! What an action is chosen from: the exchange as it is, who takes part, and the world outside.

use super::actors::Actors;
use super::snapshot::Snapshot;
use crate::{Venue, World};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{
    Bank, Board, Exchange, MarginAccount, Market, MarketTerms, Order, QUOTE_ASSET, ledger,
};
use oracle_stub::StubPrice;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// What a feed does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// A price now.
    Good,
    /// Nothing new.
    Silent,
    /// A price of which it is not sure.
    Wide,
    /// A price that is not verified, or of a feed that is not trading.
    Bad,
    /// A price of a minute or an hour ago.
    Late,
    /// A price from the future.
    Early,
    /// A price that is none.
    Negative,
}

/// Everything there is.
pub struct Floor {
    /// The exchange that is acted on, with the specifications of assets that may still be listed.
    pub home: Venue,
    /// Another exchange, where some of them have accounts too.
    pub away: Venue,
    /// Who takes part.
    pub actors: Actors,
    /// Who pays.
    pub payer: Pubkey,
    /// All accounts.
    pub books: Snapshot,
    /// Cluster time, unix seconds.
    pub now: i64,
    /// Slot.
    pub slot: u64,
    /// True prices, US dollars.
    pub prices: Vec<f64>,
    /// What the feeds do.
    pub oracles: Vec<Oracle>,
    /// How much the prices move in a year.
    pub volatility: f64,
}

/// An account with its address.
pub type Held<'a> = (Pubkey, &'a MarginAccount);

impl Floor {
    pub fn addresses(&self) -> &ballast_client::ExchangeAddresses {
        &self.home.addresses
    }

    pub fn exchange(&self) -> &Exchange {
        let exchange = self.books.get(&self.home.addresses.exchange);
        exchange.expect("an exchange is never closed")
    }

    pub fn board(&self) -> &Board {
        let board = self.books.get(&self.home.addresses.board);
        board.expect("a board is never closed")
    }

    pub fn view(&self) -> View<'_> {
        View {
            exchange: self.exchange(),
            board: self.board(),
            now: self.now,
        }
    }

    /// The traders' accounts of the exchange, without the insurance fund.
    pub fn accounts(&self) -> Vec<Held<'_>> {
        let fund = self.home.addresses.insurance_fund();
        let all = self.books.all::<MarginAccount>();
        all.filter(|(key, account)| {
            account.exchange == self.home.addresses.exchange && *key != fund
        })
        .collect()
    }

    /// One of them; half of the time one that holds something.
    pub fn any_account(&self, random: &mut ChaCha8Rng) -> Option<Held<'_>> {
        let accounts = self.accounts();
        let busy: Vec<Held> = accounts
            .iter()
            .filter(|(_, account)| !account.is_empty())
            .copied()
            .collect();
        let from = match random.random() {
            true if !busy.is_empty() => busy,
            _ => accounts,
        };
        from.choose(random).copied()
    }

    /// Who signs for an account: its owner, its delegate, seldom anybody.
    pub fn trader_of(&self, account: &MarginAccount, random: &mut ChaCha8Rng) -> Pubkey {
        let delegate = account.delegate;
        match random.random_range(0..20) {
            0 => self.actors.anybody(random),
            1..6 if delegate != Pubkey::default() => delegate,
            _ => account.owner,
        }
    }

    /// Who signs for what only the owner may do.
    pub fn owner_of(&self, account: &MarginAccount, random: &mut ChaCha8Rng) -> Pubkey {
        match random.random_range(0..20) {
            0 => self.actors.anybody(random),
            1 if account.delegate != Pubkey::default() => account.delegate,
            _ => account.owner,
        }
    }

    /// An authority; seldom anybody.
    pub fn authority(&self, authority: &Pubkey, random: &mut ChaCha8Rng) -> Pubkey {
        match random.random_ratio(1, 15) {
            true => self.actors.anybody(random),
            false => *authority,
        }
    }

    /// How many assets are listed, and how many underlyings.
    pub fn listed(&self) -> (usize, usize) {
        let exchange = self.exchange();
        (
            usize::from(exchange.asset_count),
            usize::from(exchange.underlying_count),
        )
    }

    /// The mint of a listed asset.
    pub fn mint(&self, asset: usize) -> Pubkey {
        self.exchange().assets[asset].mint
    }

    /// Any listed asset, half of the time the quote asset.
    pub fn any_asset(&self, random: &mut ChaCha8Rng) -> usize {
        match random.random_ratio(2, 5) {
            true => usize::from(QUOTE_ASSET),
            false => random.random_range(0..self.listed().0),
        }
    }

    pub fn bank(&self, asset: usize) -> &Bank {
        let bank = self.books.get(&self.home.addresses.bank(&self.mint(asset)));
        bank.expect("a bank is never closed")
    }

    /// Quote units per native unit of an asset; 0 without a price.
    pub fn price(&self, asset: usize) -> f64 {
        if asset == usize::from(QUOTE_ASSET) {
            return 1.0;
        }
        let feed = self.exchange().assets[asset].feed;
        self.board()
            .price(feed)
            .map_or(0.0, |entry| entry.price.get().to_num())
    }

    /// Native units worth so many dollars.
    pub fn native(&self, asset: usize, dollars: f64) -> u64 {
        let price = self.price(asset);
        let price = if price > 0.0 { price } else { 1.0 };
        (dollars * 1e6 / price) as u64
    }

    /// The tokens of a wallet.
    pub fn wallet(owner: &Pubkey, mint: &Pubkey) -> Pubkey {
        World::token_address(owner, mint)
    }

    /// What an account owns or owes of an asset, native units.
    pub fn owned(&self, account: &MarginAccount, asset: usize) -> i64 {
        let indexes = self.board().indexes(asset as u8);
        let balance = account.balance(asset as u8);
        indexes
            .ok()
            .zip(balance)
            .and_then(|(indexes, balance)| ledger::amount(balance, indexes).ok())
            .unwrap_or(0)
    }

    /// The markets of the exchange.
    pub fn markets(&self) -> Vec<&Market> {
        let all = self.books.all::<Market>();
        all.map(|(_, market)| market)
            .filter(|market| market.exchange == self.home.addresses.exchange)
            .collect()
    }

    /// Those that have an expiry.
    pub fn dated(&self) -> Vec<&Market> {
        let mut markets = self.markets();
        markets.retain(|market| !market.terms.is_perpetual());
        markets
    }

    /// A market, seldom an expired one.
    pub fn any_market(&self, random: &mut ChaCha8Rng) -> Option<&Market> {
        let expired_too = random.random_ratio(1, 12);
        let mut markets = self.markets();
        markets.retain(|market| expired_too || !market.terms.is_expired(self.now));
        markets.choose(random).copied()
    }

    /// Accounts with a position in a market.
    pub fn holders(&self, terms: &MarketTerms) -> Vec<Held<'_>> {
        let mut accounts = self.accounts();
        accounts.retain(|(_, account)| account.position(terms).is_some());
        accounts
    }

    /// Every resting order of a market with its account.
    pub fn resting(&self, terms: &MarketTerms) -> Vec<(Held<'_>, Order)> {
        let mut found = Vec::new();
        for held in self.accounts() {
            let orders = held.1.orders.iter();
            let live = orders.filter(|order| order.lots != 0 && order.terms == *terms);
            found.extend(live.map(|order| (held, *order)));
        }
        found
    }

    /// The margin figures of an account.
    pub fn assess(&self, account: &MarginAccount, purpose: Purpose) -> Option<Box<Report>> {
        let mut report = Report::boxed();
        let assessed = self.view().assess(account, purpose, &mut report);
        assessed.is_ok().then_some(report)
    }

    /// Equity of an account at the last prices, quote units.
    pub fn equity(&self, account: &MarginAccount) -> i64 {
        self.assess(account, Purpose::ReduceRisk)
            .map_or(0, |report| report.equity_mark)
    }

    /// Brings the interest of some assets up to now, mostly.
    pub fn accrue(&self, assets: &[usize], random: &mut ChaCha8Rng) -> Vec<Instruction> {
        if random.random_ratio(1, 12) {
            return vec![];
        }
        let accrue = |asset: &usize| {
            ballast_client::instructions::accrue_interest(self.addresses(), &self.mint(*asset))
        };
        assets.iter().map(accrue).collect()
    }

    /// What a feed would publish now; nothing when it is silent.
    pub fn publication(&self, index: usize, random: &mut ChaCha8Rng) -> Option<StubPrice> {
        let dollars = self.prices[index];
        let mantissa = (dollars * 1e8).round() as i64;
        let good = StubPrice {
            id: self.home.feed_id(index),
            price: mantissa,
            confidence: (dollars * 5e4).round() as u64,
            ema: mantissa,
            exponent: -8,
            publish_time: self.now,
            good: true,
        };
        Some(match self.oracles[index] {
            Oracle::Good => good,
            Oracle::Silent => return None,
            Oracle::Wide => StubPrice {
                confidence: (dollars * 1e8 * random.random_range(0.01..0.2)) as u64,
                ..good
            },
            Oracle::Bad => StubPrice {
                good: false,
                ..good
            },
            Oracle::Late => StubPrice {
                publish_time: self.now - (400f64.powf(random.random()) as i64),
                ..good
            },
            Oracle::Early => StubPrice {
                publish_time: self.now + random.random_range(1..400),
                ..good
            },
            Oracle::Negative => StubPrice {
                price: -mantissa * random.random_range(0..2),
                ..good
            },
        })
    }
}
