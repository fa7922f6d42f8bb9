//! A signal as a line of JSON and as an entry of the signals' stream: hot, nothing allocated besides the buffer's growth.

use super::json::{Array, Object, push_escaped};
use super::names::{Labels, OutputNames};
use crate::model::{Directory, Peer, Signal, Weighed};
use crate::redis_io::Commands;
use crate::text::push_i64;

const FIELDS: usize = 18;

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

/// Appends a signal as one line of JSON, its line feed included.
pub fn signal_json_line(out: &mut Vec<u8>, weighed: &Weighed<'_>, labels: Labels<'_>) {
    let (composite, directory) = (weighed.composite, labels.directory);
    let signal = &composite.signal;
    let start = out.len();
    let mut object = Object::open(out);
    // Names of symbols and files are the input's: they are escaped where the quick way would break the line.
    object.value("signal_id", |out| push_quoted(out, |out| push_signal_id(out, signal, directory)));
    object.text("symbol", directory.symbol(signal.symbol));
    object.text("timeframe", directory.timeframe_name(signal.timeframe)).name("trading_style", composite.style.name());
    object.name("strategy", signal.strategy.name()).name("kind", signal.candidate.kind.name());
    object.name("side", signal.candidate.side.name()).float("price", signal.price);
    object.float("confidence", signal.candidate.confidence);
    object.float("composite_confidence", composite.composite_confidence);
    object.float("correlation_strength", composite.correlation_strength).float("priority", composite.priority);
    object.int("bar_ts", signal.bar_ts).int("event_ts", signal.event_ts);
    object.value("source_id", |out| push_quoted(out, |out| labels.sources.push_id(out, signal.source)));
    object.value("supporting", |out| push_peers(out, weighed.supporting, directory));
    object.value("opposing", |out| push_peers(out, weighed.opposing, directory));
    object.object("factors", |factors| fill_factors(factors, signal));
    if !signal.settled {
        object.text(HISTORY, INCOMPLETE);
    }
    object.close();
    debug_assert!(!out[start..].contains(&b'\n'));
    out.push(b'\n');
}

/// Appends what `write` appends, quoted and escaped.
#[inline]
pub(super) fn push_quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    if out[start..].iter().any(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        escape_tail(out, start);
    }
    out.push(b'"');
}

/// Escapes what stands from `start` on; allocates, but names that need it are an accident.
#[cold]
fn escape_tail(out: &mut Vec<u8>, start: usize) {
    let tail = out.split_off(start);
    push_escaped(out, &String::from_utf8_lossy(&tail));
}

/// Appends an `XADD` of a signal to the signals' stream: numbers as decimal text; peers and factors as JSON.
pub fn xadd_signal(commands: &mut Commands, names: &mut OutputNames, weighed: &Weighed<'_>, labels: Labels<'_>) {
    let (composite, directory) = (weighed.composite, labels.directory);
    let signal = &composite.signal;
    let mut command = names.signals.xadd(commands, FIELDS + usize::from(!signal.settled));
    command.field_with("signal_id", |out| push_signal_id(out, signal, directory));
    command.field("symbol", directory.symbol(signal.symbol));
    command.field("timeframe", directory.timeframe_name(signal.timeframe));
    command.field("trading_style", composite.style.name()).field("strategy", signal.strategy.name());
    command.field("kind", signal.candidate.kind.name()).field("side", signal.candidate.side.name());
    command.field_float("price", signal.price).field_float("confidence", signal.candidate.confidence);
    command.field_float("composite_confidence", composite.composite_confidence);
    command.field_float("correlation_strength", composite.correlation_strength);
    command.field_float("priority", composite.priority);
    command.field_int("bar_ts", signal.bar_ts).field_int("event_ts", signal.event_ts);
    command.field_with("source_id", |out| labels.sources.push_id(out, signal.source));
    command.field_with("supporting", |out| push_peers(out, weighed.supporting, directory));
    command.field_with("opposing", |out| push_peers(out, weighed.opposing, directory));
    command.field_with("factors", |out| push_factors(out, signal));
    if !signal.settled {
        command.field(HISTORY, INCOMPLETE);
    }
}
