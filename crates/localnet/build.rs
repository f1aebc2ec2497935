//! Compiles `preload/clock.rs`, which moves a validator's clock, into a shared library that this crate carries along.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    let source = "preload/clock.rs";
    println!("cargo::rerun-if-changed={source}");
    println!("cargo::rerun-if-changed=build.rs");
    let library = Path::new(&env::var("OUT_DIR")?).join("libclock.so");
    // Elsewhere a cluster keeps the machine's time.
    if env::var("CARGO_CFG_TARGET_OS")? != "linux" || env::var("HOST")? != env::var("TARGET")? {
        return Ok(fs::write(library, [])?);
    }
    let status = Command::new(env::var("RUSTC")?)
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "--crate-name=clock",
        ])
        .args(["-Copt-level=2", "-Cpanic=abort", "-o"])
        .arg(library)
        .arg(source)
        .status()?;
    if !status.success() {
        return Err(format!("cannot compile {source}").into());
    }
    Ok(())
}
