//! Instructions of the exchange's admin.

mod add_asset;
mod add_market;
mod add_underlying;
mod bounds;
mod init_exchange;

pub use add_asset::*;
pub use add_market::*;
pub use add_underlying::*;
pub use init_exchange::*;
