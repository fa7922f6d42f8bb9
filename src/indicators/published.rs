//! The published indicators: what each of them is.

use super::{
    BollingerSpec, EmaSpec, MacdSpec,
    lists::{Lists, slot},
};
use crate::model::Indicators;

/// Declares the published indicators: `name: list, specification => [fields of `[`Indicators`]`];`.
macro_rules! published {
    ($($name:ident: $list:ident, $spec:expr => [$($field:ident),+];)+) => {
        /// Which of a timeframe's indicators are the published ones.
        #[derive(Debug, Clone, Copy)]
        pub struct PublishedSlots { $($name: usize),+ }

        impl PublishedSlots {
            /// Their places in the lists; appends those that are missing.
            pub(super) fn new(lists: &mut Lists) -> Self {
                Self { $($name: slot(&mut lists.$list, $spec)),+ }
            }

            /// Their values.
            pub(super) fn of(&self, values: &impl Values) -> Indicators {
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

/// The values of a cell's indicators, by list and place in it; NaN where not ready.
pub(super) trait Values {
    fn macds(&self, slot: usize) -> [f64; 3];
    fn rsis(&self, slot: usize) -> [f64; 1];
    fn emas(&self, slot: usize) -> [f64; 1];
    fn bands(&self, slot: usize) -> [f64; 3];
    fn volumes(&self, slot: usize) -> [f64; 1];
    fn price_means(&self, slot: usize) -> [f64; 1];
}
