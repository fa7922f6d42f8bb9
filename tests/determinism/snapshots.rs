//! An engine that is stopped anywhere and goes on from its snapshot writes what one writes that was never stopped, byte for
//! byte: signals, bars and indicators, whatever the number of threads in each of its lives.

use crate::outside::{data, skipped, write_rows_before};
use proptest::{
    prelude::*,
    test_runner::{Config as Cases, TestRunner},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use wagehood_engine::{
    config::{Config, Layer, Override, Plan},
    engine::{
        Cold, Engine, FileOutputOptions, FilesSource, InputFile, Keys, Outputs, Pace, Restored, RowsWanted, Setup,
        SnapshotOptions, Source, StatisticsWanted, Target, Topology, Why,
    },
    feed::{BarFile, MergedSource, dialect::FileOptions},
    judge::Judge,
    model::{Directory, Strategy, SymbolId, Timeframe, TimeframeId},
    publish::{InputKind as Input, Sources},
    runtime::Clock,
    state::{Meta, Snapshot, Store},
};

const META: Meta = Meta { origin: 1, created_ms: 0 };

/// What an engine calculates, on how many threads.
#[derive(Debug, Clone)]
struct Case {
    symbols: Vec<String>,
    base: Timeframe,
    timeframes: &'static str,
    /// Whether published indicators are written: else cells lie in rows where they come together.
    publish: bool,
    /// Shared thread or dedicated ones, workers, ring slots, and records of a duty cycle.
    ways: Vec<(bool, usize, usize, usize)>,
    /// More of the configuration.
    more: Vec<(&'static str, toml::Value)>,
    /// A seed by which the sizes of all buffers that adapt change at random.
    sway: Option<u64>,
}

impl Case {
    fn config(&self) -> Config {
        Config::load(&self.layers().into_iter().map(Layer::Override).collect::<Vec<_>>()).unwrap().config
    }

    fn layers(&self) -> Vec<Override> {
        let watchlist = self.symbols.iter().map(|symbol| {
            let table = [("symbol".to_owned(), toml::Value::from(symbol.as_str()))];
            toml::Value::Table(table.into_iter().collect())
        });
        let timeframes: toml::Value = self.timeframes.split(',').map(toml::Value::from).collect::<Vec<_>>().into();
        let base = [("name".to_owned(), "in".into()), ("timeframe".to_owned(), self.base.to_string().into())];
        let streams = vec![toml::Value::Table(base.into_iter().collect())];
        let mut layers = vec![
            Override::new("watchlist", watchlist.collect::<Vec<_>>()),
            Override::new("timeframes.list", timeframes),
            Override::new("input.streams", streams),
            Override::new("performance.enabled", true),
            Override::new("performance.by_symbol", "full"),
            Override::new("selection.min_outcomes", 5),
            Override::new("selection.effect", "hold"),
            // Longer than windows need, so that there is something to take away.
            Override::new("timeframes.buffer_size", 2_048),
            Override::new("statistics.windows", vec![toml::Value::from(5), toml::Value::from(60)]),
            Override::new("calibration.enabled", true),
            Override::new("cross_asset.enabled", true),
            Override::new("cross_asset.timeframe", if self.base.interval_ms() < 60_000 { "1m" } else { "15m" }),
            Override::new("calibration.market", vec![toml::Value::from(self.symbols[0].as_str())]),
        ];
        // The recorded market, by the minute, takes long enough as it is.
        if self.base.interval_ms() < 60_000 {
            layers.push(Override::new("strategies.custom", custom()));
        }
        layers.extend(self.more.iter().map(|(key, value)| Override::new(key, value.clone())));
        layers
    }
}

/// Strategies of the configuration, which look back in every way there is.
fn custom() -> Vec<toml::Value> {
    let strategy = |name: &str, side: &str, when: &str, confidence: &str| {
        let keys = [("name", name), ("side", side), ("when", when), ("confidence", confidence)];
        toml::Value::Table(keys.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
    };
    vec![
        strategy(
            "channel_break",
            "buy",
            "price > previous(donchian_upper(12)) and (volume_ratio(9) >= 1 or not rising(2)) and rsi(5) > 40",
            "clamp(atr(7) / stddev(11), 0.3, 1)",
        ),
        strategy(
            "tired",
            "sell",
            "crosses_below(ema(sma(close, 3), 6), macd(3, 7, 4) + lowest(low, 17)) or count(falling(1), 6) == 5",
            "0.4 + stochastic_d(8, 3) / 200",
        ),
    ]
}

/// The lines that a life has written.
#[derive(Debug, Default, PartialEq, Clone)]
struct Written {
    signals: String,
    bars: String,
    indicators: String,
    outcomes: String,
    selection: String,
    statistics: String,
    correlation: String,
    /// What the signals were worth at its end.
    worth: String,
}

impl Written {
    /// Puts what was written afterwards behind it.
    fn followed_by(mut self, next: &Self) -> Self {
        let rows = |text: &str| text.split_once('\n').map_or(String::new(), |(_, rows)| rows.to_owned());
        self.signals += &next.signals;
        self.bars += &rows(&next.bars);
        self.indicators += &rows(&next.indicators);
        self.outcomes += &next.outcomes;
        self.selection += &next.selection;
        self.statistics += &rows(&next.statistics);
        self.correlation += &next.correlation;
        self.worth.clone_from(&next.worth);
        self
    }
}

/// Lets an engine live from the end of one life to a line of the input, and gives its snapshot.
fn live(case: &Case, way: usize, input: &Path, until: Option<u64>, restore: Option<Snapshot>) -> (Written, Snapshot) {
    let (shared, workers, ring_size, batch_records) = case.ways[way % case.ways.len()];
    let config = case.config();
    let plan = Arc::new(config.plan());
    let dir = tempfile::tempdir().unwrap();
    let input = match until {
        None => input.to_owned(),
        Some(line) => {
            let text: String = fs::read_to_string(input).unwrap().split_inclusive('\n').take(line as usize).collect();
            let path = dir.path().join(input.file_name().unwrap());
            fs::write(&path, text).unwrap();
            path
        }
    };
    let files = MergedSource::of(vec![(0, opened(&input, case.base))], None);
    let mut source = FilesSource::new(files, Pace::Max, case.base.interval_ms());
    if let Some(snapshot) = &restore {
        source.resume(snapshot.reader.inputs.iter().map(|input| input.id.ms).collect());
    }
    let cells = cells(case, &plan);
    let statistics = StatisticsWanted { cells: cells.clone(), ..StatisticsWanted::default() };
    let rows = RowsWanted { all: false, aggregated: true, cells, as_read: false, statistics };
    let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
    let restore = restore.map(|snapshot| {
        let keys = Keys::new(&plan, rows.indicators(), &directory);
        let restored = Restored::of(&keys, &snapshot).unwrap();
        assert_eq!(restored.cold, []);
        restored
    });
    let sway = case.sway.map(|seed| seed + way as u64);
    let topology =
        Topology { shared, workers, ring_size, batch_records, batch_entries: 7, sway, ..Topology::new(&config, 2) };
    let path = |name: &str| Some(dir.path().join(name));
    let state = dir.path().join("state");
    let snapshots = SnapshotOptions {
        target: Target::Directory(Store::open(&state, "test", META.origin).unwrap()),
        meta: META,
        inputs: vec!["in".to_owned()],
        // So that there are some on the way as well.
        interval_ns: 3_000_000,
    };
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(vec![Input::File { name: "in.csv".to_owned() }])),
        source: Source::Files(source),
        outputs: Outputs {
            files: FileOutputOptions {
                append: false,
                signals: path("signals"),
                bars: path("bars"),
                indicators: path("indicators"),
                outcomes: path("outcomes"),
                selection: path("selection"),
                statistics: path("statistics"),
                windows: plan.windows.clone(),
                correlation: path("correlation"),
                cells: rows.cells.clone(),
                as_read: false,
            },
            redis: None,
            tap: None,
        },
        rows,
        marks: true,
        restore,
        snapshots: Some(snapshots),
        incidents: Arc::default(),
        topology,
        plan,
    };
    let mut engine = Engine::start(setup, Clock::new()).unwrap();
    assert!(engine.wait(Duration::from_secs(60)), "hangs: {case:?}");
    engine.join().unwrap();
    assert_eq!(engine.incidents(), Vec::<String>::new());
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let written = Written {
        signals: read("signals"),
        bars: read("bars"),
        indicators: read("indicators"),
        outcomes: read("outcomes"),
        selection: read("selection"),
        statistics: read("statistics"),
        correlation: read("correlation"),
        worth: worth(&engine.take_judge().expect("followed"), &config),
    };
    let loaded = Store::open(&state, "test", META.origin).unwrap().load(Ok).unwrap();
    assert_eq!(loaded.lines, Vec::<String>::new());
    (written, loaded.found.expect("an engine that ends leaves a snapshot").0)
}

/// Every figure of every key and lane, a line each.
fn worth(judge: &Judge, config: &Config) -> String {
    let (book, plan) = (judge.book(), config.plan());
    let mut text = String::new();
    for accounts in (0..book.keys()).map(|key| book.accounts(key)) {
        writeln!(text, "{:?}", accounts.each_ref().map(|account| account.figures(0.0))).unwrap();
    }
    for symbol in (0..book.symbols()).map(|symbol| SymbolId(symbol as u16)) {
        for timeframe in (0..plan.timeframes.len()).map(TimeframeId::new) {
            for strategy in Strategy::ALL {
                let accounts = book.lane_accounts(symbol, timeframe, strategy).expect("in full");
                let figures = accounts.each_ref().map(|account| account.figures(0.0));
                let lane = judge.lane(symbol, timeframe, strategy);
                writeln!(text, "{figures:?} {:?} {lane:?}", book.counts(symbol, timeframe, strategy)).unwrap();
            }
        }
    }
    text
}

/// The cells whose indicators are written.
fn cells(case: &Case, plan: &Plan) -> Vec<(String, TimeframeId)> {
    plan.assets
        .iter()
        .filter(|_| case.publish)
        .flat_map(|asset| (0..plan.timeframes.len()).map(|index| (asset.symbol.clone(), TimeframeId::new(index))))
        .collect()
}

/// One life after the other, ended at these lines, against one that is never ended.
fn in_lives(case: &Case, input: &Path, cuts: &[u64], whole: &Written) -> Result<(), String> {
    let (mut written, mut snapshot) = live(case, 0, input, cuts.first().copied(), None);
    for (life, until) in cuts.iter().skip(1).copied().map(Some).chain([None]).enumerate() {
        let (next, end) = live(case, life + 1, input, until, Some(snapshot));
        written = written.followed_by(&next);
        snapshot = end;
    }
    let parts = [
        ("signals", &written.signals, &whole.signals),
        ("bars", &written.bars, &whole.bars),
        ("indicators", &written.indicators, &whole.indicators),
        ("outcomes", &written.outcomes, &whole.outcomes),
        ("selection", &written.selection, &whole.selection),
        ("statistics", &written.statistics, &whole.statistics),
        ("correlation", &written.correlation, &whole.correlation),
        ("worth", &written.worth, &whole.worth),
    ];
    for (what, found, wanted) in parts {
        if found != wanted {
            let at = found.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count();
            let line = |text: &str| text.lines().nth(at).unwrap_or("the end").to_owned();
            return Err(format!(
                "{what} differ at line {at} with cuts at {cuts:?}:\n  found {}\n wanted {}",
                line(found),
                line(wanted)
            ));
        }
    }
    Ok(())
}

const WAYS: [(bool, usize, usize, usize); 4] =
    [(true, 1, 8_192, 256), (false, 3, 2, 3), (true, 2, 64, 1), (false, 1, 16, 4_096)];

/// Bars of some symbols, with gaps, repeated ones, and lines that are none.
pub fn write_walk(path: &Path, symbols: usize, seconds: i64, seed: u64) -> u64 {
    let mut state = seed | 1;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % n
    };
    let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
    let mut prices = vec![10_000.0; symbols];
    for second in 0..seconds {
        for (symbol, price) in prices.iter_mut().enumerate() {
            if random(10) == 0 {
                continue;
            }
            let open = *price;
            *price = (open * (1.0 + (random(2_001) as f64 - 1_000.0) / 60_000.0)).max(1.0).round();
            let (high, low) = (open.max(*price) + 1.0, open.min(*price) - 1.0);
            let ts = 1_706_742_000_000 + 1_000 * second;
            writeln!(text, "{ts},S{symbol},{open},{high},{low},{price},{}", random(5) * 100).unwrap();
            match random(300) {
                0 => text.push_str("nonsense\n"),
                1 => writeln!(text, "{ts},S{symbol},1,1,1,1,1").unwrap(),
                _ => {}
            }
        }
    }
    fs::write(path, &text).unwrap();
    text.lines().count() as u64
}

#[test]
fn cut_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    let lines = write_walk(&input, 4, 500, 11);
    let symbols = (0..4).map(|symbol| format!("S{symbol}")).collect();
    let case = Case {
        symbols,
        base: "1s".parse().unwrap(),
        timeframes: "1s,5s,1m",
        publish: true,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let (whole, _) = live(&case, 0, &input, None, None);
    assert!(whole.signals.lines().count() > 50, "{} signals prove little", whole.signals.lines().count());
    let cuts = prop::collection::btree_set(1..lines, 1..6);
    let mut runner = TestRunner::new(Cases::with_cases(24));
    let cut = runner.run(&cuts, |cuts| {
        let cuts: Vec<u64> = cuts.into_iter().collect();
        in_lives(&case, &input, &cuts, &whole).map_err(TestCaseError::fail)
    });
    cut.unwrap_or_else(|error| panic!("{error}"));
}

/// Credits of rings, entries of a batch and lengths of histories change at random, in every life in another way.
#[test]
fn sizes_that_change_at_random_show_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    let lines = write_walk(&input, 4, 400, 21);
    let symbols = (0..4).map(|symbol| format!("S{symbol}")).collect();
    let (base, ways) = ("1s".parse().unwrap(), WAYS.to_vec());
    let mut case = Case { symbols, base, timeframes: "1s,5s,1m", publish: true, ways, more: Vec::new(), sway: None };
    let (whole, _) = live(&case, 0, &input, None, None);
    assert!(whole.signals.lines().count() > 30, "{} signals prove little", whole.signals.lines().count());
    for seed in 1..=8 {
        case.sway = Some(seed * 1_000);
        let cuts: Vec<u64> = (1..=seed % 4).map(|cut| cut * lines / 4).collect();
        in_lives(&case, &input, &cuts, &whole).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn cut_anywhere_while_cells_lie_in_rows() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    let lines = write_walk(&input, 17, 700, 12);
    let symbols = (0..17).map(|symbol| format!("S{symbol}")).collect();
    let case = Case {
        symbols,
        base: "1s".parse().unwrap(),
        timeframes: "1s,5s",
        publish: false,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let (whole, _) = live(&case, 0, &input, None, None);
    assert!(whole.signals.lines().count() > 500, "{} signals prove little", whole.signals.lines().count());
    let every = lines / 9;
    in_lives(&case, &input, &(1..9).map(|cut| cut * every).collect::<Vec<_>>(), &whole)
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn cut_between_times_where_signals_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_walk(&input, 17, 500, 13);
    let symbols = (0..17).map(|symbol| format!("S{symbol}")).collect();
    let more = vec![("output.max_signals_per_s.day", toml::Value::from(1))];
    let free = Case {
        symbols,
        base: "1s".parse().unwrap(),
        timeframes: "1s,5s",
        publish: true,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let case = Case { more, ..free.clone() };
    let (whole, _) = live(&case, 0, &input, None, None);
    let count = |written: &Written| written.signals.lines().count();
    assert!(count(&whole) > 50 && count(&whole) + 50 < count(&live(&free, 0, &input, None, None).0));
    // The lines before which another time begins.
    let text = fs::read_to_string(&input).unwrap();
    let times: Vec<&str> = text.lines().map(|line| line.split(',').next().unwrap()).collect();
    let begins = |k: &usize| times[*k].parse::<i64>().is_ok() && times[*k] > times[*k - 1];
    let edges: Vec<u64> = (2..times.len()).filter(begins).map(|k| k as u64).collect();
    let cuts: Vec<u64> = edges.iter().copied().step_by(edges.len() / 8).skip(1).collect();
    in_lives(&case, &input, &cuts, &whole).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn anywhere_in_a_recorded_market() {
    let Some(data) = data() else { return skipped("anywhere_in_a_recorded_market") };
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_rows_before(&data.join("crypto_1m.csv.gz"), "2018-01-03", &input);
    let text = fs::read_to_string(&input).unwrap();
    let mut symbols: Vec<String> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    symbols.sort();
    symbols.dedup();
    let case = Case {
        symbols,
        base: "1m".parse().unwrap(),
        timeframes: "1m,5m,15m,1h,4h,1d",
        publish: true,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let (whole, _) = live(&case, 0, &input, None, None);
    let lines = text.lines().count() as u64;
    // Twenty places, as if by chance.
    let mut cuts: Vec<u64> = (1..=20u64).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15) % lines).collect();
    cuts.sort_unstable();
    cuts.dedup();
    eprintln!("{} lines in {} lives, {} signals", lines, cuts.len() + 1, whole.signals.lines().count());
    in_lives(&case, &input, &cuts, &whole).unwrap_or_else(|error| panic!("{error}"));
}

/// The cells of a snapshot that are cold under a configuration, as `symbol:timeframe`, and why.
fn cold(config: &Config, publish: bool, snapshot: &Snapshot) -> Vec<(String, Why)> {
    let plan = Arc::new(config.plan());
    let keys = Keys::new(&plan, publish, &Arc::new(Directory::new(plan.assets.len(), &plan.timeframes)));
    let restored = Restored::of(&keys, snapshot).unwrap();
    assert_eq!(restored.count(), plan.assets.len() * plan.timeframes.len());
    let name = |cold: &Cold| (format!("{}:{}", keys.symbol(cold.symbol), keys.timeframe(cold.timeframe)), cold.why);
    restored.cold.iter().map(name).collect()
}

#[test]
fn what_does_not_concern_a_cell_does_not_make_it_cold() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_walk(&input, 4, 300, 7);
    let symbols: Vec<String> = (0..4).map(|symbol| format!("S{symbol}")).collect();
    let case = Case {
        symbols,
        base: "1s".parse().unwrap(),
        timeframes: "1s,5s,1m",
        publish: true,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let (_, snapshot) = live(&case, 0, &input, None, None);
    let config = |symbols: [&str; 4], timeframes: &'static str, sets: &[(&str, toml::Value)]| {
        let symbols = symbols.map(str::to_owned).to_vec();
        let mut layers = Case { symbols, timeframes, ..case.clone() }.layers();
        layers.extend(sets.iter().map(|(key, value)| Override::new(key, value.clone())));
        Config::load(&layers.into_iter().map(Layer::Override).collect::<Vec<_>>()).unwrap().config
    };
    let named = |cells: &[&str], why: Why| cells.iter().map(|name| ((*name).to_owned(), why)).collect::<Vec<_>>();
    let (same, all) = (["S0", "S1", "S2", "S3"], "1s,5s,1m");

    // Of other parts of the engine, or of nothing that has been computed.
    let beside: [(&str, toml::Value); 9] = [
        ("engine.workers", 3.into()),
        ("engine.ring_size", 64.into()),
        ("styles.day.budget_ms", 7.into()),
        ("styles.day.min_composite_confidence", 0.25.into()),
        ("correlation.alert_confidence", 0.3.into()),
        ("correlation.active_bars", 9.into()),
        ("timeframes.1s.correlation_weight", 0.9.into()),
        ("timeframes.5s.buffer_size", 2_048.into()),
        ("time.allowed_lateness_ms", 1_234.into()),
    ];
    assert_eq!(cold(&config(same, all, &beside), true, &snapshot), []);
    // One more, one less, in another order, and a timeframe that was not there.
    let others = config(["S3", "NEW", "S1", "S0"], "1s,10s,1m", &[]);
    let wanted = ["S3:10s", "NEW:1s", "NEW:10s", "NEW:1m", "S1:10s", "S0:10s"];
    assert_eq!(cold(&others, true, &snapshot), named(&wanted, Why::New));
    // What the cells of one timeframe are made with.
    let made_with: [(&str, toml::Value); 3] = [
        ("strategies.macd_rsi.timeframes.5s.rsi_oversold", 29.0.into()),
        ("timeframes.5s.method", "vwap".into()),
        ("timeframes.5s.price_scale", 0.5.into()),
    ];
    let concerned = ["S0:5s", "S1:5s", "S2:5s", "S3:5s"];
    for change in made_with {
        let changed = config(same, all, std::slice::from_ref(&change));
        assert_eq!(cold(&changed, true, &snapshot), named(&concerned, Why::Changed), "{change:?}");
    }
    // Without published indicators a cell is another one.
    assert_eq!(cold(&config(same, all, &[]), false, &snapshot).len(), 12);
}

#[test]
fn every_flipped_byte_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_walk(&input, 2, 120, 5);
    let symbols = (0..2).map(|symbol| format!("S{symbol}")).collect();
    let case = Case {
        symbols,
        base: "1s".parse().unwrap(),
        timeframes: "1s,1m",
        publish: true,
        ways: WAYS.to_vec(),
        more: Vec::new(),
        sway: None,
    };
    let state = keep_state(&case, &input, dir.path());
    let bytes = fs::read(&state).unwrap();
    Snapshot::parse(bytes.clone()).unwrap();
    let (mut bad, mut tried) = (bytes.clone(), 0);
    // All of the first and the last, where the headers are, and every so many between.
    let sampled = |at: &usize| *at < 400 || *at > bytes.len() - 400 || at.is_multiple_of(97);
    for at in (0..bytes.len()).filter(sampled) {
        for flip in [1, 0x80, 0xff] {
            bad[at] ^= flip;
            assert!(Snapshot::parse(bad.clone()).is_err(), "byte {at} of {} ^ {flip:#x}", bytes.len());
            bad[at] ^= flip;
            tried += 1;
        }
    }
    for at in (0..bytes.len()).filter(sampled) {
        assert!(Snapshot::parse(bytes[..at].to_vec()).is_err(), "cut at {at} of {}", bytes.len());
    }
    eprintln!("{tried} flips in {} bytes, all detected", bytes.len());
}

/// The file of a snapshot.
fn keep_state(case: &Case, input: &Path, dir: &Path) -> PathBuf {
    let (_, snapshot) = live(case, 0, input, None, None);
    let path = dir.join("kept.snapshot");
    fs::write(&path, snapshot.bytes()).unwrap();
    path
}

/// A file of bars of this interval.
fn opened(path: &std::path::Path, base: Timeframe) -> BarFile {
    let file = InputFile::all(path).unwrap().remove(0);
    file.open(&FileOptions::new(base), &Arc::default()).unwrap().source
}
