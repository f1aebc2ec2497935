//! A keeper: finds accounts below their maintenance margin and liquidates them.

use super::floor::Floor;
use super::traders::Trader;
use crate::World;
use crate::report::{Holdings, LiquidationRow};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{MarginAccount, QUOTE_ASSET};
use ballast_risk::Q32_ONE;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeSet;

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
    /// Every slice, for the report.
    pub rows: Vec<LiquidationRow>,
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
            rows: Vec::new(),
        }
    }

    /// Looks at every account, flags and liquidates where it must, then trades its own inventory away.
    pub fn work(&mut self, world: &mut World, floor: &Floor, traders: &[Trader]) -> Result<Work> {
        let mut work = Work::default();
        let venue = &floor.venue;
        let exchange = venue.exchange(world)?;
        let board = venue.board(world)?;
        let mut report = Report::boxed();
        for trader in traders {
            let account = world.read::<MarginAccount>(&trader.account)?;
            let view = View {
                exchange: &exchange,
                board: &board,
                now: world.now(),
            };
            view.assess(&account, Purpose::Liquidate, &mut report)?;
            work.found += u32::from(report.is_liquidatable());
            if report.is_liquidatable() && !account.in_liquidation() {
                let start = instructions::start_liquidation(&venue.addresses, &trader.account);
                world.send(&[start], &[]).context("start_liquidation")?;
            }
            if report.is_liquidatable() || account.in_liquidation() {
                self.take_slice(world, floor, &trader.account, &report, &mut work)?;
            }
        }
        if work.slices > 0 {
            floor.close_all(world, &self.key).context("unwinding")?;
        }
        Ok(work)
    }

    fn take_slice(
        &mut self,
        world: &mut World,
        floor: &Floor,
        account: &Pubkey,
        before: &Report,
        work: &mut Work,
    ) -> Result<()> {
        let venue = &floor.venue;
        let own = floor.account(&self.key);
        let state = world.read::<MarginAccount>(account)?;
        let netting = netting(floor, &state, &*world.read::<MarginAccount>(&own)?);
        let liquidate = instructions::liquidate(
            &venue.addresses,
            &venue.mints[0],
            account,
            &own,
            &self.key.pubkey(),
            &netting,
            LiquidateArgs {
                fraction_max_q32: Q32_ONE,
                price_max: before.equity_mark.max(0),
            },
        );
        let done = match world.send(&[liquidate], &[&self.key]) {
            Ok(done) => done,
            // Insolvent, and nothing is left to pay a taker with: the account has to wait.
            Err(refusal) if refusal.is(BallastError::InsuranceFundEmpty) => return Ok(()),
            Err(refusal) => return Err(refusal).context("liquidate"),
        };
        let Some(event) = liquidated_event(&done.logs) else {
            // The account had recovered; its flag was cleared.
            return Ok(());
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
        }
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
        Ok(())
    }
}

/// Banks and markets in which the keeper's own holdings are opposite to the account's. What it has closed in a dated market and not
/// settled counts there too.
fn netting(floor: &Floor, theirs: &MarginAccount, own: &MarginAccount) -> Vec<Pubkey> {
    let addresses = &floor.venue.addresses;
    let opposite = |held: i64, taken: i64| held.signum() * taken.signum() < 0;
    let mut keys = Vec::new();
    for balance in theirs.balances.iter().filter(|slot| !slot.is_free()) {
        let held = own.balance(balance.asset);
        let nets = held.is_some_and(|held| (held.shares.get() > 0) != (balance.shares.get() > 0));
        if nets && balance.asset != QUOTE_ASSET {
            keys.push(addresses.bank(&floor.venue.mints[usize::from(balance.asset)]));
        }
    }
    for position in theirs.positions.iter().filter(|slot| !slot.is_free()) {
        let terms = &position.terms;
        let nets = own.position(terms).is_some_and(|held| {
            opposite(held.base_lots, position.base_lots)
                || (!terms.is_perpetual() && opposite(held.quote, position.quote))
        });
        if nets {
            keys.push(addresses.market(terms));
        }
    }
    keys
}

/// The event of a liquidation, read off the log as an indexer would.
fn liquidated_event(logs: &[String]) -> Option<Liquidated> {
    ballast_client::events::decode_all(logs)
        .into_iter()
        .find_map(|event| event.parse::<Liquidated>())
}
