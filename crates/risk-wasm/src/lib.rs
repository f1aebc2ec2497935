//! The margin engine in the browser: the code that the program runs on chain, over the bytes of the same three accounts.
//!
//! [`Engine`] takes the accounts and answers [`request::Request`]s in JSON. Compiled to WebAssembly, the module `abi` offers it over byte buffers;
//! `app/src/engine/engine.ts` calls that, and `app/src/engine/types.ts` is written from the types here by the tests.
//!
//! Every figure comes from [`ballast_state::health`] and [`ballast_risk`]; nothing is worked out in floats or a second time. Whether an action would
//! be allowed follows the program's checks in their order, as far as the loaded accounts tell.

#[macro_use]
pub mod wire;

#[cfg(target_arch = "wasm32")]
pub mod abi;
pub mod assess;
pub mod change;
pub mod curves;
mod engine;
mod failure;
pub mod greeks;
pub mod quotes;
pub mod request;
#[cfg(test)]
mod typescript;
pub mod venue;

pub use engine::{Engine, LiquidationMarksAnswer, Which};
pub use failure::{Failure, Refusal};
