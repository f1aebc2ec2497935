//! What to send now: from a copy of the exchange's accounts, the cluster's time, a policy and a memory to transactions in order of urgency.
//!
//! Nothing here talks to anybody or looks at a clock, so the keeper on a cluster, tests and benchmarks on an embedded VM decide alike.
//! Jobs are worked out one upon the other on copies of the accounts they change, in the order in which they are to be sent: on a state that
//! nobody else changes, the program takes all of them.

mod expiry;
mod fills;
mod funding;
mod index;
mod interest;
mod inventory;
mod liquidation;
mod matching;
mod pnl;
mod prices;
mod pruning;
mod slice;
mod waterfall;

use crate::job::{Claim, Class, Duty, Job, JobKey, Urgency};
use crate::memory::Memory;
use crate::policy::Policy;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::oracle::PricePoint;
use ballast_client::{Mirror, instructions};
use ballast_risk::Q32_ONE;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{MarginAccount, Market, MarketTerms, Pausable, QUOTE_ASSET};
use index::Index;
use std::collections::{HashMap, HashSet};

/// Who the keeper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Signs everything.
    pub signer: Pubkey,
    /// Takes slices over and pays for them, gets fillers' fees. Where there is no such account, or the signer may not trade for it, the keeper
    /// liquidates nothing and fills without pay.
    pub margin_account: Pubkey,
}

/// What a decision depends on.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The exchange's accounts.
    pub mirror: &'a Mirror,
    /// Cluster time, unix seconds.
    pub now: i64,
    /// The cluster's slot.
    pub slot: u64,
    /// Who the keeper is.
    pub identity: &'a Identity,
    /// What it does and accepts.
    pub policy: &'a Policy,
    /// The price accounts it watches, as last read.
    pub prices: &'a [PricePoint],
    /// Whether nothing is sent and somebody wants to see all of it: prices that are about to be refreshed hold nothing up.
    pub rehearsal: bool,
}

/// What to send, and what was seen.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Transactions, the most urgent first.
    pub jobs: Vec<Job>,
    /// What was seen.
    pub scan: Scan,
}

/// What was seen, for metrics. Money in quote units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Margin accounts, but for the insurance fund and the keeper's own.
    pub accounts: u64,
    /// Those of them that the policy lets alone.
    pub denied: u64,
    /// Those that were assessed.
    pub assessed: u64,
    /// Those below their maintenance margin.
    pub below_maintenance: u64,
    /// Those that are flagged.
    pub in_liquidation: u64,
    /// Those that are worth less than nothing.
    pub insolvent: u64,
    /// Those about which nothing can be said because a price is too old or missing.
    pub without_price: u64,
    /// Those that the engine could not assess for another reason.
    pub failed: u64,
    /// What those below their maintenance margin lack of it.
    pub deficit: i64,
    /// What insolvent ones lack.
    pub bad_debt: i64,
    /// Resting orders that may trade.
    pub orders: u64,
    /// Markets in which orders cross.
    pub crossed_markets: u64,
    /// The keeper's own account.
    pub own: Own,
    /// Work that waits after a refusal.
    pub waiting: u64,
    /// Transactions in flight.
    pub in_flight: u64,
}

/// The keeper's own account. Money in quote units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether there is one for which the keeper may sign.
    pub usable: bool,
    /// Equity at marks.
    pub equity: i64,
    /// Equity above initial margin.
    pub health: i64,
    /// Its initial margin.
    pub initial_margin: i64,
    /// Whether it is above the policy's floor, so that slices may be taken.
    pub above_floor: bool,
    /// Open positions.
    pub positions: u64,
    /// Deposits and loans of other tokens, at marks: the exchange has no market in which these could be traded away.
    pub tokens: i64,
}

/// Works out what to send.
pub fn plan(situation: &Situation, memory: &mut Memory) -> Plan {
    memory.tidy(situation.mirror, situation.now, situation.slot);
    let mut round = Round::new(situation, memory);
    round.look_at_own_account();
    let mut index = Index::build(&mut round);

    prices::plan(&mut round);
    interest::plan(&mut round);
    // Everything else depends on the board. What is worked out on prices that are about to change would be refused.
    let moves = round.jobs.iter().any(|job| job.duty() == Duty::Prices);
    if situation.rehearsal || !moves {
        if !round.scan.own.above_floor {
            inventory::plan(&mut round, &index, Class::Saving);
        }
        liquidation::plan(&mut round, &index);
        expiry::plan(&mut round, &index);
        funding::plan(&mut round);
        if round.scan.own.above_floor {
            inventory::plan(&mut round, &index, Class::Unwinding);
        }
        matching::plan(&mut round, &mut index);
        pnl::plan(&mut round, &index);
        pruning::plan(&mut round, &index);
    }
    round.finish()
}

/// A plan in the making.
struct Round<'a> {
    mirror: &'a Mirror,
    view: View<'a>,
    identity: &'a Identity,
    policy: &'a Policy,
    prices: &'a [PricePoint],
    memory: &'a mut Memory,
    /// Accounts as the jobs planned so far leave them.
    changed: HashMap<Pubkey, Box<MarginAccount>>,
    /// Likewise markets.
    changed_markets: HashMap<MarketTerms, Market>,
    /// Claimed by what is in flight.
    claimed: HashSet<Claim>,
    /// Accounts that a liquidation planned in this round changes.
    taken: HashSet<Pubkey>,
    /// Reused by everything that assesses.
    report: Box<Report>,
    jobs: Vec<Job>,
    /// Their keys: no work is planned twice.
    planned: HashSet<JobKey>,
    scan: Scan,
}

impl<'a> Round<'a> {
    fn new(situation: &Situation<'a>, memory: &'a mut Memory) -> Self {
        let mirror = situation.mirror;
        Self {
            mirror,
            view: mirror.view(situation.now),
            identity: situation.identity,
            policy: situation.policy,
            prices: situation.prices,
            claimed: memory
                .claims(situation.identity.margin_account, situation.slot)
                .copied()
                .collect(),
            memory,
            changed: HashMap::new(),
            changed_markets: HashMap::new(),
            taken: HashSet::new(),
            report: Report::boxed(),
            jobs: Vec::new(),
            planned: HashSet::new(),
            scan: Scan::default(),
        }
    }

    fn now(&self) -> i64 {
        self.view.now
    }

    /// Whether an instruction is paused.
    fn is_paused(&self, instruction: Pausable) -> bool {
        self.view.exchange.is_paused(instruction, self.now())
    }

    /// A margin account as the jobs planned so far leave it.
    fn account(&self, key: &Pubkey) -> Option<&MarginAccount> {
        let changed = self.changed.get(key).map(|account| &**account);
        changed.or_else(|| self.mirror.accounts.get(key).map(|account| &**account))
    }

    /// Remembers how a job leaves an account.
    fn change(&mut self, key: &Pubkey, account: Box<MarginAccount>) {
        self.changed.insert(*key, account);
    }

    /// A market as the jobs planned so far leave it.
    fn market(&self, terms: &MarketTerms) -> Option<&Market> {
        let changed = self.changed_markets.get(terms);
        changed.or_else(|| self.mirror.markets.get(terms))
    }

    /// The keeper's own account, when there is one for which it may sign.
    fn own(&self) -> Option<&MarginAccount> {
        self.account(&self.identity.margin_account)
            .filter(|account| account.may_trade(&self.identity.signer))
    }

    fn is_own(&self, key: &Pubkey) -> bool {
        *key == self.identity.margin_account
    }

    /// Whether the policy lets the keeper touch an account; always its own.
    fn permits(&self, key: &Pubkey) -> bool {
        self.is_own(key) || self.policy.permits(key)
    }

    /// Whether work may be planned: its duty is on, and it is neither planned nor in flight nor waits after a refusal.
    fn is_open(&self, key: &JobKey) -> bool {
        self.policy.does(key.duty())
            && !self.planned.contains(key)
            && self.memory.is_free(key, self.now())
    }

    /// Whether a margin account is claimed as a whole by what is in flight.
    fn is_claimed(&self, account: &Pubkey) -> bool {
        self.claimed.contains(&Claim::Account(*account))
    }

    /// Whether there is as much to send as the policy allows at once; whatever is worked out next is less urgent.
    fn is_full(&self) -> bool {
        self.jobs.len() >= self.policy.jobs_maximum
    }

    /// Adds a job, unless it would be too large for a transaction. Returns whether it was added.
    fn add(&mut self, job: Job) -> bool {
        let fits = job.account_count() <= self.policy.accounts_maximum;
        if fits {
            self.planned.insert(job.key);
            self.jobs.push(job);
        }
        fits
    }

    /// Adds a job that gains nothing, when its work may be planned.
    fn serve(&mut self, key: JobKey, urgency: impl Into<Urgency>, instructions: Vec<Instruction>) {
        if !self.is_open(&key) {
            return;
        }
        let value = -self.fee();
        self.add(Job {
            key,
            urgency: urgency.into(),
            instructions,
            value,
            claims: Vec::new(),
            note: String::new(),
        });
    }

    /// What a transaction costs, quote units.
    fn fee(&self) -> i64 {
        let lamports = self.policy.fee_lamports as f64;
        let listed = self
            .policy
            .sol_feed
            .and_then(|feed| self.view.board.price(feed).ok());
        // Quote units per lamport; a dollar per SOL is a thousandth of one.
        let price = match listed {
            Some(entry) if entry.publish_time > 0 => entry.price.get().to_num(),
            _ => self.policy.sol_price / 1e3,
        };
        (lamports * price).ceil() as i64
    }

    /// The instruction that brings an asset's interest up to now, when its loans cost anything; `None` for an unknown bank.
    fn accrue(&self, asset: u8) -> Option<Vec<Instruction>> {
        let bank = self.mirror.banks.get(&asset)?;
        let listed = self.view.exchange.asset(asset).ok()?;
        if listed.interest_rates_q32 == [0; 4] {
            return Some(Vec::new());
        }
        let paused = self.is_paused(Pausable::AccrueInterest);
        (!paused).then(|| {
            vec![instructions::accrue_interest(
                &self.mirror.addresses,
                &bank.mint,
            )]
        })
    }

    /// The quote asset's mint.
    fn quote_mint(&self) -> Option<Pubkey> {
        self.mirror.mint(QUOTE_ASSET)
    }

    /// Whether an account with this report is above the floor that the keeper keeps for itself.
    fn is_above_floor(&self, report: &Report) -> bool {
        let kept = report.initial_margin as f64 * self.policy.health_floor;
        report.health_initial() as f64 >= kept
    }

    /// Writes the keeper's own figures down.
    fn look_at_own_account(&mut self) {
        let mut report = std::mem::replace(&mut self.report, Report::boxed());
        if let Some(account) = self.own() {
            let assessed = self.view.assess(account, Purpose::TakeOver, &mut report);
            let tokens = report.balances().iter();
            let tokens = tokens.filter(|balance| balance.asset != QUOTE_ASSET);
            let open = account.positions.iter().filter(|slot| slot.base_lots != 0);
            self.scan.own = Own {
                usable: true,
                equity: report.equity_mark,
                health: report.health_initial(),
                initial_margin: report.initial_margin,
                above_floor: assessed.is_ok()
                    && self.is_above_floor(&report)
                    && !account.in_liquidation(),
                positions: open.count() as u64,
                tokens: tokens.map(|balance| balance.value).sum(),
            };
        }
        self.report = report;
    }

    fn finish(mut self) -> Plan {
        // Stable: what was worked out upon something else stays behind it.
        self.jobs.sort_by_key(|job| std::cmp::Reverse(job.urgency));
        self.jobs.truncate(self.policy.jobs_maximum);
        self.scan.waiting = self.memory.waiting(self.now()) as u64;
        self.scan.in_flight = self.memory.in_flight() as u64;
        Plan {
            jobs: self.jobs,
            scan: self.scan,
        }
    }
}

/// A fraction of 1 as Q32.
fn fraction_q32(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * Q32_ONE as f64) as u64
}
