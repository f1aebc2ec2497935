//! What the `ballast` command does, for its binary and for tests.

#[cfg(feature = "cluster")]
pub mod exchange;
pub mod input;
pub mod risk;
