//! Instructions that anyone may call to keep the exchange moving.

mod accrue_interest;
mod refresh_prices;
mod settle_pnl;

pub use accrue_interest::*;
pub use refresh_prices::*;
pub use settle_pnl::*;
