//! Funding as accounts pay and receive it: settled before lots change, in the events, and counted in health before that.

use crate::funding::{Scene, sol};
use crate::funding_model::payment;
use crate::scene::{buy, crank, event, mark_bits, pnl, position, refused, settle_pnl, units};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

const HOUR: i64 = 3_600;

impl Scene {
    /// A rate of 0.3% or so per period stands from now on.
    fn with_rate(dollars: f64) -> Self {
        let mut scene = Self::new();
        scene.trade(10_000, dollars);
        scene.wait(HOUR);
        scene.update();
        scene
    }

    fn index(&self) -> i128 {
        self.model.index_at(self.stage.world.now())
    }

    fn parties(&self) -> [Keypair; 2] {
        [&self.long, &self.short].map(Keypair::insecure_clone)
    }
}

fn report(stage: &Stage, owner: &Keypair, purpose: Purpose) -> Box<Report> {
    let account = stage.account(owner);
    stage.venue.assess(&stage.world, &account, purpose).unwrap()
}

/// What lots are worth at the mark, rounded down.
fn value(stage: &Stage, lots: i64) -> i64 {
    (i128::from(lots) * mark_bits(stage, SOL)).div_euclid(1 << 48) as i64
}

#[test]
fn longs_pay_shorts_by_the_second() {
    for (dollars, sign) in [(200.6, 1), (199.4, -1)] {
        let mut scene = Scene::with_rate(dollars);
        let [long, short] = scene.parties();
        assert_eq!(scene.index(), 0);
        scene.wait(1_234);
        // 20,000 USDC at 0.3% a period of eight hours.
        let expected = 20_000e6 * 0.003 * 1_234.0 / 28_800.0;
        // Who pays it has lost by the trade as well.
        let mut parties = [(&long, 10_000), (&short, -10_000)];
        parties.sort_by_key(|(_, lots)| -lots * sign);
        let settled = parties.map(|(owner, lots)| {
            let settled = pnl(&mut scene.stage, owner, &sol());
            assert_eq!(settled.funding, payment(lots, 0, scene.index()));
            settled.funding
        });
        assert!((settled[0] as f64 + expected).abs() < 10.0, "{settled:?}");
        let dust = settled[0] + settled[1];
        assert!((-1..=0).contains(&dust), "{settled:?}");
        // It is settled: at once there is no more.
        let after = position(&scene.stage, &long, &sol());
        assert_eq!(after.funding_index.get().to_bits(), scene.index());
        scene.wait(1);
        let second = payment(10_000, 0, scene.model.per_second());
        let held = position(&scene.stage, &long, &sol());
        let figures = report(&scene.stage, &long, Purpose::AddRisk);
        let profit = value(&scene.stage, 10_000) + held.quote + second;
        assert_eq!(figures.positions[0].profit, profit);
        assert_ne!(second, 0);
    }
}

#[test]
fn a_rate_that_nobody_updates_stands_for_one_period() {
    let period = 8 * HOUR;
    let mut scene = Scene::with_rate(201.0);
    let [long, short] = scene.parties();
    scene.wait(period - 1);
    let before = scene.index();
    scene.wait(1);
    let whole = scene.index();
    assert_eq!(whole - before, scene.model.per_second());
    let paid = pnl(&mut scene.stage, &long, &sol()).funding;
    assert_eq!(paid, payment(10_000, 0, whole));
    // 20,000 USDC at 0.5%, once.
    assert!((paid as f64 + 20_000e6 * 0.005).abs() < 100.0, "{paid}");
    scene.wait(5 * period);
    let received = pnl(&mut scene.stage, &short, &sol()).funding;
    assert_eq!(received, payment(-10_000, 0, whole));
    // The long owes nothing more, and an update begins from there.
    let settle = settle_pnl(&scene.stage, &long, &sol());
    refused(&mut scene.stage, settle, BallastError::NothingToSettle);
    scene.update();
    assert_eq!(scene.index(), whole);
}

#[test]
fn a_fill_settles_funding_before_lots_change() {
    let mut scene = Scene::with_rate(200.6);
    let [long, short] = scene.parties();
    let newcomer = scene.stage.trader(3, 50_000.0);
    scene.wait(1_000);
    // Half of the long goes to somebody new, who has nothing to settle.
    let first = scene.index();
    let quote = position(&scene.stage, &long, &sol()).quote;
    let price = units(200.0);
    let filled = buy(&mut scene.stage, (&newcomer, &long), &sol(), 5_000, price);
    assert_eq!(filled.maker_funding, payment(10_000, 0, first));
    assert_eq!(filled.taker_funding, 0);
    let traded = 5_000 * price as i64;
    let after = position(&scene.stage, &long, &sol());
    let fees = filled.maker_fee as i64;
    assert_eq!(after.quote, quote + filled.maker_funding + traded - fees);
    // Later both pay for what they hold, from when they hold it; the short turns long and receives for the short alone.
    scene.wait(777);
    let second = scene.index();
    let filled = buy(&mut scene.stage, (&short, &long), &sol(), 5_000, price);
    assert_eq!(filled.maker_funding, payment(5_000, first, second));
    assert_eq!(filled.taker_funding, payment(-10_000, 0, second));
    assert_eq!(position(&scene.stage, &long, &sol()).base_lots, 0);
    scene.wait(500);
    let third = scene.index();
    let filled = buy(&mut scene.stage, (&short, &newcomer), &sol(), 5_000, price);
    assert_eq!(filled.maker_funding, payment(5_000, first, third));
    assert_eq!(filled.taker_funding, payment(-5_000, second, third));
    assert!(filled.maker_funding < 0 && filled.taker_funding > 0);
    // Who has closed owes no funding, however long he waits.
    scene.wait(HOUR);
    let settled = pnl(&mut scene.stage, &newcomer, &sol());
    assert_eq!(settled.funding, 0);
    assert!(settled.amount < 0);
}

#[test]
fn health_counts_funding_that_is_not_settled() {
    let mut scene = Scene::with_rate(201.0);
    for _ in 0..3 {
        scene.wait(2 * HOUR);
        for owner in &scene.parties() {
            let held = position(&scene.stage, owner, &sol());
            let lots = held.base_lots;
            let due = payment(lots, held.funding_index.get().to_bits(), scene.index());
            assert!(due.abs() > 1_000_000);
            let profit = value(&scene.stage, lots) + held.quote + due;
            for purpose in [Purpose::AddRisk, Purpose::ReduceRisk, Purpose::Liquidate] {
                let figures = report(&scene.stage, owner, purpose);
                assert_eq!(figures.positions[0].profit, profit);
                let cash = scene.stage.balance(owner, 0);
                assert_eq!(figures.equity_mark, cash + profit);
                assert_eq!(figures.equity_maintenance, cash + profit);
            }
        }
        // Settling it changes nobody's equity.
        let [long, short] = scene.parties();
        for owner in [&long, &short] {
            let before = report(&scene.stage, owner, Purpose::AddRisk).equity_mark;
            let settle = settle_pnl(&scene.stage, owner, &sol());
            crank(&mut scene.stage, settle);
            let after = report(&scene.stage, owner, Purpose::AddRisk).equity_mark;
            assert_eq!(before, after);
        }
    }
}

#[test]
fn entering_just_before_an_update_earns_nothing_for_the_past() {
    let mut scene = Scene::with_rate(201.0);
    let [long, short] = scene.parties();
    let late = scene.stage.trader(3, 50_000.0);
    scene.trade(10_000, 201.0);
    scene.wait(HOUR);
    // As many lots as the short that has been there for the hour, sold in the update's second.
    scene.trade_of((&long, &late), 20_000, 201.0);
    let entered = scene.index();
    assert_eq!(position(&scene.stage, &short, &sol()).base_lots, -20_000);
    scene.update();
    assert_eq!(scene.index(), entered);
    let settled = pnl(&mut scene.stage, &long, &sol());
    assert_eq!(settled.funding, 0);
    let received = pnl(&mut scene.stage, &short, &sol()).funding;
    assert_eq!(received, payment(-20_000, 0, entered));
    assert!(received > 10_000_000);
    // The newcomer has nothing of the hour.
    let figures = report(&scene.stage, &late, Purpose::AddRisk);
    let held = position(&scene.stage, &late, &sol());
    let profit = value(&scene.stage, -20_000) + held.quote;
    assert_eq!(figures.positions[0].profit, profit);
    // From here on they earn the same.
    scene.wait(600);
    let now = scene.index();
    let earned = payment(-20_000, entered, now);
    assert!(earned > 1_000_000);
    for owner in [&short, &late] {
        let held = position(&scene.stage, owner, &sol());
        let figures = report(&scene.stage, owner, Purpose::AddRisk);
        let profit = value(&scene.stage, -20_000) + held.quote + earned;
        assert_eq!(figures.positions[0].profit, profit);
    }
}

#[test]
fn a_liquidation_settles_the_funding_of_both() {
    let mut scene = Scene::with_rate(201.0);
    let dealer = scene.short.insecure_clone();
    let [fallen, taker] =
        [(3, 3_500.0), (4, 100_000.0)].map(|(n, usdc)| scene.stage.trader(n, usdc));
    let price = units(200.0);
    buy(&mut scene.stage, (&fallen, &dealer), &sol(), 10_000, price);
    buy(&mut scene.stage, (&taker, &dealer), &sol(), 7_000, price);
    let entered = scene.index();
    scene.stage.world.advance(4 * HOUR);
    scene.stage.set_price(SOL, 182.0);
    let now = scene.index();
    let due = [10_000, 7_000].map(|lots| payment(lots, entered, now));
    // 0.5% of 20,000 USDC over half a period.
    assert!((due[0] as f64 + 50e6).abs() < 100.0, "{due:?}");
    let (addresses, usdc) = (scene.stage.venue.addresses, scene.stage.venue.mints[0]);
    let [account, buyer] = [&fallen, &taker].map(|owner| scene.stage.account(owner));
    let start = instructions::start_liquidation(&addresses, &account);
    crank(&mut scene.stage, start);
    let held = [&fallen, &taker].map(|owner| position(&scene.stage, owner, &sol()));
    let args = LiquidateArgs {
        fraction_max_q32: 1 << 30,
        price_max: i64::MAX,
    };
    let liquidate = instructions::liquidate(
        &addresses,
        &usdc,
        &account,
        &buyer,
        &taker.pubkey(),
        &[],
        args,
    );
    let done = scene.stage.world.send(&[liquidate], &[&taker]).unwrap();
    scene.stage.check_books();
    let taken = event::<Liquidated>(&done).positions[0];
    assert_eq!(taken.funding, due);
    assert!((1..=2_500).contains(&taken.base_lots));
    // The quote that went along is the lots' part of what it was with the funding.
    let settled = held[0].quote + due[0];
    let part = i128::from(settled) * i128::from(taken.base_lots) / 10_000;
    assert_eq!(i128::from(taken.quote), part);
    let after = [&fallen, &taker].map(|owner| position(&scene.stage, owner, &sol()));
    assert_eq!(after[0].quote, settled - taken.quote);
    assert_eq!(after[1].quote, held[1].quote + due[1] + taken.quote);
    for position in after {
        assert_eq!(position.funding_index.get().to_bits(), now);
    }
}
