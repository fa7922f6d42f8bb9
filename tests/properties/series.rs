//! Generated bars of one cell: stretches of different character, with their parameters.

use proptest::prelude::*;
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    model::{Bar, SymbolId, Timeframe, TimeframeId},
};

/// A small generator of numbers (splitmix64), so that a recipe always gives the same bars.
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

    /// In [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// In low..=high.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        low + (self.bits() % (high - low + 1) as u64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Roughly normal, mean 0, deviation 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A random walk with a drift, in steps of its volatility.
    Walk(f64),
    /// The price stands still.
    Flat,
    /// Two prices in turn.
    Alternate,
    /// One jump by this factor, then a walk.
    Step(f64),
    /// Back and forth between two prices, so that levels form.
    Range,
    /// A wave of so many bars.
    Wave(usize),
    /// A walk whose volatility dies away and comes back.
    Breath,
}

#[derive(Debug, Clone, Copy)]
pub enum Volume {
    Steady,
    Random,
    Zero,
    Bursts,
}

#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub shape: Shape,
    pub volume: Volume,
    pub bars: usize,
    /// Typical move from bar to bar, as a multiple of a typical one of the timeframe.
    pub volatility: f64,
}

#[derive(Debug, Clone, Copy)]
pub enum Params {
    Default,
    Random(u64),
    /// Random, but every candidate of a strategy is equally sure, so that the order of preference decides.
    Tied(u64),
}

#[derive(Debug, Clone)]
pub struct Recipe {
    pub seed: u64,
    /// Price at the start.
    pub magnitude: f64,
    /// Smallest step of the price relative to the magnitude; 0 for none.
    pub tick: f64,
    pub timeframe: &'static str,
    pub method: PriceMethod,
    pub params: Params,
    pub stretches: Vec<Stretch>,
}

impl Recipe {
    pub fn interval(&self) -> Timeframe {
        self.timeframe.parse().unwrap()
    }

    /// The price scale, by the definition's formula.
    pub fn scale(&self) -> f64 {
        let seconds = match self.timeframe {
            "1s" => 1.0,
            "1m" => 60.0,
            "1h" => 3_600.0,
            _ => 86_400.0,
        };
        f64::min(1.0, (seconds / 86_400.0f64).sqrt())
    }

    pub fn strategy_params(&self) -> StrategyParams {
        match self.params {
            Params::Default => StrategyParams::default(),
            Params::Random(seed) => random_params(seed),
            Params::Tied(seed) => tied_params(seed),
        }
    }

    pub fn bars(&self) -> Vec<Bar> {
        let mut rng = Rng(self.seed);
        let tick = self.tick * self.magnitude;
        let quantize = |x: f64| {
            let x = x.clamp(self.magnitude * 1e-2, self.magnitude * 1e2);
            if tick > 0.0 { ((x / tick).round() * tick).max(tick) } else { x }
        };
        let mut last = quantize(self.magnitude);
        let mut bars = Vec::new();
        for stretch in &self.stretches {
            let anchor = last;
            let noise = 0.02 * self.scale() * stretch.volatility;
            for k in 0..stretch.bars {
                let z = rng.normal();
                let raw = match stretch.shape {
                    Shape::Walk(drift) => last * (1.0 + noise * (z + drift)),
                    Shape::Flat => last,
                    Shape::Alternate => anchor * (1.0 + 2.0 * noise * (k % 2) as f64),
                    Shape::Step(factor) => last * if k == 0 { factor } else { 1.0 + noise * z },
                    Shape::Range => anchor * (1.0 + 0.6 * noise * (rng.count(0, 6) as f64 - 3.0)),
                    Shape::Wave(period) => {
                        let turn = k as f64 / period as f64 * std::f64::consts::TAU;
                        anchor * (1.0 + noise * (5.0 * turn.sin() + 0.4 * z))
                    }
                    Shape::Breath => {
                        let turn = k as f64 / 60.0 * std::f64::consts::TAU;
                        last * (1.0 + noise * z * (0.02 + turn.cos().powi(2)))
                    }
                };
                let close = quantize(raw);
                let wick = if matches!(stretch.shape, Shape::Flat) { 0.0 } else { noise * last };
                let high = quantize(last.max(close) + wick * rng.unit()).max(last).max(close);
                let low = quantize(last.min(close) - wick * rng.unit()).min(last).min(close);
                let volume = match stretch.volume {
                    Volume::Steady => 1_000.0,
                    Volume::Random => (rng.between(1.0, 5_000.0) * 100.0).round() / 100.0,
                    Volume::Zero => 0.0,
                    Volume::Bursts if rng.chance(0.15) => rng.between(3_000.0, 9_000.0).round(),
                    Volume::Bursts => rng.between(500.0, 1_500.0).round(),
                };
                bars.push(Bar {
                    ts: bars.len() as i64 * self.interval().interval_ms(),
                    open: last,
                    high,
                    low,
                    close,
                    volume,
                    vwap: low + (high - low) * rng.unit(),
                    trades: 0,
                    symbol: SymbolId(0),
                    seq_delta: 0,
                    timeframe: TimeframeId::new(0),
                });
                last = close;
            }
        }
        bars
    }
}

/// The series that indicators and strategies read.
pub fn price_series(bars: &[Bar], method: PriceMethod) -> Vec<f64> {
    let price = |b: &Bar| match method {
        PriceMethod::Ohlc => b.close,
        PriceMethod::Vwap => b.vwap,
        PriceMethod::Typical => (b.high + b.low + b.close) / 3.0,
    };
    bars.iter().map(price).collect()
}

/// Valid parameters of all kinds, the unusual ones included.
pub fn random_params(seed: u64) -> StrategyParams {
    let mut rng = Rng(seed);
    let r = &mut rng;
    let mut x = StrategyParams::default();
    x.common.volume_period = r.count(1, 40);
    x.common.swing_min_index = r.count(2, 40);
    x.common.swing_lookback = r.count(2, 30);

    let m = &mut x.macd_rsi;
    m.enabled = r.chance(0.95);
    m.macd_fast = r.count(1, 15);
    m.macd_slow = m.macd_fast + r.count(1, 20);
    m.macd_signal = r.count(1, 12);
    m.rsi_period = r.count(1, 25);
    m.rsi_oversold = r.between(15.0, 45.0);
    m.rsi_overbought = r.between(55.0, 85.0);
    m.rsi_midline = r.between(45.0, 55.0);
    m.volume_confirmation = r.chance(0.6);
    m.volume_threshold = r.between(0.5, 2.0);
    m.velocity_gain = r.between(50.0, 2_000.0);
    m.momentum_bars = r.count(1, 40);
    m.momentum_gain = r.between(1.0, 30.0);
    m.weight_cross_velocity = r.between(0.0, 0.4);
    m.weight_rsi_position = r.between(0.0, 0.4);
    m.weight_histogram = r.between(0.0, 0.4);
    m.divergences = r.chance(0.7);
    m.divergence_confidence = r.unit();
    m.min_confidence = r.between(0.0, 0.7);

    let c = &mut x.ma_crossover;
    c.enabled = r.chance(0.95);
    c.fast_period = r.count(1, 30);
    c.slow_period = c.fast_period + r.count(1, 60);
    c.volume_confirmation = r.chance(0.6);
    c.velocity_gain = r.between(50.0, 2_000.0);
    c.trend_bars = r.count(1, 30);
    c.min_confidence = r.between(0.0, 0.7);

    let t = &mut x.rsi_trend;
    t.enabled = r.chance(0.95);
    t.rsi_period = r.count(1, 25);
    t.trend_rsi_period = r.count(1, 40);
    t.trend_bars = r.count(1, 30);
    t.trend_min_bars = r.count(1, t.trend_bars + 1);
    t.midline = r.between(45.0, 55.0);
    t.pullback_low = r.between(20.0, 45.0);
    t.pullback_high = t.pullback_low + r.between(1.0, 40.0);
    t.rally_low = r.between(30.0, 60.0);
    t.rally_high = t.rally_low + r.between(1.0, 40.0);
    t.momentum_bars = r.count(1, 40);
    t.momentum_gain = r.between(1.0, 60.0);
    t.rsi_momentum_range = r.between(1.0, 30.0);
    t.divergences = r.chance(0.7);
    t.divergence_confidence = r.unit();
    t.min_confidence = r.between(0.0, 0.7);

    let b = &mut x.bollinger_breakout;
    b.enabled = r.chance(0.95);
    b.period = r.count(2, 50);
    b.std_dev = r.between(0.5, 3.0);
    b.consolidation_bars = r.count(1, 30);
    b.consolidation_min_bars = r.count(1, b.consolidation_bars);
    b.volume_confirmation = r.chance(0.6);
    b.volume_threshold = r.between(0.3, 2.0);
    b.squeeze_threshold = r.between(0.02, 0.5);
    b.breakout_gain = r.between(10.0, 200.0);
    b.band_width_gain = r.between(1.0, 10.0);
    b.momentum_bars = r.count(1, 20);
    b.momentum_gain = r.between(1.0, 40.0);
    b.squeeze_confidence = r.unit();
    b.min_confidence = r.between(0.0, 0.7);

    let s = &mut x.sr_breakout;
    s.enabled = r.chance(0.95);
    s.lookback = r.count(5, 120);
    s.min_touches = r.count(1, 4);
    s.tolerance = r.between(0.002, 0.1);
    s.consolidation_bars = r.count(1, 30);
    s.consolidation_min_bars = r.count(1, s.consolidation_bars);
    s.hold_bars = r.count(1, 8);
    s.volume_confirmation = r.chance(0.6);
    s.volume_threshold = r.between(0.3, 2.0);
    s.strength_touches = r.between(2.0, 12.0);
    s.strength_span = r.between(10.0, 100.0);
    s.breakout_gain = r.between(5.0, 100.0);
    s.full_touches = r.between(1.0, 8.0);
    s.min_confidence = r.between(0.0, 0.7);
    x
}

/// Random parameters with which all candidates have a confidence of exactly one half.
fn tied_params(seed: u64) -> StrategyParams {
    let mut x = random_params(seed);
    let m = &mut x.macd_rsi;
    (m.weight_cross_velocity, m.weight_rsi_position, m.weight_histogram, m.weight_momentum) = (0.0, 0.0, 0.0, 0.0);
    (m.weight_volume, m.volume_confirmation, m.divergences) = (0.5, false, true);
    (m.divergence_confidence, m.min_confidence) = (0.5, 0.25);
    let b = &mut x.bollinger_breakout;
    (b.weight_breakout_strength, b.weight_band_width, b.weight_momentum) = (0.0, 0.0, 0.0);
    (b.weight_volume, b.volume_confirmation) = (0.5, false);
    (b.squeeze_confidence, b.min_confidence) = (0.5, 0.25);
    let s = &mut x.sr_breakout;
    (s.weight_level_strength, s.weight_breakout_strength, s.weight_touch_count) = (0.0, 0.0, 0.0);
    (s.weight_volume, s.volume_confirmation, s.min_confidence) = (0.5, false, 0.25);
    // Many levels, close together.
    (s.lookback, s.min_touches, s.tolerance) = (120, 1, 0.004);
    s.consolidation_min_bars = 1;
    x
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        3 => (-0.6..0.6f64).prop_map(Shape::Walk),
        1 => Just(Shape::Flat),
        1 => Just(Shape::Alternate),
        1 => (0.7..1.4f64).prop_map(Shape::Step),
        2 => Just(Shape::Range),
        2 => (8..60usize).prop_map(Shape::Wave),
        1 => Just(Shape::Breath),
    ]
}

fn volume() -> impl Strategy<Value = Volume> {
    prop_oneof![
        2 => Just(Volume::Steady),
        2 => Just(Volume::Random),
        1 => Just(Volume::Zero),
        4 => Just(Volume::Bursts),
    ]
}

fn stretch() -> impl Strategy<Value = Stretch> {
    (shape(), volume(), 1..120usize, prop_oneof![Just(1.0), 0.05..3.0f64])
        .prop_map(|(shape, volume, bars, volatility)| Stretch { shape, volume, bars, volatility })
}

/// Series of up to `stretches` stretches on timeframes, magnitudes and methods of all kinds.
pub fn recipe(stretches: usize) -> impl Strategy<Value = Recipe> {
    (
        any::<u64>(),
        prop_oneof![4 => Just(100.0), 1 => Just(1e-8), 1 => Just(1e9), 1 => 1e-3..1e5f64],
        prop_oneof![Just(0.0), Just(1e-4), Just(1e-3), Just(1e-2)],
        prop_oneof![Just("1s"), Just("1m"), Just("1h"), Just("1d")],
        prop_oneof![2 => Just(PriceMethod::Ohlc), 1 => Just(PriceMethod::Vwap), 1 => Just(PriceMethod::Typical)],
        prop_oneof![
            4 => Just(Params::Default),
            4 => any::<u64>().prop_map(Params::Random),
            1 => any::<u64>().prop_map(Params::Tied),
        ],
        prop::collection::vec(stretch(), 1..stretches),
    )
        .prop_map(|(seed, magnitude, tick, timeframe, method, params, stretches)| Recipe {
            seed,
            magnitude,
            tick,
            timeframe,
            method,
            params,
            stretches,
        })
}
