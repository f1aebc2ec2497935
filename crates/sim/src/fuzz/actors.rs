//! Who takes part.

use anchor_lang::prelude::Pubkey;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::HashMap;
use std::ops::Range;

/// Admin at the beginning. Authorities change hands among all actors.
pub const ADMIN: usize = 0;
/// Risk authority at the beginning.
pub const RISK: usize = 1;
/// Guardian at the beginning.
pub const GUARDIAN: usize = 2;
/// Posts the volatility surfaces.
pub const SURFACE: usize = 3;
/// Traders, with little money.
pub const OWNERS: Range<usize> = 4..9;
/// Makers, with much.
pub const MAKERS: Range<usize> = 9..11;
/// Liquidators, with more.
pub const LIQUIDATORS: Range<usize> = 11..13;
/// Named as delegates by others.
pub const DELEGATES: Range<usize> = 13..15;
/// Open accounts late or never, and sign where they should not.
pub const STRANGERS: Range<usize> = 15..18;
/// Keys without a part, for new exchanges.
const SPARE: Range<usize> = 18..58;

/// The keys of all of them.
pub struct Actors {
    keys: Vec<Keypair>,
    by_key: HashMap<Pubkey, usize>,
}

impl Actors {
    /// Always the same keys.
    pub fn new() -> Self {
        let key = |number: usize| {
            let mut secret = [0xac; 32];
            secret[0] = number as u8;
            Keypair::new_from_array(secret)
        };
        let keys: Vec<Keypair> = (0..SPARE.end).map(key).collect();
        let by_key = keys.iter().enumerate();
        let by_key = by_key.map(|(number, key)| (key.pubkey(), number)).collect();
        Self { keys, by_key }
    }

    /// Everybody's number.
    pub fn everybody() -> Range<usize> {
        0..SPARE.start
    }

    /// The public key of a number.
    pub fn key(&self, number: usize) -> Pubkey {
        self.keys[number].pubkey()
    }

    /// The signing key of a public one, of somebody who takes part.
    pub fn signer(&self, key: &Pubkey) -> Option<&Keypair> {
        self.by_key.get(key).map(|number| &self.keys[*number])
    }

    /// Anybody.
    pub fn anybody(&self, random: &mut ChaCha8Rng) -> Pubkey {
        self.key(random.random_range(Self::everybody()))
    }

    /// Somebody in a range of numbers.
    pub fn one_of(&self, range: Range<usize>, random: &mut ChaCha8Rng) -> Pubkey {
        self.key(random.random_range(range))
    }

    /// A key that no account in the snapshot has.
    pub fn spare(
        &self,
        taken: impl Fn(&Pubkey) -> bool,
        random: &mut ChaCha8Rng,
    ) -> Option<Pubkey> {
        let free: Vec<Pubkey> = SPARE
            .map(|number| self.key(number))
            .filter(|key| !taken(key))
            .collect();
        free.choose(random).copied()
    }
}
