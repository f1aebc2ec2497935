//! Options in a report: full revaluation of every leg in every scenario.

use super::assessment::{Assessment, Noted, add};
use super::{PositionReport, Purpose, UnderlyingReport, View, lot_mark};
use crate::{MarketTerms, POSITIONS_MAX, StateError, Underlying};
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::{
    mul_price_q32_floor, mul_q32_ceil, mul_q32_floor, product_q32, value_floor,
};
use ballast_risk::pricing::{
    Deviation, Leg, OptionKind, PriceMove, forward_factor_q32, sqrt_years_q32,
};
use ballast_risk::scenarios::{FULL_MOVES, MOVES_THIRDS, move_q32};
use ballast_risk::surface::{LOOK_AHEAD_S, Surface};
use ballast_risk::volatility::price_ratio_q32;
use fixed::types::I80F48;

/// Largest unit of a leg, quote units (36 billion USDC): an option is worth less than four units, so that the profits of all legs of an
/// account together stay below 2^63.
const UNIT_MAX: u64 = 1 << 55;
const _: () = assert!((POSITIONS_MAX as u64 + 1) * 4 * UNIT_MAX < 1 << 63);
/// Who adds risk stays so many times below that: no price may take a portfolio to where nobody could say what it is worth, since nobody could
/// liquidate it either. The unit grows with the underlying's price.
const UNIT_ROOM: u64 = 8;

/// What all legs of one underlying share.
struct Chain<'a> {
    listed: &'a Underlying,
    surface: Surface,
    /// At-the-money level that a stale surface must not go below, Q32.
    atm_least_q32: u64,
    carry_q32: i64,
    /// Mark of one lot, and whether it is stale: for what gains from a fall, for what gains from a rise.
    spots: [Result<(I80F48, bool), StateError>; 2],
    moves: [PriceMove; MOVES_THIRDS.len()],
    now: i64,
}

/// What all legs of one expiry share.
#[derive(Clone, Copy)]
struct Tenor {
    expiry: i64,
    forward_factor_q32: u64,
    atm_q32: u64,
    atm_deviation_q32: u64,
    root_now_q32: u64,
    /// Factors on volatility times the root of the time that is left after the look-ahead, per shock.
    shocked_roots_q32: [u64; 3],
}

/// `unit × value` with the value in Q30, below 2^32 in size, and the unit at most [`UNIT_MAX`]; rounded down.
#[inline(always)]
fn scaled(unit: i64, value_q30: i64) -> i64 {
    let (whole, part) = (unit >> 30, unit & ((1 << 30) - 1));
    whole
        .wrapping_mul(value_q30)
        .wrapping_add(part.wrapping_mul(value_q30) >> 30)
}

impl Chain<'_> {
    fn tenor(&self, expiry: i64) -> Tenor {
        let seconds = expiry.saturating_sub(self.now).max(0).unsigned_abs();
        let atm_q32 = self
            .surface
            .at_the_money_q32(seconds)
            .max(self.atm_least_q32);
        let root_now_q32 = sqrt_years_q32(seconds);
        let root_ahead_q32 = sqrt_years_q32(seconds.saturating_sub(LOOK_AHEAD_S));
        let shocks = self.listed.volatility_shocks().factors_q32(seconds);
        Tenor {
            expiry,
            forward_factor_q32: forward_factor_q32(self.carry_q32, seconds),
            atm_q32,
            atm_deviation_q32: product_q32(atm_q32, root_now_q32),
            root_now_q32,
            shocked_roots_q32: shocks.map(|factor| product_q32(factor, root_ahead_q32)),
        }
    }
}

impl<'a> Assessment<'a, '_> {
    /// Adds the options that were noted, underlying by underlying.
    pub(super) fn add_options(&mut self) -> Result<(), StateError> {
        for slot in 0..self.report.underlying_count {
            let entry = &self.report.underlyings[slot];
            if entry.option_legs == 0 {
                continue;
            }
            let chain = self
                .view
                .chain(entry.underlying, entry.range_q32, self.purpose)?;
            let mut tenor: Option<Tenor> = None;
            for place in 0..self.option_count {
                let Some(noted) = self.options[place].filter(|noted| noted.slot == slot) else {
                    continue;
                };
                let expiry = noted.position.terms.expiry;
                let shared = match &mut tenor {
                    Some(shared) if shared.expiry == expiry => shared,
                    other => other.insert(chain.tenor(expiry)),
                };
                self.add_leg(&noted, &chain, shared)?;
            }
        }
        Ok(())
    }

    fn add_leg(&mut self, noted: &Noted, chain: &Chain, tenor: &Tenor) -> Result<(), StateError> {
        let Noted {
            slot,
            index,
            kind,
            position,
        } = *noted;
        let is_call = kind == OptionKind::Call;
        let gains_from_rise = (position.base_lots > 0) == is_call;
        let (spot, stale) = chain.spots[usize::from(gains_from_rise)]?;
        let forward = mul_price_q32_floor(spot, tenor.forward_factor_q32)?;
        let strike = I80F48::from_num(position.terms.strike);
        let leg = Leg::new(kind, price_ratio_q32(strike, forward));
        let volatility = chain.surface.volatility_q32(
            tenor.atm_q32,
            tenor.atm_deviation_q32,
            leg.ln_strike_over_forward_q32(),
        );
        let now = Deviation::new(product_q32(volatility, tenor.root_now_q32));
        let ahead = tenor
            .shocked_roots_q32
            .map(|root| Deviation::new(product_q32(volatility, root)));

        let notional = value_floor(position.base_lots.unsigned_abs(), forward)?;
        let unit = mul_q32_floor(notional, leg.scale_q32())?;
        let most = match self.purpose {
            Purpose::AddRisk | Purpose::TakeOver => UNIT_MAX / UNIT_ROOM,
            Purpose::ReduceRisk | Purpose::Liquidate => UNIT_MAX,
        };
        if unit.unsigned_abs() > most {
            return Err(StateError::Overflow);
        }
        let sign = position.base_lots.signum();
        let unit = if sign < 0 { -unit } else { unit };
        let value_now = leg.value_q30(&PriceMove::NONE, &now);
        let value = scaled(unit, value_now);
        let delta = mul_q32_floor(notional, leg.delta_q32(&now).unsigned_abs())?;
        let delta = if gains_from_rise { delta } else { -delta };
        let profit = value
            .checked_add(position.quote)
            .ok_or(StateError::Overflow)?;

        self.report.positions[index] = PositionReport {
            forward: forward.into(),
            volatility_q32: volatility,
            value,
            delta,
            profit,
        };
        let report = &mut self.report.underlyings[slot];
        add(&mut report.profit, profit)?;
        add(&mut report.option_delta, delta)?;
        add(
            &mut report.option_lots[usize::from(!is_call)],
            position.base_lots,
        )?;
        if sign > 0 {
            add(&mut report.long_option_value, value)?;
        }
        let book = |total: &mut i64, value_q30: i64| {
            *total = total.wrapping_add(scaled(unit, value_q30.wrapping_sub(value_now)));
        };
        // In the order of the scenarios: the moves with every volatility, then the tails with the highest.
        let (full, tails) = report.option_profits.split_at_mut(3 * FULL_MOVES);
        let (full_moves, tail_moves) = chain.moves.split_at(FULL_MOVES);
        for (totals, price_move) in full.as_chunks_mut::<3>().0.iter_mut().zip(full_moves) {
            let moved = leg.moved(price_move);
            for (total, deviation) in totals.iter_mut().zip(&ahead) {
                book(total, moved.value_q30(deviation));
            }
        }
        for (total, price_move) in tails.iter_mut().zip(tail_moves) {
            book(total, leg.moved(price_move).value_q30(&ahead[2]));
        }
        self.add_value(value.saturating_abs().max(profit.saturating_abs()), stale)
    }
}

/// The minimum for net short options: calls and puts apart, so many lots times the mark times the configured fraction.
pub(super) fn option_contingency(
    entry: &UnderlyingReport,
    listed: &Underlying,
) -> Result<i64, StateError> {
    let mut total = 0;
    for lots in entry.option_lots {
        let short = lots.min(0).unsigned_abs();
        let notional = value_floor(short, entry.mark.get())?;
        let least = mul_q32_ceil(notional, listed.short_option_minimum_q32.min(Q32_ONE))?;
        add(&mut total, least)?;
    }
    Ok(total)
}

impl<'a> View<'a> {
    /// What the legs on an underlying share, with the price moves of its scan range.
    fn chain(
        &self,
        underlying: u8,
        range_q32: u64,
        purpose: Purpose,
    ) -> Result<Chain<'a>, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        let spot = |gains_from_rise| {
            let usable = self.usable(entry, validity, purpose, gains_from_rise, true)?;
            Ok((lot_mark(usable.price, listed.lot_size)?, usable.stale))
        };
        let state = self.board.underlying(underlying)?;
        let (surface, atm_least_q32) = state.surface_in_use(listed, self.now);
        Ok(Chain {
            listed,
            surface,
            atm_least_q32,
            carry_q32: state.carry_q32,
            spots: [spot(false), spot(true)],
            moves: MOVES_THIRDS.map(|thirds| {
                let factor = Q32_ONE as i64 + move_q32(thirds, range_q32);
                PriceMove::new(factor.max(0).unsigned_abs())
            }),
            now: self.now,
        })
    }

    /// Mark of one lot of an option, from its underlying's mark: as in a report.
    pub(super) fn option_mark(
        &self,
        terms: &MarketTerms,
        kind: OptionKind,
        spot: I80F48,
    ) -> Result<I80F48, StateError> {
        let listed = self.exchange.underlying(terms.underlying)?;
        let state = self.board.underlying(terms.underlying)?;
        let (surface, atm_least_q32) = state.surface_in_use(listed, self.now);
        let seconds = terms.expiry.saturating_sub(self.now).max(0).unsigned_abs();
        let atm_q32 = surface.at_the_money_q32(seconds).max(atm_least_q32);
        let root_q32 = sqrt_years_q32(seconds);
        let forward = self.forward(terms, spot)?;
        let strike = I80F48::from_num(terms.strike);
        let leg = Leg::new(kind, price_ratio_q32(strike, forward));
        let volatility_q32 = surface.volatility_q32(
            atm_q32,
            product_q32(atm_q32, root_q32),
            leg.ln_strike_over_forward_q32(),
        );
        let deviation = Deviation::new(product_q32(volatility_q32, root_q32));
        let value_q30 = leg.value_q30(&PriceMove::NONE, &deviation).max(0);
        let unit = mul_price_q32_floor(forward, leg.scale_q32())?;
        // Below four units.
        Ok(mul_price_q32_floor(unit, value_q30.unsigned_abs() << 2)?)
    }

    /// The forward of a dated instrument, from its underlying's mark: `F = S·(1 + c·T)`.
    pub(super) fn forward(&self, terms: &MarketTerms, spot: I80F48) -> Result<I80F48, StateError> {
        let state = self.board.underlying(terms.underlying)?;
        let seconds = terms.expiry.saturating_sub(self.now).max(0).unsigned_abs();
        Ok(mul_price_q32_floor(
            spot,
            forward_factor_q32(state.carry_q32, seconds),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leg's value is in [0, 2^32) (`ballast_risk`'s proofs), so that a change of it is below 2^32 in size. Both products are largest
    /// where their factors are, which is tried here: nowhere do they leave their words.
    #[test]
    fn scaled_values_round_down_and_never_wrap() {
        const VALUE_MAX: i64 = (1 << 32) - 1;
        let edges = |bits: u32| {
            let around = |k: u32| [(1i64 << k) - 1, 1 << k, (1 << k) + 1];
            let sizes = (0..bits).flat_map(around).chain([0, (1 << bits) - 1]);
            sizes.flat_map(|size| [size, -size])
        };
        let units = edges(UNIT_MAX.ilog2()).chain([UNIT_MAX as i64, -(UNIT_MAX as i64)]);
        for unit in units {
            for value in edges(32) {
                let exact = (i128::from(unit) * i128::from(value)).div_euclid(1 << 30);
                assert_eq!(i128::from(scaled(unit, value)), exact);
            }
            let (whole, part) = (unit >> 30, unit & ((1 << 30) - 1));
            for value in [VALUE_MAX, -VALUE_MAX] {
                assert!(whole.checked_mul(value).is_some() && part.checked_mul(value).is_some());
                // What the sum over all legs relies on: four units at most.
                assert!(scaled(unit, value).unsigned_abs() <= 4 * UNIT_MAX);
            }
        }
    }
}
