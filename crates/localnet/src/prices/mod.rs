//! Prices that walk: written to the oracle stubs' accounts with the cluster's time.

mod control;
mod walk;

pub use control::{Action, CONTROL_FILE, Command, parse_commands};
pub use walk::{Asset, Walk, WalkOptions};

use crate::retry::Patience;
use crate::sender::Sender;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anyhow::{Context, Result};
use ballast_client::rpc::Connection;
use ballast_client::{ExchangeAddresses, instructions};
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Prices are written in units of 10^-8, as most of Pyth's.
const EXPONENT: i32 = -8;
const UNIT: f64 = 1e8;
/// How often the first prices are tried.
const FIRST_TRIES: u32 = 20;

/// A feed at the oracle stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its name, such as `SOL/USD`.
    pub name: String,
    /// Its id: the name, padded with zeros.
    pub id: [u8; 32],
    /// Which of Pyth's programs the stub stands in for.
    pub program: Pubkey,
    /// Where its price stands.
    pub account: Pubkey,
}

impl Feed {
    /// The feed of a name, of which the first 32 bytes count, as one of the stub's two programs writes it.
    pub fn new(name: &str, program: Pubkey) -> Self {
        let mut id = [0; 32];
        let len = name.len().min(id.len());
        id[..len].copy_from_slice(&name.as_bytes()[..len]);
        Self {
            name: name.to_owned(),
            account: oracle_stub::price_address(&program, &id),
            program,
            id,
        }
    }

    /// The ticker of what it prices: `SOL` for `SOL/USD`.
    pub fn ticker(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// How a configuration names it: the id in hexadecimal, or for the legacy layout the account.
    pub fn written_id(&self) -> String {
        if self.program == oracle_stub::ORACLE_ID {
            return self.account.to_string();
        }
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What writes a price. Signer: payer.
    pub fn write(&self, payer: &Pubkey, quote: &Quote, publish_time: i64) -> Instruction {
        let units = |dollars: f64| (dollars * UNIT).round().max(1.0);
        let price = StubPrice {
            id: self.id,
            price: units(quote.price) as i64,
            confidence: units(quote.confidence) as u64,
            ema: units(quote.ema) as i64,
            exponent: EXPONENT,
            publish_time,
            good: true,
        };
        oracle_stub::write(&self.program, payer, &price)
    }
}

/// A price in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// The price.
    pub price: f64,
    /// Its confidence interval.
    pub confidence: f64,
    /// Its average.
    pub ema: f64,
}

/// How prices are pushed.
#[derive(Clone, Debug)]
pub struct PriceOptions {
    /// How they walk.
    pub walk: WalkOptions,
    /// How often they are written.
    pub every: Duration,
    /// Whether the board is refreshed in the same transaction; otherwise that is a keeper's work.
    pub refresh: bool,
    /// A file from which [`Command`]s are taken, a line each; it is removed when it has been read.
    pub control: Option<PathBuf>,
}

impl Default for PriceOptions {
    fn default() -> Self {
        Self {
            walk: WalkOptions::default(),
            every: Duration::from_secs(3),
            refresh: false,
            control: None,
        }
    }
}

/// A running price pusher. It stops when this is dropped.
pub struct Prices {
    walk: Arc<Mutex<Walk>>,
    refresh: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Prices {
    /// Starts to walk from the last prices of the feeds' accounts, or from realistic levels where there are none. The first prices are written when this
    /// returns.
    ///
    /// # Errors
    /// When the first prices cannot be written.
    pub async fn start(
        connection: Connection,
        payer: &Keypair,
        addresses: ExchangeAddresses,
        feeds: Vec<Feed>,
        options: PriceOptions,
    ) -> Result<Self> {
        let tickers: Vec<&str> = feeds.iter().map(Feed::ticker).collect();
        let mut walk = Walk::new(&tickers, &options.walk);
        let keys: Vec<Pubkey> = feeds.iter().map(|feed| feed.account).collect();
        let accounts = connection.accounts(&keys).await?;
        for (feed, account) in feeds.iter().zip(accounts) {
            let point = account.and_then(|(owner, update)| {
                ballast_client::oracle::PricePoint::read(&feed.account, &owner, &update.data)
            });
            if let Some(point) = point {
                walk.apply(&Command::set(feed.ticker(), point.dollars()));
            }
        }
        let walk = Arc::new(Mutex::new(walk));
        let refresh = Arc::new(AtomicBool::new(options.refresh));
        let mut pusher = Pusher {
            sender: Sender::new(&connection, payer),
            payer: payer.pubkey(),
            connection,
            addresses,
            feeds,
            walk: walk.clone(),
            refresh: refresh.clone(),
            options,
            last: 0,
        };
        let mut tries = 0;
        while let Err(error) = pusher.push().await {
            tries += 1;
            if tries >= FIRST_TRIES {
                return Err(error).context("the first prices");
            }
            // A ledger that has just been taken up may not know the time yet.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let task = tokio::spawn(pusher.run());
        Ok(Self {
            walk,
            refresh,
            task,
        })
    }

    /// Changes prices by hand; the next push has them. Returns whether the ticker is known.
    pub fn apply(&self, command: &Command) -> bool {
        lock(&self.walk).apply(command)
    }

    /// For whoever sets prices from elsewhere.
    pub(crate) fn walk(&self) -> Arc<Mutex<Walk>> {
        self.walk.clone()
    }

    /// Whether the board is refreshed from now on when prices are written.
    pub fn set_refresh(&self, refresh: bool) {
        self.refresh.store(refresh, Ordering::Relaxed);
    }

    /// The present price of a ticker, US dollars.
    pub fn price(&self, ticker: &str) -> Option<f64> {
        lock(&self.walk).quote(ticker).map(|quote| quote.price)
    }
}

impl Drop for Prices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn lock(walk: &Mutex<Walk>) -> std::sync::MutexGuard<'_, Walk> {
    walk.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Pusher {
    connection: Connection,
    sender: Sender,
    payer: Pubkey,
    addresses: ExchangeAddresses,
    feeds: Vec<Feed>,
    walk: Arc<Mutex<Walk>>,
    refresh: Arc<AtomicBool>,
    options: PriceOptions,
    /// The last publish time.
    last: i64,
}

impl Pusher {
    async fn run(mut self) {
        let mut ticks = interval(self.options.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patience = Patience::new("prices");
        let mut stepped = Instant::now();
        loop {
            ticks.tick().await;
            self.take_commands();
            lock(&self.walk).step(stepped.elapsed().as_secs_f64());
            stepped = Instant::now();
            patience.note(self.push().await);
        }
    }

    /// Takes what stands in the control file.
    fn take_commands(&self) {
        let Some(path) = &self.options.control else {
            return;
        };
        let Ok(text) = std::fs::read_to_string(path) else {
            return;
        };
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!("cannot remove {}: {error}", path.display());
            return;
        }
        match parse_commands(&text) {
            Ok(commands) => {
                for command in commands {
                    let known = lock(&self.walk).apply(&command);
                    tracing::info!(%command, known, "price set by hand");
                }
            }
            Err(problem) => tracing::warn!("{}: {problem}", path.display()),
        }
    }

    /// Writes the present prices with the cluster's time.
    async fn push(&mut self) -> Result<()> {
        let time = self.connection.time().await?.unix;
        if time <= self.last {
            // The cluster has not got any further; the same time would be refused.
            return Ok(());
        }
        let payer = self.payer;
        let (mut batch, mut accounts) = (Vec::new(), Vec::new());
        for feed in &self.feeds {
            let quote = lock(&self.walk).quote(feed.ticker());
            if let Some(quote) = quote {
                batch.push(feed.write(&payer, &quote, time));
                accounts.push(feed.account);
            }
        }
        if accounts.is_empty() {
            return Ok(());
        }
        if self.refresh.load(Ordering::Relaxed) {
            batch.push(instructions::refresh_prices(&self.addresses, &accounts));
        }
        self.sender.send(batch).await?;
        self.last = time;
        Ok(())
    }
}
