//! Limits of a listing that are tighter than the reference parameters.

use super::Venue;
use crate::world::{Refusal, World};
use ballast_client::args::FeedChoice;
use ballast_client::instructions;
use ballast_client::units::{native, q32};
use solana_signer::Signer;

/// Limits of one token and its perpetual. Amounts in whole tokens or US dollars.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All deposits together, tokens.
    pub deposit_cap: f64,
    /// All loans together, tokens.
    pub borrow_cap: f64,
    /// Deposits worth more than this count as this much in all, US dollars.
    pub haircut_size_start: f64,
    /// Open interest of the perpetual, tokens.
    pub open_interest_cap: f64,
    /// Unsettled profit of an account that counts for initial margin, US dollars.
    pub unsettled_profit_cap: f64,
    /// Least and largest scan range.
    pub range: (f64, f64),
}

impl Venue {
    /// Tightens the limits of the `index`th token by transactions of the risk authority.
    ///
    /// # Errors
    /// The refusal.
    pub fn set_limits(
        &self,
        world: &mut World,
        index: usize,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let authority = self.admin.pubkey();
        let decimals = self.config.assets[index].decimals;
        let mut asset = self
            .asset_args(index, FeedChoice::Existing(index as u8))
            .parameters;
        asset.deposit_cap = native(limits.deposit_cap, decimals);
        asset.borrow_cap = native(limits.borrow_cap, decimals);
        asset.haircut_size_start = native(limits.haircut_size_start, 6);
        let mut underlying = self.underlying_args(index).parameters;
        underlying.unsettled_profit_cap = native(limits.unsettled_profit_cap, 6);
        underlying.range_minimum_q32 = q32(limits.range.0);
        underlying.range_maximum_q32 = q32(limits.range.1);
        let mut market = self.market_args(index).parameters;
        market.open_interest_cap_lots = self.lots(index, limits.open_interest_cap);
        let addresses = &self.addresses;
        let updates = [
            instructions::update_asset(addresses, &authority, &self.mints[index], asset),
            instructions::update_underlying(addresses, &authority, index as u8 - 1, underlying),
            instructions::update_market(addresses, &authority, &Self::perpetual(index), market),
        ];
        world.send(&updates, &[&self.admin]).map(|_| ())
    }

    /// Brings the interest of all tokens up to now.
    ///
    /// # Errors
    /// The refusal.
    pub fn accrue(&self, world: &mut World) -> Result<(), Refusal> {
        let accrue = |mint| instructions::accrue_interest(&self.addresses, mint);
        let cranks: Vec<_> = self.mints.iter().map(accrue).collect();
        world.send(&cranks, &[]).map(|_| ())
    }
}
