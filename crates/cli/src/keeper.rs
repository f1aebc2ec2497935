//! `ballast keeper`: what keeps an exchange going.

use std::path::{Path, PathBuf};

use ballast_keeper::{Config, Options, Summary};
use clap::Subcommand;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, Page, Show};

/// What is logged, in the syntax of `tracing`: `debug`, or `info,ballast_keeper=debug`.
const LOG_VARIABLE: &str = "BALLAST_LOG";

/// The commands.
#[derive(Subcommand)]
pub enum Keeper {
    /// Run a keeper: prices, interest, funding, fills, settlement, liquidation, as its configuration says.
    ///
    /// It runs until it gets SIGINT or SIGTERM, then waits for what it has sent. With --dry-run it simulates everything and sends
    /// nothing. It logs to standard error, as JSON with --output json; $BALLAST_LOG says how much (info by default). The cluster, the key and the
    /// exchange are those of the configuration.
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
    let config = read(config)?;
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
    context.print(&Done(summary))
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
        .with_writer(std::io::stderr);
    let set = match format {
        Format::Json => builder.json().flatten_event(true).try_init(),
        Format::Table => builder.with_ansi(false).with_target(false).try_init(),
    };
    set.map_err(|error| Failure::doing("the log", error))
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
