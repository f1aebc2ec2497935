//! The figures of one account.

use ballast_risk::margin::aggregate_directional;
use ballast_risk::numbers::mul_q32_ceil;
use ballast_risk::scenarios::{MOVES_THIRDS, SCENARIOS, VolatilityShock, linear_profit};
use ballast_state::health::{self, Report, UnderlyingReport, View};
use ballast_state::{MarginAccount, Order, Position, StateError, Validity};

use crate::Failure;
use crate::greeks::{self, Greeks};
use crate::venue::validity_name;
use crate::wire::{Integer, Purpose, Seconds, Side, Terms};

answer! {
    /// Everything about an account. Values are in quote units.
    pub struct Assessment {
        /// The account itself.
        pub account: AccountFacts,
        /// What the figures are for in fact.
        pub purpose: Purpose,
        /// Why it is not the purpose that was asked for; the figures are then those of the last known prices.
        pub refusal: Option<Failure>,
        /// The totals.
        pub totals: Totals,
        /// As a liquidation sees them, uncertainty in the account's favour; nothing while its prices allow none.
        pub liquidation: Option<Totals>,
        /// Deposits and loans, in the order of the account's slots.
        pub balances: Vec<BalanceFigures>,
        /// Positions, in the order of the account's slots.
        pub positions: Vec<PositionFigures>,
        /// What each underlying contributes, in order of appearance.
        pub underlyings: Vec<UnderlyingFigures>,
        /// Resting orders. They reserve nothing by themselves.
        pub orders: Vec<OrderFigures>,
        /// Prices and surfaces that the account depends on and that are not fresh.
        pub doubts: Vec<Doubt>,
    }

    /// What an account says about itself.
    pub struct AccountFacts {
        /// Address of its exchange.
        pub exchange: String,
        /// Who may do everything with it.
        pub owner: String,
        /// Who may trade, never withdraw.
        pub delegate: Option<String>,
        /// The owner's number for it.
        pub sub_account: u16,
        /// Number of the next order.
        pub next_order_id: Integer,
        /// Whether it owes or may come to owe anything. One that does not may always withdraw and is never liquidated.
        pub has_obligations: bool,
        /// When its liquidation started.
        pub liquidation_started_at: Option<Seconds>,
        /// For how long it has been seen below its margin since, while it is in liquidation.
        pub auction_elapsed: Seconds,
    }

    /// Equity against margin, quote units.
    pub struct Totals {
        /// Equity at marks, without haircuts.
        pub equity_mark: Integer,
        /// Equity after maintenance haircuts.
        pub equity_maintenance: Integer,
        /// Equity after initial haircuts, at the worse of price and slow price, unsettled profit capped.
        pub equity_initial: Integer,
        /// Sum of the sizes of all values.
        pub gross_value: Integer,
        /// Sum of the sizes of the deltas of all underlyings.
        pub exposure: Integer,
        /// Margin, part 1: directional losses after aggregation across underlyings.
        pub directional_loss: Integer,
        /// Margin, part 2: losses that are not directional.
        pub residual_loss: Integer,
        /// Margin, part 3: contingencies for size and for short options.
        pub contingencies: Integer,
        /// Factor on the three parts for the quote asset's de-peg.
        pub depeg_factor_q32: Integer,
        /// The three parts times that factor.
        pub maintenance_margin: Integer,
        /// Maintenance margin times the exchange's factor.
        pub initial_margin: Integer,
        /// Equity for maintenance at which a liquidation ends.
        pub buffer_margin: Integer,
        /// Equity less margin, initial: an action that adds risk needs at least 0 afterwards.
        pub health_initial: Integer,
        /// Equity less margin, maintenance: below 0 the account can be liquidated.
        pub health_maintenance: Integer,
        /// Maintenance margin over equity for maintenance: from 0 without margin to 1, above which the account can be liquidated. Nothing
        /// when there is margin and no equity.
        pub margin_ratio_q32: Option<Integer>,
        /// Exposure over equity at marks; nothing without equity.
        pub leverage_q32: Option<Integer>,
        /// Whether it can be liquidated by these figures.
        pub is_liquidatable: bool,
    }

    /// A deposit or a loan. Values in quote units, negative for loans.
    pub struct BalanceFigures {
        /// Index of the asset.
        pub asset: u8,
        /// Native units.
        pub amount: Integer,
        /// Value without haircut; 0 when its price may not be used.
        pub value: Integer,
        /// Value after the maintenance haircut.
        pub maintenance: Integer,
        /// Value after the initial haircut, at the worse of price and slow price.
        pub initial: Integer,
    }

    /// A position. Values in quote units.
    pub struct PositionFigures {
        /// In what.
        pub terms: Terms,
        /// Lots, negative for short.
        pub lots: Integer,
        /// Received (positive) or paid so far, fees included, without the funding of `funding`.
        pub quote: Integer,
        /// Funding since the last settlement of it: received (positive) or owed.
        pub funding: Integer,
        /// Lots at their mark, or at their payoff once that is certain.
        pub value: Integer,
        /// Value, quote and funding: what closing at the mark would leave.
        pub profit: Integer,
        /// Mark of one lot, quote units; nothing without lots or price.
        pub mark_q32: Option<Integer>,
        /// Price of one lot for delivery at the expiry, quote units.
        pub forward_q32: Integer,
        /// Price of one lot at which the position has neither won nor lost; nothing without lots.
        pub break_even_q32: Option<Integer>,
        /// An option's implied volatility.
        pub volatility_q32: Option<Integer>,
        /// Change of value per relative change of the underlying's price.
        pub delta: Integer,
        /// The same in base units of the underlying (10^-decimals of one).
        pub delta_units: Integer,
        /// Change of `delta` per rise of the price by 1%. 0 for what is not an option, like the other two.
        pub gamma: Integer,
        /// Change of value per volatility point.
        pub vega: Integer,
        /// Change of value per day that passes.
        pub theta: Integer,
        /// Whether it has expired.
        pub expired: bool,
    }

    /// What an underlying contributes to the margin. Values in quote units.
    pub struct UnderlyingFigures {
        /// Index of the underlying.
        pub underlying: u8,
        /// Mark of one lot, quote units.
        pub mark_q32: Integer,
        /// Scan range.
        pub range_q32: Integer,
        /// Change of value per relative change of the price: spot deposits and loans, perpetuals and futures.
        pub delta: Integer,
        /// Likewise the options.
        pub option_delta: Integer,
        /// Both in base units of the underlying (10^-decimals of one).
        pub delta_units: Integer,
        /// Change of the delta per rise of the price by 1%.
        pub gamma: Integer,
        /// Change of value per volatility point.
        pub vega: Integer,
        /// Change of value per day that passes.
        pub theta: Integer,
        /// Profit of all positions.
        pub profit: Integer,
        /// What it is revalued in.
        pub scenarios: Vec<ScenarioFigures>,
        /// Index of the worst in `scenarios`; nothing when none loses.
        pub worst_scenario: Option<u8>,
        /// The worst weighted loss: directional part and residual.
        pub scan_loss: Integer,
        /// Directional part, signed as the delta; aggregated across underlyings before it counts.
        pub directional: Integer,
        /// The part that is not directional.
        pub residual: Integer,
        /// Contingency for size.
        pub size_contingency: Integer,
        /// Minimum for net short options.
        pub option_contingency: Integer,
        /// Value of the long options.
        pub long_option_value: Integer,
        /// By how much the maintenance margin would fall without this underlying. Of a hedge it is negative, and because of offsets the sum is not
        /// the margin.
        pub contribution: Integer,
    }

    /// One scenario of one underlying.
    pub struct ScenarioFigures {
        /// Relative move of the price.
        pub price_move_q32: Integer,
        /// The move in thirds of the scan range.
        pub thirds_of_range: i8,
        /// Where implied volatility goes.
        pub volatility: VolatilityMove,
        /// How much of a loss counts.
        pub weight_q32: Integer,
        /// Profit of everything on the underlying, not weighted.
        pub profit: Integer,
        /// What counts of its loss; 0 for a profit.
        pub loss: Integer,
    }

    /// Where implied volatility goes in a scenario.
    pub enum VolatilityMove {
        /// Down by the underlying's shock, which depends on the time to expiry.
        Down,
        /// Nowhere.
        Unchanged,
        /// Up by the underlying's shock.
        Up,
    }

    /// A resting order.
    pub struct OrderFigures {
        /// Number within the account.
        pub id: Integer,
        /// The owner's own number.
        pub client_id: Integer,
        /// What it trades.
        pub terms: Terms,
        /// The side.
        pub side: Side,
        /// Limit price, quote units per lot.
        pub price: Integer,
        /// Lots that are not filled yet.
        pub lots: Integer,
        /// When it lapses.
        pub expires_at: Option<Seconds>,
        /// Whether it has lapsed.
        pub lapsed: bool,
        /// Whether it may only reduce a position.
        pub reduce_only: bool,
        /// Whether it only trades as the older order.
        pub post_only: bool,
        /// Slot in which it was placed.
        pub placed_slot: Integer,
        /// Initial health if it were filled whole at its price, quote units; nothing when the prices do not allow to add risk. An order that is
        /// not affordable any more can be pruned by anybody.
        pub health_if_filled: Option<Integer>,
    }

    /// What the account depends on and is not fresh.
    #[serde(tag = "kind", rename_all_fields = "camelCase")]
    pub enum Doubt {
        /// A price.
        Price {
            /// Index of the feed.
            feed: u8,
            /// How far it may be trusted.
            validity: crate::venue::PriceValidity,
            /// Whether it is apart from its second source.
            divergent: bool,
            /// Time since it was published; nothing for one that never was.
            age: Option<Seconds>,
        },
        /// A volatility surface that is too old: options on the underlying can only be reduced.
        Surface {
            /// Index of the underlying.
            underlying: u8,
        },
    }
}

impl Totals {
    /// Of a report.
    pub fn of(report: &Report) -> Self {
        let exposure = report.underlyings().iter();
        let exposure: i128 = exposure
            .map(|entry| (i128::from(entry.delta) + i128::from(entry.option_delta)).abs())
            .sum();
        let (equity, margin) = (report.equity_maintenance, report.maintenance_margin);
        let over = |a: i128, b: i64| (b > 0).then(|| Integer((a << 32) / i128::from(b)));
        Self {
            equity_mark: report.equity_mark.into(),
            equity_maintenance: equity.into(),
            equity_initial: report.equity_initial.into(),
            gross_value: report.gross_value.into(),
            exposure: Integer(exposure),
            directional_loss: report.directional_loss.into(),
            residual_loss: report.residual_loss.into(),
            contingencies: report.contingencies.into(),
            depeg_factor_q32: report.depeg_factor_q32.into(),
            maintenance_margin: margin.into(),
            initial_margin: report.initial_margin.into(),
            buffer_margin: report.buffer_margin.into(),
            health_initial: report.health_initial().into(),
            health_maintenance: report.health_maintenance().into(),
            margin_ratio_q32: match margin {
                0 if equity >= 0 => Some(Integer(0)),
                _ => over(margin.into(), equity),
            },
            leverage_q32: over(exposure, report.equity_mark),
            is_liquidatable: report.is_liquidatable(),
        }
    }
}

/// An account's report for a purpose or, when its prices do not allow that, for reducing risk, with the reason.
///
/// # Errors
/// As [`View::assess`] for [`health::Purpose::ReduceRisk`].
pub fn assess_leniently(
    view: &View,
    account: &MarginAccount,
    purpose: Purpose,
) -> Result<(Box<Report>, Option<StateError>), StateError> {
    let mut report = Report::boxed();
    match view.assess(account, purpose.into(), &mut report) {
        Ok(()) => Ok((report, None)),
        Err(
            refusal @ (StateError::StalePrice
            | StateError::SettlementPending
            | StateError::PriceNeverSet),
        ) => {
            view.assess(account, health::Purpose::ReduceRisk, &mut report)?;
            Ok((report, Some(refusal)))
        }
        Err(error) => Err(error),
    }
}

/// Everything about an account.
///
/// # Errors
/// As [`assess_leniently`].
pub fn assess(
    view: &View,
    account: &MarginAccount,
    purpose: Purpose,
) -> Result<Assessment, Failure> {
    let (report, refusal) = assess_leniently(view, account, purpose)?;
    let mut for_liquidation = Report::boxed();
    let liquidation = view.assess(account, health::Purpose::Liquidate, &mut for_liquidation);
    let held = account.positions.iter().filter(|slot| !slot.is_free());
    let positions = held.clone().zip(report.positions());
    let positions = positions
        .map(|(position, entry)| PositionFigures::of(view, position, entry))
        .collect::<Result<Vec<_>, StateError>>()?;
    let underlyings = (0..report.underlyings().len())
        .map(|slot| UnderlyingFigures::of(view, &report, slot, &positions))
        .collect::<Result<_, StateError>>()?;
    let resting = account.orders.iter().filter(|order| order.lots != 0);
    Ok(Assessment {
        account: AccountFacts::of(account),
        purpose: match refusal {
            Some(_) => Purpose::ReduceRisk,
            None => purpose,
        },
        refusal: refusal.map(Failure::from),
        totals: Totals::of(&report),
        liquidation: liquidation.is_ok().then(|| Totals::of(&for_liquidation)),
        balances: balances(&report),
        positions,
        underlyings,
        orders: resting
            .map(|order| OrderFigures::of(view, account, order))
            .collect::<Result<_, StateError>>()?,
        doubts: doubts(view, account)?,
    })
}

impl AccountFacts {
    fn of(account: &MarginAccount) -> Self {
        let started = account.liquidation_started_at;
        Self {
            exchange: account.exchange.to_string(),
            owner: account.owner.to_string(),
            delegate: (account.delegate.to_bytes() != [0; 32])
                .then(|| account.delegate.to_string()),
            sub_account: account.sub_account,
            next_order_id: account.next_order_id.into(),
            has_obligations: account.has_obligations(),
            liquidation_started_at: account.in_liquidation().then_some(Seconds(started)),
            auction_elapsed: account.auction_elapsed_s.into(),
        }
    }
}

fn balances(report: &Report) -> Vec<BalanceFigures> {
    let balances = report.balances().iter().map(|balance| BalanceFigures {
        asset: balance.asset,
        amount: balance.amount.into(),
        value: balance.value.into(),
        maintenance: balance.maintenance.into(),
        initial: balance.initial.into(),
    });
    balances.collect()
}

/// What is worth `delta` quote units, in base units of an underlying.
fn units(view: &View, underlying: u8, delta: i128) -> Result<Integer, StateError> {
    let listed = view.exchange.underlying(underlying)?;
    let price = view.board.price(listed.feed)?.price.get().to_bits();
    Ok(Integer(match delta.checked_mul(1 << 48) {
        Some(delta) if price > 0 => delta / price,
        _ => 0,
    }))
}

impl PositionFigures {
    fn of(
        view: &View,
        position: &Position,
        entry: &health::PositionReport,
    ) -> Result<Self, StateError> {
        let terms = &position.terms;
        let lots = position.base_lots;
        let mut settled = *position;
        let funding = view.settle_funding(&mut settled)?;
        let per_lot = |quote: i128| (lots != 0).then(|| Integer((quote << 32) / i128::from(lots)));
        let greeks = if terms.is_option() && lots != 0 {
            greeks::of_option(view, terms, entry.volatility_q32)?.times(lots)?
        } else {
            Greeks::default()
        };
        Ok(Self {
            terms: (*terms).try_into()?,
            lots: lots.into(),
            quote: position.quote.into(),
            funding: funding.into(),
            value: entry.value.into(),
            profit: entry.profit.into(),
            mark_q32: per_lot(entry.value.into()),
            forward_q32: Integer::q32(entry.forward.get()),
            break_even_q32: per_lot(-i128::from(settled.quote)),
            volatility_q32: (entry.volatility_q32 != 0).then(|| entry.volatility_q32.into()),
            delta: entry.delta.into(),
            delta_units: units(view, terms.underlying, entry.delta.into())?,
            gamma: greeks.gamma,
            vega: greeks.vega,
            theta: greeks.theta,
            expired: terms.is_expired(view.now),
        })
    }
}

impl UnderlyingFigures {
    fn of(
        view: &View,
        report: &Report,
        slot: usize,
        positions: &[PositionFigures],
    ) -> Result<Self, StateError> {
        let entry = &report.underlyings()[slot];
        let on_it = |part: fn(&PositionFigures) -> Integer| {
            let positions = positions.iter();
            let on_it = positions.filter(|other| other.terms.underlying == entry.underlying);
            Integer(on_it.map(|position| part(position).0).sum())
        };
        let delta = i128::from(entry.delta) + i128::from(entry.option_delta);
        Ok(Self {
            underlying: entry.underlying,
            mark_q32: Integer::q32(entry.mark.get()),
            range_q32: entry.range_q32.into(),
            delta: entry.delta.into(),
            option_delta: entry.option_delta.into(),
            delta_units: units(view, entry.underlying, delta)?,
            gamma: on_it(|position| position.gamma),
            vega: on_it(|position| position.vega),
            theta: on_it(|position| position.theta),
            profit: entry.profit.into(),
            scenarios: scenarios(entry)?,
            worst_scenario: (entry.scan_loss > 0).then_some(entry.worst_scenario),
            scan_loss: entry.scan_loss.into(),
            directional: entry.directional.into(),
            residual: entry.residual().into(),
            size_contingency: entry.size_contingency.into(),
            option_contingency: entry.option_contingency.into(),
            long_option_value: entry.long_option_value.into(),
            contribution: contribution(view, report, slot)?.into(),
        })
    }
}

fn scenarios(entry: &UnderlyingReport) -> Result<Vec<ScenarioFigures>, StateError> {
    let scenarios = SCENARIOS.iter().zip(&entry.option_profits);
    let figures = scenarios.map(|(scenario, options)| {
        let price_move = scenario.move_q32(entry.range_q32);
        let linear = linear_profit(entry.delta, price_move)?;
        let profit = linear.checked_add(*options).ok_or(StateError::Overflow)?;
        let loss = mul_q32_ceil(profit.min(0).saturating_neg(), scenario.weight_q32)?;
        Ok(ScenarioFigures {
            price_move_q32: price_move.into(),
            thirds_of_range: MOVES_THIRDS[usize::from(scenario.move_index)],
            volatility: match scenario.volatility {
                VolatilityShock::Down => VolatilityMove::Down,
                VolatilityShock::Unchanged => VolatilityMove::Unchanged,
                VolatilityShock::Up => VolatilityMove::Up,
            },
            weight_q32: scenario.weight_q32.into(),
            profit: profit.into(),
            loss: loss.into(),
        })
    });
    figures.collect()
}

/// By how much the maintenance margin would fall without an underlying.
fn contribution(view: &View, report: &Report, slot: usize) -> Result<i64, StateError> {
    let others = report.underlyings().iter().enumerate();
    let others: Vec<_> = others
        .filter(|(other, _)| *other != slot)
        .map(|(_, entry)| entry)
        .collect();
    let losses: Vec<_> = others.iter().map(|entry| entry.directional).collect();
    let directional =
        aggregate_directional(&losses, view.exchange.margin.max_offset_q32, |a, b| {
            view.exchange
                .correlation(others[a].underlying, others[b].underlying)
        })?;
    let parts = others.iter().map(|entry| {
        i128::from(entry.residual())
            + i128::from(entry.size_contingency)
            + i128::from(entry.option_contingency)
    });
    let without = i64::try_from(i128::from(directional) + parts.sum::<i128>())
        .map_err(|_| StateError::Overflow)?;
    Ok(report.maintenance_margin - mul_q32_ceil(without, report.depeg_factor_q32)?)
}

impl OrderFigures {
    fn of(view: &View, account: &MarginAccount, order: &Order) -> Result<Self, StateError> {
        Ok(Self {
            id: order.id.into(),
            client_id: order.client_id.into(),
            terms: order.terms.try_into()?,
            side: match order.side() {
                ballast_state::Side::Bid => Side::Bid,
                ballast_state::Side::Ask => Side::Ask,
            },
            price: order.price.into(),
            lots: order.lots.into(),
            expires_at: (order.expires_at != 0).then(|| Seconds(order.expires_at.into())),
            lapsed: order.is_expired(view.now),
            reduce_only: order.reduce_only != 0,
            post_only: order.post_only != 0,
            placed_slot: order.placed_slot.into(),
            health_if_filled: view
                .health_if_filled(account, order, &mut Report::boxed())
                .ok()
                .map(Integer::from),
        })
    }
}

/// Prices and surfaces that an account depends on and that are not fresh.
fn doubts(view: &View, account: &MarginAccount) -> Result<Vec<Doubt>, StateError> {
    let exchange = view.exchange;
    let balances = account.balances.iter().filter(|slot| !slot.is_free());
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    let mut feeds = Vec::new();
    for balance in balances {
        feeds.push(exchange.asset(balance.asset)?.feed);
    }
    let mut surfaces = Vec::new();
    for position in positions {
        let terms = &position.terms;
        feeds.push(exchange.underlying(terms.underlying)?.feed);
        if terms.is_option()
            && position.base_lots != 0
            && view.surface_is_stale(terms.underlying)?
        {
            surfaces.push(terms.underlying);
        }
    }
    for indexes in [&mut feeds, &mut surfaces] {
        indexes.sort_unstable();
        indexes.dedup();
    }
    let mut doubts = Vec::new();
    for feed in feeds {
        let (entry, listed) = (view.board.price(feed)?, exchange.feed(feed)?);
        let validity = entry.validity(listed, view.now);
        if validity != Validity::Fresh {
            doubts.push(Doubt::Price {
                feed,
                validity: validity_name(validity),
                divergent: entry.is_divergent(listed),
                age: crate::venue::age(entry.publish_time, view.now),
            });
        }
    }
    let surfaces = surfaces.into_iter();
    doubts.extend(surfaces.map(|underlying| Doubt::Surface { underlying }));
    Ok(doubts)
}
