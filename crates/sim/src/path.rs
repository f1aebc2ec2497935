//! Price paths: what the market does while the demo runs.
//!
//! A path is either read from a file ([`PricePath::from_csv`]) or one of the named histories ([`HISTORIES`]).
//! Where USDC is not part of a path its price is 1.0.

use anyhow::{Context, Result, bail, ensure};
use std::ops::Range;

mod bleed;
mod depeg;
mod gap;
mod manipulation;
mod october;
mod outage;
mod sketch;

pub use manipulation::PUSH_S;

/// Assets a file may have a column for.
pub const ASSETS: [&str; 3] = ["SOL", "ETH", "BTC"];
/// The quote asset, of which only the history `depeg` has prices.
pub const QUOTE: &str = "USDC";
/// The token that is pushed up in the history `manipulation`; its fair price is its first.
pub const THIN: &str = "THIN";

/// The named histories, each with what happens in it.
pub const HISTORIES: [(&str, &str); 6] = [
    (
        "october",
        "the fall of 10 October 2025, reconstructed from its published points",
    ),
    (
        "gap",
        "SOL and ETH 30% and BTC 25% lower from one price to the next",
    ),
    ("bleed", "a fall of 33% to 45% in small steps over 36 hours"),
    (
        "depeg",
        "USDC falls to 0.90 US dollars and comes back in part",
    ),
    (
        "manipulation",
        "a thin token is pushed up to ten times its price, and its attacker takes what he can",
    ),
    ("outage", "no oracle publishes for 20 minutes of a crash"),
];

/// Prices over time.
#[derive(Clone, Debug, PartialEq)]
pub struct PricePath {
    /// Short name, shown as the report's title.
    pub name: String,
    /// Where the prices come from, and what of them is published or reconstructed; shown in the
    /// report.
    pub note: String,
    /// Symbols, in the order of every point's prices.
    pub assets: Vec<String>,
    /// At least two points, times strictly rising.
    pub points: Vec<PricePoint>,
    /// When the market moves and no oracle publishes, in the points' time.
    pub outages: Vec<Range<i64>>,
}

/// The prices of all assets of a path at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct PricePoint {
    /// Unix seconds, or seconds from 0.
    pub time_s: i64,
    /// USD per whole token, one for each asset of the path; positive and finite.
    pub prices: Vec<f64>,
}

impl PricePath {
    /// The fall of 10 October 2025, 20:30 to 22:30 UTC: SOL, ETH and BTC.
    ///
    /// Published are the levels before and at the low, the start of the cascade (20:50) and its
    /// worst minute (21:15), and the rounded levels about half an hour after the low. Everything
    /// between is reconstructed: a line through these points with correlated noise that is the same
    /// for the same `seed` and never leaves the published extremes.
    pub fn october_2025(seed: u64) -> Self {
        Self {
            name: "10 October 2025".into(),
            note: october::NOTE.into(),
            assets: ASSETS.map(String::from).to_vec(),
            points: october::points(seed),
            outages: Vec::new(),
        }
    }

    /// One of the [`HISTORIES`] by its name. Its noise is the same for the same `seed`.
    pub fn named(name: &str, seed: u64) -> Option<Self> {
        let [sol, eth, btc] = ASSETS;
        let (title, note, assets, points) = match name {
            "october" => return Some(Self::october_2025(seed)),
            "gap" => (
                "A gap of 30%",
                gap::NOTE,
                ASSETS.to_vec(),
                gap::SKETCH.points(seed),
            ),
            "bleed" => (
                "A slow bleed",
                bleed::NOTE,
                ASSETS.to_vec(),
                bleed::SKETCH.points(seed),
            ),
            "depeg" => (
                "USDC at 0.90",
                depeg::NOTE,
                vec![QUOTE, sol, eth, btc],
                depeg::SKETCH.points(seed),
            ),
            "manipulation" => (
                "A thin token pushed up",
                manipulation::NOTE,
                vec![sol, eth, btc, THIN],
                manipulation::SKETCH.points(seed),
            ),
            "outage" => (
                "Oracles silent in a crash",
                outage::NOTE,
                ASSETS.to_vec(),
                outage::SKETCH.points(seed),
            ),
            _ => return None,
        };
        let outages = match name {
            "outage" => vec![outage::SILENT_S],
            _ => Vec::new(),
        };
        Some(Self {
            name: title.into(),
            note: note.into(),
            assets: assets.into_iter().map(String::from).collect(),
            points,
            outages,
        })
    }

    /// Whether oracles publish at a time of the path.
    pub fn is_published(&self, time_s: i64) -> bool {
        !self.outages.iter().any(|silent| silent.contains(&time_s))
    }

    /// Reads a path from text with a header `time,SOL,ETH,BTC`: `time` and at least one asset
    /// column, in any order. Times are whole seconds, unix or from 0, and rise from line to line.
    /// Lines that begin with `#` are comments.
    ///
    /// # Errors
    /// Names the line, the column and what is wrong with it.
    pub fn from_csv(text: &str, name: &str) -> Result<Self> {
        let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
        let mut lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
        let (header, number) = lines
            .next()
            .context("the price file is empty: the first line must be `time,SOL,ETH,BTC`")?;
        let columns = Columns::from_header(header).with_context(|| format!("line {number}"))?;

        let mut points: Vec<PricePoint> = Vec::new();
        for (line, number) in lines {
            let point = columns
                .point(line, points.last())
                .with_context(|| format!("line {number}"))?;
            points.push(point);
        }
        ensure!(
            points.len() >= 2,
            "a price path needs at least two points, this file has {}",
            points.len()
        );
        Ok(Self {
            name: name.into(),
            note: format!("Prices were read from {name}; nothing was added or smoothed."),
            assets: columns.assets,
            points,
            outages: Vec::new(),
        })
    }

    /// The index of an asset's price in every point, if the path has that asset.
    pub fn column(&self, asset: &str) -> Option<usize> {
        self.assets.iter().position(|name| name == asset)
    }
}

/// Which field of a line is what.
struct Columns {
    fields: usize,
    time: usize,
    /// Field of each asset, in the order of `assets`.
    prices: Vec<usize>,
    assets: Vec<String>,
}

impl Columns {
    fn from_header(line: &str) -> Result<Self> {
        let names: Vec<&str> = line.split(',').map(str::trim).collect();
        let time = names
            .iter()
            .position(|&name| name == "time")
            .context("the column `time` is missing")?;
        let mut columns = Self {
            fields: names.len(),
            time,
            prices: Vec::new(),
            assets: Vec::new(),
        };
        for (field, &name) in names.iter().enumerate() {
            ensure!(
                !names[..field].contains(&name),
                "column `{name}` appears twice"
            );
            if ASSETS.contains(&name) {
                columns.prices.push(field);
                columns.assets.push(name.into());
            } else if name != "time" {
                bail!(
                    "unknown column `{name}`; known are time, {}",
                    ASSETS.join(", ")
                );
            }
        }
        let known = ASSETS.join(", ");
        ensure!(
            !columns.assets.is_empty(),
            "a price column is missing; expected at least one of {known}"
        );
        Ok(columns)
    }

    /// Reads a line that follows the point `last`.
    fn point(&self, line: &str, last: Option<&PricePoint>) -> Result<PricePoint> {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        ensure!(
            fields.len() == self.fields,
            "expected {} fields, found {}",
            self.fields,
            fields.len()
        );
        let time = fields[self.time];
        let time_s: i64 = time
            .parse()
            .ok()
            .with_context(|| format!("time `{time}` is not a whole number of seconds"))?;
        ensure!(time_s >= 0, "time {time_s} is negative");
        if let Some(last) = last {
            let last_s = last.time_s;
            ensure!(
                time_s > last_s,
                "time {time_s} does not rise: the point before has {last_s}"
            );
        }
        let prices = self
            .prices
            .iter()
            .zip(&self.assets)
            .map(|(&field, asset)| price(fields[field], asset));
        Ok(PricePoint {
            time_s,
            prices: prices.collect::<Result<_>>()?,
        })
    }
}

fn price(text: &str, asset: &str) -> Result<f64> {
    let price: f64 = text
        .parse()
        .ok()
        .with_context(|| format!("{asset} price `{text}` is not a number"))?;
    ensure!(price.is_finite(), "{asset} price `{text}` is not finite");
    ensure!(price > 0.0, "{asset} price `{text}` is not positive");
    Ok(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let path = PricePath::october_2025(0);
        assert_eq!(path.column("ETH"), Some(1));
        assert_eq!(path.column("USDC"), None);
    }

    fn price(path: &PricePath, asset: &str, time_s: i64) -> f64 {
        let column = path.column(asset).unwrap();
        let point = path.points.iter().rfind(|point| point.time_s <= time_s);
        point.unwrap().prices[column]
    }

    #[test]
    fn histories_are_determined_by_their_seed_and_start_at_the_same_prices() {
        for (name, _) in HISTORIES {
            let path = PricePath::named(name, 3).unwrap();
            assert_eq!(path, PricePath::named(name, 3).unwrap());
            assert_ne!(path.points, PricePath::named(name, 4).unwrap().points);
            for (asset, before) in ASSETS.into_iter().zip(october::BEFORE) {
                assert_eq!(price(&path, asset, path.points[0].time_s), before);
            }
            assert!(
                (60..=700).contains(&path.points.len()),
                "{name}: {}",
                path.points.len()
            );
            let times = path.points.windows(2);
            assert!(
                times
                    .into_iter()
                    .all(|pair| pair[0].time_s < pair[1].time_s)
            );
            let positive = |point: &PricePoint| point.prices.iter().all(|price| *price > 0.0);
            assert!(path.points.iter().all(positive));
            assert!(!path.note.is_empty() && path.points[0].prices.len() == path.assets.len());
        }
        assert_eq!(PricePath::named("boom", 1), None);
    }

    #[test]
    fn histories_do_what_they_say() {
        for seed in 0..20 {
            let of = |name| PricePath::named(name, seed).unwrap();
            let gap = of("gap");
            let fall = price(&gap, "SOL", gap::GAP_S) / price(&gap, "SOL", gap::GAP_S - 1);
            assert!((0.69..0.71).contains(&fall), "{fall}");

            let bleed = of("bleed");
            let steps = bleed.points.windows(2);
            let deepest = steps.map(|pair| pair[1].prices[0] / pair[0].prices[0]);
            assert!(deepest.fold(1.0, f64::min) > 0.96);
            assert!((0.5..0.6).contains(&(price(&bleed, "SOL", i64::MAX) / 221.0)));

            let depeg = of("depeg");
            let usdc = depeg.points.iter().map(|point| point.prices[0]);
            assert!((0.895..0.905).contains(&usdc.fold(1.0, f64::min)));
            assert!((0.96..0.98).contains(&price(&depeg, QUOTE, i64::MAX)));

            let thin = of("manipulation");
            let top = thin.points.iter().map(|point| point.prices[3]);
            assert!((9.9..10.3).contains(&top.fold(0.0, f64::max)));
            assert!((0.98..1.02).contains(&price(&thin, THIN, i64::MAX)));

            let outage = of("outage");
            let silent = outage.points.iter().map(|point| point.time_s);
            let silent: Vec<i64> = silent.filter(|time| !outage.is_published(*time)).collect();
            assert!(silent.len() > 15 && silent[0] == 1_500 && outage.is_published(2_700));
            let unseen = price(&outage, "SOL", 2_700) / price(&outage, "SOL", 1_499);
            assert!(unseen < 0.83, "{unseen}");
        }
    }

    #[test]
    fn reads_csv_with_columns_in_any_order() {
        let path = PricePath::from_csv(
            "# source\nBTC,time,SOL\n100000, 0 ,200.5\n99000,10,199\n",
            "mine.csv",
        )
        .unwrap();
        assert_eq!(path.assets, ["BTC", "SOL"]);
        assert_eq!(
            path.points[1],
            PricePoint {
                time_s: 10,
                prices: vec![99_000.0, 199.0]
            }
        );
        assert!(path.note.contains("mine.csv"));
    }

    #[test]
    fn csv_errors_name_the_line_and_the_fault() {
        let cases = [
            (
                "",
                "the price file is empty: the first line must be `time,SOL,ETH,BTC`",
            ),
            ("SOL,ETH\n1,2\n", "line 1: the column `time` is missing"),
            (
                "time\n0\n",
                "line 1: a price column is missing; expected at least one of SOL, ETH, BTC",
            ),
            ("time,SOL,SOL\n", "line 1: column `SOL` appears twice"),
            (
                "time,DOGE\n",
                "line 1: unknown column `DOGE`; known are time, SOL, ETH, BTC",
            ),
            (
                "time,SOL\n0,1\n1,2,3\n",
                "line 3: expected 2 fields, found 3",
            ),
            ("time,SOL\n0\n", "line 2: expected 2 fields, found 1"),
            (
                "time,SOL\n0.5,1\n",
                "line 2: time `0.5` is not a whole number of seconds",
            ),
            ("time,SOL\n-1,1\n", "line 2: time -1 is negative"),
            (
                "time,SOL\n0,cheap\n",
                "line 2: SOL price `cheap` is not a number",
            ),
            ("time,SOL\n0,\n", "line 2: SOL price `` is not a number"),
            (
                "time,SOL\n0,1\n\n1,inf\n",
                "line 4: SOL price `inf` is not finite",
            ),
            ("time,SOL\n0,NaN\n", "line 2: SOL price `NaN` is not finite"),
            ("time,SOL\n0,0\n", "line 2: SOL price `0` is not positive"),
            ("time,SOL\n0,-3\n", "line 2: SOL price `-3` is not positive"),
            (
                "time,SOL\n5,1\n5,1\n",
                "line 3: time 5 does not rise: the point before has 5",
            ),
            (
                "time,SOL\n5,1\n",
                "a price path needs at least two points, this file has 1",
            ),
        ];
        for (text, expected) in cases {
            let error = PricePath::from_csv(text, "test").expect_err(text);
            assert_eq!(format!("{error:#}"), expected);
        }
    }
}
