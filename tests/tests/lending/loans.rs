//! Loans.

use super::scene::*;
use ballast::error::BallastError;
use ballast::events::{Deposited, Withdrawn};
use ballast_client::units::q32;
use ballast_tests::{SOL, Stage};

#[test]
fn a_loan_owes_its_origination_fee_on_top() {
    let mut stage = stage();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 100_000.0));
    stage.fund(&lender, SOL, 100.0);
    let wallet = stage.mint(&borrower, SOL, 0);
    let amount = 1_000_000_007;
    // One part in 1,024, rounded up from 976,562.507.
    let (rate, fee) = (q32(1.0 / 1_024.0), 976_563);
    let set = |stage: &mut Stage, cap: u64, mode: u8| {
        let (update, admin) = update(stage, SOL, |parameters| {
            parameters.origination_fee_q32 = rate;
            parameters.borrow_cap = cap;
            parameters.mode = mode;
        });
        let accrue = stage.accrue(SOL);
        stage.world.send(&[accrue, update], &[&admin]).unwrap();
    };
    // The cap counts the fee.
    set(&mut stage, amount + fee - 1, 0);
    let account = stage.account(&borrower);
    let loan = stage.withdraw(&borrower, SOL, amount, true);
    stage.refused(
        &[loan.clone()],
        &[&borrower],
        BallastError::BorrowCapExceeded,
    );
    set(&mut stage, amount + fee, 1);
    stage.refused(&[loan.clone()], &[&borrower], BallastError::AssetReduceOnly);
    set(&mut stage, amount + fee, 0);
    let unwanted = stage.withdraw(&borrower, SOL, amount, false);
    stage.refused(&[unwanted], &[&borrower], BallastError::InsufficientDeposit);
    let event: Withdrawn = send(&mut stage, &[loan], &[&borrower]);
    assert_eq!((event.margin_account, event.asset), (account, SOL as u8));
    assert_eq!(
        (event.amount, event.borrowed, event.fee),
        (amount, amount, fee)
    );
    assert_eq!(stage.owned(&account, SOL), -((amount + fee) as i64));
    assert_eq!(bank(&stage, SOL).fees, fee);
    assert_eq!(stage.world.tokens(&wallet), amount);
    assert_eq!(vault(&stage, SOL), 100 * TOKEN - amount);
    stage.check_books();

    // Part of what is owed, then more than the rest: the surplus is a deposit.
    stage.mint(&borrower, SOL, fee + 50);
    let repay = stage.deposit(&borrower, SOL, 500_000_000);
    stage.world.send(&[repay], &[&borrower]).unwrap();
    let owed = amount + fee - 500_000_000;
    assert_eq!(stage.owned(&account, SOL), -(owed as i64));
    let over = stage.deposit(&borrower, SOL, owed + 50);
    let event: Deposited = send(&mut stage, &[over], &[&borrower]);
    assert_eq!(event.amount, owed + 50);
    assert_eq!(stage.owned(&account, SOL), 50);
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    // Only what is borrowed costs a fee, not what is one's own.
    let half = stage.withdraw(&borrower, SOL, 2_050, true);
    let event: Withdrawn = send(&mut stage, &[half], &[&borrower]);
    assert_eq!((event.amount, event.borrowed, event.fee), (2_050, 2_000, 2));
    assert_eq!(stage.owned(&account, SOL), -2_002);
    assert_eq!(bank(&stage, SOL).fees, fee + 2);
    stage.check_books();

    // Margin counts the fee: a loan that is just affordable without is refused.
    set(&mut stage, u64::MAX, 0);
    let fits = |stage: &mut Stage, amount| {
        let loan = stage.withdraw(&borrower, SOL, amount, true);
        let refusal = stage.simulate(&[loan], &[&borrower]).err();
        assert!(
            refusal
                .as_ref()
                .is_none_or(|refusal| refusal.is(BallastError::BelowInitialMargin))
        );
        refusal.is_none()
    };
    stage.fund(&lender, SOL, 10_000.0);
    let (mut low, mut high) = (0, 5_000 * TOKEN);
    while high - low > TOKEN / 1_000 {
        let middle = low.midpoint(high);
        *(if fits(&mut stage, middle) {
            &mut low
        } else {
            &mut high
        }) = middle;
    }
    let (free, admin) = update(&stage, SOL, |parameters| parameters.origination_fee_q32 = 0);
    stage.world.send(&[free], &[&admin]).unwrap();
    assert!(fits(&mut stage, low + low / 2_000) && !fits(&mut stage, low + low / 500));
}

#[test]
fn interest_is_owed_and_repaid_with_the_loan() {
    let mut stage = stage();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let (theirs, account) = (stage.account(&lender), stage.account(&borrower));
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue], &[]).unwrap();
    let owed = -stage.owned(&account, SOL);
    assert!(owed.abs_diff(808_547_945_206) <= 200, "{owed}");
    assert!(stage.owned(&theirs, SOL).abs_diff(1_007_265_753_424) <= 200);
    // A unit less than what is owed leaves a unit; that unit and one more leave a unit of deposit or less.
    stage.mint(&borrower, SOL, owed as u64);
    let nearly = stage.deposit(&borrower, SOL, owed as u64 - 1);
    stage.world.send(&[nearly], &[&borrower]).unwrap();
    let rest = -stage.owned(&account, SOL);
    assert!((1..=2).contains(&rest), "{rest}");
    let over = stage.deposit(&borrower, SOL, rest as u64 + 1);
    stage.world.send(&[over], &[&borrower]).unwrap();
    assert!((0..=1).contains(&stage.owned(&account, SOL)));
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    stage.check_books();

    // Now everybody can leave with what is his; nothing is missing.
    let fees = bank(&stage, SOL).fees;
    let fund = stage.venue.addresses.insurance_fund();
    let owns = stage.owned(&theirs, SOL);
    let all = stage.withdraw(&lender, SOL, u64::MAX, false);
    let event: Withdrawn = send(&mut stage, &[all], &[&lender]);
    assert_eq!(event.amount as i64, owns);
    let left = vault(&stage, SOL) as i64;
    let claims = fees as i64 + stage.owned(&fund, SOL) + stage.owned(&account, SOL);
    assert!((claims..claims + 300).contains(&left), "{left} {claims}");
    stage.check_books();
}
