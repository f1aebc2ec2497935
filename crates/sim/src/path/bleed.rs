//! A bleed: a slow fall over a day and a half.

use super::october::BEFORE;
use super::sketch::Sketch;

/// What the path models.
pub const NOTE: &str = "This path is made up. Over 36 hours SOL loses 45%, ETH 42% and BTC 33%, in stretches with short recoveries, and no \
    single step is large. It models a market that is sold for days: volatility and with it margin rise little, and one account after another \
    is worn down, with funding and interest on top. An expiry of futures and options falls into it.";

const HOUR_S: i64 = ballast_risk::time::HOUR_S as i64;

pub const SKETCH: Sketch<3> = Sketch {
    start: BEFORE,
    steps: &[(36 * HOUR_S, 900)],
    way_points: &[
        (0, [1.0; 3]),
        (5 * HOUR_S, [0.93, 0.94, 0.96]),
        (7 * HOUR_S, [0.95, 0.96, 0.97]),
        (13 * HOUR_S, [0.84, 0.86, 0.90]),
        (16 * HOUR_S, [0.86, 0.87, 0.91]),
        (24 * HOUR_S, [0.70, 0.72, 0.79]),
        (27 * HOUR_S, [0.72, 0.74, 0.80]),
        (34 * HOUR_S, [0.56, 0.59, 0.68]),
        (36 * HOUR_S, [0.55, 0.58, 0.67]),
    ],
    noise: [0.004, 0.0035, 0.0025],
};
