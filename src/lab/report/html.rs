//! Runs as one self-contained HTML page.

use super::{
    distribution::{QUANTILES, Series},
    pictures::{Theme, about, overlay, pictures},
    run::Run,
    summary::{cells, comparison, findings, rows, upshot},
    svg::escape,
};
use crate::telemetry::{human_count, human_ns};
use anyhow::{Context, Result};
use std::fmt::Write as _;

const STYLE: &str = include_str!("report.css");

/// A page with every run, and a comparison of each further run with the first.
///
/// # Errors
/// The intervals cannot be added up.
pub fn html(runs: &[Run]) -> Result<String> {
    let mut page = begin(runs.iter().map(|run| run.title.as_str()));
    if let [first, rest @ ..] = runs {
        if let Some(picture) = overlay(runs, Theme::Page)?.filter(|_| !rest.is_empty()) {
            let _ = write!(page, "<section><figure>{}</figure></section>", picture.svg);
        }
        for other in rest {
            push_comparison(&mut page, first, other)?;
        }
    }
    for run in runs {
        push_run(&mut page, run)?;
    }
    page.push_str(END);
    Ok(page)
}

/// The start of a page about these runs.
pub(super) fn begin<'a>(titles: impl Iterator<Item = &'a str>) -> String {
    let title = titles.map(escape).collect::<Vec<_>>().join(" → ");
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body><main>\n"
    )
}

/// The end of a page.
pub(super) const END: &str = "</main></body></html>\n";

fn push_run(page: &mut String, run: &Run) -> Result<()> {
    let verdict = run.info.as_ref().map_or("", |info| info.verdict.as_str());
    // Writing to a string does not fail, here and below.
    let _ = write!(
        page,
        "<section><h1>{} <span class=\"verdict {verdict}\">{verdict}</span></h1><p class=\"about\">{}</p>",
        escape(&run.title),
        escape(&about(run))
    );
    push_tiles(page, run)?;
    page.push_str("<ul>");
    for (line, is_fault) in findings(run) {
        let _ = write!(page, "<li{}>{}", if is_fault { " class=\"fault\"" } else { "" }, escape(line.trim()));
    }
    page.push_str("</ul>");
    for picture in pictures(run, Theme::Page)? {
        let _ = write!(page, "<figure>{}</figure>", picture.svg);
    }
    push_table(page, run);
    if let Some(report) = &run.engine_report {
        let report = escape(report);
        let _ = write!(page, "<details><summary>What the engine says itself</summary><pre>{report}</pre></details>");
    }
    if !run.host.is_empty() {
        push_host(page, &run.host);
    }
    page.push_str("</section>\n");
    Ok(())
}

/// The host's description.
pub(super) fn push_host(page: &mut String, host: &toml::Table) {
    let host = toml::to_string(host).unwrap_or_default();
    let _ = write!(page, "<details><summary>The host</summary><pre>{}</pre></details>", escape(&host));
}

fn push_tiles(page: &mut String, run: &Run) -> Result<()> {
    page.push_str("<div class=\"tiles\">");
    let mut tile = |name: &str, value: &str, more: &str| {
        let _ = write!(page, "<div><span>{name}</span><b>{value}</b><small>{more}</small></div>");
    };
    let steps = run.info.iter().flat_map(|info| &info.steps);
    if let Some(held) = steps.clone().take_while(|step| step.held).last() {
        let more = format!("bars/s, p50 {} · p99 {}", human_ns(held.p50_ns), human_ns(held.p99_ns));
        tile("highest rate held", &human_count(held.bars_per_s as u64), &more);
    }
    for series in run.signals.iter().filter(|_| steps.clone().next().is_none()) {
        let more = format!("p50 {} · max {}", human_ns(series.total.at(0.5)), human_ns(series.total.max_ns()));
        tile(&format!("{} p99", escape(&series.name)), &human_ns(series.total.at(0.99)), &more);
    }
    if let Some(echo) = run.info.as_ref().and_then(|info| info.echo) {
        tile("p50 ÷ bare echo", &format!("× {:.2}", echo.ratio_p50), &format!("p99 × {:.2}", echo.ratio_p99));
    }
    if let Some(hiccups) = Series::merged("hiccups", &run.hiccups).with_context(|| run.title.clone())? {
        let hiccups = hiccups.total;
        let more = format!("p99.9 {} · max {}", human_ns(hiccups.at(0.999)), human_ns(hiccups.max_ns()));
        tile("host's hiccups p99", &human_ns(hiccups.at(0.99)), &more);
    }
    page.push_str("</div>");
    Ok(())
}

fn push_table(page: &mut String, run: &Run) {
    page.push_str("<div class=\"scroll\"><table><tr><th>what<th>count");
    for (name, _) in QUANTILES {
        let _ = write!(page, "<th>{name}");
    }
    for (name, distribution) in rows(run) {
        let _ = write!(page, "<tr><td>{}", escape(&name));
        for cell in cells(distribution) {
            let _ = write!(page, "<td>{cell}");
        }
    }
    page.push_str("</table></div>");
}

fn push_comparison(page: &mut String, before: &Run, after: &Run) -> Result<()> {
    let rows = comparison(before, after)?;
    push_upshot(page, [&before.title, &after.title], &upshot(&rows));
    page.push_str(
        "<div class=\"scroll\"><table><tr><th>series<th>percentile<th>before<th>after<th>change<th>noise<th>verdict",
    );
    for row in rows {
        let [change, noise, verdict] = row.change.cells(row.relative(), row.noise);
        let _ = write!(
            page,
            "<tr class=\"{}\"><td>{}<td>{}<td>{}<td>{}<td>{change}<td>{noise}<td>{verdict}",
            row.change.class(),
            escape(&row.series),
            row.percentile,
            human_ns(row.before_ns),
            human_ns(row.after_ns),
        );
    }
    page.push_str("</table></div></section>\n");
    Ok(())
}

/// What a comparison comes to: the headline large, what else there is to know below it.
pub(super) fn push_upshot(page: &mut String, [before, after]: [&str; 2], lines: &[String]) {
    let (headline, rest) = lines.split_first().map_or(("", lines), |(first, rest)| (first.as_str(), rest));
    let _ = write!(
        page,
        "<section><h1>What moved</h1><p class=\"about\">{} → {}</p><p class=\"headline\">{}</p>",
        escape(before),
        escape(after),
        escape(headline),
    );
    for line in rest {
        let _ = write!(page, "<p class=\"about\">{}</p>", escape(line));
    }
}
