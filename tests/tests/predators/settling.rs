//! Liquidations between an expiry and its settlement.

use crate::scene::{Raid, WHOLE, between, close};
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketTerms, Side, next_expiry};
use ballast_sim::Venue;
use ballast_tests::{SOL, START};
use solana_keypair::Keypair;

/// Calls on SOL at 200 that expire at the next 08:00.
fn calls() -> MarketTerms {
    MarketTerms {
        expiry: next_expiry(START),
        kind: MarketKind::Call as u8,
        strike: 2_000_000,
        ..Venue::perpetual(SOL)
    }
}

/// A trader who sold 100 calls at 3.40, brought to the last second before their expiry: a price has stood for all of the last half hour but
/// its last second.
fn expiring(raid: &mut Raid, number: u8, usdc: f64, average: f64, last: f64) -> Keypair {
    let key = raid.stage.trader(number, usdc);
    let terms = calls();
    let dealer = raid.dealer.insecure_clone();
    let stage = &mut raid.stage;
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.0)
        .unwrap();
    stage.venue.list_market(&mut stage.world, &terms).unwrap();
    let order = Venue::limit(Side::Ask, 34_000, 10_000);
    stage
        .venue
        .trade_in(&mut stage.world, &dealer, &key, &terms, order)
        .unwrap();
    for before_s in (60..=1_860).rev().step_by(60) {
        raid.stage.world.set_time(terms.expiry - before_s);
        raid.price(SOL, average);
    }
    raid.stage.world.set_time(terms.expiry - 1);
    raid.price(SOL, last);
    key
}

/// Gives the market its price and everybody his cash.
fn settle(raid: &mut Raid, keys: &[&Keypair]) {
    let terms = calls();
    let addresses = raid.stage.venue.addresses;
    let finalize = instructions::finalize_settlement(&addresses, &terms);
    raid.act(&[finalize], &[]);
    for key in keys {
        let account = raid.stage.account(key);
        let position = instructions::settle_position(&addresses, &terms, &account);
        raid.act(&[position], &[]);
    }
    for key in keys {
        let account = raid.stage.account(key);
        let mint = &raid.stage.venue.mints[0];
        let pnl = instructions::settle_pnl(&addresses, &terms, mint, &account);
        raid.act(&[pnl], &[]);
    }
}

#[test]
fn before_the_average_is_certain_a_slice_goes_at_the_present_price_and_cannot_leave() {
    let mut raid = Raid::new();
    // 3,000 and 335 of premium less fees, at 215 worth 1,500 less: against a margin of 2,150 and more.
    let victim = expiring(&mut raid, 10, 3_000.0, 215.0, 215.0);
    let raider = raid.raider.insecure_clone();
    raid.stage.world.advance(31);
    let all = [raid.worth(&victim), raid.worth(&raider)];
    let flag = raid.flag_instruction(&victim);
    raid.act(&[flag], &[]);
    let taken = raid.take(&victim, &raider, WHOLE);
    assert!(!raid.is_flagged(&victim));
    let lots = -taken.positions[0].base_lots;
    assert!((2_000..6_000).contains(&lots), "{lots}");
    let discount =
        (taken.equity_mark - taken.price) as f64 * taken.fraction_q32 as f64 / WHOLE as f64;
    between(
        raid.worth(&raider) - all[1],
        0,
        (discount * 0.75) as i64 + 3,
    );
    between(raid.worth(&victim) - all[0], -(discount as i64) - 3, 0);
    // What the raider took over keeps his money here until it is settled.
    raid.stage.mint(&raider, 0, 0);
    let leave = raid.stage.withdraw(&raider, 0, 1, false);
    raid.refused(&[leave], &[&raider], BallastError::SettlementPending);

    // The next price settles both at the average, and nobody gains by it.
    raid.stage.world.advance(30);
    raid.price(SOL, 300.0);
    let between_them = raid.wealth(&[&victim, &raider]);
    let dealer = raid.dealer.insecure_clone();
    settle(&mut raid, &[&victim, &raider, &dealer]);
    between(raid.wealth(&[&victim, &raider]) - between_them, -2, 2);
    close(
        raid.wealth(&[&victim, &raider]) - all.iter().sum::<i64>() + raid.fund(),
        0.0,
        10.0,
    );
    let leave = raid.stage.withdraw(&raider, 0, 1, false);
    raid.act(&[leave], &[&raider]);
}

#[test]
fn once_the_average_is_certain_no_later_price_liquidates() {
    let mut raid = Raid::new();
    let victim = expiring(&mut raid, 10, 3_000.0, 215.0, 215.0);
    let raider = raid.raider.insecure_clone();
    raid.stage.world.advance(31);
    raid.flag(&victim);
    // 300 would ruin it; the payoff of 15 a SOL does not.
    raid.price(SOL, 300.0);
    let before = [raid.worth(&victim), raid.worth(&raider)];
    let take = raid.raid(&victim);
    raid.act(std::slice::from_ref(&take), &[&raider]);
    assert!(!raid.is_flagged(&victim));
    assert_eq!(before, [raid.worth(&victim), raid.worth(&raider)]);
    raid.refused(&[take], &[&raider], BallastError::LiquidationNotStarted);
    let flag = raid.flag_instruction(&victim);
    raid.refused(&[flag], &[], BallastError::NotLiquidatable);
    let dealer = raid.dealer.insecure_clone();
    settle(&mut raid, &[&victim, &dealer]);
    assert_eq!(raid.worth(&victim), before[0]);
}

#[test]
fn who_cannot_pay_his_payoff_is_taken_at_it_before_and_after_the_market_has_its_price() {
    for finalized in [false, true] {
        let mut raid = Raid::new();
        raid.stage.insure(5_000.0);
        // 2,700 and 330 against a payoff of 4,000.
        let victim = expiring(&mut raid, 10, 2_700.0, 240.0, 240.0);
        let dealer = raid.dealer.insecure_clone();
        let raider = raid.raider.insecure_clone();
        let terms = calls();
        raid.stage.world.advance(5);
        raid.price(SOL, 300.0);
        raid.flag(&victim);
        let figures = raid.figures(&victim);
        assert!(figures.equity_mark < 0 && figures.maintenance_margin < 10);
        if finalized {
            let finalize = instructions::finalize_settlement(&raid.stage.venue.addresses, &terms);
            raid.act(&[finalize], &[]);
        }
        let (rich, fund) = (raid.worth(&raider), raid.fund());
        let taken = raid.take(&victim, &raider, WHOLE);
        assert_eq!(taken.fraction_q32, WHOLE);
        // The fund pays what is missing, to the unit, and the raider gains nothing.
        assert_eq!(fund - raid.fund(), -figures.equity_mark);
        between(raid.worth(&raider) - rich, -3, 0);
        if !finalized {
            let finalize = instructions::finalize_settlement(&raid.stage.venue.addresses, &terms);
            raid.act(&[finalize], &[]);
        }
        for key in [&raider, &dealer] {
            let account = raid.stage.account(key);
            let addresses = &raid.stage.venue.addresses;
            let position = instructions::settle_position(addresses, &terms, &account);
            raid.act(&[position], &[]);
        }
        between(raid.worth(&raider) - rich, -3, 0);
    }
}

/// The last price before the expiry stands until the next one, and an account is judged at it: a spike in it costs what it costs at any other
/// time, the buffer's lots.
#[test]
fn a_spike_in_the_last_second_costs_the_buffers_lots() {
    let mut raid = Raid::new();
    // The average is 215.01, the last price 222.
    let victim = expiring(&mut raid, 10, 3_000.0, 210.0, 222.0);
    let raider = raid.raider.insecure_clone();
    raid.stage.world.advance(11);
    let before = [raid.worth(&victim), raid.worth(&raider)];
    raid.flag(&victim);
    let taken = raid.take(&victim, &raider, WHOLE);
    let lots = -taken.positions[0].base_lots as f64 / 100.0;
    raid.price(SOL, 210.0);
    let gain = raid.worth(&raider) - before[1];
    // 22 a SOL at the spike, 10.01 by the average, on the lots that changed hands, and the discount on them.
    let bound = lots * (22.0 - 10.0) + 15.0;
    assert!(lots < 75.0, "{lots}");
    assert!((gain as f64) < bound * 1e6, "{gain} {bound}");
    let figures = raid.figures(&victim);
    assert!(figures.equity_mark > 0);
    let dealer = raid.dealer.insecure_clone();
    settle(&mut raid, &[&victim, &raider, &dealer]);
    between(raid.worth(&raider) - before[1] - gain, -2, 2);
}
