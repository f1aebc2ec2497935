//! Loss sharing: when it is its turn, how much is written off, and that every depositor bears the same fraction.

use super::scene::{ALL, END_S, EQUITY, FIRST_S, Scene, USDC, WHOLE, ZERO_S, near, sol};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::BankruptcyResolved;
use ballast_client::instructions;
use ballast_client::state::Bank;
use ballast_client::units::from_q32;
use ballast_sim::{VenueConfig, conservation};
use ballast_tests::{ETH, SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Deposits of an asset: account, native units in double precision.
fn deposits(scene: &Scene, asset: usize) -> Vec<(Pubkey, f64)> {
    let board = scene.stage.venue.board(&scene.stage.world).unwrap();
    let index: f64 = board.indexes(asset as u8).unwrap().deposit.get().to_num();
    let accounts = conservation::margin_accounts(&scene.stage.world, &scene.stage.venue);
    let shares = accounts.iter().filter_map(|account| {
        let shares: f64 = account.balance(asset as u8)?.shares.get().to_num();
        (shares > 0.0).then_some((account.owner, shares * index))
    });
    shares.collect()
}

fn index_of(event: &BankruptcyResolved) -> f64 {
    event.deposit_index_bits as f64 / 2f64.powi(48)
}

/// Resolves and compares with what the formulas say: the write-off in native units of the asset, by how much the index falls, and what every depositor
/// has afterwards.
fn resolve_checked(scene: &mut Scene, asset: usize, key: &Keypair, expected: f64) -> i64 {
    let accrue = scene.stage.accrue(asset);
    scene.send(&[accrue], &[]);
    let report = scene.figures(key);
    let account = scene.stage.account(key);
    let owed = scene.stage.owned(&account, asset);
    let (before, rich) = (deposits(scene, asset), scene.equity(key));
    let all: f64 = before.iter().map(|(_, amount)| amount).sum();
    let board = scene.stage.venue.board(&scene.stage.world).unwrap();
    let indexes = board.indexes(asset as u8).unwrap();
    let elapsed_s = scene.stage.state(key).auction_elapsed_s;
    let (old, price) = (indexes.deposit.get(), board.prices[asset].price.get());
    let event = scene.resolve(asset, key);
    assert_eq!(event.margin_account, account);
    // Whoever takes the rest has the premium: it costs nothing from now on.
    if scene.is_flagged(key) {
        let after_s = scene.stage.state(key).auction_elapsed_s;
        assert_eq!(after_s, elapsed_s.max(ZERO_S));
    }
    assert_eq!(usize::from(event.asset), asset);
    assert_eq!(event.equity_mark, report.equity_mark);
    near(event.written_off as i64, expected, 10.0);
    let written_off = event.written_off as f64;
    let index = old.to_num::<f64>() * (1.0 - written_off / all);
    assert!((index_of(&event) / index - 1.0).abs() < 2.0 / all + 1e-13);
    assert!(index_of(&event) < old.to_num::<f64>());
    let after = deposits(scene, asset);
    assert_eq!(before.len(), after.len());
    for ((_, before), (_, after)) in before.iter().zip(&after) {
        let bears = before * written_off / all;
        assert!((before - after - bears).abs() <= 1.0 + 1e-9 * before);
    }
    let lost: f64 = all - after.iter().map(|(_, amount)| amount).sum::<f64>();
    assert!(lost >= written_off * (1.0 - 1e-9) && lost < written_off + 2.0 + 1e-9 * all);
    let board = scene.stage.venue.board(&scene.stage.world).unwrap();
    let indexes = board.indexes(asset as u8).unwrap();
    assert_eq!(indexes.deposit.get().to_bits(), event.deposit_index_bits);
    near(indexes.deposits_total as i64, all - lost, 2.0);
    // What the account owes less, and nothing else.
    let less = scene.stage.owned(&account, asset) - owed;
    assert!((0..=1).contains(&(event.written_off as i64 - less)));
    let gained = match asset {
        USDC => written_off,
        _ => written_off * price.to_num::<f64>(),
    };
    near(
        scene.equity(key) - rich,
        gained,
        price.to_num::<f64>() + 2.0,
    );
    event.written_off as i64
}

/// The steady stage, but loans bear interest.
pub fn with_interest() -> Scene {
    let mut config = VenueConfig::default();
    for asset in &mut config.assets {
        asset.range = (0.1, 0.1);
    }
    config.size_lambda = 0.0;
    Scene::on(Stage::with_interest(config))
}

#[test]
fn a_loan_of_cash() {
    let mut scene = Scene::steady();
    let key = scene.bust_borrower(10);
    let figures = scene.figures(&key);
    near(figures.equity_mark, -1_900e6, 5.0);
    near(figures.maintenance_margin, 1_400e6, 10.0);
    scene.wind(&key, FIRST_S);
    // 1,900 and 5% of 1,400.
    resolve_checked(&mut scene, USDC, &key, 1_970e6);
    // It has as much equity as a taker was promised, and is taken for nothing at once; the fund has its share of that.
    near(scene.equity(&key), 70e6, 5.0);
    assert!(scene.is_flagged(&key));
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.refused(resolve, BallastError::NotInsolvent);
    let rich = scene.equity(&scene.taker);
    let taken = scene.take(&key, WHOLE);
    assert_eq!((taken.price, taken.insurance_payment), (0, 0));
    near(taken.payment, 0.0, 5.0);
    near(scene.equity(&scene.taker) - rich, 70e6 * 0.75, 10.0);
    assert!(!scene.is_flagged(&key));
}

#[test]
fn a_loan_of_another_asset() {
    let mut scene = Scene::steady();
    // 20,000 USDC deposited, 75 SOL borrowed; they rise to 300.
    let key = scene.stage.trader(10, 20_000.0);
    let other = scene.stage.trader(11, 1.0);
    scene.stage.fund(&other, SOL, 123.456);
    scene.stage.mint(&key, SOL, 1);
    let borrow = scene.stage.withdraw(&key, SOL, 75_000_000_000, true);
    scene.send(&[borrow], &[&key]);
    scene.stage.set_price(SOL, 300.0);
    scene.start(&key);
    near(scene.equity(&key), -2_500e6, 5.0);
    scene.wind(&key, FIRST_S);
    for asset in [USDC, ETH] {
        let resolve = scene.resolve_instruction(asset, &key);
        scene.refused(resolve, BallastError::NoLoan);
    }
    // 2,500 and 5% of 10% of 22,500, at 300.
    let expected = (2_500.0 + 0.05 * 2_250.0) / 300.0 * 1e9;
    resolve_checked(&mut scene, SOL, &key, expected);
    near(scene.equity(&key), 112.5e6, 5.0);
    let taken = scene.take(&key, WHOLE);
    assert!(taken.price == 0 && !scene.is_flagged(&key));
    // The lenders can have what is left, and no more: the vault and the loan of the taker.
    let account = scene.stage.account(&other);
    let owned = scene.stage.owned(&account, SOL) as u64;
    near(
        owned as i64,
        123.456e9 * (1.0 - expected / 10_123.456e9),
        2.0,
    );
    scene.stage.mint(&other, SOL, 1);
    let more = scene.stage.withdraw(&other, SOL, owned + 1, false);
    scene
        .stage
        .refused(&[more], &[&other], BallastError::InsufficientDeposit);
    let all = scene.stage.withdraw(&other, SOL, owned, false);
    scene.send(&[all], &[&other]);
}

#[test]
fn with_interest_the_index_falls_from_where_it_is() {
    let mut scene = with_interest();
    let key = scene.bust_borrower(10);
    let board = scene.stage.venue.board(&scene.stage.world).unwrap();
    assert!(board.assets[USDC].borrow.get() >= 1);
    scene.stage.world.advance(86_400 * 30);
    scene.stage.set_price(SOL, 139.0);
    let board = scene.stage.venue.board(&scene.stage.world).unwrap();
    let (lent, owed) = (board.assets[USDC].deposit, board.assets[USDC].borrow);
    assert!(lent.get() > 1 && owed.get() > lent.get());
    let figures = scene.figures(&key);
    assert!(figures.equity_mark < -2_000_000_000);
    scene.wind(&key, FIRST_S);
    // A second later the interest of that second is missing.
    scene.stage.world.advance(1);
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.refused(resolve, BallastError::AccrueInterestFirst);
    let expected = -figures.equity_mark as f64 + 0.05 * figures.maintenance_margin as f64;
    // The interest of that second on 16,000 is a few units.
    let accrue = scene.stage.accrue(USDC);
    scene.send(&[accrue], &[]);
    let more = figures.equity_mark - scene.figures(&key).equity_mark;
    assert!((0..100).contains(&more));
    resolve_checked(&mut scene, USDC, &key, expected + more as f64);
    // The taker's loan bears interest on; nothing is lost in the books a month later.
    scene.take(&key, WHOLE);
    scene.stage.world.advance(86_400 * 30);
    scene.stage.set_price(SOL, 139.0);
    scene.stage.check_books();
}

#[test]
fn positions_are_closed_first_or_the_auction_has_ended() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.wind(&key, FIRST_S - 1);
    scene.refused(resolve.clone(), BallastError::TooEarly);
    scene.wind(&key, FIRST_S);
    scene.refused(resolve.clone(), BallastError::PositionsStillOpen);
    scene.wind(&key, END_S - 1);
    scene.refused(resolve.clone(), BallastError::PositionsStillOpen);
    scene.wind(&key, END_S);
    // Its loss is not a loan yet.
    scene.refused(resolve.clone(), BallastError::NoLoan);
    scene.settle(&key, &sol());
    near(scene.equity(&key), EQUITY as f64, 5.0);
    scene.wind(&key, END_S - 1);
    scene.refused(resolve, BallastError::PositionsStillOpen);
    scene.wind(&key, END_S);
    // What is missing and the premium of 70 are more than is owed.
    let account = scene.stage.account(&key);
    let owed = -scene.stage.owned(&account, USDC);
    near(owed, 2_510e6, 5.0);
    resolve_checked(&mut scene, USDC, &key, owed as f64);
    assert_eq!(scene.stage.owned(&account, USDC), 0);
    assert_eq!(scene.equity(&key), 0);
    assert_eq!(scene.position(&key, &sol()).base_lots, 10_000);
}

#[test]
fn after_deleveraging_what_is_left_is_shared() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    // The dealer has handed his side on at 145: 5 of profit on each of 100 SOL.
    let late = scene.stage.trader(20, 10_000.0);
    let key = scene.stage.trader(10, 3_500.0);
    scene.buy(&key, &dealer, &sol(), 10_000);
    scene.stage.set_price(SOL, 145.0);
    scene.buy(&dealer, &late, &sol(), 10_000);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    let adl = scene.adl(&sol(), &key, &late, 9_999);
    scene.refused(adl, BallastError::CounterpartyNotInProfit);
    scene.wind(&key, END_S);
    let part = scene.deleverage(&sol(), &key, &late, 9_999);
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.wind(&key, END_S - 1);
    scene.refused(resolve.clone(), BallastError::PositionsStillOpen);
    scene.wind(&key, END_S);
    let rest = scene.deleverage(&sol(), &key, &late, ALL);
    near(part.given_up + rest.given_up, 497.1e6, 3.0);
    scene.refused(resolve.clone(), BallastError::NoLoan);
    scene.settle(&key, &sol());
    resolve_checked(&mut scene, USDC, &key, 2_510e6 - 497.1e6);
    // Nothing is left of it, and it may go.
    assert!(scene.stage.state(&key).is_empty() && !scene.is_flagged(&key));
    scene.refused(resolve, BallastError::LiquidationNotStarted);
    let addresses = &scene.stage.venue.addresses;
    let close = instructions::close_account(addresses, &key.pubkey(), 0);
    scene.send(&[close], &[&key]);
    // The dealer has his profit in cash: the pool holds all of it.
    scene.settle(&dealer, &sol());
    let market = scene.market(&sol());
    assert_eq!(
        market.settlement_pool as i64 - market.fees as i64,
        scene.position(&late, &sol()).quote
    );
}

#[test]
fn depositors_bear_a_bounded_part_in_a_day() {
    let mut scene = Scene::steady();
    let first = scene.bust_borrower(10);
    scene.stage.set_price(SOL, 200.0);
    scene.stage.set_price(SOL, 140.0);
    let all: f64 = deposits(&scene, USDC)
        .iter()
        .map(|(_, amount)| amount)
        .sum();
    near(all as i64, 11_000_000e6, 1.0);
    scene.configure(|parameters| parameters.loss_maximum_q32 = WHOLE / 10_000);
    let part = from_q32(WHOLE / 10_000);
    scene.wind(&first, FIRST_S);
    // 1,100 of the 1,970.
    let once = resolve_checked(&mut scene, USDC, &first, all * part);
    let resolve = scene.resolve_instruction(USDC, &first);
    scene.refused(resolve.clone(), BallastError::LossLimitReached);
    assert!(scene.is_flagged(&first) && scene.equity(&first) < -700_000_000);
    let bank = scene.stage.venue.bank(&scene.stage.world, USDC).unwrap();
    assert_eq!(bank.losses as i64, once);
    // A quarter of a day later a quarter of it has lapsed; the bound follows what is left of the deposits.
    scene.stage.world.advance(21_600);
    scene.stage.set_price(SOL, 140.0);
    let room = (all - once as f64) * part - once as f64 * 0.75;
    let again = resolve_checked(&mut scene, USDC, &first, room);
    scene.refused(resolve.clone(), BallastError::LossLimitReached);
    // A minute brings a little back, a day everything.
    scene.stage.world.advance(60);
    scene.passes(&resolve);
    scene.stage.world.advance(86_340);
    scene.stage.set_price(SOL, 140.0);
    let rest = -scene.equity(&first) as f64 + 70e6;
    near(rest as i64, 1_970e6 - once as f64 - again as f64, 10.0);
    resolve_checked(&mut scene, USDC, &first, rest);
    scene.refused(resolve, BallastError::NotInsolvent);
    // Nothing at all may be shared.
    scene.stage.set_price(SOL, 100.0);
    scene.configure(|parameters| parameters.loss_maximum_q32 = 0);
    let resolve = scene.resolve_instruction(USDC, &first);
    scene.refused(resolve, BallastError::LossLimitReached);
}

#[test]
fn a_bank_that_lends_everything_still_covers_its_deposits() {
    let mut scene = Scene::steady();
    // Besides the dealer and the taker, whose cash is gone, one depositor lends all that is borrowed.
    for key in [scene.dealer.insecure_clone(), scene.taker.insecure_clone()] {
        let owned = scene.stage.owned(&scene.stage.account(&key), USDC) as u64;
        scene.stage.mint(&key, USDC, 1);
        let out = scene.stage.withdraw(&key, USDC, owned, false);
        scene.send(&[out], &[&key]);
    }
    let lender = scene.stage.trader(11, 20_000.0);
    let key = scene.bust_borrower(10);
    scene.configure(|parameters| parameters.loss_maximum_q32 = WHOLE / 2);
    scene.wind(&key, FIRST_S);
    resolve_checked(&mut scene, USDC, &key, 1_970e6);
    let bank: Bank = *scene.stage.venue.bank(&scene.stage.world, USDC).unwrap();
    let left = scene.stage.owned(&scene.stage.account(&lender), USDC);
    near(left, 20_000e6 - 1_970e6, 10.0);
    // The vault holds 4,100 of it; the rest is owed by the bankrupt account, whose SOL cover it.
    near(scene.stage.world.tokens(&bank.vault) as i64, 4_100e6, 1.0);
    assert!(bank.borrow_shares.get().to_num::<i64>() + 4_100_000_000 >= left);
    assert_eq!(bank.losses_time, scene.stage.world.now());
}
