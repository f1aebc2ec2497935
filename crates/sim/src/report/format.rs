//! Numbers and times as people read them.

use super::{Holdings, SettledRow};
use ballast_client::state::MarketKind;
use jiff::Timestamp;

/// Times before this are counted from 0, not from 1970.
const UNIX_FROM_S: i64 = 1_000_000_000;
const QUOTE_UNITS: u64 = 1_000_000;
/// Quote units in a cent.
const CENT: u64 = 10_000;

/// An integer with thousands separators.
pub fn integer(value: impl Into<i128>) -> String {
    let value = value.into();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "−" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count; like [`integer`] for `usize`.
pub fn count(value: usize) -> String {
    integer(value as i128)
}

/// Quote units as USDC with cents; an amount below a cent with all its digits, so that it never
/// reads as 0.
pub fn quote(value: i64) -> String {
    let units = value.unsigned_abs();
    let sign = if value < 0 { "−" } else { "" };
    if units > 0 && units < CENT {
        return format!("{sign}0.{units:06}");
    }
    let cents = (units + CENT / 2) / CENT;
    let whole = integer(cents / (QUOTE_UNITS / CENT));
    format!("{sign}{whole}.{:02}", cents % (QUOTE_UNITS / CENT))
}

/// Like [`quote`], with a plus sign for a gain.
pub fn quote_change(value: i64) -> String {
    if value > 0 {
        format!("+{}", quote(value))
    } else {
        quote(value)
    }
}

/// USDC with cents.
pub fn usdc(value: f64) -> String {
    let units = value * QUOTE_UNITS as f64;
    if units.is_finite() {
        quote(units.round() as i64)
    } else {
        ratio(value)
    }
}

/// USDC in thousands or millions, exact to `step`.
pub fn compact(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let (unit, suffix) = match value.abs().max(step) {
        size if size >= 1e9 => (1e9, "bn"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{suffix}", decimal(value / unit, decimals(step / unit)))
}

/// A number with as many decimals as a multiple of `step` needs.
pub fn plain(value: f64, step: f64) -> String {
    decimal(value, decimals(step))
}

/// A fraction in per cent, exact to `step`.
pub fn percent(fraction: f64, step: f64) -> String {
    format!("{}%", decimal(fraction * 100.0, decimals(step * 100.0)))
}

/// Equity by maintenance margin.
pub fn ratio(value: f64) -> String {
    decimal(value, 2)
}

/// Fixed decimals, a real minus sign, no negative zero, and signs for what is not a number.
pub fn decimal(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        return "–".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.into();
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| c == '0' || c == '.') => digits.into(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

fn decimals(step: f64) -> usize {
    (0..6)
        .find(|&n| {
            (step * 10f64.powi(n))
                .fract()
                .min(1.0 - (step * 10f64.powi(n)).fract())
                < 1e-6
        })
        .unwrap_or(6) as usize
}

/// Whether times are on a calendar or only counted from 0.
pub fn is_calendar(time_s: i64) -> bool {
    time_s >= UNIX_FROM_S
}

/// `strftime` in UTC; empty for a time that no calendar has.
fn clock(time_s: i64, pattern: &str) -> String {
    Timestamp::from_second(time_s)
        .map(|time| time.strftime(pattern).to_string())
        .unwrap_or_default()
}

/// Hours and minutes.
pub fn minute(time_s: i64) -> String {
    clock(time_s, "%H:%M")
}

/// Hours, minutes and seconds.
pub fn second(time_s: i64) -> String {
    clock(time_s, "%H:%M:%S")
}

/// Day and month, or the number of the day when counted from 0.
pub fn day(time_s: i64) -> String {
    if is_calendar(time_s) {
        clock(time_s, "%-d %b")
    } else {
        format!("day {}", time_s / 86_400)
    }
}

/// From when to when, for the head of the page.
pub fn span(start_s: i64, end_s: i64) -> String {
    if !is_calendar(start_s) {
        return format!("{} simulated", duration(end_s - start_s));
    }
    let last = if start_s / 86_400 == end_s / 86_400 {
        "%H:%M UTC"
    } else {
        "%-d %B %Y, %H:%M UTC"
    };
    format!(
        "{} – {}",
        clock(start_s, "%-d %B %Y, %H:%M"),
        clock(end_s, last)
    )
}

/// A length of time in its largest whole unit.
pub fn duration(seconds: i64) -> String {
    let (count, unit) = match seconds {
        s if s != 0 && s % 86_400 == 0 => (s / 86_400, "day"),
        s if s != 0 && s % 3_600 == 0 => (s / 3_600, "hour"),
        s if s != 0 && s % 60 == 0 => (s / 60, "minute"),
        s => (s, "second"),
    };
    if count == 1 {
        unit.into()
    } else {
        format!("{count} {unit}s")
    }
}

/// The first and last characters of an address.
pub fn short_address(address: &str) -> String {
    let characters: Vec<char> = address.chars().collect();
    if characters.len() <= 12 {
        return address.into();
    }
    let ends = |range: &[char]| range.iter().collect::<String>();
    format!(
        "{}…{}",
        ends(&characters[..4]),
        ends(&characters[characters.len() - 4..])
    )
}

/// What an account holds, by kind.
pub fn holdings(held: &Holdings) -> String {
    let kinds = [
        (held.deposits, "deposit"),
        (held.loans, "loan"),
        (held.perpetuals, "perpetual"),
        (held.futures, "future"),
        (held.options, "option"),
    ];
    let words: Vec<String> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }))
        .collect();
    words.join(", ")
}

/// Name of a dated market.
pub fn market(row: &SettledRow) -> String {
    let asset = &row.asset;
    let strike = number(row.strike);
    match row.kind {
        MarketKind::Perpetual => format!("{asset} perpetual"),
        MarketKind::Future => format!("{asset} future"),
        MarketKind::Call => format!("{asset} {strike} call"),
        MarketKind::Put => format!("{asset} {strike} put"),
    }
}

/// A price or a number of tokens: cents where it has any.
pub fn number(value: f64) -> String {
    let text = usdc(value);
    text.strip_suffix(".00").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_separators_and_never_hide_a_rest() {
        assert_eq!(quote(0), "0.00");
        assert_eq!(quote(1), "0.000001");
        assert_eq!(quote(-9_999), "−0.009999");
        assert_eq!(quote(1_234_567_894_999), "1,234,567.89");
        assert_eq!(quote(-1_234_567_895_000), "−1,234,567.90");
        assert_eq!(quote(i64::MIN), "−9,223,372,036,854.78");
        assert_eq!(quote_change(5_000_000), "+5.00");
        assert_eq!(usdc(-1234.5), "−1,234.50");
        assert_eq!(usdc(f64::INFINITY), "∞");
        assert_eq!(integer(1_000u64), "1,000");
    }

    #[test]
    fn axis_numbers_are_exact_to_the_step() {
        assert_eq!(compact(12_450_000.0, 50_000.0), "12.45M");
        assert_eq!(compact(250_000.0, 10_000.0), "250k");
        assert_eq!(compact(0.0, 50_000.0), "0");
        assert_eq!(percent(0.125, 0.025), "12.5%");
        assert_eq!(plain(-0.0001, 1.0), "0");
        assert_eq!(ratio(f64::NAN), "–");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(second(1_760_128_200), "20:30:00");
        assert_eq!(
            span(1_760_128_200, 1_760_135_400),
            "10 October 2025, 20:30 – 22:30 UTC"
        );
        assert_eq!(span(0, 7_200), "2 hours simulated");
        assert_eq!(minute(i64::MAX), "");
        assert_eq!(duration(60), "minute");
        assert_eq!(duration(10), "10 seconds");
    }

    #[test]
    fn holdings_are_counted_by_kind() {
        let held = Holdings {
            deposits: 2,
            options: 1,
            ..Holdings::default()
        };
        assert_eq!(holdings(&held), "2 deposits, 1 option");
        assert_eq!(holdings(&Holdings::default()), "");
        assert_eq!(
            (number(122_000.0), number(0.5)),
            ("122,000".into(), "0.50".into())
        );
    }

    #[test]
    fn addresses_are_shortened_by_characters() {
        assert_eq!(short_address("äöüäöüäöüäöüäöü"), "äöüä…üäöü");
        assert_eq!(short_address("trader 1"), "trader 1");
    }
}
