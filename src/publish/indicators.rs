//! The map of a timeframe's indicators as the readers of the caches and events know it.

use super::json::Object;
use crate::model::{IndicatorRow, Indicators};

/// Fills in the indicators that are ready; one that is not is absent, and so is a group of which one is not.
pub(super) fn fill_indicators(object: &mut Object<'_>, indicators: &Indicators) {
    object.float_if_finite("sma_50", indicators.sma_50).float_if_finite("sma_200", indicators.sma_200);
    object.float_if_finite("ema_12", indicators.ema_12).float_if_finite("ema_26", indicators.ema_26);
    object.float_if_finite("rsi_14", indicators.rsi_14);
    let macd = [indicators.macd_line, indicators.macd_signal, indicators.macd_hist];
    fill_group(object, "macd", ["macd_line", "signal_line", "histogram"], macd);
    let bands = [indicators.bb_upper, indicators.bb_middle, indicators.bb_lower];
    fill_group(object, "bollinger_bands", ["upper_band", "middle_band", "lower_band"], bands);
}

fn fill_group(object: &mut Object<'_>, name: &str, names: [&str; 3], values: [f64; 3]) {
    if values.iter().all(|value| value.is_finite()) {
        object.object(name, |group| {
            for (name, value) in names.iter().zip(values) {
                group.float(name, value);
            }
        });
    }
}

/// Appends the map of a row's indicators.
pub(super) fn push_indicators(out: &mut Vec<u8>, row: &IndicatorRow) {
    let mut object = Object::open(out);
    fill_indicators(&mut object, &row.indicators);
    object.close();
}
