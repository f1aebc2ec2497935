//! What a chart consists of, independent of its size; [`super::svg`] draws it.

use super::scale::{TimeAxis, ValueAxis};
use super::svg;
use maud::{Markup, html};

/// A chart over time.
pub struct Chart {
    /// Unique in the page; names the figure and its texts.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// What there is to see, in words: shown below the heading and read to those who cannot see it.
    pub description: String,
    /// Horizontal axis.
    pub time: TimeAxis,
    /// Vertical axis.
    pub values: ValueAxis,
    /// Drawn in this order.
    pub layers: Vec<Layer>,
    /// Whether the chart takes the width of the page or half of it.
    pub wide: bool,
}

/// A time in seconds and a value.
pub type Point = (i64, f64);

/// Something drawn in a chart.
pub enum Layer {
    /// A line with its name at its end.
    Line(Line),
    /// An area between two lines that have the same times.
    Band {
        /// CSS class that gives the colour.
        class: String,
        /// The lower line.
        lower: Vec<Point>,
        /// The upper line.
        upper: Vec<Point>,
    },
    /// Bars from 0 upwards, each from its time to `width_s` later.
    Bars {
        /// CSS class that gives the colour.
        class: String,
        /// Width of every bar.
        width_s: i64,
        /// Bars that are not 0: start, height and the text shown when pointed at.
        bars: Vec<(Point, String)>,
    },
    /// A limit: a line at one value; the side below it is marked as out of bounds.
    Limit {
        /// The value.
        value: f64,
        /// Written at the line.
        label: String,
    },
}

/// A line layer.
#[derive(Default)]
pub struct Line {
    /// CSS class that gives the colour.
    pub class: String,
    /// Name, written where the line ends; none leaves it out.
    pub name: Option<String>,
    /// In order of time.
    pub points: Vec<Point>,
    /// Whether a value stays until the next instead of moving towards it.
    pub stepped: bool,
    /// Whether to fill the area down to the axis.
    pub filled: bool,
    /// Shape at the end of the line, so that colour is not the only difference.
    pub marker: Option<Marker>,
}

/// Shape at the end of a line.
#[derive(Clone, Copy)]
pub enum Marker {
    /// A disc.
    Disc,
    /// A square on its side.
    Square,
    /// A triangle.
    Triangle,
}

impl Marker {
    /// A shape for each series.
    pub fn of(index: usize) -> Self {
        [Self::Disc, Self::Square, Self::Triangle][index % 3]
    }
}

impl Chart {
    /// The chart as a figure: heading, description and drawings for large and small screens.
    pub fn figure(&self) -> Markup {
        let sizes: &[svg::Size] = if self.wide { &svg::WIDE } else { &svg::HALF };
        html! {
            figure id=(self.id) class=[self.wide.then_some("wide")] {
                figcaption {
                    h3 { (self.title) }
                    p { (self.description) }
                }
                @for size in sizes { (svg::draw(self, size)) }
            }
        }
    }
}
