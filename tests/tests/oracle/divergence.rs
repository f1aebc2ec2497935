//! Feeds that are compared with a second source.

use crate::pyth::{edit, entry, feed_args, list, refresh};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::{FeedArgs, FeedParameters};
use ballast_client::instructions;
use ballast_client::state::{Exchange, NONE, Validity, next_expiry};
use ballast_tests::{ETH, SOL, Stage};
use oracle_stub::StubPrice;
use solana_signer::Signer;

/// SOL/USD with the stage's own SOL feed as its second source, at most 2% apart.
struct Pair {
    stage: Stage,
    feed: u8,
}

impl Pair {
    fn new() -> Self {
        let mut stage = Stage::new();
        let mut args: FeedArgs = feed_args(1, [0xab; 32]);
        args.parameters.compare_with = SOL as u8;
        let feed = list(&mut stage, 100, 9, args);
        Self { stage, feed }
    }

    /// Publishes a price of the compared feed, in the account of a feed that is not needed here.
    fn publish(&mut self, dollars: f64) {
        let stage = &mut self.stage;
        stage.world.advance(1);
        let key: Pubkey = stage.venue.price_account(ETH);
        let price = StubPrice {
            price: (dollars * 1e8).round() as i64,
            publish_time: stage.world.now(),
            ..stage.venue.stub_price(&stage.world, ETH, 1.0)
        };
        let write = stage.venue.write_price(&stage.world, ETH, &price);
        stage.world.send(&[write], &[]).unwrap();
        edit(stage, ETH, |data| data[41..73].fill(0xab));
        refresh(stage, &[key]);
    }

    /// Publishes a price of the second source.
    fn publish_second(&mut self, dollars: f64) {
        let stage = &mut self.stage;
        let price = stage.venue.stub_price(&stage.world, SOL, dollars);
        let write = stage.venue.write_price(&stage.world, SOL, &price);
        stage.world.send(&[write], &[]).unwrap();
        let key = stage.venue.price_account(SOL);
        refresh(stage, &[key]);
    }

    fn is_divergent(&self) -> bool {
        let entry = entry(&self.stage, self.feed);
        let exchange = self.stage.venue.exchange(&self.stage.world).unwrap();
        let definition = exchange.feed(self.feed).unwrap();
        let validity = entry.validity(definition, self.stage.world.now());
        assert_eq!(validity == Validity::Stale, entry.is_divergent(definition));
        entry.is_divergent(definition)
    }

    /// The risk authority has the feed compared with another, or none.
    fn compare_with(&mut self, other: u8) {
        let stage = &mut self.stage;
        let exchange = stage.venue.exchange(&stage.world).unwrap();
        let parameters = FeedParameters {
            compare_with: other,
            ..FeedParameters::from(exchange.feed(self.feed).unwrap())
        };
        let risk = stage.venue.admin.insecure_clone();
        let addresses = &stage.venue.addresses;
        let update = instructions::update_feed(addresses, &risk.pubkey(), self.feed, parameters);
        stage.world.send(&[update], &[&risk]).unwrap();
    }
}

#[test]
fn a_feed_apart_from_its_second_source_counts_as_stale() {
    let mut pair = Pair::new();
    for (dollars, divergent) in [
        (200.0, false),
        (203.9, false),
        (204.1, true),
        (196.1, false),
        (195.9, true),
        (200.0, false),
    ] {
        pair.publish(dollars);
        assert_eq!(pair.is_divergent(), divergent, "{dollars}");
    }
    // The second source's own movement counts at once.
    pair.publish_second(210.0);
    assert!(pair.is_divergent());
    pair.publish_second(203.0);
    assert!(!pair.is_divergent());
    // The source itself is compared with nothing.
    assert_eq!(entry(&pair.stage, SOL as u8).divergent, 0);
}

#[test]
fn a_second_source_that_is_too_old_says_nothing() {
    let mut pair = Pair::new();
    pair.publish(250.0);
    assert!(pair.is_divergent());
    pair.stage.world.advance(118);
    pair.publish(250.0);
    assert!(pair.is_divergent());
    pair.publish(250.0);
    assert!(!pair.is_divergent());
    pair.publish_second(200.0);
    assert!(pair.is_divergent());
    // Anybody may have it compared anew, with the price that the board has.
    let key = pair.stage.venue.price_account(ETH);
    pair.stage.world.advance(110);
    pair.publish(250.0);
    pair.stage.world.advance(11);
    assert!(pair.is_divergent());
    refresh(&mut pair.stage, &[key]);
    assert!(!pair.is_divergent());
    pair.publish_second(200.0);
    assert!(pair.is_divergent());
}

#[test]
fn a_feed_that_is_compared_no_more_is_fresh_again() {
    let mut pair = Pair::new();
    pair.publish(250.0);
    assert!(pair.is_divergent());
    pair.compare_with(NONE);
    assert!(!pair.is_divergent());
    pair.publish(260.0);
    assert!(!pair.is_divergent());
    pair.compare_with(SOL as u8);
    pair.publish(260.0);
    assert!(pair.is_divergent());
}

#[test]
fn seconds_of_a_settlement_window_count_once_however_often_a_price_is_offered() {
    let mut pair = Pair::new();
    let feed = usize::from(pair.feed);
    let until_window = next_expiry(pair.stage.world.now()) - 1_000 - pair.stage.world.now();
    pair.stage.world.advance(until_window);
    pair.publish_second(200.0);
    pair.publish(200.0);
    let key = pair.stage.venue.price_account(ETH);
    pair.stage.world.advance(40);
    // Sixty times in one transaction, and once more.
    for offered in [60, 1] {
        refresh(&mut pair.stage, &vec![key; offered]);
        let board = pair.stage.venue.board(&pair.stage.world).unwrap();
        let entry = &board.prices[feed];
        assert_eq!(entry.settlement_seconds, 40);
        let sum = entry.settlement_sum.get().to_num::<f64>();
        assert!((sum - 40.0 * 0.2).abs() < 1e-6, "{sum}");
    }
}

#[test]
fn a_price_that_its_second_source_contradicts_moves_neither_volatility_nor_slow_price() {
    let mut stage = Stage::new();
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        // Compared with ETH at 200, the same decimals or not.
        exchange.feeds[SOL].compare_with = ETH as u8;
        exchange.feeds[SOL].max_divergence_q32 = 1 << 27;
    });
    let publish = |stage: &mut Stage, asset: usize, units: f64| {
        let dollars = match asset {
            ETH => units * 100.0,
            _ => units * 1_000.0,
        };
        let price = stage.venue.stub_price(&stage.world, asset, dollars);
        let write = stage.venue.write_price(&stage.world, asset, &price);
        stage.world.send(&[write], &[]).unwrap();
        let key = stage.venue.price_account(asset);
        refresh(stage, &[key]);
    };
    publish(&mut stage, ETH, 0.2);
    publish(&mut stage, SOL, 0.2);
    let state = |stage: &Stage| {
        let board = stage.venue.board(&stage.world).unwrap();
        (
            board.underlyings[0].variance_q32,
            board.prices[SOL].slow.get(),
        )
    };
    let before = state(&stage);
    stage.world.advance(120);
    publish(&mut stage, ETH, 0.2);
    publish(&mut stage, SOL, 0.3);
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.prices[SOL].divergent, 1);
    assert_eq!(state(&stage), before);
    stage.world.advance(60);
    publish(&mut stage, SOL, 0.3);
    assert_eq!(state(&stage), before);
    stage.world.advance(60);
    publish(&mut stage, ETH, 0.3);
    publish(&mut stage, SOL, 0.3);
    stage.world.advance(60);
    publish(&mut stage, SOL, 0.3);
    let after = state(&stage);
    assert!(after.0 > before.0 && after.1 > before.1);
}
