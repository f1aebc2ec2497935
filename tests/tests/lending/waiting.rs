//! What must wait for the accrual of interest.

use super::scene::*;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_client::state::health::Purpose;
use ballast_tests::{BTC, ETH, SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// The instruction is refused for want of the accrual of each of these assets, and passes with it.
#[track_caller]
fn waits(stage: &mut Stage, instruction: &Instruction, signers: &[&Keypair], assets: &[usize]) {
    let cranks: Vec<_> = assets.iter().map(|&asset| stage.accrue(asset)).collect();
    let first = BallastError::AccrueInterestFirst;
    stage.refused(&[instruction.clone()], signers, first);
    for missing in 0..cranks.len() {
        let mut all = cranks.clone();
        // Neither the accrual of another asset nor one that comes too late helps.
        all[missing] = stage.accrue(BTC);
        all.push(instruction.clone());
        all.push(cranks[missing].clone());
        stage.refused(&all, signers, BallastError::AccrueInterestFirst);
    }
    let all = [cranks, vec![instruction.clone()]].concat();
    if let Err(refusal) = stage.simulate(&all, signers) {
        panic!("{refusal}");
    }
}

#[test]
fn once_something_is_lent_time_must_be_paid_for_before_shares_change() {
    let mut stage = stage();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let (long, short) = (stage.trader(3, 100_000.0), stage.trader(4, 100_000.0));
    let (poor, liquidator) = (stage.trader(5, 12_000.0), stage.trader(6, 1_000_000.0));
    // Loans of USDC, and of ETH, which the liquidator owes.
    stage.fund(&borrower, BTC, 10.0);
    stage.fund(&lender, ETH, 10.0);
    stage.fund(&poor, ETH, 1.0);
    for (who, asset, amount) in [
        (&borrower, USDC, 1_000_500_000_000),
        (&liquidator, ETH, 200_000_000),
    ] {
        stage.mint(who, asset, 0);
        let world = &mut stage.world;
        stage
            .venue
            .withdraw(world, who, asset, amount, true)
            .unwrap();
    }
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage
        .trade(&liquidator, &poor, SOL, Side::Bid, 300.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 160.0);
    let start = instructions::start_liquidation(&stage.venue.addresses, &stage.account(&poor));
    stage.world.send(&[start], &[]).unwrap();
    // Something in the pool for the winner.
    let account = stage.account(&poor);
    stage.venue.settle(&mut stage.world, &account, SOL).unwrap();
    stage.mint(&lender, SOL, 10);
    let second = sub_account(&mut stage, &lender, 1);
    stage.check_books();

    let put = stage.deposit(&lender, SOL, 10);
    let repay = stage.deposit(&borrower, SOL, 10);
    let take = stage.withdraw(&lender, SOL, 10, false);
    let all = stage.withdraw(&lender, SOL, u64::MAX, false);
    let more = stage.withdraw(&borrower, SOL, 10, true);
    let own = [stage.account(&lender), second];
    let moved = transfer(&stage, &lender, own, SOL, 10);
    let (curve, admin) = update(&stage, SOL, |parameters| {
        parameters.interest_rates_q32[3] += 1;
    });
    let loss = stage.settle(&stage.account(&long), SOL);
    let gain = stage.settle(&stage.account(&short), SOL);
    let (bank_of_eth, market) = (
        stage.venue.addresses.bank(&stage.venue.mints[ETH]),
        stage.market(SOL),
    );
    let slice = instructions::liquidate(
        &stage.venue.addresses,
        &stage.venue.mints[USDC],
        &stage.account(&poor),
        &stage.account(&liquidator),
        &liquidator.pubkey(),
        &[bank_of_eth, market],
        LiquidateArgs {
            fraction_max_q32: 1 << 30,
            price_max: i64::MAX,
        },
    );
    // In the second of the last accrual all of them pass.
    for (instruction, signer) in [(&put, &lender), (&take, &lender), (&slice, &liquidator)] {
        let done = stage.simulate(&[instruction.clone()], &[signer]);
        assert!(done.is_ok(), "{done:?}");
    }
    stage.world.advance(1);
    waits(&mut stage, &put, &[&lender], &[SOL]);
    waits(&mut stage, &repay, &[&borrower], &[SOL]);
    waits(&mut stage, &take, &[&lender], &[SOL]);
    waits(&mut stage, &more, &[&borrower], &[SOL]);
    waits(&mut stage, &moved, &[&lender], &[SOL]);
    waits(&mut stage, &curve, &[&admin], &[SOL]);
    waits(&mut stage, &loss, &[], &[USDC]);
    waits(&mut stage, &gain, &[], &[USDC]);
    waits(&mut stage, &slice, &[&liquidator], &[USDC, ETH]);
    // The whole deposit is more than the vault has; a stale index is said first.
    stage.refused(&[all], &[&lender], BallastError::AccrueInterestFirst);

    // The slice for real.
    let cranks = [stage.accrue(USDC), stage.accrue(ETH), slice];
    stage.world.send(&cranks, &[&liquidator]).unwrap();
    stage.check_books();
    for settle in [loss, gain] {
        stage.world.send(&[settle], &[]).unwrap();
    }
    stage.check_books();
}

#[test]
fn while_nothing_is_lent_only_the_first_loan_waits() {
    let mut stage = stage();
    let owner = stage.trader(1, 1_000.0);
    let (long, short) = (stage.trader(3, 10_000.0), stage.trader(4, 10_000.0));
    let second = sub_account(&mut stage, &owner, 1);
    stage.fund(&owner, SOL, 10.0);
    stage.mint(&owner, SOL, 10);
    stage.mint(&long, SOL, 0);
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 190.0);
    stage.world.advance(400 * DAY);
    let (curve, admin) = update(&stage, SOL, |parameters| {
        parameters.interest_rates_q32[3] += 1;
    });
    let own = [stage.account(&owner), second];
    for (instruction, signers) in [
        (stage.deposit(&owner, SOL, 10), vec![&owner]),
        (stage.withdraw(&owner, SOL, 5, false), vec![&owner]),
        (transfer(&stage, &owner, own, SOL, 5), vec![&owner]),
        (curve, vec![&admin]),
        (stage.settle(&stage.account(&long), SOL), vec![]),
        (stage.settle(&stage.account(&short), SOL), vec![]),
    ] {
        stage.world.send(&[instruction], &signers).unwrap();
    }
    stage.check_books();
    assert_eq!(growth(&stage, SOL), [1.0, 1.0]);

    // The first loan would owe interest for a time in which nothing was lent.
    let loan = stage.withdraw(&long, SOL, 1_000, true);
    waits(&mut stage, &loan, &[&long], &[SOL]);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue, loan], &[&long]).unwrap();
    assert_eq!(stage.owned(&stage.account(&long), SOL), -1_000);
    assert_eq!(growth(&stage, SOL), [1.0, 1.0]);

    // A loss beyond the cash is a loan as well.
    let cash = stage.withdraw(&long, USDC, u64::MAX, false);
    stage.refused(&[cash], &[&long], BallastError::BelowInitialMargin);
    let account = stage.account(&long);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::AddRisk)
        .unwrap();
    let spare = stage.withdraw(&long, USDC, report.health_initial() as u64, false);
    stage.world.send(&[spare], &[&long]).unwrap();
    stage.fund(&long, ETH, 10.0);
    stage.set_price(SOL, 150.0);
    stage.world.advance(1);
    let loss = stage.settle(&account, SOL);
    waits(&mut stage, &loss, &[], &[USDC]);
    let accrue = stage.accrue(USDC);
    stage.world.send(&[accrue, loss], &[]).unwrap();
    assert!(stage.owned(&account, USDC) < 0);
    stage.check_books();
}

#[test]
fn a_liquidation_waits_even_when_nothing_is_lent_for_it_may_lend() {
    let mut stage = stage();
    let (poor, liquidator) = (stage.trader(5, 12_000.0), stage.trader(6, 1_000_000.0));
    stage
        .trade(&liquidator, &poor, SOL, Side::Bid, 300.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 165.0);
    let (addresses, account) = (stage.venue.addresses, stage.account(&poor));
    let start = instructions::start_liquidation(&addresses, &account);
    stage.world.advance(1);
    // The flag itself moves no shares.
    stage.world.send(&[start], &[]).unwrap();
    let slice = instructions::liquidate(
        &addresses,
        &stage.venue.mints[USDC],
        &account,
        &stage.account(&liquidator),
        &liquidator.pubkey(),
        &[stage.market(SOL)],
        LiquidateArgs {
            fraction_max_q32: 1 << 30,
            price_max: i64::MAX,
        },
    );
    assert!(bank(&stage, USDC).borrow_shares.is_zero());
    waits(&mut stage, &slice, &[&liquidator], &[USDC]);
    let accrue = stage.accrue(USDC);
    stage.world.send(&[accrue, slice], &[&liquidator]).unwrap();
    stage.check_books();
}
