//! Hundreds of the smallest slices: nothing is to be had by rounding.

use crate::scene::{Raid, WHOLE, between};
use ballast_tests::{BTC, ETH, SOL, Stage};
use solana_keypair::Keypair;

/// Cash, three tokens, a loan and three perpetuals, ruined by ETH.
fn motley(raid: &mut Raid) -> Keypair {
    let key = raid.stage.trader(10, 2_345.678_901);
    raid.stage.fund(&key, SOL, 3.333_333_333);
    raid.stage.fund(&key, BTC, 0.012_345_67);
    let dealer = raid.dealer.insecure_clone();
    raid.stage.fund(&dealer, ETH, 100.0);
    raid.stage.mint(&key, ETH, 0);
    let borrow = raid.stage.withdraw(&key, ETH, 12_345_678, true);
    raid.act(&[borrow], &[&key]);
    raid.deal(&dealer, &key, SOL, -7.77, 200.0);
    raid.deal(&dealer, &key, BTC, 0.034, 100_000.0);
    raid.deal(&dealer, &key, ETH, 4.321, 4_000.0);
    raid.price(ETH, 3_487.65);
    raid.flag(&key);
    key
}

/// The most that an account lost in one of many slices, and what it and the attacker gained in all, in quote units and their parts.
struct Nibbled {
    worst: f64,
    account: f64,
    gain: f64,
    fund: i64,
}

/// Takes slices of at most a fraction.
fn nibble(raid: &mut Raid, key: &Keypair, fraction: u64, times: usize) -> Nibbled {
    let by = raid.raider.insecure_clone();
    let (first, rich) = (raid.exact_equity(key), raid.exact_equity(&by));
    let fund = raid.fund();
    let mut worst = 0.0f64;
    let mut before = first;
    for _ in 0..times {
        let take = raid.take_instruction(key, &by, fraction, i64::MAX);
        raid.act(&[take], &[&by]);
        let now = raid.exact_equity(key);
        worst = worst.max(before - now);
        before = now;
    }
    Nibbled {
        worst,
        account: before - first,
        gain: raid.exact_equity(&by) - rich,
        fund: raid.fund() - fund,
    }
}

#[test]
fn hundreds_of_minimal_slices_move_units() {
    for elapsed_s in [0, 7_200] {
        for fraction in [1, 2, 3] {
            let mut raid = Raid::new();
            let key = motley(&mut raid);
            raid.wind(&key, elapsed_s);
            let nibbled = nibble(&mut raid, &key, fraction, 150);
            // Each slice moves a lot of each of three positions at its mark and parts of units, every value rounded up for the account.
            assert!(nibbled.worst <= 4.0, "{}", nibbled.worst);
            assert!(nibbled.account >= -4.0 * 150.0, "{}", nibbled.account);
            assert!(nibbled.gain <= 1.0, "{}", nibbled.gain);
            assert_eq!(nibbled.fund, 0);
        }
    }
}

#[test]
fn many_small_slices_gain_no_more_than_a_large_one() {
    // 200 slices of a two-thousandth against one of a tenth.
    let [many, once] = [(WHOLE / 2_000, 200), (WHOLE / 10, 1)].map(|(fraction, times)| {
        let mut raid = Raid::new();
        let key = motley(&mut raid);
        let equity = raid.equity(&key) as f64;
        let nibbled = nibble(&mut raid, &key, fraction, times);
        // A tenth of the equity at 1%, of which the raider keeps three quarters; each slice may round by a few units.
        let discount = equity * 0.001;
        let most = discount * 0.75 + 4.0 * times as f64;
        assert!(nibbled.gain <= most, "{} {most}", nibbled.gain);
        let least = -discount - 4.0 * times as f64;
        assert!(nibbled.account >= least, "{} {least}", nibbled.account);
        nibbled
    });
    // Equity grows by nothing meanwhile, so the parts are alike, and rounding favours the account.
    assert!(
        many.gain <= once.gain + 800.0,
        "{} {}",
        many.gain,
        once.gain
    );
    between(many.fund - once.fund, -800, 0);
}

/// A portfolio of one lot that is worth all of it: a sliver cannot take it without its part of the hedge.
#[test]
fn a_sliver_that_takes_the_only_lot_is_paid_at_its_mark_or_refused() {
    let mut config = ballast_sim::VenueConfig::default();
    for asset in &mut config.assets {
        asset.range = (0.1, 0.1);
    }
    config.size_lambda = 0.0;
    config.assets[BTC].lot_size = 100_000_000;
    let mut raid = Raid::on(Stage::with(config));
    // Long a bitcoin as one lot, short 5 ETH of 20,000.
    let key = raid.trader(10, 14_000.0, BTC, 1.0);
    let dealer = raid.dealer.insecure_clone();
    raid.deal(&dealer, &key, ETH, -5.0, 4_000.0);
    raid.price(BTC, 94_500.0);
    raid.flag(&key);
    let (before, by) = (raid.exact_equity(&key), raid.raider.insecure_clone());
    let rich = raid.exact_equity(&by);
    let take = raid.take_instruction(&key, &by, 1, i64::MAX);
    raid.act(&[take], &[&by]);
    // The whole bitcoin left at its mark for nobody's gain, and the rest is above its buffer.
    assert!(!raid.is_flagged(&key));
    assert!((raid.exact_equity(&key) - before).abs() <= 4.0);
    assert!(raid.exact_equity(&by) - rich <= 1.0);
}
