//! An engine as a process, kept running by whoever calls [`Engine::keep`].

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub struct Engine {
    child: Option<Child>,
    dir: PathBuf,
    config: PathBuf,
    args: Vec<String>,
    name: String,
    pub starts: u32,
    pub ends: u32,
    /// Exit code of its last end.
    pub code: Option<i32>,
    /// What its environment has besides.
    pub env: Vec<(String, String)>,
}

/// Writes a file that only its owner reads: it may hold a password.
pub fn write_private(path: &Path, text: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A configuration: the symbols, and what a test wants otherwise.
pub fn config(port: u16, name: &str, symbols: &[String], more: &str) -> String {
    let mut text = format!(
        r#"
[engine]
name = "{name}"
threading = "shared"
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
[publish.max_age]
day = "off"
swing = "off"
position = "off"
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
        write_private(&path, config);
        Self {
            child: None,
            dir: dir.to_owned(),
            config: path,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            name: name.to_owned(),
            starts: 0,
            ends: 0,
            code: None,
            env: Vec::new(),
        }
    }

    /// Starts it once with these arguments besides.
    pub fn start_with(&mut self, args: &[&str]) {
        let own = self.args.clone();
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self.start();
        self.args = own;
    }

    pub fn start(&mut self) {
        self.starts += 1;
        let log = |what: &str| File::options().create(true).append(true).open(self.log(what)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"))
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            // What it says is looked at by line.
            .arg("--log-format=plain")
            .args(&self.args)
            .envs(self.env.iter().cloned())
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

    /// Waits until it has said this, in any of its lives.
    #[track_caller]
    pub fn says(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.said().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} in {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The reports of its lives.
    pub fn report(&self) -> String {
        std::fs::read_to_string(self.log("out")).unwrap_or_default()
    }

    /// Whether it runs; takes note of its end.
    pub fn is_running(&mut self) -> bool {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        if let Some(status) = ended {
            self.code = status.code();
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
            self.code = child.wait().unwrap().code();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}
