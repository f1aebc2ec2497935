//! Numbers as people write them, what the program counts in, and the way back for descriptions.

use super::ConfigError;
use crate::units::{from_q32, q32};
use ballast_risk::{Q32_ONE, time};
use ballast_state::QUOTE_DECIMALS;

/// What turns whole tokens into native units and lots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub decimals: u8,
    pub lot_size: u64,
}

impl Scale {
    /// Of numbers that count no tokens.
    pub const NONE: Self = Self::token(0);

    pub const fn token(decimals: u8) -> Self {
        Self {
            decimals,
            lot_size: 1,
        }
    }

    fn native_per_token(self) -> f64 {
        10f64.powi(i32::from(self.decimals))
    }
}

/// The unit of a number with its smallest and largest value, both as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// A fraction such as 0.05, shown as 5%.
    Percent(f64, f64),
    /// A factor.
    Times(f64, f64),
    /// Whole seconds.
    Seconds(f64, f64),
    /// USDC.
    Usdc(f64, f64),
    /// Whole tokens.
    Tokens,
    /// A lot in whole tokens.
    Lot,
    /// Whole tokens that are counted in lots; the bounds are lots.
    Lots(u64, u64),
    /// USDC per whole token, counted in quote units per lot; the bounds are those.
    Price(u64, u64),
}

const USDC: f64 = 10u64.pow(QUOTE_DECIMALS as u32) as f64;
const ANY: f64 = f64::MAX;
/// The most seconds that any parameter may have: a year.
pub(super) const YEAR_S: f64 = time::YEAR_S as f64;
/// The most seconds that parameters of what is written on an underlying may have: a week.
pub(super) const WEEK_S: f64 = time::WEEK_S as f64;

impl Unit {
    /// The number in the program's units.
    pub fn raw(self, value: f64, scale: Scale) -> Result<u64, String> {
        let (minimum, maximum, what) = match self {
            Self::Percent(minimum, maximum) => (minimum, maximum, "a fraction"),
            Self::Times(minimum, maximum) => (minimum, maximum, "a factor"),
            Self::Seconds(minimum, maximum) => (minimum, maximum, "seconds"),
            Self::Usdc(minimum, maximum) => (minimum, maximum, "USDC"),
            Self::Tokens | Self::Lots(..) => (0.0, ANY, "whole tokens"),
            Self::Lot => (0.0, ANY, "a lot in whole tokens"),
            Self::Price(..) => (0.0, ANY, "USDC per whole token"),
        };
        if !(minimum..=maximum).contains(&value) {
            let bounds = if maximum == ANY {
                format!("not below {minimum}")
            } else {
                format!("from {minimum} to {maximum}")
            };
            return Err(format!("{value} must be {what} {bounds}"));
        }
        let tokens = scale.native_per_token();
        let lot = scale.lot_size as f64;
        let (least, most, raw) = match self {
            // The program rounds its bounds down.
            Self::Percent(..) | Self::Times(..) => {
                return Ok(q32(value).min((maximum * Q32_ONE as f64) as u64));
            }
            Self::Seconds(..) => (0, u64::MAX, exact(value, "whole seconds")?),
            Self::Usdc(..) => (0, u64::MAX, exact(value * USDC, "millionths of a USDC")?),
            Self::Tokens => (0, u64::MAX, exact(value * tokens, "the token's units")?),
            Self::Lot => (1, 1 << 50, exact(value * tokens, "the token's units")?),
            Self::Lots(least, most) => (least, most, exact(value * tokens / lot, "lots")?),
            Self::Price(least, most) => {
                let raw = exact(value * USDC * lot / tokens, "quote units per lot")?;
                (least, most, raw)
            }
        };
        if !(least..=most).contains(&raw) {
            let bounds = [least, most].map(|raw| self.show(raw, scale));
            return Err(format!(
                "{value} must be from {} to {}",
                bounds[0], bounds[1]
            ));
        }
        Ok(raw)
    }

    /// The number as people read it.
    pub fn show(self, raw: u64, scale: Scale) -> String {
        let lots = raw as f64 * scale.lot_size as f64;
        match self {
            Self::Percent(..) => format!("{}%", trimmed(from_q32(raw) * 100.0)),
            Self::Times(..) => trimmed(from_q32(raw)),
            Self::Seconds(..) => format!("{raw} s"),
            Self::Usdc(..) => format!("{} USDC", trimmed(raw as f64 / USDC)),
            Self::Tokens | Self::Lot => trimmed(raw as f64 / scale.native_per_token()),
            Self::Lots(..) => trimmed(lots / scale.native_per_token()),
            Self::Price(..) => {
                let per_native = raw as f64 / scale.lot_size as f64;
                format!(
                    "{} USDC",
                    trimmed(per_native * scale.native_per_token() / USDC)
                )
            }
        }
    }
}

/// `number` if it is whole, up to the rounding of floats.
fn exact(number: f64, of: &str) -> Result<u64, String> {
    let whole = number.round();
    if (number - whole).abs() > 1e-9 + number.abs() * 1e-12 {
        return Err(format!("must be a whole number of {of}, not {number}"));
    }
    if whole >= u64::MAX as f64 {
        return Err("is too large".into());
    }
    Ok(whole as u64)
}

fn trimmed(value: f64) -> String {
    // Q32 is exact to ten decimals, so a percentage to more than six.
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// "deposit haircut initial 5% -> 6%".
pub(super) fn difference(field: &str, before: &str, after: &str) -> String {
    let label = field.strip_suffix("_s").unwrap_or(field).replace('_', " ");
    format!("{label} {before} -> {after}")
}

/// Numbers and their bounds in one place: from it come the section of the file, the program's parameters and the
/// description of a difference. The bounds are the program's own.
macro_rules! section {
    (
        $(#[$doc:meta])* $name:ident writes $args:ident
        { $($(#[$extra_doc:meta])* $extra:ident: $type:ty,)* }
        $($field:ident = $target:ident $([$place:literal])?: $unit:expr;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "numbers are named as the program's parameters")]
        pub struct $name {
            $($(#[$extra_doc])* pub $extra: $type,)*
            $(pub $field: f64,)*
        }

        impl $name {
            /// Writes the numbers in the program's units.
            fn write(&self, at: &str, scale: Scale, args: &mut $args) -> Result<(), ConfigError> {
                use Unit::*;
                $(args.$target$([$place])? = $unit
                    .raw(self.$field, scale)
                    .map_err(|problem| ConfigError::field(at, stringify!($field), problem))?;)*
                Ok(())
            }

            /// One text for each number that differs.
            fn differences(scale: Scale, before: &$args, after: &$args) -> Vec<String> {
                use Unit::*;
                let mut found = Vec::new();
                $(
                    let [old, new] = [before, after].map(|args| args.$target$([$place])?);
                    if old != new {
                        let [old, new] = [old, new].map(|raw| $unit.show(raw, scale));
                        found.push(field::difference(stringify!($field), &old, &new));
                    }
                )*
                found
            }
        }
    };
}
pub(super) use section;

impl ConfigError {
    pub(super) fn field(at: &str, field: &str, problem: impl Into<String>) -> Self {
        Self {
            path: format!("{at}.{field}"),
            problem: problem.into(),
        }
    }
}
