//! Which orders the market maker wants in a market, and whether those that rest there will do.

use ballast_client::args::{OrderArgs, OrderType};
use ballast_client::state::{MarketTerms, Order, Side};
use std::collections::BTreeSet;

/// Orders stand so long unless they are replaced before, seconds: a maker that has died leaves nothing behind.
const LIFE_S: i64 = 900;
/// They are replaced when no more than this is left of it, or before the market expires.
const LIFE_LEFT_S: i64 = 120;
/// A price may be so far from the wanted one, as a part of half the spread.
const TOLERANCE: f64 = 0.6;
/// By which part of half the spread the prices of a maker that has all he wants are away from the mark.
const LEAN: f64 = 0.8;
/// A partly filled order is replaced when less than this part of it is left.
const LEFT: f64 = 0.5;

/// How a kind of market is quoted. Values are of the underlying, US dollars.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Half of the spread, as a part of the underlying's price, by level.
    pub half_spreads: &'static [f64],
    /// Half of the spread, as a part of the market's mark, where that is more.
    pub half_spread_of_mark: f64,
    /// Value of one order, by level.
    pub values: &'static [f64],
    /// Nothing is added to a position of this value.
    pub position_max: f64,
}

/// Perpetuals.
const PERPETUAL: Style = Style {
    half_spreads: &[0.000_5, 0.001_5],
    half_spread_of_mark: 0.0,
    values: &[20_000.0, 80_000.0],
    position_max: 2_000_000.0,
};
/// Dated futures.
const FUTURE: Style = Style {
    half_spreads: &[0.000_8],
    half_spread_of_mark: 0.0,
    values: &[30_000.0],
    position_max: 1_000_000.0,
};
/// Options.
const OPTION: Style = Style {
    half_spreads: &[0.000_4],
    half_spread_of_mark: 0.025,
    values: &[15_000.0],
    position_max: 300_000.0,
};

impl Style {
    /// Of a market.
    pub fn of(terms: &MarketTerms) -> &'static Self {
        if terms.is_option() {
            &OPTION
        } else if terms.is_perpetual() {
            &PERPETUAL
        } else {
            &FUTURE
        }
    }
}

/// A market as the maker sees it. Prices in quote units per lot.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Its terms.
    pub terms: MarketTerms,
    /// Its mark.
    pub mark: f64,
    /// The underlying's price.
    pub spot: f64,
    /// Prices are multiples of this.
    pub tick: u64,
    /// Smallest order, lots.
    pub order_minimum: u64,
    /// Lots that the maker holds.
    pub held: i64,
    /// The cluster's time, unix seconds.
    pub now: i64,
}

/// An order that should rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Its side.
    pub side: Side,
    /// Quote units per lot.
    pub price: u64,
    /// Lots.
    pub lots: u64,
    /// How far a resting order's price may be from it.
    pub tolerance: f64,
    /// Its number among the orders of the market: the client's own number of the order.
    pub level: u64,
    /// Until when it stands, unix seconds.
    pub expires_at: u32,
}

/// Quote units of a US dollar.
const DOLLAR: f64 = 1e6;

impl Sight {
    /// The orders that the maker wants here: both sides, at the mark or beside it when he holds much; none that add to the largest position.
    pub fn wanted(&self) -> Vec<Wanted> {
        let style = Style::of(&self.terms);
        let ratio = self.held as f64 * self.spot / DOLLAR / style.position_max;
        let mut until = self.now.saturating_add(LIFE_S);
        if !self.terms.is_perpetual() {
            until = until.min(self.terms.expiry);
        }
        let mut wanted = Vec::new();
        for (level, (part, value)) in style.half_spreads.iter().zip(style.values).enumerate() {
            let half = (part * self.spot)
                .max(style.half_spread_of_mark * self.mark)
                .max(self.tick as f64);
            let centre = self.mark - ratio.clamp(-1.0, 1.0) * LEAN * half;
            let lots = (value * DOLLAR / self.spot).round() as u64;
            for side in [Side::Bid, Side::Ask] {
                let adds_too_much = match side {
                    Side::Bid => ratio >= 1.0,
                    Side::Ask => ratio <= -1.0,
                };
                let ticks = match side {
                    Side::Bid => ((centre - half) / self.tick as f64).floor(),
                    Side::Ask => ((centre + half) / self.tick as f64).ceil(),
                };
                // Whoever sells for nothing, or buys below nothing, stays away.
                if adds_too_much || ticks < 1.0 {
                    continue;
                }
                wanted.push(Wanted {
                    side,
                    price: (ticks as u64).saturating_mul(self.tick),
                    lots: lots.max(self.order_minimum).max(1),
                    tolerance: TOLERANCE * half,
                    level: 2 * level as u64 + side as u64,
                    expires_at: u32::try_from(until).unwrap_or(u32::MAX),
                });
            }
        }
        wanted
    }

    /// What is to be done about the orders that rest in this market: those that will do stay, so that whoever has seen one can still trade with it.
    pub fn change(&self, wanted: Vec<Wanted>, orders: &[Order]) -> Change {
        let resting = orders
            .iter()
            .filter(|order| order.lots > 0 && order.terms == self.terms);
        let (kept, gone): (Vec<&Order>, Vec<&Order>) =
            resting.partition(|order| wanted.iter().any(|wanted| self.does(wanted, order)));
        let is_missing = |wanted: &Wanted| !kept.iter().any(|order| self.does(wanted, order));
        Change {
            gone: gone.iter().map(|order| order.client_id).collect(),
            missing: wanted.into_iter().filter(is_missing).collect(),
        }
    }

    /// Whether a resting order will do for one that is wanted.
    fn does(&self, wanted: &Wanted, order: &Order) -> bool {
        let apart = (order.price as f64 - wanted.price as f64).abs();
        let left = i64::from(order.expires_at) - self.now;
        let life = i64::from(wanted.expires_at) - self.now;
        order.client_id == wanted.level
            && order.side() == wanted.side
            && apart <= wanted.tolerance
            && order.lots as f64 >= LEFT * wanted.lots as f64
            && left > LIFE_LEFT_S.min(life - 1)
    }
}

/// What leads from the orders that rest in a market to those that should.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Client's numbers of those that are taken back, at first.
    pub gone: BTreeSet<u64>,
    /// What is placed.
    pub missing: Vec<Wanted>,
}

impl Change {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.missing.is_empty()
    }
}

impl Wanted {
    /// As the program takes it. Not post-only: where somebody's order has come to cross, the maker takes it.
    pub fn order(&self) -> OrderArgs {
        OrderArgs {
            side: self.side as u8,
            price: self.price,
            lots: self.lots,
            client_id: self.level,
            expires_at: self.expires_at,
            reduce_only: false,
            order_type: OrderType::Limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    /// A lot of 0.01 SOL at 150.
    fn perpetual(held: i64) -> Sight {
        Sight {
            terms: MarketTerms::perpetual(0),
            mark: 1_500_000.0,
            spot: 1_500_000.0,
            tick: 100,
            order_minimum: 1,
            held,
            now: NOW,
        }
    }

    fn call(mark: f64) -> Sight {
        let terms = MarketTerms {
            kind: 2,
            expiry: NOW + 600,
            strike: 1_500_000,
            ..MarketTerms::default()
        };
        Sight {
            terms,
            mark,
            ..perpetual(0)
        }
    }

    fn resting(sight: &Sight) -> Vec<Order> {
        let wanted = sight.wanted();
        let orders = wanted.iter().map(|wanted| Order {
            terms: sight.terms,
            price: wanted.price,
            lots: wanted.lots,
            client_id: wanted.level,
            side: wanted.side as u8,
            expires_at: wanted.expires_at,
            ..Order::default()
        });
        orders.collect()
    }

    #[test]
    fn quotes_stand_around_the_mark_on_the_tick() {
        let wanted = perpetual(0).wanted();
        let found: Vec<_> = wanted
            .iter()
            .map(|order| (order.side, order.price, order.lots))
            .collect();
        assert_eq!(
            found,
            [
                (Side::Bid, 1_499_200, 13_333),
                (Side::Ask, 1_500_800, 13_333),
                (Side::Bid, 1_497_700, 53_333),
                (Side::Ask, 1_502_300, 53_333),
            ]
        );
        assert!(
            wanted
                .iter()
                .all(|order| i64::from(order.expires_at) == NOW + LIFE_S)
        );
        // Half the spread of an option is a part of the underlying's price or of its own, and it stands until it expires.
        let cheap = call(3_000.0).wanted();
        assert_eq!([cheap[0].price, cheap[1].price], [2_400, 3_600]);
        let dear = call(100_000.0).wanted();
        assert_eq!([dear[0].price, dear[1].price], [97_500, 102_500]);
        assert_eq!(i64::from(dear[0].expires_at), NOW + 600);
        // Nobody bids nothing.
        let worthless = call(10.0).wanted();
        assert_eq!(worthless.len(), 1);
        assert_eq!(worthless[0].side, Side::Ask);
    }

    #[test]
    fn who_holds_much_leans_away_and_then_stops() {
        let (flat, long) = (perpetual(0).wanted(), perpetual(600_000).wanted());
        assert!(long[0].price < flat[0].price && long[1].price < flat[1].price);
        // Never through the mark.
        assert!(long[1].price as f64 > perpetual(0).mark);
        let sides = |held| -> Vec<Side> {
            perpetual(held)
                .wanted()
                .iter()
                .map(|order| order.side)
                .collect()
        };
        assert_eq!(sides(1_400_000), [Side::Ask, Side::Ask]);
        assert_eq!(sides(-1_400_000), [Side::Bid, Side::Bid]);
    }

    #[test]
    fn orders_are_replaced_only_when_they_must_be() {
        let sight = perpetual(0);
        let orders = resting(&sight);
        let levels = |sight: &Sight, orders: &[Order]| {
            let Change { gone, missing } = sight.change(sight.wanted(), orders);
            let missing: Vec<u64> = missing.iter().map(|wanted| wanted.level).collect();
            (Vec::from_iter(gone), missing)
        };
        let nothing = (vec![], vec![]);
        assert_eq!(levels(&sight, &orders), nothing);
        let near = Sight {
            mark: 1_500_300.0,
            ..sight
        };
        assert_eq!(levels(&near, &orders), nothing);
        // Only those that stand too near or too far.
        let far = Sight {
            mark: 1_500_900.0,
            ..sight
        };
        assert_eq!(levels(&far, &orders), (vec![0, 1], vec![0, 1]));
        let later = Sight {
            now: NOW + LIFE_S - 100,
            ..sight
        };
        assert_eq!(
            levels(&later, &orders),
            (vec![0, 1, 2, 3], vec![0, 1, 2, 3])
        );
        let mut filled = orders.clone();
        filled[0].lots /= 3;
        assert_eq!(levels(&sight, &filled), (vec![0], vec![0]));
        assert_eq!(levels(&sight, &orders[1..]), (vec![], vec![0]));
        // Who holds all he wants takes his bids back.
        let full = Sight {
            held: 1_400_000,
            mark: 1_500_500.0,
            ..sight
        };
        let (gone, missing) = levels(&full, &orders);
        assert!(
            gone.contains(&0) && gone.contains(&2) && !missing.contains(&0),
            "{gone:?}"
        );
        // What expires soon is not replaced all the time.
        let option = call(50_000.0);
        let late = Sight {
            now: NOW + 550,
            ..option
        };
        assert_eq!(levels(&late, &resting(&option)), nothing);
    }
}
