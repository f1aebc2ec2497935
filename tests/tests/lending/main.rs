//! Lending: accrual of interest, what must wait for it, rounding, loans, transfers, delegates and the exchange's fees.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

mod accrual;
mod delegates;
mod fees;
mod loans;
mod model;
mod rounding;
mod scene;
mod transfers;
mod waiting;
