//! The compiler's helper functions, compiled for programs that the bootstrapped toolchain links.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::PathBuf,
};

use anyhow::{Context, Result};

use crate::{process::run_named, toolchain::Bootstrapped, workspace::Workspace};

/// Functions of `crates/sbf-builtins` that the linker does not know by itself as callable by compiled code.
const EXPORTS: &str = "__eqdf2,__nedf2,__ltdf2,__ledf2,__unorddf2,__floatdidf,__fixdfdi";

/// Compiles `crates/sbf-builtins` and returns the compiler's arguments that link it into a program.
///
/// The object is named after its content: cargo sees changed arguments and links the programs again.
pub fn link_arguments(workspace: &Workspace, toolchain: &Bootstrapped) -> Result<Vec<String>> {
    let target = workspace.sbf_target();
    let object = target.join("sbf_builtins.o");
    let manifest = workspace.path("crates/sbf-builtins/Cargo.toml");
    if !object.exists() {
        // Cargo does not know of the object and would take the crate for fresh.
        let fingerprints = Bootstrapped::artifacts(&target).join(".fingerprint");
        for entry in fs::read_dir(fingerprints).into_iter().flatten() {
            let entry = entry?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("sbf-builtins-")
            {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    run_named(
        "compiling crates/sbf-builtins",
        toolchain
            .cargo_rustc(&target, "rlib")
            .arg("--manifest-path")
            .arg(&manifest)
            .args(["--", "-Ccodegen-units=1"])
            .arg(format!("--emit=obj={}", object.display())),
    )?;
    let bytes = fs::read(&object).with_context(|| format!("no {}", object.display()))?;
    let named = content_named(&object, &bytes);
    if !named.exists() {
        fs::write(&named, &bytes)?;
    }
    Ok(vec![
        format!("-Clink-arg={}", named.display()),
        format!("-Clink-arg=--export={EXPORTS}"),
    ])
}

fn content_named(object: &std::path::Path, bytes: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    object.with_file_name(format!("sbf_builtins-{:016x}.o", hasher.finish()))
}
