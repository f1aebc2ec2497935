//! Reports of accounts with names and in units that people use.

use ballast_risk::liquidation::auction_price;
use ballast_state::health::{Purpose, Report, UnderlyingReport, View};
use ballast_state::{MarginAccount, StateError, Validity};
use serde::Serialize;

use crate::amounts::{Decimal, Scale};
use crate::names;
use crate::risk::describe;

/// An account's report for adding risk or, when its prices do not allow any, for reducing it, with what is to be said about that.
pub fn assess_leniently(
    view: &View,
    account: &MarginAccount,
) -> Result<(Box<Report>, Option<String>), StateError> {
    let mut report = Report::boxed();
    match view.assess(account, Purpose::AddRisk, &mut report) {
        Ok(()) => Ok((report, None)),
        Err(
            refusal @ (StateError::StalePrice
            | StateError::SettlementPending
            | StateError::PriceNeverSet),
        ) => {
            view.assess(account, Purpose::ReduceRisk, &mut report)?;
            let note = format!(
                "the account may add no risk now ({refusal}); the figures are those of the last known prices"
            );
            Ok((report, Some(note)))
        }
        Err(error) => Err(error),
    }
}

/// An account's report as a liquidation sees it; nothing when its prices allow none.
pub fn liquidation_report(view: &View, account: &MarginAccount) -> Option<Box<Report>> {
    let mut report = Report::boxed();
    let assessed = view.assess(account, Purpose::Liquidate, &mut report);
    assessed.is_ok().then_some(report)
}

/// Prices that an account depends on and that are not fresh.
pub fn doubts(view: &View, account: &MarginAccount) -> Vec<String> {
    let exchange = view.exchange;
    let balances = account.balances.iter().filter(|slot| !slot.is_free());
    let assets = balances.filter_map(|slot| Some(exchange.asset(slot.asset).ok()?.feed));
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    let underlyings = positions
        .clone()
        .filter_map(|slot| Some(exchange.underlying(slot.terms.underlying).ok()?.feed));
    let mut feeds: Vec<u8> = assets.chain(underlyings).collect();
    feeds.sort_unstable();
    feeds.dedup();
    let mut notes: Vec<String> = feeds
        .into_iter()
        .filter_map(|index| {
            let entry = view.board.price(index).ok()?;
            let feed = exchange.feed(index).ok()?;
            let age = view.now.saturating_sub(entry.publish_time);
            let doubt = match entry.validity(feed, view.now) {
                Validity::Fresh => return None,
                Validity::Wide => "is uncertain".to_owned(),
                Validity::Stale if entry.is_divergent(feed) => "is apart from its second source".to_owned(),
                Validity::Stale => format!("is {} old", names::span(age)),
                Validity::NeverSet => "was never set".to_owned(),
            };
            Some(format!(
                "the price of {} {doubt}: `ballast price refresh` brings a newer one where there is one",
                names::feed(exchange, index)
            ))
        })
        .collect();
    let mut options: Vec<u8> = positions
        .filter(|slot| slot.terms.is_option() && slot.base_lots != 0)
        .map(|slot| slot.terms.underlying)
        .collect();
    options.sort_unstable();
    options.dedup();
    notes.extend(
        options
            .into_iter()
            .filter(|index| view.surface_is_stale(*index).unwrap_or(true))
            .map(|index| {
                format!(
                    "the volatility surface of {} is old: its options can only be reduced",
                    names::underlying(exchange, index)
                )
            }),
    );
    notes
}

/// One underlying's part of an account's margin.
#[derive(Clone, Debug, Serialize)]
pub struct UnderlyingFigures {
    /// Its ticker.
    pub underlying: String,
    /// USD per whole unit.
    pub price: Decimal,
    /// The scan range.
    pub range: Decimal,
    /// Whole units that the account gains or loses with, spot, futures and options together.
    pub delta: Decimal,
    /// The same in USD.
    pub delta_value: Decimal,
    /// Worst weighted loss in the scenarios.
    pub scan_loss: Decimal,
    /// In which.
    pub worst_scenario: String,
    /// Its directional part, signed as the delta.
    pub directional: Decimal,
    /// What is not directional.
    pub residual: Decimal,
    /// Contingency for size.
    pub size_contingency: Decimal,
    /// Minimum for net short options.
    pub option_contingency: Decimal,
}

impl UnderlyingFigures {
    /// Of a report.
    pub fn of(view: &View, entry: &UnderlyingReport) -> Result<Self, StateError> {
        let scale = Scale::of(view.exchange, entry.underlying)?;
        let price = scale.mark(entry.mark.get());
        let value = entry.delta.saturating_add(entry.option_delta);
        let lots = entry.mark.get();
        let usd = |units: i64| Decimal::usd(units);
        // Value over mark, in lots, to four more digits.
        let per_lot = i128::from(value)
            .checked_mul(10_000 << 32)
            .map_or(0, |value| value / (lots.to_bits() >> 16).max(1));
        Ok(Self {
            underlying: names::underlying(view.exchange, entry.underlying),
            price,
            range: Decimal::q32(entry.range_q32),
            delta: Decimal::new(
                per_lot.saturating_mul(scale.lot_size.into()),
                u32::from(scale.decimals) + 4,
            ),
            delta_value: usd(value),
            scan_loss: usd(entry.scan_loss),
            worst_scenario: describe(entry),
            directional: usd(entry.directional),
            residual: usd(entry.residual()),
            size_contingency: usd(entry.size_contingency),
            option_contingency: usd(entry.option_contingency),
        })
    }
}

/// The margin of an account with its parts.
#[derive(Clone, Debug, Serialize)]
pub struct MarginFigures {
    /// Equity at marks, without haircuts.
    pub equity_mark: Decimal,
    /// Equity after maintenance haircuts.
    pub equity_maintenance: Decimal,
    /// Equity after initial haircuts.
    pub equity_initial: Decimal,
    /// Directional losses after aggregation across underlyings.
    pub directional_loss: Decimal,
    /// Losses that are not directional.
    pub residual_loss: Decimal,
    /// Contingencies.
    pub contingencies: Decimal,
    /// Factor for the quote asset's de-peg.
    pub depeg_factor: Decimal,
    /// Maintenance margin.
    pub maintenance_margin: Decimal,
    /// Initial margin.
    pub initial_margin: Decimal,
    /// Equity at which a liquidation ends.
    pub buffer_margin: Decimal,
    /// Equity above initial margin.
    pub health_initial: Decimal,
    /// Equity above maintenance margin.
    pub health_maintenance: Decimal,
    /// Equity over maintenance margin; nothing without margin.
    pub ratio: Option<Decimal>,
    /// Sum of the sizes of all values over equity at marks; nothing without equity.
    pub leverage: Option<Decimal>,
}

impl MarginFigures {
    /// Of a report.
    pub fn of(report: &Report) -> Self {
        let usd = |units: i64| Decimal::usd(units);
        let ratio = |a: i64, b: i64| (b > 0).then(|| Decimal::ratio(a.into(), b.into(), 4));
        let exposure: i64 = report
            .underlyings()
            .iter()
            .map(|entry| {
                entry
                    .delta
                    .saturating_add(entry.option_delta)
                    .saturating_abs()
            })
            .fold(0, i64::saturating_add);
        Self {
            equity_mark: usd(report.equity_mark),
            equity_maintenance: usd(report.equity_maintenance),
            equity_initial: usd(report.equity_initial),
            directional_loss: usd(report.directional_loss),
            residual_loss: usd(report.residual_loss),
            contingencies: usd(report.contingencies),
            depeg_factor: Decimal::q32(report.depeg_factor_q32),
            maintenance_margin: usd(report.maintenance_margin),
            initial_margin: usd(report.initial_margin),
            buffer_margin: usd(report.buffer_margin),
            health_initial: usd(report.health_initial()),
            health_maintenance: usd(report.health_maintenance()),
            ratio: ratio(report.equity_maintenance, report.maintenance_margin),
            leverage: ratio(exposure, report.equity_mark),
        }
    }
}

/// The auction of an account in liquidation.
#[derive(Clone, Debug, Serialize)]
pub struct AuctionFigures {
    /// When it was flagged, unix seconds.
    pub started_at: i64,
    /// Seconds for which it has been seen below its margin, with those that the next observation would add.
    pub elapsed_s: u64,
    /// What the whole portfolio costs now; negative when the insurance fund pays.
    pub price: Decimal,
    /// How far that is below its equity at marks; nothing without equity.
    pub discount: Option<Decimal>,
}

impl AuctionFigures {
    /// At the time of a view; nothing for an account that is not in liquidation.
    pub fn of(view: &View, account: &MarginAccount, report: &Report) -> Option<Self> {
        if !account.in_liquidation() {
            return None;
        }
        let parameters = &view.exchange.liquidation;
        let mut seen = *account;
        seen.observe_auction(
            report.is_liquidatable(),
            view.now,
            parameters.observation_gap_max_s,
        );
        let price = auction_price(
            &parameters.auction(),
            report.equity_mark,
            report.maintenance_margin,
            seen.auction_elapsed_s,
        )
        .ok()?;
        let equity = report.equity_mark;
        Some(Self {
            started_at: account.liquidation_started_at,
            elapsed_s: seen.auction_elapsed_s,
            price: Decimal::usd(price),
            discount: (equity > 0)
                .then(|| Decimal::ratio(i128::from(equity) - i128::from(price), equity.into(), 6)),
        })
    }
}
