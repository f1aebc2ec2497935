//! What the keeper does and what it accepts: the part of its configuration that the decisions depend on.

use crate::job::Duty;
use anchor_lang::prelude::Pubkey;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeSet, HashSet};

/// What the keeper does and what it accepts. Money is in quote units (millionths of a USDC) and time in seconds; fractions are of 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The work it does.
    pub duties: BTreeSet<Duty>,
    /// When not empty, the only margin accounts it touches besides its own.
    #[serde(deserialize_with = "keys")]
    pub allow: HashSet<Pubkey>,
    /// Margin accounts it never touches.
    #[serde(deserialize_with = "keys")]
    pub deny: HashSet<Pubkey>,
    /// Jobs that it plans at once, at most.
    pub jobs_maximum: usize,
    /// Accounts that a transaction may name, at most: 32 bytes each of 1,232, unless a lookup table shortens them.
    pub accounts_maximum: usize,

    /// What a transaction costs, lamports: base fee and usual priority fee.
    pub fee_lamports: u64,
    /// The feed of SOL on the board, of 9 decimals, by which that is turned into quote units.
    pub sol_feed: Option<u8>,
    /// Dollars per SOL where there is no such feed.
    pub sol_price: f64,

    /// A feed is refreshed when the board's price is older than this, seconds, though never later than half the age at which it goes stale.
    pub price_interval_s: u64,
    /// Or when the price has moved by more than this fraction.
    pub price_threshold: f64,
    /// Price accounts in one transaction, at most.
    pub prices_maximum: usize,
    /// Interest of a lent asset is accrued so often, seconds.
    pub interest_interval_s: u64,

    /// A fill is sent when it gains more than this after the transaction's fee, quote units; negative to match as a service.
    pub fill_profit_minimum: i64,
    /// How many pairs of crossing orders of one market are looked through at once, at most.
    pub fill_attempts: usize,
    /// Orders that their accounts might not afford are checked so many at once, in turn.
    pub prune_checks: usize,

    /// Profit and loss of an open market moves into cash so often, seconds.
    pub settle_interval_s: u64,
    /// Nothing less is settled in an open market, quote units.
    pub settle_minimum: i64,
    /// Fees of a market are collected from this on, quote units.
    pub collect_minimum: u64,

    /// A slice must gain as much after all costs, quote units.
    pub profit_minimum: i64,
    /// The largest part of a portfolio that one slice takes.
    pub slice_maximum: f64,
    /// The smallest part of what is needed for which the keeper bothers.
    pub slice_minimum: f64,
    /// Part of its own initial margin that the keeper keeps free: nothing is taken over that would leave less.
    pub health_floor: f64,
    /// Position slots of its own account that are kept free for liquidations when fills are paid.
    pub slots_reserved: usize,
    /// Estimated cost of trading a perpetual or future away, before fees, a fraction of its value.
    pub unwind_cost: f64,
    /// Likewise of an option, a fraction of its value.
    pub unwind_cost_option: f64,
    /// Likewise of tokens, for which the exchange has no market.
    pub unwind_cost_token: f64,
    /// A flagged account is looked at again after this part of the largest gap that its auction counts.
    pub observation_part: f64,
    /// A solvent account with less maintenance margin and equity than this is not watched, quote units: that would cost more than it is worth.
    pub observation_minimum: i64,
    /// Counterparties of one insolvent account that are deleveraged at once, at most.
    pub deleverage_maximum: usize,

    /// How far from the mark the keeper trades its own positions away.
    pub unwind_slippage: f64,
    /// Whether it rests an order at the mark where nobody takes the other side.
    pub unwind_rests: bool,
    /// A resting order that is so far from the mark is replaced.
    pub unwind_requote: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            duties: Duty::ALL.into(),
            allow: HashSet::new(),
            deny: HashSet::new(),
            jobs_maximum: 64,
            accounts_maximum: 28,
            fee_lamports: 10_000,
            sol_feed: None,
            sol_price: 200.0,
            price_interval_s: 20,
            price_threshold: 0.001,
            prices_maximum: 16,
            interest_interval_s: 3_600,
            fill_profit_minimum: -10_000,
            fill_attempts: 64,
            prune_checks: 64,
            settle_interval_s: 3_600,
            settle_minimum: 10_000_000,
            collect_minimum: 100_000_000,
            profit_minimum: 50_000,
            slice_maximum: 1.0,
            slice_minimum: 0.01,
            health_floor: 0.25,
            slots_reserved: 8,
            unwind_cost: 0.001,
            unwind_cost_option: 0.03,
            unwind_cost_token: 0.002,
            observation_part: 0.75,
            observation_minimum: 100_000,
            deleverage_maximum: 8,
            unwind_slippage: 0.01,
            unwind_rests: true,
            unwind_requote: 0.002,
        }
    }
}

impl Policy {
    /// Whether a duty is on.
    pub fn does(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    /// Whether a margin account may be touched.
    pub fn permits(&self, account: &Pubkey) -> bool {
        (self.allow.is_empty() || self.allow.contains(account)) && !self.deny.contains(account)
    }
}

/// Addresses, written in base 58.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashSet<Pubkey>, D::Error> {
    let written = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: String| {
        text.parse()
            .map_err(|error| serde::de::Error::custom(format!("{text}: {error}")))
    };
    written.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_may_leave_out_what_is_usual() {
        let policy: Policy = toml::from_str("").unwrap();
        assert_eq!(policy.duties.len(), Duty::ALL.len());
        let key = Pubkey::new_from_array([3; 32]);
        let text = format!("duties = [\"prices\", \"liquidation\"]\ndeny = [\"{key}\"]");
        let policy: Policy = toml::from_str(&text).unwrap();
        assert!(policy.does(Duty::Prices) && !policy.does(Duty::Matching));
        assert!(!policy.permits(&key) && policy.permits(&Pubkey::default()));
        let allow: Policy = toml::from_str(&format!("allow = [\"{key}\"]")).unwrap();
        assert!(allow.permits(&key) && !allow.permits(&Pubkey::default()));
    }

    #[test]
    fn what_nobody_reads_is_refused() {
        assert!(toml::from_str::<Policy>("profit = 3").is_err());
        assert!(toml::from_str::<Policy>("deny = [\"nobody\"]").is_err());
        assert!(toml::from_str::<Policy>("duties = [\"gambling\"]").is_err());
    }
}
