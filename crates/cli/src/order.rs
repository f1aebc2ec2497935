//! `ballast order`: placing and taking back.

use std::collections::HashSet;

use anchor_lang::prelude::Pubkey;
use ballast_client::args::{MAKERS_MAX, OrderArgs, OrderFilter, OrderType};
use ballast_client::events::MakerSkipped;
use ballast_client::instructions;
use ballast_client::rpc::{ClientError, Session};
use ballast_state::{MarketTerms, Side};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::account::{OrderFigures, orders, show_orders};
use crate::amounts::{Decimal, Scale};
use crate::book::{self, Makers, Resting, Wanted};
use crate::context::{Context, Receipts, Which, margin_account};
use crate::exchange::duration;
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// How often makers whom the program passes over are replaced by the next best.
const REPLACEMENTS_MAX: usize = 3;

/// The commands.
#[derive(Subcommand)]
pub enum Order {
    /// Place an order. A limit or immediate-or-cancel order first trades with the best orders that it crosses.
    ///
    /// Prices are USD per whole unit of the underlying, sizes whole units.
    ///
    /// Example: ballast order place SOL-PERP buy 10 150.25 --type ioc
    Place(Place),
    /// Take an order back.
    ///
    /// Example: ballast order cancel 17
    Cancel {
        /// Its number, as `order list` shows it.
        order: u64,
        #[command(flatten)]
        which: Which,
    },
    /// Take back all orders, or those of a market, of a side, with a client id.
    ///
    /// Example: ballast order cancel-all --market SOL-PERP --side sell
    CancelAll {
        /// Only those in it.
        #[arg(long, value_name = "MARKET")]
        market: Option<String>,
        /// Only those on it.
        #[arg(long)]
        side: Option<SideName>,
        /// Only those with it.
        #[arg(long, value_name = "ID")]
        client_id: Option<u64>,
        #[command(flatten)]
        which: Which,
    },
    /// List the resting orders of an account.
    ///
    /// Example: ballast order list --sub-account 1
    List {
        #[command(flatten)]
        which: Which,
    },
}

/// Which side of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideName {
    /// Bid.
    Buy,
    /// Ask.
    Sell,
}

impl SideName {
    fn side(self) -> Side {
        match self {
            Self::Buy => Side::Bid,
            Self::Sell => Side::Ask,
        }
    }

    fn opposite(self) -> Side {
        match self {
            Self::Buy => Side::Ask,
            Self::Sell => Side::Bid,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// How an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TypeName {
    /// What is not filled at once rests.
    Limit,
    /// Rests, and only ever trades as the older order of two.
    PostOnly,
    /// What is not filled at once lapses.
    #[value(alias = "immediate-or-cancel")]
    Ioc,
}

/// What `place` is given.
#[derive(Args)]
pub struct Place {
    /// The market, such as SOL-PERP, SOL-20261225 or SOL-20261225-150-C.
    market: String,
    /// Which side.
    side: SideName,
    /// Whole units of the underlying.
    size: Decimal,
    /// The worst price, USD per whole unit.
    price: Decimal,
    /// How it trades.
    #[arg(long = "type", value_name = "TYPE", default_value = "limit")]
    kind: TypeName,
    /// Trade no more than the position that it reduces.
    #[arg(long)]
    reduce_only: bool,
    /// When it lapses: after a time such as 10m or 6h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<u64>,
    /// When it lapses, unix seconds.
    #[arg(long, value_name = "UNIX", conflicts_with = "expires_in")]
    expires_at: Option<u32>,
    /// Your own number for it.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    client_id: u64,
    /// Let a limit order rest although it crosses others, for others to fill.
    #[arg(long)]
    no_sweep: bool,
    #[command(flatten)]
    which: Which,
}

/// Runs a command.
pub async fn run(context: &Context, command: &Order) -> Result<(), Failure> {
    match command {
        Order::Place(arguments) => place(context, arguments).await,
        Order::Cancel { order, which } => {
            let mut session = context.session().await?;
            let key = context.keypair()?;
            let account = which.key(context, &session.mirror.addresses.exchange)?;
            margin_account(&mut session, &account).await?;
            let cancel = instructions::cancel_order(&account, &key.pubkey(), *order);
            let action = format!("cancel order {order}");
            context
                .execute(&mut session, action, &[cancel], &[&key])
                .await
        }
        Order::CancelAll {
            market,
            side,
            client_id,
            which,
        } => cancel_all(context, market.as_deref(), *side, *client_id, which).await,
        Order::List { which } => {
            let mut session = context.session().await?;
            let key = which.key(context, &session.mirror.addresses.exchange)?;
            let account = margin_account(&mut session, &key).await?;
            let view = session.mirror.view(session.time.unix);
            context.print(&List {
                account: key.to_string(),
                orders: orders(&view, &account)?,
            })
        }
    }
}

#[derive(Serialize)]
struct List {
    account: String,
    orders: Vec<OrderFigures>,
}

impl Show for List {
    fn show(&self, page: &mut Page) {
        if self.orders.is_empty() {
            page.line("no orders");
        }
        show_orders(page, &self.orders);
    }
}

async fn place(context: &Context, arguments: &Place) -> Result<(), Failure> {
    let sweeps = match arguments.kind {
        TypeName::PostOnly => false,
        TypeName::Limit => !arguments.no_sweep,
        TypeName::Ioc => true,
    };
    let mut session = if sweeps {
        context.full_session().await?
    } else {
        context.session().await?
    };
    let key = context.keypair()?;
    let exchange = &session.mirror.exchange;
    let terms = names::find_market(exchange, &arguments.market)?;
    let scale = Scale::of(exchange, terms.underlying)?;
    let wrong = |what: &str, problem: String| Failure::input(format!("{what}: {problem}"));
    let lots = scale
        .lots(arguments.size)
        .map_err(|problem| wrong("size", problem))?;
    let price = scale
        .per_lot(arguments.price)
        .map_err(|problem| wrong("price", problem))?;
    let market = session.mirror.markets.get(&terms);
    let market = market.ok_or_else(|| {
        let name = names::market(exchange, &terms);
        Failure::input(format!("there is no market {name}"))
    })?;
    if price == 0 || price % market.tick_size.max(1) != 0 {
        let problem = format!(
            "{} is not a multiple of the market's step, {}",
            arguments.price,
            scale.price(market.tick_size)
        );
        return Err(wrong("price", problem));
    }
    let account = arguments
        .which
        .key(context, &session.mirror.addresses.exchange)?;
    let owner = margin_account(&mut session, &account).await?.owner;
    let expires_at = match arguments.expires_in {
        Some(seconds) => u32::try_from(session.time.unix.saturating_add_unsigned(seconds))
            .map_err(|_| wrong("--expires-in", "is too far ahead".into()))?,
        None => arguments.expires_at.unwrap_or(0),
    };
    let args = OrderArgs {
        side: arguments.side.side() as u8,
        price,
        lots,
        client_id: arguments.client_id,
        expires_at,
        reduce_only: arguments.reduce_only,
        order_type: match arguments.kind {
            TypeName::Limit => OrderType::Limit,
            TypeName::PostOnly => OrderType::PostOnly,
            TypeName::Ioc => OrderType::ImmediateOrCancel,
        },
    };
    let action = format!(
        "{} {} {} at {}",
        arguments.side.name(),
        arguments.size.amount(),
        names::market(&session.mirror.exchange, &terms),
        arguments.price.amount(),
    );
    let taker = Taker {
        terms,
        account,
        owner,
        side: arguments.side,
        key: &key,
        args,
    };
    let rests = arguments.kind != TypeName::Ioc;
    if rests
        && (!sweeps
            || taker
                .makers(&session, MAKERS_MAX, &HashSet::new())
                .is_empty())
    {
        let addresses = session.mirror.addresses;
        let signer = key.pubkey();
        let place = instructions::place_order(&addresses, &terms, &account, &signer, taker.args);
        return context
            .execute(&mut session, action, &[place], &[&key])
            .await;
    }
    sweep(context, &mut session, action, &taker).await
}

struct Taker<'a> {
    terms: MarketTerms,
    account: Pubkey,
    owner: Pubkey,
    side: SideName,
    key: &'a Keypair,
    args: OrderArgs,
}

impl Taker<'_> {
    /// Whom to trade with: the best who can afford it, without those that the program has passed over.
    fn makers(
        &self,
        session: &Session,
        most: usize,
        passed: &HashSet<(Pubkey, u64)>,
    ) -> Vec<Resting> {
        let mirror = &session.mirror;
        let view = mirror.view(session.time.unix);
        let mut resting = book::side(mirror, &view, &self.terms, self.side.opposite());
        resting.retain(|maker| !passed.contains(&(maker.account, maker.order.id)));
        let wanted = Wanted {
            owner: self.owner,
            side: self.side.side(),
            limit: self.args.price,
            lots: self.args.lots,
            most,
        };
        let mut makers = Makers::new(view, &self.terms, &mirror.accounts);
        book::makers(&resting, &wanted, |maker, lots| makers.fill(maker, lots))
    }
}

/// Trades with as many of the makers as fit into a transaction, in bytes and in compute units. Whom the program passes over in the simulation
/// is replaced.
async fn sweep(
    context: &Context,
    session: &mut Session,
    action: String,
    taker: &Taker<'_>,
) -> Result<(), Failure> {
    let payer = context
        .fee_payer()?
        .map_or(taker.key.pubkey(), |payer| payer.pubkey());
    let (mut most, mut replacements) = (MAKERS_MAX, 0);
    let mut passed = HashSet::new();
    loop {
        let makers = taker.makers(session, most, &passed);
        let named: Vec<_> = makers
            .iter()
            .map(|maker| (maker.account, maker.order.id))
            .collect();
        let place = instructions::place_and_fill(
            &session.mirror.addresses,
            &taker.terms,
            &taker.account,
            &taker.key.pubkey(),
            taker.args,
            &named,
        );
        let prepared = session.prepared(&[place]).await?;
        let simulated = session.connection.simulate(&prepared, &payer).await;
        let fits = match &simulated {
            Err(ClientError::Message(_)) => false,
            Err(ClientError::Refused(refusal)) => !is_exhausted(&refusal.name()),
            _ => true,
        };
        if !fits && makers.len() > 1 {
            most = makers.len() * 2 / 3;
            continue;
        }
        let logs = match &simulated {
            Ok(simulated) => &simulated.logs[..],
            Err(ClientError::Refused(refusal)) => &refusal.logs[..],
            Err(_) => &[],
        };
        let skipped = skipped(logs);
        if replacements < REPLACEMENTS_MAX && named.iter().any(|maker| skipped.contains(maker)) {
            passed.extend(skipped);
            replacements += 1;
            continue;
        }
        let receipt = context
            .send_prepared(session, action, &prepared, &[taker.key])
            .await?;
        return context.print(&receipt);
    }
}

/// The orders that a sweep has passed over, by its log.
fn skipped(logs: &[String]) -> Vec<(Pubkey, u64)> {
    let events = ballast_client::events::decode_all(logs);
    let skipped = events
        .iter()
        .filter_map(|event| event.parse::<MakerSkipped>());
    skipped.map(|event| (event.maker, event.order_id)).collect()
}

fn is_exhausted(name: &str) -> bool {
    [
        "ComputationalBudgetExceeded",
        "ProgramFailedToComplete",
        "MaxLoadedAccountsDataSizeExceeded",
    ]
    .contains(&name)
}

async fn cancel_all(
    context: &Context,
    market: Option<&str>,
    side: Option<SideName>,
    client_id: Option<u64>,
    which: &Which,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let signer = key.pubkey();
    let account = which.key(context, &session.mirror.addresses.exchange)?;
    let held = margin_account(&mut session, &account).await?;
    let terms = market.map(|name| names::find_market(&session.mirror.exchange, name));
    let terms = terms.transpose()?;
    let Some(side) = side else {
        let filter = OrderFilter {
            terms: terms.map(Into::into),
            client_id,
        };
        let cancel = instructions::cancel_all(&account, &signer, filter);
        return context
            .execute(&mut session, "cancel orders", &[cancel], &[&key])
            .await;
    };
    // The program knows no filter by side: each order is named.
    let chosen = held.orders.iter().filter(|order| {
        order.lots != 0
            && order.side() == side.side()
            && terms.is_none_or(|terms| order.terms == terms)
            && client_id.is_none_or(|id| order.client_id == id)
    });
    let cancels: Vec<_> = chosen
        .map(|order| instructions::cancel_order(&account, &signer, order.id))
        .collect();
    let mut transactions = Vec::new();
    if !cancels.is_empty() {
        let plural = if cancels.len() == 1 { "" } else { "s" };
        let action = format!("cancel {} order{plural}", cancels.len());
        transactions.push(
            context
                .send(&mut session, action, &cancels, &[&key])
                .await?,
        );
    }
    context.print(&Receipts { transactions })
}
