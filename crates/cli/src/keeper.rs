//! `ballast keeper`: what keeps an exchange going.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The commands.
#[derive(Subcommand)]
pub enum Keeper {
    /// Run a keeper: prices, interest, funding, fills, settlement, liquidation, as its configuration says.
    ///
    /// With --dry-run it sends nothing and logs what it would send.
    ///
    /// Example: ballast keeper run --config keeper.toml --once
    Run {
        /// Its configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Do once what is to be done, and end.
        #[arg(long)]
        once: bool,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &Keeper) -> Result<(), Failure> {
    let Keeper::Run { config, once } = command;
    run_keeper(context, config, *once).await
}

/// Runs until it is told to end, or once. The context has the cluster, the websocket, the exchange, the key, and whether to send.
async fn run_keeper(_context: &Context, config: &Path, _once: bool) -> Result<(), Failure> {
    let text = std::fs::read_to_string(config)
        .map_err(|error| Failure::doing(format!("cannot read {}", config.display()), error))?;
    let _ = text;
    Err(Failure::input("this build has no keeper"))
}
