//! `ballast risk`: the engine on files and standard input, no chain needed.

mod margin;
pub mod portfolio;
mod price;

pub use margin::{Named, json_report};
pub use price::{OptionRow, price};

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use crate::input::{self, InputError};
use clap::Subcommand;

/// The commands.
#[derive(Subcommand)]
pub enum Risk {
    /// Value options: JSON lines in, one line of value and sensitivities out for each.
    ///
    /// A line such as {"kind":"call","spot":100.0,"strike":110.0,"expiry_s":604800,"vol":0.8,"carry":0.0} gives
    /// {"value":…,"delta":…,"gamma":…,"vega":…,"theta":…}: Black-76 on the forward spot·(1 + carry·T), undiscounted, per unit
    /// of the underlying; vega per 1.00 of volatility, theta per day. `carry` may be left out. The first bad line ends the run.
    Price {
        /// JSON lines; standard input when it is `-` or missing.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Margin a portfolio: a JSON file with parameters, prices, balances and positions in, the report out.
    ///
    /// The format is described in docs/risk.md, with an example in docs/examples/portfolio.json.
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

/// Runs a command.
pub fn run(command: &Risk) -> ExitCode {
    let outcome = match command {
        Risk::Price { file } => run_price(file),
        Risk::Margin { file, json } => run_margin(file, *json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        Err(Failure::Input(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn open(file: &PathBuf) -> io::Result<Box<dyn io::BufRead>> {
    input::open(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

fn run_price(file: &PathBuf) -> Result<(), Failure> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let outcome = price::price_lines(open(file)?, &mut output);
    // What was good is printed before the error.
    output.flush()?;
    outcome
}

fn run_margin(file: &PathBuf, json: bool) -> Result<(), Failure> {
    let text = io::read_to_string(open(file)?)?;
    let portfolio = portfolio::Portfolio::parse(&text)?;
    let report = portfolio.assess()?;
    let named = Named::new(&portfolio, &report);
    let mut output = io::stdout().lock();
    if json {
        let report = json_report(&named);
        serde_json::to_writer_pretty(&mut output, &report).map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        named.print(&mut output)?;
    }
    Ok(())
}
