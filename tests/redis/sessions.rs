//! Bars by the sessions of an exchange, live: a half day and a day of New York with the minutes around them, an engine that
//! is stopped and killed in between, against a plain count.

use super::{
    engine::{Engine, NO_CLOCK, config},
    series::{Bar, iso, price},
    server::{Entry, Server},
};
use std::collections::BTreeMap;

const STREAM: &str = "minutes";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2025-07-03T00:00:00Z, a Thursday; Friday is Independence Day.
const THURSDAY: i64 = 1_751_500_800_000;
const MONDAY: i64 = THURSDAY + 4 * DAY;
/// Open and close, the early one of the day before the holiday.
const SESSIONS: [(i64, i64); 2] = [
    (THURSDAY + 13 * HOUR + 30 * MINUTE, THURSDAY + 17 * HOUR),
    (MONDAY + 13 * HOUR + 30 * MINUTE, MONDAY + 20 * HOUR),
];

/// A bar for each minute from half an hour before the open to an hour after the close.
fn bars() -> Vec<Bar> {
    let minutes = SESSIONS.iter().flat_map(|&(open, close)| (open - HOUR / 2..close + HOUR).step_by(MINUTE as usize));
    let bar = |(i, ts): (usize, i64)| {
        let low = 40_000 + (i as i64 * 7_919) % 401;
        let (open, high, close) = (low + 10, low + 40, low + 25);
        Bar { symbol: "NYSE", ts, open, high, low, close, volume: 1_000 + i as i64 }
    };
    minutes.enumerate().map(bar).collect()
}

/// Time, open, high, low, close and volume of the bars of an interval that is cut at the open.
fn counted(bars: &[Bar], interval_ms: i64) -> Vec<[String; 6]> {
    let mut groups: BTreeMap<i64, Vec<&Bar>> = BTreeMap::new();
    for bar in bars {
        let Some((open, _)) = SESSIONS.iter().find(|(open, close)| (*open..*close).contains(&bar.ts)) else { continue };
        let floor = bar.ts - bar.ts % interval_ms;
        groups.entry(if interval_ms == DAY { floor } else { floor.max(*open) }).or_default().push(bar);
    }
    let whole = |(ts, group): (i64, Vec<&Bar>)| {
        let number = |cents: Option<i64>| format!("{:?}", price(cents.unwrap()).parse::<f64>().unwrap());
        let volume: i64 = group.iter().map(|bar| bar.volume).sum();
        [
            iso(ts),
            number(group.first().map(|bar| bar.open)),
            number(group.iter().map(|bar| bar.high).max()),
            number(group.iter().map(|bar| bar.low).min()),
            number(group.last().map(|bar| bar.close)),
            format!("{:?}", volume as f64),
        ]
    };
    groups.into_iter().map(whole).collect()
}

#[test]
fn bars_of_sessions_survive_a_stop_and_a_kill_and_the_nights_change_nothing() {
    let bars = bars();
    let entry = |bar: &Bar| Entry { id: format!("{}-1", bar.ts + MINUTE), fields: bar.flat() };
    let entries: Vec<Entry> = bars.iter().map(entry).collect();
    let state = tempfile::tempdir().unwrap();
    let more = format!(
        "[[watchlist]]\nsymbol = \"NYSE\"\ncalendar = \"xnys\"\n{NO_CLOCK}[state]\ndir = {:?}\nsnapshot_interval_s = 1\n",
        state.path()
    );
    let toml = config(&[(STREAM, "1m")], &[], &["1m", "1h", "1d"], &more);
    let server = Server::start();
    let mut client = server.connect();
    // In the middle of an hour of the half day, in the night after it, and at the end.
    let (half, night) = (100, 270);
    let mut accepted = 0;
    for (part, end) in [(0..half, 0), (half..night, 1), (night..entries.len(), 2)] {
        let last = client.add(STREAM, &entries[part.clone()]);
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until_at(&mut client, STREAM, &last);
        let ended = if end == 1 { engine.kill() } else { engine.stop().succeeded() };
        let inside = |bar: &&Bar| SESSIONS.iter().any(|(open, close)| (*open..*close).contains(&bar.ts));
        accepted += bars[part.clone()].iter().filter(inside).count();
        // After a kill some are read again.
        if end == 0 {
            ended.counted("record refused: outside_session", bars[part].iter().filter(|bar| !inside(bar)).count());
        }
    }
    let letters = client.entries("market_data_dead_letter");
    assert!(letters.iter().all(|letter| letter.text("reason") == "outside_session"));
    assert_eq!(letters.len(), bars.len() - accepted);
    for (timeframe, interval_ms) in [("1h", HOUR), ("1d", DAY)] {
        let written: Vec<[String; 6]> = client
            .entries(&format!("market_data_{timeframe}"))
            .iter()
            .map(|entry| {
                let number = |name: &str| format!("{:?}", entry.number(name));
                let [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map(number);
                [entry.text("timestamp").to_owned(), open, high, low, close, volume]
            })
            .collect();
        assert_eq!(written, counted(&bars, interval_ms), "{timeframe}");
    }
}
