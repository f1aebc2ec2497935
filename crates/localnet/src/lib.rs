//! An exchange on a local cluster: a validator with the programs, prices that move, a market maker, a keeper.
//!
//! Tests start what they need of it: a [`Cluster`] alone, an [`Exchange`] on it, [`Prices`] with it, or a whole [`Localnet`].

pub mod cluster;
mod exchange;
mod faucet;
mod folder;
mod keeper;
mod localnet;
mod maker;
mod prices;
mod retry;
mod sender;
mod surface;
mod tokens;
pub mod web;

pub use cluster::{Cluster, ClusterOptions, Preloaded};
pub use exchange::{CONFIG, Exchange, Keys};
pub use faucet::{Faucet, Gift, USUAL_DOLLARS, USUAL_SOL};
pub use folder::{Description, Folder};
pub use keeper::Keeper;
pub use localnet::{Localnet, LocalnetOptions};
pub use maker::{MakerOptions, MarketMaker};
pub use prices::{
    Action, Asset, CONTROL_FILE, Command, Feed, PriceOptions, Prices, Quote, Walk, WalkOptions,
    parse_commands,
};
pub use surface::{Surfaces, next_surface};
pub use tokens::{LAMPORTS, Token, fund, mint_to};
pub use web::AppOptions;
