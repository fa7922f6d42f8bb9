//! The three pictures of a run: percentiles, course over time, stages.

use super::{
    chart::{Label, LogAxis, Plot, WIDTH, heading, legend_rows, range_row, tick},
    distribution::{Distribution, Interval, Series},
    run::{Run, StepInfo},
    svg::{Svg, TextAnchor},
};
use crate::telemetry::{human_count, human_ns};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// Where a picture is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// A file of its own, which defines the colours.
    File,
    /// A page, which defines the colours.
    Page,
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// File name without extension.
    pub name: &'static str,
    /// The SVG text.
    pub svg: String,
}

/// All pictures for which the run has data.
///
/// # Errors
/// The intervals cannot be added up.
pub fn pictures(run: &Run, theme: Theme) -> Result<Vec<Picture>> {
    let own = theme == Theme::File;
    let drawn = [("percentiles", percentiles(run)), ("over-time", over_time(run)), ("stages", stages(run))];
    let drawn = drawn.into_iter().map(|(name, svg)| {
        let svg = svg.with_context(|| format!("{}: cannot draw {name}", run.title))?;
        Ok(svg.map(|svg| Picture { name, svg: svg.finish(own) }))
    });
    drawn.filter_map(Result::transpose).collect()
}

/// Colour of a series; each trading style has its own.
fn colour(name: &str, index: usize) -> usize {
    ["day", "swing", "position"].iter().position(|style| *style == name).unwrap_or(index % 3)
}

/// The parameters of the run, in one line.
pub fn about(run: &Run) -> String {
    let Some(info) = &run.info else { return run.title.clone() };
    format!(
        "{} · {} symbols · {}{} bars/s · {} · {} · {} s · {}",
        info.shape,
        info.symbols,
        if info.steps.is_empty() { "" } else { "from " },
        info.rate * info.symbols as f64,
        if info.socket == "none" { "embedded, no Redis".to_owned() } else { format!("{} socket", info.socket) },
        info.form,
        info.duration_s,
        info.verdict,
    )
}

/// The series drawn beside the signals, with name and colour: the echo, and the hiccups of all cores together.
fn others(run: &Run) -> Result<Vec<(Series, usize, &'static str)>> {
    let ramp = run.info.as_ref().is_some_and(|info| !info.steps.is_empty());
    let name = if ramp { "bare echo, at the first rate" } else { "bare echo" };
    let echo = run.echo.iter().map(move |series| (series.clone(), 3, name));
    let hiccups = Series::merged("hiccups", &run.hiccups)?.map(|series| (series, 4, "host's hiccups"));
    Ok(echo.chain(hiccups).collect())
}

/// A curve of the percentile picture: name, colour, quantiles and values, ns.
type Curve = (String, usize, Vec<(f64, u64)>);

/// The number of nines of a quantile.
fn depth(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-9).log10()
}

/// The largest number of nines among the first `count` curves, at least three; the other curves are cut off there.
fn deepest(curves: &mut [Curve], count: usize) -> f64 {
    let last = |curve: &Curve| curve.2.last().map_or(0.0, |point| depth(point.0));
    let deepest = curves.iter().take(count).map(last).fold(3.0, f64::max);
    curves.iter_mut().for_each(|curve| curve.2.retain(|point| depth(point.0) <= deepest + 1e-9));
    deepest
}

fn percentile_axis(plot: &mut Plot, deepest: f64) {
    for nines in 0..=deepest.floor() as i32 {
        let text = match nines {
            0 => "0%".to_owned(),
            1 => "90%".to_owned(),
            2 => "99%".to_owned(),
            _ => format!("99.{}%", "9".repeat(nines as usize - 2)),
        };
        plot.x_tick(f64::from(nines) / deepest, &text);
    }
    plot.x_tick(depth(0.5) / deepest, "50%");
    plot.x_title("percentile");
}

/// The percentiles of several runs: all styles of each together, and the echo of each dashed; `None` if there are none.
///
/// # Errors
/// The intervals cannot be added up.
pub fn overlay(runs: &[Run], theme: Theme) -> Result<Option<Picture>> {
    let mut curves: Vec<Curve> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let all = Series::merged("signals", &run.signals).with_context(|| run.title.clone())?;
        // A single .hgrm file has no intervals to merge.
        let all = all.map(|series| series.total).or_else(|| run.signals.first().map(|series| series.total.clone()));
        let Some(total) = all else { return Ok(None) };
        curves.push((run.title.clone(), index % 6, total.curve()));
    }
    let echoes = runs.iter().enumerate().filter_map(|(index, run)| Some((index % 6, run.echo.as_ref()?)));
    curves.extend(echoes.map(|(colour, echo)| (String::new(), colour, echo.total.curve())));
    let deepest = deepest(&mut curves, runs.len());
    let values = curves.iter().flat_map(|curve| curve.2.iter().map(|point| point.1));
    let mut plot = Plot::new(
        ["Intended send to signal seen, run by run", "all styles; dashed: the bare echo"],
        legend_rows(runs.iter().map(|run| run.title.as_str())),
        values,
        &[],
    );
    percentile_axis(&mut plot, deepest);
    for (name, colour, points) in curves {
        let class = format!("{} s{colour}", if name.is_empty() { "dash" } else { "line" });
        if !name.is_empty() {
            plot.legend(&class, &name);
        }
        plot.curve(&class, points.into_iter().map(|(quantile, value)| (depth(quantile) / deepest, value)));
    }
    Ok(Some(Picture { name: "runs", svg: plot.svg.finish(theme == Theme::File) }))
}

/// The curves of a ramp, one per step: the sum of all steps would belong to no rate.
fn steps(run: &Run, steps: &[StepInfo]) -> Result<Vec<Curve>> {
    let Some(all) = Series::merged("signals", &run.signals)? else { return Ok(Vec::new()) };
    let curve = |(index, step): (usize, &StepInfo)| -> Result<Option<Curve>> {
        let to_s = steps.get(index + 1).map_or(f64::INFINITY, |next| next.from_s);
        let within = |interval: &&Interval| interval.start_s >= step.from_s.floor() && interval.start_s < to_s.floor();
        let intervals: Vec<Interval> = all.intervals.iter().filter(within).cloned().collect();
        if intervals.is_empty() {
            return Ok(None);
        }
        let part = Series::new("signals".to_owned(), intervals)?;
        let broke = if step.held { "" } else { " ✗" };
        Ok(Some((format!("{}/s{broke}", human_count(step.bars_per_s as u64)), index, part.total.curve())))
    };
    steps.iter().enumerate().map(curve).filter_map(Result::transpose).collect()
}

fn styles(run: &Run) -> Vec<Curve> {
    let curve =
        |(index, series): (usize, &Series)| (series.name.clone(), colour(&series.name, index), series.total.curve());
    run.signals.iter().enumerate().map(curve).collect()
}

fn percentiles(run: &Run) -> Result<Option<Svg>> {
    let ramp = run.info.as_ref().map(|info| &info.steps[..]).filter(|steps| !steps.is_empty());
    let mut curves = ramp.map_or_else(|| Ok(styles(run)), |ramp| steps(run, ramp))?;
    let (count, title) = match ramp {
        Some(_) => (curves.len(), "Intended send to signal seen, by percentile and rate"),
        None => (curves.len(), "Intended send to signal seen, by percentile"),
    };
    if ramp.is_none() {
        curves.extend(
            others(run)?.into_iter().map(|(series, colour, name)| (name.to_owned(), colour, series.total.curve())),
        );
    }
    curves.retain(|curve| !curve.2.is_empty());
    if curves.is_empty() {
        return Ok(None);
    }
    let deepest = deepest(&mut curves, count);
    let budgets: Vec<(usize, &'static str, f64, u64)> = run
        .info
        .iter()
        .flat_map(|info| &info.budgets)
        .flat_map(|(style, budget)| {
            budget.limits().map(|(name, quantile, ms)| (colour(style, 0), name, quantile, (ms * 1e6) as u64))
        })
        .collect();
    let values = curves.iter().flat_map(|curve| curve.2.iter().map(|point| point.1));
    let values = values.chain(budgets.iter().map(|budget| budget.3));
    let rows = legend_rows(curves.iter().map(|curve| curve.0.as_str()));
    let limits = limits(&budgets, deepest);
    let labels: Vec<Label> = limits.iter().map(|limit| limit.label.clone()).collect();
    let mut plot = Plot::new([title, &about(run)], rows, values, &labels);
    percentile_axis(&mut plot, deepest);
    let styles = if ramp.is_some() { 0 } else { count };
    for (index, (name, colour, points)) in curves.into_iter().enumerate() {
        // Curves of styles often coincide: later ones are thinner, so that none hides another.
        let width = if index < styles && styles > 1 { format!(" w{}", index.min(2)) } else { String::new() };
        let class = format!("line{width} {}{colour}", if ramp.is_some() { 'r' } else { 's' });
        plot.legend(&class, &name);
        plot.curve(&class, points.into_iter().map(|(quantile, value)| (depth(quantile) / deepest, value)));
    }
    limits.iter().for_each(|limit| limit.draw(&mut plot));
    Ok(Some(plot.svg))
}

/// A budget as it is drawn: a maximum as a line across, a percentile as a mark at its place.
struct Limit {
    class: String,
    /// Where the percentile lies, as a share of the width; `None` for a maximum.
    at: Option<f64>,
    label: Label,
}

impl Limit {
    fn draw(&self, plot: &mut Plot) {
        let [left, right] = [0.0, 1.0].map(|share| plot.x(share));
        let ends = match self.at {
            Some(share) => [-22.0, 22.0].map(|off| (plot.x(share) + off).clamp(left, right)),
            None => [left, right],
        };
        plot.across(&self.class, ends, self.label.value_ns);
    }
}

/// Style by colour, percentile, quantile and limit, ns, of each budget, as they are drawn. Styles that share a limit share
/// its mark.
fn limits(budgets: &[(usize, &str, f64, u64)], deepest: f64) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    let mut known: Vec<(&str, u64)> = Vec::new();
    for &(style, name, quantile, value_ns) in budgets {
        let share = depth(quantile) / deepest;
        if known.contains(&(name, value_ns)) || (quantile < 1.0 && share > 1.0) {
            continue;
        }
        known.push((name, value_ns));
        let shared = budgets.iter().filter(|budget| (budget.1, budget.3) == (name, value_ns)).count() > 1;
        let (who, colour) = match ["day", "swing", "position"].get(style) {
            Some(who) if !shared => (*who, style),
            _ => ("all", 5),
        };
        let (class, at, text) = if quantile >= 1.0 {
            (format!("dash s{colour}"), None, format!("{who} ≤ {}", tick(value_ns)))
        } else {
            (format!("line s{colour}"), Some(share), format!("{who} {name} ≤ {}", human_ns(value_ns)))
        };
        limits.push(Limit { class, at, label: Label { text, colour, value_ns } });
    }
    limits
}

fn over_time(run: &Run) -> Result<Option<Svg>> {
    let intervals = |series: Option<Series>| series.map_or_else(Vec::new, |series| series.intervals);
    let signals = intervals(Series::merged("signals", &run.signals)?);
    let hiccups = intervals(Series::merged("hiccups", &run.hiccups)?);
    let Some(last) = signals.last() else { return Ok(None) };
    let end_s = last.start_s + last.length_s;
    // A ramp ends at the rate that is not held: the picture shows the margin at each step.
    let end_s = run.info.iter().filter(|info| !info.steps.is_empty()).fold(end_s, |end, info| end.max(info.duration_s));
    let maxima = signals.iter().chain(&hiccups).map(|interval| interval.histogram.max());
    let medians = signals.iter().map(|interval| interval.histogram.value_at_quantile(0.5));
    let heads = ["Latency over time, all styles, second by second", &about(run)];
    let mut plot = Plot::new(heads, 1, maxima.chain(medians), &[]);
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 3_600.0]
        .into_iter()
        .find(|step| end_s / step <= 12.0)
        .unwrap_or(7_200.0);
    for index in 0..=(end_s / step) as u32 {
        let at = f64::from(index) * step;
        plot.x_tick(at / end_s, &format!("{at:.0} s"));
    }
    plot.x_title("time since the end of the warm-up");
    let middle = |interval: &Interval| (interval.start_s + interval.length_s / 2.0) / end_s;
    let mut line = |class: &str, name: &str, of: &[Interval], value: &dyn Fn(&Histogram<u64>) -> u64| {
        plot.legend(class, name);
        plot.curve(class, of.iter().map(|interval| (middle(interval), value(&interval.histogram))));
    };
    line("line thin s5", "max", &signals, &|histogram| histogram.max());
    line("line s1", "p99", &signals, &|histogram| histogram.value_at_quantile(0.99));
    line("line s0", "p50", &signals, &|histogram| histogram.value_at_quantile(0.5));
    if !hiccups.is_empty() {
        line("line thin s4", "host's longest hiccup", &hiccups, &|histogram| histogram.max());
    }
    let steps = run.info.iter().flat_map(|info| &info.steps).map(|step| {
        let broke = if step.held { "" } else { " ✗" };
        (step.from_s / end_s, format!("{}/s{broke}", human_count(step.bars_per_s as u64)))
    });
    let slices = run.info.iter().flat_map(|info| &info.slices).enumerate();
    let slices = slices.map(|(index, slice)| (slice.from_s / end_s, format!("slice {}", index + 1)));
    plot.marks(&steps.chain(slices).collect::<Vec<_>>());
    Ok(Some(plot.svg))
}

fn stages(run: &Run) -> Result<Option<Svg>> {
    let others = others(run)?;
    let mut rows: Vec<(String, u8, &Distribution)> = Vec::new();
    if let Some(lag) = &run.lag {
        rows.push(("generator: late by".to_owned(), 3, &lag.total));
    }
    for (name, distribution) in &run.stages {
        let label = match name.as_str() {
            "read" => "arrival → decoded",
            "aggregate" => "arrival → aggregated",
            "evaluate" => "arrival → evaluated",
            "correlate" => "arrival → correlated",
            "publish" => "written → acknowledged",
            style => &format!("{style}: → acknowledged"),
        };
        rows.push((label.to_owned(), if name == "publish" { 1 } else { 0 }, distribution));
    }
    if run.stages.is_empty() {
        return Ok(None);
    }
    for series in run.signals.iter().filter(|_| run.info.as_ref().is_some_and(|info| info.socket != "none")) {
        rows.push((format!("{}: sent → seen", series.name), 2, &series.total));
    }
    rows.extend(others.iter().map(|(series, colour, name)| ((*name).to_owned(), *colour as u8, &series.total)));
    rows.retain(|row| row.2.count() > 0);
    let bottom = 96.0 + 30.0 * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 58.0);
    heading(&mut svg, "Where the time goes", &about(run));
    let axis = LogAxis::new(rows.iter().flat_map(|row| [row.2.at(0.5), row.2.max_ns()]), 230.0, WIDTH - 236.0);
    svg.text("tick", WIDTH - 20.0, 82.0, TextAnchor::End, "p50 · p99 · max");
    for decade in axis.decades() {
        svg.line("grid", axis.at(decade), 92.0, axis.at(decade), bottom);
        svg.text("tick", axis.at(decade), bottom + 18.0, TextAnchor::Middle, &tick(decade));
    }
    for (index, (name, colour, distribution)) in rows.iter().enumerate() {
        let at = [0.5, 0.99, 0.999, 1.0].map(|quantile| distribution.at(quantile));
        range_row(&mut svg, &axis, 110.0 + 30.0 * index as f64, *colour, name, at);
    }
    let key = "bar: p50 to p99 · dots: p99, p99.9 · whisker: longest. Arrival: the bytes are in the engine";
    svg.text("sub", 230.0, bottom + 42.0, TextAnchor::Start, key);
    Ok(Some(svg))
}
