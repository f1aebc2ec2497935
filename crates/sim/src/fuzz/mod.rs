//! Stateful fuzzing of the real on-chain program.
//!
//! A run is a row of episodes. Each begins with the same exchange in a VM of its own and lets a crowd of [`actors`] send random
//! [`actions`]: every instruction, most of them as a client would send them, some [tampered](tamper) with. Prices move and fail, time passes
//! and jumps. After every transaction all [`invariants`] are checked on the accounts' bytes. An episode follows from the seed and its number
//! alone, so whatever is found can be run again.

mod actions;
mod actors;
mod calls;
mod episode;
mod floor;
mod invariants;
mod snapshot;
mod tamper;

pub use calls::CALLS;
pub use invariants::INVARIANTS;

use crate::world::read_program;
use anyhow::{Result, ensure};
use ballast_risk::planted::{Bug, wake};
use episode::{Episode, Template};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Steps of an episode; the last one of a run may be shorter.
pub const EPISODE_STEPS: u64 = 1_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many transactions.
    pub steps: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Episodes at a time. What is found does not depend on it.
    pub jobs: usize,
    /// Runs only the episode of this step, up to it, and tells every step on standard error.
    pub replay: Option<u64>,
    /// The binary to run; the built one by default.
    pub program: Option<Vec<u8>>,
    /// Begins no further episode once something was found.
    pub stop_early: bool,
    /// Called with the steps done so far.
    pub progress: Option<fn(u64)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            steps: EPISODE_STEPS,
            seed: 1,
            jobs: 1,
            replay: None,
            program: None,
            stop_early: false,
            progress: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Seed of the run.
    pub seed: u64,
    /// Transactions sent.
    pub steps: u64,
    /// How often each instruction went through.
    pub successes: BTreeMap<&'static str, u64>,
    /// How often each instruction was refused, by error.
    pub refusals: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// What must not happen and did. An episode ends with its first.
    pub violations: Vec<Violation>,
}

/// A broken invariant.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// Seed of the run.
    pub seed: u64,
    /// Its step: `--seed` and `--replay` with these two numbers show it again.
    pub step: u64,
    /// Name of the invariant.
    pub invariant: &'static str,
    /// The instructions of the transaction.
    pub instructions: Vec<&'static str>,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl Outcome {
    fn merge(&mut self, other: Self) {
        self.steps += other.steps;
        for (name, count) in other.successes {
            *self.successes.entry(name).or_default() += count;
        }
        for (name, errors) in other.refusals {
            let own = self.refusals.entry(name).or_default();
            for (error, count) in errors {
                *own.entry(error).or_default() += count;
            }
        }
        self.violations.extend(other.violations);
    }
}

/// The program with one of the bugs awake that are planted in it, or none.
///
/// # Errors
/// When `cargo xtask build planted-bugs` was not run.
pub fn planted_program(bug: Option<Bug>) -> Result<Vec<u8>> {
    let mut program = read_program(Path::new("planted-bugs/ballast.so"))?;
    ensure!(wake(&mut program, bug), "this program has no planted bugs");
    Ok(program)
}

/// Runs the episodes.
///
/// # Errors
/// When the programs were not built, or an exchange cannot be set up.
pub fn run(options: &Options) -> Result<Outcome> {
    let mut outcome = Outcome {
        seed: options.seed,
        ..Outcome::default()
    };
    if let Some(step) = options.replay {
        let template = Template::new(options.program.as_deref())?;
        let first = step - step % EPISODE_STEPS;
        let mut episode = Episode::new(&template, options.seed, first)?;
        episode.tell = true;
        outcome.merge(episode.run(step - first + 1)?);
        return Ok(outcome);
    }
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let whole = Mutex::new(outcome);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let template = Template::new(options.program.as_deref())?;
            loop {
                let first = next.fetch_add(EPISODE_STEPS, Ordering::Relaxed);
                if first >= options.steps || stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let steps = EPISODE_STEPS.min(options.steps - first);
                let found = Episode::new(&template, options.seed, first)?.run(steps)?;
                if options.stop_early && !found.violations.is_empty() {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut whole = whole.lock().expect("no thread panics with it");
                whole.merge(found);
                if let Some(tell) = options.progress {
                    tell(whole.steps);
                }
            }
        };
        let threads: Vec<_> = (0..options.jobs.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the fuzzer does not panic"))
    })?;
    let mut outcome = whole.into_inner().expect("no thread panics with it");
    outcome.violations.sort_by_key(|violation| violation.step);
    Ok(outcome)
}
