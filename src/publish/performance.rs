//! What the signals are worth, as JSON and as fields of a hash.

use super::{
    json::{Object, push_quoted},
    names::{Labels, OutputNames},
    signal::push_id,
};
use crate::{
    model::{Gain, HORIZONS, LaneCounts, ScoreFigures, SignalFigures, SignalOutcome},
    redis_io::Commands,
    text::{push_f64, push_u64},
};

/// Names of the horizons.
const NAMES: [&str; HORIZONS.len()] = ["1", "3", "10"];

/// Appends all figures of a key at a horizon as an object.
pub fn push_figures(out: &mut Vec<u8>, figures: &SignalFigures) {
    let mut object = Object::open(out);
    let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let lost = figures.n - figures.wins - figures.draws;
    object.int("n", int(figures.n)).int("void", int(figures.void)).int("wins", int(figures.wins));
    object.int("draws", int(figures.draws)).int("losses", int(lost)).float("win_rate", figures.win_rate);
    object.value("wilson", |out| push_list(out, &figures.wilson)).float("win_rate_se", figures.win_rate_se);
    object.float("mean_bps", figures.mean_bps).float("net_mean_bps", figures.net_mean_bps);
    object.float("sd_bps", figures.sd_bps).float("mean_se_bps", figures.mean_se_bps).float("blocks", figures.blocks);
    object.float("median_bps", figures.median_bps);
    object.float("profit_factor", figures.profit_factor.unwrap_or(f64::NAN));
    object.float("payoff", figures.payoff.unwrap_or(f64::NAN));
    object.float("mfe_bps", figures.mfe_bps).float("mae_bps", figures.mae_bps).float("slip_bps", figures.slip_bps);
    let [n, win_rate, mean_bps] = figures.recent;
    object.object("ew", |object| {
        object.float("n", n).float("win_rate", win_rate).float("mean_bps", mean_bps);
    });
    object.float("brier_base", figures.brier_base);
    for (name, score) in [("composite", &figures.composite), ("calibrated", &figures.calibrated)] {
        if let Some(score) = score {
            object.object(name, |object| fill_score(object, score));
        }
    }
    object.close();
}

fn fill_score(object: &mut Object<'_>, score: &ScoreFigures) {
    object.float("brier", score.brier).float("skill", score.skill.unwrap_or(f64::NAN));
    object.float("log_loss", score.log_loss).float("ece", score.ece);
    object.value("bins", |out| {
        for (k, &(n, p, wins)) in score.bins.iter().enumerate() {
            out.extend_from_slice(if k == 0 { b"[[" } else { b",[" });
            push_u64(out, n);
            out.push(b',');
            push_f64(out, p);
            out.push(b',');
            push_u64(out, wins);
            out.push(b']');
        }
        out.push(b']');
    });
}

fn push_list(out: &mut Vec<u8>, values: &[f64]) {
    for (k, value) in values.iter().enumerate() {
        out.push(if k == 0 { b'[' } else { b',' });
        push_f64(out, *value);
    }
    out.push(b']');
}

/// Appends what became of a signal as one line of JSON, its line feed included.
pub fn outcome_json_line(
    out: &mut Vec<u8>,
    outcome: &SignalOutcome,
    composite: f64,
    calibrated: Option<f64>,
    labels: Labels<'_>,
) {
    let directory = labels.directory;
    let (symbol, timeframe) = (directory.symbol(outcome.symbol), directory.timeframe_name(outcome.timeframe));
    let mut object = Object::open(out);
    object.value("signal_id", |out| {
        push_quoted(out, |out| push_id(out, [symbol, timeframe, outcome.strategy.name()], outcome.signal_ts));
    });
    object.text("symbol", symbol).text("timeframe", timeframe).name("strategy", outcome.strategy.name());
    object.name("kind", outcome.kind.name()).name("side", outcome.side.name());
    object.int("h", HORIZONS[usize::from(outcome.horizon)] as i64).int("exit_ts", outcome.event_ts);
    object.float("composite", composite);
    if let Some(calibrated) = calibrated {
        object.float("calibrated", calibrated);
    }
    match &outcome.gain {
        Some(Gain { ret, mfe, mae, slip }) => {
            object.float("ret", *ret).float("mfe", *mfe).float("mae", *mae).float("slip", *slip);
        }
        None => {
            object.value("void", |out| out.extend_from_slice(b"true"));
        }
    }
    object.close();
    out.push(b'\n');
}

/// Appends what is counted of a symbol, timeframe and strategy at a horizon as an object.
fn push_counts(out: &mut Vec<u8>, counts: &LaneCounts) {
    let LaneCounts { n, void, wins, draws, mean_bps } = *counts;
    let mut object = Object::open(out);
    object.int("n", n.into()).int("void", void.into()).int("wins", wins.into()).int("draws", draws.into());
    object.float("win_rate", f64::from(wins) / f64::from(n)).float("mean_bps", mean_bps);
    object.close();
}

/// Appends an `HSET` of the figures of a timeframe and strategy: a field whose name has two parts, an object by horizon.
pub fn hset_figures(
    commands: &mut Commands,
    names: &OutputNames,
    labels: [&str; 2],
    field: [&str; 2],
    figures: &[Option<SignalFigures>; HORIZONS.len()],
) {
    let known = || NAMES.iter().zip(figures).filter_map(|(name, figures)| Some((*name, figures.as_ref()?)));
    hset(commands, names, labels, field, |object| {
        for (name, figures) in known() {
            object.value(name, |out| push_figures(out, figures));
        }
    });
}

/// The same of what is counted of a symbol.
pub fn hset_counts(
    commands: &mut Commands,
    names: &OutputNames,
    labels: [&str; 2],
    symbol: &str,
    counts: &[LaneCounts; HORIZONS.len()],
) {
    hset(commands, names, labels, ["symbol:", symbol], |object| {
        for (name, counts) in NAMES.iter().zip(counts).filter(|(_, counts)| counts.n > 0) {
            object.value(name, |out| push_counts(out, counts));
        }
    });
}

fn hset(
    commands: &mut Commands,
    names: &OutputNames,
    labels: [&str; 2],
    field: [&str; 2],
    fill: impl FnOnce(&mut Object<'_>),
) {
    let mut command = commands.command(4);
    command.arg("HSET").arg_with(|out| names.performance.push(out, labels));
    command.arg_pair(field[0], field[1]).arg_with(|out| {
        let mut object = Object::open(out);
        fill(&mut object);
        object.close();
    });
}
