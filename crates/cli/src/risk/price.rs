//! `ballast risk price`.

use std::{
    io::{self, Write},
    ops::RangeInclusive,
};

use super::Failure;
use crate::input::{Node, Read, Source, from_to, plain};
use ballast_risk::pricing::{DEVIATION_MAX_Q32, OptionInput, OptionKind};
use ballast_risk::surface::VOLATILITY_MAX_Q32;
use ballast_risk::time::YEAR_S;
use fixed::types::I80F48;
use serde::Serialize;

/// Value and sensitivities, see [`ballast_risk::pricing::OptionReport`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OptionFigures {
    /// Value.
    pub value: f64,
    /// Change of value per unit of spot.
    pub delta: f64,
    /// Change of delta per unit of spot.
    pub gamma: f64,
    /// Change of value per 1.00 of volatility.
    pub vega: f64,
    /// Change of value per day that passes.
    pub theta: f64,
}

/// Prices that anything is quoted at.
const PRICES: RangeInclusive<f64> = 1e-12..=1e15;
/// Longest time to expiry and largest age, seconds: ten years.
pub(super) const LONGEST_S: u64 = 10 * YEAR_S;
/// Yearly carry.
pub(super) const CARRY: RangeInclusive<f64> = -10.0..=10.0;
/// Volatility.
pub(super) const VOLATILITY: RangeInclusive<f64> = 0.0..=(VOLATILITY_MAX_Q32 >> 32) as f64;

/// The engine's fixed point resolves about 1e-14. A power of two brings the spot to between 2^20 and 2^21 before and the
/// figures back afterwards, exactly, so that options on the cheapest tokens keep as many digits as those on the dearest.
const SPOT_EXPONENT: i32 = 20;

/// A number times 2^32, for what is a fraction or a rate.
pub(super) fn q32(x: f64) -> u64 {
    (x * 2f64.powi(32)).round() as u64
}

/// The same with a sign.
pub(super) fn signed_q32(x: f64) -> i64 {
    (x * 2f64.powi(32)).round() as i64
}

/// Refuses what the engine would count as something else: it cuts these ratios off a little further out.
///
/// # Errors
/// Which ratio is out of range, and what it depends on.
pub(super) fn check_ratios(
    forward_over_spot: f64,
    strike_over_forward: f64,
    deviation: f64,
) -> Result<(), String> {
    let check = |what: &str, x: f64, range: RangeInclusive<f64>| {
        if range.contains(&x) {
            return Ok(());
        }
        Err(format!(
            "{what} must be {}, is {}",
            from_to(&range),
            plain(x)
        ))
    };
    check(
        "forward over spot (1 + carry·years)",
        forward_over_spot,
        0.01..=100.0,
    )?;
    check("strike over forward", strike_over_forward, 0.001..=1_000.0)?;
    if deviation == 0.0 {
        return Ok(());
    }
    let most = (DEVIATION_MAX_Q32 >> 32) as f64;
    check("volatility·√years, when not 0,", deviation, 1e-6..=most)
}

/// Prices one option, a JSON object on the given line of the input.
///
/// # Errors
/// What is wrong with it.
pub fn price(json: &str, line: usize) -> Read<OptionFigures> {
    let option = Node::parse(json, line)?;
    let (kind, spot, strike, expiry_s, volatility, carry) = option.object(|fields| {
        let kinds = [("call", OptionKind::Call), ("put", OptionKind::Put)];
        Ok((
            fields.required("kind")?.choice(&kinds)?,
            fields.number("spot", PRICES)?,
            fields.number("strike", PRICES)?,
            fields.required("expiry_s")?.whole(0..=LONGEST_S)?,
            fields.number("vol", VOLATILITY)?,
            fields.number_or_0("carry", CARRY)?,
        ))
    })?;
    let years = expiry_s as f64 / YEAR_S as f64;
    let growth = 1.0 + carry * years;
    check_ratios(growth, strike / (spot * growth), volatility * years.sqrt())
        .map_err(|reason| option.error(reason))?;

    let scale = 2f64.powi(SPOT_EXPONENT - spot.log2().floor() as i32);
    // The checks above keep the strike below 2^21·10^5, far within the range of the type.
    let fixed = |x: f64| I80F48::from_num(x * scale);
    let report = OptionInput {
        kind,
        spot: fixed(spot),
        strike: fixed(strike),
        expiry_s,
        volatility_q32: q32(volatility),
        carry_q32: signed_q32(carry),
    }
    .report()
    .map_err(|error| option.error(error))?;
    let float = |x: I80F48| x.to_num::<f64>();
    Ok(OptionFigures {
        value: float(report.value) / scale,
        delta: float(report.delta),
        gamma: float(report.gamma) * scale,
        vega: float(report.vega) / scale,
        theta: float(report.theta) / scale,
    })
}

/// Prices every line of `input`; blank lines are skipped.
pub(super) fn price_lines(mut input: Source, output: &mut impl Write) -> Result<(), Failure> {
    while let Some(line) = input.next_line()? {
        if line.trim().is_empty() {
            continue;
        }
        let figures = price(&line, input.line)?;
        serde_json::to_writer(&mut *output, &figures).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
        if input.may_wait() {
            output.flush()?;
        }
    }
    Ok(())
}
