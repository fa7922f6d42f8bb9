//! Tests of the frames: they say what fields and JSON say, whatever is said; and what is damaged is refused.

use super::*;
use crate::{
    model::{
        Candidate, Completeness, Composite, Directory, FrameHeader, Judged, Peer, Roster, Side, Signal, SignalKind,
        SourceId, StreamId, SymbolId, Timeframe, TimeframeId, TradingStyle, Weighed,
    },
    publish::{InputKind, Labels, OutputNames, SignalEntryError, SignalReader, SignalTexts, SignalWriter, Sources},
    redis_io::Commands,
};
use proptest::{prelude::*, strategy::ValueTree as _};
use std::collections::HashMap;

const KEY: &str = "wagehood:engine:names:main";

/// The commands of a batch, each as its arguments.
fn parsed(commands: &Commands) -> Vec<Vec<Vec<u8>>> {
    let (mut parser, mut rest) = (::redis::Parser::new(), commands.bytes());
    let mut next = || ::redis::from_redis_value(parser.parse_value(&mut rest).unwrap()).unwrap();
    (0..commands.count()).map(|_| next()).collect()
}

/// A server that keeps one stream and hashes, for what writers append.
#[derive(Default)]
struct Kept {
    entries: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
    hashes: HashMap<String, HashMap<String, String>>,
    lengths: Vec<String>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn pairs(args: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    args.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

impl Kept {
    fn run(&mut self, commands: &Commands) {
        for command in parsed(commands) {
            match &command[0][..] {
                b"HSET" => {
                    let hash = self.hashes.entry(text(&command[1])).or_default();
                    hash.extend(pairs(&command[2..]).iter().map(|(name, value)| (text(name), text(value))));
                }
                b"XADD" => {
                    let star = command.iter().position(|arg| arg == b"*").unwrap();
                    self.lengths.extend((star == 5).then(|| text(&command[4])));
                    self.entries.push(pairs(&command[star + 1..]));
                }
                other => panic!("{}", other.escape_ascii()),
            }
        }
    }

    fn signals(&self) -> Vec<SignalTexts> {
        let mut reader = SignalReader::default();
        let ask = |key: &str| Ok::<_, SignalEntryError>(self.hashes[key].clone());
        self.entries.iter().flat_map(|entry| reader.read(entry, ask).unwrap()).collect()
    }
}

fn directory() -> Directory {
    let timeframes: Vec<Timeframe> = ["1s", "1m", "5m", "1h"].iter().map(|tf| tf.parse().unwrap()).collect();
    let directory = Directory::new(4, &timeframes);
    for (k, name) in ["SPY", "A\"B,\\", "buy", "5m"].into_iter().enumerate() {
        directory.name_symbol(SymbolId(k as u16), name);
    }
    directory
}

fn frames(saved: &HashMap<String, String>, directory: &Directory) -> SignalWriter {
    let dictionary = Dictionary::new(KEY, saved, directory, &Roster::default()).unwrap();
    SignalWriter::Frames(Box::new(SignalFrames::new(dictionary, 10_000)))
}

/// A signal of which everything may be anything.
#[derive(Debug, Clone)]
struct Any {
    composite: Composite,
    stale: bool,
    judged: Judged,
    supporting: Vec<Peer>,
    opposing: Vec<Peer>,
    published_ms: i64,
}

fn real() -> impl proptest::strategy::Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1.0f64, 1 => Just(1e-5), 1 => Just(0.0), 1 => any::<f64>()]
}

fn strategy() -> impl proptest::strategy::Strategy<Value = crate::model::Strategy> {
    (0..=crate::model::Strategy::COUNT)
        .prop_map(|k| crate::model::Strategy::ALL.get(k).copied().unwrap_or(crate::model::Strategy::Probe))
}

fn kind() -> impl proptest::strategy::Strategy<Value = SignalKind> {
    (0..SignalKind::COUNT).prop_map(|k| Roster::default().kinds().nth(k).unwrap())
}

fn peers() -> impl proptest::strategy::Strategy<Value = Vec<Peer>> {
    let peer = (0..4usize, strategy(), kind(), real(), any::<i64>()).prop_map(
        |(timeframe, strategy, kind, confidence, bar_ts)| {
            let timeframe = TimeframeId::new(timeframe);
            Peer { timeframe, strategy, kind, confidence, bar_ts }
        },
    );
    prop::collection::vec(peer, 0..=7)
}

fn signal() -> impl proptest::strategy::Strategy<Value = Signal> {
    let place = (0..4u16, 0..4usize, strategy(), kind(), any::<bool>());
    let source = (any::<u64>(), any::<u64>(), prop_oneof![Just(0u32), Just(1), Just(SourceId::CLOCK)]);
    (place, source, any::<[i64; 2]>(), prop::array::uniform5(real()), real(), real()).prop_map(
        |(
            (symbol, timeframe, strategy, kind, buy),
            (ms, seq, input),
            [event_ts, bar_ts],
            factors,
            price,
            confidence,
        )| {
            let side = if buy { Side::Buy } else { Side::Sell };
            Signal {
                seq: 1,
                event_ts,
                arrival_ns: 0,
                source: SourceId { id: StreamId { ms, seq }, input },
                bar_ts,
                bar_index: 0,
                price,
                symbol: SymbolId(symbol),
                timeframe: TimeframeId::new(timeframe),
                strategy,
                candidate: Candidate { kind, side, confidence, factors },
                settled: true,
            }
        },
    )
}

fn anything() -> impl proptest::strategy::Strategy<Value = Any> {
    let judged = (
        prop::option::of(0..1_000u32),
        0..1_000u32,
        prop::option::of(real()),
        0..400u32,
        prop::option::of(any::<(bool, bool)>()),
    );
    let composite = (signal(), 0..3usize, prop::array::uniform3(real()), 0..3usize);
    (composite, any::<bool>(), judged, peers(), peers(), any::<i64>()).prop_map(
        |(
            (signal, style, [composite, strength, priority], history),
            stale,
            judged,
            supporting,
            opposing,
            published_ms,
        )| {
            let (n, wins, calibrated, learned, selected) = judged;
            let history = [Completeness::Complete, Completeness::SilentPeers, Completeness::Incomplete][history];
            let composite = Composite {
                signal,
                style: TradingStyle::ALL[style],
                composite_confidence: composite,
                correlation_strength: strength,
                priority,
                history,
            };
            let judged = Judged { n, wins, calibrated, learned, selected, hold: None, crossed: None };
            Any { composite, stale, judged, supporting, opposing, published_ms }
        },
    )
}

/// Writes signals in batches of this size, with every writer anew after some, as after a start.
fn written(make: impl Fn(&Kept) -> SignalWriter, all: &[Any], batch: usize, run: usize, labels: Labels<'_>) -> Kept {
    let (mut kept, mut names) = (Kept::default(), OutputNames::default());
    for run in all.chunks(run) {
        let mut writer = make(&kept);
        for batch in run.chunks(batch) {
            let mut commands = Commands::default();
            for any in batch {
                let Any { composite, stale, judged, supporting, opposing, published_ms } = any;
                let (stale, judged) = (*stale, *judged);
                let weighed = Weighed { composite, expires: 0, stale, supporting, opposing, judged };
                writer.write(&mut commands, &mut names, &weighed, labels, *published_ms);
            }
            writer.close(&mut commands, &names);
            assert_eq!(writer.pending_bytes(), 0);
            kept.run(&commands);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The same signals, in the same order, with the same words and numbers, in all forms.
    #[test]
    fn all_forms_say_the_same(
        all in prop::collection::vec(anything(), 1..24),
        batch in 1usize..9,
        run in 1usize..24,
    ) {
        let directory = directory();
        let file = InputKind::File { name: "a \"file\".csv".into() };
        let sources = Sources::new(vec![InputKind::Stream, file]);
        let labels = Labels { directory: &directory, sources: &sources };
        let fields = written(|_| SignalWriter::Fields, &all, batch, run, labels);
        let json = written(|_| SignalWriter::Json, &all, batch, run, labels);
        let packed = |kept: &Kept| frames(kept.hashes.get(KEY).unwrap_or(&HashMap::new()), &directory);
        let frames = written(packed, &all, batch, run, labels);
        prop_assert_eq!(fields.entries.len(), all.len());
        prop_assert_eq!(json.entries.len(), all.len());
        let batches: usize = all.chunks(run).map(|run| run.len().div_ceil(batch)).sum();
        prop_assert_eq!(frames.entries.len(), batches);
        let wanted = fields.signals();
        prop_assert_eq!(&frames.signals(), &wanted);
        // JSON has no numbers that are none.
        let none = |text: &str| ["nan", "inf", "-inf"].contains(&text);
        let finite = |all: Vec<SignalTexts>| -> Vec<SignalTexts> {
            let null = |(name, text): (String, String)| (name, if none(&text) { "null".to_owned() } else { text });
            all.into_iter().map(|signal| signal.into_iter().map(null).collect()).collect()
        };
        prop_assert_eq!(json.signals(), finite(wanted));
    }
}

fn one() -> Any {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    anything().new_tree(&mut runner).unwrap().current()
}

fn thousands(count: usize) -> Kept {
    let directory = directory();
    let sources = Sources::default();
    let labels = Labels { directory: &directory, sources: &sources };
    written(|_| frames(&HashMap::new(), &directory), &vec![one(); count], count, count, labels)
}

fn frame_of(kept: &Kept, entry: usize) -> &[u8] {
    &kept.entries[entry][0].1
}

#[test]
fn a_batch_is_an_entry_and_a_large_one_several() {
    let kept = thousands(2_500);
    let counts: Vec<usize> = (0..3).map(|k| SignalFrame::parse(frame_of(&kept, k)).unwrap().len()).collect();
    assert_eq!(counts, [1_024, 1_024, 452]);
    assert_eq!(kept.lengths, ["10000"; 3]);
    assert_eq!(kept.signals().len(), 2_500);
    // Four timeframes: a peer for each strategy on three others.
    let len = (184 + 3 * crate::model::Strategy::COUNT * 24usize).next_multiple_of(64);
    assert_eq!(frame_of(&kept, 2).len(), 24 + 452 * len);
    let description: serde_json::Value = serde_json::from_str(&kept.hashes[KEY][&format!("record:{len}")]).unwrap();
    let sizes = |fields: &serde_json::Value| -> u64 {
        let size = |field: &serde_json::Value| {
            let items = field.get(2).map_or(1, |shape| shape[0].as_u64().unwrap());
            match &field[1] {
                serde_json::Value::String(kind) if kind.starts_with('V') => kind[1..].parse::<u64>().unwrap(),
                serde_json::Value::String(kind) => kind[2..].parse::<u64>().unwrap() * items,
                _ => 24 * items,
            }
        };
        fields.as_array().unwrap().iter().map(size).sum()
    };
    assert_eq!((sizes(&description["record"]), sizes(&description["header"])), (len as u64, 24));
    assert_eq!(description["record_bytes"], len);
}

#[test]
fn what_is_damaged_is_refused() {
    let kept = thousands(3);
    let good = frame_of(&kept, 0).to_vec();
    assert!(SignalFrame::parse(&good).is_ok());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let refused = matches!(SignalFrame::parse(&bad), Err(SignalFrameError::Damaged));
        assert!(refused, "byte {at}");
    }
    let longer = [&good[..], &[0; 64]].concat();
    for bad in [&good[..good.len() - 1], &good[..24], &good[..10], &[], &longer] {
        assert_eq!(SignalFrame::parse(bad).err(), Some(SignalFrameError::Damaged));
    }
    let sealed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        let crc = FrameHeader::checksum(&frame);
        frame[20..24].copy_from_slice(&crc.to_le_bytes());
        SignalFrame::parse(&frame).err()
    };
    assert_eq!(sealed(&|frame| frame[0] = 2), Some(SignalFrameError::Version(0x5302)));
    assert_eq!(sealed(&|frame| frame[1] = 0x57), Some(SignalFrameError::Damaged));
    // More peers than the record has room for.
    assert_eq!(sealed(&|frame| frame[24 + 180] = 200), Some(SignalFrameError::Damaged));
    assert_eq!(sealed(&|frame| frame[2] = 7), Some(SignalFrameError::Damaged));
    assert_eq!(sealed(&|_| ()), None);
}

#[test]
fn names_that_are_gone_are_missed() {
    let kept = thousands(1);
    let frame = SignalFrame::parse(frame_of(&kept, 0)).unwrap();
    let all = &kept.hashes[KEY];
    assert_eq!(frame.check_names(&SignalNames::new(all.clone())), Ok(()));
    let mut more = all.clone();
    more.insert((all.len() - 1).to_string(), "NEW".to_owned());
    assert_eq!(frame.check_names(&SignalNames::new(more)), Ok(()), "new names are only added");
    let missing = frame.check_names(&SignalNames::default());
    assert!(matches!(missing, Err(SignalFrameError::Names { known: 0, .. })), "{missing:?}");
    let mut others = all.clone();
    others.insert("3".to_owned(), "x".to_owned());
    assert_eq!(frame.check_names(&SignalNames::new(others)), Err(SignalFrameError::OtherNames));
    // An engine does not go on with them.
    let mut hole = all.clone();
    hole.remove("3");
    let error = Dictionary::new(KEY, &hole, &directory(), &Roster::default()).unwrap_err();
    assert!(matches!(error, DictionaryError::Hole { missing: 3, .. }) && error.to_string().contains(KEY), "{error}");
    let full: HashMap<String, String> = (0..70_000).map(|k| (k.to_string(), format!("S{k}"))).collect();
    let error = Dictionary::new(KEY, &full, &directory(), &Roster::default()).unwrap_err();
    assert!(matches!(error, DictionaryError::Full { count: 70_000, .. }), "{error}");
}
