//! The stand-in for Pyth on local clusters writes what Pyth writes.

use crate::pyth::{Decoded, ORACLE, PULL, PULL_ID, PUSH, RECEIVER, bytes, data};
use ballast_tests::{BTC, SOL, START, Stage};
use oracle_stub::StubPrice;
use std::path::PathBuf;

fn recorded_update() -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/pyth");
    std::fs::read(folder.join("pull_sol_usd_data.bin")).unwrap()
}

fn price(stage: &Stage, asset: usize, decoded: &Decoded) -> StubPrice {
    StubPrice {
        id: stage.venue.feed_id(asset),
        price: decoded.price,
        confidence: decoded.confidence,
        ema: decoded.ema,
        exponent: decoded.exponent,
        publish_time: decoded.publish_time,
        good: true,
    }
}

#[test]
fn updates_equal_recorded_ones_byte_for_byte() {
    let mut stage = Stage::new();
    let recorded = recorded_update();
    let written = price(&stage, SOL, &PULL.decode(&recorded));
    let write = stage.venue.write_price(&stage.world, SOL, &written);
    stage.world.send(&[write], &[]).unwrap();
    let account = stage
        .world
        .svm
        .get_account(&stage.venue.price_account(SOL))
        .unwrap();
    assert_eq!(account.owner, RECEIVER);
    let ours = account.data;
    assert_eq!(ours.len(), recorded.len());
    // All but who may close it, the feed's id, the average's confidence and the slot.
    for same in [0..8, 40..PULL_ID, 73..117, 133..134] {
        assert_eq!(ours[same.clone()], recorded[same.clone()], "{same:?}");
    }
    assert_eq!(bytes::<32>(&ours, PULL_ID), stage.venue.feed_id(SOL));

    let bad = StubPrice {
        good: false,
        ..written
    };
    let write = stage.venue.write_price(&stage.world, SOL, &bad);
    stage.world.send(&[write], &[]).unwrap();
    // Partial, five signatures; everything behind moves by a byte.
    assert_eq!(data(&stage, SOL)[40..42], [0, 5]);
    assert_eq!(data(&stage, SOL)[42..134], ours[41..133]);
}

#[test]
fn legacy_accounts_have_the_fields_where_pyth_has_them() {
    let mut stage = Stage::new();
    let decoded = Decoded {
        price: 11_923_378_000,
        confidence: 16_676_631,
        exponent: -8,
        publish_time: START - 7,
        ema: 12_068_220_500,
    };
    let written = price(&stage, BTC, &decoded);
    let write = stage.venue.write_price(&stage.world, BTC, &written);
    stage.world.send(&[write], &[]).unwrap();
    let account = stage
        .world
        .svm
        .get_account(&stage.venue.price_account(BTC))
        .unwrap();
    assert_eq!(account.owner, ORACLE);
    let ours = account.data;
    assert_eq!(ours.len(), 3_312);
    assert_eq!(PUSH.decode(&ours), decoded);
    // Magic, version 2, type price, size; price type 1; trading without corporate action.
    assert_eq!(bytes::<4>(&ours, 0), 0xa1b2_c3d4u32.to_le_bytes());
    assert_eq!(bytes::<4>(&ours, 4), 2u32.to_le_bytes());
    assert_eq!(bytes::<4>(&ours, 8), 3u32.to_le_bytes());
    assert_eq!(bytes::<4>(&ours, 12), 3_312u32.to_le_bytes());
    assert_eq!(ours[16], 1);
    assert_eq!(ours[224..226], [1, 0]);

    let bad = StubPrice {
        good: false,
        ..written
    };
    let write = stage.venue.write_price(&stage.world, BTC, &bad);
    stage.world.send(&[write], &[]).unwrap();
    assert_eq!(data(&stage, BTC)[PUSH.status], 2);
}
