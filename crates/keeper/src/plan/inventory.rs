//! The keeper's own positions, traded away against resting orders, or by orders of its own at the mark.
//!
//! Deposits and loans of other tokens that slices bring stay where they are: the exchange has no market in which to trade them.
//! [`super::Own::tokens`] says what they are worth.

use super::Round;
use super::fills::{self, Fill};
use super::index::{Index, Resting};
use crate::job::{Claim, Class, Job, JobKey};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{MAKERS_MAX, OrderArgs, OrderType};
use ballast_client::instructions;
use ballast_state::health::Report;
use ballast_state::{MarginAccount, Market, MarketStatus, Order, Pausable, Position, Side};

/// How often a sweep is halved until the keeper's margin allows it.
const HALVINGS: u32 = 4;
/// A resting order lapses after so many seconds, lest it outlive the keeper,
const QUOTE_S: i64 = 120;
/// and is replaced when it has only so many left.
const RENEWED_S: i64 = 30;

/// One job per position that is open.
pub(super) fn plan(round: &mut Round, index: &Index, class: Class) {
    let own = round.identity.margin_account;
    if round.is_claimed(&own) {
        return;
    }
    let Some(account) = round.own() else {
        return;
    };
    let open: Vec<Position> = account
        .positions
        .iter()
        .filter(|slot| slot.base_lots != 0)
        .copied()
        .collect();
    for position in open {
        let terms = position.terms;
        let Some(market) = round.market(&terms).copied() else {
            continue;
        };
        let trades = matches!(
            market.status(round.now()),
            MarketStatus::Active | MarketStatus::ReduceOnly
        );
        if trades && !sweep(round, index, &market, class) && round.policy.unwind_rests {
            rest(round, &market, class);
        }
    }
}

/// What the keeper has to do to be rid of a position.
struct Task {
    side: Side,
    lots: u64,
    /// Its mark, quote units per lot.
    mark: f64,
}

fn task(round: &Round, market: &Market) -> Option<Task> {
    let held = round.own()?.lots(&market.terms);
    let mark: f64 = round.view.mark(&market.terms).ok()?.to_num();
    (held != 0).then_some(Task {
        side: if held > 0 { Side::Ask } else { Side::Bid },
        lots: held.unsigned_abs(),
        mark,
    })
}

/// Whether a market's mark is of now.
fn is_fresh(round: &Round, market: &Market) -> bool {
    let (view, terms) = (&round.view, &market.terms);
    view.fresh_mark(terms.underlying).is_ok()
        && !(terms.is_option() && view.surface_is_stale(terms.underlying).unwrap_or(true))
}

/// A price on the tick, rounded so that the order trades no further from the mark than asked.
fn on_tick(price: f64, tick: u64, side: Side) -> u64 {
    let ticks = price / tick.max(1) as f64;
    let ticks = match side {
        Side::Bid => ticks.floor(),
        Side::Ask => ticks.ceil(),
    };
    (ticks.max(1.0) as u64).saturating_mul(tick.max(1))
}

fn order(market: &Market, side: Side, price: u64, lots: u64, order_type: OrderType) -> OrderArgs {
    OrderArgs {
        side: side as u8,
        price,
        // A reduce-only order never trades more than the position.
        lots: lots.max(market.order_minimum_lots),
        client_id: 0,
        expires_at: 0,
        reduce_only: true,
        order_type,
    }
}

/// Takes resting orders within the slippage that the policy allows. Returns whether there were any.
fn sweep(round: &mut Round, index: &Index, market: &Market, class: Class) -> bool {
    let terms = market.terms;
    let key = JobKey::Unwind(terms);
    if !round.is_open(&key) || round.is_paused(Pausable::PlaceAndFill) {
        return false;
    }
    if class != Class::Saving && !is_fresh(round, market) {
        return false;
    }
    let (Some(task), Some(book)) = (task(round, market), index.books.get(&terms)) else {
        return false;
    };
    let policy = round.policy;
    // At ease it gives no more than what the slice was priced with: a bid further away would be rested to gain the difference.
    let cost = match class {
        Class::Saving => policy.unwind_slippage,
        _ if terms.is_option() => policy.unwind_cost_option.min(policy.unwind_slippage),
        _ => policy.unwind_cost.min(policy.unwind_slippage),
    };
    let slippage = match task.side {
        Side::Bid => 1.0 + cost,
        Side::Ask => 1.0 - cost,
    };
    let limit = on_tick(task.mark * slippage, market.tick_size, task.side);
    if !round.view.is_within_band(&terms, limit).unwrap_or(false) {
        return false;
    }
    let mut makers: Vec<&Resting> = match task.side {
        Side::Bid => book
            .asks
            .iter()
            .filter(|ask| ask.order.price <= limit)
            .collect(),
        Side::Ask => book
            .bids
            .iter()
            .filter(|bid| bid.order.price >= limit)
            .collect(),
    };
    makers.sort_unstable_by_key(|maker| {
        let price = match task.side {
            Side::Bid => maker.order.price,
            Side::Ask => u64::MAX - maker.order.price,
        };
        (price, maker.order.placed_slot, *maker.key, maker.order.id)
    });
    let mut report = std::mem::replace(&mut round.report, Report::boxed());
    let mut tried = 0;
    let mut swept = None;
    for halvings in 0..=HALVINGS {
        let lots = task.lots >> halvings;
        if lots == 0 || lots == tried {
            break;
        }
        tried = lots;
        let args = order(market, task.side, limit, lots, OrderType::ImmediateOrCancel);
        swept = Sweep::run(round, market, &makers, args, &mut report);
        if swept.is_some() {
            break;
        }
    }
    round.report = report;
    let Some(swept) = swept else {
        return false;
    };
    add_sweep(round, key, class, swept)
}

/// A sweep as it would go.
struct Sweep {
    market: Market,
    args: OrderArgs,
    makers: Vec<(Pubkey, u64)>,
    after: Vec<(Pubkey, Box<MarginAccount>)>,
    own: Box<MarginAccount>,
    traded: u64,
    fees: i64,
}

impl Sweep {
    /// Trades with makers in their sequence; `None` when none of them can, or the keeper's margin does not allow it.
    fn run(
        round: &Round,
        market: &Market,
        makers: &[&Resting],
        args: OrderArgs,
        report: &mut Report,
    ) -> Option<Self> {
        let before = round.own()?;
        let mut sweep = Self {
            market: *market,
            args,
            makers: Vec::new(),
            after: Vec::new(),
            own: before.boxed_copy(),
            traded: 0,
            fees: 0,
        };
        let mut taking = Order {
            terms: market.terms,
            price: args.price,
            lots: args.lots,
            side: args.side,
            reduce_only: 1,
            ..Order::default()
        };
        for maker in makers {
            if taking.lots == 0 || sweep.makers.len() >= MAKERS_MAX {
                break;
            }
            let free = !round.is_own(maker.key)
                && !round.taken.contains(maker.key)
                && !round.is_claimed(maker.key)
                && !round
                    .claimed
                    .contains(&Claim::Order(*maker.key, maker.order.id));
            if free && let Some(lots) = sweep.trade_with(round, maker, &taking, report) {
                taking.lots -= lots;
            }
        }
        let stands = sweep.traded > 0
            && fills::stands(&round.view, &market.terms, before, &sweep.own, report);
        stands.then_some(sweep)
    }

    fn trade_with(
        &mut self,
        round: &Round,
        maker: &Resting,
        taking: &Order,
        report: &mut Report,
    ) -> Option<u64> {
        let view = &round.view;
        let id = maker.order.id;
        let known = self.after.iter().rev().find(|(key, _)| key == maker.key);
        let before = match known {
            Some((_, account)) => account,
            None => round.account(maker.key)?,
        };
        let resting = *before.order(id)?;
        let crossing = (&*self.own, taking);
        let fill = Fill::agree(view, &self.market, (before, &resting), crossing, u64::MAX).ok()?;
        let (mut market, mut account) = (self.market, before.boxed_copy());
        fill.book_maker(view, &mut market, &mut account).ok()?;
        let used_up = account.use_up(id, fill.lots());
        if !used_up || !fills::stands(view, &market.terms, before, &account, report) {
            return None;
        }
        fill.book_taker(view, &mut market, &mut self.own).ok()?;
        self.market = market;
        self.makers.push((*maker.key, id));
        self.after.push((*maker.key, account));
        self.traded += fill.lots();
        self.fees = self.fees.saturating_add(fill.taker_fee);
        Some(fill.lots())
    }
}

fn add_sweep(round: &mut Round, key: JobKey, class: Class, sweep: Sweep) -> bool {
    let own = round.identity.margin_account;
    let place = instructions::place_and_fill(
        &round.mirror.addresses,
        &sweep.market.terms,
        &own,
        &round.identity.signer,
        sweep.args,
        &sweep.makers,
    );
    let orders = sweep.makers.iter();
    let orders = orders.map(|(account, order)| Claim::Order(*account, *order));
    let value = sweep.fees.saturating_add(round.fee()).saturating_neg();
    let added = round.add(Job {
        key,
        urgency: class.into(),
        instructions: vec![place],
        value,
        claims: orders.chain([Claim::Account(own)]).collect(),
        note: format!("{} lots at {} or better", sweep.traded, sweep.args.price),
    });
    if added {
        round
            .changed_markets
            .insert(sweep.market.terms, sweep.market);
        round.change(&own, sweep.own);
        for (key, account) in sweep.after {
            round.change(&key, account);
        }
    }
    added
}

/// Rests a reduce-only order at the mark, in the place of one that no longer fits.
fn rest(round: &mut Round, market: &Market, class: Class) {
    let key = JobKey::Quote(market.terms);
    if !round.is_open(&key) || round.is_paused(Pausable::PlaceOrder) {
        return;
    }
    if !is_fresh(round, market) {
        return;
    }
    let (Some(task), Some(own)) = (task(round, market), round.own()) else {
        return;
    };
    let renewed = round.now().saturating_add(RENEWED_S);
    let mut claims: Vec<Claim> = Vec::new();
    let price = on_tick(task.mark, market.tick_size, task.side);
    let mut kept = false;
    let mut instructions: Vec<Instruction> = Vec::new();
    let mut after = own.boxed_copy();
    let resting = own.orders.iter();
    let resting = resting.filter(|order| order.lots != 0 && order.terms == market.terms);
    for order in resting {
        let apart = (order.price as f64 / price as f64 - 1.0).abs();
        let fits = order.side() == task.side
            && order.reduce_only != 0
            && order.lots >= task.lots
            && order.expires_at != 0
            && !order.is_expired(renewed)
            && apart <= round.policy.unwind_requote;
        if fits && !kept {
            kept = true;
            continue;
        }
        instructions.push(instructions::cancel_order(
            &round.identity.margin_account,
            &round.identity.signer,
            order.id,
        ));
        claims.push(Claim::Order(round.identity.margin_account, order.id));
        let _ = after.use_up(order.id, order.lots);
    }
    let full = own.orders.iter().all(|order| order.lots != 0);
    let within = round.view.is_within_band(&market.terms, price);
    if kept || !within.unwrap_or(false) || (full && instructions.is_empty()) {
        return;
    }
    let expires_at = round.now().saturating_add(QUOTE_S);
    let args = OrderArgs {
        expires_at: u32::try_from(expires_at).unwrap_or(u32::MAX),
        ..order(market, task.side, price, task.lots, OrderType::Limit)
    };
    instructions.push(instructions::place_order(
        &round.mirror.addresses,
        &market.terms,
        &round.identity.margin_account,
        &round.identity.signer,
        args,
    ));
    let value = -round.fee();
    let own = round.identity.margin_account;
    let added = round.add(Job {
        key,
        urgency: class.into(),
        instructions,
        value,
        // It adds no risk, so it keeps the account from nothing else.
        claims,
        note: format!("{} lots at {price}", task.lots),
    });
    // Nobody is to be filled against what is taken back.
    if added {
        round.change(&own, after);
    }
}
