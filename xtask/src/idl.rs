//! The IDL of the program, made by compiling it for the host.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{
    fingerprint::fingerprint,
    process::{cargo, run},
    workspace::Workspace,
};

/// The package of the program whose IDL is made.
pub const PROGRAM: &str = "ballast";

/// What the IDL is made from: the program and the crates whose types it shows.
const SOURCES: &[&str] = &[
    "programs/ballast",
    "crates/state",
    "crates/risk",
    "xtask/idl",
    "Cargo.lock",
];

/// Where the IDL lies: `target/idl/ballast.json`.
pub fn path(workspace: &Workspace) -> PathBuf {
    workspace.target.join("idl").join("ballast.json")
}

/// Writes the IDL, unless it was made from the same sources.
pub fn build(workspace: &Workspace) -> Result<()> {
    let idl = path(workspace);
    let stamp = idl.with_extension("stamp");
    let fingerprint = fingerprint(SOURCES.iter().map(|source| workspace.path(source)))?;
    if idl.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == fingerprint) {
        return Ok(());
    }
    fs::create_dir_all(workspace.target.join("idl"))?;
    eprintln!("Building the IDL");
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "xtask-idl", "--"])
        .arg(workspace.path("programs/ballast"))
        .arg(&idl)
        .current_dir(&workspace.root)
        // The builder sets flags of its own, for which cargo would compile everything once more; these go first.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        .env("CARGO_TARGET_DIR", &workspace.target)
        // The builder mistakes a chosen toolchain; the same cargo is found through the path instead.
        .env_remove("RUSTUP_TOOLCHAIN");
    if let Some(path) = path_with_this_cargo() {
        command.env("PATH", path);
    }
    run(&mut command).context("the IDL of programs/ballast does not build")?;
    fs::write(stamp, fingerprint)?;
    println!("{:>9} bytes  {}", fs::metadata(&idl)?.len(), idl.display());
    Ok(())
}

/// `PATH` with the folder of the running cargo in front.
fn path_with_this_cargo() -> Option<std::ffi::OsString> {
    let cargo = PathBuf::from(env::var_os("CARGO")?);
    let first = cargo.parent()?.to_owned();
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(first).chain(env::split_paths(&rest))).ok()
}
