//! The log as an indexer reads it: every margin account is worked out anew from the events and compared byte for byte.

use anchor_lang::prelude::{Clock, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::events::{
    LiquidationEnded, MakerSkipped, OrderCancelled, OrderFilled, OrderPlaced, OrderPruned,
};
use ballast_client::events::{RawEvent, decode_all};
use ballast_client::read_account;
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, Market, MarketTerms, Order, Position, Side};
use ballast_sim::CodedError;
use ballast_tests::Stage;
use fixed::types::I80F48;
use solana_keypair::Keypair;
use std::collections::BTreeMap;

/// What a transaction on orders may say.
pub enum Event {
    Placed(OrderPlaced),
    Filled(OrderFilled),
    Skipped(MakerSkipped),
    Cancelled(OrderCancelled),
    Pruned(OrderPruned),
    Ended(LiquidationEnded),
}

/// A fill or a maker that was passed over, in short.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Maker, number of his order, price, lots.
    Filled(Pubkey, u64, u64, u64),
    /// Maker, number of his order, error code.
    Skipped(Pubkey, u64, u32),
}

/// A fill of a maker's order.
pub fn filled(stage: &Stage, maker: (&Keypair, u64), price: u64, lots: u64) -> Step {
    Step::Filled(stage.account(maker.0), maker.1, price, lots)
}

/// A maker's order that was passed over.
pub fn skipped(stage: &Stage, maker: (&Keypair, u64), error: impl CodedError) -> Step {
    Step::Skipped(stage.account(maker.0), maker.1, error.code())
}

/// What became of each maker's order, in sequence.
pub fn steps(events: &[Event]) -> Vec<Step> {
    let step = |event: &Event| match event {
        Event::Filled(fill) => Some(Step::Filled(
            fill.maker,
            fill.maker_order_id,
            fill.price,
            fill.lots,
        )),
        Event::Skipped(skip) => Some(Step::Skipped(skip.maker, skip.order_id, skip.reason)),
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

/// The fills among events.
pub fn fills(events: &[Event]) -> Vec<&OrderFilled> {
    let fills = events.iter().filter_map(|event| match event {
        Event::Filled(fill) => Some(fill),
        _ => None,
    });
    fills.collect()
}

/// The orders that were left to rest.
pub fn placed(events: &[Event]) -> Vec<&OrderPlaced> {
    let orders = events.iter().filter_map(|event| match event {
        Event::Placed(order) => Some(order),
        _ => None,
    });
    orders.collect()
}

fn parse(event: &RawEvent) -> Event {
    let known = event
        .parse()
        .map(Event::Placed)
        .or_else(|| event.parse().map(Event::Filled))
        .or_else(|| event.parse().map(Event::Skipped))
        .or_else(|| event.parse().map(Event::Cancelled))
        .or_else(|| event.parse().map(Event::Pruned))
        .or_else(|| event.parse().map(Event::Ended));
    known.expect("an event about orders")
}

/// Sends a transaction that goes through, and holds its log against what it did: nothing but what the events say has changed in any
/// margin account. The books balance afterwards.
#[track_caller]
pub fn sent(stage: &mut Stage, instructions: &[Instruction], signers: &[&Keypair]) -> Vec<Event> {
    let mut log = Log::open(stage);
    let done = match stage.world.send(instructions, signers) {
        Ok(done) => done,
        Err(refusal) => panic!("{refusal}"),
    };
    let events: Vec<Event> = decode_all(&done.logs).iter().map(parse).collect();
    for event in &events {
        log.apply(event);
    }
    for (key, found) in margin_accounts(stage) {
        let expected = &log.accounts[&key];
        assert_eq!(found.positions, expected.positions, "{key}");
        assert_eq!(found.orders, expected.orders, "{key}");
        let same = bytemuck::bytes_of(&*found) == bytemuck::bytes_of(&**expected);
        assert!(same, "{key} is not what the log says");
    }
    for (key, market) in &log.markets {
        let found = stage.world.read::<Market>(key).expect("a market");
        assert_eq!(found.fees, market.fees, "{key}");
    }
    stage.check_books();
    events
}

fn margin_accounts(stage: &Stage) -> BTreeMap<Pubkey, Box<MarginAccount>> {
    let all = stage.world.svm.get_program_accounts(&ballast::ID);
    let margin = all
        .into_iter()
        .filter_map(|(key, account)| Some((key, read_account(&account.data)?)));
    margin.collect()
}

/// Accounts as the log has left them.
struct Log {
    accounts: BTreeMap<Pubkey, Box<MarginAccount>>,
    markets: BTreeMap<Pubkey, Box<Market>>,
    /// Funding indexes of the first underlyings, now.
    funding: Vec<I80F48>,
    slot: u64,
}

impl Log {
    fn open(stage: &Stage) -> Self {
        let all = stage.world.svm.get_program_accounts(&ballast::ID);
        let markets = all
            .into_iter()
            .filter_map(|(key, account)| Some((key, read_account(&account.data)?)));
        let exchange = stage.venue.exchange(&stage.world).expect("an exchange");
        let board = stage.venue.board(&stage.world).expect("a board");
        let view = View {
            exchange: &exchange,
            board: &board,
            now: stage.world.now(),
        };
        let index = |underlying| view.funding_index(underlying).expect("a listed underlying");
        Self {
            accounts: margin_accounts(stage),
            markets: markets.collect(),
            funding: (0..exchange.underlying_count).map(index).collect(),
            slot: stage.world.svm.get_sysvar::<Clock>().slot,
        }
    }

    fn account(&mut self, key: &Pubkey) -> &mut MarginAccount {
        self.accounts.get_mut(key).expect("a margin account")
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Placed(placed) => self.place(placed),
            Event::Filled(fill) => self.fill(fill),
            Event::Skipped(skip) => {
                assert!(self.markets.contains_key(&skip.market));
                self.account(&skip.maker);
            }
            Event::Cancelled(gone) => self.remove(&gone.margin_account, gone.order_id, gone.lots),
            Event::Pruned(gone) => self.remove(&gone.margin_account, gone.order_id, gone.lots),
            Event::Ended(ended) => {
                let account = self.account(&ended.margin_account);
                account.liquidation_started_at = 0;
                account.auction_elapsed_s = 0;
                account.auction_seen_at = 0;
            }
        }
    }

    fn place(&mut self, placed: &OrderPlaced) {
        let placed_slot = self.slot;
        let account = self.account(&placed.margin_account);
        let free = account.orders.iter_mut().find(|order| order.lots == 0);
        *free.expect("a free slot") = Order {
            terms: placed.terms.into(),
            price: placed.price,
            lots: placed.lots,
            id: placed.order_id,
            client_id: placed.client_id,
            placed_slot,
            expires_at: placed.expires_at,
            side: placed.side,
            reduce_only: placed.reduce_only.into(),
            post_only: placed.post_only.into(),
            ..Order::default()
        };
        account.next_order_id = placed.order_id + 1;
    }

    /// Takes the whole order away.
    fn remove(&mut self, key: &Pubkey, id: u64, lots: u64) {
        let order = resting(self.account(key), id).expect("a resting order");
        assert_eq!(order.lots, lots);
        *order = Order::default();
    }

    fn fill(&mut self, fill: &OrderFilled) {
        let market = self.markets.get_mut(&fill.market).expect("a market");
        market.fees += fill.maker_fee + fill.taker_fee - fill.filler.map_or(0, |filler| filler.fee);
        let terms = market.terms;
        let side = i64::from(fill.taker_side == Side::Bid as u8) * 2 - 1;
        let (lots, quote) = (fill.lots as i64, (fill.lots * fill.price) as i64);
        let index = match terms.is_perpetual() {
            true => self.funding[usize::from(terms.underlying)],
            false => I80F48::ZERO,
        };

        let maker = self.account(&fill.maker);
        let order = resting(maker, fill.maker_order_id).expect("the maker's order");
        assert_eq!((order.terms, order.price), (terms, fill.price));
        assert_eq!(order.side, 1 - fill.taker_side);
        use_up(order, fill.lots);
        let received = side * quote - fill.maker_fee as i64 + fill.maker_funding;
        change(maker, terms, -side * lots, received, index);

        let taker = self.account(&fill.taker);
        match resting(taker, fill.taker_order_id) {
            Some(order) => {
                assert!((fill.price as i64 - order.price as i64) * side <= 0);
                use_up(order, fill.lots);
            }
            // It never rested.
            None => taker.next_order_id = fill.taker_order_id + 1,
        }
        let received = -side * quote - fill.taker_fee as i64 + fill.taker_funding;
        change(taker, terms, side * lots, received, index);
    }
}

fn resting(account: &mut MarginAccount, id: u64) -> Option<&mut Order> {
    let mut orders = account.orders.iter_mut();
    orders.find(|order| order.lots != 0 && order.id == id)
}

fn use_up(order: &mut Order, lots: u64) {
    order.lots -= lots;
    if order.lots == 0 {
        *order = Order::default();
    }
}

fn change(
    account: &mut MarginAccount,
    terms: MarketTerms,
    lots: i64,
    quote: i64,
    funding_index: I80F48,
) {
    let is_free = |slot: &Position| slot.base_lots == 0 && slot.quote == 0;
    let slots = &mut account.positions;
    let held = slots
        .iter()
        .position(|slot| !is_free(slot) && slot.terms == terms);
    let place = held.or_else(|| slots.iter().position(is_free));
    let slot = &mut slots[place.expect("a free slot")];
    slot.terms = terms;
    slot.base_lots += lots;
    slot.quote += quote;
    slot.funding_index.set(funding_index);
    if is_free(slot) {
        *slot = Position::default();
    }
}
