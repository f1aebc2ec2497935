//! One asset's tokens: totals, caps and where the vault is.

use crate::StoredI80F48;
#[cfg(feature = "anchor")]
use anchor_lang::{Discriminator, prelude::zero_copy};
use solana_pubkey::Pubkey;

layout! {
    /// The bank of one asset. Vault tokens + loans >= deposits + settlement pools + fees, always.
    account Bank [312] b"bank\0\0\0\0" {
        /// Its exchange.
        pub exchange: Pubkey,
        /// Mint of its tokens.
        pub mint: Pubkey,
        /// Token account that holds them; the bank itself is its authority.
        pub vault: Pubkey,
        /// Sum of all positive shares.
        pub deposit_shares: StoredI80F48,
        /// Sum of all negative shares, as a positive number.
        pub borrow_shares: StoredI80F48,
        /// Quote asset only: sum of the settlement pools of all markets, native units.
        pub settlement_pools: u64,
        /// Fees that belong to the exchange, native units.
        pub fees: u64,
        /// Largest sum of deposits, native units.
        pub deposit_cap: u64,
        /// Largest sum of loans, native units.
        pub borrow_cap: u64,
        /// Largest net outflow in one window, native units.
        pub outflow_limit: u64,
        /// Length of the window, seconds.
        pub outflow_window_s: u64,
        /// Start of the present window, unix seconds.
        pub outflow_window_start: i64,
        /// Net outflow in the present window, native units.
        pub outflow: i64,
        /// Room.
        pub reserved: [u64; 14],
        /// Index of the asset in the exchange.
        pub asset: u8,
        /// Bump of the bank's address.
        pub bump: u8,
        /// Bump of the vault's address.
        pub vault_bump: u8,
        /// Fills the word.
        pub padding: [u8; 5],
    }
}

offsets!(Bank {
    exchange: 0,
    mint: 32,
    vault: 64,
    deposit_shares: 96,
    borrow_shares: 112,
    settlement_pools: 128,
    fees: 136,
    asset: 304,
});
