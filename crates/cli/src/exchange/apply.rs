//! `ballast exchange`: brings an exchange on a cluster to what a configuration file says.

use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anchor_lang::prelude::Pubkey;
use ballast_client::config::{Change, Config, ConfigError, Plan, Signatory, State, plan};
use ballast_client::state::{Board, Exchange as ExchangeAccount};
use clap::{Args, Subcommand};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::{Keypair, read_keypair_file};
use solana_rpc_client::rpc_client::RpcClient;
use solana_signer::Signer;
use solana_transaction::Transaction;

/// The commands.
#[derive(Subcommand)]
pub enum Exchange {
    /// Print how an exchange differs from a configuration file, and change what differs.
    ///
    /// Creates and lists what is missing. What stands as $NAME in the file is taken from the environment; without one there, $ADMIN,
    /// $RISK_AUTHORITY, $EXCHANGE and $BOARD are the keys given here.
    Apply(Apply),
}

/// What `apply` is given.
#[derive(Args)]
pub struct Apply {
    /// The configuration, such as migrations/devnet.toml.
    #[arg(long)]
    pub config: PathBuf,
    /// The cluster's RPC address.
    #[arg(long)]
    pub url: String,
    /// Who pays.
    #[arg(long)]
    pub keypair: PathBuf,
    /// The admin; who pays by default.
    #[arg(long)]
    pub admin_keypair: Option<PathBuf>,
    /// The risk authority; who pays by default.
    #[arg(long)]
    pub risk_keypair: Option<PathBuf>,
    /// The exchange's own key, the first time only.
    #[arg(long)]
    pub exchange_keypair: Option<PathBuf>,
    /// The board's own key, the first time only.
    #[arg(long)]
    pub board_keypair: Option<PathBuf>,
    /// Print the difference and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before sending.
    #[arg(long)]
    pub yes: bool,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What to tell.
    pub reason: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// With what was done and why it failed.
    fn doing(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self {
            reason: format!("{what}: {error}"),
            code: 1,
        }
    }

    /// Of the command line or the configuration.
    fn input(reason: String) -> Self {
        Self { reason, code: 2 }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::doing("output", error)
    }
}

/// Runs a command.
pub fn run(command: &Exchange) -> ExitCode {
    let Exchange::Apply(arguments) = command;
    match arguments.run(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told when this fails.
            let _ = writeln!(io::stderr(), "error: {}", failure.reason);
            ExitCode::from(failure.code)
        }
    }
}

/// The keys that may have to sign.
struct Keys {
    payer: Keypair,
    admin: Option<Keypair>,
    risk: Option<Keypair>,
    exchange: Option<Keypair>,
    board: Option<Keypair>,
}

impl Keys {
    fn read(arguments: &Apply) -> Result<Self, Failure> {
        let read = |path: &Path| {
            read_keypair_file(path).map_err(|error: Box<dyn Error>| {
                Failure::doing(format!("cannot read the key in {}", path.display()), error)
            })
        };
        let optional = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(Self {
            payer: read(&arguments.keypair)?,
            admin: optional(&arguments.admin_keypair)?,
            risk: optional(&arguments.risk_keypair)?,
            exchange: optional(&arguments.exchange_keypair)?,
            board: optional(&arguments.board_keypair)?,
        })
    }

    /// The key that signs as this.
    fn of(&self, signatory: Signatory) -> Option<&Keypair> {
        match signatory {
            Signatory::Payer => Some(&self.payer),
            Signatory::Admin => Some(self.admin.as_ref().unwrap_or(&self.payer)),
            Signatory::Risk => Some(self.risk.as_ref().unwrap_or(&self.payer)),
            Signatory::Exchange => self.exchange.as_ref(),
            Signatory::Board => self.board.as_ref(),
        }
    }

    /// What a `$NAME` of the configuration stands for.
    fn value(&self, name: &str) -> Option<String> {
        let signatory = match name {
            "ADMIN" => Some(Signatory::Admin),
            "RISK_AUTHORITY" => Some(Signatory::Risk),
            "EXCHANGE" => Some(Signatory::Exchange),
            "BOARD" => Some(Signatory::Board),
            _ => None,
        };
        std::env::var(name)
            .ok()
            .or_else(|| Some(self.of(signatory?)?.pubkey().to_string()))
    }

    /// The keys that sign a change, each once.
    fn signing(&self, change: &Change) -> Result<Vec<&Keypair>, Failure> {
        let mut keys: Vec<&Keypair> = Vec::new();
        for signatory in &change.signatories {
            let (role, option) = match signatory {
                Signatory::Payer => ("who pays", "--keypair"),
                Signatory::Admin => ("the admin", "--admin-keypair"),
                Signatory::Risk => ("the risk authority", "--risk-keypair"),
                Signatory::Exchange => ("the exchange's key", "--exchange-keypair"),
                Signatory::Board => ("the board's key", "--board-keypair"),
            };
            let key = self
                .of(*signatory)
                .ok_or_else(|| Failure::input(format!("{} needs {option}", change.description)))?;
            if !is_signer(change, &key.pubkey()) && *signatory != Signatory::Payer {
                let reason = format!(
                    "{}: {} is not {role}, {option} must be another key",
                    change.description,
                    key.pubkey()
                );
                return Err(Failure::input(reason));
            }
            if keys.iter().all(|other| other.pubkey() != key.pubkey()) {
                keys.push(key);
            }
        }
        Ok(keys)
    }
}

fn is_signer(change: &Change, key: &Pubkey) -> bool {
    let mut accounts = change
        .instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts);
    accounts.any(|account| account.is_signer && account.pubkey == *key)
}

impl Apply {
    /// Does it, and prints what it does to `output`.
    ///
    /// # Errors
    /// A file, the cluster, a mistake in the configuration, a key that is missing or another one's.
    pub fn run(&self, output: &mut impl io::Write) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.config).map_err(|error| {
            Failure::doing(format!("cannot read {}", self.config.display()), error)
        })?;
        let keys = Keys::read(self)?;
        let mut config = Config::parse(&text)?;
        config.fill(|name| keys.value(name));
        let client =
            RpcClient::new_with_commitment(self.url.clone(), CommitmentConfig::confirmed());
        let plan = planned(&client, &config, &keys.payer.pubkey())?;
        let changes = plan.changes;

        for line in &plan.left_alone {
            writeln!(output, "{line}")?;
        }
        if changes.is_empty() {
            writeln!(output, "nothing to change")?;
            return Ok(());
        }
        for change in &changes {
            writeln!(output, "{}", change.description)?;
        }
        if self.dry_run {
            return Ok(());
        }
        // All signatures first, so that nothing is sent when one of them is missing.
        let signing = changes
            .iter()
            .map(|change| keys.signing(change))
            .collect::<Result<Vec<_>, _>>()?;
        if !self.yes && !confirmed(output, changes.len())? {
            return Ok(());
        }
        for (change, signers) in changes.iter().zip(signing) {
            let signature = send(&client, change, &signers)?;
            writeln!(output, "done: {} ({signature})", change.description)?;
        }
        Ok(())
    }
}

/// What differs on the cluster.
fn planned(client: &RpcClient, config: &Config, payer: &Pubkey) -> Result<Plan, Failure> {
    let state = State::read(config, |key| {
        client
            .get_account_with_commitment(key, client.commitment())
            .map(|response| response.value.map(|account| (account.owner, account.data)))
            .map_err(|error| Failure::doing(format!("cannot read account {key}"), error))
    })?;
    let rent = |len: usize| {
        client
            .get_minimum_balance_for_rent_exemption(len)
            .map_err(|error| Failure::doing("cannot read the rent", error))
    };
    let (exchange_len, board_len) = (ExchangeAccount::ACCOUNT_LEN, Board::ACCOUNT_LEN);
    let rents = match state.exchange {
        Some(_) => [0; 2],
        None => [rent(exchange_len)?, rent(board_len)?],
    };
    let rent = |len: usize| rents[usize::from(len != exchange_len)];
    Ok(plan(config, &state, payer, rent)?)
}

fn confirmed(output: &mut impl io::Write, transactions: usize) -> io::Result<bool> {
    write!(output, "Send {transactions} transactions? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn send(client: &RpcClient, change: &Change, signers: &[&Keypair]) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        // What was done before stays, and is not done again.
        let what = format!(
            "failed, apply again to go on from here: {}",
            change.description
        );
        Failure::doing(what, error)
    };
    let blockhash = client
        .get_latest_blockhash()
        .map_err(|error| failed(&error))?;
    let payer = signers.first().map(|key| key.pubkey());
    let transaction = Transaction::new_signed_with_payer(
        &change.instructions,
        payer.as_ref(),
        signers,
        blockhash,
    );
    client
        .send_and_confirm_transaction(&transaction)
        .map(|signature| signature.to_string())
        .map_err(|error| failed(&error))
}
