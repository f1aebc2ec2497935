//! A keeper: finds accounts below their maintenance margin and liquidates them, the whole waterfall down.

use super::floor::Floor;
use crate::World;
use crate::report::{Holdings, LiquidationRow, LossRow};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{MarginAccount, StateError};
use ballast_risk::Q32_ONE;
use fixed::types::I80F48;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeSet;

/// Slices and shared losses that an account gets in one visit, at most.
const ROUNDS: usize = 6;

/// The keeper and what it has done.
pub struct Keeper {
    /// Signs for its margin account.
    pub key: Keypair,
    /// Slices taken.
    pub slices: u64,
    /// Accounts of which a slice was taken.
    pub liquidated: BTreeSet<Pubkey>,
    /// Accounts that were taken whole.
    pub closed: BTreeSet<Pubkey>,
    /// Negative equity that came with insolvent slices, quote units, as a positive number.
    pub bad_debt: i64,
    /// What the insurance fund paid, quote units.
    pub insurance_paid: i64,
    /// Accounts that were worth less than nothing when they were dealt with.
    pub insolvent: BTreeSet<Pubkey>,
    /// Accounts that had to give positions in profit up.
    pub deleveraged: BTreeSet<Pubkey>,
    /// What they gave up of their profit, quote units.
    pub given_up: i64,
    /// Loans written off at the cost of depositors, and their value, quote units.
    pub resolutions: u64,
    pub loss_shared: i64,
    /// Times that a loan was not written off because depositors had borne as much as they may within a day.
    pub refused_by_bound: u64,
    /// Visits to an account that could not be assessed because a price was too old.
    pub without_price: u64,
    /// Every slice, for the report.
    pub rows: Vec<LiquidationRow>,
    /// Every loss that was shared, for the report.
    pub loss_rows: Vec<LossRow>,
}

/// One step's work.
#[derive(Default)]
pub struct Work {
    /// Accounts below their maintenance margin at the step's prices.
    pub found: u32,
    /// Slices taken.
    pub slices: u32,
    /// Gross value of what was taken, US dollars.
    pub value: f64,
}

impl Keeper {
    pub fn new(key: Keypair) -> Self {
        Self {
            key,
            slices: 0,
            liquidated: BTreeSet::new(),
            closed: BTreeSet::new(),
            bad_debt: 0,
            insurance_paid: 0,
            insolvent: BTreeSet::new(),
            deleveraged: BTreeSet::new(),
            given_up: 0,
            resolutions: 0,
            loss_shared: 0,
            refused_by_bound: 0,
            without_price: 0,
            rows: Vec::new(),
            loss_rows: Vec::new(),
        }
    }

    /// Looks at every account, flags and liquidates where it must, then trades its own inventory away.
    pub fn work(&mut self, world: &mut World, floor: &Floor, accounts: &[Pubkey]) -> Result<Work> {
        let mut work = Work::default();
        let venue = &floor.venue;
        let own = floor.account(&self.key);
        let mut report = Report::boxed();
        for key in accounts.iter().filter(|key| **key != own) {
            let account = world.read::<MarginAccount>(key)?;
            match assess(world, floor, &account, &mut report) {
                Ok(()) => {}
                // Nothing can be done about it until there are prices again.
                Err(StateError::StalePrice) => {
                    self.without_price += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            // Who owes nothing is never liquidated.
            let is_due = report.is_liquidatable() && account.has_obligations();
            work.found += u32::from(is_due);
            if is_due && !account.in_liquidation() {
                let start = instructions::start_liquidation(&venue.addresses, key);
                world.send(&[start], &[]).context("start_liquidation")?;
            }
            if is_due || account.in_liquidation() {
                self.liquidate(world, floor, key, accounts, &mut work)?;
            }
        }
        floor.close_all(world, &self.key).context("unwinding")?;
        Ok(work)
    }

    /// Takes slices of a flagged account until it is out of liquidation, while the auction's price, the insurance fund and those behind it
    /// allow.
    fn liquidate(
        &mut self,
        world: &mut World,
        floor: &Floor,
        account: &Pubkey,
        accounts: &[Pubkey],
        work: &mut Work,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            let state = world.read::<MarginAccount>(account)?;
            if !state.in_liquidation() {
                return Ok(());
            }
            let mut before = Report::boxed();
            assess(world, floor, &state, &mut before)?;
            let mut progress = self.take_slice(world, floor, account, &before, work)?;
            if !progress {
                progress = self.share_loss(world, floor, account, accounts)?;
            }
            if !progress {
                // The auction's clock only counts time that somebody observes.
                let observe = instructions::start_liquidation(&floor.venue.addresses, account);
                world
                    .send(&[observe], &[])
                    .context("start_liquidation again")?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes a slice. Returns whether one was taken or the flag cleared; not when nothing is left to pay a taker with.
    fn take_slice(
        &mut self,
        world: &mut World,
        floor: &Floor,
        account: &Pubkey,
        before: &Report,
        work: &mut Work,
    ) -> Result<bool> {
        let venue = &floor.venue;
        let own = floor.account(&self.key);
        let state = world.read::<MarginAccount>(account)?;
        let exchange = venue.exchange(world)?;
        let ours = world.read::<MarginAccount>(&own)?;
        let netting = venue.addresses.netting(&exchange, &state, &ours);
        let liquidate = instructions::liquidate(
            &venue.addresses,
            &venue.mints[0],
            account,
            &own,
            &self.key.pubkey(),
            &netting,
            LiquidateArgs {
                fraction_max_q32: Q32_ONE,
                price_max: worth(world, floor, &state, before)?,
            },
        );
        let done = match world.send(&[liquidate], &[&self.key]) {
            Ok(done) => done,
            // At present nobody is paid enough to take it, or it is too dear for what it is worth.
            Err(refusal)
                if refusal.is(BallastError::InsuranceFundEmpty)
                    || refusal.is(BallastError::WorsePriceThanAccepted) =>
            {
                return Ok(false);
            }
            Err(refusal) => return Err(refusal).context("liquidate"),
        };
        let Some(event) = liquidated_event(&done.logs) else {
            // The account had recovered; its flag was cleared.
            return Ok(true);
        };
        let after = venue.assess(world, account, Purpose::Liquidate)?;
        let fraction = event.fraction_q32 as f64 / Q32_ONE as f64;
        let ratio = |report: &Report| {
            report.equity_maintenance as f64 / report.maintenance_margin.max(1) as f64
        };
        self.slices += 1;
        self.liquidated.insert(*account);
        if event.fraction_q32 == Q32_ONE {
            self.closed.insert(*account);
        }
        if event.equity_mark < 0 {
            self.bad_debt += (-event.equity_mark as f64 * fraction) as i64;
            self.insolvent.insert(*account);
        }
        self.insurance_paid += event.insurance_payment as i64;
        work.slices += 1;
        work.value += before.gross_value as f64 / 1e6 * fraction;
        self.rows.push(LiquidationRow {
            time_s: world.now(),
            account: account.to_string(),
            holdings: Holdings::of(&state),
            fraction,
            equity_before: event.equity_mark as f64 / 1e6,
            payment: event.payment as f64 / 1e6,
            insurance_fee: event.insurance_fee as f64 / 1e6,
            insurance_payment: event.insurance_payment as f64 / 1e6,
            ratio_before: ratio(before),
            ratio_after: if after.maintenance_margin == 0 {
                f64::INFINITY
            } else {
                ratio(&after)
            },
        });
        Ok(true)
    }
}

/// What the keeper pays for the whole of an account at most: its equity at marks, but at the fair price of the thin token where that is less.
fn worth(world: &World, floor: &Floor, account: &MarginAccount, at_marks: &Report) -> Result<i64> {
    let most = at_marks.equity_mark.max(0);
    let Some((underlying, fair)) = floor.thin else {
        return Ok(most);
    };
    let exchange = floor.venue.exchange(world)?;
    let mut board = floor.venue.board(world)?;
    let listed = exchange.underlying(underlying)?;
    let entry = &mut board.prices[usize::from(listed.feed)];
    entry
        .price
        .set(I80F48::from_num(fair / listed.lot_size as f64));
    let view = View {
        exchange: &exchange,
        board: &board,
        now: world.now(),
    };
    let mut report = Report::boxed();
    view.assess(account, Purpose::Liquidate, &mut report)?;
    Ok(most.min(report.equity_mark))
}

/// The figures of an account in a liquidation now.
fn assess(
    world: &World,
    floor: &Floor,
    account: &MarginAccount,
    report: &mut Report,
) -> Result<(), StateError> {
    let missing = |_| StateError::UnknownIndex;
    let exchange = floor.venue.exchange(world).map_err(missing)?;
    let board = floor.venue.board(world).map_err(missing)?;
    let view = View {
        exchange: &exchange,
        board: &board,
        now: world.now(),
    };
    view.assess(account, Purpose::Liquidate, report)
}

/// The event of a liquidation, read off the log as an indexer would.
fn liquidated_event(logs: &[String]) -> Option<Liquidated> {
    ballast_client::events::decode_all(logs)
        .into_iter()
        .find_map(|event| event.parse::<Liquidated>())
}
