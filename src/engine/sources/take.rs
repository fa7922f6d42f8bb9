//! An entry of a stream into the intake: decoded, or refused with what can be kept of it.

use crate::{
    engine::{Intake, Origin, RawFields},
    feed::{self, EntryForm, Refusal, streams::Stream},
    model::{SourceId, StreamId},
    publish::DeadLetterLimits,
    redis_io::{Entry, FieldIter, ProtocolError},
};

/// What is known of an entry beside itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking {
    /// Its number among all entries ever added to its stream; 0 if unknown.
    pub number: u64,
    /// Whether the journal has what it is to have of it.
    pub journaled: bool,
    /// Its wall, Unix ms.
    pub wall_ms: i64,
    /// How far the id is ahead of it, ms, and whether that is to be journalled.
    pub offset: (i64, bool),
}

/// Decodes an entry and hands its records to the intake; gives back its fields, all of them read.
#[inline]
pub(super) fn take_entry<'a>(
    entry: &Entry<'a>,
    input: u32,
    taking: Taking,
    (stream, form): (&Stream, &mut EntryForm),
    arrival_ns: u64,
    bytes_max: usize,
    intake: &mut Intake,
) -> Result<FieldIter<'a>, ProtocolError> {
    let origin = origin(entry.id, input, taking, stream, arrival_ns);
    intake.begin(&origin);
    if form.holds_signals {
        return take_signal(entry, &origin, bytes_max, intake);
    }
    if form.fields.is_local() {
        form.fields.set_latest(intake.latest_begin(input));
    }
    let mut fields = entry.fields.clone();
    #[allow(clippy::map_identity, reason = "it lets the fields live no longer than the form is borrowed")]
    let decoded = form.fields.decode(fields.by_ref().map(|(name, value)| (name, value)));
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
                    intake.record(form.frames.take(record), &origin, || describe(&record));
                }
            }
            Ok(feed::Entry::Heartbeat(heartbeat)) => intake.heartbeat(&heartbeat, &origin, || kept(entry)),
            Err(reason) => intake.record(Err::<feed::Record<'_>, Refusal>(reason), &origin, || kept(entry)),
        }
    }
    intake.entry_done(&origin);
    Ok(fields)
}

/// Hands the signal that an entry holds to the intake; gives back its fields, all of them read.
#[cold]
fn take_signal<'a>(
    entry: &Entry<'a>,
    origin: &Origin,
    bytes_max: usize,
    intake: &mut Intake,
) -> Result<FieldIter<'a>, ProtocolError> {
    let mut fields = entry.fields.clone();
    let decoded = feed::ExternalSignal::decode(fields.by_ref());
    fields.by_ref().for_each(drop);
    if fields.len() > 0 {
        return Err(ProtocolError::Shape);
    }
    let small = entry.fields.bytes() - fields.bytes() <= bytes_max;
    intake.signal(if small { decoded } else { Err(Refusal::TooLarge) }, origin, || kept(entry));
    intake.entry_done(origin);
    Ok(fields)
}

/// When the last of an entry's records begins, Unix ms; `None` where that cannot be said.
#[cold]
pub(super) fn latest_begin(entry: &Entry<'_>, form: &EntryForm, intake: &Intake) -> Option<i64> {
    // What a form remembers of the records that it has read is not to change.
    let EntryForm { mut fields, mut frames, holds_signals: _ } = form.clone();
    match fields.decode(entry.fields.clone()).ok()? {
        feed::Entry::Bar(record) => intake.begin_of(&record),
        feed::Entry::Frame(frame) => {
            let begin = |record| frames.take(record).ok().and_then(|record| intake.begin_of(&record));
            frame.records().filter_map(begin).max()
        }
        feed::Entry::Heartbeat(_) => None,
    }
}

/// Refuses an entry that could not be received.
#[cold]
pub(super) fn refuse_skipped(
    id: StreamId,
    input: u32,
    taking: Taking,
    stream: &Stream,
    arrival_ns: u64,
    intake: &mut Intake,
) {
    let origin = origin(id, input, taking, stream, arrival_ns);
    intake.begin(&origin);
    intake.record(Err::<feed::Record<'_>, Refusal>(Refusal::TooLarge), &origin, Vec::new);
    intake.entry_done(&origin);
}

#[inline]
fn origin(id: StreamId, input: u32, taking: Taking, stream: &Stream, arrival_ns: u64) -> Origin {
    let source = SourceId { id, input };
    let replayed = id <= stream.published;
    let arrival_ns = if replayed { 0 } else { arrival_ns };
    let Taking { number, journaled, wall_ms, offset } = taking;
    Origin { source, number, journaled, wall_ms: Some(wall_ms), offset, arrival_ns, replayed }
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
