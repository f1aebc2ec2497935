//! When and against whom nobody is deleveraged.

use super::scene::{ALL, END_S, EQUITY, Scene, USDC, WHOLE, near, sol};
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarginAccount, Pausable};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, ETH, SOL, with};

#[test]
fn an_account_that_is_not_in_liquidation() {
    let mut scene = Scene::steady();
    let key = scene.stage.trader(10, 3_500.0);
    let dealer = scene.dealer.insecure_clone();
    scene.buy(&key, &dealer, &sol(), 10_000);
    for price in [200.0, 180.0, 140.0] {
        scene.stage.set_price(SOL, price);
        let adl = scene.adl(&sol(), &key, &dealer, ALL);
        scene.refused(adl, BallastError::LiquidationNotStarted);
    }
}

#[test]
fn an_account_with_equity_left() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.stage.set_price(SOL, 180.0);
    scene.refused(adl.clone(), BallastError::NotInsolvent);
    // Its owner pays in what is missing but for a unit, then that unit: nothing is not less than nothing.
    scene.stage.set_price(SOL, 160.0);
    let missing = -scene.equity(&key) - 1;
    scene.stage.fund(&key, USDC, missing as f64 / 1e6);
    assert_eq!(scene.equity(&key), -1);
    scene.passes(&adl);
    scene.stage.fund(&key, USDC, 1e-6);
    assert!(scene.is_flagged(&key) && scene.equity(&key) == 0);
    scene.refused(adl, BallastError::NotInsolvent);
    // It is taken for nothing at any time, though the fund is empty.
    let flagged = scene.stage.world.svm.clone();
    for elapsed_s in [0, END_S] {
        scene.stage.world.svm = flagged.clone();
        scene.wind(&key, elapsed_s);
        let taken = scene.take(&key, WHOLE);
        assert_eq!((taken.price, taken.insurance_payment), (0, 0));
        assert_eq!((taken.equity_mark, scene.fund()), (0, 0));
        near(taken.payment, 0.0, 5.0);
    }
}

#[test]
fn the_insurance_fund_comes_first() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    scene.stage.insure(1_000.0);
    let adl = scene.adl(&sol(), &key, &dealer, ALL);
    scene.refused(adl, BallastError::InsuranceFundNotEmpty);
    // It pays for a part; what is left is a rounding error.
    let taken = scene.take(&key, WHOLE);
    assert!(taken.insurance_payment >= 999_999_990 && scene.fund() < 10);
    let left = scene.equity(&key);
    assert!((left - EQUITY - 1_000_000_000).abs() < 10);
    // Up to a dust account less a unit it counts as empty, from there on not.
    let rest = 100_000_000 - scene.fund();
    scene.stage.insure((rest - 1) as f64 / 1e6);
    assert_eq!(scene.fund(), 99_999_999);
    let liquidate = scene.liquidate_instruction(&key, WHOLE);
    let taker = scene.taker.insecure_clone();
    let stage = &mut scene.stage;
    stage.refused(&[liquidate], &[&taker], BallastError::InsuranceFundEmpty);
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.passes(&adl);
    scene.stage.insure(0.000_001);
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.refused(adl, BallastError::InsuranceFundNotEmpty);
    scene.take(&key, WHOLE);
    assert!(scene.fund() < 10);
    scene.deleverage(&sol(), &key, &dealer, 1);
}

#[test]
fn a_fund_that_can_pay_the_whole_of_a_small_loss() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    // Less than nothing by 10 cents, of which the fund has all but a unit.
    scene.stage.set_price(SOL, 165.099);
    let lacks = -scene.equity(&key);
    near(lacks, 100_000.0, 5.0);
    scene.stage.insure((lacks - 1) as f64 / 1e6);
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.passes(&adl);
    scene.stage.insure(0.000_001);
    scene.refused(adl, BallastError::InsuranceFundNotEmpty);
    // Before the auction's clock adds a premium.
    scene.wind(&key, 0);
    let paid = scene.take(&key, WHOLE).insurance_payment;
    assert_eq!(paid as i64, lacks);
    assert!(!scene.is_flagged(&key));
}

#[test]
fn counterparties_that_are_not_opposite() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    let [same, elsewhere, settled] =
        [20, 21, 22].map(|number| scene.stage.trader(number, 10_000.0));
    let eth = Venue::perpetual(ETH);
    scene.buy(&same, &dealer, &sol(), 100);
    scene.buy(&dealer, &elsewhere, &eth, 100);
    // Sold and bought back: only quote is left.
    scene.buy(&dealer, &settled, &sol(), 100);
    scene.buy(&settled, &dealer, &sol(), 100);
    assert_eq!(scene.position(&settled, &sol()).base_lots, 0);
    assert!(scene.position(&settled, &sol()).quote != 0);
    let key = scene.insolvent(10);
    for (other, error) in [
        (&same, BallastError::SameSide),
        (&elsewhere, BallastError::PositionNotFound),
        (&settled, BallastError::PositionNotFound),
    ] {
        let adl = scene.adl(&sol(), &key, other, ALL);
        scene.refused(adl, error);
    }
    // The account has none itself in this market.
    let adl = scene.adl(&eth, &key, &elsewhere, ALL);
    scene.refused(adl, BallastError::PositionNotFound);
}

#[test]
fn counterparties_without_a_profit() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let late = scene.stage.trader(20, 10_000.0);
    scene.stage.set_price(SOL, 130.0);
    scene.buy(&dealer, &late, &sol(), 1_000);
    let adl = scene.adl(&sol(), &key, &late, ALL);
    // The maker's fee is a loss already, then there is one on every lot.
    for price in [130.0, 140.0] {
        scene.stage.set_price(SOL, price);
        scene.refused(adl.clone(), BallastError::CounterpartyNotInProfit);
    }
    scene.stage.set_price(SOL, 130.0);
    let account = scene.stage.account(&late);
    let dealer_account = scene.stage.account(&dealer);
    let quote = scene.position(&late, &sol()).quote;
    assert_eq!(quote, 1_300_000_000 - 260_000);
    let owe = |scene: &mut Scene, more: i64| {
        let moved = 1_300_000_000 + more - scene.position(&late, &sol()).quote;
        // From the dealer, so that the books balance.
        for (account, moved) in [(account, moved), (dealer_account, -moved)] {
            scene.stage.patch::<MarginAccount>(&account, |account| {
                account.position_mut(&sol()).unwrap().quote += moved;
            });
        }
    };
    // A tenth of the lots bears a tenth of what is missing: neither nothing nor a unit less will do before the end.
    let share = (-scene.equity(&key) + 9) / 10;
    near(share, 351e6, 5.0);
    scene.wind(&key, END_S - 1);
    for profit in [0, 1, share - 1] {
        owe(&mut scene, profit);
        scene.refused(adl.clone(), BallastError::CounterpartyNotInProfit);
    }
    owe(&mut scene, share);
    scene.passes(&adl);
    // In the end he is closed for what his profit bears, at the mark without one.
    scene.wind(&key, END_S);
    let ended = scene.stage.world.svm.clone();
    for (profit, bears) in [
        (share + 1, share),
        (share, share),
        (share - 1, share - 1),
        (1, 1),
        (0, 0),
        (-1, 0),
        (-260_000, 0),
    ] {
        scene.stage.world.svm = ended.clone();
        owe(&mut scene, profit);
        let rich = scene.equity(&late);
        let event = scene.deleverage(&sol(), &key, &late, ALL);
        assert_eq!((event.base_lots, event.given_up), (1_000, bears));
        assert_eq!(event.quote, 1_300_000_000 + bears);
        assert_eq!(scene.position(&late, &sol()).quote, profit - bears);
        assert_eq!(scene.equity(&late), rich - bears);
    }
}

#[test]
fn a_counterparty_in_liquidation() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    let other = scene.stage.trader(20, 10_000.0);
    scene.buy(&dealer, &other, &sol(), 10_000);
    scene.buy(&other, &dealer, &Venue::perpetual(ETH), 10_000);
    let key = scene.insolvent(10);
    let adl = scene.adl(&sol(), &key, &other, ALL);
    scene.passes(&adl);
    // 10 ETH take 15,000 away.
    scene.stage.set_price(ETH, 2_500.0);
    scene.start(&other);
    scene.refused(adl, BallastError::InLiquidation);
}

/// Short 100 SOL from 200 and long 10 ETH from 4,000; at 140 and 3,300 its equity is about 3,370 and its margin 2,868.
#[test]
fn a_counterparty_who_would_fall_below_his_margin() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    let other = scene.stage.trader(20, 4_400.0);
    scene.buy(&dealer, &other, &sol(), 10_000);
    scene.buy(&other, &dealer, &Venue::perpetual(ETH), 10_000);
    let key = scene.insolvent(10);
    scene.stage.set_price(ETH, 3_300.0);
    assert!(scene.figures(&other).health_maintenance() > 0);
    let adl = scene.adl(&sol(), &key, &other, ALL);
    scene.refused(adl, BallastError::CounterpartyWouldFall);
    // As many lots as he can bear are closed, and not one more.
    let (mut fits, mut too_many) = (0, 10_000);
    while too_many - fits > 1 {
        let lots = (fits + too_many) / 2;
        let adl = scene.adl(&sol(), &key, &other, lots);
        match scene.stage.simulate(&[adl], &[]) {
            Ok(()) => fits = lots,
            Err(refusal) => {
                assert!(refusal.is(BallastError::CounterpartyWouldFall));
                too_many = lots;
            }
        }
    }
    assert!(fits > 100 && fits < 9_900, "{fits}");
    let adl = scene.adl(&sol(), &key, &other, too_many);
    scene.refused(adl, BallastError::CounterpartyWouldFall);
    scene.deleverage(&sol(), &key, &other, fits);
    // His range is widened by what the price is uncertain, as whenever he reduces risk himself.
    let account = scene.stage.account(&other);
    let left = scene.assess(&account, Purpose::ReduceRisk);
    let left = left.health_maintenance();
    assert!((0..1_000_000).contains(&left), "{left}");

    // Who is below it already may not be left with more risk either.
    scene.stage.set_price(ETH, 3_250.0);
    assert!(scene.figures(&other).is_liquidatable());
    let adl = scene.adl(&sol(), &key, &other, 100);
    scene.refused(adl, BallastError::CounterpartyWouldFall);
}

#[test]
fn accounts_in_the_wrong_place() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let theirs = scene.stage.other_venue();
    let elsewhere = theirs
        .open_account(&mut scene.stage.world, &dealer)
        .unwrap();
    let (here, there) = (scene.stage.venue.addresses, theirs.addresses);
    let (account, other) = (scene.stage.account(&key), scene.stage.account(&dealer));
    let taker = scene.stage.account(&scene.taker);
    let right = scene.adl(&sol(), &key, &dealer, ALL);
    let wrong_type = ErrorCode::AccountDiscriminatorMismatch;
    for (from, to, error) in [
        (other, account, BallastError::SameAccount.code()),
        (account, other, BallastError::SameAccount.code()),
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (
            here.market(&sol()),
            there.market(&sol()),
            BallastError::WrongExchange.code(),
        ),
        (account, elsewhere, BallastError::WrongExchange.code()),
        (other, elsewhere, BallastError::WrongExchange.code()),
        (
            here.insurance_fund(),
            there.insurance_fund(),
            BallastError::NotInsuranceFund.code(),
        ),
        (
            here.insurance_fund(),
            taker,
            BallastError::NotInsuranceFund.code(),
        ),
        (here.market(&sol()), account, wrong_type.code()),
        (account, here.market(&sol()), wrong_type.code()),
        // Nobody is flagged there; the fund has no position.
        (account, taker, BallastError::LiquidationNotStarted.code()),
    ] {
        let wrong = with(right.clone(), &from, &to);
        scene.refused(wrong, Code(error));
    }
    for place in [2, 3, 4] {
        let mut read_only = right.clone();
        assert!(read_only.accounts[place].is_writable);
        read_only.accounts[place].is_writable = false;
        scene.refused(read_only, ErrorCode::ConstraintMut);
    }
    scene.send(&[right], &[]);
}

#[test]
fn no_lots() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let adl = scene.adl(&sol(), &key, &dealer, 0);
    scene.refused(adl, BallastError::ZeroAmount);
}

#[test]
fn prices_that_are_not_certain() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.stage.world.advance(120);
    scene.passes(&adl);
    scene.stage.world.advance(1);
    scene.refused(adl.clone(), BallastError::StalePrice);
    scene.stage.venue.config.confidence = 0.03;
    scene.stage.set_price(SOL, 140.0);
    scene.refused(adl.clone(), BallastError::UncertainPrice);
    scene.stage.venue.config.confidence = 0.0005;
    scene.stage.set_price(SOL, 140.0);
    scene.send(&[adl], &[]);
}

#[test]
fn a_pause() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let adl = scene.adl(&sol(), &key, &dealer, 1);
    scene.pause(Pausable::ResolveBankruptcy);
    scene.passes(&adl);
    scene.pause(Pausable::AutoDeleverage);
    scene.refused(adl.clone(), BallastError::Paused);
    // A healthy account too: that is the first thing to be said.
    let healthy = scene.adl(&sol(), &dealer, &key, 1);
    scene.refused(healthy, BallastError::Paused);
    scene.stage.world.advance(3_600);
    scene.stage.set_price(SOL, 140.0);
    scene.send(&[adl], &[]);
}

/// Short 100 SOL and 10 ETH, which add; ETH rose to 4,400.
#[test]
fn a_counterparty_below_his_margin_whose_risk_falls() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let other = scene.stage.trader(20, 8_000.0);
    scene.buy(&dealer, &other, &sol(), 10_000);
    scene.buy(&dealer, &other, &Venue::perpetual(ETH), 10_000);
    scene.stage.set_price(SOL, 139.5);
    scene.stage.set_price(ETH, 4_400.0);
    let account = scene.stage.account(&other);
    let before = scene.assess(&account, Purpose::ReduceRisk);
    assert!(before.is_liquidatable());
    let adl = scene.adl(&sol(), &key, &other, 100);
    scene.wind(&key, END_S - 1);
    scene.refused(adl, BallastError::CounterpartyNotInProfit);
    scene.wind(&key, END_S);
    // He gives up his profit of less than half a cent on each lot, and a tenth of what the lot is worth needs no margin any more.
    let event = scene.deleverage(&sol(), &key, &other, 100);
    near(event.given_up, 100.0 * (5_000.0 - 280.0), 2.0);
    let after = scene.assess(&account, Purpose::ReduceRisk);
    assert!(after.is_liquidatable());
    assert!(after.health_maintenance() > before.health_maintenance());
}
