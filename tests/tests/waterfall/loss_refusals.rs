//! When and where no loss is shared.

use super::losses::with_interest;
use super::scene::{END_S, FIRST_S, Scene, USDC, WHOLE, near, sol};
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast_client::state::Pausable;
use ballast_sim::CodedError;
use ballast_tests::{Code, ETH, SOL, with};

#[test]
fn accounts_that_are_not_bankrupt() {
    let mut scene = Scene::steady();
    let key = scene.bust_borrower(10);
    let resolve = scene.resolve_instruction(USDC, &key);
    let healthy = scene.resolve_instruction(USDC, &scene.dealer);
    scene.refused(healthy, BallastError::LiquidationNotStarted);
    scene.stage.set_price(SOL, 160.0);
    scene.refused(resolve.clone(), BallastError::NotInsolvent);
    scene.stage.set_price(SOL, 140.0);
    scene.stage.insure(100.0);
    scene.refused(resolve.clone(), BallastError::InsuranceFundNotEmpty);
    let taken = scene.take(&key, WHOLE);
    near(taken.insurance_payment as i64, 100e6, 1.0);
    for elapsed_s in [0, FIRST_S - 1] {
        scene.wind(&key, elapsed_s);
        scene.refused(resolve.clone(), BallastError::TooEarly);
    }
    scene.wind(&key, FIRST_S);
    scene.passes(&resolve);
    scene.stage.world.advance(121);
    scene.refused(resolve, BallastError::StalePrice);
}

#[test]
fn conditions_are_checked_in_this_order() {
    // Each of these is wrong with more and more.
    let mut scene = with_interest();
    let key = scene.insolvent(10);
    scene.configure(|parameters| parameters.loss_maximum_q32 = 0);
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.wind(&key, END_S);
    scene.settle(&key, &sol());
    scene.refused(resolve.clone(), BallastError::LossLimitReached);
    let no_loan = scene.resolve_instruction(ETH, &key);
    let accrue = scene.stage.accrue(ETH);
    let stage = &mut scene.stage;
    stage.refused(&[accrue, no_loan], &[], BallastError::NoLoan);
    scene.wind(&key, END_S - 1);
    scene.refused(resolve.clone(), BallastError::PositionsStillOpen);
    scene.wind(&key, FIRST_S - 1);
    scene.refused(resolve.clone(), BallastError::TooEarly);
    scene.stage.insure(1_000.0);
    scene.refused(resolve.clone(), BallastError::InsuranceFundNotEmpty);
    scene.stage.set_price(SOL, 170.0);
    scene.refused(resolve.clone(), BallastError::NotInsolvent);
    let healthy = scene.resolve_instruction(USDC, &scene.dealer);
    scene.refused(healthy.clone(), BallastError::LiquidationNotStarted);
    scene.stage.world.advance(1);
    scene.refused(healthy.clone(), BallastError::AccrueInterestFirst);
    scene.pause(Pausable::ResolveBankruptcy);
    scene.refused(healthy, BallastError::Paused);
    scene.refused(resolve, BallastError::Paused);
}

#[test]
fn a_pause_ends() {
    let mut scene = Scene::steady();
    let key = scene.bust_borrower(10);
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.wind(&key, FIRST_S);
    scene.pause(Pausable::AutoDeleverage);
    scene.passes(&resolve);
    scene.pause(Pausable::ResolveBankruptcy);
    scene.refused(resolve.clone(), BallastError::Paused);
    scene.stage.world.advance(3_600);
    scene.stage.set_price(SOL, 140.0);
    scene.send(&[resolve], &[]);
}

#[test]
fn accounts_in_the_wrong_place() {
    let mut scene = Scene::steady();
    let key = scene.bust_borrower(10);
    let theirs = scene.stage.other_venue();
    let elsewhere = theirs.open_account(&mut scene.stage.world, &key).unwrap();
    let (here, there) = (scene.stage.venue.addresses, theirs.addresses);
    let mints = scene.stage.venue.mints.clone();
    let account = scene.stage.account(&key);
    let dealer = scene.stage.account(&scene.dealer);
    scene.wind(&key, FIRST_S);
    let right = scene.resolve_instruction(USDC, &key);
    let bank = here.bank(&mints[USDC]);
    for (from, to, error) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (
            bank,
            there.bank(&theirs.mints[USDC]),
            BallastError::WrongExchange.code(),
        ),
        (account, elsewhere, BallastError::WrongExchange.code()),
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
            account,
            here.insurance_fund(),
            BallastError::SameAccount.code(),
        ),
        (bank, here.bank(&mints[SOL]), BallastError::NoLoan.code()),
        (
            bank,
            account,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (
            account,
            bank,
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
    ] {
        let wrong = with(right.clone(), &from, &to);
        scene.refused(wrong, Code(error));
    }
    for place in [1, 2, 3] {
        let mut read_only = right.clone();
        assert!(read_only.accounts[place].is_writable);
        read_only.accounts[place].is_writable = false;
        scene.refused(read_only, ErrorCode::ConstraintMut);
    }
    scene.send(&[right], &[]);
}
