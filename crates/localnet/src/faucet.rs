//! The faucet: SOL and test tokens for anybody's wallet.

use crate::cluster::connect;
use crate::folder::Description;
use crate::sender::Sender;
use crate::tokens::{LAMPORTS, funding};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, anyhow, ensure};
use ballast_client::rpc::Connection;
use ballast_client::state::{Board, Exchange};
use serde::Serialize;
use solana_keypair::read_keypair_file;
use solana_signer::Signer as _;
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// SOL that a wallet gets when nobody says how much.
pub const USUAL_SOL: f64 = 100.0;
/// US dollars' worth of each token that a wallet gets when nobody says how much.
pub const USUAL_DOLLARS: f64 = 100_000.0;

/// Gives to one wallet after the other. Needs a tokio runtime.
pub struct Faucet {
    connection: Connection,
    sender: Mutex<Sender>,
    key: Pubkey,
    exchange: Pubkey,
    /// Tickers by mint.
    names: BTreeMap<String, String>,
}

/// What was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gift {
    /// SOL for fees and rent.
    pub sol: f64,
    /// Whole tokens by ticker.
    pub tokens: BTreeMap<String, f64>,
    /// The transaction.
    pub signature: String,
}

impl Faucet {
    /// That of a running localnet.
    ///
    /// # Errors
    /// When its key cannot be read, or the description is damaged.
    pub fn open(description: &Description) -> Result<Self> {
        let path = &description.faucet_keypair;
        let key = read_keypair_file(path)
            .map_err(|error| anyhow!("the key {}: {error}", path.display()))?;
        let exchange = description.exchange.parse();
        let connection = connect(&description.url);
        let names = description.mints.iter();
        Ok(Self {
            sender: Mutex::new(Sender::new(&connection, &key)),
            connection,
            key: key.pubkey(),
            exchange: exchange.context("localnet.json has no exchange")?,
            names: names
                .map(|(name, mint)| (mint.clone(), name.clone()))
                .collect(),
        })
    }

    /// Gives a wallet SOL, and so many US dollars' worth of every listed token at the board's prices.
    ///
    /// # Errors
    /// When the cluster cannot be reached or refuses the transaction; when the board has no prices yet.
    pub async fn give(&self, wallet: &Pubkey, sol: f64, dollars: f64) -> Result<Gift> {
        // One after the other, from the first reading on.
        let mut sender = self.sender.lock().await;
        let (tokens, amounts) = self
            .worth(dollars)
            .await
            .context("is the localnet running?")?;
        let lamports = (sol * LAMPORTS as f64).round() as u64;
        let instructions = funding(&self.key, wallet, lamports, amounts.into_iter())?;
        ensure!(!instructions.is_empty(), "nothing is to be given");
        let sent = sender.send(instructions).await?;
        Ok(Gift {
            sol,
            tokens,
            signature: sent.signature.to_string(),
        })
    }

    /// What so many US dollars are of every listed token: whole tokens by ticker, and native units by mint.
    async fn worth(&self, dollars: f64) -> Result<(BTreeMap<String, f64>, Vec<(Pubkey, u64)>)> {
        let exchange = self.connection.read::<Exchange>(&self.exchange).await?;
        let exchange = exchange.context("there is no exchange")?;
        let board = self.connection.read::<Board>(&exchange.board).await?;
        let board = board.context("there is no board")?;
        let (mut tokens, mut amounts) = (BTreeMap::new(), Vec::new());
        for asset in &exchange.assets[..usize::from(exchange.asset_count)] {
            let price: f64 = board.price(asset.feed)?.price.get().to_num();
            ensure!(price > 0.0, "the board has no prices yet");
            // Prices are millionths of a dollar per native unit.
            let amount = (dollars * 1e6 / price).round() as u64;
            let mint = asset.mint.to_string();
            let name = self.names.get(&mint).cloned().unwrap_or(mint);
            let whole = amount as f64 / 10f64.powi(i32::from(asset.decimals));
            tokens.insert(name, whole);
            amounts.push((asset.mint, amount));
        }
        Ok((tokens, amounts))
    }
}
