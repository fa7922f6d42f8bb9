//! `performance`: what the signals of an engine are worth, as it last wrote it; and the file of a replay.

use super::{args::PerformanceArgs, part::only, redis::Server, session::layers};
use crate::{
    config::{Config, Layer, Override, Plan},
    judge::{Account, Judge},
    model::{Directory, HORIZONS, Strategy, SymbolId, TimeframeId},
    publish::push_figures,
    telemetry::{Table, exact_count},
};
use anyhow::{Context, Result, bail};
use redis::Cmd;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, io::Write, path::Path};

/// Prints the figures that an engine has written to its server.
///
/// # Errors
/// A configuration that does not hold, a server that is not there, names that it does not have.
pub fn performance(args: &PerformanceArgs) -> Result<()> {
    let mut layers = layers(args.engine.config.as_deref(), &args.engine.set)?;
    if let Some(url) = &args.redis {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
    }
    let config = only(Config::load_offline(&layers)?.config)?;
    let wanted = wanted(args, &config)?;
    let mut link = Server::new(&config)?.prefixed(&args.prefix).connect("performance")?;
    let mut all = Map::new();
    for (timeframe, strategy) in wanted {
        let key = format!("{}{}", args.prefix, config.output.keys.performance_key(&timeframe, strategy.name()));
        let fields: BTreeMap<String, String> = link.ask(Cmd::new().arg("HGETALL").arg(&key))?;
        for (field, text) in fields {
            if !is_asked(args, &field) {
                continue;
            }
            let figures = serde_json::from_str(&text).with_context(|| format!("{field} of {key} is no JSON"))?;
            all.insert(format!("{timeframe}/{}/{field}", strategy.name()), figures);
        }
    }
    if all.is_empty() {
        bail!(
            "there are no figures of that yet: an engine writes them every performance.publish_interval_s once a signal is \
             ten bars old, where performance.enabled = true"
        );
    }
    let text = if args.json { serde_json::to_string_pretty(&all)? } else { table(&all).to_string() };
    Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
}

/// Whether a field of a hash is asked for: of one symbol, or of all with their kinds.
fn is_asked(args: &PerformanceArgs, field: &str) -> bool {
    let is_symbol = field.strip_prefix("symbol:");
    match &args.symbol {
        Some(symbol) => is_symbol == Some(symbol),
        None => is_symbol.is_none(),
    }
}

/// The timeframes and strategies that are asked for.
fn wanted(args: &PerformanceArgs, config: &Config) -> Result<Vec<(String, Strategy)>> {
    let plan = config.plan();
    let known: Vec<String> = plan.timeframes.iter().map(ToString::to_string).collect();
    let frames = match &args.timeframe {
        Some(timeframe) if !known.contains(&timeframe.to_string()) => {
            bail!("{timeframe} is not among the timeframes of this configuration ({})", known.join(", "))
        }
        Some(timeframe) => vec![timeframe.to_string()],
        None => known,
    };
    let strategies: Vec<Strategy> = match &args.strategy {
        Some(name) => plan.roster.named(name).into_iter().collect(),
        None => plan.roster.iter().collect(),
    };
    if strategies.is_empty() {
        let names: Vec<&str> = plan.roster.iter().map(Strategy::name).collect();
        bail!("--strategy: write one of {}", names.join(", "));
    }
    Ok(frames.iter().flat_map(|frame| strategies.iter().map(|strategy| (frame.clone(), *strategy))).collect())
}

fn table(all: &Map<String, Value>) -> Table {
    let heads = ["timeframe/strategy/whose", "bars", "n", "won", "bps", "after fees", "± error", "skill"];
    let mut table = Table::new("What became of the signals: mean return in bps, clustered standard error", &heads);
    let number = |value: &Value, digits: usize| {
        value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:+.digits$}"))
    };
    for (whose, horizons) in all {
        for (bars, figures) in horizons.as_object().into_iter().flatten() {
            let won = figures["win_rate"].as_f64().map_or(0.0, |share| share * 100.0);
            let interval =
                figures["wilson"].as_array().and_then(|pair| Some((pair.first()?.as_f64()?, pair.get(1)?.as_f64()?)));
            let interval =
                interval.map_or(String::new(), |(low, high)| format!(" ({:.1}–{:.1})", low * 100.0, high * 100.0));
            let score = if figures["calibrated"].is_null() { &figures["composite"] } else { &figures["calibrated"] };
            table.row([
                whose.trim_end_matches("/all").to_owned(),
                bars.clone(),
                exact_count(figures["n"].as_u64().unwrap_or(0)),
                format!("{won:.1}%{interval}"),
                number(&figures["mean_bps"], 2),
                number(&figures["net_mean_bps"], 2),
                number(&figures["mean_se_bps"], 2).replace('+', ""),
                number(&score["skill"], 4),
            ]);
        }
    }
    table
}

/// Writes all figures of a replay: an object by key and horizon, such as `1m/macd_rsi@10`.
///
/// # Errors
/// A file that cannot be written.
pub fn write_performance(path: &Path, judge: &Judge, plan: &Plan, directory: &Directory) -> Result<()> {
    write_to(path, &performance_json(judge, plan, directory))
}

/// Appends the lanes of the selection, as they are at the end, to the file of its switches.
///
/// # Errors
/// A file that cannot be written.
pub fn append_lanes(path: &Path, judge: &Judge, plan: &Plan, directory: &Directory) -> Result<()> {
    let mut text = String::new();
    for symbol in (0..judge.book().symbols()).map(|index| SymbolId(index as u16)) {
        for timeframe in (0..plan.timeframes.len()).map(TimeframeId::new) {
            for strategy in plan.roster.iter() {
                let Some(lane) = judge.lane(symbol, timeframe, strategy).filter(|lane| lane.k > 0) else { continue };
                let line = json!({
                    "what": "lane at the end",
                    "symbol": directory.symbol(symbol),
                    "timeframe": directory.timeframe_name(timeframe),
                    "strategy": strategy.name(),
                    "on": lane.on,
                    "S": lane.sum,
                    "N": lane.weight,
                    "k": lane.k,
                });
                text += &format!("{line}\n");
            }
        }
    }
    if path == Path::new("-") {
        return Ok(std::io::stdout().lock().write_all(text.as_bytes())?);
    }
    let file = fs::OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn write_to(path: &Path, text: &[u8]) -> Result<()> {
    if path == Path::new("-") {
        return Ok(std::io::stdout().lock().write_all(text)?);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what the calibrated confidence has learned: by symbol and coordinate, such as `SPY|1m/golden_cross`, the weight and
/// the sum of the squares of its gradients.
///
/// # Errors
/// A file that cannot be written.
pub fn write_model(path: &Path, judge: &Judge, directory: &Directory) -> Result<()> {
    let mut weights = Map::new();
    for symbol in (0..judge.book().symbols()).map(|index| SymbolId(index as u16)) {
        judge.weights(symbol, |timeframe, kind, number, [w, g]| {
            let timeframe = timeframe.map(|timeframe| directory.timeframe_name(timeframe));
            let coordinate = match (timeframe, kind, number) {
                (Some(timeframe), Some(kind), _) => format!("{timeframe}/{}", kind.name()),
                (Some(timeframe), None, _) => timeframe.to_owned(),
                (None, _, 0) => "bias".to_owned(),
                (None, _, number) => format!("f{}", number - 1),
            };
            // What has learned nothing is as it was in the beginning.
            if g > 1.0 {
                weights.insert(format!("{}|{coordinate}", directory.symbol(symbol)), Value::from(vec![w, g]));
            }
        });
    }
    write_to(path, serde_json::to_string_pretty(&weights)?.as_bytes())
}

/// All figures as JSON, a line for each key and horizon.
fn performance_json(judge: &Judge, plan: &Plan, directory: &Directory) -> Vec<u8> {
    let (book, fee_bps) = (judge.book(), plan.performance.fee_bps);
    let mut rows: BTreeMap<String, &Account> = BTreeMap::new();
    let mut add = |name: &str, accounts| {
        for (bars, account) in HORIZONS.iter().zip::<&[Account; HORIZONS.len()]>(accounts) {
            rows.insert(format!("{name}@{bars}"), account);
        }
    };
    for key in 0..book.keys() {
        let (timeframe, name) = book.names().name(key);
        add(&format!("{}/{name}", directory.timeframe_name(timeframe)), book.accounts(key));
    }
    for symbol in (0..book.symbols()).map(|index| SymbolId(index as u16)) {
        for timeframe in (0..plan.timeframes.len()).map(TimeframeId::new) {
            for strategy in plan.roster.iter() {
                let Some(accounts) = book.lane_accounts(symbol, timeframe, strategy) else { continue };
                let (symbol, timeframe) = (directory.symbol(symbol), directory.timeframe_name(timeframe));
                add(&format!("{symbol}/{timeframe}/{}", strategy.name()), accounts);
            }
        }
    }
    let mut out = b"{".to_vec();
    for (name, account) in rows.into_iter().filter(|(_, account)| account.n() + account.void() > 0) {
        out.extend_from_slice(if out.len() == 1 { b"\n" } else { b",\n" });
        out.extend_from_slice(Value::from(name).to_string().as_bytes());
        out.extend_from_slice(b":");
        match account.figures(fee_bps) {
            Some(figures) => push_figures(&mut out, &figures),
            None => out.extend_from_slice(format!("{{\"n\":0,\"void\":{}}}", account.void()).as_bytes()),
        }
    }
    out.extend_from_slice(b"\n}\n");
    out
}
