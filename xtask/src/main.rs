//! `cargo xtask`: the one front door to building, testing and showing Ballast.

mod app;
mod bench;
mod budgets;
mod build;
mod builtins;
mod coverage;
mod debian;
mod fingerprint;
mod idl;
mod localnet;
mod process;
mod setup;
mod standard_library;
mod tasks;
mod toolchain;
mod validator;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Build, test and show Ballast.
///
/// Every command prepares the machine first when it has to, so `cargo xtask test` is all that a fresh clone needs.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the machine ready to build on-chain programs. A second run does nothing.
    ///
    /// Uses Solana's platform-tools when `cargo build-sbf` and its tools are installed. Otherwise it bootstraps a
    /// toolchain from Debian packages and crates, about three minutes once, without root. That toolchain lives in
    /// $BALLAST_TOOLCHAIN_DIR, by default in the user's cache folder, where other clones find it too.
    Setup {
        /// Throw the bootstrapped toolchain away and make it anew.
        #[arg(long)]
        force: bool,
        /// Install solana-test-validator as well, for local clusters, when this machine does not have it: it is compiled, which takes 35 to 50
        /// minutes on two cores, once.
        #[arg(long)]
        validator: bool,
    },
    /// Build the on-chain programs into target/deploy, the IDL into target/idl and the margin engine for browsers into app/src/engine.
    Build {
        /// Build only these: the programs ballast, oracle-stub, sbf-probe, and wasm, the engine for browsers. The IDL belongs to ballast.
        #[arg(value_parser = build::program_names())]
        programs: Vec<String>,
    },
    /// Build, then run every test of the workspace and of the app, those on a local cluster and in a browser included.
    ///
    /// These need solana-test-validator. Where it is missing it is installed first, which is a compilation of 35 to 50 minutes on two cores, once.
    /// The app needs Node.js 20.19 or newer, and Chromium, which root gets from Debian's packages. With arguments that choose among cargo's tests,
    /// the app's are left out.
    Test {
        /// Leave out the tests that start a validator, the app's end-to-end tests among them.
        #[arg(long)]
        no_cluster: bool,
        /// Arguments for `cargo test`, for instance `-p ballast-risk -- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure compute units, speed and accuracy of the risk engine and write docs/performance.md; sizes and rents, and write docs/budgets.md.
    Bench {
        /// Only sizes and rents, which takes seconds once everything is built.
        #[arg(long)]
        budgets: bool,
    },
    /// Measure which lines of the program and the crates tests execute, and write docs/coverage.md. Fails when more is not covered than listed.
    ///
    /// Compiles everything once more, into target/coverage.
    Coverage,
    /// Build, then run the demo.
    #[command(disable_help_flag = true)]
    Demo {
        /// Arguments for the demo; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build, then send random transactions of every instruction to the program and check what must always hold after each.
    ///
    /// Prints one JSON object on standard output; what else is said goes to standard error.
    #[command(disable_help_flag = true)]
    Fuzz {
        /// Arguments for the fuzzer; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build, then run an exchange on a local cluster: prices that walk, a market maker, a keeper, the app. Ctrl-C stops it.
    ///
    /// With `--no-app` Node.js is not needed.
    #[command(disable_help_flag = true)]
    Localnet {
        /// Arguments for the localnet; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build or test the wallet frontend in app/, which needs Node.js 20.19 or newer.
    App {
        /// What is to be done.
        #[arg(default_value = "build")]
        task: app::Task,
        /// Arguments for dev, e2e, screenshots and bench.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check formatting and lints, warnings denied, the app's too.
    Check,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { force, validator } => setup::setup(&workspace, force, validator),
        Command::Build { programs } => build::build(&workspace, &programs),
        Command::Test {
            no_cluster,
            arguments,
        } => tasks::test(&workspace, no_cluster, &arguments),
        Command::Bench { budgets } => bench::bench(&workspace, budgets),
        Command::Coverage => coverage::coverage(&workspace),
        Command::Demo { arguments } => tasks::simulate(&workspace, "demo", &arguments),
        Command::Fuzz { arguments } => tasks::simulate(&workspace, "fuzz", &arguments),
        Command::Localnet { arguments } => localnet::localnet(&workspace, &arguments),
        Command::App { task, arguments } => app::run_task(&workspace, task, &arguments),
        Command::Check => tasks::check(&workspace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(line: &str) -> Vec<String> {
        match Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.command) {
            Ok(
                Command::Test { arguments, .. }
                | Command::Demo { arguments }
                | Command::Fuzz { arguments }
                | Command::Localnet { arguments },
            ) => arguments,
            _ => panic!("{line} is refused"),
        }
    }

    #[test]
    fn cluster_tests_can_be_left_out() {
        let left_out = |line: &str| match Arguments::try_parse_from(line.split(' ')) {
            Ok(Arguments {
                command: Command::Test { no_cluster, .. },
            }) => no_cluster,
            _ => panic!("{line} is refused"),
        };
        assert!(!left_out("xtask test"));
        assert!(left_out("xtask test --no-cluster"));
        assert!(left_out("xtask test --no-cluster -p x"));
        assert_eq!(passed_on("xtask test --no-cluster -p x"), ["-p", "x"]);
    }

    #[test]
    fn the_app_is_built_unless_a_task_is_named() {
        let task = |line: &str| match Arguments::try_parse_from(line.split(' ')) {
            Ok(Arguments {
                command: Command::App { task, arguments },
            }) => (task, arguments.join(" ")),
            _ => panic!("{line} is refused"),
        };
        let named = |line: &str| task(line).0;
        assert_eq!(named("xtask app"), app::Task::Build);
        assert_eq!(named("xtask app screenshots"), app::Task::Screenshots);
        let (task, arguments) = task("xtask app e2e --bail 1");
        assert_eq!((task, arguments.as_str()), (app::Task::E2e, "--bail 1"));
    }

    #[test]
    fn arguments_reach_cargo_and_the_demo() {
        assert!(passed_on("xtask test").is_empty());
        assert_eq!(passed_on("xtask test -p x"), ["-p", "x"]);
        assert_eq!(passed_on("xtask test -- -p x"), ["-p", "x"]);
        assert_eq!(
            passed_on("xtask test -p x -- --nocapture"),
            ["-p", "x", "--", "--nocapture"]
        );
        assert_eq!(
            passed_on("xtask test -- -- --nocapture"),
            ["--", "--nocapture"]
        );
        assert_eq!(passed_on("xtask demo --help"), ["--help"]);
        assert_eq!(passed_on("xtask fuzz --steps 5"), ["--steps", "5"]);
        assert_eq!(
            passed_on("xtask localnet --reset fund x"),
            ["--reset", "fund", "x"]
        );
    }
}
