//! `migrate shadow`: a configuration with which the engine runs beside the existing system, under names of its own. Blocks.

use super::{edit::Editor, edit_args::ShadowArgs};
use crate::{
    config::{Compat, Config, Effective, Layer, Override, WireForm, decode_document},
    publish::CompatNames,
    redis_io::Link,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, cmd};
use std::{fs::OpenOptions, io::Write};

/// Keys asked for at once.
const CHUNK: usize = 500;

/// Keys that differ in their symbols alone.
struct Family {
    /// The name with `*` for the symbol.
    shown: String,
    keys: Vec<String>,
}

/// Writes the configuration, and says what would collide without it. False where it refuses.
///
/// # Errors
/// The server is gone or refuses; a configuration that does not hold; a file that cannot be written.
pub fn shadow(
    editor: &Editor,
    link: &mut Link,
    args: &ShadowArgs,
    dry_run: bool,
    out: &mut impl Write,
) -> Result<bool> {
    if args.prefix.is_empty() || args.prefix.contains(|c: char| c.is_whitespace() || c.is_control() || "{}".contains(c))
    {
        bail!("--prefix {:?}: write a text without spaces and braces, such as shadow:", args.prefix);
    }
    let layers = editor.layers_with_documents(link)?;
    let (compat, why) = readers(editor, &layers);
    let plain = Config::load_offline(&layers).context("what is there does not hold; nothing was written")?.config;
    let layers = [layers, overrides(&plain, args, compat)].concat();
    let loaded = Config::load_offline(&layers).context("the configuration does not hold; nothing was written")?;
    let taken = taken(link, &loaded.config)?;
    if !taken.is_empty() {
        taken.iter().try_for_each(|name| writeln!(out, "there already: {name}"))?;
        writeln!(out, "nothing was written; choose another --prefix, or delete them")?;
        return Ok(false);
    }
    collisions(link, &plain, &args.prefix, out)?;
    writeln!(out, "readers: output.compat = {:?}, because {why}", compat.name())?;
    if plain.telemetry.listen != loaded.config.telemetry.listen {
        writeln!(out, "left out: telemetry.listen: only one process can listen on {}", plain.telemetry.listen)?;
    }
    let (text, secret) = written(&loaded.effective);
    if secret {
        writeln!(out, "left out: redis.url, which holds a password: run with --redis URL, or set redis.password_file")?;
    }
    if dry_run {
        write!(out, "would write {}:\n{text}", args.out.display())?;
        return Ok(true);
    }
    let name = args.out.display();
    let file = OpenOptions::new().write(true).create_new(true).open(&args.out);
    let mut file = file.with_context(|| format!("cannot write {name}: name another with --out, or remove it"))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {name}"))?;
    writeln!(out, "wrote {name}; run it:   wagehood-engine run --config {name}")?;
    writeln!(out, "then look at both:      wagehood-engine migrate compare --shadow {name}")?;
    Ok(true)
}

/// For which readers the engine beside is to write, so that both sides can be compared, and why.
fn readers(editor: &Editor, layers: &[Layer]) -> (Compat, &'static str) {
    if let Some(compat) = editor.config.output.compat {
        return (compat, "the configuration says so");
    }
    let documents = || {
        layers.iter().filter_map(|layer| match layer {
            Layer::Document { key, bytes } => Some((key, bytes)),
            _ => None,
        })
    };
    let json = |bytes: &[u8]| {
        decode_document(bytes).is_ok_and(|(form, _)| matches!(form, WireForm::Json | WireForm::JsonGzip))
    };
    if documents().any(|(key, _)| key.ends_with(":timeframe_configs") || key.ends_with(":strategy_matrix")) {
        return (Compat::Multi, "there are documents that only the version with several timeframes writes");
    }
    if documents().next().is_some() && documents().all(|(_, bytes)| json(bytes)) {
        return (Compat::Later, "the documents are JSON");
    }
    (Compat::Current, "nothing shows another version")
}

/// What the engine beside has otherwise.
fn overrides(plain: &Config, args: &ShadowArgs, compat: Compat) -> Vec<Layer> {
    let (prefix, streams) = (&args.prefix, &plain.output.streams);
    let mut all = vec![
        Override::new("engine.name", format!("{}-shadow", plain.engine.name)),
        Override::new("output.compat", compat.name()),
        Override::new("output.keys.prefix", format!("{prefix}{}", plain.output.keys.prefix)),
        Override::new("input.feed", "redis"),
    ];
    let names = [
        ("signals", &streams.signals),
        ("market_data_prefix", &streams.market_data_prefix),
        ("calculation_events", &streams.calculation_events),
        ("alerts", &streams.alerts),
        ("dead_letter", &streams.dead_letter),
        ("selection", &streams.selection),
    ];
    all.extend(names.map(|(key, name)| Override::new(&format!("output.streams.{key}"), format!("{prefix}{name}"))));
    if plain.redis.config_from_redis {
        all.push(Override::new("redis.config_from_redis", true));
    }
    if !plain.telemetry.listen.is_empty() {
        all.push(Override::new("telemetry.listen", ""));
    }
    all.into_iter().map(Layer::Override).collect()
}

/// What was set in a file or on the command line, as a file; and whether a password was left out. Documents stay where they
/// are: the engine reads them itself.
fn written(effective: &Effective) -> (String, bool) {
    let mut text =
        "# The engine beside the existing system, under names of its own. Made by `migrate shadow`.\n".to_owned();
    let (mut header, mut secret) = (None, false);
    for line in effective.to_toml().lines() {
        if line.starts_with('[') {
            header = Some(line.to_owned());
            continue;
        }
        let Some((setting, origin)) = line.rsplit_once("  # ") else { continue };
        if origin == "default" || origin.starts_with("redis ") {
            continue;
        }
        if setting.starts_with("url = ") && setting.contains("***") {
            secret = true;
            continue;
        }
        if let Some(header) = header.take() {
            text += &format!("\n{header}\n");
        }
        text += &format!("{setting}\n");
    }
    (text, secret)
}

/// Names of the engine beside that are there already, and are not its own from an earlier run.
fn taken(link: &mut Link, config: &Config) -> Result<Vec<String>> {
    let keys = &config.output.keys;
    if link.ask(&Cmd::exists(keys.position_key(&config.engine.name)))? {
        return Ok(Vec::new());
    }
    let streams = streams(config);
    let families = families(config).into_iter().flat_map(|family| family.keys);
    let names: Vec<String> = streams.into_iter().chain(families).collect();
    let mut found = Vec::new();
    for chunk in names.chunks(CHUNK) {
        if link.ask::<u64>(cmd("EXISTS").arg(chunk))? > 0 {
            for name in chunk {
                if link.ask::<bool>(&Cmd::exists(name))? {
                    found.push(name.clone());
                }
            }
        }
    }
    Ok(found)
}

/// Says which keys and streams two writers would fight over.
fn collisions(link: &mut Link, plain: &Config, prefix: &str, out: &mut impl Write) -> Result<()> {
    let mut none = true;
    for Family { shown, keys } in families(plain) {
        let mut count = 0;
        for chunk in keys.chunks(CHUNK) {
            count += link.ask::<u64>(cmd("EXISTS").arg(chunk))?;
        }
        if count > 0 {
            none = false;
            let whole = keys.len();
            writeln!(
                out,
                "collides: {shown}: {count} of {whole} keys are there, and two writers overwrite each other; here {prefix}{shown}"
            )?;
        }
    }
    for name in streams(plain) {
        if link.ask::<String>(&Cmd::key_type(&name))? == "stream" {
            none = false;
            let length: u64 = link.ask(&Cmd::xlen(&name))?;
            writeln!(
                out,
                "collides: {name}: a stream of {length} entries, in which two writers mix; here {prefix}{name}"
            )?;
        }
    }
    if none {
        writeln!(out, "nothing collides: there is no key or stream yet that the engine would write")?;
    }
    Ok(())
}

/// The output streams.
fn streams(config: &Config) -> Vec<String> {
    let streams = &config.output.streams;
    let named =
        [&streams.signals, &streams.calculation_events, &streams.alerts, &streams.dead_letter, &streams.selection];
    let inputs: Vec<&str> = config.input.streams.iter().map(|stream| stream.name.as_str()).collect();
    let bars = config.plan().timeframes.iter().map(|&timeframe| streams.market_data(timeframe)).collect::<Vec<_>>();
    // What is read is not written, whatever its name.
    named.into_iter().cloned().chain(bars).filter(|name| !inputs.contains(&name.as_str())).collect()
}

/// The keys of latest values, those of readers of the existing system among them.
fn families(config: &Config) -> Vec<Family> {
    let keys = &config.output.keys;
    let assets = config.assets();
    let timeframes: Vec<String> = config.plan().timeframes.iter().map(ToString::to_string).collect();
    let own = [&keys.latest_price, &keys.calculations, &keys.timeframe_indicators, &keys.composite];
    let own = own.into_iter().map(|template| (template.as_str(), &timeframes));
    let indicators: Vec<String> = config.output.indicators.iter().map(|name| (*name).to_owned()).collect();
    let compat = CompatNames::TEMPLATES.map(|(template, _)| (template, &indicators));
    let family = |(template, beside): (&str, &Vec<String>)| {
        let filled = |symbol: &str, beside: &str| {
            format!("{}{}", keys.prefix, template.replace("{timeframe}", beside).replace("{symbol}", symbol))
        };
        let beside = if template.contains("{timeframe}") { &beside[..] } else { &[String::new()] };
        let of = |symbol: &str| beside.iter().map(|beside| filled(symbol, beside)).collect::<Vec<_>>();
        Family { shown: filled("*", "*"), keys: assets.iter().flat_map(|asset| of(&asset.symbol)).collect() }
    };
    own.chain(compat).map(family).collect()
}
