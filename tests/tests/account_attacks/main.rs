//! Every account of every instruction attacked one at a time, generated from the interface: each attack is refused with the right error, or
//! it is none and [`legitimate`] says why.
//!
//! What a place's kind decides alone is in [`rules`]. The rest is in `golden.txt`, which is written anew with `BALLAST_WRITE_GOLDEN=1` and
//! then to be read line by line.

mod attack;
mod interface;
mod known;
mod legitimate;
mod rules;

use anchor_lang::prelude::AccountMeta;
use anchor_lang::solana_program::instruction::Instruction;
use attack::{Attack, Case, Place, Verdict, Way};
use ballast_client::state::seeds;
use ballast_tests::catalogue::{self, Call, Entry, Scene};
use interface::{Seed, Slot};
use known::{Crowd, Kind};
use solana_keypair::Keypair;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::{env, fs, slice};

#[test]
fn every_instruction_is_in_the_catalogue_once() {
    let names: Vec<_> = catalogue::all().iter().map(|entry| entry.name).collect();
    let known: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(known.len(), names.len());
    let interface = interface::read();
    assert!(known.into_iter().eq(interface.keys().map(String::as_str)));
}

#[test]
fn every_account_of_every_instruction_is_checked() {
    let interface = interface::read();
    let mut scene = Scene::new();
    let mut report = Report::default();
    for entry in catalogue::all() {
        let case = prepare(&mut scene, &entry, &interface[entry.name]);
        for place in &case.places {
            report.place(&mut scene, &case, place);
        }
    }
    println!(
        "{} attacks: {} refused by rule, {} by the instruction, {} are none",
        report.by_rule + report.by_instruction + report.none,
        report.by_rule,
        report.by_instruction,
        report.none
    );
    let unused = legitimate::unused(&report.reasons).into_iter();
    let unused = unused.map(|reason| format!("nothing goes through because {reason}"));
    report.wrong.extend(unused);
    report.wrong.extend(differences(&report.golden.concat()));
    let wrong = report.wrong.join("\n");
    assert!(wrong.is_empty(), "{wrong}");
}

/// What differs from the golden file, which is written anew when that is asked for.
fn differences(found: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/account_attacks/golden.txt");
    if env::var_os("BALLAST_WRITE_GOLDEN").is_some() {
        fs::write(&path, found).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    let [golden, found] = [&*golden, found].map(|text| text.lines().collect::<BTreeSet<_>>());
    let missing = golden
        .difference(&found)
        .map(|line| format!("missing: {line}"));
    let new = found.difference(&golden).map(|line| format!("new: {line}"));
    missing.chain(new).collect()
}

/// What was found.
#[derive(Default)]
struct Report {
    by_rule: usize,
    by_instruction: usize,
    none: usize,
    golden: Vec<String>,
    /// What must not be.
    wrong: Vec<String>,
    /// The reasons that were needed.
    reasons: BTreeSet<&'static str>,
}

impl Report {
    /// All attacks on a place. Refused transactions are sent as well, so that they are seen to change nothing.
    fn place(&mut self, scene: &mut Scene, case: &Case, place: &Place) {
        let attacks = attack::all(scene, case, place);
        let before = scene.stage.snapshot();
        let mut outcomes: BTreeMap<Way, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for attack in attacks {
            let at = format!(
                "{}.{} {} {}",
                case.name, place.name, attack.way, attack.with
            );
            let (instruction, signers) = attack.on(case, place);
            let all = [instruction];
            let outcome = match scene.stage.simulate(&all, &signers) {
                Ok(()) => self.reason(case, place, &attack, &at),
                Err(refusal) => {
                    let found = Verdict::of(&refusal, &case.crowd);
                    let sent = scene.stage.world.send(&all, &signers).err();
                    assert_eq!(sent.map(|sent| sent.error), Some(refusal.error), "{at}");
                    if let Some(expected) = rules::verdict(place, &attack, &case.places) {
                        if found != expected {
                            self.wrong
                                .push(format!("{at}: {found:?}, not {expected:?}"));
                        }
                        self.by_rule += 1;
                        continue;
                    }
                    if !found.is_said {
                        self.wrong
                            .push(format!("{at} is refused by luck: {}", found.error));
                    }
                    self.by_instruction += 1;
                    found.error
                }
            };
            let of_way = outcomes.entry(attack.way).or_default();
            of_way.entry(outcome).or_default().push(attack.with);
        }
        let unchanged = before == scene.stage.snapshot();
        assert!(unchanged, "a refused transaction changed something");
        for (way, outcomes) in &outcomes {
            for (outcome, with) in outcomes {
                let everything = outcomes.len() == 1 && with.len() > 2;
                let who = match with.join(", ") {
                    who if who.is_empty() || everything => String::new(),
                    who => format!(" ({who})"),
                };
                let (name, place) = (case.name, &place.name);
                self.golden
                    .push(format!("{name} {place}, {way}{who}: {outcome}\n"));
            }
        }
    }

    /// Why an attack that went through is none.
    fn reason(&mut self, case: &Case, place: &Place, attack: &Attack, at: &str) -> String {
        let reason = legitimate::reason(case.name, place, attack);
        let Some(reason) = reason else {
            self.wrong.push(format!("{at} goes through"));
            return "goes through".into();
        };
        self.reasons.insert(reason);
        self.none += 1;
        format!("goes through: {reason}")
    }
}

/// The call of an entry, which goes through, with everything around it.
fn prepare(scene: &mut Scene, entry: &Entry, slots: &[Slot]) -> Case {
    let (call, name) = (scene.set(entry), entry.name);
    let signers: Vec<&Keypair> = call.signers.iter().collect();
    let valid = scene
        .stage
        .simulate(slice::from_ref(&call.instruction), &signers);
    assert!(valid.is_ok(), "{name}: {valid:?}");
    let metas = &call.instruction.accounts;
    let keys: BTreeSet<_> = metas.iter().map(|meta| meta.pubkey).collect();
    assert_eq!(keys.len(), metas.len(), "{name} names an account twice");
    assert!(metas.len() >= slots.len());
    let places = metas.iter().enumerate();
    let places = places.map(|(index, meta)| place(scene, &call, slots, index, meta));
    let places: Vec<Place> = places.collect();
    for (place, meta) in places.iter().zip(metas) {
        let address = place.address(&call.instruction, &places);
        let right = address.is_none_or(|address| address == meta.pubkey);
        assert!(right, "{name}.{} is derived otherwise", place.name);
    }
    Case {
        name,
        crowd: Crowd::of(scene),
        call,
        places,
    }
}

/// One of its places, about which builder and interface agree.
fn place(scene: &Scene, call: &Call, slots: &[Slot], index: usize, meta: &AccountMeta) -> Place {
    let slot = slots.get(index);
    if let Some(slot) = slot {
        let flags = (meta.is_signer, meta.is_writable);
        assert_eq!((slot.signer, slot.writable), flags, "{}", slot.name);
        assert_ne!(meta.pubkey, ballast::ID, "{} is left out", slot.name);
    }
    let kind = Kind::of(&scene.stage, &meta.pubkey);
    let seeds = slot.and_then(|slot| match &slot.seeds {
        // What the interface cannot express: the terms as they are stored.
        None if slot.name == "market" && kind == Kind::Nothing => {
            Some(market_seeds(&call.instruction))
        }
        seeds => seeds.clone(),
    });
    let remaining = || format!("remaining {}", index - slots.len());
    Place {
        index,
        name: slot.map_or_else(remaining, |slot| slot.name.clone()),
        kind,
        remaining: slot.is_none(),
        optional: slot.is_some_and(|slot| slot.optional),
        signer: meta.is_signer,
        writable: meta.is_writable,
        seeds,
    }
}

/// What a new market's address derives from; its terms stand first in the arguments, without their padding.
fn market_seeds(instruction: &Instruction) -> Vec<Seed> {
    const TERMS: Range<usize> = 8..26;
    let terms = [&instruction.data[TERMS], &[0; 6]].concat();
    vec![
        Seed::Bytes(seeds::MARKET.to_vec()),
        Seed::Account("exchange".into()),
        Seed::Bytes(terms),
    ]
}
