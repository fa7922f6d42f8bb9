//! The page that says what to buy: made from costs and the model alone, so that the same costs give the same page.

use super::{
    costs::{Compared, Cost, Costs},
    outcome::{ScaleOutcome, simulate},
    scenario::Scenario,
    sizing::{Purchase, ScaleLoad, purchase},
    text::{figure, lateness, share},
};
use crate::{
    lab::{
        bench::bars::Form,
        report::{Theme, scale_pictures, write_text},
    },
    telemetry::{exact_count, human_ns},
};
use anyhow::{Context, Result};
use std::{fmt::Write as _, path::Path};

/// The loads of the page: symbols, bars per second of each, form.
pub const LOADS: [(usize, f64, Form); 8] = [
    (5_000, 1.0, Form::Legacy),
    (20_000, 1.0, Form::Legacy),
    (50_000, 1.0, Form::Legacy),
    (100_000, 1.0, Form::Legacy),
    (20_000, 1.0, Form::Compact),
    (100_000, 1.0, Form::Compact),
    (100_000, 3.0, Form::Compact),
    (100_000, 10.0, Form::Compact),
];

/// Scenarios whose course is drawn.
const DRAWN: [&str; 2] = ["node-lost", "zone-lost"];

/// Writes the page and its pictures into a folder; reports progress through `note`.
///
/// # Errors
/// Costs are missing, or a file cannot be written.
pub fn write_page(
    dir: &Path,
    costs: &Costs,
    loads: &[(usize, f64, Form)],
    scenarios: &[Scenario],
    seed: u64,
    note: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut purchases = Vec::new();
    for &(symbols, rate, form) in loads {
        note(&format!("what holds {} bars/s", exact_count((symbols as f64 * rate) as u64)));
        purchases.push(purchase(ScaleLoad { symbols, rate, form }, costs, seed)?);
    }
    let mut outcomes = Vec::new();
    for scenario in scenarios {
        note(&format!("scenario {}", scenario.name));
        outcomes.push(simulate(scenario, costs, seed)?);
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for outcome in outcomes.iter().filter(|outcome| DRAWN.contains(&outcome.scenario.name.as_str())) {
        for picture in scale_pictures(outcome, Theme::File).iter().take(1) {
            write_text(dir, &format!("{}-{}.svg", outcome.scenario.name, picture.name), &picture.svg)?;
        }
    }
    write_text(dir, "README.md", &page(costs, &purchases, &outcomes, seed)?)
}

/// The mark by which a page and the costs that it was made from know each other.
///
/// # Errors
/// The costs cannot be written as TOML.
pub fn costs_mark(costs: &Costs) -> Result<String> {
    Ok(format!("{:08x}", crc32fast::hash(toml::to_string(costs)?.as_bytes())))
}

fn page(costs: &Costs, purchases: &[Purchase], outcomes: &[ScaleOutcome], seed: u64) -> Result<String> {
    let mut text = String::from("# What to buy\n\n");
    let _ = writeln!(
        text,
        "Made by `wagehood-engine bench scale --costs FILE --page DIR` from costs with the mark {} under seed {seed}; no \
         figure here is typed. The costs were measured by `wagehood-engine bench scale --check --save-costs FILE` on {}.\n",
        costs_mark(costs)?,
        host(costs)
    );
    text.push_str(
        "It is a model: a discrete-event run of load, nodes, engines and a reader of the signals, in which each operation \
         takes what it took on that host. Its error against a real set is below. Your host has other costs: measure them \
         there, and make the page again.\n\n",
    );
    push_purchases(&mut text, purchases);
    push_scenarios(&mut text, outcomes);
    push_checked(&mut text, &costs.checked);
    push_costs(&mut text, costs);
    push_assumptions(&mut text);
    Ok(text)
}

/// Class of the host that was measured: what it is, not which.
fn host(costs: &Costs) -> String {
    let fact = |key: &str| costs.host.get(key).and_then(toml::Value::as_str).unwrap_or("unknown").to_owned();
    let cores = costs.host.get("cores").and_then(toml::Value::as_array).map_or(0, Vec::len);
    let redis = costs.host.get("redis").and_then(|redis| redis.get("version")?.as_str()).unwrap_or("unknown");
    format!(
        "{cores} cores of {}, kernel {}, Redis {redis}, profile {}, revision {}",
        fact("cpu"),
        fact("kernel"),
        fact("profile"),
        fact("revision")
    )
}

fn push_row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn push_heads(text: &mut String, heads: &[&str]) {
    let _ = writeln!(text, "| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()));
}

const fn form_name(form: Form) -> &'static str {
    match form {
        Form::Legacy => "entries",
        Form::Compact => "frames",
    }
}

fn push_purchases(text: &mut String, purchases: &[Purchase]) {
    text.push_str(
        "## For a load\n\nThe fewest hosts in three zones with which the model holds the load, also while a zone is lost for \
         good. Each node is a redis-server with one busy core, and its replica in another zone wants the same again. \
         *Entries*: a bar an entry, signals in fields. *Frames*: bars in frames, `output.signals_format = \"frame\"`.\n\n",
    );
    push_heads(
        text,
        &[
            "bars/s",
            "symbols",
            "form",
            "partitions",
            "nodes (and replicas)",
            "busiest node",
            "memory of a node, 10 minutes of bars",
            "network of a node, in, out",
            "engine hosts × cores",
            "cores in use",
            "memory of an engine host",
            "signal seen, p50 / p99 / longest",
            "zone lost: longest, as before after",
        ],
    );
    for Purchase { calm, lost } in purchases {
        let scenario = &calm.scenario;
        let most = |of: fn(&super::outcome::NodeFigure) -> f64| calm.nodes.iter().map(of).fold(0.0, f64::max);
        let memory = lost.engines.iter().map(|engine| engine.memory_mib).fold(0.0, f64::max);
        push_row(
            text,
            &[
                exact_count(scenario.bars_per_s().round() as u64),
                exact_count(scenario.symbols as u64),
                form_name(scenario.form).to_owned(),
                scenario.partitions.to_string(),
                scenario.nodes.to_string(),
                share(most(|node| node.utilisation)),
                format!("{:.0} MiB", calm.kept_mib),
                format!("{:.0}, {:.0} Mbit/s", most(|node| node.network_mbit[0]), most(|node| node.network_mbit[1])),
                format!("{} × {}", scenario.engines, scenario.cores),
                format!("{:.1}", calm.engines.iter().map(|engine| engine.cores).sum::<f64>()),
                format!("{:.1} GiB", memory / 1_024.0),
                lateness(&calm.late),
                format!("{}, {:.0} s", human_ns(lost.late.max_ns), lost.recovered_s.unwrap_or(f64::NAN)),
            ],
        );
    }
    text.push('\n');
}

fn push_scenarios(text: &mut String, outcomes: &[ScaleOutcome]) {
    text.push_str("## Scenarios\n\nThose of `bench scale --list`; `bench scale --scenario NAME` runs one.\n\n");
    push_heads(
        text,
        &[
            "scenario",
            "bars/s",
            "nodes, partitions",
            "busiest node, on average and in a second",
            "busiest thread",
            "signal seen, p50 / p99 / longest",
            "as before after",
            "",
        ],
    );
    for outcome in outcomes {
        let scenario = &outcome.scenario;
        let most = |of: fn(&super::outcome::NodeFigure) -> f64| outcome.nodes.iter().map(of).fold(0.0, f64::max);
        let recovered = match outcome.recovered_s {
            Some(s) => format!("{s:.0} s"),
            None if scenario.losses.is_empty() => String::new(),
            None => "never".to_owned(),
        };
        push_row(
            text,
            &[
                format!("`{}`: {}", scenario.name, scenario.about),
                exact_count(scenario.bars_per_s().round() as u64),
                format!("{}, {}", scenario.nodes, scenario.partitions),
                format!("{}, {}", share(most(|node| node.utilisation)), share(most(|node| node.busiest))),
                share(outcome.busiest_thread),
                lateness(&outcome.late),
                recovered,
                if outcome.held { "held".to_owned() } else { "NOT HELD".to_owned() },
            ],
        );
    }
    text.push('\n');
    for name in DRAWN.into_iter().filter(|name| outcomes.iter().any(|outcome| outcome.scenario.name == *name)) {
        let _ = writeln!(text, "![{name}]({name}-lateness.svg)\n");
    }
}

fn push_checked(text: &mut String, checked: &[Compared]) {
    text.push_str("## The model against a real set\n\n");
    if checked.is_empty() {
        text.push_str("It was not compared when these costs were measured: `bench scale --check`.\n\n");
        return;
    }
    text.push_str(
        "Three servers and three engines with six partitions, the load and the readers, all on that one host, which the model \
         knows. Its cores are shared with everything else that runs there, which it does not know.\n\n",
    );
    push_heads(text, &["bars/s", "what", "model", "measured", "error"]);
    for row in checked {
        push_row(text, &checked_cells(row));
    }
    text.push('\n');
}

/// A row of the comparison: load, figure, model, measured, error.
pub fn checked_cells(row: &Compared) -> [String; 5] {
    [
        exact_count(row.bars_per_s.round() as u64),
        format!("{}, {}", row.what, row.unit),
        figure(row.model),
        figure(row.measured),
        format!("{:+.0}%", 100.0 * row.error()),
    ]
}

fn push_costs(text: &mut String, costs: &Costs) {
    let _ = writeln!(
        text,
        "## Costs\n\nMedians of {} turns, ± half of the range over the turns. Timeframes {}. Settings of the engine: `{}`.\n",
        costs.turns,
        costs.timeframes.join(" "),
        costs.settings.join("`, `")
    );
    push_heads(text, &["cost", "entries", "frames"]);
    let cell = |cost: Option<&Cost>| {
        cost.map_or("–".to_owned(), |cost| format!("{} ± {:.0}%", figure(cost.median), 100.0 * cost.spread()))
    };
    let all = [&costs.legacy, &costs.compact].map(|form| form.as_ref().map(super::costs::FormCosts::all));
    let names = all.iter().flatten().next().cloned().unwrap_or_default();
    for (index, (name, what, _)) in names.iter().enumerate() {
        let of = |form: usize| cell(all[form].as_ref().and_then(|rows| rows.get(index)).map(|row| &row.2));
        push_row(text, &[format!("`{name}`: {what}"), of(0), of(1)]);
    }
    for (name, what, cost) in costs.common.all() {
        push_row(text, &[format!("`{name}`: {what}"), cell(Some(&cost)), String::new()]);
    }
    text.push('\n');
}

fn push_assumptions(text: &mut String) {
    let Scenario {
        network_gbit,
        network_us,
        zone_us,
        failover_ms,
        replica_lag_ms,
        lease_ms,
        batch_ms,
        gather_ms,
        readers,
        ..
    } = Scenario::default();
    let _ = write!(
        text,
        "## What is assumed\n\nKeys of a scenario, where it does not say otherwise:\n\n\
         - A network of {network_gbit} Gbit/s each way for a node, {network_us} µs one way between hosts of a zone and \
         {zone_us} µs between zones, besides the hop that was measured.\n\
         - A lost primary is replaced after {failover_ms} ms (`cluster-node-timeout` and a vote) if most primaries are left; its \
         replica was {replica_lag_ms} ms behind.\n\
         - A lost engine's partitions are taken after {lease_ms} ms (`redis.lease_ms`), each by the engine with least to do.\n\
         - A batch without a signal waits {batch_ms} ms (`output.batch_interval_ms`); bars are gathered {gather_ms} ms for a frame.\n\
         - Readers of all signals: {readers}. Bars come at random moments.\n\n\
         ## What is left out\n\n\
         - The time of a primary for its replica, the append-only file and the saving of snapshots.\n\
         - The caches: an engine of many symbols takes longer for a bar than one of 100, whose costs these are.\n\
         - A partition is on one thread; the network between engine hosts and the world beyond the nodes is endless.\n\
         - Who writes the bars has room to keep them while a node is away, and sends again what a lost primary had and its replica \
         lacks.\n\
         - What is lost does not come back.\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::scale::costs::testing::costs;

    #[test]
    fn the_page_is_made_from_the_costs_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut costs = costs();
        let loads = [(600, 1.0, Form::Legacy), (600, 1.0, Form::Compact)];
        let scenarios = Scenario::built_in().unwrap().into_iter().map(|scenario| Scenario { symbols: 500, ..scenario });
        let scenarios: Vec<Scenario> = scenarios.filter(|s| ["zone-lost", "desk"].contains(&s.name.as_str())).collect();
        let write = |costs: &Costs| {
            write_page(dir.path(), costs, &loads, &scenarios, 1, &mut |_| ()).unwrap();
            std::fs::read_to_string(dir.path().join("README.md")).unwrap()
        };
        let page = write(&costs);
        assert_eq!(page, write(&costs));
        assert!(page.contains(&costs_mark(&costs).unwrap()) && page.contains("It was not compared"), "{page}");
        assert!(page.contains("`zone-lost`") && page.contains("| 600 | 600 | frames |"), "{page}");
        let picture = std::fs::read_to_string(dir.path().join("zone-lost-lateness.svg")).unwrap();
        assert!(picture.contains("zone 0 lost") && picture.contains("polyline"), "{picture}");
        let what = "an engine".to_owned();
        let row = Compared { bars_per_s: 10.0, what, unit: "µs".to_owned(), model: 3.0, measured: 2.0 };
        costs.checked.push(row);
        assert!(write(&costs).contains("| 10 | an engine, µs | 3.00 | 2.00 | +50% |"));
    }
}
