//! Running other programs and showing progress.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The cargo that runs this program, so that a toolchain chosen by `cargo +name` is kept.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command in the foreground: its output goes to the user.
pub fn run(command: &mut Command) -> Result<()> {
    let name = display(command);
    run_named(&name, command)
}

/// Like [`run`], with a short name for errors in place of a long command.
pub fn run_named(name: &str, command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs a command quietly and returns what it wrote to standard output. On failure the error holds all it wrote.
pub fn output(command: &mut Command) -> Result<String> {
    let name = display(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{name}`"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{name}` failed ({}):\n{stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

/// Whether a command starts and succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Does a piece of long work under a spinner with its running time; on a terminal that cannot show one, a line says that
/// it starts and another how long it took.
pub fn step<T>(message: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let hidden = bar.is_hidden();
    if hidden {
        eprintln!("{message} ...");
    } else {
        bar.set_style(ProgressStyle::with_template(
            "{spinner:.cyan} {msg} ({elapsed})",
        )?);
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    let result = work();
    bar.finish_and_clear();
    if result.is_ok() {
        let seconds = start.elapsed().as_secs_f32();
        eprintln!("{message}: done in {seconds:.1} s");
    }
    result
}

fn display(command: &Command) -> String {
    let program = command.get_program();
    let short = std::path::Path::new(program).file_name().unwrap_or(program);
    std::iter::once(short)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
