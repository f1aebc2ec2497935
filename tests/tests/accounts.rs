//! Margin accounts: opening and closing.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{AccountClosed, AccountOpened};
use ballast_client::state::MarginAccount;
use ballast_client::{events, instructions};
use ballast_tests::{AlreadyInUse, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const USDC: usize = 0;

fn open(stage: &Stage, owner: &Keypair, payer: &Pubkey, sub_account: u16) -> Instruction {
    instructions::open_account(&stage.venue.addresses, &owner.pubkey(), payer, sub_account)
}

fn close(stage: &Stage, owner: &Keypair) -> Instruction {
    instructions::close_account(&stage.venue.addresses, &owner.pubkey(), 0)
}

#[test]
fn an_account_opens_empty_once_per_number_and_at_its_own_address() {
    let mut stage = Stage::new();
    let (owner, payer) = (Stage::key(1), Stage::key(2));
    let addresses = stage.venue.addresses;
    stage
        .world
        .svm
        .airdrop(&payer.pubkey(), 1_000_000_000)
        .unwrap();
    // Lamports sent ahead cannot keep the address from being used.
    stage
        .world
        .svm
        .airdrop(&stage.account(&owner), 1_000_000)
        .unwrap();
    let first = open(&stage, &owner, &payer.pubkey(), 0);
    let done = stage
        .world
        .send(&[first.clone()], &[&owner, &payer])
        .unwrap();
    let account = stage.state(&owner);
    assert_eq!(
        (account.exchange, account.owner),
        (addresses.exchange, owner.pubkey())
    );
    assert_eq!(
        (account.delegate, account.next_order_id),
        (Pubkey::default(), 0)
    );
    assert!(account.is_empty() && !account.in_liquidation());
    let event = events::decode_all(&done.logs)[0]
        .parse::<AccountOpened>()
        .unwrap();
    let named = [event.exchange, event.margin_account, event.owner];
    assert_eq!(
        named,
        [addresses.exchange, stage.account(&owner), owner.pubkey()]
    );
    stage.refused(&[first.clone()], &[&owner, &payer], AlreadyInUse);
    let last = open(&stage, &owner, &payer.pubkey(), u16::MAX);
    let done = stage.world.send(&[last], &[&owner, &payer]).unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<AccountOpened>()
        .unwrap();
    assert_eq!(event.sub_account, u16::MAX);
    let address = addresses.margin_account(&owner.pubkey(), u16::MAX);
    let account: Box<MarginAccount> = stage.world.read(&address).unwrap();
    assert_eq!(account.sub_account, u16::MAX);

    let other = stage.other_venue();
    let second = open(&stage, &owner, &payer.pubkey(), 1);
    let own = addresses.margin_account(&owner.pubkey(), 1);
    for elsewhere in [
        addresses.margin_account(&owner.pubkey(), 2),
        addresses.margin_account(&payer.pubkey(), 1),
        other.addresses.margin_account(&owner.pubkey(), 1),
        Pubkey::new_unique(),
    ] {
        let wrong = with(second.clone(), &own, &elsewhere);
        stage.refused(&[wrong], &[&owner, &payer], ErrorCode::ConstraintSeeds);
    }
    for (no_exchange, error) in [
        (addresses.board, ErrorCode::AccountDiscriminatorMismatch),
        (stage.venue.mints[0], ErrorCode::AccountOwnedByWrongProgram),
    ] {
        let wrong = with(second.clone(), &addresses.exchange, &no_exchange);
        stage.refused(&[wrong], &[&owner, &payer], error);
    }
    for (signs, silent) in [(&owner, &payer), (&payer, &owner)] {
        let wrong = unsigned(second.clone(), &silent.pubkey());
        stage.refused(&[wrong], &[signs], ErrorCode::AccountNotSigner);
    }
}

#[test]
fn an_empty_account_closes_for_its_owner_alone_and_may_be_opened_again() {
    let mut stage = Stage::new();
    let (owner, stranger) = (Stage::key(1), Stage::key(2));
    let address = stage.venue.open_account(&mut stage.world, &owner).unwrap();
    stage.set_delegate(&owner, &stranger);
    let closing = close(&stage, &owner);
    let forged = with(closing.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwner);
    let silent = unsigned(closing.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let wrong = with(closing.clone(), &address, &stage.venue.addresses.exchange);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    stage.refused(&[wrong], &[&owner], mismatch);

    let rent = stage.world.svm.get_balance(&address).unwrap();
    let before = stage.world.svm.get_balance(&owner.pubkey()).unwrap_or(0);
    let done = stage.world.send(&[closing.clone()], &[&owner]).unwrap();
    assert_eq!(
        stage.world.svm.get_balance(&owner.pubkey()),
        Some(before + rent)
    );
    let event = events::decode_all(&done.logs)[0]
        .parse::<AccountClosed>()
        .unwrap();
    assert_eq!(
        (event.margin_account, event.owner),
        (address, owner.pubkey())
    );
    assert!(stage.world.read::<MarginAccount>(&address).is_err());
    stage.venue.open_account(&mut stage.world, &owner).unwrap();
    assert_eq!(stage.state(&owner).delegate, Pubkey::default());

    // Nothing can revive it in the transaction that closes it.
    stage.mint(&owner, USDC, 5);
    let revive = stage.deposit(&owner, USDC, 5);
    let gone = ErrorCode::AccountOwnedByWrongProgram;
    stage.refused(&[closing, revive], &[&owner], gone);
}

#[test]
fn whoever_holds_anything_cannot_close() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 0.000001);
    let account = stage.account(&owner);
    let closing = [close(&stage, &owner)];
    stage.refused(&closing, &[&owner], BallastError::AccountNotEmpty);
    stage
        .venue
        .withdraw(&mut stage.world, &owner, USDC, u64::MAX, false)
        .unwrap();
    let dust: [fn(&mut MarginAccount); 5] = [
        |account| account.balances[15].shares.words = [1, 0],
        |account| account.balances[1].shares.words = [u64::MAX; 2],
        |account| account.positions[31].base_lots = -1,
        |account| account.positions[0].quote = 1,
        |account| account.orders[15].lots = 1,
    ];
    let empty = stage.state(&owner);
    for leave in dust {
        stage.patch(&account, leave);
        stage.refused(&closing, &[&owner], BallastError::AccountNotEmpty);
        stage.patch::<MarginAccount>(&account, |account| *account = *empty);
    }
    stage.world.send(&closing, &[&owner]).unwrap();
}
