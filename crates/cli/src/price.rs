//! `ballast price`: what the board says, and what the oracle says.

use std::collections::BTreeSet;

use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::instructions;
use ballast_client::oracle::PricePoint;
use ballast_client::rpc::Session;
use ballast_state::{TENORS, Validity};
use clap::Subcommand;
use serde::Serialize;

use crate::amounts::Decimal;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// The commands.
#[derive(Subcommand)]
pub enum Price {
    /// Show the board: price, confidence, averages, age, validity and realised volatility, and what the Pyth accounts say now.
    ///
    /// Example: ballast price show SOL
    Show {
        /// Tickers or feeds such as SOL/USD; all when none is named.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Bring the board's prices up to those of the Pyth accounts. Anyone may.
    ///
    /// Example: ballast price refresh SOL ETH
    Refresh {
        /// Tickers or feeds such as SOL/USD; all when none is named.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Show the volatility surface of an underlying.
    ///
    /// Example: ballast price surface SOL
    Surface {
        /// Its ticker.
        underlying: String,
    },
}

#[derive(Serialize)]
struct Pyth {
    account: String,
    price: Decimal,
    publish_time: i64,
    age_s: i64,
}

#[derive(Serialize)]
struct FeedFigures {
    feed: String,
    prices: Vec<String>,
    price: Option<Decimal>,
    confidence: Option<Decimal>,
    confidence_ratio: Decimal,
    ema: Option<Decimal>,
    slow_price: Option<Decimal>,
    publish_time: i64,
    age_s: Option<i64>,
    max_age_s: u64,
    validity: &'static str,
    realised_volatility: Option<Decimal>,
    scan_range: Option<Decimal>,
    pyth: Option<Pyth>,
}

#[derive(Serialize)]
struct Board {
    board: String,
    time: i64,
    feeds: Vec<FeedFigures>,
}

fn find(session: &Session, wanted: &[String]) -> Result<BTreeSet<u8>, Failure> {
    let exchange = &session.mirror.exchange;
    if wanted.is_empty() {
        return Ok((0..exchange.feed_count).collect());
    }
    let found = wanted.iter().map(|name| {
        let mut feeds = 0..exchange.feed_count;
        if let Some(feed) =
            feeds.find(|feed| names::feed(exchange, *feed).eq_ignore_ascii_case(name))
        {
            return Ok(feed);
        }
        if let Ok(underlying) = names::find_underlying(exchange, name) {
            return Ok(exchange.underlying(underlying)?.feed);
        }
        let asset = names::find_asset(exchange, name)?;
        Ok(exchange.asset(asset)?.feed)
    });
    found.collect()
}

fn pyth_price(point: &PricePoint) -> Decimal {
    let exponent = point.price.exponent;
    if exponent <= 0 {
        Decimal::new(point.price.price, exponent.unsigned_abs())
    } else {
        let scale = 10i128.checked_pow(exponent.unsigned_abs()).unwrap_or(0);
        Decimal::new(i128::from(point.price.price).saturating_mul(scale), 0u32)
    }
}

fn figures(session: &Session, points: &[PricePoint], index: u8) -> Result<FeedFigures, Failure> {
    let mirror = &session.mirror;
    let exchange = &mirror.exchange;
    let (feed, entry) = (exchange.feed(index)?, mirror.board.price(index)?);
    let now = session.time.unix;
    let exponent = names::feed_exponent(exchange, index);
    let validity = entry.validity(feed, now);
    let was_set = validity != Validity::NeverSet;
    let price = |value: fixed::types::I80F48| was_set.then(|| Decimal::fixed(value, exponent, 9));
    let underlying = (0..exchange.underlying_count).find(|place| {
        exchange
            .underlying(*place)
            .is_ok_and(|listed| listed.feed == index)
    });
    let volatility = underlying.map(|place| -> Result<_, Failure> {
        let state = mirror.board.underlying(place)?;
        let range = state.scan_range_q32(exchange.underlying(place)?, entry.confidence_ratio_q32);
        Ok((Decimal::q32(state.volatility_q32), Decimal::q32(range)))
    });
    let volatility = volatility.transpose()?;
    let of_feed = points.iter().filter(|point| point.price.is_of(feed));
    let newest = of_feed.max_by_key(|point| point.price.publish_time);
    Ok(FeedFigures {
        feed: names::feed(exchange, index),
        prices: names::priced_by(exchange, index),
        price: price(entry.price.get()),
        confidence: price(entry.confidence.get()),
        confidence_ratio: Decimal::q32(entry.confidence_ratio_q32),
        ema: price(entry.ema.get()),
        slow_price: price(entry.slow.get()),
        publish_time: entry.publish_time,
        age_s: was_set.then(|| now.saturating_sub(entry.publish_time)),
        max_age_s: feed.max_age_s,
        validity: match validity {
            Validity::Fresh => "fresh",
            Validity::Wide => "wide",
            Validity::Stale if entry.is_divergent(feed) => "divergent",
            Validity::Stale => "stale",
            Validity::NeverSet => "never set",
        },
        realised_volatility: volatility.map(|(volatility, _)| volatility),
        scan_range: volatility.map(|(_, range)| range),
        pyth: newest.map(|point| Pyth {
            account: point.account.to_string(),
            price: pyth_price(point),
            publish_time: point.price.publish_time,
            age_s: now.saturating_sub(point.price.publish_time),
        }),
    })
}

impl Show for Board {
    fn show(&self, page: &mut Page) {
        let price = |value: &Option<Decimal>| value.map_or_else(|| "-".into(), Decimal::price);
        let fraction =
            |value: &Option<Decimal>| value.map_or_else(|| "-".into(), |value| value.percent(1));
        let rows = self.feeds.iter().map(|feed| {
            let (now, age) = match &feed.pyth {
                Some(pyth) => (pyth.price.price(), names::span(pyth.age_s)),
                None => ("-".into(), "-".into()),
            };
            vec![
                feed.feed.clone(),
                feed.validity.to_owned(),
                price(&feed.price),
                format!("±{}", feed.confidence_ratio.percent(2)),
                price(&feed.ema),
                price(&feed.slow_price),
                feed.age_s.map_or_else(|| "-".into(), names::span),
                fraction(&feed.realised_volatility),
                now,
                age,
            ]
        });
        let heads = [
            "feed", "board", "price", "conf.", "EMA", "slow", "age", "vol", "Pyth", "age",
        ];
        page.table(&heads, 2, rows);
    }
}

#[derive(Serialize)]
struct Tenor {
    days: u16,
    at_the_money: Decimal,
}

#[derive(Serialize)]
struct Surface {
    underlying: String,
    authority: String,
    posted_at: i64,
    age_s: i64,
    max_age_s: u64,
    stale: bool,
    tenors: Vec<Tenor>,
    skew: Decimal,
    smile: Decimal,
    carry: Decimal,
    realised_volatility: Decimal,
}

impl Show for Surface {
    fn show(&self, page: &mut Page) {
        let state = if self.posted_at == 0 {
            "never posted".to_owned()
        } else {
            format!(
                "{}, posted {} ago, good for {}",
                if self.stale { "stale" } else { "fresh" },
                names::span(self.age_s),
                names::span(self.max_age_s as i64)
            )
        };
        page.fields([
            ("surface of", self.underlying.clone()),
            ("state", state),
            ("posted by", self.authority.clone()),
            ("skew", self.skew.shown(4)),
            ("smile", self.smile.shown(4)),
            ("carry a year", self.carry.percent(2)),
            ("realised volatility", self.realised_volatility.percent(1)),
        ]);
        let rows = self.tenors.iter().map(|tenor| {
            vec![
                format!("{} days", tenor.days),
                tenor.at_the_money.percent(1),
            ]
        });
        page.table(&["tenor", "at the money"], 1, rows);
    }
}

/// The instruction that brings feeds up to the newest prices; nothing when the board has them.
pub async fn refresh(
    session: &Session,
    feeds: BTreeSet<u8>,
) -> Result<Option<Instruction>, Failure> {
    let points = session.prices(&feeds).await?;
    let mut accounts = Vec::new();
    for index in feeds {
        let feed = session.mirror.exchange.feed(index)?;
        let entry = session.mirror.board.price(index)?;
        let news = points
            .iter()
            .filter(|point| point.is_news(feed, entry.publish_time, session.time.unix));
        let newest = news.max_by_key(|point| point.price.publish_time);
        accounts.extend(newest.map(|point| point.account));
    }
    accounts.sort_unstable();
    accounts.dedup();
    Ok((!accounts.is_empty())
        .then(|| instructions::refresh_prices(&session.mirror.addresses, &accounts)))
}

#[derive(Serialize)]
struct UpToDate {
    refreshed: bool,
}

impl Show for UpToDate {
    fn show(&self, page: &mut Page) {
        page.line(
            "nothing to refresh: the Pyth accounts have no newer prices that the board would take",
        );
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &Price) -> Result<(), Failure> {
    let session = context.session().await?;
    match command {
        Price::Show { names } => {
            let feeds = find(&session, names)?;
            let points = session.prices(&feeds).await?;
            let feeds = feeds
                .into_iter()
                .map(|index| figures(&session, &points, index));
            context.print(&Board {
                board: session.mirror.addresses.board.to_string(),
                time: session.time.unix,
                feeds: feeds.collect::<Result<_, _>>()?,
            })
        }
        Price::Refresh { names } => {
            let feeds = find(&session, names)?;
            match refresh(&session, feeds).await? {
                None => context.print(&UpToDate { refreshed: false }),
                Some(refresh) => {
                    let key = context.keypair()?;
                    let receipt = context
                        .send_prepared(&session, "refresh prices", &[refresh], &[&key])
                        .await?;
                    context.print(&receipt)
                }
            }
        }
        Price::Surface { underlying } => {
            let exchange = &session.mirror.exchange;
            let index = names::find_underlying(exchange, underlying)?;
            let (listed, state) = (
                exchange.underlying(index)?,
                session.mirror.board.underlying(index)?,
            );
            const DAYS: [u16; TENORS] = [1, 7, 30, 90, 180, 365];
            let levels = DAYS.into_iter().zip(state.atm_volatility_q32);
            let (_, stale) = state.surface(listed, session.time.unix);
            context.print(&Surface {
                underlying: names::underlying(exchange, index),
                authority: listed.surface_authority.to_string(),
                posted_at: state.surface_time,
                age_s: session.time.unix.saturating_sub(state.surface_time),
                max_age_s: listed.surface_max_age_s,
                stale,
                tenors: levels
                    .map(|(days, level)| Tenor {
                        days,
                        at_the_money: Decimal::q32(level),
                    })
                    .collect(),
                skew: Decimal::q32(state.skew_q32),
                smile: Decimal::q32(state.smile_q32),
                carry: Decimal::q32(state.carry_q32),
                realised_volatility: Decimal::q32(state.volatility_q32),
            })
        }
    }
}
