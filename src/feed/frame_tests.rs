//! Tests of the frames: what is written can be read, and everything else is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::feed::validate;
use proptest::prelude::*;

fn tf(text: &str) -> Timeframe {
    text.parse().unwrap()
}

fn sample(i: usize) -> FrameRecord {
    let mut symbol = [0; 16];
    let name = format!("SYM{i}");
    symbol[..name.len()].copy_from_slice(name.as_bytes());
    let p = 100.0 + i as f64;
    FrameRecord {
        symbol,
        ts: 1_751_985_000_000 + i as i64,
        open: p,
        high: p + 1.0,
        low: p - 1.0,
        close: p + 0.5,
        volume: 10.0,
        vwap: if i.is_multiple_of(2) { f64::NAN } else { p },
        trades: 3,
        reserved: 0,
    }
}

fn frame(count: usize) -> Vec<u8> {
    let records: Vec<_> = (0..count).map(sample).collect();
    let mut out = Vec::new();
    encode_frame(tf("1s"), 99, &records, &mut out).unwrap();
    out
}

/// Repairs the checksum of a frame that a test has changed.
fn reseal(frame: &mut [u8]) {
    let crc = FrameHeader::checksum(frame);
    frame[20..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
}

fn refusal(bytes: &[u8]) -> Option<Refusal> {
    FrameView::parse(bytes, tf("1s")).err()
}

/// A record's bytes, written by hand.
fn by_hand(record: &FrameRecord) -> Vec<u8> {
    let FrameRecord { symbol, ts, open, high, low, close, volume, vwap, trades, reserved } = record;
    let mut bytes = symbol.to_vec();
    bytes.extend(ts.to_le_bytes());
    bytes.extend([open, high, low, close, volume, vwap].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend([trades, reserved].iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

#[test]
fn bincode_writes_the_bytes_of_the_structures() {
    let record = sample(1);
    let bytes = by_hand(&record);
    assert_eq!(bincode::encode_to_vec(record, BINCODE).unwrap(), bytes);
    assert_eq!(bincode::encode_to_vec(record, bincode::config::legacy()).unwrap(), bytes);
    let header = FrameHeader { version: VERSION, count: 3, of: 60, time_ns: u64::MAX - 1, flags: 0, crc: 5 };
    let words = [0x0003_5701_u32, 60, u32::MAX - 1, u32::MAX, 0, 5];
    let expected: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(bincode::encode_to_vec(header, BINCODE).unwrap(), expected);
    let (back, used): (FrameRecord, usize) = bincode::decode_from_slice(&bytes, BINCODE).unwrap();
    assert_eq!((back, used), (record, RECORD_LEN));
}

#[test]
fn the_bytes_are_the_documented_ones() {
    let bytes = frame(2);
    assert_eq!(bytes.len(), 24 + 2 * 80);
    assert_eq!(bytes[..16], [1, 0x57, 2, 0, 1, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&bytes[24..29], b"SYM0\0");
    assert_eq!(bytes[40..48], 1_751_985_000_000i64.to_le_bytes());
    assert_eq!(bytes[48..56], 100.0f64.to_le_bytes());
}

#[test]
fn reads_back_at_every_alignment() {
    for count in [1, 2, 1_024] {
        let bytes = frame(count);
        let mut shifted = vec![0; bytes.len() + 8];
        for shift in 0..8 {
            shifted[shift..shift + bytes.len()].copy_from_slice(&bytes);
            let view = FrameView::parse(&shifted[shift..shift + bytes.len()], tf("1s")).unwrap();
            assert_eq!((view.len(), view.ingest_ns()), (count, 99));
            for (i, record) in view.records().enumerate() {
                assert_eq!(record.symbol, format!("SYM{i}").as_bytes());
                assert_eq!(record.interval, tf("1s"));
                assert_eq!(record.ingest_ns, 99);
                assert_eq!(by_hand(&FrameRecord::new(&record).unwrap()), by_hand(&sample(i)));
                assert_eq!(validate(&record), Ok(()));
            }
        }
    }
}

#[test]
fn limits_and_versions_are_kept() {
    let mut out = vec![7];
    assert!(matches!(encode_frame(tf("1s"), 0, &[], &mut out), Err(FrameError::Count(0))));
    let many = vec![sample(0); MAX_FRAME_RECORDS + 1];
    assert!(matches!(encode_frame(tf("1s"), 0, &many, &mut out), Err(FrameError::Count(1_025))));
    assert_eq!(out, [7]);
    assert_eq!(FrameView::parse(&frame(1), tf("1m")).err(), Some(Refusal::WrongTimeframe));
    for (offset, value) in [(0, 2), (1, 0), (2, 2), (2, 0), (16, 1)] {
        let mut bytes = frame(1);
        bytes[offset] = value;
        reseal(&mut bytes);
        assert_eq!(refusal(&bytes), Some(Refusal::BadFrame), "byte {offset} = {value}");
    }
    // One record too many, otherwise consistent.
    let mut bytes = frame(MAX_FRAME_RECORDS);
    bytes.extend_from_slice(&by_hand(&sample(0)));
    bytes[2..4].copy_from_slice(&1_025u16.to_le_bytes());
    reseal(&mut bytes);
    assert_eq!(refusal(&bytes), Some(Refusal::BadFrame));
    let mut empty = frame(1)[..HEADER_LEN].to_vec();
    empty[2] = 0;
    reseal(&mut empty);
    assert_eq!(refusal(&empty), Some(Refusal::BadFrame));
}

#[test]
fn a_bad_record_is_left_to_validation() {
    let mut bad = sample(0);
    bad.symbol = *b"AB\0CD\0\0\0\0\0\0\0\0\0\0\0";
    let mut nameless = sample(0);
    nameless.symbol = [0; 16];
    let mut out = Vec::new();
    encode_frame(tf("1s"), 0, &[bad, nameless, sample(2)], &mut out).unwrap();
    let results: Vec<_> = FrameView::parse(&out, tf("1s")).unwrap().records().map(|r| validate(&r)).collect();
    assert_eq!(results, [Err(Refusal::BadText), Err(Refusal::BadText), Ok(())]);
}

#[test]
fn a_record_has_no_time_that_no_text_could_have() {
    let mut form = crate::feed::EntryForm::new(tf("1w"));
    let last = 7_289_654_399_999;
    for (ts, good) in [(i64::MIN, false), (-1, false), (0, true), (last, true), (last + 1, false), (i64::MAX, false)] {
        let mut out = Vec::new();
        encode_frame(tf("1w"), 0, &[FrameRecord { ts, ..sample(0) }], &mut out).unwrap();
        let record = FrameView::parse(&out, tf("1w")).unwrap().records().next().unwrap();
        let taken = form.frames.take(record).map(|record| record.ts);
        assert_eq!(taken, if good { Ok(ts) } else { Err(Refusal::BadTimestamp) }, "{ts}");
    }
}

#[test]
fn long_symbols_do_not_fit() {
    let bytes = frame(1);
    let mut record = FrameView::parse(&bytes, tf("1s")).unwrap().records().next().unwrap();
    record.symbol = b"0123456789abcdef";
    assert_eq!(FrameRecord::new(&record).map(|r| r.symbol), Some(*b"0123456789abcdef"));
    record.symbol = b"0123456789abcdefg";
    assert!(FrameRecord::new(&record).is_none());
}

proptest! {
    #[test]
    fn every_truncation_and_extension_is_refused(count in 1usize..5, cut in 0usize..424, more in prop::collection::vec(any::<u8>(), 1..100)) {
        let bytes = frame(count);
        if cut < bytes.len() {
            prop_assert_eq!(refusal(&bytes[..cut]), Some(Refusal::BadFrame));
        }
        prop_assert_eq!(refusal(&[bytes.as_slice(), &more].concat()), Some(Refusal::BadFrame));
    }

    #[test]
    fn every_flipped_bit_is_noticed(count in 1usize..5, position: prop::sample::Index, bit in 0..8) {
        let mut bytes = frame(count);
        let at = position.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert_eq!(refusal(&bytes), Some(Refusal::BadFrame));
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), sealed: bool) {
        let mut bytes = bytes;
        if sealed && bytes.len() >= HEADER_LEN {
            bytes[..2].copy_from_slice(&VERSION.to_le_bytes());
            reseal(&mut bytes);
        }
        if let Ok(view) = FrameView::parse(&bytes, tf("1s")) {
            for record in view.records() {
                let _ = validate(&record);
            }
        }
    }

    #[test]
    fn any_values_survive(numbers in prop::array::uniform6(any::<u64>()), ts: i64, trades: u32) {
        let [open, high, low, close, volume, vwap] = numbers.map(f64::from_bits);
        let record = FrameRecord { ts, open, high, low, close, volume, vwap, trades, ..sample(0) };
        let mut out = Vec::new();
        encode_frame(tf("1w"), 1, &[record], &mut out).unwrap();
        let view = FrameView::parse(&out, tf("1w")).unwrap();
        let back = view.records().next().and_then(|r| FrameRecord::new(&r)).unwrap();
        prop_assert_eq!(by_hand(&back), by_hand(&record));
    }
}
