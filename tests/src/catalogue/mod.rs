//! One call of every instruction of the program that goes through, with all the accounts it can take, optional and remaining ones
//! included: what budgets and attacks start from.

/// Entries of functions that are called as their instructions.
macro_rules! entries {
    ($($name:ident),+ $(,)?) => {
        [$(Entry { name: stringify!($name), prepare: $name }),+]
    };
}

mod admin;
mod crank;
mod liquidation;
mod trader;

use crate::{SOL, Stage};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{Role, UnderlyingParameters};
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketTerms, Side, next_expiry};
use ballast_client::units::native;
use ballast_sim::{Venue, VenueConfig, World};
use litesvm::LiteSVM;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// All instructions, in the order of the program.
pub fn all() -> Vec<Entry> {
    [
        admin::ENTRIES,
        crank::ENTRIES,
        trader::ENTRIES,
        liquidation::ENTRIES,
    ]
    .concat()
}

/// An instruction of the program.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name in the interface.
    pub name: &'static str,
    /// Brings the scene to where the call goes through.
    prepare: fn(&mut Scene) -> Call,
}

/// An instruction that goes through on its scene, and who signs it besides the payer of the transaction.
pub struct Call {
    /// The instruction.
    pub instruction: Instruction,
    /// Its signers.
    pub signers: Vec<Keypair>,
}

/// What everyone can pay for rent.
const LAMPORTS: u64 = 100_000_000_000;

impl Call {
    fn new(instruction: Instruction, signers: &[&Keypair]) -> Self {
        Self {
            instruction,
            signers: signers.iter().map(|key| key.insecure_clone()).collect(),
        }
    }
}

/// Somebody with a key. Everyone has a margin account and tokens on both exchanges, and an authority of the one is that of the other as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Does what traders do.
    Trader,
    /// Takes the other side, and liquidates.
    Maker,
    /// Trades for the maker's account.
    Delegate,
    /// Has nothing to do with anything.
    Stranger,
    /// Fills the orders of others and pays for rent.
    Keeper,
    /// The risk authority.
    Risk,
    /// The guardian.
    Guardian,
    /// Posts the volatility surface of SOL.
    Surfaces,
}

impl Person {
    /// Everybody.
    pub const ALL: [Self; 8] = [
        Self::Trader,
        Self::Maker,
        Self::Delegate,
        Self::Stranger,
        Self::Keeper,
        Self::Risk,
        Self::Guardian,
        Self::Surfaces,
    ];

    /// His key.
    pub fn key(self) -> Keypair {
        Stage::key(1 + self as u8)
    }

    /// What he is called.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// An exchange with people who trade on it, and another one with the same people.
pub struct Scene {
    /// The exchange that is called.
    pub stage: Stage,
    /// The other one, in the same world.
    pub other: Venue,
    start: (LiteSVM, [f64; 4]),
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Both exchanges, where everyone has a deposit and the trader bought 10 SOL from the maker.
    pub fn new() -> Self {
        let mut stage = Stage::with_interest(VenueConfig::default());
        let prices = stage.prices;
        let config = stage.venue.config.clone();
        let mut other = Venue::create(&mut stage.world, config, 2).expect("a venue");
        for _ in 0..2 {
            populate(&mut stage);
            std::mem::swap(&mut stage.venue, &mut other);
        }
        share_admin(&mut stage.world, &stage.venue.admin, &mut other);
        let start = (stage.world.svm.clone(), prices);
        Self {
            stage,
            other,
            start,
        }
    }

    /// Goes back to the start and brings the scene to where the call of an entry goes through.
    pub fn set(&mut self, entry: &Entry) -> Call {
        self.stage.world.svm = self.start.0.clone();
        self.stage.prices = self.start.1;
        (entry.prepare)(self)
    }

    fn admin(&self) -> Keypair {
        self.stage.venue.admin.insecure_clone()
    }

    /// Sub-account 0 of somebody.
    fn account(&self, person: Person) -> Pubkey {
        self.stage.account(&person.key())
    }

    #[track_caller]
    fn send(&mut self, instruction: Instruction, signers: &[&Keypair]) {
        let sent = self.stage.world.send(&[instruction], signers);
        sent.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// Lets time pass and publishes the present prices.
    fn wait(&mut self, seconds: i64) {
        self.stage.world.advance(seconds);
        let price = self.stage.prices[SOL];
        self.stage.set_price(SOL, price);
    }

    /// Rests an order of somebody in the perpetual on SOL at 200 and returns its number.
    #[track_caller]
    fn rest(&mut self, person: Person, side: Side, lots: u64) -> u64 {
        let price = self.stage.venue.price_per_lot(SOL, 200.0);
        let order = Venue::limit(side, price, lots);
        let placed = self
            .stage
            .venue
            .place(&mut self.stage.world, &person.key(), SOL, order);
        placed.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// The future on SOL of the next day.
    fn future(&self) -> MarketTerms {
        MarketTerms {
            kind: MarketKind::Future as u8,
            expiry: next_expiry(self.stage.world.now()),
            ..Venue::perpetual(SOL)
        }
    }

    /// Lists a future on both exchanges; the keeper pays the rent.
    #[track_caller]
    fn list(&mut self, terms: &MarketTerms) {
        for _ in 0..2 {
            let add = self.add_market(terms);
            let admin = self.admin();
            self.send(add, &[&admin, &Person::Keeper.key()]);
            std::mem::swap(&mut self.stage.venue, &mut self.other);
        }
    }

    /// Goes to a future's expiry with prices all the way through its window.
    fn expire(&mut self, terms: &MarketTerms) {
        for before_s in (0..=1_800).rev().step_by(60) {
            self.stage.world.set_time(terms.expiry - before_s);
            self.stage.set_price(SOL, 200.0);
        }
    }

    /// Gives an expired future its settlement price.
    #[track_caller]
    fn finalize(&mut self, terms: &MarketTerms) {
        let finalize = instructions::finalize_settlement(&self.stage.venue.addresses, terms);
        self.send(finalize, &[]);
    }
}

/// Makes the admin of one exchange that of the other as well: whoever runs an exchange of his own has authority there.
fn share_admin(world: &mut World, admin: &Keypair, other: &mut Venue) {
    let (addresses, role, key) = (&other.addresses, Role::Admin, admin.pubkey());
    let hand_over = [
        instructions::propose_authority(addresses, &other.admin.pubkey(), role, &key),
        instructions::accept_authority(addresses, &key, role),
    ];
    let handed = world.send(&hand_over, &[&other.admin, admin]);
    handed.expect("a new admin");
    other.admin = admin.insecure_clone();
}

/// Authorities, margin accounts, deposits, and a trade, on the stage's venue.
fn populate(stage: &mut Stage) {
    let admin = stage.venue.admin.insecure_clone();
    let addresses = stage.venue.addresses;
    let mut parameters: UnderlyingParameters = stage.venue.underlying_args(SOL).parameters;
    parameters.surface.authority = Person::Surfaces.key().pubkey();
    let update = instructions::update_underlying(&addresses, &admin.pubkey(), 0, parameters);
    stage.world.send(&[update], &[&admin]).expect("an update");
    for (role, person) in [
        (Role::Risk, Person::Risk),
        (Role::Guardian, Person::Guardian),
    ] {
        let key = person.key();
        let hand_over = [
            instructions::propose_authority(&addresses, &admin.pubkey(), role, &key.pubkey()),
            instructions::accept_authority(&addresses, &key.pubkey(), role),
        ];
        let handed = stage.world.send(&hand_over, &[&admin, &key]);
        handed.expect("a new authority");
    }
    for person in Person::ALL {
        let key = person.key();
        stage
            .venue
            .open_account(&mut stage.world, &key)
            .expect("an account");
        for (asset, tokens) in [(0, 10_000.0), (SOL, 100.0)] {
            let amount = native(tokens, stage.venue.config.assets[asset].decimals);
            stage.mint(&key, asset, amount);
        }
        stage
            .world
            .svm
            .airdrop(&key.pubkey(), LAMPORTS)
            .expect("lamports");
        stage.fund(
            &key,
            0,
            if person == Person::Maker {
                1_000_000.0
            } else {
                10_000.0
            },
        );
    }
    let (trader, maker) = (Person::Trader.key(), Person::Maker.key());
    stage.fund(&maker, SOL, 1_000.0);
    stage.set_delegate(&maker, &Person::Delegate.key());
    stage
        .world
        .svm
        .airdrop(&admin.pubkey(), LAMPORTS)
        .expect("lamports");
    for asset in [0, SOL] {
        stage.mint(&admin, asset, native(1.0, 6));
    }
    let second =
        instructions::open_account(&addresses, &trader.pubkey(), &stage.world.payer.pubkey(), 1);
    stage.world.send(&[second], &[&trader]).expect("an account");
    let traded = stage.trade(&maker, &trader, SOL, Side::Bid, 10.0, 200.0);
    traded.expect("a trade");
}
