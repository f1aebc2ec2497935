//! An embedded Solana VM with a Ballast exchange in it.
//!
//! Tests, the demo and benchmarks all run the real on-chain programs in LiteSVM through this crate: [`World`] is the
//! cluster, [`Venue`] an exchange on it with its tokens and prices, [`conservation`] the books that must balance, [`fuzz`] who tries to
//! break them.

pub mod conservation;
pub mod demo;
pub mod fuzz;
mod native;
pub mod path;
pub mod probe;
pub mod report;
mod venue;
mod world;

pub use venue::{AssetSpec, Limits, PriceSource, Venue, VenueConfig};
pub use world::{CodedError, Refusal, World, deploy_folder, read_program};
