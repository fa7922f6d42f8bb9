//! Files of any kind and order from outside: what a replay makes of them is what it makes of the same bars in its own form.

use crate::outside::{LIMIT, engine, finish, run};
use flate2::{Compression, write::GzEncoder};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const HEADER: &str = "ts,symbol,open,high,low,close,volume\n";
/// 2024-01-02T00:00:00Z
const START_MS: i64 = 1_704_153_600_000;

/// One bar: minute, symbol, open, high, low, close, volume.
#[derive(Debug, Clone, PartialEq)]
struct Bar(i64, &'static str, [f64; 5]);

/// One-minute bars of three symbols that give signals, by time.
fn market(minutes: i64) -> Vec<Bar> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut prices = [100.0f64, 7.0, 2_000.0];
    let mut bars = Vec::new();
    for minute in 0..minutes {
        for (symbol, price) in ["AAA", "BBB", "CCC"].iter().zip(&mut prices) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let open = *price;
            *price *= 1.0 + ((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 0.01;
            let (high, low) = (open.max(*price), open.min(*price));
            bars.push(Bar(minute, symbol, [open, high, low, *price, (1 + state % 1_000) as f64]));
        }
    }
    bars
}

fn iso(minute: i64) -> String {
    wagehood_engine::model::time::Iso8601(START_MS + 60_000 * minute).to_string()
}

fn own(bars: &[Bar]) -> String {
    bars.iter().fold(HEADER.to_owned(), |text, Bar(minute, symbol, [o, h, l, c, v])| {
        text + &format!("{}Z,{symbol},{o},{h},{l},{c},{v}\n", iso(*minute))
    })
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The signals of a replay of these files, without where they came from: by symbol, and of each as they came.
    fn signals(&self, inputs: &[PathBuf], args: &[&str]) -> (Vec<String>, String) {
        let out = self.0.path().join("signals.jsonl");
        let mut command = engine(["replay", "--timeframes", "1m,5m,1h", "--signals"]);
        let ended = run(command.arg(&out).args(args).arg("--input").args(inputs)).good();
        (without_place(&fs::read_to_string(out).unwrap()), ended.stderr)
    }
}

fn without_place(text: &str) -> Vec<String> {
    let mut signals: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields = value.as_object_mut().unwrap();
            for name in ["source_id", "signal_id"] {
                fields.remove(name).unwrap();
            }
            (value["symbol"].as_str().unwrap().to_owned(), value.to_string())
        })
        .collect();
    // Symbols are numbered as they come.
    signals.sort_by(|(one, _), (other, _)| one.cmp(other));
    signals.into_iter().map(|(_, line)| line).collect()
}

/// A shuffle that is the same every time.
fn shuffled(mut bars: Vec<Bar>) -> Vec<Bar> {
    let mut state = 1u64;
    for k in (1..bars.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bars.swap(k, (state >> 33) as usize % (k + 1));
    }
    bars
}

#[test]
fn any_order_gives_the_signals_of_the_sorted_file() {
    let folder = Folder::new();
    // More than a look at the beginning sees.
    let bars = market(4_000);
    let sorted = folder.write("bars.csv", own(&bars));
    let (wanted, told) = folder.signals(std::slice::from_ref(&sorted), &[]);
    assert!(wanted.len() > 100 && told.contains("bars.csv: bars 1m") && told.contains("in order"), "{told}");

    let newest_first: Vec<Bar> = bars.iter().rev().cloned().collect();
    let of = |symbol: &str| bars.iter().filter(|bar| bar.1 == symbol).cloned().collect::<Vec<_>>();
    let by_symbol = [of("AAA"), of("BBB"), of("CCC")].concat();
    for (order, text) in [
        ("newest first → sorted", own(&newest_first)),
        ("symbol by symbol → sorted", own(&by_symbol)),
        ("in no order → sorted", own(&shuffled(bars.clone()))),
    ] {
        let (found, told) = folder.signals(&[folder.write("other.csv", &text)], &[]);
        assert_eq!(found, wanted, "{order}");
        assert!(told.contains(order) && told.contains("12,000 bars of AAA, BBB, CCC"), "{order}: {told}");
    }
    // Over several files, of which one is out of order, and which overlap.
    let (front, back) = bars.split_at(5_000);
    let files = [
        folder.write("back.csv", own(back)),
        folder.write("front.csv", own(&front.iter().rev().cloned().collect::<Vec<_>>())),
    ];
    assert_eq!(folder.signals(&files, &[]).0, wanted);
    let files: Vec<PathBuf> =
        ["AAA", "BBB", "CCC"].map(|symbol| folder.write(&format!("{symbol}.csv"), own(&of(symbol)))).to_vec();
    assert_eq!(folder.signals(&files, &[]).0, wanted);
}

/// What the beginning of a file does not show: it starts over, or looks before where it cannot.
#[test]
fn disorder_far_into_a_file_makes_no_difference() {
    let folder = Folder::new();
    let bars = market(30_000);
    let wanted = folder.signals(&[folder.write("bars.csv", own(&bars))], &[]).0;
    let (front, back) = bars.split_at(85_000);
    let text = own(front) + own(&back.iter().rev().cloned().collect::<Vec<_>>()).strip_prefix(HEADER).unwrap();
    let file = folder.write("late.csv", text);
    let (found, told) = folder.signals(std::slice::from_ref(&file), &[]);
    assert_eq!(found.len(), wanted.len(), "{told}");
    assert!(found == wanted);
    assert!(told.contains("late.csv:") && told.contains("goes back in time: starting over, sorted"), "{told}");
    assert!(told.contains("in no order → sorted"), "{told}");
    let ended =
        run(engine(["replay", "--quiet", "--timeframes", "1m,5m,1h", "--signals", "-", "--input"]).arg(&file)).good();
    assert!(without_place(&ended.stdout) == wanted);
}

/// Several hundred files keep their names, and need no descriptor each.
#[test]
fn many_files_keep_their_names() {
    let folder = Folder::new();
    let (count, minutes) = (300, 120);
    let mut files = Vec::new();
    let mut state = 88_172_645_463_325_252_u64;
    for n in 0..count {
        let (mut text, mut price) = (HEADER.to_owned(), 100.0);
        for minute in 0..minutes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            price *= 1.0 + ((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 0.01;
            text += &format!("{}Z,S{n:03},{price},{price},{price},{price},1\n", iso(minute));
        }
        files.push(folder.write(&format!("S{n:03}.csv"), text));
    }
    let out = folder.0.path().join("s.jsonl");
    let mut command = Command::new("sh");
    let program = engine([""; 0]).get_program().to_owned();
    command.arg("-c").arg("ulimit -n 100; exec \"$@\"").arg("sh").arg(program);
    command.args(["replay", "--timeframes", "1m", "--set", "limits.max_symbols=1000", "--signals"]).arg(&out);
    command.arg("--input").args(&files).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = run(&mut command).good();
    let accepted = ended.stdout.lines().find(|line| line.contains("records accepted")).unwrap();
    assert!(accepted.contains(&wagehood_engine::telemetry::exact_count(count * minutes as u64)), "{accepted}");
    let mut beyond = 0;
    for line in fs::read_to_string(&out).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let (symbol, source) = (value["symbol"].as_str().unwrap(), value["source_id"].as_str().unwrap());
        assert!(source.starts_with(&format!("{symbol}.csv:")), "{line}");
        beyond += usize::from(symbol >= "S256");
    }
    assert!(beyond > 0 && ended.stderr.contains("more files"), "{}", ended.told());
}

/// The bytes of a program's output for these bytes; none where the program is not there.
fn piped(program: &str, args: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut pipe = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

#[test]
fn packed_files_are_found_by_their_content() {
    let folder = Folder::new();
    let text = own(&market(500));
    let wanted = folder.signals(&[folder.write("bars.csv", &text)], &[]).0;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut packed = vec![("gzip", Some(encoder.finish().unwrap()))];
    for program in ["zstd", "xz", "bzip2"] {
        packed.push((program, piped(program, &["-c"], text.as_bytes())));
    }
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    packed.push(("utf-16", Some([&[0xff, 0xfe], &units[..]].concat())));
    for (name, bytes) in packed {
        // Whatever its name.
        let Some(bytes) = bytes else { continue };
        assert_eq!(folder.signals(&[folder.write("packed.dat", &bytes)], &[]).0, wanted, "{name}");
        let out = folder.0.path().join("piped.jsonl");
        let mut command = engine(["replay", "--quiet", "--timeframes", "1m,5m,1h", "--input", "-", "--signals"]);
        crate::outside::run_with_input(command.arg(&out), bytes).good();
        assert_eq!(without_place(&fs::read_to_string(out).unwrap()), wanted, "{name} from a pipe");
    }
    // An archive with a file for each symbol.
    let halves = ["AAA", "BBB", "CCC"].map(|symbol| {
        let lines = text.lines().skip(1).filter(|line| line.contains(symbol));
        (format!("data/{symbol}.csv"), lines.fold(HEADER.to_owned(), |text, line| text + line + "\n"))
    });
    let archive = folder.write("bars.zip", zip_of(&halves));
    let (found, told) = folder.signals(std::slice::from_ref(&archive), &[]);
    assert_eq!(found, wanted);
    assert!(told.contains("bars.zip/AAA.csv: bars 1m, 500 bars of AAA"), "{told}");
    let signals = fs::read_to_string(folder.0.path().join("signals.jsonl")).unwrap();
    assert!(signals.contains("\"source_id\":\"bars.zip/AAA.csv:"), "{signals:.300}");
}

/// A zip archive whose first member is stored and whose others are deflated, made by hand.
fn zip_of(members: &[(String, String)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (k, (name, text)) in members.iter().enumerate() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let (method, data) = if k == 0 { (0u16, text.clone().into_bytes()) } else { (8, encoder.finish().unwrap()) };
        let mut head = vec![20, 0, 0, 0];
        head.extend(method.to_le_bytes());
        head.extend([0; 4]);
        head.extend(crc32fast::hash(text.as_bytes()).to_le_bytes());
        head.extend((data.len() as u32).to_le_bytes());
        head.extend((text.len() as u32).to_le_bytes());
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(data);
    }
    let start = out.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// The bars of a foreign file are those of the own form.
#[test]
fn foreign_files_replay_as_they_are() {
    let folder = Folder::new();
    let bars: Vec<Bar> = market(2_000).into_iter().filter(|bar| bar.1 == "BBB").collect();
    let wanted = folder.signals(&[folder.write("bars.csv", own(&bars))], &[]).0;
    assert!(wanted.len() > 20);
    let lines = |line: &dyn Fn(&Bar) -> String| bars.iter().map(line).collect::<String>();
    let seconds = |minute: i64| START_MS / 1_000 + 60 * minute;
    let kraken = lines(&|Bar(m, _, [o, h, l, c, v])| format!("{},{o},{h},{l},{c},{v},3\n", seconds(*m)));
    let (found, told) = folder.signals(&[folder.write("BBB_1.csv", kraken)], &["--symbol-from-name", "{symbol}_1.csv"]);
    assert_eq!(found, wanted);
    assert!(
        told.contains(
            "BBB_1.csv: Kraken 1m, 2,000 bars of BBB, 2024-01-02 … 2024-01-03T09:19:00, Unix seconds, in order"
        ),
        "{told}"
    );
    // New York was five hours behind.
    let local = |minute: i64| iso(minute - 300).replace('T', " ");
    let yahoo = lines(&|Bar(m, _, [o, h, l, c, v])| format!("{},{o},{h},{l},{c},{c},{v}\n", local(*m)));
    let yahoo = folder.write("BBB.csv", format!("Date,Open,High,Low,Close,Adj Close,Volume\n{yahoo}"));
    let (found, told) = folder.signals(&[yahoo], &["--symbol", "BBB", "--timezone", "America/New_York"]);
    assert_eq!(found, wanted);
    assert!(told.contains("BBB.csv: Yahoo 1m") && told.contains("dates with times in America/New_York"), "{told}");
    // Stamped at the end, newest first, semicolons and decimal commas, and day first.
    let mut newest_first = bars.clone();
    newest_first.reverse();
    let german: String = newest_first
        .iter()
        .map(|Bar(m, _, values)| {
            let [o, h, l, c, v] = values.map(|value| value.to_string().replace('.', ","));
            let text = iso(m + 1);
            let (date, time) = text.split_once('T').unwrap();
            let mut parts: Vec<&str> = date.split('-').collect();
            parts.reverse();
            format!("{};{time};{o};{h};{l};{c};{v}\n", parts.join("."))
        })
        .collect();
    let german = folder.write("de.csv", format!("Datum;Time;Open;High;Low;Close;Volume\n{german}"));
    let args = ["--symbol", "BBB", "--date-order", "dmy", "--stamp", "end"];
    let (found, told) = folder.signals(&[german], &args);
    assert_eq!(found, wanted);
    assert!(told.contains("newest first → sorted"), "{told}");
}

#[test]
fn bad_records_are_told_first_or_refuse_the_file() {
    let folder = Folder::new();
    let bars = market(20);
    let mut text = own(&bars);
    text += &"2024-01-02T05:00:00Z,AAA,1,1,1,1,none\n".repeat(100);
    let file = folder.write("bad.csv", &text);
    let signals = folder.0.path().join("s.jsonl");
    let ended = run(engine(["replay", "--input"]).arg(&file)).good();
    let most = "warning: most records were refused, 100 of 160, 100 of them as not_a_number: write numbers";
    assert!(ended.stderr.contains(most) && ended.stderr.contains("bad.csv:62"), "{}", ended.told());
    run(engine(["replay", "--strict", "--signals"]).arg(&signals).arg("--input").arg(&file))
        .refused(1, &["--strict: bad.csv:62 (not_a_number)", "write numbers"]);
    assert!(!signals.exists());
    run(engine(["replay", "--strict", "--input"]).arg(folder.write("good.csv", own(&bars)))).good();
    let skipped = own(&bars) + "2024-01-02T05:00:00Z,AAA,1,1,1,1,0\n";
    let ended =
        run(engine(["replay", "--strict", "--zero-volume", "skip", "--input"]).arg(folder.write("z.csv", skipped)))
            .good();
    assert!(ended.stdout.contains("no_trade"), "{}", ended.told());
}

#[test]
fn inspect_says_what_a_file_is_and_what_is_odd() {
    let folder = Folder::new();
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for day in 1..=20 {
        let (price, volume) = if day > 10 { (50.0, 0) } else { (100.0, 5) };
        text += &format!("2024-01-{day:02},{price},{price},{price},{price},{volume}\n");
    }
    text += "2024-02-20,1,0.5,1,1,1\n2024-02-21,50,50,50,50,1\n2024-02-21,50,50,50,50,1\n";
    let file = folder.write("SPY.csv", text);
    let ended = run(engine(["inspect", "--symbol", "SPY"]).arg(&file)).good();
    for words in [
        "SPY.csv: a header line daily, 22 bars of SPY, 2024-01-01 … 2024-02-21, dates, in order, 1 lines refused",
        "refused (high_low_bounds) 1, the first in line 22: 2024-02-20",
        "bars of the same 1d as the one before of their symbol: 1",
        "bars without volume: 10",
        "gaps of more than ten bars: 1; the longest 32.0 days, of SPY after 2024-01-20",
        "the close of SPY is 0.5000 of the one before at 2024-01-11T00:00:00: a split of 2:1",
    ] {
        assert!(ended.stdout.contains(words), "{words:?} is missing\n{}", ended.told());
    }
    run(&mut engine(["inspect", "not-there.csv"])).refused(1, &["not-there.csv"]);
    run(engine(["inspect"]).arg(folder.write("x.csv", "a,b\n1,2\n"))).refused(1, &["x.csv", "--columns ts=1"]);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_names_the_feature_that_reads_it() {
    let folder = Folder::new();
    let file = folder.write("SPY.parquet", "PAR1");
    run(engine(["inspect"]).arg(file)).refused(1, &["SPY.parquet", "--features parquet"]);
}

/// Signals come as the bars do, on one thread and on several, and Ctrl-C is heard while nothing comes.
#[test]
fn a_live_pipe_is_read_as_it_comes() {
    for threading in ["shared", "dedicated"] {
        let mut command = engine([
            "replay",
            "--quiet",
            "--timeframes",
            "1m",
            "--signals",
            "-",
            "--input",
            "-",
            "--threading",
            threading,
        ]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let mut signals = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while signals.read_line(&mut line).unwrap_or(0) > 0 {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let text = own(&market(1_000));
        let mut got = 0;
        for part in text.as_bytes().chunks(20_000) {
            pipe.write_all(part).unwrap();
            pipe.flush().unwrap();
            if lines.recv_timeout(Duration::from_secs(20)).is_ok() {
                got += 1;
            }
        }
        assert!(got >= 3, "{threading}: {got}");
        // The pipe stays open, and nothing comes.
        std::thread::sleep(Duration::from_millis(200));
        let asked = Instant::now();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = finish(child, LIMIT, "a replay of a pipe").good();
        assert!(asked.elapsed() < Duration::from_secs(5), "{threading}: {:?} {}", asked.elapsed(), ended.told());
        drop((pipe, lines));
        reader.join().unwrap();
    }
    // Before the first bar.
    let mut command = engine(["replay", "--input", "-"]);
    let child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = finish(child, Duration::from_secs(10), "a replay of an empty pipe");
    assert!(ended.stderr.contains("stopped before the start was complete"), "{}", ended.told());
}

/// Named pipes are live as standard input is.
#[test]
fn a_named_pipe_is_live() {
    let folder = Folder::new();
    let path = folder.0.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let text = own(&market(300));
    let wanted = folder.signals(&[folder.write("bars.csv", &text)], &[]).0;
    let writer = std::thread::spawn({
        let path: &Path = &path;
        let path = path.to_owned();
        move || fs::write(path, text)
    });
    assert_eq!(folder.signals(&[path], &[]).0, wanted);
    writer.join().unwrap().unwrap();
}
