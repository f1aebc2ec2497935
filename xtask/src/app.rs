//! `cargo xtask app`: the wallet frontend in `app/`, built and tested with Node.js and npm.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    fingerprint::fingerprint,
    idl,
    localnet::{self, Binaries},
    process::{output, run, step, succeeds},
    validator, wasm,
    workspace::Workspace,
};

/// What the build tools ask for.
const NODE_MINIMUM: (u32, u32) = (20, 19);
/// Names the browser of end-to-end tests, for this program and for those that it starts.
const CHROMIUM_VARIABLE: &str = "BALLAST_CHROMIUM";
const CHROMIUM_NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Debian's packages of it, with letters to measure pages by.
const CHROMIUM_PACKAGES: [&str; 2] = ["chromium", "fonts-liberation"];
/// Where the generated client is made from.
const IDL_VARIABLE: &str = "BALLAST_IDL";
/// Where the localnet finds the built app.
pub const APP_VARIABLE: &str = "BALLAST_APP_DIR";

/// Folders that the built app is made from; so are the files beside them.
const SOURCES: [&str; 2] = ["src", "public"];
/// What the compiler remembers from one run to the next.
const COMPILER_STATE: &str = "tsbuildinfo";

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Serve it while it is being changed; the localnet runs beside it.
    Dev,
    /// Build it into app/dist.
    Build,
    /// Check lints, formatting, types and the generated client, then run its tests.
    Test,
    /// Run the end-to-end tests: a browser, and a localnet of their own.
    E2e,
    /// Generate the client from the program's IDL.
    Client,
    /// Take the screenshots of the documentation.
    Screenshots,
    /// Measure how fast it is.
    Bench,
}

/// Does one piece of work, with what it needs built before.
pub fn run_task(workspace: &Workspace, task: Task, arguments: &[String]) -> Result<()> {
    let app = App::ready(workspace)?;
    if task != Task::Client {
        wasm::build(workspace)?;
    }
    let in_browser = |script| {
        localnet::build_programs(workspace)?;
        app.in_browser(script, arguments)
    };
    match task {
        Task::Dev => run(app.npm("dev").arg("--").args(arguments)),
        Task::Build => app.build(),
        Task::Test => {
            idl::build(workspace)?;
            app.test()
        }
        Task::Client => {
            idl::build(workspace)?;
            run(&mut app.npm("client"))
        }
        Task::E2e => in_browser("e2e"),
        Task::Screenshots => in_browser("screenshots"),
        Task::Bench => in_browser("bench"),
    }
}

/// The app, with its packages installed.
pub struct App<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl<'a> App<'a> {
    /// Installs its packages, unless they are those of the lock file.
    pub fn ready(workspace: &'a Workspace) -> Result<Self> {
        check_node()?;
        let folder = workspace.path("app");
        let app = Self { workspace, folder };
        let lock = ["package.json", "package-lock.json"].map(|name| app.folder.join(name));
        once(&app.stamp("install"), &fingerprint(lock)?, || {
            let mut command = Command::new("npm");
            command.args(["ci", "--no-audit", "--no-fund"]);
            run(command.current_dir(&app.folder))
        })?;
        Ok(app)
    }

    /// Builds it, unless nothing has changed. Needs the engine.
    pub fn build(&self) -> Result<()> {
        let sources = fingerprint(self.sources()?)?;
        let stamp = self.stamp("build");
        if !self.dist().join("index.html").is_file() {
            let _ = fs::remove_file(&stamp);
        }
        once(&stamp, &sources, || run(&mut self.npm("build")))
    }

    /// Where the built app lies.
    pub fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// Lints, formatting and types.
    pub fn check(&self) -> Result<()> {
        run(&mut self.npm("check"))
    }

    /// Everything that can be tested without a cluster. Needs the engine and the IDL.
    pub fn test(&self) -> Result<()> {
        self.check()?;
        run(&mut self.npm("client:check"))?;
        run(&mut self.npm("test"))
    }

    /// A script that opens the app in a browser and has a localnet of its own. Needs the engine and the programs.
    pub fn in_browser(&self, script: &str, arguments: &[String]) -> Result<()> {
        let chromium = find_or_install_chromium()?;
        let validator = validator::find_or_install(self.workspace)?;
        self.build()?;
        let localnet = Binaries::build(self.workspace, &[])?;
        let mut command = self.npm(script);
        localnet.tell(&mut command);
        run(command
            .arg("--")
            .args(arguments)
            .env("BALLAST_LOCALNET_BIN", &localnet.localnet)
            .env(validator::VARIABLE, validator)
            .env(CHROMIUM_VARIABLE, chromium)
            .env(APP_VARIABLE, self.dist()))
    }

    /// A script of `package.json`.
    fn npm(&self, script: &str) -> Command {
        let mut command = Command::new("npm");
        command
            .args(["run", script])
            .current_dir(&self.folder)
            .env(IDL_VARIABLE, idl::path(self.workspace));
        command
    }

    /// What the built app is made from.
    fn sources(&self) -> Result<Vec<PathBuf>> {
        let is_source = |path: &PathBuf| match path.is_dir() {
            true => SOURCES.iter().any(|name| path.ends_with(name)),
            false => path.extension().is_none_or(|kind| kind != COMPILER_STATE),
        };
        let entries = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.path()));
        let entries = entries.collect::<Result<Vec<PathBuf>>>()?;
        Ok(entries.into_iter().filter(is_source).collect())
    }

    /// With the packages, so that whoever removes these has everything made anew.
    fn stamp(&self, what: &str) -> PathBuf {
        self.folder
            .join("node_modules")
            .join(format!(".ballast-{what}"))
    }
}

/// Does something, unless it was done for the same fingerprint before.
fn once(stamp: &Path, fingerprint: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read_to_string(stamp).is_ok_and(|done| done == fingerprint) {
        return Ok(());
    }
    work()?;
    fs::write(stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Says what to install when Node.js or npm are missing or too old.
fn check_node() -> Result<()> {
    let (major, minor) = NODE_MINIMUM;
    let advice = format!(
        "the app needs Node.js {major}.{minor} or newer with npm: https://nodejs.org/en/download, or your system's packages"
    );
    let found = output(Command::new("node").arg("--version"))
        .with_context(|| format!("`node` is missing; {advice}"))?;
    let found = found.trim();
    ensure!(
        version(found).is_some_and(|found| found >= NODE_MINIMUM),
        "`node` is {found}; {advice}"
    );
    ensure!(
        succeeds(Command::new("npm").arg("--version")),
        "`npm` is missing; {advice}"
    );
    Ok(())
}

/// Major and minor version of `v20.19.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The browser; on Debian, root installs it when it is missing.
fn find_or_install_chromium() -> Result<PathBuf> {
    if let Some(path) = find_chromium()? {
        return Ok(path);
    }
    let packages = CHROMIUM_PACKAGES.join(" ");
    if !is_root_on_debian() {
        bail!(
            "a browser is missing: {}. On Debian: `sudo apt-get install {packages}`. Or name one of Chromium's kind in {CHROMIUM_VARIABLE}",
            CHROMIUM_NAMES.join(", ")
        );
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        output(
            command
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    step("Installing Chromium from Debian packages", || {
        apt(&["update"])?;
        let install = ["install", "--yes", "--no-install-recommends"];
        apt(&[&install[..], &CHROMIUM_PACKAGES].concat())
    })?;
    find_chromium()?.with_context(|| format!("Debian's {packages} left no browser on the PATH"))
}

/// What the environment names, then the `PATH`.
fn find_chromium() -> Result<Option<PathBuf>> {
    if let Some(path) = env::var_os(CHROMIUM_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let place = path.display();
        ensure!(
            path.is_file(),
            "{CHROMIUM_VARIABLE} names {place}, which is no file"
        );
        return Ok(Some(path));
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&folders).collect();
    let mut places = CHROMIUM_NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    Ok(places.find(|path| path.is_file()))
}

fn is_root_on_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_debian = release.lines().any(|line| line == "ID=debian");
    is_debian && output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("v20.19.0") >= Some(NODE_MINIMUM));
        assert!(version("v100.0.0") >= Some(NODE_MINIMUM));
        assert!(version("v20.9.1") < Some(NODE_MINIMUM));
        assert_eq!(version("20.19"), None);
    }

    #[test]
    fn work_is_done_again_only_for_other_sources() {
        let folder = env::temp_dir().join(format!("ballast-app-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::create_dir_all(folder.join("dist")).unwrap();
        let workspace = Workspace {
            root: folder.clone(),
            target: folder.clone(),
        };
        let app = App {
            workspace: &workspace,
            folder: folder.clone(),
        };
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let sources = || fingerprint(app.sources().unwrap()).unwrap();
        let mut done = 0;
        let mut work = |sources: &str| {
            let work = || {
                done += 1;
                Ok(())
            };
            once(&folder.join("dist/stamp"), sources, work).unwrap();
            done
        };
        write("src/main.ts", "1");
        assert_eq!([work(&sources()), work(&sources())], [1, 1]);
        write("dist/main.js", "1");
        write("tsconfig.tsbuildinfo", "{}");
        assert_eq!(work(&sources()), 1);
        write("src/main.ts", "2");
        assert_eq!(work(&sources()), 2);
        write("index.html", "<html>");
        assert_eq!([work(&sources()), work(&sources())], [3, 3]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
