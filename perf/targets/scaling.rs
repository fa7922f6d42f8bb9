//! The cost of a bar as symbols and workers grow: a replay of mock one-minute bars from file to file.

use crate::{
    common::tape::Walk,
    kernels::median,
    programs::{folder, program},
};
use anyhow::{Result, ensure};
use std::{
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use wagehood_engine::{model::time::push_iso8601, text::push_f64};

/// Bars of the short and of the long file. The difference gives the cost of a bar without that of the start.
const BARS: [usize; 2] = [400_000, 1_200_000];
const RUNS: usize = 3;

/// Writes about this many minutes of this many symbols; returns the number of bars.
fn write(path: &Path, symbols: usize, bars: usize) -> Result<usize> {
    let mut walks: Vec<Walk> = (0..symbols).map(|k| Walk::new(k as u64 * 7919 + 11)).collect();
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "ts,symbol,open,high,low,close,volume")?;
    let rounds = bars / symbols;
    let mut line = Vec::new();
    for round in 0..rounds {
        for (symbol, walk) in walks.iter_mut().enumerate() {
            let bar = walk.next(symbol);
            line.clear();
            push_iso8601(&mut line, 1_700_000_040_000 + round as i64 * 60_000);
            write!(line, ",S{symbol:05}")?;
            for value in [bar.open, bar.high, bar.low, bar.close, bar.volume] {
                line.push(b',');
                push_f64(&mut line, value);
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    Ok(rounds * symbols)
}

/// Duration of the replay of a file, s.
fn replay(dir: &Path, file: &str, workers: usize) -> Result<f64> {
    let mut command = Command::new(program()?);
    command.current_dir(dir).args(["replay", "--input", file, "--base", "1m"]);
    command.args(["--timeframes", "1m,5m,1h,1d", "--signals", "signals.jsonl", "--set"]);
    command.arg(format!("engine.workers={workers}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    ensure!(command.status()?.success(), "the replay of {file} has failed");
    Ok(start.elapsed().as_secs_f64())
}

/// Prints the table.
pub fn print() -> Result<()> {
    println!("\nreplay in four timeframes, CSV in, signals out: ns a bar, median of {RUNS}, the start left out");
    let dir = folder()?;
    let mut first = None;
    for symbols in [100, 1_000, 10_000] {
        let names = ["short.csv", "long.csv"];
        let short = write(&dir.path().join(names[0]), symbols, BARS[0])?;
        let bars = write(&dir.path().join(names[1]), symbols, BARS[1])? - short;
        let mut line = format!("  {symbols:>6} symbols");
        for workers in [1, 2] {
            let mut costs = Vec::new();
            for _ in 0..RUNS {
                let [short, long] = names.map(|name| replay(dir.path(), name, workers));
                costs.push((long? - short?) * 1e9 / bars as f64);
            }
            let ns = median(costs);
            let first = *first.get_or_insert(ns);
            line += &format!("   {workers} worker(s) {ns:.0} ns ({:.0} %)", 100.0 * ns / first);
        }
        println!("{line}");
    }
    Ok(())
}
