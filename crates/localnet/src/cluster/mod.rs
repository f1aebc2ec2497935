//! A cluster of one validator, `solana-test-validator`, with the project's programs.

mod clock;
mod ports;
mod tied;

pub use ports::Ports;
pub use tied::{Tied, describe};

use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, bail, ensure};
use ballast_client::rpc::{Connection, PriorityFee, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Names the validator's binary.
pub const VALIDATOR_VARIABLE: &str = "BALLAST_VALIDATOR";
/// Names the folder with the built programs.
const DEPLOY_VARIABLE: &str = "BALLAST_DEPLOY_DIR";
const VALIDATOR: &str = "solana-test-validator";
/// What the validator says is short at this level: without it, it writes a gigabyte of metrics a day. That it may not raise its own limit
/// of open files, which a test validator does not need, is no error here.
const LOG_FILTER: &str = "warn,solana_core::resource_limits=off";
/// How often a validator that starts is asked whether it is there.
const POLL: Duration = Duration::from_millis(200);
/// So many slots must have been confirmed since the first that was seen.
const FRESH_SLOTS: u64 = 2;
/// How much of the logs an error shows, bytes.
const TAIL: usize = 2_000;

/// An account that the cluster starts with.
#[derive(Clone, Debug)]
pub struct Preloaded {
    /// Its address.
    pub key: Pubkey,
    /// Its balance.
    pub lamports: u64,
    /// The program it belongs to.
    pub owner: Pubkey,
    /// Its data.
    pub data: Vec<u8>,
}

/// How a cluster starts. The default is an empty one in a temporary folder on free ports, with Ballast and the oracle stubs.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Where the ledger and the logs are kept; a temporary folder that goes with the cluster when there is none. A folder that has a ledger
    /// goes on from there.
    pub folder: Option<PathBuf>,
    /// The port of the RPC; the websocket is on the next one.
    pub rpc_port: Option<u16>,
    /// Who owns all SOL at the start of a new ledger.
    pub mint: Option<Pubkey>,
    /// Programs beside Ballast and the oracle stubs: address and file.
    pub programs: Vec<(Pubkey, PathBuf)>,
    /// Accounts that a new ledger starts with.
    pub accounts: Vec<Preloaded>,
    /// What the cluster's clock shows when it starts, unix seconds; from there it runs as always. Linux only.
    pub start_time: Option<i64>,
    /// Shorter slots: 64 ticks are 0.4 seconds.
    pub ticks_per_slot: Option<u64>,
    /// How long it may take until it is healthy.
    pub patience: Duration,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            folder: None,
            rpc_port: None,
            mint: None,
            programs: Vec::new(),
            accounts: Vec::new(),
            start_time: None,
            ticks_per_slot: None,
            patience: Duration::from_secs(90),
        }
    }
}

/// A running validator. Dropping it stops it; when this process dies, it ends as well.
///
/// ```no_run
/// # use ballast_localnet::{Cluster, ClusterOptions};
/// # async fn example() -> anyhow::Result<()> {
/// let cluster = Cluster::start(ClusterOptions::default()).await?;
/// println!("{} {}", cluster.url(), cluster.connection().time().await?.unix);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cluster {
    validator: Tied,
    ports: Ports,
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Cluster {
    /// Starts a validator and waits until transactions can be sent to it.
    ///
    /// # Errors
    /// When the validator or the programs are missing (the error says how to get them), when it does not become healthy in time (with the end of
    /// its log), when the folder cannot be written.
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        let validator = validator_program()?;
        let programs = options.all_programs()?;
        let (folder, temporary) = match &options.folder {
            Some(folder) => (folder.clone(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("ballast-cluster-")
                    .tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let accounts = options.write_accounts(&folder)?;
        let ports = Ports::reserve(options.rpc_port)?;
        let prepare = |command: &mut Command| {
            options.arguments(command, &folder, &ports, &programs);
            if let Some(accounts) = &accounts {
                command.arg("--account-dir").arg(accounts);
            }
            match options.start_time {
                Some(time) => clock::shift(command, time - machine_time()?, &folder),
                None => Ok(()),
            }
        };
        let mut cluster = Self {
            validator: Tied::spawn(&validator, prepare, &folder.join(OUTPUT))?,
            ports,
            folder,
            _temporary: temporary,
        };
        cluster.wait_until_healthy(options.patience).await?;
        Ok(cluster)
    }

    /// The address of the RPC.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.rpc)
    }

    /// The address of the websocket.
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ports.rpc + 1)
    }

    /// The validator's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join(LEDGER).join("validator.log")
    }

    /// Where the ledger and the logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The validator's ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// A connection that pays no priority fees.
    pub fn connection(&self) -> Connection {
        connect(&self.url())
    }

    /// How the validator ended, if it has, with the end of its log.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<String>> {
        let status = self.validator.ended()?;
        Ok(status.map(|status| {
            let (how, tail) = (describe(status), self.log_tail());
            format!("the validator ended with {how}; its log ends with\n{tail}")
        }))
    }

    /// Stops it and waits until it has stopped.
    pub fn stop(mut self) {
        self.validator.stop();
    }

    async fn wait_until_healthy(&mut self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        let connection = self.connection();
        let mut first = None;
        loop {
            if let Some(ended) = self.ended()? {
                bail!("{ended}");
            }
            // Blocks that it makes itself: before them, transactions are lost, and one that goes on with a ledger still has that one's time.
            if let (Ok(slot), Ok(())) = (
                connection.rpc().get_slot().await,
                connection.rpc().get_health().await,
            ) {
                let first = *first.get_or_insert(slot);
                if slot >= first + FRESH_SLOTS {
                    return Ok(());
                }
            }
            if start.elapsed() > patience {
                let (seconds, tail) = (patience.as_secs(), self.log_tail());
                bail!("the validator is not healthy after {seconds} s; its log ends with\n{tail}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The end of what the validator has written.
    fn log_tail(&self) -> String {
        let tail = |path: &Path| {
            let text = fs::read(path).unwrap_or_default();
            let text =
                String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).into_owned();
            text.trim().to_owned()
        };
        let logs = [tail(&self.folder.join(OUTPUT)), tail(&self.log())];
        logs.join("\n").trim().to_owned()
    }
}

const LEDGER: &str = "ledger";
const OUTPUT: &str = "validator.out";

impl ClusterOptions {
    /// The project's programs and those that were asked for, each of which must exist.
    fn all_programs(&self) -> Result<Vec<(Pubkey, PathBuf)>> {
        let deploy = deploy_folder();
        let mut programs = vec![
            (ballast::ID, deploy.join("ballast.so")),
            (oracle_stub::RECEIVER_ID, deploy.join("oracle_stub.so")),
            (oracle_stub::ORACLE_ID, deploy.join("oracle_stub.so")),
        ];
        programs.extend(self.programs.iter().cloned());
        for (_, file) in &programs {
            ensure!(
                file.is_file(),
                "{} is missing: build the programs with `cargo xtask build`",
                file.display()
            );
        }
        Ok(programs)
    }

    fn arguments(
        &self,
        command: &mut Command,
        folder: &Path,
        ports: &Ports,
        programs: &[(Pubkey, PathBuf)],
    ) {
        command
            .arg("--ledger")
            .arg(folder.join(LEDGER))
            // A long history, in shreds: what happened an hour ago is still to be read.
            .args(["--quiet", "--limit-ledger-size", "100000000"])
            .args(["--rpc-port", &ports.rpc.to_string()])
            .args(["--faucet-port", &ports.faucet.to_string()])
            .args(["--gossip-port", &ports.gossip.to_string()])
            .arg("--dynamic-port-range")
            .arg(format!("{}-{}", ports.dynamic.0, ports.dynamic.1));
        for (address, file) in programs {
            command
                .args(["--bpf-program", &address.to_string()])
                .arg(file);
        }
        if let Some(mint) = self.mint {
            command.args(["--mint", &mint.to_string()]);
        }
        if let Some(ticks) = self.ticks_per_slot {
            command.args(["--ticks-per-slot", &ticks.to_string()]);
        }
        if env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", LOG_FILTER);
        }
    }

    /// Writes the accounts to start with as the validator reads them; `None` when there are none.
    fn write_accounts(&self, folder: &Path) -> Result<Option<PathBuf>> {
        if self.accounts.is_empty() {
            return Ok(None);
        }
        let folder = folder.join("accounts");
        fs::create_dir_all(&folder)?;
        for account in &self.accounts {
            let json = json!({
                "pubkey": account.key.to_string(),
                "account": {
                    "lamports": account.lamports,
                    "data": [STANDARD.encode(&account.data), "base64"],
                    "owner": account.owner.to_string(),
                    "executable": false,
                    "rentEpoch": u64::MAX,
                    "space": account.data.len(),
                },
            });
            fs::write(
                folder.join(format!("{}.json", account.key)),
                json.to_string(),
            )?;
        }
        Ok(Some(folder))
    }
}

/// A connection to a local node, where nobody has to pay to be sooner.
pub fn connect(url: &str) -> Connection {
    let settings = Settings {
        priority_fee: PriorityFee::None,
        ..Settings::default()
    };
    Connection::with(url, settings)
}

/// Where `cargo xtask build` puts the programs.
pub fn deploy_folder() -> PathBuf {
    env::var_os(DEPLOY_VARIABLE).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"),
        PathBuf::from,
    )
}

/// The validator's binary: the one that the environment names, on the `PATH`, or where `cargo xtask setup --validator` puts it.
///
/// # Errors
/// When it is nowhere, with how to get it.
pub fn validator_program() -> Result<PathBuf> {
    if let Some(path) = env::var_os(VALIDATOR_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let place = path.display();
        ensure!(
            path.is_file(),
            "{VALIDATOR_VARIABLE} names {place}, which is no file"
        );
        return Ok(path);
    }
    let on_path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&on_path).chain(installed_folder());
    folders
        .map(|folder| folder.join(VALIDATOR))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "{VALIDATOR} is missing. It comes with Solana's command-line tools (https://docs.anza.xyz/cli/install); \
                 `cargo xtask setup --validator` compiles it, which takes most of an hour once"
            )
        })
}

/// Where `cargo xtask setup --validator` puts it.
fn installed_folder() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty());
    let cache = match cache {
        Some(cache) => PathBuf::from(cache),
        None => env::home_dir()?.join(".cache"),
    };
    Some(cache.join("ballast/validator/bin"))
}

/// The machine's time, unix seconds.
fn machine_time() -> Result<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_secs())?)
}
