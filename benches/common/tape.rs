//! Random walks of many cells, as rounds of bars in the order in which they arrive.

use wagehood_engine::model::{Bar, SymbolId, TimeframeId};

/// A small generator of numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal, mean 0, deviation 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// One symbol's market: a geometric walk whose volatility has moods, log-normal volume that grows with the move, and
/// prices in ticks.
#[derive(Debug, Clone)]
pub struct Walk {
    rng: Rng,
    price: f64,
    mood: f64,
    tick: f64,
    volume: f64,
}

impl Walk {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let price = 10f64.powf(1.0 + 3.0 * rng.unit());
        let volume = 10f64.powf(1.0 + 4.0 * rng.unit());
        Self { tick: 10f64.powf((price * 1e-4).log10().floor()), price, mood: 1.0, volume, rng }
    }

    pub fn next(&mut self, symbol: usize) -> Bar {
        let rng = &mut self.rng;
        self.mood = (self.mood * (0.15 * rng.normal()).exp()).clamp(0.3, 4.0).powf(0.98);
        let quantize = |x: f64| (x / self.tick).round().max(1.0) * self.tick;
        let open = self.price;
        let step = 5e-4 * self.mood * rng.normal();
        let close = quantize(open * (1.0 + step));
        let reach = 3e-4 * self.mood * open;
        let high = quantize(open.max(close) + reach * rng.unit()).max(open.max(close));
        let low = quantize(open.min(close) - reach * rng.unit()).min(open.min(close));
        let volume = (self.volume * (0.6 * rng.normal() + 400.0 * step.abs()).exp() * 100.0).round() / 100.0;
        self.price = close;
        Bar {
            ts: 0,
            open,
            high,
            low,
            close,
            volume,
            vwap: (high + low + close) / 3.0,
            trades: 17,
            symbol: SymbolId(symbol as u16),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        }
    }
}

/// Bars before the measurement, enough for every indicator.
pub const WARM_UP: usize = 320;

/// Rounds of unchanged prices after which every average that decays towards zero would be a subnormal number if nothing
/// stopped it: 708 bars of the longest RSI, of 21, and some more.
pub const STAND_STILL: usize = 16_000;

/// Rounds of bars, played forwards and backwards without end, so that no price ever jumps.
#[derive(Debug, Clone)]
pub struct Tape {
    warm_up: Vec<Bar>,
    bars: Vec<Bar>,
    per_round: usize,
    at: usize,
    forward: bool,
}

impl Tape {
    /// Rounds in which every cell gets a bar (dense) or two in a hundred do, in random order.
    pub fn new(cells: usize, dense: bool) -> Self {
        let mut walks: Vec<Walk> = (0..cells).map(|k| Walk::new(k as u64 * 7919 + 11)).collect();
        // Bar by bar across the cells, as they would arrive.
        let mut warm_up = Vec::with_capacity(cells * WARM_UP);
        for _ in 0..WARM_UP {
            warm_up.extend(walks.iter_mut().enumerate().map(|(k, walk)| walk.next(k)));
        }
        let per_round = if dense { cells } else { (cells / 50).max(1) };
        let rounds = (131_072 / per_round).max(32);
        let mut rng = Rng(5);
        let mut bars = Vec::with_capacity(per_round * rounds);
        let mut order: Vec<usize> = (0..cells).collect();
        for _ in 0..rounds {
            if !dense {
                for k in 0..per_round {
                    let other = k + (rng.bits() % (cells - k) as u64) as usize;
                    order.swap(k, other);
                }
            }
            bars.extend(order[..per_round].iter().map(|&k| walks[k].next(k)));
        }
        Self { warm_up, bars, per_round, at: 0, forward: true }
    }

    /// The same dense rounds, but every price is the last of its cell's warm-up. Play [`STAND_STILL`] rounds before you
    /// measure.
    pub fn flat(cells: usize) -> Self {
        let mut tape = Self::new(cells, true);
        let last = &tape.warm_up[tape.warm_up.len() - cells..];
        for bar in &mut tape.bars {
            let price = last[bar.symbol.index()].close;
            (bar.open, bar.high, bar.low, bar.close, bar.vwap) = (price, price, price, price, price);
        }
        tape
    }

    /// Bars of one cell for the first look.
    pub fn warm_up(&self) -> &[Bar] {
        &self.warm_up
    }

    /// Bars of one round.
    pub fn per_round(&self) -> usize {
        self.per_round
    }

    /// The next round.
    #[inline]
    pub fn round(&mut self) -> &[Bar] {
        let here = self.at;
        if self.forward {
            self.at += self.per_round;
            if self.at == self.bars.len() {
                self.at -= self.per_round;
                self.forward = false;
            }
        } else if self.at == 0 {
            self.forward = true;
        } else {
            self.at -= self.per_round;
        }
        &self.bars[here..here + self.per_round]
    }
}
