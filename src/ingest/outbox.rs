//! Items as commands of a batch, and the position that belongs to it.

use super::{commit_times::CommitSummary, desk::Desk, market::FeedBar, outgoing::Outgoing};
use crate::{
    config::BarForm,
    feed::{FrameRecord, MAX_FRAME_RECORDS, encode_frame},
    model::{Timeframe, time::push_iso8601},
    redis_io::{Command, Commands},
    text::{push_f64, push_i64},
};
use std::collections::BTreeMap;

/// Fields of a bar that has a vwap and a number of trades.
const FIELDS: usize = 13;

/// Where things go.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// The streams of the bars.
    pub streams: Vec<String>,
    /// Entries that they keep; 0 for all.
    pub maxlen: u64,
    /// Interval of the bars.
    pub timeframe: Timeframe,
    /// How bars are written.
    pub form: BarForm,
    /// Stream of the corrections, and entries that it keeps.
    pub corrections: (String, u64),
    /// Stream of the alerts, and entries that it keeps; `None` for no alerts.
    pub alerts: Option<(String, u64)>,
    /// Key of the position.
    pub position_key: String,
    /// Key that says which batch was committed about last.
    pub committed_key: String,
    /// Key of the health, which others look at.
    pub health_key: String,
    /// Name of the provider.
    pub source: String,
}

/// Puts batches together.
#[derive(Debug)]
pub struct Outbox {
    options: OutboxOptions,
    /// By stream: bars for the next frame.
    frames: Vec<Vec<FrameRecord>>,
    bytes: Vec<u8>,
    /// Newest bars of the batch: (symbol, start). A symbol may be there more than once.
    newest: Vec<(usize, i64)>,
    /// Heartbeats of the batch: (stream, how long bars are held, end, except).
    beats: Vec<(usize, i64, i64, String)>,
}

/// Time after which a health that is not renewed is gone, s.
const HEALTH_TTL_S: u64 = 30;

/// Field of the position for the newest bar of a symbol.
pub const NEWEST: &str = "newest:";
/// Field of the position for the last heartbeat of a stream.
pub const HEARTBEAT: &str = "heartbeat:";
/// Field of the position for the symbols that the last heartbeat of a stream leaves out.
pub const EXCEPT: &str = "except:";
/// Field of the position for what the provider wants to be told.
pub const MEMORY: &str = "memory";

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new(options: OutboxOptions) -> Self {
        let frames = options.streams.iter().map(|_| Vec::with_capacity(MAX_FRAME_RECORDS)).collect();
        Self { options, frames, bytes: Vec::new(), newest: Vec::new(), beats: Vec::new() }
    }

    /// Appends an item, made at this wall time, ns.
    pub fn put(&mut self, item: Outgoing, desk: &Desk, wall_ns: i64, out: &mut Commands) {
        match item {
            Outgoing::Bar(bar) => {
                self.newest.push((bar.symbol, bar.start_ms));
                let stream = desk.stream(bar.symbol);
                let record = bar.record(desk.symbol(bar.symbol), self.options.timeframe, 0);
                let packed = FrameRecord::new(&record).filter(|_| self.options.form == BarForm::Frames);
                match packed {
                    Some(packed) => {
                        self.frames[stream].push(packed);
                        if self.frames[stream].len() == MAX_FRAME_RECORDS {
                            self.frame(stream, wall_ns, out);
                        }
                    }
                    None => {
                        self.frame(stream, wall_ns, out);
                        self.fields(stream, &bar, desk, wall_ns, out);
                    }
                }
            }
            Outgoing::Heartbeat { stream, end_ms, except, hold_ms } => {
                self.frame(stream, wall_ns, out);
                let mut command = self.xadd(stream, 1 + usize::from(!except.is_empty()), out);
                command.field_int("heartbeat", end_ms);
                if !except.is_empty() {
                    command.field("except", &except);
                }
                drop(command);
                self.beats.push((stream, hold_ms, end_ms, except));
            }
            Outgoing::Correction { symbol, start_ms, old, new, kind } => {
                self.correction((symbol, start_ms), [old.as_ref(), new.as_ref()], kind, desk, out);
            }
            Outgoing::Alert(line) => self.alert(&line, wall_ns / 1_000_000, out),
        }
    }

    /// Completes the batch with what is left and the position; `batch` is its name.
    pub fn close(&mut self, batch: &[u8], memory: Option<&str>, desk: &Desk, wall_ns: i64, out: &mut Commands) {
        (0..self.frames.len()).for_each(|stream| self.frame(stream, wall_ns, out));
        // Later ones of a symbol are newer.
        self.newest.reverse();
        self.newest.sort_by_key(|(symbol, _)| *symbol);
        self.newest.dedup_by_key(|(symbol, _)| *symbol);
        let pairs = 1 + self.newest.len() + 2 * self.beats.len() + usize::from(memory.is_some());
        let mut command = out.command(2 + 2 * pairs);
        command.arg("HSET").arg(&self.options.position_key).field("batch", batch);
        if let Some(memory) = memory {
            command.field(MEMORY, memory);
        }
        for (symbol, start_ms) in &self.newest {
            command.arg_pair(NEWEST, desk.symbol(*symbol)).int(*start_ms);
        }
        for (stream, hold_ms, end_ms, except) in &self.beats {
            let of = beat_of(&self.options.streams[*stream], *hold_ms);
            command.arg_pair(HEARTBEAT, &of).int(*end_ms);
            command.arg_pair(EXCEPT, &of).arg(except);
        }
        drop(command);
        if !self.beats.is_empty() {
            out.command(3).arg("SET").arg(&self.options.committed_key).arg(batch);
        }
        self.newest.clear();
        self.beats.clear();
    }

    /// Appends the health: how the provider is, and what has been counted, at this wall time, ms. `rate` and `times` are bars a
    /// second, and how long they took.
    pub fn health(
        &self,
        desk: &Desk,
        state: &str,
        (rate, times): (f64, Option<CommitSummary>),
        wall_ms: i64,
        out: &mut Commands,
    ) {
        let counts = desk.counts();
        let complete = (desk.complete_ms() > i64::MIN).then_some(desk.complete_ms());
        let streams = self.options.streams.iter().map(String::as_str);
        let corrected: BTreeMap<&str, u64> = streams.zip(desk.corrected_by_stream().iter().copied()).collect();
        let health = serde_json::json!({
            "component": "ingestion",
            "provider": self.options.source,
            "timeframe": self.options.timeframe.to_string(),
            "at_ms": wall_ms,
            "state": state,
            "symbols": desk.symbols(),
            "live": desk.live(),
            "complete_ms": complete,
            "lag_ms": complete.map(|complete| wall_ms - complete),
            "waiting": desk.waiting(),
            "bars": counts.bars,
            "bars_per_second": (rate * 10.0).round() / 10.0,
            "commit_us": times.map(|times| serde_json::json!({
                "p50": times.p50_ns / 1_000,
                "p99": times.p99_ns / 1_000,
                "max": times.max_ns / 1_000,
            })),
            "repeated": counts.repeated,
            "late": counts.late,
            "late_trades": counts.late_trades,
            "refused": counts.refused,
            "corrected": counts.corrected,
            "corrected_by_stream": corrected,
            "settled": counts.settled,
            "unknown_trades": counts.unknown_trades,
            "held": desk.held(),
            "gaps_filled": counts.filled,
            "gaps_left": counts.gaps,
        });
        out.command(5)
            .arg("SET")
            .arg(&self.options.health_key)
            .arg(format!("JSON:{health}"))
            .arg("EX")
            .uint(HEALTH_TTL_S);
    }

    /// Opens an `XADD` of so many fields to a stream of bars.
    fn xadd<'a>(&self, stream: usize, fields: usize, out: &'a mut Commands) -> Command<'a> {
        trimmed(&self.options.streams[stream], self.options.maxlen, fields, out)
    }

    /// Writes the bars that wait for a frame.
    fn frame(&mut self, stream: usize, wall_ns: i64, out: &mut Commands) {
        if self.frames[stream].is_empty() {
            return;
        }
        self.bytes.clear();
        // The count and the interval have been seen to fit.
        if encode_frame(self.options.timeframe, wall_ns.unsigned_abs(), &self.frames[stream], &mut self.bytes).is_ok() {
            self.xadd(stream, 1, out).field("frame", &self.bytes);
        }
        self.frames[stream].clear();
    }

    fn fields(&self, stream: usize, bar: &FeedBar, desk: &Desk, wall_ns: i64, out: &mut Commands) {
        let (symbol, timeframe) = (desk.symbol(bar.symbol), self.options.timeframe.to_string());
        let optional = usize::from(!bar.vwap.is_nan()) + usize::from(bar.trades > 0);
        let mut command = self.xadd(stream, FIELDS - 2 + optional, out);
        command.field_with("event_id", |out| {
            out.extend_from_slice(symbol.as_bytes());
            out.push(b'_');
            out.extend_from_slice(timeframe.as_bytes());
            out.push(b'_');
            push_i64(out, bar.start_ms);
        });
        command.field("symbol", symbol).field_with("timestamp", |out| push_iso8601(out, bar.start_ms));
        command.field_float("volume", bar.volume).field_float("open", bar.open).field_float("high", bar.high);
        command.field_float("low", bar.low).field_float("close", bar.close).field("source", &self.options.source);
        command.field_with("metadata", |out| {
            out.extend_from_slice(b"{\"timeframe\": \"");
            out.extend_from_slice(timeframe.as_bytes());
            out.extend_from_slice(b"\"}");
        });
        command.field_int("ingest_ns", wall_ns);
        if !bar.vwap.is_nan() {
            command.field_float("vwap", bar.vwap);
        }
        if bar.trades > 0 {
            command.field_int("trades", bar.trades.into());
        }
    }

    fn correction(
        &self,
        (symbol, start_ms): (usize, i64),
        versions: [Option<&FeedBar>; 2],
        kind: &str,
        desk: &Desk,
        out: &mut Commands,
    ) {
        let (name, maxlen) = &self.options.corrections;
        let known = ["old_", "new_"].into_iter().zip(versions).filter_map(|(prefix, bar)| Some((prefix, bar?)));
        let mut command = trimmed(name, *maxlen, 5 + VALUES.len() * known.clone().count(), out);
        command.field("symbol", desk.symbol(symbol)).field("timeframe", self.options.timeframe.to_string());
        command.field_with("timestamp", |out| push_iso8601(out, start_ms));
        command.field("kind", kind).field("source", &self.options.source);
        for (field, value) in VALUES {
            for (prefix, bar) in known.clone() {
                command.arg_pair(prefix, field).arg_with(|out| push_number(out, value(bar)));
            }
        }
    }

    fn alert(&self, line: &str, at_ms: i64, out: &mut Commands) {
        let Some((name, maxlen)) = &self.options.alerts else { return };
        let mut command = trimmed(name, *maxlen, 6, out);
        command.field_with("event_id", |out| {
            out.extend_from_slice(b"alert_warning_ingest_");
            push_i64(out, at_ms);
        });
        command.field("type", "warning").field("symbol", "SYSTEM").field("message", line);
        command.field_with("timestamp", |out| push_iso8601(out, at_ms));
        command.field("metadata", r#"{"component":"ingest"}"#);
    }
}

type Value = fn(&FeedBar) -> f64;

/// The values of a bar that a correction tells, by name.
const VALUES: [(&str, Value); 6] = [
    ("open", |bar| bar.open),
    ("high", |bar| bar.high),
    ("low", |bar| bar.low),
    ("close", |bar| bar.close),
    ("volume", |bar| bar.volume),
    ("vwap", |bar| bar.vwap),
];

/// The last part of the names of the fields of the position about the heartbeats of a stream for symbols whose bars are held
/// for so long, ms.
#[must_use]
pub fn beat_of(stream: &str, hold_ms: i64) -> String {
    if hold_ms == 0 { stream.to_owned() } else { format!("{stream} held {hold_ms} ms") }
}

/// A number, or nothing where there is none.
fn push_number(out: &mut Vec<u8>, value: f64) {
    if !value.is_nan() {
        push_f64(out, value);
    }
}

fn trimmed<'a>(stream: &str, maxlen: u64, fields: usize, out: &'a mut Commands) -> Command<'a> {
    let mut command = out.command(3 + 3 * usize::from(maxlen > 0) + 2 * fields);
    command.arg("XADD").arg(stream);
    if maxlen > 0 {
        command.arg("MAXLEN").arg("~").uint(maxlen);
    }
    command.arg("*");
    command
}
