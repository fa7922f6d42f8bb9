//! The published indicators of one closed bar.

use super::{Bar, Readiness, SourceId};
use wincode::{SchemaRead, SchemaWrite};

/// Declares the published indicators: first those that are columns of the indicators' CSV, in their order.
macro_rules! indicators {
    (columns { $($column:ident),+ $(,)? } others { $($other:ident),+ $(,)? }) => {
        /// Names of the published indicators, in the order of [`Indicators`]' fields.
        pub const INDICATOR_NAMES: [&str; [$(stringify!($column),)+ $(stringify!($other)),+].len()] =
            [$(stringify!($column),)+ $(stringify!($other)),+];

        /// The indicators that are published by name, with the parameters in their names; NaN where not ready.
        ///
        /// MACD is (12, 26, 9), the Bollinger bands are (20, 2). They are the same whatever the strategies are configured
        /// to read.
        #[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
        #[allow(missing_docs)] // the names say it
        #[repr(C)]
        pub struct Indicators { $(pub $column: f64,)+ $(pub $other: f64),+ }

        impl Indicators {
            /// How many are columns of the indicators' CSV: the first of [`INDICATOR_NAMES`].
            pub const COLUMNS: usize = [$(stringify!($column)),+].len();
            /// Their names.
            pub const COLUMN_NAMES: [&str; Self::COLUMNS] = [$(stringify!($column)),+];
            /// Nothing is ready.
            pub const NONE: Self = Self { $($column: f64::NAN,)+ $($other: f64::NAN),+ };

            /// The values in the order of [`INDICATOR_NAMES`].
            #[must_use]
            pub const fn values(&self) -> [f64; INDICATOR_NAMES.len()] {
                [$(self.$column,)+ $(self.$other),+]
            }

            /// Other values in the columns of the CSV.
            #[must_use]
            pub const fn in_columns([$($column),+]: [f64; Self::COLUMNS]) -> Self {
                Self { $($column,)+ ..Self::NONE }
            }
        }
    };
}

indicators! {
    columns {
        macd_line, macd_signal, macd_hist, rsi_14, rsi_21, ema_50, ema_200, bb_upper, bb_middle, bb_lower, volume_sma_20,
    }
    others { sma_50, sma_200, ema_12, ema_26 }
}

/// One closed bar with its published indicators, on its way from a worker to the publisher.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct IndicatorRow {
    /// The closed bar.
    pub bar: Bar,
    /// Sequence of the record that closed it.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Where that record came from.
    pub source: SourceId,
    /// The price series at the bar, by the timeframe's aggregation method.
    pub price: f64,
    /// The previous value of the price series, NaN on the first bar.
    pub previous_price: f64,
    /// Published indicators; all NaN where the engine was not asked for them. Where the CSV is to show what the strategies
    /// read, that is what stands in its columns.
    pub indicators: Indicators,
    /// Whether nothing is missing from what they remember; see [`Control::Incomplete`](super::Control).
    pub settled: bool,
    /// How far the cell has come.
    pub readiness: Readiness,
}
