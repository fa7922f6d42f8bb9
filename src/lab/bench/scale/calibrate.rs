//! Measures the costs of the model on this host, with the program's own engine and bare loop.
//!
//! | stretch | gives |
//! |---|---|
//! | writing a stream | an entry written, its bytes, its memory; what the load itself costs |
//! | the bare loop on it | an entry read |
//! | the engine on it, and the bare loop on its signals | signals of a bar, a signal read |
//! | the engine on it with the probe, which gives a signal for each bar | a signal; with the one before: a bar |
//! | the bare loop behind a slow load | a read of one entry |
//! | the engine behind a slow load, with the probe | a transaction; the engine's part of it |

use super::{
    bed::{Bed, SETTINGS, Stint, spec},
    costs::{CommonCosts, Cost, Costs, FormCosts},
};
use crate::{
    lab::bench::{
        bars::Form,
        host,
        interrupt::Interrupt,
        server::{RedisServer, Socket},
        tempdir::TempDir,
        throughput::consumer::Consumer,
    },
    model::Timeframe,
    redis_io::StreamInfo,
    runtime::Clock,
    telemetry::resident_bytes,
};
use anyhow::Result;
use redis::cmd;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Symbols of the engine whose costs are measured.
const SYMBOLS: usize = 100;
/// Symbols of the two engines whose start and memory are compared.
const FEW_AND_MANY: [usize; 2] = [20, 1_000];
/// Exchanges of nothing.
const PINGS: usize = 400;
/// Time between two looks at an engine that starts.
const LOOK: Duration = Duration::from_millis(1);

/// What a calibration does.
#[derive(Debug, Clone)]
pub struct CalibrateOptions {
    /// The program to start as engine.
    pub exe: PathBuf,
    /// The forms to measure.
    pub forms: Vec<Form>,
    /// Timeframes; the shortest is the base.
    pub timeframes: Vec<Timeframe>,
    /// How often everything is measured.
    pub turns: u32,
    /// Bars of a full stream, roughly.
    pub bars: u64,
    /// Length of a slow load.
    pub slow: Duration,
    /// Further settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Name of the host; `None` for its own.
    pub host: Option<String>,
    /// Stops it early.
    pub interrupt: Interrupt,
}

/// Measures the costs; reports progress through `note`.
///
/// # Errors
/// The measurement cannot be made.
pub fn calibrate(options: &CalibrateOptions, note: &mut dyn FnMut(&str)) -> Result<Costs> {
    options.interrupt.explain(measure(options, note))
}

fn measure(options: &CalibrateOptions, note: &mut dyn FnMut(&str)) -> Result<Costs> {
    let name = options.host.clone().unwrap_or_else(host::name);
    let mut costs = Costs {
        turns: options.turns,
        timeframes: options.timeframes.iter().map(ToString::to_string).collect(),
        settings: SETTINGS.iter().map(ToString::to_string).chain(options.settings.iter().cloned()).collect(),
        ..Costs::default()
    };
    let mut commons = Vec::new();
    let mut forms: Vec<Vec<FormCosts>> = vec![Vec::new(); options.forms.len()];
    for turn in 1..=options.turns {
        note(&format!("calibration, turn {turn} of {}: start and memory of an engine", options.turns));
        commons.push(common(options)?);
        for (&form, turns) in options.forms.iter().zip(&mut forms) {
            let what = if form == Form::Legacy { "entries of a bar" } else { "frames" };
            note(&format!("calibration, turn {turn} of {}: {what}", options.turns));
            turns.push(of_form(options, form)?);
        }
    }
    for (&form, turns) in options.forms.iter().zip(&forms) {
        costs.set(form, FormCosts::of(turns));
    }
    let of = |field: fn(&CommonCosts) -> Cost| Cost::of(&commons.iter().map(|c| field(c).median).collect::<Vec<_>>());
    costs.common = CommonCosts {
        hop_us: of(|c| c.hop_us),
        takeover_ms: of(|c| c.takeover_ms),
        takeover_symbol_ms: of(|c| c.takeover_symbol_ms),
        engine_mib: of(|c| c.engine_mib),
        symbol_kib: of(|c| c.symbol_kib),
    };
    let server = RedisServer::start(Socket::Unix)?;
    costs.host = host::facts(&name, &options.exe, server.facts()?);
    Ok(costs)
}

fn bed<'a>(options: &'a CalibrateOptions, form: Form, symbols: usize, more: &[&str]) -> Result<Bed<'a>> {
    let settings = options.settings.iter().cloned().chain(more.iter().map(ToString::to_string));
    Ok(Bed {
        exe: &options.exe,
        server: RedisServer::start(Socket::Unix)?,
        spec: spec(symbols, &options.timeframes)?,
        form,
        frame: if form == Form::Legacy { 1 } else { 64 },
        settings: settings.collect(),
        interrupt: &options.interrupt,
        clock: Clock::new(),
    })
}

fn exact(value: f64) -> Cost {
    Cost::of(&[value])
}

/// What does not depend on the form.
fn common(options: &CalibrateOptions) -> Result<CommonCosts> {
    let mut found = Vec::new();
    let mut hop_us = 0.0;
    for symbols in FEW_AND_MANY {
        let bed = bed(options, Form::Legacy, symbols, &["state.store=redis", "engine.probe=false"])?;
        hop_us = hop(&bed)?;
        found.push(started(&bed, options.bars)?);
    }
    let [(few_ms, few_kib), (many_ms, many_kib)] = [found[0], found[1]];
    let [few, many] = FEW_AND_MANY.map(|symbols| symbols as f64);
    let line = |few_value: f64, many_value: f64| {
        let slope = ((many_value - few_value) / (many - few)).max(0.0);
        ((few_value - few * slope).max(0.0), slope)
    };
    let ((takeover, takeover_symbol), (memory, symbol)) = (line(few_ms, many_ms), line(few_kib, many_kib));
    Ok(CommonCosts {
        hop_us: exact(hop_us),
        takeover_ms: exact(takeover),
        takeover_symbol_ms: exact(takeover_symbol),
        engine_mib: exact(memory / 1_024.0),
        symbol_kib: exact(symbol),
    })
}

/// Half of the median exchange of nothing, µs.
fn hop(bed: &Bed<'_>) -> Result<f64> {
    let mut link = bed.server.connect("ping")?;
    let mut times = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        bed.interrupt.check()?;
        // Both sides sleep, as they do between two bars.
        std::thread::sleep(LOOK);
        let since = Instant::now();
        let _: String = link.ask(&cmd("PING"))?;
        times.push(since.elapsed().as_nanos() as f64 / 2e3);
    }
    Ok(Cost::of(&times).median)
}

/// Runs an engine to the end of a stream, ends it, and starts it again: the time until it goes on, ms, and its memory, KiB.
fn started(bed: &Bed<'_>, bars: u64) -> Result<(f64, f64)> {
    let (dir, mut tape) = (TempDir::new()?, bed.tape()?);
    let bars = bars.min(20_000);
    bed.write(&mut tape, bars)?;
    let mut engine = bed.engine(&dir, &[])?;
    bed.until(&mut engine, bars, LOOK)?;
    let memory = engine.place().0.map_or(0, |pid| resident_bytes(Some(pid))) as f64 / 1_024.0;
    engine.end()?;
    bed.write(&mut tape, 10)?;
    let since = Instant::now();
    let mut engine = bed.engine(&dir, &[])?;
    bed.until(&mut engine, bars + 1, LOOK)?;
    let ms = since.elapsed().as_secs_f64() * 1e3;
    engine.end()?;
    Ok((ms, memory))
}

/// One turn of one form.
fn of_form(options: &CalibrateOptions, form: Form) -> Result<FormCosts> {
    let format = if form == Form::Legacy { "output.signals_format=fields" } else { "output.signals_format=frame" };
    let bed = bed(options, form, SYMBOLS, &[format])?;
    let entries = (options.bars / bed.frame as u64).max(32);
    let mut tape = bed.tape()?;

    let written = bed.write(&mut tape, entries)?;
    let read = bed.drain(&mut bed.bare(&bed.spec.input())?, entries)?;
    let dir = TempDir::new()?;
    let plain = bed.drain(&mut bed.engine(&dir, &["engine.probe=false"])?, entries)?;
    let (given, given_signals) = signals_read(&bed, &plain)?;

    bed.clear()?;
    bed.write(&mut tape, entries)?;
    let dir = TempDir::new()?;
    let probed = bed.drain(&mut bed.engine(&dir, &["engine.probe=true"])?, entries)?;

    let rate = if form == Form::Legacy { 4_000.0 } else { 500.0 };
    bed.prelude(&mut tape)?;
    let slow_bare = bed.paced(&mut bed.bare(&bed.spec.input())?, &mut tape, rate, options.slow)?;
    bed.prelude(&mut tape)?;
    let dir = TempDir::new()?;
    let slow = bed.paced(&mut bed.engine(&dir, &["engine.probe=true"])?, &mut tape, rate, options.slow)?;

    let stints = Stints { written, read, plain, given, given_signals, probed, slow_bare, slow };
    Ok(stints.costs(bed.frame))
}

/// The bare loop reads the signals that a drain has left; with how many there are.
fn signals_read(bed: &Bed<'_>, plain: &Stint) -> Result<(Stint, f64)> {
    let stream = bed.spec.signals();
    let info = StreamInfo::ask(&mut bed.server.connect("signals")?, &stream);
    // Too short a stream has no signal.
    let Ok(info) = info else { return Ok((Stint::default(), 0.0)) };
    let given = bed.drain(&mut bed.bare(&stream)?, info.length)?;
    // In frames an entry holds several.
    let signals = given.done * plain.signals_all / info.length.max(1) as f64;
    Ok((given, signals))
}

/// The stretches of a turn.
struct Stints {
    written: Stint,
    read: Stint,
    plain: Stint,
    given: Stint,
    given_signals: f64,
    probed: Stint,
    slow_bare: Stint,
    slow: Stint,
}

impl Stints {
    /// The costs, where an entry has so many bars.
    fn costs(&self, frame: usize) -> FormCosts {
        let bars = frame as f64;
        let Self { written, read, plain, given, given_signals, probed, slow_bare, slow } = self;
        let per = |value: f64, count: f64| exact(value / count.max(1.0));
        let write_ns = written.work.server_ns / written.written.max(1.0);
        let read_ns = read.work.server_ns / read.done.max(1.0);
        let call_ns = (slow_bare.work.server_ns - slow_bare.written * write_ns - slow_bare.done * read_ns)
            / slow_bare.work.reads.max(1.0);
        // What commits and signals took together, when they were many and when they were few.
        let many = probed.work.server_ns - probed.done * read_ns - probed.work.reads * call_ns.max(0.0);
        let few =
            slow.work.server_ns - slow.written * write_ns - slow.done * read_ns - slow.work.reads * call_ns.max(0.0);
        let (commit_ns, signal_ns) =
            solve([probed.work.commits, probed.signals, many], [slow.work.commits, slow.signals, few]);
        // The engine with few signals and with many.
        let (bar_ns, own_signal_ns) = solve(
            [plain.done * bars, plain.signals, plain.work.process_ns],
            [probed.done * bars, probed.signals, probed.work.process_ns],
        );
        let cycles = slow.work.process_ns - slow.done * bars * bar_ns - slow.signals * own_signal_ns;
        FormCosts {
            frame,
            bar_in_bytes: per(written.work.in_bytes, written.written * bars),
            bar_out_bytes: per(read.work.out_bytes, read.done * bars),
            signal_in_bytes: per(probed.work.in_bytes, probed.signals),
            signal_out_bytes: per(given.work.out_bytes, *given_signals),
            bar_kept_bytes: per(written.work.memory, written.written * bars),
            write_us: exact(write_ns / 1e3),
            read_us: exact(read_ns / 1e3),
            call_us: exact(call_ns / 1e3),
            commit_us: exact(commit_ns / 1e3),
            signal_us: exact(signal_ns / 1e3),
            signal_read_us: per(given.work.server_ns / 1e3, *given_signals),
            bar_ns: exact(bar_ns),
            signal_ns: exact(own_signal_ns),
            cycle_us: per(cycles / 1e3, slow.work.reads),
            signals_per_bar: per(plain.signals, plain.done * bars),
            send_us: per(written.work.process_ns / 1e3, written.written),
        }
    }
}

/// x and y of a·x + b·y = c, twice, neither below 0: what one of them cannot explain is the other's.
fn solve([a, b, c]: [f64; 3], [d, e, f]: [f64; 3]) -> (f64, f64) {
    let determinant = a * e - b * d;
    let (x, y) = ((c * e - b * f) / determinant, (a * f - c * d) / determinant);
    match (x, y) {
        _ if determinant.abs() < 1e-9 * (a * e).abs().max(1.0) => ((c / a.max(1.0)).max(0.0), 0.0),
        _ if x < 0.0 => (0.0, ((c + f) / (b + e).max(1.0)).max(0.0)),
        _ if y < 0.0 => (((c + f) / (a + d).max(1.0)).max(0.0), 0.0),
        _ => (x, y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_costs_are_told_apart_and_none_is_below_zero() {
        // 10 for a transaction and 3 for a signal.
        assert_eq!(solve([2.0, 100.0, 320.0], [50.0, 50.0, 650.0]), (10.0, 3.0));
        assert_eq!(solve([1.0, 1.0, 5.0], [1.0, 1.0, 5.0]), (5.0, 0.0));
        let (x, y) = solve([1.0, 100.0, 300.0], [100.0, 100.0, 290.0]);
        assert!(x == 0.0 && (2.9..3.0).contains(&y), "{x} {y}");
        let (x, y) = solve([1.0, 100.0, 1.0], [100.0, 100.0, 500.0]);
        assert!(y == 0.0 && (4.9..5.0).contains(&x), "{x} {y}");
    }
}
