//! What a venue is made of.

use anchor_lang::prelude::Pubkey;

/// Which Pyth layout a price arrives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// `PriceUpdateV2` of the receiver program.
    Pull,
    /// The legacy price account.
    Push,
}

impl PriceSource {
    /// The program that owns the accounts.
    pub fn program(self) -> Pubkey {
        match self {
            Self::Pull => oracle_stub::RECEIVER_ID,
            Self::Push => oracle_stub::ORACLE_ID,
        }
    }
}

/// A token of a venue; every one but the first has a perpetual.
#[derive(Clone, Debug)]
pub struct AssetSpec {
    /// Ticker.
    pub name: &'static str,
    /// Decimals of the token and of the underlying's base unit.
    pub decimals: u8,
    /// Layout of its feed.
    pub source: PriceSource,
    /// Price at the start, US dollars.
    pub price: f64,
    /// Native units in a lot.
    pub lot_size: u64,
    /// Tick, quote units per lot.
    pub tick_size: u64,
    /// Strikes of its options are multiples of this, US dollars.
    pub strike_step: f64,
    /// Annualised volatility to start from.
    pub volatility: f64,
    /// Smallest and largest scan range.
    pub range: (f64, f64),
    /// Depth for the size contingency, US dollars.
    pub depth: f64,
    /// Haircuts on deposits: maintenance, initial.
    pub haircuts: (f64, f64),
}

/// What a venue is made of.
#[derive(Clone, Debug)]
pub struct VenueConfig {
    /// Tokens; the first is the quote asset.
    pub assets: Vec<AssetSpec>,
    /// Correlation estimates of every pair of underlyings.
    pub correlation: (f64, f64),
    /// Whether loans bear interest.
    pub interest: bool,
    /// λ of the size contingency; 0 switches it off.
    pub size_lambda: f64,
    /// Confidence interval over price that [`Venue::set_prices`] writes.
    pub confidence: f64,
    /// Oldest fresh price, seconds.
    pub price_max_age_s: u64,
}

impl Default for VenueConfig {
    /// USDC, SOL, ETH and BTC at the prices before the fall of 10 October 2025.
    fn default() -> Self {
        let asset = |name, decimals, source, price, lot_size, tick_size| AssetSpec {
            name,
            decimals,
            source,
            price,
            lot_size,
            tick_size,
            strike_step: 5.0,
            volatility: 0.6,
            range: (0.08, 0.35),
            depth: 100_000_000.0,
            haircuts: (0.02, 0.05),
        };
        Self {
            assets: vec![
                AssetSpec {
                    haircuts: (0.0, 0.0),
                    ..asset("USDC", 6, PriceSource::Pull, 1.0, 1, 1)
                },
                AssetSpec {
                    volatility: 0.8,
                    ..asset("SOL", 9, PriceSource::Pull, 221.0, 10_000_000, 100)
                },
                AssetSpec {
                    volatility: 0.65,
                    strike_step: 50.0,
                    depth: 300_000_000.0,
                    ..asset("ETH", 8, PriceSource::Pull, 4_363.0, 100_000, 10)
                },
                AssetSpec {
                    volatility: 0.45,
                    strike_step: 1_000.0,
                    range: (0.06, 0.30),
                    depth: 600_000_000.0,
                    ..asset("BTC", 8, PriceSource::Push, 122_500.0, 10_000, 10)
                },
            ],
            correlation: (0.5, 0.95),
            interest: true,
            size_lambda: 0.05,
            confidence: 0.0005,
            price_max_age_s: 120,
        }
    }
}
