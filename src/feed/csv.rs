//! Reads bars from a text file with one bar a line, in whatever dialect it is written.
//!
//! Reads in large chunks into one buffer; allocates nothing per record. Blocks while its reader blocks.

use super::container::Bytes;
use super::dialect::{
    BarColumn, COLUMNS, Dialect, DialectError, FileOptions, IGNORED, is_blank, is_comment, split, within_quotes,
};
use super::lines::{Lines, Span};
use super::number::{Decimal, parse_count, parse_f64, parse_written_amount, parse_written_f64};
use super::stamps::Stamps;
use super::timestamp::{StampForm, WrittenStamp, parse_stamp, parse_time_of_day};
use super::utf16::{Encoding, Utf16};
use super::{Record, Refusal, validate_as};
use crate::config::Prices;
use crate::model::Timeframe;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of text that are looked at to find out the dialect.
const LOOK_LEN: usize = 64 * 1024;
/// What a bar of a day or longer is, ms.
const DAY_MS: i64 = 86_400_000;

/// Why a file cannot be read as bars.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be opened or its beginning cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not understood.
    #[error("{}: {source}", path.display())]
    Dialect {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DialectError,
    },
}

/// One line with a bar, or the reason why it was refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Number of the line in the file, from 1, counting the header.
    pub number: u64,
    /// The line as written, without its end; empty if it is too long.
    pub text: &'a [u8],
    /// The bar, validated.
    pub result: Result<Record<'a>, Refusal>,
}

/// A line that borrows nothing, to keep while other lines are read.
#[derive(Debug, Clone)]
struct Pending {
    number: u64,
    line: Range<usize>,
    /// Place of the symbol; empty where it is the file's.
    symbol: Range<usize>,
    result: Result<Record<'static>, Refusal>,
}

/// A text that is to be read as bars.
pub struct TextInput {
    /// Its path, for messages.
    pub path: PathBuf,
    /// Its name without a folder, which may hold the symbol.
    pub name: String,
    /// Its bytes, decompressed.
    pub bytes: Bytes,
    /// Length, bytes, before decompression; `None` for a pipe.
    pub total_bytes: Option<u64>,
    /// Counts the bytes read, before decompression.
    pub read_bytes: Arc<AtomicU64>,
    /// Whether a bar is to be had as soon as it is there, so that as little as possible is looked at ahead.
    pub live: bool,
}

/// A source of bars with one column per value.
///
/// Which column holds what, its [`Dialect`] says, which is found out when it is opened. Lines end with `\n`, `\r\n` or
/// `\r`; the last line needs no end. Blank lines, remarks, a repeated header and a byte-order mark are skipped. A quoted
/// field may contain separators, but no line end.
pub struct CsvSource {
    path: PathBuf,
    lines: Lines<Bytes>,
    dialect: Dialect,
    stamps: Stamps,
    base: Timeframe,
    skip_zero_volume: bool,
    prices: Prices,
    has_volume: bool,
    has_time: bool,
    total_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
    pending: Option<Pending>,
}

impl std::fmt::Debug for CsvSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvSource").field("path", &self.path).field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl CsvSource {
    /// Looks at the beginning of a text and makes ready to read it.
    ///
    /// # Errors
    /// It cannot be read, or is not understood; see [`CsvError`].
    pub fn new(input: TextInput, options: &FileOptions) -> Result<Self, CsvError> {
        let TextInput { path, name, mut bytes, total_bytes, read_bytes, live } = input;
        let failed = |source| CsvError::Read { path: path.clone(), source };
        let mut head = Vec::new();
        let mut whole = look(&mut bytes, &mut head, live, |head| Encoding::of(head) != Encoding::Utf8 || has_bar(head))
            .map_err(failed)?;
        let encoding = Encoding::of(&head);
        if encoding != Encoding::Utf8 {
            bytes = Box::new(Utf16::new(io::Cursor::new(std::mem::take(&mut head)).chain(bytes), encoding));
            whole = look(&mut bytes, &mut head, live, has_bar).map_err(failed)?;
        }
        let dialect = Dialect::decide(&head, whole, &name, options)
            .map_err(|source| CsvError::Dialect { path: path.clone(), source })?;
        let mut lines = Lines::with_head(bytes, &head, dialect.line_end);
        for _ in 0..dialect.skip {
            lines.next_span().map_err(failed)?;
        }
        Ok(Self {
            lines,
            stamps: options.stamps.clone(),
            base: options.base,
            skip_zero_volume: options.skip_zero_volume,
            prices: options.prices,
            has_volume: dialect.column(BarColumn::Volume).is_some(),
            has_time: dialect.column(BarColumn::Time).is_some(),
            dialect,
            path,
            total_bytes,
            read_bytes,
            pending: None,
        })
    }

    /// The next line with values; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read or decompressed; the error has the path and the line. [`io::ErrorKind::WouldBlock`] where a
    /// live input has nothing yet: ask again.
    #[inline]
    #[allow(clippy::should_implement_trait)] // a lending iterator cannot implement Iterator
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    /// Goes to the next line with values, which [`current`](Self::current) returns; false at the end.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    #[inline]
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            let span = match self.lines.next_span() {
                Ok(Some(span)) => span,
                Ok(None) => {
                    self.pending = None;
                    return Ok(false);
                }
                Err(error) => return Err(self.explain(error)),
            };
            let number = self.lines.number();
            let pending = match span {
                Span::TooLong => Pending { number, line: 0..0, symbol: 0..0, result: Err(Refusal::BadText) },
                Span::Line(span) => {
                    if span.is_empty() {
                        continue;
                    }
                    match self.parse(span.clone()) {
                        Ok((symbol, record)) => Pending { number, line: span, symbol, result: Ok(record) },
                        Err(_) if self.says_nothing(span.clone()) => continue,
                        Err(refusal) => Pending { number, line: span, symbol: 0..0, result: Err(refusal) },
                    }
                }
            };
            self.pending = Some(pending);
            return Ok(true);
        }
    }

    /// The line that [`advance`](Self::advance) went to; `None` before the first and after the last.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Option<Line<'_>> {
        let pending = self.pending.as_ref()?;
        let symbol = match &self.dialect.symbol {
            Some(symbol) => symbol,
            None => self.lines.bytes(pending.symbol.clone()),
        };
        let result = pending.result.map(|record| Record { symbol, ..record });
        Some(Line { number: pending.number, text: self.lines.bytes(pending.line.clone()), result })
    }

    /// Path of the file, `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// How its lines are read.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// How its stamps are read, and which forms of them have been seen.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// Says that its records come newest first.
    pub fn set_backwards(&mut self) {
        self.stamps.set_backwards();
    }

    /// The interval of the bars.
    #[must_use]
    pub fn base(&self) -> Timeframe {
        self.base
    }

    /// Bytes read from the file so far, before decompression.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// Length of the file, bytes, before decompression; `None` for a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    #[cold]
    fn explain(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            return error;
        }
        io::Error::new(error.kind(), format!("{}, after line {}: {error}", self.path.display(), self.lines.number()))
    }

    /// Whether a line that is no bar is not meant as one: blank, a remark, the header once more, nothing but separators.
    #[cold]
    fn says_nothing(&self, span: Range<usize>) -> bool {
        let line = self.lines.bytes(span);
        let empty = |&b: &u8| b == self.dialect.separator || b == b'"' || b.is_ascii_whitespace();
        is_blank(line)
            || is_comment(line)
            || line.iter().all(empty) && line.contains(&self.dialect.separator)
            || self.dialect.header.as_ref().is_some_and(|header| header.trim_ascii() == line.trim_ascii())
    }

    /// Parses one line into a record and the place of its symbol in the buffer.
    #[inline]
    fn parse(&mut self, span: Range<usize>) -> Result<(Range<usize>, Record<'static>), Refusal> {
        let dialect = &self.dialect;
        let mut line = self.lines.bytes(span.clone());
        let mut start = span.start;
        if dialect.in_quotes {
            let inner = within_quotes(line);
            start += usize::from(inner.len() < line.len());
            line = inner;
        }
        // One more than there are columns: ignored columns are written to the last.
        let mut fields: [Range<usize>; COLUMNS + 1] = Default::default();
        let roles = &dialect.roles;
        let role = |at: usize| roles.get(at).copied().unwrap_or(IGNORED);
        let count = split(
            line,
            dialect.separator,
            |at| role(at) == IGNORED,
            |at, field| fields[usize::from(role(at))] = field,
        )?;
        if count != roles.len() {
            fits(line, count, dialect)?;
        }
        let [ts, symbol, open, high, low, close, volume, vwap, trades, time, _] =
            fields.each_ref().map(|f| &line[f.clone()]);
        let (symbol, place) = match &dialect.symbol {
            Some(own) => (&**own, 0..0),
            None => trimmed(symbol, start + fields[BarColumn::Symbol as usize].start),
        };
        let decimal = dialect.decimal;
        let number = |text: &[u8]| match decimal {
            Decimal::Point => match parse_f64(text) {
                Err(Refusal::NotANumber) => parse_written_f64(text, decimal),
                result => result,
            },
            Decimal::Comma => parse_written_f64(text, decimal),
        };
        let ts = if self.has_time {
            two_columns(ts, time, symbol, &mut self.stamps, self.base)?
        } else {
            match self.stamps.read(ts, symbol) {
                Err(Refusal::BadTimestamp) => self.stamps.read(ts.trim_ascii(), symbol)?,
                result => result?,
            }
        };
        let record = Record {
            symbol,
            ts,
            interval: self.base,
            open: number(open)?,
            high: number(high)?,
            low: number(low)?,
            close: number(close)?,
            volume: match number(volume) {
                Ok(volume) => volume,
                Err(_) if !self.has_volume => 0.0,
                Err(Refusal::NotANumber) => parse_written_amount(volume, decimal)?,
                Err(refusal) => return Err(refusal),
            },
            vwap: if vwap.is_empty() { f64::NAN } else { given(number(vwap), self.prices) },
            trades: if trades.is_empty() { 0 } else { trade_count(trades, decimal) },
            ingest_ns: 0,
        };
        validate_as(&record, self.prices)?;
        if self.skip_zero_volume && record.volume == 0.0 {
            return Err(Refusal::NoTrade);
        }
        Ok((place, Record { symbol: b"", ..record }))
    }
}

/// A vwap, or NaN where it is no price.
#[inline]
fn given(vwap: Result<f64, Refusal>, prices: Prices) -> f64 {
    vwap.ok().filter(|v| *v > 0.0 || *v != 0.0 && prices == Prices::Any).unwrap_or(f64::NAN)
}

/// A symbol without blanks around it, and its place where it begins at `start` with them.
#[inline]
fn trimmed(symbol: &[u8], start: usize) -> (&[u8], Range<usize>) {
    let front = symbol.len() - symbol.trim_ascii_start().len();
    let symbol = symbol.trim_ascii();
    (symbol, start + front..start + front + symbol.len())
}

/// Whether a line may have another number of fields than the header: without the last ones where nothing needs them, or
/// with empty ones behind.
#[cold]
fn fits(line: &[u8], count: usize, dialect: &Dialect) -> Result<(), Refusal> {
    let roles = &dialect.roles;
    if count < roles.len() {
        let optional = [IGNORED, BarColumn::Vwap as u8, BarColumn::Trades as u8];
        return if roles[count..].iter().all(|role| optional.contains(role)) {
            Ok(())
        } else {
            Err(Refusal::MissingField)
        };
    }
    let mut empty = true;
    let put = |at: usize, field: Range<usize>| empty &= at < roles.len() || line[field].trim_ascii().is_empty();
    split(line, dialect.separator, |_| true, put)?;
    if empty { Ok(()) } else { Err(Refusal::BadText) }
}

/// The moment of a date and a time of day in columns of their own.
#[inline(never)]
fn two_columns(date: &[u8], time: &[u8], symbol: &[u8], stamps: &mut Stamps, base: Timeframe) -> Result<i64, Refusal> {
    let date = parse_stamp(date.trim_ascii(), stamps.order())?;
    let of_day = parse_time_of_day(time.trim_ascii())?;
    let is_midnight = date.ms.rem_euclid(DAY_MS) == 0;
    if !is_midnight {
        return Err(Refusal::BadTimestamp);
    }
    // Daily bars have no time, though a column for it.
    let form = if of_day == 0 && base.interval_ms() >= DAY_MS { StampForm::Date } else { StampForm::DateTime };
    stamps.place(WrittenStamp { ms: date.ms + of_day, absolute: false, form }, symbol)
}

/// A number of trades; 0, which is none given, for what is no number.
#[inline]
fn trade_count(text: &[u8], decimal: Decimal) -> u32 {
    parse_count(text).unwrap_or_else(|_| match parse_written_f64(text, decimal) {
        Ok(count) if count >= 0.0 => count as u32, // saturates
        _ => 0,
    })
}

/// Reads the beginning of a text: as much as is looked at, or of a live one no more than it takes to see a bar. An error
/// behind some text comes when that has been read. Returns whether it is all of the text.
fn look(bytes: &mut Bytes, head: &mut Vec<u8>, live: bool, enough: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    let mut len = head.len();
    head.resize(LOOK_LEN, 0);
    let mut ended = false;
    while len < LOOK_LEN && !ended {
        match bytes.read(&mut head[len..]) {
            Ok(0) => ended = true,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if len == 0 => return Err(error),
            Err(error) => {
                *bytes = Box::new(Broken(Some(error)));
                break;
            }
        }
        if live && enough(&head[..len]) {
            break;
        }
    }
    head.truncate(len);
    Ok(ended)
}

/// What is left of a text that broke while it was looked at.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Whether the beginning of a text has a whole line with numbers in it.
fn has_bar(head: &[u8]) -> bool {
    let end = if head.contains(&b'\n') { b'\n' } else { b'\r' };
    let mut lines: Vec<&[u8]> = head.split(|&b| b == end).collect();
    lines.pop();
    lines.iter().filter(|line| !is_comment(line)).any(|line| {
        let fields = line.split(|b| b",;\t|\"".contains(b));
        fields.filter(|field| parse_f64(field.trim_ascii()).is_ok()).count() >= 4
    })
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
