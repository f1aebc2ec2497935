//! Price paths: what the market does while the demo runs.
//!
//! A path is either read from a file ([`PricePath::from_csv`]) or one of the named histories
//! ([`PricePath::october_2025`]). USDC is never part of a path: its price is 1.0.

use anyhow::{Context, Result, bail, ensure};

mod october;

/// Assets a path may have a column for.
pub const ASSETS: [&str; 3] = ["SOL", "ETH", "BTC"];

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
        }
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
