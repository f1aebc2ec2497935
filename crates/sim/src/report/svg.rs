//! Draws a [`Chart`] as inline SVG. Colours come from the page's style sheet.

use super::chart::{Chart, Layer, Line, Marker, Point};
use maud::{Markup, html};
use std::fmt::Write;

/// A drawing's size in its own pixels. Text is not scaled, so each class of screen has its own.
pub struct Size {
    /// CSS class that says on which screens this drawing is shown.
    screen: &'static str,
    width: f64,
    height: f64,
}

/// For charts that take the whole width of the page.
pub const WIDE: [Size; 2] = [
    Size {
        screen: "large",
        width: 1096.0,
        height: 360.0,
    },
    Size {
        screen: "small",
        width: 340.0,
        height: 280.0,
    },
];
/// For charts that share it with another.
pub const HALF: [Size; 2] = [
    Size {
        screen: "large",
        width: 520.0,
        height: 250.0,
    },
    Size {
        screen: "small",
        width: 340.0,
        height: 230.0,
    },
];

const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;
/// Room for the time axis' unit beside its first label.
const LEAST_LEFT: f64 = 46.0;
/// Width of a character in labels, and the distance of lines of text.
const CHARACTER: f64 = 6.7;
const LINE_HEIGHT: f64 = 15.0;

/// The area in which values are drawn.
struct Plot<'a> {
    chart: &'a Chart,
    left: f64,
    right: f64,
    bottom: f64,
}

impl Plot<'_> {
    fn x(&self, time_s: f64) -> f64 {
        self.left + self.chart.time.share(time_s) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> Option<f64> {
        let share = self.chart.values.share(value)?;
        Some(self.bottom - share * (self.bottom - TOP))
    }

    fn pixels<'p>(
        &'p self,
        points: &'p [Point],
    ) -> impl DoubleEndedIterator<Item = (f64, f64)> + 'p {
        points
            .iter()
            .filter_map(|&(time, value)| Some((self.x(time as f64), self.y(value)?)))
    }
}

/// Draws the chart in one size.
pub fn draw(chart: &Chart, size: &Size) -> Markup {
    let widest = |labels: &mut dyn Iterator<Item = &str>| {
        labels.map(|label| label.chars().count()).max().unwrap_or(0) as f64 * CHARACTER
    };
    let values = widest(&mut chart.values.ticks().iter().map(|(_, label)| label.as_str()));
    let names = widest(&mut lines(chart).filter_map(|line| line.name.as_deref()));
    let plot = Plot {
        chart,
        left: (values + 10.0).max(LEAST_LEFT),
        right: size.width - if names > 0.0 { names + 22.0 } else { 10.0 },
        bottom: size.height - BOTTOM,
    };
    let (title, description) = (
        format!("{}-{}-title", chart.id, size.screen),
        format!("{}-{}-text", chart.id, size.screen),
    );
    html! {
        svg class=(size.screen) viewBox=(format!("0 0 {} {}", size.width, size.height)) role="img"
            aria-labelledby=(format!("{title} {description}")) xmlns="http://www.w3.org/2000/svg" {
            title id=(title) { (chart.title) }
            desc id=(description) { (chart.description) }
            (grid(&plot))
            @for layer in &chart.layers { (draw_layer(&plot, layer)) }
            (end_names(&plot))
            @if is_empty(chart) {
                @let middle = ((plot.left + plot.right) / 2.0, (TOP + plot.bottom) / 2.0);
                text.empty x=(px(middle.0)) y=(px(middle.1)) { "nothing recorded" }
            }
        }
    }
}

fn lines(chart: &Chart) -> impl Iterator<Item = &Line> {
    chart.layers.iter().filter_map(|layer| {
        if let Layer::Line(line) = layer {
            Some(line)
        } else {
            None
        }
    })
}

fn is_empty(chart: &Chart) -> bool {
    chart.layers.iter().all(|layer| match layer {
        Layer::Line(line) => line.points.is_empty(),
        Layer::Band { upper, .. } => upper.is_empty(),
        Layer::Bars { bars, .. } => bars.is_empty(),
        Layer::Limit { .. } => true,
    })
}

fn grid(plot: &Plot) -> Markup {
    let times = plot.chart.time.ticks(plot.right - plot.left);
    html! {
        @for (value, label) in plot.chart.values.ticks() {
            @if let Some(y) = plot.y(*value) {
                line.grid x1=(px(plot.left)) x2=(px(plot.right)) y1=(px(y)) y2=(px(y)) {}
                text.value x=(px(plot.left - 8.0)) y=(px(y + 4.0)) { (label) }
            }
        }
        line.axis x1=(px(plot.left)) x2=(px(plot.right)) y1=(px(plot.bottom)) y2=(px(plot.bottom)) {}
        @for (time, label) in times {
            @let x = plot.x(time as f64);
            line.axis x1=(px(x)) x2=(px(x)) y1=(px(plot.bottom)) y2=(px(plot.bottom + 4.0)) {}
            text.time x=(px(x)) y=(px(plot.bottom + 18.0)) { (label) }
        }
        text.value x=(px(plot.left - 22.0)) y=(px(plot.bottom + 18.0)) { (plot.chart.time.unit()) }
    }
}

fn draw_layer(plot: &Plot, layer: &Layer) -> Markup {
    match layer {
        Layer::Line(line) => draw_line(plot, line),
        Layer::Band {
            class,
            lower,
            upper,
        } => {
            let mut outline = path(plot.pixels(&thin(plot, upper)), false);
            let back = path(plot.pixels(&thin(plot, lower)).rev(), false);
            outline.push_str(&back.replacen('M', "L", 1));
            html! { @if !back.is_empty() { path class=(format!("band {class}")) d=(outline + "Z") {} } }
        }
        Layer::Bars {
            class,
            width_s,
            bars,
        } => html! {
            g class=(format!("bars {class}")) {
                @for ((time, value), text) in bars { (bar(plot, *time, *width_s, *value, text)) }
            }
        },
        Layer::Limit { value, label } => {
            let y = plot.y(*value).unwrap_or(plot.bottom);
            html! {
                rect.out x=(px(plot.left)) y=(px(y)) width=(px(plot.right - plot.left))
                    height=(px(plot.bottom - y)) {}
                line.limit x1=(px(plot.left)) x2=(px(plot.right)) y1=(px(y)) y2=(px(y)) {}
                text.limit x=(px(plot.left + 6.0)) y=(px(y + 14.0)) { (label) }
            }
        }
    }
}

fn bar(plot: &Plot, start_s: i64, width_s: i64, value: f64, text: &str) -> Markup {
    let (left, right) = (plot.x(start_s as f64), plot.x((start_s + width_s) as f64));
    let y = plot.y(value).unwrap_or(plot.bottom).min(plot.bottom - 1.0);
    let gap = ((right - left) * 0.2).min(1.5);
    html! {
        rect x=(px(left + gap / 2.0)) y=(px(y)) width=(px((right - left - gap).max(0.8)))
            height=(px(plot.bottom - y)) {
            title { (text) }
        }
    }
}

fn draw_line(plot: &Plot, line: &Line) -> Markup {
    let outline = path(plot.pixels(&thin(plot, &line.points)), line.stepped);
    let edges = (
        plot.pixels(&line.points).next(),
        plot.pixels(&line.points).next_back(),
    );
    html! {
        @if let (true, (Some((first, _)), Some((last, _)))) = (line.filled, edges) {
            @let bottom = px(plot.bottom);
            path class=(format!("area {}", line.class))
                d=(format!("{outline}L{} {bottom}L{} {bottom}Z", px(last), px(first))) {}
        }
        path class=(format!("line {}", line.class)) d=(outline) {}
        @if let (Some(marker), Some((x, y))) = (line.marker, edges.1) {
            path class=(format!("marker {}", line.class)) d=(marker_path(marker, x, y)) {}
        }
    }
}

fn path(pixels: impl Iterator<Item = (f64, f64)>, stepped: bool) -> String {
    let mut text = String::new();
    for (x, y) in pixels {
        // Writing to a String cannot fail.
        let _ = match (text.is_empty(), stepped) {
            (true, _) => write!(text, "M{} {}", px(x), px(y)),
            (false, true) => write!(text, "H{}V{}", px(x), px(y)),
            (false, false) => write!(text, "L{} {}", px(x), px(y)),
        };
    }
    text
}

fn marker_path(marker: Marker, x: f64, y: f64) -> String {
    let at = |dx: f64, dy: f64| format!("{} {}", px(x + dx), px(y + dy));
    match marker {
        Marker::Disc => format!("M{}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", at(-4.0, 0.0)),
        Marker::Square => format!("M{}h7v7h-7Z", at(-3.5, -3.5)),
        Marker::Triangle => format!("M{}l4.5 8h-9Z", at(0.0, -5.0)),
    }
}

/// Leaves out points that share a pixel column with others, but never the lowest or highest of it.
fn thin(plot: &Plot, points: &[Point]) -> Vec<Point> {
    let columns = (plot.right - plot.left).max(1.0);
    if (points.len() as f64) < 4.0 * columns {
        return points.to_vec();
    }
    let column = |point: &Point| plot.chart.time.share(point.0 as f64) * columns;
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a).floor() == column(b).floor()) {
        let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let (low, high) = (group.iter().min_by(by_value), group.iter().max_by(by_value));
        let mut of_group: Vec<Point> = [group.first(), low, high, group.last()]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        of_group.sort_by_key(|point| point.0);
        of_group.dedup();
        kept.extend(of_group);
    }
    kept
}

/// The names of lines at their ends, moved apart where they would cover each other.
fn end_names(plot: &Plot) -> Markup {
    let named = lines(plot.chart).filter_map(|line| {
        let (x, y) = plot.pixels(&line.points).next_back()?;
        Some((line, line.name.as_deref()?, x, y))
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by(|a, b| a.3.total_cmp(&b.3));
    let places = spread(
        &named.iter().map(|name| name.3).collect::<Vec<f64>>(),
        TOP,
        plot.bottom,
    );
    html! {
        @for ((line, name, x, y), place) in named.into_iter().zip(places) {
            @if (place - y).abs() > 2.0 {
                line class=(format!("leader {}", line.class)) x1=(px(x + 5.0)) y1=(px(y))
                    x2=(px(plot.right + 13.0)) y2=(px(place)) {}
            }
            text class=(format!("name {}", line.class)) x=(px(plot.right + 15.0))
                y=(px(place + 4.0)) { (name) }
        }
    }
}

/// Moves sorted heights apart by a line of text, staying between `top` and `bottom` while there is room.
fn spread(heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(heights.len());
    for &height in heights {
        let free = places.last().map_or(top, |last| last + LINE_HEIGHT);
        places.push(height.max(free));
    }
    let mut free = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(free);
        free = *place - LINE_HEIGHT;
    }
    places
}

/// A coordinate with a tenth of a pixel.
fn px(value: f64) -> String {
    format!("{}", (value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_distance_and_stay_inside() {
        let places = spread(&[50.0, 52.0, 199.0, 200.0], 0.0, 200.0);
        assert!(
            places
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= LINE_HEIGHT)
        );
        assert_eq!(places.last(), Some(&200.0));
        assert!(spread(&[], 0.0, 10.0).is_empty());
    }

    #[test]
    fn bands_of_names_are_readable() {
        assert_eq!(
            path([(0.0, 1.0), (2.04, 3.0)].into_iter(), false),
            "M0 1L2 3"
        );
        assert_eq!(path([(0.0, 1.0), (2.0, 3.0)].into_iter(), true), "M0 1H2V3");
    }
}
