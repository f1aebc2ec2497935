//! Mixed portfolios, random orders and violent prices: whatever the state, nothing that the keeper plans alone is refused, the books balance, and
//! nobody stays in liquidation.

mod common;

use ballast_client::args::{OrderArgs, OrderType};
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketTerms, Side};
use ballast_keeper::Policy;
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::{ETH, SOL, Stage};
use common::{Keeper, is_flagged, list, publish};
use solana_keypair::Keypair;

/// Numbers that look random and are always the same for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn side(&mut self) -> Side {
        match self.roll(2) {
            0 => Side::Bid,
            _ => Side::Ask,
        }
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len() as u64) as usize]
    }
}

/// A price near a market's mark, on the tick.
fn near(keeper: &Keeper, stage: &Stage, terms: &MarketTerms, percent: u64) -> u64 {
    let mark = keeper.mirror.view(stage.world.now()).mark(terms);
    let mark: u64 = mark.map_or(100, |mark| mark.to_num());
    (mark * percent / 100 / 100).max(1) * 100
}

/// Somebody places an order; margin or the band may refuse it.
fn place(
    dice: &mut Dice,
    keeper: &Keeper,
    stage: &mut Stage,
    people: &[Keypair],
    all: &[MarketTerms],
) {
    let (who, terms) = (dice.pick(people), dice.pick(all));
    let percent = 97 + dice.roll(7);
    let order = OrderArgs {
        reduce_only: dice.roll(6) == 0,
        order_type: match dice.roll(6) {
            0 => OrderType::PostOnly,
            _ => OrderType::Limit,
        },
        expires_at: match dice.roll(4) {
            0 => (stage.world.now() + 200) as u32,
            _ => 0,
        },
        ..Venue::limit(
            dice.side(),
            near(keeper, stage, terms, percent),
            1 + dice.roll(9_000),
        )
    };
    let account = stage.account(who);
    let place = instructions::place_order(
        &stage.venue.addresses,
        terms,
        &account,
        &solana_signer::Signer::pubkey(who),
        order,
    );
    let _ = stage.world.send(&[place], &[who]);
    stage.world.skip_slots(dice.roll(40));
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut stage = Stage::with_interest(VenueConfig::default());
    let dealer = stage.trader(1, 3_000_000.0);
    stage.fund(&dealer, SOL, 10_000.0);
    stage.fund(&dealer, ETH, 300.0);
    let key = stage.trader(2, 500_000.0);
    if seed.is_multiple_of(2) {
        stage.insure(3_000.0);
    }
    for asset in [SOL, ETH] {
        stage
            .venue
            .post_flat_surface(&mut stage.world, asset, 0.8, 0.02)
            .unwrap();
    }
    let strike = |stage: &Stage, dollars| stage.venue.price_per_lot(SOL, dollars);
    let (low, high) = (strike(&stage, 180.0), strike(&stage, 210.0));
    let all = [
        Venue::perpetual(SOL),
        Venue::perpetual(ETH),
        list(&mut stage, MarketKind::Future, SOL, 7, 0),
        list(&mut stage, MarketKind::Call, SOL, 7, high),
        list(&mut stage, MarketKind::Put, SOL, 7, low),
    ];
    let mut people: Vec<Keypair> = (0..10u8)
        .map(|number| stage.trader(20 + number, 3_000.0 + 700.0 * f64::from(number)))
        .collect();
    for person in people.iter().step_by(3) {
        stage.fund(person, SOL, 40.0);
        let accrue = stage.accrue(0);
        let borrow = stage.withdraw(person, 0, 9_000_000_000, true);
        let _ = stage.world.send(&[accrue, borrow], &[person]);
    }
    people.push(dealer);
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    for step in 0..50 {
        for _ in 0..10 {
            place(&mut dice, &keeper, &mut stage, &people, &all);
        }
        stage.world.advance(20 + dice.roll(30) as i64);
        // Mostly a little, now and then a lot.
        for asset in [SOL, ETH] {
            let most = if dice.roll(8) == 0 { 150 } else { 15 };
            let change = dice.roll(2 * most + 1) as f64 - most as f64 * 1.1;
            stage.prices[asset] *= 1.0 + change / 1_000.0;
        }
        publish(&mut stage);
        keeper.work(&mut stage.world);
        assert!(
            keeper.refused.is_empty(),
            "seed {seed}, step {step}: {:#?}",
            keeper.log
        );
        stage.check_books();
    }
    println!("{seed}: {:?}", keeper.done);
    // Calm: everybody who was in liquidation comes out of it.
    for _ in 0..150 {
        stage.world.advance(60);
        publish(&mut stage);
        keeper.work_alone(&mut stage);
    }
    println!("{seed}: {:?}", keeper.done);
    for person in &people {
        assert!(!is_flagged(&stage, person), "seed {seed}");
    }
}

#[test]
fn nothing_that_is_planned_alone_is_refused() {
    for seed in 0..2 {
        play(seed);
    }
}
