//! `ballast`: the command for everybody who uses the protocol.

use std::process::ExitCode;

#[cfg(feature = "cluster")]
use ballast_cli::exchange::{self, Exchange};
use ballast_cli::risk::{self, Risk};
use clap::{Parser, Subcommand};

/// Ballast, a cross-margin clearing protocol on Solana.
///
/// Exit codes: 0 when all went well, 1 when something could not be read or written, 2 when the input or the command line
/// is wrong.
#[derive(Parser)]
#[command(name = "ballast", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Deploy and configure an exchange.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Exchange(Exchange),
    /// Price options and margin portfolios from files or standard input, by the engine of the on-chain program.
    #[command(subcommand)]
    Risk(Risk),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        #[cfg(feature = "cluster")]
        Command::Exchange(command) => exchange::run(&command),
        Command::Risk(command) => risk::run(&command),
    }
}
