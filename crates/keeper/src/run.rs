//! The running keeper: hears what changes, looks at everything, sends what is to be done, until it is told to stop.
//!
//! Nothing is kept on disk. All that a keeper knows it reads from the cluster, so it can be killed and started again at any moment.

use crate::alert::{Alerter, Kind};
use crate::config::Config;
use crate::feeder::Feeder;
use crate::job::{Duty, Job, JobKey};
use crate::memory::{Memory, Verdict};
use crate::metrics::{self, Shared, Vitals, names};
use crate::plan::{Identity, Own, Plan, Situation, plan};
use ::metrics::{counter, gauge, histogram};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, anyhow};
use ballast_client::oracle::{PricePoint, all_price_accounts};
use ballast_client::rpc::{
    ClientError, ClusterTime, Connection, Event, Outbox, Outcome, PriorityFee, Settings, Watched,
    follow,
};
use ballast_client::{Changed, Mirror, Update};
use ballast_state::{QUOTE_ASSET, Validity, ledger};
use serde::Serialize;
use solana_keypair::{Keypair, read_keypair_file};
use solana_signer::Signer;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Events that may wait: a whole gap's worth of ten thousand accounts.
const EVENTS: usize = 65_536;
/// What is on its way when the keeper is stopped gets so long to land.
const DRAIN: Duration = Duration::from_secs(30);
/// How often vitals, metrics of the exchange and alerts are seen to.
const ROUTINE: Duration = Duration::from_secs(5);
/// `--once` ends after so many rounds, however much there still is to do.
const ROUNDS_MAX: usize = 100;

/// How the keeper is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Simulate everything, send nothing.
    pub dry_run: bool,
    /// Stop when nothing is left to do.
    pub once: bool,
}

/// What a keeper did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Looks at everything.
    pub rounds: u64,
    /// Jobs that were planned.
    pub planned: u64,
    /// Transactions that went through; with `--dry-run` those that would have.
    pub done: u64,
    /// Transactions that somebody else was faster with, or that came too early.
    pub raced: u64,
    /// Transactions that were not included in time.
    pub lost: u64,
    /// Transactions that failed.
    pub failed: u64,
    /// Slices taken.
    pub slices: u64,
    /// Estimated profit of what went through, quote units.
    pub profit: i64,
}

/// Runs a keeper until `shutdown` is ready, or, with [`Options::once`], until nothing is left to do.
///
/// # Errors
/// When it cannot start: the key, the exchange, the address for metrics. Once it runs nothing stops it: it tells and tries again.
pub async fn run(
    config: Config,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary> {
    let vitals = Shared::new(Vitals::new(Duration::from_secs(
        config.watching.silence_max_s,
    )));
    match config.listen {
        Some(address) => {
            let address = metrics::serve(address, vitals.clone())
                .await
                .with_context(|| format!("cannot listen on {address}"))?;
            tracing::info!(%address, "serving /metrics and /health");
        }
        None => metrics::count(),
    }
    let mut keeper = Keeper::start(config, options, vitals).await?;
    if options.once {
        keeper.until_nothing_is_left(shutdown).await?;
    } else {
        keeper.until_stopped(shutdown).await;
    }
    let summary = keeper.summary;
    tracing::info!(
        done = summary.done,
        raced = summary.raced,
        lost = summary.lost,
        failed = summary.failed,
        slices = summary.slices,
        "stopped"
    );
    Ok(summary)
}

/// What is sent, with what has to be known when it comes back.
struct Posted {
    job: Box<Job>,
}

struct Keeper {
    config: Config,
    options: Options,
    connection: Connection,
    signer: Arc<Keypair>,
    identity: Identity,
    mirror: Mirror,
    time: ClusterTime,
    /// Price accounts, with the slots at which they were read.
    prices: HashMap<Pubkey, (u64, PricePoint)>,
    memory: Memory,
    outbox: Outbox<Posted>,
    outcomes: mpsc::UnboundedReceiver<Outcome<Posted>>,
    feeder: Option<Feeder>,
    alerter: Alerter,
    vitals: Shared,
    summary: Summary,
    /// Whether anything has changed since the last look.
    is_dirty: bool,
    looked_at: Instant,
    /// Failures of each duty in a row.
    failing: HashMap<Duty, u32>,
    lamports: Arc<AtomicU64>,
    /// A snapshot is due as soon as the one under way is in.
    snapshot_is_due: bool,
    /// The slot from which on the stream has been heard: an older snapshot leaves a gap.
    streamed_from: u64,
    /// The price accounts that the stream follows.
    followed: Vec<Pubkey>,
    /// Its own account at the last look.
    own: Own,
    in_flight: usize,
}

impl Keeper {
    async fn start(config: Config, options: Options, vitals: Shared) -> Result<Self> {
        let signer = read_keypair_file(&config.keypair)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("cannot read the key in {}", config.keypair.display()))?;
        let signer = Arc::new(signer);
        let sending = &config.sending;
        let settings = Settings {
            priority_fee: match sending.priority_fee_max {
                0 => PriorityFee::None,
                max => PriorityFee::Recent {
                    percentile: sending.priority_percentile,
                    max,
                },
            },
            ..Settings::default()
        };
        let mut connection = Connection::with(config.url.clone(), settings);
        if let Some(table) = &config.lookup_table {
            connection = connection
                .with_lookup_table(table)
                .await
                .with_context(|| format!("lookup table {table}"))?;
        }
        let mirror = connection
            .mirror(&config.exchange)
            .await
            .with_context(|| format!("cannot read exchange {}", config.exchange))?;
        let time = connection.time().await.context("cannot read the time")?;
        let identity = Identity {
            signer: signer.pubkey(),
            margin_account: mirror
                .addresses
                .margin_account(&signer.pubkey(), config.sub_account),
        };
        let alerter =
            Alerter::new(&config.alerts, config.exchange).map_err(|error| anyhow!(error))?;
        let (outbox, outcomes) = Outbox::new(connection.clone(), signer.clone(), sending.parallel);
        let seed = u64::from_le_bytes(*signer.pubkey().as_ref().first_chunk().expect("32 bytes"));
        let feeder = match &config.prices.file {
            Some(file) => Some(Feeder::new(
                file.clone(),
                config.prices.file_interval_s,
                &mirror,
            )),
            None => None,
        };
        let keeper = Self {
            options,
            signer,
            identity,
            mirror,
            time,
            prices: HashMap::new(),
            memory: Memory::new(seed),
            outbox,
            outcomes,
            feeder,
            alerter,
            vitals,
            summary: Summary::default(),
            is_dirty: true,
            looked_at: Instant::now(),
            failing: HashMap::new(),
            lamports: Arc::new(AtomicU64::new(u64::MAX)),
            snapshot_is_due: false,
            streamed_from: 0,
            followed: Vec::new(),
            own: Own::default(),
            in_flight: 0,
            connection,
            config,
        };
        tracing::info!(
            exchange = %keeper.config.exchange,
            signer = %keeper.identity.signer,
            margin_account = %keeper.identity.margin_account,
            accounts = keeper.mirror.accounts.len(),
            slot = keeper.time.slot,
            dry_run = options.dry_run,
            "started"
        );
        if !keeper.has_own_account() && keeper.config.policy.does(Duty::Liquidation) {
            tracing::warn!(
                "the keeper's margin account does not exist: it flags and cranks but takes no slices until it is opened and funded"
            );
        }
        Ok(keeper)
    }

    fn has_own_account(&self) -> bool {
        self.mirror
            .accounts
            .contains_key(&self.identity.margin_account)
    }

    /// Price accounts to watch.
    fn price_accounts(&self) -> Vec<Pubkey> {
        let usual = all_price_accounts(&self.mirror.exchange);
        let mut keys: Vec<Pubkey> = usual.into_iter().map(|(key, _)| key).collect();
        keys.extend(&self.config.prices.accounts);
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Follows the exchange, with the price accounts as they are now.
    fn follow(&mut self) -> (JoinHandle<()>, mpsc::Receiver<Event>) {
        let (sender, events) = mpsc::channel(EVENTS);
        let websocket = self.config.websocket.clone();
        self.followed = self.price_accounts();
        let follower = tokio::spawn(follow(
            websocket.unwrap_or_else(|| self.connection.websocket_url()),
            self.connection.settings().commitment,
            Watched {
                accounts: self.followed.clone(),
            },
            sender,
        ));
        (follower, events)
    }

    async fn until_stopped(&mut self, shutdown: impl Future<Output = ()>) {
        let (mut follower, mut events) = self.follow();
        let (healing, mut snapshots) = mpsc::channel(1);
        let watching = &self.config.watching;
        let mut look = ticks(Duration::from_millis(watching.interval_ms));
        let mut snapshot = ticks(Duration::from_secs(watching.snapshot_s.max(1)));
        let mut routine = ticks(ROUTINE);
        let mut feed = ticks(Duration::from_millis(500));
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                Some(event) = events.recv() => {
                    self.hear(event, &healing);
                    // Everything that is waiting, before the next look.
                    while let Ok(event) = events.try_recv() {
                        self.hear(event, &healing);
                    }
                }
                Some(outcome) = self.outcomes.recv() => self.note(outcome),
                Some(snapshot) = snapshots.recv() => self.heal(snapshot),
                _ = look.tick() => self.look_if_due(),
                _ = snapshot.tick() => self.take_snapshot(&healing),
                _ = routine.tick() => {
                    self.routine(&healing);
                    if self.followed != self.price_accounts() {
                        follower.abort();
                        (follower, events) = self.follow();
                    }
                }
                _ = feed.tick() => self.feed(),
                () = &mut shutdown => break,
            }
        }
        follower.abort();
        tracing::info!(in_flight = self.in_flight, "stopping");
        self.drain().await;
    }

    /// Waits for what is on its way.
    async fn drain(&mut self) {
        let until = tokio::time::Instant::now() + DRAIN;
        while self.in_flight > 0 {
            match tokio::time::timeout_at(until, self.outcomes.recv()).await {
                Ok(Some(outcome)) => self.note(outcome),
                // What is still on its way may land without the keeper; nothing is lost by that.
                _ => break,
            }
        }
    }

    async fn until_nothing_is_left(&mut self, shutdown: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(shutdown);
        for _ in 0..ROUNDS_MAX {
            self.feed();
            self.drain().await;
            let snapshot = snapshot(&self.connection, &self.price_accounts()).await?;
            self.heal(Ok(snapshot));
            let count = self.look();
            tokio::select! {
                () = self.drain() => {}
                () = &mut shutdown => break,
            }
            // A rehearsal changes nothing, so that the next round would be the same.
            if count == 0 || self.options.dry_run {
                break;
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: Event, healing: &mpsc::Sender<Result<Snapshot, ClientError>>) {
        match event {
            Event::Connected => {
                tracing::info!("the stream is connected");
                self.streamed_from = self.time.slot;
                self.snapshot_is_due = true;
                self.take_snapshot(healing);
            }
            Event::Lost(reason) => {
                counter!(names::STREAM_LOST).increment(1);
                tracing::warn!(reason, "the stream broke and is made anew");
                return;
            }
            Event::Account(update) => {
                self.is_dirty |= self.mirror.apply(&update) != Changed::Nothing;
            }
            Event::Watched { owner, update } => self.see_price(&owner, &update),
            Event::Clock(time) => self.see_time(time),
        }
        self.vitals.lock().heard_at = Instant::now();
    }

    fn see_price(&mut self, owner: &Pubkey, update: &Update) {
        let known = self.prices.get(&update.key);
        if known.is_some_and(|(slot, _)| *slot > update.slot) {
            return;
        }
        if let Some(point) = PricePoint::read(&update.key, owner, &update.data) {
            let before = self.prices.insert(update.key, (update.slot, point));
            self.is_dirty |= before.is_none_or(|(_, before)| before != point);
        }
    }

    fn see_time(&mut self, time: ClusterTime) {
        if time.slot > self.time.slot {
            self.time = time;
        }
    }

    /// Reads everything anew, in the background.
    fn take_snapshot(&mut self, healing: &mpsc::Sender<Result<Snapshot, ClientError>>) {
        // One at a time: while the last one is not taken in there is no room for another.
        let Ok(permit) = healing.clone().try_reserve_owned() else {
            return;
        };
        self.snapshot_is_due = false;
        let (connection, keys) = (self.connection.clone(), self.price_accounts());
        tokio::spawn(async move {
            permit.send(snapshot(&connection, &keys).await);
        });
    }

    fn heal(&mut self, snapshot: Result<Snapshot, ClientError>) {
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!(%error, "a snapshot failed");
                self.snapshot_is_due = true;
                return;
            }
        };
        counter!(names::SNAPSHOTS).increment(1);
        // A node that is behind, or one that was asked before the stream stood, leaves a gap.
        self.snapshot_is_due |= snapshot.slot < self.streamed_from;
        self.mirror.apply_snapshot(snapshot.slot, &snapshot.program);
        for (owner, update) in &snapshot.prices {
            self.see_price(owner, update);
        }
        self.see_time(snapshot.time);
        self.is_dirty = true;
    }

    /// Looks when something has changed; and from time to time when nothing has, since time passes.
    fn look_if_due(&mut self) {
        let is_due = self.is_dirty || self.looked_at.elapsed() >= ROUTINE;
        if is_due && self.time.slot > 0 {
            self.look();
        }
    }

    /// Looks at everything and sends what is to be done. Gives how many jobs that is.
    fn look(&mut self) -> usize {
        self.is_dirty = false;
        self.looked_at = Instant::now();
        let prices: Vec<PricePoint> = self.prices.values().map(|(_, point)| *point).collect();
        let situation = Situation {
            mirror: &self.mirror,
            now: self.time.unix,
            slot: self.time.slot,
            identity: &self.identity,
            policy: &self.config.policy,
            prices: &prices,
            rehearsal: self.options.dry_run,
        };
        let Plan { jobs, scan } = plan(&situation, &mut self.memory);
        self.own = scan.own;
        histogram!(names::SCAN_SECONDS).record(self.looked_at.elapsed());
        gauge!(names::ACCOUNTS).set(scan.accounts as f64);
        gauge!(names::BELOW_MAINTENANCE).set(scan.below_maintenance as f64);
        gauge!(names::IN_LIQUIDATION).set(scan.in_liquidation as f64);
        gauge!(names::WITHOUT_PRICE).set(scan.without_price as f64);
        if scan.insolvent > 0 {
            let text = format!("{} accounts are worth less than nothing", scan.insolvent);
            self.alerter.raise(Kind::BadDebt, "", &text, self.time.unix);
        }
        self.summary.rounds += 1;
        self.summary.planned += jobs.len() as u64;
        let room = self.config.sending.in_flight.saturating_sub(self.in_flight);
        let count = jobs.len().min(room);
        for job in jobs.into_iter().take(room) {
            self.post(job);
        }
        let mut vitals = self.vitals.lock();
        vitals.slot = self.time.slot;
        vitals.time = self.time.unix;
        vitals.accounts = self.mirror.accounts.len();
        vitals.in_flight = self.in_flight;
        count
    }

    fn post(&mut self, job: Job) {
        self.memory.sent(&job, self.time.slot);
        self.in_flight += 1;
        gauge!(names::IN_FLIGHT).set(self.in_flight as f64);
        tracing::debug!(duty = %job.duty(), value = job.value, "{job}");
        let instructions = job.instructions.clone();
        let posted = Posted { job: Box::new(job) };
        if self.options.dry_run {
            self.outbox.rehearse(posted, instructions);
        } else {
            self.outbox.post(posted, instructions);
        }
    }

    /// Takes in what became of a transaction.
    fn note(&mut self, outcome: Outcome<Posted>) {
        let job = outcome.name.job;
        let duty = job.duty().name();
        self.in_flight = self.in_flight.saturating_sub(1);
        gauge!(names::IN_FLIGHT).set(self.in_flight as f64);
        // The next look follows what has changed.
        self.is_dirty = true;
        let (verdict, reason) = match outcome.result {
            Ok(sent) => {
                self.memory
                    .succeeded(&job.key, sent.slot.max(self.time.slot));
                self.failing.remove(&job.duty());
                self.summary.done += 1;
                self.summary.profit += job.value;
                self.summary.slices += u64::from(matches!(job.key, JobKey::Liquidate(_)));
                counter!(names::DONE, "duty" => duty, "job" => job.key.name()).increment(1);
                histogram!(names::CONFIRMED_SECONDS, "duty" => duty).record(outcome.elapsed);
                histogram!(names::COMPUTE_UNITS, "job" => job.key.name())
                    .record(sent.compute_units as f64);
                if job.value > 0 {
                    gauge!(names::PROFIT).increment(job.value as f64 / 1e6);
                }
                tracing::info!(
                    duty,
                    value = job.value,
                    slot = sent.slot,
                    signature = %sent.signature,
                    compute_units = sent.compute_units,
                    dry_run = self.options.dry_run,
                    "{job}"
                );
                self.tell_losses(&job);
                return;
            }
            Err(ClientError::Refused(refusal)) => {
                let verdict = self.memory.refused(&job.key, &refusal, self.time.unix);
                (verdict, refusal.name())
            }
            Err(
                error @ (ClientError::Expired(_) | ClientError::Unknown(_) | ClientError::Rpc(_)),
            ) => {
                self.memory.failed(&job.key, Verdict::Lost, self.time.unix);
                (Verdict::Lost, error.to_string())
            }
            Err(error) => {
                self.memory
                    .failed(&job.key, Verdict::Failure, self.time.unix);
                (Verdict::Failure, error.to_string())
            }
        };
        self.tell_refusal(&job, verdict, &reason, outcome.sent);
    }

    fn tell_refusal(&mut self, job: &Job, verdict: Verdict, reason: &str, sent: bool) {
        let duty = job.duty().name();
        let labels = [
            ("duty", duty.to_owned()),
            ("verdict", verdict.name().to_owned()),
        ];
        match verdict {
            Verdict::Race | Verdict::Waits | Verdict::Margin => {
                self.summary.raced += 1;
                counter!(names::RACED, &labels).increment(1);
                tracing::info!(
                    duty,
                    verdict = verdict.name(),
                    reason,
                    sent,
                    "not done: {job}"
                );
            }
            Verdict::Lost => {
                self.summary.lost += 1;
                counter!(names::FAILED, &labels).increment(1);
                tracing::warn!(duty, reason, sent, "lost: {job}");
            }
            Verdict::Failure => {
                self.summary.failed += 1;
                counter!(names::FAILED, &labels).increment(1);
                tracing::error!(duty, reason, sent, "failed: {job}");
                let failures = self.failing.entry(job.duty()).or_default();
                *failures += 1;
                if *failures >= self.config.alerts.failures {
                    let text = format!("{duty} failed {failures} times in a row: {reason}");
                    self.alerter
                        .raise(Kind::Failing, duty, &text, self.time.unix);
                }
                let failure = (self.time.unix, format!("{job}: {reason}"));
                self.vitals.lock().last_failure = Some(failure);
            }
        }
    }

    fn tell_losses(&mut self, job: &Job) {
        let is_shared = matches!(job.key, JobKey::Deleverage(..) | JobKey::Resolve(..));
        if is_shared && !self.options.dry_run {
            self.alerter.raise(
                Kind::LossShared,
                "",
                &format!("others bear a loss: {job}"),
                self.time.unix,
            );
        }
    }

    /// Writes prices of the file to the stub.
    fn feed(&mut self) {
        let Some(feeder) = &mut self.feeder else {
            return;
        };
        if self.options.dry_run {
            return;
        }
        match feeder.due(self.time.unix, &self.identity.signer) {
            Ok(jobs) => {
                for job in jobs {
                    self.post(job);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the file with prices");
            }
        }
    }

    /// Vitals, figures of the exchange and alerts.
    fn routine(&mut self, healing: &mpsc::Sender<Result<Snapshot, ClientError>>) {
        let now = self.time.unix;
        gauge!(names::SLOT).set(self.time.slot as f64);
        metrics::upkeep();
        self.ask_for_lamports();
        if self.snapshot_is_due {
            self.take_snapshot(healing);
        }
        let silent = !self.vitals.lock().is_well();
        if silent && self.summary.rounds > 0 && !self.options.once {
            let text = "nothing was heard from the cluster for too long";
            self.alerter.raise(Kind::Silent, "", text, now);
        }
        let alerts = self.config.alerts.clone();
        let lamports = self.lamports.load(Ordering::Relaxed);
        if lamports < alerts.lamports_min {
            let text = format!("{} has {lamports} lamports left", self.identity.signer);
            self.alerter.raise(Kind::Lamports, "", &text, now);
        }
        self.check_prices(now);
        self.check_insurance(alerts.insurance_min, now);
        self.check_own(now);
    }

    /// In the background: a node that does not answer must not keep the keeper from looking.
    fn ask_for_lamports(&self) {
        let (connection, key) = (self.connection.clone(), self.signer.pubkey());
        let lamports = self.lamports.clone();
        tokio::spawn(async move {
            let asked = connection.rpc().get_balance(&key);
            if let Ok(Ok(found)) = tokio::time::timeout(ROUTINE, asked).await {
                lamports.store(found, Ordering::Relaxed);
                gauge!(names::LAMPORTS).set(found as f64);
            }
        });
    }

    fn check_prices(&mut self, now: i64) {
        let view = self.mirror.view(now);
        let mut stale = Vec::new();
        let mut stale_surfaces = Vec::new();
        for index in 0..self.mirror.exchange.underlying_count {
            // One that was never posted has no options to price.
            let posted = view.board.underlying(index).map(|one| one.surface_time);
            if posted.is_ok_and(|time| time > 0) && view.surface_is_stale(index) == Ok(true) {
                stale_surfaces.push(index);
            }
        }
        for index in 0..self.mirror.exchange.feed_count {
            let (Ok(feed), Ok(entry)) = (view.exchange.feed(index), view.board.price(index)) else {
                continue;
            };
            let age = now.saturating_sub(entry.publish_time);
            if entry.publish_time > 0 {
                gauge!(names::PRICE_AGE, "feed" => index.to_string()).set(age as f64);
            }
            if entry.validity(feed, now) == Validity::Stale {
                stale.push((index, age));
            }
        }
        for index in stale_surfaces {
            let text = format!("the volatility surface of underlying {index} is stale");
            self.alerter
                .raise(Kind::StaleSurface, &index.to_string(), &text, now);
        }
        for (index, age) in stale {
            let text = format!("the price of feed {index} is {age} s old, or diverges");
            self.alerter
                .raise(Kind::StalePrice, &index.to_string(), &text, now);
        }
    }

    fn check_insurance(&mut self, least: u64, now: i64) {
        let fund = self.mirror.addresses.insurance_fund();
        let cash = self.mirror.accounts.get(&fund).and_then(|account| {
            let balance = account.balance(QUOTE_ASSET);
            let indexes = self.mirror.board.indexes(QUOTE_ASSET).ok()?;
            match balance {
                Some(balance) => ledger::amount(balance, indexes).ok(),
                None => Some(0),
            }
        });
        let Some(cash) = cash else {
            return;
        };
        gauge!(names::INSURANCE).set(cash as f64 / 1e6);
        if cash < i64::try_from(least.saturating_mul(1_000_000)).unwrap_or(i64::MAX) {
            let text = format!("the insurance fund has {} USD", cash / 1_000_000);
            self.alerter.raise(Kind::InsuranceLow, "", &text, now);
        }
    }

    /// The keeper's own account: what it can take over.
    fn check_own(&mut self, now: i64) {
        if !self.config.policy.does(Duty::Liquidation) {
            return;
        }
        let own = self.own;
        let dollars = |units: i64| units as f64 / 1e6;
        gauge!(names::OWN_EQUITY).set(dollars(own.equity));
        gauge!(names::OWN_HEALTH).set(dollars(own.health));
        let problem = if !own.usable {
            Some("the keeper's margin account does not exist or is not its own".to_owned())
        } else if !own.above_floor {
            Some(format!(
                "the keeper's own account is {:.2} USD above its initial margin of {:.2}: it takes nothing over",
                dollars(own.health),
                dollars(own.initial_margin)
            ))
        } else {
            None
        };
        let can = problem.is_none();
        self.vitals.lock().can_liquidate = Some(can);
        if let Some(problem) = problem {
            self.alerter.raise(Kind::OwnMargin, "", &problem, now);
        }
    }
}

/// Everything at once.
struct Snapshot {
    slot: u64,
    program: Vec<Update>,
    prices: Vec<(Pubkey, Update)>,
    time: ClusterTime,
}

async fn snapshot(connection: &Connection, prices: &[Pubkey]) -> Result<Snapshot, ClientError> {
    let (slot, program) = connection.program_accounts(None).await?;
    let prices = connection.accounts(prices).await?;
    Ok(Snapshot {
        slot,
        program,
        prices: prices.into_iter().flatten().collect(),
        time: connection.time().await?,
    })
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
