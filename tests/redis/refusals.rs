//! Records that must not be taken: each lands where somebody can look at it, and takes nothing with it.

use super::{
    engine::{NO_CLOCK, config, replayed, run_up_to, signal_line, without_source},
    series::{self, Bar, START_MS, fields, frame, price},
    server::{Entry, Fields, Server, assert_same, readable},
};
use std::collections::BTreeMap;
use wagehood_engine::feed::{FrameRecord, Refusal};

const STREAM: &str = "market_data_1s";
const SYMBOLS: [&str; 2] = ["AAA", "BBB"];
const TIMEFRAMES: [&str; 3] = ["1s", "5s", "1m"];

/// The flat fields of a bar with one of them replaced.
fn with(bar: &Bar, name: &str, value: &str) -> Fields {
    let mut all = bar.flat();
    let (_, old) = all.iter_mut().find(|(field, _)| field == name.as_bytes()).unwrap();
    *old = value.as_bytes().to_vec();
    all
}

/// The flat fields of a bar with one more.
fn and(bar: &Bar, name: &str, value: &str) -> Fields {
    let mut all = bar.flat();
    all.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    all
}

fn at(bar: &Bar, ms: i64) -> Fields {
    with(bar, "timestamp", &(bar.ts + ms).to_string())
}

/// An entry for every way to be wrong, after this bar has been taken; the entry's id is a second after its time.
fn wrong(bar: &Bar) -> Vec<(Refusal, Fields)> {
    use Refusal::*;
    let without = |name: &str| bar.flat().into_iter().filter(|(field, _)| field != name.as_bytes()).collect::<Fields>();
    let sound = frame("1s", &[bar.frame_record()]);
    let mut torn = sound.clone();
    torn[0].1[50] ^= 0x10;
    let mut short = sound.clone();
    short[0].1.pop();
    let mut beside = sound;
    beside.extend(with(bar, "volume", "1"));
    let mut cases = vec![
        (MissingField, fields([("hello", "world".to_owned())])),
        (RepeatedField, and(bar, "close", "400.0")),
        (NotANumber, with(bar, "close", "1,234.5")),
        (NotANumber, with(bar, "volume", "")),
        (NotANumber, and(bar, "trades", "-3")),
        (NotANumber, and(bar, "price", "n/a")),
        (NotFinite, with(bar, "close", "NaN")),
        (NotFinite, with(bar, "volume", "inf")),
        (NotFinite, with(bar, "high", "1e999")),
        (PriceNotPositive, with(bar, "low", "0")),
        (PriceNotPositive, with(bar, "open", "-1.5")),
        (PriceNotPositive, and(bar, "price", "0.0")),
        (PriceNotPositive, and(bar, "vwap", "-2")),
        (VolumeNegative, with(bar, "volume", "-1")),
        (HighLowBounds, with(bar, "high", &price(bar.low - 1))),
        (HighLowBounds, with(bar, "low", &price(bar.high + 1))),
        (UnknownSymbol, with(bar, "symbol", "ZZZ")),
        (UnknownSymbol, with(bar, "symbol", "OFF")),
        (WrongTimeframe, and(bar, "metadata", r#"{"timeframe": "5m"}"#)),
        (WrongTimeframe, and(bar, "metadata", r#"{"timeframe": "soon"}"#)),
        (WrongTimeframe, frame("1m", &[bar.frame_record()])),
        (BadTimestamp, with(bar, "timestamp", "yesterday")),
        (BadTimestamp, with(bar, "timestamp", "2025-02-30T00:00:00")),
        (BadTimestamp, with(bar, "timestamp", "2300-01-01T00:00:00")),
        (Late, at(bar, -1_000)),
        (Late, at(bar, -86_400_000)),
        (Duplicate, bar.flat()),
        (Duplicate, at(bar, 400)),
        (Duplicate, frame("1s", &[bar.frame_record()])),
        (Revision, with(bar, "volume", "0.125")),
        (Future, at(bar, 2_000 + 5_000 + 1_000)),
        (OutsideSession, with(bar, "symbol", "NYSE")),
        // Before the tables begin.
        (NoCalendar, with(&Bar { symbol: "NYSE", ..bar.clone() }, "timestamp", "1985-01-02T15:00:00")),
        (BadText, with(bar, "symbol", "A A")),
        (BadText, with(bar, "symbol", "")),
        (BadText, and(bar, "metadata", "timeframe: 1s")),
        (BadFrame, torn),
        (BadFrame, short),
        (BadFrame, beside),
        (BadFrame, fields([("frame", String::new())])),
    ];
    cases.extend(["symbol", "timestamp", "open", "high", "low", "close", "volume"].map(|f| (MissingField, without(f))));
    cases
}

/// What a letter says of one record of a frame.
fn told(record: &FrameRecord) -> Fields {
    let symbol = String::from_utf8(record.symbol.to_vec()).unwrap();
    let numbers = [record.open, record.high, record.low, record.close, record.volume].map(|n| n.to_string());
    let names = ["open", "high", "low", "close", "volume"].into_iter().zip(numbers);
    let head = [("symbol", symbol.trim_end_matches('\0').to_owned()), ("timestamp", record.ts.to_string())];
    let mut all = fields(head.into_iter().chain(names));
    if !record.vwap.is_nan() {
        all.extend(fields([("vwap", record.vwap.to_string())]));
    }
    all
}

/// Good and bad entries, and the letters that the bad ones make.
struct Mixed {
    entries: Vec<Entry>,
    letters: Vec<(Refusal, String, Fields)>,
    next: usize,
}

impl Mixed {
    /// Every entry carries the time of its bar and a second more.
    fn push(&mut self, bar: &Bar, fields: Fields, refused: Vec<(Refusal, Fields)>) {
        let id = format!("{}-{}", bar.ts + 1_000, self.next);
        self.next += 1;
        self.letters.extend(refused.into_iter().map(|(reason, fields)| (reason, id.clone(), fields)));
        self.entries.push(Entry { id, fields });
    }
}

#[test]
fn every_bad_record_goes_to_the_dead_letters_and_takes_nothing_with_it() {
    let bars = series::bars(&SYMBOLS, START_MS, 1_000, 400);
    let mut mixed = Mixed { entries: Vec::new(), letters: Vec::new(), next: 1 };
    let mut round = 0;
    for (index, bar) in bars.iter().enumerate() {
        if index % 3 > 0 {
            mixed.push(bar, bar.flat(), Vec::new());
        } else {
            // A frame of one good bar among bad ones.
            let good = bar.frame_record();
            let nan = FrameRecord { close: f64::NAN, ..good };
            let vwap = FrameRecord { vwap: f64::INFINITY, ..good };
            let late = FrameRecord { ts: good.ts - 7_000, ..good };
            let refused = [(Refusal::NotFinite, nan), (Refusal::NotFinite, vwap), (Refusal::Late, late)];
            let letters = refused.map(|(reason, record)| (reason, told(&record)));
            mixed.push(bar, frame("1s", &[nan, vwap, good, late]), letters.to_vec());
        }
        if index % 10 == 9 {
            let all = wrong(bar);
            for (reason, fields) in all.into_iter().skip(round % 7).step_by(7) {
                let same = if reason == Refusal::Duplicate && fields.len() == 1 {
                    told(&bar.frame_record())
                } else {
                    fields.clone()
                };
                mixed.push(bar, fields, vec![(reason, same)]);
            }
            round += 1;
        }
    }
    let Mixed { entries, letters, .. } = mixed;
    let mut counts: BTreeMap<Refusal, usize> = BTreeMap::new();
    letters.iter().for_each(|(reason, ..)| *counts.entry(*reason).or_default() += 1);
    // An entry that is too large to be received is sent by the tests of faults; the others are of files.
    let elsewhere = [Refusal::NoSuchTime, Refusal::NoTrade, Refusal::Unfinished, Refusal::TooLarge, Refusal::InHistory];
    let elsewhere = elsewhere.len() + super::external::REASONS.len();
    assert_eq!(counts.len(), Refusal::COUNT - elsewhere, "every reason has its turn");

    // Before the open of New York.
    let off =
        "[[watchlist]]\nsymbol = \"OFF\"\nenabled = false\n[[watchlist]]\nsymbol = \"NYSE\"\ncalendar = \"xnys\"\n";
    let toml = config(&[(STREAM, "1s")], &SYMBOLS, &TIMEFRAMES, &format!("{NO_CLOCK}{off}"));
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, &bars);
    let wanted = replayed(&toml, &csv, "1s", &TIMEFRAMES.join(","), &[]);
    let wanted: Vec<_> = wanted.iter().map(|line| without_source(line)).collect();

    let server = Server::start();
    let mut client = server.connect();
    let last = client.add(STREAM, &entries);
    let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
    let signals: Vec<_> = client.entries("signals").iter().map(|e| without_source(&signal_line(e))).collect();
    assert_same("signals", &signals, &wanted);

    let found = client.contents("market_data_dead_letter");
    let letter = |(reason, id, original): &(Refusal, String, Fields)| {
        let head = [("reason", reason.name()), ("source_stream", STREAM), ("source_id", id)];
        let mut all = fields(head.map(|(name, value)| (name, value.to_owned())));
        all.extend(original.iter().cloned());
        all
    };
    let letters_wanted: Vec<_> = letters.iter().map(letter).collect();
    assert_same("dead letters", &readable(&found), &readable(&letters_wanted));

    ended.counted("records accepted", bars.len());
    ended.counted("records refused", letters.len());
    ended.counted("dead letters", letters.len());
    for (reason, count) in counts {
        ended.counted(&format!("record refused: {}", reason.name()), count);
    }
}

#[test]
fn a_record_without_measure_is_kept_in_part() {
    let server = Server::start();
    let mut client = server.connect();
    let toml = config(&[(STREAM, "1s")], &SYMBOLS, &TIMEFRAMES, NO_CLOCK);
    let mut all = fields([("note", "x".repeat(100_000)), (&"n".repeat(1_000), "y".to_owned())]);
    all.extend(fields((0..100).map(|_| ("more", "z".to_owned()))));
    let last = client.add(STREAM, &series::entries([all]));
    run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
    let letters = client.entries("market_data_dead_letter");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].text("reason"), "missing_field");
    assert_eq!(letters[0].text("source_id"), last);
    assert_eq!(letters[0].number("truncated"), 3.0); // a value, a name, and the first field of too many
    assert_eq!((letters[0].text("note").len(), letters[0].fields.len()), (65_536, 4 + 64));
}
