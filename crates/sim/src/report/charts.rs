//! The charts of the page.

use super::chart::{Chart, Layer, Line, Marker, Point};
use super::scale::{TimeAxis, ValueAxis, time_step};
use super::{Recording, Step, format};

/// Bars in a chart, at most.
const BARS: i64 = 120;
/// Room above the usual margin ratios, and limits of that axis.
const RATIO_LOW: f64 = 0.5;
const RATIO_HIGH: (f64, f64) = (4.0, 30.0);
const RATIO_TICKS: [f64; 9] = [0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0];
/// Share of the whole time that the close-up shows, and the least number of steps worth one.
const CLOSE_UP_SHARE: i64 = 10;
const CLOSE_UP_STEPS: usize = 60;

/// A part of a recording's steps, on its own time axis.
struct View<'a> {
    recording: &'a Recording,
    steps: &'a [Step],
    time: TimeAxis,
}

impl<'a> View<'a> {
    fn new(recording: &'a Recording, steps: &'a [Step]) -> Self {
        let time = TimeAxis::over(steps.iter().map(|step| step.time_s));
        Self {
            recording,
            steps,
            time,
        }
    }

    fn points(&self, value: impl Fn(&Step) -> f64) -> Vec<Point> {
        self.steps
            .iter()
            .map(|step| (step.time_s, value(step)))
            .collect()
    }

    fn values(&self, value: impl Fn(&Step) -> f64) -> impl Iterator<Item = f64> {
        self.steps.iter().map(value)
    }

    /// One named line for each asset.
    fn asset_lines(
        &self,
        value: impl Fn(&Step, usize) -> f64,
        name: fn(&str, f64) -> String,
    ) -> Vec<Line> {
        let line = |(asset, symbol): (usize, &String)| {
            let points = self.points(|step| value(step, asset));
            Line {
                class: format!("series{}", asset % 6),
                name: Some(name(
                    symbol,
                    points.last().map_or(f64::NAN, |point| point.1),
                )),
                points,
                marker: Some(Marker::of(asset)),
                ..Line::default()
            }
        };
        self.recording.assets.iter().enumerate().map(line).collect()
    }

    /// A chart whose vertical axis fits its lines.
    fn line_chart(
        &self,
        id: &'static str,
        title: &str,
        label: super::scale::Label,
        lines: Vec<Line>,
    ) -> Chart {
        let values = lines
            .iter()
            .flat_map(|line| line.points.iter().map(|point| point.1));
        Chart {
            id,
            title: title.into(),
            description: String::new(),
            time: self.time,
            values: ValueAxis::linear(values, &[], label),
            layers: lines.into_iter().map(Layer::Line).collect(),
            wide: false,
        }
    }

    /// A chart of sums over equal spans of time.
    fn bar_chart(
        &self,
        id: &'static str,
        title: &str,
        value: impl Fn(&Step) -> f64,
        text: fn(f64) -> String,
        axis: fn(Vec<f64>) -> ValueAxis,
    ) -> Chart {
        let width_s = time_step(self.time.span_s(), BARS);
        let mut sums: Vec<Point> = Vec::new();
        for step in self.steps {
            let start = step.time_s - step.time_s.rem_euclid(width_s);
            match sums.last_mut() {
                Some(last) if last.0 == start => last.1 += value(step),
                _ => sums.push((start, value(step))),
            }
        }
        sums.retain(|sum| sum.1 > 0.0);
        let clock = |time| format!("{} {}", format::second(time), self.time.unit());
        let bars = sums
            .iter()
            .map(|&(time, sum)| ((time, sum), format!("{}: {}", clock(time), text(sum))));
        Chart {
            id,
            title: format!("{title} per {}", format::duration(width_s)),
            description: String::new(),
            time: self.time,
            values: axis(sums.iter().map(|sum| sum.1).collect()),
            layers: vec![Layer::Bars {
                class: "accent".into(),
                width_s,
                bars: bars.collect(),
            }],
            wide: false,
        }
    }
}

/// Charts of the whole run, in order of the page.
pub fn overview(recording: &Recording) -> Vec<Chart> {
    let view = View::new(recording, &recording.steps);
    vec![
        prices(&view, "prices"),
        ratios(&view),
        below_maintenance(&view, "below-maintenance"),
        slices(&view, "liquidations"),
        value_taken(&view),
        scan_ranges(&view),
        implied_volatilities(&view),
        open_interest(&view),
        equity(&view),
        insurance(&view),
    ]
}

/// Charts of the time in which most happened; none for a short recording.
pub fn close_up(recording: &Recording) -> Vec<Chart> {
    let steps = busiest(&recording.steps);
    if steps.len() < CLOSE_UP_STEPS {
        return Vec::new();
    }
    let view = View::new(recording, steps);
    vec![
        prices(&view, "prices-close"),
        below_maintenance(&view, "below-maintenance-close"),
        slices(&view, "liquidations-close"),
    ]
}

/// The steps around the deepest fall: a tenth of the whole time, most of it after the lowest prices.
fn busiest(steps: &[Step]) -> &[Step] {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return steps;
    };
    let level = |step: &Step| {
        step.prices
            .iter()
            .zip(&first.prices)
            .map(|(now, start)| now / start)
            .sum::<f64>()
    };
    let Some(lowest) = steps.iter().min_by(|a, b| level(a).total_cmp(&level(b))) else {
        return steps;
    };
    let width_s = (last.time_s - first.time_s) / CLOSE_UP_SHARE;
    let start_s = (lowest.time_s - width_s / 3).max(first.time_s);
    let from = steps.partition_point(|step| step.time_s < start_s);
    let to = steps.partition_point(|step| step.time_s <= start_s + width_s);
    &steps[from..to]
}

fn prices(view: &View, id: &'static str) -> Chart {
    let start = view
        .recording
        .steps
        .first()
        .map(|step| step.prices.as_slice())
        .unwrap_or_default();
    let indexed = |step: &Step, asset: usize| match (step.prices.get(asset), start.get(asset)) {
        (Some(price), Some(start)) if *start > 0.0 => 100.0 * price / start,
        _ => f64::NAN,
    };
    let lines = view.asset_lines(indexed, |symbol, last| {
        format!("{symbol} {}", format::decimal(last, 1))
    });
    let lowest = lines
        .iter()
        .zip(&view.recording.assets)
        .filter_map(|(line, symbol)| {
            let (time, low) = line.points.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(format!(
                "{symbol} {} at {}",
                format::decimal(*low, 1),
                format::second(*time)
            ))
        });
    let lowest: Vec<String> = lowest.collect();
    Chart {
        description: format!("Start of the run = 100. Lowest: {}.", listed(&lowest)),
        wide: true,
        ..view.line_chart(id, "Prices", format::plain, lines)
    }
}

fn scan_ranges(view: &View) -> Chart {
    let range =
        |step: &Step, asset: usize| step.scan_ranges.get(asset).copied().unwrap_or(f64::NAN);
    let lines = view.asset_lines(range, |symbol, last| {
        format!("{symbol} {}", format::percent(last, 0.001))
    });
    Chart {
        description: "The price move, up and down, that margin has to cover. It follows realised \
            volatility: it rises with the fall and comes down slowly."
            .into(),
        ..view.line_chart("scan-range", "Scan range", format::percent, lines)
    }
}

fn implied_volatilities(view: &View) -> Chart {
    let volatility = |step: &Step, asset: usize| {
        let posted = step.implied_volatilities.get(asset).copied();
        posted.unwrap_or(f64::NAN)
    };
    let lines = view.asset_lines(volatility, |symbol, last| {
        format!("{symbol} {}", format::percent(last, 0.01))
    });
    Chart {
        description:
            "At the money, one day ahead, as posted: options are valued at it. It follows \
            realised volatility, a fifth at most with each post."
                .into(),
        ..view.line_chart(
            "implied-volatility",
            "Implied volatility",
            format::percent,
            lines,
        )
    }
}

fn open_interest(view: &View) -> Chart {
    const KINDS: [&str; 4] = ["perpetuals", "futures", "calls", "puts"];
    let line = |(kind, name): (usize, &str)| Line {
        class: format!("series{}", [5, 1, 2, 4][kind]),
        name: Some(name.into()),
        points: view.points(|step| step.open_interest[kind]),
        marker: Some(Marker::of(kind)),
        ..Line::default()
    };
    Chart {
        description:
            "All long positions by kind, at the price of their underlying. Liquidators close \
            what they take."
                .into(),
        ..view.line_chart(
            "open-interest",
            "Open interest, USDC",
            format::compact,
            KINDS.into_iter().enumerate().map(line).collect(),
        )
    }
}

fn equity(view: &View) -> Chart {
    let line = Line {
        class: "accent".into(),
        points: view.points(|step| step.total_equity),
        ..Line::default()
    };
    let ends = (view.steps.first(), view.steps.last());
    let change = |(first, last): (&Step, &Step)| {
        format!(
            "From {} to {} USDC. ",
            format::usdc(first.total_equity),
            format::usdc(last.total_equity)
        )
    };
    Chart {
        description: ends.0.zip(ends.1).map(change).unwrap_or_default()
            + "Prices move it; a liquidation only moves value from one account to another.",
        ..view.line_chart(
            "equity",
            "Total equity of all accounts, USDC",
            format::compact,
            vec![line],
        )
    }
}

fn insurance(view: &View) -> Chart {
    let line = Line {
        class: "accent".into(),
        points: view.points(|step| step.insurance),
        stepped: true,
        ..Line::default()
    };
    let lowest = view
        .values(|step| step.insurance)
        .fold(f64::INFINITY, f64::min);
    let lowest = if lowest.is_finite() {
        format!("Lowest: {} USDC. ", format::usdc(lowest))
    } else {
        String::new()
    };
    Chart {
        description: lowest
            + "It earns a fee on what liquidators take and pays them where an account cannot.",
        ..view.line_chart(
            "insurance",
            "Insurance fund, USDC",
            format::compact,
            vec![line],
        )
    }
}

fn ratios(view: &View) -> Chart {
    let percentile = |index: usize| view.points(|step| step.ratio_percentiles[index]);
    let upper_quartile = view
        .values(|step| step.ratio_percentiles[3])
        .filter(|ratio| ratio.is_finite());
    let high = (upper_quartile.fold(0.0, f64::max) * 1.3).clamp(RATIO_HIGH.0, RATIO_HIGH.1);
    let values = ValueAxis::logarithmic(RATIO_LOW, high, &RATIO_TICKS);
    let clipped = view.steps.iter().any(|step| {
        step.ratio_percentiles
            .iter()
            .any(|ratio| values.clips(*ratio))
    });
    let edge = |index: usize, name: &str| {
        Layer::Line(Line {
            class: if index == 2 {
                "accent strong".into()
            } else {
                "accent thin".into()
            },
            name: Some(name.into()),
            points: percentile(index),
            ..Line::default()
        })
    };
    let band = |low: usize, high: usize, class: &str| Layer::Band {
        class: class.into(),
        lower: percentile(low),
        upper: percentile(high),
    };
    let clip_note = if clipped {
        " Values beyond the axis are drawn at its edge."
    } else {
        ""
    };
    Chart {
        id: "ratios",
        title: "Margin ratio of accounts with positions".into(),
        description: format!(
            "Equity by maintenance margin, logarithmic: median, and the percentiles between which \
             half and nine tenths of all accounts lie. Below 1 an account is liquidated.{clip_note}"
        ),
        time: view.time,
        values,
        layers: vec![
            Layer::Limit {
                value: 1.0,
                label: "below 1: liquidation".into(),
            },
            band(0, 4, "accent outer"),
            band(1, 3, "accent inner"),
            edge(4, "95th"),
            edge(3, "75th"),
            edge(2, "median"),
            edge(1, "25th"),
            edge(0, "5th"),
        ],
        wide: true,
    }
}

fn below_maintenance(view: &View, id: &'static str) -> Chart {
    let below = |step: &Step| f64::from(step.liquidatable);
    let open = |step: &Step| f64::from(step.in_liquidation);
    let line = |points, class: &str, name: &str| Line {
        class: class.into(),
        name: Some(name.into()),
        points,
        stepped: true,
        ..Line::default()
    };
    let lines = vec![
        Line {
            filled: true,
            ..line(view.points(below), "danger", "below")
        },
        line(view.points(open), "series2 dashed", "open"),
    ];
    let most = view.steps.iter().max_by_key(|step| step.liquidatable);
    let most = most.map(|step| {
        format!(
            " At most {} at once, at {}.",
            step.liquidatable,
            format::second(step.time_s)
        )
    });
    Chart {
        description: format!(
            "Area: below maintenance margin at the step's prices, before the keeper's work. Dashed: \
             liquidation open.{}",
            most.unwrap_or_default()
        ),
        values: ValueAxis::counts(view.values(below).chain(view.values(open))),
        ..view.line_chart(
            id,
            "Accounts below maintenance margin",
            format::plain,
            lines,
        )
    }
}

fn slices(view: &View, id: &'static str) -> Chart {
    let taken = |step: &Step| f64::from(step.liquidations);
    let axis = |sums: Vec<f64>| ValueAxis::counts(sums.into_iter());
    let chart = view.bar_chart(
        id,
        "Liquidations",
        taken,
        |sum| format!("{sum} slices"),
        axis,
    );
    let total: u64 = view
        .steps
        .iter()
        .map(|step| u64::from(step.liquidations))
        .sum();
    Chart {
        description: format!(
            "{} slices. A liquidator takes a part of the whole portfolio, no more than makes the \
             account healthy.",
            format::integer(total)
        ),
        ..chart
    }
}

fn value_taken(view: &View) -> Chart {
    let value = |step: &Step| step.liquidated_value;
    let text = |sum| format!("{} USDC", format::usdc(sum));
    let axis = |sums: Vec<f64>| ValueAxis::linear(sums.into_iter(), &[0.0], format::compact);
    let chart = view.bar_chart("value-taken", "Value taken over", value, text, axis);
    let total: f64 = view.values(value).sum();
    Chart {
        title: format!("{}, USDC", chart.title),
        description: format!(
            "{} USDC in all: gross value of the positions and balances in the slices.",
            format::usdc(total)
        ),
        ..chart
    }
}

/// "a, b and c".
fn listed(items: &[String]) -> String {
    match items {
        [] => "nothing recorded".into(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
