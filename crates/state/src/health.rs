//! The portfolio margin of one account, from exactly three accounts: exchange, board, margin account.
//!
//! The same function serves the program, keepers, clients and the browser. It values every balance and position at the
//! board's prices, revalues each underlying in the scenarios of `ballast_risk::scenarios`, aggregates across
//! underlyings, adds contingencies, and compares with equity after haircuts. The [`Report`] keeps every intermediate.

use crate::{
    AssetIndexes, Board, Exchange, MarginAccount, MarketKind, NONE, Position, PriceEntry,
    QUOTE_ASSET, StateError, StoredI80F48, UNDERLYINGS_MAX, Validity, ledger,
};
use ballast_risk::liquidation::buffer_margin;
use ballast_risk::margin::{
    after_haircut_floor, aggregate_directional, depeg_factor_q32, directional_loss,
    size_contingency, with_haircut_ceil,
};
use ballast_risk::numbers::{Q32_ONE, mul_q32_ceil, signed_value_floor, value_ceil, value_floor};
use ballast_risk::scenarios::scan_linear;
use bytemuck::Zeroable;
use fixed::types::I80F48;

/// What the figures are for; it decides how prices that are not fresh count (the table in `docs/oracle.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The action adds risk: an uncertain or stale deposit counts nothing, an uncertain loan counts dearer, and a stale
    /// loan or position refuses it.
    AddRisk,
    /// The action only reduces risk: any price that was ever set will do.
    ReduceRisk,
    /// The account may be liquidated: uncertain prices count at the account's favourable edge, and stale prices refuse
    /// it unless they are under 1% of its gross value.
    Liquidate,
}

/// One underlying's part of a report. Values in quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Zeroable)]
pub struct UnderlyingReport {
    /// Index of the underlying in the exchange.
    pub underlying: u8,
    /// Mark of one lot, quote units.
    pub mark: StoredI80F48,
    /// Scan range, Q32.
    pub range_q32: u64,
    /// Net delta: spot deposits and loans, perpetuals and futures.
    pub delta: i64,
    /// Profit of all positions.
    pub profit: i64,
    /// Worst weighted loss in the scenarios.
    pub scan_loss: i64,
    /// The scenario of that loss.
    pub worst_scenario: u8,
    /// Directional part, signed as the delta.
    pub directional: i64,
    /// Contingency for size.
    pub size_contingency: i64,
}

/// The margin of one account with every intermediate. Values in quote units.
#[derive(Clone, Debug, PartialEq, Eq, Zeroable)]
pub struct Report {
    /// Equity at marks, without haircuts.
    pub equity_mark: i64,
    /// Equity after maintenance haircuts.
    pub equity_maintenance: i64,
    /// Equity after initial haircuts, at the worse of spot and slow price, unsettled profit capped.
    pub equity_initial: i64,
    /// Sum of the sizes of all values.
    pub gross_value: i64,
    /// Directional losses after aggregation across underlyings.
    pub directional_loss: i64,
    /// Losses that are not directional, summed.
    pub residual_loss: i64,
    /// Contingencies, summed.
    pub contingencies: i64,
    /// Factor for the quote asset's de-peg, Q32.
    pub depeg_factor_q32: u64,
    /// Maintenance margin.
    pub maintenance_margin: i64,
    /// Initial margin.
    pub initial_margin: i64,
    /// Equity at which a liquidation ends.
    pub buffer_margin: i64,
    /// How many entries of `underlyings` are used.
    pub underlying_count: usize,
    /// Per underlying, in order of appearance.
    pub underlyings: [UnderlyingReport; UNDERLYINGS_MAX],
}

impl Report {
    /// An empty report on the heap: it is too large for the stack of the on-chain program.
    pub fn boxed() -> Box<Self> {
        bytemuck::allocation::zeroed_box()
    }

    /// Equity above initial margin; an action that adds risk needs at least 0 afterwards.
    pub fn health_initial(&self) -> i64 {
        self.equity_initial.saturating_sub(self.initial_margin)
    }

    /// Equity above maintenance margin; below 0 the account can be liquidated.
    pub fn health_maintenance(&self) -> i64 {
        self.equity_maintenance
            .saturating_sub(self.maintenance_margin)
    }

    /// Whether the account can be liquidated.
    pub fn is_liquidatable(&self) -> bool {
        self.health_maintenance() < 0
    }

    /// Whether an account in liquidation has recovered.
    pub fn is_above_buffer(&self) -> bool {
        self.equity_maintenance >= self.buffer_margin
    }

    /// The underlyings the account is exposed to.
    pub fn underlyings(&self) -> &[UnderlyingReport] {
        &self.underlyings[..self.underlying_count]
    }

    /// Whether this state is at most as risky as `before`: neither margin nor the shortfall grew.
    pub fn is_no_riskier_than(&self, before: &RiskMark) -> bool {
        self.maintenance_margin <= before.maintenance_margin
            && self.health_maintenance() >= before.health_maintenance
    }

    /// The two figures that a reducing action must not worsen.
    pub fn risk_mark(&self) -> RiskMark {
        RiskMark {
            maintenance_margin: self.maintenance_margin,
            health_maintenance: self.health_maintenance(),
        }
    }

    fn reset(&mut self) {
        for used in &mut self.underlyings[..self.underlying_count] {
            *used = UnderlyingReport::zeroed();
        }
        self.equity_mark = 0;
        self.equity_maintenance = 0;
        self.equity_initial = 0;
        self.gross_value = 0;
        self.residual_loss = 0;
        self.contingencies = 0;
        self.underlying_count = 0;
    }
}

/// What a reducing action is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskMark {
    /// Maintenance margin before.
    pub maintenance_margin: i64,
    /// Maintenance health before.
    pub health_maintenance: i64,
}

impl RiskMark {
    /// Whether equity over maintenance margin is at least that of `other`.
    pub fn ratio_is_at_least(&self, other: &Self) -> bool {
        // E/MM = 1 + health/MM, and margins are not negative.
        i128::from(self.health_maintenance) * i128::from(other.maintenance_margin)
            >= i128::from(other.health_maintenance) * i128::from(self.maintenance_margin)
    }
}

/// Where everything is looked up.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Configuration.
    pub exchange: &'a Exchange,
    /// Prices and indexes of the same exchange.
    pub board: &'a Board,
    /// Cluster time, unix seconds.
    pub now: i64,
}

/// How a price counts.
struct Usable {
    /// The price in use.
    price: I80F48,
    /// False when the amount counts as nothing.
    counts: bool,
    /// True when it is stale and only tolerated while small.
    stale: bool,
}

impl<'a> View<'a> {
    /// The figures of `account` for `purpose`, written into `report` (which is large: keep it off the stack on-chain).
    ///
    /// # Errors
    /// [`StateError::StalePrice`] and [`StateError::PriceNeverSet`] as the purpose demands, [`StateError::Overflow`],
    /// [`StateError::UnsupportedInstrument`] for instruments without a margin model.
    pub fn assess(
        &self,
        account: &MarginAccount,
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<(), StateError> {
        self.assess_with(account, &[], purpose, report)
    }

    /// What the figures would be with further positions: the same computation, nothing is copied or changed.
    ///
    /// # Errors
    /// As [`View::assess`].
    pub fn assess_with(
        &self,
        account: &MarginAccount,
        further: &[Position],
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<(), StateError> {
        report.reset();
        let mut assessment = Assessment {
            view: self,
            purpose,
            report,
            stale_value: 0,
        };
        for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
            assessment.add_balance(
                balance.asset,
                ledger::amount(balance, self.indexes(balance.asset)?)?,
            )?;
        }
        let positions = account.positions.iter().chain(further);
        for position in positions.filter(|slot| !slot.is_free()) {
            assessment.add_position(position)?;
        }
        assessment.finish()
    }

    /// Whether an account in liquidation has recovered to its buffer. Prices that cannot be used mean that it has not.
    pub fn has_recovered(&self, account: &MarginAccount, report: &mut Report) -> bool {
        self.assess(account, Purpose::Liquidate, report).is_ok() && report.is_above_buffer()
    }

    /// The price of one native unit of an asset other than the quote asset that a liquidation uses.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::Liquidate`].
    pub fn liquidation_price(&self, asset: u8, owned: bool) -> Result<I80F48, StateError> {
        let (entry, validity) = self.feed_price(self.exchange.asset(asset)?.feed)?;
        Ok(self
            .usable(entry, validity, Purpose::Liquidate, owned, false)?
            .price)
    }

    /// The mark of one lot that a liquidation uses.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::Liquidate`].
    pub fn liquidation_mark(&self, underlying: u8, owned: bool) -> Result<I80F48, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        let usable = self.usable(entry, validity, Purpose::Liquidate, owned, true)?;
        lot_mark(usable.price, listed.lot_size)
    }

    /// Whether an order's price (quote units per lot) lies in the band around the last known mark, however old that is.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`].
    pub fn is_within_band(&self, underlying: u8, price: u64) -> Result<bool, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        if validity == Validity::NeverSet {
            return Err(StateError::PriceNeverSet);
        }
        let mark = lot_mark(entry.price.get(), listed.lot_size)?;
        let band = I80F48::from_bits(i128::from(listed.price_band_q32) << 16);
        let width = mark.checked_mul(band).ok_or(StateError::Overflow)?;
        Ok(mark.abs_diff(I80F48::from_num(price)) <= width)
    }

    /// Mark of one lot of an underlying at the board's price, for settlement.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`], [`StateError::StalePrice`], [`StateError::UncertainPrice`]: only a fresh price will do.
    pub fn fresh_mark(&self, underlying: u8) -> Result<I80F48, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        match validity {
            Validity::Fresh => lot_mark(entry.price.get(), listed.lot_size),
            Validity::NeverSet => Err(StateError::PriceNeverSet),
            Validity::Wide => Err(StateError::UncertainPrice),
            Validity::Stale => Err(StateError::StalePrice),
        }
    }

    fn indexes(&self, asset: u8) -> Result<&'a AssetIndexes, StateError> {
        self.board.indexes(asset)
    }

    fn feed_price(&self, feed: u8) -> Result<(&'a PriceEntry, Validity), StateError> {
        let entry = self.board.price(feed)?;
        Ok((entry, entry.validity(self.exchange.feed(feed)?, self.now)))
    }

    fn underlying_price(
        &self,
        underlying: u8,
    ) -> Result<(&'a crate::Underlying, &'a PriceEntry, Validity), StateError> {
        let listed = self.exchange.underlying(underlying)?;
        let (entry, validity) = self.feed_price(listed.feed)?;
        Ok((listed, entry, validity))
    }

    /// The price at which an amount owned (deposit, long) or owed (loan, short) counts.
    fn usable(
        &self,
        entry: &PriceEntry,
        validity: Validity,
        purpose: Purpose,
        owned: bool,
        position: bool,
    ) -> Result<Usable, StateError> {
        let price = entry.price.get();
        let confidence = entry.confidence.get();
        let at = |price: I80F48| Usable {
            price,
            counts: true,
            stale: false,
        };
        let nothing = Usable {
            price,
            counts: false,
            stale: false,
        };
        match (validity, purpose) {
            (Validity::NeverSet, _) => Err(StateError::PriceNeverSet),
            (Validity::Fresh, _) | (_, Purpose::ReduceRisk) => Ok(at(price)),
            // A position's uncertainty is in its scan range.
            (Validity::Wide, Purpose::AddRisk) if position => Ok(at(price)),
            (Validity::Wide | Validity::Stale, Purpose::AddRisk) if owned && !position => {
                Ok(nothing)
            }
            (Validity::Wide, Purpose::AddRisk) => {
                let multiplier = self.exchange.margin.wide_confidence_multiplier_q32;
                let extra = confidence
                    .checked_mul(I80F48::from_bits(i128::from(multiplier) << 16))
                    .ok_or(StateError::Overflow)?;
                Ok(at(price.checked_add(extra).ok_or(StateError::Overflow)?))
            }
            (Validity::Stale, Purpose::AddRisk) => Err(StateError::StalePrice),
            (Validity::Wide, Purpose::Liquidate) if owned => Ok(at(price
                .checked_add(confidence)
                .ok_or(StateError::Overflow)?)),
            (Validity::Wide, Purpose::Liquidate) => {
                Ok(at(price.saturating_sub(confidence).max(I80F48::ZERO)))
            }
            (Validity::Stale, Purpose::Liquidate) => Ok(Usable {
                price,
                counts: true,
                stale: true,
            }),
        }
    }
}

/// Mark of one lot.
fn lot_mark(price: I80F48, lot_size: u64) -> Result<I80F48, StateError> {
    price
        .checked_mul_int(i128::from(lot_size))
        .ok_or(StateError::Overflow)
}

fn add(total: &mut i64, value: i64) -> Result<(), StateError> {
    *total = total.checked_add(value).ok_or(StateError::Overflow)?;
    Ok(())
}

/// A report in the making.
struct Assessment<'a, 'b> {
    view: &'b View<'a>,
    purpose: Purpose,
    report: &'b mut Report,
    /// Sum of the sizes of values at stale prices.
    stale_value: i64,
}

impl Assessment<'_, '_> {
    fn add_balance(&mut self, asset: u8, amount: i64) -> Result<(), StateError> {
        if asset == QUOTE_ASSET {
            // The numeraire: no price, no haircut.
            add(&mut self.report.gross_value, amount.saturating_abs())?;
            add(&mut self.report.equity_mark, amount)?;
            add(&mut self.report.equity_maintenance, amount)?;
            return add(&mut self.report.equity_initial, amount);
        }
        let listed = self.view.exchange.asset(asset)?;
        let (entry, validity) = self.view.feed_price(listed.feed)?;
        let owned = amount >= 0;
        let usable = self
            .view
            .usable(entry, validity, self.purpose, owned, false)?;
        if !usable.counts {
            return Ok(());
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
        let (value, maintenance, initial) = if owned {
            let value = value_floor(size, usable.price)?;
            let cautious = value_floor(size, usable.price.min(slow))?;
            (
                value,
                after_haircut_floor(value, listed.deposit_haircut_maintenance_q32)?,
                after_haircut_floor(
                    cautious,
                    listed
                        .deposit_haircut_initial_q32
                        .saturating_add(range_haircut),
                )?,
            )
        } else {
            let value = value_ceil(size, usable.price)?;
            let cautious = value_ceil(size, usable.price.max(slow))?;
            (
                -value,
                -with_haircut_ceil(value, listed.loan_haircut_maintenance_q32)?,
                -with_haircut_ceil(
                    cautious,
                    listed
                        .loan_haircut_initial_q32
                        .saturating_add(range_haircut),
                )?,
            )
        };
        if let Some(slot) = slot {
            add(&mut self.report.underlyings[slot].delta, value)?;
        }
        self.add_value(value, usable.stale)?;
        add(&mut self.report.equity_mark, value)?;
        add(&mut self.report.equity_maintenance, maintenance)?;
        add(&mut self.report.equity_initial, initial)
    }

    fn add_position(&mut self, position: &Position) -> Result<(), StateError> {
        if position.terms.kind()? != MarketKind::Perpetual {
            return Err(StateError::UnsupportedInstrument);
        }
        let (listed, entry, validity) = self.view.underlying_price(position.terms.underlying)?;
        let owned = position.base_lots >= 0;
        let usable = self
            .view
            .usable(entry, validity, self.purpose, owned, true)?;
        let mark = lot_mark(usable.price, listed.lot_size)?;
        let value = signed_value_floor(position.base_lots, mark)?;
        let profit = value
            .checked_add(position.quote)
            .ok_or(StateError::Overflow)?;
        let slot = self.underlying_slot(position.terms.underlying)?;
        let underlying = &mut self.report.underlyings[slot];
        add(&mut underlying.delta, value)?;
        add(&mut underlying.profit, profit)?;
        self.add_value(value, usable.stale)
    }

    fn add_value(&mut self, value: i64, stale: bool) -> Result<(), StateError> {
        add(&mut self.report.gross_value, value.saturating_abs())?;
        if stale {
            add(&mut self.stale_value, value.saturating_abs())?;
        }
        Ok(())
    }

    /// Place of an underlying in the report, with its range on first use.
    fn underlying_slot(&mut self, underlying: u8) -> Result<usize, StateError> {
        let count = self.report.underlying_count;
        let known = self.report.underlyings[..count]
            .iter()
            .position(|entry| entry.underlying == underlying);
        if let Some(slot) = known {
            return Ok(slot);
        }
        let (listed, entry, _) = self.view.underlying_price(underlying)?;
        let state = self
            .view
            .board
            .underlyings
            .get(usize::from(underlying))
            .ok_or(StateError::UnknownIndex)?;
        let slot = self
            .report
            .underlyings
            .get_mut(count)
            .ok_or(StateError::UnknownIndex)?;
        slot.underlying = underlying;
        slot.mark.set(lot_mark(entry.price.get(), listed.lot_size)?);
        slot.range_q32 = state.scan_range_q32(listed, entry);
        self.report.underlying_count += 1;
        Ok(count)
    }

    fn finish(mut self) -> Result<(), StateError> {
        if self.purpose == Purpose::Liquidate
            && self.stale_value > 0
            && self.stale_value.saturating_mul(100) >= self.report.gross_value
        {
            return Err(StateError::StalePrice);
        }
        let mut directional = [0i64; UNDERLYINGS_MAX];
        let count = self.report.underlying_count;
        for slot in 0..count {
            directional[slot] = self.finish_underlying(slot)?;
        }
        let report = self.report;
        let parameters = &self.view.exchange.margin;
        let index = |slot: usize| report.underlyings[slot].underlying;
        report.directional_loss =
            aggregate_directional(&directional[..count], parameters.max_offset_q32, |a, b| {
                self.view.exchange.correlation(index(a), index(b))
            })?;
        report.depeg_factor_q32 = self.view.depeg_factor_q32()?;
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
        let scan = scan_linear(entry.delta, entry.range_q32)?;
        entry.scan_loss = scan.loss;
        entry.worst_scenario = scan.scenario;
        entry.directional = directional_loss(entry.delta, entry.range_q32, scan.loss)?;
        entry.size_contingency = size_contingency(
            entry.delta,
            listed.size_coefficient_q64,
            listed.size_cap_q32,
        )?;
        let entry = *entry;
        let cap = i64::try_from(listed.unsettled_profit_cap).unwrap_or(i64::MAX);
        add(&mut self.report.equity_mark, entry.profit)?;
        add(&mut self.report.equity_maintenance, entry.profit)?;
        add(&mut self.report.equity_initial, entry.profit.min(cap))?;
        add(
            &mut self.report.residual_loss,
            entry.scan_loss - entry.directional.abs(),
        )?;
        add(&mut self.report.contingencies, entry.size_contingency)?;
        Ok(entry.directional)
    }
}

impl View<'_> {
    /// Factor on margin for the quote asset's de-peg; 1 while its feed was never set.
    fn depeg_factor_q32(&self) -> Result<u64, StateError> {
        let quote = self.exchange.asset(QUOTE_ASSET)?;
        let (entry, validity) = self.feed_price(quote.feed)?;
        if validity == Validity::NeverSet {
            return Ok(Q32_ONE);
        }
        // Quote units per quote unit is the price itself.
        let price_q32 = (entry.price.get().to_bits() >> 16) as u64;
        Ok(depeg_factor_q32(
            price_q32,
            self.exchange.margin.depeg_multiplier_q32,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MarketTerms;
    use bytemuck::allocation::zeroed_box;

    const NOW: i64 = 1_700_000_000;

    fn q32(x: f64) -> u64 {
        (x * Q32_ONE as f64) as u64
    }

    /// USDC, SOL at 250 (9 decimals) and ETH at 4,000 (8 decimals), ranges 10%, correlation 0.5 to 0.9.
    fn world() -> (Box<Exchange>, Box<Board>) {
        let mut exchange: Box<Exchange> = zeroed_box();
        let mut board: Box<Board> = zeroed_box();
        exchange.asset_count = 3;
        exchange.underlying_count = 2;
        exchange.feed_count = 3;
        exchange.margin.initial_factor_q32 = q32(1.25);
        exchange.margin.max_offset_q32 = q32(0.6);
        exchange.margin.depeg_multiplier_q32 = q32(5.0);
        exchange.margin.wide_confidence_multiplier_q32 = q32(2.0);
        exchange.liquidation.buffer_q32 = q32(0.5);
        for (index, (decimals, price)) in
            [(6, 1.0), (9, 250.0), (8, 4_000.0)].into_iter().enumerate()
        {
            let feed = &mut exchange.feeds[index];
            feed.kind = 1;
            feed.unit_decimals = decimals;
            feed.max_age_s = 60;
            feed.max_confidence_q32 = q32(0.02);
            feed.compare_with = NONE;
            let native = I80F48::from_num(price * 10f64.powi(6 - i32::from(decimals)));
            let feed = *feed;
            board.prices[index].update(&feed, native, I80F48::ZERO, native, NOW, 1);
            let asset = &mut exchange.assets[index];
            asset.decimals = decimals;
            asset.feed = index as u8;
            asset.underlying = if index == 0 { NONE } else { index as u8 - 1 };
            if index > 0 {
                asset.deposit_haircut_maintenance_q32 = q32(0.02);
                asset.deposit_haircut_initial_q32 = q32(0.05);
                let underlying = &mut exchange.underlyings[index - 1];
                underlying.feed = index as u8;
                underlying.lot_size = 10u64.pow(u32::from(decimals) - 2);
                underlying.range_minimum_q32 = q32(0.1);
                underlying.range_maximum_q32 = q32(0.3);
                underlying.unsettled_profit_cap = 1_000_000_000;
            }
            let one = I80F48::ONE.into();
            board.assets[index].deposit = one;
            board.assets[index].borrow = one;
        }
        exchange.correlations[0].low_bps = 5_000;
        exchange.correlations[0].high_bps = 9_000;
        (exchange, board)
    }

    fn deposit(account: &mut MarginAccount, asset: u8, amount: i64) {
        account
            .balance_mut(asset)
            .unwrap()
            .shares
            .set(I80F48::from_num(amount));
    }

    fn perpetual(account: &mut MarginAccount, underlying: u8, lots: i64, quote: i64) {
        let terms = MarketTerms::perpetual(underlying);
        *account.position_mut(&terms).unwrap() = Position {
            base_lots: lots,
            quote,
            terms,
            ..Position::default()
        };
    }

    fn assess(
        exchange: &Exchange,
        board: &Board,
        account: &MarginAccount,
        purpose: Purpose,
    ) -> Result<Box<Report>, StateError> {
        let mut report = Report::boxed();
        let view = View {
            exchange,
            board,
            now: NOW,
        };
        view.assess(account, purpose, &mut report).map(|()| report)
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // 10,000 USDC and 50 SOL deposited, short 50 SOL of perpetual at 260: the hedge needs no margin.
        let (exchange, board) = world();
        let mut account = MarginAccount::zeroed();
        deposit(&mut account, 0, 10_000_000_000);
        deposit(&mut account, 1, 50_000_000_000);
        perpetual(&mut account, 0, -5_000, 13_000_000_000);
        let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
        assert!(report.underlyings[0].delta.abs() <= 1);
        assert!(report.maintenance_margin <= 1);
        assert_eq!(report.underlyings[0].profit, 500_000_000);
        // 10,000 + 50·250·0.98 + 500
        assert!((report.equity_maintenance - 22_750_000_000).abs() <= 2);
        assert!((report.equity_mark - 23_000_000_000).abs() <= 2);
    }

    #[test]
    fn opposite_underlyings_offset_and_equal_ones_add() {
        let (exchange, board) = world();
        let margin = |sol: i64, eth: i64| {
            let mut account = MarginAccount::zeroed();
            perpetual(&mut account, 0, sol, 0);
            perpetual(&mut account, 1, eth, 0);
            assess(&exchange, &board, &account, Purpose::AddRisk)
                .unwrap()
                .maintenance_margin
        };
        // 4,000 of each at 10%: 400 and 400; √(400²+400²+2·0.9·400²) = 779.7, √(2·400² - 2·0.5·400²) = 400.
        let (added, offset) = (margin(1_600, 100), margin(1_600, -100));
        assert!((added - 779_743_588).abs() < 100, "{added}");
        assert!((offset - 400_000_000).abs() < 100, "{offset}");
    }

    #[test]
    fn profit_beyond_its_cap_counts_for_maintenance_only() {
        let (exchange, board) = world();
        let mut account = MarginAccount::zeroed();
        perpetual(&mut account, 0, 0, 5_000_000_000);
        let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
        assert_eq!(report.equity_maintenance, 5_000_000_000);
        assert_eq!(report.equity_initial, 1_000_000_000);
    }

    #[test]
    fn uncertain_and_stale_prices_count_by_purpose() {
        let (exchange, mut board) = world();
        let mut saver = MarginAccount::zeroed();
        deposit(&mut saver, 1, 1_000_000_000);
        let mut borrower = MarginAccount::zeroed();
        deposit(&mut borrower, 0, 1_000_000_000);
        deposit(&mut borrower, 1, -1_000_000_000);
        // ±6.25% is wide (limit 2%).
        board.prices[1].confidence.set(I80F48::from_num(0.015625));
        board.prices[1].confidence_ratio_q32 = q32(0.0625);
        let mark = |account: &MarginAccount, board: &Board, purpose| {
            assess(&exchange, board, account, purpose).map(|report| report.equity_mark)
        };
        assert_eq!(mark(&saver, &board, Purpose::AddRisk), Ok(0));
        assert_eq!(mark(&saver, &board, Purpose::ReduceRisk), Ok(250_000_000));
        assert_eq!(mark(&saver, &board, Purpose::Liquidate), Ok(265_625_000));
        assert_eq!(mark(&borrower, &board, Purpose::AddRisk), Ok(718_750_000));
        assert_eq!(mark(&borrower, &board, Purpose::Liquidate), Ok(765_625_000));
        board.prices[1].publish_time = NOW - 61;
        assert_eq!(mark(&saver, &board, Purpose::AddRisk), Ok(0));
        assert_eq!(
            mark(&borrower, &board, Purpose::AddRisk),
            Err(StateError::StalePrice)
        );
        assert_eq!(
            mark(&borrower, &board, Purpose::Liquidate),
            Err(StateError::StalePrice)
        );
        assert!(mark(&borrower, &board, Purpose::ReduceRisk).is_ok());
        // Under 1% of the account's value a stale entry does not hold up its liquidation.
        deposit(&mut borrower, 1, -10_000_000);
        assert!(mark(&borrower, &board, Purpose::Liquidate).is_ok());
        board.prices[1].publish_time = 0;
        assert_eq!(
            mark(&saver, &board, Purpose::ReduceRisk),
            Err(StateError::PriceNeverSet)
        );
    }

    #[test]
    fn a_depeg_raises_all_margin() {
        let (exchange, mut board) = world();
        let mut account = MarginAccount::zeroed();
        perpetual(&mut account, 0, 100, 0);
        let margin = |board: &Board| {
            assess(&exchange, board, &account, Purpose::AddRisk)
                .unwrap()
                .maintenance_margin as f64
        };
        let calm = margin(&board);
        board.prices[0].price.set(I80F48::from_num(0.90));
        assert!((margin(&board) / calm - 1.45).abs() < 1e-6);
    }
}
