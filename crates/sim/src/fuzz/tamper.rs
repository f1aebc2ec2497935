//! What an attacker changes about a transaction.

use super::actions::Plan;
use super::calls;
use super::floor::Floor;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

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
    match random.random_range(0..14) {
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
        7 => instruction.accounts[place].is_signer = false,
        8 => instruction.accounts[place].is_writable = false,
        9 => {
            // Somebody else signs.
            let signers = instruction.accounts.iter_mut();
            let signers: Vec<&mut AccountMeta> = signers.filter(|meta| meta.is_signer).collect();
            for meta in signers {
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
        _ => numbers(&mut instruction.data, random),
    }
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
