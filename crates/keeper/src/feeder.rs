//! Local clusters: prices from a file into the accounts of the oracle stub.

use crate::job::{Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anyhow::{Context, Result, bail};
use ballast_client::Mirror;
use ballast_state::{Exchange, FeedKind};
use oracle_stub::{ORACLE_ID, RECEIVER_ID, StubPrice, price_address};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Prices are written with eight decimals, as Pyth's.
const EXPONENT: i32 = -8;
/// Their confidence, a part of the price: as narrow as those of large tokens.
const CONFIDENCE: f64 = 0.000_5;
/// How often they are written, seconds.
const INTERVAL_S: u64 = 2;

/// Writes what a file says to the stub's accounts.
pub struct Feeder {
    file: PathBuf,
    interval_s: u64,
    /// Program, id and name of every feed that can be written.
    feeds: Vec<StubFeed>,
    written_at: i64,
    written: BTreeMap<String, f64>,
}

struct StubFeed {
    name: String,
    program: Pubkey,
    id: [u8; 32],
}

impl Feeder {
    /// Reads nothing yet.
    pub fn new(file: PathBuf, interval_s: Option<u64>, mirror: &Mirror) -> Self {
        Self {
            file,
            interval_s: interval_s.unwrap_or(INTERVAL_S),
            feeds: stub_feeds(&mirror.exchange),
            written_at: 0,
            written: BTreeMap::new(),
        }
    }

    /// What is to be written at `now` (unix seconds): everything after the interval, and at once when the file has changed.
    ///
    /// # Errors
    /// When the file cannot be read, or names what the exchange has no feed for.
    pub fn due(&mut self, now: i64, payer: &Pubkey) -> Result<Vec<Job>> {
        let prices = read(&self.file)?;
        let due = now >= self.written_at.saturating_add_unsigned(self.interval_s);
        if now <= self.written_at || (!due && prices == self.written) {
            return Ok(Vec::new());
        }
        let mut instructions = Vec::new();
        for (name, price) in &prices {
            let Some(feed) = self.feeds.iter().find(|feed| feed.name == *name) else {
                let known: Vec<&str> = self.feeds.iter().map(|feed| &*feed.name).collect();
                bail!("there is no feed of {name}; known are {}", known.join(", "));
            };
            instructions.push(feed.write(*price, now, payer));
        }
        self.written_at = now;
        self.written = prices;
        let jobs = instructions.chunks(PER_TRANSACTION).enumerate();
        let jobs = jobs.map(|(part, instructions)| Job {
            key: JobKey::Write(part as u8),
            urgency: Class::Pricing.into(),
            instructions: instructions.to_vec(),
            value: 0,
            claims: Vec::new(),
            note: String::new(),
        });
        Ok(jobs.collect())
    }
}

/// Prices that one transaction writes.
const PER_TRANSACTION: usize = 6;

impl StubFeed {
    fn write(&self, price: f64, now: i64, payer: &Pubkey) -> Instruction {
        let mantissa = (price * 10f64.powi(-EXPONENT)).round();
        let price = StubPrice {
            id: self.id,
            price: mantissa as i64,
            confidence: (mantissa * CONFIDENCE) as u64,
            ema: mantissa as i64,
            exponent: EXPONENT,
            publish_time: now,
            good: true,
        };
        oracle_stub::write(&self.program, payer, &price)
    }
}

/// The id under which a localnet keeps a feed of the legacy layout, whose address is all that the exchange knows: its name, padded with zeros.
fn legacy_id(name: &str) -> [u8; 32] {
    let mut id = [0; 32];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    id
}

/// The feeds that the stub keeps, each by the ticker before the slash of its name.
fn stub_feeds(exchange: &Exchange) -> Vec<StubFeed> {
    let feeds = &exchange.feeds[..usize::from(exchange.feed_count)];
    let stubs = feeds.iter().filter_map(|feed| {
        let name = String::from_utf8_lossy(&feed.name);
        let name = name.trim_end_matches('\0');
        let (program, id) = match feed.kind()? {
            FeedKind::PythPull => (RECEIVER_ID, feed.id),
            FeedKind::PythPush => {
                let id = legacy_id(name);
                let is_stub = price_address(&ORACLE_ID, &id).to_bytes() == feed.id;
                is_stub.then_some((ORACLE_ID, id))?
            }
        };
        let name = name.split('/').next().unwrap_or_default().to_owned();
        Some(StubFeed { name, program, id })
    });
    stubs.collect()
}

/// Reads lines `TICKER = price`; `#` begins a comment.
fn read(file: &Path) -> Result<BTreeMap<String, f64>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| file.display().to_string())
}

fn parse(text: &str) -> Result<BTreeMap<String, f64>> {
    let mut prices = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let read = line.split_once('=').and_then(|(name, price)| {
            let price: f64 = price.trim().parse().ok()?;
            (price.is_finite() && price > 0.0).then(|| (name.trim().to_owned(), price))
        });
        let Some((name, price)) = read else {
            bail!("line {}: `{line}` is not `TICKER = price`", number + 1);
        };
        prices.insert(name, price);
    }
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_tickers_and_prices() {
        let prices = parse("# today\nSOL = 150.5 # dollars\n\nBTC=100000").unwrap();
        assert_eq!(prices["SOL"], 150.5);
        assert_eq!(prices["BTC"], 100_000.0);
        for bad in ["SOL 1", "SOL = x", "SOL = -1", "SOL = 0", "SOL = inf"] {
            let error = parse(&format!("BTC = 1\n{bad}")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
