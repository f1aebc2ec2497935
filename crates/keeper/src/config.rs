//! The keeper's configuration file.

use crate::Policy;
use anchor_lang::prelude::Pubkey;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a keeper is told by `keeper.toml`. Paths are relative to where it is started. docs/keepers.md has an example with every key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's RPC address.
    pub url: String,
    /// The cluster's websocket; by default where a node with that RPC address serves it.
    pub websocket: Option<String>,
    /// The exchange.
    #[serde(deserialize_with = "pubkey")]
    pub exchange: Pubkey,
    /// The file with the key that signs and pays.
    pub keypair: PathBuf,
    /// Which of that key's margin accounts takes what is liquidated and earns fillers' fees.
    #[serde(default)]
    pub sub_account: u16,
    /// A lookup table that transactions use.
    #[serde(default, deserialize_with = "optional_pubkey")]
    pub lookup_table: Option<Pubkey>,
    /// How it sends.
    #[serde(default)]
    pub sending: Sending,
    /// How often it looks.
    #[serde(default)]
    pub watching: Watching,
    /// Where prices come from.
    #[serde(default)]
    pub prices: Prices,
    /// What it does, and what not.
    #[serde(default)]
    pub policy: Policy,
    /// Where metrics and health are served; nowhere without it.
    pub listen: Option<SocketAddr>,
    /// Who is told when something needs a person.
    #[serde(default)]
    pub alerts: Alerts,
}

/// How transactions are sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sending {
    /// How many are simulated and sent at the same time.
    pub parallel: usize,
    /// How many may be on their way.
    pub in_flight: usize,
    /// Of the last blocks' priority fees, so many percent are not more than what is paid.
    pub priority_percentile: u8,
    /// The most that is paid, millionths of a lamport per compute unit; 0 for no priority fee.
    pub priority_fee_max: u64,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            parallel: 16,
            in_flight: 256,
            priority_percentile: 75,
            priority_fee_max: 1_000_000,
        }
    }
}

/// How often accounts are looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watching {
    /// Shortest time between two looks at everything, milliseconds: what changes in between is looked at together.
    pub interval_ms: u64,
    /// How often everything is read anew, whatever the stream said, seconds.
    pub snapshot_s: u64,
    /// When the stream has said nothing for so long, the keeper counts as unhealthy, seconds.
    pub silence_max_s: u64,
}

impl Default for Watching {
    fn default() -> Self {
        Self {
            interval_ms: 400,
            snapshot_s: 60,
            silence_max_s: 30,
        }
    }
}

/// Where prices come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// Price accounts besides those where the exchange's feeds are kept by convention: for feeds of the pull layout any account with the
    /// feed's id will do.
    #[serde(deserialize_with = "pubkeys")]
    pub accounts: Vec<Pubkey>,
    /// Local clusters only: a file with a line `TICKER = price` (US dollars) for each feed, written to the stub's accounts whenever it
    /// changes and every `file_interval_s` seconds.
    pub file: Option<PathBuf>,
    /// Seconds between writings; 2 by default.
    pub file_interval_s: Option<u64>,
}

/// Who is told when something needs a person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Gets a POST with JSON: `severity`, `kind`, `text`, `exchange`, `time`; `text` alone is what chat services show. `$NAME` is taken from the
    /// environment.
    pub webhook: Option<String>,
    /// The same alert is sent again after so many seconds at the earliest.
    pub repeat_s: u64,
    /// Below so many lamports of the paying key.
    pub lamports_min: u64,
    /// Below so much cash of the insurance fund, US dollars.
    pub insurance_min: u64,
    /// When one kind of work has failed so often in a row.
    pub failures: u32,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            webhook: None,
            repeat_s: 600,
            lamports_min: 100_000_000,
            insurance_min: 0,
            failures: 5,
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong, and where in the file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

fn pubkey<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pubkey, D::Error> {
    let text = String::deserialize(deserializer)?;
    parsed(&text)
}

fn optional_pubkey<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Pubkey>, D::Error> {
    pubkey(deserializer).map(Some)
}

pub(crate) fn pubkeys<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Pubkey>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parsed(text)).collect()
}

fn parsed<E: serde::de::Error>(text: &str) -> Result<Pubkey, E> {
    text.parse()
        .map_err(|_| E::custom(format!("`{text}` is no address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = r#"
        url = "http://127.0.0.1:8899"
        exchange = "GXDMg1wQgWB3U92DXiQ5NeDGWMm5gDnKkHxZ4ZG1e6pP"
        keypair = "keeper.json"
    "#;

    #[test]
    fn three_lines_are_enough() {
        let config = Config::parse(SHORT).unwrap();
        assert_eq!((config.sub_account, config.sending.parallel), (0, 16));
        assert!(config.listen.is_none() && config.alerts.webhook.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = format!("{SHORT}\nurls = 1");
        let error = Config::parse(&unknown).unwrap_err().to_string();
        assert!(error.contains("urls"), "{error}");
        let bad = SHORT.replace("GXDM", "0OIl");
        let error = Config::parse(&bad).unwrap_err().to_string();
        assert!(error.contains("is no address"), "{error}");
    }
}
