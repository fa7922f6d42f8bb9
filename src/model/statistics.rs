//! Statistics of the last bars of a cell, read as one bar.

use super::{SymbolId, TimeframeId};
use wincode::{SchemaRead, SchemaWrite};

/// Declares the statistics.
macro_rules! statistics {
    (cell { $($(#[$of_cell:meta])* $cell:ident),+ $(,)? } window { $($(#[$doc:meta])* $field:ident),+ $(,)? }) => {
        /// Names of the statistics that are of a cell, whatever the window.
        pub const CELL_STATISTICS: [&str; [$(stringify!($cell)),+].len()] = [$(stringify!($cell)),+];
        /// Names of the statistics of a window, in the order of [`Statistics`]' fields behind those of the cell.
        pub const WINDOW_STATISTICS: [&str; [$(stringify!($field)),+].len()] = [$(stringify!($field)),+];

        /// Statistics of the last bars of a cell; NaN where there are too few bars, or nothing to divide by.
        #[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
        #[repr(C)]
        pub struct Statistics { $($(#[$of_cell])* pub $cell: f64,)+ $($(#[$doc])* pub $field: f64),+ }

        impl Statistics {
            /// How many there are.
            pub const COUNT: usize = CELL_STATISTICS.len() + WINDOW_STATISTICS.len();
            /// Nothing is ready.
            pub const NONE: Self = Self { $($cell: f64::NAN,)+ $($field: f64::NAN),+ };

            /// Those of the cell.
            #[must_use]
            pub const fn of_cell(&self) -> [f64; CELL_STATISTICS.len()] {
                [$(self.$cell),+]
            }

            /// Those of the window.
            #[must_use]
            pub const fn of_window(&self) -> [f64; WINDOW_STATISTICS.len()] {
                [$(self.$field),+]
            }

            /// Made of all values, those of the cell first.
            #[must_use]
            pub const fn from_values([$($cell,)+ $($field),+]: [f64; Self::COUNT]) -> Self {
                Self { $($cell,)+ $($field),+ }
            }

            /// All values, those of the cell first.
            #[must_use]
            pub const fn values(&self) -> [f64; Self::COUNT] {
                [$(self.$cell,)+ $(self.$field),+]
            }
        }
    };
}

statistics! {
    cell {
        /// Average true range of 14 bars, after Wilder as TA-Lib has it.
        atr,
        /// That, per cent of the close.
        atr_pct,
    }
    window {
        /// Close of the last bar against the open of the first, per cent.
        change_pct,
        /// Highest price.
        high,
        /// Lowest price.
        low,
        /// Where the close lies between the lowest and the highest price: 0 to 1, 0.5 where they are equal.
        range_position,
        /// Mean of the price series.
        mean,
        /// Standard deviation of the price series, of the population.
        sd,
        /// How many standard deviations the newest price lies above the mean; 0 where all prices are equal.
        z_score,
        /// Traded volume.
        volume,
        /// Volume of each bar times its vwap, summed.
        dollar_volume,
        /// Volume-weighted average price.
        vwap,
        /// Volume of the newest bar against the mean of as many bars before it.
        relative_volume,
        /// Root of the sum of the squared returns from close to close.
        realized_vol,
        /// That, scaled to a year.
        realized_vol_year,
        /// Share of the bars whose highest price is their lowest.
        flat_share,
        /// Share of the bars before which the calendar has one that did not come.
        gap_share,
        /// The price that a quarter of the prices do not exceed.
        q25,
        /// The price that half of the prices do not exceed.
        q50,
        /// The price that three quarters of the prices do not exceed.
        q75,
    }
}

/// Statistics of one window at a closed bar, on their way from a worker to the publisher.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct WindowStatistics {
    /// Sequence of the record that closed the bar.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Time of the bar, Unix ms.
    pub ts: i64,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Bars of the window.
    pub bars: u32,
    /// The statistics.
    pub values: Statistics,
}
