//! Runs as tables: for a terminal, and as Markdown.

use super::{
    compare::{ABOUT_SINGLE, Change, Moved, Row, compare, headline},
    distribution::{Distribution, QUANTILES, Series},
    pictures::about,
    run::{EchoInfo, Run, SliceInfo},
};
use crate::telemetry::{Table, human_count, human_ns};
use anyhow::{Context, Result};
use std::fmt::Write as _;

/// Every series of a run that has percentiles, with its name.
pub fn rows(run: &Run) -> Vec<(String, &Distribution)> {
    let mut rows: Vec<(String, &Distribution)> =
        run.signals.iter().map(|series| (series.name.clone(), &series.total)).collect();
    rows.extend(run.echo.iter().map(|series| ("bare echo".to_owned(), &series.total)));
    rows.extend(run.lag.iter().map(|series| ("generator late by".to_owned(), &series.total)));
    rows.extend(run.hiccups.iter().map(|series| (format!("hiccups of {}", series.name), &series.total)));
    rows.extend(run.stages.iter().map(|(name, distribution)| (format!("engine: {name}"), distribution)));
    rows
}

/// Count and percentiles. With too few latencies, a percentile would equal the maximum: the cell shows a dash.
pub fn cells(distribution: &Distribution) -> Vec<String> {
    let value = |&(_, quantile): &(&str, f64)| {
        if distribution.knows(quantile) { human_ns(distribution.at(quantile)) } else { "–".to_owned() }
    };
    [human_count(distribution.count())].into_iter().chain(QUANTILES.iter().map(value)).collect()
}

/// Names of the two series that measure the host rather than the engine.
const ECHO: &str = "bare echo";
const HICCUPS: &str = "host's hiccups";

const HEADS: [&str; 8] = ["what", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// A run as text for a terminal.
#[must_use]
pub fn run_text(run: &Run) -> String {
    let mut table = Table::new(&format!("{}\n{}", run.title, about(run)), &HEADS);
    for (name, distribution) in rows(run) {
        table.row([name].into_iter().chain(cells(distribution)));
    }
    let mut text = table.to_string();
    for (line, _) in findings(run) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(info) = &run.info {
        let _ = writeln!(text, "  verdict: {}", info.verdict);
    }
    text
}

/// Notes on the figures, each with whether it is a fault.
pub fn findings(run: &Run) -> Vec<(String, bool)> {
    let Some(info) = &run.info else { return Vec::new() };
    let mut lines = vec!["signals: those of the probe, which fires on every bar (engine.probe)".to_owned()];
    if let Some(echo) = info.echo {
        lines.push(format!("engine ÷ bare echo: p50 × {:.2}, p99 × {:.2}", echo.ratio_p50, echo.ratio_p99));
    }
    lines.extend(between_slices(&info.slices));
    for step in &info.steps {
        let held = if step.held { "held" } else { "BROKE" };
        let [p50, p99, max] = [step.p50_ns, step.p99_ns, step.max_ns].map(human_ns);
        let (rate, lag) = (human_count(step.bars_per_s as u64), human_ns(step.lag_p99_ns));
        lines.push(format!("{rate:>5} bars/s: {held}, p50 {p50}, p99 {p99}, max {max}; sent late by p99 {lag}"));
    }
    for core in &info.cores {
        let waited = core.waited_ms.map(|ms| format!("its meter waited {ms:.0} ms for other programs"));
        let stolen = core.stolen.map(|part| format!("the hypervisor took {:.2}% of it", 100.0 * part.min(1.0)));
        let facts: Vec<String> = waited.into_iter().chain(stolen).collect();
        if !facts.is_empty() {
            lines.push(format!("core {}: {}", core.core, facts.join(", ")));
        }
    }
    let mut lines: Vec<(String, bool)> = lines.into_iter().map(|line| (line, false)).collect();
    lines.extend(info.faults.iter().map(|fault| (format!("FAIL: {fault}"), true)));
    lines.extend(info.over_budget.iter().map(|fault| (format!("over budget: {fault}"), true)));
    lines
}

/// How much the slices differ, which shows how precise a ratio is.
fn between_slices(slices: &[SliceInfo]) -> Option<String> {
    let range = |value: &dyn Fn(&SliceInfo) -> Option<f64>| {
        let values = || slices.iter().filter_map(value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let times = |value: &dyn Fn(&SliceInfo) -> u64| {
        let (low, high) = range(&|slice| Some(value(slice) as f64));
        format!("{} to {}", human_ns(low as u64), human_ns(high as u64))
    };
    let ratios = |value: &dyn Fn(EchoInfo) -> f64| {
        let (low, high) = range(&|slice| slice.echo.map(value));
        format!("× {low:.2} to × {high:.2}")
    };
    if slices.len() < 2 {
        return None;
    }
    let (p50, p99) = (times(&|slice| slice.p50_ns), times(&|slice| slice.p99_ns));
    let mut line = format!("{} slices in turns with the echo: p50 {p50}, p99 {p99}", slices.len());
    if slices.iter().any(|slice| slice.echo.is_some()) {
        let (p50, p99) = (ratios(&|echo| echo.ratio_p50), ratios(&|echo| echo.ratio_p99));
        let _ = write!(line, "; engine ÷ bare echo: p50 {p50}, p99 {p99}");
    }
    Some(line)
}

/// A run as Markdown: `summary.md`.
#[must_use]
pub fn summary_markdown(run: &Run) -> String {
    let mut text = format!("# {}\n\n{}\n\n", run.title, about(run));
    let _ = writeln!(text, "| {} |\n|---|{}", HEADS.join(" | "), "---:|".repeat(HEADS.len() - 1));
    for (name, distribution) in rows(run) {
        let _ = writeln!(text, "| {name} | {} |", cells(distribution).join(" | "));
    }
    text.push('\n');
    for (line, _) in findings(run) {
        let _ = writeln!(text, "- {}", line.trim());
    }
    if let Some(info) = &run.info {
        let _ = writeln!(text, "- **{}**", info.verdict);
    }
    text.push_str(
        "\nThe styles are measured from the intended send of a bar to the moment a subscriber sees its signal; the \
         echo likewise, with nothing but a blocked XREAD and an XADD between. `engine:` is what the engine measured \
         itself, from the arrival of a record's bytes (`publish`: from the first byte of a batch written to its \
         acknowledgement), warm-up included. `hiccups` is how late a thread ran that did nothing but sleep \
         for a millisecond on that core: what the host did to any program meanwhile.\n\n",
    );
    for name in ["percentiles", "over-time", "stages"] {
        if name != "stages" || !run.stages.is_empty() {
            let _ = writeln!(text, "![{name}]({name}.svg)\n");
        }
    }
    text.push_str("The host:\n\n```toml\n");
    text.push_str(&toml::to_string(&run.host).unwrap_or_default());
    text.push_str("```\n");
    text
}

/// Compares two runs percentile by percentile, for a terminal.
///
/// # Errors
/// The intervals cannot be added up.
pub fn comparison_text(before: &Run, after: &Run) -> Result<String> {
    let title = format!("{} → {}", before.title, after.title);
    let mut table = Table::new(&title, &["series", "percentile", "before", "after", "change", "noise", "verdict"]);
    let rows = comparison(before, after)?;
    for row in &rows {
        let [change, noise, verdict] = row.change.cells(row.relative(), row.noise);
        let [before, after] = [row.before_ns, row.after_ns].map(human_ns);
        table.row([row.series.clone(), row.percentile.to_owned(), before, after, change, noise, verdict]);
    }
    Ok(upshot(&rows).into_iter().fold(table.to_string(), |text, line| text + "  " + &line + "\n"))
}

/// Rows of a comparison: signals and stages, then the echo and the hiccups, which show whether the host has changed.
///
/// # Errors
/// The intervals cannot be added up.
pub fn comparison(before: &Run, after: &Run) -> Result<Vec<Row>> {
    let all = |run: &Run| -> Result<Vec<Series>> {
        let stage = |(name, total): &(String, Distribution)| Series {
            name: format!("engine: {name}"),
            total: total.clone(),
            intervals: Vec::new(),
        };
        let echo = run.echo.iter().map(|series| Series { name: ECHO.to_owned(), ..series.clone() });
        let hiccups = Series::merged(HICCUPS, &run.hiccups).with_context(|| run.title.clone())?;
        Ok(run.signals.iter().cloned().chain(run.stages.iter().map(stage)).chain(echo).chain(hiccups).collect())
    };
    compare(&all(before)?, &all(after)?)
}

/// Summary of a comparison, line by line: the headline first.
pub fn upshot(rows: &[Row]) -> Vec<String> {
    let moved = rows.iter().map(|row| Moved {
        what: format!("{} {}", row.series, row.percentile),
        change: row.change,
        relative: row.relative(),
        values: [row.before_ns, row.after_ns].map(human_ns),
        of_host: row.series == ECHO || row.series == HICCUPS,
    });
    let single = rows.iter().any(|row| row.change == Change::Single).then(|| ABOUT_SINGLE.to_owned());
    [headline(&moved.collect::<Vec<_>>())].into_iter().chain(single).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{distribution::Interval, html::html};
    use super::*;
    use hdrhistogram::Histogram;

    /// A run whose latencies vary around `base_ns`, deterministically.
    fn run(title: &str, base_ns: u64, slow_ns: u64) -> Run {
        let mut intervals = Vec::new();
        let mut total = Histogram::new(3).unwrap();
        for second in 0..16 {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            for n in 0..1_000_u64 {
                let wobble = (n * 7_919 + second * 104_729) % (base_ns / 10);
                histogram.record(if n >= 985 { slow_ns } else { base_ns } + wobble).unwrap();
            }
            total.add(&histogram).unwrap();
            intervals.push(Interval { start_s: second as f64, length_s: 1.0, histogram });
        }
        let series = Series { name: "day".to_owned(), total: Distribution::of(total), intervals };
        Run { title: title.to_owned(), signals: vec![series], ..Run::default() }
    }

    #[test]
    fn a_comparison_says_what_moved_and_what_did_not() {
        let (before, after) = (run("before", 300_000, 900_000), run("after", 305_000, 2_000_000));
        let rows = comparison(&before, &after).unwrap();
        let change = |name| rows.iter().find(|row| row.percentile == name).unwrap().change;
        assert_eq!((change("p50"), change("p99"), change("p99.9")), (Change::Same, Change::Worse, Change::Worse));
        assert!(comparison(&before, &before).unwrap().iter().all(|row| row.change == Change::Same));
        let text = comparison_text(&before, &after).unwrap();
        assert!(text.contains("before → after") && text.contains("WORSE"), "{text}");
        assert!(text.contains("  WORSE: 3 worse, most of all day p99"), "{text}");
        let max = rows.iter().find(|row| row.percentile == "max").unwrap();
        assert_eq!(max.change, Change::Single, "what moved has a verdict");
        assert!(text.contains(ABOUT_SINGLE), "{text}");
    }

    #[test]
    fn the_page_holds_everything_itself() {
        let (before, after) = (run("before <1>", 300_000, 900_000), run("after", 305_000, 2_000_000));
        let page = html(&[before, after]).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.contains("prefers-color-scheme: dark"));
        assert!(page.matches("<svg").count() >= 4 && page.contains("before &lt;1&gt;"));
        assert!(!page.contains("src=") && !page.contains("href=\"http"), "nothing is loaded from elsewhere");
    }
}
