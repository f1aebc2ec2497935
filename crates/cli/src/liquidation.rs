//! `ballast liquidation`: accounts below their margin, and the insurance fund.

use anchor_lang::prelude::Pubkey;
use ballast_client::args::LiquidateArgs;
use ballast_client::{Mirror, instructions};
use ballast_risk::Q32_ONE;
use ballast_risk::liquidation::fraction_to_buffer_q32;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{MarginAccount, MarketTerms, QUOTE_ASSET, ledger};
use clap::{Args, Subcommand};
use serde::Serialize;
use solana_signer::Signer;

use crate::account::{AuctionFigures, assess_leniently, liquidation_report};
use crate::amounts::{Decimal, Scale};
use crate::context::{Context, margin_account};
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// The commands.
#[derive(Subcommand)]
pub enum Liquidation {
    /// List accounts below their maintenance margin or in liquidation, with what they lack and what their auction asks now.
    ///
    /// Example: ballast liquidation list
    List {
        /// Those within so much of their maintenance margin too, such as 0.1 for a ratio below 110%.
        #[arg(long, value_name = "FRACTION")]
        near: Option<Decimal>,
    },
    /// Flag an account below its maintenance margin, or let its auction's clock see it. Anyone may.
    ///
    /// Example: ballast liquidation start 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2
    Start {
        /// The margin account.
        account: Pubkey,
    },
    /// Take a slice of an account at the auction's price into one of yours, flagging it before when it is not. Asks first.
    ///
    /// Example: ballast liquidation take 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2 --fraction 0.25
    Take(Take),
    /// Close lots of an insolvent account against a counterparty in profit, once the insurance fund is empty. Anyone may. Asks first.
    ///
    /// Example: ballast liquidation deleverage 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2 SOL-PERP
    Deleverage {
        /// The insolvent margin account.
        account: Pubkey,
        /// The market.
        market: String,
        /// The counterparty's margin account; the one with the most profit by default.
        #[arg(long, value_name = "ADDRESS")]
        counterparty: Option<Pubkey>,
        /// Whole units at most; all by default.
        #[arg(long, value_name = "SIZE")]
        size: Option<Decimal>,
    },
    /// Write off what an insolvent account owes of an asset, at the cost of its depositors, as the very last step. Anyone may. Asks first.
    ///
    /// Example: ballast liquidation resolve 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2 USDC
    Resolve {
        /// The insolvent margin account.
        account: Pubkey,
        /// Ticker or mint of what it owes.
        asset: String,
    },
    /// Show the insurance fund.
    ///
    /// Example: ballast liquidation insurance
    Insurance,
}

/// What `take` is given.
#[derive(Args)]
pub struct Take {
    /// The margin account in liquidation.
    account: Pubkey,
    /// Your number for the account that takes the slice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    sub_account: u16,
    /// The account that takes the slice, for which you may trade, instead of your own.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "sub_account")]
    liquidator: Option<Pubkey>,
    /// The largest part of it, such as 0.25; as much as the program allows by default.
    #[arg(long, value_name = "FRACTION")]
    fraction: Option<Decimal>,
    /// The highest price of the whole, USD; 1% above the present one by default.
    #[arg(long, value_name = "USD", allow_hyphen_values = true)]
    max_price: Option<Decimal>,
}

#[derive(Serialize)]
struct Line {
    account: String,
    owner: String,
    sub_account: u16,
    equity: Decimal,
    equity_mark: Decimal,
    maintenance_margin: Decimal,
    ratio: Option<Decimal>,
    shortfall: Decimal,
    fraction: Option<Decimal>,
    in_liquidation: bool,
    auction: Option<AuctionFigures>,
}

#[derive(Serialize)]
struct List {
    accounts: Vec<Line>,
    not_assessed: usize,
}

impl Show for List {
    fn show(&self, page: &mut Page) {
        if self.accounts.is_empty() {
            page.line("no account is below its maintenance margin or in liquidation");
        }
        let maybe = |value: Option<Decimal>, shown: fn(Decimal) -> String| {
            value.map_or_else(|| "-".to_owned(), shown)
        };
        let rows = self.accounts.iter().map(|line| {
            let auction = line.auction.as_ref();
            vec![
                line.account.clone(),
                line.equity.money(),
                line.maintenance_margin.money(),
                maybe(line.ratio, |ratio| ratio.percent(0)),
                auction.map_or_else(
                    || "-".into(),
                    |auction| names::span(auction.elapsed_s as i64),
                ),
                maybe(auction.map(|auction| auction.price), Decimal::money),
                maybe(auction.and_then(|auction| auction.discount), |discount| {
                    discount.percent(1)
                }),
            ]
        });
        let heads = [
            "account", "equity", "margin", "ratio", "auction", "price", "off",
        ];
        page.table(&heads, 1, rows);
        if self.not_assessed > 0 {
            page.line(format!(
                "{} accounts cannot be assessed while their prices are stale: `ballast price refresh`",
                self.not_assessed
            ));
        }
    }
}

fn list(mirror: &Mirror, now: i64, near: Option<Decimal>) -> List {
    let view = mirror.view(now);
    let mut accounts = Vec::new();
    let mut not_assessed = 0;
    for (key, account) in &mirror.accounts {
        if !account.has_obligations() || *key == mirror.exchange.insurance_fund {
            continue;
        }
        let Some(report) = liquidation_report(&view, account) else {
            not_assessed += 1;
            continue;
        };
        let is_near = near.and_then(Decimal::to_q32).is_some_and(|near| {
            let equity = i128::from(report.equity_maintenance) << 32;
            equity < i128::from(report.maintenance_margin) * (i128::from(near) + (1 << 32))
        });
        if report.is_liquidatable() || account.in_liquidation() || is_near {
            accounts.push(line(&view, key, account, &report));
        }
    }
    accounts.sort_by(|a, b| {
        let rank = |line: &Line| {
            let ratio = line.ratio.and_then(|ratio| ratio.exact(9));
            (ratio.unwrap_or(i128::MAX), line.account.clone())
        };
        rank(a).cmp(&rank(b))
    });
    List {
        accounts,
        not_assessed,
    }
}

fn line(view: &View, key: &Pubkey, account: &MarginAccount, report: &Report) -> Line {
    let (equity, margin) = (report.equity_maintenance, report.maintenance_margin);
    let auction = AuctionFigures::of(view, account, report);
    let price = auction.as_ref().and_then(|auction| auction.price.exact(6));
    let fraction = price
        .and_then(|price| i64::try_from(price).ok())
        .map(|price| Decimal::q32(fraction_to_buffer_q32(report.buffer_margin, equity, price)));
    Line {
        account: key.to_string(),
        owner: account.owner.to_string(),
        sub_account: account.sub_account,
        equity: Decimal::usd(equity),
        equity_mark: Decimal::usd(report.equity_mark),
        maintenance_margin: Decimal::usd(margin),
        ratio: (margin > 0).then(|| Decimal::ratio(equity.into(), margin.into(), 4)),
        shortfall: Decimal::usd(margin.saturating_sub(equity).max(0)),
        fraction,
        in_liquidation: account.in_liquidation(),
        auction,
    }
}

#[derive(Serialize)]
struct Holding {
    asset: String,
    amount: Decimal,
    value: Decimal,
}

#[derive(Serialize)]
struct Insurance {
    account: String,
    equity: Option<Decimal>,
    cash: Decimal,
    floor: Decimal,
    holdings: Vec<Holding>,
    positions: usize,
}

impl Show for Insurance {
    fn show(&self, page: &mut Page) {
        page.fields([
            ("insurance fund", self.account.clone()),
            ("cash", format!("{} USD", self.cash.money())),
            (
                "floor",
                format!("{} USD, below which nobody withdraws", self.floor.money()),
            ),
            (
                "equity",
                self.equity.map_or_else(
                    || "unknown: prices are missing".into(),
                    |equity| format!("{} USD", equity.money()),
                ),
            ),
            ("positions", self.positions.to_string()),
        ]);
        let rows = self.holdings.iter().map(|holding| {
            vec![
                holding.asset.clone(),
                holding.amount.amount(),
                holding.value.money(),
            ]
        });
        page.table(&["asset", "amount", "value"], 1, rows);
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &Liquidation) -> Result<(), Failure> {
    match command {
        Liquidation::List { near } => {
            let session = context.full_session().await?;
            context.print(&list(&session.mirror, session.time.unix, *near))
        }
        Liquidation::Start { account } => {
            let mut session = context.session().await?;
            let key = context.keypair()?;
            let start = instructions::start_liquidation(&session.mirror.addresses, account);
            let action = format!("start the liquidation of {account}");
            context
                .execute(&mut session, action, &[start], &[&key])
                .await
        }
        Liquidation::Take(arguments) => take(context, arguments).await,
        Liquidation::Deleverage {
            account,
            market,
            counterparty,
            size,
        } => deleverage(context, account, market, *counterparty, *size).await,
        Liquidation::Resolve { account, asset } => {
            let mut session = context.session().await?;
            let key = context.keypair()?;
            let index = names::find_asset(&session.mirror.exchange, asset)?;
            let mint = session.mirror.exchange.asset(index)?.mint;
            let name = names::asset(&session.mirror.exchange, index);
            context.confirm(&format!(
                "Let every depositor of {name} bear what {account} lacks?"
            ))?;
            let addresses = session.mirror.addresses;
            let resolve = instructions::resolve_bankruptcy(&addresses, &mint, account);
            let action = format!("write off the {name} loan of {account}");
            context
                .execute(&mut session, action, &[resolve], &[&key])
                .await
        }
        Liquidation::Insurance => insurance(context).await,
    }
}

async fn insurance(context: &Context) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = session.mirror.exchange.insurance_fund;
    let fund = margin_account(&mut session, &key).await?;
    let view = session.mirror.view(session.time.unix);
    let report = assess_leniently(&view, &fund)
        .ok()
        .map(|(report, _)| report);
    let exchange = view.exchange;
    let balances = report.iter().flat_map(|report| report.balances());
    let holdings = balances.map(|balance| {
        let decimals = exchange
            .asset(balance.asset)
            .map_or(0, |listed| listed.decimals);
        Holding {
            asset: names::asset(exchange, balance.asset),
            amount: Decimal::new(balance.amount, decimals),
            value: Decimal::usd(balance.value),
        }
    });
    let cash = ledger::deposit(&fund, QUOTE_ASSET, view.board.indexes(QUOTE_ASSET)?)?;
    context.print(&Insurance {
        account: key.to_string(),
        equity: report
            .as_ref()
            .map(|report| Decimal::usd(report.equity_mark)),
        cash: Decimal::usd(cash),
        floor: Decimal::usd(exchange.liquidation.insurance_floor),
        holdings: holdings.collect(),
        positions: fund.positions.iter().filter(|slot| !slot.is_free()).count(),
    })
}

async fn take(context: &Context, arguments: &Take) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let addresses = session.mirror.addresses;
    let liquidator_key = arguments
        .liquidator
        .unwrap_or_else(|| addresses.margin_account(&key.pubkey(), arguments.sub_account));
    let account = margin_account(&mut session, &arguments.account).await?;
    let liquidator = margin_account(&mut session, &liquidator_key).await?;
    let fraction_max_q32 = match arguments.fraction {
        None => Q32_ONE,
        Some(fraction) => fraction
            .to_q32()
            .and_then(|fraction| u64::try_from(fraction).ok())
            .filter(|fraction| (1..=Q32_ONE).contains(fraction))
            .ok_or_else(|| Failure::input("--fraction must be more than 0 and at most 1"))?,
    };
    let view = session.mirror.view(session.time.unix);
    // As it stands or, when it is not flagged yet, as it would stand right after.
    let mut flagged = account.clone();
    if !flagged.in_liquidation() {
        flagged.start_liquidation(view.now);
    }
    let report = liquidation_report(&view, &account);
    let auction = report
        .as_deref()
        .and_then(|report| AuctionFigures::of(&view, &flagged, report));
    let price_max = match (arguments.max_price, &auction) {
        (Some(price), _) => price.exact(6),
        (None, Some(auction)) => auction
            .price
            .exact(6)
            .map(|price| price + price.max(0) / 100),
        (None, None) => {
            return Err(Failure::input(
                "its price cannot be told while prices are stale: `ballast price refresh`, or say the highest by --max-price",
            ));
        }
    };
    let price_max = price_max.and_then(|price| i64::try_from(price).ok());
    let price_max = price_max
        .ok_or_else(|| Failure::input("--max-price has more than 6 decimals or is too large"))?;
    let args = LiquidateArgs {
        fraction_max_q32,
        price_max,
    };
    let quote = session.mirror.exchange.asset(QUOTE_ASSET)?.mint;
    let mut all = Vec::new();
    if !account.in_liquidation() {
        all.push(instructions::start_liquidation(
            &addresses,
            &arguments.account,
        ));
    }
    all.push(instructions::liquidate(
        &addresses,
        &quote,
        &arguments.account,
        &liquidator_key,
        &key.pubkey(),
        &addresses.netting(&session.mirror.exchange, &account, &liquidator),
        args,
    ));
    let shown = Decimal::q32(fraction_max_q32).percent(2);
    let limit = Decimal::usd(price_max).money();
    let action = format!(
        "take up to {shown} of {} at {limit} USD for the whole at most",
        arguments.account
    );
    context.confirm(&format!(
        "{}, with its positions and loans?",
        crate::account::capital(&action)
    ))?;
    context.execute(&mut session, action, &all, &[&key]).await
}

async fn deleverage(
    context: &Context,
    account: &Pubkey,
    market: &str,
    counterparty: Option<Pubkey>,
    size: Option<Decimal>,
) -> Result<(), Failure> {
    let mut session = context.full_session().await?;
    let key = context.keypair()?;
    let terms = names::find_market(&session.mirror.exchange, market)?;
    let scale = Scale::of(&session.mirror.exchange, terms.underlying)?;
    let lots_max = match size {
        None => u64::MAX,
        Some(size) => scale.lots(size).map_err(Failure::input)?,
    };
    let insolvent = margin_account(&mut session, account).await?;
    let lots = insolvent.lots(&terms);
    let chosen = match counterparty {
        Some(counterparty) => counterparty,
        None => richest(&session.mirror, session.time.unix, &terms, lots).ok_or_else(|| {
            Failure::input(format!(
                "nobody is in profit on the other side of {account} in {market}"
            ))
        })?,
    };
    let name = names::market(&session.mirror.exchange, &terms);
    let action = format!("close {name} of {account} against {chosen}");
    context.confirm(&format!("{}?", crate::account::capital(&action)))?;
    let addresses = session.mirror.addresses;
    let close = instructions::auto_deleverage(&addresses, &terms, account, &chosen, lots_max);
    context
        .execute(&mut session, action, &[close], &[&key])
        .await
}

/// Who has the most profit in a market on the side opposite to so many lots.
fn richest(mirror: &Mirror, now: i64, terms: &MarketTerms, lots: i64) -> Option<Pubkey> {
    let view = mirror.view(now);
    let mut report = Report::boxed();
    let profits = mirror.accounts.iter().filter_map(|(key, account)| {
        let held = account.lots(terms);
        if held.signum() * lots.signum() != -1 {
            return None;
        }
        view.assess(account, Purpose::ReduceRisk, &mut report)
            .ok()?;
        let positions = account.positions.iter().filter(|slot| !slot.is_free());
        let mut pairs = positions.zip(report.positions());
        let (_, entry) = pairs.find(|(position, _)| position.terms == *terms)?;
        (entry.profit > 0).then_some((entry.profit, *key))
    });
    profits.max().map(|(_, key)| key)
}
