//! Pyth's two account layouts, read into one type.
//!
//! Everything that makes an account untrustworthy is refused here; how long a price may be used is decided at its use
//! ([`ballast_state::PriceEntry::validity`]).

pub mod pull;
pub mod push;

use crate::error::BallastError;
use anchor_lang::prelude::*;
use ballast_state::{Feed, FeedKind, QUOTE_DECIMALS};
use fixed::types::I80F48;

/// How far a price's publish time may lie ahead of the cluster clock, which is a stake-weighted median and may lag real
/// time by some seconds.
pub const CLOCK_LAG_MAX_S: i64 = 10;

/// Smallest price the board can hold, as bits of an I80F48: 16 significant bits, a precision of 1.5e-5.
const PRICE_BITS_MIN: i128 = 1 << 16;
/// Largest price: 2^40 quote units per native unit.
const PRICE_BITS_MAX: i128 = 1 << 88;

/// A price as a Pyth account gives it: `price × 10^exponent` US dollars per whole unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OraclePrice {
    /// Where it comes from.
    pub source: FeedKind,
    /// Feed id, or address of the account.
    pub id: [u8; 32],
    /// Mantissa of the price.
    pub price: i64,
    /// Mantissa of the confidence interval.
    pub confidence: u64,
    /// Mantissa of the oracle's own average.
    pub ema: i64,
    /// Power of ten of all three.
    pub exponent: i32,
    /// Unix seconds.
    pub publish_time: i64,
}

/// Reads a Pyth account of either layout.
///
/// # Errors
/// [`BallastError::WrongOracleOwner`], [`BallastError::InvalidOracleAccount`], [`BallastError::NotFullyVerified`],
/// [`BallastError::NotTrading`].
pub fn read(account: &AccountInfo) -> Result<OraclePrice> {
    if account.owner == &pull::PROGRAM_ID {
        pull::read(account)
    } else if account.owner == &push::PROGRAM_ID {
        push::read(account)
    } else {
        err!(BallastError::WrongOracleOwner)
    }
}

/// A price in the board's unit: quote units per native unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardPrice {
    /// The price, positive.
    pub price: I80F48,
    /// Its confidence interval.
    pub confidence: I80F48,
    /// The oracle's average; the price itself where that cannot be represented.
    pub ema: I80F48,
}

impl OraclePrice {
    /// Whether this price belongs to a feed.
    pub fn is_of(&self, feed: &Feed) -> bool {
        feed.kind() == Some(self.source) && feed.id == self.id
    }

    /// The price in the unit of a feed, after the checks that need no board.
    ///
    /// # Errors
    /// [`BallastError::PriceNotPositive`], [`BallastError::PriceOutOfRange`], [`BallastError::PriceFromFuture`],
    /// [`BallastError::PriceTooOld`].
    pub fn for_feed(&self, feed: &Feed, now: i64) -> Result<BoardPrice> {
        require!(self.price > 0, BallastError::PriceNotPositive);
        require!(
            self.publish_time <= now.saturating_add(CLOCK_LAG_MAX_S),
            BallastError::PriceFromFuture
        );
        let age_max_s = i64::try_from(feed.max_age_s).unwrap_or(i64::MAX);
        require!(
            now.saturating_sub(self.publish_time) <= age_max_s,
            BallastError::PriceTooOld
        );
        let power = self
            .exponent
            .saturating_add(i32::from(QUOTE_DECIMALS))
            .saturating_sub(i32::from(feed.unit_decimals));
        let price = scale(self.price.unsigned_abs(), power)
            .filter(|price| (PRICE_BITS_MIN..=PRICE_BITS_MAX).contains(&price.to_bits()))
            .ok_or(BallastError::PriceOutOfRange)?;
        // A confidence beyond any price is as bad as one of that size.
        let confidence = scale(self.confidence, power).unwrap_or(I80F48::MAX);
        let ema = u64::try_from(self.ema)
            .ok()
            .and_then(|ema| scale(ema, power))
            .unwrap_or(price);
        Ok(BoardPrice {
            price,
            confidence: confidence.min(I80F48::from_bits(PRICE_BITS_MAX)),
            ema,
        })
    }
}

/// `mantissa × 10^power`, rounded down; `None` when it does not fit.
fn scale(mantissa: u64, power: i32) -> Option<I80F48> {
    let bits = u128::from(mantissa) << 48;
    let factor = 10u128.checked_pow(power.unsigned_abs());
    let scaled = if power >= 0 {
        bits.checked_mul(factor?)?
    } else {
        // Dividing by more than any u128 leaves nothing.
        factor.map_or(0, |factor| bits / factor)
    };
    i128::try_from(scaled).ok().map(I80F48::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn oracle(price: i64, exponent: i32) -> OraclePrice {
        OraclePrice {
            source: FeedKind::PythPull,
            id: [1; 32],
            price,
            confidence: 1,
            ema: price,
            exponent,
            publish_time: 100,
        }
    }

    fn feed(decimals: u8) -> Feed {
        Feed {
            unit_decimals: decimals,
            kind: FeedKind::PythPull as u8,
            id: [1; 32],
            max_age_s: 60,
            ..Feed::zeroed()
        }
    }

    fn code(result: Result<BoardPrice>) -> String {
        match result.unwrap_err() {
            Error::AnchorError(error) => error.error_name,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn exponents_are_normalised_without_losing_the_range() {
        // 174.32 dollars for 10^9 lamports is 0.17432 quote units per lamport.
        let sol = oracle(17_432_000_000, -8).for_feed(&feed(9), 100).unwrap();
        assert!((sol.price.to_num::<f64>() - 0.17432).abs() < 1e-12);
        // The same in other powers of ten.
        assert_eq!(
            oracle(17_432, -2).for_feed(&feed(9), 100).unwrap().price,
            sol.price
        );
        let large = oracle(12, 4).for_feed(&feed(8), 100).unwrap();
        assert_eq!(large.price, I80F48::from_num(1_200));
        // A 5-decimal token at 0.00002 dollars keeps 9 digits.
        let small = oracle(2_000, -8).for_feed(&feed(5), 100).unwrap();
        assert!((small.price.to_num::<f64>() / 2e-4 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn each_bad_price_has_its_reason() {
        assert_eq!(
            code(oracle(0, -8).for_feed(&feed(9), 100)),
            "PriceNotPositive"
        );
        assert_eq!(
            code(oracle(-5, -8).for_feed(&feed(9), 100)),
            "PriceNotPositive"
        );
        assert_eq!(
            code(oracle(1, -30).for_feed(&feed(9), 100)),
            "PriceOutOfRange"
        );
        assert_eq!(
            code(oracle(1, i32::MIN).for_feed(&feed(9), 100)),
            "PriceOutOfRange"
        );
        assert_eq!(
            code(oracle(i64::MAX, i32::MAX).for_feed(&feed(0), 100)),
            "PriceOutOfRange"
        );
        let at = |now: i64| code(oracle(5, -2).for_feed(&feed(6), now));
        assert_eq!(at(100 - CLOCK_LAG_MAX_S - 1), "PriceFromFuture");
        assert_eq!(at(100 + 61), "PriceTooOld");
    }
}
