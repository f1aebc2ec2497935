//! Delegates.

use super::scene::*;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::DelegateSet;
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, SOL, Stage, unsigned, with};
use solana_signer::Signer;

#[test]
fn a_delegate_trades_and_deposits_and_takes_nothing_out() {
    let mut stage = stage();
    let (owner, helper) = (stage.trader(1, 1_000.0), stage.trader(2, 100.0));
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[USDC]);
    let account = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let wallet = stage.mint(&helper, USDC, 100);
    let (mine, theirs) = (owner.pubkey(), helper.pubkey());
    let price = stage.venue.price_per_lot(SOL, 200.0);
    let order = Venue::limit(Side::Bid, price, 1);
    let place = with(stage.place(&owner, SOL, order), &mine, &theirs);
    let put = instructions::deposit(&addresses, &mint, &account, &theirs, &wallet, 10);
    let cancel = instructions::cancel_order(&account, &theirs, 0);
    let trades = [place, put, cancel];
    let stranger = BallastError::NotOwnerOrDelegate;
    stage.refused(&trades[..1], &[&helper], stranger);
    stage.refused(&trades[1..2], &[&helper], BallastError::NotOwnerOrDelegate);

    let set = instructions::set_delegate(&account, &mine, &theirs);
    let event: DelegateSet = send(&mut stage, &[set.clone()], &[&owner]);
    assert_eq!((event.margin_account, event.delegate), (account, theirs));
    assert_eq!(stage.state(&owner).delegate, theirs);
    for trade in &trades {
        stage
            .world
            .send(std::slice::from_ref(trade), &[&helper])
            .unwrap();
    }
    assert_eq!(stage.owned(&account, USDC), 1_000_000_010);
    assert_eq!(stage.state(&owner).next_order_id, 1);
    // Only for this account.
    let elsewhere = with(trades[1].clone(), &account, &second);
    stage.refused(&[elsewhere], &[&helper], BallastError::NotOwnerOrDelegate);

    let take = |amount, borrow| {
        instructions::withdraw(
            &addresses, &mint, &account, &theirs, &wallet, amount, borrow,
        )
    };
    let moved = |from, to| instructions::transfer(&addresses, &mint, &from, &to, &theirs, 1);
    let close = with(
        instructions::close_account(&addresses, &mine, 1),
        &mine,
        &theirs,
    );
    let passed_on = instructions::set_delegate(&account, &theirs, &Stage::key(9).pubkey());
    for instruction in [
        take(1, false),
        take(u64::MAX, true),
        moved(account, second),
        moved(account, stage.account(&helper)),
        moved(stage.account(&helper), account),
        close,
        passed_on,
    ] {
        stage.refused(&[instruction], &[&helper], BallastError::NotOwner);
    }
    // The owner goes on as before.
    let order = stage.place(&owner, SOL, order);
    stage.world.send(&[order], &[&owner]).unwrap();

    // Another one takes the place; the default key takes it back, and nobody is it.
    let next = Stage::key(9);
    let replace = instructions::set_delegate(&account, &mine, &next.pubkey());
    stage.world.send(&[replace], &[&owner]).unwrap();
    let late = instructions::cancel_order(&account, &theirs, 1);
    stage.refused(
        &[late.clone()],
        &[&helper],
        BallastError::NotOwnerOrDelegate,
    );
    stage.world.send(&[set], &[&owner]).unwrap();
    let nobody = instructions::set_delegate(&account, &mine, &Pubkey::default());
    let event: DelegateSet = send(&mut stage, &[nobody], &[&owner]);
    assert_eq!(event.delegate, Pubkey::default());
    for instruction in [trades[0].clone(), trades[1].clone(), late.clone()] {
        stage.refused(&[instruction], &[&helper], BallastError::NotOwnerOrDelegate);
    }
    let nobody = unsigned(with(late, &theirs, &Pubkey::default()), &Pubkey::default());
    stage.refused(&[nobody], &[], ErrorCode::AccountNotSigner);
    stage.check_books();
}

#[test]
fn only_the_owner_sets_a_delegate() {
    let mut stage = stage();
    let (owner, stranger) = (stage.trader(1, 1.0), stage.trader(2, 1.0));
    let (account, fund) = (
        stage.account(&owner),
        stage.venue.addresses.insurance_fund(),
    );
    let set = instructions::set_delegate(&account, &owner.pubkey(), &stranger.pubkey());
    let silent = unsigned(set.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let forged = with(set.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwner);
    for (wrong, code) in [
        (stage.account(&stranger), BallastError::NotOwner.code()),
        (fund, BallastError::NotOwner.code()),
        (
            stage.market(SOL),
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (
            stage.venue.mints[0],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ] {
        let wrong = with(set.clone(), &account, &wrong);
        stage.refused(&[wrong], &[&owner], Code(code));
    }
    let mut fixed = set;
    fixed.accounts[0].is_writable = false;
    stage.refused(&[fixed], &[&owner], ErrorCode::ConstraintMut);
    // The insurance fund's key is nobody's, and the admin is not its owner.
    let admin = stage.venue.admin.insecure_clone();
    let grab = instructions::set_delegate(&fund, &admin.pubkey(), &admin.pubkey());
    stage.refused(&[grab], &[&admin], BallastError::NotOwner);
}
