//! Bars of the higher timeframes: which, when, in which order, and that nothing gets lost.

use crate::{
    cases,
    naive::aggregate::{Aggregation, Frame},
    plan::plan,
    series::Rng,
    stages::Stages,
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell;
use wagehood_engine::model::{Bar, SymbolId, TimeframeId};

const TIMEFRAMES: [&str; 11] = ["1s", "5s", "1m", "7m", "15m", "1h", "1d", "7d", "1w", "2w", "1M"];
const MINUTE: usize = 2;
const DAY_MS: i64 = 86_400_000;

fn frame(text: &str) -> Frame {
    let (count, unit) = text.split_at(text.len() - 1);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        "M" => 0,
        _ => 7 * DAY_MS,
    };
    Frame { interval_ms: count.parse::<i64>().unwrap() * unit_ms, weekly: unit == "w" }
}

#[derive(Debug, Clone)]
struct Market {
    seed: u64,
    start: i64,
    lateness_ms: i64,
    inputs: usize,
    /// By symbol: the index of its base timeframe and which timeframes are enabled.
    symbols: Vec<(usize, u32)>,
}

impl Market {
    fn enabled(&self) -> Vec<Vec<bool>> {
        self.symbols.iter().map(|&(_, bits)| (0..TIMEFRAMES.len()).map(|k| bits >> k & 1 == 1).collect()).collect()
    }

    /// Ragged records: some symbols sleep, some lag behind.
    fn inputs(&self) -> Vec<Bar> {
        let mut rng = Rng(self.seed);
        let base_ms = |symbol: usize| frame(TIMEFRAMES[self.symbols[symbol].0]).interval_ms;
        let mut now = self.start;
        let mut inputs = Vec::new();
        let mut last: Vec<i64> = vec![i64::MIN; self.symbols.len()];
        while inputs.len() < self.inputs {
            // Mostly small steps, now and then a gap of minutes, hours or weeks.
            now += match rng.count(0, 199) {
                0 => rng.between(0.0, 20.0 * DAY_MS as f64) as i64,
                1..=4 => rng.between(0.0, 7_200_000.0) as i64,
                5..=30 => rng.between(0.0, 120_000.0) as i64,
                31..=100 => 1_000,
                _ => 0,
            };
            let symbol = rng.count(0, self.symbols.len() - 1);
            let interval = base_ms(symbol);
            let lag = if rng.chance(0.2) { rng.between(0.0, 90_000.0) as i64 } else { 0 };
            let mut ts = (now - lag).div_euclid(interval) * interval;
            if ts <= last[symbol] && rng.chance(0.9) {
                ts = last[symbol] + interval;
            }
            last[symbol] = last[symbol].max(ts);
            let (a, b, c, d) = (rng.between(1.0, 9.0), rng.unit(), rng.unit(), rng.unit());
            let volume = if rng.chance(0.2) { 0.0 } else { rng.count(1, 1_000) as f64 };
            inputs.push(Bar {
                ts,
                open: a + b,
                high: a + 1.0,
                low: a,
                close: a + c,
                volume,
                vwap: a + d,
                trades: rng.count(0, 50) as u32,
                symbol: SymbolId(symbol as u16),
                seq_delta: 0,
                timeframe: TimeframeId::new(self.symbols[symbol].0),
            });
        }
        inputs
    }
}

fn market() -> impl Strategy<Value = Market> {
    let symbol = prop_oneof![Just(0usize), Just(MINUTE)]
        .prop_flat_map(|base| (Just(base), prop_oneof![Just(u32::MAX), any::<u32>()]));
    let start = prop_oneof![Just(1_514_764_800_000i64), -3_000_000_000..3_000_000_000_000i64];
    (
        any::<u64>(),
        start,
        prop_oneof![Just(0i64), Just(2_000), 0..100_000i64],
        1..600usize,
        prop::collection::vec(symbol, 1..5),
    )
        .prop_map(|(seed, start, lateness_ms, inputs, symbols)| Market {
            seed,
            start,
            lateness_ms,
            inputs,
            symbols,
        })
}

/// The bars differ at most in the last bits of the vwap.
fn same(got: &Bar, want: &Bar) -> bool {
    (got.vwap - want.vwap).abs() <= 1e-12 * want.vwap && Bar { vwap: want.vwap, ..*got } == *want
}

/// The records of the market, and last one of each symbol long after all.
fn with_ends(market: &Market) -> Vec<Bar> {
    let mut inputs = market.inputs();
    let newest = inputs.iter().map(|bar| bar.ts).max().unwrap();
    for (symbol, &(base, _)) in market.symbols.iter().enumerate() {
        let ts = (newest + 400 * DAY_MS).div_euclid(7 * DAY_MS) * 7 * DAY_MS;
        let (symbol, timeframe) = (SymbolId(symbol as u16), TimeframeId::new(base));
        inputs.push(Bar { ts, symbol, timeframe, ..inputs[0] });
    }
    inputs
}

fn compare(market: &Market, early: &Cell<u64>) -> Result<(), TestCaseError> {
    let bits: Vec<u32> = market.symbols.iter().map(|s| s.1).collect();
    let mut plan = plan(&TIMEFRAMES, &bits);
    plan.allowed_lateness_ms = market.lateness_ms;
    let mut stages = Stages::new(&plan);
    let rules = (market.lateness_ms, plan.stall_ms);
    let mut naive = Aggregation::new(TIMEFRAMES.map(frame).to_vec(), market.enabled(), rules, 0);
    let cells = market.symbols.len() * TIMEFRAMES.len();
    let (mut taken, mut given) = (vec![0.0; cells], vec![0.0; cells]);

    for (n, record) in with_ends(market).iter().enumerate() {
        let got = stages.file(record);
        if let Some(reason) = naive.refuses(record, None) {
            prop_assert_eq!(got.err().map(|refusal| refusal.name()), Some(reason), "input {}: {:?}", n, record);
            continue;
        }
        let closed = got.map_err(|refusal| TestCaseError::fail(format!("input {n}: {refusal:?}")))?;
        let want = naive.record(record, None);
        prop_assert_eq!(closed.len(), want.len(), "input {}: {:?} closes {:?}, not {:?}", n, record, closed, want);
        for (got, group) in closed.iter().zip(&want) {
            let bar = group.bar();
            prop_assert!(same(got, &bar), "input {n}: {record:?} closes {got:?}, not {bar:?}");
            prop_assert!(got.low <= got.vwap && got.vwap <= got.high);
            given[group.symbol * TIMEFRAMES.len() + group.frame] += got.volume;
            for r in &group.records {
                taken[group.symbol * TIMEFRAMES.len() + group.frame] += r.volume;
                prop_assert!(got.low <= r.low && r.high <= got.high);
                let end = naive.frames[group.frame].span(got.ts).1;
                prop_assert!(got.ts <= r.ts && r.ts < end, "a record outside of its bar");
            }
            if record.symbol != got.symbol {
                early.set(early.get() + 1);
            }
        }
    }
    prop_assert_eq!(taken, given);
    Ok(())
}

#[test]
fn bars_and_the_sequence_of_their_closing_are_those_of_the_definition() {
    let early = Cell::new(0);
    TestRunner::new(cases(500)).run(&market(), |market| compare(&market, &early)).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("bars closed by another symbol's record: {}", early.get());
    assert!(early.get() > 100);
}

/// Conservation against the inputs themselves: every accepted record is in exactly one bar of each of its timeframes.
#[test]
fn every_volume_comes_out_once_on_every_timeframe() {
    TestRunner::new(cases(100))
        .run(&market(), |mut market| {
            market.symbols.iter_mut().for_each(|s| s.1 = u32::MAX);
            let mut plan = plan(&TIMEFRAMES, &vec![u32::MAX; market.symbols.len()]);
            plan.allowed_lateness_ms = market.lateness_ms;
            let mut stages = Stages::new(&plan);
            let mut sums = vec![[0.0; TIMEFRAMES.len()]; market.symbols.len()];
            let mut trades = sums.clone();
            let mut inputs = vec![(0.0, 0.0); market.symbols.len()];
            let mut inputs_of = with_ends(&market);
            // What is open after the last records has nothing but them in it.
            let ends = inputs_of.len() - market.symbols.len();
            inputs_of[ends..].iter_mut().for_each(|bar| (bar.volume, bar.trades) = (0.0, 0));
            for record in &inputs_of {
                let Ok(closed) = stages.file(record) else { continue };
                inputs[record.symbol.index()].0 += record.volume;
                inputs[record.symbol.index()].1 += f64::from(record.trades);
                for bar in closed {
                    sums[bar.symbol.index()][bar.timeframe.index()] += bar.volume;
                    trades[bar.symbol.index()][bar.timeframe.index()] += f64::from(bar.trades);
                }
            }
            for (symbol, &(base, _)) in market.symbols.iter().enumerate() {
                // 7m bars, like all here from one minute on, are made of either base; 1s and 5s of the shorter alone.
                let from = if base == 0 { 0 } else { MINUTE };
                for k in from..TIMEFRAMES.len() {
                    prop_assert_eq!((sums[symbol][k], trades[symbol][k]), inputs[symbol]);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}
