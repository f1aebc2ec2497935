//! What an attacker changes about a transaction.

use super::actions::Plan;
use super::calls;
use super::floor::Floor;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Changes one or two things about the last instruction: accounts swapped, doubled, left out or added, flags and signers taken away, numbers
/// replaced by extreme ones.
pub fn tamper(floor: &Floor, plan: &mut Plan, random: &mut ChaCha8Rng) {
    let Some(instruction) = plan.instructions.last_mut() else {
        return;
    };
    if calls::name(instruction).is_none() || instruction.accounts.is_empty() {
        return;
    }
    plan.tampered = true;
    for _ in 0..random.random_range(1..=2) {
        change(floor, instruction, random);
    }
}

fn change(floor: &Floor, instruction: &mut Instruction, random: &mut ChaCha8Rng) {
    let count = instruction.accounts.len();
    let place = random.random_range(0..count);
    match random.random_range(0..16) {
        0..4 => {
            let like = instruction.accounts[place].pubkey;
            if let Some(key) = alike(floor, &like, random) {
                instruction.accounts[place].pubkey = key;
            }
        }
        4..6 => {
            if let Some(key) = any_key(floor, random) {
                instruction.accounts[place].pubkey = key;
            }
        }
        6 => {
            instruction.accounts[place].pubkey =
                instruction.accounts[random.random_range(0..count)].pubkey
        }
        7 => {
            if let Some(meta) = one_that(instruction, |meta| meta.is_signer, random) {
                meta.is_signer = false;
            }
        }
        8 => {
            if let Some(meta) = one_that(instruction, |meta| meta.is_writable, random) {
                meta.is_writable = false;
            }
        }
        9 => {
            // Somebody else signs.
            for meta in instruction
                .accounts
                .iter_mut()
                .filter(|meta| meta.is_signer)
            {
                meta.pubkey = floor.actors.anybody(random);
            }
        }
        10 => {
            instruction.accounts.remove(place);
        }
        11 => {
            if let Some(key) = any_key(floor, random) {
                instruction.accounts.push(AccountMeta::new(key, false));
            }
        }
        12..14 => {
            let twins = twins(floor);
            let own = |meta: &AccountMeta| twins.contains_key(&meta.pubkey);
            if let Some(meta) = one_that(instruction, own, random) {
                meta.pubkey = twins[&meta.pubkey];
            }
        }
        _ => numbers(&mut instruction.data, random),
    }
}

fn one_that<'a>(
    instruction: &'a mut Instruction,
    fits: impl Fn(&AccountMeta) -> bool,
    random: &mut ChaCha8Rng,
) -> Option<&'a mut AccountMeta> {
    let metas = instruction.accounts.iter_mut();
    let fitting: Vec<&mut AccountMeta> = metas.filter(|meta| fits(meta)).collect();
    let chosen = random.random_range(0..fitting.len().max(1));
    fitting.into_iter().nth(chosen)
}

/// Accounts of the exchange, each with the one that has its part in the other exchange.
fn twins(floor: &Floor) -> HashMap<Pubkey, Pubkey> {
    let (home, away) = (floor.addresses(), &floor.away.addresses);
    let mut twins = HashMap::from([
        (home.exchange, away.exchange),
        (home.board, away.board),
        (home.insurance_fund(), away.insurance_fund()),
    ]);
    for (mine, theirs) in floor.home.mints.iter().zip(&floor.away.mints) {
        twins.insert(home.bank(mine), away.bank(theirs));
        twins.insert(home.vault(mine), away.vault(theirs));
        twins.insert(*mine, *theirs);
    }
    for market in floor.markets() {
        twins.insert(home.market(&market.terms), away.market(&market.terms));
    }
    for (key, account) in floor.accounts() {
        let number = account.sub_account;
        twins.insert(key, away.margin_account(&account.owner, number));
    }
    twins
}

/// Replaces eight bytes behind the discriminator, or one.
fn numbers(data: &mut [u8], random: &mut ChaCha8Rng) {
    const EXTREME: [u64; 8] = [
        0,
        1,
        2,
        u64::MAX,
        u64::MAX - 1,
        i64::MAX as u64,
        i64::MIN as u64,
        1 << 32,
    ];
    const BEHIND: usize = 8;
    if data.len() <= BEHIND {
        return;
    }
    let at = random.random_range(BEHIND..data.len());
    let word = EXTREME.choose(random).copied().unwrap_or(0).to_le_bytes();
    match data.get_mut(at..at + 8) {
        Some(place) if random.random() => place.copy_from_slice(&word),
        _ => data[at] = random.random(),
    }
}

/// Another account of the same owner and kind.
fn alike(floor: &Floor, key: &Pubkey, random: &mut ChaCha8Rng) -> Option<Pubkey> {
    const TAG_LEN: usize = 8;
    let account = floor.books.account(key)?;
    let same: Vec<Pubkey> = floor
        .books
        .keys()
        .filter(|other| {
            floor.books.account(other).is_some_and(|other| {
                other.owner == account.owner
                    && other.data.len() == account.data.len()
                    && (account.owner != ballast::ID
                        || other.data.get(..TAG_LEN) == account.data.get(..TAG_LEN))
            })
        })
        .copied()
        .collect();
    same.choose(random).copied()
}

fn any_key(floor: &Floor, random: &mut ChaCha8Rng) -> Option<Pubkey> {
    if random.random_ratio(1, 5) {
        return Some(floor.actors.anybody(random));
    }
    let keys: Vec<Pubkey> = floor.books.keys().copied().collect();
    keys.choose(random).copied()
}
