//! `ballast keeper`: what keeps an exchange going.

use std::io;
use std::path::{Path, PathBuf};

use ballast_keeper::{Config, Options, Summary};
use clap::Subcommand;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::context::{Context, Globals, rpc_url};
use crate::failure::{Failure, without_paths};
use crate::output::{Format, Page, Show};

/// What is logged, in the syntax of `tracing`: `debug`, or `info,ballast_keeper=debug`.
const LOG_VARIABLE: &str = "BALLAST_LOG";

/// The commands.
#[derive(Subcommand)]
pub enum Keeper {
    /// Run a keeper: prices, interest, funding, fills, settlement, liquidation, as its configuration says.
    ///
    /// It runs until it gets SIGINT or SIGTERM, then waits for what it has sent. With --dry-run it simulates everything and sends
    /// nothing. It logs to standard error, as JSON with --output json; $BALLAST_LOG says how much (info by default).
    ///
    /// The configuration decides; --url, --ws, --keypair and --exchange on the command line stand in for what it says. Another --url without --ws means
    /// the websocket that belongs to it. $BALLAST_EXCHANGE, the Solana CLI's configuration, --fee-payer, --commitment and --priority-fee mean nothing
    /// here.
    ///
    /// With --once the exit code is 3 when any transaction failed, else 4 when any was lost; the summary is printed all the same.
    ///
    /// Example: ballast keeper run --config keeper.toml --once
    Run {
        /// Its configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Do what is to be done now, and end.
        #[arg(long)]
        once: bool,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &Keeper) -> Result<(), Failure> {
    let Keeper::Run { config, once } = command;
    let config = overridden(read(config)?, &context.globals)?;
    log(context.format)?;
    let options = Options {
        dry_run: context.globals.dry_run,
        once: *once,
    };
    let (interrupt, terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let summary = ballast_keeper::run(config, options, either(interrupt, terminate))
        .await
        .map_err(|error| Failure::doing("the keeper", format!("{error:#}")))?;
    context.print(&Done(summary))?;
    if *once { verdict(&summary) } else { Ok(()) }
}

/// The file decides, but for what the command line says.
fn overridden(mut config: Config, globals: &Globals) -> Result<Config, Failure> {
    if let Some(url) = &globals.url {
        config.url = rpc_url(url)?;
        // That of the file belongs to another node.
        config.websocket = None;
    }
    if let Some(websocket) = &globals.ws {
        config.websocket = Some(websocket.clone());
    }
    if let Some(keypair) = &globals.keypair {
        config.keypair.clone_from(keypair);
    }
    if let Some(exchange) = globals.exchange.filter(|_| globals.names_exchange) {
        config.exchange = exchange;
    }
    Ok(config)
}

/// How `--once` ends.
fn verdict(summary: &Summary) -> Result<(), Failure> {
    let Summary { failed, lost, .. } = *summary;
    let told = format!("transactions failed: {failed}, lost: {lost}");
    match (failed, lost) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::not_confirmed(told)),
        _ => Err(Failure::refused(told)),
    }
}

fn read(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::doing(format!("cannot read {}", path.display()), error))?;
    Config::parse(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

fn log(format: Format) -> Result<(), Failure> {
    let filter = match std::env::var(LOG_VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text)
            .map_err(|error| Failure::input(format!("${LOG_VARIABLE}: {error}")))?,
        Err(_) => EnvFilter::new("info"),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Stderr);
    let set = match format {
        Format::Json => builder.json().flatten_event(true).try_init(),
        Format::Table => builder.with_ansi(false).with_target(false).try_init(),
    };
    set.map_err(|error| Failure::doing("the log", error))
}

/// Standard error without what may be a key in the address of a node. The log writes whole lines.
struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().write_all(without_paths(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

async fn either(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What a keeper did, for people and programs.
#[derive(Serialize)]
struct Done(Summary);

impl Show for Done {
    fn show(&self, page: &mut Page) {
        let Summary {
            done,
            raced,
            lost,
            failed,
            slices,
            profit,
            ..
        } = self.0;
        page.fields([
            ("transactions", done.to_string()),
            ("raced or too early", raced.to_string()),
            ("lost", lost.to_string()),
            ("failed", failed.to_string()),
            ("slices taken", slices.to_string()),
            (
                "estimated profit",
                format!("{:.2} USD", profit as f64 / 1e6),
            ),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use anchor_lang::prelude::Pubkey;

    #[test]
    fn the_command_line_stands_in_for_the_file() {
        let file = r#"
            url = "http://file:1"
            websocket = "ws://file:2"
            exchange = "7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2"
            keypair = "file.json"
        "#;
        let file = Config::parse(file).unwrap();
        let read = |globals: &Globals| {
            let config = overridden(file.clone(), globals).unwrap();
            (config.url, config.websocket, config.exchange)
        };
        let mut globals = Globals::default();
        let (url, websocket) = ("http://file:1".to_owned(), Some("ws://file:2".to_owned()));
        assert_eq!(read(&globals), (url.clone(), websocket, file.exchange));
        // What the environment says is for other commands.
        globals.exchange = Some(Pubkey::new_from_array([7; 32]));
        assert_eq!(read(&globals).2, file.exchange);
        globals.names_exchange = true;
        assert_eq!(Some(read(&globals).2), globals.exchange);
        globals.ws = Some("ws://line:3".into());
        assert_eq!(read(&globals).0, url);
        assert_eq!(read(&globals).1, globals.ws);
        globals.ws = None;
        globals.url = Some("devnet".into());
        let devnet = "https://api.devnet.solana.com".to_owned();
        assert_eq!(read(&globals), (devnet, None, globals.exchange.unwrap()));
        globals.keypair = Some("line.json".into());
        let config = overridden(file.clone(), &globals).unwrap();
        assert_eq!(config.keypair, PathBuf::from("line.json"));
        globals.url = Some("nowhere".into());
        assert!(overridden(file, &globals).is_err());
    }

    #[test]
    fn what_failed_or_was_lost_is_told_by_the_exit_code() {
        let kind = |failed, lost| {
            let summary = Summary {
                failed,
                lost,
                raced: 1,
                ..Summary::default()
            };
            verdict(&summary).err().map(|failure| failure.kind)
        };
        assert_eq!(kind(0, 0), None);
        assert_eq!(kind(0, 2), Some(Kind::NotConfirmed));
        assert_eq!(kind(1, 2), Some(Kind::Refused));
    }
}
