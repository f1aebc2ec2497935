//! Rust SDK of Ballast: addresses, one builder per instruction, account views, error names and unit conversions.
//!
//! Nothing here talks to a cluster: builders return instructions, views take bytes.

pub mod config;
pub mod errors;
pub mod events;
pub mod instructions;
mod mirror;
pub mod oracle;
mod prepare;
#[cfg(feature = "rpc")]
pub mod rpc;
pub mod units;

pub use ballast::instructions as args;
pub use ballast_state as state;
pub use mirror::{Changed, Mirror, Update};
pub use prepare::{feeds, prepare};

use anchor_lang::prelude::Pubkey;
use ballast_state::{MarketTerms, Tagged, seeds};

/// The two accounts that name an exchange, from which every other address derives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeAddresses {
    /// The configuration account.
    pub exchange: Pubkey,
    /// The price board.
    pub board: Pubkey,
}

impl ExchangeAddresses {
    /// The bank of a mint.
    pub fn bank(&self, mint: &Pubkey) -> Pubkey {
        seeds::bank(&self.exchange, mint)
    }

    /// The token vault of a mint.
    pub fn vault(&self, mint: &Pubkey) -> Pubkey {
        seeds::vault(&self.bank(mint))
    }

    /// The market with these terms.
    pub fn market(&self, terms: &MarketTerms) -> Pubkey {
        seeds::market(&self.exchange, terms)
    }

    /// A margin account.
    pub fn margin_account(&self, owner: &Pubkey, sub_account: u16) -> Pubkey {
        seeds::margin_account(&self.exchange, owner, sub_account)
    }

    /// The insurance fund, a margin account.
    pub fn insurance_fund(&self) -> Pubkey {
        seeds::insurance_fund(&self.exchange)
    }
}

/// Copies an account's struct out of its data, whatever the alignment. `None` when tag or length are of another type.
pub fn read_account<T: Tagged>(data: &[u8]) -> Option<Box<T>> {
    let body = data.strip_prefix(T::TAG)?;
    if body.len() != size_of::<T>() {
        return None;
    }
    let mut account: Box<T> = bytemuck::allocation::zeroed_box();
    bytemuck::bytes_of_mut(&mut *account).copy_from_slice(body);
    Some(account)
}

/// The examples of the page for integrators compile.
#[cfg(all(doctest, feature = "rpc"))]
#[doc = include_str!("../../../docs/integrators.md")]
mod integrators {}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_state::{Board, MarginAccount};

    #[test]
    fn accounts_are_recognised_by_tag_and_length() {
        let mut data = vec![0u8; MarginAccount::ACCOUNT_LEN];
        data[..8].copy_from_slice(MarginAccount::TAG);
        assert!(read_account::<MarginAccount>(&data).is_some());
        assert!(read_account::<Board>(&data).is_none());
        assert!(read_account::<MarginAccount>(&data[..data.len() - 1]).is_none());
    }
}
