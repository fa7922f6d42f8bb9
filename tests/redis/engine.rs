//! The engine as a process: started with a configuration in a folder of its own, watched, stopped, never left behind.

use super::server::{Client, Entry};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use wagehood_engine::telemetry::exact_count;

/// Longer than any of them should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What an engine left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Checks the count in the report's row that starts with these words; a row that is not there counts 0.
    #[track_caller]
    pub fn counted(&self, row: &str, wanted: usize) {
        let cells = |line: &str| -> Vec<String> {
            line.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
        };
        let found = self.stdout.lines().map(cells).find(|cells| cells.first().is_some_and(|name| name == row));
        let found = found.map_or_else(|| exact_count(0), |cells| cells[1].clone());
        assert_eq!(
            found,
            exact_count(wanted as u64),
            "{row}
{}",
            self.stdout
        );
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// A running engine.
pub struct Engine {
    pub child: Child,
    dir: TempDir,
}

impl Engine {
    /// Starts the engine with these arguments and, where there is one, this configuration.
    pub fn start(config: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.toml");
        fs::write(&path, config).unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"))
            .args(args)
            .arg("--config")
            .arg(&path)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    /// Starts `run` on this server. A machine so busy that the server answers late is no reason to give up what is to be written.
    pub fn run(config: &str, url: &str) -> Self {
        Self::start(config, &["run", "--redis", url, "--set", "engine.shutdown_s=60"])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    #[track_caller]
    fn fail(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        panic!("{why}\nstdout: {}\nstderr: {}", self.text("stdout"), self.text("stderr"));
    }

    /// Waits until something holds; fails where the engine ends before.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let (deadline, mut pause) = (Instant::now() + PATIENCE, Duration::from_millis(2));
        while !holds() {
            if self.child.try_wait().unwrap().is_some() {
                self.fail(&format!("the engine ended before {what}"));
            }
            if Instant::now() > deadline {
                self.fail(&format!("not within {PATIENCE:?}: {what}"));
            }
            // To look again and again must not take the machine from what is waited for.
            std::thread::sleep(pause);
            pause = (pause * 5 / 4).min(Duration::from_millis(100));
        }
    }

    /// Waits until these words are on its standard error.
    #[track_caller]
    pub fn until_said(&mut self, words: &str) {
        let path = self.path("stderr");
        self.until(&format!("it had said {words:?}"), || fs::read_to_string(&path).unwrap_or_default().contains(words));
    }

    /// Waits until the position of engine `main` in a stream is at this entry.
    #[track_caller]
    pub fn until_at(&mut self, client: &mut Client, stream: &str, id: &str) {
        self.until(&format!("{stream} was read up to {id}"), || client.position("main", stream).as_deref() == Some(id));
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn signal(&self, signal: Signal) {
        // An engine that has ended already is the same to whoever asks for its end.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Has it read its file again.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Ends it as an operator does, and waits.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it as an operator does, perhaps before it has begun to listen to that, when a signal ends it as it does any process.
    #[track_caller]
    pub fn stop_at_any_time(self) -> Ended {
        let ended = self.stop();
        assert!(ended.status.success() || ended.status.signal() == Some(15), "{}", ended.stderr);
        ended
    }

    /// Ends it as the kernel does, and waits.
    #[track_caller]
    pub fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { status, stdout: self.text("stdout"), stderr: self.text("stderr") };
            }
            if Instant::now() > deadline {
                self.fail("the engine does not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs an engine until it has read a stream up to an entry, and stops it.
#[track_caller]
pub fn run_up_to(config: &str, url: &str, client: &mut Client, stream: &str, id: &str) -> Ended {
    let mut engine = Engine::run(config, url);
    engine.until_at(client, stream, id);
    engine.stop().succeeded()
}

/// The signals that `replay` gives for a file of bars, as lines of JSON.
pub fn replayed(config: &str, csv: &Path, base: &str, timeframes: &str, args: &[&str]) -> Vec<String> {
    let out = csv.with_extension("jsonl");
    let csv = csv.to_str().unwrap();
    let fixed = ["replay", "--input", csv, "--base", base, "--timeframes", timeframes, "--signals"];
    let args = [&fixed[..], &[out.to_str().unwrap()], args].concat();
    Engine::start(config, &args).wait().succeeded();
    fs::read_to_string(out).unwrap().lines().map(str::to_owned).collect()
}

/// A configuration of these streams, symbols and timeframes, in which nothing is too old: the bars of the tests are of any
/// year. `more` is appended.
pub fn config(streams: &[(&str, &str)], symbols: &[&str], timeframes: &[&str], more: &str) -> String {
    let streams: String =
        streams.iter().map(|(name, tf)| format!("[[input.streams]]\nname = {name:?}\ntimeframe = {tf:?}\n")).collect();
    let symbols: String = symbols.iter().map(|symbol| format!("[[watchlist]]\nsymbol = {symbol:?}\n")).collect();
    let ages = "[publish.max_age]\nday = \"off\"\nswing = \"off\"\nposition = \"off\"\n";
    format!("{streams}{symbols}{ages}[timeframes]\nlist = {timeframes:?}\n{more}")
}

/// No clock: what is published depends on the entries alone.
pub const NO_CLOCK: &str = "[engine]\nclock_events = false\n";

/// A signal of the stream as the line of a file, which does not say when it was published: exactly the same text.
pub fn signal_line(entry: &Entry) -> String {
    let raw = [
        "price",
        "confidence",
        "composite_confidence",
        "correlation_strength",
        "priority",
        "bar_ts",
        "event_ts",
        "supporting",
        "opposing",
        "factors",
        "market_correlation",
        "independent_signals",
    ];
    let field = |(name, text): (String, String)| {
        let quote = if raw.contains(&&*name) { "" } else { "\"" };
        format!("\"{name}\":{quote}{text}{quote}")
    };
    let said = entry.texts().into_iter().filter(|(name, _)| name != "published_ms");
    let fields: Vec<String> = said.map(field).collect();
    format!("{{{}}}", fields.join(","))
}

/// A line without its `source_id`, which differs from one way in to another.
pub fn without_source(line: &str) -> String {
    let (before, rest) = line.split_once("\"source_id\":\"").unwrap();
    let (_, after) = rest.split_once("\",").unwrap();
    format!("{before}{after}")
}
