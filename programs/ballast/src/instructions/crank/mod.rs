//! Instructions that anyone may call to keep the exchange moving.

mod refresh_prices;
mod settle_pnl;

pub use refresh_prices::*;
pub use settle_pnl::*;
