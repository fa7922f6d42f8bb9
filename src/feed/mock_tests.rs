//! Tests of the mock market: order, alignment, validity, timing.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::feed::validate;
use proptest::prelude::*;
use std::collections::HashMap;

const NOW: i64 = 1_752_000_123_456;

fn tf(text: &str) -> Timeframe {
    text.parse().unwrap()
}

fn config(timeframes: &[&str], symbols: usize, burst_every_s: u32) -> MockConfig {
    MockConfig {
        seed: 42,
        symbols: (0..symbols).map(|i| format!("MOCK{i}")).collect(),
        timeframes: timeframes.iter().map(|text| tf(text)).collect(),
        now_ms: NOW,
        burst_every_s,
    }
}

fn market(timeframes: &[&str], symbols: usize, burst_every_s: u32) -> MockMarket {
    MockMarket::new(&config(timeframes, symbols, burst_every_s)).unwrap()
}

type Seen = (Vec<u8>, i64, Timeframe, [u64; 6], u32);

fn seen(r: Record<'_>) -> Seen {
    assert_eq!(validate(&r), Ok(()), "{r:?}");
    let values = [r.open, r.high, r.low, r.close, r.volume, r.vwap].map(f64::to_bits);
    (r.symbol.to_vec(), r.ts, r.interval, values, r.trades)
}

#[test]
fn the_history_is_in_parts_that_meet() {
    let mut market = market(&["1d", "1s", "5m", "1h", "1m"], 3, 0);
    let names: Vec<_> = market.parts().iter().map(|part| part.timeframe.to_string()).collect();
    assert_eq!(names, ["1d", "1h", "5m", "1m", "1s"]);
    for pair in market.parts().windows(2) {
        assert_eq!(pair[0].end_ms, pair[1].start_ms);
        assert_eq!(pair[0].timeframe.utc_span(pair[0].end_ms).start, pair[0].end_ms);
    }
    assert_eq!(market.parts()[4].end_ms, NOW / 1_000 * 1_000);
    assert!(market.parts()[4].end_ms - market.parts()[4].start_ms >= SESSION_MS);

    let mut counts = HashMap::new();
    let mut previous = (0, 0);
    let mut total = 0;
    while let Some(record) = market.next_history() {
        assert_eq!(record.interval.utc_span(record.ts).start, record.ts);
        let symbol = usize::from(record.symbol[4] - b'0');
        let key = (record.ts + record.interval.interval_ms(), symbol);
        assert!(key > previous, "{key:?} after {previous:?}");
        previous = key;
        *counts.entry((symbol, record.interval)).or_insert(0) += 1;
        seen(record);
        total += 1;
    }
    assert_eq!(total, market.history_len());
    assert_eq!(counts.len(), 15);
    assert!(counts.values().all(|&count| count >= 260), "{counts:?}");
    assert!(market.next_history().is_none());
}

#[test]
fn any_choice_of_timeframes_makes_sense() {
    for (timeframes, parts) in [
        (vec!["1m"], vec!["1m"]),
        (vec!["1d"], vec!["1d"]),
        (vec!["1w", "1d", "60s", "1m"], vec!["1w", "1d", "1m"]),
        (vec!["1m", "2m", "5m", "10m"], vec!["10m", "2m", "1m"]),
        (vec!["7d", "1d", "1w"], vec!["7d", "1d"]),
    ] {
        let market = market(&timeframes, 1, 0);
        let names: Vec<_> = market.parts().iter().map(|part| part.timeframe.to_string()).collect();
        assert_eq!(names, parts, "{timeframes:?}");
        for part in market.parts() {
            let bars = (part.end_ms - part.start_ms) / part.timeframe.interval_ms();
            assert!(bars >= 260 && part.timeframe.utc_span(part.start_ms).start == part.start_ms);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_market() {
    let all = |seed| {
        let mut market = MockMarket::new(&MockConfig { seed, ..config(&["1m", "1h"], 2, 0) }).unwrap();
        let mut bars = Vec::new();
        while let Some(record) = market.next_history() {
            bars.push(seen(record));
        }
        while let Some(record) = market.due(NOW + 600_000) {
            bars.push(seen(record));
        }
        bars
    };
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
}

#[test]
fn live_bars_come_at_their_symbols_offsets_and_all_at_once_in_bursts() {
    let mut market = market(&["1s"], 4, 10);
    let mut now = NOW / 1_000 * 1_000;
    let first = now;
    let mut arrivals: HashMap<i64, Vec<i64>> = HashMap::new();
    while now < first + 21_000 {
        let due = market.next_due_ms();
        assert!(due >= now);
        now = due;
        assert!(market.due(now - 1).is_none());
        let record = market.due(now).unwrap();
        assert_eq!(record.ingest_ns, now as u64 * 1_000_000);
        let end = record.ts + 1_000;
        arrivals.entry(end).or_default().push(now - end);
    }
    for (end, offsets) in arrivals.into_iter().filter(|(_, offsets)| offsets.len() == 4) {
        let expected = if end % 10_000 == 0 { [0; 4] } else { [0, 250, 500, 750] };
        assert_eq!(offsets, expected, "{end}");
    }
}

#[test]
fn whoever_is_late_gets_everything() {
    let mut market = market(&["1s"], 3, 0);
    let mut ends = Vec::new();
    while let Some(record) = market.due(NOW / 1_000 * 1_000 + 60_999) {
        ends.push(record.ts + 1_000);
    }
    assert_eq!(ends.len(), 60 * 3);
    assert!(ends.is_sorted());
}

#[test]
fn the_price_moves_and_goes_on_where_it_was() {
    let mut market = market(&["1s", "1m"], 1, 0);
    let mut closes = Vec::new();
    while let Some(record) = market.next_history() {
        if let Some(last) = closes.last() {
            assert_eq!(record.open, *last);
        }
        closes.push(record.close);
    }
    let moves = closes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moves * 3 > closes.len(), "{moves} moves in {} bars", closes.len());
}

#[test]
fn nonsense_is_refused() {
    let bad = |change: fn(&mut MockConfig)| {
        let mut config = config(&["1s", "1d"], 2, 0);
        change(&mut config);
        MockMarket::new(&config).err().unwrap()
    };
    assert_eq!(bad(|c| c.symbols.clear()), MockError::Empty);
    assert_eq!(bad(|c| c.timeframes.clear()), MockError::Empty);
    assert_eq!(bad(|c| c.symbols.push("A B".into())), MockError::Symbol("A B".into()));
    assert_eq!(bad(|c| c.symbols.push("MOCK0".into())), MockError::RepeatedSymbol("MOCK0".into()));
    assert_eq!(bad(|c| c.now_ms = 0), MockError::TooEarly(tf("1d")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn never_emits_an_invalid_record(seed: u64, symbols in 1usize..6, live_s in 0i64..2_000, base in prop::sample::select(vec!["1s", "7s", "1m", "1d"])) {
        let mut market = MockMarket::new(&MockConfig { seed, ..config(&[base, "1h", "1w"], symbols, 7) }).unwrap();
        let mut count = 0;
        while let Some(record) = market.next_history() {
            prop_assert_eq!(validate(&record), Ok(()));
            count += 1;
        }
        prop_assert_eq!(count, market.history_len());
        let mut previous = 0;
        while market.next_due_ms() <= NOW + live_s * 1_000 {
            let due = market.next_due_ms();
            prop_assert!(due >= previous);
            previous = due;
            let record = market.due(due).unwrap();
            prop_assert_eq!(validate(&record), Ok(()));
        }
    }
}
