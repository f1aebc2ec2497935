//! `ballast exchange apply`: brings an exchange on a cluster to what a configuration file says.

use std::path::PathBuf;

use anchor_lang::prelude::Pubkey;
use ballast_client::config::{Change, Config, Plan, Signatory, State, plan};
use ballast_client::rpc::{ClientError, Connection};
use ballast_client::state::{Board, Exchange as ExchangeAccount};
use clap::Args;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::context::{Context, read_key};
use crate::failure::Failure;
use crate::output::{Format, Page, Show};

/// What `apply` is given.
#[derive(Args)]
pub struct Apply {
    /// The configuration, such as migrations/devnet.toml.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The admin; who signs by default.
    #[arg(long, value_name = "FILE")]
    pub admin_keypair: Option<PathBuf>,
    /// The risk authority; who signs by default.
    #[arg(long, value_name = "FILE")]
    pub risk_keypair: Option<PathBuf>,
    /// The exchange's own key, the first time only.
    #[arg(long, value_name = "FILE")]
    pub exchange_keypair: Option<PathBuf>,
    /// The board's own key, the first time only.
    #[arg(long, value_name = "FILE")]
    pub board_keypair: Option<PathBuf>,
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
    fn read(context: &Context, arguments: &Apply) -> Result<Self, Failure> {
        let optional = |path: &Option<PathBuf>| path.as_deref().map(read_key).transpose();
        Ok(Self {
            payer: context.keypair()?,
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

#[derive(Serialize)]
struct Done {
    description: String,
    signature: String,
}

/// What was found, and what was done about it.
#[derive(Serialize)]
struct Outcome {
    left_alone: Vec<String>,
    changes: Vec<String>,
    done: Vec<Done>,
}

impl Show for Outcome {
    /// What is not told while it happens: in words everything is.
    fn show(&self, page: &mut Page) {
        if self.changes.is_empty() {
            page.line("nothing to change");
        }
    }
}

impl Apply {
    /// Does it, and prints what it does.
    ///
    /// # Errors
    /// A file, the cluster, a mistake in the configuration, a key that is missing or another one's.
    pub async fn run(&self, context: &Context) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.config).map_err(|error| {
            Failure::doing(format!("cannot read {}", self.config.display()), error)
        })?;
        let keys = Keys::read(context, self)?;
        let mut config = Config::parse(&text)?;
        config.fill(|name| keys.value(name));
        let connection = context.connection()?;
        let plan = planned(&connection, &config, &keys.payer.pubkey()).await?;
        let say = |line: String| match context.format {
            Format::Table => print_line(&line),
            Format::Json => Ok(()),
        };

        for line in &plan.left_alone {
            say(line.clone())?;
        }
        for change in &plan.changes {
            say(change.description.clone())?;
        }
        let mut outcome = Outcome {
            left_alone: plan.left_alone,
            changes: Vec::new(),
            done: Vec::new(),
        };
        let described = plan.changes.iter().map(|change| change.description.clone());
        outcome.changes.extend(described);
        if plan.changes.is_empty() || context.globals.dry_run {
            return context.print(&outcome);
        }
        // All signatures first, so that nothing is sent when one of them is missing.
        let signing = plan
            .changes
            .iter()
            .map(|change| keys.signing(change))
            .collect::<Result<Vec<_>, _>>()?;
        context.confirm(&format!("Send {} transactions?", plan.changes.len()))?;
        for (change, signers) in plan.changes.iter().zip(signing) {
            let signature = send(&connection, change, &signers).await?;
            say(format!("done: {} ({signature})", change.description))?;
            outcome.done.push(Done {
                description: change.description.clone(),
                signature,
            });
        }
        context.print(&outcome)
    }
}

fn print_line(line: &str) -> Result<(), Failure> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// What differs on the cluster.
async fn planned(
    connection: &Connection,
    config: &Config,
    payer: &Pubkey,
) -> Result<Plan, Failure> {
    let state = State::read(config, |key| {
        // What is read next depends on what was read before.
        let read = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(connection.accounts(&[*key]))
        });
        read.map(|mut found| {
            let found = found.pop().flatten();
            found.map(|(owner, update)| (owner, update.data))
        })
        .map_err(|error| Failure::from(error).while_doing(format!("cannot read account {key}")))
    })?;
    let (exchange_len, board_len) = (ExchangeAccount::ACCOUNT_LEN, Board::ACCOUNT_LEN);
    let mut rents = [0; 2];
    if state.exchange.is_none() {
        for (rent, len) in rents.iter_mut().zip([exchange_len, board_len]) {
            let read = connection.rpc().get_minimum_balance_for_rent_exemption(len);
            *rent = read.await.map_err(ClientError::from)?;
        }
    }
    let rent = |len: usize| rents[usize::from(len != exchange_len)];
    Ok(plan(config, &state, payer, rent)?)
}

async fn send(
    connection: &Connection,
    change: &Change,
    signers: &[&Keypair],
) -> Result<String, Failure> {
    let signers: Vec<&dyn Signer> = signers.iter().map(|key| *key as &dyn Signer).collect();
    let sent = connection.send(&change.instructions, &signers).await;
    sent.map(|sent| sent.signature.to_string())
        .map_err(|error| {
            // What was done before stays, and is not done again.
            Failure::from(error).while_doing(format!(
                "failed, apply again to go on from here: {}",
                change.description
            ))
        })
}
