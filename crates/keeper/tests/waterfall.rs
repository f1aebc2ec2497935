//! Insolvent accounts down the whole waterfall, several keepers, and keepers that forget everything.

mod common;

use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_client::state::health::Purpose;
use ballast_keeper::{Duty, Memory, Policy, Verdict};
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::{SOL, Stage};
use common::{Keeper, figures, is_flagged, lots, publish, rest};
use solana_keypair::Keypair;

fn scene() -> (Stage, Keypair, Keypair) {
    let mut stage = Stage::steady();
    let dealer = stage.trader(1, 10_000_000.0);
    stage.fund(&dealer, SOL, 10_000.0);
    let key = stage.trader(2, 1_000_000.0);
    (stage, dealer, key)
}

/// Bought 100 SOL at 200 with 3,500 USDC; they fell to 140, and nobody was there.
fn insolvent(stage: &mut Stage, dealer: &Keypair, number: u8) -> Keypair {
    let key = stage.trader(number, 3_500.0);
    stage
        .trade(dealer, &key, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    key
}

fn fall(stage: &mut Stage, dollars: f64) {
    stage.prices[SOL] = dollars;
    stage.world.advance(5);
    publish(stage);
}

#[test]
fn without_insurance_the_most_profitable_gives_up_profit() {
    let (mut stage, dealer, key) = scene();
    let small = stage.trader(3, 100_000.0);
    let trader = insolvent(&mut stage, &dealer, 10);
    // Opposite too, with less profit.
    let other = stage.trader(4, 100_000.0);
    stage
        .trade(&small, &other, SOL, Side::Bid, 5.0, 200.0)
        .unwrap();
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    fall(&mut stage, 140.0);
    keeper.work_alone(&mut stage);
    assert_eq!(keeper.count("deleverage"), 1);
    assert_eq!(lots(&stage, &trader, &Venue::perpetual(SOL)), 0);
    assert!(!is_flagged(&stage, &trader));
    let left = figures(&stage, &trader, Purpose::ReduceRisk).equity_mark;
    assert!((0..10).contains(&left), "{left}");
    assert_eq!(lots(&stage, &small, &Venue::perpetual(SOL)), -500);
}

#[test]
fn with_insurance_the_fund_pays_a_taker() {
    let (mut stage, dealer, key) = scene();
    stage.insure(10_000.0);
    let trader = insolvent(&mut stage, &dealer, 10);
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    stage.set_price(SOL, 140.0);
    let bid = stage.venue.price_per_lot(SOL, 140.0);
    rest(
        &mut stage,
        &dealer,
        &Venue::perpetual(SOL),
        Side::Bid,
        bid,
        20_000,
    );
    let before = figures(&stage, &key, Purpose::ReduceRisk).equity_mark;
    keeper.work_for(&mut stage, 5_400, 60);
    assert_eq!(keeper.count("deleverage"), 0);
    assert_eq!(keeper.count("liquidate"), 1);
    assert!(keeper.count("observe") >= 20);
    assert!(
        stage
            .state(&trader)
            .positions
            .iter()
            .all(|slot| slot.is_free())
    );
    let after = figures(&stage, &key, Purpose::ReduceRisk).equity_mark;
    assert!(after > before);
    assert_eq!(lots(&stage, &key, &Venue::perpetual(SOL)), 0);
}

#[test]
fn the_loss_of_a_borrower_is_shared_by_lenders() {
    let (mut stage, _, key) = scene();
    let trader = stage.trader(10, 1.0);
    stage.fund(&trader, SOL, 100.0);
    let borrow = stage.withdraw(&trader, 0, 15_901_000_000, true);
    // The token account exists already.
    stage.world.send(&[borrow], &[&trader]).unwrap();
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    fall(&mut stage, 140.0);
    keeper.work_for(&mut stage, 1_200, 60);
    assert_eq!(keeper.count("resolve bankruptcy"), 1);
    // To the unit what it had foreseen.
    let [(note, written_off)] = &keeper.written_off[..] else {
        panic!("{:?}", keeper.written_off);
    };
    assert_eq!(*note, format!("{written_off} native units"));
    // What was left of it had the premium for equity and went to the keeper.
    assert_eq!(keeper.count("liquidate"), 1);
    assert!(!is_flagged(&stage, &trader));
    // But for what rounding has left.
    assert!(!stage.state(&trader).has_obligations());
    assert!(figures(&stage, &trader, Purpose::ReduceRisk).equity_mark < 10);
}

#[test]
fn deleveraging_goes_through_many_counterparties() {
    let (mut stage, dealer, key) = scene();
    let trader = stage.trader(10, 3_500.0);
    let sellers: Vec<Keypair> = (0..12).map(|n| stage.trader(30 + n, 20_000.0)).collect();
    for seller in &sellers {
        stage
            .trade(seller, &trader, SOL, Side::Bid, 8.0, 200.0)
            .unwrap();
    }
    let _ = dealer;
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    fall(&mut stage, 140.0);
    keeper.work_alone(&mut stage);
    assert_eq!(lots(&stage, &trader, &Venue::perpetual(SOL)), 0);
    assert_eq!(keeper.count("deleverage"), 12);
    assert!(!is_flagged(&stage, &trader));
}

/// Ten traders who lose too much, some of them everything, and a market in which takers unwind.
fn crash(stage: &mut Stage, dealer: &Keypair) -> Vec<Keypair> {
    let traders: Vec<Keypair> = (0..10u8)
        .map(|number| {
            let key = stage.trader(40 + number, 2_700.0 + 200.0 * f64::from(number));
            stage
                .trade(dealer, &key, SOL, Side::Bid, 100.0, 200.0)
                .unwrap();
            key
        })
        .collect();
    stage.set_price(SOL, 172.0);
    let bid = stage.venue.price_per_lot(SOL, 171.9);
    rest(
        stage,
        dealer,
        &Venue::perpetual(SOL),
        Side::Bid,
        bid,
        1_000_000,
    );
    traders
}

#[test]
fn several_keepers_at_once_only_race() {
    let (mut stage, dealer, key) = scene();
    let other = stage.trader(3, 1_000_000.0);
    let traders = crash(&mut stage, &dealer);
    let mut keepers =
        [key, other].map(|key| Keeper::new(&stage.world, &stage.venue, &key, Policy::default()));
    keepers[1].memory = Memory::new(2);
    for step in 0..130 {
        stage.world.advance(60);
        publish(&mut stage);
        for turn in 0..20 {
            // Both decide on the same state.
            let plans = keepers.each_mut().map(|keeper| {
                keeper.look(&stage.world);
                keeper.plan(&stage.world)
            });
            let idle = plans.iter().all(|plan| plan.jobs.is_empty());
            // Who sends first changes.
            for one in [(step + turn) % 2, (step + turn + 1) % 2] {
                let (keeper, plan) = (&mut keepers[one], &plans[one]);
                for job in &plan.jobs {
                    let _ = keeper.send(&mut stage.world, job);
                }
            }
            stage.check_books();
            if idle {
                break;
            }
        }
    }
    for keeper in &keepers {
        println!("{:?} {:?}", keeper.done, keeper.refused);
        let worse = keeper
            .refused
            .keys()
            .find(|(_, verdict)| *verdict == Verdict::Failure);
        assert!(worse.is_none(), "{:?}", keeper.log);
    }
    assert!(keepers.iter().all(|keeper| !keeper.refused.is_empty()));
    assert!(keepers.iter().all(|keeper| keeper.count("liquidate") > 0));
    for trader in &traders {
        assert!(!is_flagged(&stage, trader));
    }
}

#[test]
fn a_keeper_that_forgets_everything_finishes_all_the_same() {
    let (mut stage, dealer, key) = scene();
    let traders = crash(&mut stage, &dealer);
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, Policy::default());
    for _ in 0..130 {
        stage.world.advance(60);
        publish(&mut stage);
        for _ in 0..20 {
            // Killed after every round, whatever was in flight.
            keeper.memory = Memory::new(1);
            if keeper.round(&mut stage.world) == 0 {
                break;
            }
        }
    }
    assert!(keeper.refused.is_empty(), "{:?}", keeper.log);
    stage.check_books();
    for trader in &traders {
        assert!(!is_flagged(&stage, trader));
    }
    assert_eq!(lots(&stage, &key, &Venue::perpetual(SOL)), 0);
}

#[test]
fn a_flag_goes_once_the_account_has_recovered() {
    let (mut stage, dealer, key) = scene();
    let trader = insolvent(&mut stage, &dealer, 10);
    let policy = Policy {
        // Nothing pays that much.
        profit_minimum: i64::MAX,
        ..Policy::default()
    };
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, policy);
    fall(&mut stage, 175.0);
    keeper.work_alone(&mut stage);
    assert!(is_flagged(&stage, &trader));
    let account = stage.account(&trader);
    fall(&mut stage, 199.0);
    keeper.work_alone(&mut stage);
    assert!(!is_flagged(&stage, &trader));
    assert_eq!(keeper.count("observe"), 1);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    assert!(stage.world.send(&[start], &[]).is_err());
}

#[test]
fn what_is_netted_is_passed_with_its_interest_accrued() {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let dealer = stage.trader(1, 1_000_000.0);
    stage.fund(&dealer, SOL, 10_000.0);
    let key = stage.trader(2, 200_000.0);
    let trader = stage.trader(10, 1.0);
    stage.fund(&trader, SOL, 100.0);
    // The trader owes USDC and is long; the keeper owes SOL and is short.
    let accrue = [stage.accrue(0), stage.accrue(SOL)];
    let borrow = stage.withdraw(&trader, 0, 14_000_000_000, true);
    let [usdc, sol] = accrue;
    stage.world.send(&[usdc, borrow], &[&trader]).unwrap();
    stage.mint(&key, SOL, 1);
    let borrow = stage.withdraw(&key, SOL, 50_000_000_000, true);
    stage.world.send(&[sol, borrow], &[&key]).unwrap();
    for (maker, taker, tokens) in [(&dealer, &trader, 2.0), (&key, &dealer, 2.0)] {
        let (maker, taker) = (maker.insecure_clone(), taker.insecure_clone());
        stage
            .trade(&maker, &taker, SOL, Side::Bid, tokens, 200.0)
            .unwrap();
    }
    let mut policy = Policy::default();
    policy.duties.remove(&Duty::Inventory);
    let mut keeper = Keeper::new(&stage.world, &stage.venue, &key, policy);
    fall(&mut stage, 150.0);
    keeper.work_for(&mut stage, 1_800, 60);
    assert!(keeper.count("liquidate") >= 1, "{:?}", keeper.done);
    assert!(!is_flagged(&stage, &trader));
}
