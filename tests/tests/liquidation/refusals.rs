//! Who and what may not take part in a liquidation.

use crate::scene::{Scene, WHOLE};
use ballast::error::BallastError;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_tests::{SOL, with};
use solana_signer::Signer;

#[test]
fn accounts_that_are_not_in_liquidation() {
    let mut scene = Scene::steady();
    let key = scene.trader(10, 3_500.0, SOL, 100.0);
    let liquidate = scene.liquidate_instruction(&key);
    scene.refused(liquidate.clone(), BallastError::LiquidationNotStarted);
    // Being below its margin is not enough either.
    scene.stage.set_price(SOL, 180.0);
    scene.refused(liquidate, BallastError::LiquidationNotStarted);
}

#[test]
fn fractions_out_of_bounds() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    for fraction in [0, WHOLE + 1, u64::MAX] {
        let liquidate = scene.liquidate_with(&key, fraction, i64::MAX, &[]);
        scene.refused(liquidate, BallastError::InvalidFraction);
    }
}

#[test]
fn the_account_itself_and_whoever_acts_for_it() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let stage = &mut scene.stage;
    let account = stage.account(&key);
    let venue = &stage.venue;
    let addresses = venue.addresses;
    let quote = venue.mints[0];
    let args = LiquidateArgs {
        fraction_max_q32: WHOLE,
        price_max: i64::MAX,
    };
    let by = |liquidator, signer| {
        instructions::liquidate(
            &addresses,
            &quote,
            &account,
            &liquidator,
            &signer,
            &[],
            args,
        )
    };
    // Itself.
    let own = by(account, key.pubkey());
    stage.refused(&[own], &[&key], BallastError::SameAccount);
    // Its owner's second account.
    let payer = stage.world.payer.pubkey();
    let open = instructions::open_account(&addresses, &key.pubkey(), &payer, 1);
    stage.world.send(&[open], &[&key]).unwrap();
    let second = addresses.margin_account(&key.pubkey(), 1);
    let own = by(second, key.pubkey());
    stage.refused(&[own], &[&key], BallastError::SameAccount);
    // The same with a delegate's signature.
    let friend = stage.trader(3, 100_000.0);
    let stranger = friend.pubkey();
    stage.patch::<ballast_client::state::MarginAccount>(&second, |second| {
        second.delegate = stranger;
    });
    let delegated = by(second, stranger);
    stage.refused(&[delegated], &[&friend], BallastError::SameAccount);
    // Whoever lets the owner sign for him.
    let other = stage.trader(4, 100_000.0);
    stage.set_delegate(&other, &key);
    let signs = by(stage.account(&other), key.pubkey());
    stage.refused(&[signs], &[&key], BallastError::SameAccount);
    // The insurance fund, on either side.
    let fund = addresses.insurance_fund();
    let buys = by(fund, stranger);
    stage.refused(&[buys], &[&friend], BallastError::SameAccount);
    let taker = scene.taker.insecure_clone();
    let sells = with(scene.liquidate_instruction(&key), &account, &fund);
    scene
        .stage
        .refused(&[sells], &[&taker], BallastError::SameAccount);
}

#[test]
fn a_signer_who_may_not_trade_for_the_taker() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let stranger = scene.stage.trader(3, 10.0);
    let taker = scene.taker.insecure_clone();
    let forged = with(
        scene.liquidate_instruction(&key),
        &taker.pubkey(),
        &stranger.pubkey(),
    );
    scene.stage.refused(
        std::slice::from_ref(&forged),
        &[&stranger],
        BallastError::NotOwnerOrDelegate,
    );
    // As the taker's delegate he may.
    scene.stage.set_delegate(&taker, &stranger);
    scene.stage.world.send(&[forged], &[&stranger]).unwrap();
    assert!(!scene.is_flagged(&key));
}

#[test]
fn accounts_of_another_exchange() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let other = scene.stage.other_venue();
    // A flagged account and a taker there, byte for byte like ours but for the exchange.
    let elsewhere = scene.stage.trader(20, 10.0);
    let foreign = other
        .open_account(&mut scene.stage.world, &elsewhere)
        .unwrap();
    let taker_there = other
        .open_account(&mut scene.stage.world, &scene.taker)
        .unwrap();
    let ours = scene.stage.venue.addresses;
    let theirs = other.addresses;
    let quote = |mints: &[anchor_lang::prelude::Pubkey]| mints[0];
    let (our_bank, their_bank) = (
        ours.bank(&quote(&scene.stage.venue.mints)),
        theirs.bank(&quote(&other.mints)),
    );
    let account = scene.stage.account(&key);
    let taker = scene.stage.account(&scene.taker);
    for (from, to, error) in [
        (ours.board, theirs.board, BallastError::WrongBoard),
        (ours.exchange, theirs.exchange, BallastError::WrongBoard),
        (account, foreign, BallastError::WrongExchange),
        (taker, taker_there, BallastError::WrongExchange),
        (
            ours.insurance_fund(),
            theirs.insurance_fund(),
            BallastError::WrongExchange,
        ),
        (our_bank, their_bank, BallastError::WrongExchange),
    ] {
        let wrong = with(scene.liquidate_instruction(&key), &from, &to);
        scene.refused(wrong, error);
    }
    let start = scene.start_instruction(&key);
    for (from, to, error) in [
        (ours.board, theirs.board, BallastError::WrongBoard),
        (account, foreign, BallastError::WrongExchange),
    ] {
        let wrong = with(start.clone(), &from, &to);
        scene.stage.refused(&[wrong], &[], error);
    }
}

#[test]
fn accounts_in_the_wrong_place() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    let addresses = scene.stage.venue.addresses;
    let mints = scene.stage.venue.mints.clone();
    let dealer = scene.stage.account(&scene.dealer);
    for (from, to, error) in [
        (
            addresses.insurance_fund(),
            dealer,
            BallastError::NotInsuranceFund,
        ),
        (
            addresses.bank(&mints[0]),
            addresses.bank(&mints[SOL]),
            BallastError::NotQuoteBank,
        ),
    ] {
        let wrong = with(scene.liquidate_instruction(&key), &from, &to);
        scene.refused(wrong, error);
    }
    let mut unsigned = scene.liquidate_instruction(&key);
    let signer = unsigned.accounts.iter_mut().find(|meta| meta.is_signer);
    signer.unwrap().is_signer = false;
    scene.stage.refused(
        &[unsigned],
        &[],
        anchor_lang::error::ErrorCode::AccountNotSigner,
    );
}

#[test]
fn a_taker_who_cannot_carry_it() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    scene.taker = scene.stage.trader(3, 10.0);
    let liquidate = scene.liquidate_instruction(&key);
    scene.refused(liquidate, BallastError::BelowInitialMargin);
    // A slice that fits him goes through.
    assert!(!scene.take(&key, WHOLE / 400).ended);
    scene.stage.check_books();
}

#[test]
fn a_taker_in_liquidation() {
    let mut scene = Scene::steady();
    let key = scene.flagged_long(10);
    scene.stage.set_price(SOL, 200.0);
    scene.stage.set_price(SOL, 200.0);
    let taker = scene.trader(11, 3_500.0, SOL, 100.0);
    scene.stage.set_price(SOL, 180.0);
    scene.start(&taker);
    scene.taker = taker;
    let liquidate = scene.liquidate_instruction(&key);
    scene.refused(liquidate, BallastError::InLiquidation);
}

#[test]
fn who_owes_nothing_is_never_liquidated() {
    let mut scene = Scene::steady();
    // Deposits that lose whatever they can: nobody is owed anything.
    let key = scene.stage.trader(10, 1.0);
    scene.stage.fund(&key, SOL, 100.0);
    scene.stage.set_price(SOL, 0.5);
    let start = scene.start_instruction(&key);
    scene
        .stage
        .refused(&[start], &[], BallastError::NotLiquidatable);
}
