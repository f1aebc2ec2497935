//! Bounded pauses.

use super::{Accounts, Scene};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::PauseSet;
use ballast_client::args::{LiquidateArgs, OrderArgs, OrderFilter, SurfaceArgs};
use ballast_client::instructions;
use ballast_client::state::{
    Bank, Exchange, MarginAccount, MarketKind, MarketTerms, PAUSABLE_ALL, Pausable, Side, TENORS,
    next_expiry,
};
use ballast_risk::Q32_ONE;
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL, Stage, unsigned};
use fixed::types::I80F48;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

const DAY_S: u64 = 86_400;
const USDC: usize = 0;

/// An instruction that goes through, and who signs it.
struct Act {
    instruction: Instruction,
    signers: Vec<Keypair>,
}

impl Act {
    fn new(instruction: Instruction, signers: &[&Keypair]) -> Self {
        Self {
            instruction,
            signers: signers.iter().map(|key| key.insecure_clone()).collect(),
        }
    }

    fn succeeds(&self, stage: &mut Stage) {
        let signers: Vec<&Keypair> = self.signers.iter().collect();
        let instructions = [self.instruction.clone()];
        stage.simulate(&instructions, &signers).unwrap();
    }

    fn is_paused(&self, stage: &mut Stage) {
        let signers: Vec<&Keypair> = self.signers.iter().collect();
        stage.refused(&[self.instruction.clone()], &signers, BallastError::Paused);
    }
}

/// Two traders have a future on SOL, which has expired and has its settlement price; one on ETH still waits for that.
fn expired_futures(stage: &mut Stage) -> [MarketTerms; 2] {
    let (long, short) = (stage.trader(6, 10_000.0), stage.trader(7, 10_000.0));
    let expiry = next_expiry(stage.world.now());
    let futures = [SOL, ETH].map(|asset| MarketTerms {
        expiry,
        kind: MarketKind::Future as u8,
        ..Venue::perpetual(asset)
    });
    for terms in &futures {
        stage.venue.list_market(&mut stage.world, terms).unwrap();
    }
    let price = stage.venue.price_per_lot(SOL, 200.0);
    let bid = Venue::limit(Side::Bid, price, 10);
    stage
        .venue
        .trade_in(&mut stage.world, &short, &long, &futures[0], bid)
        .unwrap();
    for before_s in (0..=960).rev().step_by(120) {
        stage.world.set_time(expiry - before_s);
        stage.set_price(SOL, 200.0);
    }
    let finalize = instructions::finalize_settlement(&stage.venue.addresses, &futures[0]);
    stage.world.send(&[finalize], &[]).unwrap();
    futures
}

/// Two accounts in liquidation that have lost more than they had: one long SOL, one that owes USDC. What they had is written past the program.
fn insolvent(stage: &mut Stage, maker: &Keypair) -> [Pubkey; 2] {
    let (long, borrower) = (stage.trader(8, 2_000.0), stage.trader(9, 2_000.0));
    stage
        .trade(maker, &long, SOL, Side::Bid, 70.0, 188.0)
        .unwrap();
    let accounts = [&long, &borrower].map(|key| stage.account(key));
    let bank = stage.venue.addresses.bank(&stage.venue.mints[USDC]);
    // The maker's profit on the long one's lots covers 100 USDC, not more.
    let debts = [100i64, 3_000].map(|usdc| I80F48::from_num(usdc * 1_000_000));
    for (account, debt) in accounts.iter().zip(debts) {
        stage.patch::<MarginAccount>(account, |account| {
            account.balances[0].shares.set(-debt);
        });
    }
    stage.patch::<Bank>(&bank, |bank| {
        bank.borrow_shares.set(debts[0] + debts[1]);
    });
    for account in &accounts {
        let start = instructions::start_liquidation(&stage.venue.addresses, account);
        stage.world.send(&[start], &[]).unwrap();
        // Long enough for losses to be shared.
        stage.patch::<MarginAccount>(account, |account| account.auction_elapsed_s = 900);
    }
    accounts
}

/// A stage on which everything that can be paused is possible now, and so is what can not be.
fn everything() -> (Scene, Vec<(Pausable, Act)>, Vec<Act>) {
    let mut stage = Stage::steady();
    let futures = expired_futures(&mut stage);
    let (owner, maker) = (stage.trader(1, 10_000.0), stage.trader(2, 100_000.0));
    let (falling, fallen) = (stage.trader(3, 2_000.0), stage.trader(4, 2_000.0));
    let liquidator = stage.trader(5, 100_000.0);
    stage.mint(&owner, USDC, 1_000);
    let addresses = stage.venue.addresses;
    let (key, payer) = (owner.pubkey(), stage.world.payer.pubkey());
    let second = instructions::open_account(&addresses, &key, &payer, 1);
    stage.world.send(&[second], &[&owner]).unwrap();
    for (trader, tokens) in [(&owner, 10.0), (&falling, 70.0), (&fallen, 70.0)] {
        stage
            .trade(&maker, trader, SOL, Side::Bid, tokens, 200.0)
            .unwrap();
    }
    stage.set_price(SOL, 188.0);
    let start = |account: &Pubkey| instructions::start_liquidation(&addresses, account);
    let flag = start(&stage.account(&fallen));
    stage.world.send(&[flag], &[]).unwrap();
    let ruined = insolvent(&mut stage, &maker);
    let bid = Venue::limit(Side::Bid, stage.venue.price_per_lot(SOL, 188.0), 10);
    let ask = Venue::limit(Side::Ask, bid.price, 10);
    let now = stage.world.now();
    let mut place = |key: &Keypair, order| {
        stage
            .venue
            .place(&mut stage.world, key, SOL, order)
            .unwrap()
    };
    let resting = (place(&maker, ask), place(&owner, bid));
    let lapsed = place(
        &owner,
        OrderArgs {
            expires_at: now as u32 + 1,
            ..bid
        },
    );
    stage.world.advance(1);

    let (usdc, account) = (stage.venue.mints[USDC], stage.account(&owner));
    let second = addresses.margin_account(&key, 1);
    let take = LiquidateArgs {
        fraction_max_q32: Q32_ONE,
        price_max: i64::MAX,
    };
    let by_owner = |instruction| Act::new(instruction, &[&owner]);
    let by_anyone = |instruction| Act::new(instruction, &[]);
    let surface = SurfaceArgs {
        underlying: 0,
        atm_volatility_q32: [Q32_ONE / 2; TENORS],
        skew_q32: 0,
        smile_q32: 0,
        carry_q32: 0,
    };
    let call = MarketTerms {
        expiry: next_expiry(now + 86_400),
        strike: stage.venue.price_per_lot(SOL, 200.0),
        kind: MarketKind::Call as u8,
        ..Venue::perpetual(SOL)
    };
    let prices: Vec<Pubkey> = (0..4).map(|i| stage.venue.price_account(i)).collect();
    let pausable = vec![
        (Pausable::Deposit, by_owner(stage.deposit(&owner, USDC, 7))),
        (
            Pausable::Withdraw,
            by_owner(stage.withdraw(&owner, USDC, 7, false)),
        ),
        (
            Pausable::Transfer,
            by_owner(instructions::transfer(
                &addresses, &usdc, &account, &second, &key, 7,
            )),
        ),
        (
            Pausable::PlaceOrder,
            by_owner(stage.place(&owner, SOL, bid)),
        ),
        (
            Pausable::FillOrder,
            by_anyone(stage.fill(SOL, (&maker, resting.0), (&owner, resting.1), 10)),
        ),
        (Pausable::SettlePnl, by_anyone(stage.settle(&account, SOL))),
        (
            Pausable::StartLiquidation,
            by_anyone(start(&stage.account(&falling))),
        ),
        (
            Pausable::Liquidate,
            Act::new(
                instructions::liquidate(
                    &addresses,
                    &usdc,
                    &stage.account(&fallen),
                    &stage.account(&liquidator),
                    &liquidator.pubkey(),
                    &[],
                    take,
                ),
                &[&liquidator],
            ),
        ),
        (
            Pausable::RefreshPrices,
            by_anyone(instructions::refresh_prices(&addresses, &prices)),
        ),
        (
            Pausable::AccrueInterest,
            by_anyone(instructions::accrue_interest(&addresses, &usdc)),
        ),
        (
            Pausable::OpenAccount,
            by_owner(instructions::open_account(&addresses, &key, &payer, 2)),
        ),
        (
            Pausable::PlaceAndFill,
            by_owner(instructions::place_and_fill(
                &addresses,
                &Venue::perpetual(SOL),
                &account,
                &key,
                bid,
                &[(stage.account(&maker), resting.0)],
            )),
        ),
        (
            Pausable::PruneOrder,
            by_anyone(instructions::prune_order(&addresses, &account, lapsed)),
        ),
        (
            Pausable::UpdateFunding,
            by_anyone(instructions::update_funding(&addresses, 0)),
        ),
        (
            Pausable::PostSurface,
            Act::new(
                instructions::post_surface(&addresses, &stage.venue.admin.pubkey(), surface),
                &[&stage.venue.admin],
            ),
        ),
        (
            Pausable::ListSeries,
            by_anyone(instructions::list_series(&addresses, &call, &payer)),
        ),
        (
            Pausable::FinalizeSettlement,
            by_anyone(instructions::finalize_settlement(&addresses, &futures[1])),
        ),
        (
            Pausable::SettlePosition,
            by_anyone(instructions::settle_position(
                &addresses,
                &futures[0],
                &stage.account(&Stage::key(6)),
            )),
        ),
        (
            Pausable::AutoDeleverage,
            by_anyone(instructions::auto_deleverage(
                &addresses,
                &Venue::perpetual(SOL),
                &ruined[0],
                &stage.account(&maker),
                10,
            )),
        ),
        (
            Pausable::ResolveBankruptcy,
            by_anyone(instructions::resolve_bankruptcy(
                &addresses, &usdc, &ruined[1],
            )),
        ),
    ];
    let never = vec![
        by_owner(instructions::cancel_all(
            &account,
            &key,
            OrderFilter::default(),
        )),
        by_owner(instructions::cancel_order(&account, &key, resting.1)),
        by_owner(instructions::close_account(&addresses, &key, 1)),
        by_owner(instructions::set_delegate(&account, &key, &payer)),
    ];
    (Scene::on(stage), pausable, never)
}

fn set(scene: &Scene, by: &Keypair, instructions: u64, seconds: u64) -> Instruction {
    let addresses = &scene.stage.venue.addresses;
    instructions::set_pause(addresses, &by.pubkey(), instructions, seconds)
}

#[track_caller]
fn pause(scene: &mut Scene, by: &Keypair, instructions: u64, seconds: u64) {
    let pause = set(scene, by, instructions, seconds);
    scene.stage.world.send(&[pause], &[by]).unwrap();
}

#[track_caller]
fn refused(
    scene: &mut Scene,
    by: &Keypair,
    instructions: u64,
    seconds: u64,
    refusal: BallastError,
) {
    let pause = set(scene, by, instructions, seconds);
    scene.stage.refused(&[pause], &[by], refusal);
}

#[test]
fn each_instruction_is_paused_by_its_own_bit_alone() {
    let (mut scene, pausable, never) = everything();
    let admin = scene.admin.insecure_clone();
    let mut bits = 0;
    for (paused, _) in &pausable {
        let bit = 1 << *paused as u8;
        bits |= bit;
        pause(&mut scene, &admin, bit, 60);
        for (other, act) in &pausable {
            if paused == other {
                act.is_paused(&mut scene.stage);
            } else {
                act.succeeds(&mut scene.stage);
            }
        }
        for act in &never {
            act.succeeds(&mut scene.stage);
        }
    }
    assert_eq!(bits, PAUSABLE_ALL);
}

#[test]
fn a_pause_ends_by_itself_and_never_holds_back_orders_or_empty_accounts() {
    let (mut scene, pausable, never) = everything();
    let guardian = scene.guardian.insecure_clone();
    pause(&mut scene, &guardian, PAUSABLE_ALL, 60);
    for wait in [0, 59] {
        scene.stage.world.advance(wait);
        for (_, act) in &pausable {
            act.is_paused(&mut scene.stage);
        }
        for act in &never {
            act.succeeds(&mut scene.stage);
        }
    }
    scene.stage.world.advance(1);
    for (_, act) in &pausable {
        act.succeeds(&mut scene.stage);
    }
}

#[test]
fn a_pause_is_stored_and_announced() {
    let mut scene = Scene::new();
    let exchange = scene.stage.venue.addresses.exchange;
    let now = scene.stage.world.now();
    let keys = [&scene.guardian, &scene.admin].map(Keypair::insecure_clone);
    for (key, seconds) in keys.iter().zip([3 * DAY_S, 17]) {
        let ends_at = now + seconds as i64;
        let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
            (exchange.paused_instructions, exchange.pause_ends_at) = (PAUSABLE_ALL, ends_at);
        });
        let pause = set(&scene, key, PAUSABLE_ALL, seconds);
        let event: PauseSet = scene.send(pause, key, &expected);
        assert_eq!((event.exchange, event.authority), (exchange, key.pubkey()));
        assert_eq!((event.instructions, event.ends_at), (PAUSABLE_ALL, ends_at));
    }
}

#[test]
fn only_admin_and_guardian_pause_and_only_what_there_is() {
    let mut scene = Scene::new();
    let other = scene.stage.other_venue();
    for key in [&scene.risk, &Stage::key(9), &other.admin].map(Keypair::insecure_clone) {
        let pause = set(&scene, &key, 1, 1);
        scene
            .stage
            .refused(&[pause], &[&key], BallastError::NotAdminOrGuardian);
    }
    let keys = [&scene.guardian, &scene.admin].map(Keypair::insecure_clone);
    for key in &keys {
        let silent = unsigned(set(&scene, key, 1, 1), &key.pubkey());
        scene
            .stage
            .refused(&[silent], &[], ErrorCode::AccountNotSigner);
        for unknown in [PAUSABLE_ALL + 1, 1 << 63, u64::MAX] {
            let outside = BallastError::ParameterOutOfBounds;
            refused(&mut scene, key, unknown, 1, outside);
        }
        for seconds in [3 * DAY_S + 1, u64::MAX] {
            refused(&mut scene, key, 1, seconds, BallastError::PauseTooLong);
        }
        let longest = set(&scene, key, PAUSABLE_ALL, 3 * DAY_S);
        scene.stage.simulate(&[longest], &[key]).unwrap();
    }
}

#[test]
fn the_guardian_widens_and_shortens_a_pause_but_never_prolongs_or_narrows_it() {
    let mut scene = Scene::new();
    let guardian = scene.guardian.insecure_clone();
    let too_long = |scene: &mut Scene, bits, seconds| {
        let guardian = scene.guardian.insecure_clone();
        refused(scene, &guardian, bits, seconds, BallastError::PauseTooLong);
    };
    pause(&mut scene, &guardian, 0b0110, 3 * DAY_S);
    scene.stage.world.advance(DAY_S as i64);
    for (bits, seconds) in [
        // Later than it ends.
        (0b0110, 2 * DAY_S + 1),
        (0b0111, 3 * DAY_S),
        // Without one of the bits.
        (0b0010, 2 * DAY_S),
        (0b1001, DAY_S),
        (0, 0),
    ] {
        too_long(&mut scene, bits, seconds);
    }
    for (bits, seconds) in [(0b0110, 2 * DAY_S), (0b0110, 0), (0b1111, 1)] {
        let change = set(&scene, &guardian, bits, seconds);
        scene.stage.simulate(&[change], &[&guardian]).unwrap();
    }
    // Wider and shorter; the first end is gone then.
    pause(&mut scene, &guardian, 0b0111, DAY_S);
    too_long(&mut scene, 0b0111, DAY_S + 1);
    too_long(&mut scene, 0b0110, DAY_S);

    // Another one begins a day after the end, to the second.
    scene.stage.world.advance(DAY_S as i64 - 1);
    too_long(&mut scene, 0b0111, 2);
    scene.stage.world.advance(1);
    too_long(&mut scene, 0b0111, 0);
    scene.stage.world.advance(DAY_S as i64 - 1);
    too_long(&mut scene, 1, 1);
    scene.stage.world.advance(1);
    pause(&mut scene, &guardian, 1, 3 * DAY_S);
}

#[test]
fn the_admin_pauses_again_and_lifts_at_will_and_the_guardian_waits_all_the_same() {
    let mut scene = Scene::new();
    let owner = scene.stage.trader(1, 1.0);
    let (admin, guardian) = (
        scene.admin.insecure_clone(),
        scene.guardian.insecure_clone(),
    );
    let take = Act::new(scene.stage.withdraw(&owner, USDC, 1, false), &[&owner]);
    let bit = 1 << Pausable::Withdraw as u8;
    pause(&mut scene, &guardian, bit, DAY_S);
    take.is_paused(&mut scene.stage);
    pause(&mut scene, &admin, 0, 0);
    take.succeeds(&mut scene.stage);
    // Not at once again.
    scene.stage.world.advance(DAY_S as i64 - 1);
    refused(&mut scene, &guardian, bit, 1, BallastError::PauseTooLong);
    // The admin prolongs what lasts, and begins anew without waiting.
    pause(&mut scene, &admin, bit, DAY_S);
    pause(&mut scene, &admin, bit, 3 * DAY_S);
    scene.stage.world.advance(3 * DAY_S as i64 - 1);
    take.is_paused(&mut scene.stage);
    scene.stage.world.advance(1);
    take.succeeds(&mut scene.stage);
    pause(&mut scene, &admin, bit, 1);
    take.is_paused(&mut scene.stage);
    // Fewer bits lift the others.
    pause(&mut scene, &admin, PAUSABLE_ALL & !bit, 1);
    take.succeeds(&mut scene.stage);
}

#[test]
fn whatever_the_guardian_tries_withdrawals_work_a_day_in_every_four() {
    const STEP_S: u64 = DAY_S / 8;
    let mut scene = Scene::new();
    let guardian = scene.guardian.insecure_clone();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    // Deposits, withdrawals, both or none.
    let bit = 1 << Pausable::Withdraw as u8;
    let (mut paused_steps, mut free_steps, mut pauses) = (0, 100, 0);
    for _ in 0..2_000 {
        let bits = random.random_range(0..2 * bit);
        let seconds = random.random_range(0..=24) * STEP_S;
        let attempt = set(&scene, &guardian, bits, seconds);
        let _ = scene.stage.world.send(&[attempt], &[&guardian]);
        let exchange = scene.stage.venue.exchange(&scene.stage.world).unwrap();
        if exchange.is_paused(Pausable::Withdraw, scene.stage.world.now()) {
            if paused_steps == 0 {
                assert!(
                    free_steps >= 8,
                    "only {free_steps} eighths of a day between pauses"
                );
                pauses += 1;
            }
            (paused_steps, free_steps) = (paused_steps + 1, 0);
        } else {
            (paused_steps, free_steps) = (0, free_steps + 1);
        }
        assert!(paused_steps <= 24);
        scene.stage.world.advance(STEP_S as i64);
    }
    assert!(pauses > 50, "{pauses}");
}
