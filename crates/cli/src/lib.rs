//! What the `ballast` command does, for its binary and for tests.

pub mod input;
pub mod risk;
