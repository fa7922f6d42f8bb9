//! `config show` and `config check`: what is in effect, and whether it is valid.

use super::{
    config_args::{ConfigArgs, PrintArgs},
    note::note,
    redis::Server,
    startable::obstacles,
};
use crate::config::{Config, Faults, Layer, Loaded, PartitionMap, schema};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    path::Path,
};

/// Prints the effective configuration as TOML, each value with its origin behind it; or all faults. As JSON: an object with
/// `values`, and `origins` by dotted key.
///
/// The TOML loads back to the same configuration, except for passwords, which are `***`. Returns whether the
/// configuration is valid.
///
/// # Errors
/// Those of the writer.
pub fn show(layers: &[Layer], as_json: bool, out: &mut impl Write) -> io::Result<bool> {
    match load(layers) {
        Ok(Loaded { effective, .. }) if as_json => {
            let values: Value = toml::from_str(&effective.to_toml()).map_err(io::Error::other)?;
            let mut origins = serde_json::Map::new();
            by_key(&values, String::new(), &mut |key| {
                origins.insert(key.to_owned(), effective.origin(key).to_string().into());
            });
            writeln!(out, "{:#}", json!({ "values": values, "origins": origins }))?;
            Ok(true)
        }
        Ok(loaded) => {
            out.write_all(loaded.effective.to_toml().as_bytes())?;
            Ok(true)
        }
        Err(faults) => write_faults(&faults, as_json, out),
    }
}

/// Calls back with the dotted key of each value.
fn by_key(value: &Value, key: String, each: &mut impl FnMut(&str)) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(table) => table.iter().for_each(|(name, value)| by_key(value, below(name), each)),
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().enumerate().for_each(|(place, value)| by_key(value, below(&place.to_string()), each));
        }
        _ => each(&key),
    }
}

/// Prints a summary of a valid configuration, or all faults of an invalid one; returns whether it is valid.
///
/// `available_cores` is what `auto` is resolved for.
///
/// # Errors
/// Those of the writer.
pub fn check(layers: &[Layer], available_cores: usize, as_json: bool, out: &mut impl Write) -> io::Result<bool> {
    let (loaded, faults) = Config::load_all(layers, is_offline(layers));
    let mut lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    // Of what could not be parsed, nobody knows what is in it.
    if faults.iter().all(|fault| !fault.key.is_empty()) {
        lines.extend(obstacles(&loaded.config, &faults));
    }
    let brought = loaded.config.redis.config_from_redis && loaded.config.input.feed.is_redis();
    if lines.is_empty() && brought && is_offline(layers) && Config::load(layers).is_err() {
        let none = "watchlist: is empty; redis.config_from_redis brings it from documents in Redis, and none was read: check \
                    with --redis, or write them";
        lines.push(none.to_owned());
    }
    if !lines.is_empty() {
        return write_lines(&lines, as_json, out);
    }
    let summary = summary(&loaded, available_cores);
    if as_json {
        writeln!(out, "{:#}", json!({ "ok": true, "about": summary, "faults": [], "notes": loaded.notes }))?;
        return Ok(true);
    }
    writeln!(out, "ok: {summary}")?;
    for note in &loaded.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(true)
}

/// If no layer is a document, Redis was not asked for any.
fn is_offline(layers: &[Layer]) -> bool {
    !layers.iter().any(|layer| matches!(layer, Layer::Document { .. }))
}

fn load(layers: &[Layer]) -> Result<Loaded, Faults> {
    if is_offline(layers) { Config::load_offline(layers) } else { Config::load(layers) }
}

fn summary(Loaded { config, .. }: &Loaded, available_cores: usize) -> String {
    let plan = config.plan();
    let enabled = |i: &usize| plan.assets.iter().any(|asset| asset.cells.get(*i).is_some_and(|cell| cell.enabled));
    let timeframes: Vec<String> =
        (0..plan.timeframes.len()).filter(enabled).map(|i| plan.timeframes[i].to_string()).collect();
    let threads = config.engine.threads(available_cores);
    format!(
        "{}, {} ({}), {}, {} on {} threads, feed {}",
        count(plan.assets.len(), "symbol"),
        count(timeframes.len(), "timeframe"),
        timeframes.join(" "),
        count(config.input.streams.len(), "stream"),
        count(threads.workers, "worker"),
        if threads.shared { "shared" } else { "dedicated" },
        config.input.feed,
    )
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn write_faults(faults: &Faults, as_json: bool, out: &mut impl Write) -> io::Result<bool> {
    write_lines(&faults.iter().map(ToString::to_string).collect::<Vec<_>>(), as_json, out)
}

fn write_lines(faults: &[String], as_json: bool, out: &mut impl Write) -> io::Result<bool> {
    if as_json {
        writeln!(out, "{:#}", json!({ "ok": false, "faults": faults }))?;
    } else {
        faults.iter().try_for_each(|fault| writeln!(out, "{fault}"))?;
        writeln!(out, "{}", count(faults.len(), "fault"))?;
    }
    Ok(false)
}

impl ConfigArgs {
    /// The file, however it was named.
    fn path(&self) -> Option<&Path> {
        self.file.as_deref().or(self.config.as_deref())
    }
}

/// `config show` and `config check` as the command line has them.
///
/// # Errors
/// A file cannot be read, or the output cannot be written.
pub fn config_command(PrintArgs { which: args, json }: &PrintArgs, show_it: bool) -> anyhow::Result<bool> {
    let mut layers = super::session::layers(args.path(), &args.set)?;
    if let Some(url) = &args.redis {
        super::redis::over(Some(url).filter(|url| !url.is_empty()), &mut layers);
        // What does not hold without the documents is told below.
        if let Ok(loaded) = Config::load_offline(&layers) {
            if loaded.config.redis.config_from_redis {
                let server = Server::new(&loaded.config)?;
                layers.extend(server.documents(&mut server.connect("config")?)?);
            } else {
                note("note: redis.config_from_redis is false, so documents in Redis are not looked at");
            }
        }
    }
    let mut out = io::stdout().lock();
    let written = if show_it {
        show(&layers, *json, &mut out)
    } else {
        check(&layers, crate::runtime::available_cores().len(), *json, &mut out)
    };
    match written {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        other => Ok(other?),
    }
}

/// `config schema`.
///
/// # Errors
/// The output cannot be written.
pub fn config_schema() -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{:#}", schema())?)
}

/// `config reload`: has a running engine read its configuration again. False where it refuses it.
///
/// # Errors
/// The server is gone or refuses, or no engine answers.
pub fn config_reload(args: &ConfigArgs) -> anyhow::Result<bool> {
    let mut layers = super::layers::layers(args.path(), &args.set)?;
    super::redis::over(args.redis.as_ref().filter(|url| !url.is_empty()), &mut layers);
    let config = Config::load_anyway(&layers);
    let (count, mut taken) = (config.partitions.count, true);
    for partition in config.partitions.owned() {
        let answer = super::reload::ask(&config.of_partition(partition, &PartitionMap::new(count)))?;
        let of = if count > 1 { format!("partition {partition}: ") } else { String::new() };
        writeln!(io::stdout().lock(), "{of}{answer}")?;
        taken &= !answer.starts_with("the configuration");
    }
    Ok(taken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_good_configuration_is_summed_up_and_a_bad_one_listed() {
        let mut out = Vec::new();
        assert!(check(&[], 2, false, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let expected =
            "ok: 100 symbols, 5 timeframes (1s 1m 5m 1h 1d), 2 streams, 1 worker on shared threads, feed mock\n";
        assert_eq!(text, expected);

        let bad =
            Layer::File { name: "my.toml".to_owned(), bytes: b"[engine]\nworkres = 3\nidle = \"nap\"\n".to_vec() };
        let mut out = Vec::new();
        assert!(!check(std::slice::from_ref(&bad), 2, false, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("my.toml:2: engine.workres: unknown key; did you mean `workers`?"), "{text}");
        assert!(text.contains("my.toml:3: engine.idle: found \"nap\"; allowed: \"auto\", \"backoff\""), "{text}");
        assert!(text.ends_with("2 faults\n"), "{text}");
        let mut out = Vec::new();
        assert!(!show(std::slice::from_ref(&bad), true, &mut out).unwrap());
        let told: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((told["ok"].as_bool(), told["faults"].as_array().unwrap().len()), (Some(false), 2));
    }

    #[test]
    fn as_json_it_has_every_value_and_where_it_came_from() {
        let own = Layer::File { name: "my.toml".to_owned(), bytes: b"[engine]\nworkers = 3\n".to_vec() };
        let mut out = Vec::new();
        assert!(show(&[own], true, &mut out).unwrap());
        let told: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(told["values"]["engine"]["workers"], 3);
        assert_eq!(told["origins"]["engine.workers"], "my.toml:2");
        assert_eq!(told["origins"]["input.streams.0.name"], told["origins"]["input.streams.0.timeframe"]);
    }
}
