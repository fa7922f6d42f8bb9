//! `watchlist`, `strategies` and `timeframes`: change the documents of the configuration in Redis. A change is checked whole
//! before it is written, in the form in which the document was found, and only where nobody else has written it meanwhile.

use super::{
    documents,
    edit_args::{DocumentArgs, EditArgs, EditCommand},
    host::Host,
    layers::layers,
    note::note,
    redis::{Server, over},
};
use crate::{
    config::{Config, Layer, Loaded, Override, WireForm, decode_document, encode_document},
    model::Timeframe,
    redis_io::Link,
    runtime::Clock,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, Value as Reply, cmd};
use serde_json::{Map, Value, json};
use std::io::Write;

/// Attempts, where others write the document too.
const ATTEMPTS: u32 = 16;

/// Which entries are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// The symbols of the watchlist.
    Symbols,
    /// The strategies.
    Strategies,
    /// The timeframes of symbols: SPY:5m.
    Timeframes,
}

impl Entries {
    const fn document(self) -> &'static str {
        match self {
            Self::Symbols | Self::Timeframes => "watchlist",
            Self::Strategies => "strategies",
        }
    }
}

/// `watchlist`, `strategies`, `timeframes`.
///
/// # Errors
/// The server is gone or refuses; an entry that is not there; a change that does not hold.
pub fn edit(entries: Entries, args: &EditArgs) -> Result<bool> {
    let editor = Editor::new(&args.common)?;
    let mut out = std::io::stdout().lock();
    if matches!(args.command, EditCommand::List) {
        let (_, value) = editor.read(&mut editor.connect()?, entries.document())?;
        for line in listed(entries, &value.unwrap_or_default()) {
            writeln!(out, "{line}")?;
        }
        return Ok(true);
    }
    if !editor.config.redis.config_from_redis {
        note(
            "note: redis.config_from_redis is false here: an engine with this configuration does not look at documents",
        );
    }
    let lines = editor.change(entries.document(), |value| apply(entries, &args.command, value))?;
    let done = if args.common.dry_run { "would change" } else { "changed" };
    if lines.is_empty() {
        writeln!(out, "nothing to change")?;
    } else {
        writeln!(out, "{done} {}:", editor.key(entries.document()))?;
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(true)
}

/// Reads and writes documents.
pub struct Editor {
    /// The configuration without documents.
    pub config: Config,
    layers: Vec<Layer>,
    host: Host,
    dry_run: bool,
}

impl Editor {
    /// An editor of the documents in the server that the arguments name.
    ///
    /// # Errors
    /// A file that cannot be read, or an address that is none.
    pub fn new(args: &DocumentArgs) -> Result<Self> {
        let mut layers = layers(args.config.as_deref(), &args.set)?;
        over(args.redis.as_ref(), &mut layers);
        let config = Config::load_anyway(&layers);
        Ok(Self { config, layers, host: Host::new(Clock::new()), dry_run: args.dry_run })
    }

    /// A connection.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn connect(&self) -> Result<Link> {
        Server::on(&self.host, &self.config)?.connect("documents")
    }

    /// The configuration with the documents that are there; where nobody has said who reads, for nobody.
    ///
    /// # Errors
    /// The server is gone or refuses, or the configuration does not hold.
    pub fn loaded(&self, link: &mut Link) -> Result<Loaded> {
        Ok(Config::load_offline(&self.layers_with_documents(link)?)?)
    }

    /// The layers of that.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn layers_with_documents(&self, link: &mut Link) -> Result<Vec<Layer>> {
        let mut layers = self.layers.clone();
        for key in self.config.redis.document_keys() {
            layers.extend(documents::read(link, &key)?.map(|bytes| Layer::Document { key, bytes }));
        }
        if self.config.output.compat.is_none() {
            layers.push(Layer::Override(Override::new("output.compat", "off")));
        }
        Ok(layers)
    }

    /// The key of a document.
    pub fn key(&self, document: &str) -> String {
        format!("{}{document}", self.config.redis.config_prefix)
    }

    /// A document with its form; of none the form is `JSON:`.
    ///
    /// # Errors
    /// The server is gone or refuses, or the document is in no known form.
    pub fn read(&self, link: &mut Link, document: &str) -> Result<(WireForm, Option<Value>)> {
        let key = self.key(document);
        let Some(bytes) = documents::read(link, &key)? else { return Ok((WireForm::Json, None)) };
        let (form, value) = decode_document(&bytes).with_context(|| key.clone())?;
        Ok((form, Some(value)))
    }

    /// Changes a document; what has changed, in lines.
    ///
    /// # Errors
    /// Those of `change`; a change that does not hold; the server is gone or refuses.
    pub fn change(&self, document: &str, change: impl Fn(&mut Value) -> Result<()>) -> Result<Vec<String>> {
        let key = self.key(document);
        for _ in 0..ATTEMPTS {
            let mut link = self.connect()?;
            link.ask::<()>(cmd("WATCH").arg(&key))?;
            let (form, before) = self.read(&mut link, document)?;
            let mut after = before.clone().unwrap_or_else(|| json!([]));
            change(&mut after)?;
            let lines = differences(&before.unwrap_or_else(|| json!([])), &after);
            if lines.is_empty() {
                return Ok(lines);
            }
            let bytes = encode_document(form, &after)?;
            self.check(&mut link, &key, &bytes)?;
            if self.dry_run {
                return Ok(lines);
            }
            link.ask::<()>(&cmd("MULTI"))?;
            link.ask::<()>(&Cmd::set(&key, bytes))?;
            // It is whole from here on.
            link.ask::<()>(&Cmd::del(format!("{key}:chunks")))?;
            if link.ask::<Reply>(&cmd("EXEC"))? != Reply::Nil {
                return Ok(lines);
            }
        }
        bail!("{key} is written by others all the time; nothing was changed")
    }

    /// Checks the configuration with this document as it would be.
    fn check(&self, link: &mut Link, key: &str, bytes: &[u8]) -> Result<()> {
        let server = Server::on(&self.host, &self.config)?;
        let mut found = server.documents(link)?;
        found.retain(|layer| !matches!(layer, Layer::Document { key: own, .. } if own == key));
        found.push(Layer::Document { key: key.to_owned(), bytes: bytes.to_vec() });
        // A configuration that names nobody who reads is as good for this.
        let mut layers = self.layers.clone();
        if self.config.output.compat.is_none() {
            layers.push(Layer::Override(Override::new("output.compat", "off")));
        }
        Config::load_offline(&[layers, found].concat()).context("the change does not hold; nothing was written")?;
        Ok(())
    }
}

/// The entries as lines of JSON.
fn listed(entries: Entries, value: &Value) -> Vec<String> {
    let all: Vec<Value> = match value {
        Value::Array(list) => list.clone(),
        Value::Object(map) => map.iter().map(|(name, own)| json!({ name: own })).collect(),
        _ => Vec::new(),
    };
    if entries != Entries::Timeframes {
        return all.iter().map(Value::to_string).collect();
    }
    let line = |asset: &Value| json!({ "symbol": asset["symbol"], "timeframes": asset["timeframes"] }).to_string();
    all.iter().map(line).collect()
}

fn apply(entries: Entries, command: &EditCommand, value: &mut Value) -> Result<()> {
    match command {
        EditCommand::List => Ok(()),
        EditCommand::Add { name, settings } => {
            let taken = entry(entries, value, name, true)?;
            set(entries, taken, settings)
        }
        EditCommand::Set { name, settings } => {
            let create = entries == Entries::Strategies;
            let taken = entry(entries, value, name, create)?;
            set(entries, taken, settings)
        }
        EditCommand::Remove { names } => names.iter().try_for_each(|name| remove(entries, value, name)),
        EditCommand::Enable { names } => names.iter().try_for_each(|name| enable(entries, value, name, true)),
        EditCommand::Disable { names } => names.iter().try_for_each(|name| enable(entries, value, name, false)),
    }
}

fn enable(entries: Entries, value: &mut Value, name: &str, enabled: bool) -> Result<()> {
    let create = entries == Entries::Strategies;
    entry(entries, value, name, create)?["enabled"] = json!(enabled);
    Ok(())
}

/// Whether two names are of the same strategy.
fn same_strategy(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix("_strategy").unwrap_or(name).to_owned();
    bare(one) == bare(other)
}

/// A named entry of a list or a map; a new one where it is to be made.
fn named<'v>(
    value: &'v mut Value,
    id: &str,
    name: &str,
    create: bool,
    same: impl Fn(&str) -> bool,
) -> Result<&'v mut Value> {
    match value {
        Value::Array(list) => {
            let at = list.iter().position(|own| own[id].as_str().is_some_and(&same));
            if at.is_none() && create {
                list.push(json!({ id: name, "enabled": true }));
            }
            let last = list.len().saturating_sub(1);
            let at = at.or(create.then_some(last)).with_context(|| format!("there is no {name}"))?;
            Ok(&mut list[at])
        }
        Value::Object(map) => {
            let key = map.keys().find(|key| same(key)).cloned();
            if key.is_none() && !create {
                bail!("there is no {name}");
            }
            Ok(map.entry(key.unwrap_or_else(|| name.to_owned())).or_insert_with(|| json!({ "enabled": true })))
        }
        _ => bail!("the document is neither a list nor a table of entries"),
    }
}

/// Parts `SPY:5m`.
fn cell(name: &str) -> Result<(&str, &str)> {
    let (symbol, timeframe) =
        name.rsplit_once(':').with_context(|| format!("{name}: write symbol and timeframe, such as SPY:5m"))?;
    timeframe.parse::<Timeframe>().map_err(|_| anyhow::anyhow!("{timeframe} is no timeframe, such as 5m"))?;
    Ok((symbol, timeframe))
}

fn entry<'v>(entries: Entries, value: &'v mut Value, name: &str, create: bool) -> Result<&'v mut Value> {
    match entries {
        Entries::Symbols => named(value, "symbol", name, create, |own| own == name),
        Entries::Strategies => {
            let old = format!("{}_strategy", name.strip_suffix("_strategy").unwrap_or(name));
            named(value, "name", &old, create, |own| same_strategy(own, name))
        }
        Entries::Timeframes => {
            let (symbol, timeframe) = cell(name)?;
            let asset = named(value, "symbol", symbol, false, |own| own == symbol)?;
            let own = timeframes(asset)?;
            if !own.contains_key(timeframe) && !create {
                bail!("{symbol} has no timeframe {timeframe}");
            }
            Ok(own.entry(timeframe.to_owned()).or_insert_with(|| json!({ "enabled": true })))
        }
    }
}

/// The timeframes of a symbol as a table: a list of names becomes one.
fn timeframes(asset: &mut Value) -> Result<&mut Map<String, Value>> {
    let own = &mut asset["timeframes"];
    if let Value::Array(list) = own {
        let names = list.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), json!({ "enabled": true })));
        *own = Value::Object(names.collect());
    }
    if !own.is_object() {
        *own = json!({});
    }
    // It is one by now.
    own.as_object_mut().context("the timeframes of a symbol are no table")
}

fn remove(entries: Entries, value: &mut Value, name: &str) -> Result<()> {
    entry(entries, value, name, false)?;
    if entries == Entries::Timeframes {
        let (symbol, timeframe) = cell(name)?;
        timeframes(named(value, "symbol", symbol, false, |own| own == symbol)?)?.shift_remove(timeframe);
        return Ok(());
    }
    match value {
        Value::Array(list) => list.retain(|own| match entries {
            Entries::Strategies => !own["name"].as_str().is_some_and(|own| same_strategy(own, name)),
            _ => own["symbol"] != name,
        }),
        Value::Object(map) => {
            map.retain(|own, _| own != name && !(entries == Entries::Strategies && same_strategy(own, name)))
        }
        _ => {}
    }
    Ok(())
}

/// Keys of a strategy that are no parameters.
const OF_STRATEGY: [&str; 2] = ["enabled", "supported_timeframes"];

fn set(entries: Entries, entry: &mut Value, settings: &[String]) -> Result<()> {
    for text in settings {
        let (key, value) = text.split_once('=').with_context(|| format!("{text}: write KEY=VALUE"))?;
        let value: Value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let path: Vec<&str> = match (entries, key.split_once('.')) {
            (Entries::Strategies, _) if OF_STRATEGY.contains(&key) => vec![key],
            (Entries::Strategies, Some((timeframe, key))) => vec!["timeframe_parameters", timeframe, key],
            (Entries::Strategies, None) => vec!["parameters", key],
            _ => key.split('.').collect(),
        };
        let mut place = &mut *entry;
        for part in path {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[part];
        }
        *place = value;
    }
    Ok(())
}

/// What is there before and after, line by line.
fn differences(before: &Value, after: &Value) -> Vec<String> {
    let lines = |value: &Value| listed(Entries::Symbols, value);
    let (before, after) = (lines(before), lines(after));
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    gone.chain(after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(entries: Entries, mut value: Value, command: &EditCommand) -> Result<Value> {
        apply(entries, command, &mut value).map(|()| value)
    }

    #[test]
    fn entries_are_added_changed_and_removed_in_lists_and_tables() -> Result<()> {
        let add = EditCommand::Add { name: "QQQ".to_owned(), settings: vec!["priority=2".to_owned()] };
        let list = edited(Entries::Symbols, json!([{"symbol": "SPY"}]), &add)?;
        assert_eq!(list, json!([{"symbol": "SPY"}, {"symbol": "QQQ", "enabled": true, "priority": 2}]));
        let table = edited(Entries::Symbols, json!({"SPY": {}}), &add)?;
        assert_eq!(table, json!({"SPY": {}, "QQQ": {"enabled": true, "priority": 2}}));
        for value in [list, table] {
            let gone = edited(Entries::Symbols, value, &EditCommand::Remove { names: vec!["SPY".to_owned()] })?;
            assert!(gone.to_string().contains("QQQ") && !gone.to_string().contains("SPY"), "{gone}");
            assert!(edited(Entries::Symbols, gone, &EditCommand::Enable { names: vec!["SPY".to_owned()] }).is_err());
        }
        let set = EditCommand::Set {
            name: "macd_rsi".to_owned(),
            settings: ["rsi_oversold=25", "5m.rsi_oversold=20", "supported_timeframes=[\"5m\"]"]
                .map(str::to_owned)
                .into(),
        };
        let wanted = json!([{"name": "macd_rsi_strategy", "enabled": true, "parameters": {"rsi_oversold": 25},
            "timeframe_parameters": {"5m": {"rsi_oversold": 20}}, "supported_timeframes": ["5m"]}]);
        assert_eq!(edited(Entries::Strategies, json!([]), &set)?, wanted);
        let off = EditCommand::Disable { names: vec!["SPY:5m".to_owned()] };
        let wanted = json!([{"symbol": "SPY", "timeframes": {"1m": {"enabled": true}, "5m": {"enabled": false}}}]);
        assert_eq!(edited(Entries::Timeframes, json!([{"symbol": "SPY", "timeframes": ["1m", "5m"]}]), &off)?, wanted);
        Ok(())
    }
}
