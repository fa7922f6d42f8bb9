//! `config show` and `config check`: what is in effect, and whether it holds.

use super::{note::note, redis::Server};
use crate::config::{Config, Faults, Layer, Loaded};
use std::io::{self, Write};

/// Prints the effective configuration as TOML, each value with its origin behind it; or all faults.
///
/// The TOML loads back to the same configuration, but for passwords, which are `***`. Returns whether the configuration
/// holds.
///
/// # Errors
/// Those of the writer.
pub fn show(layers: &[Layer], out: &mut impl Write) -> io::Result<bool> {
    match load(layers) {
        Ok(loaded) => {
            out.write_all(loaded.effective.to_toml().as_bytes())?;
            Ok(true)
        }
        Err(faults) => write_faults(&faults, out),
    }
}

/// Prints a summary of a configuration that holds, or all faults of one that does not; returns whether it holds.
///
/// `available_cores` is what `auto` is resolved for.
///
/// # Errors
/// Those of the writer.
pub fn check(layers: &[Layer], available_cores: usize, out: &mut impl Write) -> io::Result<bool> {
    match load(layers) {
        Ok(loaded) => {
            writeln!(out, "{}", summary(&loaded, available_cores))?;
            for note in &loaded.notes {
                writeln!(out, "note: {note}")?;
            }
            Ok(true)
        }
        Err(faults) => write_faults(&faults, out),
    }
}

/// Without a document among the layers nobody has asked Redis for them.
fn load(layers: &[Layer]) -> Result<Loaded, Faults> {
    if layers.iter().any(|layer| matches!(layer, Layer::Document { .. })) {
        Config::load(layers)
    } else {
        Config::load_offline(layers)
    }
}

fn summary(Loaded { config, .. }: &Loaded, available_cores: usize) -> String {
    let plan = config.plan();
    let enabled = |i: &usize| plan.assets.iter().any(|asset| asset.cells.get(*i).is_some_and(|cell| cell.enabled));
    let timeframes: Vec<String> =
        (0..plan.timeframes.len()).filter(enabled).map(|i| plan.timeframes[i].to_string()).collect();
    let threads = config.engine.threads(available_cores);
    format!(
        "ok: {}, {} ({}), {}, {} on {} threads, feed {}",
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

fn write_faults(faults: &Faults, out: &mut impl Write) -> io::Result<bool> {
    writeln!(out, "{faults}")?;
    writeln!(out, "{}", count(faults.len(), "fault"))?;
    Ok(false)
}

/// `config show` and `config check` as the command line has them.
///
/// # Errors
/// A file that cannot be read, an output that cannot be written.
pub fn config_command(args: &super::args::ConfigArgs, show_it: bool) -> anyhow::Result<bool> {
    let mut layers = super::session::layers(args.config.as_deref(), &args.set)?;
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
        show(&layers, &mut out)
    } else {
        check(&layers, crate::runtime::available_cores().len(), &mut out)
    };
    match written {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        other => Ok(other?),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_good_configuration_is_summed_up_and_a_bad_one_listed() {
        let mut out = Vec::new();
        assert!(check(&[], 2, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let expected =
            "ok: 100 symbols, 5 timeframes (1s 1m 5m 1h 1d), 2 streams, 1 worker on shared threads, feed mock\n";
        assert_eq!(text, expected);

        let bad =
            Layer::File { name: "my.toml".to_owned(), bytes: b"[engine]\nworkres = 3\nidle = \"nap\"\n".to_vec() };
        let mut out = Vec::new();
        assert!(!check(std::slice::from_ref(&bad), 2, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("my.toml:2: engine.workres: unknown key; did you mean `workers`?"), "{text}");
        assert!(text.contains("my.toml:3: engine.idle: found \"nap\"; allowed: \"auto\", \"backoff\""), "{text}");
        assert!(text.ends_with("2 faults\n"), "{text}");
        assert!(!show(&[bad], &mut Vec::new()).unwrap());
    }
}
