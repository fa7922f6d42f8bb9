//! No drift: after any number of bars every indicator equals the one computed afresh.
//!
//! A walk with jumps between prices of 1e9 and 1e-3 is the worst for running sums: what is lost at a large price is
//! everything at a small one. 200 thousand bars in debug, 10 million in release.
//!
//! Alone in its binary, which is built in release as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod naive;

use naive::indicators as ind;
use std::time::Instant;
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    indicators::RollingMean,
    model::{Bar, Candidate, INDICATOR_NAMES, SymbolId, TimeframeId},
    strategies::{Cell, CellLayout},
};

const BARS: u64 = if cfg!(debug_assertions) { 200_000 } else { 10_000_000 };
/// Bars that are kept for computing afresh: the slowest average has forgotten everything earlier.
const KEPT: usize = 16_384;

/// A walk whose level and volume jump by orders of magnitude.
#[derive(Debug)]
struct Walk {
    state: u64,
    price: f64,
    level: f64,
    volume_level: f64,
    left: u64,
    /// Bars since the last jump.
    since: u64,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self { state: seed, price: 100.0, level: 100.0, volume_level: 1e3, left: 3_000, since: 0 }
    }

    fn unit(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1u64 << 53) as f64
    }

    fn jump(&mut self) {
        // Straight from the largest price to the smallest, and by any other way as well.
        self.level =
            if self.level == 1e9 { 1e-3 } else { [100.0, 1e9, 1e9, 0.37, 54_321.0][(self.unit() * 5.0) as usize] };
        self.volume_level =
            if self.volume_level == 1e12 { 0.0 } else { [1.0, 1e12, 1e3][(self.unit() * 3.0) as usize] };
        self.price = self.level;
        self.since = 0;
        // Long and short stretches alike, some shorter than the windows.
        self.left = 10f64.powf(1.0 + 3.5 * self.unit()) as u64;
    }

    fn next(&mut self) -> Bar {
        if self.left == 0 {
            self.jump();
        }
        self.left -= 1;
        self.since += 1;
        let open = self.price;
        let pull = 0.01 * (self.level / open - 1.0);
        self.price *= 1.0 + pull.clamp(-0.01, 0.01) + 0.004 * (self.unit() - 0.5);
        let (high, low) = (open.max(self.price) * 1.0001, open.min(self.price) * 0.9999);
        let volume = self.volume_level * self.unit();
        Bar {
            ts: 0,
            open,
            high,
            low,
            close: self.price,
            volume,
            vwap: self.price,
            trades: 0,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        }
    }
}

/// The plain recursion of an exponential average, from the first bar.
#[derive(Debug)]
struct PlainEma {
    n: f64,
    first: Vec<f64>,
    value: Option<f64>,
}

impl PlainEma {
    fn new(n: usize) -> Self {
        Self { n: n as f64, first: Vec::new(), value: None }
    }

    fn push(&mut self, x: f64) {
        match &mut self.value {
            Some(e) => *e += 2.0 / (self.n + 1.0) * (x - *e),
            None => {
                self.first.push(x);
                if self.first.len() as f64 == self.n {
                    self.value = Some(self.first.iter().sum::<f64>() / self.n);
                }
            }
        }
    }
}

/// The plain recursion of an RSI, from the first bar.
#[derive(Debug)]
struct PlainRsi {
    n: f64,
    moves: f64,
    gain: f64,
    loss: f64,
}

impl PlainRsi {
    fn push(&mut self, change: f64) {
        let (gain, loss) = (change.max(0.0), (-change).max(0.0));
        self.moves += 1.0;
        if self.moves <= self.n {
            (self.gain, self.loss) = (self.gain + gain, self.loss + loss);
            if self.moves == self.n {
                (self.gain, self.loss) = (self.gain / self.n, self.loss / self.n);
            }
        } else {
            self.gain = (self.gain * (self.n - 1.0) + gain) / self.n;
            self.loss = (self.loss * (self.n - 1.0) + loss) / self.n;
        }
    }

    fn value(&self) -> Option<f64> {
        (self.moves >= self.n).then(|| 100.0 * self.gain / (self.gain + self.loss))
    }
}

#[derive(Debug)]
struct Recursions {
    emas: [PlainEma; 4],
    rsis: [PlainRsi; 2],
}

impl Recursions {
    fn new() -> Self {
        let rsi = |n| PlainRsi { n, moves: 0.0, gain: 0.0, loss: 0.0 };
        Self { emas: [12, 26, 50, 200].map(PlainEma::new), rsis: [rsi(14.0), rsi(21.0)] }
    }

    fn push(&mut self, p: f64, previous: Option<f64>) {
        self.emas.iter_mut().for_each(|e| e.push(p));
        if let Some(before) = previous {
            self.rsis.iter_mut().for_each(|r| r.push(p - before));
        }
    }
}

/// Asserts equality to a relative 1e-9 (of `size`, where the value is a difference) and gives how far off it is.
fn check(name: &str, bar: u64, got: f64, want: Option<f64>, size: f64) -> f64 {
    let Some(want) = want else {
        assert!(got.is_nan(), "{name} at bar {bar} is ready too early: {got}");
        return 0.0;
    };
    let off = (got - want).abs();
    let scale = want.abs().max(size);
    assert!(off <= 1e-9 * scale, "{name} at bar {bar}: {got}, not {want}");
    if off == 0.0 { 0.0 } else { off / scale }
}

/// What is left of the past, oldest first.
#[derive(Debug, Default)]
struct Past {
    prices: Vec<f64>,
    volumes: Vec<f64>,
}

impl Past {
    fn push(&mut self, bar: &Bar) {
        self.prices.push(bar.close);
        self.volumes.push(bar.volume);
        if self.prices.len() == 2 * KEPT {
            self.prices.drain(..KEPT);
            self.volumes.drain(..KEPT);
        }
    }

    fn back(&self, k: usize) -> f64 {
        self.prices[self.prices.len() - 1 - k]
    }
}

/// The windows that the factors of a signal look at: momentum and volume.
fn check_signal(bar: u64, scale: f64, candidate: &Candidate, past: &Past) {
    let (momentum_bars, gain, threshold) = match candidate.kind.factor_names() {
        ["cross_velocity", "rsi_position", ..] => (5, 10.0, 1.2),
        ["breakout_strength", "band_width", ..] => (3, 20.0, 1.5),
        _ => return,
    };
    let now = past.prices.len() - 1;
    let average = ind::sma(&past.volumes, 20, now).unwrap();
    let volume = if average > 0.0 { (past.volumes[now] / average / threshold).min(1.0) } else { 1.0 };
    let then = past.back(momentum_bars);
    let momentum = (candidate.side.dir() * gain * (past.back(0) - then) / then / scale + 0.5).clamp(0.0, 1.0);
    for (name, got) in candidate.kind.factor_names().iter().zip(candidate.factors) {
        match *name {
            "momentum" => check(name, bar, got, Some(momentum), 1.0),
            "volume" => check(name, bar, got, Some(volume), 0.0),
            _ => 0.0,
        };
    }
}

#[test]
fn no_indicator_drifts() {
    let began = Instant::now();
    let layout = CellLayout::new(StrategyParams::default(), true);
    let scale = 0.1;
    let mut cell = Cell::new(&layout, PriceMethod::Ohlc, scale, 0);
    let mut walk = Walk::new(0x5eed_5eed_5eed_5eed);
    let (mut past, mut recursions) = (Past::default(), Recursions::new());
    let (mut worst, mut samples, mut signals) = ([0.0f64; 15], 0u64, 0u64);

    for n in 0..BARS {
        let bar = walk.next();
        let mut given = Vec::new();
        cell.on_bar(&layout, &bar, |_, candidate| given.push(candidate));
        past.push(&bar);
        recursions.push(bar.close, (n > 0).then(|| past.back(1)));
        signals += given.len() as u64;
        given.iter().for_each(|candidate| check_signal(n, scale, candidate, &past));

        let just_jumped = walk.since < 420 && walk.since % 21 == 20;
        if !(n % 997 == 0 || just_jumped || n + 1 == BARS || n < 250) {
            continue;
        }
        samples += 1;
        let got = cell.published(&layout).values();
        let now = past.prices.len() - 1;
        let bands = ind::bollinger(&past.prices, 20, 2.0, now);
        let [ema_12, ema_26, ema_50, ema_200] = [0, 1, 2, 3].map(|k| recursions.emas[k].value);
        let [rsi_14, rsi_21] = [0, 1].map(|k| recursions.rsis[k].value());
        let size = bands.map_or(0.0, |b| b.middle + 2.0 * b.deviation);
        // The recursions from the first bar on; MACD below.
        for (k, want) in [(3, rsi_14), (4, rsi_21), (5, ema_50), (6, ema_200), (13, ema_12), (14, ema_26)] {
            worst[k] = worst[k].max(check(INDICATOR_NAMES[k], n, got[k], want, 0.0));
        }
        // The windows, from what is in them.
        for (k, want, size) in [
            (7, bands.map(|b| b.upper), size),
            (8, bands.map(|b| b.middle), 0.0),
            (9, bands.map(|b| b.lower), size),
            (10, ind::sma(&past.volumes, 20, now), 0.0),
            (11, ind::sma(&past.prices, 50, now), 0.0),
            (12, ind::sma(&past.prices, 200, now), 0.0),
        ] {
            worst[k] = worst[k].max(check(INDICATOR_NAMES[k], n, got[k], want, size));
        }
        if let Some(b) = bands {
            // The bands themselves are known to within the rounding of the price, and so is their distance.
            check("deviation", n, (got[7] - got[9]) / 4.0, Some(b.deviation), 1e-6 * size);
        }
        // MACD afresh from the kept bars, which is from bar 0 while there are no more.
        let whole = n as usize == now;
        if n % (20 * 997) == 0 || n + 1 == BARS || (whole && n < 250) {
            let macd = ind::macd(&past.prices, 12, 26, 9, now);
            let size = ema_26.unwrap_or(0.0);
            for (k, want) in [(0, macd.map(|m| m.line)), (1, macd.map(|m| m.signal)), (2, macd.map(|m| m.hist))] {
                worst[k] = worst[k].max(check(INDICATOR_NAMES[k], n, got[k], want, size));
            }
            for (k, want) in [
                (3, ind::rsi(&past.prices, 14, now)),
                (4, ind::rsi(&past.prices, 21, now)),
                (5, ind::ema(&past.prices, 50, now)),
                (6, ind::ema(&past.prices, 200, now)),
            ] {
                check(INDICATOR_NAMES[k], n, got[k], want, 0.0);
            }
        }
    }
    eprintln!(
        "{BARS} bars, {samples} samples, {signals} signals, largest relative difference {:.1e}, {:.1?}",
        worst.iter().copied().fold(0.0, f64::max),
        began.elapsed(),
    );
    assert!(signals > 1_000);
}

/// Rolling means of other lengths, and prices whose sums round by exactly half a unit again and again.
#[test]
fn no_mean_drifts_whatever_its_length() {
    let began = Instant::now();
    for (length, seed) in [(2usize, 1u64), (3, 2), (7, 3), (20, 4), (37, 5), (1_000, 6), (4_096, 7)] {
        let mut walk = Walk::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut mean = RollingMean::default();
        let mut past = Past::default();
        let stretch = length as u64 * 4 + 5_000;
        for n in 0..BARS / 5 {
            let mut bar = walk.next();
            if (n / stretch).is_multiple_of(2) {
                bar.close = f64::from(1u32 << 30) + (walk.unit() * 1024.0).floor() * 2f64.powi(-20);
            }
            past.push(&bar);
            let now = past.prices.len() - 1;
            let leaving = if n >= length as u64 { past.back(length) } else { 0.0 };
            let got = mean.on_value(length as u64, n, bar.close, leaving);
            if n % 1_009 == 0 || n + 1 == BARS / 5 {
                check("mean", n, got, ind::sma(&past.prices, length, now), 0.0);
            }
        }
    }
    eprintln!("means: {:.1?}", began.elapsed());
}
