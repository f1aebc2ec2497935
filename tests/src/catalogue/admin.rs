//! Calls of the authorities.

use super::{Call, Entry, LAMPORTS, Person, Scene};
use crate::{SOL, Stage};
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{AssetParameters, CorrelationArgs, FeedChoice, MarketArgs, Role};
use ballast_client::state::{Exchange, MarketTerms, Pausable};
use ballast_client::{ExchangeAddresses, instructions};
use ballast_sim::{Venue, World};
use solana_keypair::Keypair;
use solana_signer::Signer;

pub(super) const ENTRIES: &[Entry] = &entries![
    init_exchange,
    add_asset,
    add_underlying,
    add_market,
    update_exchange,
    update_asset,
    update_underlying,
    set_correlation,
    update_feed,
    update_market,
    set_pause,
    propose_authority,
    accept_authority,
    withdraw_fees,
    withdraw_insurance,
];

impl Scene {
    fn exchange(&self) -> Box<Exchange> {
        self.stage
            .venue
            .exchange(&self.stage.world)
            .expect("an exchange")
    }

    /// Lists a market as the admin; the keeper pays the rent.
    pub(super) fn add_market(&self, terms: &MarketTerms) -> Instruction {
        let venue = &self.stage.venue;
        let args = MarketArgs {
            terms: (*terms).into(),
            parameters: venue.market_args(SOL).parameters,
        };
        let payer = Person::Keeper.key().pubkey();
        instructions::add_market(&venue.addresses, &venue.admin.pubkey(), &payer, args)
    }
}

/// The two large accounts are there, empty.
fn init_exchange(scene: &mut Scene) -> Call {
    let keys: [Keypair; 3] = [60, 61, 62].map(Stage::key);
    let [exchange, board, admin] = &keys;
    let payer = Person::Keeper.key();
    let addresses = ExchangeAddresses {
        exchange: exchange.pubkey(),
        board: board.pubkey(),
    };
    let svm = &scene.stage.world.svm;
    let mut all = instructions::init_exchange(
        &addresses,
        &admin.pubkey(),
        &payer.pubkey(),
        |len| svm.minimum_balance_for_rent_exemption(len),
        Venue::exchange_args(&admin.pubkey()),
    );
    let init = all.pop().expect("the last instruction");
    let world = &mut scene.stage.world;
    world
        .svm
        .airdrop(&admin.pubkey(), LAMPORTS)
        .expect("lamports");
    let created = world.send(&all, &[exchange, board, &payer]);
    created.expect("two accounts");
    Call::new(init, &[exchange, board, admin, &payer])
}

fn add_asset(scene: &mut Scene) -> Call {
    let (admin, payer, mint) = (scene.admin(), Person::Keeper.key(), Stage::key(63));
    scene.stage.world.create_mint(&mint, 9).expect("a mint");
    let venue = &scene.stage.venue;
    let args = venue.asset_args(SOL, FeedChoice::Existing(SOL as u8));
    let (by, key) = (admin.pubkey(), mint.pubkey());
    let add = instructions::add_asset(&venue.addresses, &by, &payer.pubkey(), &key, args);
    Call::new(add, &[&admin, &payer])
}

fn add_underlying(scene: &mut Scene) -> Call {
    let (admin, venue) = (scene.admin(), &scene.stage.venue);
    let mut args = venue.underlying_args(SOL);
    args.feed = FeedChoice::Existing(SOL as u8);
    args.correlations = vec![CORRELATION; venue.config.assets.len() - 1];
    let add = instructions::add_underlying(&venue.addresses, &admin.pubkey(), args);
    Call::new(add, &[&admin])
}

const CORRELATION: CorrelationArgs = CorrelationArgs {
    low_bps: 5_000,
    high_bps: 9_000,
};

fn add_market(scene: &mut Scene) -> Call {
    let add = scene.add_market(&scene.future());
    Call::new(add, &[&scene.admin(), &Person::Keeper.key()])
}

fn update_exchange(scene: &mut Scene) -> Call {
    let (risk, addresses) = (Person::Risk.key(), &scene.stage.venue.addresses);
    let parameters = (&*scene.exchange()).into();
    let update = instructions::update_exchange(addresses, &risk.pubkey(), parameters);
    Call::new(update, &[&risk])
}

fn update_asset(scene: &mut Scene) -> Call {
    let (risk, venue) = (Person::Risk.key(), &scene.stage.venue);
    let bank = venue.bank(&scene.stage.world, SOL).expect("a bank");
    let parameters = AssetParameters::of(&scene.exchange().assets[SOL], &bank);
    let (key, mint) = (risk.pubkey(), &venue.mints[SOL]);
    let update = instructions::update_asset(&venue.addresses, &key, mint, parameters);
    Call::new(update, &[&risk])
}

fn update_underlying(scene: &mut Scene) -> Call {
    let (risk, addresses) = (Person::Risk.key(), &scene.stage.venue.addresses);
    let parameters = (&scene.exchange().underlyings[0]).into();
    let update = instructions::update_underlying(addresses, &risk.pubkey(), 0, parameters);
    Call::new(update, &[&risk])
}

fn set_correlation(scene: &mut Scene) -> Call {
    let (risk, addresses) = (Person::Risk.key(), &scene.stage.venue.addresses);
    let set = instructions::set_correlation(addresses, &risk.pubkey(), [0, 1], CORRELATION);
    Call::new(set, &[&risk])
}

fn update_feed(scene: &mut Scene) -> Call {
    let (risk, addresses) = (Person::Risk.key(), &scene.stage.venue.addresses);
    let parameters = (&scene.exchange().feeds[SOL]).into();
    let update = instructions::update_feed(addresses, &risk.pubkey(), SOL as u8, parameters);
    Call::new(update, &[&risk])
}

fn update_market(scene: &mut Scene) -> Call {
    let (risk, venue) = (Person::Risk.key(), &scene.stage.venue);
    let market = venue.market(&scene.stage.world, SOL).expect("a market");
    let (key, terms) = (risk.pubkey(), Venue::perpetual(SOL));
    let update = instructions::update_market(&venue.addresses, &key, &terms, (&*market).into());
    Call::new(update, &[&risk])
}

fn set_pause(scene: &mut Scene) -> Call {
    let (guardian, addresses) = (Person::Guardian.key(), &scene.stage.venue.addresses);
    let bit = 1 << Pausable::Withdraw as u8;
    let set = instructions::set_pause(addresses, &guardian.pubkey(), bit, 3_600);
    Call::new(set, &[&guardian])
}

fn propose_authority(scene: &mut Scene) -> Call {
    let (admin, addresses) = (scene.admin(), &scene.stage.venue.addresses);
    let proposed = Person::Stranger.key().pubkey();
    let propose =
        instructions::propose_authority(addresses, &admin.pubkey(), Role::Admin, &proposed);
    Call::new(propose, &[&admin])
}

/// The trader was proposed as the admin.
fn accept_authority(scene: &mut Scene) -> Call {
    let (admin, proposed) = (scene.admin(), Person::Trader.key());
    let (addresses, key) = (scene.stage.venue.addresses, proposed.pubkey());
    let propose = instructions::propose_authority(&addresses, &admin.pubkey(), Role::Admin, &key);
    scene.send(propose, &[&admin]);
    let accept = instructions::accept_authority(&addresses, &key, Role::Admin);
    Call::new(accept, &[&proposed])
}

/// The trader has paid interest on a loan of SOL for an hour.
fn withdraw_fees(scene: &mut Scene) -> Call {
    let (admin, trader) = (scene.admin(), Person::Trader.key());
    let borrow = scene.stage.withdraw(&trader, SOL, 10_000_000_000, true);
    scene.send(borrow, &[&trader]);
    scene.wait(3_600);
    let (venue, key) = (&scene.stage.venue, admin.pubkey());
    let mint = &venue.mints[SOL];
    let wallet = World::token_address(&key, mint);
    let withdraw = instructions::withdraw_fees(&venue.addresses, &key, mint, &wallet, u64::MAX);
    Call::new(withdraw, &[&admin])
}

fn withdraw_insurance(scene: &mut Scene) -> Call {
    scene.stage.insure(1_000.0);
    let admin = scene.admin();
    let (venue, key) = (&scene.stage.venue, admin.pubkey());
    let mint = &venue.mints[0];
    let wallet = World::token_address(&key, mint);
    let withdraw =
        instructions::withdraw_insurance(&venue.addresses, &key, mint, &wallet, 1_000_000);
    Call::new(withdraw, &[&admin])
}
