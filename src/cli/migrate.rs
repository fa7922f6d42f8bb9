//! `migrate`: from the existing system to the engine, step by step and back, on a live server. Blocks.

use super::{
    compare::compare,
    documents,
    edit::Editor,
    edit_args::{MigrateArgs, MigrateCommand},
    shadow::shadow,
};
use crate::{
    config::{Config, Loaded, WireForm, decode_document},
    redis_io::Link,
    runtime::Clock,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, Value as Reply, cmd};
use std::{collections::BTreeMap, io::Write};

/// What stands before the names of backups; the time follows.
const BACKUP: &str = "wagehood:migration:";
/// The newest backup.
const NEWEST: &str = "wagehood:migration:newest";
/// What the connections of this program are called.
const OWN_NAMES: &str = "wagehood-engine";

/// `migrate`. False where it refuses.
///
/// # Errors
/// The server is gone or refuses; documents that do not hold; no backup.
pub fn migrate(args: &MigrateArgs) -> Result<bool> {
    let editor = Editor::new(&args.common)?;
    let mut link = editor.connect()?;
    let mut out = std::io::stdout().lock();
    match &args.command {
        MigrateCommand::Inspect => inspect(&editor, &mut link, &mut out),
        MigrateCommand::Plan => plan(&editor, &mut link, &mut out),
        MigrateCommand::Apply { force } => apply(&editor, &mut link, *force, args.common.dry_run, &mut out),
        MigrateCommand::Rollback { time } => rollback(&mut link, time.as_deref(), &mut out),
        MigrateCommand::Shadow(own) => shadow(&editor, &mut link, own, args.common.dry_run, &mut out),
        MigrateCommand::Compare(own) => compare(&args.common, own, &mut out),
    }
}

/// Who else is connected, by address and name, and what they did last; connections of this program are left out.
fn others(link: &mut Link) -> Result<Vec<String>> {
    let own: i64 = link.ask(cmd("CLIENT").arg("ID"))?;
    let list: String = link.ask(cmd("CLIENT").arg("LIST"))?;
    let field = |line: &str, name: &str| -> String {
        let text = line.split(' ').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
        text.to_owned()
    };
    let foreign = list
        .lines()
        .filter(|line| field(line, "id=") != own.to_string() && !field(line, "name=").starts_with(OWN_NAMES));
    let line = |line: &str| {
        format!(
            "{} name={} last={} idle={} s",
            field(line, "addr="),
            field(line, "name="),
            field(line, "cmd="),
            field(line, "idle=")
        )
    };
    Ok(foreign.map(line).collect())
}

fn form_name(form: WireForm) -> String {
    match form {
        WireForm::Json => "JSON:".to_owned(),
        WireForm::JsonGzip => "JSON_GZIP:".to_owned(),
        WireForm::Bare => "JSON alone".to_owned(),
        WireForm::BareGzip => "JSON packed with gzip".to_owned(),
        WireForm::Pickle { prefix, protocol, .. } => format!("{prefix} and a pickle of protocol {protocol}"),
    }
}

fn inspect(editor: &Editor, link: &mut Link, out: &mut impl Write) -> Result<bool> {
    let mut good = true;
    for key in editor.config.redis.document_keys() {
        let Some(bytes) = documents::read(link, &key)? else {
            writeln!(out, "{key}: not there")?;
            continue;
        };
        let ttl_ms: i64 = link.ask(&Cmd::pttl(&key))?;
        let life = if ttl_ms < 0 { "never expires".to_owned() } else { format!("expires in {} s", ttl_ms / 1_000) };
        match decode_document(&bytes) {
            Ok((form, value)) => {
                let count = value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len));
                let (form, count) = (form_name(form), count.unwrap_or(1));
                writeln!(out, "{key}: {form}, {} bytes, {count} entries, {life}", bytes.len())?;
            }
            Err(error) => {
                good = false;
                writeln!(out, "{key}: {} bytes, {life}: {error}", bytes.len())?;
            }
        }
    }
    let streams = &editor.config.output.streams;
    let inputs = editor.config.input.streams.iter().map(|stream| stream.name.as_str());
    for name in inputs.chain([streams.calculation_events.as_str(), &streams.alerts, &streams.signals]) {
        if link.ask::<String>(&Cmd::key_type(name))? != "stream" {
            continue;
        }
        let length: u64 = link.ask(&Cmd::xlen(name))?;
        let groups: Vec<BTreeMap<String, Reply>> = link.ask(&Cmd::xinfo_groups(name))?;
        writeln!(out, "{name}: a stream of {length} entries")?;
        for group in groups {
            let text = |field: &str| match group.get(field) {
                Some(Reply::BulkString(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
                Some(Reply::Int(number)) => number.to_string(),
                _ => "?".to_owned(),
            };
            writeln!(out, "  group {}: {} consumers, {} pending", text("name"), text("consumers"), text("pending"))?;
        }
    }
    // A server may keep its settings to itself.
    let policy: Result<BTreeMap<String, String>, _> = link.ask(cmd("CONFIG").arg("GET").arg("maxmemory-policy"));
    if let Some(policy) = policy.ok().and_then(|found| found.get("maxmemory-policy").cloned()) {
        let advice =
            if policy == "noeviction" { "" } else { ": it may throw away what the engine keeps; set it to noeviction" };
        writeln!(out, "maxmemory-policy {policy}{advice}")?;
    }
    for line in others(link)? {
        writeln!(out, "connected: {line}")?;
    }
    Ok(good)
}

fn plan(editor: &Editor, link: &mut Link, out: &mut impl Write) -> Result<bool> {
    let Loaded { config, effective, notes } = editor.loaded(link)?;
    let default = Config::default();
    let mut section = String::new();
    for line in effective.to_toml().lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((setting, origin)) = line.rsplit_once("  # redis ") {
            let at = if section.is_empty() { String::new() } else { format!("{section}.") };
            writeln!(out, "used: {at}{setting} (from {origin})")?;
        }
    }
    notes.iter().try_for_each(|note| writeln!(out, "dropped: {note}"))?;
    if config.strategies != default.strategies {
        writeln!(out, "results: parameters of strategies differ from the engine's defaults; those above count")?;
    }
    let own = config
        .watchlist
        .iter()
        .filter(|asset| !asset.strategy_overrides.is_empty() || asset.enabled_strategies.is_some());
    let own: Vec<&str> = own.map(|asset| asset.symbol.as_str()).collect();
    if !own.is_empty() {
        writeln!(out, "results: of {} symbols strategies or parameters of their own: {}", own.len(), own.join(", "))?;
    }
    writeln!(out, "apply would keep {} without a lifetime", editor.config.redis.document_keys().join(", "))?;
    Ok(true)
}

fn apply(editor: &Editor, link: &mut Link, force: bool, dry_run: bool, out: &mut impl Write) -> Result<bool> {
    editor.loaded(link).context("what is there does not hold; nothing was changed")?;
    let connected = others(link)?;
    if !connected.is_empty() && !force {
        writeln!(out, "others are connected, who may write the documents with a lifetime again:")?;
        connected.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        writeln!(out, "nothing was changed; end the existing system's ConfigManager first, or use --force")?;
        return Ok(false);
    }
    let time = Clock::new().now().wall_ms().to_string();
    let keys = editor.config.redis.document_keys();
    link.ask::<()>(cmd("WATCH").arg(&keys[..]))?;
    let mut saved = Vec::new();
    for key in &keys {
        if let Some(bytes) = link.ask::<Option<Vec<u8>>>(&Cmd::get(key))? {
            saved.push((key, bytes, link.ask::<i64>(&Cmd::pttl(key))?));
        }
    }
    if dry_run || saved.is_empty() {
        writeln!(out, "would keep {} documents without a lifetime", saved.len())?;
        return Ok(true);
    }
    link.ask::<()>(&cmd("MULTI"))?;
    for (key, bytes, ttl_ms) in &saved {
        link.ask::<()>(&Cmd::set(format!("{BACKUP}{time}:{key}"), bytes))?;
        link.ask::<()>(&Cmd::hset(format!("{BACKUP}{time}"), key, ttl_ms))?;
        link.ask::<()>(&Cmd::set(key, bytes))?;
    }
    link.ask::<()>(&Cmd::set(NEWEST, &time))?;
    if link.ask::<Reply>(&cmd("EXEC"))? == Reply::Nil {
        bail!("a document was written meanwhile; nothing was changed: try again");
    }
    writeln!(out, "kept {} documents without a lifetime; back with: migrate rollback {time}", saved.len())?;
    Ok(true)
}

fn rollback(link: &mut Link, time: Option<&str>, out: &mut impl Write) -> Result<bool> {
    let newest: Option<String> = link.ask(&Cmd::get(NEWEST))?;
    let time = time.map(str::to_owned).or(newest).context("there is no backup: nothing was applied here")?;
    let saved: BTreeMap<String, i64> = link.ask(&Cmd::hgetall(format!("{BACKUP}{time}")))?;
    if saved.is_empty() {
        bail!("there is no backup {BACKUP}{time}");
    }
    let mut documents = Vec::new();
    for (key, ttl_ms) in &saved {
        let bytes: Option<Vec<u8>> = link.ask(&Cmd::get(format!("{BACKUP}{time}:{key}")))?;
        documents.push((
            key,
            bytes.with_context(|| format!("{BACKUP}{time}:{key} is gone; nothing was changed"))?,
            *ttl_ms,
        ));
    }
    link.ask::<()>(&cmd("MULTI"))?;
    for (key, bytes, ttl_ms) in &documents {
        link.ask::<()>(&Cmd::set(key, bytes))?;
        if let Ok(ttl_ms) = u64::try_from(*ttl_ms) {
            link.ask::<()>(cmd("PEXPIRE").arg(key).arg(ttl_ms))?;
        }
        link.ask::<()>(&Cmd::del(format!("{BACKUP}{time}:{key}")))?;
    }
    link.ask::<()>(&Cmd::del(&[format!("{BACKUP}{time}"), NEWEST.to_owned()][..]))?;
    link.ask::<Reply>(&cmd("EXEC"))?;
    writeln!(out, "{} documents are as they were, with their lifetimes", documents.len())?;
    Ok(true)
}
