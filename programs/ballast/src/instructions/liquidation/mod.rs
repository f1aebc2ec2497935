//! Instructions that anyone may call on an account below its maintenance margin.

mod auto_deleverage;
mod flag;
mod insurance;
mod liquidate;
mod resolve_bankruptcy;
mod slice;
mod start_liquidation;

pub use auto_deleverage::*;
pub use flag::*;
pub use liquidate::*;
pub use resolve_bankruptcy::*;
pub use slice::{share_of, split, stays_with_losses};
pub use start_liquidation::*;
