//! `cargo xtask coverage`: which lines of the program and the crates tests execute, into `docs/coverage.md`.
//!
//! The compiler's own counters (`-C instrument-coverage`) are put into the workspace's packages only, in a target folder of their own. The program
//! runs compiled for the host, in the embedded VM in the place of its on-chain binary (`crates/sim/src/native.rs`), so that its lines count, too.
//! What is not covered must be in `xtask/coverage.json`, which says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    build::build,
    process::{cargo, output, run, step},
    tasks::{DEPLOY_VARIABLE, NO_CLUSTER_VARIABLE, in_workspace},
    workspace::{Workspace, user_cache},
};

/// What is measured: packages, and where their sources are.
const MEASURED: &[(&str, &str)] = &[
    ("ballast", "programs/ballast/src"),
    ("ballast-risk", "crates/risk/src"),
    ("ballast-state", "crates/state/src"),
    ("ballast-client", "crates/client/src"),
    ("ballast-keeper", "crates/keeper/src"),
    ("ballast-risk-wasm", "crates/risk-wasm/src"),
    ("ballast-sim", "crates/sim/src"),
    ("ballast-cli", "crates/cli/src"),
];
/// The package of tests of the program, and its folder.
const TESTS_PACKAGE: &str = "ballast-tests";
const TESTS: &str = "tests";
/// Those of its tests that need events of the on-chain binary for what is measured elsewhere.
const ON_VM: &[&str] = &["browser_engine", "demo", "histories"];
/// Those that take minutes and execute nothing that the others do not.
const LEFT_OUT: &[&str] = &["planted_bugs"];
/// Makes the program run on the host.
const NATIVE_VARIABLE: &str = "BALLAST_NATIVE";
/// Transactions of the fuzzer.
const FUZZED: &str = "20000";

/// The reviewed list of what is not covered.
const LIST: &str = "xtask/coverage.json";
const PAGE: &str = "docs/coverage.md";

/// The crate with the program that reads the counters.
const READER: &str = "llvm_profparser";
const READER_VERSION: &str = "0.15.0";
const READER_PROGRAM: &str = "cov";

/// How often each line that can be executed was.
type Counts = BTreeMap<usize, u64>;

/// Measures, writes the page, and fails when something is not covered that the list does not have.
pub fn coverage(workspace: &Workspace) -> Result<()> {
    let reader = reader()?;
    build(workspace, &[])?;
    let measurement = Measurement::prepare(workspace)?;
    let binaries = measurement.compile()?;
    measurement.run_all(&binaries)?;
    let text = step("Reading the counters", || {
        let mut command = Command::new(&reader);
        command.arg("show");
        for profile in fs::read_dir(&measurement.profiles)? {
            command.arg("--instr-profile").arg(profile?.path());
        }
        for binary in &binaries {
            command.arg("--object").arg(&binary.executable);
        }
        output(&mut command)
    })?;
    let files = measured_files(&workspace.root, &text)?;
    let list = List::read(&workspace.path(LIST))?;
    print!("{}", terminal(&files));
    let page = workspace.path(PAGE);
    fs::write(&page, markdown(&files, &list))?;
    println!("Written: {}", page.display());
    let faults = list.faults(&files);
    if !faults.is_empty() {
        bail!("{LIST} does not agree:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// The program that reads the counters, installed into the user's cache folder when it is not there.
fn reader() -> Result<PathBuf> {
    let root = user_cache()?
        .join("ballast")
        .join("coverage")
        .join(READER_VERSION);
    let program = root.join("bin").join(READER_PROGRAM);
    if !program.is_file() {
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        step(&format!("Installing {READER} {READER_VERSION}"), || {
            let mut command = cargo();
            command
                .args(["install", READER, "--version", READER_VERSION, "--locked"])
                .args(["--bin", READER_PROGRAM, "--root"])
                .arg(&root)
                .current_dir(&root)
                .env_remove("CARGO_TARGET_DIR")
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_ENCODED_RUSTFLAGS");
            output(&mut command)
        })?;
    }
    Ok(program)
}

/// Where instrumented builds and their counters are.
struct Measurement<'a> {
    workspace: &'a Workspace,
    target: PathBuf,
    /// Stands before the compiler for packages of the workspace.
    wrapper: PathBuf,
    profiles: PathBuf,
}

impl<'a> Measurement<'a> {
    /// Makes the folders, without counters of earlier runs.
    fn prepare(workspace: &'a Workspace) -> Result<Self> {
        let target = workspace.target.join("coverage");
        let profiles = target.join("profiles");
        if profiles.exists() {
            fs::remove_dir_all(&profiles)?;
        }
        fs::create_dir_all(&profiles)?;
        let wrapper = target.join("rustc");
        if !wrapper.exists() {
            fs::write(&wrapper, "#!/bin/sh\nexec \"$@\" -C instrument-coverage\n")?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self {
            workspace,
            target,
            wrapper,
            profiles,
        })
    }

    /// Cargo that compiles with counters and runs with the program on the host.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = in_workspace(self.workspace, arguments);
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTC_WORKSPACE_WRAPPER", &self.wrapper)
            .env("LLVM_PROFILE_FILE", self.profile())
            .env(NO_CLUSTER_VARIABLE, "1");
        command
    }

    /// Compiles everything that will run.
    fn compile(&self) -> Result<Vec<Binary>> {
        let mut tests = self.cargo(&["test", "--no-run", "--lib", "--bins", "--tests"]);
        tests.args(packages());
        let fuzzer = self.cargo(&["build", "--package", "ballast-sim", "--bin", "fuzz"]);
        let mut binaries = Vec::new();
        for mut command in [tests, fuzzer] {
            command.arg("--message-format=json-render-diagnostics");
            let compiled = command.stderr(Stdio::inherit()).output()?;
            if !compiled.status.success() {
                bail!("the tests do not compile ({})", compiled.status);
            }
            let messages = String::from_utf8(compiled.stdout)?;
            binaries.extend(messages.lines().filter_map(Binary::of_message));
        }
        Ok(binaries)
    }

    /// Runs the tests: those of the program on the host, but for [`ON_VM`].
    fn run_all(&self, binaries: &[Binary]) -> Result<()> {
        let log = self.target.join("native.log");
        let mut native = fs::File::create(&log)?;
        let mut failed = Vec::new();
        let left_out = |binary: &&Binary| LEFT_OUT.contains(&binary.name.as_str());
        let tests = binaries.iter().filter(|binary| binary.is_test);
        for binary in tests.filter(|binary| !left_out(binary)) {
            let mut command = self.command(binary);
            if binary.folder.ends_with(TESTS) && !ON_VM.contains(&binary.name.as_str()) {
                // Those that look at events, logs or compute units fail there, after what they have executed: `cargo xtask test` judges.
                command
                    .env(NATIVE_VARIABLE, "1")
                    .stdout(native.try_clone()?)
                    .stderr(native.try_clone()?);
                let _ = step(&format!("On the host: {}", binary.name), || {
                    output_to(command)
                });
            } else if !command.status()?.success() {
                failed.push(binary.executable.as_str());
            }
        }
        native.flush()?;
        if !failed.is_empty() {
            bail!("these tests fail:\n{}", failed.join("\n"));
        }
        let fuzzer = binaries.iter().find(|binary| binary.is_fuzzer());
        let mut command = self.command(fuzzer.context("the fuzzer was not compiled")?);
        command
            .args(["--steps", FUZZED])
            .env(NATIVE_VARIABLE, "1")
            // The program tells there what it does.
            .stdout(Stdio::null());
        run(&mut command)
    }

    /// A binary where cargo would run it.
    fn command(&self, binary: &Binary) -> Command {
        let mut command = Command::new(&binary.executable);
        command
            .current_dir(&binary.folder)
            .env(DEPLOY_VARIABLE, self.workspace.deploy())
            .env("LLVM_PROFILE_FILE", self.profile())
            .env(NO_CLUSTER_VARIABLE, "1");
        command
    }

    /// One file per binary, which its processes add to.
    fn profile(&self) -> PathBuf {
        self.profiles.join("%m.profraw")
    }
}

/// Waits for a command, whatever comes of it.
fn output_to(mut command: Command) -> Result<()> {
    command.status()?;
    Ok(())
}

/// What cargo has compiled.
struct Binary {
    name: String,
    executable: String,
    /// The package's.
    folder: PathBuf,
    is_test: bool,
}

impl Binary {
    fn of_message(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            name: message["target"]["name"].as_str()?.to_owned(),
            executable: message["executable"].as_str()?.to_owned(),
            folder: Path::new(message["manifest_path"].as_str()?)
                .parent()?
                .to_owned(),
            is_test: message["profile"]["test"].as_bool()?,
        })
    }

    fn is_fuzzer(&self) -> bool {
        !self.is_test && self.name == "fuzz"
    }
}

/// Arguments for all packages whose tests run.
fn packages() -> impl Iterator<Item = &'static str> {
    let measured = MEASURED.iter().map(|(name, _)| *name);
    measured
        .chain([TESTS_PACKAGE])
        .flat_map(|name| ["--package", name])
}

/// A measured file.
struct File {
    /// From the checkout, with `/`.
    path: String,
    lines: usize,
    /// Lines that were never executed, by the function that they stand in.
    uncovered: BTreeMap<String, Vec<usize>>,
}

impl File {
    fn uncovered_lines(&self) -> usize {
        self.uncovered.values().map(Vec::len).sum()
    }
}

/// The measured files of the reader's text, tests left out.
fn measured_files(root: &Path, text: &str) -> Result<Vec<File>> {
    let counted = parse(root, text);
    let mut sources = BTreeMap::new();
    for path in counted.keys() {
        sources.insert(path.as_str(), fs::read_to_string(root.join(path))?);
    }
    let tests: BTreeSet<String> = sources
        .iter()
        .flat_map(|(path, source)| test_files(path, source))
        .collect();
    let mut files = Vec::new();
    for (path, counts) in &counted {
        if tests.contains(path) {
            continue;
        }
        let file = summarise(path, &sources[path.as_str()], counts);
        if file.lines > 0 {
            files.push(file);
        }
    }
    Ok(files)
}

/// Reads the reader's text: for every file its absolute path on a line, then `number|count|source` for every line.
fn parse(root: &Path, text: &str) -> BTreeMap<String, Counts> {
    let mut files: BTreeMap<String, Counts> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if line.starts_with('/') {
            let path = Path::new(line).strip_prefix(root).ok();
            let path = path.map(|path| path.to_string_lossy().into_owned());
            current =
                path.filter(|path| MEASURED.iter().any(|(_, folder)| path.starts_with(folder)));
            continue;
        }
        let (Some(path), Some((number, rest))) = (&current, line.split_once('|')) else {
            continue;
        };
        let count = rest.split_once('|').map(|(count, _)| count.trim().parse());
        if let (Ok(number), Some(Ok(count))) = (number.trim().parse(), count) {
            files.entry(path.clone()).or_default().insert(number, count);
        }
    }
    files
}

/// Files that a file declares as modules of tests.
fn test_files(path: &str, source: &str) -> Vec<String> {
    let folder = match path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder,
        _ => path.trim_end_matches(".rs"),
    };
    let lines: Vec<&str> = source.lines().collect();
    let declared = |pair: &[&str]| {
        let name = pair[1].trim().strip_prefix("mod ")?.strip_suffix(';')?;
        (pair[0].trim() == "#[cfg(test)]").then(|| format!("{folder}/{name}.rs"))
    };
    lines.windows(2).filter_map(declared).collect()
}

/// Leaves modules of tests out and finds the functions of what is not covered.
fn summarise(path: &str, source: &str, counts: &Counts) -> File {
    let mut file = File {
        path: path.to_owned(),
        lines: 0,
        uncovered: BTreeMap::new(),
    };
    let mut function = String::new();
    let mut previous = "";
    let mut tests = false;
    for (index, line) in source.lines().enumerate() {
        tests |= previous == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        if tests {
            tests = line != "}";
            continue;
        }
        previous = line;
        if let Some(name) = function_name(line) {
            function = name.to_owned();
        }
        // A `?` at the end of a call is no line of its own where the call is one line: nor is it below a long one.
        if line
            .trim_start_matches([' ', ')', '}', ']'])
            .starts_with('?')
        {
            continue;
        }
        let Some(count) = counts.get(&(index + 1)) else {
            continue;
        };
        file.lines += 1;
        if *count == 0 {
            let lines = file.uncovered.entry(function.clone()).or_default();
            lines.push(index + 1);
        }
    }
    file
}

/// The name of the function that begins on a line.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
        "extern",
        "\"C\"",
    ];
    if !before.split_whitespace().all(|word| words.contains(&word)) {
        return None;
    }
    let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    Some(&after[..end]).filter(|name| !name.is_empty())
}

/// The reviewed list: reasons, and per file how many lines each of them excuses.
struct List(Vec<(String, BTreeMap<String, usize>)>);

impl List {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let list: Value = serde_json::from_str(&text).context(LIST)?;
        let mut entries = Vec::new();
        for entry in list.as_array().context("no array")? {
            let reason = entry["reason"].as_str().context("no reason")?;
            let mut files = BTreeMap::new();
            for (file, lines) in entry["files"].as_object().context("no files")? {
                let lines = lines.as_u64().context("no number of lines")?;
                files.insert(file.clone(), lines as usize);
            }
            entries.push((reason.to_owned(), files));
        }
        Ok(Self(entries))
    }

    /// Lines that may be uncovered in a file, for all reasons.
    fn allowed(&self, path: &str) -> usize {
        let of_file = self.0.iter().filter_map(|(_, files)| files.get(path));
        of_file.sum()
    }

    /// What is wrong: files with more uncovered lines than allowed, and files that are listed and need not be.
    fn faults(&self, files: &[File]) -> Vec<String> {
        let mut faults = Vec::new();
        for file in files {
            let (uncovered, allowed) = (file.uncovered_lines(), self.allowed(&file.path));
            if uncovered > allowed {
                faults.push(format!(
                    "{}: {uncovered} lines are not covered, {allowed} may be: {}",
                    file.path,
                    places(file)
                ));
            }
        }
        let listed: BTreeSet<&String> = self.0.iter().flat_map(|(_, files)| files.keys()).collect();
        for path in listed {
            let found = files.iter().find(|file| file.path == *path);
            if found.is_none_or(|file| file.uncovered.is_empty()) {
                faults.push(format!("{path}: is listed, and nothing of it is uncovered"));
            }
        }
        faults
    }
}

/// Where a file is not covered: functions with lines.
fn places(file: &File) -> String {
    let of_function = |(function, lines): (&String, &Vec<usize>)| {
        let numbers: Vec<String> = ranges(lines).into_iter().collect();
        format!("{function} ({})", numbers.join(", "))
    };
    let places: Vec<String> = file.uncovered.iter().map(of_function).collect();
    places.join("; ")
}

/// `[1, 2, 3, 7]` as `1-3` and `7`.
fn ranges(lines: &[usize]) -> Vec<String> {
    let follows = |a: &usize, b: &usize| a + 1 == *b;
    let text = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run[0].to_string(),
    };
    lines.chunk_by(follows).map(text).collect()
}

/// Lines, and those of them that are covered, of the files of a folder.
fn total(files: &[File], folder: &str) -> (usize, usize) {
    let of_folder = files.iter().filter(|file| file.path.starts_with(folder));
    of_folder.fold((0, 0), |(lines, covered), file| {
        let all = file.lines;
        (lines + all, covered + all - file.uncovered_lines())
    })
}

/// Percent with one digit, rounded down: only all is 100.
fn percent(covered: usize, lines: usize) -> String {
    let tenths = covered * 1_000 / lines.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn terminal(files: &[File]) -> String {
    let mut text = String::new();
    for (package, folder) in MEASURED {
        let (lines, covered) = total(files, folder);
        let share = percent(covered, lines);
        let _ = writeln!(text, "\n{share:>5}% {covered:>6} of {lines:>6}  {package}");
        for file in files.iter().filter(|file| file.path.starts_with(folder)) {
            let covered = file.lines - file.uncovered_lines();
            let (share, lines) = (percent(covered, file.lines), file.lines);
            let _ = writeln!(
                text,
                "{share:>5}% {covered:>6} of {lines:>6}    {}",
                file.path
            );
            if !file.uncovered.is_empty() {
                let _ = writeln!(text, "{:28}{}", "", places(file));
            }
        }
    }
    text
}

fn markdown(files: &[File], list: &List) -> String {
    let mut page = String::from(
        "# Coverage\n\
         Written by `cargo xtask coverage`: which lines tests execute. Modules of tests are not counted.\n\n\
         The compiler counts executions (`-C instrument-coverage`) in the tests of all crates, in the integration tests against the program, and in 20,000 steps \
         of the fuzzer. The program is compiled for the host there and stands in the embedded VM in the place of its on-chain binary \
         ([`native.rs`](../crates/sim/src/native.rs)); accounts and calls of other programs are as on chain, events and compute units are not. \
         That the binary does the same is what `cargo xtask test` tests. Left out are the tests on a local cluster and in a browser.\n\n\
         | crate | lines | covered | % |\n| --- | ---: | ---: | ---: |\n",
    );
    let mut sum = (0, 0);
    for (package, folder) in MEASURED {
        let (lines, covered) = total(files, folder);
        sum = (sum.0 + lines, sum.1 + covered);
        let share = percent(covered, lines);
        let _ = writeln!(
            page,
            "| [`{package}`](../{folder}) | {lines} | {covered} | {share} |"
        );
    }
    let (lines, covered) = sum;
    let share = percent(covered, lines);
    let _ = writeln!(page, "| all | {lines} | {covered} | {share} |");
    page.push_str(
        "\n## Not covered\n\
         The reviewed list [`xtask/coverage.json`](../xtask/coverage.json) gives a reason for each line, by file and number; `cargo xtask coverage` fails \
         when a file has more. Functions with the number of their lines that are not covered:\n",
    );
    for (reason, listed) in &list.0 {
        let _ = writeln!(page, "\n**{reason}**\n");
        for path in listed.keys() {
            let Some(file) = files.iter().find(|file| file.path == *path) else {
                continue;
            };
            let functions: Vec<String> = file
                .uncovered
                .iter()
                .map(|(function, lines)| format!("`{function}` {}", lines.len()))
                .collect();
            let _ = writeln!(page, "- [`{path}`](../{path}): {}", functions.join(", "));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn a() {\n    x();\n}\n\nimpl B {\n    pub const fn b() {}\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";

    fn file(counts: &[(usize, u64)]) -> File {
        summarise(
            "crates/risk/src/x.rs",
            SOURCE,
            &counts.iter().copied().collect(),
        )
    }

    #[test]
    fn lines_are_read_of_measured_files_only() {
        let text = "/w/crates/risk/src/x.rs\n    1|      5|fn a() {\n    2|       |// |7|\n    3|      0|}\n\n/r/y.rs\n    1|      1|x\n";
        let files = parse(Path::new("/w"), text);
        assert_eq!(files.len(), 1);
        assert_eq!(files["crates/risk/src/x.rs"], [(1, 5), (3, 0)].into());
    }

    #[test]
    fn tests_are_left_out_and_functions_named() {
        let file = file(&[(1, 1), (2, 0), (3, 0), (6, 0), (11, 0)]);
        assert_eq!((file.lines, file.uncovered_lines()), (4, 3));
        assert_eq!(places(&file), "a (2-3); b (6)");
        let declared = "#[cfg(test)]\nmod tests;\nmod x;\n";
        let of = |path| test_files(path, declared);
        assert_eq!(of("a/src/lib.rs"), ["a/src/tests.rs"]);
        assert_eq!(of("a/src/x.rs"), ["a/src/x/tests.rs"]);
    }

    #[test]
    fn more_than_listed_is_a_fault_and_so_is_a_listed_file_without_any() {
        let list = |lines| {
            let files = [("crates/risk/src/x.rs".to_owned(), lines)].into();
            List(vec![("why".to_owned(), files)])
        };
        let some = [file(&[(1, 1), (2, 0), (3, 0)])];
        assert!(list(2).faults(&some).is_empty());
        assert_eq!(list(1).faults(&some).len(), 1);
        assert_eq!(list(2).faults(&[file(&[(1, 1)])]).len(), 1);
        assert_eq!(list(2).faults(&[]).len(), 1);
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(percent(9_999, 10_000), "99.9");
        assert_eq!(percent(5, 5), "100.0");
    }
}
