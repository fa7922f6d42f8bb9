//! Statistics of windows against a plain reading from scratch, on random, flat, huge and tiny series.

use crate::{cases, series::Rng};
use proptest::prelude::*;
use wagehood_engine::{
    indicators::{History, Recent},
    model::{Bar, CELL_STATISTICS, Statistics, SymbolId, TimeframeId, WINDOW_STATISTICS},
};

const SPAN: i64 = 60_000;

/// A bar, the price that is read of it, and whether spans are missing before it.
#[derive(Debug, Clone, Copy)]
struct Read {
    bar: Bar,
    price: f64,
    missing: i64,
}

/// Bars that go from one character to another: still, small steps, jumps by many orders, no volume, huge and tiny.
fn bars(seed: u64, count: usize, scale: f64) -> Vec<Read> {
    let mut rng = Rng(seed);
    let (mut level, mut shape, mut ts) = (scale, 0, 0);
    let mut all = Vec::new();
    for _ in 0..count {
        if rng.chance(0.03) {
            shape = rng.count(0, 5);
            level *= [1.0, 1e6, 1e-6, 3.0][rng.count(0, 3)];
            level = level.clamp(1e-9, 1e12);
        }
        let step = [0.0, 1e-3, 1e-9, 0.3, 0.0, 1e-2][shape];
        let open = level * (1.0 + step * rng.between(-0.5, 0.5));
        let close = if shape == 0 { open } else { level * (1.0 + step * rng.between(-0.5, 0.5)) };
        let (high, low) = if shape == 4 {
            (open.max(close), open.min(close))
        } else {
            (open.max(close) * (1.0 + step * rng.unit()), open.min(close) * (1.0 - step * rng.unit()))
        };
        let volume = if shape == 5 { 0.0 } else { [1.0, 1e9, 1e-9, 7.5][rng.count(0, 3)] * rng.unit() };
        let vwap = (low + (high - low) * rng.unit()).clamp(low, high);
        let missing = if rng.chance(0.2) { rng.count(1, 9) as i64 } else { 0 };
        ts += SPAN * (1 + missing);
        let price = if rng.chance(0.5) { close } else { (high + low + close) / 3.0 };
        let price = if shape == 0 { open } else { price };
        let bar = Bar {
            ts,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades: 0,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        };
        all.push(Read { bar, price, missing });
    }
    all
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.sum()
}

/// The statistics of the n bars that end with bar i, as they are defined; `spans` is the bars of a year.
fn naive(all: &[Read], i: usize, n: usize, spans: f64) -> Statistics {
    let range = |k: usize| {
        let (bar, before) = (&all[k].bar, all[k - 1].bar.close);
        (bar.high - bar.low).max((bar.high - before).abs()).max((bar.low - before).abs())
    };
    let mut atr = f64::NAN;
    for k in 14..=i {
        atr = if k == 14 { sum((1..=14).map(range)) / 14.0 } else { (13.0 * atr + range(k)) / 14.0 };
    }
    let close = all[i].bar.close;
    let of_cell = Statistics { atr, atr_pct: 100.0 * atr / close, ..Statistics::NONE };
    if i + 1 < n {
        return of_cell;
    }
    let w = &all[i + 1 - n..=i];
    let high = w.iter().map(|read| read.bar.high).fold(f64::MIN, f64::max);
    let low = w.iter().map(|read| read.bar.low).fold(f64::MAX, f64::min);
    let mut prices: Vec<f64> = w.iter().map(|read| read.price).collect();
    let flat = prices.iter().all(|price| *price == prices[0]);
    let mean = if flat { prices[0] } else { prices[0] + sum(prices.iter().map(|p| p - prices[0])) / n as f64 };
    let sd = if flat { 0.0 } else { (sum(prices.iter().map(|p| (p - mean).powi(2))) / n as f64).sqrt() };
    let z_score = if flat { 0.0 } else { (all[i].price - mean) / sd };
    prices.sort_by(f64::total_cmp);
    let rank = |q: f64| prices[(q * n as f64).ceil() as usize - 1];
    let volume = sum(w.iter().map(|read| read.bar.volume));
    let weighted = sum(w.iter().map(|read| read.bar.volume * (read.bar.vwap - w[0].bar.vwap)));
    let vwap = if volume > 0.0 { w[0].bar.vwap + weighted / volume } else { (high + low + close) / 3.0 };
    let before = if i >= n { sum(all[i - n..i].iter().map(|read| read.bar.volume)) / n as f64 } else { 0.0 };
    let ret = |k: usize| if k == 0 { 0.0 } else { all[k].bar.close / all[k - 1].bar.close - 1.0 };
    let realized_vol = sum((i + 1 - n..=i).map(|k| ret(k).powi(2))).sqrt();
    let share = |is: &dyn Fn(usize) -> bool| (i + 1 - n..=i).filter(|k| is(*k)).count() as f64 / n as f64;
    Statistics {
        change_pct: 100.0 * (close / w[0].bar.open - 1.0),
        high,
        low,
        range_position: if high > low { (close - low) / (high - low) } else { 0.5 },
        mean,
        sd,
        z_score,
        volume,
        dollar_volume: sum(w.iter().map(|read| read.bar.volume * read.bar.vwap)),
        vwap: vwap.max(low).min(high),
        relative_volume: if before > 0.0 { all[i].bar.volume / before } else { f64::NAN },
        realized_vol,
        realized_vol_year: realized_vol * (spans / n as f64).sqrt(),
        flat_share: share(&|k| all[k].bar.high == all[k].bar.low),
        gap_share: share(&|k| k > 0 && all[k].missing > 0),
        q25: rank(0.25),
        q50: rank(0.5),
        q75: rank(0.75),
        ..of_cell
    }
}

/// Whether two readings are the same: relative 1e-9, where it says so to within 1e-9, prices as they came.
fn assert_same(ours: &Statistics, want: &Statistics, at: &str) {
    let near = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let names = CELL_STATISTICS.into_iter().chain(WINDOW_STATISTICS);
    for (name, (a, b)) in names.zip(ours.values().into_iter().zip(want.values())) {
        let absolute = ["change_pct", "z_score", "range_position"].contains(&name) && (a - b).abs() <= 1e-9;
        assert!(near(a, b) || absolute, "{at}: {name}: ours {a}, from scratch {b}");
    }
    let exact = |of: &Statistics| [of.high, of.low, of.q25, of.q50, of.q75].map(f64::to_bits);
    assert_eq!(exact(ours), exact(want), "{at}");
    if want.sd == 0.0 {
        assert_eq!((ours.sd, ours.z_score, ours.mean), (0.0, 0.0, want.mean), "{at}");
    }
}

/// Takes a bar, from where the one before it ended.
fn take(recent: &mut Recent, history: &mut History, read: &Read, first: bool) {
    let Read { bar, price, .. } = *read;
    history.push(price, bar.high, bar.low, bar.volume);
    recent.on_bar(&bar, first, (bar.ts, bar.ts + SPAN), |end, start| (start - end) / SPAN);
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_window_of_every_bar(
        seed: u64, scale in prop::sample::select(vec![1.0, 1e-6, 1e9, 123.456]), n in 2usize..70, cut in 0usize..300,
    ) {
        let all = bars(seed, 300, scale);
        let (mut recent, mut history) = (Recent::new(64), History::new(64));
        let (spans, mut room) = (5_000.5, Vec::new());
        for (i, read) in all.iter().enumerate() {
            if i == cut {
                let mut image = Vec::new();
                recent.save(&mut image).unwrap();
                let mut rest = image.as_slice();
                let saved = Recent::read(&mut rest).unwrap();
                prop_assert!(rest.is_empty());
                recent = Recent::new(64);
                recent.restore(&saved);
            }
            take(&mut recent, &mut history, read, i == 0);
            let ours = recent.statistics(&history, n, spans, &mut room);
            let mut want = naive(&all, i, n, spans);
            if n > 64 {
                // Longer than is kept: what is of the cell alone.
                want = Statistics { atr: want.atr, atr_pct: want.atr_pct, ..Statistics::NONE };
            }
            if n == 64 {
                // Of one volume more than is kept nobody knows.
                want.relative_volume = ours.relative_volume;
            }
            assert_same(&ours, &want, &format!("bar {i}, {n} bars"));
        }
    }

    #[test]
    fn what_begins_in_the_middle_waits_until_it_is_whole(seed: u64, n in 2usize..40, skipped in 1usize..50) {
        let all = bars(seed, 150, 10.0);
        let (mut recent, mut history) = (Recent::new(64), History::new(64));
        let mut room = Vec::new();
        all[..skipped].iter().for_each(|read| history.push(read.price, read.bar.high, read.bar.low, read.bar.volume));
        for (i, read) in all.iter().enumerate().skip(skipped) {
            take(&mut recent, &mut history, read, false);
            let ours = recent.statistics(&history, n, 1.0, &mut room);
            // The first bar that it sees is not whole: nobody knows what it comes from.
            let whole = i - skipped;
            prop_assert_eq!(recent.kept(), whole.min(64));
            prop_assert_eq!(ours.mean.is_nan(), whole < n);
            prop_assert_eq!(ours.atr.is_nan(), whole < 14);
            if whole >= n {
                let want = naive(&all, i, n, 1.0);
                let relative_volume = if whole > n { want.relative_volume } else { f64::NAN };
                assert_same(&ours, &Statistics { atr: ours.atr, atr_pct: ours.atr_pct, relative_volume, ..want }, "late");
            }
        }
    }
}

#[test]
fn a_flat_window_is_exactly_that() {
    for price in [0.1, 1e-300, 1e300, 7.7] {
        let bar = Bar {
            ts: 0,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0.0,
            vwap: price,
            trades: 0,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        };
        let (mut recent, mut history) = (Recent::new(64), History::new(64));
        let mut room = Vec::new();
        for i in 0..100 {
            take(&mut recent, &mut history, &Read { bar: Bar { ts: i * SPAN, ..bar }, price, missing: 0 }, i == 0);
        }
        let found = recent.statistics(&history, 33, 1.0, &mut room);
        assert_eq!((found.mean, found.sd, found.z_score, found.range_position), (price, 0.0, 0.0, 0.5));
        assert_eq!((found.change_pct, found.realized_vol, found.flat_share, found.gap_share), (0.0, 0.0, 1.0, 0.0));
        assert_eq!((found.q25, found.q50, found.q75, found.vwap), (price, price, price, price));
        assert!(found.relative_volume.is_nan() && found.volume == 0.0);
    }
}
