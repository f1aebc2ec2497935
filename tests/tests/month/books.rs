//! What an account must have earned, worked out from trades, published prices and funding rates alone.

use ballast_client::state::{FeeRates, MarketKind, MarketTerms};
use ballast_sim::AssetSpec;

/// Seconds for which a published price counts in a settlement average.
const FRESH_S: i64 = 120;
/// Length of the window before an expiry, seconds.
const WINDOW_S: i64 = 1_800;
/// Time in which a funding rate is paid once, seconds; it stands no longer.
const PERIOD_S: f64 = 28_800.0;

/// Everything that was published.
#[derive(Default)]
pub struct History {
    /// Prices in dollars with their time, in order.
    pub prices: Vec<(i64, [f64; 4])>,
    /// Funding rates: since when, per period, and quote units per lot at that time.
    pub rates: Vec<(i64, f64, f64)>,
}

/// A price in the oracle's units, 10^-8 dollars.
fn mantissa(dollars: f64) -> i128 {
    (dollars * 1e8).round() as i128
}

/// How many of the oracle's units for a token are one quote unit for a native unit.
fn mantissa_per_unit(spec: &AssetSpec) -> i128 {
    10i128.pow(u32::from(spec.decimals) + 2)
}

/// A price per native unit as the board has it: in 2^-48 quote units, rounded down.
pub fn price_bits(spec: &AssetSpec, dollars: f64) -> i128 {
    (mantissa(dollars) << 48) / mantissa_per_unit(spec)
}

/// The fee on a trade: of options a part of the underlying's value, at most a part of the premium.
pub fn fee(
    spec: &AssetSpec,
    rates: &FeeRates,
    (terms, lots, price): (&MarketTerms, i64, u64),
    dollars: f64,
    is_taker: bool,
) -> i64 {
    let part = |amount: i128, rate_q32: u64| {
        let product = amount * i128::from(rate_q32);
        (product + (1 << 32) - 1) >> 32
    };
    let rate_q32 = if is_taker {
        rates.taker_q32
    } else {
        rates.maker_q32
    };
    let size = i128::from(lots.abs());
    let paid = size * i128::from(price);
    let fee = if terms.is_option() {
        let exact = size * i128::from(spec.lot_size) * price_bits(spec, dollars);
        let notional = (exact + (1 << 48) - 1) >> 48;
        part(notional, rate_q32).min(part(paid, rates.premium_cap_q32))
    } else {
        part(paid, rate_q32)
    };
    i64::try_from(fee).unwrap()
}

/// What a long lot receives at expiry when its underlying settles at a price per lot.
pub fn payoff(terms: &MarketTerms, settled: i64) -> i64 {
    let strike = terms.strike as i64;
    match terms.kind().unwrap() {
        MarketKind::Future => settled,
        MarketKind::Call => (settled - strike).max(0),
        MarketKind::Put => (strike - settled).max(0),
        MarketKind::Perpetual => panic!("a perpetual does not expire"),
    }
}

impl History {
    /// The average over an expiry's window, quote units per lot, exact and then rounded to the nearest, and how many seconds it covers.
    pub fn settlement(&self, spec: &AssetSpec, asset: usize, expiry: i64) -> (i64, i64) {
        let (mut sum, mut seconds) = (0, 0);
        for (index, (time, prices)) in self.prices.iter().enumerate() {
            let next = self.prices.get(index + 1).map_or(i64::MAX, |next| next.0);
            let from = (*time).max(expiry - WINDOW_S);
            let until = next.min(expiry).min(time + FRESH_S);
            if until > from {
                sum +=
                    mantissa(prices[asset]) * i128::from(spec.lot_size) * i128::from(until - from);
                seconds += until - from;
            }
        }
        let divisor = mantissa_per_unit(spec) * i128::from(seconds);
        let (whole, rest) = (sum / divisor, sum % divisor);
        // The board's prices are rounded down, which must not matter.
        assert!((2 * rest - divisor).abs() > divisor / 1_000_000);
        ((whole + i128::from(2 * rest > divisor)) as i64, seconds)
    }

    /// Quote units that one long lot has paid in funding up to a time.
    fn index(&self, time: i64) -> f64 {
        let mut index = 0.0;
        for (number, (since, rate, mark)) in self.rates.iter().enumerate() {
            let next = self.rates.get(number + 1).map_or(time, |next| next.0);
            let seconds = (next.min(time) - since).max(0) as f64;
            index += rate * mark * seconds.min(PERIOD_S) / PERIOD_S;
        }
        index
    }

    /// What a perpetual position has received in funding: its lots after each change, with the time of it.
    fn funding(&self, changes: &[(i64, i64)], now: i64) -> f64 {
        let mut received = 0.0;
        for (number, (time, lots)) in changes.iter().enumerate() {
            let until = changes.get(number + 1).map_or(now, |next| next.0);
            received -= *lots as f64 * (self.index(until) - self.index(*time));
        }
        received
    }
}

/// One account's books.
#[derive(Default)]
pub struct Books {
    /// Native units paid in, by asset.
    pub paid_in: [i64; 4],
    /// Quote units received for what was sold and paid for what was bought.
    pub traded: i64,
    /// Fees paid.
    pub fees: i64,
    /// Quote units received at expiries.
    pub payoffs: i64,
    /// Lots held, by market.
    held: Vec<(MarketTerms, i64)>,
    /// Lots of the perpetual after each change, with the time of it.
    changes: Vec<(i64, i64)>,
}

impl Books {
    /// A trade: lots bought, negative when sold.
    pub fn trade(&mut self, terms: &MarketTerms, lots: i64, price: u64, fee: i64, now: i64) {
        self.traded -= lots * price as i64;
        self.fees += fee;
        let held = self.held_mut(terms);
        *held += lots;
        if terms.is_perpetual() {
            let after = *held;
            self.changes.push((now, after));
        }
    }

    fn held_mut(&mut self, terms: &MarketTerms) -> &mut i64 {
        let known = self.held.iter().position(|(other, _)| other == terms);
        let index = known.unwrap_or_else(|| {
            self.held.push((*terms, 0));
            self.held.len() - 1
        });
        &mut self.held[index].1
    }

    pub fn lots(&self, terms: &MarketTerms) -> i64 {
        let held = self.held.iter().find(|(other, _)| other == terms);
        held.map_or(0, |(_, lots)| *lots)
    }

    /// A market has settled at a price per lot.
    pub fn expire(&mut self, terms: &MarketTerms, settled: i64) {
        let lots = std::mem::take(self.held_mut(terms));
        self.payoffs += lots * payoff(terms, settled);
    }

    /// Funding received in the perpetual.
    pub fn funding(&self, history: &History, now: i64) -> f64 {
        history.funding(&self.changes, now)
    }

    /// How often the account has traded the perpetual.
    pub fn perpetual_trades(&self) -> usize {
        self.changes.len()
    }
}
