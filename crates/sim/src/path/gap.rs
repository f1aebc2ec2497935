//! A gap: everything falls by a third between one price and the next.

use super::october::BEFORE;
use super::sketch::Sketch;

/// What the path models.
pub const NOTE: &str = "This path is made up. For forty minutes nothing happens; then the next price of SOL and ETH is 30% lower, that of BTC \
    25%, and nothing in between could be traded. It models a halt, or a night in which nobody can sell: the case that margin cannot prevent, \
    because accounts are below zero before anybody may liquidate them. After half an hour a little comes back.";

/// When the gap opens, seconds.
pub const GAP_S: i64 = 2_400;
/// SOL, ETH, BTC after it, as parts of before.
pub const AFTER: [f64; 3] = [0.7, 0.7, 0.75];

pub const SKETCH: Sketch<3> = Sketch {
    start: BEFORE,
    steps: &[(GAP_S - 60, 120), (GAP_S + 900, 30), (6_000, 120)],
    way_points: &[
        (0, [1.0; 3]),
        (GAP_S - 30, [1.0; 3]),
        (GAP_S, AFTER),
        (GAP_S + 1_800, AFTER),
        (6_000, [0.74, 0.74, 0.79]),
    ],
    noise: [0.0015, 0.0012, 0.001],
};
