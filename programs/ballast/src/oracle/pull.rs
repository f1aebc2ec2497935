//! `PriceUpdateV2` of the Pyth receiver program: sponsored push feeds and updates that a caller posted alike.

use super::OraclePrice;
use crate::error::BallastError;
use anchor_lang::prelude::*;
use ballast_risk::planted::{Bug, planted};
use ballast_state::FeedKind;
use pyth_solana_receiver_sdk::price_update::{PriceUpdateV2, VerificationLevel};

/// Owner of the accounts.
pub const PROGRAM_ID: Pubkey = pyth_solana_receiver_sdk::ID;

/// Reads an account that [`PROGRAM_ID`] owns.
pub fn read(account: &AccountInfo) -> Result<OraclePrice> {
    let data = account.try_borrow_data()?;
    let update = PriceUpdateV2::try_deserialize(&mut &data[..])
        .map_err(|_| BallastError::InvalidOracleAccount)?;
    require!(
        update.verification_level == VerificationLevel::Full || planted(Bug::UnverifiedPrice),
        BallastError::NotFullyVerified
    );
    let message = update.price_message;
    Ok(OraclePrice {
        source: FeedKind::PythPull,
        id: message.feed_id,
        price: message.price,
        confidence: message.conf,
        ema: message.ema_price,
        exponent: message.exponent,
        publish_time: message.publish_time,
    })
}
