//! An outage: no price is published while the market falls.

use super::october::BEFORE;
use super::sketch::Sketch;
use std::ops::Range;

/// What the path models.
pub const NOTE: &str = "This path is made up. In a crash the oracles fall silent for twenty minutes: SOL and ETH are 9% down when the last price \
    is published and about 27% when the next one is, BTC 7% and 21%. Meanwhile every price on the board is too old to liquidate, settle or add risk by, so nothing \
    can be done about accounts that the market has ruined; deposits and cancellations go on. The charts show what the market did.";

/// When nothing is published, seconds.
pub const SILENT_S: Range<i64> = 1_500..2_700;

pub const SKETCH: Sketch<3> = Sketch {
    start: BEFORE,
    steps: &[
        (900, 120),
        (1_500, 30),
        (2_700, 60),
        (3_300, 20),
        (6_000, 120),
    ],
    way_points: &[
        (0, [1.0; 3]),
        (900, [0.99, 0.99, 0.995]),
        (1_500, [0.91, 0.91, 0.93]),
        (2_300, [0.71, 0.72, 0.78]),
        (2_700, [0.73, 0.73, 0.79]),
        (3_300, [0.69, 0.70, 0.77]),
        (6_000, [0.76, 0.77, 0.83]),
    ],
    noise: [0.0025, 0.002, 0.0015],
};
