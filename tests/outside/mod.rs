//! The built program from outside: run with a time limit, its files read back.
#![allow(dead_code)] // every test uses a part of it

use flate2::read::MultiGzDecoder;
use std::{
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Longest time that any run of these tests may take; several times what a busy machine needs.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Resident memory of a process, KiB.
pub fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The program with these arguments, free of what the environment of the tests may say to it.
pub fn engine<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ended {
    /// The exit code; none where a signal killed it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Everything, for a message of failure.
    pub fn told(&self) -> String {
        let Self { status, stdout, stderr, took } = self;
        format!("{status} after {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }

    /// Fails where the run did not succeed.
    pub fn good(self) -> Self {
        assert!(self.status.success(), "{}", self.told());
        self
    }

    /// Fails where the run did not end with this code, or does not name all of these on standard error, or panicked.
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code(), Some(code), "{}", self.told());
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing\n{}", self.told());
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.told());
        self
    }
}

/// Reads a pipe to its end beside everything else, so that the program never waits for its reader.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for a process that was started with pipes, which another may look at meanwhile. Kills it and fails at the limit:
/// a hang must not hang the tests.
pub fn finish(mut child: Child, limit: Duration, what: &str) -> Ended {
    let started = Instant::now();
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let mut pause = Duration::from_micros(200);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > limit {
            let threads = threads_of(child.id());
            let _ = child.kill();
            let _ = child.wait();
            let stderr = stderr.join().unwrap();
            panic!(
                "hangs: {what} has not ended after {limit:?} and was killed\n--- threads\n{threads}\n--- stderr\n{stderr}"
            );
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    };
    let took = started.elapsed();
    Ended { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), took }
}

/// Name, state and place of waiting of each thread of a process.
fn threads_of(pid: u32) -> String {
    let mut text = String::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let (stat, wait) = (read("stat"), read("wchan"));
        let _ = writeln!(text, "{} {wait}", stat.split(' ').take(3).collect::<Vec<_>>().join(" "));
    }
    text
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    run_within(command, LIMIT)
}

/// Runs a command to its end, which must come within a limit.
pub fn run_within(command: &mut Command, limit: Duration) -> Ended {
    let what = format!("{command:?}");
    finish(command.spawn().unwrap(), limit, &what)
}

/// Runs a command that reads these bytes from its standard input.
pub fn run_with_input(command: &mut Command, bytes: Vec<u8>) -> Ended {
    let what = format!("{command:?}");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = thread::spawn(move || drop(pipe.write_all(&bytes)));
    let ended = finish(child, LIMIT, &what);
    writer.join().unwrap();
    ended
}

/// The folder with the recorded data, where it is: `WAGEHOOD_DATA`, or `../shared/data` beside the package.
pub fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("WAGEHOOD_DATA").map_or_else(beside, PathBuf::from);
    folder.join("crypto_1m.csv.gz").is_file().then_some(folder)
}

/// Says on standard error that a test had nothing to test with; past the harness, which keeps what good tests say to itself.
pub fn skipped(test: &str) {
    let line =
        format!("skipped: {test}: no recorded data; set WAGEHOOD_DATA to the folder that has crypto_1m.csv.gz\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Reads a text file, plain or gzip, line by line.
pub fn lines(path: &Path) -> impl Iterator<Item = String> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader: Box<dyn Read> =
        if path.extension().is_some_and(|e| e == "gz") { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    BufReader::with_capacity(1 << 16, reader).lines().map(|line| line.unwrap())
}

/// The header and the rows of a CSV file that come before a time, which is compared as text, as a new plain file.
pub fn write_rows_before(from: &Path, time: &str, to: &Path) {
    let mut text = String::new();
    for (number, line) in lines(from).enumerate() {
        if number == 0 || line.as_str() < time {
            text.push_str(&line);
            text.push('\n');
        }
    }
    std::fs::write(to, text).unwrap();
}

/// Unix ms of a time such as `2018-01-01T00:00:00Z`.
pub fn unix_ms(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970-01-01, counted in years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    let seconds = number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    assert_eq!(&text[19..], "Z", "{text}");
    (days * 86_400 + seconds) * 1_000
}
