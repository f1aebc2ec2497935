//! A month of portfolios with options, futures and a perpetual on the real program: what their margin is with netting and without, what they
//! earn against an independent calculation, and that at the end everybody has left and everything is closed.

mod books;
mod calendar_spread;
mod cash_and_carry;
mod covered_call;
mod month;
mod netting;
mod path;
mod put_spread;
mod straddle;
