//! A keeper on an embedded VM: what the accounts say goes into its mirror, what it plans is sent, what comes back goes into its memory.
#![allow(dead_code, reason = "each test binary uses a part")]

use anchor_lang::prelude::Pubkey;
use anyhow::Result;
use ballast::events::BankruptcyResolved;
use ballast_client::errors::Refusal;
use ballast_client::oracle::{PricePoint, all_price_accounts};
use ballast_client::{Mirror, Update, events};
use ballast_keeper::{Identity, Job, JobKey, Memory, Plan, Policy, Situation, Verdict, plan};
use ballast_sim::{Venue, World};
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, MarketKind, MarketTerms, Side, next_expiry};
use ballast_tests::Stage;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;

/// Rounds without time passing after which something goes round in circles.
const ROUNDS_MAXIMUM: usize = 200;

/// A keeper with its mirror and memory.
pub struct Keeper {
    /// Signs.
    pub key: Keypair,
    pub identity: Identity,
    pub policy: Policy,
    pub memory: Memory,
    pub mirror: Mirror,
    /// Jobs that went through, by name.
    pub done: BTreeMap<&'static str, usize>,
    /// Refusals, by name and verdict.
    pub refused: BTreeMap<(String, Verdict), usize>,
    /// The last refusals in words.
    pub log: Vec<String>,
    /// Loans that were written off: what the job had said, and native units.
    pub written_off: Vec<(String, u64)>,
}

impl Keeper {
    /// A keeper whose key has sub-account 0 on the venue, or none yet.
    pub fn new(world: &World, venue: &Venue, key: &Keypair, policy: Policy) -> Self {
        let read = |key: &Pubkey| world.svm.get_account(key).expect("an account").data;
        let addresses = venue.addresses;
        let (exchange, board) = (read(&addresses.exchange), read(&addresses.board));
        let mirror = Mirror::new(&addresses.exchange, &exchange, &board);
        let mut keeper = Self {
            key: key.insecure_clone(),
            identity: Identity {
                signer: key.pubkey(),
                margin_account: addresses.margin_account(&key.pubkey(), 0),
            },
            policy,
            memory: Memory::new(1),
            mirror: mirror.expect("an exchange"),
            done: BTreeMap::new(),
            refused: BTreeMap::new(),
            log: Vec::new(),
            written_off: Vec::new(),
        };
        keeper.look(world);
        keeper
    }

    /// Reads all accounts again.
    pub fn look(&mut self, world: &World) {
        let slot = slot(world);
        let accounts = world.svm.get_program_accounts(&ballast::ID);
        let updates: Vec<Update> = accounts
            .into_iter()
            .map(|(key, account)| Update {
                key,
                slot,
                data: account.data,
            })
            .collect();
        self.mirror.apply_snapshot(slot, &updates);
    }

    /// The price accounts as they are.
    pub fn prices(&self, world: &World) -> Vec<PricePoint> {
        let accounts = all_price_accounts(&self.mirror.exchange).into_iter();
        let read = |(key, _): (Pubkey, u8)| {
            let account = world.svm.get_account(&key)?;
            PricePoint::read(&key, &account.owner, &account.data)
        };
        accounts.filter_map(read).collect()
    }

    /// What it would do now.
    pub fn plan(&mut self, world: &World) -> Plan {
        let prices = self.prices(world);
        let situation = Situation {
            mirror: &self.mirror,
            now: world.now(),
            slot: slot(world),
            identity: &self.identity,
            policy: &self.policy,
            prices: &prices,
            rehearsal: false,
        };
        plan(&situation, &mut self.memory)
    }

    /// Sends one job and remembers what came of it.
    pub fn send(&mut self, world: &mut World, job: &Job) -> Result<(), Verdict> {
        self.memory.sent(job, slot(world));
        let metas = job.instructions.iter().flat_map(|one| &one.accounts);
        let signs = metas
            .clone()
            .any(|meta| meta.is_signer && meta.pubkey == self.key.pubkey());
        let signers: &[&Keypair] = if signs { &[&self.key] } else { &[] };
        match world.send(&job.instructions, signers) {
            Ok(done) => {
                self.memory.succeeded(&job.key, slot(world));
                let events = events::decode_all(&done.logs).into_iter();
                let resolved = events.filter_map(|event| event.parse::<BankruptcyResolved>());
                let amounts = resolved.map(|event| (job.note.clone(), event.written_off));
                self.written_off.extend(amounts);
                *self.done.entry(job.key.name()).or_default() += 1;
                Ok(())
            }
            Err(refusal) => {
                let refusal = Refusal {
                    error: refusal.error,
                    logs: refusal.logs,
                };
                let verdict = self.memory.refused(&job.key, &refusal, world.now());
                self.log.push(format!("{job}: {refusal} {verdict:?}"));
                *self.refused.entry((refusal.name(), verdict)).or_default() += 1;
                Err(verdict)
            }
        }
    }

    /// Looks, plans and sends once. Returns how many jobs there were.
    pub fn round(&mut self, world: &mut World) -> usize {
        self.look(world);
        let jobs = self.plan(world).jobs;
        for job in &jobs {
            let _ = self.send(world, job);
        }
        jobs.len()
    }

    /// Rounds until nothing is left to do now.
    #[track_caller]
    pub fn work(&mut self, world: &mut World) {
        for _ in 0..ROUNDS_MAXIMUM {
            if self.round(world) == 0 {
                return;
            }
        }
        panic!("never done: {:?}, {:?}", self.done, self.log);
    }

    /// The same, and nothing that was planned may have been refused: nobody else was there.
    #[track_caller]
    pub fn work_alone(&mut self, stage: &mut Stage) {
        self.work(&mut stage.world);
        assert!(self.refused.is_empty(), "{:#?}", self.log);
        stage.check_books();
    }

    /// Lets time pass in steps, prices published again at each, and works after each.
    #[track_caller]
    pub fn work_for(&mut self, stage: &mut Stage, seconds: i64, step: i64) {
        for _ in 0..seconds / step {
            stage.world.advance(step);
            publish(stage);
            self.work_alone(stage);
        }
    }

    /// How often a kind of job went through.
    pub fn count(&self, name: &str) -> usize {
        self.done.get(name).copied().unwrap_or(0)
    }

    /// Whether it plans a job with this key now.
    pub fn plans(&mut self, world: &World, key: &JobKey) -> bool {
        self.look(world);
        self.plan(world).jobs.iter().any(|job| job.key == *key)
    }
}

/// The cluster's slot.
pub fn slot(world: &World) -> u64 {
    world.svm.get_sysvar::<Clock>().slot
}

/// Writes Pyth accounts, the board stays as it is.
pub fn publish(stage: &mut Stage) {
    let writes: Vec<_> = (0..stage.prices.len())
        .map(|index| {
            let venue = &stage.venue;
            let price = venue.stub_price(&stage.world, index, stage.prices[index]);
            venue.write_price(&stage.world, index, &price)
        })
        .collect();
    stage.world.send(&writes, &[]).expect("prices");
}

/// Whether an account is flagged.
pub fn is_flagged(stage: &Stage, key: &Keypair) -> bool {
    stage.state(key).in_liquidation()
}

/// An account's figures.
pub fn figures(stage: &Stage, key: &Keypair, purpose: Purpose) -> Box<Report> {
    let account = stage.account(key);
    stage
        .venue
        .assess(&stage.world, &account, purpose)
        .expect("figures")
}

/// Rests a limit order in any market and returns its number.
#[track_caller]
pub fn rest(
    stage: &mut Stage,
    key: &Keypair,
    terms: &MarketTerms,
    side: Side,
    price: u64,
    lots: u64,
) -> u64 {
    let order = Venue::limit(side, price, lots);
    let placed = stage.venue.place_in(&mut stage.world, key, terms, order);
    placed.unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// A dated market that expires so many days after the next 08:00 UTC, listed.
pub fn list(
    stage: &mut Stage,
    kind: MarketKind,
    asset: usize,
    days: i64,
    strike: u64,
) -> MarketTerms {
    let terms = MarketTerms {
        kind: kind as u8,
        expiry: next_expiry(stage.world.now()) + days * 86_400,
        strike,
        ..Venue::perpetual(asset)
    };
    stage
        .venue
        .list_market(&mut stage.world, &terms)
        .expect("a market");
    terms
}

/// Lots held by a trader.
pub fn lots(stage: &Stage, key: &Keypair, terms: &MarketTerms) -> i64 {
    stage.state(key).lots(terms)
}

/// All margin accounts, to compare.
pub fn accounts(keeper: &Keeper) -> Vec<(Pubkey, MarginAccount)> {
    let mut all: Vec<_> = keeper
        .mirror
        .accounts
        .iter()
        .map(|(key, account)| (*key, **account))
        .collect();
    all.sort_by_key(|(key, _)| *key);
    all
}
