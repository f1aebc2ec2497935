//! Pyth's two account layouts by offsets, independent of the SDKs that the program reads them with.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{PriceRefused, PriceUpdated};
use ballast_client::args::{FeedArgs, FeedChoice, FeedParameters};
use ballast_client::events::decode_all;
use ballast_client::instructions;
use ballast_client::state::{NONE, PriceEntry};
use ballast_client::units::{q32, ticker};
use ballast_sim::CodedError;
use ballast_tests::Stage;
use litesvm::types::TransactionMetadata;
use solana_account::Account;
use solana_signer::Signer;

/// The Pyth receiver program on mainnet.
pub const RECEIVER: Pubkey = anchor_lang::pubkey!("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
/// The Pyth oracle program on mainnet.
pub const ORACLE: Pubkey = anchor_lang::pubkey!("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");

/// Where the fields of a layout stand.
pub struct Layout {
    pub price: usize,
    pub confidence: usize,
    pub exponent: usize,
    pub publish_time: usize,
    pub ema: usize,
    /// The byte that says verified or trading.
    pub status: usize,
}

/// `PriceUpdateV2`, fully verified (a level with a number of signatures takes one byte more).
pub const PULL: Layout = Layout {
    price: 73,
    confidence: 81,
    exponent: 89,
    publish_time: 93,
    ema: 109,
    status: 40,
};
/// Feed id in `PriceUpdateV2`.
pub const PULL_ID: usize = 41;

/// The legacy price account.
pub const PUSH: Layout = Layout {
    price: 208,
    confidence: 216,
    exponent: 20,
    publish_time: 96,
    ema: 48,
    status: 224,
};

/// What a Pyth account says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub price: i64,
    pub confidence: u64,
    pub exponent: i32,
    pub publish_time: i64,
    pub ema: i64,
}

impl Layout {
    pub fn decode(&self, data: &[u8]) -> Decoded {
        Decoded {
            price: i64::from_le_bytes(bytes(data, self.price)),
            confidence: u64::from_le_bytes(bytes(data, self.confidence)),
            exponent: i32::from_le_bytes(bytes(data, self.exponent)),
            publish_time: i64::from_le_bytes(bytes(data, self.publish_time)),
            ema: i64::from_le_bytes(bytes(data, self.ema)),
        }
    }
}

pub fn bytes<const N: usize>(data: &[u8], offset: usize) -> [u8; N] {
    data[offset..offset + N].try_into().unwrap()
}

pub fn write(data: &mut [u8], offset: usize, value: &[u8]) {
    data[offset..offset + value.len()].copy_from_slice(value);
}

/// A mantissa of a Pyth account as bits of the board's fixed point: quote units (10^-6 USD) per 10^-decimals, rounded
/// down to 2^-48.
pub fn board_bits(mantissa: u64, exponent: i32, decimals: u8) -> i128 {
    let power = exponent + 6 - i32::from(decimals);
    let bits = i128::from(mantissa) << 48;
    if power < 0 {
        bits / 10i128.pow(power.unsigned_abs())
    } else {
        bits * 10i128.pow(power.unsigned_abs())
    }
}

/// Puts an account in the world as it is.
pub fn put(stage: &mut Stage, key: &Pubkey, owner: &Pubkey, data: Vec<u8>) {
    let account = Account {
        lamports: 1_000_000_000,
        data,
        owner: *owner,
        ..Account::default()
    };
    stage.world.svm.set_account(*key, account).unwrap();
}

/// Data of the Pyth account that the stage's `asset` is priced by.
pub fn data(stage: &Stage, asset: usize) -> Vec<u8> {
    let key = stage.venue.price_account(asset);
    stage.world.svm.get_account(&key).unwrap().data
}

/// Changes the bytes of the Pyth account that the stage's `asset` is priced by.
pub fn edit(stage: &mut Stage, asset: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let key = stage.venue.price_account(asset);
    let mut account = stage.world.svm.get_account(&key).unwrap();
    change(&mut account.data);
    stage.world.svm.set_account(key, account).unwrap();
}

pub fn refresh_instruction(stage: &Stage, keys: &[Pubkey]) -> Instruction {
    instructions::refresh_prices(&stage.venue.addresses, keys)
}

#[track_caller]
pub fn refresh(stage: &mut Stage, keys: &[Pubkey]) -> TransactionMetadata {
    let refresh = refresh_instruction(stage, keys);
    match stage.world.send(&[refresh], &[]) {
        Ok(done) => done,
        Err(refusal) => panic!("{refusal}"),
    }
}

/// Accounts that were refused, with their codes, and feeds that were updated.
pub fn outcome(done: &TransactionMetadata) -> (Vec<(Pubkey, u32)>, Vec<u8>) {
    let events = decode_all(&done.logs);
    let refused = events
        .iter()
        .filter_map(|event| event.parse::<PriceRefused>())
        .map(|event| (event.account, event.reason));
    let updated = events
        .iter()
        .filter_map(|event| event.parse::<PriceUpdated>())
        .map(|event| event.feed);
    (refused.collect(), updated.collect())
}

pub fn code(error: BallastError) -> u32 {
    error.code()
}

pub fn entry(stage: &Stage, feed: u8) -> PriceEntry {
    *stage
        .venue
        .board(&stage.world)
        .unwrap()
        .price(feed)
        .unwrap()
}

/// A feed definition; `kind` 1 is pull, 2 push.
pub fn feed_args(kind: u8, id: [u8; 32]) -> FeedArgs {
    FeedArgs {
        name: ticker("TEST/USD"),
        kind,
        id,
        parameters: FeedParameters {
            max_age_s: 60,
            max_confidence_q32: q32(0.02),
            max_divergence_q32: q32(0.02),
            slow_price_half_life_s: 3_600,
            compare_with: NONE,
        },
    }
}

/// Lists one more asset with a feed of its own and returns the feed's index.
pub fn list(stage: &mut Stage, number: u8, decimals: u8, feed: FeedArgs) -> u8 {
    let index = stage.venue.exchange(&stage.world).unwrap().feed_count;
    let mint = Stage::key(number);
    stage.world.create_mint(&mint, decimals).unwrap();
    let mut args = stage.venue.asset_args(1, FeedChoice::New(feed));
    args.underlying = NONE;
    let add = instructions::add_asset(
        &stage.venue.addresses,
        &stage.venue.admin.pubkey(),
        &stage.world.payer.pubkey(),
        &mint.pubkey(),
        args,
    );
    stage.world.send(&[add], &[&stage.venue.admin]).unwrap();
    index
}
