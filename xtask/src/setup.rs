//! `cargo xtask setup`: makes the machine ready.
//!
//! The bootstrapped toolchain is made in steps. Each step fills one folder: it works in a scratch folder, renames it into
//! place and leaves a stamp, so that an interrupted step starts again from nothing and a finished one is not repeated.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    debian::{self, Debian, Suite},
    process::{cargo, output, step, succeeds},
    standard_library,
    toolchain::{Bootstrapped, TARGET, Toolchain, find_entry},
    validator,
    workspace::Workspace,
};

/// Package names of the machine's libraries that the compiler runs with as they are.
const SYSTEM_LIBRARIES: &[&str] = &["libc6", "libgcc-s1", "libstdc++6"];
/// The linker, a crate, and the LLVM it is made for.
const LINKER: &str = "sbpf-linker";
const LINKER_VERSION: &str = "0.2.6";
const LINKER_LLVM: u32 = 23;
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "ld-linux-x86-64.so.2";

struct Step {
    /// The folder that the step fills.
    name: &'static str,
    /// Raised when the step changes: it and those after it are then done again.
    version: u32,
    message: &'static str,
    work: fn(&Scratch) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "rust",
        version: 1,
        message: "Unpacking the compiler from Debian packages",
        work: unpack_rust,
    },
    Step {
        name: "llvm",
        version: 1,
        message: "Unpacking the linker's LLVM from Debian packages",
        work: unpack_llvm,
    },
    Step {
        name: "linker",
        version: 1,
        message: "Compiling the linker",
        work: compile_linker,
    },
    Step {
        name: "library",
        version: 1,
        message: "Adapting the standard library",
        work: adapt_library,
    },
    Step {
        name: "bin",
        version: 2,
        message: "Writing the target and wrappers",
        work: write_wrappers,
    },
];

/// What a step works with.
struct Scratch<'a> {
    toolchain: &'a Bootstrapped,
    /// Becomes the step's folder.
    output: PathBuf,
    /// For anything else; removed afterwards.
    temporary: PathBuf,
}

/// Makes the machine ready and says what it found. `validator` installs that of local clusters as well.
pub fn setup(workspace: &Workspace, force: bool, validator: bool) -> Result<()> {
    let toolchain = Toolchain::choose()?;
    if let (true, Toolchain::Bootstrapped(bootstrapped)) = (force, &toolchain) {
        // Without its stamp a step is done again; the folder may hold other things.
        remove_directory(&bootstrapped.root.join("stamps"))?;
    }
    prepare(&toolchain)?;
    for (command, component) in missing_components() {
        eprintln!("note: `cargo {command}` is missing: run `rustup component add {component}`");
    }
    println!("Ready: {toolchain}");
    if validator {
        let path = validator::find_or_install(workspace)?;
        println!("Ready: {}", path.display());
    }
    Ok(())
}

/// The toolchain to build with, made when it is not there yet.
pub fn toolchain() -> Result<Toolchain> {
    let toolchain = Toolchain::choose()?;
    prepare(&toolchain)?;
    Ok(toolchain)
}

/// Subcommands of cargo that the checks need and the machine does not have, with the rustup component that has them.
pub fn missing_components() -> Vec<(&'static str, &'static str)> {
    [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(command, _)| !succeeds(cargo().args([command, "--version"])))
        .collect()
}

fn prepare(toolchain: &Toolchain) -> Result<()> {
    match toolchain {
        Toolchain::PlatformTools { .. } => Ok(()),
        Toolchain::Bootstrapped(bootstrapped) => bootstrap(bootstrapped),
    }
}

fn bootstrap(toolchain: &Bootstrapped) -> Result<()> {
    let root = &toolchain.root;
    if pending_steps(root).is_empty() {
        return Ok(());
    }
    debian::check_tools()?;
    fs::create_dir_all(root.join("stamps"))
        .with_context(|| format!("cannot create the toolchain folder {}", root.display()))?;
    let lock = File::create(root.join("lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another setup of {}", root.display());
        lock.lock()?;
    }
    let pending = pending_steps(root);
    if pending.len() == STEPS.len() {
        let place = root.display();
        eprintln!("Bootstrapping the SBF toolchain in {place} (once, about three minutes)");
    }
    for (step_, stamp) in pending {
        let scratch = Scratch {
            toolchain,
            output: root.join("scratch").join(step_.name),
            temporary: root.join("scratch/temporary"),
        };
        remove_directory(&root.join("scratch"))?;
        fs::create_dir_all(&scratch.temporary)?;
        step(step_.message, || (step_.work)(&scratch)).with_context(|| {
            format!(
                "setup failed at the step `{}`; run it again to resume there",
                step_.name
            )
        })?;
        let folder = root.join(step_.name);
        remove_directory(&folder)?;
        fs::rename(&scratch.output, &folder)?;
        fs::write(root.join("stamps").join(step_.name), stamp)?;
        remove_directory(&root.join("scratch"))?;
    }
    Ok(())
}

/// Steps to do, with their stamps. A stamp tells the versions of the step and of all before it.
fn pending_steps(root: &Path) -> Vec<(&'static Step, String)> {
    let mut stamp = String::new();
    let mut pending = Vec::new();
    for step in STEPS {
        stamp.push_str(&format!("{} {}\n", step.name, step.version));
        let found = fs::read_to_string(root.join("stamps").join(step.name)).unwrap_or_default();
        if found != stamp || !pending.is_empty() || !root.join(step.name).is_dir() {
            pending.push((step, stamp.clone()));
        }
    }
    pending
}

fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The compiler, its standard library for the host, its LLVM, and the standard library's sources.
fn unpack_rust(scratch: &Scratch) -> Result<()> {
    let debian = Debian::update(&scratch.temporary, &Suite::Installed)?;
    let mut packages = debian.closure(&["libstd-rust-web-dev"])?;
    packages.retain(|name| !SYSTEM_LIBRARIES.contains(&&**name) && !name.starts_with("gcc-"));
    packages.extend(["rustc-web", "rust-web-src"].map(str::to_owned));
    debian.unpack(&packages, &scratch.output)?;

    // Of the sources, only the standard library is needed.
    let sources = find_entry(&scratch.output.join("usr/src"), "rustc-")?;
    fs::rename(sources.join("library"), scratch.output.join("library"))?;
    remove_directory(&scratch.output.join("usr/src"))?;
    remove_directory(&scratch.output.join("usr/share"))?;
    let version = output(rustc(&scratch.output).arg("-vV"))?;
    ensure!(
        version.contains("release: "),
        "Debian's compiler does not run: {version}"
    );
    Ok(())
}

/// The LLVM that the linker uses, with every library that it loads: it wants newer ones than the machine has.
fn unpack_llvm(scratch: &Scratch) -> Result<()> {
    let debian = Debian::update(&scratch.temporary, &Suite::Sid)?;
    let mut packages = debian.closure(&[&format!("libllvm{LINKER_LLVM}")])?;
    packages.retain(|name| !name.starts_with("gcc-") && !name.starts_with("libc-"));
    debian.unpack(&packages, &scratch.output)?;
    remove_directory(&scratch.output.join("usr/share"))?;
    find_entry(&scratch.output.join(LIBRARIES), LOADER).map(drop)
}

fn compile_linker(scratch: &Scratch) -> Result<()> {
    let libraries = scratch.toolchain.llvm().join(LIBRARIES);
    let llvm = find_entry(&libraries, &format!("libLLVM.so.{LINKER_LLVM}"))?;
    // The machine's C library is older than the one that LLVM is linked to.
    let flags = [
        format!("-Clink-arg={}", llvm.display()),
        "-Clink-arg=-Wl,--allow-shlib-undefined".to_owned(),
    ];
    let features = format!("bpf-linker/llvm-{LINKER_LLVM},bpf-linker/no-llvm-linking");
    output(
        cargo()
            .args(["install", LINKER, "--version", LINKER_VERSION, "--locked"])
            .args(["--no-default-features", "--features", &features])
            .args(["--target", "x86_64-unknown-linux-gnu", "--root"])
            .arg(&scratch.output)
            .current_dir(&scratch.temporary)
            .env("CARGO_TARGET_DIR", scratch.temporary.join("target"))
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")),
    )
    .map(drop)
}

fn adapt_library(scratch: &Scratch) -> Result<()> {
    let sources = scratch.toolchain.rust().join("library");
    output(
        Command::new("cp")
            .arg("-a")
            .arg(sources)
            .arg(&scratch.output),
    )?;
    standard_library::adapt(&scratch.output)
}

fn write_wrappers(scratch: &Scratch) -> Result<()> {
    fs::create_dir_all(&scratch.output)?;
    let toolchain = scratch.toolchain;
    write_script(
        &scratch.output.join("rustc"),
        &format!(
            "LD_LIBRARY_PATH=\"$root/rust/{LIBRARIES}\" exec \"$root/rust/usr/bin/rustc\" \"$@\""
        ),
    )?;
    write_script(
        &scratch.output.join(LINKER),
        &format!(
            "lib=\"$root/llvm/{LIBRARIES}\"\n\
             export RUST_BACKTRACE=0\n\
             exec \"$lib/{LOADER}\" --library-path \"$lib\" \"$root/linker/bin/{LINKER}\" \"$@\""
        ),
    )?;
    let version = output(
        Command::new(toolchain.llvm().join(LIBRARIES).join(LOADER))
            .arg("--library-path")
            .arg(toolchain.llvm().join(LIBRARIES))
            .arg(toolchain.linker().join("bin").join(LINKER))
            .arg("--version"),
    )?;
    ensure!(
        version.contains(&format!("LLVM {LINKER_LLVM}.")),
        "the linker does not run with LLVM {LINKER_LLVM}: {version}"
    );
    let spec = output(
        rustc(&toolchain.rust())
            .args(["--print=target-spec-json", "-Zunstable-options"])
            .arg("--target=bpfel-unknown-none")
            .env("RUSTC_BOOTSTRAP", "1"),
    )?;
    fs::write(
        scratch.output.join(format!("{TARGET}.json")),
        target_spec(&spec)?,
    )?;
    Ok(())
}

fn write_script(path: &Path, body: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\nroot=\"${{0%/*}}/..\"\n{body}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The compiler, started without its wrapper.
fn rustc(rust: &Path) -> Command {
    let mut command = Command::new(rust.join("usr/bin/rustc"));
    command.env("LD_LIBRARY_PATH", rust.join(LIBRARIES) as PathBuf);
    command.env_remove(OsStr::new("RUSTFLAGS"));
    command
}

/// The BPF target of the compiler, changed into sBPF version 3: `zkvm` makes the standard library use its simplest
/// platform layer, and atomic operations are compiled into ordinary ones.
fn target_spec(bpf: &str) -> Result<String> {
    let changes = [
        ("atomic-cas", "true"),
        ("cpu", "\"v4\""),
        ("features", "\"+allows-misaligned-mem-access\""),
        ("min-atomic-width", "8"),
        ("os", "\"zkvm\""),
        ("vendor", "\"solana\""),
    ];
    let body = bpf
        .trim()
        .strip_prefix('{')
        .context("the compiler prints its target in an unknown form")?;
    // One field is one line. Fields that change are left out and then put first.
    let kept = body.lines().filter(|line| {
        !changes
            .iter()
            .any(|(key, _)| line.trim_start().starts_with(&format!("\"{key}\":")))
    });
    let mut spec = String::from("{\n");
    for (key, value) in changes {
        spec.push_str(&format!("  \"{key}\": {value},\n"));
    }
    spec.extend(
        kept.filter(|line| !line.is_empty())
            .flat_map(|line| [line, "\n"]),
    );
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_fields_replace_their_values() {
        let spec =
            target_spec("{\n  \"arch\": \"bpf\",\n  \"atomic-cas\": false,\n  \"x\": 64\n}\n")
                .unwrap();
        assert!(spec.starts_with("{\n  \"atomic-cas\": true,\n"));
        assert!(spec.ends_with("  \"arch\": \"bpf\",\n  \"x\": 64\n}\n"));
        assert_eq!(spec.matches("atomic-cas").count(), 1);
    }

    #[test]
    fn a_step_without_stamp_is_pending_with_all_after_it() {
        let root = Path::new("there is no such folder");
        assert_eq!(pending_steps(root).len(), STEPS.len());
    }
}
