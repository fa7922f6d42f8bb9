//! The layers of the configuration that the command line asks for.

use super::{
    args::{CommonArgs, RunArgs},
    note::note,
};
use crate::{
    config::{Layer, LogFormat, LogLevel, Override, ReportLength},
    redis_io::Address,
};
use anyhow::{Result, bail};
use std::{os::unix::fs::MetadataExt, path::Path};

/// The layers that the command line asks for.
///
/// # Errors
/// A file cannot be read, or a `--set` is not KEY=VALUE.
pub fn layers(config: Option<&Path>, set: &[String]) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    if let Some(path) = config {
        layers.push(Layer::open(path)?);
        if let Some(line) = readable_secret(path) {
            note(&line);
        }
    }
    for text in set {
        let Some(one) = Override::parse(text) else {
            // Anything but a key may be a redis.url with a password.
            let key = text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
            let shown = if key { format!(" {text}") } else { String::new() };
            bail!("--set{shown}: write KEY=VALUE, such as engine.workers=3")
        };
        layers.push(Layer::Override(one));
    }
    Ok(layers)
}

/// A line where a file with a password in it may be read by other users.
fn readable_secret(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    if mode & 0o044 == 0 {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let url = table.get("redis")?.get("url")?.as_str()?;
    let address: Address = url.parse().ok()?;
    address.account().password()?;
    let path = path.display();
    Some(format!(
        "warning: {path} holds a password and may be read by other users (mode {mode:04o}): chmod 600 {path}, or keep the \
         password in redis.password_file"
    ))
}

/// The layers of the arguments that `run` and `replay` share.
pub fn common_layers(args: &CommonArgs, layers: &mut Vec<Layer>) {
    let mut over = |key: &str, value: toml::Value| layers.push(Layer::Override(Override::new(key, value)));
    if let Some(workers) = args.workers {
        over("engine.workers", i64::from(workers).into());
    }
    if let Some(threading) = &args.threading {
        over("engine.threading", threading.clone().into());
    }
    if let Some(dir) = &args.histograms {
        over("telemetry.histograms_dir", dir.display().to_string().into());
    }
}

/// What the command line says of `[telemetry]`.
pub fn telemetry_layers(args: &RunArgs) -> Vec<Layer> {
    // The screen asks as any other would.
    let listen = args.listen.as_deref().or_else(|| args.ui.then_some("127.0.0.1:0"));
    let asked = [
        ("telemetry.listen", listen),
        ("telemetry.log_format", args.log_format.map(LogFormat::name)),
        ("telemetry.log_level", args.log_level.map(LogLevel::name)),
        ("telemetry.report", args.report.map(ReportLength::name)),
    ];
    let asked = asked.into_iter().filter_map(|(key, value)| Some(Override::new(key, value?)));
    asked.map(Layer::Override).collect()
}
