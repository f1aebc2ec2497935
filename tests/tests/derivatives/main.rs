//! Derivatives: funding of perpetuals, option series, dated futures, settlement, the volatility surface, and how markets end.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

mod closing;
mod fees;
mod funding;
mod funding_history;
mod funding_model;
mod funding_payments;
mod payoffs;
mod pending;
mod scene;
mod series;
mod settlement;
mod stale_surface;
mod surface;
mod window;
