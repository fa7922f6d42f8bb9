//! `make perf-parquet`: how fast a Parquet file of ten million bars replays, as a whole process.
//!
//! The file is made once, in `target/parquet`: one-minute bars of a random walk of 100 symbols, by time, in row groups of a
//! million, packed with Snappy, as pandas writes them. The program is the one that was built beside this example.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

const BARS: usize = 10_000_000;
const SYMBOLS: usize = 100;
const GROUP: usize = 1_000_000;
/// 2024-01-01T00:00:00Z, in milliseconds.
const START_MS: i64 = 1_704_067_200_000;
const RUNS: usize = 5;
/// The target, bars a second.
const LEAST: f64 = 3.0e6;

/// A generator of even bits.
struct Dice(u64);

impl Dice {
    /// A number in [-1, 1].
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Columns of one row group.
#[derive(Default)]
struct Group {
    ts: Vec<i64>,
    symbols: Vec<ByteArray>,
    prices: [Vec<f64>; 4],
    volumes: Vec<f64>,
}

fn make(path: &Path) {
    let schema = "message schema { required int64 ts (TIMESTAMP(MILLIS,true)); required binary symbol (STRING); \
         required double open; required double high; required double low; required double close; required double volume; }";
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let part = path.with_extension("part");
    let mut writer = SerializedFileWriter::new(File::create(&part).unwrap(), schema, properties).unwrap();
    let names: Vec<ByteArray> = (0..SYMBOLS).map(|n| ByteArray::from(format!("S{n:03}").into_bytes())).collect();
    let (mut dice, mut closes) = (Dice(0x9e37_79b9_7f4a_7c15), vec![100.0f64; SYMBOLS]);
    for from in (0..BARS).step_by(GROUP) {
        let mut group = Group::default();
        for n in from..from + GROUP {
            let (minute, symbol) = (n / SYMBOLS, n % SYMBOLS);
            let open = closes[symbol];
            let close = (open * (1.0 + 0.001 * dice.roll())).max(1.0);
            closes[symbol] = close;
            let reach = 0.0005 * dice.roll().abs();
            group.ts.push(START_MS + minute as i64 * 60_000);
            group.symbols.push(names[symbol].clone());
            for (column, price) in group.prices.iter_mut().zip([
                open,
                open.max(close) * (1.0 + reach),
                open.min(close) * (1.0 - reach),
                close,
            ]) {
                column.push(price);
            }
            group.volumes.push((1_000.0 * (1.0 + dice.roll())).round());
        }
        let mut out = writer.next_row_group().unwrap();
        macro_rules! put {
            ($kind:ty, $values:expr) => {{
                let mut column = out.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch($values, None, None).unwrap();
                column.close().unwrap();
            }};
        }
        put!(Int64Type, &group.ts);
        put!(ByteArrayType, &group.symbols);
        for prices in &group.prices {
            put!(DoubleType, prices);
        }
        put!(DoubleType, &group.volumes);
        out.close().unwrap();
    }
    writer.close().unwrap();
    fs::rename(part, path).unwrap();
}

fn main() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/parquet");
    let file = dir.join("bars.parquet");
    if !file.exists() {
        fs::create_dir_all(&dir).unwrap();
        make(&file);
    }
    let here = std::env::current_exe().unwrap();
    let program = here.ancestors().nth(2).unwrap().join("wagehood-engine");
    assert!(program.exists(), "{} is not built: `make perf-parquet` does", program.display());
    println!("{} bars, {} MiB", BARS, fs::metadata(&file).unwrap().len() >> 20);
    let mut all_met = true;
    for timeframes in ["5m", "1m,5m,1h,1d"] {
        let mut rates: Vec<f64> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                let args = ["replay", "--quiet", "--base", "1m", "--timeframes", timeframes, "--signals"];
                let mut command = Command::new(&program);
                command.args(args).arg(dir.join("signals.jsonl")).arg("--input").arg(&file).stdin(Stdio::null());
                let output = command.output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                BARS as f64 / start.elapsed().as_secs_f64()
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        let median = rates[RUNS / 2];
        let verdict = if median >= LEAST { "MET   " } else { "MISSED" };
        all_met &= median >= LEAST;
        println!(
            "{verdict}  replay of Parquet to signals of {timeframes}: {:.2} million bars/s (best {:.2}), target {:.2}",
            median / 1e6,
            rates[RUNS - 1] / 1e6,
            LEAST / 1e6
        );
    }
    std::process::exit(i32::from(!all_met));
}
