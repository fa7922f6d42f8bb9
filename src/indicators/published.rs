//! The published indicators: what each of them is.

use super::{
    BollingerSpec, Ema, EmaSpec, IndicatorLayout, Macd, MacdSpec, Reading, RollingMean, Rsi, core::Core, layout::slot,
    scalar::Scalar, words::RSI_LANES,
};
use crate::model::Indicators;

/// Declares the published indicators: `name: list of the layout, specification => [fields of `[`Indicators`]`];`.
macro_rules! published {
    ($($name:ident: $list:ident, $spec:expr => [$($field:ident),+];)+) => {
        /// Which of the indicators of a layout are the published ones.
        #[derive(Debug, Clone, Copy)]
        pub struct PublishedSlots { $($name: usize),+ }

        impl PublishedSlots {
            /// Their places in the layout, which gets those that it has not got.
            pub(super) fn new(layout: &mut IndicatorLayout) -> Self {
                Self { $($name: slot(&mut layout.$list, $spec)),+ }
            }

            /// Their values.
            pub(super) fn of(&self, values: &Values<'_>) -> Indicators {
                let mut all = Indicators::NONE;
                $([$(all.$field),+] = values.$list(self.$name);)+
                all
            }
        }
    };
}

published! {
    macd: macds, MacdSpec::new(12, 26, 9) => [macd_line, macd_signal, macd_hist];
    rsi_14: rsis, 14 => [rsi_14];
    rsi_21: rsis, 21 => [rsi_21];
    ema_12: emas, EmaSpec::new(0, 12) => [ema_12];
    ema_26: emas, EmaSpec::new(0, 26) => [ema_26];
    ema_50: emas, EmaSpec::new(0, 50) => [ema_50];
    ema_200: emas, EmaSpec::new(0, 200) => [ema_200];
    bands: bands, BollingerSpec { period: 20, std_dev: 2.0 } => [bb_upper, bb_middle, bb_lower];
    volume: volumes, 20 => [volume_sma_20];
    sma_50: price_means, 50 => [sma_50];
    sma_200: price_means, 200 => [sma_200];
}

/// Where the values of a cell's indicators are, by list of the layout and place in it.
pub(super) struct Values<'a> {
    /// Whether those of the core are newer than the others of the same place.
    pub(super) packed: bool,
    /// What the strategies read.
    pub(super) at: Reading,
    pub(super) core: &'a Core,
    pub(super) rest: &'a Scalar,
}

impl Values<'_> {
    fn macds(&self, slot: usize) -> [f64; 3] {
        let values = |macd: &Macd| [macd.line, macd.signal, macd.histogram];
        match slot {
            0 if self.packed => [self.at.line, self.at.signal, self.at.line - self.at.signal],
            _ => self.rest.macds.get(slot).map_or([f64::NAN; 3], values),
        }
    }

    fn rsis(&self, slot: usize) -> [f64; 1] {
        match slot {
            0..RSI_LANES if self.packed => [self.core.words().rsis[slot]],
            _ => [self.rest.rsis.get(slot).map_or(f64::NAN, Rsi::value)],
        }
    }

    fn emas(&self, slot: usize) -> [f64; 1] {
        match slot {
            0 | 1 if self.packed => [self.core.words().emas[slot]],
            _ => [self.rest.emas.get(slot).map_or(f64::NAN, Ema::value)],
        }
    }

    fn bands(&self, slot: usize) -> [f64; 3] {
        match slot {
            0 if self.packed => [self.at.upper, self.at.middle, self.at.lower],
            _ => self.rest.bands.get(slot).map_or([f64::NAN; 3], |bands| [bands.upper, bands.middle, bands.lower]),
        }
    }

    fn volumes(&self, slot: usize) -> [f64; 1] {
        match slot {
            0 if self.packed => [self.at.volume],
            _ => [self.rest.volumes.get(slot).map_or(f64::NAN, RollingMean::value)],
        }
    }

    fn price_means(&self, slot: usize) -> [f64; 1] {
        [self.rest.price_means.get(slot).map_or(f64::NAN, RollingMean::value)]
    }
}
