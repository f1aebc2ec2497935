//! The book of a market, put together from the orders that rest in margin accounts.

use anchor_lang::prelude::Pubkey;
use ballast_client::Mirror;
use ballast_state::health::View;
use ballast_state::{MarginAccount, MarketTerms, Order, Side};

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
            lots: fillable(account, order),
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

fn fillable(account: &MarginAccount, order: &Order) -> u64 {
    if order.reduce_only == 0 {
        return order.lots;
    }
    let held = account.lots(&order.terms);
    let reducible = match order.side() {
        Side::Bid => held.min(0).unsigned_abs(),
        Side::Ask => held.max(0).unsigned_abs(),
    };
    order.lots.min(reducible)
}

/// The makers that an order of `owner` at a limit would trade with, the best first, until its lots are used up.
pub fn makers(
    resting: &[Resting],
    owner: &Pubkey,
    taker: Side,
    limit: u64,
    lots: u64,
) -> Vec<Resting> {
    let mut missing = lots;
    let crossing = resting.iter().filter(|resting| {
        let crosses = match taker {
            Side::Bid => resting.order.price <= limit,
            Side::Ask => resting.order.price >= limit,
        };
        crosses && resting.owner != *owner
    });
    crossing
        .take_while(|resting| {
            let wanted = missing > 0;
            missing = missing.saturating_sub(resting.lots);
            wanted
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let prices = |owner, limit, lots| -> Vec<u64> {
            let owner = Pubkey::new_from_array([owner; 32]);
            let found = makers(&book, &owner, Side::Bid, limit, lots);
            found.iter().map(|maker| maker.order.price).collect()
        };
        assert_eq!(prices(9, 102, 100), [100, 101, 102]);
        assert_eq!(prices(9, 110, 6), [100, 101]);
        assert_eq!(prices(9, 110, 5), [100]);
        // Nobody trades with himself.
        assert_eq!(prices(1, 110, 6), [101, 102]);
        assert!(prices(9, 99, 5).is_empty());
    }
}
