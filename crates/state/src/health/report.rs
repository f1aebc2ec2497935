//! The figures of one account.

use alloc::boxed::Box;

use crate::{BALANCES_MAX, POSITIONS_MAX, StoredI80F48, UNDERLYINGS_MAX};
use ballast_risk::scenarios::SCENARIO_COUNT;
use bytemuck::Zeroable;

/// One balance's part of a report. Values in quote units, negative for loans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroable)]
pub struct BalanceReport {
    /// Index of the asset in the exchange.
    pub asset: u8,
    /// Native units.
    pub amount: i64,
    /// Value without haircut; 0 when its price may not be used.
    pub value: i64,
    /// Value after the maintenance haircut.
    pub maintenance: i64,
    /// Value after the initial haircut, at the worse of price and slow price.
    pub initial: i64,
}

/// One position's part of a report. Values in quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroable)]
pub struct PositionReport {
    /// Price of one lot for delivery at its expiry, quote units: the mark of perpetuals and futures, what options are valued on.
    pub forward: StoredI80F48,
    /// An option's implied volatility, Q32; 0 for others.
    pub volatility_q32: u64,
    /// Lots at their mark, or at their payoff once that is certain; an option's mark is this over its lots.
    pub value: i64,
    /// Change of value per relative change of the underlying's price.
    pub delta: i64,
    /// Value and what was received and paid so far, funding up to now included.
    pub profit: i64,
}

/// One underlying's part of a report. Values in quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroable)]
pub struct UnderlyingReport {
    /// Index of the underlying in the exchange.
    pub underlying: u8,
    /// Mark of one lot, quote units.
    pub mark: StoredI80F48,
    /// Scan range, Q32.
    pub range_q32: u64,
    /// Net delta of what is linear: spot deposits and loans, perpetuals and futures.
    pub delta: i64,
    /// Net delta of options.
    pub option_delta: i64,
    /// Profit of all positions.
    pub profit: i64,
    /// The part of it that only a posted carry promises: what futures are in profit by beyond their profit at the underlying's price.
    pub promised: i64,
    /// Worst weighted loss in the scenarios.
    pub scan_loss: i64,
    /// The scenario of that loss.
    pub worst_scenario: u8,
    /// Directional part, signed as the delta.
    pub directional: i64,
    /// Contingency for size.
    pub size_contingency: i64,
    /// Minimum for net short options.
    pub option_contingency: i64,
    /// Value of the long options.
    pub long_option_value: i64,
    /// Net lots of calls and of puts.
    pub option_lots: [i64; 2],
    /// How many option positions there are.
    pub option_legs: u8,
    /// The options' profit in each scenario.
    pub option_profits: [i64; SCENARIO_COUNT],
}

/// The margin of one account with every intermediate. Values in quote units.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Zeroable)]
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
    /// How many entries of `balances` are used.
    pub balance_count: usize,
    /// Per balance, in the order of the account's slots that are not free.
    pub balances: [BalanceReport; BALANCES_MAX],
    /// How many entries of `positions` are used.
    pub position_count: usize,
    /// Per position, in the order of the account's slots that are not free, a further one last.
    pub positions: [PositionReport; POSITIONS_MAX + 1],
}

impl UnderlyingReport {
    /// The part of the scan loss that is not directional: no hedge in another underlying takes it away.
    pub fn residual(&self) -> i64 {
        self.scan_loss - self.directional.abs()
    }
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

    /// The balances that are not free, in the order of the account's slots.
    pub fn balances(&self) -> &[BalanceReport] {
        &self.balances[..self.balance_count]
    }

    /// The positions that are not free, in the order of the account's slots.
    pub fn positions(&self) -> &[PositionReport] {
        &self.positions[..self.position_count]
    }

    /// The two figures that a reducing action must not worsen.
    pub fn risk_mark(&self) -> RiskMark {
        RiskMark {
            equity_maintenance: self.equity_maintenance,
            maintenance_margin: self.maintenance_margin,
        }
    }

    pub(super) fn reset(&mut self) {
        for used in &mut self.underlyings[..self.underlying_count] {
            *used = UnderlyingReport::zeroed();
        }
        self.balances[..self.balance_count].fill(BalanceReport::zeroed());
        self.positions[..self.position_count].fill(PositionReport::zeroed());
        self.balance_count = 0;
        self.position_count = 0;
        self.equity_mark = 0;
        self.equity_maintenance = 0;
        self.equity_initial = 0;
        self.gross_value = 0;
        self.residual_loss = 0;
        self.contingencies = 0;
        self.underlying_count = 0;
    }
}

/// Equity against margin at one moment, to compare an account before and after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskMark {
    /// Equity after maintenance haircuts.
    pub equity_maintenance: i64,
    /// Maintenance margin.
    pub maintenance_margin: i64,
}

impl RiskMark {
    /// Whether a reducing action led here from `before` without making anything worse: neither margin nor shortfall grew,
    /// and [`RiskMark::keeps_ratio_of`].
    pub fn is_no_riskier_than(&self, before: &Self) -> bool {
        let shortfall =
            |mark: &Self| i128::from(mark.maintenance_margin) - i128::from(mark.equity_maintenance);
        self.maintenance_margin <= before.maintenance_margin
            && shortfall(self) <= shortfall(before)
            && self.keeps_ratio_of(before)
    }

    /// Whether equity still covers at least the part of the margin that it covered before. An account that had equity keeps
    /// some; one that had none loses no more. Without this, margin that a reduction sets free could be traded away at a
    /// bad price to an accomplice, and the loss left behind.
    pub fn keeps_ratio_of(&self, before: &Self) -> bool {
        if before.equity_maintenance <= 0 {
            return self.equity_maintenance >= before.equity_maintenance
                && self.maintenance_margin <= before.maintenance_margin;
        }
        self.equity_maintenance >= 0
            && i128::from(self.equity_maintenance) * i128::from(before.maintenance_margin)
                >= i128::from(before.equity_maintenance) * i128::from(self.maintenance_margin)
    }
}
