//! `/status`: everything that the screens show, as JSON. A new part is a line in [`json()`].

use super::{events::Events, view::View, window};
use crate::{
    model::{Directory, HORIZONS, HeldBack, Refusal},
    telemetry::{AgentSnapshot, LatencySummary, OutcomeSummary},
};
use serde_json::{Map, Value, json};

/// Signals and symbols that are shown.
const SIGNALS: usize = 200;
const SYMBOLS: usize = 100;

/// The health of the engine, with who says so.
pub(super) fn health(view: &View<'_>) -> Value {
    let mut all = view.health.to_json();
    all["engine"] = json!(view.name);
    all["version"] = json!(env!("CARGO_PKG_VERSION"));
    all["phase"] = json!(view.phase.name());
    all["at_ms"] = json!(view.wall_ms);
    all["ready"] = json!(view.not_ready().is_none());
    all["not_ready_because"] = json!(view.not_ready());
    all
}

/// The status of the engine.
pub(super) fn json(view: &View<'_>, directory: Option<&Directory>, events: &Events) -> Value {
    let now = view.snapshot;
    let signals: Vec<Value> =
        events.signals(SIGNALS).iter().rev().filter_map(|text| serde_json::from_str(text).ok()).collect();
    json!({
        "engine": view.name,
        "version": env!("CARGO_PKG_VERSION"),
        "revision": env!("WAGEHOOD_REVISION"),
        "config_version": view.config_version,
        "phase": view.phase.name(),
        "not_ready_because": view.not_ready(),
        "at_ms": view.wall_ms,
        "uptime_s": view.uptime_s(),
        "health": health(view),
        "totals": {
            "records": now.reader.records_in,
            "refused": now.refused(),
            "bars": now.closed(),
            "signals_found": now.signals(),
            "signals": now.published(),
            "alerts": now.publisher.alerts,
            "batches": now.publisher.batches,
            "bytes_written": now.publisher.bytes,
            "missed_by_this_view": view.missed,
        },
        "rates": {
            "records": view.rate(|now| now.reader.records_in),
            "refused": view.rate(|now| now.refused()),
            "bars": view.rate(|now| now.closed()),
            "signals": view.rate(|now| now.published()),
        },
        "latency": latencies(view),
        "agents": agents(view),
        "rings": rings(view),
        "streams": now.streams.iter().map(|(name, stream)| json!({
            "name": name, "entries": stream.entries, "lag_entries": stream.lag_entries, "lag_ms": stream.lag_ms,
            "trimmed": stream.trimmed,
        })).collect::<Vec<_>>(),
        "links": now.links.iter().map(|(name, link)| json!({
            "owner": name, "down": link.down > 0, "reconnects": link.reconnects,
        })).collect::<Vec<_>>(),
        "refused": named(Refusal::ALL.iter().map(|reason| (reason.name(), now.reader.refused[reason.index()]))),
        "held_back": named(HeldBack::ALL.iter().map(|reason| (reason.name(), now.publisher.held_back[reason.index()]))),
        "timeframes": timeframes(view),
        "strategies": strategies(view),
        "performance": performance(view),
        "statistics": window::counts(view),
        "cross_asset": cross_asset(view),
        "memory": named(view.memory.iter().map(|(name, bytes)| (name.as_str(), *bytes))),
        "resident_bytes": view.process.rss_bytes,
        "symbols_seen": view.market.symbols(),
        "symbols": directory.map_or(Value::Null, |directory| view.market.to_json(directory, SYMBOLS)),
        "signals": signals,
    })
}

/// Counts by name; only those above 0.
fn named<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Value {
    Value::Object(counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), json!(count))).collect())
}

fn summary(of: &LatencySummary) -> Value {
    if of.count == 0 {
        return Value::Null;
    }
    json!({
        "count": of.count, "p50_ns": of.p50_ns, "p90_ns": of.p90_ns, "p99_ns": of.p99_ns, "p999_ns": of.p999_ns,
        "max_ns": of.max_ns,
    })
}

fn latencies(view: &View<'_>) -> Value {
    let mut all = Map::new();
    for row in &view.latencies.rows {
        let one = json!({
            "budget_ns": row.budget_ns, "total": summary(&row.total), "window": summary(&row.window),
        });
        all.insert(row.latency.name().to_owned(), one);
    }
    Value::Object(all)
}

/// The share of the time since the reading before, for an agent of both readings.
fn agents(view: &View<'_>) -> Value {
    let before = |index: usize| view.before.and_then(|(seconds, then)| Some((seconds, &then.agents.get(index)?.1)));
    let one = |(index, (name, agent)): (usize, &(String, AgentSnapshot))| {
        let share = |of: fn(&AgentSnapshot) -> u64| {
            let (seconds, then) = before(index).filter(|(seconds, _)| *seconds > 0.0)?;
            Some((of(agent).saturating_sub(of(then)) as f64 / 1e9 / seconds).min(1.0))
        };
        json!({
            "name": name, "work": agent.work, "busy_share": share(|agent| agent.busy_ns),
            "blocked_share": share(|agent| agent.blocked_ns), "longest_ns": agent.duty_ns_max, "parks": agent.parks,
        })
    };
    Value::Array(view.snapshot.agents.iter().enumerate().map(one).collect())
}

fn rings(view: &View<'_>) -> Value {
    let before = |index: usize| view.before.and_then(|(seconds, then)| Some((seconds, then.rings.get(index)?)));
    let rings = view.snapshot.rings.iter().enumerate().map(|(index, ring)| {
        let rate = before(index).filter(|(seconds, _)| *seconds > 0.0);
        let rate = rate.map(|(seconds, then)| ring.outlet.sent.saturating_sub(then.outlet.sent) as f64 / seconds);
        json!({
            "name": ring.name, "capacity": ring.capacity, "backlog": ring.backlog(), "waiting_max": ring.inlet.waiting_max,
            "sent": ring.outlet.sent, "blocked": ring.outlet.blocked, "rate": rate,
        })
    });
    Value::Array(rings.collect())
}

fn timeframes(view: &View<'_>) -> Value {
    let one = |(index, name): (usize, &String)| {
        let closed = view.snapshot.aggregator.closed[index];
        json!({ "name": name, "bars": closed, "rate": view.rate(|now| now.aggregator.closed[index]) })
    };
    Value::Array(view.timeframes.iter().enumerate().map(one).collect())
}

/// What the signals were worth, by timeframe and strategy, where anything is known.
fn performance(view: &View<'_>) -> Value {
    let rows = view.performance.iter().filter(|row| row.horizons.iter().any(|horizon| horizon.n > 0));
    let horizon = |(bars, of): (&usize, &OutcomeSummary)| {
        // By tenth of the confidence: how many signals, their mean confidence, how many were won. A NaN becomes null.
        let bins: Vec<Value> = of.bins.iter().map(|&(n, said, won)| json!([n, said / n as f64, won])).collect();
        json!({
            "bars": bars, "n": of.n, "win_share": of.win_rate, "wilson": of.wilson, "return_bps": of.net_mean_bps,
            "error_bps": of.mean_se_bps, "skill": of.skill, "reliability": bins,
        })
    };
    rows.map(|row| {
        let horizons: Vec<Value> = HORIZONS.iter().zip(&row.horizons).map(horizon).collect();
        json!({ "timeframe": row.timeframe, "strategy": row.strategy, "horizons": horizons })
    })
    .collect()
}

/// How far the correlation across assets has come; null where nobody asks.
fn cross_asset(view: &View<'_>) -> Value {
    let now = &view.snapshot.publisher;
    if now.intervals == 0 {
        return Value::Null;
    }
    json!({
        "intervals": now.intervals, "ready": now.cross_ready, "left_out": now.cross_left_out, "beyond": now.cross_beyond,
        "concentrated": now.concentrated,
    })
}

/// Signals by strategy and timeframe: found, and published.
fn strategies(view: &View<'_>) -> Value {
    let mut all = Vec::new();
    for strategy in view.roster.iter() {
        let (found, published) = (&view.snapshot.worker.signals, &view.snapshot.publisher.published);
        for (index, timeframe) in view.timeframes.iter().enumerate() {
            all.push(json!({
                "strategy": strategy.name(), "timeframe": timeframe,
                "found": found[strategy.index()][index], "published": published[strategy.index()][index],
            }));
        }
    }
    Value::Array(all)
}
