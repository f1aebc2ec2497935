//! The product's main job on an embedded VM: traders with mixed portfolios go through a crash.
//!
//! Every account is opened and every position taken by ordinary transactions; every price goes in as a Pyth account; a
//! keeper finds unhealthy accounts with the same engine as the program's and liquidates them with ordinary transactions: slices of the
//! portfolio, then, when the insurance fund is exhausted, profitable counterparties and depositors.
//! The keeper also posts volatility surfaces, updates funding and settles what expires. At the end everybody closes out and
//! withdraws what is his, and the books must balance after every step.

mod attacker;
mod crank;
mod exit;
mod floor;
mod keeper;
mod listings;
mod record;
mod traders;
mod waterfall;

use crate::conservation;
use crate::path::{PricePath, QUOTE, THIN};
use crate::report::{Holdings, Recording, Step};
use crate::{AssetSpec, Limits, PriceSource, Venue, VenueConfig, World};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, bail, ensure};
use attacker::Attacker;
use ballast_client::state::{MarginAccount, SETTLEMENT_WINDOW_S};
use ballast_client::units::native;
use crank::Crank;
use floor::Floor;
use indicatif::{ProgressBar, ProgressStyle};
use keeper::Keeper;
use listings::{Listings, strike_step};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use traders::{Profile, Trader};

/// What the insurance fund starts with, quote units, unless told otherwise.
const INSURANCE_START: u64 = 250_000_000_000;
/// How often accounts that are still in liquidation at the end of a path are visited, so that their auctions go on, and then how often while the bound
/// on losses of depositors gives way; each with the seconds in between.
const PATIENCE: [(usize, i64); 2] = [(200, 120), (48, 3_600)];
/// Paths whose times count from 0 start here: 10 October 2025, 20:30 UTC. A time of 0 would mean "never" on the board.
const RELATIVE_START_S: i64 = 1_760_128_200;
/// Times below this are relative.
const UNIX_TIMES_FROM_S: i64 = 1_000_000_000;
/// Seconds between prices where the path has none, in and outside a settlement window.
const WINDOW_STEP_S: i64 = 60;
const QUIET_STEP_S: i64 = 900;
/// Numbers of the keys that are not traders': the keeper's and the first maker's. Traders' come after a gap for further makers.
const KEEPER: u64 = 0;
const FIRST_MAKER: u64 = 1;
const ATTACKER: [u64; 3] = [97, 98, 99];
const FIRST_TRADER: u64 = 100;
/// Tokens beside which a maker of the thin one brings.
const THIN_TOKENS: f64 = 20_000.0;
/// How the thin token is listed: what can be lost by its price alone is small beside everything else.
const THIN_LIMITS: Limits = Limits {
    deposit_cap: 200_000.0,
    borrow_cap: 0.0,
    haircut_size_start: 100_000.0,
    open_interest_cap: 200_000.0,
    unsettled_profit_cap: 5_000.0,
    range: (0.3, 0.95),
};
/// Added to the path's note where it ends before the first expiry.
const AFTERWARDS: &str =
    " From the end of the path to the first expiry, at 08:00 UTC, prices stand still.";
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
    /// What the insurance fund starts with, quote units.
    pub insurance: u64,
    /// Whether winners have all losses settled and take their profit before the keeper comes, so that less of it is left to be given up.
    pub winners_first: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            accounts: 200,
            progress: false,
            insurance: INSURANCE_START,
            winners_first: false,
        }
    }
}

/// A finished run.
pub struct Outcome {
    /// What happened, for the report.
    pub recording: Recording,
    /// The first sentences about what did not balance; empty when all went well.
    pub violations: Vec<String>,
}

/// The floor and everybody on it.
struct Demo {
    world: World,
    floor: Floor,
    traders: Vec<Trader>,
    /// What each trader began with: holdings and equity in quote units.
    beginnings: Vec<(Holdings, i64)>,
    keeper: Keeper,
    crank: Crank,
    attacker: Option<Attacker>,
    insurance_start: u64,
    winners_first: bool,
    /// Margin accounts of keeper, makers and traders.
    accounts: Vec<Pubkey>,
    prices: Vec<f64>,
    /// The prices of the start.
    fair: Vec<f64>,
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
    demo.clear()?;
    // The first expiry is settled in any case.
    let end = demo.world.now();
    demo.wait(demo.floor.listings.near + 1)?;
    demo.clear()?;
    let mut summary = demo.summary()?;
    let portfolios = demo.portfolios()?;
    let (withdrawals, failed) = demo.leave()?;

    summary.withdrawals = withdrawals + failed;
    summary.withdrawals_failed = failed;
    summary.steps = steps.len();
    summary.seed = options.seed;
    summary.path = path.name.clone();
    summary.note = path.note.clone();
    if demo.floor.listings.near > end {
        summary.note += AFTERWARDS;
    }
    demo.finish(&mut summary);
    let assets = demo.floor.venue.config.assets[1..].iter();
    Ok(Outcome {
        recording: Recording {
            assets: assets.map(|asset| asset.name.to_owned()).collect(),
            steps,
            summary,
            portfolios,
            settled_rows: demo.crank.settled,
            liquidation_rows: demo.keeper.rows,
            loss_rows: demo.keeper.loss_rows,
        },
        violations: demo.violations,
    })
}

impl Demo {
    /// Sets the exchange up at the path's first prices, with its dated markets and volatility surfaces.
    fn open(path: &PricePath, options: &Options) -> Result<Self> {
        let first = path.points.first().context("the path is empty")?;
        let mut config = VenueConfig::default();
        let mut known = false;
        for asset in &mut config.assets[1..] {
            if let Some(column) = path.column(asset.name) {
                asset.price = first.prices[column];
                known = true;
            }
            asset.strike_step = strike_step(asset.price);
        }
        ensure!(known, "the path has no column for SOL, ETH or BTC");
        let majors = config.assets.len() - 1;
        let thin = path.column(THIN).map(|column| first.prices[column]);
        config.assets.extend(thin.map(thin_token));
        if let Some(column) = path.column(QUOTE) {
            config.assets[0].price = first.prices[column];
        }
        let mut world = World::new(first.time_s + time_offset_s(path))?;
        let prices: Vec<f64> = config.assets.iter().map(|asset| asset.price).collect();
        let venue = Venue::create(&mut world, config, 1)?;
        if thin.is_some() {
            venue.set_limits(&mut world, majors + 1, &THIN_LIMITS)?;
        }
        let listings = Listings::open(&mut world, &venue, majors)?;
        let makers = (FIRST_MAKER..).take(prices.len() - 1);
        let floor = Floor {
            thin: thin.map(|price| {
                let mark = venue.price_per_lot(majors + 1, price);
                (majors as u8, mark as f64)
            }),
            venue,
            listings,
            makers: makers.map(|key| account_key(options.seed, key)).collect(),
        };
        let keeper = Keeper::new(account_key(options.seed, KEEPER));
        let style = ProgressStyle::with_template("{msg:<26} {wide_bar} {pos}/{len} {elapsed}")
            .expect("a valid template");
        let progress = if options.progress {
            ProgressBar::new(0).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        let institutions = [&keeper.key].into_iter().chain(&floor.makers);
        let mut demo = Self {
            accounts: institutions.map(|key| floor.account(key)).collect(),
            world,
            floor,
            traders: Vec::new(),
            beginnings: Vec::new(),
            keeper,
            crank: Crank::default(),
            attacker: None,
            insurance_start: options.insurance,
            winners_first: options.winners_first,
            fair: prices.clone(),
            prices,
            violation_count: 0,
            violations: Vec::new(),
            progress,
        };
        demo.fund_institutions()?;
        demo.crank
            .work(&mut demo.world, &demo.floor, &demo.accounts)?;
        Ok(demo)
    }

    /// The market makers, the keeper and the insurance fund bring their capital.
    fn fund_institutions(&mut self) -> Result<()> {
        let venue = &self.floor.venue;
        let quote = venue.mints[0];
        let capital = native(200e6, 6);
        for key in [&self.keeper.key].into_iter().chain(&self.floor.makers) {
            self.world.mint_tokens(&quote, &key.pubkey(), capital)?;
            venue.open_account(&mut self.world, key)?;
            venue.deposit(&mut self.world, key, 0, capital / 2)?;
        }
        // Every maker lends his token, so that there is something to borrow.
        for (asset, maker) in (1..).zip(&self.floor.makers) {
            let spec = &venue.config.assets[asset];
            let amount = match spec.name {
                THIN => native(THIN_TOKENS, spec.decimals),
                _ => native(10e6 / spec.price, spec.decimals),
            };
            let mint = venue.mints[asset];
            self.world.mint_tokens(&mint, &maker.pubkey(), amount)?;
            venue.deposit(&mut self.world, maker, asset, amount)?;
        }
        let fund = venue.addresses.insurance_fund();
        let key = &self.keeper.key;
        if self.insurance_start > 0 {
            venue.deposit_into(&mut self.world, key, &fund, 0, self.insurance_start)?;
        }
        Ok(())
    }

    /// Every trader opens an account, deposits and takes positions against the market makers.
    fn open_portfolios(&mut self, options: &Options) -> Result<()> {
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        let majors = self.floor.listings.underlyings();
        self.start_progress("opening portfolios", options.accounts);
        for number in 0..options.accounts {
            let profile = Profile::ALL[number % Profile::ALL.len()];
            let trader = Trader::enter(
                &mut self.world,
                &self.floor,
                account_key(options.seed, FIRST_TRADER + number as u64),
                profile,
                &self.prices[..=majors],
                &mut random,
            )
            .with_context(|| format!("trader {number} ({profile:?})"))?;
            self.accounts.push(trader.account);
            self.beginnings.push(self.standing(&trader)?);
            self.traders.push(trader);
            self.progress.inc(1);
        }
        if self.floor.thin.is_some() {
            let keys = ATTACKER.map(|key| account_key(options.seed, key));
            let attacker =
                Attacker::enter(&mut self.world, &self.floor, keys, majors + 1, &self.prices)
                    .context("the attacker")?;
            self.accounts.extend(attacker.accounts(&self.floor));
            self.attacker = Some(attacker);
        }
        self.check_books()
    }

    /// Walks the path: prices in, keeper at work, books checked, figures recorded.
    fn replay(&mut self, path: &PricePath) -> Result<Vec<Step>> {
        self.start_progress("replaying prices", path.points.len());
        let columns: Vec<Option<usize>> = self
            .floor
            .venue
            .config
            .assets
            .iter()
            .map(|asset| path.column(asset.name))
            .collect();
        let offset_s = time_offset_s(path);
        let mut steps = Vec::with_capacity(path.points.len());
        for point in &path.points {
            self.wait(point.time_s + offset_s)?;
            for (index, column) in columns.iter().enumerate() {
                if let Some(column) = column {
                    self.prices[index] = point.prices[*column];
                }
            }
            let time_s = point.time_s + offset_s;
            let work = match path.is_published(point.time_s) {
                true => self.step(time_s)?,
                false => self.silent_step(time_s)?,
            };
            steps.push(self.record(&work)?);
            self.progress.inc(1);
        }
        Ok(steps)
    }

    /// Goes on to just before `until`, with the last prices published now and then, as publishers do while nothing moves, and every minute in the half
    /// hours over which settlement prices are averaged.
    fn wait(&mut self, until: i64) -> Result<()> {
        let now = self.world.now();
        let mut times: Vec<i64> = (now..until).step_by(QUIET_STEP_S as usize).collect();
        for expiry in [self.floor.listings.near, self.floor.listings.far] {
            let minutes = (expiry - SETTLEMENT_WINDOW_S..=expiry).step_by(WINDOW_STEP_S as usize);
            times.extend(minutes);
        }
        times.retain(|time_s| (now + WINDOW_STEP_S..until).contains(time_s));
        times.sort_unstable();
        times.dedup();
        for time_s in times {
            self.step(time_s)?;
        }
        Ok(())
    }

    /// One moment: prices in, crank and keeper at work, books checked.
    fn step(&mut self, time_s: i64) -> Result<keeper::Work> {
        self.world.set_time(time_s);
        self.floor.venue.set_prices(&mut self.world, &self.prices)?;
        self.crank
            .work(&mut self.world, &self.floor, &self.accounts)?;
        if self.winners_first {
            self.settle_everything()?;
        }
        // He is faster than the keeper.
        if let Some(attacker) = &mut self.attacker {
            let price = self.prices.last().copied().unwrap_or_default();
            attacker.act(
                &mut self.world,
                &self.floor,
                &self.accounts,
                &self.fair,
                price,
            )?;
        }
        self.visit()
    }

    /// Losers first, those in liquidation too, then winners; whatever is refused is refused.
    fn settle_everything(&mut self) -> Result<()> {
        let accounts = self.accounts.iter().cycle().take(2 * self.accounts.len());
        for key in accounts {
            let held = self.world.read::<MarginAccount>(key)?.positions;
            for position in held.iter().filter(|slot| !slot.is_free()) {
                let terms = &position.terms;
                if position.base_lots == 0 || !terms.is_option() {
                    let _ = self.floor.venue.settle_in(&mut self.world, key, terms);
                }
            }
        }
        Ok(())
    }

    /// A moment at which no oracle publishes: what the keeper tries is refused for its old prices.
    fn silent_step(&mut self, time_s: i64) -> Result<keeper::Work> {
        self.world.set_time(time_s);
        self.floor.venue.accrue(&mut self.world)?;
        self.visit()
    }

    fn visit(&mut self) -> Result<keeper::Work> {
        let work = self
            .keeper
            .work(&mut self.world, &self.floor, &self.accounts)?;
        self.check_books()?;
        Ok(work)
    }

    /// At the last prices, goes on until nobody is in liquidation any more: auctions run to their end, and the bound of a day on what depositors bear
    /// gives way.
    fn clear(&mut self) -> Result<()> {
        for (visits, seconds) in PATIENCE {
            for _ in 0..visits {
                let mut flagged = false;
                for key in &self.accounts {
                    flagged |= self.world.read::<MarginAccount>(key)?.in_liquidation();
                }
                if !flagged {
                    return Ok(());
                }
                self.step(self.world.now() + seconds)?;
            }
        }
        Ok(())
    }

    fn check_books(&mut self) -> Result<()> {
        let found = conservation::violations(&self.world, &self.floor.venue)?;
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

/// A token that hardly trades.
fn thin_token(price: f64) -> AssetSpec {
    AssetSpec {
        name: THIN,
        decimals: 6,
        source: PriceSource::Pull,
        price,
        lot_size: 1_000_000,
        tick_size: 100,
        strike_step: strike_step(price),
        volatility: 1.5,
        range: THIN_LIMITS.range,
        depth: 200_000.0,
        haircuts: (0.3, 0.5),
    }
}

/// What turns a path's times into unix times.
fn time_offset_s(path: &PricePath) -> i64 {
    match path.points.first() {
        Some(first) if first.time_s < UNIX_TIMES_FROM_S => RELATIVE_START_S,
        _ => 0,
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
        "{} accounts are still in liquidation",
        summary.in_liquidation_at_the_end
    );
    if let (Some(put_in), Some(end)) = (summary.attacker_put_in_quote, summary.attacker_end_quote) {
        ensure!(
            end <= put_in,
            "the attacker put {put_in} quote units in and ended with {end}"
        );
    }
    ensure!(
        summary.withdrawals_failed == 0,
        "{} withdrawals were refused: {}",
        summary.withdrawals_failed,
        outcome.violations.join("; ")
    );
    Ok(())
}
