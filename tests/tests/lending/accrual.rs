//! Accrual of interest.

use super::scene::*;
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast::events::InterestAccrued;
use ballast_client::state::MarginAccount;
use ballast_sim::CodedError;
use ballast_tests::{Code, ETH, SOL, with};

#[test]
fn thirty_days_of_interest_are_those_of_the_documentation() {
    let mut stage = stage();
    lent(&mut stage, 1_000.0, 800 * TOKEN);
    stage.world.advance(30 * DAY);
    let accrue = [stage.accrue(SOL)];
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    // 13% a year on 80%; of the interest, 10% are fees and 5% insurance.
    let [deposit, borrow] = growth(&stage, SOL);
    assert!((borrow - 1.010_684_931_506_849).abs() < 1e-10, "{borrow}");
    assert!((deposit - 1.007_265_753_424_657).abs() < 1e-10, "{deposit}");
    let board = indexes(&stage, SOL);
    assert_eq!(board.accrued_at, stage.world.now());
    let fees = bank(&stage, SOL).fees;
    assert!(fees.abs_diff(854_794_520) <= 10, "{fees}");
    let fund = stage.venue.addresses.insurance_fund();
    let insurance = stage.owned(&fund, SOL) as u64;
    assert!(insurance.abs_diff(427_397_260) <= 10, "{insurance}");

    assert_eq!(event.exchange, stage.venue.addresses.exchange);
    assert_eq!((event.asset, event.fees), (SOL as u8, fees));
    // Shares for it are rounded down.
    assert!(event.insurance - insurance <= 1);
    assert_eq!(event.deposit_index_bits, board.deposit.get().to_bits());
    assert_eq!(event.borrow_index_bits, board.borrow.get().to_bits());
    assert_eq!(
        (event.deposits, event.loans),
        (board.deposits_total, board.loans_total)
    );
    assert!(event.deposits.abs_diff(1_007_693_150_685) <= 200);
    assert!(event.loans.abs_diff(808_547_945_206) <= 200);
    stage.check_books();

    // The same second once more: nothing at all.
    let before = stage.snapshot();
    let again = [accrue[0].clone(), accrue[0].clone()];
    stage.world.send(&again, &[]).unwrap();
    assert!(stage.snapshot() == before);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert_eq!((event.fees, event.insurance), (0, 0));
    assert_eq!(event.deposits, board.deposits_total);
    // A clock that went back neither.
    stage.world.advance(-100);
    stage.world.send(&accrue, &[]).unwrap();
    assert!(stage.snapshot() == before);
}

#[test]
fn in_an_idle_bank_only_the_time_moves() {
    let mut stage = stage();
    let lender = stage.trader(1, 1.0);
    stage.fund(&lender, ETH, 3.0);
    let accrue = [stage.accrue(ETH)];
    stage.world.send(&accrue, &[]).unwrap();
    let (before, mut board) = (stage.snapshot(), stage.venue.board(&stage.world).unwrap());
    stage.world.advance(100 * DAY);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert_eq!(
        (event.fees, event.insurance, event.loans, event.deposits),
        (0, 0, 0, 300_000_000)
    );
    board.assets[ETH].accrued_at = stage.world.now();
    let after = stage.venue.board(&stage.world).unwrap();
    assert!(bytemuck::bytes_of(&*board) == bytemuck::bytes_of(&*after));
    let changed: Vec<_> = stage
        .snapshot()
        .into_iter()
        .filter(|(key, data)| before[key] != *data)
        .map(|(key, _)| key)
        .collect();
    assert_eq!(changed, [stage.venue.addresses.board]);
}

#[test]
fn interest_is_accrued_only_with_the_accounts_that_belong_together() {
    let mut stage = stage();
    let other = stage.other_venue();
    let [lender, _] = lent(&mut stage, 100.0, 50 * TOKEN);
    stage.world.advance(DAY);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let bank = here.bank(&stage.venue.mints[SOL]);
    let (fund, trader) = (here.insurance_fund(), stage.account(&lender));
    let (market, mint) = (stage.market(SOL), stage.venue.mints[SOL]);
    let accrue = stage.accrue(SOL);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let owner = ErrorCode::AccountOwnedByWrongProgram.code();
    for (right, wrong, code) in [
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            bank,
            there.bank(&other.mints[SOL]),
            BallastError::WrongExchange.code(),
        ),
        (
            fund,
            there.insurance_fund(),
            BallastError::NotInsuranceFund.code(),
        ),
        (fund, trader, BallastError::NotInsuranceFund.code()),
        (here.exchange, trader, mismatch),
        (here.board, market, mismatch),
        (bank, market, mismatch),
        (fund, market, mismatch),
        (here.exchange, mint, owner),
        (here.board, mint, owner),
        (bank, mint, owner),
        (fund, mint, owner),
    ] {
        let accrue = with(accrue.clone(), &right, &wrong);
        stage.refused(&[accrue], &[], Code(code));
    }
    for key in [here.board, bank, fund] {
        let mut accrue = accrue.clone();
        for meta in &mut accrue.accounts {
            meta.is_writable &= meta.pubkey != key;
        }
        stage.refused(&[accrue], &[], ErrorCode::ConstraintMut);
    }
    stage.world.send(&[accrue], &[]).unwrap();
    stage.check_books();
}

#[test]
fn without_a_slot_in_the_insurance_fund_the_exchange_keeps_its_part() {
    let mut stage = stage();
    lent(&mut stage, 1_000.0, 800 * TOKEN);
    let fund = stage.venue.addresses.insurance_fund();
    fill_slots(&mut stage, &fund);
    stage.world.advance(30 * DAY);
    let accrue = [stage.accrue(SOL)];
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    let fees = bank(&stage, SOL).fees;
    assert_eq!((event.fees, event.insurance), (fees, 0));
    assert!(fees.abs_diff(854_794_520 + 427_397_260) <= 20, "{fees}");
    assert_eq!(stage.owned(&fund, SOL), 0);
    stage.check_books();
    // With a slot it gets its part again.
    stage.patch::<MarginAccount>(&fund, |fund| fund.balances[7] = Default::default());
    stage.world.advance(30 * DAY);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert!(event.insurance.abs_diff(event.fees / 2) <= 1 && event.insurance > 0);
    assert!(stage.owned(&fund, SOL).abs_diff(event.insurance as i64) <= 1);
    stage.check_books();
}
