//! What every command that talks to a cluster shares: its options, keys and transactions.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::instructions::Token;
use ballast_client::rpc::{Connection, PriorityFee, Session, Settings};
use ballast_state::{Exchange, MarginAccount};
use clap::Args;
use serde::Serialize;
use solana_commitment_config::CommitmentLevel;
use solana_keypair::{Keypair, read_keypair_file};
use solana_signer::Signer;

use crate::event::Told;
use crate::failure::Failure;
use crate::output::{Format, Page, Show, print};

/// Options of every command that talks to a cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct Globals {
    /// The cluster: an RPC address, or localhost, devnet, testnet or mainnet-beta (l, d, t, m). By default that of the Solana CLI's configuration,
    /// else localhost.
    #[arg(short, long, global = true, value_name = "URL_OR_MONIKER")]
    pub url: Option<String>,
    /// The node's websocket address, for `keeper run`. By default the one that belongs to the RPC address.
    #[arg(long, global = true, value_name = "URL")]
    pub ws: Option<String>,
    /// The file of the key that signs. By default that of the Solana CLI's configuration, else ~/.config/solana/id.json.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub keypair: Option<PathBuf>,
    /// The file of the key that pays transaction fees and rent, when it is another one.
    #[arg(long, global = true, value_name = "FILE")]
    pub fee_payer: Option<PathBuf>,
    /// The exchange's address. By default the only exchange on the cluster.
    #[arg(
        long = "exchange",
        id = "exchange_address",
        global = true,
        value_name = "ADDRESS",
        env = "BALLAST_EXCHANGE"
    )]
    pub exchange: Option<Pubkey>,
    /// When a reading counts and a transaction is done.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "confirmed", value_parser = commitment)]
    pub commitment: CommitmentLevel,
    /// What is paid to be sooner: `auto` (as the last blocks' transactions on the same accounts), `none`, or millionths of a lamport per compute unit.
    #[arg(long, global = true, value_name = "FEE", default_value = "auto", value_parser = priority_fee)]
    pub priority_fee: Priority,
    /// Do not ask before anything.
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Simulate transactions and say what they would do; send nothing.
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Whether the exchange stands on the command line and not only in the environment.
    #[arg(skip)]
    pub names_exchange: bool,
}

/// A [`PriorityFee`] on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Priority(pub PriorityFee);

impl Default for Priority {
    fn default() -> Self {
        Self(Settings::default().priority_fee)
    }
}

fn commitment(text: &str) -> Result<CommitmentLevel, String> {
    match text {
        "processed" | "confirmed" | "finalized" => {
            CommitmentLevel::from_str(text).map_err(|error| error.to_string())
        }
        _ => Err("must be processed, confirmed or finalized".into()),
    }
}

fn priority_fee(text: &str) -> Result<Priority, String> {
    match text {
        "auto" => Ok(Priority::default()),
        "none" => Ok(Priority(PriorityFee::None)),
        _ => text
            .parse()
            .map(|price| Priority(PriorityFee::Fixed(price)))
            .map_err(|_| "must be auto, none, or a whole number".into()),
    }
}

/// The address of a cluster's RPC node.
pub fn rpc_url(url_or_moniker: &str) -> Result<String, Failure> {
    let url = match url_or_moniker {
        "l" | "localhost" | "localnet" => "http://127.0.0.1:8899",
        "d" | "devnet" => "https://api.devnet.solana.com",
        "t" | "testnet" => "https://api.testnet.solana.com",
        "m" | "mainnet-beta" => "https://api.mainnet-beta.solana.com",
        url if url.starts_with("http://") || url.starts_with("https://") => url,
        // It is not repeated: there may be a key in it.
        _ => {
            return Err(Failure::input(
                "--url is neither an address such as http://127.0.0.1:8899 nor one of localhost, devnet, testnet, mainnet-beta",
            ));
        }
    };
    Ok(url.to_owned())
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// A value of the Solana CLI's configuration, a YAML file of one `name: value` a line.
fn solana_setting(text: &str, name: &str) -> Option<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let value = line.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

fn solana_config(name: &str) -> Option<String> {
    let path = home()?.join(".config/solana/cli/config.yml");
    solana_setting(&std::fs::read_to_string(path).ok()?, name)
}

/// Reads a key.
pub fn read_key(path: &Path) -> Result<Keypair, Failure> {
    read_keypair_file(path).map_err(|error| {
        Failure::doing(format!("cannot read the key in {}", path.display()), error)
    })
}

/// Which margin account is meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Which {
    /// The margin account's address, instead of owner and number.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["owner", "sub_account"])]
    pub account: Option<Pubkey>,
    /// Its owner; who signs by default.
    #[arg(long, value_name = "ADDRESS")]
    pub owner: Option<Pubkey>,
    /// The owner's number for it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub sub_account: u16,
}

impl Which {
    /// Its address.
    pub fn key(&self, context: &Context, exchange: &Pubkey) -> Result<Pubkey, Failure> {
        if let Some(account) = self.account {
            return Ok(account);
        }
        let owner = context.owner(self.owner)?;
        Ok(ballast_state::seeds::margin_account(
            exchange,
            &owner,
            self.sub_account,
        ))
    }
}

/// A command's options and where its output goes.
pub struct Context {
    /// The options.
    pub globals: Globals,
    /// How results are printed.
    pub format: Format,
}

/// What became of a transaction.
#[derive(Debug, Serialize)]
pub struct Receipt {
    /// What it was for.
    pub action: String,
    /// Its signature; nothing when it was only simulated.
    pub signature: Option<String>,
    /// The slot it is in.
    pub slot: Option<u64>,
    /// Compute units that its simulation took.
    pub compute_units: u64,
    /// Whether it was simulated only.
    pub dry_run: bool,
    /// What the program logged.
    pub events: Vec<Told>,
}

impl Show for Receipt {
    fn show(&self, page: &mut Page) {
        if self.dry_run {
            page.line(format!("{}: would go through", self.action));
        } else {
            page.line(format!("{}: done", self.action));
        }
        // What every transaction does on the way is worth a line only when there is nothing else.
        let is_aside = |event: &&Told| ["interest_accrued", "price_updated"].contains(&event.event);
        let asides_only = self.events.iter().all(|event| is_aside(&event));
        let told = self.events.iter();
        for event in told.filter(|event| asides_only || !is_aside(event)) {
            page.line(format!("  {}", event.text));
        }
        match (&self.signature, self.slot) {
            (Some(signature), Some(slot)) => {
                page.line(format!("signature {signature}"));
                page.line(format!("slot {slot}, {} compute units", self.compute_units));
            }
            _ => page.line(format!(
                "simulated with {} compute units, nothing sent",
                self.compute_units
            )),
        }
    }
}

/// Several transactions.
#[derive(Debug, Serialize)]
pub struct Receipts {
    /// What became of each.
    pub transactions: Vec<Receipt>,
}

impl Show for Receipts {
    fn show(&self, page: &mut Page) {
        for receipt in &self.transactions {
            receipt.show(page);
        }
        if self.transactions.is_empty() {
            page.line("nothing to do");
        }
    }
}

impl Context {
    /// A connection to the cluster. Nothing is sent yet.
    pub fn connection(&self) -> Result<Connection, Failure> {
        let configured = || solana_config("json_rpc_url");
        let url = self.globals.url.clone().or_else(configured);
        let settings = Settings {
            commitment: self.globals.commitment,
            priority_fee: self.globals.priority_fee.0,
            request_timeout: Duration::from_secs(30),
        };
        let url = rpc_url(url.as_deref().unwrap_or("localhost"))?;
        Ok(Connection::with(url, settings))
    }

    /// The exchange's address: the one that was named, or the only one there is.
    pub async fn exchange(&self, connection: &Connection) -> Result<Pubkey, Failure> {
        if let Some(exchange) = self.globals.exchange {
            return Ok(exchange);
        }
        let found = addresses_with(connection, Exchange::TAG, None).await?;
        match found[..] {
            [exchange] => Ok(exchange),
            [] => Err(Failure::input(
                "there is no exchange on this cluster (--url): `ballast exchange apply` creates one",
            )),
            _ => {
                let all: Vec<String> = found.iter().map(Pubkey::to_string).collect();
                Err(Failure::input(format!(
                    "there are several exchanges on this cluster, name one by --exchange: {}",
                    all.join(", ")
                )))
            }
        }
    }

    /// The exchange with its banks and markets.
    pub async fn session(&self) -> Result<Session, Failure> {
        let connection = self.connection()?;
        let exchange = self.exchange(&connection).await?;
        Ok(Session::open(connection, &exchange).await?)
    }

    /// The exchange with every margin account.
    pub async fn full_session(&self) -> Result<Session, Failure> {
        let connection = self.connection()?;
        let exchange = self.exchange(&connection).await?;
        Ok(Session {
            mirror: connection.mirror(&exchange).await?,
            time: connection.time().await?,
            connection,
        })
    }

    /// The key that signs.
    pub fn keypair(&self) -> Result<Keypair, Failure> {
        let configured = || solana_config("keypair_path").map(PathBuf::from);
        let usual = || home().map(|home| home.join(".config/solana/id.json"));
        let path = self
            .globals
            .keypair
            .clone()
            .or_else(configured)
            .or_else(usual);
        let path = path.ok_or_else(|| Failure::input("name a key file by --keypair"))?;
        read_key(&path).map_err(|failure| Failure {
            reason: format!("{}; name another by --keypair", failure.reason),
            ..failure
        })
    }

    /// Who pays fees and rent, when that is somebody else.
    pub fn fee_payer(&self) -> Result<Option<Keypair>, Failure> {
        self.globals.fee_payer.as_deref().map(read_key).transpose()
    }

    /// The owner who is meant: the one that was named, else who signs.
    pub fn owner(&self, named: Option<Pubkey>) -> Result<Pubkey, Failure> {
        match named {
            Some(owner) => Ok(owner),
            None => Ok(self.keypair()?.pubkey()),
        }
    }

    /// Asks before something that cannot be taken back.
    pub fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.globals.yes || self.globals.dry_run {
            return Ok(());
        }
        let mut output = io::stderr();
        write!(output, "{question} [y/N] ")?;
        output.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !io::stdin().is_terminal() {
            writeln!(output)?;
        }
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            "" => Err(Failure::declined("not confirmed: answer y, or pass --yes")),
            _ => Err(Failure::declined("not confirmed")),
        }
    }

    /// Prints a result.
    pub fn print(&self, result: &impl Show) -> Result<(), Failure> {
        print(result, self.format)
    }

    /// Sends a transaction, or simulates it, and tells what became of it. The fee payer and then `signers` sign.
    pub async fn send(
        &self,
        session: &mut Session,
        action: impl Into<String>,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure> {
        let prepared = session.prepared(instructions).await?;
        self.send_prepared(session, action, &prepared, signers)
            .await
    }

    /// The same of instructions that need nothing before them.
    pub async fn send_prepared(
        &self,
        session: &Session,
        action: impl Into<String>,
        prepared: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure> {
        let action = action.into();
        let payer = self.fee_payer()?;
        let mut all: Vec<&dyn Signer> = Vec::new();
        for signer in payer.iter().chain(signers.iter().copied()) {
            if all.iter().all(|other| other.pubkey() != signer.pubkey()) {
                all.push(signer);
            }
        }
        let first = all
            .first()
            .map(|signer| signer.pubkey())
            .ok_or_else(|| Failure::input("nobody signs"))?;
        let connection = &session.connection;
        if self.globals.dry_run {
            let simulated = connection.simulate(prepared, &first).await?;
            let events = ballast_client::events::decode_all(&simulated.logs);
            return Ok(Receipt {
                action,
                signature: None,
                slot: None,
                compute_units: simulated.compute_units,
                dry_run: true,
                events: Told::all(&session.mirror, &events),
            });
        }
        let sent = connection.send(prepared, &all).await?;
        let mut events = Vec::new();
        // A node stores a transaction a moment after it has confirmed it.
        for _ in 0..10 {
            if let Ok(found) = connection.events(&sent.signature).await {
                events = Told::all(&session.mirror, &found);
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(Receipt {
            action,
            signature: Some(sent.signature.to_string()),
            slot: Some(sent.slot),
            compute_units: sent.compute_units,
            dry_run: false,
            events,
        })
    }

    /// Sends and prints.
    pub async fn execute(
        &self,
        session: &mut Session,
        action: impl Into<String>,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(), Failure> {
        let receipt = self.send(session, action, instructions, signers).await?;
        self.print(&receipt)
    }
}

/// The addresses of the program's accounts that begin with a tag, and have a key behind it.
pub async fn addresses_with(
    connection: &Connection,
    tag: &[u8],
    key: Option<&Pubkey>,
) -> Result<Vec<Pubkey>, Failure> {
    use solana_account_decoder_client_types::{UiAccountEncoding, UiDataSliceConfig};
    use solana_rpc_client_api::config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
    use solana_rpc_client_api::filter::{Memcmp, RpcFilterType};
    let bytes = [tag, key.map_or(&[][..], |key| key.as_ref())].concat();
    let config = RpcProgramAccountsConfig {
        filters: Some(vec![RpcFilterType::Memcmp(Memcmp::new_raw_bytes(0, bytes))]),
        account_config: RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            data_slice: Some(UiDataSliceConfig {
                offset: 0,
                length: 0,
            }),
            commitment: Some(connection.rpc().commitment()),
            ..RpcAccountInfoConfig::default()
        },
        ..RpcProgramAccountsConfig::default()
    };
    let found = connection
        .rpc()
        .get_program_ui_accounts_with_config(&ballast::ID, config)
        .await
        .map_err(ballast_client::rpc::ClientError::from)?;
    let mut keys: Vec<Pubkey> = found.into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    Ok(keys)
}

/// A margin account, read anew, with board and configuration of the same moment.
pub async fn margin_account(
    session: &mut Session,
    key: &Pubkey,
) -> Result<Box<MarginAccount>, Failure> {
    session.read(&[*key]).await?;
    session.mirror.accounts.get(key).cloned().ok_or_else(|| {
        Failure::input(format!(
            "there is no margin account {key} of this exchange: `ballast account open` opens one"
        ))
    })
}

/// The mint of an asset with its token program.
pub async fn token(session: &Session, asset: u8) -> Result<Token, Failure> {
    let mint = session.mirror.exchange.asset(asset)?.mint;
    let found = session.connection.accounts(&[mint]).await?;
    let owner = found.into_iter().flatten().map(|(owner, _)| owner).next();
    let program = owner.ok_or_else(|| Failure::input(format!("there is no mint {mint}")))?;
    Ok(Token { mint, program })
}

/// The usual token account of an owner.
pub fn token_account(owner: &Pubkey, token: &Token) -> Pubkey {
    anchor_spl::associated_token::get_associated_token_address_with_program_id(
        owner,
        &token.mint,
        &token.program,
    )
}

/// Creates the usual token account of an owner unless it is there.
pub fn create_token_account(payer: &Pubkey, owner: &Pubkey, token: &Token) -> Instruction {
    anchor_spl::associated_token::spl_associated_token_account::instruction::create_associated_token_account_idempotent(
        payer,
        owner,
        &token.mint,
        &token.program,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_have_short_names() {
        for (short, url) in [
            ("l", "http://127.0.0.1:8899"),
            ("localhost", "http://127.0.0.1:8899"),
            ("d", "https://api.devnet.solana.com"),
            ("devnet", "https://api.devnet.solana.com"),
            ("m", "https://api.mainnet-beta.solana.com"),
            ("mainnet-beta", "https://api.mainnet-beta.solana.com"),
            ("https://node.example/key", "https://node.example/key"),
        ] {
            assert_eq!(rpc_url(short).unwrap(), url);
        }
        assert!(rpc_url("main").is_err() && rpc_url("node.example").is_err());
    }

    #[test]
    fn the_solana_clis_configuration_is_read() {
        let text = "---\njson_rpc_url: \"http://127.0.0.1:18899\"\nwebsocket_url: ''\nkeypair_path: /home/me/id.json\n";
        let get = |name| solana_setting(text, name);
        assert_eq!(
            get("json_rpc_url").as_deref(),
            Some("http://127.0.0.1:18899")
        );
        assert_eq!(get("keypair_path").as_deref(), Some("/home/me/id.json"));
        assert_eq!(get("websocket_url"), None);
        assert_eq!(get("address_labels"), None);
    }

    #[test]
    fn priority_fees() {
        let fee = |text| priority_fee(text).map(|priority| priority.0);
        assert_eq!(fee("none"), Ok(PriorityFee::None));
        assert_eq!(fee("1000"), Ok(PriorityFee::Fixed(1_000)));
        assert!(matches!(fee("auto"), Ok(PriorityFee::Recent { .. })));
        assert!(fee("-1").is_err() && commitment("final").is_err());
    }
}
