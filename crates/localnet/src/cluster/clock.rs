//! Another wall time for a validator than the machine's.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Adds `$BALLAST_CLOCK_SHIFT_S` to the time of day of a process that loads it first; made by the build script of `preload/clock.rs`.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libclock.so"));
const SHIFT_VARIABLE: &str = "BALLAST_CLOCK_SHIFT_S";
const FILE: &str = "libclock.so";

/// Moves the clock of a command's process by so many seconds. `folder` keeps the library that does it.
///
/// # Errors
/// On other systems than Linux; when the folder cannot be written.
pub fn shift(command: &mut Command, seconds: i64, folder: &Path) -> Result<()> {
    ensure!(
        !LIBRARY.is_empty(),
        "a cluster's clock can be set on Linux only"
    );
    let library = std::path::absolute(folder.join(FILE))?;
    std::fs::write(&library, LIBRARY)
        .with_context(|| format!("cannot write {}", library.display()))?;
    command
        .env("LD_PRELOAD", &library)
        .env(SHIFT_VARIABLE, seconds.to_string());
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn programs_see_the_shifted_time() {
        let folder = tempfile::tempdir().unwrap();
        for shift_s in [86_400, -86_400] {
            let mut command = Command::new("date");
            command.arg("+%s");
            shift(&mut command, shift_s, folder.path()).unwrap();
            let output = command.output().unwrap().stdout;
            let told: i64 = String::from_utf8(output).unwrap().trim().parse().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let apart = told - now.as_secs() as i64 - shift_s;
            assert!((-5..=5).contains(&apart), "{apart}");
        }
    }
}
