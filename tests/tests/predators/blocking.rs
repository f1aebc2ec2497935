//! What an owner, or a limit, might put in the way of a liquidation.

use crate::scene::{Raid, WHOLE, all_units, event};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::AssetParameters;
use ballast_client::instructions;
use ballast_client::state::health::View;
use ballast_client::state::{
    AssetMode, MarketKind, MarketStatus, MarketTerms, PAUSABLE_ALL, Pausable, Side, next_expiry,
};
use ballast_sim::{Venue, VenueConfig, World};
use ballast_tests::{ETH, SOL, START, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// 100 SOL deposited, 15,000 USDC borrowed, and long 10 SOL: equity 820 after the haircut against a margin of 1,815 at 165.
fn borrower(raid: &mut Raid) -> Keypair {
    let key = raid.stage.trader(10, 1.0);
    raid.stage.fund(&key, SOL, 100.0);
    let borrow = raid.withdraw(&key, 15_000.0);
    raid.act(&[borrow], &[&key]);
    let dealer = raid.dealer.insecure_clone();
    raid.deal(&dealer, &key, SOL, 10.0, 200.0);
    raid.price(SOL, 165.0);
    key
}

/// Flags the borrower and takes what the buffer needs.
fn liquidate(raid: &mut Raid, key: &Keypair) -> Liquidated {
    raid.flag(key);
    let raider = raid.raider.insecure_clone();
    let taken = raid.take(key, &raider, WHOLE);
    assert!(!raid.is_flagged(key) && raid.figures(key).is_above_buffer());
    taken
}

/// Changes the parameters of USDC and SOL.
fn update_assets(raid: &mut Raid, change: impl Fn(&mut AssetParameters)) {
    for asset in [0, SOL] {
        let venue = &raid.stage.venue;
        let exchange = venue.exchange(&raid.stage.world).unwrap();
        let bank = venue.bank(&raid.stage.world, asset).unwrap();
        let mut parameters = AssetParameters::of(&exchange.assets[asset], &bank);
        change(&mut parameters);
        let (addresses, mint) = (venue.addresses, venue.mints[asset]);
        let admin = venue.admin.insecure_clone();
        let update = instructions::update_asset(&addresses, &admin.pubkey(), &mint, parameters);
        let accrue = instructions::accrue_interest(&addresses, &mint);
        raid.act(&[accrue, update], &[&admin]);
    }
}

fn update_market(raid: &mut Raid, status: MarketStatus, cap: u64) {
    let admin = raid.stage.venue.admin.insecure_clone();
    let mut parameters = raid.stage.venue.market_args(SOL).parameters;
    parameters.status = status as u8;
    parameters.open_interest_cap_lots = cap;
    let addresses = raid.stage.venue.addresses;
    let terms = Venue::perpetual(SOL);
    let update = instructions::update_market(&addresses, &admin.pubkey(), &terms, parameters);
    raid.act(&[update], &[&admin]);
}

fn pause(raid: &mut Raid, bits: u64) {
    let admin = raid.stage.venue.admin.insecure_clone();
    let addresses = raid.stage.venue.addresses;
    let pause = instructions::set_pause(&addresses, &admin.pubkey(), bits, 3_600);
    raid.act(&[pause], &[&admin]);
}

fn bit(instruction: Pausable) -> u64 {
    1 << instruction as u8
}

/// All that can be paused but the two instructions of a liquidation.
fn all_others() -> u64 {
    PAUSABLE_ALL & !bit(Pausable::StartLiquidation) & !bit(Pausable::Liquidate)
}

#[test]
fn no_limit_and_no_pause_of_another_instruction_holds_a_liquidation_up() {
    type Change = fn(&mut Raid);
    let changes: [(&str, Change); 9] = [
        ("deposit caps", |raid| {
            update_assets(raid, |parameters| parameters.deposit_cap = 0);
        }),
        ("borrow caps", |raid| {
            update_assets(raid, |parameters| parameters.borrow_cap = 0);
        }),
        ("outflow limits", |raid| {
            update_assets(raid, |parameters| parameters.outflow_limit = 1);
        }),
        ("reduce-only assets", |raid| {
            update_assets(raid, |parameters| {
                parameters.mode = AssetMode::ReduceOnly as u8;
            });
        }),
        ("closing assets", |raid| {
            update_assets(raid, |parameters| {
                parameters.mode = AssetMode::Closing as u8;
            });
        }),
        ("a reduce-only market", |raid| {
            update_market(raid, MarketStatus::ReduceOnly, 1 << 40);
        }),
        ("an open interest cap", |raid| {
            update_market(raid, MarketStatus::Active, 0);
        }),
        ("pauses", |raid| pause(raid, all_others())),
        ("all of them", |raid| {
            update_assets(raid, |parameters| {
                parameters.deposit_cap = 0;
                parameters.borrow_cap = 0;
                parameters.outflow_limit = 1;
                parameters.mode = AssetMode::Closing as u8;
            });
            update_market(raid, MarketStatus::ReduceOnly, 0);
            pause(raid, all_others());
        }),
    ];
    let usual = {
        let mut raid = Raid::new();
        let key = borrower(&mut raid);
        liquidate(&mut raid, &key)
    };
    assert!(usual.fraction_q32 < WHOLE && usual.balances.len() == 2);
    for (name, change) in changes {
        println!("{name}");
        let mut raid = Raid::new();
        let key = borrower(&mut raid);
        change(&mut raid);
        let taken = liquidate(&mut raid, &key);
        // To the unit the same slice at the same price.
        assert_eq!(
            (
                taken.fraction_q32,
                taken.price,
                taken.payment,
                taken.insurance_fee
            ),
            (
                usual.fraction_q32,
                usual.price,
                usual.payment,
                usual.insurance_fee
            ),
            "{name}"
        );
    }
}

#[test]
fn the_pauses_that_do_stop_a_liquidation() {
    // Its own two, each alone.
    let mut raid = Raid::new();
    let key = borrower(&mut raid);
    let raider = raid.raider.insecure_clone();
    let (flag, take) = (raid.flag_instruction(&key), raid.raid(&key));
    pause(&mut raid, bit(Pausable::StartLiquidation));
    raid.refused(std::slice::from_ref(&flag), &[], BallastError::Paused);
    pause(&mut raid, 0);
    raid.act(&[flag], &[]);
    // Whoever is flagged already can be taken all the same.
    pause(&mut raid, bit(Pausable::StartLiquidation));
    raid.stage
        .simulate(std::slice::from_ref(&take), &[&raider])
        .unwrap();
    pause(&mut raid, bit(Pausable::Liquidate));
    raid.refused(
        std::slice::from_ref(&take),
        &[&raider],
        BallastError::Paused,
    );
    // Prices that nobody may refresh are stale after their largest age.
    pause(&mut raid, bit(Pausable::RefreshPrices));
    raid.stage.world.advance(120);
    raid.stage
        .simulate(std::slice::from_ref(&take), &[&raider])
        .unwrap();
    raid.stage.world.advance(1);
    raid.refused(&[take], &[&raider], BallastError::StalePrice);

    // Where loans bear interest, a pause of `accrue_interest` stops what changes them, as `docs/limits.md` says.
    let mut config = VenueConfig::default();
    for asset in &mut config.assets {
        asset.range = (0.1, 0.1);
    }
    let mut raid = Raid::on(Stage::with_interest(config));
    let key = borrower(&mut raid);
    raid.flag(&key);
    pause(&mut raid, bit(Pausable::AccrueInterest));
    raid.stage.world.advance(1);
    let (accrue, take) = (raid.stage.accrue(0), raid.raid(&key));
    let error = BallastError::AccrueInterestFirst;
    raid.refused(std::slice::from_ref(&take), &[&raider], error);
    pause(&mut raid, 0);
    raid.act(&[accrue, take], &[&raider]);
}

/// 16 balances, 32 positions in three perpetuals, futures and calls, and 16 orders.
#[test]
fn an_account_with_every_slot_in_use_is_flagged_and_taken() {
    let mut raid = Raid::new();
    let mut mints = raid.stage.list_tokens(12);
    mints.extend(raid.stage.venue.mints[1..].to_vec());
    let key = raid.stage.trader(10, 4_000.0);
    for mint in &mints {
        let stage = &mut raid.stage;
        stage
            .world
            .mint_tokens(mint, &key.pubkey(), 1_000_000)
            .unwrap();
        let source = World::token_address(&key.pubkey(), mint);
        let account = stage.account(&key);
        let addresses = &stage.venue.addresses;
        let deposit =
            instructions::deposit(addresses, mint, &account, &key.pubkey(), &source, 1_000_000);
        raid.act(&[deposit], &[&key]);
    }
    let dealer = raid.dealer.insecure_clone();
    let stage = &mut raid.stage;
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.0)
        .unwrap();
    let first = next_expiry(START);
    for number in 0..29i64 {
        let terms = MarketTerms {
            expiry: first + (1 + number) * 86_400,
            kind: if number < 10 {
                MarketKind::Future
            } else {
                MarketKind::Call
            } as u8,
            strike: if number < 10 { 0 } else { 2_000_000 },
            ..Venue::perpetual(SOL)
        };
        stage.venue.list_market(&mut stage.world, &terms).unwrap();
        let mark = {
            let (exchange, board) = (
                stage.venue.exchange(&stage.world),
                stage.venue.board(&stage.world),
            );
            let view = View {
                exchange: &exchange.unwrap(),
                board: &board.unwrap(),
                now: stage.world.now(),
            };
            view.mark(&terms).unwrap().to_num::<u64>()
        };
        let price = mark / 100 * 100;
        let order = Venue::limit(Side::Ask, price, 10);
        stage
            .venue
            .trade_in(&mut stage.world, &dealer, &key, &terms, order)
            .unwrap_or_else(|refusal| panic!("{number}: {refusal}"));
    }
    raid.stage.check_books();
    raid.deal(&dealer, &key, 3, 0.01, 100_000.0);
    raid.deal(&dealer, &key, SOL, 1.0, 200.0);
    raid.deal(&dealer, &key, ETH, 5.0, 4_000.0);
    for _ in 0..16 {
        let order = raid.order(Side::Bid, 0.01, 190.0, false);
        let place = raid.stage.place(&key, SOL, order);
        raid.act(&[all_units(), place], &[&key]);
    }
    let state = raid.stage.state(&key);
    assert!(state.balances.iter().all(|slot| !slot.is_free()));
    assert!(state.positions.iter().all(|slot| !slot.is_free()));
    assert!(state.orders.iter().all(|order| order.lots != 0));

    raid.price(ETH, 3_150.0);
    let flag = raid.flag_instruction(&key);
    raid.act(&[all_units(), flag], &[]);
    let state = raid.stage.state(&key);
    assert!(state.orders.iter().all(|order| order.lots == 0));
    // The owner fills the order slots again with what only reduces: to no avail.
    for _ in 0..16 {
        let order = raid.order(Side::Ask, 0.01, 200.0, true);
        let place = raid.stage.place(&key, SOL, order);
        raid.act(&[all_units(), place], &[&key]);
    }
    let before = raid.equity(&key);
    let (raider, take) = (raid.raider.insecure_clone(), raid.raid(&key));
    let taken: Liquidated = event(&raid.act(&[all_units(), take], &[&raider]));
    assert_eq!((taken.balances.len(), taken.positions.len()), (16, 32));
    // The lots of 31 small positions round up, which sets margin of hedges free and needs some: a second slice makes up for that.
    if raid.is_flagged(&key) {
        let take = raid.raid(&key);
        let rest: Liquidated = event(&raid.act(&[all_units(), take], &[&raider]));
        assert!(
            rest.fraction_q32 < taken.fraction_q32 / 10,
            "{} {}",
            rest.fraction_q32,
            taken.fraction_q32
        );
    }
    assert!(!raid.is_flagged(&key));
    // It cost no more than the discount of 1% on its equity.
    let cost = before - raid.equity(&key);
    assert!(
        cost > 0 && (cost as f64) < before as f64 * 0.01,
        "{cost} of {before}"
    );
    // What rests of the owner's orders cannot sell more than is left.
    let left = raid.stage.state(&key).lots(&Venue::perpetual(SOL));
    assert!(left > 0 && left < 100);
}

#[test]
fn a_stranger_cannot_fill_the_takers_slots_or_the_victims() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let stranger = Stage::key(9);
    let source = raid.stage.mint(&stranger, ETH, 1);
    for owner in [&victim, &raid.raider.insecure_clone()] {
        let account = raid.stage.account(owner);
        let (venue, key) = (&raid.stage.venue, stranger.pubkey());
        let mint = &venue.mints[ETH];
        let gift = instructions::deposit(&venue.addresses, mint, &account, &key, &source, 1);
        raid.refused(&[gift], &[&stranger], BallastError::NotOwnerOrDelegate);
    }
}
