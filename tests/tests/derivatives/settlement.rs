//! The settlement price: an average over the window before the expiry that is certain before anyone writes it down.

use crate::scene::{
    DAY_S, EXPIRY, crank, dated, finalize, finalize_settlement, list, market, pause, refused,
    try_crank, units,
};
use crate::window::Window;
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketStatus, MarketTerms, Pausable};
use ballast_sim::Venue;
use ballast_tests::{Code, SOL, Stage, with};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stage with a future, a call and a put that expire on the first day.
fn scene() -> (Stage, [MarketTerms; 3], Window) {
    let mut stage = Stage::steady();
    let kinds = [MarketKind::Future, MarketKind::Call, MarketKind::Put];
    let terms = kinds.map(|kind| {
        let strike = if kind == MarketKind::Future {
            0.0
        } else {
            200.0
        };
        let terms = dated(kind, EXPIRY, strike);
        list(&mut stage, &terms);
        terms
    });
    (stage, terms, Window::default())
}

#[track_caller]
fn not_ready(stage: &mut Stage, terms: &MarketTerms) {
    let finalize = finalize_settlement(stage, terms);
    refused(stage, finalize, BallastError::SettlementNotReady);
}

/// Every market settles at this price, the window's of this expiry.
#[track_caller]
fn settles(stage: &mut Stage, terms: &[MarketTerms], price: u64, window: i64) {
    for terms in terms {
        let done = finalize(stage, terms);
        assert_eq!((done.settlement_price, done.window), (price, window));
        let market = market(stage, terms);
        assert_eq!(market.status, MarketStatus::Closed as u8);
        assert_eq!(market.settlement_price, price);
    }
}

#[test]
fn all_kinds_settle_at_the_average_of_the_window() {
    let (mut stage, terms, mut window) = scene();
    // The price from before the window stands into it; 1,000 dollars were too early.
    window.publish(&mut stage, 2_000, 1_000.0);
    window.publish(&mut stage, 1_833, 190.0);
    for (before_s, dollars) in [
        (1_790, 195.13),
        (1_777, 201.77),
        (1_700, 203.0),
        (1_650, 199.99),
        (1_649, 220.5),
        (1_530, 187.31),
    ] {
        window.publish(&mut stage, before_s, dollars);
    }
    // A gap of 300 seconds, of which 120 count; an uncertain price that counts nothing though it stands for 100 seconds.
    window.publish(&mut stage, 1_400, 200.03);
    window.publish(&mut stage, 1_100, 204.4);
    window.publish_uncertain(&mut stage, 1_000, 260.0);
    window.publish(&mut stage, 900, 198.2);
    window.publish_every(&mut stage, EXPIRY, (880, 60), 55, 206.6);
    window.publish(&mut stage, 7, 212.0);
    let (average, seconds) = window.average(EXPIRY);
    // The first stands for 10 seconds of the window, one for 1 second, the gap and the uncertain price are missing.
    assert_eq!(seconds, 1_800 - 10 - 180 - 100);
    for terms in &terms {
        not_ready_before(&mut stage, terms);
    }
    // The first price after the expiry is of no window.
    window.publish(&mut stage, -3, 400.0);
    assert_eq!(window.average(EXPIRY), (average, seconds));
    settles(&mut stage, &terms, average, EXPIRY);
}

#[test]
fn the_average_is_rounded_to_the_nearest_unit() {
    // Dollars, and quote units for a lot: 0.3 and 0.7 of a unit over, whole units whose price per lamport the board rounds down, and two prices
    // of 900 seconds each whose middle is 0.4 and 0.6 of a unit over.
    let cases = [
        (200.00003, 200.00003, 2_000_000),
        (200.00007, 200.00007, 2_000_001),
        (199.99, 199.99, 1_999_900),
        (187.31, 187.31, 1_873_100),
        (200.00003, 200.00005, 2_000_000),
        (200.00005, 200.00007, 2_000_001),
    ];
    for (first, second, expected) in cases {
        let (mut stage, terms, mut window) = scene();
        window.publish_every(&mut stage, EXPIRY, (1_800, 1_000), 100, first);
        window.publish_every(&mut stage, EXPIRY, (900, 0), 100, second);
        assert_eq!(window.average(EXPIRY), (expected, 1_800));
        settles(&mut stage, &terms, expected, EXPIRY);
    }
}

/// Before the expiry there is nothing to settle, at it the average is not certain.
fn not_ready_before(stage: &mut Stage, terms: &MarketTerms) {
    let now = stage.world.now();
    stage.world.set_time(EXPIRY - 1);
    let finalize = finalize_settlement(stage, terms);
    refused(stage, finalize, BallastError::NotSettling);
    stage.world.set_time(EXPIRY);
    not_ready(stage, terms);
    stage.world.set_time(now);
}

#[test]
fn random_windows_settle_at_their_average() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..6 {
        let (mut stage, terms, mut window) = scene();
        let mut before_s = 1_900;
        let mut dollars: f64 = 200.0;
        while before_s > 0 {
            dollars *= 1.0 + random.random_range(-0.02..0.02);
            // In units of the oracle, 10^-8 dollars.
            let published = (dollars * 1e8).round() / 1e8;
            if random.random_bool(0.1) {
                window.publish_uncertain(&mut stage, before_s, published);
            } else {
                window.publish(&mut stage, before_s, published);
            }
            before_s -= random.random_range(1..170);
        }
        window.publish(&mut stage, -1, 300.0);
        let (average, seconds) = window.average(EXPIRY);
        assert!((900..1_800).contains(&seconds), "{seconds}");
        settles(&mut stage, &terms, average, EXPIRY);
    }
}

#[test]
fn without_a_later_price_the_average_is_certain_when_the_last_one_has_aged() {
    let (mut stage, terms, mut window) = scene();
    window.publish_every(&mut stage, EXPIRY, (1_850, 30), 60, 200.0);
    for after_s in [0, 1, 60, 120] {
        stage.world.set_time(EXPIRY + after_s);
        not_ready(&mut stage, &terms[0]);
    }
    stage.world.set_time(EXPIRY + 121);
    let (average, seconds) = window.average(EXPIRY);
    assert_eq!((average, seconds), (2_000_000, 1_800));
    settles(&mut stage, &terms, average, EXPIRY);
}

#[test]
fn a_price_of_the_expiry_itself_makes_it_certain() {
    let (mut stage, terms, mut window) = scene();
    window.publish_every(&mut stage, EXPIRY, (1_850, 30), 60, 250.0);
    window.publish(&mut stage, 0, 777.0);
    settles(&mut stage, &terms, units(250.0), EXPIRY);
}

#[test]
fn half_of_the_window_is_enough_and_a_second_less_is_not() {
    // 60 seconds of each of 14 prices that are uncertain after that, and the rest of one more.
    for (last_s, ready) in [(60, true), (59, false)] {
        let (mut stage, terms, mut window) = scene();
        for round in 0..14 {
            window.publish(&mut stage, 1_800 - 120 * round, 250.0);
            window.publish_uncertain(&mut stage, 1_740 - 120 * round, 300.0);
        }
        window.publish(&mut stage, last_s, 250.0);
        window.publish(&mut stage, -1, 500.0);
        let (average, seconds) = window.average(EXPIRY);
        assert_eq!(seconds, 840 + last_s);
        if ready {
            settles(&mut stage, &terms, average, EXPIRY);
        } else {
            not_ready(&mut stage, &terms[0]);
        }
    }
}

#[test]
fn a_window_that_was_hardly_covered_is_replaced_by_the_next_days() {
    let (mut stage, terms, mut window) = scene();
    let next = EXPIRY + DAY_S;
    window.publish_every(&mut stage, EXPIRY, (880, -120), 40, 300.0);
    assert_eq!(window.average(EXPIRY).1, 880);
    for hours in [0, 1, 20] {
        window.publish_for(&mut stage, EXPIRY, -hours * 3_600 - 200, 310.0);
        not_ready(&mut stage, &terms[0]);
    }
    // The next one is half covered and more, but only certain when it is over.
    window.publish_every(&mut stage, next, (1_000, 0), 50, 180.0);
    let (average, seconds) = window.average(next);
    assert_eq!(seconds, 1_000);
    settles(&mut stage, &terms, average, next);
}

#[test]
fn a_late_finalisation_settles_at_the_same_price() {
    let (mut stage, terms, mut window) = scene();
    window.publish_every(&mut stage, EXPIRY, (1_850, -50), 100, 200.0);
    let (first, _) = window.average(EXPIRY);
    settles(&mut stage, &terms[..1], first, EXPIRY);
    // Eight further windows at other prices; the board knows the first until the last of them gives way to another.
    for day in 1..=8 {
        let expiry = EXPIRY + day * DAY_S;
        let dollars = 200.0 + 10.0 * day as f64;
        window.publish_every(&mut stage, expiry, (1_850, -50), 100, dollars);
        assert_ne!(window.average(expiry).0, first);
    }
    settles(&mut stage, &terms[1..2], first, EXPIRY);
    let last = EXPIRY + 9 * DAY_S;
    window.publish_every(&mut stage, last, (1_850, -50), 100, 300.0);
    let (second, _) = window.average(EXPIRY + DAY_S);
    settles(&mut stage, &terms[2..], second, EXPIRY + DAY_S);
}

#[test]
fn a_feed_that_never_comes_back_settles_at_the_slow_price_after_a_week() {
    let (mut stage, terms, mut window) = scene();
    window.publish_for(&mut stage, EXPIRY, 4_000, 200.0);
    window.publish_for(&mut stage, EXPIRY, 2_000, 210.0);
    let board = stage.venue.board(&stage.world).unwrap();
    let slow: f64 = board.prices[SOL].slow.get().to_num();
    stage.world.set_time(EXPIRY + 7 * DAY_S);
    not_ready(&mut stage, &terms[0]);
    stage.world.set_time(EXPIRY + 7 * DAY_S + 1);
    let price = (slow * 1e7).round() as u64;
    assert!((2_000_000..2_100_000).contains(&price));
    settles(&mut stage, &terms, price, 0);
}

#[test]
fn only_an_expired_market_settles_and_only_once() {
    let (mut stage, terms, mut window) = scene();
    let later = dated(MarketKind::Future, EXPIRY + DAY_S, 0.0);
    list(&mut stage, &later);
    let perpetual = Venue::perpetual(SOL);
    for terms in [terms[0], later, perpetual] {
        let finalize = finalize_settlement(&stage, &terms);
        refused(&mut stage, finalize, BallastError::NotSettling);
    }
    window.publish_every(&mut stage, EXPIRY, (1_850, -50), 100, 200.0);
    settles(&mut stage, &terms, window.average(EXPIRY).0, EXPIRY);
    for terms in [terms[0], terms[1], later, perpetual] {
        let finalize = finalize_settlement(&stage, &terms);
        refused(&mut stage, finalize, BallastError::NotSettling);
    }
    // Nor do its parameters change any more.
    let admin = stage.venue.admin.insecure_clone();
    let parameters = stage.venue.market_args(SOL).parameters;
    let (addresses, key) = (stage.venue.addresses, solana_signer::Signer::pubkey(&admin));
    let update = instructions::update_market(&addresses, &key, &terms[0], parameters);
    stage.refused(&[update], &[&admin], BallastError::MarketExpired);
}

#[test]
fn finalising_takes_only_the_accounts_that_belong_together() {
    let (mut stage, terms, mut window) = scene();
    let other = stage.other_venue();
    other.list_market(&mut stage.world, &terms[0]).unwrap();
    window.publish_every(&mut stage, EXPIRY, (1_850, -50), 100, 200.0);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let right = finalize_settlement(&stage, &terms[0]);
    let market = here.market(&terms[0]);
    let cases = [
        (here.board, there.board, BallastError::WrongBoard.into()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.into(),
        ),
        (
            market,
            there.market(&terms[0]),
            BallastError::WrongExchange.into(),
        ),
        (
            market,
            here.market(&Venue::perpetual(SOL)),
            BallastError::NotSettling.into(),
        ),
        (
            market,
            here.insurance_fund(),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (from, to, code) in cases {
        refused(&mut stage, with(right.clone(), &from, &to), Code(code));
    }
    pause(&mut stage, Some(Pausable::FinalizeSettlement));
    refused(&mut stage, right.clone(), BallastError::Paused);
    pause(&mut stage, Some(Pausable::SettlePosition));
    crank(&mut stage, right.clone());
    assert!(try_crank(&mut stage, right).is_err());
}
