//! The legacy price account of the Pyth oracle program.

use super::OraclePrice;
use crate::error::BallastError;
use anchor_lang::prelude::*;
use ballast_state::FeedKind;
use pyth_sdk_solana::state::{PriceStatus, PriceType, SolanaPriceAccount, load_price_account};
use std::mem::offset_of;

/// Owner of the accounts.
pub const PROGRAM_ID: Pubkey = pubkey!("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");

/// Reads an account that [`PROGRAM_ID`] owns.
pub fn read(account: &AccountInfo) -> Result<OraclePrice> {
    let data = account.try_borrow_data()?;
    check_enums(&data)?;
    let feed =
        load_price_account::<32, ()>(&data).map_err(|_| BallastError::InvalidOracleAccount)?;
    require!(
        feed.agg.status == PriceStatus::Trading,
        BallastError::NotTrading
    );
    Ok(OraclePrice {
        source: FeedKind::PythPush,
        id: account.key.to_bytes(),
        price: feed.agg.price,
        confidence: feed.agg.conf,
        ema: feed.ema_price.val,
        exponent: feed.expo,
        publish_time: feed.timestamp,
    })
}

/// The SDK casts bytes to enums; a byte that no variant has would be undefined behaviour, so it is refused first.
fn check_enums(data: &[u8]) -> Result<()> {
    let byte = |offset: usize| data.get(offset).copied().unwrap_or(u8::MAX);
    let aggregate = offset_of!(SolanaPriceAccount, agg);
    let status = offset_of!(pyth_sdk_solana::state::PriceInfo, status);
    let corporate_action = offset_of!(pyth_sdk_solana::state::PriceInfo, corp_act);
    let valid = byte(offset_of!(SolanaPriceAccount, ptype)) <= PriceType::Price as u8
        && byte(aggregate + status) <= PriceStatus::Ignored as u8
        && byte(aggregate + corporate_action) == 0;
    require!(valid, BallastError::InvalidOracleAccount);
    Ok(())
}
