//! Profit and health along prices and volatilities.

use ballast_risk::Q32_ONE;
use ballast_state::health::{Purpose, Report, View, WhatIf};
use ballast_state::{Bank, MarginAccount};
use bytemuck::Zeroable;

use crate::Failure;
use crate::assess::{Assessment, assess};
use crate::change::{Sequence, mark_price, pass_time};
use crate::request::{Change, CurveRequest, GridRequest, LegsRequest};
use crate::wire::{self, Integer};

answer! {
    /// An account at one price of an underlying. Values in quote units.
    pub struct CurvePoint {
        /// What the present price is multiplied by.
        pub factor_q32: Integer,
        /// Mark of one lot of the underlying.
        pub mark_q32: Integer,
        /// Equity at marks, less what it is now with the deposits and withdrawals of the request but without its trades.
        pub profit: Integer,
        /// Equity less initial margin.
        pub health_initial: Integer,
        /// Equity less maintenance margin: below 0 the account can be liquidated.
        pub health_maintenance: Integer,
    }

    /// An account over prices and implied volatilities of an underlying.
    pub struct Grid {
        /// For every price, in the order of the request, one entry for every volatility.
        pub rows: Vec<Vec<CurvePoint>>,
    }

    /// What a package of trades is worth by itself. Values in quote units.
    pub struct Package {
        /// What it costs; negative when it pays.
        pub cost: Integer,
        /// The figures of an account that holds nothing else: its margin, its positions and their sensitivities.
        pub alone: Assessment,
        /// Along prices, in the order of the factors.
        pub points: Vec<PackagePoint>,
    }

    /// A package at one price of an underlying. Values in quote units.
    pub struct PackagePoint {
        /// What the present price is multiplied by.
        pub factor_q32: Integer,
        /// Mark of one lot of the underlying.
        pub mark_q32: Integer,
        /// Profit if the price moved there now.
        pub now: Integer,
        /// Profit once everything dated on the underlying has settled there.
        pub at_expiry: Integer,
    }
}

/// How one point differs from the present.
struct Point {
    underlying: u8,
    factor_q32: u64,
    volatility_factor_q32: u64,
    seconds: i64,
    at_expiry: bool,
}

impl Point {
    /// The figures there. Prices that are not fresh count as they are.
    fn of(
        &self,
        what_if: &WhatIf,
        baseline: i64,
        report: &mut Report,
    ) -> Result<CurvePoint, Failure> {
        let mut moved = what_if.clone();
        moved.move_price(self.underlying, self.factor_q32)?;
        if self.volatility_factor_q32 != Q32_ONE {
            moved.move_implied_volatility(self.underlying, self.volatility_factor_q32)?;
        }
        if self.at_expiry {
            moved.settle_at_mark(|terms| terms.underlying == self.underlying)?;
        } else if self.seconds != 0 {
            pass_time(&mut moved, self.seconds)?;
        }
        let view = moved.view();
        view.assess(moved.account(), Purpose::ReduceRisk, report)?;
        Ok(CurvePoint {
            factor_q32: self.factor_q32.into(),
            mark_q32: Integer::q32(view.last_mark(self.underlying)?),
            profit: Integer(i128::from(report.equity_mark) - i128::from(baseline)),
            health_initial: report.health_initial().into(),
            health_maintenance: report.health_maintenance().into(),
        })
    }
}

/// The account after changes, and its equity at marks with only the deposits and withdrawals among them.
fn start<'a>(
    view: &View<'a>,
    account: &MarginAccount,
    banks: &[Bank],
    changes: &[Change],
) -> Result<(WhatIf<'a>, i64), Failure> {
    let mut all = Sequence::new(view, account, banks);
    let mut cash = all.clone();
    all.apply_all(changes)?;
    for change in changes {
        if matches!(change, Change::Deposit { .. } | Change::Withdraw { .. }) {
            cash.apply(change)?;
        }
    }
    let baseline = cash.what_if.assess(Purpose::ReduceRisk)?.equity_mark;
    Ok((all.what_if, baseline))
}

/// Answers a [`CurveRequest`].
///
/// # Errors
/// As [`Sequence::apply_all`], [`WhatIf::move_price`] and [`View::assess`] for reducing risk.
pub fn curve(
    view: &View,
    account: &MarginAccount,
    banks: &[Bank],
    request: &CurveRequest,
) -> Result<Vec<CurvePoint>, Failure> {
    let (what_if, baseline) = start(view, account, banks, &request.changes)?;
    let volatility_factor_q32 = match request.volatility_factor_q32 {
        Some(factor) => factor.to()?,
        None => Q32_ONE,
    };
    let mut report = Report::boxed();
    let points = request.factors_q32.iter().map(|factor| {
        let point = Point {
            underlying: request.underlying,
            factor_q32: factor.to()?,
            volatility_factor_q32,
            seconds: request.seconds.unwrap_or_default().0,
            at_expiry: request.at_expiry == Some(true),
        };
        point.of(&what_if, baseline, &mut report)
    });
    points.collect()
}

/// Answers a [`GridRequest`].
///
/// # Errors
/// As [`curve`].
pub fn grid(
    view: &View,
    account: &MarginAccount,
    banks: &[Bank],
    request: &GridRequest,
) -> Result<Grid, Failure> {
    let (what_if, baseline) = start(view, account, banks, &request.changes)?;
    let mut report = Report::boxed();
    let rows = request.price_factors_q32.iter().map(|price| {
        let cells = request.volatility_factors_q32.iter().map(|volatility| {
            let point = Point {
                underlying: request.underlying,
                factor_q32: price.to()?,
                volatility_factor_q32: volatility.to()?,
                seconds: request.seconds.unwrap_or_default().0,
                at_expiry: false,
            };
            point.of(&what_if, baseline, &mut report)
        });
        cells.collect()
    });
    Ok(Grid {
        rows: rows.collect::<Result<_, Failure>>()?,
    })
}

/// Answers a [`LegsRequest`].
///
/// # Errors
/// As [`curve`], and [`ballast_state::StateError::PositionSlotsFull`] for more legs than an account has room for.
pub fn legs(view: &View, request: &LegsRequest) -> Result<Package, Failure> {
    let mut what_if = WhatIf::new(view, &MarginAccount::zeroed());
    let mut cost = 0i128;
    for leg in &request.legs {
        let terms = leg.terms.parse()?;
        let price: u64 = match leg.price {
            Some(price) => price.to()?,
            None => mark_price(view, &terms)?,
        };
        let lots: i64 = leg.lots.to()?;
        what_if.trade(&terms, lots, price)?;
        cost += i128::from(lots) * i128::from(price);
    }
    let mut report = Report::boxed();
    let mut profit = |factor_q32: u64, at_expiry: bool| {
        let point = Point {
            underlying: request.underlying,
            factor_q32,
            volatility_factor_q32: Q32_ONE,
            seconds: 0,
            at_expiry,
        };
        point.of(&what_if, 0, &mut report)
    };
    let points = request.factors_q32.iter().map(|factor| {
        let factor = factor.to()?;
        let now = profit(factor, false)?;
        Ok(PackagePoint {
            factor_q32: now.factor_q32,
            mark_q32: now.mark_q32,
            now: now.profit,
            at_expiry: profit(factor, true)?.profit,
        })
    });
    let points = points.collect::<Result<_, Failure>>()?;
    Ok(Package {
        cost: Integer(cost),
        alone: assess(view, what_if.account(), wire::Purpose::AddRisk)?,
        points,
    })
}
