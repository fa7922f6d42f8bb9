//! What stands in a stream of bars, whatever the form.

use super::server::{Client, Entry};
use std::collections::BTreeMap;
use wagehood_engine::{
    feed::{self, decode_entry},
    model::Timeframe,
};

/// One bar as it stands in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub symbol: String,
    pub ts: i64,
    pub ohlcv: [f64; 5],
}

/// Bars and heartbeats of a stream, in order.
#[derive(Debug, Default)]
pub struct Read {
    pub bars: Vec<Published>,
    /// Number of bars before it, end, symbols it leaves out.
    pub beats: Vec<(usize, i64, String)>,
}

/// Reads a stream of bars of this timeframe.
pub fn read(client: &mut Client, stream: &str, timeframe: &str) -> Read {
    let base: Timeframe = timeframe.parse().unwrap();
    let mut all = Read::default();
    for entry in client.entries(stream) {
        let fields = entry.fields.iter().map(|(name, value)| (&name[..], &value[..]));
        let mut add = |record: feed::Record<'_>| {
            let symbol = String::from_utf8(record.symbol.to_vec()).unwrap();
            let ohlcv = [record.open, record.high, record.low, record.close, record.volume];
            all.bars.push(Published { symbol, ts: record.ts, ohlcv });
        };
        match decode_entry(fields, base).unwrap_or_else(|error| panic!("{error:?}: {:?}", entry.texts())) {
            feed::Entry::Bar(record) => add(record),
            feed::Entry::Frame(frame) => frame.records().for_each(add),
            feed::Entry::Heartbeat(beat) => {
                let except: Vec<&str> = beat.except().map(|name| std::str::from_utf8(name).unwrap()).collect();
                all.beats.push((all.bars.len(), beat.end, except.join(",")));
            }
        }
    }
    all
}

impl Read {
    /// The starts of the bars of each symbol, as they came.
    pub fn starts(&self) -> BTreeMap<&str, Vec<i64>> {
        let mut by: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        self.bars.iter().for_each(|bar| by.entry(&bar.symbol).or_default().push(bar.ts));
        by
    }

    /// Checks that no bar comes twice, or before one that is older, or behind a heartbeat that has said that it was there.
    #[track_caller]
    pub fn assert_once_in_order(&self, interval_ms: i64) {
        for (symbol, starts) in self.starts() {
            assert!(starts.windows(2).all(|two| two[0] < two[1]), "{symbol}: {starts:?}");
        }
        for (at, end, except) in &self.beats {
            for bar in &self.bars[*at..] {
                let excepted = except.split(',').any(|name| name == bar.symbol);
                assert!(excepted || bar.ts + interval_ms > *end, "{bar:?} behind the heartbeat of {end}");
            }
        }
        assert!(self.beats.windows(2).all(|two| two[0].1 < two[1].1), "{:?}", self.beats);
    }
}

/// The texts of the signals of a stream, without what a second reading need not say again.
pub fn signals(client: &mut Client, stream: &str) -> Vec<Vec<(String, String)>> {
    let differs = ["source_id", "published_ms"];
    let texts = |entry: Entry| entry.texts().into_iter().filter(|(name, _)| !differs.contains(&&**name)).collect();
    client.entries(stream).into_iter().map(texts).collect()
}
