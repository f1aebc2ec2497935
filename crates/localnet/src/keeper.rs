//! The keeper beside the cluster: the real one, `ballast keeper run`, as a process of its own.

use crate::cluster::{Cluster, Tied, describe};
use crate::exchange::Exchange;
use crate::folder::Folder;
use crate::tokens;
use anchor_spl::associated_token::get_associated_token_address;
use anyhow::{Context, Result, ensure};
use ballast_client::instructions;
use ballast_client::rpc::Connection;
use ballast_client::state::MarginAccount;
use solana_signer::Signer;
use std::env;
use std::path::PathBuf;

/// Names the command-line tool's binary.
const CLI_VARIABLE: &str = "BALLAST_CLI";
const CLI: &str = "ballast";
/// USDC with which it takes liquidated portfolios over.
const CASH: f64 = 2_000_000.0;

/// A running keeper. Dropping it stops it.
pub struct Keeper {
    process: Tied,
    log: PathBuf,
}

impl Keeper {
    /// Gives the keeper's key a margin account with cash, writes `keeper.toml` and starts it.
    ///
    /// # Errors
    /// When the command-line tool was not built, or the account cannot be opened.
    pub async fn start(cluster: &Cluster, exchange: &Exchange, folder: &Folder) -> Result<Self> {
        let program = cli_program()?;
        open_account(&cluster.connection(), exchange).await?;
        let config = folder.path("keeper.toml");
        std::fs::write(&config, config_text(cluster, exchange, folder))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let log = folder.path("keeper.log");
        let arguments = |command: &mut std::process::Command| {
            command.args(["keeper", "run", "--config"]).arg(&config);
            Ok(())
        };
        let process = Tied::spawn(&program, arguments, &log)?;
        Ok(Self { process, log })
    }

    /// Its log.
    pub fn log(&self) -> &std::path::Path {
        &self.log
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<String>> {
        let status = self.process.ended()?;
        Ok(status.map(|status| {
            let (how, log) = (describe(status), self.log.display());
            format!("the keeper ended with {how}, see {log}")
        }))
    }
}

/// The keeper's configuration for a cluster. Local blocks are never full: nothing is paid to be sooner, and every price goes to the board.
fn config_text(cluster: &Cluster, exchange: &Exchange, folder: &Folder) -> String {
    format!(
        "# Written by `cargo xtask localnet` at every start.\n\
         url = {:?}\nwebsocket = {:?}\nexchange = \"{}\"\nkeypair = {:?}\nlisten = \"127.0.0.1:{}\"\n\n\
         [sending]\npriority_fee_max = 0\n\n[policy]\nprice_interval_s = 2\nprice_threshold = 0.0002\n",
        cluster.url(),
        cluster.ws_url(),
        exchange.addresses.exchange,
        folder.key_path("keeper"),
        cluster.ports().spare,
    )
}

async fn open_account(connection: &Connection, exchange: &Exchange) -> Result<()> {
    let key = &exchange.keys.keeper;
    let (addresses, owner) = (&exchange.addresses, key.pubkey());
    let account = addresses.margin_account(&owner, 0);
    if connection.read::<MarginAccount>(&account).await?.is_some() {
        return Ok(());
    }
    let quote = exchange.quote()?;
    let amount = quote.amount(CASH);
    tokens::fund(
        connection,
        &exchange.keys.faucet,
        &owner,
        0,
        &[(quote, amount)],
    )
    .await?;
    let source = get_associated_token_address(&owner, &quote.mint);
    let instructions = [
        instructions::open_account(addresses, &owner, &owner, 0),
        instructions::accrue_interest(addresses, &quote.mint),
        instructions::deposit(addresses, &quote.mint, &account, &owner, &source, amount),
    ];
    connection.send(&instructions, &[key]).await?;
    Ok(())
}

/// The command-line tool: what the environment names, or what was built beside this program.
fn cli_program() -> Result<PathBuf> {
    if let Some(path) = env::var_os(CLI_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let place = path.display();
        ensure!(
            path.is_file(),
            "{CLI_VARIABLE} names {place}, which is no file"
        );
        return Ok(path);
    }
    let this = env::current_exe()?;
    // Tests lie one folder deeper.
    let found = this
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(CLI))
        .find(|path| path.is_file());
    found.context("the command-line tool was not built: run `cargo build -p ballast-cli`")
}
