//! `[statistics]`: what is made of the last bars of a cell.

use super::{
    rules::{Flag, int},
    section::{List, section},
};

/// Bars of a window, at least and at most.
const BARS: (i64, i64) = (2, 4_095);

section! {
    /// Statistics of the last bars of a cell.
    StatisticsConfig {
        /// Bars of each window.
        windows: Vec<u32> = List(int(BARS.0, BARS.1)),
        /// Whether they are written to keys of latest values.
        publish: bool = Flag,
        /// Whether bars are kept for those who ask over HTTP.
        screens: bool = Flag,
    }
}

impl StatisticsConfig {
    /// Windows at most.
    pub const WINDOWS_MAX: usize = 8;

    /// Bars that the longest window needs: its own, and the one before it.
    pub(super) fn needed(&self) -> usize {
        self.windows.iter().max().map_or(0, |bars| *bars as usize + 1)
    }
}
