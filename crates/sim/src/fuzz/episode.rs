//! One episode: the same beginning, random steps, and the books kept of them.

use super::actions::{self, Plan};
use super::actors::{self, Actors};
use super::calls;
use super::floor::{Floor, Oracle};
use super::invariants::{self, Step};
use super::snapshot::Snapshot;
use super::{Outcome, Violation, tamper};
use crate::probe::{Probe, all_units};
use crate::world::Refusal;
use crate::{AssetSpec, PriceSource, Venue, VenueConfig, World};
use anchor_lang::AnchorDeserialize;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anyhow::{Context, Result};
use ballast_client::args::{ExchangeParameters, Role, UnderlyingParameters};
use ballast_client::instructions;
use ballast_client::state::next_expiry;
use oracle_stub::StubPrice;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::collections::BTreeMap;

/// Friday, 10 October 2025, 05:00 UTC.
const START: i64 = 1_760_072_400;
/// Assets listed at the beginning, of those that there are.
const LISTED: usize = 3;
/// Of so many successful steps one has the program's health compared with the host's.
const PROBED: u32 = 24;

/// Where every episode begins.
pub struct Template {
    world: World,
    home: Venue,
    away: Venue,
}

impl Template {
    /// Sets two exchanges up, with tokens for everybody. `program` is the binary of Ballast, the built one by default.
    pub fn new(program: Option<&[u8]>) -> Result<Self> {
        let world = match program {
            Some(program) => World::with_program(START, program),
            None => World::new(START),
        };
        let mut world = world?.trusting();
        let reference = VenueConfig::default();
        let extra = |name, decimals, price| AssetSpec {
            name,
            decimals,
            source: PriceSource::Pull,
            price,
            ..reference.assets[1].clone()
        };
        let all = [
            reference.assets[0].clone(),
            reference.assets[1].clone(),
            reference.assets[2].clone(),
            reference.assets[3].clone(),
            extra("AVAX", 9, 28.0),
            extra("JUP", 6, 0.45),
        ];
        let mut home = Venue::create(
            &mut world,
            VenueConfig {
                assets: all[..LISTED].to_vec(),
                ..reference.clone()
            },
            1,
        )?;
        let away = Venue::create(
            &mut world,
            VenueConfig {
                assets: all[..2].to_vec(),
                ..reference
            },
            2,
        )?;
        let actors = Actors::new();
        for (index, spec) in all.iter().enumerate().skip(LISTED) {
            let mut secret = [0x31; 32];
            secret[0] = index as u8;
            let mint = Keypair::new_from_array(secret);
            world.create_mint(&mint, spec.decimals)?;
            home.mints.push(mint.pubkey());
            home.config.assets.push(spec.clone());
        }
        for actor in Actors::everybody() {
            let key = actors.key(actor);
            for (mint, spec) in home.mints.iter().zip(&home.config.assets) {
                let tokens = 1e8 / spec.price * 10f64.powi(spec.decimals.into());
                world.mint_tokens(mint, &key, tokens as u64)?;
            }
            for mint in &away.mints {
                world.mint_tokens(mint, &key, 1_000_000_000)?;
            }
            world
                .svm
                .airdrop(&key, 1_000_000_000_000)
                .map_err(|refused| anyhow::anyhow!("airdrop: {:?}", refused.err))?;
        }
        let mut template = Self { world, home, away };
        template.share_authority(&actors)?;
        template.open_away(&actors)?;
        // Underlyings that are listed later have the same surface authority.
        let surface = actors.key(actors::SURFACE);
        let surface = actors.signer(&surface).context("an actor has a key")?;
        template.home.admin = surface.insecure_clone();
        Ok(template)
    }

    /// Every authority of the home exchange to somebody of his own.
    fn share_authority(&mut self, actors: &Actors) -> Result<()> {
        let (world, home) = (&mut self.world, &self.home);
        let admin = home.admin.pubkey();
        for index in 1..LISTED {
            let listed = home.exchange(world)?;
            let underlying = &listed.underlyings[index - 1];
            let mut parameters = UnderlyingParameters::from(underlying);
            parameters.surface.authority = actors.key(actors::SURFACE);
            // Hours are long in an episode.
            parameters.funding.interval_s = 300;
            let update = instructions::update_underlying(
                &home.addresses,
                &admin,
                index as u8 - 1,
                parameters,
            );
            world.send(&[update], &[&home.admin])?;
        }
        // So are auctions.
        let listed = home.exchange(world)?;
        let mut parameters = ExchangeParameters::from(&*listed);
        parameters.liquidation.first_s = 60;
        parameters.liquidation.zero_s = 150;
        parameters.liquidation.premium_full_s = 240;
        parameters.liquidation.observation_gap_max_s = 60;
        let update = instructions::update_exchange(&home.addresses, &admin, parameters);
        world.send(&[update], &[&home.admin])?;
        let roles = [
            (Role::Guardian, actors::GUARDIAN),
            (Role::Risk, actors::RISK),
            (Role::Admin, actors::ADMIN),
        ];
        for (role, actor) in roles {
            let key = actors.key(actor);
            let propose = instructions::propose_authority(&home.addresses, &admin, role, &key);
            world.send(&[propose], &[&home.admin])?;
            let accept = instructions::accept_authority(&home.addresses, &key, role);
            let signer = actors.signer(&key).context("an actor has a key")?;
            world.send(&[accept], &[signer])?;
        }
        Ok(())
    }

    /// Accounts with something in them at the other exchange.
    fn open_away(&mut self, actors: &Actors) -> Result<()> {
        for actor in [actors::OWNERS.start, actors::MAKERS.start] {
            let key = actors.key(actor);
            let signer = actors.signer(&key).context("an actor has a key")?;
            self.away.open_account(&mut self.world, signer)?;
            for asset in 0..2 {
                self.away
                    .deposit(&mut self.world, signer, asset, 100_000_000)?;
            }
        }
        Ok(())
    }
}

/// One episode.
pub struct Episode {
    world: World,
    floor: Floor,
    random: ChaCha8Rng,
    probe: Probe,
    /// Prices that were last published, by feed.
    published: BTreeMap<[u8; 32], StubPrice>,
    seed: u64,
    first: u64,
    step: u64,
    /// Chance of a crash before a step, and of a jump to the next expiry.
    crash: f64,
    jump: f64,
    /// The step before which the token falls on which has been borrowed.
    ruin: Option<u64>,
    outcome: Outcome,
    /// Tells every step on standard error.
    pub tell: bool,
}

impl Episode {
    /// The episode whose first step is `first`.
    pub fn new(template: &Template, seed: u64, first: u64) -> Result<Self> {
        let world = template.world.fork();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(first);
        let home = template.home.fork();
        let assets = home.config.assets.len();
        let floor = Floor {
            away: template.away.fork(),
            actors: Actors::new(),
            payer: world.payer.pubkey(),
            books: Snapshot::of(&world.svm),
            now: world.now(),
            slot: 0,
            prices: home.config.assets.iter().map(|spec| spec.price).collect(),
            oracles: vec![Oracle::Good; assets],
            volatility: *[0.3, 1.0, 4.0].choose(&mut random).context("not empty")?,
            home,
        };
        Ok(Self {
            floor,
            probe: Probe::new(),
            published: BTreeMap::new(),
            seed,
            first,
            step: first,
            crash: *[0.0, 0.005, 0.02]
                .choose(&mut random)
                .context("not empty")?,
            jump: *[0.002, 0.008].choose(&mut random).context("not empty")?,
            ruin: random
                .random_ratio(2, 5)
                .then(|| first + random.random_range(60..500)),
            outcome: Outcome::default(),
            tell: false,
            world,
            random,
        })
    }

    /// So many steps, or fewer when something is found.
    pub fn run(mut self, steps: u64) -> Result<Outcome> {
        let end = self.first + steps;
        let opening = actions::opening(&self.floor, self.ruin.is_some(), &mut self.random);
        let mut opening = opening.into_iter();
        while self.step < end && self.outcome.violations.is_empty() {
            if let Some(open) = opening.next() {
                let plan = open(&self.floor, &mut self.random);
                self.perform(plan)?;
                continue;
            }
            self.pass_time();
            let age = self.floor.now - self.last_update();
            if age > 60 && self.random.random_ratio(9, 10) {
                let refresh = actions::refresh(&self.floor, &mut self.random);
                self.perform(refresh)?;
                continue;
            }
            if let Some(mut plan) = actions::choose(&self.floor, &mut self.random) {
                if self.random.random_ratio(1, 6) {
                    tamper::tamper(&self.floor, &mut plan, &mut self.random);
                }
                self.perform(plan)?;
            }
        }
        self.outcome.steps = self.step - self.first;
        Ok(self.outcome)
    }

    fn last_update(&self) -> i64 {
        let prices = &self.floor.board().prices;
        let feeds = usize::from(self.floor.exchange().feed_count);
        let good = (0..feeds).filter(|feed| self.floor.oracles[*feed] == Oracle::Good);
        good.map(|feed| prices[feed].publish_time)
            .min()
            .unwrap_or(self.floor.now)
    }

    // The world outside.

    fn pass_time(&mut self) {
        let random = &mut self.random;
        let floor = &mut self.floor;
        let expiry = next_expiry(floor.now + 1);
        // The window before an expiry has to be watched.
        let watching = expiry - floor.now <= 1_900 && !floor.dated().is_empty();
        let (now, slots) = match random.random_range(0..100) {
            0..40 => (floor.now, random.random_range(0..3)),
            _ if watching && random.random_ratio(1, 3) => {
                (floor.now + random.random_range(30..=110), 0)
            }
            _ if random.random_bool(self.jump) && !watching => {
                (expiry - random.random_range(1_500..1_890), 0)
            }
            40..96 => (floor.now + random.random_range(1..8), 0),
            96..99 => (floor.now + random.random_range(8..200), 0),
            _ => (floor.now + random.random_range(200..4_000), 0),
        };
        let elapsed = (now - floor.now) as f64;
        let deviation = floor.volatility * (elapsed / 31_557_600.0).sqrt();
        for price in floor.prices.iter_mut().skip(1) {
            *price *= (deviation * random.random_range(-1.7..1.7)).exp();
        }
        if self.ruin.is_some_and(|step| self.step >= step) {
            self.ruin = None;
            floor.prices[actions::RUINED] *= random.random_range(0.3..0.6);
        }
        if random.random_bool(self.crash) {
            let size = random.random_range(0.05..0.6f64);
            let all = random.random();
            let up = random.random_ratio(1, 3);
            let one = random.random_range(1..floor.prices.len());
            for (index, price) in floor.prices.iter_mut().enumerate().skip(1) {
                if all || index == one {
                    *price *= if up { 1.0 + size } else { 1.0 - size };
                }
            }
        }
        for oracle in &mut floor.oracles {
            *oracle = match (*oracle, random.random_range(0..1_000)) {
                (Oracle::Good, 0..5) => *[
                    Oracle::Silent,
                    Oracle::Wide,
                    Oracle::Bad,
                    Oracle::Late,
                    Oracle::Early,
                    Oracle::Negative,
                ]
                .choose(random)
                .unwrap_or(&Oracle::Silent),
                (Oracle::Good, _) => Oracle::Good,
                (_, 0..60) => Oracle::Good,
                (failing, _) => failing,
            };
        }
        self.world.skip_slots(slots);
        self.world.set_time(now);
        floor.now = now;
        floor.slot = self.world.slot();
    }

    // Steps.

    fn perform(&mut self, plan: Plan) -> Result<()> {
        let all: Vec<Instruction> = std::iter::once(all_units())
            .chain(plan.instructions.iter().cloned())
            .collect();
        let Some(transaction) = self.sign(&all) else {
            return Ok(());
        };
        let keys = transaction.message.account_keys.clone();
        let signers =
            keys[..usize::from(transaction.message.header.num_required_signatures)].to_vec();
        let names: Vec<&'static str> = plan.instructions.iter().filter_map(calls::name).collect();
        let before = self.floor.books.clone();
        let outcome = self.world.deliver(transaction);
        let changed = self.floor.books.refresh(&self.world.svm, &keys);
        let refusal = match outcome {
            Ok(_) => {
                for name in &names {
                    *self.outcome.successes.entry(name).or_default() += 1;
                }
                self.publish(&plan.instructions);
                None
            }
            Err(refusal) => {
                self.count_refusal(&all, &refusal);
                Some(refusal)
            }
        };
        if self.tell {
            let what = refusal.as_ref().map_or("done".to_owned(), Refusal::name);
            eprintln!(
                "{} at {}: {}: {what}",
                self.step,
                self.floor.now,
                names.join(" ")
            );
        }
        let step = Step {
            before: &before,
            after: &self.floor.books,
            changed: &changed,
            calls: &names,
            signers: &signers,
            tampered: plan.tampered,
            refusal: refusal.as_ref(),
            published: &self.published,
            now: self.floor.now,
            transactions: self.world.transactions,
        };
        let mut found = invariants::check(&step);
        if refusal.is_none() && self.random.random_ratio(1, PROBED) {
            let compared =
                invariants::health_on_chain_is_health_on_the_host(&step, &mut self.probe);
            found.extend(
                compared
                    .into_iter()
                    .map(|what| ("health_on_chain_is_health_on_the_host", what)),
            );
        }
        // Everything is read again now and then: no account changes but those of a transaction.
        if self.step % 256 == 255 {
            let fresh = Snapshot::of(&self.world.svm);
            let same = fresh.keys().eq(self.floor.books.keys())
                && fresh
                    .keys()
                    .all(|key| fresh.account(key) == self.floor.books.account(key));
            if !same {
                let what = "an account changed that was in no transaction".to_owned();
                found.push(("refusals_change_nothing", what));
            }
        }
        for (invariant, what) in found {
            if self.tell {
                eprintln!("    {invariant}: {what}");
            }
            self.outcome.violations.push(Violation {
                seed: self.seed,
                step: self.step,
                invariant,
                instructions: names.clone(),
                what,
            });
        }
        self.step += 1;
        Ok(())
    }

    /// Signs for everybody who must sign and takes part. Without a signature the flag goes: that is what an attacker can do.
    fn sign(&mut self, instructions: &[Instruction]) -> Option<Transaction> {
        let mut instructions = instructions.to_vec();
        let actors = &self.floor.actors;
        let payer = &self.world.payer;
        let mut signers: BTreeMap<Pubkey, &Keypair> = BTreeMap::new();
        for meta in instructions.iter_mut().flat_map(|one| &mut one.accounts) {
            if !meta.is_signer || meta.pubkey == payer.pubkey() {
                continue;
            }
            match actors.signer(&meta.pubkey) {
                Some(key) => {
                    signers.insert(meta.pubkey, key);
                }
                None => meta.is_signer = false,
            }
        }
        let mut all: Vec<&Keypair> = vec![payer];
        all.extend(signers.values());
        self.world.svm.expire_blockhash();
        let message = Message::new(&instructions, Some(&payer.pubkey()));
        let mut transaction = Transaction::new_unsigned(message);
        let blockhash = self.world.svm.latest_blockhash();
        transaction.try_sign(&all, blockhash).ok()?;
        Some(transaction)
    }

    /// Remembers the prices that a transaction published.
    fn publish(&mut self, instructions: &[Instruction]) {
        let programs = [oracle_stub::RECEIVER_ID, oracle_stub::ORACLE_ID];
        for instruction in instructions {
            if programs.contains(&instruction.program_id)
                && let Ok(price) = StubPrice::try_from_slice(&instruction.data)
            {
                self.published.insert(price.id, price);
            }
        }
    }

    fn count_refusal(&mut self, all: &[Instruction], refusal: &Refusal) {
        let failed = refusal.instruction().and_then(|index| all.get(index));
        let name = failed.and_then(calls::name);
        let name = name.unwrap_or("another program's instruction");
        let errors = self.outcome.refusals.entry(name).or_default();
        *errors.entry(refusal.name()).or_default() += 1;
    }
}
