//! Bars made up for the tests: a random walk with moods, jumps and bursts of volume, the same every time.

use super::server::{Entry, Fields};
use std::{fmt::Write, path::Path};
use wagehood_engine::{
    feed::{FrameRecord, Record, encode_frame},
    model::Timeframe,
};

/// 2025-07-07T09:30:00Z.
pub const START_MS: i64 = 1_751_880_600_000;

/// A bar, prices in cents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    pub symbol: &'static str,
    pub ts: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
}

/// A generator of even bits.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn step(&mut self, reach: i64) -> i64 {
        self.roll(2 * reach.unsigned_abs() + 1) as i64 - reach
    }
}

/// `count` bars of each symbol from `start_ms` on, in order of time and then of symbols; a few are left out.
pub fn bars(symbols: &[&'static str], start_ms: i64, interval_ms: i64, count: usize) -> Vec<Bar> {
    let mut dice = Dice(7);
    let mut closes: Vec<i64> = symbols.iter().enumerate().map(|(i, _)| 40_000 + 7_000 * i as i64).collect();
    let mut bars = Vec::new();
    for i in 0..count {
        for (symbol, close) in symbols.iter().zip(&mut closes) {
            let mood = [12, -12, 3, -3, 0][(i / 60 + symbol.len()) % 5];
            let open = *close + dice.step(3);
            let jump = if dice.roll(25) == 0 { dice.step(220) } else { 0 };
            *close = (open + mood + jump + dice.step(20)).max(1_000);
            let high = open.max(*close) + dice.roll(12) as i64;
            let low = open.min(*close) - dice.roll(12) as i64;
            let volume = 5_000 + dice.roll(4_000) as i64 + jump.abs() * 90;
            let ts = start_ms + i as i64 * interval_ms;
            if dice.roll(40) > 0 {
                bars.push(Bar { symbol, ts, open, high, low, close: *close, volume });
            }
        }
    }
    bars
}

/// Cents as a decimal.
pub fn price(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A time as the existing system writes it.
pub fn iso(ms: i64) -> String {
    let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Civil date of a day count, after Howard Hinnant.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let s = ms / 1_000;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// Fields out of texts.
pub fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect()
}

impl Bar {
    /// The entry literally as the existing system writes it.
    pub fn legacy(&self) -> Fields {
        let mut all = fields([
            ("event_id", format!("{}_1795354738528", self.symbol)),
            ("symbol", self.symbol.to_owned()),
            ("timestamp", iso(self.ts)),
            ("price", price(self.close)),
            ("volume", format!("{}.0", self.volume)),
        ]);
        all.extend(fields([
            ("open", price(self.open)),
            ("high", price(self.high)),
            ("low", price(self.low)),
            ("close", price(self.close)),
            ("source", "mock".to_owned()),
            ("metadata", r#"{"timeframe": "1m"}"#.to_owned()),
        ]));
        all
    }

    /// The flat fields that are required.
    pub fn flat(&self) -> Fields {
        fields([
            ("symbol", self.symbol.to_owned()),
            ("timestamp", self.ts.to_string()),
            ("open", price(self.open)),
            ("high", price(self.high)),
            ("low", price(self.low)),
            ("close", price(self.close)),
            ("volume", self.volume.to_string()),
        ])
    }

    pub fn frame_record(&self) -> FrameRecord {
        let number = |cents| price(cents).parse::<f64>().unwrap();
        let record = Record {
            symbol: self.symbol.as_bytes(),
            ts: self.ts,
            interval: "1s".parse().unwrap(),
            open: number(self.open),
            high: number(self.high),
            low: number(self.low),
            close: number(self.close),
            volume: self.volume as f64,
            vwap: f64::NAN,
            trades: 0,
            ingest_ns: 0,
        };
        FrameRecord::new(&record).unwrap()
    }
}

/// Entries whose ids the server gives.
pub fn entries(all: impl IntoIterator<Item = Fields>) -> Vec<Entry> {
    all.into_iter().map(|fields| Entry { id: "*".to_owned(), fields }).collect()
}

/// One frame as the fields of an entry.
pub fn frame(base: &str, records: &[FrameRecord]) -> Fields {
    let mut bytes = Vec::new();
    encode_frame(base.parse::<Timeframe>().unwrap(), 0, records, &mut bytes).unwrap();
    vec![(b"frame".to_vec(), bytes)]
}

/// Bars in frames of changing size.
pub fn frames(bars: &[Bar]) -> Vec<Entry> {
    let records: Vec<FrameRecord> = bars.iter().map(Bar::frame_record).collect();
    let (mut rest, mut all) = (&records[..], Vec::new());
    for size in [1, 2, 64, 7, 300, 1, 31].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(size.min(rest.len()));
        all.push(frame("1s", now));
        rest = later;
    }
    entries(all)
}

/// Writes bars as `replay` reads them.
pub fn write_csv(path: &Path, bars: &[Bar]) {
    let mut text = String::from("ts,symbol,open,high,low,close,volume\n");
    for bar in bars {
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(price);
        writeln!(text, "{},{},{open},{high},{low},{close},{}", bar.ts, bar.symbol, bar.volume).unwrap();
    }
    std::fs::write(path, text).unwrap();
}
