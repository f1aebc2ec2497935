//! What the keeper remembers between its rounds: what is in flight, and what was refused and has to wait. Nothing of it is needed: a keeper that
//! has forgotten everything sends some transactions twice, and the program refuses the second.

use crate::job::{Claim, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast_client::Mirror;
use ballast_client::errors::Refusal;
use ballast_state::MarketTerms;
use solana_transaction_error::TransactionError;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// For so many slots a transaction may still land: as long as its blockhash is good, and some.
const FLIGHT_SLOTS: u64 = 160;
/// For so many slots the keeper's own account waits for it to land.
const OWN_SLOTS: u64 = 12;
/// For so many slots after it has landed its effects may stay unseen before they are no longer waited for.
const UNSEEN_SLOTS: u64 = 16;
/// Failures are forgotten after so many seconds without another one.
const FORGET_S: i64 = 7_200;
/// What is urgent is tried again at the latest after so many seconds, spread by a quarter.
const URGENT_S: u32 = 30;
/// Orders that cannot trade are not tried again for so many seconds,
const DEAD_S: i64 = 10;
/// and so many of them are remembered.
const DEAD_MAXIMUM: usize = 1 << 14;
/// So many accounts are remembered in a pass of settling a market, at most.
const SETTLED_MAXIMUM: usize = 1 << 17;

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Somebody else did it, or things have changed meanwhile: nothing to worry about.
    Race,
    /// It is not time yet, or something else has to happen before: prices, cash in a pool, the auction's clock.
    Waits,
    /// An account lacks margin or room for it.
    Margin,
    /// It never landed, or the cluster had no room for it.
    Lost,
    /// What the keeper sent was wrong.
    Failure,
}

impl Verdict {
    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::Waits => "waits",
            Self::Margin => "margin",
            Self::Lost => "lost",
            Self::Failure => "failure",
        }
    }

    /// The first and the longest time to wait, seconds.
    fn delays_s(self) -> (u32, u32) {
        match self {
            Self::Race | Self::Lost => (1, 16),
            Self::Waits => (4, 120),
            Self::Margin => (4, 600),
            Self::Failure => (30, 3_600),
        }
    }

    /// What a refusal means.
    pub fn of(refusal: &Refusal) -> Self {
        if let Some(error) = refusal.program_error() {
            return Self::of_program(error);
        }
        match &refusal.error {
            TransactionError::BlockhashNotFound
            | TransactionError::AccountInUse
            | TransactionError::WouldExceedMaxBlockCostLimit
            | TransactionError::WouldExceedMaxAccountCostLimit
            | TransactionError::WouldExceedAccountDataBlockLimit
            | TransactionError::WouldExceedMaxVoteCostLimit
            | TransactionError::TooManyAccountLocks
            | TransactionError::ClusterMaintenance
            // Who pays has run out of means: nothing is wrong with the job.
            | TransactionError::AccountNotFound
            | TransactionError::InsufficientFundsForFee
            | TransactionError::InsufficientFundsForRent { .. } => Self::Lost,
            // It has landed before.
            TransactionError::AlreadyProcessed => Self::Race,
            // An account it names is gone: Anchor's codes for one that is empty or not the program's.
            TransactionError::InstructionError(..)
                if refusal.is(anchor_lang::error::ErrorCode::AccountNotInitialized)
                    || refusal.is(anchor_lang::error::ErrorCode::AccountOwnedByWrongProgram) =>
            {
                Self::Race
            }
            _ => Self::Failure,
        }
    }

    fn of_program(error: BallastError) -> Self {
        use BallastError as E;
        match error {
            // The account, order or market is not what it was.
            E::NotLiquidatable
            | E::LiquidationNotStarted
            | E::InLiquidation
            | E::NotInsolvent
            | E::PositionNotFound
            | E::SameSide
            | E::ZeroAmount
            | E::NoLoan
            | E::OrderNotFound
            | E::OrderExpired
            | E::OrderStillGood
            | E::OrdersDoNotCross
            | E::MakerIsYounger
            | E::NothingFilled
            | E::WouldNotReduce
            | E::PriceReplayed
            | E::NothingToSettle
            | E::OptionNotClosed
            | E::NotSettling
            | E::MarketExpired
            | E::MarketNotActive
            | E::InsufficientFees
            | E::WorsePriceThanAccepted
            | E::RatioWouldFall
            | E::PriceOutsideBand
            | E::BankRequired
            | E::MarketRequired => Self::Race,
            E::TooEarly
            | E::StalePrice
            | E::UncertainPrice
            | E::PriceNeverSet
            | E::PriceTooOld
            | E::PriceFromFuture
            | E::StaleSurface
            | E::Paused
            | E::SettlementNotReady
            | E::SettlementPending
            | E::SettlementPoolEmpty
            | E::MarketNotEmpty
            | E::InsuranceFundEmpty
            | E::InsuranceFundNotEmpty
            | E::LossNotCovered
            | E::LossLimitReached
            | E::PositionsStillOpen
            | E::CounterpartyNotInProfit
            | E::CounterpartyWouldFall
            | E::AccrueInterestFirst
            | E::OpenInterestCapExceeded => Self::Waits,
            E::BelowInitialMargin
            | E::MakerBelowInitialMargin
            | E::TakerBelowInitialMargin
            | E::BalanceSlotsFull
            | E::PositionSlotsFull
            | E::OrderSlotsFull => Self::Margin,
            _ => Self::Failure,
        }
    }
}

/// How often in a row a job has failed, and until when it waits.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    /// By verdict: races do not lengthen the wait after a failure.
    failures: [u32; 5],
    not_before: i64,
}

/// One pass of settling an open market: nobody is settled twice in it, however prices move.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// Unix seconds.
    pub started: i64,
    /// Whether there was nothing left, or it has taken too long.
    pub ended: bool,
    /// Who has been settled.
    pub settled: HashSet<Pubkey>,
}

impl Pass {
    /// A pass that starts now.
    pub fn new(now: i64) -> Self {
        Self {
            started: now,
            ended: false,
            settled: HashSet::new(),
        }
    }

    /// Nothing more is settled before the next one.
    pub fn end(&mut self) {
        self.ended = true;
        self.settled = HashSet::new();
    }
}

/// A transaction that has been sent.
#[derive(Clone, Debug)]
struct Flight {
    claims: Vec<Claim>,
    /// Accounts it writes.
    written: Vec<Pubkey>,
    /// The slot after which it is not waited for.
    until: u64,
    /// The slot in which it landed.
    landed: Option<u64>,
}

/// What the keeper remembers between its rounds.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Makes the jitter of several keepers differ.
    seed: u64,
    backoffs: HashMap<JobKey, Backoff>,
    flights: HashMap<JobKey, Flight>,
    /// The last pass of settling every open market.
    pub(crate) passes: HashMap<MarketTerms, Pass>,
    /// Orders that could trade with nobody, and until when that is believed, unix seconds.
    dead: HashMap<(Pubkey, u64), i64>,
    /// Up to which account and order orders have been checked for pruning.
    pub(crate) prune_cursor: (Pubkey, u64),
}

impl Memory {
    /// Remembers nothing yet. Keepers of different seeds retry at different times.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// A job has been sent at a slot.
    pub fn sent(&mut self, job: &Job, slot: u64) {
        let metas = job.instructions.iter().flat_map(|one| &one.accounts);
        let written = metas.filter(|meta| meta.is_writable);
        let flight = Flight {
            claims: job.claims.clone(),
            written: written.map(|meta| meta.pubkey).collect(),
            until: slot.saturating_add(FLIGHT_SLOTS),
            landed: None,
        };
        self.flights.insert(job.key, flight);
    }

    /// It has landed in a slot: what it touches is free again once the mirror has seen that.
    pub fn succeeded(&mut self, key: &JobKey, slot: u64) {
        self.backoffs.remove(key);
        if let JobKey::SettlePnl(account, terms) = key
            && let Some(pass) = self.passes.get_mut(terms)
            && !pass.ended
        {
            pass.settled.insert(*account);
            if pass.settled.len() >= SETTLED_MAXIMUM {
                pass.end();
            }
        }
        if let Some(flight) = self.flights.get_mut(key) {
            flight.landed = Some(slot);
            flight.until = flight.until.min(slot.saturating_add(UNSEEN_SLOTS));
        }
    }

    /// It was refused at a time (unix seconds), by the program or before. Returns what that means.
    pub fn refused(&mut self, key: &JobKey, refusal: &Refusal, now: i64) -> Verdict {
        let verdict = Verdict::of(refusal);
        self.failed(key, verdict, now);
        verdict
    }

    /// It has not gone through, for a reason the sender knows: [`Verdict::Lost`] when its blockhash ran out.
    pub fn failed(&mut self, key: &JobKey, verdict: Verdict, now: i64) {
        self.flights.remove(key);
        let mut failures = self.backoffs.get(key).map_or([0; 5], |one| one.failures);
        let count = &mut failures[verdict as usize];
        *count = count.saturating_add(1);
        let not_before = now.saturating_add(self.delay_s(key, *count, verdict));
        let backoff = Backoff {
            failures,
            not_before,
        };
        self.backoffs.insert(*key, backoff);
    }

    /// Failures of a job in a row.
    pub fn failures(&self, key: &JobKey) -> u32 {
        self.backoffs
            .get(key)
            .map_or(0, |backoff| backoff.failures.iter().sum())
    }

    /// Jobs in flight.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Jobs that wait after a refusal.
    pub fn waiting(&self, now: i64) -> usize {
        let waits = |backoff: &&Backoff| backoff.not_before > now;
        self.backoffs.values().filter(waits).count()
    }

    /// Doubles with every failure up to a cap, and is spread by a quarter either way.
    fn delay_s(&self, key: &JobKey, failures: u32, verdict: Verdict) -> i64 {
        let (first, mut most) = verdict.delays_s();
        if is_urgent(key) {
            most = most.min(URGENT_S);
        }
        let doubled = u64::from(first) << failures.saturating_sub(1).min(16);
        let delay = doubled.min(u64::from(most));
        let mut hasher = DefaultHasher::new();
        (self.seed, key, failures).hash(&mut hasher);
        let spread = delay / 2;
        let jitter = hasher.finish() % (spread + 1);
        (delay - delay / 4 + jitter) as i64
    }

    /// An order has been found to be unable to trade.
    pub(crate) fn bury(&mut self, order: (Pubkey, u64), now: i64) {
        if self.dead.len() < DEAD_MAXIMUM {
            self.dead.insert(order, now.saturating_add(DEAD_S));
        }
    }

    /// Whether that was only just so.
    pub(crate) fn is_dead(&self, order: &(Pubkey, u64)) -> bool {
        self.dead.contains_key(order)
    }

    /// Whether a job may be planned now.
    pub(crate) fn is_free(&self, key: &JobKey, now: i64) -> bool {
        !self.is_in_flight(key)
            && self
                .backoffs
                .get(key)
                .is_none_or(|backoff| backoff.not_before <= now)
    }

    /// Whether it has been sent and may still land, or has landed and not been seen.
    pub(crate) fn is_in_flight(&self, key: &JobKey) -> bool {
        self.flights.contains_key(key)
    }

    /// Everything that is claimed by what is in flight at a slot. The keeper's own account, which everything goes through, is let go soon when
    /// a transaction does not land: the program checks its margin.
    pub(crate) fn claims(&self, own: Pubkey, slot: u64) -> impl Iterator<Item = &Claim> {
        let flights = self.flights.values();
        flights.flat_map(move |flight| {
            let late = slot >= flight.until.saturating_sub(FLIGHT_SLOTS - OWN_SLOTS);
            let lapsed = late && flight.landed.is_none();
            let claims = flight.claims.iter();
            claims.filter(move |claim| !lapsed || **claim != Claim::Account(own))
        })
    }

    /// Forgets what has landed and been seen, what cannot land any more, and failures of long ago.
    pub(crate) fn tidy(&mut self, mirror: &Mirror, now: i64, slot: u64) {
        self.flights.retain(|_, flight| {
            let seen = |landed: u64| {
                let slots = flight.written.iter().filter_map(|key| mirror.slot(key));
                slots.min().is_none_or(|oldest| oldest >= landed)
            };
            slot < flight.until && !flight.landed.is_some_and(seen)
        });
        self.backoffs
            .retain(|_, backoff| now < backoff.not_before.saturating_add(FORGET_S));
        self.dead.retain(|_, until| now < *until);
        self.passes
            .retain(|terms, _| mirror.markets.contains_key(terms));
    }
}

/// Whether others depend on a job.
fn is_urgent(key: &JobKey) -> bool {
    matches!(
        key,
        JobKey::Prices(_)
            | JobKey::Write(_)
            | JobKey::Finalize(_)
            | JobKey::Flag(_)
            | JobKey::Observe(_)
            | JobKey::Liquidate(_)
            | JobKey::SettleLoss(..)
            | JobKey::Deleverage(..)
            | JobKey::Resolve(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_client::errors::CodedError;
    use solana_instruction_error::InstructionError;

    fn refusal(error: BallastError) -> Refusal {
        let custom = InstructionError::Custom(error.code());
        Refusal {
            error: TransactionError::InstructionError(0, custom),
            logs: Vec::new(),
        }
    }

    fn key(number: u8) -> JobKey {
        JobKey::Prune(Pubkey::new_from_array([number; 32]), 1)
    }

    fn waits(memory: &Memory, key: &JobKey) -> i64 {
        (0..).find(|s| memory.is_free(key, *s)).unwrap()
    }

    #[test]
    fn urgent_work_waits_for_half_a_minute_at_most() {
        let mut memory = Memory::new(3);
        for _ in 0..20 {
            memory.failed(&JobKey::Prices(0), Verdict::Failure, 0);
        }
        assert!(waits(&memory, &JobKey::Prices(0)) <= 38);
    }

    #[test]
    fn races_do_not_lengthen_the_wait_after_a_failure() {
        let mut memory = Memory::new(3);
        for _ in 0..20 {
            memory.failed(&key(1), Verdict::Race, 0);
        }
        memory.failed(&key(1), Verdict::Failure, 0);
        assert!(waits(&memory, &key(1)) <= 38);
        assert_eq!(memory.failures(&key(1)), 21);
    }

    #[test]
    fn waiting_doubles_up_to_a_cap_and_ends_with_success() {
        let mut memory = Memory::new(7);
        let mut before = 0;
        for failures in 1..20 {
            memory.refused(&key(1), &refusal(BallastError::BelowInitialMargin), 1_000);
            assert_eq!(memory.failures(&key(1)), failures);
            let waits = (0..).find(|s| memory.is_free(&key(1), 1_000 + s)).unwrap();
            let plain = (4u64 << (failures - 1)).min(600) as i64;
            assert!((plain * 3 / 4..=plain * 5 / 4).contains(&waits), "{waits}");
            assert!(waits >= before / 2);
            before = waits;
        }
        assert!(memory.is_free(&key(2), 1_000));
        assert_eq!(memory.waiting(1_000), 1);
        memory.succeeded(&key(1), 5);
        assert!(memory.is_free(&key(1), 1_000) && memory.failures(&key(1)) == 0);
    }

    #[test]
    fn keepers_retry_at_different_times() {
        let waits = |seed| {
            let mut memory = Memory::new(seed);
            for _ in 0..10 {
                memory.failed(&key(1), Verdict::Failure, 0);
            }
            (0..).find(|s| memory.is_free(&key(1), *s)).unwrap()
        };
        assert_eq!(waits(1), waits(1));
        assert!((2..10).any(|seed| waits(seed) != waits(1)));
    }

    #[test]
    fn refusals_are_told_apart() {
        let of = |error| Verdict::of(&refusal(error));
        assert_eq!(of(BallastError::NotLiquidatable), Verdict::Race);
        assert_eq!(of(BallastError::TooEarly), Verdict::Waits);
        assert_eq!(of(BallastError::TakerBelowInitialMargin), Verdict::Margin);
        assert_eq!(of(BallastError::NotOwnerOrDelegate), Verdict::Failure);
        for error in [
            TransactionError::BlockhashNotFound,
            TransactionError::AccountNotFound,
            TransactionError::InsufficientFundsForFee,
            TransactionError::InsufficientFundsForRent { account_index: 0 },
        ] {
            let logs = Vec::new();
            assert_eq!(Verdict::of(&Refusal { error, logs }), Verdict::Lost);
        }
    }
}
