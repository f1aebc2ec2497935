//! What comes after the insurance fund: counterparties in profit, then depositors.

use super::floor::Floor;
use super::keeper::Keeper;
use crate::World;
use crate::report::LossRow;
use crate::world::Refusal;
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result};
use ballast::error::BallastError;
use ballast::events::{BankruptcyResolved, Deleveraged};
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{MarginAccount, MarketTerms};
use ballast_client::{events, instructions};

/// Whoever has less left than this has nothing, quote units.
const NOTHING: u64 = 1_000_000;

impl Keeper {
    /// Closes an insolvent account's positions against the most profitable opposite ones, turns what is left of its losses into loans and has these
    /// written off. Returns whether anything of it went through; what does not has to wait for the next visit.
    pub(super) fn share_loss(
        &mut self,
        world: &mut World,
        floor: &Floor,
        account: &Pubkey,
        accounts: &[Pubkey],
    ) -> Result<bool> {
        let mut progress = self.deleverage(world, floor, account, accounts)?;
        progress |= settle_losses(world, floor, account)?;
        progress |= self.resolve(world, floor, account)?;
        if self.insolvent.contains(account) {
            self.liquidated.insert(*account);
            let report = floor.venue.assess(world, account, Purpose::ReduceRisk)?;
            if report.equity_mark.unsigned_abs() < NOTHING {
                self.closed.insert(*account);
            }
        }
        Ok(progress)
    }

    fn deleverage(
        &mut self,
        world: &mut World,
        floor: &Floor,
        account: &Pubkey,
        accounts: &[Pubkey],
    ) -> Result<bool> {
        let mut progress = false;
        let held = world.read::<MarginAccount>(account)?.positions;
        for position in held.iter().filter(|slot| slot.base_lots != 0) {
            let terms = &position.terms;
            for counterparty in opposite(world, floor, accounts, account, terms)? {
                let lots = world.read::<MarginAccount>(account)?.lots(terms);
                if lots == 0 {
                    break;
                }
                let addresses = &floor.venue.addresses;
                let deleverage = instructions::auto_deleverage(
                    addresses,
                    terms,
                    account,
                    &counterparty,
                    u64::MAX,
                );
                let done = match world.send(&[deleverage], &[]) {
                    Ok(done) => done,
                    // Another one may do.
                    Err(refusal)
                        if refusal.is(BallastError::CounterpartyNotInProfit)
                            || refusal.is(BallastError::CounterpartyWouldFall) =>
                    {
                        continue;
                    }
                    Err(refusal) if is_over(&refusal) => return Ok(progress),
                    Err(refusal) => return Err(refusal).context("auto_deleverage"),
                };
                progress = true;
                let events = events::decode_all(&done.logs);
                let event = events.iter().find_map(|event| event.parse::<Deleveraged>());
                let event = event.context("no event of auto_deleverage")?;
                self.insolvent.insert(*account);
                self.deleveraged.insert(counterparty);
                self.given_up += event.given_up;
                self.loss_rows.push(LossRow {
                    time_s: world.now(),
                    account: account.to_string(),
                    equity_before: event.equity_mark as f64 / 1e6,
                    counterparty: Some(counterparty.to_string()),
                    asset: floor.venue.config.assets[usize::from(terms.underlying) + 1]
                        .name
                        .to_owned(),
                    amount: event.given_up as f64 / 1e6,
                });
            }
        }
        Ok(progress)
    }

    /// Has loans written off, asset by asset, until the account is solvent.
    fn resolve(&mut self, world: &mut World, floor: &Floor, account: &Pubkey) -> Result<bool> {
        let mut progress = false;
        let venue = &floor.venue;
        let held = world.read::<MarginAccount>(account)?.balances;
        for balance in held.iter().filter(|slot| slot.shares.get() < 0) {
            let asset = usize::from(balance.asset);
            let instructions = [
                instructions::accrue_interest(&venue.addresses, &venue.mints[asset]),
                instructions::resolve_bankruptcy(&venue.addresses, &venue.mints[asset], account),
            ];
            let done = match world.send(&instructions, &[]) {
                Ok(done) => done,
                // The bound of a day for this asset; another one may be owed too.
                Err(refusal) if refusal.is(BallastError::LossLimitReached) => {
                    self.refused_by_bound += 1;
                    continue;
                }
                Err(refusal)
                    if is_over(&refusal)
                        || refusal.is(BallastError::PositionsStillOpen)
                        || refusal.is(BallastError::TooEarly) =>
                {
                    return Ok(progress);
                }
                Err(refusal) => return Err(refusal).context("resolve_bankruptcy"),
            };
            progress = true;
            let events = events::decode_all(&done.logs);
            let event = events
                .iter()
                .find_map(|event| event.parse::<BankruptcyResolved>());
            let event = event.context("no event of resolve_bankruptcy")?;
            let (exchange, board) = (venue.exchange(world)?, venue.board(world)?);
            let view = View {
                exchange: &exchange,
                board: &board,
                now: world.now(),
            };
            let price: f64 = view.liquidation_price(event.asset, false)?.to_num();
            let loss = event.written_off as f64 * price;
            self.insolvent.insert(*account);
            self.resolutions += 1;
            self.loss_shared += loss.round() as i64;
            self.loss_rows.push(LossRow {
                time_s: world.now(),
                account: account.to_string(),
                equity_before: event.equity_mark as f64 / 1e6,
                counterparty: None,
                asset: venue.config.assets[asset].name.to_owned(),
                amount: loss / 1e6,
            });
        }
        Ok(progress)
    }
}

/// Whether a refusal means that it is not, or no longer, the turn of those behind the insurance fund, or that a price is missing.
fn is_over(refusal: &Refusal) -> bool {
    [
        BallastError::LiquidationNotStarted,
        BallastError::NotInsolvent,
        BallastError::InsuranceFundNotEmpty,
        BallastError::StalePrice,
        BallastError::UncertainPrice,
        BallastError::MarketExpired,
    ]
    .into_iter()
    .any(|error| refusal.is(error))
}

/// Accounts whose opposite position in a market may be closed against the account's, the most profitable first.
fn opposite(
    world: &World,
    floor: &Floor,
    accounts: &[Pubkey],
    account: &Pubkey,
    terms: &MarketTerms,
) -> Result<Vec<Pubkey>> {
    let venue = &floor.venue;
    let (exchange, board) = (venue.exchange(world)?, venue.board(world)?);
    let view = View {
        exchange: &exchange,
        board: &board,
        now: world.now(),
    };
    let state = world.read::<MarginAccount>(account)?;
    let side = state.lots(terms).signum();
    // In the end the rest is closed at the mark, against anyone.
    let ran_out = state.auction_elapsed_s >= exchange.liquidation.premium_full_s;
    let mut report = Report::boxed();
    let mut found = Vec::new();
    for key in accounts.iter().filter(|key| *key != account) {
        let state = world.read::<MarginAccount>(key)?;
        if state.in_liquidation() || state.lots(terms).signum() != -side {
            continue;
        }
        view.assess(&state, Purpose::ReduceRisk, &mut report)?;
        let positions = state.positions.iter().filter(|slot| !slot.is_free());
        let valued = positions.zip(report.positions());
        let profit = valued
            .filter(|(position, _)| position.terms == *terms)
            .map(|(_, valued)| valued.profit)
            .sum::<i64>();
        if profit > 0 || ran_out {
            found.push((profit, *key));
        }
    }
    found.sort_by_key(|(profit, _)| -profit);
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

/// Turns the losses of an account without insurance into loans, and its profits into cash as far as the pools hold it.
fn settle_losses(world: &mut World, floor: &Floor, account: &Pubkey) -> Result<bool> {
    let mut progress = false;
    let held = world.read::<MarginAccount>(account)?.positions;
    for position in held.iter().filter(|slot| !slot.is_free()) {
        match floor.venue.settle_in(world, account, &position.terms) {
            Ok(_) => progress = true,
            Err(refusal)
                if [
                    BallastError::SettlementPoolEmpty,
                    BallastError::NothingToSettle,
                    BallastError::LossNotCovered,
                    BallastError::OptionNotClosed,
                    BallastError::SettlementPending,
                    BallastError::StalePrice,
                    BallastError::UncertainPrice,
                ]
                .into_iter()
                .any(|error| refusal.is(error)) => {}
            Err(refusal) => return Err(refusal).context("settle_pnl"),
        }
    }
    Ok(progress)
}
