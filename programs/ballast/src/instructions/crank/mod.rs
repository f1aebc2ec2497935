//! Instructions that keep the exchange moving. Anyone may call them, but for a volatility surface, which its authority posts.

mod accrue_interest;
mod close_market;
mod collect_fees;
mod finalize_settlement;
mod list_series;
mod post_surface;
mod prune_order;
mod refresh_prices;
mod settle_pnl;
mod settle_position;
mod update_funding;

pub use accrue_interest::*;
pub use close_market::*;
pub use collect_fees::*;
pub use finalize_settlement::*;
pub use list_series::*;
pub use post_surface::*;
pub use prune_order::*;
pub use refresh_prices::*;
pub use settle_pnl::*;
pub use settle_position::*;
pub use update_funding::*;
