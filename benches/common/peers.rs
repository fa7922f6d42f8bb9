//! The indicators of the five strategies, by this engine and by the crates that can compute them bar by bar.
//!
//! Each stores the eleven values of the newest bar, as a user would who reads them on. `ta` smooths its RSI as an EMA:
//! told `2n − 1` it is Wilder's of n. `ta` and `yata` start from the first value instead of a mean of the first n, and
//! so agree only once that has faded. `kand` and `yata` multiply and add in one step, which a portable build does in
//! software: they are several times faster where the whole bench is built for the machine (`-C target-cpu=native`).

use crate::common::tape::Walk;
use kand::ohlcv::{bbands, ema, macd, rsi, sma};
use ta::Next;
use wagehood_engine::{
    config::StrategyParams,
    indicators::{History, IndicatorLayout, IndicatorSet},
    model::Bar,
};
use yata::core::Method;

/// MACD line, signal and histogram; RSI 14 and 21; EMA 50 and 200; upper, middle and lower band; mean volume.
pub type Values = [f64; 11];

/// Something that computes the indicators of one cell bar by bar.
pub trait Peer {
    /// Name in the tables.
    const NAME: &'static str;
    /// A cell that has seen these bars, at least 200 of them.
    fn new(seen: &[Bar]) -> Self;
    /// Takes the next bar.
    fn on_bar(&mut self, bar: &Bar);
    /// The values at the newest bar.
    fn values(&self) -> Values;
}

/// This engine's scalar path.
pub struct Engine {
    layout: std::sync::Arc<IndicatorLayout>,
    history: History,
    set: IndicatorSet,
    bars: u64,
}

thread_local! {
    static LAYOUT: std::sync::Arc<IndicatorLayout> =
        std::sync::Arc::new(IndicatorLayout::new(&StrategyParams::default().needs(), false));
}

impl Peer for Engine {
    const NAME: &'static str = "engine";
    fn new(seen: &[Bar]) -> Self {
        let layout = LAYOUT.with(std::sync::Arc::clone);
        let history = History::new(256);
        let set = IndicatorSet::new(&layout);
        let mut this = Self { layout, history, set, bars: 0 };
        seen.iter().for_each(|bar| this.on_bar(bar));
        this
    }
    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        self.history.push(bar.close, bar.high, bar.low, bar.volume);
        self.set.on_bar(&self.layout, self.bars, &self.history);
        self.bars += 1;
    }
    fn values(&self) -> Values {
        let at = self.set.reading(&self.layout, self.bars);
        [
            at.line,
            at.signal,
            at.line - at.signal,
            at.rsi,
            at.trend_rsi_slow,
            at.ma_fast,
            at.ma_slow,
            at.upper,
            at.middle,
            at.lower,
            at.volume,
        ]
    }
}

/// The official streaming TA-Lib.
pub struct TaLib {
    macd: ta_lib::MacdStream,
    rsis: [ta_lib::RsiStream; 2],
    emas: [ta_lib::EmaStream; 2],
    bands: ta_lib::BbandsStream,
    volume: ta_lib::SmaStream,
    latest: Values,
}

impl Peer for TaLib {
    const NAME: &'static str = "ta-lib";
    fn new(seen: &[Bar]) -> Self {
        let core = ta_lib::Core::new();
        let prices: Vec<f64> = seen.iter().map(|bar| bar.close).collect();
        let volumes: Vec<f64> = seen.iter().map(|bar| bar.volume).collect();
        Self {
            macd: core.macd_open(&prices, 12, 26, 9).unwrap().0,
            rsis: [14, 21].map(|n| core.rsi_open(&prices, n).unwrap().0),
            emas: [50, 200].map(|n| core.ema_open(&prices, n).unwrap().0),
            bands: core.bbands_open(&prices, 20, 2.0, 2.0, ta_lib::MAType::SMA).unwrap().0,
            volume: core.sma_open(&volumes, 20).unwrap().0,
            latest: [f64::NAN; 11],
        }
    }
    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        let p = bar.close;
        let nan = f64::NAN;
        let (line, signal, histogram) = self.macd.update(p).unwrap_or((nan, nan, nan));
        let (upper, middle, lower) = self.bands.update(p).unwrap_or((nan, nan, nan));
        let [rsi_14, rsi_21] = &mut self.rsis;
        let [ema_50, ema_200] = &mut self.emas;
        self.latest = [
            line,
            signal,
            histogram,
            rsi_14.update(p).unwrap_or(nan),
            rsi_21.update(p).unwrap_or(nan),
            ema_50.update(p).unwrap_or(nan),
            ema_200.update(p).unwrap_or(nan),
            upper,
            middle,
            lower,
            self.volume.update(bar.volume).unwrap_or(nan),
        ];
    }
    fn values(&self) -> Values {
        self.latest
    }
}

/// `ta`.
pub struct Ta {
    macd: ta::indicators::MovingAverageConvergenceDivergence,
    rsis: [ta::indicators::RelativeStrengthIndex; 2],
    emas: [ta::indicators::ExponentialMovingAverage; 2],
    bands: ta::indicators::BollingerBands,
    volume: ta::indicators::SimpleMovingAverage,
    latest: Values,
}

impl Peer for Ta {
    const NAME: &'static str = "ta";
    fn new(seen: &[Bar]) -> Self {
        use ta::indicators as ind;
        let mut this = Self {
            macd: ind::MovingAverageConvergenceDivergence::new(12, 26, 9).unwrap(),
            rsis: [14, 21].map(|n| ind::RelativeStrengthIndex::new(2 * n - 1).unwrap()),
            emas: [50, 200].map(|n| ind::ExponentialMovingAverage::new(n).unwrap()),
            bands: ind::BollingerBands::new(20, 2.0).unwrap(),
            volume: ind::SimpleMovingAverage::new(20).unwrap(),
            latest: [f64::NAN; 11],
        };
        seen.iter().for_each(|bar| this.on_bar(bar));
        this
    }
    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        let p = bar.close;
        let macd = self.macd.next(p);
        let bands = self.bands.next(p);
        let [rsi_14, rsi_21] = &mut self.rsis;
        let [ema_50, ema_200] = &mut self.emas;
        self.latest = [
            macd.macd,
            macd.signal,
            macd.histogram,
            rsi_14.next(p),
            rsi_21.next(p),
            ema_50.next(p),
            ema_200.next(p),
            bands.upper,
            bands.average,
            bands.lower,
            self.volume.next(bar.volume),
        ];
    }
    fn values(&self) -> Values {
        self.latest
    }
}

/// `yata`.
pub struct Yata {
    emas: [yata::methods::EMA; 5],
    gains: [yata::methods::RMA; 2],
    losses: [yata::methods::RMA; 2],
    mean: yata::methods::SMA,
    deviation: yata::methods::StDev,
    volume: yata::methods::SMA,
    last: f64,
    latest: Values,
}

impl Peer for Yata {
    const NAME: &'static str = "yata";
    fn new(seen: &[Bar]) -> Self {
        use yata::methods::{EMA, RMA, SMA, StDev};
        let first = &seen[0];
        let p = first.close;
        let mut this = Self {
            emas: [(12, p), (26, p), (9, 0.0), (50, p), (200, p)].map(|(n, x)| EMA::new(n, &x).unwrap()),
            gains: [14, 21].map(|n| RMA::new(n, &0.0).unwrap()),
            losses: [14, 21].map(|n| RMA::new(n, &0.0).unwrap()),
            mean: SMA::new(20, &p).unwrap(),
            deviation: StDev::new(20, &p).unwrap(),
            volume: SMA::new(20, &first.volume).unwrap(),
            last: p,
            latest: [f64::NAN; 11],
        };
        seen.iter().for_each(|bar| this.on_bar(bar));
        this
    }
    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        // From the sample's deviation to the population's.
        const POPULATION: f64 = 0.974_679_434_480_896_4;
        let p = bar.close;
        let change = p - self.last;
        self.last = p;
        let (up, down) = (change.max(0.0), (-change).max(0.0));
        let [fast, slow, signal, ema_50, ema_200] = &mut self.emas;
        let line = fast.next(&p) - slow.next(&p);
        let signal = signal.next(&line);
        let mut rsi = |k: usize| {
            let (gain, loss) = (self.gains[k].next(&up), self.losses[k].next(&down));
            if gain + loss > 0.0 { 100.0 * gain / (gain + loss) } else { 50.0 }
        };
        let (rsi_14, rsi_21) = (rsi(0), rsi(1));
        let mean = self.mean.next(&p);
        let width = 2.0 * POPULATION * self.deviation.next(&p);
        self.latest = [
            line,
            signal,
            line - signal,
            rsi_14,
            rsi_21,
            ema_50.next(&p),
            ema_200.next(&p),
            mean + width,
            mean,
            mean - width,
            self.volume.next(&bar.volume),
        ];
    }
    fn values(&self) -> Values {
        self.latest
    }
}

/// `kand`, whose increments leave the state to the caller.
pub struct Kand {
    prices: [f64; 20],
    volumes: [f64; 20],
    at: usize,
    fast: f64,
    slow: f64,
    gains: [f64; 2],
    losses: [f64; 2],
    sums: (f64, f64),
    last: f64,
    latest: Values,
}

impl Peer for Kand {
    const NAME: &'static str = "kand";
    fn new(seen: &[Bar]) -> Self {
        // Its own first values come from the batch functions; from this engine they are the same.
        let mut engine = Engine::new(&[]);
        let (mut fast, mut slow) = (seen[0].close, seen[0].close);
        let (mut gains, mut losses) = ([0.0; 2], [0.0; 2]);
        for (k, bar) in seen.iter().enumerate() {
            engine.on_bar(bar);
            fast += 2.0 / 13.0 * (bar.close - fast);
            slow += 2.0 / 27.0 * (bar.close - slow);
            let change = if k == 0 { 0.0 } else { bar.close - seen[k - 1].close };
            for (j, n) in [14.0, 21.0].into_iter().enumerate() {
                gains[j] = (gains[j] * (n - 1.0) + f64::max(change, 0.0)) / n;
                losses[j] = (losses[j] * (n - 1.0) + f64::max(-change, 0.0)) / n;
            }
        }
        let newest = &seen[seen.len() - 20..];
        let prices: [f64; 20] = std::array::from_fn(|k| newest[k].close);
        Self {
            prices,
            volumes: std::array::from_fn(|k| newest[k].volume),
            at: 0,
            fast,
            slow,
            gains,
            losses,
            sums: (prices.iter().sum(), prices.iter().map(|p| p * p).sum()),
            last: prices[19],
            latest: engine.values(),
        }
    }
    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        let p = bar.close;
        let before = self.latest;
        let old_price = std::mem::replace(&mut self.prices[self.at], p);
        let old_volume = std::mem::replace(&mut self.volumes[self.at], bar.volume);
        self.at = if self.at == 19 { 0 } else { self.at + 1 };
        let nan = f64::NAN;
        let (line, signal, histogram) =
            macd::macd_inc(p, self.fast, self.slow, before[1], 12, 26, 9).unwrap_or((nan, nan, nan));
        self.fast = ema::ema_inc(p, self.fast, 12, None).unwrap_or(nan);
        self.slow = ema::ema_inc(p, self.slow, 26, None).unwrap_or(nan);
        let mut index = |k: usize, n: usize| {
            let (value, gain, loss) =
                rsi::rsi_inc(p, self.last, self.gains[k], self.losses[k], n).unwrap_or((nan, nan, nan));
            (self.gains[k], self.losses[k]) = (gain, loss);
            value
        };
        let (rsi_14, rsi_21) = (index(0, 14), index(1, 21));
        self.last = p;
        let (upper, middle, lower, _, sum, squares) =
            bbands::bbands_inc(p, before[8], self.sums.0, self.sums.1, old_price, 20, 2.0, 2.0)
                .unwrap_or((nan, nan, nan, nan, nan, nan));
        self.sums = (sum, squares);
        self.latest = [
            line,
            signal,
            histogram,
            rsi_14,
            rsi_21,
            ema::ema_inc(p, before[5], 50, None).unwrap_or(nan),
            ema::ema_inc(p, before[6], 200, None).unwrap_or(nan),
            upper,
            middle,
            lower,
            sma::sma_inc(before[10], bar.volume, old_volume, 20).unwrap_or(nan),
        ];
    }
    fn values(&self) -> Values {
        self.latest
    }
}

/// Asserts that a peer's values are this engine's to within `tolerance` of the price or of a hundred, on one walk.
pub fn check<P: Peer>(tolerance: f64) {
    let mut walk = Walk::new(99);
    let bars: Vec<Bar> = (0..6_000).map(|_| walk.next(0)).collect();
    let (seen, rest) = bars.split_at(3_000);
    let (mut engine, mut peer) = (Engine::new(seen), P::new(seen));
    for (n, bar) in rest.iter().enumerate() {
        engine.on_bar(bar);
        peer.on_bar(bar);
        for (k, (ours, theirs)) in engine.values().into_iter().zip(peer.values()).enumerate() {
            let size = if k < 10 { bar.close.max(100.0) } else { ours };
            let off = (ours - theirs).abs() / size;
            assert!(off <= tolerance, "{}: value {k} at bar {n}: {theirs}, not {ours} ({off:.1e})", P::NAME);
        }
    }
}
