//! Made-up histories: lines through way points, with noise.

use super::PricePoint;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// How fast noise fades, seconds.
const NOISE_MEMORY_S: f64 = 120.0;
/// Share of the noise's variance that all assets have in common.
const NOISE_COMMON: f64 = 0.7;
/// Prices are rounded to so many parts of a dollar.
const PARTS: f64 = 10_000.0;

/// A history of `N` assets in seconds from 0.
pub struct Sketch<const N: usize> {
    /// Prices at the start, USD.
    pub start: [f64; N],
    /// Ends of phases and the step within each, seconds.
    pub steps: &'static [(i64, i64)],
    /// Times, and prices as multiples of those at the start; the first is at 0.
    pub way_points: &'static [(i64, [f64; N])],
    /// Standard deviation of the noise around the line.
    pub noise: [f64; N],
}

impl<const N: usize> Sketch<N> {
    /// The points; noise is the same for the same `seed`, and the first point has none.
    pub fn points(&self, seed: u64) -> Vec<PricePoint> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut common, mut own) = (0.0, [0.0; N]);
        let mut last_s = 0;
        let mut points = Vec::new();
        for time_s in times(self.steps) {
            let kept = (-((time_s - last_s) as f64) / NOISE_MEMORY_S).exp();
            let added = (1.0 - kept * kept).sqrt();
            last_s = time_s;
            for value in std::iter::once(&mut common).chain(&mut own) {
                let normal: f64 = StandardNormal.sample(&mut random);
                *value = *value * kept + added * normal;
            }
            let price = |asset: usize| {
                let line = self.way_points.iter().map(|(time, of)| (*time, of[asset]));
                let line: Vec<(i64, f64)> = line.collect();
                let mixed = common * NOISE_COMMON.sqrt() + own[asset] * (1.0 - NOISE_COMMON).sqrt();
                let noise = (self.noise[asset] * mixed).exp();
                let price = self.start[asset] * interpolate(&line, time_s) * noise;
                (price * PARTS).round() / PARTS
            };
            points.push(PricePoint {
                time_s,
                prices: (0..N).map(price).collect(),
            });
        }
        points
    }
}

/// Times from 0 to the end of the last phase.
pub fn times(steps: &[(i64, i64)]) -> impl Iterator<Item = i64> {
    let starts = std::iter::once(0).chain(steps.iter().map(|&(end, _)| end));
    let phases = starts.zip(steps);
    let end = steps.last().map(|&(end, _)| end);
    phases
        .flat_map(|(start, &(end, step))| (start..end).step_by(step as usize))
        .chain(end)
}

/// Straight lines between the logarithms of way points.
pub fn interpolate(line: &[(i64, f64)], time_s: i64) -> f64 {
    let after = line
        .partition_point(|&(time, _)| time < time_s)
        .clamp(1, line.len() - 1);
    let ((start_s, start), (end_s, end)) = (line[after - 1], line[after]);
    match time_s {
        _ if time_s == start_s => start,
        _ if time_s == end_s => end,
        _ => {
            let share = (time_s - start_s) as f64 / (end_s - start_s) as f64;
            (start.ln() + share * (end / start).ln()).exp()
        }
    }
}
