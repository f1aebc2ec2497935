//! What the board takes from Pyth accounts, and what a price on it is good for.

mod divergence;
mod pyth;
mod recorded;
mod refusals;
mod stub;
mod validity;
mod volatility;
