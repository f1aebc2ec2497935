//! The maker's margin accounts: for every underlying one with the perpetual and the futures, one with options that expire in the week, one with
//! those of Fridays.

use super::listing::{Money, expiries, future, is_friday, series, will_settle};
use super::quotes::Sight;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anyhow::Result;
use ballast_client::args::OrderFilter;
use ballast_client::state::{
    MarginAccount, Market, MarketStatus, MarketTerms, ORDERS_MAX, POSITIONS_MAX, Position,
    is_on_expiry_grid,
};
use ballast_client::{ExchangeAddresses, Mirror, instructions};
use std::collections::BTreeSet;

/// A bid and an offer in each.
const SERIES_MAX: usize = ORDERS_MAX / 2;
/// Orders that one transaction places: more would not fit its bytes and compute units.
const ORDERS_PER_TRANSACTION: usize = 6;
/// A position is not quoted any more in its last seconds.
const LAST_S: i64 = 60;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Weekdays,
    Fridays,
}

const KINDS: [Kind; 3] = [Kind::Linear, Kind::Weekdays, Kind::Fridays];

/// One margin account.
#[derive(Clone, Debug)]
pub struct Desk {
    pub underlying: u8,
    pub sub_account: u16,
    pub account: Pubkey,
    /// What it quotes.
    pub markets: Vec<MarketTerms>,
    kind: Kind,
}

/// The desks of an owner, for every underlying of an exchange.
pub fn desks(mirror: &Mirror, owner: &Pubkey) -> Vec<Desk> {
    let underlyings = 0..mirror.exchange.underlying_count;
    let kinds = underlyings.flat_map(|underlying| KINDS.map(|kind| (underlying, kind)));
    kinds
        .zip(0u16..)
        .map(|((underlying, kind), sub_account)| Desk {
            account: mirror.addresses.margin_account(owner, sub_account),
            markets: Vec::new(),
            underlying,
            sub_account,
            kind,
        })
        .collect()
}

/// Transactions that bring an account's orders to where they should be.
#[derive(Debug, Default)]
pub struct Orders {
    /// Take orders back in markets that are not quoted any more.
    pub cancels: Vec<Vec<Instruction>>,
    /// Replace orders.
    pub places: Vec<Vec<Instruction>>,
}

impl Desk {
    /// Whether perpetuals and futures are traded here.
    pub fn is_linear(&self) -> bool {
        self.kind == Kind::Linear
    }

    /// Decides what is quoted at a price of the underlying, quote units per lot.
    pub fn choose(
        &mut self,
        mirror: &Mirror,
        money: &mut Money,
        spot: f64,
        positions: &[Position],
        now: i64,
    ) {
        let underlying = self.underlying;
        let is_usable = |expiry| {
            let mut listed = mirror.markets.keys();
            let is_listed = listed.any(|terms| {
                terms.is_option() && terms.underlying == underlying && terms.expiry == expiry
            });
            // In its last hour no series of a day can be listed any more.
            (is_listed || is_on_expiry_grid(expiry, now))
                && will_settle(expiry, covered_s(mirror, underlying, expiry), now)
        };
        let quoted = expiries(now, is_usable);
        if self.is_linear() {
            self.markets = vec![MarketTerms::perpetual(underlying)];
            self.markets
                .extend(quoted.map(|expiry| future(underlying, expiry)));
            return;
        }
        self.markets.clear();
        let step = mirror
            .exchange
            .underlying(underlying)
            .map_or(0, |listed| listed.strike_step);
        let Ok(strikes) = money.strikes(underlying, spot, step) else {
            return;
        };
        let own = quoted
            .into_iter()
            .filter(|expiry| is_friday(*expiry) == (self.kind == Kind::Fridays));
        self.markets
            .extend(own.flat_map(|expiry| series(underlying, expiry, strikes)));
        // Whoever has bought a series that has gone away from the money may want to sell it again.
        let held = positions
            .iter()
            .filter(|position| position.base_lots != 0)
            .map(|position| position.terms);
        for terms in held {
            if terms.expiry - now > LAST_S && !self.markets.contains(&terms) {
                self.markets.push(terms);
            }
        }
        self.markets.truncate(SERIES_MAX);
    }

    /// What leads from the orders that rest to those that should.
    pub fn orders(
        &self,
        mirror: &Mirror,
        addresses: &ExchangeAddresses,
        owner: &Pubkey,
        account: &MarginAccount,
        now: i64,
    ) -> Result<Orders> {
        let view = mirror.view(now);
        let cancel = |terms: MarketTerms, client_id: Option<u64>| {
            let filter = OrderFilter {
                terms: Some(terms.into()),
                client_id,
            };
            instructions::cancel_all(&self.account, owner, filter)
        };
        let resting: BTreeSet<MarketTerms> = account
            .orders
            .iter()
            .filter(|order| order.lots > 0)
            .map(|order| order.terms)
            .collect();
        let gone = resting.iter().filter(|terms| !self.markets.contains(terms));
        let mut orders = Orders::default();
        let cancels: Vec<Instruction> = gone.map(|terms| cancel(*terms, None)).collect();
        if !cancels.is_empty() {
            orders.cancels.push(cancels);
        }
        // Without a price, or while an expired position waits for its settlement, nothing can be added.
        let waits = account
            .positions
            .iter()
            .any(|slot| slot.base_lots != 0 && slot.terms.is_expired(now));
        let Ok(spot) = view.fresh_mark(self.underlying) else {
            return Ok(orders);
        };
        if waits
            || account.in_liquidation()
            || (!self.is_linear() && view.surface_is_stale(self.underlying)?)
        {
            return Ok(orders);
        }
        let mut free = POSITIONS_MAX
            - account
                .positions
                .iter()
                .filter(|slot| !slot.is_free())
                .count();
        let (mut batch, mut count) = (Vec::new(), 0);
        for terms in &self.markets {
            let Some(market) = mirror.markets.get(terms) else {
                continue;
            };
            if market.status(now) != MarketStatus::Active {
                continue;
            }
            if account.position(terms).is_none() {
                let Some(left) = free.checked_sub(1) else {
                    continue;
                };
                free = left;
            }
            let sight = sight(
                market,
                account,
                view.mark(terms)?.to_num(),
                spot.to_num(),
                now,
            );
            let mut wanted = sight.wanted();
            wanted.retain(|order| view.is_within_band(terms, order.price).unwrap_or(false));
            let change = sight.change(wanted, &account.orders);
            if change.is_empty() {
                continue;
            }
            if count + change.missing.len() > ORDERS_PER_TRANSACTION {
                orders.places.push(std::mem::take(&mut batch));
                count = 0;
            }
            count += change.missing.len();
            let gone = change.gone.iter();
            batch.extend(gone.map(|client_id| cancel(*terms, Some(*client_id))));
            batch.extend(change.missing.iter().map(|order| {
                instructions::place_order(addresses, terms, &self.account, owner, order.order())
            }));
        }
        orders.places.push(batch);
        orders.places.retain(|batch| !batch.is_empty());
        Ok(orders)
    }
}

/// How many seconds of an expiry's settlement window prices have covered.
fn covered_s(mirror: &Mirror, underlying: u8, expiry: i64) -> u64 {
    let listed = mirror.exchange.underlying(underlying);
    let entry = listed.and_then(|listed| mirror.board.price(listed.feed));
    match entry {
        Ok(entry) if entry.settlement_expiry == expiry => entry.settlement_seconds,
        _ => 0,
    }
}

fn sight(market: &Market, account: &MarginAccount, mark: f64, spot: f64, now: i64) -> Sight {
    Sight {
        terms: market.terms,
        tick: market.tick_size,
        order_minimum: market.order_minimum_lots,
        held: account.lots(&market.terms),
        mark,
        spot,
        now,
    }
}
