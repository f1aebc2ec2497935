//! A de-peg: the quote asset loses a tenth of its value.

use super::october::BEFORE;
use super::sketch::Sketch;

/// What the path models.
pub const NOTE: &str = "This path is made up after the weekend of 11 March 2023. USDC falls from 1.00 to 0.90 US dollars within two hours and is \
    back at 0.97 four hours later, while SOL, ETH and BTC first fall with it and then rise. The exchange counts in USDC: its price moves nothing \
    but the factor on all margins, which rises to 1.45. So accounts with little room are liquidated in part although nothing they hold has moved much.";

const HOUR_S: i64 = ballast_risk::time::HOUR_S as i64;

/// USDC, SOL, ETH, BTC.
pub const SKETCH: Sketch<4> = Sketch {
    start: [1.0, BEFORE[0], BEFORE[1], BEFORE[2]],
    steps: &[
        (HOUR_S / 2, 300),
        (3 * HOUR_S, 60),
        (4 * HOUR_S, 120),
        (8 * HOUR_S, 300),
    ],
    way_points: &[
        (0, [1.0; 4]),
        (HOUR_S / 2, [0.998, 0.998, 0.998, 1.0]),
        (HOUR_S, [0.97, 0.97, 0.975, 0.985]),
        (2 * HOUR_S, [0.925, 0.93, 0.94, 0.955]),
        (5 * HOUR_S / 2, [0.90, 0.915, 0.93, 0.95]),
        (3 * HOUR_S, [0.91, 0.93, 0.945, 0.965]),
        (5 * HOUR_S, [0.945, 0.97, 0.98, 1.0]),
        (8 * HOUR_S, [0.97, 1.03, 1.02, 1.04]),
    ],
    noise: [0.0004, 0.0025, 0.002, 0.0015],
};
