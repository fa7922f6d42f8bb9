//! A signal as a line of JSON and as an entry of the signals' stream. Hot; allocates only if the buffer has to grow.

use super::fields::{FieldCount, Fields};
use super::json::{Array, Object};
use super::names::{Labels, OutputNames};
use crate::model::{Directory, Peer, Signal, Weighed};
use crate::redis_io::Commands;
use crate::text::push_i64;

/// A field that is present only if history that the indicators should remember is missing.
pub(super) const HISTORY: &str = "history";
/// Its value.
pub(super) const INCOMPLETE: &str = "incomplete";

/// A field that is present only in entries that come long after their bar's end.
pub(super) const STALE: &str = "stale";

/// A field that is present only if many active signals of its timeframe and side are worth hardly more than one.
const CONCENTRATED: &str = "concentrated";

/// Appends the identity of a signal, `{symbol}:{timeframe}:{strategy}:{bar_ts}`: the same in every run on the same
/// input, as a strategy gives at most one signal on a bar.
#[inline]
pub fn push_signal_id(out: &mut Vec<u8>, signal: &Signal, directory: &Directory) {
    let names = [directory.symbol(signal.symbol), directory.timeframe_name(signal.timeframe), signal.strategy.name()];
    push_id(out, names, signal.bar_ts);
}

/// Appends the identity of a signal of this symbol, timeframe and strategy.
#[inline]
pub(super) fn push_id(out: &mut Vec<u8>, names: [&str; 3], bar_ts: i64) {
    for name in names {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
    }
    push_i64(out, bar_ts);
}

/// Appends the factors of a signal as an object, in the order of its kind.
#[inline]
pub(super) fn fill_factors(object: &mut Object<'_>, signal: &Signal) {
    let candidate = &signal.candidate;
    for (name, &value) in candidate.kind.factor_names().iter().zip(&candidate.factors) {
        object.float(name, value);
    }
}

#[inline]
pub(super) fn push_factors(out: &mut Vec<u8>, signal: &Signal) {
    let mut object = Object::open(out);
    fill_factors(&mut object, signal);
    object.close();
}

#[inline]
fn push_peers(out: &mut Vec<u8>, peers: &[Peer], directory: &Directory) {
    let mut array = Array::open(out);
    for peer in peers {
        array.object(|object| {
            object.text("timeframe", directory.timeframe_name(peer.timeframe)).name("strategy", peer.strategy.name());
            object.name("kind", peer.kind.name()).float("confidence", peer.confidence).int("bar_ts", peer.bar_ts);
        });
    }
    array.close();
}

fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// The fields of a signal, in the order in which every form has them: a new field is a line here.
#[inline]
fn signal_fields(fields: &mut impl Fields, weighed: &Weighed<'_>, labels: Labels<'_>) {
    let (composite, directory) = (weighed.composite, labels.directory);
    let signal = &composite.signal;
    // Names of symbols and files are the input's, and may hold anything.
    fields.text_with("signal_id", |out| push_signal_id(out, signal, directory));
    fields.text("symbol", directory.symbol(signal.symbol));
    fields.text("timeframe", directory.timeframe_name(signal.timeframe));
    fields.name("trading_style", composite.style.name());
    fields.name("strategy", signal.strategy.name());
    fields.name("kind", signal.candidate.kind.name());
    fields.name("side", signal.candidate.side.name());
    fields.float("price", signal.price);
    fields.float("confidence", signal.candidate.confidence);
    fields.float("composite_confidence", composite.composite_confidence);
    fields.float("correlation_strength", composite.correlation_strength);
    fields.float("priority", composite.priority);
    fields.int("bar_ts", signal.bar_ts);
    fields.int("event_ts", signal.event_ts);
    fields.text_with("source_id", |out| labels.sources.push_id(out, signal.source));
    fields.json("supporting", |out| push_peers(out, weighed.supporting, directory));
    fields.json("opposing", |out| push_peers(out, weighed.opposing, directory));
    fields.json("factors", |out| push_factors(out, signal));
    if let Some(n) = weighed.judged.n {
        if let Some(win_rate) = weighed.judged.win_rate() {
            fields.float("win_rate", win_rate);
        }
        fields.int("win_rate_n", n.into());
    }
    if let Some(calibrated) = weighed.judged.calibrated {
        fields.float("calibrated_confidence", calibrated);
        fields.int("calibration_n", weighed.judged.learned.into());
        fields.json("calibrated", |out| push_bool(out, weighed.judged.relied_on().is_some()));
    }
    if let Some((selected, liquid)) = weighed.judged.selected {
        fields.json("selected", |out| push_bool(out, selected));
        fields.json("liquid", |out| push_bool(out, liquid));
    }
    if let Some(crossed) = &weighed.judged.crossed {
        fields.float("market_correlation", crossed.market_correlation);
        if let Some(independent) = crossed.independent_signals {
            fields.float("independent_signals", independent);
        }
        if crossed.is_concentrated() {
            fields.name(CONCENTRATED, "true");
        }
    }
    if let Some(name) = composite.history.name() {
        fields.name(HISTORY, name);
    }
    if weighed.stale {
        fields.name(STALE, "true");
    }
}

/// Appends a signal as one line of JSON, its line feed included.
pub fn signal_json_line(out: &mut Vec<u8>, weighed: &Weighed<'_>, labels: Labels<'_>) {
    let start = out.len();
    let mut object = Object::open(out);
    signal_fields(&mut object, weighed, labels);
    object.close();
    debug_assert!(!out[start..].contains(&b'\n'));
    out.push(b'\n');
}

/// The field that says when a signal was published, Unix ms: the only one that tells one reading of the input from another.
pub(super) const PUBLISHED: &str = "published_ms";

/// Appends an `XADD` of a signal to the signals' stream, a field for each value: numbers as decimal text; peers and factors
/// as JSON. It is published at `published_ms`, Unix ms.
pub fn xadd_signal(
    commands: &mut Commands,
    names: &mut OutputNames,
    weighed: &Weighed<'_>,
    labels: Labels<'_>,
    published_ms: i64,
) {
    let mut count = FieldCount::default();
    signal_fields(&mut count, weighed, labels);
    let mut command = names.signals.xadd(commands, count.0 + 1);
    signal_fields(&mut command, weighed, labels);
    command.field_int(PUBLISHED, published_ms);
}

/// Appends the same with one field, `signal`: the object of [`signal_json_line`] with `published_ms`.
pub fn xadd_signal_json(
    commands: &mut Commands,
    names: &mut OutputNames,
    weighed: &Weighed<'_>,
    labels: Labels<'_>,
    published_ms: i64,
) {
    names.signals.xadd(commands, 1).field_with("signal", |out| {
        let mut object = Object::open(out);
        signal_fields(&mut object, weighed, labels);
        object.int(PUBLISHED, published_ms);
        object.close();
    });
}
