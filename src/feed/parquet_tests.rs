//! Tests of Parquet files, which are written here as pandas, Spark and DuckDB write them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::feed::zone::Zone;
use crate::model::StampedAt;
use parquet::{
    basic::Compression,
    data_type::{ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use std::sync::Arc;

/// 2025-07-08T14:30:00Z
const T: i64 = 1_751_985_000_000;

/// The values of a column; `None` where there is none.
enum Given {
    Doubles(Vec<Option<f64>>),
    Floats(Vec<Option<f32>>),
    Longs(Vec<Option<i64>>),
    Ints(Vec<Option<i32>>),
    Texts(Vec<Option<&'static str>>),
}

fn split<T: Clone>(values: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    (values.iter().flatten().cloned().collect(), values.iter().map(|value| i16::from(value.is_some())).collect())
}

/// Writes row groups of columns.
fn write(path: &std::path::Path, schema: &str, compression: Compression, groups: &[Vec<Given>]) {
    let schema = Arc::new(parse_message_type(&format!("message schema {{ {schema} }}")).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for columns in groups {
        let mut group = writer.next_row_group().unwrap();
        for column in columns {
            let mut out = group.next_column().unwrap().unwrap();
            macro_rules! put {
                ($kind:ty, $values:expr) => {{
                    let (values, levels) = split($values);
                    out.typed::<$kind>().write_batch(&values, Some(&levels), None).unwrap();
                }};
            }
            match column {
                Given::Doubles(values) => put!(DoubleType, values),
                Given::Floats(values) => put!(FloatType, values),
                Given::Longs(values) => put!(Int64Type, values),
                Given::Ints(values) => put!(Int32Type, values),
                Given::Texts(values) => {
                    let values: Vec<Option<ByteArray>> = values.iter().map(|text| text.map(ByteArray::from)).collect();
                    put!(ByteArrayType, &values);
                }
            }
            out.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

type Row = Result<(String, i64, [f64; 5], f64, u32), Refusal>;

fn read(path: &std::path::Path, options: &FileOptions) -> Vec<Row> {
    let mut source = ParquetSource::new(path.to_owned(), "SPY.parquet", File::open(path).unwrap(), options).unwrap();
    let mut rows = Vec::new();
    while source.advance().unwrap() {
        let line = source.current().unwrap();
        rows.push(line.result.map(|r| {
            let vwap = if r.vwap.is_nan() { 0.0 } else { r.vwap };
            (
                String::from_utf8(r.symbol.to_vec()).unwrap(),
                r.ts,
                [r.open, r.high, r.low, r.close, r.volume],
                vwap,
                r.trades,
            )
        }));
        assert_eq!(line.number, rows.len() as u64);
    }
    assert!(source.current().is_none());
    rows
}

fn options(base: &str) -> FileOptions {
    FileOptions { symbol: Some("SPY".to_owned()), ..FileOptions::new(base.parse().unwrap()) }
}

fn prices(rows: usize) -> Vec<Given> {
    [10.0, 12.0, 9.0, 11.0].map(|price| Given::Doubles(vec![Some(price); rows])).into()
}

const OHLC: &str = "optional double Open; optional double High; optional double Low; optional double Close;";

fn good(symbol: &str, ts: i64, volume: f64) -> Row {
    Ok((symbol.to_owned(), ts, [10.0, 12.0, 9.0, 11.0, volume], 0.0, 0))
}

#[test]
fn times_of_every_type_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("SPY.parquet");
    let day = T - T.rem_euclid(DAY_MS);
    let new_york = FileOptions {
        stamps: Stamps::new(
            Some(Zone::new("America/New_York").unwrap()),
            StampedAt::Start,
            None,
            "1m".parse().unwrap(),
        ),
        ..options("1m")
    };
    let hours = 4 * 3_600_000;
    let cases: Vec<(&str, Given, &FileOptions, i64)> = vec![
        ("optional int64 ts (TIMESTAMP(MILLIS,true));", Given::Longs(vec![Some(T)]), &new_york, T),
        ("optional int64 ts (TIMESTAMP(MICROS,true));", Given::Longs(vec![Some(T * 1_000)]), &new_york, T),
        ("optional int64 ts (TIMESTAMP(NANOS,true));", Given::Longs(vec![Some(T * 1_000_000 + 7)]), &new_york, T),
        (
            "optional int64 Date (TIMESTAMP(NANOS,false));",
            Given::Longs(vec![Some(T * 1_000_000)]),
            &new_york,
            T + hours,
        ),
        (
            "optional int64 __index_level_0__ (TIMESTAMP(NANOS,false));",
            Given::Longs(vec![Some(T * 1_000_000)]),
            &new_york,
            T + hours,
        ),
        ("optional int64 unix;", Given::Longs(vec![Some(T / 1_000)]), &new_york, T),
        ("optional int64 open_time;", Given::Longs(vec![Some(T * 1_000)]), &new_york, T),
        ("optional double time;", Given::Doubles(vec![Some(T as f64 / 1_000.0)]), &new_york, T),
        ("optional binary ts (STRING);", Given::Texts(vec![Some("2025-07-08 10:30")]), &new_york, T),
        ("optional int32 date (DATE);", Given::Ints(vec![Some((day / DAY_MS) as i32)]), &new_york, day + hours),
    ];
    for (column, given, options, ts) in cases {
        write(
            &path,
            &format!("{column} {OHLC}"),
            Compression::UNCOMPRESSED,
            &[[vec![given], prices(1)].into_iter().flatten().collect()],
        );
        assert_eq!(read(&path, options), [good("SPY", ts, 0.0)], "{column}");
    }
}

#[test]
fn what_is_not_there_is_refused_or_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.parquet");
    let schema = format!(
        "optional int64 ts (TIMESTAMP(MILLIS,true)); optional binary symbol (STRING); {OHLC} optional float volume; \
         optional double vwap; optional int64 trades;"
    );
    let minute = |k: i64| T + k * 60_000;
    let group = |first: i64| {
        let mut columns = vec![
            Given::Longs(vec![Some(minute(first)), None, Some(minute(first + 2)), Some(minute(first + 3))]),
            Given::Texts(vec![Some("A"), Some("A"), None, Some("B")]),
        ];
        columns.extend(prices(4));
        columns.push(Given::Floats(vec![Some(5.0), Some(5.0), Some(5.0), None]));
        columns.push(Given::Doubles(vec![Some(10.5), None, None, Some(-1.0)]));
        columns.push(Given::Longs(vec![Some(7), None, None, Some(3)]));
        columns
    };
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::LZ4_RAW,
    ] {
        write(&path, &schema, compression, &[group(0), group(10)]);
        let rows = read(&path, &FileOptions::new("1m".parse().unwrap()));
        let expected = |first| {
            let row: Row = Ok(("A".to_owned(), minute(first), [10.0, 12.0, 9.0, 11.0, 5.0], 10.5, 7));
            [row, Err(Refusal::BadTimestamp), Err(Refusal::BadText), Err(Refusal::NotFinite)]
        };
        assert_eq!(rows, [expected(0), expected(10)].concat(), "{compression:?}");
    }
}

#[test]
fn many_rows_come_in_batches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.parquet");
    let count = 3 * BATCH + 5;
    let ts = (0..count as i64).map(|k| Some(T + k * 60_000)).collect();
    write(
        &path,
        &format!("optional int64 ts; {OHLC}"),
        Compression::SNAPPY,
        &[[vec![Given::Longs(ts)], prices(count)].into_iter().flatten().collect()],
    );
    let rows = read(&path, &options("1m"));
    assert_eq!(rows.len(), count);
    assert!(rows.iter().enumerate().all(|(k, row)| *row == good("SPY", T + k as i64 * 60_000, 0.0)));
}

#[test]
fn what_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    let told = |schema: &str, columns: Vec<Given>, options: &FileOptions| {
        write(&path, schema, Compression::UNCOMPRESSED, &[columns]);
        ParquetSource::new(path.clone(), "x.parquet", File::open(&path).unwrap(), options).unwrap_err().to_string()
    };
    let columns = |given| [vec![given], prices(1)].into_iter().flatten().collect::<Vec<_>>();
    let error = told(&format!("optional int64 when; {OHLC}"), columns(Given::Longs(vec![Some(T)])), &options("1m"));
    assert!(error.contains("lacks the columns ts") && error.contains("--columns ts="), "{error}");
    let error = told(
        &format!("optional int32 ts (TIME(MILLIS,true)); {OHLC}"),
        columns(Given::Ints(vec![Some(1)])),
        &options("1m"),
    );
    assert!(error.contains("the column ts is of a type"), "{error}");
    let error = told(
        &format!("optional int64 ts; {OHLC}"),
        columns(Given::Longs(vec![Some(T)])),
        &FileOptions::new("1m".parse().unwrap()),
    );
    assert!(error.contains("--symbol X"), "{error}");
    std::fs::write(&path, b"PAR1 and nothing more").unwrap();
    assert!(ParquetSource::new(path.clone(), "x.parquet", File::open(&path).unwrap(), &options("1m")).is_err());
}
