//! A copy of an exchange's accounts, kept up to date by whatever brings accounts: snapshots, subscriptions, an embedded VM.

use crate::{ExchangeAddresses, read_account};
use anchor_lang::prelude::Pubkey;
use ballast_state::health::View;
use ballast_state::{Bank, Board, Exchange, MarginAccount, Market, MarketTerms};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One account of the program as it was at a slot.
#[derive(Clone, Debug)]
pub struct Update {
    /// Its address.
    pub key: Pubkey,
    /// The slot at which it was read.
    pub slot: u64,
    /// Its data; empty when it does not exist any more.
    pub data: Vec<u8>,
}

/// What an update was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The configuration.
    Exchange,
    /// Prices, surfaces, indexes.
    Board,
    /// A bank.
    Bank,
    /// A market.
    Market,
    /// A margin account.
    MarginAccount,
    /// Nothing: it is older than what is known, the same, or of another exchange.
    Nothing,
}

/// The accounts of one exchange.
#[derive(Clone)]
pub struct Mirror {
    /// Where they are.
    pub addresses: ExchangeAddresses,
    /// Configuration.
    pub exchange: Box<Exchange>,
    /// Prices, surfaces, indexes.
    pub board: Box<Board>,
    /// Banks, by asset.
    pub banks: BTreeMap<u8, Bank>,
    /// Markets, by terms.
    pub markets: BTreeMap<MarketTerms, Market>,
    /// Margin accounts, the insurance fund among them, by address.
    pub accounts: HashMap<Pubkey, Box<MarginAccount>>,
    /// At which slot each of them was read last, those that were closed included.
    slots: HashMap<Pubkey, u64>,
    /// What has an address and no key of its own.
    named: HashMap<Pubkey, Name>,
}

#[derive(Clone, Copy)]
enum Name {
    Bank(u8),
    Market(MarketTerms),
}

impl Mirror {
    /// Starts with the two accounts without which nothing can be said. `None` when their data are not those of an exchange and its board.
    pub fn new(key: &Pubkey, exchange: &[u8], board: &[u8]) -> Option<Self> {
        let exchange = read_account::<Exchange>(exchange)?;
        Some(Self {
            addresses: ExchangeAddresses {
                exchange: *key,
                board: exchange.board,
            },
            exchange,
            board: read_account(board)?,
            banks: BTreeMap::new(),
            markets: BTreeMap::new(),
            accounts: HashMap::new(),
            slots: HashMap::new(),
            named: HashMap::new(),
        })
    }

    /// Everything that health needs, at a time in unix seconds.
    pub fn view(&self, now: i64) -> View<'_> {
        View {
            exchange: &self.exchange,
            board: &self.board,
            now,
        }
    }

    /// The mint of an asset.
    pub fn mint(&self, asset: u8) -> Option<Pubkey> {
        self.exchange.asset(asset).ok().map(|listed| listed.mint)
    }

    /// The asset whose bank is at an address.
    pub fn asset_of_bank(&self, key: &Pubkey) -> Option<u8> {
        match self.named.get(key)? {
            Name::Bank(asset) => Some(*asset),
            Name::Market(_) => None,
        }
    }

    /// The terms of the market at an address.
    pub fn terms_of_market(&self, key: &Pubkey) -> Option<MarketTerms> {
        match self.named.get(key)? {
            Name::Market(terms) => Some(*terms),
            Name::Bank(_) => None,
        }
    }

    /// The slot at which an account was read last.
    pub fn slot(&self, key: &Pubkey) -> Option<u64> {
        self.slots.get(key).copied()
    }

    /// Takes an account in, unless it is older than what is known.
    pub fn apply(&mut self, update: &Update) -> Changed {
        let Update { key, slot, data } = update;
        if self.slots.get(key).is_some_and(|known| known > slot) {
            return Changed::Nothing;
        }
        let changed = if data.is_empty() {
            self.forget(key)
        } else {
            self.read(key, data)
        };
        if changed != Changed::Nothing {
            self.slots.insert(*key, *slot);
        }
        changed
    }

    /// Takes a complete reading in: what is not in it and was not read later does not exist any more.
    pub fn apply_snapshot(&mut self, slot: u64, updates: &[Update]) {
        let seen: HashSet<&Pubkey> = updates.iter().map(|update| &update.key).collect();
        for update in updates {
            self.apply(update);
        }
        let known = self.accounts.keys().chain(self.named.keys());
        let gone: Vec<Pubkey> = known
            .filter(|key| !seen.contains(key) && self.slot(key).is_none_or(|read| read <= slot))
            .copied()
            .collect();
        for key in gone {
            self.forget(&key);
            self.slots.insert(key, slot);
        }
    }

    fn read(&mut self, key: &Pubkey, data: &[u8]) -> Changed {
        let Self { addresses, .. } = *self;
        let tag = data.get(..8);
        if *key == addresses.exchange {
            return replace(&mut self.exchange, read_account(data), Changed::Exchange);
        }
        if *key == addresses.board {
            return replace(&mut self.board, read_account(data), Changed::Board);
        }
        if tag == Some(MarginAccount::TAG) {
            let account = read_account::<MarginAccount>(data);
            let Some(account) = account.filter(|account| account.exchange == addresses.exchange)
            else {
                return Changed::Nothing;
            };
            self.accounts.insert(*key, account);
            return Changed::MarginAccount;
        }
        if tag == Some(Market::TAG) {
            let market = read_account::<Market>(data);
            let Some(market) = market.filter(|market| market.exchange == addresses.exchange) else {
                return Changed::Nothing;
            };
            self.named.insert(*key, Name::Market(market.terms));
            self.markets.insert(market.terms, *market);
            return Changed::Market;
        }
        let bank = read_account::<Bank>(data);
        match bank.filter(|bank| bank.exchange == addresses.exchange) {
            Some(bank) => {
                self.named.insert(*key, Name::Bank(bank.asset));
                self.banks.insert(bank.asset, *bank);
                Changed::Bank
            }
            None => Changed::Nothing,
        }
    }

    fn forget(&mut self, key: &Pubkey) -> Changed {
        if self.accounts.remove(key).is_some() {
            return Changed::MarginAccount;
        }
        match self.named.remove(key) {
            Some(Name::Bank(asset)) => {
                self.banks.remove(&asset);
                Changed::Bank
            }
            Some(Name::Market(terms)) => {
                self.markets.remove(&terms);
                Changed::Market
            }
            None => Changed::Nothing,
        }
    }
}

fn replace<T>(held: &mut Box<T>, read: Option<Box<T>>, changed: Changed) -> Changed {
    match read {
        Some(read) => {
            *held = read;
            changed
        }
        None => Changed::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_state::Tagged;
    use bytemuck::Zeroable;

    const EXCHANGE: Pubkey = Pubkey::new_from_array([1; 32]);
    const BOARD: Pubkey = Pubkey::new_from_array([2; 32]);
    const ACCOUNT: Pubkey = Pubkey::new_from_array([3; 32]);

    fn data<T: Tagged>(account: &T) -> Vec<u8> {
        [T::TAG, bytemuck::bytes_of(account)].concat()
    }

    fn mirror() -> Mirror {
        let mut exchange = Exchange::zeroed();
        exchange.board = BOARD;
        Mirror::new(&EXCHANGE, &data(&exchange), &data(&Board::zeroed())).unwrap()
    }

    fn account(sub_account: u16, exchange: Pubkey) -> Vec<u8> {
        let mut account = MarginAccount::zeroed();
        account.exchange = exchange;
        account.sub_account = sub_account;
        data(&account)
    }

    fn update(key: Pubkey, slot: u64, data: Vec<u8>) -> Update {
        Update { key, slot, data }
    }

    #[test]
    fn older_readings_and_other_exchanges_change_nothing() {
        let mut mirror = mirror();
        let changed = mirror.apply(&update(ACCOUNT, 10, account(7, EXCHANGE)));
        assert_eq!(changed, Changed::MarginAccount);
        let changed = mirror.apply(&update(ACCOUNT, 9, account(6, EXCHANGE)));
        assert_eq!(changed, Changed::Nothing);
        assert_eq!(mirror.accounts[&ACCOUNT].sub_account, 7);
        let other = update(BOARD, 11, account(5, EXCHANGE));
        assert_eq!(mirror.apply(&other), Changed::Nothing);
        let other = update(Pubkey::default(), 11, account(5, BOARD));
        assert_eq!(mirror.apply(&other), Changed::Nothing);
        // Closed at slot 12: what was read at 11 does not bring it back.
        let closed = update(ACCOUNT, 12, Vec::new());
        assert_eq!(mirror.apply(&closed), Changed::MarginAccount);
        mirror.apply(&update(ACCOUNT, 11, account(7, EXCHANGE)));
        assert!(mirror.accounts.is_empty());
    }

    #[test]
    fn snapshots_heal_what_was_missed() {
        let mut mirror = mirror();
        let [kept, gone, newer] = [4, 5, 6].map(|byte| Pubkey::new_from_array([byte; 32]));
        for key in [kept, gone] {
            mirror.apply(&update(key, 10, account(0, EXCHANGE)));
        }
        mirror.apply(&update(newer, 30, account(0, EXCHANGE)));
        let mut market = Market::zeroed();
        market.exchange = EXCHANGE;
        market.terms = MarketTerms::perpetual(3);
        mirror.apply(&update(ACCOUNT, 10, data(&market)));
        assert_eq!(mirror.markets.len(), 1);
        mirror.apply_snapshot(20, &[update(kept, 20, account(9, EXCHANGE))]);
        assert_eq!(mirror.accounts[&kept].sub_account, 9);
        assert!(!mirror.accounts.contains_key(&gone) && mirror.accounts.contains_key(&newer));
        assert!(mirror.markets.is_empty());
    }

    #[test]
    fn banks_and_markets_are_known_by_their_addresses() {
        let mut mirror = mirror();
        let [bank_key, market_key] = [4, 5].map(|byte| Pubkey::new_from_array([byte; 32]));
        let (mut bank, mut market) = (Bank::zeroed(), Market::zeroed());
        (bank.exchange, bank.asset) = (EXCHANGE, 2);
        (market.exchange, market.terms) = (EXCHANGE, MarketTerms::perpetual(3));
        mirror.apply(&update(bank_key, 1, data(&bank)));
        mirror.apply(&update(market_key, 1, data(&market)));
        assert_eq!(mirror.asset_of_bank(&bank_key), Some(2));
        assert_eq!(mirror.asset_of_bank(&market_key), None);
        assert_eq!(mirror.terms_of_market(&market_key), Some(market.terms));
        assert_eq!(mirror.terms_of_market(&bank_key), None);
        // Those of other exchanges are not taken in.
        (bank.exchange, market.exchange) = (BOARD, BOARD);
        for other in [data(&bank), data(&market)] {
            assert_eq!(mirror.apply(&update(ACCOUNT, 2, other)), Changed::Nothing);
        }
        let gone = |key| update(key, 3, Vec::new());
        assert_eq!(mirror.apply(&gone(bank_key)), Changed::Bank);
        assert_eq!(mirror.apply(&gone(market_key)), Changed::Market);
        assert_eq!(mirror.apply(&gone(market_key)), Changed::Nothing);
        assert!(mirror.banks.is_empty() && mirror.markets.is_empty());
    }
}
