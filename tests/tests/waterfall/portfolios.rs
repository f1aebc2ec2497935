//! Random portfolios of everything, and prices that bring them into liquidation.

use super::scene::{Scene, dated};
use ballast_client::state::{MarketKind, MarketTerms};
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::{BTC, ETH, SOL, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;

/// Assets that prices move.
const RISKY: [usize; 3] = [SOL, ETH, BTC];

/// A scene in which much can be traded, and whoever brings portfolios into it.
pub struct Portfolios {
    pub scene: Scene,
    pub random: ChaCha8Rng,
    markets: Vec<(usize, MarketTerms)>,
}

impl Portfolios {
    /// Size costs nothing here, so that a part of a portfolio needs that part of its margin.
    pub fn new(seed: u64) -> Self {
        let mut scene = Scene::on(Stage::with(VenueConfig {
            size_lambda: 0.0,
            ..VenueConfig::default()
        }));
        let (dealer, taker) = (scene.dealer.insecure_clone(), scene.taker.insecure_clone());
        scene.stage.fund(&dealer, 0, 400_000_000.0);
        scene.stage.fund(&taker, 0, 400_000_000.0);
        for (asset, tokens) in [(SOL, 200_000.0), (ETH, 10_000.0), (BTC, 500.0)] {
            scene.stage.fund(&dealer, asset, tokens);
        }
        for (asset, volatility) in [(SOL, 0.8), (ETH, 0.65), (BTC, 0.45)] {
            let (venue, world) = (&scene.stage.venue, &mut scene.stage.world);
            venue
                .post_flat_surface(world, asset, volatility, 0.05)
                .unwrap();
        }
        let mut markets: Vec<_> = RISKY.map(|asset| (asset, Venue::perpetual(asset))).into();
        for (kind, asset, days, moneyness) in [
            (MarketKind::Future, SOL, 60, 0.0),
            (MarketKind::Future, BTC, 30, 0.0),
            (MarketKind::Call, SOL, 20, 1.0),
            (MarketKind::Put, SOL, 20, 0.9),
            (MarketKind::Call, ETH, 40, 1.1),
            (MarketKind::Put, ETH, 10, 1.0),
            (MarketKind::Put, BTC, 30, 0.95),
        ] {
            let price = scene.stage.prices[asset];
            let strike = scene.stage.venue.price_per_lot(asset, price * moneyness);
            let terms = dated(&scene, kind, asset, days, strike);
            scene.list(&terms);
            markets.push((asset, terms));
        }
        Self {
            scene,
            random: ChaCha8Rng::seed_from_u64(seed),
            markets,
        }
    }

    /// Opens an account with deposits, positions and loans, as far as its margin carries them.
    pub fn open(&mut self, number: u8) -> Keypair {
        let size = 10f64.powf(self.random.random_range(4.8..6.0));
        let cash = size * self.random.random_range(0.1..0.6);
        let key = self.scene.stage.trader(number, cash.round());
        let dealer = self.scene.dealer.insecure_clone();
        for asset in RISKY {
            if self.random.random_bool(0.4) {
                let tokens = size * self.random.random_range(0.05..0.4);
                let tokens = tokens / self.scene.stage.prices[asset];
                self.scene.stage.fund(&key, asset, tokens);
            }
        }
        for (asset, terms) in self.markets.clone() {
            if self.random.random_bool(0.5) {
                let tokens = size * self.random.random_range(0.1..1.5);
                let tokens = tokens / self.scene.stage.prices[asset];
                let lots = self.scene.stage.venue.lots(asset, tokens).max(1);
                let buys = self.random.random_bool(0.5);
                let sides = if buys {
                    (&key, &dealer)
                } else {
                    (&dealer, &key)
                };
                // What does not fit its margin is refused, which is fine.
                let _ = self.scene.try_buy(sides.0, sides.1, &terms, lots);
            }
        }
        for asset in [0, SOL, ETH, BTC] {
            if self.random.random_bool(0.5) {
                let stage = &mut self.scene.stage;
                let decimals = i32::from(stage.venue.config.assets[asset].decimals);
                let tokens = size * self.random.random_range(0.05..0.8) / stage.prices[asset];
                stage.mint(&key, asset, 1);
                let amount = (tokens * 10f64.powi(decimals)) as u64;
                let borrow = stage.withdraw(&key, asset, amount, true);
                let _ = stage.world.send(&[borrow], &[&key]);
            }
        }
        self.scene.stage.check_books();
        key
    }

    /// Moves prices against an account, step by step, until a condition holds; false when it never does.
    pub fn push(&mut self, key: &Keypair, until: impl Fn(&Scene) -> bool) -> bool {
        let weights = RISKY.map(|_| self.random.random_range(0.2..1.0));
        for _ in 0..50 {
            if until(&self.scene) {
                return true;
            }
            let report = self.scene.figures(key);
            for (asset, weight) in RISKY.into_iter().zip(weights) {
                let known = report.underlyings().iter();
                let entry = known
                    .into_iter()
                    .find(|entry| usize::from(entry.underlying) + 1 == asset);
                let delta = entry.map_or(0, |entry| entry.delta + entry.option_delta);
                let factor = 1.0 - 0.02 * weight * delta.signum() as f64;
                let price = self.scene.stage.prices[asset] * factor;
                self.scene.stage.prices[asset] = (price * 1e4).round() / 1e4;
            }
            self.scene.stage.world.advance(20);
            let price = self.scene.stage.prices[SOL];
            self.scene.stage.set_price(SOL, price);
        }
        false
    }
}
