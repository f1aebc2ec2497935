//! `cargo xtask localnet`: an exchange on a local cluster.

use std::{env, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{build::build, process::run, tasks::in_workspace, validator, workspace::Workspace};

/// Where it keeps everything unless `--folder` says otherwise.
const FOLDER_VARIABLE: &str = "BALLAST_LOCALNET_DIR";
/// The command-line tool, which is the keeper.
const CLI_VARIABLE: &str = "BALLAST_CLI";
/// The packages and their binaries.
const BINARIES: [(&str, &str); 2] = [("ballast-localnet", "localnet"), ("ballast-cli", "ballast")];

/// Builds what is needed and becomes the localnet: a Ctrl-C is its alone, and its exit code is this command's.
pub fn localnet(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut command = if is_start(arguments) {
        let validator = validator::find_or_explain()?;
        build(workspace, &["ballast".into(), "oracle-stub".into()])?;
        // Not quiet: the first time takes minutes.
        let mut command = binaries(workspace, &BINARIES, &["build"])?;
        command.env(validator::VARIABLE, validator);
        command
    } else {
        binaries(workspace, &BINARIES[..1], &["build", "--quiet"])?
    };
    let error = command.args(arguments).exec();
    Err(error).context("cannot start the localnet")
}

/// Whether it is started, and not asked for help or told to do something with a running one.
fn is_start(arguments: &[String]) -> bool {
    let helps = |argument: &String| argument == "--help" || argument == "-h";
    let commands = |argument: &String| argument == "fund" || argument == "price";
    !arguments.iter().any(helps) && !arguments.iter().any(commands)
}

/// Builds binaries and gives the command that runs the first.
fn binaries(workspace: &Workspace, binaries: &[(&str, &str)], build: &[&str]) -> Result<Command> {
    for (package, binary) in binaries {
        run(in_workspace(workspace, build).args(["--package", package, "--bin", binary]))?;
    }
    let built = |binary: &str| -> PathBuf { workspace.target.join("debug").join(binary) };
    let mut command = Command::new(built(binaries[0].1));
    command
        .env(CLI_VARIABLE, built(BINARIES[1].1))
        .env("BALLAST_DEPLOY_DIR", workspace.deploy());
    if env::var_os(FOLDER_VARIABLE).is_none() {
        command.env(FOLDER_VARIABLE, workspace.target.join("localnet"));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_needs_the_validator() {
        let starts = |line: &str| {
            let words = line.split_whitespace().map(str::to_owned);
            is_start(&words.collect::<Vec<_>>())
        };
        assert!(starts("") && starts("--reset --seed 3"));
        assert!(!starts("--help") && !starts("fund KEY") && !starts("price SOL x0.8"));
    }
}
