//! Parts of positions.

use crate::error::BallastError;
use anchor_lang::prelude::*;

/// The part of a position's value that goes with some of its lots, rounded up; 0 without lots. Both lots have the same sign.
pub fn part_ceil(value: i64, lots: i64, of_lots: i64) -> Result<i64> {
    if of_lots == 0 {
        return Ok(0);
    }
    let (lots, of_lots) = (
        i128::from(lots.unsigned_abs()),
        i128::from(of_lots.unsigned_abs()),
    );
    let product = i128::from(value) * lots;
    let ceil = product.div_euclid(of_lots) + i128::from(product.rem_euclid(of_lots) != 0);
    i64::try_from(ceil).map_err(|_| BallastError::Overflow.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_small_value_rounds_up() {
        for (value, of_lots) in
            (-60..=60i64).flat_map(|value| (-12..=12i64).map(move |of| (value, of)))
        {
            for lots in -12..=12i64 {
                let exact = match of_lots {
                    0 => 0,
                    of_lots => -(-value * lots.abs()).div_euclid(of_lots.abs()),
                };
                assert_eq!(part_ceil(value, lots, of_lots).unwrap(), exact);
            }
        }
        let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
        for (value, lots) in edges
            .into_iter()
            .flat_map(|value| edges.map(|lots| (value, lots)))
        {
            for of_lots in edges {
                // Refused or exact, never wrapped.
                let part = part_ceil(value, lots, of_lots);
                assert!(lots.unsigned_abs() > of_lots.unsigned_abs() || part.is_ok());
            }
        }
    }

    #[test]
    fn values_are_split_up_in_the_accounts_favour() {
        let part = |value, lots, of_lots| part_ceil(value, lots, of_lots).unwrap();
        assert_eq!(part(1_000, 3, 10), 300);
        assert_eq!(part(1_001, 3, 10), 301);
        assert_eq!(part(-1_001, -3, -10), -300);
        assert_eq!(part(7, 0, 0), 0);
        assert_eq!(part(i64::MIN, 1, 1), i64::MIN);
    }
}
