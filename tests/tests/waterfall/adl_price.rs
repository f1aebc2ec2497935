//! At what price lots close, who bears how much, and that the sequence does not matter.

use super::scene::{ALL, END_S, EQUITY, FIRST_S, Scene, USDC, near, one, sol};
use ballast::error::BallastError;
use ballast::events::{Deleveraged, LiquidationEnded};
use ballast_client::state::MarketTerms;
use ballast_sim::Venue;
use ballast_tests::{BTC, ETH, SOL, Stage};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;

#[test]
fn one_counterparty_bears_what_is_missing() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let (rich, lots) = (
        scene.equity(&dealer),
        scene.market(&sol()).open_interest_lots,
    );
    let deficit = -scene.equity(&key);
    near(-deficit, EQUITY as f64, 5.0);
    assert_eq!(lots, 10_000);
    let adl = scene.adl(&sol(), &key, &dealer, ALL);
    let events = scene.send(&[adl], &[]);
    let event: Deleveraged = one(&events);
    assert_eq!(event.market, scene.stage.market(SOL));
    assert_eq!(event.margin_account, scene.stage.account(&key));
    assert_eq!(event.counterparty, scene.stage.account(&dealer));
    assert_eq!(event.equity_mark, -deficit);
    // 14,000 and the 2,510 that the account lacks: 165.10 for each SOL.
    assert_eq!((event.base_lots, event.funding), (10_000, [0, 0]));
    assert_eq!(event.given_up, deficit);
    near(event.quote - deficit, 14_000e6, 1.0);
    // The account is left with a loss of all its cash, and its flag is gone.
    let ended: LiquidationEnded = one(&events);
    assert_eq!(ended.margin_account, event.margin_account);
    assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
    let left = scene.position(&key, &sol());
    assert_eq!((left.base_lots, left.quote), (0, -3_500_000_000));
    scene.settle(&key, &sol());
    assert!(scene.stage.state(&key).is_empty());
    // 60 on each SOL less 25.10, and the fee.
    near(scene.equity(&dealer), (rich - deficit) as f64, 1.0);
    let left = scene.position(&dealer, &sol());
    assert_eq!(left.base_lots, 0);
    near(left.quote, 3_490e6 - 4e6, 5.0);
    assert_eq!(scene.market(&sol()).open_interest_lots, 0);
}

#[test]
fn a_short_account_and_parts_of_it() {
    let mut scene = Scene::steady();
    let key = scene.stage.trader(10, 3_500.0);
    let dealer = scene.dealer.insecure_clone();
    scene.buy(&dealer, &key, &sol(), 10_000);
    scene.stage.set_price(SOL, 260.0);
    scene.start(&key);
    // As the maker it paid a fee of 4.
    near(scene.equity(&key), -2_504e6, 5.0);
    let mut closed = 0;
    for (lots_max, lots) in [(1, 1), (3_333, 3_333), (ALL, 6_666)] {
        let (poor, rich) = (scene.equity(&key), scene.equity(&dealer));
        let event = scene.deleverage(&sol(), &key, &dealer, lots_max);
        assert_eq!((event.base_lots, event.equity_mark), (-lots, poor));
        near(event.given_up, 250_400.0 * lots as f64, 5.0);
        near(
            event.quote - event.given_up,
            -2_600_000.0 * lots as f64,
            1.0,
        );
        near(scene.equity(&key), (poor + event.given_up) as f64, 1.0);
        near(scene.equity(&dealer), (rich - event.given_up) as f64, 1.0);
        closed += lots;
        let left = scene.market(&sol()).open_interest_lots as i64;
        assert_eq!(left, 10_000 - closed);
    }
    assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
}

/// Long 60 SOL and 3 ETH with 4,000 USDC; the other sides are 20, 40 SOL and 1, 2 ETH.
fn two_markets() -> (Scene, Keypair, [(MarketTerms, Keypair); 4]) {
    let mut scene = Scene::steady();
    let key = scene.stage.trader(10, 4_000.0);
    let eth = Venue::perpetual(ETH);
    let mut number = 20;
    let others =
        [(sol(), 2_000), (sol(), 4_000), (eth, 1_000), (eth, 2_000)].map(|(terms, lots)| {
            number += 1;
            let other = scene.stage.trader(number, 100_000.0);
            scene.buy(&key, &other, &terms, lots);
            (terms, other)
        });
    scene.stage.set_price(SOL, 150.0);
    scene.stage.set_price(ETH, 3_000.0);
    scene.start(&key);
    (scene, key, others)
}

#[test]
fn what_is_missing_is_shared_by_value_whatever_the_sequence() {
    let (mut scene, key, others) = two_markets();
    let start = scene.stage.world.svm.clone();
    // 4,000 less 12 of fees, 3,000 on SOL and 3,000 on ETH: 2,012 are missing of 9,000 in either market.
    let deficit = -scene.equity(&key);
    near(deficit, 2_012e6, 10.0);
    let expected = [3.0, 6.0, 3.0, 6.0].map(|part| deficit as f64 * part / 18.0);
    let mut sequences = vec![[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..4 {
        let mut sequence = [0, 1, 2, 3];
        sequence.shuffle(&mut random);
        sequences.push(sequence);
    }
    for sequence in sequences {
        scene.stage.world.svm = start.clone();
        for place in sequence {
            let (terms, other) = &others[place];
            let rich = scene.equity(other);
            let event = scene.deleverage(terms, &key, other, ALL);
            near(event.given_up, expected[place], 5.0);
            near(scene.equity(other) - rich, -expected[place], 5.0);
            assert_eq!(scene.position(other, terms).base_lots, 0);
        }
        assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
    }
}

#[test]
fn pieces_cost_what_the_whole_costs() {
    let (mut scene, key, others) = two_markets();
    let expected = [3.0, 6.0, 3.0, 6.0].map(|part| 2_012e6 * part / 18.0);
    let rich = others.each_ref().map(|(_, other)| scene.equity(other));
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut steps = 0;
    while scene.is_flagged(&key) {
        let place = random.random_range(0..4);
        let (terms, other) = &others[place];
        let lots = random.random_range(1..900);
        let adl = scene.adl(terms, &key, other, lots);
        if scene.position(other, terms).base_lots == 0 {
            scene.refused(adl, BallastError::PositionNotFound);
        } else {
            scene.send(&[adl], &[]);
            steps += 1;
        }
    }
    assert!(steps > 10 && scene.equity(&key) == 0);
    for place in 0..4 {
        let gave_up = rich[place] - scene.equity(&others[place].1);
        near(gave_up, expected[place], 10.0 + 2.0 * f64::from(steps));
    }
}

#[test]
fn nobody_gives_up_more_than_his_profit() {
    let mut scene = Scene::steady();
    let dealer = scene.dealer.insecure_clone();
    // Sold 50 SOL at 145: 5 of profit on each, less the fee of 0.029; 25.10 would be his share.
    let late = scene.stage.trader(20, 10_000.0);
    let key = scene.stage.trader(10, 3_500.0);
    scene.buy(&key, &dealer, &sol(), 10_000);
    scene.stage.set_price(SOL, 145.0);
    scene.buy(&dealer, &late, &sol(), 5_000);
    scene.stage.set_price(SOL, 140.0);
    scene.start(&key);
    let cash = scene.equity(&late) - 250_000_000;
    // Until the end others come first.
    for elapsed_s in [0, END_S - 1] {
        scene.wind(&key, elapsed_s);
        for lots in [1, 2_500, ALL] {
            let adl = scene.adl(&sol(), &key, &late, lots);
            scene.refused(adl, BallastError::CounterpartyNotInProfit);
        }
        let adl = scene.adl(&sol(), &key, &dealer, 5_000);
        scene.passes(&adl);
    }
    scene.wind(&key, END_S);
    let event = scene.deleverage(&sol(), &key, &late, 2_500);
    near(event.given_up, 125e6 - 0.725e6, 1.0);
    near(event.equity_mark, EQUITY as f64, 5.0);
    let event = scene.deleverage(&sol(), &key, &late, ALL);
    assert_eq!(event.base_lots, 2_500);
    // He has what he brought, but for the fee of 1.45.
    let left = scene.position(&late, &sol());
    assert!((0..=2).contains(&left.quote), "{left:?}");
    near(scene.equity(&late) - cash, 1.45e6, 2.0);
    // Half of the lots are left.
    assert_eq!(scene.position(&key, &sol()).base_lots, 5_000);
    assert_eq!(scene.market(&sol()).open_interest_lots, 5_000);
    assert!(scene.is_flagged(&key));
}

#[test]
fn a_winner_cannot_have_the_loss_lent() {
    let mut scene = Scene::steady();
    let key = scene.insolvent(10);
    let dealer = scene.dealer.insecure_clone();
    let account = scene.stage.account(&key);
    let deficit = -scene.equity(&key);
    let rich = scene.equity(&dealer);
    // All cash of the insolvent account, and not a unit more, however long before the end.
    let owned = scene.stage.owned(&account, USDC);
    assert_eq!(owned, 3_500_000_000);
    let pool = scene.market(&sol()).settlement_pool;
    scene.settle(&key, &sol());
    assert_eq!(scene.stage.owned(&account, USDC), 0);
    assert_eq!(scene.market(&sol()).settlement_pool, pool + 3_500_000_000);
    let settle = scene.settle_instruction(&key, &sol());
    for elapsed_s in [0, FIRST_S, END_S - 1] {
        scene.wind(&key, elapsed_s);
        scene.refused(settle.clone(), BallastError::LossNotCovered);
    }
    assert_eq!(scene.equity(&key), -deficit);
    // In the end the rest would be lent.
    scene.wind(&key, END_S);
    scene.passes(&settle);
    scene.wind(&key, END_S - 1);
    // The winner bears it.
    let event = scene.deleverage(&sol(), &key, &dealer, ALL);
    assert_eq!((event.base_lots, event.given_up), (10_000, deficit));
    assert_eq!((scene.equity(&key), scene.is_flagged(&key)), (0, false));
    assert!(scene.stage.state(&key).is_empty());
    near(scene.equity(&dealer), (rich - deficit) as f64, 2.0);
    scene.settle(&dealer, &sol());
    assert_eq!(scene.position(&dealer, &sol()).quote, 0);
    near(scene.equity(&dealer), (rich - deficit) as f64, 2.0);
}

/// A short in one of three markets, opened on the way down.
struct Other {
    key: Keypair,
    asset: usize,
}

/// Deficit and share worked out in whole units from the account's own entries: cash, lots, quote and prices in cents.
fn deficit_and_share(scene: &Scene, key: &Keypair, terms: &MarketTerms) -> (f64, f64) {
    let state = scene.stage.state(key);
    let mut equity = scene.stage.balance(key, 0) as f64;
    let (mut all, mut this) = (0.0, 0.0);
    for asset in [SOL, ETH, BTC] {
        let market = Venue::perpetual(asset);
        let price = scene
            .stage
            .venue
            .price_per_lot(asset, scene.stage.prices[asset]) as f64;
        let position = state.position(&market).copied().unwrap_or_default();
        let value = position.base_lots as f64 * price;
        equity += value + position.quote as f64;
        all += value.abs();
        if market == *terms {
            this = value.abs() / position.base_lots.unsigned_abs() as f64;
        }
    }
    (-equity, this / all)
}

#[test]
fn random_accounts_against_an_independent_calculation() {
    let (mut capped, mut full, mut at_mark, mut would_fall, mut refused) = (0, 0, 0, 0, 0);
    for seed in 0..16 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut scene = Scene::on(Stage::steady());
        let dealer = scene.dealer.insecure_clone();
        let key = scene
            .stage
            .trader(10, random.random_range(4_000.0..9_000f64).round());
        let markets: Vec<(usize, i64)> = [(SOL, 6_000), (ETH, 2_500), (BTC, 1_000)]
            .into_iter()
            .map(|(asset, lots)| {
                let lots = random.random_range(lots / 2..lots);
                (asset, if random.random_bool(0.5) { lots } else { -lots })
            })
            .collect();
        for &(asset, lots) in &markets {
            trade(&mut scene, &key, &dealer, asset, lots);
        }
        // The prices go against it in steps; on the way the dealer hands his side to others.
        let mut others: Vec<Other> = Vec::new();
        for fall in [0.08, 0.16, 0.22, 0.24] {
            for &(asset, lots) in &markets {
                let sign = lots.signum() as f64;
                let price = [1.0, 200.0, 4_000.0, 100_000.0][asset];
                scene.stage.prices[asset] = (price * (1.0 - sign * fall)).round();
            }
            let price = scene.stage.prices[SOL];
            scene.stage.set_price(SOL, price);
            for &(asset, lots) in &markets {
                let other = scene.stage.trader(
                    20 + others.len() as u8,
                    random.random_range(3_000.0..20_000f64).round(),
                );
                let part = random.random_range(lots.abs() / 8..lots.abs() / 4);
                trade(&mut scene, &other, &dealer, asset, -part * lots.signum());
                others.push(Other { key: other, asset });
            }
        }
        if scene.equity(&key) >= 0 {
            continue;
        }
        scene.start(&key);
        for &(asset, _) in &markets {
            let key = dealer.insecure_clone();
            others.push(Other { key, asset });
        }
        for _ in 0..40 {
            let other = &others[random.random_range(0..others.len())];
            let (terms, other) = (Venue::perpetual(other.asset), &other.key);
            let held = scene.position(&key, &terms).base_lots;
            let opposite = scene.position(other, &terms);
            if held == 0 || opposite.base_lots == 0 || scene.equity(&key) >= 0 {
                continue;
            }
            let lots_max = random.random_range(1..2_000);
            let lots = held
                .abs()
                .min(opposite.base_lots.abs())
                .min(lots_max as i64);
            let (deficit, per_lot) = deficit_and_share(&scene, &key, &terms);
            let price = scene.mark(&terms);
            let all_profit = opposite.quote as f64 + opposite.base_lots as f64 * price;
            let profit = all_profit * lots as f64 / opposite.base_lots.abs() as f64;
            let share = deficit * per_lot * lots as f64;
            let adl = scene.adl(&terms, &key, other, lots_max);
            // A second before the end only whoever can bear his share is closed.
            scene.wind(&key, END_S - 1);
            let short = share.max(1.0) - profit;
            assert!(short.abs() > 3.0, "{short}: too close to tell");
            if short > 0.0 {
                scene.refused(adl.clone(), BallastError::CounterpartyNotInProfit);
                refused += 1;
                if random.random_bool(0.1) {
                    continue;
                }
                scene.wind(&key, END_S);
            }
            let before = [scene.equity(&key), scene.equity(other)];
            let open = scene.market(&terms).open_interest_lots;
            let event: Deleveraged = match scene.try_send(&[adl], &[]) {
                Ok(events) => one(&events),
                Err(refusal) if refusal.is(BallastError::CounterpartyWouldFall) => {
                    would_fall += 1;
                    continue;
                }
                Err(refusal) => panic!("{refusal}"),
            };
            near(event.given_up, share.min(profit).max(0.0), 3.0);
            near(event.equity_mark, -deficit, 3.0);
            assert_eq!(event.base_lots, lots * held.signum());
            near(
                event.quote - event.given_up,
                event.base_lots as f64 * price,
                2.0,
            );
            near(scene.equity(&key) - before[0], event.given_up as f64, 2.0);
            near(scene.equity(other) - before[1], -event.given_up as f64, 2.0);
            assert_eq!(
                scene.position(&key, &terms).base_lots,
                held - event.base_lots
            );
            let left = scene.position(other, &terms);
            assert_eq!(left.base_lots, opposite.base_lots + event.base_lots);
            assert_eq!(scene.market(&terms).open_interest_lots, open - lots as u64);
            // What he keeps of it is all but that, and no new loss.
            let kept = left.quote as f64 + left.base_lots as f64 * price;
            near(kept as i64, all_profit - event.given_up as f64, 3.0);
            assert!(kept >= all_profit.min(0.0) - 3.0, "{kept}");
            if profit < 0.0 {
                assert_eq!(event.given_up, 0);
                at_mark += 1;
            } else if share > profit {
                capped += 1;
            } else {
                full += 1;
            }
        }
    }
    println!(
        "{capped} capped, {full} full, {at_mark} at the mark, {would_fall} would have fallen, {refused} before the end"
    );
    assert!(capped > 20 && full > 40 && at_mark > 0 && refused > 40);
}

/// Buys lots from the dealer, or sells.
fn trade(scene: &mut Scene, key: &Keypair, dealer: &Keypair, asset: usize, lots: i64) {
    let terms = Venue::perpetual(asset);
    let size = lots.unsigned_abs();
    if lots > 0 {
        scene.buy(key, dealer, &terms, size);
    } else {
        scene.buy(dealer, key, &terms, size);
    }
}
