//! The indicators of a timeframe, a list of each type.

use super::{bollinger::BollingerSpec, ema::EmaSpec, macd::MacdSpec};

/// What each of them is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    pub(super) emas: Vec<EmaSpec>,
    pub(super) rsis: Vec<u64>,
    pub(super) macds: Vec<MacdSpec>,
    pub(super) bands: Vec<BollingerSpec>,
    pub(super) volumes: Vec<usize>,
    pub(super) price_means: Vec<usize>,
}

/// Index of `item` in `list`; appends it if it is missing.
pub(super) fn slot<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|x| *x == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}
