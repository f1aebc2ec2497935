//! The program's events in words and in JSON.

use anchor_lang::prelude::Pubkey;
use ballast::events;
use ballast_client::Mirror;
use ballast_client::errors::program_error;
use ballast_client::events::RawEvent;
use ballast_state::MarketTerms;
use serde::Serialize;
use serde_json::{Value, json};

use crate::amounts::{Decimal, Scale};
use crate::names;

/// An event, told.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Its name in the program.
    pub event: &'static str,
    /// In words.
    pub text: String,
    /// The margin accounts that it is about.
    pub accounts: Vec<String>,
    /// Its figures.
    pub details: Value,
}

struct Teller<'a> {
    mirror: &'a Mirror,
}

fn side(side: u8) -> &'static str {
    if side == 0 { "buy" } else { "sell" }
}

impl Teller<'_> {
    fn amount(&self, asset: u8, units: impl Into<i128>) -> Decimal {
        let decimals = self
            .mirror
            .exchange
            .asset(asset)
            .map_or(0, |listed| listed.decimals);
        Decimal::new(units, decimals)
    }

    fn asset(&self, asset: u8) -> String {
        names::asset(&self.mirror.exchange, asset)
    }

    fn market(&self, terms: impl Into<MarketTerms>) -> String {
        names::market(&self.mirror.exchange, &terms.into())
    }

    fn scale(&self, underlying: u8) -> Scale {
        Scale::of(&self.mirror.exchange, underlying).unwrap_or(Scale {
            lot_size: 1,
            decimals: 0,
        })
    }

    /// Name and units of the market at an address; nothing when it has been closed meanwhile.
    fn at(&self, market: &Pubkey) -> (String, Option<Scale>) {
        match self.mirror.terms_of_market(market) {
            Some(terms) => (self.market(terms), Some(self.scale(terms.underlying))),
            None => (market.to_string(), None),
        }
    }
}

impl Told {
    /// All that are worth telling.
    pub fn all(mirror: &Mirror, events: &[RawEvent]) -> Vec<Self> {
        let teller = Teller { mirror };
        events
            .iter()
            .filter_map(|event| teller.tell(event))
            .collect()
    }

    /// Whether it is about a margin account.
    pub fn is_about(&self, account: &Pubkey) -> bool {
        let account = account.to_string();
        self.accounts.contains(&account)
    }
}

macro_rules! told {
    ($name:literal, [$($account:expr),*], $details:tt, $($text:tt)+) => {
        return Some(Told {
            event: $name,
            text: format!($($text)+),
            accounts: vec![$($account.to_string()),*],
            details: json!($details),
        })
    };
}

fn usd(units: impl Into<i128>) -> Decimal {
    Decimal::usd(units)
}

impl Teller<'_> {
    fn tell(&self, raw: &RawEvent) -> Option<Told> {
        self.tell_trade(raw)
            .or_else(|| self.tell_account(raw))
            .or_else(|| self.tell_liquidation(raw))
            .or_else(|| self.tell_exchange(raw))
    }

    fn tell_trade(&self, raw: &RawEvent) -> Option<Told> {
        if let Some(event) = raw.parse::<events::OrderFilled>() {
            let (market, scale) = self.at(&event.market);
            let size = scale.map(|scale| scale.size(event.lots));
            let price = scale.map(|scale| scale.price(event.price));
            let text = |value: Option<Decimal>, lots: u64| match value {
                Some(value) => value.amount(),
                None => format!("{lots} lots"),
            };
            told!("order_filled", [event.maker, event.taker], {
                "market": market, "maker": event.maker.to_string(), "taker": event.taker.to_string(),
                "maker_order_id": event.maker_order_id, "taker_order_id": event.taker_order_id,
                "taker_side": side(event.taker_side), "size": size, "price": price, "lots": event.lots,
                "maker_fee": usd(event.maker_fee), "taker_fee": usd(event.taker_fee),
                "maker_funding": usd(event.maker_funding), "taker_funding": usd(event.taker_funding),
            }, "filled: {} {} {market} at {}, taker {} pays a fee of {}, maker {} of {}",
                side(event.taker_side), text(size, event.lots), text(price, event.price), names::short(&event.taker),
                usd(event.taker_fee).amount(), names::short(&event.maker), usd(event.maker_fee).amount());
        }
        if let Some(event) = raw.parse::<events::OrderPlaced>() {
            let scale = self.scale(event.terms.underlying);
            let (size, price) = (scale.size(event.lots), scale.price(event.price));
            let market = self.market(event.terms);
            told!("order_placed", [event.margin_account], {
                "account": event.margin_account.to_string(), "market": market, "order_id": event.order_id,
                "client_id": event.client_id, "side": side(event.side), "size": size, "price": price,
                "expires_at": event.expires_at, "reduce_only": event.reduce_only, "post_only": event.post_only,
            }, "order {} rests: {} {} {market} at {}", event.order_id, side(event.side), size.amount(), price.amount());
        }
        if let Some(event) = raw.parse::<events::OrderCancelled>() {
            told!("order_cancelled", [event.margin_account], {
                "account": event.margin_account.to_string(), "order_id": event.order_id, "lots": event.lots,
            }, "order {} cancelled with {} lots left", event.order_id, event.lots);
        }
        if let Some(event) = raw.parse::<events::OrderPruned>() {
            told!("order_pruned", [event.margin_account], {
                "account": event.margin_account.to_string(), "order_id": event.order_id, "lots": event.lots,
            }, "order {} removed with {} lots left: it could not trade any more", event.order_id, event.lots);
        }
        if let Some(event) = raw.parse::<events::MakerSkipped>() {
            let reason = program_error(event.reason)
                .map_or_else(|| event.reason.to_string(), |error| error.name());
            told!("maker_skipped", [event.maker], {
                "market": self.at(&event.market).0, "maker": event.maker.to_string(), "order_id": event.order_id,
                "code": event.reason, "name": reason,
            }, "order {} of {} passed over: {reason}", event.order_id, names::short(&event.maker));
        }
        if let Some(event) = raw.parse::<events::PnlSettled>() {
            let market = self.at(&event.market).0;
            told!("pnl_settled", [event.margin_account], {
                "account": event.margin_account.to_string(), "market": market, "amount": usd(event.amount), "funding": usd(event.funding),
            }, "settled {} USD of {market} in cash, funding {}", usd(event.amount).amount(), usd(event.funding).amount());
        }
        if let Some(event) = raw.parse::<events::PositionSettled>() {
            let (market, scale) = self.at(&event.market);
            let size = scale.map(|scale| scale.size(event.base_lots));
            let payoff = scale.map(|scale| scale.price(event.payoff));
            told!("position_settled", [event.margin_account], {
                "account": event.margin_account.to_string(), "market": market, "lots": event.base_lots, "size": size, "payoff": payoff,
            }, "{market} settled: {} at a payoff of {}", size.map_or_else(String::new, Decimal::amount),
                payoff.map_or_else(String::new, Decimal::amount));
        }
        if let Some(event) = raw.parse::<events::FundingUpdated>() {
            let (market, rate) = (self.at(&event.market).0, Decimal::q32(event.rate_q32));
            told!("funding_updated", [], { "market": market, "rate": rate },
                "funding of {market}: {} per period", rate.percent(6));
        }
        if let Some(event) = raw.parse::<events::SettlementFinalized>() {
            let market = self.market(event.terms);
            let price = self
                .scale(event.terms.underlying)
                .price(event.settlement_price);
            told!("settlement_finalized", [], {
                "market": market, "settlement_price": price, "window": event.window,
            }, "{market} settles at {}", price.amount());
        }
        None
    }

    fn tell_account(&self, raw: &RawEvent) -> Option<Told> {
        if let Some(event) = raw.parse::<events::Deposited>() {
            let (amount, asset) = (
                self.amount(event.asset, event.amount),
                self.asset(event.asset),
            );
            told!("deposited", [event.margin_account], {
                "account": event.margin_account.to_string(), "asset": asset, "amount": amount, "depositor": event.depositor.to_string(),
            }, "deposited {} {asset}", amount.amount());
        }
        if let Some(event) = raw.parse::<events::Withdrawn>() {
            let asset = self.asset(event.asset);
            let [amount, borrowed, fee] = [event.amount, event.borrowed, event.fee]
                .map(|units| self.amount(event.asset, units));
            told!("withdrawn", [event.margin_account], {
                "account": event.margin_account.to_string(), "asset": asset, "amount": amount, "borrowed": borrowed, "fee": fee,
            }, "withdrew {} {asset}, of which {} borrowed for a fee of {}", amount.amount(), borrowed.amount(), fee.amount());
        }
        if let Some(event) = raw.parse::<events::Transferred>() {
            let (amount, asset) = (
                self.amount(event.asset, event.amount),
                self.asset(event.asset),
            );
            told!("transferred", [event.from, event.to], {
                "from": event.from.to_string(), "to": event.to.to_string(), "asset": asset, "amount": amount,
            }, "transferred {} {asset} from {} to {}", amount.amount(), names::short(&event.from), names::short(&event.to));
        }
        if let Some(event) = raw.parse::<events::AccountOpened>() {
            told!("account_opened", [event.margin_account], {
                "account": event.margin_account.to_string(), "owner": event.owner.to_string(), "sub_account": event.sub_account,
            }, "opened account {} of {}: {}", event.sub_account, names::short(&event.owner), event.margin_account);
        }
        if let Some(event) = raw.parse::<events::AccountClosed>() {
            told!("account_closed", [event.margin_account], {
                "account": event.margin_account.to_string(), "owner": event.owner.to_string(),
            }, "closed account {}", event.margin_account);
        }
        if let Some(event) = raw.parse::<events::DelegateSet>() {
            let delegate =
                (event.delegate != Pubkey::default()).then(|| event.delegate.to_string());
            let text = delegate.clone().unwrap_or_else(|| "nobody".into());
            told!("delegate_set", [event.margin_account], {
                "account": event.margin_account.to_string(), "delegate": delegate,
            }, "delegate: {text}");
        }
        None
    }

    fn tell_liquidation(&self, raw: &RawEvent) -> Option<Told> {
        if let Some(event) = raw.parse::<events::LiquidationStarted>() {
            let (equity, margin) = (usd(event.equity_maintenance), usd(event.maintenance_margin));
            told!("liquidation_started", [event.margin_account], {
                "account": event.margin_account.to_string(), "equity": equity, "maintenance_margin": margin, "started_at": event.started_at,
            }, "liquidation of {} started: equity {} against a maintenance margin of {}",
                names::short(&event.margin_account), equity.money(), margin.money());
        }
        if let Some(event) = raw.parse::<events::LiquidationEnded>() {
            told!("liquidation_ended", [event.margin_account], { "account": event.margin_account.to_string() },
                "liquidation of {} ended", names::short(&event.margin_account));
        }
        if let Some(event) = raw.parse::<events::Liquidated>() {
            let fraction = Decimal::q32(event.fraction_q32);
            let balances: Vec<Value> = event.balances.iter().map(|moved| json!({
                "asset": self.asset(moved.asset), "amount": self.amount(moved.asset, moved.amount),
            })).collect();
            let positions: Vec<Value> = event.positions.iter().map(|moved| json!({
                "market": self.market(moved.terms), "size": self.scale(moved.terms.underlying).size(moved.base_lots),
                "quote": usd(moved.quote),
            })).collect();
            told!("liquidated", [event.margin_account, event.liquidator], {
                "account": event.margin_account.to_string(), "liquidator": event.liquidator.to_string(), "fraction": fraction,
                "price": usd(event.price), "payment": usd(event.payment), "insurance_fee": usd(event.insurance_fee),
                "insurance_payment": usd(event.insurance_payment), "equity_mark": usd(event.equity_mark),
                "balances": balances, "positions": positions,
            }, "{} of {} taken by {} for {} (fund: fee {}, payment {})", fraction.percent(2), names::short(&event.margin_account),
                names::short(&event.liquidator), usd(event.payment).money(), usd(event.insurance_fee).money(), usd(event.insurance_payment).money());
        }
        if let Some(event) = raw.parse::<events::Deleveraged>() {
            let (market, scale) = self.at(&event.market);
            let size = scale.map(|scale| scale.size(event.base_lots));
            told!("deleveraged", [event.margin_account, event.counterparty], {
                "market": market, "account": event.margin_account.to_string(), "counterparty": event.counterparty.to_string(),
                "size": size, "lots": event.base_lots, "given_up": usd(event.given_up),
            }, "{} {market} of {} closed against {}, who gave up {}", size.map_or_else(String::new, Decimal::amount),
                names::short(&event.margin_account), names::short(&event.counterparty), usd(event.given_up).money());
        }
        if let Some(event) = raw.parse::<events::BankruptcyResolved>() {
            let (amount, asset) = (
                self.amount(event.asset, event.written_off),
                self.asset(event.asset),
            );
            told!("bankruptcy_resolved", [event.margin_account], {
                "account": event.margin_account.to_string(), "asset": asset, "written_off": amount, "equity_mark": usd(event.equity_mark),
            }, "{} {asset} of {} written off at the cost of its depositors", amount.amount(), event.margin_account);
        }
        None
    }

    fn tell_exchange(&self, raw: &RawEvent) -> Option<Told> {
        let exchange = &self.mirror.exchange;
        if let Some(event) = raw.parse::<events::InterestAccrued>() {
            let asset = self.asset(event.asset);
            let [deposits, loans, fees, insurance] =
                [event.deposits, event.loans, event.fees, event.insurance]
                    .map(|units| self.amount(event.asset, units));
            told!("interest_accrued", [], {
                "asset": asset, "deposits": deposits, "loans": loans, "fees": fees, "insurance": insurance,
            }, "interest of {asset}: {} to the exchange, {} to the insurance fund", fees.amount(), insurance.amount());
        }
        if let Some(event) = raw.parse::<events::PriceUpdated>() {
            let feed = names::feed(exchange, event.feed);
            let exponent = names::feed_exponent(exchange, event.feed);
            let price = fixed::types::I80F48::from_bits(event.price_bits);
            let price = Decimal::fixed(price, exponent, 9);
            told!("price_updated", [], { "feed": feed, "price": price, "publish_time": event.publish_time },
                "{feed} {} of {}", price.price(), names::time(event.publish_time));
        }
        if let Some(event) = raw.parse::<events::PriceRefused>() {
            let reason = program_error(event.reason)
                .map_or_else(|| event.reason.to_string(), |error| error.name());
            told!("price_refused", [], { "account": event.account.to_string(), "code": event.reason, "name": reason },
                "price account {} refused: {reason}", event.account);
        }
        if let Some(event) = raw.parse::<events::FeesCollected>() {
            let market = self.at(&event.market).0;
            told!("fees_collected", [], { "market": market, "amount": usd(event.amount) },
                "{} USD of fees collected from {market}", usd(event.amount).amount());
        }
        if let Some(event) = raw.parse::<events::FeesWithdrawn>() {
            let (amount, asset) = (
                self.amount(event.asset, event.amount),
                self.asset(event.asset),
            );
            told!("fees_withdrawn", [], { "asset": asset, "amount": amount, "destination": event.destination.to_string() },
                "{} {asset} of fees sent to {}", amount.amount(), event.destination);
        }
        if let Some(event) = raw.parse::<events::InsuranceWithdrawn>() {
            let (amount, asset) = (
                self.amount(event.asset, event.amount),
                self.asset(event.asset),
            );
            told!("insurance_withdrawn", [], { "asset": asset, "amount": amount, "destination": event.destination.to_string() },
                "{} {asset} of the insurance fund sent to {}", amount.amount(), event.destination);
        }
        if let Some(event) = raw.parse::<events::MarketAdded>() {
            let market = self.market(event.terms);
            told!("market_added", [], { "market": market, "address": event.market.to_string(), "creator": event.creator.to_string() },
                "{market} opened: {}", event.market);
        }
        if let Some(event) = raw.parse::<events::MarketClosed>() {
            let market = self.market(event.terms);
            told!("market_closed", [], { "market": market, "creator": event.creator.to_string(), "fees": usd(event.fees) },
                "{market} closed, rent back to {}", event.creator);
        }
        if let Some(event) = raw.parse::<events::PauseSet>() {
            told!("pause_set", [], { "instructions": event.instructions, "ends_at": event.ends_at, "authority": event.authority.to_string() },
                "{} instructions paused until {}", event.instructions.count_ones(), names::time(event.ends_at));
        }
        if let Some(event) = raw.parse::<events::AuthorityProposed>() {
            told!("authority_proposed", [], { "role": role(event.role), "proposed": event.proposed.to_string() },
                "{} proposed as {}", event.proposed, role(event.role));
        }
        if let Some(event) = raw.parse::<events::AuthorityAccepted>() {
            told!("authority_accepted", [], { "role": role(event.role), "authority": event.authority.to_string() },
                "{} is {} now", event.authority, role(event.role));
        }
        None
    }
}

fn role(role: u8) -> &'static str {
    match role {
        0 => "admin",
        1 => "risk authority",
        2 => "guardian",
        _ => "?",
    }
}
