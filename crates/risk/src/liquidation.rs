//! How much of an account a liquidation takes, and for what price.
//!
//! The whole portfolio is sold in slices by a Dutch auction on its mark-to-market equity `M`:
//! ```text
//! 0 … t1   M·(1 - d0) falling to M·(1 - d1)
//! t1 … t2  falling to 0
//! t2 … t3  the insurance fund pays the taker: 0 falling to -w·MM
//! ```
//! When `M <= 0` the price is `M` less a premium that grows from 0 at the start to `w·MM` at `t3`.

use crate::numbers::{Overflow, Q32_ONE, mul_q32_ceil, mul_q32_floor};

/// Shape of the auction. Times in seconds that the account was seen below maintenance margin, rising; fractions in Q32.
#[derive(Clone, Copy, Debug)]
pub struct Auction {
    /// Discount at the start.
    pub discount_start_q32: u64,
    /// Discount at `first_s`.
    pub discount_first_q32: u64,
    /// When the first stretch ends.
    pub first_s: u64,
    /// When the price reaches 0.
    pub zero_s: u64,
    /// When the insurance fund's premium is full.
    pub premium_full_s: u64,
    /// The insurance fund's largest premium as a fraction of maintenance margin.
    pub premium_q32: u64,
}

/// Price of the whole portfolio in quote units; negative when the taker is paid. Falls with time, never rises.
///
/// # Errors
/// [`Overflow`] when a product does not fit in `i64`.
pub fn auction_price(
    auction: &Auction,
    equity_mark: i64,
    maintenance_margin: i64,
    elapsed_s: u64,
) -> Result<i64, Overflow> {
    if elapsed_s <= auction.zero_s && equity_mark > 0 {
        let discount = if elapsed_s <= auction.first_s {
            interpolate(
                auction.discount_start_q32,
                auction.discount_first_q32,
                elapsed_s,
                auction.first_s,
            )
        } else {
            interpolate(
                auction.discount_first_q32,
                Q32_ONE,
                elapsed_s - auction.first_s,
                auction.zero_s - auction.first_s,
            )
        };
        return mul_q32_ceil(equity_mark, Q32_ONE.saturating_sub(discount));
    }
    let ramp_start_s = if equity_mark > 0 { auction.zero_s } else { 0 };
    let premium_q32 = interpolate(
        0,
        auction.premium_q32,
        elapsed_s.saturating_sub(ramp_start_s),
        auction.premium_full_s.saturating_sub(ramp_start_s),
    );
    let premium = mul_q32_floor(maintenance_margin.max(0), premium_q32)?;
    equity_mark.min(0).checked_sub(premium).ok_or(Overflow)
}

/// From `a` to `b` (not below `a`) in `span` seconds, `b` from then on.
fn interpolate(a: u64, b: u64, elapsed_s: u64, span_s: u64) -> u64 {
    if elapsed_s >= span_s {
        return b;
    }
    let rise = u128::from(b.saturating_sub(a)) * u128::from(elapsed_s) / u128::from(span_s);
    a.saturating_add(rise as u64)
}

/// The equity at which an account leaves liquidation: `MM + b·(IM - MM)`, rounded up.
///
/// # Errors
/// [`Overflow`] when it does not fit in `i64`.
pub fn buffer_margin(
    initial_margin: i64,
    maintenance_margin: i64,
    buffer_q32: u64,
) -> Result<i64, Overflow> {
    let gap = initial_margin
        .checked_sub(maintenance_margin)
        .ok_or(Overflow)?
        .max(0);
    maintenance_margin
        .checked_add(mul_q32_ceil(gap, buffer_q32)?)
        .ok_or(Overflow)
}

/// The largest fraction of the portfolio that may be taken, Q32: just enough to lift equity to the buffer,
/// `f* = (BM - E)/(BM - E + P)` for a positive price `P` of the whole, everything otherwise. 0 when equity is there already.
///
/// After a fraction `f` the account has `(1 - f)·E + f·P` against `(1 - f)·BM`. Rounded up by at most two steps of 2^-32.
pub fn fraction_to_buffer_q32(buffer: i64, equity_maintenance: i64, price: i64) -> u64 {
    let missing = i128::from(buffer) - i128::from(equity_maintenance);
    if missing <= 0 {
        return 0;
    }
    if price <= 0 {
        return Q32_ONE;
    }
    let whole = missing + i128::from(price);
    // Both below 2^65, so the shift by 32 is safe.
    (((missing << 32) / whole) as u64 + 2).min(Q32_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;

    const AUCTION: Auction = Auction {
        discount_start_q32: Q32_ONE / 50,
        discount_first_q32: Q32_ONE / 5,
        first_s: 900,
        zero_s: 7_200,
        premium_full_s: 10_800,
        premium_q32: Q32_ONE / 10,
    };

    #[test]
    fn the_auction_passes_its_corners() {
        let price = |elapsed| auction_price(&AUCTION, 1_000_000, 500_000, elapsed).unwrap();
        assert!((979_999..=980_001).contains(&price(0)), "{}", price(0));
        assert!((799_999..=800_001).contains(&price(900)));
        assert_eq!(price(7_200), 0);
        assert!((-25_000..=-24_998).contains(&price(9_000)));
        assert!((-50_000..=-49_999).contains(&price(1 << 40)));
        assert_eq!(auction_price(&AUCTION, -7, 500_000, 0), Ok(-7));
        let half_way = auction_price(&AUCTION, -7, 500_000, 5_400).unwrap();
        assert!((-25_007..=-25_005).contains(&half_way), "{half_way}");
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // E 800 against a buffer of 1,000, the whole sold for 1,000: (1000 - 800)/(1000 - 800 + 1000) = 1/6.
        let fraction = fraction_to_buffer_q32(1_000, 800, 1_000);
        assert_eq!(fraction, Q32_ONE / 6 + 2);
    }

    proptest! {
        #[test]
        fn the_price_never_rises(
            equity in -(1i64 << 50)..1 << 50, margin in 0i64..1 << 50, a in 0u64..20_000, later in 0u64..20_000,
        ) {
            let early = auction_price(&AUCTION, equity, margin, a).unwrap();
            let late = auction_price(&AUCTION, equity, margin, a + later).unwrap();
            prop_assert!(late <= early);
        }

        #[test]
        fn the_fraction_reaches_the_buffer_and_hardly_more(
            buffer in 1i64..1 << 45, equity in -(1i64 << 45)..1 << 45, price in 1i64..1 << 45,
        ) {
            let fraction = fraction_to_buffer_q32(buffer, equity, price);
            prop_assume!(fraction > 0 && fraction < Q32_ONE);
            let f = fraction as f64 / Q32_ONE as f64;
            let surplus = |f: f64| (1.0 - f) * (equity - buffer) as f64 + f * price as f64;
            let scale = (buffer.abs() + equity.abs() + price) as f64;
            prop_assert!(surplus(f) >= -1e-9 * scale);
            prop_assert!(surplus(f * 0.999) < 1e-9 * scale);
        }

        #[test]
        fn nothing_panics(equity: i64, margin: i64, elapsed: u64, buffer: i64, fraction: u64) {
            let _ = auction_price(&AUCTION, equity, margin, elapsed);
            let _ = buffer_margin(equity, margin, fraction);
            let _ = fraction_to_buffer_q32(buffer, equity, margin);
        }
    }
}
