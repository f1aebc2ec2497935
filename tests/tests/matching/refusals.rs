//! Sweeps that are refused as a whole: wrong accounts, wrong signers, wrong times, wrong orders. Makers who had been filled before keep
//! their orders.

use super::events::{filled, sent, skipped, steps};
use super::scene::{
    MARK, TICK, ask, bid, hand_over, immediate, lots, perpetual, post_only, reduce_only, rest,
    take, taken, until,
};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::MakerSkipped;
use ballast_client::args::OrderArgs;
use ballast_client::events::decode_all;
use ballast_client::instructions;
use ballast_client::state::{Board, Market, PAUSABLE_ALL, Pausable};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{Code, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// A taker and two makers with a good order each, and the sweep through both.
struct Scene {
    stage: Stage,
    first: Keypair,
    second: Keypair,
    taker: Keypair,
    sweep: Instruction,
}

impl Scene {
    fn new() -> Self {
        let mut stage = Stage::steady();
        let [first, second, taker] = [1, 2, 3].map(|number| stage.trader(number, 10_000.0));
        let makers = [
            rest(&mut stage, &first, ask(MARK, 10)),
            rest(&mut stage, &second, ask(MARK, 10)),
        ];
        let sweep = take(&stage, &taker, bid(MARK, 30), &makers);
        Self {
            sweep,
            stage,
            first,
            second,
            taker,
        }
    }

    /// The sweep with another order.
    fn order(&self, args: OrderArgs) -> Instruction {
        let makers = [(&self.first, 0), (&self.second, 0)];
        take(&self.stage, &self.taker, args, &makers)
    }

    #[track_caller]
    fn refused(&mut self, sweep: Instruction, error: impl CodedError) {
        let Self { stage, taker, .. } = self;
        stage.refused(&[sweep], &[taker], error);
    }

    #[track_caller]
    fn goes_through(&mut self, sweep: Instruction) {
        let Self { stage, taker, .. } = self;
        stage.simulate(&[sweep], &[taker]).unwrap();
    }

    /// Opens the owner's sub-account 1.
    fn twin(&mut self, owner: &Keypair) -> Pubkey {
        let (stage, key) = (&mut self.stage, owner.pubkey());
        let (addresses, payer) = (stage.venue.addresses, stage.world.payer.pubkey());
        let open = instructions::open_account(&addresses, &key, &payer, 1);
        stage.world.send(&[open], &[owner]).unwrap();
        addresses.margin_account(&key, 1)
    }
}

#[test]
fn accounts_that_are_no_makers() {
    let mut scene = Scene::new();
    let other = scene.stage.other_venue();
    let stranger = Stage::key(20);
    let foreign = other
        .open_account(&mut scene.stage.world, &stranger)
        .unwrap();
    let taker = scene.taker.insecure_clone();
    let twin = scene.twin(&taker);
    let addresses = scene.stage.venue.addresses;
    let second = scene.stage.account(&scene.second);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let foreign_program = ErrorCode::AccountOwnedByWrongProgram.code();
    for (wrong, code) in [
        (
            scene.stage.account(&taker),
            BallastError::SameAccount.code(),
        ),
        (twin, BallastError::SameAccount.code()),
        (foreign, BallastError::WrongExchange.code()),
    ] {
        // The first maker has been filled when the second is looked at.
        let sweep = with(scene.sweep.clone(), &second, &wrong);
        scene.refused(sweep, Code(code));
    }
    let sweep = scene.sweep.clone();
    scene.goes_through(sweep);
    // Who has closed his account is passed over as if his order were gone, whatever is at his address now.
    let mint = scene.stage.venue.mints[0];
    for (gone, code) in [
        (scene.stage.market(ETH), mismatch),
        (addresses.bank(&mint), mismatch),
        (mint, foreign_program),
        (Stage::key(99).pubkey(), foreign_program),
    ] {
        let mut scene = Scene::new();
        let sweep = with(scene.sweep.clone(), &second, &gone);
        let done = scene.stage.world.send(&[sweep], &[&taker]).unwrap();
        let events = decode_all(&done.logs);
        let skipped = events
            .iter()
            .find_map(|event| event.parse::<MakerSkipped>());
        let skipped = skipped.expect("somebody was passed over");
        assert_eq!((skipped.maker, skipped.reason), (gone, code));
        scene.stage.check_books();
    }
}

#[test]
fn makers_who_do_not_match_their_orders() {
    let mut scene = Scene::new();
    let mut fewer = scene.sweep.clone();
    fewer.accounts.pop();
    scene.refused(fewer, BallastError::MakersDoNotMatch);
    let mut more = scene.sweep.clone();
    let third = scene.stage.account(&scene.first);
    more.accounts.push(AccountMeta::new(third, false));
    scene.refused(more, BallastError::MakersDoNotMatch);
    let mut none = scene.sweep.clone();
    none.accounts.truncate(5);
    scene.refused(none, BallastError::MakersDoNotMatch);
}

#[test]
fn accounts_that_may_not_be_written() {
    let mut scene = Scene::new();
    let mut sweep = scene.sweep.clone();
    sweep.accounts.last_mut().unwrap().is_writable = false;
    scene.refused(sweep, ErrorCode::AccountNotMutable);
    for place in [2, 3] {
        let mut sweep = scene.sweep.clone();
        sweep.accounts[place].is_writable = false;
        scene.refused(sweep, ErrorCode::ConstraintMut);
    }
}

#[test]
fn accounts_of_another_exchange_and_in_the_wrong_place() {
    let mut scene = Scene::new();
    let other = scene.stage.other_venue();
    let (here, there) = (scene.stage.venue.addresses, other.addresses);
    let foreign = other
        .open_account(&mut scene.stage.world, &scene.taker)
        .unwrap();
    let (market, account) = (scene.stage.market(SOL), scene.stage.account(&scene.taker));
    let foreign_market = there.market(&Venue::perpetual(SOL));
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    for (right, wrong, code) in [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (market, foreign_market, BallastError::WrongExchange.code()),
        (account, foreign, BallastError::WrongExchange.code()),
        (
            market,
            scene.stage.market(ETH),
            BallastError::PriceOutsideBand.code(),
        ),
        (market, account, mismatch),
        (account, market, mismatch),
    ] {
        let sweep = with(scene.sweep.clone(), &right, &wrong);
        scene.refused(sweep, Code(code));
    }
}

#[test]
fn signers_who_may_not_trade() {
    let mut scene = Scene::new();
    let stranger = scene.stage.trader(20, 10.0);
    let (taker, first) = (scene.taker.insecure_clone(), scene.first.insecure_clone());
    let by =
        |sweep: &Instruction, key: &Keypair| with(sweep.clone(), &taker.pubkey(), &key.pubkey());
    for forger in [&stranger, &first] {
        let forged = by(&scene.sweep, forger);
        let stage = &mut scene.stage;
        stage.refused(&[forged], &[forger], BallastError::NotOwnerOrDelegate);
    }
    let silent = unsigned(scene.sweep.clone(), &taker.pubkey());
    let stage = &mut scene.stage;
    stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
    // Of the insurance fund, which has no delegate, neither.
    let (account, fund) = (
        stage.account(&taker),
        stage.venue.addresses.insurance_fund(),
    );
    let funds = with(scene.sweep.clone(), &account, &fund);
    scene.refused(funds, BallastError::NotOwnerOrDelegate);
    // As the delegate the stranger may.
    scene.stage.set_delegate(&taker, &stranger);
    let delegated = by(&scene.sweep, &stranger);
    let stage = &mut scene.stage;
    sent(stage, &[delegated], &[&stranger]);
    assert_eq!(lots(stage, &taker), 20);
}

#[test]
fn while_it_is_paused_and_only_then() {
    let mut scene = Scene::new();
    let (addresses, admin) = (
        scene.stage.venue.addresses,
        scene.stage.venue.admin.insecure_clone(),
    );
    let mut pause = |bits, seconds| {
        let pause = instructions::set_pause(&addresses, &admin.pubkey(), bits, seconds);
        scene.stage.world.send(&[pause], &[&admin]).unwrap();
    };
    let own = 1 << Pausable::PlaceAndFill as u64;
    pause(own, 100);
    let sweep = scene.sweep.clone();
    scene.refused(sweep.clone(), BallastError::Paused);
    scene.stage.world.advance(99);
    scene.refused(sweep.clone(), BallastError::Paused);
    scene.stage.world.advance(1);
    scene.goes_through(sweep.clone());
    // Nothing else stops it.
    scene.stage.world.advance(86_400);
    let prices = scene.stage.prices;
    let Scene { stage, .. } = &mut scene;
    stage.venue.set_prices(&mut stage.world, &prices).unwrap();
    let others = instructions::set_pause(&addresses, &admin.pubkey(), PAUSABLE_ALL & !own, 100);
    stage.world.send(&[others], &[&admin]).unwrap();
    scene.goes_through(sweep);
}

#[test]
fn orders_that_the_market_does_not_take() {
    use BallastError as E;
    let mut scene = Scene::new();
    let market = scene.stage.market(SOL);
    let now = scene.stage.world.now();
    scene
        .stage
        .patch::<Market>(&market, |market| market.order_minimum_lots = 5);
    let side = OrderArgs {
        side: 2,
        ..bid(MARK, 30)
    };
    for (args, error) in [
        (post_only(bid(MARK, 30)), E::PostOnlyWouldTake),
        (bid(MARK, 4), E::OrderTooSmall),
        (bid(MARK, 0), E::OrderTooSmall),
        (bid(0, 30), E::PriceNotOnTick),
        (bid(MARK + 1, 30), E::PriceNotOnTick),
        // The band is 10%.
        (bid(MARK / 10 * 11 + TICK, 30), E::PriceOutsideBand),
        (ask(MARK / 10 * 9 - TICK, 30), E::PriceOutsideBand),
        (until(now, bid(MARK, 30)), E::OrderExpired),
        (side, E::ParameterOutOfBounds),
        (reduce_only(bid(MARK, 30)), E::WouldNotReduce),
        (bid(MARK, u64::MAX), E::Overflow),
        (bid(MARK, 1 << 40), E::BelowInitialMargin),
    ] {
        let sweep = scene.order(args);
        scene.refused(sweep, error);
    }
    // A rest below the smallest order may stay.
    for args in [
        bid(MARK / 10 * 11 - TICK, 30),
        bid(MARK, 21),
        until(now + 1, bid(MARK, 30)),
    ] {
        let sweep = scene.order(args);
        scene.goes_through(sweep);
    }
    let board = scene.stage.venue.addresses.board;
    scene
        .stage
        .patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    let sweep = scene.sweep.clone();
    scene.refused(sweep, E::PriceNeverSet);
}

#[test]
fn a_market_that_only_closes_takes_only_reduce_only_orders() {
    let mut scene = Scene::new();
    let market = scene.stage.market(SOL);
    let Scene {
        stage,
        first,
        taker,
        ..
    } = &mut scene;
    hand_over(stage, &perpetual(), taker, first, MARK, 20);
    let closing = rest(stage, first, reduce_only(ask(MARK, 15)));
    stage.patch::<Market>(&market, |market| market.status = 1);
    for order in [bid(MARK, 10), immediate(bid(MARK, 10))] {
        let sweep = take(stage, taker, order, &[closing]);
        stage.refused(&[sweep], &[taker], BallastError::MarketNotActive);
    }
    // Of makers too: the plain order is passed over.
    let order = immediate(reduce_only(bid(MARK, 20)));
    let events = taken(stage, taker, order, &[(first, 0), closing]);
    let expected = [
        skipped(stage, (first, 0), BallastError::MarketNotActive),
        filled(stage, closing, MARK, 15),
    ];
    assert_eq!(steps(&events), expected);
}
