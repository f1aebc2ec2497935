//! `solana-test-validator`, for local clusters: found on the machine, or installed once into the user's cache folder.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    process::{cargo, output, run_named, succeeds},
    workspace::{Workspace, user_cache},
};

/// Names the validator's binary, for this program and for those that it starts.
pub const VARIABLE: &str = "BALLAST_VALIDATOR";
const PROGRAM: &str = "solana-test-validator";
/// The crate that has it.
const CRATE: &str = "agave-validator";
const VERSION: &str = "4.0.0";
/// A script that some machines have beside the checkout: it unpacks the same binary instead of compiling it. Nothing depends on it.
const SHORTCUT: &str = "../shared/bin/install-test-validator";

/// What compiling it needs: a Debian package, and how to see that it, or what stands for it elsewhere, is there.
const NEEDED: &[(&str, Present)] = &[
    ("build-essential", Present::Program("c++")),
    ("clang", Present::Program("clang")),
    ("libclang-dev", Present::Library("libclang")),
    ("cmake", Present::Program("cmake")),
    ("protobuf-compiler", Present::Program("protoc")),
    ("pkg-config", Present::Program("pkg-config")),
    ("libssl-dev", Present::Package("openssl")),
    ("libudev-dev", Present::Package("libudev")),
];

enum Present {
    /// A program on the `PATH`.
    Program(&'static str),
    /// A shared library that the linker, or LLVM, knows.
    Library(&'static str),
    /// A library that `pkg-config` knows.
    Package(&'static str),
}

impl Present {
    fn is(&self) -> bool {
        match self {
            Self::Program(name) => succeeds(Command::new(name).arg("--version")),
            Self::Package(name) => succeeds(Command::new("pkg-config").args(["--exists", name])),
            Self::Library(name) => has_library(name),
        }
    }
}

/// The validator, if this machine has it: what the environment names, then the `PATH`, then what [`install`] has made, here or for another clone.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "{VARIABLE} names {}, which is no file",
            path.display()
        );
        return Ok(Some(path));
    }
    let on_path = env::var_os("PATH").unwrap_or_default();
    let installed = root()?.join("bin");
    Ok(env::split_paths(&on_path)
        .chain([installed])
        .map(|folder| folder.join(PROGRAM))
        .find(|path| path.is_file()))
}

/// The validator, installed when this machine does not have it.
pub fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    match find()? {
        Some(path) => Ok(path),
        None => install(workspace),
    }
}

/// The validator, or how to get it.
pub fn find_or_explain() -> Result<PathBuf> {
    find()?.with_context(|| {
        format!(
            "{PROGRAM} is missing. It comes with Solana's command-line tools (https://docs.anza.xyz/cli/install). \
             Or run `cargo xtask setup --validator`, which compiles it from the crate {CRATE} {VERSION}: \
             35 to 50 minutes on two cores, once"
        )
    })
}

/// Installs the validator into the user's cache folder.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let root = root()?;
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let lock = File::create(root.join("lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another setup of {}", root.display());
        lock.lock()?;
        if let Some(path) = find()? {
            return Ok(path);
        }
    }
    let folder = root.join("bin");
    let shortcut = workspace.path(SHORTCUT);
    if shortcut.is_file() {
        eprintln!("Installing {PROGRAM} with {}", shortcut.display());
        // A binary for another machine is no reason to give up.
        if unpack(&shortcut, &folder)
            .is_ok_and(|path| succeeds(Command::new(path).arg("--version")))
        {
            return Ok(folder.join(PROGRAM));
        }
        eprintln!("That did not work; it is compiled instead");
    }
    compile(&root)?;
    let path = folder.join(PROGRAM);
    ensure!(path.is_file(), "`cargo install` left no {}", path.display());
    Ok(path)
}

fn unpack(shortcut: &Path, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    output(Command::new(shortcut).arg(folder))?;
    let path = folder.join(PROGRAM);
    ensure!(path.is_file(), "no {}", path.display());
    Ok(path)
}

fn compile(root: &Path) -> Result<()> {
    check_needed()?;
    eprintln!(
        "Compiling {PROGRAM} {VERSION} into {} (once, 35 to 50 minutes on two cores; when it is interrupted it goes on from there)",
        root.display()
    );
    let target = root.join("target");
    // In the foreground: cargo shows how far it is.
    run_named(
        &format!("cargo install {CRATE}"),
        &mut install_command(root, &target),
    )?;
    // Gigabytes that nobody needs any more.
    fs::remove_dir_all(&target).with_context(|| format!("cannot remove {}", target.display()))
}

fn install_command(root: &Path, target: &Path) -> Command {
    let mut command = cargo();
    command
        .args(["install", CRATE, "--version", VERSION, "--locked"])
        .args(["--bin", PROGRAM, "--root"])
        .arg(root)
        // Not in the workspace, whose settings are for other things.
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Says what is missing to compile it.
fn check_needed() -> Result<()> {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(_, present)| !present.is())
        .map(|(package, _)| *package)
        .collect();
    if !missing.is_empty() {
        let packages = missing.join(" ");
        bail!(
            "compiling {PROGRAM} needs what is missing here: {packages}. On Debian or Ubuntu: `sudo apt-get install {packages}`. \
             Or install Solana's command-line tools, which have it (https://docs.anza.xyz/cli/install)"
        );
    }
    Ok(())
}

/// Whether a shared library is where the compiler of bindings looks for it: where `LIBCLANG_PATH` says, in the linker's cache, or among LLVM's own.
fn has_library(name: &str) -> bool {
    let in_folder = |folder: &Path| {
        fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                let file = entry.file_name();
                let file = file.to_string_lossy();
                file.starts_with(name) && file.contains(".so")
            })
        })
    };
    let named = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    if named.is_some_and(|folder| in_folder(&folder)) {
        return true;
    }
    if output(Command::new("ldconfig").arg("-p")).is_ok_and(|known| {
        known.contains(&format!("{name}.so")) || known.contains(&format!("{name}-"))
    }) {
        return true;
    }
    let llvm = output(Command::new("llvm-config").arg("--libdir"));
    llvm.is_ok_and(|folder| in_folder(Path::new(folder.trim())))
        || fs::read_dir("/usr/lib").is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                entry.file_name().to_string_lossy().starts_with("llvm-")
                    && in_folder(&entry.path().join("lib"))
            })
        })
}

/// Where it is installed. `ballast-localnet` looks there, too.
fn root() -> Result<PathBuf> {
    Ok(user_cache()?.join("ballast").join("validator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_installed_from_one_crate_of_one_version() {
        let command = install_command(Path::new("/cache"), Path::new("/cache/target"));
        let line: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert_eq!(
            line.join(" "),
            "install agave-validator --version 4.0.0 --locked --bin solana-test-validator --root /cache"
        );
    }

    #[test]
    fn what_is_missing_is_seen() {
        assert!(!Present::Program("there-is-no-such-program").is());
        assert!(!Present::Library("libthere-is-no-such-library").is());
        assert!(!Present::Package("there-is-no-such-package").is());
        assert!(Present::Library("libc").is() || !cfg!(target_os = "linux"));
    }

    #[test]
    fn a_shortcut_that_installs_nothing_does_not_count() {
        let folder = env::temp_dir().join(format!("ballast-xtask-{}", std::process::id()));
        assert!(unpack(Path::new("true"), &folder).is_err());
        assert!(unpack(Path::new("false"), &folder).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
