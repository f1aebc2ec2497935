//! Instructions that anyone may call on an account below its maintenance margin.

mod flag;
mod liquidate;
mod slice;
mod start_liquidation;

pub use flag::*;
pub use liquidate::*;
pub use start_liquidation::*;
