//! What the `ballast` command does, for its binary and for tests.

#[cfg(feature = "cluster")]
mod account;
#[cfg(feature = "cluster")]
mod amounts;
#[cfg(feature = "cluster")]
mod asset;
#[cfg(feature = "cluster")]
mod book;
pub mod cli;
#[cfg(feature = "cluster")]
mod context;
#[cfg(feature = "cluster")]
mod event;
#[cfg(feature = "cluster")]
mod exchange;
#[cfg_attr(
    not(feature = "cluster"),
    allow(
        dead_code,
        reason = "most of it is for commands that talk to a cluster"
    )
)]
mod failure;
pub mod input;
#[cfg(feature = "cluster")]
mod keeper;
#[cfg(feature = "cluster")]
mod liquidation;
#[cfg(feature = "cluster")]
mod market;
#[cfg(feature = "cluster")]
mod names;
#[cfg(feature = "cluster")]
mod order;
#[cfg_attr(
    not(feature = "cluster"),
    allow(
        dead_code,
        reason = "most of it is for commands that talk to a cluster"
    )
)]
mod output;
#[cfg(feature = "cluster")]
mod price;
pub mod risk;
