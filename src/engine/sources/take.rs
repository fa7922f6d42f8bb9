//! An entry of a stream into the intake: decoded, or refused with what can be kept of it.

use crate::{
    engine::{Intake, Origin, RawFields},
    feed::{self, Refusal, decode_entry, streams::Stream},
    model::{SourceId, StreamId},
    publish::DeadLetterLimits,
    redis_io::{Entry, FieldIter, ProtocolError},
};

/// What is known of an entry beside itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking {
    /// Its number among all entries ever added to its stream; 0 if unknown.
    pub number: u64,
    /// Whether the journal has its place.
    pub journaled: bool,
}

/// Decodes an entry and hands its records to the intake; gives back its fields, all of them read.
#[inline]
pub(super) fn take_entry<'a>(
    entry: &Entry<'a>,
    input: u8,
    taking: Taking,
    stream: &Stream,
    arrival_ns: u64,
    bytes_max: usize,
    intake: &mut Intake,
) -> Result<FieldIter<'a>, ProtocolError> {
    let origin = origin(entry.id, input, taking, stream, arrival_ns);
    let mut fields = entry.fields.clone();
    let decoded = decode_entry(&mut fields, stream.timeframe);
    fields.by_ref().for_each(drop);
    if fields.len() > 0 {
        return Err(ProtocolError::Shape);
    }
    if entry.fields.bytes() - fields.bytes() > bytes_max {
        intake.record(Err::<feed::Record<'_>, Refusal>(Refusal::TooLarge), &origin, || kept(entry));
    } else {
        match decoded {
            Ok(feed::Entry::Bar(record)) => intake.record(Ok(record), &origin, || kept(entry)),
            Ok(feed::Entry::Frame(frame)) => {
                for record in frame.records() {
                    let decoded = feed::validate(&record).map(|()| record);
                    intake.record(decoded, &origin, || describe(&record));
                }
            }
            Err(reason) => intake.record(Err::<feed::Record<'_>, Refusal>(reason), &origin, || kept(entry)),
        }
    }
    intake.entry_done(&origin);
    Ok(fields)
}

/// Refuses an entry that could not be received.
#[cold]
pub(super) fn refuse_skipped(
    id: StreamId,
    input: u8,
    taking: Taking,
    stream: &Stream,
    arrival_ns: u64,
    intake: &mut Intake,
) {
    let origin = origin(id, input, taking, stream, arrival_ns);
    intake.record(Err::<feed::Record<'_>, Refusal>(Refusal::TooLarge), &origin, Vec::new);
    intake.entry_done(&origin);
}

#[inline]
fn origin(id: StreamId, input: u8, taking: Taking, stream: &Stream, arrival_ns: u64) -> Origin {
    let source = SourceId { id, input };
    let replayed = id <= stream.published;
    let entry_ms = i64::try_from(id.ms).unwrap_or(i64::MAX);
    let arrival_ns = if replayed { 0 } else { arrival_ns };
    let Taking { number, journaled } = taking;
    Origin { source, number, journaled, entry_ms: Some(entry_ms), arrival_ns, replayed }
}

/// What is kept of a refused entry: a byte and a field more than is written, so that it shows that something was cut.
#[cold]
fn kept(entry: &Entry<'_>) -> RawFields {
    let limits = DeadLetterLimits::default();
    let cut = |text: &[u8], max: usize| text[..text.len().min(max + 1)].into();
    let fields = entry.fields.clone().take(limits.fields_max + 1);
    fields.map(|(name, value)| (cut(name, limits.name_bytes_max), cut(value, limits.value_bytes_max))).collect()
}

/// The fields of one record of a frame, as the flat form has them.
#[cold]
fn describe(record: &feed::Record<'_>) -> RawFields {
    let text = |name: &str, value: String| (name.as_bytes().into(), value.into_bytes().into_boxed_slice());
    let mut fields = vec![
        (b"symbol".as_slice().into(), record.symbol.into()),
        text("timestamp", record.ts.to_string()),
        text("open", record.open.to_string()),
        text("high", record.high.to_string()),
        text("low", record.low.to_string()),
        text("close", record.close.to_string()),
        text("volume", record.volume.to_string()),
    ];
    if !record.vwap.is_nan() {
        fields.push(text("vwap", record.vwap.to_string()));
    }
    if record.trades > 0 {
        fields.push(text("trades", record.trades.to_string()));
    }
    fields
}
