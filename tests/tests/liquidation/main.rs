//! Liquidation: flagging, the auction, what a slice takes and pays, and who may not take part.

mod auction;
mod clock;
mod insolvent;
mod netting;
mod owner;
mod portfolios;
mod refusals;
mod rounding;
mod scene;
mod slots;
