//! What is tried on an account of an instruction.

use crate::interface::Seed;
use crate::known::{Crowd, Kind, Known};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_sim::Refusal;
use ballast_tests::catalogue::{Call, Scene};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeSet;
use std::fmt;

/// A way to misuse a place for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Not signed, where a signature is needed.
    Unsigned,
    /// Read-only, where it must be writable.
    ReadOnly,
    /// Another one of the same kind of the same exchange.
    Another,
    /// The one of the same role of the other exchange.
    Elsewhere,
    /// A token account with the same bytes at another address.
    Twin,
    /// Left out, where it may be.
    LeftOut,
    /// As long and with the same owner, but nothing is written in it.
    Blank,
    /// An account of another kind.
    OtherKind,
    /// The same bytes in an account that another program owns.
    LookAlike,
    /// Another account of the same instruction, twice.
    Twice,
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unsigned => "unsigned",
            Self::ReadOnly => "read-only",
            Self::Another => "another",
            Self::Elsewhere => "the other exchange's",
            Self::Twin => "a twin",
            Self::LeftOut => "left out",
            Self::Blank => "blank",
            Self::OtherKind => "of another kind",
            Self::LookAlike => "a look-alike",
            Self::Twice => "twice",
        })
    }
}

/// A place for an account in a call.
#[derive(Clone, Debug)]
pub struct Place {
    pub index: usize,
    pub name: String,
    /// What belongs there.
    pub kind: Kind,
    /// Whether it is beyond the accounts that the interface names.
    pub remaining: bool,
    /// Whether it may be left out.
    pub optional: bool,
    pub signer: bool,
    pub writable: bool,
    /// What the address of an account that is created derives from.
    pub seeds: Option<Vec<Seed>>,
}

/// A call with everything around it.
pub struct Case {
    /// The instruction's name.
    pub name: &'static str,
    pub call: Call,
    pub crowd: Crowd,
    pub places: Vec<Place>,
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    pub way: Way,
    /// What stands in for the right account.
    pub with: String,
    pub kind: Kind,
    pub key: Pubkey,
    /// Whether it can sign.
    pub signs: bool,
}

/// An address at which nothing is.
const NOWHERE: Pubkey = Pubkey::new_from_array([0x99; 32]);
/// A program that is none of Ballast's.
const FOREIGN: Pubkey = Pubkey::new_from_array([0x98; 32]);

/// All attacks on a place. What they need is put on the scene.
pub fn all(scene: &mut Scene, case: &Case, place: &Place) -> Vec<Attack> {
    let (crowd, metas) = (&case.crowd, &case.call.instruction.accounts);
    let right = metas[place.index].pubkey;
    let attack = |way, with: &str, kind, key| Attack {
        way,
        with: with.to_owned(),
        kind,
        key,
        signs: case.signer(&key).is_some(),
    };
    let by = |way, known: &Known| attack(way, &known.name, known.kind, known.key);
    let mut attacks = Vec::new();
    if place.signer {
        attacks.push(attack(Way::Unsigned, "", place.kind, right));
    }
    if place.writable {
        attacks.push(attack(Way::ReadOnly, "", place.kind, right));
    }
    if place.optional {
        attacks.push(attack(Way::LeftOut, "", Kind::Program, ballast::ID));
    }
    let is_free = |known: &&Known| metas.iter().all(|meta| meta.pubkey != known.key);
    let same_kind = |known: &&Known| known.kind == place.kind && place.kind != Kind::Nothing;
    let others = crowd.all.iter().filter(is_free).filter(same_kind);
    let here = others.clone().filter(|known| known.here);
    attacks.extend(here.map(|known| by(Way::Another, known)));
    let role = crowd.get(&right).map(|known| &known.name);
    let elsewhere: Vec<_> = others.filter(|known| !known.here).collect();
    let same_role = elsewhere.iter().find(|known| Some(&known.name) == role);
    let counterpart = same_role.or(elsewhere.first());
    attacks.extend(counterpart.map(|known| by(Way::Elsewhere, known)));
    for kind in Kind::ALL {
        let mut free = crowd.all.iter().filter(is_free);
        match free.find(|known| known.kind == kind) {
            _ if kind == place.kind => {}
            Some(known) => attacks.push(by(Way::OtherKind, known)),
            None => attacks.push(attack(Way::OtherKind, "nothing", Kind::Nothing, NOWHERE)),
        }
    }
    for (way, fake) in fakes(scene, place, &right) {
        attacks.push(attack(way, "", place.kind, fake));
    }
    for other in case
        .places
        .iter()
        .filter(|other| other.index != place.index)
    {
        let key = metas[other.index].pubkey;
        attacks.push(attack(Way::Twice, &other.name, other.kind, key));
    }
    attacks
}

/// Accounts that look like the right one.
fn fakes(scene: &mut Scene, place: &Place, right: &Pubkey) -> Vec<(Way, Pubkey)> {
    let svm = &mut scene.stage.world.svm;
    let account = svm
        .get_account(right)
        .filter(|account| !account.data.is_empty());
    let Some(account) = account.filter(|_| place.kind != Kind::Program) else {
        return Vec::new();
    };
    let mut foreign = account.clone();
    foreign.owner = FOREIGN;
    let mut fakes = vec![(Way::LookAlike, foreign)];
    if place.kind.is_of_program() || place.kind.is_token() {
        let mut blank = account.clone();
        blank.data.fill(0);
        fakes.push((Way::Blank, blank));
    }
    if place.kind == Kind::Tokens {
        fakes.push((Way::Twin, account));
    }
    let mut put = |(way, account)| {
        let mut key = [0x97; 32];
        key[..2].copy_from_slice(&[way as u8, place.index as u8]);
        let key = Pubkey::new_from_array(key);
        svm.set_account(key, account).unwrap();
        (way, key)
    };
    fakes.into_iter().map(&mut put).collect()
}

impl Case {
    /// The key of somebody who can sign.
    fn signer(&self, key: &Pubkey) -> Option<&Keypair> {
        let mut signers = self.call.signers.iter();
        let signer = signers.find(|signer| signer.pubkey() == *key);
        signer.or_else(|| self.crowd.signer(key))
    }
}

impl Attack {
    /// The call with this done to a place, and who signs it. The addresses of what is created follow, so that they are right for the wrong
    /// account.
    pub fn on<'a>(&self, case: &'a Case, place: &Place) -> (Instruction, Vec<&'a Keypair>) {
        let mut instruction = case.call.instruction.clone();
        let meta = &mut instruction.accounts[place.index];
        meta.pubkey = self.key;
        match self.way {
            Way::Unsigned => meta.is_signer = false,
            Way::ReadOnly => meta.is_writable = false,
            _ => meta.is_signer &= self.signs,
        }
        let others = || {
            case.places
                .iter()
                .filter(|other| other.index != place.index)
        };
        // Once for what derives from the wrong account, once for what derives from that.
        for other in others().chain(others()) {
            if let Some(address) = other.address(&instruction, &case.places) {
                instruction.accounts[other.index].pubkey = address;
            }
        }
        let metas = instruction.accounts.iter().filter(|meta| meta.is_signer);
        let signing: BTreeSet<Pubkey> = metas.map(|meta| meta.pubkey).collect();
        let signers = signing.iter().map(|key| case.signer(key).expect("a key"));
        (instruction, signers.collect())
    }
}

impl Place {
    /// Where the account that is created here belongs.
    pub fn address(&self, instruction: &Instruction, places: &[Self]) -> Option<Pubkey> {
        let bytes = |seed: &Seed| match seed {
            Seed::Bytes(bytes) => bytes.clone(),
            Seed::Arguments => instruction.data[8..].to_vec(),
            Seed::Account(name) => {
                let place = places.iter().find(|place| place.name == *name).unwrap();
                instruction.accounts[place.index].pubkey.to_bytes().to_vec()
            }
        };
        let seeds: Vec<Vec<u8>> = self.seeds.as_ref()?.iter().map(bytes).collect();
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        Some(Pubkey::find_program_address(&seeds, &ballast::ID).0)
    }
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The error's name, after that of the program it called where that refused.
    pub error: String,
    /// Whether a program says what is wrong, and not the runtime that something is.
    pub is_said: bool,
    /// The account that is blamed, when one is named.
    pub blamed: Option<String>,
}

impl Verdict {
    pub fn of(refusal: &Refusal, crowd: &Crowd) -> Self {
        let said = |error, blamed| Self {
            error,
            is_said: true,
            blamed,
        };
        let between = |line: &str, from: &str, to: &str| {
            let rest = line.split_once(from)?.1;
            Some(rest.split_once(to)?.0.to_owned())
        };
        let mut logs = refusal.logs.iter();
        if let Some(line) = logs.clone().find(|line| line.contains("AnchorError")) {
            let blamed = between(line, "caused by account: ", ".");
            return said(between(line, "Error Code: ", ".").unwrap(), blamed);
        }
        let failure = logs.find_map(|line| line.split_once(" failed: "));
        let (program, error) = failure.expect("a program that failed");
        let key = program.strip_prefix("Program ").unwrap().parse().unwrap();
        if key == ballast::ID {
            return Self {
                error: refusal.name(),
                is_said: false,
                blamed: None,
            };
        }
        let name = &crowd.get(&key).expect("a program of the scene").name;
        said(format!("{name}: {error}"), None)
    }
}
