//! Donations that are to shift something, and deposits whose price nobody knows.

use crate::scene::{Raid, WHOLE, between, close, write_foreign};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast_client::args::{FeedArgs, FeedChoice};
use ballast_client::instructions;
use ballast_client::state::{NONE, Validity};
use ballast_client::units::ticker;
use ballast_sim::World;
use ballast_tests::{BTC, ETH, SOL, Stage};
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;

#[test]
fn only_the_owner_and_his_delegate_can_put_anything_into_an_account() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let account = raid.stage.account(&victim);
    let raider = raid.raider.insecure_clone();
    for asset in [0, SOL, ETH] {
        let source = raid.stage.mint(&raider, asset, 1_000_000_000);
        let (venue, key) = (&raid.stage.venue, raider.pubkey());
        let (addresses, mint) = (&venue.addresses, &venue.mints[asset]);
        let gift = instructions::deposit(addresses, mint, &account, &key, &source, 1_000_000_000);
        raid.refused(&[gift], &[&raider], BallastError::NotOwnerOrDelegate);
    }
}

/// Cash for the fund comes back to whoever takes an insolvent account only as far as it was missing, or as the premium of one that nobody wanted.
#[test]
fn a_gift_to_the_fund_buys_nothing() {
    for (dollars, elapsed_s) in [(140.0, 0), (140.0, 1 << 40), (180.0, 0), (180.0, 1 << 40)] {
        let worth = |gift: f64| {
            let mut raid = Raid::new();
            let victim = raid.long(10);
            raid.price(SOL, dollars);
            raid.flag(&victim);
            raid.wind(&victim, elapsed_s);
            let raider = raid.raider.insecure_clone();
            raid.stage.mint(&raider, 0, (gift * 1e6) as u64);
            let before = raid.worth(&raider);
            if gift > 0.0 {
                let fund = raid.stage.venue.addresses.insurance_fund();
                let stage = &mut raid.stage;
                stage
                    .venue
                    .deposit_into(&mut stage.world, &raider, &fund, 0, (gift * 1e6) as u64)
                    .unwrap();
            }
            let take = raid.raid(&victim);
            match raid.stage.world.send(&[take], &[&raider]) {
                Ok(_) => {}
                Err(refusal) => assert!(refusal.is(BallastError::InsuranceFundEmpty), "{refusal}"),
            }
            raid.stage.check_books();
            raid.worth(&raider) - before
        };
        let without = worth(0.0);
        for gift in [50.0, 100.0, 1_000.0, 2_580.0, 10_000.0] {
            let with = worth(gift);
            // Never more than without; the gift itself is the best he gets back.
            assert!(
                with <= without + 10,
                "{dollars} {elapsed_s} {gift}: {with} {without}"
            );
            assert!(with >= without - (gift * 1e6) as i64 - 10);
        }
    }
}

/// A gift of a dust account's value puts the steps behind the fund off until somebody takes it, and costs the giver all of it.
#[test]
fn a_gift_that_holds_up_what_is_behind_the_fund_is_the_next_takers() {
    let mut raid = Raid::new();
    let victim = raid.long(10);
    raid.price(SOL, 140.0);
    raid.flag(&victim);
    let dealer = raid.dealer.insecure_clone();
    let adl = raid.deleverage_instruction(SOL, &victim, &dealer, 100);
    raid.stage
        .simulate(std::slice::from_ref(&adl), &[])
        .unwrap();
    // What is worth less than a dust account holds nothing up.
    raid.stage.insure(99.99);
    raid.stage
        .simulate(std::slice::from_ref(&adl), &[])
        .unwrap();
    raid.stage.insure(0.02);
    raid.refused(
        std::slice::from_ref(&adl),
        &[],
        BallastError::InsuranceFundNotEmpty,
    );
    let resolve = raid.resolve_instruction(&victim, 0);
    raid.refused(&[resolve], &[], BallastError::InsuranceFundNotEmpty);
    let raider = raid.raider.insecure_clone();
    let before = raid.worth(&raider);
    let taken = raid.take(&victim, &raider, WHOLE);
    // 100.01 of 2,510: he takes over as much loss as he is paid for.
    close(taken.insurance_payment as i64, 100.01, 2.0);
    between(raid.worth(&raider) - before, -5, 0);
    raid.act(&[adl], &[]);
}

/// A token with a feed of its own, which is priced only when it is published here.
struct Token {
    mint: Pubkey,
    id: [u8; 32],
}

impl Token {
    fn list(raid: &mut Raid, number: u8) -> Self {
        let stage = &mut raid.stage;
        let mint = Stage::key(100 + number);
        stage.world.create_mint(&mint, 9).unwrap();
        let id = [0xa0 + number; 32];
        let feed = FeedArgs {
            name: ticker("TOKEN/USD"),
            kind: 1,
            id,
            ..stage.venue.feed_args(SOL)
        };
        let mut args = stage.venue.asset_args(SOL, FeedChoice::New(feed));
        args.underlying = NONE;
        let (admin, payer) = (stage.venue.admin.pubkey(), stage.world.payer.pubkey());
        let addresses = &stage.venue.addresses;
        let add = instructions::add_asset(addresses, &admin, &payer, &mint.pubkey(), args);
        stage.world.send(&[add], &[&stage.venue.admin]).unwrap();
        Self {
            mint: mint.pubkey(),
            id,
        }
    }

    /// Publishes its price.
    fn publish(&self, raid: &mut Raid, dollars: f64) {
        let price = raid.stage.venue.stub_price(&raid.stage.world, SOL, dollars);
        let (write, key) = write_foreign(
            raid,
            &StubPrice {
                id: self.id,
                publish_time: raid.stage.world.now(),
                ..price
            },
        );
        let addresses = &raid.stage.venue.addresses;
        let refresh = instructions::refresh_prices(addresses, &[key]);
        raid.act(&[write, refresh], &[]);
    }

    fn deposit(&self, raid: &mut Raid, key: &Keypair, amount: u64) {
        raid.stage
            .world
            .mint_tokens(&self.mint, &key.pubkey(), amount)
            .unwrap();
        let source = World::token_address(&key.pubkey(), &self.mint);
        let account = raid.stage.account(key);
        let (addresses, owner) = (&raid.stage.venue.addresses, key.pubkey());
        let deposit =
            instructions::deposit(addresses, &self.mint, &account, &owner, &source, amount);
        raid.act(&[deposit], &[key]);
    }
}

/// The documented limit: a stale deposit of 1% of the gross value holds a liquidation up, to the unit; one below it does not, nor does any once
/// its price is refreshed.
#[test]
fn a_stale_deposit_of_one_percent_holds_a_liquidation_up_and_no_less() {
    // Before the flag and after it, of the same token priced at 1 USDC: a thousand native units are a quote unit, but for what the
    // price's binary fraction lacks.
    for flagged_first in [false, true] {
        for (is_enough, more) in [(true, 1), (false, -1i64)] {
            let mut raid = Raid::new();
            let token = Token::list(&mut raid, 0);
            token.publish(&mut raid, 1.0);
            let victim = raid.long(10);
            raid.stage.world.advance(121);
            raid.price(SOL, 180.0);
            let raider = raid.raider.insecure_clone();
            let flag = raid.flag_instruction(&victim);
            if flagged_first {
                raid.act(std::slice::from_ref(&flag), &[]);
            }
            // Cash of 3,500 and a position of 18,000: s·100 ≥ gross + s.
            let gross = raid.figures(&victim).gross_value;
            close(gross, 3_500.0 + 18_000.0, 10.0);
            let least = (gross as u64).div_ceil(99) * 1_000;
            token.deposit(&mut raid, &victim, least.saturating_add_signed(more));
            let take = raid.raid(&victim);
            if is_enough {
                if !flagged_first {
                    raid.refused(std::slice::from_ref(&flag), &[], BallastError::StalePrice);
                    continue;
                }
                raid.refused(
                    std::slice::from_ref(&take),
                    &[&raider],
                    BallastError::StalePrice,
                );
                raid.refused(std::slice::from_ref(&flag), &[], BallastError::StalePrice);
                // Adding to it, or waiting, changes nothing; a refresh does. What it put in counts, and is taken along.
                raid.wait(60);
                raid.refused(
                    std::slice::from_ref(&take),
                    &[&raider],
                    BallastError::StalePrice,
                );
                token.publish(&mut raid, 1.0);
                raid.act(&[take], &[&raider]);
            } else {
                if !flagged_first {
                    raid.act(&[flag], &[]);
                }
                raid.act(&[take], &[&raider]);
            }
            assert!(!raid.is_flagged(&victim));
        }
    }
}

/// What is tolerated stale is taken at its old price: the most that can be lost or gained by it is 1% of the gross value.
#[test]
fn a_tolerated_stale_deposit_moves_at_its_old_price() {
    for now in [0.1, 1.0, 3.0] {
        let mut raid = Raid::new();
        let token = Token::list(&mut raid, 0);
        token.publish(&mut raid, 1.0);
        let victim = raid.long(10);
        token.deposit(&mut raid, &victim, 200_000_000_000);
        raid.stage.world.advance(121);
        raid.price(SOL, 178.0);
        raid.flag(&victim);
        let raider = raid.raider.insecure_clone();
        let before = raid.worth(&raider);
        let taken = raid.take(&victim, &raider, WHOLE);
        let discount = raid.worth(&raider) - before;
        between(discount, 0, 15_000_000);
        // The market's price of the token: the raider gains or loses the difference on the part of 200 tokens that he took, 1% of 21,300.
        token.publish(&mut raid, now);
        let part = taken.fraction_q32 as f64 / WHOLE as f64;
        let gain = raid.worth(&raider) - before;
        let moved = 200.0 * part * (now - 1.0);
        close(gain - discount, moved, 10.0);
    }
}

/// A token that never had a price counts nothing, holds nothing up and stays where it is.
#[test]
fn deposits_without_a_price_are_no_shield() {
    let mut raid = Raid::new();
    let tokens: Vec<Token> = (0..12)
        .map(|number| Token::list(&mut raid, number))
        .collect();
    let victim = raid.stage.trader(10, 3_500.0);
    for token in &tokens {
        token.deposit(&mut raid, &victim, 1_000_000_000_000);
    }
    let dealer = raid.dealer.insecure_clone();
    // While it holds one it cannot add risk: it must have traded before.
    let refusal = raid
        .try_deal(&dealer, &victim, SOL, 100.0, 200.0)
        .unwrap_err();
    assert!(refusal.is(BallastError::PriceNeverSet), "{refusal}");
    let victim = raid.long(11);
    for token in &tokens {
        token.deposit(&mut raid, &victim, 1_000_000_000_000);
    }
    raid.price(SOL, 180.0);
    raid.flag(&victim);
    let raider = raid.raider.insecure_clone();
    let before = raid.figures(&victim).equity_mark;
    let taken = raid.take(&victim, &raider, WHOLE);
    assert_eq!(taken.balances.len(), 1);
    assert!(!raid.is_flagged(&victim));
    // As without them.
    close(taken.equity_mark, 1_490.0, 5.0);
    between(
        before - raid.figures(&victim).equity_mark,
        3_000_000,
        4_500_000,
    );
    let left = raid.stage.state(&victim);
    let kept = left
        .balances
        .iter()
        .filter(|slot| !slot.is_free() && slot.asset > 3);
    assert!(kept.clone().count() == 12);
    assert!(
        kept.into_iter()
            .all(|slot| slot.shares.get() == 1_000_000_000_000i64)
    );
    // Nor do they count for the liquidator's margin or stand in his way.
    let second = raid.trader(12, 3_500.0, SOL, 100.0);
    for token in &tokens[..2] {
        token.deposit(&mut raid, &raider, 5);
    }
    raid.price(SOL, 160.0);
    raid.stage.insure(10_000.0);
    raid.flag(&second);
    raid.take(&second, &raider, WHOLE);
    assert_eq!(raid.validity(BTC), Validity::Fresh);
}
