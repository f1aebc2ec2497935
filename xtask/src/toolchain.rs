//! Which compiler builds the on-chain programs: Solana's platform-tools or the bootstrapped toolchain.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    process::{cargo, output},
    workspace::user_cache,
};

/// Names the bootstrapped toolchain's folder.
const DIRECTORY_VARIABLE: &str = "BALLAST_TOOLCHAIN_DIR";
/// The target's name in rustc and in cargo's folders.
pub const TARGET: &str = "sbpfv3-ballast";

/// Flags of every crate. The `cfg` is the one by which crates choose their on-chain code; the VM has no atomics; without
/// unwinding, a panic ends the program at once.
const RUSTC_FLAGS: &[&str] = &[
    "--cfg",
    "target_os=\"solana\"",
    "-Aexplicit_builtin_cfgs_in_flags",
    "-Cpasses=lower-atomic",
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
];

/// What sBPF version 3 has no instruction for, although the BPF processor that the target names does.
const LLVM_FLAGS: &[&str] = &[
    "--bpf-stack-size=4096",
    "--disable-movsx",
    "--disable-ldsx",
    "--disable-gotox",
    "--disable-bswap",
    "--disable-load-acq-store-rel",
];

/// A way to build on-chain programs.
pub enum Toolchain {
    /// Solana's own: `cargo build-sbf`.
    PlatformTools {
        /// Its versions in one line.
        version: String,
    },
    /// Made by `cargo xtask setup`.
    Bootstrapped(Bootstrapped),
}

impl Toolchain {
    /// Platform-tools when they are installed, otherwise the bootstrapped toolchain, made or not.
    pub fn choose() -> Result<Self> {
        match platform_tools_version() {
            Some(version) => Ok(Self::PlatformTools { version }),
            None => Ok(Self::Bootstrapped(Bootstrapped::locate()?)),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlatformTools { version } => write!(f, "platform-tools ({version})"),
            Self::Bootstrapped(bootstrapped) => {
                write!(
                    f,
                    "bootstrapped toolchain at {}",
                    bootstrapped.root.display()
                )
            }
        }
    }
}

/// Versions of `cargo build-sbf` and its tools, when both are there. `cargo build-sbf` would fetch missing tools itself,
/// but not where only package registries are reachable.
fn platform_tools_version() -> Option<String> {
    let text = output(cargo().args(["build-sbf", "--version"])).ok()?;
    let tools = text
        .lines()
        .find_map(|line| line.strip_prefix("platform-tools "))?
        .trim();
    let compiler = env::home_dir()?
        .join(".cache/solana")
        .join(tools)
        .join("platform-tools/rust/bin/rustc");
    compiler
        .exists()
        .then(|| text.lines().collect::<Vec<_>>().join(", "))
}

/// The bootstrapped toolchain's files. Everything is relative to `root`, outside of any checkout.
pub struct Bootstrapped {
    /// The folder that holds all of it.
    pub root: PathBuf,
}

impl Bootstrapped {
    /// The folder that the environment names, or the one in the user's cache.
    pub fn locate() -> Result<Self> {
        let root = match env::var_os(DIRECTORY_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => std::path::absolute(path)
                .with_context(|| format!("{DIRECTORY_VARIABLE} is not a path"))?,
            None => user_cache()?.join("ballast").join("sbf-toolchain"),
        };
        Ok(Self { root })
    }

    /// The compiler and the standard library's sources, unpacked.
    pub fn rust(&self) -> PathBuf {
        self.root.join("rust")
    }

    /// The linker's LLVM and what it loads, unpacked.
    pub fn llvm(&self) -> PathBuf {
        self.root.join("llvm")
    }

    /// Where `cargo install` puts the linker.
    pub fn linker(&self) -> PathBuf {
        self.root.join("linker")
    }

    /// The standard library's sources, adapted to the VM.
    pub fn library(&self) -> PathBuf {
        self.root.join("library")
    }

    /// Starts the compiler with its own libraries.
    pub fn rustc_wrapper(&self) -> PathBuf {
        self.root.join("bin/rustc")
    }

    /// Starts the linker with its own loader and libraries.
    pub fn linker_wrapper(&self) -> PathBuf {
        self.root.join("bin/sbpf-linker")
    }

    /// The target's description for the compiler.
    pub fn target_spec(&self) -> PathBuf {
        self.root.join(format!("bin/{TARGET}.json"))
    }

    /// `cargo rustc` with everything that a program or the builtins crate need.
    pub fn cargo_rustc(&self, target_directory: &Path, crate_type: &str) -> Command {
        let mut flags: Vec<String> = RUSTC_FLAGS.iter().map(ToString::to_string).collect();
        flags.push(format!("-Clinker={}", self.linker_wrapper().display()));
        flags.push("-Clink-arg=--arch=v3".into());
        // By default the linker also writes into a folder relative to its own working folder.
        flags.push("-Clink-arg=--deploy=false".into());
        flags.extend(
            LLVM_FLAGS
                .iter()
                .map(|flag| format!("-Clink-arg=--llvm-args={flag}")),
        );

        let mut command = cargo();
        command
            .args(["rustc", "--release", "--lib", "--crate-type", crate_type])
            .args(["-Zjson-target-spec", "-Zbuild-std=std,panic_abort"])
            .args(["-Zbuild-std-features=", "--target"])
            .arg(self.target_spec())
            .env("RUSTC", self.rustc_wrapper())
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC_BOOTSTRAP_SYNTHETIC_TARGET", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", self.library())
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CARGO_TARGET_DIR", target_directory)
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER");
        command
    }

    /// Where `cargo_rustc` leaves finished libraries.
    pub fn artifacts(target_directory: &Path) -> PathBuf {
        target_directory.join(TARGET).join("release")
    }
}

/// The one entry of a folder whose name starts with `prefix`; the shortest when several do.
pub fn find_entry(directory: &Path, prefix: &str) -> Result<PathBuf> {
    fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .min_by_key(|path| path.as_os_str().len())
        .with_context(|| format!("no {prefix}* in {}", directory.display()))
}
