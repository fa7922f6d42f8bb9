//! The levels of the existing system: what its strategies say of the newest bar by thresholds alone, on every bar.
//!
//! They are not signals of this engine: nothing is found, weighed or remembered. Readers of the existing system expect them
//! in its keys and events.

use super::tree::Tree;
use crate::model::Indicators;

/// From where on the RSI is oversold and overbought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelRules {
    /// Below it a buy.
    pub rsi_oversold: f64,
    /// Above it a sell.
    pub rsi_overbought: f64,
}

/// Bands closer together than this part of their middle are squeezed.
const SQUEEZED: f64 = 0.1;

/// Whether there is any level: the indicators of some strategy are ready. Those of the others need longer than these.
pub(super) fn has_levels(now: &Indicators) -> bool {
    (now.macd_signal.is_finite() && now.rsi_14.is_finite()) || now.bb_middle.is_finite() || now.sma_200.is_finite()
}

/// Fills in the levels of the strategies whose indicators are ready.
pub(super) fn fill_levels<T: Tree>(map: &mut T, now: &Indicators, rules: LevelRules) {
    if now.macd_line.is_finite() && now.macd_signal.is_finite() && now.rsi_14.is_finite() {
        let (line, signal, rsi) = (now.macd_line, now.macd_signal, now.rsi_14);
        let between = rsi >= rules.rsi_oversold && rsi <= rules.rsi_overbought;
        let level = match () {
            () if line > signal && rsi < rules.rsi_oversold => (Some("buy"), 0.8),
            () if line < signal && rsi > rules.rsi_overbought => (Some("sell"), 0.8),
            () if line > signal && between => (Some("weak_buy"), 0.5),
            () if line < signal && between => (Some("weak_sell"), 0.5),
            () => (None, 0.0),
        };
        strategy(map, "macd_rsi_strategy", level, |metadata| {
            metadata.flag("macd_bullish", line > signal);
            metadata.real("rsi_value", rsi);
            metadata.real("macd_histogram", now.macd_hist);
        });
    }
    if now.sma_50.is_finite() && now.sma_200.is_finite() {
        let (fast, slow) = (now.sma_50, now.sma_200);
        let level = if fast > slow { Some("buy") } else { Some("sell").filter(|_| fast < slow) };
        strategy(map, "ma_crossover_strategy", (level, 0.7), |metadata| {
            metadata.real("fast_ma", fast);
            metadata.real("slow_ma", slow);
            metadata.real("ma_diff", fast - slow);
        });
    }
    if now.rsi_14.is_finite() && now.sma_50.is_finite() {
        let level = match now.rsi_14 {
            rsi if rsi < rules.rsi_oversold => (Some("buy"), 0.8),
            rsi if rsi > rules.rsi_overbought => (Some("sell"), 0.8),
            _ => (None, 0.0),
        };
        strategy(map, "rsi_trend_strategy", level, |metadata| {
            metadata.real("rsi_value", now.rsi_14);
            metadata.real("trend_sma", now.sma_50);
        });
    }
    if now.bb_middle.is_finite() {
        let width = (now.bb_upper - now.bb_lower) / now.bb_middle;
        let squeezed = width < SQUEEZED;
        let level = if squeezed { (Some("prepare"), 0.6) } else { (None, 0.0) };
        strategy(map, "bollinger_breakout_strategy", level, |metadata| {
            metadata.real("band_width", width);
            metadata.flag("squeeze", squeezed);
            metadata.map("bb_data", |bands| fill_bands(bands, now));
        });
    }
    strategy(map, "sr_breakout_strategy", (None, 0.0), |metadata| {
        metadata.text("note", Some("Support/Resistance calculation requires level detection"));
    });
}

fn strategy<T: Tree>(
    map: &mut T,
    name: &str,
    (signal, confidence): (Option<&'static str>, f64),
    metadata: impl FnOnce(&mut T),
) {
    map.map(name, |level| {
        level.text("signal", signal);
        level.real("confidence", confidence);
        level.map("metadata", metadata);
    });
}

/// Fills in the bands.
pub(super) fn fill_bands<T: Tree>(map: &mut T, now: &Indicators) {
    map.real("upper_band", now.bb_upper);
    map.real("middle_band", now.bb_middle);
    map.real("lower_band", now.bb_lower);
}

/// Fills in the MACD.
pub(super) fn fill_macd<T: Tree>(map: &mut T, now: &Indicators) {
    map.real("macd_line", now.macd_line);
    map.real("signal_line", now.macd_signal);
    map.real("histogram", now.macd_hist);
}

/// The single indicators by the names of the existing system.
pub(super) fn singles(now: &Indicators) -> [(&'static str, f64); 5] {
    [
        ("sma_50", now.sma_50),
        ("sma_200", now.sma_200),
        ("ema_12", now.ema_12),
        ("ema_26", now.ema_26),
        ("rsi_14", now.rsi_14),
    ]
}

/// Fills in the indicators that are ready, by the names of the existing system.
pub(super) fn fill_flat<T: Tree>(map: &mut T, now: &Indicators) {
    for (name, value) in singles(now).into_iter().filter(|(_, value)| value.is_finite()) {
        map.real(name, value);
    }
    if now.macd_hist.is_finite() {
        map.map("macd", |macd| fill_macd(macd, now));
    }
    if now.bb_middle.is_finite() {
        map.map("bollinger_bands", |bands| fill_bands(bands, now));
    }
}
