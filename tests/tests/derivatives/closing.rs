//! How markets end: fees move to the bank, and a settled market in which nothing is left is closed for its rent.

use crate::fees::{collect_fees, withdraw_fees};
use crate::scene::{
    EXPIRY, buy, cash, crank, dated, event, finalize, maker_fee, market, pnl, position, post,
    refused, taker_fee, units,
};
use crate::window::Window;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{FeesCollected, MarketClosed};
use ballast_client::args::FillArgs;
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketTerms, Side};
use ballast_sim::Venue;
use ballast_tests::{Code, ETH, SOL, Stage, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Four traders and a call at 200 that one who needs nothing else has listed.
struct Scene {
    stage: Stage,
    call: MarketTerms,
    creator: Pubkey,
    owners: [Keypair; 4],
    window: Window,
}

impl Scene {
    fn new() -> Self {
        let mut stage = Stage::steady();
        let owners = [1, 2, 3, 4].map(|number| stage.trader(number, 50_000.0));
        let creator = Stage::key(9);
        let funds = 1_000_000_000;
        stage.world.svm.airdrop(&creator.pubkey(), funds).unwrap();
        post(&mut stage, 0.8, 0.0);
        let call = dated(MarketKind::Call, EXPIRY, 200.0);
        let addresses = stage.venue.addresses;
        let list = instructions::list_series(&addresses, &call, &creator.pubkey());
        stage.world.send(&[list], &[&creator]).unwrap();
        Self {
            stage,
            call,
            creator: creator.pubkey(),
            owners,
            window: Window::default(),
        }
    }

    /// One buys lots from another at a price in dollars.
    fn buy(&mut self, buyer: usize, seller: usize, lots: u64, dollars: f64) {
        let parties = (&self.owners[buyer], &self.owners[seller]);
        buy(&mut self.stage, parties, &self.call, lots, units(dollars));
    }

    fn expire_at(&mut self, dollars: f64) {
        let stage = &mut self.stage;
        self.window
            .publish_every(stage, EXPIRY, (1_850, -50), 100, dollars);
        finalize(stage, &self.call);
    }

    fn close(&self) -> Instruction {
        let venue = &self.stage.venue;
        instructions::close_market(&venue.addresses, &self.call, &self.creator, &venue.mints[0])
    }

    #[track_caller]
    fn not_empty(&mut self) {
        let close = self.close();
        refused(&mut self.stage, close, BallastError::MarketNotEmpty);
    }

    #[track_caller]
    fn cash(&mut self, owner: usize) {
        cash(&mut self.stage, &self.owners[owner], &self.call);
    }

    #[track_caller]
    fn pnl(&mut self, owner: usize) -> i64 {
        pnl(&mut self.stage, &self.owners[owner], &self.call).amount
    }

    fn quote(&self, owner: usize) -> i64 {
        position(&self.stage, &self.owners[owner], &self.call).quote
    }

    #[track_caller]
    fn collect(&mut self) -> u64 {
        let collect = collect_fees(&self.stage, &self.call);
        event::<FeesCollected>(&crank(&mut self.stage, collect)).amount
    }

    /// Closes the market and returns the fees that were left in it.
    #[track_caller]
    fn closes(&mut self) -> u64 {
        let (close, address) = (self.close(), self.stage.venue.addresses.market(&self.call));
        let svm = &self.stage.world.svm;
        let rent = svm.get_balance(&address).unwrap();
        let before = svm.get_balance(&self.creator).unwrap();
        let fees = market(&self.stage, &self.call).fees;
        let bank = self.stage.venue.bank(&self.stage.world, 0).unwrap();
        let closed: MarketClosed = event(&crank(&mut self.stage, close.clone()));
        assert_eq!((closed.market, closed.terms), (address, self.call.into()));
        assert_eq!((closed.creator, closed.fees), (self.creator, fees));
        let svm = &self.stage.world.svm;
        let gone = svm.get_account(&address);
        assert!(gone.is_none_or(|account| account.lamports == 0 && account.data.is_empty()));
        assert_eq!(svm.get_balance(&self.creator).unwrap() - before, rent);
        let after = self.stage.venue.bank(&self.stage.world, 0).unwrap();
        assert_eq!(after.fees, bank.fees + fees);
        assert_eq!(after.settlement_pools, bank.settlement_pools - fees);
        let again = ErrorCode::AccountOwnedByWrongProgram;
        refused(&mut self.stage, close, again);
        fees
    }
}

#[test]
fn a_market_closes_when_everything_is_settled() {
    let mut scene = Scene::new();
    scene.buy(0, 1, 1_000, 4.0);
    let pending = BallastError::SettlementPending;
    let close = scene.close();
    refused(&mut scene.stage, close.clone(), pending);
    scene.stage.world.set_time(EXPIRY);
    refused(&mut scene.stage, close, BallastError::SettlementPending);
    scene.stage.world.set_time(EXPIRY - 2_000);
    scene.expire_at(230.0);
    // Lots on both sides, on the short's, on none; then a loss, then a profit.
    scene.not_empty();
    scene.cash(0);
    assert_eq!(market(&scene.stage, &scene.call).open_interest_lots, 0);
    scene.not_empty();
    scene.cash(1);
    scene.not_empty();
    scene.pnl(1);
    scene.not_empty();
    scene.pnl(0);
    // Of an option's fees the notional counts: 10 SOL at 200, and the board's price is a little less.
    let notional = 2_000_000_000;
    let fees = scene.closes() as i64;
    assert_eq!(fees, maker_fee(notional) + taker_fee(notional));
    assert_eq!(withdraw_fees(&mut scene.stage) as i64, fees);
    let cash: i64 = scene
        .owners
        .iter()
        .map(|owner| scene.stage.balance(owner, 0))
        .sum();
    assert_eq!(cash, 4 * 50_000_000_000 - fees);
    // Everybody may leave.
    for owner in &scene.owners {
        let leave = scene.stage.withdraw(owner, 0, u64::MAX, false);
        scene.stage.world.send(&[leave], &[owner]).unwrap();
        assert!(scene.stage.state(owner).is_empty());
    }
    let vault = scene.stage.venue.bank(&scene.stage.world, 0).unwrap().vault;
    assert_eq!(scene.stage.world.tokens(&vault), 0);
}

#[test]
fn a_market_that_nobody_traded_closes_for_its_rent() {
    let mut scene = Scene::new();
    scene.expire_at(210.0);
    assert_eq!(scene.closes(), 0);
}

#[test]
fn longs_that_are_not_settled_keep_a_market_open() {
    let mut scene = Scene::new();
    scene.buy(0, 1, 1_000, 4.0);
    scene.buy(2, 3, 500, 4.0);
    // It expires worthless, so the premiums are what is won and lost.
    scene.expire_at(190.0);
    scene.cash(1);
    scene.not_empty();
    scene.cash(0);
    scene.cash(3);
    scene.pnl(0);
    scene.not_empty();
    scene.pnl(1);
    // The last long has lost its premium, whatever is done.
    scene.not_empty();
    scene.cash(2);
    scene.not_empty();
    scene.pnl(2);
    scene.not_empty();
    scene.pnl(3);
    scene.closes();
}

#[test]
fn shorts_that_are_not_settled_keep_a_market_open() {
    let mut scene = Scene::new();
    let [long, short, loser, winner] = [0, 1, 2, 3];
    scene.buy(long, short, 1_000, 4.0);
    // What one loses before the expiry is the other's gain, but for fees.
    scene.buy(loser, winner, 1_000, 9.0);
    scene.buy(winner, loser, 1_000, 1.0);
    let paid = -scene.pnl(loser) as u64;
    let fees = scene.collect();
    assert!(fees > 0);
    let taken = scene.pnl(winner) as u64;
    assert_eq!(taken, paid - fees);
    // What is left to the winner is as much as the fees of the other two.
    let rest = scene.quote(winner);
    assert!(rest > 0);

    scene.expire_at(230.0);
    scene.cash(long);
    // Nothing but the short's lots says that somebody owes: its quote is the premium that it has received.
    let now = market(&scene.stage, &scene.call);
    assert_eq!(
        (now.open_interest_lots, now.short_interest_lots, now.debts),
        (0, 1_000, 0)
    );
    assert_eq!((now.settlement_pool, now.fees), (0, 0));
    assert!(scene.quote(long) > 0 && scene.quote(short) > 0);
    scene.not_empty();
    scene.cash(short);
    assert_eq!(market(&scene.stage, &scene.call).short_interest_lots, 0);
    assert!(scene.quote(short) < 0);
    scene.not_empty();
    let [owed, won] = [short, long].map(|owner| scene.quote(owner));
    assert_eq!(owed + won + rest, 0);
    assert_eq!(scene.pnl(short), owed);
    scene.not_empty();
    assert_eq!(scene.pnl(long), won);
    scene.not_empty();
    assert_eq!(scene.pnl(winner), rest);
    assert_eq!(scene.closes(), 0);
}

#[test]
fn a_loss_of_a_closed_position_keeps_a_market_open() {
    let mut scene = Scene::new();
    // One loses 800 dollars and pays, another loses 8 and does not.
    scene.buy(0, 1, 10_000, 9.0);
    scene.buy(1, 0, 10_000, 1.0);
    scene.buy(2, 1, 100, 9.0);
    scene.buy(1, 2, 100, 1.0);
    scene.expire_at(190.0);
    assert!(scene.quote(0) < 0 && scene.quote(2) < 0);
    scene.not_empty();
    let paid = -scene.pnl(0) as u64;
    let fees = market(&scene.stage, &scene.call).fees;
    assert_eq!(scene.collect(), fees);
    let taken = scene.pnl(1) as u64;
    // Pool and fees are both nothing: only the debt says that somebody is owed something.
    let now = market(&scene.stage, &scene.call);
    assert_eq!(paid, fees + taken);
    assert_eq!(
        (now.fees, now.settlement_pool, now.open_interest_lots),
        (0, 0, 0)
    );
    assert_eq!(now.debts as i64, -scene.quote(2));
    assert_eq!(scene.quote(1), -scene.quote(2));
    scene.not_empty();
    scene.pnl(2);
    scene.not_empty();
    scene.pnl(1);
    assert_eq!(scene.closes(), 0);
}

#[test]
fn a_fillers_credit_keeps_a_market_open() {
    let mut scene = Scene::new();
    let filler = scene.owners[2].insecure_clone();
    let price = units(4.0);
    let [long, short] = [0, 1].map(|number| scene.owners[number].insecure_clone());
    let mut place = |owner, side| {
        let order = Venue::limit(side, price, 1_000);
        let venue = &scene.stage.venue;
        venue
            .place_in(&mut scene.stage.world, owner, &scene.call, order)
            .unwrap()
    };
    let args = FillArgs {
        maker_order_id: place(&short, Side::Ask),
        taker_order_id: place(&long, Side::Bid),
        lots_max: 1_000,
    };
    let [maker, taker, credited] = [&short, &long, &filler].map(|key| scene.stage.account(key));
    let fill = instructions::fill_order(
        &scene.stage.venue.addresses,
        &scene.call,
        &maker,
        &taker,
        Some(credited),
        &filler.pubkey(),
        args,
    );
    scene.stage.world.send(&[fill], &[&filler]).unwrap();
    scene.expire_at(190.0);
    let credit = scene.quote(2);
    assert!(credit > 0);
    for owner in [0, 1] {
        scene.cash(owner);
        scene.pnl(owner);
    }
    scene.not_empty();
    assert_eq!(scene.pnl(2), credit);
    scene.closes();
}

#[test]
fn the_rent_goes_to_the_creator_and_the_fees_to_the_exchange() {
    let mut scene = Scene::new();
    let other = scene.stage.other_venue();
    scene.buy(0, 1, 1_000, 4.0);
    scene.expire_at(190.0);
    for owner in [0, 1] {
        scene.cash(owner);
        scene.pnl(owner);
    }
    let right = scene.close();
    let (here, there) = (scene.stage.venue.addresses, other.addresses);
    let (address, mints) = (here.market(&scene.call), scene.stage.venue.mints.clone());
    let quote_bank = here.bank(&mints[0]);
    let wrong = BallastError::WrongExchange;
    let cases = [
        (
            scene.creator,
            scene.owners[0].pubkey(),
            BallastError::NotCreator.into(),
        ),
        (
            scene.creator,
            scene.stage.world.payer.pubkey(),
            BallastError::NotCreator.into(),
        ),
        (
            scene.creator,
            scene.stage.venue.admin.pubkey(),
            BallastError::NotCreator.into(),
        ),
        (here.exchange, there.exchange, wrong.into()),
        (
            quote_bank,
            there.bank(&other.mints[0]),
            BallastError::WrongExchange.into(),
        ),
        (
            quote_bank,
            here.bank(&mints[SOL]),
            BallastError::NotQuoteBank.into(),
        ),
        // A perpetual never ends; its creator is the payer.
        (
            address,
            scene.stage.market(SOL),
            BallastError::NotCreator.into(),
        ),
        (
            address,
            there.market(&Venue::perpetual(SOL)),
            BallastError::WrongExchange.into(),
        ),
        (
            address,
            quote_bank,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (from, to, code) in cases {
        refused(
            &mut scene.stage,
            with(right.clone(), &from, &to),
            Code(code),
        );
    }
    scene.closes();
}

#[test]
fn a_perpetual_is_not_closed() {
    let mut stage = Stage::steady();
    let payer = stage.world.payer.pubkey();
    for asset in [SOL, ETH] {
        let terms = Venue::perpetual(asset);
        let usdc = stage.venue.mints[0];
        let close = instructions::close_market(&stage.venue.addresses, &terms, &payer, &usdc);
        refused(&mut stage, close, BallastError::SettlementPending);
    }
}
