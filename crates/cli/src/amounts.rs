//! Exact decimal numbers: what people type and what they are shown. Money is never a float.

use std::fmt;
use std::str::FromStr;

use ballast_state::{Exchange, QUOTE_DECIMALS, StateError};
use fixed::types::I80F48;
use serde::{Serialize, Serializer};

/// Digits behind the point of prices in JSON, at most.
const PRICE_PLACES: u32 = 12;
/// Most digits that a decimal can have and still be computed with.
const DIGITS_MAX: usize = 30;

/// A decimal number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    units: i128,
    places: u32,
}

fn ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// `a / b`, rounded to the nearest, halves away from zero.
fn divided(a: i128, b: i128) -> i128 {
    let (quotient, rest) = (a / b, a % b);
    let up = rest.unsigned_abs() >= b.unsigned_abs().div_ceil(2);
    quotient + if up { a.signum() * b.signum() } else { 0 }
}

impl Decimal {
    /// So many units of `10^-decimals`.
    pub fn new(units: impl Into<i128>, decimals: impl Into<u32>) -> Self {
        Self {
            units: units.into(),
            places: decimals.into(),
        }
    }

    /// Quote units.
    pub fn usd(units: impl Into<i128>) -> Self {
        Self::new(units, QUOTE_DECIMALS)
    }

    /// `a / b`, rounded to so many places; fewer where there is no room for them.
    pub fn ratio(a: i128, b: i128, places: u32) -> Self {
        if b == 0 {
            return Self::default();
        }
        let mut places = places;
        loop {
            match ten(places).and_then(|scale| a.checked_mul(scale)) {
                Some(scaled) => return Self::new(divided(scaled, b), places),
                None if places == 0 => return Self::default(),
                None => places -= 1,
            }
        }
    }

    /// `value × 10^exponent`, rounded to so many places; fewer where there is no room for them.
    pub fn fixed(value: I80F48, exponent: i32, places: u32) -> Self {
        let bits = value.to_bits();
        let mut places = places;
        loop {
            let shift = exponent + places as i32;
            let scaled = if shift >= 0 {
                ten(shift.unsigned_abs()).and_then(|scale| {
                    let whole = (bits >> 48).checked_mul(scale)?;
                    let part = divided((bits & ((1 << 48) - 1)).checked_mul(scale)?, 1 << 48);
                    whole.checked_add(part)
                })
            } else {
                ten(shift.unsigned_abs())
                    .and_then(|scale| scale.checked_mul(1 << 48))
                    .map(|scale| divided(bits, scale))
            };
            match scaled {
                Some(units) => return Self::new(units, places),
                None if places == 0 => return Self::default(),
                None => places -= 1,
            }
        }
    }

    /// A Q32 number to nine places.
    pub fn q32(value: impl Into<i128>) -> Self {
        Self::ratio(value.into(), 1 << 32, 9)
    }

    /// As units of `10^-decimals`; nothing when it has more places than that, or no room.
    pub fn exact(self, decimals: u32) -> Option<i128> {
        let Self { units, places } = self.normalized();
        ten(decimals.checked_sub(places)?)?.checked_mul(units)
    }

    /// As a Q32 number, rounded to the nearest; nothing when it is out of range.
    pub fn to_q32(self) -> Option<i64> {
        let scaled = self.units.checked_mul(1 << 32)?;
        i64::try_from(divided(scaled, ten(self.places)?)).ok()
    }

    /// Without zeros at its end.
    fn normalized(mut self) -> Self {
        while self.places > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.places -= 1;
        }
        self
    }

    /// Whether it is below 0.
    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Its size.
    pub fn size(self) -> Self {
        Self {
            units: self.units.abs(),
            ..self
        }
    }

    fn rounded(self, places: u32) -> Self {
        match self.places.checked_sub(places).and_then(ten) {
            Some(scale) if self.places > places => Self::new(divided(self.units, scale), places),
            _ => self,
        }
    }

    /// For people: rounded to so many places, thousands apart.
    pub fn shown(self, places: u32) -> String {
        let rounded = self.rounded(places);
        let scale = ten(rounded.places).unwrap_or(1);
        let size = rounded.units.abs();
        let (whole, part) = (size / scale, size % scale);
        let digits = whole.to_string();
        let mut text = String::new();
        if rounded.units < 0 {
            text.push('-');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if places > 0 {
            let mut part = if rounded.places == 0 {
                String::new()
            } else {
                format!("{part:0width$}", width = rounded.places as usize)
            };
            while part.len() < places as usize {
                part.push('0');
            }
            text.push('.');
            text.push_str(&part);
        }
        text
    }

    /// Money: to the cent.
    pub fn money(self) -> String {
        self.shown(2)
    }

    /// Money where there is little room: cents only below 10,000.
    pub fn short_money(self) -> String {
        let is_large = ten(self.places).is_some_and(|one| self.units.abs() >= 10_000 * one);
        self.shown(if is_large { 0 } else { 2 })
    }

    /// Money with its sign, also when it is positive.
    pub fn signed_money(self) -> String {
        if self.units > 0 {
            format!("+{}", self.money())
        } else {
            self.money()
        }
    }

    /// An amount or size: what has been typed is shown whole up to six places.
    pub fn amount(self) -> String {
        let text = self.shown(6);
        match text.split_once('.') {
            Some((whole, part)) => match part.trim_end_matches('0') {
                "" => whole.to_owned(),
                part => format!("{whole}.{part}"),
            },
            None => text,
        }
    }

    /// A price: to six significant digits or the cent, whichever is more.
    pub fn price(self) -> String {
        let size = self.size();
        let above = |bound: i128| ten(self.places).is_some_and(|one| size.units >= bound * one);
        self.shown(if above(1_000) {
            2
        } else if above(1) {
            4
        } else {
            6
        })
    }

    /// A fraction in percent.
    pub fn percent(self, places: u32) -> String {
        let hundredfold = match self.places {
            0 => Self::new(self.units.saturating_mul(100), 0u32),
            1 => Self::new(self.units.saturating_mul(10), 0u32),
            places => Self::new(self.units, places - 2),
        };
        format!("{}%", hundredfold.shown(places))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.normalized(), other.normalized());
        (a.units, a.places) == (b.units, b.places)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { units, places } = self.normalized();
        let scale = ten(places).unwrap_or(1);
        let sign = if units < 0 { "-" } else { "" };
        write!(formatter, "{sign}{}", units.abs() / scale)?;
        if places > 0 {
            let width = places as usize;
            write!(formatter, ".{:0width$}", units.abs() % scale)?;
        }
        Ok(())
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no decimal number such as 12.5");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all: String = [whole, part].concat().replace('_', "");
        let is_number = !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || (whole.is_empty() && part.is_empty()) {
            return Err(wrong());
        }
        if all.trim_start_matches('0').len() > DIGITS_MAX {
            return Err(format!("`{text}` has too many digits"));
        }
        let units: i128 = all.parse().map_err(|_| wrong())?;
        let places = part.replace('_', "").len();
        Ok(Self {
            units: if negative { -units } else { units },
            places: u32::try_from(places).map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount that may be everything there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// All of it.
    All,
    /// So much.
    Exactly(Decimal),
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" | "ALL" => Ok(Self::All),
            _ => {
                let amount: Decimal = text.parse()?;
                if amount.is_negative() || amount.is_zero() {
                    return Err("must be more than 0, or `all`".into());
                }
                Ok(Self::Exactly(amount))
            }
        }
    }
}

/// What is typed for a token with `decimals`, in its smallest units.
pub fn native(amount: Decimal, decimals: u8) -> Result<u64, String> {
    let exact = amount.exact(decimals.into());
    exact
        .and_then(|units| u64::try_from(units).ok())
        .ok_or_else(|| {
            format!("{amount} is negative, too much, or has more than {decimals} decimals")
        })
}

/// Between an underlying's whole units and the lots in which positions, orders and prices count.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Base units in a lot.
    pub lot_size: u64,
    /// A whole unit is `10^decimals` base units.
    pub decimals: u8,
}

impl Scale {
    /// Of an underlying.
    pub fn of(exchange: &Exchange, underlying: u8) -> Result<Self, StateError> {
        let listed = exchange.underlying(underlying)?;
        Ok(Self {
            lot_size: listed.lot_size,
            decimals: exchange.feed(listed.feed)?.unit_decimals,
        })
    }

    /// Lots in whole units.
    pub fn size(&self, lots: impl Into<i128>) -> Decimal {
        let lots: i128 = lots.into();
        Decimal::new(lots.saturating_mul(self.lot_size.into()), self.decimals)
    }

    /// Whole units in lots.
    pub fn lots(&self, size: Decimal) -> Result<u64, String> {
        let lot = i128::from(self.lot_size.max(1));
        let units = size.exact(self.decimals.into());
        units
            .filter(|units| *units > 0 && units % lot == 0)
            .and_then(|units| u64::try_from(units / lot).ok())
            .ok_or_else(|| format!("{size} is not a multiple of the lot, {}", self.size(1)))
    }

    /// Quote units per lot in USD per whole unit.
    pub fn price(&self, per_lot: impl Into<i128>) -> Decimal {
        let scaled = ten(self.decimals.into()).and_then(|unit| per_lot.into().checked_mul(unit));
        let lot = i128::from(self.lot_size) * 1_000_000;
        Decimal::ratio(scaled.unwrap_or(0), lot, PRICE_PLACES)
    }

    /// The same of a fixed-point price.
    pub fn mark(&self, per_lot: I80F48) -> Decimal {
        let per_unit = per_lot.checked_div_int(i128::from(self.lot_size.max(1)));
        let exponent = i32::from(self.decimals) - i32::from(QUOTE_DECIMALS);
        // A lot is at least one base unit: what the division loses is far behind the digits that are shown.
        Decimal::fixed(per_unit.unwrap_or_default(), exponent, 9)
    }

    /// USD per whole unit in quote units per lot.
    pub fn per_lot(&self, price: Decimal) -> Result<u64, String> {
        let Decimal { units, places } = price.normalized();
        let scaled = i128::from(self.lot_size).checked_mul(1_000_000);
        let scaled = scaled.and_then(|scale| units.checked_mul(scale));
        let unit = ten(places + u32::from(self.decimals));
        scaled
            .zip(unit)
            .filter(|(scaled, unit)| scaled % unit == 0)
            .and_then(|(scaled, unit)| u64::try_from(scaled / unit).ok())
            .ok_or_else(|| {
                format!(
                    "{price} is not a multiple of the price step, {}",
                    self.price(1)
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn decimals_are_read_exactly() {
        for (text, units, decimals) in [
            ("1", 1_000_000, 6),
            ("0.1", 100_000, 6),
            ("1_000.5", 1_000_500_000, 6),
            (".5", 500_000, 6),
            ("5.", 5_000_000, 6),
            ("0.000001", 1, 6),
            ("0.00000100", 1, 6),
            ("9007199254740993", 9_007_199_254_740_993, 0),
            ("18446744073709551615", u64::MAX, 0),
        ] {
            assert_eq!(native(decimal(text), decimals), Ok(units), "{text}");
        }
        for text in [
            "", ".", "-", "1e5", "1,000", "0x1", "NaN", "1.2.3", " 1", "--1",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        assert!(native(decimal("0.0000001"), 6).is_err());
        assert!(native(decimal("-1"), 6).is_err());
        assert!(native(decimal("18446744073709551616"), 0).is_err());
        assert!("1".repeat(40).parse::<Decimal>().is_err());
        assert_eq!("all".parse(), Ok(Amount::All));
        assert!("0".parse::<Amount>().is_err() && "-1".parse::<Amount>().is_err());
    }

    #[test]
    fn decimals_are_shown() {
        assert_eq!(decimal("-1234567.895").money(), "-1,234,567.90");
        assert_eq!(decimal("0.004").money(), "0.00");
        assert_eq!(decimal("5").signed_money(), "+5.00");
        assert_eq!(decimal("12.5000").amount(), "12.5");
        assert_eq!(decimal("1000").amount(), "1,000");
        assert_eq!(decimal("0.05").percent(1), "5.0%");
        assert_eq!(decimal("1").percent(2), "100.00%");
        assert_eq!(decimal("0.5").percent(0), "50%");
        assert_eq!(decimal("150.25").price(), "150.2500");
        assert_eq!(decimal("64012.3").price(), "64,012.30");
        assert_eq!(decimal("0.0001").price(), "0.000100");
        assert_eq!(decimal("-0.50").to_string(), "-0.5");
        assert_eq!(
            serde_json::to_string(&decimal("10.10")).unwrap(),
            "\"10.1\""
        );
        assert_eq!(Decimal::q32(1i64 << 31), decimal("0.5"));
        assert_eq!(decimal("-0.2").to_q32(), Some(-858_993_459));
    }

    #[test]
    fn prices_are_per_whole_unit() {
        // Lots of 0.01 SOL: 150.25 USD are 1,502,500 quote units a lot.
        let sol = Scale {
            lot_size: 10_000_000,
            decimals: 9,
        };
        assert_eq!(sol.per_lot(decimal("150.25")), Ok(1_502_500));
        assert_eq!(sol.price(1_502_500), decimal("150.25"));
        assert_eq!(sol.lots(decimal("0.5")), Ok(50));
        assert_eq!(sol.size(-50), decimal("-0.5"));
        assert!(sol.lots(decimal("0.005")).is_err());
        assert!(sol.lots(decimal("0")).is_err());
        assert!(sol.per_lot(decimal("150.00005")).is_err());
        assert!(sol.per_lot(decimal("-1")).is_err());
        let per_lot = I80F48::from_num(1_502_500.5);
        assert_eq!(sol.mark(per_lot), decimal("150.25005"));
    }

    #[test]
    fn fixed_point_numbers_keep_what_fits() {
        // 0.25 quote units per 10^-9 SOL are 250 USD.
        assert_eq!(Decimal::fixed(I80F48::from_num(0.25), 3, 9), decimal("250"));
        assert_eq!(
            Decimal::fixed(I80F48::from_num(-0.25), 3, 9),
            decimal("-250")
        );
        assert!(!Decimal::fixed(I80F48::MAX, 12, 9).is_zero());
        assert_eq!(
            Decimal::fixed(I80F48::from_num(1234), -3, 3),
            decimal("1.234")
        );
    }
}
