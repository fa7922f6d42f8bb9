//! `bench` and `report`.

use super::{
    lab_args::{EchoArgs, LatencyArgs, ReportArgs},
    note::note,
    pretty::pretty,
    session::stop_flag,
};
use crate::{
    lab::{
        bench::{Budgets, Form, Interrupt, LatencyOptions, Socket, echo, latency, write_throughput_views},
        report::{
            Picture, Run, Theme, ThroughputRun, comparison_text, draw_png, html, pictures, rates, rates_html,
            rates_json, rates_text, run_text, runs_json, titles, write_views,
        },
    },
    model::TradingStyle,
};
use anyhow::{Context, Result, bail};
use std::{io::Write, path::Path};

/// `bench latency`; returns whether the rate was held and, if asked for, every budget was kept.
///
/// # Errors
/// Whatever prevents the measurement.
pub fn bench_latency(args: &LatencyArgs) -> Result<bool> {
    let options = options(args)?;
    note(&format!("{}: {} symbols, {} bars/s each", options.name, options.symbols, options.rate));
    let outcome = latency(&options, &mut |line| note(line))?;
    let results = format!("results in {}", outcome.dir.display());
    let text =
        if args.json { pretty(&runs_json(std::slice::from_ref(&outcome.run))?) } else { run_text(&outcome.run) + "\n" };
    print(&text, &[results], args.json)?;
    Ok(outcome.held && (outcome.within_budget || !args.check))
}

fn options(args: &LatencyArgs) -> Result<LatencyOptions> {
    let mut styles = Vec::new();
    for name in &args.styles {
        let Some(style) = TradingStyle::ALL.into_iter().find(|style| style.name() == name) else {
            bail!("{name:?} is no trading style: day, swing, position");
        };
        styles.push(style);
    }
    let mut settings = args.set.clone();
    settings.extend(args.threading.iter().map(|mode| format!("engine.threading={mode}")));
    settings.extend(args.workers.map(|workers| format!("engine.workers={workers}")));
    let budgets = args.budgets.as_deref().map_or_else(Budgets::built_in, Budgets::open)?;
    let name = args.name.clone().unwrap_or_else(|| default_name(args));
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        bail!("{name:?} is no name of a folder: letters, digits, - _ .");
    }
    Ok(LatencyOptions {
        exe: std::env::current_exe().context("this program does not know where it is")?,
        shape: args.shape,
        symbols: args.symbols,
        rate: args.rate,
        duration: args.duration,
        warm_up: args.warm_up,
        timeframes: args.timeframes.clone(),
        styles,
        socket: args.socket,
        url: args.url.clone(),
        form: args.form,
        settings,
        core: args.pin,
        embedded: args.embedded,
        hiccups: !args.no_hiccups,
        echo: !args.no_echo,
        slices: args.slices,
        stall: args.stall,
        budgets,
        name,
        host: args.place.host.clone(),
        runs: args.place.out.clone(),
        interrupt: Interrupt::on_signals()?,
    })
}

fn default_name(args: &LatencyArgs) -> String {
    let mut name = args.shape.name().to_owned();
    let mut add = |when: bool, what: &str| {
        if when {
            name.push('-');
            name.push_str(what);
        }
    };
    add(args.embedded, "embedded");
    add(args.socket == Socket::Tcp, "tcp");
    add(args.form == Form::Compact, "compact");
    add(args.symbols != 100, &args.symbols.to_string());
    add(args.threading.is_some(), args.threading.as_deref().unwrap_or(""));
    add(args.stall.is_some(), "stall");
    name
}

/// `bench echo`.
///
/// # Errors
/// The server is gone or refuses.
pub fn bench_echo(args: &EchoArgs) -> Result<()> {
    echo(&args.url, &args.from, &args.to, &*stop_flag()?)
}

/// `report`.
///
/// # Errors
/// A file cannot be read or written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let (throughput, latency): (Vec<&Path>, Vec<&Path>) =
        args.runs.iter().map(std::path::PathBuf::as_path).partition(|path| ThroughputRun::is_at(path));
    if let ([one, ..], [other, ..]) = (&throughput[..], &latency[..]) {
        bail!(
            "{} is of `bench throughput`, {} is not: they have no figure in common. Report each kind by itself",
            one.display(),
            other.display()
        );
    }
    if throughput.is_empty() { report_latency(args, &latency) } else { report_throughput(args, &throughput) }
}

fn report_latency(args: &ReportArgs, paths: &[&Path]) -> Result<()> {
    let mut runs = paths.iter().map(|path| Run::open(path)).collect::<Result<Vec<_>>>()?;
    for (dir, run) in paths.iter().zip(&runs).filter(|_| args.redraw) {
        if run.info.is_none() {
            bail!("{} is a single file: --redraw wants the folder of its run", dir.display());
        }
        write_views(dir, run)?;
    }
    runs.iter_mut().zip(titles(paths)).for_each(|(run, title)| run.title = title);
    let mut written = Vec::new();
    if let Some(path) = &args.html {
        written.push(write_page(path, &html(&runs)?)?);
    }
    for (path, run) in paths.iter().zip(&runs).filter(|_| args.png) {
        written.extend(write_pngs(path, &pictures(run, Theme::File)?)?);
    }
    let text = if args.json { pretty(&runs_json(&runs)?) } else { texts(&runs, run_text, comparison_text)? };
    print(&text, &written, args.json)
}

fn report_throughput(args: &ReportArgs, paths: &[&Path]) -> Result<()> {
    let mut runs = paths.iter().map(|path| ThroughputRun::open(path)).collect::<Result<Vec<_>>>()?;
    for (dir, run) in paths.iter().zip(&runs).filter(|_| args.redraw) {
        write_throughput_views(dir, run)?;
    }
    runs.iter_mut().zip(titles(paths)).for_each(|(run, title)| run.title = title);
    let mut written = Vec::new();
    if let Some(path) = &args.html {
        written.push(write_page(path, &rates_html(&runs))?);
    }
    for (path, run) in paths.iter().zip(&runs).filter(|_| args.png) {
        written.extend(write_pngs(path, &[rates(std::slice::from_ref(run), Theme::File)])?);
    }
    let comparison = |before: &ThroughputRun, after: &ThroughputRun| Ok(rates_text(before, after));
    let text = if args.json { pretty(&rates_json(&runs)?) } else { texts(&runs, ThroughputRun::text, comparison)? };
    print(&text, &written, args.json)
}

/// Runs of one kind, each further one compared with the first.
fn texts<R>(runs: &[R], text: fn(&R) -> String, comparison: impl Fn(&R, &R) -> Result<String>) -> Result<String> {
    let mut all: Vec<String> = runs.iter().map(text).collect();
    if let [first, rest @ ..] = runs {
        for other in rest {
            all.push(comparison(first, other)?);
        }
    }
    Ok(all.join("\n"))
}

/// Prints after everything is written: whoever reads may go before the end.
fn print(text: &str, written: &[String], json: bool) -> Result<()> {
    // Beside JSON, standard output holds nothing.
    written.iter().filter(|_| json).for_each(|line| note(line));
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")?;
    for line in written.iter().filter(|_| !json) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Draws pictures into the folder of their run; those of a single file are named after it and lie beside it.
fn write_pngs(run: &Path, pictures: &[Picture]) -> Result<Vec<String>> {
    let write = |picture: &Picture| {
        let png = draw_png(&picture.svg)?;
        let path = if run.is_dir() {
            run.join(format!("{}.png", picture.name))
        } else {
            run.with_extension(format!("{}.png", picture.name))
        };
        std::fs::write(&path, png).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(format!("picture in {}", path.display()))
    };
    pictures.iter().map(write).collect()
}

fn write_page(path: &Path, page: &str) -> Result<String> {
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(format!("page in {}", path.display()))
}
