//! Transfers between accounts of one owner.

use super::scene::*;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_spl::token::spl_token;
use ballast::error::BallastError;
use ballast::events::{LiquidationEnded, Transferred};
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarginAccount, Side};
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, World};
use ballast_tests::{Code, ETH, SOL, Stage, unsigned, with};
use solana_signer::Signer;

/// The tokens of every token account.
fn all_tokens(stage: &Stage) -> Vec<(Pubkey, Vec<u8>)> {
    let accounts = stage.world.svm.get_program_accounts(&spl_token::ID);
    let mut tokens: Vec<_> = accounts
        .into_iter()
        .map(|(key, account)| (key, account.data))
        .collect();
    tokens.sort();
    tokens
}

#[test]
fn a_transfer_moves_a_deposit_and_no_token() {
    let mut stage = stage();
    let owner = stage.trader(1, 0.001);
    stage.fund(&owner, SOL, 2.0);
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 7);
    let tokens = all_tokens(&stage);
    let owns = |stage: &Stage, asset| [first, second].map(|key| stage.owned(&key, asset));
    let some = transfer(&stage, &owner, [first, second], USDC, 300);
    let event: Transferred = send(&mut stage, &[some], &[&owner]);
    assert_eq!((event.from, event.to), (first, second));
    assert_eq!((event.asset, event.amount), (0, 300));
    assert_eq!(owns(&stage, USDC), [700, 300]);
    let all = transfer(&stage, &owner, [first, second], SOL, u64::MAX);
    let event: Transferred = send(&mut stage, &[all], &[&owner]);
    assert_eq!((event.asset, event.amount), (SOL as u8, 2 * TOKEN));
    assert_eq!(owns(&stage, SOL), [0, 2_000_000_000]);
    assert!(stage.state(&owner).balance(SOL as u8).is_none());
    let exactly = transfer(&stage, &owner, [first, second], USDC, 700);
    stage.world.send(&[exactly], &[&owner]).unwrap();
    let back = transfer(&stage, &owner, [second, first], USDC, u64::MAX);
    stage.world.send(&[back], &[&owner]).unwrap();
    assert_eq!(owns(&stage, USDC), [1_000, 0]);
    assert!(tokens == all_tokens(&stage));
    let bank = bank(&stage, USDC);
    assert_eq!(bank.deposit_shares.get(), 1_000);
    stage.check_books();
}

#[test]
fn a_transfer_repays_the_receivers_loan_first() {
    let mut stage = stage();
    let [_, borrower] = lent(&mut stage, 1_000.0, 100 * TOKEN);
    let (account, second) = (
        stage.account(&borrower),
        sub_account(&mut stage, &borrower, 1),
    );
    // Sub-account 1 has the SOL that sub-account 0 owes.
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[SOL]);
    let (key, wallet) = (
        borrower.pubkey(),
        World::token_address(&borrower.pubkey(), &mint),
    );
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, 100 * TOKEN);
    stage.world.send(&[put], &[&borrower]).unwrap();
    let lent = bank(&stage, SOL);
    let part = transfer(&stage, &borrower, [second, account], SOL, 40 * TOKEN);
    stage.world.send(&[part], &[&borrower]).unwrap();
    assert_eq!(stage.owned(&account, SOL), -60_000_000_000);
    let now = bank(&stage, SOL);
    for (before, after) in [
        (lent.borrow_shares, now.borrow_shares),
        (lent.deposit_shares, now.deposit_shares),
    ] {
        assert_eq!(before.get() - after.get(), 40 * TOKEN);
    }
    stage.check_books();

    // With interest: whoever owes it gets it paid, and the rest of the deposit arrives.
    stage.mint(&borrower, SOL, 41 * TOKEN);
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, 41 * TOKEN);
    stage.world.send(&[accrue, put], &[&borrower]).unwrap();
    let (owed, owned) = (-stage.owned(&account, SOL), stage.owned(&second, SOL));
    assert!(owed > 60_000_000_000 && owned > 101_000_000_000);
    let all = transfer(&stage, &borrower, [second, account], SOL, u64::MAX);
    let event: Transferred = send(&mut stage, &[all], &[&borrower]);
    assert_eq!(event.amount as i64, owned);
    assert!((0..=2).contains(&(owned - owed - stage.owned(&account, SOL))));
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    stage.check_books();
}

#[test]
fn a_transfer_ends_the_receivers_liquidation_when_it_recovers() {
    let mut stage = stage();
    let (dealer, owner) = (stage.trader(1, 1_000_000.0), stage.trader(2, 10_000.0));
    let account = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[USDC]);
    let wallet = stage.mint(&owner, USDC, 50_000_000_000);
    let (key, amount) = (owner.pubkey(), 50_000_000_000);
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, amount);
    stage.world.send(&[put], &[&owner]).unwrap();
    stage
        .trade(&dealer, &owner, SOL, Side::Bid, 150.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 150.0);
    let start = instructions::start_liquidation(&addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
    let out = transfer(&stage, &owner, [account, second], USDC, 1);
    stage.refused(&[out.clone()], &[&owner], BallastError::InLiquidation);
    // Too little, then enough.
    let little = transfer(&stage, &owner, [second, account], USDC, 1_000_000);
    let done = stage.world.send(&[little], &[&owner]).unwrap();
    assert_eq!(events::decode_all(&done.logs).len(), 1);
    assert!(stage.state(&owner).in_liquidation());
    stage.refused(&[out.clone()], &[&owner], BallastError::InLiquidation);
    let enough = transfer(&stage, &owner, [second, account], USDC, 40_000_000_000);
    let event: LiquidationEnded = send(&mut stage, &[enough], &[&owner]);
    assert_eq!(event.margin_account, account);
    assert!(!stage.state(&owner).in_liquidation());
    stage.simulate(&[out.clone()], &[&owner]).unwrap();
    stage.check_books();

    // Flagged and recovered by the price alone: the sender's flag ends by itself too.
    stage.patch::<MarginAccount>(&account, |account| account.start_liquidation(1));
    stage.set_price(SOL, 190.0);
    let event: LiquidationEnded = send(&mut stage, &[out], &[&owner]);
    assert_eq!(event.margin_account, account);
}

#[test]
fn transfers_are_refused_between_accounts_that_do_not_belong_together() {
    let mut stage = stage();
    let other = stage.other_venue();
    let (owner, stranger) = (stage.trader(1, 100.0), stage.trader(2, 100.0));
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let foreign = other.open_account(&mut stage.world, &owner).unwrap();
    let theirs = stage.account(&stranger);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let good = transfer(&stage, &owner, [first, second], USDC, 10);
    let bank = here.bank(&stage.venue.mints[USDC]);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    for (right, wrong, code) in [
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (here.board, there.board, BallastError::WrongBoard.code()),
        (first, theirs, BallastError::NotOwner.code()),
        (second, theirs, BallastError::NotOwner.code()),
        (first, foreign, BallastError::WrongExchange.code()),
        (second, foreign, BallastError::WrongExchange.code()),
        (second, here.insurance_fund(), BallastError::NotOwner.code()),
        (first, here.insurance_fund(), BallastError::NotOwner.code()),
        (
            bank,
            there.bank(&other.mints[USDC]),
            BallastError::WrongExchange.code(),
        ),
        (first, here.board, mismatch),
        (second, here.board, mismatch),
        (bank, here.board, mismatch),
        (
            second,
            stage.venue.mints[USDC],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ] {
        let wrong = with(good.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&owner], Code(code));
    }
    for same in [first, second] {
        let same = transfer(&stage, &owner, [same, same], USDC, 10);
        stage.refused(&[same], &[&owner], BallastError::SameAccount);
    }
    let forged = with(good.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwner);
    let silent = unsigned(good.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    for key in [first, second, bank] {
        let mut fixed = good.clone();
        for meta in &mut fixed.accounts {
            meta.is_writable &= meta.pubkey != key;
        }
        stage.refused(&[fixed], &[&owner], ErrorCode::ConstraintMut);
    }
    stage.world.send(&[good], &[&owner]).unwrap();
    stage.check_books();
}

#[test]
fn transfers_are_refused_beyond_the_deposit_the_margin_and_the_slots() {
    let mut stage = stage();
    let (dealer, owner) = (stage.trader(1, 100_000.0), stage.trader(2, 10_000.0));
    stage.fund(&dealer, ETH, 10.0);
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let own = [first, second];
    let cash = 10_000_000_000;
    for (asset, amount, error) in [
        (USDC, 0, BallastError::ZeroAmount),
        (USDC, cash + 1, BallastError::InsufficientDeposit),
        (USDC, u64::MAX - 1, BallastError::InsufficientDeposit),
        (SOL, 1, BallastError::InsufficientDeposit),
        (SOL, u64::MAX, BallastError::ZeroAmount),
    ] {
        let wrong = transfer(&stage, &owner, own, asset, amount);
        stage.refused(&[wrong], &[&owner], error);
    }
    // A loan is no deposit.
    stage.mint(&owner, ETH, 0);
    let loan = stage.withdraw(&owner, ETH, 1_000, true);
    stage.world.send(&[loan], &[&owner]).unwrap();
    for (amount, error) in [
        (1, BallastError::InsufficientDeposit),
        (u64::MAX, BallastError::ZeroAmount),
    ] {
        let wrong = transfer(&stage, &owner, own, ETH, amount);
        stage.refused(&[wrong], &[&owner], error);
    }

    // Initial margin stays, to the unit.
    stage
        .trade(&dealer, &owner, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let report = stage
        .venue
        .assess(&stage.world, &first, Purpose::AddRisk)
        .unwrap();
    let spare = report.health_initial() as u64;
    for amount in [spare + 1, u64::MAX] {
        let beyond = transfer(&stage, &owner, own, USDC, amount);
        stage.refused(&[beyond], &[&owner], BallastError::BelowInitialMargin);
    }
    let fits = transfer(&stage, &owner, own, USDC, spare);
    stage.world.send(&[fits], &[&owner]).unwrap();
    stage.check_books();

    // A receiver without a slot; for cash there always is one.
    stage.fund(&owner, SOL, 1.0);
    fill_slots(&mut stage, &second);
    let full = transfer(&stage, &owner, own, SOL, 1);
    stage.refused(&[full], &[&owner], BallastError::BalanceSlotsFull);
    let cash = transfer(&stage, &owner, own, USDC, 1);
    stage.world.send(&[cash], &[&owner]).unwrap();
    assert_eq!(stage.owned(&second, USDC) as u64, spare + 1);
    stage.check_books();
}
