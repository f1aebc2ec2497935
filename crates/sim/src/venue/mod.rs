//! An exchange on a [`World`]: tokens, feeds, assets, perpetuals, with reference parameters.

mod actions;
mod config;
mod limits;
mod parameters;

pub use config::{AssetSpec, PriceSource, VenueConfig};
pub use limits::Limits;

use crate::world::World;
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result};
use ballast_client::args::FeedChoice;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{Bank, Board, Exchange, MarginAccount, Market, MarketTerms};
use ballast_client::units::native;
use ballast_client::{ExchangeAddresses, instructions};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// An exchange with everything needed to use it.
pub struct Venue {
    /// Its addresses.
    pub addresses: ExchangeAddresses,
    /// Its admin.
    pub admin: Keypair,
    /// Its tokens' mints, in the order of the assets.
    pub mints: Vec<Pubkey>,
    /// What it was made from.
    pub config: VenueConfig,
    seed: u8,
}

impl Venue {
    /// Sets an exchange up by ordinary transactions. Venues of different seeds live side by side in one world.
    ///
    /// # Errors
    /// When a transaction is refused.
    pub fn create(world: &mut World, config: VenueConfig, seed: u8) -> Result<Self> {
        let key = |number: u8| {
            let mut secret = [0x5a; 32];
            secret[0] = seed;
            secret[1] = number;
            Keypair::new_from_array(secret)
        };
        let (exchange, board, admin) = (key(1), key(2), key(3));
        let mut venue = Self {
            addresses: ExchangeAddresses {
                exchange: exchange.pubkey(),
                board: board.pubkey(),
            },
            admin,
            mints: Vec::new(),
            config,
            seed,
        };
        let init = instructions::init_exchange(
            &venue.addresses,
            &venue.admin.pubkey(),
            &world.payer.pubkey(),
            |len| world.svm.minimum_balance_for_rent_exemption(len),
            Self::exchange_args(&venue.admin.pubkey()),
        );
        world
            .send(&init, &[&exchange, &board, &venue.admin])
            .context("init_exchange")?;
        for index in 0..venue.config.assets.len() {
            let mint = key(10 + index as u8);
            world.create_mint(&mint, venue.config.assets[index].decimals)?;
            venue.mints.push(mint.pubkey());
            venue.list(world, index)?;
        }
        let prices: Vec<f64> = venue
            .config
            .assets
            .iter()
            .map(|asset| asset.price)
            .collect();
        venue.set_prices(world, &prices).context("first prices")?;
        Ok(venue)
    }

    /// A copy, for a copy of its world.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            addresses: self.addresses,
            admin: self.admin.insecure_clone(),
            mints: self.mints.clone(),
            config: self.config.clone(),
            seed: self.seed,
        }
    }

    fn list(&self, world: &mut World, index: usize) -> Result<()> {
        let name = self.config.assets[index].name;
        let (admin, payer) = (self.admin.pubkey(), world.payer.pubkey());
        let mut feed = FeedChoice::New(self.feed_args(index));
        if index > 0 {
            let args = self.underlying_args(index);
            let add = instructions::add_underlying(&self.addresses, &admin, args);
            world
                .send(&[add], &[&self.admin])
                .with_context(|| format!("add_underlying {name}"))?;
            feed = FeedChoice::Existing(index as u8);
        }
        let args = self.asset_args(index, feed);
        let add =
            instructions::add_asset(&self.addresses, &admin, &payer, &self.mints[index], args);
        world
            .send(&[add], &[&self.admin])
            .with_context(|| format!("add_asset {name}"))?;
        if index > 0 {
            let add =
                instructions::add_market(&self.addresses, &admin, &payer, self.market_args(index));
            world
                .send(&[add], &[&self.admin])
                .with_context(|| format!("add_market {name}"))?;
        }
        Ok(())
    }

    /// Feed id of the `index`th token.
    pub fn feed_id(&self, index: usize) -> [u8; 32] {
        let mut id = [self.seed; 32];
        id[0] = index as u8;
        id[1] = 0xfe;
        id
    }

    /// The Pyth account of the `index`th token.
    pub fn price_account(&self, index: usize) -> Pubkey {
        oracle_stub::price_address(
            &self.config.assets[index].source.program(),
            &self.feed_id(index),
        )
    }

    /// Terms of the perpetual on the `index`th token.
    pub fn perpetual(index: usize) -> MarketTerms {
        MarketTerms::perpetual(index as u8 - 1)
    }

    /// A price in dollars as quote units per lot, on the tick.
    pub fn price_per_lot(&self, index: usize, dollars: f64) -> u64 {
        let spec = &self.config.assets[index];
        let per_lot = dollars * 1e6 * spec.lot_size as f64 / 10f64.powi(i32::from(spec.decimals));
        (per_lot / spec.tick_size as f64).round() as u64 * spec.tick_size
    }

    /// A size in whole tokens as lots.
    pub fn lots(&self, index: usize, tokens: f64) -> u64 {
        let spec = &self.config.assets[index];
        native(tokens, spec.decimals) / spec.lot_size
    }

    /// A size in lots as whole tokens.
    pub fn tokens(&self, index: usize, lots: u64) -> f64 {
        let spec = &self.config.assets[index];
        lots as f64 * spec.lot_size as f64 / 10f64.powi(i32::from(spec.decimals))
    }

    /// Configuration, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn exchange(&self, world: &World) -> Result<Box<Exchange>> {
        world.read(&self.addresses.exchange)
    }

    /// Board, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn board(&self, world: &World) -> Result<Box<Board>> {
        world.read(&self.addresses.board)
    }

    /// Bank of the `index`th token, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn bank(&self, world: &World, index: usize) -> Result<Box<Bank>> {
        world.read(&self.addresses.bank(&self.mints[index]))
    }

    /// Perpetual on the `index`th token, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn market(&self, world: &World, index: usize) -> Result<Box<Market>> {
        world.read(&self.addresses.market(&Self::perpetual(index)))
    }

    /// The margin figures of an account, from the same bytes and the same code as the program's.
    ///
    /// # Errors
    /// When the account does not exist or its prices cannot be used for the purpose.
    pub fn assess(&self, world: &World, account: &Pubkey, purpose: Purpose) -> Result<Box<Report>> {
        let exchange = self.exchange(world)?;
        let board = self.board(world)?;
        let account = world.read::<MarginAccount>(account)?;
        let mut report = Report::boxed();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        view.assess(&account, purpose, &mut report)?;
        Ok(report)
    }
}
