//! What lies behind the insurance fund as a weapon: whom auto-deleveraging hits, in how many calls, and at which prices losses are shared.

use crate::scene::{Raid, WHOLE, between, close, event};
use ballast::error::BallastError;
use ballast::events::{BankruptcyResolved, Deleveraged};
use ballast_client::state::Validity;
use ballast_tests::{ETH, SOL};
use solana_keypair::Keypair;

/// Long 100 SOL from 200 with 3,500 USDC against 60 and 40 of two winners; at 140 it lacks 2,510, and the fund is empty.
fn gapped(raid: &mut Raid) -> (Keypair, [Keypair; 2]) {
    let loser = raid.stage.trader(10, 3_500.0);
    let winners = [11, 12].map(|number| raid.stage.trader(number, 50_000.0));
    for (winner, tokens) in winners.iter().zip([60.0, 40.0]) {
        raid.deal(winner, &loser, SOL, tokens, 200.0);
    }
    raid.price(SOL, 140.0);
    raid.flag(&loser);
    (loser, winners)
}

fn deleverage(raid: &mut Raid, key: &Keypair, counterparty: &Keypair, lots: u64) -> Deleveraged {
    let call = raid.deleverage_instruction(SOL, key, counterparty, lots);
    event(&raid.act(&[call], &[]))
}

#[test]
fn the_sequence_and_the_size_of_the_calls_move_units() {
    // Lots of the first and second winner in each call.
    let sequences: [&[(usize, u64)]; 5] = [
        &[(0, u64::MAX), (1, u64::MAX)],
        &[(1, u64::MAX), (0, u64::MAX)],
        &[(0, 1), (1, 3_999), (0, u64::MAX), (1, u64::MAX)],
        &[(0, 3_000), (1, 2_000), (0, 3_000), (1, 2_000)],
        &[(1, 1), (1, 1), (1, 1), (0, 5_999), (0, 1), (1, u64::MAX)],
    ];
    for sequence in sequences {
        let mut raid = Raid::new();
        let (loser, winners) = gapped(&mut raid);
        let lenders = raid.worth(&raid.dealer);
        let before = [0, 1].map(|number: usize| raid.worth(&winners[number]));
        for (number, lots) in sequence {
            deleverage(&mut raid, &loser, &winners[*number], *lots);
        }
        assert!(!raid.is_flagged(&loser));
        // 25.10 a SOL from each, whoever came first: at most 2 units more for each call.
        let units = 2.0 * sequence.len() as f64 + 2.0;
        for (number, tokens) in [(0, 60.0), (1, 40.0)] {
            let change: i64 = raid.worth(&winners[number]) - before[number];
            close(change, -tokens * 25.1, units);
        }
        between(raid.worth(&loser), 0, units as i64);
        assert_eq!(raid.worth(&raid.dealer), lenders);
    }
}

#[test]
fn hundreds_of_single_lots_cost_a_counterparty_units() {
    let mut raid = Raid::new();
    let (loser, winners) = gapped(&mut raid);
    let before = raid.worth(&winners[1]);
    for _ in 0..300 {
        let event = deleverage(&mut raid, &loser, &winners[1], 1);
        // 0.251 USDC a lot.
        between(event.given_up, 251_000, 251_001);
    }
    close(raid.worth(&winners[1]) - before, -3.0 * 25.1, 600.0);
    // What is left of the deficit is what falls on the lots that are left.
    close(raid.equity(&loser), -2_510.0 + 75.3, 600.0);
}

/// A gift to the fund keeps deleveraging away while it lasts. A winner who takes the insolvent account's lots one by one meanwhile pays for them himself
/// what deleveraging would have cost him: the account pays him nothing.
#[test]
fn slivers_of_an_insolvent_account_do_not_spare_a_winner_his_part() {
    let mut raid = Raid::new();
    let (loser, winners) = gapped(&mut raid);
    let giver = winners[0].insecure_clone();
    let fund = raid.stage.venue.addresses.insurance_fund();
    raid.stage.mint(&giver, 0, 150_000_000);
    let stage = &mut raid.stage;
    stage
        .venue
        .deposit_into(&mut stage.world, &giver, &fund, 0, 150_000_000)
        .unwrap();
    // The fund's premium is full, and is paid for margin that leaves.
    raid.wind(&loser, 10_800);
    for fraction in [1, (1 << 32) / 10_001] {
        let (rich, lots) = (raid.worth(&giver), raid.stage.state(&loser).positions);
        let cash = raid.stage.balance(&loser, 0);
        for _ in 0..200 {
            let take = raid.take_instruction(&loser, &giver, fraction, i64::MAX);
            raid.act(&[take], &[&giver]);
        }
        // No lot has moved, and what the fund owes for the fraction has gone through his hands to the account.
        assert_eq!(raid.stage.state(&loser).positions, lots);
        assert!(raid.stage.balance(&loser, 0) >= cash);
        between(raid.worth(&giver) - rich, -800, 0);
    }
}

/// An insolvent account cannot close against an accomplice at the mark and leave the loss to lenders.
#[test]
fn an_insolvent_account_does_not_trade() {
    let mut raid = Raid::new();
    let loser = raid.stage.trader(10, 3_500.0);
    let winner = raid.stage.trader(11, 50_000.0);
    raid.deal(&winner, &loser, SOL, 100.0, 200.0);
    raid.price(SOL, 140.0);
    for flagged in [false, true] {
        if flagged {
            raid.flag(&loser);
        }
        // A tick above the mark, which pays the fee: neither equity nor ratio would fall.
        let sell = raid.order(ballast_client::state::Side::Ask, 100.0, 140.05, true);
        let id = raid.stage.state(&loser).next_order_id;
        let place = raid.stage.place(&loser, SOL, sell);
        raid.act(&[place], &[&loser]);
        let buy = raid.order(ballast_client::state::Side::Bid, 100.0, 140.05, true);
        let taker_id = raid.stage.state(&winner).next_order_id;
        let place = raid.stage.place(&winner, SOL, buy);
        let fill = raid
            .stage
            .fill(SOL, (&loser, id), (&winner, taker_id), u64::MAX);
        raid.refused(
            &[place, fill],
            &[&winner],
            BallastError::MakerBelowInitialMargin,
        );
    }
}

#[test]
fn prices_at_which_nobody_is_deleveraged_and_no_loss_is_shared() {
    let mut raid = Raid::new();
    let (loser, winners) = gapped(&mut raid);
    let adl = raid.deleverage_instruction(SOL, &loser, &winners[0], u64::MAX);
    // The clock has run out, so that open positions do not matter, and their loss is settled, so that there is a loan.
    raid.wind(&loser, 1 << 40);
    raid.settle(&loser, SOL);
    let resolve = raid.resolve_instruction(&loser, 0);
    raid.stage
        .simulate(std::slice::from_ref(&adl), &[])
        .unwrap();
    raid.stage
        .simulate(std::slice::from_ref(&resolve), &[])
        .unwrap();
    let both = [adl.clone(), resolve.clone()];

    // Stale.
    raid.stage.world.advance(121);
    for call in both.clone() {
        raid.refused(&[call], &[], BallastError::StalePrice);
    }
    // The true price, in the same transaction: it has equity again.
    let refresh = raid.publish_at(SOL, 166.0, 0);
    for call in both.clone() {
        let all = [refresh.to_vec(), vec![call]].concat();
        raid.refused(&all, &[], BallastError::NotInsolvent);
    }
    // Above the buffer nothing happens either, though the flag stands.
    let refresh = raid.publish_at(SOL, 199.0, 0);
    for call in both.clone() {
        let all = [refresh.to_vec(), vec![call]].concat();
        raid.refused(&all, &[], BallastError::NotInsolvent);
    }
    // Wide: insolvent in the middle, and not at the edge.
    let wide = |raid: &Raid, dollars: f64| {
        raid.publish(SOL, |price| {
            price.price = (dollars * 1e8) as i64;
            price.confidence = (dollars * 3e6) as u64;
        })
    };
    let refresh = wide(&raid, 161.0);
    raid.act(&refresh, &[]);
    assert_eq!(raid.validity(SOL), Validity::Wide);
    raid.refused(
        std::slice::from_ref(&adl),
        &[],
        BallastError::UncertainPrice,
    );
    raid.refused(
        std::slice::from_ref(&resolve),
        &[],
        BallastError::NotInsolvent,
    );
    // Also at the edge of 154.5: what is shared is what is missing there, 1,060 less than in the middle of 150.
    let refresh = wide(&raid, 150.0);
    raid.act(&refresh, &[]);
    raid.refused(&[adl], &[], BallastError::UncertainPrice);
    let resolved: BankruptcyResolved = event(&raid.act(&[resolve], &[]));
    let premium = 154.5 * 100.0 * 0.1 * 0.05;
    close(resolved.equity_mark, -1_060.0, 5.0);
    close(resolved.written_off as i64, 1_060.0 + premium, 10.0);
}

/// One account's loss and its premium are all that is written off, however often it is called.
#[test]
fn depositors_bear_the_deficit_and_the_premium_once() {
    let mut raid = Raid::new();
    let (loser, winners) = gapped(&mut raid);
    raid.wind(&loser, 10_800);
    raid.settle(&loser, SOL);
    let others = raid.wealth(&[&raid.dealer.insecure_clone(), &raid.raider.insecure_clone()]);
    let all = others + raid.wealth(&[&winners[0], &winners[1]]);
    let resolve = raid.resolve_instruction(&loser, 0);
    let resolved: BankruptcyResolved = event(&raid.act(std::slice::from_ref(&resolve), &[]));
    // The premium of 70 would come on top, but no more than what is owed is written off: the loss that was settled.
    close(resolved.written_off as i64, 2_510.0, 5.0);
    between(raid.equity(&loser), -3, 0);
    for _ in 0..3 {
        raid.refused(
            std::slice::from_ref(&resolve),
            &[],
            BallastError::NotInsolvent,
        );
    }
    let keys = [
        &raid.dealer.insecure_clone(),
        &raid.raider.insecure_clone(),
        &winners[0],
        &winners[1],
    ];
    between(
        raid.wealth(&keys) - all,
        -(resolved.written_off as i64) - 2,
        -(resolved.written_off as i64) + 2,
    );
    // Should the price come back, what is left goes to whoever takes it for nothing; its owner has nothing of it.
    raid.price(SOL, 140.5);
    let raider = raid.raider.insecure_clone();
    let before = raid.worth(&raider);
    let taken = raid.take(&loser, &raider, WHOLE);
    assert_eq!((taken.fraction_q32, taken.price), (WHOLE, 0));
    close(raid.worth(&raider) - before, 50.0 * 0.75, 10.0);
    close(raid.fund(), 50.0 * 0.25, 10.0);
    between(raid.worth(&loser), 0, 3);
}

/// Who owes two assets: the caller chooses whose lenders bear the loss, and not how much of it.
#[test]
fn choosing_the_lenders_does_not_make_the_loss_larger() {
    for first in [0, ETH] {
        let mut raid = Raid::new();
        let dealer = raid.dealer.insecure_clone();
        raid.stage.fund(&dealer, ETH, 1_000.0);
        let debtor = raid.stage.trader(10, 1.0);
        raid.stage.fund(&debtor, SOL, 200.0);
        raid.stage.mint(&debtor, ETH, 0);
        let borrow = [
            raid.stage.withdraw(&debtor, ETH, 300_000_000, true),
            raid.withdraw(&debtor, 17_000.0),
        ];
        raid.act(&borrow, &[&debtor]);
        // 200 SOL at 140 against 3 ETH and 16,999 USDC.
        raid.price(SOL, 140.0);
        raid.flag(&debtor);
        let figures = raid.figures(&debtor);
        close(figures.equity_mark, -999.0, 10.0);
        raid.watched(&debtor, 900);
        let most = -figures.equity_mark + figures.maintenance_margin / 20;
        let lenders = raid.worth(&dealer);
        let raider = raid.worth(&raid.raider);
        let mut resolve = [
            raid.resolve_instruction(&debtor, 0),
            raid.resolve_instruction(&debtor, ETH),
        ];
        if first == ETH {
            resolve.reverse();
        }
        raid.act(&resolve[..1], &[]);
        for call in resolve {
            raid.refused(&[call], &[], BallastError::NotInsolvent);
        }
        // A unit of ETH, 40 quote units, is the coarsest that is rounded.
        let lost = lenders + raider - raid.worth(&dealer) - raid.worth(&raid.raider);
        between(lost, most - 100, most + 100);
        if first == ETH {
            // Those who lent USDC, the raider among them, lose nothing.
            assert_eq!(raid.worth(&raid.raider), raider);
        }
    }
}
