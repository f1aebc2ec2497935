//! Trading fees on their way from a market's pool to the bank and out of it.

use crate::scene::{buy, crank, event, maker_fee, market, pnl, refused, taker_fee, units};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{FeesCollected, FeesWithdrawn};
use ballast_client::instructions;
use ballast_client::state::MarketTerms;
use ballast_sim::{Venue, World};
use ballast_tests::{SOL, Stage, with};
use solana_signer::Signer;

/// Moves a market's fees to the quote asset's bank.
pub fn collect_fees(stage: &Stage, terms: &MarketTerms) -> Instruction {
    let venue = &stage.venue;
    instructions::collect_fees(&venue.addresses, terms, &venue.mints[0])
}

/// Takes all fees out of the quote asset's bank.
#[track_caller]
pub fn withdraw_fees(stage: &mut Stage) -> u64 {
    let admin = stage.venue.admin.insecure_clone();
    let destination = stage.mint(&admin, 0, 0);
    let before = stage.world.tokens(&destination);
    let usdc = stage.venue.mints[0];
    let withdraw = instructions::withdraw_fees(
        &stage.venue.addresses,
        &admin.pubkey(),
        &usdc,
        &destination,
        u64::MAX,
    );
    let done = stage.world.send(&[withdraw], &[&admin]).unwrap();
    stage.check_books();
    let amount = event::<FeesWithdrawn>(&done).amount;
    assert_eq!(World::token_address(&admin.pubkey(), &usdc), destination);
    assert_eq!(stage.world.tokens(&destination) - before, amount);
    amount
}

#[test]
fn fees_are_collected_as_far_as_the_pool_goes() {
    let mut stage = Stage::steady();
    let perpetual = Venue::perpetual(SOL);
    let [long, short] = [1, 2].map(|number| stage.trader(number, 50_000.0));
    let collect = collect_fees(&stage, &perpetual);
    refused(&mut stage, collect.clone(), BallastError::InsufficientFees);
    buy(&mut stage, (&long, &short), &perpetual, 1_234, units(200.0));
    let traded = 1_234 * 2_000_000;
    let fees = maker_fee(traded) + taker_fee(traded);
    assert_eq!(market(&stage, &perpetual).fees as i64, fees);
    // Nobody has paid anything in.
    refused(&mut stage, collect.clone(), BallastError::InsufficientFees);
    // The short pays its fee and no more, as the price has not moved.
    let paid = -pnl(&mut stage, &short, &perpetual).amount;
    assert!(paid < fees && paid >= maker_fee(traded));
    let first: FeesCollected = event(&crank(&mut stage, collect.clone()));
    assert_eq!(
        (first.amount as i64, first.market),
        (paid, stage.market(SOL))
    );
    let now = market(&stage, &perpetual);
    assert_eq!((now.fees as i64, now.settlement_pool), (fees - paid, 0));
    assert_eq!(stage.venue.bank(&stage.world, 0).unwrap().fees as i64, paid);
    refused(&mut stage, collect.clone(), BallastError::InsufficientFees);
    // The long loses more than the rest of the fees: the short's part stays.
    stage.set_price(SOL, 190.0);
    let lost = -pnl(&mut stage, &long, &perpetual).amount;
    let second: FeesCollected = event(&crank(&mut stage, collect.clone()));
    assert_eq!(second.amount as i64, fees - paid);
    let now = market(&stage, &perpetual);
    assert_eq!(
        (now.fees, now.settlement_pool as i64),
        (0, lost - (fees - paid))
    );
    refused(&mut stage, collect.clone(), BallastError::InsufficientFees);
    assert!(pnl(&mut stage, &short, &perpetual).amount > 0);
    assert_eq!(withdraw_fees(&mut stage) as i64, fees);
    let bank = stage.venue.bank(&stage.world, 0).unwrap();
    assert_eq!(bank.fees, 0);

    let other = stage.other_venue();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let mints = stage.venue.mints.clone();
    let quote_bank = here.bank(&mints[0]);
    let cases = [
        (
            quote_bank,
            here.bank(&mints[SOL]),
            BallastError::NotQuoteBank,
        ),
        (
            quote_bank,
            there.bank(&other.mints[0]),
            BallastError::WrongExchange,
        ),
        (
            stage.market(SOL),
            there.market(&perpetual),
            BallastError::WrongExchange,
        ),
        (here.exchange, there.exchange, BallastError::WrongExchange),
    ];
    for (from, to, error) in cases {
        refused(&mut stage, with(collect.clone(), &from, &to), error);
    }
}
