//! The trading floor: an exchange, what is listed on it, and a market maker per underlying with whom everybody trades.

use super::listings::Listings;
use crate::world::Refusal;
use crate::{Venue, World};
use anchor_lang::prelude::Pubkey;
use anyhow::{Result, bail};
use ballast::error::BallastError;
use ballast::events::PnlSettled;
use ballast_client::args::OrderArgs;
use ballast_client::events;
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, MarketTerms, Side};
use ballast_client::units::from_q32;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Half of the makers' spread: so many standard deviations of a minute's return; for options such a part of the premium.
const HALF_SPREAD: f64 = 0.2;
const HALF_SPREAD_OPTION: f64 = 0.01;
const MINUTES_IN_YEAR: f64 = 525_600.0;
/// How much above the mark a maker who is short in a perpetual quotes, and below it one who is long: so he gets paid for what he carries.
const LEAN: f64 = 0.000_5;
/// The thin token's maker, who knows what it is worth, trades only while the mark is so near to that, as a factor.
const FAIR: f64 = 1.25;

/// Where everybody trades.
pub struct Floor {
    /// The exchange.
    pub venue: Venue,
    /// Its dated markets.
    pub listings: Listings,
    /// Market makers, by underlying.
    pub makers: Vec<Keypair>,
    /// The thin token's underlying and its fair mark, quote units per lot.
    pub thin: Option<(u8, f64)>,
}

impl Floor {
    /// The margin account of a key.
    pub fn account(&self, key: &Keypair) -> Pubkey {
        self.venue.addresses.margin_account(&key.pubkey(), 0)
    }

    /// Trades lots against the maker at his price. Returns whether margin allowed it.
    pub fn trade(
        &self,
        world: &mut World,
        key: &Keypair,
        terms: &MarketTerms,
        side: Side,
        lots: u64,
        reduce_only: bool,
    ) -> Result<bool> {
        let order = OrderArgs {
            reduce_only,
            ..Venue::limit(side, self.price(world, terms, side)?, lots)
        };
        let maker = &self.makers[usize::from(terms.underlying)];
        is_done(self.venue.trade_in(world, maker, key, terms, order))
    }

    /// The maker's price for who buys or sells: half a spread from what he takes for the middle, on the tick, quote units per lot.
    fn price(&self, world: &World, terms: &MarketTerms, side: Side) -> Result<u64> {
        let (exchange, board) = (self.venue.exchange(world)?, self.venue.board(world)?);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        let mark: f64 = view.mark(terms)?.to_num();
        let lean = if terms.is_perpetual() {
            let maker = self.account(&self.makers[usize::from(terms.underlying)]);
            let held = world.read::<MarginAccount>(&maker)?.lots(terms);
            -LEAN * held.signum() as f64
        } else {
            0.0
        };
        let middle = mark * (1.0 + lean);
        let half_spread = if terms.is_option() {
            HALF_SPREAD_OPTION
        } else {
            let state = &board.underlyings[usize::from(terms.underlying)];
            HALF_SPREAD * from_q32(state.volatility_q32) / MINUTES_IN_YEAR.sqrt()
        };
        let tick = self.venue.config.assets[usize::from(terms.underlying) + 1].tick_size;
        let ticks = match side {
            Side::Bid => (middle * (1.0 + half_spread) / tick as f64).ceil(),
            Side::Ask => (middle * (1.0 - half_spread) / tick as f64).floor(),
        };
        Ok((ticks as u64).max(1) * tick)
    }

    /// Whether a maker trades in a market now: not at a price that is too old, nor a manipulated one, nor once it has expired.
    fn is_open(&self, world: &World, terms: &MarketTerms) -> Result<bool> {
        let (exchange, board) = (self.venue.exchange(world)?, self.venue.board(world)?);
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        let Ok(mark) = view.fresh_mark(terms.underlying) else {
            return Ok(false);
        };
        let fair = match self.thin {
            Some((underlying, fair)) if underlying == terms.underlying => {
                let apart = mark.to_num::<f64>() / fair;
                (1.0 / FAIR..FAIR).contains(&apart)
            }
            _ => true,
        };
        Ok(fair && !terms.is_expired(world.now()))
    }

    /// Trades all positions away against the makers. Where margin does not allow one leg of a hedge to go at once, smaller
    /// parts of each leg go in turn. What has expired stays: it settles by itself; and what nobody trades in at the moment.
    pub fn close_all(&self, world: &mut World, key: &Keypair) -> Result<()> {
        let account = self.account(key);
        let mut divisor = 1;
        while divisor <= 1 << 20 {
            let (mut open, mut progress) = (false, false);
            let held = world.read::<MarginAccount>(&account)?.positions;
            for position in held.iter().filter(|position| position.base_lots != 0) {
                if !self.is_open(world, &position.terms)? {
                    continue;
                }
                open = true;
                let long = position.base_lots > 0;
                let side = if long { Side::Ask } else { Side::Bid };
                let lots = position.base_lots.unsigned_abs().div_ceil(divisor);
                progress |= self.trade(world, key, &position.terms, side, lots, true)?;
            }
            if !open {
                return Ok(());
            }
            divisor = if progress { 1 } else { divisor * 2 };
        }
        bail!("margin does not allow {account} to close its positions")
    }

    /// Moves what accounts have won and lost into cash, in the markets that `which` names, and returns what the winners got, quote units. The
    /// second of two rounds pays the winners out of what the losers paid in the first.
    pub fn settle(
        &self,
        world: &mut World,
        accounts: &[Pubkey],
        rounds: usize,
        which: impl Fn(&MarketTerms) -> bool,
    ) -> Result<i64> {
        let mut received = 0;
        for account in accounts.iter().cycle().take(rounds * accounts.len()) {
            let held = world.read::<MarginAccount>(account)?.positions;
            for position in held
                .iter()
                .filter(|slot| !slot.is_free() && which(&slot.terms))
            {
                let terms = &position.terms;
                // An open option has nothing to settle, and what has expired is turned into quote first.
                let waits = terms.is_option() || terms.is_expired(world.now());
                if position.base_lots != 0 && waits {
                    continue;
                }
                match self.venue.settle_in(world, account, terms) {
                    Ok(done) => {
                        let mut events = events::decode_all(&done.logs).into_iter();
                        let event = events.find_map(|event| event.parse::<PnlSettled>());
                        received += event.map_or(0, |event| event.amount.max(0));
                    }
                    Err(refusal)
                        if refusal.is(BallastError::SettlementPoolEmpty)
                            || refusal.is(BallastError::NothingToSettle)
                            // The loss of an insolvent account, which is its counterparties' first.
                            || refusal.is(BallastError::LossNotCovered) => {}
                    Err(refusal) => return Err(refusal.into()),
                }
            }
        }
        Ok(received)
    }
}

/// Whether margin allowed something; any refusal for another reason is an error.
pub fn is_done<T>(result: Result<T, Refusal>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(refusal)
            if refusal.is(BallastError::BelowInitialMargin)
                || refusal.is(BallastError::TakerBelowInitialMargin) =>
        {
            Ok(false)
        }
        Err(refusal) => Err(refusal.into()),
    }
}
