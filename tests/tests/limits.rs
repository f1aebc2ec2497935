//! Limits of an asset: caps, net outflow, and the modes in which it takes no more.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use ballast::error::BallastError;
use ballast_client::args::AssetParameters;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{AssetMode, Side, ledger};
use ballast_sim::{Refusal, VenueConfig};
use ballast_tests::{SOL, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::VecDeque;

const USDC: usize = 0;
const DAY_S: u64 = 86_400;

/// The risk authority changes some of an asset's parameters.
fn update(stage: &mut Stage, asset: usize, change: impl FnOnce(&mut AssetParameters)) {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let bank = stage.venue.bank(&stage.world, asset).unwrap();
    let mut parameters = AssetParameters::of(&exchange.assets[asset], &bank);
    change(&mut parameters);
    let risk = stage.venue.admin.insecure_clone();
    let mint = stage.venue.mints[asset];
    let addresses = stage.venue.addresses;
    let steps = [
        instructions::accrue_interest(&addresses, &mint),
        instructions::update_asset(&addresses, &risk.pubkey(), &mint, parameters),
    ];
    stage.world.send(&steps, &[&risk]).unwrap();
}

fn set_limit(stage: &mut Stage, asset: usize, limit: u64, window_s: u64) {
    update(stage, asset, |parameters| {
        parameters.outflow_limit = limit;
        parameters.outflow_window_s = window_s;
    });
}

fn take(stage: &mut Stage, owner: &Keypair, asset: usize, amount: u64) -> Result<(), Refusal> {
    let taken = stage
        .venue
        .withdraw(&mut stage.world, owner, asset, amount, true);
    taken.map(|_| ())
}

fn put(stage: &mut Stage, owner: &Keypair, asset: usize, amount: u64) {
    stage.mint(owner, asset, amount);
    stage
        .venue
        .deposit(&mut stage.world, owner, asset, amount)
        .unwrap();
}

/// Asserts that exactly so much may leave now, and takes it.
#[track_caller]
fn exactly(stage: &mut Stage, owner: &Keypair, asset: usize, amount: u64) {
    let beyond = stage.withdraw(owner, asset, amount + 1, true);
    stage.refused(&[beyond], &[owner], BallastError::OutflowLimitExceeded);
    if amount > 0 {
        take(stage, owner, asset, amount).unwrap();
    }
}

/// A stage with a depositor of a million USDC and his token account.
fn depositor() -> (Stage, Keypair) {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 1_000_000.0);
    stage.mint(&owner, USDC, 0);
    (stage, owner)
}

#[test]
fn an_outflow_comes_back_evenly_over_its_window() {
    let (mut stage, owner) = depositor();
    set_limit(&mut stage, USDC, 1_000, DAY_S);
    exactly(&mut stage, &owner, USDC, 1_000);
    exactly(&mut stage, &owner, USDC, 0);
    for _ in 0..2 {
        stage.world.advance(DAY_S as i64 / 2);
        exactly(&mut stage, &owner, USDC, 500);
        exactly(&mut stage, &owner, USDC, 0);
    }
    // 1,000 of 86,400 s: a unit in 86.4 s, and half a unit is not lost by looking.
    stage.world.advance(86);
    exactly(&mut stage, &owner, USDC, 0);
    stage.world.advance(1);
    exactly(&mut stage, &owner, USDC, 1);
    // However long nothing leaves, no more than the limit leaves then.
    stage.world.advance(30 * DAY_S as i64);
    take(&mut stage, &owner, USDC, 400).unwrap();
    exactly(&mut stage, &owner, USDC, 600);
    stage.check_books();
}

#[test]
fn deposits_make_room_for_as_much_and_a_second_later_for_the_limit_at_most() {
    let (mut stage, owner) = depositor();
    let other = stage.trader(2, 0.0001);
    set_limit(&mut stage, USDC, 1_000, DAY_S);
    put(&mut stage, &other, USDC, 5_000);
    exactly(&mut stage, &owner, USDC, 6_000);
    put(&mut stage, &other, USDC, 300);
    exactly(&mut stage, &owner, USDC, 300);
    put(&mut stage, &owner, USDC, 5_000);
    // The limit, what came in up to as much, less a unit that has been forgotten in part.
    stage.world.advance(1);
    exactly(&mut stage, &owner, USDC, 1_999);
    // What came in is forgotten as evenly as what left comes back.
    put(&mut stage, &owner, USDC, 2_000);
    stage.world.advance(DAY_S as i64 / 2);
    exactly(&mut stage, &owner, USDC, 1_500);
    stage.check_books();
}

#[test]
fn nobody_uses_the_limit_up_by_depositing_and_withdrawing_at_once() {
    let (mut stage, owner) = depositor();
    let other = stage.trader(2, 0.0001);
    set_limit(&mut stage, USDC, 1_000, DAY_S);
    for amount in [1_000, 50_000] {
        stage.mint(&other, USDC, amount);
        let round = [
            stage.deposit(&other, USDC, amount),
            stage.withdraw(&other, USDC, amount, false),
        ];
        stage.world.send(&round, &[&other]).unwrap();
    }
    exactly(&mut stage, &owner, USDC, 1_000);
    stage.check_books();
}

#[test]
fn loans_and_fees_count_as_outflow_and_every_asset_has_a_limit_of_its_own() {
    let mut stage = Stage::new();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 1.0);
    stage.mint(&borrower, SOL, 0);
    update(&mut stage, SOL, |parameters| {
        parameters.outflow_limit = 645;
        parameters.origination_fee_q32 = 1 << 26;
    });
    // A loan of 640 and 1/64 of fee, which is owed and does not leave yet.
    take(&mut stage, &borrower, SOL, 640).unwrap();
    assert_eq!(stage.balance(&borrower, SOL), -650);
    let (addresses, admin) = (stage.venue.addresses, stage.venue.admin.insecure_clone());
    let (mint, key) = (stage.venue.mints[SOL], admin.pubkey());
    let wallet = stage.mint(&admin, SOL, 0);
    let fees = |amount| instructions::withdraw_fees(&addresses, &key, &mint, &wallet, amount);
    for beyond in [6, 10, u64::MAX] {
        stage.refused(
            &[fees(beyond)],
            &[&admin],
            BallastError::OutflowLimitExceeded,
        );
    }
    stage.world.send(&[fees(5)], &[&admin]).unwrap();
    assert_eq!(stage.world.tokens(&wallet), 5);
    exactly(&mut stage, &lender, SOL, 0);
    // USDC has none.
    take(&mut stage, &borrower, USDC, 5_000_000_000).unwrap();
    stage.world.advance(DAY_S as i64);
    stage.world.send(&[fees(u64::MAX)], &[&admin]).unwrap();
    assert_eq!(stage.world.tokens(&wallet), 10);
    stage.check_books();
}

#[test]
fn without_a_limit_everything_leaves_at_once() {
    let (mut stage, owner) = depositor();
    set_limit(&mut stage, USDC, 1, DAY_S);
    exactly(&mut stage, &owner, USDC, 1);
    set_limit(&mut stage, USDC, 0, DAY_S);
    take(&mut stage, &owner, USDC, u64::MAX).unwrap();
    assert!(stage.state(&owner).is_empty());
    stage.check_books();
}

#[test]
fn in_no_window_does_more_than_three_times_the_limit_leave() {
    const LIMIT: u64 = 10_000;
    const WINDOW_S: u64 = 3_600;
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut stage, owner) = depositor();
    let other = stage.trader(2, 1_000.0);
    set_limit(&mut stage, USDC, LIMIT, WINDOW_S);
    // What left less what came, with its time, and what has not come back yet in parts of a unit.
    let mut recent: VecDeque<(i64, i64)> = VecDeque::new();
    let mut level = 0i128;
    const WHOLE: i128 = LIMIT as i128 * WINDOW_S as i128;
    let (mut passed, mut refused, mut most) = (0, 0, 0);
    for _ in 0..1_500 {
        let seconds = match random.random_range(0..3) {
            0 => 0,
            1 => random.random_range(0..5),
            _ => random.random_range(0..900),
        };
        stage.world.advance(seconds);
        let back = i128::from(LIMIT) * i128::from(seconds);
        if seconds > 0 {
            level = level.max(-WHOLE);
        }
        level -= level.clamp(-back, back);
        let now = stage.world.now();
        let trader = if random.random() { &owner } else { &other };
        let amount = random.random_range(1..=LIMIT / 2);
        let net = if random.random_range(0..6) == 0 {
            put(&mut stage, trader, USDC, amount);
            level -= i128::from(amount * WINDOW_S);
            -(amount as i64)
        } else {
            match take(&mut stage, trader, USDC, amount) {
                Ok(()) => {
                    passed += 1;
                    level += i128::from(amount * WINDOW_S);
                    assert!(level <= WHOLE, "more than had come back");
                    amount as i64
                }
                Err(refusal) => {
                    assert!(refusal.is(BallastError::OutflowLimitExceeded), "{refusal}");
                    refused += 1;
                    0
                }
            }
        };
        recent.push_back((now, net));
        while recent
            .front()
            .is_some_and(|(time, _)| now - time > WINDOW_S as i64)
        {
            recent.pop_front();
        }
        // Every window that ends now and begins within the last one.
        let mut left = 0;
        for (_, net) in recent.iter().rev() {
            left += net;
            most = most.max(left);
        }
        assert!(most <= 3 * LIMIT as i64, "{most}");
    }
    assert!(passed > 300 && refused > 300, "{passed} {refused}");
    assert!(most > LIMIT as i64, "{most}");
    stage.check_books();
}

#[test]
fn what_left_before_there_was_a_limit_does_not_count_against_it() {
    let (mut stage, owner) = depositor();
    take(&mut stage, &owner, USDC, 500_000_000_000).unwrap();
    set_limit(&mut stage, USDC, 1_000, DAY_S);
    exactly(&mut stage, &owner, USDC, 1_000);
}

#[test]
fn a_lower_limit_is_there_whole_after_one_window() {
    let (mut stage, owner) = depositor();
    set_limit(&mut stage, USDC, 100_000, DAY_S);
    exactly(&mut stage, &owner, USDC, 100_000);
    set_limit(&mut stage, USDC, 1_000, DAY_S);
    exactly(&mut stage, &owner, USDC, 0);
    stage.world.advance(DAY_S as i64);
    exactly(&mut stage, &owner, USDC, 1_000);
}

#[test]
fn small_withdrawals_every_second_do_not_slow_the_return_down() {
    let (mut stage, owner) = depositor();
    // 1.75 units a second.
    set_limit(&mut stage, USDC, 105, 60);
    exactly(&mut stage, &owner, USDC, 105);
    for _ in 0..40 {
        stage.world.advance(1);
        take(&mut stage, &owner, USDC, 1).unwrap();
    }
    exactly(&mut stage, &owner, USDC, 30);
}

#[test]
fn the_borrow_cap_counts_the_origination_fee() {
    let mut stage = Stage::new();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 1.0);
    stage.mint(&borrower, SOL, 0);
    let loan = stage.withdraw(&borrower, SOL, 640, true);
    for (borrow_cap, passes) in [(649, false), (650, true)] {
        update(&mut stage, SOL, |parameters| {
            parameters.origination_fee_q32 = 1 << 26;
            parameters.borrow_cap = borrow_cap;
        });
        if passes {
            stage.world.send(&[loan.clone()], &[&borrower]).unwrap();
        } else {
            let refusal = BallastError::BorrowCapExceeded;
            stage.refused(&[loan.clone()], &[&borrower], refusal);
        }
    }
    stage.check_books();
}

/// Sets from what value on all deposits and loans of an asset together count less and more.
fn set_size_start(stage: &mut Stage, asset: usize, dollars: u64) {
    update(stage, asset, |parameters| {
        parameters.haircut_size_start = dollars * 1_000_000;
    });
}

#[test]
fn a_deposit_and_what_is_borrowed_on_it_count_in_one_transaction() {
    let mut stage = Stage::new();
    let (lender, owner) = (stage.trader(1, 1_000_000.0), stage.trader(2, 1.0));
    stage.mint(&owner, USDC, 0);
    // SOL that nobody borrows, so that nobody accrues interest on it.
    stage.mint(&owner, SOL, 1_000_000_000_000);
    let deposit = stage.deposit(&owner, SOL, 1_000_000_000_000);
    let borrow =
        |stage: &Stage, dollars: u64| stage.withdraw(&owner, USDC, dollars * 1_000_000, true);
    let at_once = [deposit.clone(), borrow(&stage, 50_000)];
    for (start, counts) in [(0, true), (10_000, false), (200_000, true)] {
        set_size_start(&mut stage, SOL, start);
        if counts {
            stage.simulate(&at_once, &[&owner]).unwrap();
        } else {
            stage.refused(&at_once, &[&owner], BallastError::BelowInitialMargin);
        }
    }
    // All of it counts as 10,000 USDC at most.
    set_size_start(&mut stage, SOL, 10_000);
    stage.world.send(&[deposit], &[&owner]).unwrap();
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.assets[SOL].deposits_total, 1_000_000_000_000);
    let report = assess(&stage, &owner, Purpose::AddRisk);
    assert!(report.equity_initial <= 10_001_000_000);
    let beyond = borrow(&stage, 50_000);
    stage.refused(&[beyond], &[&owner], BallastError::BelowInitialMargin);

    // Loans likewise: the more of it is lent the more each counts.
    set_size_start(&mut stage, SOL, 0);
    let short = stage.trader(3, 60_000.0);
    stage.mint(&short, SOL, 0);
    let loan = stage.withdraw(&short, SOL, 200_000_000_000, true);
    stage.simulate(&[loan.clone()], &[&short]).unwrap();
    set_size_start(&mut stage, SOL, 10_000);
    stage.refused(&[loan], &[&short], BallastError::BelowInitialMargin);
    take(&mut stage, &short, SOL, 50_000_000_000).unwrap();
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.assets[SOL].loans_total, 50_000_000_000);
    // What leaves is not there any more.
    let all = stage.state(&lender);
    assert!(!all.has_obligations());
    take(&mut stage, &lender, USDC, 900_000_000_000).unwrap();
    let board = stage.venue.board(&stage.world).unwrap();
    let bank = stage.venue.bank(&stage.world, USDC).unwrap();
    let deposits = ledger::deposits_total(&bank, &board.assets[USDC]).unwrap();
    assert_eq!(board.assets[USDC].deposits_total, deposits);
    stage.check_books();
}

#[test]
fn interest_fills_the_deposit_cap_and_loans_are_repaid_all_the_same() {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 10.0);
    update(&mut stage, SOL, |parameters| {
        parameters.deposit_cap = 10_000_000_000;
    });
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[SOL]);
    let accrue = instructions::accrue_interest(&addresses, &mint);
    stage.mint(&borrower, SOL, 10_000_000_000);
    let loan = stage.withdraw(&borrower, SOL, 5_000_000_000, true);
    let steps = [accrue.clone(), loan];
    stage.world.send(&steps, &[&borrower]).unwrap();
    stage.world.advance(30 * DAY_S as i64);
    let prices = stage.prices;
    stage.venue.set_prices(&mut stage.world, &prices).unwrap();

    stage.mint(&lender, SOL, 1);
    let more = [accrue.clone(), stage.deposit(&lender, SOL, 1)];
    let refusal = BallastError::DepositCapExceeded;
    stage.refused(&more, &[&lender], refusal);
    let report = assess(&stage, &borrower, Purpose::AddRisk);
    let owed = report
        .balances()
        .iter()
        .find(|b| usize::from(b.asset) == SOL);
    let owed = owed.unwrap().amount.unsigned_abs();
    assert!(owed > 5_000_000_000);
    // One unit more than the debt would be a deposit.
    let surplus = [accrue.clone(), stage.deposit(&borrower, SOL, owed + 1)];
    let refusal = BallastError::DepositCapExceeded;
    stage.refused(&surplus, &[&borrower], refusal);
    let whole = [accrue, stage.deposit(&borrower, SOL, owed)];
    stage.world.send(&whole, &[&borrower]).unwrap();
    assert_eq!(stage.balance(&borrower, SOL), 0);
    stage.check_books();
}

fn assess(stage: &Stage, owner: &Keypair, purpose: Purpose) -> Box<Report> {
    let account = stage.account(owner);
    stage.venue.assess(&stage.world, &account, purpose).unwrap()
}

fn set_mode(stage: &mut Stage, asset: usize, mode: AssetMode) {
    update(stage, asset, |parameters| parameters.mode = mode as u8);
}

#[test]
fn an_asset_that_is_only_reduced_takes_back_loans_and_gives_back_deposits() {
    for mode in [AssetMode::ReduceOnly, AssetMode::Closing] {
        let mut stage = Stage::new();
        let (lender, borrower) = (stage.trader(1, 1_000.0), stage.trader(2, 10_000.0));
        stage.fund(&lender, SOL, 10.0);
        let wallet = stage.mint(&borrower, SOL, 100);
        take(&mut stage, &borrower, SOL, 1_000).unwrap();
        stage.mint(&lender, SOL, 100);
        set_mode(&mut stage, SOL, mode);

        let refusal = || BallastError::AssetReduceOnly;
        let more = stage.deposit(&lender, SOL, 1);
        stage.refused(&[more], &[&lender], refusal());
        let loan = stage.withdraw(&borrower, SOL, 1, true);
        stage.refused(&[loan], &[&borrower], refusal());
        let beyond = stage.withdraw(&lender, SOL, 10_000_000_001, true);
        stage.refused(&[beyond], &[&lender], refusal());
        let surplus = stage.deposit(&borrower, SOL, 1_001);
        stage.refused(&[surplus], &[&borrower], refusal());

        // Part of the loan, part of the deposit, then all of both.
        for amount in [300, 700] {
            stage
                .venue
                .deposit(&mut stage.world, &borrower, SOL, amount)
                .unwrap();
        }
        assert_eq!(stage.balance(&borrower, SOL), 0);
        assert_eq!(stage.world.tokens(&wallet), 100);
        let one = stage.deposit(&borrower, SOL, 1);
        stage.refused(&[one.clone()], &[&borrower], refusal());
        take(&mut stage, &lender, SOL, 4_000_000_000).unwrap();
        // Between accounts of one owner no deposit is new.
        let (addresses, key) = (stage.venue.addresses, lender.pubkey());
        let open = instructions::open_account(&addresses, &key, &stage.world.payer.pubkey(), 1);
        let (from, to) = (stage.account(&lender), addresses.margin_account(&key, 1));
        let mint = stage.venue.mints[SOL];
        let split = instructions::transfer(&addresses, &mint, &from, &to, &key, 5);
        stage.simulate(&[open, split], &[&lender]).unwrap();
        take(&mut stage, &lender, SOL, u64::MAX).unwrap();
        // Other assets go on.
        put(&mut stage, &lender, USDC, 1);
        set_mode(&mut stage, SOL, AssetMode::Active);
        stage.world.send(&[one], &[&borrower]).unwrap();
        stage.check_books();
    }
}

#[test]
fn deposits_of_a_closing_asset_count_in_full_for_maintenance_and_nothing_for_new_risk() {
    let mut stage = Stage::steady();
    let (maker, owner, borrower) = (
        stage.trader(1, 100_000.0),
        stage.trader(2, 100.0),
        stage.trader(3, 10_000.0),
    );
    stage.fund(&owner, SOL, 20.0);
    stage.mint(&borrower, SOL, 0);
    take(&mut stage, &borrower, SOL, 1_000_000_000).unwrap();
    // 4,000 dollars of SOL hold a short of 3 ETH.
    stage
        .trade(&maker, &owner, ballast_tests::ETH, Side::Ask, 3.0, 4_000.0)
        .unwrap();
    let held = |report: &Report| {
        let mut balances = report.balances().iter();
        *balances
            .find(|balance| usize::from(balance.asset) == SOL)
            .unwrap()
    };
    let before = assess(&stage, &owner, Purpose::AddRisk);
    let to_liquidate = assess(&stage, &owner, Purpose::Liquidate);
    let owed = assess(&stage, &borrower, Purpose::AddRisk);
    assert!(before.health_initial() > 0 && held(&before).initial > 0);
    let some = stage.withdraw(&owner, USDC, 1_000_000, false);
    stage.simulate(&[some.clone()], &[&owner]).unwrap();

    set_mode(&mut stage, SOL, AssetMode::ReduceOnly);
    assert_eq!(
        same(&assess(&stage, &owner, Purpose::AddRisk)),
        same(&before)
    );
    set_mode(&mut stage, SOL, AssetMode::Closing);
    let after = assess(&stage, &owner, Purpose::AddRisk);
    assert_eq!(held(&after).initial, 0);
    assert_eq!(
        before.equity_initial - after.equity_initial,
        held(&before).initial
    );
    let [mark, maintenance, _, margin, initial] = same(&after);
    assert_eq!(
        [mark, maintenance, margin, initial],
        [
            before.equity_mark,
            before.equity_maintenance,
            before.maintenance_margin,
            before.initial_margin
        ]
    );
    assert!(after.health_initial() < 0);
    stage.refused(&[some], &[&owner], BallastError::BelowInitialMargin);
    // A loan counts as before.
    assert_eq!(
        same(&assess(&stage, &borrower, Purpose::AddRisk)),
        same(&owed)
    );
    // The liquidation sees no difference, however close the account is to it.
    let now = assess(&stage, &owner, Purpose::Liquidate);
    assert_eq!(
        [now.equity_maintenance, now.maintenance_margin],
        [
            to_liquidate.equity_maintenance,
            to_liquidate.maintenance_margin
        ]
    );
    let start = instructions::start_liquidation(&stage.venue.addresses, &stage.account(&owner));
    let (mut closest, mut dollars) = (i64::MAX, 200.0);
    loop {
        set_mode(&mut stage, SOL, AssetMode::Active);
        stage.set_price(SOL, dollars);
        let report = assess(&stage, &owner, Purpose::Liquidate);
        let liquidatable = report.is_liquidatable();
        if !liquidatable {
            closest = report.health_maintenance();
        }
        for mode in [AssetMode::Active, AssetMode::Closing] {
            set_mode(&mut stage, SOL, mode);
            if liquidatable {
                stage.simulate(&[start.clone()], &[]).unwrap();
            } else {
                stage.refused(&[start.clone()], &[], BallastError::NotLiquidatable);
            }
        }
        if liquidatable {
            break;
        }
        dollars -= 0.5;
    }
    assert!(closest < 20_000_000, "{closest}");
    stage.check_books();
}

/// Everything about a report that an update could change.
fn same(report: &Report) -> [i64; 5] {
    [
        report.equity_mark,
        report.equity_maintenance,
        report.equity_initial,
        report.maintenance_margin,
        report.initial_margin,
    ]
}
