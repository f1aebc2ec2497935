//! Everything there is on a scene that could be put in the place of something else.

use anchor_lang::prelude::Pubkey;
use ballast_client::state::{Bank, Board, Exchange, MarginAccount, Market, MarketKind};
use ballast_client::{ExchangeAddresses, read_account};
use ballast_sim::Venue;
use ballast_tests::Stage;
use ballast_tests::catalogue::{Person, Scene};
use solana_account::Account;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Exchange,
    Board,
    Bank,
    Market,
    MarginAccount,
    /// The program's, but nothing is written in it yet.
    Empty,
    Mint,
    Tokens,
    Price,
    Program,
    Wallet,
    Nothing,
}

impl Kind {
    /// Every kind that may be tried where another one belongs.
    pub const ALL: [Self; 11] = [
        Self::Exchange,
        Self::Board,
        Self::Bank,
        Self::Market,
        Self::MarginAccount,
        Self::Mint,
        Self::Tokens,
        Self::Price,
        Self::Program,
        Self::Wallet,
        Self::Nothing,
    ];

    /// What is at an address.
    pub fn of(stage: &Stage, key: &Pubkey) -> Self {
        const MINT_LEN: usize = 82;
        let Some(account) = stage.world.svm.get_account(key) else {
            return Self::Nothing;
        };
        if account.executable {
            return Self::Program;
        }
        if account.owner == ballast::ID {
            return Self::of_program(&account.data);
        }
        if account.owner == anchor_spl::token::ID {
            return if account.data.len() == MINT_LEN {
                Self::Mint
            } else {
                Self::Tokens
            };
        }
        match account.data.len() {
            0 => Self::Wallet,
            _ => Self::Price,
        }
    }

    fn of_program(data: &[u8]) -> Self {
        let tags = [
            (Exchange::TAG, Self::Exchange),
            (Board::TAG, Self::Board),
            (Bank::TAG, Self::Bank),
            (Market::TAG, Self::Market),
            (MarginAccount::TAG, Self::MarginAccount),
        ];
        let found = tags.iter().find(|(tag, _)| data.starts_with(tag));
        found.map_or(Self::Empty, |(_, kind)| *kind)
    }

    /// Whether the program loads it by its tag.
    pub fn is_tagged(self) -> bool {
        self <= Self::MarginAccount
    }

    /// Whether the program owns it.
    pub fn is_of_program(self) -> bool {
        self <= Self::Empty
    }

    /// Whether it is the token program's.
    pub fn is_token(self) -> bool {
        matches!(self, Self::Mint | Self::Tokens)
    }
}

/// An account with a name.
#[derive(Clone, Debug)]
pub struct Known {
    pub key: Pubkey,
    pub kind: Kind,
    pub name: String,
    /// Of the exchange that is called, not of the other one.
    pub here: bool,
}

/// All accounts of a scene that have a name.
pub struct Crowd {
    pub all: Vec<Known>,
    keys: Vec<Keypair>,
}

impl Crowd {
    pub fn of(scene: &Scene) -> Self {
        let mut crowd = Self {
            all: Vec::new(),
            keys: Person::ALL.map(Person::key).into(),
        };
        for person in Person::ALL {
            crowd.add(scene, person.key().pubkey(), person.name(), true);
        }
        let admin = &scene.stage.venue.admin;
        crowd.keys.push(admin.insecure_clone());
        crowd.add(scene, admin.pubkey(), "admin".into(), true);
        for (venue, here) in [(&scene.stage.venue, true), (&scene.other, false)] {
            crowd.add_exchange(scene, venue, here);
        }
        // In the order of names: addresses would shuffle them.
        crowd
            .all
            .sort_by(|a, b| (!a.here, &a.name).cmp(&(!b.here, &b.name)));
        let programs = [
            ("system program", anchor_lang::system_program::ID),
            ("token program", anchor_spl::token::ID),
            ("Token-2022", anchor_spl::token_2022::ID),
            ("Ballast", ballast::ID),
        ];
        for (name, key) in programs {
            crowd.add(scene, key, name.into(), true);
        }
        crowd
    }

    fn add(&mut self, scene: &Scene, key: Pubkey, name: String, here: bool) {
        self.all.push(Known {
            key,
            kind: Kind::of(&scene.stage, &key),
            name,
            here,
        });
    }

    fn add_exchange(&mut self, scene: &Scene, venue: &Venue, here: bool) {
        let addresses = &venue.addresses;
        let token = |mint: &Pubkey| {
            let index = venue.mints.iter().position(|known| known == mint)?;
            Some(venue.config.assets[index].name)
        };
        self.add(scene, addresses.exchange, "exchange".into(), here);
        self.add(scene, addresses.board, "board".into(), here);
        for (index, mint) in venue.mints.iter().enumerate() {
            let name = venue.config.assets[index].name;
            self.add(scene, *mint, format!("mint of {name}"), here);
            self.add(scene, addresses.bank(mint), format!("bank of {name}"), here);
            self.add(
                scene,
                addresses.vault(mint),
                format!("vault of {name}"),
                here,
            );
            let price = venue.price_account(index);
            self.add(scene, price, format!("price of {name}"), here);
        }
        for (key, account) in scene.stage.world.svm.get_program_accounts(&ballast::ID) {
            if let Some(name) = name_of(venue, addresses, &account) {
                self.add(scene, key, name, here);
            }
        }
        let wallets = scene
            .stage
            .world
            .svm
            .get_program_accounts(&anchor_spl::token::ID);
        for (key, account) in wallets {
            let part = |from: usize| Pubkey::try_from(&account.data[from..from + 32]).ok();
            let Some(name) = part(0).and_then(|mint| token(&mint)) else {
                continue;
            };
            let owner = part(32).and_then(|owner| self.person(&owner, venue));
            if let Some(owner) = owner.filter(|_| account.data.len() > 82) {
                self.add(scene, key, format!("{owner}'s {name}"), here);
            }
        }
    }

    fn person(&self, key: &Pubkey, venue: &Venue) -> Option<String> {
        let mut people = Person::ALL.into_iter();
        let person = people.find(|person| person.key().pubkey() == *key);
        match person {
            Some(person) => Some(person.name()),
            None if *key == venue.admin.pubkey() => Some("admin".into()),
            None => None,
        }
    }

    /// Who is at an address.
    pub fn get(&self, key: &Pubkey) -> Option<&Known> {
        self.all.iter().find(|known| known.key == *key)
    }

    /// The key of somebody.
    pub fn signer(&self, key: &Pubkey) -> Option<&Keypair> {
        self.keys.iter().find(|signer| signer.pubkey() == *key)
    }
}

/// The name of a market or margin account of an exchange.
fn name_of(venue: &Venue, addresses: &ExchangeAddresses, account: &Account) -> Option<String> {
    let data = &account.data;
    if let Some(market) = read_account::<Market>(data) {
        let of = venue.config.assets[usize::from(market.terms.underlying) + 1].name;
        let kind = match market.terms.kind() {
            Ok(MarketKind::Perpetual) => "perpetual",
            _ => "future",
        };
        return (market.exchange == addresses.exchange).then(|| format!("{kind} on {of}"));
    }
    let account = read_account::<MarginAccount>(data)?;
    if account.exchange != addresses.exchange {
        return None;
    }
    let mut people = Person::ALL.into_iter();
    let owner = people.find(|person| person.key().pubkey() == account.owner);
    Some(match (owner, account.sub_account) {
        (None, _) => "insurance fund".into(),
        (Some(owner), 0) => format!("{}'s account", owner.name()),
        (Some(owner), number) => format!("{}'s account {number}", owner.name()),
    })
}
