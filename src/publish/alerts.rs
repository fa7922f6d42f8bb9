//! Alerts: signals worth waking somebody for, warnings and errors. Nothing allocated besides the buffer's growth.

use super::json::{Object, push_quoted};
use super::names::{Labels, OutputNames};
use super::signal::push_signal_id;
use crate::model::Composite;
use crate::model::time::push_iso8601;
use crate::redis_io::Commands;
use crate::text::{push_f64, push_i64};

const FIELDS: usize = 6;

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The engine works on, somebody should look.
    Warning,
    /// Something is lost or stands still.
    Error,
}

impl Severity {
    /// Name as published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A warning or error about the engine itself.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// Part of the engine that it is about, such as `feed`.
    pub component: &'a str,
    /// What has happened, in a sentence.
    pub message: &'a str,
    /// When, Unix ms on the wall clock.
    pub at_ms: i64,
}

/// Appends an `XADD` of an alert about a signal whose composite confidence reached the threshold, which is the caller's
/// to compare.
pub fn xadd_signal_alert(commands: &mut Commands, names: &mut OutputNames, composite: &Composite, labels: Labels<'_>) {
    let (signal, directory) = (&composite.signal, labels.directory);
    let symbol = directory.symbol(signal.symbol);
    let timeframe = directory.timeframe_name(signal.timeframe);
    let mut command = names.alerts.xadd(commands, FIELDS);
    command.field_with("event_id", |out| {
        out.extend_from_slice(b"alert_signal_");
        push_signal_id(out, signal, directory);
    });
    command.field("type", "signal").field("symbol", symbol);
    command.field_with("message", |out| {
        for part in
            [signal.candidate.side.name(), " ", symbol, " ", timeframe, ": ", signal.candidate.kind.name(), " at "]
        {
            out.extend_from_slice(part.as_bytes());
        }
        push_f64(out, signal.price);
        out.extend_from_slice(b", composite confidence ");
        push_f64(out, (composite.composite_confidence * 1e4).round() / 1e4);
    });
    command.field_with("timestamp", |out| push_iso8601(out, signal.event_ts));
    command.field_with("metadata", |out| {
        let mut object = Object::open(out);
        object.value("signal_id", |out| push_quoted(out, |out| push_signal_id(out, signal, directory)));
        object.text("timeframe", timeframe).name("trading_style", composite.style.name());
        object.name("strategy", signal.strategy.name()).name("kind", signal.candidate.kind.name());
        object.name("side", signal.candidate.side.name()).float("price", signal.price);
        object.float("confidence", signal.candidate.confidence);
        object.float("composite_confidence", composite.composite_confidence);
        object.float("priority", composite.priority).int("bar_ts", signal.bar_ts);
        object.close();
    });
}

/// Appends an `XADD` of a warning or error, its symbol `SYSTEM`.
pub fn xadd_notice(commands: &mut Commands, names: &mut OutputNames, notice: &Notice<'_>) {
    let kind = notice.severity.name();
    let mut command = names.alerts.xadd(commands, FIELDS);
    command.field_with("event_id", |out| {
        for part in ["alert_", kind, "_", notice.component, "_"] {
            out.extend_from_slice(part.as_bytes());
        }
        push_i64(out, notice.at_ms);
    });
    command.field("type", kind).field("symbol", "SYSTEM").field("message", notice.message);
    command.field_with("timestamp", |out| push_iso8601(out, notice.at_ms));
    command.field_with("metadata", |out| {
        let mut object = Object::open(out);
        object.text("component", notice.component);
        object.close();
    });
}
