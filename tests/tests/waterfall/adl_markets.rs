//! Deleveraging in futures and options, in portfolios of several markets, with funding, and in markets that have expired.

use super::scene::{ALL, FIRST_S, Scene, USDC, dated, near, one, sol};
use ballast::error::BallastError;
use ballast::events::Deleveraged;
use ballast_client::instructions;
use ballast_client::state::{Board, MarketKind, MarketTerms};
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage};
use fixed::types::I80F48;
use solana_keypair::Keypair;

/// Deleverages all of an account's lots in a market against one counterparty, who must have enough, and compares with the marks of the board and
/// the deficit's share by value.
fn deleverage_all(scene: &mut Scene, terms: &MarketTerms, key: &Keypair, other: &Keypair) {
    let report = scene.figures(key);
    let state = scene.stage.state(key);
    let slots = state.positions.iter().filter(|slot| !slot.is_free());
    let place = slots.clone().position(|slot| slot.terms == *terms).unwrap();
    let values = report.positions().iter().map(|entry| entry.value as f64);
    let all: f64 = values.clone().map(f64::abs).sum();
    let held = scene.position(key, terms).base_lots;
    let value = values.clone().nth(place).unwrap();
    near(value as i64, held as f64 * scene.mark(terms), 2.0);
    let missing = -report.equity_mark as f64;
    let (poor, rich) = (scene.equity(key), scene.equity(other));
    let open = scene.market(terms).open_interest_lots;
    let opposite = scene.position(other, terms).base_lots;
    assert!(opposite.signum() == -held.signum() && opposite.abs() >= held.abs());

    let event = scene.deleverage(terms, key, other, ALL);
    assert_eq!(event.market, scene.stage.venue.addresses.market(terms));
    assert_eq!((event.base_lots, event.funding), (held, [0, 0]));
    assert_eq!(event.equity_mark, report.equity_mark);
    near(event.given_up, missing * value.abs() / all, 2.0);
    near(event.quote - event.given_up, value, 2.0);
    near(scene.equity(key), (poor + event.given_up) as f64, 2.0);
    near(scene.equity(other), (rich - event.given_up) as f64, 2.0);
    assert_eq!(scene.position(key, terms).base_lots, 0);
    assert_eq!(scene.position(other, terms).base_lots, opposite + held);
    let market = scene.market(terms);
    assert_eq!(market.open_interest_lots, open - held.unsigned_abs());
    assert_eq!(market.short_interest_lots, market.open_interest_lots);
}

/// SOL at 200 with a volatility of 80% and a carry of 5%.
fn with_surface() -> Scene {
    let mut scene = Scene::on(Stage::steady());
    scene.post(0.8, 0.05);
    scene
}

#[test]
fn a_future_with_its_carry() {
    for long in [true, false] {
        let mut scene = with_surface();
        let future = dated(&scene, MarketKind::Future, SOL, 60, 0);
        scene.list(&future);
        let dealer = scene.dealer.insecure_clone();
        let key = scene.stage.trader(10, 3_500.0);
        let (buyer, seller) = if long {
            (&key, &dealer)
        } else {
            (&dealer, &key)
        };
        scene.buy(buyer, seller, &future, 10_000);
        scene.stage.set_price(SOL, if long { 150.0 } else { 250.0 });
        scene.start(&key);
        deleverage_all(&mut scene, &future, &key, &dealer);
        assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
    }
}

#[test]
fn the_writer_of_a_call_and_of_a_put() {
    for (kind, after) in [(MarketKind::Call, 300.0), (MarketKind::Put, 110.0)] {
        let mut scene = with_surface();
        let option = dated(&scene, kind, SOL, 30, 2_000_000);
        scene.list(&option);
        let dealer = scene.dealer.insecure_clone();
        let key = scene.stage.trader(10, 6_000.0);
        scene.buy(&dealer, &key, &option, 10_000);
        scene.stage.set_price(SOL, after);
        scene.start(&key);
        assert!(scene.equity(&key) < -100_000_000);
        // In parts: the same per lot.
        let deficit = -scene.equity(&key);
        let part = scene.deleverage(&option, &key, &dealer, 2_500);
        assert_eq!(part.base_lots, -2_500);
        near(part.given_up, deficit as f64 / 4.0, 2.0);
        deleverage_all(&mut scene, &option, &key, &dealer);
        assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
        // What was closed at a loss of all it had is cash now.
        scene.settle(&key, &option);
        assert!(scene.stage.state(&key).is_empty());
        scene.settle(&dealer, &option);
        assert_eq!(
            scene.market(&option).settlement_pool,
            scene.market(&option).fees
        );
    }
}

#[test]
fn a_buyer_of_options_who_cannot_pay_the_premium() {
    let mut scene = with_surface();
    let option = dated(&scene, MarketKind::Call, SOL, 30, 2_000_000);
    scene.list(&option);
    let dealer = scene.dealer.insecure_clone();
    let key = scene.stage.trader(10, 3_500.0);
    // Long 150 calls worth 19 each and 20 SOL; at 130 the calls are worth little.
    scene.buy(&key, &dealer, &option, 15_000);
    scene.buy(&key, &dealer, &sol(), 2_000);
    scene.stage.set_price(SOL, 120.0);
    scene.start(&key);
    assert!(scene.equity(&key) < 0);
    deleverage_all(&mut scene, &option, &key, &dealer);
    assert!(scene.is_flagged(&key));
    deleverage_all(&mut scene, &sol(), &key, &dealer);
    assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
}

#[test]
fn a_portfolio_of_everything_in_any_sequence() {
    let mut scene = with_surface();
    let call = dated(&scene, MarketKind::Call, SOL, 30, 2_200_000);
    let put = dated(&scene, MarketKind::Put, SOL, 30, 2_000_000);
    let future = dated(&scene, MarketKind::Future, SOL, 60, 0);
    let eth = Venue::perpetual(ETH);
    let dealer = scene.dealer.insecure_clone();
    let key = scene.stage.trader(10, 12_000.0);
    for terms in [&call, &put, &future] {
        scene.list(terms);
    }
    // Bullish: everything loses when SOL and ETH fall.
    for (terms, lots) in [
        (&call, 5_000),
        (&future, 6_000),
        (&sol(), 4_000),
        (&eth, 4_000),
    ] {
        scene.buy(&key, &dealer, terms, lots);
    }
    scene.buy(&dealer, &key, &put, 5_000);
    scene.stage.fund(&key, SOL, 10.0);
    scene.stage.set_price(SOL, 125.0);
    scene.stage.set_price(ETH, 2_700.0);
    scene.start(&key);
    assert!(scene.equity(&key) < -1_000_000_000);
    let start = scene.stage.world.svm.clone();
    let markets = [call, put, future, sol(), eth];
    let mut gave_up = Vec::new();
    for shift in 0..5 {
        scene.stage.world.svm = start.clone();
        let mut shares = [0; 5];
        for step in 0..5 {
            let place = (step * (1 + shift % 4) + shift) % 5;
            let rich = scene.equity(&dealer);
            deleverage_all(&mut scene, &markets[place], &key, &dealer);
            shares[place] = rich - scene.equity(&dealer);
        }
        near(scene.equity(&key), 0.0, 2.0);
        gave_up.push(shares);
    }
    for shares in &gave_up {
        for place in 0..5 {
            near(shares[place], gave_up[0][place] as f64, 20.0);
        }
    }
}

#[test]
fn funding_is_settled_on_both_sides() {
    for change in [12_345.678_9, -7_654.321] {
        let mut scene = Scene::steady();
        let dealer = scene.dealer.insecure_clone();
        let key = scene.insolvent(10);
        let board = scene.stage.venue.addresses.board;
        // As if longs had paid (or received) so many quote units per lot since the trade.
        let now = scene.stage.world.now();
        scene.stage.patch::<Board>(&board, |board| {
            let funding = &mut board.perpetuals[0];
            funding.index.set(I80F48::from_num(change));
            funding.updated_at = now;
        });
        scene.stage.check_books();
        let deficit = -scene.equity(&key);
        near(deficit, 2_510e6 + change * 1e4, 6.0);
        let (rich, before) = (scene.equity(&dealer), scene.position(&dealer, &sol()));
        let event = scene.deleverage(&sol(), &key, &dealer, 4_000);
        // All lots are settled, not only those that close.
        near(event.funding[0], -change * 1e4, 1.0);
        near(event.funding[1], change * 1e4, 1.0);
        near(event.given_up, deficit as f64 * 0.4, 2.0);
        let after = scene.position(&dealer, &sol());
        assert_eq!(after.funding_index.get(), I80F48::from_num(change));
        assert_eq!(after.quote, before.quote + event.funding[1] - event.quote);
        near(scene.equity(&dealer), (rich - event.given_up) as f64, 2.0);
        let event = scene.deleverage(&sol(), &key, &dealer, ALL);
        assert_eq!(event.funding, [0, 0]);
        near(event.given_up, deficit as f64 * 0.6, 2.0);
        assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
    }
}

#[test]
fn a_market_that_has_expired_settles_instead() {
    let mut scene = with_surface();
    let option = dated(&scene, MarketKind::Call, SOL, 0, 1_800_000);
    let future = dated(&scene, MarketKind::Future, SOL, 0, 0);
    scene.list(&option);
    scene.list(&future);
    let dealer = scene.dealer.insecure_clone();
    let key = scene.stage.trader(10, 3_400.0);
    scene.buy(&key, &dealer, &option, 1_000);
    scene.buy(&key, &dealer, &future, 9_000);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    for before_s in (1..=961).rev().step_by(120) {
        scene.stage.world.set_time(option.expiry - before_s);
        scene.stage.set_price(SOL, 140.0);
    }
    for terms in [&option, &future] {
        let adl = scene.adl(terms, &key, &dealer, ALL);
        scene.passes(&adl);
    }
    // At the second of the expiry it is too late, with and without a settlement price.
    scene.stage.world.set_time(option.expiry);
    scene.stage.set_price(SOL, 140.0);
    for terms in [&option, &future] {
        let adl = scene.adl(terms, &key, &dealer, ALL);
        scene.refused(adl.clone(), BallastError::MarketExpired);
        let finalize = instructions::finalize_settlement(&scene.stage.venue.addresses, terms);
        scene.send(&[finalize], &[]);
        scene.refused(adl, BallastError::MarketExpired);
    }
    // The lots turn into quote, the quote into a loan, and the loan is shared.
    let resolve = scene.resolve_instruction(USDC, &key);
    scene.wind(&key, FIRST_S);
    scene.refused(resolve.clone(), BallastError::PositionsStillOpen);
    for terms in [&option, &future] {
        let venue = &scene.stage.venue;
        let account = scene.stage.account(&key);
        let settle = instructions::settle_position(&venue.addresses, terms, &account);
        scene.send(&[settle], &[]);
    }
    scene.refused(resolve, BallastError::NoLoan);
    for terms in [&option, &future] {
        scene.settle(&key, terms);
    }
    let owed = -scene.stage.owned(&scene.stage.account(&key), USDC);
    let event = scene.resolve(USDC, &key);
    assert_eq!(event.written_off as i64, owed);
    assert!(scene.stage.state(&key).is_empty() && !scene.is_flagged(&key));
}

#[test]
fn an_account_that_is_deleveraged_whole_keeps_what_is_left_of_its_other_assets() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    // 5 SOL besides; what they are worth lowers what is missing.
    let key = scene.stage.trader(10, 3_500.0);
    scene.stage.fund(&key, SOL, 5.0);
    scene.buy(&key, &dealer, &sol(), 10_000);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    near(scene.equity(&key), -2_510e6 + 700e6, 6.0);
    let adl = scene.adl(&sol(), &key, &dealer, ALL);
    let events = scene.send(&[adl], &[]);
    let event: Deleveraged = one(&events);
    near(event.given_up, 1_810e6, 6.0);
    assert_eq!(scene.equity(&key), 0);
    // 700 in SOL against a loss of 700: flagged until a taker has both.
    assert!(scene.is_flagged(&key));
    assert_eq!(scene.position(&key, &sol()).base_lots, 0);
}
