//! The standard normal distribution, from a table that the compiler computes.
//!
//! 3,073 nodes on [-4, 8], 1/256 apart, hold the upper tail, the density and half the density's slope. Between nodes the tail
//! is Taylor's quadratic around the nearest one: with a distance of at most 1/512 and a curvature of the density of at most
//! 0.4 its remainder is under 0.4/6·512^-3 < 5e-10. With rounding the error stays below 2^-30.

use crate::word::Word;

/// Bound on the error of [`cdf_q32`], [`tail_q32`] and [`pdf_q32`] for every argument: 2^-30, four units of Q32.
#[cfg(test)]
const ERROR_MAX: f64 = 9.4e-10;

/// Steps of the table per unit, as a power of two.
pub(crate) const STEP_BITS: u32 = 8;
/// Where the table begins and ends; beyond its end the tail counts as 0 (it is 6e-16).
pub(crate) const START: i64 = -4;
const END: i64 = 8;
const NODES: usize = (((END - START) << STEP_BITS) + 1) as usize;
/// Half a step, Q32.
pub(crate) const HALF_STEP: i64 = 1 << (31 - STEP_BITS);

/// The distribution at a node, Q32.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    tail_q32: u32,
    density_q32: u32,
    /// `x·density/2`.
    bend_q32: i32,
}

pub(crate) static TABLE: [Node; NODES] = table();

/// Product of Q48 numbers.
const fn mul_q48(a: i128, b: i128) -> i128 {
    (a * b) >> 48
}

/// e^-x for x in [0, 32.1], Q48: halved until small, Taylor, squared back.
const fn exp_neg_q48(x_q48: i128) -> i128 {
    const ONE: i128 = 1 << 48;
    let small = x_q48 >> 8;
    let mut power = ONE;
    let mut n = 10;
    while n > 0 {
        power = ONE - mul_q48(small, power) / n;
        n -= 1;
    }
    let mut squarings = 0;
    while squarings < 8 {
        power = mul_q48(power, power);
        squarings += 1;
    }
    power
}

/// Rounded to nearest.
const fn q32_from_q48(x: i128) -> i128 {
    (x + (1 << 15)) >> 16
}

/// The table. The tail goes from node to node by the density's Taylor series to the eighth power of the step, whose
/// derivatives are Hermite polynomials; the nodes below 0 mirror those above.
const fn table() -> [Node; NODES] {
    const ONE: i128 = 1 << 48;
    // 1/√(2π)
    const PEAK_Q48: i128 = 112_292_269_084_889;
    const ZERO: usize = (-START << STEP_BITS) as usize;
    let step = ONE >> STEP_BITS;
    let mut nodes = [Node {
        tail_q32: 0,
        density_q32: 0,
        bend_q32: 0,
    }; NODES];
    let mut tail = ONE / 2;
    let mut i = 0;
    while ZERO + i < NODES {
        let x = step * i as i128;
        let density = mul_q48(PEAK_Q48, exp_neg_q48(mul_q48(x, x) / 2));
        let node = Node {
            tail_q32: q32_from_q48(tail) as u32,
            density_q32: q32_from_q48(density) as u32,
            bend_q32: q32_from_q48(mul_q48(x, density) / 2) as i32,
        };
        nodes[ZERO + i] = node;
        if i > 0 && i <= ZERO {
            nodes[ZERO - i] = Node {
                // 1 - tail, which fits because the tail is not 0.
                tail_q32: node.tail_q32.wrapping_neg(),
                density_q32: node.density_q32,
                bend_q32: -node.bend_q32,
            };
        }
        // tail(x + h) = tail(x) - density·Σ (-1)^n He_n(x)·h^(n+1)/(n+1)!
        let (mut previous, mut hermite) = (0, ONE);
        let mut power = step;
        let mut sum = 0;
        let mut n: i128 = 0;
        while n < 7 {
            sum += mul_q48(hermite, power);
            let next = mul_q48(x, hermite) - n * previous;
            previous = hermite;
            hermite = next;
            n += 1;
            power = -mul_q48(power, step) / (n + 1);
        }
        tail -= mul_q48(density, sum);
        i += 1;
    }
    nodes
}

/// The node nearest to `x >= -4` (the last one for what lies beyond), and the distance of `x` from it.
#[inline(always)]
fn nearest(x_q32: i64) -> (&'static Node, i64) {
    debug_assert!((START << 32..=i64::MAX / 2).contains(&x_q32));
    let place = x_q32.exact_add((-START << 32) + HALF_STEP) as u64;
    let index = (place >> (32 - STEP_BITS)) as usize;
    let distance = ((place & ((1 << (32 - STEP_BITS)) - 1)) as i64).exact_sub(HALF_STEP);
    (&TABLE[index.min(NODES - 1)], distance)
}

/// Probability that a standard normal variable exceeds `x >= -4`, both Q32.
#[inline(always)]
pub(crate) fn tail_q32(x_q32: i64) -> i64 {
    let (node, distance) = nearest(x_q32);
    tail_near_q32(node, distance)
}

/// The tail at a distance from a node.
#[inline(always)]
pub(crate) fn tail_near_q32<W: Word>(node: &Node, distance: W) -> W {
    // Bounds: |distance| <= 2^23, the bend below 2^29, the density below 2^31, so no product exceeds 2^54.
    let slope = W::of(node.density_q32.into())
        .exact_sub(W::of(node.bend_q32.into()).exact_mul(distance) >> 32);
    let change = slope.exact_mul(distance).exact_add(W::of(1 << 31)) >> 32;
    W::of(node.tail_q32.into()).exact_sub(change)
}

/// Probability that a standard normal variable is at most `x`, both Q32, in [0, 1].
pub fn cdf_q32(x_q32: i64) -> u64 {
    let size = x_q32.unsigned_abs().min((END as u64) << 32) as i64;
    let tail = tail_q32(size).max(0) as u64;
    if x_q32 < 0 { tail } else { (1 << 32) - tail }
}

/// Density of the standard normal distribution at `x`, both Q32: Taylor's series to the third power around the nearest node, whose
/// remainder is below 3·0.4/24·512^-4 < 1e-12.
pub fn pdf_q32(x_q32: i64) -> u64 {
    let size = x_q32.unsigned_abs();
    if size >= (END as u64) << 32 {
        return 0;
    }
    let (node, distance) = nearest(size as i64);
    let (x, h) = (i128::from(size as i64 - distance), i128::from(distance));
    let one = 1i128 << 32;
    let mul = |a: i128, b: i128| (a * b) >> 32;
    // φ(x + h) = φ(x)·(1 - x·h + (x² - 1)·h²/2 - (x³ - 3x)·h³/6 + …)
    let (x2, h2) = (mul(x, x), mul(h, h));
    let cubic = mul(mul(x2 - 3 * one, x), mul(h2, h)) / 6;
    let series = one - mul(x, h) + mul(x2 - one, h2) / 2 - cubic;
    mul(i128::from(node.density_q32), series).max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;

    /// Upper tail of the normal distribution in double precision: the continued fraction for large arguments, the series for
    /// small ones; independent of the table.
    fn tail(x: f64) -> f64 {
        let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if x > 3.0 {
            let fraction = (1..200).rev().fold(x, |below, n| x + f64::from(n) / below);
            density / fraction
        } else {
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= x * x / f64::from(2 * n + 1);
                sum += term;
            }
            0.5 - density * sum
        }
    }

    fn float(value: u64) -> f64 {
        value as f64 / 2f64.powi(32)
    }

    #[test]
    fn the_table_is_the_same_at_run_time_as_at_compile_time() {
        let of = |node: &Node| (node.tail_q32, node.density_q32, node.bend_q32);
        assert!(table().iter().map(of).eq(TABLE.iter().map(of)));
    }

    #[test]
    fn known_values() {
        assert_eq!(cdf_q32(0), 1 << 31);
        assert_eq!(cdf_q32(i64::MIN), 0);
        assert_eq!(cdf_q32(i64::MAX), 1 << 32);
        let at_196 = float(cdf_q32((1.959_963_984_540_054 * 2f64.powi(32)) as i64));
        assert!((at_196 - 0.975).abs() < ERROR_MAX, "{at_196}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn distribution_and_density_match_double_precision(x in -9.0f64..9.0) {
            let x_q32 = (x * 2f64.powi(32)) as i64;
            let upper = tail(x.abs());
            let exact = if x < 0.0 { upper } else { 1.0 - upper };
            let ours = float(cdf_q32(x_q32));
            prop_assert!((ours - exact).abs() < ERROR_MAX, "cdf({x}) = {ours}, {exact}");
            let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let ours = float(pdf_q32(x_q32));
            prop_assert!((ours - density).abs() < ERROR_MAX, "pdf({x}) = {ours}, {density}");
        }

        #[test]
        fn the_two_sides_add_up(x: i64) {
            prop_assume!(x != i64::MIN);
            prop_assert_eq!(cdf_q32(x) + cdf_q32(-x), 1 << 32);
        }
    }
}
