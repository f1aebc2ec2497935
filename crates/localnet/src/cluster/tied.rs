//! A child process that does not outlive this one, however this one ends.

use anyhow::{Context, Result};
use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Runs the command in its arguments until that ends, or until standard input does: then it is asked to end, and made to after some
/// seconds. Standard input is a pipe that only this process holds, so the kernel closes it when this process dies.
const WATCH: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{
    cat <&3 >/dev/null
    kill -TERM "$child" 2>/dev/null
    for second in 1 2 3 4 5 6 7 8; do
        sleep 1
        kill -0 "$child" 2>/dev/null || exit 0
    done
    kill -KILL "$child" 2>/dev/null
} &
watch=$!
exec 3<&-
wait "$child"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
"#;
/// Longer than the script takes.
const PATIENCE: Duration = Duration::from_secs(12);

/// The child. It ends when this value is dropped, or this process dies, even of a kill that nobody can catch.
#[derive(Debug)]
pub struct Tied {
    child: Child,
    /// Held open.
    leash: Option<ChildStdin>,
}

impl Tied {
    /// Starts `program` with its output in the file `log`. It gets a process group of its own, so that a Ctrl-C in the terminal is this process's
    /// alone and decides itself when the child ends.
    ///
    /// # Errors
    /// When the program cannot be started or the log not be written.
    pub fn spawn(
        program: &Path,
        prepare: impl FnOnce(&mut Command) -> Result<()>,
        log: &Path,
    ) -> Result<Self> {
        let output =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(WATCH).arg("sh").arg(program);
        prepare(&mut command)?;
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let leash = child.stdin.take();
        Ok(Self { child, leash })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The process id of the watcher, which is that of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) {
        if self.leash.take().is_none() {
            return;
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        // Only a watcher that hangs gets here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An exit status in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) if code > 128 => format!("signal {}", code - 128),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn is_alive(pid: &str) -> bool {
        Command::new("kill")
            .args(["-0", pid])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    fn eventually(what: impl Fn() -> bool) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            what()
        })
    }

    /// A child that writes its process id and stays.
    fn child(folder: &Path) -> (Tied, String) {
        let log = folder.join("log");
        let arguments = |command: &mut Command| {
            command.args(["-c", "echo $$; exec sleep 60"]);
            Ok(())
        };
        let tied = Tied::spawn(Path::new("sh"), arguments, &log).unwrap();
        assert!(eventually(|| fs::read_to_string(&log)
            .unwrap()
            .ends_with('\n')));
        (tied, fs::read_to_string(&log).unwrap().trim().to_owned())
    }

    #[test]
    fn children_end_with_their_handle() {
        let folder = tempfile::tempdir().unwrap();
        let (mut tied, pid) = child(folder.path());
        assert!(is_alive(&pid) && tied.ended().unwrap().is_none());
        drop(tied);
        assert!(!is_alive(&pid));
    }

    #[test]
    fn children_end_when_the_parent_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut tied, pid) = child(folder.path());
        // What the kernel does to a process that is killed: it closes the pipe.
        drop(tied.leash.take());
        assert!(eventually(|| !is_alive(&pid)));
    }

    #[test]
    fn the_end_of_a_child_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = |command: &mut Command| {
            command.args(["-c", "echo broken; exit 3"]);
            Ok(())
        };
        let log = folder.path().join("log");
        let mut tied = Tied::spawn(Path::new("sh"), arguments, &log).unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = tied.ended().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE);
        };
        assert_eq!(describe(status), "exit code 3");
        assert_eq!(fs::read_to_string(&log).unwrap(), "broken\n");
    }
}
