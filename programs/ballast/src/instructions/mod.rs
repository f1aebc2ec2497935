//! One file per instruction, in folders by who calls.

mod guards;
mod positions;
mod vault;

pub mod admin;
pub mod crank;
pub mod liquidation;
pub mod trader;

pub use admin::*;
pub use crank::*;
pub use liquidation::*;
pub use trader::*;

use guards::{require_accrued, require_margin_to_leave, require_not_paused};
pub use positions::part_ceil;
use vault::Payment;
