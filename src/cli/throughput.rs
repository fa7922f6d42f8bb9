//! `bench throughput`.

use super::{duration::parse_duration, note::note, place::PlaceArgs, pretty::pretty};
use crate::{
    lab::{
        bench::{Form, Interrupt, Socket, ThroughputOptions, throughput, throughput_text},
        report::{ThroughputRun, rates_json},
    },
    model::Timeframe,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::{io::Write, time::Duration};

/// Settings of the engine that leave the signals alone in its output.
const SIGNALS_ONLY: [&str; 4] =
    ["output.calculation_events=off", "output.latest_values=false", "output.bars=false", "output.alerts=false"];

/// Arguments of `bench throughput`.
#[derive(Debug, Args)]
pub struct ThroughputArgs {
    /// Form of the bars [default: each in turn]
    #[arg(long, value_enum)]
    pub form: Option<Form>,
    /// Symbols
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub symbols: usize,
    /// Bars of a compact frame
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub frame: usize,
    /// Timeframes; the bars sent are of the shortest
    #[arg(long, default_value = "1s,1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// Kind of connection to the server
    #[arg(long, value_enum, default_value = "unix")]
    pub socket: Socket,
    /// Only drain a stream that is full already
    #[arg(long)]
    pub drain: bool,
    /// Entries that are preloaded for each drain [default: 300000 legacy entries, 20000 frames]
    #[arg(long, value_name = "N")]
    pub entries: Option<u64>,
    /// Duration of a flow, all turns together; an attempt at a steady rate takes half of it
    #[arg(long, default_value = "8s", value_name = "TIME", value_parser = parse_duration)]
    pub duration: Duration,
    /// How often the bare loop and the engine take turns
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub turns: u32,
    /// No output but signals: no calculation events, latest values, alerts or bars of longer timeframes
    #[arg(long)]
    pub signals_only: bool,
    /// Set any key of the engine's configuration; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Name of the run [default: the form, and what differs from the defaults]
    #[arg(long)]
    pub name: Option<String>,
    /// Where the results go, and under whose name.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Print the figures as JSON, of all forms together
    #[arg(long)]
    pub json: bool,
    /// Write nothing
    #[arg(long)]
    pub no_results: bool,
}

/// `bench throughput`; whether every rate was held in the end.
///
/// # Errors
/// Whatever prevents the measurement.
pub fn bench_throughput(args: &ThroughputArgs) -> Result<bool> {
    let forms = args.form.map_or(vec![Form::Legacy, Form::Compact], |form| vec![form]);
    let interrupt = Interrupt::on_signals()?;
    let (mut held, mut runs) = (true, Vec::new());
    for form in forms {
        let options = options(args, form, &interrupt)?;
        note(&format!("{}: {} symbols", options.name, options.symbols));
        let outcome = throughput(&options, &mut |line| note(line))?;
        held &= outcome.info.steady.is_none_or(|steady| steady.held);
        let results = outcome.dir.as_ref().map(|dir| format!("results in {}", dir.display()));
        if args.json {
            results.iter().for_each(|line| note(line));
            let title = outcome.dir.as_ref().and_then(|dir| dir.file_name()).unwrap_or(options.name.as_ref());
            runs.push(ThroughputRun {
                title: title.to_string_lossy().into_owned(),
                info: outcome.info,
                host: outcome.host,
            });
            continue;
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", throughput_text(&outcome.info))?;
        results.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if args.json {
        write!(std::io::stdout().lock(), "{}", pretty(&rates_json(&runs)?))?;
    }
    Ok(held)
}

fn options(args: &ThroughputArgs, form: Form, interrupt: &Interrupt) -> Result<ThroughputOptions> {
    let name = args.name.clone().unwrap_or_else(|| default_name(args, form));
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        bail!("{name:?} is no name of a folder: letters, digits, - _ .");
    }
    let outputs = SIGNALS_ONLY.iter().filter(|_| args.signals_only).map(ToString::to_string);
    Ok(ThroughputOptions {
        exe: std::env::current_exe().context("this program does not know where it is")?,
        symbols: args.symbols,
        timeframes: args.timeframes.clone(),
        form,
        frame: args.frame,
        socket: args.socket,
        drain_only: args.drain,
        entries: args.entries.unwrap_or(if form == Form::Legacy { 300_000 } else { 20_000 }),
        duration: args.duration,
        turns: args.turns,
        settings: outputs.chain(args.set.iter().cloned()).collect(),
        name,
        host: args.place.host.clone(),
        runs: (!args.no_results).then(|| args.place.out.clone()),
        interrupt: interrupt.clone(),
    })
}

fn default_name(args: &ThroughputArgs, form: Form) -> String {
    let mut name = if form == Form::Legacy { "legacy".to_owned() } else { format!("compact{}", args.frame) };
    for (when, what) in [
        (args.drain, "drain".to_owned()),
        (args.signals_only, "signals".to_owned()),
        (args.socket == Socket::Tcp, "tcp".to_owned()),
        (args.symbols != 100, args.symbols.to_string()),
    ] {
        if when {
            name.push('-');
            name.push_str(&what);
        }
    }
    name
}
