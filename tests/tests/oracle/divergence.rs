//! Feeds that are compared with a second source.

use crate::pyth::{edit, entry, feed_args, list, refresh};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::FeedArgs;
use ballast_client::state::Validity;
use ballast_tests::{ETH, SOL, Stage};
use oracle_stub::StubPrice;

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
        let key: Pubkey = stage.venue.price_account(ETH);
        let price = StubPrice {
            price: (dollars * 1e8).round() as i64,
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
        assert_eq!(validity == Validity::Stale, entry.divergent == 1);
        entry.divergent == 1
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
    pair.stage.world.advance(120);
    pair.publish(250.0);
    assert!(pair.is_divergent());
    pair.stage.world.advance(1);
    pair.publish(250.0);
    assert!(!pair.is_divergent());
    pair.publish_second(200.0);
    assert!(pair.is_divergent());
}
