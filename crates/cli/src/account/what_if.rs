//! `ballast account what-if`.

use std::str::FromStr;

use ballast_state::MarginAccount;
use ballast_state::health::{View, WhatIf};
use clap::Args;
use serde::Serialize;

use super::figures::{MarginFigures, assess_leniently};
use crate::amounts::{Decimal, Scale, native};
use crate::context::{Context, Which, margin_account};
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq)]
struct Named<T> {
    name: String,
    value: T,
}

impl<T: FromStr<Err = String>> FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` must be a name, `=` and a value"))?;
        Ok(Self {
            name: name.to_owned(),
            value: value.parse()?,
        })
    }
}

/// `SIZE@PRICE`, or `SIZE` at the mark.
#[derive(Clone, Debug, PartialEq)]
struct Trade {
    size: Decimal,
    price: Option<Decimal>,
}

impl FromStr for Trade {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (size, price) = match text.split_once('@') {
            Some((size, price)) => (size, Some(price.parse()?)),
            None => (text, None),
        };
        Ok(Self {
            size: size.parse()?,
            price,
        })
    }
}

/// A change in percent such as `-20%`, or the new value.
#[derive(Clone, Debug, PartialEq)]
enum Move {
    By(Decimal),
    To(Decimal),
}

impl FromStr for Move {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('%') {
            Some(percent) => Ok(Self::By(percent.parse()?)),
            None => Ok(Self::To(text.parse()?)),
        }
    }
}

impl Move {
    /// The factor on what is now, Q32.
    fn factor(&self, now: Decimal) -> Result<u64, Failure> {
        let factor = match self {
            Self::By(percent) => percent
                .to_q32()
                .and_then(|hundredfold| (1i64 << 32).checked_add(hundredfold / 100)),
            Self::To(value) => {
                let (value, now) = (value.exact(9), now.exact(9));
                value
                    .zip(now)
                    .and_then(|(value, now)| Decimal::ratio(value, now, 18).to_q32())
            }
        };
        factor
            .and_then(|factor| u64::try_from(factor).ok())
            .filter(|factor| *factor > 0)
            .ok_or_else(|| {
                Failure::input(
                    "a move must leave more than nothing, and no more than can be computed with",
                )
            })
    }
}

/// What `what-if` is given.
#[derive(Args)]
pub struct WhatIfArgs {
    #[command(flatten)]
    which: Which,
    /// Deposit or repay whole tokens.
    #[arg(long, value_name = "ASSET=AMOUNT")]
    deposit: Vec<Named<Decimal>>,
    /// Withdraw or borrow whole tokens.
    #[arg(long, value_name = "ASSET=AMOUNT")]
    withdraw: Vec<Named<Decimal>>,
    /// Buy whole units, or sell when negative, at a price or at the mark.
    #[arg(long, value_name = "MARKET=SIZE[@PRICE]")]
    trade: Vec<Named<Trade>>,
    /// Move a price by percents or to a value, after all trades.
    #[arg(long, value_name = "UNDERLYING=MOVE", allow_hyphen_values = true)]
    price: Vec<Named<Move>>,
    /// Move implied volatility by percents.
    #[arg(long, value_name = "UNDERLYING=MOVE")]
    implied: Vec<Named<Move>>,
    /// Move realised volatility, which scan range and haircuts follow, by percents or to a value such as 0.8.
    #[arg(long, value_name = "UNDERLYING=MOVE")]
    realised: Vec<Named<Move>>,
    /// Let days pass.
    #[arg(long, value_name = "DAYS")]
    days: Option<Decimal>,
}

#[derive(Serialize)]
struct Outcome {
    before: MarginFigures,
    after: MarginFigures,
    liquidation_prices: Vec<Nearest>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Nearest {
    underlying: String,
    before: [Option<Decimal>; 2],
    after: [Option<Decimal>; 2],
}

impl Show for Outcome {
    fn show(&self, page: &mut Page) {
        let (before, after) = (&self.before, &self.after);
        let rows = [
            ("equity at marks", before.equity_mark, after.equity_mark),
            (
                "equity for maintenance",
                before.equity_maintenance,
                after.equity_maintenance,
            ),
            (
                "equity for initial",
                before.equity_initial,
                after.equity_initial,
            ),
            (
                "directional loss",
                before.directional_loss,
                after.directional_loss,
            ),
            ("residual loss", before.residual_loss, after.residual_loss),
            ("contingencies", before.contingencies, after.contingencies),
            (
                "maintenance margin",
                before.maintenance_margin,
                after.maintenance_margin,
            ),
            (
                "initial margin",
                before.initial_margin,
                after.initial_margin,
            ),
            (
                "health for maintenance",
                before.health_maintenance,
                after.health_maintenance,
            ),
            (
                "health for initial",
                before.health_initial,
                after.health_initial,
            ),
        ];
        let rows =
            rows.map(|(name, before, after)| vec![name.to_owned(), before.money(), after.money()]);
        page.table(&["", "before", "after"], 1, rows);
        let shown = |price: Option<Decimal>| price.map_or_else(|| "-".into(), Decimal::price);
        let rows = self.liquidation_prices.iter().map(|entry| {
            let mut row = vec![entry.underlying.clone()];
            row.extend(entry.before.map(shown));
            row.extend(entry.after.map(shown));
            row
        });
        let heads = [
            "liquidated by",
            "below, before",
            "above, before",
            "below, after",
            "above, after",
        ];
        page.table(&heads, 1, rows);
        let health = self.after.health_initial;
        page.line(if !health.is_negative() {
            "afterwards the account is above its initial margin"
        } else if !self.after.health_maintenance.is_negative() {
            "afterwards the account is below its initial margin: it may only reduce risk"
        } else {
            "afterwards the account is below its maintenance margin: it can be liquidated"
        });
        for note in &self.notes {
            page.line(format!("note: {note}"));
        }
    }
}

impl WhatIfArgs {
    fn apply(&self, view: &View, what_if: &mut WhatIf) -> Result<(), Failure> {
        let exchange = view.exchange;
        let deposits = self.deposit.iter().map(|deposit| (deposit, 1));
        let withdrawals = self.withdraw.iter().map(|withdraw| (withdraw, -1));
        for (change, sign) in deposits.chain(withdrawals) {
            let asset = names::find_asset(exchange, &change.name)?;
            let units = native(change.value, exchange.asset(asset)?.decimals);
            let units =
                units.and_then(|units| i64::try_from(units).map_err(|error| error.to_string()));
            what_if.deposit(asset, sign * units.map_err(Failure::input)?)?;
        }
        for Named { name, value } in &self.trade {
            let terms = names::find_market(exchange, name)?;
            let scale = Scale::of(exchange, terms.underlying)?;
            let lots = scale.lots(value.size.size()).map_err(Failure::input)?;
            let lots = i64::try_from(lots).map_err(|error| Failure::input(error.to_string()))?;
            let price = match value.price {
                Some(price) => scale.per_lot(price).map_err(Failure::input)?,
                None => view.mark(&terms)?.round().checked_to_num().unwrap_or(0),
            };
            let lots = if value.size.is_negative() {
                -lots
            } else {
                lots
            };
            what_if.trade(&terms, lots, price)?;
        }
        for Named { name, value } in &self.price {
            let underlying = names::find_underlying(exchange, name)?;
            let scale = Scale::of(exchange, underlying)?;
            let factor = value.factor(scale.mark(view.last_mark(underlying)?))?;
            what_if.move_price(underlying, factor)?;
        }
        for Named { name, value } in &self.implied {
            let underlying = names::find_underlying(exchange, name)?;
            if let Move::To(_) = value {
                return Err(Failure::input(
                    "--implied is a change in percent, such as SOL=+50%",
                ));
            }
            what_if.move_implied_volatility(underlying, value.factor(Decimal::default())?)?;
        }
        for Named { name, value } in &self.realised {
            let underlying = names::find_underlying(exchange, name)?;
            let now = view.board.underlying(underlying)?.volatility_q32;
            what_if.move_realised_volatility(underlying, value.factor(Decimal::q32(now))?)?;
        }
        if let Some(days) = self.days {
            let seconds = days
                .exact(6)
                .and_then(|days| days.checked_mul(86_400))
                .and_then(|days| u64::try_from(days / 1_000_000).ok());
            let seconds = seconds.ok_or_else(|| Failure::input("--days must not be negative"))?;
            what_if.pass_time(seconds);
        }
        Ok(())
    }
}

fn nearest(view: &View, before: &WhatIf, after: &WhatIf) -> Result<Vec<Nearest>, Failure> {
    let mut all = Vec::new();
    for index in 0..view.exchange.underlying_count {
        let scale = Scale::of(view.exchange, index)?;
        let marks = [before, after].map(|what_if| {
            let marks = what_if.liquidation_marks(index).unwrap_or_default();
            [marks.below, marks.above].map(|mark| mark.map(|mark| scale.mark(mark)))
        });
        if marks.iter().flatten().any(Option::is_some) {
            let [before, after] = marks;
            all.push(Nearest {
                underlying: names::underlying(view.exchange, index),
                before,
                after,
            });
        }
    }
    Ok(all)
}

fn outcome(
    view: &View,
    account: &MarginAccount,
    arguments: &WhatIfArgs,
) -> Result<Outcome, Failure> {
    let (report, note) = assess_leniently(view, account)?;
    let before = WhatIf::new(view, account);
    let mut after = before.clone();
    arguments.apply(view, &mut after)?;
    let purpose = match note {
        None => ballast_state::health::Purpose::AddRisk,
        Some(_) => ballast_state::health::Purpose::ReduceRisk,
    };
    Ok(Outcome {
        before: MarginFigures::of(&report),
        after: MarginFigures::of(&*after.assess(purpose)?),
        liquidation_prices: nearest(view, &before, &after)?,
        notes: note.into_iter().collect(),
    })
}

/// Shows what would be.
pub async fn what_if(context: &Context, arguments: &WhatIfArgs) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = arguments
        .which
        .key(context, &session.mirror.addresses.exchange)?;
    let account = margin_account(&mut session, &key).await?;
    let view = session.mirror.view(session.time.unix);
    context.print(&outcome(&view, &account, arguments)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn changes_are_read() {
        let trade: Named<Trade> = "SOL-PERP=-10@150.5".parse().unwrap();
        assert_eq!(trade.name, "SOL-PERP");
        assert_eq!(trade.value.size, decimal("-10"));
        assert_eq!(trade.value.price, Some(decimal("150.5")));
        let fall: Named<Move> = "SOL=-20%".parse().unwrap();
        assert_eq!(fall.value.factor(decimal("1")).unwrap(), 3_435_973_837);
        let to: Named<Move> = "SOL=75".parse().unwrap();
        assert_eq!(to.value.factor(decimal("150")).unwrap(), 1 << 31);
        assert!("SOL".parse::<Named<Move>>().is_err());
        assert!(Move::By(decimal("-100")).factor(decimal("1")).is_err());
    }
}
