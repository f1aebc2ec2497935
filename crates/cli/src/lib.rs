//! What the `ballast` command does, for its binary and for tests.

pub mod exchange;
pub mod input;
pub mod risk;
