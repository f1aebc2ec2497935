//! How long the keeper looks at ten thousand accounts after a price has moved, and works out what to send.

use anchor_lang::prelude::Pubkey;
use ballast_client::state::{
    MarginAccount, MarketKind, MarketTerms, Order, Position, Side, next_expiry,
};
use ballast_client::{Mirror, Update};
use ballast_keeper::{Identity, Memory, Policy, Situation, plan};
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixed::types::I80F48;
use std::hint::black_box;
use std::time::Duration;

const ACCOUNTS: usize = 10_000;
/// Parts per thousand of the accounts that have lost too much.
const POOR: u64 = 5;

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What is traded: per underlying a perpetual, two futures, and calls and puts of two expiries and four strikes.
fn markets(stage: &mut Stage) -> Vec<MarketTerms> {
    let first = next_expiry(stage.world.now());
    let mut all = Vec::new();
    for asset in [SOL, ETH] {
        let perpetual = Venue::perpetual(asset);
        all.push(perpetual);
        let spot = stage.venue.price_per_lot(asset, stage.prices[asset]);
        let posted = stage
            .venue
            .post_flat_surface(&mut stage.world, asset, 0.8, 0.03);
        posted.expect("a surface");
        for days in [7, 30] {
            let mut list = |kind: MarketKind, strike: u64| {
                let terms = MarketTerms {
                    kind: kind as u8,
                    expiry: first + days * 86_400,
                    strike,
                    ..perpetual
                };
                let listed = stage.venue.list_market(&mut stage.world, &terms);
                listed.expect("a market");
                all.push(terms);
            };
            list(MarketKind::Future, 0);
            for percent in [90, 100, 110, 120] {
                let strike = spot * percent / 100 / 100 * 100;
                list(MarketKind::Call, strike);
                list(MarketKind::Put, strike);
            }
        }
    }
    all
}

/// A portfolio: deposits, some loans, up to ten positions, up to six orders.
fn account(
    dice: &mut Dice,
    exchange: Pubkey,
    markets: &[MarketTerms],
    marks: &[u64],
) -> MarginAccount {
    let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
    account.exchange = exchange;
    account.owner = Pubkey::new_unique();
    let mut deposit = |asset: u8, amount: u64| {
        let balance = account.balance_mut(asset).expect("a free slot");
        balance.shares.set(I80F48::from_num(amount));
    };
    // The poor have hardly any money for the same positions.
    let cash = if dice.roll(1_000) < POOR {
        400
    } else {
        200_000
    };
    deposit(0, (cash + dice.roll(cash)) * 1_000_000);
    if dice.roll(2) == 0 {
        deposit(1, (1 + dice.roll(100)) * 1_000_000_000);
    }
    if dice.roll(4) == 0 {
        deposit(2, (1 + dice.roll(10)) * 100_000_000);
    }
    for _ in 0..dice.roll(11) {
        let place = dice.roll(markets.len() as u64) as usize;
        let lots = 1 + dice.roll(4_000) as i64;
        let lots = if dice.roll(2) == 0 { lots } else { -lots };
        let paid = marks[place] as i64 * (95 + dice.roll(11) as i64) / 100;
        let position = account.position_mut(&markets[place]).expect("a free slot");
        *position = Position {
            base_lots: lots,
            quote: -lots * paid,
            terms: markets[place],
            ..Position::default()
        };
    }
    for id in 0..dice.roll(7) {
        let place = dice.roll(markets.len() as u64) as usize;
        let side = if dice.roll(2) == 0 {
            Side::Bid
        } else {
            Side::Ask
        };
        // Nine in ten rest away from the mark, the others cross.
        let away = dice.roll(10);
        let percent = match side {
            Side::Bid => 101 - away.min(5),
            Side::Ask => 99 + away.min(5),
        };
        *account.free_order_mut().expect("a free slot") = Order {
            terms: markets[place],
            price: marks[place] * percent / 100 / 100 * 100,
            lots: 1 + dice.roll(50),
            id,
            placed_slot: dice.roll(1_000),
            side: side as u8,
            ..Order::default()
        };
    }
    account
}

fn mirror(stage: &mut Stage) -> Mirror {
    let markets = markets(stage);
    let addresses = stage.venue.addresses;
    let data = |key: &Pubkey| stage.world.svm.get_account(key).expect("an account").data;
    let (exchange, board) = (data(&addresses.exchange), data(&addresses.board));
    let mut mirror = Mirror::new(&addresses.exchange, &exchange, &board).expect("an exchange");
    let all = stage.world.svm.get_program_accounts(&ballast::ID);
    for (key, account) in all {
        mirror.apply(&Update {
            key,
            slot: 1,
            data: account.data,
        });
    }
    let view = mirror.view(stage.world.now());
    let mark = |terms: &MarketTerms| view.mark(terms).expect("a mark").to_num::<u64>().max(100);
    let marks: Vec<u64> = markets.iter().map(mark).collect();
    let mut dice = Dice(7);
    for _ in 0..ACCOUNTS {
        let account = account(&mut dice, addresses.exchange, &markets, &marks);
        mirror.apply(&Update {
            key: Pubkey::new_unique(),
            slot: 1,
            data: [MarginAccount::TAG, bytemuck::bytes_of(&account)].concat(),
        });
    }
    mirror
}

fn scan(criterion: &mut Criterion) {
    let mut stage = Stage::new();
    let key = stage.trader(1, 10_000_000.0);
    let mirror = mirror(&mut stage);
    let identity = Identity {
        signer: solana_signer::Signer::pubkey(&key),
        margin_account: stage.account(&key),
    };
    let policy = Policy::default();
    let situation = Situation {
        mirror: &mirror,
        now: stage.world.now(),
        slot: 1_000,
        identity: &identity,
        policy: &policy,
        prices: &[],
        rehearsal: false,
    };
    let planned = plan(&situation, &mut Memory::default());
    println!("{:?}\n{} jobs", planned.scan, planned.jobs.len());

    let mut group = criterion.benchmark_group("keeper");
    group.throughput(Throughput::Elements(ACCOUNTS as u64));
    group.sample_size(20);
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("scan", |bencher| {
        bencher.iter(|| black_box(plan(&situation, &mut Memory::default())));
    });
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
