//! The book of a market, put together from the orders that rest in margin accounts.

use std::collections::HashMap;

use anchor_lang::prelude::Pubkey;
use ballast_client::Mirror;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{FillMargin, MarginAccount, MarketTerms, Order, Side, StateError};

/// An order that may trade now.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// Where it rests.
    pub account: Pubkey,
    /// Whose it is.
    pub owner: Pubkey,
    /// The order.
    pub order: Order,
    /// Lots that may trade: a reduce-only order takes no more than the position that it reduces.
    pub lots: u64,
}

/// One side of a market's book, the best price first and of equal ones the oldest. Orders that have lapsed, lie outside the price band or could not
/// reduce anything are left out; whether an account can afford its order is for the program to say.
pub fn side(mirror: &Mirror, view: &View, terms: &MarketTerms, side: Side) -> Vec<Resting> {
    let mut resting: Vec<Resting> = mirror
        .accounts
        .iter()
        .flat_map(|(key, account)| {
            let orders = account.orders.iter().filter(|order| order.lots != 0);
            orders.map(move |order| (key, account, order))
        })
        .filter(|(_, _, order)| order.terms == *terms && order.side() == side)
        .filter(|(_, account, order)| !account.in_liquidation() || order.reduce_only != 0)
        .filter(|(_, _, order)| !order.is_expired(view.now))
        .filter(|(_, _, order)| view.is_within_band(terms, order.price).unwrap_or(false))
        .map(|(key, account, order)| Resting {
            account: *key,
            owner: account.owner,
            order: *order,
            lots: account.fillable(order),
        })
        .filter(|resting| resting.lots > 0)
        .collect();
    resting.sort_by_key(|resting| {
        let Order {
            price,
            placed_slot,
            id,
            ..
        } = resting.order;
        let rank = match side {
            Side::Bid => u64::MAX - price,
            Side::Ask => price,
        };
        (rank, placed_slot, resting.account, id)
    });
    resting
}

/// What makers are sought for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whose order it is: nobody trades with himself.
    pub owner: Pubkey,
    /// Its side.
    pub side: Side,
    /// Its worst price.
    pub limit: u64,
    /// Its lots.
    pub lots: u64,
    /// Most makers.
    pub most: usize,
}

/// The makers that an order would trade with, the best first, until its lots are used up. `fills` says whether a maker can trade so many lots,
/// those before him having traded; who cannot is left out, as the program passes over him.
pub fn makers(
    resting: &[Resting],
    wanted: &Wanted,
    mut fills: impl FnMut(&Resting, u64) -> bool,
) -> Vec<Resting> {
    let mut missing = wanted.lots;
    let mut found = Vec::new();
    let crossing = resting.iter().filter(|resting| {
        let crosses = match wanted.side {
            Side::Bid => resting.order.price <= wanted.limit,
            Side::Ask => resting.order.price >= wanted.limit,
        };
        crosses && resting.owner != wanted.owner
    });
    for resting in crossing {
        if missing == 0 || found.len() == wanted.most {
            break;
        }
        let lots = resting.lots.min(missing);
        if fills(resting, lots) {
            missing -= lots;
            found.push(*resting);
        }
    }
    found
}

/// Makers' accounts while their orders are filled one after the other, on copies.
pub struct Makers<'a> {
    view: View<'a>,
    terms: MarketTerms,
    accounts: &'a HashMap<Pubkey, Box<MarginAccount>>,
    changed: HashMap<Pubkey, Box<MarginAccount>>,
    report: Box<Report>,
}

impl<'a> Makers<'a> {
    /// Of one market.
    pub fn new(
        view: View<'a>,
        terms: &MarketTerms,
        accounts: &'a HashMap<Pubkey, Box<MarginAccount>>,
    ) -> Self {
        Self {
            view,
            terms: *terms,
            accounts,
            changed: HashMap::new(),
            report: Report::boxed(),
        }
    }

    /// Fills so many lots of an order. False, and nothing changed, when the maker could not afford that or has nothing to reduce any more.
    pub fn fill(&mut self, resting: &Resting, lots: u64) -> bool {
        let key = &resting.account;
        let known = self.changed.get(key).or_else(|| self.accounts.get(key));
        let Some(before) = known.map(|account| account.boxed_copy()) else {
            return false;
        };
        let lots = before.fillable(&resting.order).min(lots);
        let filled = self.filled(&before, &resting.order, lots);
        let Some(after) = filled.ok().filter(|_| lots > 0) else {
            return false;
        };
        let stands = self.stands(&before, &after);
        if stands {
            self.changed.insert(*key, after);
        }
        stands
    }

    /// A maker's account after a fill, his fee paid.
    fn filled(
        &self,
        before: &MarginAccount,
        order: &Order,
        lots: u64,
    ) -> Result<Box<MarginAccount>, StateError> {
        let lots = i64::try_from(lots).map_err(|_| StateError::Overflow)?;
        let price = i64::try_from(order.price).map_err(|_| StateError::Overflow)?;
        let value = lots.checked_mul(price).ok_or(StateError::Overflow)?;
        let (lots, quote) = match order.side() {
            Side::Bid => (lots, -value),
            Side::Ask => (-lots, value),
        };
        let fee = self
            .view
            .fee(&self.terms, lots.unsigned_abs(), order.price, true)?;
        let quote = quote.checked_sub_unsigned(fee);
        let mut after = before.boxed_copy();
        let position = after.position_mut(&self.terms)?;
        self.view.settle_funding(position)?;
        position.change(lots, quote.ok_or(StateError::Overflow)?)?;
        Ok(after)
    }

    /// Whether the program would let a maker's account become so. Prices that are stale here are refreshed before an order, so they count as they
    /// are.
    fn stands(&mut self, before: &MarginAccount, after: &MarginAccount) -> bool {
        let (view, report) = (self.view, &mut self.report);
        let purpose = match view.assess(after, Purpose::AddRisk, report) {
            Err(StateError::StalePrice) => Purpose::ReduceRisk,
            _ => Purpose::AddRisk,
        };
        let margin = view.fill_margin(&self.terms, before, after, purpose, report);
        margin == Ok(FillMargin::Met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::portfolio::Portfolio;
    use serde_json::json;

    fn resting(byte: u8, price: u64, lots: u64) -> Resting {
        Resting {
            account: Pubkey::new_from_array([byte; 32]),
            owner: Pubkey::new_from_array([byte; 32]),
            order: Order {
                price,
                lots,
                ..Order::default()
            },
            lots,
        }
    }

    #[test]
    fn makers_are_taken_until_the_order_is_filled() {
        let book = [
            resting(1, 100, 5),
            resting(2, 101, 5),
            resting(3, 102, 5),
            resting(4, 103, 5),
        ];
        let prices = |owner, limit, lots, most, cannot: &[u64]| -> Vec<u64> {
            let wanted = Wanted {
                owner: Pubkey::new_from_array([owner; 32]),
                side: Side::Bid,
                limit,
                lots,
                most,
            };
            let found = makers(&book, &wanted, |maker, _| {
                !cannot.contains(&maker.order.price)
            });
            found.iter().map(|maker| maker.order.price).collect()
        };
        assert_eq!(prices(9, 102, 100, 16, &[]), [100, 101, 102]);
        assert_eq!(prices(9, 110, 6, 16, &[]), [100, 101]);
        assert_eq!(prices(9, 110, 5, 16, &[]), [100]);
        // Nobody trades with himself.
        assert_eq!(prices(1, 110, 6, 16, &[]), [101, 102]);
        assert!(prices(9, 99, 5, 16, &[]).is_empty());
        // Who cannot trade takes nobody's place.
        assert_eq!(prices(9, 110, 6, 2, &[100, 102]), [101, 103]);
        assert_eq!(prices(9, 110, 100, 2, &[]), [100, 101]);
    }

    /// SOL at 250 USD in lots of 0.01 with an initial margin of 12.5%, and an account with so many USD and SOL.
    fn portfolio(cash: u32, sol: u32, age_s: u32) -> Portfolio {
        let (price, range) = (250, 0.1);
        let quote = -i64::from(price * sol);
        let long = json!([{"kind": "perpetual", "underlying": "SOL", "size": sol, "quote": quote}]);
        let positions = if sol == 0 { json!([]) } else { long };
        let file = json!({
            "parameters": {"initial_factor": 1.25, "max_offset": 0.6, "depeg_multiplier": 5, "buffer": 0.5},
            "underlyings": [{
                "name": "SOL", "price": price, "price_age_s": age_s, "decimals": 9, "lot": 0.01, "volatility": 0, "unsettled_profit_cap": 0,
                "range": {"volatility_multiplier": 0, "minimum": range, "maximum": 0.4},
            }],
            "balances": {"USDC": cash},
            "positions": positions,
        });
        Portfolio::parse(&file.to_string()).unwrap()
    }

    /// What becomes of asks of one account, filled one after the other.
    fn filled(of: &Portfolio, reduce_only: bool, lots: &[u64]) -> Vec<bool> {
        let terms = MarketTerms::perpetual(0);
        let ask = resting(1, 2_500_000, 0);
        let accounts = HashMap::from([(ask.account, of.account.boxed_copy())]);
        let mut makers = Makers::new(of.view(), &terms, &accounts);
        let fills = lots.iter().map(|lots| {
            let order = Order {
                terms,
                side: Side::Ask as u8,
                reduce_only: reduce_only.into(),
                lots: *lots,
                ..ask.order
            };
            let ask = Resting {
                order,
                lots: *lots,
                ..ask
            };
            makers.fill(&ask, *lots)
        });
        fills.collect()
    }

    #[test]
    fn makers_must_afford_their_fills() {
        // 100 USD are the margin of 3.2 SOL, however the orders are cut.
        let flat = portfolio(100, 0, 0);
        assert_eq!(filled(&flat, false, &[321, 319, 2]), [false, true, false]);
        assert_eq!(filled(&flat, true, &[1]), [false]);
        // The transaction refreshes what is stale.
        let stale = portfolio(100, 0, 600);
        assert_eq!(filled(&stale, false, &[321, 319]), [false, true]);
        // Below its margin an account may reduce, and no more than that.
        let long = portfolio(100, 10, 0);
        assert_eq!(
            filled(&long, false, &[1_400, 600, 400]),
            [false, true, true]
        );
        assert_eq!(filled(&long, true, &[1_400, 1]), [true, false]);
    }
}
