//! What the tests of lending share.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{AnchorDeserialize, Discriminator};
use ballast_client::args::AssetParameters;
use ballast_client::state::{AssetIndexes, Bank, Exchange, MarginAccount};
use ballast_client::{events, instructions};
use ballast_sim::VenueConfig;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

pub const USDC: usize = 0;
pub const TOKEN: u64 = 1_000_000_000;
pub const DAY: i64 = 86_400;
pub const YEAR: f64 = 365.0 * 86_400.0;

/// A stage on which loans bear interest and prices never become stale, so that time is the only thing that passes.
pub fn stage() -> Stage {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        exchange
            .feeds
            .iter_mut()
            .for_each(|feed| feed.max_age_s = 1 << 40);
    });
    stage
}

/// A lender with whole SOL and a borrower of some of them, who has a million USDC.
pub fn lent(stage: &mut Stage, deposited: f64, borrowed: u64) -> [Keypair; 2] {
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 1_000_000.0));
    stage.fund(&lender, SOL, deposited);
    stage.mint(&borrower, SOL, 0);
    let world = &mut stage.world;
    stage
        .venue
        .withdraw(world, &borrower, SOL, borrowed, true)
        .unwrap();
    [lender, borrower]
}

pub fn indexes(stage: &Stage, asset: usize) -> AssetIndexes {
    stage.venue.board(&stage.world).unwrap().assets[asset]
}

/// Deposit and borrow index.
pub fn growth(stage: &Stage, asset: usize) -> [f64; 2] {
    let indexes = indexes(stage, asset);
    [indexes.deposit, indexes.borrow].map(|index| index.get().to_num())
}

pub fn bank(stage: &Stage, asset: usize) -> Box<Bank> {
    stage.venue.bank(&stage.world, asset).unwrap()
}

pub fn vault(stage: &Stage, asset: usize) -> u64 {
    stage.world.tokens(&bank(stage, asset).vault)
}

/// Sends one transaction and returns the only event of this kind.
#[track_caller]
pub fn send<T: AnchorDeserialize + Discriminator>(
    stage: &mut Stage,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> T {
    let done = stage.world.send(instructions, signers).unwrap();
    let mut found: Vec<T> = events::decode_all(&done.logs)
        .iter()
        .filter_map(events::RawEvent::parse)
        .collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Another sub-account of an owner, opened.
pub fn sub_account(stage: &mut Stage, owner: &Keypair, number: u16) -> Pubkey {
    let (addresses, payer) = (stage.venue.addresses, stage.world.payer.pubkey());
    let open = instructions::open_account(&addresses, &owner.pubkey(), &payer, number);
    stage.world.send(&[open], &[owner]).unwrap();
    addresses.margin_account(&owner.pubkey(), number)
}

pub fn transfer(
    stage: &Stage,
    owner: &Keypair,
    [from, to]: [Pubkey; 2],
    asset: usize,
    amount: u64,
) -> Instruction {
    let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[asset]);
    instructions::transfer(addresses, mint, &from, &to, &owner.pubkey(), amount)
}

/// Changes parameters of an asset; the admin signs.
pub fn update(
    stage: &Stage,
    asset: usize,
    change: impl FnOnce(&mut AssetParameters),
) -> (Instruction, Keypair) {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let mut parameters = AssetParameters::of(&exchange.assets[asset], &bank(stage, asset));
    change(&mut parameters);
    let admin = stage.venue.admin.insecure_clone();
    let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[asset]);
    (
        instructions::update_asset(addresses, &admin.pubkey(), mint, parameters),
        admin,
    )
}

/// Fills every free balance slot but the quote asset's with assets that do not exist.
pub fn fill_slots(stage: &mut Stage, account: &Pubkey) {
    stage.patch::<MarginAccount>(account, |account| {
        for (index, slot) in account.balances.iter_mut().enumerate().skip(1) {
            if slot.is_free() {
                slot.asset = 100 + index as u8;
                slot.shares.set(fixed::types::I80F48::ONE);
            }
        }
    });
}
