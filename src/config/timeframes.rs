//! `[timeframes]`: which timeframes are calculated, and how.

use super::{
    PriceMethod,
    fault::nearest,
    rules::{Flag, Scalar as _, TimeframeText, above_zero, choice, int, not_negative},
    section::{FromSection, List, Or, Section},
    shape::{Declared, Shape, TIMEFRAME},
};
use crate::model::{Timeframe, TradingStyle};
use std::collections::BTreeMap;

/// Minimum and maximum number of closed bars that you may configure.
pub(super) const BUFFER: (i64, i64) = (2, 65_536);

/// The timeframes.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeframesConfig {
    /// Default price series of the timeframes.
    pub method: PriceMethod,
    /// Default number of closed bars kept.
    pub buffer_size: usize,
    /// Settings by timeframe: those of the list, and those with a table of their own.
    pub table: BTreeMap<Timeframe, TimeframeConfig>,
}

/// One timeframe.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeframeConfig {
    /// Whether assets have it by default.
    pub enabled: bool,
    /// Trading style of its signals.
    pub trading_style: TradingStyle,
    /// Number of closed bars kept, as configured; the plan rounds it up.
    pub buffer_size: usize,
    /// Price series of indicators and strategies.
    pub method: PriceMethod,
    /// Price scale `s`, in (0, 1].
    pub price_scale: f64,
    /// Weight of its signals in the composite.
    pub correlation_weight: f64,
    /// How often its latest values are refreshed between closes, s; 0 for never.
    pub update_frequency_seconds: f64,
}

impl TimeframesConfig {
    /// The settings of a timeframe; one that is not configured is off and has the defaults.
    #[must_use]
    pub fn settings(&self, timeframe: Timeframe) -> TimeframeConfig {
        self.table.get(&timeframe).cloned().unwrap_or_else(|| self.default_of(timeframe))
    }

    fn default_of(&self, timeframe: Timeframe) -> TimeframeConfig {
        TimeframeConfig {
            enabled: false,
            trading_style: TradingStyle::of(timeframe),
            buffer_size: self.buffer_size,
            method: self.method,
            price_scale: timeframe.price_scale(),
            correlation_weight: default_weight(timeframe),
            update_frequency_seconds: 0.0,
        }
    }
}

impl FromSection for TimeframesConfig {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let list = section.get("list", List(TimeframeText));
        let mut config = Self {
            method: section.get("method", choice()),
            buffer_size: section.get("buffer_size", int(BUFFER.0, BUFFER.1)),
            table: BTreeMap::new(),
        };
        for timeframe in list {
            let settings = TimeframeConfig { enabled: true, ..config.default_of(timeframe) };
            if config.table.insert(timeframe, settings).is_some() {
                section.fault("list", format!("has {timeframe} twice"));
            }
        }
        each_timeframe(section, |timeframe, inner| {
            let base = config.default_of(timeframe);
            let settings = TimeframeConfig {
                enabled: inner.get("enabled", Or(Flag, true)),
                trading_style: inner.get("trading_style", Or(choice(), base.trading_style)),
                buffer_size: inner.get("buffer_size", Or(int(BUFFER.0, BUFFER.1), base.buffer_size)),
                method: inner.get("method", Or(choice(), base.method)),
                price_scale: inner.get("price_scale", Or(above_zero(1.0), base.price_scale)),
                correlation_weight: inner.get("correlation_weight", Or(not_negative(), base.correlation_weight)),
                update_frequency_seconds: inner.get("update_frequency_seconds", Or(not_negative(), 0.0)),
            };
            config.table.insert(timeframe, settings);
        });
        config
    }
}

/// Reads the remaining entries of a section whose keys are timeframes.
pub(super) fn each_timeframe(section: &mut Section<'_, '_>, mut read: impl FnMut(Timeframe, &mut Section<'_, '_>)) {
    let mut seen: BTreeMap<Timeframe, &str> = BTreeMap::new();
    let known = section.known();
    for (key, node) in section.rest() {
        let path = section.key(&key.escape_debug().to_string());
        let Ok(timeframe) = key.parse() else {
            let hint = match nearest(key, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("a key here is one of {} or {}", known.join(", "), TimeframeText.allowed()),
            };
            section.fault_at(node, path, format!("unknown key; {hint}"));
            continue;
        };
        if let Some(other) = seen.insert(timeframe, key) {
            section.fault_at(node, path, format!("is the same timeframe as `{other}`; keep one of them"));
        }
        section.declare(key, || Declared::Every(TIMEFRAME));
        section.declare(key, || Declared::Shape(Shape::Table, "the settings of one timeframe".to_owned()));
        let mut inner = section.below(key, node);
        read(timeframe, &mut inner);
        inner.finish();
    }
}

/// Weights of the default table, by interval in ms.
const WEIGHTS: [(i64, f64); 5] = [(1_000, 0.2), (60_000, 0.4), (300_000, 0.6), (3_600_000, 0.8), (86_400_000, 1.0)];

/// The weight of a timeframe's signals if none is configured: that of the table, between its entries by interpolation
/// in log(interval), constant beyond its ends.
#[must_use]
pub fn default_weight(timeframe: Timeframe) -> f64 {
    let interval = timeframe.interval_ms();
    let mut below = WEIGHTS[0];
    for above in WEIGHTS {
        if interval == above.0 {
            return above.1;
        }
        if interval < above.0 {
            let span = (above.0 as f64 / below.0 as f64).ln();
            let along = if span > 0.0 { (interval as f64 / below.0 as f64).ln() / span } else { 0.0 };
            return below.1 + along * (above.1 - below.1);
        }
        below = above;
    }
    below.1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_tables_and_lie_between_them() {
        let weight = |text: &str| default_weight(text.parse().unwrap());
        for (text, expected) in [("1s", 0.2), ("1m", 0.4), ("5m", 0.6), ("1h", 0.8), ("1d", 1.0), ("1w", 1.0)] {
            assert_eq!(weight(text), expected, "{text}");
        }
        let fifteen = 0.6 + 0.2 * (3.0f64.ln() / 12.0f64.ln());
        assert!((weight("15m") - fifteen).abs() < 1e-15);
        assert!(weight("30s") > 0.2 && weight("30s") < 0.4);
    }
}
