//! The parts of the screen: each makes lines of a status.

use super::cells::{Ink, Row, bar, sparkline};
use crate::{
    model::time::Iso8601,
    telemetry::{exact_count, human_bytes, human_count, human_ns, percent},
};
use serde_json::Value;
use std::collections::HashMap;

/// What symbols are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Signals,
    Name,
    Bars,
    Price,
}

impl Sort {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signals => "signals",
            Self::Name => "name",
            Self::Bars => "bars",
            Self::Price => "price",
        }
    }

    pub const fn next(self) -> Self {
        match self {
            Self::Signals => Self::Name,
            Self::Name => Self::Bars,
            Self::Bars => Self::Price,
            Self::Price => Self::Signals,
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

fn rate(value: &Value) -> String {
    value.as_f64().map_or("–".to_owned(), |rate| format!("{}/s", human_count(rate.round() as u64)))
}

fn ns(value: &Value) -> String {
    value.as_u64().map_or("–".to_owned(), human_ns)
}

fn count(value: &Value) -> String {
    value.as_u64().map_or("–".to_owned(), exact_count)
}

fn share(value: &Value) -> String {
    value.as_f64().map_or("–".to_owned(), percent)
}

fn of_state(state: &str) -> Ink {
    match state {
        "ok" | "running" => Ink::Green,
        "failing" => Ink::Red,
        "degraded" => Ink::Yellow,
        _ => Ink::Dim,
    }
}

/// A head of a section.
fn title(name: &str, width: usize, colours: bool) -> String {
    let mut row = Row::new(width, colours);
    row.push(Ink::Bold, name);
    row.full()
}

/// Name, phase, health, rates; then what is not well.
pub(super) fn head(status: &Value, width: usize, colours: bool) -> Vec<String> {
    let mut first = Row::new(width, colours);
    let (phase, health) = (text(&status["phase"]), text(&status["health"]["status"]));
    first.push(Ink::Bold, text(&status["engine"])).push(Ink::Plain, "  ").push(of_state(phase), phase);
    first.push(Ink::Plain, "  ").push(of_state(health), health);
    let up = status["uptime_s"].as_f64().unwrap_or(0.0) as u64;
    first.push(Ink::Dim, &format!("  up {}:{:02}:{:02}", up / 3_600, up / 60 % 60, up % 60));
    first.push(Ink::Dim, &format!("  {} symbols", count(&status["symbols_seen"])));
    first.push(Ink::Dim, &format!("  {}", status["resident_bytes"].as_u64().map_or("–".to_owned(), human_bytes)));
    let lag = status["streams"].as_array().into_iter().flatten().filter_map(|stream| stream["lag_ms"].as_u64()).max();
    first.push(Ink::Dim, &format!("  lag {}", lag.map_or("–".to_owned(), |ms| human_ns(ms.saturating_mul(1_000_000)))));
    let mut second = Row::new(width, colours);
    let rates = &status["rates"];
    for (name, ink) in
        [("records", Ink::Plain), ("refused", Ink::Yellow), ("bars", Ink::Plain), ("signals", Ink::Plain)]
    {
        let ink = if name == "refused" && rates[name].as_f64().unwrap_or(0.0) == 0.0 { Ink::Plain } else { ink };
        second.push(Ink::Dim, name).push(Ink::Plain, " ").push(ink, &rate(&rates[name])).push(Ink::Plain, "  ");
    }
    second.push(Ink::Dim, &format!("({} in all)", count(&status["totals"]["signals"])));
    let mut lines = vec![first.finish(), second.finish()];
    let bad = |component: &Value| matches!(text(&component["status"]), "degraded" | "failing");
    for (name, component) in status["health"]["components"].as_object().into_iter().flatten().filter(|(_, c)| bad(c)) {
        let mut row = Row::new(width, colours);
        let state = text(&component["status"]);
        row.push(of_state(state), state).push(Ink::Plain, &format!(" {name}: {}", text(&component["why"])));
        lines.push(row.finish());
    }
    if let Some(why) = status["not_ready_because"].as_str() {
        let mut row = Row::new(width, colours);
        row.push(Ink::Yellow, "not ready: ").push(Ink::Plain, why);
        lines.push(row.finish());
    }
    lines
}

/// Latency against budget, with what the 99th percentile was.
pub(super) fn latency(status: &Value, past: &HashMap<String, Vec<u64>>, width: usize, colours: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut head = Row::new(width, colours);
    head.left(Ink::Bold, "LATENCY", 11);
    ["count", "p50", "p99", "max", "budget"].iter().for_each(|name| {
        head.right(Ink::Dim, name, 9);
    });
    lines.push(head.full());
    for (name, latency) in status["latency"].as_object().into_iter().flatten() {
        if latency["budget_ns"].is_null() {
            continue;
        }
        let (window, budget) = (&latency["window"], &latency["budget_ns"]);
        let over = window["p99_ns"].as_u64() > budget.as_u64();
        let mut row = Row::new(width, colours);
        row.left(Ink::Plain, name, 11).right(Ink::Plain, &count(&window["count"]), 9);
        row.right(Ink::Plain, &ns(&window["p50_ns"]), 9);
        row.right(if over { Ink::Red } else { Ink::Plain }, &ns(&window["p99_ns"]), 9);
        row.right(Ink::Plain, &ns(&window["max_ns"]), 9).right(Ink::Dim, &ns(budget), 9).push(Ink::Plain, "  ");
        let line = past.get(name).map_or_else(String::new, |past| sparkline(past, width.saturating_sub(60).min(60)));
        row.push(Ink::Blue, &line);
        lines.push(row.finish());
    }
    lines
}

/// Agents and rings; fewer of them on a small screen.
pub(super) fn pipeline(status: &Value, width: usize, height: usize, colours: bool) -> Vec<String> {
    let most = (height / 4).max(4);
    let mut lines = Vec::new();
    let mut head = Row::new(width, colours);
    head.left(Ink::Bold, "PIPELINE", 14).left(Ink::Dim, "busy", 17).left(Ink::Dim, "blocked", 9).right(
        Ink::Dim,
        "longest",
        9,
    );
    let beside = width >= 100;
    if beside {
        head.push(Ink::Plain, "    ").left(Ink::Dim, "ring", 24).left(Ink::Dim, "full", 11).right(
            Ink::Dim,
            "messages",
            10,
        );
    }
    lines.push(head.full());
    let empty = Vec::new();
    let agents = status["agents"].as_array().unwrap_or(&empty);
    let rings = status["rings"].as_array().unwrap_or(&empty);
    let rows = if beside { agents.len().max(rings.len()) } else { agents.len() };
    for index in 0..rows.min(most) {
        let mut row = Row::new(width, colours);
        match agents.get(index) {
            Some(agent) => {
                let busy = agent["busy_share"].as_f64().unwrap_or(0.0);
                row.left(Ink::Plain, text(&agent["name"]), 14).push(Ink::Green, &bar(busy, 8));
                row.right(Ink::Plain, &share(&agent["busy_share"]), 7).push(Ink::Plain, "  ");
                let blocked = agent["blocked_share"].as_f64().unwrap_or(0.0) > 0.1;
                let ink = if blocked { Ink::Yellow } else { Ink::Plain };
                row.left(ink, &share(&agent["blocked_share"]), 9).right(Ink::Plain, &ns(&agent["longest_ns"]), 9);
            }
            None => {
                row.left(Ink::Plain, "", 49);
            }
        }
        if let Some(ring) = rings.get(index).filter(|_| beside) {
            let full = ring["backlog"].as_f64().unwrap_or(0.0) / ring["capacity"].as_f64().unwrap_or(1.0).max(1.0);
            row.push(Ink::Plain, "    ").left(Ink::Plain, text(&ring["name"]), 24).push(Ink::Green, &bar(full, 8));
            row.push(Ink::Plain, "   ").right(Ink::Plain, &rate(&ring["rate"]), 10);
        }
        lines.push(row.finish());
    }
    let lost = |link: &&Value| link["down"].as_bool() == Some(true);
    for link in status["links"].as_array().into_iter().flatten().filter(lost) {
        let mut row = Row::new(width, colours);
        row.push(Ink::Red, "disconnected: ").push(Ink::Plain, text(&link["owner"]));
        lines.push(row.finish());
    }
    lines
}

fn fits(symbol: &Value, filter: &str) -> bool {
    text(symbol).to_lowercase().contains(&filter.to_lowercase())
}

/// The last signals, the newest first.
pub(super) fn signals(status: &Value, filter: &str, width: usize, colours: bool) -> Vec<String> {
    let mut lines = vec![title("SIGNALS", width, colours)];
    for signal in status["signals"].as_array().into_iter().flatten().filter(|s| fits(&s["symbol"], filter)) {
        let mut row = Row::new(width, colours);
        let at = signal["event_ts"].as_i64().map_or("–".to_owned(), |ms| Iso8601(ms).to_string());
        let time = at.get(11..19).unwrap_or(&at).to_owned();
        let buy = signal["side"] == "buy";
        row.left(Ink::Dim, &time, 10).left(Ink::Plain, text(&signal["symbol"]), 10);
        row.left(Ink::Plain, text(&signal["timeframe"]), 5);
        row.left(if buy { Ink::Green } else { Ink::Red }, if buy { "▲ buy" } else { "▼ sell" }, 8);
        let number =
            |name: &str, decimals| signal[name].as_f64().map_or("–".to_owned(), |v| format!("{v:.decimals$}"));
        row.right(Ink::Plain, &number("price", 2), 10).right(Ink::Plain, &number("composite_confidence", 2), 6);
        row.push(Ink::Plain, "  ").push(Ink::Plain, text(&signal["kind"]));
        lines.push(row.full());
    }
    lines
}

/// The symbols.
pub(super) fn symbols(status: &Value, filter: &str, sort: Sort, width: usize, colours: bool) -> Vec<String> {
    let mut head = Row::new(width, colours);
    head.left(Ink::Bold, "SYMBOLS", 12).right(Ink::Dim, "price", 10).right(Ink::Dim, "bars", 10).right(
        Ink::Dim,
        "signals",
        9,
    );
    let crossed = !status["cross_asset"].is_null();
    if crossed {
        head.right(Ink::Dim, "together", 10);
    }
    let mut lines = vec![head.full()];
    let mut all: Vec<&Value> =
        status["symbols"].as_array().into_iter().flatten().filter(|s| fits(&s["symbol"], filter)).collect();
    let number = |symbol: &Value, name: &str| symbol[name].as_f64().unwrap_or(0.0);
    match sort {
        Sort::Name => all.sort_by(|a, b| text(&a["symbol"]).cmp(text(&b["symbol"]))),
        by => all.sort_by(|a, b| number(b, by.name()).total_cmp(&number(a, by.name()))),
    }
    for symbol in all {
        let mut row = Row::new(width, colours);
        row.left(Ink::Plain, text(&symbol["symbol"]), 12).right(
            Ink::Plain,
            &format!("{:.2}", number(symbol, "price")),
            10,
        );
        row.right(Ink::Plain, &count(&symbol["bars"]), 10).right(Ink::Plain, &count(&symbol["signals"]), 9);
        if crossed {
            let together = symbol["market_correlation"].as_f64().map_or("–".to_owned(), |rho| format!("{rho:.2}"));
            row.right(Ink::Plain, &together, 10);
        }
        lines.push(row.full());
    }
    lines
}

/// What was refused and held back, by reason.
pub(super) fn reasons(status: &Value, width: usize, colours: bool) -> Vec<String> {
    let mut lines = vec![title("REFUSED AND HELD BACK", width, colours)];
    for (part, name) in [("refused", "refused"), ("held_back", "held back")] {
        for (reason, number) in status[part].as_object().into_iter().flatten() {
            let mut row = Row::new(width, colours);
            row.left(Ink::Dim, name, 11).left(Ink::Plain, reason, 20).right(Ink::Plain, &count(number), 10);
            lines.push(row.full());
        }
    }
    if lines.len() == 1 {
        let mut row = Row::new(width, colours);
        row.push(Ink::Dim, "nothing");
        lines.push(row.full());
    }
    lines
}
