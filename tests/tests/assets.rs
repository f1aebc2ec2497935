//! Assets: how the admin lists them, with every bound of their parameters and their feeds'.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_spl::{token, token_2022};
use ballast::error::BallastError;
use ballast::events::AssetAdded;
use ballast_client::args::{AssetArgs, AssetParameters, FeedArgs, FeedChoice};
use ballast_client::state::{Bank, Exchange, NONE};
use ballast_client::units::q32;
use ballast_client::{events, instructions};
use ballast_tests::{AlreadyInUse, Bound, SOL, Stage, unsigned, with};
use solana_signer::Signer;

const ONE: u64 = 1 << 32;

const YEAR_S: u64 = 365 * 86_400;

/// What a new token is listed with: a feed of its own, no underlying.
fn token_args(stage: &Stage) -> AssetArgs {
    let feed = FeedArgs {
        id: [0x42; 32],
        ..stage.venue.feed_args(SOL)
    };
    AssetArgs {
        underlying: NONE,
        ..stage.venue.asset_args(SOL, FeedChoice::New(feed))
    }
}

fn add_asset(stage: &Stage, mint: &Pubkey, args: AssetArgs) -> Instruction {
    let (admin, payer) = (stage.venue.admin.pubkey(), stage.world.payer.pubkey());
    instructions::add_asset(&stage.venue.addresses, &admin, &payer, mint, args)
}

fn new_mint(stage: &mut Stage, decimals: u8) -> Pubkey {
    let mint = Stage::key(200);
    stage.world.create_mint(&mint, decimals).unwrap();
    mint.pubkey()
}

fn feed(args: &mut AssetArgs) -> &mut FeedArgs {
    match &mut args.feed {
        FeedChoice::New(feed) => feed,
        FeedChoice::Existing(_) => unreachable!("a new feed"),
    }
}

#[test]
fn a_listed_asset_has_its_bank_vault_and_indexes() {
    let mut stage = Stage::new();
    let mint = new_mint(&mut stage, 9);
    let mut args = AssetArgs {
        underlying: 2,
        ..token_args(&stage)
    };
    args.parameters.deposit_cap = 11;
    args.parameters.borrow_cap = 12;
    let add = add_asset(&stage, &mint, args);
    let admin = stage.venue.admin.insecure_clone();
    let done = stage.world.send(&[add], &[&admin]).unwrap();

    let addresses = stage.venue.addresses;
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    assert_eq!((exchange.asset_count, exchange.feed_count), (5, 5));
    let (asset, feed) = (&exchange.assets[4], &exchange.feeds[4]);
    assert_eq!((asset.mint, asset.decimals), (mint, 9));
    assert_eq!((asset.feed, asset.underlying, asset.mode), (4, 2, 0));
    assert_eq!(asset.deposit_haircut_maintenance_q32, q32(0.02));
    assert_eq!(asset.deposit_haircut_initial_q32, q32(0.05));
    assert_eq!(asset.loan_haircut_maintenance_q32, q32(0.02));
    assert_eq!(asset.loan_haircut_initial_q32, q32(0.05));
    assert_eq!(asset.haircut_range_multiplier_q32, q32(0.25));
    assert_eq!((feed.id, feed.kind, feed.unit_decimals), ([0x42; 32], 1, 9));
    assert_eq!((feed.max_age_s, feed.slow_price_half_life_s), (120, 3_600));
    assert_eq!(feed.max_confidence_q32, q32(0.02));
    assert_eq!(
        (feed.max_divergence_q32, feed.compare_with),
        (q32(0.02), NONE)
    );
    let board = stage.venue.board(&stage.world).unwrap();
    let indexes = board.indexes(4).unwrap();
    assert!(indexes.deposit.get() == 1 && indexes.borrow.get() == 1);
    assert_eq!(indexes.accrued_at, stage.world.now());
    let bank: Box<Bank> = stage.world.read(&addresses.bank(&mint)).unwrap();
    let keys = [bank.exchange, bank.mint, bank.vault];
    assert_eq!(keys, [addresses.exchange, mint, addresses.vault(&mint)]);
    assert_eq!((bank.asset, bank.deposit_cap, bank.borrow_cap), (4, 11, 12));
    assert!(bank.deposit_shares.is_zero() && bank.borrow_shares.is_zero());
    let vault = stage.world.svm.get_account(&bank.vault).unwrap();
    assert_eq!(vault.owner, token::ID);
    assert_eq!(vault.data[..32], mint.to_bytes());
    assert_eq!(vault.data[32..64], addresses.bank(&mint).to_bytes());
    let event = events::decode_all(&done.logs)[0]
        .parse::<AssetAdded>()
        .unwrap();
    assert_eq!((event.asset, event.feed), (4, 4));
    let named = [event.exchange, event.mint, event.bank];
    assert_eq!(named, [addresses.exchange, mint, addresses.bank(&mint)]);
    // A mint is listed once.
    let again = add_asset(&stage, &mint, args);
    stage.refused(&[again], &[&admin], AlreadyInUse);
}

#[test]
fn only_the_admin_lists_assets_and_only_on_his_own_exchange() {
    let mut stage = Stage::new();
    let other = stage.other_venue();
    let mint = new_mint(&mut stage, 9);
    let admin = stage.venue.admin.insecure_clone();
    let addresses = stage.venue.addresses;
    let add = add_asset(&stage, &mint, token_args(&stage));
    let stranger = Stage::key(9);
    let forged = with(add.clone(), &admin.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotAdmin);
    let silent = unsigned(add.clone(), &admin.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let foreign = with(add.clone(), &addresses.board, &other.addresses.board);
    stage.refused(&[foreign], &[&admin], BallastError::WrongBoard);
    let payer = stage.world.payer.pubkey();
    let args = token_args(&stage);
    let there = instructions::add_asset(&other.addresses, &admin.pubkey(), &payer, &mint, args);
    stage.refused(&[there], &[&admin], BallastError::NotAdmin);

    // Addresses are the canonical ones, accounts of the right type.
    for derived in [addresses.bank(&mint), addresses.vault(&mint)] {
        let elsewhere = with(add.clone(), &derived, &Pubkey::new_unique());
        stage.refused(&[elsewhere], &[&admin], ErrorCode::ConstraintSeeds);
    }
    let fund = addresses.insurance_fund();
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    for account in [addresses.exchange, addresses.board] {
        let wrong = with(add.clone(), &account, &fund);
        stage.refused(&[wrong], &[&admin], mismatch);
    }
    let no_mint = with(add, &mint, &addresses.exchange);
    let foreign = ErrorCode::AccountOwnedByWrongProgram;
    stage.refused(&[no_mint], &[&admin], foreign);
}

#[test]
fn asset_and_feed_parameters_have_bounds() {
    let mut stage = Stage::new();
    let mint = new_mint(&mut stage, 9);
    let admin = stage.venue.admin.insecure_clone();
    #[rustfmt::skip]
    let bounds: [Bound<AssetArgs>; 10] = [
        ("deposit haircut, initial", |a, v| a.parameters.deposit_haircut_initial_q32 = v, q32(0.02), ONE),
        ("deposit haircut, maintenance", |a, v| a.parameters.deposit_haircut_maintenance_q32 = v, 0, q32(0.05)),
        ("loan haircut, initial", |a, v| a.parameters.loan_haircut_initial_q32 = v, q32(0.02), 10 * ONE),
        ("loan haircut, maintenance", |a, v| a.parameters.loan_haircut_maintenance_q32 = v, 0, q32(0.05)),
        ("range multiplier", |a, v| a.parameters.haircut_range_multiplier_q32 = v, 0, 10 * ONE),
        ("kind of feed", |a, v| feed(a).kind = v as u8, 1, 2),
        ("age", |a, v| feed(a).parameters.max_age_s = v, 1, 86_400),
        ("confidence", |a, v| feed(a).parameters.max_confidence_q32 = v, 0, ONE),
        ("divergence", |a, v| feed(a).parameters.max_divergence_q32 = v, 0, ONE),
        ("half-life of the slow price", |a, v| feed(a).parameters.slow_price_half_life_s = v, 0, YEAR_S),
    ];
    let args = token_args(&stage);
    let build = |stage: &Stage, args| vec![add_asset(stage, &mint, args)];
    stage.check_bounds(&args, &bounds, build, &[&admin]);

    let of_feed = |feed| AssetArgs { feed, ..args };
    let comparing = |with: u8| {
        let mut args = args;
        feed(&mut args).parameters.compare_with = with;
        args
    };
    let above = |index| AssetArgs {
        underlying: index,
        ..args
    };
    for (args, error) in [
        (above(3), BallastError::UnknownIndex),
        (of_feed(FeedChoice::Existing(4)), BallastError::UnknownIndex),
        (
            of_feed(FeedChoice::Existing(NONE)),
            BallastError::UnknownIndex,
        ),
        (
            of_feed(FeedChoice::Existing(2)),
            BallastError::FeedDecimalsMismatch,
        ),
        (comparing(4), BallastError::UnknownIndex),
        (comparing(2), BallastError::FeedDecimalsMismatch),
    ] {
        let add = add_asset(&stage, &mint, args);
        stage.refused(&[add], &[&admin], error);
    }
    for args in [of_feed(FeedChoice::Existing(1)), comparing(1), above(2)] {
        let add = add_asset(&stage, &mint, args);
        assert!(stage.simulate(&[add], &[&admin]).is_ok());
    }
}

#[test]
fn the_first_asset_must_be_fit_to_count_in() {
    let mut stage = Stage::new();
    let admin = stage.venue.admin.insecure_clone();
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| exchange.asset_count = 0);
    let mint = new_mint(&mut stage, 6);
    let listed = token_args(&stage);
    let plain = AssetArgs {
        parameters: AssetParameters {
            deposit_haircut_maintenance_q32: 0,
            deposit_haircut_initial_q32: 0,
            loan_haircut_maintenance_q32: 0,
            loan_haircut_initial_q32: 0,
            haircut_range_multiplier_q32: 0,
            ..listed.parameters
        },
        ..listed
    };
    let add = add_asset(&stage, &mint, plain);
    stage.simulate(&[add], &[&admin]).unwrap();
    let changes: [fn(&mut AssetArgs); 6] = [
        |args| args.underlying = 0,
        |args| args.parameters.deposit_haircut_maintenance_q32 = 1,
        |args| args.parameters.deposit_haircut_initial_q32 = 1,
        |args| args.parameters.loan_haircut_maintenance_q32 = 1,
        |args| args.parameters.loan_haircut_initial_q32 = 1,
        |args| args.parameters.haircut_range_multiplier_q32 = 1,
    ];
    for change in changes {
        let mut args = plain;
        change(&mut args);
        let add = add_asset(&stage, &mint, args);
        stage.refused(&[add], &[&admin], BallastError::InvalidQuoteAsset);
    }
    // A mint of 9 decimals.
    let add = add_asset(&stage, &stage.venue.mints[SOL], plain);
    let other_bank = stage.venue.addresses.bank(&stage.venue.mints[SOL]);
    let vacate = |key: &Pubkey, stage: &mut Stage| {
        stage
            .world
            .svm
            .set_account(*key, Default::default())
            .unwrap();
    };
    vacate(&other_bank, &mut stage);
    vacate(
        &stage.venue.addresses.vault(&stage.venue.mints[SOL]),
        &mut stage,
    );
    stage.refused(&[add], &[&admin], BallastError::InvalidQuoteAsset);
}

#[test]
fn mints_with_extensions_are_refused_and_plain_ones_of_the_new_token_program_are_not() {
    let mut stage = Stage::new();
    let admin = stage.venue.admin.insecure_clone();
    let mint = new_mint(&mut stage, 9);
    let list = |stage: &Stage| {
        let add = add_asset(stage, &mint, token_args(stage));
        with(add, &token::ID, &token_2022::ID)
    };
    let mut account = stage.world.svm.get_account(&mint).unwrap();
    account.owner = token_2022::ID;
    stage.world.svm.set_account(mint, account.clone()).unwrap();
    let add = list(&stage);
    stage.simulate(&[add], &[&admin]).unwrap();
    // Type of account, then the close authority: kind 3, 32 bytes.
    account.data.resize(165, 0);
    account.data.extend([1, 3, 0, 32, 0]);
    account.data.extend([0x11; 32]);
    account.lamports *= 10;
    stage.world.svm.set_account(mint, account).unwrap();
    let add = list(&stage);
    let refusal = BallastError::MintExtensionNotSupported;
    stage.refused(&[add], &[&admin], refusal);
}

#[test]
fn a_full_table_takes_no_further_asset() {
    let mut stage = Stage::new();
    let mint = new_mint(&mut stage, 9);
    let admin = stage.venue.admin.insecure_clone();
    let exchange = stage.venue.addresses.exchange;
    let add = add_asset(&stage, &mint, token_args(&stage));
    for fill in [
        |exchange: &mut Exchange| exchange.feed_count = 64,
        |exchange: &mut Exchange| (exchange.feed_count, exchange.asset_count) = (4, 32),
    ] {
        stage.patch(&exchange, fill);
        stage.refused(&[add.clone()], &[&admin], BallastError::TableFull);
    }
}
