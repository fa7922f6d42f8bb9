//! The command line from outside: help, wrong arguments, bad input, and exit codes.

use crate::outside::{Ended, LIMIT, engine, finish, run, run_with_input};
use flate2::{Compression, write::GzEncoder};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const HEADER: &str = "ts,symbol,open,high,low,close,volume\n";

/// A folder with a file `bars.csv` in it.
fn with_bars(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

/// One-minute bars of two symbols that give signals.
fn lively_bars(minutes: u32) -> String {
    let mut text = HEADER.to_owned();
    let mut state = 88_172_645_463_325_252_u64;
    let mut prices = [100.0, 7.0];
    for minute in 0..minutes {
        for (symbol, price) in ["AAA", "BBB"].iter().zip(&mut prices) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let open = *price;
            *price *= 1.0 + ((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 0.01;
            let (high, low) = (open.max(*price), open.min(*price));
            let (day, hour, minute) = (1 + minute / 1_440, minute / 60 % 24, minute % 60);
            let volume = 1 + state % 1_000;
            text +=
                &format!("2024-01-{day:02}T{hour:02}:{minute:02}:00Z,{symbol},{open},{high},{low},{price},{volume}\n");
        }
    }
    text
}

/// Number of lines, all of which must be whole JSON objects.
fn json_lines(text: &str) -> usize {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not complete: {text:?}");
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["signal_id"].is_string(), "{line}");
    }
    text.lines().count()
}

/// The count after a name in the report.
fn reported(report: &str, name: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.trim_start().starts_with(name))?;
    line.trim_start()[name.len()..].split_whitespace().next()?.parse().ok()
}

#[test]
fn help_names_every_argument() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--help"], &["run", "replay", "config", "--version", "Exit codes:", "3  `replay` accepted no record"]),
        (
            &["run", "--help"],
            &[
                "--config",
                "--redis",
                "--duration",
                "--signals",
                "--workers",
                "--threading",
                "--histograms",
                "--set",
                "--quiet",
                "Ctrl-C",
            ],
        ),
        (
            &["replay", "--help"],
            &[
                "--input",
                "--base",
                "--timeframes",
                "--method",
                "--signals",
                "--bars",
                "--indicators",
                "--cells",
                "--as-read",
                "--redis",
                "--speed",
                "--config",
                "--workers",
                "--threading",
                "--histograms",
                "--set",
                "--quiet",
                "gzip",
                "--timezone",
                "--stamp",
                "--date-order",
                "--symbol",
                "--symbol-from-name",
                "--columns",
                "--decimal",
                "--zero-volume",
                "--strict",
                "--redis-prefix",
                "ts, symbol, open, high, low, close, volume",
                "vwap",
            ],
        ),
        (&["inspect", "--help"], &["FILE", "--base", "--timezone", "--columns"]),
        (&["config", "show", "--help"], &["--config", "--set"]),
        (&["config", "check", "--help"], &["--config", "--set"]),
    ];
    for (args, words) in cases {
        let ended = run(&mut engine(args)).good();
        for word in words {
            assert!(ended.stdout.contains(word), "{args:?} does not mention {word}\n{}", ended.stdout);
        }
        let too_wide = ended.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(too_wide, None, "{args:?}");
    }
    assert!(run(&mut engine(["--version"])).good().stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_named() {
    let refused = |args: &[&str], words: &[&str]| run(&mut engine(args)).refused(2, words);
    refused(&[], &["Usage:", "run", "replay", "config"]);
    refused(&["reply"], &["reply", "replay"]);
    refused(&["replay"], &["--input"]);
    refused(&["replay", "--inputs", "x.csv"], &["--inputs", "--input"]);
    refused(&["run", "--fast"], &["--fast"]);
    refused(&["run", "--duration", "5y"], &["5y", "--duration", "30s"]);
    refused(&["replay", "--input", "x.csv", "--base", "7x"], &["7x", "--base", "5m"]);
    refused(&["replay", "--input", "x.csv", "--timeframes", "1m,,5m"], &["--timeframes"]);
    refused(&["replay", "--input", "x.csv", "--speed", "0x"], &["0x", "--speed", "60x"]);
    refused(&["replay", "--input", "x.csv", "--method", "median"], &["median", "ohlc", "vwap", "typical"]);
    refused(&["replay", "--input", "x.csv", "--cells", "A:1m"], &["--indicators"]);
    refused(&["replay", "--input", "x.csv", "--indicators", "i.csv"], &["--cells"]);
}

#[test]
fn input_that_cannot_be_replayed_is_named() {
    let (dir, bars) = with_bars(&lively_bars(10));
    let bars = bars.to_str().unwrap();
    let refused = |args: &[&str], words: &[&str]| {
        let ended = run(engine(["replay", "--quiet"]).args(args));
        // 4 is for what is wrong with the configuration, of which the command line is a part.
        assert!(matches!(ended.code(), Some(1 | 4)), "{}", ended.told());
        let code = ended.code().unwrap();
        let ended = ended.refused(code, words);
        assert!(ended.stderr.starts_with("error: ") && ended.stdout.is_empty(), "{}", ended.told());
    };
    refused(&["--input", "not-there.csv"], &["not-there.csv", "No such file"]);
    refused(&["--input", bars, "not-there.csv"], &["not-there.csv", "No such file"]);
    refused(&["--input", dir.path().to_str().unwrap()], &["directory"]);
    refused(&["--input", bars, "--base", "1m", "--timeframes", "1m,90s"], &["90s", "multiples of 1m"]);
    refused(&["--input", bars, "--base", "5m", "--timeframes", "1m"], &["1m", "multiples of 5m"]);
    let cells = ["--indicators", "i.csv", "--cells"];
    refused(&[&["--input", bars], &cells[..], &["AAA:15m"]].concat(), &["AAA:15m", "1m, 5m, 1h, 1d"]);
    refused(&[&["--input", bars], &cells[..], &["AAA"]].concat(), &["AAA", "SYMBOL:TIMEFRAME"]);
    refused(&[&["--input", bars], &cells[..], &["AAA:soon"]].concat(), &["AAA:soon", "soon"]);
    refused(&["--input", bars, "--signals", "/not/there/s.jsonl"], &["/not/there/s.jsonl"]);
    refused(&["--input", bars, "--config", "not-there.toml"], &["not-there.toml"]);
    refused(&["--input", bars, "--set", "engine.workers"], &["--set engine.workers", "KEY=VALUE"]);
    refused(&["--input", bars, "--set", "engine.wrkers=2"], &["engine.wrkers", "workers"]);
    refused(&["--input", bars, "--workers", "65"], &["engine.workers", "65", "0 to 64"]);
    run(&mut engine(["replay", "--input", bars, "--threading", "none"]))
        .refused(2, &["none", "auto, shared, dedicated"]);

    let columns = |header: &str, words: &[&str]| {
        let (_dir, path) = with_bars(header);
        let words: Vec<&str> = words.iter().copied().chain(["bars.csv"]).collect();
        refused(&["--input", path.to_str().unwrap()], &words);
    };
    columns("ts,symbol,open,high,close\n", &["lacks the columns low", "--columns low="]);
    columns("ts,open,high,low,close\n", &["--symbol BARS", "--symbol-from-name"]);
    columns("ts,symbol,open,high,low,close,volume,TIMESTAMP\n", &["two columns ts"]);
    columns("", &["ts, symbol, open, high, low, close, volume"]);
}

#[test]
fn a_file_with_only_a_header_is_no_success() {
    let (dir, bars) = with_bars(HEADER);
    let signals = dir.path().join("signals.jsonl");
    let words = ["error: no record was accepted: the input has none"];
    let ended = run(engine(["replay", "--input"]).arg(&bars).arg("--signals").arg(&signals)).refused(3, &words);
    assert_eq!(reported(&ended.stdout, "records in"), Some(0), "{}", ended.told());
    assert_eq!(fs::read_to_string(signals).unwrap(), "");
    run(engine(["replay", "-q", "--input"]).arg(&bars)).refused(3, &words);
}

#[test]
fn a_replay_without_accepted_records_says_why() {
    let told = |lines: &str, words: &[&str]| {
        let (_dir, bars) = with_bars(&format!("{HEADER}{lines}"));
        let ended = run(engine(["replay", "-q", "--input"]).arg(&bars)).refused(3, words);
        assert!(ended.stdout.is_empty() && ended.stderr.lines().count() == 1, "{}", ended.told());
        run(engine(["replay", "--input"]).arg(&bars)).refused(3, words);
    };
    told(
        "2024-01-01T00:00:00Z,A,1,1,1,1,-1\nsoon,A,1,1,1,1,1\nlater,A,1,1,1,1,1\n",
        &[
            "error: no record was accepted: 3 of 3 refused (bad_timestamp 2, volume_negative 1)",
            "the first: refused (volume_negative) bars.csv:2: 2024-01-01T00:00:00Z,A,1,1,1,1,-1",
            "write times as 2026-01-31T14:30:00Z",
        ],
    );
    told("2024-01-01T00:00:00Z,A,0,1,0,1,1\n", &["1 of 1 refused (price_not_positive 1)", "bars.csv:2", "above zero"]);
    // One accepted record is enough.
    let (_dir, bars) = with_bars(&format!("{HEADER}soon,A,1,1,1,1,1\n2024-01-01T00:00:00Z,A,1,1,1,1,1\n"));
    run(engine(["replay", "-q", "--input"]).arg(&bars)).good();
}

#[test]
fn no_output_overwrites_another_or_an_input() {
    let text = lively_bars(10);
    let (dir, bars) = with_bars(&text);
    std::os::unix::fs::symlink(&bars, dir.path().join("linked.csv")).unwrap();
    let refused = |args: &[&str], words: &[&str]| {
        run(engine(["replay", "--quiet", "--input", "bars.csv"]).current_dir(&dir).args(args)).refused(1, words);
        assert_eq!(fs::read_to_string(&bars).unwrap(), text, "{args:?}");
    };
    refused(&["--signals", "bars.csv"], &["--signals bars.csv", "overwrite the input"]);
    refused(&["--bars", "linked.csv"], &["--bars linked.csv", "overwrite the input bars.csv"]);
    refused(&["--signals", "new", "--bars", "./new"], &["--signals and --bars", "./new"]);
    std::os::unix::fs::symlink("new", dir.path().join("leads_to_new")).unwrap();
    refused(&["--signals", "leads_to_new", "--bars", "new"], &["--signals and --bars", "new"]);
    std::os::unix::fs::symlink("circle", dir.path().join("circle")).unwrap();
    refused(&["--signals", "circle"], &["circle"]);
    refused(&["--signals", "-", "--bars", "-"], &["--signals and --bars", "standard output"]);
    refused(&["--signals", "-", "--bars", "/dev/stdout"], &["--signals and --bars", "/dev/stdout"]);
    assert!(!dir.path().join("new").exists());
    // Standard input and output that are files.
    let file = || fs::OpenOptions::new().read(true).append(true).open(&bars).unwrap();
    let refused = |input: &str, args: &[&str], to: Stdio, words: &[&str]| {
        let mut command = engine(["replay", "--quiet", "--input", input]);
        run(command.current_dir(&dir).args(args).stdin(file()).stdout(to)).refused(1, words);
        assert_eq!(fs::read_to_string(&bars).unwrap(), text, "{input} {args:?}");
    };
    refused("-", &["--signals", "bars.csv"], Stdio::piped(), &["--signals bars.csv", "the input from standard input"]);
    refused("bars.csv", &["--signals", "-"], file().into(), &["--signals standard output", "the input bars.csv"]);
    let out = fs::File::create(dir.path().join("out")).unwrap();
    refused("bars.csv", &["--signals", "-", "--bars", "out"], out.into(), &["--signals and --bars", "out"]);
    let nowhere = ["--signals", "/dev/null", "--bars", "/dev/null"];
    run(engine(["replay", "--quiet", "--input", "-"]).current_dir(&dir).args(nowhere).stdin(file())).good();
}

#[test]
fn a_wrong_base_and_empty_cells_are_named() {
    let (dir, bars) = with_bars(&lively_bars(120));
    let told = |args: &[&str]| {
        let ended = run(engine(["replay", "--input"]).arg(&bars).args(args).current_dir(&dir)).good();
        ended.stderr.lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let one = |args: &[&str], words: &[&str]| {
        let told = told(args);
        assert!(told.len() == 1 && words.iter().all(|word| told[0].contains(word)), "{told:?}");
    };
    one(&["--base", "5m", "--timeframes", "1h"], &["bars.csv", "1m apart", "--base 5m", "refused"]);
    one(&["--base", "1s", "--timeframes", "1h"], &["bars.csv", "1m apart", "--base 1s", "is --base 1m meant?"]);
    one(&["--indicators", "i.csv", "--cells", "NOPE:1m"], &["NOPE:1m", "no bar of NOPE was accepted", "AAA, BBB"]);
    // More symbols than fit.
    let crowd: String = (0..101).map(|n| format!("2023-01-01T00:00:00Z,S{n},1,1,1,1,1\n")).collect();
    fs::write(dir.path().join("crowd.csv"), HEADER.to_owned() + &crowd).unwrap();
    let full = ["crowd.csv", "--set", "limits.max_symbols=100", "--indicators", "i.csv", "--cells", "S100:1m"];
    one(&full, &["no bar of S100 was accepted", "100: see limits.max_symbols"]);
    assert_eq!(told(&[]), [""; 0]);
    assert_eq!(told(&["--quiet", "--base", "5m", "--timeframes", "1h"]), [""; 0]);
}

/// With `--as-read` the columns are what the strategies read, whatever its periods; without, the published ones.
#[test]
fn indicators_are_shown_as_published_or_as_the_strategies_read_them() {
    let (dir, bars) = with_bars(&lively_bars(400));
    let columns = |more: &[&str]| -> Vec<(String, Vec<String>)> {
        let out = dir.path().join("i.csv");
        let mut command = engine(["replay", "--quiet", "--timeframes", "1m", "--cells", "AAA:1m", "--input"]);
        run(command.arg(&bars).arg("--indicators").arg(&out).args(more)).good();
        let text = fs::read_to_string(out).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 401, "{more:?}");
        (0..rows[0].len())
            .map(|k| (rows[0][k].to_owned(), rows[1..].iter().map(|row| row[k].to_owned()).collect()))
            .collect()
    };
    let column = |columns: &[(String, Vec<String>)], name: &str| {
        columns.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no column {name}")).1.clone()
    };
    let (published, as_read) = (columns(&[]), columns(&["--as-read"]));
    let same = [
        ("price", "price"),
        ("macd_line", "macd_line"),
        ("macd_signal", "macd_signal"),
        ("rsi_14", "rsi"),
        ("rsi_14", "trend_rsi"),
        ("rsi_21", "trend_rsi_slow"),
        ("ema_50", "ma_fast"),
        ("ema_200", "ma_slow"),
        ("bb_upper", "bb_upper"),
        ("volume_sma_20", "volume_average"),
    ];
    for (ours, theirs) in same {
        assert_eq!(column(&published, ours), column(&as_read, theirs), "{theirs}");
        assert!(column(&as_read, theirs)[300..].iter().all(|value| !value.is_empty()), "{theirs}");
    }
    let periods =
        ["--as-read", "--set", "strategies.macd_rsi.rsi_period=21", "--set", "strategies.ma_crossover.slow_period=51"];
    let own = columns(&periods);
    assert_eq!(column(&own, "rsi"), column(&published, "rsi_21"));
    assert_eq!(column(&own, "trend_rsi"), column(&published, "rsi_14"));
    let slow = column(&own, "ma_slow");
    assert_eq!(slow.iter().take_while(|value| value.is_empty()).count(), 50);
    assert_ne!(slow[50..], column(&published, "ema_50")[50..]);
}

/// Standard error names file, line, reason and text; the report has the count.
#[test]
fn refused_lines_are_named_and_counted() {
    let lines = [
        ("2024-01-01T00:00:00Z,A,1,1,1,1,1", ""),
        ("2024-01-01T00:01:00Z,A,1,1,1,1,1", ""),
        ("2024-01-01T00:01:00Z,A,2,2,2,2,1", "revision"),
        ("2024-01-01T00:02:00Z,A,1,x,1,1,1", "not_a_number"),
        ("2024-01-01T00:02:00Z,A,1,1,1,1", "missing_field"),
        ("2024-01-01T00:02:00Z,A,1,1,2,1,1", "high_low_bounds"),
        ("2024-01-01T00:02:00Z,A,0,1,0,1,1", "price_not_positive"),
        ("2024-01-01T00:02:00Z,A,1,1,1,1,-1", "volume_negative"),
        ("2024-01-01T00:02:00Z,A,1,inf,1,1,1", "not_finite"),
        ("never,A,1,1,1,1,1", "bad_timestamp"),
        ("2024-01-01T00:02:00Z,A,1,1,1,1,1,1", "bad_text"),
        ("2024-01-01T00:02:00Z,A,1,1,1,1,1", ""),
    ];
    let text = lines.iter().fold(HEADER.to_owned(), |text, (line, _)| text + line + "\n");
    let (_dir, path) = with_bars(&text);
    let ended = run(engine(["replay", "--input"]).arg(&path)).good();
    let mut refused = 0;
    for (index, (line, reason)) in lines.iter().enumerate().filter(|(_, (_, reason))| !reason.is_empty()) {
        let named = format!("refused ({reason}) bars.csv:{}: {line}", index + 2);
        assert!(ended.stderr.contains(&named), "{named:?} is missing\n{}", ended.told());
        assert_eq!(reported(&ended.stdout, &format!("record refused: {reason}")), Some(1), "{}", ended.told());
        refused += 1;
    }
    // One more in the line that says why most were.
    assert_eq!(ended.stderr.matches("refused (").count(), refused + 1, "{}", ended.told());
    let most = format!("warning: most records were refused, {refused} of {}", lines.len());
    assert!(ended.stderr.contains(&most), "{}", ended.told());
    assert_eq!(reported(&ended.stdout, "records in"), Some(lines.len() as u64));
    assert_eq!(reported(&ended.stdout, "records accepted"), Some(3));
    assert_eq!(reported(&ended.stdout, "records refused"), Some(refused as u64));
}

/// A file full of bad lines must not fill the terminal, but all of them are counted.
#[test]
fn many_refused_lines_are_sampled() {
    let text = (0..5_000).fold(HEADER.to_owned(), |text, i| text + &format!("{i}th line,A,1,1,1,1,1\n"));
    let (_dir, path) = with_bars(&text);
    let ended = run(engine(["replay", "--input"]).arg(&path)).refused(3, &["5000 of 5000 refused"]);
    let named = ended.stderr.matches("refused (bad_timestamp)").count();
    assert!((1..=20).contains(&named), "{named} lines named\n{}", ended.stderr);
    assert!(ended.stderr.contains("bars.csv:2: 0th line"), "{}", ended.stderr);
    let counted = ended.stdout.lines().find(|line| line.contains("record refused: bad_timestamp")).unwrap();
    assert!(counted.ends_with(" 5,000"), "{counted}");
}

#[test]
fn all_faults_of_a_configuration_are_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("faulty.toml");
    fs::write(&file, "[engine]\nworkres = 3\nidle = \"nap\"\nring_size = 1\n[output]\nbatch_entries = \"x\"\n")
        .unwrap();
    let words = [
        "faulty.toml:2: engine.workres: unknown key; did you mean `workers`?",
        "faulty.toml:3: engine.idle: found \"nap\"; allowed: \"auto\", \"backoff\"",
        "faulty.toml:4: engine.ring_size: found 1; allowed: a whole number from 2",
        "faulty.toml:6: output.batch_entries: found \"x\"",
        "command line: mock.symbols: found 0",
    ];
    for command in ["check", "show"] {
        let ended = run(engine(["config", command, "--set", "mock.symbols=0", "--config"]).arg(&file));
        assert_eq!(ended.code(), Some(1), "{}", ended.told());
        words.iter().for_each(|word| assert!(ended.stdout.contains(word), "{word}\n{}", ended.told()));
        assert!(ended.stdout.ends_with("5 faults\n"), "{}", ended.told());
    }
    let (_dir, bars) = with_bars(HEADER);
    run(engine(["replay", "--set", "mock.symbols=0", "--input"]).arg(&bars).arg("--config").arg(&file))
        .refused(4, &words);
    run(engine(["run", "--set", "mock.symbols=0", "--config"]).arg(&file)).refused(4, &words);
}

/// The printed configuration equals the one in use.
#[test]
fn the_shown_configuration_loads_back() {
    let dir = tempfile::tempdir().unwrap();
    let values =
        |text: &str| toml::from_str::<toml::Table>(text).unwrap_or_else(|error| panic!("not TOML: {error}\n{text}"));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in ["", "default.toml", "development.toml", "low-latency.toml"] {
        let mut command = engine(["config", "show", "--set", "engine.batch_records=77"]);
        if !name.is_empty() {
            command.arg("--config").arg(shipped.join(name));
        }
        let first = run(&mut command).good().stdout;
        let file = dir.path().join("shown.toml");
        fs::write(&file, &first).unwrap();
        let second = run(engine(["config", "show", "--config"]).arg(&file)).good().stdout;
        assert_eq!(values(&first), values(&second), "{name}");
        assert!(first.contains("batch_records = 77  # command line"), "{first}");
        assert!(second.contains("batch_records = 77  # shown.toml:") || second.contains("shown.toml:"), "{second}");
        let check = run(engine(["config", "check", "--config"]).arg(&file)).good();
        assert!(check.stdout.starts_with("ok: "), "{}", check.told());
    }
}

#[test]
fn the_shipped_configurations_are_valid() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for (name, words) in [
        ("default.toml", ["100 symbols", "feed mock"]),
        ("development.toml", ["5 symbols", "shared"]),
        ("low-latency.toml", ["2 symbols", "2 workers on dedicated threads"]),
    ] {
        let ended = run(engine(["config", "check", "--config"]).arg(shipped.join(name))).good();
        assert!(ended.stdout.starts_with("ok: "), "{name}: {}", ended.told());
        words.iter().for_each(|word| assert!(ended.stdout.contains(word), "{name}: {}", ended.told()));
    }
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let text = lively_bars(600);
    let (dir, path) = with_bars(&text);
    let out = |name: &str| dir.path().join(name);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let command = |input: &Path, name: &str| {
        let mut command = engine(["replay", "--quiet", "--input"]);
        command.arg(input).arg("--signals").arg(out(&format!("{name}.jsonl")));
        command.arg("--bars").arg(out(&format!("{name}.csv")));
        command
    };
    run(&mut command(&path, "file")).good();
    run_with_input(&mut command(Path::new("-"), "plain"), text.into_bytes()).good();
    run_with_input(&mut command(Path::new("-"), "gzip"), gzip).good();
    let read = |name: &str| fs::read_to_string(out(name)).unwrap();
    let signals = read("file.jsonl").replace("\"source_id\":\"bars.csv:", "\"source_id\":\"-:");
    assert!(json_lines(&signals) > 20, "{signals}");
    assert!(read("plain.jsonl") == signals && read("gzip.jsonl") == signals, "signals from standard input differ");
    let bars = read("file.csv");
    assert!(read("plain.csv") == bars && read("gzip.csv") == bars, "bars from standard input differ");
    let closed = run_with_input(&mut engine(["replay", "--quiet", "--input", "-"]), Vec::new());
    closed.refused(1, &["header line"]);
}

#[test]
fn signals_go_to_standard_output_if_asked_for() {
    let (dir, path) = with_bars(&lively_bars(300));
    let file = dir.path().join("signals.jsonl");
    run(engine(["replay", "--quiet", "--input"]).arg(&path).arg("--signals").arg(&file)).good();
    let ended = run(engine(["replay", "--quiet", "--signals", "-", "--input"]).arg(&path)).good();
    assert!(json_lines(&ended.stdout) > 10);
    assert_eq!(ended.stdout, fs::read_to_string(file).unwrap());
}

/// The replay of the README, typed as written in the folder of a fresh clone.
#[test]
fn the_replay_of_the_readme_works_as_typed() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(package.join("README.md")).unwrap();
    let typed = readme.split("```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    let typed = typed.map(|(text, _)| text).find(|text| text.starts_with("wagehood-engine replay ")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(package.join("tests"), dir.path().join("tests")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_wagehood-engine")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", typed]).env("PATH", path).current_dir(&dir).stdin(Stdio::null());
    let ended = run(shell.stdout(Stdio::piped()).stderr(Stdio::piped())).good();
    assert_eq!(reported(&ended.stdout, "records refused"), Some(0), "{}", ended.told());
    let lines = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
    assert!(lines("signals.jsonl") > 100 && lines("bars.csv") > 1_000, "{}", ended.told());
    // A line for the header, and one for each hour of three days.
    assert_eq!(lines("indicators.csv"), 1 + 72);
}

#[test]
fn histograms_are_written_to_the_given_folder() {
    let (dir, path) = with_bars(&lively_bars(300));
    let folder = dir.path().join("a/b");
    run(engine(["replay", "--quiet", "--input"]).arg(&path).arg("--histograms").arg(&folder)).good();
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(path.extension().unwrap(), "hgrm");
        assert!(
            text.contains("Percentile TotalCount 1/(1-Percentile)") && text.contains("#[Mean"),
            "{}\n{text}",
            path.display()
        );
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    for stage in ["aggregate", "correlate", "day", "evaluate", "publish", "read"] {
        assert!(names.iter().any(|name| name == stage), "{stage} is missing: {names:?}");
    }
}

/// A small mock market whose averages cross often; its signals go to `signals.jsonl` in `dir`.
fn market(dir: &Path, more: &[&str]) -> Command {
    let mut command = engine(["run"]);
    for set in [
        "mock.symbols=8",
        "strategies.ma_crossover.fast_period=2",
        "strategies.ma_crossover.slow_period=3",
        "strategies.ma_crossover.min_confidence=0",
    ] {
        command.args(["--set", set]);
    }
    let file = dir.join("signals.jsonl");
    command.args(["--set", &format!("output.signals_file={}", file.display())]);
    command.args(more).current_dir(dir);
    command
}

fn market_signals(dir: &Path) -> usize {
    json_lines(&fs::read_to_string(dir.join("signals.jsonl")).unwrap())
}

#[test]
fn a_live_run_ends_when_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(&mut market(dir.path(), &["--duration", "2s"])).good();
    assert!(ended.took >= Duration::from_secs(2), "{:?}", ended.took);
    let published = reported(&ended.stdout, "signals published").unwrap();
    assert!(published > 0, "{}", ended.told());
    assert_eq!(market_signals(dir.path()) as u64, published, "{}", ended.told());
    assert!(
        ended.stderr.contains("mock market of 8 symbols") && ended.stderr.contains("signals.jsonl"),
        "{}",
        ended.told()
    );
    assert!(ended.stderr.contains("stopping"), "{}", ended.told());

    // Without a history, the run ends after the first bars and before the first signal.
    let ended = run(&mut market(dir.path(), &["--duration", "2s", "--set", "mock.history=false"])).good();
    assert!((8..=32).contains(&reported(&ended.stdout, "records accepted").unwrap()), "{}", ended.told());
    assert_eq!(market_signals(dir.path()) as u64, reported(&ended.stdout, "signals published").unwrap());

    let ended = run(&mut market(dir.path(), &["--duration", "1s", "--quiet"])).good();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "--quiet says nothing");
}

/// Sends a Unix signal to a live run that has written output; returns how it ended.
fn interrupt(dir: &Path, signal: Signal, more: &[&str]) -> Ended {
    let child = market(dir, more).spawn().unwrap();
    wait_for_signals(&dir.join("signals.jsonl"));
    kill_process(pid(&child), signal).unwrap();
    let ended = finish(child, LIMIT, "an interrupted run");
    assert!(ended.took < Duration::from_secs(10), "ended late: {}", ended.told());
    ended
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32).unwrap()
}

fn wait_for_signals(path: &Path) {
    let until = Instant::now() + LIMIT;
    while fs::metadata(path).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(Instant::now() < until, "no signal was written");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn signals_of_the_system_end_a_live_run_cleanly() {
    for (signal, more) in [
        (Signal::INT, &["--threading", "shared"][..]),
        (Signal::TERM, &["--threading", "shared"]),
        (Signal::INT, &["--threading", "dedicated", "--workers", "3"]),
        (Signal::TERM, &["--threading", "dedicated", "--workers", "3", "--set", "engine.idle=sleep"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let ended = interrupt(dir.path(), signal, more).good();
        let published = reported(&ended.stdout, "signals published").unwrap();
        assert!(published > 0, "{}", ended.told());
        assert_eq!(market_signals(dir.path()) as u64, published, "{signal:?} {more:?}: {}", ended.told());
    }
}

/// Interrupts a replay in recorded time: it does not hang, and writes no half line.
#[test]
fn a_paced_replay_can_be_interrupted() {
    let (dir, path) = with_bars(&lively_bars(600));
    let signals = dir.path().join("signals.jsonl");
    let mut command = engine(["replay", "--speed", "3000x", "--input"]);
    let child = command.arg(&path).arg("--signals").arg(&signals).spawn().unwrap();
    wait_for_signals(&signals);
    kill_process(pid(&child), Signal::INT).unwrap();
    let ended = finish(child, LIMIT, "an interrupted replay").good();
    let (read, all) = (reported(&ended.stdout, "records in").unwrap(), 1_200);
    assert!(read < all, "it was over before it was interrupted");
    assert!(json_lines(&fs::read_to_string(signals).unwrap()) > 0);
}

/// The reader closes its end of the pipe: the program neither panics nor hangs.
#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let first_line = |command: &mut Command| {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let ended = finish(child, LIMIT, &format!("{command:?}"));
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        assert!(!line.is_empty() && !text.contains("panicked"), "{line}\n{text}");
        assert!(ended.code().is_some(), "killed: {}", ended.status);
        ended
    };
    first_line(&mut engine(["config", "show"])).good();
    first_line(&mut engine(["config", "check"])).good();
    first_line(&mut engine(["--help"])).good();
    let (_dir, path) = with_bars(&lively_bars(3_000));
    first_line(engine(["replay", "--input"]).arg(&path));
    for quiet in [&["--quiet"][..], &[]] {
        let ended = first_line(engine(["replay", "--signals", "-", "--input"]).arg(&path).args(quiet));
        assert_eq!(ended.code(), Some(141), "{}", ended.told());
        assert!(!ended.stderr.contains("error") && !ended.stderr.contains("records in"), "{}", ended.told());
    }
}
