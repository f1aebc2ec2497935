//! Rounding: nothing is to be had by dust.

use super::scene::*;
use anchor_lang::prelude::Pubkey;
use anchor_spl::token::spl_token;
use ballast::events::{Deposited, InterestAccrued};
use ballast_client::events;
use ballast_tests::{ETH, SOL, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

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
