//! Tests of the CSV source: accepted forms, refusals, compression, recorded data.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::feed::{dialect::FileOptions, opened, test_data, try_open};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write as _;
use std::path::Path;

const HEADER: &str = "ts,symbol,open,high,low,close,volume\n";
const ROW: &str = "2018-01-01T00:00:00Z,BTCUSD,13763,13788,13752.18,13753,5.1";

fn tf(text: &str) -> Timeframe {
    text.parse().unwrap()
}

fn with_file<T>(bytes: &[u8], test: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.csv");
    std::fs::write(&path, bytes).unwrap();
    test(&path)
}

/// Line number with symbol and close, or with the refusal.
type Read = (u64, Result<(String, f64), Refusal>);

fn read_all(source: &mut CsvSource) -> Vec<Read> {
    let mut found = Vec::new();
    while let Some(Line { number, result, .. }) = source.next().unwrap() {
        found.push((number, result.map(|r| (String::from_utf8(r.symbol.to_vec()).unwrap(), r.close))));
    }
    assert_eq!(source.current(), None);
    found
}

fn read(bytes: &[u8]) -> Vec<Read> {
    with_file(bytes, |path| read_all(&mut opened(path, "1m")))
}

fn good(number: u64) -> Read {
    (number, Ok(("BTCUSD".to_owned(), 13753.0)))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_every_value() {
    let text = "note,Volume, close ,LOW,high,open,trades,symbol,Timestamp,vwap\n\
                x,5.5,10.5,9,11,10,7,A/B,2018-01-01T00:00:30Z,10.25\n\
                ,5.5,10.5,9,11,10,,A/B,1514764800000,\n";
    with_file(text.as_bytes(), |path| {
        let mut source = opened(path, "1m");
        assert_eq!(source.total_bytes(), Some(text.len() as u64));
        let expected = Record {
            symbol: b"A/B",
            ts: 1_514_764_830_000,
            interval: tf("1m"),
            open: 10.0,
            high: 11.0,
            low: 9.0,
            close: 10.5,
            volume: 5.5,
            vwap: 10.25,
            trades: 7,
            ingest_ns: 0,
        };
        let line = source.next().unwrap().unwrap();
        assert_eq!((line.number, line.result), (2, Ok(expected)));
        assert!(line.text.ends_with(b"Z,10.25"), "{}", line.text.escape_ascii());
        let second = source.next().unwrap().unwrap().result.unwrap();
        assert_eq!((second.ts, second.trades, second.vwap.is_nan()), (1_514_764_800_000, 0, true));
        assert_eq!(source.next().unwrap(), None);
        assert_eq!(source.bytes_read(), text.len() as u64);
    });
}

#[test]
fn line_ends_blanks_and_marks_do_not_matter() {
    for text in [
        format!("{HEADER}{ROW}\n{ROW}\n"),
        format!("{HEADER}{ROW}\n{ROW}"),
        format!("{HEADER}{ROW}\n{ROW}\n").replace('\n', "\r\n"),
        format!("\u{feff}{HEADER}{ROW}\n{ROW}\r"),
    ] {
        assert_eq!(read(text.as_bytes()), [good(2), good(3)], "{text:?}");
    }
    assert_eq!(read(format!("\n\n{HEADER}\n{ROW}\n \t\r\n\r\n{ROW}\n\n").as_bytes()), [good(5), good(8)]);
    assert_eq!(read(HEADER.as_bytes()), []);
    let text = format!("# made by hand\n{HEADER}{ROW}\n// a remark\n{HEADER},,,,,,\n{ROW}\n");
    assert_eq!(read(text.as_bytes()), [good(3), good(7)]);
    assert_eq!(read(format!("{HEADER}{ROW}\n{ROW}\n").replace('\n', "\r").as_bytes()), [good(2), good(3)]);
    for big in [false, true] {
        let units = format!("\u{feff}{HEADER}{ROW}\r\n").encode_utf16().collect::<Vec<_>>();
        let bytes: Vec<u8> = units.iter().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
        assert_eq!(read(&bytes), [good(2)]);
        assert_eq!(read(&bytes[2..]), [good(2)]);
    }
}

/// What a source leaves out, or has only in part, never costs a bar.
#[test]
fn optional_values_never_veto() {
    for (vwap, trades) in
        [("", ""), ("0", "0"), ("nan", "NaN"), ("NaN", "-3"), ("null", "none"), ("-1", "x"), ("inf", "1.5")]
    {
        let text =
            format!("ts,symbol,open,high,low,close,volume,vwap,trades\n{ROW},{vwap},{trades}\n{ROW},{vwap}\n{ROW}\n");
        assert_eq!(read(text.as_bytes()), [good(2), good(3), good(4)], "{vwap} {trades}");
    }
    let text = format!("ts,symbol,open,high,low,close,volume,vwap,trades\n{ROW},13760,7\n{ROW},13760, 7 \n");
    with_file(text.as_bytes(), |path| {
        let mut source = opened(path, "1m");
        for _ in 0..2 {
            let record = source.next().unwrap().unwrap().result.unwrap();
            assert_eq!((record.vwap, record.trades), (13_760.0, 7));
        }
    });
}

#[test]
fn bars_without_volume_are_kept_or_left_out() {
    let text = format!("{HEADER}{ROW}\n2018-01-01T00:01:00Z,BTCUSD,13763,13788,13752.18,13753,0\n");
    assert_eq!(read(text.as_bytes()), [good(2), good(3)]);
    with_file(text.as_bytes(), |path| {
        let options = FileOptions { skip_zero_volume: true, ..FileOptions::new(tf("1m")) };
        assert_eq!(read_all(&mut try_open(path, &options).unwrap()), [good(2), (3, Err(Refusal::NoTrade))]);
    });
}

#[test]
fn quotes_are_understood_where_they_are_simple() {
    let header = "\"ts\",note,symbol,open,high,low,close,volume\n";
    let rest = "13763,13788,13752.18,\"13753\",5.1";
    for (note, symbol, result) in [
        ("\"a,b\"", "BTCUSD", good(2).1),
        ("\"a \"\"quoted\"\", word\"", "\"BTCUSD\"", good(2).1),
        ("\"\"", "BTCUSD", good(2).1),
        ("a\"b", "BTCUSD", good(2).1),
        ("\"a\"b", "BTCUSD", Err(Refusal::BadText)),
        ("\"a", "BTCUSD", Err(Refusal::BadText)),
        ("a", "\"BTC\"\"USD\"", Err(Refusal::BadText)),
        ("a", "\"BTC,USD\"", Ok(("BTC,USD".to_owned(), 13753.0))),
    ] {
        let text = format!("{header}2018-01-01T00:00:00Z,{note},{symbol},{rest}\n");
        assert_eq!(read(text.as_bytes()), [(2, result)], "{text}");
    }
}

#[test]
fn refused_lines_come_out_with_their_reason_and_number() {
    let long = "x".repeat(70_000);
    let cases = [
        ("2018-01-01T00:00:00Z,BTCUSD,1,1,1,1", Refusal::MissingField),
        ("2018-01-01T00:00:00Z,BTCUSD,1,1,1,1,1,1", Refusal::BadText),
        (",BTCUSD,1,1,1,1,1", Refusal::BadTimestamp),
        ("2018-01-01T00:00:00Z,,1,1,1,1,1", Refusal::BadText),
        ("2018-01-01T00:00:00Z,BTCUSD,,1,1,1,1", Refusal::NotANumber),
        ("2018-01-01T00:00:00Z,BTCUSD,1_000,1,1,1,1", Refusal::NotANumber),
        ("2018-01-01T00:00:00Z,BTCUSD,nan,1,1,1,1", Refusal::NotFinite),
        ("2018-01-01T00:00:00Z,BTCUSD,1,1,1,1,-1", Refusal::VolumeNegative),
        ("2018-01-01T00:00:00Z,BTCUSD,2,1,1,1,1", Refusal::HighLowBounds),
        ("2018-01-01T00:00:00Z,BTCUSD,1,1,1,1,many", Refusal::NotANumber),
        (&long, Refusal::BadText),
        ("\0\u{1}\u{fffd}", Refusal::MissingField),
    ];
    for (line, refusal) in cases {
        let text = format!("{HEADER}{ROW}\n{line}\n{ROW}\n");
        assert_eq!(read(text.as_bytes()), [good(2), (3, Err(refusal)), good(4)], "{line:.80}");
    }
}

#[test]
fn a_header_that_lacks_something_says_what() {
    for (text, message) in [
        ("", "ts, symbol, open, high, low, close, volume"),
        ("when,symbol,first one,high,low,close,volume\n1", "the header line lacks the columns ts, open"),
        ("ts,symbol,open,high,low,close,timestamp,volume", "has two columns ts"),
        ("ts,open,high,low,close,volume", "--symbol BARS, or --symbol-from-name '{symbol}.csv'"),
        ("ts,symbol,price,size\n1,2,3,4\n", "--columns ts=1,open=2"),
    ] {
        with_file(text.as_bytes(), |path| {
            let error = try_open(path, &FileOptions::new(tf("1m"))).err().unwrap().to_string();
            assert!(error.contains(message) && error.contains("bars.csv"), "{error}");
        });
    }
    let error = try_open(Path::new("/absent/bars.csv"), &FileOptions::new(tf("1m"))).err().unwrap();
    assert!(matches!(error, CsvError::Read { .. }) && error.to_string().contains("/absent/bars.csv"));
}

#[test]
fn gzip_of_several_members_is_one_file() {
    let parts = [HEADER.to_owned(), format!("{ROW}\n{ROW}"), format!("\n{ROW}\n")];
    let bytes: Vec<u8> = parts.iter().flat_map(|part| gzip(part.as_bytes())).collect();
    with_file(&bytes, |path| {
        let mut source = opened(path, "1m");
        assert_eq!(read_all(&mut source), [good(2), good(3), good(4)]);
        assert_eq!(source.total_bytes(), Some(bytes.len() as u64));
        assert_eq!(source.bytes_read(), bytes.len() as u64);
    });
}

#[test]
fn a_torn_gzip_is_an_error_that_names_file_and_line() {
    let bytes = gzip(format!("{HEADER}{}", format!("{ROW}\n").repeat(1_000)).as_bytes());
    with_file(&bytes[..bytes.len() - 10], |path| {
        let mut source = opened(path, "1m");
        let error = loop {
            match source.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end was not noticed"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("bars.csv") && error.contains("line"), "{error}");
    });
}

#[test]
fn recorded_files_are_read_whole() {
    for (name, base, rows) in [
        ("us_equities_1s.csv.gz", "1s", 129_039),
        ("crypto_1m.csv.gz", "1m", 309_228),
        ("us_equities_1d.csv.gz", "1d", 41_170),
    ] {
        let Some(path) = test_data(name) else { continue };
        let mut source = opened(&path, base);
        let (mut good, mut last) = (0, i64::MIN);
        while let Some(line) = source.next().unwrap() {
            let record = line.result.unwrap_or_else(|refusal| panic!("{name}:{}: {refusal:?}", line.number));
            assert!(record.ts >= last);
            last = record.ts;
            good += 1;
        }
        assert_eq!(good, rows, "{name}");
    }
}

proptest! {
    #[test]
    fn noise_never_panics_and_lines_are_counted(noise in "[\\PC,\"\n\r0-9.]{0,200}") {
        let text = format!("{HEADER}{noise}");
        let says_nothing = |line: &str| {
            let blank = line.chars().all(|c| c.is_ascii_whitespace() || ",\"".contains(c)) && line.contains(',');
            blank || line.trim_ascii().is_empty() || line.starts_with('#') || line.starts_with("//")
        };
        let lines = text.lines().enumerate().skip(1).filter(|(_, line)| !says_nothing(line));
        let expected: Vec<u64> = lines.map(|(i, _)| i as u64 + 1).collect();
        let numbers: Vec<u64> = read(text.as_bytes()).iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(numbers, expected);
    }

    #[test]
    fn bytes_that_are_no_header_are_an_error_at_most(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        with_file(&bytes, |path| { let _ = try_open(path, &FileOptions::new(tf("1m"))); });
    }
}
