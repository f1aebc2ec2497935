//! Attacks on the liquidation: what the attacker gains with all his accounts at marks, and what others lose.

mod blocking;
mod cells;
mod flags;
mod gifts;
mod insiders;
mod prices;
mod races;
mod ruin;
mod scene;
mod settling;
mod slivers;
mod waterfall;
