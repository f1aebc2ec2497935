//! What governance may take out of the insurance fund, and who may put something in.

use super::losses::with_interest;
use super::scene::{Scene, USDC, near, one};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{Deposited, InsuranceWithdrawn};
use ballast_client::instructions;
use ballast_client::state::{Bank, Pausable};
use ballast_sim::{CodedError, World};
use ballast_tests::{Code, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Withdraws native units from the fund to a token account of somebody.
fn withdraw(scene: &mut Scene, asset: usize, amount: u64) -> (Instruction, Pubkey) {
    let mint = scene.stage.venue.mints[asset];
    let receiver = Stage::key(200);
    let destination = scene.stage.mint(&receiver, asset, 1);
    let venue = &scene.stage.venue;
    let admin = venue.admin.pubkey();
    let take =
        instructions::withdraw_insurance(&venue.addresses, &admin, &mint, &destination, amount);
    (take, destination)
}

fn admin(scene: &Scene) -> Keypair {
    scene.stage.venue.admin.insecure_clone()
}

#[track_caller]
fn refused(scene: &mut Scene, asset: usize, amount: u64, error: BallastError) {
    let (take, _) = withdraw(scene, asset, amount);
    let admin = admin(scene);
    scene.stage.refused(&[take], &[&admin], error);
}

/// Withdraws and checks that exactly that left the fund and the vault.
#[track_caller]
fn takes(scene: &mut Scene, asset: usize, amount: u64) {
    let (take, destination) = withdraw(scene, asset, amount);
    let fund = scene.stage.venue.addresses.insurance_fund();
    let vault = scene
        .stage
        .venue
        .bank(&scene.stage.world, asset)
        .unwrap()
        .vault;
    let figures = |scene: &Scene| {
        let world = &scene.stage.world;
        let tokens = [world.tokens(&vault), world.tokens(&destination)];
        (scene.stage.owned(&fund, asset), tokens)
    };
    let (had, [held, got]) = figures(scene);
    let admin = admin(scene);
    let accrue = scene.stage.accrue(asset);
    let event: InsuranceWithdrawn = one(&scene.send(&[accrue, take], &[&admin]));
    assert_eq!(event.exchange, scene.stage.venue.addresses.exchange);
    assert_eq!((usize::from(event.asset), event.amount), (asset, amount));
    assert_eq!(event.destination, destination);
    let (has, [holds, gets]) = figures(scene);
    assert!((had - has - amount as i64).abs() <= 1);
    assert_eq!((held - holds, gets - got), (amount, amount));
}

#[test]
fn cash_above_the_floor() {
    let mut scene = Scene::steady();
    scene.stage.insure(1_000.0);
    refused(&mut scene, USDC, 0, BallastError::ZeroAmount);
    refused(
        &mut scene,
        USDC,
        1_000_000_001,
        BallastError::InsufficientDeposit,
    );
    scene.configure(|parameters| parameters.insurance_floor = 400_000_000);
    refused(
        &mut scene,
        USDC,
        1_000_000_001,
        BallastError::InsufficientDeposit,
    );
    refused(
        &mut scene,
        USDC,
        600_000_001,
        BallastError::BelowInsuranceFloor,
    );
    takes(&mut scene, USDC, 1);
    takes(&mut scene, USDC, 599_999_999);
    refused(&mut scene, USDC, 1, BallastError::BelowInsuranceFloor);
    // A floor above what it has takes nothing away.
    scene.configure(|parameters| parameters.insurance_floor = u64::MAX);
    refused(&mut scene, USDC, 1, BallastError::BelowInsuranceFloor);
    scene.configure(|parameters| parameters.insurance_floor = 0);
    takes(&mut scene, USDC, 400_000_000);
    assert_eq!(scene.fund(), 0);
    refused(&mut scene, USDC, 1, BallastError::InsufficientDeposit);
    refused(&mut scene, SOL, 1, BallastError::InsufficientDeposit);
}

#[test]
fn other_assets_have_no_floor_and_come_from_interest() {
    let mut scene = with_interest();
    scene.configure(|parameters| parameters.insurance_floor = u64::MAX);
    let borrower = scene.stage.trader(10, 2_000_000.0);
    scene.stage.mint(&borrower, SOL, 1);
    let accrue = scene.stage.accrue(SOL);
    let borrow = scene
        .stage
        .withdraw(&borrower, SOL, 5_000_000_000_000, true);
    scene.send(&[accrue, borrow], &[&borrower]);
    scene.stage.world.advance(86_400 * 30);
    // What the last month brought is not booked yet.
    refused(&mut scene, SOL, 1, BallastError::AccrueInterestFirst);
    let accrue = scene.stage.accrue(SOL);
    scene.send(&[accrue], &[]);
    let fund = scene.stage.venue.addresses.insurance_fund();
    let has = scene.stage.owned(&fund, SOL);
    // 5,000 SOL at about 4.3% for a month, 5% of it.
    near(has, 5_000e9 * 0.043 / 12.0 * 0.05, 0.2e9);
    refused(
        &mut scene,
        SOL,
        has as u64 + 1,
        BallastError::InsufficientDeposit,
    );
    takes(&mut scene, SOL, has as u64 / 2);
    let rest = scene.stage.owned(&fund, SOL) as u64;
    takes(&mut scene, SOL, rest);
    assert_eq!(scene.stage.owned(&fund, SOL), 0);
    refused(&mut scene, ETH, 1, BallastError::InsufficientDeposit);
}

#[test]
fn it_counts_as_an_outflow() {
    let mut scene = Scene::steady();
    scene.stage.insure(10_000.0);
    let bank = scene
        .stage
        .venue
        .addresses
        .bank(&scene.stage.venue.mints[USDC]);
    scene.stage.patch::<Bank>(&bank, |bank| {
        bank.outflow_limit = 1_000_000_000;
        bank.outflow_window_s = 1_000;
    });
    refused(
        &mut scene,
        USDC,
        1_000_000_001,
        BallastError::OutflowLimitExceeded,
    );
    takes(&mut scene, USDC, 700_000_000);
    refused(
        &mut scene,
        USDC,
        300_000_001,
        BallastError::OutflowLimitExceeded,
    );
    // Users' withdrawals share the limit.
    let taker = scene.taker.insecure_clone();
    scene.stage.mint(&taker, USDC, 1);
    let out = scene.stage.withdraw(&taker, USDC, 300_000_000, false);
    scene.send(&[out], &[&taker]);
    refused(&mut scene, USDC, 1, BallastError::OutflowLimitExceeded);
    scene.stage.world.advance(100);
    refused(
        &mut scene,
        USDC,
        100_000_001,
        BallastError::OutflowLimitExceeded,
    );
    takes(&mut scene, USDC, 100_000_000);
}

#[test]
fn only_what_the_vault_holds() {
    let mut scene = Scene::steady();
    scene.stage.insure(10_000.0);
    for key in [scene.dealer.insecure_clone(), scene.taker.insecure_clone()] {
        let owned = scene.stage.owned(&scene.stage.account(&key), USDC) as u64;
        scene.stage.mint(&key, USDC, 1);
        let out = scene.stage.withdraw(&key, USDC, owned, false);
        scene.send(&[out], &[&key]);
    }
    // The dealer's SOL carry a loan of nearly all that is left.
    let dealer = scene.dealer.insecure_clone();
    let borrow = scene.stage.withdraw(&dealer, USDC, 9_500_000_000, true);
    scene.send(&[borrow], &[&dealer]);
    refused(
        &mut scene,
        USDC,
        500_000_001,
        BallastError::InsufficientVaultLiquidity,
    );
    takes(&mut scene, USDC, 500_000_000);
    refused(
        &mut scene,
        USDC,
        1,
        BallastError::InsufficientVaultLiquidity,
    );
}

#[test]
fn a_paused_withdraw() {
    let mut scene = Scene::steady();
    scene.stage.insure(1_000.0);
    scene.pause(Pausable::Withdraw);
    refused(&mut scene, USDC, 1, BallastError::Paused);
    scene.stage.world.advance(3_600);
    takes(&mut scene, USDC, 1);
}

#[test]
fn accounts_in_the_wrong_place() {
    let mut scene = Scene::steady();
    scene.stage.insure(1_000.0);
    let theirs = scene.stage.other_venue();
    let (here, there) = (scene.stage.venue.addresses, theirs.addresses);
    let (mints, admin) = (scene.stage.venue.mints.clone(), admin(&scene));
    let (take, destination) = withdraw(&mut scene, USDC, 1);
    let receiver = Stage::key(200);
    let other_mint = scene.stage.mint(&receiver, SOL, 1);
    let elsewhere = scene.stage.mint(&Stage::key(201), USDC, 1);
    let vault = here.vault(&mints[USDC]);
    let dealer = scene.stage.account(&scene.dealer);
    let bank = here.bank(&mints[USDC]);
    for (from, to, error) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.insurance_fund(),
            dealer,
            BallastError::NotInsuranceFund.code(),
        ),
        (
            here.insurance_fund(),
            there.insurance_fund(),
            BallastError::NotInsuranceFund.code(),
        ),
        (
            bank,
            there.bank(&theirs.mints[USDC]),
            BallastError::WrongExchange.code(),
        ),
        (bank, here.bank(&mints[SOL]), BallastError::WrongMint.code()),
        (mints[USDC], mints[SOL], BallastError::WrongMint.code()),
        (
            vault,
            here.vault(&mints[SOL]),
            BallastError::WrongVault.code(),
        ),
        (vault, elsewhere, BallastError::WrongVault.code()),
        (
            destination,
            vault,
            ErrorCode::ConstraintDuplicateMutableAccount.code(),
        ),
        (
            destination,
            other_mint,
            BallastError::WrongTokenAccount.code(),
        ),
        (
            destination,
            bank,
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
        (bank, dealer, ErrorCode::AccountDiscriminatorMismatch.code()),
    ] {
        let wrong = with(take.clone(), &from, &to);
        scene.stage.refused(&[wrong], &[&admin], Code(error));
    }
    // The other exchange has another admin, and ours is nobody there.
    let abroad = with(take.clone(), &here.exchange, &there.exchange);
    let stage = &mut scene.stage;
    stage.refused(&[abroad], &[&admin], BallastError::NotAdmin);
    // Neither risk authority nor guardian nor anybody else.
    let stranger = scene.dealer.insecure_clone();
    let forged = with(take.clone(), &admin.pubkey(), &stranger.pubkey());
    let stage = &mut scene.stage;
    stage.refused(&[forged], &[&stranger], BallastError::NotAdmin);
    let silent = unsigned(take.clone(), &admin.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    scene.send(&[take], &[&admin]);
}

#[test]
fn anyone_may_give_cash_and_nobody_anything_else() {
    let mut scene = Scene::steady();
    let giver = Stage::key(201);
    let fund = scene.stage.venue.addresses.insurance_fund();
    for asset in [USDC, SOL] {
        let mint = scene.stage.venue.mints[asset];
        let source = scene.stage.mint(&giver, asset, 1_000);
        assert_eq!(source, World::token_address(&giver.pubkey(), &mint));
        let addresses = &scene.stage.venue.addresses;
        let key = giver.pubkey();
        let give = instructions::deposit(addresses, &mint, &fund, &key, &source, 600);
        if asset == USDC {
            let event: Deposited = one(&scene.send(&[give], &[&giver]));
            assert_eq!((event.margin_account, event.amount), (fund, 600));
            assert_eq!((event.depositor, scene.fund()), (key, 600));
        } else {
            let stage = &mut scene.stage;
            stage.refused(&[give], &[&giver], BallastError::NotOwnerOrDelegate);
        }
    }
    // What was given cannot be taken back.
    let mint = scene.stage.venue.mints[USDC];
    let destination = World::token_address(&giver.pubkey(), &mint);
    let addresses = &scene.stage.venue.addresses;
    let back = instructions::withdraw(
        addresses,
        &mint,
        &fund,
        &giver.pubkey(),
        &destination,
        1,
        false,
    );
    scene
        .stage
        .refused(&[back], &[&giver], BallastError::NotOwner);
}
