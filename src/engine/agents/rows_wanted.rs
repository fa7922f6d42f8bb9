//! Which closed bars go to the publisher.

use crate::model::TimeframeId;

/// Which closed bars the publisher wants to see, beside the signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsWanted {
    /// Every closed bar, with its published indicators.
    pub all: bool,
    /// Bars of the timeframes that are made here, without indicators.
    pub aggregated: bool,
    /// All bars of these cells, with their published indicators: names of symbol and timeframe.
    pub cells: Vec<(String, TimeframeId)>,
    /// Whether these bars have the indicators that the strategies read, with the periods of the configuration, instead of
    /// the published ones.
    pub as_read: bool,
    /// The statistics of the windows.
    pub statistics: StatisticsWanted,
}

/// Of which cells the statistics of the windows are wanted. Where they are not, nothing is kept for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatisticsWanted {
    /// At every closed bar, of all cells.
    pub all: bool,
    /// At every closed bar, of these: names of symbol and timeframe.
    pub cells: Vec<(String, TimeframeId)>,
    /// Of any cell, when somebody asks.
    pub asked: bool,
}

impl RowsWanted {
    /// Whether the statistics of a cell are wanted at every bar.
    #[must_use]
    pub fn statistics_of(&self, symbol: &str, timeframe: TimeframeId) -> bool {
        let named = |(name, tf): &(String, TimeframeId)| name == symbol && *tf == timeframe;
        self.statistics.all || self.statistics.cells.iter().any(named)
    }

    /// Whether published indicators are to be computed at all.
    #[must_use]
    pub fn indicators(&self) -> bool {
        self.all || !self.cells.is_empty()
    }
}
