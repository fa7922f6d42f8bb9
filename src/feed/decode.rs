//! Decodes stream entries: flat fields of one bar, or one field that holds a frame of many bars.
//!
//! Runs once per entry on the reader's thread and does not block. Allocates nothing for the shapes that the ingestions
//! write; only unusual `metadata` goes through a JSON parser, which may allocate.

use super::number::{parse_count, parse_f64, parse_optional_f64, parse_u64};
use super::stamps::Stamps;
use super::validate::{validate_as, validate_price};
use super::{FrameView, Record, Refusal};
use crate::{
    config::Prices,
    model::{StampedAt, Timeframe},
    state::is_sound_time,
};
use std::borrow::Cow;

/// The content of one stream entry.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// One bar from flat fields, validated.
    Bar(Record<'a>),
    /// Many bars, each still to be validated, so that a bad bar does not take the others with it.
    Frame(FrameView<'a>),
    /// No bar: its writer says that all records have been written whose bars end up to a time.
    Heartbeat(Heartbeat<'a>),
}

/// What the writer of a stream says of the records that it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// All records are there whose bars end up to here, Unix ms.
    pub end: i64,
    /// But those of these symbols, separated by commas; may be empty.
    except: &'a [u8],
}

impl<'a> Heartbeat<'a> {
    /// Names of the symbols of which that is not said.
    pub fn except(&self) -> impl Iterator<Item = &'a [u8]> {
        self.except.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
    }
}

/// The known fields of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Symbol,
    Timestamp,
    Open,
    High,
    Low,
    Close,
    Volume,
    Price,
    Metadata,
    Vwap,
    Trades,
    IngestNs,
    Frame,
    Heartbeat,
    Except,
    /// Has no name unless a stream gives it one.
    Timeframe,
}

const FIELDS: usize = Field::Timeframe as usize + 1;

/// The values of an entry by [`Field`].
pub(super) type Values<'a> = [Option<&'a [u8]>; FIELDS];

impl Field {
    /// The fields with their names.
    pub(super) const NAMES: [(&'static str, Self); FIELDS - 1] = [
        ("symbol", Self::Symbol),
        ("timestamp", Self::Timestamp),
        ("open", Self::Open),
        ("high", Self::High),
        ("low", Self::Low),
        ("close", Self::Close),
        ("volume", Self::Volume),
        ("price", Self::Price),
        ("metadata", Self::Metadata),
        ("vwap", Self::Vwap),
        ("trades", Self::Trades),
        ("ingest_ns", Self::IngestNs),
        ("frame", Self::Frame),
        ("heartbeat", Self::Heartbeat),
        ("except", Self::Except),
    ];

    #[inline]
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"symbol" => Self::Symbol,
            b"timestamp" => Self::Timestamp,
            b"open" => Self::Open,
            b"high" => Self::High,
            b"low" => Self::Low,
            b"close" => Self::Close,
            b"volume" => Self::Volume,
            b"price" => Self::Price,
            b"metadata" => Self::Metadata,
            b"vwap" => Self::Vwap,
            b"trades" => Self::Trades,
            b"ingest_ns" => Self::IngestNs,
            b"frame" => Self::Frame,
            b"heartbeat" => Self::Heartbeat,
            b"except" => Self::Except,
            _ => return None,
        })
    }
}

/// What the values of a stream's entries mean.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    /// Interval of the bars.
    pub base: Timeframe,
    /// How their stamps are read.
    pub stamps: Stamps,
    /// Whether a timeframe that they name must be the base.
    pub checks_timeframe: bool,
    /// Whether bars without volume are left out.
    pub skips_zero_volume: bool,
    /// Which prices they may have.
    pub prices: Prices,
}

impl Meaning {
    /// The usual one.
    #[inline]
    pub fn usual(base: Timeframe) -> Self {
        Self {
            base,
            stamps: Stamps::new(None, StampedAt::Start, None, base),
            checks_timeframe: true,
            skips_zero_volume: false,
            prices: Prices::Positive,
        }
    }
}

/// Decodes the fields of one entry of a stream in the usual form whose bars have the interval `base`.
///
/// `symbol timestamp open high low close volume` are required. `price` (checked, otherwise unused), `metadata`, `vwap`,
/// `trades` and `ingest_ns` may be absent; one that is empty, or null, counts as absent, and so do a `vwap` and `trades` that
/// are zero or not a number. Other fields are ignored. An entry with `heartbeat` (Unix ms), and perhaps `except`, holds no
/// bar. The interval is the `timeframe` in `metadata`; if that is absent, it is the base of the stream, which for the
/// existing one-minute stream is the `1m` of its contract.
///
/// # Errors
/// The first that applies of: [`Refusal::RepeatedField`] for a field above that occurs twice; [`Refusal::BadFrame`]
/// for a `frame` beside fields of a bar; [`Refusal::BadText`] for a `heartbeat` beside them; [`Refusal::MissingField`];
/// [`Refusal::WrongTimeframe`] for an interval other than `base`, or an invalid one; [`Refusal::BadText`] for `metadata` that
/// is no JSON object or whose `timeframe` is no string; [`Refusal::BadTimestamp`]; [`Refusal::NotANumber`]; then those of
/// [`validate()`](fn@super::validate) and [`FrameView::parse`].
#[inline]
pub fn decode_entry<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    base: Timeframe,
) -> Result<Entry<'a>, Refusal> {
    decode_usual(fields, &mut Meaning::usual(base))
}

/// Decodes the fields of an entry with the usual names.
#[inline]
pub(super) fn decode_usual<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    meaning: &mut Meaning,
) -> Result<Entry<'a>, Refusal> {
    let mut values: Values<'a> = [None; FIELDS];
    for (name, value) in fields {
        if let Some(field) = Field::of(name)
            && values[field as usize].replace(value).is_some()
        {
            return Err(Refusal::RepeatedField);
        }
    }
    decode_values(&values, meaning)
}

/// Makes of the values of an entry what it holds.
#[inline]
pub(super) fn decode_values<'a>(values: &Values<'a>, meaning: &mut Meaning) -> Result<Entry<'a>, Refusal> {
    if let Some(frame) = values[Field::Frame as usize] {
        let alone = count(values) == 1;
        return if alone { FrameView::parse(frame, meaning.base).map(Entry::Frame) } else { Err(Refusal::BadFrame) };
    }
    if let Some(time) = values[Field::Heartbeat as usize] {
        return heartbeat(time, values).map(Entry::Heartbeat);
    }
    bar(values, meaning).map(Entry::Bar)
}

/// How many of the known fields are there.
fn count(values: &Values<'_>) -> usize {
    values.iter().filter(|value| value.is_some()).count()
}

/// Makes a heartbeat from the collected fields.
#[cold]
fn heartbeat<'a>(time: &[u8], values: &Values<'a>) -> Result<Heartbeat<'a>, Refusal> {
    let except = values[Field::Except as usize];
    if count(values) > 1 + usize::from(except.is_some()) {
        return Err(Refusal::BadText);
    }
    let end = i64::try_from(parse_u64(time)?).ok().filter(|&end| is_sound_time(end)).ok_or(Refusal::BadTimestamp)?;
    Ok(Heartbeat { end, except: except.unwrap_or_default() })
}

/// Makes a validated record from the collected fields.
#[inline]
fn bar<'a>(values: &Values<'a>, meaning: &mut Meaning) -> Result<Record<'a>, Refusal> {
    let required = |field: Field| values[field as usize].ok_or(Refusal::MissingField);
    let optional = |field: Field| values[field as usize].filter(|value| !value.is_empty());
    let symbol = required(Field::Symbol)?;
    let ts = required(Field::Timestamp)?;
    let open = required(Field::Open)?;
    let high = required(Field::High)?;
    let low = required(Field::Low)?;
    let close = required(Field::Close)?;
    let volume = required(Field::Volume)?;
    let base = meaning.base;
    if meaning.checks_timeframe {
        if let Some(metadata) = optional(Field::Metadata) {
            check_timeframe(metadata, base)?;
        }
        if let Some(name) = optional(Field::Timeframe) {
            is_base(std::str::from_utf8(name).map_err(|_| Refusal::BadText)?, base)?;
        }
    }
    let record = Record {
        symbol,
        ts: meaning.stamps.read(ts, symbol)?,
        interval: base,
        open: parse_f64(open)?,
        high: parse_f64(high)?,
        low: parse_f64(low)?,
        close: parse_f64(close)?,
        volume: parse_f64(volume)?,
        vwap: optional(Field::Vwap).map_or(Ok(f64::NAN), |text| or_absent(parse_optional_f64(text), text, f64::NAN))?,
        trades: optional(Field::Trades).map_or(Ok(0), |text| or_absent(parse_count(text), text, 0))?,
        ingest_ns: optional(Field::IngestNs).map_or(Ok(0), |text| or_absent(parse_u64(text), text, 0))?,
    };
    if let Some(price) = values[Field::Price as usize] {
        // The price is unused: if its bytes equal those of the close, it needs no second check.
        if price != close {
            validate_price(parse_f64(price)?, meaning.prices)?;
        }
    }
    validate_as(&record, meaning.prices)?;
    if meaning.skips_zero_volume && record.volume == 0.0 {
        return Err(Refusal::NoTrade);
    }
    Ok(record)
}

/// What was read of an optional field, or what stands for none where its text says that there is none.
#[inline]
fn or_absent<T>(read: Result<T, Refusal>, text: &[u8], absent: T) -> Result<T, Refusal> {
    match read {
        Err(_) if says_none(text) => Ok(absent),
        read => read,
    }
}

/// Whether a text says, in the words of one program or another, that there is no value.
#[cold]
fn says_none(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    text.is_empty() || [&b"nan"[..], b"null", b"none", b"n/a", b"na"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The part of `metadata` that the engine reads.
#[derive(serde::Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    timeframe: Option<Cow<'a, str>>,
}

/// Checks that `metadata` names `base`, or no interval.
#[inline]
fn check_timeframe(metadata: &[u8], base: Timeframe) -> Result<(), Refusal> {
    match common_shape(metadata) {
        Some(name) => is_base(name, base),
        None if metadata == b"{}" => Ok(()),
        None => match serde_json::from_slice::<Option<Metadata<'_>>>(metadata) {
            Ok(Some(Metadata { timeframe: Some(name) })) => is_base(&name, base),
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::BadText),
        },
    }
}

/// The name in exactly `{"timeframe": "1m"}`, as Python writes it, or the same without the blank.
#[inline]
fn common_shape(metadata: &[u8]) -> Option<&str> {
    let rest = metadata.strip_prefix(br#"{"timeframe":"#)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let name = rest.strip_prefix(b"\"")?.strip_suffix(b"\"}")?;
    // Letters and digits need no unescaping, and none of them ends a string.
    if name.iter().all(u8::is_ascii_alphanumeric) { std::str::from_utf8(name).ok() } else { None }
}

/// Whether a name is one of the spellings of `base`.
#[inline]
fn is_base(name: &str, base: Timeframe) -> Result<(), Refusal> {
    // An invalid name allocates its error: it is refused all the same, only more slowly.
    if name.parse::<Timeframe>().is_ok_and(|timeframe| timeframe == base) {
        Ok(())
    } else {
        Err(Refusal::WrongTimeframe)
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
