//! Random portfolios through random shocks: what must hold after every slice, whatever the account.

use crate::scene::{Scene, Taken, WHOLE};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast_client::state::health::Report;
use ballast_client::state::{Side, Validity};
use ballast_sim::Venue;
use ballast_tests::{BTC, ETH, SOL, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;

const TRADERS: u8 = 60;
const ROUNDS: usize = 6;

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    started: u32,
    slices: u32,
    ended: u32,
    insolvent: u32,
    lots_refused: u32,
}

struct Market {
    scene: Scene,
    random: ChaCha8Rng,
    traders: Vec<Keypair>,
    /// Banks and markets in which the taker's holdings may net.
    netting: Vec<Pubkey>,
    tally: Tally,
}

impl Market {
    fn new(seed: u64) -> Self {
        let mut scene = Scene::on(Stage::new());
        scene.stage.insure(5_000_000.0);
        for asset in [ETH, BTC] {
            let tokens = 4_000_000.0 / scene.stage.prices[asset];
            let dealer = scene.dealer.insecure_clone();
            scene.stage.fund(&dealer, asset, tokens);
        }
        let taker = scene.taker.insecure_clone();
        scene.stage.fund(&taker, 0, 20_000_000.0);
        let addresses = scene.stage.venue.addresses;
        let banks = scene.stage.venue.mints.iter().skip(1);
        let mut netting: Vec<Pubkey> = banks.map(|mint| addresses.bank(mint)).collect();
        netting.extend([SOL, ETH, BTC].map(|asset| addresses.market(&Venue::perpetual(asset))));
        Self {
            scene,
            random: ChaCha8Rng::seed_from_u64(seed),
            traders: Vec::new(),
            netting,
            tally: Tally::default(),
        }
    }

    /// Opens an account with deposits, loans and positions, as far as its margin carries them.
    fn open(&mut self, number: u8) {
        let random = &mut self.random;
        let size = 10f64.powf(random.random_range(1.2..5.0));
        let key = self.scene.stage.trader(number, (size * 1e6).round() / 1e6);
        for asset in [SOL, ETH, BTC] {
            let price = self.scene.stage.prices[asset];
            if random.random_bool(0.4) {
                let value = size * random.random_range(0.1..1.0);
                self.scene.stage.fund(&key, asset, value / price);
            }
            if random.random_bool(0.8) {
                let tokens = size * random.random_range(0.3..7.0) / price;
                let lots = self.scene.stage.venue.lots(asset, tokens);
                let side = if random.random_bool(0.5) {
                    Side::Bid
                } else {
                    Side::Ask
                };
                if lots > 0 {
                    // What does not fit its margin is refused, which is fine.
                    let dealer = &self.scene.dealer;
                    let _ = self
                        .scene
                        .stage
                        .trade(dealer, &key, asset, side, tokens, price);
                }
            }
        }
        for asset in [0, SOL, ETH, BTC] {
            if random.random_bool(0.5) {
                let stage = &mut self.scene.stage;
                let decimals = stage.venue.config.assets[asset].decimals;
                let tokens = size * random.random_range(0.05..1.2) / stage.prices[asset];
                stage.mint(&key, asset, 1);
                let amount = (tokens * 10f64.powi(i32::from(decimals))) as u64;
                let borrow = stage.withdraw(&key, asset, amount.max(1), true);
                let _ = stage.world.send(&[borrow], &[&key]);
            }
        }
        self.traders.push(key);
    }

    /// Moves every price and publishes it.
    fn shock(&mut self) {
        for asset in [SOL, ETH, BTC] {
            let factor = self.random.random_range(-0.35..0.35f64);
            let price = self.scene.stage.prices[asset] * (1.0 + factor);
            self.scene.stage.prices[asset] = (price * 1e4).round() / 1e4;
        }
        self.scene.stage.world.advance(60);
        let price = self.scene.stage.prices[SOL];
        self.scene.stage.set_price(SOL, price);
    }

    /// What one native unit of everything the account has is worth at most, quote units: its deposits count in whole units.
    fn units(&self, key: &Keypair) -> i64 {
        let board = self
            .scene
            .stage
            .venue
            .board(&self.scene.stage.world)
            .unwrap();
        let exchange = self
            .scene
            .stage
            .venue
            .exchange(&self.scene.stage.world)
            .unwrap();
        let state = self.scene.stage.state(key);
        let held = state.balances.iter().filter(|slot| !slot.is_free());
        held.filter(|slot| slot.asset != 0)
            .map(|slot| {
                let feed = exchange.asset(slot.asset).unwrap().feed;
                let entry = board.price(feed).unwrap();
                let validity =
                    entry.validity(exchange.feed(feed).unwrap(), self.scene.stage.world.now());
                assert_eq!(validity, Validity::Fresh);
                entry.price.get().to_num::<f64>().ceil() as i64
            })
            .sum()
    }

    /// Liquidates one account until its flag goes, in slices of any size at any time of its auction.
    fn liquidate(&mut self, index: usize) {
        let key = self.traders[index].insecure_clone();
        let report = self.scene.figures(&key);
        let owes = self.scene.stage.state(&key).has_obligations();
        if !self.scene.is_flagged(&key) {
            if !report.is_liquidatable() || !owes {
                let start = self.scene.start_instruction(&key);
                self.scene
                    .stage
                    .refused(&[start], &[], BallastError::NotLiquidatable);
                return;
            }
            self.scene.start(&key);
            self.tally.started += 1;
        } else if report.is_above_buffer() {
            self.scene.start(&key);
            assert!(!self.scene.is_flagged(&key));
            return;
        }
        for round in 0.. {
            assert!(round < 40, "{report:?} does not end");
            if self.random.random_bool(0.3) {
                let elapsed_s = self.random.random_range(0..12_000);
                self.scene.wind(&key, elapsed_s);
            }
            let part = match self.random.random_range(0..4) {
                0 => self.random.random_range(WHOLE / 100..WHOLE),
                _ => WHOLE,
            };
            if self.slice(&key, part) {
                return;
            }
        }
    }

    /// Takes one slice and checks everything about it; true when the flag is gone.
    fn slice(&mut self, key: &Keypair, part: u64) -> bool {
        let before = self.scene.figures(key);
        let rich = self.scene.equity(&self.scene.taker);
        let units = self.units(key) + self.units(&self.scene.taker);
        let netting = self.netting.clone();
        let taken = match self.scene.try_take(key, part, &netting) {
            Ok(taken) => taken,
            Err(refusal) if refusal.is(BallastError::RatioWouldFall) => {
                self.tally.lots_refused += 1;
                return self.wait_for_lots(key, &before);
            }
            Err(refusal) => panic!("{refusal}\n{before:?}"),
        };
        self.tally.slices += 1;
        self.scene.stage.check_books();
        let after = self.scene.figures(key);
        let still_owes = self.scene.stage.state(key).has_obligations();
        let free = after.is_above_buffer() || !still_owes;
        assert_eq!(taken.ended, free);
        assert_eq!(self.scene.is_flagged(key), !free);
        if !free {
            assert_ratio_kept(&before, &after);
        }
        // A solvent account stays so, but for what rounding to native units leaves.
        if before.equity_mark > 0 {
            assert!(after.equity_mark >= -units - 50, "{}", after.equity_mark);
        } else {
            self.tally.insolvent += 1;
        }
        let gain = self.scene.equity(&self.scene.taker) - rich;
        assert_gain(&taken, [&before, &after], gain, units);
        self.tally.ended += u32::from(free);
        free
    }
}

impl Market {
    /// An account whose lots are too large for the slice it needs is taken whole once its price has fallen; when it is above
    /// its margin that does not happen, and its owner puts in what is missing.
    fn wait_for_lots(&mut self, key: &Keypair, report: &Report) -> bool {
        if report.is_liquidatable() {
            self.scene.wind(key, 7_200);
            return false;
        }
        let missing = report.buffer_margin - report.equity_maintenance;
        self.scene.stage.fund(key, 0, missing as f64 / 1e6);
        assert!(!self.scene.is_flagged(key));
        true
    }
}

/// Equity covers at least the part of the margin that it covered before; where there was none, none is lost.
fn assert_ratio_kept(before: &Report, after: &Report) {
    let product = |a: &Report, b: &Report| {
        i128::from(a.equity_maintenance) * i128::from(b.maintenance_margin)
    };
    if before.equity_maintenance > 0 {
        assert!(product(after, before) >= product(before, after));
    } else {
        assert!(after.equity_maintenance >= before.equity_maintenance);
        assert!(after.maintenance_margin <= before.maintenance_margin);
    }
}

/// The taker gains the discount on its part less the insurance fund's share, and not a unit more than rounding explains. The premium for an
/// insolvent account follows the margin that has left it.
fn assert_gain(taken: &Taken, [before, after]: [&Report; 2], gain: i64, units: i64) {
    let event = &taken.event;
    assert_eq!(event.equity_mark, before.equity_mark);
    let whole = i128::from(event.equity_mark) - i128::from(event.price);
    let mut part_q32 = i128::from(event.fraction_q32);
    if before.equity_mark < 0 {
        let left = i128::from(before.maintenance_margin - after.maintenance_margin).max(0);
        part_q32 = part_q32.min((left << 32) / i128::from(before.maintenance_margin));
    }
    let discount = ((whole * part_q32) >> 32) as i64;
    let stated = discount - event.insurance_fee as i64;
    assert!(gain <= stated + units + 50, "{gain} of {stated} ± {units}");
    assert!(gain >= stated - units - 50, "{gain} of {stated} ± {units}");
}

#[test]
fn every_slice_keeps_the_promises() {
    let mut total = Tally::default();
    for seed in [1, 2] {
        let mut market = Market::new(seed);
        for number in 0..TRADERS {
            market.open(10 + number);
        }
        market.scene.stage.check_books();
        for _ in 0..ROUNDS {
            market.shock();
            for index in 0..market.traders.len() {
                market.liquidate(index);
            }
        }
        let tally = &market.tally;
        total.started += tally.started;
        total.slices += tally.slices;
        total.ended += tally.ended;
        total.insolvent += tally.insolvent;
        total.lots_refused += tally.lots_refused;
    }
    println!("{total:?}");
    // It has been through enough of everything.
    assert!(
        total.started > 50 && total.ended > 50 && total.insolvent > 10,
        "{total:?}"
    );
    assert!(total.lots_refused * 5 < total.slices, "{total:?}");
}
