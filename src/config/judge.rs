//! `[performance]`, `[calibration]`, `[selection]`: what the signals are worth, and how likely they are to win.

use super::{
    rules::{Flag, above_zero, choice, choice_enum, int, real, text},
    section::{List, section},
};
use crate::model::HORIZONS;

choice_enum! {
    /// What is kept of every symbol, timeframe and strategy.
    LaneDetail {
        /// How many outcomes, how many won, their mean.
        Counts = "counts",
        /// Every figure.
        Full = "full",
    }
}

section! {
    /// What the signals are worth, counted while the engine runs.
    PerformanceConfig {
        /// Whether outcomes are followed at all.
        enabled: bool = Flag,
        /// Fees of one side of a trade, basis points.
        fee_bps: f64 = real(0.0, 1_000.0),
        /// What is kept of every symbol, timeframe and strategy.
        by_symbol: LaneDetail = choice(),
        /// Least time between two writings of the figures to Redis, s of the input's time.
        publish_interval_s: i64 = int(1, 86_400),
    }
}

/// What of the performance the stages need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerformanceRules {
    /// Whether outcomes are followed at all.
    pub enabled: bool,
    /// Fees of one side of a trade, basis points.
    pub fee_bps: f64,
    /// Whether every symbol, timeframe and strategy has every figure.
    pub full: bool,
    /// Least time between two writings of the figures, ms of the input's time.
    pub interval_ms: i64,
}

impl PerformanceConfig {
    /// What the stages need of it.
    pub(super) fn rules(&self) -> PerformanceRules {
        let Self { enabled, fee_bps, by_symbol, publish_interval_s } = *self;
        PerformanceRules {
            enabled,
            fee_bps,
            full: by_symbol == LaneDetail::Full,
            interval_ms: publish_interval_s * 1_000,
        }
    }
}

choice_enum! {
    /// After how many bars a signal has to have won.
    HorizonChoice {
        /// Ten.
        Ten = "10",
        /// Three.
        Three = "3",
        /// One.
        One = "1",
    }
}

section! {
    /// The probability that a signal wins, learned while the engine runs.
    CalibrationConfig {
        /// Whether it is.
        enabled: bool = Flag,
        /// After how many bars the signal has to have won.
        horizon: HorizonChoice = choice(),
        /// Step of the learning.
        learning_rate: f64 = above_zero(1.0),
        /// Symbols whose mean return is the market's.
        market: Vec<String> = List(text()),
        /// Whether a signal's priority is made of it.
        priority: bool = Flag,
        /// Whether it decides what is an alert.
        alerts: bool = Flag,
    }
}

/// What of the calibration the stages need.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationRules {
    /// Whether there is a calibrated confidence.
    pub enabled: bool,
    /// Place of the horizon that is learned in [`HORIZONS`].
    pub horizon: u8,
    /// Step of the learning.
    pub rate: f64,
    /// Symbols whose mean return is the market's.
    pub market: Vec<String>,
    /// Whether a signal's priority is made of it, where it can be relied on.
    pub priority: bool,
    /// Whether it decides what is an alert, where it can be relied on.
    pub alerts: bool,
}

impl CalibrationRules {
    /// Whether a symbol is of the market.
    #[must_use]
    pub fn is_market(&self, symbol: &str) -> bool {
        self.enabled && self.market.iter().any(|name| name == symbol)
    }
}

impl CalibrationConfig {
    /// What the stages need of it.
    pub(super) fn rules(&self) -> CalibrationRules {
        let bars = match self.horizon {
            HorizonChoice::Ten => 10,
            HorizonChoice::Three => 3,
            HorizonChoice::One => 1,
        };
        let horizon = HORIZONS.iter().position(|&horizon| horizon == bars).unwrap_or(HORIZONS.len() - 1);
        CalibrationRules {
            enabled: self.enabled,
            horizon: horizon as u8,
            rate: self.learning_rate,
            market: self.market.clone(),
            priority: self.priority && self.enabled,
            alerts: self.alerts && self.enabled,
        }
    }
}

choice_enum! {
    /// What the selection of timeframes does.
    SelectionEffect {
        /// Signals say whether they are selected.
        Mark = "mark",
        /// Signals that are not are held back.
        Hold = "hold",
        /// Nothing.
        Off = "off",
    }
}

section! {
    /// The selection of timeframes.
    SelectionConfig {
        /// What it does.
        effect: SelectionEffect = choice(),
        /// Outcomes of a symbol, timeframe and strategy before it may go off.
        min_outcomes: u32 = int(1, 1_000_000),
    }
}

/// What of the selection the stages need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectionRules {
    /// What it does.
    pub effect: SelectionEffect,
    /// Outcomes of a symbol, timeframe and strategy before it may go off.
    pub min_outcomes: u32,
}

impl SelectionRules {
    /// Whether it does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.effect != SelectionEffect::Off
    }
}

impl SelectionConfig {
    /// What the stages need of it; without outcomes it does nothing.
    pub(super) fn rules(&self, outcomes: bool) -> SelectionRules {
        let Self { effect, min_outcomes } = *self;
        SelectionRules { effect: if outcomes { effect } else { SelectionEffect::Off }, min_outcomes }
    }
}
