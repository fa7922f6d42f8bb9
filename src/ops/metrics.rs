//! The metrics: every counter by its declaration, and a table of what is no counter.
//!
//! A counter `<owner>_<what>[_<unit>]` becomes `wagehood_<owner>_<what>[_seconds|_bytes][_total]`, with the labels of
//! [`LABELS`]; one that is not listed there gets its index. What else is to be seen is a row of [`METRICS`].

use super::{
    exposition::{Exposition, Kind},
    view::View,
};
use crate::{
    model::{HORIZONS, HeldBack, Refusal, Roster, Strategy},
    telemetry::{FlushCause, OutcomeSummary},
};

/// Counters that go up and down, beside those that end in `_max`.
const GAUGES: [&str; 19] = [
    "ring_credit",
    "worker_histories_short",
    "publisher_batch_limit",
    "reader_read_limit",
    "worker_cells",
    "worker_defined",
    "worker_settled",
    "stream_lag_entries",
    "stream_lag_ms",
    "link_down",
    "state_bytes",
    "state_duration_ns",
    "agent_last_core",
    "publisher_calibrated_brier_ppm",
    "publisher_base_brier_ppm",
    "publisher_calibration_error_ppm",
    "publisher_cross_ready",
    "publisher_cross_left_out",
    "publisher_cross_beyond",
];

/// What an index of a table of counters means.
#[derive(Debug, Clone, Copy)]
enum Index {
    Reason,
    Timeframe,
    Strategy,
    HeldBack,
    Cause,
    Bars,
}

/// The labels of tables of counters.
const LABELS: [(&str, &[Index]); 10] = [
    ("reader_refused", &[Index::Reason]),
    ("aggregator_closed", &[Index::Timeframe]),
    ("worker_signals", &[Index::Strategy, Index::Timeframe]),
    ("worker_cells", &[Index::Timeframe]),
    ("worker_defined", &[Index::Timeframe]),
    ("worker_settled", &[Index::Timeframe]),
    ("publisher_published", &[Index::Strategy, Index::Timeframe]),
    ("publisher_held_back", &[Index::HeldBack]),
    ("publisher_flushes", &[Index::Cause]),
    ("publisher_outcomes", &[Index::Bars]),
];

impl Index {
    const fn label(self) -> &'static str {
        match self {
            Self::Reason | Self::HeldBack => "reason",
            Self::Timeframe => "timeframe",
            Self::Strategy => "strategy",
            Self::Cause => "cause",
            Self::Bars => "bars",
        }
    }

    /// The name behind an index; `None` where nothing has it.
    fn name(self, index: usize, timeframes: &[String], roster: &Roster) -> Option<String> {
        let strategy = || roster.iter().chain([Strategy::Probe]).find(|s| s.index() == index);
        match self {
            Self::Reason => Refusal::ALL.get(index).map(|reason| reason.name().to_owned()),
            Self::HeldBack => HeldBack::ALL.get(index).map(|reason| reason.name().to_owned()),
            Self::Timeframe => timeframes.get(index).cloned(),
            Self::Strategy => strategy().map(|strategy| strategy.name().to_owned()),
            Self::Cause => FlushCause::NAMES.get(index).map(|name| (*name).to_owned()),
            Self::Bars => HORIZONS.get(index).map(ToString::to_string),
        }
    }
}

/// Tells the labels and values of a metric.
type Read = fn(&View<'_>, Sample<'_>);
/// Takes labels and a value.
type Sample<'a> = &'a mut dyn FnMut(&[(&str, &str)], f64);
/// Takes what [`ReaderSnapshot::each`](crate::telemetry::ReaderSnapshot::each) and its like tell.
type Tell<'a> = &'a mut dyn FnMut(&'static str, &'static str, &[usize], u64);

/// A metric that is no counter of the engine.
#[derive(Debug)]
struct Metric {
    /// Its name, without `_total`; the unit last.
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Tells its labels and values.
    read: Read,
}

const fn gauge(name: &'static str, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Gauge, help, read }
}

const fn counter(name: &'static str, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Counter, help, read }
}

/// The table: name, help with unit, reader.
const METRICS: &[Metric] = &[
    gauge("wagehood_build_info", "1; version and revision of the program as labels.", |_, tell| {
        tell(&[("version", env!("CARGO_PKG_VERSION")), ("revision", env!("WAGEHOOD_REVISION"))], 1.0);
    }),
    gauge("wagehood_config_info", "1; the checksum of the configuration that is in effect as label.", |view, tell| {
        tell(&[("version", &view.config_version)], 1.0);
    }),
    gauge("wagehood_uptime_seconds", "Time since the engine started.", |view, tell| tell(&[], view.uptime_s())),
    gauge("wagehood_ready", "1 where /readyz says that the engine is ready, else 0.", |view, tell| {
        tell(&[], f64::from(u8::from(view.not_ready().is_none())));
    }),
    gauge("wagehood_phase", "1 for the phase that the engine is in.", |view, tell| {
        tell(&[("phase", view.phase.name())], 1.0);
    }),
    gauge("wagehood_health_state", "By component: 0 ok, 1 unknown, 2 degraded, 3 failing.", |view, tell| {
        view.health.components().for_each(|(name, state)| tell(&[("component", name)], f64::from(state as u8)));
    }),
    gauge("wagehood_symbols", "Symbols that the engine knows.", |view, tell| tell(&[], view.market.symbols() as f64)),
    gauge("wagehood_memory_bytes", "Memory by component.", |view, tell| {
        view.memory.iter().for_each(|(name, bytes)| tell(&[("component", name)], *bytes as f64));
    }),
    gauge("wagehood_process_resident_bytes", "Resident memory of the process.", |view, tell| {
        tell(&[], view.process.rss_bytes as f64);
    }),
    counter(
        "wagehood_process_page_faults",
        "Page faults of the process, by whether they read a disk.",
        |view, tell| {
            tell(&[("kind", "minor")], view.process.minor_faults as f64);
            tell(&[("kind", "major")], view.process.major_faults as f64);
        },
    ),
    gauge("wagehood_ring_capacity", "Messages that fit into a ring.", |view, tell| {
        view.snapshot.rings.iter().for_each(|ring| tell(&[("ring", &ring.name)], ring.capacity as f64));
    }),
    gauge("wagehood_ring_backlog", "Messages that wait in a ring.", |view, tell| {
        view.snapshot.rings.iter().for_each(|ring| tell(&[("ring", &ring.name)], ring.backlog() as f64));
    }),
    gauge("wagehood_latency_budget_seconds", "Latency budget of a trading style.", |view, tell| {
        for row in &view.latencies.rows {
            if let Some(budget_ns) = row.budget_ns {
                tell(&[("of", row.latency.name())], seconds(budget_ns));
            }
        }
    }),
    gauge(
        "wagehood_latency_recent_seconds",
        "Latencies of the last minute: the given share of them is no longer.",
        |view, tell| {
            for row in view.latencies.rows.iter().filter(|row| row.window.count > 0) {
                let of = row.window;
                for (share, ns) in [("0.5", of.p50_ns), ("0.9", of.p90_ns), ("0.99", of.p99_ns), ("0.999", of.p999_ns)]
                {
                    tell(&[("of", row.latency.name()), ("share", share)], seconds(ns));
                }
            }
        },
    ),
    gauge("wagehood_latency_longest_seconds", "Longest latency since the start.", |view, tell| {
        for row in &view.latencies.rows {
            tell(&[("of", row.latency.name())], seconds(row.total.max_ns));
        }
    }),
    gauge("wagehood_performance_outcomes", "Judged signals by timeframe, strategy and horizon, bars.", |view, tell| {
        performance(view, tell, |horizon| horizon.n as f64);
    }),
    gauge("wagehood_performance_win_share", "Share of judged signals that was won.", |view, tell| {
        performance(view, tell, |horizon| horizon.win_rate);
    }),
    gauge(
        "wagehood_performance_return_bps",
        "Mean return of judged signals after fees, basis points.",
        |view, tell| {
            performance(view, tell, |horizon| horizon.net_mean_bps);
        },
    ),
    gauge(
        "wagehood_performance_skill",
        "Skill of the confidence: above 0 is better than the share won before.",
        |view, tell| {
            performance(view, tell, |horizon| horizon.skill);
        },
    ),
    gauge("wagehood_operations_connections", "Connections to this listener.", |view, tell| {
        tell(&[], view.traffic.connections as f64);
    }),
    counter("wagehood_operations_requests", "Requests to this listener, by how they ended.", |view, tell| {
        let traffic = view.traffic;
        let ends = [("answered", traffic.answered), ("refused", traffic.refused), ("cut", traffic.cut)];
        ends.iter().for_each(|(end, count)| tell(&[("end", end)], *count as f64));
    }),
    counter(
        "wagehood_operations_events",
        "Events: given to clients, and missed because this thread was late.",
        |v, tell| {
            tell(&[("end", "sent")], v.traffic.events as f64);
            tell(&[("end", "missed")], v.missed as f64);
        },
    ),
];

/// Tells a figure of the performance, where there is one.
fn performance(view: &View<'_>, tell: Sample<'_>, of: fn(&OutcomeSummary) -> f64) {
    for row in view.performance {
        for (bars, horizon) in HORIZONS.iter().zip(&row.horizons).filter(|(_, horizon)| horizon.n > 0) {
            let (value, bars) = (of(horizon), bars.to_string());
            if value.is_finite() {
                tell(&[("timeframe", &row.timeframe), ("strategy", row.strategy), ("bars", &bars)], value);
            }
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// All metrics as text.
pub(super) fn text(view: &View<'_>, open_metrics: bool) -> String {
    let mut out = Exposition::new(open_metrics);
    for metric in METRICS {
        (metric.read)(view, &mut |labels, value| out.add(metric.name, metric.kind, metric.help, labels, value));
    }
    for row in &view.latencies.rows {
        let help =
            "Time spent in a stage, or from the arrival of the record that closed the bar to the acknowledged write.";
        let edges = row.buckets.iter().map(|(edge_ns, below)| (seconds(*edge_ns), *below));
        let sum = row.total.mean_ns as f64 * row.total.count as f64 / 1e9;
        let labels = [("of", row.latency.name())];
        out.histogram(("wagehood_latency_seconds", help), &labels, edges, (row.total.count, sum));
    }
    counters(view, &mut out);
    out.finish()
}

/// Every counter of the engine.
fn counters(view: &View<'_>, out: &mut Exposition) {
    let now = view.snapshot;
    let mut of = |extra: &[(&str, &str)], each: &dyn Fn(Tell<'_>)| {
        each(&mut |name, help, indices, value| one(view, out, extra, (name, help), indices, value));
    };
    of(&[], &|tell| now.reader.each(tell));
    of(&[], &|tell| now.aggregator.each(tell));
    of(&[], &|tell| now.worker.each(tell));
    of(&[], &|tell| now.publisher.each(tell));
    of(&[], &|tell| now.state.clone().unwrap_or_default().each(tell));
    now.streams.iter().for_each(|(name, stream)| of(&[("stream", name)], &|tell| stream.each(tell)));
    now.links.iter().for_each(|(name, link)| of(&[("owner", name)], &|tell| link.each(tell)));
    now.agents.iter().for_each(|(name, agent)| of(&[("agent", name)], &|tell| agent.each(tell)));
    for ring in &now.rings {
        of(&[("ring", &ring.name)], &|tell| ring.outlet.each(tell));
        of(&[("ring", &ring.name)], &|tell| ring.inlet.each(tell));
    }
}

/// One number of one counter.
fn one(
    view: &View<'_>,
    out: &mut Exposition,
    extra: &[(&str, &str)],
    (name, help): (&str, &str),
    indices: &[usize],
    value: u64,
) {
    let known = LABELS.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, labels)| *labels);
    let mut texts = Vec::with_capacity(indices.len());
    for (place, index) in indices.iter().enumerate() {
        match known.get(place) {
            Some(kind) => {
                let Some(text) = kind.name(*index, &view.timeframes, &view.roster) else { return };
                texts.push((kind.label(), text));
            }
            None => texts.push(("index", index.to_string())),
        }
    }
    let labels: Vec<(&str, &str)> =
        extra.iter().copied().chain(texts.iter().map(|(name, text)| (*name, text.as_str()))).collect();
    let kind = if GAUGES.contains(&name) || name.ends_with("_max") { Kind::Gauge } else { Kind::Counter };
    let (stem, end) = name.strip_suffix("_max").map_or((name, ""), |stem| (stem, "_max"));
    let (stem, unit, scale) = match (stem.strip_suffix("_ns"), stem.strip_suffix("_ms")) {
        (Some(stem), _) => (stem, "_seconds", 1e-9),
        (_, Some(stem)) => (stem, "_seconds", 1e-3),
        _ => (stem, "", 1.0),
    };
    out.add(&format!("wagehood_{stem}{end}{unit}"), kind, help, &labels, value as f64 * scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::EngineSnapshot;

    #[test]
    fn every_table_of_counters_has_its_labels_and_no_label_is_left_over() {
        let mut tables = std::collections::BTreeSet::new();
        let now = EngineSnapshot::default();
        let mut look = |name: &'static str, help: &'static str, indices: &[usize], _| {
            assert!(help.trim().ends_with('.'), "{name}: {help:?}");
            if !indices.is_empty() {
                tables.insert((name, indices.len()));
            }
        };
        now.reader.each(&mut look);
        now.aggregator.each(&mut look);
        now.worker.each(&mut look);
        now.publisher.each(&mut look);
        let want = LABELS.iter().map(|(name, labels)| (*name, labels.len())).collect();
        assert_eq!(tables, want);
    }
}
