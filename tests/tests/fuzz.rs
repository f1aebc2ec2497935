//! A short run of the fuzzer; `cargo xtask fuzz` runs longer ones.

use ballast_risk::planted::Bug;
use ballast_sim::fuzz::{self, CALLS, INVARIANTS, Options};
use std::path::PathBuf;

#[test]
fn twelve_thousand_steps_are_clean_and_every_instruction_goes_through() {
    let outcome = fuzz::run(&Options {
        steps: 12_000,
        seed: 9,
        jobs: 2,
        ..Options::default()
    })
    .unwrap();
    assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    assert_eq!(outcome.steps, 12_000);
    for (name, _) in CALLS {
        let done = outcome.successes.get(name).copied().unwrap_or_default();
        assert!(done >= 3, "{name} went through {done} times");
        assert!(
            outcome.refusals.contains_key(name),
            "{name} was never refused"
        );
    }
}

#[test]
fn a_run_follows_from_its_seed_alone() {
    let run = |seed, jobs| {
        let options = Options {
            steps: 1_500,
            seed,
            jobs,
            ..Options::default()
        };
        serde_json::to_string(&fuzz::run(&options).unwrap()).unwrap()
    };
    let first = run(3, 1);
    assert_eq!(first, run(3, 2));
    assert_ne!(first, run(4, 1));
}

#[test]
fn a_violation_is_found_again_by_seed_and_step() {
    let bug = fuzz::planted_program(Some(Bug::SlotHalfEmpty)).unwrap();
    let options = Options {
        steps: 5_000,
        seed: 5,
        stop_early: true,
        program: Some(bug),
        ..Options::default()
    };
    let found = fuzz::run(&options).unwrap().violations.remove(0);
    let again = fuzz::run(&Options {
        seed: found.seed,
        replay: Some(found.step),
        ..options
    });
    let again = again.unwrap().violations;
    let [again] = again.as_slice() else {
        panic!("one violation, not {again:?}");
    };
    assert_eq!(
        (again.step, again.invariant, &again.what),
        (found.step, found.invariant, &found.what)
    );
    assert_eq!(again.invariant, "accounts_are_consistent");
}

#[test]
fn the_fuzzer_knows_every_instruction_of_the_interface() {
    let file = ballast_sim::deploy_folder().join("../idl/ballast.json");
    let idl = std::fs::read_to_string(PathBuf::from(&file)).unwrap();
    let idl: serde_json::Value = serde_json::from_str(&idl).unwrap();
    let instructions = idl["instructions"].as_array().unwrap();
    let mut named: Vec<&str> = instructions
        .iter()
        .map(|instruction| instruction["name"].as_str().unwrap())
        .collect();
    let mut known: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, named);
    assert!(INVARIANTS.len() >= 9);
}
