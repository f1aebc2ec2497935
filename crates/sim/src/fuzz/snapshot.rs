//! The bytes of everything that Ballast and the token program own.

use anchor_lang::prelude::Pubkey;
use anchor_spl::token::spl_token;
use ballast_client::state::{Tagged, view};
use litesvm::LiteSVM;
use solana_account::Account;
use std::collections::BTreeMap;
use std::rc::Rc;

/// All accounts at one moment. Copies share what has not changed.
#[derive(Clone, Default)]
pub struct Snapshot {
    accounts: BTreeMap<Pubkey, Rc<Account>>,
}

impl Snapshot {
    /// Reads everything.
    pub fn of(svm: &LiteSVM) -> Self {
        let programs = [ballast::ID, spl_token::ID];
        let accounts = programs
            .iter()
            .flat_map(|program| svm.get_program_accounts(program))
            .map(|(key, account)| (key, Rc::new(account)))
            .collect();
        Self { accounts }
    }

    /// Reads some accounts again, and returns those that are not what they were.
    pub fn refresh(&mut self, svm: &LiteSVM, keys: &[Pubkey]) -> Vec<Pubkey> {
        let mut changed = Vec::new();
        for key in keys {
            let own = |account: &Account| [ballast::ID, spl_token::ID].contains(&account.owner);
            let now = svm.get_account(key).filter(own);
            if self.accounts.get(key).map(|account| &**account) != now.as_ref() {
                changed.push(*key);
                match now {
                    Some(account) => self.accounts.insert(*key, Rc::new(account)),
                    None => self.accounts.remove(key),
                };
            }
        }
        changed
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Pubkey> {
        self.accounts.keys()
    }

    /// An account as it is.
    pub fn account(&self, key: &Pubkey) -> Option<&Account> {
        self.accounts.get(key).map(|account| &**account)
    }

    /// An account of Ballast.
    pub fn get<T: Tagged>(&self, key: &Pubkey) -> Option<&T> {
        self.account(key).and_then(typed)
    }

    /// Every account of one type.
    pub fn all<T: Tagged>(&self) -> impl Iterator<Item = (Pubkey, &T)> {
        let accounts = self.accounts.iter();
        accounts.filter_map(|(key, account)| Some((*key, typed(account)?)))
    }

    /// Balance of a token account; 0 when there is none.
    pub fn tokens(&self, key: &Pubkey) -> u64 {
        self.account(key)
            .filter(|account| account.owner == spl_token::ID)
            .and_then(|account| account.data.get(64..72)?.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    }

    /// Every token account of a mint with its balance.
    pub fn holders(&self, mint: &Pubkey) -> impl Iterator<Item = (Pubkey, u64)> {
        const TOKEN_ACCOUNT_LEN: usize = 165;
        self.accounts
            .iter()
            .filter(move |(_, account)| {
                account.owner == spl_token::ID
                    && account.data.len() == TOKEN_ACCOUNT_LEN
                    && account.data[..32] == mint.to_bytes()
            })
            .map(|(key, _)| (*key, self.tokens(key)))
    }
}

fn typed<T: Tagged>(account: &Account) -> Option<&T> {
    (account.owner == ballast::ID)
        .then(|| view(&account.data))
        .flatten()
}
