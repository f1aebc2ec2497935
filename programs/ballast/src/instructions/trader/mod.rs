//! Instructions of traders, and the filling of their orders.

mod cancel_all;
mod cancel_order;
mod close_account;
mod deposit;
mod fill_order;
mod matching;
mod open_account;
mod order;
mod place_and_fill;
mod place_order;
mod set_delegate;
mod transfer;
mod withdraw;

pub use cancel_all::*;
pub use cancel_order::*;
pub use close_account::*;
pub use deposit::*;
pub use fill_order::*;
pub use open_account::*;
pub use order::{OrderArgs, OrderType};
pub use place_and_fill::*;
pub use place_order::*;
pub use set_delegate::*;
pub use transfer::*;
pub use withdraw::*;
