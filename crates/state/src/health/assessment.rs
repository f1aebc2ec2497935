//! Adds an account up into a report.

use super::options::option_contingency;
use super::{BalanceReport, PositionReport, Purpose, Report, View, lot_mark};
use crate::{
    AssetMode, MarketKind, NONE, POSITIONS_MAX, Position, QUOTE_ASSET, StateError, UNDERLYINGS_MAX,
};
use ballast_risk::Q32_ONE;
use ballast_risk::liquidation::buffer_margin;
use ballast_risk::margin::{
    after_haircut_floor, aggregate_directional, deposit_in_proportion_floor, directional_loss,
    loan_in_proportion_ceil, size_contingency, with_haircut_ceil,
};
use ballast_risk::numbers::{mul_q32_ceil, signed_value_floor, value_ceil, value_floor};
use ballast_risk::pricing::OptionKind;
use ballast_risk::scenarios::{scan, scan_linear};
use bytemuck::Zeroable;
use fixed::types::I80F48;

/// Most that a loan counts for initial margin because much of the asset is lent, quote units: 36 billion USDC, of which the 16 balances of an
/// account add up.
const LOAN_IN_PROPORTION_MAX: i64 = 1 << 55;

pub(super) fn add(total: &mut i64, value: i64) -> Result<(), StateError> {
    *total = total.checked_add(value).ok_or(StateError::Overflow)?;
    Ok(())
}

/// A report in the making.
pub(super) struct Assessment<'a, 'b> {
    pub(super) view: &'b View<'a>,
    pub(super) purpose: Purpose,
    pub(super) report: &'b mut Report,
    /// Whether the size of all deposits and loans of an asset counts.
    pub(super) size_counts: bool,
    /// Sum of the sizes of values at stale prices.
    stale_value: i64,
    /// Place of each underlying in the report, counted from 1; 0 for those that were not met.
    slots: [u8; UNDERLYINGS_MAX],
    /// The options met so far, to be valued underlying by underlying.
    pub(super) options: [Option<Noted<'b>>; POSITIONS_MAX + 1],
    pub(super) option_count: usize,
}

/// An option that is to be valued.
#[derive(Clone, Copy)]
pub(super) struct Noted<'b> {
    /// Place of its underlying in the report.
    pub(super) slot: usize,
    /// Its own place in the report.
    pub(super) index: usize,
    pub(super) kind: OptionKind,
    pub(super) position: &'b Position,
}

impl<'a, 'b> Assessment<'a, 'b> {
    /// An empty one.
    pub(super) fn new(view: &'b View<'a>, purpose: Purpose, report: &'b mut Report) -> Self {
        Self {
            view,
            purpose,
            report,
            size_counts: true,
            stale_value: 0,
            slots: [0; UNDERLYINGS_MAX],
            options: [None; POSITIONS_MAX + 1],
            option_count: 0,
        }
    }

    /// Adds a deposit (positive native units) or a loan (negative).
    pub(super) fn add_balance(&mut self, asset: u8, amount: i64) -> Result<(), StateError> {
        if asset == QUOTE_ASSET {
            // The numeraire: no price, no haircut.
            return self.book_balance(
                BalanceReport {
                    asset,
                    amount,
                    value: amount,
                    maintenance: amount,
                    initial: amount,
                },
                false,
            );
        }
        let listed = self.view.exchange.asset(asset)?;
        let (entry, validity) = self.view.feed_price(listed.feed)?;
        let owned = amount >= 0;
        let usable = self
            .view
            .usable(entry, validity, self.purpose, owned, false)?;
        if !usable.counts {
            let nothing = BalanceReport {
                asset,
                amount,
                ..BalanceReport::zeroed()
            };
            return self.book_balance(nothing, false);
        }
        let size = amount.unsigned_abs();
        let slot = match listed.underlying {
            NONE => None,
            underlying => Some(self.underlying_slot(underlying)?),
        };
        let range_haircut = match slot {
            Some(slot) => mul_q32_ceil(
                self.report.underlyings[slot].range_q32 as i64,
                listed.haircut_range_multiplier_q32,
            )?
            .unsigned_abs(),
            None => 0,
        };
        let slow = entry.slow.get();
        let indexes = self.view.indexes(asset)?;
        let size_start = match self.size_counts {
            true => listed.haircut_size_start,
            false => 0,
        };
        let total_value = |total| {
            // More than fits counts as the most that fits.
            value_ceil(total, usable.price).map_or(u64::MAX, i64::unsigned_abs)
        };
        let (value, maintenance, initial) = if owned {
            let value = value_floor(size, usable.price)?;
            let cautious = value_floor(size, usable.price.min(slow))?;
            let haircut = listed
                .deposit_haircut_initial_q32
                .saturating_add(range_haircut);
            (
                value,
                after_haircut_floor(value, listed.deposit_haircut_maintenance_q32)?,
                if listed.mode == AssetMode::Closing as u8 {
                    0
                } else {
                    deposit_in_proportion_floor(
                        after_haircut_floor(cautious, haircut)?,
                        || total_value(indexes.deposits_total),
                        size_start,
                    )
                },
            )
        } else {
            let value = value_ceil(size, usable.price)?;
            let cautious = value_ceil(size, usable.price.max(slow))?;
            let haircut = listed
                .loan_haircut_initial_q32
                .saturating_add(range_haircut);
            let cautious = with_haircut_ceil(cautious, haircut)?;
            // It only ever refuses new risk: more than anybody has is as good as more than fits, and must not hold up a liquidation.
            let in_proportion =
                loan_in_proportion_ceil(cautious, || total_value(indexes.loans_total), size_start)
                    .unwrap_or(i64::MAX);
            (
                -value,
                -with_haircut_ceil(value, listed.loan_haircut_maintenance_q32)?,
                -in_proportion.min(cautious.max(LOAN_IN_PROPORTION_MAX)),
            )
        };
        if let Some(slot) = slot {
            add(&mut self.report.underlyings[slot].delta, value)?;
        }
        let booked = BalanceReport {
            asset,
            amount,
            value,
            maintenance,
            initial,
        };
        self.book_balance(booked, usable.stale)
    }

    /// Writes a balance into the report and its totals.
    fn book_balance(&mut self, balance: BalanceReport, stale: bool) -> Result<(), StateError> {
        let slot = self
            .report
            .balances
            .get_mut(self.report.balance_count)
            .ok_or(StateError::UnknownIndex)?;
        *slot = balance;
        self.report.balance_count += 1;
        self.add_value(balance.value, stale)?;
        add(&mut self.report.equity_mark, balance.value)?;
        add(&mut self.report.equity_maintenance, balance.maintenance)?;
        add(&mut self.report.equity_initial, balance.initial)
    }

    /// Adds a position; an option is only noted, see [`Assessment::add_options`].
    pub(super) fn add_position(&mut self, position: &'b Position) -> Result<(), StateError> {
        let index = self.report.position_count;
        let kind = position.terms.kind()?;
        let slot = self.underlying_slot(position.terms.underlying)?;
        if index >= self.report.positions.len() {
            return Err(StateError::UnknownIndex);
        }
        self.report.position_count = index + 1;
        if position.base_lots == 0 {
            // Closed and not settled: no price is needed.
            return self.book_settled(slot, index, 0, position.quote);
        }
        if position.terms.is_expired(self.view.now) {
            if self.purpose == Purpose::AddRisk {
                return Err(StateError::SettlementPending);
            }
            if let Some((price, _)) = self.view.settlement(&position.terms)? {
                let payoff = I80F48::from_num(position.terms.payoff(price)?);
                let value = signed_value_floor(position.base_lots, payoff)?;
                return self.book_settled(slot, index, value, position.quote);
            }
        }
        let option = match kind {
            MarketKind::Call => Some(OptionKind::Call),
            MarketKind::Put => Some(OptionKind::Put),
            MarketKind::Perpetual | MarketKind::Future => None,
        };
        if let Some(kind) = option {
            self.report.underlyings[slot].option_legs += 1;
            self.options[self.option_count] = Some(Noted {
                slot,
                index,
                kind,
                position,
            });
            self.option_count += 1;
            return Ok(());
        }
        let (listed, entry, validity) = self.view.underlying_price(position.terms.underlying)?;
        let owned = position.base_lots >= 0;
        let usable = self
            .view
            .usable(entry, validity, self.purpose, owned, true)?;
        let known = &self.report.underlyings[slot];
        let spot = if usable.price == entry.price.get() {
            known.mark.get()
        } else {
            lot_mark(usable.price, listed.lot_size)?
        };
        let mark = match kind {
            MarketKind::Future => self.view.forward(&position.terms, spot)?,
            _ => spot,
        };
        let value = signed_value_floor(position.base_lots, mark)?;
        let mut settled = *position;
        self.view.settle_funding(&mut settled)?;
        let quote = settled.quote;
        let profit = value.checked_add(quote).ok_or(StateError::Overflow)?;
        self.report.positions[index] = PositionReport {
            forward: mark.into(),
            volatility_q32: 0,
            value,
            delta: value,
            profit,
        };
        let underlying = &mut self.report.underlyings[slot];
        add(&mut underlying.delta, value)?;
        add(&mut underlying.profit, profit)?;
        if kind == MarketKind::Future {
            let at_spot = signed_value_floor(position.base_lots, spot)?.saturating_add(quote);
            let promised = profit.saturating_sub(at_spot.max(0)).max(0);
            add(&mut underlying.promised, promised)?;
        }
        let size = value.saturating_abs().max(profit.saturating_abs());
        self.add_value(size, usable.stale)
    }

    /// Books a position that no price moves any more.
    fn book_settled(
        &mut self,
        slot: usize,
        index: usize,
        value: i64,
        quote: i64,
    ) -> Result<(), StateError> {
        let profit = value.checked_add(quote).ok_or(StateError::Overflow)?;
        let report = &mut self.report.positions[index];
        report.value = value;
        report.profit = profit;
        add(&mut self.report.underlyings[slot].profit, profit)?;
        self.add_value(value.saturating_abs().max(profit.saturating_abs()), false)
    }

    pub(super) fn add_value(&mut self, value: i64, stale: bool) -> Result<(), StateError> {
        add(&mut self.report.gross_value, value.saturating_abs())?;
        if stale {
            add(&mut self.stale_value, value.saturating_abs())?;
        }
        Ok(())
    }

    /// Place of an underlying in the report, with its range on first use.
    fn underlying_slot(&mut self, underlying: u8) -> Result<usize, StateError> {
        let count = self.report.underlying_count;
        let known = self
            .slots
            .get_mut(usize::from(underlying))
            .ok_or(StateError::UnknownIndex)?;
        if *known != 0 {
            return Ok(usize::from(*known) - 1);
        }
        *known = count as u8 + 1;
        let (listed, entry, _) = self.view.underlying_price(underlying)?;
        let state = self.view.board.underlying(underlying)?;
        let slot = self
            .report
            .underlyings
            .get_mut(count)
            .ok_or(StateError::UnknownIndex)?;
        let mark = lot_mark(entry.price.get(), listed.lot_size)?;
        slot.underlying = underlying;
        slot.mark.set(mark);
        // Uncertainty counts in the account's favour in a liquidation, so it must not widen the range there.
        let confidence_ratio_q32 = match self.purpose {
            Purpose::Liquidate => 0,
            _ => entry.confidence_ratio_q32,
        };
        slot.range_q32 = state.scan_range_q32(listed, confidence_ratio_q32);
        self.report.underlying_count += 1;
        Ok(count)
    }

    /// Scans, aggregates and writes the totals.
    pub(super) fn finish(mut self) -> Result<(), StateError> {
        if self.stale_value > 0 && self.stale_value.saturating_mul(100) >= self.report.gross_value {
            return Err(StateError::StalePrice);
        }
        let mut directional = [0i64; UNDERLYINGS_MAX];
        let mut indexes = [0u8; UNDERLYINGS_MAX];
        let count = self.report.underlying_count;
        for slot in 0..count {
            directional[slot] = self.finish_underlying(slot)?;
            indexes[slot] = self.report.underlyings[slot].underlying;
        }
        let report = self.report;
        let parameters = &self.view.exchange.margin;
        report.directional_loss =
            aggregate_directional(&directional[..count], parameters.max_offset_q32, |a, b| {
                self.view.exchange.correlation(indexes[a], indexes[b])
            })?;
        report.depeg_factor_q32 = self.view.depeg_factor_q32(self.purpose)?;
        let mut margin = report.directional_loss;
        add(&mut margin, report.residual_loss)?;
        add(&mut margin, report.contingencies)?;
        report.maintenance_margin = mul_q32_ceil(margin, report.depeg_factor_q32)?;
        report.initial_margin =
            mul_q32_ceil(report.maintenance_margin, parameters.initial_factor_q32)?;
        report.buffer_margin = buffer_margin(
            report.initial_margin,
            report.maintenance_margin,
            self.view.exchange.liquidation.buffer_q32,
        )?;
        Ok(())
    }

    /// Scans one underlying, books its parts in the totals and returns its directional loss.
    fn finish_underlying(&mut self, slot: usize) -> Result<i64, StateError> {
        let entry = &mut self.report.underlyings[slot];
        let listed = self.view.exchange.underlying(entry.underlying)?;
        let worst = if entry.option_legs == 0 {
            scan_linear(entry.delta, entry.range_q32)?
        } else {
            scan(entry.delta, entry.range_q32, &entry.option_profits)?
        };
        let delta = entry
            .delta
            .checked_add(entry.option_delta)
            .ok_or(StateError::Overflow)?;
        entry.scan_loss = worst.loss;
        entry.worst_scenario = worst.scenario;
        entry.directional = directional_loss(delta, entry.range_q32, worst.loss)?;
        let mut discount = 0;
        if entry.option_legs > 0 {
            entry.option_contingency = option_contingency(entry, listed)?;
            let rate_q32 = listed.long_option_discount_q32.min(Q32_ONE);
            discount = mul_q32_ceil(entry.long_option_value, rate_q32)?;
        }
        entry.size_contingency =
            size_contingency(delta, listed.size_coefficient_q80, listed.size_cap_q32)?;
        let (profit, promised) = (entry.profit, entry.promised);
        let (directional, residual) = (entry.directional, entry.residual());
        let (size, options) = (entry.size_contingency, entry.option_contingency);
        let cap = i64::try_from(listed.unsettled_profit_cap).unwrap_or(i64::MAX);
        let report = &mut *self.report;
        add(&mut report.equity_mark, profit)?;
        add(&mut report.equity_maintenance, profit)?;
        add(
            &mut report.equity_initial,
            profit.saturating_sub(promised).min(cap),
        )?;
        add(&mut report.equity_initial, -discount)?;
        add(&mut report.residual_loss, residual)?;
        add(&mut report.contingencies, size)?;
        add(&mut report.contingencies, options)?;
        Ok(directional)
    }
}
