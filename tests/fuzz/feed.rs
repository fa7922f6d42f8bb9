//! Entries, frames and CSV lines.

use crate::{
    harness::Target,
    mutate::Random,
    outcome::{Outcome, nothing},
};
use std::sync::Arc;
use wagehood_engine::{
    feed::{
        Compression, CsvError, CsvSource, Entry, EntryForm, FrameRecord, FrameView, MAX_FRAME_RECORDS, Record, Refusal,
        TextInput, decode_entry, dialect::FileOptions, encode_frame, stamps::Stamps, timestamp::DateOrder, unpack,
        zone::Zone,
    },
    model::{MAX_SYMBOL_LEN, StampedAt, Timeframe, time::Iso8601},
};

const FRAME_HEADER: usize = 24;
const FRAME_RECORD: usize = 80;

pub const ENTRY: Target = Target {
    name: "entry",
    check: entry,
    mend: nothing,
    words: &[
        "symbol\n",
        "timestamp\n",
        "open\n",
        "high\n",
        "low\n",
        "close\n",
        "volume\n",
        "price\n",
        "metadata\n",
        "vwap\n",
        "trades\n",
        "ingest_ns\n",
        "frame\n",
        "SPY",
        "{\"timeframe\": \"1m\"}",
        "{\"timeframe\":\"60s\"}",
        "{}",
        "null",
        "{\"timeframe\": null}",
        "{\"timeframe\": \"\\u0031m\"}",
        "2025-07-08T14:30:00",
        "+00:00",
        "Z",
        ".123456789",
        "-2359",
        "1751985000000",
        "[[[[[[[[",
        "\n",
        "\n\n",
        "\0",
        "\u{feff}",
        "é",
    ],
    // Most of it the list of fields that the check itself makes.
    memory: (64 << 10, 64),
    made: Vec::new,
};

pub const FRAME: Target = Target {
    name: "frame",
    check: frame,
    mend: mend_frame,
    words: &["\u{1}W", "SPY\0\0\0\0\0\0\0\0\0\0\0\0\0", "\0\0\0\0", "\0\0\0\0\0\0\u{f0}?"],
    memory: (64 << 10, 16),
    made: Vec::new,
};

pub const CSV: Target = Target {
    name: "csv",
    check: csv,
    mend: nothing,
    words: &[
        "ts,symbol,open,high,low,close,volume\n",
        "timestamp",
        "vwap",
        "trades",
        ",",
        ",,",
        "\"",
        "\"\"",
        "\n",
        "\r\n",
        "\r",
        "SPY",
        "2025-07-08T14:30:00Z",
        "\u{feff}",
        "\u{1f}\u{8b}",
        "\0",
        " ",
        ";",
        "\t",
        "|",
        "#",
        "Date,Open,High,Low,Close,Volume\n",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n",
        "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\nDate,,,,,\n",
        "1381095240,122.0,122.0,122.0,122.0,0.1,1\n",
        "20061002 092500;1349.75;1350;1349.5;1350;1220\n",
        "2013.11.29,12:00,1.36,1.37,1.35,1.36,100\n",
        "1/31/2026 6:49 PM",
        "05-May-2023",
        "2025-03-09 02:30",
        "2025-11-02 01:30",
        "1,234.5",
        "1.234,5",
        "1.24M",
        "$",
    ],
    memory: (4 << 20, 64),
    made: Vec::new,
};

fn minute() -> Timeframe {
    "1m".parse().unwrap()
}

/// What is promised of every record that is let in.
fn promised(record: &Record<'_>, input: &[u8]) {
    let Record { symbol, ts, open, high, low, close, volume, vwap, .. } = *record;
    assert!((1..=MAX_SYMBOL_LEN).contains(&symbol.len()), "{symbol:?}");
    let name = std::str::from_utf8(symbol).expect("a name is a text");
    assert!(!name.chars().any(|c| c.is_whitespace() || c.is_control()), "{name:?}");
    assert!(input.windows(symbol.len()).any(|part| part == symbol), "the symbol is not of the input");
    let prices = [open, high, low, close];
    assert!(prices.iter().all(|price| price.is_finite() && *price > 0.0), "{prices:?}");
    assert!(low <= open && low <= close && high >= open && high >= close, "{prices:?}");
    assert!(volume.is_finite() && volume >= 0.0, "{volume}");
    // 0, like a number that is none, stands for a vwap that is not given.
    assert!(vwap.is_nan() || (vwap.is_finite() && vwap >= 0.0), "{vwap}");
    assert!((low..=high).contains(&record.vwap_or_typical()), "{vwap}");
    assert!((0..7_289_654_400_000).contains(&ts), "{ts}");
}

fn bits(record: &Record<'_>) -> (Vec<u8>, i64, [u64; 6], u32, u64) {
    let Record { symbol, ts, open, high, low, close, volume, vwap, trades, ingest_ns, .. } = *record;
    // Which of the many not-a-numbers is of no importance.
    let vwap = if vwap.is_nan() { f64::NAN } else { vwap };
    (symbol.to_vec(), ts, [open, high, low, close, volume, vwap].map(f64::to_bits), trades, ingest_ns)
}

/// A record as the fields of an entry.
fn fields(record: &Record<'_>) -> Vec<(&'static str, String)> {
    let Record { symbol, ts, open, high, low, close, volume, vwap, trades, ingest_ns, .. } = *record;
    let mut all = vec![
        ("symbol", String::from_utf8(symbol.to_vec()).unwrap()),
        ("timestamp", Iso8601(ts).to_string()),
        ("trades", trades.to_string()),
        ("ingest_ns", ingest_ns.to_string()),
    ];
    for (name, value) in [("open", open), ("high", high), ("low", low), ("close", close), ("volume", volume)] {
        all.push((name, value.to_string()));
    }
    if !vwap.is_nan() {
        all.push(("vwap", vwap.to_string()));
    }
    all
}

/// Lines, name and value in turn.
fn entry(input: &[u8]) -> u64 {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let pairs: Vec<(&[u8], &[u8])> = lines.as_chunks::<2>().0.iter().map(|[name, value]| (*name, *value)).collect();
    let mut outcome = Outcome::default();
    let decoded = decode_entry(pairs.iter().copied(), minute());
    let reversed = decode_entry(pairs.iter().rev().copied(), minute());
    match (&decoded, &reversed) {
        (Ok(Entry::Bar(record)), Ok(Entry::Bar(other))) => {
            assert_eq!(bits(record), bits(other), "the order of the fields makes a difference");
            promised(record, input);
            numbers(&pairs, record);
            let again = fields(record);
            let again = again.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let Ok(Entry::Bar(again)) = decode_entry(again, minute()) else {
                panic!("what was let in is not let in again")
            };
            assert_eq!(bits(record), bits(&again));
            outcome.add(1).add(u64::from(record.vwap.is_nan())).add(u64::from(record.trades > 0));
        }
        (Ok(Entry::Frame(view)), Ok(Entry::Frame(_))) => outcome.add(2).add(view.len() as u64).ignore(),
        (Err(refusal), Err(_)) => outcome.add(3).add(refusal_number(*refusal)).ignore(),
        _ => panic!("the order of the fields makes a difference: {decoded:?} {reversed:?}"),
    }
    outcome.add(pairs.len().min(16) as u64).get()
}

fn refusal_number(refusal: Refusal) -> u64 {
    crc32fast::hash(refusal.name().as_bytes()).into()
}

/// The numbers are those that the standard library reads.
fn numbers(pairs: &[(&[u8], &[u8])], record: &Record<'_>) {
    let named = [
        ("open", record.open),
        ("high", record.high),
        ("low", record.low),
        ("close", record.close),
        ("volume", record.volume),
    ];
    for (name, value) in named {
        let (_, text) = pairs.iter().find(|(field, _)| *field == name.as_bytes()).unwrap();
        let text = std::str::from_utf8(text).unwrap();
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{name} {text:?}");
    }
}

fn frame(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let bases: [Timeframe; 2] = ["1s".parse().unwrap(), minute()];
    for base in bases {
        let view = match FrameView::parse(input, base) {
            Ok(view) => view,
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::BadFrame | Refusal::WrongTimeframe), "{refusal:?}");
                outcome.add(refusal_number(refusal));
                continue;
            }
        };
        assert!((1..=MAX_FRAME_RECORDS).contains(&view.len()));
        assert_eq!(input.len(), FRAME_HEADER + view.len() * FRAME_RECORD);
        let (mut good, mut form) = (0, EntryForm::new(base));
        let records: Vec<FrameRecord> = view
            .records()
            .map(|record| {
                if form.frames.take(record).is_ok() {
                    promised(&record, input);
                    good += 1;
                }
                FrameRecord::new(&record).expect("a symbol of a frame fits into a frame")
            })
            .collect();
        let mut again = Vec::new();
        encode_frame(base, view.ingest_ns(), &records, &mut again).expect("what was read can be written");
        // All but the checksum and what readers ignore.
        assert_eq!(again[..20], input[..20]);
        let rest = |bytes: &[u8]| -> Vec<[u8; 76]> {
            bytes[FRAME_HEADER..].as_chunks::<FRAME_RECORD>().0.iter().map(|r| *r.first_chunk().unwrap()).collect()
        };
        assert_eq!(rest(&again), rest(input));
        let of_entry = decode_entry([(&b"frame"[..], input)].into_iter(), base);
        assert!(matches!(of_entry, Ok(Entry::Frame(same)) if same.len() == view.len()));
        outcome.add(view.len().ilog2().into()).add(u64::from(good > 0)).add(u64::from(good < view.len()));
    }
    outcome.get()
}

/// Most frames are given the length, and nearly all the checksum, that fits what is in them.
fn mend_frame(input: &mut Vec<u8>, random: &mut Random) {
    if input.len() < FRAME_HEADER || random.below(8) == 0 {
        return;
    }
    if random.below(4) > 0 {
        let count = ((input.len() - FRAME_HEADER) / FRAME_RECORD).clamp(1, MAX_FRAME_RECORDS);
        input.resize(FRAME_HEADER + count * FRAME_RECORD, 0);
        input[..2].copy_from_slice(&0x5701u16.to_le_bytes());
        input[2..4].copy_from_slice(&(count as u16).to_le_bytes());
        input[4..8].copy_from_slice(&[1u32, 60][random.below(2)].to_le_bytes());
        input[16..20].fill(0);
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&input[..20]);
    crc.update(&input[FRAME_HEADER..]);
    input[20..24].copy_from_slice(&crc.finalize().to_le_bytes());
}

/// Bytes as a file with bars of a minute.
fn opened(input: &[u8]) -> Result<CsvSource, CsvError> {
    let path = std::path::PathBuf::from("SPY.csv");
    let failed = |source| CsvError::Read { path: path.clone(), source };
    let (_, bytes) = unpack(Box::new(std::io::Cursor::new(input.to_vec()))).map_err(failed)?;
    let name = "SPY.csv".to_owned();
    let input = TextInput { path, name, bytes, total_bytes: None, read_bytes: Arc::default(), live: false };
    let zone = Zone::new("America/New_York").unwrap();
    let stamps = Stamps::new(Some(zone), StampedAt::Start, Some(DateOrder::MonthFirst), minute());
    let options = FileOptions { symbol: Some("SPY".to_owned()), stamps, ..FileOptions::new(minute()) };
    CsvSource::new(input, &options)
}

fn csv(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let mut source = match opened(input) {
        Ok(source) => source,
        Err(error) => return outcome.add(std::mem::discriminant(&error).hash_value()).get(),
    };
    // What is packed, and what is told to be, or to be of another encoding, has lines that are not those of the input.
    let compressed = Compression::of(input) != Compression::Plain;
    let straight = !compressed
        && source.dialect().symbol.is_none()
        && !input.contains(&0)
        && !input.starts_with(b"\xff\xfe")
        && !input.starts_with(b"\xfe\xff");
    let source_end = source.dialect().line_end;
    let mut refusals = 0u64;
    let (mut before, mut good, mut copied) =
        (0, Vec::new(), b"ts,symbol,open,high,low,close,volume,vwap,trades\n".to_vec());
    loop {
        match source.next() {
            Ok(Some(line)) => {
                assert!(line.number > before, "line {} after {before}", line.number);
                assert!(!line.text.contains(&source_end));
                before = line.number;
                match line.result {
                    Ok(record) => {
                        promised(&record, if straight { line.text } else { record.symbol });
                        // What would need quotes within quotes.
                        if !record.symbol.contains(&b'"') {
                            copy(&record, &mut copied);
                            good.push(bits(&record));
                        }
                    }
                    Err(refusal) => refusals |= 1 << (refusal_number(refusal) % 64),
                }
            }
            Ok(None) => break,
            Err(error) => {
                assert!(compressed, "{error}");
                outcome.add(9);
                break;
            }
        }
    }
    let ends = input.iter().filter(|&&byte| byte == source_end).count() as u64;
    assert!(!straight || before <= ends + 1, "line {before} of {ends}");
    // What was let in is let in again, if written otherwise.
    let (mut source, mut again) = (opened(&copied).unwrap(), Vec::new());
    while let Some(line) = source.next().unwrap() {
        again.push(bits(&line.result.unwrap()));
    }
    assert_eq!(good, again);
    outcome.add(good.len().min(4) as u64).add(refusals).get()
}

fn copy(record: &Record<'_>, out: &mut Vec<u8>) {
    let value =
        |name: &str| fields(record).into_iter().find(|(field, _)| *field == name).map_or_else(String::new, |(_, v)| v);
    let symbol = value("symbol");
    // Commas need quotes.
    let symbol = if symbol.contains(',') { format!("\"{symbol}\"") } else { symbol };
    out.extend(format!("{}Z,{symbol}", value("timestamp")).bytes());
    for name in ["open", "high", "low", "close", "volume", "vwap", "trades"] {
        out.extend(format!(",{}", value(name)).bytes());
    }
    out.push(b'\n');
}

trait HashValue {
    fn hash_value(&self) -> u64;
}

impl<T: std::hash::Hash> HashValue for T {
    fn hash_value(&self) -> u64 {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        BuildHasherDefault::<DefaultHasher>::default().hash_one(self)
    }
}
