//! Rust SDK of Ballast: addresses, one builder per instruction, account views, error names and unit conversions.
//!
//! Nothing here talks to a cluster: builders return instructions, views take bytes.

pub mod args;
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

pub use ballast_state as state;
pub use mirror::{Changed, Mirror, Update};
pub use prepare::{feeds, prepare};

use anchor_lang::prelude::Pubkey;
use ballast_state::{Exchange, MarginAccount, MarketTerms, QUOTE_ASSET, Tagged, seeds};

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

    /// The banks and markets that [`instructions::liquidate`] needs: those in which what a liquidator holds is opposite to what the account holds.
    /// In a dated market that goes for what is left of a closed position too.
    pub fn netting(
        &self,
        exchange: &Exchange,
        account: &MarginAccount,
        liquidator: &MarginAccount,
    ) -> Vec<Pubkey> {
        let balances = account.balances.iter().filter(|slot| {
            let own = liquidator.balance(slot.asset);
            let nets = own.is_some_and(|own| (own.shares.get() > 0) != (slot.shares.get() > 0));
            !slot.is_free() && slot.asset != QUOTE_ASSET && nets
        });
        let banks = balances
            .filter_map(|slot| exchange.asset(slot.asset).ok())
            .map(|listed| self.bank(&listed.mint));
        let opposite = |a: i64, b: i64| a.signum() * b.signum() < 0;
        let positions = account.positions.iter().filter(|slot| {
            let own = liquidator.position(&slot.terms);
            !slot.is_free()
                && own.is_some_and(|own| {
                    opposite(own.base_lots, slot.base_lots)
                        || (!slot.terms.is_perpetual() && opposite(own.quote, slot.quote))
                })
        });
        let markets = positions.map(|slot| self.market(&slot.terms));
        banks.chain(markets).collect()
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
    use ballast_state::{Board, MarketKind};
    use fixed::types::I80F48;

    #[test]
    fn accounts_are_recognised_by_tag_and_length() {
        let mut data = vec![0u8; MarginAccount::ACCOUNT_LEN];
        data[..8].copy_from_slice(MarginAccount::TAG);
        assert!(read_account::<MarginAccount>(&data).is_some());
        assert!(read_account::<Board>(&data).is_none());
        assert!(read_account::<MarginAccount>(&data[..data.len() - 1]).is_none());
    }

    #[test]
    fn opposites_are_netted() {
        let mut exchange: Box<Exchange> = bytemuck::allocation::zeroed_box();
        exchange.asset_count = 3;
        for (asset, listed) in exchange.assets.iter_mut().enumerate() {
            listed.mint = Pubkey::new_from_array([asset as u8; 32]);
        }
        let addresses = ExchangeAddresses {
            exchange: Pubkey::new_from_array([7; 32]),
            board: Pubkey::new_from_array([8; 32]),
        };
        let dated = MarketTerms {
            kind: MarketKind::Future as u8,
            expiry: 1_000,
            ..MarketTerms::default()
        };
        let markets = [
            MarketTerms::perpetual(0),
            MarketTerms::perpetual(1),
            dated,
            MarketTerms {
                expiry: 2_000,
                ..dated
            },
        ];
        let account = |shares: [i32; 3], positions: [(i64, i64); 4]| {
            let mut account: Box<MarginAccount> = bytemuck::allocation::zeroed_box();
            for (asset, shares) in (0..).zip(shares) {
                let balance = account.balance_mut(asset).unwrap();
                balance.shares = I80F48::from_num(shares).into();
            }
            for (terms, (lots, quote)) in markets.iter().zip(positions) {
                let position = account.position_mut(terms).unwrap();
                position.change(lots, quote).unwrap();
            }
            account
        };
        let theirs = account([-5, 5, 5], [(1, -9), (1, -9), (1, -9), (0, -9)]);
        let own = account([5, -5, 5], [(-1, -9), (0, 9), (1, -9), (0, 9)]);
        let expected = vec![
            addresses.bank(&exchange.assets[1].mint),
            addresses.market(&markets[0]),
            addresses.market(&markets[3]),
        ];
        assert_eq!(addresses.netting(&exchange, &theirs, &own), expected);
        let nobody = account([0; 3], [(0, 0); 4]);
        assert!(addresses.netting(&exchange, &theirs, &nobody).is_empty());
        assert!(addresses.netting(&exchange, &nobody, &own).is_empty());
    }
}
