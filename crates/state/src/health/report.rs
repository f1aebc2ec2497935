//! The figures of one account.

use crate::{StoredI80F48, UNDERLYINGS_MAX};
use bytemuck::Zeroable;

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

    pub(super) fn reset(&mut self) {
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
