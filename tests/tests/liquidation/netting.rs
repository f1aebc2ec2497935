//! A taker whose own holdings are opposite to the account's: the two net, and the totals of bank and market with them.

use crate::scene::{Scene, WHOLE};
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast_sim::Venue;
use ballast_tests::{BTC, ETH, SOL};

#[test]
fn opposite_positions_lower_the_open_interest() {
    let mut scene = Scene::steady();
    let other = scene.stage.other_venue();
    // The taker is short 10 SOL, the account long 100, the dealer the other side of both.
    let taker = scene.taker.insecure_clone();
    scene.trade(&taker, SOL, -10.0);
    let key = scene.flagged_long(10);
    let terms = Venue::perpetual(SOL);
    let addresses = scene.stage.venue.addresses;
    let market = addresses.market(&terms);

    for netting in [
        vec![],
        vec![addresses.market(&Venue::perpetual(ETH))],
        vec![other.addresses.market(&terms)],
        vec![addresses.bank(&scene.stage.venue.mints[SOL])],
        vec![scene.stage.account(&key), addresses.exchange],
    ] {
        let liquidate = scene.liquidate_with(&key, WHOLE, i64::MAX, &netting);
        scene.refused(liquidate, BallastError::MarketRequired);
    }
    let mut read_only = scene.liquidate_with(&key, WHOLE, i64::MAX, &[market]);
    read_only.accounts.last_mut().unwrap().is_writable = false;
    scene
        .stage
        .refused(&[read_only], &[&taker], ErrorCode::AccountNotMutable);

    let open_interest = |scene: &Scene| {
        let market = scene.stage.venue.market(&scene.stage.world, SOL);
        market.unwrap().open_interest_lots as i64
    };
    assert_eq!(open_interest(&scene), 10_000);
    // Whatever else is passed along does no harm.
    let bank = addresses.bank(&scene.stage.venue.mints[0]);
    let netting = [other.addresses.market(&terms), bank, market];
    // 5% of 10,000 lots: the taker stays short 500.
    let taken = scene.try_take(&key, WHOLE / 20, &netting).unwrap();
    let lots = taken.event.positions[0].base_lots;
    assert!((500..=501).contains(&lots));
    assert_eq!(scene.stage.state(&taker).lots(&terms), lots - 1_000);
    assert_eq!(open_interest(&scene), 10_000 - lots);
    scene.stage.check_books();
    // The rest takes it to the other side: only what was short nets.
    let taken = scene.try_take(&key, WHOLE, &netting).unwrap();
    let all = lots + taken.event.positions[0].base_lots;
    assert_eq!(scene.stage.state(&taker).lots(&terms), all - 1_000);
    assert_eq!(open_interest(&scene), 9_000);
    scene.stage.check_books();
}

#[test]
fn equal_positions_need_no_market() {
    let mut scene = Scene::steady();
    let taker = scene.taker.insecure_clone();
    scene.trade(&taker, SOL, 10.0);
    let key = scene.flagged_long(10);
    let before = scene.stage.venue.market(&scene.stage.world, SOL).unwrap();
    scene.take(&key, WHOLE);
    let after = scene.stage.venue.market(&scene.stage.world, SOL).unwrap();
    assert_eq!(bytemuck::bytes_of(&*before), bytemuck::bytes_of(&*after));
    scene.stage.check_books();
}

#[test]
fn a_netted_position_that_is_closed_whole_frees_its_slot() {
    let mut scene = Scene::steady();
    scene.stage.insure(10_000.0);
    let key = scene.trader(10, 3_500.0, SOL, 100.0);
    let taker = scene.taker.insecure_clone();
    // The taker sells the same lots; fees differ, so quote is left.
    scene.trade(&taker, SOL, -100.0);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    let market = scene.stage.venue.addresses.market(&Venue::perpetual(SOL));
    assert!(scene.try_take(&key, WHOLE, &[market]).unwrap().ended);
    let terms = Venue::perpetual(SOL);
    assert!(scene.stage.state(&key).position(&terms).is_none());
    let position = *scene.stage.state(&taker).position(&terms).unwrap();
    assert_eq!((position.base_lots, position.quote < 0), (0, true));
    let market = scene.stage.venue.market(&scene.stage.world, SOL).unwrap();
    assert_eq!(market.open_interest_lots, 0);
    scene.stage.check_books();
}

/// A deposit of SOL that meets a loan of SOL, from either side.
#[test]
fn deposits_that_meet_loans_lower_the_banks_totals() {
    for account_owes in [false, true] {
        let mut scene = Scene::steady();
        let other = scene.stage.other_venue();
        let taker = scene.taker.insecure_clone();
        let key = scene.stage.trader(10, 5_000.0);
        let (owes, owns) = if account_owes {
            (&key, &taker)
        } else {
            (&taker, &key)
        };
        scene.stage.fund(owns, SOL, 10.0);
        scene.stage.mint(owes, SOL, 1);
        let borrow = scene.stage.withdraw(owes, SOL, 10_000_000_000, true);
        scene.stage.world.send(&[borrow], &[owes]).unwrap();
        scene.trade(&key, ETH, if account_owes { 4.0 } else { 10.0 });
        scene.stage.set_price(ETH, 3_420.0);
        scene.start(&key);

        let addresses = scene.stage.venue.addresses;
        let mints = scene.stage.venue.mints.clone();
        for netting in [
            vec![],
            vec![addresses.bank(&mints[ETH]), addresses.bank(&mints[BTC])],
            vec![other.addresses.bank(&other.mints[SOL])],
            vec![addresses.market(&Venue::perpetual(SOL))],
            vec![addresses.bank(&mints[0])],
        ] {
            let liquidate = scene.liquidate_with(&key, WHOLE, i64::MAX, &netting);
            scene.refused(liquidate, BallastError::BankRequired);
        }
        let bank = |scene: &Scene| scene.stage.venue.bank(&scene.stage.world, SOL).unwrap();
        let before = bank(&scene);
        let netting = [addresses.bank(&mints[SOL])];
        let taken = scene.try_take(&key, WHOLE / 10, &netting).unwrap();
        let moved = taken.event.balances.iter().find(|moved| moved.asset == 1);
        let moved = moved.unwrap().amount;
        assert_eq!(moved < 0, account_owes);
        let after = bank(&scene);
        // Both totals fall alike, but for a unit of rounding in the bank's favour.
        let fall = |before: fixed::types::I80F48, after: fixed::types::I80F48| {
            ((before - after).to_num::<f64>() - moved.abs() as f64).abs()
        };
        assert!(fall(before.deposit_shares.get(), after.deposit_shares.get()) <= 1.0);
        assert!(fall(before.borrow_shares.get(), after.borrow_shares.get()) <= 1.0);
        scene.stage.check_books();
    }
}

#[test]
fn the_payment_may_become_a_loan() {
    let mut scene = Scene::steady();
    // The taker has a dollar and 500 SOL, which carry what it borrows.
    scene.taker = scene.stage.trader(3, 1.0);
    let taker = scene.taker.insecure_clone();
    scene.stage.fund(&taker, SOL, 500.0);
    // No cash comes with 30 SOL and 8 ETH that lost 4,000 USDC.
    let key = scene.stage.trader(10, 0.01);
    scene.stage.fund(&key, SOL, 30.0);
    scene.trade(&key, ETH, 8.0);
    scene.stage.set_price(ETH, 3_500.0);
    scene.start(&key);
    let before = scene.stage.venue.bank(&scene.stage.world, 0).unwrap();
    let taken = scene.take(&key, WHOLE);
    let after = scene.stage.venue.bank(&scene.stage.world, 0).unwrap();
    let paid = taken.event.payment + taken.event.insurance_fee as i64;
    let account = scene.stage.account(&taker);
    let cash = 1_000_000 + taken.event.balances[0].amount;
    assert_eq!(scene.amount(&account, 0), cash - paid);
    assert!(paid > cash);
    let owed = after.borrow_shares.get() - before.borrow_shares.get();
    assert_eq!(owed.to_num::<i64>(), paid - cash);
    scene.stage.check_books();
}

#[test]
fn a_loan_of_cash_moves_with_its_slice() {
    let mut scene = Scene::steady();
    // 100 SOL deposited, 15,900 USDC borrowed; the taker has no cash, only SOL.
    let poor = scene.stage.trader(3, 1.0);
    scene.stage.fund(&poor, SOL, 500.0);
    scene.taker = poor;
    let key = scene.stage.trader(10, 1.0);
    scene.stage.fund(&key, SOL, 100.0);
    let borrow = scene.stage.withdraw(&key, 0, 15_900_000_000, true);
    scene.stage.world.send(&[borrow], &[&key]).unwrap();
    scene.stage.set_price(SOL, 165.0);
    scene.start(&key);
    let taken = scene.take(&key, WHOLE);
    let account = scene.stage.account(&scene.taker);
    assert!(taken.event.balances[0].amount < -1_000_000_000);
    assert!(scene.amount(&account, 0) < taken.event.balances[0].amount);
    assert!(taken.ended);
    scene.stage.check_books();
}
