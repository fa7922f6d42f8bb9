//! Reads bars from a CSV file, plain or compressed with gzip.
//!
//! Reads and decompresses in large chunks into one buffer; allocates nothing per record. Blocks while its file blocks.

use super::lines::{Lines, Span};
use super::number::{parse_count, parse_f64, parse_optional_f64};
use super::timestamp::parse_timestamp;
use super::{Record, Refusal, validate};
use crate::model::Timeframe;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes read from the file at a time.
const CHUNK_LEN: usize = 256 * 1024;
/// The known columns.
const COLUMNS: [&str; 9] = ["ts", "symbol", "open", "high", "low", "close", "volume", "vwap", "trades"];
/// Number of required columns; they come first.
const REQUIRED: usize = 7;
/// Stands for an index into [`COLUMNS`] if the column is unknown.
const IGNORED: u8 = COLUMNS.len() as u8;

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
    /// The header lacks required columns.
    #[error("{}: the header line lacks the columns {missing}", path.display())]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// Names, separated by commas.
        missing: String,
    },
    /// The header names a column twice (`timestamp` is another name of `ts`).
    #[error("{}: the header line has two columns {name}", path.display())]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        name: &'static str,
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
    symbol: Range<usize>,
    result: Result<Record<'static>, Refusal>,
}

/// A source of bars with one column per value. The names in the first line identify the columns.
///
/// Columns are `ts` (or `timestamp`), `symbol`, `open`, `high`, `low`, `close`, `volume`, optional `vwap` and `trades`
/// (either may be empty), in any order and any case; other columns are ignored. A line may end with `\n` or `\r\n`, and
/// the last line needs no end. Blank lines and a byte-order mark are skipped. A quoted field may contain commas, but no
/// line end.
#[derive(Debug)]
pub struct CsvSource {
    path: PathBuf,
    lines: Lines<Input>,
    /// Meaning of each column of the file: an index into [`COLUMNS`], or [`IGNORED`].
    roles: Vec<u8>,
    base: Timeframe,
    total_bytes: Option<u64>,
    pending: Option<Pending>,
}

impl CsvSource {
    /// Opens a file whose bars have the interval `base`, or standard input for `-`, and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, or its header lacks required columns; see [`CsvError`].
    pub fn open(path: &Path, base: Timeframe) -> Result<Self, CsvError> {
        let failed = |source| CsvError::Read { path: path.to_owned(), source };
        let (file, total_bytes) = if path == Path::new("-") {
            (Raw::Stdin(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            (Raw::File(file), metadata.is_file().then_some(metadata.len()))
        };
        let input = Input::detect(Counted { raw: file, count: 0 }).map_err(failed)?;
        let mut lines = Lines::new(input);
        let roles = loop {
            match lines.next_span().map_err(failed)? {
                Some(Span::Line(span)) if lines.bytes(span.clone()).trim_ascii().is_empty() => {}
                Some(Span::Line(span)) => break header(path, lines.bytes(span))?,
                Some(Span::TooLong) | None => break header(path, b"")?,
            }
        };
        Ok(Self { path: path.to_owned(), lines, roles, base, total_bytes, pending: None })
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read or decompressed; the error has the path and the line.
    #[inline]
    #[allow(clippy::should_implement_trait)] // a lending iterator cannot implement Iterator
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    /// Goes to the next line that is not blank, which [`current`](Self::current) returns; false at the end.
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
                Err(error) => return Err(self.explain(&error)),
            };
            let number = self.lines.number();
            let pending = match span {
                Span::TooLong => Pending { number, line: 0..0, symbol: 0..0, result: Err(Refusal::BadText) },
                Span::Line(span) => {
                    let line = self.lines.bytes(span.clone());
                    if line.is_empty() || line.trim_ascii().is_empty() {
                        continue;
                    }
                    let (symbol, result) = match parse(line, &self.roles, self.base) {
                        Ok((symbol, record)) => (span.start + symbol.start..span.start + symbol.end, Ok(record)),
                        Err(refusal) => (0..0, Err(refusal)),
                    };
                    Pending { number, line: span, symbol, result }
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
        let symbol = self.lines.bytes(pending.symbol.clone());
        let result = pending.result.map(|record| Record { symbol, ..record });
        Some(Line { number: pending.number, text: self.lines.bytes(pending.line.clone()), result })
    }

    /// Path of the file, `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The interval of the bars.
    #[must_use]
    pub fn base(&self) -> Timeframe {
        self.base
    }

    /// Bytes read from the file so far, before decompression.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match self.lines.reader() {
            Input::Plain(reader) => reader.get_ref().count,
            Input::Gzip(decoder) => decoder.get_ref().get_ref().count,
        }
    }

    /// Length of the file, bytes, before decompression; `None` for a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    #[cold]
    fn explain(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}, after line {}: {error}", self.path.display(), self.lines.number()))
    }
}

/// Finds the columns.
fn header(path: &Path, line: &[u8]) -> Result<Vec<u8>, CsvError> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let mut roles = Vec::new();
    for name in line.split(|&b| b == b',') {
        let name = name.trim_ascii();
        let name = name.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(name);
        let name = if name.eq_ignore_ascii_case(b"timestamp") { b"ts" } else { name };
        let role = COLUMNS.iter().position(|column| name.eq_ignore_ascii_case(column.as_bytes()));
        let role = role.map_or(IGNORED, |role| role as u8);
        if role != IGNORED && roles.contains(&role) {
            return Err(CsvError::RepeatedColumn { path: path.to_owned(), name: COLUMNS[usize::from(role)] });
        }
        roles.push(role);
    }
    let lacks = |role: &usize| !roles.contains(&(*role as u8));
    let missing: Vec<_> = (0..REQUIRED).filter(lacks).map(|role| COLUMNS[role]).collect();
    if missing.is_empty() {
        Ok(roles)
    } else {
        Err(CsvError::MissingColumns { path: path.to_owned(), missing: missing.join(", ") })
    }
}

/// Parses one line into a record and the position of its symbol in the line.
#[inline]
fn parse(line: &[u8], roles: &[u8], base: Timeframe) -> Result<(Range<usize>, Record<'static>), Refusal> {
    // One more than there are columns: ignored columns are written to the last.
    let mut fields: [Range<usize>; COLUMNS.len() + 1] = Default::default();
    let count = split(line, roles, &mut fields)?;
    if count != roles.len() {
        return Err(if count < roles.len() { Refusal::MissingField } else { Refusal::BadText });
    }
    let [ts, symbol, open, high, low, close, volume, vwap, trades, _] = fields.each_ref().map(|f| &line[f.clone()]);
    let record = Record {
        symbol,
        ts: parse_timestamp(ts)?,
        interval: base,
        open: parse_f64(open)?,
        high: parse_f64(high)?,
        low: parse_f64(low)?,
        close: parse_f64(close)?,
        volume: parse_f64(volume)?,
        vwap: parse_optional_f64(vwap)?,
        trades: if trades.is_empty() { 0 } else { parse_count(trades)? },
        ingest_ns: 0,
    };
    validate(&record)?;
    Ok((fields[1].clone(), Record { symbol: b"", ..record }))
}

/// Finds the fields of a line and returns their number.
#[inline]
fn split(line: &[u8], roles: &[u8], fields: &mut [Range<usize>]) -> Result<usize, Refusal> {
    let mut start = 0;
    let mut count = 0;
    for at in memchr::memchr2_iter(b',', b'"', line) {
        if line[at] == b'"' {
            return split_quoted(line, roles, fields);
        }
        put(start..at, count, roles, fields);
        start = at + 1;
        count += 1;
    }
    put(start..line.len(), count, roles, fields);
    Ok(count + 1)
}

#[inline]
fn put(field: Range<usize>, column: usize, roles: &[u8], fields: &mut [Range<usize>]) {
    fields[usize::from(roles.get(column).copied().unwrap_or(IGNORED))] = field;
}

/// The same for a line with quotes. A doubled quote is allowed only in an ignored column.
#[cold]
fn split_quoted(line: &[u8], roles: &[u8], fields: &mut [Range<usize>]) -> Result<usize, Refusal> {
    let mut at = 0;
    let mut count = 0;
    loop {
        let (field, after) = if line.get(at) == Some(&b'"') {
            quoted(line, at, roles.get(count).is_none_or(|&role| role == IGNORED))?
        } else {
            let end = memchr::memchr(b',', &line[at..]).map_or(line.len(), |length| at + length);
            (at..end, end)
        };
        put(field, count, roles, fields);
        count += 1;
        match line.get(after) {
            None => return Ok(count),
            Some(b',') => at = after + 1,
            Some(_) => return Err(Refusal::BadText),
        }
    }
}

/// The text within the quotes that open at `at`, and the position after them.
fn quoted(line: &[u8], at: usize, ignored: bool) -> Result<(Range<usize>, usize), Refusal> {
    let mut end = at + 1;
    loop {
        end += memchr::memchr(b'"', &line[end..]).ok_or(Refusal::BadText)?;
        if line.get(end + 1) != Some(&b'"') {
            return Ok((at + 1..end, end + 1));
        }
        if !ignored {
            return Err(Refusal::BadText);
        }
        end += 2;
    }
}

/// The source of the bytes.
#[derive(Debug)]
enum Raw {
    File(File),
    Stdin(io::Stdin),
}

/// Counts the bytes read.
#[derive(Debug)]
struct Counted {
    raw: Raw,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.raw {
            Raw::File(file) => file.read(out)?,
            Raw::Stdin(stdin) => stdin.read(out)?,
        };
        self.count += count as u64;
        Ok(count)
    }
}

/// The reader, with or without decompression.
#[derive(Debug)]
enum Input {
    Plain(BufReader<Counted>),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
}

impl Input {
    /// Decides by the first magic byte, with which no text starts.
    fn detect(raw: Counted) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(CHUNK_LEN, raw);
        let compressed = reader.fill_buf()?.first() == Some(&0x1f);
        Ok(if compressed { Self::Gzip(Box::new(MultiGzDecoder::new(reader))) } else { Self::Plain(reader) })
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(out),
            Self::Gzip(decoder) => decoder.read(out),
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
