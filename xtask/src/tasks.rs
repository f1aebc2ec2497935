//! `cargo xtask test`, `demo`, `fuzz` and `check`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    app::App,
    build::{PLANTED_BUGS, build},
    process::{cargo, run},
    setup, validator,
    workspace::Workspace,
};

/// Where tests and the demo find the programs.
pub const DEPLOY_VARIABLE: &str = "BALLAST_DEPLOY_DIR";

/// Says to tests that no validator may be started.
pub const NO_CLUSTER_VARIABLE: &str = "BALLAST_NO_CLUSTER";
/// Packages with tests that start a validator.
const CLUSTER_PACKAGES: [&str; 2] = ["ballast-cli", "ballast-localnet"];

/// Builds, then runs the tests of the whole workspace and of the app, or those of cargo's that `arguments` choose.
pub fn test(workspace: &Workspace, no_cluster: bool, arguments: &[String]) -> Result<()> {
    let chooses = arguments.first().is_some_and(|argument| argument != "--");
    // What is missing is said before everything is built.
    let app = (!chooses).then(|| App::ready(workspace)).transpose()?;
    build(workspace, &[])?;
    build(workspace, &[PLANTED_BUGS.to_owned()])?;
    let of_cargo: Vec<&String> = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .collect();
    let chooses_package = of_cargo
        .iter()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    let chooses_cluster = CLUSTER_PACKAGES
        .iter()
        .any(|package| of_cargo.iter().any(|argument| argument.contains(package)));
    let mut command = in_workspace(workspace, &["test"]);
    if no_cluster {
        println!("Left out: the tests on a local cluster (--no-cluster)");
        command.env(NO_CLUSTER_VARIABLE, "1");
    } else if !chooses_package || chooses_cluster {
        command.env(validator::VARIABLE, validator::find_or_install(workspace)?);
    }
    if !chooses_package {
        command.arg("--workspace");
    }
    run(command.args(arguments))?;
    let Some(app) = app else {
        println!("Left out: the app's tests (`cargo xtask app test` and `e2e`)");
        return Ok(());
    };
    app.test()?;
    if no_cluster {
        println!("Left out: the app's end-to-end tests (--no-cluster)");
        return app.build();
    }
    app.in_browser("e2e", &[])
}

/// Builds, then runs a program of the simulator, compiled like the tests: their dependencies, the whole VM, serve it too.
pub fn simulate(workspace: &Workspace, program: &str, arguments: &[String]) -> Result<()> {
    build(workspace, &[])?;
    if arguments
        .iter()
        .any(|argument| argument.starts_with("--planted"))
    {
        build(workspace, &[PLANTED_BUGS.to_owned()])?;
    }
    // From where the user stands, so that his paths mean what he thinks.
    let mut command = cargo();
    command
        .args(["run", "--package", "ballast-sim", "--bin", program])
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        .env(DEPLOY_VARIABLE, workspace.deploy());
    run(&mut command)
}

/// Checks formatting and lints, the app's too.
pub fn check(workspace: &Workspace) -> Result<()> {
    let missing = setup::missing_components();
    if !missing.is_empty() {
        let components: Vec<_> = missing.iter().map(|(_, component)| *component).collect();
        bail!(
            "missing: run `rustup component add {}`",
            components.join(" ")
        );
    }
    run(&mut in_workspace(workspace, &["fmt", "--all", "--check"]))?;
    run(&mut in_workspace(
        workspace,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ))?;
    App::ready(workspace)?.check()
}

/// Cargo in the checkout, with the programs where tests find them.
pub fn in_workspace(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(arguments)
        .current_dir(&workspace.root)
        .env(DEPLOY_VARIABLE, workspace.deploy());
    command
}
