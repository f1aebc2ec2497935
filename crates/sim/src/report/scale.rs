//! From values to pixels, and where to put the ticks.

use super::format;

/// Widths of time ticks and of bars, seconds.
const TIME_STEPS_S: [i64; 21] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600,
    43_200, 86_400, 604_800, 2_592_000,
];

/// Room for a label of hours and minutes, and for one with seconds, pixels.
const MINUTE_LABEL: f64 = 52.0;
const SECOND_LABEL: f64 = 78.0;

/// The smallest round time step that divides `span_s` into at most `parts`.
pub fn time_step(span_s: i64, parts: i64) -> i64 {
    let fits = |step: &i64| span_s <= step.saturating_mul(parts.max(1));
    TIME_STEPS_S
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| (span_s / parts.max(1)).max(1))
}

/// A span of time.
#[derive(Clone, Copy, Debug)]
pub struct TimeAxis {
    /// First time, seconds.
    pub start_s: i64,
    /// Last time, seconds; after the first.
    pub end_s: i64,
}

impl TimeAxis {
    /// An axis over times in rising order; a made-up second when there is no span.
    pub fn over(mut times_s: impl DoubleEndedIterator<Item = i64>) -> Self {
        let start_s = times_s.next().unwrap_or(0);
        let end_s = times_s.next_back().unwrap_or(start_s).max(start_s + 1);
        Self { start_s, end_s }
    }

    /// Length in seconds, at least 1.
    pub fn span_s(&self) -> i64 {
        self.end_s.saturating_sub(self.start_s).max(1)
    }

    /// Position of a time, 0 to 1.
    pub fn share(&self, time_s: f64) -> f64 {
        ((time_s - self.start_s as f64) / self.span_s() as f64).clamp(0.0, 1.0)
    }

    /// Round times and their labels, as many as fit into `width` pixels.
    pub fn ticks(&self, width: f64) -> Vec<(i64, String)> {
        let fitting = |label: f64| time_step(self.span_s(), (width / label) as i64);
        let step = match fitting(MINUTE_LABEL) {
            ..60 => fitting(SECOND_LABEL),
            step => step,
        };
        let label = match step {
            ..60 => format::second,
            60..86_400 => format::minute,
            _ => format::day,
        };
        let first = self.start_s + (step - self.start_s.rem_euclid(step)) % step;
        (first..=self.end_s)
            .step_by(step as usize)
            .map(|time| (time, label(time)))
            .collect()
    }

    /// What the labels are: times of day or time passed.
    pub fn unit(&self) -> &'static str {
        if format::is_calendar(self.start_s) {
            "UTC"
        } else {
            "h:m"
        }
    }
}

/// How a value becomes a label: the value and the distance between ticks.
pub type Label = fn(f64, f64) -> String;

/// A range of values.
#[derive(Clone, Debug)]
pub struct ValueAxis {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

impl ValueAxis {
    /// A linear axis with round limits around all finite values, and around `always`.
    pub fn linear(values: impl Iterator<Item = f64>, always: &[f64], label: Label) -> Self {
        let finite = values
            .chain(always.iter().copied())
            .filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = match (low <= high, low < high) {
            (false, _) => (0.0, 1.0),
            (true, true) => (low, high),
            (true, false) if always.contains(&low) => (low, low + 1.0),
            (true, false) => (
                low - low.abs().max(1.0) * 0.01,
                low + low.abs().max(1.0) * 0.01,
            ),
        };
        let step = round_step((high - low) / 5.0);
        let (first, last) = (
            (low / step + 1e-9).floor() as i64,
            (high / step - 1e-9).ceil() as i64,
        );
        let ticks = (first..=last.min(first + 12)).map(|index| index as f64 * step);
        Self {
            low: first as f64 * step,
            high: last as f64 * step,
            logarithmic: false,
            ticks: ticks.map(|value| (value, label(value, step))).collect(),
        }
    }

    /// Counts from 0 upwards, ticks at whole numbers.
    pub fn counts(values: impl Iterator<Item = f64>) -> Self {
        let largest = values.filter(|value| value.is_finite()).fold(4.0, f64::max);
        Self::linear([0.0, largest].into_iter(), &[0.0], |value, _| {
            format::integer(value as i64)
        })
    }

    /// A logarithmic axis from `low` to `high`, both positive, with these ticks.
    pub fn logarithmic(low: f64, high: f64, ticks: &[f64]) -> Self {
        let inside = ticks.iter().filter(|tick| (low..=high).contains(*tick));
        let ticks = inside.map(|&tick| (tick, format!("{tick}"))).collect();
        Self {
            low,
            high,
            logarithmic: true,
            ticks,
        }
    }

    /// Position of a value, 0 at the low end to 1; values beyond the limits are at the edge. None
    /// for NaN.
    pub fn share(&self, value: f64) -> Option<f64> {
        if value.is_nan() {
            return None;
        }
        let value = value.clamp(self.low, self.high);
        Some(if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        })
    }

    /// Whether the axis leaves this value out.
    pub fn clips(&self, value: f64) -> bool {
        !(self.low..=self.high).contains(&value)
    }

    /// Values to mark and their labels.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }
}

/// The next 1, 2, 2.5 or 5 times a power of ten.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let multiple = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|multiple| raw <= multiple * power * (1.0 + 1e-9));
    power * multiple.unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_limits_are_round_and_contain_everything() {
        let axis = ValueAxis::linear([78.4, 100.0].into_iter(), &[], format::plain);
        assert_eq!((axis.low, axis.high), (75.0, 100.0));
        let labels: Vec<&str> = axis
            .ticks()
            .iter()
            .map(|(_, label)| label.as_str())
            .collect();
        assert_eq!(labels, ["75", "80", "85", "90", "95", "100"]);
    }

    #[test]
    fn axes_without_a_range_still_have_one() {
        for values in [
            vec![],
            vec![0.0],
            vec![5e9],
            vec![f64::INFINITY],
            vec![f64::NAN],
        ] {
            for always in [&[][..], &[0.0][..]] {
                let axis = ValueAxis::linear(values.iter().copied(), always, format::plain);
                assert!(axis.low < axis.high, "{values:?}");
                assert!(axis.ticks().len() >= 2);
            }
        }
    }

    #[test]
    fn positions_are_clipped() {
        let axis = ValueAxis::logarithmic(0.5, 8.0, &[0.5, 1.0, 2.0, 4.0, 8.0, 16.0]);
        assert_eq!(axis.share(2.0), Some(0.5));
        assert_eq!(axis.share(f64::INFINITY), Some(1.0));
        assert_eq!(axis.share(-3.0), Some(0.0));
        assert_eq!(axis.share(f64::NAN), None);
        assert_eq!(axis.ticks().len(), 5);
    }

    #[test]
    fn time_ticks_are_round_and_few() {
        let axis = TimeAxis {
            start_s: 1_760_128_230,
            end_s: 1_760_135_400,
        };
        let ticks = axis.ticks(480.0);
        assert_eq!(ticks[0].1, "20:45");
        assert!(ticks.len() <= 9);
        assert_eq!(
            TimeAxis {
                start_s: 0,
                end_s: 40
            }
            .ticks(320.0)[1]
                .1,
            "00:00:10"
        );
        assert_eq!(time_step(7_200, 120), 60);
        assert_eq!(time_step(i64::MAX, 1), i64::MAX);
    }
}
