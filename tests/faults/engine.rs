//! An engine as a process, kept running by whoever calls [`Engine::keep`].

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub struct Engine {
    child: Option<Child>,
    dir: PathBuf,
    config: PathBuf,
    args: Vec<String>,
    name: String,
    pub starts: u32,
    pub ends: u32,
}

/// A configuration: the symbols, and what a test wants otherwise.
pub fn config(port: u16, name: &str, symbols: &[String], more: &str) -> String {
    let mut text = format!(
        r#"
[engine]
name = "{name}"
threading = "shared"
clock_events = false
idle_park_us = 500
[input]
feed = "redis"
[[input.streams]]
name = "in_1s"
timeframe = "1s"
[[input.streams]]
name = "in_1m"
timeframe = "1m"
[redis]
url = "redis://127.0.0.1:{port}"
timeout_ms = 1000
reconnect_max_ms = 200
[state]
snapshot_interval_s = 1
[timeframes]
list = ["1s", "1m", "5m"]
[output]
calculation_events = "off"
[output.streams]
signals = "signals:{name}"
signals_maxlen = 1000000000
market_data_prefix = "bars:{name}:"
market_data_maxlen = 1000000000
dead_letter = "dead:{name}"
dead_letter_maxlen = 1000000000
alerts = "alerts:{name}"
alerts_maxlen = 1000000000
journal_maxlen = 1000000000
"#
    );
    text.push_str(more);
    for symbol in symbols {
        text.push_str(&format!("\n[[watchlist]]\nsymbol = \"{symbol}\"\n"));
    }
    text
}

impl Engine {
    pub fn new(dir: &Path, name: &str, config: &str, args: &[&str]) -> Self {
        let path = dir.join(format!("{name}.toml"));
        std::fs::write(&path, config).unwrap();
        Self {
            child: None,
            dir: dir.to_owned(),
            config: path,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            name: name.to_owned(),
            starts: 0,
            ends: 0,
        }
    }

    pub fn start(&mut self) {
        self.starts += 1;
        let log = |what: &str| File::options().create(true).append(true).open(self.log(what)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"))
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .args(&self.args)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn log(&self, what: &str) -> PathBuf {
        self.dir.join(format!("{}.{what}", self.name))
    }

    /// What it has said so far, over all its lives.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log("err")).unwrap_or_default()
    }

    /// The reports of its lives.
    pub fn report(&self) -> String {
        std::fs::read_to_string(self.log("out")).unwrap_or_default()
    }

    /// Whether it runs; takes note of its end.
    pub fn is_running(&mut self) -> bool {
        let ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
        if ended {
            self.child = None;
            self.ends += 1;
        }
        self.child.is_some()
    }

    /// Starts it where it does not run.
    pub fn keep(&mut self) {
        if !self.is_running() {
            self.start();
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub fn signal(&self, signal: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it as an operator would, and waits.
    pub fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}
