//! A cluster: reading an exchange, sending transactions, following changes. Needs the feature `rpc`.

mod outbox;
mod send;
mod session;
mod stream;
mod tables;

pub use outbox::{Outbox, Outcome};
pub use send::{PriorityFee, Sent, Settings, Simulated};
pub use session::Session;
pub use stream::{Event, Watched, follow};
pub use tables::lookup_addresses;

use crate::errors::Refusal;
use crate::{Mirror, Update, read_account};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use ballast_state::{Exchange, Tagged};
use serde_json::json;
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_commitment_config::CommitmentConfig;
use solana_message::AddressLookupTableAccount;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use solana_rpc_client_api::client_error::Error as RpcError;
use solana_rpc_client_api::config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use solana_rpc_client_api::request::RpcRequest;
use solana_rpc_client_api::response::{Response, RpcKeyedAccount};
use solana_signature::Signature;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Accounts that one `getMultipleAccounts` may ask for.
const ACCOUNTS_PER_REQUEST: usize = 100;

/// Why something on a cluster did not work.
#[derive(Debug)]
pub enum ClientError {
    /// The RPC node could not be reached, or did not answer as it should.
    Rpc(Box<RpcError>),
    /// The program, or the runtime, refused a transaction; nothing was changed.
    Refused(Box<Refusal>),
    /// A transaction was not included before its blockhash lapsed. It will not be any more.
    Expired(Signature),
    /// A transaction was sent, and then the node did not answer any more: it may be in. Look its signature up before sending it again.
    Unknown(Signature),
    /// An account is not there, or is another than it should be.
    Account {
        /// Which.
        key: Pubkey,
        /// What it is not.
        problem: String,
    },
    /// A transaction cannot be put together: too large, a signer missing.
    Message(String),
    /// The websocket could not be opened or closed.
    Websocket(String),
}

impl ClientError {
    /// The refusal, when it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rpc(error) => {
                write!(
                    formatter,
                    "the RPC node: {}",
                    without_paths(&error.to_string())
                )
            }
            Self::Refused(refusal) => write!(formatter, "refused: {refusal}"),
            Self::Expired(signature) => write!(
                formatter,
                "the transaction was not included in time: {signature}"
            ),
            Self::Unknown(signature) => write!(
                formatter,
                "the transaction was sent, but the node does not say what became of it: {signature}"
            ),
            Self::Account { key, problem } => write!(formatter, "account {key} {problem}"),
            Self::Message(problem) => write!(formatter, "the transaction: {problem}"),
            Self::Websocket(problem) => write!(formatter, "the websocket: {problem}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<RpcError> for ClientError {
    fn from(error: RpcError) -> Self {
        Self::Rpc(Box::new(error))
    }
}

/// A text without what follows the host in its web addresses: that may be a key.
fn without_paths(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let host = after.find(|letter: char| !is_of_host(letter));
        let (host, after) = after.split_at(host.unwrap_or(after.len()));
        // Names and passwords stand before an @.
        let host = host.rsplit('@').next().unwrap_or(host);
        let path = after.find(|letter: char| letter.is_whitespace() || "()\"'<>,".contains(letter));
        shown.push_str(before);
        shown.push_str("://");
        shown.push_str(host);
        rest = &after[path.unwrap_or(after.len())..];
    }
    shown + rest
}

fn is_of_host(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "@:.-_[]".contains(letter)
}

/// The cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterTime {
    /// The slot.
    pub slot: u64,
    /// What programs see as the time in it, unix seconds.
    pub unix: i64,
}

impl ClusterTime {
    /// Reads the clock's account.
    pub fn read(data: &[u8]) -> Option<Self> {
        const UNIX_TIMESTAMP: usize = 32;
        let slot = data.first_chunk()?;
        let unix = data.get(UNIX_TIMESTAMP..)?.first_chunk()?;
        Some(Self {
            slot: u64::from_le_bytes(*slot),
            unix: i64::from_le_bytes(*unix),
        })
    }
}

/// A connection to an RPC node. Cheap to clone.
///
/// ```no_run
/// # use ballast_client::rpc::Connection;
/// # use ballast_client::state::health::{Purpose, Report};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::new("http://127.0.0.1:8899");
/// let exchange = "GXDMg1wQgWB3U92DXiQ5NeDGWMm5gDnKkHxZ4ZG1e6pP".parse()?;
/// let mirror = connection.mirror(&exchange).await?;
/// let now = connection.time().await?.unix;
/// for (key, account) in &mirror.accounts {
///     let mut report = Report::boxed();
///     mirror.view(now).assess(account, Purpose::AddRisk, &mut report)?;
///     println!("{key}: {} USDC above initial margin", report.health_initial() as f64 / 1e6);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connection {
    rpc: Arc<RpcClient>,
    settings: Arc<Settings>,
    tables: Arc<[AddressLookupTableAccount]>,
}

impl Connection {
    /// Connects at the commitment `confirmed`. Nothing is sent yet.
    pub fn new(url: impl Into<String>) -> Self {
        Self::with(url, Settings::default())
    }

    /// Connects with other settings than the usual ones.
    pub fn with(url: impl Into<String>, settings: Settings) -> Self {
        let rpc = RpcClient::new_with_timeout_and_commitment(
            url.into(),
            settings.request_timeout,
            CommitmentConfig {
                commitment: settings.commitment,
            },
        );
        Self {
            rpc: Arc::new(rpc),
            settings: Arc::new(settings),
            tables: Arc::new([]),
        }
    }

    /// The client beneath, for what is not offered here.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// How it sends.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The address of the node's websocket: by convention the next port for a local node, and the same host otherwise.
    pub fn websocket_url(&self) -> String {
        websocket_url(&self.rpc.url())
    }

    /// Reads accounts, with the slot at which all of those of a hundred were read; what does not exist is `None`.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn accounts(
        &self,
        keys: &[Pubkey],
    ) -> Result<Vec<Option<(Pubkey, Update)>>, ClientError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ACCOUNTS_PER_REQUEST) {
            let response = self
                .rpc
                .get_multiple_ui_accounts_with_config(keys, encoding(UiAccountEncoding::Base64))
                .await?;
            let slot = response.context.slot;
            for (key, account) in keys.iter().zip(response.value) {
                found.push(account.and_then(|account| decoded(*key, slot, &account)));
            }
        }
        Ok(found)
    }

    /// Reads one account of the program; `None` when there is none at the address.
    ///
    /// # Errors
    /// [`ClientError::Rpc`]; [`ClientError::Account`] when it is of another program or type.
    pub async fn read<T: Tagged>(&self, key: &Pubkey) -> Result<Option<Box<T>>, ClientError> {
        let found = self.accounts(&[*key]).await?.pop().flatten();
        let Some((owner, update)) = found else {
            return Ok(None);
        };
        let account = (owner == ballast::ID).then(|| read_account(&update.data));
        account
            .flatten()
            .map(Some)
            .ok_or_else(|| ClientError::Account {
                key: *key,
                problem: "is not Ballast's, or of another type".into(),
            })
    }

    /// The cluster's time.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Account`].
    pub async fn time(&self) -> Result<ClusterTime, ClientError> {
        let found = self.accounts(&[clock::ID]).await?.pop().flatten();
        found
            .and_then(|(_, update)| ClusterTime::read(&update.data))
            .ok_or_else(|| ClientError::Account {
                key: clock::ID,
                problem: "is no clock".into(),
            })
    }

    /// Reads an exchange, its board, banks and markets, but no margin accounts.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Account`].
    pub async fn exchange(&self, exchange: &Pubkey) -> Result<Mirror, ClientError> {
        let mut mirror = self.exchange_and_board(exchange).await?;
        for tag in [ballast_state::Bank::TAG, ballast_state::Market::TAG] {
            let (_, updates) = self.program_accounts(Some((exchange, tag))).await?;
            for update in &updates {
                mirror.apply(update);
            }
        }
        Ok(mirror)
    }

    /// Reads an exchange with everything that belongs to it, margin accounts included.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Account`].
    pub async fn mirror(&self, exchange: &Pubkey) -> Result<Mirror, ClientError> {
        let mut mirror = self.exchange_and_board(exchange).await?;
        let (slot, updates) = self.program_accounts(None).await?;
        mirror.apply_snapshot(slot, &updates);
        Ok(mirror)
    }

    /// Reads all accounts of the program, or those of an exchange with a tag, with the slot at which they were read.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn program_accounts(
        &self,
        only: Option<(&Pubkey, &[u8])>,
    ) -> Result<(u64, Vec<Update>), ClientError> {
        use solana_rpc_client_api::filter::{Memcmp, RpcFilterType};
        let filters = only.map(|(exchange, tag)| {
            let bytes = [tag, exchange.as_ref()].concat();
            vec![RpcFilterType::Memcmp(Memcmp::new_raw_bytes(0, bytes))]
        });
        let config = RpcProgramAccountsConfig {
            filters,
            account_config: RpcAccountInfoConfig {
                commitment: Some(self.rpc.commitment()),
                ..encoding(UiAccountEncoding::Base64)
            },
            with_context: Some(true),
            sort_results: Some(false),
        };
        let response: Response<Vec<RpcKeyedAccount>> = self
            .rpc
            .send(
                RpcRequest::GetProgramAccounts,
                json!([ballast::ID.to_string(), config]),
            )
            .await?;
        let slot = response.context.slot;
        let updates = response.value.iter().filter_map(|keyed| {
            let key = Pubkey::from_str(&keyed.pubkey).ok()?;
            decoded(key, slot, &keyed.account).map(|(_, update)| update)
        });
        Ok((slot, updates.collect()))
    }

    async fn exchange_and_board(&self, key: &Pubkey) -> Result<Mirror, ClientError> {
        let problem = |key: &Pubkey, problem: &str| ClientError::Account {
            key: *key,
            problem: problem.into(),
        };
        let found = self.accounts(&[*key]).await?.pop().flatten();
        let (owner, exchange) = found.ok_or_else(|| problem(key, "does not exist"))?;
        let listed = (owner == ballast::ID).then(|| read_account::<Exchange>(&exchange.data));
        let listed = listed
            .flatten()
            .ok_or_else(|| problem(key, "is no exchange"))?;
        let board = self.accounts(&[listed.board]).await?.pop().flatten();
        let (_, board) = board.ok_or_else(|| problem(&listed.board, "does not exist"))?;
        Mirror::new(key, &exchange.data, &board.data)
            .ok_or_else(|| problem(&listed.board, "is no board"))
    }
}

fn encoding(encoding: UiAccountEncoding) -> RpcAccountInfoConfig {
    RpcAccountInfoConfig {
        encoding: Some(encoding),
        ..RpcAccountInfoConfig::default()
    }
}

/// An account with its owner, as a node gives it.
fn decoded(key: Pubkey, slot: u64, account: &UiAccount) -> Option<(Pubkey, Update)> {
    let owner = Pubkey::from_str(&account.owner).ok()?;
    let data = account.data.decode()?;
    Some((owner, Update { key, slot, data }))
}

fn websocket_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = if scheme == "https" { "wss" } else { "ws" };
    // A local node serves it on the port after the RPC's.
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = match host.rsplit_once(':') {
        Some((name, port)) => match port.parse::<u16>() {
            Ok(port) => format!("{name}:{}", port.saturating_add(1)),
            Err(_) => host.to_owned(),
        },
        None => host.to_owned(),
    };
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_keys_in_addresses_to_themselves() {
        let text = "error sending request for url (https://me:pass@node.example:443/v1/SECRET?k=SECRET): timed out";
        assert_eq!(
            without_paths(text),
            "error sending request for url (https://node.example:443): timed out"
        );
        assert_eq!(without_paths("no address"), "no address");
    }

    #[test]
    fn websockets_are_where_nodes_serve_them() {
        let pairs = [
            ("http://127.0.0.1:8899", "ws://127.0.0.1:8900/"),
            ("https://node.example/key", "wss://node.example/key"),
            ("https://node.example:443/key", "wss://node.example:444/key"),
            ("http://[::1]:9000/", "ws://[::1]:9001/"),
        ];
        for (url, websocket) in pairs {
            assert_eq!(websocket_url(url), websocket);
        }
    }
}
