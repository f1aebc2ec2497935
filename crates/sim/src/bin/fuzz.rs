//! `cargo xtask fuzz`: random transactions against the real program, with invariants after every one.

use anyhow::{Result, ensure};
use ballast_risk::planted::Bug;
use ballast_sim::fuzz::{self, Options};
use clap::Parser;
use std::io::IsTerminal;

/// Sends random transactions of every instruction to the on-chain program in an embedded VM and checks the books after each.
///
/// Prints one JSON object: `seed`, `steps`, `successes` (instruction to count), `refusals` (instruction to error to count) and `violations`. Exits
/// with 1 when there are violations. The same seed and steps give the same output, however many jobs there are.
#[derive(Parser)]
#[command(name = "cargo xtask fuzz", bin_name = "cargo xtask fuzz")]
struct Arguments {
    /// Transactions to send.
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Episodes at a time; as many as there are processors by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Runs only the episode of this step, up to it, and tells every step on standard error.
    #[arg(long, value_name = "STEP")]
    replay: Option<u64>,
    /// Begins no further episode once a violation was found.
    #[arg(long)]
    stop_early: bool,
    /// Runs the program with one of the bugs that are planted in it, by its name.
    #[arg(long, value_name = "BUG", value_parser = bug, long_help = bugs())]
    planted: Option<Bug>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let outcome = fuzz::run(&Options {
        steps: arguments.steps,
        seed: arguments.seed,
        jobs: arguments.jobs.unwrap_or(processors),
        replay: arguments.replay,
        program: arguments
            .planted
            .map(|bug| fuzz::planted_program(Some(bug)))
            .transpose()?,
        stop_early: arguments.stop_early,
        progress: std::io::stderr()
            .is_terminal()
            .then_some(|steps| eprint!("\r{steps} steps")),
    })?;
    println!("{}", serde_json::to_string_pretty(&outcome)?);
    let count = outcome.violations.len();
    ensure!(count == 0, "{count} violations");
    Ok(())
}

fn bug(name: &str) -> Result<Bug, String> {
    let mut bugs = Bug::ALL.into_iter();
    let bug = bugs.find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name));
    bug.ok_or_else(|| "no such bug; see --help".to_owned())
}

/// The names of the bugs, for the help.
fn bugs() -> String {
    let names = Bug::ALL.map(|bug| format!("{bug:?}")).join(", ");
    format!("Runs the program with one of the bugs that are planted in it: {names}")
}
