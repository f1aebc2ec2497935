//! What people call assets, underlyings and markets.

use ballast_state::{EXPIRY_TIME_OF_DAY_S, Exchange, MarketKind, MarketTerms, NONE, QUOTE_ASSET};
use jiff::{Timestamp, tz::TimeZone};

use crate::amounts::{Decimal, Scale};
use crate::failure::Failure;

/// A zero-padded ticker as text.
pub fn text(ticker: &[u8]) -> String {
    let end = ticker.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&ticker[..end.unwrap_or(ticker.len())]).into_owned()
}

/// Ticker of an underlying.
pub fn underlying(exchange: &Exchange, index: u8) -> String {
    match exchange.underlying(index) {
        Ok(listed) => text(&listed.name),
        Err(_) => format!("#{index}"),
    }
}

/// Ticker of an asset: what its price feed is the price of. Assets that share one have their number behind it.
pub fn asset(exchange: &Exchange, index: u8) -> String {
    let of = |index: u8| {
        let feed = exchange
            .asset(index)
            .and_then(|listed| exchange.feed(listed.feed));
        let name = feed.map(|feed| text(&feed.name)).ok()?;
        Some(name.split('/').next().unwrap_or(&name).to_owned())
    };
    let Some(name) = of(index) else {
        return format!("#{index}");
    };
    let is_shared = (0..index).any(|other| of(other).as_ref() == Some(&name));
    if is_shared {
        format!("{name}#{index}")
    } else {
        name
    }
}

/// The name of a feed.
pub fn feed(exchange: &Exchange, index: u8) -> String {
    match exchange.feed(index) {
        Ok(feed) => text(&feed.name),
        Err(_) => format!("#{index}"),
    }
}

/// The underlying of a ticker.
pub fn find_underlying(exchange: &Exchange, name: &str) -> Result<u8, Failure> {
    let indexes = 0..exchange.underlying_count;
    let mut found = indexes.filter(|index| underlying(exchange, *index).eq_ignore_ascii_case(name));
    found.next().ok_or_else(|| {
        let all = (0..exchange.underlying_count).map(|index| underlying(exchange, index));
        Failure::input(unknown("underlying", name, all))
    })
}

/// The asset of a ticker or mint.
pub fn find_asset(exchange: &Exchange, name: &str) -> Result<u8, Failure> {
    let mut indexes = 0..exchange.asset_count;
    let found = indexes.find(|index| {
        let is_mint = exchange
            .asset(*index)
            .is_ok_and(|listed| listed.mint.to_string() == name);
        is_mint || asset(exchange, *index).eq_ignore_ascii_case(name)
    });
    found.ok_or_else(|| {
        let all = (0..exchange.asset_count).map(|index| asset(exchange, index));
        Failure::input(unknown("asset", name, all))
    })
}

fn unknown(what: &str, name: &str, all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    format!("there is no {what} `{name}`; there are {}", all.join(", "))
}

/// The day of an expiry, or its minute when it is not at the usual time of day.
pub fn expiry(unix: i64) -> String {
    let usual = unix.rem_euclid(86_400) == EXPIRY_TIME_OF_DAY_S;
    let format = if usual { "%Y%m%d" } else { "%Y%m%dT%H%M" };
    match Timestamp::from_second(unix) {
        Ok(time) => time.to_zoned(TimeZone::UTC).strftime(format).to_string(),
        Err(_) => unix.to_string(),
    }
}

/// An address for people: its beginning and its end.
pub fn short(key: &impl ToString) -> String {
    let text = key.to_string();
    match (text.get(..4), text.get(text.len().saturating_sub(4)..)) {
        (Some(head), Some(tail)) if text.len() > 12 => format!("{head}…{tail}"),
        _ => text,
    }
}

/// A time for people, UTC.
pub fn time(unix: i64) -> String {
    match Timestamp::from_second(unix) {
        Ok(time) => time
            .to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => unix.to_string(),
    }
}

/// A span of seconds for people.
pub fn span(seconds: i64) -> String {
    let (sign, seconds) = if seconds < 0 {
        ("-", -seconds)
    } else {
        ("", seconds)
    };
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3_600);
    let (minutes, rest) = (seconds % 3_600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{rest}s"),
        (0, 0, _) => format!("{sign}{minutes}m{rest:02}s"),
        (0, _, _) => format!("{sign}{hours}h{minutes:02}m"),
        _ => format!("{sign}{days}d{hours:02}h"),
    }
}

/// A market's name: SOL-PERP, SOL-20261225, SOL-20261225-150-C.
pub fn market(exchange: &Exchange, terms: &MarketTerms) -> String {
    let name = underlying(exchange, terms.underlying);
    let strike = || match Scale::of(exchange, terms.underlying) {
        Ok(scale) => scale.price(terms.strike).to_string(),
        Err(_) => terms.strike.to_string(),
    };
    match terms.kind() {
        Ok(MarketKind::Perpetual) => format!("{name}-PERP"),
        Ok(MarketKind::Future) => format!("{name}-{}", expiry(terms.expiry)),
        Ok(MarketKind::Call) => format!("{name}-{}-{}-C", expiry(terms.expiry), strike()),
        Ok(MarketKind::Put) => format!("{name}-{}-{}-P", expiry(terms.expiry), strike()),
        Err(_) => format!("{name}-?"),
    }
}

/// The terms of a market's name, in capitals or not.
pub fn find_market(exchange: &Exchange, name: &str) -> Result<MarketTerms, Failure> {
    let wrong = |problem: String| {
        Failure::input(format!(
            "`{name}` is no market such as SOL-PERP, SOL-20261225 or SOL-20261225-150-C: {problem}"
        ))
    };
    let (index, rest) =
        split_underlying(exchange, name).ok_or_else(|| match find_underlying(exchange, name) {
            Ok(_) => wrong("say which market on it".into()),
            Err(failure) => wrong(failure.reason),
        })?;
    if rest.eq_ignore_ascii_case("PERP") {
        return Ok(MarketTerms::perpetual(index));
    }
    let parts: Vec<&str> = rest.split('-').collect();
    let date = parse_expiry(parts[0]).ok_or_else(|| {
        wrong(format!(
            "`{}` is neither PERP nor a date such as 20261225",
            parts[0]
        ))
    })?;
    let terms = |kind: MarketKind, strike| MarketTerms {
        expiry: date,
        strike,
        underlying: index,
        kind: kind as u8,
        ..MarketTerms::default()
    };
    match parts[1..] {
        [] => Ok(terms(MarketKind::Future, 0)),
        [strike, kind] => {
            let kind = match kind {
                "C" | "c" => MarketKind::Call,
                "P" | "p" => MarketKind::Put,
                _ => return Err(wrong(format!("`{kind}` is neither C nor P"))),
            };
            let strike: Decimal = strike.parse().map_err(&wrong)?;
            let scale = Scale::of(exchange, index)?;
            let strike = scale.per_lot(strike).map_err(&wrong)?;
            Ok(terms(kind, strike))
        }
        _ => Err(wrong("behind the date come strike and C or P".into())),
    }
}

/// The underlying with the longest ticker that a name begins with, and what is behind it.
fn split_underlying<'a>(exchange: &Exchange, name: &'a str) -> Option<(u8, &'a str)> {
    let matches = (0..exchange.underlying_count).filter_map(|index| {
        let ticker = underlying(exchange, index);
        let head = name.get(..ticker.len())?;
        let rest = name.get(ticker.len()..)?.strip_prefix('-')?;
        head.eq_ignore_ascii_case(&ticker)
            .then_some((ticker.len(), index, rest))
    });
    matches
        .max_by_key(|(len, _, _)| *len)
        .map(|(_, index, rest)| (index, rest))
}

fn parse_expiry(text: &str) -> Option<i64> {
    let (day, time_s) = match text.to_ascii_uppercase().split_once('T') {
        None => (text.to_owned(), EXPIRY_TIME_OF_DAY_S),
        Some((day, time)) => {
            let is_time = time.len() == 4 && time.bytes().all(|byte| byte.is_ascii_digit());
            let time: i64 = time.parse().ok().filter(|_| is_time)?;
            if time / 100 > 23 || time % 100 > 59 {
                return None;
            }
            (day.to_owned(), time / 100 * 3_600 + time % 100 * 60)
        }
    };
    if day.len() != 8 {
        return None;
    }
    let date = jiff::civil::Date::strptime("%Y%m%d", &day).ok()?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some(midnight + time_s)
}

/// The exponent of ten between board prices (quote units per native unit) and USD per whole unit, of a feed.
pub fn feed_exponent(exchange: &Exchange, feed: u8) -> i32 {
    let decimals = exchange.feed(feed).map_or(6, |feed| feed.unit_decimals);
    i32::from(decimals) - 6
}

/// The assets and underlyings that a feed prices.
pub fn priced_by(exchange: &Exchange, feed: u8) -> Vec<String> {
    let underlyings = (0..exchange.underlying_count)
        .filter(|index| {
            exchange
                .underlying(*index)
                .is_ok_and(|listed| listed.feed == feed)
        })
        .map(|index| underlying(exchange, index));
    let assets = (0..exchange.asset_count)
        .filter(|index| {
            exchange.asset(*index).is_ok_and(|listed| {
                listed.feed == feed && (listed.underlying == NONE || *index == QUOTE_ASSET)
            })
        })
        .map(|index| asset(exchange, index));
    underlyings.chain(assets).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use bytemuck::allocation::zeroed_box;

    /// USDC, SOL and ETH, with lots of 0.01 SOL and 0.001 ETH.
    pub fn exchange() -> Box<Exchange> {
        let mut exchange: Box<Exchange> = zeroed_box();
        (
            exchange.asset_count,
            exchange.underlying_count,
            exchange.feed_count,
        ) = (3, 2, 3);
        for (index, (name, decimals)) in [("USDC", 6), ("SOL", 9), ("ETH", 8)]
            .into_iter()
            .enumerate()
        {
            let feed = &mut exchange.feeds[index];
            feed.name[..name.len() + 4].copy_from_slice(format!("{name}/USD").as_bytes());
            feed.unit_decimals = decimals;
            feed.kind = 1;
            feed.max_age_s = 60;
            feed.max_confidence_q32 = 1 << 27;
            feed.compare_with = NONE;
            let asset = &mut exchange.assets[index];
            asset.decimals = decimals;
            asset.feed = index as u8;
            asset.underlying = if index == 0 { NONE } else { index as u8 - 1 };
            if let Some(place) = index.checked_sub(1) {
                let underlying = &mut exchange.underlyings[place];
                underlying.name[..name.len()].copy_from_slice(name.as_bytes());
                underlying.lot_size = 10u64.pow(u32::from(decimals) - 2 - place as u32);
                underlying.feed = index as u8;
            }
        }
        exchange
    }

    #[test]
    fn markets_have_names() {
        let exchange = exchange();
        for name in [
            "SOL-PERP",
            "ETH-20261225",
            "SOL-20261225-150-C",
            "SOL-20261225-152.5-P",
            "ETH-20270101T1530",
        ] {
            let terms = find_market(&exchange, name).unwrap();
            assert_eq!(market(&exchange, &terms), name);
            let same = find_market(&exchange, &name.to_lowercase()).unwrap();
            assert_eq!(same, terms);
        }
        let terms = find_market(&exchange, "SOL-20261225-150-C").unwrap();
        // 08:00 UTC on 25 December 2026.
        assert_eq!(terms.expiry, 1_798_185_600);
        assert_eq!(
            (terms.strike, terms.underlying, terms.kind),
            (1_500_000, 0, 2)
        );
        for (name, problem) in [
            ("BTC-PERP", "there are SOL, ETH"),
            ("SOL", "which market"),
            ("SOL-PERPS", "neither PERP nor a date"),
            ("SOL-20261325", "neither PERP nor a date"),
            ("SOL-20261225-150", "strike and C or P"),
            ("SOL-20261225-150-X", "neither C nor P"),
            ("SOL-20261225-abc-C", "no decimal number"),
            ("SOL-20261225-150.00001-C", "price step"),
        ] {
            let failure = find_market(&exchange, name).unwrap_err();
            assert!(failure.reason.contains(problem), "{}", failure.reason);
        }
    }

    #[test]
    fn assets_are_known_by_ticker_and_mint() {
        let mut exchange = exchange();
        exchange.assets[2].mint = anchor_lang::prelude::Pubkey::new_from_array([7; 32]);
        assert_eq!(find_asset(&exchange, "sol").unwrap(), 1);
        let mint = exchange.assets[2].mint.to_string();
        assert_eq!(find_asset(&exchange, &mint).unwrap(), 2);
        assert!(find_asset(&exchange, "DOGE").is_err());
        // Two assets that share a feed.
        exchange.assets[2].feed = 1;
        assert_eq!(asset(&exchange, 2), "SOL#2");
        assert_eq!(find_asset(&exchange, "SOL#2").unwrap(), 2);
    }

    #[test]
    fn spans_are_short() {
        let all = [5, 65, 3_720, 90_000, -5].map(span);
        assert_eq!(all, ["5s", "1m05s", "1h02m", "1d01h", "-5s"]);
    }
}
