//! The IDL of the program, made by compiling it for the host.

use std::{
    env, fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
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

/// Writes `target/idl/ballast.json`, unless it was made from the same sources.
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("idl");
    let idl = folder.join("ballast.json");
    let stamp = folder.join("ballast.stamp");
    let fingerprint = fingerprint(workspace)?;
    if idl.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == fingerprint) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
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

/// Changes with any of the sources.
fn fingerprint(workspace: &Workspace) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&workspace.path(source), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&fs::read(&file)?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
