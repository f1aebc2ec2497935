//! The mathematics of Ballast's portfolio margin.
//!
//! Pure functions over integers: no Solana types, no allocation, no floats, no panics on any input the types allow.
//! The same code runs in the on-chain program, in keepers and clients, and in the browser.
//!
//! # Units
//! - **quote units**: the smallest unit of the quote asset (1e-6 USDC), as `i64`; the numeraire of every value
//! - **Q32**: a fraction times 2^32 (`u64` or `i64`): ratios, ranges, haircuts, volatilities (annualised), fractions
//! - **I80F48**: prices in quote units per native unit of a token or underlying, and interest indexes
//!
//! Rounding that matters is in the name: `_floor` towards minus infinity, `_ceil` towards plus infinity.
#![no_std]
#![cfg_attr(not(test), deny(clippy::float_arithmetic))]
#![forbid(unsafe_code)]

pub mod funding;
pub mod interest;
pub mod liquidation;
pub mod margin;
pub mod normal;
pub mod numbers;
pub mod planted;
pub mod pricing;
#[cfg(test)]
mod proofs;
pub mod scenarios;
pub mod surface;
pub mod time;
pub mod volatility;
mod word;

pub use numbers::{Overflow, Q32_ONE};
