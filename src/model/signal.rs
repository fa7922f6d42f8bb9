//! Signals: what a strategy says about one bar.

use super::{SourceId, SymbolId, TimeframeId};
use bincode::{Decode, Encode};

/// The five strategies, in the order in which their signals are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[repr(u8)]
pub enum Strategy {
    /// MACD crossings confirmed by RSI, and divergences.
    MacdRsi,
    /// Crossings of two exponential moving averages.
    MaCrossover,
    /// Pullbacks within a trend of the RSI, and divergences.
    RsiTrend,
    /// Breakouts from Bollinger bands after a consolidation, and squeezes.
    BollingerBreakout,
    /// Breakouts through levels of support and resistance.
    SrBreakout,
    /// None of the five: fires on every bar, to measure the path of a signal. See [`Candidate::PROBE`].
    Probe,
}

impl Strategy {
    /// Number of strategies, without the probe.
    pub const COUNT: usize = 5;
    /// Slots of a table that counts the probe's signals as well.
    pub const SLOTS: usize = Self::COUNT + 1;
    /// All strategies, in order of publication, without the probe.
    pub const ALL: [Self; Self::COUNT] =
        [Self::MacdRsi, Self::MaCrossover, Self::RsiTrend, Self::BollingerBreakout, Self::SrBreakout];

    /// Index into tables of strategies.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name as configured and published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MacdRsi => "macd_rsi",
            Self::MaCrossover => "ma_crossover",
            Self::RsiTrend => "rsi_trend",
            Self::BollingerBreakout => "bollinger_breakout",
            Self::SrBreakout => "sr_breakout",
            Self::Probe => "probe",
        }
    }
}

/// Which way a signal points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[repr(u8)]
pub enum Side {
    /// Prices are expected to rise.
    Buy,
    /// Prices are expected to fall.
    Sell,
}

impl Side {
    /// Name as published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    /// `+1.0` for buy, `-1.0` for sell.
    #[inline]
    #[must_use]
    pub const fn dir(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// What happened, as the strategies' tables name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[repr(u8)]
#[allow(missing_docs)] // the names are those of the definition, explained where each strategy is
pub enum SignalKind {
    MacdRsiBullish,
    MacdRsiBearish,
    MacdRsiBullishDivergence,
    MacdRsiBearishDivergence,
    GoldenCross,
    DeathCross,
    RsiUptrendPullback,
    RsiDowntrendRally,
    RsiBullishDivergence,
    RsiBearishDivergence,
    BollingerBullishBreakout,
    BollingerBearishBreakout,
    BollingerBullishSqueeze,
    BollingerBearishSqueeze,
    ResistanceBreakout,
    SupportBreakout,
    Probe,
}

const CROSSING: &[&str] = &["cross_velocity", "rsi_position", "histogram", "volume", "momentum"];
const MA_CROSS: &[&str] = &["cross_velocity", "volume", "trend_strength"];
const PULLBACK: &[&str] = &["rsi_position", "trend_strength", "price_momentum", "rsi_momentum"];
const BREAKOUT: &[&str] = &["breakout_strength", "band_width", "volume", "momentum"];
const LEVEL: &[&str] = &["level_strength", "breakout_strength", "volume", "touch_count"];

impl SignalKind {
    /// Name as published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MacdRsiBullish => "macd_rsi_bullish",
            Self::MacdRsiBearish => "macd_rsi_bearish",
            Self::MacdRsiBullishDivergence => "macd_rsi_bullish_divergence",
            Self::MacdRsiBearishDivergence => "macd_rsi_bearish_divergence",
            Self::GoldenCross => "golden_cross",
            Self::DeathCross => "death_cross",
            Self::RsiUptrendPullback => "rsi_uptrend_pullback",
            Self::RsiDowntrendRally => "rsi_downtrend_rally",
            Self::RsiBullishDivergence => "rsi_bullish_divergence",
            Self::RsiBearishDivergence => "rsi_bearish_divergence",
            Self::BollingerBullishBreakout => "bollinger_bullish_breakout",
            Self::BollingerBearishBreakout => "bollinger_bearish_breakout",
            Self::BollingerBullishSqueeze => "bollinger_bullish_squeeze",
            Self::BollingerBearishSqueeze => "bollinger_bearish_squeeze",
            Self::ResistanceBreakout => "resistance_breakout",
            Self::SupportBreakout => "support_breakout",
            Self::Probe => "probe",
        }
    }

    /// Names of the factors that a signal of this kind carries, in the order of [`Candidate::factors`].
    #[must_use]
    pub const fn factor_names(self) -> &'static [&'static str] {
        match self {
            Self::MacdRsiBullish | Self::MacdRsiBearish => CROSSING,
            Self::MacdRsiBullishDivergence | Self::MacdRsiBearishDivergence => &["volume"],
            Self::GoldenCross | Self::DeathCross => MA_CROSS,
            Self::RsiUptrendPullback | Self::RsiDowntrendRally => PULLBACK,
            Self::RsiBullishDivergence | Self::RsiBearishDivergence | Self::Probe => &[],
            Self::BollingerBullishBreakout | Self::BollingerBearishBreakout => BREAKOUT,
            Self::BollingerBullishSqueeze | Self::BollingerBearishSqueeze => &["band_width"],
            Self::ResistanceBreakout | Self::SupportBreakout => LEVEL,
        }
    }
}

/// Most factors that any kind of signal carries.
pub const MAX_FACTORS: usize = 5;

/// Values of a signal's named factors, in the order of [`SignalKind::factor_names`]; the rest is zero.
pub type Factors = [f64; MAX_FACTORS];

/// What a strategy found on a bar, before it is anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct Candidate {
    /// What happened.
    pub kind: SignalKind,
    /// Which way it points.
    pub side: Side,
    /// How sure the strategy is, in [0, 1].
    pub confidence: f64,
    /// What the confidence is made of.
    pub factors: Factors,
}

impl Candidate {
    /// What the probe finds on every bar: a signal without an opinion. It is published like any other, but neither held
    /// back nor counted among the signals that support and oppose others.
    pub const PROBE: Self =
        Self { kind: SignalKind::Probe, side: Side::Buy, confidence: 0.0, factors: [0.0; MAX_FACTORS] };
}

/// One strategy's signal on one closed bar.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct Signal {
    /// Sequence of the input record that closed the bar.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Monotonic time at which that record's bytes had arrived, ns.
    pub arrival_ns: u64,
    /// Where that record came from.
    pub source: SourceId,
    /// Start of the bar, Unix ms.
    pub bar_ts: i64,
    /// Number of the bar in its cell, from 0.
    pub bar_index: u64,
    /// The price series at the bar.
    pub price: f64,
    /// Whose signal it is.
    pub symbol: SymbolId,
    /// Timeframe of the bar.
    pub timeframe: TimeframeId,
    /// Who says so.
    pub strategy: Strategy,
    /// What is said.
    pub candidate: Candidate,
    /// Whether nothing is missing from what its indicators remember; see [`Control::Incomplete`](super::Control).
    pub settled: bool,
}
