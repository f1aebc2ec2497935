//! Accounts recorded on mainnet end up on the board to the last bit.

use crate::pyth::{
    Layout, ORACLE, PULL, PULL_ID, PUSH, RECEIVER, board_bits, bytes, code, entry, feed_args, list,
    outcome, put, refresh, refresh_instruction,
};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::PriceUpdated;
use ballast_client::events::decode_all;
use ballast_client::state::Validity;
use ballast_tests::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;

const SOL_ID: &str = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d";
const USDC_ID: &str = "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a";

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/pyth");
    std::fs::read(folder.join(name)).unwrap()
}

/// Address, owner and data of an account recorded as JSON.
fn recorded(name: &str) -> (Pubkey, Pubkey, Vec<u8>) {
    let json: serde_json::Value = serde_json::from_slice(&file(name)).unwrap();
    let key = |value: &serde_json::Value| value.as_str().unwrap().parse().unwrap();
    let data = json["account"]["data"][0].as_str().unwrap();
    (
        key(&json["pubkey"]),
        key(&json["account"]["owner"]),
        STANDARD.decode(data).unwrap(),
    )
}

fn id(hex: &str) -> [u8; 32] {
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

/// Refreshes from one account and compares the board with the account's bytes.
#[track_caller]
fn check(stage: &mut Stage, feed: u8, decimals: u8, key: &Pubkey, layout: &Layout, data: &[u8]) {
    let done = refresh(stage, &[*key]);
    let expected = layout.decode(data);
    let bits = |mantissa: u64| board_bits(mantissa, expected.exponent, decimals);
    let price = bits(expected.price.unsigned_abs());
    let entry = entry(stage, feed);
    assert_eq!(entry.price.get().to_bits(), price);
    assert_eq!(entry.slow.get().to_bits(), price);
    assert_eq!(entry.confidence.get().to_bits(), bits(expected.confidence));
    assert_eq!(entry.ema.get().to_bits(), bits(expected.ema.unsigned_abs()));
    assert_eq!(entry.publish_time, expected.publish_time);
    let dollars = expected.price as f64 * 10f64.powi(expected.exponent);
    let on_board = entry.price.get().to_num::<f64>() * 10f64.powi(i32::from(decimals) - 6);
    assert!(
        (on_board / dollars - 1.0).abs() < 1e-9,
        "{on_board} {dollars}"
    );

    let events = decode_all(&done.logs);
    assert_eq!(events.len(), 1);
    let updated = events[0].parse::<PriceUpdated>().unwrap();
    assert_eq!(updated.feed, feed);
    assert_eq!(updated.price_bits, price);
    assert_eq!(updated.confidence_bits, bits(expected.confidence));
    assert_eq!(updated.publish_time, expected.publish_time);

    // Fresh when it was published, stale later.
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let definition = exchange.feed(feed).unwrap();
    let at = |now| entry.validity(definition, now);
    assert_eq!(at(expected.publish_time + 60), Validity::Fresh);
    assert_eq!(at(expected.publish_time + 61), Validity::Stale);
}

#[test]
fn pull_accounts_of_mainnet() {
    let mut stage = Stage::new();
    let sol = list(&mut stage, 100, 9, feed_args(1, id(SOL_ID)));
    let usdc = list(&mut stage, 101, 6, feed_args(1, id(USDC_ID)));

    // An older update first: 156.79769099 USD on 16 July 2024.
    let data = file("pull_sol_usd_data.bin");
    assert_eq!(bytes::<32>(&data, PULL_ID), id(SOL_ID));
    let posted = Pubkey::new_unique();
    put(&mut stage, &posted, &RECEIVER, data.clone());
    let late = refresh_instruction(&stage, &[posted]);
    stage.refused(&[late], &[], BallastError::PriceTooOld);
    stage.world.set_time(PULL.decode(&data).publish_time + 60);
    check(&mut stage, sol, 9, &posted, &PULL, &data);
    let price = entry(&stage, sol).price.get();
    assert!((price.to_num::<f64>() - 0.156_797_690_99).abs() < 1e-14);

    // Then the sponsored account, at another address: any account of the feed will do.
    let (key, owner, data) = recorded("pull_sol_usd_account.json");
    assert_eq!((owner, data.len()), (RECEIVER, 134));
    let before = entry(&stage, sol);
    put(&mut stage, &key, &owner, data.clone());
    stage.world.set_time(PULL.decode(&data).publish_time);
    refresh(&mut stage, &[key]);
    let after = entry(&stage, sol);
    assert_eq!(
        after.price.get().to_bits(),
        board_bits(21_568_137_069, -8, 9)
    );
    assert_eq!(after.publish_time, 1_735_984_087);
    // The slow price is what stood until now; the older update cannot come back.
    assert_eq!(after.slow, before.price);
    let replay = refresh_instruction(&stage, &[posted]);
    stage.refused(&[replay], &[], BallastError::PriceTooOld);

    let data = file("pull_usdc_usd_data.bin");
    assert_eq!(bytes::<32>(&data, PULL_ID), id(USDC_ID));
    put(&mut stage, &posted, &RECEIVER, data.clone());
    stage.world.set_time(PULL.decode(&data).publish_time);
    check(&mut stage, usdc, 6, &posted, &PULL, &data);
    let price = entry(&stage, usdc).price.get();
    assert!((price.to_num::<f64>() - 1.000_049_97).abs() < 1e-12);
}

#[test]
fn the_legacy_account_of_mainnet() {
    let mut stage = Stage::new();
    let (key, _, mut data) = recorded("legacy_sol_usd_account.json");
    assert_eq!(data.len(), 3_312);
    let feed = list(&mut stage, 100, 9, feed_args(2, key.to_bytes()));
    put(&mut stage, &key, &ORACLE, data.clone());
    let instruction = refresh_instruction(&stage, &[key]);
    stage.world.set_time(PUSH.decode(&data).publish_time + 5);
    // It was recorded in a moment without a price that its publishers agreed on.
    stage.refused(&[instruction], &[], BallastError::NotTrading);

    data[PUSH.status] = 1;
    put(&mut stage, &key, &ORACLE, data.clone());
    check(&mut stage, feed, 9, &key, &PUSH, &data);
    let price = entry(&stage, feed).price.get();
    assert!((price.to_num::<f64>() - 0.119_233_78).abs() < 1e-14);

    // The same bytes under the receiver program, or under nobody's, are nothing.
    for (owner, error) in [
        (RECEIVER, BallastError::InvalidOracleAccount),
        (Pubkey::default(), BallastError::WrongOracleOwner),
        (ballast::ID, BallastError::WrongOracleOwner),
    ] {
        put(&mut stage, &key, &owner, data.clone());
        let instruction = refresh_instruction(&stage, &[key]);
        stage.refused(&[instruction], &[], error);
    }
    // And at another address they belong to no feed, though Pyth's program owns them.
    let elsewhere = Pubkey::new_unique();
    put(&mut stage, &elsewhere, &ORACLE, data.clone());
    let instruction = refresh_instruction(&stage, &[elsewhere]);
    stage.refused(&[instruction], &[], BallastError::UnknownFeed);

    // Taken already: no refusal, and nothing new.
    put(&mut stage, &key, &ORACLE, data);
    let done = refresh(&mut stage, &[elsewhere, key]);
    let refused = vec![(elsewhere, code(BallastError::UnknownFeed))];
    assert_eq!(outcome(&done), (refused, vec![]));
}
