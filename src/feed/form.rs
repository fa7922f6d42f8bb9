//! How the entries of one stream are written: the names of their fields, whether one of them holds the record as JSON, what
//! symbols are called there, how stamps are to be read.
//!
//! Entries in the usual form cost nothing more than [`decode_entry`](super::decode_entry) does. The others allocate nothing
//! either, but for texts with escapes that are longer than any before. Does not block.

use super::decode::{Entry, Field, Meaning, Values, decode_usual, decode_values};
use super::json::{MAX_PATHS, Paths, Piece};
use super::stamps::Stamps;
use super::timestamp::{StampForm, WrittenStamp, in_range};
use super::validate::validate_as;
use super::zone::Zone;
use super::{Record, Refusal};
use crate::{
    config::{Final, Holds, Metadata, Prices, StreamConfig, StreamField, ZeroVolume},
    model::Timeframe,
};
use rustc_hash::FxHashMap;

/// What usually says whether a bar is over, the best known name first.
const FLAGS: [&str; 4] = ["is_closed", "x", "final", "confirm"];
/// By field, and by name of such a flag: a value of an entry.
const SLOTS: usize = Field::NAMES.len() + 1 + FLAGS.len();
const FIRST_FLAG: usize = SLOTS - FLAGS.len();

/// How the entries of a stream are written.
#[derive(Debug, Clone)]
pub struct EntryForm {
    /// Reads their fields.
    pub fields: FieldForm,
    /// Reads the records of frames.
    pub frames: FrameForm,
    /// Whether its entries hold signals of strategies outside instead, which have one form alone.
    pub holds_signals: bool,
}

/// How the fields of entries are written.
#[derive(Debug, Clone)]
pub struct FieldForm {
    meaning: Meaning,
    special: Option<Box<Special>>,
}

/// What the records of frames mean.
#[derive(Debug, Clone)]
pub struct FrameForm {
    meaning: Meaning,
    rename: FxHashMap<Box<[u8]>, Box<[u8]>>,
    /// Whether the records are as they are written.
    plain: bool,
}

/// What is not as usual.
#[derive(Debug, Clone, Default)]
struct Special {
    /// Names of fields, and the values that they hold.
    names: Vec<(Box<[u8]>, usize)>,
    payload: Option<Payload>,
    rename: FxHashMap<Box<[u8]>, Box<[u8]>>,
    /// Texts whose escapes have been resolved.
    unescaped: Vec<u8>,
}

/// A field that holds the record as JSON.
#[derive(Debug, Clone, Default)]
struct Payload {
    name: Box<[u8]>,
    paths: Paths,
    /// By path: the value that it leads to.
    slots: Vec<usize>,
}

/// The field of a configured value; `None` for the flag.
const fn field(value: StreamField) -> Option<Field> {
    Some(match value {
        StreamField::Symbol => Field::Symbol,
        StreamField::Ts => Field::Timestamp,
        StreamField::Open => Field::Open,
        StreamField::High => Field::High,
        StreamField::Low => Field::Low,
        StreamField::Close => Field::Close,
        StreamField::Volume => Field::Volume,
        StreamField::Price => Field::Price,
        StreamField::Metadata => Field::Metadata,
        StreamField::Vwap => Field::Vwap,
        StreamField::Trades => Field::Trades,
        StreamField::IngestNs => Field::IngestNs,
        StreamField::Timeframe => Field::Timeframe,
        StreamField::IsClosed => return None,
    })
}

impl EntryForm {
    /// The usual form of bars of this interval.
    #[must_use]
    pub fn new(base: Timeframe) -> Self {
        let meaning = Meaning::usual(base);
        let frames = FrameForm { meaning: meaning.clone(), rename: FxHashMap::default(), plain: true };
        Self { fields: FieldForm { meaning, special: None }, frames, holds_signals: false }
    }

    /// The form of a stream as it is configured, whose records may have these prices. Allocates.
    #[must_use]
    pub fn of(stream: &StreamConfig, prices: Prices) -> Self {
        let base = stream.timeframe;
        // The configuration has looked the zone up.
        let zone = stream.timezone.as_deref().and_then(|name| Zone::new(name).ok());
        let meaning = Meaning {
            base,
            stamps: Stamps::new(zone, stream.stamp, None, base),
            checks_timeframe: stream.timeframe_field == Metadata::Check,
            skips_zero_volume: stream.zero_volume == ZeroVolume::Skip,
            prices,
        };
        let flagged = stream.finality == Final::Flag;
        let usual = stream.fields.is_empty() && stream.rename.is_empty() && stream.payload.is_none() && !flagged;
        let special = (!usual).then(|| Box::new(Special::of(stream, flagged)));
        let rename = special.as_ref().map(|special| special.rename.clone()).unwrap_or_default();
        let plain = !meaning.skips_zero_volume && meaning.stamps.is_plain() && rename.is_empty();
        let frames = FrameForm { meaning: meaning.clone(), rename, plain };
        Self { fields: FieldForm { meaning, special }, frames, holds_signals: stream.holds == Holds::Signals }
    }

    /// Interval of the bars.
    #[inline]
    #[must_use]
    pub fn base(&self) -> Timeframe {
        self.frames.meaning.base
    }
}

impl FieldForm {
    /// Whether it may matter when an entry was written.
    #[inline]
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.meaning.stamps.is_local()
    }

    /// Says which moment is the latest that a bar may begin at from now on, Unix ms; `i64::MAX` where nobody knows.
    #[cold]
    pub fn set_latest(&mut self, latest: i64) {
        self.meaning.stamps.set_latest(latest);
    }

    /// Decodes the fields of an entry.
    ///
    /// # Errors
    /// As for [`decode_entry`](super::decode_entry); also [`Refusal::Unfinished`] for a record that says so,
    /// [`Refusal::NoSuchTime`], [`Refusal::NoTrade`], and [`Refusal::BadText`] for a payload that is no JSON object or list.
    #[inline]
    pub fn decode<'a>(&'a mut self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<Entry<'a>, Refusal> {
        match &mut self.special {
            None => decode_usual(fields, &mut self.meaning),
            Some(special) => special.decode(fields, &mut self.meaning),
        }
    }
}

impl FrameForm {
    /// A record of a frame as it is to be taken: checked, with its stamp and symbol as the stream has them.
    ///
    /// # Errors
    /// Those of [`validate`](fn@super::validate), and as for [`FieldForm::decode`].
    #[inline]
    pub fn take<'a>(&'a mut self, record: Record<'a>) -> Result<Record<'a>, Refusal> {
        validate_as(&record, self.meaning.prices)?;
        if !self.plain {
            return self.placed(record);
        }
        in_range(record.ts)?;
        Ok(record)
    }

    #[cold]
    fn placed<'a>(&'a mut self, mut record: Record<'a>) -> Result<Record<'a>, Refusal> {
        if self.meaning.skips_zero_volume && record.volume == 0.0 {
            return Err(Refusal::NoTrade);
        }
        let stamp = WrittenStamp { ms: record.ts, absolute: true, form: StampForm::Millis };
        record.ts = self.meaning.stamps.place(stamp, record.symbol)?;
        record.symbol = self.rename.get(record.symbol).map_or(record.symbol, |name| name);
        Ok(record)
    }
}

impl Special {
    fn of(stream: &StreamConfig, flagged: bool) -> Self {
        let named =
            |value: Option<Field>| stream.fields.iter().find(|(own, _)| field(*own) == value).map(|(_, name)| name);
        let mut names: Vec<(&str, usize)> = Vec::new();
        for (usual, field) in Field::NAMES {
            names.push((named(Some(field)).map_or(usual, String::as_str), field as usize));
        }
        if let Some(name) = named(Some(Field::Timeframe)) {
            names.push((name, Field::Timeframe as usize));
        }
        let flags = named(None).map_or(FLAGS.to_vec(), |name| vec![name.as_str()]);
        names.extend(flags.into_iter().enumerate().filter(|_| flagged).map(|(rank, name)| (name, FIRST_FLAG + rank)));
        let payload = stream.payload.as_deref().map(|name| {
            let mut payload = Payload { name: name.as_bytes().into(), ..Payload::default() };
            let in_payload =
                |slot: usize| ![Field::Frame, Field::Heartbeat, Field::Except].map(|f| f as usize).contains(&slot);
            for (path, slot) in names.iter().filter(|(_, slot)| in_payload(*slot)) {
                if payload.paths.add(path).is_some() {
                    payload.slots.push(*slot);
                }
            }
            payload
        });
        Self {
            names: names.into_iter().map(|(name, slot)| (name.as_bytes().into(), slot)).collect(),
            payload,
            rename: stream.rename.iter().map(|(from, to)| (from.as_bytes().into(), to.as_bytes().into())).collect(),
            unescaped: Vec::new(),
        }
    }

    fn decode<'a>(
        &'a mut self,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        meaning: &mut Meaning,
    ) -> Result<Entry<'a>, Refusal> {
        let Self { names, payload, rename, unescaped } = self;
        let mut slots: [Option<&'a [u8]>; SLOTS] = [None; SLOTS];
        let mut text = None;
        for (name, value) in fields {
            if payload.as_ref().is_some_and(|payload| *payload.name == *name) {
                if text.replace(value).is_some() {
                    return Err(Refusal::RepeatedField);
                }
            } else if let Some((_, slot)) = names.iter().find(|(known, _)| **known == *name)
                && slots[*slot].replace(value).is_some()
            {
                return Err(Refusal::RepeatedField);
            }
        }
        if let (Some(payload), Some(text)) = (payload, text) {
            let mut found = [Piece::None; MAX_PATHS];
            unescaped.clear();
            payload.paths.find(text, unescaped, &mut found)?;
            for (piece, &slot) in found.iter().zip(&payload.slots) {
                let Some(value) = piece.bytes(unescaped) else { continue };
                // What an entry says beside its payload must be the same.
                if slots[slot].replace(value).is_some_and(|other| other != value) {
                    return Err(Refusal::RepeatedField);
                }
            }
        }
        let (values, flags) = slots.split_at(FIRST_FLAG);
        if let Some(flag) = flags.iter().flatten().next()
            && !is_over(flag)?
        {
            return Err(Refusal::Unfinished);
        }
        let mut values: Values<'a> = values.try_into().unwrap_or_default();
        if !rename.is_empty()
            && let Some(symbol) = &mut values[Field::Symbol as usize]
        {
            *symbol = rename.get(*symbol).map_or(*symbol, |name| name);
        }
        decode_values(&values, meaning)
    }
}

/// What a flag says of its bar.
fn is_over(flag: &[u8]) -> Result<bool, Refusal> {
    let is = |words: [&str; 4]| words.iter().any(|word| flag.eq_ignore_ascii_case(word.as_bytes()));
    if is(["true", "1", "1.0", "yes"]) {
        Ok(true)
    } else if is(["false", "0", "0.0", "no"]) {
        Ok(false)
    } else {
        Err(Refusal::BadText)
    }
}
