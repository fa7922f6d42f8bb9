//! The map of a timeframe's indicators as the readers of the caches and events know it.

use super::json::Object;
use crate::model::{IndicatorRow, Indicators, Readiness};
use crate::text::push_i64;

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

/// Fills in how far a cell has come, where that is known.
pub(super) fn fill_readiness(object: &mut Object<'_>, name: &str, readiness: &Readiness) {
    let Readiness { bars, defined_after, settled_after, .. } = *readiness;
    if bars == 0 {
        return;
    }
    object.object(name, |object| {
        object.text_with("state", |out| match (readiness.is_defined(), readiness.is_settled()) {
            (_, true) => out.extend_from_slice(b"settled"),
            (true, false) => out.extend_from_slice(b"defined"),
            (false, false) => {
                out.extend_from_slice(b"warming up ");
                push_i64(out, bars.into());
                out.push(b'/');
                push_i64(out, defined_after.into());
            }
        });
        object.int("bars", bars.into());
        object.int("defined_after", defined_after.into()).int("settled_after", settled_after.into());
    });
}

/// Takes out the indicators whose bit is not set, counted as `fill_indicators` writes them.
pub fn keep_indicators(all: &mut Indicators, bits: u8) {
    let fields: [&mut [&mut f64]; 7] = [
        &mut [&mut all.sma_50],
        &mut [&mut all.sma_200],
        &mut [&mut all.ema_12],
        &mut [&mut all.ema_26],
        &mut [&mut all.rsi_14],
        &mut [&mut all.macd_line, &mut all.macd_signal, &mut all.macd_hist],
        &mut [&mut all.bb_upper, &mut all.bb_middle, &mut all.bb_lower],
    ];
    for (_, group) in fields.into_iter().enumerate().filter(|(k, _)| bits >> k & 1 == 0) {
        group.iter_mut().for_each(|value| **value = f64::NAN);
    }
}

/// Says that the values are those of a bar that is still forming, which one, and up to when it has come.
pub(super) fn fill_forming(object: &mut Object<'_>, row: &IndicatorRow) {
    object.value("forming", |out| out.extend_from_slice(b"true"));
    object.int("bar_ts", row.bar.ts).int("until", row.event_ts);
}

/// Appends the map of a row's indicators, which may be those of a bar that is still forming.
pub(super) fn push_indicators(out: &mut Vec<u8>, row: &IndicatorRow, forming: bool) {
    let mut object = Object::open(out);
    fill_indicators(&mut object, &row.indicators);
    if forming {
        fill_forming(&mut object, row);
    }
    object.close();
}
