//! What a setting costs in latency: engines with it and without it in turns.

use crate::{
    Found,
    kernels::median,
    programs::{folder, program},
};
use anyhow::{Context, Result, ensure};
use std::{path::Path, time::Duration};
use wagehood_engine::{
    lab::{
        bench::{Budgets, Form, Interrupt, LatencyOptions, Shape, Socket, latency},
        report::Series,
    },
    model::TradingStyle,
};

/// Pairs of engines; the first of a pair has the setting in every second one.
const ROUNDS: usize = 10;
/// Fewest of them that must have held their rate.
const ROUNDS_LEAST: usize = 5;
const QUANTILES: [f64; 2] = [0.5, 0.99];

/// `engine.sandbox` against an engine without.
pub fn sandbox() -> Result<Vec<Found>> {
    let dir = folder()?;
    let mut ratios: [Vec<f64>; 2] = Default::default();
    let mut free_ms: [Vec<f64>; 2] = Default::default();
    for round in 0..ROUNDS {
        let mut seen: [Option<[f64; 2]>; 2] = [None; 2];
        for turn in 0..2 {
            let is_shut = (round + turn) % 2 == 1;
            let found = one(&format!("engine.sandbox={is_shut}"), dir.path());
            if let Some(error) = found.as_ref().err().filter(|error| format!("{error:#}").contains("this kernel")) {
                println!("skipped  sandbox: {error:#}");
                return Ok(Vec::new());
            }
            seen[usize::from(is_shut)] = found?;
        }
        let [Some(free), Some(shut)] = seen else { continue };
        for k in 0..QUANTILES.len() {
            ratios[k].push(shut[k] / free[k]);
            free_ms[k].push(free[k]);
        }
    }
    let held = ratios[0].len();
    ensure!(held >= ROUNDS_LEAST, "only {held} of {ROUNDS} rounds held their rate: other work is on this host");
    let [p50, p99] = ratios.map(Spread::of);
    let [free_p50, free_p99] = free_ms.map(median);
    let note = format!(
        "without it p50 {free_p50:.3} ms, p99 {free_p99:.3} ms; with it p50 {p50}, p99 {p99}; medians and quartiles of the ratios of \
         {held} rounds"
    );
    Ok(vec![Found { id: "sandbox", figure: p50.median, ratio: None, note }])
}

/// Median and quartiles.
struct Spread {
    median: f64,
    quartiles: [f64; 2],
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let quartiles = [values[values.len() / 4], values[values.len() - 1 - values.len() / 4]];
        Self { median: median(values), quartiles }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [from, to] = self.quartiles;
        write!(f, "× {:.3} ({from:.3} … {to:.3})", self.median)
    }
}

/// The latencies of an engine with a setting at [`QUANTILES`], ms; `None` if it did not hold its rate.
fn one(setting: &str, runs: &Path) -> Result<Option<[f64; 2]>> {
    let options = LatencyOptions {
        exe: program()?,
        shape: Shape::Steady,
        symbols: 100,
        rate: 1.0,
        duration: Duration::from_secs(6),
        warm_up: Duration::from_secs(2),
        timeframes: ["1s", "1m", "5m", "1h", "1d"].iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        styles: TradingStyle::ALL.to_vec(),
        socket: Socket::Unix,
        url: None,
        form: Form::Legacy,
        settings: vec![setting.to_owned()],
        core: None,
        embedded: false,
        hiccups: false,
        echo: false,
        slices: 1,
        stall: None,
        budgets: Budgets::default(),
        name: "sandbox".to_owned(),
        host: None,
        runs: runs.to_owned(),
        interrupt: Interrupt::default(),
    };
    let outcome = latency(&options, &mut |_| ())?;
    let all = Series::merged("all", &outcome.run.signals)?.context("no signal was seen")?;
    Ok(outcome.held.then(|| QUANTILES.map(|quantile| all.total.at(quantile) as f64 / 1e6)))
}
