//! A signal as a line of JSON and as an entry of the signals' stream: hot, nothing allocated besides the buffer's growth.

use super::fields::{FieldCount, Fields};
use super::json::{Array, Object};
use super::names::{Labels, OutputNames};
use crate::model::{Directory, Peer, Signal, Weighed};
use crate::redis_io::Commands;
use crate::text::push_i64;

/// A field that is there only where the indicators behind a result have not seen all that they should remember.
pub(super) const HISTORY: &str = "history";
/// What it says then.
pub(super) const INCOMPLETE: &str = "incomplete";

/// Appends the identity of a signal, `{symbol}:{timeframe}:{strategy}:{bar_ts}`: the same in every run on the same
/// input, as a strategy gives at most one signal on a bar.
#[inline]
pub fn push_signal_id(out: &mut Vec<u8>, signal: &Signal, directory: &Directory) {
    out.extend_from_slice(directory.symbol(signal.symbol).as_bytes());
    out.push(b':');
    out.extend_from_slice(directory.timeframe_name(signal.timeframe).as_bytes());
    out.push(b':');
    out.extend_from_slice(signal.strategy.name().as_bytes());
    out.push(b':');
    push_i64(out, signal.bar_ts);
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
    if !signal.settled {
        fields.name(HISTORY, INCOMPLETE);
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

/// Appends an `XADD` of a signal to the signals' stream: numbers as decimal text; peers and factors as JSON.
pub fn xadd_signal(commands: &mut Commands, names: &mut OutputNames, weighed: &Weighed<'_>, labels: Labels<'_>) {
    let mut count = FieldCount::default();
    signal_fields(&mut count, weighed, labels);
    let mut command = names.signals.xadd(commands, count.0);
    signal_fields(&mut command, weighed, labels);
}
