//! What keeps `run` from starting and is found without the server: files, directories, passwords, the kernel. Changes nothing.

use super::{asked::token, calendar::this_year, history, ingest_child, redis::tls, sandbox, secrets};
use crate::config::{Config, Faults, HistoryConfig, SnapshotStore};
use anyhow::Result;
use rustix::fs::{Access, access};
use std::{fs::File, path::Path};

/// All of it, a line each, but for what the faults of the configuration are about already.
pub fn obstacles(config: &Config, faults: &Faults) -> Vec<String> {
    let sound = |section: &str| !faults.iter().any(|fault| fault.key.starts_with(section));
    let mut lines: Vec<String> = Vec::new();
    if let Err(ended) = config.check_calendars(this_year()) {
        lines.extend(ended.iter().map(ToString::to_string));
    }
    let mut fault = |result: Result<()>| lines.extend(result.err().map(|error| format!("{error:#}")));
    history::faults(config).into_iter().for_each(|error| fault(Err(error)));
    if config.input.feed.is_redis() {
        if sound("redis") {
            fault(of_server(config));
        }
        config.input.history.iter().for_each(|input| files(input).into_iter().for_each(&mut fault));
        fault(ingest_child::allowed(config));
    }
    fault(token(&config.telemetry.token_file).map(drop));
    fault(sandbox::available(config));
    for (key, dir) in directories(config) {
        fault(writable(Path::new(dir)).map_err(|why| anyhow::anyhow!("{key}: cannot write to {dir:?}: {why}")));
    }
    lines
}

/// The password and the files for TLS, where the address wants them.
fn of_server(config: &Config) -> Result<()> {
    tls(config, &secrets::address(&config.redis)?).map(drop)
}

/// The files of an input of history that cannot be read.
fn files(input: &HistoryConfig) -> Vec<Result<()>> {
    let HistoryConfig::Files(files) = input else { return Vec::new() };
    let open = |path: &String| match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow::anyhow!("input.history: cannot read {path}: {error}")),
    };
    files.paths.iter().map(open).collect()
}

/// The directories that are written to, with the keys that name them.
fn directories(config: &Config) -> Vec<(&'static str, &str)> {
    let of = |path: &'static str, dir| (path, dir);
    let mut dirs = vec![of("telemetry.histograms_dir", config.telemetry.histograms_dir.as_str())];
    if config.input.feed.is_redis() {
        dirs.extend(
            (config.state.store == SnapshotStore::Directory).then_some(("state.dir", config.state.dir.as_str())),
        );
    } else if !config.output.signals_file.is_empty() {
        let parent = Path::new(&config.output.signals_file).parent().and_then(Path::to_str).unwrap_or_default();
        dirs.push(("output.signals_file", if parent.is_empty() { "." } else { parent }));
    }
    dirs.retain(|(_, dir)| !dir.is_empty());
    dirs
}

/// Whether a directory can be written to, or made.
fn writable(dir: &Path) -> Result<(), String> {
    let there = |dir: &&Path| *dir == Path::new("") || dir.symlink_metadata().is_ok();
    let Some(nearest) = dir.ancestors().find(there) else { return Err("there is no such place".to_owned()) };
    let nearest = if nearest == Path::new("") { Path::new(".") } else { nearest };
    if !nearest.is_dir() {
        return Err(format!("{} is no directory", nearest.display()));
    }
    access(nearest, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| format!("{}: {error}", nearest.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;

    fn said(text: &str) -> Vec<String> {
        let layer = Layer::File { name: "my.toml".to_owned(), bytes: text.as_bytes().to_vec() };
        obstacles(&Config::load(&[layer]).unwrap().config, &Faults::default())
    }

    #[test]
    fn everything_in_the_way_of_a_start_is_named() {
        assert_eq!(said(""), Vec::<String>::new());
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().display();
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(said(&format!("telemetry.histograms_dir = \"{here}/a/b/c\"")), Vec::<String>::new());
        assert!(!dir.path().join("a").exists(), "it makes nothing");
        let lines = said(&format!(
            "telemetry = {{ histograms_dir = \"{here}/file/x\", token_file = \"{here}/token\" }}\n\
             state.dir = \"{here}/file\"\nredis = {{ url = \"rediss://localhost\", tls_ca = \"{here}/ca.pem\" }}\n\
             [input]\nfeed = \"redis\"\nhistory = [{{ files = [\"{here}/one.csv\", \"{here}/two.csv\"], timeframe = \"1m\" }}]\n\
             [[watchlist]]\nsymbol = \"A\"\n"
        ));
        for words in ["histograms_dir", "token_file", "state.dir", "redis.tls_ca", "one.csv", "two.csv"] {
            assert!(lines.iter().any(|line| line.contains(words)), "{words}: {lines:#?}");
        }
        assert_eq!(lines.len(), 6, "{lines:#?}");
    }
}
