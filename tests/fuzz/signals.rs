//! Entries of signals, as readers take them: frames, and objects of JSON.

use crate::{
    harness::Target,
    mutate::Random,
    outcome::{Outcome, nothing},
};
use serde_json::{Map, Value};
use std::collections::HashMap;
use wagehood_engine::publish::{SignalEntryError, SignalFrame, SignalFrameError, SignalNames, SignalReader};

const HEADER: usize = 24;
const GRAIN: usize = 64;
/// The shortest record.
const RECORD: usize = 192;

pub const FRAMES: Target = Target {
    name: "signal-frame",
    check: frame,
    mend: mend_frame,
    words: &["\u{1}S", "\0\0\0\0", "\u{ff}\u{ff}", "\0\0\0\0\0\0\u{f0}?", "\u{1}\0", "\0\0\0\0\0\0\u{f8}\u{7f}"],
    // Texts of numbers, and of names with every peer.
    memory: (64 << 10, 64),
    made: made_frames,
};

pub const JSON: Target = Target {
    name: "signal-json",
    check: json,
    mend: nothing,
    words: &[
        "{\"signal_id\":\"",
        "\",\"",
        "\":",
        "\\\"",
        "\\u00e9",
        "[{\"a\":1},2]",
        "null",
        "1e-05",
        "{",
        "}",
        ",",
        "[",
        "]",
    ],
    memory: (64 << 10, 64),
    made: Vec::new,
};

/// Frames of so many records of so many bytes, all zeros.
fn made_frames() -> Vec<Vec<u8>> {
    [(1, RECORD), (3, RECORD), (7, 448), (100, 704)]
        .map(|(count, len)| sealed(vec![0; HEADER + count * len], count))
        .into()
}

/// With a header that fits.
fn sealed(mut frame: Vec<u8>, count: usize) -> Vec<u8> {
    frame[..2].copy_from_slice(&0x5301u16.to_le_bytes());
    frame[2..4].copy_from_slice(&(count as u16).to_le_bytes());
    checked(&mut frame);
    frame
}

fn checked(frame: &mut [u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..20]);
    crc.update(&frame[HEADER..]);
    frame[20..24].copy_from_slice(&crc.finalize().to_le_bytes());
}

/// Most frames are given a length, and nearly all the checksum, that fits what is in them.
fn mend_frame(input: &mut Vec<u8>, random: &mut Random) {
    if input.len() < HEADER || random.below(8) == 0 {
        return;
    }
    if random.below(4) > 0 {
        let len = RECORD + GRAIN * random.below(4);
        let count = ((input.len() - HEADER) / len).clamp(1, 1_024);
        input.resize(HEADER + count * len, 0);
        *input = sealed(std::mem::take(input), count);
    } else {
        checked(input);
    }
}

fn frame(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let frame = match SignalFrame::parse(input) {
        Ok(frame) => frame,
        Err(SignalFrameError::Damaged) => return outcome.add(1).get(),
        Err(SignalFrameError::Version(version)) => {
            assert_eq!(version >> 8, 0x53);
            return outcome.add(2).get();
        }
        Err(other) => panic!("{other}: names have not been looked at"),
    };
    let len = (input.len() - HEADER) / frame.len();
    assert!((1..=1_024).contains(&frame.len()) && len.is_multiple_of(GRAIN) && len >= RECORD);
    assert_eq!(input.len(), HEADER + frame.len() * len);
    let named = |(number, name): (usize, &str)| (number.to_string(), name.to_owned());
    let names = ["SPY", "1m", "day", "macd_rsi", "golden_cross a b\" c d e", "buy", "", " ", "\u{e9}\\"];
    let names = SignalNames::new(names.into_iter().enumerate().map(named).collect());
    outcome.add(match frame.check_names(&names) {
        Ok(()) => 3,
        Err(SignalFrameError::Names { .. }) => 4,
        Err(_) => 5,
    });
    let mut count = 0;
    for ((record, _), texts) in frame.records().zip(frame.fields(&names)) {
        count += 1;
        let text = |name: &str| &texts.iter().find(|(field, _)| field == name).unwrap().1;
        for (name, peers) in [("supporting", record.supporting), ("opposing", record.opposing)] {
            let found: Vec<Map<String, Value>> = serde_json::from_str(text(name)).unwrap();
            assert_eq!(found.len(), usize::from(peers));
        }
        let factors: Map<String, Value> = serde_json::from_str(text("factors")).unwrap();
        outcome.add(factors.len() as u64).add((texts.len() - 18) as u64);
    }
    assert_eq!(count, frame.len());
    outcome.get()
}

fn json(input: &[u8]) -> u64 {
    let entry = [(b"signal".to_vec(), input.to_vec())];
    let none = |key: &str| -> Result<HashMap<String, String>, SignalEntryError> { panic!("{key}: JSON has no names") };
    let read = SignalReader::default().read(&entry, none);
    let parsed: Option<Map<String, Value>> = serde_json::from_slice(input).ok();
    let mut outcome = Outcome::default();
    match &read {
        Err(error) => {
            assert_eq!(*error, SignalEntryError::Json);
            outcome.add(1);
        }
        Ok(signals) => {
            outcome.add(2).add(signals[0].len() as u64);
        }
    }
    // An object as the engine writes them: without white space, and without a name twice.
    if let Some(object) = parsed.filter(|object| serde_json::to_vec(object).is_ok_and(|text| text == input)) {
        let texts = &read.expect("a good object is read")[0];
        let pairs =
            object.iter().map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned)));
        assert_eq!(texts, &pairs.collect::<Vec<_>>());
        outcome.add(3);
    }
    outcome.get()
}
