//! The random walk of one mock symbol.
//!
//! Allocates nothing and does not block. Uses only additions, multiplications and square roots, so that the bars are
//! the same on every machine.

use crate::model::splitmix64;

/// Moves within one bar, which determine its high and low.
const MOVES: usize = 4;
/// Prices stay within these bounds.
const PRICE_MIN: f64 = 1.0;
const PRICE_MAX: f64 = 100_000.0;
/// Ticks per unit of price.
const TICKS: f64 = 100.0;
/// Time constant with which the walk returns to its starting price, ms: 60 days.
const RETURN_MS: f64 = 60.0 * 86_400_000.0;
const DAY_MS: i64 = 86_400_000;

/// xoshiro256++ 1.0, seeded by splitmix64: D. Blackman and S. Vigna, <https://prng.di.unimi.it>, public domain.
#[derive(Debug, Clone)]
struct Random([u64; 4]);

impl Random {
    fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| splitmix64(&mut state)))
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let Self([a, b, c, d]) = self;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    #[inline]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [from, to).
    #[inline]
    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Nearly normal with mean 0 and deviation 1, within ±3.5: the sum of four uniform numbers of 16 bits.
    #[inline]
    fn normal(&mut self) -> f64 {
        let bits = self.next();
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        // Four uniform numbers in 0..=65535 have the mean 131070 and the variance (65536² − 1) / 3.
        (sum as f64 - 131_070.0) / 37_837.226_8
    }

    /// True on average once in `n` calls.
    #[inline]
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// The result of one step of the walk: always a valid bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candle {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub vwap: f64,
    pub trades: u32,
}

/// Price, trend and volatility of one symbol.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    random: Random,
    start: f64,
    price: f64,
    /// Deviation of the return over one second.
    volatility: f64,
    /// Units traded in one quiet second.
    volume: f64,
    /// Drift as a share of a bar's deviation, and the number of bars left.
    trend: f64,
    trend_bars: u32,
    /// Factor on the volatility, and the number of bars left.
    burst: f64,
    burst_bars: u32,
}

impl Walk {
    /// The walk of the symbol with this index.
    pub fn new(seed: u64, index: u64) -> Self {
        // Spread the seeds, so that neighbours are independent.
        let mut random = Random::new(seed ^ index.wrapping_add(1).wrapping_mul(0xd134_2543_de82_ef95));
        let start = (random.between(10.0, 500.0) * TICKS).round() / TICKS;
        // 2 to 5 % a day of 86,400 seconds.
        let volatility = random.between(0.02, 0.05) / 86_400f64.sqrt();
        let volume = random.between(20.0, 500.0);
        Self { random, start, price: start, volatility, volume, trend: 0.0, trend_bars: 0, burst: 1.0, burst_bars: 0 }
    }

    /// Moves the price through a bar that starts at `ts` (Unix ms) and lasts `interval_ms`.
    #[inline]
    pub fn step(&mut self, ts: i64, interval_ms: i64) -> Candle {
        self.change_mood();
        let seconds = interval_ms as f64 / 1_000.0;
        let deviation = self.volatility * seconds.sqrt() * self.burst;
        let strayed = 0.5 * (self.start / self.price - self.price / self.start);
        let pull = strayed.clamp(-3.0, 3.0) * (interval_ms as f64 / RETURN_MS).min(0.1);
        let drift = (self.trend * deviation + pull) / MOVES as f64;
        let spread = deviation / (MOVES as f64).sqrt();
        let jump = if self.random.one_in(400) { deviation * self.random.between(-6.0, 6.0) } else { 0.0 };

        let open = tick(self.price);
        let (mut high, mut low, mut sum, mut close) = (open, open, 0.0, open);
        for i in 0..MOVES {
            let change = drift + spread * self.random.normal() + if i == 0 { jump } else { 0.0 };
            self.price = (self.price * (1.0 + change.clamp(-0.5, 0.5))).clamp(PRICE_MIN, PRICE_MAX);
            close = tick(self.price);
            high = close.max(high);
            low = close.min(low);
            sum += close;
        }
        let excitement = ((close - open) / open / deviation).abs() + jump.abs() / deviation;
        let noise = self.random.between(0.5, 1.5);
        let quiet = self.volume * seconds * time_of_day(ts, interval_ms);
        let volume = (quiet * noise * self.burst * (1.0 + excitement)).round();
        let vwap = (sum / MOVES as f64).clamp(low, high);
        Candle { open, high, low, close, volume, vwap, trades: (volume / 80.0) as u32 + 1 }
    }

    /// Starts and ends trends and bursts of volatility.
    #[inline]
    fn change_mood(&mut self) {
        if self.trend_bars == 0 {
            self.trend = self.random.between(-0.2, 0.2);
            self.trend_bars = self.random.between(30.0, 300.0) as u32;
        }
        self.trend_bars -= 1;
        if self.burst_bars > 0 {
            self.burst_bars -= 1;
        } else if self.random.one_in(150) {
            self.burst = self.random.between(2.0, 5.0);
            self.burst_bars = self.random.between(5.0, 30.0) as u32;
        } else {
            self.burst = 1.0;
        }
    }
}

#[inline]
fn tick(price: f64) -> f64 {
    (price * TICKS).round() / TICKS
}

/// Activity by time of day: 2 at both ends of the UTC day, 0.5 in the middle, 1 for a whole day.
#[inline]
fn time_of_day(ts: i64, interval_ms: i64) -> f64 {
    if interval_ms >= DAY_MS {
        return 1.0;
    }
    let x = ts.rem_euclid(DAY_MS) as f64 / DAY_MS as f64 * 2.0 - 1.0;
    0.5 + 1.5 * x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of splitmix64 from 0, and of xoshiro256++ from the state 1, 2, 3, 4.
        assert_eq!(Random::new(0).0[..2], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let mut random = Random([1, 2, 3, 4]);
        assert_eq!([random.next(), random.next(), random.next()], [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }

    #[test]
    fn the_normal_has_mean_zero_and_deviation_one() {
        let mut random = Random::new(1);
        let n = 200_000;
        let (sum, squares) = (0..n).map(|_| random.normal()).fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        let mean = sum / f64::from(n);
        assert!(mean.abs() < 0.01 && (squares / f64::from(n) - 1.0).abs() < 0.02, "{mean} {squares}");
    }

    #[test]
    fn the_walk_neither_dies_nor_explodes() {
        for index in 0..20 {
            let mut walk = Walk::new(7, index);
            for day in 0..20_000 {
                let close = walk.step(day * DAY_MS, DAY_MS).close;
                assert!(close > 1.5 && close < walk.start * 50.0, "{close} from {} on day {day}", walk.start);
            }
        }
    }
}
