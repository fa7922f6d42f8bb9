//! Closed bars and their indicators as stream entries and as rows of CSV: nothing allocated besides the buffer's growth.

use super::names::OutputNames;
use crate::model::time::push_iso8601;
use crate::model::{Bar, Directory, IndicatorRow, Indicators};
use crate::redis_io::Commands;
use crate::text::{push_f64, push_i64};

/// What the engine's own bars name as their source.
pub(super) const SOURCE: &str = "wagehood-engine";
const FIELDS: usize = 13;

/// Names of the columns of [`bar_csv`], with a line feed.
pub const BAR_CSV_HEADER: &str = "ts,symbol,timeframe,open,high,low,close,volume,vwap\n";
/// Names of the columns of [`indicator_csv`], with a line feed; those of the indicators are given. Allocates.
#[must_use]
pub fn indicator_csv_header(names: &[&str; Indicators::COLUMNS]) -> String {
    format!("ts,symbol,timeframe,price,{}\n", names.join(","))
}

/// Appends the identity of a bar, `{symbol}_{timeframe}_{ts}`.
#[inline]
pub(super) fn push_bar_id(out: &mut Vec<u8>, bar: &Bar, directory: &Directory) {
    out.extend_from_slice(directory.symbol(bar.symbol).as_bytes());
    out.push(b'_');
    out.extend_from_slice(directory.timeframe_name(bar.timeframe).as_bytes());
    out.push(b'_');
    push_i64(out, bar.ts);
}

/// Appends an `XADD` of a closed bar to the stream of its timeframe, in the fields that the engine also reads;
/// `price` is the close.
pub fn xadd_bar(commands: &mut Commands, names: &mut OutputNames, bar: &Bar, directory: &Directory) {
    let timeframe = directory.timeframe_name(bar.timeframe);
    let mut command = names.bars.xadd_to(commands, bar.timeframe.index(), timeframe, FIELDS);
    command.field_with("event_id", |out| push_bar_id(out, bar, directory));
    command.field("symbol", directory.symbol(bar.symbol));
    command.field_with("timestamp", |out| push_iso8601(out, bar.ts));
    command.field_float("price", bar.close).field_float("volume", bar.volume);
    command.field_float("open", bar.open).field_float("high", bar.high);
    command.field_float("low", bar.low).field_float("close", bar.close);
    command.field("source", SOURCE);
    command.field_with("metadata", |out| {
        out.extend_from_slice(b"{\"timeframe\": \""); // spelled as the existing writer spells it; names need no escape
        out.extend_from_slice(timeframe.as_bytes());
        out.extend_from_slice(b"\"}");
    });
    command.field_float("vwap", bar.vwap).field_int("trades", bar.trades.into());
}

/// Appends a bar as a row of CSV, the start of its interval in Unix ms.
pub fn bar_csv(out: &mut Vec<u8>, bar: &Bar, directory: &Directory) {
    push_cell(out, bar, directory);
    for value in [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap] {
        out.push(b',');
        push_f64(out, value);
    }
    out.push(b'\n');
}

/// Appends the indicators of a bar as a row of CSV; a value that is not ready is empty.
pub fn indicator_csv(out: &mut Vec<u8>, row: &IndicatorRow, directory: &Directory) {
    push_cell(out, &row.bar, directory);
    let values = row.indicators.values();
    for &value in std::iter::once(&row.price).chain(&values[..Indicators::COLUMNS]) {
        out.push(b',');
        if !value.is_nan() {
            push_f64(out, value);
        }
    }
    out.push(b'\n');
}

#[inline]
fn push_cell(out: &mut Vec<u8>, bar: &Bar, directory: &Directory) {
    push_i64(out, bar.ts);
    out.push(b',');
    push_csv_text(out, directory.symbol(bar.symbol));
    out.push(b',');
    out.extend_from_slice(directory.timeframe_name(bar.timeframe).as_bytes());
}

/// Appends a text, quoted where a comma, a quote or a line end would be taken for CSV's own.
#[inline]
pub(super) fn push_csv_text(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
