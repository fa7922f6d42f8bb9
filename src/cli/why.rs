//! `explain`: where a published signal comes from. It reads what the streams still hold, or a file of signals, and changes
//! nothing.

use super::{host::Host, layers::layers, partition_map::agreed, redis::Server, watch_args::ExplainArgs};
use crate::{
    config::{Config, Layer, Override},
    model::{StreamId, time::Iso8601},
    publish::{EntryFields, SignalReader},
    redis_io::Link,
    runtime::Clock,
};
use anyhow::{Context, Result, bail};
use redis::Cmd;
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader, Write as _, stdout},
    path::Path,
};

/// Entries asked for at once: of frames they are megabytes.
const CHUNK: usize = 25;
/// How far around a signal's entry the calculation event of its batch is looked for, ms.
const AROUND_MS: u64 = 1_000;

/// An entry of a stream: names and values.
type Fields = Vec<(String, String)>;

/// A signal as it was published, and what belongs to it.
#[derive(Debug, Default)]
struct Found {
    signal: Map<String, Value>,
    /// Its entry.
    entry: Option<StreamId>,
    /// The record that closed its bar, with its stream.
    record: Option<(String, Fields)>,
    /// What the calculation event of its batch says of its timeframe.
    indicators: Option<Value>,
}

/// Explains a signal.
///
/// # Errors
/// An id that is none, a signal that is not there any more, a server that is gone.
pub fn explain_signal(args: &ExplainArgs) -> Result<()> {
    let mut parts = args.signal_id.rsplitn(4, ':');
    let form = "write the id as it was published: SYMBOL:TIMEFRAME:STRATEGY:BAR_TS";
    let bar_ts = parts.next().and_then(|ts| ts.parse::<i64>().ok()).context(form)?;
    if parts.count() != 3 {
        bail!("{}: {form}", args.signal_id);
    }
    let found = match &args.signals {
        Some(path) => in_file(path, &args.signal_id)?,
        None => in_redis(args)?,
    };
    let Some(found) = found else {
        bail!(
            "{} is not among the signals that are kept: its bar began at {}Z; a longer output.streams.signals_maxlen keeps more, \
             or name a file with --signals",
            args.signal_id,
            Iso8601(bar_ts)
        );
    };
    let mut out = stdout().lock();
    if args.json {
        writeln!(out, "{:#}", found.json())?;
    } else {
        write!(out, "{}", found.text(&args.signal_id))?;
    }
    Ok(())
}

fn in_file(path: &Path, id: &str) -> Result<Option<Found>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("cannot read {name}"))?;
        // Most lines are of other signals.
        if !line.contains(id) {
            continue;
        }
        let signal: Map<String, Value> =
            serde_json::from_str(&line).with_context(|| format!("{name} holds a line that is no signal"))?;
        if signal.get("signal_id").and_then(Value::as_str) == Some(id) {
            return Ok(Some(Found { signal, ..Found::default() }));
        }
    }
    Ok(None)
}

fn in_redis(args: &ExplainArgs) -> Result<Option<Found>> {
    let mut layers = layers(args.engine.config.as_deref(), &args.engine.set)?;
    if let Some(url) = &args.redis {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
    }
    let config = Config::load_offline(&layers)?.config;
    let host = Host::new(Clock::new());
    let map = agreed(&Server::on(&host, &config)?, &config)?;
    let symbol = args.signal_id.rsplitn(4, ':').last().unwrap_or_default();
    let config = config.of_partition(map.of(symbol), &map);
    let server = Server::on(&host, &config)?;
    let mut link = server.connect("explain")?;
    let streams = &config.output.streams;
    let Some((entry, fields)) = last_signal(&mut link, &streams.signals, &args.signal_id)? else { return Ok(None) };
    let mut found = Found { entry: Some(entry), ..Found::default() };
    for (name, value) in fields {
        // Numbers, peers and factors are JSON; the rest is text.
        let parsed = serde_json::from_str(&value).ok().filter(|_| !is_text(&name));
        found.signal.insert(name, parsed.unwrap_or(Value::String(value)));
    }
    if let Some(source) =
        found.signal.get("source_id").and_then(Value::as_str).and_then(|id| StreamId::parse(id.as_bytes()))
    {
        for stream in &config.input.streams {
            let ask = Cmd::xrange(&stream.name, source.to_string(), source.to_string());
            let entries: Vec<(StreamId, Fields)> = link.ask(&ask)?;
            if let Some((_, fields)) = entries.into_iter().next() {
                found.record = Some((stream.name.clone(), fields));
                break;
            }
        }
    }
    let (text, int) =
        (|name: &str| found.text_of(name).to_owned(), found.signal.get("event_ts").and_then(Value::as_i64));
    let event = format!("calc_{}_{}_", text("symbol"), int.unwrap_or_default());
    let (from, to) = (entry.ms.saturating_sub(AROUND_MS), entry.ms.saturating_add(AROUND_MS));
    let ask = Cmd::xrange(&streams.calculation_events, from, to);
    let entries: Vec<(StreamId, Fields)> = link.ask(&ask)?;
    let events: Vec<Value> = entries.into_iter().filter_map(|(_, fields)| event_of(fields)).collect();
    let is_it = |found: &&Value| found["event_id"].as_str().is_some_and(|id| id.starts_with(&event));
    let results = events.iter().find(is_it).map(|event| event["results"].clone());
    found.indicators = results.and_then(|results| results["timeframe_results"].get(text("timeframe")).cloned());
    Ok(Some(found))
}

/// Whether a field of a signal is text, whatever it looks like.
fn is_text(name: &str) -> bool {
    let texts = ["signal_id", "symbol", "source_id", "timeframe", "kind", "strategy", "side", "trading_style", "stale"];
    texts.contains(&name)
}

/// A calculation event as an object, in whichever form it was written.
fn event_of(fields: Fields) -> Option<Value> {
    if let [(name, json)] = &fields[..] {
        return (name == "event").then(|| serde_json::from_str(json).ok())?;
    }
    let fields: HashMap<String, String> = fields.into_iter().collect();
    let results: Value = serde_json::from_str(fields.get("results")?).ok()?;
    Some(serde_json::json!({ "event_id": fields.get("event_id")?, "results": results }))
}

/// The newest signal of this identity in a stream, and its entry.
fn last_signal(link: &mut Link, stream: &str, id: &str) -> Result<Option<(StreamId, Fields)>> {
    let (mut to, mut reader) = ("+".to_owned(), SignalReader::default());
    loop {
        let entries: Vec<(StreamId, EntryFields)> = link.ask(&Cmd::xrevrange_count(stream, &to, "-", CHUNK))?;
        let Some((oldest, _)) = entries.last() else { return Ok(None) };
        to = format!("({oldest}");
        for (entry, fields) in &entries {
            let signals = reader.read(fields, |key| Ok::<_, anyhow::Error>(link.ask(&Cmd::hgetall(key))?));
            let signals = signals.with_context(|| format!("{stream}, entry {entry}"))?;
            let is_it = |texts: &Fields| texts.iter().any(|(name, text)| name == "signal_id" && text == id);
            if let Some(found) = signals.into_iter().find(is_it) {
                return Ok(Some((*entry, found)));
            }
        }
    }
}

impl Found {
    fn text_of(&self, name: &str) -> &str {
        self.signal.get(name).and_then(Value::as_str).unwrap_or("–")
    }

    fn number_of(&self, name: &str) -> String {
        self.signal.get(name).filter(|value| !value.is_null()).map_or("–".to_owned(), Value::to_string)
    }

    fn json(&self) -> Value {
        serde_json::json!({
            "signal": self.signal,
            "entry": self.entry.map(|id| id.to_string()),
            "record": self.record.as_ref().map(|(stream, fields)| serde_json::json!({
                "stream": stream,
                "fields": fields.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            })),
            "indicators": self.indicators,
        })
    }

    /// For people.
    fn text(&self, id: &str) -> String {
        let mut out = String::new();
        // Writing into a text cannot fail.
        let mut line = |name: &str, text: String| {
            let _ = writeln!(out, "  {name:<11} {text}");
        };
        let moment = |name: &str| self.signal.get(name).and_then(Value::as_i64);
        let iso = |ms: Option<i64>| ms.map_or("–".to_owned(), |ms| format!("{}Z", Iso8601(ms)));
        line(
            "what",
            format!(
                "{} {} on {} at {}: {} of {}",
                self.text_of("side"),
                self.text_of("symbol"),
                self.text_of("timeframe"),
                self.number_of("price"),
                self.text_of("kind"),
                self.text_of("strategy"),
            ),
        );
        line(
            "confidence",
            format!(
                "{}; with its peers {}, correlation {}, priority {}",
                self.number_of("confidence"),
                self.number_of("composite_confidence"),
                self.number_of("correlation_strength"),
                self.number_of("priority"),
            ),
        );
        line("bar", format!("{} to {}", iso(moment("bar_ts")), iso(moment("event_ts"))));
        let source = self.text_of("source_id");
        match &self.record {
            Some((stream, fields)) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={}", value.escape_debug())).collect();
                line("closed by", format!("{source} of {stream}: {}", fields.join(" ")));
            }
            None => line("closed by", format!("{source}, which is not kept any more")),
        }
        for (name, value) in self.signal.get("factors").and_then(Value::as_object).into_iter().flatten() {
            line("factor", format!("{name} {value}"));
        }
        for (name, word) in [("supporting", "supported by"), ("opposing", "opposed by")] {
            for peer in self.signal.get(name).and_then(Value::as_array).into_iter().flatten() {
                let part = |key: &str| peer.get(key).and_then(Value::as_str).unwrap_or("–").to_owned();
                let text =
                    format!("{} {} of {}, {}", part("timeframe"), part("kind"), part("strategy"), peer["confidence"]);
                line(word, format!("{text}, bar {}", iso(peer.get("bar_ts").and_then(Value::as_i64))));
            }
        }
        for (name, value) in self.indicators.as_ref().and_then(Value::as_object).into_iter().flatten() {
            if !value.is_object() && !value.is_null() {
                line("indicator", format!("{name} {value}"));
            }
        }
        line("filters", format!("none of {} held it back", self.text_of("trading_style")));
        if let (Some(record), Some(entry)) = (StreamId::parse(source.as_bytes()), self.entry) {
            let late = i64::try_from(record.ms).unwrap_or(i64::MAX).saturating_sub(moment("event_ts").unwrap_or(0));
            line(
                "took",
                format!(
                    "{late} ms from the end of the bar to the record's entry, {} ms from there to the signal's entry {entry}",
                    entry.ms.saturating_sub(record.ms)
                ),
            );
        }
        format!("{id}\n{out}")
    }
}
