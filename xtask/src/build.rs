//! `cargo xtask build`: on-chain programs, the IDL and the margin engine for browsers.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
    name: &'static str,
    package: &'static str,
    folder: &'static str,
    feature: Option<&'static str>,
}

/// The program with bugs planted in it, for the fuzzer to find; never part of a build that does not name it.
pub const PLANTED_BUGS: &str = "planted-bugs";

const PROGRAMS: &[Program] = &[
    Program {
        name: "ballast",
        package: "ballast",
        folder: "programs/ballast",
        feature: None,
    },
    Program {
        name: "oracle-stub",
        package: "oracle-stub",
        folder: "programs/oracle-stub",
        feature: None,
    },
    Program {
        name: "sbf-probe",
        package: "sbf-probe",
        folder: "programs/sbf-probe",
        feature: None,
    },
    Program {
        name: PLANTED_BUGS,
        package: "ballast",
        folder: "programs/ballast",
        feature: Some(PLANTED_BUGS),
    },
];

impl Program {
    /// The file name of the finished program.
    fn file_name(&self) -> String {
        format!("{}.so", self.package.replace('-', "_"))
    }

    /// Where it goes. What has a feature is kept apart.
    fn deploy(&self, workspace: &Workspace) -> PathBuf {
        let folder = workspace.deploy();
        self.feature
            .map_or(folder.clone(), |feature| folder.join(feature))
    }

    /// Where it is compiled. Both variants of a library would have the same file name.
    fn target(&self, workspace: &Workspace) -> PathBuf {
        let target = workspace.sbf_target();
        self.feature
            .map_or(target.clone(), |feature| target.join(feature))
    }

    /// Arguments that switch its feature on.
    fn features(&self) -> Vec<&'static str> {
        self.feature
            .map_or(vec![], |feature| vec!["--features", feature])
    }
}

/// The names of everything that can be built by itself.
pub fn program_names() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().map(|program| program.name);
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

    let wanted = |program: &&Program| match chosen {
        [] => program.feature.is_none(),
        chosen => chosen.iter().any(|name| name == program.name),
    };
    let mut failed = Vec::new();
    for program in PROGRAMS.iter().filter(wanted) {
        if let Err(error) = build_program(program) {
            eprintln!("error: {error:#}");
            failed.push(program.name);
            continue;
        }
        let file = program.deploy(workspace).join(program.file_name());
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
        .arg(program.deploy(workspace))
        .args(program.features())
        // The version that the workspace asks for is the host's; the tools bring an older compiler along.
        .args(["--", "--ignore-rust-version"])
        .env("CARGO_TARGET_DIR", program.target(workspace)))
}

fn build_by_bootstrapped(
    workspace: &Workspace,
    toolchain: &Bootstrapped,
    link_arguments: &[String],
    program: &Program,
) -> Result<()> {
    let target = program.target(workspace);
    run_named(
        &format!("building the program {}", program.name),
        toolchain
            .cargo_rustc(&target, "cdylib")
            .args(["--package", program.package, "--manifest-path"])
            .arg(workspace.path("Cargo.toml"))
            .args(program.features())
            .arg("--")
            .args(link_arguments),
    )?;
    let file = program.file_name();
    let built = Bootstrapped::artifacts(&target).join(format!("lib{file}"));
    let folder = program.deploy(workspace);
    fs::create_dir_all(&folder)?;
    install(&built, &folder.join(file))
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
