//! Matching: sweeps through several makers' orders, kinds of orders, taking many back at once, pruning, and what is special about options.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

mod cancelling;
mod events;
mod kinds;
mod option_fees;
mod option_margin;
mod option_status;
mod pruning;
mod refusals;
mod scene;
mod skipped;
mod sweeps;
mod takers;
