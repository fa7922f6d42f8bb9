//! A known input: seeded walks of two groups of symbols, one stream each, numbered so that a writer that was cut off
//! finds out where it stood.

use crate::server::try_connection;
use redis::{
    Commands,
    streams::{StreamMaxlen, StreamRangeReply},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const KEPT: StreamMaxlen = StreamMaxlen::Approx(2_000_000);
pub const STREAMS: [&str; 2] = ["in_1s", "in_1m"];
/// 2025-07-08T14:30:00Z.
pub const START_MS: u64 = 1_751_985_000_000;

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

pub fn symbols(seconds: usize, minutes: usize) -> Vec<String> {
    (0..seconds).map(|i| format!("S{i}")).chain((0..minutes).map(|i| format!("M{i}"))).collect()
}

/// The records of one stream, one after the other.
pub struct Walk {
    random: Random,
    prices: Vec<f64>,
    names: Vec<String>,
    interval_ms: u64,
    next: u64,
}

impl Walk {
    pub fn new(seed: u64, prefix: &str, symbols: usize, interval_ms: u64) -> Self {
        let names = (0..symbols).map(|i| format!("{prefix}{i}")).collect();
        Self { random: Random(seed ^ interval_ms), prices: vec![100.0; symbols], names, interval_ms, next: 0 }
    }

    /// The fields of the next record; `event_id` is its number.
    pub fn record(&mut self) -> Vec<(&'static str, String)> {
        let index = (self.next % self.names.len() as u64) as usize;
        let ts = START_MS + self.next / self.names.len() as u64 * self.interval_ms;
        let open = self.prices[index];
        let step = (self.random.below(2_001) as f64 - 1_000.0) / 50_000.0;
        let close = ((open * (1.0 + step)).clamp(5.0, 5_000.0) * 100.0).round() / 100.0;
        self.prices[index] = close;
        let volume = 100 + self.random.below(1_000);
        let fields = vec![
            ("event_id", self.next.to_string()),
            ("symbol", self.names[index].clone()),
            ("timestamp", iso(ts)),
            ("open", open.to_string()),
            ("high", open.max(close).to_string()),
            ("low", open.min(close).to_string()),
            ("close", close.to_string()),
            ("volume", volume.to_string()),
        ];
        self.next += 1;
        fields
    }
}

fn iso(ms: u64) -> String {
    wagehood_engine::model::time::Iso8601(ms as i64).to_string()
}

/// Adds the next records of a walk to a stream, all at once.
pub fn write_to(link: &mut redis::Connection, stream: &str, walk: &mut Walk, records: usize) {
    let mut pipe = redis::pipe();
    (0..records).for_each(|_| {
        pipe.xadd(stream, "*", &walk.record()).ignore();
    });
    pipe.query::<()>(link).unwrap();
}

/// The same for the first of the streams.
pub fn write(link: &mut redis::Connection, walk: &mut Walk, records: usize) {
    write_to(link, STREAMS[0], walk, records);
}

/// Number of the last record in a stream plus one.
fn written(connection: &mut redis::Connection, stream: &str) -> Option<u64> {
    let last: StreamRangeReply = connection.xrevrange_count(stream, "+", "-", 1).ok()?;
    Some(last.ids.first().map_or(0, |entry| entry.get::<u64>("event_id").unwrap() + 1))
}

/// Writes streams until told to stop, through every kill of the server.
pub struct Writer {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Writer {
    /// `rates` are records a second, by stream.
    pub fn start(port: u16, seed: u64, symbols: [usize; 2], rates: [u64; 2]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|index| {
            let stop = Arc::clone(&stop);
            let (prefix, interval_ms) = [("S", 1_000), ("M", 60_000)][index];
            let walk = Walk::new(seed, prefix, symbols[index], interval_ms);
            std::thread::spawn(move || keep_writing(port, STREAMS[index], walk, rates[index], &stop))
        });
        let threads = threads.collect();
        Self { stop, threads }
    }

    /// Ends the writing; the number of records.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    }
}

fn keep_writing(port: u16, stream: &str, mut walk: Walk, rate: u64, stop: &AtomicBool) -> u64 {
    const EVERY: Duration = Duration::from_millis(10);
    let batch = (rate / 100).max(1) as usize;
    let mut pending: Vec<Vec<(&str, String)>> = Vec::new();
    let mut connection = None;
    let mut due = Instant::now();
    while !(stop.load(Relaxed) && pending.is_empty()) {
        let Some(link) = &mut connection else {
            std::thread::sleep(EVERY);
            connection = try_connection(port);
            let Some(done) = connection.as_mut().and_then(|link| written(link, stream)) else {
                connection = None;
                continue;
            };
            pending.retain(|record| record[0].1.parse::<u64>().unwrap() >= done);
            continue;
        };
        if pending.is_empty() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due = (due + EVERY).max(Instant::now() - EVERY);
            pending.extend((0..batch).map(|_| walk.record()));
        }
        let mut pipe = redis::pipe();
        for record in &pending {
            // Longer than any test that reads it again needs.
            pipe.xadd_maxlen(stream, KEPT, "*", record).ignore();
        }
        match pipe.query::<()>(link) {
            Ok(()) => pending.clear(),
            Err(_) => connection = None,
        }
    }
    walk.next
}
