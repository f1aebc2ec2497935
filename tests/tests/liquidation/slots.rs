//! Accounts and takers whose slots are all in use.

use crate::scene::{Scene, WHOLE};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, MarketTerms};
use ballast_sim::World;
use ballast_tests::{ETH, SOL, Stage};
use fixed::types::I80F48;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Deposits a native amount of any listed mint.
fn deposit(stage: &mut Stage, key: &Keypair, mint: &Pubkey, amount: u64) -> Instruction {
    stage
        .world
        .mint_tokens(mint, &key.pubkey(), amount)
        .unwrap();
    let source = World::token_address(&key.pubkey(), mint);
    let account = stage.account(key);
    let addresses = &stage.venue.addresses;
    instructions::deposit(addresses, mint, &account, &key.pubkey(), &source, amount)
}

#[test]
fn a_full_taker_is_told_so() {
    let mut scene = Scene::steady();
    let key = scene.stage.trader(10, 3_500.0);
    scene.stage.fund(&key, ETH, 0.1);
    scene.trade(&key, SOL, 100.0);
    scene.stage.set_price(SOL, 170.0);
    scene.start(&key);
    let taker = scene.stage.account(&scene.taker);
    let liquidate = scene.liquidate_instruction(&key);
    scene.stage.patch::<MarginAccount>(&taker, |taker| {
        for (asset, slot) in taker.balances.iter_mut().enumerate().skip(1) {
            slot.asset = 10 + asset as u8;
            slot.shares.set(I80F48::ONE);
        }
    });
    scene.refused(liquidate.clone(), BallastError::BalanceSlotsFull);
    scene.stage.patch::<MarginAccount>(&taker, |taker| {
        taker.balances[1..].fill_with(Default::default);
        for (number, slot) in taker.positions.iter_mut().enumerate() {
            slot.base_lots = 1;
            slot.terms = MarketTerms::perpetual(10 + number as u8);
        }
    });
    scene.refused(liquidate, BallastError::PositionSlotsFull);
}

#[test]
fn an_account_that_uses_every_slot_is_liquidated_like_any_other() {
    let mut scene = Scene::steady();
    let mut mints = scene.stage.list_tokens(13);
    let spare = mints.pop().unwrap();
    mints.extend(&scene.stage.venue.mints[1..]);
    let key = Stage::key(10);
    scene
        .stage
        .venue
        .open_account(&mut scene.stage.world, &key)
        .unwrap();
    for mint in &mints {
        let put = deposit(&mut scene.stage, &key, mint, 1_000_000);
        scene.stage.world.send(&[put], &[&key]).unwrap();
    }
    scene.stage.fund(&key, SOL, 30.0);
    // 15 balances and a slot that is cash's alone.
    let state = scene.stage.state(&key);
    assert!(state.balances[1..].iter().all(|slot| !slot.is_free()));
    assert!(state.balances[0].is_free());
    let more = deposit(&mut scene.stage, &key, &spare, 1);
    scene
        .stage
        .refused(&[more], &[&key], BallastError::BalanceSlotsFull);

    // 6,000 USDC of SOL carry 8 ETH until those lose 4,000.
    scene.trade(&key, ETH, 8.0);
    scene.stage.set_price(ETH, 3_500.0);
    scene.start(&key);
    let taken = scene.take(&key, WHOLE);
    assert_eq!(taken.event.balances.len(), 15);
    assert!(taken.event.fraction_q32 < WHOLE && taken.event.payment > 0);
    assert!(taken.ended);
    let account = scene.stage.account(&key);
    assert_eq!(scene.amount(&account, 0), taken.event.payment);
}
