//! Axes, grid and legend, which the pictures share.

use super::svg::{Svg, TextAnchor};
use crate::telemetry::human_ns;

pub const WIDTH: f64 = 960.0;
pub const HEIGHT: f64 = 520.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 924.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 456.0;

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

/// A candidate place for a label: a pixel, and the anchor of the text there.
pub type Anchorage = (f64, f64, TextAnchor);

/// A picture with a latency axis at its left.
pub struct Plot {
    pub svg: Svg,
    pub y: LogAxis,
    /// Right edge of the last legend entry, pixels.
    legend_x: f64,
    /// Points along the curves and lines, pixels; labels must keep off them.
    drawn: Vec<(f64, f64)>,
    /// Boxes of the labels so far: left, top, right, bottom, pixels.
    labels: Vec<[f64; 4]>,
}

impl Plot {
    /// A chart with title, subtitle, and a grid for these values, ns.
    pub fn new(title: &str, subtitle: &str, values: impl Iterator<Item = u64>) -> Self {
        let mut svg = Svg::new(WIDTH, HEIGHT);
        heading(&mut svg, title, subtitle);
        let y = LogAxis::new(values, BOTTOM, TOP);
        for decade in y.decades() {
            for part in 2..10 {
                let minor = decade.saturating_mul(part);
                if y.at(minor) > TOP + 0.5 && matches!(part, 2 | 5) {
                    svg.line("grid", LEFT, y.at(minor), RIGHT, y.at(minor));
                }
            }
            svg.line("grid", LEFT, y.at(decade), RIGHT, y.at(decade));
            svg.text("tick", LEFT - 10.0, y.at(decade) + 4.0, TextAnchor::End, &tick(decade));
        }
        svg.line("axis", LEFT, BOTTOM, RIGHT, BOTTOM);
        Self { svg, y, legend_x: LEFT, drawn: Vec::new(), labels: Vec::new() }
    }

    /// The pixel at a share of the width.
    pub fn x(share: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * share
    }

    /// A tick at a share of the width.
    pub fn x_tick(&mut self, share: f64, text: &str) {
        let x = Self::x(share);
        self.svg.line("grid", x, TOP, x, BOTTOM);
        self.svg.line("axis", x, BOTTOM, x, BOTTOM + 5.0);
        self.svg.text("tick", x, BOTTOM + 21.0, TextAnchor::Middle, text);
    }

    /// Vertical lines at shares of the width, with labels beside them: at the top, or all at the bottom if curves are in
    /// the way.
    pub fn marks(&mut self, marks: &[(f64, String)]) {
        let at = |y: f64| marks.iter().map(move |(share, text)| (Self::x(*share) + 5.0, y, text));
        let rows = [TOP + 12.0, BOTTOM - 8.0];
        let met = |y: f64| at(y).map(|(x, y, text)| self.met(label_box(x, y, TextAnchor::Start, text))).sum::<usize>();
        let y = if met(rows[0]) <= met(rows[1]) { rows[0] } else { rows[1] };
        for (x, y, text) in at(y) {
            self.svg.line("dash s3", x - 5.0, TOP, x - 5.0, BOTTOM);
            self.svg.text("tick halo", x, y, TextAnchor::Start, text);
        }
    }

    /// A horizontal line between two pixels, at a value, ns.
    pub fn across(&mut self, class: &str, [from, to]: [f64; 2], value_ns: u64) {
        let y = self.y.at(value_ns);
        self.svg.line(class, from, y, to, y);
        self.keep_clear(&[(from, y), (to, y)]);
    }

    /// Places a label at the first of these places where it covers nothing, or else where it covers least.
    pub fn label(&mut self, text: &str, places: impl Iterator<Item = Anchorage>) {
        let met = |&(x, y, anchor): &Anchorage| self.met(label_box(x, y, anchor, text));
        let Some((x, y, anchor)) = places.min_by_key(met) else { return };
        self.labels.push(label_box(x, y, anchor, text));
        self.svg.text("tick halo", x, y, anchor, text);
    }

    /// How much of the drawing a box covers; a box outside the plot counts as fully covered.
    fn met(&self, [left, top, right, bottom]: [f64; 4]) -> usize {
        if left < LEFT || right > RIGHT || top < TOP || bottom > BOTTOM {
            return usize::MAX / 1_000;
        }
        let points =
            self.drawn.iter().filter(|(x, y)| (left..=right).contains(x) && (top..=bottom).contains(y)).count();
        let over = |other: &&[f64; 4]| left < other[2] && other[0] < right && top < other[3] && other[1] < bottom;
        points + 100 * self.labels.iter().filter(over).count()
    }

    /// Notes a line through points, so that labels keep off it.
    fn keep_clear(&mut self, points: &[(f64, f64)]) {
        for pair in points.windows(2) {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            let steps = (x2 - x1).abs().max((y2 - y1).abs()).ceil().max(1.0) as u32;
            let share = |step| f64::from(step) / f64::from(steps);
            self.drawn.extend((0..=steps).map(|step| (x1 + (x2 - x1) * share(step), y1 + (y2 - y1) * share(step))));
        }
    }

    /// The label of the axis.
    pub fn x_title(&mut self, text: &str) {
        self.svg.text("sub", (LEFT + RIGHT) / 2.0, BOTTOM + 46.0, TextAnchor::Middle, text);
    }

    /// A legend entry for a line, solid or dashed.
    pub fn legend(&mut self, class: &str, text: &str) {
        let x = self.legend_x;
        self.svg.line(class, x, 82.0, x + 22.0, 82.0);
        self.svg.text("", x + 29.0, 86.5, TextAnchor::Start, text);
        self.legend_x = x + 29.0 + 7.3 * text.chars().count() as f64 + 20.0;
    }

    /// A line through points: shares of the width, and values, ns.
    pub fn curve(&mut self, class: &str, points: impl Iterator<Item = (f64, u64)>) {
        let points: Vec<(f64, f64)> = points.map(|(share, value)| (Self::x(share), self.y.at(value))).collect();
        match points[..] {
            [] => {}
            [(x, y)] => self.svg.dot(&format!("f{}", &class[class.len() - 1..]), x, y, 3.5),
            _ => self.svg.polyline(class, &points),
        }
        self.keep_clear(&points);
    }
}

/// The box of a small text at a pixel: left, top, right, bottom.
fn label_box(x: f64, y: f64, anchor: TextAnchor, text: &str) -> [f64; 4] {
    let width = 7.2 * text.chars().count() as f64;
    let left = match anchor {
        TextAnchor::Start => x,
        TextAnchor::Middle => x - width / 2.0,
        TextAnchor::End => x - width,
    };
    [left - 1.0, y - 11.0, left + width, y + 4.0]
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
