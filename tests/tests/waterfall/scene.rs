//! What these tests share: insolvent accounts, the steps behind the insurance fund, and the books after each of them.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{AnchorDeserialize, Discriminator};
use ballast::events::{BankruptcyResolved, Deleveraged, Liquidated};
use ballast_client::args::LiquidateArgs;
use ballast_client::events::{RawEvent, decode_all};
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{
    Exchange, LiquidationParameters, MarginAccount, Market, MarketKind, MarketTerms, Pausable,
    Position, Side, next_expiry,
};
use ballast_sim::{CodedError, Refusal, Venue};
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// 1.0 in Q32: the whole portfolio.
pub const WHOLE: u64 = 1 << 32;
/// The quote asset.
pub const USDC: usize = 0;
/// No limit on what closes.
pub const ALL: u64 = u64::MAX;
/// For how long an auction must have been observed before losses are shared.
pub const FIRST_S: u64 = 900;
/// When a solvent account costs nothing.
pub const ZERO_S: u64 = 7_200;
/// When the auction has run to its end.
pub const END_S: u64 = 10_800;
/// Equity of [`Scene::insolvent`], quote units: 3,500 less the fee of 10 and 60 on each of 100 SOL.
pub const EQUITY: i64 = -2_510_000_000;

/// A stage with a dealer who trades with everybody and a taker who liquidates. The insurance fund is empty.
pub struct Scene {
    pub stage: Stage,
    pub dealer: Keypair,
    pub taker: Keypair,
}

/// The perpetual on SOL.
pub fn sol() -> MarketTerms {
    Venue::perpetual(SOL)
}

/// A dated market on an asset, which expires so many days after the next 08:00 UTC; the strike in quote units per lot.
pub fn dated(scene: &Scene, kind: MarketKind, asset: usize, days: i64, strike: u64) -> MarketTerms {
    MarketTerms {
        kind: kind as u8,
        expiry: next_expiry(scene.stage.world.now()) + days * 86_400,
        strike,
        ..Venue::perpetual(asset)
    }
}

impl Scene {
    /// Margins of this scene can be worked out by hand, see [`Stage::steady`].
    pub fn steady() -> Self {
        Self::on(Stage::steady())
    }

    pub fn on(mut stage: Stage) -> Self {
        let dealer = stage.trader(1, 10_000_000.0);
        stage.fund(&dealer, SOL, 10_000.0);
        let taker = stage.trader(2, 1_000_000.0);
        Self {
            stage,
            dealer,
            taker,
        }
    }

    /// Bought 100 SOL from the dealer at 200, which then fell to 140; flagged. Its equity is [`EQUITY`].
    pub fn insolvent(&mut self, number: u8) -> Keypair {
        let key = self.stage.trader(number, 3_500.0);
        let dealer = self.dealer.insecure_clone();
        self.buy(&key, &dealer, &sol(), 10_000);
        self.stage.set_price(SOL, 140.0);
        self.start(&key);
        key
    }

    /// Deposited 100 SOL at 200 and borrowed 15,900 USDC, which is all it owes; SOL fell to 140 and it is flagged, with an equity of −1,900 and a
    /// maintenance margin of 1,400.
    pub fn bust_borrower(&mut self, number: u8) -> Keypair {
        let key = self.stage.trader(number, 1.0);
        self.stage.fund(&key, SOL, 100.0);
        let accrue = self.stage.accrue(USDC);
        let borrow = self.stage.withdraw(&key, USDC, 15_901_000_000, true);
        self.stage.world.send(&[accrue, borrow], &[&key]).unwrap();
        self.stage.set_price(SOL, 140.0);
        self.start(&key);
        key
    }

    /// A trade between two traders at the present mark, rounded to the tick.
    #[track_caller]
    pub fn buy(&mut self, buyer: &Keypair, seller: &Keypair, terms: &MarketTerms, lots: u64) {
        let traded = self.try_buy(buyer, seller, terms, lots);
        traded.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// The same, as far as both can afford it.
    pub fn try_buy(
        &mut self,
        buyer: &Keypair,
        seller: &Keypair,
        terms: &MarketTerms,
        lots: u64,
    ) -> Result<(), Refusal> {
        let order = Venue::limit(Side::Bid, self.tick_of(terms), lots);
        let world = &mut self.stage.world;
        let traded = self
            .stage
            .venue
            .trade_in(world, seller, buyer, terms, order);
        self.stage.check_books();
        traded.map(|_| ())
    }

    /// The mark of a lot, rounded to a tick of 100.
    fn tick_of(&self, terms: &MarketTerms) -> u64 {
        ((self.mark(terms) / 100.0).round() as u64).max(1) * 100
    }

    /// The mark of a lot, quote units.
    pub fn mark(&self, terms: &MarketTerms) -> f64 {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let (exchange, board) = (venue.exchange(world).unwrap(), venue.board(world).unwrap());
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        view.mark(terms).unwrap().to_num()
    }

    /// Posts a surface of one volatility and a carry on SOL.
    pub fn post(&mut self, volatility: f64, carry: f64) {
        let venue = &self.stage.venue;
        let posted = venue.post_flat_surface(&mut self.stage.world, SOL, volatility, carry);
        posted.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    pub fn list(&mut self, terms: &MarketTerms) {
        let venue = &self.stage.venue;
        venue.list_market(&mut self.stage.world, terms).unwrap();
    }

    /// Sends instructions, checks the books and returns what was logged.
    #[track_caller]
    pub fn send(&mut self, all: &[Instruction], signers: &[&Keypair]) -> Vec<RawEvent> {
        match self.try_send(all, signers) {
            Ok(events) => events,
            Err(refusal) => panic!("{refusal}"),
        }
    }

    pub fn try_send(
        &mut self,
        all: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Vec<RawEvent>, Refusal> {
        let done = self.stage.world.send(all, signers)?;
        self.stage.check_books();
        Ok(decode_all(&done.logs))
    }

    /// An instruction that nobody signs but the payer must be refused.
    #[track_caller]
    pub fn refused(&mut self, instruction: Instruction, error: impl CodedError) {
        self.stage.refused(&[instruction], &[], error);
    }

    /// An instruction that nobody signs but the payer would go through; nothing changes.
    #[track_caller]
    pub fn passes(&mut self, instruction: &Instruction) {
        let only = std::slice::from_ref(instruction);
        if let Err(refusal) = self.stage.simulate(only, &[]) {
            panic!("{refusal}");
        }
    }

    pub fn start_instruction(&self, key: &Keypair) -> Instruction {
        instructions::start_liquidation(&self.stage.venue.addresses, &self.stage.account(key))
    }

    #[track_caller]
    pub fn start(&mut self, key: &Keypair) {
        let start = self.start_instruction(key);
        self.send(&[start], &[]);
    }

    pub fn adl(
        &self,
        terms: &MarketTerms,
        key: &Keypair,
        counterparty: &Keypair,
        lots_max: u64,
    ) -> Instruction {
        let (account, other) = (self.stage.account(key), self.stage.account(counterparty));
        let addresses = &self.stage.venue.addresses;
        instructions::auto_deleverage(addresses, terms, &account, &other, lots_max)
    }

    #[track_caller]
    pub fn deleverage(
        &mut self,
        terms: &MarketTerms,
        key: &Keypair,
        counterparty: &Keypair,
        lots_max: u64,
    ) -> Deleveraged {
        let adl = self.adl(terms, key, counterparty, lots_max);
        let events = self.send(&[adl], &[]);
        one(&events)
    }

    pub fn resolve_instruction(&self, asset: usize, key: &Keypair) -> Instruction {
        let mint = &self.stage.venue.mints[asset];
        let account = self.stage.account(key);
        instructions::resolve_bankruptcy(&self.stage.venue.addresses, mint, &account)
    }

    #[track_caller]
    pub fn resolve(&mut self, asset: usize, key: &Keypair) -> BankruptcyResolved {
        let all = [
            self.stage.accrue(asset),
            self.resolve_instruction(asset, key),
        ];
        let events = self.send(&all, &[]);
        one(&events)
    }

    pub fn settle_instruction(&self, key: &Keypair, terms: &MarketTerms) -> Instruction {
        let venue = &self.stage.venue;
        let account = self.stage.account(key);
        instructions::settle_pnl(&venue.addresses, terms, &venue.mints[USDC], &account)
    }

    /// Turns the account's profit or loss in a market into cash or a loan.
    #[track_caller]
    pub fn settle(&mut self, key: &Keypair, terms: &MarketTerms) {
        let settle = self.settle_instruction(key, terms);
        let accrue = self.stage.accrue(USDC);
        self.send(&[accrue, settle], &[]);
    }

    pub fn liquidate_instruction(&self, key: &Keypair, fraction_max_q32: u64) -> Instruction {
        let venue = &self.stage.venue;
        let args = LiquidateArgs {
            fraction_max_q32,
            price_max: i64::MAX,
        };
        instructions::liquidate(
            &venue.addresses,
            &venue.mints[USDC],
            &self.stage.account(key),
            &self.stage.account(&self.taker),
            &self.taker.pubkey(),
            &[],
            args,
        )
    }

    pub fn try_take(&mut self, key: &Keypair, fraction: u64) -> Result<Liquidated, Refusal> {
        let all = [
            self.stage.accrue(USDC),
            self.liquidate_instruction(key, fraction),
        ];
        let taker = self.taker.insecure_clone();
        self.try_send(&all, &[&taker]).map(|events| one(&events))
    }

    #[track_caller]
    pub fn take(&mut self, key: &Keypair, fraction: u64) -> Liquidated {
        match self.try_take(key, fraction) {
            Ok(taken) => taken,
            Err(refusal) => panic!("{refusal}"),
        }
    }

    /// Sets the auction's clock of a flagged account as if it had been observed for so long.
    pub fn wind(&mut self, key: &Keypair, elapsed_s: u64) {
        let now = self.stage.world.now();
        let account = self.stage.account(key);
        self.stage.patch::<MarginAccount>(&account, |account| {
            account.auction_elapsed_s = elapsed_s;
            account.auction_seen_at = now;
        });
    }

    /// Changes the parameters of liquidation past their authority.
    pub fn configure(&mut self, change: impl FnOnce(&mut LiquidationParameters)) {
        let exchange = self.stage.venue.addresses.exchange;
        self.stage
            .patch::<Exchange>(&exchange, |exchange| change(&mut exchange.liquidation));
    }

    /// Pauses one instruction for an hour.
    pub fn pause(&mut self, instruction: Pausable) {
        let admin = self.stage.venue.admin.insecure_clone();
        let addresses = &self.stage.venue.addresses;
        let bit = 1 << instruction as u8;
        let set = instructions::set_pause(addresses, &admin.pubkey(), bit, 3_600);
        self.stage.world.send(&[set], &[&admin]).unwrap();
    }

    pub fn position(&self, key: &Keypair, terms: &MarketTerms) -> Position {
        let account = self.stage.state(key);
        account.position(terms).copied().unwrap_or_default()
    }

    pub fn market(&self, terms: &MarketTerms) -> Box<Market> {
        let address = self.stage.venue.addresses.market(terms);
        self.stage.world.read(&address).unwrap()
    }

    /// The figures with which the program liquidates, from the same bytes.
    pub fn figures(&self, key: &Keypair) -> Box<Report> {
        self.assess(&self.stage.account(key), Purpose::Liquidate)
    }

    pub fn assess(&self, account: &Pubkey, purpose: Purpose) -> Box<Report> {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        venue.assess(world, account, purpose).unwrap()
    }

    /// Mark-to-market equity, quote units.
    pub fn equity(&self, key: &Keypair) -> i64 {
        self.equity_of(&self.stage.account(key))
    }

    pub fn equity_of(&self, account: &Pubkey) -> i64 {
        self.assess(account, Purpose::ReduceRisk).equity_mark
    }

    /// Cash of the insurance fund, quote units.
    pub fn fund(&self) -> i64 {
        let fund = self.stage.venue.addresses.insurance_fund();
        self.stage.owned(&fund, USDC)
    }

    pub fn is_flagged(&self, key: &Keypair) -> bool {
        self.stage.state(key).in_liquidation()
    }
}

/// The one event of a type.
#[track_caller]
pub fn one<T: AnchorDeserialize + Discriminator>(events: &[RawEvent]) -> T {
    let mut found = events.iter().filter_map(|event| event.parse::<T>());
    let event = found.next().expect("the event");
    assert!(found.next().is_none(), "more than one such event");
    event
}

/// Asserts that two amounts are equal up to a tolerance.
#[track_caller]
pub fn near(found: i64, expected: f64, tolerance: f64) {
    let off = found as f64 - expected;
    assert!(
        off.abs() <= tolerance,
        "{found} is not {expected}, off by {off} of {tolerance}"
    );
}
