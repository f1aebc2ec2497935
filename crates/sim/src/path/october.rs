//! The reconstruction of 10 October 2025.

use super::sketch::{self, interpolate};
use super::{ASSETS, PricePoint};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What of the path is published, and what is not.
pub const NOTE: &str = "This path is reconstructed, not recorded. Published are: the levels \
    before the fall (BTC 122,500, ETH 4,363, SOL 221) and the lows (BTC 104,800, ETH 3,436, \
    SOL 174); that the cascade began at 20:50 UTC, took about 40 minutes and had its worst minute \
    at 21:15 UTC; and that within the next hour prices had recovered to roughly BTC 114,500, \
    ETH 3,900, SOL 190. Everything between these points is interpolated, with seeded noise that \
    stays within the published extremes. The levels before the fall were those of earlier that \
    day: the path starts with them at 20:30, so a decline of hours takes minutes here.";

/// 2025-10-10 20:30:00 UTC.
pub const START_S: i64 = 1_760_128_200;
/// 22:30:00 UTC.
#[cfg(test)]
pub const END_S: i64 = START_S + 7_200;
/// 21:15:00 UTC, the worst minute.
pub const WORST_MINUTE_S: i64 = START_S + 2_700;

/// Published levels before the fall, USD.
pub const BEFORE: [f64; ASSETS.len()] = [221.0, 4_363.0, 122_500.0];
/// Published lows, USD.
pub const LOW: [f64; ASSETS.len()] = [174.0, 3_436.0, 104_800.0];
/// Published rounded levels of about 21:50 UTC, USD.
pub const RECOVERED: [f64; ASSETS.len()] = [190.0, 3_900.0, 114_500.0];
/// 21:50:00 UTC.
pub const RECOVERED_S: i64 = START_S + 4_800;
/// When each asset reaches its low, within the worst minute; the order is reconstructed.
pub const LOW_S: [i64; ASSETS.len()] = [
    WORST_MINUTE_S + 57,
    WORST_MINUTE_S + 54,
    WORST_MINUTE_S + 51,
];

/// Reconstructed prices are rounded to cents.
const CENT: f64 = 0.01;

/// Ends of phases after the start, and the step within each, seconds.
const STEPS: [(i64, i64); 8] = [
    (1_200, 60), // 20:50 the cascade begins
    (2_520, 10), // 21:12
    (2_700, 5),  // 21:15
    (2_760, 1),  // 21:16 end of the worst minute
    (2_880, 2),  // 21:18
    (3_000, 5),  // 21:20
    (4_800, 10), // 21:50 recovered
    (7_200, 60), // 22:30
];

/// Reconstructed way points: seconds after the start, then SOL, ETH, BTC. The published low lies
/// between the two parts, the published recovery in the second.
const FALL: [(i64, [f64; ASSETS.len()]); 7] = [
    (0, BEFORE),
    (600, [218.6, 4_318.0, 121_300.0]),
    (1_200, [214.2, 4_236.0, 119_400.0]),
    (1_560, [207.0, 4_098.0, 117_100.0]),
    (2_100, [200.5, 3_962.0, 114_600.0]),
    (2_520, [194.8, 3_838.0, 112_300.0]),
    (2_700, [189.2, 3_712.0, 110_300.0]),
];
const RECOVERY: [(i64, [f64; ASSETS.len()]); 8] = [
    (2_790, [181.6, 3_588.0, 107_600.0]),
    (2_850, [177.2, 3_497.0, 105_800.0]),
    (3_000, [182.4, 3_628.0, 108_700.0]),
    (3_600, [187.3, 3_778.0, 111_900.0]),
    (4_200, [188.4, 3_826.0, 112_900.0]),
    (4_800, RECOVERED),
    (6_000, [188.2, 3_842.0, 113_200.0]),
    (7_200, [187.6, 3_824.0, 112_900.0]),
];

/// Standard deviation of the noise for BTC, in each asset its multiple of that, and how fast noise
/// fades, seconds.
const NOISE: f64 = 0.0036;
const NOISE_MULTIPLES: [f64; ASSETS.len()] = [1.7, 1.4, 1.0];
const NOISE_MEMORY_S: f64 = 90.0;
/// Share of the noise's variance that all assets have in common.
const NOISE_COMMON: f64 = 0.7;
/// Noise vanishes over this time around a published point, seconds.
const NOISE_TAPER_S: f64 = 20.0;

pub fn points(seed: u64) -> Vec<PricePoint> {
    let mut noise = Noise::new(seed);
    let lines: [Vec<(i64, f64)>; ASSETS.len()] = std::array::from_fn(line);
    sketch::times(&STEPS)
        .map(|offset| START_S + offset)
        .map(|time_s| {
            let moves = noise.step(time_s);
            let prices =
                (0..ASSETS.len()).map(|asset| price(asset, time_s, &lines[asset], moves[asset]));
            PricePoint {
                time_s,
                prices: prices.collect(),
            }
        })
        .collect()
}

/// The way points of one asset: unix seconds and price.
fn line(asset: usize) -> Vec<(i64, f64)> {
    let way_point =
        |&(offset, prices): &(i64, [f64; ASSETS.len()])| (START_S + offset, prices[asset]);
    let fall = FALL.iter().map(way_point);
    let recovery = RECOVERY.iter().map(way_point);
    fall.chain(std::iter::once((LOW_S[asset], LOW[asset])))
        .chain(recovery)
        .collect()
}

/// The published price at a published point; elsewhere the line with noise, strictly between the
/// extremes.
fn price(asset: usize, time_s: i64, line: &[(i64, f64)], noise: f64) -> f64 {
    let on_line = interpolate(line, time_s);
    let published = [START_S, LOW_S[asset], RECOVERED_S];
    if published.contains(&time_s) {
        return on_line;
    }
    let distance_s = published
        .iter()
        .map(|point| (time_s - point).abs())
        .min()
        .unwrap_or(0);
    let taper = (distance_s as f64 / NOISE_TAPER_S).min(1.0);
    let noisy = on_line * (noise * taper).exp();
    let reflected = if noisy < LOW[asset] {
        2.0 * LOW[asset] - noisy
    } else {
        noisy
    };
    let rounded = (reflected / CENT).round() * CENT;
    rounded.clamp(LOW[asset] + CENT, BEFORE[asset] - CENT)
}

/// Noise around the line: a mean-reverting walk with a part that all assets share.
struct Noise {
    random: ChaCha8Rng,
    common: f64,
    own: [f64; ASSETS.len()],
    last_s: i64,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            common: 0.0,
            own: [0.0; ASSETS.len()],
            last_s: START_S,
        }
    }

    /// Logarithmic deviations of all assets at a time.
    fn step(&mut self, time_s: i64) -> [f64; ASSETS.len()] {
        let kept = (-((time_s - self.last_s) as f64) / NOISE_MEMORY_S).exp();
        let added = (1.0 - kept * kept).sqrt();
        self.last_s = time_s;
        for value in std::iter::once(&mut self.common).chain(&mut self.own) {
            let normal: f64 = StandardNormal.sample(&mut self.random);
            *value = *value * kept + added * normal;
        }
        let scale = NOISE * stress(time_s);
        std::array::from_fn(|asset| {
            let mixed =
                self.common * NOISE_COMMON.sqrt() + self.own[asset] * (1.0 - NOISE_COMMON).sqrt();
            scale * NOISE_MULTIPLES[asset] * mixed
        })
    }
}

/// Size of the noise relative to its largest: quiet before the cascade, loud around the low, then
/// dying down.
fn stress(time_s: i64) -> f64 {
    let offset = (time_s - START_S) as f64;
    match offset {
        _ if offset < 1_200.0 => 0.25,
        _ if offset < 2_700.0 => 0.25 + 0.55 * (offset - 1_200.0) / 1_500.0,
        _ if offset < 3_300.0 => 1.0,
        _ => 0.35 + 0.65 * (-(offset - 3_300.0) / 900.0).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PricePath;

    fn lowest(path: &PricePath, asset: usize) -> f64 {
        path.points
            .iter()
            .map(|point| point.prices[asset])
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn october_hits_the_published_points_and_nothing_beyond() {
        for seed in 0..50 {
            let path = PricePath::october_2025(seed);
            assert_eq!(path.points[0].prices, BEFORE);
            for asset in 0..path.assets.len() {
                let of_asset: Vec<f64> = path
                    .points
                    .iter()
                    .map(|point| point.prices[asset])
                    .collect();
                assert_eq!(lowest(&path, asset), LOW[asset]);
                assert_eq!(
                    of_asset
                        .iter()
                        .filter(|&&price| price == LOW[asset])
                        .count(),
                    1
                );
                assert!(of_asset[1..].iter().all(|&price| price < BEFORE[asset]));
                let low = path
                    .points
                    .iter()
                    .find(|point| point.prices[asset] == LOW[asset])
                    .unwrap();
                assert!((WORST_MINUTE_S..WORST_MINUTE_S + 60).contains(&low.time_s));
                let recovered = path
                    .points
                    .iter()
                    .find(|point| point.time_s == RECOVERED_S)
                    .unwrap();
                assert_eq!(recovered.prices[asset], RECOVERED[asset]);
            }
        }
    }

    #[test]
    fn october_loses_most_in_the_worst_minute() {
        for path in (0..50).map(PricePath::october_2025) {
            for asset in 0..path.assets.len() {
                let at = |time_s: i64| {
                    path.points
                        .iter()
                        .rfind(|point| point.time_s <= time_s)
                        .unwrap()
                        .prices[asset]
                };
                let fall = |start: i64| at(start) / at(start + 60) - 1.0;
                let minutes = (START_S..END_S).step_by(60);
                let worst = minutes
                    .max_by(|a, b| fall(*a).total_cmp(&fall(*b)))
                    .unwrap();
                assert_eq!(worst, WORST_MINUTE_S);
            }
        }
    }

    #[test]
    fn october_steps_are_fine_where_prices_move() {
        let path = PricePath::october_2025(1);
        assert!(
            (400..=700).contains(&path.points.len()),
            "{} points",
            path.points.len()
        );
        assert_eq!(path.points[0].time_s, START_S);
        assert_eq!(path.points.last().unwrap().time_s, END_S);
        for pair in path.points.windows(2) {
            let step = pair[1].time_s - pair[0].time_s;
            let offset = pair[0].time_s - START_S;
            let expected = match offset {
                ..1_200 | 4_800.. => 60..=60,
                2_520..3_000 => 1..=5,
                _ => 10..=10,
            };
            assert!(expected.contains(&step), "step of {step} s at {offset} s");
        }
    }

    #[test]
    fn october_is_determined_by_its_seed() {
        assert_eq!(PricePath::october_2025(3), PricePath::october_2025(3));
        assert_ne!(
            PricePath::october_2025(3).points,
            PricePath::october_2025(4).points
        );
    }
}
