//! `ballast risk price`.

use std::{
    io::{self, BufRead, Write},
    ops::RangeInclusive,
};

use super::Failure;
use crate::input::InputError;
use ballast_risk::numbers::SECONDS_PER_YEAR;
use ballast_risk::pricing::{OptionInput, OptionKind};
use ballast_risk::surface::VOLATILITY_MAX_Q32;
use fixed::types::I80F48;
use serde::{Deserialize, Serialize};

/// One option.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionRow {
    kind: Kind,
    spot: f64,
    strike: f64,
    expiry_s: u64,
    vol: f64,
    #[serde(default)]
    carry: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Call,
    Put,
}

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

/// The engine's fixed point resolves about 1e-14. A power of two brings the spot to between 2^20 and 2^21 before and the
/// figures back afterwards, exactly, so that options on the cheapest tokens keep as many digits as those on the dearest.
const SPOT_EXPONENT: i32 = 20;

/// Prices that anything is quoted at.
const PRICES: RangeInclusive<f64> = 1e-12..=1e15;

/// Furthest strike from the forward, as a ratio: beyond, the engine would count it as this.
const STRIKE_RATIO_MAX: f64 = 1_000.0;

/// Prices one option.
///
/// # Errors
/// What is wrong with it.
pub fn price(row: &OptionRow) -> Result<OptionFigures, String> {
    for (name, value) in [("spot", row.spot), ("strike", row.strike)] {
        if !PRICES.contains(&value) {
            let (low, high) = (PRICES.start(), PRICES.end());
            return Err(format!(
                "{name} must lie between {low:e} and {high:e}, is {value}"
            ));
        }
    }
    let vol_max = (VOLATILITY_MAX_Q32 >> 32) as f64;
    if !(0.0..=vol_max).contains(&row.vol) {
        return Err(format!(
            "vol must lie between 0 and {vol_max}, is {}",
            row.vol
        ));
    }
    let growth = 1.0 + row.carry * (row.expiry_s as f64 / SECONDS_PER_YEAR as f64);
    if !(0.01..=100.0).contains(&growth) {
        return Err(format!(
            "carry of {} over {} s makes the forward {growth} times spot; it must lie between 0.01 and 100",
            row.carry, row.expiry_s
        ));
    }
    let ratio = row.strike / (row.spot * growth);
    if !(1.0 / STRIKE_RATIO_MAX..=STRIKE_RATIO_MAX).contains(&ratio) {
        return Err(format!(
            "strike must lie within a factor of {STRIKE_RATIO_MAX} of the forward, is {ratio} times it"
        ));
    }
    let q32 = |x: f64| (x * 2f64.powi(32)).round();
    let exponent = SPOT_EXPONENT - row.spot.log2().floor() as i32;
    let scale = 2f64.powi(exponent);
    let overflow = || "the prices are out of range".to_owned();
    let fixed = |x: f64| I80F48::checked_from_num(x * scale).ok_or_else(overflow);
    let report = OptionInput {
        kind: match row.kind {
            Kind::Call => OptionKind::Call,
            Kind::Put => OptionKind::Put,
        },
        spot: fixed(row.spot)?,
        strike: fixed(row.strike)?,
        expiry_s: row.expiry_s,
        volatility_q32: q32(row.vol) as u64,
        carry_q32: q32(row.carry) as i64,
    }
    .report()
    .map_err(|_| overflow())?;
    let plain = |x: I80F48| x.to_num::<f64>();
    Ok(OptionFigures {
        value: plain(report.value) / scale,
        delta: plain(report.delta),
        gamma: plain(report.gamma) * scale,
        vega: plain(report.vega) / scale,
        theta: plain(report.theta) / scale,
    })
}

/// Prices every line of `input`; blank lines are skipped.
pub(super) fn price_lines(input: impl BufRead, output: &mut impl Write) -> Result<(), Failure> {
    for (index, line) in input.lines().enumerate() {
        let number = index + 1;
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Failure::Input(InputError {
                line: number,
                reason: "is not UTF-8".to_owned(),
            }),
            _ => Failure::Io(error),
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let row: OptionRow =
            serde_json::from_str(&line).map_err(|error| InputError::from_json(&error, number))?;
        let figures = price(&row).map_err(|reason| InputError {
            line: number,
            reason,
        })?;
        serde_json::to_writer(&mut *output, &figures).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}
