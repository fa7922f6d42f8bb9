//! Runs and their comparisons as JSON: what the tables show, in plain numbers.

use super::{
    compare::Row,
    distribution::{Distribution, QUANTILES},
    run::Run,
    summary::{comparison, findings, rows, upshot},
    throughput::{RateRow, ThroughputRun, compare_rates, upshot as rates_upshot},
};
use anyhow::Result;
use serde_json::{Map, Value, json};

/// Runs of `bench latency`, each further one compared with the first. Times are nanoseconds, changes shares.
///
/// # Errors
/// The intervals cannot be added up.
pub fn runs_json(runs: &[Run]) -> Result<Value> {
    let compared = |before: &Run, after: &Run| {
        let rows = comparison(before, after)?;
        let cells: Vec<Value> = rows.iter().map(row).collect();
        Ok(comparison_json([&before.title, &after.title], &upshot(&rows), cells))
    };
    together(runs, run, compared)
}

/// Runs of `bench throughput`, likewise.
///
/// # Errors
/// A figure is no number that JSON has.
pub fn rates_json(runs: &[ThroughputRun]) -> Result<Value> {
    let one = |run: &ThroughputRun| {
        Ok(json!({
            "title": run.title,
            "about": run.info.about(),
            "figures": serde_json::to_value(&run.info)?,
            "notes": run.info.findings(),
            "host": serde_json::to_value(&run.host)?,
        }))
    };
    let compared = |before: &ThroughputRun, after: &ThroughputRun| {
        let rows = compare_rates(&before.info, &after.info);
        let cells = rows.iter().map(rate_row).collect();
        Ok(comparison_json([&before.title, &after.title], &rates_upshot(&before.info, &after.info, &rows), cells))
    };
    together(runs, one, compared)
}

/// Every run, and each further one compared with the first.
fn together<R>(
    runs: &[R],
    one: impl Fn(&R) -> Result<Value>,
    compared: impl Fn(&R, &R) -> Result<Value>,
) -> Result<Value> {
    let all: Vec<Value> = runs.iter().map(one).collect::<Result<_>>()?;
    let comparisons: Vec<Value> = match runs {
        [first, rest @ ..] => rest.iter().map(|other| compared(first, other)).collect::<Result<_>>()?,
        [] => Vec::new(),
    };
    Ok(json!({ "runs": all, "comparisons": comparisons }))
}

fn comparison_json([before, after]: [&str; 2], upshot: &[String], rows: Vec<Value>) -> Value {
    let (headline, notes) = upshot.split_first().map_or((None, upshot), |(first, rest)| (Some(first), rest));
    json!({ "before": before, "after": after, "headline": headline, "notes": notes, "rows": rows })
}

fn run(run: &Run) -> Result<Value> {
    let series: Vec<Value> = rows(run).into_iter().map(|(name, total)| distribution(&name, total)).collect();
    let notes: Vec<String> = findings(run).into_iter().map(|(line, _)| line).collect();
    Ok(json!({
        "title": run.title,
        "verdict": run.info.as_ref().map(|info| &info.verdict),
        "parameters": serde_json::to_value(&run.info)?,
        "series": series,
        "notes": notes,
        "host": serde_json::to_value(&run.host)?,
    }))
}

/// Count and percentiles; with too few latencies for one, it is null.
fn distribution(name: &str, total: &Distribution) -> Value {
    let mut value = Map::from_iter([("name".to_owned(), json!(name)), ("count".to_owned(), json!(total.count()))]);
    for (percentile, quantile) in QUANTILES {
        let known = total.count() > 0 && total.knows(quantile);
        value.insert(format!("{percentile}_ns"), json!(known.then(|| total.at(quantile))));
    }
    Value::Object(value)
}

fn row(row: &Row) -> Value {
    json!({
        "series": row.series,
        "percentile": row.percentile,
        "before_ns": row.before_ns,
        "after_ns": row.after_ns,
        "change": row.relative(),
        "noise": row.noise,
        "verdict": row.change.class(),
    })
}

fn rate_row(row: &RateRow) -> Value {
    json!({
        "stretch": row.stretch,
        "figure": row.figure,
        "before": row.before,
        "after": row.after,
        "change": row.relative(),
        "noise": row.noise,
        "verdict": row.change.class(),
    })
}
