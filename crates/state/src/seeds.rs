//! Seeds of every program-derived address, in one place.
//!
//! | account | seeds |
//! | --- | --- |
//! | margin account | `"margin"`, exchange, owner, sub-account (u16, little-endian) |
//! | bank | `"bank"`, exchange, mint |
//! | vault | `"vault"`, bank |
//! | market | `"market"`, exchange, terms (24 bytes as stored) |
//! | owner of the insurance fund | `"insurance"`, exchange: an address nobody has a key for |

use crate::{ID, MarketTerms};
use solana_pubkey::Pubkey;

/// Prefix of margin accounts.
pub const MARGIN: &[u8] = b"margin";
/// Prefix of banks.
pub const BANK: &[u8] = b"bank";
/// Prefix of token vaults.
pub const VAULT: &[u8] = b"vault";
/// Prefix of markets.
pub const MARKET: &[u8] = b"market";
/// Prefix of the insurance fund's owner.
pub const INSURANCE: &[u8] = b"insurance";

fn find(seeds: &[&[u8]]) -> Pubkey {
    Pubkey::find_program_address(seeds, &ID).0
}

/// Address of an owner's margin account.
pub fn margin_account(exchange: &Pubkey, owner: &Pubkey, sub_account: u16) -> Pubkey {
    find(&[
        MARGIN,
        exchange.as_ref(),
        owner.as_ref(),
        &sub_account.to_le_bytes(),
    ])
}

/// Address of the bank of a mint.
pub fn bank(exchange: &Pubkey, mint: &Pubkey) -> Pubkey {
    find(&[BANK, exchange.as_ref(), mint.as_ref()])
}

/// Address of a bank's token vault.
pub fn vault(bank: &Pubkey) -> Pubkey {
    find(&[VAULT, bank.as_ref()])
}

/// Address of the market with these terms.
pub fn market(exchange: &Pubkey, terms: &MarketTerms) -> Pubkey {
    find(&[MARKET, exchange.as_ref(), bytemuck::bytes_of(terms)])
}

/// Owner of the exchange's insurance fund, which is its sub-account 0.
pub fn insurance_owner(exchange: &Pubkey) -> Pubkey {
    find(&[INSURANCE, exchange.as_ref()])
}

/// Address of the exchange's insurance fund, an ordinary margin account.
pub fn insurance_fund(exchange: &Pubkey) -> Pubkey {
    margin_account(exchange, &insurance_owner(exchange), 0)
}
