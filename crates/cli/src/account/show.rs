//! `ballast account show`.

use anchor_lang::prelude::Pubkey;
use ballast_state::health::{Report, View, WhatIf};
use ballast_state::{MarginAccount, Side};
use serde::Serialize;

use super::figures::{
    AuctionFigures, MarginFigures, UnderlyingFigures, assess_leniently, doubts, liquidation_report,
};
use crate::amounts::{Decimal, Scale};
use crate::context::{Context, Which, margin_account};
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

#[derive(Clone, Debug, Serialize)]
struct BalanceFigures {
    asset: String,
    amount: Decimal,
    price: Decimal,
    value: Decimal,
    value_maintenance: Decimal,
    value_initial: Decimal,
}

#[derive(Clone, Debug, Serialize)]
struct PositionFigures {
    market: String,
    size: Decimal,
    mark: Option<Decimal>,
    break_even: Option<Decimal>,
    value: Decimal,
    pnl: Decimal,
    unsettled_funding: Decimal,
    delta_value: Decimal,
    implied_volatility: Option<Decimal>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OrderFigures {
    id: u64,
    client_id: u64,
    market: String,
    side: &'static str,
    size: Decimal,
    price: Decimal,
    kind: String,
    expires_at: Option<u32>,
    placed_slot: u64,
}

#[derive(Clone, Debug, Serialize)]
struct LiquidationPrice {
    underlying: String,
    price: Decimal,
    below: Option<Decimal>,
    below_move: Option<Decimal>,
    above: Option<Decimal>,
    above_move: Option<Decimal>,
}

/// Everything about an account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountFigures {
    address: String,
    owner: String,
    sub_account: u16,
    delegate: Option<String>,
    time: i64,
    balances: Vec<BalanceFigures>,
    positions: Vec<PositionFigures>,
    underlyings: Vec<UnderlyingFigures>,
    margin: MarginFigures,
    /// As a liquidation sees it: uncertainty in the account's favour. Nothing while its prices allow none.
    margin_in_liquidation: Option<MarginFigures>,
    liquidation_prices: Vec<LiquidationPrice>,
    in_liquidation: bool,
    auction: Option<AuctionFigures>,
    orders: Vec<OrderFigures>,
    state: &'static str,
    notes: Vec<String>,
}

/// The resting orders of an account.
pub fn orders(view: &View, account: &MarginAccount) -> Result<Vec<OrderFigures>, Failure> {
    let live = account.orders.iter().filter(|order| order.lots != 0);
    live.map(|order| {
        let scale = Scale::of(view.exchange, order.terms.underlying)?;
        let mut kind = vec!["limit"];
        if order.post_only != 0 {
            kind = vec!["post-only"];
        }
        if order.reduce_only != 0 {
            kind.push("reduce-only");
        }
        if order.is_expired(view.now) {
            kind.push("lapsed");
        }
        Ok(OrderFigures {
            id: order.id,
            client_id: order.client_id,
            market: names::market(view.exchange, &order.terms),
            side: match order.side() {
                Side::Bid => "buy",
                Side::Ask => "sell",
            },
            size: scale.size(order.lots),
            price: scale.price(order.price),
            kind: kind.join(", "),
            expires_at: (order.expires_at != 0).then_some(order.expires_at),
            placed_slot: order.placed_slot,
        })
    })
    .collect()
}

/// Prints orders.
pub fn show_orders(page: &mut Page, orders: &[OrderFigures]) {
    let rows = orders.iter().map(|order| {
        vec![
            order.id.to_string(),
            order.market.clone(),
            order.side.to_owned(),
            order.kind.clone(),
            order.size.amount(),
            order.price.amount(),
            order
                .expires_at
                .map_or_else(|| "never".into(), |time| names::time(time.into())),
            match order.client_id {
                0 => String::new(),
                id => id.to_string(),
            },
        ]
    });
    let heads = [
        "order",
        "market",
        "side",
        "kind",
        "size",
        "price",
        "lapses",
        "client id",
    ];
    page.table(&heads, 4, rows);
}

impl AccountFigures {
    /// Of an account.
    pub fn of(view: &View, key: &Pubkey, account: &MarginAccount) -> Result<Self, Failure> {
        let (report, refusal) = assess_leniently(view, account)?;
        let for_liquidation = liquidation_report(view, account);
        let mut notes: Vec<String> = refusal.into_iter().collect();
        if for_liquidation.is_none() {
            notes.push("nobody can begin a liquidation while its prices are stale".into());
        }
        notes.extend(doubts(view, account));
        let underlyings = report.underlyings().iter();
        let underlyings = underlyings.map(|entry| UnderlyingFigures::of(view, entry));
        let decisive = for_liquidation.as_deref().unwrap_or(&report);
        let state = if account.in_liquidation() {
            "in liquidation"
        } else if decisive.is_liquidatable() && account.has_obligations() {
            "below its maintenance margin: it can be liquidated"
        } else if report.health_initial() < 0 {
            "below its initial margin: it may only reduce risk"
        } else {
            "above its initial margin"
        };
        Ok(Self {
            address: key.to_string(),
            owner: account.owner.to_string(),
            sub_account: account.sub_account,
            delegate: (account.delegate != Pubkey::default()).then(|| account.delegate.to_string()),
            time: view.now,
            balances: balances(view, &report)?,
            positions: positions(view, account, &report)?,
            underlyings: underlyings.collect::<Result<_, _>>()?,
            margin: MarginFigures::of(&report),
            margin_in_liquidation: for_liquidation.as_deref().map(MarginFigures::of),
            liquidation_prices: liquidation_prices(view, account, &report)?,
            in_liquidation: account.in_liquidation(),
            auction: AuctionFigures::of(view, account, decisive),
            orders: orders(view, account)?,
            state,
            notes,
        })
    }
}

fn balances(view: &View, report: &Report) -> Result<Vec<BalanceFigures>, Failure> {
    let balances = report.balances().iter().map(|balance| {
        let listed = view.exchange.asset(balance.asset)?;
        let price = view.board.price(listed.feed)?.price.get();
        let exponent = names::feed_exponent(view.exchange, listed.feed);
        Ok(BalanceFigures {
            asset: names::asset(view.exchange, balance.asset),
            amount: Decimal::new(balance.amount, listed.decimals),
            price: match balance.asset {
                ballast_state::QUOTE_ASSET => Decimal::new(1, 0u32),
                _ => Decimal::fixed(price, exponent, 9),
            },
            value: Decimal::usd(balance.value),
            value_maintenance: Decimal::usd(balance.maintenance),
            value_initial: Decimal::usd(balance.initial),
        })
    });
    balances.collect()
}

fn positions(
    view: &View,
    account: &MarginAccount,
    report: &Report,
) -> Result<Vec<PositionFigures>, Failure> {
    let held = account.positions.iter().filter(|slot| !slot.is_free());
    let pairs = held.zip(report.positions());
    let figures = pairs.map(|(position, entry)| {
        let scale = Scale::of(view.exchange, position.terms.underlying)?;
        let lots = i128::from(position.base_lots);
        let per_unit = |quote: i64| {
            // A price per lot with six more digits, so that what is divided keeps them.
            let price = scale.price((i128::from(quote) * 1_000_000).checked_div(lots)?);
            Some(Decimal::ratio(
                price.exact(12)?,
                1_000_000_000_000_000_000,
                9,
            ))
        };
        let mut settled = *position;
        let funding = view.settle_funding(&mut settled).unwrap_or(0);
        Ok(PositionFigures {
            market: names::market(view.exchange, &position.terms),
            size: scale.size(lots),
            mark: per_unit(entry.value),
            break_even: per_unit(settled.quote.saturating_neg()),
            value: Decimal::usd(entry.value),
            pnl: Decimal::usd(entry.profit),
            unsettled_funding: Decimal::usd(funding),
            delta_value: Decimal::usd(entry.delta),
            implied_volatility: (entry.volatility_q32 != 0)
                .then(|| Decimal::q32(entry.volatility_q32)),
        })
    });
    figures.collect()
}

fn liquidation_prices(
    view: &View,
    account: &MarginAccount,
    report: &Report,
) -> Result<Vec<LiquidationPrice>, Failure> {
    let what_if = WhatIf::new(view, account);
    let prices = report.underlyings().iter().map(|entry| {
        let scale = Scale::of(view.exchange, entry.underlying)?;
        let mark = view.last_mark(entry.underlying)?;
        // While prices are stale nobody can begin one.
        let marks = what_if
            .liquidation_marks(entry.underlying)
            .unwrap_or_default();
        let price = |mark| scale.mark(mark);
        let change = |to: fixed::types::I80F48| {
            Decimal::ratio(
                (to - mark).to_bits() >> 16,
                (mark.to_bits() >> 16).max(1),
                6,
            )
        };
        Ok(LiquidationPrice {
            underlying: names::underlying(view.exchange, entry.underlying),
            price: price(mark),
            below: marks.below.map(price),
            below_move: marks.below.map(change),
            above: marks.above.map(price),
            above_move: marks.above.map(change),
        })
    });
    prices.collect()
}

fn maybe(value: Option<Decimal>, shown: impl Fn(Decimal) -> String) -> String {
    value.map_or_else(|| "-".into(), shown)
}

impl Show for AccountFigures {
    fn show(&self, page: &mut Page) {
        page.fields([
            ("account", self.address.clone()),
            (
                "owner",
                format!("{}, number {}", self.owner, self.sub_account),
            ),
            (
                "delegate",
                self.delegate.clone().unwrap_or_else(|| "nobody".into()),
            ),
            ("state", self.state.to_owned()),
        ]);
        self.show_holdings(page);
        self.show_margin(page);
        self.show_liquidation(page);
        show_orders(page, &self.orders);
        for note in &self.notes {
            page.line(format!("note: {note}"));
        }
    }
}

impl AccountFigures {
    fn show_holdings(&self, page: &mut Page) {
        let balances = self.balances.iter().map(|balance| {
            vec![
                balance.asset.clone(),
                balance.amount.amount(),
                balance.price.price(),
                balance.value.money(),
                balance.value_maintenance.money(),
                balance.value_initial.money(),
            ]
        });
        let heads = [
            "balance",
            "amount",
            "price",
            "value",
            "for maintenance",
            "for initial",
        ];
        page.table(&heads, 1, balances);
        let positions = self.positions.iter().map(|position| {
            vec![
                position.market.clone(),
                position.size.amount(),
                maybe(position.mark, Decimal::price),
                maybe(position.break_even, Decimal::price),
                position.pnl.signed_money(),
                position.unsettled_funding.signed_money(),
                position.delta_value.shown(0),
                maybe(position.implied_volatility, |vol| vol.percent(1)),
            ]
        });
        let heads = [
            "position",
            "size",
            "mark",
            "break-even",
            "PnL",
            "funding",
            "delta USD",
            "vol",
        ];
        page.table(&heads, 1, positions);
    }

    fn show_margin(&self, page: &mut Page) {
        let underlyings = self.underlyings.iter().map(|entry| {
            vec![
                entry.underlying.clone(),
                entry.worst_scenario.clone(),
                entry.range.percent(1),
                entry.delta.shown(3),
                entry.scan_loss.short_money(),
                entry.directional.short_money(),
                entry.residual.short_money(),
                entry.size_contingency.short_money(),
                entry.option_contingency.short_money(),
            ]
        });
        let heads = [
            "margin of",
            "worst scenario",
            "range",
            "delta",
            "scan loss",
            "directional",
            "residual",
            "size",
            "shorts",
        ];
        page.table(&heads, 2, underlyings);
        let margin = &self.margin;
        let decisive = self.margin_in_liquidation.as_ref().unwrap_or(margin);
        let rows = [
            ("equity at marks", margin.equity_mark, margin.equity_mark),
            (
                "equity after haircuts",
                decisive.equity_maintenance,
                margin.equity_initial,
            ),
            ("margin", decisive.maintenance_margin, margin.initial_margin),
            ("health", decisive.health_maintenance, margin.health_initial),
        ];
        let rows = rows.map(|(name, maintenance, initial)| {
            vec![name.to_owned(), maintenance.money(), initial.money()]
        });
        page.table(&["account", "maintenance", "initial"], 1, rows);
        page.line("maintenance margin = de-peg × (directional + residual + contingencies)");
        page.line(format!(
            "{} = {} × ({} + {} + {})",
            margin.maintenance_margin.money(),
            margin.depeg_factor.shown(4),
            margin.directional_loss.money(),
            margin.residual_loss.money(),
            margin.contingencies.money(),
        ));
        if let Some(ratio) = decisive.ratio {
            let leverage = maybe(margin.leverage, |leverage| {
                format!(", leverage {}x", leverage.shown(2))
            });
            page.line(format!(
                "equity is {} of maintenance margin{}",
                ratio.percent(1),
                if leverage == "-" { "" } else { &leverage },
            ));
        }
    }

    fn show_liquidation(&self, page: &mut Page) {
        let prices = self.liquidation_prices.iter().map(|entry| {
            let percent = |change: Option<Decimal>| maybe(change, |change| change.percent(1));
            vec![
                entry.underlying.clone(),
                entry.price.price(),
                maybe(entry.below, Decimal::price),
                percent(entry.below_move),
                maybe(entry.above, Decimal::price),
                percent(entry.above_move),
            ]
        });
        let heads = [
            "liquidated by",
            "price",
            "at or below",
            "",
            "at or above",
            "",
        ];
        page.table(&heads, 1, prices);
        if let Some(auction) = &self.auction {
            page.line(format!(
                "in liquidation since {}, auction at {}: the whole for {} USD{}",
                names::time(auction.started_at),
                names::span(auction.elapsed_s as i64),
                auction.price.money(),
                auction
                    .discount
                    .map_or_else(String::new, |discount| format!(
                        ", {} below marks",
                        discount.percent(2)
                    )),
            ));
        }
    }
}

/// Shows an account.
pub async fn show(context: &Context, which: &Which) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = which.key(context, &session.mirror.addresses.exchange)?;
    let account = margin_account(&mut session, &key).await?;
    let view = session.mirror.view(session.time.unix);
    context.print(&AccountFigures::of(&view, &key, &account)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, rendered};
    use ballast_risk::Q32_ONE;
    use ballast_state::{Board, Exchange, MarketTerms, Order, Position};
    use bytemuck::Zeroable;
    use bytemuck::allocation::zeroed_box;
    use fixed::types::I80F48;

    const NOW: i64 = 1_795_000_000;

    /// SOL at 125 and ETH at 3,200, scan ranges of an eighth.
    fn world() -> (Box<Exchange>, Box<Board>) {
        let mut exchange = names::tests::exchange();
        let mut board: Box<Board> = zeroed_box();
        exchange.margin.initial_factor_q32 = Q32_ONE * 5 / 4;
        exchange.margin.max_offset_q32 = Q32_ONE / 2;
        for index in 0..3 {
            // USDC, SOL per 10^-9, ETH per 10^-8, in quote units.
            let price = I80F48::from_num([1.0, 0.125, 32.0][index]);
            let feed = exchange.feeds[index];
            board.prices[index].update(&feed, price, I80F48::ZERO, price, NOW, 1);
            board.assets[index].deposit.set(I80F48::ONE);
            board.assets[index].borrow.set(I80F48::ONE);
        }
        for underlying in &mut exchange.underlyings[..2] {
            underlying.range_minimum_q32 = Q32_ONE / 8;
            underlying.range_maximum_q32 = Q32_ONE / 2;
            underlying.unsettled_profit_cap = u64::MAX;
        }
        (exchange, board)
    }

    /// 100 SOL against 9,000 USDC borrowed, 20 SOL sold forward at 155, an order for ETH.
    fn account() -> MarginAccount {
        let mut account = MarginAccount::zeroed();
        account.owner = Pubkey::new_from_array([1; 32]);
        for (asset, amount) in [(0, -9_000_000_000i64), (1, 100_000_000_000)] {
            let balance = account.balance_mut(asset).unwrap();
            balance.shares.set(I80F48::from_num(amount));
        }
        let terms = MarketTerms::perpetual(0);
        *account.position_mut(&terms).unwrap() = Position {
            base_lots: -2_000,
            quote: 3_100_000_000,
            terms,
            ..Position::default()
        };
        *account.free_order_mut().unwrap() = Order {
            terms: MarketTerms::perpetual(1),
            price: 2_900_000,
            lots: 1_500,
            id: 7,
            post_only: 1,
            ..Order::default()
        };
        account
    }

    fn figures() -> AccountFigures {
        let (exchange, board) = world();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let key = Pubkey::new_from_array([2; 32]);
        AccountFigures::of(&view, &key, &account()).unwrap()
    }

    #[test]
    fn an_account_as_tables() {
        let text = rendered(&figures(), Format::Table).unwrap();
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert_eq!(text, include_str!("show.txt"));
    }

    #[test]
    fn an_account_as_json() {
        let text = rendered(&figures(), Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["balances"][1]["amount"], "100");
        assert_eq!(json["positions"][0]["market"], "SOL-PERP");
        assert_eq!(json["positions"][0]["size"], "-20");
        assert_eq!(json["positions"][0]["break_even"], "155");
        assert_eq!(json["positions"][0]["pnl"], "600");
        // 80 SOL at 12.5% are 1,250; 12,500 - 9,000 + 600 are there.
        assert_eq!(json["margin"]["maintenance_margin"], "1250");
        assert_eq!(json["margin"]["initial_margin"], "1562.5");
        assert_eq!(json["margin"]["equity_mark"], "4100");
        assert_eq!(json["underlyings"][0]["delta"], "80");
        // 80·S·7/8 = 9,000 - 3,100 at S = 84.2857.
        let below = json["liquidation_prices"][0]["below"].as_str().unwrap();
        assert!(below.starts_with("84.2857"), "{below}");
        assert!(json["liquidation_prices"][0]["above"].is_null());
        assert_eq!(json["orders"][0]["price"], "2900");
        assert_eq!(json["orders"][0]["size"], "1.5");
    }

    #[test]
    fn stale_prices_are_told() {
        let (exchange, board) = world();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW + 61,
        };
        let figures = AccountFigures::of(&view, &Pubkey::default(), &account()).unwrap();
        assert!(figures.margin_in_liquidation.is_none());
        let notes = figures.notes.join("\n");
        assert!(
            notes.contains("the price of SOL/USD is 1m01s old"),
            "{notes}"
        );
        assert!(notes.contains("may add no risk now"), "{notes}");
    }
}
