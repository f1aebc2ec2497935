//! `ballast risk`: the engine on files and standard input, no chain needed.

mod margin;
pub mod portfolio;
mod price;

#[cfg(feature = "cluster")]
pub(crate) use margin::describe;
pub use margin::{Named, json_report};
pub use price::{OptionFigures, price};

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::failure::Failure as Told;
use crate::input::{InputError, ReadError, Source};
use crate::output::{Format, tell};
use clap::Subcommand;

/// The commands.
#[derive(Subcommand)]
pub enum Risk {
    /// Value options: JSON lines in, one line of value and sensitivities out for each.
    ///
    /// A line such as {"kind":"call","spot":100.0,"strike":110.0,"expiry_s":604800,"vol":0.8,"carry":0.0} gives
    /// {"value":…,"delta":…,"gamma":…,"vega":…,"theta":…}: Black-76 on the forward spot·(1 + carry·T), undiscounted, per unit
    /// of the underlying; vega per 1.00 of volatility, theta per day. `carry` may be left out. The first bad line ends the run;
    /// what was good before it is printed.
    Price {
        /// JSON lines; standard input when it is `-` or missing.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Margin a portfolio: a JSON file with parameters, prices, balances and positions in, the report out.
    ///
    /// docs/examples/README.md describes the format, docs/examples/portfolio.json is an example, docs/risk.md the model.
    Margin {
        /// A portfolio; standard input when it is `-` or missing.
        #[arg(default_value = "-")]
        file: PathBuf,
        /// Print the whole report as JSON instead of tables.
        #[arg(long)]
        json: bool,
    },
}

/// Why a command failed.
enum Failure {
    /// The input is wrong.
    Input(InputError),
    /// Something could not be read or written.
    Io(io::Error),
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            ReadError::Input(error) => Self::Input(error),
        }
    }
}

/// Runs a command.
pub fn run(command: &Risk, format: Format) -> ExitCode {
    let outcome = match command {
        Risk::Price { file } => run_price(file),
        Risk::Margin { file, json } => run_margin(file, *json || format == Format::Json),
    };
    let failure = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Err(Failure::Io(error)) => Told::io(error),
        Err(Failure::Input(error)) => Told::input(error.to_string()),
    };
    ExitCode::from(tell(&failure, format))
}

fn run_price(file: &Path) -> Result<(), Failure> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let outcome = price::price_lines(Source::open(file)?, &mut output);
    // What was good is printed before the error.
    output.flush()?;
    outcome
}

fn run_margin(file: &Path, json: bool) -> Result<(), Failure> {
    let text = Source::open(file)?.read_all()?;
    let portfolio = portfolio::Portfolio::parse(&text)?;
    let report = portfolio.assess()?;
    let named = Named::new(&portfolio, &report);
    let mut output = io::BufWriter::new(io::stdout().lock());
    if json {
        let report = json_report(&named);
        serde_json::to_writer_pretty(&mut output, &report).map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        named.print(&mut output)?;
    }
    output.flush()?;
    Ok(())
}
