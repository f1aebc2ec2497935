//! Two accounts of one attacker against each other: one goes bankrupt, the other carries the money off.

use crate::scene::{Raid, WHOLE, between, close, event};
use ballast::error::BallastError;
use ballast::events::BankruptcyResolved;
use ballast_client::state::health::Purpose;
use ballast_tests::SOL;
use solana_keypair::Keypair;

/// Everything that can leave an account does, and is in its owner's wallet.
fn carry_off(raid: &mut Raid, key: &Keypair) {
    raid.stage.mint(key, 0, 0);
    let account = raid.stage.account(key);
    let free = {
        let (venue, world) = (&raid.stage.venue, &raid.stage.world);
        let report = venue.assess(world, &account, Purpose::AddRisk).unwrap();
        match report
            .positions()
            .iter()
            .all(|position| position.value == 0)
        {
            true => raid.stage.owned(&account, 0),
            false => report.health_initial().min(raid.stage.owned(&account, 0)),
        }
    };
    let pool = raid
        .stage
        .world
        .tokens(&raid.stage.venue.addresses.vault(&raid.stage.venue.mints[0]));
    let amount = (free - 10).max(0).unsigned_abs().min(pool);
    if amount > 0 {
        let leave = raid.stage.withdraw(key, 0, amount, false);
        raid.act(&[leave], &[key]);
    }
}

/// What the others have in USDC: the dealer who lends it, whose SOL only the price moves, and the raider who takes.
fn lenders_cash(raid: &Raid) -> i64 {
    let dealer = raid.stage.account(&raid.dealer);
    raid.stage.owned(&dealer, 0) + raid.worth(&raid.raider)
}

/// What the two have together, at marks and in their wallets; an account below nothing counts as nothing: its owner walks away.
fn take_home(raid: &Raid, keys: [&Keypair; 2]) -> i64 {
    keys.iter()
        .map(|key| raid.worth(key) - raid.equity(key).min(0))
        .sum()
}

/// Trading at the edges of the band moves equity to and fro, but never leaves an account that the trades alone made insolvent.
#[test]
fn trades_at_the_edge_of_the_band_alone_ruin_nobody() {
    let mut raid = Raid::new();
    raid.stage.insure(10_000.0);
    let (left, right) = (
        raid.stage.trader(10, 10_000.0),
        raid.stage.trader(11, 10_000.0),
    );
    let put_in = raid.wealth(&[&left, &right]);
    let lenders = raid.worth(&raid.dealer);
    let mut refusals = 0;
    // `left` buys dear and sells cheap, as large as it gets, until nothing more is possible.
    for tokens in [400.0, 200.0, 100.0, 50.0, 25.0, 10.0, 5.0, 2.0, 1.0, 0.5] {
        for _ in 0..4 {
            for (tokens, dollars) in [(tokens, 220.0), (-tokens, 180.0)] {
                match raid.try_deal(&right, &left, SOL, tokens, dollars) {
                    Ok(()) => {
                        assert!(raid.equity(&left) >= 0);
                        for key in [&left, &right] {
                            let account = raid.stage.account(key);
                            let settle = raid.stage.settle(&account, SOL);
                            let _ = raid.stage.world.send(&[settle], &[]);
                        }
                    }
                    Err(refusal) => {
                        assert!(
                            refusal.is(BallastError::TakerBelowInitialMargin)
                                || refusal.is(BallastError::BelowInitialMargin)
                                || refusal.is(BallastError::MakerBelowInitialMargin),
                            "{refusal}"
                        );
                        refusals += 1;
                    }
                }
                raid.stage.check_books();
            }
        }
    }
    assert!(refusals > 10);
    // Nearly all of it changed sides and none was made.
    between(raid.equity(&left), 0, 100_000_000);
    carry_off(&mut raid, &right);
    let fees = raid.fees();
    between(
        take_home(&raid, [&left, &right]) - put_in,
        -fees - 100,
        -fees + 100,
    );
    assert_eq!(raid.fund(), 10_000_000_000);
    assert_eq!(raid.worth(&raid.dealer), lenders);
}

/// Without a move of the price the pair loses its fees, whatever is liquidated in between by a third account of the attacker's.
#[test]
fn a_pair_that_liquidates_itself_at_the_edge_gains_nothing() {
    let mut raid = Raid::new();
    raid.stage.insure(10_000.0);
    // 100 SOL bought at 220 with 4,540 USDC: 2,529 left against an initial margin of 2,500.
    let (left, right) = (
        raid.stage.trader(10, 4_540.0),
        raid.stage.trader(11, 20_000.0),
    );
    let third = raid.stage.trader(12, 100_000.0);
    let gang = [&left, &right, &third];
    let put_in = raid.wealth(&gang);
    let fund = raid.fund();
    raid.deal(&right, &left, SOL, 100.0, 220.0);
    between(raid.equity(&left), 2_500_000_000, 2_560_000_000);
    raid.settle(&left, SOL);
    raid.settle(&right, SOL);
    // A fall of 3.5% puts it under its margin.
    raid.price(SOL, 192.0);
    raid.flag(&left);
    raid.wind(&left, 7_200);
    raid.take(&left, &third, WHOLE);
    raid.price(SOL, 200.0);
    let fees = raid.fees();
    // Back at the first price: what the price did to one it did to the other.
    let gain = raid.wealth(&gang) - put_in;
    between(
        gain,
        -fees - (raid.fund() - fund) - 10,
        -fees - (raid.fund() - fund) + 10,
    );
    assert!(raid.fund() > fund);
}

/// The attack that remains: both sides of a position as large as initial margin allows, and a price that jumps past the loser's equity before
/// anybody can liquidate. The winner has what the loser lacks. With a scan range of 10% and twice the confidence of 0.05%, and a factor of 1.25, the
/// loser has 12.625% of his position, so of a jump `g` the insurance fund bears `g − 12.625%` of the position, and nothing below.
#[test]
fn a_jump_costs_the_fund_what_lies_beyond_initial_margin() {
    for jump in [0.05, 0.10, 0.12, 0.15, 0.20, 0.30] {
        for at_the_edge in [false, true] {
            let mut raid = Raid::new();
            raid.stage.insure(10_000.0);
            // Margin of 2,525 for 100 SOL; bought at 220 the loss of 2,000 at once comes on top.
            let (cash, price) = if at_the_edge {
                (4_536.5, 220.0)
            } else {
                (2_535.5, 200.0)
            };
            let (left, right) = (raid.stage.trader(10, cash), raid.stage.trader(11, 20_000.0));
            let put_in = raid.wealth(&[&left, &right]);
            let lenders = lenders_cash(&raid);
            raid.deal(&right, &left, SOL, 100.0, price);
            let fees = raid.fees();
            let equity = raid.equity(&left);
            between(equity, 2_525_000_000, 2_526_000_000);
            if at_the_edge {
                // The profit of the first trade is out before the jump.
                raid.settle(&left, SOL);
                raid.settle(&right, SOL);
                carry_off(&mut raid, &right);
            }
            raid.price(SOL, 200.0 * (1.0 - jump));
            let value = 20_000.0;
            let bound = (jump - 0.126_25f64).max(0.0) * value;
            raid.flag(&left);
            let raider = raid.raider.insecure_clone();
            let fund = raid.fund();
            raid.take(&left, &raider, WHOLE);
            let paid = fund - raid.fund();
            assert!(
                paid as f64 <= bound * 1e6 + 10.0,
                "{jump}: {paid} of {bound}"
            );
            if bound > 0.0 {
                close(paid, bound, 1_000_000.0);
            }
            for _ in 0..2 {
                for key in [&left, &right, &raider, &raid.dealer.insecure_clone()] {
                    let settle = raid.stage.settle(&raid.stage.account(key), SOL);
                    let _ = raid.stage.world.send(&[settle], &[]);
                    raid.stage.check_books();
                }
            }
            carry_off(&mut raid, &right);
            // The pair has no more than it put in and what the fund paid.
            let gain = take_home(&raid, [&left, &right]) - put_in;
            assert!(gain <= paid.max(0) - fees + 20, "{jump}: {gain} of {paid}");
            // Lenders bear nothing, and the taker gains the discount at most.
            let others = lenders_cash(&raid) - lenders;
            assert!(others >= -20, "{others}");
        }
    }
}

/// The same with an empty fund. The winner is deleveraged and gives up what the loser lacks: the pair has what it put in less fees.
#[test]
fn deleveraging_takes_a_jump_back_from_the_winner() {
    for jump in [0.15, 0.20, 0.30] {
        let mut raid = Raid::new();
        let (left, right) = (
            raid.stage.trader(10, 2_535.5),
            raid.stage.trader(11, 20_000.0),
        );
        let put_in = raid.wealth(&[&left, &right]);
        let lenders = lenders_cash(&raid);
        raid.deal(&right, &left, SOL, 100.0, 200.0);
        let fees = raid.fees();
        raid.price(SOL, 200.0 * (1.0 - jump));
        raid.flag(&left);
        let call = raid.deleverage_instruction(SOL, &left, &right, u64::MAX);
        raid.act(&[call], &[]);
        raid.settle(&left, SOL);
        raid.settle(&right, SOL);
        carry_off(&mut raid, &right);
        let gain = take_home(&raid, [&left, &right]) - put_in;
        between(gain, -fees - 10, -fees + 10);
        let others = lenders_cash(&raid);
        assert_eq!(others, lenders);
    }
}

/// A loan on tokens whose price jumps: without a fund the lenders bear what lies beyond the collateral, and at most the premium of `w·MM` = 0.5%
/// of the tokens' value on top. Here 15,900 against 100 SOL; the debtor borrowed 79.5%, so lenders lose from a fall of 20.5% on.
#[test]
fn lenders_bear_what_lies_beyond_the_collateral_and_half_a_percent() {
    for fall in [0.21, 0.30, 0.50] {
        let mut raid = Raid::new();
        let debtor = raid.stage.trader(10, 1.0);
        raid.stage.fund(&debtor, SOL, 100.0);
        let most = raid.withdraw(&debtor, 16_001.0);
        raid.refused(&[most], &[&debtor], BallastError::BelowInitialMargin);
        let borrow = raid.withdraw(&debtor, 15_900.0);
        raid.act(&[borrow], &[&debtor]);
        let dollars = 200.0 * (1.0 - fall);
        raid.price(SOL, dollars);
        raid.flag(&debtor);
        let resolve = raid.resolve_instruction(&debtor, 0);
        raid.refused(std::slice::from_ref(&resolve), &[], BallastError::TooEarly);
        raid.watched(&debtor, 900);
        let resolved: BankruptcyResolved = event(&raid.act(&[resolve], &[]));
        let missing = 15_899.0 - dollars * 100.0;
        let premium = dollars * 100.0 * 0.1 * 0.05;
        close(resolved.written_off as i64, missing + premium, 10.0);
        // The rest is the takers'. They pay nearly its equity for it while the auction is young, so the debtor keeps at most the premium.
        let raider = raid.raider.insecure_clone();
        raid.take(&debtor, &raider, WHOLE);
        let kept = raid.equity(&debtor);
        assert!(kept as f64 <= premium * 1e6 + 10.0, "{kept} {premium}");
    }
}

/// An attacker cannot walk his account over the edge in steps: below its margin it reduces only at prices that leave the ratio of equity to margin.
#[test]
fn a_falling_account_cannot_sell_itself_into_debt() {
    let mut raid = Raid::new();
    raid.stage.insure(10_000.0);
    let (left, right) = (raid.long(10), raid.stage.trader(11, 100_000.0));
    let before = raid.wealth(&[&left, &right]);
    for dollars in [182.0, 178.0, 174.0, 170.0, 167.0] {
        raid.price(SOL, dollars);
        // The lowest price of the band down to the mark, until one is accepted.
        for part in [0.90, 0.92, 0.94, 0.96, 0.98, 1.0] {
            let sell = raid.try_deal(&right, &left, SOL, -3.0, dollars * part);
            if let Err(refusal) = sell {
                assert!(
                    refusal.is(BallastError::TakerBelowInitialMargin),
                    "{refusal}"
                );
            }
            assert!(raid.equity(&left) >= 0);
        }
    }
    // At 160 its owner has lost what the price took and what he sold cheap to himself; the fund is as it was.
    assert!(raid.equity(&left) >= 0);
    assert_eq!(raid.fund(), 10_000_000_000);
    // Nothing is made of nothing: what one lost by the trades the other has, and the fall of the price is on the lots that were held meanwhile.
    assert!(raid.wealth(&[&left, &right]) < before);
}

/// A price that falls and comes back within its largest age, both published by the attacker in one transaction: the accomplice has the account at the
/// low price, and the fund has paid what was missing there. Nothing more: that, and what the victim had, is all that can be had.
#[test]
fn a_spike_between_two_valid_updates_costs_the_fund_what_was_missing_at_its_bottom() {
    for (low, missing) in [(160.0, 510.0), (150.0, 1_510.0), (140.0, 2_510.0)] {
        let mut raid = Raid::new();
        raid.stage.insure(10_000.0);
        let owner = raid.long(10);
        let accomplice = raid.stage.trader(11, 100_000.0);
        let gang = [&owner, &accomplice];
        raid.stage.world.advance(60);
        raid.price(SOL, 200.0);
        raid.stage.world.advance(60);
        let (before, fund) = (raid.wealth(&gang), raid.fund());
        let (fall, rise) = (raid.publish_at(SOL, low, 1), raid.publish_at(SOL, 200.0, 0));
        let attack = vec![
            raid.flag_instruction(&owner),
            raid.take_instruction(&owner, &accomplice, WHOLE, i64::MAX),
        ];
        let all = [fall.to_vec(), attack, rise.to_vec()].concat();
        raid.act(&all, &[&accomplice]);
        let paid = fund - raid.fund();
        close(paid, missing, 5.0);
        between(raid.wealth(&gang) - before, paid - 5, paid);
        // The owner walks away with nothing, the accomplice has it all.
        between(raid.equity(&owner), 0, 3);
    }
}
