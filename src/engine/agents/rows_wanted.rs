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
}

impl RowsWanted {
    /// Whether published indicators are to be computed at all.
    #[must_use]
    pub fn indicators(&self) -> bool {
        self.all || !self.cells.is_empty()
    }
}
