//! Following an exchange by websocket. A connection that breaks is made anew; what was missed is for a snapshot to heal.

use super::{ClientError, ClusterTime, decoded};
use crate::Update;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use solana_account_decoder_client_types::UiAccountEncoding;
use solana_commitment_config::{CommitmentConfig, CommitmentLevel};
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use solana_rpc_client_api::config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use std::future::Future;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// How long a connection may be silent: the clock alone changes with every slot.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Pauses between attempts to connect.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What to follow, besides all accounts of the program and the clock.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Accounts of other programs, such as Pyth's.
    pub accounts: Vec<Pubkey>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection stands from now on: what changed before may have been missed, so a snapshot is due.
    Connected,
    /// The connection broke, for this reason; it is being made anew.
    Lost(String),
    /// An account of the program.
    Account(Update),
    /// One of the watched accounts, with its owner.
    Watched {
        /// Its owner.
        owner: Pubkey,
        /// The account.
        update: Update,
    },
    /// The time.
    Clock(ClusterTime),
}

/// Follows until the receiver is dropped.
pub async fn follow(
    websocket_url: String,
    commitment: CommitmentLevel,
    watched: Watched,
    events: Sender<Event>,
) {
    let mut pause = PAUSE_FIRST;
    loop {
        let began = Instant::now();
        let lost = match connection(&websocket_url, commitment, &watched, &events).await {
            Ok(Ended::NobodyListens) => return,
            Ok(Ended::Broken) => "the connection ended".to_owned(),
            Err(error) => error.to_string(),
        };
        if events.send(Event::Lost(lost)).await.is_err() {
            return;
        }
        // One that accepts and ends at once is not asked several times a second.
        if began.elapsed() > SILENCE_MAX {
            pause = PAUSE_FIRST;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

enum Ended {
    NobodyListens,
    Broken,
}

/// One connection, until it breaks or nobody listens.
async fn connection(
    url: &str,
    commitment: CommitmentLevel,
    watched: &Watched,
    events: &Sender<Event>,
) -> Result<Ended, ClientError> {
    let client = in_time(PubsubClient::new(url)).await?;
    let config = RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        commitment: Some(CommitmentConfig { commitment }),
        ..RpcAccountInfoConfig::default()
    };
    let mut streams: SelectAll<BoxStream<'_, Option<Event>>> = SelectAll::new();
    let program_config = RpcProgramAccountsConfig {
        account_config: config.clone(),
        ..RpcProgramAccountsConfig::default()
    };
    let (program, _) =
        in_time(client.program_subscribe(&ballast::ID, Some(program_config))).await?;
    streams.push(
        program
            .map(|response| {
                let key = Pubkey::from_str(&response.value.pubkey).ok()?;
                // A closed account is given once more, as the system program's and without data.
                let (owner, mut update) =
                    decoded(key, response.context.slot, &response.value.account)?;
                if owner != ballast::ID {
                    update.data.clear();
                }
                Some(Event::Account(update))
            })
            .boxed(),
    );
    for key in watched.accounts.iter().chain([&clock::ID]) {
        let (account, _) = in_time(client.account_subscribe(key, Some(config.clone()))).await?;
        let key = *key;
        streams.push(
            account
                .map(move |response| {
                    let (owner, update) = decoded(key, response.context.slot, &response.value)?;
                    if key == clock::ID {
                        return ClusterTime::read(&update.data).map(Event::Clock);
                    }
                    Some(Event::Watched { owner, update })
                })
                .boxed(),
        );
    }
    if events.send(Event::Connected).await.is_err() {
        return Ok(Ended::NobodyListens);
    }
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE_MAX, streams.next()) => next,
            () = events.closed() => return Ok(Ended::NobodyListens),
        };
        match next {
            Ok(Some(Some(event))) => {
                if events.send(event).await.is_err() {
                    return Ok(Ended::NobodyListens);
                }
            }
            // An account that cannot be decoded is none of ours.
            Ok(Some(None)) => {}
            Ok(None) => return Ok(Ended::Broken),
            Err(_) => {
                return Err(ClientError::Websocket(format!(
                    "silent for {} s",
                    SILENCE_MAX.as_secs()
                )));
            }
        }
    }
}

/// What a node that accepts and never answers must not hold up.
async fn in_time<T, E: std::fmt::Display>(
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(SILENCE_MAX, step).await {
        Ok(result) => result.map_err(|error| ClientError::Websocket(error.to_string())),
        Err(_) => Err(ClientError::Websocket("no answer".into())),
    }
}
