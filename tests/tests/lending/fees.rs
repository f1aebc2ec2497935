//! The exchange's fees, and what lending costs.

use super::scene::*;
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast::events::FeesWithdrawn;
use ballast_client::instructions;
use ballast_client::state::Bank;
use ballast_sim::CodedError;
use ballast_tests::{BTC, Code, SOL, Stage, unsigned, with};
use solana_signer::Signer;

#[test]
fn the_admin_takes_out_fees_and_nothing_but_fees() {
    let mut stage = stage();
    let other = stage.other_venue();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let admin = stage.venue.admin.insecure_clone();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (sol, usdc) = (stage.venue.mints[SOL], stage.venue.mints[USDC]);
    let (chest, dollars) = (stage.mint(&admin, SOL, 0), stage.mint(&admin, USDC, 0));
    let take = |amount| instructions::withdraw_fees(&here, &admin.pubkey(), &sol, &chest, amount);
    // Nothing was earned yet.
    for (amount, error) in [
        (0, BallastError::ZeroAmount),
        (u64::MAX, BallastError::ZeroAmount),
        (1, BallastError::InsufficientFees),
    ] {
        stage.refused(&[take(amount)], &[&admin], error);
    }
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue], &[]).unwrap();
    let (fees, held) = (bank(&stage, SOL).fees, vault(&stage, SOL));
    assert!(fees > 800_000_000);
    let shares = |stage: &Stage| {
        let bank = bank(stage, SOL);
        [bank.deposit_shares.get(), bank.borrow_shares.get()]
    };
    let before = shares(&stage);

    let good = take(7);
    let (bank_key, vault_key) = (here.bank(&sol), here.vault(&sol));
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let duplicate = ErrorCode::ConstraintDuplicateMutableAccount.code();
    for (right, wrong, code) in [
        (here.exchange, there.exchange, BallastError::NotAdmin.code()),
        (
            bank_key,
            there.bank(&other.mints[SOL]),
            BallastError::WrongExchange.code(),
        ),
        (bank_key, here.bank(&usdc), BallastError::WrongMint.code()),
        (sol, usdc, BallastError::WrongMint.code()),
        (
            vault_key,
            here.vault(&usdc),
            BallastError::WrongVault.code(),
        ),
        (
            vault_key,
            stage.mint(&lender, SOL, 0),
            BallastError::WrongVault.code(),
        ),
        (chest, dollars, BallastError::WrongTokenAccount.code()),
        (chest, vault_key, duplicate),
        (bank_key, here.board, mismatch),
        (here.exchange, here.board, mismatch),
    ] {
        let wrong = with(good.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&admin], Code(code));
    }
    let silent = unsigned(good.clone(), &admin.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let forged = with(good, &admin.pubkey(), &lender.pubkey());
    stage.refused(&[forged], &[&lender], BallastError::NotAdmin);
    for (amount, error) in [
        (0, BallastError::ZeroAmount),
        (fees + 1, BallastError::InsufficientFees),
        (u64::MAX - 1, BallastError::InsufficientFees),
    ] {
        stage.refused(&[take(amount)], &[&admin], error);
    }

    let event: FeesWithdrawn = send(&mut stage, &[take(7)], &[&admin]);
    assert_eq!(event.exchange, here.exchange);
    assert_eq!(
        (event.asset, event.amount, event.destination),
        (SOL as u8, 7, chest)
    );
    assert_eq!(stage.world.tokens(&chest), 7);
    assert_eq!(
        (bank(&stage, SOL).fees, vault(&stage, SOL)),
        (fees - 7, held - 7)
    );
    stage.check_books();

    // Lenders come first to what is in the vault; then fees wait for repayment.
    let rest = stage.withdraw(&lender, SOL, held - fees + 1, false);
    stage.world.send(&[rest], &[&lender]).unwrap();
    stage.refused(
        &[take(u64::MAX)],
        &[&admin],
        BallastError::InsufficientVaultLiquidity,
    );
    let repay = stage.deposit(&borrower, SOL, TOKEN);
    stage.world.send(&[repay], &[&borrower]).unwrap();
    // The outflow limit holds for fees as well.
    stage.patch::<Bank>(&bank_key, |bank| {
        (bank.outflow, bank.outflow_limit, bank.outflow_window_s) = (0, fees - 8, 86_400);
    });
    stage.refused(
        &[take(u64::MAX)],
        &[&admin],
        BallastError::OutflowLimitExceeded,
    );
    stage.patch::<Bank>(&bank_key, |bank| bank.outflow_limit = fees - 7);
    let event: FeesWithdrawn = send(&mut stage, &[take(u64::MAX)], &[&admin]);
    assert_eq!(event.amount, fees - 7);
    assert_eq!(
        (stage.world.tokens(&chest), bank(&stage, SOL).fees),
        (fees, 0)
    );
    stage.refused(&[take(u64::MAX)], &[&admin], BallastError::ZeroAmount);
    stage.patch::<Bank>(&bank_key, |bank| bank.outflow_limit = 0);
    stage.check_books();

    // Everybody else is still paid in full.
    let account = stage.account(&borrower);
    let owed = -stage.owned(&account, SOL) as u64;
    assert!(shares(&stage)[0] < before[0] && owed > 0);
    stage.mint(&borrower, SOL, owed);
    for (instruction, key) in [
        (stage.deposit(&borrower, SOL, owed), &borrower),
        (stage.withdraw(&lender, SOL, u64::MAX, false), &lender),
    ] {
        stage.world.send(&[instruction], &[key]).unwrap();
    }
    let fund = stage.owned(&here.insurance_fund(), SOL) as u64;
    assert!((fund..fund + 300).contains(&vault(&stage, SOL)));
    stage.check_books();
}

#[test]
fn lending_stays_below_its_ceilings_of_compute_units() {
    let mut stage = stage();
    let [_, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let second = sub_account(&mut stage, &borrower, 1);
    stage.fund(&borrower, BTC, 1.0);
    let world = &mut stage.world;
    world.compute_units.clear();
    world.advance(DAY);
    let own = [stage.account(&borrower), second];
    let steps = [
        stage.accrue(SOL),
        stage.withdraw(&borrower, SOL, TOKEN, true),
        stage.withdraw(&borrower, USDC, 1_000_000, false),
        transfer(&stage, &borrower, own, USDC, 1_000_000),
        transfer(&stage, &borrower, own, BTC, 1_000_000),
    ];
    stage.mint(&borrower, USDC, 0);
    stage.world.send(&steps, &[&borrower]).unwrap();
    for (name, ceiling) in [
        ("AccrueInterest", 7_600),
        ("Withdraw", 17_200),
        ("Transfer", 13_000),
    ] {
        let most = *stage.world.compute_units[name].iter().max().unwrap();
        println!("{name}: {most} compute units");
        assert!(most <= ceiling, "{name} takes {most}");
    }
    stage.check_books();
}
