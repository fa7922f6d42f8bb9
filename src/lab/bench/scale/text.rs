//! A run of the model for people.

use super::{
    costs::{Cost, Costs},
    outcome::{Lateness, ScaleOutcome},
    scenario::Lost,
};
use crate::{
    lab::bench::bars::Form,
    telemetry::{Table, exact_count, human_ns},
};
use std::fmt::Write as _;

/// Rows of a table, at most.
const ROWS: usize = 12;

/// A share of a core; more than one is more than there is.
pub fn share(value: f64) -> String {
    format!("{:.1}%", 100.0 * value)
}

/// Lateness in one cell.
pub fn lateness(late: &Lateness) -> String {
    [late.p50_ns, late.p99_ns, late.max_ns].map(human_ns).join(" / ")
}

fn count(value: f64) -> String {
    exact_count(value.round() as u64)
}

/// A deployment and its load in one line.
pub fn about(outcome: &ScaleOutcome) -> String {
    let scenario = &outcome.scenario;
    let form = match scenario.form {
        Form::Legacy => "an entry a bar".to_owned(),
        Form::Compact => format!("frames of up to {}", scenario.frame),
    };
    format!(
        "{} symbols, {} bars/s, {form}; {} partitions, {} nodes and {} engines of {} cores in {} zone{}; seed {}",
        exact_count(scenario.symbols as u64),
        count(scenario.bars_per_s()),
        scenario.partitions,
        scenario.nodes,
        scenario.engines,
        scenario.cores,
        scenario.zones,
        if scenario.zones == 1 { "" } else { "s" },
        outcome.seed
    )
}

/// A run as text for a terminal.
#[must_use]
pub fn scale_text(outcome: &ScaleOutcome) -> String {
    let title = format!("scale: {}\n{}\n{}", outcome.scenario.name, outcome.scenario.about, about(outcome));
    let heads = ["node", "zone", "partitions", "bars/s", "busy", "busiest second", "Mbit/s in, out", "away"];
    let mut table = Table::new(&title, &heads);
    let mut order: Vec<usize> = (0..outcome.nodes.len()).collect();
    order.sort_by(|&a, &b| outcome.nodes[b].utilisation.total_cmp(&outcome.nodes[a].utilisation).then(a.cmp(&b)));
    for &number in order.iter().take(ROWS) {
        let node = &outcome.nodes[number];
        let [inwards, outwards] = node.network_mbit;
        table.row([
            number.to_string(),
            node.zone.to_string(),
            node.partitions.to_string(),
            count(node.bars_per_s),
            share(node.utilisation),
            share(node.busiest),
            format!("{inwards:.1}, {outwards:.1}"),
            if node.away_s > 0.0 { format!("{:.1} s", node.away_s) } else { String::new() },
        ]);
    }
    let mut text = table.to_string();
    if outcome.nodes.len() > ROWS {
        let _ = writeln!(text, "  the {ROWS} busiest of {} nodes", outcome.nodes.len());
    }
    let heads = ["engine", "zone", "partitions", "cores in use", "busiest second", "memory"];
    let mut table = Table::new("engines", &heads);
    for (number, engine) in outcome.engines.iter().enumerate().take(ROWS) {
        table.row([
            number.to_string(),
            engine.zone.to_string(),
            engine.partitions.to_string(),
            format!("{:.2}", engine.cores),
            format!("{:.2}", engine.busiest),
            format!("{:.0} MiB", engine.memory_mib),
        ]);
    }
    let _ = write!(text, "\n{table}");
    if outcome.engines.len() > ROWS {
        let _ = writeln!(text, "  the first {ROWS} of {} engines", outcome.engines.len());
    }
    for line in findings(outcome) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// What a run says, line by line.
pub fn findings(outcome: &ScaleOutcome) -> Vec<String> {
    let ScaleOutcome { bars_in, bars_out, waiting, scenario, .. } = outcome;
    let verdict = if outcome.held { "HELD" } else { "NOT HELD" };
    let mut lines = vec![
        format!(
            "{verdict}: {} bars in, {} out, {} on their way at the end",
            exact_count(*bars_in),
            exact_count(*bars_out),
            exact_count(*waiting)
        ),
        format!(
            "signals seen after (p50 / p99 / longest) {}; before anything was lost {}",
            lateness(&outcome.late),
            lateness(&outcome.late_before)
        ),
        format!(
            "busiest thread of a partition {}; the fullest node keeps {:.0} MiB of bars for {} s",
            share(outcome.busiest_thread),
            outcome.kept_mib,
            scenario.keep_s
        ),
    ];
    if scenario.losses.is_empty() {
        lines[1] = format!("signals seen after (p50 / p99 / longest) {}", lateness(&outcome.late));
    }
    for loss in &scenario.losses {
        let (what, number) = match loss.what {
            Lost::Node(number) => ("node", number),
            Lost::Engine(number) => ("engine", number),
            Lost::Zone(number) => ("zone", number),
        };
        lines.push(format!("{what} {number} lost after {} s", loss.at_s));
    }
    if !scenario.losses.is_empty() {
        let most = outcome.course.iter().map(|second| second.behind).max().unwrap_or(0);
        lines.push(match outcome.recovered_s {
            Some(s) => {
                format!("as before {s:.0} s after the last loss; at most {} bars on their way", exact_count(most))
            }
            None => format!("not as before at the end; at most {} bars on their way", exact_count(most)),
        });
        lines.push(format!("{} partitions taken over by other engines", outcome.moved));
    }
    if outcome.at_risk > 0 {
        lines.push(format!(
            "{} bars were taken by a primary within {} ms of its loss: its replica may lack them, and their writer has to send \
             them again (redis.replicas, or the gap filling of ingest)",
            exact_count(outcome.at_risk),
            scenario.replica_lag_ms
        ));
    }
    if outcome.stranded > 0 {
        lines.push(format!(
            "{} partitions have no primary: too few nodes are left to vote, or their replicas are lost too; use three zones",
            outcome.stranded
        ));
    }
    lines
}

/// The costs as text for a terminal.
#[must_use]
pub fn costs_text(costs: &Costs) -> String {
    let mut text = String::new();
    let forms = [("legacy", &costs.legacy), ("compact", &costs.compact)];
    let mut all = vec![("common", costs.common.all())];
    all.extend(forms.into_iter().filter_map(|(name, form)| Some((name, form.as_ref()?.all()))));
    for (name, rows) in all {
        let mut table = Table::new(&format!("costs, {name}"), &["cost", "median", "least", "most", "what"]);
        for (name, what, Cost { median, least, most }) in rows {
            table.row([name.to_owned(), figure(median), figure(least), figure(most), what.to_owned()]);
        }
        let _ = write!(text, "{table}");
    }
    text
}

/// A figure with three digits that count.
pub fn figure(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ if value >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
