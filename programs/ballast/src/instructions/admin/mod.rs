//! Instructions of the exchange's authorities.

mod add_asset;
mod add_market;
mod add_underlying;
mod authority;
mod bounds;
mod derivatives;
mod feed;
mod init_exchange;
mod mint;
mod set_pause;
mod update_asset;
mod withdraw_fees;
mod withdraw_insurance;

pub use add_asset::*;
pub use add_market::*;
pub use add_underlying::*;
pub use authority::*;
pub use derivatives::*;
pub use feed::*;
pub use init_exchange::*;
pub use set_pause::*;
pub use update_asset::*;
pub use withdraw_fees::*;
pub use withdraw_insurance::*;
