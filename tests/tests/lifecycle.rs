//! An account's life from opening to closing, with money, positions and profit in between.

use anyhow::Result;
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarginAccount, Side};
use ballast_sim::{Venue, VenueConfig, World, conservation};
use solana_keypair::Keypair;
use solana_signer::Signer;

const START: i64 = 1_760_000_000;

fn trader(world: &mut World, venue: &Venue, number: u8, usdc: u64) -> Result<Keypair> {
    let key = Keypair::new_from_array([number; 32]);
    world.mint_tokens(&venue.mints[0], &key.pubkey(), usdc)?;
    venue.open_account(world, &key)?;
    venue.deposit(world, &key, 0, usdc)?;
    Ok(key)
}

#[test]
fn two_traders_trade_settle_and_leave_with_what_is_theirs() -> Result<()> {
    let mut world = World::new(START)?;
    let venue = Venue::create(&mut world, VenueConfig::default(), 1)?;
    let long = trader(&mut world, &venue, 21, 10_000_000_000)?;
    let short = trader(&mut world, &venue, 22, 10_000_000_000)?;
    assert!(conservation::violations(&world, &venue)?.is_empty());

    // 100 SOL at 221: each side pays its fee.
    let price = venue.price_per_lot(1, 221.0);
    venue.trade(
        &mut world,
        &short,
        &long,
        1,
        Venue::limit(Side::Bid, price, 10_000),
    )?;
    assert!(conservation::violations(&world, &venue)?.is_empty());
    let account = venue.addresses.margin_account(&long.pubkey(), 0);
    let report = venue.assess(&world, &account, Purpose::AddRisk)?;
    assert_eq!(report.underlyings().len(), 1);
    assert!(report.maintenance_margin > 0);

    // Up 10%: 2,210.00 of profit for the long, in cash once both are settled and closed.
    world.advance(60);
    venue.set_prices(&mut world, &[1.0, 243.1, 4_363.0, 122_500.0])?;
    let price = venue.price_per_lot(1, 243.1);
    venue.trade(
        &mut world,
        &short,
        &long,
        1,
        Venue::limit(Side::Ask, price, 10_000),
    )?;
    for key in [&short, &long] {
        let account = venue.addresses.margin_account(&key.pubkey(), 0);
        venue.settle(&mut world, &account, 1)?;
    }
    assert!(conservation::violations(&world, &venue)?.is_empty());
    for key in [&long, &short] {
        venue.withdraw(&mut world, key, 0, u64::MAX, false)?;
        let close = ballast_client::instructions::close_account(&venue.addresses, &key.pubkey(), 0);
        world.send(&[close], &[key])?;
    }
    let tokens =
        |key: &Keypair| world.tokens(&World::token_address(&key.pubkey(), &venue.mints[0]));
    // Fees: taker 5 bp and maker 2 bp of 22,100 and 24,310, rounded up; every unit is somewhere.
    let fees = venue.market(&world, 1)?.fees;
    let (taker, maker) = (11_050_000 + 12_155_000, 4_420_000 + 4_862_000);
    assert!(
        (taker + maker..taker + maker + 10).contains(&fees),
        "{fees}"
    );
    assert!(tokens(&long).abs_diff(10_000_000_000 + 2_210_000_000 - taker) < 10);
    assert!(tokens(&short).abs_diff(10_000_000_000 - 2_210_000_000 - maker) < 10);
    assert_eq!(tokens(&long) + tokens(&short) + fees, 20_000_000_000);
    assert!(world.read::<MarginAccount>(&account).is_err());
    for (name, units) in &world.compute_units {
        println!("{name}: {units:?}");
    }
    Ok(())
}
