//! A small real set on this machine: a redis-server and an engine for each node of the scenario, the partitions as the model
//! has them, and what a reader of the signals sees. Measured, and set against the model of the same.

use super::{
    bed::{READ_COUNT, SETTINGS, spec},
    costs::{Compared, Costs},
    layout::Layout,
    outcome::{ScaleOutcome, simulate},
    sample::ns_of,
    scenario::{Scenario, Spread},
};
use crate::{
    config::{Layer, Override, PartitionMap},
    lab::bench::{
        bars::{Form, symbol_index, symbol_name},
        child::Guarded,
        interrupt::Interrupt,
        replies,
        server::{RedisServer, Socket},
        tempdir::TempDir,
        throughput::tape::Tape,
    },
    model::{StreamId, Timeframe},
    redis_io::{FieldIter, Link, XreadCursor, XreadItem, encode_xread},
    runtime::{Clock, available_cores},
};
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use redis::Cmd;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Servers, each with its engine.
const NODES: usize = 3;
const PARTITIONS: usize = 6;
/// Few, so that each has seen enough bars for every strategy before anything is measured.
const SYMBOLS: usize = 60;
/// Rounds of bars before the measured part: more than the longest window of a strategy.
const WARM_ROUNDS: usize = 300;
/// Longest time that the engines may take to start, and to finish what was sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks at what is due: the load is late by half of it on average.
const PAUSE: Duration = Duration::from_micros(300);

/// What the comparison runs.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The program to start as engine.
    pub exe: PathBuf,
    /// Bars per second of all symbols, one run each.
    pub rates: Vec<f64>,
    /// Length of the measured part of a run.
    pub duration: Duration,
    /// Timeframes; the shortest is the base.
    pub timeframes: Vec<Timeframe>,
    /// Stops it early.
    pub interrupt: Interrupt,
}

/// What a real run shows.
#[derive(Debug, Default)]
struct Seen {
    seconds: f64,
    /// Cores that the servers, and that the engines used, on average of one.
    servers: f64,
    engines: f64,
    bars_out: f64,
    signals: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Runs the small set at each rate, and the model of it.
///
/// # Errors
/// A server or an engine cannot be started or is gone; costs of entries of a bar are missing.
pub fn check(options: &CheckOptions, costs: &Costs, seed: u64, note: &mut dyn FnMut(&str)) -> Result<Vec<Compared>> {
    let mut rows = Vec::new();
    for &rate in &options.rates {
        note(&format!("{NODES} servers and {NODES} engines, {rate:.0} bars/s"));
        let scenario = scenario(rate, options.duration);
        let seen = options.interrupt.explain(measure(options, &scenario))?;
        rows.extend(compared(&simulate(&scenario, costs, seed)?, &seen));
    }
    Ok(rows)
}

fn scenario(rate: f64, duration: Duration) -> Scenario {
    Scenario {
        name: "small-set".to_owned(),
        about: "What --check starts on this machine".to_owned(),
        symbols: SYMBOLS,
        rate: rate / SYMBOLS as f64,
        spread: Spread::Even,
        form: Form::Legacy,
        partitions: PARTITIONS,
        nodes: NODES,
        zones: 1,
        engines: NODES,
        read_count: READ_COUNT as usize,
        one_machine: available_cores().len().max(1),
        duration_s: duration.as_secs_f64().max(1.0),
        ..Scenario::default()
    }
}

fn compared(model: &ScaleOutcome, seen: &Seen) -> Vec<Compared> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let servers: Vec<f64> = model.nodes.iter().map(|node| node.utilisation).collect();
    let engines: Vec<f64> = model.engines.iter().map(|engine| engine.cores).collect();
    let rows = [
        ("a redis-server", "% of a core", 100.0 * mean(&servers), 100.0 * seen.servers),
        ("an engine", "% of a core", 100.0 * mean(&engines), 100.0 * seen.engines),
        (
            "bars committed",
            "per second",
            model.bars_out as f64 / model.scenario.duration_s,
            seen.bars_out / seen.seconds,
        ),
        ("signals", "per second", model.signals as f64 / model.scenario.duration_s, seen.signals / seen.seconds),
        ("signal seen, p50", "µs", model.late.p50_ns as f64 / 1e3, seen.p50_us),
        ("signal seen, p99", "µs", model.late.p99_ns as f64 / 1e3, seen.p99_us),
    ];
    let row = |(what, unit, model_figure, measured): (&str, &str, f64, f64)| Compared {
        bars_per_s: model.scenario.bars_per_s(),
        what: what.to_owned(),
        unit: unit.to_owned(),
        model: model_figure,
        measured,
    };
    rows.into_iter().map(row).collect()
}

/// A server, its engine, and what is read and written there.
struct Pair {
    server: RedisServer,
    engine: Guarded,
    dir: TempDir,
    /// By partition of it: name of the input, of the signals, and key of the position.
    names: Vec<[String; 3]>,
}

fn measure(options: &CheckOptions, scenario: &Scenario) -> Result<Seen> {
    let layout = Layout::new(scenario);
    let own = |node: usize| (0..PARTITIONS).filter(|&part| layout.parts[part].node == node).collect::<Vec<_>>();
    let pairs: Vec<Pair> = (0..NODES).map(|node| start(options, &own(node))).collect::<Result<_>>()?;
    // By symbol: its server and its stream.
    let map = PartitionMap::new(PARTITIONS);
    let place = |symbol: usize| {
        let part = map.of(&symbol_name(symbol));
        let node = layout.parts[part].node;
        let index = own(node).iter().position(|&own| own == part).unwrap_or(0);
        (node, pairs[node].names[index][0].clone())
    };
    let places: Vec<(usize, String)> = (0..SYMBOLS).map(place).collect();
    let stop = AtomicBool::new(false);
    let epoch = Instant::now();
    let base = options.timeframes.iter().copied().min().context("no timeframe is given")?;
    let first_ms = base.utc_span(Clock::new().now().wall_ms() - 40 * 86_400_000).start;
    std::thread::scope(|scope| {
        let (stop, base_name) = (&stop, base.to_string());
        let readers: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let base_name = base_name.clone();
                scope.spawn(move || read_signals(pair, &base_name, epoch, stop))
            })
            .collect();
        let loaded = load(options, scenario, &pairs, &places, (base, first_ms), epoch);
        stop.store(true, Ordering::Relaxed);
        let mut sightings = Vec::new();
        for reader in readers {
            match reader.join() {
                Ok(found) => sightings.extend(found?),
                Err(_) => bail!("a reader panicked"),
            }
        }
        let (mut seen, sent) = loaded?;
        lateness(&mut seen, &sent, &sightings, (first_ms, base.interval_ms()))?;
        Ok(seen)
    })
}

/// Starts a server and the engine of some partitions.
fn start(options: &CheckOptions, own: &[usize]) -> Result<Pair> {
    let (server, dir) = (RedisServer::start(Socket::Unix)?, TempDir::new()?);
    let spec = spec(SYMBOLS, &options.timeframes)?;
    let owned: Vec<String> = own.iter().map(ToString::to_string).collect();
    let mut settings: Vec<String> = SETTINGS.map(str::to_owned).to_vec();
    settings.extend(["engine.probe=false".to_owned(), format!("partitions.count={PARTITIONS}")]);
    settings.extend([format!("partitions.own={}", owned.join(",")), format!("input.read_count={READ_COUNT}")]);
    let layers = settings.iter().map(|text| Override::parse(text).map(Layer::Override).context("a setting"));
    let config = spec.config(layers.collect::<Result<_>>()?)?;
    let map = PartitionMap::new(PARTITIONS);
    let names = own.iter().map(|&part| {
        let config = config.of_partition(part, &map);
        let input = config.input.streams.first().map(|stream| stream.name.clone()).unwrap_or_default();
        [input, config.output.streams.signals.clone(), config.output.keys.position_key(&config.engine.name)]
    });
    let names = names.collect();
    let file = dir.path().join("engine.toml");
    spec.write(&file)?;
    let mut command = Command::new(&options.exe);
    command.arg("run").arg("--config").arg(&file).args(["--redis", server.url()]);
    command.args(["--set", "telemetry.status_interval_ms=0", "--set", "telemetry.report_interval_s=0"]);
    settings.iter().for_each(|setting| {
        command.arg("--set").arg(setting);
    });
    // The engine's own files go to a folder that is removed.
    command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(dir.path().join("log"))?);
    let engine = Guarded::spawn("the engine", &mut command)?;
    Ok(Pair { server, engine, dir, names })
}

impl Pair {
    /// Records that its engine has committed: the number of the last one of each position.
    fn done(&self, link: &mut Link) -> Result<u64> {
        let mut done = 0;
        for [_, _, key] in &self.names {
            let text: Option<String> = link.ask(&Cmd::hget(key, "seq"))?;
            done += text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(done)
    }

    fn log(dir: &Path) -> String {
        fs::read_to_string(dir.join("log")).unwrap_or_default().trim().to_owned()
    }
}

/// Sends bars at the rate of a scenario; returns what servers and engines did meanwhile, and when each bar was sent, ns.
fn load(
    options: &CheckOptions,
    scenario: &Scenario,
    pairs: &[Pair],
    places: &[(usize, String)],
    (base, first_ms): (Timeframe, i64),
    epoch: Instant,
) -> Result<(Seen, Vec<u64>)> {
    let mut tape = Tape::new(SYMBOLS, base, first_ms, Form::Legacy, 1, 1_000_000)?;
    let mut links = pairs.iter().map(|pair| pair.server.connect("load")).collect::<Result<Vec<_>>>()?;
    let mut looks = pairs.iter().map(|pair| pair.server.connect("look")).collect::<Result<Vec<_>>>()?;
    let mut sent: Vec<u64> = Vec::new();
    let mut send = |links: &mut [Link], sent: &mut Vec<u64>| -> Result<()> {
        let (server, stream) = &places[sent.len() % SYMBOLS];
        tape.push(stream, links[*server].outbox())?;
        links[*server].write_pending()?;
        sent.push(epoch.elapsed().as_nanos() as u64);
        Ok(())
    };
    for _ in 0..WARM_ROUNDS * SYMBOLS {
        send(&mut links, &mut sent)?;
    }
    until_done(options, pairs, &mut looks, &mut links, sent.len() as u64)?;
    let before = used(pairs);
    let (since, warm) = (Instant::now(), sent.len());
    let mut done_before = 0;
    for (pair, look) in pairs.iter().zip(&mut looks) {
        done_before += pair.done(look)?;
    }
    while since.elapsed() < options.duration {
        options.interrupt.check()?;
        let due = (since.elapsed().as_secs_f64() * scenario.bars_per_s()) as usize;
        while sent.len() - warm < due {
            send(&mut links, &mut sent)?;
        }
        take_answers(&mut links)?;
        std::thread::sleep(PAUSE);
    }
    let (seconds, after) = (since.elapsed().as_secs_f64(), used(pairs));
    let mut done = 0;
    for (pair, look) in pairs.iter().zip(&mut looks) {
        done += pair.done(look)?;
    }
    until_done(options, pairs, &mut looks, &mut links, sent.len() as u64)?;
    // The readers take what is left.
    std::thread::sleep(Duration::from_millis(200));
    let of_one = |index: usize| (after[index] - before[index]) / 1e9 / seconds / NODES as f64;
    // Of the bars of the warm-up nothing is judged.
    sent[..warm].fill(0);
    let seen = Seen {
        seconds,
        servers: of_one(0),
        engines: of_one(1),
        bars_out: (done - done_before) as f64,
        ..Seen::default()
    };
    Ok((seen, sent))
}

/// Time that servers and engines were on a core, ns.
fn used(pairs: &[Pair]) -> [f64; 2] {
    let servers = pairs.iter().map(|pair| ns_of(pair.server.pid())).sum();
    [servers, pairs.iter().map(|pair| ns_of(Some(pair.engine.id()))).sum()]
}

/// Waits until the engines have committed so many entries.
fn until_done(
    options: &CheckOptions,
    pairs: &[Pair],
    looks: &mut [Link],
    links: &mut [Link],
    entries: u64,
) -> Result<()> {
    let since = Instant::now();
    loop {
        options.interrupt.check()?;
        take_answers(links)?;
        let mut done = 0;
        for (pair, look) in pairs.iter().zip(looks.iter_mut()) {
            done += pair.done(look)?;
        }
        if done >= entries {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            let logs: Vec<String> = pairs.iter().map(|pair| Pair::log(pair.dir.path())).collect();
            bail!("only {done} of {entries} bars are committed after {} s: {}", PATIENCE.as_secs(), logs.join("; "));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends what the sockets had no room for, and discards the replies, none of which may be an error.
fn take_answers(links: &mut [Link]) -> Result<()> {
    for link in links {
        link.write_pending()?;
        while link.fill()? > 0 {
            while let Some(len) = link.reply()? {
                if link.received().first() == Some(&b'-') {
                    bail!("the server refuses a bar: {}", link.received()[..len].escape_ascii());
                }
                link.consume(len);
            }
        }
    }
    Ok(())
}

/// A signal of a base bar: symbol, start of its bar, and when it was seen, ns.
type Sighting = (usize, i64, u64);

/// Reads the signals of a server until it is told to stop.
fn read_signals(pair: &Pair, base: &str, epoch: Instant, stop: &AtomicBool) -> Result<Vec<Sighting>> {
    let mut link = pair.server.connect("reader")?;
    let mut lasts = vec![StreamId::default(); pair.names.len()];
    let mut found = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let streams = pair.names.iter().zip(&lasts).map(|([_, signals, ..], &last)| (signals.as_bytes(), last));
        encode_xread(link.outbox(), 1_000, Some(100), streams.collect::<Vec<_>>().into_iter());
        let len = loop {
            if let Some(len) = replies::next(&mut link, Duration::from_millis(100))? {
                break len;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(found);
            }
        };
        let now = epoch.elapsed().as_nanos() as u64;
        let (mut cursor, mut stream) = (XreadCursor::default(), 0);
        while let Some(item) = cursor.next(&link.received()[..len])? {
            match item {
                XreadItem::Stream(name) => {
                    stream = pair.names.iter().position(|names| names[1].as_bytes() == name).unwrap_or(0);
                }
                XreadItem::Error(text) => bail!("XREAD: {}", text.escape_ascii()),
                XreadItem::Entry(entry) => {
                    lasts[stream] = entry.id;
                    found.extend(of_base(entry.fields, base).map(|(symbol, bar_ts)| (symbol, bar_ts, now)));
                }
            }
        }
        link.consume(len);
    }
    Ok(found)
}

/// Symbol and bar of a signal, if it is of a base bar.
fn of_base(fields: FieldIter<'_>, base: &str) -> Option<(usize, i64)> {
    let (mut symbol, mut bar_ts, mut is_base) = (None, None, false);
    for (name, value) in fields {
        match name {
            b"timeframe" => is_base = value == base.as_bytes(),
            b"symbol" => symbol = symbol_index(value),
            b"bar_ts" => bar_ts = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            _ => {}
        }
    }
    is_base.then_some(())?;
    Some((symbol?, bar_ts?))
}

/// How late the signals were seen after the write of their bars.
fn lateness(seen: &mut Seen, sent: &[u64], sightings: &[Sighting], (first_ms, interval_ms): (i64, i64)) -> Result<()> {
    let mut late = Histogram::<u64>::new(3)?;
    for &(symbol, bar_ts, at) in sightings {
        let round = usize::try_from((bar_ts - first_ms) / interval_ms).ok();
        let Some(&sent) = round.and_then(|round| sent.get(round * SYMBOLS + symbol)).filter(|&&sent| sent > 0) else {
            continue;
        };
        late.record(at.saturating_sub(sent).max(1))?;
    }
    seen.signals = late.len() as f64;
    let at = |quantile| late.value_at_quantile(quantile) as f64 / 1e3;
    (seen.p50_us, seen.p99_us) = (at(0.5), at(0.99));
    Ok(())
}
