//! Reads bars from a Parquet file, column by column in batches.
//!
//! Allocates its buffers once, and what the decoder of a page needs; blocks while its file blocks.

use super::dialect::{BarColumn, COLUMNS, Dialect, DialectError, FileOptions};
use super::number::{Decimal, parse_written_f64};
use super::stamps::Stamps;
use super::timestamp::{StampForm, WrittenStamp, stamp_of_number, stamp_of_whole};
use super::{CsvError, Line, Record, Refusal, validate_as};
use crate::config::Prices;
use crate::model::Timeframe;
use parquet::{
    basic::{LogicalType, TimeUnit, Type},
    column::reader::ColumnReader,
    data_type::ByteArray,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescPtr,
};
use std::{fs::File, io, path::PathBuf};

/// Rows decoded at a time.
const BATCH: usize = 8_192;
const DAY_MS: i64 = 86_400_000;
/// Nanoseconds of a day, and the number of 1970-01-01 among the days of an `INT96`.
const DAY_NS: i64 = DAY_MS * 1_000_000;
const EPOCH_DAY: i64 = 2_440_588;

/// The values of a column in a batch.
#[derive(Debug)]
enum Values {
    /// None: there is no such column.
    Absent,
    /// Numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// Whole numbers, and where there is one.
    Whole(Vec<i64>, Vec<bool>),
    /// Texts; empty where there is none.
    Texts(Vec<ByteArray>),
}

/// How a column tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    /// Numbers whose unit their size tells.
    BySize,
    /// Whole numbers of this many in a millisecond, absolute or of a local clock.
    PerMs { per_ms: i64, absolute: bool },
    /// Days since the epoch.
    Days,
    /// Texts.
    Text,
}

/// A column that is read.
struct Read {
    /// Its place in the file.
    at: usize,
    column: BarColumn,
    /// Level of a value that is there; 0 where all are.
    level: i16,
    /// Whether its numbers are kept whole.
    whole: bool,
}

/// A source of bars from a Parquet file, whose columns have the names that those of a text have.
pub struct ParquetSource {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    reads: Vec<Read>,
    time: Time,
    dialect: Dialect,
    stamps: Stamps,
    base: Timeframe,
    skip_zero_volume: bool,
    prices: Prices,
    /// The next row group, and the columns of the one that is read.
    group: usize,
    columns: Vec<ColumnReader>,
    levels: Vec<i16>,
    values: [Values; COLUMNS],
    /// Rows of the batch, and the next of them.
    rows: usize,
    next: usize,
    number: u64,
    total_rows: u64,
    total_bytes: u64,
    current: Option<Result<Record<'static>, Refusal>>,
}

impl std::fmt::Debug for ParquetSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetSource")
            .field("path", &self.path)
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl ParquetSource {
    /// Reads the names and types of the columns.
    ///
    /// # Errors
    /// The file is broken, or its columns are not those of bars.
    pub fn new(path: PathBuf, name: &str, file: File, options: &FileOptions) -> Result<Self, CsvError> {
        let total_bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let failed = |error| CsvError::Read { path: path.clone(), source: broken(&error) };
        let reader = SerializedFileReader::new(file).map_err(failed)?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema_descr();
        let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        let dialect = Dialect::of_columns(&names, name, options)
            .map_err(|source| CsvError::Dialect { path: path.clone(), source })?;
        let mut reads = Vec::new();
        let mut time = Time::BySize;
        for (at, &role) in dialect.roles.iter().enumerate() {
            let Some(column) = BarColumn::ALL.get(usize::from(role)).copied() else { continue };
            let described = schema.column(at);
            let wrong = || CsvError::Dialect {
                path: path.clone(),
                source: DialectError::WrongType { name: names[at].clone(), column },
            };
            if described.max_rep_level() > 0 || !is_readable(&described, column) {
                return Err(wrong());
            }
            if column == BarColumn::Ts {
                time = time_of(&described).ok_or_else(wrong)?;
            }
            let whole = column == BarColumn::Ts && !matches!(described.physical_type(), Type::DOUBLE | Type::FLOAT);
            reads.push(Read { at, column, level: described.max_def_level(), whole });
        }
        let total_rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        Ok(Self {
            reader,
            reads,
            time,
            dialect,
            stamps: options.stamps.clone(),
            base: options.base,
            skip_zero_volume: options.skip_zero_volume,
            prices: options.prices,
            group: 0,
            columns: Vec::new(),
            levels: Vec::new(),
            values: std::array::from_fn(|_| Values::Absent),
            rows: 0,
            next: 0,
            number: 0,
            total_rows,
            total_bytes,
            current: None,
            path,
        })
    }

    /// Goes to the next row; false at the end.
    ///
    /// # Errors
    /// The file cannot be read or decoded.
    #[inline]
    pub fn advance(&mut self) -> io::Result<bool> {
        if self.next == self.rows && !self.fill().map_err(|error| self.explain(&error))? {
            self.current = None;
            return Ok(false);
        }
        self.number += 1;
        self.current = Some(self.record(self.next));
        self.next += 1;
        Ok(true)
    }

    /// The row that [`advance`](Self::advance) went to, numbered from 1.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Option<Line<'_>> {
        let result = self.current?.map(|record| Record { symbol: self.symbol(self.next - 1), ..record });
        Some(Line { number: self.number, text: b"", result })
    }

    /// How it is understood.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// How its stamps are read.
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

    /// About as many bytes as have been read.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        (self.total_bytes as f64 * self.number as f64 / self.total_rows.max(1) as f64) as u64
    }

    /// Length of the file, bytes.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        Some(self.total_bytes)
    }

    #[cold]
    fn explain(&self, error: &parquet::errors::ParquetError) -> io::Error {
        let why = format!("{}, after row {}: {error}", self.path.display(), self.number);
        io::Error::new(io::ErrorKind::InvalidData, why)
    }

    #[inline]
    fn symbol(&self, row: usize) -> &[u8] {
        match (&self.dialect.symbol, &self.values[BarColumn::Symbol as usize]) {
            (Some(symbol), _) => symbol,
            (None, Values::Texts(texts)) => texts.get(row).map_or(&b""[..], ByteArray::data).trim_ascii(),
            _ => b"",
        }
    }

    #[inline]
    fn number(&self, column: BarColumn, row: usize) -> f64 {
        match &self.values[column as usize] {
            Values::Numbers(numbers) => numbers[row],
            _ => f64::NAN,
        }
    }

    fn record(&mut self, row: usize) -> Result<Record<'static>, Refusal> {
        let stamp = self.stamp(row)?;
        let symbol = match (&self.dialect.symbol, &self.values[BarColumn::Symbol as usize]) {
            (Some(symbol), _) => symbol,
            (None, Values::Texts(texts)) => texts[row].data().trim_ascii(),
            _ => b"",
        };
        let ts = match stamp {
            Some(stamp) => self.stamps.place(stamp, symbol)?,
            None => match &self.values[BarColumn::Ts as usize] {
                Values::Texts(texts) => self.stamps.read(texts[row].data().trim_ascii(), symbol)?,
                _ => return Err(Refusal::BadTimestamp),
            },
        };
        let of = |column| self.number(column, row);
        let has_volume = !matches!(self.values[BarColumn::Volume as usize], Values::Absent);
        let (vwap, trades) = (of(BarColumn::Vwap), of(BarColumn::Trades));
        let record = Record {
            symbol,
            ts,
            interval: self.base,
            open: of(BarColumn::Open),
            high: of(BarColumn::High),
            low: of(BarColumn::Low),
            close: of(BarColumn::Close),
            volume: if has_volume { of(BarColumn::Volume) } else { 0.0 },
            vwap: if (vwap > 0.0 || self.prices == Prices::Any) && vwap.is_finite() { vwap } else { f64::NAN },
            trades: if trades > 0.0 { trades as u32 } else { 0 }, // saturates
            ingest_ns: 0,
        };
        validate_as(&record, self.prices)?;
        if self.skip_zero_volume && record.volume == 0.0 {
            return Err(Refusal::NoTrade);
        }
        Ok(Record { symbol: b"", ..record })
    }

    /// The stamp of a row; none where it is a text.
    #[inline]
    fn stamp(&self, row: usize) -> Result<Option<WrittenStamp>, Refusal> {
        let ts = &self.values[BarColumn::Ts as usize];
        Ok(Some(match (self.time, ts) {
            (_, Values::Whole(_, there)) if !there[row] => return Err(Refusal::BadTimestamp),
            (Time::BySize, Values::Whole(numbers, _)) => stamp_of_whole(numbers[row])?,
            (Time::BySize, Values::Numbers(numbers)) => stamp_of_number(numbers[row])?,
            (Time::PerMs { per_ms, absolute }, Values::Whole(numbers, _)) => {
                let ms = if per_ms == 0 { numbers[row].saturating_mul(1_000) } else { numbers[row].div_euclid(per_ms) };
                WrittenStamp { ms, absolute, form: StampForm::DateTime }
            }
            (Time::Days, Values::Whole(days, _)) => {
                WrittenStamp { ms: days[row].saturating_mul(DAY_MS), absolute: false, form: StampForm::Date }
            }
            (Time::Text, _) => return Ok(None),
            _ => return Err(Refusal::BadTimestamp),
        }))
    }

    /// Decodes the next rows; false at the end.
    #[cold]
    fn fill(&mut self) -> Result<bool, parquet::errors::ParquetError> {
        loop {
            if self.columns.is_empty() {
                if self.group == self.reader.num_row_groups() {
                    return Ok(false);
                }
                let group = self.reader.get_row_group(self.group)?;
                self.columns =
                    self.reads.iter().map(|read| group.get_column_reader(read.at)).collect::<Result<_, _>>()?;
                self.group += 1;
            }
            let mut rows = 0;
            for (read, reader) in self.reads.iter().zip(&mut self.columns) {
                let (values, count) = decode(reader, read, &mut self.levels)?;
                self.values[read.column as usize] = values;
                rows = count;
            }
            (self.rows, self.next) = (rows, 0);
            if rows > 0 {
                return Ok(true);
            }
            self.columns.clear();
        }
    }
}

fn broken(error: &parquet::errors::ParquetError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Whether a column has values of a type that it may have.
fn is_readable(column: &ColumnDescPtr, role: BarColumn) -> bool {
    let decimal = matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }));
    match (role, column.physical_type()) {
        (_, Type::FIXED_LEN_BYTE_ARRAY | Type::BOOLEAN) => false,
        (BarColumn::Ts, _) => true,
        (BarColumn::Symbol, kind) => kind == Type::BYTE_ARRAY,
        (BarColumn::Time, _) | (_, Type::INT96) => false,
        _ => !decimal,
    }
}

/// How a column tells the time.
fn time_of(column: &ColumnDescPtr) -> Option<Time> {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1,
        TimeUnit::MICROS => 1_000,
        TimeUnit::NANOS => 1_000_000,
    };
    Some(match (column.physical_type(), column.logical_type_ref()) {
        (Type::INT64, Some(LogicalType::Timestamp(of))) => {
            Time::PerMs { per_ms: unit(&of.unit), absolute: of.is_adjusted_to_u_t_c }
        }
        (Type::INT32, Some(LogicalType::Date)) => Time::Days,
        (Type::INT96, _) => Time::PerMs { per_ms: 1_000_000, absolute: false },
        (Type::INT32 | Type::INT64, None | Some(LogicalType::Integer { .. })) | (Type::DOUBLE, None) => Time::BySize,
        (Type::BYTE_ARRAY, _) => Time::Text,
        _ => return None,
    })
}

/// Decodes a batch of a column; also how many rows it is of.
fn decode(
    reader: &mut ColumnReader,
    read: &Read,
    levels: &mut Vec<i16>,
) -> Result<(Values, usize), parquet::errors::ParquetError> {
    levels.clear();
    macro_rules! dense {
        ($reader:expr) => {{
            let mut values = Vec::with_capacity(BATCH);
            let wanted = (read.level > 0).then_some(&mut *levels);
            let (rows, _, _) = $reader.read_records(BATCH, wanted, None, &mut values)?;
            (values, rows)
        }};
    }
    macro_rules! numbers {
        ($reader:expr) => {{
            let (values, rows) = dense!($reader);
            if read.whole {
                whole(values.into_iter().map(|value| value as i64), rows, read.level, levels)
            } else {
                (
                    Values::Numbers(spread(values.into_iter().map(|v| v as f64), rows, f64::NAN, read.level, levels)),
                    rows,
                )
            }
        }};
    }
    Ok(match reader {
        ColumnReader::Int32ColumnReader(reader) => numbers!(reader),
        ColumnReader::Int64ColumnReader(reader) => numbers!(reader),
        ColumnReader::FloatColumnReader(reader) => numbers!(reader),
        ColumnReader::DoubleColumnReader(reader) => numbers!(reader),
        ColumnReader::Int96ColumnReader(reader) => {
            let (values, rows) = dense!(reader);
            let ns = values.into_iter().map(|value: parquet::data_type::Int96| {
                let [low, high, day] = *value.data() else { return i64::MIN };
                let of_day = (u64::from(high) << 32 | u64::from(low)).cast_signed();
                (i64::from(day) - EPOCH_DAY).saturating_mul(DAY_NS).saturating_add(of_day)
            });
            whole(ns, rows, read.level, levels)
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            let (values, rows): (Vec<ByteArray>, usize) = dense!(reader);
            let texts = spread(values.into_iter(), rows, ByteArray::from(""), read.level, levels);
            match read.column {
                BarColumn::Ts | BarColumn::Symbol => (Values::Texts(texts), rows),
                _ => {
                    let number = |text: &ByteArray| parse_written_f64(text.data(), Decimal::Point).unwrap_or(f64::NAN);
                    (Values::Numbers(texts.iter().map(number).collect()), rows)
                }
            }
        }
        _ => (Values::Absent, 0),
    })
}

/// Puts values at the rows that have one.
fn spread<T: Clone>(mut values: impl Iterator<Item = T>, rows: usize, none: T, level: i16, levels: &[i16]) -> Vec<T> {
    if level == 0 {
        return values.collect();
    }
    let there = levels.iter().take(rows).map(|own| *own == level);
    there.map(|there| if there { values.next().unwrap_or_else(|| none.clone()) } else { none.clone() }).collect()
}

fn whole(values: impl Iterator<Item = i64>, rows: usize, level: i16, levels: &[i16]) -> (Values, usize) {
    let there = if level == 0 { vec![true; rows] } else { levels.iter().take(rows).map(|own| *own == level).collect() };
    (Values::Whole(spread(values, rows, 0, level, levels), there), rows)
}

#[cfg(test)]
#[path = "parquet_tests.rs"]
mod tests;
