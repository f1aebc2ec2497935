//! The accounts of Ballast: their byte layout, their invariants, the ledger operations on them, and
//! [`health::View::assess`], the portfolio margin of one account from exactly three of them.
//!
//! Everything here works on plain bytes (`bytemuck`), so the on-chain program, bots and the browser share it. The
//! feature `anchor` adds the traits that Anchor's `AccountLoader` needs.
//!
//! Every struct has a fixed size without implicit padding, 8-byte aligned, checked at compile time. An account's data is
//! an 8-byte tag followed by the struct. 128-bit numbers are stored as two words ([`StoredI80F48`]), because the
//! tag leaves them only 8-byte aligned.

// Anchor's macros want the standard library; everything else does without, and without floats.
#![cfg_attr(not(any(test, feature = "anchor")), no_std)]
#![cfg_attr(not(test), deny(clippy::float_arithmetic))]

extern crate alloc;

#[macro_use]
mod layout;

mod bank;
mod board;
mod error;
mod exchange;
mod expiry;
pub mod health;
pub mod ledger;
mod margin_account;
mod market;
pub mod seeds;
mod trading;

pub use bank::*;
pub use board::*;
pub use error::StateError;
pub use exchange::*;
pub use expiry::*;
pub use layout::{StoredI80F48, Tagged, view};
pub use margin_account::*;
pub use market::*;
pub use trading::FillMargin;

pub use solana_pubkey::Pubkey;

/// Address of the program on every cluster.
pub const ID: Pubkey = Pubkey::from_str_const("GXDMg1wQgWB3U92DXiQ5NeDGWMm5gDnKkHxZ4ZG1e6pP");

/// Assets an exchange can list. Asset 0 is the quote asset.
pub const ASSETS_MAX: usize = 32;
/// Underlyings an exchange can list.
pub const UNDERLYINGS_MAX: usize = 32;
/// Price feeds an exchange can define.
pub const FEEDS_MAX: usize = 64;
/// Pairs of different underlyings.
pub const CORRELATIONS_MAX: usize = UNDERLYINGS_MAX * (UNDERLYINGS_MAX - 1) / 2;
/// Balances of one margin account.
pub const BALANCES_MAX: usize = 16;
/// Positions of one margin account.
pub const POSITIONS_MAX: usize = 32;
/// Resting orders of one margin account.
pub const ORDERS_MAX: usize = 16;
/// Tenors of a volatility surface.
pub const TENORS: usize = 6;

/// The quote asset: every value and every premium is in its smallest unit.
pub const QUOTE_ASSET: u8 = 0;
/// Decimals of the quote asset.
pub const QUOTE_DECIMALS: u8 = 6;
/// "No such entry" where an index is optional.
pub const NONE: u8 = u8::MAX;
