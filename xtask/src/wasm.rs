//! The margin engine for browsers, compiled to WebAssembly.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    build::install,
    process::{cargo, output, run_named},
    setup,
    toolchain::{Bootstrapped, Toolchain},
    workspace::Workspace,
};

/// What `cargo xtask build` calls it.
pub const NAME: &str = "wasm";
const PACKAGE: &str = "ballast-risk-wasm";
const TARGET: &str = "wasm32-unknown-unknown";
/// A profile of the workspace.
const PROFILE: &str = "wasm";
/// Where the frontend has it.
const FILE: &str = "app/src/engine/ballast_risk.wasm";

/// Builds it into the frontend's sources: with rustup's standard library when that is installed, otherwise with the bootstrapped compiler, which
/// compiles its own.
pub fn build(workspace: &Workspace) -> Result<()> {
    let target = workspace.target.join(NAME);
    let mut command = cargo();
    command
        .args(["rustc", "--profile", PROFILE, "--target", TARGET])
        .args(["--lib", "--crate-type", "cdylib", "--package", PACKAGE])
        .arg("--manifest-path")
        .arg(workspace.path("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target);
    if !rustup_has_target()? {
        match setup::toolchain()? {
            Toolchain::Bootstrapped(bootstrapped) => use_bootstrapped(&mut command, &bootstrapped)?,
            Toolchain::PlatformTools { .. } => bail!("missing: run `rustup target add {TARGET}`"),
        }
    }
    run_named("building the margin engine for browsers", &mut command)?;
    let built = target.join(TARGET).join(PROFILE);
    let built = built.join(format!("{}.wasm", PACKAGE.replace('-', "_")));
    let file = workspace.path(FILE);
    fs::create_dir_all(file.parent().context("the file has no folder")?)?;
    install(&built, &file)?;
    println!(
        "{:>9} bytes  {}",
        fs::metadata(&file)?.len(),
        file.display()
    );
    Ok(())
}

/// What the installed compiler answers to `--print`.
fn rustc_print(what: &str, arguments: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let answer = output(command.args(["--print", what]).args(arguments))?;
    Ok(answer.trim().into())
}

/// Whether the installed compiler has a standard library for the target.
fn rustup_has_target() -> Result<bool> {
    Ok(rustc_print("target-libdir", &["--target", TARGET])?.exists())
}

/// Lets cargo compile with the bootstrapped compiler, the standard library included, and link with the linker that the installed one brings.
fn use_bootstrapped(command: &mut Command, toolchain: &Bootstrapped) -> Result<()> {
    let own_tools = rustc_print("target-libdir", &[])?.with_file_name("bin");
    let linker = own_tools.join("rust-lld");
    ensure!(linker.exists(), "there is no {}", linker.display());
    command
        .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="])
        .env("RUSTC", toolchain.rustc_wrapper())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", toolchain.library())
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("-Clinker={}", linker.display()),
        )
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    Ok(())
}
