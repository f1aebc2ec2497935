//! The price and volatility scenarios under which a portfolio is revalued, per underlying.
//!
//! 25 in all, after CME SPAN with two tails on each side: moves of 0, ±1/3, ±2/3, ±1 scan ranges, each with volatility
//! down, unchanged and up; and ±2 and ±3 ranges with volatility up, whose loss counts 50% and 33%.

use crate::numbers::{Overflow, Q32_ONE, mul_q32_ceil, mul_q32_floor};
use crate::word::Word;

/// Direction of a scenario's shock to implied volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolatilityShock {
    /// Implied volatility falls.
    Down,
    /// Implied volatility stays.
    Unchanged,
    /// Implied volatility rises.
    Up,
}

/// One scenario of one underlying.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Index of its price move in [`MOVES_THIRDS`].
    pub move_index: u8,
    /// The shock to implied volatility.
    pub volatility: VolatilityShock,
    /// How much of the loss counts, Q32.
    pub weight_q32: u64,
}

/// Number of scenarios.
pub const SCENARIO_COUNT: usize = 25;

/// Every distinct price move of the scenarios, in thirds of the scan range.
pub const MOVES_THIRDS: [i8; 11] = [0, 1, -1, 2, -2, 3, -3, 6, -6, 9, -9];

/// How many of the moves come with every volatility shock; the others, the tails, with volatility up only.
pub const FULL_MOVES: usize = 7;

/// The scenarios in the order in which reports number them: move by move, and within a move volatility down, unchanged, up.
pub const SCENARIOS: [Scenario; SCENARIO_COUNT] = build();

/// Lowest price in any scenario as a fraction of spot, Q32: 1%.
pub const PRICE_FLOOR_Q32: u64 = Q32_ONE / 100;

const fn build() -> [Scenario; SCENARIO_COUNT] {
    const SHOCKS: [VolatilityShock; 3] = [
        VolatilityShock::Down,
        VolatilityShock::Unchanged,
        VolatilityShock::Up,
    ];
    const TAIL_WEIGHTS: [u64; 4] = [
        Q32_ONE / 2,
        Q32_ONE / 2,
        Q32_ONE * 33 / 100,
        Q32_ONE * 33 / 100,
    ];
    let mut all = [Scenario {
        move_index: 0,
        volatility: VolatilityShock::Up,
        weight_q32: Q32_ONE,
    }; SCENARIO_COUNT];
    let mut i = 0;
    while i < 21 {
        all[i].move_index = (i / 3) as u8;
        all[i].volatility = SHOCKS[i % 3];
        i += 1;
    }
    while i < SCENARIO_COUNT {
        all[i].move_index = (i - 14) as u8;
        all[i].weight_q32 = TAIL_WEIGHTS[i - 21];
        i += 1;
    }
    all
}

impl Scenario {
    /// The relative price move, Q32, at a scan range; never below -99%.
    pub fn move_q32(&self, range_q32: u64) -> i64 {
        move_q32(MOVES_THIRDS[usize::from(self.move_index)], range_q32)
    }
}

/// A move of so many thirds of a scan range as a relative price move, Q32; never below -99%.
pub fn move_q32(thirds: i8, range_q32: u64) -> i64 {
    // Nine thirds of a range below 2^33 stay far from the limits of i64.
    let range = range_q32.min(2 * Q32_ONE) as i64;
    (range.exact_mul(i64::from(thirds)) / 3).max(PRICE_FLOOR_Q32 as i64 - Q32_ONE as i64)
}

/// The worst scenario of one underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Largest weighted loss, quote units, at least 0.
    pub loss: i64,
    /// Its index in [`SCENARIOS`]; 0 when nothing loses.
    pub scenario: u8,
}

/// Revalues the positions on one underlying in every scenario: a linear exposure of `delta` quote units and options whose profits in
/// the scenarios are given.
///
/// # Errors
/// [`Overflow`].
pub fn scan(
    delta: i64,
    range_q32: u64,
    option_profits: &[i64; SCENARIO_COUNT],
) -> Result<Scan, Overflow> {
    let mut worst = Scan::default();
    let mut linear = 0;
    for (index, (scenario, options)) in SCENARIOS.iter().zip(option_profits).enumerate() {
        // The first of a move's scenarios.
        if index % 3 == 0 || index > 3 * FULL_MOVES {
            linear = linear_profit(delta, scenario.move_q32(range_q32))?;
        }
        let profit = linear.checked_add(*options).ok_or(Overflow)?;
        let loss = profit.checked_neg().ok_or(Overflow)?;
        if loss > worst.loss {
            let weighted = mul_q32_ceil(loss, scenario.weight_q32)?;
            if weighted > worst.loss {
                worst = Scan {
                    loss: weighted,
                    scenario: index as u8,
                };
            }
        }
    }
    Ok(worst)
}

/// Profit of a linear exposure (spot, loans, perpetuals, futures) of `delta` quote units when the price moves, rounded down.
///
/// # Errors
/// [`Overflow`] when it does not fit in `i64`.
pub fn linear_profit(delta: i64, move_q32: i64) -> Result<i64, Overflow> {
    let size = move_q32.unsigned_abs();
    if move_q32 >= 0 {
        mul_q32_floor(delta, size)
    } else {
        mul_q32_ceil(delta, size)?.checked_neg().ok_or(Overflow)
    }
}

/// What [`scan`] finds for a portfolio of linear exposures only, without visiting every scenario: a line is worst at an
/// end of the full range, and a tail of n ranges counted at most 1/n never exceeds it.
///
/// # Errors
/// [`Overflow`] as [`linear_profit`].
pub fn scan_linear(delta: i64, range_q32: u64) -> Result<Scan, Overflow> {
    /// Index of the scenarios +1 and -1 range with volatility down, the first of their three.
    const UP: u8 = 15;
    const DOWN: u8 = 18;
    let scenario = if delta < 0 { UP } else { DOWN };
    let move_q32 = SCENARIOS[usize::from(scenario)].move_q32(range_q32);
    let loss = linear_profit(delta, move_q32)?
        .checked_neg()
        .ok_or(Overflow)?;
    Ok(if loss > 0 {
        Scan { loss, scenario }
    } else {
        Scan::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volatility::RANGE_LIMIT_Q32;
    use proptest::prelude::*;
    extern crate std;

    #[test]
    fn they_are_the_same_at_run_time_as_at_compile_time() {
        let of = |scenario: &Scenario| {
            (
                scenario.move_index,
                scenario.volatility,
                scenario.weight_q32,
            )
        };
        assert!(build().iter().map(of).eq(SCENARIOS.iter().map(of)));
    }

    #[test]
    fn the_grid_is_the_documented_one() {
        let full = SCENARIOS.iter().filter(|s| s.weight_q32 == Q32_ONE).count();
        assert_eq!(full, 3 * FULL_MOVES);
        let order = SCENARIOS.iter().map(|s| (s.move_index, s.volatility as u8));
        let moves = 0..MOVES_THIRDS.len() as u8;
        let by_move = moves.flat_map(|index| {
            let first = if usize::from(index) < FULL_MOVES {
                0
            } else {
                2
            };
            (first..3).map(move |shock| (index, shock))
        });
        assert!(order.eq(by_move));
        let thirds = |index: usize| MOVES_THIRDS[usize::from(SCENARIOS[index].move_index)];
        assert!((21..25).all(|index| thirds(index).abs() >= 6));
        assert_eq!(
            (thirds(15), thirds(18), thirds(21), thirds(24)),
            (3, -3, 6, -9)
        );
        // A range of 40% three times over stops at -99%.
        let fall = SCENARIOS[24].move_q32(Q32_ONE * 4 / 10);
        assert_eq!(fall, PRICE_FLOOR_Q32 as i64 - Q32_ONE as i64);
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // Long 10,000.00 of SOL with a scan range of 15% loses 1,500.00 at -1 range.
        let scan = scan_linear(10_000_000_000, Q32_ONE * 15 / 100).unwrap();
        assert_eq!(scan.loss, 1_500_000_000);
        assert_eq!(scan.scenario, 18);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_short_cut_for_linear_portfolios_equals_the_full_scan(
            delta in -(1i64 << 55)..1 << 55, range in 0..=RANGE_LIMIT_Q32,
        ) {
            let full = scan(delta, range, &[0; SCENARIO_COUNT]).unwrap();
            let short = scan_linear(delta, range).unwrap();
            // A tail of exactly two half-weighted ranges may round one unit higher.
            prop_assert!((full.loss - short.loss).abs() <= 1, "{full:?} {short:?}");
        }

        #[test]
        fn nothing_panics(delta: i64, range: u64, options: [i64; SCENARIO_COUNT]) {
            let _ = scan(delta, range, &options);
            let _ = scan_linear(delta, range);
        }
    }
}
