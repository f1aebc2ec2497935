//! `cargo xtask localnet`: an exchange on a local cluster.

use std::{env, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    app::{APP_VARIABLE, App},
    build::build,
    process::run,
    tasks::{DEPLOY_VARIABLE, in_workspace},
    validator, wasm,
    workspace::Workspace,
};

/// Where it keeps everything unless `--folder` says otherwise.
const FOLDER_VARIABLE: &str = "BALLAST_LOCALNET_DIR";
/// The command-line tool, which is the keeper.
const CLI_VARIABLE: &str = "BALLAST_CLI";
/// Its option that leaves the app out.
const NO_APP: &str = "--no-app";

/// Builds what is needed and becomes the localnet: a Ctrl-C is its alone, and its exit code is this command's.
pub fn localnet(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut environment = Vec::new();
    // Not quiet at a start: the first time takes minutes.
    let mut build_arguments = vec!["--quiet"];
    if is_start(arguments) {
        build_arguments.clear();
        environment.push((validator::VARIABLE, validator::find_or_explain()?));
        let has_app = !arguments.iter().any(|argument| argument == NO_APP);
        let app = has_app.then(|| App::ready(workspace)).transpose();
        let app = app.context("no app; `--no-app` does without it")?;
        build_programs(workspace)?;
        if let Some(app) = app {
            wasm::build(workspace)?;
            app.build()?;
            environment.push((APP_VARIABLE, app.dist()));
        }
    }
    let binaries = Binaries::build(workspace, &build_arguments)?;
    let mut command = Command::new(&binaries.localnet);
    binaries.tell(&mut command);
    if env::var_os(FOLDER_VARIABLE).is_none() {
        command.env(FOLDER_VARIABLE, workspace.target.join("localnet"));
    }
    let error = command.envs(environment).args(arguments).exec();
    Err(error).context("cannot start the localnet")
}

/// Builds the programs that a localnet has.
pub fn build_programs(workspace: &Workspace) -> Result<()> {
    build(workspace, &["ballast".into(), "oracle-stub".into()])
}

/// Whether it is started, and not asked for help or told to do something with a running one.
fn is_start(arguments: &[String]) -> bool {
    let helps = |argument: &String| argument == "--help" || argument == "-h";
    let commands = |argument: &String| argument == "fund" || argument == "price";
    !arguments.iter().any(helps) && !arguments.iter().any(commands)
}

/// The programs of a localnet on this machine.
pub struct Binaries {
    /// The localnet itself.
    pub localnet: PathBuf,
    cli: PathBuf,
    deploy: PathBuf,
}

impl Binaries {
    /// Builds them together: alone, each would be compiled with other features of what both use, and so twice.
    pub fn build(workspace: &Workspace, arguments: &[&str]) -> Result<Self> {
        let packages = [
            "build",
            "--package",
            "ballast-localnet",
            "--package",
            "ballast-cli",
        ];
        let binaries = ["--bin", "localnet", "--bin", "ballast"];
        run(in_workspace(workspace, &packages)
            .args(binaries)
            .args(arguments))?;
        let built = workspace.target.join("debug");
        Ok(Self {
            localnet: built.join("localnet"),
            cli: built.join("ballast"),
            deploy: workspace.deploy(),
        })
    }

    /// Tells a localnet, or who starts one, where everything is.
    pub fn tell(&self, command: &mut Command) {
        command
            .env(CLI_VARIABLE, &self.cli)
            .env(DEPLOY_VARIABLE, &self.deploy);
    }
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
