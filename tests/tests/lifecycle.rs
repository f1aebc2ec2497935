//! An account's life from opening to closing, with money, positions and profit in between.

use ballast_client::instructions;
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarginAccount, Side};
use ballast_sim::World;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

#[test]
fn two_traders_trade_settle_and_leave_with_what_is_theirs() {
    let mut stage = Stage::new();
    let long = stage.trader(1, 10_000.0);
    let short = stage.trader(2, 10_000.0);
    stage.check_books();

    // 100 SOL at 200.
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage.check_books();
    let account = stage.account(&long);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::AddRisk)
        .unwrap();
    assert_eq!(report.underlyings().len(), 1);
    assert!(report.maintenance_margin > 0);

    // Up 10%: 2,000.00 of profit for the long, in cash once both have closed and settled.
    stage.world.advance(60);
    stage.set_price(SOL, 220.0);
    stage
        .trade(&short, &long, SOL, Side::Ask, 100.0, 220.0)
        .unwrap();
    for key in [&short, &long] {
        let account = stage.account(key);
        stage.venue.settle(&mut stage.world, &account, SOL).unwrap();
    }
    stage.check_books();
    for key in [&long, &short] {
        stage
            .venue
            .withdraw(&mut stage.world, key, 0, u64::MAX, false)
            .unwrap();
        let close = instructions::close_account(&stage.venue.addresses, &key.pubkey(), 0);
        stage.world.send(&[close], &[key]).unwrap();
    }
    assert!(stage.world.read::<MarginAccount>(&account).is_err());

    // Fees: taker 5 bp and maker 2 bp of 20,000 and 22,000, rounded up; every unit is somewhere.
    let tokens = |key: &Keypair| {
        stage
            .world
            .tokens(&World::token_address(&key.pubkey(), &stage.venue.mints[0]))
    };
    let fees = stage.venue.market(&stage.world, SOL).unwrap().fees;
    let (taker, maker) = (10_000_000 + 11_000_000, 4_000_000 + 4_400_000);
    assert!(
        (taker + maker..taker + maker + 10).contains(&fees),
        "{fees}"
    );
    assert!(tokens(&long).abs_diff(10_000_000_000 + 2_000_000_000 - taker) < 10);
    assert!(tokens(&short).abs_diff(10_000_000_000 - 2_000_000_000 - maker) < 10);
    assert_eq!(tokens(&long) + tokens(&short) + fees, 20_000_000_000);
}
