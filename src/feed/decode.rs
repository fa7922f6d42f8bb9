//! Decodes stream entries: flat fields of one bar, or one field that holds a frame of many bars.
//!
//! Runs once per entry on the reader's thread and does not block. Allocates nothing for the shapes that the ingestions
//! write; only unusual `metadata` goes through a JSON parser, which may allocate.

use super::number::{parse_count, parse_f64, parse_optional_f64, parse_u64};
use super::timestamp::parse_timestamp;
use super::{FrameView, Record, Refusal, validate, validate_price};
use crate::model::Timeframe;
use std::borrow::Cow;

/// The content of one stream entry.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// One bar from flat fields, validated.
    Bar(Record<'a>),
    /// Many bars, each still to be validated, so that a bad bar does not take the others with it.
    Frame(FrameView<'a>),
}

/// The known fields of an entry.
#[derive(Clone, Copy)]
enum Field {
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
}

const FIELDS: usize = Field::Frame as usize + 1;

impl Field {
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
            _ => return None,
        })
    }
}

/// Decodes the fields of one entry of a stream whose bars have the interval `base`.
///
/// `symbol timestamp open high low close volume` are required. `price` (checked, otherwise unused), `metadata`, `vwap`,
/// `trades` and `ingest_ns` may be absent; an empty `vwap`, `trades`, `ingest_ns` or `metadata` counts as absent. Other
/// fields are ignored. The interval is the `timeframe` in `metadata`; if that is absent, it is the base of the stream,
/// which for the existing one-minute stream is the `1m` of its contract.
///
/// # Errors
/// The first that applies of: [`Refusal::RepeatedField`] for a field above that occurs twice; [`Refusal::BadFrame`]
/// for a `frame` beside fields of a bar; [`Refusal::MissingField`]; [`Refusal::WrongTimeframe`] for an interval other
/// than `base`, or an invalid one; [`Refusal::BadText`] for `metadata` that is no JSON object or whose `timeframe` is
/// no string; [`Refusal::BadTimestamp`]; [`Refusal::NotANumber`]; then those of [`validate()`] and
/// [`FrameView::parse`].
#[inline]
pub fn decode_entry<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    base: Timeframe,
) -> Result<Entry<'a>, Refusal> {
    let mut values: [Option<&'a [u8]>; FIELDS] = [None; FIELDS];
    for (name, value) in fields {
        if let Some(field) = Field::of(name)
            && values[field as usize].replace(value).is_some()
        {
            return Err(Refusal::RepeatedField);
        }
    }
    if let Some(frame) = values[Field::Frame as usize] {
        let alone = values.iter().filter(|value| value.is_some()).count() == 1;
        return if alone { FrameView::parse(frame, base).map(Entry::Frame) } else { Err(Refusal::BadFrame) };
    }
    bar(&values, base).map(Entry::Bar)
}

/// Makes a validated record from the collected fields.
#[inline]
fn bar<'a>(values: &[Option<&'a [u8]>; FIELDS], base: Timeframe) -> Result<Record<'a>, Refusal> {
    let required = |field: Field| values[field as usize].ok_or(Refusal::MissingField);
    let optional = |field: Field| values[field as usize].filter(|value| !value.is_empty());
    let symbol = required(Field::Symbol)?;
    let ts = required(Field::Timestamp)?;
    let open = required(Field::Open)?;
    let high = required(Field::High)?;
    let low = required(Field::Low)?;
    let close = required(Field::Close)?;
    let volume = required(Field::Volume)?;
    if let Some(metadata) = optional(Field::Metadata) {
        check_timeframe(metadata, base)?;
    }
    let record = Record {
        symbol,
        ts: parse_timestamp(ts)?,
        interval: base,
        open: parse_f64(open)?,
        high: parse_f64(high)?,
        low: parse_f64(low)?,
        close: parse_f64(close)?,
        volume: parse_f64(volume)?,
        vwap: optional(Field::Vwap).map_or(Ok(f64::NAN), parse_optional_f64)?,
        trades: optional(Field::Trades).map_or(Ok(0), parse_count)?,
        ingest_ns: optional(Field::IngestNs).map_or(Ok(0), parse_u64)?,
    };
    if let Some(price) = values[Field::Price as usize] {
        // The price is unused: if its bytes equal those of the close, it needs no second check.
        if price != close {
            validate_price(parse_f64(price)?)?;
        }
    }
    validate(&record)?;
    Ok(record)
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
