//! Who pays for accounts that are worth less than nothing: the insurance fund, counterparties in profit, depositors; and liquidations of random
//! portfolios against calculations in double precision.

mod adl_markets;
mod adl_price;
mod adl_refusals;
mod crash;
mod golden;
mod insurance;
mod loss_refusals;
mod losses;
mod model;
mod portfolios;
mod scene;
