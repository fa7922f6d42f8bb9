//! Throughput runs as a picture and as a page.

use super::{
    chart::{WIDTH, heading},
    html::{END, begin, push_host, push_upshot},
    pictures::{Picture, Theme},
    svg::{Svg, TextAnchor, escape},
    throughput::{HEADS, ThroughputRun, compare_rates, upshot},
};
use crate::{lab::bench::FIGURE_HEADS, telemetry::exact_count};
use std::fmt::Write as _;

const LEFT: f64 = 170.0;
const RIGHT: f64 = WIDTH - 230.0;
const TOP: f64 = 76.0;
/// Height of a bar with the gap to the next, pixels.
const BAR: f64 = 22.0;
/// Gap between two stretches, pixels.
const GAP: f64 = 12.0;

/// Bars per second by stretch, run by run.
#[must_use]
pub fn rates(runs: &[ThroughputRun], theme: Theme) -> Picture {
    let max = runs.iter().flat_map(|run| run.info.figures()).filter_map(|(_, figure)| Some(figure?.bars_per_s));
    let max = max.fold(1.0, f64::max);
    let named: f64 = if runs.len() > 1 { runs.len() as f64 * 20.0 + 8.0 } else { 0.0 };
    let stretches: Vec<(&str, Vec<_>)> = (0..5)
        .map(|index| {
            let bars = runs.iter().enumerate().filter_map(|(run, of)| {
                let figure = of.info.figures()[index].1?;
                Some((run, figure.bars_per_s, figure.ns_per_bar(figure.consumer_cpu)))
            });
            (runs.first().map_or("", |run| run.info.figures()[index].0), bars.collect::<Vec<_>>())
        })
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let height: f64 = stretches.iter().map(|(_, bars)| bars.len() as f64 * BAR + GAP).sum();
    let mut svg = Svg::new(WIDTH, TOP + named + height + 44.0);
    let about = runs.first().map_or_else(String::new, |run| run.info.about());
    // A value beyond the picture's edge appears as text beside the bar.
    heading(&mut svg, "Bars a second", &on_a_line(&about));
    for (index, run) in runs.iter().enumerate().filter(|_| runs.len() > 1) {
        let y = TOP + 20.0 * index as f64;
        svg.rect(&format!("f{}", index % 6), LEFT, y, 14.0, 12.0);
        svg.text("", LEFT + 22.0, y + 11.0, TextAnchor::Start, &run.title);
    }
    let mut y = TOP + named;
    for (name, bars) in stretches {
        let middle = y + BAR * bars.len() as f64 / 2.0;
        svg.text("label", LEFT - 12.0, middle + 1.5, TextAnchor::End, name);
        for (run, rate, ns) in bars {
            // For a single run, the bare loop is the reference.
            let colour = match runs.len() {
                1 if name.ends_with("bare loop") => 3,
                1 => 0,
                _ => run % 6,
            };
            let width = (RIGHT - LEFT) * rate / max;
            svg.rect(&format!("f{colour}"), LEFT, y, width.max(1.0), BAR - 6.0);
            let text = format!("{} bars/s · {ns:.0} ns a bar", exact_count(rate.round() as u64));
            svg.text("tick", LEFT + width + 8.0, y + 12.5, TextAnchor::Start, &text);
            y += BAR;
        }
        y += GAP;
    }
    svg.line("axis", LEFT, TOP + named - 6.0, LEFT, y - GAP + 2.0);
    let key = "ns a bar: processor time of the engine or of the bare loop";
    svg.text("sub", LEFT, y + 18.0, TextAnchor::Start, key);
    Picture { name: "rates", svg: svg.finish(theme == Theme::File) }
}

/// A page with every run, and a comparison of each further run with the first.
#[must_use]
pub fn rates_html(runs: &[ThroughputRun]) -> String {
    let mut page = begin(runs.iter().map(|run| run.title.as_str()));
    if let [first, rest @ ..] = runs {
        if !rest.is_empty() {
            // Writing to a string does not fail, here and below.
            let _ = write!(page, "<section><figure>{}</figure></section>", rates(runs, Theme::Page).svg);
        }
        rest.iter().for_each(|other| push_comparison(&mut page, first, other));
    }
    for run in runs {
        push_run(&mut page, run);
    }
    page.push_str(END);
    page
}

fn push_run(page: &mut String, run: &ThroughputRun) {
    let about = escape(&run.info.about());
    let _ = write!(page, "<section><h1>{}</h1><p class=\"about\">{about}</p><ul>", escape(&run.title));
    for line in run.info.findings() {
        let _ = write!(page, "<li>{}", escape(&line));
    }
    let figure = rates(std::slice::from_ref(run), Theme::Page).svg;
    let _ = write!(page, "</ul><figure>{figure}</figure><div class=\"scroll\"><table><tr>");
    FIGURE_HEADS.iter().for_each(|head| *page += &format!("<th>{head}"));
    for row in run.info.rows() {
        page.push_str("<tr>");
        row.iter().for_each(|cell| *page += &format!("<td>{}", escape(cell)));
    }
    page.push_str("</table></div>");
    push_host(page, &run.host);
    page.push_str("</section>");
}

fn push_comparison(page: &mut String, before: &ThroughputRun, after: &ThroughputRun) {
    let rows = compare_rates(&before.info, &after.info);
    push_upshot(page, [&before.title, &after.title], &upshot(&before.info, &after.info, &rows));
    page.push_str("<div class=\"scroll\"><table><tr>");
    HEADS.iter().for_each(|head| *page += &format!("<th>{head}"));
    for row in rows {
        let _ = write!(page, "<tr class=\"{}\">", row.change.class());
        row.cells().iter().for_each(|cell| *page += &format!("<td>{}", escape(cell)));
    }
    page.push_str("</table></div></section>\n");
}

/// As many parts of a text as fit.
fn on_a_line(text: &str) -> String {
    const ROOM: usize = 130;
    if text.chars().count() <= ROOM {
        return text.to_owned();
    }
    let mut line = String::new();
    for part in text.split_inclusive("; ") {
        if line.chars().count() + part.chars().count() > ROOM - 1 {
            break;
        }
        line += part;
    }
    line + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::{Figure, ThroughputInfo};

    #[test]
    fn the_page_holds_every_run_and_what_moved() {
        let run = |title: &str, rate: f64| {
            let flow = Some(Figure { bars_per_s: rate, held: true, ..Figure::default() });
            let info = ThroughputInfo { bare_flow: flow, engine_flow: flow, ..ThroughputInfo::default() };
            ThroughputRun { title: title.to_owned(), info, host: toml::Table::new() }
        };
        let page = rates_html(&[run("before <1>", 100_000.0), run("after", 50_000.0)]);
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains("before &lt;1&gt; → after") && page.contains("class=\"worse\""), "{page}");
        assert_eq!(page.matches("<svg").count(), 3, "both together, and each");
    }

    #[test]
    fn a_long_text_is_cut_between_its_parts() {
        assert_eq!(on_a_line("one; two"), "one; two");
        let long = format!("one; two; {}", "x".repeat(130));
        assert_eq!(on_a_line(&long), "one; two; …");
    }
}
