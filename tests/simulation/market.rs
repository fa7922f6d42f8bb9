//! A made-up market: what producers write, when, and what is wrong with it.

use crate::{data::Fields, random::Random, world::Arrival};
use wagehood_engine::{
    feed::{FrameRecord, Record, encode_frame},
    model::{Timeframe, time::Iso8601},
};

/// 2025-07-08T14:30:00Z: the time at 0 ns.
pub const START_MS: u64 = 1_751_985_000_000;
pub const STREAMS: [(&str, &str, u64); 2] = [("in_1s", "1s", 1_000), ("in_1m", "1m", 60_000)];
const MS: u64 = 1_000_000;

#[derive(Debug, Clone)]
pub struct Market {
    /// Sorted by time.
    pub feed: Vec<Arrival>,
    /// Steps of the server's clock, µs, and when, ns.
    pub steps: Vec<(u64, i64)>,
    /// By stream.
    pub symbols: [Vec<String>; 2],
    /// When the last entry comes, ns.
    pub end_ns: u64,
}

impl Market {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "market");
        let minutes = random.below(3);
        let names = |prefix: &str, count: u64| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        let symbols = [names("S", random.between(1, 4)), names("M", minutes)];
        let seconds = random.between(60, 300);
        let stalls = (0..random.below(3)).map(|_| {
            let from = random.below(seconds * 1_000);
            (from, from + random.between(500, 9_000))
        });
        let mut maker = Maker { stalls: stalls.collect(), feed: Vec::new(), random };
        maker.seconds(&symbols[0], seconds);
        maker.minutes(&symbols[1], seconds / 60);
        let Maker { mut feed, mut random, .. } = maker;
        feed.sort_by_key(|arrival| arrival.at_ns);
        let mut steps = Vec::new();
        if random.chance(15) {
            let by_ms = *random.pick(&[-3_600_000, -20_000, -2_500, -900, 900, 2_500, 20_000, 3_600_000]);
            steps.push((random.below(seconds * 1_000 * MS), by_ms * 1_000));
        }
        let end_ns = feed.last().map_or(0, |arrival| arrival.at_ns);
        Self { feed, steps, symbols, end_ns }
    }
}

struct Maker {
    /// When nothing gets through, ms.
    stalls: Vec<(u64, u64)>,
    feed: Vec<Arrival>,
    random: Random,
}

/// A bar as it is made: start, prices and volume.
struct Made {
    ts: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

struct Walk {
    price: f64,
    drift: f64,
}

impl Walk {
    fn next(&mut self, ts: i64, random: &mut Random) -> Made {
        let cents = |price: f64| (price * 100.0).round() / 100.0;
        if random.chance(8) {
            self.drift = (random.below(201) as f64 - 100.0) / 20_000.0;
        }
        let open = self.price;
        let step = self.drift + (random.below(201) as f64 - 100.0) / 20_000.0;
        let close = cents((open * (1.0 + step)).clamp(5.0, 5_000.0));
        let spread = |random: &mut Random| random.below(30) as f64 / 100.0;
        let (high, low) = (cents(open.max(close) + spread(random)), cents(open.min(close) - spread(random)));
        self.price = close;
        let volume = (100 + random.below(1_000) * if random.chance(10) { 5 } else { 1 }) as f64;
        Made { ts, open, high, low, close, volume }
    }
}

impl Maker {
    fn write(&mut self, stream: usize, mut at_ms: u64, fields: Vec<(Vec<u8>, Vec<u8>)>) {
        for &(from, until) in &self.stalls {
            // What was held up comes together, in order.
            if at_ms >= from && at_ms < until {
                at_ms = until + (at_ms - from) / 1_000;
            }
        }
        let at_ns = at_ms * MS + self.random.below(MS);
        self.feed.push(Arrival { at_ns, stream: STREAMS[stream].0, id: None, fields: fields.into() });
    }

    fn seconds(&mut self, symbols: &[String], seconds: u64) {
        let mut walks: Vec<Walk> = symbols.iter().map(|_| Walk { price: 100.0, drift: 0.0 }).collect();
        // By symbol: until when it is quiet.
        let mut quiet = vec![0; symbols.len()];
        let usual_ms = self.random.between(0, 400);
        for second in 0..seconds {
            let ts = (START_MS + second * 1_000) as i64;
            let framed = symbols.len() > 1 && self.random.chance(10);
            let mut records = Vec::new();
            for (index, symbol) in symbols.iter().enumerate() {
                if self.random.chance(1) {
                    quiet[index] = second + self.random.between(2, 50);
                }
                if second < quiet[index] || self.random.chance(1) {
                    continue;
                }
                let made = walks[index].next(ts, &mut self.random);
                if framed {
                    records.push(packed(symbol, &made, "1s"));
                    continue;
                }
                let late_ms = usual_ms + self.random.skewed(300);
                self.write(0, (second + 1) * 1_000 + late_ms, fields(symbol, &made));
                if self.random.chance(2) {
                    self.bad(0, (second + 1) * 1_000 + late_ms, symbol, &made);
                }
            }
            if !records.is_empty() {
                let mut frame = Vec::new();
                encode_frame("1s".parse().unwrap(), 0, &records, &mut frame).unwrap();
                let at_ms = (second + 1) * 1_000 + usual_ms;
                self.write(0, at_ms, vec![(b"frame".to_vec(), frame)]);
            }
        }
    }

    /// Bars of a minute: some of the past at once, as a backlog, the others when they are over.
    fn minutes(&mut self, symbols: &[String], minutes: u64) {
        let past = self.random.between(0, 60);
        for symbol in symbols {
            let mut walk = Walk { price: 50.0, drift: 0.0 };
            for minute in 0..past + minutes {
                let ts = (START_MS - past * 60_000 + minute * 60_000) as i64;
                let made = walk.next(ts, &mut self.random);
                if self.random.chance(2) {
                    continue;
                }
                let over_ms = (minute + 1).saturating_sub(past) * 60_000;
                let at_ms = if over_ms == 0 { minute } else { over_ms + self.random.skewed(900) };
                self.write(1, at_ms, fields(symbol, &made));
            }
        }
    }

    /// Something that must be refused, or changes nothing.
    fn bad(&mut self, stream: usize, at_ms: u64, symbol: &str, made: &Made) {
        let mut fields = fields(symbol, made);
        let mut set = |name: &str, value: &str| {
            fields.iter_mut().filter(|(n, _)| n == name.as_bytes()).for_each(|(_, v)| *v = value.as_bytes().to_vec());
        };
        let other = |ms: i64| Iso8601(made.ts + ms).to_string();
        match self.random.below(9) {
            0 => set("symbol", "NOBODY"),
            1 => set("close", "NaN"),
            2 => set("volume", "-1"),
            3 => set("high", "0.01"),
            4 => set("timestamp", "yesterday"),
            5 => set("timestamp", &other(3_600_000)),
            6 => set("timestamp", &other(-30_000)),
            7 => {}
            _ => {
                fields.pop();
            }
        }
        self.write(stream, at_ms, fields);
    }
}

fn fields(symbol: &str, made: &Made) -> Vec<(Vec<u8>, Vec<u8>)> {
    let texts = [
        ("symbol", symbol.to_owned()),
        ("timestamp", Iso8601(made.ts).to_string()),
        ("open", made.open.to_string()),
        ("high", made.high.to_string()),
        ("low", made.low.to_string()),
        ("close", made.close.to_string()),
        ("volume", made.volume.to_string()),
    ];
    texts.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect()
}

fn packed(symbol: &str, made: &Made, interval: &str) -> FrameRecord {
    let interval: Timeframe = interval.parse().unwrap();
    let &Made { ts, open, high, low, close, volume } = made;
    let (vwap, symbol) = (f64::NAN, symbol.as_bytes());
    FrameRecord::new(&Record { symbol, ts, interval, open, high, low, close, volume, vwap, trades: 0, ingest_ns: 0 })
        .unwrap()
}

/// The fields of an entry, for people.
pub fn show(fields: &Fields) -> String {
    let show = |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}={}", name.escape_ascii(), value.escape_ascii());
    fields.iter().map(show).collect::<Vec<_>>().join(" ")
}
