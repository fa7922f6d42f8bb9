//! A strategy that is one file and a line in the list runs through configuration, engine, snapshot and report; so does one that
//! the configuration defines.

use super::{
    Engine, FileOutputOptions, FilesSource, InputFile, Outputs, Pace, RowsWanted, Setup, SnapshotOptions, Source,
    Topology,
    snapshots::{Keys, Restored, Target},
};
use crate::{
    config::{Config, Layer, Override},
    feed::{BarFile, MergedSource, dialect::FileOptions},
    model::{Directory, Strategy, Timeframe},
    publish::{InputKind as Input, Sources},
    runtime::Clock,
    state::{Meta, Snapshot, Store},
    telemetry::Report,
};
use std::{fmt::Write as _, fs, path::Path, sync::Arc, time::Duration};

const META: Meta = Meta { origin: 1, created_ms: 0 };
const SYMBOLS: usize = 9;
const BARS: usize = 500;
const START_MS: usize = 1_700_000_100_000;

/// A walk of every symbol, minute by minute.
fn rows(minutes: usize) -> String {
    let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
    let (mut state, mut prices) = (0x5eed_u64, [100.0_f64; SYMBOLS]);
    for n in 0..minutes {
        for (symbol, price) in prices.iter_mut().enumerate() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let open = *price;
            *price = ((open + (state >> 40) as f64 / 1e7 - 0.8) * 100.0).round() / 100.0;
            let (high, low) = (open.max(*price), open.min(*price));
            writeln!(text, "{},S{symbol},{open},{high},{low},{price},10", START_MS + n * 60_000).unwrap();
        }
    }
    text
}

/// The configuration with these settings.
fn plan_of(settings: &[&str]) -> Config {
    let watchlist: Vec<String> = (0..SYMBOLS).map(|k| format!("{{symbol = \"S{k}\"}}")).collect();
    let all = [
        format!("watchlist=[{}]", watchlist.join(",")),
        "timeframes.list=[\"1m\",\"5m\"]".to_owned(),
        "input.streams=[{name=\"in\",timeframe=\"1m\"}]".to_owned(),
    ];
    let layers: Vec<Layer> = all
        .iter()
        .map(String::as_str)
        .chain(settings.iter().copied())
        .map(|text| Layer::Override(Override::parse(text).unwrap()))
        .collect();
    Config::load(&layers).unwrap().config
}

/// What an engine that reads these rows publishes, its last snapshot, and its report.
fn live(input: &str, settings: &[&str], restore: Option<Snapshot>) -> (String, Snapshot, Report) {
    let dir = tempfile::tempdir().unwrap();
    let minute: Timeframe = "1m".parse().unwrap();
    let config = plan_of(settings);
    let plan = Arc::new(config.plan());
    let path = dir.path().join("in.csv");
    fs::write(&path, input).unwrap();
    let files = MergedSource::of(vec![(0, opened(&path, minute))], None);
    let mut source = FilesSource::new(files, Pace::Max, minute.interval_ms());
    if let Some(snapshot) = &restore {
        source.resume(snapshot.reader.inputs.iter().map(|input| input.id.ms).collect());
    }
    let state = dir.path().join("state");
    let store = |dir: &Path| Store::open(dir, "test", META.origin).unwrap();
    let inputs = vec!["in".to_owned()];
    let target = Target::Directory(store(&state));
    let snapshots = SnapshotOptions { target, meta: META, inputs, interval_ns: 1_000_000_000 };
    let files = FileOutputOptions { signals: Some(dir.path().join("signals")), ..FileOutputOptions::default() };
    let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
    let restore = restore.map(|snapshot| {
        let restored = Restored::of(&Keys::new(&plan, false, &directory), &snapshot).unwrap();
        assert_eq!(restored.cold, []);
        restored
    });
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(vec![Input::File { name: "in.csv".to_owned() }])),
        source: Source::Files(source),
        outputs: Outputs { files, redis: None, tap: None },
        rows: RowsWanted::default(),
        marks: true,
        restore,
        snapshots: Some(snapshots),
        incidents: Arc::default(),
        topology: Topology { shared: true, workers: 1, ..Topology::new(&config, 2) },
        plan,
    };
    let mut engine = Engine::start(setup, Clock::new()).unwrap();
    assert!(engine.wait(Duration::from_secs(60)), "hangs");
    engine.join().unwrap();
    let report = engine.report().unwrap();
    let signals = fs::read_to_string(dir.path().join("signals")).unwrap();
    let snapshot = store(&state).load(Ok).unwrap().found.expect("an engine that ends leaves a snapshot").0;
    (signals, snapshot, report)
}

#[test]
fn an_added_strategy_runs_through_configuration_engine_snapshot_and_report() {
    let settings = ["strategies.added_strategy.enabled=true", "strategies.added.run_period=4"];
    let (whole, _, report) = live(&rows(BARS), &settings, None);
    let signals: Vec<serde_json::Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own: Vec<_> = signals.iter().filter(|signal| signal["strategy"] == "added").collect();
    for kind in ["run_of_rises", "run_of_falls"] {
        assert!(own.iter().filter(|signal| signal["kind"] == kind).count() > 20, "{kind}\n{report}");
    }
    // Four of ten at least, and only the factors that the kind has.
    assert!(own.iter().all(|signal| signal["factors"]["share"].as_f64().unwrap() >= 0.4));
    assert!(own.iter().all(|signal| signal["factors"].as_object().unwrap().len() == 2));

    let published = report.counters.publisher.published[Strategy::Added.index()];
    assert_eq!(published.iter().sum::<u64>(), own.len() as u64);
    let text = report.to_string();
    let heads = text.lines().filter(|line| line.contains("timeframe") && line.contains(" added "));
    assert_eq!(heads.count(), 2, "{text}");

    // Stopped anywhere, it goes on where it was.
    for minutes in [7, 250, 333] {
        let (before, snapshot, _) = live(&rows(minutes), &settings, None);
        let (after, _, _) = live(&rows(BARS), &settings, Some(snapshot));
        assert_eq!(before + &after, whole, "stopped after {minutes} minutes");
    }

    // Switched off it finds nothing, and the others what they found.
    let (_, _, without) = live(&rows(BARS), &[], None);
    for strategy in Strategy::ALL {
        let [with, without] = [&report, &without].map(|report| report.counters.worker.signals[strategy.index()]);
        match strategy {
            Strategy::Added => assert_eq!(without.iter().sum::<u64>(), 0),
            _ => assert_eq!(with, without, "{}", strategy.name()),
        }
    }
}

const CUSTOM: &str = "strategies.custom=[\
    {name=\"dip\", side=\"buy\", when=\"price < sma(9) and rsi(5) < 40\", confidence=\"clamp(rsi(5) / 50, 0.2, 1)\"},\
    {name=\"top\", side=\"sell\", when=\"crosses_above(price, sma(10)) and highest(30) > 0\", confidence=0.9, timeframes=[\"5m\"]},\
    {name=\"one\", side=\"sell\", when=\"falling(2)\", confidence=0.8, symbols=[\"S3\"]}]";

#[test]
fn strategies_of_the_configuration_run_through_engine_snapshot_and_report() {
    let (whole, snapshot, report) = live(&rows(BARS), &[CUSTOM], None);
    let signals: Vec<serde_json::Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| signals.iter().filter(|signal| signal["strategy"] == name).collect::<Vec<_>>();
    let [dip, top, one] = ["dip", "top", "one"].map(of);
    assert!(dip.len() > 100 && top.len() > 5 && one.len() > 20, "{} {} {}", dip.len(), top.len(), one.len());
    assert!(dip.iter().all(|signal| signal["kind"] == "dip_buy" && signal["side"] == "buy"));
    assert!(top.iter().all(|signal| signal["timeframe"] == "5m" && signal["kind"] == "top_sell"));
    assert!(one.iter().all(|signal| signal["symbol"] == "S3" && signal["factors"].as_object().unwrap().is_empty()));
    // They vote as the others do.
    let votes = |signal: &&serde_json::Value| signal["strategy"] != "dip" && signal.to_string().contains("\"dip\"");
    assert!(signals.iter().any(|signal| votes(&signal)), "{}", signals[signals.len() / 2]);
    let text = report.to_string();
    assert!(text.lines().any(|line| line.contains(" dip ") && line.contains(" top ")), "{text}");
    assert_eq!(report.counters.worker.custom_undefined, 0);

    // Stopped anywhere, they go on where they were.
    for minutes in [7, 250, 333] {
        let (before, snapshot, _) = live(&rows(minutes), &[CUSTOM], None);
        let (after, _, _) = live(&rows(BARS), &[CUSTOM], Some(snapshot));
        assert_eq!(before + &after, whole, "stopped after {minutes} minutes");
    }

    // The others find what they found without them.
    let (_, _, without) = live(&rows(BARS), &[], None);
    for strategy in Strategy::ALL {
        let [with, without] = [&report, &without].map(|report| report.counters.worker.signals[strategy.index()]);
        assert_eq!(with, without, "{}", strategy.name());
    }

    // Another condition on 5m: its cells begin anew, the others go on.
    let changed = CUSTOM.replace("sma(10)", "sma(11)");
    let plan = Arc::new(plan_of(&[&changed]).plan());
    let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
    let restored = Restored::of(&Keys::new(&plan, false, &directory), &snapshot).unwrap();
    assert_eq!(restored.cold.len(), SYMBOLS);
    assert!(restored.cold.iter().all(|cold| cold.timeframe.index() == 1));
}

/// A file of bars of this interval.
fn opened(path: &std::path::Path, base: Timeframe) -> BarFile {
    let file = InputFile::all(path).unwrap().remove(0);
    file.open(&FileOptions::new(base), &Arc::default()).unwrap().source
}
