//! Lending: accrual of interest, what must wait for it, rounding, loans, transfers, delegates and the exchange's fees.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{AnchorDeserialize, Discriminator};
use anchor_spl::token::spl_token;
use ballast::error::BallastError;
use ballast::events::{
    DelegateSet, Deposited, FeesWithdrawn, InterestAccrued, LiquidationEnded, Transferred,
    Withdrawn,
};
use ballast_client::args::{AssetParameters, LiquidateArgs};
use ballast_client::state::health::Purpose;
use ballast_client::state::{AssetIndexes, Bank, Exchange, MarginAccount, Side};
use ballast_client::units::q32;
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, Venue, VenueConfig, World};
use ballast_tests::{BTC, Code, ETH, SOL, Stage, unsigned, with};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

const USDC: usize = 0;
const TOKEN: u64 = 1_000_000_000;
const DAY: i64 = 86_400;
const YEAR: f64 = 365.0 * 86_400.0;

/// A stage on which loans bear interest and prices never become stale, so that time is the only thing that passes.
fn stage() -> Stage {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        exchange
            .feeds
            .iter_mut()
            .for_each(|feed| feed.max_age_s = 1 << 40);
    });
    stage
}

/// A lender with whole SOL and a borrower of some of them, who has a million USDC.
fn lent(stage: &mut Stage, deposited: f64, borrowed: u64) -> [Keypair; 2] {
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 1_000_000.0));
    stage.fund(&lender, SOL, deposited);
    stage.mint(&borrower, SOL, 0);
    let world = &mut stage.world;
    stage
        .venue
        .withdraw(world, &borrower, SOL, borrowed, true)
        .unwrap();
    [lender, borrower]
}

fn indexes(stage: &Stage, asset: usize) -> AssetIndexes {
    stage.venue.board(&stage.world).unwrap().assets[asset]
}

/// Deposit and borrow index.
fn growth(stage: &Stage, asset: usize) -> [f64; 2] {
    let indexes = indexes(stage, asset);
    [indexes.deposit, indexes.borrow].map(|index| index.get().to_num())
}

fn bank(stage: &Stage, asset: usize) -> Box<Bank> {
    stage.venue.bank(&stage.world, asset).unwrap()
}

fn vault(stage: &Stage, asset: usize) -> u64 {
    stage.world.tokens(&bank(stage, asset).vault)
}

/// Sends one transaction and returns the only event of this kind.
#[track_caller]
fn send<T: AnchorDeserialize + Discriminator>(
    stage: &mut Stage,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> T {
    let done = stage.world.send(instructions, signers).unwrap();
    let mut found: Vec<T> = events::decode_all(&done.logs)
        .iter()
        .filter_map(events::RawEvent::parse)
        .collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Another sub-account of an owner, opened.
fn sub_account(stage: &mut Stage, owner: &Keypair, number: u16) -> Pubkey {
    let (addresses, payer) = (stage.venue.addresses, stage.world.payer.pubkey());
    let open = instructions::open_account(&addresses, &owner.pubkey(), &payer, number);
    stage.world.send(&[open], &[owner]).unwrap();
    addresses.margin_account(&owner.pubkey(), number)
}

fn transfer(
    stage: &Stage,
    owner: &Keypair,
    [from, to]: [Pubkey; 2],
    asset: usize,
    amount: u64,
) -> Instruction {
    let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[asset]);
    instructions::transfer(addresses, mint, &from, &to, &owner.pubkey(), amount)
}

/// Changes parameters of an asset; the admin signs.
fn update(
    stage: &Stage,
    asset: usize,
    change: impl FnOnce(&mut AssetParameters),
) -> (Instruction, Keypair) {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let mut parameters = AssetParameters::of(&exchange.assets[asset], &bank(stage, asset));
    change(&mut parameters);
    let admin = stage.venue.admin.insecure_clone();
    let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[asset]);
    (
        instructions::update_asset(addresses, &admin.pubkey(), mint, parameters),
        admin,
    )
}

/// Fills every free balance slot but the quote asset's with assets that do not exist.
fn fill_slots(stage: &mut Stage, account: &Pubkey) {
    stage.patch::<MarginAccount>(account, |account| {
        for (index, slot) in account.balances.iter_mut().enumerate().skip(1) {
            if slot.is_free() {
                slot.asset = 100 + index as u8;
                slot.shares.set(fixed::types::I80F48::ONE);
            }
        }
    });
}

// Accrual.

#[test]
fn thirty_days_of_interest_are_those_of_the_documentation() {
    let mut stage = stage();
    lent(&mut stage, 1_000.0, 800 * TOKEN);
    stage.world.advance(30 * DAY);
    let accrue = [stage.accrue(SOL)];
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    // 13% a year on 80%; of the interest, 10% are fees and 5% insurance.
    let [deposit, borrow] = growth(&stage, SOL);
    assert!((borrow - 1.010_684_931_506_849).abs() < 1e-10, "{borrow}");
    assert!((deposit - 1.007_265_753_424_657).abs() < 1e-10, "{deposit}");
    let board = indexes(&stage, SOL);
    assert_eq!(board.accrued_at, stage.world.now());
    let fees = bank(&stage, SOL).fees;
    assert!(fees.abs_diff(854_794_520) <= 10, "{fees}");
    let fund = stage.venue.addresses.insurance_fund();
    let insurance = stage.owned(&fund, SOL) as u64;
    assert!(insurance.abs_diff(427_397_260) <= 10, "{insurance}");

    assert_eq!(event.exchange, stage.venue.addresses.exchange);
    assert_eq!((event.asset, event.fees), (SOL as u8, fees));
    // Shares for it are rounded down.
    assert!(event.insurance - insurance <= 1);
    assert_eq!(event.deposit_index_bits, board.deposit.get().to_bits());
    assert_eq!(event.borrow_index_bits, board.borrow.get().to_bits());
    assert_eq!(
        (event.deposits, event.loans),
        (board.deposits_total, board.loans_total)
    );
    assert!(event.deposits.abs_diff(1_007_693_150_685) <= 200);
    assert!(event.loans.abs_diff(808_547_945_206) <= 200);
    stage.check_books();

    // The same second once more: nothing at all.
    let before = stage.snapshot();
    let again = [accrue[0].clone(), accrue[0].clone()];
    stage.world.send(&again, &[]).unwrap();
    assert!(stage.snapshot() == before);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert_eq!((event.fees, event.insurance), (0, 0));
    assert_eq!(event.deposits, board.deposits_total);
    // A clock that went back neither.
    stage.world.advance(-100);
    stage.world.send(&accrue, &[]).unwrap();
    assert!(stage.snapshot() == before);
}

#[test]
fn in_an_idle_bank_only_the_time_moves() {
    let mut stage = stage();
    let lender = stage.trader(1, 1.0);
    stage.fund(&lender, ETH, 3.0);
    let accrue = [stage.accrue(ETH)];
    stage.world.send(&accrue, &[]).unwrap();
    let (before, mut board) = (stage.snapshot(), stage.venue.board(&stage.world).unwrap());
    stage.world.advance(100 * DAY);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert_eq!(
        (event.fees, event.insurance, event.loans, event.deposits),
        (0, 0, 0, 300_000_000)
    );
    board.assets[ETH].accrued_at = stage.world.now();
    let after = stage.venue.board(&stage.world).unwrap();
    assert!(bytemuck::bytes_of(&*board) == bytemuck::bytes_of(&*after));
    let changed: Vec<_> = stage
        .snapshot()
        .into_iter()
        .filter(|(key, data)| before[key] != *data)
        .map(|(key, _)| key)
        .collect();
    assert_eq!(changed, [stage.venue.addresses.board]);
}

#[test]
fn interest_is_accrued_only_with_the_accounts_that_belong_together() {
    let mut stage = stage();
    let other = stage.other_venue();
    let [lender, _] = lent(&mut stage, 100.0, 50 * TOKEN);
    stage.world.advance(DAY);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let bank = here.bank(&stage.venue.mints[SOL]);
    let (fund, trader) = (here.insurance_fund(), stage.account(&lender));
    let (market, mint) = (stage.market(SOL), stage.venue.mints[SOL]);
    let accrue = stage.accrue(SOL);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let owner = ErrorCode::AccountOwnedByWrongProgram.code();
    for (right, wrong, code) in [
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            bank,
            there.bank(&other.mints[SOL]),
            BallastError::WrongExchange.code(),
        ),
        (
            fund,
            there.insurance_fund(),
            BallastError::NotInsuranceFund.code(),
        ),
        (fund, trader, BallastError::NotInsuranceFund.code()),
        (here.exchange, trader, mismatch),
        (here.board, market, mismatch),
        (bank, market, mismatch),
        (fund, market, mismatch),
        (here.exchange, mint, owner),
        (here.board, mint, owner),
        (bank, mint, owner),
        (fund, mint, owner),
    ] {
        let accrue = with(accrue.clone(), &right, &wrong);
        stage.refused(&[accrue], &[], Code(code));
    }
    for key in [here.board, bank, fund] {
        let mut accrue = accrue.clone();
        for meta in &mut accrue.accounts {
            meta.is_writable &= meta.pubkey != key;
        }
        stage.refused(&[accrue], &[], ErrorCode::ConstraintMut);
    }
    stage.world.send(&[accrue], &[]).unwrap();
    stage.check_books();
}

#[test]
fn without_a_slot_in_the_insurance_fund_the_exchange_keeps_its_part() {
    let mut stage = stage();
    lent(&mut stage, 1_000.0, 800 * TOKEN);
    let fund = stage.venue.addresses.insurance_fund();
    fill_slots(&mut stage, &fund);
    stage.world.advance(30 * DAY);
    let accrue = [stage.accrue(SOL)];
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    let fees = bank(&stage, SOL).fees;
    assert_eq!((event.fees, event.insurance), (fees, 0));
    assert!(fees.abs_diff(854_794_520 + 427_397_260) <= 20, "{fees}");
    assert_eq!(stage.owned(&fund, SOL), 0);
    stage.check_books();
    // With a slot it gets its part again.
    stage.patch::<MarginAccount>(&fund, |fund| fund.balances[7] = Default::default());
    stage.world.advance(30 * DAY);
    let event: InterestAccrued = send(&mut stage, &accrue, &[]);
    assert!(event.insurance.abs_diff(event.fees / 2) <= 1 && event.insurance > 0);
    assert!(stage.owned(&fund, SOL).abs_diff(event.insurance as i64) <= 1);
    stage.check_books();
}

// What must wait for it.

/// The instruction is refused for want of the accrual of each of these assets, and passes with it.
#[track_caller]
fn waits(stage: &mut Stage, instruction: &Instruction, signers: &[&Keypair], assets: &[usize]) {
    let cranks: Vec<_> = assets.iter().map(|&asset| stage.accrue(asset)).collect();
    let first = BallastError::AccrueInterestFirst;
    stage.refused(&[instruction.clone()], signers, first);
    for missing in 0..cranks.len() {
        let mut all = cranks.clone();
        // Neither the accrual of another asset nor one that comes too late helps.
        all[missing] = stage.accrue(BTC);
        all.push(instruction.clone());
        all.push(cranks[missing].clone());
        stage.refused(&all, signers, BallastError::AccrueInterestFirst);
    }
    let all = [cranks, vec![instruction.clone()]].concat();
    if let Err(refusal) = stage.simulate(&all, signers) {
        panic!("{refusal}");
    }
}

#[test]
fn once_something_is_lent_time_must_be_paid_for_before_shares_change() {
    let mut stage = stage();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let (long, short) = (stage.trader(3, 100_000.0), stage.trader(4, 100_000.0));
    let (poor, liquidator) = (stage.trader(5, 12_000.0), stage.trader(6, 1_000_000.0));
    // Loans of USDC, and of ETH, which the liquidator owes.
    stage.fund(&borrower, BTC, 10.0);
    stage.fund(&lender, ETH, 10.0);
    stage.fund(&poor, ETH, 1.0);
    for (who, asset, amount) in [
        (&borrower, USDC, 1_000_500_000_000),
        (&liquidator, ETH, 200_000_000),
    ] {
        stage.mint(who, asset, 0);
        let world = &mut stage.world;
        stage
            .venue
            .withdraw(world, who, asset, amount, true)
            .unwrap();
    }
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage
        .trade(&liquidator, &poor, SOL, Side::Bid, 300.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 160.0);
    let start = instructions::start_liquidation(&stage.venue.addresses, &stage.account(&poor));
    stage.world.send(&[start], &[]).unwrap();
    // Something in the pool for the winner.
    let account = stage.account(&poor);
    stage.venue.settle(&mut stage.world, &account, SOL).unwrap();
    stage.mint(&lender, SOL, 10);
    let second = sub_account(&mut stage, &lender, 1);
    stage.check_books();

    let put = stage.deposit(&lender, SOL, 10);
    let repay = stage.deposit(&borrower, SOL, 10);
    let take = stage.withdraw(&lender, SOL, 10, false);
    let all = stage.withdraw(&lender, SOL, u64::MAX, false);
    let more = stage.withdraw(&borrower, SOL, 10, true);
    let own = [stage.account(&lender), second];
    let moved = transfer(&stage, &lender, own, SOL, 10);
    let (curve, admin) = update(&stage, SOL, |parameters| {
        parameters.interest_rates_q32[3] += 1;
    });
    let loss = stage.settle(&stage.account(&long), SOL);
    let gain = stage.settle(&stage.account(&short), SOL);
    let (bank_of_eth, market) = (
        stage.venue.addresses.bank(&stage.venue.mints[ETH]),
        stage.market(SOL),
    );
    let slice = instructions::liquidate(
        &stage.venue.addresses,
        &stage.venue.mints[USDC],
        &stage.account(&poor),
        &stage.account(&liquidator),
        &liquidator.pubkey(),
        &[bank_of_eth, market],
        LiquidateArgs {
            fraction_max_q32: 1 << 30,
            price_max: i64::MAX,
        },
    );
    // In the second of the last accrual all of them pass.
    for (instruction, signer) in [(&put, &lender), (&take, &lender), (&slice, &liquidator)] {
        let done = stage.simulate(&[instruction.clone()], &[signer]);
        assert!(done.is_ok(), "{done:?}");
    }
    stage.world.advance(1);
    waits(&mut stage, &put, &[&lender], &[SOL]);
    waits(&mut stage, &repay, &[&borrower], &[SOL]);
    waits(&mut stage, &take, &[&lender], &[SOL]);
    waits(&mut stage, &more, &[&borrower], &[SOL]);
    waits(&mut stage, &moved, &[&lender], &[SOL]);
    waits(&mut stage, &curve, &[&admin], &[SOL]);
    waits(&mut stage, &loss, &[], &[USDC]);
    waits(&mut stage, &gain, &[], &[USDC]);
    waits(&mut stage, &slice, &[&liquidator], &[USDC, ETH]);
    // The whole deposit is more than the vault has; a stale index is said first.
    stage.refused(&[all], &[&lender], BallastError::AccrueInterestFirst);

    // The slice for real.
    let cranks = [stage.accrue(USDC), stage.accrue(ETH), slice];
    stage.world.send(&cranks, &[&liquidator]).unwrap();
    stage.check_books();
    for settle in [loss, gain] {
        stage.world.send(&[settle], &[]).unwrap();
    }
    stage.check_books();
}

#[test]
fn while_nothing_is_lent_only_the_first_loan_waits() {
    let mut stage = stage();
    let owner = stage.trader(1, 1_000.0);
    let (long, short) = (stage.trader(3, 10_000.0), stage.trader(4, 10_000.0));
    let second = sub_account(&mut stage, &owner, 1);
    stage.fund(&owner, SOL, 10.0);
    stage.mint(&owner, SOL, 10);
    stage.mint(&long, SOL, 0);
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 190.0);
    stage.world.advance(400 * DAY);
    let (curve, admin) = update(&stage, SOL, |parameters| {
        parameters.interest_rates_q32[3] += 1;
    });
    let own = [stage.account(&owner), second];
    for (instruction, signers) in [
        (stage.deposit(&owner, SOL, 10), vec![&owner]),
        (stage.withdraw(&owner, SOL, 5, false), vec![&owner]),
        (transfer(&stage, &owner, own, SOL, 5), vec![&owner]),
        (curve, vec![&admin]),
        (stage.settle(&stage.account(&long), SOL), vec![]),
        (stage.settle(&stage.account(&short), SOL), vec![]),
    ] {
        stage.world.send(&[instruction], &signers).unwrap();
    }
    stage.check_books();
    assert_eq!(growth(&stage, SOL), [1.0, 1.0]);

    // The first loan would owe interest for a time in which nothing was lent.
    let loan = stage.withdraw(&long, SOL, 1_000, true);
    waits(&mut stage, &loan, &[&long], &[SOL]);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue, loan], &[&long]).unwrap();
    assert_eq!(stage.owned(&stage.account(&long), SOL), -1_000);
    assert_eq!(growth(&stage, SOL), [1.0, 1.0]);

    // A loss beyond the cash is a loan as well.
    let cash = stage.withdraw(&long, USDC, u64::MAX, false);
    stage.refused(&[cash], &[&long], BallastError::BelowInitialMargin);
    let account = stage.account(&long);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::AddRisk)
        .unwrap();
    let spare = stage.withdraw(&long, USDC, report.health_initial() as u64, false);
    stage.world.send(&[spare], &[&long]).unwrap();
    stage.fund(&long, ETH, 10.0);
    stage.set_price(SOL, 150.0);
    stage.world.advance(1);
    let loss = stage.settle(&account, SOL);
    waits(&mut stage, &loss, &[], &[USDC]);
    let accrue = stage.accrue(USDC);
    stage.world.send(&[accrue, loss], &[]).unwrap();
    assert!(stage.owned(&account, USDC) < 0);
    stage.check_books();
}

#[test]
fn a_liquidation_waits_even_when_nothing_is_lent_for_it_may_lend() {
    let mut stage = stage();
    let (poor, liquidator) = (stage.trader(5, 12_000.0), stage.trader(6, 1_000_000.0));
    stage
        .trade(&liquidator, &poor, SOL, Side::Bid, 300.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 165.0);
    let (addresses, account) = (stage.venue.addresses, stage.account(&poor));
    let start = instructions::start_liquidation(&addresses, &account);
    stage.world.advance(1);
    // The flag itself moves no shares.
    stage.world.send(&[start], &[]).unwrap();
    let slice = instructions::liquidate(
        &addresses,
        &stage.venue.mints[USDC],
        &account,
        &stage.account(&liquidator),
        &liquidator.pubkey(),
        &[stage.market(SOL)],
        LiquidateArgs {
            fraction_max_q32: 1 << 30,
            price_max: i64::MAX,
        },
    );
    assert!(bank(&stage, USDC).borrow_shares.is_zero());
    waits(&mut stage, &slice, &[&liquidator], &[USDC]);
    let accrue = stage.accrue(USDC);
    stage.world.send(&[accrue, slice], &[&liquidator]).unwrap();
    stage.check_books();
}

// A year against double precision.

/// Balances and indexes of one bank in double precision, written from the documentation alone.
struct Model {
    deposit: f64,
    borrow: f64,
    /// Signed shares; the last are the insurance fund's.
    shares: [f64; 5],
}

impl Model {
    fn sums(&self) -> [f64; 2] {
        let sum = |sign: f64| self.shares.iter().map(|s| (s * sign).max(0.0)).sum::<f64>();
        [sum(1.0) * self.deposit, sum(-1.0) * self.borrow]
    }

    /// Fees, insurance and what is left for nobody after a stretch of time.
    fn accrue(&mut self, seconds: f64) -> [f64; 3] {
        const CURVE: [(f64, f64); 4] = [(0.0, 0.0), (0.7, 0.06), (0.9, 0.2), (1.0, 1.5)];
        let [deposits, loans] = self.sums();
        let used = if loans > 0.0 {
            (loans / deposits).min(1.0)
        } else {
            0.0
        };
        let right = CURVE
            .iter()
            .position(|point| used <= point.0)
            .unwrap()
            .max(1);
        let ((x0, y0), (x1, y1)) = (CURVE[right - 1], CURVE[right]);
        let x = (y0 + (y1 - y0) * (used - x0) / (x1 - x0)) * seconds / YEAR;
        let interest = loans * x;
        self.borrow *= 1.0 + x;
        self.deposit *= 1.0 + x * used * 0.85;
        self.shares[4] += (interest * 0.05).floor() / self.deposit;
        let lenders = deposits * x * used * 0.85;
        [interest * 0.1, interest * 0.05, interest * 0.85 - lenders]
    }

    fn amount(&self, who: usize) -> f64 {
        let shares = self.shares[who];
        shares
            * if shares > 0.0 {
                self.deposit
            } else {
                self.borrow
            }
    }

    fn add(&mut self, who: usize, amount: f64) {
        let after = self.amount(who) + amount;
        self.shares[who] = after
            / if after > 0.0 {
                self.deposit
            } else {
                self.borrow
            };
    }
}

#[test]
fn a_quiet_year_of_irregular_accruals_matches_double_precision() {
    let borrow = a_year(20, 0.01);
    assert!((1.02..1.3).contains(&borrow), "{borrow}");
}

#[test]
fn a_year_of_shortage_matches_double_precision() {
    let borrow = a_year(21, 0.3);
    assert!(borrow > 1.5, "{borrow}");
}

/// A year of random accruals, deposits, loans and repayments. Of the withdrawals, the part `drain` takes the last token out of the
/// vault. Returns the borrow index at the end.
fn a_year(seed: u64, drain: f64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut stage = stage();
    let traders: Vec<Keypair> = (0..4)
        .map(|n| stage.trader(10 + n, 100_000_000.0))
        .collect();
    for key in &traders {
        stage.mint(key, SOL, 100_000 * TOKEN);
    }
    let mut model = Model {
        deposit: 1.0,
        borrow: 1.0,
        shares: [0.0; 5],
    };
    let admin = stage.venue.admin.insecure_clone();
    let chest = stage.mint(&admin, SOL, 0);
    let fund = stage.venue.addresses.insurance_fund();
    let (start, mut steps, mut loans) = (stage.world.now(), 0u64, 0);
    let (mut taken, mut kept, mut nobodys) = (0, 0, 0.0);
    while stage.world.now() < start + 365 * DAY {
        // From a second to three weeks, every order of magnitude as often.
        let gap = (21.0 * DAY as f64).powf(random.random_range(0.0..1.0)) as i64;
        stage.world.advance(gap);
        let expected = model.accrue(gap as f64);
        steps += 1;

        let who = random.random_range(0..4);
        let key = &traders[who];
        let amount = (1e9 * 10f64.powf(random.random_range(-3.0..3.0))) as u64;
        let free = vault(&stage, SOL);
        let mut instructions = vec![stage.accrue(SOL)];
        let mut signer = key;
        let fees_before = bank(&stage, SOL).fees;
        match random.random_range(0..10) {
            0..4 => {
                instructions.push(stage.deposit(key, SOL, amount));
                model.add(who, amount as f64);
            }
            // Withdrawals first use up deposits, then borrow.
            4..9 if free > 0 => {
                let amount = if random.random_bool(drain) {
                    free
                } else {
                    amount.min(free)
                };
                loans += u64::from(model.amount(who) < amount as f64);
                instructions.push(stage.withdraw(key, SOL, amount, true));
                model.add(who, -(amount as f64));
            }
            9 if fees_before > 0 && free >= fees_before => {
                let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[SOL]);
                let take = instructions::withdraw_fees(
                    addresses,
                    &admin.pubkey(),
                    mint,
                    &chest,
                    fees_before,
                );
                instructions.push(take);
                signer = &admin;
                taken += fees_before;
            }
            _ => {}
        }
        let signers: &[&Keypair] = if instructions.len() > 1 {
            &[signer]
        } else {
            &[]
        };
        let event: InterestAccrued = send(&mut stage, &instructions, signers);
        kept += event.fees;

        let close =
            |ours: f64, exact: f64, rest: f64| (ours - exact).abs() <= exact.abs() * 1e-8 + rest;
        for (ours, exact) in growth(&stage, SOL)
            .into_iter()
            .zip([model.deposit, model.borrow])
        {
            assert!((ours / exact - 1.0).abs() < 1e-6, "{ours} {exact}");
        }
        for (ours, exact) in [event.fees, event.insurance].into_iter().zip(expected) {
            assert!(
                close(ours as f64, exact, 3.0),
                "{ours} {exact} after {gap} s"
            );
        }
        let rest = 3.0 * steps as f64;
        for (who, key) in traders.iter().enumerate() {
            let (ours, exact) = (stage.owned(&stage.account(key), SOL), model.amount(who));
            let scale = model.sums()[0] * 1e-8;
            assert!(close(ours as f64, exact, rest + scale), "{ours} {exact}");
        }
        assert!(close(stage.owned(&fund, SOL) as f64, model.amount(4), rest));
        assert_eq!(bank(&stage, SOL).fees + taken, kept);
        assert_eq!(stage.world.tokens(&chest), taken);
        stage.check_books();
        // Nothing is lost either: what belongs to nobody are roundings, and the lenders' part of loans beyond all deposits.
        let now = bank(&stage, SOL);
        let [deposits, lent] = [
            (now.deposit_shares, growth(&stage, SOL)[0]),
            (now.borrow_shares, growth(&stage, SOL)[1]),
        ]
        .map(|(shares, index)| shares.get().to_num::<f64>() * index);
        let surplus = vault(&stage, SOL) as f64 + lent - deposits - now.fees as f64;
        nobodys += expected[2];
        assert!(
            close(surplus, nobodys, rest + deposits * 1e-8),
            "{surplus} {nobodys}"
        );
    }
    // It was a year worth looking at.
    assert!(steps > 100 && loans > 20 && taken > 0);
    growth(&stage, SOL)[1]
}

// Rounding.

#[test]
fn dust_cycles_never_profit() {
    let mut random = ChaCha8Rng::seed_from_u64(48);
    let mut stage = stage();
    lent(&mut stage, 1_000.0, 870 * TOKEN);
    let traders: Vec<Keypair> = (0..4).map(|n| stage.trader(10 + n, 100.0)).collect();
    let wallets: Vec<Pubkey> = traders
        .iter()
        .map(|key| stage.mint(key, SOL, 100_000))
        .collect();
    let accounts: Vec<[Pubkey; 2]> = traders
        .iter()
        .map(|key| [stage.account(key), sub_account(&mut stage, key, 1)])
        .collect();
    let wealth = |stage: &Stage, who: usize| {
        let owned = accounts[who].map(|account| stage.owned(&account, SOL));
        stage.world.tokens(&wallets[who]) as i64 + owned[0] + owned[1]
    };
    let start = stage.deposit(&traders[3], SOL, 50_000);
    stage.world.send(&[start], &[&traders[3]]).unwrap();
    let mut cycles = 0;
    for _ in 0..10 {
        // Other indexes every time, some barely above 1 at first.
        stage.world.advance(random.random_range(1..90 * DAY));
        let accrue = stage.accrue(SOL);
        stage.world.send(&[accrue], &[]).unwrap();
        assert!(growth(&stage, SOL).iter().all(|index| *index > 1.0));
        for _ in 0..9 {
            for (who, key) in traders.iter().enumerate() {
                let mut steps = Vec::new();
                for _ in 0..10 {
                    let [a, b] = [0; 2].map(|_| random.random_range(5..60));
                    let pair = match who {
                        // In and all of it out; in parts on both sides of zero; out as a loan and back; to the other account and back.
                        0 => [
                            stage.deposit(key, SOL, a),
                            stage.withdraw(key, SOL, u64::MAX, false),
                        ],
                        1 => [
                            stage.deposit(key, SOL, a),
                            stage.withdraw(key, SOL, b, true),
                        ],
                        2 => [
                            stage.withdraw(key, SOL, a, true),
                            stage.deposit(key, SOL, a),
                        ],
                        _ => {
                            let [first, second] = accounts[who];
                            [([first, second], a), ([second, first], u64::MAX)]
                                .map(|(way, amount)| transfer(&stage, key, way, SOL, amount))
                        }
                    };
                    steps.extend(pair);
                    cycles += 1;
                }
                let before = wealth(&stage, who);
                stage.world.send(&steps, &[key]).unwrap();
                let lost = before - wealth(&stage, who);
                // Never a gain; the loss is a unit or two for each movement at most.
                assert!(
                    (0..=2 * steps.len() as i64).contains(&lost),
                    "{who} lost {lost}"
                );
            }
        }
        stage.check_books();
    }
    assert!(cycles >= 3_500);
}

#[test]
fn a_first_depositor_of_one_unit_takes_nothing_from_the_second() {
    let mut stage = stage();
    let (attacker, victim) = (stage.trader(1, 10.0), stage.trader(2, 10.0));
    let wallet = stage.mint(&attacker, ETH, 1_000_000_001);
    let purse = stage.mint(&victim, ETH, 777_777_777);
    let put = stage.deposit(&attacker, ETH, 1);
    stage.world.send(&[put], &[&attacker]).unwrap();
    let target = bank(&stage, ETH).vault;
    let donate = |key: &Keypair, amount| {
        let owner = key.pubkey();
        spl_token::instruction::transfer(&spl_token::ID, &wallet, &target, &owner, &[], amount)
            .unwrap()
    };
    let gift = donate(&attacker, 400_000_000);
    stage.world.send(&[gift], &[&attacker]).unwrap();
    // The only depositor lends the unit to an accomplice, at 150% a year.
    let accomplice = stage.trader(3, 10.0);
    stage.mint(&accomplice, ETH, 0);
    let loan = [stage.accrue(ETH), stage.withdraw(&accomplice, ETH, 1, true)];
    stage.world.send(&loan, &[&accomplice]).unwrap();
    for _ in 0..20 {
        stage.world.advance(20 * DAY);
        let accrue = stage.accrue(ETH);
        stage.world.send(&[accrue], &[]).unwrap();
    }
    let gift = donate(&attacker, 600_000_000);
    stage.world.send(&[gift], &[&attacker]).unwrap();
    stage.check_books();
    let put = stage.deposit(&victim, ETH, 777_777_777);
    let done = stage
        .world
        .send(&[stage.accrue(ETH), put], &[&victim])
        .unwrap();
    let event = events::decode_all(&done.logs)[1]
        .parse::<Deposited>()
        .unwrap();
    assert_eq!(event.amount, 777_777_777);
    assert!(stage.owned(&stage.account(&victim), ETH) >= 777_777_776);
    // The attacker takes what the accomplice owes, and lost all that he gave.
    let had = stage.world.tokens(&wallet);
    let all = stage.withdraw(&attacker, ETH, u64::MAX, false);
    stage.world.send(&[all], &[&attacker]).unwrap();
    let (gain, owed) = (
        stage.world.tokens(&wallet) - had,
        stage.owned(&stage.account(&accomplice), ETH).unsigned_abs(),
    );
    assert!((1..owed).contains(&gain), "{gain} {owed}");
    let all = stage.withdraw(&victim, ETH, u64::MAX, false);
    stage.world.send(&[all], &[&victim]).unwrap();
    assert!(stage.world.tokens(&purse) >= 777_777_776);
    stage.check_books();
}

#[test]
fn donations_to_a_vault_change_neither_utilisation_nor_indexes() {
    let run = |donated: u64| {
        let mut stage = stage();
        lent(&mut stage, 1_000.0, 800 * TOKEN);
        let giver = Stage::key(9);
        let (from, to) = (stage.mint(&giver, SOL, donated), bank(&stage, SOL).vault);
        let owner = giver.pubkey();
        let gift =
            spl_token::instruction::transfer(&spl_token::ID, &from, &to, &owner, &[], donated);
        stage.world.send(&[gift.unwrap()], &[&giver]).unwrap();
        stage.world.advance(30 * DAY);
        let accrue = [stage.accrue(SOL)];
        let event: InterestAccrued = send(&mut stage, &accrue, &[]);
        stage.check_books();
        let board = stage.venue.board(&stage.world).unwrap();
        (bytemuck::bytes_of(&board.assets[SOL]).to_vec(), event.fees)
    };
    assert_eq!(run(0), run(5_000 * TOKEN));
}

// Loans.

#[test]
fn a_loan_owes_its_origination_fee_on_top() {
    let mut stage = stage();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 100_000.0));
    stage.fund(&lender, SOL, 100.0);
    let wallet = stage.mint(&borrower, SOL, 0);
    let amount = 1_000_000_007;
    // One part in 1,024, rounded up from 976,562.507.
    let (rate, fee) = (q32(1.0 / 1_024.0), 976_563);
    let set = |stage: &mut Stage, cap: u64, mode: u8| {
        let (update, admin) = update(stage, SOL, |parameters| {
            parameters.origination_fee_q32 = rate;
            parameters.borrow_cap = cap;
            parameters.mode = mode;
        });
        let accrue = stage.accrue(SOL);
        stage.world.send(&[accrue, update], &[&admin]).unwrap();
    };
    // The cap counts the fee.
    set(&mut stage, amount + fee - 1, 0);
    let account = stage.account(&borrower);
    let loan = stage.withdraw(&borrower, SOL, amount, true);
    stage.refused(
        &[loan.clone()],
        &[&borrower],
        BallastError::BorrowCapExceeded,
    );
    set(&mut stage, amount + fee, 1);
    stage.refused(&[loan.clone()], &[&borrower], BallastError::AssetReduceOnly);
    set(&mut stage, amount + fee, 0);
    let unwanted = stage.withdraw(&borrower, SOL, amount, false);
    stage.refused(&[unwanted], &[&borrower], BallastError::InsufficientDeposit);
    let event: Withdrawn = send(&mut stage, &[loan], &[&borrower]);
    assert_eq!((event.margin_account, event.asset), (account, SOL as u8));
    assert_eq!(
        (event.amount, event.borrowed, event.fee),
        (amount, amount, fee)
    );
    assert_eq!(stage.owned(&account, SOL), -((amount + fee) as i64));
    assert_eq!(bank(&stage, SOL).fees, fee);
    assert_eq!(stage.world.tokens(&wallet), amount);
    assert_eq!(vault(&stage, SOL), 100 * TOKEN - amount);
    stage.check_books();

    // Part of what is owed, then more than the rest: the surplus is a deposit.
    stage.mint(&borrower, SOL, fee + 50);
    let repay = stage.deposit(&borrower, SOL, 500_000_000);
    stage.world.send(&[repay], &[&borrower]).unwrap();
    let owed = amount + fee - 500_000_000;
    assert_eq!(stage.owned(&account, SOL), -(owed as i64));
    let over = stage.deposit(&borrower, SOL, owed + 50);
    let event: Deposited = send(&mut stage, &[over], &[&borrower]);
    assert_eq!(event.amount, owed + 50);
    assert_eq!(stage.owned(&account, SOL), 50);
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    // Only what is borrowed costs a fee, not what is one's own.
    let half = stage.withdraw(&borrower, SOL, 2_050, true);
    let event: Withdrawn = send(&mut stage, &[half], &[&borrower]);
    assert_eq!((event.amount, event.borrowed, event.fee), (2_050, 2_000, 2));
    assert_eq!(stage.owned(&account, SOL), -2_002);
    assert_eq!(bank(&stage, SOL).fees, fee + 2);
    stage.check_books();

    // Margin counts the fee: a loan that is just affordable without is refused.
    set(&mut stage, u64::MAX, 0);
    let fits = |stage: &mut Stage, amount| {
        let loan = stage.withdraw(&borrower, SOL, amount, true);
        let refusal = stage.simulate(&[loan], &[&borrower]).err();
        assert!(
            refusal
                .as_ref()
                .is_none_or(|refusal| refusal.is(BallastError::BelowInitialMargin))
        );
        refusal.is_none()
    };
    stage.fund(&lender, SOL, 10_000.0);
    let (mut low, mut high) = (0, 5_000 * TOKEN);
    while high - low > TOKEN / 1_000 {
        let middle = low.midpoint(high);
        *(if fits(&mut stage, middle) {
            &mut low
        } else {
            &mut high
        }) = middle;
    }
    let (free, admin) = update(&stage, SOL, |parameters| parameters.origination_fee_q32 = 0);
    stage.world.send(&[free], &[&admin]).unwrap();
    assert!(fits(&mut stage, low + low / 2_000) && !fits(&mut stage, low + low / 500));
}

#[test]
fn interest_is_owed_and_repaid_with_the_loan() {
    let mut stage = stage();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let (theirs, account) = (stage.account(&lender), stage.account(&borrower));
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue], &[]).unwrap();
    let owed = -stage.owned(&account, SOL);
    assert!(owed.abs_diff(808_547_945_206) <= 200, "{owed}");
    assert!(stage.owned(&theirs, SOL).abs_diff(1_007_265_753_424) <= 200);
    // A unit less than what is owed leaves a unit; that unit and one more leave a unit of deposit or less.
    stage.mint(&borrower, SOL, owed as u64);
    let nearly = stage.deposit(&borrower, SOL, owed as u64 - 1);
    stage.world.send(&[nearly], &[&borrower]).unwrap();
    let rest = -stage.owned(&account, SOL);
    assert!((1..=2).contains(&rest), "{rest}");
    let over = stage.deposit(&borrower, SOL, rest as u64 + 1);
    stage.world.send(&[over], &[&borrower]).unwrap();
    assert!((0..=1).contains(&stage.owned(&account, SOL)));
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    stage.check_books();

    // Now everybody can leave with what is his; nothing is missing.
    let fees = bank(&stage, SOL).fees;
    let fund = stage.venue.addresses.insurance_fund();
    let owns = stage.owned(&theirs, SOL);
    let all = stage.withdraw(&lender, SOL, u64::MAX, false);
    let event: Withdrawn = send(&mut stage, &[all], &[&lender]);
    assert_eq!(event.amount as i64, owns);
    let left = vault(&stage, SOL) as i64;
    let claims = fees as i64 + stage.owned(&fund, SOL) + stage.owned(&account, SOL);
    assert!((claims..claims + 300).contains(&left), "{left} {claims}");
    stage.check_books();
}

// Transfers between accounts of one owner.

/// The tokens of every token account.
fn all_tokens(stage: &Stage) -> Vec<(Pubkey, Vec<u8>)> {
    let accounts = stage.world.svm.get_program_accounts(&spl_token::ID);
    let mut tokens: Vec<_> = accounts
        .into_iter()
        .map(|(key, account)| (key, account.data))
        .collect();
    tokens.sort();
    tokens
}

#[test]
fn a_transfer_moves_a_deposit_and_no_token() {
    let mut stage = stage();
    let owner = stage.trader(1, 0.001);
    stage.fund(&owner, SOL, 2.0);
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 7);
    let tokens = all_tokens(&stage);
    let owns = |stage: &Stage, asset| [first, second].map(|key| stage.owned(&key, asset));
    let some = transfer(&stage, &owner, [first, second], USDC, 300);
    let event: Transferred = send(&mut stage, &[some], &[&owner]);
    assert_eq!((event.from, event.to), (first, second));
    assert_eq!((event.asset, event.amount), (0, 300));
    assert_eq!(owns(&stage, USDC), [700, 300]);
    let all = transfer(&stage, &owner, [first, second], SOL, u64::MAX);
    let event: Transferred = send(&mut stage, &[all], &[&owner]);
    assert_eq!((event.asset, event.amount), (SOL as u8, 2 * TOKEN));
    assert_eq!(owns(&stage, SOL), [0, 2_000_000_000]);
    assert!(stage.state(&owner).balance(SOL as u8).is_none());
    let exactly = transfer(&stage, &owner, [first, second], USDC, 700);
    stage.world.send(&[exactly], &[&owner]).unwrap();
    let back = transfer(&stage, &owner, [second, first], USDC, u64::MAX);
    stage.world.send(&[back], &[&owner]).unwrap();
    assert_eq!(owns(&stage, USDC), [1_000, 0]);
    assert!(tokens == all_tokens(&stage));
    let bank = bank(&stage, USDC);
    assert_eq!(bank.deposit_shares.get(), 1_000);
    stage.check_books();
}

#[test]
fn a_transfer_repays_the_receivers_loan_first() {
    let mut stage = stage();
    let [_, borrower] = lent(&mut stage, 1_000.0, 100 * TOKEN);
    let (account, second) = (
        stage.account(&borrower),
        sub_account(&mut stage, &borrower, 1),
    );
    // Sub-account 1 has the SOL that sub-account 0 owes.
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[SOL]);
    let (key, wallet) = (
        borrower.pubkey(),
        World::token_address(&borrower.pubkey(), &mint),
    );
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, 100 * TOKEN);
    stage.world.send(&[put], &[&borrower]).unwrap();
    let lent = bank(&stage, SOL);
    let part = transfer(&stage, &borrower, [second, account], SOL, 40 * TOKEN);
    stage.world.send(&[part], &[&borrower]).unwrap();
    assert_eq!(stage.owned(&account, SOL), -60_000_000_000);
    let now = bank(&stage, SOL);
    for (before, after) in [
        (lent.borrow_shares, now.borrow_shares),
        (lent.deposit_shares, now.deposit_shares),
    ] {
        assert_eq!(before.get() - after.get(), 40 * TOKEN);
    }
    stage.check_books();

    // With interest: whoever owes it gets it paid, and the rest of the deposit arrives.
    stage.mint(&borrower, SOL, 41 * TOKEN);
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, 41 * TOKEN);
    stage.world.send(&[accrue, put], &[&borrower]).unwrap();
    let (owed, owned) = (-stage.owned(&account, SOL), stage.owned(&second, SOL));
    assert!(owed > 60_000_000_000 && owned > 101_000_000_000);
    let all = transfer(&stage, &borrower, [second, account], SOL, u64::MAX);
    let event: Transferred = send(&mut stage, &[all], &[&borrower]);
    assert_eq!(event.amount as i64, owned);
    assert!((0..=2).contains(&(owned - owed - stage.owned(&account, SOL))));
    assert!(bank(&stage, SOL).borrow_shares.is_zero());
    stage.check_books();
}

#[test]
fn a_transfer_ends_the_receivers_liquidation_when_it_recovers() {
    let mut stage = stage();
    let (dealer, owner) = (stage.trader(1, 1_000_000.0), stage.trader(2, 10_000.0));
    let account = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[USDC]);
    let wallet = stage.mint(&owner, USDC, 50_000_000_000);
    let (key, amount) = (owner.pubkey(), 50_000_000_000);
    let put = instructions::deposit(&addresses, &mint, &second, &key, &wallet, amount);
    stage.world.send(&[put], &[&owner]).unwrap();
    stage
        .trade(&dealer, &owner, SOL, Side::Bid, 150.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 150.0);
    let start = instructions::start_liquidation(&addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
    let out = transfer(&stage, &owner, [account, second], USDC, 1);
    stage.refused(&[out.clone()], &[&owner], BallastError::InLiquidation);
    // Too little, then enough.
    let little = transfer(&stage, &owner, [second, account], USDC, 1_000_000);
    let done = stage.world.send(&[little], &[&owner]).unwrap();
    assert_eq!(events::decode_all(&done.logs).len(), 1);
    assert!(stage.state(&owner).in_liquidation());
    stage.refused(&[out.clone()], &[&owner], BallastError::InLiquidation);
    let enough = transfer(&stage, &owner, [second, account], USDC, 40_000_000_000);
    let event: LiquidationEnded = send(&mut stage, &[enough], &[&owner]);
    assert_eq!(event.margin_account, account);
    assert!(!stage.state(&owner).in_liquidation());
    stage.simulate(&[out.clone()], &[&owner]).unwrap();
    stage.check_books();

    // Flagged and recovered by the price alone: the sender's flag ends by itself too.
    stage.patch::<MarginAccount>(&account, |account| account.start_liquidation(1));
    stage.set_price(SOL, 190.0);
    let event: LiquidationEnded = send(&mut stage, &[out], &[&owner]);
    assert_eq!(event.margin_account, account);
}

#[test]
fn transfers_are_refused_between_accounts_that_do_not_belong_together() {
    let mut stage = stage();
    let other = stage.other_venue();
    let (owner, stranger) = (stage.trader(1, 100.0), stage.trader(2, 100.0));
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let foreign = other.open_account(&mut stage.world, &owner).unwrap();
    let theirs = stage.account(&stranger);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let good = transfer(&stage, &owner, [first, second], USDC, 10);
    let bank = here.bank(&stage.venue.mints[USDC]);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    for (right, wrong, code) in [
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (here.board, there.board, BallastError::WrongBoard.code()),
        (first, theirs, BallastError::NotOwner.code()),
        (second, theirs, BallastError::NotOwner.code()),
        (first, foreign, BallastError::WrongExchange.code()),
        (second, foreign, BallastError::WrongExchange.code()),
        (second, here.insurance_fund(), BallastError::NotOwner.code()),
        (first, here.insurance_fund(), BallastError::NotOwner.code()),
        (
            bank,
            there.bank(&other.mints[USDC]),
            BallastError::WrongExchange.code(),
        ),
        (first, here.board, mismatch),
        (second, here.board, mismatch),
        (bank, here.board, mismatch),
        (
            second,
            stage.venue.mints[USDC],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ] {
        let wrong = with(good.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&owner], Code(code));
    }
    for same in [first, second] {
        let same = transfer(&stage, &owner, [same, same], USDC, 10);
        stage.refused(&[same], &[&owner], BallastError::SameAccount);
    }
    let forged = with(good.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwner);
    let silent = unsigned(good.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    for key in [first, second, bank] {
        let mut fixed = good.clone();
        for meta in &mut fixed.accounts {
            meta.is_writable &= meta.pubkey != key;
        }
        stage.refused(&[fixed], &[&owner], ErrorCode::ConstraintMut);
    }
    stage.world.send(&[good], &[&owner]).unwrap();
    stage.check_books();
}

#[test]
fn transfers_are_refused_beyond_the_deposit_the_margin_and_the_slots() {
    let mut stage = stage();
    let (dealer, owner) = (stage.trader(1, 100_000.0), stage.trader(2, 10_000.0));
    stage.fund(&dealer, ETH, 10.0);
    let first = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let own = [first, second];
    let cash = 10_000_000_000;
    for (asset, amount, error) in [
        (USDC, 0, BallastError::ZeroAmount),
        (USDC, cash + 1, BallastError::InsufficientDeposit),
        (USDC, u64::MAX - 1, BallastError::InsufficientDeposit),
        (SOL, 1, BallastError::InsufficientDeposit),
        (SOL, u64::MAX, BallastError::ZeroAmount),
    ] {
        let wrong = transfer(&stage, &owner, own, asset, amount);
        stage.refused(&[wrong], &[&owner], error);
    }
    // A loan is no deposit.
    stage.mint(&owner, ETH, 0);
    let loan = stage.withdraw(&owner, ETH, 1_000, true);
    stage.world.send(&[loan], &[&owner]).unwrap();
    for (amount, error) in [
        (1, BallastError::InsufficientDeposit),
        (u64::MAX, BallastError::ZeroAmount),
    ] {
        let wrong = transfer(&stage, &owner, own, ETH, amount);
        stage.refused(&[wrong], &[&owner], error);
    }

    // Initial margin stays, to the unit.
    stage
        .trade(&dealer, &owner, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let report = stage
        .venue
        .assess(&stage.world, &first, Purpose::AddRisk)
        .unwrap();
    let spare = report.health_initial() as u64;
    for amount in [spare + 1, u64::MAX] {
        let beyond = transfer(&stage, &owner, own, USDC, amount);
        stage.refused(&[beyond], &[&owner], BallastError::BelowInitialMargin);
    }
    let fits = transfer(&stage, &owner, own, USDC, spare);
    stage.world.send(&[fits], &[&owner]).unwrap();
    stage.check_books();

    // A receiver without a slot; for cash there always is one.
    stage.fund(&owner, SOL, 1.0);
    fill_slots(&mut stage, &second);
    let full = transfer(&stage, &owner, own, SOL, 1);
    stage.refused(&[full], &[&owner], BallastError::BalanceSlotsFull);
    let cash = transfer(&stage, &owner, own, USDC, 1);
    stage.world.send(&[cash], &[&owner]).unwrap();
    assert_eq!(stage.owned(&second, USDC) as u64, spare + 1);
    stage.check_books();
}

// Delegates.

#[test]
fn a_delegate_trades_and_deposits_and_takes_nothing_out() {
    let mut stage = stage();
    let (owner, helper) = (stage.trader(1, 1_000.0), stage.trader(2, 100.0));
    let (addresses, mint) = (stage.venue.addresses, stage.venue.mints[USDC]);
    let account = stage.account(&owner);
    let second = sub_account(&mut stage, &owner, 1);
    let wallet = stage.mint(&helper, USDC, 100);
    let (mine, theirs) = (owner.pubkey(), helper.pubkey());
    let price = stage.venue.price_per_lot(SOL, 200.0);
    let order = Venue::limit(Side::Bid, price, 1);
    let place = with(stage.place(&owner, SOL, order), &mine, &theirs);
    let put = instructions::deposit(&addresses, &mint, &account, &theirs, &wallet, 10);
    let cancel = instructions::cancel_order(&account, &theirs, 0);
    let trades = [place, put, cancel];
    let stranger = BallastError::NotOwnerOrDelegate;
    stage.refused(&trades[..1], &[&helper], stranger);
    stage.refused(&trades[1..2], &[&helper], BallastError::NotOwnerOrDelegate);

    let set = instructions::set_delegate(&account, &mine, &theirs);
    let event: DelegateSet = send(&mut stage, &[set.clone()], &[&owner]);
    assert_eq!((event.margin_account, event.delegate), (account, theirs));
    assert_eq!(stage.state(&owner).delegate, theirs);
    for trade in &trades {
        stage
            .world
            .send(std::slice::from_ref(trade), &[&helper])
            .unwrap();
    }
    assert_eq!(stage.owned(&account, USDC), 1_000_000_010);
    assert_eq!(stage.state(&owner).next_order_id, 1);
    // Only for this account.
    let elsewhere = with(trades[1].clone(), &account, &second);
    stage.refused(&[elsewhere], &[&helper], BallastError::NotOwnerOrDelegate);

    let take = |amount, borrow| {
        instructions::withdraw(
            &addresses, &mint, &account, &theirs, &wallet, amount, borrow,
        )
    };
    let moved = |from, to| instructions::transfer(&addresses, &mint, &from, &to, &theirs, 1);
    let close = with(
        instructions::close_account(&addresses, &mine, 1),
        &mine,
        &theirs,
    );
    let passed_on = instructions::set_delegate(&account, &theirs, &Stage::key(9).pubkey());
    for instruction in [
        take(1, false),
        take(u64::MAX, true),
        moved(account, second),
        moved(account, stage.account(&helper)),
        moved(stage.account(&helper), account),
        close,
        passed_on,
    ] {
        stage.refused(&[instruction], &[&helper], BallastError::NotOwner);
    }
    // The owner goes on as before.
    let order = stage.place(&owner, SOL, order);
    stage.world.send(&[order], &[&owner]).unwrap();

    // Another one takes the place; the default key takes it back, and nobody is it.
    let next = Stage::key(9);
    let replace = instructions::set_delegate(&account, &mine, &next.pubkey());
    stage.world.send(&[replace], &[&owner]).unwrap();
    let late = instructions::cancel_order(&account, &theirs, 1);
    stage.refused(
        &[late.clone()],
        &[&helper],
        BallastError::NotOwnerOrDelegate,
    );
    stage.world.send(&[set], &[&owner]).unwrap();
    let nobody = instructions::set_delegate(&account, &mine, &Pubkey::default());
    let event: DelegateSet = send(&mut stage, &[nobody], &[&owner]);
    assert_eq!(event.delegate, Pubkey::default());
    for instruction in [trades[0].clone(), trades[1].clone(), late.clone()] {
        stage.refused(&[instruction], &[&helper], BallastError::NotOwnerOrDelegate);
    }
    let nobody = unsigned(with(late, &theirs, &Pubkey::default()), &Pubkey::default());
    stage.refused(&[nobody], &[], ErrorCode::AccountNotSigner);
    stage.check_books();
}

#[test]
fn only_the_owner_sets_a_delegate() {
    let mut stage = stage();
    let (owner, stranger) = (stage.trader(1, 1.0), stage.trader(2, 1.0));
    let (account, fund) = (
        stage.account(&owner),
        stage.venue.addresses.insurance_fund(),
    );
    let set = instructions::set_delegate(&account, &owner.pubkey(), &stranger.pubkey());
    let silent = unsigned(set.clone(), &owner.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let forged = with(set.clone(), &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[forged], &[&stranger], BallastError::NotOwner);
    for (wrong, code) in [
        (stage.account(&stranger), BallastError::NotOwner.code()),
        (fund, BallastError::NotOwner.code()),
        (
            stage.market(SOL),
            ErrorCode::AccountDiscriminatorMismatch.code(),
        ),
        (
            stage.venue.mints[0],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ] {
        let wrong = with(set.clone(), &account, &wrong);
        stage.refused(&[wrong], &[&owner], Code(code));
    }
    let mut fixed = set;
    fixed.accounts[0].is_writable = false;
    stage.refused(&[fixed], &[&owner], ErrorCode::ConstraintMut);
    // The insurance fund's key is nobody's, and the admin is not its owner.
    let admin = stage.venue.admin.insecure_clone();
    let grab = instructions::set_delegate(&fund, &admin.pubkey(), &admin.pubkey());
    stage.refused(&[grab], &[&admin], BallastError::NotOwner);
}

// The exchange's fees.

#[test]
fn the_admin_takes_out_fees_and_nothing_but_fees() {
    let mut stage = stage();
    let other = stage.other_venue();
    let [lender, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let admin = stage.venue.admin.insecure_clone();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (sol, usdc) = (stage.venue.mints[SOL], stage.venue.mints[USDC]);
    let (chest, dollars) = (stage.mint(&admin, SOL, 0), stage.mint(&admin, USDC, 0));
    let take = |amount| instructions::withdraw_fees(&here, &admin.pubkey(), &sol, &chest, amount);
    // Nothing was earned yet.
    for (amount, error) in [
        (0, BallastError::ZeroAmount),
        (u64::MAX, BallastError::ZeroAmount),
        (1, BallastError::InsufficientFees),
    ] {
        stage.refused(&[take(amount)], &[&admin], error);
    }
    stage.world.advance(30 * DAY);
    let accrue = stage.accrue(SOL);
    stage.world.send(&[accrue], &[]).unwrap();
    let (fees, held) = (bank(&stage, SOL).fees, vault(&stage, SOL));
    assert!(fees > 800_000_000);
    let shares = |stage: &Stage| {
        let bank = bank(stage, SOL);
        [bank.deposit_shares.get(), bank.borrow_shares.get()]
    };
    let before = shares(&stage);

    let good = take(7);
    let (bank_key, vault_key) = (here.bank(&sol), here.vault(&sol));
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let duplicate = ErrorCode::ConstraintDuplicateMutableAccount.code();
    for (right, wrong, code) in [
        (here.exchange, there.exchange, BallastError::NotAdmin.code()),
        (
            bank_key,
            there.bank(&other.mints[SOL]),
            BallastError::WrongExchange.code(),
        ),
        (bank_key, here.bank(&usdc), BallastError::WrongMint.code()),
        (sol, usdc, BallastError::WrongMint.code()),
        (
            vault_key,
            here.vault(&usdc),
            BallastError::WrongVault.code(),
        ),
        (
            vault_key,
            stage.mint(&lender, SOL, 0),
            BallastError::WrongVault.code(),
        ),
        (chest, dollars, BallastError::WrongTokenAccount.code()),
        (chest, vault_key, duplicate),
        (bank_key, here.board, mismatch),
        (here.exchange, here.board, mismatch),
    ] {
        let wrong = with(good.clone(), &right, &wrong);
        stage.refused(&[wrong], &[&admin], Code(code));
    }
    let silent = unsigned(good.clone(), &admin.pubkey());
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    let forged = with(good, &admin.pubkey(), &lender.pubkey());
    stage.refused(&[forged], &[&lender], BallastError::NotAdmin);
    for (amount, error) in [
        (0, BallastError::ZeroAmount),
        (fees + 1, BallastError::InsufficientFees),
        (u64::MAX - 1, BallastError::InsufficientFees),
    ] {
        stage.refused(&[take(amount)], &[&admin], error);
    }

    let event: FeesWithdrawn = send(&mut stage, &[take(7)], &[&admin]);
    assert_eq!(event.exchange, here.exchange);
    assert_eq!(
        (event.asset, event.amount, event.destination),
        (SOL as u8, 7, chest)
    );
    assert_eq!(stage.world.tokens(&chest), 7);
    assert_eq!(
        (bank(&stage, SOL).fees, vault(&stage, SOL)),
        (fees - 7, held - 7)
    );
    stage.check_books();

    // Lenders come first to what is in the vault; then fees wait for repayment.
    let rest = stage.withdraw(&lender, SOL, held - fees + 1, false);
    stage.world.send(&[rest], &[&lender]).unwrap();
    stage.refused(
        &[take(u64::MAX)],
        &[&admin],
        BallastError::InsufficientVaultLiquidity,
    );
    let repay = stage.deposit(&borrower, SOL, TOKEN);
    stage.world.send(&[repay], &[&borrower]).unwrap();
    // The outflow limit holds for fees as well.
    stage.patch::<Bank>(&bank_key, |bank| {
        (bank.outflow, bank.outflow_limit, bank.outflow_window_s) = (0, fees - 8, 86_400);
    });
    stage.refused(
        &[take(u64::MAX)],
        &[&admin],
        BallastError::OutflowLimitExceeded,
    );
    stage.patch::<Bank>(&bank_key, |bank| bank.outflow_limit = fees - 7);
    let event: FeesWithdrawn = send(&mut stage, &[take(u64::MAX)], &[&admin]);
    assert_eq!(event.amount, fees - 7);
    assert_eq!(
        (stage.world.tokens(&chest), bank(&stage, SOL).fees),
        (fees, 0)
    );
    stage.refused(&[take(u64::MAX)], &[&admin], BallastError::ZeroAmount);
    stage.patch::<Bank>(&bank_key, |bank| bank.outflow_limit = 0);
    stage.check_books();

    // Everybody else is still paid in full.
    let account = stage.account(&borrower);
    let owed = -stage.owned(&account, SOL) as u64;
    assert!(shares(&stage)[0] < before[0] && owed > 0);
    stage.mint(&borrower, SOL, owed);
    for (instruction, key) in [
        (stage.deposit(&borrower, SOL, owed), &borrower),
        (stage.withdraw(&lender, SOL, u64::MAX, false), &lender),
    ] {
        stage.world.send(&[instruction], &[key]).unwrap();
    }
    let fund = stage.owned(&here.insurance_fund(), SOL) as u64;
    assert!((fund..fund + 300).contains(&vault(&stage, SOL)));
    stage.check_books();
}

// What it costs.

#[test]
fn lending_stays_below_its_ceilings_of_compute_units() {
    let mut stage = stage();
    let [_, borrower] = lent(&mut stage, 1_000.0, 800 * TOKEN);
    let second = sub_account(&mut stage, &borrower, 1);
    stage.fund(&borrower, BTC, 1.0);
    let world = &mut stage.world;
    world.compute_units.clear();
    world.advance(DAY);
    let own = [stage.account(&borrower), second];
    let steps = [
        stage.accrue(SOL),
        stage.withdraw(&borrower, SOL, TOKEN, true),
        stage.withdraw(&borrower, USDC, 1_000_000, false),
        transfer(&stage, &borrower, own, USDC, 1_000_000),
        transfer(&stage, &borrower, own, BTC, 1_000_000),
    ];
    stage.mint(&borrower, USDC, 0);
    stage.world.send(&steps, &[&borrower]).unwrap();
    for (name, ceiling) in [
        ("AccrueInterest", 7_600),
        ("Withdraw", 17_200),
        ("Transfer", 13_000),
    ] {
        let most = *stage.world.compute_units[name].iter().max().unwrap();
        println!("{name}: {most} compute units");
        assert!(most <= ceiling, "{name} takes {most}");
    }
    stage.check_books();
}
