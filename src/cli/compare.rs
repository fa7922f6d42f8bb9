//! `migrate compare`: what the existing system says and what an engine beside it says, looked at live. Blocks.

use super::{
    edit::Editor,
    edit_args::{CompareArgs, DocumentArgs},
    sides::{Comparison, Said, SeenBars},
};
use crate::{
    config::{Config, decode_document},
    feed::timestamp::parse_timestamp,
    model::time::Iso8601,
    redis_io::Link,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, Value as Reply, cmd};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    time::{Duration, Instant},
};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Symbols asked for at once.
const SYMBOLS: usize = 200;
/// Keys of a symbol.
const KEYS: usize = 3;
/// Entries asked for at once.
const ENTRIES: usize = 1_000;
/// Bars and signals named in the report.
const NAMED: usize = 5;

/// One of the two systems.
struct Side {
    config: Config,
    link: Link,
    seen: SeenBars,
    /// By symbol: what its keys held at the last look, so that only what is new is decoded.
    held: BTreeMap<String, [Option<Vec<u8>>; KEYS]>,
    /// The newest signal before the first look.
    from: String,
}

/// Compares. False where something differs by more than is tolerated.
///
/// # Errors
/// A server is gone or refuses; configurations that do not hold; a configuration that names the same keys.
pub fn compare(common: &DocumentArgs, args: &CompareArgs, out: &mut impl Write) -> Result<bool> {
    let beside = DocumentArgs { config: Some(args.shadow.clone()), ..common.clone() };
    let [mut old, mut new] = [Side::open(common)?, Side::open(&beside)?];
    if old.names() == new.names() {
        bail!(
            "{} names the keys {} as the existing system does: write it with `migrate shadow`",
            args.shadow.display(),
            old.names()
        );
    }
    let symbols = |side: &Side| side.config.assets().into_iter().map(|asset| asset.symbol).collect::<BTreeSet<_>>();
    let both: Vec<String> = symbols(&old).intersection(&symbols(&new)).cloned().collect();
    if both.is_empty() {
        bail!("no symbol is on both watchlists: name the configuration of the existing system with --config");
    }
    let end = Instant::now() + args.duration;
    loop {
        for side in [&mut old, &mut new] {
            side.look(&both)?;
        }
        let now = Instant::now();
        if now >= end {
            break;
        }
        std::thread::sleep(PAUSE.min(end - now));
    }
    let signals = [old.signals()?, new.signals()?];
    for side in [&mut old, &mut new] {
        side.seen.end();
    }
    let found = Comparison::of(&old.seen, &new.seen, [&signals[0], &signals[1]]);
    if args.json {
        writeln!(out, "{:#}", found.json())?;
    } else {
        tell(&found, args, both.len(), out)?;
    }
    Ok(found.is_good(args.tolerance))
}

impl Side {
    fn open(args: &DocumentArgs) -> Result<Self> {
        let editor = Editor::new(args)?;
        let mut link = editor.connect()?;
        let config = editor.loaded(&mut link)?.config;
        let newest: Vec<(String, Reply)> =
            if link.ask::<String>(&Cmd::key_type(&config.output.streams.signals))? == "stream" {
                link.ask(&Cmd::xrevrange_count(&config.output.streams.signals, "+", "-", 1))?
            } else {
                Vec::new()
            };
        let from = newest.into_iter().next().map_or_else(|| "-".to_owned(), |(id, _)| format!("({id}"));
        Ok(Self { config, link, seen: SeenBars::default(), held: BTreeMap::new(), from })
    }

    /// What its keys begin with.
    fn names(&self) -> String {
        format!("{}{}", self.config.output.keys.prefix, self.config.output.keys.calculations)
    }

    /// Looks at all symbols: price and results as of one moment.
    fn look(&mut self, symbols: &[String]) -> Result<()> {
        for chunk in symbols.chunks(SYMBOLS) {
            let keys: Vec<String> = chunk.iter().flat_map(|symbol| self.keys(symbol)).collect();
            let values: Vec<Option<Vec<u8>>> = self.link.ask(cmd("MGET").arg(keys))?;
            for (symbol, values) in chunk.iter().zip(values.as_chunks::<KEYS>().0) {
                if self.held.get(symbol) != Some(values) {
                    if let Some((start, said)) = read(values).with_context(|| format!("the results of {symbol}"))? {
                        self.seen.look(symbol, start, said);
                    }
                    self.held.insert(symbol.clone(), values.clone());
                }
            }
        }
        Ok(())
    }

    /// The keys of a symbol: its newest bar, its results, and those of the version with several timeframes.
    fn keys(&self, symbol: &str) -> [String; KEYS] {
        let keys = &self.config.output.keys;
        let multi = "multi_timeframe_calculations:{symbol}_multi_timeframe";
        [&keys.latest_price, &keys.calculations, multi]
            .map(|template| format!("{}{}", keys.prefix, template.replace("{symbol}", symbol)))
    }

    /// The signals since the first look: ids and confidences.
    fn signals(&mut self) -> Result<BTreeMap<String, f64>> {
        let stream = &self.config.output.streams.signals;
        let mut found = BTreeMap::new();
        if self.link.ask::<String>(&Cmd::key_type(stream))? != "stream" {
            return Ok(found);
        }
        let mut from = self.from.clone();
        loop {
            let entries: Vec<(String, Vec<(String, String)>)> =
                self.link.ask(&Cmd::xrange_count(stream, &from, "+", ENTRIES))?;
            let Some((last, _)) = entries.last() else { return Ok(found) };
            from = format!("({last}");
            for (_, fields) in entries {
                let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
                let confidence = field("composite_confidence").and_then(|text| text.parse().ok());
                if let (Some(id), Some(confidence)) = (field("signal_id"), confidence) {
                    found.insert(id.to_owned(), confidence);
                }
            }
        }
    }
}

/// The bar that the keys of a symbol are about, and what they say of it; `None` where they do not say enough.
fn read([price, results, multi]: &[Option<Vec<u8>>; KEYS]) -> Result<Option<(i64, Said)>> {
    let decode = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| decode_document(bytes)).transpose();
    let (price, results, multi) = (decode(price)?, decode(results)?, decode(multi)?);
    let results = multi.or(results).map(|(_, value)| value);
    let Some(results) = results else { return Ok(None) };
    let stamp = |value: &Value| {
        let stamp = value.get("timestamp")?;
        let text = stamp.get("__datetime__").unwrap_or(stamp).as_str()?;
        parse_timestamp(text.as_bytes()).ok()
    };
    let start = stamp(&results).or_else(|| price.and_then(|(_, price)| stamp(&price)));
    Ok(start.map(|start| (start, Said::read(&results))))
}

fn tell(found: &Comparison, args: &CompareArgs, symbols: usize, out: &mut impl Write) -> Result<()> {
    let place = |(symbol, start): &(String, i64)| format!("{symbol} {}Z", Iso8601(*start));
    writeln!(out, "{} bars of {symbols} symbols that both sides have calculated", found.bars)?;
    if found.bars == 0 {
        writeln!(
            out,
            "nothing was compared: do both run, and did a bar close within {:?}? --for sets the time",
            args.duration
        )?;
    }
    writeln!(
        out,
        "{:<30}{:>8}{:>10}{:>10}  {:<26}at",
        "indicator", "both", "old only", "new only", "max relative difference"
    )?;
    for (name, own) in &found.indicators {
        let at = own.at.as_ref().map_or_else(|| "–".to_owned(), place);
        let [old, new] = own.lone;
        writeln!(out, "{name:<30}{:>8}{old:>10}{new:>10}  {:<26e}{at}", own.both, own.largest)?;
    }
    writeln!(out, "{:<30}{:>8}{:>10}  first", "level", "same", "different")?;
    for (name, own) in &found.levels {
        let first = own
            .first
            .as_ref()
            .map_or_else(|| "–".to_owned(), |(bar, [old, new])| format!("{}: {old} and {new}", place(bar)));
        writeln!(out, "{name:<30}{:>8}{:>10}  {first}", own.same, own.different)?;
    }
    let signals = &found.signals;
    writeln!(
        out,
        "signals: {} on both sides, largest difference of a confidence {:e}; {} of the old side alone, {} of the new one",
        signals.both,
        signals.largest,
        signals.lone[0].len(),
        signals.lone[1].len()
    )?;
    for (side, lone) in ["old", "new"].into_iter().zip(&signals.lone) {
        lone.iter().take(NAMED).try_for_each(|id| writeln!(out, "  of the {side} side alone: {id}"))?;
    }
    for (side, skipped) in ["old", "new"].into_iter().zip(&found.skipped) {
        writeln!(out, "bars that the {side} side skipped: {}", skipped.len())?;
        skipped.iter().take(NAMED).try_for_each(|bar| writeln!(out, "  {}", place(bar)))?;
    }
    Ok(())
}
