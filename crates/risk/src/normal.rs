//! The standard normal distribution, from a table that the compiler computes.
//!
//! 513 nodes on [0, 8], 1/64 apart, hold the density and the upper tail. Between nodes the tail is Taylor's cubic
//! around the nearest one: with a distance of at most 1/128 and a third derivative of the density below 0.56 its
//! remainder is under 0.56/24·128^-4 < 1e-10. With rounding the error stays below 2^-30.

/// Bound on the error of [`cdf_q32`] and [`pdf_q32`] for every argument: 2^-30, four units of Q32.
#[cfg(test)]
const CDF_ERROR_MAX: f64 = 9.4e-10;

/// Steps of the table per unit, as a power of two.
const STEP_BITS: u32 = 6;
const NODES: usize = (8 << STEP_BITS) + 1;
/// Argument from which the tail counts as 0 (it is 6e-16), Q32.
const LIMIT_Q32: i64 = 8 << 32;

/// Upper tail and density at a node, Q32 (both below 1/2).
#[derive(Clone, Copy)]
struct Node {
    tail_q32: u32,
    density_q32: u32,
}

static TABLE: [Node; NODES] = table();

/// Product of Q48 numbers.
const fn mul_q48(a: i128, b: i128) -> i128 {
    (a * b) >> 48
}

/// e^-x for x in [0, 32.1], Q48: halved until small, Taylor, squared back.
const fn exp_neg_q48(x_q48: i128) -> i128 {
    const ONE: i128 = 1 << 48;
    let small = x_q48 >> 8;
    let mut power = ONE;
    let mut n = 14;
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

/// The table. The tail goes from node to node by the density's Taylor series to the eighth power of the step, whose
/// derivatives are Hermite polynomials.
const fn table() -> [Node; NODES] {
    const ONE: i128 = 1 << 48;
    // 1/√(2π)
    const PEAK_Q48: i128 = 112_292_269_084_889;
    let step = ONE >> STEP_BITS;
    let mut nodes = [Node {
        tail_q32: 0,
        density_q32: 0,
    }; NODES];
    let mut tail = ONE / 2;
    let mut i = 0;
    while i < NODES {
        let x = step * i as i128;
        let density = mul_q48(PEAK_Q48, exp_neg_q48(mul_q48(x, x) / 2));
        nodes[i] = Node {
            // Rounded to nearest; 1/2 itself is one below 2^31 + 1 and fits.
            tail_q32: ((tail + (1 << 15)) >> 16) as u32,
            density_q32: ((density + (1 << 15)) >> 16) as u32,
        };
        // tail(x + h) = tail(x) - density·Σ (-1)^n He_n(x)·h^(n+1)/(n+1)!
        let (mut previous, mut hermite) = (0, ONE);
        let mut power = step;
        let mut sum = 0;
        let mut n: i128 = 0;
        while n < 9 {
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

/// Probability that a standard normal variable is at most `x`, both Q32. Monotone up to the error bound, in [0, 1].
#[inline]
pub fn cdf_q32(x_q32: i64) -> u64 {
    let tail = tail_q32(x_q32.unsigned_abs());
    if x_q32 < 0 { tail } else { (1 << 32) - tail }
}

/// Probability that a standard normal variable exceeds `x >= 0`, both Q32.
#[inline]
fn tail_q32(x_q32: u64) -> u64 {
    const HALF_STEP: u64 = 1 << (31 - STEP_BITS);
    if x_q32 >= LIMIT_Q32 as u64 {
        return 0;
    }
    // x < 2^35, so the index is at most 512, and |distance| <= 2^25.
    let index = (x_q32 + HALF_STEP) >> (32 - STEP_BITS);
    let node = TABLE[(index as usize).min(NODES - 1)];
    let x = (index << (32 - STEP_BITS)) as i64;
    let distance = (x_q32 as i64).wrapping_sub(x);
    // Bounds: x <= 2^35 and |distance| <= 2^25, so x·distance <= 2^60; distance² <= 2^50, its Q32 form h2 <= 2^18, x² as
    // Q16 <= 2^22, so curvature·h2 <= 2^40; slope in [0.93, 1.07] as Q32, times distance <= 2^58; density < 2^31
    // times the step <= 2^26.
    let h2 = distance.wrapping_mul(distance) >> 32;
    let x_q16 = x >> 16;
    let curvature_q16 = (x_q16.wrapping_mul(x_q16) >> 16).wrapping_sub(1 << 16);
    let third = curvature_q16.wrapping_mul(h2).wrapping_mul(10_923) >> 32;
    let slope = (1i64 << 32)
        .wrapping_sub(x.wrapping_mul(distance) >> 33)
        .wrapping_add(third);
    const HALF: i64 = 1 << 31;
    let step = slope.wrapping_mul(distance).wrapping_add(HALF) >> 32;
    let change = i64::from(node.density_q32)
        .wrapping_mul(step)
        .wrapping_add(HALF)
        >> 32;
    i64::from(node.tail_q32).wrapping_sub(change).max(0) as u64
}

/// Density of the standard normal distribution at `x`, both Q32: Taylor's series to the fourth power around the nearest node.
pub fn pdf_q32(x_q32: i64) -> u64 {
    const HALF_STEP: u64 = 1 << (31 - STEP_BITS);
    let size = x_q32.unsigned_abs();
    if size >= LIMIT_Q32 as u64 {
        return 0;
    }
    let index = (size + HALF_STEP) >> (32 - STEP_BITS);
    let node = TABLE[(index as usize).min(NODES - 1)];
    let x = i128::from(index << (32 - STEP_BITS));
    let h = i128::from(size) - x;
    let one = 1i128 << 32;
    let mul = |a: i128, b: i128| (a * b) >> 32;
    // φ(x + h) = φ(x)·(1 - x·h + (x² - 1)·h²/2 - (x³ - 3x)·h³/6 + …)
    let x2 = mul(x, x);
    let h2 = mul(h, h);
    let cubic = mul(mul(x2 - 3 * one, x), mul(h2, h)) / 6;
    let quartic = mul(mul(x2, x2) - 6 * x2 + 3 * one, mul(h2, h2)) / 24;
    let series = one - mul(x, h) + mul(x2 - one, h2) / 2 - cubic + quartic;
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
    fn known_values() {
        assert_eq!(cdf_q32(0), 1 << 31);
        assert_eq!(cdf_q32(i64::MIN), 0);
        assert_eq!(cdf_q32(i64::MAX), 1 << 32);
        let at_196 = float(cdf_q32((1.959_963_984_540_054 * 2f64.powi(32)) as i64));
        assert!((at_196 - 0.975).abs() < CDF_ERROR_MAX, "{at_196}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn distribution_and_density_match_double_precision(x in -9.0f64..9.0) {
            let x_q32 = (x * 2f64.powi(32)) as i64;
            let upper = tail(x.abs());
            let exact = if x < 0.0 { upper } else { 1.0 - upper };
            let ours = float(cdf_q32(x_q32));
            prop_assert!((ours - exact).abs() < CDF_ERROR_MAX, "cdf({x}) = {ours}, {exact}");
            let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let ours = float(pdf_q32(x_q32));
            prop_assert!((ours - density).abs() < CDF_ERROR_MAX, "pdf({x}) = {ours}, {density}");
        }

        #[test]
        fn the_two_sides_add_up(x: i64) {
            prop_assume!(x != i64::MIN);
            prop_assert_eq!(cdf_q32(x) + cdf_q32(-x), 1 << 32);
        }
    }
}
