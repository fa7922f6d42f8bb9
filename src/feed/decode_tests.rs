//! Tests of the decoder, with data of the existing system's stream too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use super::*;
use crate::feed::FrameRecord;
use crate::feed::test_data;
use crate::feed::validate;
use proptest::prelude::*;
use std::io::Read as _;

type Fields = Vec<(String, String)>;

fn tf(text: &str) -> Timeframe {
    text.parse().unwrap()
}

fn decode<'a>(fields: &'a Fields, base: &str) -> Result<Record<'a>, Refusal> {
    match decode_entry(fields.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())), tf(base))? {
        Entry::Bar(record) => Ok(record),
        Entry::Frame(_) => panic!("a frame"),
        Entry::Heartbeat(_) => panic!("a heartbeat"),
    }
}

/// The entry that the specification quotes.
fn literal() -> Fields {
    [
        ("event_id", "SPY_1795354738528"),
        ("symbol", "SPY"),
        ("timestamp", "2025-07-08T14:30:00"),
        ("price", "620.0"),
        ("volume", "12345.0"),
        ("open", "619.5"),
        ("high", "620.25"),
        ("low", "619.0"),
        ("close", "620.0"),
        ("source", "mock"),
        ("metadata", "{\"timeframe\": \"1m\"}"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .to_vec()
}

fn with(name: &str, value: &str) -> Fields {
    let mut fields = literal();
    match fields.iter_mut().find(|(k, _)| k == name) {
        Some(field) => value.clone_into(&mut field.1),
        None => fields.push((name.to_owned(), value.to_owned())),
    }
    fields
}

fn without(name: &str) -> Fields {
    literal().into_iter().filter(|(k, _)| k != name).collect()
}

#[test]
fn reads_the_literal_entry() {
    let fields = literal();
    let record = decode(&fields, "1m").unwrap();
    assert_eq!(record.symbol, b"SPY");
    assert_eq!((record.ts, record.interval), (1_751_985_000_000, tf("1m")));
    assert_eq!(
        [record.open, record.high, record.low, record.close, record.volume],
        [619.5, 620.25, 619.0, 620.0, 12345.0]
    );
    assert!(record.vwap.is_nan());
    assert_eq!((record.trades, record.ingest_ns), (0, 0));
}

#[test]
fn reads_the_optional_fields() {
    let mut fields = with("vwap", "619.75");
    fields.push(("trades".into(), "42".into()));
    fields.push(("ingest_ns".into(), "1751985000250999999".into()));
    fields.push(("unheard_of".into(), "\u{1}".into()));
    fields.push(("unheard_of".into(), "twice".into()));
    let record = decode(&fields, "1m").unwrap();
    assert_eq!((record.vwap, record.trades, record.ingest_ns), (619.75, 42, 1_751_985_000_250_999_999));
    for text in ["", "nan", "NaN", "0", "0.0"] {
        let fields = with("vwap", text);
        let record = decode(&fields, "1m").unwrap();
        assert_eq!(record.vwap_or_typical(), (record.high + record.low + record.close) / 3.0, "{text:?}");
    }
    for name in ["event_id", "price", "source", "metadata"] {
        assert!(decode(&without(name), "1m").is_ok(), "{name} is not required");
    }
}

#[test]
fn names_the_missing_and_the_repeated() {
    for name in ["symbol", "timestamp", "open", "high", "low", "close", "volume"] {
        assert_eq!(decode(&without(name), "1m"), Err(Refusal::MissingField), "{name}");
    }
    for name in ["symbol", "close", "price", "metadata", "vwap"] {
        let mut fields = with(name, "1");
        fields.push((name.to_owned(), "1".to_owned()));
        assert_eq!(decode(&fields, "1m"), Err(Refusal::RepeatedField), "{name}");
    }
    assert_eq!(decode(&vec![], "1m"), Err(Refusal::MissingField));
}

#[test]
fn refuses_bad_values_by_their_reason() {
    for (name, value, refusal) in [
        ("symbol", "", Refusal::BadText),
        ("symbol", "S P", Refusal::BadText),
        ("timestamp", "yesterday", Refusal::BadTimestamp),
        ("timestamp", "2525-07-08T14:30:00", Refusal::BadTimestamp),
        ("open", "", Refusal::NotANumber),
        ("open", "None", Refusal::NotANumber),
        ("high", "inf", Refusal::NotFinite),
        ("close", "nan", Refusal::NotFinite),
        ("volume", "-1", Refusal::VolumeNegative),
        ("low", "0", Refusal::PriceNotPositive),
        ("low", "620.1", Refusal::HighLowBounds),
        ("price", "0", Refusal::PriceNotPositive),
        ("price", "nan", Refusal::NotFinite),
        ("price", "", Refusal::NotANumber),
        ("vwap", "-1", Refusal::PriceNotPositive),
        ("vwap", "inf", Refusal::NotFinite),
        ("trades", "1.5", Refusal::NotANumber),
        ("ingest_ns", "-5", Refusal::NotANumber),
        ("frame", "", Refusal::BadFrame),
    ] {
        assert_eq!(decode(&with(name, value), "1m"), Err(refusal), "{name} {value:?}");
    }
}

#[test]
fn the_interval_must_be_the_streams() {
    for (metadata, base, result) in [
        (r#"{"timeframe": "1m"}"#, "1m", Ok(())),
        (r#"{"timeframe":"60s"}"#, "1m", Ok(())),
        (r#"{ "timeframe" : "1m" }"#, "1m", Ok(())),
        (r#"{"timeframe": "1\u006d"}"#, "1m", Ok(())),
        (r#"{"provider": {"a": [1]}, "timeframe": "1m"}"#, "60s", Ok(())),
        ("{}", "5m", Ok(())),
        ("{ }", "1m", Ok(())),
        ("", "1s", Ok(())),
        ("null", "1m", Ok(())),
        (r#"{"timeframe": null}"#, "1m", Ok(())),
        (r#"{"provider": "x"}"#, "1s", Ok(())),
        (r#"{"timeframe": "5m"}"#, "1m", Err(Refusal::WrongTimeframe)),
        (r#"{"timeframe": "1m"}"#, "1s", Err(Refusal::WrongTimeframe)),
        (r#"{"timeframe": "minute"}"#, "1m", Err(Refusal::WrongTimeframe)),
        (r#"{"timeframe": ""}"#, "1m", Err(Refusal::WrongTimeframe)),
        (r#"{"x": 1, "timeframe": "7d"}"#, "1w", Err(Refusal::WrongTimeframe)),
        (r#"{"timeframe": 60}"#, "1m", Err(Refusal::BadText)),
        (r#"{"timeframe": "1m"#, "1m", Err(Refusal::BadText)),
        (r#"{"timeframe": "1m", "timeframe": "5m"}"#, "1m", Err(Refusal::BadText)),
        (r#"{"timeframe": "1m"}}"#, "1m", Err(Refusal::BadText)),
        ("{'timeframe': '1m'}", "1m", Err(Refusal::BadText)),
        ("1m", "1m", Err(Refusal::BadText)),
        ("7", "1m", Err(Refusal::BadText)),
    ] {
        assert_eq!(decode(&with("metadata", metadata), base).map(|_| ()), result, "{metadata} on {base}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(decode(&with("metadata", &deep), "1m"), Err(Refusal::BadText));
}

#[test]
fn a_single_frame_field_is_a_frame() {
    let base = tf("1s");
    let fields = literal();
    let record = FrameRecord::new(&decode(&fields, "1m").unwrap()).unwrap();
    let mut bytes = Vec::new();
    crate::feed::encode_frame(base, 7, &[record], &mut bytes).unwrap();
    let frame: (&[u8], &[u8]) = (b"frame", &bytes);
    let Ok(Entry::Frame(view)) = decode_entry([frame, (b"note", b"x")].into_iter(), base) else { panic!("no frame") };
    assert_eq!(view.len(), 1);
    let mixed = [frame, (b"symbol".as_slice(), b"SPY".as_slice())];
    assert_eq!(decode_entry(mixed.into_iter(), base).map(|_| ()), Err(Refusal::BadFrame));
    assert_eq!(decode_entry([frame, frame].into_iter(), base).map(|_| ()), Err(Refusal::RepeatedField));
}

#[test]
fn reads_the_existing_systems_stream() {
    let Some(path) = test_data("../wire/market_data_stream.jsonl.gz") else { return };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut count = 0;
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields: Fields = serde_json::from_value(entry["fields"].clone()).unwrap();
        let record = decode(&fields, "1m").unwrap_or_else(|refusal| panic!("{refusal:?}: {line}"));
        let close = &fields.iter().find(|(k, _)| k == "close").unwrap().1;
        assert_eq!(record.close, close.parse::<f64>().unwrap());
        count += 1;
    }
    assert_eq!(count, 780);
}

proptest! {
    #[test]
    fn never_panics_and_accepts_only_the_valid(
        names in prop::collection::vec(prop::sample::select(vec!["symbol", "timestamp", "open", "high", "low", "close", "volume", "price", "metadata", "frame", "x"]), 0..14),
        values in prop::collection::vec(prop_oneof![Just("1".to_owned()), Just("2025-07-08T14:30:00".to_owned()), "[ -~]{0,12}", "\\PC{0,6}"], 14)
    ) {
        let fields: Fields = names.iter().zip(&values).map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        if let Ok(Entry::Bar(record)) = decode_entry(fields.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())), tf("1m")) {
            prop_assert!(validate(&record).is_ok());
        }
    }

    #[test]
    fn one_broken_value_never_hides(index in 1usize..11, value in "\\PC{0,10}") {
        let mut fields = literal();
        fields[index].1.clone_from(&value);
        if let Ok(record) = decode(&fields, "1m") {
            prop_assert!(validate(&record).is_ok());
        }
    }
}

#[test]
fn a_heartbeat_is_read_with_the_symbols_that_it_leaves_out() {
    let decode = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        let found = decode_entry(fields.iter().map(|(k, v)| (&k[..], &v[..])), tf("1s"))?;
        let Entry::Heartbeat(heartbeat) = found else { panic!("{found:?}") };
        let except = heartbeat.except().map(|name| String::from_utf8(name.to_vec()).unwrap());
        Ok((heartbeat.end, except.collect::<Vec<_>>()))
    };
    let now = "1751985000000";
    assert_eq!(decode(&[("heartbeat", now), ("node", "7")]), Ok((1_751_985_000_000, vec![])));
    let except = decode(&[("except", "SPY, QQQ,,"), ("heartbeat", now)]).unwrap().1;
    assert_eq!(except, ["SPY", "QQQ"]);
    assert_eq!(decode(&[("heartbeat", now), ("symbol", "SPY")]), Err(Refusal::BadText));
    assert_eq!(decode(&[("heartbeat", "soon")]), Err(Refusal::NotANumber));
    assert_eq!(decode(&[("heartbeat", "18446744073709551615")]), Err(Refusal::BadTimestamp));
}
