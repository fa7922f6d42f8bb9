//! Axes, grid and legend, which the pictures share.

use super::svg::{Svg, TextAnchor};
use crate::telemetry::human_ns;

pub const WIDTH: f64 = 960.0;
pub const HEIGHT: f64 = 520.0;
const LEFT: f64 = 84.0;
/// Right edge of a plot without labels beside it.
const RIGHT: f64 = 924.0;
/// Baseline of the first row of the legend, and where the plot begins below the last one, pixels.
const LEGEND: f64 = 86.5;
const BELOW_LEGEND: f64 = 30.0;
const BOTTOM: f64 = 456.0;
/// Between two labels below each other, and between two rows of the legend, pixels.
const LINE: f64 = 15.0;
const ROW: f64 = 18.0;
/// Width of a character of a small text, pixels.
const SMALL: f64 = 7.2;

/// A logarithmic axis of latencies between two pixels.
#[derive(Debug, Clone, Copy)]
pub struct LogAxis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogAxis {
    /// An axis between the pixels `from` and `to` that covers these values, ns, in whole or half decades.
    pub fn new(values: impl Iterator<Item = u64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|&value| value > 0) {
            low = low.min((value as f64).log10());
            high = high.max((value as f64).log10());
        }
        if low > high {
            (low, high) = (3.0, 6.0);
        }
        let low = (low - 0.05).floor();
        let high = ((high + 0.05) * 2.0).ceil() / 2.0;
        Self { low, high: high.max(low + 1.0), from, to }
    }

    /// The pixel of a value, ns; a value outside the axis is clamped to its edge.
    pub fn at(&self, value_ns: u64) -> f64 {
        let share = ((value_ns.max(1) as f64).log10() - self.low) / (self.high - self.low);
        self.from + (self.to - self.from) * share.clamp(0.0, 1.0)
    }

    /// Whole decades, ns.
    pub fn decades(&self) -> impl Iterator<Item = u64> + use<> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power) as u64)
    }
}

/// A latency as a tick label, without trailing zeros.
pub fn tick(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}

/// A label to the right of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Its text.
    pub text: String,
    /// Its colour.
    pub colour: usize,
    /// Where it belongs, ns.
    pub value_ns: u64,
}

/// A picture with a latency axis at its left. Labels stand in margins of their own, where no curve comes: those of moments
/// above the plot, those of latencies to its right.
pub struct Plot {
    pub svg: Svg,
    pub y: LogAxis,
    /// Top and right edge of the plot, pixels.
    top: f64,
    right: f64,
    /// Where the next legend entry goes, pixels.
    legend: (f64, f64),
}

/// The width of a legend entry, pixels.
fn legend_width(text: &str) -> f64 {
    29.0 + 7.3 * text.chars().count() as f64 + 20.0
}

/// How many rows legend entries take.
pub fn legend_rows<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    let (mut rows, mut x) = (1, LEFT);
    for text in texts {
        if x > LEFT && x + legend_width(text) > WIDTH {
            (rows, x) = (rows + 1, LEFT);
        }
        x += legend_width(text);
    }
    rows
}

impl Plot {
    /// A chart with title, subtitle, room for a legend of so many rows, a grid for these values, ns, and labels to its
    /// right.
    pub fn new([title, subtitle]: [&str; 2], rows: usize, values: impl Iterator<Item = u64>, labels: &[Label]) -> Self {
        let mut svg = Svg::new(WIDTH, HEIGHT);
        heading(&mut svg, title, subtitle);
        let longest = labels.iter().map(|label| label.text.chars().count()).max();
        let right = longest.map_or(RIGHT, |longest| WIDTH - 20.0 - SMALL * longest as f64);
        let top = LEGEND + ROW * rows.saturating_sub(1) as f64 + BELOW_LEGEND;
        let y = LogAxis::new(values, BOTTOM, top);
        for decade in y.decades() {
            for part in 2..10 {
                let minor = decade.saturating_mul(part);
                if y.at(minor) > top + 0.5 && matches!(part, 2 | 5) {
                    svg.line("grid", LEFT, y.at(minor), right, y.at(minor));
                }
            }
            svg.line("grid", LEFT, y.at(decade), right, y.at(decade));
            svg.text("tick", LEFT - 10.0, y.at(decade) + 4.0, TextAnchor::End, &tick(decade));
        }
        svg.line("axis", LEFT, BOTTOM, right, BOTTOM);
        let mut plot = Self { svg, y, top, right, legend: (LEFT, LEGEND) };
        plot.beside(labels);
        plot
    }

    /// Writes labels to the right of the plot, each at its value, or below the one above it.
    fn beside(&mut self, labels: &[Label]) {
        let mut sorted: Vec<&Label> = labels.iter().collect();
        sorted.sort_by_key(|label| std::cmp::Reverse(label.value_ns));
        let ys = apart(sorted.iter().map(|label| self.y.at(label.value_ns) + 4.0).collect(), self.top + 4.0, BOTTOM);
        for (label, y) in sorted.into_iter().zip(ys) {
            self.svg.text(&format!("tick f{}", label.colour), self.right + 8.0, y, TextAnchor::Start, &label.text);
        }
    }

    /// The pixel at a share of the width.
    pub fn x(&self, share: f64) -> f64 {
        LEFT + (self.right - LEFT) * share
    }

    /// A tick at a share of the width.
    pub fn x_tick(&mut self, share: f64, text: &str) {
        let x = self.x(share);
        self.svg.line("grid", x, self.top, x, BOTTOM);
        self.svg.line("axis", x, BOTTOM, x, BOTTOM + 5.0);
        self.svg.text("tick", x, BOTTOM + 21.0, TextAnchor::Middle, text);
    }

    /// Vertical lines at shares of the width, with labels above them; a label that would lie on the one before it is left
    /// out.
    pub fn marks(&mut self, marks: &[(f64, String)]) {
        let mut free = f64::NEG_INFINITY;
        for (share, text) in marks {
            let x = self.x(*share);
            self.svg.line("dash s3", x, self.top - 12.0, x, BOTTOM);
            let width = SMALL * text.chars().count() as f64;
            if x >= free && x + 5.0 + width <= WIDTH {
                self.svg.text("tick", x + 5.0, self.top - 4.0, TextAnchor::Start, text);
                free = x + 5.0 + width;
            }
        }
    }

    /// A horizontal line between two pixels, at a value, ns.
    pub fn across(&mut self, class: &str, [from, to]: [f64; 2], value_ns: u64) {
        let y = self.y.at(value_ns);
        self.svg.line(class, from, y, to, y);
    }

    /// The label of the axis.
    pub fn x_title(&mut self, text: &str) {
        self.svg.text("sub", (LEFT + self.right) / 2.0, BOTTOM + 46.0, TextAnchor::Middle, text);
    }

    /// A legend entry for a line, solid or dashed.
    pub fn legend(&mut self, class: &str, text: &str) {
        let (mut x, mut y) = self.legend;
        if x > LEFT && x + legend_width(text) > WIDTH {
            (x, y) = (LEFT, y + ROW);
        }
        self.svg.line(class, x, y - 4.5, x + 22.0, y - 4.5);
        self.svg.text("", x + 29.0, y, TextAnchor::Start, text);
        self.legend = (x + legend_width(text), y);
    }

    /// A line through points: shares of the width, and values, ns.
    pub fn curve(&mut self, class: &str, points: impl Iterator<Item = (f64, u64)>) {
        let points: Vec<(f64, f64)> = points.map(|(share, value)| (self.x(share), self.y.at(value))).collect();
        match points[..] {
            [] => {}
            [(x, y)] => self.svg.dot(&format!("f{}", &class[class.len() - 1..]), x, y, 3.5),
            _ => self.svg.polyline(class, &points),
        }
    }
}

/// The heights of labels, pixels, which are ascending: moved as little as keeps them apart, between two edges.
fn apart(mut ys: Vec<f64>, top: f64, bottom: f64) -> Vec<f64> {
    let mut free = top;
    for y in &mut ys {
        *y = y.max(free);
        free = *y + LINE;
    }
    let mut free = bottom;
    for y in ys.iter_mut().rev() {
        *y = y.min(free);
        free = *y - LINE;
    }
    ys
}

/// Title and subtitle.
pub fn heading(svg: &mut Svg, title: &str, subtitle: &str) {
    svg.text("title", 24.0, 34.0, TextAnchor::Start, title);
    svg.text("sub", 24.0, 56.0, TextAnchor::Start, subtitle);
}

/// Percentiles of a row on a horizontal axis: a bar from the median to p99, dots at p50, p99 and p99.9.
pub fn range_row(svg: &mut Svg, axis: &LogAxis, y: f64, colour: u8, name: &str, at: [u64; 4]) {
    let [p50, p99, p999, max] = at;
    svg.text("label", 214.0, y + 4.5, TextAnchor::End, name);
    svg.rect(&format!("band f{colour}"), axis.at(p50), y - 8.0, (axis.at(p99) - axis.at(p50)).max(1.0), 16.0);
    svg.line(&format!("line thin s{colour}"), axis.at(p99), y, axis.at(max), y);
    svg.line(&format!("line s{colour}"), axis.at(p50), y - 8.0, axis.at(p50), y + 8.0);
    svg.dot(&format!("f{colour}"), axis.at(p99), y, 4.5);
    svg.dot(&format!("f{colour}"), axis.at(p999), y, 3.0);
    svg.line(&format!("line thin s{colour}"), axis.at(max), y - 5.0, axis.at(max), y + 5.0);
    let figures = format!("{} · {} · {}", human_ns(p50), human_ns(p99), human_ns(max));
    svg.text("tick", WIDTH - 20.0, y + 4.5, TextAnchor::End, &figures);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_apart_and_between_the_edges() {
        assert_eq!(apart(vec![10.0, 40.0], 0.0, 100.0), [10.0, 40.0]);
        assert_eq!(apart(vec![10.0, 12.0, 13.0], 0.0, 100.0), [10.0, 25.0, 40.0]);
        assert_eq!(apart(vec![-5.0, 90.0, 95.0], 0.0, 100.0), [0.0, 85.0, 100.0]);
    }

    /// The numbers of an attribute in elements of one kind.
    fn attributes(svg: &str, element: &str, name: &str) -> Vec<f64> {
        let (tag, attribute) = (format!("<{element} "), format!(" {name}=\""));
        let of = svg.split(&tag).skip(1);
        of.filter_map(|text| text.split(&attribute).nth(1)?.split('"').next()?.parse().ok()).collect()
    }

    #[test]
    fn a_legend_goes_on_in_the_next_row() {
        let long = "x".repeat(60);
        assert_eq!(legend_rows([long.as_str(), "y"].into_iter()), 1);
        let names = [long.as_str(); 3];
        let mut plot = Plot::new(["a", "b"], legend_rows(names.into_iter()), [1, 2].into_iter(), &[]);
        names.iter().for_each(|name| plot.legend("line s0", name));
        assert!(plot.legend.1 + 12.0 < plot.top && plot.legend.1 > LEGEND + ROW, "{:?} {}", plot.legend, plot.top);
    }

    #[test]
    fn labels_stand_where_no_curve_comes() {
        let label = |text: &str, value_ns| Label { text: text.to_owned(), colour: 0, value_ns };
        let labels = [label("day: at most 1 s", 1_000_000_000), label("swing: at most 900 ms", 900_000_000)];
        let mut plot = Plot::new(["a", "b"], 1, [1_000, 2_000_000_000].into_iter(), &labels);
        plot.marks(&[(0.1, "slice 1".to_owned()), (0.12, "slice 2".to_owned()), (0.9, "slice 3".to_owned())]);
        plot.curve("line s0", [(0.0, 1), (1.0, u64::MAX)].into_iter());
        let (top, right, svg) = (plot.top, plot.right, plot.svg.finish(true));
        assert!(svg.contains(">slice 1<") && !svg.contains(">slice 2<") && svg.contains(">slice 3<"), "{svg}");
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        for (x, y) in points.split_whitespace().map(|point| point.split_once(',').unwrap()) {
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=right).contains(&x) && (top..=BOTTOM).contains(&y), "{x} {y}");
        }
        let (xs, ys) = (attributes(&svg, "text", "x"), attributes(&svg, "text", "y"));
        let within = |x: f64, y: f64| (LEFT..right).contains(&x) && (top..BOTTOM).contains(&y);
        assert!(xs.len() >= 8 && !xs.iter().zip(&ys).any(|(&x, &y)| within(x, y)), "{svg}");
    }
}
