//! Ways to take what is not one's own, each of which must fail.

use ballast::error::BallastError;
use ballast_client::args::{LiquidateArgs, OrderArgs};
use ballast_client::instructions;
use ballast_client::state::health::Purpose;
use ballast_client::state::{Side, ledger};
use ballast_client::units::native;
use ballast_risk::Q32_ONE;
use ballast_tests::{BTC, ETH, SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// A maker, a liquidator, and a trader long 100 SOL at 200 with 2,600 USDC: below maintenance margin under 193.4.
fn stage() -> (Stage, Keypair, Keypair, Keypair) {
    let mut stage = Stage::steady();
    let maker = stage.trader(1, 1_000_000.0);
    let liquidator = stage.trader(2, 1_000_000.0);
    let trader = stage.trader(3, 2_600.0);
    stage
        .trade(&maker, &trader, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    (stage, maker, liquidator, trader)
}

fn start(stage: &mut Stage, trader: &Keypair) {
    let account = stage.account(trader);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    stage.world.send(&[start], &[]).unwrap();
}

fn liquidate(
    stage: &Stage,
    trader: &Keypair,
    liquidator: &Keypair,
    price_max: i64,
) -> anchor_lang::solana_program::instruction::Instruction {
    instructions::liquidate(
        &stage.venue.addresses,
        &stage.venue.mints[0],
        &stage.account(trader),
        &stage.account(liquidator),
        &liquidator.pubkey(),
        &[],
        LiquidateArgs {
            fraction_max_q32: Q32_ONE,
            price_max,
        },
    )
}

#[test]
fn an_old_flag_does_not_make_a_recovered_account_cheap() {
    let (mut stage, _, liquidator, trader) = stage();
    stage.insure(10_000.0);
    stage.world.advance(10);
    stage.set_price(SOL, 193.0);
    start(&mut stage, &trader);
    // It recovers unseen, and four days later it is healthy but below its buffer.
    stage.world.advance(3_600);
    stage.set_price(SOL, 199.0);
    stage.world.advance(4 * 86_400);
    stage.set_price(SOL, 195.5);
    let account = stage.account(&trader);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::Liquidate)
        .unwrap();
    assert!(!report.is_liquidatable() && !report.is_above_buffer());
    let cheap = liquidate(&stage, &trader, &liquidator, report.equity_mark / 2);
    stage.refused(
        &[cheap],
        &[&liquidator],
        BallastError::WorsePriceThanAccepted,
    );
    // Below maintenance again, only the bounded gap counts: 2 of 15 minutes of the first stretch.
    stage.world.advance(4 * 86_400);
    stage.set_price(SOL, 192.0);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::Liquidate)
        .unwrap();
    let least = (report.equity_mark as f64 * (1.0 - 0.01 - 0.14 * 120.0 / 900.0)) as i64;
    let cheap = liquidate(&stage, &trader, &liquidator, least - 10);
    stage.refused(
        &[cheap],
        &[&liquidator],
        BallastError::WorsePriceThanAccepted,
    );
    let fair = liquidate(&stage, &trader, &liquidator, least + 10);
    stage.world.send(&[fair], &[&liquidator]).unwrap();
    assert!(!stage.state(&trader).in_liquidation());
    stage.check_books();
}

#[test]
fn margin_set_free_by_a_reduction_cannot_be_traded_away() {
    let (mut stage, maker, _, trader) = stage();
    let reduce = |stage: &Stage, dollars: f64| OrderArgs {
        reduce_only: true,
        ..ballast_sim::Venue::limit(
            Side::Ask,
            stage.venue.price_per_lot(SOL, dollars),
            stage.venue.lots(SOL, 100.0),
        )
    };
    stage.world.advance(10);
    // Equity 590 against a margin of 1,800: selling 7% under the mark would leave a debt behind.
    stage.set_price(SOL, 180.0);
    let dear = reduce(&stage, 167.4);
    let refusal = stage
        .venue
        .trade(&mut stage.world, &maker, &trader, SOL, dear)
        .unwrap_err();
    assert!(
        refusal.is(BallastError::TakerBelowInitialMargin),
        "{refusal}"
    );
    // Without equity nothing may be lost at all.
    stage.world.advance(10);
    stage.set_price(SOL, 170.0);
    let at_mark = reduce(&stage, 170.0);
    let refusal = stage
        .venue
        .trade(&mut stage.world, &maker, &trader, SOL, at_mark)
        .unwrap_err();
    assert!(
        refusal.is(BallastError::TakerBelowInitialMargin),
        "{refusal}"
    );
    // With some, selling at the mark is what an account below its margin should do.
    stage.world.advance(10);
    stage.set_price(SOL, 180.0);
    let at_mark = reduce(&stage, 180.0);
    stage
        .venue
        .trade(&mut stage.world, &maker, &trader, SOL, at_mark)
        .unwrap();
    stage.check_books();
}

#[test]
fn coarse_lots_do_not_keep_a_hedged_account_from_being_liquidated() {
    // Lots of half a bitcoin: 1.5 bitcoin of deposit, 1 sold as 2 lots, and a loan of 130,000 USDC.
    let mut config = ballast_sim::VenueConfig::default();
    for asset in &mut config.assets {
        asset.range = (0.1, 0.1);
    }
    config.size_lambda = 0.0;
    config.assets[BTC].lot_size = 50_000_000;
    let mut stage = Stage::with(config);
    let maker = stage.trader(1, 1_000_000.0);
    let liquidator = stage.trader(2, 1_000_000.0);
    let trader = stage.trader(3, 1.0);
    stage.fund(&trader, BTC, 1.5);
    stage
        .trade(&maker, &trader, BTC, Side::Ask, 1.0, 100_000.0)
        .unwrap();
    let borrowed = native(130_000.0, 6);
    stage
        .venue
        .withdraw(&mut stage.world, &trader, 0, borrowed, true)
        .unwrap();
    stage.world.advance(10);
    stage.set_price(BTC, 71_000.0);
    start(&mut stage, &trader);
    let take = liquidate(&stage, &trader, &liquidator, i64::MAX);
    stage.world.send(&[take], &[&liquidator]).unwrap();
    let state = stage.state(&trader);
    // One of two lots and half of the deposit: as hedged as before.
    assert!(!state.in_liquidation());
    assert_eq!(state.lots(&ballast_sim::Venue::perpetual(BTC)), -1);
    assert!(stage.balance(&trader, BTC).abs_diff(75_000_000) <= 1);
    stage.check_books();
}

#[test]
fn a_depositor_without_obligations_cannot_be_liquidated() {
    let mut stage = Stage::steady();
    let saver = stage.trader(1, 1.0);
    stage.fund(&saver, SOL, 100.0);
    // Even with margin beyond the value of the deposit.
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<ballast_client::state::Exchange>(&exchange, |exchange| {
        exchange.assets[SOL].deposit_haircut_maintenance_q32 = Q32_ONE;
    });
    let account = stage.account(&saver);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::Liquidate)
        .unwrap();
    assert!(report.is_liquidatable());
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    stage.refused(&[start], &[], BallastError::NotLiquidatable);
}

#[test]
fn strangers_cannot_fill_the_slots_of_the_insurance_fund() {
    let mut stage = Stage::new();
    let giver = Stage::key(9);
    let amount = native(1.0, 9);
    let source = stage.mint(&giver, SOL, amount);
    let gift = instructions::deposit(
        &stage.venue.addresses,
        &stage.venue.mints[SOL],
        &stage.venue.addresses.insurance_fund(),
        &giver.pubkey(),
        &source,
        amount,
    );
    stage.refused(&[gift], &[&giver], BallastError::NotOwnerOrDelegate);
    stage.insure(1.0);
}

#[test]
fn there_is_always_room_for_cash() {
    // Losses find the first slot free however many tokens were deposited before.
    let mut stage = Stage::steady();
    let maker = stage.trader(1, 1_000_000.0);
    let trader = Stage::key(2);
    stage.venue.open_account(&mut stage.world, &trader).unwrap();
    stage.fund(&trader, SOL, 100.0);
    assert!(stage.state(&trader).balances[0].is_free());
    stage
        .trade(&maker, &trader, SOL, Side::Bid, 10.0, 200.0)
        .unwrap();
    stage.world.advance(10);
    stage.set_price(SOL, 190.0);
    let account = stage.account(&trader);
    stage.venue.settle(&mut stage.world, &account, SOL).unwrap();
    let state = stage.state(&trader);
    let board = stage.venue.board(&stage.world).unwrap();
    let cash = ledger::amount(&state.balances[0], &board.assets[0]).unwrap();
    // A loss of 100.00 and the taker's fee of 1.00.
    assert!((-101_000_010..=-101_000_000).contains(&cash), "{cash}");
    stage.check_books();
}

#[test]
fn a_tiny_position_does_not_make_an_account_be_taken_whole() {
    let (mut stage, maker, liquidator, trader) = stage();
    // One lot of ETH, worth 4 USDC.
    stage
        .trade(&maker, &trader, ETH, Side::Bid, 0.001, 4_000.0)
        .unwrap();
    stage.world.advance(10);
    stage.set_price(SOL, 191.0);
    start(&mut stage, &trader);
    let take = liquidate(&stage, &trader, &liquidator, i64::MAX);
    stage.world.send(&[take], &[&liquidator]).unwrap();
    let state = stage.state(&trader);
    assert!(!state.in_liquidation());
    let left = state.lots(&ballast_sim::Venue::perpetual(SOL));
    assert!((7_000..9_500).contains(&left), "{left} lots of 10,000");
    stage.check_books();
}
