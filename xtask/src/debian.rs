//! Debian packages without root: private package lists, downloads, and unpacking into a folder.
//!
//! The lists are made from the machine's own sources, so that its mirrors and keys are used, and kept apart from the
//! machine's lists, which stay as they are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{output, succeeds};

/// Names a file with Debian sources when the machine keeps them in an unusual place.
const SOURCES_VARIABLE: &str = "BALLAST_DEBIAN_SOURCES";
const SOURCES_PLACES: &[&str] = &[
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/apt/sources.list",
];

/// Which of Debian's suites to take packages from.
pub enum Suite {
    /// The machine's own, security updates included.
    Installed,
    /// The unstable one.
    Sid,
}

/// Private package lists in a folder.
pub struct Debian {
    directory: PathBuf,
    sources: PathBuf,
}

impl Debian {
    /// Fetches the lists of a suite into `directory`.
    pub fn update(directory: &Path, suite: &Suite) -> Result<Self> {
        check_tools()?;
        let (sources_path, sources) = machine_sources()?;
        let deb822 = sources_path
            .extension()
            .is_some_and(|extension| extension == "sources");
        let sources = match suite {
            Suite::Installed => sources,
            Suite::Sid => {
                let codename = codename()?;
                let sid = if deb822 {
                    sid_from_stanzas(&sources, &codename)
                } else {
                    sid_from_lines(&sources, &codename)
                };
                sid.with_context(|| {
                    format!("{} has no entry for {codename}", sources_path.display())
                })?
            }
        };
        fs::create_dir_all(directory.join("lists/partial"))?;
        let debian = Self {
            directory: directory.to_owned(),
            sources: directory.join(if deb822 {
                "debian.sources"
            } else {
                "debian.list"
            }),
        };
        fs::write(&debian.sources, sources)?;
        output(debian.command("apt-get").args(["update", "--error-on=any"]))
            .context("cannot fetch Debian's package lists; is a Debian mirror reachable?")?;
        Ok(debian)
    }

    /// The packages that `roots` depend on, themselves included.
    pub fn closure(&self, roots: &[&str]) -> Result<Vec<String>> {
        let text = output(
            self.command("apt-cache")
                .args(["depends", "--recurse", "--no-recommends", "--no-suggests"])
                .args(["--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"])
                .args(roots),
        )
        .with_context(|| {
            format!("Debian's lists do not have {}; are the security updates of this release among the machine's sources?", roots.join(", "))
        })?;
        // Indented lines are edges; angle brackets mark virtual packages.
        let packages = text
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
            .filter(|line| !line.contains(':'))
            .map(str::to_owned);
        Ok(packages.collect())
    }

    /// Downloads packages and unpacks them into a folder.
    pub fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        let downloads = self.directory.join("packages");
        fs::create_dir_all(&downloads)?;
        output(
            self.command("apt-get")
                .arg("download")
                .args(packages)
                .current_dir(&downloads),
        )
        .context("cannot download Debian packages")?;
        fs::create_dir_all(into)?;
        let mut unpacked = 0;
        for entry in fs::read_dir(&downloads)? {
            output(Command::new("dpkg").arg("-x").arg(entry?.path()).arg(into))?;
            unpacked += 1;
        }
        ensure!(
            unpacked == packages.len(),
            "Debian has {unpacked} of the {} packages wanted: {}",
            packages.len(),
            packages.join(" ")
        );
        Ok(())
    }

    /// An apt program that sees only the private lists.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (key, value) in [
            ("Dir::Etc::sourcelist", self.sources.display().to_string()),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            (
                "Dir::State::Lists",
                self.directory.join("lists").display().to_string(),
            ),
            ("Dir::Cache::pkgcache", String::new()),
            ("Dir::Cache::srcpkgcache", String::new()),
            ("Acquire::Languages", "none".into()),
            (
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
                "false".into(),
            ),
            ("APT::Sandbox::User", "root".into()),
        ] {
            command.arg("-o").arg(format!("{key}={value}"));
        }
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// Says what is missing for a bootstrap.
pub fn check_tools() -> Result<()> {
    for (tool, package) in [
        ("apt-get", "apt"),
        ("apt-cache", "apt"),
        ("dpkg", "dpkg"),
        ("cc", "gcc"),
    ] {
        if !succeeds(Command::new(tool).arg("--version")) {
            bail!(
                "`{tool}` is missing (Debian package {package}). The SBF toolchain is bootstrapped from Debian packages; \
                 install it, or install Solana's platform-tools so that `cargo build-sbf` works"
            );
        }
    }
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    ensure!(
        architecture.trim() == "amd64",
        "the SBF toolchain is bootstrapped for amd64 only, not {}; install Solana's platform-tools instead",
        architecture.trim()
    );
    Ok(())
}

/// The file with the machine's Debian sources, and its text.
fn machine_sources() -> Result<(PathBuf, String)> {
    if let Some(path) = env::var_os(SOURCES_VARIABLE) {
        let path = PathBuf::from(path);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {} ({SOURCES_VARIABLE})", path.display()))?;
        return Ok((path, text));
    }
    SOURCES_PLACES
        .iter()
        .filter_map(|place| Some((PathBuf::from(place), fs::read_to_string(place).ok()?)))
        .find(|(_, text)| {
            text.lines()
                .any(|line| line.starts_with("Types:") || line.starts_with("deb "))
        })
        .with_context(|| {
            format!(
                "no Debian sources in {}; set {SOURCES_VARIABLE} to the file that has them",
                SOURCES_PLACES.join(" or ")
            )
        })
}

/// The release's codename, as the suites in the sources are called.
fn codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release names no release; the bootstrap needs Debian")
}

/// The stanza of the release's main suite, turned to sid.
fn sid_from_stanzas(sources: &str, codename: &str) -> Option<String> {
    let names_release = |line: &str| {
        let suites = line.strip_prefix("Suites:");
        suites.is_some_and(|suites| suites.split_whitespace().any(|suite| suite == codename))
    };
    let stanza = sources
        .split("\n\n")
        .find(|stanza| stanza.lines().any(names_release))?;
    let lines = stanza.lines().map(|line| {
        if line.starts_with("Suites:") {
            "Suites: sid"
        } else if line.starts_with("Components:") {
            "Components: main"
        } else {
            line
        }
    });
    Some(lines.collect::<Vec<_>>().join("\n") + "\n")
}

/// The line of the release's main suite, turned to sid.
fn sid_from_lines(sources: &str, codename: &str) -> Option<String> {
    sources.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let suite = words.iter().position(|word| *word == codename)?;
        (words[0] == "deb").then(|| format!("{} sid main\n", words[..suite].join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sid_takes_the_mirror_and_key_of_the_release() {
        let sources = "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\n\
                       Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://s/\nSuites: bookworm-security\nComponents: main\n";
        let expected =
            "Types: deb\nURIs: http://m/debian\nSuites: sid\nComponents: main\nSigned-By: /k.gpg\n";
        assert_eq!(
            sid_from_stanzas(sources, "bookworm").as_deref(),
            Some(expected)
        );
        assert_eq!(sid_from_stanzas(sources, "trixie"), None);

        let sources =
            "# deb x bookworm main\ndeb [signed-by=/k.gpg] http://m/debian bookworm main contrib\n";
        let expected = "deb [signed-by=/k.gpg] http://m/debian sid main\n";
        assert_eq!(
            sid_from_lines(sources, "bookworm").as_deref(),
            Some(expected)
        );
    }
}
