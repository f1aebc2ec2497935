//! The command line as a whole.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

#[cfg(feature = "cluster")]
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

#[cfg(feature = "cluster")]
use crate::context::{Context, Globals};
use crate::failure::{Failure, Kind, without_paths};
use crate::output::{Format, tell};
use crate::risk::{self, Risk};
#[cfg(feature = "cluster")]
use crate::{
    account::Account, asset::Asset, exchange::Exchange, keeper::Keeper, liquidation::Liquidation,
    market::Market, order::Order, price::Price,
};

/// Ballast, a cross-margin clearing protocol on Solana.
///
/// Amounts are whole tokens, sizes whole units of the underlying, prices USD per whole unit; all are read exactly as they are written. Markets are
/// named SOL-PERP, SOL-20261225 (future), SOL-20261225-150-C and -P (options).
///
/// Exit codes: 0 when all went well, 1 when something could not be read or written, 2 when the input or the command line
/// is wrong, 3 when the program or the runtime refused a transaction, 4 when a transaction was not confirmed in time, 5 when the user did not
/// confirm. Errors go to standard error; with `--output json` as {"error":{"kind","code","name","message"}}.
#[derive(Parser)]
#[command(name = "ballast", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// How results and errors are printed.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    output: Format,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Deploy, configure, pause and show an exchange.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Exchange(Exchange),
    /// What can be deposited and borrowed.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Asset(Asset),
    /// Perpetuals, futures and option series.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Market(Market),
    /// Margin accounts: deposits, withdrawals, figures, history.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Account(Account),
    /// Place, cancel and list orders.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Order(Order),
    /// Accounts below their margin, and the insurance fund.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Liquidation(Liquidation),
    /// Keep an exchange going.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Keeper(Keeper),
    /// Prices and volatility surfaces.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Price(Price),
    /// Price options and margin portfolios from files or standard input, by the engine of the on-chain program.
    #[command(subcommand)]
    Risk(Risk),
    /// Print a completion script for a shell.
    ///
    /// Example: ballast completions bash > ~/.local/share/bash-completion/completions/ballast
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let format = arguments.output;
    match arguments.run() {
        Ok(code) => code,
        Err(failure) => ExitCode::from(tell(&failure, format)),
    }
}

/// Help, the version, or what is wrong with the command line; as JSON when that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let wants_json = words.iter().any(|word| word == "--output=json")
        || words.windows(2).any(|pair| pair == ["--output", "json"]);
    if error.use_stderr() && wants_json {
        let rendered = error.to_string();
        let reason = rendered.trim().trim_start_matches("error: ");
        return ExitCode::from(tell(&Failure::input(reason), Format::Json));
    }
    let rendered = error.to_string();
    // Nobody is left to be told when this fails.
    let _ = match error.use_stderr() && rendered.contains("://") {
        true => write!(io::stderr(), "{}", without_paths(&rendered)),
        false => error.print(),
    };
    if error.use_stderr() {
        ExitCode::from(Kind::Input as u8)
    } else {
        ExitCode::SUCCESS
    }
}

impl Arguments {
    fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let arguments =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        #[cfg(feature = "cluster")]
        let arguments = {
            let source = matches.value_source("exchange_address");
            let mut arguments = arguments;
            arguments.globals.names_exchange = source == Some(ValueSource::CommandLine);
            arguments
        };
        Ok(arguments)
    }

    fn run(self) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Risk(command) => Ok(risk::run(&command, self.output)),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "ballast", &mut script);
                io::stdout().write_all(&script)?;
                Ok(ExitCode::SUCCESS)
            }
            #[cfg(feature = "cluster")]
            command => {
                let context = Context {
                    globals: self.globals,
                    format: self.output,
                };
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()?;
                runtime.block_on(on_cluster(&context, &command))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

#[cfg(feature = "cluster")]
async fn on_cluster(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Exchange(command) => crate::exchange::run(context, command).await,
        Command::Asset(command) => crate::asset::run(context, command).await,
        Command::Market(command) => crate::market::run(context, command).await,
        Command::Account(command) => crate::account::run(context, command).await,
        Command::Order(command) => crate::order::run(context, command).await,
        Command::Liquidation(command) => crate::liquidation::run(context, command).await,
        Command::Keeper(command) => crate::keeper::run(context, command).await,
        Command::Price(command) => crate::price::run(context, command).await,
        // They talk to no cluster.
        Command::Risk(_) | Command::Completions { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn an_exchange_on_the_command_line_is_told_from_one_in_the_environment() {
        let key = "7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2";
        let read = |words: &[&str]| {
            let arguments = Arguments::read(words.iter().map(OsString::from)).unwrap();
            arguments.globals.names_exchange
        };
        let run = ["ballast", "keeper", "run", "--config", "x"];
        assert!(!read(&run));
        assert!(read(&[&run[..], &["--exchange", key]].concat()));
        assert!(read(&[&["ballast", "--exchange", key], &run[1..]].concat()));
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} has no help");
                if sub.has_subcommands() {
                    visit(sub, &path);
                } else if !path.starts_with(" risk") {
                    let help = sub
                        .get_long_about()
                        .map(ToString::to_string)
                        .unwrap_or_default();
                    assert!(
                        help.contains(&format!("ballast{path}")),
                        "{path} has no example"
                    );
                }
            }
        }
        visit(&Arguments::command(), "");
    }
}
