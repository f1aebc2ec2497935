//! Crossing orders, filled for a share of their fees.

use super::Round;
use super::fills::{self, Blocked, Fill};
use super::index::{Book, Index, Resting};
use crate::job::{Claim, Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use ballast_client::args::FillArgs;
use ballast_client::instructions;
use ballast_state::health::Report;
use ballast_state::{MarginAccount, Market, MarketTerms};
use std::collections::{HashMap, HashSet};

/// Pairs that are passed over at most, because they wait after a refusal or may not trade, before the rest of a market waits for the next round.
const PASSED_MAXIMUM: usize = 10_000;
/// How often a fill is halved until both sides can afford it.
const HALVINGS: u32 = 3;

/// Walks the crossing part of every book from the best prices on. What cannot trade is passed over and holds nobody up.
pub(super) fn plan(round: &mut Round, index: &mut Index) {
    if fills::is_paused(round) {
        return;
    }
    let mut crossed: Vec<(&MarketTerms, &mut Book)> = index
        .books
        .iter_mut()
        .filter(|(_, book)| book.crosses())
        .collect();
    crossed.sort_unstable_by_key(|(terms, _)| **terms);
    round.scan.crossed_markets = crossed.len() as u64;
    let mut report = std::mem::replace(&mut round.report, Report::boxed());
    for (terms, book) in crossed {
        book.sort();
        let mut walk = Walk {
            round,
            terms,
            report: &mut report,
            dead: HashSet::new(),
            failed: HashMap::new(),
            attempts: 0,
            passed: 0,
        };
        walk.run(book);
    }
    round.report = report;
}

/// A walk through one book.
struct Walk<'w, 'a> {
    round: &'w mut Round<'a>,
    terms: &'w MarketTerms,
    report: &'w mut Report,
    /// Orders that trade with nobody now.
    dead: HashSet<(Pubkey, u64)>,
    /// Attempts that came to nothing, by whose order that was due to.
    failed: HashMap<Pubkey, usize>,
    attempts: usize,
    passed: usize,
}

/// Both sides after a fill.
struct Filled {
    fill: Fill,
    market: Market,
    maker: Box<MarginAccount>,
    taker: Box<MarginAccount>,
}

impl Walk<'_, '_> {
    fn run(&mut self, book: &Book) {
        for bid in &book.bids {
            for ask in &book.asks {
                if ask.order.price > bid.order.price || !self.is_live(bid) {
                    break;
                }
                let spent = self.attempts >= self.round.policy.fill_attempts
                    || self.passed >= PASSED_MAXIMUM
                    || self.round.is_full();
                if spent {
                    return;
                }
                if self.is_live(ask) {
                    self.try_pair(bid, ask);
                } else {
                    self.passed += 1;
                }
            }
        }
    }

    /// Whether an order may still trade: neither used up nor found to be unable, nor somebody else's for the moment.
    fn is_live(&self, resting: &Resting) -> bool {
        let (key, id) = (resting.key, resting.order.id);
        let account = self.round.account(key);
        let failed = self.failed.get(&resting.account.owner).copied();
        failed.unwrap_or(0) < self.round.policy.fill_attempts.div_ceil(8)
            && !self.dead.contains(&(*key, id))
            && !self.round.memory.is_dead(&(*key, id))
            && !self.round.taken.contains(key)
            && !self.round.is_claimed(key)
            && !self.round.claimed.contains(&Claim::Order(*key, id))
            && account.is_some_and(|account| account.order(id).is_some())
    }

    fn try_pair(&mut self, bid: &Resting, ask: &Resting) {
        let pair = roles(bid, ask).filter(|(maker, taker)| {
            maker.account.owner != taker.account.owner
                && !self.is_above_cap(bid, ask)
                && self.round.is_open(&key(maker, taker))
        });
        let Some((maker, taker)) = pair else {
            self.passed += 1;
            return;
        };
        self.attempts += 1;
        match self.fill(maker, taker) {
            Ok(filled) => self.add(maker, taker, filled),
            Err(Blocked::Pair) => {}
            Err(Blocked::Maker) => self.bury(maker),
            Err(Blocked::Taker) => self.bury(taker),
        }
    }

    /// An order trades with nobody now, nor will it in a moment.
    fn bury(&mut self, resting: &Resting) {
        let order = (*resting.key, resting.order.id);
        self.dead.insert(order);
        *self.failed.entry(resting.account.owner).or_default() += 1;
        let now = self.round.now();
        self.round.memory.bury(order, now);
    }

    /// Whether both would open positions in a market that is at its cap.
    fn is_above_cap(&self, bid: &Resting, ask: &Resting) -> bool {
        let lots = |resting: &Resting| {
            let account = self.round.account(resting.key);
            account.map_or(0, |account| account.lots(self.terms))
        };
        let market = self.round.market(self.terms);
        market.is_some_and(|market| market.open_interest_lots >= market.open_interest_cap_lots)
            && lots(bid) >= 0
            && lots(ask) <= 0
    }

    /// As much as both sides can afford.
    fn fill(&mut self, maker: &Resting, taker: &Resting) -> Result<Filled, Blocked> {
        let mut lots_max = u64::MAX;
        let mut blocked = Blocked::Pair;
        for _ in 0..=HALVINGS {
            let fill = self.agree(maker, taker, lots_max)?;
            match self.book(maker, taker, fill) {
                Ok(filled) => return Ok(filled),
                Err(why) => blocked = why,
            }
            if fill.lots() <= 1 {
                break;
            }
            lots_max = fill.lots() / 2;
        }
        Err(blocked)
    }

    fn agree(&self, maker: &Resting, taker: &Resting, lots_max: u64) -> Result<Fill, Blocked> {
        let round = &*self.round;
        let market = round.market(self.terms).ok_or(Blocked::Pair)?;
        let side = |resting: &Resting| {
            let account = round.account(resting.key)?;
            Some((account, account.order(resting.order.id)?))
        };
        let maker = side(maker).ok_or(Blocked::Maker)?;
        let taker = side(taker).ok_or(Blocked::Taker)?;
        Fill::agree(&round.view, market, maker, taker, lots_max)
    }

    /// Both sides as the fill leaves them, where their margin allows it.
    fn book(&mut self, maker: &Resting, taker: &Resting, fill: Fill) -> Result<Filled, Blocked> {
        let round = &*self.round;
        let view = &round.view;
        let mut market = *round.market(self.terms).ok_or(Blocked::Pair)?;
        let mut after = |resting: &Resting, blocked: Blocked, makes: bool| {
            let before = round.account(resting.key).ok_or(blocked)?;
            let mut account = before.boxed_copy();
            let booked = match makes {
                true => fill.book_maker(view, &mut market, &mut account),
                false => fill.book_taker(view, &mut market, &mut account),
            };
            let stands = booked.is_ok()
                && account.use_up(resting.order.id, fill.lots())
                && fills::stands(view, self.terms, before, &account, self.report);
            if stands { Ok(account) } else { Err(blocked) }
        };
        let maker = after(maker, Blocked::Maker, true)?;
        let taker = after(taker, Blocked::Taker, false)?;
        Ok(Filled {
            fill,
            market,
            maker,
            taker,
        })
    }

    fn add(&mut self, maker: &Resting, taker: &Resting, filled: Filled) {
        let round = &mut *self.round;
        let takes_part = round.is_own(maker.key) || round.is_own(taker.key);
        let paid = !takes_part && fills::can_be_paid(round, self.terms);
        let fill = filled.fill;
        let earned = if paid { fill.filler_fee } else { 0 };
        let value = earned.saturating_sub(round.fee());
        if value < round.policy.fill_profit_minimum && !takes_part {
            return;
        }
        let instruction = instructions::fill_order(
            &round.mirror.addresses,
            self.terms,
            maker.key,
            taker.key,
            paid.then_some(round.identity.margin_account),
            &round.identity.signer,
            FillArgs {
                maker_order_id: maker.order.id,
                taker_order_id: taker.order.id,
                lots_max: fill.lots(),
            },
        );
        let claim = |resting: &Resting| Claim::Order(*resting.key, resting.order.id);
        let added = round.add(Job {
            key: key(maker, taker),
            urgency: Class::Filling.into(),
            instructions: vec![instruction],
            value,
            claims: vec![claim(maker), claim(taker)],
            note: format!("{} lots at {}", fill.lots(), maker.order.price),
        });
        if added {
            round.changed_markets.insert(*self.terms, filled.market);
            round.change(maker.key, filled.maker);
            round.change(taker.key, filled.taker);
            if paid {
                self.note_payment(earned);
            }
        }
    }

    /// Books the keeper's fee on its copy, which takes a position slot.
    fn note_payment(&mut self, earned: i64) {
        let own = self.round.identity.margin_account;
        let Some(mut account) = self.round.own().map(MarginAccount::boxed_copy) else {
            return;
        };
        if let Ok(position) = account.position_mut(self.terms)
            && position.change(0, earned).is_ok()
        {
            self.round.change(&own, account);
        }
    }
}

/// Which of two crossing orders sets the price: the older one, and of two of the same slot one that lets the other take. `None` when the younger
/// one never takes.
fn roles<'r, 'a>(
    bid: &'r Resting<'a>,
    ask: &'r Resting<'a>,
) -> Option<(&'r Resting<'a>, &'r Resting<'a>)> {
    let (first, second) = match bid.order.placed_slot <= ask.order.placed_slot {
        true => (bid, ask),
        false => (ask, bid),
    };
    let takes = |resting: &Resting| resting.order.post_only == 0;
    let same_slot = first.order.placed_slot == second.order.placed_slot;
    if takes(second) {
        Some((first, second))
    } else {
        (same_slot && takes(first)).then_some((second, first))
    }
}

fn key(maker: &Resting, taker: &Resting) -> JobKey {
    JobKey::Fill {
        maker: *maker.key,
        maker_order: maker.order.id,
        taker: *taker.key,
        taker_order: taker.order.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_state::{Order, Side};
    use bytemuck::Zeroable;

    fn order(side: Side, price: u64, placed_slot: u64, post_only: bool) -> Order {
        Order {
            side: side as u8,
            price,
            placed_slot,
            lots: 1,
            post_only: post_only.into(),
            ..Order::default()
        }
    }

    #[test]
    fn the_older_order_sets_the_price_and_the_younger_one_must_take() {
        let account: Box<MarginAccount> = bytemuck::allocation::zeroed_box();
        let key = Pubkey::default();
        let maker_is_bid = |bid: Order, ask: Order| {
            let resting = |order| Resting {
                key: &key,
                account: &account,
                order,
            };
            let (bid, ask) = (resting(&bid), resting(&ask));
            roles(&bid, &ask).map(|(maker, _)| maker.order.side() == Side::Bid)
        };
        let bid = |slot, post_only| order(Side::Bid, 10, slot, post_only);
        let ask = |slot, post_only| order(Side::Ask, 10, slot, post_only);
        assert_eq!(maker_is_bid(bid(1, false), ask(2, false)), Some(true));
        assert_eq!(maker_is_bid(bid(3, false), ask(2, false)), Some(false));
        assert_eq!(maker_is_bid(bid(1, true), ask(2, false)), Some(true));
        assert_eq!(maker_is_bid(bid(1, false), ask(2, true)), None);
        // In the same slot either may be the older one.
        assert_eq!(maker_is_bid(bid(2, false), ask(2, true)), Some(false));
        assert_eq!(maker_is_bid(bid(2, true), ask(2, false)), Some(true));
        assert_eq!(maker_is_bid(bid(2, true), ask(2, true)), None);
    }

    #[test]
    fn books_are_in_order_of_price_then_age() {
        let account: Box<MarginAccount> = Box::new(MarginAccount::zeroed());
        let key = Pubkey::default();
        let orders = [(10, 5), (12, 9), (12, 3), (9, 1)];
        let orders = orders.map(|(price, slot)| order(Side::Bid, price, slot, false));
        let asks = [(13, 1), (12, 2)].map(|(price, slot)| order(Side::Ask, price, slot, false));
        let resting = |order| Resting {
            key: &key,
            account: &account,
            order,
        };
        let mut book = Book {
            bids: orders.iter().map(resting).collect(),
            asks: asks.iter().map(resting).collect(),
        };
        assert!(book.crosses());
        book.sort();
        let sequence = |side: &[Resting]| -> Vec<(u64, u64)> {
            let of = |resting: &Resting| (resting.order.price, resting.order.placed_slot);
            side.iter().map(of).collect()
        };
        assert_eq!(sequence(&book.bids), [(12, 3), (12, 9), (10, 5), (9, 1)]);
        assert_eq!(sequence(&book.asks), [(12, 2), (13, 1)]);
        book.asks.remove(0);
        assert!(!book.crosses());
    }
}
