//! Snapshots: what is taken over for state must run on, whatever somebody has written into it.

use crate::{harness::Target, mutate::Random, outcome::Outcome};
use std::{
    io::{Read, Write},
    sync::{Arc, OnceLock},
};
use wagehood_engine::{
    aggregate::{Closings, Drifts, TimeBarAggregator},
    config::{CellSpec, Config, Layer, Plan},
    correlate::Correlator,
    engine::{Keys, Of, Restored},
    feed::{Admission, streams::Order},
    judge::{Judge, Liquidities, Pulses, Trails},
    model::{
        Bar, Candidate, Composite, Directory, Judged, LiquiditySwitch, Signal, SignalOutcome, SourceId, Strategy,
        StreamId, Surroundings, SymbolId, TimeframeId,
    },
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
                    [[input.streams]]\nname = \"s\"\ntimeframe = \"1m\"\n\
                    [calibration]\nenabled = true\nmarket = [\"A\"]\n[selection]\nmin_outcomes = 3\n\
                    [performance]\nenabled = true\nby_symbol = \"full\"\n";
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

/// What follows the cells, and says what their signals are worth.
struct Following {
    trails: Trails,
    pulses: Pulses,
    liquidities: Liquidities,
    drifts: Drifts,
    judge: Judge,
}

impl Following {
    fn new(plan: &Plan) -> Self {
        let (mut trails, mut pulses, mut liquidities) = (Trails::default(), Pulses::default(), Liquidities::default());
        let mut drifts = Drifts::new(plan.timeframes.len(), true);
        for asset in &plan.assets {
            let in_market = plan.calibration.is_market(&asset.symbol);
            drifts.add_symbol(in_market);
            for _ in &plan.timeframes {
                trails.add();
                pulses.add(in_market);
                liquidities.add();
            }
        }
        Self { trails, pulses, liquidities, drifts, judge: Judge::new(plan) }
    }
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
    following: Option<Following>,
}

/// What a base bar has brought about.
struct Closed<'a> {
    cells: &'a mut [Vec<Cell>],
    layouts: &'a [CellLayout],
    following: Option<&'a mut Following>,
    seq: u64,
    signals: Vec<Signal>,
    outcomes: Vec<SignalOutcome>,
    around: Vec<Surroundings>,
    switches: Vec<LiquiditySwitch>,
}

impl Closings for Closed<'_> {
    fn base(&mut self, bar: &Bar, _end: i64, fed: u32) {
        if let Some(following) = &mut self.following {
            following.drifts.base(bar, fed);
        }
    }

    /// As the workers follow their cells.
    fn closed(&mut self, bar: Bar) {
        let Bar { symbol, timeframe, .. } = bar;
        let interval_ms = plan().timeframes[timeframe.index()].interval_ms();
        let (seq, event_ts) = (self.seq, bar.ts + interval_ms);
        let cell = &mut self.cells[symbol.index()][timeframe.index()];
        let mut said: Vec<(Strategy, Candidate)> = Vec::new();
        cell.on_bar(&self.layouts[timeframe.index()], &bar, |strategy, candidate| said.push((strategy, candidate)));
        if let Some(Following { trails, pulses, liquidities, drifts, .. }) = &mut self.following {
            let number = symbol.index() * self.layouts.len() + timeframe.index();
            let missing = |end: i64, start: i64| (start - end) / interval_ms;
            if let Some((liquid, share)) = liquidities.on_bar(number, (bar.ts, event_ts), missing) {
                self.switches.push(LiquiditySwitch { seq, event_ts, symbol, timeframe, liquid, share });
            }
            let sigma = pulses.on_bar(number, &bar, drifts.of(&bar));
            if !said.is_empty() {
                let values = pulses.surroundings(number);
                self.around.push(Surroundings { seq, event_ts, symbol, timeframe, values });
            }
            let fired = said.iter().map(|(strategy, candidate)| (*strategy, candidate));
            trails.on_bar(number, &bar, (seq, event_ts), (cell.price(), sigma), fired, |due| self.outcomes.push(due));
        }
        self.signals.extend(said.into_iter().map(|(strategy, candidate)| Signal {
            seq,
            event_ts,
            arrival_ns: 0,
            source: SourceId::line(0, seq),
            bar_ts: bar.ts,
            bar_index: cell.bars(),
            price: cell.price(),
            symbol,
            timeframe,
            strategy,
            candidate,
            settled: true,
        }));
    }
}

impl World {
    fn new(plan: &Plan, follows: bool) -> Self {
        let layouts: Vec<CellLayout> = plan.params.iter().map(|params| CellLayout::new(params.clone(), true)).collect();
        let cell = |(layout, spec): (&CellLayout, &CellSpec)| {
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
            following: follows.then(|| Following::new(plan)),
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
        let mut closed = Closed {
            cells: &mut self.cells,
            layouts: &self.layouts,
            following: self.following.as_mut(),
            seq,
            signals: Vec::new(),
            outcomes: Vec::new(),
            around: Vec::new(),
            switches: Vec::new(),
        };
        self.aggregator.on_bar_followed(bar, &mut closed);
        let Closed { signals: group, outcomes, around, switches, .. } = closed;
        if let Some(Following { judge, .. }) = &mut self.following {
            around.iter().for_each(|around| judge.surround(around));
            switches.iter().for_each(|switch| judge.switch_cell(switch));
            assert!(judge.settle(&outcomes, |_| {}) <= outcomes.len() as u64);
        }
        for symbol in 0..2 {
            let mut own: Vec<Signal> =
                group.iter().filter(|signal| signal.symbol == SymbolId(symbol)).copied().collect();
            let (latest, signals, following) = (&mut self.latest, &mut self.signals, &mut self.following);
            let judge = |composite: &Composite, weights| match following {
                Some(following) => following.judge.judge(composite, weights),
                None => Judged::NOTHING,
            };
            self.correlator.on_group_judged(&mut own, judge, |verdict| {
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
        if let Some(Following { drifts, .. }) = &self.following {
            let timeframes = keys().bar_columns().map(|column| column.timeframe);
            push(&mut first, Of::Drifts, |out| drifts.save(timeframes, |symbol| keys().symbol(symbol), out))?;
        }
        let (mut second, mut third) = (Vec::new(), Vec::new());
        for (symbol, cells) in (0..).map(SymbolId).zip(&self.cells) {
            for (timeframe, (cell, layout)) in cells.iter().zip(&self.layouts).enumerate() {
                push(&mut second, Of::Cell(symbol, TimeframeId::new(timeframe)), |out| {
                    put(out, &self.unsettled[symbol.index() * self.layouts.len() + timeframe])?;
                    cell.write_state(layout, out);
                    Ok(())
                })?;
                self.push_trail(&mut second, symbol, TimeframeId::new(timeframe))?;
            }
            push(&mut third, Of::Symbol(symbol), |out| {
                keys().save_table(symbol, out)?;
                self.correlator.save(symbol, out)?;
                self.latest.save(symbol, out)
            })?;
            if let Some(Following { judge, .. }) = &self.following {
                push(&mut third, Of::Worth(symbol), |out| {
                    keys().save_table(symbol, out)?;
                    judge.save(symbol, out)
                })?;
            }
        }
        if let Some(Following { judge, .. }) = &self.following {
            for key in 0..judge.book().keys() {
                let (timeframe, name) = judge.book().names().name(key);
                if judge.book().accounts(key).iter().any(|account| account.n() + account.void() > 0) {
                    push(&mut third, Of::Account(timeframe, name), |out| judge.book().save_key(key, out))?;
                }
            }
            push(&mut third, Of::Quality, |out| judge.quality().save(out))?;
        }
        Ok(vec![first, second, third])
    }

    fn push_trail(&self, out: &mut Vec<u8>, symbol: SymbolId, timeframe: TimeframeId) -> Result<(), StateError> {
        let Some(Following { trails, pulses, liquidities, .. }) = &self.following else { return Ok(()) };
        let number = symbol.index() * self.layouts.len() + timeframe.index();
        let of_cell = (trails.get(number).unwrap(), pulses.get(number).unwrap(), liquidities.get(number).unwrap());
        push(out, Of::Trail(symbol, timeframe), |out| {
            let (trail, pulse, liquidity) = of_cell;
            trail.save(&plan().roster, out)?;
            put(out, &(true, true))?;
            pulse.save(out)?;
            liquidity.save(out)
        })
    }

    /// As the agents take their parts over.
    fn restore(plan: &Plan, mut restored: Restored, follows: bool) -> Self {
        let mut world = Self::new(plan, follows);
        world.admission.restore(&restored.admission, |symbol, timeframe| restored.open_bars.end(symbol, timeframe));
        world.aggregator.restore(&restored.open_bars);
        for (symbol, (signals, latest)) in (0..).map(SymbolId).zip(&restored.symbols) {
            world.correlator.restore(symbol, signals);
            world.latest.restore(symbol, latest, |signal| world.correlator.expires(signal));
        }
        if let Some(Following { drifts, judge, .. }) = &mut world.following {
            if let Some(saved) = &restored.drifts {
                let symbol = |name: &str| plan.assets.iter().position(|asset| asset.symbol == name);
                let timeframe = |name: &str| plan.timeframes.iter().position(|own| own.to_string() == name);
                drifts.restore(saved, symbol, timeframe);
            }
            for (key, accounts) in &restored.accounts {
                judge.book_mut().restore_key(*key, accounts);
            }
            for (symbol, saved) in (0..).map(SymbolId).zip(&mut restored.worths) {
                judge.restore(symbol, saved);
            }
            judge.restore_quality(restored.quality);
        }
        let cells = world.cells.iter_mut().flatten().zip(&mut world.unsettled);
        for (number, ((cell, unsettled), state)) in cells.zip(&mut restored.cells).enumerate() {
            let Some(state) = state.take() else { continue };
            if let Some(Following { trails, pulses, liquidities, .. }) = &mut world.following {
                trails.restore(number, state.trail);
                state.pulse.into_iter().for_each(|pulse| pulses.restore(number, pulse));
                state.liquidity.into_iter().for_each(|liquidity| liquidities.restore(number, liquidity));
            }
            (*unsettled, *cell) = (state.unsettled, state.cell);
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

/// The market behind the golden snapshot of what follows the cells: at its end signals of every cell wait for their outcomes.
fn followed() -> (World, i64) {
    let mut world = World::new(plan(), true);
    world.run(0..1_200);
    let waits = |world: &World| {
        let trails = &world.following.as_ref().unwrap().trails;
        (0..4).all(|number| trails.waits(number))
    };
    for minute in 1_200..3_000 {
        if waits(&world) {
            return (world, minute);
        }
        world.run(minute..minute + 1);
    }
    panic!("no signal waits");
}

/// Snapshots of this version's layouts as they were written on another day: they are read, mean what they meant, and are
/// written again byte for byte. Where a record's version is raised, these files stay to be read and new ones join them.
fn golden(name: &str, world: impl Fn() -> World) -> Vec<u8> {
    let path = format!("{}/tests/sample/state/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(packed) = std::fs::File::open(&path) else {
        let parts = world().parts().unwrap();
        let bytes = file(&META, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let out = std::fs::File::create(&path).unwrap();
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
    bytes
}

/// Takes a golden snapshot over and saves it once more.
fn taken_over(bytes: &[u8], follows: bool) -> World {
    let state = Restored::of(keys(), &Snapshot::parse(bytes.to_vec()).unwrap()).unwrap();
    let again = World::restore(plan(), state, follows);
    let Contents { chunks, .. } = read_snapshot(bytes).unwrap();
    let parts = again.parts().unwrap();
    assert!(parts.iter().map(Vec::as_slice).eq(chunks), "the layout is another one and has the old version");
    again
}

/// The golden snapshot of the cells, with what it means.
fn golden_stages() -> Vec<u8> {
    let bytes = golden("stages.snapshot.gz", || {
        let mut world = World::new(plan(), false);
        world.run(0..GOLDEN_MINUTES);
        world
    });
    let world = taken_over(&bytes, false);
    let cell = |symbol: usize, timeframe: usize| &world.cells[symbol][timeframe];
    // By symbol: as many minutes as there were, and the groups of five that were closed by a later minute.
    let five = (GOLDEN_MINUTES / 5) as u64;
    assert_eq!([0, 1].map(|symbol| cell(symbol, 0).bars()), [GOLDEN_MINUTES as u64; 2]);
    let fives = [0, 1].map(|symbol| cell(symbol, 1).bars());
    assert!(fives.iter().all(|&bars| bars == five || bars == five - 1), "{fives:?}");
    let last = GOLDEN_MINUTES - 1;
    let close = 100.5 + 20.0 * (last as f64 / 17.0).sin() + (last % 7) as f64;
    let prices = [0, 1].map(|symbol| cell(symbol, 0).price());
    assert!((prices[0] - close).abs() < 1e-9 && (prices[1] - close - 1.0).abs() < 1e-9, "{prices:?}");
    bytes
}

/// The golden snapshot of what follows the cells, with what it means: that of the market run once more.
fn golden_followed() -> Vec<u8> {
    let (mut fresh, minutes) = followed();
    let bytes = golden("followed.snapshot.gz", || followed().0);
    let mut world = taken_over(&bytes, true);
    let of = |world: &World| {
        let judge = &world.following.as_ref().unwrap().judge;
        let book = judge.book();
        let known: u64 = (0..book.keys()).flat_map(|key| book.accounts(key)).map(|account| account.n()).sum();
        (known, judge.quality().outcomes(), format!("{:?}", judge.quality().scores()))
    };
    assert!(of(&world).0 > 100 && of(&world).1 > 10, "{:?}", of(&world));
    for later in [minutes, minutes + 300] {
        assert_eq!(of(&world), of(&fresh), "{later}");
        world.run(later..later + 300);
        fresh.run(later..later + 300);
    }
    assert_same(&world, &fresh.parts().unwrap());
    bytes
}

/// What is saved of a world is these parts, byte for byte; the message shows the place where it is not.
fn assert_same(world: &World, expected: &[Vec<u8>]) {
    let saved = world.parts().unwrap();
    assert_eq!(saved.len(), expected.len());
    for (index, (is, was)) in saved.iter().zip(expected).enumerate() {
        let at = is.iter().zip(was).position(|(is, was)| is != was).unwrap_or(is.len().min(was.len()));
        let near = |part: &[u8]| part[at.saturating_sub(16)..part.len().min(at + 16)].to_vec();
        let lengths = (is.len(), was.len());
        assert!(is == was, "part {index} at {at} of {lengths:?}: {:?} and not {:?}", near(is), near(was));
    }
}

/// Snapshots of this version: of another day, of the beginning, of the first bars, of windows that are full.
pub fn made() -> Vec<Vec<u8>> {
    let meta = META;
    let make = |(minutes, follows)| {
        let mut world = World::new(plan(), follows);
        world.run(0..minutes);
        let parts = world.parts().unwrap();
        let file = file(&meta, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let again = Snapshot::parse(file.clone()).unwrap();
        let state = Restored::of(keys(), &again).unwrap();
        assert_eq!(state.cold, []);
        // What goes on from it does what the one before would have done.
        let mut restored = World::restore(plan(), state, follows);
        assert_same(&restored, &parts);
        restored.run(minutes..minutes + 50);
        world.run(minutes..minutes + 50);
        assert_same(&restored, &world.parts().unwrap());
        assert!(minutes < 1_000 || world.signals > 0, "nothing has been said");
        file
    };
    let worlds = [(0, false), (30, true), (1_500, false), (1_500, true)];
    [golden_stages(), golden_followed()].into_iter().chain(worlds.map(make)).collect()
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
    let mut world = World::restore(plan(), restored, true);
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
