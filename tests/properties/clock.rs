//! Time from the log: what the clock closes, and where, against a reading millisecond by millisecond; and the laws of it.

use crate::{
    cases,
    naive::aggregate::{Aggregation, Frame, Group},
    plan::plan,
    series::Rng,
    stages::{Event, Stages},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell;
use wagehood_engine::{
    config::Plan,
    model::{Bar, Refusal, SymbolId, TimeframeId},
};

const TIMEFRAMES: [&str; 4] = ["1s", "5s", "1m", "5m"];
const INTERVALS: [i64; 4] = [1_000, 5_000, 60_000, 300_000];
const START_MS: i64 = 1_700_000_100_000;

fn frames() -> Vec<Frame> {
    INTERVALS.map(|interval_ms| Frame { interval_ms, weekly: false }).to_vec()
}

/// An entry of a stream.
#[derive(Debug, Clone)]
struct Entry {
    ms: i64,
    stream: usize,
    records: Vec<Bar>,
}

/// How a symbol's records come.
#[derive(Debug, Clone, Copy)]
struct Habit {
    base: usize,
    stream: usize,
    /// How long after the end of its bar a record is written, ms, and at most how much more.
    delay_ms: i64,
    jitter_ms: i64,
    /// Chance that a bar has no record, and that quiet begins after one.
    gaps: f64,
    quiet: f64,
}

#[derive(Debug, Clone)]
struct Market {
    seed: u64,
    lateness_ms: i64,
    stall_ms: i64,
    seconds: i64,
    streams: usize,
    /// Stalls of a stream: which, when it begins, how long, ms.
    stalls: Vec<(usize, i64, i64)>,
    symbols: Vec<Habit>,
}

fn bar(rng: &mut Rng, symbol: usize, base: usize, ts: i64) -> Bar {
    let price = rng.between(1.0, 9.0);
    Bar {
        ts,
        open: price,
        high: price + 1.0,
        low: price - 0.5,
        close: price + 0.5,
        volume: rng.count(1, 9) as f64,
        vwap: price,
        trades: 1,
        symbol: SymbolId(symbol as u16),
        seq_delta: 0,
        timeframe: TimeframeId::new(base),
    }
}

impl Market {
    fn plan(&self) -> Plan {
        let mut plan = plan(&TIMEFRAMES, &vec![u32::MAX; self.symbols.len()]);
        (plan.allowed_lateness_ms, plan.stall_ms, plan.max_future_ms) = (self.lateness_ms, self.stall_ms, 5_000);
        plan
    }

    fn naive(&self) -> Aggregation {
        let enabled = vec![vec![true; TIMEFRAMES.len()]; self.symbols.len()];
        Aggregation::new(frames(), enabled, (self.lateness_ms, self.stall_ms), self.streams)
    }

    /// The entries in the order of their ids.
    fn entries(&self) -> Vec<Entry> {
        let mut rng = Rng(self.seed);
        let mut written = Vec::new();
        for (symbol, habit) in self.symbols.iter().enumerate() {
            let interval = INTERVALS[habit.base];
            let first = START_MS.div_euclid(interval) * interval;
            let mut ts = first;
            while ts < START_MS + self.seconds * 1_000 {
                if rng.chance(habit.quiet) {
                    ts += interval * rng.count(2, 80) as i64;
                }
                if !rng.chance(habit.gaps) {
                    let ms = ts + interval + habit.delay_ms + rng.between(0.0, habit.jitter_ms as f64 + 1.0) as i64;
                    let mut bar = bar(&mut rng, symbol, habit.base, ts);
                    if rng.chance(0.005) {
                        bar.ts += if habit.base == 0 { 58_000 } else { 60_000 };
                    }
                    written.push((ms, habit.stream, bar));
                    if rng.chance(0.01) {
                        written.push((ms + 100, habit.stream, Bar { volume: rng.count(1, 9) as f64, ..bar }));
                    }
                }
                ts += interval;
            }
        }
        // What is written during a stall comes when it is over, in order.
        for (ms, stream, _) in &mut written {
            // A delayed feed is the same market, later.
            for &(stalled, begins, lasts) in &self.stalls {
                let begins = START_MS + begins;
                if *stream == stalled % self.streams && (begins..begins + lasts).contains(ms) {
                    *ms = begins + lasts;
                }
            }
        }
        written.sort_by_key(|(ms, stream, bar)| (*ms, *stream, bar.ts));
        let mut entries: Vec<Entry> = Vec::new();
        for (ms, stream, bar) in written {
            match entries.last_mut().filter(|last| (last.ms, last.stream) == (ms, stream)) {
                Some(last) if rng.chance(0.5) => last.records.push(bar),
                _ => entries.push(Entry { ms, stream, records: vec![bar] }),
            }
        }
        entries
    }
}

fn market() -> impl Strategy<Value = Market> {
    let delay = prop_oneof![4 => 0i64..300, 1 => Just(3_000i64), 1 => Just(900_000), 1 => Just(31_536_000_000)];
    let habit = (0usize..3, 0usize..3, delay, prop_oneof![0i64..50, 0i64..4_000], 0.0..0.4, 0.0..0.05).prop_map(
        |(base, stream, delay_ms, jitter_ms, gaps, quiet)| Habit { base, stream, delay_ms, jitter_ms, gaps, quiet },
    );
    let stalls = prop::collection::vec((0usize..3, 0i64..200_000, 1i64..25_000), 0..4);
    let rules = (prop_oneof![Just(2_000i64), 0i64..5_000], prop_oneof![Just(10_000i64), 0i64..15_000]);
    (any::<u64>(), rules, 30i64..240, 1usize..4, stalls, prop::collection::vec(habit, 1..5)).prop_map(
        |(seed, (lateness_ms, stall_ms), seconds, streams, stalls, mut symbols)| {
            symbols.iter_mut().for_each(|habit| habit.stream %= streams);
            Market { seed, lateness_ms, stall_ms, seconds, streams, stalls, symbols }
        },
    )
}

/// What came out: by entry what the clock closed before it, and what its records gave.
type Taken = (Vec<Event>, Vec<Result<Vec<Bar>, Refusal>>);

fn take(stages: &mut Stages, entry: &Entry, mut before: Vec<Event>) -> Taken {
    before.extend(stages.entry(entry.stream, entry.ms));
    (before, entry.records.iter().map(|bar| stages.stream(entry.stream, bar)).collect())
}

/// One reading without a break, and what is left after it.
fn whole(market: &Market, entries: &[Entry]) -> Vec<Taken> {
    let mut stages = Stages::live(&market.plan(), market.streams);
    let mut taken: Vec<Taken> = entries.iter().map(|entry| take(&mut stages, entry, Vec::new())).collect();
    taken.push((stages.clock(i64::MAX / 8), Vec::new()));
    taken
}

fn compare(market: &Market, quiet: &Cell<u64>) -> Result<(), TestCaseError> {
    let (entries, mut naive) = (market.entries(), market.naive());
    for (n, (entry, (events, results))) in entries.iter().zip(whole(market, &entries)).enumerate() {
        let before = naive.now;
        let due = |group: &Group| ((group.symbol, group.frame), naive.deadline(group));
        let deadlines: Vec<((usize, usize), i64)> = naive.open.iter().map(due).collect();
        let want = naive.entry(entry.stream, entry.ms);
        let got: Vec<_> = events.iter().map(|event| (event.moment, keys(&event.bars))).collect();
        let wanted: Vec<_> = want
            .iter()
            .map(|event| (event.moment, event.groups.iter().map(|g| (g.symbol, g.frame, g.start)).collect::<Vec<_>>()))
            .collect();
        prop_assert_eq!(&got, &wanted, "before entry {} at {}", n, entry.ms);
        for (event, group) in want.iter().flat_map(|event| event.groups.iter().map(move |group| (event, group))) {
            let latest = |deadline: i64| (deadline + market.stall_ms).max(before + 1);
            let in_time =
                |(key, deadline): &(_, i64)| *key == (group.symbol, group.frame) && event.moment <= latest(*deadline);
            prop_assert!(deadlines.iter().any(in_time), "closed at {}: {group:?}", event.moment);
            quiet.set(quiet.get() + 1);
        }
        for (record, result) in entry.records.iter().zip(results) {
            if let Some(reason) = naive.refuses(record, Some(5_000)) {
                prop_assert_eq!(result.err().map(|refusal| refusal.name()), Some(reason), "entry {}: {:?}", n, record);
                continue;
            }
            let closed =
                result.map_err(|refusal| TestCaseError::fail(format!("entry {n}: {refusal:?}: {record:?}")))?;
            let want: Vec<Bar> = naive.record(record, Some(entry.stream)).iter().map(|group| group.bar()).collect();
            prop_assert_eq!(keys(&closed), keys(&want), "entry {}: {:?}", n, record);
        }
    }
    Ok(())
}

fn keys(bars: &[Bar]) -> Vec<(usize, usize, i64)> {
    bars.iter().map(|bar| (bar.symbol.index(), bar.timeframe.index(), bar.ts)).collect()
}

#[test]
fn the_clock_closes_what_the_definition_says_and_where() {
    let quiet = Cell::new(0);
    TestRunner::new(cases(300)).run(&market(), |market| compare(&market, &quiet)).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("bars closed by the clock: {}", quiet.get());
    assert!(quiet.get() > 1_000);
}

#[test]
fn every_reading_closes_the_same_bars_at_the_same_places() {
    let test = |(market, seed): (Market, u64)| {
        let entries = market.entries();
        let expected = whole(&market, &entries);
        let mut rng = Rng(seed);
        // Live: the clock is asked at any time that nothing is written before. And now and then another life goes on.
        let mut stages = Stages::live(&market.plan(), market.streams);
        let mut before = Vec::new();
        for (n, (entry, expected)) in entries.iter().zip(&expected).enumerate() {
            let from = n.checked_sub(1).map_or(entry.ms, |last| entries[last].ms);
            for _ in 0..rng.count(0, 3) {
                before.extend(stages.clock(from + ((entry.ms - from) as f64 * rng.unit()) as i64));
                if rng.chance(0.1) {
                    stages = stages.reborn(market.streams);
                }
            }
            let taken = take(&mut stages, entry, std::mem::take(&mut before));
            prop_assert_eq!(&taken, expected, "entry {} at {}", n, entry.ms);
            if rng.chance(0.1) {
                stages = stages.reborn(market.streams);
            }
        }
        Ok(())
    };
    TestRunner::new(cases(300)).run(&(market(), any::<u64>()), test).unwrap_or_else(|e| panic!("{e}"));
}

/// Accepted records and closed bars of one symbol, without the order of others.
fn of_symbol(taken: &[Taken], symbol: usize) -> Vec<(i64, usize)> {
    let mut bars: Vec<(i64, usize)> = Vec::new();
    for (events, results) in taken {
        let bars_of = events.iter().flat_map(|event| &event.bars).chain(results.iter().flatten().flatten());
        bars.extend(bars_of.filter(|bar| bar.symbol.index() == symbol).map(|bar| (bar.ts, bar.timeframe.index())));
    }
    bars.sort_unstable();
    bars
}

#[test]
fn a_stall_that_is_delivered_in_order_loses_nothing_and_a_quiet_symbol_closes_in_time() {
    let habits = prop::collection::vec((0usize..3, 0i64..900, 0.0f64..0.3), 1..5);
    let stalls = prop::collection::vec((0i64..200_000, 1i64..10_000), 0..4);
    let delay = prop_oneof![Just(0i64), Just(3_000), Just(900_000), Just(31_536_000_000)];
    type Habits = Vec<(usize, i64, f64)>;
    let test = |(seed, habits, stalls, delay_ms): (u64, Habits, Vec<(i64, i64)>, i64)| {
        let habit = |&(base, jitter_ms, gaps): &(usize, i64, f64)| Habit {
            base,
            stream: 0,
            delay_ms,
            jitter_ms: jitter_ms.min(INTERVALS[base] - 1),
            gaps,
            quiet: 0.01,
        };
        let market = Market {
            seed,
            lateness_ms: 2_000,
            stall_ms: 10_000,
            seconds: 240,
            streams: 1,
            stalls: stalls.iter().map(|&(begins, lasts)| (0, begins + delay_ms, lasts)).collect(),
            symbols: habits.iter().map(habit).collect(),
        };
        let mut entries = market.entries();
        // Nothing wrong with the records themselves.
        for entry in &mut entries {
            entry.records.retain(|bar| bar.ts + INTERVALS[bar.timeframe.index()] + delay_ms <= entry.ms);
        }
        let mut seen = std::collections::HashSet::new();
        for entry in &mut entries {
            entry.records.retain(|bar| seen.insert((bar.symbol, bar.ts)));
        }
        let taken = whole(&market, &entries);
        let late = taken.iter().flat_map(|(_, results)| results).filter(|result| result.is_err()).count();
        prop_assert_eq!(late, 0, "refused");
        // A quiet symbol's bars are closed by then.
        let mut stages = Stages::live(&market.plan(), 1);
        for entry in &entries {
            take(&mut stages, entry, Vec::new());
        }
        let newest = entries.last().map_or(0, |entry| entry.ms);
        let over = newest + 300_000 + 2_000 + 10_000 + 1_000;
        stages.clock(over);
        prop_assert_eq!(stages.admission.next_look(), None, "a bar is still open");
        Ok(())
    };
    TestRunner::new(cases(300)).run(&(any::<u64>(), habits, stalls, delay), test).unwrap_or_else(|e| panic!("{e}"));
}

/// A symbol's bars are those of its own accepted records, whoever else is there, and on whatever stream.
#[test]
fn no_symbol_closes_or_refuses_anything_of_another() {
    let test = |mut market: Market| {
        // A stream that goes on is never silent, so that the partition's others do not matter.
        market.stalls.clear();
        let steady = market.symbols.len();
        market.symbols.push(Habit { base: 0, stream: 0, delay_ms: 0, jitter_ms: 0, gaps: 0.0, quiet: 0.0 });
        market.streams = 1;
        market.lateness_ms = market.lateness_ms.max(1_100);
        market.symbols.iter_mut().for_each(|habit| (habit.stream, habit.delay_ms) = (0, habit.delay_ms.min(3_000)));
        let entries = market.entries();
        let together = whole(&market, &entries);
        for symbol in 0..steady {
            let mut alone = entries.clone();
            let others = |bar: &Bar| bar.symbol.index() == symbol || bar.symbol.index() == steady;
            alone.iter_mut().for_each(|entry| entry.records.retain(others));
            alone.retain(|entry| !entry.records.is_empty());
            prop_assert_eq!(of_symbol(&whole(&market, &alone), symbol), of_symbol(&together, symbol));
        }
        Ok(())
    };
    TestRunner::new(cases(100)).run(&market(), test).unwrap_or_else(|e| panic!("{e}"));
}
