//! Snapshots: what is taken over for state must run on, whatever somebody has written into it.

use crate::{harness::Target, mutate::Random, outcome::Outcome};
use std::{
    io::{Read, Write},
    sync::{Arc, OnceLock},
};
use wagehood_engine::{
    aggregate::TimeBarAggregator,
    config::{Config, Layer, Plan},
    correlate::Correlator,
    engine::{Keys, Of, Restored},
    feed::{Admission, streams::Order},
    model::{Bar, Directory, Signal, SourceId, StreamId, SymbolId, TimeframeId},
    publish::Latest,
    state::{
        Contents, FileFault, InputPosition, Meta, ReaderState, Snapshot, SnapshotFile, StateError, push_record, put,
        read_snapshot,
    },
    strategies::{Cell, CellLayout},
};

pub const SNAPSHOT: Target = Target {
    name: "snapshot",
    check: snapshot,
    mend,
    words: &["WAGESNAP", "\0\0\0\0\0\0\0\0", "\u{1}\0\0\0\0\0\0\0", "\0\0\0\0\0\0\u{f0}?"],
    // Whatever a length says, no list is given more than 64 MiB.
    memory: (80 << 20, 256),
    made,
};

const HEADER_LEN: usize = 60;
const FOOTER_LEN: usize = 20;
/// 2025-07-08T14:30:00Z.
const START_MS: i64 = 1_751_985_000_000;
const MINUTE_MS: i64 = 60_000;

fn plan() -> &'static Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| {
        let text = "watchlist = [{symbol = \"A\"}, {symbol = \"B\"}]\n[timeframes]\nlist = [\"1m\", \"5m\"]\nbuffer_size = 2\n\
                    [[input.streams]]\nname = \"s\"\ntimeframe = \"1m\"\n";
        let layer = Layer::File { name: "plan".to_owned(), bytes: text.as_bytes().to_vec() };
        Arc::new(Config::load(&[layer]).unwrap().config.plan())
    })
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::new(plan(), true, &Arc::new(Directory::new(2, &plan().timeframes))))
}

/// Appends a record with the key that the engine gives it.
fn push(
    out: &mut Vec<u8>,
    of: Of,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let (part, hash) = keys().part(of);
    push_record(out, part, hash, write)
}

/// The stages of an engine, one after the other.
struct World {
    admission: Admission,
    aggregator: TimeBarAggregator,
    layouts: Vec<CellLayout>,
    /// By symbol and timeframe.
    cells: Vec<Vec<Cell>>,
    correlator: Correlator,
    latest: Latest,
    /// By symbol and timeframe: bars until history that is missing no longer matters.
    unsettled: Vec<u32>,
    signals: u64,
}

impl World {
    fn new(plan: &Plan) -> Self {
        let layouts: Vec<CellLayout> = plan.params.iter().map(|params| CellLayout::new(params.clone(), true)).collect();
        let cell = |(layout, spec): (&CellLayout, &wagehood_engine::config::CellSpec)| {
            Cell::new(layout, spec.method, spec.price_scale, spec.buffer_size)
        };
        let mut latest = Latest::new(plan.timeframes.len(), &plan.roster);
        plan.assets.iter().for_each(|_| latest.add_symbol());
        Self {
            admission: Admission::new(plan),
            aggregator: TimeBarAggregator::new(plan),
            cells: plan.assets.iter().map(|asset| layouts.iter().zip(&asset.cells).map(cell).collect()).collect(),
            layouts,
            correlator: Correlator::new(plan),
            latest,
            unsettled: vec![0; plan.assets.len() * plan.timeframes.len()],
            signals: 0,
        }
    }

    /// Takes so many minutes of a market that swings about.
    fn run(&mut self, minutes: std::ops::Range<i64>) {
        for minute in minutes {
            for symbol in 0..2u16 {
                let price = 100.0 + f64::from(symbol) + 20.0 * (minute as f64 / 17.0).sin() + (minute % 7) as f64;
                let bar = Bar {
                    ts: START_MS + minute * MINUTE_MS,
                    open: price,
                    high: price + 1.0,
                    low: price - 1.0,
                    close: price + 0.5,
                    volume: 1_000.0 + (minute % 5) as f64 * 400.0,
                    vwap: price,
                    trades: 1,
                    symbol: SymbolId(symbol),
                    seq_delta: 0,
                    timeframe: TimeframeId::new(0),
                };
                self.bar(&bar, minute as u64);
            }
        }
    }

    fn bar(&mut self, bar: &Bar, seq: u64) {
        let (cells, layouts, mut group) = (&mut self.cells, &self.layouts, Vec::new());
        self.aggregator.on_bar(bar, &mut |closed: Bar| {
            // As the workers find their cells.
            let (symbol, timeframe) = (closed.symbol.index(), closed.timeframe.index());
            let cell = &mut cells[symbol][timeframe];
            let mut said = Vec::new();
            cell.on_bar(&layouts[timeframe], &closed, |strategy, candidate| said.push((strategy, candidate)));
            group.extend(said.into_iter().map(|(strategy, candidate)| Signal {
                seq,
                event_ts: closed.ts,
                arrival_ns: 0,
                source: SourceId::line(0, seq),
                bar_ts: closed.ts,
                bar_index: cell.bars(),
                price: cell.price(),
                symbol: closed.symbol,
                timeframe: closed.timeframe,
                strategy,
                candidate,
                settled: true,
            }));
        });
        for symbol in 0..2 {
            let mut own: Vec<Signal> =
                group.iter().filter(|signal| signal.symbol == SymbolId(symbol)).copied().collect();
            let (latest, signals) = (&mut self.latest, &mut self.signals);
            self.correlator.on_group(&mut own, |verdict| {
                *signals += 1;
                if let wagehood_engine::correlate::Verdict::Publish(weighed) = verdict {
                    latest.signal(&weighed);
                }
            });
        }
    }

    fn parts(&self) -> Result<Vec<Vec<u8>>, StateError> {
        let position = InputPosition {
            name: "s".to_owned(),
            id: StreamId { ms: START_MS as u64, seq: 3 },
            number: 7,
            offset_ms: 0,
        };
        let mut order = Order::default();
        let _ = order.entry(SourceId { id: StreamId { ms: START_MS as u64, seq: 3 }, input: 0 });
        let mut first = Vec::new();
        push(&mut first, Of::Reader, |out| {
            put(out, &ReaderState { inputs: vec![position] })?;
            self.admission.save(|symbol| keys().symbol(symbol), out)
        })?;
        push(&mut first, Of::Aggregator, |out| {
            put(out, &7u64)?;
            self.aggregator.save(keys().bar_columns(), |symbol| keys().symbol(symbol), out)
        })?;
        push(&mut first, Of::Publisher, |out| put(out, &(7u64, order)))?;
        let (mut second, mut third) = (Vec::new(), Vec::new());
        for (symbol, cells) in (0..).map(SymbolId).zip(&self.cells) {
            for (timeframe, (cell, layout)) in cells.iter().zip(&self.layouts).enumerate() {
                push(&mut second, Of::Cell(symbol, TimeframeId::new(timeframe)), |out| {
                    put(out, &self.unsettled[symbol.index() * self.layouts.len() + timeframe])?;
                    cell.write_state(layout, out);
                    Ok(())
                })?;
            }
            push(&mut third, Of::Symbol(symbol), |out| {
                keys().save_table(symbol, out)?;
                self.correlator.save(symbol, out)?;
                self.latest.save(symbol, out)
            })?;
        }
        Ok(vec![first, second, third])
    }

    /// As the agents take their parts over.
    fn restore(plan: &Plan, mut restored: Restored) -> Self {
        let mut world = Self::new(plan);
        world.admission.restore(&restored.admission, |symbol, timeframe| restored.open_bars.end(symbol, timeframe));
        world.aggregator.restore(&restored.open_bars);
        for (symbol, (signals, latest)) in (0..).map(SymbolId).zip(&restored.symbols) {
            world.correlator.restore(symbol, signals);
            world.latest.restore(symbol, latest, |signal| world.correlator.expires(signal));
        }
        let cells = world.cells.iter_mut().flatten().zip(&mut world.unsettled);
        for ((cell, unsettled), state) in cells.zip(&mut restored.cells) {
            if let Some(state) = state.take() {
                (*unsettled, *cell) = (state.unsettled, state.cell);
            }
        }
        world
    }
}

/// The bytes of a file of these chunks.
fn file(meta: &Meta, chunks: &[&[u8]]) -> Vec<u8> {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let path = dir.path().join("a.snapshot");
    let mut file = SnapshotFile::create(&path, meta).unwrap();
    chunks.iter().for_each(|chunk| file.chunk(chunk).unwrap());
    file.finish().unwrap();
    std::fs::read(path).unwrap()
}

const META: Meta = Meta { origin: 1, created_ms: START_MS };

/// Minutes of the market behind the golden snapshot.
const GOLDEN_MINUTES: i64 = 300;

/// The snapshot of this version's layout as it was written on another day: it is read, means what it meant, and is
/// written again byte for byte. Where a record's version is raised, this file stays to be read and a new one joins it.
fn golden() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/state/stages.snapshot.gz");
    let Ok(packed) = std::fs::File::open(path) else {
        let mut world = World::new(plan());
        world.run(0..GOLDEN_MINUTES);
        let parts = world.parts().unwrap();
        let bytes = file(&META, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let out = std::fs::File::create(path).unwrap();
        let mut out = flate2::write::GzEncoder::new(out, flate2::Compression::best());
        out.write_all(&bytes).unwrap();
        out.finish().unwrap();
        panic!("{path} was missing and is made anew: look at it");
    };
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let snapshot = Snapshot::parse(bytes.clone()).unwrap();
    assert_eq!(snapshot.meta, META);
    for (part, record) in snapshot.records() {
        assert_eq!(record.version, part.version(), "{part:?}");
    }
    let state = Restored::of(keys(), &snapshot).unwrap();
    assert_eq!(state.cold, []);
    let id = StreamId { ms: START_MS as u64, seq: 3 };
    assert_eq!(state.inputs, [InputPosition { name: "s".to_owned(), id, number: 7, offset_ms: 0 }]);
    assert_eq!(state.seq, 7);
    let bars = |place: usize| state.cells[place].as_ref().unwrap().cell.bars();
    // By symbol: as many minutes as there were, and the groups of five that were closed by a later minute.
    let five = (GOLDEN_MINUTES / 5) as u64;
    assert_eq!([bars(0), bars(2)], [GOLDEN_MINUTES as u64; 2]);
    assert!([bars(1), bars(3)].iter().all(|&bars| bars == five || bars == five - 1), "{} {}", bars(1), bars(3));
    let price = |place: usize| state.cells[place].as_ref().unwrap().cell.price();
    let last = GOLDEN_MINUTES - 1;
    let close = 100.5 + 20.0 * (last as f64 / 17.0).sin() + (last % 7) as f64;
    assert!((price(0) - close).abs() < 1e-9 && (price(2) - close - 1.0).abs() < 1e-9, "{} {}", price(0), price(2));
    let again = World::restore(plan(), state).parts().unwrap();
    let Contents { chunks, .. } = read_snapshot(&bytes).unwrap();
    assert!(again.iter().map(Vec::as_slice).eq(chunks), "the layout is another one and has the old version");
    bytes
}

/// Snapshots of this version: of another day, of the beginning, of the first bars, of windows that are full.
pub fn made() -> Vec<Vec<u8>> {
    let meta = META;
    let make = |minutes| {
        let mut world = World::new(plan());
        world.run(0..minutes);
        let parts = world.parts().unwrap();
        let file = file(&meta, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let again = Snapshot::parse(file.clone()).unwrap();
        let state = Restored::of(keys(), &again).unwrap();
        assert_eq!(state.cold, []);
        // What goes on from it does what the one before would have done.
        let mut restored = World::restore(plan(), state);
        assert_eq!(restored.parts().unwrap(), parts);
        restored.run(minutes..minutes + 50);
        world.run(minutes..minutes + 50);
        assert_eq!(restored.parts().unwrap(), world.parts().unwrap());
        assert!(minutes < 1_000 || world.signals > 0, "nothing has been said");
        file
    };
    std::iter::once(golden()).chain([0, 30, 1_500].map(make)).collect()
}

fn snapshot(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let (meta, chunks, writer) = match read_snapshot(input) {
        Ok(Contents { meta, chunks, writer }) => (meta, chunks, writer),
        Err(fault) => return outcome.add(fault_number(&fault)).get(),
    };
    if input.len() < 4_096 && writer == env!("CARGO_PKG_VERSION") {
        assert!(file(&meta, &chunks) == input, "what is read is not what is written");
    }
    let snapshot = match Snapshot::parse(input.to_vec()) {
        Ok(snapshot) => snapshot,
        Err(fault) => return outcome.add(100).add(fault_number(&fault)).get(),
    };
    let restored = match Restored::of(keys(), &snapshot) {
        Ok(restored) => restored,
        Err(error) => {
            let kind: Vec<u8> = error.to_string().bytes().filter(|byte| !byte.is_ascii_digit()).collect();
            return outcome.add(200).add(crc32fast::hash(&kind).into()).get();
        }
    };
    // What was found good must run on, whole or in part.
    let cold = restored.cold.len() as u64;
    let mut world = World::restore(plan(), restored);
    world.run(1_500..1_530);
    world.parts().expect("what runs can be saved");
    outcome.add(300).add(cold).add(u64::from(world.signals > 0)).get()
}

fn fault_number(fault: &FileFault) -> u64 {
    let text = if fault.is_of_version() { "version".to_owned() } else { fault.to_string() };
    crc32fast::hash(text.as_bytes()).into()
}

/// Most files are given the checksums that fit what is in them, and some the lengths of chunks and their number.
fn mend(input: &mut Vec<u8>, random: &mut Random) {
    if input.len() < HEADER_LEN + FOOTER_LEN || random.below(16) == 0 {
        return;
    }
    let sum = crc32fast::hash(&input[..HEADER_LEN - 4]).to_le_bytes();
    input[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&sum);
    let (end, mut at, mut number, mut total) = (input.len() - FOOTER_LEN, HEADER_LEN, 0u32, 0u64);
    let mut sums = crc32fast::Hasher::new();
    while at + 8 <= end {
        let wanted = u32::from_le_bytes(*input[at..].first_chunk().unwrap()) as usize;
        // The last takes what is left.
        let len = if at + 8 + wanted <= end { wanted } else { end - at - 8 };
        input[at..at + 4].copy_from_slice(&(len as u32).to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&number.to_le_bytes());
        sum.update(&(len as u32).to_le_bytes());
        sum.update(&input[at + 8..at + 8 + len]);
        let sum = sum.finalize().to_le_bytes();
        input[at + 4..at + 8].copy_from_slice(&sum);
        sums.update(&sum);
        (at, number, total) = (at + 8 + len, number + 1, total + len as u64);
    }
    input.truncate(at);
    let mut footer = [&u32::MAX.to_le_bytes()[..], &number.to_le_bytes(), &total.to_le_bytes()].concat();
    sums.update(&footer);
    footer.extend_from_slice(&sums.finalize().to_le_bytes());
    input.extend_from_slice(&footer);
}
