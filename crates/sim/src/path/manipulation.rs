//! A manipulation: a thin token is pushed up to ten times its price and falls back.

use super::october::BEFORE;
use super::sketch::Sketch;

/// What the path models.
pub const NOTE: &str = "This path is made up after the fall of Mango Markets on 11 October 2022. A token that hardly trades, listed with small \
    depth and low caps, is pushed up from 1 to 10 US dollars within five minutes, held there for three and let go. Its attacker has deposited it and is long \
    its perpetual against an account of his own; at the top he settles his profit, borrows and withdraws all that the program lets him. If his short account became insolvent, a third one of his would \
    take it over at the insurance fund's cost; but the push is slow enough for the keeper to liquidate it before. SOL, ETH and BTC hardly move.";

/// When the push begins, when it is done, when it is let go and when the price is back, seconds.
pub const PUSH_S: [i64; 4] = [1_200, 1_500, 1_680, 1_920];
/// Price at the top by the fair price.
pub const TOP: f64 = 10.0;

/// SOL, ETH, BTC and the thin token.
pub const SKETCH: Sketch<4> = Sketch {
    start: [BEFORE[0], BEFORE[1], BEFORE[2], 1.0],
    steps: &[
        (PUSH_S[0], 120),
        (PUSH_S[1], 10),
        (PUSH_S[3], 15),
        (3_600, 120),
    ],
    way_points: &[
        (0, [1.0; 4]),
        (PUSH_S[0], [1.0; 4]),
        (PUSH_S[1], [1.005, 1.004, 1.002, TOP]),
        (PUSH_S[2], [1.003, 1.003, 1.002, TOP]),
        (PUSH_S[3], [0.998, 0.999, 1.0, 1.0]),
        (3_600, [1.0; 4]),
    ],
    noise: [0.0012, 0.001, 0.0008, 0.002],
};
