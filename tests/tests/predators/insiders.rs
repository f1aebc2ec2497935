//! The owner and his accomplices buy the account from themselves.

use crate::scene::{Raid, WHOLE, between, close, event};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_tests::SOL;
use solana_signer::Signer;

#[test]
fn the_owner_does_not_get_the_discount() {
    let mut raid = Raid::new();
    let owner = raid.flagged_long(10);
    // A second account of the owner's with money in it.
    let addresses = raid.stage.venue.addresses;
    let payer = raid.stage.world.payer.pubkey();
    let open = instructions::open_account(&addresses, &owner.pubkey(), &payer, 1);
    raid.act(&[open], &[&owner]);
    let second = addresses.margin_account(&owner.pubkey(), 1);
    raid.stage.mint(&owner, 0, 50_000_000_000);
    let stage = &mut raid.stage;
    stage
        .venue
        .deposit_into(&mut stage.world, &owner, &second, 0, 50_000_000_000)
        .unwrap();

    let quote = raid.stage.venue.mints[0];
    let account = raid.stage.account(&owner);
    let args = LiquidateArgs {
        fraction_max_q32: WHOLE,
        price_max: i64::MAX,
    };
    let key = owner.pubkey();
    let own = instructions::liquidate(&addresses, &quote, &account, &second, &key, &[], args);
    let accrue = raid.stage.accrue(0);
    raid.refused(&[accrue, own], &[&owner], BallastError::SameAccount);
    // Cash from the second account is what he may use.
    let before = raid.wealth(&[&owner]);
    let mint = &raid.stage.venue.mints[0];
    let transfer = instructions::transfer(
        &addresses,
        mint,
        &second,
        &account,
        &owner.pubkey(),
        600_000_000,
    );
    raid.act(&[transfer], &[&owner]);
    assert!(!raid.is_flagged(&owner));
    between(raid.wealth(&[&owner]) - before, -2, 0);
}

/// Whoever is named as the delegate, a keeper for instance, may liquidate like anybody: else an owner could keep him away by naming him.
#[test]
fn a_delegate_liquidates_like_anybody() {
    let mut raid = Raid::new();
    let owner = raid.long(10);
    let keeper = raid.stage.trader(11, 100_000.0);
    raid.stage.set_delegate(&owner, &keeper);
    raid.price(SOL, 180.0);
    raid.flag(&owner);
    assert!(raid.take(&owner, &keeper, WHOLE).fraction_q32 > 0);
}

/// The account's owner has an accomplice take the slice, and trades it back.
#[test]
fn an_accomplice_pays_the_insurance_fund_and_fees_and_gains_nothing() {
    for elapsed_s in [0, 450, 7_200] {
        let mut raid = Raid::new();
        let owner = raid.flagged_long(10);
        let accomplice = raid.stage.trader(11, 100_000.0);
        let gang = [&owner, &accomplice];
        let lots = raid.stage.state(&owner).positions[0].base_lots;
        raid.wind(&owner, elapsed_s);
        let (before, fund, fees) = (raid.wealth(&gang), raid.fund(), raid.fees());
        let others = raid.worth(&raid.dealer);
        let taken = raid.take(&owner, &accomplice, WHOLE);
        let fee = taken.insurance_fee as i64;
        assert!(fee > 0);
        // The discount stays among them, but a quarter of it.
        between(raid.wealth(&gang) - before, -fee - 3, -fee);
        assert_eq!(raid.fund() - fund, fee);

        // The slice back at its mark: 0.02% and 0.05% more are gone.
        let tokens = raid
            .stage
            .venue
            .tokens(SOL, taken.positions[0].base_lots as u64);
        // The account is at its buffer, below its initial margin, and cannot carry it again without new money.
        let refusal = raid
            .try_deal(&accomplice, &owner, SOL, tokens, 180.0)
            .unwrap_err();
        assert!(refusal.is(BallastError::BelowInitialMargin), "{refusal}");
        let put_in = 4_000_000_000;
        raid.stage.fund(&owner, 0, 4_000.0);
        raid.deal(&accomplice, &owner, SOL, tokens, 180.0);
        assert_eq!(raid.stage.state(&owner).positions[0].base_lots, lots);
        let traded = raid.fees() - fees;
        close(traded, tokens * 180.0 * 0.0007, 3.0);
        let gain = raid.wealth(&gang) - before - put_in;
        between(gain, -fee - traded - 5, -fee - traded + 2);
        // Nobody else lost or gained.
        between(raid.worth(&raid.dealer) - others, -1, 1);
    }
}

#[test]
fn trading_the_equity_away_before_a_liquidation_takes_it_from_nobody_else() {
    let mut raid = Raid::new();
    let owner = raid.flagged_long(10);
    let accomplice = raid.stage.trader(11, 100_000.0);
    let gang = [&owner, &accomplice];
    let (before, fees, fund) = (raid.wealth(&gang), raid.fees(), raid.fund());
    // At the lower edge of the band of 10% all 1,490 USDC and more would go: the flag allows what equity covers.
    let everything = |raid: &mut Raid, dollars| {
        let bid = raid.order(Side::Bid, 100.0, dollars, false);
        let ask = raid.order(Side::Ask, 100.0, dollars, true);
        let next = raid.stage.state(&owner).next_order_id;
        let mine = raid.stage.state(&accomplice).next_order_id;
        let all = [
            raid.stage.place(&accomplice, SOL, bid),
            raid.stage.place(&owner, SOL, ask),
            raid.stage
                .fill(SOL, (&accomplice, mine), (&owner, next), u64::MAX),
        ];
        (all, [accomplice.insecure_clone(), owner.insecure_clone()])
    };
    let (all, by) = everything(&mut raid, 164.9);
    let error = BallastError::TakerBelowInitialMargin;
    raid.refused(&all, &[&by[0], &by[1]], error);
    // 180 − 14.80 takes 1,480 and the taker's fee of 8.26 with it.
    let (all, by) = everything(&mut raid, 165.2);
    raid.act(&all, &[&by[0], &by[1]]);
    assert!(!raid.is_flagged(&owner));
    let left = raid.equity(&owner);
    between(left, 0, 10_000_000);
    between(
        raid.wealth(&gang) - before,
        fees - raid.fees() - 3,
        fees - raid.fees(),
    );
    assert_eq!(raid.fund(), fund);
}

#[test]
fn an_owner_who_waits_for_the_premium_pays_for_it_with_his_equity() {
    // At full premium the fund pays 5% of the margin of 1,800; the whole equity is its discount, a quarter of which it gets.
    for (dollars, equity) in [(180.0, 1_490.0), (170.0, 490.0), (166.0, 90.0)] {
        let mut raid = Raid::new();
        raid.stage.insure(10_000.0);
        let owner = raid.long(10);
        raid.price(SOL, dollars);
        raid.flag(&owner);
        raid.wind(&owner, 1 << 40);
        let accomplice = raid.stage.trader(11, 100_000.0);
        let gang = [&owner, &accomplice];
        let before = raid.wealth(&gang);
        let taken = raid.take(&owner, &accomplice, WHOLE);
        let premium = dollars * 100.0 * 0.1 * 0.05;
        close(taken.insurance_payment as i64, premium, 5.0);
        close(taken.insurance_fee as i64, equity / 4.0, 5.0);
        let gain = raid.wealth(&gang) - before;
        close(gain, premium - equity / 4.0, 10.0);
        // Never more than the premium, 0.5% of the position, after three hours in which nobody took it.
        assert!(gain as f64 <= premium * 1e6);
        close(raid.fund(), 10_000.0 - premium + equity / 4.0, 10.0);
    }
}

#[test]
fn the_event_of_a_slice_names_what_the_parties_gained() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let before = [raid.worth(&victim), raid.worth(&raid.raider), raid.fund()];
    let raider = raid.raider.insecure_clone();
    let take = raid.raid(&victim);
    let taken: Liquidated = event(&raid.act(&[take], &[&raider]));
    let after = [raid.worth(&victim), raid.worth(&raid.raider), raid.fund()];
    let change: Vec<i64> = before
        .iter()
        .zip(after)
        .map(|(before, after)| after - before)
        .collect();
    // 26.6% at 1%: 3.97 USDC, of which the fund has a quarter.
    let discount =
        (taken.equity_mark - taken.price) as f64 * taken.fraction_q32 as f64 / WHOLE as f64;
    close(-change[0], discount / 1e6, 4.0);
    close(change[1], discount * 0.75 / 1e6, 4.0);
    assert_eq!(change[2], taken.insurance_fee as i64);
    between(change.iter().sum(), -3, 0);
}
