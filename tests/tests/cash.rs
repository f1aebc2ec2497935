//! Deposits and withdrawals, loans and repayments.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::{Deposited, LiquidationEnded, Withdrawn};
use ballast_client::state::health::Purpose;
use ballast_client::state::{Bank, Board, MarginAccount, Side};
use ballast_client::{events, instructions};
use ballast_sim::{AssetSpec, CodedError, Venue, VenueConfig, World};
use ballast_tests::{BTC, Code, ETH, SOL, Stage, unsigned, with};
use solana_signer::Signer;

const USDC: usize = 0;

/// Vault, deposits and loans of a bank in native units.
fn totals(stage: &Stage, asset: usize) -> [u64; 3] {
    let bank = stage.venue.bank(&stage.world, asset).unwrap();
    let vault = stage.world.tokens(&bank.vault);
    [
        vault,
        bank.deposit_shares.get().to_num(),
        bank.borrow_shares.get().to_num(),
    ]
}

#[test]
fn deposits_are_credited_and_withdrawals_debited_to_the_unit() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 0.0001);
    let friend = Stage::key(2);
    let wallet = stage.mint(&owner, USDC, 70);
    let done = stage
        .venue
        .deposit(&mut stage.world, &owner, USDC, 70)
        .unwrap();
    assert_eq!(
        (stage.balance(&owner, USDC), stage.world.tokens(&wallet)),
        (170, 0)
    );
    assert_eq!(totals(&stage, USDC), [170, 170, 0]);
    let event = events::decode_all(&done.logs)[0]
        .parse::<Deposited>()
        .unwrap();
    assert_eq!(
        (event.margin_account, event.asset),
        (stage.account(&owner), 0)
    );
    assert_eq!((event.amount, event.depositor), (70, owner.pubkey()));

    // To anyone's token account.
    let theirs = stage.mint(&friend, USDC, 0);
    let gift = with(stage.withdraw(&owner, USDC, 50, false), &wallet, &theirs);
    let done = stage.world.send(&[gift], &[&owner]).unwrap();
    assert_eq!(
        (stage.balance(&owner, USDC), stage.world.tokens(&theirs)),
        (120, 50)
    );
    assert_eq!(totals(&stage, USDC), [120, 120, 0]);
    let event = events::decode_all(&done.logs)[0]
        .parse::<Withdrawn>()
        .unwrap();
    assert_eq!(
        (event.margin_account, event.asset),
        (stage.account(&owner), 0)
    );
    assert_eq!((event.amount, event.borrowed), (50, 0));
    let all = stage.withdraw(&owner, USDC, u64::MAX, false);
    stage.world.send(&[all.clone()], &[&owner]).unwrap();
    assert!(stage.state(&owner).is_empty());
    assert_eq!(
        (totals(&stage, USDC), stage.world.tokens(&wallet)),
        ([0; 3], 120)
    );

    // Amounts that cannot be.
    stage.refused(&[all], &[&owner], BallastError::ZeroAmount);
    for (amount, error) in [
        (0, BallastError::ZeroAmount),
        (121, BallastError::InsufficientTokens),
        (u64::MAX, BallastError::InsufficientTokens),
    ] {
        let put = stage.deposit(&owner, USDC, amount);
        stage.refused(&[put], &[&owner], error);
    }
    stage
        .venue
        .deposit(&mut stage.world, &owner, USDC, 100)
        .unwrap();
    for (amount, borrow, error) in [
        (0, false, BallastError::ZeroAmount),
        (0, true, BallastError::ZeroAmount),
        (101, false, BallastError::InsufficientDeposit),
        (u64::MAX - 1, false, BallastError::InsufficientDeposit),
        (101, true, BallastError::InsufficientVaultLiquidity),
        (u64::MAX - 1, true, BallastError::InsufficientVaultLiquidity),
    ] {
        let take = stage.withdraw(&owner, USDC, amount, borrow);
        stage.refused(&[take], &[&owner], error);
    }
    stage.check_books();
}

#[test]
fn money_moves_only_between_the_accounts_that_belong_together() {
    let mut stage = Stage::new();
    let other = stage.other_venue();
    let (owner, stranger) = (stage.trader(1, 1_000.0), stage.trader(2, 1_000.0));
    let wallet = stage.mint(&owner, USDC, 1_000);
    let (theirs, sol_wallet) = (stage.mint(&stranger, USDC, 9), stage.mint(&owner, SOL, 9));
    let foreign_account = other.open_account(&mut stage.world, &owner).unwrap();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (usdc, sol, foreign) = (
        stage.venue.mints[USDC],
        stage.venue.mints[SOL],
        other.mints[USDC],
    );
    let (put, take) = (
        stage.deposit(&owner, USDC, 7),
        stage.withdraw(&owner, USDC, 7, false),
    );
    let account = stage.account(&owner);
    let (bank, vault) = (here.bank(&usdc), here.vault(&usdc));
    for instruction in [&put, &take] {
        let cases: [(Pubkey, Pubkey, u32); 13] = [
            (here.board, there.board, BallastError::WrongBoard.code()),
            (
                here.exchange,
                there.exchange,
                BallastError::WrongBoard.code(),
            ),
            (account, foreign_account, BallastError::WrongExchange.code()),
            (
                bank,
                there.bank(&foreign),
                BallastError::WrongExchange.code(),
            ),
            (bank, here.bank(&sol), BallastError::WrongMint.code()),
            (usdc, sol, BallastError::WrongMint.code()),
            (vault, here.vault(&sol), BallastError::WrongVault.code()),
            (vault, theirs, BallastError::WrongVault.code()),
            (wallet, sol_wallet, BallastError::WrongTokenAccount.code()),
            (
                wallet,
                vault,
                ErrorCode::ConstraintDuplicateMutableAccount.code(),
            ),
            (
                account,
                here.exchange,
                ErrorCode::AccountDiscriminatorMismatch.code(),
            ),
            (
                bank,
                here.board,
                ErrorCode::AccountDiscriminatorMismatch.code(),
            ),
            (
                account,
                wallet,
                ErrorCode::AccountOwnedByWrongProgram.code(),
            ),
        ];
        for (right, wrong, code) in cases {
            let instruction = with(instruction.clone(), &right, &wrong);
            stage.refused(&[instruction], &[&owner], Code(code));
        }
        let silent = unsigned(instruction.clone(), &owner.pubkey());
        stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    }
    // Somebody else's tokens.
    let stolen = with(put.clone(), &wallet, &theirs);
    stage.refused(&[stolen], &[&owner], BallastError::WrongTokenAccount);
    // Not into somebody else's account, where dust would fill slots; not out of it either.
    let into = with(put, &account, &stage.account(&stranger));
    stage.refused(&[into], &[&owner], BallastError::NotOwnerOrDelegate);
    let out = with(take.clone(), &account, &stage.account(&stranger));
    stage.refused(&[out], &[&owner], BallastError::NotOwner);
    // A delegate puts in but takes nothing out.
    stage.set_delegate(&owner, &stranger);
    let usdc = stage.venue.mints[USDC];
    let help = instructions::deposit(&here, &usdc, &account, &stranger.pubkey(), &theirs, 9);
    stage.world.send(&[help], &[&stranger]).unwrap();
    assert_eq!(stage.balance(&owner, USDC), 1_000_000_009);
    let theft = with(take, &owner.pubkey(), &stranger.pubkey());
    stage.refused(&[theft], &[&stranger], BallastError::NotOwner);
    stage.check_books();
}

#[test]
fn anyone_gives_cash_to_the_insurance_fund_and_nobody_takes_it_out() {
    let mut stage = Stage::new();
    stage.insure(5.0);
    let fund = stage.venue.addresses.insurance_fund();
    let state: Box<MarginAccount> = stage.world.read(&fund).unwrap();
    assert_eq!(state.balance(0).unwrap().shares.get(), 5_000_000);
    let thief = stage.trader(1, 1.0);
    let take = stage.withdraw(&thief, USDC, 1, false);
    let take = with(take, &stage.account(&thief), &fund);
    stage.refused(&[take], &[&thief], BallastError::NotOwner);
    // Other tokens could fill its slots with dust.
    stage.mint(&thief, SOL, 1);
    let dust = with(stage.deposit(&thief, SOL, 1), &stage.account(&thief), &fund);
    stage.refused(&[dust], &[&thief], BallastError::NotOwnerOrDelegate);
    stage.check_books();
}

#[test]
fn borrowing_by_withdrawal_ends_with_repayment_by_deposit() {
    let mut stage = Stage::new();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 30.0);
    let wallet = stage.mint(&borrower, SOL, 0);
    let unwanted = stage.withdraw(&borrower, SOL, 1, false);
    stage.refused(&[unwanted], &[&borrower], BallastError::InsufficientDeposit);
    let done = stage
        .venue
        .withdraw(&mut stage.world, &borrower, SOL, 20_000_000_000, true)
        .unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<Withdrawn>()
        .unwrap();
    assert_eq!(
        (event.amount, event.borrowed),
        (20_000_000_000, 20_000_000_000)
    );
    assert_eq!(stage.balance(&borrower, SOL), -20_000_000_000);
    assert_eq!(
        totals(&stage, SOL),
        [10_000_000_000, 30_000_000_000, 20_000_000_000]
    );
    assert_eq!(stage.world.tokens(&wallet), 20_000_000_000);
    stage.check_books();

    // What is lent out cannot be withdrawn, by its owner neither.
    let all = stage.withdraw(&lender, SOL, u64::MAX, false);
    stage.refused(
        &[all.clone()],
        &[&lender],
        BallastError::InsufficientVaultLiquidity,
    );
    let rest = stage.withdraw(&lender, SOL, 10_000_000_000, false);
    stage.simulate(&[rest], &[&lender]).unwrap();

    // Part, then more than the rest: the surplus is a deposit.
    stage
        .venue
        .deposit(&mut stage.world, &borrower, SOL, 5_000_000_000)
        .unwrap();
    assert_eq!(stage.balance(&borrower, SOL), -15_000_000_000);
    stage.mint(&borrower, SOL, 1);
    stage
        .venue
        .deposit(&mut stage.world, &borrower, SOL, 15_000_000_001)
        .unwrap();
    assert_eq!(stage.balance(&borrower, SOL), 1);
    assert_eq!(totals(&stage, SOL), [30_000_000_001, 30_000_000_001, 0]);
    stage.world.send(&[all], &[&lender]).unwrap();
    // Half from the deposit, half borrowed.
    stage.fund(&lender, SOL, 1.0);
    let done = stage
        .venue
        .withdraw(&mut stage.world, &borrower, SOL, 3, true)
        .unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<Withdrawn>()
        .unwrap();
    assert_eq!(
        (event.amount, event.borrowed, stage.balance(&borrower, SOL)),
        (3, 2, -2)
    );
    stage.check_books();
}

#[test]
fn caps_hold_to_the_unit_and_never_stop_repayment() {
    let mut stage = Stage::new();
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 1.0);
    let bank = stage.venue.addresses.bank(&stage.venue.mints[SOL]);
    stage.patch::<Bank>(&bank, |bank| {
        (bank.deposit_cap, bank.borrow_cap) = (1_000_000_005, 8)
    });
    stage.mint(&lender, SOL, 100);
    let beyond = stage.deposit(&lender, SOL, 6);
    stage.refused(&[beyond], &[&lender], BallastError::DepositCapExceeded);
    stage
        .venue
        .deposit(&mut stage.world, &lender, SOL, 5)
        .unwrap();
    stage.mint(&borrower, SOL, 0);
    let beyond = stage.withdraw(&borrower, SOL, 9, true);
    stage.refused(&[beyond], &[&borrower], BallastError::BorrowCapExceeded);
    stage
        .venue
        .withdraw(&mut stage.world, &borrower, SOL, 8, true)
        .unwrap();
    // The cap is full, or below what there is: repaying is no deposit, and withdrawing no loan.
    stage.patch::<Bank>(&bank, |bank| (bank.deposit_cap, bank.borrow_cap) = (0, 0));
    stage
        .venue
        .deposit(&mut stage.world, &borrower, SOL, 8)
        .unwrap();
    let beyond = stage.deposit(&lender, SOL, 1);
    stage.refused(&[beyond], &[&lender], BallastError::DepositCapExceeded);
    stage
        .venue
        .withdraw(&mut stage.world, &lender, SOL, 1_000_000_005, false)
        .unwrap();
    stage.check_books();
}

#[test]
fn withdrawals_leave_initial_margin_to_the_unit() {
    let mut stage = Stage::new();
    let (maker, owner) = (stage.trader(1, 100_000.0), stage.trader(2, 10_000.0));
    stage
        .trade(&maker, &owner, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    let account = stage.account(&owner);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::AddRisk)
        .unwrap();
    let spare = report.health_initial() as u64;
    assert!(spare > 0);
    let beyond = stage.withdraw(&owner, USDC, spare + 1, false);
    stage.refused(&[beyond], &[&owner], BallastError::BelowInitialMargin);
    let all = stage.withdraw(&owner, USDC, u64::MAX, false);
    stage.refused(&[all], &[&owner], BallastError::BelowInitialMargin);
    stage
        .venue
        .withdraw(&mut stage.world, &owner, USDC, spare, false)
        .unwrap();
    // The same for a loan.
    let lender = stage.trader(3, 1.0);
    stage.fund(&lender, ETH, 10.0);
    stage.mint(&owner, ETH, 0);
    let loan = stage.withdraw(&owner, ETH, 1_000, true);
    stage.refused(&[loan], &[&owner], BallastError::BelowInitialMargin);
    stage.check_books();

    // Below maintenance margin and flagged, nothing leaves.
    stage.set_price(SOL, 150.0);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
    let flagged = stage.withdraw(&owner, USDC, 1, false);
    stage.refused(&[flagged], &[&owner], BallastError::InLiquidation);
    // A deposit ends it once the account is above its buffer again.
    stage.fund(&owner, USDC, 1.0);
    assert!(stage.state(&owner).in_liquidation());
    stage.mint(&owner, USDC, 10_000_000_000);
    let put = stage.deposit(&owner, USDC, 10_000_000_000);
    let done = stage.world.send(&[put], &[&owner]).unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<LiquidationEnded>()
        .unwrap();
    assert_eq!(event.margin_account, account);
    assert!(!stage.state(&owner).in_liquidation());
    stage.check_books();
}

#[test]
fn stale_prices_stop_borrowers_but_nobody_who_owes_nothing() {
    let mut stage = Stage::new();
    let (saver, borrower) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    stage.fund(&saver, SOL, 10.0);
    stage.fund(&borrower, BTC, 1.0);
    stage.mint(&borrower, SOL, 1);
    stage
        .venue
        .withdraw(&mut stage.world, &borrower, SOL, 1_000_000_000, true)
        .unwrap();
    stage.world.advance(10_000);
    let more = stage.withdraw(&borrower, USDC, 1, false);
    stage.refused(&[more.clone()], &[&borrower], BallastError::StalePrice);
    // A fresh price of what is owed is enough; the stale deposit just counts nothing.
    let prices = stage.prices;
    stage
        .venue
        .set_prices(&mut stage.world, &prices[..2])
        .unwrap();
    stage.simulate(&[more.clone()], &[&borrower]).unwrap();
    let bitcoin = stage.withdraw(&borrower, USDC, u64::MAX, false);
    stage.refused(&[bitcoin], &[&borrower], BallastError::BelowInitialMargin);
    let board = stage.venue.addresses.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    stage.refused(&[more], &[&borrower], BallastError::PriceNeverSet);

    stage.world.advance(10_000);
    stage
        .venue
        .deposit(&mut stage.world, &borrower, SOL, 1_000_000_000)
        .unwrap();
    for (owner, asset) in [
        (&saver, SOL),
        (&saver, USDC),
        (&borrower, BTC),
        (&borrower, USDC),
    ] {
        stage
            .venue
            .withdraw(&mut stage.world, owner, asset, u64::MAX, false)
            .unwrap();
    }
    assert!(stage.state(&saver).is_empty() && stage.state(&borrower).is_empty());
    stage.check_books();
}

#[test]
fn sixteen_balances_fill_an_account() {
    const NAMES: [&str; 17] = [
        "USDC", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P",
    ];
    let usual = VenueConfig::default().assets;
    let assets = NAMES.iter().enumerate().map(|(index, name)| AssetSpec {
        name,
        ..usual[index.min(1)].clone()
    });
    let config = VenueConfig {
        assets: assets.collect(),
        ..VenueConfig::default()
    };
    let mut world = World::new(ballast_tests::START).unwrap();
    let venue = Venue::create(&mut world, config, 1).unwrap();
    let mut stage = Stage {
        world,
        venue,
        prices: [1.0, 200.0, 200.0, 200.0],
    };
    let (owner, lender) = (stage.trader(1, 1_000.0), stage.trader(2, 1.0));
    for asset in 1..16 {
        stage.fund(&owner, asset, 1.0);
    }
    stage.mint(&owner, 16, 5);
    stage.fund(&lender, 16, 1.0);
    let seventeenth = [stage.deposit(&owner, 16, 5)];
    stage.refused(&seventeenth, &[&owner], BallastError::BalanceSlotsFull);
    let loan = stage.withdraw(&owner, 16, 5, true);
    stage.refused(&[loan], &[&owner], BallastError::BalanceSlotsFull);
    stage
        .venue
        .withdraw(&mut stage.world, &owner, 7, u64::MAX, false)
        .unwrap();
    stage.world.send(&seventeenth, &[&owner]).unwrap();
    stage.check_books();
}
