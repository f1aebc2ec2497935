//! What keeps an exchange going and anybody may do: volatility surfaces, funding, settlement.

use super::floor::Floor;
use crate::World;
use crate::report::SettledRow;
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result};
use ballast::error::BallastError;
use ballast_client::args::SurfaceArgs;
use ballast_client::instructions;
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, Market, MarketTerms, TENORS, UnderlyingState};
use ballast_client::units::{from_q32, q32};
use ballast_risk::Q32_ONE;
use ballast_risk::surface::TENOR_DAYS;
use ballast_risk::time;
use fixed::types::I80F48;
use solana_signer::Signer;

/// How often funding is updated and profits are settled, seconds; as often as the venue allows.
const HOUR_S: i64 = time::HOUR_S as i64;
/// Surfaces are posted as often as the venue allows, seconds.
const SURFACE_S: i64 = 60;
/// What a post may change, as a part of what was posted last and, but for where realised volatility has gone, of what stood a day before; and how far it may be
/// from realised volatility, as a factor: just inside the venue's bounds.
const STEP: f64 = 0.19;
const DAY_S: i64 = time::DAY_S as i64;
const DISTANCE: f64 = 4.9;
const FLOOR: f64 = 0.1;
const CAP: f64 = 4.0;
/// Which part of a rise in realised volatility one day's implied volatility follows; longer tenors follow less, by the root of their time.
const FOLLOWS: f64 = 0.5;
/// Downside costs more than upside, and both wings more than the middle.
const SKEW: f64 = -0.06;
const SMILE: f64 = 0.02;
/// Yearly carry of forwards in calm markets; it falls by as much for every doubling of realised volatility.
const CARRY: f64 = 0.045;
/// What a day may change of it.
const CARRY_STEP: f64 = 0.048;

/// What has been done.
#[derive(Default)]
pub struct Crank {
    /// Surfaces posted.
    pub surfaces: u64,
    /// Funding rates set.
    pub funding_updates: u64,
    /// Funding that longs have paid to shorts, and shorts to longs, quote units.
    pub funding_paid: [f64; 2],
    /// Markets that expired and were settled.
    pub settled: Vec<SettledRow>,
    funding_at: i64,
    surfaces_at: i64,
    /// Funding indexes of the perpetuals at the last visit.
    indexes: Vec<I80F48>,
}

impl Crank {
    /// Does all that is due. `accounts` are all that may hold positions.
    pub fn work(&mut self, world: &mut World, floor: &Floor, accounts: &[Pubkey]) -> Result<()> {
        self.note_funding(world, floor)?;
        self.settle_expired(world, floor, accounts)?;
        let now = world.now();
        if now - self.surfaces_at >= SURFACE_S {
            self.post_surfaces(world, floor).context("post_surface")?;
            self.surfaces_at = now;
        }
        if now - self.funding_at >= HOUR_S {
            for underlying in 0..floor.makers.len() as u8 {
                let update = instructions::update_funding(&floor.venue.addresses, underlying);
                world.send(&[update], &[]).context("update_funding")?;
                self.funding_updates += 1;
            }
            self.funding_at = now;
            // The losses of accounts in liquidation wait: what an insolvent one lacks is its counterparties' first.
            let mut healthy = Vec::new();
            for account in accounts {
                if !world.read::<MarginAccount>(account)?.in_liquidation() {
                    healthy.push(*account);
                }
            }
            floor
                .settle(world, &healthy, 1, |_| true)
                .context("settle_pnl")?;
        }
        Ok(())
    }

    /// Adds up what has flowed since the last time. Open interest has not changed in between.
    fn note_funding(&mut self, world: &World, floor: &Floor) -> Result<()> {
        let (exchange, board) = (floor.venue.exchange(world)?, floor.venue.board(world)?);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        self.indexes.resize(floor.makers.len(), I80F48::ZERO);
        for (underlying, last) in self.indexes.iter_mut().enumerate() {
            let index = view.funding_index(underlying as u8)?;
            let growth: f64 = (index - *last).to_num();
            let market = floor.venue.market(world, underlying + 1)?;
            let paid = growth.abs() * market.open_interest_lots as f64;
            self.funding_paid[usize::from(growth < 0.0)] += paid;
            *last = index;
        }
        Ok(())
    }

    fn post_surfaces(&mut self, world: &mut World, floor: &Floor) -> Result<()> {
        let venue = &floor.venue;
        let board = venue.board(world)?;
        for underlying in 0..floor.makers.len() {
            let calm = venue.config.assets[underlying + 1].volatility;
            let state = &board.underlyings[underlying];
            let args = surface(underlying as u8, state, calm, world.now());
            let post = instructions::post_surface(&venue.addresses, &venue.admin.pubkey(), args);
            world.send(&[post], &[&venue.admin])?;
            self.surfaces += 1;
        }
        Ok(())
    }

    /// Gives every market that has expired its settlement price, turns its positions into cash and closes it.
    fn settle_expired(
        &mut self,
        world: &mut World,
        floor: &Floor,
        accounts: &[Pubkey],
    ) -> Result<()> {
        let addresses = &floor.venue.addresses;
        for terms in floor.listings.dated() {
            let key = addresses.market(&terms);
            // Settled markets are gone.
            let is_due = terms.is_expired(world.now()) && world.read::<Market>(&key).is_ok();
            if !is_due {
                continue;
            }
            let finalize = instructions::finalize_settlement(addresses, &terms);
            match world.send(&[finalize], &[]) {
                Ok(_) => self.settle_market(world, floor, accounts, &terms)?,
                Err(refusal) if refusal.is(BallastError::SettlementNotReady) => {}
                Err(refusal) => return Err(refusal).context("finalize_settlement"),
            }
        }
        Ok(())
    }

    fn settle_market(
        &mut self,
        world: &mut World,
        floor: &Floor,
        accounts: &[Pubkey],
        terms: &MarketTerms,
    ) -> Result<()> {
        let venue = &floor.venue;
        let market = world.read::<Market>(&venue.addresses.market(terms))?;
        let mut positions = 0;
        for account in accounts {
            if world.read::<MarginAccount>(account)?.lots(terms) != 0 {
                let settle = instructions::settle_position(&venue.addresses, terms, account);
                world.send(&[settle], &[]).context("settle_position")?;
                positions += 1;
            }
        }
        let received = floor.settle(world, accounts, 2, |of| of == terms)?;
        let close =
            instructions::close_market(&venue.addresses, terms, &market.creator, &venue.mints[0]);
        world.send(&[close], &[]).context("close_market")?;

        let index = usize::from(terms.underlying) + 1;
        let dollars = |per_lot: u64| per_lot as f64 / 1e6 / venue.tokens(index, 1);
        self.settled.push(SettledRow {
            asset: venue.config.assets[index].name.to_owned(),
            kind: terms.kind()?,
            strike: dollars(terms.strike),
            expiry_s: terms.expiry,
            price: dollars(market.settlement_price),
            payoff: dollars(terms.payoff(market.settlement_price)?),
            positions,
            tokens: venue.tokens(index, market.open_interest_lots),
            received: received as f64 / 1e6,
        });
        Ok(())
    }
}

/// The next surface: implied volatility follows realised, within what one post and one day may change.
fn surface(underlying: u8, last: &UnderlyingState, calm: f64, now: i64) -> SurfaceArgs {
    let realised = from_q32(last.volatility_q32);
    let is_first = last.surface_time == 0;
    // After a day what stands becomes the anchor.
    let rolls = now - last.anchor_time >= DAY_S;
    let (anchors, anchor_carry) = match rolls && !is_first {
        true => (last.atm_volatility_q32, last.carry_q32),
        false => (last.anchor_volatility_q32, last.anchor_carry_q32),
    };
    let mut volatility = [0.0; TENORS];
    // Total variance must not fall with time: volatility not faster than its root.
    let mut least = 0.0;
    for (tenor, days) in TENOR_DAYS.into_iter().enumerate() {
        let root = (days as f64).sqrt();
        let wanted = (calm + FOLLOWS / root * (realised - calm))
            .clamp(realised / DISTANCE, realised * DISTANCE)
            .clamp(FLOOR, CAP);
        let before = from_q32(last.atm_volatility_q32[tenor]);
        let anchor = from_q32(anchors[tenor]);
        let reached = if is_first {
            wanted
        } else {
            let least = (anchor * (1.0 - STEP)).min(realised);
            let most = (anchor * (1.0 + STEP)).max(realised);
            // Where the market has come back from it takes several steps to follow.
            wanted
                .clamp(least, most)
                .clamp(before * (1.0 - STEP), before * (1.0 + STEP))
        };
        volatility[tenor] = reached.max(least / root);
        least = volatility[tenor] * root * 1.000_001;
    }
    let signed = |value: f64| (value * Q32_ONE as f64) as i64;
    let carry = CARRY * (1.0 - (realised / calm).max(1.0).log2());
    let anchor = anchor_carry as f64 / Q32_ONE as f64;
    let reached = carry.clamp(anchor - CARRY_STEP, anchor + CARRY_STEP);
    SurfaceArgs {
        underlying,
        atm_volatility_q32: volatility.map(q32),
        skew_q32: signed(SKEW),
        smile_q32: signed(SMILE),
        carry_q32: signed(reached),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn surfaces_follow_realised_volatility_within_their_bounds() {
        let mut state = UnderlyingState::zeroed();
        for (minute, realised) in [0.5, 0.5, 4.0, 20.0, 20.0, 3.0, 0.4]
            .into_iter()
            .enumerate()
        {
            state.volatility_q32 = q32(realised);
            let args = surface(0, &state, 0.5, 1_000 + minute as i64 * 60);
            let posted = args.atm_volatility_q32.map(from_q32);
            for (tenor, now) in posted.into_iter().enumerate() {
                let before = from_q32(state.atm_volatility_q32[tenor]);
                assert!(
                    minute == 0 || (now / before - 1.0).abs() < 0.2,
                    "{posted:?}"
                );
                assert!((FLOOR..=CAP).contains(&now));
                assert!(now >= before || now * 5.0 > realised);
            }
            let variances = posted
                .iter()
                .zip(TENOR_DAYS)
                .map(|(vol, days)| vol * vol * days as f64);
            assert!(variances.is_sorted());
            let before = state.atm_volatility_q32.map(from_q32);
            state.atm_volatility_q32 = args.atm_volatility_q32;
            (state.carry_q32, state.surface_time) = (args.carry_q32, 1);
            if minute == 0 {
                (state.anchor_volatility_q32, state.anchor_time) = (args.atm_volatility_q32, 1_000);
            }
            let most = state.anchor_volatility_q32.map(from_q32);
            let most = most.map(|anchor| (anchor * 1.2).max(realised));
            let bounds = posted.iter().zip(most).zip(before);
            for ((now, most), before) in bounds {
                assert!(*now <= most || *now < before, "{posted:?}");
            }
        }
        assert!(from_q32(state.atm_volatility_q32[0]) > 0.5);
    }
}
