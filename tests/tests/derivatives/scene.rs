//! What these tests share: markets on SOL, trades and cranks that check the books, and the events they emit.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{AnchorDeserialize, Discriminator};
use ballast::events::{OrderFilled, PnlSettled, PositionSettled, SettlementFinalized};
use ballast_client::state::{
    Exchange, Market, MarketKind, MarketTerms, Pausable, Position, Side, Underlying,
};
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, Refusal, Venue};
use ballast_tests::{START, Stage};
use litesvm::types::TransactionMetadata;
use solana_keypair::Keypair;

pub const DAY_S: i64 = 86_400;

/// The first expiry after the start: Friday, 10 October 2025, 08:00 UTC.
pub const EXPIRY: i64 = START - 32_000 + DAY_S + 8 * 3_600;

/// Native units of SOL in a lot.
pub const LOT_SIZE: i128 = 10_000_000;

/// A dated market on SOL; the strike in dollars.
pub fn dated(kind: MarketKind, expiry: i64, strike: f64) -> MarketTerms {
    MarketTerms {
        kind: kind as u8,
        expiry,
        strike: units(strike),
        ..MarketTerms::default()
    }
}

/// A price of SOL in dollars as quote units per lot of 0.01.
pub fn units(dollars: f64) -> u64 {
    (dollars * 10_000.0).round() as u64
}

/// The one event of a type in a transaction's log.
#[track_caller]
pub fn event<T: AnchorDeserialize + Discriminator>(done: &TransactionMetadata) -> T {
    let mut found = events::decode_all(&done.logs)
        .into_iter()
        .filter_map(|event| event.parse::<T>());
    let event = found.next().expect("the event");
    assert!(found.next().is_none(), "more than one such event");
    event
}

/// Sends instructions that anyone may send, and checks the books.
#[track_caller]
pub fn crank(stage: &mut Stage, instruction: Instruction) -> TransactionMetadata {
    let done = try_crank(stage, instruction);
    done.unwrap_or_else(|refusal| panic!("{refusal}"))
}

pub fn try_crank(
    stage: &mut Stage,
    instruction: Instruction,
) -> Result<TransactionMetadata, Refusal> {
    let done = stage.world.send(&[instruction], &[]);
    stage.check_books();
    done
}

/// An instruction that nobody signs but its payer must be refused.
#[track_caller]
pub fn refused(stage: &mut Stage, instruction: Instruction, error: impl CodedError) {
    stage.refused(&[instruction], &[], error);
}

/// Lists a future or an off-grid option as the admin, or a series on the grid as anyone.
pub fn list(stage: &mut Stage, terms: &MarketTerms) {
    stage.venue.list_market(&mut stage.world, terms).unwrap();
    stage.check_books();
}

/// Posts a surface of one volatility and a carry on SOL.
pub fn post(stage: &mut Stage, volatility: f64, carry: f64) {
    let venue = &stage.venue;
    venue
        .post_flat_surface(&mut stage.world, 1, volatility, carry)
        .unwrap();
}

/// `buyer` takes lots from `seller` at a price in quote units per lot.
#[track_caller]
pub fn buy(
    stage: &mut Stage,
    (buyer, seller): (&Keypair, &Keypair),
    terms: &MarketTerms,
    lots: u64,
    price: u64,
) -> OrderFilled {
    let order = Venue::limit(Side::Bid, price, lots);
    let done = stage
        .venue
        .trade_in(&mut stage.world, seller, buyer, terms, order)
        .unwrap_or_else(|refusal| panic!("{refusal}"));
    stage.check_books();
    event(&done)
}

/// `seller` gives lots to `buyer`, whose bid has rested, at a price in quote units per lot.
#[track_caller]
pub fn sell(
    stage: &mut Stage,
    (seller, buyer): (&Keypair, &Keypair),
    terms: &MarketTerms,
    lots: u64,
    price: u64,
) -> OrderFilled {
    let order = Venue::limit(Side::Ask, price, lots);
    let done = stage
        .venue
        .trade_in(&mut stage.world, buyer, seller, terms, order)
        .unwrap_or_else(|refusal| panic!("{refusal}"));
    stage.check_books();
    event(&done)
}

pub fn settle_pnl_of(stage: &Stage, account: &Pubkey, terms: &MarketTerms) -> Instruction {
    let venue = &stage.venue;
    instructions::settle_pnl(&venue.addresses, terms, &venue.mints[0], account)
}

pub fn settle_pnl(stage: &Stage, owner: &Keypair, terms: &MarketTerms) -> Instruction {
    settle_pnl_of(stage, &stage.account(owner), terms)
}

/// Settles an account's profit or loss.
#[track_caller]
pub fn pnl(stage: &mut Stage, owner: &Keypair, terms: &MarketTerms) -> PnlSettled {
    let settle = settle_pnl(stage, owner, terms);
    let settled: PnlSettled = event(&crank(stage, settle));
    assert_eq!(settled.margin_account, stage.account(owner));
    assert_eq!(settled.market, stage.venue.addresses.market(terms));
    settled
}

pub fn finalize_settlement(stage: &Stage, terms: &MarketTerms) -> Instruction {
    instructions::finalize_settlement(&stage.venue.addresses, terms)
}

/// Gives a market its settlement price.
#[track_caller]
pub fn finalize(stage: &mut Stage, terms: &MarketTerms) -> SettlementFinalized {
    let instruction = finalize_settlement(stage, terms);
    let finalized: SettlementFinalized = event(&crank(stage, instruction));
    assert_eq!(
        finalized.settlement_price,
        market(stage, terms).settlement_price
    );
    assert_eq!(finalized.terms, (*terms).into());
    finalized
}

pub fn settle_position(stage: &Stage, owner: &Keypair, terms: &MarketTerms) -> Instruction {
    instructions::settle_position(&stage.venue.addresses, terms, &stage.account(owner))
}

/// Turns an account's lots into quote.
#[track_caller]
pub fn cash(stage: &mut Stage, owner: &Keypair, terms: &MarketTerms) -> PositionSettled {
    let settle = settle_position(stage, owner, terms);
    let settled: PositionSettled = event(&crank(stage, settle));
    assert_eq!(settled.margin_account, stage.account(owner));
    assert_eq!(settled.market, stage.venue.addresses.market(terms));
    settled
}

pub fn market(stage: &Stage, terms: &MarketTerms) -> Box<Market> {
    let address = stage.venue.addresses.market(terms);
    stage.world.read(&address).unwrap()
}

pub fn position(stage: &Stage, owner: &Keypair, terms: &MarketTerms) -> Position {
    let account = stage.state(owner);
    account.position(terms).copied().unwrap_or_default()
}

/// Mark of a lot of SOL or ETH on the board, as bits of an I80F48.
pub fn mark_bits(stage: &Stage, asset: usize) -> i128 {
    let board = stage.venue.board(&stage.world).unwrap();
    let lot_size = stage.venue.config.assets[asset].lot_size;
    board.prices[asset].price.get().to_bits() * i128::from(lot_size)
}

/// Changes an underlying's parameters past the program's bounds and authorities.
pub fn patch_underlying(stage: &mut Stage, index: usize, change: impl FnOnce(&mut Underlying)) {
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        change(&mut exchange.underlyings[index]);
    });
}

/// Pauses one instruction for an hour, or nothing any more.
pub fn pause(stage: &mut Stage, instruction: Option<Pausable>) {
    let admin = stage.venue.admin.insecure_clone();
    let bits = instruction.map_or(0, |instruction| 1 << instruction as u8);
    let set = instructions::set_pause(
        &stage.venue.addresses,
        &solana_signer::Signer::pubkey(&admin),
        bits,
        3_600,
    );
    stage.world.send(&[set], &[&admin]).unwrap();
}

/// A fee on an amount of quote units, rounded up: of the traded value in parts of 100,000.
pub fn fee(amount: i64, per_hundred_thousand: u64) -> i64 {
    let rate = (per_hundred_thousand as f64 / 1e5 * 2f64.powi(32)).round() as i128;
    let product = i128::from(amount) * rate;
    ((product + (1 << 32) - 1) >> 32) as i64
}

/// The fees of maker and taker of the reference venue, 2 and 5 hundredths of a percent.
pub fn maker_fee(amount: i64) -> i64 {
    fee(amount, 20)
}

pub fn taker_fee(amount: i64) -> i64 {
    fee(amount, 50)
}
