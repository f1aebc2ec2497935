//! `cargo xtask build`: on-chain programs, the IDL and the margin engine for browsers.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    builtins, idl,
    process::{cargo, run, run_named},
    setup,
    toolchain::{Bootstrapped, Toolchain},
    wasm,
    workspace::Workspace,
};

/// An on-chain program.
struct Program {
    package: &'static str,
    folder: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        package: "ballast",
        folder: "programs/ballast",
    },
    Program {
        package: "oracle-stub",
        folder: "programs/oracle-stub",
    },
    Program {
        package: "sbf-probe",
        folder: "programs/sbf-probe",
    },
];

impl Program {
    /// The file name of the finished program.
    fn file_name(&self) -> String {
        format!("{}.so", self.package.replace('-', "_"))
    }
}

/// The names of everything that can be built by itself.
pub fn program_names() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().map(|program| program.package);
    programs.chain([wasm::NAME]).collect()
}

/// Builds what tests, demo and deployment need: the chosen programs, or all of them when none is.
///
/// A program that fails does not keep the others from being built, but the command fails.
pub fn build(workspace: &Workspace, chosen: &[String]) -> Result<()> {
    if chosen.is_empty() || chosen.iter().any(|name| name != wasm::NAME) {
        build_programs(workspace, chosen)?;
    }
    if chosen.is_empty() || chosen.iter().any(|name| name == wasm::NAME) {
        wasm::build(workspace)?;
    }
    Ok(())
}

fn build_programs(workspace: &Workspace, chosen: &[String]) -> Result<()> {
    let toolchain = setup::toolchain()?;
    eprintln!("Building on-chain programs with {toolchain}");
    fs::create_dir_all(workspace.deploy())?;
    let link_arguments = match &toolchain {
        Toolchain::PlatformTools { .. } => Vec::new(),
        Toolchain::Bootstrapped(bootstrapped) => builtins::link_arguments(workspace, bootstrapped)?,
    };
    let build_program = |program: &Program| match &toolchain {
        Toolchain::PlatformTools { .. } => build_by_platform_tools(workspace, program),
        Toolchain::Bootstrapped(bootstrapped) => {
            build_by_bootstrapped(workspace, bootstrapped, &link_arguments, program)
        }
    };

    let wanted =
        |program: &&Program| chosen.is_empty() || chosen.iter().any(|name| name == program.package);
    let mut failed = Vec::new();
    for program in PROGRAMS.iter().filter(wanted) {
        if let Err(error) = build_program(program) {
            eprintln!("error: {error:#}");
            failed.push(program.package);
            continue;
        }
        let file = workspace.deploy().join(program.file_name());
        let bytes = fs::metadata(&file)
            .with_context(|| format!("the build left no {}", file.display()))?
            .len();
        println!("{bytes:>9} bytes  {}", file.display());
    }
    if !failed.is_empty() {
        bail!("not built: {}; the reasons are above", failed.join(", "));
    }
    if chosen.is_empty() || chosen.iter().any(|name| name == idl::PROGRAM) {
        idl::build(workspace)?;
    }
    Ok(())
}

fn build_by_platform_tools(workspace: &Workspace, program: &Program) -> Result<()> {
    run(cargo()
        .args(["build-sbf", "--manifest-path"])
        .arg(workspace.path(program.folder).join("Cargo.toml"))
        .arg("--sbf-out-dir")
        .arg(workspace.deploy())
        // The version that the workspace asks for is the host's; the tools bring an older compiler along.
        .args(["--", "--ignore-rust-version"])
        .env("CARGO_TARGET_DIR", workspace.sbf_target()))
}

fn build_by_bootstrapped(
    workspace: &Workspace,
    toolchain: &Bootstrapped,
    link_arguments: &[String],
    program: &Program,
) -> Result<()> {
    let target = workspace.sbf_target();
    run_named(
        &format!("building the program {}", program.package),
        toolchain
            .cargo_rustc(&target, "cdylib")
            .args(["--package", program.package, "--manifest-path"])
            .arg(workspace.path("Cargo.toml"))
            .arg("--")
            .args(link_arguments),
    )?;
    let file = program.file_name();
    let built = Bootstrapped::artifacts(&target).join(format!("lib{file}"));
    install(&built, &workspace.deploy().join(file))
}

/// Puts what was built in its place at once; an unchanged one is left alone.
pub fn install(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("the linker left no {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let temporary = to.with_extension("new");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, to)?;
    Ok(())
}
