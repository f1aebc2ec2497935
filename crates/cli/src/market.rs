//! `ballast market`: perpetuals, futures and option series.

use std::collections::BTreeMap;

use ballast_client::{Mirror, instructions};
use ballast_risk::time::YEAR_S;
use ballast_state::health::View;
use ballast_state::{
    Market as MarketAccount, MarketKind, MarketStatus, MarketTerms, QUOTE_ASSET, Side,
};
use clap::Subcommand;
use serde::Serialize;
use solana_signer::Signer;

use crate::amounts::{Decimal, Scale};
use crate::book;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// The commands.
#[derive(Subcommand)]
pub enum Market {
    /// List all markets with mark, open interest, funding rate, status and expiry.
    ///
    /// Example: ballast market list --underlying SOL
    List {
        /// Only those on it.
        #[arg(long, value_name = "TICKER")]
        underlying: Option<String>,
    },
    /// Show a market.
    ///
    /// Example: ballast market show SOL-20261225-150-C
    Show {
        /// Its name, such as SOL-PERP, SOL-20261225 or SOL-20261225-150-C.
        market: String,
    },
    /// Show the orders of a market by price, from all margin accounts.
    ///
    /// Example: ballast market book SOL-PERP --depth 5
    Book {
        /// Its name.
        market: String,
        /// How many prices on either side.
        #[arg(long, value_name = "N", default_value_t = 10)]
        depth: usize,
    },
    /// List an option series on the grid of expiries and strikes. Who does pays the rent and gets it back. Anyone may.
    ///
    /// Example: ballast market list-series SOL-20261225-150-C
    ListSeries {
        /// Its name.
        market: String,
    },
    /// Set the funding rate of a perpetual from the premium since the last time. Anyone may.
    ///
    /// Example: ballast market funding SOL-PERP
    Funding {
        /// Its name.
        market: String,
    },
    /// Give an expired market its settlement price. Anyone may.
    ///
    /// Example: ballast market settle SOL-20261225
    Settle {
        /// Its name.
        market: String,
    },
    /// Close a settled market in which nothing is left. Anyone may.
    ///
    /// Example: ballast market close SOL-20261225
    Close {
        /// Its name.
        market: String,
    },
}

#[derive(Clone, Debug, Serialize)]
struct Funding {
    rate: Decimal,
    period_s: u64,
    rate_a_year: Decimal,
    updated_at: i64,
    stands_until: i64,
}

#[derive(Clone, Debug, Serialize)]
struct MarketFigures {
    market: String,
    address: String,
    kind: &'static str,
    status: &'static str,
    mark: Option<Decimal>,
    underlying_price: Option<Decimal>,
    open_interest: Decimal,
    open_interest_value: Option<Decimal>,
    open_interest_cap: Decimal,
    funding: Option<Funding>,
    expiry: Option<i64>,
    strike: Option<Decimal>,
    settlement_price: Option<Decimal>,
    tick: Decimal,
    order_minimum: Decimal,
    settlement_pool: Decimal,
    fees: Decimal,
    creator: String,
}

fn kind(terms: &MarketTerms) -> &'static str {
    match terms.kind() {
        Ok(MarketKind::Perpetual) => "perpetual",
        Ok(MarketKind::Future) => "future",
        Ok(MarketKind::Call) => "call",
        Ok(MarketKind::Put) => "put",
        Err(_) => "?",
    }
}

fn status(market: &MarketAccount, now: i64) -> &'static str {
    match market.status(now) {
        MarketStatus::Active => "active",
        MarketStatus::ReduceOnly => "reduce-only",
        MarketStatus::Settling => "settling",
        MarketStatus::Closed => "settled",
    }
}

fn funding(view: &View, underlying: u8) -> Option<Funding> {
    let state = view.board.perpetuals.get(usize::from(underlying))?;
    let listed = view.exchange.underlying(underlying).ok()?;
    let mark = view.last_mark(underlying).ok()?.to_bits();
    let stands = view.now < state.stands_until;
    let per_second = if stands {
        state.per_second.get().to_bits()
    } else {
        0
    };
    let rate = |seconds: i128| {
        let paid = per_second.checked_mul(seconds);
        Decimal::ratio(paid.unwrap_or(0) >> 8, (mark >> 8).max(1), 12)
    };
    Some(Funding {
        rate: rate(listed.funding_period_s.into()),
        period_s: listed.funding_period_s,
        rate_a_year: rate(YEAR_S.into()),
        updated_at: state.updated_at,
        stands_until: state.stands_until,
    })
}

fn figures(mirror: &Mirror, now: i64, terms: &MarketTerms) -> Result<MarketFigures, Failure> {
    let view = mirror.view(now);
    let market = mirror.markets.get(terms).ok_or_else(|| {
        let name = names::market(&mirror.exchange, terms);
        let hint = if terms.is_option() {
            format!(": `ballast market list-series {name}` lists it where it is on the grid")
        } else {
            String::new()
        };
        Failure::input(format!("there is no market {name}{hint}"))
    })?;
    let scale = Scale::of(&mirror.exchange, terms.underlying)?;
    let mark = view.mark(terms).ok();
    let spot = view.last_mark(terms.underlying).ok();
    let value = spot.and_then(|spot| spot.checked_mul_int(i128::from(market.open_interest_lots)));
    Ok(MarketFigures {
        market: names::market(&mirror.exchange, terms),
        address: mirror.addresses.market(terms).to_string(),
        kind: kind(terms),
        status: status(market, now),
        mark: mark.map(|mark| scale.mark(mark)),
        underlying_price: spot.map(|spot| scale.mark(spot)),
        open_interest: scale.size(market.open_interest_lots),
        open_interest_value: value.map(|value| Decimal::fixed(value, -6, 6)),
        open_interest_cap: scale.size(market.open_interest_cap_lots),
        funding: if terms.is_perpetual() {
            funding(&view, terms.underlying)
        } else {
            None
        },
        expiry: (!terms.is_perpetual()).then_some(terms.expiry),
        strike: terms.is_option().then(|| scale.price(terms.strike)),
        settlement_price: (market.settlement_price != 0)
            .then(|| scale.price(market.settlement_price)),
        tick: scale.price(market.tick_size),
        order_minimum: scale.size(market.order_minimum_lots),
        settlement_pool: Decimal::usd(market.settlement_pool),
        fees: Decimal::usd(market.fees),
        creator: market.creator.to_string(),
    })
}

fn maybe(value: &Option<Decimal>, shown: impl Fn(Decimal) -> String) -> String {
    value.map_or_else(|| "-".into(), shown)
}

#[derive(Serialize)]
struct List {
    time: i64,
    markets: Vec<MarketFigures>,
}

impl Show for List {
    fn show(&self, page: &mut Page) {
        if self.markets.is_empty() {
            page.line("no markets");
        }
        let rows = self.markets.iter().map(|market| {
            vec![
                market.market.clone(),
                market.status.to_owned(),
                maybe(&market.mark, Decimal::price),
                market.open_interest.amount(),
                maybe(&market.open_interest_value, |value| value.shown(0)),
                market.funding.as_ref().map_or_else(
                    || "-".into(),
                    |funding| {
                        format!(
                            "{} / {}",
                            funding.rate.percent(4),
                            names::span(funding.period_s as i64)
                        )
                    },
                ),
                market
                    .expiry
                    .map_or_else(|| "never".into(), |expiry| names::span(expiry - self.time)),
            ]
        });
        let heads = [
            "market",
            "status",
            "mark",
            "open interest",
            "in USD",
            "funding",
            "expires in",
        ];
        page.table(&heads, 2, rows);
    }
}

impl Show for MarketFigures {
    fn show(&self, page: &mut Page) {
        let mut fields = vec![
            (
                "market",
                format!("{}, {}, {}", self.market, self.kind, self.status),
            ),
            ("address", self.address.clone()),
            ("mark", maybe(&self.mark, Decimal::price)),
            ("underlying", maybe(&self.underlying_price, Decimal::price)),
            (
                "open interest",
                format!(
                    "{} of {}, {} USD of the underlying",
                    self.open_interest.amount(),
                    self.open_interest_cap.amount(),
                    maybe(&self.open_interest_value, |value| value.shown(0)),
                ),
            ),
            ("price step", self.tick.amount()),
            ("smallest order", self.order_minimum.amount()),
        ];
        if let Some(strike) = self.strike {
            fields.push(("strike", strike.amount()));
        }
        if let Some(expiry) = self.expiry {
            fields.push(("expiry", format!("{} UTC", names::time(expiry))));
        }
        if let Some(price) = self.settlement_price {
            fields.push(("settled at", price.amount()));
        }
        if let Some(funding) = &self.funding {
            fields.push((
                "funding",
                match funding.updated_at {
                    0 => "never updated".into(),
                    _ => format!(
                        "longs pay {} in {}, {} a year, until {} UTC",
                        funding.rate.percent(4),
                        names::span(funding.period_s as i64),
                        funding.rate_a_year.percent(2),
                        names::time(funding.stands_until),
                    ),
                },
            ));
        }
        fields.extend([
            (
                "settlement pool",
                format!("{} USD", self.settlement_pool.money()),
            ),
            ("fees", format!("{} USD", self.fees.money())),
            ("rent of", self.creator.clone()),
        ]);
        page.fields(fields);
    }
}

#[derive(Serialize)]
struct Level {
    price: Decimal,
    size: Decimal,
    total: Decimal,
    orders: usize,
}

#[derive(Serialize)]
struct Book {
    market: String,
    mark: Option<Decimal>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Show for Book {
    fn show(&self, page: &mut Page) {
        page.line(format!(
            "{}, mark {}",
            self.market,
            maybe(&self.mark, Decimal::price)
        ));
        if self.bids.is_empty() && self.asks.is_empty() {
            page.line("no orders");
        }
        let row = |side: &str, level: &Level| {
            vec![
                side.to_owned(),
                level.price.amount(),
                level.size.amount(),
                level.total.amount(),
                level.orders.to_string(),
            ]
        };
        // The best prices meet in the middle.
        let asks = self.asks.iter().rev().map(|level| row("sell", level));
        let bids = self.bids.iter().map(|level| row("buy", level));
        let heads = ["side", "price", "size", "total", "orders"];
        page.table(&heads, 1, asks.chain(bids));
    }
}

fn levels(resting: &[book::Resting], scale: Scale, depth: usize) -> Vec<Level> {
    // By rank, so that the best price comes first on either side.
    let mut by_price: BTreeMap<usize, (u64, u64, usize)> = BTreeMap::new();
    let mut rank = 0;
    let mut last = None;
    for resting in resting {
        if last.is_some_and(|price| price != resting.order.price) {
            rank += 1;
        }
        last = Some(resting.order.price);
        let level = by_price.entry(rank).or_insert((resting.order.price, 0, 0));
        level.1 = level.1.saturating_add(resting.lots);
        level.2 += 1;
    }
    let mut total = 0u64;
    by_price
        .into_values()
        .take(depth)
        .map(|(price, lots, orders)| {
            total = total.saturating_add(lots);
            Level {
                price: scale.price(price),
                size: scale.size(lots),
                total: scale.size(total),
                orders,
            }
        })
        .collect()
}

/// Runs a command.
pub async fn run(context: &Context, command: &Market) -> Result<(), Failure> {
    let (name, what) = match command {
        Market::List { underlying } => return list(context, underlying.as_deref()).await,
        Market::Show { market } => {
            let session = context.session().await?;
            let terms = names::find_market(&session.mirror.exchange, market)?;
            return context.print(&figures(&session.mirror, session.time.unix, &terms)?);
        }
        Market::Book { market, depth } => return show_book(context, market, *depth).await,
        Market::ListSeries { market } => (market, "list"),
        Market::Funding { market } => (market, "update the funding of"),
        Market::Settle { market } => (market, "settle"),
        Market::Close { market } => (market, "close"),
    };
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let terms = names::find_market(&session.mirror.exchange, name)?;
    let addresses = session.mirror.addresses;
    let instruction = match command {
        Market::ListSeries { .. } => {
            if !terms.is_option() {
                return Err(Failure::input(format!("{name} is no option series")));
            }
            instructions::list_series(&addresses, &terms, &key.pubkey())
        }
        Market::Funding { .. } => {
            if !terms.is_perpetual() {
                return Err(Failure::input(format!("{name} is no perpetual")));
            }
            instructions::update_funding(&addresses, terms.underlying)
        }
        Market::Close { .. } => {
            let market = session.mirror.markets.get(&terms);
            let market =
                market.ok_or_else(|| Failure::input(format!("there is no market {name}")))?;
            let quote = session.mirror.exchange.asset(QUOTE_ASSET)?.mint;
            instructions::close_market(&addresses, &terms, &market.creator, &quote)
        }
        _ => instructions::finalize_settlement(&addresses, &terms),
    };
    let mut all = Vec::new();
    if matches!(
        command,
        Market::ListSeries { .. } | Market::Funding { .. } | Market::Settle { .. }
    ) {
        // They need the price of the market's underlying, which nothing among their accounts tells while the market is new.
        let feed = session.mirror.exchange.underlying(terms.underlying)?.feed;
        all.extend(crate::price::refresh(&session, [feed].into()).await?);
    }
    all.push(instruction);
    let action = format!("{what} {}", names::market(&session.mirror.exchange, &terms));
    context.execute(&mut session, action, &all, &[&key]).await
}

async fn list(context: &Context, underlying: Option<&str>) -> Result<(), Failure> {
    let session = context.session().await?;
    let mirror = &session.mirror;
    let only = underlying.map(|name| names::find_underlying(&mirror.exchange, name));
    let only = only.transpose()?;
    let mut terms: Vec<&MarketTerms> = mirror
        .markets
        .keys()
        .filter(|terms| only.is_none_or(|only| terms.underlying == only))
        .collect();
    terms.sort_by_key(|terms| {
        (
            terms.underlying,
            terms.expiry,
            terms.is_option(),
            terms.strike,
            terms.kind,
        )
    });
    let time = session.time.unix;
    let markets = terms.into_iter().map(|terms| figures(mirror, time, terms));
    context.print(&List {
        time,
        markets: markets.collect::<Result<_, _>>()?,
    })
}

async fn show_book(context: &Context, name: &str, depth: usize) -> Result<(), Failure> {
    let session = context.full_session().await?;
    let mirror = &session.mirror;
    let terms = names::find_market(&mirror.exchange, name)?;
    let market = figures(mirror, session.time.unix, &terms)?;
    let view = mirror.view(session.time.unix);
    let scale = Scale::of(&mirror.exchange, terms.underlying)?;
    let [bids, asks] = [Side::Bid, Side::Ask]
        .map(|side| levels(&book::side(mirror, &view, &terms, side), scale, depth));
    context.print(&Book {
        market: market.market,
        mark: market.mark,
        bids,
        asks,
    })
}
