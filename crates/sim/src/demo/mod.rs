//! The product's main job on an embedded VM: traders with mixed portfolios go through a crash.
//!
//! Every account is opened and every position taken by ordinary transactions; every price goes in as a Pyth account; a
//! keeper finds unhealthy accounts with the same engine as the program's and liquidates them with ordinary transactions.
//! At the end everybody closes out and withdraws what is his, and the books must balance after every step.

mod keeper;
mod traders;

use crate::conservation;
use crate::path::PricePath;
use crate::report::{ComputeUnits, Recording, Step, Summary};
use crate::{Venue, VenueConfig, World};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, bail, ensure};
use ballast::error::BallastError;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{MarginAccount, ledger};
use ballast_client::units::{from_q32, native};
use indicatif::{ProgressBar, ProgressStyle};
use keeper::Keeper;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;
use traders::{Profile, Trader};

/// What the insurance fund starts with, quote units.
const INSURANCE_START: u64 = 250_000_000_000;
/// Paths whose times count from 0 start here: 10 October 2025, 20:30 UTC. A time of 0 would mean "never" on the board.
const RELATIVE_START_S: i64 = 1_760_128_200;
/// Times below this are relative.
const UNIX_TIMES_FROM_S: i64 = 1_000_000_000;
/// Largest number of violations that are kept in full; the count goes on.
const VIOLATIONS_SHOWN: usize = 5;

/// Options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of everything random.
    pub seed: u64,
    /// Number of traders.
    pub accounts: usize,
    /// Whether to show progress.
    pub progress: bool,
}

/// A finished run.
pub struct Outcome {
    /// What happened, for the report.
    pub recording: Recording,
    /// The first sentences about what did not balance; empty when all went well.
    pub violations: Vec<String>,
}

/// The stage and everybody on it.
struct Demo {
    world: World,
    venue: Venue,
    maker: Keypair,
    traders: Vec<Trader>,
    keeper: Keeper,
    prices: Vec<f64>,
    violation_count: usize,
    violations: Vec<String>,
    progress: ProgressBar,
}

/// Runs the demo along a price path.
///
/// # Errors
/// When the path has a price for none of the assets, or a transaction that must succeed is refused.
pub fn run(path: &PricePath, options: &Options) -> Result<Outcome> {
    ensure!(options.accounts > 0, "at least one trader is needed");
    let mut demo = Demo::open(path, options)?;
    demo.open_portfolios(options)?;
    let steps = demo.replay(path)?;
    let (partial, closed) = demo.liquidation_results()?;
    let (unresolved, unresolved_debt) = demo.unresolved()?;
    let insurance_end = demo.insurance()?;
    let (withdrawals, failed) = demo.leave()?;

    let compute_units = demo.world.compute_units.iter().map(|(name, units)| {
        let mut sorted = units.clone();
        sorted.sort_unstable();
        let figures = ComputeUnits {
            count: sorted.len() as u64,
            median: sorted[sorted.len() / 2],
            max: *sorted.last().unwrap_or(&0),
        };
        (name.clone(), figures)
    });
    let summary = Summary {
        accounts: options.accounts,
        transactions: demo.world.transactions,
        steps: steps.len(),
        liquidations: demo.keeper.slices,
        accounts_liquidated: demo.keeper.liquidated.len(),
        fully_closed: closed,
        partially_liquidated_and_healthy: partial,
        bad_debt_quote: demo.keeper.bad_debt + unresolved_debt,
        bad_debt_paid_quote: demo.keeper.bad_debt,
        in_liquidation_at_the_end: unresolved,
        insurance_start_quote: INSURANCE_START as i64,
        insurance_end_quote: insurance_end as i64,
        conservation_violations: demo.violation_count,
        withdrawals: withdrawals + failed,
        withdrawals_failed: failed,
        cu: compute_units.collect::<BTreeMap<_, _>>(),
        seed: options.seed,
        path: path.name.clone(),
        note: path.note.clone(),
    };
    let assets = demo.venue.config.assets[1..].iter();
    Ok(Outcome {
        recording: Recording {
            assets: assets.map(|asset| asset.name.to_owned()).collect(),
            steps,
            summary,
            liquidation_rows: demo.keeper.rows,
        },
        violations: demo.violations,
    })
}

impl Demo {
    /// Sets the exchange up at the path's first prices.
    fn open(path: &PricePath, options: &Options) -> Result<Self> {
        let first = path.points.first().context("the path is empty")?;
        let mut config = VenueConfig::default();
        let mut known = false;
        for asset in &mut config.assets[1..] {
            if let Some(column) = path.column(asset.name) {
                asset.price = first.prices[column];
                known = true;
            }
        }
        ensure!(known, "the path has no column for SOL, ETH or BTC");
        let mut world = World::new(first.time_s + time_offset_s(path))?;
        let prices = config.assets.iter().map(|asset| asset.price).collect();
        let venue = Venue::create(&mut world, config, 1)?;
        let maker = account_key(options.seed, 0);
        let keeper = Keeper::new(account_key(options.seed, 1));
        let style = ProgressStyle::with_template("{msg:<26} {wide_bar} {pos}/{len} {elapsed}")
            .expect("a valid template");
        let progress = if options.progress {
            ProgressBar::new(0).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        let mut demo = Self {
            world,
            venue,
            maker,
            traders: Vec::new(),
            keeper,
            prices,
            violation_count: 0,
            violations: Vec::new(),
            progress,
        };
        demo.fund_institutions()?;
        Ok(demo)
    }

    /// The market maker, the keeper and the insurance fund bring their capital.
    fn fund_institutions(&mut self) -> Result<()> {
        let quote = self.venue.mints[0];
        let capital = native(200e6, 6);
        for key in [&self.maker, &self.keeper.key] {
            self.world.mint_tokens(&quote, &key.pubkey(), capital)?;
            self.venue.open_account(&mut self.world, key)?;
            self.venue.deposit(&mut self.world, key, 0, capital / 2)?;
        }
        // The maker lends every token, so that there is something to borrow.
        for asset in 1..self.venue.mints.len() {
            let spec = &self.venue.config.assets[asset];
            let amount = native(10e6 / spec.price, spec.decimals);
            let mint = self.venue.mints[asset];
            self.world
                .mint_tokens(&mint, &self.maker.pubkey(), amount)?;
            self.venue
                .deposit(&mut self.world, &self.maker, asset, amount)?;
        }
        let fund = self.venue.addresses.insurance_fund();
        self.venue
            .deposit_into(&mut self.world, &self.maker, &fund, 0, INSURANCE_START)?;
        Ok(())
    }

    /// Every trader opens an account, deposits and takes positions against the market maker.
    fn open_portfolios(&mut self, options: &Options) -> Result<()> {
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        self.start_progress("opening portfolios", options.accounts);
        for number in 0..options.accounts {
            let profile = Profile::ALL[number % Profile::ALL.len()];
            let key = account_key(options.seed, 2 + number as u64);
            let trader = Trader::enter(
                &mut self.world,
                &self.venue,
                &self.maker,
                key,
                profile,
                &self.prices,
                &mut random,
            )
            .with_context(|| format!("trader {number} ({profile:?})"))?;
            self.traders.push(trader);
            self.progress.inc(1);
        }
        self.check_books()
    }

    /// Walks the path: prices in, keeper at work, books checked, figures recorded.
    fn replay(&mut self, path: &PricePath) -> Result<Vec<Step>> {
        self.start_progress("replaying prices", path.points.len());
        let columns: Vec<Option<usize>> = self.venue.config.assets[1..]
            .iter()
            .map(|asset| path.column(asset.name))
            .collect();
        let offset_s = time_offset_s(path);
        let mut steps = Vec::with_capacity(path.points.len());
        for point in &path.points {
            let time_s = point.time_s + offset_s;
            self.world.set_time(time_s);
            for (index, column) in columns.iter().enumerate() {
                if let Some(column) = column {
                    self.prices[index + 1] = point.prices[*column];
                }
            }
            self.venue.set_prices(&mut self.world, &self.prices)?;
            let work = self.keeper.work(
                &mut self.world,
                &self.venue,
                &self.maker,
                &self.traders,
                &self.prices,
            )?;
            self.check_books()?;
            steps.push(self.record(time_s, &work)?);
            self.progress.inc(1);
        }
        Ok(steps)
    }

    fn record(&self, time_s: i64, work: &keeper::Work) -> Result<Step> {
        let exchange = self.venue.exchange(&self.world)?;
        let board = self.venue.board(&self.world)?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: self.world.now(),
        };
        let mut report = Report::boxed();
        let (mut ratios, mut total, mut flagged) = (Vec::new(), 0.0, 0);
        for trader in &self.traders {
            let account = self.world.read::<MarginAccount>(&trader.account)?;
            view.assess(&account, Purpose::Liquidate, &mut report)?;
            total += report.equity_mark as f64 / 1e6;
            flagged += u32::from(account.in_liquidation());
            if report.maintenance_margin > 0 {
                let margin = report.maintenance_margin as f64;
                ratios.push(report.equity_maintenance as f64 / margin);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let percentile = |p: usize| match ratios.len() {
            0 => f64::INFINITY,
            len => ratios[(len - 1) * p / 100],
        };
        let ranges = (1..self.prices.len()).map(|index| {
            let listed = &exchange.underlyings[index - 1];
            let entry = &board.prices[usize::from(listed.feed)];
            from_q32(
                board.underlyings[index - 1].scan_range_q32(listed, entry.confidence_ratio_q32),
            )
        });
        Ok(Step {
            time_s,
            prices: self.prices[1..].to_vec(),
            total_equity: total,
            insurance: self.insurance()? as f64 / 1e6,
            ratio_percentiles: [5, 25, 50, 75, 95].map(percentile),
            liquidatable: work.found,
            in_liquidation: flagged,
            liquidations: work.slices,
            liquidated_value: work.value,
            scan_ranges: ranges.collect(),
        })
    }

    /// How many liquidated accounts still stand, healthy, and how many were taken whole.
    fn liquidation_results(&self) -> Result<(usize, usize)> {
        let (mut standing, mut closed) = (0, 0);
        for account in &self.keeper.liquidated {
            let state = self.world.read::<MarginAccount>(account)?;
            if self.keeper.closed.contains(account) {
                closed += 1;
            } else if !state.in_liquidation()
                && state.has_obligations()
                && !self
                    .venue
                    .assess(&self.world, account, Purpose::Liquidate)?
                    .is_liquidatable()
            {
                standing += 1;
            }
        }
        Ok((standing, closed))
    }

    /// Accounts still in liquidation, and the equity below zero that nobody has taken over, quote units.
    fn unresolved(&self) -> Result<(usize, i64)> {
        let (mut accounts, mut debt) = (0, 0);
        for trader in &self.traders {
            if self
                .world
                .read::<MarginAccount>(&trader.account)?
                .in_liquidation()
            {
                let report = self
                    .venue
                    .assess(&self.world, &trader.account, Purpose::Liquidate)?;
                accounts += 1;
                debt += report.equity_mark.min(0).saturating_neg();
            }
        }
        Ok((accounts, debt))
    }

    fn insurance(&self) -> Result<u64> {
        let fund = self.venue.addresses.insurance_fund();
        cash(&self.world, &self.venue, &fund)
    }

    /// Everybody closes positions, settles, repays and withdraws everything. Returns withdrawals made and refused.
    fn leave(&mut self) -> Result<(usize, usize)> {
        self.start_progress("closing and withdrawing", self.traders.len() + 2);
        // Who is still in liquidation cannot leave.
        let mut exits = Vec::new();
        for trader in &self.traders {
            if !self
                .world
                .read::<MarginAccount>(&trader.account)?
                .in_liquidation()
            {
                exits.push(trader.key.insecure_clone());
            }
        }
        exits.push(self.keeper.key.insecure_clone());
        for key in &exits {
            traders::close_all(&mut self.world, &self.venue, &self.maker, key, &self.prices)?;
        }
        self.settle_everybody()?;
        self.check_books()?;
        let (mut done, mut failed) = (0, 0);
        // The maker leaves last: its tokens are what the others borrowed.
        let maker = self.maker.insecure_clone();
        for key in exits.iter().chain([&maker]) {
            self.repay(key)?;
        }
        for key in exits.iter().chain([&maker]) {
            let (withdrawn, refused) = self.withdraw_all(key)?;
            done += withdrawn;
            failed += refused;
            self.progress.inc(1);
        }
        self.check_books()?;
        self.progress.finish_and_clear();
        Ok((done, failed))
    }

    /// Settles every account twice: in the second round the losers have paid into the pools and the winners can be paid. What
    /// accounts in liquidation owe becomes a loan, so that it is they who lack the money and not the winners.
    fn settle_everybody(&mut self) -> Result<()> {
        let institutions = [&self.keeper.key, &self.maker];
        let accounts: Vec<Pubkey> = institutions
            .map(|key| self.venue.addresses.margin_account(&key.pubkey(), 0))
            .into_iter()
            .chain(self.traders.iter().map(|trader| trader.account))
            .collect();
        for _ in 0..2 {
            for account in &accounts {
                for index in 1..self.prices.len() {
                    let state = self.world.read::<MarginAccount>(account)?;
                    if state.position(&Venue::perpetual(index)).is_none() {
                        continue;
                    }
                    match self.venue.settle(&mut self.world, account, index) {
                        Err(refusal)
                            if !refusal.is(BallastError::SettlementPoolEmpty)
                                && !refusal.is(BallastError::NothingToSettle) =>
                        {
                            return Err(refusal).context("settle_pnl");
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Buys what is owed outside and deposits it.
    fn repay(&mut self, key: &Keypair) -> Result<()> {
        let account = self.venue.addresses.margin_account(&key.pubkey(), 0);
        let state = self.world.read::<MarginAccount>(&account)?;
        let board = self.venue.board(&self.world)?;
        for balance in state.balances.iter().filter(|slot| slot.shares.get() < 0) {
            let asset = usize::from(balance.asset);
            let owed = ledger::amount(balance, board.indexes(balance.asset)?)?.unsigned_abs();
            let mint = self.venue.mints[asset];
            self.world.mint_tokens(&mint, &key.pubkey(), owed)?;
            self.venue.deposit(&mut self.world, key, asset, owed)?;
        }
        Ok(())
    }

    fn withdraw_all(&mut self, key: &Keypair) -> Result<(usize, usize)> {
        let account = self.venue.addresses.margin_account(&key.pubkey(), 0);
        let state = self.world.read::<MarginAccount>(&account)?;
        let (mut done, mut failed) = (0, 0);
        for balance in state.balances.iter().filter(|slot| !slot.is_free()) {
            let asset = usize::from(balance.asset);
            let mint = self.venue.mints[asset];
            self.world.mint_tokens(&mint, &key.pubkey(), 0)?;
            match self
                .venue
                .withdraw(&mut self.world, key, asset, u64::MAX, false)
            {
                Ok(_) => done += 1,
                Err(refusal) => {
                    failed += 1;
                    self.violations
                        .push(format!("a withdrawal was refused: {refusal}"));
                }
            }
        }
        if failed == 0 && self.world.read::<MarginAccount>(&account)?.is_empty() {
            let close = ballast_client::instructions::close_account(
                &self.venue.addresses,
                &key.pubkey(),
                0,
            );
            self.world.send(&[close], &[key])?;
        }
        Ok((done, failed))
    }

    fn check_books(&mut self) -> Result<()> {
        let found = conservation::violations(&self.world, &self.venue)?;
        self.violation_count += found.len();
        let room = VIOLATIONS_SHOWN.saturating_sub(self.violations.len());
        self.violations.extend(found.into_iter().take(room));
        Ok(())
    }

    fn start_progress(&self, message: &'static str, len: usize) {
        self.progress.reset();
        self.progress.set_length(len as u64);
        self.progress.set_message(message);
    }
}

/// What turns a path's times into unix times.
fn time_offset_s(path: &PricePath) -> i64 {
    match path.points.first() {
        Some(first) if first.time_s < UNIX_TIMES_FROM_S => RELATIVE_START_S,
        _ => 0,
    }
}

/// Cash deposit of an account, quote units.
fn cash(world: &World, venue: &Venue, account: &Pubkey) -> Result<u64> {
    let state = world.read::<MarginAccount>(account)?;
    let board = venue.board(world)?;
    match state.balance(0) {
        Some(balance) => Ok(ledger::amount(balance, board.indexes(0)?)?
            .max(0)
            .unsigned_abs()),
        None => Ok(0),
    }
}

/// A key of its own for everyone in a run of a seed.
fn account_key(seed: u64, number: u64) -> Keypair {
    let mut secret = [0xb0; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    secret[8..16].copy_from_slice(&number.to_le_bytes());
    Keypair::new_from_array(secret)
}

/// Fails when a run did not keep what the protocol promises.
///
/// # Errors
/// The first broken promise in words.
pub fn check(outcome: &Outcome) -> Result<()> {
    let summary = &outcome.recording.summary;
    if summary.conservation_violations > 0 {
        bail!(
            "{} conservation violations, first: {}",
            summary.conservation_violations,
            outcome.violations.join("; ")
        );
    }
    ensure!(
        summary.in_liquidation_at_the_end == 0,
        "the insurance fund ran out: {} accounts are still in liquidation",
        summary.in_liquidation_at_the_end
    );
    ensure!(
        summary.withdrawals_failed == 0,
        "{} withdrawals were refused: {}",
        summary.withdrawals_failed,
        outcome.violations.join("; ")
    );
    Ok(())
}
