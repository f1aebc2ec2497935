//! Every reason not to take a price, with its code; what is refused changes nothing and holds nobody else up.

use crate::pyth::{
    ORACLE, PULL, PULL_ID, PUSH, RECEIVER, board_bits, code, data, edit, entry, feed_args, list,
    outcome, put, refresh, refresh_instruction, write,
};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast_client::instructions;
use ballast_tests::{BTC, ETH, SOL, Stage, with};

type Edit = fn(&mut Vec<u8>);

/// Refuses the account of `asset` after an edit of its bytes.
#[track_caller]
fn refuse(asset: usize, change: impl FnOnce(&mut Vec<u8>), error: BallastError) {
    let mut stage = Stage::new();
    edit(&mut stage, asset, change);
    let instruction = refresh_instruction(&stage, &[stage.venue.price_account(asset)]);
    stage.refused(&[instruction], &[], error);
}

#[test]
fn accounts_of_other_programs() {
    let mut stage = Stage::new();
    for (asset, other) in [(SOL, ORACLE), (BTC, RECEIVER)] {
        let key = stage.venue.price_account(asset);
        let bytes = data(&stage, asset);
        for (owner, error) in [
            (other, BallastError::InvalidOracleAccount),
            (Pubkey::default(), BallastError::WrongOracleOwner),
            (ballast::ID, BallastError::WrongOracleOwner),
            (Pubkey::new_unique(), BallastError::WrongOracleOwner),
        ] {
            put(&mut stage, &key, &owner, bytes.clone());
            let instruction = refresh_instruction(&stage, &[key]);
            stage.refused(&[instruction], &[], error);
        }
    }
    let nobody = refresh_instruction(&stage, &[Pubkey::new_unique()]);
    stage.refused(&[nobody], &[], BallastError::WrongOracleOwner);
}

#[test]
fn bytes_that_are_no_price_account() {
    let pull: [Edit; 6] = [
        |data| data.clear(),
        |data| data.truncate(7),
        |data| data.truncate(132),
        |data| data[0] ^= 1,
        // A verification level that does not exist.
        |data| data[PULL.status] = 2,
        |data| data[PULL.status] = 255,
    ];
    for change in pull {
        refuse(SOL, change, BallastError::InvalidOracleAccount);
    }
    let push: [Edit; 12] = [
        |data| data.clear(),
        |data| data.truncate(100),
        |data| data.truncate(3_311),
        // Magic, version, account type.
        |data| data[0] ^= 1,
        |data| data[4] = 1,
        |data| data[8] = 2,
        // Price type, status and corporate action that do not exist.
        |data| data[16] = 2,
        |data| data[16] = 255,
        |data| data[PUSH.status] = 5,
        |data| data[PUSH.status] = 255,
        |data| data[PUSH.status + 1] = 1,
        |data| data.fill(0),
    ];
    for change in push {
        refuse(BTC, change, BallastError::InvalidOracleAccount);
    }
}

#[test]
fn feeds_nobody_defined() {
    refuse(
        SOL,
        |data| data[PULL_ID + 31] ^= 1,
        BallastError::UnknownFeed,
    );
    // A legacy account of Pyth's own program at an address that was not pinned.
    let mut stage = Stage::new();
    let bytes = data(&stage, BTC);
    let elsewhere = Pubkey::new_unique();
    put(&mut stage, &elsewhere, &ORACLE, bytes);
    let instruction = refresh_instruction(&stage, &[elsewhere]);
    stage.refused(&[instruction], &[], BallastError::UnknownFeed);
    // An update whose feed id is the pinned address of a legacy account: the layouts are not interchangeable.
    let pinned = stage.venue.price_account(BTC).to_bytes();
    edit(&mut stage, SOL, |data| write(data, PULL_ID, &pinned));
    let instruction = refresh_instruction(&stage, &[stage.venue.price_account(SOL)]);
    stage.refused(&[instruction], &[], BallastError::UnknownFeed);
    // Feeds of another exchange.
    let other = stage.other_venue();
    for asset in [SOL, BTC] {
        let instruction = refresh_instruction(&stage, &[other.price_account(asset)]);
        stage.refused(&[instruction], &[], BallastError::UnknownFeed);
    }
}

#[test]
fn prices_that_are_not_verified_or_not_traded() {
    refuse(
        SOL,
        |data| {
            data.insert(PULL.status, 0);
            data[PULL.status + 1] = 5;
            data.truncate(134);
        },
        BallastError::NotFullyVerified,
    );
    // Unknown, halted, auction, ignored.
    for status in [0, 2, 3, 4] {
        refuse(
            BTC,
            |data| data[PUSH.status] = status,
            BallastError::NotTrading,
        );
    }
}

#[test]
fn prices_out_of_range() {
    for (asset, layout) in [(SOL, PULL), (BTC, PUSH)] {
        let set = |price: i64, exponent: i32| {
            let (at, power) = (layout.price, layout.exponent);
            move |data: &mut Vec<u8>| {
                write(data, at, &price.to_le_bytes());
                write(data, power, &exponent.to_le_bytes());
            }
        };
        for price in [0, -1, i64::MIN] {
            refuse(asset, set(price, -8), BallastError::PriceNotPositive);
        }
        for (price, exponent) in [
            (1, -20),
            (1, -60),
            (1, i32::MIN),
            (1, 30),
            (i64::MAX, 0),
            (i64::MAX, i32::MAX),
        ] {
            refuse(asset, set(price, exponent), BallastError::PriceOutOfRange);
        }
    }
}

#[test]
fn prices_out_of_time() {
    for (asset, layout) in [(SOL, PULL), (BTC, PUSH)] {
        let mut stage = Stage::new();
        let key = stage.venue.price_account(asset);
        let published = entry(&stage, asset as u8).publish_time;
        let at = |stage: &mut Stage, time: i64| {
            edit(stage, asset, |data| {
                write(data, layout.publish_time, &time.to_le_bytes());
            });
            refresh_instruction(stage, &[key])
        };
        for time in [published - 1, published - 120] {
            let older = at(&mut stage, time);
            stage.refused(&[older], &[], BallastError::PriceReplayed);
        }
        for time in [published - 121, 0, -1, i64::MIN] {
            let older = at(&mut stage, time);
            stage.refused(&[older], &[], BallastError::PriceTooOld);
        }
        for time in [published + 11, i64::MAX] {
            let future = at(&mut stage, time);
            stage.refused(&[future], &[], BallastError::PriceFromFuture);
        }
        // The same second again is no refusal, but what stands stays: nobody chooses among several updates of one second.
        let before = entry(&stage, asset as u8);
        edit(&mut stage, asset, |data| {
            write(data, layout.price, &50_000_000_000i64.to_le_bytes());
        });
        let same = at(&mut stage, published);
        stage.world.send(&[same], &[]).unwrap();
        let after = entry(&stage, asset as u8);
        assert_eq!(bytemuck::bytes_of(&after), bytemuck::bytes_of(&before));
        // The cluster's clock may lag by ten seconds.
        let ahead = at(&mut stage, published + 10);
        stage.world.send(&[ahead], &[]).unwrap();
        let taken = entry(&stage, asset as u8);
        assert_eq!(taken.publish_time, published + 10);
        let decimals = stage.venue.config.assets[asset].decimals;
        assert_eq!(
            taken.price.get().to_bits(),
            board_bits(50_000_000_000, -8, decimals)
        );
    }
}

#[test]
fn nothing_passed_and_another_exchanges_board() {
    let mut stage = Stage::new();
    let none = refresh_instruction(&stage, &[]);
    stage.refused(&[none], &[], BallastError::NoPriceAccounts);
    let other = stage.other_venue();
    let (ours, theirs) = (stage.venue.addresses, other.addresses);
    let refresh = refresh_instruction(&stage, &[stage.venue.price_account(SOL)]);
    let wrong = with(refresh.clone(), &ours.board, &theirs.board);
    stage.refused(&[wrong], &[], BallastError::WrongBoard);
    let wrong = with(refresh, &ours.exchange, &theirs.exchange);
    stage.refused(&[wrong], &[], BallastError::WrongBoard);
}

#[test]
fn a_bad_account_does_not_hold_up_the_good_ones() {
    let mut stage = Stage::new();
    stage.world.advance(30);
    let keys: Vec<Pubkey> = (0..4).map(|i| stage.venue.price_account(i)).collect();
    for (asset, dollars) in [(0, 1.0), (SOL, 210.0), (ETH, 4_100.0), (BTC, 101_000.0)] {
        let price = stage.venue.stub_price(&stage.world, asset, dollars);
        let write = stage.venue.write_price(&stage.world, asset, &price);
        stage.world.send(&[write], &[]).unwrap();
    }
    edit(&mut stage, SOL, |data| {
        write(data, PULL.price, &0i64.to_le_bytes());
    });
    edit(&mut stage, BTC, |data| data[PUSH.status] = 2);
    let stranger = stage.venue.addresses.exchange;
    let before = [entry(&stage, SOL as u8), entry(&stage, BTC as u8)];
    let done = refresh(
        &mut stage,
        &[keys[SOL], stranger, keys[ETH], keys[BTC], keys[0]],
    );
    let (refused, updated) = outcome(&done);
    let expected = [
        (keys[SOL], code(BallastError::PriceNotPositive)),
        (stranger, code(BallastError::WrongOracleOwner)),
        (keys[BTC], code(BallastError::NotTrading)),
    ];
    assert_eq!(refused, expected);
    assert_eq!(updated, [ETH as u8, 0]);
    let after = [entry(&stage, SOL as u8), entry(&stage, BTC as u8)];
    assert_eq!(bytemuck::bytes_of(&before), bytemuck::bytes_of(&after));
    let eth = entry(&stage, ETH as u8).price.get().to_num::<f64>();
    assert!((eth - 41.0).abs() < 1e-9, "{eth}");

    // When every account is refused, so is the instruction, for the first account's reason.
    let instruction = refresh_instruction(&stage, &[keys[BTC], keys[SOL], stranger]);
    stage.refused(&[instruction], &[], BallastError::NotTrading);
}

#[test]
fn one_account_feeds_every_definition_that_names_it() {
    let mut stage = Stage::new();
    let id = stage.venue.feed_id(SOL);
    // The same token price for units of 9 and of 6 decimals.
    let six = list(&mut stage, 100, 6, feed_args(1, id));
    stage.world.advance(10);
    stage.set_price(SOL, 210.0);
    let per_nano = entry(&stage, SOL as u8).price.get().to_bits();
    let per_micro = entry(&stage, six).price.get().to_bits();
    assert_eq!(per_nano, board_bits(21_000_000_000, -8, 9));
    assert_eq!(per_micro, board_bits(21_000_000_000, -8, 6));
}

#[test]
fn a_definition_that_cannot_take_a_price_does_not_hold_up_another() {
    let mut stage = Stage::new();
    // A price of 10^-9 USD: too little for a unit of 18 decimals, enough for one of 0.
    let id = [0xcd; 32];
    let tiny = list(&mut stage, 100, 18, feed_args(1, id));
    let whole = list(&mut stage, 101, 0, feed_args(1, id));
    let mut bytes = data(&stage, SOL);
    write(&mut bytes, PULL_ID, &id);
    write(&mut bytes, PULL.price, &1i64.to_le_bytes());
    write(&mut bytes, PULL.exponent, &(-9i32).to_le_bytes());
    let key = Pubkey::new_unique();
    for others in [&[][..], &[stage.venue.price_account(ETH)]] {
        let keys = [&[key], others].concat();
        let later = PULL.decode(&bytes).publish_time + 1;
        write(&mut bytes, PULL.publish_time, &later.to_le_bytes());
        put(&mut stage, &key, &RECEIVER, bytes.clone());
        let done = refresh(&mut stage, &keys);
        let (refused, updated) = outcome(&done);
        assert_eq!(refused, [(key, code(BallastError::PriceOutOfRange))]);
        assert!(updated.contains(&whole) && !updated.contains(&tiny));
        assert!(entry(&stage, tiny).price.is_zero());
        assert_eq!(
            entry(&stage, whole).price.get().to_bits(),
            board_bits(1, -9, 0)
        );
    }
    // Alone, the definition that cannot take it is a refusal.
    let mut stage = Stage::new();
    list(&mut stage, 100, 18, feed_args(1, id));
    let mut bytes = data(&stage, SOL);
    write(&mut bytes, PULL_ID, &id);
    write(&mut bytes, PULL.price, &1i64.to_le_bytes());
    put(&mut stage, &key, &RECEIVER, bytes);
    let refresh = instructions::refresh_prices(&stage.venue.addresses, &[key]);
    stage.refused(&[refresh], &[], BallastError::PriceOutOfRange);
}
